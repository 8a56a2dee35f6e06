// SPDX-License-Identifier: GPL-2.0
/*
 * Exchanges: on each TCP connection the time from a request to the first byte of its answer, whatever the
 * protocol is, and also where it is encrypted. Attached only while somebody wants to know: each socket call
 * pays for it.
 *
 *   sock_recv_length   a call has read from a socket
 *   sock_send_length   … or written; both since v6.3, before that
 *   sys_exit           … any call is over
 *   sk_data_ready      data has come; since v6.3, before that
 *   tcp_probe          … any packet has
 *   inet_sock_set_state, tcp_destroy_sock   the connection ends
 *
 *   hl_exchanges       at each refresh, the sums of connections that had any
 *   hl_exchanges_now   … and the requests that have had no answer for long
 *
 * Of a connection that was accepted a request is what is read before something is written, of one that was
 * opened from here what is written before something is read. It ends with its last byte: each further part
 * is the request's, until it is answered. Several requests without an answer between them are one.
 *
 * A byte counts as read, or written, when the call has ended that does it; the first byte of an answer,
 * where calls are counted, when the call begins that writes it, for a long one may be over late. But not
 * where that call reads the answer first (sendfile).
 *
 * A connection that ends while an answer is due: it never came, unless nobody waited for one. The last
 * word that many protocols have (TLS's close_notify) is sent and not waited for.
 */
#include "bpf/compat.bpf.h"
#include <bpf/bpf_tracing.h>
#include "bpf/exchange.bpf.h"
#include "bpf/sockcall.bpf.h"

#define HL_EAGAIN      11
#define HL_ERESTARTSYS 512

char LICENSE[] SEC("license") = "GPL";

/* ---- counting --------------------------------------------------------------------------- */

/* For whom the thread waited meanwhile. */
__hot void slow_peers(struct hl_exchange_raw *raw, const struct exchange *e)
{
	const struct waiter *w = bpf_task_storage_get(&waiters, bpf_get_current_task_btf(), NULL, 0);

	if (!w)
		return;
	raw->nr = HL_PEERS;
	for (int i = 0; i < HL_PEERS; i++) {
		const struct peer *p = &w->v[i];
		struct hl_peer_ns *to = &raw->peers[i];

		to->ns = p->ns - (p->gen == e->peer_gen[i] ? e->peer_ns[i] : 0);
		__builtin_memcpy(to->addr, p->addr, sizeof(to->addr));
		to->port = p->port;
		to->family = p->is_v6 ? HL_AF_INET6 : HL_AF_INET;
		to->protocol = p->protocol;
	}
}

static __noinline int exchange_slow(const struct sock *sk, const struct exchange *e, const struct answer *a,
				    const struct hl_slot *s)
{
	struct hl_cpu *cpu = this_cpu();
	struct hl_exchange_raw *raw;
	struct sock_ends ends = {};
	struct hl_rec_slow *r;

	if (!cpu || !s)
		return 0;
	raw = record_reserve(&hl_events, sizeof(*raw), &cpu->slow_requests, &cpu->slow_requests_lost);
	if (!raw)
		return 0;
	__builtin_memset(raw, 0, sizeof(*raw));
	r = &raw->r;
	slow_begin(r, bpf_ktime_get_boot_ns() - a->ago, a->t.duration);
	r->h.size = sizeof(*raw);
	r->h.pid = s->pid;
	r->h.tid = s->tid;
	r->start = s->start;
	r->proc_start = s->proc_start;
	r->op = HL_OP_EXCHANGE;
	r->nr = e->role;
	r->state = a->known ? a->t.most : HL_STATE_OTHER;
	for (int i = 0; i < NR_HL_STATES; i++)
		r->state_ns[i] = a->t.ns[i];
	r->flags = HL_SLOW_NO_RESULT;
	r->detail = HL_DETAIL_PEER;
	r->protocol = HL_IPPROTO_TCP;
	r->accepted = e->role == HL_ROLE_ACCEPTED;
	ends.local = r->local_addr;
	ends.remote = r->remote_addr;
	sock_ends(sk, &ends);
	r->family = ends.family;
	r->local_port = ends.local_port;
	r->remote_port = ends.remote_port;
	if (a->known && e->role == HL_ROLE_ACCEPTED) /* who asks waits for whom it asked */
		slow_peers(raw, e);
	bpf_ringbuf_submit(raw, wake_flag(&hl_events, sizeof(*raw)));
	return 0;
}

__global int exchange_count(struct exchange *e, const struct answer *a, const struct exchange_of *of)
{
	struct hl_cpu *cpu = this_cpu();
	struct hl_cell *c = cpu && e && of ? exchange_cell(e, of, cpu) : NULL;

	if (!c || !a)
		return 0;
	for (int i = 0; i < NR_HL_STATES; i++)
		if (a->t.ns[i])
			__sync_fetch_and_add(&c->state_ns[i], a->t.ns[i]);
	cell_add_shared(c, a->t.duration);
	__sync_fetch_and_add(&cpu->exchanges_seen, 1);
	return 0;
}

/* One whose answer never came. */
static __noinline int exchange_lost(struct exchange *e)
{
	struct exchange_of of = { .pid = e->pid, .proc_start = e->proc_start };
	struct hl_cpu *cpu = this_cpu();
	struct hl_cell *c = cpu ? exchange_cell(e, &of, cpu) : NULL;

	if (!c)
		return 0;
	e->unanswered++;
	__sync_fetch_and_add(&c->errors, 1);
	__sync_fetch_and_add(&c->count, 1);
	__sync_fetch_and_add(&cpu->exchanges_seen, 1);
	return 0;
}

/* ---- a request and its answer ------------------------------------------------------------- */

__hot void asks(const struct sock *sk, struct exchange *e, struct task_struct *p, const struct hl_slot *s,
		__u32 bytes, __u64 now)
{
	/* what is said to a peer that has closed is answered by nobody */
	if (e->role == HL_ROLE_OPENED && LOAD(struct sock, sk, sk_shutdown) & HL_RCV_SHUTDOWN)
		return;
	exchange_mark(e, p, s);
	e->flags &= ~EXCHANGE_TRIED;
	e->last = bytes;
	barrier_compiler();
	e->asked = now;
}

/* When the answer began. */
__hot __u64 answer_ends(struct answer *a, const struct exchange *e, const struct hl_slot *s, __u64 asked,
			__u64 now)
{
	if (e->role != HL_ROLE_ACCEPTED || !s || s->call_begin <= asked || !writes_at_once(s))
		return now;
	a->at_begin = true;
	a->ago = now - s->call_begin;
	return s->call_begin;
}

static __noinline int answers(const struct sock *sk, struct exchange *e, const struct hl_slot *s, __u64 now)
{
	struct exchange_of of = { .part = HL_EXCHANGE_ANSWERED };
	__u64 asked = e->asked, end;
	struct hl_cpu *cpu = this_cpu();
	struct answer a = {};

	/* who of two that answer at once takes it has it */
	if (!cpu || !asked || __sync_val_compare_and_swap(&e->asked, asked, 0) != asked)
		return 0;
	end = answer_ends(&a, e, s, asked, now);
	if (end < asked) {
		__sync_fetch_and_add(&cpu->exchanges_clock, 1);
		return 0;
	}
	a.t.duration = end - asked;
	if (s && s->tid == e->tid && s->start == e->start)
		answer_states(&a, e, s);
	of.pid = s ? s->pid : e->pid;
	of.proc_start = s ? s->proc_start : e->proc_start;
	exchange_count(e, &a, &of);
	e->count++;
	e->total += a.t.duration;
	if (a.t.duration > e->max)
		e->max = a.t.duration;
	return a.t.duration >= cpu->slow_ns ? exchange_slow(sk, e, &a, s) : 0;
}

/* Data is read that had come a while ago. What is left of it is to be read from now on. */
static __noinline int reads(const struct sock *sk, struct exchange *e, struct task_struct *p, __u64 now)
{
	struct exchange_of of = { .part = HL_EXCHANGE_READ };
	struct hl_cpu *cpu = this_cpu();
	__u64 ready = e->ready;
	struct hl_cell *c;

	if (!cpu || __sync_val_compare_and_swap(&e->ready, ready, 0) != ready)
		return 0;
	if (LOAD(struct tcp_sock, sk, rcv_nxt) != LOAD(struct tcp_sock, sk, copied_seq))
		__sync_val_compare_and_swap(&e->ready, 0, now);
	if (!ready || now < ready)
		return 0;
	of.pid = p->tgid;
	of.proc_start = TASK_PTR(p, group_leader)->start_boottime;
	c = exchange_cell(e, &of, cpu);
	if (!c)
		return 0;
	cell_add_shared(c, now - ready);
	__sync_fetch_and_add(&cpu->reads_seen, 1);
	return 0;
}

/* A call has sent or read so many bytes. */
static __noinline int moved(const struct sock *sk, bool sent, __u32 bytes)
{
	struct task_struct *p = bpf_get_current_task_btf();
	struct hl_ctl *ctl = ctl_get();
	struct hl_cpu *cpu = this_cpu();
	struct hl_slot *s;
	struct exchange *e;
	__u64 now;

	if (!ctl || !cpu)
		return 0;
	e = exchange_find(sk);
	if (!e && ctl->filter & HL_FILTER_ON && !target_matches(p, ctl)) /* it takes no room */
		return 0;
	e = exchange_take(sk, e, ctl);
	if (!e) {
		if (sent == (LOAD(struct sock, sk, sk_max_ack_backlog) > 0))
			__sync_fetch_and_add(&cpu->exchanges_full, 1);
		return 0;
	}
	if (!exchange_counts(e, p, ctl))
		return 0;
	s = slot_find(p);
	now = bpf_ktime_get_ns();
	if (s && e->role == HL_ROLE_OPENED)
		peer_note(p, s, e, ctl);
	if (!sent)
		reads(sk, e, p, now);
	if (sent == (e->role == HL_ROLE_ACCEPTED))
		return answers(sk, e, s, now);
	asks(sk, e, p, s, bytes, now);
	return 0;
}

/* ---- hooks -------------------------------------------------------------------------------- */

/* Not TCP, but a peer. */
static __noinline int moved_other(const struct sock *sk)
{
	__u16 family = LOAD(struct sock, sk, __sk_common.skc_family);
	struct hl_ctl *ctl = ctl_get();

	if (!ctl || LOAD(struct sock, sk, sk_protocol) != HL_IPPROTO_UDP ||
	    (family != HL_AF_INET && family != HL_AF_INET6))
		return 0;
	return peer_note_other(sk, ctl);
}

SEC("?tp_btf/sock_send_length")
int BPF_PROG(sock_send_length, struct sock *sk, int ret, int flags)
{
	if (!is_tcp(sk))
		return moved_other(sk);
	return ret > 0 ? moved(sk, true, ret) : 0;
}

/* There was nothing to read, and not only not yet. */
static __noinline int tried(const struct sock *sk, int ret)
{
	struct exchange *e = ret == -HL_EAGAIN || ret == -HL_ERESTARTSYS ? NULL : exchange_find(sk);

	if (e && e->role == HL_ROLE_OPENED && e->asked)
		e->flags |= EXCHANGE_TRIED;
	return 0;
}

SEC("?tp_btf/sock_recv_length")
int BPF_PROG(sock_recv_length, struct sock *sk, int ret, int flags)
{
	if (flags & (HL_MSG_PEEK | HL_MSG_ERRQUEUE))
		return 0;
	if (!is_tcp(sk))
		return moved_other(sk);
	return ret > 0 ? moved(sk, false, ret) : tried(sk, ret);
}

/* Where the kernel does not tell of that: the call is over. */
SEC("?tp_btf/sys_exit")
int BPF_PROG(socket_call, struct pt_regs *regs, long ret)
{
	struct sock_call c = {};
	const struct sock *sk;
	__u64 file;

	if (!call_look(&c) || call_peeks(&c))
		return 0;
	file = call_file(&c);
	sk = file ? (void *)file_sock(file) : NULL;
	if (!sk)
		return 0;
	if (!is_tcp(sk))
		return moved_other(sk);
	if (ret > 0)
		return moved(sk, c.way == HL_SOCK_SEND, ret);
	return c.way == HL_SOCK_SEND ? 0 : tried(sk, ret);
}

static __noinline int data_came(const struct sock *sk)
{
	struct hl_ctl *ctl = ctl_get();
	struct exchange *e;

	if (!ctl)
		return 0;
	e = exchange_find(sk);
	if (!e && ctl->filter & HL_FILTER_ON) /* whose it is cannot be told here: its first call does */
		return 0;
	e = exchange_take(sk, e, ctl);
	if (e && !e->ready)
		e->ready = bpf_ktime_get_ns();
	return 0;
}

/* Also of a listener, to whom a connection has come. */
SEC("?tp_btf/sk_data_ready")
int BPF_PROG(sk_data_ready, const struct sock *sk)
{
	return is_tcp(sk) && sk->__sk_common.skc_state != HL_TCP_STATE_LISTEN ? data_came(sk) : 0;
}

/* Where the kernel does not tell of that: a packet comes for an established connection, and what is next
 * of what the program is to read is in it. */
SEC("?tp_btf/tcp_probe")
int BPF_PROG(tcp_probe, const struct sock *sk, const struct sk_buff *skb)
{
	struct {
		__u32 seq, end; /* a tcp_skb_cb begins with these */
	} has = {};
	__u32 next = LOAD(struct tcp_sock, sk, rcv_nxt);

	bpf_core_read(&has, sizeof(has), &skb->cb);
	return (__s32)(next - has.seq) >= 0 && (__s32)(has.end - next) > 0 ? data_came(sk) : 0;
}

/* An accepted one that does not look like that later, because its listener has room for nobody who waits. */
__hot bool seems_opened(const struct sock *sk, int from, int to)
{
	return !(cfg.flags & HL_CFG_SOCK_TP) && from == HL_TCP_STATE_SYN_RECV &&
	       to == HL_TCP_STATE_ESTABLISHED && !sk->sk_max_ack_backlog;
}

/*
 * The connection is over, and an answer was due: did anybody wait for it? Who asked and did not even try to
 * read said a last word, whoever of the two closed upon that first; so did who is not read any more. Who is
 * asked and closes first cannot know: but after an answered request, what was as short as TLS's close_notify
 * and other goodbyes was one.
 */
#define LAST_WORD 31

__hot bool was_waited_for(const struct exchange *e, const struct hl_cpu *cpu)
{
	__u64 closed = e->closed ?: bpf_ktime_get_ns();
	bool in_order = e->flags & (EXCHANGE_HERE | EXCHANGE_THERE);

	if (closed > e->asked && closed - e->asked >= cpu->slow_ns)
		return true;
	if (e->role != HL_ROLE_ACCEPTED)
		return e->flags & EXCHANGE_TRIED || (!in_order && !e->ready);
	return !(e->flags & EXCHANGE_THERE) && !(in_order && e->count && e->last <= LAST_WORD);
}

__hot void sums_fill(struct hl_rec_conn_exchanges *r, const struct sock *sk, const struct exchange *e,
		     const struct hl_sock *s)
{
	r->h.kind = HL_KIND_CONN_EXCHANGES;
	r->h.cpu = 0;
	r->h.size = sizeof(*r);
	r->h.ts = bpf_ktime_get_boot_ns();
	r->h.pid = r->h.tid = 0;
	r->cookie = bpf_get_socket_cookie((void *)sk);
	r->opened = e->opened ?: s->begin;
	r->count = e->count;
	r->unanswered = e->unanswered;
	r->total_ns = e->total;
	r->max_ns = e->max;
}

static __noinline int sums_send(const struct sock *sk, const struct exchange *e, const struct hl_sock *s)
{
	struct hl_cpu *cpu = this_cpu();
	struct hl_rec_conn_exchanges *r;

	if (!cpu || !s)
		return 0;
	r = record_reserve(&hl_events, sizeof(*r), &cpu->conn_records, &cpu->conn_records_lost);
	if (!r)
		return 0;
	sums_fill(r, sk, e, s);
	bpf_ringbuf_submit(r, wake_flag(&hl_events, sizeof(*r)));
	return 0;
}

static __noinline int over(const struct sock *sk, struct exchange *e)
{
	struct hl_ctl *ctl = ctl_get();
	struct hl_cpu *cpu = this_cpu();

	if (!e || !ctl || !cpu)
		return 0;
	if (e->asked && e->gen == ctl->exchange_gen && was_waited_for(e, cpu))
		exchange_lost(e);
	e->asked = 0;
	__sync_fetch_and_add(&ctl->exchanges, -1);
	if (e->count + e->unanswered != e->told)
		sums_send(sk, e, sock_find(sk));
	exchange_remove(sk);
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(exchange_over, const struct sock *sk)
{
	return over(sk, exchange_find(sk));
}

/* A socket may be used again, and then it is another connection. */
static __noinline int begins_anew(const struct sock *sk, struct exchange *e)
{
	over(sk, e);
	return cfg.flags & HL_CFG_SOCK_TP ? bpf_sk_storage_delete(&exchanges, (void *)sk) : 0;
}

/* Who closes it first. */
static __noinline int closes(const struct sock *sk, struct exchange *e, int to)
{
	const struct hl_sock *s = sock_find(sk);

	if (s)
		e->opened = s->begin;
	e->closed = bpf_ktime_get_ns();
	e->flags |= to == HL_TCP_STATE_FIN_WAIT1  ? EXCHANGE_HERE
		    : to == HL_TCP_STATE_LAST_ACK ? EXCHANGE_THERE
						  : 0;
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(exchange_step, const struct sock *sk, int from, int to)
{
	struct exchange *e;

	if (seems_opened(sk, from, to) && is_tcp(sk) && !exchange_find(sk))
		exchange_new(sk, HL_ROLE_ACCEPTED);
	if (to != HL_TCP_STATE_FIN_WAIT1 && to != HL_TCP_STATE_LAST_ACK && to != HL_TCP_STATE_CLOSE &&
	    to != HL_TCP_STATE_SYN_SENT)
		return 0;
	e = is_tcp(sk) ? exchange_find(sk) : NULL;
	if (!e)
		return 0;
	if (to == HL_TCP_STATE_SYN_SENT)
		return begins_anew(sk, e);
	return e->closed ? 0 : closes(sk, e, to);
}

/* Over `exchanges`, or else over `socks`. Counts those that there are, too: of some nobody saw the end. */
SEC("iter/bpf_sk_storage_map")
int hl_exchanges(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock *sk = ctx->sk;
	struct hl_ctl *ctl = ctl_get();
	struct hl_rec_conn_exchanges r = {};
	struct exchange *e;
	struct hl_sock *s;

	if (!ctx->value || !sk || !ctl)
		return 0;
	e = cfg.flags & HL_CFG_SOCK_TP ? ctx->value : exchange_find(sk);
	if (!e)
		return 0;
	ctl->exchanges_found++;
	if (e->count + e->unanswered == e->told)
		return 0;
	s = sock_find(sk);
	if (!s)
		return 0;
	sums_fill(&r, sk, e, s);
	if (!bpf_seq_write(ctx->meta->seq, &r, sizeof(r)))
		e->told = r.count + r.unanswered;
	return 0;
}

static __noinline int due_fill(struct hl_exchange_now *r, const struct sock *sk, const struct exchange *e)
{
	struct sock_ends ends = {};

	if (!r || !e)
		return 0;
	ends.local = r->local_addr;
	ends.remote = r->remote_addr;
	sock_ends(sk, &ends);
	r->local_port = ends.local_port;
	r->remote_port = ends.remote_port;
	r->family = ends.family;
	r->role = e->role;
	r->start = e->start;
	r->proc_start = e->proc_start;
	r->pid = e->pid;
	r->tid = e->tid;
	return 1;
}

SEC("iter/bpf_sk_storage_map")
int hl_exchanges_now(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock *sk = ctx->sk;
	struct hl_exchange_now r = {};
	struct hl_ctl *ctl = ctl_get();
	struct hl_cpu *cpu = this_cpu();
	__u64 now = bpf_ktime_get_ns(), asked;
	const struct exchange *e;

	if (!ctx->value || !sk || !ctl || !cpu)
		return 0;
	e = cfg.flags & HL_CFG_SOCK_TP ? ctx->value : exchange_find(sk);
	if (!e || e->gen != ctl->exchange_gen || e->closed)
		return 0;
	asked = e->asked;
	if (!asked || now < asked || now - asked < cpu->slow_ns || !due_fill(&r, sk, e))
		return 0;
	r.age_ns = now - asked;
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}
