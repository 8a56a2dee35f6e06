/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Limits: what does not fit goes to "(other)", and nothing of the sums is lost. */
#include "tests/unit/model_util.h"

#define BEGIN (5 * SEC)

static uint64_t sum_cpu(const struct snap *s, uint64_t *ivl)
{
	const struct snap_table *t = snap_table(s, "processes");
	uint64_t sum = 0;

	*ivl = 0;
	for (size_t i = 0; i < t->n; i++) {
		const struct proc_row *r = snap_row(t, i);

		sum += r->total[HL_STATE_CPU];
		*ivl += r->ivl[HL_STATE_CPU];
	}
	return sum;
}

void test_model_other_keeps_totals(void)
{
	struct feed *f = feed_new(&(struct model_limits){ .max_processes = 16 }, NULL);
	const struct proc_row *other;
	const struct snap *s;
	uint64_t ivl;

	feed_process(f, 1, "init", 0);
	feed_ledger(f, 1, 1, BEGIN, CLOCKS([HL_STATE_CPU] = 1));
	for (uint32_t pid = 10; pid < 110; pid++) {
		feed_process(f, pid, "job", 0);
		feed_end(f, pid, pid, BEGIN, CLOCKS([HL_STATE_CPU] = pid));
		feed_op(f, (struct feed_op){
				   .pid = pid, .nr = 3, .state = HL_STATE_DISK, .count = 1, .ns_each = MS });
	}
	s = feed_tick(f, 0);
	ASSERT(snap_table(s, "processes")->n <= 17);
	ASSERT_EQ(sum_cpu(s, &ivl), 1 + (10 + 109) * 50);
	ASSERT_EQ(ivl, 1 + (10 + 109) * 50);
	ASSERT_EQ(s->total[HL_STATE_CPU], 1 + (10 + 109) * 50);
	other = find_proc(s, 0);
	ASSERT(other);
	ASSERT_STR(other->comm, "(other)");
	ASSERT_EQ(other->members + snap_table(s, "processes")->n - 1, 101);
	ASSERT(find_proc(s, 1));   /* lives */
	ASSERT(find_proc(s, 109)); /* did most */
	ASSERT(!find_proc(s, 10));
	/* their operations went along, each to its own kind */
	ASSERT_EQ(find_op(s, 0, 3)->count, other->members);
	ASSERT_EQ(find_op(s, 0, 3)->members, other->members);
	ASSERT_EQ(find_op(s, 0, 3)->total[HL_STATE_DISK], other->members * MS);
	s = feed_tick(f, SEC);
	ASSERT_EQ(sum_cpu(s, &ivl), 1 + (10 + 109) * 50);
	ASSERT_EQ(ivl, 0);
	feed_free(f);
}

static uint64_t sum_members(const struct snap *s)
{
	const struct snap_table *t = snap_table(s, "processes");
	uint64_t sum = 0;

	for (size_t i = 0; i < t->n; i++)
		sum += ((const struct proc_row *)snap_row(t, i))->members;
	return sum;
}

/* A process may be folded before its last operations are told: they go where it went. */
void test_model_other_late_records(void)
{
	struct feed *f = feed_new(&(struct model_limits){ .max_processes = 16 }, NULL);
	const struct snap *s;

	for (uint32_t pid = 10; pid < 110; pid++) {
		feed_process(f, pid, "job", 0);
		feed_end(f, pid, pid, BEGIN, CLOCKS([HL_STATE_CPU] = pid));
	}
	for (uint32_t pid = 10; pid < 110; pid++) {
		feed_op(f, (struct feed_op){
				   .pid = pid, .nr = 3, .state = HL_STATE_DISK, .count = 1, .ns_each = MS });
		feed_process(f, pid, "job", 0);
	}
	s = feed_tick(f, 0);
	ASSERT_EQ(sum_members(s), 100);
	ASSERT_EQ(find_op(s, 0, 3)->count, find_proc(s, 0)->members);
	feed_free(f);
}

/* Who has ended is not kept for ever, and who was busy most is kept longest. */
void test_model_ended_are_few(void)
{
	struct feed *f = feed_new(&(struct model_limits){ .max_ended = 32 }, NULL);
	const struct snap *s;
	uint64_t ivl;

	feed_process(f, 1, "init", 0);
	feed_ledger(f, 1, 1, BEGIN, CLOCKS([HL_STATE_SLEEP] = 1));
	for (uint32_t pid = 10; pid < 110; pid++) {
		feed_process(f, pid, "job", 0);
		feed_end(f, pid, pid, BEGIN, CLOCKS([HL_STATE_CPU] = pid));
		feed_op(f, (struct feed_op){
				   .pid = pid, .nr = 3, .state = HL_STATE_DISK, .count = 1, .ns_each = MS });
	}
	s = feed_tick(f, 0); /* all that ended in an interval stand in its picture */
	ASSERT_EQ(snap_table(s, "processes")->n, 101);
	s = feed_tick(f, SEC);
	ASSERT_EQ(snap_table(s, "processes")->n, 1 + 30 + 1);
	ASSERT_EQ(snap_table(s, "operations")->n, 31);
	ASSERT_EQ(sum_members(s), 101);
	ASSERT_EQ(sum_cpu(s, &ivl), (10 + 109) * 50);
	ASSERT_EQ(find_op(s, 0, 3)->count, 70);
	ASSERT(find_proc(s, 1) && find_proc(s, 109) && find_proc(s, 80) && !find_proc(s, 79));
	feed_free(f);
}

/* What ended processes did has a quarter of the room, and who lives keeps what it did. */
void test_model_operations_of_ended_are_few(void)
{
	struct feed *f = feed_new(&(struct model_limits){ .max_ops = 64 }, NULL);
	const struct snap_table *t;
	const struct snap *s;
	uint64_t count = 0;

	feed_process(f, 1, "init", 0);
	for (uint16_t nr = 0; nr < 20; nr++)
		feed_op(f, (struct feed_op){
				   .pid = 1, .nr = nr, .state = HL_STATE_DISK, .count = 1, .ns_each = 1 });
	for (uint32_t pid = 10; pid < 50; pid++) {
		feed_process(f, pid, "job", 0);
		feed_end(f, pid, pid, BEGIN, CLOCKS([HL_STATE_CPU] = pid));
		feed_op(f, (struct feed_op){ .pid = pid,
					     .nr = 3,
					     .state = HL_STATE_DISK,
					     .count = 2,
					     .ns_each = pid * MS });
	}
	s = feed_tick(f, 0);
	ASSERT_EQ(snap_table(s, "operations")->n, 60);
	s = feed_tick(f, SEC);
	t = snap_table(s, "operations");
	ASSERT_EQ(t->n, 20 + 12 + 1);
	for (size_t i = 0; i < t->n; i++)
		count += ((const struct op_row *)snap_row(t, i))->count;
	ASSERT_EQ(count, 20 + 80);
	ASSERT(find_op(s, 1, 19) && find_op(s, 49, 3) && find_op(s, 38, 3) && !find_op(s, 37, 3));
	feed_free(f);
}

void test_model_other_kernel_threads(void)
{
	struct feed *f = feed_new(&(struct model_limits){ .max_processes = 2 }, NULL);
	const struct snap_table *t;
	const struct snap *s;
	uint64_t kernel = 0;

	for (uint32_t pid = 10; pid < 20; pid++) {
		feed_process(f, pid, "kworker", HL_PROC_KTHREAD);
		feed_end(f, pid, pid, BEGIN, CLOCKS([HL_STATE_CPU] = 1));
	}
	s = feed_tick(f, 0);
	t = snap_table(s, "processes");
	for (size_t i = 0; i < t->n; i++)
		if (((const struct proc_row *)snap_row(t, i))->flags & HL_PROC_KTHREAD)
			kernel += ((const struct proc_row *)snap_row(t, i))->total[HL_STATE_CPU];
	ASSERT_EQ(kernel, 10);
	ASSERT_STR(find_proc(s, 0)->comm, "(other kernel)");
	ASSERT_EQ(s->kthread_total[HL_STATE_CPU], 10);
	ASSERT_EQ(s->total[HL_STATE_CPU], 0);
	feed_free(f);
}

/* Nobody can be folded who lives: the new ones are "(other)" then. */
void test_model_other_all_alive(void)
{
	struct feed *f = feed_new(&(struct model_limits){ .max_processes = 4 }, NULL);
	const struct snap *s;
	uint64_t ivl;

	for (uint32_t pid = 10; pid < 20; pid++)
		feed_ledger(f, pid, pid, BEGIN, CLOCKS([HL_STATE_CPU] = 2));
	s = feed_tick(f, 0);
	ASSERT_EQ(snap_table(s, "processes")->n, 5);
	ASSERT_EQ(find_proc(s, 0)->total[HL_STATE_CPU], 12);
	ASSERT_EQ(find_proc(s, 0)->threads, 6);
	ASSERT_EQ(find_thread(s, 19)->pid, 0);
	feed_end(f, 10, 10, BEGIN, CLOCKS([HL_STATE_CPU] = 2));
	feed_tick(f, SEC);
	/* now there is room for another */
	feed_ledger(f, 30, 30, BEGIN, CLOCKS([HL_STATE_CPU] = 2));
	s = feed_tick(f, SEC);
	ASSERT(find_proc(s, 30));
	ASSERT(!find_proc(s, 10));
	ASSERT_EQ(sum_cpu(s, &ivl), 22);
	feed_free(f);
}

/* A slow operation keeps the name of a process that was folded since. */
void test_model_other_slow_keeps_name(void)
{
	struct feed *f = feed_new(&(struct model_limits){ .max_processes = 2 }, NULL);
	const struct slow_row *r;
	const struct snap *s;

	feed_process_in(f, 10, "first", "/a", "c1");
	feed_slow(f, (struct feed_slow){ .pid = 10, .tid = 10, .duration = SEC, .state = HL_STATE_DISK });
	feed_end(f, 10, 10, BEGIN, CLOCKS(1));
	for (uint32_t pid = 11; pid < 20; pid++)
		feed_end(f, pid, pid, BEGIN, CLOCKS([HL_STATE_CPU] = 5));
	s = feed_tick(f, 0);
	ASSERT(!find_proc(s, 10));
	r = snap_table(s, "slow")->rows;
	ASSERT_STR(r->proc_comm, "first");
	ASSERT_STR(r->container, "c1");
	ASSERT_EQ(r->pid, 10);
	feed_free(f);
}

void test_model_threads_full(void)
{
	struct feed *f = feed_new(&(struct model_limits){ .max_threads = 2 }, NULL);
	const struct snap *s;

	feed_process(f, 10, "many", 0);
	for (uint32_t tid = 10; tid < 14; tid++)
		feed_ledger(f, 10, tid, BEGIN, CLOCKS([HL_STATE_CPU] = 10));
	s = feed_tick(f, 0);
	ASSERT_EQ(snap_table(s, "threads")->n, 2);
	ASSERT_EQ(find_proc(s, 10)->total[HL_STATE_CPU], 20);
	/* one that had no room counts when it ends … */
	feed_end(f, 10, 12, BEGIN, CLOCKS([HL_STATE_CPU] = 15));
	s = feed_tick(f, SEC);
	ASSERT_EQ(find_proc(s, 10)->total[HL_STATE_CPU], 35);
	ASSERT_EQ(find_thread(s, 0)->total[HL_STATE_CPU], 15);
	ASSERT_STR(find_thread(s, 0)->comm, "(other)");
	ASSERT_EQ(find_thread(s, 0)->members, 1);
	/* … or when it gets room */
	feed_end(f, 10, 10, BEGIN, CLOCKS([HL_STATE_CPU] = 10));
	feed_tick(f, SEC);
	feed_ledger(f, 10, 13, BEGIN, CLOCKS([HL_STATE_CPU] = 40));
	s = feed_tick(f, SEC);
	ASSERT_EQ(find_proc(s, 10)->total[HL_STATE_CPU], 10 + 10 + 15 + 40);
	ASSERT_EQ(s->total[HL_STATE_CPU], 75);
	feed_free(f);
}

static size_t count_rows(const struct snap *s, const char *table)
{
	return snap_table(s, table)->n;
}

static void feed_hosts(struct feed *f)
{
	feed_process_in(f, 10, "nginx", "/system.slice/nginx.service", "");
	feed_process_in(f, 11, "a_very_long_nam", "/system.slice-x/y", "cafe12345678");
	feed_process(f, 12, "other", HL_PROC_TARGET);
	for (uint32_t pid = 10; pid < 13; pid++) {
		feed_ledger(f, pid, pid, BEGIN, CLOCKS([HL_STATE_CPU] = 1));
		feed_op(f, (struct feed_op){ .pid = pid, .nr = 1, .count = 1, .ns_each = MS });
		feed_op(f, (struct feed_op){ .pid = pid, .nr = 2, .count = 1, .ns_each = MS });
		feed_slow(f, (struct feed_slow){ .pid = pid, .tid = pid, .nr = 2, .duration = SEC });
	}
}

/* Which of the three (as bits, in order) the filter lets through in every table. */
static unsigned int passes(const struct model_filter *filter)
{
	struct feed *f = feed_new(NULL, filter);
	const struct snap *s;
	unsigned int mask = 0, n = 0;

	feed_hosts(f);
	s = feed_tick(f, 0);
	for (uint32_t pid = 10; pid < 13; pid++) {
		mask |= find_proc(s, pid) ? 1u << (pid - 10) : 0;
		n += find_proc(s, pid) != NULL;
		ASSERT_EQ(!find_proc(s, pid), !find_thread(s, pid));
	}
	ASSERT_EQ(count_rows(s, "processes"), n);
	ASSERT_EQ(count_rows(s, "threads"), n);
	ASSERT_EQ(count_rows(s, "operations"), filter && filter->nr_nrs ? n : 2 * n);
	ASSERT_EQ(count_rows(s, "slow"), n);
	ASSERT_EQ(s->total[HL_STATE_CPU], 3); /* the host is never filtered */
	feed_free(f);
	return mask;
}

void test_model_filter(void)
{
	static const uint32_t pids[] = { 10 };
	static const uint16_t nrs[] = { 2 };
	static const char *const comms[] = { "a_very_long_name_of_a_thread", NULL };
	static const char *const cgroups[] = { "/system.slice/", NULL }, *const root[] = { "/", NULL };
	static const char *const containers[] = { "cafe12345678901234567890", NULL };
	static const char *const nobody[] = { "nobody", NULL };

	ASSERT_EQ(passes(NULL), 7);
	ASSERT_EQ(passes(&(struct model_filter){}), 7);
	ASSERT_EQ(passes(&(struct model_filter){ .nrs = nrs, .nr_nrs = 1 }), 7);
	ASSERT_EQ(passes(&(struct model_filter){ .target_only = true }), 4);
	ASSERT_EQ(passes(&(struct model_filter){ .pids = pids, .nr_pids = 1 }), 5);
	ASSERT_EQ(passes(&(struct model_filter){ .comms = comms }), 6);
	ASSERT_EQ(passes(&(struct model_filter){ .cgroups = cgroups }), 5);
	ASSERT_EQ(passes(&(struct model_filter){ .cgroups = root }), 7);
	ASSERT_EQ(passes(&(struct model_filter){ .containers = containers }), 6);
	ASSERT_EQ(passes(&(struct model_filter){ .comms = nobody }), 4);
}
