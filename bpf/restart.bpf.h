/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls that a signal interrupts. Such a call leaves with -ERESTART* and comes back through
 * the same instruction; that is one call, from its first entry to its last exit. Whether it
 * comes back shows where rt_sigreturn returns to: at the instruction, or behind it (then the
 * program saw EINTR). The handler may use the same instruction, on another stack. One that
 * leaves by a jump leaves a call that never returned; where it makes no call before the
 * interrupted one is made again, that looks like a restart.
 */
#ifndef HL_RESTART_BPF_H
#define HL_RESTART_BPF_H

#include "bpf/ledger.bpf.h"

#define HL_ERESTARTSYS    512
#define HL_ERESTARTNOINTR 513
#define HL_ERESTARTNOHAND 514
#define HL_ERESTARTBLOCK  516

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

__hot bool is_restart(long ret)
{
	return ret <= -HL_ERESTARTSYS && ret >= -HL_ERESTARTBLOCK && ret != -515;
}

/* Its "result" is what the interrupted code had in that register. */
__hot bool is_sigreturn(struct hl_slot *s)
{
	if (s->call_abi == HL_COMPAT_ABI)
		return s->call_nr == HL_NR_SIGRETURN_IA32 || s->call_nr == HL_NR_OLD_SIGRETURN_IA32;
	return s->call_nr == HL_NR_SIGRETURN;
}

/* The call that ends is one that was restarted, and not one of a signal handler's. */
__hot bool was_restarted(struct hl_slot *s)
{
	return s->restarts && !s->restart_begin;
}

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
	return (__u32)REGS_IP(regs) == s->restart_ip && (__u32)regs_sp(regs) == s->restart_sp;
}

/* No call is interrupted, nor was the one that is open. */
__hot void restart_forget(struct hl_slot *s)
{
	s->restarts = 0;
	s->restart_ns = 0;
	s->call_flags &= ~(HL_CALL_GAPPED | HL_CALL_AWAY | HL_CALL_BACK | HL_CALL_RESTARTS);
}

/* An entry while a call is interrupted: that call again, or a signal handler's. */
static __noinline __attribute__((unused)) bool call_again(struct hl_slot *s, struct pt_regs *regs, __u16 nr,
							  bool compat)
{
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

/* One part of a call that is to be restarted: its times are kept, nothing is counted yet. */
static __noinline __attribute__((unused)) int call_restarts(struct hl_slot *s, struct hl_cpu *cpu,
							    __u64 begin, __u64 now, struct pt_regs *regs)
{
	if (s->restart_begin) /* inside a signal handler: it is not known that the outer one comes back */
		restart_forget(s);
	cpu->call_restarted++;
	s->call_flags |= HL_CALL_RESTARTS;
	if (s->restarts < 0xffff)
		s->restarts++;
	s->restart_begin = begin;
	s->restart_end = now;
	s->restart_nr = s->call_nr;
	s->restart_abi = s->call_abi;
	s->restart_ip = REGS_IP(regs);
	s->restart_sp = regs_sp(regs);
	return 0;
}

#endif
