/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Modes that wait for a peer or for a client: accept. */
#include "modes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

struct service {
	int listener;
	uint16_t port;
};

static struct w_chan socket_chan(long rfd, long wfd, enum hl_state state)
{
	return (struct w_chan){ (int)rfd, (int)wfd, C_RECVFROM, C_SENDTO, state, NULL, -1 };
}

/* Waits for a client, for its requests, and then sends it as many messages. */
static void server(struct w_thread *t, void *arg)
{
	struct service *s = arg;
	long fd = WAIT(t, IDLE, ACCEPT, s->listener, 0, 0);
	struct w_chan c = socket_chan(fd, fd, HL_STATE_IDLE);

	if (fd < 0) {
		w_fail(t->w, "accept", (int)fd);
		return;
	}
	w_chan_read(t, &c);
	w_chan_write(t, &c);
	CALL(t, CLOSE, fd);
}

/* Connects late, sends, and then waits for the server's messages. */
static void client(struct w_thread *t, void *arg)
{
	struct service *s = arg;
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = s->port,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	long fd = CALL(t, SOCKET, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct w_chan c = socket_chan(fd, fd, HL_STATE_NETWORK);
	long r;

	w_sleep(t, t->w->opt.hold_ns);
	r = fd < 0 ? fd : WAIT(t, NETWORK, CONNECT, fd, L(&sa), sizeof(sa));
	if (r < 0) {
		w_fail(t->w, "connect", (int)r);
		return;
	}
	w_chan_write(t, &c);
	w_chan_read(t, &c);
	CALL(t, CLOSE, fd);
}

int w_mode_accept(struct w *w)
{
	struct service *s = w_alloc(w, w->opt.threads, sizeof(*s));
	int err = s ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < w->opt.threads && !err; i++) {
		s[i].listener = w_listen(&s[i].port);
		if (s[i].listener < 0)
			return w_fail(w, "listen", s[i].listener);
		err = w_spawn(w, "server", server, &s[i]) ?: w_spawn(w, "client", client, &s[i]);
	}
	return err ? err : w_join(w);
}
