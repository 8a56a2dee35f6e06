/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Cgroups with a quota, the page of a wait that one throttled; and views that have no digit. */
#include <string.h>

#include "tests/test.h"
#include "tests/unit/model_util.h"
#include "tests/view/fixture.h"
#include "view/app.h"

static const struct snap *throttled_snap(struct feed *f)
{
	static const char *const paths[] = { "/kubepods/burstable/pod7c1/4f2a", "/batch/night",
					     "/user.slice/\x1b]0;x\x07" };

	for (uint32_t i = 0; i < ARRAY_SIZE(paths); i++)
		feed_process_in(f, 10 + i, i ? "batch" : "java", paths[i], NULL);
	feed_cgroup(f, "/batch", (struct hl_rec_cgroup){ .usage_ns = HL_CGROUP_UNKNOWN });
	feed_cgroup(f, paths[0], (struct hl_rec_cgroup){});
	feed_cgroup(
		f, paths[2],
		(struct hl_rec_cgroup){ .throttled_ns = HL_CGROUP_UNKNOWN, .periods = HL_CGROUP_UNKNOWN });
	for (uint32_t i = 0; i < ARRAY_SIZE(paths); i++)
		feed_ledger(f, 10 + i, 10 + i, 0,
			    CLOCKS([HL_STATE_CPU] = (400 - 100 * i) * MS, [HL_STATE_RUNQUEUE] = 10 * MS,
				   [HL_STATE_THROTTLED] = (590 - 200 * i) * MS));
	feed_cgroup(f, "/batch",
		    (struct hl_rec_cgroup){ .periods = 10,
					    .throttled = 4,
					    .throttled_ns = 390 * MS,
					    .usage_ns = HL_CGROUP_UNKNOWN });
	feed_cgroup(f, paths[0],
		    (struct hl_rec_cgroup){
			    .periods = 10, .throttled = 10, .throttled_ns = 590 * MS, .usage_ns = 410 * MS });
	feed_cgroup(f, paths[2],
		    (struct hl_rec_cgroup){ .flags = HL_CGROUP_GONE,
					    .throttled_ns = HL_CGROUP_UNKNOWN,
					    .periods = HL_CGROUP_UNKNOWN });
	feed_slow(f, (struct feed_slow){ .pid = 10,
					 .tid = 10,
					 .op = HL_OP_WAIT,
					 .state = HL_STATE_RUNQUEUE,
					 .begin = f->ts,
					 .duration = 45 * MS,
					 .throttled = 42 * MS,
					 .comm = "http-nio-8080-1",
					 .nr = HL_NR_NONE });
	return feed_tick(f, SEC);
}

void test_view_cgroups_screens(void)
{
	static const struct {
		const char *name, *keys;
		int w, h;
	} shots[] = {
		{ "cgroups-80", "u", 80, 24 },        { "cgroups-200", "u", 200, 24 },
		{ "cgroups-one-80", "u\n", 80, 40 },  { "cgroups-slow-80", "4\n", 80, 40 },
		{ "cgroups-slow-200", "4", 200, 24 }, { "views-80", "4v^u", 80, 24 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(shots); i++) {
		struct feed *f = feed_new(NULL, NULL);
		struct screen_test t;

		screen_begin(&t, shots[i].w, shots[i].h, NULL);
		app_snap(t.app, throttled_snap(f));
		screen_type(&t, shots[i].keys);
		screen_golden(&t, shots[i].name, false);
		screen_end(&t);
		feed_free(f);
	}
}

/* Every view is reached by its key, by Tab, from the list and by a click on its tab, and its title stands
 * there while it shows, however many tabs there are. */
void test_view_every_view(void)
{
	static const int widths[] = { 20, 60, 80, 120, 200 };
	struct screen_test t;

	for (size_t w = 0; w < ARRAY_SIZE(widths); w++) {
		screen_begin(&t, widths[w], 24, NULL);
		for (size_t i = 0; i < nr_views(); i++) {
			app_key(t.app, views[i].key);
			ASSERT_STR(app_view(t.app), views[i].table);
			if (widths[w] >= 60)
				ASSERT(screen_has(&t, views[i].title) ||
				       (views[i].brief && screen_has(&t, views[i].brief)));
			app_key(t.app, '\t');
			ASSERT_STR(app_view(t.app), views[(i + 1) % nr_views()].table);
			screen_type(&t, "v^u\n");
			ASSERT_STR(app_view(t.app), views[i].table);
			app_key(t.app, 'v');
			app_key(t.app, views[(i + 1) % nr_views()].key);
			ASSERT_STR(app_view(t.app), views[(i + 1) % nr_views()].table);
			screen_type(&t, "v^x");
			ASSERT_STR(app_view(t.app), views[(i + 1) % nr_views()].table);
		}
		screen_end(&t);
	}
}

/* No two views have one key, nor a view that of something else. */
void test_view_keys_of_views(void)
{
	for (size_t i = 0; i < nr_views(); i++) {
		ASSERT(views[i].key);
		for (size_t k = 0; k < i; k++)
			ASSERT(views[k].key != views[i].key);
		for (const struct key *k = keys; k->name; k++)
			for (size_t c = 0; c < ARRAY_SIZE(k->codes); c++)
				ASSERT(k->codes[c] != views[i].key);
	}
}
