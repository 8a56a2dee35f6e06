/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Modes that wait for a timer or for data from another thread: sleep, pipe, epoll,
 * unix, eventfd, msgq, sigwait. */
#include "modes.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/socket.h>
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
		err = w_chan_start(w, &c[i]);
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
	err = w_spawn(w, "timer", on_timer, &c[0]) ?: w_chan_start(w, &c[1]);
	return err ? err : w_join(w);
}

int w_mode_unix(struct w *w)
{
	struct w_chan *c = w_alloc(w, 1, sizeof(*c));
	int p[2], err;

	if (!c)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p))
		return w_fail(w, "socketpair", -errno);
	*c = (struct w_chan){ p[0], p[1], C_RECVFROM, C_SENDTO, HL_STATE_IPC, NULL, -1 };
	err = w_chan_start(w, c);
	return err ? err : w_join(w);
}

int w_mode_eventfd(struct w *w)
{
	struct w_chan *c = w_alloc(w, 1, sizeof(*c));
	int fd = eventfd(0, EFD_CLOEXEC), err;

	if (!c)
		return -ENOMEM;
	if (fd < 0)
		return w_fail(w, "eventfd", -errno);
	*c = (struct w_chan){ fd, fd, C_READ, C_WRITE, HL_STATE_IPC, NULL, -1 };
	err = w_chan_start(w, c);
	return err ? err : w_join(w);
}

static int posix_queue(struct w *w)
{
	struct mq_attr attr = { .mq_maxmsg = 8, .mq_msgsize = 8 };
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "/hostlat-work.%u", w->sh->pid);
	fd = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
	if (fd < 0)
		return -errno;
	mq_unlink(name);
	return fd;
}

int w_mode_msgq(struct w *w)
{
	struct w_chan *c = w_alloc(w, 1, sizeof(*c));
	int q, err;

	if (!c)
		return -ENOMEM;
	q = w->opt.sysv ? msgget(IPC_PRIVATE, 0600) : posix_queue(w);
	if (w->opt.sysv && q < 0)
		q = -errno;
	if (q == -ENOSYS)
		return w_skip("no message queues in this kernel");
	if (q < 0)
		return w_fail(w, "message queue", q);
	if (w->opt.sysv)
		*c = (struct w_chan){ q, q, C_MSGRCV, C_MSGSND, HL_STATE_IPC, NULL, -1 };
	else
		*c = (struct w_chan){ q, q, C_MQ_RECEIVE, C_MQ_SEND, HL_STATE_IPC, NULL, -1 };
	err = w_chan_start(w, c) ?: w_join(w);
	if (w->opt.sysv)
		msgctl(q, IPC_RMID, NULL);
	return err;
}

/* Real-time signals: they queue, so that none is lost. */
#define SIG_NEXT 40
#define SIG_LAST 41

static void signal_waiter(struct w_thread *t, void *self)
{
	uint64_t set = 1ULL << (SIG_NEXT - 1) | 1ULL << (SIG_LAST - 1);
	long r;

	__atomic_store_n((struct w_thread **)self, t, __ATOMIC_RELEASE);
	do
		r = WAIT(t, IDLE, SIGTIMEDWAIT, L(&set), 0, 0, sizeof(set));
	while (r == SIG_NEXT);
	if (r < 0)
		w_fail(t->w, "rt_sigtimedwait", (int)r);
}

static void signal_sender(struct w_thread *t, void *self)
{
	struct w_thread *to;
	uint64_t n = 0;
	bool more;

	while (!(to = __atomic_load_n((struct w_thread **)self, __ATOMIC_ACQUIRE)))
		CALL(t, SCHED_YIELD);
	do {
		w_sleep(t, t->w->opt.hold_ns);
		more = w_more(t->w, ++n);
		CALL(t, TGKILL, to->pid, to->tid, more ? SIG_NEXT : SIG_LAST);
	} while (more);
}

int w_mode_sigwait(struct w *w)
{
	struct w_thread **waiter = w_alloc(w, 1, sizeof(*waiter));
	sigset_t set;
	int err;

	if (!waiter)
		return -ENOMEM;
	sigemptyset(&set);
	sigaddset(&set, SIG_NEXT);
	sigaddset(&set, SIG_LAST);
	pthread_sigmask(SIG_BLOCK, &set, NULL); /* the threads inherit it */
	err = w_spawn(w, "waiter", signal_waiter, waiter) ?: w_spawn(w, "sender", signal_sender, waiter);
	return err ? err : w_join(w);
}
