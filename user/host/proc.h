/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Processes and threads as /proc shows them. Called by the live source for what ran before it
 * started, by doctor, and by tests that check the ledger against the kernel's own figures.
 *
 * All numbers are those of the pid namespace of the /proc that is mounted here. Functions return
 * 0 or -errno; -ESRCH: the process or thread is gone (the common case on a busy host). Silent.
 */
#ifndef HOST_PROC_H
#define HOST_PROC_H

#include <sys/types.h>

#include "base/base.h"
#include "bpf/abi.h"

struct proc_info {
	pid_t pid;        /* what was asked for: a process, or a thread of one */
	pid_t ppid;       /* 0: none, or out of sight */
	uint32_t uid;     /* real user, as the reader's user namespace numbers it */
	uint32_t threads; /* of the whole process; at least 1 */
	/*
	 * ns since boot (CLOCK_BOOTTIME), rounded down to a clock tick: PROC_TICK_NS (10 ms). The
	 * kernel's own value, as the records carry it, has all its digits: compare the two with
	 * proc_same_start. A time namespace's boot offset is contained in it.
	 */
	uint64_t start;
	bool kthread;           /* a kernel thread; io_uring workers are none */
	bool exiting;           /* on its way out, or waiting for its parent */
	char state;             /* R S D T t Z X I … */
	char comm[HL_COMM_LEN]; /* the bytes that the kernel keeps; NUL-terminated, not escaped */
};

#define PROC_TICK_NS 10000000ull

/* Whether an exact start time (ns) is the one that /proc writes as `ticked`. */
bool proc_same_start(uint64_t exact, uint64_t ticked);

/* A process (its leading thread), or thread tid of process pid. */
int proc_read(pid_t pid, struct proc_info *p);
int proc_read_thread(pid_t pid, pid_t tid, struct proc_info *p);

/* The text of a stat file: everything but uid (0). -EINVAL: it is none. */
int proc_parse_stat(const char *text, struct proc_info *p);

/*
 * The program's path, " (deleted)" at its end where the kernel says so; -ENOENT: it has none (a
 * kernel thread). Returns the number of bytes, or -errno.
 */
ssize_t proc_exe(pid_t pid, char *buf, size_t size);

/*
 * The raw command line, NUL after each word, cut at size - 1 bytes; 0 for a kernel thread. Must
 * be masked (host/mask.h) before it is shown or kept. The kernel takes the process's memory map
 * lock for it: where a thread of the process hangs in a page fault it can wait.
 */
ssize_t proc_cmdline(pid_t pid, char *buf, size_t size);

/* Bytes of its memory at that address: size, or -errno. The kernel may wait as for a command line. */
ssize_t proc_memory(pid_t pid, uint64_t at, void *buf, size_t size);

/* The name of thread tid of process pid, HL_COMM_LEN bytes. */
int proc_comm(pid_t pid, pid_t tid, char *comm);

/* What the scheduler counted for a thread since it began. */
struct proc_schedstat {
	uint64_t cpu_ns;
	uint64_t runqueue_ns; /* runnable and not running */
	uint64_t slices;      /* times it was put on a CPU */
};

/* -ENOENT: this kernel does not count (no CONFIG_SCHED_INFO). */
int proc_schedstat(pid_t pid, pid_t tid, struct proc_schedstat *s);

/*
 * Call fn for every process, or every thread of one, until it returns other than 0, which is then
 * returned. Processes that come and go meanwhile may be missed.
 */
typedef int (*proc_fn)(void *arg, pid_t id);
int proc_each(proc_fn fn, void *arg);
int proc_each_thread(pid_t pid, proc_fn fn, void *arg);

#endif
