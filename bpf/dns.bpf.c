// SPDX-License-Identifier: GPL-2.0
/*
 * DNS: every message that a program sends to port 53, or gets from there, as it stands in that program's
 * memory when the socket call is done. What it means is for user space, which also finds the query that an
 * answer is of.
 *
 *   sock_send_length   something was sent over a socket
 *   sock_recv_length   something came in
 *
 *   hl_dns_alive  at each refresh, the sockets over which something was asked
 *
 * Both run in the context of who calls, at the call's end: its arguments say where the bytes are. Whose they
 * are is in the socket; of one that is not connected, in the arguments of what is sent, and what comes in
 * over it is looked at once something was asked. What a server on this host does is none of its clients'
 * business: its side is of a port of its own.
 */
#include "bpf/compat.bpf.h"
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>
#include "bpf/maps.bpf.h"
#include "bpf/dns.h"

#define HL_NR_CALLS 512
#define HL_MAX_DNS  16384 /* sockets; each takes some 200 bytes */

char LICENSE[] SEC("license") = "GPL";

/* What is kept with such a socket: how far the call for several messages is that is done on it. */
struct dns_sock {
	__u64 messages; /* where these are … */
	__u32 nr;       /* … and how many */
	__u32 next;
	__u32 tid;
	__s32 last; /* length of the one before */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct dns_sock);
} dns_socks SEC(".maps");

__u32 dns_held, dns_counting; /* such sockets, as of the last look and since; as that goes on */

/* Each CPU's, for there is no room on the stack; twice as long, so that nothing is written past its end. */
struct dns_room {
	struct hl_dns_raw raw;
	__u8 more[HL_DNS_LONG];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dns_room);
} dns_rooms SEC(".maps");

/* ---- the call ---------------------------------------------------------------------------- */

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Winitializer-overrides"
#define AT(nr) ((nr) < 0 ? HL_NR_CALLS : (nr))

static const __u8 native_shapes[HL_NR_CALLS + 1] = {
#if defined(__TARGET_ARCH_x86)
#define X(x86, ia32, generic, shape) [AT(x86)] = HL_DNS_##shape,
#else
#define X(x86, ia32, generic, shape) [AT(generic)] = HL_DNS_##shape,
#endif
	HL_DNS_CALLS(X)
#undef X
		[HL_NR_CALLS] = HL_DNS_NONE,
};
static const __u8 compat_shapes[HL_NR_CALLS + 1] = {
#define X(x86, ia32, generic, shape) [AT(ia32)] = HL_DNS_##shape,
	HL_DNS_CALLS(X)
#undef X
		[HL_NR_CALLS] = HL_DNS_NONE,
};
static const __u8 socketcall_shapes[HL_NR_SOCKETCALLS + 1] = {
#define X(nr, shape) [nr] = HL_DNS_##shape,
	HL_DNS_SOCKETCALLS(X)
#undef X
};
#pragma clang diagnostic pop

/* The call that the current thread is in. */
struct dns_call {
	__u64 a[5];
	__u64 nr_message; /* of several, which one */
	__u8 shape;       /* enum hl_dns_shape */
	bool compat;
};

/* Where its bytes are: in one piece, or in several. */
struct dns_where {
	__u64 at, n;
	__u64 name; /* the peer's address; 0: not given */
	bool pieces;
};

/* A word of the program's memory: of 32 bits where it is a program of these. */
__hot __u64 user_word(const struct dns_call *c, __u64 at, __u64 i)
{
	__u64 word = 0;

	if (c->compat)
		bpf_probe_read_user(&word, 4, (void *)(at + 4 * i));
	else
		bpf_probe_read_user(&word, 8, (void *)(at + 8 * i));
	return word;
}

__hot void socketcall_look(struct dns_call *c)
{
	__u64 args = c->a[1];
	__u32 nr = c->a[0];

	c->shape = nr < HL_NR_SOCKETCALLS ? socketcall_shapes[nr] : HL_DNS_NONE;
	for (int i = 0; i < 5; i++)
		c->a[i] = user_word(c, args, i);
}

__hot bool call_look(struct dns_call *c)
{
	struct task_struct *cur = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(cur);
	__u64 nr = regs_nr(regs);

	if (has_no_calls(cur) || nr >= HL_NR_CALLS)
		return false;
	c->compat = in_compat_call(cur);
	c->shape = c->compat ? compat_shapes[nr] : native_shapes[nr];
	regs_args(regs, c->compat, c->a, 5);
	if (c->shape == HL_DNS_SOCKETCALL)
		socketcall_look(c);
	return c->shape != HL_DNS_NONE;
}

/* A struct mmsghdr is eight words long, of which the last is the message's length. */
#define HL_MMSG_WORDS 8
#define HL_MMSG_LEN   7

/*
 * Which of several messages this is: the hook comes once for each, in order, and nothing says when another
 * call begins. It is another one unless it goes on where the one before stopped, whose length the kernel has
 * noted meanwhile.
 */
static __noinline int message_begins(struct dns_sock *s, struct dns_call *c, __s32 length)
{
	__u32 tid = bpf_get_current_pid_tgid();
	bool goes_on;

	if (!s || !c || c->shape != HL_DNS_MESSAGES)
		return 0;
	goes_on = s->messages == c->a[1] && s->nr == (__u32)c->a[2] && s->tid == tid && s->next < s->nr;
	if (goes_on && s->next)
		goes_on = (__u32)user_word(c, c->a[1], (s->next - 1) * HL_MMSG_WORDS + HL_MMSG_LEN) ==
			  (__u32)s->last;
	if (!goes_on) {
		s->messages = c->a[1];
		s->nr = c->a[2];
		s->tid = tid;
		s->next = 0;
	}
	c->nr_message = s->next++;
	s->last = length;
	return 0;
}

/* A failure ends it. */
__hot void message_fails(struct dns_sock *s)
{
	s->messages = s->next = 0;
}

__hot void call_where(const struct dns_call *c, struct dns_where *w)
{
	__u64 at = c->a[1];

	w->at = at;
	w->n = c->a[2];
	w->name = c->shape == HL_DNS_ADDRESSED ? c->a[4] : 0;
	w->pieces = c->shape == HL_DNS_VECTOR;
	if (c->shape != HL_DNS_MESSAGE && c->shape != HL_DNS_MESSAGES)
		return;
	at += c->nr_message * HL_MMSG_WORDS * (c->compat ? 4 : 8);
	w->name = user_word(c, at, 0);
	w->at = user_word(c, at, 2);
	w->n = user_word(c, at, 3);
	w->pieces = true;
}

/* ---- its bytes --------------------------------------------------------------------------- */

/* One piece, behind what there is: never past the end of the room. */
__hot bool take_piece(struct dns_room *room, __u64 at, __u64 n, __u32 want)
{
	__u32 have = room->raw.bytes, more;

	if (have >= want || have >= HL_DNS_LONG)
		return true;
	more = n < want - have ? n : want - have;
	if (more > HL_DNS_LONG)
		return false;
	if (more && bpf_probe_read_user(room->raw.data + have, more, (void *)at))
		return false;
	room->raw.bytes = have + more;
	return true;
}

/* False: something of it cannot be read. */
static __noinline int take_bytes(struct dns_room *room, const struct dns_call *c, const struct dns_where *w)
{
	__u32 want;

	if (!room || !c || !w)
		return false;
	want = room->raw.result < HL_DNS_LONG ? room->raw.result : HL_DNS_LONG;
	if (!w->pieces)
		return take_piece(room, w->at, w->n, want);
	for (__u32 i = 0; i < HL_DNS_PIECES && i < w->n; i++)
		if (!take_piece(room, user_word(c, w->at, 2 * i), user_word(c, w->at, 2 * i + 1), want))
			return false;
	return room->raw.bytes > 0;
}

__hot void raw_begin(struct hl_dns_raw *r, const struct sock *sk, __s32 result, __u8 flags)
{
	struct task_struct *cur = bpf_get_current_task_btf();

	__builtin_memset(r, 0, HL_DNS_RAW_HEAD);
	r->h.kind = HL_KIND_DNS;
	r->h.ts = bpf_ktime_get_boot_ns();
	r->h.pid = cur->tgid;
	r->h.tid = cur->pid;
	r->proc_start = TASK_PTR(cur, group_leader)->start_boottime;
	r->cookie = bpf_get_socket_cookie((void *)sk);
	r->result = result;
	r->protocol = sk->sk_protocol;
	r->flags = flags;
}

static __noinline int raw_send(struct dns_room *room, struct hl_cpu *cpu)
{
	__u32 size;

	if (!room || !cpu)
		return 0;
	size = HL_DNS_RAW_HEAD + (room->raw.bytes <= HL_DNS_SHORT ? HL_DNS_SHORT : HL_DNS_LONG);
	room->raw.h.size = size;
	if (bpf_ringbuf_output(&hl_events, &room->raw, size, wake_flag(&hl_events, size)))
		__sync_fetch_and_add(&cpu->dns_lost, 1);
	return 0;
}

/* ---- whose they are ---------------------------------------------------------------------- */

/* The socket's peer. */
__hot void server_of(struct hl_dns_raw *r, const struct sock *sk)
{
	r->family = sk->__sk_common.skc_family;
	r->port = bpf_ntohs(sk->__sk_common.skc_dport);
	sock_addr((__u64)sk, true, r->server);
}

/* The address that a call gives: a struct sockaddr_in or sockaddr_in6. */
struct given {
	__u16 family, port;
	__u32 v4;
	__u8 v6[16];
};

static __noinline int given_server(struct given *g, __u64 name)
{
	if (!g || !name || bpf_probe_read_user(g, 8, (void *)name) || g->port != bpf_htons(HL_DNS_PORT))
		return false;
	if (g->family == HL_AF_INET6)
		return !bpf_probe_read_user(g->v6, sizeof(g->v6), (void *)(name + 8));
	return g->family == HL_AF_INET;
}

__hot void server_given(struct hl_dns_raw *r, const struct given *g)
{
	r->family = g->family;
	r->port = HL_DNS_PORT;
	if (g->family == HL_AF_INET)
		*(__u32 *)r->server = g->v4;
	else
		__builtin_memcpy(r->server, g->v6, sizeof(r->server));
}

/* Its storage; NULL: there are too many. */
static __noinline struct dns_sock *sock_take(const struct sock *sk)
{
	struct dns_sock *s = bpf_sk_storage_get(&dns_socks, (void *)sk, NULL, 0);

	if (s || dns_held >= HL_MAX_DNS)
		return s;
	s = bpf_sk_storage_get(&dns_socks, (void *)sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (s)
		__sync_fetch_and_add(&dns_held, 1);
	return s;
}

/* ---- the hooks --------------------------------------------------------------------------- */

/* Most sockets are no such: not of the internet, or of another port. */
__hot bool may_be_dns(const struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family, port = sk->__sk_common.skc_dport;

	if (family != HL_AF_INET && family != HL_AF_INET6)
		return false;
	return port == bpf_htons(HL_DNS_PORT) || (!port && sk->sk_protocol == HL_IPPROTO_UDP);
}

/* The message of the call that is done, into a record. given: NULL: the socket is connected. */
static __noinline int message_send(const struct sock *sk, const struct dns_call *c, __s32 result, __u8 flags,
				   const struct given *given)
{
	struct hl_cpu *cpu = this_cpu();
	struct dns_where w = {};
	struct dns_room *room;
	__u32 zero = 0;

	room = bpf_map_lookup_elem(&dns_rooms, &zero);
	if (!cpu || !room || !c)
		return 0;
	raw_begin(&room->raw, sk, result, flags);
	if (given && given->family)
		server_given(&room->raw, given);
	else if (sk->__sk_common.skc_dport)
		server_of(&room->raw, sk);
	if (result > 0) {
		call_where(c, &w);
		if (!take_bytes(room, c, &w)) {
			__sync_fetch_and_add(&cpu->dns_unreadable, 1);
			return 0;
		}
	}
	return raw_send(room, cpu);
}

/* One more of a DNS socket; false: it is not known where its bytes are. */
__hot bool is_known(const struct dns_call *c, struct hl_cpu *cpu)
{
	__sync_fetch_and_add(&cpu->dns_seen, 1);
	if (c->shape != HL_DNS_NONE)
		return true;
	__sync_fetch_and_add(&cpu->dns_unreadable, 1);
	return false;
}

/* Somebody says that nobody listens there. */
__hot bool is_told(__s32 result)
{
	return result > 0 || result == -HL_ECONNREFUSED;
}

/* The storage of a socket over which a message to port 53 was sent, made for the first one. */
static __noinline struct dns_sock *sock_of(const struct sock *sk, struct dns_call *c, __s32 result)
{
	struct dns_sock *s = sock_take(sk);
	struct hl_cpu *cpu = this_cpu();

	if (!s && cpu) {
		__sync_fetch_and_add(&cpu->dns_seen, 1);
		__sync_fetch_and_add(&cpu->dns_full, 1);
	}
	if (s && result > 0)
		message_begins(s, c, result);
	return s;
}

static __noinline int sent(const struct sock *sk, __s32 result)
{
	struct dns_sock *s = bpf_sk_storage_get(&dns_socks, (void *)sk, NULL, 0);
	struct hl_cpu *cpu = this_cpu();
	struct dns_call c = {};
	struct dns_where w = {};
	struct given given = {};

	if (!cpu)
		return 0;
	call_look(&c);
	if (s && result > 0)
		message_begins(s, &c, result);
	if (!sk->__sk_common.skc_dport) {
		call_where(&c, &w);
		if (!given_server(&given, w.name))
			return 0;
	}
	if (!s)
		s = sock_of(sk, &c, result);
	if (s && result <= 0)
		message_fails(s);
	if (!s || !is_told(result) || !is_known(&c, cpu))
		return 0;
	return message_send(sk, &c, result, HL_DNS_SENT, &given);
}

static __noinline int received(const struct sock *sk, __s32 result)
{
	struct dns_sock *s = bpf_sk_storage_get(&dns_socks, (void *)sk, NULL, 0);
	struct hl_cpu *cpu = this_cpu();
	struct dns_call c = {};

	if (!cpu || !s)
		return 0;
	call_look(&c);
	if (result <= 0)
		message_fails(s);
	if (!is_told(result) || !is_known(&c, cpu))
		return 0;
	if (result > 0)
		message_begins(s, &c, result);
	return message_send(sk, &c, result, 0, NULL);
}

SEC("tp_btf/sock_send_length")
int sock_send_length(__u64 *ctx)
{
	const struct sock *sk = (void *)ctx[0];

	if (!may_be_dns(sk))
		return 0;
	hold_cpu();
	sent(sk, (__s32)ctx[1]);
	release_cpu();
	return 0;
}

SEC("tp_btf/sock_recv_length")
int sock_recv_length(__u64 *ctx)
{
	const struct sock *sk = (void *)ctx[0];

	if (!may_be_dns(sk) || (__s32)ctx[2] & (HL_MSG_PEEK | HL_MSG_ERRQUEUE))
		return 0;
	hold_cpu();
	received(sk, (__s32)ctx[1]);
	release_cpu();
	return 0;
}

/* ---- which sockets are left -------------------------------------------------------------- */

SEC("iter/bpf_sk_storage_map")
int hl_dns_alive(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct hl_dns_alive item = {};
	struct sock *sk = ctx->sk;

	if (!ctx->value || !sk) {
		dns_held = dns_counting;
		dns_counting = 0;
		return 0;
	}
	dns_counting++;
	if (sk->__sk_common.skc_flags & HL_SOCK_DEAD)
		return 0;
	item.cookie = bpf_get_socket_cookie(sk);
	bpf_seq_write(ctx->meta->seq, &item, sizeof(item));
	return 0;
}
