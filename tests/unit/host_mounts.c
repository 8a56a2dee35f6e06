/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Lines of mountinfo, and finding and mounting tracefs in a mount namespace of its own. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "host/mounts.h"
#include "tests/test.h"

void test_host_mount_parse(void)
{
	static const struct {
		const char *line, *type, *path;
	} rows[] = {
		{ "36 35 98:0 / /mnt rw,noatime master:1 - ext4 /dev/root rw", "ext4", "/mnt" },
		{ "36 35 0:6 / /sys/kernel/tracing rw - tracefs tracefs rw", "tracefs",
		  "/sys/kernel/tracing" },
		{ "36 35 0:6 / /a\\040b\\134c rw shared:1 master:2 - tracefs t rw", "tracefs", "/a b\\c" },
		{ "36 35 0:6 /instances/x /t rw - tracefs tracefs rw", "tracefs", NULL },
		{ "36 35 0:6 / /t rw - tracefsx tracefs rw", "tracefs", NULL },
		{ "36 35 0:6 / /t rw - trace tracefs rw", "tracefs", NULL },
		{ "36 35 0:6 / /t rw", "tracefs", NULL },
		{ "36 - tracefs ", "tracefs", NULL },
		{ "", "tracefs", NULL },
		{ "29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw", "cgroup2", "/sys/fs/cgroup" },
		{ "29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw", "cgroup", NULL },
	};
	char path[MOUNT_PATH_LEN], longest[600];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool is = mount_parse(rows[i].line, rows[i].type, path);

		ASSERT_EQ(is, rows[i].path != NULL);
		if (is && rows[i].path)
			ASSERT_STR(path, rows[i].path);
	}
	snprintf(longest, sizeof(longest), "1 2 0:6 / /%0300d rw - tracefs t rw", 0);
	ASSERT(!mount_parse(longest, "tracefs", path));
}

void test_host_mount_find(void)
{
	char path[MOUNT_PATH_LEN];

	ASSERT_EQ(mount_find("proc", path), 0);
	ASSERT_EQ(path[0], '/');
	ASSERT_EQ(mount_find("nosuchfs", path), -ENOENT);
}

/* In a namespace without any tracefs: not found, then mounted, then found. Bits say what failed. */
static int mount_from_nothing(void)
{
	char path[MOUNT_PATH_LEN];
	struct stat st;
	int failed = 0;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return 64;
	while (!mount_find("tracefs", path) && !umount2(path, MNT_DETACH))
		;
	while (!mount_find("debugfs", path) && !umount2(path, MNT_DETACH))
		;
	failed |= tracefs_path(path) != -ENOENT ? 1 : 0;
	failed |= tracefs_mount(path) ? 2 : 0;
	failed |= strcmp(path, "/sys/kernel/tracing") ? 4 : 0;
	failed |= stat("/sys/kernel/tracing/events", &st) ? 8 : 0;
	failed |= tracefs_path(path) ? 16 : 0;
	failed |= tracefs_mount(path) ? 32 : 0; /* a second time: it is there */
	return failed;
}

void test_host_tracefs(void)
{
	char path[MOUNT_PATH_LEN];
	int status = -1;
	pid_t pid;

	if (geteuid() != 0) { /* whatever it says, it must be true */
		int err = tracefs_path(path);

		ASSERT(err == 0 || err == -EACCES || err == -ENOENT);
		return;
	}
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(mount_from_nothing());
	waitpid(pid, &status, 0);
	ASSERT(WIFEXITED(status));
	if (WEXITSTATUS(status) != 64) /* 64: root, but not allowed to have a namespace */
		ASSERT_EQ(WEXITSTATUS(status), 0);
}
