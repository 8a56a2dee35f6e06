/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The history of connections, from records to rows: what each look brought, how long a look is of, and which
 * histories go when there are too many. */
#include <string.h>

#include "tests/unit/model_util.h"

static struct hl_rec_conn conn(uint64_t cookie, uint64_t sent)
{
	return (struct hl_rec_conn){
		.h = { .pid = 10 },
		.cookie = cookie,
		.opened = SEC / 2,
		.role = HL_ROLE_OPENED,
		.state = HL_TCP_STATE_ESTABLISHED,
		.local_addr = { 10, 0, 0, 1 },
		.remote_addr = { 10, 0, 0, 7 },
		.local_port = (uint16_t)(40000 + cookie),
		.remote_port = 5432,
		.bytes_sent = sent,
		.segments_sent = 1,
		.srtt_us = 300,
	};
}

static const struct history_row *slice(const struct snap *s, uint64_t cookie, size_t index)
{
	const struct snap_table *t = snap_table(s, "connection_history");

	for (size_t i = 0; i < t->n; i++) {
		const struct history_row *r = snap_row(t, i);

		if (r->cookie == cookie && !index--)
			return r;
	}
	return NULL;
}

static const struct conn_row *row(const struct snap *s, uint64_t cookie)
{
	const struct snap_table *t = snap_table(s, "connections");

	for (size_t i = 0; i < t->n; i++) {
		const struct conn_row *r = snap_row(t, i);

		if (r->cookie == cookie)
			return r;
	}
	return NULL;
}

/* What moved has a row, what did not has none; what nobody looked at belongs to the next look. */
void test_history_looks(void)
{
	struct feed *f = feed_new(NULL, NULL);
	uint64_t begin = f->ts, second;
	const struct history_row *r;
	struct hl_rec_conn c = conn(1, 1000);
	const struct snap *s;

	feed_process(f, 10, "client", 0);
	f->looked = HL_LOOKED_CONNS;
	c.opened = f->ts;
	feed_conn(f, c);
	feed_tick(f, SEC);
	feed_tick(f, SEC); /* looked at, and idle */
	second = f->ts;
	f->looked = 0;
	feed_tick(f, SEC); /* not looked at */
	f->looked = HL_LOOKED_CONNS;
	c.bytes_sent = 4000;
	c.retransmits = 2;
	c.srtt_us = 500;
	c.send_queue = 70;
	feed_conn(f, c);
	s = feed_tick(f, SEC);
	r = slice(s, 1, 0);
	ASSERT(r && r->sums.bytes_sent == 1000 && r->begin_ns == begin && r->duration_ns == SEC);
	ASSERT_EQ(r->real_ns, REAL + begin + SEC);
	ASSERT_EQ(r->srtt_ns, 300000);
	r = slice(s, 1, 1);
	ASSERT(r && r->sums.bytes_sent == 3000 && r->sums.retransmits == 2 && r->send_queue == 70);
	ASSERT(r->begin_ns == second && r->duration_ns == 2 * SEC && r->srtt_ns == 500000);
	ASSERT(!slice(s, 1, 2));
	ASSERT(row(s, 1)->history_from == begin && row(s, 1)->history_to == f->ts);
	c.ended = f->ts + SEC / 4;
	c.end = HL_END_CLOSED;
	c.bytes_sent = 4500;
	feed_conn(f, c);
	s = feed_tick(f, SEC);
	r = slice(s, 1, 2);
	ASSERT(r && r->sums.bytes_sent == 500 && r->duration_ns == SEC / 4 && !r->send_queue);
	feed_free(f);
}

/* Of one that was there before only what came since; exchanges only where somebody counted. */
void test_history_exchanges(void)
{
	struct feed *f = feed_new(NULL, NULL);
	struct hl_rec_conn old = conn(1, 5000);
	const struct history_row *r;
	const struct snap *s;

	feed_process(f, 10, "client", 0);
	f->looked = HL_LOOKED_CONNS;
	old.flags = HL_CONN_EXISTED;
	old.opened = f->ts;
	feed_conn(f, old);
	s = feed_tick(f, SEC);
	ASSERT(!slice(s, 1, 0));
	old.bytes_sent = 5100;
	feed_conn(f, old);
	s = feed_tick(f, SEC);
	r = slice(s, 1, 0);
	ASSERT(r && r->sums.bytes_sent == 100 && !r->knows_exchanges);
	f->looked |= HL_LOOKED_EXCHANGES;
	for (uint64_t i = 1; i <= 2; i++) {
		old.bytes_sent += 100;
		feed_conn(f, old);
		feed_conn_exchanges(f, 1, old.opened, 3 * i, i * 30 * MS);
		s = feed_tick(f, SEC);
	}
	r = slice(s, 1, 2);
	ASSERT(r && r->knows_exchanges && r->exchanges == 3 && r->exchange_ns == 30 * MS);
	feed_free(f);
}

/* No more than so many slices are kept: histories with least traffic go, and say so. */
void test_history_bounded(void)
{
	struct model_limits limits = { .max_history = 400 };
	struct feed *f = feed_new(&limits, NULL);
	const struct snap *s = NULL;
	struct hl_rec_conn c;
	size_t kept = 0;

	feed_process(f, 10, "client", 0);
	f->looked = HL_LOOKED_CONNS;
	for (uint64_t t = 1; t <= 200; t++) {
		for (uint64_t i = 1; i <= 10; i++) {
			c = conn(i, t * i * 100);
			c.opened = 5 * SEC;
			feed_conn(f, c);
		}
		s = feed_tick(f, SEC);
		ASSERT(snap_table(s, "connection_history")->n <= 400);
	}
	for (uint64_t i = 1; i <= 10; i++)
		kept += row(s, i)->history_from <= f->ts - HEAT_SLICES * SEC;
	ASSERT(kept >= 1 && kept <= 3);
	ASSERT(row(s, 10)->history_from <= f->ts - HEAT_SLICES * SEC);
	for (size_t i = 0; i < HEAT_SLICES; i++)
		ASSERT(slice(s, 10, i) && slice(s, 10, i)->sums.bytes_sent == 1000);
	ASSERT(!slice(s, 10, HEAT_SLICES));
	ASSERT(row(s, 1)->history_from > f->ts - HEAT_SLICES * SEC);
	feed_free(f);
}
