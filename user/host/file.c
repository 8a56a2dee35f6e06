/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Owns the reading of small files: every open of host/ for their text goes through here. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "host/file.h"

ssize_t file_read(const char *path, char *buf, size_t size)
{
	__close int fd = -1;
	size_t len = 0;

	if (!size)
		return -EINVAL;
	buf[0] = '\0';
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	while (len < size - 1) {
		ssize_t n = read(fd, buf + len, size - 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
		buf[len] = '\0';
	}
	return (ssize_t)len;
}

ssize_t file_read_line(const char *path, char *buf, size_t size)
{
	ssize_t n = file_read(path, buf, size);

	while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == ' '))
		buf[--n] = '\0';
	return n;
}

ssize_t file_read_link(const char *path, char *buf, size_t size)
{
	ssize_t n;

	if (!size)
		return -EINVAL;
	n = readlink(path, buf, size);
	if (n < 0) {
		buf[0] = '\0';
		return -errno;
	}
	if ((size_t)n == size) {
		buf[size - 1] = '\0';
		return -ENAMETOOLONG;
	}
	buf[n] = '\0';
	return n;
}

int parse_u64(const char **p, uint64_t *v)
{
	const char *s = *p;
	uint64_t r = 0;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	for (; *s >= '0' && *s <= '9'; s++) {
		if (__builtin_mul_overflow(r, 10, &r) || __builtin_add_overflow(r, (uint64_t)(*s - '0'), &r))
			return -EINVAL;
	}
	*p = s;
	*v = r;
	return 0;
}

const char *find_key(const char *text, const char *key)
{
	size_t n = strlen(key);

	while (text && strncmp(text, key, n)) {
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	if (!text)
		return NULL;
	return text + n + strspn(text + n, " \t");
}
