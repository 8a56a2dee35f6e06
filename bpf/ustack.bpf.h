/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The user stack of the thread that runs: its registers as it entered the kernel, and what lies on
 * its stack from there up. No frame is looked for here: programs have no frame pointers, and user
 * space has the tables that tell. One costs some microseconds, so that only what was slow has one,
 * and of that so many a second.
 */
#ifndef HL_USTACK_BPF_H
#define HL_USTACK_BPF_H

#include "bpf/maps.bpf.h"
#include "bpf/slot.bpf.h"
#include "bpf/target.bpf.h"
#include "bpf/stack.h"

#define HL_USER_PAGE 4096

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} hl_ustacks SEC(".maps");

/* May another one be taken now? HL_USTACK_BURST of them at once, after that one each ustack_ns. Waits,
 * which all of the host has, take nothing from calls, which may be of a target only; and nor do waits
 * for the next event, of which there are many, and few that matter. */
__hot bool ustack_due(struct hl_ctl *ctl, __u32 kind)
{
	__u32 which = kind < HL_USTACK_KINDS ? kind : 0;
	__u64 *at = &ctl->ustack_at[which], gap = ctl->ustack_ns[which];
	__u64 now = bpf_ktime_get_ns(), was = *at;
	__u64 free_at = was > now ? was : now;

	if (!gap || free_at - now > HL_USTACK_BURST * gap)
		return false;
	/* two CPUs at once: one of them may go without */
	return __sync_val_compare_and_swap(at, was, free_at + gap) == was;
}

/* From `sp` up, as far as it can be read; how much that is. */
__hot __u32 ustack_copy(struct hl_ustack_raw *raw, __u64 sp)
{
	__u32 n = 0, rest;

	for (__u32 i = 0; i < HL_USTACK_MAX / HL_USER_PAGE; i++) {
		__u64 at = sp + i * HL_USER_PAGE;

		if ((i + 1) * HL_USER_PAGE > cfg.ustack_bytes)
			break;
		if (!bpf_probe_read_user(&raw->slice[i * HL_USER_PAGE], HL_USER_PAGE, (void *)at)) {
			n += HL_USER_PAGE;
			continue;
		}
		/* the stack ends in this page, or the next one was never used */
		rest = (HL_USER_PAGE - (at & (HL_USER_PAGE - 1))) & (HL_USER_PAGE - 1);
		if (rest && !bpf_probe_read_user(&raw->slice[i * HL_USER_PAGE], rest, (void *)at))
			n += rest;
		break;
	}
	return n;
}

/* This run is about others than p. Who makes no calls that are looked at has not been asked. */
__hot bool is_shut_out(struct task_struct *p, const struct hl_slot *s)
{
	struct hl_ctl *ctl = ctl_get();

	if (!ctl || !(ctl->filter & HL_FILTER_ON))
		return false;
	if ((s->gate | HL_GATE_SHUT) == (ctl->gate | HL_GATE_SHUT))
		return s->gate & HL_GATE_SHUT;
	return !target_matches(p, ctl);
}

/* A child of ours that has not become another program yet: it waits for our word. */
__hot bool is_our_child(struct task_struct *p)
{
	struct task_struct *leader = TASK_PTR(p, group_leader); /* threads never exec */

	return TASK_PTR(leader, real_parent)->tgid == (int)cfg.self && (leader->flags & HL_PF_FORKNOEXEC);
}

/* May one be taken of this thread? Then the number by which its record may name it; 0: no. */
__hot __u32 ustack_token(struct task_struct *p, __u32 kind)
{
	struct hl_ctl *ctl = ctl_get();
	__u32 token;

	if (!ctl || !cfg.ustack_bytes || is_our_child(p) || !ustack_due(ctl, kind))
		return 0;
	token = __sync_fetch_and_add(&ctl->ustack_next, 1) + 1;
	return token ?: 1;
}

/* Counts one, and that there was no room for it. */
__hot void ustack_count(bool room)
{
	struct hl_cpu *cpu = this_cpu();

	if (!cpu)
		return;
	__sync_fetch_and_add(&cpu->ustacks_seen, 1);
	if (!room)
		__sync_fetch_and_add(&cpu->ustacks_full, 1);
}

/* What is the running thread's: its registers, and the piece of its stack. */
__hot void ustack_fill(struct hl_ustack_raw *raw, __u32 token, __u32 pid, __u64 proc_start)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());

	regs_user(regs, raw->regs);
	raw->token = token;
	raw->pid = pid;
	raw->proc_start = proc_start;
	raw->sp = regs_sp(regs);
	raw->len = ustack_copy(raw, raw->sp);
}

/* Sends the stack of the running thread, which may be preempted meanwhile. */
__hot bool ustack_send(__u32 token, __u32 pid, __u64 proc_start)
{
	struct hl_ustack_raw *raw = bpf_ringbuf_reserve(&hl_ustacks, sizeof(*raw) + cfg.ustack_bytes, 0);

	ustack_count(raw);
	if (!raw)
		return false;
	ustack_fill(raw, token, pid, proc_start);
	raw->woke = raw->nr_kernel = 0;
	/* who is to look at its mappings must not be late: its process may be gone soon */
	bpf_ringbuf_submit(raw, BPF_RB_FORCE_WAKEUP);
	return true;
}

/* Of the running thread, at the end of a call. The number by which the record may name it; 0: none. */
__global int ustack_take(struct hl_slot *s, __u32 kind)
{
	__u32 token;

	if (!s)
		return 0;
	token = ustack_token(bpf_get_current_task_btf(), kind);
	return token && ustack_send(token, s->pid, s->proc_start) ? token : 0;
}

#endif
