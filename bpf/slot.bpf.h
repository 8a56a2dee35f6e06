/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a thread's slot is. A thread gets its home when it is forked, or from the task
 * iterator when it was there before: at tid & mask of hl_slots, or in task storage when
 * that place is taken. It gives it back at its last switch-out.
 */
#ifndef HL_SLOT_BPF_H
#define HL_SLOT_BPF_H

#include "bpf/maps.bpf.h"

/* A task's address names it for as long as it lives, and it gives its home back before it dies. */
__hot __u64 owner_of(struct task_struct *p)
{
	return (__u64)p;
}

__hot struct hl_slot *slot_place(__u32 tid)
{
	__u32 at = tid & cfg.slot_mask;

	return bpf_map_lookup_elem(&hl_slots, &at);
}

/* The slot of p, or NULL when it has none (yet). */
__hot struct hl_slot *slot_find(struct task_struct *p)
{
	struct hl_slot *s = slot_place(p->pid);

	if (s && s->owner == owner_of(p))
		return s;
	s = bpf_task_storage_get(&hl_homes, p, NULL, 0);
	return s && s->owner == owner_of(p) ? s : NULL;
}

/* The same for who wakes p: all that it reads and writes is in one line of the slot. */
__hot struct hl_slot *slot_woken(struct task_struct *p)
{
	struct hl_slot *s = slot_place(p->pid);

	if (s && s->wake_tid == (__u32)p->pid)
		return s;
	return bpf_task_storage_get(&hl_homes, p, NULL, 0);
}

/* A wait that a block request may end. */
__hot bool waits_for_disk(const struct hl_slot *s)
{
	return s->state == HL_STATE_DISK || s->state == HL_STATE_FAULT;
}

/* What p's registers were when it entered the kernel. */
__hot struct pt_regs *saved_regs(struct task_struct *p, struct hl_slot *s)
{
	if (cfg.flags & HL_CFG_CAST)
		return CAST(struct pt_regs, s->regs);
	return (struct pt_regs *)bpf_task_pt_regs(p);
}

/*
 * The thread that runs on this CPU, where the hook got its saved registers from the kernel:
 * they stand at the end of a stack that nobody else has, and so say whose the slot is that
 * sched_switch noted last. NULL: it is not that one, and slot_find tells which it is.
 */
__hot struct hl_slot *slot_running(struct hl_cpu *cpu, __u64 regs)
{
	__u32 at = cpu->running;
	struct hl_slot *s = bpf_map_lookup_elem(&hl_slots, &at);

	return s && s->regs == regs ? s : NULL;
}

/*
 * The thread that runs on this CPU and in whose own context this is, as in_own_context tells
 * it: this hook's ctx lies on the stack that ends with its saved registers. NULL: it is not
 * the one that sched_switch noted last, or it is not certain.
 */
#define HL_STACK_DEPTH 15360 /* a stack is longer */

__hot struct hl_slot *slot_in_context(void *ctx, struct hl_cpu *cpu)
{
	__u32 at = cpu->running;
	struct hl_slot *s = bpf_map_lookup_elem(&hl_slots, &at);

	if (!s || !is_between(ctx, s->regs - HL_STACK_DEPTH, s->regs))
		return NULL;
	if ((s->flags & HL_SLOT_KTHREAD) || !(cfg.flags & HL_CFG_CAST))
		return NULL;
	return regs_nr(CAST(struct pt_regs, s->regs)) >= 0 ? s : NULL;
}

__hot void slot_runs(struct hl_cpu *cpu, struct task_struct *p)
{
	cpu->running = p->pid & cfg.slot_mask;
}

/* Everything of a new owner but `owner` itself, which makes the slot valid. */
static __always_inline void slot_reset(struct hl_slot *s, struct task_struct *p, __u64 now)
{
	struct task_struct *leader = TASK_PTR(p, group_leader);

	s->start = p->start_boottime;
	s->proc_start = leader->start_boottime;
	s->regs = (__u64)bpf_task_pt_regs(p);
	s->tid = s->wake_tid = p->pid;
	s->pid = p->tgid;
	s->switches = 0;
	s->since = s->begin = now;
	s->run_delay = p->sched_info.run_delay;
	s->ran = p->se.sum_exec_runtime;
	s->throttled = 0;
	s->cfs_rq = 0;
	s->object = s->fault = 0;
	s->nr = HL_NR_NONE;
	s->call_key = HL_NR_NONE;
	s->state = HL_STATE_RUNQUEUE;
	s->abi = HL_NATIVE_ABI;
	s->detail = HL_DETAIL_NONE;
	s->file = 0;
	s->flags = has_no_calls(p) ? HL_SLOT_KTHREAD : 0;
	s->waker = s->waker_tid = s->waker_pid = s->for_disk = s->wake_mark = 0;
	s->woken_throttled = 0;
	s->call_begin = s->restart_begin = s->restart_ns = 0;
	s->restarts = s->call_gen = s->gate = 0;
	s->open_states = s->call_flags = 0;
	__builtin_memset(s->state_ns, 0, sizeof(s->state_ns));
	__builtin_memset(s->phase_ns, 0, sizeof(s->phase_ns));
	__builtin_memset(s->ended_ns, 0, sizeof(s->ended_ns));
}

/*
 * Take the place in the array for p, filled but for its owner; off the hot path. now: the
 * clock. NULL: taken. Two threads may want one place at the same moment on two CPUs.
 */
static __noinline struct hl_slot *slot_take_place(struct task_struct *p, __u64 now)
{
	struct hl_slot *s = slot_place(p->pid);

	if (!s || __sync_val_compare_and_swap(&s->owner, 0, HL_BUSY))
		return NULL;
	slot_reset(s, p, now);
	return s;
}

/* As slot_take_place, else a home in task storage: where allocating is safe. */
static __noinline __attribute__((unused)) struct hl_slot *slot_take(struct task_struct *p, __u64 now)
{
	struct hl_slot *s = slot_take_place(p, now);

	if (s)
		return s;
	s = bpf_task_storage_get(&hl_homes, p, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!s)
		return NULL;
	s->owner = HL_BUSY;
	slot_reset(s, p, now);
	return s;
}

/* From here on the slot is p's. */
__hot void slot_own(struct hl_slot *s, struct task_struct *p)
{
	barrier_compiler();
	s->owner = owner_of(p);
}

#endif
