/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Keys in, cells out: the screens of the live view against text files. */
#include "tests/test.h"
#include "tests/view/fixture.h"

struct shot {
	const char *name, *keys;
	int w, h;
	bool attrs;
};

static void shoot(const struct shot *shots, size_t n, const struct app_cfg *cfg)
{
	for (size_t i = 0; i < n; i++) {
		struct screen_test t;

		screen_begin(&t, shots[i].w, shots[i].h, cfg);
		screen_type(&t, shots[i].keys);
		screen_golden(&t, shots[i].name, shots[i].attrs);
		screen_end(&t);
	}
}

void test_view_screens_80(void)
{
	static const struct shot shots[] = {
		{ "processes-80", "", 80, 24, true },
		{ "threads-80", "2", 80, 24, true },
		{ "operations-80", "3", 80, 24, true },
		{ "slow-80", "4", 80, 24, true },
		{ "process-80", "\n", 80, 24, true },
		{ "thread-80", "2\n", 80, 24, true },
		{ "operation-80", "3\n", 80, 24, true },
		{ "operation-slow-80", "3\n^t", 80, 24, false },
		{ "slow-one-80", "4\n", 80, 24, true },
		{ "idle-kernel-total-80", "ikt", 80, 24, false },
		{ "group-80", "gg", 80, 24, false },
		{ "menu-80", "s^d", 80, 24, true },
		{ "filter-80", "/post", 80, 24, true },
		{ "frozen-80", " ", 80, 24, true },
		{ "syscall-120", "3/pwrite64\n\n", 120, 45, false },
		{ "help-80", "?", 80, 24, true },
		{ "help-end-80", "?^e", 80, 24, false },
	};

	shoot(shots, ARRAY_SIZE(shots), NULL);
}

void test_view_screens_200(void)
{
	static const struct shot shots[] = {
		{ "processes-200", "", 200, 50, true },    { "threads-200", "2", 200, 50, false },
		{ "operations-200", "3", 200, 50, false }, { "slow-200", "4", 200, 50, false },
		{ "process-200", "\n", 200, 50, false },   { "operation-200", "3\n", 200, 50, true },
		{ "slow-one-200", "4\n", 200, 50, false }, { "help-200", "3?", 200, 50, false },
	};

	shoot(shots, ARRAY_SIZE(shots), NULL);
}

/* Without UTF-8 nothing but ASCII; without colour letters say what the colours would. */
void test_view_screens_plain(void)
{
	static const struct shot ascii[] = {
		{ "processes-ascii", "", 80, 24, true },
		{ "operation-ascii", "3\n", 120, 45, false },
		{ "help-ascii", "?^D^D^D", 80, 24, false },
	};
	static const struct shot mono[] = { { "processes-mono", "i", 80, 24, true } };
	static const struct shot eight[] = { { "processes-8", "", 80, 24, false } };
	struct app_cfg cfg = { .theme = { false, 256 }, .interval_ns = NSEC_PER_SEC, .heat = fixture_heat };

	shoot(ascii, ARRAY_SIZE(ascii), &cfg);
	cfg.theme = (struct theme){ true, 0 };
	shoot(mono, ARRAY_SIZE(mono), &cfg);
	cfg.theme = (struct theme){ true, 8 };
	shoot(eight, ARRAY_SIZE(eight), &cfg);
}

void test_view_screens_second(void)
{
	struct screen_test t;

	screen_begin(&t, 80, 24, NULL);
	app_snap(t.app, fixture_snap(1));
	screen_golden(&t, "lost-80", true);
	screen_end(&t);
}

void test_view_screens_empty(void)
{
	struct screen_test t;

	screen_begin(&t, 80, 24, NULL);
	app_snap(t.app, fixture_empty());
	screen_golden(&t, "empty-80", false);
	screen_type(&t, "\n\n^b3\n^t?^x/x");
	ASSERT(screen_has(&t, "no row has x"));
	screen_end(&t);
}

/* Before the first snapshot every key is as harmless as after it. */
void test_view_screens_waiting(void)
{
	static const struct app_cfg cfg = { .theme = { true, 256 }, .interval_ns = NSEC_PER_SEC };
	struct screen_test t = { .app = app_new(&cfg) };

	canvas_resize(&t.canvas, 80, 24);
	app_resize(t.app, 80, 24);
	ASSERT(screen_has(&t, "waiting for the first interval"));
	screen_type(&t, "1234\n^t^bsrtikg<>/ab\n^x?^D^x");
	ASSERT(screen_has(&t, "waiting for the first interval"));
	ASSERT(!app_shown(t.app));
	screen_end(&t);
}
