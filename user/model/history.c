/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The history of connections: what each look at one brought. Only what moved is stored, so that a connection
 * that is idle costs nothing; all histories together are bounded, and when they are too many those go first
 * in which least was sent and received. A slice ends with an interval of the capture and begins where
 * somebody had looked before it: where nobody looked for several intervals it is as long as these. Called by
 * conns.c and picture.c.
 */
#include <stdlib.h>
#include <string.h>

#include "model/conns.h"

/* What was to be known of it until now, and so needs not be told again. */
static void log_seen(struct model *m, struct conn *c)
{
	c->log.seen = m->ts;
	c->log.exchanges = c->exchanges.count;
	c->log.exchange_ns = c->exchanges.total_ns;
	c->log.fresh = c->log.exchanges_fresh = false;
}

static void log_resize(struct conns *k, struct conn_log *log, uint32_t cap)
{
	k->log_cells = k->log_cells - log->cap + cap;
	log->cap = cap;
	if (!cap) {
		free(log->v);
		log->v = NULL;
		return;
	}
	log->v = xrealloc(log->v, cap * sizeof(*log->v));
}

void history_free(struct model *m, struct conn *c)
{
	log_resize(m->conns, &c->log, 0);
	c->log.n = 0;
}

static bool is_old(const struct model *m, const struct conn_slice *s)
{
	return (uint32_t)m->seq - s->tick >= HEAT_SLICES;
}

static void drop_old(struct model *m, struct conn_log *log)
{
	uint32_t old = 0;

	while (old < log->n && is_old(m, &log->v[old]))
		old++;
	if (!old)
		return;
	log->n -= old;
	memmove(log->v, log->v + old, log->n * sizeof(*log->v));
}

static bool slice_is_empty(const struct conn_slice *s)
{
	return !s->sums.bytes && !s->sums.retransmits && !s->sums.window_limited_ns && !s->exchanges;
}

/* What the interval that ends brought, since the look before it. */
static struct conn_slice slice_make(const struct model *m, const struct conn *c)
{
	const struct hl_rec_conn *r = &c->last;
	struct conn_sums now = conn_sums_of(r);
	struct conn_slice s = {
		.tick = (uint32_t)m->seq,
		.begin = MAX(MAX(c->log.seen, m->conns->looked), r->opened),
		.end = r->ended && r->ended < m->ts ? r->ended : m->ts,
		.sums = sums_since(&now, &c->before),
		.srtt_us = r->srtt_us,
		.send_queue = r->ended ? 0 : r->send_queue,
		.receive_queue = r->ended ? 0 : r->receive_queue,
		.knows_exchanges = c->log.exchanges_fresh || m->looked & HL_LOOKED_EXCHANGES,
	};

	s.begin = MIN(s.begin, s.end);
	if (!s.knows_exchanges)
		return s;
	s.exchanges = c->exchanges.count - c->log.exchanges;
	s.exchange_ns = c->exchanges.total_ns - c->log.exchange_ns;
	return s;
}

static void log_add(struct model *m, struct conn *c)
{
	struct conn_slice s = slice_make(m, c);
	struct conn_log *log = &c->log;

	if (!log->from)
		log->from = c->last.opened;
	log_seen(m, c);
	if (slice_is_empty(&s))
		return;
	if (log->n == log->cap)
		drop_old(m, log);
	if (log->n == log->cap)
		log_resize(m->conns, log, log->cap ? MIN(log->cap * 2, HEAT_SLICES) : 4);
	log->v[log->n++] = s;
}

struct rank {
	uint64_t bytes;
	struct conn *c;
};

static int cmp_rank(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? -1 : 1;
	return memcmp(&x->c->key, &y->c->key, sizeof(x->c->key));
}

/* There are too many: what is old goes, then whole histories, those of least traffic first. */
static void trim(struct model *m)
{
	struct conns *k = m->conns;
	VEC(struct rank) ranks = {};

	for (size_t i = 0; i < k->list.n; i++) {
		struct conn *c = k->list.v[i];
		struct rank r = { .c = c };

		if (!c->log.cap)
			continue;
		drop_old(m, &c->log);
		log_resize(k, &c->log, c->log.n);
		for (uint32_t s = 0; s < c->log.n; s++)
			r.bytes += c->log.v[s].sums.bytes;
		*vec_add(&ranks) = r;
	}
	if (ranks.n)
		qsort(ranks.v, ranks.n, sizeof(*ranks.v), cmp_rank);
	for (size_t i = 0; i < ranks.n && k->log_cells > m->limits.max_history / 4 * 3; i++) {
		history_free(m, ranks.v[i].c);
		ranks.v[i].c->log.from = m->ts;
	}
	vec_free(&ranks);
}

void history_tick(struct model *m)
{
	struct conns *k = m->conns;

	for (size_t i = 0; i < k->list.n; i++)
		if (k->list.v[i]->log.fresh || k->list.v[i]->log.exchanges_fresh)
			log_add(m, k->list.v[i]);
	if (m->looked & HL_LOOKED_CONNS)
		k->looked = m->ts;
	if (k->log_cells > m->limits.max_history)
		trim(m);
}

void history_span(const struct model *m, const struct conn *c, struct conn_row *r)
{
	uint64_t to = MAX(c->log.seen, m->conns->looked);

	r->history_from = c->log.from;
	r->history_to = c->last.ended ? MIN(c->last.ended, to) : to;
}

/* ---- rows --------------------------------------------------------------------------------- */

static void slice_fill(struct model *m, struct history_row *r, const struct conn *c,
		       const struct conn_slice *s)
{
	r->cookie = c->last.cookie;
	r->opened_ns = c->last.opened;
	r->port = conn_port(&c->last);
	r->role = c->last.role;
	r->begin_ns = s->begin;
	r->end_ns = s->end;
	r->duration_ns = s->end - s->begin;
	r->real_ns = model_real_ns(m, s->end);
	r->sums = s->sums;
	r->srtt_ns = s->srtt_us * 1000ull;
	r->send_queue = s->send_queue;
	r->receive_queue = s->receive_queue;
	r->exchanges = s->exchanges;
	r->exchange_ns = s->exchange_ns;
	r->knows_exchanges = s->knows_exchanges;
	r->knows_resends = c->last.flags & HL_CONN_RESENDS;
}

struct history_row *history_rows(struct model *m, struct arena *a, uint64_t stamp, size_t *n)
{
	struct conns *k = m->conns;
	struct history_row *rows;
	size_t most = 0;

	for (size_t i = 0; i < k->list.n; i++)
		most += k->list.v[i]->log.n;
	rows = arena_zalloc(a, most * sizeof(*rows));
	*n = 0;
	for (size_t i = 0; i < k->list.n; i++) {
		struct conn *c = k->list.v[i];

		if (!c->log.n || !proc_shown(m, c->proc))
			continue;
		conn_name_ends(m, c);
		for (uint32_t s = 0; s < c->log.n; s++) {
			struct history_row *r = &rows[*n];

			if ((uint32_t)m->seq - 1 - c->log.v[s].tick >= HEAT_SLICES)
				continue;
			slice_fill(m, r, c, &c->log.v[s]);
			r->local = intern_copy(c->local, a, stamp);
			r->remote = intern_copy(c->remote, a, stamp);
			ROW_WHO(r, c->proc, a, stamp);
			(*n)++;
		}
	}
	return rows;
}
