/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The page of a thread that waited for a CPU: who had it. */
#include "tests/test.h"
#include "tests/view/fixture.h"

#define MS NSEC_PER_MSEC

static const struct snap_occupant v[] = {
	{ .pid = 812, .tid = 812, .ns = 23 * MS, .comm = "spinner-a", .cgroup = "/batch/night" },
	{ .pid = 6001,
	  .tid = 6001,
	  .ns = 15 * MS,
	  .comm = "\x1b[2J\xff",
	  .cgroup = "/user.slice/\x1b]0;x\x07" },
	{ .tid = 17, .ns = MS / 2, .comm = NULL }, /* it ended, nobody knows its name any more */
	{ .ns = 500, .comm = "(idle)" },
	{ .threads = 12, .ns = 3 * MS, .comm = "(other)" },
};
static const struct snap_occupants some = { .n = ARRAY_SIZE(v),
					    .v = v,
					    .of_ns = 48 * MS,
					    .known_ns = 44 * MS + MS / 2 + 500,
					    .interrupts_ns = 3 * MS,
					    .tells_interrupts = true };
static const struct snap_occupants one = { .n = 1, .v = v, .of_ns = 23 * MS, .known_ns = 23 * MS };

static const struct slow_row rows[] = {
	{ .op = HL_OP_WAIT,
	  .state = HL_STATE_RUNQUEUE,
	  .name = "(user)",
	  .pid = 2210,
	  .tid = 2231,
	  .comm = "http-nio-8080-1",
	  .proc_comm = "java",
	  .duration_ns = 48 * MS,
	  .time = { [HL_STATE_RUNQUEUE] = 48 * MS },
	  .flags = HL_SLOW_NO_RESULT,
	  .cgroup = "/kubepods/burstable/pod7c1/4f2a",
	  .occupants = &some },
	{ .op = HL_OP_WAIT,
	  .state = HL_STATE_RUNQUEUE,
	  .name = "(user)",
	  .pid = 2210,
	  .tid = 2232,
	  .comm = "http-nio-8080-2",
	  .proc_comm = "java",
	  .duration_ns = 23 * MS,
	  .time = { [HL_STATE_RUNQUEUE] = 23 * MS },
	  .flags = HL_SLOW_NO_RESULT,
	  .occupants = &one },
};

/* The host of the other screens, with these for its slow ones. */
static const struct snap *waiting_snap(void)
{
	static struct snap_table tables[8];
	static struct slow_row slow[ARRAY_SIZE(rows)];
	static struct snap snap;

	snap = *fixture_snap(0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		slow[i] = rows[i];
		slow[i].start_ns = rows[i].tid * NSEC_PER_SEC;
		slow[i].real_ns = snap.real_now - rows[i].duration_ns;
	}
	for (size_t i = 0; i < snap.nr_tables; i++) {
		tables[i] = snap.tables[i];
		if (tables[i].desc == &slow_table)
			tables[i] = (struct snap_table){ &slow_table, slow, ARRAY_SIZE(slow) };
	}
	snap.tables = tables;
	return &snap;
}

void test_view_occupants_screens(void)
{
	static const struct {
		const char *name, *keys;
		int w, h;
	} shots[] = {
		{ "occupants-200", "4", 200, 24 },
		{ "occupants-one-80", "4\n", 80, 40 },
		{ "occupants-one-200", "4\n", 200, 40 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(shots); i++) {
		struct screen_test t;

		screen_begin(&t, shots[i].w, shots[i].h, NULL);
		app_snap(t.app, waiting_snap());
		screen_type(&t, shots[i].keys);
		screen_golden(&t, shots[i].name, false);
		screen_end(&t);
	}
}

/* Who had the CPU is found by name, and by cgroup. */
void test_view_occupants_found(void)
{
	struct screen_test t;

	screen_begin(&t, 80, 24, NULL);
	app_snap(t.app, waiting_snap());
	screen_type(&t, "4/user.slice\n");
	ASSERT(screen_line(&t, "48.0ms") >= 0);
	ASSERT_EQ(screen_line(&t, "23.0ms"), -1);
	screen_end(&t);
}
