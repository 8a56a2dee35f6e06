/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The calls tier: every system call, entry to exit, matched by thread and never by
 * number (rt_sigreturn enters as 15 and leaves as -1). A call that never left the CPU is
 * all `cpu`; the others' breakdown is the ledger at the end less the ledger at the begin.
 *
 * A call that a signal interrupts leaves with -ERESTART* and comes back through the same
 * instruction; that is one call, from its first entry to its last exit. Whether it comes
 * back shows where rt_sigreturn returns to: at the instruction, or behind it (then the
 * program saw EINTR). The handler may use the same instruction, on another stack. One that
 * leaves by a jump leaves a call that never returned; where it makes no call before the
 * interrupted one is made again, that looks like a restart.
 */
#ifndef HL_SYSCALL_BPF_H
#define HL_SYSCALL_BPF_H

#include "bpf/ledger.bpf.h"

#define HL_EINTR          4
#define HL_ERESTARTSYS    512
#define HL_ERESTARTNOINTR 513
#define HL_ERESTARTNOHAND 514
#define HL_ERESTARTBLOCK  516
#define HL_MAX_ERRNO      4095
#define HL_CGROUP_DEPTH   32 /* containers within containers have a dozen */

#if defined(__TARGET_ARCH_x86)
#define HL_NR_SIGRETURN 15
#define HL_SYSCALL_INSN 2 /* bytes; of int $0x80 too */
#define REGS_IP(r)      ((r)->ip)
#else
#define HL_NR_SIGRETURN 139
#define HL_SYSCALL_INSN 4
#define REGS_IP(r)      ((r)->pc)
#endif
#define HL_NR_SIGRETURN_IA32     173
#define HL_NR_OLD_SIGRETURN_IA32 119

/* ---- targets --------------------------------------------------------------------- */

static __noinline bool target_matches(struct task_struct *p, struct hl_ctl *ctl)
{
	__u32 pid = p->tgid;
	char comm[HL_COMM_LEN] = {};
	struct cgroup *cg;
	__u64 id, *start;

	start = bpf_map_lookup_elem(&hl_targets, &pid);
	if (start && (!*start || *start == p->group_leader->start_boottime))
		return true;
	bpf_probe_read_kernel_str(comm, sizeof(comm), p->group_leader->comm);
	for (__u32 i = 0; i < HL_MAX_COMMS && i < ctl->nr_comms; i++)
		if (*(__u64 *)ctl->comms[i] == *(__u64 *)comm &&
		    *(__u64 *)(ctl->comms[i] + 8) == *(__u64 *)(comm + 8))
			return true;
	if (!ctl->nr_cgroups)
		return false;
	cg = BPF_CORE_READ(p, cgroups, dfl_cgrp);
	for (int depth = 0; depth < HL_CGROUP_DEPTH && cg; depth++) {
		id = BPF_CORE_READ(cg, kn, id);
		for (__u32 i = 0; i < HL_MAX_CGROUPS && i < ctl->nr_cgroups; i++)
			if (ctl->cgroups[i] == id)
				return true;
		cg = (struct cgroup *)BPF_CORE_READ(cg, self.parent);
		/* struct cgroup begins with its own css, so that a parent's css is the parent */
	}
	return false;
}

static __noinline int target_refresh(struct task_struct *p, struct hl_slot *s, struct hl_ctl *ctl)
{
	s->filter_gen = ctl->filter_gen;
	if (target_matches(p, ctl))
		s->call_flags |= HL_CALL_TARGET;
	else
		s->call_flags &= ~HL_CALL_TARGET;
	return 0;
}

__hot bool is_target(struct task_struct *p, struct hl_slot *s, struct hl_ctl *ctl)
{
	if (!(ctl->filter & HL_FILTER_ON))
		return true;
	if (s->filter_gen != ctl->filter_gen)
		target_refresh(p, s, ctl);
	return s->call_flags & HL_CALL_TARGET;
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
	if (!of || (*of && *of != parent->group_leader->start_boottime))
		return;
	if (bpf_map_update_elem(&hl_targets, &to, &start, BPF_ANY))
		__sync_fetch_and_add(&cpu->targets_lost, 1);
}

/* A process has another name from now on: all look again whether they are a target. */
__hot void target_renamed(struct task_struct *p)
{
	struct hl_ctl *ctl = ctl_get();

	if (ctl && ctl->nr_comms && p->pid == p->tgid)
		__sync_fetch_and_add(&ctl->filter_gen, 1);
}

/* Some threads are in other cgroups from now on. */
__hot void targets_moved(void)
{
	struct hl_ctl *ctl = ctl_get();

	if (ctl && ctl->nr_cgroups)
		__sync_fetch_and_add(&ctl->filter_gen, 1);
}

__hot void target_again(struct task_struct *p)
{
	struct hl_slot *s = slot_find(p);

	if (s)
		s->filter_gen = 0;
}

/* ---- exec from another thread than the leader ---------------------------------------- */

/* The leader's last switch-out may come after it gave its number away, and not find its home. */
static __noinline int leader_end(struct task_struct *p)
{
	struct hl_slot *s = slot_place(p->pid);
	struct hl_cpu *cpu = this_cpu();

	if (s && cpu && s->owner > HL_BUSY && s->owner != owner_of(p) && s->tid == (__u32)p->pid)
		ledger_end(s, cpu);
	return 0;
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
	__u64 begin, now = rq_clock(p);
	__u32 gen, seen;
	__u16 nr;
	__u8 abi;

	if (!old || !cpu)
		return 0;
	begin = old->call_begin;
	nr = old->call_nr;
	abi = old->call_abi;
	gen = old->call_gen;
	seen = old->seen_gen;
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
	s->call_nr = nr;
	s->call_abi = abi;
	s->call_gen = gen;
	s->seen_gen = seen;
	s->call_switches = s->switches;
	s->open_states = 0;
	s->call_begin = begin;
	return 0;
}

/* ---- entry -------------------------------------------------------------------------- */

/* Waits of the interrupted call's last part, before the handler's own calls are booked: the
 * state that took most of them. */
static __noinline int restart_fold(struct hl_slot *s)
{
	__u64 most = 0, d;
	__u8 longest = 0, st;

	for (int i = 0; i < HL_CALL_STATES; i++) {
		if (i >= s->open_states)
			break;
		st = s->open_state[i] & (NR_HL_STATES - 1);
		d = s->state_ns[st] - s->open_ns[i];
		if (d > most) {
			most = d;
			longest = st;
		}
	}
	if (!s->restart_ns)
		s->restart_state = longest;
	if (s->restart_state == longest)
		s->restart_ns += most;
	return 0;
}

/* Does this entry continue the call that a signal interrupted? It is known to be one's turn:
 * the thread made no call since, or its signal handler returned to it. */
static __noinline bool call_resumes(struct hl_slot *s, struct pt_regs *regs, __u16 nr, bool compat)
{
	if (call_of(nr, compat) != CALL_RESTART &&
	    (nr != s->restart_nr || compat != (s->restart_abi == HL_COMPAT_ABI)))
		return false;
	if ((s->call_flags & HL_CALL_AWAY) && !(s->call_flags & HL_CALL_BACK))
		return false;
	return REGS_IP(regs) == s->restart_ip && (__u32)regs_sp(regs) == s->restart_sp;
}

/* An entry while a call is interrupted: that call again, or a signal handler's. */
static __noinline bool call_again(struct hl_slot *s, struct hl_ctl *ctl, struct pt_regs *regs, __u16 nr,
				  bool compat)
{
	if (s->call_gen != ctl->calls_gen) { /* what happened in between was not seen */
		s->restart_begin = 0;
		return false;
	}
	if (!call_resumes(s, regs, nr, compat)) {
		if (!(s->call_flags & HL_CALL_AWAY))
			restart_fold(s);
		s->call_flags |= HL_CALL_AWAY | HL_CALL_GAPPED;
		return false;
	}
	if (s->call_flags & HL_CALL_AWAY)
		s->open_states = 0;
	s->call_flags &= ~(HL_CALL_AWAY | HL_CALL_BACK);
	return true;
}

/* A new call, and none that is interrupted. */
__hot void restart_forget(struct hl_slot *s)
{
	s->restarts = 0;
	s->restart_ns = 0;
	s->call_flags &= ~(HL_CALL_GAPPED | HL_CALL_AWAY | HL_CALL_BACK);
}

/* hold: the hook runs preemptible. */
__hot void call_enter(struct pt_regs *regs, __u64 nr, bool hold)
{
	struct task_struct *p = bpf_get_current_task_btf();
	struct hl_slot *s = slot_find(p);
	struct hl_ctl *ctl = ctl_get();
	struct hl_cpu *cpu = this_cpu();
	bool compat, resumes = false;

	if (!ctl || !cpu)
		return;
	if (ctl->look) {
		__sync_fetch_and_add(&cpu->call_looked, 1);
		return;
	}
	if (!s) {
		__sync_fetch_and_add(&cpu->calls_homeless, 1);
		return;
	}
	if (!is_target(p, s, ctl))
		return;
	if (hold)
		hold_cpu();
	if (s->flags & HL_SLOT_OFF_CPU)
		ledger_arrived(p, s, rq_clock(p), cpu);
	cpu->call_enter++;
	if (s->call_begin) {
		if (s->call_gen == ctl->calls_gen)
			cpu->call_superseded++;
		else
			cpu->call_detached++;
	}
	compat = in_compat_call(p);
	nr = nr < HL_NR_LIMIT ? nr : HL_NR_LIMIT;
	if (s->restart_begin)
		resumes = call_again(s, ctl, regs, nr, compat);
	s->call_gen = s->seen_gen = ctl->calls_gen;
	s->call_switches = s->switches;
	if (resumes) {
		s->call_nr = s->restart_nr;
		s->call_abi = s->restart_abi;
		s->call_begin = s->restart_begin;
		s->restart_begin = 0;
		s->call_switches--; /* it has left the CPU since it began */
	} else {
		s->call_nr = nr;
		s->call_abi = compat ? HL_COMPAT_ABI : HL_NATIVE_ABI;
		s->open_states = 0;
		if (!s->restart_begin && s->restarts)
			restart_forget(s);
		s->call_begin = bpf_ktime_get_ns();
	}
	if (hold)
		release_cpu();
}

/* ---- exit --------------------------------------------------------------------------- */

/* The call that ends is one that was restarted, and not one of a signal handler's. */
__hot bool was_restarted(struct hl_slot *s)
{
	return s->restarts && !s->restart_begin;
}

/* The breakdown of the call that ends: ns by state; cpu is what the waits leave. The waits
 * are on the run queue's clock, which may lag where the scheduler skipped its update: what
 * they have too much is taken from the longest. Of an interrupted call only the longest wait
 * of each part is known; the rest, with the handler's time, is `other`. */
static __noinline int call_breakdown(struct hl_slot *s, __u64 duration, __u64 *ns)
{
	bool gapped = !s->restart_begin && (s->call_flags & HL_CALL_GAPPED);
	__u64 waited = 0, most = 0, d;
	__u8 longest = 0, st;

	if (gapped) {
		longest = s->restart_state & (NR_HL_STATES - 1);
		ns[longest] = most = waited = s->restart_ns;
	}
	for (int i = 0; i < HL_CALL_STATES; i++) {
		if (i >= s->open_states)
			break;
		st = s->open_state[i] & (NR_HL_STATES - 1);
		d = s->state_ns[st] - s->open_ns[i];
		ns[st] += d;
		waited += d;
		if (ns[st] > most) {
			most = ns[st];
			longest = st;
		}
	}
	d = waited > duration ? waited - duration : 0;
	ns[longest & (NR_HL_STATES - 1)] -= d < most ? d : most;
	if (waited < duration)
		ns[gapped || s->open_states > HL_CALL_STATES ? HL_STATE_OTHER : HL_STATE_CPU] +=
			duration - waited;
	return 0;
}

/* What the slept-in call was on, if the descriptor still leads to the same thing. */
__hot void call_detail(struct task_struct *p, struct hl_slot *s, struct slow_room *room)
{
	struct slow_what *w = &room->what;
	struct hl_wait *now = &room->wait;

	if (s->nr != s->call_nr || s->open_states == 0)
		return;
	if (s->detail == HL_DETAIL_LOCK || s->detail == HL_DETAIL_COUNT) {
		w->detail = s->detail;
		w->arg = s->arg;
		return;
	}
	now->task = s->owner;
	now->f.asleep = 1;
	wait_gather(p, s, now);
	if (s->object && now->object == s->object) {
		w->detail = s->detail;
		w->file = s->file;
		w->object = s->object;
	}
}

/* How a call ended. */
struct call_end {
	__u64 duration, ago; /* ended so long ago */
	long ret;
};

/* The room has its breakdown. */
static __noinline int call_slow(struct task_struct *p, struct hl_slot *s, struct call_end *e,
				struct slow_room *room, struct hl_cpu *cpu)
{
	struct slow_what *w = &room->what;
	__u64 most = 0;

	w->duration = e->duration;
	w->ago = e->ago;
	w->result = e->ret;
	w->nr = s->call_nr;
	w->op = HL_OP_SYSCALL;
	w->abi = s->call_abi;
	w->restarts = was_restarted(s) ? s->restarts : 0;
	w->awake = s->switches == s->call_switches;
	/* the state that took most of it */
	for (int i = 0; i < NR_HL_STATES; i++)
		if (w->state_ns[i] > most) {
			most = w->state_ns[i];
			w->state = i;
		}
	if (w->restarts)
		w->flags = HL_SLOW_RESTARTED;
	call_detail(p, s, room);
	slow_emit(s, w, cpu);
	return 0;
}

/* A call that left the CPU, or was slow: its breakdown. */
static __noinline int call_whole(struct task_struct *p, struct hl_slot *s, struct hl_cell *c,
				 struct hl_cpu *cpu, struct call_end *e)
{
	struct slow_room *room = slow_room_get(cpu);
	struct hl_ctl *ctl = ctl_get();

	if (!room || !ctl)
		return 0;
	if (s->switches == s->call_switches)
		room->what.state_ns[HL_STATE_CPU] = e->duration;
	else
		call_breakdown(s, e->duration, room->what.state_ns);
	for (int i = 0; i < NR_HL_STATES; i++)
		c->state_ns[i] += room->what.state_ns[i];
	if (e->duration >= ctl->slow_ns)
		call_slow(p, s, e, room, cpu);
	return 0;
}

/* Count one whole call. One that never left the CPU is all `cpu`. */
__hot void call_count(struct task_struct *p, struct hl_slot *s, struct hl_ctl *ctl, struct hl_cpu *cpu,
		      struct call_end *e)
{
	bool other = false;
	struct hl_cell *c;

	c = cell_get(HL_KEY(s->pid, s->call_nr, 0, s->call_abi, HL_OP_SYSCALL), s->proc_start, cpu->id,
		     &other);
	if (!c)
		return;
	cell_add(c, e->duration);
	c->errors += (__u64)e->ret >= (__u64)-HL_MAX_ERRNO;
	if (other)
		cpu->calls_other++;
	if (s->switches == s->call_switches && e->duration < ctl->slow_ns)
		c->state_ns[HL_STATE_CPU] += e->duration;
	else
		call_whole(p, s, c, cpu, e);
}

/* An exit without an entry: older than the tier, out of a fork, or denied by seccomp. */
static __noinline int call_orphan(struct hl_slot *s, struct hl_ctl *ctl, struct hl_cpu *cpu)
{
	if (s->call_flags & HL_CALL_CHILD)
		cpu->orphan_child++;
	else if (s->seen_gen != ctl->calls_gen)
		cpu->orphan_attach++;
	else
		cpu->orphan_denied++;
	s->call_flags &= ~HL_CALL_CHILD;
	s->seen_gen = ctl->calls_gen;
	return 0;
}

/* The interrupted call did not come back: the program saw EINTR. */
static __noinline int call_interrupted(struct task_struct *p, struct hl_slot *s, struct hl_ctl *ctl,
				       struct hl_cpu *cpu)
{
	struct call_end e = {
		.duration = s->restart_end - s->restart_begin,
		.ago = bpf_ktime_get_ns() - s->restart_end,
		.ret = -HL_EINTR,
	};
	__u16 nr = s->call_nr;
	__u8 abi = s->call_abi;

	/* all that it waited was folded; what is open is rt_sigreturn's */
	s->open_states = 0;
	s->call_nr = s->restart_nr;
	s->call_abi = s->restart_abi;
	s->call_switches = s->switches - 1;
	s->restart_begin = 0;
	cpu->call_restarted--; /* its last part was the call's end after all */
	if (s->restarts)
		s->restarts--;
	call_count(p, s, ctl, cpu, &e);
	restart_forget(s);
	s->call_nr = nr;
	s->call_abi = abi;
	return 0;
}

/* One part of a call that is to be restarted: its times are kept, nothing is counted yet. */
static __noinline int call_restarts(struct hl_slot *s, struct hl_cpu *cpu, __u64 begin, __u64 now,
				    struct pt_regs *regs)
{
	if (s->restart_begin) /* inside a signal handler: it is not known that the outer one comes back */
		restart_forget(s);
	cpu->call_restarted++;
	s->restarts++;
	s->restart_begin = begin;
	s->restart_end = now;
	s->restart_nr = s->call_nr;
	s->restart_abi = s->call_abi;
	s->restart_ip = REGS_IP(regs);
	s->restart_sp = regs_sp(regs);
	return 0;
}

/* Its "result" is what the interrupted code had in that register. */
__hot bool is_sigreturn(struct hl_slot *s)
{
	if (s->call_abi == HL_COMPAT_ABI)
		return s->call_nr == HL_NR_SIGRETURN_IA32 || s->call_nr == HL_NR_OLD_SIGRETURN_IA32;
	return s->call_nr == HL_NR_SIGRETURN;
}

/* A signal handler returned: to a call that comes back, or behind one that it interrupted? */
__hot void call_sigreturn(struct task_struct *p, struct hl_slot *s, struct hl_ctl *ctl, struct hl_cpu *cpu,
			  struct pt_regs *regs)
{
	if ((__u32)regs_sp(regs) != s->restart_sp)
		return;
	if (REGS_IP(regs) == s->restart_ip)
		call_interrupted(p, s, ctl, cpu);
	else if (REGS_IP(regs) == s->restart_ip - HL_SYSCALL_INSN)
		s->call_flags |= HL_CALL_BACK;
}

__hot bool is_restart(long ret)
{
	return ret <= -HL_ERESTARTSYS && ret >= -HL_ERESTARTBLOCK && ret != -515;
}

__hot void call_exit(struct pt_regs *regs, long ret, bool hold)
{
	struct task_struct *p = bpf_get_current_task_btf();
	struct hl_slot *s = slot_find(p);
	struct hl_ctl *ctl = ctl_get();
	struct hl_cpu *cpu = this_cpu();
	struct call_end e = { .ret = ret };
	__u64 begin, now;

	if (!s || !ctl || !cpu || ctl->look || !is_target(p, s, ctl))
		return;
	if (hold)
		hold_cpu();
	if (s->flags & HL_SLOT_OFF_CPU)
		ledger_arrived(p, s, rq_clock(p), cpu);
	begin = s->call_begin;
	if (!begin || s->call_gen != ctl->calls_gen) {
		call_orphan(s, ctl, cpu);
		goto out;
	}
	s->call_begin = 0;
	now = bpf_ktime_get_ns();
	if (now < begin) {
		cpu->calls_clock++;
		goto out;
	}
	if (e.ret < 0 && is_sigreturn(s))
		e.ret = 0;
	if (is_restart(e.ret)) {
		call_restarts(s, cpu, begin, now, regs);
		goto out;
	}
	if (s->restart_begin && is_sigreturn(s))
		call_sigreturn(p, s, ctl, cpu, regs);
	e.duration = now - begin;
	call_count(p, s, ctl, cpu, &e);
out:
	if (hold)
		release_cpu();
}

#endif
