/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Modes that wait for a peer or for a client: accept, udp. */
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
		s[i].listener = w_listen(w->main, &s[i].port);
		if (s[i].listener < 0)
			return w_fail(w, "listen", s[i].listener);
		err = w_spawn(w, "server", server, &s[i]) ?: w_spawn(w, "client", client, &s[i]);
	}
	return err ? err : w_join(w);
}

/* A UDP socket on loopback; *sa gets its address. */
static int udp_socket(struct w_thread *t, struct sockaddr_in *sa)
{
	socklen_t len = sizeof(*sa);
	int fd = (int)CALL(t, SOCKET, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*sa = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (fd < 0)
		return fd;
	if (!bind(fd, (struct sockaddr *)sa, sizeof(*sa)) && !getsockname(fd, (struct sockaddr *)sa, &len))
		return fd;
	CALL(t, CLOSE, fd);
	return -EADDRNOTAVAIL;
}

static long connect_to(struct w_thread *t, int fd, const struct sockaddr_in *sa)
{
	return CALL(t, CONNECT, fd, L(sa), sizeof(*sa));
}

int w_mode_udp(struct w *w)
{
	struct w_chan *c = w_alloc(w, 2, sizeof(*c));
	struct sockaddr_in sa[4];
	int fd[4], err;

	if (!c)
		return -ENOMEM;
	for (int i = 0; i < 4; i++) {
		fd[i] = udp_socket(w->main, &sa[i]);
		if (fd[i] < 0)
			return w_fail(w, "UDP socket", fd[i]);
	}
	/* 0 and 1 are connected to each other; 2 is only bound, 3 sends to it. */
	err = connect_to(w->main, fd[0], &sa[1]) ?: connect_to(w->main, fd[1], &sa[0]);
	err = err ?: connect_to(w->main, fd[3], &sa[2]);
	if (err)
		return w_fail(w, "connect", err);
	c[0] = socket_chan(fd[0], fd[1], HL_STATE_NETWORK);
	c[1] = socket_chan(fd[2], fd[3], HL_STATE_IDLE);
	err = w_chan_start(w, &c[0]) ?: w_chan_start(w, &c[1]);
	return err ? err : w_join(w);
}
