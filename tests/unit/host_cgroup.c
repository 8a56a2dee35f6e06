/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The cgroup of a process: which of the hierarchies tells, and paths by id. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/cgroup.h"
#include "host/mounts.h"
#include "tests/test.h"

void test_host_cgroup_parse(void)
{
	static const struct {
		const char *text, *path;
	} rows[] = {
		{ "0::/system.slice/nginx.service\n", "/system.slice/nginx.service" },
		{ "0::/\n", "/" },
		{ "0::/a:b/c\n", "/a:b/c" },
		{ "0::/system.slice/x.service (deleted)\n", "/system.slice/x.service" },
		/* hybrid: the unified hierarchy has the tree, v1 only some controllers */
		{ "5:memory:/short\n1:name=systemd:/user.slice\n0::/u.slice/s.scope\n", "/u.slice/s.scope" },
		/* legacy: the unified one is there and says nothing */
		{ "9:name=systemd:/\n4:memory:/docker/abc\n2:cpuacct:/\n1:cpu:/\n0::/\n", "/docker/abc" },
		{ "4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abcd\n0::/\n", "/docker/abcd" },
		{ "4:blkio:/very/long/path\n3:pids:/p\n0::/\n", "/p" },
		{ "4:xcpu,pidsy:/very/long\n0::/\n", "/" },
		{ "1:name=systemd:/only/v1\n", "/only/v1" },
		{ "1:name=systemd:/no/newline", "/no/newline" },
		{ "10::/not/unified\n", NULL },
		{ "0::\n", NULL },
		{ "nonsense\n:\n::\n", NULL },
		{ "", NULL },
	};
	char path[CGROUP_PATH_LEN], text[3000];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ASSERT_EQ(cgroup_parse(rows[i].text, path), rows[i].path ? 0 : -ENOENT);
		ASSERT_STR(path, rows[i].path ? rows[i].path : "");
	}
	snprintf(text, sizeof(text), "0::/%02000d\n", 0);
	ASSERT_EQ(cgroup_parse(text, path), 0);
	ASSERT_EQ(strlen(path), CGROUP_PATH_LEN - 1);
}

void test_host_cgroup_of_pid(void)
{
	char path[CGROUP_PATH_LEN];

	ASSERT_EQ(cgroup_of_pid(getpid(), path), 0);
	ASSERT_EQ(path[0], '/');
	ASSERT_EQ(cgroup_of_pid(0x7fffffff, path), -ESRCH);
	ASSERT_STR(path, "");
}

/* Of one that has ended nothing is told, or the truth: not "/". */
void test_host_cgroup_of_zombie(void)
{
	char path[CGROUP_PATH_LEN], own[CGROUP_PATH_LEN];
	siginfo_t info;
	pid_t pid = fork();
	int err;

	if (!pid)
		_exit(0);
	ASSERT_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	ASSERT_EQ(cgroup_of_pid(getpid(), own), 0);
	err = cgroup_of_pid(pid, path);
	ASSERT(err == -ESRCH || err == 0);
	ASSERT_STR(path, err ? "" : own);
	waitpid(pid, NULL, 0);
}

/* A cgroup of our own is found by its id, and its path outlives it. */
void test_host_cgroups_path(void)
{
	struct cgroups *c = cgroups_new();
	char mount[MOUNT_PATH_LEN], dir[MOUNT_PATH_LEN + 64], path[CGROUP_PATH_LEN], own[CGROUP_PATH_LEN];
	struct stat st;

	cgroup_of_pid(getpid(), own);
	ASSERT_EQ(cgroups_path(c, 0, getpid(), path), 0);
	ASSERT_STR(path, own);
	ASSERT_EQ(cgroups_path(c, 0, 0, path), -ENOENT);
	ASSERT_EQ(cgroups_path(c, 0xdeadbeef00000ull, 0, path), -ENOENT);
	ASSERT_STR(path, "");

	if (!mount_find("cgroup2", mount) && !geteuid()) {
		snprintf(dir, sizeof(dir), "%s/hostlat-test-%d", mount, (int)getpid());
		if (ASSERT_EQ(mkdir(dir, 0755), 0) && ASSERT_EQ(stat(dir, &st), 0)) {
			ASSERT_EQ(cgroups_path(c, st.st_ino, 0, path), 0);
			ASSERT_STR(path, dir + strlen(mount));
			ASSERT_EQ(rmdir(dir), 0);
			ASSERT_EQ(cgroups_path(c, st.st_ino, 0, path), 0);
			ASSERT_STR(path, dir + strlen(mount));
		}
		/* the root's own id: what the process itself says counts */
		ASSERT_EQ(stat(mount, &st), 0);
		ASSERT_EQ(cgroups_path(c, st.st_ino, getpid(), path), 0);
		ASSERT_STR(path, own);
	}
	cgroups_free(c);
	cgroups_free(NULL);
}
