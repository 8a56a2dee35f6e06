/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a thread is that ends a slow wait of another: its call, its kernel stack, and what its user
 * stack is found from. It is taken as it wakes, which is the one moment when it is the running thread
 * and in that place. Only of slow waits, which are few, and of these so many a second.
 */
#ifndef HL_WAKER_BPF_H
#define HL_WAKER_BPF_H

#include "bpf/ledger.bpf.h"
#include "bpf/ustack.bpf.h"

#define HL_TICK_NS (4 * 1000 * 1000) /* the run queue's clock is late by no more on most kernels */

/* Can its wait have been a slow one? It came to a CPU before that began. Few pass; the others cost a look
 * at what the scheduler is about to write anyway. */
__hot bool may_be_slow(const struct task_struct *p, const struct hl_cpu *cpu)
{
	__u64 now = rq_clock(cfs_rq_of(bpf_get_current_task_btf())) + HL_TICK_NS;

	return now - p->sched_info.last_arrival >= cpu->slow_ns && now > p->sched_info.last_arrival;
}

/* Now, by the run queue's clock, to the nanosecond. */
__hot __u64 clock_now(const struct hl_cpu *cpu)
{
	return cpu->clock + (bpf_ktime_get_boot_ns() - cpu->boot);
}

/*
 * It sleeps, and the scheduler takes it for queued: it leaves threads in a queue that fall asleep there
 * (v6.12, 152e11f6df29), and one that is moved to another CPU then is noted as queued, until it comes to a
 * CPU. So its sums have the sleep: what they have by now is taken as if they had had it before.
 */
static __noinline int not_queued(struct task_struct *p, struct hl_slot *s, const struct hl_cpu *cpu)
{
	const __u16 asleep = HL_SLOT_OFF_CPU | HL_SLOT_WAS_ASLEEP;
	__u64 at = p->sched_info.last_queued, now = clock_now(cpu);

	if (cpu->clock && (s->flags & (asleep | HL_SLOT_ON_ITS_WAY)) == asleep && at > s->since && now > at &&
	    is_dequeued(p))
		s->run_delay = p->sched_info.run_delay + now - at;
	return 0;
}

__hot void waker_call(struct hl_ustack_raw *raw, struct task_struct *cur)
{
	long nr = has_no_calls(cur) ? -1 : regs_nr((struct pt_regs *)bpf_task_pt_regs(cur));

	raw->nr = nr < 0 ? HL_NR_NONE : nr < HL_NR_LIMIT ? nr : HL_NR_LIMIT;
	raw->abi = in_compat_call(cur) ? HL_COMPAT_ABI : HL_NATIVE_ABI;
}

/* ctx: the program's. The running thread wakes p, whose slot is s, in its own context. */
static __noinline int waker_take(void *ctx, struct task_struct *p, struct hl_slot *s, struct hl_cpu *cpu)
{
	struct task_struct *cur = bpf_get_current_task_btf();
	struct hl_ustack_raw *raw;
	bool user;
	__u32 token;
	long n;

	if (!cpu->clock || !slept_long(s, clock_now(cpu), cpu) || is_shut_out(p, s) ||
	    cur->tgid == (int)cfg.self)
		return 0;
	token = ustack_token(cur, HL_USTACK_WAKER);
	if (!token)
		return 0;
	user = !has_no_calls(cur) && HL_STACK_ABI(in_compat_call(cur) ? HL_COMPAT_ABI : HL_NATIVE_ABI);
	/* twice alike: v6.1's verifier does not see that two questions have one answer, of what size it is,
	 * nor that what was found to be there still is */
	if (user) {
		raw = bpf_ringbuf_reserve(&hl_ustacks, sizeof(*raw) + cfg.ustack_bytes, 0);
		if (!raw) {
			ustack_count(false);
			return 0;
		}
		ustack_fill(raw, token, cur->tgid, TASK_PTR(cur, group_leader)->start_boottime);
	} else {
		raw = bpf_ringbuf_reserve(&hl_ustacks, sizeof(*raw), 0);
		if (!raw) {
			ustack_count(false);
			return 0;
		}
		raw->len = raw->sp = 0;
		raw->token = token;
	}
	ustack_count(true);
	raw->woke = p->pid;
	waker_call(raw, cur);
	n = bpf_get_stack(ctx, raw->ip, sizeof(raw->ip), 0);
	raw->nr_kernel = n > 0 ? n / sizeof(raw->ip[0]) : 0;
	bpf_ringbuf_submit(raw, BPF_RB_FORCE_WAKEUP);
	s->wake_mark = HL_WAKE_MARK(token);
	return 0;
}

#endif
