/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The event loop, with real descriptors, timers and signals. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"
#include "tests/test.h"

struct seen {
	int fd[2]; /* a pipe */
	int other[2];
	int reads, rings, signals;
	int id;
	int stop_at;
	uint64_t awake;
};

static void take_byte(struct loop *l, void *arg)
{
	struct seen *s = arg;
	char c;

	ASSERT_EQ(read(s->fd[0], &c, 1), 1);
	s->reads++;
	if (c == 'q')
		loop_stop(l, 7);
}

void test_loop_reads_until_stopped(void)
{
	struct loop *l = loop_new();
	struct seen s = {};

	ASSERT_EQ(pipe(s.fd), 0);
	ASSERT_EQ(loop_add_fd(l, s.fd[0], take_byte, &s), 0);
	ASSERT_EQ(loop_add_fd(l, s.fd[0], take_byte, &s), -EEXIST);
	ASSERT_EQ(loop_add_fd(l, -1, take_byte, &s), -EBADF);
	ASSERT_EQ(write(s.fd[1], "abq", 3), 3);
	ASSERT_EQ(loop_run(l), 7);
	ASSERT_EQ(s.reads, 3);
	/* it runs again, and a stop from before the run counts */
	ASSERT_EQ(write(s.fd[1], "q", 1), 1);
	ASSERT_EQ(loop_run(l), 7);
	loop_stop(l, 3);
	ASSERT_EQ(loop_run(l), 3);
	ASSERT_EQ(s.reads, 4);
	loop_del_fd(l, s.fd[0]);
	loop_del_fd(l, s.fd[0]);
	ASSERT_EQ(loop_add_fd(l, s.fd[0], take_byte, &s), 0);
	loop_free(l);
	close(s.fd[0]), close(s.fd[1]);
}

/* Both pipes are readable in one batch; whoever comes first takes the other one off. */
static void take_other_off(struct loop *l, void *arg)
{
	struct seen *s = arg;

	s->reads++;
	loop_del_fd(l, s->fd[0]);
	loop_del_fd(l, s->other[0]);
}

static void finish(struct loop *l, void *arg)
{
	struct seen *s = arg;

	s->rings++;
	loop_stop(l, 0);
}

void test_loop_forgets_within_a_batch(void)
{
	struct loop *l = loop_new();
	struct seen s = {};

	ASSERT(!pipe(s.fd) && !pipe(s.other));
	loop_add_fd(l, s.fd[0], take_other_off, &s);
	loop_add_fd(l, s.other[0], take_other_off, &s);
	ASSERT(write(s.fd[1], "x", 1) == 1 && write(s.other[1], "x", 1) == 1);
	ASSERT(loop_add_timer(l, 2000000, finish, &s) >= 0);
	loop_run(l);
	ASSERT_EQ(s.reads, 1);
	ASSERT_EQ(s.rings, 1);
	loop_free(l);
	close(s.fd[0]), close(s.fd[1]), close(s.other[0]), close(s.other[1]);
}

/* Three timers are due in one batch: a stop leaves the others for the next run. */
void test_loop_stops_within_a_batch(void)
{
	struct timespec nap = { 0, 3000000 };
	struct loop *l = loop_new();
	struct seen s = {};

	for (int i = 0; i < 3; i++)
		loop_add_timer(l, 1000000, finish, &s);
	nanosleep(&nap, NULL);
	loop_run(l);
	ASSERT_EQ(s.rings, 1);
	loop_run(l);
	ASSERT_EQ(s.rings, 2);
	loop_free(l);
}

static void ring(struct loop *l, void *arg)
{
	struct seen *s = arg;

	if (++s->rings == s->stop_at)
		loop_stop(l, 0);
}

void test_loop_timer_is_periodic(void)
{
	struct loop *l = loop_new();
	struct seen s = { .stop_at = 5 };
	uint64_t begin = clock_mono_ns(), took;

	s.id = loop_add_timer(l, 4000000, ring, &s);
	ASSERT(s.id >= 0);
	ASSERT_EQ(loop_run(l), 0);
	took = clock_mono_ns() - begin;
	ASSERT(took >= 20000000 && took < 2000000000);
	loop_free(l);
}

static void ring_late(struct loop *l, void *arg)
{
	struct seen *s = arg;
	struct timespec nap = { 0, 30000000 };

	if (++s->rings == 1) {
		nanosleep(&nap, NULL); /* misses 15 periods */
		s->awake = clock_mono_ns();
	}
	if (s->rings == 10)
		loop_stop(l, 0);
}

void test_loop_late_timer_rings_once(void)
{
	struct loop *l = loop_new();
	struct seen s = {};

	loop_add_timer(l, 2000000, ring_late, &s);
	loop_run(l);
	/* the second rings at once, for all that was missed; the eight after it take a period each,
	 * of which the first had begun before */
	ASSERT(clock_mono_ns() - s.awake >= 7 * 2000000);
	loop_free(l);
}

static void stop_other_timer(struct loop *l, void *arg)
{
	struct seen *s = arg;

	loop_set_timer(l, s->id, 0);
	loop_set_timer(l, 0, 0);
}

void test_loop_timer_stops_and_starts(void)
{
	struct loop *l = loop_new();
	struct timespec nap = { 0, 10000000 };
	struct seen s = { .stop_at = 1 }, last = {};
	int end;

	ASSERT_EQ(loop_add_timer(l, 1000000, stop_other_timer, &s), 0);
	s.id = loop_add_timer(l, 3000000, ring, &s);
	end = loop_add_timer(l, 0, finish, &last);
	loop_set_timer(l, end, 20000000);
	loop_set_timer(l, 99, 1); /* no such timer: nothing happens */
	loop_set_timer(l, -1, 1);
	nanosleep(&nap, NULL); /* now the first has rung, and then the one that it stops */
	loop_run(l);
	ASSERT_EQ(s.rings, 0);
	ASSERT_EQ(last.rings, 1);
	loop_set_timer(l, end, 0);
	loop_set_timer(l, s.id, 1000000);
	loop_run(l);
	ASSERT_EQ(s.rings, 1);
	loop_free(l);
}

static void on_usr(struct loop *l, int sig, void *arg)
{
	struct seen *s = arg;

	s->signals += sig == SIGUSR1 ? 1 : 100;
	if (sig == SIGUSR2)
		loop_stop(l, sig);
}

void test_loop_delivers_signals(void)
{
	struct loop *l = loop_new();
	struct seen s = {};
	sigset_t now;

	ASSERT_EQ(loop_add_signal(l, SIGUSR1, on_usr, &s), 0);
	ASSERT_EQ(loop_add_signal(l, SIGUSR2, on_usr, &s), 0);
	ASSERT_EQ(loop_add_signal(l, 4711, on_usr, &s), -EINVAL);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR2);
	ASSERT_EQ(loop_run(l), SIGUSR2);
	ASSERT_EQ(s.signals, 101);
	kill(getpid(), SIGUSR1); /* pending: would kill the test if it were let loose */
	loop_free(l);
	sigprocmask(SIG_BLOCK, NULL, &now);
	ASSERT(!sigismember(&now, SIGUSR1) && !sigismember(&now, SIGUSR2));
}
