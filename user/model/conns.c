/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * TCP connections and listeners. Records bring their figures, absolute; what an interval brought is taken
 * here. Of those that have ended the newest keep their rows. Called by model.c and picture.c.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "model/conns.h"
#include "rec/rec.h"

#define MAX_CLOSED          2048 /* connections that have ended, and still have a row … */
#define MAX_ENDED_LISTENERS 256  /* … and listeners */

struct conn_sums conn_sums_of(const struct hl_rec_conn *r)
{
	return (struct conn_sums){
		.bytes = r->bytes_sent + r->bytes_received,
		.bytes_sent = r->bytes_sent,
		.bytes_received = r->bytes_received,
		.segments_sent = r->segments_sent,
		.segments_received = r->segments_received,
		.retransmits = r->retransmits,
		.resets_sent = r->resets_sent,
		.resets_received = r->resets_received,
		.window_limited_ns = r->window_limited_ns,
		.resends = r->resents,
		.resend_ns = r->resent_ns,
	};
}

#define SUMS (sizeof(struct conn_sums) / sizeof(uint64_t))

struct conn_sums sums_since(const struct conn_sums *now, const struct conn_sums *then)
{
	const uint64_t *a = (const void *)now, *b = (const void *)then;
	struct conn_sums diff;
	uint64_t *to = (void *)&diff;

	for (size_t i = 0; i < SUMS; i++)
		to[i] = a[i] > b[i] ? a[i] - b[i] : 0;
	return diff;
}

void sums_add(struct conn_sums *to, const struct conn_sums *from)
{
	const uint64_t *b = (const void *)from;
	uint64_t *a = (void *)to;

	for (size_t i = 0; i < SUMS; i++)
		a[i] += b[i];
}

bool conn_is_up(const struct hl_rec_conn *r)
{
	return r->state != HL_TCP_STATE_SYN_SENT && !(r->flags & (HL_CONN_FAILED | HL_CONN_EXISTED));
}

uint16_t conn_port(const struct hl_rec_conn *r)
{
	return r->role == HL_ROLE_ACCEPTED ? r->local_port : r->remote_port;
}

/* ---- taking records ------------------------------------------------------------------- */

static void set_addr(struct model *m, struct istr **slot, uint8_t family, const uint8_t *addr, uint16_t port)
{
	char text[ADDR_LEN];

	addr_text(text, family, addr, port);
	intern_set(m->interns, slot, text, strlen(text));
}

static bool same_ends(const struct hl_rec_conn *a, const struct hl_rec_conn *b)
{
	return a->local_port == b->local_port && a->remote_port == b->remote_port &&
	       !memcmp(a->local_addr, b->local_addr, sizeof(a->local_addr)) &&
	       !memcmp(a->remote_addr, b->remote_addr, sizeof(a->remote_addr));
}

static void forget_ends(struct model *m, struct conn *c)
{
	intern_put(m->interns, c->local);
	intern_put(m->interns, c->remote);
	c->local = c->remote = NULL;
}

void conn_name_ends(struct model *m, struct conn *c)
{
	if (c->remote)
		return;
	set_addr(m, &c->local, c->last.family, c->last.local_addr, c->last.local_port);
	set_addr(m, &c->remote, c->last.family, c->last.remote_addr, c->last.remote_port);
}

static void conn_free(struct model *m, struct conn *c)
{
	forget_ends(m, c);
	history_free(m, c);
	if (c->proc)
		proc_put(m, c->proc);
	free(c);
}

static void set_proc(struct model *m, struct proc **slot, uint32_t pid, uint64_t start)
{
	struct proc *p = pid ? proc_get(m, pid, start) : NULL;

	if (!p || p == *slot)
		return;
	if (*slot)
		proc_put(m, *slot);
	*slot = proc_hold(p);
}

/* Rows of connections that have ended make room, the oldest first; so many stay. */
static void drop_closed(struct model *m, size_t keep)
{
	struct conns *k = m->conns;
	size_t drop = k->closed > keep ? k->closed - keep : 0, kept = 0;

	if (!drop)
		return;
	for (size_t i = 0; i < k->list.n; i++) {
		struct conn *c = k->list.v[i];

		if (!drop || !c->last.ended) {
			k->list.v[kept++] = c;
			continue;
		}
		drop--;
		k->closed--;
		peer_leave(m, c);
		hash_del(k->by_key, &c->key);
		conn_free(m, c);
	}
	k->list.n = kept;
}

static struct conn *conn_get(struct model *m, const struct hl_rec_conn *r, bool *is_new)
{
	struct conn_key key = { r->cookie, r->opened };
	struct conns *k = m->conns;
	struct conn *c = hash_get(k->by_key, &key);

	*is_new = !c;
	if (c || r->flags & HL_CONN_ADDED)
		return c;
	if (k->list.n >= m->limits.max_conns)
		drop_closed(m, MAX_CLOSED / 2);
	if (k->list.n >= m->limits.max_conns)
		return NULL;
	c = xcalloc(1, sizeof(*c));
	c->key = key;
	hash_put(k->by_key, &key, c);
	*vec_add(&k->list) = c;
	return c;
}

/* What came after its end: it changes nothing but why that was. */
static int conn_added(struct conn *c, const struct hl_rec_conn *r)
{
	if (!c)
		return 0;
	c->last.end = r->end;
	c->last.resets_sent = MAX(c->last.resets_sent, r->resets_sent);
	c->last.resets_received = MAX(c->last.resets_received, r->resets_received);
	return 0;
}

int conn_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_conn *r = (const void *)rec;
	bool is_new, came, ended, was_ended, connected;
	struct conn *c = conn_get(m, r, &is_new);

	if (!c || r->flags & HL_CONN_ADDED)
		return conn_added(c, r);
	was_ended = c->last.ended;
	ended = r->ended && !was_ended;
	connected = r->connect_ns && !c->last.connect_ns && !(r->flags & HL_CONN_FAILED);
	came = conn_is_up(r) && (is_new || !conn_is_up(&c->last));
	if (is_new && r->flags & HL_CONN_EXISTED)
		c->first = c->before = conn_sums_of(r);
	if (!same_ends(&c->last, r))
		forget_ends(m, c);
	c->last = *r;
	c->log.fresh = true;
	set_proc(m, &c->proc, rec->pid, r->proc_start);
	c->came |= came;
	c->ended |= ended;
	c->connected |= connected;
	if (ended) {
		c->tick = m->seq;
		m->conns->closed++;
	}
	if (was_ended && !r->ended) { /* it was only not seen for a while */
		c->ended = false;
		m->conns->closed--;
	}
	if (c->proc || r->ended)
		peer_take(m, c);
	if (m->conns->closed > 2 * MAX_CLOSED)
		drop_closed(m, MAX_CLOSED);
	return 0;
}

int conn_exchanges_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_conn_exchanges *r = (const void *)rec;
	struct conn_key key = { r->cookie, r->opened };
	struct conn *c = hash_get(m->conns->by_key, &key);

	if (!c)
		return 0;
	c->exchanges = *r;
	c->log.exchanges_fresh = true;
	return 0;
}

int listen_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_listen *r = (const void *)rec;
	struct conn_key key = { r->cookie, r->opened };
	struct conns *k = m->conns;
	struct listener *s = hash_get(k->listen_by_key, &key);

	if (!s && k->listeners.n >= m->limits.max_conns)
		return 0;
	if (!s) {
		s = xcalloc(1, sizeof(*s));
		s->key = key;
		s->first = s->before = r->flags & HL_CONN_EXISTED ? r->drops : 0;
		hash_put(k->listen_by_key, &key, s);
		*vec_add(&k->listeners) = s;
	}
	s->last = *r;
	s->tick = m->seq;
	s->longest = MAX(s->longest, r->length);
	s->longest_wait = MAX(s->longest_wait, r->first_wait_ns);
	set_proc(m, &s->proc, rec->pid, r->proc_start);
	set_addr(m, &s->local, r->family, r->local_addr, r->local_port);
	return 0;
}

/* It is gone, and nobody told of that. What was seen of it last stands. */
static void conn_unseen(struct model *m, struct conn *c, uint64_t ended)
{
	c->last.ended = ended;
	c->last.end = HL_END_NOT_SEEN;
	c->ended = true;
	c->tick = m->seq;
	m->conns->closed++;
	peer_take(m, c);
}

int conns_told_apply(struct model *m, const struct hl_rec *rec)
{
	struct conns *k = m->conns;

	for (size_t i = 0; i < k->list.n; i++)
		if (!k->list.v[i]->last.ended && k->list.v[i]->last.seen < rec->ts)
			conn_unseen(m, k->list.v[i], rec->ts);
	for (size_t i = 0; i < k->listeners.n; i++)
		if (!k->listeners.v[i]->last.ended && k->listeners.v[i]->last.h.ts < rec->ts)
			k->listeners.v[i]->last.ended = rec->ts;
	return 0;
}

/* ---- an interval is over ---------------------------------------------------------------- */

static void listener_free(struct model *m, struct listener *s)
{
	intern_put(m->interns, s->local);
	if (s->proc)
		proc_put(m, s->proc);
	free(s);
}

/* Of those that ended the last ones stay, with whom they turned away. */
static void listeners_roll(struct model *m)
{
	struct conns *k = m->conns;
	size_t kept = 0, ended = 0;

	for (size_t i = 0; i < k->listeners.n; i++)
		ended += !!k->listeners.v[i]->last.ended;
	for (size_t i = 0; i < k->listeners.n; i++) {
		struct listener *s = k->listeners.v[i];

		if (s->last.ended && ended > MAX_ENDED_LISTENERS) {
			ended--;
			hash_del(k->listen_by_key, &s->key);
			listener_free(m, s);
			continue;
		}
		s->before = s->last.drops;
		k->listeners.v[kept++] = s;
	}
	k->listeners.n = kept;
}

void conns_tick(struct model *m)
{
	history_tick(m);
}

void conns_roll(struct model *m)
{
	struct conns *k = m->conns;

	for (size_t i = 0; i < k->list.n; i++) {
		struct conn *c = k->list.v[i];

		c->before = conn_sums_of(&c->last);
		c->came = c->ended = c->connected = false;
	}
	peers_roll(m);
	if (k->closed > MAX_CLOSED)
		drop_closed(m, MAX_CLOSED);
	listeners_roll(m);
}

void conns_init(struct model *m)
{
	m->conns = xcalloc(1, sizeof(*m->conns));
	m->conns->by_key = hash_new(sizeof(struct conn_key));
	m->conns->listen_by_key = hash_new(sizeof(struct conn_key));
	peers_init(m);
}

void conns_fini(struct model *m)
{
	struct conns *k = m->conns;

	for (size_t i = 0; i < k->list.n; i++)
		conn_free(m, k->list.v[i]);
	for (size_t i = 0; i < k->listeners.n; i++)
		listener_free(m, k->listeners.v[i]);
	peers_fini(m);
	vec_free(&k->list);
	vec_free(&k->listeners);
	hash_free(k->by_key);
	hash_free(k->listen_by_key);
	free(k);
}

/* ---- rows --------------------------------------------------------------------------------- */

static void conn_figures(struct conn_row *r, const struct conn *c)
{
	const struct hl_rec_conn *l = &c->last;

	r->total = conn_sums_of(l);
	r->ivl = sums_since(&r->total, &c->before);
	r->bytes_acked = l->bytes_acked;
	r->bytes_resent = l->bytes_resent;
	r->resend_max_ns = l->resent_max_ns;
	r->srtt_ns = l->srtt_us * 1000ull;
	r->rttvar_ns = l->srtt_us ? l->rttvar_us * 1000ull : 0;
	r->min_rtt_ns = l->min_rtt_us == UINT32_MAX ? 0 : l->min_rtt_us * 1000ull;
	r->rto_ns = l->rto_us * 1000ull;
	r->cwnd = l->cwnd;
	r->send_queue = l->send_queue;
	r->receive_queue = l->receive_queue;
	r->send_window = l->send_window;
	r->receive_window = l->receive_window;
	r->busy_ns = l->busy_ns;
	r->buffer_limited_ns = l->buffer_limited_ns;
	r->zero_window_ns = l->ended ? 0 : l->zero_window_ns;
	r->queued_ns = l->ended ? 0 : l->queued_ns;
	r->exchanges = c->exchanges.count;
	r->exchange_ns = c->exchanges.total_ns;
	r->exchange_max_ns = c->exchanges.max_ns;
	r->unanswered = c->exchanges.unanswered;
}

static void conn_fill(struct model *m, struct conn_row *r, struct conn *c, struct arena *a, uint64_t stamp)
{
	const struct hl_rec_conn *l = &c->last;
	bool unseen = l->end == HL_END_NOT_SEEN;
	uint64_t end = unseen ? l->seen : l->ended ? l->ended : m->ts;

	conn_name_ends(m, c);
	*r = (struct conn_row){
		.cookie = l->cookie,
		.opened_ns = l->opened,
		.local = intern_copy(c->local, a, stamp),
		.remote = intern_copy(c->remote, a, stamp),
		.peer = intern_copy(peer_address(c->peer), a, stamp),
		.name = intern_copy(addr_name(m, c->proc, l->family, l->remote_addr), a, stamp),
		.port = conn_port(l),
		.role = l->role,
		.state = l->state,
		.end = l->end,
		.existed = l->flags & HL_CONN_EXISTED || unseen,
		.knows_resends = l->flags & HL_CONN_RESENDS,
		.netns = l->netns,
		.real_ns = model_real_ns(m, l->opened),
		.age_ns = end > l->opened ? end - l->opened : 0,
		.connect_ns = l->connect_ns,
		.figures_age_ns = !l->ended && m->ts > l->seen ? m->ts - l->seen : 0,
		.members = 1,
	};
	ROW_WHO(r, c->proc, a, stamp);
	conn_figures(r, c);
	history_span(m, c, r);
}

struct conn_row *conn_rows(struct model *m, struct arena *a, uint64_t stamp, size_t *n)
{
	struct conns *k = m->conns;
	struct conn_row *rows = arena_alloc(a, k->list.n * sizeof(*rows));

	*n = 0;
	for (size_t i = 0; i < k->list.n; i++)
		if (proc_shown(m, k->list.v[i]->proc))
			conn_fill(m, &rows[(*n)++], k->list.v[i], a, stamp);
	return rows;
}

static void listen_fill(struct model *m, struct listen_row *r, const struct listener *s, struct arena *a,
			uint64_t stamp)
{
	const struct hl_rec_listen *l = &s->last;

	*r = (struct listen_row){
		.cookie = l->cookie,
		.opened_ns = l->opened,
		.local = intern_copy(s->local, a, stamp),
		.port = l->local_port,
		.existed = l->flags & HL_CONN_EXISTED,
		.ended = l->ended,
		.netns = l->netns,
		.length = l->length,
		.limit = l->limit,
		.half_open = l->half_open,
		.longest = s->longest,
		.oldest_wait_ns = l->ended ? 0 : l->first_wait_ns,
		.longest_wait_ns = s->longest_wait,
		.accept_op = intern_copy(op_name(m, HL_OP_ACCEPT, 0, l->local_port), a, stamp),
		.drops = l->drops,
		.total_drops = l->drops - MIN(s->first, l->drops),
		.ivl_drops = l->drops - MIN(s->before, l->drops),
		.real_ns = model_real_ns(m, l->opened),
	};
	ROW_WHO(r, s->proc, a, stamp);
}

struct listen_row *listen_rows(struct model *m, struct arena *a, uint64_t stamp, size_t *n)
{
	struct conns *k = m->conns;
	struct listen_row *rows = arena_alloc(a, k->listeners.n * sizeof(*rows));

	*n = 0;
	for (size_t i = 0; i < k->listeners.n; i++)
		if (proc_shown(m, k->listeners.v[i]->proc))
			listen_fill(m, &rows[(*n)++], k->listeners.v[i], a, stamp);
	return rows;
}
