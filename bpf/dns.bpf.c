// SPDX-License-Identifier: GPL-2.0
/*
 * DNS: every message that a program sends to port 53, or gets from there, as it stands in that program's
 * memory when the socket call is done. What it means is for user space, which also finds the query that an
 * answer is of.
 *
 *   sock_send_length   something was sent over a socket
 *   sock_recv_length   something came in; both since v6.3, before that
 *   sys_exit           … any call is over
 *
 *   hl_dns_alive  at each refresh, the sockets over which something was asked
 *
 * All run in the context of who calls, at the call's end: its arguments say where the bytes are. Whose they
 * are is in the socket; of one that is not connected, in the arguments of what is sent, and what comes in
 * over it is looked at once something was asked. What a server on this host does is none of its clients'
 * business: its side is of a port of its own.
 */
#include "bpf/compat.bpf.h"
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>
#include "bpf/maps.bpf.h"
#include "bpf/sockcall.bpf.h"
#include "bpf/dns.h"

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

/* Sockets over which something was asked, by the number of their inode, where nothing can be kept with them
 * (no HL_CFG_SOCK_TP) and nobody tells of their end. Of too many those are forgotten that were used least
 * lately. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1); /* set by user space */
	__type(key, __u64);
	__type(value, __u8);
} by_socket SEC(".maps");

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

/* Where its bytes are: in one piece, or in several. */
struct dns_where {
	__u64 at, n;
	__u64 name; /* the peer's address; 0: not given */
	bool pieces;
};

/* A struct mmsghdr is eight words long, of which the last is the message's length. */
#define HL_MMSG_WORDS 8
#define HL_MMSG_LEN   7

/*
 * Which of several messages this is: the hook comes once for each, in order, and nothing says when another
 * call begins. It is another one unless it goes on where the one before stopped, whose length the kernel has
 * noted meanwhile.
 */
static __noinline int message_begins(struct dns_sock *s, struct sock_call *c, __s32 length)
{
	__u32 tid = bpf_get_current_pid_tgid();
	bool goes_on;

	if (!s || !c || c->shape != HL_SOCK_MESSAGES)
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

__hot void call_where(const struct sock_call *c, struct dns_where *w)
{
	__u64 at = c->a[1];

	w->at = at;
	w->n = c->a[2];
	w->name = c->shape == HL_SOCK_ADDRESSED ? c->a[4] : 0;
	w->pieces = c->shape == HL_SOCK_VECTOR;
	if (c->shape != HL_SOCK_MESSAGE && c->shape != HL_SOCK_MESSAGES)
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
static __noinline int take_bytes(struct dns_room *room, const struct sock_call *c, const struct dns_where *w)
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

/* What was sent or received, when a call is over. */
struct dns_message {
	__u64 sk;     /* over which socket, as a number */
	__u64 cookie; /* as in struct hl_dns_raw; this and what follows */
	__s32 result;
	__u32 fd;
	__u8 flags;
	__u8 pad[7]; /* the verifier wants all of it */
};

__hot void raw_begin(struct hl_dns_raw *r, const struct dns_message *m)
{
	struct task_struct *cur = bpf_get_current_task_btf();
	__u64 sk = m->sk;

	__builtin_memset(r, 0, HL_DNS_RAW_HEAD);
	r->h.kind = HL_KIND_DNS;
	r->h.ts = bpf_ktime_get_boot_ns();
	r->h.pid = cur->tgid;
	r->h.tid = cur->pid;
	r->proc_start = TASK_PTR(cur, group_leader)->start_boottime;
	r->cookie = m->cookie;
	r->result = m->result;
	r->protocol = LOAD(struct sock, sk, sk_protocol);
	r->flags = m->flags;
	r->fd = m->fd;
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

/* Of a socket that is connected; else 0. In the network's order. */
__hot __u16 peer_port(__u64 sk)
{
	return LOAD(struct sock, sk, __sk_common.skc_dport);
}

/* The socket's peer. */
__hot void server_of(struct hl_dns_raw *r, __u64 sk)
{
	r->family = LOAD(struct sock, sk, __sk_common.skc_family);
	r->port = bpf_ntohs(peer_port(sk));
	sock_addr(sk, true, r->server);
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
__hot bool may_be_dns(__u64 sk)
{
	__u16 family = LOAD(struct sock, sk, __sk_common.skc_family), port = peer_port(sk);

	if (family != HL_AF_INET && family != HL_AF_INET6)
		return false;
	return port == bpf_htons(HL_DNS_PORT) ||
	       (!port && LOAD(struct sock, sk, sk_protocol) == HL_IPPROTO_UDP);
}

/* The message into a record. given: what the call says of the server; NULL: nothing. */
static __noinline int message_send(const struct dns_message *m, const struct sock_call *c,
				   const struct given *given)
{
	struct hl_cpu *cpu = this_cpu();
	struct dns_where w = {};
	struct dns_room *room;
	__u32 zero = 0;

	room = bpf_map_lookup_elem(&dns_rooms, &zero);
	if (!cpu || !room || !c || !m)
		return 0;
	raw_begin(&room->raw, m);
	if (given && given->family)
		server_given(&room->raw, given);
	else if (peer_port(m->sk))
		server_of(&room->raw, m->sk);
	if (m->result > 0) {
		call_where(c, &w);
		if (!take_bytes(room, c, &w)) {
			__sync_fetch_and_add(&cpu->dns_unreadable, 1);
			return 0;
		}
	}
	return raw_send(room, cpu);
}

/* One more of a DNS socket; false: it is not known where its bytes are. */
__hot bool is_known(const struct sock_call *c, struct hl_cpu *cpu)
{
	__sync_fetch_and_add(&cpu->dns_seen, 1);
	if (c->shape && c->shape < HL_SOCK_FILE)
		return true;
	__sync_fetch_and_add(&cpu->dns_unreadable, 1);
	return false;
}

/* Somebody says that nobody listens there. */
__hot bool is_told(__s32 result)
{
	return result > 0 || result == -HL_ECONNREFUSED;
}

/* Its socket has no room, and so it is lost. */
__hot void full(bool lost, struct hl_cpu *cpu)
{
	__sync_fetch_and_add(&cpu->dns_seen, lost);
	__sync_fetch_and_add(&cpu->dns_full, lost);
}

/* The storage of a socket over which a message to port 53 was sent, made for the first one. */
static __noinline struct dns_sock *sock_of(const struct sock *sk, struct sock_call *c, __s32 result)
{
	struct dns_sock *s = sock_take(sk);
	struct hl_cpu *cpu = this_cpu();

	if (cpu)
		full(!s, cpu);
	if (s && result > 0)
		message_begins(s, c, result);
	return s;
}

/* Does what was sent go to port 53? */
static __noinline int is_to_server(__u64 sk, const struct sock_call *c, struct given *given)
{
	struct dns_where w = {};

	if (peer_port(sk))
		return true;
	if (!c)
		return false;
	call_where(c, &w);
	return given_server(given, w.name);
}

static __noinline int sent(const struct sock *sk, __s32 result)
{
	struct dns_sock *s = bpf_sk_storage_get(&dns_socks, (void *)sk, NULL, 0);
	struct dns_message m = { .sk = (__u64)sk, .result = result, .flags = HL_DNS_SENT };
	struct hl_cpu *cpu = this_cpu();
	struct sock_call c = {};
	struct given given = {};

	if (!cpu)
		return 0;
	call_look(&c);
	if (s && result > 0)
		message_begins(s, &c, result);
	if (!is_to_server(m.sk, &c, &given))
		return 0;
	if (!s)
		s = sock_of(sk, &c, result);
	if (s && result <= 0)
		message_fails(s);
	if (!s || !is_told(result) || !is_known(&c, cpu))
		return 0;
	m.cookie = bpf_get_socket_cookie((void *)sk);
	return message_send(&m, &c, &given);
}

static __noinline int received(const struct sock *sk, __s32 result)
{
	struct dns_sock *s = bpf_sk_storage_get(&dns_socks, (void *)sk, NULL, 0);
	struct dns_message m = { .sk = (__u64)sk, .result = result };
	struct hl_cpu *cpu = this_cpu();
	struct sock_call c = {};

	if (!cpu || !s)
		return 0;
	call_look(&c);
	if (result <= 0)
		message_fails(s);
	if (!is_told(result) || !is_known(&c, cpu))
		return 0;
	if (result > 0)
		message_begins(s, &c, result);
	m.cookie = bpf_get_socket_cookie((void *)sk);
	return message_send(&m, &c, NULL);
}

SEC("?tp_btf/sock_send_length")
int sock_send_length(__u64 *ctx)
{
	const struct sock *sk = (void *)ctx[0];

	if (!may_be_dns((__u64)sk))
		return 0;
	hold_cpu();
	sent(sk, (__s32)ctx[1]);
	release_cpu();
	return 0;
}

SEC("?tp_btf/sock_recv_length")
int sock_recv_length(__u64 *ctx)
{
	const struct sock *sk = (void *)ctx[0];

	if (!may_be_dns((__u64)sk) || (__s32)ctx[2] & (HL_MSG_PEEK | HL_MSG_ERRQUEUE))
		return 0;
	hold_cpu();
	received(sk, (__s32)ctx[1]);
	release_cpu();
	return 0;
}

/* ---- the same, by calls -------------------------------------------------------------------- */

/* Was anything asked over that socket? From now on, where this is sent. */
__hot bool was_asked(__u64 cookie, bool sent)
{
	__u8 yes = 1;

	if (bpf_map_lookup_elem(&by_socket, &cookie))
		return true;
	return sent && !bpf_map_update_elem(&by_socket, &cookie, &yes, BPF_ANY);
}

/* One message of a call. */
__hot int message_over(const struct dns_message *m, const struct sock_call *c)
{
	bool sent = m->flags & HL_DNS_SENT;
	struct hl_cpu *cpu = this_cpu();
	struct given given = {};

	if (!cpu || (sent && !is_to_server(m->sk, c, &given)))
		return 0;
	if (!was_asked(m->cookie, sent)) {
		full(sent, cpu);
		return 0;
	}
	return is_known(c, cpu) ? message_send(m, c, sent ? &given : NULL) : 0;
}

/* The one with that number, where a call has several; else all of it. */
__global int message_nr(struct dns_message *m, struct sock_call *c, __u32 nr)
{
	if (!m || !c)
		return 0;
	c->nr_message = nr;
	if (c->shape == HL_SOCK_MESSAGES && m->result >= 0)
		m->result = user_word(c, c->a[1], nr * HL_MMSG_WORDS + HL_MMSG_LEN);
	return is_told(m->result) ? message_over(m, c) : 0;
}

#define HL_MAX_MESSAGES 1024 /* of one call: the kernel's own bound */

static __noinline int messages_over(struct dns_message *m, struct sock_call *c)
{
	__u32 n = c->shape == HL_SOCK_MESSAGES && m->result > 0 ? m->result : 1;

	for (__u32 i = 0; i < HL_MAX_MESSAGES && i < n; i++)
		message_nr(m, c, i);
	return 0;
}

/* Where the kernel does not tell what goes over a socket. */
SEC("?tp_btf/sys_exit")
int BPF_PROG(socket_call, struct pt_regs *regs, long ret)
{
	struct dns_message m = { .result = ret };
	struct sock_call c = {};
	__u64 file;

	if (!is_told(ret) || !call_look(&c) || call_peeks(&c))
		return 0;
	file = call_file(&c);
	m.sk = file ? file_sock(file) : 0;
	if (!m.sk || !may_be_dns(m.sk))
		return 0;
	m.cookie = file_number(file);
	m.fd = call_fd(&c);
	m.flags = c.way == HL_SOCK_SEND ? HL_DNS_SENT : 0;
	hold_cpu();
	messages_over(&m, &c);
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
