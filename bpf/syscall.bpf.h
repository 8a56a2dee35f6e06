/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The calls tier: every system call, entry to exit, matched by thread and never by
 * number (rt_sigreturn enters as 15 and leaves as -1). A call that never left the CPU is
 * all `cpu`; the others' breakdown is the ledger at the end less the ledger at the begin.
 *
 * Nearly all calls are begun and ended by a thread that sched_switch saw come, whose calls
 * count, and that no signal interrupted. Those take the short way, without a function call
 * but for the clock; whatever is odd goes to call_begins and call_ends, which know all cases.
 */
#ifndef HL_SYSCALL_BPF_H
#define HL_SYSCALL_BPF_H

#include "bpf/accept.bpf.h"
#include "bpf/ustack.bpf.h"
#include "bpf/exec.bpf.h"
#include "bpf/inside.bpf.h"
#include "bpf/target.bpf.h"

#define HL_EINTR 4

/* What a slot says about the call that begins: its number, its table, and no state yet. */
__hot __u32 call_word(__u64 nr, bool compat)
{
	return (nr < HL_NR_LIMIT ? nr : HL_NR_LIMIT) | (compat ? HL_COMPAT_ABI : HL_NATIVE_ABI) << 16;
}

/* ---- entry -------------------------------------------------------------------------- */

/* The call that a signal interrupted goes on. It has left the CPU since it began. */
__hot void call_goes_on(struct hl_slot *s)
{
	s->call_nr = s->restart_nr;
	s->call_abi = s->restart_abi;
	s->call_begin = s->restart_begin;
	s->restart_begin = 0;
}

static __noinline int call_begins(struct pt_regs *regs, __u64 nr, struct hl_ctl *ctl, struct hl_cpu *cpu)
{
	struct task_struct *p = bpf_get_current_task_btf();
	struct hl_slot *s = slot_find(p);
	bool compat = in_compat_call(p);
	__u32 call = call_word(nr, compat);

	if (ctl->look) {
		cpu->call_looked++;
		return 0;
	}
	if (!s)
		s = slot_late(p, cpu, rq_clock(cfs_rq_of(p)), false);
	if (!s) {
		cpu->calls_homeless++;
		return 0;
	}
	slot_runs(cpu, p);
	if (gate_ask(p, s, ctl, cpu) == GATE_SHUT)
		return 0;
	if (s->flags & HL_SLOT_OFF_CPU)
		ledger_arrived(p, s, rq_clock(cfs_rq_of(p)), cpu);
	cpu->call_enter++;
	if (s->call_begin)
		cpu->call_superseded++;
	if (s->restart_begin && call_again(s, regs, call, compat)) {
		call_goes_on(s);
		return 0;
	}
	s->call = call;
	if (!s->restart_begin)
		restart_forget(s);
	s->call_begin = bpf_ktime_get_ns();
	return 0;
}

/* Does the thread's call need nothing but to be noted? */
__hot bool is_plain(const struct hl_slot *s, const struct hl_ctl *ctl)
{
	return s && s->gate == ctl->gate && !(s->both_flags & HL_SLOT_ODD);
}

__hot bool is_shut(const struct hl_slot *s, const struct hl_ctl *ctl)
{
	return s && s->gate == (ctl->gate | HL_GATE_SHUT);
}

/* hold: the hook runs preemptible. */
__hot void call_enter(struct pt_regs *regs, __u64 nr, bool hold)
{
	struct hl_ctl *ctl = ctl_get();
	struct hl_cpu *cpu;
	struct hl_slot *s;

	if (hold)
		hold_cpu();
	cpu = this_cpu();
	if (!cpu || !ctl)
		goto out;
	s = slot_running(cpu, (__u64)regs);
	if (is_plain(s, ctl) && !s->call_begin) {
		cpu->call_enter++;
		s->call = call_word(nr, current_compat_call(s->owner));
		s->call_begin = bpf_ktime_get_ns();
	} else if (!is_shut(s, ctl)) {
		call_begins(regs, nr, ctl, cpu);
	}
out:
	if (hold)
		release_cpu();
}

/* ---- exit --------------------------------------------------------------------------- */

__hot void call_phases(struct hl_slot *s, struct slow_what *w)
{
	for (int i = 0; i < NR_HL_BLOCK_PHASES; i++)
		w->phase_ns[i] = s->phase_ns[i] - s->open_phase_ns[i];
}

/* The breakdown of the call that ends, into w: ns by state; cpu is what the waits leave. The waits
 * are on the run queue's clock, which may lag where the scheduler skipped its update: what
 * they have too much is taken from the longest. Of an interrupted call only the longest wait
 * of each part is known; the rest, with the handler's time, is `other`. */
__global int call_breakdown(struct hl_slot *s, __u64 duration, struct slow_what *w)
{
	__u64 waited = 0, most = 0, d, *ns;
	__u8 longest = 0, st;
	bool gapped;

	if (!s || !w)
		return 0;
	ns = w->state_ns;
	gapped = !s->restart_begin && (s->call_flags & HL_CALL_GAPPED);
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
		if (st == HL_STATE_DISK)
			call_phases(s, w);
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
	phases_fit(w->phase_ns, ns[HL_STATE_DISK]);
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
		w->object = s->object;
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
	__u64 duration, end; /* CLOCK_MONOTONIC */
	long ret;
};

/* What 32-bit programs have on their stacks is looked at where it is understood; not who called exec, when it
 * is gone. */
__hot bool has_user_stack(const struct slow_what *w)
{
	return HL_STACK_ABI(w->abi) && !w->ago && (w->result || keeps_stack(w->abi, w->nr));
}

/* Out of which budget its stack is. What waits for whatever comes next, or for an answer in the same way, and
 * what waits for work otherwise, takes nothing from what was in somebody's way. */
__hot __u32 stack_kind(const struct slow_what *w)
{
	if (w->state == HL_STATE_POLL || w->state == HL_STATE_IDLE)
		return HL_USTACK_EVENT;
	return work_waits & state_bit(w->state) ? HL_USTACK_REST : HL_USTACK_CALL;
}

/* The room has its breakdown. What it was on is found, and it is sent, by call_whole(): with that below
 * this the stack is too deep for v6.1. */
static __noinline int call_slow(struct hl_slot *s, struct call_end *e, struct slow_room *room)
{
	struct slow_what *w = &room->what;
	__u64 most = 0;

	w->duration = e->duration;
	w->ago = e->end == s->restart_end ? bpf_ktime_get_ns() - e->end : 0; /* one that was interrupted */
	w->result = e->ret;
	w->nr = s->call_nr;
	w->op = HL_OP_SYSCALL;
	w->abi = s->call_abi;
	w->restarts = was_restarted(s) ? s->restarts : 0;
	w->awake = !s->open_states && !(s->call_flags & HL_CALL_RESTARTS);
	/* the state that took most of it */
	for (int i = 0; i < NR_HL_STATES; i++)
		if (w->state_ns[i] > most) {
			most = w->state_ns[i];
			w->state = i;
		}
	if (w->restarts)
		w->flags = HL_SLOW_RESTARTED;
	return 0;
}

static __noinline int call_send(struct hl_slot *s, struct slow_what *w, struct hl_cpu *cpu, __u64 end)
{
	if (has_user_stack(w))
		w->user_stack = ustack_take(s, stack_kind(w));
	w->ago = bpf_ktime_get_ns() - end; /* finding all that took a while, too */
	slow_emit(s, w, cpu);
	return 0;
}

/* A call that left the CPU, or was slow: its breakdown. */
static __noinline int call_whole(struct hl_slot *s, struct hl_cell *c, struct hl_cpu *cpu, struct call_end *e)
{
	struct slow_room *room = slow_room_get(cpu);

	if (!room)
		return 0;
	call_breakdown(s, e->duration, &room->what);
	for (int i = 0; i < NR_HL_STATES; i++)
		c->state_ns[i] += room->what.state_ns[i];
	phases_add(c->phase_ns, room->what.phase_ns);
	if (e->duration >= cpu->slow_ns) {
		call_slow(s, e, room);
		call_detail(bpf_get_current_task_btf(), s, room);
		call_send(s, &room->what, cpu, e->end);
	}
	return 0;
}

/* The same of the file that the call was on. */
static __noinline int call_of_file(struct hl_slot *s, struct hl_cpu *cpu, struct call_end *e)
{
	struct slow_room *room;

	if (!s->open_states && !(s->call_flags & HL_CALL_GAPPED))
		return file_call(s, NULL, e->duration, e->ret, cpu);
	room = slow_room_get(cpu);
	if (!room)
		return 0;
	call_breakdown(s, e->duration, &room->what);
	return file_call(s, &room->what, e->duration, e->ret, cpu);
}

/* The same of the function that the call was made in. */
static __noinline int call_inside(struct hl_slot *s, struct hl_cpu *cpu, struct call_end *e)
{
	struct hl_cell *c = inside_find(s, cpu, e->duration);
	struct slow_room *room;

	if (!c)
		return 0;
	c->errors += (__u64)e->ret >= (__u64)-HL_MAX_ERRNO;
	room = s->open_states || s->call_flags & HL_CALL_GAPPED ? slow_room_get(cpu) : NULL;
	if (room) {
		call_breakdown(s, e->duration, &room->what);
		for (int i = 0; i < NR_HL_STATES; i++)
			c->state_ns[i] += room->what.state_ns[i];
	} else {
		c->state_ns[HL_STATE_CPU] += e->duration;
	}
	cell_add(c, e->duration);
	return 0;
}

/* Count one whole call. One that never left the CPU is all `cpu`. */
__hot void call_count(struct hl_slot *s, struct hl_cpu *cpu, struct call_end *e)
{
	__u64 key = HL_KEY(s->pid, s->call_nr, 0, s->call_abi, HL_OP_SYSCALL);
	__u32 hint = s->call_nr * 3u / 2 % HL_HINTS; /* spreads the calls that servers make in turn */
	bool other = false;
	struct hl_cell *c;

	c = cell_again(key, s->proc_start, cpu->id, &s->hint[hint], &other);
	if (!c)
		return;
	cell_add(c, e->duration);
	c->errors += (__u64)e->ret >= (__u64)-HL_MAX_ERRNO;
	if (other)
		cpu->calls_other++;
	if (!s->open_states && !(s->call_flags & HL_CALL_GAPPED) && e->duration < cpu->slow_ns)
		c->state_ns[HL_STATE_CPU] += e->duration;
	else
		call_whole(s, c, cpu, e);
	if (cpu->files)
		call_of_file(s, cpu, e);
	if (s->call_flags & HL_CALL_INSIDE)
		call_inside(s, cpu, e);
	if (is_accept(s) && e->ret >= 0)
		accept_over(s, e->ret, cpu);
}

/* An exit without an entry: older than the tier, out of a fork, or denied by seccomp. */
__hot void call_orphan(struct hl_slot *s, bool first, struct hl_cpu *cpu)
{
	if (s->call_flags & HL_CALL_CHILD)
		cpu->orphan_child++;
	else if (first)
		cpu->orphan_attach++;
	else
		cpu->orphan_denied++;
	s->call_flags &= ~HL_CALL_CHILD;
}

/* The interrupted call did not come back: the program saw EINTR. */
static __noinline int call_interrupted(struct hl_slot *s, struct hl_cpu *cpu)
{
	struct call_end e = {
		.duration = s->restart_end - s->restart_begin,
		.end = s->restart_end,
		.ret = -HL_EINTR,
	};
	__u32 call = s->call;

	/* all that it waited was folded; what is open is rt_sigreturn's */
	s->call_nr = s->restart_nr;
	s->call_abi = s->restart_abi;
	s->open_states = 0;
	s->restart_begin = 0;
	cpu->call_restarted--; /* its last part was the call's end after all */
	if (s->restarts)
		s->restarts--;
	call_count(s, cpu, &e);
	restart_forget(s);
	s->call = call;
	return 0;
}

/* A signal handler returned: to a call that comes back, or behind one that it interrupted? */
__hot void call_sigreturn(struct hl_slot *s, struct hl_cpu *cpu, struct pt_regs *regs)
{
	if ((__u32)regs_sp(regs) != s->restart_sp)
		return;
	if ((__u32)REGS_IP(regs) == s->restart_ip)
		call_interrupted(s, cpu);
	else if ((__u32)REGS_IP(regs) == s->restart_ip - HL_SYSCALL_INSN)
		s->call_flags |= HL_CALL_BACK;
}

static __noinline int call_ends(struct pt_regs *regs, long ret, struct hl_ctl *ctl, struct hl_cpu *cpu)
{
	struct task_struct *p = bpf_get_current_task_btf();
	struct hl_slot *s = slot_find(p);
	struct call_end e = { .ret = ret };
	__u64 begin, now;
	int gate;

	if (!s || ctl->look)
		return 0;
	slot_runs(cpu, p);
	gate = gate_ask(p, s, ctl, cpu);
	if (gate == GATE_SHUT)
		return 0;
	if (s->flags & HL_SLOT_OFF_CPU)
		ledger_arrived(p, s, rq_clock(cfs_rq_of(p)), cpu);
	begin = s->call_begin;
	if (!begin) {
		call_orphan(s, gate == GATE_FIRST, cpu);
		return 0;
	}
	s->call_begin = 0;
	now = bpf_ktime_get_ns();
	if (now < begin) {
		cpu->calls_clock++;
		return 0;
	}
	if (e.ret < 0 && is_sigreturn(s))
		e.ret = 0;
	if (is_restart(e.ret)) {
		call_restarts(s, cpu, begin, now, regs);
		return 0;
	}
	if (s->restart_begin && is_sigreturn(s))
		call_sigreturn(s, cpu, regs);
	e.duration = now - begin;
	e.end = now;
	call_count(s, cpu, &e);
	return 0;
}

/* A result that may be no result: of a call that is to be restarted, or of rt_sigreturn. */
__hot bool is_odd_result(struct hl_slot *s, long ret)
{
	return ret < 0 && (is_restart(ret) || is_sigreturn(s));
}

__hot void call_exit(struct pt_regs *regs, long ret, bool hold)
{
	struct call_end e = { .ret = ret };
	struct hl_ctl *ctl = ctl_get();
	struct hl_cpu *cpu;
	struct hl_slot *s;
	__u64 begin, now;

	if (hold)
		hold_cpu();
	cpu = this_cpu();
	if (!cpu || !ctl)
		goto out;
	s = slot_running(cpu, (__u64)regs);
	if (is_plain(s, ctl) && s->call_begin && !is_odd_result(s, e.ret)) {
		begin = s->call_begin;
		s->call_begin = 0;
		e.end = now = bpf_ktime_get_ns();
		e.duration = now - begin;
		if (now < begin)
			cpu->calls_clock++;
		else
			call_count(s, cpu, &e);
	} else if (!is_shut(s, ctl)) {
		call_ends(regs, ret, ctl, cpu);
	}
out:
	if (hold)
		release_cpu();
}

#endif
