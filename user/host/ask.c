/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Owns the two children that ask in our place: a keeper, which never touches what may block, and
 * its reader, which the keeper kills and replaces when it is late. A reader that cannot die at
 * once is left to the kernel; it holds nothing of ours but its end of a socket. Questions and
 * answers are packets, in order. Called by the live source.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "host/ask.h"

#define LATE_MS 250 /* a command line takes microseconds; on a busy host the reader waits for a CPU */

struct answer {
	struct question q;
	int32_t n; /* bytes, or -errno */
	char buf[ASK_ROOM];
};

struct asker {
	VEC(struct question) asked;
	size_t sent, taken;
	int fd; /* to the keeper; -1: it is gone */
	pid_t keeper;
};

/* ---- the reader and its keeper ---------------------------------------------------- */

static void become_child(int fd)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(fd, STDIN_FILENO) < 0)
		_exit(1);
	close_range(STDIN_FILENO + 1, ~0u, 0);
}

static ssize_t get(int fd, void *buf, size_t size)
{
	ssize_t n;

	do
		n = recv(fd, buf, size, 0);
	while (n < 0 && errno == EINTR);
	return n;
}

static bool put(int fd, const void *buf, size_t size)
{
	return send(fd, buf, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* On standard input, as its keeper: nothing else is open. */
static void reader_main(ask_fn fn)
{
	struct answer a = {};

	while (get(STDIN_FILENO, &a.q, sizeof(a.q)) == sizeof(a.q)) {
		a.n = (int32_t)fn(&a.q, a.buf, sizeof(a.buf));
		if (!put(STDIN_FILENO, &a, sizeof(a)))
			break;
	}
	_exit(0);
}

struct reader {
	pid_t pid;
	int fd; /* -1: none */
};

static void reader_start(struct reader *r, ask_fn fn)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return;
	r->pid = fork();
	if (!r->pid) {
		become_child(fds[1]);
		reader_main(fn);
	}
	close(fds[1]);
	if (r->pid > 0)
		r->fd = fds[0];
	else
		close(fds[0]);
}

static void reader_drop(struct reader *r)
{
	kill(r->pid, SIGKILL);
	close(r->fd);
	r->fd = -1;
}

static void reader_ask(struct reader *r, ask_fn fn, struct answer *a)
{
	struct pollfd p;

	a->n = -ETIME;
	if (r->fd < 0)
		reader_start(r, fn);
	if (r->fd < 0)
		return;
	p = (struct pollfd){ r->fd, POLLIN, 0 };
	if (put(r->fd, &a->q, sizeof(a->q)) && poll(&p, 1, LATE_MS) > 0 &&
	    get(r->fd, a, sizeof(*a)) == sizeof(*a))
		return;
	a->n = -ETIME;
	reader_drop(r);
}

static void keeper_main(ask_fn fn)
{
	struct reader r = { .fd = -1 };
	struct answer a = {};

	signal(SIGCHLD, SIG_IGN); /* readers are not waited for */
	while (get(STDIN_FILENO, &a.q, sizeof(a.q)) == sizeof(a.q)) {
		reader_ask(&r, fn, &a);
		if (!put(STDIN_FILENO, &a, sizeof(a)))
			break;
	}
	_exit(0);
}

/* ---- our side ----------------------------------------------------------------------- */

struct asker *asker_new(ask_fn fn)
{
	struct asker *a;
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return NULL;
	pid = fork();
	if (!pid) {
		become_child(fds[1]);
		keeper_main(fn);
	}
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return NULL;
	}
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	a = xcalloc(1, sizeof(*a));
	a->keeper = pid;
	a->fd = fds[0];
	return a;
}

/* The keeper never waits for what cannot be killed, and its reader dies with it. */
static void keeper_gone(struct asker *a)
{
	if (a->fd < 0)
		return;
	close(a->fd);
	a->fd = -1;
	kill(a->keeper, SIGKILL);
	while (waitpid(a->keeper, NULL, 0) < 0 && errno == EINTR)
		;
}

void asker_free(struct asker *a)
{
	if (!a)
		return;
	keeper_gone(a);
	vec_free(&a->asked);
	free(a);
}

void asker_put(struct asker *a, pid_t pid, uint64_t at)
{
	if (a->taken == a->asked.n) /* all were answered */
		a->sent = a->taken = a->asked.n = 0;
	*vec_add(&a->asked) = (struct question){ at, pid };
}

static bool may_come(int err)
{
	return err == EAGAIN || err == EINTR;
}

/* What fits into the socket, and what is there. */
static void exchange(struct asker *a, answer_fn fn, void *arg)
{
	struct answer got;
	ssize_t n = 1;

	while (a->sent < a->asked.n && put(a->fd, &a->asked.v[a->sent], sizeof(a->asked.v[0])))
		a->sent++;
	while (a->taken < a->sent && (n = recv(a->fd, &got, sizeof(got), 0)) == sizeof(got)) {
		a->taken++;
		fn(arg, &got.q, got.buf, MIN(got.n, (int32_t)sizeof(got.buf)));
	}
	if (n == 0 || (n < 0 && !may_come(errno)))
		keeper_gone(a);
}

size_t asker_take(struct asker *a, uint64_t until_ns, answer_fn fn, void *arg)
{
	while (a->fd >= 0 && a->taken < a->asked.n) {
		struct pollfd p = { a->fd, POLLIN, 0 };
		uint64_t now = clock_mono_ns();

		exchange(a, fn, arg);
		if (a->taken == a->asked.n || now >= until_ns)
			break;
		poll(&p, 1, (int)((until_ns - now) / NSEC_PER_MSEC) + 1);
	}
	return a->fd < 0 ? 0 : a->asked.n - a->taken;
}
