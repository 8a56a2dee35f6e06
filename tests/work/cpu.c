/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Modes that use the CPU and hardly wait: spin, cheap, preempt, migrate,
 * rate, getppid, pingpong. */
#include "modes.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

/* Never sleeps: all that is not CPU time is time on the run queue. */
void w_spinner(struct w_thread *t, void *unused)
{
	uint64_t wall, cpu;

	if (t->w->opt.cpu && w_pin(t, w_index(t)))
		return;
	wall = w_now();
	cpu = w_thread_cpu();
	t->calls[C_CLOCK_GETTIME].attempted++;
	t->calls[C_CLOCK_GETTIME].returned++;
	while (!__atomic_load_n(&t->w->sh->stop, __ATOMIC_RELAXED))
		for (int i = 0; i < 1000; i++)
			__asm__ volatile("");
	cpu = w_thread_cpu() - cpu;
	t->calls[C_CLOCK_GETTIME].attempted++;
	t->calls[C_CLOCK_GETTIME].returned++;
	wall = w_now() - wall;
	t->state_ns[HL_STATE_RUNQUEUE] = wall > cpu ? wall - cpu : 1;
}

int w_mode_spin(struct w *w)
{
	if (!(w->opt.seconds > 0))
		return w_fail(w, "spin needs --seconds", -EINVAL);
	return w_run(w, "spinner", w->opt.threads, w_spinner, NULL);
}

static void getppid_n(struct w_thread *t, uint64_t n)
{
	volatile struct w_count *c = &t->calls[C_GETPPID];

	for (uint64_t i = 0; i < n; i++) {
		c->attempted++;
		syscall(SYS_getppid);
		c->returned++;
	}
}

#define BATCH 10000 /* calls between two looks at the clock or at stop */

static void cheap(struct w_thread *t, void *unused)
{
	w_end(t);
	t->cpu_ns = t->delay_ns = t->state_ns[HL_STATE_CPU] = t->state_ns[HL_STATE_RUNQUEUE] = 0;
	/* The last counted call is followed by the thread's end and nothing else: no time is taken. */
	for (uint64_t n = 0, part; w_more(t->w, n); n += part) {
		part = t->w->opt.each - n;
		part = part < BATCH ? part : BATCH;
		getppid_n(t, part);
	}
	t->end_ns = w_now();
	syscall(SYS_exit, 0);
}

int w_mode_cheap(struct w *w)
{
	if (!w->opt.each)
		return w_fail(w, "cheap needs --each", -EINVAL);
	return w_run(w, "cheap", w->opt.threads, cheap, NULL);
}

static void preempt(struct w_thread *t, void *unused)
{
	for (uint64_t n = 0; w_more(t->w, n); n++) {
		getppid_n(t, 3);
		CALL(t, SCHED_YIELD);
	}
}

int w_mode_preempt(struct w *w)
{
	return w_run(w, "preempted", w->opt.threads, preempt, NULL);
}

/* Each call is entered on one CPU and left on the other. */
static void migrate(struct w_thread *t, void *unused)
{
	cpu_set_t set[2];
	long r = 0;

	for (uint32_t i = 0; i < 2; i++) {
		CPU_ZERO(&set[i]);
		CPU_SET((size_t)w_cpu(t->w, i), &set[i]);
	}
	for (uint64_t n = 0; r >= 0 && w_more(t->w, n); n++)
		r = CALL(t, SETAFFINITY, 0, sizeof(set[0]), L(&set[n & 1]));
	if (r < 0)
		w_fail(t->w, "sched_setaffinity", (int)r);
}

int w_mode_migrate(struct w *w)
{
	int a = w_cpu(w, 0), b = w_cpu(w, 1);

	if (a < 0 || b < 0)
		return w_fail(w, "--cpu", -EINVAL);
	if (a == b)
		return w_skip("migrate needs two CPUs");
	return w_run(w, "migrant", w->opt.threads, migrate, NULL);
}

/* Keeps to an even rate by making, each millisecond, the calls that are due. */
static void rate(struct w_thread *t, void *unused)
{
	struct w *w = t->w;
	double per_ns = (double)w->opt.rate / w->opt.threads / S;
	uint64_t total = (uint64_t)(per_ns * w->opt.seconds * S + 0.5);
	uint64_t begin = w_now(), done = 0, due;
	struct timespec ts;

	while (done < total && !__atomic_load_n(&w->sh->stop, __ATOMIC_RELAXED)) {
		due = (uint64_t)((double)(w_now() - begin) * per_ns);
		due = due < total ? due : total;
		getppid_n(t, due - done);
		done = due;
		ts = w_ts(MS);
		WAIT(t, SLEEP, CLOCK_NANOSLEEP, CLOCK_MONOTONIC, 0, L(&ts), 0);
	}
}

int w_mode_rate(struct w *w)
{
	double seconds = w->opt.seconds;
	uint64_t calls = 0;
	int err;

	if (!(seconds > 0))
		return w_fail(w, "rate needs --seconds", -EINVAL);
	w->deadline_ns = 0; /* the threads end when they have made their calls */
	err = w_run(w, "caller", w->opt.threads, rate, NULL);
	for (uint32_t i = 0; i < w->sh->nr_threads; i++)
		calls += w->sh->threads[i].calls[C_GETPPID].returned;
	w_extra(w, "calls", (double)calls);
	w_extra(w, "calls_per_s", (double)calls * S / (double)(w_now() - w->sh->begin_ns));
	return err;
}

struct rate_result {
	uint64_t events, ns;
	double best; /* ns per event in the best batch */
};

static void add_batch(struct rate_result *r, uint64_t events, uint64_t ns)
{
	double each = (double)ns / (double)events;

	r->events += events;
	r->ns += ns;
	if (!r->best || each < r->best)
		r->best = each;
}

static void say_result(struct w *w, const char *what, const struct rate_result *r)
{
	char key[32];

	snprintf(key, sizeof(key), "%ss", what);
	w_extra(w, key, (double)r->events);
	snprintf(key, sizeof(key), "ns_per_%s", what);
	w_extra(w, key, r->events ? (double)r->ns / (double)r->events : 0);
	snprintf(key, sizeof(key), "best_ns_per_%s", what);
	w_extra(w, key, r->best);
}

static void getppid_loop(struct w_thread *t, void *result)
{
	uint64_t n = 0, begin;

	if (w_pin(t, 0))
		return;
	while (w_more(t->w, n)) {
		uint64_t left = t->w->opt.each ? t->w->opt.each - n : BATCH;
		uint64_t batch = left < BATCH ? left : BATCH;

		begin = w_now();
		getppid_n(t, batch);
		add_batch(result, batch, w_now() - begin);
		n += batch;
	}
}

int w_mode_getppid(struct w *w)
{
	struct rate_result r = { 0 };
	int err = w_run(w, "caller", 1, getppid_loop, &r);

	say_result(w, "call", &r);
	return err;
}

struct pingpong {
	int to[2], from[2];
	struct rate_result r;
};

static void pong(struct w_thread *t, void *arg)
{
	struct pingpong *p = arg;
	char c;

	/* Only the other side may hold the end whose closing ends this. */
	CALL(t, CLOSE, p->to[1]);
	while (CALL(t, READ, p->to[0], L(&c), 1) == 1)
		if (CALL(t, WRITE, p->from[1], L(&c), 1) != 1)
			break;
}

static bool round_trip(struct w_thread *t, struct pingpong *p)
{
	char c = 'p';

	return CALL(t, WRITE, p->to[1], L(&c), 1) == 1 && CALL(t, READ, p->from[0], L(&c), 1) == 1;
}

static void ping(struct w_thread *t, void *arg)
{
	struct pingpong *p = arg;
	uint64_t n = 0, begin;
	long pid;

	if (w_pin(t, 0))
		return;
	pid = w_child(t, w_slot(t->w, "pong"), pong, p); /* inherits the CPU */
	if (pid < 0) {
		w_fail(t->w, "clone", (int)pid);
		return;
	}
	while (w_more(t->w, n)) {
		uint64_t left = t->w->opt.each ? t->w->opt.each - n : 500;
		uint64_t batch = left < 500 ? left : 500;

		begin = w_now();
		for (uint64_t i = 0; i < batch; i++) {
			if (round_trip(t, p))
				continue;
			w_fail(t->w, "ping", -EPIPE);
			return;
		}
		add_batch(&p->r, batch, w_now() - begin);
		n += batch;
	}
	CALL(t, CLOSE, p->to[1]);
	w_reap(t, pid);
}

int w_mode_pingpong(struct w *w)
{
	struct pingpong p = { 0 };
	int err;

	if (pipe(p.to) || pipe(p.from))
		return w_fail(w, "pipe", -errno);
	err = w_run(w, "ping", 1, ping, &p);
	say_result(w, "round", &p.r);
	return err;
}
