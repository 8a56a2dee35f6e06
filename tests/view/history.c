/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The history of a connection, on its page: what moved, what did not, and what nobody looked at. */
#include "tests/unit/model_util.h"
#include "tests/view/fixture.h"

static const struct snap *busy_snap(struct feed *f, unsigned int ticks)
{
	struct hl_rec_conn c = {
		.h = { .pid = 10 },
		.cookie = 77,
		.role = HL_ROLE_OPENED,
		.state = HL_TCP_STATE_ESTABLISHED,
		.family = 2,
		.local_addr = { 10, 0, 0, 1 },
		.remote_addr = { 10, 0, 0, 7 },
		.local_port = 41000,
		.remote_port = 5432,
		.connect_ns = 2 * MS,
		.min_rtt_us = 200,
		.rto_us = 201000,
	};
	const struct snap *s = NULL;

	feed_process(f, 10, "shop", 0);
	for (unsigned int i = 0; i < 5; i++) /* it was not there yet */
		feed_tick(f, SEC);
	c.opened = f->ts + SEC / 2;
	for (unsigned int i = 0; i < ticks; i++) {
		bool idle = i >= 20 && i < 26, unseen = i >= 32 && i < 35;

		f->looked = unseen ? 0 : HL_LOOKED_CONNS;
		if (!idle) {
			c.bytes_sent += 1000 * (1 + i % 9);
			c.bytes_received += i < 20 ? 200 : 9000;
			c.segments_sent += 4;
			c.segments_received += 4;
			c.retransmits += i == 15 ? 3 : 0;
			c.window_limited_ns += i >= 40 && i < 44 ? SEC / 2 : 0;
			c.send_queue = i >= 38 ? 4000 : 0;
			c.srtt_us = 300 + 40 * (i % 5) + (i == 15 ? 900 : 0);
			c.seen = f->ts + SEC - MS;
			if (!unseen)
				feed_conn(f, c);
		}
		s = feed_tick(f, SEC);
	}
	return s;
}

/* Columns that are not wanted are not there, whichever flavour ranks, and others have their room. */
void test_view_hide(void)
{
	static const char *const hide[] = { "service", "retransmits", "comm" };
	const struct app_cfg cfg = { .theme = { true, 256 }, .interval_ns = SEC, .hide = hide, .nr_hide = 3 };

	for (int i = 0; i < 2; i++) {
		struct feed *f = feed_new(NULL, NULL);
		struct screen_test t;

		screen_begin(&t, 200, 24, i ? &cfg : NULL);
		app_snap(t.app, busy_snap(f, 3));
		for (int total = 0; total < 2; total++) {
			screen_type(&t, total ? "t" : "C");
			ASSERT_EQ(screen_has(&t, "SERVICE"), !i);
			ASSERT_EQ(screen_has(&t, " RETR "), !i);
			ASSERT_EQ(screen_has(&t, "COMMAND"), !i);
			ASSERT(screen_has(&t, "RTT"));
		}
		screen_end(&t);
		feed_free(f);
	}
}

void test_view_history_screens(void)
{
	static const struct {
		const char *name;
		int w, h;
		unsigned int ticks;
		bool ascii;
	} shots[] = {
		{ "history-80", 80, 24, 48, false },
		{ "history-200", 200, 50, 160, false },
		{ "history-ascii-80", 80, 24, 48, true },
	};

	const struct app_cfg ascii = { .theme = { false, 256 }, .interval_ns = SEC };

	for (size_t i = 0; i < ARRAY_SIZE(shots); i++) {
		struct feed *f = feed_new(NULL, NULL);
		struct screen_test t;

		screen_begin(&t, shots[i].w, shots[i].h, shots[i].ascii ? &ascii : NULL);
		app_snap(t.app, busy_snap(f, shots[i].ticks));
		screen_type(&t, "C\n");
		screen_golden(&t, shots[i].name, false);
		screen_end(&t);
		feed_free(f);
	}
}
