/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Slow operations: a ring of the newest, and those in progress, which are told anew for
 * each tick. They hold their process, so that a name that comes later is theirs too and
 * stays when the process has long been folded. Called by model.c.
 */
#include <stdlib.h>
#include <string.h>

#include "model/state.h"
#include "rec/rec.h"

static void slow_drop(struct model *m, struct slow *s)
{
	struct istr *strings[] = { s->comm,       s->waker_comm, s->waker_call, s->holder_comm, s->text,
				   s->path,       s->local,      s->remote,     s->disk,        s->name,
				   s->quota_path, s->reason,     s->asked };

	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		intern_put(m->interns, strings[i]);
	chain_drop(m, s->chain);
	occupants_drop(m, s->occupants);
	slow_peers_drop(m, s->peers);
	proc_put(m, s->proc);
}

static void slow_fill(struct model *m, struct slow *s, const struct hl_rec_slow *r)
{
	s->row = (struct slow_row){
		.op = r->op,
		.state = r->state,
		.abi = r->abi,
		.nr = r->nr,
		.pid = r->h.pid,
		.tid = r->h.tid,
		.start_ns = r->start,
		.proc_start_ns = r->proc_start,
		.begin_ns = r->begin_ns,
		.duration_ns = r->duration_ns,
		.flags = r->flags,
		.result = r->result,
		.waker = r->waker,
		.waker_pid = r->waker_pid,
		.waker_tid = r->waker_tid,
		.queue_ns = r->queue_ns,
		.device_ns = r->device_ns,
		.holder = r->holder,
		.holder_pid = r->holder_pid,
		.holder_tid = r->holder_tid,
		.in_progress = r->h.kind == HL_KIND_NOW,
		.times = r->op == HL_OP_TCP ? MAX(r->times, 1u) : 0,
	};
	for (int i = 0; i < NR_HL_STATES; i++)
		s->row.time[i] = r->state_ns[i];
	s->stack = r->kernel_stack;
	s->user_stack = r->user_stack;
	s->waker_stack = r->waker_kernel_stack;
	s->waker_user_stack = r->waker_user_stack;
	if ((r->flags & HL_SLOW_FROM_WHERE) && r->waker_nr < HL_NR_UNKNOWN)
		s->waker_call = intern_hold(op_name(m, HL_OP_SYSCALL, r->waker_abi, r->waker_nr));
	s->holder_start = r->holder_start;
	s->holder_comm = intern_get(m->interns, r->holder_comm, comm_len(r->holder_comm));
	s->proc = proc_hold(proc_get(m, r->h.pid, r->proc_start));
	s->comm = intern_get(m->interns, r->comm, comm_len(r->comm));
	s->waker_comm = intern_get(m->interns, r->waker_comm, comm_len(r->waker_comm));
	s->name = intern_hold(op_name(m, r->op, r->abi, r->nr));
	slow_detail(m, s, r);
}

int slow_apply(struct model *m, const struct hl_rec *rec)
{
	struct slow *s;

	m->slow_seen++;
	if (m->slow.n < m->limits.max_slow) {
		s = vec_add(&m->slow);
	} else {
		s = &m->slow.v[m->slow_next];
		m->slow_next = (m->slow_next + 1) % m->slow.n;
		waited_add(m, s);
		slow_drop(m, s);
		*s = (struct slow){};
	}
	m->slow_fresh = MIN(m->slow_fresh + 1, m->slow.n);
	slow_fill(m, s, (const void *)rec);
	occupants_of_slow(m, s, ((const struct hl_rec_slow *)rec)->occupants);
	slow_peers_of(m, s, ((const struct hl_rec_slow *)rec)->peers);
	waited_adopt(m, s);
	return 0;
}

int now_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_slow *r = (const void *)rec;
	struct thread *t = thread_find(m, rec->tid, r->start);
	struct slow *s;

	if (m->now.n >= m->limits.max_slow)
		return 0;
	s = vec_add(&m->now);
	slow_fill(m, s, r);
	if (t)
		t->now_stack = s->stack;
	if (!t || !s->text)
		return 0;
	intern_put(m->interns, t->now_detail);
	t->now_detail = intern_hold(s->text);
	return 0;
}

/* Wall-clock time by this tick's pair of clocks: the same live and in replay. */
static void set_real(const struct model *m, struct slow *s)
{
	s->row.real_ns = model_real_ns(m, s->row.begin_ns);
}

void slow_tick(struct model *m)
{
	size_t n = m->slow.n;

	for (size_t i = 1; i <= m->slow_fresh; i++) {
		struct slow *s = &m->slow.v[(m->slow_next + n - i) % n];

		set_real(m, s);
		cgroup_of_slow(m, s);
		waited_add(m, s);
	}
	chains_tick(m);
	for (size_t i = 0; i < m->now.n; i++) {
		set_real(m, &m->now.v[i]);
		cgroup_of_slow(m, &m->now.v[i]);
	}
	m->slow_fresh = 0;
}

void slow_roll(struct model *m)
{
	chains_roll(m);
	occupants_roll(m);
	slow_peers_roll(m);
	for (size_t i = 0; i < m->now.n; i++)
		slow_drop(m, &m->now.v[i]);
	m->now.n = 0;
}

void slow_fini(struct model *m)
{
	slow_roll(m);
	for (size_t i = 0; i < m->slow.n; i++)
		slow_drop(m, &m->slow.v[i]);
	vec_free(&m->slow);
	vec_free(&m->now);
}
