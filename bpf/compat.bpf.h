/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between kernels and architectures, one accessor each, with the commit
 * that made the difference where there is one. Nothing else looks at what a kernel has.
 */
#ifndef HL_COMPAT_BPF_H
#define HL_COMPAT_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "bpf/slot.h"

#define __hot static __always_inline
/* Verified once, by itself, whoever calls it; takes numbers and pointers to plain memory. */
#define __global           __attribute__((noinline))
#define barrier_compiler() asm volatile("" ::: "memory")

#define HL_TASK_DEAD_BIT  0x80u
#define HL_PF_EXITING     0x00000004u
#define HL_PF_FORKNOEXEC  0x00000040u
#define HL_PF_SIGNALED    0x00000400u
#define HL_PF_IO_WORKER   0x00000010u
#define HL_PF_USER_WORKER 0x00004000u
#define HL_PF_KTHREAD     0x00200000u

extern void bpf_preempt_disable(void) __ksym __weak;
extern void bpf_preempt_enable(void) __ksym __weak;

/* Fixed at load; the verifier removes what a constant rules out. */
const volatile struct hl_cfg cfg SEC(".rodata.cfg") = {
	.slot_mask = 1023,
	.key_mask = 255,
	.nr_cells = 256,
	.nr_cpus = 1,
	.file_mask = 63,
};

/*
 * A pointer that came out of an array of pointers is a plain number to the verifier.
 * Where the kernel has it (v6.2, fd264ca020948), a cast makes loads through it direct.
 */
extern void *bpf_rdonly_cast(void *obj, __u32 btf_id) __ksym __weak;

#define CAST(type, ptr) ((type *)bpf_rdonly_cast((void *)(ptr), bpf_core_type_id_kernel(type)))
#define LOAD(type, ptr, member)                                                                              \
	(cfg.flags & HL_CFG_CAST ? CAST(type, ptr)->member : BPF_CORE_READ((type *)(ptr), member))

/*
 * A pointer that a task holds. Read through the task itself, which the verifier trusts, each way
 * that leads there makes it search all the kernel's types by name for whether that pointer is to
 * be trusted too: 0.4 ms, a hundred times over. Nobody needs its trust, but a load through what
 * is not trusted is a little dearer: on the hottest paths a pointer is read once and handed on.
 */
#define TASK_PTR(p, member) (cfg.flags & HL_CFG_CAST ? CAST(struct task_struct, p)->member : (p)->member)

/* ---- sockets --------------------------------------------------------------------- */

#define HL_AF_INET       2
#define HL_AF_INET6      10
#define HL_IPPROTO_TCP   6
#define HL_IPPROTO_UDP   17
#define HL_MSG_PEEK      0x2
#define HL_MSG_ERRQUEUE  0x2000
#define HL_ENETUNREACH   101
#define HL_ETIMEDOUT     110
#define HL_ECONNREFUSED  111
#define HL_EHOSTUNREACH  113
#define HL_SOCK_DEAD     1 /* of skc_flags: no descriptor leads to it any more */
#define HL_SOCK_FIN_CAME 2 /* the same: the peer has closed its side (SOCK_DONE) */

/* An address of a socket of the internet, into 16 bytes that are zero: its own, or its peer's. A kernel
 * without IPv6 has no member for those. */
__hot void sock_addr(__u64 sk, bool remote, void *to)
{
	const struct sock_common *c = (void *)sk; /* the first member of a sock */

	if (LOAD(struct sock_common, sk, skc_family) == HL_AF_INET)
		*(__u32 *)to = remote ? LOAD(struct sock_common, sk, skc_daddr)
				      : LOAD(struct sock_common, sk, skc_rcv_saddr);
	else if (bpf_core_field_exists(c->skc_v6_daddr) && remote)
		BPF_CORE_READ_INTO((struct in6_addr *)to, c, skc_v6_daddr);
	else if (bpf_core_field_exists(c->skc_v6_rcv_saddr))
		BPF_CORE_READ_INTO((struct in6_addr *)to, c, skc_v6_rcv_saddr);
}

/* ---- scheduler ----------------------------------------------------------------- */

/* The run queue of p's group on its CPU. Without CONFIG_FAIR_GROUP_SCHED there is no such way
 * from a task to its run queue: NULL, and what is read through it is not there either. */
__hot struct cfs_rq *cfs_rq_of(struct task_struct *p)
{
	return bpf_core_field_exists(p->se.cfs_rq) ? TASK_PTR(p, se.cfs_rq) : NULL;
}

/* The same for where a program begins: there is one way to there. */
__hot struct cfs_rq *cfs_rq_first(struct task_struct *p)
{
	return bpf_core_field_exists(p->se.cfs_rq) ? p->se.cfs_rq : NULL;
}

/* The run queue's clock, which the scheduler has updated before its tracepoints fire. */
__hot __u64 rq_clock(struct cfs_rq *rq)
{
	if (bpf_core_field_exists(((struct task_struct *)0)->se.cfs_rq))
		return rq->rq->clock;
	return bpf_ktime_get_ns();
}

/*
 * What interrupts, hard and soft, had taken on the run queue's CPU when its clock was updated, not
 * counting what ksoftirqd did: only kernels with CONFIG_IRQ_TIME_ACCOUNTING have it, and it stands
 * still where they do not use it. The scheduler adds never more than its clock went on.
 */
struct rq___interrupts {
	__u64 prev_irq_time;
} __attribute__((preserve_access_index));

__hot __u64 rq_interrupts(struct cfs_rq *rq)
{
	struct rq___interrupts *r = NULL;

	if (!bpf_core_field_exists(r->prev_irq_time) ||
	    !bpf_core_field_exists(((struct task_struct *)0)->se.cfs_rq))
		return 0;
	r = (void *)rq->rq;
	return r->prev_irq_time;
}

/*
 * When a sleeper went to sleep, or a little later: for one that did so before there was a hook.
 * The scheduler keeps when it last charged the task, on the clock that leaves out the time of
 * interrupts; how far that one is behind grew meanwhile. Read before the clock that is ahead,
 * so that an update in between makes it later too. 0: not known.
 */
__hot __u64 asleep_since(struct task_struct *p)
{
	struct cfs_rq *cfs_rq = cfs_rq_first(p);
	__u64 charged = p->se.exec_start, task, clock;

	if (!cfs_rq || !charged)
		return 0;
	task = BPF_CORE_READ(cfs_rq, rq, clock_task);
	barrier_compiler();
	clock = BPF_CORE_READ(cfs_rq, rq, clock);
	return task >= charged && clock >= task ? clock - task + charged : 0;
}

/* sched_switch passes prev_state since v5.18 (fa2c3254d7cf); before, it is in the task. */
__hot __u32 switch_prev_state(__u64 *ctx, struct task_struct *prev)
{
	if (cfg.flags & HL_CFG_PREV_STATE)
		return (__u32)ctx[3];
	return prev->__state;
}

/* on_cpu and on_rq are bytes by v7.2 and were ints: read in whatever size they have. */
__hot bool is_on_cpu(struct task_struct *task)
{
	return BPF_CORE_READ_BITFIELD(task, on_cpu);
}

/*
 * Was p taken off its queue for a sleep? v6.12 (152e11f6df29) leaves a sleeper there until its
 * lag is spent; by v7.2 the kernel keeps book of it in is_blocked.
 */
struct sched_entity___delayed {
	unsigned char sched_delayed;
} __attribute__((preserve_access_index));
struct task_struct___blocked {
	unsigned char is_blocked;
} __attribute__((preserve_access_index));

__hot bool is_dequeued(struct task_struct *task)
{
	struct task_struct___blocked *b = (void *)task;
	struct sched_entity___delayed *se = (void *)&task->se;

	if (bpf_core_field_exists(b->is_blocked))
		return b->is_blocked;
	return !BPF_CORE_READ_BITFIELD(task, on_rq) ||
	       (bpf_core_field_exists(se->sched_delayed) && se->sched_delayed);
}

/* v6.18 (e1fad12dcb66) throttles each task at its return to user mode, before that the group at once. */
struct task_struct___throttled {
	bool throttled;
} __attribute__((preserve_access_index));

__hot bool is_throttled(struct task_struct *p, struct cfs_rq *rq)
{
	struct task_struct___throttled *t = (void *)p;

	if (bpf_core_field_exists(t->throttled))
		return t->throttled;
	return bpf_core_field_exists(rq->throttle_count) && rq->throttle_count > 0;
}

/* How long the run queue of p's group has been throttled, on the run queue's clock since
 * v6.6 (677ea015f231), before that on its load-tracking clock. */
struct cfs_rq___self {
	__u64 throttled_clock_self_time;
} __attribute__((preserve_access_index));
struct cfs_rq___pelt {
	__u64 throttled_clock_pelt_time;
} __attribute__((preserve_access_index));

__hot __u64 throttled_total(struct cfs_rq *rq)
{
	struct cfs_rq___self *s = (void *)rq;
	struct cfs_rq___pelt *o = (void *)rq;

	if (bpf_core_field_exists(s->throttled_clock_self_time))
		return s->throttled_clock_self_time;
	if (bpf_core_field_exists(o->throttled_clock_pelt_time))
		return o->throttled_clock_pelt_time;
	return 0;
}

/* Which run queue that is: to see whether the thread came back to the same one. How far it is
 * from the thread itself, in cache lines, says as much as its address, and is shorter. */
__hot __u32 cfs_rq_id(struct task_struct *p, struct cfs_rq *rq)
{
	return ((__u64)rq - (__u64)p) >> 6;
}

/* TASK_FROZEN since v6.1 (f5d39b020809), for cgroup v1. A thread in vfork has its `frozen` bit
 * set too, in advance: it counts only together with the request to freeze. */
#define HL_TASK_FROZEN        0x8000u
#define HL_JOBCTL_TRAP_FREEZE (1ul << 23)

__hot bool is_frozen(struct task_struct *task, __u32 state)
{
	if (state & HL_TASK_FROZEN)
		return true;
	return bpf_core_field_exists(task->frozen) && BPF_CORE_READ_BITFIELD(task, frozen) &&
	       (task->jobctl & HL_JOBCTL_TRAP_FREEZE);
}

__hot bool in_iowait(struct task_struct *task)
{
	return BPF_CORE_READ_BITFIELD(task, in_iowait);
}

/* vhost's and other kernel-made threads of a user process, since v6.4 (54e6842d0775). */
__hot bool has_no_calls(struct task_struct *p)
{
	__u32 mask = HL_PF_KTHREAD | HL_PF_IO_WORKER;

	if (bpf_core_type_exists(struct vhost_task))
		mask |= HL_PF_USER_WORKER;
	return p->flags & mask;
}

/* Its last switch-out is over. */
__hot bool is_over(struct task_struct *p)
{
	return (p->__state & HL_TASK_DEAD_BIT) && !is_on_cpu(p);
}

/* On its way out, by itself or by a signal, with its core to be written: what it sleeps for is
 * neither the call that it was in nor a page. */
__hot bool is_dying(struct task_struct *p)
{
	return p->flags & (HL_PF_EXITING | HL_PF_SIGNALED);
}

/* ---- the call in progress ---------------------------------------------------------- */

#if defined(__TARGET_ARCH_x86)
#define HL_NATIVE_ABI HL_ABI_X86_64
#define HL_COMPAT_ABI HL_ABI_IA32
#define HL_TS_COMPAT  0x2

__hot bool in_compat_call(struct task_struct *p)
{
	return p->thread_info.status & HL_TS_COMPAT;
}

/* orig_ax is the call's number; exceptions and interrupts from user mode put -1 there. */
__hot long regs_nr(struct pt_regs *r)
{
	return (long)r->orig_ax;
}

__hot void regs_args(struct pt_regs *r, bool compat, __u64 *a, int n)
{
	a[0] = compat ? (__u32)r->bx : r->di;
	if (n > 1)
		a[1] = compat ? (__u32)r->cx : r->si;
	if (n > 2)
		a[2] = compat ? (__u32)r->dx : r->dx;
	if (n > 3)
		a[3] = compat ? (__u32)r->si : r->r10;
	if (n > 4)
		a[4] = compat ? (__u32)r->di : r->r8;
}

__hot __u64 regs_sp(struct pt_regs *r)
{
	return r->sp;
}

/* All of them, in DWARF's order. */
__hot void regs_user(struct pt_regs *r, __u64 *to)
{
	to[0] = r->ax;
	to[1] = r->dx;
	to[2] = r->cx;
	to[3] = r->bx;
	to[4] = r->si;
	to[5] = r->di;
	to[6] = r->bp;
	to[7] = r->sp;
	to[8] = r->r8;
	to[9] = r->r9;
	to[10] = r->r10;
	to[11] = r->r11;
	to[12] = r->r12;
	to[13] = r->r13;
	to[14] = r->r14;
	to[15] = r->r15;
	to[16] = r->ip;
}

/* Whether those of a program that makes such calls lead anywhere: 32-bit code is unwound too. */
#define HL_STACK_ABI(abi) ((abi) == HL_ABI_X86_64 || (abi) == HL_ABI_IA32)
#elif defined(__TARGET_ARCH_arm64)
#define HL_NATIVE_ABI     HL_ABI_ARM64
#define HL_COMPAT_ABI     HL_ABI_IA32
#define HL_TIF_32BIT      22
#define HL_STACK_ABI(abi) ((abi) == HL_ABI_ARM64)

__hot bool in_compat_call(struct task_struct *p)
{
	return p->thread_info.flags & (1ul << HL_TIF_32BIT);
}

__hot long regs_nr(struct pt_regs *r)
{
	return r->syscallno;
}

__hot void regs_args(struct pt_regs *r, bool compat, __u64 *a, int n)
{
	a[0] = r->orig_x0;
	if (n > 1)
		a[1] = r->regs[1];
	if (n > 2)
		a[2] = r->regs[2];
	if (n > 3)
		a[3] = r->regs[3];
	if (n > 4)
		a[4] = r->regs[4];
}

__hot __u64 regs_sp(struct pt_regs *r)
{
	return r->sp;
}

__hot void regs_user(struct pt_regs *r, __u64 *to)
{
	for (int i = 0; i < 31; i++)
		to[i] = r->regs[i];
	to[31] = r->sp;
	to[32] = r->pc;
}
#endif

/* A signal waits for p to take it. That it is pending stands in a bit of the thread's flags too, in
 * another one since v6.18. */
__hot bool has_signal(struct task_struct *p)
{
	__u64 own = p->pending.signal.sig[0], shared = BPF_CORE_READ(p, signal, shared_pending.signal.sig[0]);

	return (own | shared) & ~p->blocked.sig[0];
}

/* Threads that run what interrupts left to do: softirqs, threaded handlers, and the idle task, which
 * a CPU that polls for work hands what came from another one. None of them wakes by its own will. */
__hot bool is_interrupts(struct task_struct *p)
{
	const char *c = p->comm;

	if (!p->pid)
		return true;
	return (c[0] == 'k' && c[1] == 's' && c[2] == 'o' && c[3] == 'f') || /* ksoftirqd/N */
	       (c[0] == 'i' && c[1] == 'r' && c[2] == 'q' && c[3] == '/');
}

/* Whether a hook's ctx lies there, on the real kernel stack even where programs have a private one.
 * The verifier compares ctx, but does not subtract from it. */
__hot bool is_between(void *ctx, __u64 low, __u64 high)
{
	asm volatile("" : "+r"(low), "+r"(high));
	return (__u64)ctx >= low && (__u64)ctx < high;
}

/*
 * Does this program run on the current task's own stack? Interrupts that hit kernel mode, and all
 * softirqs, have a stack of their own. The saved registers stand at the stack's end, whatever its
 * size is.
 */
__hot bool on_own_stack(void *ctx, struct task_struct *cur)
{
	return is_between(ctx, (__u64)TASK_PTR(cur, stack), (__u64)bpf_task_pt_regs(cur));
}

/*
 * And in the context of that task itself? Interrupts that hit user mode run on its stack, with no
 * call in progress. A fault that wakes somebody counts as an interrupt.
 */
__hot bool in_own_context(struct task_struct *cur)
{
	return cur->flags & HL_PF_KTHREAD ? !is_interrupts(cur)
					  : regs_nr((struct pt_regs *)bpf_task_pt_regs(cur)) >= 0;
}

/* The same of the current thread, by its address alone. */
__hot bool current_compat_call(__u64 task)
{
	if (cfg.flags & HL_CFG_CAST)
		return in_compat_call(CAST(struct task_struct, task));
	return in_compat_call(bpf_get_current_task_btf());
}

/* ---- pages ------------------------------------------------------------------------- */

/*
 * The page that says whose a page inside of a larger one is. Bit 0 marks that; the rest was that
 * page's address, and is since v7.1 (8c846c879e22) what to mask the page's own address with.
 */
struct page___info {
	unsigned long compound_info;
} __attribute__((preserve_access_index));

__hot struct page *head_of(struct page *page)
{
	struct page___info *i = (void *)page;
	unsigned long head;

	if (bpf_core_field_exists(i->compound_info))
		head = BPF_CORE_READ(i, compound_info);
	else
		head = BPF_CORE_READ(page, compound_head);
	if (!(head & 1))
		return page;
	if (head >> 32 == 0xffffffff) /* no address that a struct page has */
		return (struct page *)((unsigned long)page & head);
	return (struct page *)(head - 1);
}

/* ---- preemption -------------------------------------------------------------------- */

/* Hooks that newer kernels run preemptible update their CPU's cells with it held off. */
__hot void hold_where(__u32 flag)
{
	if (cfg.flags & flag)
		bpf_preempt_disable();
}

__hot void release_where(__u32 flag)
{
	if (cfg.flags & flag)
		bpf_preempt_enable();
}

__hot void hold_cpu(void)
{
	hold_where(HL_CFG_PREEMPT);
}

__hot void release_cpu(void)
{
	release_where(HL_CFG_PREEMPT);
}

#endif
