/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Exchanges: rows by role, port and peer; what was never answered, what was read late; for whom slow ones
 * waited; the sums of connections. */
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"
#include "tests/unit/model_util.h"

static const struct exchange_row *row_of(const struct snap *s, uint32_t pid, uint8_t role, uint16_t port)
{
	const struct snap_table *t = snap_table(s, "exchanges");

	for (size_t i = 0; i < t->n; i++) {
		const struct exchange_row *r = snap_row(t, i);

		if (r->sum.pid == pid && r->role == role && r->port == port)
			return r;
	}
	return NULL;
}

static uint64_t number(const struct snap *s, const void *row, const char *name)
{
	struct val v = field_get(table_field(snap_table(s, "exchanges")->desc, name), row);

	return v.type == VAL_U64 ? v.u : UINT64_MAX;
}

void test_exchanges_rows(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct exchange_row *r;
	const struct snap *s;

	feed_process(f, 10, "server", 0);
	feed_exchange(f, (struct feed_exchange){ 10, HL_ROLE_ACCEPTED, 0, 80, 0, 3, 20 * MS, 1, false });
	feed_exchange(f, (struct feed_exchange){ 10, HL_ROLE_ACCEPTED, 0, 81, 0, 1, MS, 0, true });
	feed_exchange(f, (struct feed_exchange){ 10, HL_ROLE_OPENED, 0, 5432, 5, 2, 9 * MS, 0, false });
	feed_exchange(f, (struct feed_exchange){ 10, HL_ROLE_OPENED, 0, 5432, 6, 4, 9 * MS, 0, false });
	feed_exchange(f, (struct feed_exchange){ 10, HL_ROLE_ACCEPTED, HL_EXCHANGE_READ, 80, 0, 7, 2 * MS, 0,
						 false });
	s = feed_tick(f, SEC);
	ASSERT_EQ(snap_table(s, "exchanges")->n, 4);
	ASSERT_EQ(snap_table(s, "operations")->n, 0);
	ASSERT_EQ(snap_table(s, "locks")->n, 0);
	r = row_of(s, 10, HL_ROLE_ACCEPTED, 80);
	if (!ASSERT(r != NULL))
		return;
	ASSERT_EQ(r->sum.count, 3);
	ASSERT_EQ(r->sum.errors, 1);
	ASSERT_EQ(r->sum.total_ns, 60 * MS);
	ASSERT_EQ(r->reads.count, 7);
	ASSERT_EQ(r->read_ns, 14 * MS);
	ASSERT_STR(r->sum.name, "answer");
	ASSERT(!r->remote);
	ASSERT_EQ(number(s, r, "unknown_ns"), 0);
	ASSERT_EQ(number(s, r, "interval.reads"), 7);
	ASSERT(number(s, r, "read_p99_ns") >= 2 * MS);
	ASSERT_EQ(number(s, row_of(s, 10, HL_ROLE_ACCEPTED, 81), "unknown_ns"), MS);
	ASSERT_EQ(number(s, row_of(s, 10, HL_ROLE_ACCEPTED, 81), "read_p99_ns"), UINT64_MAX);
	r = row_of(s, 10, HL_ROLE_OPENED, 5432);
	ASSERT_STR(r->sum.name, "request");
	ASSERT(r->remote && !strncmp(r->remote, "10.0.0.", 7));
	s = feed_tick(f, SEC);
	r = row_of(s, 10, HL_ROLE_ACCEPTED, 80);
	ASSERT_EQ(r->sum.ivl_count, 0);
	ASSERT_EQ(r->sum.ivl_errors, 0);
	ASSERT_EQ(number(s, r, "interval.reads"), 0);
	ASSERT_EQ(number(s, r, "reads"), 7);
	feed_free(f);
}

/* Of the whole service: its peers added up. */
void test_exchanges_grouped(void)
{
	struct feed *f = feed_new(NULL, NULL);
	struct query q = { .group = GROUP_COMM, .total = true };
	struct query_result res;
	const struct exchange_row *r;
	const struct snap *s;

	feed_process(f, 10, "server", 0);
	feed_process(f, 11, "server", 0);
	for (uint8_t i = 0; i < 4; i++)
		feed_exchange(f, (struct feed_exchange){ 10 + i % 2, HL_ROLE_OPENED, 0, 5432, i, 2, 9 * MS, 1,
							 false });
	feed_exchange(f, (struct feed_exchange){ 10, HL_ROLE_ACCEPTED, 0, 80, 0, 1, MS, 0, false });
	s = feed_tick(f, SEC);
	query_run(&res, s, snap_table(s, "exchanges"), &q);
	ASSERT_EQ(res.n, 2);
	r = res.rows[0];
	ASSERT_EQ(r->sum.count, 8);
	ASSERT_EQ(r->sum.errors, 4);
	ASSERT_EQ(r->sum.hist.count, 8);
	ASSERT_EQ(r->port, 5432);
	ASSERT(!r->remote);
	query_free(&res);
	feed_free(f);
}

/* What has no room is "(other)", and nothing of it is lost. */
void test_exchanges_without_room(void)
{
	struct feed *f = feed_new(&(struct model_limits){ .max_ops = 16 }, NULL);
	const struct snap_table *t;
	uint64_t count = 0, unanswered = 0, reads = 0;

	feed_process(f, 10, "server", 0);
	for (uint8_t i = 0; i < 200; i++) {
		feed_exchange(f, (struct feed_exchange){ 10, HL_ROLE_OPENED, 0, 80, i, 2, 9 * MS, 1, false });
		feed_exchange(f, (struct feed_exchange){ 10, HL_ROLE_OPENED, HL_EXCHANGE_READ, 80, i, 1, MS,
							 0, false });
	}
	feed_exchange(f, (struct feed_exchange){ 0, 0, 0, 0, 0, 5, MS, 0, false });
	t = snap_table(feed_tick(f, SEC), "exchanges");
	ASSERT(t->n <= 18);
	for (size_t i = 0; i < t->n; i++) {
		const struct exchange_row *r = snap_row(t, i);

		count += r->sum.count;
		unanswered += r->sum.errors;
		reads += r->reads.count;
	}
	ASSERT_EQ(count, 405);
	ASSERT_EQ(unanswered, 200);
	ASSERT_EQ(reads, 200);
	feed_free(f);
}

static struct feed_slow slow_answer(uint32_t tid, uint32_t peers)
{
	return (struct feed_slow){ .pid = 10,
				   .tid = tid,
				   .op = HL_OP_EXCHANGE,
				   .nr = HL_EXCHANGE_ANSWER,
				   .state = peers ? HL_STATE_NETWORK : HL_STATE_OTHER,
				   .detail = HL_DETAIL_PEER,
				   .begin = SEC,
				   .duration = 48 * MS,
				   .unknown = !peers,
				   .peers = peers };
}

void test_exchanges_slow(void)
{
	static const struct hl_peer_ns two[] = {
		{ .ns = 30 * MS, .addr = { 10, 0, 0, 5 }, .port = 5432, .family = AF_INET },
		{ .ns = 10 * MS, .addr = { 10, 0, 0, 6 }, .port = 6379, .family = AF_INET },
	};
	struct feed *f = feed_new(NULL, NULL);
	const struct slow_row *r, *unknown;
	const struct table_desc *d;
	const struct snap *s;
	struct str text = {};
	struct val v;

	feed_process(f, 10, "server", 0);
	feed_peers(f, 1, two, ARRAY_SIZE(two)); /* whose exchange does not come */
	feed_peers(f, 7, two, ARRAY_SIZE(two));
	feed_slow(f, slow_answer(11, 7));
	feed_slow(f, slow_answer(12, 0));
	s = feed_tick(f, SEC);
	d = snap_table(s, "slow")->desc;
	ASSERT_EQ(snap_table(s, "slow")->n, 2);
	unknown = snap_row(snap_table(s, "slow"), 0);
	r = snap_row(snap_table(s, "slow"), 1);
	ASSERT_STR(r->name, "answer");
	ASSERT(!d->hidden(r) && !d->hidden(unknown));
	if (!ASSERT(r->peers && r->peers->n == 2 && !unknown->peers))
		return;
	ASSERT_STR(r->peers->v[0].remote, "10.0.0.5:5432");
	ASSERT_EQ(r->peers->v[0].ns, 30 * MS);
	ASSERT_EQ(r->peers->of_ns, 48 * MS);
	v = field_get(table_field(d, "peers"), r);
	val_text(&text, table_field(d, "peers"), &v, true);
	ASSERT_STR(str_get(&text), "10.0.0.5:5432 30.0ms, 10.0.0.6:6379 10.0ms");
	v = field_get(table_field(d, "main_state"), unknown);
	ASSERT(val_is_none(&v)); /* nobody knows */
	v = field_get(table_field(d, "main_state"), r);
	ASSERT_STR(v.s, "network");
	str_free(&text);
	feed_free(f);
}

void test_exchanges_of_connections(void)
{
	struct feed *f = feed_new(NULL, NULL);
	struct recbuf b = {};
	struct hl_rec_conn *c = rec_begin(&b, HL_KIND_CONN, sizeof(*c));
	struct hl_rec_conn_exchanges *x;
	const struct conn_row *r;

	feed_process(f, 10, "server", 0);
	c->h.ts = c->seen = f->ts;
	c->h.pid = 10;
	c->proc_start = 100;
	c->cookie = 5;
	c->opened = 70;
	c->role = HL_ROLE_ACCEPTED;
	c->state = HL_TCP_STATE_ESTABLISHED;
	feed_rec(f, rec_end(&b));
	for (uint64_t opened = 70; opened < 72; opened++) { /* and of one that is not there */
		recbuf_reset(&b);
		x = rec_begin(&b, HL_KIND_CONN_EXCHANGES, sizeof(*x));
		x->cookie = 5;
		x->opened = opened;
		x->count = opened - 66;
		x->total_ns = 40 * MS;
		x->max_ns = 20 * MS;
		x->unanswered = 1;
		ASSERT_EQ(feed_rec(f, rec_end(&b)), 0);
	}
	r = snap_row(snap_table(feed_tick(f, SEC), "connections"), 0);
	ASSERT_EQ(r->exchanges, 4);
	ASSERT_EQ(r->exchange_ns, 40 * MS);
	ASSERT_EQ(r->exchange_max_ns, 20 * MS);
	ASSERT_EQ(r->unanswered, 1);
	recbuf_free(&b);
	feed_free(f);
}
