/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What probes cost is paid by the programs: a function that one process calls more than so many times a second is
 * left alone again, and said so. Called by live.c.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/fmt.h"
#include "base/log.h"
#include "kern/kern.h"

#define MOST_A_SECOND 100000
#define LOOK_NS       (250 * NSEC_PER_MSEC)

struct caller {
	uint32_t pid;
	uint64_t calls;
};

/* Who has called it most so far. What strangers did, whom this run is not about, costs as much. */
static struct caller busiest(const struct live *l, uint32_t id)
{
	uint32_t used = MIN(__atomic_load_n(&l->sh.ctl->pool_next, __ATOMIC_RELAXED), l->cells.nr_cells);
	struct hash *by_pid = hash_new(sizeof(uint32_t));
	struct caller most = {}, *c;

	for (uint32_t i = 1; i < used; i++) {
		const struct hl_cell *cell = &l->sh.cells[i];
		uint32_t pid = HL_KEY_PID(cell->key);

		if (HL_KEY_OP(cell->key) != HL_OP_FUNCTION || HL_KEY_NR(cell->key) != id)
			continue;
		c = hash_get(by_pid, &pid);
		if (!c) {
			c = xcalloc(1, sizeof(*c));
			c->pid = pid;
			hash_put(by_pid, &pid, c);
		}
		c->calls += cell->sequential;
	}
	for (size_t i = 0; (c = hash_next(by_pid, &i, NULL));) {
		if (c->calls > most.calls)
			most = *c;
		free(c);
	}
	hash_free(by_pid);
	return most;
}

static void leave_alone(struct live *l, struct func *f, uint64_t rate)
{
	struct caller c = busiest(l, f->id);
	const char *comm = c.pid ? life_comm(l, c.pid, 0) : NULL;
	char many[FMT_LEN];

	funcs_take_off(l, f);
	f->is_off = true;
	fmt_count(many, rate);
	if (comm)
		pr_warn("%s was called %s times a second, mostly by %.16s (%u): its probes were taken off, what "
			"was counted until then stays",
			f->name, many, comm, c.pid);
	else
		pr_warn("%s was called %s times a second: its probes were taken off, what was counted until then "
			"stays",
			f->name, many);
}

void funcs_guard(struct live *l)
{
	struct funcs *k = &l->funcs;
	uint64_t now = clock_mono_ns(), ns = now - k->guard_at;

	if (!k->shared || ns < LOOK_NS)
		return;
	for (size_t i = 0; i < k->v.n; i++) {
		struct func *f = k->v.v[i];
		uint64_t hits = __atomic_load_n(&k->shared[f->id].hits, __ATOMIC_RELAXED), more = hits - f->hits;

		f->hits = hits;
		if (f->flags & HL_FUNC_POINT)
			more *= 2; /* of a call there are two, its begin and its end */
		more = more * NSEC_PER_SEC / 2 / ns;
		if (!f->is_off && k->guard_at && more > MOST_A_SECOND)
			leave_alone(l, f, more);
	}
	k->guard_at = now;
}
