/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * DNS, from the messages that bpf/dns.bpf.c finds in the programs' memory to records: a DNS for each query
 * once it is known what became of it. An answer is of the query that has its socket, number and question,
 * whatever the case. Where several servers were asked so over a socket that is connected to none, nothing
 * says which of them answers, and the first one is taken. Over TCP what is sent and received is put together
 * to messages here. What nobody answers is over when its socket is gone, or after a while. Called by ring.c
 * and live.c.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "kern/kern.h"
#include "proto/dns.h"

#define PATIENCE    (30 * NSEC_PER_SEC)   /* no answer comes later */
#define LOOK_EVERY  (100 * NSEC_PER_MSEC) /* for sockets that are gone */
#define MAX_OPEN    8192                  /* queries without an answer */
#define MAX_STREAMS 1024                  /* of TCP, each way */
#define MAX_ASKED   4096                  /* questions that got no answer yet, and who asked */

_Static_assert(DNS_ADDRS == HL_DNS_ADDRS, "all that is read is told");

/* Who sent or received: that there is such a socket is seen there, where the kernel side cannot see it. */
struct holder {
	uint32_t pid, tid, fd;
};

struct query_key { /* no padding that is not zeroed */
	uint64_t cookie, question;
	uint64_t id;
};

/* On its way. */
struct query {
	TAILQ_ENTRY(query) order;
	struct query *next; /* with the same key, of another server */
	struct query_key key;
	struct holder by;
	struct hl_rec_dns r; /* as far as it is known */
	uint64_t lost;       /* messages, before it was sent */
	uint64_t alive_at;   /* when its socket was seen to be there last */
	bool spare;          /* another server has answered */
	bool missed;         /* its socket was not seen at the last look: one may be passed over */
	char *name;
};
TAILQ_HEAD(queries, query);

struct stream_key {
	uint64_t cookie, sent;
};

/* One way of a TCP connection. */
struct stream {
	struct dns_stream s;
	uint64_t transfer; /* number of the query whose answer is many messages, + 1; 0: none is */
	uint64_t used;     /* when it was fed last, and by whom */
	struct holder by;
};

struct asked_key {
	uint64_t start, question;
	uint64_t tid;
};

struct asked {
	uint64_t last;
	uint16_t times;
};

struct dns_state {
	struct queries open; /* in the order of their sending */
	size_t nr_open;
	struct hash *by_key, *streams, *asked, *alive;
	uint64_t delivered, damaged, unpaired, over;
	uint64_t looked; /* when was looked for sockets that are gone */
};

/* What becomes of a message: the worst of those that a call brought counts. */
enum verdict { TAKEN, UNPAIRED, OVER, DAMAGED };

void kdns_init(struct live *l)
{
	struct dns_state *d = l->dns.state = xcalloc(1, sizeof(*d));

	TAILQ_INIT(&d->open);
	d->by_key = hash_new(sizeof(struct query_key));
	d->streams = hash_new(sizeof(struct stream_key));
	d->asked = hash_new(sizeof(struct asked_key));
	d->alive = hash_new(sizeof(uint64_t));
}

static void empty(struct hash **h, size_t key_size)
{
	void *v;

	for (size_t i = 0; (v = hash_next(*h, &i, NULL));)
		free(v);
	hash_free(*h);
	*h = hash_new(key_size);
}

static void query_drop(struct dns_state *d, struct query *q)
{
	struct query *first = hash_get(d->by_key, &q->key), *before;

	TAILQ_REMOVE(&d->open, q, order);
	d->nr_open--;
	if (first == q && q->next)
		hash_put(d->by_key, &q->key, q->next);
	else if (first == q)
		hash_del(d->by_key, &q->key);
	for (before = first; before != q; before = before->next)
		if (before->next == q) {
			before->next = q->next;
			break;
		}
	free(q->name);
	free(q);
}

void kdns_fini(struct live *l)
{
	struct dns_state *d = l->dns.state;

	if (!d)
		return;
	while (!TAILQ_EMPTY(&d->open))
		query_drop(d, TAILQ_FIRST(&d->open));
	empty(&d->streams, sizeof(struct stream_key));
	empty(&d->asked, sizeof(struct asked_key));
	hash_free(d->by_key);
	hash_free(d->streams);
	hash_free(d->asked);
	hash_free(d->alive);
	free(d);
	l->dns.state = NULL;
}

void dns_prepare(struct live *l, struct part *p)
{
	parts_room(l, p, HL_MAX_DNS);
}

uint64_t kdns_counts(const struct live *l, uint64_t *lost)
{
	const struct dns_state *d = l->dns.state;

	lost[HL_LOSS_DAMAGED] = d->damaged;
	lost[HL_LOSS_UNPAIRED] = d->unpaired;
	lost[HL_LOSS_MAP_FULL] += d->over;
	return d->delivered;
}

/* ---- a query is over ---------------------------------------------------------------------- */

#define X(id, NAME, key) [id] = (key),
static const char *const ends[NR_HL_DNS_ENDS] = { HL_DNS_ENDS(X) };
#undef X

/* The same among what is slow, or is in progress. */
static void send_slow(struct live *l, const struct query *q, unsigned int kind, const struct hl_rec_dns *d)
{
	char buf[DNS_WORD_LEN];
	bool answered = d->end == HL_DNS_ANSWERED;
	struct hl_rec_slow r = {
		.h = { .kind = (__u16)kind, .ts = d->h.ts, .pid = d->h.pid, .tid = d->h.tid },
		.proc_start = d->proc_start,
		.begin_ns = d->begin_ns,
		.duration_ns = d->duration_ns,
		.op = HL_OP_DNS,
		.nr = d->type,
		.state = HL_STATE_NETWORK,
		.detail = HL_DETAIL_NAME,
		.flags = HL_SLOW_NO_RESULT | (d->flags & HL_DNS_LEAST ? HL_SLOW_LOWER_BOUND : 0),
		.family = d->family,
		.protocol = d->protocol,
		.remote_port = d->server_port,
	};

	r.state_ns[HL_STATE_NETWORK] = d->duration_ns;
	memcpy(r.remote_addr, d->server_addr, sizeof(r.remote_addr));
	slow_send_named(l, &r, q->name,
			kind == HL_KIND_NOW ? ""
			: answered          ? dns_rcode_name(d->rcode, buf)
					    : ends[d->end]);
}

static void send_record(struct live *l, const struct query *q, const struct dns_msg *m)
{
	struct hl_rec_dns *r;

	if (q->r.h.pid)
		life_meet(l, q->r.h.pid, q->r.proc_start);
	r = LIVE_BEGIN(l, DNS, dns);
	*r = q->r;
	for (size_t i = 0; m && i < m->nr_addrs; i++) {
		struct hl_dns_addr a = { .family = m->addrs[i].family };

		memcpy(a.addr, m->addrs[i].addr, sizeof(a.addr));
		rec_add_bytes(&l->buf, &a, sizeof(a));
		r->nr_addrs++;
	}
	rec_add_str(&l->buf, q->name);
	live_emit(l);
	if (q->r.duration_ns >= l->cfg.slow_ns)
		send_slow(l, q, HL_KIND_SLOW, &q->r);
}

/* Messages that nobody here has seen. */
static uint64_t lost_so_far(const struct live *l)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < l->kcfg.nr_cpus; i++) {
		const struct hl_cpu *c = &l->sh.cpus[i];

		n += __atomic_load_n(&c->dns_lost, __ATOMIC_RELAXED) +
		     __atomic_load_n(&c->dns_unreadable, __ATOMIC_RELAXED) +
		     __atomic_load_n(&c->dns_full, __ATOMIC_RELAXED);
	}
	return n;
}

static void over(struct live *l, struct query *q, enum hl_dns_end end, uint64_t when, const struct dns_msg *m)
{
	bool in_vain = end == HL_DNS_TIMED_OUT || end == HL_DNS_CLOSED;
	uint64_t until = end == HL_DNS_CLOSED ? q->alive_at : when;

	q->r.h.kind = HL_KIND_DNS;
	q->r.h.ts = when;
	q->r.duration_ns = until > q->r.begin_ns ? until - q->r.begin_ns : 0;
	q->r.flags |= in_vain || end == HL_DNS_OPEN ? HL_DNS_LEAST : 0;
	q->r.end = !in_vain                    ? end
		   : q->spare                  ? HL_DNS_SPARED
		   : lost_so_far(l) != q->lost ? HL_DNS_UNTOLD
					       : end;
	send_record(l, q, m);
	query_drop(l->dns.state, q);
}

/* ---- who asked the same before ------------------------------------------------------------- */

static struct asked_key asked_key(const struct hl_rec_dns *r, uint64_t question)
{
	return (struct asked_key){ r->proc_start, question, r->h.tid };
}

/* Those that are too long ago to be the same attempt. */
static void forget_asked(struct dns_state *d, uint64_t now)
{
	VEC(struct asked_key) old = {};
	const void *key;
	struct asked *a;

	for (size_t i = 0; (a = hash_next(d->asked, &i, &key));)
		if (now > a->last + PATIENCE)
			*vec_add(&old) = *(const struct asked_key *)key;
	for (size_t i = 0; i < old.n; i++)
		free(hash_del(d->asked, &old.v[i]));
	vec_free(&old);
}

/* How often that thread has asked this, since it last got an answer. */
static uint16_t asks_again(struct dns_state *d, const struct hl_rec_dns *r, uint64_t question)
{
	struct asked_key key = asked_key(r, question);
	struct asked *a = hash_get(d->asked, &key);

	if (a && r->begin_ns <= a->last + PATIENCE) {
		a->last = r->begin_ns;
		return ++a->times;
	}
	if (!a && hash_count(d->asked) >= MAX_ASKED)
		return 0;
	if (!a) {
		a = xcalloc(1, sizeof(*a));
		hash_put(d->asked, &key, a);
	}
	*a = (struct asked){ .last = r->begin_ns };
	return 0;
}

static void has_answer(struct dns_state *d, const struct query *q)
{
	struct asked_key key = asked_key(&q->r, q->key.question);

	free(hash_del(d->asked, &key));
}

/* ---- messages ------------------------------------------------------------------------------- */

/* Behind those that have the same key, but for one of the same server, which is asked again. */
static void query_add(struct live *l, struct query *q)
{
	struct dns_state *d = l->dns.state;
	struct query *p, *next;

	for (p = hash_get(d->by_key, &q->key); p; p = next) {
		next = p->next;
		if (!memcmp(p->r.server_addr, q->r.server_addr, sizeof(p->r.server_addr)))
			over(l, p, HL_DNS_AGAIN, q->r.begin_ns, NULL);
	}
	for (p = hash_get(d->by_key, &q->key); p && p->next;)
		p = p->next;
	if (p)
		p->next = q;
	else
		hash_put(d->by_key, &q->key, q);
	TAILQ_INSERT_TAIL(&d->open, q, order);
	d->nr_open++;
}

static struct holder holder_of(const struct hl_dns_raw *raw)
{
	return (struct holder){ raw->h.pid, raw->h.tid, raw->fd };
}

static enum verdict asks(struct live *l, const struct hl_dns_raw *raw, const struct dns_msg *m)
{
	struct dns_state *d = l->dns.state;
	struct query *q;

	if (d->nr_open >= MAX_OPEN) {
		query_drop(d, TAILQ_FIRST(&d->open));
		d->over++;
		d->delivered--;
	}
	q = xcalloc(1, sizeof(*q));
	q->key = (struct query_key){ raw->cookie, m->question, m->id };
	q->by = holder_of(raw);
	q->alive_at = raw->h.ts;
	q->r = (struct hl_rec_dns){
		.h = { .pid = raw->h.pid, .tid = raw->h.tid },
		.proc_start = raw->proc_start,
		.begin_ns = raw->h.ts,
		.server_port = raw->port,
		.type = m->type,
		.family = raw->family,
		.protocol = raw->protocol,
	};
	memcpy(q->r.server_addr, raw->server, sizeof(q->r.server_addr));
	q->name = xstrdup(m->name);
	q->lost = lost_so_far(l);
	q->r.retries = asks_again(d, &q->r, m->question);
	query_add(l, q);
	return TAKEN;
}

/* Of any question, where the answer does not repeat it. */
static struct query *query_of(const struct dns_state *d, uint64_t cookie, const struct dns_msg *m)
{
	struct query_key key = { cookie, m->question, m->id };
	struct query *q;

	if (m->asks)
		return hash_get(d->by_key, &key);
	TAILQ_FOREACH(q, &d->open, order)
	if (q->key.cookie == cookie && q->key.id == m->id)
		return q;
	return NULL;
}

static enum verdict answers(struct live *l, const struct hl_dns_raw *raw, const struct dns_msg *m,
			    struct stream *s)
{
	struct dns_state *d = l->dns.state;
	struct query *q = query_of(d, raw->cookie, m);

	if (!q) /* more of a zone transfer, or nobody had asked */
		return s && s->transfer == m->id + 1ull ? TAKEN : UNPAIRED;
	q->r.rcode = m->rcode;
	q->r.flags |= m->truncated ? HL_DNS_TRUNCATED : 0;
	if (s)
		s->transfer = q->r.type == DNS_TYPE_AXFR || q->r.type == DNS_TYPE_IXFR ? m->id + 1ull : 0;
	has_answer(d, q);
	for (struct query *p = hash_get(d->by_key, &q->key); p; p = p->next)
		p->spare = p != q;
	over(l, q, HL_DNS_ANSWERED, raw->h.ts, m);
	return TAKEN;
}

/* What a server sends, or is asked, is not looked at. */
static enum verdict message(struct live *l, const struct hl_dns_raw *raw, const uint8_t *p, size_t n,
			    size_t whole, struct stream *s)
{
	bool sent = raw->flags & HL_DNS_SENT;
	struct dns_msg m;

	if (!dns_parse(&m, p, n, whole))
		return DAMAGED;
	if (m.answer == sent)
		return TAKEN;
	return sent ? asks(l, raw, &m) : answers(l, raw, &m, s);
}

/* Nobody listens there: of those over this socket the oldest, for they fail one by one. */
static enum verdict refused(struct live *l, const struct hl_dns_raw *raw)
{
	struct query *q;

	TAILQ_FOREACH(q, &l->dns.state->open, order)
	if (q->key.cookie == raw->cookie)
		break;
	if (q)
		over(l, q, HL_DNS_REFUSED, raw->h.ts, NULL);
	return q ? TAKEN : UNPAIRED;
}

/* ---- TCP --------------------------------------------------------------------------------------- */

static struct stream *stream_get(struct dns_state *d, const struct hl_dns_raw *raw)
{
	struct stream_key key = { raw->cookie, raw->flags & HL_DNS_SENT };
	struct stream *s = hash_get(d->streams, &key);

	if (s || hash_count(d->streams) >= 2 * MAX_STREAMS)
		return s;
	s = xcalloc(1, sizeof(*s));
	hash_put(d->streams, &key, s);
	return s;
}

struct stream_of {
	struct live *l;
	const struct hl_dns_raw *raw;
	struct stream *s;
	enum verdict worst;
};

static void on_message(void *arg, const uint8_t *p, size_t n, size_t whole)
{
	struct stream_of *of = arg;
	enum verdict v = message(of->l, of->raw, p, n, whole, of->s);

	of->worst = MAX(of->worst, v);
}

static enum verdict stream_call(struct live *l, const struct hl_dns_raw *raw)
{
	struct stream_of of = { l, raw, stream_get(l->dns.state, raw), TAKEN };

	if (!of.s)
		return OVER;
	of.s->used = raw->h.ts;
	of.s->by = holder_of(raw);
	return dns_stream_feed(&of.s->s, raw->data, raw->bytes, (size_t)raw->result, on_message, &of)
		       ? of.worst
		       : DAMAGED;
}

/* ---- what comes ---------------------------------------------------------------------------------- */

void dns_record(struct live *l, const struct hl_rec *rec, size_t n)
{
	const struct hl_dns_raw *raw = (const void *)rec;
	struct dns_state *d = l->dns.state;
	uint64_t *counts[] = {
		[TAKEN] = &d->delivered, [UNPAIRED] = &d->unpaired, [OVER] = &d->over, [DAMAGED] = &d->damaged
	};
	enum verdict v;

	if (n < HL_DNS_RAW_HEAD || raw->bytes > n - HL_DNS_RAW_HEAD || raw->bytes > HL_DNS_LONG)
		v = DAMAGED;
	else if (raw->result < 0)
		v = refused(l, raw);
	else if (raw->protocol == IPPROTO_TCP)
		v = stream_call(l, raw);
	else
		v = message(l, raw, raw->data, raw->bytes, (size_t)raw->result, NULL);
	++*counts[v];
}

/* ---- time goes by --------------------------------------------------------------------------------- */

static bool works(const struct live *l)
{
	return l->parts[PART_DNS].obj.bpf;
}

static void on_alive(struct live *l, const void *item)
{
	const struct hl_dns_alive *a = item;

	hash_put(l->dns.state->alive, &a->cookie, l);
}

/* The descriptor still leads to the socket whose inode has that number. */
static bool holds(uint32_t task, uint32_t fd, uint64_t inode)
{
	char path[48], name[48], want[48];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/fd/%u", task, fd);
	n = readlink(path, name, sizeof(name) - 1);
	if (n <= 0)
		return false;
	name[n] = '\0';
	snprintf(want, sizeof(want), "socket:[%llu]", (unsigned long long)inode);
	return !strcmp(name, want);
}

static void look_for(struct dns_state *d, const struct holder *by, uint64_t cookie)
{
	/* the one that a process is called by may have ended before the others, or have descriptors of its
	 * own */
	if (!hash_get(d->alive, &cookie) &&
	    (holds(by->tid, by->fd, cookie) || holds(by->pid, by->fd, cookie)))
		hash_put(d->alive, &cookie, d);
}

/* Those over which something is asked, where the kernel side knows them by their inodes only. */
static bool look_at_holders(struct dns_state *d)
{
	const void *key;
	const struct stream *s;
	const struct query *q;

	TAILQ_FOREACH(q, &d->open, order)
	look_for(d, &q->by, q->key.cookie);
	for (size_t i = 0; (s = hash_next(d->streams, &i, &key));)
		look_for(d, &s->by, ((const struct stream_key *)key)->cookie);
	return true;
}

/* Sockets that are gone take what was sent over them along, but what came in before is in the ring. */
static bool look_alive(struct live *l)
{
	struct dns_state *d = l->dns.state;

	hash_free(d->alive);
	d->alive = hash_new(sizeof(uint64_t));
	if (!(l->kcfg.flags & HL_CFG_SOCK_TP))
		return look_at_holders(d);
	return !object_iterate_map(&l->parts[PART_DNS].obj, "hl_dns_alive", "dns_socks",
				   sizeof(struct hl_dns_alive), on_alive, l);
}

static void drop_streams(struct dns_state *d, uint64_t looked)
{
	VEC(struct stream_key) old = {};
	const void *key;
	const struct stream *s;

	for (size_t i = 0; (s = hash_next(d->streams, &i, &key));)
		if (s->used + LOOK_EVERY < looked &&
		    !hash_get(d->alive, &((const struct stream_key *)key)->cookie))
			*vec_add(&old) = *(const struct stream_key *)key;
	for (size_t i = 0; i < old.n; i++)
		free(hash_del(d->streams, &old.v[i]));
	vec_free(&old);
}

static void drop_closed(struct live *l, uint64_t looked)
{
	struct dns_state *d = l->dns.state;

	for (struct query *q = TAILQ_FIRST(&d->open), *next; q; q = next) {
		next = TAILQ_NEXT(q, order);
		if (hash_get(d->alive, &q->key.cookie)) {
			q->alive_at = MAX(looked, q->r.begin_ns);
			q->missed = false;
		} else if (q->missed) {
			over(l, q, HL_DNS_CLOSED, looked, NULL);
		} else {
			q->missed = q->r.begin_ns < looked;
		}
	}
}

/* What will not be answered any more. */
static void look(struct live *l, uint64_t now)
{
	struct dns_state *d = l->dns.state;
	struct query *q;

	d->looked = now;
	if (look_alive(l)) {
		ring_drain(l);
		drop_closed(l, now);
		drop_streams(d, now);
	}
	while ((q = TAILQ_FIRST(&d->open)) && now > q->r.begin_ns + PATIENCE)
		over(l, q, HL_DNS_TIMED_OUT, now, NULL);
}

static void tell_open(struct live *l)
{
	uint64_t now = clock_boot_ns();
	struct query *q;

	TAILQ_FOREACH(q, &l->dns.state->open, order)
	{
		struct hl_rec_dns r = q->r;

		r.h.ts = now;
		r.duration_ns = now > r.begin_ns ? now - r.begin_ns : 0;
		r.end = HL_DNS_OPEN;
		if (r.duration_ns >= l->cfg.slow_ns)
			send_slow(l, q, HL_KIND_NOW, &r);
	}
}

/* Nobody looks from now on. */
static void end_all(struct live *l)
{
	struct dns_state *d = l->dns.state;

	while (!TAILQ_EMPTY(&d->open))
		over(l, TAILQ_FIRST(&d->open), HL_DNS_OPEN, clock_boot_ns(), NULL);
	empty(&d->streams, sizeof(struct stream_key));
	empty(&d->asked, sizeof(struct asked_key));
}

void dns_refresh(struct live *l, bool final)
{
	uint64_t now = clock_boot_ns();

	if (!works(l) || !l->dns.ever)
		return;
	look(l, now);
	forget_asked(l->dns.state, now);
	if (final)
		end_all(l);
	else
		tell_open(l);
}

void dns_drain(struct live *l)
{
	struct query *q = TAILQ_FIRST(&l->dns.state->open);
	uint64_t now = q ? clock_boot_ns() : 0;

	if (q && now > q->r.begin_ns + LOOK_EVERY && now > l->dns.state->looked + LOOK_EVERY)
		look(l, now);
}

void live_set_dns(struct live *l, bool on)
{
	on |= l->dns.always;
	if (l->dns.on == on)
		return;
	l->dns.on = on;
	l->dns.ever |= on;
	if (!l->nr_links) /* live_start does it */
		return;
	parts_switch(l, FOR_DNS, on);
	if (on)
		return;
	ring_drain(l);
	end_all(l);
}
