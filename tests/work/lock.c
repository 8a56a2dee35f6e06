/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Modes that wait for another thread's lock or signal: futex-lock, futex-park, flock. */
#include "modes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/file.h>
#include <unistd.h>

/*
 * A mutex by the protocol of the C library: 0 free, 1 held, 2 held and perhaps
 * awaited. Whoever sleeps does so on the value 2.
 */
static void lock(struct w_thread *t, uint32_t *m)
{
	uint32_t seen = 0;

	if (__atomic_compare_exchange_n(m, &seen, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(m, 2, __ATOMIC_ACQUIRE))
		WAIT(t, LOCK, FUTEX, L(m), FUTEX_WAIT_PRIVATE, 2, 0);
}

static void unlock(struct w_thread *t, uint32_t *m)
{
	if (__atomic_exchange_n(m, 0, __ATOMIC_RELEASE) == 2)
		CALL(t, FUTEX, L(m), FUTEX_WAKE_PRIVATE, 1);
}

void w_convoy(struct w_thread *t, void *futex_word)
{
	uint32_t *m = futex_word;

	for (uint64_t n = 0; w_more(t->w, n); n++) {
		lock(t, m);
		w_sleep(t, t->w->opt.hold_ns);
		unlock(t, m);
	}
}

/* The calls that the C library makes for these are not counted, only the time. */
static void pthread_convoy(struct w_thread *t, void *mutex)
{
	struct w_span s;

	for (uint64_t n = 0; w_more(t->w, n); n++) {
		w_span_open(t, &s);
		pthread_mutex_lock(mutex);
		w_span_close(t, &s, HL_STATE_LOCK);
		w_sleep(t, t->w->opt.hold_ns);
		pthread_mutex_unlock(mutex);
	}
}

int w_mode_futex_lock(struct w *w)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

	if (w->opt.pthread)
		return w_run(w, "convoy", w->opt.threads, pthread_convoy, &mutex);
	return w_run(w, "convoy", w->opt.threads, w_convoy, &w->sh->word[0]);
}

struct condition {
	uint32_t seq; /* starts far from 2, which would mean a mutex */
	uint32_t last;
	uint64_t signals;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
};

static void waiter(struct w_thread *t, void *arg)
{
	struct condition *c = arg;
	uint32_t seen = 1000, now;

	for (;;) {
		now = __atomic_load_n(&c->seq, __ATOMIC_ACQUIRE);
		if (now != seen) {
			seen = now;
			continue;
		}
		if (__atomic_load_n(&c->last, __ATOMIC_ACQUIRE))
			break;
		WAIT(t, PARK, FUTEX, L(&c->seq), FUTEX_WAIT_PRIVATE, seen, 0);
	}
}

static void signaller(struct w_thread *t, void *arg)
{
	struct condition *c = arg;
	bool more;

	do {
		w_sleep(t, t->w->opt.hold_ns);
		more = w_more(t->w, ++c->signals);
		if (!more)
			__atomic_store_n(&c->last, 1, __ATOMIC_RELEASE);
		__atomic_add_fetch(&c->seq, 1, __ATOMIC_RELEASE);
		CALL(t, FUTEX, L(&c->seq), FUTEX_WAKE_PRIVATE, INT_MAX);
	} while (more);
}

static void pthread_waiter(struct w_thread *t, void *arg)
{
	struct condition *c = arg;
	struct w_span s;

	pthread_mutex_lock(&c->mutex);
	while (!c->last) {
		w_span_open(t, &s);
		pthread_cond_wait(&c->cond, &c->mutex);
		w_span_close(t, &s, HL_STATE_PARK);
	}
	pthread_mutex_unlock(&c->mutex);
}

static void pthread_signaller(struct w_thread *t, void *arg)
{
	struct condition *c = arg;
	bool more;

	do {
		w_sleep(t, t->w->opt.hold_ns);
		more = w_more(t->w, ++c->signals);
		pthread_mutex_lock(&c->mutex);
		c->last = !more;
		pthread_mutex_unlock(&c->mutex);
		pthread_cond_broadcast(&c->cond);
	} while (more);
}

int w_mode_futex_park(struct w *w)
{
	struct condition *c = w_alloc(w, 1, sizeof(*c)); /* zero is what the initialisers say */
	int err = 0;

	if (!c)
		return -ENOMEM;
	c->seq = 1000;
	for (uint32_t i = 0; i < w->opt.threads && !err; i++)
		err = w_spawn(w, "waiter", w->opt.pthread ? pthread_waiter : waiter, c);
	if (!err)
		err = w_spawn(w, "signaller", w->opt.pthread ? pthread_signaller : signaller, c);
	if (err)
		return err;
	err = w_join(w);
	w_extra(w, "signals", (double)c->signals);
	return err;
}

/* Two processes and a file: the holder says when it has the lock, the other answers when it had it. */
struct file_lock {
	int to_waiter[2], to_holder[2];
	char path[PATH_MAX];
};

static long open_lock(struct w_thread *t, struct file_lock *f)
{
	long fd = CALL(t, OPENAT, AT_FDCWD, L(f->path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		w_fail(t->w, f->path, (int)fd);
	return fd;
}

static void lock_holder(struct w_thread *t, void *arg)
{
	struct file_lock *f = arg;
	long fd = open_lock(t, f);
	char c = 'y';

	CALL(t, CLOSE, f->to_holder[1]); /* so that the end of the waiter is seen */
	while (fd >= 0 && c == 'y') {
		if (CALL(t, FLOCK, fd, LOCK_EX) < 0 || CALL(t, WRITE, f->to_waiter[1], L(&c), 1) != 1)
			break;
		w_sleep(t, t->w->opt.hold_ns);
		CALL(t, FLOCK, fd, LOCK_UN);
		if (WAIT(t, IPC, READ, f->to_holder[0], L(&c), 1) != 1)
			break;
	}
}

static void lock_waiter(struct w_thread *t, void *arg)
{
	struct file_lock *f = arg;
	long pid = w_child(t, w_slot(t->w, "holder"), lock_holder, f);
	long fd = open_lock(t, f), r = fd;
	uint64_t n = 0;
	char c;

	CALL(t, CLOSE, f->to_waiter[1]);
	while (r >= 0 && pid > 0) {
		r = WAIT(t, IPC, READ, f->to_waiter[0], L(&c), 1);
		if (r != 1)
			break;
		r = WAIT(t, LOCK, FLOCK, fd, LOCK_EX);
		CALL(t, FLOCK, fd, LOCK_UN);
		c = w_more(t->w, ++n) ? 'y' : 'n';
		CALL(t, WRITE, f->to_holder[1], L(&c), 1);
		if (c == 'n')
			break;
	}
	CALL(t, CLOSE, f->to_holder[1]);
	if (pid < 0 || r < 0 || w_reap(t, pid))
		w_fail(t->w, "flock", r < 0 ? (int)r : -ECHILD);
}

int w_mode_flock(struct w *w)
{
	struct file_lock *f = w_alloc(w, 1, sizeof(*f));
	int err;

	if (!f)
		return -ENOMEM;
	if (pipe(f->to_waiter) || pipe(f->to_holder))
		return w_fail(w, "pipe", -errno);
	w_path(w, 0, f->path, sizeof(f->path));
	err = w_run(w, "waiter", 1, lock_waiter, f);
	if (!w->opt.file)
		unlink(f->path);
	return err;
}
