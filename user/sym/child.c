/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The child's beginning, its loop, and how it comes to its files. Standard input is the socket
 * to the opener, descriptor 3 the page that says which file it is at. Called by sym/helper.c.
 */
#include <elfutils/libdwelf.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "sym/child.h"
#include "sym/sandbox.h"

#define SOCK    STDIN_FILENO
#define STEP    3
#define FILES   2000
#define ANSWERS 1000

void child_quit(void)
{
	_exit(1);
}

/* ---- files ----------------------------------------------------------------------------- */

/* The path of a WIRE_FILE message of n bytes; *rest: what stands behind it. */
static const char *file_path(const struct wire_file *m, size_t n, const char **rest, size_t *rest_len)
{
	const char *path = (const char *)(m + 1);

	if (n < sizeof(*m) || !m->name_len || m->name_len > n - sizeof(*m) || path[m->name_len - 1])
		child_quit();
	*rest = path + m->name_len;
	*rest_len = n - sizeof(*m) - m->name_len;
	return path;
}

static struct elf_file *open_file(struct child *c, const struct wire_file *m, size_t n, int fd)
{
	struct elf_file *f;
	const char *bytes, *path;
	size_t len;

	path = file_path(m, n, &bytes, &len);
	atomic_store(&c->step->word, m->key);
	if (m->state != FILE_GOOD)
		f = elf_file_bad(m->key, path, m->why);
	else if (m->type == FILE_BYTES)
		f = elf_file_new(m->key, path, -1, bytes, len);
	else if (fd >= 0)
		f = elf_file_new(m->key, path, fd, NULL, 0);
	else
		f = elf_file_bad(m->key, path, "not received");
	f->at = &c->step->word;
	f->no_debug = m->no_debug != 0;
	if (f->no_debug)
		snprintf(f->debug_why, sizeof(f->debug_why), "debug information " NOT_READ);
	atomic_store(&c->step->word, 0);
	return f;
}

const struct wire_file *child_want(struct child *c, enum want_type type, uint64_t key, const char *name,
				   uint32_t crc, int *fd)
{
	struct wire_want w = { .kind = WIRE_WANT, .type = type, .key = key, .crc = crc };
	const struct wire_file *m = (const struct wire_file *)c->want_in;
	ssize_t n;

	strncpy(w.name, name, sizeof(w.name) - 1);
	if (wire_put(SOCK, &w, sizeof(w)))
		child_quit();
	n = wire_get(SOCK, c->want_in, WIRE_ROOM, fd);
	if (n < (ssize_t)sizeof(*m) || m->kind != WIRE_FILE)
		child_quit();
	return m->state == FILE_GOOD && *fd >= 0 ? m : NULL;
}

static struct elf_file *want_elf(struct child *c, enum want_type type, struct elf_file *f, const char *name,
				 uint32_t crc)
{
	const struct wire_file *m, *none = (const struct wire_file *)c->want_in;
	struct elf_file *got = NULL;
	uint64_t before;
	int fd;

	m = child_want(c, type, f->key, name, crc, &fd);
	if (m) {
		before = atomic_exchange(&c->step->word, m->key);
		got = elf_file_new(m->key, name, fd, NULL, 0);
		atomic_store(&c->step->word, before);
	} else if (none->why[0]) {
		snprintf(f->debug_why, sizeof(f->debug_why), "debug information %.40s", none->why);
	}
	if (fd >= 0)
		close(fd);
	return got && got->usable ? got : NULL;
}

static bool has_build_id(const struct elf_file *f, const char *hex)
{
	char is[130];

	return f && elf_file_build_id(f, is, sizeof(is)) && !strcmp(is, hex);
}

/* What is not here yet may come: then it is sought again. */
static struct elf_file *want_fetched(struct child *c, struct elf_file *f, const char *id)
{
	struct elf_file *got = want_elf(c, WANT_FETCH, f, id, 0);
	int fd;

	if (has_build_id(got, id))
		return got;
	if (((const struct wire_file *)c->want_in)->state == FILE_GOOD)
		child_want(c, WANT_REFUSE, f->key, id, 0, &fd);
	else if (strlen(id) < sizeof(f->wants))
		strcpy(f->wants, id);
	return NULL;
}

/* Files that do not belong together give wrong names: the build ids must be the same, or where
 * one has none the checksum that the link carries. */
static void seek_separate(struct child *c, struct elf_file *f, const char *id)
{
	char other[130];
	struct elf_file *got = NULL;
	const char *link;
	GElf_Word crc = 0;
	uint64_t before;

	if (*id)
		got = want_elf(c, WANT_BUILD_ID, f, id, 0);
	if (has_build_id(got, id)) {
		f->debug = got;
		return;
	}
	link = dwelf_elf_gnu_debuglink(f->elf, &crc);
	if (!link || !*link || strlen(link) >= 200 || strchr(link, '/'))
		return;
	got = want_elf(c, WANT_LINK, f, link, crc);
	if (!got)
		return;
	before = atomic_exchange(&c->step->word, got->key);
	if (*id && elf_file_build_id(got, other, sizeof(other)) ? !strcmp(id, other)
								: elf_file_crc_is(got, crc))
		f->debug = got;
	atomic_store(&c->step->word, before);
}

/* What several debug files share; its name is a path that ends in .dwz/NAME. */
static void seek_alt(struct child *c, struct elf_file *f, Dwarf *dwarf)
{
	char hex[130];
	const char *name, *rest;
	const void *id;
	ssize_t n = dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &id);

	if (n < 2 || n > 64)
		return;
	for (ssize_t i = 0; i < n; i++)
		sprintf(hex + 2 * i, "%02x", ((const uint8_t *)id)[i]);
	f->alt = want_elf(c, WANT_BUILD_ID, f, hex, 0);
	rest = strstr(name, "/.dwz/");
	if (!has_build_id(f->alt, hex) && rest && strlen(rest) < 200)
		f->alt = want_elf(c, WANT_ALT, f, rest + 6, 0);
	if (!has_build_id(f->alt, hex))
		f->alt = want_fetched(c, f, hex);
	if (f->alt)
		dwarf_setalt(dwarf, dwarf_begin_elf(f->alt->elf, DWARF_C_READ, NULL));
}

/* Sections that cannot be unpacked are as if they were not there. */
static bool has_units(Dwarf *dwarf)
{
	Dwarf_CU *cu = NULL;

	return dwarf && !dwarf_get_units(dwarf, NULL, &cu, NULL, NULL, NULL, NULL);
}

void child_seek_debug(struct child *c, struct elf_file *f)
{
	char id[130] = "";
	uint64_t before;
	Dwarf *dwarf;

	if (f->sought_debug || !f->usable)
		return;
	f->sought_debug = true;
	if (!elf_file_has_debug(f)) {
		elf_file_build_id(f, id, sizeof(id));
		seek_separate(c, f, id);
		if (!f->debug && *id)
			f->debug = want_fetched(c, f, id);
		if (f->debug)
			f->debug_why[0] = '\0';
	}
	before = elf_file_enter_debug(f);
	dwarf = elf_file_dwarf(f);
	if (dwarf)
		seek_alt(c, f, dwarf);
	if (!f->debug_why[0] && (f->debug || elf_file_has_debug(f)) && !has_units(dwarf))
		snprintf(f->debug_why, sizeof(f->debug_why), "debug information that cannot be read here");
	elf_file_leave_debug(f, before);
}

/* ---- the loop ---------------------------------------------------------------------------- */

static void take_image(struct child *c, size_t n)
{
	const struct wire_image *m = (const void *)c->in;
	struct image *to;

	if (n < sizeof(*m) || m->slot >= WIRE_SLOTS || (n - sizeof(*m)) / sizeof(struct wire_vma) < m->n)
		child_quit();
	to = &c->images[m->slot];
	free(to->v);
	to->n = m->n;
	to->v = xcalloc(m->n + 1, sizeof(*to->v));
	memcpy(to->v, m + 1, m->n * sizeof(*to->v));
}

static void take_file(struct child *c, size_t n, int fd)
{
	struct elf_file *f = open_file(c, (const void *)c->in, n, fd);

	hash_put(c->files, &f->key, f);
}

/* It is there now: whoever was without it begins anew. */
static void take_fetched(struct child *c, size_t n)
{
	const struct wire_fetch *m = (const void *)c->in;
	struct elf_file *f;

	if (n != sizeof(*m) || m->id[sizeof(m->id) - 1])
		child_quit();
	for (size_t at = 0; (f = hash_next(c->files, &at, NULL));)
		if (*f->wants && !strcmp(f->wants, m->id))
			elf_file_forget_debug(f);
}

/* Nothing is ever freed. A child that is large because one file is must still be of some use. */
static bool has_grown(const struct child *c)
{
	struct mallinfo2 m = mallinfo2();
	uint64_t used = m.arena + m.hblkhd;

	return hash_count(c->files) > FILES || used > c->memory / 8 * 7 ||
	       (used > c->memory / 8 * 5 && c->answers > ANSWERS);
}

static void take_ask(struct child *c, size_t n)
{
	child_work(c, n);
	c->answers++;
	atomic_store(&c->step->word, 0);
	if (has_grown(c))
		c->answer->flags |= WIRE_RETIRE;
	if (wire_put(SOCK, c->out, c->out_len))
		child_quit();
}

static void child_loop(struct child *c)
{
	for (;;) {
		int fd;
		ssize_t n = wire_get(SOCK, c->in, WIRE_ROOM, &fd);
		uint32_t kind;

		if (n < (ssize_t)sizeof(kind))
			child_quit();
		memcpy(&kind, c->in, sizeof(kind));
		if (kind == WIRE_FILE)
			take_file(c, (size_t)n, fd);
		else if (kind == WIRE_IMAGE)
			take_image(c, (size_t)n);
		else if (kind == WIRE_ASK)
			take_ask(c, (size_t)n);
		else if (kind == WIRE_FETCHED)
			take_fetched(c, (size_t)n);
		if (fd >= 0)
			close(fd);
	}
}

void child_main(uint64_t memory)
{
	struct child c = { .memory = memory };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	wire_only_these(STEP);
	c.step = mmap(NULL, sizeof(*c.step), PROT_READ | PROT_WRITE, MAP_SHARED, STEP, 0);
	close(STEP);
	if (c.step == MAP_FAILED || sandbox_enter(memory))
		child_quit();
	c.files = hash_new(sizeof(uint64_t));
	c.made = hash_new(2 * sizeof(uint64_t));
	c.in = xmalloc(WIRE_ROOM);
	c.want_in = xmalloc(WIRE_ROOM);
	c.out = xmalloc(WIRE_ROOM);
	c.answer = (struct wire_answer *)c.out;
	child_loop(&c);
	child_quit();
}
