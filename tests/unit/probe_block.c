/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Disks and what each does, from records to rows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "tests/unit/model_util.h"

#define VDA  0xfe00
#define VDA1 0xfe01

static void feed_disk(struct feed *f, uint32_t dev, uint32_t whole, const char *name, const char *below,
		      uint64_t busy)
{
	struct hl_rec_disk *r = rec_begin(&f->b, HL_KIND_DISK, sizeof(*r));

	r->h.ts = f->ts;
	r->dev = dev;
	r->whole = whole;
	r->busy_ns = busy;
	r->weighted_ns = 2 * busy;
	r->merged[1] = busy / MS;
	r->size_bytes = 1 << 20;
	rec_add_str(&f->b, name);
	rec_add_str(&f->b, below);
	rec_add_str(&f->b, *below ? "dm-0 dm-1" : "");
	rec_add_str(&f->b, *below ? "home" : "");
	ASSERT_EQ(feed_rec(f, rec_end(&f->b)), 0);
}

/* n requests of one duration, in both phases: queued for `queue`, in the device for `device`. */
static void feed_requests(struct feed *f, uint32_t dev, uint16_t nr, uint32_t n, uint64_t queue,
			  uint64_t device)
{
	const uint64_t ns[NR_HL_BLOCK_PHASES] = { [HL_BLOCK_QUEUE] = queue, [HL_BLOCK_DEVICE] = device };

	for (int phase = 0; phase < NR_HL_BLOCK_PHASES; phase++) {
		struct hl_rec_disk_op *r = rec_begin(&f->b, HL_KIND_DISK_OP, sizeof(*r));

		r->h.ts = f->ts;
		r->dev = dev;
		r->nr = nr;
		r->phase = (__u8)phase;
		r->count = n;
		r->bytes = n * 4096ull;
		r->sequential = n / 2;
		r->total_ns = n * ns[phase];
		r->max_ns = ns[phase];
		r->first = hl_hist_cell(ns[phase]);
		r->nr_buckets = 1;
		rec_add_bytes(&f->b, &n, sizeof(n));
		ASSERT_EQ(feed_rec(f, rec_end(&f->b)), 0);
	}
}

/* The value of a field in the row of that name (and operation), as people read it. */
static const char *cell(const struct snap *s, const char *table, const char *name, const char *operation,
			const char *field)
{
	static char buf[64];
	const struct snap_table *t = snap_table(s, table);
	struct str out = {};

	snprintf(buf, sizeof(buf), "no row");
	for (size_t i = 0; t && i < t->n; i++) {
		const void *row = snap_row(t, i);
		struct val v = field_get(table_field(t->desc, "name"), row), op = {};

		if (operation)
			op = field_get(table_field(t->desc, "operation"), row);
		if (v.type != VAL_STR || strcmp(v.s, name) ||
		    (operation && (op.type != VAL_STR || strcmp(op.s, operation))))
			continue;
		v = field_get(table_field(t->desc, field), row);
		str_reset(&out);
		val_text(&out, table_field(t->desc, field), &v, true);
		snprintf(buf, sizeof(buf), "%s", str_get(&out));
	}
	str_free(&out);
	return buf;
}

void test_block_rows(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	feed_disk(f, VDA, VDA, "vda", "", 1000 * SEC);
	feed_disk(f, VDA1, VDA, "vda1", "vda", 1000 * SEC);
	feed_tick(f, SEC);
	feed_requests(f, VDA1, HL_BLOCK_READ | HL_BLOCK_SYNC, 100, 10000, MS);
	feed_requests(f, VDA1, HL_BLOCK_WRITE, 50, 10000, 20 * MS);
	feed_requests(f, VDA, HL_BLOCK_WRITE | HL_BLOCK_SYNC, 10, 10000, MS);
	feed_disk(f, VDA, VDA, "vda", "", 1000 * SEC + 500 * MS);
	s = feed_tick(f, SEC);
	ASSERT_EQ(snap_table(s, "disks")->n, 2);
	ASSERT_STR(cell(s, "disks", "vda", NULL, "reads"), "100"); /* its partition's */
	ASSERT_STR(cell(s, "disks", "vda", NULL, "writes"), "60");
	ASSERT_STR(cell(s, "disks", "vda1", NULL, "writes"), "50");
	ASSERT_STR(cell(s, "disks", "vda1", NULL, "below"), "vda");
	ASSERT_STR(cell(s, "disks", "vda1", NULL, "above"), "dm-0 dm-1");
	ASSERT_STR(cell(s, "disks", "vda1", NULL, "label"), "home");
	ASSERT_STR(cell(s, "disks", "vda", NULL, "above"), "-");
	ASSERT_STR(cell(s, "disks", "vda", NULL, "interval.utilisation_pct"), "50%");
	ASSERT_STR(cell(s, "disks", "vda", NULL, "interval.depth"), "1.0");
	ASSERT_STR(cell(s, "disks", "vda", NULL, "merged"), "500");
	ASSERT_STR(cell(s, "disks", "vda", NULL, "sequential_pct"), "50%");
	ASSERT_STR(cell(s, "disks", "vda", NULL, "device_max_ns"), "20.0ms");
	ASSERT_STR(cell(s, "disks", "vda", NULL, "queue_ns"), "1.60ms");
	ASSERT_STR(cell(s, "disk_operations", "vda1", "read", "count"), "100");
	ASSERT_STR(cell(s, "disk_operations", "vda1", "write", "device_max_ns"), "20.0ms");
	ASSERT_STR(cell(s, "disk_operations", "vda", "sync write", "bytes"), "40.0K");
	s = feed_tick(f, SEC);
	ASSERT_STR(cell(s, "disks", "vda", NULL, "interval.reads"), "0");
	ASSERT_STR(cell(s, "disks", "vda", NULL, "reads"), "100");
	ASSERT_STR(cell(s, "disks", "vda", NULL, "interval.utilisation_pct"), "0%");
	feed_free(f);
}

/* Requests of a disk that no record has told of yet are kept, without a name and its figures. */
void test_block_unknown_disk(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;
	struct val v;

	feed_requests(f, VDA, HL_BLOCK_READ, 3, 1000, 1000);
	s = feed_tick(f, SEC);
	ASSERT_EQ(snap_table(s, "disks")->n, 1);
	v = field_get(table_field(snap_table(s, "disks")->desc, "name"), snap_row(snap_table(s, "disks"), 0));
	ASSERT(val_is_none(&v));
	feed_free(f);
}

void test_block_other_disks(void)
{
	struct model_limits limits = { .max_disks = 2 };
	struct feed *f = feed_new(&limits, NULL);
	const struct snap *s;

	for (uint32_t dev = 1; dev <= 5; dev++)
		feed_requests(f, dev, HL_BLOCK_READ, 10, 1000, 1000);
	s = feed_tick(f, SEC);
	ASSERT_EQ(snap_table(s, "disks")->n, 3);
	ASSERT_STR(cell(s, "disks", "(other)", NULL, "reads"), "30");
	feed_free(f);
}

/* What a file's slow wait was on is also a disk, by the number of the file system, whichever comes first. */
void test_block_disk_of_file(void)
{
	static const uint32_t devs[] = { VDA1, 0x21, 0 };
	static const char *const want[] = { "vda1", NULL, NULL };
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	for (size_t i = 0; i < ARRAY_SIZE(devs); i++) {
		struct hl_rec_slow *r = rec_begin(&f->b, HL_KIND_SLOW, sizeof(*r));

		r->h.ts = f->ts;
		r->h.pid = r->h.tid = 10;
		r->begin_ns = i;
		r->op = HL_OP_WAIT;
		r->state = HL_STATE_DISK;
		r->detail = HL_DETAIL_FILE;
		r->detail_dev = devs[i];
		ASSERT_EQ(feed_rec(f, rec_end(&f->b)), 0);
	}
	feed_disk(f, VDA1, VDA, "sda1", "sda", 0);
	feed_disk(f, VDA1, VDA, "vda1", "vda", 0);
	s = feed_tick(f, SEC);
	ASSERT_EQ(snap_table(s, "slow")->n, ARRAY_SIZE(devs));
	for (size_t i = 0; i < ARRAY_SIZE(devs); i++) {
		const struct slow_row *r = snap_row(snap_table(s, "slow"), i);

		if (want[r->begin_ns])
			ASSERT_STR(r->disk, want[r->begin_ns]);
		else
			ASSERT(!r->disk);
	}
	feed_free(f);
}
