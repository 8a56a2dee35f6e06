/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Cgroups with a quota: the kernel's figures and the threads' time, from records to rows; and whose quota a
 * slow wait was throttled by. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "tests/unit/model_util.h"

#define FIGURES(p, t, ns, u)                                                                                 \
	((struct hl_rec_cgroup){ .periods = (p), .throttled = (t), .throttled_ns = (ns), .usage_ns = (u) })
#define UNKNOWN HL_CGROUP_UNKNOWN

static const struct cgroup_row *row_of(const struct snap *s, const char *path)
{
	const struct snap_table *t = snap_table(s, "cgroups");

	for (size_t i = 0; i < t->n; i++) {
		const struct cgroup_row *r = snap_row(t, i);

		if (!strcmp(r->path, path))
			return r;
	}
	return NULL;
}

static const char *cell(const struct snap *s, const char *path, const char *field)
{
	static char buf[160];
	const struct table_desc *t = snap_table(s, "cgroups")->desc;
	const struct cgroup_row *r = row_of(s, path);
	struct str out = {};
	struct val v;

	if (!r)
		return "no row";
	v = field_get(table_field(t, field), r);
	val_text(&out, table_field(t, field), &v, true);
	snprintf(buf, sizeof(buf), "%s", str_get(&out));
	str_free(&out);
	return buf;
}

/* What is below counts above too; what was before the first reading does not. */
void test_cgroups_rows(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	feed_process_in(f, 10, "in", "/a/b/c", NULL);
	feed_process_under(f, 11, "apart", "/elsewhere", "/a");
	feed_process_under(f, 12, "none", "/a/b", "/");
	feed_process_in(f, 13, "beside", "/ab", NULL);
	feed_cgroup(f, "/a", FIGURES(100, 50, 7 * SEC, 2 * SEC));
	feed_cgroup(f, "/a/b", FIGURES(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN));
	for (uint32_t pid = 10; pid <= 13; pid++)
		feed_ledger(f, pid, pid, 0,
			    CLOCKS([HL_STATE_CPU] = pid * MS, [HL_STATE_RUNQUEUE] = MS,
				   [HL_STATE_THROTTLED] = 100 * MS));
	feed_cgroup(f, "/a", FIGURES(110, 56, 7 * SEC + 400 * MS, 2 * SEC + 500 * MS));
	s = feed_tick(f, SEC);
	ASSERT_EQ(snap_table(s, "cgroups")->n, 2);
	ASSERT_STR(cell(s, "/a", "quota_cpus"), "0.50");
	ASSERT_STR(cell(s, "/a", "period_ns"), "100ms");
	ASSERT_STR(cell(s, "/a", "interval.periods"), "10");
	ASSERT_STR(cell(s, "/a", "interval.throttled_periods"), "6");
	ASSERT_STR(cell(s, "/a", "throttled_periods_pct"), "60%");
	ASSERT_STR(cell(s, "/a", "throttled_ns"), "400ms");
	ASSERT_STR(cell(s, "/a", "interval.used_cpus"), "0.50");
	ASSERT_STR(cell(s, "/a", "threads.cpu_ns"), "21.0ms");
	ASSERT_STR(cell(s, "/a", "threads.runqueue_ns"), "2.00ms");
	ASSERT_STR(cell(s, "/a", "interval.threads.throttled_ns"), "200ms");
	/* what the files do not tell is not zero */
	ASSERT_STR(cell(s, "/a/b", "throttled_ns"), "-");
	ASSERT_STR(cell(s, "/a/b", "interval.periods"), "-");
	ASSERT_STR(cell(s, "/a/b", "throttled_periods_pct"), "-");
	ASSERT_STR(cell(s, "/a/b", "usage_ns"), "-");
	ASSERT_STR(cell(s, "/a/b", "threads.throttled_ns"), "100ms");
	ASSERT_STR(find_proc(s, 10)->quota_cgroup, "/a/b");
	ASSERT_STR(find_proc(s, 11)->quota_cgroup, "/a");
	ASSERT(!find_proc(s, 12)->quota_cgroup && !find_proc(s, 13)->quota_cgroup);
	s = feed_tick(f, SEC);
	ASSERT_STR(cell(s, "/a", "interval.throttled_ns"), "0ns");
	ASSERT_STR(cell(s, "/a", "throttled_ns"), "400ms");
	ASSERT_STR(cell(s, "/a", "interval.threads.throttled_ns"), "0ns");
	ASSERT_STR(cell(s, "/a", "threads.throttled_ns"), "200ms");
	feed_free(f);
}

/* One that was removed keeps its row; another one of its path goes on from there. */
void test_cgroups_gone(void)
{
	struct feed *f = feed_new(&(struct model_limits){ .max_cgroups = 2 }, NULL);
	const struct snap *s;

	feed_cgroup(f, "/a", FIGURES(10, 5, SEC, UNKNOWN));
	feed_cgroup(f, "/a", FIGURES(20, 9, 2 * SEC, UNKNOWN));
	feed_cgroup(f, "/a",
		    (struct hl_rec_cgroup){ .periods = 20,
					    .throttled = 9,
					    .throttled_ns = 2 * SEC,
					    .usage_ns = UNKNOWN,
					    .flags = HL_CGROUP_GONE });
	s = feed_tick(f, SEC);
	ASSERT_STR(cell(s, "/a", "gone"), "yes");
	ASSERT_STR(cell(s, "/a", "throttled_ns"), "1.00s");
	feed_cgroup(f, "/a", FIGURES(30, 2, 3 * SEC, UNKNOWN));
	s = feed_tick(f, SEC);
	ASSERT_STR(cell(s, "/a", "gone"), "no");
	ASSERT_STR(cell(s, "/a", "throttled_ns"), "4.00s");
	ASSERT_STR(cell(s, "/a", "interval.periods"), "30");
	/* a new one that nobody saw go */
	feed_cgroup(f, "/a", FIGURES(1, 1, MS, UNKNOWN));
	s = feed_tick(f, SEC);
	ASSERT_STR(cell(s, "/a", "interval.throttled_ns"), "1.00ms");
	/* there is room for so many; those that are gone give way */
	feed_cgroup(f, "/b", FIGURES(1, 1, MS, UNKNOWN));
	feed_cgroup(f, "/c", FIGURES(1, 1, MS, UNKNOWN));
	s = feed_tick(f, SEC);
	ASSERT(row_of(s, "/a") && row_of(s, "/b") && !row_of(s, "/c"));
	feed_cgroup(f, "/a", (struct hl_rec_cgroup){ .flags = HL_CGROUP_GONE });
	feed_cgroup(f, "/c", FIGURES(1, 1, MS, UNKNOWN));
	s = feed_tick(f, SEC);
	ASSERT(!row_of(s, "/a") && row_of(s, "/b") && row_of(s, "/c"));
	feed_free(f);
}

/* Time below one that goes stays with the one above it. */
void test_cgroups_gone_below(void)
{
	struct feed *f = feed_new(&(struct model_limits){ .max_cgroups = 2 }, NULL);
	const struct snap *s;

	feed_process_in(f, 10, "in", "/a/b", NULL);
	feed_cgroup(f, "/a", FIGURES(0, 0, 0, UNKNOWN));
	feed_cgroup(f, "/a/b", FIGURES(0, 0, 0, UNKNOWN));
	feed_ledger(f, 10, 10, 0, CLOCKS([HL_STATE_CPU] = 30 * MS));
	feed_cgroup(f, "/a/b", (struct hl_rec_cgroup){ .flags = HL_CGROUP_GONE });
	feed_cgroup(f, "/c", FIGURES(0, 0, 0, UNKNOWN));
	feed_ledger(f, 10, 10, 0, CLOCKS([HL_STATE_CPU] = 50 * MS));
	s = feed_tick(f, SEC);
	ASSERT(!row_of(s, "/a/b"));
	ASSERT_STR(cell(s, "/a", "threads.cpu_ns"), "50.0ms");
	ASSERT_STR(find_proc(s, 10)->quota_cgroup, "/a");
	feed_free(f);
}

static void feed_throttled(struct feed *f, uint32_t pid)
{
	feed_slow(f, (struct feed_slow){ .pid = pid,
					 .tid = pid,
					 .op = HL_OP_WAIT,
					 .state = HL_STATE_RUNQUEUE,
					 .begin = f->ts,
					 .duration = 45 * MS,
					 .throttled = 42 * MS });
}

static const struct slow_row *slow_of(const struct snap *s, uint32_t pid)
{
	const struct snap_table *t = snap_table(s, "slow");

	for (size_t i = 0; i < t->n; i++)
		if (((const struct slow_row *)snap_row(t, i))->pid == pid)
			return snap_row(t, i);
	return NULL;
}

void test_cgroups_of_slow(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct slow_row *r;
	const struct snap *s;

	feed_process_in(f, 10, "two", "/a/b", NULL);
	feed_process_in(f, 11, "one", "/c/d", NULL);
	feed_process_in(f, 12, "none", "/e", NULL);
	feed_cgroup(f, "/a", FIGURES(0, 0, 0, UNKNOWN));
	feed_cgroup(f, "/a/b", FIGURES(0, 0, 0, UNKNOWN));
	feed_cgroup(f, "/c", FIGURES(0, 0, 0, UNKNOWN));
	feed_throttled(f, 10);
	feed_throttled(f, 11);
	feed_throttled(f, 12);
	/* told later, in the same interval */
	feed_cgroup(f, "/a", FIGURES(100, 61, 2 * SEC, UNKNOWN));
	feed_cgroup(f, "/a/b", FIGURES(10, 1, MS, UNKNOWN));
	s = feed_tick(f, SEC);
	r = slow_of(s, 10);
	if (!ASSERT(r && r->throttle.cgroup))
		return;
	ASSERT_STR(r->throttle.cgroup, "/a");
	ASSERT_STR(r->throttle.text,
		   "throttled 42.0ms: quota 0.50 CPU of /a (100ms periods), throttled in 61% of its periods");
	/* there is but one that it can be, though its figures did not move */
	ASSERT_STR(slow_of(s, 11)->throttle.text, "throttled 42.0ms: quota 0.50 CPU of /c (100ms periods)");
	ASSERT(!slow_of(s, 12)->throttle.cgroup && !slow_of(s, 12)->throttle.text);
	/* it is known of that wait, whatever comes later */
	feed_cgroup(f, "/a/b", FIGURES(10, 9, 9 * SEC, UNKNOWN));
	s = feed_tick(f, SEC);
	ASSERT_STR(slow_of(s, 10)->throttle.cgroup, "/a");
	feed_throttled(f, 10);
	s = feed_tick(f, SEC);
	ASSERT(!slow_of(s, 10)->throttle.cgroup); /* neither moved: it may be either */
	feed_free(f);
}

/* Rows are of the processes that a run is about; their time is that of all in the cgroup. */
void test_cgroups_filtered(void)
{
	static const uint32_t pids[] = { 10 };
	struct model_filter filter = { .pids = pids, .nr_pids = 1 };
	struct feed *f = feed_new(NULL, &filter);
	const struct snap *s;

	feed_process_in(f, 10, "in", "/a/b", NULL);
	feed_process_in(f, 11, "beside", "/a", NULL);
	feed_process_in(f, 12, "out", "/c", NULL);
	feed_cgroup(f, "/a", FIGURES(0, 0, 0, UNKNOWN));
	feed_cgroup(f, "/c", FIGURES(0, 0, 0, UNKNOWN));
	for (uint32_t pid = 10; pid <= 12; pid++)
		feed_ledger(f, pid, pid, 0, CLOCKS([HL_STATE_CPU] = 10 * MS));
	s = feed_tick(f, SEC);
	ASSERT_EQ(snap_table(s, "cgroups")->n, 1);
	ASSERT_STR(cell(s, "/a", "threads.cpu_ns"), "20.0ms");
	feed_free(f);
}

void test_cgroups_bad(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	ASSERT(feed_cgroup(f, "", FIGURES(1, 1, 1, 1)) < 0);
	ASSERT(feed_cgroup(f, "no/slash", FIGURES(1, 1, 1, 1)) < 0);
	ASSERT_EQ(feed_cgroup(f, "/", FIGURES(1, 1, 1, 1)), 0);
	ASSERT_EQ(feed_cgroup(f, "//", FIGURES(UNKNOWN - 1, 1, 1, 1)), 0);
	ASSERT_EQ(feed_cgroup(f, "//", FIGURES(1, UNKNOWN - 1, 1, 1)), 0);
	feed_process_in(f, 10, "odd", "//x//", NULL);
	feed_process_in(f, 11, "odd", "no/slash", NULL);
	feed_ledger(f, 10, 10, 0, CLOCKS([HL_STATE_CPU] = 10 * MS));
	feed_ledger(f, 11, 11, 0, CLOCKS([HL_STATE_CPU] = 10 * MS));
	s = feed_tick(f, SEC);
	ASSERT(row_of(s, "//") != NULL);
	feed_free(f);
}
