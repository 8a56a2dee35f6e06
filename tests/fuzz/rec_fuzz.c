/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Fuzz target: a recording's bytes through the reader, and every record that comes out
 * through all that looks into records. Run by tests/fuzz/run.sh; the unit tests include
 * this file for a short run that is always the same.
 *
 * fuzz sources: user/rec/ user/base/log.c user/base/mem.c user/base/str.c
 * fuzz sources: user/base/enc.c user/base/uni.c user/base/err.c user/base/fmt.c
 * fuzz seeds: tests/data/rec-*.hostlat
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "rec/crc32c.h"
#include "rec/file.h"
#include "rec/reader.h"
#include "rec/rec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool held)
{
	if (!held)
		abort();
}

static void drop_line(void *arg, enum log_level l, const char *line)
{
	must(!strchr(line, '\n') && !strchr(line, '\x1b'));
}

/* Looks at all of a checked record, from memory that ends where the record ends. */
static void look(const struct hl_rec *rec)
{
	struct hl_rec *copy = memcpy(xmalloc(rec->size), rec, rec->size);
	const struct hl_rec_op *op = (const void *)copy;
	size_t n, sum = 0;
	const char *path;

	must(rec_check(copy, copy->size) == (int)rec->size);
	must(rec_check(copy, copy->size - 1) < 0);
	for (unsigned int i = 0; i < 6; i++)
		sum += strlen(rec_tail_str(copy, i));
	must(sum < REC_MAX);
	if (copy->kind == HL_KIND_OP)
		for (__u32 i = 0; i < op->nr_buckets; i++)
			sum += rec_op_buckets(op)[i] & 1;
	if (copy->kind == HL_KIND_SLOW || copy->kind == HL_KIND_NOW) {
		path = rec_slow_path((const void *)copy, &n);
		sum += strnlen(path, n);
	}
	rec_clean(copy);
	must(rec_check(copy, copy->size) == (int)rec->size);
	must(sum != SIZE_MAX);
	free(copy);
}

static void read_recording(const void *p, size_t n)
{
	struct rec_reader *r = NULL;
	const struct rec_reader_stats *st;
	const struct hl_rec *rec;
	struct source *s;
	uint64_t records = 0;

	if (rec_reader_open_mem(p, n, "fuzz\x1b\n", &r))
		return;
	s = rec_reader_source(r);
	for (; s->next(s, &rec) == 1; records++) {
		must(rec_kind_name(rec->kind) && rec->kind != HL_KIND_LIFE);
		look(rec);
	}
	must(s->next(s, &rec) == 0);
	st = rec_reader_stats(r);
	must(st->records == records && st->bytes_lost <= n);
	must(!st->complete || (st->finished && !st->bytes_lost));
	s->close(s);
}

/* Makes the checksums and magics good along the lengths that stand there, so that what
 * is behind them is reached. */
static void reseal(uint8_t *p, size_t n)
{
	struct rec_file_header *h = (void *)p;
	struct rec_chunk c;
	size_t at;

	if (n < sizeof(*h))
		return;
	memcpy(h->magic, REC_FILE_MAGIC, sizeof(h->magic));
	h->byte_order = REC_BYTE_ORDER;
	h->version = HL_ABI_VERSION;
	h->size = (__u32)MIN(h->size % 256 / 8 * 8 + sizeof(*h), n / 8 * 8);
	h->nr_kinds %= 64;
	h->crc = 0;
	h->crc = crc32c(0, h, h->size);
	for (at = h->size; at + sizeof(c) <= n; at += sizeof(c) + c.length) {
		memcpy(&c, p + at, sizeof(c));
		c.magic = REC_CHUNK_MAGIC;
		c.length = (__u32)MIN(c.length, n - at - sizeof(c)) / 8 * 8;
		c.crc_payload = crc32c(0, p + at + sizeof(c), c.length);
		c.crc_header = crc32c(0, &c, offsetof(struct rec_chunk, crc_header));
		memcpy(p + at, &c, sizeof(c));
	}
}

/* The input is the payload of one chunk, behind a header with or without its own body sizes. */
static void read_payload(const uint8_t *data, size_t n, bool bodies)
{
	struct rec_file_header h = { .byte_order = REC_BYTE_ORDER, .version = HL_ABI_VERSION };
	size_t table = bodies ? 32 : HL_KIND_MAX * sizeof(__u16), len;
	struct rec_chunk c = { .magic = REC_CHUNK_MAGIC, .type = REC_CHUNK_RECORDS };
	__u16 body[64] = { 0 };
	uint8_t *p;

	if (bodies && n < table)
		return;
	for (unsigned int i = 0; i < table / 2; i++)
		body[i] = bodies ? data[i] % 64 * 8 : (__u16)rec_body_size(i);
	data += bodies ? table : 0;
	n -= bodies ? table : 0;
	len = n / 8 * 8;
	memcpy(h.magic, REC_FILE_MAGIC, sizeof(h.magic));
	h.size = sizeof(h) + sizeof(body);
	h.nr_kinds = (__u32)(table / 2);
	p = xcalloc(1, h.size + sizeof(c) + len);
	memcpy(p, &h, sizeof(h));
	memcpy(p + sizeof(h), body, sizeof(body));
	h.crc = crc32c(0, p, h.size);
	memcpy(p, &h, sizeof(h));
	c.length = (__u32)len;
	c.crc_payload = crc32c(0, data, len);
	c.crc_header = crc32c(0, &c, offsetof(struct rec_chunk, crc_header));
	memcpy(p + h.size, &c, sizeof(c));
	if (len)
		memcpy(p + h.size + sizeof(c), data, len);
	read_recording(p, h.size + sizeof(c) + len);
	free(p);
}

/* A file as it is when it starts like one; else the first byte says what the rest is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t *copy;
	unsigned int mode;

	log_set_sink(drop_line, NULL);
	if (!n || (n >= 8 && !memcmp(data, REC_FILE_MAGIC, 8))) {
		read_recording(data, n);
		return 0;
	}
	mode = *data++ % 4;
	copy = xmalloc(--n ? n : 1);
	if (n)
		memcpy(copy, data, n);
	if (mode == 0)
		rec_check(copy, n);
	if (mode == 1)
		reseal(copy, n);
	if (mode <= 1)
		read_recording(copy, n);
	else
		read_payload(copy, n, mode == 3);
	free(copy);
	return 0;
}
