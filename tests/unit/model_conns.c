/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* TCP connections, from records to rows: intervals, peers, what had no room, listeners and who waits there.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/model_util.h"

#define ADDR(a, b, c, d)                                                                                     \
	{                                                                                                    \
		(a), (b), (c), (d)                                                                           \
	}

static struct hl_rec_conn conn(uint32_t pid, uint64_t cookie, uint8_t host, uint64_t sent)
{
	return (struct hl_rec_conn){
		.h = { .pid = pid },
		.cookie = cookie,
		.opened = 5 * SEC,
		.role = HL_ROLE_OPENED,
		.state = HL_TCP_STATE_ESTABLISHED,
		.local_addr = ADDR(10, 0, 0, 1),
		.remote_addr = ADDR(10, 0, 0, host),
		.local_port = (uint16_t)(40000 + cookie),
		.remote_port = 5432,
		.bytes_sent = sent,
		.segments_sent = 1,
		.connect_ns = 2 * MS,
		.srtt_us = 300,
		.min_rtt_us = 200,
	};
}

static const void *find(const struct snap *s, const char *table, const char *field, const char *want,
			size_t *n)
{
	const struct snap_table *t = snap_table(s, table);
	const struct field *f = table_field(t->desc, field);
	const void *found = NULL;

	*n = 0;
	for (size_t i = 0; i < t->n; i++) {
		struct val v = field_get(f, snap_row(t, i));

		if (v.type != VAL_STR || strcmp(v.s, want))
			continue;
		++*n;
		found = snap_row(t, i);
	}
	return found;
}

static const struct peer_row *peer(const struct snap *s, const char *remote)
{
	size_t n;

	return find(s, "peers", "remote", remote, &n);
}

/* Figures are absolute, intervals what was added; of one that was there before only what came since. */
void test_conns_intervals(void)
{
	struct feed *f = feed_new(NULL, NULL);
	struct hl_rec_conn old = conn(10, 2, 8, 5000);
	const struct conn_row *r;
	const struct snap *s;
	size_t n;

	feed_process(f, 10, "client", 0);
	feed_conn(f, conn(10, 1, 7, 1000));
	old.flags = HL_CONN_EXISTED;
	old.connect_ns = 0;
	feed_conn(f, old);
	s = feed_tick(f, SEC);
	r = find(s, "connections", "remote", "10.0.0.7:5432", &n);
	ASSERT(r && r->total.bytes_sent == 1000 && r->ivl.bytes_sent == 1000 && r->connect_ns == 2 * MS);
	r = find(s, "connections", "remote", "10.0.0.8:5432", &n);
	ASSERT(r && r->total.bytes_sent == 5000 && r->ivl.bytes_sent == 0 && r->existed);
	feed_conn(f, conn(10, 1, 7, 1600));
	old.bytes_sent = 5100;
	feed_conn(f, old);
	s = feed_tick(f, SEC);
	r = find(s, "connections", "remote", "10.0.0.7:5432", &n);
	ASSERT(r && r->total.bytes_sent == 1600 && r->ivl.bytes_sent == 600);
	ASSERT_EQ(peer(s, "10.0.0.8")->total.sums.bytes_sent, 100);
	ASSERT_EQ(peer(s, "10.0.0.8")->total.opened, 0);
	ASSERT_EQ(peer(s, "10.0.0.7")->total.opened, 1);
	ASSERT_EQ(peer(s, "10.0.0.7")->ivl.opened, 0);
	ASSERT_EQ(peer(s, "10.0.0.7")->connect.count, 1);
	feed_free(f);
}

/* Ends, failures, and what came when it had ended. */
void test_conns_ends(void)
{
	struct feed *f = feed_new(NULL, NULL);
	struct hl_rec_conn c = conn(10, 1, 7, 1000), late = conn(10, 1, 7, 0);
	struct hl_rec_conn refused = conn(10, 2, 9, 0);
	const struct conn_row *r;
	const struct snap *s;
	size_t n;

	feed_process(f, 10, "client", 0);
	c.ended = f->ts;
	c.end = HL_END_CLOSED;
	feed_conn(f, c);
	late.flags = HL_CONN_ADDED;
	late.end = HL_END_RESET_SENT;
	late.resets_sent = 1;
	feed_conn(f, late);
	refused.flags = HL_CONN_FAILED;
	refused.ended = f->ts;
	refused.end = HL_END_REFUSED;
	feed_conn(f, refused);
	s = feed_tick(f, SEC);
	r = find(s, "connections", "remote", "10.0.0.7:5432", &n);
	ASSERT(r && r->end == HL_END_RESET_SENT && r->total.resets_sent == 1 && r->total.bytes_sent == 1000);
	ASSERT_EQ(peer(s, "10.0.0.7")->total.ended, 1);
	ASSERT_EQ(peer(s, "10.0.0.7")->open, 0);
	ASSERT_EQ(peer(s, "10.0.0.9")->total.refused, 1);
	ASSERT_EQ(peer(s, "10.0.0.9")->total.opened, 0);
	ASSERT_EQ(peer(s, "10.0.0.9")->total.ended, 0);
	feed_free(f);
}

/* The table is bounded, counts are not: what peers lack of what was counted is (other)'s. */
void test_conns_bounded(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;
	const struct peer_row *other;
	uint64_t opened = 0;
	size_t n;

	feed_process(f, 10, "client", 0);
	for (uint64_t i = 1; i <= 9000; i++) {
		struct hl_rec_conn c = conn(10, i, (uint8_t)(1 + i % 3), 10);

		c.ended = f->ts;
		c.end = HL_END_CLOSED;
		feed_conn(f, c);
	}
	feed_conn_op(f, 10, HL_ROLE_OPENED, 9500, 9500); /* of 500 the record was lost */
	feed_tick(f, SEC);
	s = feed_tick(f, SEC); /* what lacks once may be on its way */
	ASSERT(snap_table(s, "connections")->n <= 4096);
	for (uint8_t host = 1; host <= 3; host++) {
		char text[32];

		snprintf(text, sizeof(text), "10.0.0.%u", host);
		ASSERT_EQ(peer(s, text)->total.ended, 3000);
		ASSERT_EQ(peer(s, text)->total.sums.bytes_sent, 30000);
		opened += peer(s, text)->total.opened;
	}
	ASSERT_EQ(opened, 9000);
	other = find(s, "peers", "remote", "(other)", &n);
	ASSERT(other && other->total.opened == 500 && other->total.ended == 500);
	feed_free(f);
}

/* A listener has how long the first of its own queue waits, whoever else listens at its port. */
void test_conns_accept_queue(void)
{
	struct hl_rec_listen l = {
		.h = { .pid = 10 }, .opened = SEC, .netns = 7, .local_port = 80, .limit = 5
	};
	struct feed *f = feed_new(NULL, NULL);
	const struct listen_row *r;
	const struct snap *s;
	size_t n;

	feed_process(f, 10, "server", 0);
	for (uint8_t i = 1; i <= 2; i++) {
		l.cookie = l.local_addr[3] = i;
		l.length = i == 1 ? 2 : 0;
		l.first_wait_ns = i == 1 ? 200 * MS : 0;
		feed_listen(f, l);
	}
	s = feed_tick(f, SEC);
	r = find(s, "listeners", "local", "0.0.0.1:80", &n);
	ASSERT(r && n == 1 && r->oldest_wait_ns == 200 * MS && r->longest_wait_ns == 200 * MS);
	r = find(s, "listeners", "local", "0.0.0.2:80", &n);
	ASSERT(r && n == 1 && r->oldest_wait_ns == 0 && r->longest_wait_ns == 0);
	l.cookie = l.local_addr[3] = 1;
	feed_listen(f, l);
	s = feed_tick(f, SEC);
	r = find(s, "listeners", "local", "0.0.0.1:80", &n);
	ASSERT(r && r->oldest_wait_ns == 0 && r->longest_wait_ns == 200 * MS && r->longest == 2);
	feed_free(f);
}

/* What was open and is not told of where all are told of is gone; it comes back if it was only not seen. */
void test_conns_not_seen(void)
{
	struct hl_rec_listen l = { .h = { .pid = 10 }, .cookie = 1, .opened = SEC, .local_port = 80 };
	struct hl_rec_conn connecting = conn(10, 3, 9, 0);
	struct feed *f = feed_new(NULL, NULL);
	const struct conn_row *r;
	const struct snap *s;
	uint64_t since;
	size_t n;

	feed_process(f, 10, "client", 0);
	feed_conn(f, conn(10, 1, 7, 1000));
	connecting.state = HL_TCP_STATE_SYN_SENT;
	feed_conn(f, connecting);
	feed_listen(f, l);
	feed_tick(f, SEC);
	since = f->ts;
	feed_conn(f, conn(10, 2, 8, 1000));
	feed_conns_told(f, since);
	s = feed_tick(f, SEC);
	r = find(s, "connections", "remote", "10.0.0.7:5432", &n);
	ASSERT(r && r->end == HL_END_NOT_SEEN && r->existed && r->total.bytes_sent == 1000);
	ASSERT_EQ(r->age_ns, since - SEC - 5 * SEC);
	r = find(s, "connections", "remote", "10.0.0.8:5432", &n);
	ASSERT(r && !r->end);
	ASSERT_EQ(peer(s, "10.0.0.7")->total.ended, 1);
	ASSERT_EQ(peer(s, "10.0.0.7")->ivl.ended, 1);
	ASSERT_EQ(peer(s, "10.0.0.7")->open, 0);
	ASSERT_EQ(peer(s, "10.0.0.8")->open, 1);
	ASSERT_EQ(peer(s, "10.0.0.9")->open + peer(s, "10.0.0.9")->total.ended, 0);
	ASSERT(((const struct listen_row *)snap_row(snap_table(s, "listeners"), 0))->ended);
	feed_conn(f, conn(10, 1, 7, 1100));
	s = feed_tick(f, SEC);
	r = find(s, "connections", "remote", "10.0.0.7:5432", &n);
	ASSERT(r && !r->end && !r->existed);
	ASSERT_EQ(peer(s, "10.0.0.7")->total.ended, 0);
	ASSERT(((const struct listen_row *)snap_row(snap_table(s, "listeners"), 0))->ended);
	feed_free(f);
}

/* Listeners that ended stay, the last of them, with how many they turned away. */
void test_conns_ended_listeners(void)
{
	struct hl_rec_listen l = { .h = { .pid = 10 }, .opened = SEC, .local_port = 80 };
	struct feed *f = feed_new(NULL, NULL);
	const struct listen_row *r;
	const struct snap *s;

	feed_process(f, 10, "server", 0);
	for (uint32_t i = 1; i <= 300; i++) {
		l.cookie = i;
		l.drops = i;
		l.ended = i > 1 ? 2 * SEC : 0;
		feed_listen(f, l);
	}
	feed_tick(f, SEC);
	s = feed_tick(f, SEC);
	ASSERT_EQ(snap_table(s, "listeners")->n, 257);
	r = snap_row(snap_table(s, "listeners"), 0);
	ASSERT(r->cookie == 1 && !r->ended);
	r = snap_row(snap_table(s, "listeners"), 1);
	ASSERT(r->cookie == 300 - 255 && r->ended);
	ASSERT_EQ(r->total_drops, 300 - 255);
	ASSERT_EQ(r->ivl_drops, 0);
	feed_free(f);
}

/* By how much later lost data came: peer by peer, of the process, and of each connection. */
void test_conns_resends(void)
{
	struct feed *f = feed_new(NULL, NULL);
	struct hl_rec_conn c = conn(10, 1, 7, 1000);
	const struct peer_row *p;
	const struct conn_row *r;
	const struct op_row *o;
	const struct snap *s;
	size_t n;

	feed_process(f, 10, "client", 0);
	c.flags = HL_CONN_RESENDS;
	feed_conn(f, c);
	s = feed_tick(f, SEC);
	ASSERT(peer(s, "10.0.0.7")->knows_resends && !peer(s, "10.0.0.7")->resends.count);
	c.resents = 3;
	c.resent_ns = 700 * MS;
	c.resent_max_ns = 300 * MS;
	feed_conn(f, c);
	feed_resent(f, 10, 5432, 7, 2, 200 * MS);
	feed_resent(f, 10, 5432, 7, 1, 300 * MS);
	feed_resent(f, 10, 5432, 8, 1, 500 * MS); /* of whose connections no record has come yet */
	feed_resent(f, 0, 0, 0, 4, SEC);
	s = feed_tick(f, SEC);
	p = peer(s, "10.0.0.7");
	ASSERT(p->resends.count == 3 && p->ivl_resends.count == 3 && p->resend_ns == 700 * MS);
	ASSERT_EQ(p->resend_max_ns, 300 * MS);
	ASSERT_EQ(peer(s, "10.0.0.8")->resends.count, 1);
	p = find(s, "peers", "remote", "(other)", &n);
	ASSERT(p && n == 1 && p->resends.count == 4);
	o = find_op(s, 10, HL_TCP_RETRANSMIT);
	ASSERT(o && o->op == HL_OP_TCP && o->count == 4 && o->total_ns == 1200 * MS && o->max_ns == 500 * MS);
	r = find(s, "connections", "remote", "10.0.0.7:5432", &n);
	ASSERT(r && r->knows_resends && r->total.resends == 3 && r->ivl.resend_ns == 700 * MS);
	ASSERT_EQ(r->resend_max_ns, 300 * MS);
	feed_conn(f, conn(10, 2, 9, 10)); /* of a kernel that does not tell */
	s = feed_tick(f, SEC);
	ASSERT(peer(s, "10.0.0.7")->ivl_resends.count == 0 && peer(s, "10.0.0.7")->resends.count == 3);
	ASSERT(!peer(s, "10.0.0.9")->knows_resends);
	feed_free(f);
}
