/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Modes that wait for a disk: fsync. */
#include "modes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Opens a file for writing; *made says whether it is ours to remove. */
static long open_file(struct w_thread *t, const char *path, bool *made)
{
	long fd = CALL(t, OPENAT, AT_FDCWD, L(path), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	*made = fd >= 0;
	if (fd == -EEXIST)
		fd = CALL(t, OPENAT, AT_FDCWD, L(path), O_RDWR | O_CLOEXEC);
	return fd < 0 ? w_fail(t->w, path, (int)fd) : fd;
}

void w_fsyncer(struct w_thread *t, void *unused)
{
	char path[PATH_MAX], block[4096];
	bool made;
	long fd, r;

	w_path(t->w, (uint32_t)(t - t->w->sh->threads) - 1, path, sizeof(path));
	fd = open_file(t, path, &made);
	if (fd < 0)
		return;
	memset(block, 'w', sizeof(block));
	for (uint64_t n = 0; w_more(t->w, n); n++) {
		r = WAIT(t, DISK, WRITE, fd, L(block), sizeof(block));
		if (r == sizeof(block))
			r = WAIT(t, DISK, FSYNC, fd);
		if (r < 0)
			w_fail(t->w, path, (int)r);
	}
	CALL(t, CLOSE, fd);
	if (made)
		unlink(path);
}

int w_mode_fsync(struct w *w)
{
	return w_run(w, "fsyncer", w->opt.threads, w_fsyncer, NULL);
}
