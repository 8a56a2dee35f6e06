/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Slow waits added up by where they were: process, call, state, and stacks of the kernel and the
 * program. Of each slow wait its record comes once, when it is over; where calls are traced, the
 * program's stack comes with that of the call. They hold their process, as slow
 * operations do. Called by slow.c and picture.c.
 */
#include <stdlib.h>

#include "model/state.h"

#define CLOCKS_WAVER 1000000 /* ns: calls and waits are timed by different clocks */

static struct waited_key key_of(const struct slow *s)
{
	return (struct waited_key){
		.start = s->row.proc_start_ns,
		.pid = s->row.pid,
		.stack = s->stack,
		.user_stack = s->user_stack,
		.nr = s->row.nr,
		.state = s->row.state,
		.abi = s->row.abi,
	};
}

/* The row of what has no room: of the process "(other)", in the kind of wait that it is. */
static struct waited *waited_get(struct model *m, const struct slow *s)
{
	struct waited_key key = key_of(s);
	struct waited *w = hash_get(m->waited_by_key, &key);
	struct proc *proc = s->proc;

	if (w)
		return w;
	if (m->waited.n >= m->limits.max_slow) {
		key = (struct waited_key){ .nr = HL_NR_OTHER, .state = s->row.state };
		proc = proc_other(m, s->proc);
		w = hash_get(m->waited_by_key, &key);
	}
	if (w)
		return w;
	w = xcalloc(1, sizeof(*w));
	w->key = key;
	w->proc = proc_hold(proc);
	w->name = intern_hold(op_name(m, HL_OP_WAIT, key.abi, key.nr));
	hash_put(m->waited_by_key, &w->key, w);
	*vec_add(&m->waited) = w;
	return w;
}

void waited_add(struct model *m, struct slow *s)
{
	struct waited *w;

	if (s->row.op != HL_OP_WAIT || s->added || (!s->stack && !s->user_stack))
		return;
	s->added = true;
	w = waited_get(m, s);
	w->count++;
	w->ivl_count++;
	w->total_ns += s->row.duration_ns;
	w->ivl_ns += s->row.duration_ns;
	w->max_ns = MAX(w->max_ns, s->row.duration_ns);
}

static bool is_part(const struct slow_row *r, const struct slow_row *call)
{
	return r->op == HL_OP_WAIT && r->tid == call->tid && r->begin_ns >= call->begin_ns &&
	       r->begin_ns + r->duration_ns <= call->begin_ns + call->duration_ns + CLOCKS_WAVER;
}

void waited_adopt(struct model *m, const struct slow *call)
{
	if (call->row.op != HL_OP_SYSCALL || !call->user_stack)
		return;
	for (size_t i = 1; i <= m->slow_fresh; i++) {
		struct slow *s = &m->slow.v[(m->slow_next + m->slow.n - i) % m->slow.n];

		if (s->user_stack || !is_part(&s->row, &call->row))
			continue;
		s->user_stack = call->user_stack;
	}
}

void waited_roll(struct model *m)
{
	for (size_t i = 0; i < m->waited.n; i++)
		m->waited.v[i]->ivl_count = m->waited.v[i]->ivl_ns = 0;
}

void waited_init(struct model *m)
{
	m->waited_by_key = hash_new(sizeof(struct waited_key));
}

void waited_fini(struct model *m)
{
	for (size_t i = 0; i < m->waited.n; i++) {
		intern_put(m->interns, m->waited.v[i]->name);
		proc_put(m, m->waited.v[i]->proc);
		free(m->waited.v[i]);
	}
	vec_free(&m->waited);
	hash_free(m->waited_by_key);
}
