/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is kept of a socket whose exchanges are looked at, with the socket or by its address, and of a thread
 * that waits for peers, with the thread; and what an exchange comes to. For exchanges.bpf.c.
 */
#ifndef HL_EXCHANGE_BPF_H
#define HL_EXCHANGE_BPF_H

#include "bpf/sock.bpf.h"
#include "bpf/files.bpf.h"
#include "bpf/spent.bpf.h"
#include "bpf/target.bpf.h"

#define HL_RCV_SHUTDOWN 1

#if defined(__TARGET_ARCH_x86)
#define HL_NR_SENDFILE 40
#else
#define HL_NR_SENDFILE 71
#endif

#define EXCHANGE_HERE  (1u << 0) /* it was closed from here first */
#define EXCHANGE_THERE (1u << 1) /* … by the peer; neither: it broke */
#define EXCHANGE_TRIED (1u << 2) /* the answer was to be read, and there was none */

/*
 * Threads of several CPUs may use one socket at once. Which of them answers is decided by `asked`, which
 * only one of them can take; what else they do to each other makes a duration wrong and no count.
 */
struct exchange {
	__u64 asked;  /* CLOCK_MONOTONIC: the last byte of the request; 0: no answer is due */
	__u64 ready;  /* … since when there has been data that the program has not read; 0: there is none */
	__u64 closed; /* … by whichever side was the first; 0: it is open */
	__u64 count, unanswered, total, max; /* of the connection; count + unanswered … */
	__u64 told;                          /* … when that was told of last: the iterator's */
	__u64 opened;                        /* which connection of the socket's that is; 0: not known yet */
	__u64 start, proc_start;             /* of who asked: the thread, its process */
	__u64 addr[2];                       /* the peer's */
	__u32 pid, tid, switches;            /* of who asked */
	__u32 gen;                           /* as hl_ctl's: what is older is void */
	__u32 gate, gate_pid; /* when it was asked whether the process is a target, and which one */
	__u32 ports;          /* the socket's own, and its peer's */
	__u16 port;           /* of the service */
	__u16 hint[NR_HL_EXCHANGE_PARTS];   /* where the cells of the last ones are */
	__u8 role, is_v6, flags, is_target; /* flags: EXCHANGE_* */
	__u32 last;                         /* bytes of the request's last piece */
	__u64 peer_ns[HL_PEERS];            /* what the thread had waited for its peers … */
	__u32 peer_gen[HL_PEERS];
	__u64 clocks[NR_HL_STATES]; /* … and in all */
};
_Static_assert(sizeof(struct exchange) + 96 <= HL_EXCHANGE_BYTES, "user space counts it");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct exchange);
} exchanges SEC(".maps");

/*
 * The same by the socket's address, where that is all that there is to find it by (no HL_CFG_SOCK_TP): the
 * socket's end takes it out again, and user space all of them, where nobody saw such ends.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1); /* set by user space */
	__type(key, __u64);
	__type(value, struct exchange);
} by_socket SEC(".maps");

static const struct exchange blank;

__hot struct exchange *exchange_find(const struct sock *sk)
{
	__u64 at = (__u64)sk;

	if (cfg.flags & HL_CFG_SOCK_TP)
		return bpf_sk_storage_get(&exchanges, (void *)sk, NULL, 0);
	return bpf_map_lookup_elem(&by_socket, &at);
}

__hot struct exchange *exchange_add(const struct sock *sk)
{
	__u64 at = (__u64)sk;

	if (cfg.flags & HL_CFG_SOCK_TP)
		return bpf_sk_storage_get(&exchanges, (void *)sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (bpf_map_update_elem(&by_socket, &at, &blank, BPF_NOEXIST))
		return NULL;
	return bpf_map_lookup_elem(&by_socket, &at);
}

__hot void exchange_remove(const struct sock *sk)
{
	__u64 at = (__u64)sk;

	if (!(cfg.flags & HL_CFG_SOCK_TP)) /* else it goes with the socket */
		bpf_map_delete_elem(&by_socket, &at);
}

/* Nobody looked for a while: what is due is not known. */
__hot void exchange_again(struct exchange *e, __u32 gen)
{
	e->asked = e->ready = e->closed = 0;
	e->flags = 0;
	barrier_compiler();
	e->gen = gen;
}

/* Both of the socket's own ports, as it keeps them to its end. */
__hot __u32 ports_of(const struct sock *sk)
{
	return own_port(sk) | (__u32)LOAD(struct sock, sk, __sk_common.skc_dport) << 16;
}

/* Whose connection it is, where nobody saw that: only a listener's have a bound for who waits. */
__hot __u8 exchange_role(const struct sock *sk)
{
	const struct hl_sock *known = cfg.flags & HL_CFG_SOCK_TP ? sock_find(sk) : NULL;

	if (known && known->role)
		return known->role;
	return LOAD(struct sock, sk, sk_max_ack_backlog) ? HL_ROLE_ACCEPTED : HL_ROLE_OPENED;
}

/* Nobody has looked at it, or not for a while, and it may be another connection. */
static __noinline int exchange_fill(struct exchange *e, const struct sock *sk, __u8 role, __u32 gen)
{
	const struct hl_sock *known = cfg.flags & HL_CFG_SOCK_TP ? sock_find(sk) : NULL;

	if (known && e->opened && e->opened != known->begin)
		e->count = e->unanswered = e->total = e->max = e->told = 0;
	e->opened = known ? known->begin : 0;
	e->role = role;
	e->ports = ports_of(sk);
	e->port = bpf_ntohs(role == HL_ROLE_ACCEPTED ? e->ports : e->ports >> 16);
	e->is_v6 = LOAD(struct sock, sk, __sk_common.skc_family) == HL_AF_INET6;
	e->addr[0] = e->addr[1] = 0;
	sock_addr((__u64)sk, true, e->addr);
	exchange_again(e, gen);
	return 0;
}

static __noinline struct exchange *exchange_new(const struct sock *sk, __u8 role)
{
	struct hl_ctl *ctl = ctl_get();
	struct exchange *e;

	if (!ctl || (__s32)ctl->exchanges >= (__s32)cfg.max_exchanges)
		return NULL;
	e = exchange_add(sk);
	if (!e)
		return NULL;
	__sync_fetch_and_add(&ctl->exchanges, 1);
	exchange_fill(e, sk, role, ctl->exchange_gen);
	return e;
}

/* Another socket has the address now, and nobody saw the end of the one before. */
__hot bool is_another(const struct exchange *e, const struct sock *sk)
{
	return !(cfg.flags & HL_CFG_SOCK_TP) && e->ports != ports_of(sk);
}

/* What is kept of it; e: what was found. NULL: there are too many. */
__hot struct exchange *exchange_take(const struct sock *sk, struct exchange *e, const struct hl_ctl *ctl)
{
	if (!e)
		return exchange_new(sk, exchange_role(sk));
	if (is_another(e, sk)) {
		e->count = e->unanswered = e->total = e->max = e->told = 0;
		exchange_fill(e, sk, exchange_role(sk), ctl->exchange_gen);
	} else if (e->gen != ctl->exchange_gen) {
		exchange_fill(e, sk, cfg.flags & HL_CFG_SOCK_TP ? exchange_role(sk) : e->role,
			      ctl->exchange_gen);
	}
	return e;
}

/* Is this run about the process? It is asked again where that may be another one now. */
__hot bool exchange_counts(struct exchange *e, struct task_struct *p, struct hl_ctl *ctl)
{
	if (!(ctl->filter & HL_FILTER_ON))
		return true;
	if (e->gate != ctl->gate || e->gate_pid != (__u32)p->tgid) {
		e->gate = ctl->gate;
		e->gate_pid = p->tgid;
		e->is_target = target_matches(p, ctl);
	}
	return e->is_target;
}

/* ---- cells ------------------------------------------------------------------------------ */

/* Whose exchange it is. */
struct exchange_of {
	__u64 proc_start;
	__u32 pid;
	__u32 part; /* enum hl_exchange_part */
};

__hot __u64 exchange_start(const struct exchange *e, __u64 proc_start)
{
	return e->role == HL_ROLE_ACCEPTED ? proc_start : peer_start(proc_start, e->addr);
}

/* Peers may be many: those without room, when half of the pool is used, are in "(other)". */
static __noinline struct hl_cell *exchange_cell(struct exchange *e, const struct exchange_of *of,
						struct hl_cpu *cpu)
{
	__u32 part = of->part & (NR_HL_EXCHANGE_PARTS - 1);
	__u64 key = HL_KEY(of->pid, e->port, e->role, e->is_v6, HL_CELL_EXCHANGE + part);
	__u64 start = exchange_start(e, of->proc_start);
	__u32 cell = e->hint[part];
	struct hl_cell *c = bpf_map_lookup_elem(&hl_cells, &cell);

	if (c && c->key == key && c->start == start && c->cpu == cpu->id)
		return c;
	cell = cells_left() ? cell_find(key, start, cpu->id) : 0;
	e->hint[part] = cell;
	if (!cell) {
		cell = cell_other(cpu->id, HL_CELL_EXCHANGE + part);
		return bpf_map_lookup_elem(&hl_cells, &cell);
	}
	c = bpf_map_lookup_elem(&hl_cells, &cell);
	if (!c)
		return NULL;
	c->proc_start = of->proc_start;
	if (e->role == HL_ROLE_OPENED) {
		c->addr[0] = e->addr[0];
		c->addr[1] = e->addr[1];
	}
	return c;
}

/* ---- for whom a thread waits --------------------------------------------------------------- */

/*
 * A wait in `network` ends before the thread does something to the socket that it waited for: what its
 * clock of that state has grown by until then was for that peer. Of more than a few peers those are
 * forgotten that were there first.
 */
struct peer {
	__u64 ns;
	__u64 addr[2];
	__u16 port;
	__u8 is_v6, protocol;
	__u32 gen; /* another one has its place when this is another number */
};

struct waiter {
	__u64 network; /* the clock, when it was looked at last */
	__u32 gen;     /* as hl_ctl's */
	__u32 next;    /* whose place is taken next */
	struct peer v[HL_PEERS];
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct waiter);
} waiters SEC(".maps");

__hot bool is_peer(const struct peer *p, const struct peer *q)
{
	return p->gen && p->addr[0] == q->addr[0] && p->addr[1] == q->addr[1] && p->port == q->port &&
	       p->protocol == q->protocol;
}

__global int peer_add(struct waiter *w, const struct peer *of, __u64 ns)
{
	struct peer *p;

	if (!w || !of)
		return 0;
	for (int i = 0; i < HL_PEERS; i++)
		if (is_peer(&w->v[i], of)) {
			w->v[i].ns += ns;
			return 0;
		}
	p = &w->v[w->next & (HL_PEERS - 1)];
	w->next++;
	p->addr[0] = of->addr[0];
	p->addr[1] = of->addr[1];
	p->port = of->port;
	p->is_v6 = of->is_v6;
	p->protocol = of->protocol;
	p->ns = ns;
	p->gen++;
	return 0;
}
_Static_assert((HL_PEERS & (HL_PEERS - 1)) == 0, "a mask");

/* How long the thread has waited in `network` since it was looked at last. */
__hot __u64 waited_for_peer(struct waiter *w, const struct hl_slot *s, const struct hl_ctl *ctl)
{
	__u64 was = w->network, now = s->state_ns[HL_STATE_NETWORK];
	bool known = w->gen == ctl->exchange_gen;

	w->network = now;
	w->gen = ctl->exchange_gen;
	return known && now > was ? now - was : 0;
}

/* It does something to a socket that was opened from here. */
__hot void peer_note(struct task_struct *p, const struct hl_slot *s, const struct exchange *e,
		     const struct hl_ctl *ctl)
{
	struct waiter *w = bpf_task_storage_get(&waiters, p, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	struct peer of = { .port = e->port, .is_v6 = e->is_v6, .protocol = HL_IPPROTO_TCP };
	__u64 ns = w ? waited_for_peer(w, s, ctl) : 0;

	if (!w || !ns)
		return;
	of.addr[0] = e->addr[0];
	of.addr[1] = e->addr[1];
	peer_add(w, &of, ns);
}

/* The same of what is no TCP, so that its time is not taken for the next one's. */
static __noinline int peer_note_other(const struct sock *sk, const struct hl_ctl *ctl)
{
	struct task_struct *p = bpf_get_current_task_btf();
	struct waiter *w = bpf_task_storage_get(&waiters, p, NULL, 0);
	struct hl_slot *s = w ? slot_find(p) : NULL;
	__u64 ns = s ? waited_for_peer(w, s, ctl) : 0;
	struct peer of = { .protocol = LOAD(struct sock, sk, sk_protocol) };

	if (!w || !ns)
		return 0;
	of.port = bpf_ntohs(LOAD(struct sock, sk, __sk_common.skc_dport));
	of.is_v6 = LOAD(struct sock, sk, __sk_common.skc_family) == HL_AF_INET6;
	sock_addr((__u64)sk, true, of.addr);
	return peer_add(w, &of, ns);
}

/* ---- what an exchange comes to -------------------------------------------------------------- */

struct answer {
	struct spent t;
	__u64 ago;     /* its end is so long ago */
	bool known;    /* the thread that asked answers: where its time went */
	bool at_begin; /* it ends where the call begins that the thread is in */
};

/* The clocks of the thread that asks, for where its time goes until the answer. */
static __noinline int exchange_mark(struct exchange *e, struct task_struct *p, const struct hl_slot *s)
{
	const struct waiter *w;

	e->pid = p->tgid;
	if (!s) {
		e->proc_start = TASK_PTR(p, group_leader)->start_boottime;
		e->tid = 0;
		return 0;
	}
	e->proc_start = s->proc_start;
	e->tid = s->tid;
	e->start = s->start;
	e->switches = s->switches;
	__builtin_memcpy(e->clocks, s->state_ns, sizeof(e->clocks));
	w = bpf_task_storage_get(&waiters, p, NULL, 0);
	for (int i = 0; i < HL_PEERS; i++) {
		e->peer_gen[i] = w ? w->v[i].gen : 0;
		e->peer_ns[i] = w ? w->v[i].ns : 0;
	}
	return 0;
}

/* What of its clocks is of the call that the thread is in, and so behind the end. */
__hot void answer_before_call(struct answer *a, const struct exchange *e, const struct hl_slot *s)
{
	for (int i = 0; i < HL_CALL_STATES; i++) {
		__u8 st = s->open_state[i] & (NR_HL_STATES - 1);

		if (i >= s->open_states)
			break;
		a->t.ns[st] = s->open_ns[i] - e->clocks[st];
	}
}

/* Where the time went, from the thread that asked to the same one when it answers. */
__global int answer_states(struct answer *a, const struct exchange *e, const struct hl_slot *s)
{
	if (!a || !e || !s)
		return 0;
	a->known = true;
	a->t.most = HL_STATE_CPU;
	if (s->switches == e->switches) {
		a->t.ns[HL_STATE_CPU] = a->t.duration;
		return 0;
	}
	spent_read(&a->t, s, e->clocks + FIRST_CLOCK);
	if (a->at_begin)
		answer_before_call(a, e, s);
	spent_close(&a->t);
	return 0;
}

/* Writes that have nothing to wait for but the socket. */
__hot bool writes_at_once(const struct hl_slot *s)
{
	__u16 nr = s->call_nr;
	bool compat = s->call_abi == HL_ABI_IA32;
	__u8 call = call_of(nr, compat);

	if (compat ? nr == 187 || nr == 239 : nr == HL_NR_SENDFILE)
		return false;
	return call == CALL_SEND || call == CALL_WRITE;
}

#endif
