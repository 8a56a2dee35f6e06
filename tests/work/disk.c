/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Modes that wait for a disk: fsync, fault. */
#include "modes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
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
	struct w_span span;
	bool made;
	long fd, r;

	w_path(t->w, w_index(t), path, sizeof(path));
	/* making a file and taking it away wait for the disk too */
	w_span_open(t, &span);
	fd = open_file(t, path, &made);
	w_span_close(t, &span, HL_STATE_DISK);
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
	w_span_open(t, &span);
	CALL(t, CLOSE, fd);
	if (made)
		unlink(path);
	w_span_close(t, &span, HL_STATE_DISK);
}

int w_mode_fsync(struct w *w)
{
	return w_run(w, "fsyncer", w->opt.threads, w_fsyncer, NULL);
}

#define STRIDE (256UL << 10) /* beyond any read-ahead and fault-around */
#define PAGES  256UL

static int fill(struct w_thread *t, int fd)
{
	char block[4096];

	memset(block, 'f', sizeof(block));
	for (size_t i = 0; i < PAGES; i++)
		if (pwrite(fd, block, sizeof(block), (off_t)(i * STRIDE)) != sizeof(block))
			return w_fail(t->w, "write", errno ? -errno : -EIO);
	if (ftruncate(fd, PAGES * STRIDE))
		return w_fail(t->w, "ftruncate", -errno);
	return 0;
}

/* Out of the page tables and out of the page cache, which only gives up clean pages. */
static long drop(struct w_thread *t, int fd, char *p)
{
	long r = WAIT(t, DISK, FSYNC, fd);

	if (r < 0 || madvise(p, PAGES * STRIDE, MADV_DONTNEED))
		return r < 0 ? r : -errno;
	return CALL(t, FADVISE, fd, 0, PAGES * STRIDE, POSIX_FADV_DONTNEED);
}

/* How often the thread has gone to sleep. */
static long sleeps(struct w_thread *t)
{
	struct rusage now = { 0 };

	CALL(t, GETRUSAGE, RUSAGE_THREAD, L(&now));
	return now.ru_nvcsw;
}

/* Gives how often it slept in faults. */
static long touch_all(struct w_thread *t, int fd, volatile char *p)
{
	long r = 0, slept = sleeps(t), before;
	struct w_span s;

	for (uint64_t n = 0; w_more(t->w, n) && r >= 0; n++) {
		if (n % PAGES == 0) {
			before = sleeps(t);
			r = drop(t, fd, (char *)p);
			slept += sleeps(t) - before;
		}
		w_span_open(t, &s);
		(void)p[n % PAGES * STRIDE];
		w_span_close(t, &s, HL_STATE_FAULT);
	}
	if (r < 0)
		w_fail(t->w, "drop the page cache", (int)r);
	return sleeps(t) - slept;
}

static void faulter(struct w_thread *t, void *unused)
{
	struct rusage before = { 0 }, after = { 0 };
	char path[PATH_MAX];
	bool made;
	long slept;
	char *p;
	int fd;

	w_path(t->w, 0, path, sizeof(path));
	fd = (int)open_file(t, path, &made);
	if (fd < 0)
		return;
	if (made)
		unlink(path);
	else {
		w_fail(t->w, path, -EEXIST);
		return;
	}
	if (fill(t, fd))
		return;
	p = mmap(NULL, PAGES * STRIDE, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED || madvise(p, PAGES * STRIDE, MADV_RANDOM)) {
		w_fail(t->w, "mmap", -errno);
		return;
	}
	CALL(t, GETRUSAGE, RUSAGE_THREAD, L(&before));
	slept = touch_all(t, fd, p);
	CALL(t, GETRUSAGE, RUSAGE_THREAD, L(&after));
	w_extra(t->w, "major_faults", (double)(after.ru_majflt - before.ru_majflt));
	w_extra(t->w, "sleeps", (double)slept);
	if (after.ru_majflt == before.ru_majflt)
		w_fail(t->w, "no major fault: --file must be on a disk", -EINVAL);
	munmap(p, PAGES * STRIDE);
	CALL(t, CLOSE, fd);
}

int w_mode_fault(struct w *w)
{
	return w_run(w, "faulter", 1, faulter, NULL);
}
