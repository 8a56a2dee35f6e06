/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Forks, execs and renames: identity is taken here, for /proc has forgotten a short-lived
 * process by the time anyone looks. In a ring of its own that nothing throttles.
 */
#ifndef HL_LIFE_BPF_H
#define HL_LIFE_BPF_H

#include "bpf/slot.bpf.h"
#include "bpf/path.bpf.h"

#define HL_ARGS_ROOM 512

struct exec_raw {
	struct hl_rec_life r;
	struct path_room path; /* of the program, leaf first */
	char args[HL_ARGS_ROOM];
};

/* Its number in its own pid namespace, by which its own program knows it. */
__hot __u32 inner_tid(struct task_struct *p)
{
	struct pid *pid = BPF_CORE_READ(p, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level), nr = 0;
	__u64 at = (__u64)pid + bpf_core_field_offset(struct pid, numbers) +
		   level * bpf_core_type_size(struct upid) + bpf_core_field_offset(struct upid, nr);

	bpf_probe_read_kernel(&nr, sizeof(nr), (void *)at);
	return nr;
}

__hot void life_fill(struct hl_rec_life *r, struct task_struct *p, __u32 what, __u32 size)
{
	__builtin_memset(r, 0, sizeof(*r));
	r->h.kind = HL_KIND_LIFE;
	r->h.size = size;
	r->h.ts = bpf_ktime_get_boot_ns();
	r->h.pid = p->tgid;
	r->h.tid = p->pid;
	r->start = p->start_boottime;
	r->proc_start = TASK_PTR(p, group_leader)->start_boottime;
	r->cgroup_id = BPF_CORE_READ(p, cgroups, dfl_cgrp, kn, id);
	r->what = what;
	r->ppid = TASK_PTR(p, real_parent)->tgid;
	r->uid = p->cred->uid.val;
	r->flags = p->flags & HL_PF_KTHREAD ? HL_PROC_KTHREAD : 0;
	r->inner_tid = inner_tid(p);
	bpf_probe_read_kernel_str(r->comm, sizeof(r->comm), p->comm);
}

__hot int life_send(struct task_struct *p, __u32 what)
{
	struct hl_cpu *cpu = this_cpu();
	struct hl_rec_life *r;

	if (!cpu)
		return 0;
	r = record_reserve(&hl_life, sizeof(*r), &cpu->life_seen, &cpu->life_lost);
	if (!r)
		return 0;
	life_fill(r, p, what, sizeof(*r));
	bpf_ringbuf_submit(r, wake_flag(&hl_life, sizeof(*r)));
	return 0;
}

#define HL_EXEC_WAKE_NS (5 * 1000 * 1000)

/* What a program maps has to be looked at early: user space hears of one soon, and of those that
 * come at once with it. */
__hot bool exec_wakes(__u64 now)
{
	struct hl_ctl *ctl = ctl_get();

	if (!ctl || !ctl->ustack_ns[HL_USTACK_CALL] || now - ctl->exec_woke < HL_EXEC_WAKE_NS)
		return false;
	ctl->exec_woke = now;
	return true;
}

/* The new program's path and the first bytes of its command line (its memory is current). */
__hot int life_exec(struct task_struct *p, __u32 old_tid)
{
	struct hl_cpu *cpu = this_cpu();
	struct exec_raw *x;
	struct path_walk walk = {};
	__u64 file, from;
	__u32 len;

	if (!cpu)
		return 0;
	x = record_reserve(&hl_life, sizeof(*x), &cpu->life_seen, &cpu->life_lost);
	if (!x)
		return 0;
	life_fill(&x->r, p, HL_LIFE_EXEC, sizeof(*x));
	x->r.old_tid = old_tid;
	file = (__u64)BPF_CORE_READ(p, mm, exe_file);
	if (file)
		x->r.name_len = path_of(path_at(file), &x->path, &walk);
	from = BPF_CORE_READ(p, mm, arg_start);
	len = BPF_CORE_READ(p, mm, arg_end) - from;
	if (len > HL_ARGS_ROOM - 1)
		len = HL_ARGS_ROOM - 1;
	if (from && !bpf_probe_read_user(x->args, len & (HL_ARGS_ROOM - 1), (void *)from))
		x->r.args_len = len;
	bpf_ringbuf_submit(x, exec_wakes(x->r.h.ts) ? BPF_RB_FORCE_WAKEUP : wake_flag(&hl_life, sizeof(*x)));
	return 0;
}

#endif
