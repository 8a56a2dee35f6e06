/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How long TCP connections waited, established, until a program accepted them. The kernel notes with
 * each connection when it was established (the begin of the first round in which it measures how fast its
 * reader is), and touches that again only when somebody reads from it. For syscall.bpf.h.
 */
#ifndef HL_ACCEPT_BPF_H
#define HL_ACCEPT_BPF_H

#include "bpf/ledger.bpf.h"

__hot bool is_accept(const struct hl_slot *s)
{
	return (s->call_nr == HL_NR_ACCEPT || s->call_nr == HL_NR_ACCEPT4) && s->call_abi == HL_NATIVE_ABI;
}

/* Since when a connection is established, us of CLOCK_MONOTONIC; 0: it is none of TCP's. */
__hot __u64 established_us(__u64 sk)
{
	__u16 family = LOAD(struct sock, sk, __sk_common.skc_family);

	if (family != HL_AF_INET && family != HL_AF_INET6)
		return 0;
	if (LOAD(struct sock, sk, sk_protocol) != HL_IPPROTO_TCP)
		return 0;
	return LOAD(struct tcp_sock, sk, rcvq_space.time);
}

static __noinline int accept_slow(struct hl_slot *s, __u64 sk, __u64 waited, struct hl_cpu *cpu)
{
	struct slow_room *room = slow_room_get(cpu);
	struct slow_what *w;

	if (!room)
		return 0;
	w = &room->what;
	w->duration = waited;
	w->object = sk;
	w->detail = HL_DETAIL_PEER;
	w->op = HL_OP_ACCEPT;
	w->nr = LOAD(struct sock, sk, __sk_common.skc_num);
	w->state = HL_STATE_OTHER;
	w->state_ns[HL_STATE_OTHER] = waited;
	w->flags = HL_SLOW_NO_RESULT;
	w->awake = true;
	return slow_emit(s, w, cpu);
}

/* An accept has given that descriptor. */
static __noinline int accept_over(struct hl_slot *s, __u32 fd, struct hl_cpu *cpu)
{
	__u64 sk = 0, since, waited;
	struct hl_cell *c;
	bool other;

	if (!s || !cpu || fd_look(s->owner, fd, &sk) != FILE_ACCEPTED || !sk)
		return 0;
	since = established_us(sk) * 1000;
	waited = bpf_ktime_get_ns() - since;
	if (!since || (__s64)waited < 0)
		return 0;
	c = cell_again(
		HL_KEY(s->pid, LOAD(struct sock, sk, __sk_common.skc_num), HL_STATE_OTHER, 0, HL_OP_ACCEPT),
		s->proc_start, cpu->id, &cpu->accept_hint, &other);
	if (!c)
		return 0;
	cell_add(c, waited);
	c->state_ns[HL_STATE_OTHER] += waited;
	cpu->accepts_seen++;
	return waited >= cpu->slow_ns ? accept_slow(s, sk, waited, cpu) : 0;
}

#endif
