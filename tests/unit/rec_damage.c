/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Recordings that were cut, flipped, forged or shrink while they are read: every whole
 * chunk comes out, nothing that was not recorded comes out, and it takes no longer. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "rec/crc32c.h"
#include "rec/file.h"
#include "rec/reader.h"
#include "tests/test.h"
#include "tests/unit/rec_util.h"

/* A sound recording, and where its parts lie. */
struct sound {
	unsigned char *bytes;
	size_t n;
	size_t header;
	VEC(struct rec_chunk *) chunks;
	VEC(const struct hl_rec *) records; /* in order, pointing into bytes */
};

static void sound_read(struct sound *s, unsigned int rounds)
{
	struct rec_chunk *c;
	const struct hl_rec *rec;

	*s = (struct sound){ 0 };
	s->bytes = sample_file(rounds, &s->n);
	s->header = ((struct rec_file_header *)s->bytes)->size;
	for (size_t at = s->header; at < s->n; at += sizeof(*c) + c->length) {
		c = (struct rec_chunk *)(s->bytes + at);
		*vec_add(&s->chunks) = c;
		for (size_t i = 0; c->type == REC_CHUNK_RECORDS && i < c->length; i += rec->size) {
			rec = (const struct hl_rec *)((unsigned char *)(c + 1) + i);
			*vec_add(&s->records) = rec;
		}
	}
}

static void sound_free(struct sound *s)
{
	free(s->bytes);
	vec_free(&s->chunks);
	vec_free(&s->records);
}

static size_t chunk_end(const struct sound *s, size_t i)
{
	return (size_t)((unsigned char *)(s->chunks.v[i] + 1) - s->bytes) + s->chunks.v[i]->length;
}

/* Reads n bytes. Whatever comes out must be a subsequence of what was recorded: returns
 * how many did, or -1 with a failure noted. The open's error goes to *err. */
static long read_all(const struct sound *s, const void *p, size_t n, struct rec_reader_stats *st, int *err)
{
	struct rec_reader *r = NULL;
	const struct hl_rec *rec;
	struct source *src;
	size_t at = 0;
	long count = 0;

	*st = (struct rec_reader_stats){ 0 };
	*err = rec_reader_open_mem(p, n, "test", &r);
	if (*err)
		return 0;
	src = rec_reader_source(r);
	while (count >= 0 && src->next(src, &rec) == 1) {
		while (at < s->records.n &&
		       (rec->size != s->records.v[at]->size || memcmp(rec, s->records.v[at], rec->size)))
			at++;
		count = at++ < s->records.n ? count + 1 : -1;
	}
	*st = *rec_reader_stats(r);
	src->close(src);
	return count;
}

void test_rec_every_truncation(void)
{
	size_t chunk = 0, records = 0, wrong = 0;
	struct rec_reader_stats st;
	struct sound s;
	struct heard h;
	long got;
	int err;

	sound_read(&s, 36);
	ASSERT(s.n >= 65536);
	heard_begin(&h);
	for (size_t cut = 0; cut < s.n && wrong < 5; cut++) {
		if (chunk_end(&s, chunk) <= cut)
			records += s.chunks.v[chunk++]->records;
		got = read_all(&s, s.bytes, cut, &st, &err);
		if (cut < sizeof(struct rec_file_header)) {
			wrong += err != (cut ? -EBADMSG : -ENODATA);
			continue;
		}
		wrong += err || got != (long)records || st.chunks_good != chunk || st.complete;
		wrong += cut >= s.header &&
			 st.bytes_lost != cut - (chunk ? chunk_end(&s, chunk - 1) : s.header);
	}
	heard_end();
	ASSERT_EQ(wrong, 0);
	ASSERT_EQ(chunk, 36);
	ASSERT_EQ(records, s.records.n);
	ASSERT_EQ(h.lines, sizeof(struct rec_file_header));
	sound_free(&s);
}

void test_rec_every_bit_flip(void)
{
	struct rec_reader_stats st;
	size_t wrong = 0, refused = 0, last;
	struct sound s;
	struct heard h;
	long got;
	int err;

	sound_read(&s, 6);
	last = s.header + 4096;
	ASSERT(s.n > last + 4096);
	heard_begin(&h);
	for (size_t bit = 0; bit < last * 8 && wrong < 5; bit++) {
		s.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		/* what is read back is compared with the bytes as they are: a record that
		 * slipped through changed would go unseen, hence the exact counts */
		got = read_all(&s, s.bytes, s.n, &st, &err);
		s.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		if (bit / 8 < s.header) {
			refused += err == -EBADMSG;
			wrong += !err && (got != (long)s.records.n || !st.header_damaged || st.complete);
			continue;
		}
		wrong += err || got != (long)s.records.n - SAMPLE_KINDS || st.chunks_good != s.chunks.n - 2;
		wrong += st.damaged != 1 || st.chunks_missing != 1 || !st.finished || st.complete ||
			 st.records_bad;
	}
	heard_end();
	ASSERT_EQ(wrong, 0);
	ASSERT_EQ(refused, 8 * 8); /* the magic */
	sound_free(&s);
}

/* ---- forged ------------------------------------------------------------------------------ */

static const uint64_t wild[] = { 0,
				 1,
				 7,
				 8,
				 24,
				 55,
				 56,
				 4096,
				 65535,
				 65536,
				 1u << 20,
				 (1u << 20) + 8,
				 0x7fffffff,
				 0x80000000,
				 0xfffffff8,
				 0xffffffff,
				 0x100000000,
				 0x7fffffffffffffff,
				 0x8000000000000000,
				 0xfffffffffffffff8,
				 0xffffffffffffffff };

static void reseal(struct sound *s, bool payloads)
{
	struct rec_file_header *h = (void *)s->bytes;
	struct rec_chunk *c;

	h->crc = 0;
	h->crc = crc32c(0, h, s->header);
	for (size_t i = 0; i < s->chunks.n; i++) {
		c = s->chunks.v[i];
		if (payloads && c->length <= (size_t)(s->bytes + s->n - (unsigned char *)(c + 1)))
			c->crc_payload = crc32c(0, c + 1, c->length);
		c->crc_header = crc32c(0, c, offsetof(struct rec_chunk, crc_header));
	}
}

/* Puts every wild number at `off`, with checksums made good and not, and reads. Nothing is
 * expected but an end and sums that hold. */
static void wild_at(struct sound *s, size_t off, size_t size)
{
	__free unsigned char *keep = xmalloc(s->n);
	struct rec_reader_stats st;
	struct rec_reader *r;
	const struct hl_rec *rec;
	struct source *src;
	uint64_t bytes;

	memcpy(keep, s->bytes, s->n);
	for (size_t i = 0; i < ARRAY_SIZE(wild) * 3; i++) {
		memcpy(s->bytes + off, &wild[i / 3], size);
		if (i % 3)
			reseal(s, i % 3 == 2);
		r = NULL;
		if (!rec_reader_open_mem(s->bytes, s->n, "wild", &r)) {
			src = rec_reader_source(r);
			bytes = 0;
			while (src->next(src, &rec) == 1)
				bytes += rec->size;
			st = *rec_reader_stats(r);
			/* a body that the file says to be short grows to what it is here */
			ASSERT(st.bytes_lost <= s->n && bytes <= s->n * 16);
			ASSERT(st.records <= s->records.n && st.chunks_good <= s->chunks.n);
			src->close(src);
		}
		memcpy(s->bytes, keep, s->n);
	}
}

void test_rec_wild_lengths(void)
{
	struct sound s;
	struct heard h;
	size_t at;

	sound_read(&s, 4);
	heard_begin(&h);
	for (size_t off = 8; off < s.header; off += 4)
		wild_at(&s, off, 4);
	for (size_t off = sizeof(struct rec_file_header); off < s.header; off += 2)
		wild_at(&s, off, 2);
	for (size_t c = 0; c < s.chunks.n; c++) {
		at = (size_t)((unsigned char *)s.chunks.v[c] - s.bytes);
		for (size_t off = 0; off < sizeof(struct rec_chunk); off += 4) {
			wild_at(&s, at + off, 4);
			if (off % 8 == 0)
				wild_at(&s, at + off, 8);
		}
	}
	for (size_t i = 0; i < s.records.n; i += 3) {
		at = (size_t)((unsigned char *)s.records.v[i] - s.bytes);
		wild_at(&s, at + offsetof(struct hl_rec, size), 4);
		wild_at(&s, at + offsetof(struct hl_rec, kind), 2);
	}
	heard_end();
	sound_free(&s);
}

/* Records that fail their check, in a chunk whose checksum is right. */
void test_rec_bad_records(void)
{
	struct rec_reader_stats st;
	struct sound s;
	struct hl_rec *rec;
	int err;

	sound_read(&s, 4);
	for (size_t i = 0; i < SAMPLE_KINDS; i++) {
		rec = (struct hl_rec *)(uintptr_t)s.records.v[SAMPLE_KINDS + i];
		if (rec->kind == HL_KIND_LEDGER)
			((struct hl_rec_ledger *)rec)->now_state = 200; /* of a newer program */
		if (rec->kind == HL_KIND_SLOW)
			((struct hl_rec_slow *)rec)->path_len = 60000; /* broken */
		if (rec->kind == HL_KIND_TICK)
			rec->kind = 77; /* of a newer program */
		if (rec->kind == HL_KIND_SELF)
			rec->kind = HL_KIND_LIFE; /* never in a recording */
	}
	rec = (struct hl_rec *)(uintptr_t)s.records.v[2 * SAMPLE_KINDS + 5];
	rec->size = 12; /* the rest of this chunk cannot be found */
	reseal(&s, true);
	ASSERT_EQ(read_all(&s, s.bytes, s.n, &st, &err), 4 * SAMPLE_KINDS - 4 - (SAMPLE_KINDS - 5));
	ASSERT_EQ(st.skipped, 3);
	ASSERT_EQ(st.records_bad, 2);
	ASSERT_EQ(st.damaged + st.bytes_lost + st.chunks_missing, 0);
	ASSERT(st.finished && !st.complete);
	sound_free(&s);
}

/* Bodies of another size: written by an older program (shorter) or a newer one. */
static void other_body(struct sound *s, unsigned int kind, int longer)
{
	struct rec_file_header *h = (void *)s->bytes;
	size_t body = rec_body_size(kind), theirs = (size_t)((long)body + longer),
	       lost = longer < 0 ? -longer : 0;
	struct recbuf file = { 0 };
	struct rec_reader *r = NULL;
	const struct hl_rec *rec = NULL, *from = NULL;
	unsigned char *out = xcalloc(1, s->n + 4096), *p;
	struct rec_chunk *c = (void *)(out + s->header);
	struct source *src;

	for (size_t i = 0; i < SAMPLE_KINDS; i++)
		if (s->records.v[i]->kind == kind)
			from = s->records.v[i];
	memcpy(out, s->bytes, s->header);
	h = (struct rec_file_header *)out;
	h->body[kind] = (__u16)theirs;
	h->crc = 0;
	h->crc = crc32c(0, h, s->header);
	p = (unsigned char *)(c + 1);
	memset(p, 0xee, theirs);
	memcpy(p, from, MIN(body, theirs));
	memcpy(p + theirs, (const unsigned char *)from + body, from->size - body);
	((struct hl_rec *)p)->size = (__u32)(from->size + theirs - body);
	c->magic = REC_CHUNK_MAGIC;
	c->type = REC_CHUNK_RECORDS;
	c->records = 1;
	c->length = ((struct hl_rec *)p)->size;
	c->crc_payload = crc32c(0, p, c->length);
	c->crc_header = crc32c(0, c, offsetof(struct rec_chunk, crc_header));
	ASSERT_EQ(rec_reader_open_mem(out, s->header + sizeof(*c) + c->length, "other", &r), 0);
	src = rec_reader_source(r);
	if (ASSERT_EQ(src->next(src, &rec), 1)) {
		ASSERT_EQ(rec->size, from->size);
		ASSERT(!memcmp((unsigned char *)rec + sizeof(*rec), (unsigned char *)from + sizeof(*rec),
			       body - sizeof(*rec) - lost));
		for (size_t i = body - lost; i < body; i++)
			ASSERT_EQ(((const unsigned char *)rec)[i], 0);
		ASSERT(!memcmp((unsigned char *)rec + body, (unsigned char *)from + body, from->size - body));
	}
	src->close(src);
	recbuf_free(&file);
	free(out);
}

void test_rec_other_bodies(void)
{
	struct sound s;

	sound_read(&s, 1);
	other_body(&s, HL_KIND_PROCESS, -8);
	other_body(&s, HL_KIND_PROCESS, -16);
	other_body(&s, HL_KIND_PROCESS, 8);
	other_body(&s, HL_KIND_PROCESS, 1024);
	other_body(&s, HL_KIND_TICK, -16);
	other_body(&s, HL_KIND_TICK, 64);
	other_body(&s, HL_KIND_COLLECTOR, -8);
	other_body(&s, HL_KIND_SLOW, 8);
	other_body(&s, HL_KIND_OCCUPANTS, -16); /* of a time that knew of no interrupts */
	sound_free(&s);
}

/* ---- search and cost ---------------------------------------------------------------------- */

/* Bytes taken out of the middle, put in, and overwritten: the chunks around stay. */
void test_rec_resync(void)
{
	struct rec_reader_stats st;
	unsigned char *p;
	struct sound s;
	size_t mid;
	int err;

	sound_read(&s, 20);
	p = xcalloc(1, s.n + 100000);
	mid = chunk_end(&s, 9) + 300; /* inside the eleventh chunk */

	memcpy(p, s.bytes, mid);
	memcpy(p + mid, s.bytes + mid + 13, s.n - mid - 13);
	ASSERT_EQ(read_all(&s, p, s.n - 13, &st, &err), 19 * SAMPLE_KINDS);
	ASSERT_EQ(st.damaged, 1);
	ASSERT_EQ(st.chunks_missing, 1);
	ASSERT_EQ(st.bytes_lost, chunk_end(&s, 10) - chunk_end(&s, 9) - 13);

	memset(p + mid, 'i', 99999);
	memcpy(p + mid + 99999, s.bytes + mid, s.n - mid);
	ASSERT_EQ(read_all(&s, p, s.n + 99999, &st, &err), 19 * SAMPLE_KINDS);
	ASSERT_EQ(st.damaged, 1);

	/* junk between two chunks, and behind the end */
	mid = chunk_end(&s, 9);
	memcpy(p, s.bytes, mid);
	memset(p + mid, 0xab, 5);
	memcpy(p + mid + 5, s.bytes + mid, s.n - mid);
	memcpy(p + s.n + 5, s.bytes, 10);
	ASSERT_EQ(read_all(&s, p, s.n + 15, &st, &err), 20 * SAMPLE_KINDS);
	ASSERT_EQ(st.damaged, 2);
	ASSERT_EQ(st.bytes_lost, 15);
	ASSERT_EQ(st.chunks_missing, 0);
	ASSERT(st.finished && !st.complete);

	/* a chunk that stands twice is read once */
	mid = chunk_end(&s, 9);
	memcpy(p, s.bytes, mid);
	memcpy(p + mid, s.bytes + chunk_end(&s, 8), s.n - chunk_end(&s, 8));
	ASSERT_EQ(read_all(&s, p, s.n + mid - chunk_end(&s, 8), &st, &err), 20 * SAMPLE_KINDS);
	ASSERT_EQ(st.damaged, 1);
	free(p);
	sound_free(&s);
}

/* Seconds of CPU to read n bytes. */
static double cost(const void *p, size_t n)
{
	struct rec_reader *r = NULL;
	uint64_t begin = clock_cpu_ns();
	const struct hl_rec *rec;
	struct source *src;

	if (!ASSERT_EQ(rec_reader_open_mem(p, n, "cost", &r), 0))
		return 0;
	src = rec_reader_source(r);
	while (src->next(src, &rec) == 1)
		continue;
	ASSERT(rec_reader_stats(r)->bytes_lost > n / 2);
	src->close(src);
	return (double)(clock_cpu_ns() - begin) / NSEC_PER_SEC;
}

/* Files made to be slow: nothing but magics, and headers that are right and promise the
 * longest payload with a wrong checksum. Reading one MiB that often would take minutes. */
void test_rec_linear_time(void)
{
	size_t n = 4u << 20;
	unsigned char *p = xcalloc(1, n);
	struct rec_chunk c = { .magic = REC_CHUNK_MAGIC, .type = REC_CHUNK_RECORDS, .length = REC_CHUNK_MAX };

	memcpy(p, REC_FILE_MAGIC, 8);
	for (size_t at = 8; at + 8 <= n; at += 8)
		memcpy(p + at, &c.magic, 8);
	ASSERT(cost(p, n) < 5);
	for (size_t at = 64; at + sizeof(c) <= n; at += sizeof(c), c.seq++) {
		c.crc_header = crc32c(0, &c, offsetof(struct rec_chunk, crc_header));
		memcpy(p + at, &c, sizeof(c));
	}
	ASSERT(cost(p, n) < 5);
	free(p);
}

void test_rec_shrinks_while_read(void)
{
	struct rec_reader_stats st;
	struct rec_reader *r = NULL;
	const struct hl_rec *rec;
	struct source *src;
	struct sound s;
	char *path;
	size_t n = 0;

	sound_read(&s, 40);
	tmp_begin();
	path = tmp_path("r.hostlat");
	for (size_t keep = 0; keep < s.n; keep += s.n / 7) {
		ASSERT(file_put(path, s.bytes, s.n));
		ASSERT_EQ(rec_reader_open(path, &r), 0);
		src = rec_reader_source(r);
		ASSERT_EQ(src->next(src, &rec), 1);
		ASSERT_EQ(truncate(path, (off_t)keep), 0);
		for (n = 1; src->next(src, &rec) == 1; n++)
			ASSERT(!memcmp(rec, s.records.v[n], rec->size));
		st = *rec_reader_stats(r);
		ASSERT(n >= SAMPLE_KINDS && n <= s.records.n && n == st.chunks_good * SAMPLE_KINDS);
		ASSERT(!st.complete && !st.finished && st.damaged == 1);
		src->close(src);
	}
	free(path);
	tmp_end();
	sound_free(&s);
}

void test_rec_trouble(void)
{
	struct rec_reader_stats st = {
		.chunks_good = 3, .bytes_lost = 5, .chunks_missing = 1, .finished = true
	};
	struct str line = { 0 };

	ASSERT(rec_reader_trouble(&st, &line));
	ASSERT_STR(str_get(&line), "damaged: 5 bytes lost, 1 chunks missing; recovered 3 chunks");
	str_reset(&line);
	st = (struct rec_reader_stats){ .finished = false };
	ASSERT(rec_reader_trouble(&st, &line));
	ASSERT_STR(str_get(&line), "not finished: the recorder did not end in order");
	str_reset(&line);
	st = (struct rec_reader_stats){ .finished = true, .writer_error = ENOSPC, .writer_lost = 7 };
	ASSERT(rec_reader_trouble(&st, &line));
	ASSERT_STR(str_get(&line), "cut short (No space left on device): 7 records were not written");
	str_reset(&line);
	st = (struct rec_reader_stats){ .finished = true, .complete = true };
	ASSERT(!rec_reader_trouble(&st, &line));
	ASSERT_STR(str_get(&line), "");
	str_free(&line);
}
