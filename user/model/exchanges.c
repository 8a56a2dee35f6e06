/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Exchanges on TCP connections: what an operation of that kind has beside what all have, and for whom slow
 * ones waited, which is told just before them, by a number. Called by ops.c, slow.c, model.c and picture.c.
 */
#include <stdlib.h>
#include <string.h>

#include "model/state.h"
#include "rec/rec.h"

/* ---- operations --------------------------------------------------------------------------- */

uint64_t exchange_object(const struct hl_rec_exchange_op *r)
{
	uint64_t h = hash_bytes(r->addr, sizeof(r->addr)) ^ (uint64_t)r->port << 32 ^
		     (uint64_t)r->role << 16 ^ r->family;

	return h && h != LOCK_OTHER ? h : 1;
}

void exchange_is(struct model *m, struct exchange *x, const struct hl_rec_exchange_op *r)
{
	char host[HOST_LEN] = "";
	bool is_v6;

	if (x->role)
		return;
	x->role = r->role;
	x->port = r->port;
	if (r->role == HL_ROLE_OPENED)
		host_text(host, r->family, r->addr, &is_v6);
	if (*host)
		intern_set(m->interns, &x->remote, host, strlen(host));
}

void exchange_take(struct exchange *x, const struct hl_rec_exchange_op *r)
{
	const __u32 *buckets = rec_exchange_buckets(r);

	for (__u32 i = 0; i < r->o.nr_buckets; i++) {
		hist_add_cell(&x->reads, r->o.first + i, buckets[i]);
		hist_add_cell(&x->ivl_reads, r->o.first + i, buckets[i]);
	}
	x->read_ns += r->o.total_ns;
	x->read_max_ns = MAX(x->read_max_ns, r->o.max_ns);
}

void exchange_add(struct exchange *to, const struct exchange *from, bool same)
{
	if (same && !to->role) {
		to->role = from->role;
		to->port = from->port;
		to->remote = intern_hold(from->remote);
	}
	hist_merge(&to->reads, &from->reads);
	hist_merge(&to->ivl_reads, &from->ivl_reads);
	to->read_ns += from->read_ns;
	to->read_max_ns = MAX(to->read_max_ns, from->read_max_ns);
}

void exchange_free(struct model *m, struct exchange *x)
{
	if (!x)
		return;
	intern_put(m->interns, x->remote);
	hist_free(&x->reads);
	hist_free(&x->ivl_reads);
	free(x);
}

/* ---- for whom slow ones waited ------------------------------------------------------------- */

struct slow_peers {
	struct told told; /* the first member */
	uint32_t n;
	struct {
		struct istr *remote;
		uint64_t ns;
	} v[HL_PEERS];
};

void slow_peers_drop(struct model *m, void *peers)
{
	struct slow_peers *p = peers;

	for (uint32_t i = 0; p && i < p->n; i++)
		intern_put(m->interns, p->v[i].remote);
	free(p);
}

int slow_peers_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_peers *r = (const void *)rec;
	const struct hl_peer_ns *v = rec_peers(r);
	char text[ADDR_LEN];
	struct slow_peers *p = xcalloc(1, sizeof(*p));

	*p = (struct slow_peers){ .told = { r->id, r->h.ts }, .n = r->nr };
	for (uint32_t i = 0; i < r->nr; i++) {
		addr_text(text, v[i].family, v[i].addr, v[i].port);
		intern_set(m->interns, &p->v[i].remote, text, strlen(text));
		p->v[i].ns = v[i].ns;
	}
	told_put(m, m->slow_peers, &p->told, slow_peers_drop);
	return 0;
}

void slow_peers_of(struct model *m, struct slow *s, uint32_t id)
{
	if (s->row.op == HL_OP_EXCHANGE)
		s->peers = told_take(m->slow_peers, id);
}

const struct snap_peers *slow_peers_copy(const struct slow *s, struct arena *a, uint64_t stamp)
{
	const struct slow_peers *p = s->peers;
	struct snap_peers *to;
	struct snap_peer *v;

	if (!p || !p->n)
		return NULL;
	to = arena_zalloc(a, sizeof(*to));
	v = arena_zalloc(a, p->n * sizeof(*v));
	for (uint32_t i = 0; i < p->n; i++) {
		const char *remote = intern_copy(p->v[i].remote, a, stamp);

		v[i] = (struct snap_peer){ .remote = remote ? remote : "?", .ns = p->v[i].ns };
	}
	to->n = p->n;
	to->v = v;
	to->of_ns = s->row.time[HL_STATE_NETWORK];
	return to;
}

void slow_peers_roll(struct model *m)
{
	told_roll(m, m->slow_peers, slow_peers_drop);
}

void slow_peers_init(struct model *m)
{
	m->slow_peers = hash_new(sizeof(uint32_t));
}

void slow_peers_fini(struct model *m)
{
	told_free(m, m->slow_peers, slow_peers_drop);
}
