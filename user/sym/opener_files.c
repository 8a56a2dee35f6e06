/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Processes, their address spaces, the files in them. Processes with the same mappings (forks)
 * share an image; files are known by device, inode, times and size, never by path, and are opened
 * through the mapping itself, so that one which was deleted or replaced is still the right one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "host/proc.h"
#include "sym/open_in.h"
#include "sym/opener.h"

#define MAX_FILES  1000 /* each holds a descriptor */
#define MAX_IMAGES 1000
#define MAX_PROCS  8192
#define FRESH_NS   (100 * NSEC_PER_MSEC) /* mappings are not read more often without a reason: */
#define FRESH_COST 20                    /* … nor for more than one in so many ns */
#define FORCED_NS                                                                                            \
	(50 * NSEC_PER_MSEC)           /* nor for such a reason: what is in no mapping may never be in any   \
					*/
#define JUST_NS    NSEC_PER_MSEC       /* what was read just now is what there is */
#define GONE_NS    (10 * NSEC_PER_SEC) /* mappings that are gone are kept: a stack may be of before */
#define CHECKED_NS (10 * NSEC_PER_SEC) /* files of known mappings are not looked at more often */
#define BAD_NS     (10 * NSEC_PER_SEC) /* a file that killed once */
#define KEY_VDSO   1
#define VDSO_ROOM  (64 << 10) /* bytes of one that is not ours */
#define UNUSED_NS  (300 * NSEC_PER_SEC)

uint64_t opener_key(const struct stat *st)
{
	const uint64_t id[] = { st->st_dev,
				st->st_ino,
				(uint64_t)st->st_size,
				(uint64_t)st->st_mtim.tv_sec,
				(uint64_t)st->st_mtim.tv_nsec,
				(uint64_t)st->st_ctim.tv_sec,
				(uint64_t)st->st_ctim.tv_nsec };

	return hash_bytes(id, sizeof(id)) | 2; /* neither none nor the vDSO */
}

/* ---- files that killed ------------------------------------------------------------------ */

bool opener_is_bad(struct opener *o, uint64_t key, uint64_t now)
{
	const struct bad_file *b = hash_get(o->bad, &key);

	return b && (b->deaths > 1 || now < b->until_ns);
}

void opener_add_bad(struct opener *o, uint64_t key)
{
	struct bad_file *b = hash_get(o->bad, &key);

	if (!b) {
		b = xcalloc(1, sizeof(*b));
		b->key = key;
		hash_put(o->bad, &key, b);
	}
	b->deaths++;
	b->until_ns = clock_mono_ns() + BAD_NS;
}

/* ---- files ---------------------------------------------------------------------------------- */

static struct ofile *add_file(struct opener *o, uint64_t key, const char *path)
{
	struct ofile *f = xcalloc(1, sizeof(*f));

	f->key = key;
	f->path = xstrndup(path, WIRE_PATH);
	f->fd = -1;
	f->used_ns = clock_mono_ns();
	hash_put(o->files, &f->key, f);
	return f;
}

static uint64_t refused(struct opener *o, const struct mapping *m, int err)
{
	const uint64_t id[] = { m->major, m->minor, m->inode, (uint64_t)err };
	uint64_t key = hash_bytes(id, sizeof(id)) | 2;
	struct ofile *f = hash_get(o->files, &key);

	if (!f)
		f = add_file(o, key, m->path);
	snprintf(f->why, sizeof(f->why), "%s", err == -ENXIO ? "not a regular file" : strerror(-err));
	return key;
}

/* Where the link of the mapping cannot be followed: by path, when that is the same file. */
static int open_by_path(pid_t pid, const struct mapping *m, struct stat *st)
{
	int root = open_root(pid), fd;

	if (root < 0)
		return root;
	fd = open_in(root, m->path, false, st);
	close(root);
	if (fd >= 0 && (st->st_ino != m->inode || st->st_dev != makedev(m->major, m->minor))) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

static uint64_t file_of(struct opener *o, pid_t pid, const struct mapping *m)
{
	struct stat st;
	struct ofile *f;
	char path[80];
	uint64_t key;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%lx-%lx", (int)pid, m->start, m->end);
	if (!stat(path, &st) && S_ISREG(st.st_mode)) {
		key = opener_key(&st);
		if (hash_get(o->files, &key))
			return key;
	}
	fd = open_regular(path, &st);
	if (fd < 0 && fd != -ENXIO)
		fd = open_by_path(pid, m, &st);
	if (fd < 0)
		return refused(o, m, fd);
	key = opener_key(&st);
	f = hash_get(o->files, &key);
	if (f) {
		close(fd);
		return key;
	}
	f = add_file(o, key, m->path);
	f->fd = fd;
	f->size = (uint64_t)st.st_size;
	return key;
}

static size_t vdso_size(const char *begin)
{
	char line[512];
	size_t size = 0;
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long from, to;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx", &from, &to) == 2 && from == (unsigned long)begin)
			size = to - from;
	if (f)
		fclose(f);
	return size;
}

static uint64_t add_bytes(struct opener *o, uint64_t key, char *bytes, size_t size)
{
	struct ofile *f = add_file(o, key, "[vdso]");

	f->type = FILE_BYTES;
	f->bytes = bytes;
	f->size = size;
	return key;
}

/* It is the same for every 64-bit process, also for us; that of others is further down. */
static uint64_t vdso(struct opener *o, pid_t pid, const struct mapping *m)
{
	size_t size = MIN(m->end - m->start, (size_t)VDSO_ROOM);
	const char *ours = (const char *)getauxval(AT_SYSINFO_EHDR);
	uint64_t key = KEY_VDSO;
	char *bytes;

	if (m->end > UINT32_MAX) {
		if (hash_get(o->files, &key))
			return key;
		size = vdso_size(ours);
		bytes = xmalloc(size + 1);
		memcpy(bytes, ours, size);
		return add_bytes(o, key, bytes, size);
	}
	bytes = xmalloc(size);
	if (proc_memory(pid, m->start, bytes, size) < 0)
		size = 0;
	key = hash_bytes(bytes, size) | 2;
	if (!hash_get(o->files, &key))
		return add_bytes(o, key, bytes, size);
	free(bytes);
	return key;
}

/* ---- images ---------------------------------------------------------------------------------- */

static bool is_there(const struct wire_ask *ask)
{
	struct proc_info info;

	return !proc_read((pid_t)ask->pid, &info) &&
	       (!ask->start_ns || proc_same_start(ask->start_ns, info.start));
}

/* Of a process that ends meanwhile no file can be opened: what was known stays. */
static void fill_image(struct opener *o, struct oimage *i, const struct wire_ask *ask)
{
	pid_t pid = (pid_t)ask->pid;
	struct wire_vma *v = xcalloc(o->space.n + 1, sizeof(*v));
	uint64_t jit_start = 0, jit_end = 0;
	size_t n = 0;

	for (size_t k = 0; k < o->space.n; k++) {
		const struct mapping *m = &o->space.v[k];

		v[n] = (struct wire_vma){ m->start, m->end, m->offset, 0 };
		if (m->type == MAPPING_FILE)
			v[n].key = file_of(o, pid, m);
		else if (m->type == MAPPING_VDSO)
			v[n].key = vdso(o, pid, m);
		if (m->type == MAPPING_JITDUMP) {
			jit_start = m->start;
			jit_end = m->end;
		} else if (m->type != MAPPING_OTHER) {
			n++;
		}
	}
	if (i->v && !is_there(ask)) {
		free(v);
		return;
	}
	if (!i->v || i->n != n || memcmp(i->v, v, n * sizeof(*v)))
		i->slot = -1; /* what the child has is another one */
	free(i->v);
	i->v = v;
	i->n = n;
	i->jit_start = jit_start;
	i->jit_end = jit_end;
}

static struct oimage *image_of(struct opener *o, const struct wire_ask *ask, uint64_t now)
{
	struct oimage *i = hash_get(o->images, &o->space.hash);

	if (!i) {
		i = xcalloc(1, sizeof(*i));
		i->hash = o->space.hash;
		i->slot = -1;
		hash_put(o->images, &i->hash, i);
	} else if (now - i->checked_ns < CHECKED_NS) {
		return i;
	}
	i->checked_ns = now;
	if (i->slot >= 0)
		o->slots[i->slot] = NULL;
	i->slot = -1;
	fill_image(o, i, ask);
	return i;
}

bool opener_keeps_unused(struct opener *o, uint64_t now)
{
	struct ofile *f;

	for (size_t at = 0; (f = hash_next(o->files, &at, NULL));)
		if (f->fd >= 0 && now - f->used_ns > UNUSED_NS)
			return true;
	return false;
}

void opener_begin(struct opener *o)
{
	memset(o->slots, 0, sizeof(o->slots));
	o->procs = hash_new(2 * sizeof(uint64_t));
	o->images = hash_new(sizeof(uint64_t));
	o->files = hash_new(sizeof(uint64_t));
}

void opener_forget(struct opener *o)
{
	struct oproc *p;
	struct oimage *i;
	struct ofile *f;

	for (size_t at = 0; (p = hash_next(o->procs, &at, NULL));)
		free(p);
	for (size_t at = 0; (i = hash_next(o->images, &at, NULL));) {
		free(i->v);
		free(i);
	}
	for (size_t at = 0; (f = hash_next(o->files, &at, NULL));) {
		if (f->fd >= 0)
			close(f->fd);
		free(f->path);
		free(f->bytes);
		free(f);
	}
	hash_free(o->procs);
	hash_free(o->images);
	hash_free(o->files);
	opener_begin(o);
}

/* ---- processes ---------------------------------------------------------------------------------- */

static bool covers(const struct oimage *i, uint64_t pc)
{
	for (size_t k = 0; k < i->n; k++)
		if (pc >= i->v[k].start && pc < i->v[k].end)
			return true;
	return false;
}

static bool overlaps(const struct oimage *i, const struct wire_vma *m)
{
	for (size_t k = 0; k < i->n; k++)
		if (m->start < i->v[k].end && i->v[k].start < m->end)
			return true;
	return false;
}

static int by_start(const void *a, const void *b)
{
	const struct wire_vma *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* As an image with these mappings more. */
static struct oimage *with(struct opener *o, const struct oimage *i, const struct wire_vma *more, size_t n)
{
	uint64_t hash = i->hash ^ hash_bytes(more, n * sizeof(*more));
	struct oimage *both = hash_get(o->images, &hash);

	if (both)
		return both;
	both = xcalloc(1, sizeof(*both));
	*both = *i;
	both->hash = hash;
	both->slot = -1;
	both->n = i->n + n;
	both->v = xcalloc(both->n, sizeof(*both->v));
	memcpy(both->v, i->v, i->n * sizeof(*i->v));
	memcpy(both->v + i->n, more, n * sizeof(*more));
	qsort(both->v, both->n, sizeof(*both->v), by_start);
	hash_put(o->images, &both->hash, both);
	return both;
}

/* The image with what the process has unloaded a moment ago, where nothing else has come to that place. */
static struct oimage *with_gone(struct opener *o, struct oproc *p, struct oimage *i, const struct oimage *was,
				uint64_t now)
{
	struct wire_vma *gone;
	size_t n = 0;

	if (!was || was == i)
		return i;
	gone = xcalloc(was->n + 1, sizeof(*gone));
	for (size_t k = 0; k < was->n; k++)
		if (was->v[k].key && !overlaps(i, &was->v[k]))
			gone[n++] = was->v[k];
	if (!n || (p->gone_ns && now - p->gone_ns > GONE_NS) || i->n + n > WIRE_VMAS) {
		p->gone_ns = 0;
	} else {
		p->gone_ns = p->gone_ns ? p->gone_ns : now;
		i = with(o, i, gone, n);
	}
	free(gone);
	return i;
}

/* Whether mappings need not be read again. lacks: what is asked for is in none of them. */
static bool is_fresh(struct oproc *p, uint64_t now, bool lacks)
{
	if (!lacks)
		return now - p->read_ns < p->fresh_ns;
	if (now - p->read_ns < JUST_NS || now - p->forced_ns < FORCED_NS)
		return true;
	p->forced_ns = now;
	return false;
}

struct oproc *opener_proc(struct opener *o, const struct wire_ask *ask, uint64_t pc, bool force)
{
	const uint64_t key[2] = { ask->pid, ask->start_ns };
	struct oproc *p = hash_get(o->procs, key);
	uint64_t now = clock_mono_ns(), program = space_program((pid_t)ask->pid);
	struct oimage *was;

	if (!p) {
		p = xcalloc(1, sizeof(*p));
		memcpy(p->key, key, sizeof(key));
		hash_put(o->procs, p->key, p);
	}
	if (p->image && (!program || program == p->program) &&
	    is_fresh(p, now, force || (pc && !covers(p->image, pc))))
		return p;
	/* who ended is what it was; the number may be another's by now, before or after the reading */
	if (!program || !is_there(ask) || space_read(&o->space, (pid_t)ask->pid, WIRE_VMAS) || !o->space.n)
		return p;
	if (hash_count(o->files) > MAX_FILES || hash_count(o->images) > MAX_IMAGES ||
	    hash_count(o->procs) > MAX_PROCS)
		return NULL;
	was = program == p->program ? p->image : NULL;
	p->image = with_gone(o, p, image_of(o, ask, now), was, now);
	if (!is_there(ask))
		p->image = was;
	p->program = program;
	p->read_ns = now;
	p->fresh_ns = MAX(FRESH_NS, (clock_mono_ns() - now) * FRESH_COST);
	return p;
}
