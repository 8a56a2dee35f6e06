/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Which functions are called too often: what is called now counts, not what was once. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "kern/kern.h"
#include "tests/test.h"

#define CALLS   5000000 /* in an earlier time */
#define COST_NS 2000
#define LOOK_NS (250 * NSEC_PER_MSEC)
#define RUN_NS  (30 * NSEC_PER_MSEC)

struct host {
	struct live *l;
	struct hl_cell cells[3];
	struct hl_ctl ctl;
	struct hl_func shared[2];
	struct hl_func_cpu cpus[2 * HL_FUNC_ROOM]; /* of two CPUs, which take turns */
	uint32_t turn;
	struct func f, *v[1];
};

static void begin(struct host *h)
{
	struct live *l = xcalloc(1, sizeof(*l));

	*h = (struct host){ .l = l, .f = { .id = 1, .name = (char *)"quick", .cost_ns = COST_NS } };
	h->v[0] = &h->f;
	h->ctl.pool_next = ARRAY_SIZE(h->cells);
	h->cells[1].key = HL_KEY(1, 1, 0, 0, HL_OP_FUNCTION);
	h->cells[2].key = HL_KEY(getpid(), 1, 0, 0, HL_OP_FUNCTION);
	h->cells[1].sequential = 10 * CALLS;
	h->cells[2].sequential = CALLS;
	life_init(&l->life);
	l->sh.ctl = &h->ctl;
	l->sh.cells = h->cells;
	l->cells.nr_cells = ARRAY_SIZE(h->cells);
	l->cells.last = xcalloc(ARRAY_SIZE(h->cells), sizeof(*l->cells.last));
	l->sys.cpus_online = 2;
	l->funcs.shared = h->shared;
	l->funcs.v.v = h->v;
	l->funcs.v.n = 1;
	l->funcs.cpus = h->cpus;
	l->kcfg.nr_cpus = 2;
	h->cpus[1].hits = h->cpus[HL_FUNC_ROOM + 1].hits = 11 * CALLS;
	h->f.hits = funcs_hits(l, 1);
}

/* This process calls it so often, and runs for a while; then the guard looks. */
static void calls(struct host *h, uint64_t n)
{
	clock_t end = clock() + RUN_NS / 1000;

	while (clock() < end)
		;
	h->cpus[h->turn++ % 2 * HL_FUNC_ROOM + 1].hits += 2 * n;
	h->cells[2].sequential += n;
	h->l->funcs.guard_at = clock_mono_ns() - LOOK_NS;
	funcs_guard(h->l);
}

static void end(struct host *h)
{
	life_fini(&h->l->life);
	free(h->l->funcs.cell_calls);
	cells_fini(&h->l->cells);
	free(h->l);
}

/* 12,000 a second, of a process that has made millions; beside one that made more, and calls it no more. */
void test_kern_guard_of_now(void)
{
	struct host h;

	begin(&h);
	for (int i = 0; i < 5; i++) {
		calls(&h, 3000);
		ASSERT(!h.f.is_off);
		if (i)
			ASSERT_EQ(h.f.caller, getpid());
	}
	calls(&h, 40000); /* 160,000 a second */
	ASSERT(h.f.is_off);
	end(&h);
}

/* … and after a pause in which it made a million, slowly enough not to be looked at. */
void test_kern_guard_after_pause(void)
{
	struct host h;

	begin(&h);
	calls(&h, 3000);
	calls(&h, 3000);
	calls(&h, 100);
	h.cells[2].sequential += 1000000;
	for (int i = 0; i < 3; i++) {
		calls(&h, 3000);
		ASSERT(!h.f.is_off);
	}
	end(&h);
}
