/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Reading /proc/PID: hostile names, start times, threads, what the scheduler counted. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "host/proc.h"
#include "tests/test.h"

#define REST   " S 1 42 42 34816 42 4194304 1 2 3 4 5 6 -7 8 20 0 3 0 1234 99 100"
#define WORKER " I 2 0 0 0 -1 69238880 0 0 0 0 0 0 0 0 20 0 1 0 12 0 0"

void test_host_proc_stat(void)
{
	static const struct {
		const char *text, *comm;
	} good[] = {
		{ "42 (bash)" REST, "bash" },
		{ "42 ()" REST, "" },
		{ "42 (a b)" REST, "a b" },
		{ "42 (x) R 1 1 (y)" REST, "x) R 1 1 (y" },
		{ "42 (\n) Z 9\n)" REST, "\n) Z 9\n" },
		{ "42 ())))" REST, ")))" },
		{ "42 ((((("
		  ")" REST,
		  "((((" },
		{ "42 (123456789012345)" REST, "123456789012345" },
		{ "42 (1234567890123456789)" REST, "123456789012345" },
		{ "42 (kworker/1:2-x)" REST, "kworker/1:2-x" }, /* a program may call itself so */
		{ "42 (kworker/1:2-events)" WORKER, "kworker/1:2" },
		{ "42 (kworker/u8:0+flush-8:0)" WORKER, "kworker/u8:0" },
		{ "42 (kworker/0:1H)" WORKER, "kworker/0:1H" },
		{ "42 (kworker/R-a:b-c)" WORKER, "kworker/R-a:b-c" },
		{ "42 (kworker/R-kvfree_rcu_reclaim)" WORKER, "kworker/R-kvfre" },
	};
	static const char *const bad[] = {
		"",
		"42",
		"42 (",
		"42 (x)",
		"42 )x(" REST,
		"x (bash)" REST,
		"99999999999 (bash)" REST,
		"42 (bash) S 1 2 3",
		"42 (bash) S 1 42 42 34816 42 4194304 1 2 3 4 5 6 -7 8 20 0 3 0 18446744073709551615",
	};
	struct proc_info p;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		ASSERT_EQ(proc_parse_stat(good[i].text, &p), 0);
		ASSERT_STR(p.comm, good[i].comm);
		ASSERT_EQ(p.pid, 42);
		ASSERT_EQ(p.kthread, strstr(good[i].text, " I ") != NULL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ASSERT_EQ(proc_parse_stat(bad[i], &p), -EINVAL);

	ASSERT_EQ(proc_parse_stat("42 (bash)" REST, &p), 0);
	ASSERT_EQ(p.state, 'S');
	ASSERT_EQ(p.ppid, 1);
	ASSERT_EQ(p.threads, 3);
	ASSERT_EQ(p.start, 12340000000ll);
}

void test_host_proc_same_start(void)
{
	ASSERT(proc_same_start(12345678901ull, 12340000000ull));
	ASSERT(proc_same_start(12349999999ull, 12340000000ull));
	ASSERT(!proc_same_start(12350000000ull, 12340000000ull));
	ASSERT(!proc_same_start(12339999999ull, 12340000000ull));
}

/* A child whose name tries to look like the rest of the line, read while it is there and after. */
void test_host_proc_child(void)
{
	uint64_t before = clock_boot_ns(), after;
	struct proc_info p;
	char comm[HL_COMM_LEN], buf[4096], own[4096];
	int status;
	pid_t pid = fork();

	if (!pid) {
		pause();
		_exit(0);
	}
	after = clock_boot_ns();
	ASSERT_EQ(proc_read(pid, &p), 0);
	ASSERT_EQ(p.pid, pid);
	ASSERT_EQ(p.ppid, getpid());
	ASSERT_EQ(p.uid, getuid());
	ASSERT_EQ(p.threads, 1);
	ASSERT(!p.kthread);
	ASSERT(p.start + PROC_TICK_NS > before && p.start <= after);
	ASSERT_EQ(proc_comm(pid, pid, comm), 0);
	ASSERT_STR(comm, p.comm);
	ASSERT(proc_exe(pid, buf, sizeof(buf)) > 0 && proc_exe(getpid(), own, sizeof(own)) > 0);
	ASSERT_STR(buf, own);
	ASSERT(proc_cmdline(pid, buf, sizeof(buf)) > 0);
	ASSERT_EQ(proc_cmdline(pid, buf, 4), 3);
	ASSERT_EQ(proc_exe(pid, buf, 4), -ENAMETOOLONG);

	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	ASSERT_EQ(proc_read(pid, &p), -ESRCH);
	ASSERT_EQ(proc_comm(pid, pid, comm), -ESRCH);
	ASSERT_EQ(proc_cmdline(pid, buf, sizeof(buf)), -ESRCH);
	ASSERT(proc_exe(pid, buf, sizeof(buf)) < 0);
}

struct seen {
	pid_t want;
	int found, total;
};

static int note(void *arg, pid_t id)
{
	struct seen *s = arg;

	s->total++;
	s->found += id == s->want;
	return 0;
}

static int stop(void *arg, pid_t id)
{
	struct seen *s = arg;

	s->total++;
	return 7;
}

struct worker {
	int ready[2], go[2];
	pid_t tid;
};

static void *hostile_thread(void *arg)
{
	struct worker *w = arg;
	char c = 0;

	prctl(PR_SET_NAME, "x) R 1 (\n\xff");
	w->tid = (pid_t)syscall(SYS_gettid);
	if (write(w->ready[1], &c, 1) != 1 || read(w->go[0], &c, 1) != 1)
		return NULL;
	return w;
}

void test_host_proc_threads(void)
{
	struct seen s = { 0 };
	struct proc_info p;
	struct worker w;
	pthread_t t;
	char c = 0;

	if (!ASSERT(!pipe(w.ready) && !pipe(w.go) && !pthread_create(&t, NULL, hostile_thread, &w)))
		return;
	ASSERT_EQ(read(w.ready[0], &c, 1), 1);
	ASSERT_EQ(proc_read_thread(getpid(), w.tid, &p), 0);
	ASSERT_EQ(p.pid, w.tid);
	ASSERT_STR(p.comm, "x) R 1 (\n\xff");
	ASSERT_EQ(p.ppid, getppid());
	ASSERT(p.threads >= 2);
	s.want = w.tid;
	ASSERT_EQ(proc_each_thread(getpid(), note, &s), 0);
	ASSERT_EQ(s.found, 1);
	ASSERT_EQ(s.total, p.threads);
	ASSERT_EQ(write(w.go[1], &c, 1), 1);
	pthread_join(t, NULL);
	for (int i = 0; i < 2; i++) {
		close(w.ready[i]);
		close(w.go[i]);
	}

	s = (struct seen){ .want = getpid() };
	ASSERT_EQ(proc_each(note, &s), 0);
	ASSERT_EQ(s.found, 1);
	s.total = 0;
	ASSERT_EQ(proc_each(stop, &s), 7);
	ASSERT_EQ(s.total, 1);
	ASSERT_EQ(proc_each_thread(0x7fffffff, note, &s), -ESRCH);
}

void test_host_proc_schedstat(void)
{
	struct timespec ts;
	struct proc_schedstat a, b;
	uint64_t cpu;

	if (!ASSERT_EQ(proc_schedstat(getpid(), getpid(), &a), 0))
		return;
	cpu = clock_cpu_ns();
	while (clock_cpu_ns() < cpu + 20 * NSEC_PER_MSEC)
		;
	ts = (struct timespec){ .tv_nsec = 1000000 };
	nanosleep(&ts, NULL);
	ASSERT_EQ(proc_schedstat(getpid(), getpid(), &b), 0);
	ASSERT(b.cpu_ns - a.cpu_ns >= 19 * NSEC_PER_MSEC && b.cpu_ns - a.cpu_ns < 40 * NSEC_PER_MSEC);
	ASSERT(b.slices > a.slices);
	ASSERT(b.runqueue_ns >= a.runqueue_ns);
	ASSERT_EQ(proc_schedstat(0x7fffffff, 0x7fffffff, &a), -ESRCH);
}

/* Kernel threads: no program, no command line, and the names that the kernel itself keeps. */
void test_host_proc_kthread(void)
{
	struct proc_info p;
	char buf[64];

	if (proc_read(2, &p) || !p.kthread)
		return; /* a pid namespace: there are none to be seen */
	ASSERT_STR(p.comm, "kthreadd");
	ASSERT_EQ(p.ppid, 0);
	ASSERT_EQ(proc_cmdline(2, buf, sizeof(buf)), 0);
	ASSERT(proc_exe(2, buf, sizeof(buf)) < 0);
}
