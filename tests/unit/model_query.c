/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Queries: which rows, in which order, merged how. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/model_util.h"

#define BEGIN (5 * SEC)

/* Five processes; busy in the interval: 40 10 30 10 0, since start: 45 110 30 10 7. */
static const struct snap *feed_five(struct feed *f)
{
	static const uint64_t before[] = { 5, 100, 0, 0, 7 }, after[] = { 45, 110, 30, 10, 7 };
	static const char *const comms[] = { "nginx", "postgres", "nginx", "redis", "cron" };
	static const char *const containers[] = { "web", "", "web", "web", "" };

	for (uint32_t i = 5; i--;) { /* not in the order of their pids */
		feed_process_in(f, 10 + i, comms[i], i < 2 ? "/a" : "/zone", containers[i]);
		feed_ledger(f, 10 + i, 10 + i, BEGIN, CLOCKS([HL_STATE_CPU] = before[i]));
	}
	feed_tick(f, 0);
	for (uint32_t i = 0; i < 5; i++) {
		feed_ledger(f, 10 + i, 10 + i, BEGIN,
			    CLOCKS([HL_STATE_CPU] = after[i], [HL_STATE_POLL] = 1000 * (i + 1)));
		feed_op(f, (struct feed_op){ .pid = 10 + i,
					     .nr = 0,
					     .state = HL_STATE_DISK,
					     .count = i + 1,
					     .ns_each = 1000 * (i + 1) });
	}
	feed_op(f,
		(struct feed_op){ .pid = 10, .nr = 232, .state = HL_STATE_POLL, .count = 1, .ns_each = SEC });
	feed_process(f, 2, "kthreadd", HL_PROC_KTHREAD);
	feed_ledger(f, 2, 2, BEGIN, CLOCKS([HL_STATE_CPU] = 500));
	return feed_tick(f, SEC);
}

/* "10 12 11": the pids of the rows in their order. */
static const char *pids(const struct snap *s, const char *table, struct query q, size_t *matched)
{
	static char buf[128];
	const struct snap_table *t = snap_table(s, table);
	const struct field *pid = table_field(t->desc, "pid");
	struct query_result r;
	size_t len = 0;

	query_run(&r, s, t, &q);
	buf[0] = '\0';
	for (size_t i = 0; i < r.n; i++) {
		struct val v = field_get(pid, r.rows[i]);

		len += (size_t)snprintf(buf + len, sizeof(buf) - len, "%s%d", i ? " " : "",
					v.type == VAL_NONE ? -1 : (int)v.u);
	}
	if (matched)
		*matched = r.matched;
	query_free(&r);
	return buf;
}

#define PIDS(table, ...) pids(s, table, (struct query){ __VA_ARGS__ }, NULL)

void test_model_query_sort(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s = feed_five(f);
	size_t matched;

	ASSERT_STR(PIDS("processes"), "10 12 11 13 14"); /* 11 and 13 are equal: by pid */
	ASSERT_STR(PIDS("processes", .total = true), "11 10 12 13 14");
	ASSERT_STR(PIDS("processes", .flip = true, .ascending = true), "14 11 13 12 10");
	ASSERT_STR(PIDS("processes", .flip = true), "10 12 11 13 14");
	ASSERT_STR(PIDS("processes", .sort = "comm"), "14 10 12 11 13"); /* text ascends by itself */
	ASSERT_STR(PIDS("processes", .sort = "comm", .flip = true), "13 11 10 12 14");
	ASSERT_STR(PIDS("processes", .sort = "pid"), "14 13 12 11 10");
	ASSERT_STR(PIDS("processes", .sort = "no such field"), "10 12 11 13 14");
	/* twins: the flavour decides, whichever of them was named */
	ASSERT_STR(PIDS("processes", .sort = "busy_ns"), "10 12 11 13 14");
	ASSERT_STR(PIDS("processes", .sort = "interval.busy_ns", .total = true), "11 10 12 13 14");
	ASSERT_STR(PIDS("processes", .sort = "cpu_pct", .total = true), "11 10 12 13 14");
	ASSERT_STR(PIDS("processes", .sort = "poll_pct"), "14 13 12 11 10");
	ASSERT_STR(pids(s, "processes", (struct query){ .limit = 2 }, &matched), "10 12");
	ASSERT_EQ(matched, 5);
	feed_free(f);
}

void test_model_query_none_last(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s = feed_five(f);

	ASSERT_STR(PIDS("processes", .sort = "container"), "10 12 13 11 14");
	ASSERT_STR(PIDS("processes", .sort = "container", .flip = true), "10 12 13 11 14");
	feed_free(f);
}

void test_model_val_cmp(void)
{
	struct val none = {}, nan_val = { .type = VAL_F64, .f = NAN }, two = { .type = VAL_U64, .u = 2 };
	struct val big = { .type = VAL_U64, .u = UINT64_MAX }, minus = { .type = VAL_I64, .i = -1 };
	struct val plus = { .type = VAL_I64, .i = 1 }, a = { .type = VAL_STR, .s = "alpha" };
	struct val b = { .type = VAL_STR, .s = "Beta" }, half = { .type = VAL_F64, .f = 0.5 };

	ASSERT(val_cmp(&two, &big) < 0);
	ASSERT(val_cmp(&big, &two) > 0);
	ASSERT_EQ(val_cmp(&two, &two), 0);
	ASSERT(val_cmp(&minus, &plus) < 0);
	ASSERT(val_cmp(&a, &b) < 0);
	ASSERT(val_cmp(&none, &two) > 0);
	ASSERT(val_cmp(&two, &none) < 0);
	ASSERT_EQ(val_cmp(&none, &none), 0);
	ASSERT(val_cmp(&nan_val, &half) > 0);
	ASSERT_EQ(val_cmp(&nan_val, &none), 0);
}

void test_model_query_filter(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s = feed_five(f);

	ASSERT_STR(PIDS("processes", .filter = "NGIN"), "10 12");
	ASSERT_STR(PIDS("processes", .filter = "  nginx\t/zo "), "12"); /* every word, in any text */
	ASSERT_STR(PIDS("processes", .filter = "web redis"), "13");
	ASSERT_STR(PIDS("processes", .filter = "web cron"), "");
	ASSERT_STR(PIDS("processes", .filter = ""), "10 12 11 13 14");
	ASSERT_STR(PIDS("processes", .filter = "13"), "13"); /* a key number, whole */
	ASSERT_STR(PIDS("processes", .filter = "1"), "");
	ASSERT_STR(PIDS("processes", .filter = "/usr/bin/x"), "10 12 11 13 14");
	ASSERT_STR(PIDS("operations", .filter = "READ postgres"), "11");
	ASSERT_STR(PIDS("operations", .filter = "disk", .pid = 12), "12");
	ASSERT_STR(PIDS("threads", .pid = 12), "12");
	ASSERT_STR(PIDS("threads", .pid = 12, .tid = 13), "");
	feed_free(f);
}

void test_model_query_hidden(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s = feed_five(f);

	ASSERT_STR(PIDS("processes", .show_kthreads = true), "2 10 12 11 13 14");
	ASSERT_STR(PIDS("processes", .pid = 2), "2"); /* asked for by its number */
	ASSERT_STR(PIDS("threads", .show_kthreads = true, .limit = 1), "2");
	/* a wait in epoll is no trouble; shown, it ranks by its whole time */
	ASSERT_STR(PIDS("operations"), "14 13 12 11 10");
	ASSERT_STR(PIDS("operations", .show_work_waits = true), "10 14 13 12 11 10");
	feed_free(f);
}

static struct query_result group(const struct snap *s, const char *table, enum group by, const char *sort)
{
	struct query_result r;

	query_run(&r, s, snap_table(s, table), &(struct query){ .group = by, .sort = sort });
	return r;
}

void test_model_query_group(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s = feed_five(f);
	struct query_result r = group(s, "processes", GROUP_COMM, NULL);
	const struct proc_row *p = r.rows[0];

	ASSERT_EQ(r.n, 4);
	ASSERT_EQ(r.matched, 4);
	ASSERT_STR(p->comm, "nginx");
	ASSERT_EQ(p->members, 2);
	ASSERT_EQ(p->threads, 2);
	ASSERT_EQ(p->ivl_busy, 70);
	ASSERT_EQ(p->total[HL_STATE_CPU], 75);
	ASSERT_EQ(p->ivl[HL_STATE_POLL], 4000);
	ASSERT_EQ(p->pid, 0);
	ASSERT_STR(p->container, "web"); /* shared */
	ASSERT(!p->cgroup);              /* not shared */
	ASSERT_EQ(field_get(table_field(&processes_table, "pid"), p).type, VAL_NONE);
	query_free(&r);
	r = group(s, "processes", GROUP_CONTAINER, "comm");
	ASSERT_EQ(r.n, 2);
	ASSERT_STR(((const struct proc_row *)r.rows[0])->comm, "(none)");
	ASSERT_STR(((const struct proc_row *)r.rows[1])->comm, "web");
	ASSERT_EQ(((const struct proc_row *)r.rows[1])->members, 3);
	query_free(&r);
	r = group(s, "processes", GROUP_CGROUP, NULL);
	ASSERT_EQ(r.n, 2);
	ASSERT_STR(((const struct proc_row *)r.rows[0])->comm, "/a");
	query_free(&r);
	r = group(s, "processes", GROUP_PROCESS, NULL);
	ASSERT_EQ(r.n, 5);
	ASSERT_EQ(((const struct proc_row *)r.rows[0])->pid, 10);
	query_free(&r);
	r = group(s, "slow", GROUP_COMM, NULL); /* cannot be added */
	ASSERT_EQ(r.n, 0);
	query_free(&r);
	feed_free(f);
}

void test_model_query_group_operations(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;
	struct query_result r;
	const struct op_row *o;

	feed_five(f);
	feed_op(f,
		(struct feed_op){ .pid = 12, .nr = 1, .state = HL_STATE_DISK, .count = 1, .ns_each = SEC });
	s = feed_tick(f, SEC);
	query_run(&r, s, snap_table(s, "operations"), &(struct query){ .group = GROUP_COMM, .total = true });
	ASSERT_EQ(r.n, 5); /* read of nginx, postgres, redis, cron; write of nginx */
	o = r.rows[0];
	ASSERT_STR(o->name, "write");
	ASSERT_EQ(o->members, 1);
	for (size_t i = 0; i < r.n; i++) {
		o = r.rows[i];
		if (o->members != 2)
			continue;
		ASSERT_STR(o->comm, "nginx");
		ASSERT_STR(o->name, "read");
		ASSERT_EQ(o->count, 4);
		ASSERT_EQ(o->total_ns, 1000 + 3 * 3000);
		ASSERT_EQ(o->max_ns, 3000);
		ASSERT_EQ(o->hist.count, 4);
		ASSERT_EQ(hist_cell(&o->hist, hl_hist_cell(1000)), 1);
		ASSERT_EQ(hist_cell(&o->hist, hl_hist_cell(3000)), 3);
		ASSERT_EQ(o->pid, 0);
	}
	query_free(&r);
	/* the rows of the snapshot are as they were */
	ASSERT_EQ(find_op(s, 10, 0)->hist.count, 1);
	feed_free(f);
}

void test_model_query_group_threads(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct thread_row *t;
	struct query_result r;
	const struct snap *s;

	feed_process(f, 10, "java", 0);
	feed_thread(f, 10, 11, "gc");
	feed_ledger(f, 10, 10, BEGIN, CLOCKS([HL_STATE_CPU] = 1));
	feed_ledger(f, 10, 11, BEGIN, CLOCKS([HL_STATE_CPU] = 2));
	feed_ledger(f, 12, 12, BEGIN, CLOCKS([HL_STATE_CPU] = 9));
	s = feed_tick(f, 0);
	r = group(s, "threads", GROUP_PROCESS, NULL);
	ASSERT_EQ(r.n, 2);
	t = r.rows[1];
	ASSERT_EQ(t->pid, 10);
	ASSERT_EQ(t->tid, 0);
	ASSERT_STR(t->comm, "java");
	ASSERT_EQ(t->total_busy, 3);
	ASSERT_EQ(t->members, 2);
	ASSERT_EQ(t->now_state, HL_STATE_DISK); /* both are */
	ASSERT_EQ(field_get(table_field(&threads_table, "now.since_ns"), t).type, VAL_NONE);
	query_free(&r);
	feed_free(f);
}
