/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions of the kernel: the same calls, seen by fentry and fexit. Each function has two programs of its
 * own, which its trampoline runs before and after it; what they are given lies in the same place of the stack
 * both times, by which a call is told. Nothing is limited: calls that sleep are as many as they are, on
 * whichever CPU they go on.
 *
 * Only what a thread calls is its call. In an interrupt the thread is somebody who was there: the kernel's
 * functions there are left out. Part of func.bpf.c.
 */
#ifndef HL_FUNC_KERNEL_BPF_H
#define HL_FUNC_KERNEL_BPF_H

/* Which function the programs of that number are of. */
const volatile __u32 kernel_ids[HL_FUNC_KERNELS] SEC(".rodata.kernel");

#if defined(__TARGET_ARCH_x86)
/* v6.2 to v6.14 have it in a structure. */
struct pcpu_hot___v6_2 {
	int preempt_count;
} __attribute__((preserve_access_index));

extern const int __preempt_count __ksym __weak;
extern const struct pcpu_hot___v6_2 pcpu_hot __ksym __weak;

__hot int preempt_count(const struct task_struct *p)
{
	if (&__preempt_count)
		return *(const int *)bpf_this_cpu_ptr(&__preempt_count);
	if (&pcpu_hot)
		return ((const struct pcpu_hot___v6_2 *)bpf_this_cpu_ptr(&pcpu_hot))->preempt_count;
	return 0;
}
#else
struct thread_info___arm64 {
	struct {
		__u32 count;
	} preempt;
} __attribute__((preserve_access_index));

struct task_struct___arm64 {
	struct thread_info___arm64 thread_info;
} __attribute__((preserve_access_index));

__hot int preempt_count(const struct task_struct *p)
{
	return ((const struct task_struct___arm64 *)p)->thread_info.preempt.count;
}
#endif

#define SOFTIRQ_SERVED 0x00000100 /* not that it is held off */
#define INTERRUPTS     0x00ff0000 /* hard ones, and those that cannot be held off */

/* How far up the thread's own stack that is; HL_FUNC_KERNEL_STACK and more: it is on another one. */
__hot __u64 kernel_sp(void *ctx, struct task_struct *p)
{
	void *stack =
		BPF_CORE_READ(p, stack); /* loaded directly, newer kernels take it for more than a number */
	__u64 sp;

	/* pointers are no numbers, but their difference is one */
	asm volatile("%[sp] = %[ctx]\n"
		     "%[sp] -= %[p]\n"
		     : [sp] "=&r"(sp)
		     : [ctx] "r"(ctx), [p] "r"(p));
	return sp + bpf_get_current_task() - (__u64)stack;
}

/* What v6.4 and v6.19 gave task storage, whose memory is to be had from then on whatever locks are held. */
struct bpf_local_storage_map___new {
	bool bpf_ma, use_kmalloc_nolock;
} __attribute__((preserve_access_index));

#define PREEMPT_HELD 0xff

/* May a thread get room here? Where the kernel's own allocator runs for it no lock must be held, as that may
 * be the allocator's. */
__hot __u64 kernel_may_create(const struct task_struct *p)
{
	bool always = bpf_core_field_exists(struct bpf_local_storage_map___new, bpf_ma) ||
		      bpf_core_field_exists(struct bpf_local_storage_map___new, use_kmalloc_nolock);

	return always || !(preempt_count(p) & PREEMPT_HELD) ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0;
}

/* Is what runs here the thread's own, and looked at? */
static __noinline int kernel_look(void *ctx, struct here *h, __u32 nr)
{
	h->p = bpf_get_current_task_btf();
	h->cookie = kernel_ids[nr & (HL_FUNC_KERNELS - 1)];
	h->sp = 0; /* until it is known whether this is an interrupt, which nothing holds off */
	if (!here_common(h))
		return false;
	h->sp = kernel_sp(ctx, h->p);
	return h->sp < HL_FUNC_KERNEL_STACK && h->p->pid &&
	       !(preempt_count(h->p) & (INTERRUPTS | SOFTIRQ_SERVED));
}

__hot int kernel_begin(void *ctx, __u32 nr)
{
	struct func_stack *t;
	struct here h = {};

	if (!kernel_look(ctx, &h, nr))
		return 0;
	bpf_task_storage_get(&thread_clocks, h.p, NULL, kernel_may_create(h.p));
	t = bpf_task_storage_get(&hl_frames, h.p, NULL, kernel_may_create(h.p));
	if (t)
		enters(ctx, &h, t);
	else
		COUNT(full);
	return 0; /* fentry takes nothing else */
}

__hot int kernel_end(void *ctx, __u32 nr)
{
	struct func_stack *t;
	struct here h = {};

	if (!kernel_look(ctx, &h, nr))
		return 0;
	h.result = reg_of(ctx, h.f->result_at);
	t = bpf_task_storage_get(&hl_frames, h.p, NULL, 0);
	if (t)
		leaves(&h, t);
	else
		unpaired(&h, NULL);
	return 0;
}

/* Preemption is not held off: a second run on the CPU is skipped by the kernel, which counts it. */
#define KERNEL(nr)                                                                                           \
	SEC("?fentry")                                                                                       \
	int begin_##nr(void *ctx)                                                                            \
	{                                                                                                    \
		return kernel_begin(ctx, nr);                                                                \
	}                                                                                                    \
	SEC("?fexit")                                                                                        \
	int end_##nr(void *ctx)                                                                              \
	{                                                                                                    \
		return kernel_end(ctx, nr);                                                                  \
	}

#define KERNEL8(tens)                                                                                        \
	KERNEL(tens##0)                                                                                      \
	KERNEL(tens##1)                                                                                      \
	KERNEL(tens##2) KERNEL(tens##3) KERNEL(tens##4) KERNEL(tens##5) KERNEL(tens##6) KERNEL(tens##7)

/* In octal. */
KERNEL8(00)
KERNEL8(01)
KERNEL8(02)
KERNEL8(03)
KERNEL8(04)
KERNEL8(05)
KERNEL8(06)
KERNEL8(07)

#endif
