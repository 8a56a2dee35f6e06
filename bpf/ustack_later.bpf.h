/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The user stack of a thread that comes to a CPU after a long wait: it is not the running one yet,
 * and its memory is not at hand. Where the kernel runs work of programs when a thread returns to
 * user mode (v6.18, 38aa7003e369), it is taken then: never by a signal, which would interrupt calls.
 */
#ifndef HL_USTACK_LATER_BPF_H
#define HL_USTACK_LATER_BPF_H

#include "bpf/ustack.bpf.h"

#define HL_LATERS   512                          /* threads that have not returned yet */
#define HL_LATER_NS (10ull * 1000 * 1000 * 1000) /* one that was lost: its place can be taken again */

struct later {
	struct bpf_task_work work;
	__u64 at; /* taken when; 0: free */
	__u64 proc_start;
	__u32 token, pid;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HL_LATERS);
	__type(key, __u32);
	__type(value, struct later);
} laters SEC(".maps");

/*
 * v6.18 has it with five arguments, later kernels add the last one themselves. A function that a
 * kernel has not, or has otherwise, must not even be named: who may not look through its modules
 * could load nothing. So each way is an object of its own (core_resume5.bpf.c, core_resume4.bpf.c).
 */
#if HL_TASK_WORK == 5
extern int bpf_task_work_schedule_resume_impl(struct task_struct *task, struct bpf_task_work *work, void *map,
					      bpf_task_work_callback_t fn, void *aux) __ksym;
#define SCHEDULE(task, l, fn) bpf_task_work_schedule_resume_impl(task, &(l)->work, &laters, fn, NULL)
#else
extern int bpf_task_work_schedule_resume(struct task_struct *task, struct bpf_task_work *work, void *map,
					 bpf_task_work_callback_t fn) __ksym;
#define SCHEDULE(task, l, fn) bpf_task_work_schedule_resume(task, &(l)->work, &laters, fn)
#endif

/* The thread is on its way to user mode, or to its end. */
static int later_run(struct bpf_map *map, void *key, void *value)
{
	struct later *l = value;
	struct hl_ctl *ctl = ctl_get();

	if (ctl && ctl->ustack_ns[HL_USTACK_WAIT]) /* the capture may be over by now */
		ustack_send(l->token, l->pid, l->proc_start);
	l->at = 0;
	return 0;
}

/* Asks for it; the number by which the wait's record may name it; 0: there will be none. */
static __noinline int ustack_later(struct task_struct *next, struct hl_slot *s)
{
	__u64 now = bpf_ktime_get_ns(), was;
	struct later *l;
	__u32 token, at;

	token = is_shut_out(next, s) ? 0 : ustack_token(next, HL_USTACK_WAIT);
	at = token % HL_LATERS;
	l = bpf_map_lookup_elem(&laters, &at);
	if (!token || !l)
		return 0;
	was = l->at;
	if ((was && now - was < HL_LATER_NS) || __sync_val_compare_and_swap(&l->at, was, now) != was)
		return 0;
	l->token = token;
	l->pid = s->pid;
	l->proc_start = s->proc_start;
	if (!SCHEDULE(next, l, later_run))
		return token;
	l->at = 0;
	return 0;
}

#endif
