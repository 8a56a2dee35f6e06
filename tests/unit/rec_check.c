/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* One record: the check against every length and number that can be wrong, the parts,
 * the builder, and that nothing stale gets through. */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "rec/crc32c.h"
#include "tests/test.h"
#include "tests/unit/rec_util.h"

void test_rec_names(void)
{
	ASSERT_STR(rec_kind_name(HL_KIND_SLOW), "SLOW");
	ASSERT_STR(rec_kind_name(HL_KIND_THREAD_END), "THREAD_END");
	ASSERT(!rec_kind_name(0));
	ASSERT(!rec_kind_name(HL_KIND_MAX));
	ASSERT(!rec_kind_name(65535));
	ASSERT_EQ(rec_body_size(HL_KIND_NOW), sizeof(struct hl_rec_slow));
	ASSERT_EQ(rec_body_size(0), 0);
}

void test_rec_check_samples(void)
{
	struct recbuf b = { 0 };
	const struct hl_rec *rec;
	unsigned int seen = 0;

	for (unsigned int i = 0; i < 64; i++)
		sample_round(&b, i);
	for (size_t at = 0; at < b.len; at += rec->size) {
		rec = (const struct hl_rec *)(b.buf + at);
		if (!ASSERT_EQ(rec_check(rec, b.len - at), rec->size))
			break;
		/* a record whose end is not there is none */
		ASSERT_EQ(rec_check(rec, rec->size - 1), -EINVAL);
		seen++;
	}
	ASSERT_EQ(seen, 64 * SAMPLE_KINDS);
	recbuf_free(&b);
}

void test_rec_check_sizes(void)
{
	static const __u32 wrong[] = { 0, 1, 8, 16, 23, 25, 28, 31, 1u << 31, ~0u, REC_MAX + 8, ~7u };
	unsigned char *buf = xcalloc(1, REC_MAX + 64);
	struct hl_rec *rec = (struct hl_rec *)buf;

	for (unsigned int kind = 1; kind < HL_KIND_MAX; kind++) {
		rec->kind = (__u16)kind;
		for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
			rec->size = wrong[i];
			ASSERT_EQ(rec_check(rec, REC_MAX + 64), -EINVAL);
		}
		rec->size = (__u32)rec_body_size(kind) - 8;
		ASSERT_EQ(rec_check(rec, REC_MAX), -EINVAL);
	}
	rec->kind = 999;
	rec->size = 24;
	ASSERT_EQ(rec_check(rec, 24), 24);
	ASSERT_EQ(rec_check(rec, 23), -EINVAL);
	ASSERT_EQ(rec_check(rec, 0), -EINVAL);
	rec->size = REC_MAX;
	ASSERT_EQ(rec_check(rec, REC_MAX), REC_MAX);
	rec->kind = 0;
	ASSERT_EQ(rec_check(rec, REC_MAX), -EINVAL);
	rec->kind = HL_KIND_META;
	rec->size = 24;
	memmove(buf + 4, buf, 24);
	ASSERT_EQ(rec_check(buf + 4, 24), -EINVAL); /* not aligned */
	free(buf);
}

/* Sets one byte of a record of zeroes and expects a verdict. */
static void expect_byte(unsigned int kind, size_t off, unsigned int value, int want, int line)
{
	struct recbuf b = { 0 };
	unsigned char *p = rec_begin(&b, kind, rec_body_size(kind));
	const struct hl_rec *rec = rec_end(&b);

	p[off] = (unsigned char)value;
	test_eq(rec_check(rec, rec->size), want ? want : (int)rec->size, rec_kind_name(kind), __FILE__, line);
	recbuf_free(&b);
}

void test_rec_check_numbers(void)
{
	static const struct {
		int line;
		unsigned int kind;
		size_t off;
		unsigned int limit;
	} rows[] = {
#define ROW(KIND, body, member, limit)                                                                       \
	{ __LINE__, HL_KIND_##KIND, offsetof(struct hl_rec_##body, member), limit }
		ROW(LEDGER, ledger, now_state, NR_HL_STATES),
		ROW(LEDGER, ledger, now_abi, NR_HL_ABIS),
		ROW(OP, op, op, NR_HL_OPS),
		ROW(OP, op, state, NR_HL_STATES),
		ROW(OP, op, abi, NR_HL_ABIS),
		ROW(SLOW, slow, op, NR_HL_OPS),
		ROW(SLOW, slow, state, NR_HL_STATES),
		ROW(SLOW, slow, abi, NR_HL_ABIS),
		ROW(SLOW, slow, detail, NR_HL_DETAILS),
		ROW(SLOW, slow, waker, NR_HL_WAKERS),
		ROW(SLOW, slow, holder, NR_HL_HOLDERS),
		ROW(LOCK_OP, lock_op, o.state, NR_HL_STATES),
		ROW(EXCHANGE_OP, exchange_op, role, NR_HL_ROLES),
		ROW(EXCHANGE_OP, exchange_op, part, NR_HL_EXCHANGE_PARTS),
		ROW(RESENT_OP, exchange_op, role, NR_HL_ROLES),
		ROW(NOW, slow, waker, NR_HL_WAKERS),
		ROW(NOW, slow, state, NR_HL_STATES),
		ROW(ACCT, acct, class_id, NR_HL_CLASSES),
		ROW(COLLECTOR, collector, state, NR_HL_COLLECTOR_STATES),
		ROW(PSI, psi, resource, 3),
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		expect_byte(rows[i].kind, rows[i].off, rows[i].limit - 1, 0, rows[i].line);
		expect_byte(rows[i].kind, rows[i].off, rows[i].limit, -EOPNOTSUPP, rows[i].line);
		expect_byte(rows[i].kind, rows[i].off, 255, -EOPNOTSUPP, rows[i].line);
	}
	/* 32-bit numbers are compared whole */
	expect_byte(HL_KIND_ACCT, offsetof(struct hl_rec_acct, class_id) + 3, 128, -EOPNOTSUPP, __LINE__);
	expect_byte(HL_KIND_LIFE, offsetof(struct hl_rec_life, what), 0, -EINVAL, __LINE__);
	expect_byte(HL_KIND_LIFE, offsetof(struct hl_rec_life, what), NR_HL_LIFE - 1, 0, __LINE__);
	expect_byte(HL_KIND_LIFE, offsetof(struct hl_rec_life, what), NR_HL_LIFE, -EOPNOTSUPP, __LINE__);
}

void test_rec_check_op_tail(void)
{
	static const struct {
		__u32 first, n;
		bool ok;
	} rows[] = {
		{ 0, 0, true },
		{ 0, 4, true },
		{ HL_HIST_CELLS - 4, 4, true },
		{ HL_HIST_CELLS, 0, true },
		{ HL_HIST_CELLS - 3, 4, false },
		{ 0, 5, false }, /* the tail holds four */
		{ 0, HL_HIST_CELLS, false },
		{ ~0u, 1, false },
		{ ~0u, ~0u, false },
		{ 1, ~0u, false },
		{ 0, 0x40000001, false },
	};
	struct recbuf b = { 0 };
	struct hl_rec_op *op = rec_begin(&b, HL_KIND_OP, sizeof(*op));
	const struct hl_rec *rec;

	rec_add_bytes(&b, (__u32[]){ 1, 2, 3, 4 }, 16);
	rec = rec_end(&b);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		op->first = rows[i].first;
		op->nr_buckets = rows[i].n;
		ASSERT_EQ(rec_check(rec, rec->size), rows[i].ok ? (int)rec->size : -EINVAL);
	}
	ASSERT_EQ(rec_op_buckets(op)[3], 4);
	recbuf_free(&b);
}

void test_rec_check_stack(void)
{
	struct hl_frame frames[2] = { { 1, 1, 0 }, { 2, 3, 6 } };
	static const char text[8] = "\0a\0bcd"; /* 7 bytes are of it */
	struct recbuf b = { 0 };
	struct hl_rec_stack *s = rec_begin(&b, HL_KIND_STACK, sizeof(*s));
	const struct hl_rec *rec;
	struct hl_frame *f;
	const char *at;

	s->id = 1;
	s->nr_frames = 2;
	s->text_len = 7;
	rec_add_bytes(&b, frames, sizeof(frames));
	rec_add_bytes(&b, text, sizeof(text));
	rec = rec_end(&b);
	ASSERT_EQ(rec_check(rec, rec->size), rec->size);
	f = (struct hl_frame *)(uintptr_t)rec_stack_frames(s, &at);
	ASSERT_STR(at + f[1].function, "bcd");
	f[1].module = 7; /* behind the text */
	ASSERT_EQ(rec_check(rec, rec->size), -EINVAL);
	f[1].module = 6;
	s->text_len = 6; /* its last string has no end */
	ASSERT_EQ(rec_check(rec, rec->size), -EINVAL);
	s->text_len = 9;
	ASSERT_EQ(rec_check(rec, rec->size), -EINVAL);
	s->text_len = 0;
	ASSERT_EQ(rec_check(rec, rec->size), -EINVAL);
	s->text_len = ~0u;
	ASSERT_EQ(rec_check(rec, rec->size), -EINVAL);
	s->text_len = 7;
	s->nr_frames = 65535;
	ASSERT_EQ(rec_check(rec, rec->size), -EINVAL);
	s->nr_frames = 2;
	s->id = 0;
	ASSERT_EQ(rec_check(rec, rec->size), -EINVAL);
	recbuf_free(&b);
}

void test_rec_check_occupants(void)
{
	struct hl_occupant v[2] = { { 7, 6, 5000, 12, 13, "spinner" }, { .ns = 3 } };
	struct recbuf b = { 0 };
	struct hl_rec_occupants *r = rec_begin(&b, HL_KIND_OCCUPANTS, sizeof(*r));
	const struct hl_rec *rec;

	r->id = 1;
	r->nr = 2;
	rec_add_bytes(&b, v, sizeof(v));
	rec = rec_end(&b);
	ASSERT_EQ(rec_check(rec, rec->size), rec->size);
	ASSERT_EQ(rec_occupants(r)[1].ns, 3);
	r->nr = 3;
	ASSERT_EQ(rec_check(rec, rec->size), -EINVAL);
	r->nr = ~0u;
	ASSERT_EQ(rec_check(rec, rec->size), -EINVAL);
	r->nr = 1;
	ASSERT_EQ(rec_check(rec, rec->size), rec->size);
	r->id = 0;
	ASSERT_EQ(rec_check(rec, rec->size), -EINVAL);
	recbuf_free(&b);
}

void test_rec_check_peers(void)
{
	struct hl_peer_ns v[2] = { { .ns = 7, .port = 80 }, { .ns = 3 } };
	struct recbuf b = { 0 };
	struct hl_rec_peers *r = rec_begin(&b, HL_KIND_PEERS, sizeof(*r));
	const struct hl_rec *rec;

	r->id = 1;
	r->nr = 2;
	rec_add_bytes(&b, v, sizeof(v));
	rec = rec_end(&b);
	ASSERT_EQ(rec_check(rec, rec->size), rec->size);
	ASSERT_EQ(rec_peers(r)[1].ns, 3);
	r->nr = 3;
	ASSERT_EQ(rec_check(rec, rec->size), -EINVAL);
	r->nr = HL_PEERS + 1;
	ASSERT_EQ(rec_check(rec, rec->size), -EINVAL);
	r->nr = 1;
	r->id = 0;
	ASSERT_EQ(rec_check(rec, rec->size), -EINVAL);
	recbuf_free(&b);
}

void test_rec_check_path_and_life(void)
{
	struct recbuf b = { 0 };
	struct hl_rec_slow *s = rec_begin(&b, HL_KIND_SLOW, sizeof(*s));
	struct hl_rec_life *l;
	const struct hl_rec *rec;
	size_t n;

	rec_add_bytes(&b, "/etc/pas", 8);
	rec = rec_end(&b);
	s->path_len = 8;
	ASSERT_EQ(rec_check(rec, rec->size), rec->size);
	ASSERT(!memcmp(rec_slow_path(s, &n), "/etc/pas", 8));
	ASSERT_EQ(n, 8);
	ASSERT_STR(rec_tail_str(rec, 0), ""); /* no strings here: a path has no NUL */
	s->path_len = 9;
	ASSERT_EQ(rec_check(rec, rec->size), -EINVAL);
	s->path_len = 65535;
	ASSERT_EQ(rec_check(rec, rec->size), -EINVAL);

	l = rec_begin(&b, HL_KIND_LIFE, sizeof(*l));
	rec_add_bytes(&b, "/bin/true\0-x\0-y", 16);
	rec = rec_end(&b);
	l->what = HL_LIFE_EXEC;
	l->name_len = 10;
	l->args_len = 6;
	ASSERT_EQ(rec_check(rec, rec->size), rec->size);
	l->args_len = 7;
	ASSERT_EQ(rec_check(rec, rec->size), -EINVAL);
	l->name_len = l->args_len = 65535;
	ASSERT_EQ(rec_check(rec, rec->size), -EINVAL);
	recbuf_free(&b);
}

void test_rec_strings(void)
{
	struct recbuf b = { 0 };
	const struct hl_rec *rec;
	char *tail;
	size_t n;

	rec_begin(&b, HL_KIND_PROCESS, sizeof(struct hl_rec_process));
	rec_add_str(&b, "/bin/sh");
	rec_add_strn(&b, "sh\0hidden", 9);
	rec_add_str(&b, NULL);
	rec_add_str(&b, "docker-1");
	rec = rec_end(&b);
	ASSERT_EQ(rec_check(rec, rec->size), rec->size);
	ASSERT_EQ(rec->size % 8, 0);
	ASSERT_STR(rec_tail_str(rec, 0), "/bin/sh");
	ASSERT_STR(rec_tail_str(rec, 1), "sh");
	ASSERT_STR(rec_tail_str(rec, 2), "");
	ASSERT_STR(rec_tail_str(rec, 3), "docker-1");
	ASSERT_STR(rec_tail_str(rec, 4), "");
	ASSERT_STR(rec_tail_str(rec, 4000000000u), "");
	ASSERT_STR(rec_tail_str(NULL, 0), "");

	/* a string that runs out of the record */
	tail = (char *)(uintptr_t)rec_tail(rec, &n);
	memset(tail + n - 8, 'x', 8);
	ASSERT_EQ(rec_check(rec, rec->size), -EINVAL);
	/* one that only a newer program knows may stand behind those of this one */
	memcpy(tail, "a\0b\0\0d\0\0", 8);
	ASSERT_EQ(rec_check(rec, rec->size), rec->size);
	ASSERT_STR(rec_tail_str(rec, 3), "d");
	/* an older one may have written fewer */
	recbuf_reset(&b);
	rec_begin(&b, HL_KIND_META, sizeof(struct hl_rec_meta));
	rec = rec_end(&b);
	ASSERT_EQ(rec_check(rec, rec->size), 24);
	ASSERT_STR(rec_tail_str(rec, 0), "");
	recbuf_free(&b);
}

void test_rec_build_cap(void)
{
	char *big = xmalloc(2 * REC_MAX);
	struct recbuf b = { 0 };
	const struct hl_rec *rec;
	struct hl_rec_process *p;

	memset(big, 'A', 2 * REC_MAX);
	p = rec_begin(&b, HL_KIND_PROCESS, sizeof(*p));
	for (int i = 0; i < 4; i++)
		rec_add_strn(&b, big, 2 * REC_MAX);
	ASSERT(p == (void *)b.buf); /* it stays in place */
	rec = rec_end(&b);
	ASSERT_EQ(rec_check(rec, rec->size), rec->size);
	ASSERT(rec->size <= REC_MAX && rec->size > REC_MAX - 128);
	ASSERT(strlen(rec_tail_str(rec, 0)) > 60000);
	ASSERT_STR(rec_tail_str(rec, 3), "");
	rec_begin(&b, HL_KIND_SLOW, sizeof(struct hl_rec_slow));
	rec_add_bytes(&b, big, 2 * REC_MAX);
	rec_add_str(&b, "no room");
	rec = rec_end(&b);
	ASSERT_EQ(rec->size, REC_MAX);
	ASSERT_EQ(rec_check(rec, rec->size), REC_MAX);
	ASSERT_EQ(rec_check(b.buf, b.len), (int)((struct hl_rec *)b.buf)->size);
	recbuf_free(&b);
	free(big);
}

static bool holds(const void *p, size_t n, const char *word)
{
	return memmem(p, n, word, strlen(word)) != NULL;
}

void test_rec_build_no_stale(void)
{
	struct recbuf b = { 0 };
	char secret[600];

	memset(secret, 'S', sizeof(secret));
	for (int i = 0; i < 3; i++) {
		rec_begin(&b, HL_KIND_META, sizeof(struct hl_rec_meta));
		rec_add_strn(&b, secret, sizeof(secret));
		rec_end(&b);
	}
	ASSERT(holds(b.buf, b.len, "SSSS"));
	recbuf_reset(&b);
	for (unsigned int i = 0; i < 20; i++) {
		rec_begin(&b, HL_KIND_META, sizeof(struct hl_rec_meta));
		rec_add_strn(&b, "abcdefghijklmnopqrstuvwxyz", i);
		rec_end(&b);
	}
	ASSERT(!holds(b.buf, b.len, "S"));
	recbuf_free(&b);
}

void test_rec_clean(void)
{
	struct recbuf b = { 0 };
	struct hl_rec_slow *s = rec_begin(&b, HL_KIND_SLOW, sizeof(*s));
	struct hl_rec_process *p;

	memcpy(s->comm, "sh\0SECRETSECRET", 16);
	memcpy(s->waker_comm, "exactly16letters", 16);
	memset(s->pad, 'S', sizeof(s->pad));
	s->path_len = 4;
	rec_add_bytes(&b, "/abcSSSSSSSSSSSS", 16);
	rec_clean((struct hl_rec *)(uintptr_t)rec_end(&b));
	ASSERT(!holds(b.buf, b.len, "S"));
	ASSERT_EQ(comm_len(s->comm), 2);
	ASSERT_EQ(comm_len(s->waker_comm), 16);
	ASSERT(!memcmp(s->waker_comm, "exactly16letters", 16));
	ASSERT(!memcmp(s + 1, "/abc\0\0\0\0\0\0\0\0\0\0\0\0", 16));

	recbuf_reset(&b);
	p = rec_begin(&b, HL_KIND_PROCESS, sizeof(*p));
	memcpy(p->comm, "a\0SSSSSSSSSSSSS", 16);
	memset(&p->pad, 'S', sizeof(p->pad));
	rec_add_bytes(&b, "e\0c\0g\0k\0p\0u\0n\0S", 16);
	rec_clean((struct hl_rec *)(uintptr_t)rec_end(&b));
	ASSERT(!holds(b.buf, b.len, "S"));
	ASSERT_STR(rec_tail_str(&p->h, 3), "k");
	recbuf_free(&b);
}

void test_rec_crc32c(void)
{
	unsigned char buf[1024];

	/* the values of RFC 3720, B.4 */
	ASSERT_EQ(crc32c(0, "123456789", 9), 0xe3069283u);
	ASSERT_EQ(crc32c_soft(0, "123456789", 9), 0xe3069283u);
	memset(buf, 0, 32);
	ASSERT_EQ(crc32c(0, buf, 32), 0x8a9136aau);
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (unsigned char)(i * i + 3);
	for (size_t n = 0; n < 64; n++) {
		ASSERT_EQ(crc32c(0, buf + n, sizeof(buf) - 2 * n),
			  crc32c_soft(0, buf + n, sizeof(buf) - 2 * n));
		ASSERT_EQ(crc32c(crc32c(0, buf, n), buf + n, 500), crc32c(0, buf, n + 500));
	}
}
