/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Mode hostile: names of threads, processes, arguments and files that would hurt whoever prints them raw. */
#include "modes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const names[] = {
	"\x1b]52;c;aGk=\a", /* writes to the clipboard */
	"\x1b[2J\x1b[H",    /* clears the screen */
	"\x1b]0;title\a",   /* sets the title */
	"one\ntwo",         /* forges a row */
	"over\rwrite",      /* overwrites a row */
	"\b\b\b\x7f",       /* eats what stands before */
	"\xff\xfe\xfd",     /* not UTF-8 */
	"\xc3\x28",         /* a cut sequence */
	"\x9b"
	"31mred", /* the 8-bit CSI */
	"\xe2\x80\xae"
	"txt.exe",                   /* right to left override */
	"a\xcc\x81\xcc\x81\xcc\x81", /* combining marks */
	"\xe2\x80\x8b\xef\xbb\xbf",  /* zero width */
	"<script>alert(1)",
	"\"}],\"x\":[{\"",
	"%s%n%x",
	"'; DROP TABLE",
	"tab\there",
	"=1+1",
	" ",
};

#define NR_NAMES (sizeof(names) / sizeof(names[0]))

/* The new image, whose name and arguments are hostile too: argv[2] is how long it stays, in ns. */
int w_hostile_child(int argc, char **argv)
{
	struct timespec ts = w_ts(argc > 2 ? strtoull(argv[2], NULL, 10) : 0);

	return nanosleep(&ts, NULL) ? 1 : 0;
}

struct hostile {
	char dir[PATH_MAX / 2];
	uint32_t next;
};

static uint64_t stay_ns(struct w *w)
{
	return w->opt.each * w->opt.hold_ns;
}

/* Runs this program by a link that has the name, with the name among the arguments. */
static void exec_by(struct hostile *h, const char *name, uint64_t ns)
{
	char path[PATH_MAX], self[PATH_MAX], time[24];
	char *argv[] = { (char *)name, "hostile-child", time, (char *)name, NULL };
	char *envp[] = { NULL };
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		_exit(1);
	self[n] = 0;
	snprintf(time, sizeof(time), "%llu", (unsigned long long)ns);
	snprintf(path, sizeof(path), "%s/%s.x", h->dir, name);
	if (!symlink(self, path))
		syscall(SYS_execve, path, argv, envp);
	_exit(1);
}

static void write_file(struct w_thread *t, const char *path)
{
	long fd = CALL(t, OPENAT, AT_FDCWD, L(path), O_RDWR | O_CREAT | O_CLOEXEC, 0600), r = fd;

	for (uint64_t n = 0; r >= 0 && w_more(t->w, n); n++) {
		r = WAIT(t, DISK, WRITE, fd, L("x"), 1);
		if (r == 1)
			r = WAIT(t, DISK, FSYNC, fd);
		w_sleep(t, t->w->opt.hold_ns);
	}
	if (r < 0)
		w_fail(t->w, "write a file with a hostile name", (int)r);
	CALL(t, CLOSE, fd);
}

static void hostile(struct w_thread *t, void *arg)
{
	struct hostile *h = arg;
	const char *name = names[__atomic_fetch_add(&h->next, 1, __ATOMIC_RELAXED) % NR_NAMES];
	uint64_t begin = w_now();
	char path[PATH_MAX];
	long pid = w_fork(t);

	if (!pid)
		exec_by(h, name, stay_ns(t->w));
	CALL(t, PRCTL, PR_SET_NAME, L(name), 0, 0, 0);
	strncpy(t->name, name, sizeof(t->name) - 1);
	snprintf(path, sizeof(path), "%s/%s", h->dir, name);
	write_file(t, path);
	if (pid < 0 || w_reap(t, pid))
		w_fail(t->w, "run by a hostile name", -ECHILD);
	w_note(t->w, (uint32_t)pid, W_EXITED, begin);
	unlink(path);
	snprintf(path, sizeof(path), "%s/%s.x", h->dir, name);
	unlink(path);
}

int w_mode_hostile(struct w *w)
{
	struct hostile *h = w_alloc(w, 1, sizeof(*h));
	int err;

	if (!h)
		return -ENOMEM;
	if (!w->opt.each)
		return w_fail(w, "hostile needs --each", -EINVAL);
	w_path(w, 0, h->dir, sizeof(h->dir));
	if (mkdir(h->dir, 0700) && errno != EEXIST)
		return w_fail(w, h->dir, -errno);
	err = w_run(w, "hostile", NR_NAMES, hostile, h);
	if (rmdir(h->dir) && !w->opt.file && !err)
		return w_fail(w, h->dir, -errno);
	w_extra(w, "names", NR_NAMES);
	return err;
}
