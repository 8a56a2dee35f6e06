/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The generator's slots, clocks and counted calls. Every mode stands on this. */
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int call_nr[NR_W_CALLS] = {
#define X(id, name, nr) nr,
	W_CALLS(X)
#undef X
};

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * S + ts.tv_nsec;
}

uint64_t w_now(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

uint64_t w_thread_cpu(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

struct timespec w_ts(uint64_t ns)
{
	return (struct timespec){ .tv_sec = ns / S, .tv_nsec = ns % S };
}

int w_fail(struct w *w, const char *what, int err)
{
	char line[256];
	int n = snprintf(line, sizeof(line), "work: %s: %s\n", what, strerror(-err));

	/* One write of its own: the buffers of stdio do not survive a raw clone. */
	if (n > 0 && write(2, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1) < 0)
		n = 0;
	w->sh->failed = 1;
	w->sh->stop = 1;
	return err;
}

int w_skip(const char *why)
{
	fprintf(stderr, "work: skipped: %s\n", why);
	return W_SKIP;
}

void w_extra(struct w *w, const char *key, double value)
{
	uint32_t i = __atomic_fetch_add(&w->sh->nr_extra, 1, __ATOMIC_RELAXED);

	if (i >= W_MAX_EXTRA)
		return;
	snprintf(w->sh->extra[i].key, sizeof(w->sh->extra[i].key), "%s", key);
	w->sh->extra[i].value = value;
}

struct w_thread *w_slot(struct w *w, const char *role)
{
	uint32_t i = __atomic_fetch_add(&w->sh->nr_threads, 1, __ATOMIC_RELAXED);
	struct w_thread *t;

	if (i >= W_MAX_THREADS) {
		w_fail(w, "too many threads", -E2BIG);
		return NULL;
	}
	t = &w->sh->threads[i];
	t->w = w;
	t->schedstat = -1;
	snprintf(t->role, sizeof(t->role), "%s", role);
	return t;
}

/* Time runnable and not running, as the scheduler counts it; 0 when it does not. */
static uint64_t run_delay(struct w_thread *t)
{
	char buf[96];
	char *p;
	long n;

	if (t->schedstat < 0)
		return 0;
	n = CALL(t, PREAD, t->schedstat, L(buf), sizeof(buf) - 1, 0);
	if (n <= 0)
		return 0;
	buf[n] = 0;
	p = strchr(buf, ' ');
	return p ? strtoull(p, NULL, 10) : 0;
}

static uint64_t counted_cpu(struct w_thread *t)
{
	struct timespec ts = { 0 };

	CALL(t, CLOCK_GETTIME, CLOCK_THREAD_CPUTIME_ID, L(&ts));
	return ts.tv_sec * S + ts.tv_nsec;
}

void w_begin(struct w_thread *t)
{
	t->begin_ns = w_now();
	t->tid = CALL(t, GETTID);
	t->pid = CALL(t, GETPID);
	t->schedstat = CALL(t, OPENAT, AT_FDCWD, L("/proc/thread-self/schedstat"), O_RDONLY | O_CLOEXEC);
	if (t->schedstat < 0)
		t->schedstat = -1;
	t->delay0_ns = run_delay(t);
	t->cpu0_ns = counted_cpu(t);
	t->running = 1;
}

void w_end(struct w_thread *t)
{
	uint64_t now;

	t->delay_ns = run_delay(t);
	t->cpu_ns = counted_cpu(t);
	if (t->schedstat >= 0)
		CALL(t, CLOSE, t->schedstat);
	t->schedstat = -1;
	now = w_now();
	if (!t->state_ns[HL_STATE_RUNQUEUE])
		t->state_ns[HL_STATE_RUNQUEUE] = t->delay_ns - t->delay0_ns;
	t->state_ns[HL_STATE_CPU] = t->cpu_ns - t->cpu0_ns;
	t->end_ns = now;
	__atomic_store_n(&t->running, 0, __ATOMIC_RELEASE);
}

long w_call(struct w_thread *t, enum w_call_id id, const long a[6])
{
	long r;

	if (t)
		t->calls[id].attempted++;
	r = syscall(call_nr[id], a[0], a[1], a[2], a[3], a[4], a[5]);
	if (r < 0)
		r = -errno;
	if (!t)
		return r;
	t->calls[id].returned++;
	if (r < 0)
		t->calls[id].errors++;
	return r;
}

/* The three clocks at one moment: taken again when the thread left the CPU in between. */
static void read_clocks(struct w_thread *t, struct w_span *s)
{
	uint64_t delay = run_delay(t);

	for (int i = 0; i < 8; i++) {
		s->delay = delay;
		s->cpu = counted_cpu(t);
		s->wall = w_now();
		delay = run_delay(t);
		if (delay == s->delay)
			break;
	}
}

void w_span_open(struct w_thread *t, struct w_span *s)
{
	read_clocks(t, s);
}

uint64_t w_span_close(struct w_thread *t, struct w_span *s, enum hl_state state)
{
	uint64_t wall = w_now() - s->wall, whole, away;
	struct w_span end;
	uint64_t ns;

	/* What came after the wait is time away, or on the CPU: it takes nothing from the wait. */
	read_clocks(t, &end);
	whole = end.wall - s->wall;
	away = end.cpu - s->cpu + end.delay - s->delay;
	ns = whole > away ? whole - away : 0;

	t->state_ns[state] += ns;
	t->waits[state]++;
	if (ns > t->max_ns[state])
		t->max_ns[state] = ns;
	return wall;
}

static void note_slow(struct w_thread *t, enum hl_state state, enum w_call_id id, uint64_t begin, uint64_t ns)
{
	struct w_shared *sh = t->w->sh;
	uint32_t i = __atomic_fetch_add(&sh->nr_slow, 1, __ATOMIC_RELAXED);

	if (i < W_MAX_SLOW)
		sh->slow[i] = (struct w_slow){ t->pid, t->tid, id, state, begin, ns };
}

long w_wait(struct w_thread *t, enum hl_state state, enum w_call_id id, const long a[6])
{
	struct w_span s;
	uint64_t wall;
	long r;

	w_span_open(t, &s);
	r = w_call(t, id, a);
	wall = w_span_close(t, &s, state);
	if (wall >= MS)
		note_slow(t, state, id, s.wall, wall);
	return r;
}

long w_sleep(struct w_thread *t, uint64_t ns)
{
	struct timespec ts = w_ts(ns);

	return WAIT(t, SLEEP, NANOSLEEP, L(&ts), 0);
}

bool w_more(struct w *w, uint64_t done)
{
	if (__atomic_load_n(&w->sh->stop, __ATOMIC_RELAXED))
		return false;
	return !w->opt.each || done < w->opt.each;
}
