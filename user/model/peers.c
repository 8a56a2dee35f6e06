/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Peers: the connections of a process in one role with one address, at one port of the service, added up:
 * those that have rows, and those that had. How many a process had in all is counted apart, in the kernel,
 * and is exact whatever became of the records: what the peers lack of that is the peer "(other)". Called by
 * conns.c and picture.c.
 */
#include <stdlib.h>
#include <string.h>

#include "model/conns.h"
#include "rec/rec.h"

struct peer_key { /* no padding that is not zeroed */
	uint64_t start;
	uint32_t pid;
	uint16_t port;
	uint8_t role, pad;
	uint8_t addr[16];
};

struct peer {
	struct peer_key key;
	struct proc *proc; /* NULL: not known */
	struct istr *remote;
	uint8_t family;
	uint32_t refs;               /* connections that have rows */
	uint64_t tick;               /* in which it was used last */
	struct peer_half total, ivl; /* of those that have none any more */
	struct hist connect, ivl_connect;
	uint64_t connect_max_ns;
	struct hist resends, ivl_resends;
	uint64_t resend_ns, ivl_resend_ns, resend_max_ns;
	bool knows_resends;
	struct peer_row row; /* while a picture is taken */
};

struct count_key { /* no padding that is not zeroed */
	uint64_t start;
	uint32_t pid, role;
};

/* How many a process had in one role. */
struct conn_count {
	struct count_key key;
	struct proc *proc; /* NULL: not known */
	uint64_t opened, ended, ivl_opened, ivl_ended;
	uint64_t lacking[2];       /* what its peers lacked at the tick before */
	uint64_t shown[2], ivl[2]; /* while a picture is taken: what they have */
};

static void half_add(struct peer_half *to, const struct peer_half *from)
{
	to->opened += from->opened;
	to->ended += from->ended;
	to->failed += from->failed;
	to->refused += from->refused;
	to->timed_out += from->timed_out;
	sums_add(&to->sums, &from->sums);
}

/* Of "(other)": its processes' own rows have how many. */
static void no_counts(struct peer_half *h)
{
	h->opened = h->ended = 0;
}

/* A connection that failed neither came nor ended; of one whose end was not seen on its way, nobody knows. */
static void half_conn(struct peer_half *h, const struct conn *c, bool came, bool ended, struct conn_sums sums)
{
	const struct hl_rec_conn *r = &c->last;
	bool failed = r->flags & HL_CONN_FAILED;

	h->opened += came;
	h->ended += ended && !failed && r->state != HL_TCP_STATE_SYN_SENT;
	h->failed += ended && failed;
	h->refused += ended && failed && r->end == HL_END_REFUSED;
	h->timed_out += ended && failed && r->end == HL_END_TIMED_OUT;
	sums_add(&h->sums, &sums);
}

/* ---- which peer a connection is with -------------------------------------------------- */

static struct peer *peer_new(struct model *m, const struct peer_key *key, struct proc *p, const char *remote)
{
	struct peer *e = xcalloc(1, sizeof(*e));

	e->key = *key;
	e->proc = p ? proc_hold(p) : NULL;
	intern_set(m->interns, &e->remote, remote, strlen(remote));
	return e;
}

static void peer_free(struct model *m, struct peer *e)
{
	intern_put(m->interns, e->remote);
	if (e->proc)
		proc_put(m, e->proc);
	hist_free(&e->connect);
	hist_free(&e->ivl_connect);
	hist_free(&e->resends);
	hist_free(&e->ivl_resends);
	free(e);
}

static int cmp_use(const void *a, const void *b)
{
	const struct peer *x = *(const struct peer *const *)a, *y = *(const struct peer *const *)b;

	if (!x->refs != !y->refs)
		return x->refs ? 1 : -1;
	if (x->tick != y->tick)
		return x->tick < y->tick ? -1 : 1;
	return memcmp(&x->key, &y->key, sizeof(x->key));
}

static void resends_add(struct peer *to, const struct peer *from)
{
	hist_merge(&to->resends, &from->resends);
	hist_merge(&to->ivl_resends, &from->ivl_resends);
	to->resend_ns += from->resend_ns;
	to->ivl_resend_ns += from->ivl_resend_ns;
	to->resend_max_ns = MAX(to->resend_max_ns, from->resend_max_ns);
	to->knows_resends |= from->knows_resends;
}

/* Those that nobody has had to do with for longest become part of "(other)": a sixteenth, so that a full
 * table is not gone through at every new one. */
static void make_room(struct model *m)
{
	struct conns *k = m->conns;
	size_t fold = m->limits.max_peers / 16 + 1, n = 0;

	qsort(k->peers.v, k->peers.n, sizeof(*k->peers.v), cmp_use);
	while (n < k->peers.n && n < fold && !k->peers.v[n]->refs) {
		struct peer *e = k->peers.v[n++], *other = k->others[e->key.role];

		no_counts(&e->total);
		no_counts(&e->ivl);
		half_add(&other->total, &e->total);
		half_add(&other->ivl, &e->ivl);
		hist_merge(&other->connect, &e->connect);
		hist_merge(&other->ivl_connect, &e->ivl_connect);
		other->connect_max_ns = MAX(other->connect_max_ns, e->connect_max_ns);
		resends_add(other, e);
		hash_del(k->peer_by_key, &e->key);
		peer_free(m, e);
	}
	if (n < fold)
		k->peers_full = m->seq + 1;
	k->peers.n -= n;
	memmove(k->peers.v, k->peers.v + n, k->peers.n * sizeof(*k->peers.v));
}

/* The peer of a process in one role; p NULL: of one that is not known. */
static struct peer *peer_get(struct model *m, struct proc *p, uint8_t role, uint16_t port, uint8_t family,
			     const uint8_t *addr)
{
	struct conns *k = m->conns;
	struct peer_key key = { .port = port, .role = role };
	struct peer *e;
	char host[HOST_LEN];
	bool is_v6;

	if (p) {
		key.pid = p->pid;
		key.start = p->start;
	}
	memcpy(key.addr, addr, sizeof(key.addr));
	e = hash_get(k->peer_by_key, &key);
	if (e)
		return e;
	if (k->peers.n >= m->limits.max_peers && k->peers_full != m->seq + 1)
		make_room(m);
	if (k->peers.n >= m->limits.max_peers)
		return k->others[key.role];
	e = peer_new(m, &key, p, host_text(host, family, addr, &is_v6));
	e->family = family;
	hash_put(k->peer_by_key, &key, e);
	*vec_add(&k->peers) = e;
	return e;
}

struct istr *peer_address(const struct peer *e)
{
	return e ? e->remote : NULL;
}

void peer_take(struct model *m, struct conn *c)
{
	if (!c->peer) {
		c->peer = peer_get(m, c->proc, c->last.role, conn_port(&c->last), c->last.family,
				   c->last.remote_addr);
		c->peer->refs++;
	}
	c->peer->knows_resends |= (c->last.flags & HL_CONN_RESENDS) != 0;
	c->peer->tick = m->seq;
	if (!c->connected)
		return;
	hist_add(&c->peer->connect, c->last.connect_ns);
	hist_add(&c->peer->ivl_connect, c->last.connect_ns);
	c->peer->connect_max_ns = MAX(c->peer->connect_max_ns, c->last.connect_ns);
	c->connected = false;
}

void peer_resent(struct model *m, struct proc *p, const struct hl_rec_exchange_op *r)
{
	struct peer *e = p && !proc_is_other(p) ? peer_get(m, p, r->role, r->port, r->family, r->addr)
						: m->conns->others[r->role];
	const __u32 *buckets = rec_exchange_buckets(r);

	e->tick = m->seq;
	e->knows_resends = true;
	for (__u32 i = 0; i < r->o.nr_buckets; i++) {
		hist_add_cell(&e->resends, r->o.first + i, buckets[i]);
		hist_add_cell(&e->ivl_resends, r->o.first + i, buckets[i]);
	}
	e->resend_ns += r->o.total_ns;
	e->ivl_resend_ns += r->o.total_ns;
	e->resend_max_ns = MAX(e->resend_max_ns, r->o.max_ns);
}

static struct conn_sums own_sums(const struct conn *c)
{
	struct conn_sums now = conn_sums_of(&c->last);

	return sums_since(&now, &c->first);
}

static struct conn_sums ivl_sums(const struct conn *c)
{
	struct conn_sums now = conn_sums_of(&c->last);

	return sums_since(&now, &c->before);
}

void peer_leave(struct model *m, struct conn *c)
{
	if (!c->peer)
		return;
	half_conn(&c->peer->total, c, conn_is_up(&c->last), c->last.ended, own_sums(c));
	half_conn(&c->peer->ivl, c, c->came, c->ended, ivl_sums(c));
	if (c->peer == m->conns->others[c->last.role]) {
		no_counts(&c->peer->total);
		no_counts(&c->peer->ivl);
	}
	c->peer->refs--;
	c->peer = NULL;
}

/* ---- how many there were ------------------------------------------------------------------ */

static struct conn_count *count_of(struct model *m, struct proc *p, uint8_t role)
{
	struct count_key key = { .start = p ? p->start : 0, .pid = p ? p->pid : 0, .role = role };
	struct conn_count *c = hash_get(m->conns->counts, &key);

	if (c)
		return c;
	if (p && hash_count(m->conns->counts) >= m->limits.max_processes)
		return count_of(m, NULL, role);
	c = xcalloc(1, sizeof(*c));
	c->key = key;
	c->proc = p ? proc_hold(p) : NULL;
	hash_put(m->conns->counts, &key, c);
	*vec_add(&m->conns->count_list) = c;
	return c;
}

int conn_op_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_conn_op *r = (const void *)rec;
	struct proc *p = rec->pid ? proc_get(m, rec->pid, r->proc_start) : NULL;
	struct conn_count *c = count_of(m, p, r->role);

	c->opened += r->opened;
	c->ended += r->ended;
	c->ivl_opened += r->opened;
	c->ivl_ended += r->ended;
	return 0;
}

static void count_free(struct model *m, struct conn_count *c)
{
	if (c->proc)
		proc_put(m, c->proc);
	free(c);
}

/* Processes that are gone, whose peers have all that there was. */
static void drop_counts(struct model *m)
{
	struct conns *k = m->conns;
	size_t kept = 0;

	for (size_t i = 0; i < k->count_list.n; i++) {
		struct conn_count *c = k->count_list.v[i];

		if (!c->proc || !c->proc->gone || c->lacking[0] || c->lacking[1]) {
			k->count_list.v[kept++] = c;
			continue;
		}
		hash_del(k->counts, &c->key);
		count_free(m, c);
	}
	k->count_list.n = kept;
}

static void peer_roll(struct peer *e)
{
	e->ivl = (struct peer_half){};
	e->ivl_resend_ns = 0;
	hist_reset(&e->ivl_connect);
	hist_reset(&e->ivl_resends);
}

void peers_roll(struct model *m)
{
	struct conns *k = m->conns;

	if (k->count_list.n > m->limits.max_processes / 2)
		drop_counts(m);
	for (size_t i = 0; i < k->count_list.n; i++)
		k->count_list.v[i]->ivl_opened = k->count_list.v[i]->ivl_ended = 0;
	for (size_t i = 0; i < k->peers.n; i++)
		peer_roll(k->peers.v[i]);
	for (int i = 0; i < NR_HL_ROLES; i++)
		peer_roll(k->others[i]);
}

void peers_init(struct model *m)
{
	m->conns->peer_by_key = hash_new(sizeof(struct peer_key));
	m->conns->counts = hash_new(sizeof(struct count_key));
	for (uint8_t i = 0; i < NR_HL_ROLES; i++)
		m->conns->others[i] = peer_new(m, &(struct peer_key){ .role = i }, NULL, "(other)");
}

void peers_fini(struct model *m)
{
	struct conns *k = m->conns;

	for (size_t i = 0; i < k->peers.n; i++)
		peer_free(m, k->peers.v[i]);
	for (int i = 0; i < NR_HL_ROLES; i++)
		peer_free(m, k->others[i]);
	for (size_t i = 0; i < k->count_list.n; i++)
		count_free(m, k->count_list.v[i]);
	vec_free(&k->peers);
	vec_free(&k->count_list);
	hash_free(k->peer_by_key);
	hash_free(k->counts);
}

/* ---- rows --------------------------------------------------------------------------------- */

static void row_begin(struct model *m, struct peer *e, struct arena *a, uint64_t stamp)
{
	struct peer_row *r = &e->row;

	*r = (struct peer_row){
		.remote = intern_copy(e->remote, a, stamp),
		.name = intern_copy(addr_name(m, e->proc, e->family, e->key.addr), a, stamp),
		.port = e->key.port,
		.role = e->key.role,
		.total = e->total,
		.ivl = e->ivl,
		.connect_max_ns = e->connect_max_ns,
		.resend_ns = e->resend_ns,
		.ivl_resend_ns = e->ivl_resend_ns,
		.resend_max_ns = e->resend_max_ns,
		.knows_resends = e->knows_resends,
		.members = 1,
	};
	ROW_WHO(r, e->proc, a, stamp);
	hist_keep(a, &r->connect, &e->connect);
	hist_keep(a, &r->ivl_connect, &e->ivl_connect);
	hist_keep(a, &r->resends, &e->resends);
	hist_keep(a, &r->ivl_resends, &e->ivl_resends);
}

/* A connection, into the row of its peer. */
static void row_add(struct peer_row *r, const struct conn *c)
{
	half_conn(&r->total, c, conn_is_up(&c->last), c->last.ended, own_sums(c));
	half_conn(&r->ivl, c, c->came, c->ended, ivl_sums(c));
	if (c->last.ended)
		return;
	r->open++;
	if (c->last.srtt_us) {
		r->srtt_ns += c->last.srtt_us * 1000ull;
		r->srtts++;
	}
	if (c->last.min_rtt_us && c->last.min_rtt_us != UINT32_MAX &&
	    (!r->min_rtt_ns || c->last.min_rtt_us * 1000ull < r->min_rtt_ns))
		r->min_rtt_ns = c->last.min_rtt_us * 1000ull;
}

/* What its peers have of what was counted. */
static void count_row(struct model *m, const struct peer *e)
{
	struct count_key key = { .start = e->key.start, .pid = e->key.pid, .role = e->key.role };
	struct conn_count *c = hash_get(m->conns->counts, &key);

	if (!c)
		return;
	c->shown[0] += e->row.total.opened;
	c->shown[1] += e->row.total.ended;
	c->ivl[0] += e->row.ivl.opened;
	c->ivl[1] += e->row.ivl.ended;
}

static uint64_t beyond(uint64_t counted, uint64_t have)
{
	return counted > have ? counted - have : 0;
}

/*
 * What was counted of a process and no peer has, as a row. Records and counts are not of the same moment:
 * what lacks for the first time is not shown, as long as the capture goes on. False: there is nothing.
 */
static bool row_lacking(struct model *m, struct peer_row *r, struct conn_count *c, struct arena *a,
			uint64_t stamp)
{
	uint64_t lacks[2] = { beyond(c->opened, c->shown[0]), beyond(c->ended, c->shown[1]) }, tell[2];

	for (int i = 0; i < 2; i++) {
		tell[i] = m->final ? lacks[i] : MIN(lacks[i], c->lacking[i]);
		c->lacking[i] = lacks[i];
	}
	if ((!tell[0] && !tell[1]) || !proc_shown(m, c->proc))
		return false;
	*r = (struct peer_row){ .remote = "(other)", .role = (uint8_t)c->key.role, .members = 1 };
	r->total.opened = tell[0];
	r->total.ended = tell[1];
	r->ivl.opened = MIN(tell[0], beyond(c->ivl_opened, c->ivl[0]));
	r->ivl.ended = MIN(tell[1], beyond(c->ivl_ended, c->ivl[1]));
	ROW_WHO(r, c->proc, a, stamp);
	return true;
}

static bool is_used(const struct peer_row *r)
{
	return r->open || r->total.opened || r->total.ended || r->total.failed ||
	       r->total.sums.segments_sent || r->resends.count;
}

static void rows_begin(struct model *m, struct arena *a, uint64_t stamp)
{
	struct conns *k = m->conns;

	for (size_t i = 0; i < k->peers.n; i++)
		row_begin(m, k->peers.v[i], a, stamp);
	for (int i = 0; i < NR_HL_ROLES; i++)
		row_begin(m, k->others[i], a, stamp);
	for (size_t i = 0; i < k->list.n; i++)
		if (k->list.v[i]->peer)
			row_add(&k->list.v[i]->peer->row, k->list.v[i]);
	for (int i = 0; i < NR_HL_ROLES; i++) {
		no_counts(&k->others[i]->row.total);
		no_counts(&k->others[i]->row.ivl);
	}
	for (size_t i = 0; i < k->count_list.n; i++) {
		struct conn_count *c = k->count_list.v[i];

		c->shown[0] = c->shown[1] = c->ivl[0] = c->ivl[1] = 0;
	}
	for (size_t i = 0; i < k->peers.n; i++)
		count_row(m, k->peers.v[i]);
}

struct peer_row *peer_rows(struct model *m, struct arena *a, uint64_t stamp, size_t *n)
{
	struct conns *k = m->conns;
	struct peer_row *rows = arena_alloc(a, (k->peers.n + NR_HL_ROLES + k->count_list.n) * sizeof(*rows));

	rows_begin(m, a, stamp);
	*n = 0;
	for (size_t i = 0; i < k->peers.n; i++)
		if (is_used(&k->peers.v[i]->row) && proc_shown(m, k->peers.v[i]->proc))
			rows[(*n)++] = k->peers.v[i]->row;
	for (int i = 0; i < NR_HL_ROLES; i++)
		if (is_used(&k->others[i]->row) && proc_shown(m, NULL))
			rows[(*n)++] = k->others[i]->row;
	for (size_t i = 0; i < k->count_list.n; i++)
		*n += row_lacking(m, &rows[*n], k->count_list.v[i], a, stamp);
	return rows;
}
