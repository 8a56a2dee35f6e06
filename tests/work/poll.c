/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Modes that wait in poll or select: poll1, poll2, pollmix, pollzero, select1. */
#include "modes.h"

#include <errno.h>
#include <poll.h>
#include <sys/select.h>
#include <unistd.h>

static long do_poll(struct w_thread *t, enum hl_state state, struct pollfd *p, long n, uint64_t ns,
		    bool forever)
{
#ifdef __x86_64__
	return w_wait(t, state, C_POLL, ARGS(L(p), n, forever ? -1 : (long)(ns / MS)));
#else
	struct timespec ts = w_ts(ns);

	return w_wait(t, state, C_PPOLL, ARGS(L(p), n, forever ? 0 : L(&ts), 0, 8));
#endif
}

static long poll_ready(struct w_thread *t, struct w_chan *c)
{
	struct pollfd p[2] = { { c->rfd, POLLIN, 0 }, { c->extra_fd, POLLIN, 0 } };

	return do_poll(t, c->state, p, c->extra_fd < 0 ? 1 : 2, 0, true);
}

static long select_ready(struct w_thread *t, struct w_chan *c)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(c->rfd, &set);
#ifdef __x86_64__
	return w_wait(t, c->state, C_SELECT, ARGS(c->rfd + 1, L(&set), 0, 0, 0));
#else
	return w_wait(t, c->state, C_PSELECT, ARGS(c->rfd + 1, L(&set), 0, 0, 0, 0));
#endif
}

typedef long (*ready_fn)(struct w_thread *t, struct w_chan *c);

/* A client's connection that is waited for with ready, perhaps together with another descriptor. */
static int wait_for_client(struct w *w, ready_fn ready, enum hl_state state, int other)
{
	struct w_chan *c = w_alloc(w, 1, sizeof(*c));
	int client, accepted, err;

	if (!c)
		return -ENOMEM;
	err = w_tcp_pair(w->main, &client, &accepted);
	if (err)
		return w_fail(w, "TCP on loopback", err);
	*c = (struct w_chan){ client, accepted, C_RECVFROM, C_SENDTO, state, ready, other };
	err = w_chan_start(w, c);
	return err ? err : w_join(w);
}

int w_mode_poll1(struct w *w)
{
	return wait_for_client(w, poll_ready, HL_STATE_NETWORK, -1);
}

int w_mode_poll2(struct w *w)
{
	int client, accepted;
	int err = w_tcp_pair(w->main, &client, &accepted);

	if (err)
		return w_fail(w, "TCP on loopback", err);
	return wait_for_client(w, poll_ready, HL_STATE_NETWORK, client);
}

int w_mode_pollmix(struct w *w)
{
	int p[2];

	if (pipe(p))
		return w_fail(w, "pipe", -errno);
	return wait_for_client(w, poll_ready, HL_STATE_POLL, p[0]);
}

int w_mode_select1(struct w *w)
{
	return wait_for_client(w, select_ready, HL_STATE_NETWORK, -1);
}

static void poll_nothing(struct w_thread *t, void *unused)
{
	long r = 0;

	for (uint64_t n = 0; r >= 0 && w_more(t->w, n); n++)
		r = do_poll(t, HL_STATE_SLEEP, NULL, 0, t->w->opt.hold_ns, false);
	if (r < 0)
		w_fail(t->w, "poll", (int)r);
}

int w_mode_pollzero(struct w *w)
{
	return w_run(w, "sleeper", w->opt.threads, poll_nothing, NULL);
}
