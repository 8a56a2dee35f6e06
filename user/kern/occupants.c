/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Who had the CPU while a thread waited for it: from the ring of its switches to OCCUPANTS, when the
 * wait is told of, for the ring goes on. What was in another CPU's queue is not looked for: nobody
 * has noted which one that was. Called by slow.c.
 */
#include <string.h>

#include "kern/kern.h"

void koccupants_fini(struct live *l)
{
	stays_free(&l->occupants.stays);
}

static void fill(const struct live *l, struct hl_occupant *o, const struct stay *s)
{
	struct who w;

	o->tid = s->tid;
	o->ns = s->ns;
	if (!s->tid || !life_who(l, s->tid, &w))
		return;
	o->start = w.start;
	memcpy(o->comm, w.comm, comm_len(w.comm));
	if (!w.proc_start)
		return;
	o->pid = w.pid;
	o->proc_start = w.proc_start;
}

uint64_t koccupants_interrupts(const struct live *l)
{
	uint64_t sum = 0;

	for (uint32_t c = 0; l->kcfg.slice_bits && c < l->kcfg.nr_cpus; c++) {
		uint64_t n = __atomic_load_n(&l->sh.cpus[c].slices, __ATOMIC_ACQUIRE);
		uint64_t last = (n - 1) & ((1u << l->kcfg.slice_bits) - 1);

		if (n)
			sum += __atomic_load_n(
				&l->sh.slices[((size_t)c << l->kcfg.slice_bits) + last].interrupts,
				__ATOMIC_RELAXED);
	}
	return sum;
}

/*
 * A kernel whose clock is not fit for it has the figures too, and they stand still: what does not
 * move in a second on any CPU is not measured.
 */
static bool tells_interrupts(struct live *l, uint64_t now)
{
	struct occupants *o = &l->occupants;
	uint64_t sum;

	if (o->stays.interrupts_ns)
		return true;
	if (!o->interrupts_at || (int64_t)(now - o->interrupts_at) >= (int64_t)NSEC_PER_SEC) {
		sum = koccupants_interrupts(l);
		o->interrupts_move = sum != o->interrupts_ns;
		o->interrupts_ns = sum;
		o->interrupts_at = now;
	}
	return o->interrupts_move;
}

static uint32_t send(struct live *l, const struct hl_rec_slow *slow, uint64_t span)
{
	const struct stays *s = &l->occupants.stays;
	struct hl_rec_occupants *r = LIVE_BEGIN(l, OCCUPANTS, occupants);
	uint32_t id = ++l->occupants.last_id;

	r->h.cpu = slow->h.cpu;
	r->h.ts = slow->h.ts;
	r->h.pid = slow->h.pid;
	r->h.tid = slow->h.tid;
	r->id = id;
	r->nr = (uint32_t)MIN(s->v.n, (size_t)HL_OCCUPANTS);
	r->span_ns = span;
	r->known_ns = s->known_ns;
	r->interrupts_ns = s->interrupts_ns;
	if (tells_interrupts(l, slow->h.ts))
		r->flags |= HL_OCCUPANTS_INTERRUPTS;
	r->others = (uint32_t)s->v.n - r->nr;
	for (size_t i = r->nr; i < s->v.n; i++)
		r->other_ns += s->v.v[i].ns;
	for (size_t i = 0; i < MIN(s->v.n, (size_t)HL_OCCUPANTS); i++) {
		struct hl_occupant o = {};

		fill(l, &o, &s->v.v[i]);
		rec_add_bytes(&l->buf, &o, sizeof(o));
	}
	live_emit(l);
	return id;
}

uint32_t koccupants_of(struct live *l, const struct hl_rec_slow *r)
{
	uint64_t queued = r->state_ns[HL_STATE_RUNQUEUE], span;
	struct slices s;

	if (!l->kcfg.slice_bits || r->op != HL_OP_WAIT || !r->occupants || r->h.cpu >= l->kcfg.nr_cpus ||
	    queued < l->cfg.slow_ns)
		return 0;
	s = (struct slices){ .ring = &l->sh.slices[(size_t)r->h.cpu << l->kcfg.slice_bits],
			     .size = 1u << l->kcfg.slice_bits,
			     .count = (const uint64_t *)&l->sh.cpus[r->h.cpu].slices };
	span = MIN(r->queued_here_ns, queued + r->state_ns[HL_STATE_THROTTLED]);
	slices_read(&s, r->occupants, span, &l->occupants.stays);
	return l->occupants.stays.v.n ? send(l, r, span) : 0;
}
