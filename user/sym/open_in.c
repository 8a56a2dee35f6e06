/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* A file is first held without being opened (O_PATH), looked at, and then opened through that. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/base.h"
#include "sym/open_in.h"

int open_root(pid_t pid)
{
	char path[32] = "/";
	int fd;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_held(int held, struct stat *st)
{
	char path[32];
	int fd;

	if (fstat(held, st))
		return -errno;
	if (!S_ISREG(st->st_mode))
		return -ENXIO;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", held);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int open_in(int root, const char *path, bool follow, struct stat *st)
{
	struct open_how how = {
		.flags = (uint64_t)(O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW)),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	__close int held = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));

	return held < 0 ? -errno : open_held(held, st);
}

int open_regular(const char *path, struct stat *st)
{
	__close int held = open(path, O_PATH | O_CLOEXEC);

	return held < 0 ? -errno : open_held(held, st);
}
