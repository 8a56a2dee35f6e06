/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Modes that wait for a timer or for data from another thread: sleep, pipe, epoll. */
#include "modes.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

void w_sleeper(struct w_thread *t, void *unused)
{
	for (uint64_t n = 0; w_more(t->w, n); n++)
		w_sleep(t, t->w->opt.hold_ns);
}

int w_mode_sleep(struct w *w)
{
	return w_run(w, "sleeper", w->opt.threads, w_sleeper, NULL);
}

static int start_pair(struct w *w, struct w_chan *c)
{
	int err = w_spawn(w, "reader", w_chan_read, c);

	return err ? err : w_spawn(w, "writer", w_chan_write, c);
}

int w_mode_pipe(struct w *w)
{
	uint32_t n = w->opt.threads;
	struct w_chan *c = w_alloc(w, n, sizeof(*c));

	if (!c)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		int p[2], err;

		c[i] = (struct w_chan){ .rcall = C_READ, .wcall = C_WRITE, .state = HL_STATE_IPC };
		if (pipe(p))
			return w_fail(w, "pipe", -errno);
		c[i].rfd = p[0];
		c[i].wfd = p[1];
		err = start_pair(w, &c[i]);
		if (err)
			return err;
	}
	return w_join(w);
}

static long epoll_ready(struct w_thread *t, struct w_chan *c)
{
	struct epoll_event e;

#ifdef __x86_64__
	return WAIT(t, POLL, EPOLL_WAIT, c->extra_fd, L(&e), 1, -1);
#else
	return WAIT(t, POLL, EPOLL_PWAIT, c->extra_fd, L(&e), 1, -1, 0, 8);
#endif
}

static int watch(int fd)
{
	struct epoll_event e = { .events = EPOLLIN };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e))
		return -errno;
	return ep;
}

static void on_timer(struct w_thread *t, void *chan)
{
	struct w_chan *c = chan;
	uint64_t ticks;

	for (uint64_t n = 0; w_more(t->w, n); n++) {
		if (epoll_ready(t, c) < 0 || CALL(t, READ, c->rfd, L(&ticks), sizeof(ticks)) < 0)
			w_fail(t->w, "epoll_wait", -EIO);
	}
}

int w_mode_epoll(struct w *w)
{
	struct timespec hold = w_ts(w->opt.hold_ns ? w->opt.hold_ns : MS);
	struct itimerspec it = { hold, hold };
	struct w_chan *c = w_alloc(w, 2, sizeof(*c));
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	int p[2], err;

	if (!c)
		return -ENOMEM;
	if (timer < 0 || pipe(p) || timerfd_settime(timer, 0, &it, NULL))
		return w_fail(w, "timerfd", -errno);
	c[0] = (struct w_chan){ .rfd = timer, .extra_fd = watch(timer) };
	c[1] = (struct w_chan){ p[0], p[1], C_READ, C_WRITE, HL_STATE_POLL, epoll_ready, watch(p[0]) };
	if (c[0].extra_fd < 0 || c[1].extra_fd < 0)
		return w_fail(w, "epoll_ctl", -EIO);
	err = w_spawn(w, "timer", on_timer, &c[0]) ?: start_pair(w, &c[1]);
	return err ? err : w_join(w);
}
