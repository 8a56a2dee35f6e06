/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is known of a TCP socket, and what its own figures are. The kernel keeps it with the socket (socket
 * storage), so that it is found without a look-up and goes when the socket goes. For tcp.bpf.c.
 */
#ifndef HL_SOCK_BPF_H
#define HL_SOCK_BPF_H

#include "bpf/cell.bpf.h"
#include <bpf/bpf_endian.h>

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct hl_sock);
} socks SEC(".maps");

__hot bool is_tcp(const struct sock *sk)
{
	__u16 family = LOAD(struct sock, sk, __sk_common.skc_family);

	return LOAD(struct sock, sk, sk_protocol) == HL_IPPROTO_TCP &&
	       (family == HL_AF_INET || family == HL_AF_INET6);
}

__hot struct hl_sock *sock_find(const struct sock *sk)
{
	return bpf_sk_storage_get(&socks, (void *)sk, NULL, 0);
}

/* What is kept of it, which is all zero for a new one. NULL: there are too many, and of this one nothing
 * is kept. */
__hot struct hl_sock *sock_take(const struct sock *sk)
{
	struct hl_sock *s = sock_find(sk);
	struct hl_ctl *ctl = ctl_get();

	if (s || !ctl || ctl->socks >= cfg.max_socks)
		return s;
	s = bpf_sk_storage_get(&socks, (void *)sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (s)
		__sync_fetch_and_add(&ctl->socks, 1);
	return s;
}

/* Whose thread this is; a kernel thread does it for somebody. */
__hot void sock_is_of(struct hl_sock *s, struct task_struct *cur)
{
	if (cur->flags & HL_PF_KTHREAD)
		return;
	s->pid = cur->tgid;
	s->tid = cur->pid;
	s->start = TASK_PTR(cur, group_leader)->start_boottime;
}

/* ---- addresses -------------------------------------------------------------------------- */

struct sock_ends {
	__u8 *local, *remote; /* 16 bytes each, zero */
	__u16 local_port, remote_port;
	__u8 family;
};

/* The own port is that which the socket keeps: the one that it is found by goes when it closes. */
__hot __u16 own_port(const struct sock *sk)
{
	return LOAD(struct tcp_sock, sk, inet_conn.icsk_inet.inet_sport);
}

__hot void sock_ends(const struct sock *sk, struct sock_ends *e)
{
	e->family = LOAD(struct sock, sk, __sk_common.skc_family);
	e->local_port = bpf_ntohs(own_port(sk));
	e->remote_port = bpf_ntohs(LOAD(struct sock, sk, __sk_common.skc_dport));
	sock_addr((__u64)sk, false, e->local);
	sock_addr((__u64)sk, true, e->remote);
}

__hot __u32 netns_of(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

/* The cgroup of who made the socket, or the listener that it came from. Since v5.15 (8520e224f547) it is
 * kept for the second version of cgroups alone. */
__hot __u64 sock_cgroup(const struct sock *sk)
{
	if (!bpf_core_field_exists(sk->sk_cgrp_data))
		return 0;
	return BPF_CORE_READ(sk, sk_cgrp_data.cgroup, kn, id);
}

/* What a process and a peer's address hash to, as the `start` of a cell. */
__hot __u64 peer_start(__u64 proc_start, const __u64 *addr)
{
	return proc_start ^ (addr[0] * 0x9e3779b97f4a7c15ull) ^ (addr[1] * 0xc2b2ae3d27d4eb4full);
}

/* ---- figures ---------------------------------------------------------------------------- */

#define HL_CHRONO_RWND   2 /* enum tcp_chrono */
#define HL_CHRONO_SNDBUF 3
#define HL_NR_CHRONOS    3

/* One of the kernel's clocks of what a sender waits for, in jiffies; the one that runs too. */
__hot __u64 chrono(const struct tcp_sock *tp, __u32 which, __u32 now)
{
	__u32 jiffies = tp->chrono_stat[which - 1];

	if (BPF_CORE_READ_BITFIELD(tp, chrono_type) == which)
		jiffies += now - tp->chrono_start;
	return (__u64)jiffies * cfg.jiffy_ns;
}

__hot __u32 not_below(__s32 bytes)
{
	return bytes > 0 ? bytes : 0;
}

/* v5.15 to v7 call all of these the same. */
__hot void sock_windows(struct hl_rec_conn *r, const struct tcp_sock *tp, __u32 now)
{
	bool unsent = tp->write_seq != tp->snd_nxt;

	/* nobody holds the socket still: what is read first may be passed by what is read next */
	r->send_queue = not_below(tp->write_seq - tp->snd_una);
	r->receive_queue = not_below(tp->rcv_nxt - tp->copied_seq);
	r->send_window = tp->snd_wnd;
	r->receive_window = tp->rcv_wnd;
	/* whoever sends has the first of the clocks running, or one of the others */
	r->window_limited_ns = chrono(tp, HL_CHRONO_RWND, now);
	r->buffer_limited_ns = chrono(tp, HL_CHRONO_SNDBUF, now);
	r->busy_ns = chrono(tp, 1, now) + r->window_limited_ns + r->buffer_limited_ns;
	r->zero_window_ns = 0;
	if (unsent && !tp->snd_wnd && BPF_CORE_READ_BITFIELD(tp, chrono_type) == HL_CHRONO_RWND)
		r->zero_window_ns = (__u64)(now - tp->chrono_start) * cfg.jiffy_ns;
}

__hot void sock_figures(struct hl_rec_conn *r, const struct tcp_sock *tp)
{
	r->bytes_sent = tp->bytes_sent;
	r->bytes_acked = tp->bytes_acked;
	/* the kernel counts the peer's FIN, too */
	r->bytes_received =
		tp->bytes_received - !!(tp->inet_conn.icsk_inet.sk.__sk_common.skc_flags & HL_SOCK_FIN_CAME);
	r->bytes_resent = tp->bytes_retrans;
	r->segments_sent = tp->segs_out;
	r->segments_received = tp->segs_in;
	r->data_segments_sent = tp->data_segs_out;
	r->data_segments_received = tp->data_segs_in;
	r->retransmits = tp->total_retrans;
	r->cwnd = tp->snd_cwnd;
	r->srtt_us = tp->srtt_us >> 3; /* the kernel keeps eighths, and quarters of the mean deviation */
	r->rttvar_us = tp->mdev_us >> 2;
	r->min_rtt_us = tp->rtt_min.s[0].v;
	r->rto_us = (__u64)tp->inet_conn.icsk_rto * cfg.jiffy_ns / 1000;
	sock_windows(r, tp, (__u32)bpf_jiffies64());
}

/* Has a handshake made it, and no program accepted it yet? */
__hot bool is_queued(const struct sock *sk, const struct hl_sock *s)
{
	return s->role == HL_ROLE_ACCEPTED && !s->ended && !sk->sk_socket &&
	       !(sk->__sk_common.skc_flags & HL_SOCK_DEAD);
}

/* How long the first in a listener's queue has waited there. It is taken out while this looks: then it is not
 * known. */
__hot __u64 first_wait(const struct sock *sk, const struct tcp_sock *tp)
{
	const struct request_sock *first = tp->inet_conn.icsk_accept_queue.rskq_accept_head;
	const struct tcp_sock *child;
	__u64 since, now;

	if (!first || BPF_CORE_READ(first, __req_common.skc_listener) != sk)
		return 0;
	child = (const void *)BPF_CORE_READ(first, sk);
	since = child ? BPF_CORE_READ(child, rcvq_space.time) * 1000 : 0; /* as accept.bpf.h says */
	now = bpf_ktime_get_ns();
	if (tp->inet_conn.icsk_accept_queue.rskq_accept_head != first)
		return 0;
	return since && now > since ? now - since : 0;
}

/* All of a connection, into a record of zeroes. */
__hot void sock_fill(struct hl_rec_conn *r, const struct sock *sk, const struct tcp_sock *tp,
		     const struct hl_sock *s)
{
	struct sock_ends e = { .local = r->local_addr, .remote = r->remote_addr };

	r->h.kind = HL_KIND_CONN;
	r->h.size = sizeof(*r);
	r->h.cpu = bpf_get_smp_processor_id();
	r->h.ts = r->seen = bpf_ktime_get_boot_ns();
	r->h.pid = s->pid;
	r->h.tid = s->tid;
	r->proc_start = s->start;
	r->cookie = bpf_get_socket_cookie((void *)sk);
	r->opened = s->begin;
	r->ended = s->ended;
	r->connect_ns = s->connect_ns;
	r->cgroup_id = sock_cgroup(sk);
	sock_ends(sk, &e);
	r->local_port = e.local_port;
	r->remote_port = e.remote_port;
	r->family = e.family;
	r->role = s->role;
	r->state = s->ended ? HL_TCP_STATE_CLOSE : sk->__sk_common.skc_state;
	r->end = s->end;
	r->netns = netns_of(sk);
	r->flags = s->flags & HL_SOCK_EXISTED ? HL_CONN_EXISTED : 0;
	r->resets_sent = s->resets_sent;
	r->resets_received = s->resets_received;
	if (cfg.flags & HL_CFG_CONG_STATE)
		r->flags |= HL_CONN_RESENDS;
	r->resents = s->resents;
	r->resent_ns = s->resent_ns;
	r->resent_max_ns = s->resent_max;
	if (is_queued(sk, s))
		r->queued_ns = bpf_ktime_get_ns() - tp->rcvq_space.time * 1000; /* as accept.bpf.h says */
	sock_figures(r, tp);
}

/* ---- counting --------------------------------------------------------------------------- */

__hot struct hl_cell *conn_cell(const struct hl_sock *s, struct hl_cpu *cpu)
{
	__u32 role = s->role & (HL_CONN_HINTS - 1);
	bool other;

	return cell_again(HL_KEY(s->pid, role, 0, 0, HL_CELL_CONN), s->start, cpu->id, &cpu->conn_hint[role],
			  &other);
}

/* It came, or its process is known now. */
__hot void count_came(struct hl_sock *s, struct hl_cpu *cpu)
{
	struct hl_cell *c;

	if (s->flags & (HL_SOCK_COUNTED | HL_SOCK_EXISTED))
		return;
	s->flags |= HL_SOCK_COUNTED;
	c = conn_cell(s, cpu);
	if (!c)
		return;
	__sync_fetch_and_add(&c->sequential, 1);
	__sync_fetch_and_add(&c->count, 1);
	__sync_fetch_and_add(&cpu->conn_seen, 1);
}

__hot void count_ended(struct hl_sock *s, struct hl_cpu *cpu)
{
	struct hl_cell *c = conn_cell(s, cpu);

	if (!c)
		return;
	__sync_fetch_and_add(&c->requeues, 1);
	__sync_fetch_and_add(&c->total, s->ended - s->begin);
	__sync_fetch_and_add(&c->count, 1);
	__sync_fetch_and_add(&cpu->conn_seen, 1);
}

/* A connect is over, one way or another. */
__hot void count_connect(const struct hl_sock *s, struct hl_cpu *cpu, __u16 how)
{
	bool other;
	struct hl_cell *c = cell_again(HL_KEY(s->pid, how, HL_STATE_NETWORK, 0, HL_OP_CONNECT), s->start,
				       cpu->id, &cpu->connect_hint, &other);

	if (!c)
		return;
	__sync_fetch_and_add(&c->state_ns[HL_STATE_NETWORK], s->connect_ns);
	if (how != HL_CONNECT_DONE)
		__sync_fetch_and_add(&c->errors, 1);
	cell_add_shared(c, s->connect_ns);
	__sync_fetch_and_add(&cpu->conn_seen, 1);
}

#endif
