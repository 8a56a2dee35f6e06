// SPDX-License-Identifier: GPL-2.0
/*
 * TCP: every connection from its first step to its last, and what happens to it in between that is rare.
 * Nothing runs per packet or per call: a connection costs its steps (six or so), figures are the socket's
 * own, read when it ends and at each refresh.
 *
 *   inet_sock_set_state    a step. In two programs, for the kernel does not run one again inside of itself:
 *                          steps that a process makes may be interrupted by steps that packets make
 *   tcp_retransmit_skb     it sent something again
 *   tcp_cong_state_set     it found that something was lost: before it sends that again
 *   tcp_send_reset         it threw a connection away
 *   tcp_receive_reset      the peer did
 *   tcp_destroy_sock       the socket goes
 *
 *   hl_owners  at start and now and then, every descriptor of the host: sockets that were there before, in
 *              whatever network namespace, and whose those are that were accepted
 *   hl_conns   at each refresh, every socket of which something is kept: the figures of those that moved
 *
 * A connection that is opened from here is its process's from the first step on. Of one that was accepted no
 * hook says by whom: it is the process's that holds it when hl_owners comes by, or that ends it. Until then
 * it is nobody's. Of several that hold it, it is whose process started first, for those that hand connections
 * on close their own copy; process 1 only if there is nobody else.
 */
#include "bpf/compat.bpf.h"
#include <bpf/bpf_tracing.h>
#include "bpf/resent.bpf.h"
#include "bpf/stack.h"

/* Between two records of the same kind of event of one connection; those in between are counted. */
#define HL_EVENT_AGAIN (1000ull * 1000 * 1000)
/* Between two on one CPU. */
#define HL_EVENT_EVERY (2 * 1000 * 1000)
#define HL_EVENT_BURST 256
/* An accepted connection is handed on, if at all, before that. */
#define HL_SETTLED_NS (100 * 1000 * 1000)

char LICENSE[] SEC("license") = "GPL";

/* ---- records ---------------------------------------------------------------------------- */

/* The connection as it ended. */
static __noinline int conn_send(const struct sock *sk, struct hl_sock *s, __u32 flags)
{
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	struct hl_cpu *cpu = this_cpu();
	struct hl_rec_conn *r;

	if (!tp || !s || !cpu)
		return 0;
	r = record_reserve(&hl_events, sizeof(*r), &cpu->conn_records, &cpu->conn_records_lost);
	if (!r)
		return 0;
	__builtin_memset(r, 0, sizeof(*r));
	sock_fill(r, sk, tp, s);
	r->flags |= flags;
	bpf_ringbuf_submit(r, wake_flag(&hl_events, sizeof(*r)));
	return 0;
}

/* Something of a connection that belongs among what was slow. */
struct tcp_event {
	__u64 duration;
	__s64 result;
	__u32 times, flags;
	__u32 reason; /* as the kernel numbers them; 0: none, or not known */
	__u8 op, nr;
};

static __noinline int event_fill(struct hl_rec_slow *r, const struct sock *sk, const struct hl_sock *s,
				 const struct tcp_event *v)
{
	struct sock_ends e = {};

	if (!r || !sk || !s || !v)
		return 0;
	slow_begin(r, bpf_ktime_get_boot_ns(), v->duration);
	r->h.pid = s->pid;
	r->h.tid = s->tid;
	r->proc_start = s->start;
	r->op = v->op;
	r->nr = v->nr;
	r->state = HL_STATE_NETWORK;
	r->state_ns[HL_STATE_NETWORK] = v->duration;
	r->result = v->result;
	r->flags = v->flags;
	r->times = v->times;
	r->detail = HL_DETAIL_PEER;
	r->detail_addr = v->reason;
	r->protocol = HL_IPPROTO_TCP;
	r->accepted = s->role == HL_ROLE_ACCEPTED;
	e.local = r->local_addr;
	e.remote = r->remote_addr;
	sock_ends(sk, &e);
	r->family = e.family;
	r->local_port = e.local_port;
	r->remote_port = e.remote_port;
	return 0;
}

static __noinline int event_send(const struct sock *sk, const struct hl_sock *s, const struct tcp_event *v)
{
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	struct hl_cpu *cpu = this_cpu();
	struct hl_rec_slow *r;

	if (!tp || !s || !v || !cpu)
		return 0;
	r = record_reserve(&hl_events, sizeof(*r), &cpu->slow_requests, &cpu->slow_requests_lost);
	if (!r)
		return 0;
	event_fill(r, sk, s, v);
	r->h.size = sizeof(*r);
	bpf_ringbuf_submit(r, wake_flag(&hl_events, sizeof(*r)));
	return 0;
}

/* With the kernel stack: of a reset it says whether a program closed the connection, or which packet did. */
static __noinline int event_send_stack(void *ctx, const struct sock *sk, const struct hl_sock *s,
				       const struct tcp_event *v)
{
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	struct hl_cpu *cpu = this_cpu();
	struct hl_slow_raw *raw;
	long n;

	if (!tp || !s || !v || !cpu)
		return 0;
	raw = record_reserve(&hl_events, HL_SLOW_RAW_STACK, &cpu->slow_requests, &cpu->slow_requests_lost);
	if (!raw)
		return 0;
	event_fill(&raw->r, sk, s, v);
	raw->r.h.size = HL_SLOW_RAW_STACK;
	raw->stack.since = 0;
	n = bpf_get_stack(ctx, raw->stack.ip, sizeof(raw->stack.ip), 0);
	raw->stack.nr = n > 0 ? n / sizeof(raw->stack.ip[0]) : 0;
	bpf_ringbuf_submit(raw, wake_flag(&hl_events, HL_SLOW_RAW_STACK));
	return 0;
}

/* What it sent again and was not told of. */
__hot void retransmits_send(const struct sock *sk, struct hl_sock *s, __u64 waited)
{
	struct tcp_event v = {
		.op = HL_OP_TCP, .nr = HL_TCP_RETRANSMIT, .duration = waited, .times = s->untold
	};

	v.flags = HL_SLOW_NO_RESULT | (waited ? HL_SLOW_LOWER_BOUND : 0);
	s->untold = 0;
	event_send(sk, s, &v);
}

/* ---- a connect -------------------------------------------------------------------------- */

/* One of which nothing is kept, for want of room: it is counted as nobody's. */
static __noinline int stranger(__u8 role, bool comes)
{
	struct hl_sock nobody = { .role = role };
	struct hl_cpu *cpu = this_cpu();

	if (!cpu)
		return 0;
	if (comes)
		count_came(&nobody, cpu);
	else
		count_ended(&nobody, cpu);
	return 0;
}

/* Its first step. A socket may be used again, and then it is another connection. */
static __noinline int connect_begins(const struct sock *sk)
{
	struct hl_sock *s = sock_take(sk);

	if (!s)
		return 0;
	__builtin_memset(s, 0, sizeof(*s));
	s->begin = bpf_ktime_get_boot_ns();
	s->role = HL_ROLE_OPENED;
	sock_is_of(s, bpf_get_current_task_btf());
	return 0;
}

/* Which way a connect failed, and in the upper byte what that makes of the connection. */
__hot __u16 how_failed(const struct sock *sk)
{
	__s32 err = sk->sk_err;

#define HOW(name) (HL_CONNECT_##name | HL_END_##name << 8)
	return err == HL_ECONNREFUSED                            ? HOW(REFUSED)
	       : err == HL_ETIMEDOUT                             ? HOW(TIMED_OUT)
	       : err == HL_EHOSTUNREACH || err == HL_ENETUNREACH ? HOW(UNREACHABLE)
	       : !err && sk->sk_shutdown                         ? HOW(GIVEN_UP)
								 : HOW(FAILED);
#undef HOW
}

static __noinline int connect_ends(const struct sock *sk, bool done)
{
	struct hl_sock *s = sock_find(sk);
	struct tcp_event v = { .op = HL_OP_CONNECT };
	struct hl_cpu *cpu = this_cpu();
	__u64 now = bpf_ktime_get_boot_ns();
	__u16 how;

	if (!cpu || !s || !s->begin)
		return done ? stranger(HL_ROLE_OPENED, true) : 0;
	v.duration = now - s->begin;
	if (!done) {
		how = how_failed(sk);
		v.nr = how;
		s->end = how >> 8;
		v.result = -sk->sk_err;
		v.flags = sk->sk_err ? 0 : HL_SLOW_NO_RESULT; /* the program has not waited for one */
		s->ended = now;
	}
	if (!(s->flags & HL_SOCK_EXISTED)) { /* else nobody saw its begin */
		s->connect_ns = v.duration;
		count_connect(s, cpu, v.nr);
	}
	if (done)
		count_came(s, cpu);
	if (s->connect_ns >= cpu->slow_ns)
		event_send(sk, s, &v);
	if (done)
		return 0;
	if (s->untold)
		retransmits_send(sk, s, 0);
	s->flags |= HL_SOCK_DONE;
	return conn_send(sk, s, HL_CONN_FAILED);
}

/* ---- an end ----------------------------------------------------------------------------- */

/* Whoever it was of is known by now, or never. */
static __noinline int conn_over(const struct sock *sk, struct hl_sock *s)
{
	struct hl_cpu *cpu = this_cpu();

	if (!cpu || !s || s->flags & HL_SOCK_DONE)
		return 0;
	s->flags |= HL_SOCK_DONE;
	count_came(s, cpu);
	count_ended(s, cpu);
	resent_over(sk, s);
	if (s->untold)
		retransmits_send(sk, s, 0);
	return conn_send(sk, s, 0);
}

/* In order; or by whom it was thrown away: from here, where nothing says otherwise. */
__hot __u8 why_ended(const struct sock *sk, const struct hl_sock *s, __u32 from)
{
	if (sk->sk_err == HL_ETIMEDOUT)
		return HL_END_TIMED_OUT;
	if (s->resets_received)
		return HL_END_RESET_RECEIVED;
	if (sk->sk_err == HL_EHOSTUNREACH || sk->sk_err == HL_ENETUNREACH)
		return HL_END_UNREACHABLE;
	if (s->resets_sent || from == HL_TCP_STATE_ESTABLISHED || from == HL_TCP_STATE_CLOSE_WAIT ||
	    from == HL_TCP_STATE_SYN_RECV)
		return HL_END_RESET_SENT;
	return HL_END_CLOSED;
}

static __noinline int conn_ends(const struct sock *sk, __u32 from)
{
	struct hl_sock *s = sock_find(sk);

	if (!s || !s->begin) {
		if (from == HL_TCP_STATE_SYN_RECV) /* it never was one */
			return 0;
		return stranger(sk->sk_max_ack_backlog ? HL_ROLE_ACCEPTED : HL_ROLE_OPENED, false);
	}
	if (s->flags & (HL_SOCK_DONE | HL_SOCK_ENDED))
		return 0;
	s->ended = bpf_ktime_get_boot_ns();
	s->end = why_ended(sk, s, from);
	if (s->end == HL_END_RESET_SENT && !s->resets_sent)
		s->resets_sent = 1;       /* which comes right after */
	if (!s->pid && sk->sk_lock.owned) /* a process is at it, and no packet comes in between */
		sock_is_of(s, bpf_get_current_task_btf());
	if (s->pid || sk->__sk_common.skc_flags & HL_SOCK_DEAD)
		return conn_over(sk, s);
	s->flags |= HL_SOCK_ENDED; /* who closes it says whose it was */
	return 0;
}

/* ---- steps ------------------------------------------------------------------------------ */

static __noinline int accepted(const struct sock *sk)
{
	struct hl_sock *s = sock_take(sk);

	if (!s)
		return stranger(HL_ROLE_ACCEPTED, true);
	if (s->begin) /* both sides had sent the first packet */
		return connect_ends(sk, true);
	s->begin = bpf_ktime_get_boot_ns();
	s->role = HL_ROLE_ACCEPTED;
	return 0;
}

static __noinline int listen_begins(const struct sock *sk)
{
	struct hl_sock *s = sock_take(sk);

	if (!s)
		return 0;
	__builtin_memset(s, 0, sizeof(*s));
	s->begin = bpf_ktime_get_boot_ns();
	sock_is_of(s, bpf_get_current_task_btf());
	return 0;
}

/* It ends what it holds: then it is its. */
static __noinline int closed_by_process(const struct sock *sk)
{
	struct hl_sock *s = sock_find(sk);

	if (s && !s->pid)
		sock_is_of(s, bpf_get_current_task_btf());
	return 0;
}

static __noinline int listen_fill(struct hl_rec_listen *r, const struct sock *sk, const struct tcp_sock *tp,
				  const struct hl_sock *s)
{
	__u8 none[16];
	struct sock_ends e = { .local = r->local_addr, .remote = none };

	r->h.kind = HL_KIND_LISTEN;
	r->h.size = sizeof(*r);
	r->h.ts = bpf_ktime_get_boot_ns();
	r->h.pid = s->pid;
	r->h.tid = s->tid;
	r->proc_start = s->start;
	r->cookie = bpf_get_socket_cookie((void *)sk);
	r->opened = s->begin;
	r->ended = s->ended;
	r->cgroup_id = sock_cgroup(sk);
	sock_ends(sk, &e);
	r->local_port = e.local_port;
	r->family = e.family;
	r->netns = netns_of(sk);
	r->flags = s->flags & HL_SOCK_EXISTED ? HL_CONN_EXISTED : 0;
	r->length = sk->sk_ack_backlog;
	r->limit = sk->sk_max_ack_backlog;
	r->half_open = tp->inet_conn.icsk_accept_queue.qlen.counter;
	r->drops = (__u32)sk->sk_drops.counter;
	r->first_wait_ns = first_wait(sk, tp);
	return 0;
}

static __noinline int listen_ends(const struct sock *sk)
{
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	struct hl_sock *s = sock_find(sk);
	struct hl_cpu *cpu = this_cpu();
	struct hl_rec_listen *r;

	if (!s || !tp || !cpu)
		return 0;
	s->ended = bpf_ktime_get_boot_ns();
	s->flags |= HL_SOCK_DONE;
	r = record_reserve(&hl_events, sizeof(*r), &cpu->conn_records, &cpu->conn_records_lost);
	if (!r)
		return 0;
	__builtin_memset(r, 0, sizeof(*r));
	listen_fill(r, sk, tp, s);
	bpf_ringbuf_submit(r, wake_flag(&hl_events, sizeof(*r)));
	return 0;
}

/* Steps that only a process makes; a shutdown may be one. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcp_process_step, const struct sock *sk, int from, int to)
{
	if (to != HL_TCP_STATE_SYN_SENT && to != HL_TCP_STATE_LISTEN && to != HL_TCP_STATE_FIN_WAIT1 &&
	    to != HL_TCP_STATE_LAST_ACK && from != HL_TCP_STATE_LISTEN)
		return 0;
	if (!is_tcp(sk))
		return 0;
	if (to == HL_TCP_STATE_SYN_SENT)
		return connect_begins(sk);
	if (to == HL_TCP_STATE_LISTEN)
		return listen_begins(sk);
	if (from == HL_TCP_STATE_LISTEN)
		return to == HL_TCP_STATE_CLOSE ? listen_ends(sk) : 0;
	return closed_by_process(sk);
}

/* … and those that packets make, or timers. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcp_packet_step, const struct sock *sk, int from, int to)
{
	if ((to != HL_TCP_STATE_ESTABLISHED && to != HL_TCP_STATE_CLOSE) || from == HL_TCP_STATE_LISTEN ||
	    from == HL_TCP_STATE_CLOSE)
		return 0;
	if (!is_tcp(sk))
		return 0;
	if (to == HL_TCP_STATE_ESTABLISHED && from == HL_TCP_STATE_SYN_RECV)
		return accepted(sk);
	if (to == HL_TCP_STATE_ESTABLISHED)
		return connect_ends(sk, true);
	if (from == HL_TCP_STATE_SYN_SENT)
		return connect_ends(sk, false);
	return conn_ends(sk, from);
}

/* ---- events ----------------------------------------------------------------------------- */

/* Whether one more on this CPU is told of: HL_EVENT_BURST at once, after that one each HL_EVENT_EVERY. */
__hot bool may_tell(struct hl_cpu *cpu, __u64 now)
{
	__u64 at = cpu->tcp_event_at > now ? cpu->tcp_event_at : now;

	if (at - now > HL_EVENT_BURST * HL_EVENT_EVERY)
		return false;
	cpu->tcp_event_at = at + HL_EVENT_EVERY;
	return true;
}

/* For how long it had waited for an acknowledgement, at least: since it was sent, where that is known; until
 * the timer ran out; or, where the peer's answers told, a round trip. */
__hot __u64 waited_ns(const struct sock *sk, const struct tcp_sock *tp, const struct hl_sock *s)
{
	bool by_timer = sk->__sk_common.skc_state == HL_TCP_STATE_SYN_SENT ||
			BPF_CORE_READ_BITFIELD(tp, inet_conn.icsk_ca_state) == HL_TCP_CA_LOSS;

	if (s->resent_first && s->resent_last > s->resent_first)
		return s->resent_last - s->resent_first;
	return by_timer ? (__u64)tp->inet_conn.icsk_rto * cfg.jiffy_ns : (__u64)(tp->srtt_us >> 3) * 1000;
}

static __noinline int retransmitted(const struct sock *sk, struct hl_sock *s)
{
	const struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	__u64 now = bpf_ktime_get_boot_ns();
	struct hl_cpu *cpu = this_cpu();

	if (!tp || !cpu || !s)
		return 0;
	s->untold++;
	if (now - s->told < HL_EVENT_AGAIN || !may_tell(cpu, now))
		return 0;
	s->told = now;
	retransmits_send(sk, s, waited_ns(sk, tp, s));
	return 0;
}

SEC("?tp_btf/tcp_retransmit_skb")
int tcp_retransmit_skb(__u64 *ctx)
{
	const struct sock *sk = (void *)ctx[0];
	const struct sk_buff *skb = (void *)ctx[1];
	struct hl_sock *s;

	if (cfg.flags & HL_CFG_RESENT_ERR && (__s32)ctx[2])
		return 0;
	s = sock_find(sk);
	if (!s)
		return 0;
	if (cfg.flags & HL_CFG_CONG_STATE)
		resent_note(sk, skb, s);
	return retransmitted(sk, s);
}

SEC("?tp_btf/tcp_cong_state_set")
int tcp_cong_state_set(__u64 *ctx)
{
	const struct sock *sk = (void *)ctx[0];
	__u8 state = ctx[1];
	struct hl_sock *s;

	if (state < HL_TCP_CA_RECOVERY)
		return 0;
	s = sock_find(sk);
	return s ? loss_found(sk, s) : 0;
}

static __noinline int reset(void *ctx, const struct sock *sk, __u8 nr, __u32 reason)
{
	struct tcp_event v = {
		.op = HL_OP_TCP, .nr = nr, .times = 1, .flags = HL_SLOW_NO_RESULT, .reason = reason
	};
	struct hl_sock *s = sock_find(sk);
	struct hl_cpu *cpu = this_cpu();

	if (!s || !cpu || !s->begin)
		return 0;
	if (nr == HL_TCP_RESET_RECEIVED)
		s->resets_received++;
	else if (s->end != HL_END_RESET_SENT)
		s->resets_sent++;
	if (s->flags & HL_SOCK_DONE && s->end != HL_END_RESET_SENT) { /* it was told of as ended in order */
		s->end = HL_END_RESET_SENT;
		conn_send(sk, s, HL_CONN_ADDED);
	}
	if (may_tell(cpu, bpf_ktime_get_boot_ns()))
		return event_send_stack(ctx, sk, s, &v);
	__sync_fetch_and_add(&cpu->tcp_untold, 1);
	return 0;
}

/* Newer kernels tell of resets without a socket too, and of those that are not whole (19822a980e19). */
SEC("?tp_btf/tcp_send_reset")
int tcp_send_reset(__u64 *ctx)
{
	const struct sock *sk = (void *)ctx[0];
	__u32 state;

	if (!sk)
		return 0;
	state = sk->__sk_common.skc_state;
	/* some kernels believe that there always is one: what is read of none is 0 */
	if (!state || state == HL_TCP_STATE_TIME_WAIT || state == HL_TCP_STATE_NEW_SYN_RECV ||
	    state == HL_TCP_STATE_LISTEN)
		return 0;
	return reset(ctx, sk, HL_TCP_RESET_SENT, cfg.flags & HL_CFG_RST_REASON ? (__u32)ctx[2] : 0);
}

SEC("?tp_btf/tcp_receive_reset")
int tcp_receive_reset(__u64 *ctx)
{
	const struct sock *sk = (void *)ctx[0];

	if (sk->__sk_common.skc_state == HL_TCP_STATE_SYN_SENT) /* a connect that is refused */
		return 0;
	return reset(ctx, sk, HL_TCP_RESET_RECEIVED, 0);
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(tcp_destroy_sock, const struct sock *sk)
{
	struct hl_sock *s = sock_find(sk);
	struct hl_ctl *ctl = ctl_get();

	if (!s || !ctl)
		return 0;
	/* a step may have been told of to nobody: the kernel does not run a hook inside of itself */
	if (s->begin && s->role && !s->ended && !(s->flags & HL_SOCK_DONE)) {
		s->ended = bpf_ktime_get_boot_ns();
		s->end = why_ended(sk, s, HL_TCP_STATE_CLOSE);
		s->flags |= HL_SOCK_ENDED;
	}
	if (s->ended && s->role && !(s->flags & HL_SOCK_DONE)) {
		if (!s->pid)
			sock_is_of(s, bpf_get_current_task_btf());
		conn_over(sk, s);
	}
	__sync_fetch_and_add(&ctl->socks, -1);
	return 0;
}

/* ---- iterators -------------------------------------------------------------------------- */

/* One that was there before. */
static __noinline struct hl_sock *sock_found(const struct sock *sk)
{
	struct hl_sock *s = sock_take(sk);

	if (!s)
		return NULL;
	s->flags = HL_SOCK_EXISTED;
	s->begin = bpf_ktime_get_boot_ns();
	if (sk->__sk_common.skc_state != HL_TCP_STATE_LISTEN)
		s->role = sk->sk_max_ack_backlog ? HL_ROLE_ACCEPTED : HL_ROLE_OPENED;
	return s;
}

__hot bool is_held_by(const struct hl_sock *s, struct task_struct *task)
{
	__u64 start = TASK_PTR(task, group_leader)->start_boottime;

	if (!s->pid)
		return true;
	if (!(s->flags & HL_SOCK_FOUND) || task->tgid == 1)
		return false;
	return s->pid == 1 || start < s->start;
}

__hot bool is_settled(const struct hl_sock *s)
{
	struct hl_ctl *ctl = ctl_get();

	return ctl && (ctl->settled || bpf_ktime_get_boot_ns() - s->begin >= HL_SETTLED_NS);
}

SEC("iter/task_file")
int hl_owners(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket *sock;
	struct hl_sock *s;
	struct sock *sk;
	__u32 state;

	if (!task || !file)
		return 0;
	sock = bpf_sock_from_file(file);
	if (!sock)
		return 0;
	sk = sock->sk;
	if (!sk || !is_tcp(sk))
		return 0;
	state = sk->__sk_common.skc_state;
	s = sock_find(sk);
	if (!s && state != HL_TCP_STATE_CLOSE)
		s = sock_found(sk);
	if (!s || s->flags & (HL_SOCK_COUNTED | HL_SOCK_DONE) || !is_held_by(s, task))
		return 0;
	if (!(s->flags & HL_SOCK_EXISTED) && !is_settled(s))
		return 0;
	sock_is_of(s, task);
	s->tid = 0;
	s->flags |= HL_SOCK_FOUND;
	return 0;
}

/* One item; a listener's record is shorter. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hl_rec_conn);
} scratch SEC(".maps");
_Static_assert(sizeof(struct hl_rec_listen) <= sizeof(struct hl_rec_conn), "items are of one size");

#define HL_SOCK_QUEUED 0x80

/* Its state, and whether it waits for a program. */
__hot __u8 told_state(const struct sock *sk, const struct hl_sock *s)
{
	return sk->__sk_common.skc_state | (is_queued(sk, s) ? HL_SOCK_QUEUED : 0);
}

/* Has it moved since its figures were sent last? What is on its way, and what waits, is always told of. */
__hot bool has_moved(const struct sock *sk, const struct tcp_sock *tp, const struct hl_sock *s)
{
	__u8 state = told_state(sk, s);

	return state != s->sent_state || state & HL_SOCK_QUEUED || tp->segs_in + tp->segs_out != s->sent ||
	       state == HL_TCP_STATE_SYN_SENT || (!tp->snd_wnd && tp->write_seq != tp->snd_nxt);
}

/* What user space has to be told of a socket, into the item. False: nothing. One that is closed, and of
 * which it is not known whose it was, is open until it is. */
__hot bool item_fill(struct hl_rec_conn *item, const struct sock *sk, const struct tcp_sock *tp,
		     const struct hl_sock *s, bool all)
{
	bool listens = sk->__sk_common.skc_state == HL_TCP_STATE_LISTEN;

	if (!listens && !all && !has_moved(sk, tp, s))
		return false;
	__builtin_memset(item, 0, sizeof(*item));
	if (listens)
		listen_fill((struct hl_rec_listen *)item, sk, tp, s);
	else
		sock_fill(item, sk, tp, s);
	if (!listens)
		item->ended = item->end = 0;
	return true;
}

SEC("iter/bpf_sk_storage_map")
int hl_conns(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct hl_sock *s = ctx->value;
	struct sock *sk = ctx->sk;
	struct hl_ctl *ctl = ctl_get();
	struct hl_cpu *cpu = this_cpu();
	const struct tcp_sock *tp;
	struct hl_rec_conn *item;
	__u32 zero = 0;

	if (!s || !sk || !ctl || !cpu || !s->begin || s->flags & HL_SOCK_DONE)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	item = bpf_map_lookup_elem(&scratch, &zero);
	if (!tp || !item)
		return 0;
	if (s->flags & HL_SOCK_FOUND)
		count_came(s, cpu);
	if (s->untold && bpf_ktime_get_boot_ns() - s->told >= HL_EVENT_AGAIN)
		retransmits_send(sk, s, 0);
	resent_look(sk, s);
	ctl->ownerless += !s->pid;
	if (s->flags & HL_SOCK_ENDED && (s->pid || !ctl->tell_all))
		return s->pid ? conn_over(sk, s) : 0;
	if (!item_fill(item, sk, tp, s, ctl->tell_all) || bpf_seq_write(ctx->meta->seq, item, sizeof(*item)))
		return 0;
	s->sent = tp->segs_in + tp->segs_out;
	s->sent_state = told_state(sk, s);
	return 0;
}
