/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The event loop: epoll over descriptors, a timerfd for each timer, one signalfd
 * for all signals. The commands make it; sources and views hang themselves in. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/mem.h"

#define LOOP_BATCH 32

struct watch {
	int fd; /* -1: taken off, freed when the batch is done */
	void (*ready)(struct loop *l, struct watch *w);
	loop_fn fn;
	void *arg;
};

struct on_signal {
	int sig;
	loop_signal_fn fn;
	void *arg;
};

struct loop {
	int epoll_fd;
	sigset_t signals;            /* delivered here */
	sigset_t blocked;            /* of them, those that were not blocked before */
	VEC(struct watch *) watches; /* descriptors of others */
	VEC(struct watch *) timers;  /* by id; the descriptors are the loop's */
	VEC(struct on_signal) handlers;
	struct watch signal_watch; /* fd -1 until the first loop_add_signal */
	bool stopped;
	int status;
};

struct loop *loop_new(void)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);
	struct loop *l;

	if (fd < 0)
		return NULL;
	l = xcalloc(1, sizeof(*l));
	l->epoll_fd = fd;
	l->signal_watch.fd = -1;
	sigemptyset(&l->signals);
	sigemptyset(&l->blocked);
	return l;
}

void loop_free(struct loop *l)
{
	static const struct timespec no_time;

	if (!l)
		return;
	/* a second ^C while the first one is obeyed must not kill afterwards */
	while (sigtimedwait(&l->blocked, NULL, &no_time) > 0)
		;
	for (size_t i = 0; i < l->watches.n; i++)
		free(l->watches.v[i]);
	for (size_t i = 0; i < l->timers.n; i++) {
		close(l->timers.v[i]->fd);
		free(l->timers.v[i]);
	}
	if (l->signal_watch.fd >= 0)
		close(l->signal_watch.fd);
	pthread_sigmask(SIG_UNBLOCK, &l->blocked, NULL);
	vec_free(&l->watches);
	vec_free(&l->timers);
	vec_free(&l->handlers);
	close(l->epoll_fd);
	free(l);
}

static int loop_watch(struct loop *l, struct watch *w)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = w };

	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, w->fd, &ev) ? -errno : 0;
}

static struct watch *watch_new(int fd, void (*ready)(struct loop *l, struct watch *w), loop_fn fn, void *arg)
{
	struct watch *w = xcalloc(1, sizeof(*w));

	*w = (struct watch){ fd, ready, fn, arg };
	return w;
}

/* ---- descriptors ---------------------------------------------------------- */

static void fd_ready(struct loop *l, struct watch *w)
{
	w->fn(l, w->arg);
}

int loop_add_fd(struct loop *l, int fd, loop_fn fn, void *arg)
{
	struct watch *w = watch_new(fd, fd_ready, fn, arg);
	int err = loop_watch(l, w);

	if (err)
		free(w);
	else
		*vec_add(&l->watches) = w;
	return err;
}

void loop_del_fd(struct loop *l, int fd)
{
	for (size_t i = 0; i < l->watches.n; i++) {
		if (l->watches.v[i]->fd != fd)
			continue;
		epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		/* its event may wait in the batch that is being worked off */
		l->watches.v[i]->fd = -1;
		return;
	}
}

static void loop_sweep(struct loop *l)
{
	size_t keep = 0;

	for (size_t i = 0; i < l->watches.n; i++) {
		if (l->watches.v[i]->fd < 0)
			free(l->watches.v[i]);
		else
			l->watches.v[keep++] = l->watches.v[i];
	}
	l->watches.n = keep;
}

/* ---- timers ---------------------------------------------------------------- */

static void timer_ready(struct loop *l, struct watch *w)
{
	uint64_t missed;

	/* nothing to read: it was set anew after it had rung */
	if (read(w->fd, &missed, sizeof(missed)) == sizeof(missed))
		w->fn(l, w->arg);
}

int loop_add_timer(struct loop *l, uint64_t period_ns, loop_fn fn, void *arg)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), err;
	struct watch *w;

	if (fd < 0)
		return -errno;
	w = watch_new(fd, timer_ready, fn, arg);
	err = loop_watch(l, w);
	if (err) {
		close(fd);
		free(w);
		return err;
	}
	*vec_add(&l->timers) = w;
	loop_set_timer(l, (int)l->timers.n - 1, period_ns);
	return (int)l->timers.n - 1;
}

void loop_set_timer(struct loop *l, int id, uint64_t period_ns)
{
	struct timespec t = { (time_t)(period_ns / NSEC_PER_SEC), (long)(period_ns % NSEC_PER_SEC) };
	struct itimerspec its = { .it_interval = t, .it_value = t };

	if (id >= 0 && (size_t)id < l->timers.n)
		timerfd_settime(l->timers.v[id]->fd, 0, &its, NULL);
}

/* ---- signals --------------------------------------------------------------- */

static void signal_ready(struct loop *l, struct watch *w)
{
	struct signalfd_siginfo si;

	if (read(w->fd, &si, sizeof(si)) != sizeof(si))
		return;
	for (size_t i = 0; i < l->handlers.n; i++) {
		struct on_signal h = l->handlers.v[i]; /* a handler may add one */

		if (h.sig == (int)si.ssi_signo)
			h.fn(l, h.sig, h.arg);
	}
}

static int signal_listen(struct loop *l, const sigset_t *signals)
{
	int fd = signalfd(l->signal_watch.fd, signals, SFD_NONBLOCK | SFD_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	if (l->signal_watch.fd == fd)
		return 0;
	l->signal_watch = (struct watch){ .fd = fd, .ready = signal_ready };
	err = loop_watch(l, &l->signal_watch);
	if (err) {
		close(fd);
		l->signal_watch.fd = -1;
	}
	return err;
}

int loop_add_signal(struct loop *l, int sig, loop_signal_fn fn, void *arg)
{
	sigset_t signals = l->signals, one, before;
	int err;

	sigemptyset(&one);
	if (sigaddset(&one, sig) || sigaddset(&signals, sig))
		return -errno;
	err = signal_listen(l, &signals);
	if (err)
		return err;
	pthread_sigmask(SIG_BLOCK, &one, &before);
	if (!sigismember(&before, sig))
		sigaddset(&l->blocked, sig);
	l->signals = signals;
	*vec_add(&l->handlers) = (struct on_signal){ sig, fn, arg };
	return 0;
}

/* ---- running --------------------------------------------------------------- */

static void loop_dispatch(struct loop *l, const struct epoll_event *events, int n)
{
	for (int i = 0; i < n && !l->stopped; i++) {
		struct watch *w = events[i].data.ptr;

		if (w->fd >= 0)
			w->ready(l, w);
	}
	loop_sweep(l);
}

int loop_run(struct loop *l)
{
	struct epoll_event events[LOOP_BATCH];

	while (!l->stopped) {
		int n = epoll_wait(l->epoll_fd, events, LOOP_BATCH, -1);

		if (n < 0 && errno != EINTR)
			return -errno;
		loop_dispatch(l, events, n);
	}
	l->stopped = false; /* it may run again */
	return l->status;
}

void loop_stop(struct loop *l, int status)
{
	l->stopped = true;
	l->status = status;
}
