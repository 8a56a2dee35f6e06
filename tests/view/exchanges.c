/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Exchanges on TCP connections: the view, the page of a service, and that of a slow one with its peers. */
#include <sys/socket.h>

#include "tests/unit/model_util.h"
#include "tests/view/fixture.h"

static const struct hl_peer_ns peers[] = {
	{ .ns = 48 * MS, .addr = { 10, 0, 0, 5 }, .port = 5432, .family = AF_INET },
	{ .ns = 6 * MS, .addr = { 10, 0, 0, 7 }, .port = 6379, .family = AF_INET },
};

static const struct feed_exchange some[] = {
	{ 10, HL_ROLE_ACCEPTED, HL_EXCHANGE_ANSWERED, 8080, 0, 1200, 9 * MS, 2, false },
	{ 10, HL_ROLE_ACCEPTED, HL_EXCHANGE_ANSWERED, 8080, 0, 3, 70 * MS, 0, true },
	{ 10, HL_ROLE_ACCEPTED, HL_EXCHANGE_READ, 8080, 0, 1203, MS / 10, 0, false },
	{ 10, HL_ROLE_ACCEPTED, HL_EXCHANGE_READ, 8080, 0, 2, 5 * MS, 0, true },
	{ 10, HL_ROLE_OPENED, HL_EXCHANGE_ANSWERED, 5432, 5, 4810, 2 * MS, 0, false },
	{ 10, HL_ROLE_OPENED, HL_EXCHANGE_ANSWERED, 6379, 7, 9000, MS / 5, 1, true },
	{ 11, HL_ROLE_ACCEPTED, HL_EXCHANGE_ANSWERED, 5432, 0, 4810, MS, 0, false },
};

static const struct snap *asked_snap(struct feed *f)
{
	feed_process(f, 10, "shop", 0);
	feed_process(f, 11, "postgres", 0);
	feed_tick(f, SEC);
	feed_collector(f, "exchanges", HL_COLLECTOR_ON);
	for (size_t i = 0; i < ARRAY_SIZE(some); i++)
		feed_exchange(f, some[i]);
	feed_peers(f, 3, peers, ARRAY_SIZE(peers));
	feed_slow(f, (struct feed_slow){ .pid = 10,
					 .tid = 12,
					 .op = HL_OP_EXCHANGE,
					 .nr = HL_EXCHANGE_ANSWER,
					 .state = HL_STATE_NETWORK,
					 .detail = HL_DETAIL_PEER,
					 .begin = f->ts,
					 .duration = 60 * MS,
					 .queued = 3 * MS,
					 .comm = "shop-worker",
					 .peers = 3 });
	return feed_tick(f, SEC);
}

void test_view_exchanges_screens(void)
{
	static const struct {
		const char *name, *keys;
		int w, h;
	} shots[] = {
		{ "exchanges-80", "e", 80, 24 },          { "exchanges-200", "e", 200, 24 },
		{ "exchanges-group-80", "eggt", 80, 24 }, { "exchanges-one-80", "e\n", 80, 50 },
		{ "exchanges-one-200", "e\n", 200, 40 },  { "exchanges-slow-80", "4\n", 80, 24 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(shots); i++) {
		struct feed *f = feed_new(NULL, NULL);
		struct screen_test t;

		screen_begin(&t, shots[i].w, shots[i].h, NULL);
		app_snap(t.app, asked_snap(f));
		screen_type(&t, shots[i].keys);
		screen_golden(&t, shots[i].name, false);
		screen_end(&t);
		feed_free(f);
	}
}
