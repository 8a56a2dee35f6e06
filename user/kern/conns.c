/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * TCP connections and listeners, from what bpf/tcp.bpf.c keeps with each socket to records: CONN of those
 * that moved at each tick, and of each that ended; CONN_OP, how many came and ended; LISTEN. What the kernel
 * side cannot see begin or end by itself is found by comparing two looks: a peer's window that stays closed,
 * a listener that turned somebody away. Called by live.c.
 *
 * Looking costs time for each socket, and asking who holds which for each descriptor of the host. Neither
 * takes more than a hundredth of one CPU: when it took long, the next time is later.
 *
 * Where the ring had no room for the end of a connection, nobody would ever hear of that. So some looks after
 * that tell of all sockets: what none of them did is gone (CONNS_TOLD).
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "host/netstat.h"
#include "kern/kern.h"

#define OWNERS_LATE                                                                                          \
	(30 * NSEC_PER_SEC) /* … even if nobody's are known: there may be others that nobody told of */
#define MAX_WAITING 4096
#define MAX_LISTEN  4096
#define MAX_REASONS 64
#define ALL_LOOKS   3 /* one may miss a socket, where others go meanwhile */

/* A connection whose peer's window was closed when it was looked at last. */
struct conn_wait {
	uint64_t seen; /* CLOCK_BOOTTIME: when it was looked at last; the first member of both */
	struct hl_rec_conn last;
	uint64_t since;   /* CLOCK_BOOTTIME */
	uint64_t limited; /* the kernel's clock of such waits, at that moment */
};

/* The kernel counts with a listener whatever it threw away there, also what harms nobody: the packet that
 * ends a handshake where accepting is deferred, a reset. How many connections found no room it counts for a
 * whole network namespace: no more than these are overflows. */
struct listener {
	uint64_t seen;
	uint64_t drops, all; /* the listener's count; … the namespace's, when that moved last */
	uint64_t overflows;
};

void kconns_init(struct live *l)
{
	l->conns.waiting = hash_new(sizeof(uint64_t));
	l->conns.listeners = hash_new(sizeof(uint64_t));
}

static void free_all(struct hash **h)
{
	void *v;

	for (size_t i = 0; *h && (v = hash_next(*h, &i, NULL));)
		free(v);
	hash_free(*h);
	*h = NULL;
}

void kconns_fini(struct live *l)
{
	free_all(&l->conns.waiting);
	free_all(&l->conns.listeners);
	free(l->conns.reasons);
}

const char *conns_reason(struct live *l, uint64_t reason)
{
	struct conns *c = &l->conns;

	if (!c->asked && l->kcfg.flags & HL_CFG_RST_REASON) {
		c->reasons = xcalloc(MAX_REASONS, sizeof(*c->reasons));
		c->nr_reasons = feat_enum("sk_rst_reason", "SK_RST_REASON_", c->reasons, MAX_REASONS);
		for (size_t i = 0; i < c->nr_reasons; i++)
			for (char *p = c->reasons[i]; *p; p++)
				*p = *p == '_' ? ' ' : *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
	}
	c->asked = true;
	return reason && reason < c->nr_reasons && c->reasons[reason][0] ? c->reasons[reason] : NULL;
}

/* ---- events that two looks tell ----------------------------------------------------------- */

static void event_begin(struct hl_rec_slow *r, unsigned int kind, const struct hl_rec *h, uint64_t proc_start,
			uint64_t begin, uint64_t duration)
{
	*r = (struct hl_rec_slow){
		.h = { .kind = (__u16)kind, .ts = begin + duration, .pid = h->pid, .tid = h->tid },
		.proc_start = proc_start,
		.begin_ns = begin,
		.duration_ns = duration,
		.op = HL_OP_TCP,
		.state = HL_STATE_NETWORK,
		.detail = HL_DETAIL_PEER,
		.flags = HL_SLOW_NO_RESULT,
		.protocol = IPPROTO_TCP,
	};
	r->state_ns[HL_STATE_NETWORK] = duration;
}

static void event_ends(struct hl_rec_slow *r, const struct hl_rec_conn *c)
{
	r->family = c->family;
	r->accepted = c->role == HL_ROLE_ACCEPTED;
	r->local_port = c->local_port;
	r->remote_port = c->remote_port;
	memcpy(r->local_addr, c->local_addr, sizeof(r->local_addr));
	memcpy(r->remote_addr, c->remote_addr, sizeof(r->remote_addr));
}

static void conn_event(struct live *l, unsigned int kind, const struct hl_rec_conn *c, unsigned int op,
		       unsigned int nr, uint64_t begin, uint64_t end)
{
	struct hl_rec_slow r;

	event_begin(&r, kind, &c->h, c->proc_start, begin, end - begin);
	event_ends(&r, c);
	r.op = (__u8)op;
	r.nr = (__u16)nr;
	slow_send_made(l, &r);
}

/* Its peer has room again, or it ended: how long it had none, by the kernel's own clock, which does not
 * run longer than that. */
static void window_opens(struct live *l, struct conn_wait *w, const struct hl_rec_conn *now)
{
	uint64_t waited = now->window_limited_ns - w->limited, most = now->seen - w->since;

	waited = MIN(now->window_limited_ns > w->limited ? waited : 0, most);
	if (waited >= l->cfg.slow_ns)
		conn_event(l, HL_KIND_SLOW, now, HL_OP_TCP, HL_TCP_ZERO_WINDOW, w->since, w->since + waited);
	hash_del(l->conns.waiting, &w->last.cookie);
	free(w);
}

static void window_look(struct live *l, const struct hl_rec_conn *c)
{
	struct conn_wait *w = hash_get(l->conns.waiting, &c->cookie);
	bool is_closed = c->zero_window_ns && !c->ended; /* one that is gone waits for nobody */

	if (w && (!is_closed || w->last.opened != c->opened)) {
		window_opens(l, w, c);
		w = NULL;
	}
	if (!is_closed)
		return;
	if (!w && hash_count(l->conns.waiting) < MAX_WAITING) {
		w = xcalloc(1, sizeof(*w));
		w->since = c->seen - c->zero_window_ns;
		w->limited = c->window_limited_ns - c->zero_window_ns;
		hash_put(l->conns.waiting, &c->cookie, w);
	}
	if (w) {
		w->last = *c;
		w->seen = c->seen;
	}
	if (c->zero_window_ns >= l->cfg.slow_ns)
		conn_event(l, HL_KIND_NOW, c, HL_OP_TCP, HL_TCP_ZERO_WINDOW, c->seen - c->zero_window_ns,
			   c->seen);
}

/* A connect that is still on its way. */
static void connect_look(struct live *l, const struct hl_rec_conn *c)
{
	if (c->state == HL_TCP_STATE_SYN_SENT && c->seen - c->opened >= l->cfg.slow_ns)
		conn_event(l, HL_KIND_NOW, c, HL_OP_CONNECT, HL_CONNECT_DONE, c->opened, c->seen);
}

static struct listener *listener_get(struct live *l, const struct hl_rec_listen *r)
{
	struct listener *k = hash_get(l->conns.listeners, &r->cookie);

	if (k || hash_count(l->conns.listeners) >= MAX_LISTEN)
		return k;
	k = xcalloc(1, sizeof(*k));
	hash_put(l->conns.listeners, &r->cookie, k);
	if (r->flags & HL_CONN_EXISTED) {
		k->overflows = k->drops = r->drops;
		netstat_read((int)r->h.pid, "ListenOverflows", &k->all);
	}
	return k;
}

/* How many of what was thrown away since the last look were connections without room. */
static uint64_t overflowed(struct listener *k, const struct hl_rec_listen *r)
{
	uint64_t n = r->drops - k->drops, all;

	if (netstat_read((int)r->h.pid, "ListenOverflows", &all))
		return n; /* who listens is gone, or is not known */
	n = MIN(n, all > k->all ? all - k->all : 0);
	k->all = all;
	return n;
}

static void listen_look(struct live *l, struct hl_rec_listen *r)
{
	struct listener *k = listener_get(l, r);
	struct hl_rec_slow e;
	uint64_t n;

	if (!k) {
		r->drops = 0; /* there are too many: it is not known what they were */
		return;
	}
	k->seen = r->h.ts;
	n = r->drops > k->drops ? overflowed(k, r) : 0;
	k->overflows += n;
	k->drops = r->drops;
	r->drops = k->overflows;
	if (n) {
		event_begin(&e, HL_KIND_SLOW, &r->h, r->proc_start, r->h.ts, 0);
		e.nr = HL_TCP_LISTEN_OVERFLOW;
		e.times = (__u32)n;
		e.family = r->family;
		e.accepted = 1;
		e.local_port = r->local_port;
		memcpy(e.local_addr, r->local_addr, sizeof(e.local_addr));
		slow_send_made(l, &e);
	}
	if (!r->ended)
		return;
	hash_del(l->conns.listeners, &r->cookie);
	free(k);
}

/* ---- records ------------------------------------------------------------------------------ */

static void emit(struct live *l, const struct hl_rec *rec, size_t size, uint64_t proc_start)
{
	void *r;

	if (rec->pid)
		life_meet(l, rec->pid, proc_start);
	r = rec_begin(&l->buf, rec->kind, size);
	memcpy(r, rec, size);
	live_emit(l);
}

static void send_conn(struct live *l, const struct hl_rec_conn *c)
{
	emit(l, &c->h, sizeof(*c), c->proc_start);
	window_look(l, c);
	connect_look(l, c);
}

static void send_listen(struct live *l, const struct hl_rec_listen *r)
{
	struct hl_rec_listen told = *r;

	listen_look(l, &told);
	emit(l, &told.h, sizeof(told), r->proc_start);
}

void conns_record(struct live *l, const struct hl_rec *rec, size_t n)
{
	bool listens = rec->kind == HL_KIND_LISTEN;

	if (n < (listens ? sizeof(struct hl_rec_listen) : sizeof(struct hl_rec_conn))) {
		l->damaged++;
		return;
	}
	l->conns.delivered++;
	if (listens)
		send_listen(l, (const void *)rec);
	else
		send_conn(l, (const void *)rec);
}

uint64_t conns_send_op(struct live *l, const struct hl_cell *c, struct cell_last *was)
{
	uint64_t n, came, ended, lifetime;
	struct hl_rec_conn_op *r;

	if (HL_KEY_PID(c->key))
		life_meet(l, HL_KEY_PID(c->key), c->start);
	r = LIVE_BEGIN(l, CONN_OP, conn_op);
	r->h.ts = l->last_tick;
	r->h.pid = r->h.tid = HL_KEY_PID(c->key);
	r->proc_start = c->start;
	r->role = HL_KEY_NR(c->key) < NR_HL_ROLES ? (__u8)HL_KEY_NR(c->key) : HL_ROLE_UNKNOWN;
	n = cells_take_pair(c, was, &came, &ended, &lifetime);
	r->opened = came;
	r->ended = ended;
	r->lifetime_ns = lifetime;
	live_emit(l);
	return n;
}

/* A connection may last longer than its process: then nobody knows that one any more. */
bool conns_owner_gone(struct live *l, uint32_t pid, uint64_t start)
{
	struct kproc *p = life_proc(l, pid, start);

	return pid && (!p || p->gone);
}

/* ---- looking ------------------------------------------------------------------------------ */

static bool works(const struct live *l)
{
	return l->parts[PART_TCP].state != HL_COLLECTOR_UNAVAILABLE && l->parts[PART_TCP].obj.bpf;
}

static void no_item(struct live *l, const void *item)
{
}

static void on_item(struct live *l, const void *item)
{
	const struct hl_rec *rec = item;

	if (rec->kind == HL_KIND_LISTEN)
		send_listen(l, item);
	else
		send_conn(l, item);
}

/* Who holds which socket. */
static void look_owners(struct live *l)
{
	uint64_t begin = clock_cpu_ns();

	object_iterate(&l->parts[PART_TCP].obj, "hl_owners", sizeof(struct hl_rec), no_item, l);
	l->conns.owners_due = object_look_again(begin);
}

/* Records of ends that found no room. */
static uint64_t records_lost(const struct live *l)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < l->kcfg.nr_cpus; i++)
		n += __atomic_load_n(&l->sh.cpus[i].conn_records_lost, __ATOMIC_RELAXED);
	return n;
}

static bool owes_all(const struct live *l)
{
	return l->conns.all_since || records_lost(l) != l->conns.lost;
}

static void look(struct live *l)
{
	uint64_t begin = clock_cpu_ns(), at = clock_boot_ns(), lost = records_lost(l);
	struct conns *c = &l->conns;
	bool all = owes_all(l);
	int err;

	l->sh.ctl->ownerless = 0;
	l->sh.ctl->tell_all = all;
	err = object_iterate_map(&l->parts[PART_TCP].obj, "hl_conns", "socks", sizeof(struct hl_rec_conn),
				 on_item, l);
	l->sh.ctl->tell_all = 0;
	c->look_due = object_look_again(begin);
	if (!err)
		l->looked |= HL_LOOKED_CONNS;
	if (!all || err)
		return;
	if (!c->all_since) {
		c->all_since = at;
		c->lost = lost;
		c->looks = 0;
	}
	c->looks++;
}

/* What was not seen since then is gone. */
static void forget_unseen(struct hash *h, uint64_t since)
{
	VEC(uint64_t) gone = {};
	const uint64_t *seen;
	const void *key;

	for (size_t i = 0; (seen = hash_next(h, &i, &key));)
		if (*seen < since)
			*vec_add(&gone) = *(const uint64_t *)key;
	for (size_t i = 0; i < gone.n; i++)
		free(hash_del(h, &gone.v[i]));
	vec_free(&gone);
}

/* All have been told of, often enough; what had been told of by an end is out of the ring. */
static void told_all(struct live *l)
{
	struct conns *c = &l->conns;
	uint64_t since = c->all_since;

	if (!since || c->looks < ALL_LOOKS)
		return;
	c->all_since = 0;
	forget_unseen(c->waiting, since);
	forget_unseen(c->listeners, since);
	LIVE_BEGIN(l, CONNS_TOLD, meta)->h.ts = since;
	live_emit(l);
}

void conns_find(struct live *l)
{
	if (!works(l))
		return;
	look_owners(l);
	look(l);
}

void conns_refresh(struct live *l, bool final)
{
	struct conns *c = &l->conns;
	uint64_t now = clock_mono_ns();

	if (!works(l))
		return;
	l->sh.ctl->settled = final;
	if (final || (now >= c->owners_due && (l->sh.ctl->ownerless || now > c->owners_due + OWNERS_LATE)))
		look_owners(l);
	if (final || now >= c->look_due)
		look(l);
	for (int i = 1; final && i < 2 * ALL_LOOKS && owes_all(l); i++)
		look(l);
	ring_drain(l); /* what was found to have ended, and did since the rings were drained */
	told_all(l);
}
