/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The screens of what is blocked, over the same host as the other screens. */
#include "tests/test.h"
#include "tests/view/fixture.h"

#define NR_TABLES 5

static const struct snap_frame fuse[] = {
	{ .function = "__schedule", .module = NULL, .offset = 0x3f1 },
	{ .function = "schedule", .module = NULL, .offset = 0x27 },
	{ .function = "request_wait_answer", .module = "fuse", .offset = 0x11d },
	{ .function = "__fuse_simple_request", .module = "fuse", .offset = 0xd4 },
	{ .function = "fuse_direct_io", .module = "fuse", .offset = 0x3c2 },
	{ .function = "fuse_file_read_iter", .module = "fuse", .offset = 0x9b },
	{ .function = "vfs_read", .module = NULL, .offset = 0x234 },
	{ .function = "ksys_read", .module = NULL, .offset = 0x6f },
	{ .function = "do_syscall_64", .module = NULL, .offset = 0x5c },
	{ .function = "entry_SYSCALL_64_after_hwframe", .module = NULL, .offset = 0x76 },
};
static const struct snap_frame futex[] = {
	{ .function = "futex_do_wait", .module = NULL, .offset = 0x38 },
	{ .function = "__futex_wait", .module = NULL, .offset = 0x96 },
	{ .function = "futex_wait", .module = NULL, .offset = 0x6b },
	{ .function = "do_futex", .module = NULL, .offset = 0xcb },
};
static const struct snap_frame hidden[] = { { .function = NULL, .module = NULL, .offset = 0 },
					    { .function = NULL, .module = NULL, .offset = 0 } };
static const struct snap_stack stacks[] = {
	{ .id = 1, .n = ARRAY_SIZE(fuse), .frames = fuse },
	{ .id = 2, .n = ARRAY_SIZE(futex), .frames = futex, .cut = true },
	{ .id = 3,
	  .n = ARRAY_SIZE(hidden),
	  .frames = hidden,
	  .why = "kernel.kptr_restrict is 2: the kernel hides its addresses" },
};

#define BLOCKED HL_SLOW_NO_RESULT | HL_SLOW_BLOCKED
static const struct slow_row rows[] = {
	{ .state = HL_STATE_LOCK,
	  .name = "futex",
	  .pid = 2210,
	  .tid = 2231,
	  .comm = "http-nio-8080-1",
	  .proc_comm = "java",
	  .duration_ns = 212 * NSEC_PER_MSEC,
	  .flags = BLOCKED,
	  .detail = HL_DETAIL_LOCK,
	  .detail_text = "0x7f31c2004b80",
	  .lock_addr = 0x7f31c2004b80,
	  .container = "checkout",
	  .in_progress = true,
	  .stack = &stacks[1] },
	{ .state = HL_STATE_OTHER,
	  .name = "read",
	  .pid = 6001,
	  .tid = 6001,
	  .comm = "backup",
	  .proc_comm = "backup",
	  .duration_ns = 10800 * NSEC_PER_SEC,
	  .flags = BLOCKED | HL_SLOW_LOWER_BOUND,
	  .detail = HL_DETAIL_FILE,
	  .detail_text = "/mnt/s3/bucket/2026/archive-0001.tar",
	  .path = "/mnt/s3/bucket/2026/archive-0001.tar",
	  .in_progress = true,
	  .stack = &stacks[0] },
	{ .state = HL_STATE_NETWORK,
	  .name = "recvfrom",
	  .pid = 2210,
	  .tid = 2232,
	  .comm = "http-nio-8080-2",
	  .proc_comm = "java",
	  .duration_ns = 61 * NSEC_PER_SEC,
	  .flags = BLOCKED,
	  .detail = HL_DETAIL_PEER,
	  .detail_text = "tcp 10.0.3.9:5432",
	  .local = "10.0.3.7:51234",
	  .remote = "10.0.3.9:5432",
	  .protocol = "tcp",
	  .container = "checkout",
	  .in_progress = true },
	{ .state = HL_STATE_KERNEL,
	  .name = "(kernel)",
	  .pid = 71,
	  .tid = 71,
	  .comm = "kworker/u8:2+flush",
	  .proc_comm = "kworker/u8:2",
	  .proc_flags = HL_PROC_KTHREAD,
	  .duration_ns = 4 * NSEC_PER_SEC,
	  .flags = BLOCKED | HL_SLOW_IN_D,
	  .in_progress = true,
	  .stack = &stacks[2] },
};

/* The host of the other screens, and this table. */
static const struct snap *blocked_snap(void)
{
	static struct snap_table tables[NR_TABLES];
	static struct slow_row now[ARRAY_SIZE(rows)];
	static struct snap snap;

	snap = *fixture_snap(0);
	for (size_t i = 0; i < snap.nr_tables; i++)
		tables[i] = snap.tables[i];
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		now[i] = rows[i];
		now[i].start_ns = rows[i].tid * NSEC_PER_SEC;
		now[i].real_ns = snap.real_now - rows[i].duration_ns;
	}
	tables[snap.nr_tables++] = (struct snap_table){ &blocked_table, now, ARRAY_SIZE(now) };
	snap.tables = tables;
	return &snap;
}

void test_view_blocked_screens(void)
{
	static const struct {
		const char *name, *keys;
		int w, h;
	} shots[] = {
		{ "blocked-80", "6", 80, 24 },
		{ "blocked-200", "6", 200, 50 },
		{ "blocked-one-80", "6\n", 80, 24 },
		{ "blocked-one-200", "6\n", 200, 50 },
		{ "blocked-cut-80", "6/futex_wait\n\n", 80, 24 },
		{ "blocked-hidden-80", "6/kworker\n\n", 80, 24 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(shots); i++) {
		struct screen_test t;

		screen_begin(&t, shots[i].w, shots[i].h, NULL);
		app_snap(t.app, blocked_snap());
		screen_type(&t, shots[i].keys);
		screen_golden(&t, shots[i].name, false);
		screen_end(&t);
	}
}

/* The oldest is first, and the row stays the user's when another becomes older. */
void test_view_blocked_rows(void)
{
	struct screen_test t;

	screen_begin(&t, 80, 24, NULL);
	app_snap(t.app, blocked_snap());
	screen_type(&t, "6");
	ASSERT(screen_line(&t, "backup") < screen_line(&t, "recvfrom"));
	ASSERT(screen_line(&t, "recvfrom") < screen_line(&t, "kworker"));
	ASSERT(screen_line(&t, "kworker") < screen_line(&t, "futex_do_wait"));
	screen_type(&t, "^d");
	ASSERT_EQ(screen_selected(&t), screen_line(&t, "recvfrom"));
	screen_type(&t, "/fuse_direct\n");
	ASSERT(screen_has(&t, "backup"));
	ASSERT_EQ(screen_line(&t, "kworker"), -1);
	ASSERT_EQ(screen_line(&t, "recvfrom"), -1);
	screen_end(&t);
}
