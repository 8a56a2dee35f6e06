/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* A tree opened in place: what shows, in what order, how far set in, and that it stays so. */
#include "tests/test.h"
#include "tests/view/fixture.h"

#define NR_TABLES 5
#define MS        NSEC_PER_MSEC

#define NODE(id_, parent_, kind_, depth_, children_, name_, ms)                                              \
	{                                                                                                    \
		.id = id_, .parent = parent_, .kind = TREE_##kind_, .depth = depth_, .children = children_,  \
		.name = name_, .count = 3, .ivl_count = 1, .total_ns = 3 * (ms)*MS, .ivl_ns = (ms)*MS,       \
		.max_ns = (ms)*MS                                                                            \
	}

static const struct tree_row rows[] = {
	NODE("1", "", PROCESS, 0, 1, "redis-server", 20),
	NODE("2", "", PROCESS, 0, 2, "postgres", 300),
	NODE("3", "2", USER, 1, 2, "main > PostmasterMain", 200),
	NODE("4", "3", USER, 2, 1, "XLogFlush", 50),
	NODE("5", "3", USER, 2, 1, "LockBuffer", 150),
	NODE("6", "4", STATE, 3, 0, "disk: fdatasync", 50),
	NODE("7", "5", STATE, 3, 0, "lock: futex", 150),
	NODE("8", "2", STATE, 1, 0, "runqueue: none", 100),
	NODE("9", "1", STATE, 1, 0, "disk: fsync", 20),
};

static const struct snap *tree_snap(bool turned)
{
	static struct snap_table all[2][NR_TABLES], *tables;
	static struct tree_row now[2][ARRAY_SIZE(rows)];
	static struct snap snaps[2];
	struct snap *snap = &snaps[turned];

	*snap = *fixture_snap(turned);
	tables = all[turned];
	for (size_t i = 0; i < snap->nr_tables; i++)
		tables[i] = snap->tables[i];
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		now[turned][i] = rows[turned ? ARRAY_SIZE(rows) - 1 - i : i];
	tables[snap->nr_tables++] = (struct snap_table){ &tree_table, now[turned], ARRAY_SIZE(rows) };
	snap->tables = tables;
	return snap;
}

static void begin(struct screen_test *t, const char *keys)
{
	screen_begin(t, 80, 24, NULL);
	app_snap(t->app, tree_snap(false));
	screen_type(t, "0");
	screen_type(t, keys);
}

void test_view_tree_screens(void)
{
	static const struct {
		const char *name, *keys;
	} shots[] = {
		{ "tree-80", "" },
		{ "tree-open-80", "^r^r^r" },
		{ "tree-all-80", "x" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(shots); i++) {
		struct screen_test t;

		begin(&t, shots[i].keys);
		screen_golden(&t, shots[i].name, false);
		screen_end(&t);
	}
}

/* Below what it is below, the one with most time first, and nothing of what is closed. */
void test_view_tree_order(void)
{
	static const char *const order[] = {
		"postgres",  "main > Post",     "LockBuffer",     "lock: futex",
		"XLogFlush", "disk: fdatasync", "runqueue: none", "redis-server"
	};
	struct screen_test t;

	begin(&t, "x");
	for (size_t i = 1; i < ARRAY_SIZE(order); i++)
		ASSERT_EQ(screen_line(&t, order[i]), screen_line(&t, order[i - 1]) + 1);
	ASSERT(!screen_has(&t, "disk: fsync"));
	app_snap(t.app, tree_snap(true)); /* the rows come in another order */
	screen_type(&t, "^d");
	for (size_t i = 1; i < ARRAY_SIZE(order); i++)
		ASSERT_EQ(screen_line(&t, order[i]), screen_line(&t, order[i - 1]) + 1);
	screen_end(&t);
}

void test_view_tree_keys(void)
{
	struct screen_test t;

	begin(&t, "^r");
	ASSERT(screen_has(&t, "main > Post"));
	ASSERT(!screen_has(&t, "LockBuffer"));
	screen_type(&t, "^r^r^r"); /* on to the first below, open it, on to its first */
	ASSERT_EQ(screen_selected(&t), screen_line(&t, "LockBuffer"));
	screen_type(&t, "^l"); /* closed: up to what it is below */
	ASSERT_EQ(screen_selected(&t), screen_line(&t, "main > Post"));
	screen_type(&t, "^l");
	ASSERT(!screen_has(&t, "LockBuffer"));
	ASSERT(screen_has(&t, "runqueue: none"));
	screen_type(&t, "^l^l");
	ASSERT(!screen_has(&t, "runqueue: none"));
	ASSERT_EQ(screen_selected(&t), screen_line(&t, "postgres"));
	screen_type(&t, "/XLog\n"); /* wherever it is */
	ASSERT(screen_has(&t, "XLogFlush"));
	ASSERT(!screen_has(&t, "redis-server"));
	screen_end(&t);
}
