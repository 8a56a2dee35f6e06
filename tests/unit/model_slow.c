/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Slow operations: the ring, times, and what they were on in words. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/mem.h"
#include "tests/unit/model_util.h"

static const struct slow_row *slow_at(const struct snap *s, size_t i)
{
	const struct snap_table *t = snap_table(s, "slow");

	return i < t->n ? snap_row(t, i) : NULL;
}

void test_model_slow_ring(void)
{
	struct feed *f = feed_new(&(struct model_limits){ .max_slow = 4 }, NULL);
	const struct snap *s;

	for (uint32_t i = 1; i <= 10; i++) {
		feed_slow(f, (struct feed_slow){ .pid = 10, .tid = i, .begin = f->ts, .duration = i * SEC });
		f->ts += 5;
		if (i == 3)
			ASSERT_EQ(snap_table(feed_tick(f, 0), "slow")->n, 3);
	}
	s = feed_tick(f, SEC);
	ASSERT_EQ(s->slow_seen, 10);
	ASSERT_EQ(snap_table(s, "slow")->n, 4);
	for (uint32_t i = 0; i < 4; i++) /* the newest first */
		ASSERT_EQ(slow_at(s, i)->tid, 10 - i);
	feed_now(f, (struct feed_slow){ .pid = 10, .tid = 77, .begin = f->ts });
	s = feed_tick(f, SEC);
	ASSERT_EQ(snap_table(s, "slow")->n, 5);
	ASSERT_EQ(slow_at(s, 0)->tid, 77);
	ASSERT(slow_at(s, 0)->in_progress);
	ASSERT(!slow_at(s, 1)->in_progress);
	feed_free(f);
}

/* Wall-clock time follows from the tick that ends the interval, and does not change any more
 * when the clock is set later. */
void test_model_slow_real_time(void)
{
	struct feed *f = feed_new(NULL, NULL);
	uint64_t begin = f->ts - 3 * SEC, real;
	struct hl_rec_tick *t;
	const struct snap *s;

	feed_slow(f, (struct feed_slow){ .pid = 10, .tid = 10, .begin = begin, .duration = SEC });
	s = feed_tick(f, SEC);
	real = slow_at(s, 0)->real_ns;
	ASSERT_EQ(real, REAL + begin);
	recbuf_reset(&f->b);
	t = rec_begin(&f->b, HL_KIND_TICK, sizeof(*t));
	t->h.ts = f->ts + SEC;
	t->real_ns = 5;
	t->interval_ns = SEC;
	feed_rec(f, rec_end(&f->b));
	s = model_snap(f->m);
	ASSERT_EQ(slow_at(s, 0)->real_ns, real);
	snap_put(s);
	feed_free(f);
}

void test_model_slow_hidden(void)
{
	struct slow_row r = { .op = HL_OP_WAIT, .state = HL_STATE_PARK, .duration_ns = 100 };

	ASSERT(slow_table.hidden(&r));
	r.state = HL_STATE_LOCK;
	ASSERT(!slow_table.hidden(&r));
	r.op = HL_OP_SYSCALL;
	r.time[HL_STATE_POLL] = 50;
	ASSERT(!slow_table.hidden(&r));
	r.time[HL_STATE_POLL] = 51;
	ASSERT(slow_table.hidden(&r));
}

/* The detail of one record, as its row says it. */
static const struct slow_row *detail(struct feed *f, const struct hl_rec_slow *from, const char *path)
{
	size_t len = strlen(path);
	struct hl_rec_slow *r;

	recbuf_reset(&f->b);
	r = rec_begin(&f->b, HL_KIND_SLOW, sizeof(*r));
	*r = *from;
	r->h.kind = HL_KIND_SLOW;
	r->path_len = (__u16)len;
	rec_add_bytes(&f->b, path, len);
	feed_rec(f, rec_end(&f->b));
	return slow_at(feed_tick(f, SEC), 0);
}

void test_model_slow_detail_file(void)
{
	struct feed *f = feed_new(NULL, NULL);
	struct hl_rec_slow r = { .detail = HL_DETAIL_FILE, .detail_ino = 42, .detail_dev = 8 << 8 | 1 };

	ASSERT_STR(detail(f, &r, "/var/lib/wal")->detail_text, "/var/lib/wal");
	ASSERT_STR(detail(f, &r, "")->detail_text, "inode 42 on 8:1");
	ASSERT(!detail(f, &r, "")->path);
	r.detail_dev = 0x345u << 20 | 259 << 8 | 0x67; /* the minor is in two parts */
	ASSERT_STR(detail(f, &r, "")->detail_text, "inode 42 on 259:214375");
	r.flags = HL_SLOW_DELETED | HL_SLOW_PATH_CUT;
	ASSERT_STR(detail(f, &r, "/deep/file")->detail_text, ".../deep/file (deleted)");
	ASSERT_STR(detail(f, &r, "/deep/file")->path, "/deep/file");
	feed_free(f);
}

void test_model_slow_detail_peer(void)
{
	struct feed *f = feed_new(NULL, NULL);
	struct hl_rec_slow r = {
		.detail = HL_DETAIL_PEER,
		.family = AF_INET,
		.protocol = IPPROTO_TCP,
		.local_port = 40000,
		.remote_port = 5432,
		.local_addr = { 10, 0, 0, 2 },
		.remote_addr = { 10, 0, 0, 1 },
		.accepted = 1,
	};
	const struct slow_row *row = detail(f, &r, "");

	ASSERT_STR(row->detail_text, "tcp 10.0.0.1:5432");
	ASSERT_STR(row->local, "10.0.0.2:40000");
	ASSERT_STR(row->remote, "10.0.0.1:5432");
	ASSERT_STR(row->protocol, "tcp");
	ASSERT(row->accepted);
	r.family = AF_INET6;
	r.protocol = IPPROTO_UDP;
	memset(r.remote_addr, 0, 16);
	r.remote_addr[15] = 1;
	ASSERT_STR(detail(f, &r, "")->detail_text, "udp [::1]:5432");
	r.remote_addr[10] = r.remote_addr[11] = 0xff; /* an IPv4 peer of an IPv6 socket */
	r.remote_addr[12] = 127;
	ASSERT_STR(detail(f, &r, "")->detail_text, "udp 127.0.0.1:5432");
	memset(r.remote_addr, 0, 16);
	r.remote_port = 0;
	r.family = AF_INET;
	ASSERT_STR(detail(f, &r, "")->detail_text, "udp on 10.0.0.2:40000");
	r.family = 77; /* any number may stand here */
	r.protocol = 200;
	row = detail(f, &r, "");
	ASSERT_STR(row->detail_text, "socket");
	ASSERT(!row->local && !row->remote && !row->protocol);
	feed_free(f);
}

void test_model_slow_detail_other(void)
{
	struct feed *f = feed_new(NULL, NULL);
	struct hl_rec_slow r = { .detail = HL_DETAIL_LOCK, .detail_addr = 0x7f0011223344 };
	const struct slow_row *row = detail(f, &r, "");

	ASSERT_STR(row->detail_text, "0x7f0011223344");
	ASSERT_EQ(row->lock_addr, 0x7f0011223344);
	r.detail = HL_DETAIL_COUNT;
	r.detail_addr = 12;
	ASSERT_STR(detail(f, &r, "")->detail_text, "12 fds");
	r.detail = HL_DETAIL_NONE;
	ASSERT(!detail(f, &r, "")->detail_text);
	feed_free(f);
}

void test_model_slow_waker(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct field *who = table_field(&slow_table, "woken_by"),
			   *pid = table_field(&slow_table, "woken_by.pid");
	struct hl_rec_slow r = {
		.waker = HL_WAKER_THREAD, .waker_pid = 5, .waker_tid = 6, .waker_comm = "redis"
	};
	const struct slow_row *row = detail(f, &r, "");

	ASSERT_STR(field_get(who, row).s, "redis");
	ASSERT_EQ(field_get(pid, row).u, 5);
	r.waker = HL_WAKER_DISK; /* whoever ran there is not to blame */
	row = detail(f, &r, "");
	ASSERT_STR(field_get(who, row).s, "disk");
	ASSERT_EQ(field_get(pid, row).type, VAL_NONE);
	r.waker = HL_WAKER_UNKNOWN;
	ASSERT_EQ(field_get(who, detail(f, &r, "")).type, VAL_NONE);
	feed_free(f);
}

void test_model_slow_from_where(void)
{
	static const struct feed_frame wake[] = { { "pipe_write", "" }, { "vfs_write", "" } };
	struct feed *f = feed_new(NULL, NULL);
	const struct field *call = table_field(&slow_table, "woken_by.call"),
			   *stack = table_field(&slow_table, "woken_by.kernel_stack"),
			   *user = table_field(&slow_table, "woken_by.user_stack");
	struct hl_rec_slow r = { .waker = HL_WAKER_THREAD,
				 .waker_pid = 5,
				 .waker_tid = 6,
				 .flags = HL_SLOW_FROM_WHERE,
				 .waker_nr = 202,
				 .waker_kernel_stack = 3 };
	const struct slow_row *row;

	feed_stack(f, 3, "", wake, ARRAY_SIZE(wake));
	row = detail(f, &r, "");
	ASSERT_STR(field_get(call, row).s, "futex");
	ASSERT_EQ(field_get(stack, row).stack->n, 2);
	ASSERT_STR(field_get(stack, row).stack->frames[0].function, "pipe_write");
	ASSERT_EQ(field_get(user, row).type, VAL_NONE);
	r.waker_nr = HL_NR_NONE; /* a kernel thread, or in a page fault */
	ASSERT_EQ(field_get(call, detail(f, &r, "")).type, VAL_NONE);
	r.waker_nr = 0; /* of a recording that does not know */
	r.flags = 0;
	r.waker_kernel_stack = 0;
	row = detail(f, &r, "");
	ASSERT_EQ(field_get(call, row).type, VAL_NONE);
	ASSERT_EQ(field_get(stack, row).type, VAL_NONE);
	feed_free(f);
}
