/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Slow waits added up by where in the kernel they were: process, call, state and stack. Of
 * each slow wait its record comes once, when it is over. They hold their process, as slow
 * operations do. Called by slow.c and picture.c.
 */
#include <stdlib.h>

#include "model/state.h"

static struct waited_key key_of(const struct slow *s)
{
	return (struct waited_key){
		.start = s->row.proc_start_ns,
		.pid = s->row.pid,
		.stack = s->stack,
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

void waited_add(struct model *m, const struct slow *s)
{
	struct waited *w;

	if (s->row.op != HL_OP_WAIT || !s->stack)
		return;
	w = waited_get(m, s);
	w->count++;
	w->ivl_count++;
	w->total_ns += s->row.duration_ns;
	w->ivl_ns += s->row.duration_ns;
	w->max_ns = MAX(w->max_ns, s->row.duration_ns);
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
