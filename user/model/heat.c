/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The history of an operation for the heatmap: of each tick how many there were per
 * power of two. Only what happened is stored, so that an operation that is seldom costs
 * little; all histories together are bounded. Called by model.c at a tick, and by views.
 */
#include <stdlib.h>
#include <string.h>

#include "model/state.h"

#define HEAT_MAX_CELLS (1u << 20) /* 8 MiB */

struct heat_cell {
	uint32_t tick;
	uint32_t octave : 5, count : 27;
};

#define HEAT_COUNT_MAX ((1u << 27) - 1)

static unsigned int octave(unsigned int cell)
{
	return cell ? ((cell - 1) >> HL_HIST_SCALE) + 1 : 0;
}
_Static_assert(((HL_HIST_LAST - 1) >> HL_HIST_SCALE) + 1 == HEAT_OCTAVES - 1,
	       "a row of the heatmap per octave");

static void drop_old(struct model *m, struct heat_log *log, uint32_t tick)
{
	uint32_t old = 0;

	while (old < log->n && tick - log->cells[old].tick >= HEAT_SLICES)
		old++;
	if (!old)
		return;
	log->n -= old;
	memmove(log->cells, log->cells + old, log->n * sizeof(*log->cells));
}

static bool room(struct model *m, struct heat_log *log)
{
	uint32_t cap = log->cap ? log->cap * 2 : 4;

	if (log->n < log->cap)
		return true;
	if (m->heat_cells + cap - log->cap > HEAT_MAX_CELLS)
		return false;
	m->heat_cells += cap - log->cap;
	log->cells = xrealloc(log->cells, cap * sizeof(*log->cells));
	log->cap = cap;
	return true;
}

void heat_log_add(struct model *m, struct op *o)
{
	const struct hist *h = &o->ivl_hist;
	struct heat_log *log = &o->heat;
	uint32_t tick = (uint32_t)m->seq;
	uint64_t counts[HEAT_OCTAVES] = {};

	if (log->n && tick - log->cells[log->n - 1].tick >= HEAT_SLICES)
		heat_log_free(m, o);
	if (!h->count)
		return;
	if (log->n == log->cap)
		drop_old(m, log, tick);
	for (unsigned int i = 0; i < h->n; i++)
		counts[octave(h->first + i)] += h->cells[i];
	for (unsigned int i = 0; i < HEAT_OCTAVES; i++)
		if (counts[i] && room(m, log))
			log->cells[log->n++] =
				(struct heat_cell){ tick, i & (HEAT_OCTAVES - 1),
						    MIN(counts[i], HEAT_COUNT_MAX) & HEAT_COUNT_MAX };
}

void heat_log_free(struct model *m, struct op *o)
{
	m->heat_cells -= o->heat.cap;
	free(o->heat.cells);
	o->heat = (struct heat_log){};
}

bool model_heat(const struct model *m, const struct op_row *row, struct heat *out)
{
	struct op_key key = { .start = row->proc_start_ns,
			      .lock = row->object,
			      .pid = row->pid,
			      .file = row->file.id,
			      .nr = row->nr,
			      .op = row->op,
			      .state = row->state,
			      .abi = row->abi };
	const struct op *o = row->members == 1 ? hash_get(m->op_by_key, &key) : NULL;
	uint64_t last = m->seq - 1; /* the tick that the picture shows */
	bool any = false;

	if (!o || !m->seq)
		return false;
	*out = (struct heat){};
	for (uint64_t age = 0; age < HEAT_SLICES && age <= last; age++) {
		size_t at = (last - age) % HEAT_SLICES;

		out->slice_ns[HEAT_SLICES - 1 - age] = m->slice_ns[at];
		out->blind[HEAT_SLICES - 1 - age] = row->op == HL_OP_SYSCALL && m->calls_off[at];
	}
	for (uint32_t i = 0; i < o->heat.n; i++) {
		const struct heat_cell *c = &o->heat.cells[i];
		uint32_t age = (uint32_t)last - c->tick;

		if (age >= HEAT_SLICES)
			continue;
		out->counts[HEAT_SLICES - 1 - age][c->octave] = c->count;
		out->blind[HEAT_SLICES - 1 - age] = false; /* it was for a part of it */
		any = true;
	}
	return any;
}
