/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The CPU controller's files, of both versions: whole ones, half ones and bad ones. */
#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "host/cgroup.h"
#include "host/mounts.h"
#include "host/quota.h"
#include "tests/test.h"

#define MS NSEC_PER_MSEC

void test_host_quota_limits(void)
{
	static const struct {
		const char *max; /* cpu.max; NULL: the two files of version 1 */
		const char *quota, *period;
		int err;
		uint64_t quota_ns, period_ns;
	} rows[] = {
		{ "50000 100000\n", NULL, NULL, 0, 50 * MS, 100 * MS },
		{ "max 100000\n", NULL, NULL, 0, 0, 100 * MS },
		{ "250000 50000", NULL, NULL, 0, 250 * MS, 50 * MS },
		{ "max\n", NULL, NULL, -EINVAL, 0, 0 },
		{ "50000", NULL, NULL, -EINVAL, 0, 0 },
		{ "50000 ", NULL, NULL, -EINVAL, 0, 0 },
		{ "50000 0\n", NULL, NULL, -EINVAL, 0, 0 },
		{ "0 100000\n", NULL, NULL, -EINVAL, 0, 0 },
		{ "-5 100000\n", NULL, NULL, -EINVAL, 0, 0 },
		{ "99999999999999999999 100000\n", NULL, NULL, -EINVAL, 0, 0 },
		{ "18446744073709551615 100000\n", NULL, NULL, -EINVAL, 0, 0 },
		{ "", NULL, NULL, -EINVAL, 0, 0 },
		{ NULL, "50000\n", "100000\n", 0, 50 * MS, 100 * MS },
		{ NULL, "-1\n", "100000\n", 0, 0, 100 * MS },
		{ NULL, "5x\n", "100000\n", -EINVAL, 0, 0 },
		{ NULL, "", "100000\n", -EINVAL, 0, 0 },
		{ NULL, "50000\n", "", -EINVAL, 0, 0 },
		{ NULL, "50000\n", "0\n", -EINVAL, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct quota q = {};
		int err = rows[i].max ? quota_parse_max(rows[i].max, &q)
				      : quota_parse_cfs(rows[i].quota, rows[i].period, &q);

		ASSERT_EQ(err, rows[i].err);
		ASSERT_EQ(q.quota_ns, rows[i].quota_ns);
		ASSERT_EQ(q.period_ns, rows[i].period_ns);
	}
}

void test_host_quota_stat(void)
{
	static const struct {
		const char *text;
		uint64_t periods, throttled, throttled_ns, usage_ns;
	} rows[] = {
		{ "nr_periods 30\nnr_throttled 29\nthrottled_time 2850123456\nnr_bursts 0\nburst_time 0\n",
		  30, 29, 2850123456, QUOTA_UNKNOWN },
		{ "usage_usec 70\nuser_usec 60\nsystem_usec 10\nnr_periods 3\nnr_throttled 0\nthrottled_usec "
		  "5\n",
		  3, 0, 5000, 70000 },
		/* without the controller, of a v2 cgroup */
		{ "usage_usec 70\nuser_usec 60\nsystem_usec 10\n", QUOTA_UNKNOWN, QUOTA_UNKNOWN,
		  QUOTA_UNKNOWN, 70000 },
		{ "nr_periods 3\nnr_throttled 2\nthrottled_ti", 3, 2, QUOTA_UNKNOWN, QUOTA_UNKNOWN },
		{ "nr_periods 3\nnr_throttled 2", 3, QUOTA_UNKNOWN, QUOTA_UNKNOWN, QUOTA_UNKNOWN },
		{ "nr_periods x\nnr_throttled -1\nthrottled_time 99999999999999999999\nusage_usec\n",
		  QUOTA_UNKNOWN, QUOTA_UNKNOWN, QUOTA_UNKNOWN, QUOTA_UNKNOWN },
		{ "throttled_usec 18446744073709551615\n", QUOTA_UNKNOWN, QUOTA_UNKNOWN, QUOTA_UNKNOWN,
		  QUOTA_UNKNOWN },
		{ "", QUOTA_UNKNOWN, QUOTA_UNKNOWN, QUOTA_UNKNOWN, QUOTA_UNKNOWN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct quota q = { .quota_ns = 7 };

		quota_parse_stat(rows[i].text, &q);
		ASSERT_EQ(q.periods, rows[i].periods);
		ASSERT_EQ(q.throttled, rows[i].throttled);
		ASSERT_EQ(q.throttled_ns, rows[i].throttled_ns);
		ASSERT_EQ(q.usage_ns, rows[i].usage_ns);
		ASSERT_EQ(q.quota_ns, 7);
	}
}

void test_host_quota_mounts(void)
{
	static const struct {
		const char *line, *controller, *path, *root;
	} rows[] = {
		{ "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu", "cpu", "/sys/fs/cgroup/cpu",
		  "" },
		{ "32 31 0:29 / /c rw - cgroup cgroup rw,cpu,cpuacct", "cpu", "/c", "" },
		{ "32 31 0:29 / /c rw - cgroup cgroup rw,cpuacct", "cpu", NULL, NULL },
		{ "32 31 0:29 / /c rw - cgroup cgroup rw,cpuset", "cpu", NULL, NULL },
		{ "32 31 0:29 /docker/abc /c rw - cgroup cgroup rw,cpu", "cpu", "/c", "/docker/abc" },
		{ "32 31 0:29 /../.. /host rw - cgroup2 none rw", NULL, "/host", "/../.." },
		{ "32 31 0:29 / /c rw - cgroup2 cpu rw", "cpu", NULL, NULL },
		{ "32 31 0:29 / /c rw - cgroup cgroup rw,cpu", NULL, NULL, NULL },
		{ "32 31 0:29 /x", "cpu", NULL, NULL },
		{ "32 31 0:29 /x - cgroup c cpu", "cpu", NULL, NULL },
	};
	char path[MOUNT_PATH_LEN], root[MOUNT_PATH_LEN];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool is = mount_parse_cgroup(rows[i].line, rows[i].controller, path, root);

		ASSERT_EQ(is, rows[i].path != NULL);
		if (!is || !rows[i].path)
			continue;
		ASSERT_STR(path, rows[i].path);
		ASSERT_STR(root, rows[i].root);
	}
}

void test_host_quota_path(void)
{
	static const char text[] = "4:cpu,cpuacct:/docker/abc\n3:cpuset:/set\n1:name=systemd:/s\n0::/u\n";
	char path[CGROUP_PATH_LEN];

	ASSERT_EQ(cgroup_parse_controller(text, "cpu", path), 0);
	ASSERT_STR(path, "/docker/abc");
	ASSERT_EQ(cgroup_parse_controller(text, NULL, path), 0);
	ASSERT_STR(path, "/u");
	ASSERT_EQ(cgroup_parse_controller(text, "cpus", path), -ENOENT);
	ASSERT_STR(path, "");
	ASSERT_EQ(cgroup_parse_controller("0::\nnonsense", NULL, path), -ENOENT);
}

/* Nothing outside of the hierarchy is opened, whatever a path says. */
void test_host_quota_of_nobody(void)
{
	static const char *const paths[] = {
		"/no/such/cgroup", "/..", "/../../etc", "/a/../b", "relative", ""
	};
	struct cpu_tree *t = cpu_tree_open();
	char path[CGROUP_PATH_LEN];
	struct quota q = { .quota_ns = 7 };

	for (size_t i = 0; t && i < ARRAY_SIZE(paths); i++) {
		ASSERT(cpu_tree_quota(t, paths[i], &q) < 0);
		ASSERT_EQ(q.quota_ns, 7);
	}
	ASSERT(!t || cpu_tree_path(t, getpid(), path) == 0);
	cpu_tree_close(t);
	cpu_tree_close(NULL);
}
