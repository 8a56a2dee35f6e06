/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Reads /proc/PID/maps, keeps its executable lines. Used by opener.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "sym/space.h"

#define TEXT_ROOM (64 << 20)
#define PIECE     (64 << 10)

static int read_all(struct str *to, const char *path)
{
	__close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *piece;
	ssize_t n;

	if (fd < 0)
		return -errno;
	str_reset(to);
	piece = xmalloc(PIECE);
	while ((n = read(fd, piece, PIECE)) > 0 && to->len < TEXT_ROOM)
		str_addn(to, piece, (size_t)n);
	free(piece);
	return n < 0 ? -errno : 0;
}

static bool is_jitdump(const char *path)
{
	const char *base = strrchr(path, '/');
	int pid, end = 0;

	return base && sscanf(base, "/jit-%d.dump%n", &pid, &end) == 1 && end && !base[end];
}

static enum mapping_type type_of(const struct mapping *m)
{
	if (!strcmp(m->path, "[vdso]"))
		return MAPPING_VDSO;
	if (m->inode && is_jitdump(m->path))
		return MAPPING_JITDUMP;
	if (m->inode && m->path[0] == '/')
		return MAPPING_FILE;
	return m->path[0] == '[' ? MAPPING_OTHER : MAPPING_ANON;
}

/* "start-end perms offset major:minor inode    path" */
static bool parse_line(char *line, struct mapping *m)
{
	static const char deleted[] = " (deleted)";
	char perms[8];
	int at = 0;
	size_t len;

	if (sscanf(line, "%lx-%lx %7s %lx %x:%x %lu %n", &m->start, &m->end, perms, &m->offset, &m->major,
		   &m->minor, &m->inode, &at) < 7 ||
	    !at || perms[2] != 'x')
		return false;
	m->path = line + at;
	len = strlen(m->path);
	if (len > sizeof(deleted) && !strcmp(m->path + len - (sizeof(deleted) - 1), deleted))
		m->path[len - (sizeof(deleted) - 1)] = '\0';
	m->type = type_of(m);
	return true;
}

int space_read(struct space *s, pid_t pid, size_t max)
{
	char path[40], *line, *end;
	int err;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	s->n = 0;
	err = read_all(&s->text, path);
	if (err)
		return err;
	if (!s->v)
		s->v = xcalloc(max, sizeof(*s->v));
	s->hash = 1;
	for (line = s->text.s; line && (end = strchr(line, '\n')) && s->n < max; line = end + 1) {
		*end = '\0';
		memset(&s->v[s->n], 0, sizeof(s->v[0]));
		if (!parse_line(line, &s->v[s->n]))
			continue;
		/* a path is changed by parsing, in the same way each time */
		s->hash = s->hash * 31 + hash_bytes(line, strlen(line)) +
			  hash_bytes(s->v[s->n].path, strlen(s->v[s->n].path));
		s->n++;
	}
	return 0;
}

void space_free(struct space *s)
{
	str_free(&s->text);
	cleanup_free(&s->v);
}

/* The auxiliary vector holds 16 random bytes' address and where the program and its loader are;
 * reading it takes no lock of the address space. */
uint64_t space_program(pid_t pid)
{
	char path[40], buf[1024];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/auxv", (int)pid);
	{
		__close int fd = open(path, O_RDONLY | O_CLOEXEC);

		n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));
	}
	return n > 0 ? hash_bytes(buf, (size_t)n) : 0;
}
