/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Packets and what is in them. Used in all three processes; keeps nothing. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sym/wire.h"

union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(int))];
};

int wire_send(int sock, const struct iovec *v, size_t n, int fd)
{
	union control c = {};
	struct msghdr m = { .msg_iov = (struct iovec *)v, .msg_iovlen = n };
	ssize_t sent;

	if (fd >= 0) {
		struct cmsghdr *h;

		m.msg_control = c.room;
		m.msg_controllen = sizeof(c.room);
		h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(h), &fd, sizeof(fd));
	}
	do
		sent = sendmsg(sock, &m, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

int wire_put(int sock, const void *msg, size_t size)
{
	struct iovec v = { (void *)msg, size };

	return wire_send(sock, &v, 1, -1);
}

ssize_t wire_get(int sock, void *buf, size_t size, int *fd)
{
	union control c = {};
	struct iovec v = { buf, size };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	struct cmsghdr *h;
	ssize_t n;

	m.msg_control = c.room;
	m.msg_controllen = sizeof(c.room);
	*fd = -1;
	do
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	h = CMSG_FIRSTHDR(&m);
	if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS &&
	    h->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(h), sizeof(*fd));
	if (m.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	return n;
}

static bool get_string(const char **p, const char *end, size_t len, const char **s)
{
	*s = NULL;
	if (!len)
		return true;
	if ((size_t)(end - *p) < len || (*p)[len - 1] != '\0')
		return false;
	*s = *p;
	*p += len;
	return true;
}

bool wire_frame(const char **p, const char *end, struct ustack_frame *f)
{
	struct wire_frame w;

	if ((size_t)(end - *p) < sizeof(w))
		return false;
	memcpy(&w, *p, sizeof(w));
	*p += sizeof(w);
	*f = (struct ustack_frame){
		.pc = w.pc, .offset = w.offset, .line = w.line, .inlined = w.inlined != 0
	};
	return get_string(p, end, w.function, &f->function) && get_string(p, end, w.module, &f->module) &&
	       get_string(p, end, w.file, &f->file);
}

static size_t string_len(const char *s, size_t max)
{
	return s ? strnlen(s, max) + 1 : 0;
}

static void put_string(char *buf, size_t *len, const char *s, size_t n)
{
	if (!n)
		return;
	memcpy(buf + *len, s, n - 1);
	buf[*len + n - 1] = '\0';
	*len += n;
}

bool wire_add_frame(char *buf, size_t *len, size_t room, const struct ustack_frame *f)
{
	size_t function = string_len(f->function, WIRE_NAME), module = string_len(f->module, WIRE_PATH),
	       file = string_len(f->file, WIRE_NAME);
	struct wire_frame w = { f->pc,         f->offset,          f->line,
				f->inlined,    (uint16_t)function, (uint16_t)module,
				(uint16_t)file };

	if (room - *len < sizeof(w) + function + module + file)
		return false;
	memcpy(buf + *len, &w, sizeof(w));
	*len += sizeof(w);
	put_string(buf, len, f->function, function);
	put_string(buf, len, f->module, module);
	put_string(buf, len, f->file, file);
	return true;
}

void wire_only_these(int last)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0) {
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	close_range((unsigned int)last + 1, ~0u, 0);
}
