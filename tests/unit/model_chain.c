/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Who waited behind whom: chains of what is over, of what lasts, and that end in themselves; locks
 * and who holds them; where a wait was called from. */
#include <string.h>

#include "tests/test.h"
#include "tests/unit/model_util.h"

#define FUTEX 202
#define FSYNC 74
#define A     0x1000
#define B     0x2000

static struct feed_slow wait_of(uint32_t tid, uint8_t state, uint64_t begin, uint64_t duration)
{
	return (struct feed_slow){ .pid = 10,
				   .tid = tid,
				   .nr = state == HL_STATE_LOCK ? FUTEX : FSYNC,
				   .op = HL_OP_WAIT,
				   .state = state,
				   .detail = state == HL_STATE_LOCK ? HL_DETAIL_LOCK : HL_DETAIL_NONE,
				   .begin = begin,
				   .duration = duration };
}

static struct feed_slow lock_of(uint32_t tid, uint64_t addr, uint64_t begin, uint64_t duration,
				uint32_t holder, const char *comm)
{
	struct feed_slow s = wait_of(tid, HL_STATE_LOCK, begin, duration);

	s.addr = addr;
	s.holder = holder ? HL_HOLDER_FIELD : HL_HOLDER_UNKNOWN;
	s.holder_tid = holder;
	s.holder_comm = comm;
	return s;
}

static const struct slow_row *slow_of(const struct snap *s, const char *table, uint32_t tid)
{
	const struct snap_table *t = snap_table(s, table);

	for (size_t i = 0; i < t->n; i++)
		if (((const struct slow_row *)snap_row(t, i))->tid == tid)
			return snap_row(t, i);
	return NULL;
}

static const struct lock_row *lock_at(const struct snap *s, uint64_t addr)
{
	const struct snap_table *t = snap_table(s, "locks");

	for (size_t i = 0; i < t->n; i++)
		if (((const struct lock_row *)snap_row(t, i))->addr == addr)
			return snap_row(t, i);
	return NULL;
}

/* 13 waits for 12, that for 11, and that for its disk. */
void test_chain_of_three(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct slow_row *r;
	const struct snap *s;

	feed_process(f, 10, "server", 0);
	feed_slow(f, wait_of(11, HL_STATE_IPC, 100 * MS, 5 * MS)); /* before */
	feed_slow(f, wait_of(11, HL_STATE_DISK, 200 * MS, 40 * MS));
	feed_slow(f, wait_of(11, HL_STATE_SLEEP, 241 * MS, 2 * MS)); /* shorter */
	feed_slow(f, lock_of(12, A, 205 * MS, 40 * MS, 11, "writer"));
	feed_slow(f, lock_of(13, B, 210 * MS, 36 * MS, 12, "middle"));
	s = feed_tick(f, SEC);
	r = slow_of(s, "slow", 13);
	if (!ASSERT(r && r->chain))
		return;
	ASSERT_EQ(r->holder_tid, 12);
	ASSERT_EQ(r->chain->n, 2);
	ASSERT_STR(r->chain->hops[0].comm, "middle");
	ASSERT_EQ(r->chain->hops[0].state, HL_STATE_LOCK);
	ASSERT_EQ(r->chain->hops[0].for_ns, 35 * MS);
	ASSERT_STR(r->chain->hops[1].comm, "writer");
	ASSERT_EQ(r->chain->hops[1].state, HL_STATE_DISK);
	ASSERT_EQ(r->chain->hops[1].for_ns, 35 * MS); /* as the middle one saw it */
	ASSERT(!r->chain->cycle);
	ASSERT(!slow_of(s, "slow", 11)->chain);
	feed_free(f);
}

/* A holder's record may come after that of who waited for it: it was held for its stack. */
void test_chain_comes_late(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct slow_row *r;

	feed_process(f, 10, "server", 0);
	feed_slow(f, lock_of(13, B, 210 * MS, 36 * MS, 12, "middle"));
	feed_slow(f, lock_of(12, A, 205 * MS, 40 * MS, 11, "writer"));
	feed_slow(f, wait_of(11, HL_STATE_DISK, 200 * MS, 40 * MS));
	r = slow_of(feed_tick(f, SEC), "slow", 13);
	if (ASSERT(r && r->chain && r->chain->n == 2))
		ASSERT_EQ(r->chain->hops[1].state, HL_STATE_DISK);
	feed_free(f);
}

/* … also at a later tick; and a call has the holder of its wait, which is told of later. */
void test_chain_comes_later(void)
{
	struct feed *f = feed_new(NULL, NULL);
	struct feed_slow call = lock_of(13, B, 210 * MS, 37 * MS, 0, NULL);
	const struct slow_row *r;

	call.op = HL_OP_SYSCALL;
	feed_process(f, 10, "server", 0);
	f->ts = SEC;
	feed_slow(f, call);
	r = slow_of(feed_tick(f, SEC), "slow", 13);
	ASSERT(r && !r->chain && !r->holder);
	call.op = HL_OP_WAIT;
	feed_slow(f, lock_of(13, B, 210 * MS, 36 * MS, 12, "middle"));
	r = slow_of(feed_tick(f, 100 * MS), "slow", 13);
	if (ASSERT(r && r->chain && r->chain->n == 1))
		ASSERT_EQ(r->chain->hops[0].state, HOP_NO_STATE);
	ASSERT_EQ(r->holder_tid, 12);
	feed_slow(f, wait_of(12, HL_STATE_DISK, 205 * MS, 40 * MS));
	r = slow_of(feed_tick(f, 100 * MS), "slow", 13);
	if (ASSERT(r && r->chain && r->chain->n == 1))
		ASSERT_EQ(r->chain->hops[0].state, HL_STATE_DISK);
	feed_free(f);
}

/* What the holder did after it had let go, while who it woke waited for a CPU, is not what it held the lock
 * for. */
void test_chain_ends_with_the_lock(void)
{
	struct feed *f = feed_new(NULL, NULL);
	struct feed_slow w = lock_of(13, B, 210 * MS, 30 * MS, 12, "middle");
	const struct slow_row *r;

	w.waker = HL_WAKER_THREAD;
	w.waker_tid = 12;
	w.queued = 5 * MS;
	feed_process(f, 10, "server", 0);
	feed_slow(f, wait_of(12, HL_STATE_SLEEP, 236 * MS, 20 * MS));
	feed_slow(f, w);
	r = slow_of(feed_tick(f, SEC), "slow", 13);
	if (ASSERT(r && r->chain && r->chain->n == 1))
		ASSERT_EQ(r->chain->hops[0].state, HOP_NO_STATE);
	feed_free(f);
}

/*
 * A lock that went from hand to hand: 11 held it when 13 began to wait, let go and slept; 12 had it
 * after that, and let 13 have it. What 11 did without the lock is nothing to 13.
 */
void test_chain_from_hand_to_hand(void)
{
	struct feed *f = feed_new(NULL, NULL);
	struct feed_slow w = lock_of(13, A, 205 * MS, 40 * MS, 11, "writer");
	const struct slow_row *r;
	const struct snap *s;

	feed_process(f, 10, "server", 0);
	feed_slow(f, wait_of(11, HL_STATE_SLEEP, 210 * MS, 60 * MS));
	w.waker_tid = 12;
	feed_slow(f, w);
	w.tid = 14;
	w.waker_tid = 11;
	feed_slow(f, w);
	w.tid = 15; /* when this one began to wait, 11 slept with the lock */
	w.begin = 215 * MS;
	w.waker_tid = 12;
	feed_slow(f, w);
	s = feed_tick(f, SEC);
	r = slow_of(s, "slow", 13);
	if (ASSERT(r && r->chain && r->chain->n == 1))
		ASSERT_EQ(r->chain->hops[0].state, HOP_NO_STATE);
	for (uint32_t tid = 14; tid <= 15; tid++) {
		r = slow_of(s, "slow", tid);
		if (ASSERT(r && r->chain && r->chain->n == 1))
			ASSERT_EQ(r->chain->hops[0].state, HL_STATE_SLEEP);
	}
	feed_free(f);
}

/* A process that becomes another program: what is there by either's name is by none. */
void test_chain_lock_of_two_programs(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct lock_row *r;

	feed_process(f, 10, "server", 0);
	feed_lock(f, 10, A, 3, MS);
	feed_lock_name(f, 10, A, "cache_lock");
	r = lock_at(feed_tick(f, SEC), A);
	if (ASSERT(r && r->name))
		ASSERT_STR(r->name, "cache_lock");
	feed_lock_name(f, 10, A, "cache_lock");
	ASSERT(lock_at(feed_tick(f, SEC), A)->name);
	for (int i = 0; i < 2; i++) {
		feed_lock_name(f, 10, A, i ? "cache_lock" : "log_lock");
		r = lock_at(feed_tick(f, SEC), A);
		ASSERT(!r->name);
		ASSERT_STR(r->text, "0x1000");
	}
	feed_free(f);
}

/* Two that held each other's locks, one after the other: no end of hops, and no crash. */
void test_chain_in_a_circle(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	feed_process(f, 10, "server", 0);
	feed_slow(f, lock_of(12, A, 205 * MS, 40 * MS, 13, "other"));
	feed_slow(f, lock_of(13, B, 210 * MS, 36 * MS, 12, "one"));
	s = feed_tick(f, SEC);
	ASSERT(slow_of(s, "slow", 12)->chain && slow_of(s, "slow", 12)->chain->n <= 3);
	ASSERT(slow_of(s, "slow", 13)->chain && slow_of(s, "slow", 13)->chain->n <= 3);
	feed_free(f);
}

/* A holder without a slow wait of its own is named, and no state is made up for it. */
void test_chain_of_one_that_ran(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct slow_row *r;
	const struct snap *s;

	feed_process(f, 10, "server", 0);
	feed_slow(f, wait_of(11, HL_STATE_DISK, 100 * MS, 40 * MS)); /* over before */
	feed_slow(f, lock_of(12, A, 205 * MS, 40 * MS, 11, "writer"));
	feed_slow(f, lock_of(13, A, 205 * MS, 40 * MS, 0, NULL));
	s = feed_tick(f, SEC);
	r = slow_of(s, "slow", 12);
	if (!ASSERT(r && r->chain && r->chain->n == 1))
		return;
	ASSERT_EQ(r->chain->hops[0].state, HOP_NO_STATE);
	ASSERT(!r->chain->hops[0].name);
	ASSERT(!slow_of(s, "slow", 13)->chain);
	feed_free(f);
}

static void feed_blocked(struct feed *f, uint32_t tid, uint64_t addr, uint32_t holder, const char *comm)
{
	feed_now(f, lock_of(tid, addr, f->ts - 300 * MS, 300 * MS, holder, comm));
}

/* While it lasts, what counts is what threads do now; two that wait for each other are told. */
void test_chain_that_lasts(void)
{
	static const uint64_t clocks[NR_HL_STATES] = { [HL_STATE_LOCK] = MS };
	struct feed *f = feed_new(NULL, NULL);
	const struct slow_row *r;
	const struct snap *s;

	feed_process(f, 10, "server", 0);
	for (uint32_t tid = 11; tid < 14; tid++) {
		feed_thread(f, 10, tid, "worker");
		feed_ledger_in(f, 10, tid, 1, clocks, HL_STATE_LOCK);
	}
	feed_blocked(f, 11, A, 12, "two");
	feed_blocked(f, 12, B, 11, "one");
	feed_blocked(f, 13, A, 12, "two");
	s = feed_tick(f, 10 * MS); /* the ledger says since 13 ms */
	r = slow_of(s, "slow", 13);
	if (!ASSERT(r && r->chain))
		return;
	ASSERT(r->chain->n >= 1 && r->chain->n <= 3);
	ASSERT_EQ(r->chain->hops[0].tid, 12);
	ASSERT_EQ(r->chain->hops[0].for_ns, 300 * MS); /* as its own row says */
	ASSERT_EQ(r->holder_pid, 10);
	ASSERT(lock_at(s, A));
	ASSERT_EQ(lock_at(s, A)->waiters, 2);
	ASSERT_EQ(lock_at(s, A)->sum.count, 0);
	ASSERT_EQ(lock_at(s, B)->waiters, 1);
	ASSERT(lock_at(s, B)->now);
	s = feed_tick(f, SEC); /* they are told anew for each tick */
	ASSERT(!lock_at(s, A));
	feed_free(f);
}

/* Waits lock by lock; those without room are in a row of their own. */
void test_chain_locks(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct lock_row *r;
	const struct snap *s;

	feed_process(f, 10, "server", 0);
	feed_lock(f, 10, A, 3, MS);
	feed_lock(f, 10, B, 1, 2 * MS);
	feed_lock(f, 10, A, 2, 3 * MS);
	feed_slow(f, lock_of(12, A, 205 * MS, 40 * MS, 11, "writer"));
	s = feed_tick(f, SEC);
	r = lock_at(s, A);
	if (!ASSERT(r != NULL))
		return;
	ASSERT_EQ(r->sum.count, 5);
	ASSERT_EQ(r->sum.total_ns, 9 * MS);
	ASSERT_EQ(r->sum.max_ns, 3 * MS);
	ASSERT_EQ(r->holder_tid, 11);
	ASSERT(!r->now);
	ASSERT_EQ(r->waiters, 0);
	ASSERT_EQ(lock_at(s, B)->sum.count, 1);
	ASSERT(!lock_at(s, B)->holder);
	/* they are no operations of their own: those are counted beside them */
	ASSERT_EQ(snap_table(s, "operations")->n, 0);
	s = feed_tick(f, SEC);
	ASSERT_EQ(lock_at(s, A)->sum.ivl_count, 0);
	ASSERT_EQ(lock_at(s, A)->sum.count, 5);
	feed_free(f);
}

static const struct waited_row *waited_with(const struct snap *s, uint32_t user_stack)
{
	const struct snap_table *t = snap_table(s, "waits_by_stack");

	for (size_t i = 0; i < t->n; i++) {
		const struct waited_row *r = snap_row(t, i);

		if ((r->user_stack ? r->user_stack->id : 0) == user_stack)
			return r;
	}
	return NULL;
}

/* A call's user stack is that of the waits in it, and of no other's. */
void test_chain_called_from(void)
{
	static const char *const functions[] = { "fsync", "commit", "main" };
	struct feed *f = feed_new(NULL, NULL);
	struct feed_slow w = wait_of(11, HL_STATE_DISK, 200 * MS, 20 * MS), call;
	const struct slow_row *r;
	const struct snap *s;

	feed_process(f, 10, "server", 0);
	feed_ustack(f, 5, functions, ARRAY_SIZE(functions));
	feed_stack(f, 6, "", (const struct feed_frame[]){ { "io_schedule", "" } }, 1);
	w.stack = 6;
	feed_slow(f, w); /* a call of its own */
	w.begin = 300 * MS;
	feed_slow(f, w);
	w.tid = 12;
	feed_slow(f, w);
	call = wait_of(11, HL_STATE_DISK, 299 * MS, 22 * MS);
	call.op = HL_OP_SYSCALL;
	call.user_stack = 5;
	feed_slow(f, call);
	s = feed_tick(f, SEC);
	if (!ASSERT(waited_with(s, 5) && waited_with(s, 0)))
		return;
	ASSERT_EQ(waited_with(s, 5)->count, 1);
	ASSERT_EQ(waited_with(s, 0)->count, 2);
	r = slow_of(s, "slow", 11);
	if (!ASSERT(r && r->user_stack))
		return;
	ASSERT_STR(r->user_stack->frames[1].function, "commit");
	ASSERT_EQ(r->user_stack->unwind, HL_UNWIND_DWARF);
	ASSERT(r->user_stack->user);
	feed_free(f);
}
