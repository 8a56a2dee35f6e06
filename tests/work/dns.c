/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Mode dns: so many queries of each name, each name asked in a way of its own, to a server at port 53 of
 * loopback. */
#include "modes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define ROOM     512
#define PREFIX   2 /* over TCP its length stands before a message */
#define PER_TURN 5 /* messages over UDP */

static const struct sockaddr_in server_at = {
	.sin_family = AF_INET,
	.sin_port = 53 << 8, /* in the network's order */
	.sin_addr.s_addr = 0x0100007f,
};

struct service {
	int udp, tcp;
};

struct message {
	uint8_t b[ROOM];
	size_t n;
};

/* What is the address of LABEL.test? */
static struct message query(const char *label, uint16_t id)
{
	struct message m = { { id >> 8, id & 0xff, 1, 0, 0, 1 }, 12 };
	size_t len = strlen(label);

	m.b[m.n++] = (uint8_t)len;
	memcpy(m.b + m.n, label, len);
	memcpy(m.b + m.n + len, "\4test\0\0\1\0\1", 10);
	m.n += len + 10;
	return m;
}

/* Makes it its answer; false: there is none. */
static bool answer(struct message *m)
{
	if (m->n < 20 || !memcmp(m->b + 13, "silent", 6))
		return false;
	m->b[2] = 0x81;
	m->b[3] = 0x80;
	m->b[7] = 1;
	memcpy(m->b + m->n, "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\7", 16);
	m->n += 16;
	return true;
}

static void serve_udp(struct w_thread *t, void *arg)
{
	struct service *s = arg;
	struct sockaddr_in who;
	struct message m;

	for (uint64_t i = 0; i < t->w->opt.each * PER_TURN; i++) {
		socklen_t len = sizeof(who);
		ssize_t n = recvfrom(s->udp, m.b, ROOM - 16, 0, (void *)&who, &len);

		m.n = n > 0 ? (size_t)n : 0;
		if (answer(&m))
			sendto(s->udp, m.b, m.n, 0, (void *)&who, len);
	}
}

static void serve_tcp(struct w_thread *t, void *arg)
{
	struct service *s = arg;
	struct message m;

	for (uint64_t i = 0; i < t->w->opt.each; i++) {
		int fd = accept(s->tcp, NULL, NULL);
		ssize_t n = read(fd, m.b, PREFIX) == PREFIX ? read(fd, m.b, ROOM - 16) : 0;

		m.n = n > 0 ? (size_t)n : 0;
		if (!answer(&m) || write(fd, (uint8_t[PREFIX]){ m.n >> 8, m.n & 0xff }, PREFIX) != PREFIX ||
		    write(fd, m.b, m.n) != (ssize_t)m.n)
			w_fail(t->w, "an answer", -errno);
		close(fd);
	}
}

/* ---- the ways to ask ---------------------------------------------------------------------- */

static int connected(int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	return connect(fd, (const void *)&server_at, sizeof(server_at)) ? -1 : fd;
}

static bool by_send(uint16_t id)
{
	struct message m = query("send", id);
	int fd = connected(SOCK_DGRAM);
	bool good =
		send(fd, m.b, m.n, 0) > 0 && recv(fd, m.b, ROOM, MSG_PEEK) > 0 && recv(fd, m.b, ROOM, 0) > 0;

	close(fd);
	return good;
}

static bool by_sendto(uint16_t id)
{
	struct message m = query("sendto", id);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool good = sendto(fd, m.b, m.n, 0, (const void *)&server_at, sizeof(server_at)) > 0 &&
		    recvfrom(fd, m.b, ROOM, 0, NULL, NULL) > 0;

	close(fd);
	return good;
}

/* Two at once, as the C library does. */
static bool by_sendmmsg(uint16_t id)
{
	struct message m[2] = { query("first", id), query("second", id) };
	struct iovec v[2] = { { m[0].b, m[0].n }, { m[1].b, m[1].n } };
	struct mmsghdr h[2] = { { .msg_hdr = { .msg_iov = &v[0], .msg_iovlen = 1 } },
				{ .msg_hdr = { .msg_iov = &v[1], .msg_iovlen = 1 } } };
	int fd = connected(SOCK_DGRAM);
	bool good = sendmmsg(fd, h, 2, 0) == 2;

	v[0].iov_len = v[1].iov_len = ROOM;
	good = good && recvmmsg(fd, h, 2, 0, NULL) == 2;
	close(fd);
	return good;
}

static bool by_tcp(uint16_t id)
{
	struct message m = query("tcp", id);
	uint8_t size[PREFIX] = { 0, (uint8_t)m.n };
	struct iovec v[2] = { { size, PREFIX }, { m.b, m.n } };
	int fd = connected(SOCK_STREAM);
	bool good = writev(fd, v, 2) > 0 && recv(fd, size, PREFIX, MSG_WAITALL) == PREFIX &&
		    read(fd, m.b, ROOM) > 0;

	close(fd);
	return good;
}

/* Waits for nothing, and gives it up. */
static bool in_vain(uint16_t id)
{
	struct message m = query("silent", id);
	int fd = connected(SOCK_DGRAM);
	bool good = send(fd, m.b, m.n, 0) > 0;

	close(fd);
	return good;
}

static void client(struct w_thread *t, void *unused)
{
	static bool (*const ways[])(uint16_t id) = { by_send, by_sendto, by_sendmmsg, by_tcp, in_vain };

	for (uint64_t i = 0; i < t->w->opt.each; i++)
		for (size_t k = 0; k < sizeof(ways) / sizeof(ways[0]); k++)
			if (!ways[k]((uint16_t)(i * 8 + k)))
				w_fail(t->w, "a query", -errno);
}

int w_mode_dns(struct w *w)
{
	struct service *s = w_alloc(w, 1, sizeof(*s));
	int err, on = 1;

	if (!s)
		return -ENOMEM;
	s->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	s->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(s->tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(s->udp, (const void *)&server_at, sizeof(server_at)) ||
	    bind(s->tcp, (const void *)&server_at, sizeof(server_at)) || listen(s->tcp, 16))
		return w_fail(w, "port 53", -errno);
	err = w_spawn(w, "server", serve_udp, s) ?: w_spawn(w, "server", serve_tcp, s);
	err = err ?: w_spawn(w, "client", client, NULL);
	return err ? err : w_join(w);
}
