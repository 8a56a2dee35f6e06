/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What Enter leads to: groups and their members, operations and their slow ones; the menu of
 * columns; what is saved. */
#include <string.h>

#include "tests/test.h"
#include "tests/view/fixture.h"

/* host -> cgroup -> its processes -> one of them, and back with the selection kept */
void test_view_group_to_members(void)
{
	struct screen_test t;

	screen_begin(&t, 100, 40, NULL);
	screen_type(&t, "gg/nginx.service\n");
	ASSERT_EQ(app_query(t.app)->group, GROUP_CGROUP);
	ASSERT(screen_has(&t, "PROCS"));
	ASSERT(!screen_has(&t, "PID"));
	screen_type(&t, "\n");
	ASSERT(screen_has(&t, "Processes › /system.slice/nginx.service"));
	ASSERT(screen_has(&t, " 3001 "));
	ASSERT(screen_has(&t, " 3002 "));
	ASSERT(!screen_has(&t, "redis"));
	ASSERT(screen_has(&t, "connect")); /* an operation of 3001 */
	ASSERT(!screen_has(&t, "fdatasync"));
	app_snap(t.app, fixture_snap(1));
	ASSERT(screen_has(&t, " 3002 "));
	screen_type(&t, "^d\n");
	ASSERT(screen_has(&t, "nginx.service › nginx 300"));
	screen_type(&t, "^b^b");
	ASSERT_EQ(app_query(t.app)->group, GROUP_CGROUP);
	ASSERT(!screen_has(&t, "›"));
	screen_end(&t);
}

/* Those without a container are a group, which is not one of that name. */
void test_view_group_of_the_nameless(void)
{
	struct screen_test t;

	screen_begin(&t, 100, 40, NULL);
	screen_type(&t, "ggg");
	ASSERT_EQ(app_query(t.app)->group, GROUP_CONTAINER);
	ASSERT(screen_has(&t, "(none)"));
	for (int i = 0; i < 9 && screen_selected(&t) != screen_line(&t, "(none)"); i++)
		screen_type(&t, "^d");
	screen_type(&t, "\n");
	ASSERT(screen_has(&t, "Processes › (none)"));
	ASSERT(screen_has(&t, "postgres"));
	ASSERT(!screen_has(&t, "java"));
	screen_end(&t);
}

/* Operations of a group lead to the same ones, process by process. */
void test_view_group_of_operations(void)
{
	struct screen_test t;

	screen_begin(&t, 100, 60, NULL);
	screen_type(&t, "3g/recvfrom\n\n");
	ASSERT(screen_has(&t, "Operations › recvfrom java"));
	ASSERT(screen_has(&t, "Process by process"));
	screen_type(&t, "^t");
	ASSERT_STR(app_query(t.app)->same[0].value, "recvfrom");
	ASSERT_STR(app_query(t.app)->same[2].value, "network");
	screen_end(&t);
}

/* Single events have no groups, and of a process's own rows there is one each. */
void test_view_group_where_it_can(void)
{
	struct screen_test t;

	screen_begin(&t, 80, 24, NULL);
	screen_type(&t, "4g");
	ASSERT_EQ(app_query(t.app)->group, GROUP_NONE);
	ASSERT(screen_has(&t, "nothing to group"));
	screen_type(&t, "2g");
	ASSERT_EQ(app_query(t.app)->group, GROUP_PROCESS);
	screen_type(&t, "3g");
	ASSERT_EQ(app_query(t.app)->group, GROUP_COMM);
	screen_end(&t);
}

/* The page of a lock wait lists slow lock waits, not other waits of a call of that name. */
void test_view_slow_of_the_same(void)
{
	struct screen_test t;

	screen_begin(&t, 100, 60, NULL);
	screen_type(&t, "3/futex lock\n\n^t");
	ASSERT(screen_has(&t, "Slow ones  2"));
	ASSERT(screen_has(&t, "212ms"));
	screen_type(&t, "4/fdatasync\n\n");
	ASSERT(screen_has(&t, "Slow › fdatasync postgres"));
	ASSERT(screen_has(&t, "All of its kind in this process  1"));
	screen_type(&t, "^t\n");
	ASSERT(screen_has(&t, "LATENCY of the last minutes"));
	screen_end(&t);
}

/* Whatever ranks is a column, also on a screen that has no room for all. */
void test_view_sorted_column_shows(void)
{
	struct screen_test t;

	screen_begin(&t, 80, 24, NULL);
	ASSERT(!screen_has(&t, "THR"));
	screen_type(&t, "s");
	for (int i = 0; i < 60 && !screen_has(&t, "▼ THR"); i++)
		screen_type(&t, "^d\ns");
	screen_type(&t, "^x");
	ASSERT_STR(app_query(t.app)->sort, "threads");
	ASSERT(screen_has(&t, "▼THR"));
	screen_end(&t);
}

void test_view_menu_moves(void)
{
	struct screen_test t;
	int y;

	screen_begin(&t, 80, 24, NULL);
	screen_type(&t, "s^h^u"); /* round, to the last one */
	ASSERT(screen_has(&t, "it has ended"));
	screen_type(&t, "^U^U^U^U\n");
	ASSERT_STR(app_query(t.app)->sort, "pid");
	screen_type(&t, "s");
	y = screen_line(&t, "user id");
	app_key(t.app, APP_MOUSE(APP_MOUSE_CLICK, 20, y));
	ASSERT_STR(app_query(t.app)->sort, "uid");
	screen_type(&t, "s");
	app_key(t.app, APP_MOUSE(APP_MOUSE_CLICK, 0, 0)); /* beside it: away with it */
	ASSERT(!screen_has(&t, "user id"));
	ASSERT_STR(app_query(t.app)->sort, "uid");
	screen_end(&t);
}

/* What is saved is what is shown, but whole, and the screen stays as it is. */
void test_view_saved_text(void)
{
	struct str text = {}, again = {};
	struct screen_test t;

	screen_begin(&t, 80, 12, NULL);
	ASSERT(!screen_has(&t, "systemd"));
	screen_type(&t, "^e");
	app_text(t.app, &text);
	ASSERT(strstr(text.s, "java ") && strstr(text.s, "systemd "));
	ASSERT(strstr(text.s, "Busy threads"));
	ASSERT(!strstr(text.s, "quit"));
	ASSERT(screen_has(&t, "systemd"));
	ASSERT(!screen_has(&t, "java "));
	screen_type(&t, "3\n^t^e");
	app_text(t.app, &again);
	ASSERT(strstr(again.s, "DURATIONS since start"));
	ASSERT(strstr(again.s, "LATENCY of the last minutes"));
	ASSERT(strstr(again.s, "Slow ones"));
	str_free(&text);
	str_free(&again);
	screen_end(&t);
}
