/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Who had the CPU while a thread waited for it: told just before the slow wait that it belongs to,
 * by a number; kept with that, and with the slow call that it is the worst such wait of. Called by
 * model.c, slow.c and picture.c.
 */
#include <stdlib.h>

#include "model/state.h"
#include "rec/rec.h"

#define LOOK_BACK 2048 /* slow operations among which those of a call are looked for */

struct occupant {
	struct proc *proc; /* NULL: not known */
	struct istr *comm;
	uint64_t ns;
	uint32_t pid, tid;
};

struct occupants {
	struct told told; /* the first member */
	uint32_t refs;
	uint64_t known_ns, other_ns;
	uint64_t of_ns; /* how long the wait was one for a CPU */
	uint64_t interrupts_ns;
	bool tells_interrupts;
	uint32_t others, n;
	struct occupant v[HL_OCCUPANTS];
};

void occupants_drop(struct model *m, void *occupants)
{
	struct occupants *o = occupants;

	if (!o || --o->refs)
		return;
	for (uint32_t i = 0; i < o->n; i++) {
		intern_put(m->interns, o->v[i].comm);
		if (o->v[i].proc)
			proc_put(m, o->v[i].proc);
	}
	free(o);
}

int occupants_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_occupants *r = (const void *)rec;
	const struct hl_occupant *v = rec_occupants(r);
	struct occupants *o = xcalloc(1, sizeof(*o));

	*o = (struct occupants){ .told = { r->id, r->h.ts },
				 .refs = 1,
				 .known_ns = r->known_ns,
				 .other_ns = r->other_ns,
				 .interrupts_ns = r->interrupts_ns,
				 .tells_interrupts = r->flags & HL_OCCUPANTS_INTERRUPTS,
				 .others = r->others,
				 .n = r->nr };
	for (uint32_t i = 0; i < r->nr; i++) {
		o->v[i] = (struct occupant){ .ns = v[i].ns, .pid = v[i].pid, .tid = v[i].tid };
		o->v[i].comm = intern_get(m->interns, v[i].comm, comm_len(v[i].comm));
		if (v[i].pid)
			o->v[i].proc = proc_hold(proc_get(m, v[i].pid, v[i].proc_start));
	}
	told_put(m, m->occupants, &o->told, occupants_drop);
	return 0;
}

/* Of the waits in a call the one that was longest for a CPU. */
static struct occupants *worst_within(const struct model *m, const struct slow *call)
{
	const struct slow_row *c = &call->row;
	struct occupants *worst = NULL;

	for (size_t i = 1; i <= MIN(m->slow.n, (size_t)LOOK_BACK); i++) {
		const struct slow *s = &m->slow.v[(m->slow_next + m->slow.n - i) % m->slow.n];

		if (!s->occupants || s->row.tid != c->tid || s->row.op != HL_OP_WAIT ||
		    s->row.begin_ns + s->row.duration_ns <= c->begin_ns ||
		    s->row.begin_ns >= c->begin_ns + c->duration_ns)
			continue;
		if (!worst || s->occupants->of_ns > worst->of_ns)
			worst = s->occupants;
	}
	return worst;
}

void occupants_of_slow(struct model *m, struct slow *s, uint32_t id)
{
	struct occupants *o;

	if ((s->row.op == HL_OP_SYSCALL || s->row.op == HL_OP_EXCHANGE) && s->row.time[HL_STATE_RUNQUEUE]) {
		s->occupants = worst_within(m, s);
		if (s->occupants)
			s->occupants->refs++;
		return;
	}
	o = told_take(m->occupants, id);
	if (!o)
		return;
	o->of_ns = s->row.time[HL_STATE_RUNQUEUE] + s->row.time[HL_STATE_THROTTLED];
	s->occupants = o;
}

void occupants_roll(struct model *m)
{
	told_roll(m, m->occupants, occupants_drop);
}

void occupants_init(struct model *m)
{
	m->occupants = hash_new(sizeof(uint32_t));
}

void occupants_fini(struct model *m)
{
	told_free(m, m->occupants, occupants_drop);
}

const struct snap_occupants *occupants_copy(struct model *m, const struct occupants *o, struct arena *a,
					    uint64_t stamp)
{
	struct snap_occupants *to;
	struct snap_occupant *v;

	if (!o || !o->n)
		return NULL;
	to = arena_zalloc(a, sizeof(*to));
	v = arena_zalloc(a, (o->n + 1) * sizeof(*v));
	for (uint32_t i = 0; i < o->n; i++) {
		const struct occupant *w = &o->v[i];

		v[i] = (struct snap_occupant){ .pid = w->pid,
					       .tid = w->tid,
					       .ns = w->ns,
					       .comm = w->tid ? intern_copy(w->comm, a, stamp) : "(idle)" };
		if (w->proc)
			v[i].cgroup = intern_copy(w->proc->cgroup, a, stamp);
	}
	to->n = o->n;
	if (o->others)
		v[to->n++] =
			(struct snap_occupant){ .comm = "(other)", .ns = o->other_ns, .threads = o->others };
	to->v = v;
	to->known_ns = o->known_ns;
	to->interrupts_ns = o->interrupts_ns;
	to->tells_interrupts = o->tells_interrupts;
	to->of_ns = MAX(o->of_ns, o->known_ns);
	return to;
}
