/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Owns the reading of /proc/PID. Called by the live source at start, by doctor, by tests. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "host/file.h"
#include "host/proc.h"

#define PATH_LEN       64
#define STAT_LEN       2048
#define STATUS_LEN     4096
#define FLAG_EXITING   0x00000004ull /* PF_EXITING */
#define FLAG_WQ_WORKER 0x00000020ull /* PF_WQ_WORKER */
#define FLAG_KTHREAD   0x00200000ull /* PF_KTHREAD */

/* Fields of a stat file, counted as proc(5) does. */
enum { STAT_STATE = 3, STAT_PPID = 4, STAT_FLAGS = 9, STAT_THREADS = 20, STAT_START = 22, NR_STAT };

bool proc_same_start(uint64_t exact, uint64_t ticked)
{
	return exact - exact % PROC_TICK_NS == ticked - ticked % PROC_TICK_NS;
}

/* A process that is gone has no directory: say it as its system calls would. */
static ssize_t gone(ssize_t err)
{
	return err == -ENOENT ? -ESRCH : err;
}

/*
 * Of a worker whose name is "kworker/1:2" the kernel writes "kworker/1:2-events": the work is not
 * part of the name that records hold. A rescuer's name ("kworker/R-netns") has its dash for good.
 */
static size_t worker_len(const char *comm, size_t len)
{
	const char *colon = memchr(comm, ':', len);

	if (!colon || strncmp(comm, "kworker/", 8) || comm[8] == 'R')
		return len;
	return (size_t)(colon - comm) + strcspn(colon, "-+)");
}

/* The numbers behind the state; signed ones (pgrp, tty, priority) are stepped over. */
static int parse_fields(const char *p, uint64_t *field)
{
	for (int i = STAT_PPID; i < NR_STAT; i++) {
		p += strspn(p, " ");
		if (*p == '-')
			p++;
		if (parse_u64(&p, &field[i]))
			return -EINVAL;
	}
	return 0;
}

int proc_parse_stat(const char *text, struct proc_info *p)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	uint64_t field[NR_STAT] = { 0 };
	const char *s = text;
	uint64_t pid;
	size_t len;

	memset(p, 0, sizeof(*p));
	/* A comm may hold anything, but nothing behind it holds a parenthesis. */
	if (!open || !close || close < open || close[1] != ' ' || !close[2])
		return -EINVAL;
	if (parse_u64(&s, &pid) || pid > INT32_MAX || parse_fields(close + 3, field))
		return -EINVAL;
	p->pid = (pid_t)pid;
	p->state = close[2];
	p->ppid = (pid_t)MIN(field[STAT_PPID], (uint64_t)INT32_MAX);
	p->kthread = field[STAT_FLAGS] & FLAG_KTHREAD;
	p->exiting = field[STAT_FLAGS] & FLAG_EXITING;
	p->threads = (uint32_t)MIN(field[STAT_THREADS], (uint64_t)UINT32_MAX);
	if (__builtin_mul_overflow(field[STAT_START], PROC_TICK_NS, &p->start))
		return -EINVAL;
	len = (size_t)(close - open - 1);
	if (field[STAT_FLAGS] & FLAG_WQ_WORKER)
		len = worker_len(open + 1, len);
	memcpy(p->comm, open + 1, MIN(len, (size_t)HL_COMM_LEN - 1));
	return 0;
}

static int read_uid(const char *dir, uint32_t *uid)
{
	char path[PATH_LEN + 8], text[STATUS_LEN];
	const char *p;
	uint64_t v;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/status", dir);
	n = file_read(path, text, sizeof(text));
	if (n < 0)
		return (int)gone(n);
	/* The name stands before it, escaped: no newline in it can forge this line. */
	p = find_key(text, "Uid:");
	if (!p || parse_u64(&p, &v))
		return -EINVAL;
	*uid = (uint32_t)v;
	return 0;
}

static int read_stat(const char *dir, struct proc_info *p)
{
	char path[PATH_LEN + 8], text[STAT_LEN];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/stat", dir);
	n = file_read(path, text, sizeof(text));
	return n < 0 ? (int)gone(n) : proc_parse_stat(text, p);
}

static int read_dir(const char *dir, struct proc_info *p)
{
	int err = read_stat(dir, p);

	return err ? err : read_uid(dir, &p->uid);
}

int proc_read(pid_t pid, struct proc_info *p)
{
	char dir[PATH_LEN];

	snprintf(dir, sizeof(dir), "/proc/%d", (int)pid);
	return read_dir(dir, p);
}

int proc_read_thread(pid_t pid, pid_t tid, struct proc_info *p)
{
	char dir[PATH_LEN];

	snprintf(dir, sizeof(dir), "/proc/%d/task/%d", (int)pid, (int)tid);
	return read_dir(dir, p);
}

ssize_t proc_exe(pid_t pid, char *buf, size_t size)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	return file_read_link(path, buf, size);
}

ssize_t proc_cmdline(pid_t pid, char *buf, size_t size)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	return gone(file_read(path, buf, size));
}

ssize_t proc_memory(pid_t pid, uint64_t at, void *buf, size_t size)
{
	struct iovec to = { buf, size }, from = { (void *)(uintptr_t)at, size };
	ssize_t n = process_vm_readv(pid, &to, 1, &from, 1, 0);

	if (n < 0)
		return -errno;
	return (size_t)n == size ? n : -EFAULT;
}

int proc_comm(pid_t pid, pid_t tid, char *comm)
{
	struct proc_info p;
	char dir[PATH_LEN];
	int err;

	snprintf(dir, sizeof(dir), "/proc/%d/task/%d", (int)pid, (int)tid);
	/* The comm file would not tell a worker of the kernel from a program that calls itself so. */
	err = read_stat(dir, &p);
	if (!err)
		memcpy(comm, p.comm, HL_COMM_LEN);
	return err;
}

int proc_schedstat(pid_t pid, pid_t tid, struct proc_schedstat *s)
{
	char path[PATH_LEN], text[96];
	const char *p = text;
	uint64_t v[3];
	ssize_t n;

	memset(s, 0, sizeof(*s));
	snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", (int)pid, (int)tid);
	n = file_read(path, text, sizeof(text));
	if (n == -ENOENT) {
		snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)pid, (int)tid);
		return file_read(path, text, 2) < 0 ? -ESRCH : -ENOENT;
	}
	if (n < 0)
		return (int)n;
	for (int i = 0; i < 3; i++) {
		p += strspn(p, " ");
		if (parse_u64(&p, &v[i]))
			return -EINVAL;
	}
	*s = (struct proc_schedstat){ .cpu_ns = v[0], .runqueue_ns = v[1], .slices = v[2] };
	return 0;
}

static int each_number(const char *path, proc_fn fn, void *arg)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	int err = 0;

	if (!dir)
		return (int)gone(-errno);
	while (!err && (e = readdir(dir))) {
		const char *s = e->d_name;
		uint64_t id;

		if (!parse_u64(&s, &id) && !*s && id <= INT32_MAX)
			err = fn(arg, (pid_t)id);
	}
	closedir(dir);
	return err;
}

int proc_each(proc_fn fn, void *arg)
{
	return each_number("/proc", fn, arg);
}

int proc_each_thread(pid_t pid, proc_fn fn, void *arg)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	return each_number(path, fn, arg);
}
