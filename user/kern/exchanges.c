/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Exchanges on TCP connections out of the kernel: EXCHANGE_OP for what was added to the cells of a process,
 * CONN_EXCHANGES for each connection that had any, PEERS for whom a slow one waited. Called by live.c,
 * cells.c, ring.c and slow.c.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "kern/kern.h"

static bool by_socket(const struct live *l)
{
	return !(l->kcfg.flags & HL_CFG_SOCK_TP);
}

void exchanges_prepare(struct live *l, struct part *p)
{
	parts_room(l, p, l->kcfg.max_exchanges);
}

/* Some of these sockets have gone while nobody looked. */
static void forget_sockets(struct live *l)
{
	int map = bpf_map__fd(object_map(&l->parts[PART_EXCHANGES].obj, "by_socket"));
	uint64_t at;

	while (!bpf_map_get_next_key(map, NULL, &at) && !bpf_map_delete_elem(map, &at))
		;
	__atomic_store_n(&l->sh.ctl->exchanges, 0, __ATOMIC_RELAXED);
}

void live_set_exchanges(struct live *l, bool on)
{
	if (on && !l->exchanges.on) { /* what was due when nobody looked is void */
		__atomic_fetch_add(&l->sh.ctl->exchange_gen, 1, __ATOMIC_ACQ_REL);
		if (by_socket(l) && l->parts[PART_EXCHANGES].obj.bpf)
			forget_sockets(l);
	}
	l->exchanges.on = on;
	if (l->nr_links) /* else live_start does it */
		parts_switch(l, FOR_EXCHANGES, on);
}

/* ---- cells -------------------------------------------------------------------------------- */

uint64_t exchanges_send_op(struct live *l, const struct hl_cell *c, struct cell_last *was)
{
	bool is_resent = HL_KEY_OP(c->key) == HL_CELL_RESENT;
	uint32_t pid = HL_KEY_PID(c->key);
	struct hl_rec_exchange_op *r;
	uint64_t n;

	if (pid)
		life_meet(l, pid, c->proc_start);
	r = is_resent ? LIVE_BEGIN(l, RESENT_OP, exchange_op) : LIVE_BEGIN(l, EXCHANGE_OP, exchange_op);
	n = cells_fill_op(l, c, was, &r->o);
	r->o.h.ts = l->last_tick;
	r->o.h.pid = r->o.h.tid = pid;
	r->o.op = is_resent ? HL_OP_TCP : HL_OP_EXCHANGE;
	r->o.state = is_resent ? HL_STATE_NETWORK : 0;
	r->part = is_resent ? 0 : HL_KEY_OP(c->key) - HL_CELL_EXCHANGE;
	if (pid) {
		r->o.proc_start = c->proc_start;
		r->role = HL_KEY_STATE(c->key) < NR_HL_ROLES ? HL_KEY_STATE(c->key) : 0;
		r->port = HL_KEY_NR(c->key);
		r->family = HL_KEY_ABI(c->key) ? AF_INET6 : AF_INET;
		memcpy(r->addr, c->addr, sizeof(r->addr));
	}
	r->o.nr = is_resent ? HL_TCP_RETRANSMIT : r->role;
	n += r->o.errors;
	live_emit(l);
	return n;
}

/* ---- slow ones ------------------------------------------------------------------------------ */

static int cmp_peer(const void *a, const void *b)
{
	const struct hl_peer_ns *x = a, *y = b;

	return x->ns == y->ns ? 0 : x->ns > y->ns ? -1 : 1;
}

/* Those that it waited for, most first: sends them. Their number; 0: there are none. */
static uint32_t send_peers(struct live *l, const struct hl_exchange_raw *raw)
{
	struct hl_peer_ns peers[HL_PEERS];
	struct hl_rec_peers *r;
	uint32_t n = 0;

	for (size_t i = 0; i < MIN(raw->nr, (uint64_t)HL_PEERS); i++)
		if (raw->peers[i].ns)
			peers[n++] = raw->peers[i];
	if (!n)
		return 0;
	qsort(peers, n, sizeof(*peers), cmp_peer);
	r = LIVE_BEGIN(l, PEERS, peers);
	r->h.ts = raw->r.h.ts;
	r->h.pid = raw->r.h.pid;
	r->h.tid = raw->r.h.tid;
	r->id = ++l->exchanges.last_peers;
	r->nr = n;
	rec_add_bytes(&l->buf, peers, n * sizeof(*peers));
	live_emit(l);
	return l->exchanges.last_peers;
}

/* Is it known where its time went? Then it is where the thread slept, too. */
static bool has_states(const struct hl_rec_slow *r)
{
	for (int i = 0; i < NR_HL_STATES; i++)
		if (r->state_ns[i])
			return true;
	return false;
}

void exchanges_slow(struct live *l, const struct hl_exchange_raw *raw, size_t n)
{
	struct slow_refs refs = {};

	if (n < sizeof(*raw)) {
		l->damaged++;
		return;
	}
	if (has_states(&raw->r)) {
		refs.kernel_stack = stack_of_slow(l, &raw->r);
		refs.user_stack = stack_user_of_slow(l, &raw->r);
	}
	refs.peers = send_peers(l, raw);
	slow_send(l, (const void *)raw, sizeof(raw->r), refs);
}

/* ---- connections ---------------------------------------------------------------------------- */

static void send_sums(struct live *l, const void *item)
{
	memcpy(rec_begin(&l->buf, HL_KIND_CONN_EXCHANGES, sizeof(struct hl_rec_conn_exchanges)), item,
	       sizeof(struct hl_rec_conn_exchanges));
	live_emit(l);
}

void exchanges_record(struct live *l, const struct hl_rec *rec, size_t n)
{
	if (n < sizeof(struct hl_rec_conn_exchanges)) {
		l->damaged++;
		return;
	}
	l->conns.delivered++;
	send_sums(l, rec);
}

/* ---- requests that have no answer yet ------------------------------------------------------- */

#define MAX_DUE 512 /* are told of, the oldest ones: what never answers may be many */

static void take_due(struct live *l, const void *item)
{
	*vec_add(&l->exchanges.due) = *(const struct hl_exchange_now *)item;
}

static int cmp_age(const void *a, const void *b)
{
	const struct hl_exchange_now *x = a, *y = b;

	return x->age_ns == y->age_ns ? 0 : x->age_ns > y->age_ns ? -1 : 1;
}

/* Where its time goes nobody knows before there is an answer. */
static void send_due(struct live *l, const struct hl_exchange_now *e, uint64_t now)
{
	struct hl_rec_slow r = {
		.h = { .kind = HL_KIND_NOW, .ts = now, .pid = e->pid, .tid = e->tid },
		.start = e->start,
		.proc_start = e->proc_start,
		.begin_ns = now - MIN(e->age_ns, now),
		.duration_ns = e->age_ns,
		.op = HL_OP_EXCHANGE,
		.nr = e->role,
		.state = HL_STATE_OTHER,
		.flags = HL_SLOW_NO_RESULT,
		.detail = HL_DETAIL_PEER,
		.protocol = IPPROTO_TCP,
		.accepted = e->role == HL_ROLE_ACCEPTED,
		.family = e->family,
		.local_port = e->local_port,
		.remote_port = e->remote_port,
	};

	memcpy(r.local_addr, e->local_addr, sizeof(r.local_addr));
	memcpy(r.remote_addr, e->remote_addr, sizeof(r.remote_addr));
	life_meet(l, e->pid, e->proc_start);
	slow_send_made(l, &r);
}

static void look_due(struct live *l)
{
	uint64_t now;

	l->exchanges.due.n = 0;
	object_iterate_map(&l->parts[PART_EXCHANGES].obj, "hl_exchanges_now",
			   by_socket(l) ? "socks" : "exchanges", sizeof(struct hl_exchange_now), take_due, l);
	now = clock_boot_ns();
	if (l->exchanges.due.n)
		qsort(l->exchanges.due.v, l->exchanges.due.n, sizeof(*l->exchanges.due.v), cmp_age);
	for (size_t i = 0; i < MIN(l->exchanges.due.n, (size_t)MAX_DUE); i++)
		send_due(l, &l->exchanges.due.v[i], now);
}

void exchanges_fini(struct live *l)
{
	vec_free(&l->exchanges.due);
}

void exchanges_refresh(struct live *l, bool final)
{
	struct part *p = &l->parts[PART_EXCHANGES];
	struct hl_ctl *ctl = l->sh.ctl;
	uint64_t begin = clock_cpu_ns();
	uint32_t were;

	if (!l->exchanges.on || !p->obj.bpf || (!final && clock_mono_ns() < l->exchanges.look_due))
		return;
	ctl->exchanges_found = 0;
	were = __atomic_load_n(&ctl->exchanges, __ATOMIC_RELAXED);
	/* some have ended while nobody looked */
	if (!object_iterate_map(&p->obj, "hl_exchanges", by_socket(l) ? "socks" : "exchanges",
				sizeof(struct hl_rec_conn_exchanges), send_sums, l)) {
		__atomic_fetch_add(&ctl->exchanges, ctl->exchanges_found - were, __ATOMIC_RELAXED);
		l->looked |= HL_LOOKED_EXCHANGES;
	}
	look_due(l);
	l->exchanges.look_due = object_look_again(begin);
}
