/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Files: operations of several processes on one file, names that change, calls and waits, and
 * more files than there is room for. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "tests/unit/model_util.h"

#define NR_READ  0
#define NR_FSYNC 74

static void feed_file(struct feed *f, uint32_t number, uint32_t pid, uint64_t ino, const char *path,
		      uint32_t flags)
{
	struct hl_rec_file *r = rec_begin(&f->b, HL_KIND_FILE, sizeof(*r));

	r->h.ts = f->ts;
	r->h.pid = r->h.tid = pid;
	r->proc_start = 100;
	r->ino = ino;
	r->dev = 8 << 8 | 1;
	r->file = number;
	r->flags = flags;
	rec_add_str(&f->b, path);
	ASSERT_EQ(feed_rec(f, rec_end(&f->b)), 0);
}

static void feed_file_op(struct feed *f, uint32_t number, struct feed_op o, uint64_t bytes)
{
	struct hl_rec_file_op *r = rec_begin(&f->b, HL_KIND_FILE_OP, sizeof(*r));
	__u32 n = (__u32)o.count;

	r->o.h.ts = f->ts;
	r->o.h.pid = r->o.h.tid = o.pid;
	r->o.proc_start = o.pid ? 100 : 0;
	r->o.nr = o.nr;
	r->o.op = o.op;
	r->o.state = o.state;
	r->o.count = o.count;
	r->o.errors = o.errors;
	r->o.total_ns = o.count * o.ns_each;
	r->o.max_ns = o.ns_each;
	r->o.state_ns[HL_STATE_DISK] = r->o.total_ns;
	r->o.first = hl_hist_cell(o.ns_each);
	r->o.nr_buckets = 1;
	r->file = number;
	r->bytes = bytes;
	rec_add_bytes(&f->b, &n, sizeof(n));
	ASSERT_EQ(feed_rec(f, rec_end(&f->b)), 0);
}

static struct feed_op calls(uint32_t pid, uint16_t nr, uint64_t n, uint64_t ns)
{
	return (struct feed_op){ .pid = pid, .nr = nr, .op = HL_OP_SYSCALL, .count = n, .ns_each = ns };
}

static struct feed_op waits(uint32_t pid, uint16_t nr, uint64_t n, uint64_t ns)
{
	return (struct feed_op){
		.pid = pid, .nr = nr, .op = HL_OP_WAIT, .state = HL_STATE_DISK, .count = n, .ns_each = ns
	};
}

/* The value of a field in the only row of `files` with that path, as people read it. */
static const char *cell(const struct snap *s, const char *path, const char *field)
{
	static char buf[64];
	const struct snap_table *t = snap_table(s, "files");
	struct str out = {};
	int found = 0;

	for (size_t i = 0; i < t->n; i++) {
		struct val v = field_get(table_field(t->desc, "path"), snap_row(t, i));

		if (strcmp(v.s, path))
			continue;
		v = field_get(table_field(t->desc, field), snap_row(t, i));
		str_reset(&out);
		val_text(&out, table_field(t->desc, field), &v, true);
		found++;
	}
	snprintf(buf, sizeof(buf), "%s", found == 1 ? str_get(&out) : found ? "several rows" : "no row");
	str_free(&out);
	return buf;
}

void test_files_of_two_processes(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	feed_process(f, 10, "db", 0);
	feed_process(f, 11, "backup", 0);
	feed_file(f, 1, 10, 77, "/var/lib/wal", 0);
	feed_file(f, 2, 11, 77, "/var/lib/wal", 0);
	feed_file(f, 3, 11, 78, "/var/lib/wal", HL_FILE_DELETED); /* one that had that name before */
	feed_file_op(f, 1, calls(10, NR_FSYNC, 3, 10 * MS), 0);
	feed_file_op(f, 1, waits(10, NR_FSYNC, 3, 9 * MS), 0);
	feed_file_op(f, 2, calls(11, NR_READ, 5, MS), 5 * 4096);
	s = feed_tick(f, SEC);
	ASSERT_EQ(snap_table(s, "files")->n, 1);
	ASSERT_EQ(snap_table(s, "file_operations")->n, 3);
	ASSERT_EQ(snap_table(s, "operations")->n, 0);
	ASSERT_STR(cell(s, "/var/lib/wal", "count"), "8"); /* waits are parts of calls */
	ASSERT_STR(cell(s, "/var/lib/wal", "bytes"), "20.0K");
	ASSERT_STR(cell(s, "/var/lib/wal", "busy_ns"), "35.0ms");
	ASSERT_STR(cell(s, "/var/lib/wal", "waits"), "3");
	ASSERT_STR(cell(s, "/var/lib/wal", "processes"), "2");
	ASSERT_STR(cell(s, "/var/lib/wal", "comm"), "-");
	ASSERT_STR(cell(s, "/var/lib/wal", "device"), "8:1");
	feed_file_op(f, 3, calls(11, NR_READ, 1, MS), 0);
	s = feed_tick(f, SEC);
	ASSERT_EQ(snap_table(s, "files")->n, 2);
	feed_free(f);
}

/* What was done before a rename stays under the name that it was done to. */
void test_files_renamed_and_gone(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	feed_process(f, 10, "db", 0);
	feed_file(f, 1, 10, 77, "/a", 0);
	feed_file_op(f, 1, calls(10, NR_READ, 3, MS), 0);
	feed_file(f, 2, 10, 77, "/b", 0);
	feed_file_op(f, 2, calls(10, NR_READ, 4, MS), 0);
	feed_file(f, 3, 10, 77, "/b", HL_FILE_DELETED);
	feed_file_op(f, 3, calls(10, NR_READ, 5, MS), 0);
	s = feed_tick(f, SEC);
	ASSERT_STR(cell(s, "/a", "count"), "3");
	ASSERT_STR(cell(s, "/b", "count"), "9");
	ASSERT_STR(cell(s, "/a", "deleted"), "no");
	ASSERT_STR(cell(s, "/b", "deleted"), "yes");
	/* a number that was given back means nothing until it is given again */
	feed_file(f, 1, 10, 77, "", HL_FILE_GONE);
	feed_file_op(f, 1, calls(10, NR_READ, 1, MS), 0);
	feed_file(f, 2, 10, 99, "/c", 0);
	feed_file_op(f, 2, calls(10, NR_READ, 2, MS), 0);
	s = feed_tick(f, SEC);
	ASSERT_STR(cell(s, "/a", "count"), "3");
	ASSERT_STR(cell(s, "/b", "count"), "9");
	ASSERT_STR(cell(s, "/c", "count"), "2");
	ASSERT_STR(cell(s, "(other)", "count"), "1");
	feed_free(f);
}

/* Without calls the waits stand for the file; where calls are switched off, for the interval. */
void test_files_waits(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	feed_process(f, 10, "db", 0);
	feed_file(f, 1, 10, 77, "/a", 0);
	feed_file_op(f, 1, waits(10, NR_READ, 3, 2 * MS), 0);
	s = feed_tick(f, SEC);
	ASSERT_STR(cell(s, "/a", "count"), "-");
	ASSERT_STR(cell(s, "/a", "interval.bytes"), "-");
	ASSERT_STR(cell(s, "/a", "errors"), "-");
	ASSERT_STR(cell(s, "/a", "waits"), "3");
	ASSERT_STR(cell(s, "/a", "busy_ns"), "6.00ms");
	ASSERT_STR(cell(s, "/a", "times_of"), "waits");
	feed_file_op(f, 1, calls(10, NR_READ, 2, MS), 100);
	s = feed_tick(f, SEC);
	ASSERT_STR(cell(s, "/a", "interval.count"), "2");
	ASSERT_STR(cell(s, "/a", "interval.busy_ns"), "2.00ms");
	feed_file_op(f, 1, waits(10, NR_READ, 1, 5 * MS), 0);
	s = feed_tick(f, SEC);
	ASSERT_STR(cell(s, "/a", "interval.count"), "-");
	ASSERT_STR(cell(s, "/a", "interval.busy_ns"), "5.00ms");
	ASSERT_STR(cell(s, "/a", "count"), "2");
	ASSERT_STR(cell(s, "/a", "busy_ns"), "2.00ms");
	ASSERT_STR(cell(s, "/a", "times_of"), "operations");
	feed_free(f);
}

void test_files_other(void)
{
	struct model_limits limits = { .max_files = 2 };
	struct feed *f = feed_new(&limits, NULL);
	const struct snap *s;
	char path[16];

	feed_process(f, 10, "db", 0);
	for (uint32_t i = 1; i <= 5; i++) {
		snprintf(path, sizeof(path), "/f%u", i);
		feed_file(f, i, 10, i, path, 0);
		feed_file_op(f, i, calls(10, NR_READ, 10, MS), 10);
	}
	feed_file_op(f, 0, calls(0, HL_NR_OTHER, 7, MS), 10); /* what had no room in the kernel */
	s = feed_tick(f, SEC);
	ASSERT_EQ(snap_table(s, "files")->n, 3);
	ASSERT_STR(cell(s, "/f1", "count"), "10");
	ASSERT_STR(cell(s, "(other)", "count"), "37");
	ASSERT_STR(cell(s, "(other)", "bytes"), "40B");
	ASSERT_STR(cell(s, "(other)", "deleted"), "-");
	feed_free(f);
}
