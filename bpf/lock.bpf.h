/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Locks: who holds one when a thread begins to wait for it, as the lock's own memory says, and the
 * counting of waits lock by lock. What is read here is a claim: user space believes it only when
 * such a thread exists.
 */
#ifndef HL_LOCK_BPF_H
#define HL_LOCK_BPF_H

#include "bpf/cell.bpf.h"
#include "bpf/lock.h"
#include "bpf/wait.bpf.h"

/* Who holds the mutex that this thread is about to sleep on, as far as that is known. */
__global int wait_holder(__u64 task, struct hl_wait *w)
{
	struct hl_mutex m = {};

	if (!w)
		return 0;
	if (w->object % HL_MUTEX_PAGE ? HL_READ_USER(task, &m, sizeof(m), w->object - HL_MUTEX_BEFORE)
				      : HL_READ_USER(task, &m.word, sizeof(m) - HL_MUTEX_BEFORE, w->object))
		return 0;
	w->holder = hl_mutex_holder(&m, w->futex_op, w->abi == HL_NATIVE_ABI, &w->holder_how);
	return 0;
}

__hot bool waits_for_lock(const struct hl_slot *s)
{
	return s->state == HL_STATE_LOCK && s->detail == HL_DETAIL_LOCK;
}

/* It is kept where a wait for a disk keeps what ended it. */
__hot void holder_keep(struct hl_slot *s, const struct hl_wait *w)
{
	s->for_disk = 0;
	s->holder = w->holder;
	s->holder_how = w->holder ? w->holder_how : HL_HOLDER_UNKNOWN;
}

/* The cell of a lock; "(other)" where locks have had their share of the pool. */
__hot struct hl_cell *lock_cell(const struct hl_slot *s, struct hl_cpu *cpu)
{
	__u64 key = HL_LOCK_KEY(s->pid, s->proc_start, s->abi);
	__u32 cell = cells_left() ? cell_find(key, s->object, cpu->id) : 0;

	if (!cell)
		cell = cell_other(cpu->id, HL_CELL_LOCK);
	return bpf_map_lookup_elem(&hl_cells, &cell);
}

/* A wait for a lock is over. */
__hot int ledger_lock(const struct hl_slot *s, const struct hl_split *t, struct hl_cpu *cpu)
{
	struct hl_cell *c = lock_cell(s, cpu);

	if (!c)
		return 0;
	cell_add(c, t->off);
	c->proc_start = s->proc_start;
	c->state_ns[HL_STATE_LOCK] += t->slept;
	c->state_ns[HL_STATE_RUNQUEUE] += t->queued;
	c->state_ns[HL_STATE_THROTTLED] += t->throttled;
	return 0;
}

#endif
