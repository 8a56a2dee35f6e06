/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Ledgers: threads, processes and the host, their intervals and their ends. */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/unit/model_util.h"

#define BEGIN (5 * SEC)

void test_model_no_picture_before_tick(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	feed_process(f, 10, "init", 0);
	ASSERT(!model_snap(f->m));
	s = feed_tick(f, 0);
	ASSERT(s);
	ASSERT_EQ(s->seq, 0);
	ASSERT_EQ(s->nr_tables, 22);
	/* until the next tick it is the same one, whatever comes */
	feed_process(f, 11, "more", 0);
	ASSERT(model_snap(f->m) == s);
	snap_put(s);
	ASSERT(!find_proc(s, 11));
	ASSERT(find_proc(feed_tick(f, SEC), 11));
	feed_free(f);
}

void test_model_ledger_differences(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;
	const struct thread_row *t;
	const struct proc_row *p;

	feed_process(f, 10, "db", 0);
	feed_thread(f, 10, 11, "writer");
	feed_ledger(f, 10, 10, BEGIN, CLOCKS([HL_STATE_CPU] = 7, [HL_STATE_POLL] = 100));
	feed_ledger(f, 10, 11, BEGIN, CLOCKS([HL_STATE_DISK] = 40));
	feed_tick(f, 0);
	feed_ledger(f, 10, 10, BEGIN, CLOCKS([HL_STATE_CPU] = 9, [HL_STATE_POLL] = 150));
	feed_ledger(f, 10, 11, BEGIN, CLOCKS([HL_STATE_DISK] = 40, [HL_STATE_LOCK] = 5));
	feed_ledger(f, 10, 11, BEGIN,
		    CLOCKS([HL_STATE_DISK] = 60, [HL_STATE_LOCK] = 5)); /* twice in one interval */
	s = feed_tick(f, SEC);
	t = find_thread(s, 11);
	ASSERT_EQ(t->total[HL_STATE_DISK], 60);
	ASSERT_EQ(t->ivl[HL_STATE_DISK], 20);
	ASSERT_EQ(t->ivl[HL_STATE_LOCK], 5);
	ASSERT_EQ(t->ivl_busy, 25);
	ASSERT_STR(t->comm, "writer");
	ASSERT_STR(t->proc_comm, "db");
	p = find_proc(s, 10);
	ASSERT_EQ(p->threads, 2);
	ASSERT_EQ(p->total[HL_STATE_CPU], 9);
	ASSERT_EQ(p->ivl[HL_STATE_POLL], 50);
	ASSERT_EQ(p->total_busy, 9 + 60 + 5);
	ASSERT_EQ(p->ivl_busy, 2 + 20 + 5);
	ASSERT_EQ(s->total[HL_STATE_DISK], 60);
	ASSERT_EQ(s->ivl[HL_STATE_POLL], 50);
	s = feed_tick(f, SEC);
	ASSERT_EQ(find_thread(s, 11)->ivl[HL_STATE_DISK], 0);
	ASSERT_EQ(find_proc(s, 10)->total_busy, 74);
	ASSERT_EQ(s->ivl[HL_STATE_POLL], 0);
	feed_free(f);
}

void test_model_ledger_new_begin(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	feed_ledger(f, 10, 10, BEGIN, CLOCKS([HL_STATE_CPU] = 100));
	feed_tick(f, 0);
	feed_ledger(f, 10, 10, BEGIN + 500,
		    CLOCKS([HL_STATE_CPU] = 130)); /* another ledger: all of it is new */
	s = feed_tick(f, SEC);
	ASSERT_EQ(find_thread(s, 10)->total[HL_STATE_CPU], 230);
	ASSERT_EQ(find_thread(s, 10)->begin_ns, BEGIN + 500);
	feed_ledger(f, 10, 10, BEGIN + 500, CLOCKS([HL_STATE_CPU] = 30)); /* smaller clocks: so is this */
	s = feed_tick(f, SEC);
	ASSERT_EQ(find_thread(s, 10)->total[HL_STATE_CPU], 260);
	ASSERT_EQ(find_thread(s, 10)->ivl[HL_STATE_CPU], 30);
	ASSERT_EQ(s->total[HL_STATE_CPU], 260);
	feed_free(f);
}

/* What was said of a sleep for the time being is put right when it ends. */
void test_model_ledger_repair(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;
	const struct thread_row *t;

	feed_ledger(f, 10, 10, BEGIN, CLOCKS([HL_STATE_CPU] = 10, [HL_STATE_RUNQUEUE] = 90));
	feed_tick(f, 0);
	feed_ledger(f, 10, 10, BEGIN, CLOCKS([HL_STATE_CPU] = 20, [HL_STATE_KERNEL] = 180));
	s = feed_tick(f, SEC);
	t = find_thread(s, 10);
	ASSERT_EQ(t->total[HL_STATE_CPU], 20);
	ASSERT_EQ(t->total[HL_STATE_RUNQUEUE], 0);
	ASSERT_EQ(t->total[HL_STATE_KERNEL], 180);
	ASSERT_EQ(t->ivl[HL_STATE_RUNQUEUE], 0); /* never negative */
	ASSERT_EQ(s->total[HL_STATE_RUNQUEUE], 0);
	ASSERT_EQ(s->total[HL_STATE_KERNEL], 180);
	ASSERT_EQ(find_proc(s, 10)->total_busy, 200);
	feed_free(f);
}

void test_model_thread_end(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;
	const struct thread_row *t;

	feed_process(f, 10, "job", 0);
	feed_ledger(f, 10, 10, BEGIN, CLOCKS([HL_STATE_CPU] = 5));
	feed_ledger(f, 10, 11, BEGIN, CLOCKS([HL_STATE_CPU] = 50));
	feed_tick(f, 0);
	ASSERT_EQ(feed_end(f, 10, 11, BEGIN, CLOCKS([HL_STATE_CPU] = 70)), 0);
	/* what the slot said a moment before comes late and counts for nothing */
	feed_ledger(f, 10, 11, BEGIN, CLOCKS([HL_STATE_CPU] = 60));
	s = feed_tick(f, SEC);
	t = find_thread(s, 11);
	ASSERT(t);
	ASSERT_EQ(t->total[HL_STATE_CPU], 70);
	ASSERT_EQ(t->ivl[HL_STATE_CPU], 20);
	ASSERT_EQ(t->now_state, 0xff);
	ASSERT_EQ(s->nr_threads, 1);
	ASSERT_EQ(find_proc(s, 10)->threads, 1);
	ASSERT(!find_proc(s, 10)->gone);
	s = feed_tick(f, SEC);
	ASSERT(!find_thread(s, 11));
	ASSERT(find_thread(s, 10));
	ASSERT_EQ(find_proc(s, 10)->total[HL_STATE_CPU], 75);
	ASSERT_EQ(s->total[HL_STATE_CPU], 75);
	feed_free(f);
}

/* Shorter than an interval: known by its end only. */
void test_model_thread_end_only(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	feed_end(f, 20, 20, BEGIN, CLOCKS([HL_STATE_CPU] = 3));
	ASSERT_EQ(feed_end(f, 20, 20, BEGIN, CLOCKS([HL_STATE_CPU] = 3)), -EINVAL);
	s = feed_tick(f, 0);
	ASSERT_EQ(find_proc(s, 20)->total[HL_STATE_CPU], 3);
	ASSERT(find_proc(s, 20)->gone);
	ASSERT_EQ(s->refused, 1);
	feed_free(f);
}

/* A thread that is not the leader makes its process a new program: it goes on under the
 * leader's identity, in the interval in which the leader ended. */
void test_model_thread_goes_on(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	feed_process(f, 10, "old", 0);
	feed_thread(f, 10, 10, "old");
	feed_ledger(f, 10, 10, BEGIN, CLOCKS([HL_STATE_CPU] = 50));
	feed_tick(f, 0);
	ASSERT_EQ(feed_end(f, 10, 10, BEGIN, CLOCKS([HL_STATE_CPU] = 60)), 0);
	feed_thread(f, 10, 10, "new");
	feed_ledger(f, 10, 10, BEGIN + 70, CLOCKS([HL_STATE_CPU] = 7));
	s = feed_tick(f, SEC);
	ASSERT_EQ(find_thread(s, 10)->total[HL_STATE_CPU], 67);
	ASSERT_STR(find_thread(s, 10)->comm, "new");
	ASSERT_EQ(find_thread(s, 10)->now_state, HL_STATE_DISK);
	ASSERT_EQ(find_proc(s, 10)->threads, 1);
	ASSERT(!find_proc(s, 10)->gone);
	/* and once more, all within one interval */
	ASSERT_EQ(feed_end(f, 10, 10, BEGIN + 70, CLOCKS([HL_STATE_CPU] = 9)), 0);
	feed_thread(f, 10, 10, "short");
	ASSERT_EQ(feed_end(f, 10, 10, BEGIN + 90, CLOCKS([HL_STATE_CPU] = 30)), 0);
	s = feed_tick(f, SEC);
	ASSERT_EQ(find_thread(s, 10)->total[HL_STATE_CPU], 99);
	ASSERT_EQ(find_proc(s, 10)->total[HL_STATE_CPU], 99);
	ASSERT_EQ(s->total[HL_STATE_CPU], 99);
	ASSERT_EQ(find_proc(s, 10)->threads, 0);
	ASSERT(find_proc(s, 10)->gone);
	ASSERT_EQ(s->refused, 0);
	feed_free(f);
}

void test_model_process_gone(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	feed_process(f, 10, "short", 0);
	feed_ledger(f, 10, 10, BEGIN, CLOCKS([HL_STATE_CPU] = 5));
	feed_process(f, 12, "long", 0);
	feed_ledger(f, 12, 12, BEGIN, CLOCKS([HL_STATE_CPU] = 5));
	s = feed_tick(f, 0);
	ASSERT_EQ(s->nr_processes, 2);
	feed_end(f, 10, 10, BEGIN, CLOCKS([HL_STATE_CPU] = 6));
	s = feed_tick(f, SEC);
	ASSERT(find_proc(s, 10)->gone);
	ASSERT_EQ(find_proc(s, 10)->threads, 0);
	ASSERT_EQ(find_proc(s, 10)->ivl[HL_STATE_CPU], 1);
	ASSERT(!find_proc(s, 12)->gone);
	ASSERT_EQ(s->nr_processes, 1);
	s = feed_tick(f, SEC);
	ASSERT_EQ(find_proc(s, 10)->total[HL_STATE_CPU], 6);
	ASSERT_STR(find_proc(s, 10)->comm, "short");
	feed_free(f);
}

/* Records come in any order: what came before the process belongs to it. */
void test_model_placeholder(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	feed_op(f, (struct feed_op){ .pid = 10, .nr = 1, .count = 1, .ns_each = MS });
	feed_slow(f, (struct feed_slow){ .pid = 10, .tid = 10, .duration = MS });
	feed_ledger(f, 10, 10, BEGIN, CLOCKS([HL_STATE_CPU] = 5));
	s = feed_tick(f, 0);
	ASSERT(find_proc(s, 10));
	ASSERT(!find_proc(s, 10)->comm);
	feed_thread(f, 10, 10, "early");
	ASSERT_STR(find_proc(feed_tick(f, SEC), 10)->comm, "early");
	feed_process_in(f, 10, "late", "/a.slice", "cafe");
	s = feed_tick(f, SEC);
	ASSERT_STR(find_proc(s, 10)->comm, "late");
	ASSERT_EQ(find_proc(s, 10)->total[HL_STATE_CPU], 5);
	ASSERT_STR(find_op(s, 10, 1)->comm, "late");
	ASSERT_STR(find_op(s, 10, 1)->container, "cafe");
	ASSERT_STR(((const struct slow_row *)snap_table(s, "slow")->rows)->proc_comm, "late");
	ASSERT_STR(find_thread(s, 10)->cgroup, "/a.slice");
	feed_free(f);
}

void test_model_kernel_threads_apart(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	feed_ledger(f, 2, 2, BEGIN, CLOCKS([HL_STATE_CPU] = 30)); /* nobody knows yet what it is */
	feed_ledger(f, 10, 10, BEGIN, CLOCKS([HL_STATE_CPU] = 5));
	ASSERT_EQ(feed_tick(f, 0)->total[HL_STATE_CPU], 35);
	feed_ledger(f, 2, 2, BEGIN, CLOCKS([HL_STATE_CPU] = 31));
	feed_process(f, 2, "kthreadd", HL_PROC_KTHREAD);
	feed_ledger(f, 2, 2, BEGIN, CLOCKS([HL_STATE_CPU] = 33));
	s = feed_tick(f, SEC);
	ASSERT_EQ(s->total[HL_STATE_CPU], 5);
	ASSERT_EQ(s->ivl[HL_STATE_CPU], 0);
	ASSERT_EQ(s->kthread_total[HL_STATE_CPU], 33);
	ASSERT_EQ(s->kthread_ivl[HL_STATE_CPU], 3);
	feed_free(f);
}

void test_model_now(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct thread_row *t;
	const struct slow_row *r;
	const struct snap *s;

	feed_ledger(f, 10, 10, BEGIN, CLOCKS([HL_STATE_DISK] = 5));
	feed_now(f, (struct feed_slow){ .pid = 10,
					.tid = 10,
					.nr = 74,
					.state = HL_STATE_DISK,
					.begin = f->ts - SEC,
					.duration = SEC,
					.detail = HL_DETAIL_FILE,
					.path = "/var/lib/wal" });
	s = feed_tick(f, 0);
	t = find_thread(s, 10);
	ASSERT_EQ(t->now_state, HL_STATE_DISK);
	ASSERT_EQ(t->now_since_ns, 3 * MS);
	ASSERT_STR(t->now_name, "fsync");
	ASSERT_STR(t->now_detail, "/var/lib/wal");
	ASSERT_EQ(snap_table(s, "slow")->n, 1);
	r = snap_table(s, "slow")->rows;
	ASSERT(r->in_progress);
	ASSERT_STR(r->path, "/var/lib/wal");
	ASSERT_EQ(r->real_ns, REAL + f->ts - SEC);
	ASSERT_EQ(s->slow_seen, 0);
	/* told anew for each tick, or over */
	s = feed_tick(f, SEC);
	ASSERT_EQ(snap_table(s, "slow")->n, 0);
	ASSERT(!find_thread(s, 10)->now_detail);
	feed_free(f);
}

void test_model_self_is_an_ordinary_row(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;
	struct query_result r;

	feed_process(f, 10, "hostlat", HL_PROC_SELF);
	feed_ledger(f, 10, 10, BEGIN, CLOCKS([HL_STATE_CPU] = 5));
	s = feed_tick(f, 0);
	query_run(&r, s, snap_table(s, "processes"), &(struct query){});
	ASSERT_EQ(r.n, 1);
	query_free(&r);
	ASSERT_EQ(s->total[HL_STATE_CPU], 5);
	feed_free(f);
}

/* Who waits for others all of an interval, and nothing comes, is not what time went on in it. */
void test_model_ledger_rest(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	feed_process(f, 10, "sh", 0);
	feed_tick(f, 0);
	feed_ledger_in(f, 10, 10, BEGIN, CLOCKS([HL_STATE_IPC] = SEC), HL_STATE_IPC);
	feed_ledger_in(f, 10, 11, BEGIN, CLOCKS([HL_STATE_CPU] = MS, [HL_STATE_IPC] = SEC), HL_STATE_CPU);
	feed_ledger_in(f, 10, 12, BEGIN, CLOCKS([HL_STATE_NETWORK] = SEC), HL_STATE_NETWORK);
	s = feed_tick(f, SEC);
	ASSERT_EQ(find_thread(s, 10)->ivl_busy, 0);
	ASSERT_EQ(find_thread(s, 10)->ivl[HL_STATE_IPC], SEC);
	ASSERT_EQ(find_thread(s, 10)->total_busy, SEC);
	ASSERT_EQ(find_thread(s, 11)->ivl_busy, SEC + MS);
	ASSERT_EQ(find_thread(s, 12)->ivl_busy, SEC);
	ASSERT_EQ(find_proc(s, 10)->ivl_busy, 2 * SEC + MS);
	ASSERT_EQ(s->rest_ns, SEC);
	feed_free(f);
}
