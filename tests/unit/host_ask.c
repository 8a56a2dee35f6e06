/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Asking about processes: all answers come, in order, and who never answers delays nobody for long. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "host/ask.h"
#include "host/proc.h"
#include "tests/test.h"

#define NEVER 7 /* every process with this last digit answers nothing */

static ssize_t read_number(const struct question *q, char *buf, size_t size)
{
	return snprintf(buf, size, "%d", (int)q->pid);
}

static ssize_t read_some(const struct question *q, char *buf, size_t size)
{
	while (q->pid % 10 == NEVER)
		pause();
	return q->pid % 10 ? read_number(q, buf, size) : -ESRCH;
}

static ssize_t read_ends(const struct question *q, char *buf, size_t size)
{
	_exit(1);
}

struct got {
	size_t n, right, late, gone, ordered;
	pid_t last;
};

static void on_answer(void *arg, const struct question *q, const char *buf, ssize_t n)
{
	struct got *g = arg;

	g->n++;
	g->right += n > 0 && (size_t)n < ASK_ROOM && atoi(buf) == q->pid;
	g->late += n == -ETIME;
	g->gone += n == -ESRCH;
	g->ordered += q->pid > g->last;
	g->last = q->pid;
}

static struct got ask(ask_fn fn, int from, int n, uint64_t ns)
{
	struct asker *a = asker_new(fn);
	struct got g = {};
	size_t left;

	if (!ASSERT(a != NULL))
		return g;
	for (int i = from; i < from + n; i++)
		asker_put(a, i, 0);
	asker_take(a, 0, on_answer, &g);
	left = asker_take(a, clock_mono_ns() + ns, on_answer, &g);
	ASSERT_EQ(left + g.n, n);
	asker_free(a);
	return g;
}

void test_host_ask_all(void)
{
	struct got g = ask(read_number, 1, 5000, 60 * NSEC_PER_SEC);

	ASSERT_EQ(g.n, 5000);
	ASSERT_EQ(g.ordered, 5000);
	/* on a host that is short of CPU a child may be late without being stuck */
	ASSERT_EQ(g.right + g.late, 5000);
	ASSERT(g.late < 10);
	g = ask(read_number, 1, 0, 0);
	ASSERT_EQ(g.n, 0);
}

void test_host_ask_who_never_answers(void)
{
	struct got g = ask(read_some, 1, 20, 60 * NSEC_PER_SEC);

	ASSERT_EQ(g.n, 20);
	ASSERT_EQ(g.late, 2);
	ASSERT_EQ(g.gone, 2);
	ASSERT_EQ(g.right, 16);
	g = ask(read_ends, 1, 3, 60 * NSEC_PER_SEC);
	ASSERT_EQ(g.late, 3);
}

/* Whoever waits for an answer is not held up by the giving up, and no child is left. */
void test_host_ask_gives_up(void)
{
	uint64_t begin = clock_mono_ns();
	struct got g = ask(read_some, NEVER, 1, 0);

	ASSERT_EQ(g.n, 0);
	ASSERT(clock_mono_ns() - begin < 10 * NSEC_PER_SEC);
	ASSERT_EQ(waitpid(-1, NULL, WNOHANG), -1);
	ASSERT_EQ(errno, ECHILD);
	asker_free(NULL);
}

/* Killed children are as good as late ones. */
void test_host_ask_killed(void)
{
	struct asker *a = asker_new(read_some);
	struct got g = {};
	char path[64], list[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)getpid(), (int)getpid());
	f = fopen(path, "re");
	if (f) {
		if (fgets(list, sizeof(list), f) && atoi(list) > 0)
			kill(atoi(list), SIGKILL);
		fclose(f);
	}
	asker_put(a, 1, 0);
	asker_take(a, clock_mono_ns() + 5 * NSEC_PER_SEC, on_answer, &g);
	ASSERT_EQ(g.n, atoi(list) > 0 ? 0 : 1);
	asker_free(a);
}

static ssize_t read_cmdline(const struct question *q, char *buf, size_t size)
{
	return proc_cmdline(q->pid, buf, size);
}

/* The asker is asked again when all was answered. */
void test_host_ask_cmdline(void)
{
	struct asker *a = asker_new(read_cmdline);
	struct got g = {};

	asker_put(a, getpid(), 0);
	asker_put(a, 0x7fffffff, 0);
	ASSERT_EQ(asker_take(a, clock_mono_ns() + 60 * NSEC_PER_SEC, on_answer, &g), 0);
	ASSERT_EQ(g.n, 2);
	ASSERT_EQ(g.gone, 1);
	asker_put(a, getpid(), 0);
	ASSERT_EQ(asker_take(a, clock_mono_ns() + 60 * NSEC_PER_SEC, on_answer, &g), 0);
	ASSERT_EQ(g.n, 3);
	asker_free(a);
}

static ssize_t read_memory(const struct question *q, char *buf, size_t size)
{
	return proc_memory(q->pid, q->at, buf, MIN(size, sizeof(uint64_t)));
}

static void on_memory(void *arg, const struct question *q, const char *buf, ssize_t n)
{
	memset(arg, 0, sizeof(uint64_t));
	if (n == sizeof(uint64_t))
		memcpy(arg, buf, sizeof(uint64_t));
}

void test_host_ask_memory(void)
{
	struct asker *a = asker_new(read_memory);
	uint64_t there = 0x1122334455667788, got = 0;

	asker_put(a, getpid(), (uintptr_t)&there);
	ASSERT_EQ(asker_take(a, clock_mono_ns() + 60 * NSEC_PER_SEC, on_memory, &got), 0);
	ASSERT_EQ(got, there);
	asker_put(a, getpid(), 16);
	ASSERT_EQ(asker_take(a, clock_mono_ns() + 60 * NSEC_PER_SEC, on_memory, &got), 0);
	ASSERT_EQ(got, 0);
	asker_free(a);
}
