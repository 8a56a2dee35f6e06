/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Which files are mapped as code from now on, by whom: the kernel's own records of that (PERF_RECORD_MMAP2),
 * one ring for each CPU. Nothing is hooked: a mapping of code costs its process about a microsecond more, and
 * nothing else costs anything. Called by func_files.c.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kern/func_files.h"

#define DATA_BYTES (128 << 10) /* of a ring: some 1000 records */

/* A record of the kernel's, as far as its path. */
struct mmap2 {
	struct perf_event_header h;
	uint32_t pid, tid;
	uint64_t addr, len, pgoff;
	uint32_t major, minor;
	uint64_t inode, generation;
	uint32_t prot, flags;
	char path[];
};

struct map_ring {
	int fd;
	struct perf_event_mmap_page *page;
};

struct func_maps {
	struct map_ring *v;
	size_t n, page_bytes;
	char *record; /* one in a piece */
};

static int open_ring(struct func_maps *m, int cpu)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_DUMMY,
		.sample_type = PERF_SAMPLE_TIME,
		.sample_period = 1,
		.sample_id_all = 1,
		.mmap = 1,
		.mmap2 = 1,
		.watermark = 1,
		.wakeup_watermark = DATA_BYTES / 4,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	void *page;

	if (fd < 0)
		return -errno;
	page = mmap(NULL, m->page_bytes + DATA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED) {
		int err = -errno;

		close(fd);
		return err;
	}
	m->v[m->n++] = (struct map_ring){ fd, page };
	return 0;
}

int func_maps_open(uint32_t nr_cpus, struct func_maps **out)
{
	struct func_maps *m = xcalloc(1, sizeof(*m));
	int err = 0;

	*out = m;
	m->v = xcalloc(nr_cpus, sizeof(*m->v));
	m->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	m->record = xmalloc(UINT16_MAX + 1);
	for (uint32_t cpu = 0; cpu < nr_cpus && (!err || err == -ENODEV); cpu++)
		err = open_ring(m, (int)cpu);
	return err == -ENODEV ? 0 : err; /* some are not there, or off */
}

void func_maps_close(struct func_maps *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++) {
		munmap(m->v[i].page, m->page_bytes + DATA_BYTES);
		close(m->v[i].fd);
	}
	free(m->v);
	free(m->record);
	free(m);
}

/* n bytes of a ring's data from `at` on, which may begin again meanwhile. */
static void copy(const struct func_maps *m, const struct map_ring *r, uint64_t at, void *to, size_t n)
{
	const char *data = (const char *)r->page + m->page_bytes;
	size_t from = at % DATA_BYTES, first = MIN(n, DATA_BYTES - from);

	memcpy(to, data + from, first);
	memcpy((char *)to + first, data, n - first);
}

/* False: that is none. */
static bool take_mmap2(const struct func_maps *m, size_t n, struct func_map *out)
{
	struct mmap2 *r = (void *)m->record;
	char *end = m->record + n - sizeof(out->at);

	if (r->h.type != PERF_RECORD_MMAP2 || n <= sizeof(*r) + sizeof(out->at) || r->path[0] != '/' ||
	    !memchr(r->path, '\0', (size_t)(end - r->path)))
		return false;
	*out = (struct func_map){ .pid = r->pid,
				  .path = r->path,
				  .dev = (uint64_t)r->major << 32 | r->minor,
				  .ino = r->inode,
				  .generation = r->generation };
	memcpy(&out->at, end, sizeof(out->at));
	return true;
}

static void drain(struct func_maps *m, struct map_ring *r, func_map_fn fn, void *arg, bool *lost)
{
	uint64_t head = __atomic_load_n(&r->page->data_head, __ATOMIC_ACQUIRE), at = r->page->data_tail;
	struct perf_event_header h;
	struct func_map map;

	while (at < head) {
		copy(m, r, at, &h, sizeof(h));
		if (h.size < sizeof(h))
			break;
		copy(m, r, at, m->record, h.size);
		if (h.type == PERF_RECORD_LOST)
			*lost = true;
		else if (take_mmap2(m, h.size, &map))
			fn(arg, &map);
		at += h.size;
	}
	__atomic_store_n(&r->page->data_tail, head, __ATOMIC_RELEASE);
}

bool func_maps_drain(struct func_maps *m, func_map_fn fn, void *arg)
{
	bool lost = false;

	for (size_t i = 0; i < m->n; i++)
		drain(m, &m->v[i], fn, arg, &lost);
	return lost;
}
