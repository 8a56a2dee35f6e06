/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * A reader that waits for a writer: the shape of every mode that waits for data.
 * A message is 8 bytes, and says whether it is the last one, so that the reader
 * makes exactly as many reads as the writer makes writes. Also loopback TCP.
 */
#include "work.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define LAST (1ULL << 32) /* more than an eventfd could have added up */

/* msgsnd and msgrcv take the address of a type that stands before the text. */
struct message {
	long type;
	uint64_t value;
};

static void *message_addr(enum w_call_id id, struct message *m)
{
	return id == C_MSGSND || id == C_MSGRCV ? (void *)&m->type : (void *)&m->value;
}

void w_chan_read(struct w_thread *t, void *chan)
{
	struct w_chan *c = chan;
	struct message m = { .type = 1 };
	const long a[6] = { c->rfd, L(message_addr(c->rcall, &m)), sizeof(m.value) };
	long r;

	do {
		r = c->ready ? c->ready(t, c) : 0;
		if (r < 0)
			break;
		r = c->ready ? w_call(t, c->rcall, a) : w_wait(t, c->state, c->rcall, a);
	} while (r > 0 && m.value < LAST);
	if (r <= 0)
		w_fail(t->w, "read a message", r < 0 ? (int)r : -EPIPE);
}

void w_chan_write(struct w_thread *t, void *chan)
{
	struct w_chan *c = chan;
	struct message m = { .type = 1 };
	const long a[6] = { c->wfd, L(message_addr(c->wcall, &m)), sizeof(m.value) };
	uint64_t n = 0;
	bool more;
	long r;

	do {
		w_sleep(t, t->w->opt.hold_ns);
		more = w_more(t->w, ++n);
		m.value = more ? 1 : LAST;
		r = w_call(t, c->wcall, a);
	} while (more && r >= 0);
	if (r < 0)
		w_fail(t->w, "write a message", (int)r);
}

int w_chan_start(struct w *w, struct w_chan *c)
{
	int err = w_spawn(w, "reader", w_chan_read, c);

	return err ? err : w_spawn(w, "writer", w_chan_write, c);
}

int w_listen(struct w_thread *t, uint16_t *port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = (int)CALL(t, SOCKET, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return fd;
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) || listen(fd, 16) ||
	    getsockname(fd, (struct sockaddr *)&sa, &len)) {
		int err = -errno;

		CALL(t, CLOSE, fd);
		return err;
	}
	*port = sa.sin_port;
	return fd;
}

int w_tcp_pair(struct w_thread *t, int *client, int *accepted)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1;
	int listener = w_listen(t, &sa.sin_port);
	long r;

	if (listener < 0)
		return listener;
	*client = (int)CALL(t, SOCKET, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	r = *client < 0 ? *client : CALL(t, CONNECT, *client, L(&sa), sizeof(sa));
	r = r < 0 ? r : CALL(t, ACCEPT, listener, 0, 0);
	*accepted = (int)r;
	if (r < 0 && *client >= 0)
		CALL(t, CLOSE, *client);
	CALL(t, CLOSE, listener);
	if (r < 0)
		return (int)r;
	setsockopt(*client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return 0;
}
