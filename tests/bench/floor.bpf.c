/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The floor: the smallest programs that do the two jobs of the hot path, for the bench to
 * hold hostlat against. Nothing of what a tool needs besides is in here: no processes, no
 * states, no errors, no filters, no lifetimes. Loaded by floor.c, by the first word of
 * the programs' names:
 *
 *   calls   times and counts every system call: a histogram per CPU and call
 *   ledger  CPU, off-CPU and run queue time of each thread; a histogram of the sleeps by
 *           call and one of the run queue's delay
 *   pair    two empty programs on the hooks of calls
 *   sched   two empty programs on the hooks of ledger
 *   probes  two empty programs where a function of a program begins and where it returns
 *
 * All state is in .bss, which the verifier turns into plain addresses: no map helper. Two
 * CPUs never write to the same cell: a slot is its thread's, a histogram its CPU's.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "tests/bench/floor.h"

char LICENSE[] SEC("license") = "GPL";

#define __hot static __always_inline

#if defined(__TARGET_ARCH_x86)
#define REGS_NR(r) ((r)->orig_ax)
#else
#define REGS_NR(r) ((r)->syscallno)
#endif

__hot void hist_add(struct floor_hist *h, __u64 ns)
{
	__u64 v = ns;
	__u32 b = 0;

	if (v >> 32) {
		v >>= 32;
		b += 32;
	}
	if (v >> 16) {
		v >>= 16;
		b += 16;
	}
	if (v >> 8) {
		v >>= 8;
		b += 8;
	}
	if (v >> 4) {
		v >>= 4;
		b += 4;
	}
	if (v >> 2) {
		v >>= 2;
		b += 2;
	}
	b += v >> 1;
	h->sum_ns += ns;
	if (b < FLOOR_BUCKETS)
		h->bucket[b]++;
}

__hot __u32 this_cpu(void)
{
	return bpf_get_smp_processor_id() & (FLOOR_CPUS - 1);
}

/* ---- calls -------------------------------------------------------------------------- */

struct call_slot call_slots[FLOOR_SLOTS];
struct floor_hist call_hist[FLOOR_CPUS][FLOOR_CALLS];

SEC("tp_btf/sys_enter")
int calls_enter(__u64 *ctx)
{
	__u32 tid = bpf_get_current_task_btf()->pid;
	struct call_slot *s = &call_slots[tid & (FLOOR_SLOTS - 1)];

	s->tid = tid;
	s->nr = ctx[1];
	s->begin = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/sys_exit")
int calls_exit(__u64 *ctx)
{
	__u32 tid = bpf_get_current_task_btf()->pid;
	struct call_slot *s = &call_slots[tid & (FLOOR_SLOTS - 1)];
	__u64 begin = s->begin;

	if (s->tid != tid || !begin)
		return 0;
	s->begin = 0;
	hist_add(&call_hist[this_cpu()][s->nr & (FLOOR_CALLS - 1)], bpf_ktime_get_ns() - begin);
	return 0;
}

/* ---- ledger ------------------------------------------------------------------------- */

struct ledger ledgers[FLOOR_SLOTS];
struct floor_hist off_hist[FLOOR_CPUS][FLOOR_CALLS];
struct floor_hist runqueue_hist[FLOOR_CPUS];

/* The scheduler has updated it before these tracepoints fire. */
__hot __u64 rq_clock(struct task_struct *p)
{
	return p->se.cfs_rq->rq->clock;
}

__hot void switch_out(struct task_struct *prev, bool preempt, __u64 state, __u64 now)
{
	__u32 tid = prev->pid;
	struct ledger *s = &ledgers[tid & (FLOOR_SLOTS - 1)];
	struct pt_regs *regs;

	if (s->tid != tid) {
		s->cpu_ns = s->off_ns = s->runqueue_ns = 0;
		s->tid = tid;
	} else {
		s->cpu_ns += now - s->since;
	}
	s->since = now;
	s->woken = preempt || !state ? now : 0;
	if (s->woken)
		return;
	regs = (struct pt_regs *)bpf_task_pt_regs(prev);
	s->nr = REGS_NR(regs);
}

__hot void switch_in(struct task_struct *next, __u64 now)
{
	__u32 tid = next->pid, cpu = this_cpu();
	struct ledger *s = &ledgers[tid & (FLOOR_SLOTS - 1)];
	__u64 woken = s->woken;

	if (s->tid != tid)
		return;
	if (!woken || woken > now)
		woken = now;
	if (woken > s->since) {
		s->off_ns += woken - s->since;
		hist_add(&off_hist[cpu][s->nr & (FLOOR_CALLS - 1)], woken - s->since);
	}
	s->runqueue_ns += now - woken;
	hist_add(&runqueue_hist[cpu], now - woken);
	s->since = now;
}

SEC("tp_btf/sched_switch")
int ledger_switch(__u64 *ctx)
{
	struct task_struct *prev = (void *)ctx[1], *next = (void *)ctx[2];
	__u64 now = rq_clock(prev);

	if (prev->pid)
		switch_out(prev, ctx[0], ctx[3], now);
	if (next->pid)
		switch_in(next, now);
	return 0;
}

SEC("tp_btf/sched_wakeup")
int ledger_wake(__u64 *ctx)
{
	struct task_struct *p = (void *)ctx[0];
	__u32 tid = p->pid;
	struct ledger *s = &ledgers[tid & (FLOOR_SLOTS - 1)];

	if (s->tid == tid)
		s->woken = rq_clock(p);
	return 0;
}

/* ---- nothing ------------------------------------------------------------------------ */

SEC("tp_btf/sys_enter")
int pair_enter(__u64 *ctx)
{
	return 0;
}

SEC("tp_btf/sys_exit")
int pair_exit(__u64 *ctx)
{
	return 0;
}

SEC("tp_btf/sched_switch")
int sched_switch(__u64 *ctx)
{
	return 0;
}

SEC("tp_btf/sched_wakeup")
int sched_wake(__u64 *ctx)
{
	return 0;
}

SEC("uprobe")
int probes_enter(struct pt_regs *ctx)
{
	return 0;
}

SEC("uretprobe")
int probes_leave(struct pt_regs *ctx)
{
	return 0;
}
