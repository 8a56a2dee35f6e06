/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Sorted entries whose names stay in the bytes that were read. Later lines win, as code is
 * thrown away and its memory used again. Used by child.c. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "sym/perf_map.h"

#define MAX_ENTRIES 2000000
#define LOOK_BACK   8

struct entry {
	uint64_t addr;
	uint64_t size;
	uint32_t name; /* in text */
	uint32_t nth;  /* line, for which of two is the later */
};

struct perf_map {
	VEC(struct entry) v;
	char *text;
	size_t len;
};

static void slurp(struct perf_map *m, int fd, uint64_t size)
{
	size_t room = (size_t)MIN(size, (uint64_t)PERF_MAP_ROOM);
	ssize_t n;

	m->text = xmalloc(room + 1);
	while (m->len < room && (n = pread(fd, m->text + m->len, room - m->len, (off_t)m->len)) > 0)
		m->len += (size_t)n;
	m->text[m->len] = '\0';
}

static bool hex(char **p, uint64_t *v)
{
	char *end;

	if (**p == '0' && ((*p)[1] == 'x' || (*p)[1] == 'X'))
		*p += 2;
	*v = strtoull(*p, &end, 16);
	if (end == *p || end - *p > 16)
		return false;
	*p = end;
	return true;
}

static void add_line(struct perf_map *m, char *line)
{
	uint64_t addr, size;
	char *p = line;

	if (!hex(&p, &addr) || *p++ != ' ' || !hex(&p, &size) || *p++ != ' ' || !*p || !size)
		return;
	*vec_add(&m->v) = (struct entry){ addr, size, (uint32_t)(p - m->text),
					  (uint32_t)MIN(m->v.n, (size_t)UINT32_MAX) };
}

static int by_address(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->nth < y->nth ? -1 : x->nth > y->nth;
}

static void sort(struct perf_map *m)
{
	if (m->v.n)
		qsort(m->v.v, m->v.n, sizeof(*m->v.v), by_address);
}

struct perf_map *perf_map_read(int fd, uint64_t size)
{
	struct perf_map *m = xcalloc(1, sizeof(*m));

	slurp(m, fd, size);
	/* a line without its end may still be written */
	for (char *line = m->text, *end; (end = strchr(line, '\n')) && m->v.n < MAX_ENTRIES; line = end + 1) {
		*end = '\0';
		add_line(m, line);
	}
	sort(m);
	return m;
}

/* A file header that says how long it is, then records with their length. Code that was loaded
 * is record 0: pid, tid, vma, address, size, index, name. linux/tools/perf/Documentation/jitdump. */
struct jit_record {
	uint32_t id, size;
	uint64_t time;
};
struct jit_load {
	uint32_t pid, tid;
	uint64_t vma, addr, size, index;
};

struct perf_map *jitdump_read(int fd, uint64_t size)
{
	struct perf_map *m = xcalloc(1, sizeof(*m));
	struct jit_record r;
	struct jit_load l;
	uint32_t head[3];
	size_t at;

	slurp(m, fd, size);
	if (m->len < sizeof(head))
		return m;
	memcpy(head, m->text, sizeof(head));
	if (head[0] != 0x4a695444)
		return m;
	for (at = head[2]; at < m->len && m->len - at >= sizeof(r) && m->v.n < MAX_ENTRIES; at += r.size) {
		size_t name = at + sizeof(r) + sizeof(l);

		memcpy(&r, m->text + at, sizeof(r));
		if (r.size < sizeof(r) || r.size > m->len - at)
			break;
		if (r.id != 0 || r.size <= sizeof(r) + sizeof(l) ||
		    !memchr(m->text + name, '\0', r.size - sizeof(r) - sizeof(l)))
			continue;
		memcpy(&l, m->text + at + sizeof(r), sizeof(l));
		if (l.size)
			*vec_add(&m->v) = (struct entry){ l.addr, l.size, (uint32_t)name, (uint32_t)m->v.n };
	}
	sort(m);
	return m;
}

void perf_map_free(struct perf_map *m)
{
	if (!m)
		return;
	vec_free(&m->v);
	free(m->text);
	free(m);
}

const char *perf_map_find(const struct perf_map *m, uint64_t addr, uint64_t *offset)
{
	size_t low = 0, high = m ? m->v.n : 0;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (m->v.v[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	for (size_t back = 1; back <= LOOK_BACK && back <= low; back++) {
		const struct entry *e = &m->v.v[low - back];

		if (addr - e->addr < e->size) {
			*offset = addr - e->addr;
			return m->text + e->name;
		}
	}
	return NULL;
}
