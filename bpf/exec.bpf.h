/* SPDX-License-Identifier: GPL-2.0 */
/* Threads that are met late; and exec from another thread than the leader, whose number and identity it
 * takes. */
#ifndef HL_EXEC_BPF_H
#define HL_EXEC_BPF_H

#include "bpf/ledger.bpf.h"

/* The leader's last switch-out may come after it gave its number away, and not find its home. */
static __noinline int leader_end(struct task_struct *p)
{
	struct hl_slot *s = slot_place(p->pid);
	struct hl_cpu *cpu = this_cpu();

	if (s && cpu && s->owner > HL_BUSY && s->owner != owner_of(p) && s->tid == (__u32)p->pid)
		ledger_end(s, cpu);
	return 0;
}

/* A thread seen for the first time at a switch, or at a call: it was there before hostlat, or is taking over
 * its leader's number to exec, and the leader's ledger ends by that; or it is one of those that the host of a
 * virtual machine hides, of which nothing else is told. Until the iterator has filled its slot its own has
 * not begun. */
static __noinline struct hl_slot *slot_late(struct task_struct *p, struct hl_cpu *cpu, __u64 now,
					    bool arrives)
{
	struct hl_slot *s = slot_take_place(p, now);
	struct hl_ctl *ctl;

	if (!s && !p->exit_state) { /* not the leader, which gets the other's number in exchange */
		leader_end(p);
		s = slot_take_place(p, now);
	}
	if (s) {
		slot_own(s, p);
		return s;
	}
	s = slot_place(p->pid);
	ctl = ctl_get();
	if (arrives && s && s->owner != HL_BUSY && ctl && ctl->found)
		cpu->homeless++;
	return NULL;
}

/* Where the thread's ledger was until it took the leader's number. */
static __always_inline struct hl_slot *slot_before(struct task_struct *p, __u32 old_tid)
{
	struct hl_slot *s = slot_place(old_tid);

	if (!s || s->owner != owner_of(p))
		s = bpf_task_storage_get(&hl_homes, p, NULL, 0);
	return s && s->owner == owner_of(p) && s->tid == old_tid ? s : NULL;
}

/* Its ledger runs to where the next one begins. It is running: there is nothing but `cpu`. */
static __always_inline void ledger_until(struct hl_slot *s, __u64 at, struct hl_cpu *cpu)
{
	if (at <= s->since || (s->flags & HL_SLOT_OFF_CPU))
		return;
	book(s, HL_STATE_CPU, at - s->since, cpu);
	s->since = at;
}

/* The thread took the leader's identity: its ledger ends, and its open call goes along. */
static __noinline int slot_move(struct task_struct *p, __u32 old_tid)
{
	struct hl_slot *old = slot_before(p, old_tid), *s;
	struct hl_cpu *cpu = this_cpu();
	__u64 begin, now = rq_clock(cfs_rq_of(p));
	__u32 gen, call;

	if (!old || !cpu)
		return 0;
	begin = old->call_begin;
	call = old->call;
	gen = old->call_gen;
	old->call_begin = 0;
	s = slot_find(p); /* it may have switched since, and found a home by that */
	ledger_until(old, s && s != old ? s->begin : now, cpu);
	ledger_end(old, cpu);
	if (!s || s == old) {
		s = slot_take(p, now);
		if (!s)
			return 0;
		slot_own(s, p);
	}
	s->call = call;
	s->open_states = 0;
	s->call_gen = gen;
	s->call_begin = begin;
	return 0;
}

#endif
