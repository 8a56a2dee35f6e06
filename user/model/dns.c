/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * DNS queries: added up by process, name, type and server, the name in whatever case; and the newest of them
 * one by one. What has no room is in the row "(other)". Called by model.c and picture.c.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "model/state.h"
#include "rec/rec.h"

#define RCODE_SERVFAIL 2
#define RCODE_NXDOMAIN 3
#define RCODE_REFUSED  5

struct dns_key { /* no padding that is not zeroed */
	uint64_t start;
	uint64_t name; /* the string, without capitals, which is held */
	uint8_t server[16];
	uint32_t pid;
	uint16_t type, port;
};
_Static_assert(sizeof(struct dns_key) == 40, "it is compared as bytes");

struct dns {
	struct dns_key key;
	struct proc *proc; /* NULL: "(other)" */
	struct istr *plain, *name, *server;
	uint64_t tick; /* in which it was used last */
	struct dns_half total, ivl;
	struct hist hist, ivl_hist;
	uint64_t max_ns;
};

struct dns_query {
	struct proc *proc;
	struct istr *name, *plain, *server, *addresses;
	struct hl_rec_dns r;
};

struct dns_table {
	struct hash *by_key;
	VEC(struct dns *) list;
	struct dns *other;             /* not in the table */
	VEC(struct dns_query) queries; /* a ring once it is full; `next` is the oldest then */
	size_t next;
};

static struct dns *new_row(struct model *m, const struct dns_key *key, const char *name)
{
	struct dns *d = xcalloc(1, sizeof(*d));

	d->key = *key;
	intern_set(m->interns, &d->name, name, strlen(name));
	return d;
}

static void row_free(struct model *m, struct dns *d)
{
	intern_put(m->interns, d->plain);
	intern_put(m->interns, d->name);
	intern_put(m->interns, d->server);
	if (d->proc)
		proc_put(m, d->proc);
	hist_free(&d->hist);
	hist_free(&d->ivl_hist);
	free(d);
}

void dns_init(struct model *m)
{
	m->dns = xcalloc(1, sizeof(*m->dns));
	m->dns->by_key = hash_new(sizeof(struct dns_key));
	m->dns->other = new_row(m, &(struct dns_key){}, "(other)");
}

static void query_drop(struct model *m, struct dns_query *q)
{
	intern_put(m->interns, q->name);
	intern_put(m->interns, q->plain);
	intern_put(m->interns, q->server);
	intern_put(m->interns, q->addresses);
	proc_put(m, q->proc);
}

void dns_fini(struct model *m)
{
	struct dns_table *t = m->dns;

	for (size_t i = 0; i < t->list.n; i++)
		row_free(m, t->list.v[i]);
	for (size_t i = 0; i < t->queries.n; i++)
		query_drop(m, &t->queries.v[i]);
	row_free(m, t->other);
	vec_free(&t->list);
	vec_free(&t->queries);
	hash_free(t->by_key);
	free(t);
}

/* ---- rows that go ------------------------------------------------------------------------ */

static int cmp_use(const void *a, const void *b)
{
	const struct dns *x = *(const struct dns *const *)a, *y = *(const struct dns *const *)b;

	if (x->tick != y->tick)
		return x->tick < y->tick ? -1 : 1;
	if (x->key.pid != y->key.pid)
		return x->key.pid < y->key.pid ? -1 : 1;
	return strcmp(x->name->s, y->name->s);
}

static void half_add(struct dns_half *to, const struct dns_half *from)
{
	const uint64_t *b = (const void *)from;
	uint64_t *a = (void *)to;

	for (size_t i = 0; i < sizeof(*to) / sizeof(*a); i++)
		a[i] += b[i];
}

/* Those that nobody has asked for longest become part of "(other)": a sixteenth, so that a full table is not
 * gone through at every new one. */
static void make_room(struct model *m)
{
	struct dns_table *t = m->dns;
	size_t fold = MIN(m->limits.max_dns / 16 + 1, t->list.n);

	qsort(t->list.v, t->list.n, sizeof(*t->list.v), cmp_use);
	for (size_t i = 0; i < fold; i++) {
		struct dns *d = t->list.v[i];

		half_add(&t->other->total, &d->total);
		half_add(&t->other->ivl, &d->ivl);
		hist_merge(&t->other->hist, &d->hist);
		hist_merge(&t->other->ivl_hist, &d->ivl_hist);
		t->other->max_ns = MAX(t->other->max_ns, d->max_ns);
		hash_del(t->by_key, &d->key);
		row_free(m, d);
	}
	t->list.n -= fold;
	memmove(t->list.v, t->list.v + fold, t->list.n * sizeof(*t->list.v));
}

/* ---- taking records ------------------------------------------------------------------------ */

static struct istr *without_capitals(struct model *m, const char *name)
{
	struct istr *plain;
	char *s = xstrdup(name);

	for (char *c = s; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	plain = intern_get(m->interns, s, strlen(s));
	free(s);
	return plain;
}

static struct dns *row_of(struct model *m, const struct hl_rec_dns *r, struct proc *p, const char *name)
{
	struct istr *plain = without_capitals(m, name);
	struct dns_key key = { .start = p->start, .name = (uintptr_t)plain, .pid = p->pid, .type = r->type };
	struct dns_table *t = m->dns;
	char server[ADDR_LEN];
	struct dns *d;

	key.port = r->server_port;
	memcpy(key.server, r->server_addr, sizeof(key.server));
	d = hash_get(t->by_key, &key);
	if (d) {
		intern_put(m->interns, plain);
		return d;
	}
	if (t->list.n >= m->limits.max_dns)
		make_room(m);
	d = new_row(m, &key, name);
	d->plain = plain;
	d->proc = proc_hold(p);
	addr_text(server, r->family, r->server_addr, r->server_port);
	intern_set(m->interns, &d->server, server, strlen(server));
	hash_put(t->by_key, &d->key, d);
	*vec_add(&t->list) = d;
	return d;
}

/* Of these nobody can say whether they would have been answered. */
static const unsigned int unknown = 1u << HL_DNS_OPEN | 1u << HL_DNS_UNTOLD | 1u << HL_DNS_SPARED;

static void half_take(struct dns_half *h, const struct hl_rec_dns *r)
{
	bool answered = r->end == HL_DNS_ANSWERED, known = !(1u << r->end & unknown);
	bool fails = answered && r->rcode;

	h->count++;
	h->answered += answered;
	h->unanswered += known && !answered;
	h->errors += fails || (known && !answered);
	h->nxdomain += fails && r->rcode == RCODE_NXDOMAIN;
	h->servfail += fails && r->rcode == RCODE_SERVFAIL;
	h->refused += fails && r->rcode == RCODE_REFUSED;
	h->other += fails && r->rcode != RCODE_NXDOMAIN && r->rcode != RCODE_SERVFAIL &&
		    r->rcode != RCODE_REFUSED;
	h->truncated += !!(r->flags & HL_DNS_TRUNCATED);
	h->retries += r->retries > 0;
	h->tcp += r->protocol == IPPROTO_TCP;
	h->total_ns += answered ? r->duration_ns : 0;
}

static void add_addresses(struct model *m, struct dns_query *q, const struct hl_dns_addr *v)
{
	struct str text = {};
	char host[HOST_LEN];
	bool is_v6;

	for (unsigned int i = 0; i < q->r.nr_addrs; i++)
		if (*host_text(host, v[i].family, v[i].addr, &is_v6))
			str_addf(&text, "%s%s", text.len ? " " : "", host);
	intern_set(m->interns, &q->addresses, str_get(&text), text.len);
	str_free(&text);
}

static void keep_query(struct model *m, const struct hl_rec_dns *r, struct proc *p, const struct dns *d,
		       const char *name)
{
	struct dns_table *t = m->dns;
	struct dns_query *q;
	const char *text;

	if (t->queries.n < m->limits.max_queries) {
		q = vec_add(&t->queries);
	} else {
		q = &t->queries.v[t->next];
		t->next = (t->next + 1) % t->queries.n;
		query_drop(m, q);
	}
	*q = (struct dns_query){
		.proc = proc_hold(p),
		.plain = intern_hold(d->plain),
		.server = intern_hold(d->server),
		.r = *r,
	};
	intern_set(m->interns, &q->name, name, strlen(name));
	add_addresses(m, q, rec_dns_addrs(r, &text));
}

int dns_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_dns *r = (const void *)rec;
	struct proc *p = proc_get(m, rec->pid, r->proc_start);
	const struct hl_dns_addr *v;
	const char *name;
	struct dns *d;

	v = rec_dns_addrs(r, &name);
	d = row_of(m, r, p, *name ? name : ".");
	d->tick = m->seq;
	half_take(&d->total, r);
	half_take(&d->ivl, r);
	if (r->end == HL_DNS_ANSWERED) {
		hist_add(&d->hist, r->duration_ns);
		hist_add(&d->ivl_hist, r->duration_ns);
		d->max_ns = MAX(d->max_ns, r->duration_ns);
	}
	for (unsigned int i = 0; i < r->nr_addrs; i++)
		addr_name_note(m, p, v[i].family, v[i].addr, d->name);
	keep_query(m, r, p, d, *name ? name : ".");
	return 0;
}

void dns_roll(struct model *m)
{
	struct dns_table *t = m->dns;

	for (size_t i = 0; i < t->list.n; i++) {
		t->list.v[i]->ivl = (struct dns_half){};
		hist_reset(&t->list.v[i]->ivl_hist);
	}
	t->other->ivl = (struct dns_half){};
	hist_reset(&t->other->ivl_hist);
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void fill(struct dns_row *r, const struct dns *d, struct arena *a, uint64_t stamp)
{
	*r = (struct dns_row){
		.name = intern_copy(d->name, a, stamp),
		.plain = intern_copy(d->plain, a, stamp),
		.server = intern_copy(d->server, a, stamp),
		.type = d->key.type,
		.total = d->total,
		.ivl = d->ivl,
		.max_ns = d->max_ns,
		.members = 1,
	};
	snprintf(r->type_text, sizeof(r->type_text), "TYPE%u", r->type);
	ROW_WHO(r, d->proc, a, stamp);
	hist_keep(a, &r->hist, &d->hist);
	hist_keep(a, &r->ivl_hist, &d->ivl_hist);
}

struct dns_row *dns_rows(struct model *m, struct arena *a, uint64_t stamp, size_t *n)
{
	struct dns_table *t = m->dns;
	struct dns_row *rows = arena_alloc(a, (t->list.n + 1) * sizeof(*rows));

	*n = 0;
	for (size_t i = 0; i < t->list.n; i++)
		if (proc_shown(m, t->list.v[i]->proc))
			fill(&rows[(*n)++], t->list.v[i], a, stamp);
	if (t->other->total.count && proc_shown(m, NULL))
		fill(&rows[(*n)++], t->other, a, stamp);
	return rows;
}

static void fill_query(struct model *m, struct dns_query_row *r, const struct dns_query *q, struct arena *a,
		       uint64_t stamp)
{
	*r = (struct dns_query_row){
		.tid = q->r.h.tid,
		.name = intern_copy(q->name, a, stamp),
		.plain = intern_copy(q->plain, a, stamp),
		.server = intern_copy(q->server, a, stamp),
		.addresses = intern_copy(q->addresses, a, stamp),
		.real_ns = model_real_ns(m, q->r.begin_ns),
		.begin_ns = q->r.begin_ns,
		.duration_ns = q->r.duration_ns,
		.retries = q->r.retries,
		.type = q->r.type,
		.rcode = q->r.rcode,
		.end = q->r.end,
		.flags = q->r.flags,
		.protocol = q->r.protocol,
	};
	snprintf(r->type_text, sizeof(r->type_text), "TYPE%u", r->type);
	snprintf(r->rcode_text, sizeof(r->rcode_text), "RCODE%u", r->rcode);
	ROW_WHO(r, q->proc, a, stamp);
}

/* The newest first. */
struct dns_query_row *dns_query_rows(struct model *m, struct arena *a, uint64_t stamp, size_t *n)
{
	struct dns_table *t = m->dns;
	struct dns_query_row *rows = arena_alloc(a, t->queries.n * sizeof(*rows));

	*n = 0;
	for (size_t i = 1; i <= t->queries.n; i++) {
		const struct dns_query *q = &t->queries.v[(t->next + t->queries.n - i) % t->queries.n];

		if (proc_shown(m, q->proc))
			fill_query(m, &rows[(*n)++], q, a, stamp);
	}
	return rows;
}
