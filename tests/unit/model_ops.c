/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Operations: differences, histograms, history, and what happens when the table is full. */
#include "model/state.h"
#include "tests/unit/model_util.h"

#define NR_READ  0
#define NR_FUTEX 202

void test_model_op_differences(void)
{
	struct feed *f = feed_new(NULL, NULL);
	struct feed_op o = {
		.pid = 10, .nr = NR_READ, .state = HL_STATE_DISK, .count = 3, .ns_each = 2 * MS, .errors = 1
	};
	const struct op_row *r;
	const struct snap *s;

	feed_process(f, 10, "db", 0);
	feed_op(f, o);
	r = find_op(feed_tick(f, 0), 10, NR_READ);
	ASSERT_STR(r->name, "read");
	ASSERT_EQ(r->count, 3);
	ASSERT_EQ(r->ivl_count, 3);
	o.count = 2;
	o.ns_each = MS; /* the maximum is absolute and stays */
	o.errors = 0;
	feed_op(f, o);
	feed_op(f, o);
	s = feed_tick(f, SEC);
	r = find_op(s, 10, NR_READ);
	ASSERT_EQ(snap_table(s, "operations")->n, 1);
	ASSERT_EQ(r->count, 7);
	ASSERT_EQ(r->errors, 1);
	ASSERT_EQ(r->total_ns, 10 * MS);
	ASSERT_EQ(r->busy_ns, 10 * MS);
	ASSERT_EQ(r->max_ns, 2 * MS);
	ASSERT_EQ(r->ivl_count, 4);
	ASSERT_EQ(r->ivl_errors, 0);
	ASSERT_EQ(r->ivl_ns, 4 * MS);
	ASSERT_EQ(r->total[HL_STATE_DISK], 10 * MS);
	ASSERT_EQ(r->ivl[HL_STATE_DISK], 4 * MS);
	ASSERT_EQ(r->hist.count, 7);
	ASSERT_EQ(hist_cell(&r->hist, hl_hist_cell(2 * MS)), 3);
	ASSERT_EQ(hist_cell(&r->hist, hl_hist_cell(MS)), 4);
	ASSERT_EQ(r->ivl_hist.count, 4);
	ASSERT_EQ(hist_cell(&r->ivl_hist, hl_hist_cell(2 * MS)), 0);
	r = find_op(feed_tick(f, SEC), 10, NR_READ);
	ASSERT_EQ(r->count, 7);
	ASSERT_EQ(r->ivl_count + r->ivl_ns + r->ivl_hist.count + r->ivl[HL_STATE_DISK], 0);
	feed_free(f);
}

void test_model_op_keys_apart(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	feed_op(f, (struct feed_op){
			   .pid = 10, .nr = NR_READ, .state = HL_STATE_DISK, .count = 1, .ns_each = MS });
	feed_op(f, (struct feed_op){
			   .pid = 10, .nr = NR_READ, .state = HL_STATE_IPC, .count = 1, .ns_each = MS });
	feed_op(f,
		(struct feed_op){ .pid = 10, .nr = NR_READ, .op = HL_OP_SYSCALL, .count = 1, .ns_each = MS });
	feed_op(f,
		(struct feed_op){ .pid = 10, .nr = NR_READ, .abi = HL_ABI_IA32, .count = 1, .ns_each = MS });
	feed_op(f, (struct feed_op){
			   .pid = 11, .nr = NR_READ, .state = HL_STATE_IPC, .count = 1, .ns_each = MS });
	s = feed_tick(f, 0);
	ASSERT_EQ(snap_table(s, "operations")->n, 5);
	feed_free(f);
}

/* Time that is not waiting for work: of a wait all or nothing, of a call by its breakdown. */
void test_model_op_busy(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	feed_op(f,
		(struct feed_op){ .pid = 1, .nr = 232, .state = HL_STATE_POLL, .count = 1, .ns_each = MS });
	feed_op(f, (struct feed_op){ .pid = 2,
				     .nr = 232,
				     .op = HL_OP_SYSCALL,
				     .count = 1,
				     .ns_each = 10 * MS,
				     .work_ns = 9 * MS });
	s = feed_tick(f, 0);
	ASSERT_EQ(find_op(s, 1, 232)->busy_ns, 0);
	ASSERT_EQ(find_op(s, 2, 232)->busy_ns, MS);
	ASSERT_EQ(find_op(s, 2, 232)->ivl_busy_ns, MS);
	ASSERT(operations_table.hidden(find_op(s, 1, 232)));
	ASSERT(operations_table.hidden(find_op(s, 2, 232)));
	feed_op(f,
		(struct feed_op){ .pid = 2, .nr = 232, .op = HL_OP_SYSCALL, .count = 1, .ns_each = 10 * MS });
	ASSERT(!operations_table.hidden(find_op(feed_tick(f, SEC), 2, 232)));
	feed_free(f);
}

struct sums {
	uint64_t count, total_ns, disk_ns, hist, ivl_hist, max_ns, members;
	size_t rows;
};

static struct sums sum_ops(const struct snap *s)
{
	const struct snap_table *t = snap_table(s, "operations");
	struct sums sums = { .rows = t->n };

	for (size_t i = 0; i < t->n; i++) {
		const struct op_row *r = snap_row(t, i);

		sums.count += r->count;
		sums.total_ns += r->total_ns;
		sums.disk_ns += r->total[HL_STATE_DISK];
		sums.hist += r->hist.count;
		sums.ivl_hist += r->ivl_hist.count;
		sums.max_ns = MAX(sums.max_ns, r->max_ns);
		sums.members += r->members;
	}
	return sums;
}

void test_model_ops_full(void)
{
	struct feed *f = feed_new(&(struct model_limits){ .max_ops = 32 }, NULL);
	const struct snap *s;
	struct sums sums;

	/* pid p has p operations of p ms each; the first ones are the least used */
	for (uint32_t p = 1; p <= 100; p++)
		feed_op(f, (struct feed_op){ .pid = p,
					     .nr = (uint16_t)(p % 5),
					     .state = HL_STATE_DISK,
					     .count = p,
					     .ns_each = p * MS });
	s = feed_tick(f, 0);
	sums = sum_ops(s);
	ASSERT(sums.rows <= 33);
	ASSERT_EQ(sums.count, 100 * 101 / 2);
	ASSERT_EQ(sums.total_ns, 100ull * 101 * 201 / 6 * MS);
	ASSERT_EQ(sums.disk_ns, sums.total_ns);
	ASSERT_EQ(sums.hist, sums.count);
	ASSERT_EQ(sums.ivl_hist, sums.count);
	ASSERT_EQ(sums.members, 100);
	ASSERT_EQ(find_op(s, 0, HL_NR_OTHER)->max_ns, (100 - (sums.rows - 1)) * MS);
	ASSERT_STR(find_op(s, 0, HL_NR_OTHER)->name, "(other)");
	ASSERT_STR(find_op(s, 0, HL_NR_OTHER)->comm, "(other)");
	ASSERT(find_op(s, 100, 0));
	ASSERT(!find_op(s, 1, 1));
	ASSERT(find_op(s, 0, HL_NR_OTHER)->ivl_count + find_op(s, 100, 0)->ivl_count > 100);
	/* one that was folded comes again: its row begins anew, nothing counts twice */
	feed_op(f, (struct feed_op){ .pid = 1, .nr = 1, .state = HL_STATE_DISK, .count = 1, .ns_each = MS });
	ASSERT_EQ(sum_ops(feed_tick(f, SEC)).count, 5051);
	feed_free(f);
}

void test_model_ops_full_ended_first(void)
{
	struct feed *f = feed_new(&(struct model_limits){ .max_ops = 2 }, NULL);
	const struct snap *s;

	feed_ledger(f, 11, 11, 5, CLOCKS(1));
	feed_op(f, (struct feed_op){ .pid = 11, .nr = NR_READ, .count = 1, .ns_each = MS });
	feed_end(f, 10, 10, 5, CLOCKS(1));
	feed_op(f, (struct feed_op){ .pid = 10, .nr = NR_READ, .count = 9, .ns_each = SEC });
	feed_op(f, (struct feed_op){ .pid = 11, .nr = NR_FUTEX, .count = 1, .ns_each = MS });
	s = feed_tick(f, 0);
	ASSERT(!find_op(s, 10, NR_READ));
	ASSERT(find_op(s, 11, NR_READ));
	ASSERT(find_op(s, 11, NR_FUTEX));
	ASSERT_EQ(find_op(s, 0, HL_NR_OTHER)->total_ns, 9 * SEC);
	feed_free(f);
}

/* While calls are not counted, their history has holes, not zeros; that of waits has neither. */
void test_model_op_heat_blind(void)
{
	struct feed *f = feed_new(NULL, NULL);
	struct feed_op call = { .pid = 10, .nr = NR_READ, .op = HL_OP_SYSCALL, .count = 3, .ns_each = 300 };
	struct feed_op wait = { .pid = 10, .nr = NR_FUTEX, .count = 3, .ns_each = 300 };
	const struct snap *s;
	struct heat h;

	feed_collector(f, "calls", HL_COLLECTOR_ON);
	feed_op(f, call);
	feed_op(f, wait);
	feed_tick(f, SEC);
	feed_collector(f, "calls", HL_COLLECTOR_OFF);
	feed_tick(f, SEC);
	feed_op(f, call); /* before it went off */
	s = feed_tick(f, SEC);
	ASSERT(model_heat(f->m, find_op(s, 10, NR_READ), &h));
	ASSERT(!h.blind[HEAT_SLICES - 3] && h.blind[HEAT_SLICES - 2] && !h.blind[HEAT_SLICES - 1]);
	ASSERT(model_heat(f->m, find_op(s, 10, NR_FUTEX), &h));
	ASSERT(!h.blind[HEAT_SLICES - 2]);
	feed_free(f);
}

void test_model_op_heat(void)
{
	struct feed *f = feed_new(NULL, NULL);
	struct feed_op o = {
		.pid = 10, .nr = NR_READ, .count = 3, .ns_each = 300
	}; /* octave 1: up to 512 ns */
	const struct snap *s;
	struct heat h;

	feed_op(f, o);
	s = feed_tick(f, 0);
	ASSERT(model_heat(f->m, find_op(s, 10, NR_READ), &h));
	ASSERT_EQ(h.counts[HEAT_SLICES - 1][1], 3);
	feed_tick(f, SEC);
	o.ns_each = 100; /* shorter than all octaves */
	feed_op(f, o);
	s = feed_tick(f, 2 * SEC);
	ASSERT(model_heat(f->m, find_op(s, 10, NR_READ), &h));
	ASSERT_EQ(h.slice_ns[HEAT_SLICES - 1], 2 * SEC);
	ASSERT_EQ(h.slice_ns[HEAT_SLICES - 2], SEC);
	ASSERT_EQ(h.slice_ns[HEAT_SLICES - 4], 0);
	ASSERT_EQ(h.counts[HEAT_SLICES - 1][0], 3);
	ASSERT_EQ(h.counts[HEAT_SLICES - 2][1], 0);
	ASSERT_EQ(h.counts[HEAT_SLICES - 3][1], 3);
	o.ns_each = 300 * SEC; /* and longer than all */
	feed_op(f, o);
	for (int i = 0; i < HEAT_SLICES - 1; i++)
		s = feed_tick(f, SEC);
	ASSERT(model_heat(f->m, find_op(s, 10, NR_READ), &h));
	ASSERT_EQ(h.counts[1][HEAT_OCTAVES - 1], 3);
	ASSERT_EQ(h.counts[0][0], 3);
	s = feed_tick(f, SEC);
	s = feed_tick(f, SEC);
	ASSERT(!model_heat(f->m, find_op(s, 10, NR_READ), &h));
	feed_free(f);
}

/* Longer than the history: every slice is what its own tick brought. */
void test_model_op_heat_long(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s = NULL;
	struct heat h;

	for (uint64_t i = 1; i <= 3 * HEAT_SLICES; i++) {
		feed_op(f, (struct feed_op){ .pid = 10, .nr = NR_READ, .count = i, .ns_each = 1000 });
		s = feed_tick(f, SEC);
	}
	ASSERT(model_heat(f->m, find_op(s, 10, NR_READ), &h));
	for (uint64_t i = 0; i < HEAT_SLICES; i++)
		ASSERT_EQ(h.counts[i][2], 2 * HEAT_SLICES + 1 + i);
	ASSERT(f->m->heat_cells <= 2 * HEAT_SLICES); /* what is older was dropped */
	feed_free(f);
}

/* A rate is of the time in which such operations were counted, which may be less than the interval. */
void test_model_op_rates(void)
{
	struct feed *f = feed_new(NULL, NULL);
	struct feed_op o = { .pid = 10, .nr = NR_READ, .op = HL_OP_SYSCALL, .count = 30, .ns_each = MS };
	const struct op_row *r;

	feed_op(f, o);
	feed_watched(f, HL_WATCH_CALLS, SEC);
	feed_tick(f, 0);
	feed_op(f, o);
	feed_watched(f, HL_WATCH_CALLS, 2 * SEC);
	r = find_op(feed_tick(f, 4 * SEC), 10, NR_READ);
	ASSERT_EQ(r->ivl_wall_ns, SEC);
	ASSERT_EQ(r->wall_ns, 2 * SEC);
	/* all the time: what the two clocks differ by is none of it */
	feed_op(f, o);
	feed_watched(f, HL_WATCH_CALLS, 6 * SEC + 1000);
	r = find_op(feed_tick(f, 4 * SEC), 10, NR_READ);
	ASSERT_EQ(r->ivl_wall_ns, 4 * SEC);
	ASSERT_EQ(r->wall_ns, 6 * SEC + 1000);
	feed_free(f);
}
