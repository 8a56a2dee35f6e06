/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What it costs that data was lost: from when it was sent first until it was sent for the last time. By so
 * much later it came. For tcp.bpf.c.
 *
 * Measured is the oldest data that was not acknowledged, once for each time that the kernel finds it lost: by
 * its timer or by the peer's answers (tcp_cong_state_set, which comes before it is sent again: the data says
 * then when it was sent), or sends it again to find out (a tail loss probe). When that probe is told of, the
 * data says when it was sent last; if nothing has come through since the first of what is on its way was
 * sent, it was sent then, else it was sent no later than what came through last.
 *
 * It is over when the data is acknowledged or the connection is gone. Nobody tells when that is, and nobody
 * has to: the figure does not change any more. It is looked at when the next loss is found, and at each
 * refresh.
 */
#ifndef HL_RESENT_BPF_H
#define HL_RESENT_BPF_H

#include "bpf/sock.bpf.h"

#define HL_TCP_CA_RECOVERY 3
#define HL_TCP_CA_LOSS     4
#define HL_RTX_DEPTH       24 /* of the tree of what is not acknowledged */

__hot bool seq_after(__u32 a, __u32 b)
{
	return (__s32)(b - a) < 0;
}

/* What the kernel keeps in the packet. */
__hot __u32 skb_seq(const struct sk_buff *skb)
{
	const struct tcp_skb_cb *cb = (const void *)skb + bpf_core_field_offset(skb->cb);

	return BPF_CORE_READ(cb, seq);
}

/* The oldest packet that is not acknowledged: the leftmost of the tree, whose nodes the packets begin with.
 */
__hot const struct sk_buff *rtx_head(const struct sock *sk)
{
	const struct rb_node *node = BPF_CORE_READ(sk, tcp_rtx_queue.rb_node), *left;

	for (int i = 0; node && i < HL_RTX_DEPTH; i++) {
		left = BPF_CORE_READ(node, rb_left);
		if (!left)
			return (const void *)node - bpf_core_field_offset(struct sk_buff, rbnode);
		node = left;
	}
	return NULL;
}

static __noinline struct hl_cell *resent_cell(const struct sock *sk, const struct hl_sock *s)
{
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	bool is_v6 = sk->__sk_common.skc_family == HL_AF_INET6;
	struct hl_cpu *cpu = this_cpu();
	__u64 addr[2] = {}, key, start;
	struct hl_cell *c;
	__u32 cell, port;

	if (!tp || !cpu || !s)
		return NULL;
	port = bpf_ntohs(s->role == HL_ROLE_ACCEPTED ? tp->inet_conn.icsk_inet.inet_sport
						     : sk->__sk_common.skc_dport);
	sock_addr((__u64)sk, true, addr);
	key = HL_KEY(s->pid, port, s->role, is_v6, HL_CELL_RESENT);
	start = peer_start(s->start, addr);
	cell = s->pid && cells_left() ? cell_find(key, start, cpu->id) : 0;
	if (!cell)
		cell = cell_other(cpu->id, HL_CELL_RESENT);
	c = bpf_map_lookup_elem(&hl_cells, &cell);
	if (!c || !HL_KEY_PID(c->key))
		return c;
	c->proc_start = s->start;
	c->addr[0] = addr[0];
	c->addr[1] = addr[1];
	return c;
}

/* Whoever takes it counts it. One that was found lost and not sent again is none. */
static __noinline int resent_over(const struct sock *sk, struct hl_sock *s)
{
	struct hl_cpu *cpu = this_cpu();
	struct hl_cell *c;
	__u64 first, ns;

	if (!s || !cpu)
		return 0;
	first = s->resent_first;
	if (!first || __sync_val_compare_and_swap(&s->resent_first, first, 0) != first)
		return 0;
	if (!s->resent_last)
		return 0;
	ns = s->resent_last > first ? s->resent_last - first : 0;
	s->resents++;
	s->resent_ns += ns;
	if (ns > s->resent_max)
		s->resent_max = ns;
	c = resent_cell(sk, s);
	if (!c)
		return 0;
	__sync_fetch_and_add(&c->state_ns[HL_STATE_NETWORK], ns);
	cell_add_shared(c, ns);
	__sync_fetch_and_add(&cpu->conn_seen, 1);
	return 0;
}

__hot void resent_begin(const struct sock *sk, struct hl_sock *s, __u32 seq, __u64 first, __u64 last)
{
	resent_over(sk, s);
	s->resent_seq = seq;
	s->resent_last = last;
	barrier_compiler();
	s->resent_first = first;
}

/* Has what was sent again come? */
static __noinline int resent_look(const struct sock *sk, struct hl_sock *s)
{
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);

	if (!tp || !s || !s->resent_first || !seq_after(tp->snd_una, s->resent_seq))
		return 0;
	return resent_over(sk, s);
}

/* A loss is found. What of a connect is sent again is in the connect's time. */
static __noinline int loss_found(const struct sock *sk, struct hl_sock *s)
{
	__u8 state = sk->__sk_common.skc_state;
	const struct sk_buff *head;
	__u64 first;
	__u32 seq;

	if (!s || state == HL_TCP_STATE_SYN_SENT || state == HL_TCP_STATE_SYN_RECV)
		return 0;
	head = rtx_head(sk);
	if (!head)
		return 0;
	seq = skb_seq(head);
	first = BPF_CORE_READ(head, skb_mstamp_ns);
	if (first && !(s->resent_first && s->resent_seq == seq))
		resent_begin(sk, s, seq, first, 0);
	return 0;
}

/* Something was sent again: the data that it is about, or a probe. */
static __noinline int resent_note(const struct sock *sk, const struct sk_buff *skb, struct hl_sock *s)
{
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	__u8 state = sk->__sk_common.skc_state;
	__u32 seq;
	__u64 now;

	if (!tp || !s || state == HL_TCP_STATE_SYN_SENT || state == HL_TCP_STATE_SYN_RECV)
		return 0;
	seq = skb_seq(skb);
	now = BPF_CORE_READ(skb, skb_mstamp_ns);
	if (s->resent_first && s->resent_seq == seq)
		s->resent_last = now;
	else if (BPF_CORE_READ_BITFIELD(tp, inet_conn.icsk_ca_state) < HL_TCP_CA_RECOVERY &&
		 seq == tp->snd_una && tp->delivered_mstamp)
		resent_begin(sk, s, seq, tp->delivered_mstamp * 1000, now);
	return 0;
}

#endif
