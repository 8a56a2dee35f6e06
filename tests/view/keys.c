/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What keys do: selection, sort, filter, freeze, pages and back, actions, mouse. */
#include <stdio.h>
#include <string.h>

#include "tests/test.h"
#include "tests/unit/fixture_rec.h"
#include "tests/view/fixture.h"

/* The text of the line on which the selected row stands. */
static const char *selected_text(struct screen_test *t, struct str *buf)
{
	int y = screen_selected(t);
	struct canvas one = t->canvas;

	str_reset(buf);
	if (y < 0)
		return "";
	one.cells += (size_t)y * (size_t)one.w;
	one.h = 1;
	canvas_text(&one, buf);
	return str_get(buf);
}

static bool on_row(struct screen_test *t, const char *text)
{
	struct str buf = {};
	bool ok = strstr(selected_text(t, &buf), text) != NULL;

	str_free(&buf);
	return ok;
}

void test_view_selection_follows_key(void)
{
	struct screen_test t;
	int before;

	screen_begin(&t, 80, 24, NULL);
	ASSERT(on_row(&t, "java"));
	screen_type(&t, "^d^d^d^d^d"); /* the first nginx; it will be on top */
	ASSERT(on_row(&t, "3001"));
	before = screen_selected(&t);
	ASSERT_EQ(app_snap(t.app, fixture_snap(1)) & ACTION_REDRAW, ACTION_REDRAW);
	ASSERT(on_row(&t, "3001"));
	ASSERT(screen_selected(&t) < before);
	app_snap(t.app, fixture_snap(0));
	ASSERT(on_row(&t, "3001"));
	screen_end(&t);
}

/* A row that goes leaves the selection at its place, and gets it back when it returns. */
void test_view_selection_of_gone_row(void)
{
	struct screen_test t;
	int before;

	screen_begin(&t, 80, 24, NULL);
	screen_type(&t, "^d^d");
	ASSERT(on_row(&t, "cc1"));
	before = screen_selected(&t);
	app_snap(t.app, fixture_snap(1));
	ASSERT(!screen_has(&t, "cc1"));
	ASSERT_EQ(screen_selected(&t), before);
	app_snap(t.app, fixture_snap(0));
	ASSERT(on_row(&t, "cc1"));
	screen_end(&t);
}

void test_view_selection_moves(void)
{
	struct screen_test t;

	screen_begin(&t, 80, 14, NULL);
	screen_type(&t, "ik^e");
	ASSERT(!on_row(&t, "java"));
	ASSERT(!screen_has(&t, "java"));
	screen_type(&t, "^h");
	ASSERT(on_row(&t, "java"));
	screen_type(&t, "^u^U");
	ASSERT(on_row(&t, "java"));
	screen_type(&t, "^D^D^D^D^d^d");
	ASSERT(screen_selected(&t) >= 0);
	screen_type(&t, "^U^U^U^U^U");
	ASSERT(on_row(&t, "java"));
	screen_end(&t);
}

void test_view_sort(void)
{
	struct screen_test t;
	const char *sort;

	screen_begin(&t, 80, 24, NULL);
	screen_type(&t, "r");
	ASSERT(screen_line(&t, "java ") > screen_line(&t, "systemd "));
	screen_type(&t, "r<");
	sort = app_query(t.app)->sort;
	ASSERT(sort != NULL);
	screen_type(&t, ">>");
	ASSERT(app_query(t.app)->sort && sort && strcmp(app_query(t.app)->sort, sort));
	screen_type(&t, "s^h\n"); /* the first column */
	ASSERT_STR(app_query(t.app)->sort, processes_table.fields[0].name);
	screen_type(&t, "s^d^x");
	ASSERT_STR(app_query(t.app)->sort, processes_table.fields[0].name);
	screen_end(&t);
}

void test_view_filter(void)
{
	struct screen_test t;

	screen_begin(&t, 80, 24, NULL);
	screen_type(&t, "/NGI");
	ASSERT(screen_has(&t, "Filter: NGI"));
	ASSERT(screen_has(&t, "nginx"));
	ASSERT(!screen_has(&t, "rsync"));
	screen_type(&t, "\n");
	ASSERT_STR(app_query(t.app)->filter, "NGI");
	screen_type(&t, "/q\x7f\x7f\x7f\x7f"); /* letters are no commands here */
	ASSERT(screen_has(&t, "rsync"));
	screen_type(&t, "cc1\n");
	ASSERT(!screen_has(&t, "rsync"));
	screen_type(&t, "^x");
	ASSERT(screen_has(&t, "rsync"));
	ASSERT(!app_query(t.app)->filter);
	screen_type(&t, "/abc^x");
	ASSERT(screen_has(&t, "rsync"));
	screen_end(&t);
}

/* Wide and multi-byte characters are typed and erased whole. */
void test_view_filter_utf8(void)
{
	struct screen_test t;

	screen_begin(&t, 80, 24, NULL);
	screen_type(&t, "/");
	app_key(t.app, 0x30c7);
	ASSERT(screen_has(&t, "データ"));
	ASSERT(!screen_has(&t, "rsync"));
	app_key(t.app, 0x1f600);
	app_key(t.app, 0xe9);
	screen_type(&t, "^b^b");
	ASSERT_STR(app_query(t.app)->filter, "デ");
	screen_end(&t);
}

void test_view_freeze(void)
{
	struct screen_test t;

	screen_begin(&t, 80, 24, NULL);
	screen_type(&t, " ");
	ASSERT(app_frozen(t.app));
	ASSERT_EQ(app_snap(t.app, fixture_snap(1)), 0);
	ASSERT(app_shown(t.app) == fixture_snap(0));
	ASSERT(screen_has(&t, "FROZEN"));
	screen_type(&t, "3"); /* what is frozen can still be looked at */
	ASSERT(screen_has(&t, "fdatasync"));
	screen_type(&t, "f");
	ASSERT(app_snap(t.app, fixture_snap(1)) & ACTION_REDRAW);
	ASSERT(app_shown(t.app) == fixture_snap(1));
	ASSERT(screen_has(&t, "lost 123 of"));
	ASSERT(screen_has(&t, "ring_full 100, unreadable 23"));
	screen_end(&t);
}

void test_view_switches(void)
{
	struct screen_test t;

	screen_begin(&t, 80, 24, NULL);
	ASSERT(!screen_has(&t, "jbd2"));
	screen_type(&t, "k");
	ASSERT(screen_has(&t, "jbd2"));
	screen_type(&t, "k3");
	ASSERT(!screen_has(&t, "epoll_wait"));
	screen_type(&t, "i");
	ASSERT(screen_has(&t, "epoll_wait"));
	ASSERT(app_query(t.app)->show_work_waits);
	screen_type(&t, "it");
	ASSERT(!screen_has(&t, "epoll_wait"));
	ASSERT(app_query(t.app)->total);
	screen_type(&t, "1tg"); /* by command: two nginx become one row */
	ASSERT_EQ(app_query(t.app)->group, GROUP_COMM);
	ASSERT(screen_has(&t, "11 rows"));
	screen_end(&t);
}

/* In, in, and back out: sort, filter and selection are as they were. */
void test_view_pages_and_back(void)
{
	struct str before = {}, after = {};
	struct screen_test t;

	screen_begin(&t, 120, 40, NULL);
	screen_type(&t, "/re\n<");
	for (int i = 0; i < 20 && !on_row(&t, "4120 "); i++)
		screen_type(&t, "^d");

	selected_text(&t, &before);
	screen_type(&t, "\n");
	ASSERT(screen_has(&t, "Processes › "));
	ASSERT(app_query(t.app)->pid != 0);
	screen_type(&t, "^t\n"); /* an operation of it */
	screen_type(&t, "^b");
	ASSERT(screen_has(&t, "Processes › "));
	screen_type(&t, "^l");
	ASSERT(!screen_has(&t, "Processes › "));
	ASSERT_STR(selected_text(&t, &after), before.s);
	ASSERT_STR(app_query(t.app)->filter, "re");
	screen_type(&t, "^b^b^b");
	ASSERT_STR(selected_text(&t, &after), before.s);
	str_free(&before);
	str_free(&after);
	screen_end(&t);
}

/* A page stays while its row goes, and says so. */
void test_view_page_of_gone_row(void)
{
	struct screen_test t;

	screen_begin(&t, 80, 24, NULL);
	screen_type(&t, "^d^d\n");
	ASSERT(screen_has(&t, "Processes › cc1 7050"));
	app_snap(t.app, fixture_snap(1));
	ASSERT(screen_has(&t, "gone; this is what was seen last"));
	ASSERT(screen_has(&t, "/usr/lib/gcc/cc1"));
	app_snap(t.app, fixture_snap(0));
	ASSERT(!screen_has(&t, "gone;"));
	screen_type(&t, "2"); /* a digit leaves for that view */
	ASSERT(!screen_has(&t, "›"));
	screen_end(&t);
}

/* Rows that stand for many open too, and are found again. */
void test_view_page_of_group(void)
{
	struct screen_test t;

	screen_begin(&t, 120, 40, NULL);
	screen_type(&t, "3g/futex\n");
	screen_type(&t, "\n");
	ASSERT(screen_has(&t, "Operations › "));
	ASSERT(screen_has(&t, "p99"));
	app_snap(t.app, fixture_snap(1));
	ASSERT(!screen_has(&t, "gone"));
	screen_type(&t, "^b");
	ASSERT_EQ(app_query(t.app)->group, GROUP_COMM);
	screen_end(&t);
}

void test_view_actions(void)
{
	static const struct {
		const char *keys;
		unsigned int action;
	} cases[] = {
		{ "q", ACTION_QUIT },     { "\003", ACTION_QUIT },  { "w", ACTION_SAVE },
		{ "c", ACTION_CALLS },    { "+", ACTION_INTERVAL }, { "-", ACTION_INTERVAL },
		{ "]", ACTION_SLOW },     { "[", ACTION_SLOW },     { "\f", ACTION_REPAINT },
		{ "?\003", ACTION_QUIT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct screen_test t;

		screen_begin(&t, 80, 24, NULL);
		ASSERT(screen_type(&t, cases[i].keys) & cases[i].action);
		screen_end(&t);
	}
}

void test_view_times(void)
{
	struct screen_test t;

	screen_begin(&t, 80, 24, NULL);
	screen_type(&t, "+");
	ASSERT_EQ(app_interval_ns(t.app), 2 * NSEC_PER_SEC);
	screen_type(&t, "--");
	ASSERT_EQ(app_interval_ns(t.app), 500 * NSEC_PER_MSEC);
	screen_type(&t, "----------");
	ASSERT_EQ(app_interval_ns(t.app), 100 * NSEC_PER_MSEC);
	ASSERT(!(screen_type(&t, "-") & ACTION_INTERVAL));
	screen_type(&t, "]");
	ASSERT_EQ(app_slow_ns(t.app), 20 * NSEC_PER_MSEC);
	screen_type(&t, "[[");
	ASSERT_EQ(app_slow_ns(t.app), 5 * NSEC_PER_MSEC);
	ASSERT(screen_has(&t, "threshold of slow operations 5.00ms"));
	screen_type(&t, "^u");
	ASSERT(!screen_has(&t, "threshold of slow operations"));
	screen_end(&t);
}

void test_view_recording(void)
{
	static const struct app_cfg cfg = { .theme = { true, 256 }, .source = "a\033[1m.hostlat" };
	struct screen_test t;

	screen_begin(&t, 80, 24, &cfg);
	ASSERT(screen_has(&t, "a\\x1b[1m.hostlat"));
	ASSERT(!(screen_type(&t, "+") & ACTION_INTERVAL));
	ASSERT(!(screen_type(&t, "]") & ACTION_SLOW));
	screen_end(&t);
}

void test_view_config(void)
{
	static const struct app_cfg cfg = {
		.theme = { true, 256 }, .view = "threads", .filter = "iz", .show_work_waits = true
	};
	struct screen_test t;

	screen_begin(&t, 80, 24, &cfg);
	ASSERT_STR(app_table(t.app), "threads");
	ASSERT(screen_has(&t, "Finalizer"));
	ASSERT(!screen_has(&t, "postgres"));
	screen_end(&t);
}

void test_view_messages(void)
{
	struct screen_test t;

	screen_begin(&t, 80, 24, NULL);
	ASSERT(app_message(t.app, true, "cannot write \033[2J/x: No space") & ACTION_REDRAW);
	ASSERT_EQ(screen_line(&t, "cannot write \\x1b[2J/x: No space"), 23);
	screen_type(&t, "^d");
	ASSERT(!screen_has(&t, "cannot write"));
	screen_end(&t);
}

/* The column at which a text stands in a line; -1: nowhere. Cells before it must be narrow. */
static int column_of(struct screen_test *t, int y, const char *text)
{
	struct str line = {};
	struct canvas one = t->canvas;
	const char *at;
	int x = -1;

	one.cells += (size_t)y * (size_t)one.w;
	one.h = 1;
	canvas_text(&one, &line);
	at = strstr(str_get(&line), text);
	if (at)
		x = str_width(line.s, (size_t)(at - line.s));
	str_free(&line);
	return x;
}

void test_view_mouse(void)
{
	struct screen_test t;
	int y;

	screen_begin(&t, 80, 24, NULL);
	y = screen_line(&t, "rsync");
	app_key(t.app, APP_MOUSE(APP_MOUSE_CLICK, 20, y));
	ASSERT(on_row(&t, "rsync"));
	app_key(t.app, APP_MOUSE(APP_MOUSE_DOWN, 20, y));
	ASSERT(!on_row(&t, "rsync"));
	app_key(t.app, APP_MOUSE(APP_MOUSE_UP, 20, y));
	ASSERT(on_row(&t, "rsync"));
	y = screen_line(&t, "PID");
	app_key(t.app, APP_MOUSE(APP_MOUSE_CLICK, column_of(&t, y, "PID"), y));
	ASSERT_STR(app_query(t.app)->sort, "pid");
	y = screen_line(&t, "rsync");
	app_key(t.app, APP_MOUSE(APP_MOUSE_DOUBLE, 20, y));
	ASSERT(screen_has(&t, "Processes › rsync"));
	y = screen_line(&t, "3 Ops");
	app_key(t.app, APP_MOUSE(APP_MOUSE_CLICK, column_of(&t, y, "Ops"), y));
	ASSERT_STR(app_table(t.app), "operations");
	ASSERT(!screen_has(&t, "›"));
	screen_end(&t);
}

/* The real model: snapshots with holders, of which the app keeps no more than it shows. */
void test_view_over_the_model(void)
{
	static const struct app_cfg cfg = { .theme = { true, 256 }, .interval_ns = NSEC_PER_SEC };
	struct model *m = model_new(all_collectors, NULL, NULL);
	struct screen_test t = { .app = app_new(&cfg) };
	const struct snap *snap;

	canvas_resize(&t.canvas, 100, 30);
	app_resize(t.app, 100, 30);
	for (unsigned int i = 0; i < FIXTURE_TICKS; i++) {
		struct recbuf b = {};

		fixture_records(&b, i);
		for (size_t at = 0; at < b.len; at += ((struct hl_rec *)(b.buf + at))->size)
			model_apply(m, (struct hl_rec *)(b.buf + at));
		recbuf_free(&b);
		snap = model_snap(m);
		app_snap(t.app, snap);
		snap_put(snap);
		ASSERT(screen_has(&t, "web1"));
		screen_type(&t, i % 2 ? "^d\n^t\n" : "^b^b3\n");
	}
	model_free(m);
	screen_type(&t, "1/postgres\n\n");
	ASSERT(screen_has(&t, "Processes › postgres 100"));
	screen_type(&t, "1^x2^d\n3\n4\n");
	ASSERT(screen_has(&t, "Slow › "));
	screen_end(&t);
}
