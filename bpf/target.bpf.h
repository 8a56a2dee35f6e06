/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whose calls count: those of the targets where there are some, since the calls tier was
 * attached. Every thread is asked once for each time that the answer may be another.
 */
#ifndef HL_TARGET_BPF_H
#define HL_TARGET_BPF_H

#include "bpf/restart.bpf.h"

#define HL_CGROUP_DEPTH 32 /* containers within containers have a dozen */

struct comm_word {
	__u64 w[HL_COMM_LEN / 8];
};

__global int is_comm(const struct hl_ctl *ctl, const struct comm_word *comm)
{
	if (!ctl || !comm)
		return 0;
	for (__u32 i = 0; i < HL_MAX_COMMS && i < ctl->nr_comms; i++)
		if (*(__u64 *)ctl->comms[i] == comm->w[0] && *(__u64 *)(ctl->comms[i] + 8) == comm->w[1])
			return 1;
	return 0;
}

__global int is_cgroup(const struct hl_ctl *ctl, __u64 id)
{
	if (!ctl)
		return 0;
	for (__u32 i = 0; i < HL_MAX_CGROUPS && i < ctl->nr_cgroups; i++)
		if (ctl->cgroups[i] == id)
			return 1;
	return 0;
}

static __noinline bool target_matches(struct task_struct *p, struct hl_ctl *ctl)
{
	__u32 pid = p->tgid;
	struct comm_word comm = {};
	struct cgroup *cg;
	__u64 id, *start;

	start = bpf_map_lookup_elem(&hl_targets, &pid);
	if (start && (!*start || *start == TASK_PTR(p, group_leader)->start_boottime))
		return true;
	bpf_probe_read_kernel_str(&comm, sizeof(comm), TASK_PTR(p, group_leader)->comm);
	if (is_comm(ctl, &comm))
		return true;
	if (!ctl->nr_cgroups)
		return false;
	cg = BPF_CORE_READ(p, cgroups, dfl_cgrp);
	for (int depth = 0; depth < HL_CGROUP_DEPTH && cg; depth++) {
		id = BPF_CORE_READ(cg, kn, id);
		if (is_cgroup(ctl, id))
			return true;
		cg = (struct cgroup *)BPF_CORE_READ(cg, self.parent);
		/* struct cgroup begins with its own css, so that a parent's css is the parent */
	}
	return false;
}

enum gate {
	GATE_SHUT, /* not a target */
	GATE_OPEN,
	GATE_FIRST, /* open, and nothing was seen of the thread since the tier was attached */
};

/* A call that was open when the tier was detached is none that will be seen to end. */
__hot int gate_first(struct hl_slot *s, struct hl_ctl *ctl, struct hl_cpu *cpu)
{
	if (s->call_gen == ctl->calls_gen)
		return GATE_OPEN;
	if (s->call_begin)
		cpu->call_detached++;
	s->call_begin = s->restart_begin = 0;
	restart_forget(s);
	s->call_gen = ctl->calls_gen;
	return GATE_FIRST;
}

/* Do the thread's calls count? */
static __noinline __attribute__((unused)) int gate_ask(struct task_struct *p, struct hl_slot *s,
						       struct hl_ctl *ctl, struct hl_cpu *cpu)
{
	__u32 gate = ctl->gate;

	if (s->gate == gate)
		return GATE_OPEN;
	if (s->gate == (gate | HL_GATE_SHUT))
		return GATE_SHUT;
	barrier_compiler(); /* what changes from here on is asked again */
	if ((ctl->filter & HL_FILTER_ON) && !target_matches(p, ctl)) {
		s->gate = gate | HL_GATE_SHUT;
		return GATE_SHUT;
	}
	s->gate = gate;
	return gate_first(s, ctl, cpu);
}

/* A new process of a target is one, where the run follows children. */
__hot void target_inherit(struct task_struct *parent, struct task_struct *child)
{
	struct hl_ctl *ctl = ctl_get();
	__u32 from = parent->tgid, to = child->tgid;
	__u64 start = child->start_boottime, *of;
	struct hl_cpu *cpu = this_cpu();

	if (!ctl || !cpu || !(ctl->filter & HL_FILTER_FOLLOW) || from == to)
		return;
	of = bpf_map_lookup_elem(&hl_targets, &from);
	if (!of || (*of && *of != TASK_PTR(parent, group_leader)->start_boottime))
		return;
	if (bpf_map_update_elem(&hl_targets, &to, &start, BPF_ANY))
		__sync_fetch_and_add(&cpu->targets_lost, 1);
}

/* A process has another name from now on: all look again whether they are a target. */
__hot void target_renamed(struct task_struct *p)
{
	struct hl_ctl *ctl = ctl_get();

	if (ctl && ctl->nr_comms && p->pid == p->tgid)
		__sync_fetch_and_add(&ctl->gate, 2);
}

/* Some threads are in other cgroups from now on. */
__hot void targets_moved(void)
{
	struct hl_ctl *ctl = ctl_get();

	if (ctl && ctl->nr_cgroups)
		__sync_fetch_and_add(&ctl->gate, 2);
}

__hot void target_again(struct task_struct *p)
{
	struct hl_slot *s = slot_find(p);

	if (s)
		s->gate = 0;
}

#endif
