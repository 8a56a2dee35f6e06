/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* One question in the sandbox: walks up the stack, or along the addresses, and names each. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sym/child.h"
#include "sym/names.h"
#include "sym/unwind.h"

struct work {
	struct child *c;
	struct wire_ask ask;
	const struct image *image;
	struct cpu cpu;
	struct slice slice;
	const uint64_t *addrs;
	size_t by_tables, by_pointer;
};

/* The first reason is the one that is told. */
static void __printf(2, 3) because(struct work *w, const char *fmt, ...)
{
	va_list ap;

	if (w->c->answer->why[0])
		return;
	va_start(ap, fmt);
	vsnprintf(w->c->answer->why, sizeof(w->c->answer->why), fmt, ap);
	va_end(ap);
}

/* ---- where an address is ------------------------------------------------------------------ */

static const struct wire_vma *find_vma(const struct work *w, uint64_t addr)
{
	size_t low = 0, high = w->image->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (w->image->v[mid].start <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low && addr < w->image->v[low - 1].end ? &w->image->v[low - 1] : NULL;
}

/* The file behind an address and where in it; NULL: none that can be used. */
static struct elf_file *find_file(struct work *w, uint64_t addr, uint64_t *vaddr)
{
	const struct wire_vma *m = find_vma(w, addr);
	struct elf_file *f = m && m->key ? hash_get(w->c->files, &m->key) : NULL;

	if (!f)
		return NULL;
	*vaddr = addr - m->start + m->offset;
	if (f->usable && !elf_file_vaddr(f, *vaddr, vaddr)) {
		because(w, "%.60s: no code there in the file", f->name);
		return NULL;
	}
	return f;
}

/* ---- frames -------------------------------------------------------------------------------- */

static void add_frame(struct work *w, const struct ustack_frame *f)
{
	if (w->c->answer->n >= WIRE_FRAMES || !wire_add_frame(w->c->out, &w->c->out_len, WIRE_ROOM, f))
		w->c->answer->flags |= WIRE_TRUNCATED;
	else
		w->c->answer->n++;
}

static struct made *made_of(struct work *w)
{
	const uint64_t key[2] = { w->ask.pid, w->ask.start_ns };
	struct made *m = hash_get(w->c->made, key);

	if (!m) {
		m = xcalloc(1, sizeof(*m));
		hash_put(w->c->made, key, m);
	}
	return m;
}

#define MADE_NS   (100 * NSEC_PER_MSEC) /* for which a name is believed: */
#define MADE_COST 20                    /* … or so many times as long as reading took */

/* Reads the file again if it has changed. */
static void read_made(struct work *w, struct made *m)
{
	uint64_t begin = clock_mono_ns();
	const struct wire_file *file;
	int fd;

	w->c->asked_made = true;
	file = child_want(w->c, WANT_PERF_MAP, m->key, "", 0, &fd);
	if (file) {
		m->key = file->key;
		atomic_store(&w->c->step->word, m->key);
		perf_map_free(m->map);
		m->map = file->type == FILE_JITDUMP ? jitdump_read(fd, file->size)
						    : perf_map_read(fd, file->size);
		atomic_store(&w->c->step->word, 0);
	}
	if (fd >= 0)
		close(fd);
	m->check_ns = clock_mono_ns() + MAX(MADE_NS, (clock_mono_ns() - begin) * MADE_COST);
}

/* Once a question the opener is asked whether the file has changed: for what is not in it, and now
 * and then for what is, because memory of code is used again. */
static const char *find_made(struct work *w, uint64_t addr, uint64_t *offset)
{
	struct made *m = made_of(w);
	const char *name = perf_map_find(m->map, addr, offset);

	if (w->c->asked_made || (name && clock_mono_ns() < m->check_ns))
		return name;
	read_made(w, m);
	return perf_map_find(m->map, addr, offset);
}

static void add_without_file(struct work *w, uint64_t pc, uint64_t addr)
{
	const struct wire_vma *m = find_vma(w, addr);
	struct ustack_frame f = { .pc = pc };

	if (!m) {
		w->c->answer->flags |= WIRE_STALE;
		because(w, "0x%" PRIx64 " is in no executable mapping", pc);
	} else if (!m->key) {
		f.function = find_made(w, addr, &f.offset);
		f.module = f.function ? "perf-map" : "[anon]";
		f.offset = f.function ? f.offset + (pc - addr) : 0;
	}
	add_frame(w, &f);
}

static void add_named(struct work *w, struct elf_file *file, uint64_t vaddr, uint64_t pc, uint64_t addr)
{
	const struct named *named;
	struct ustack_frame f;

	atomic_store(&w->c->step->word, file->key);
	child_seek_debug(w->c, file);
	if (file->debug_why[0])
		because(w, "%.40s: %s", file->name, file->debug_why);
	named = names_find(file, vaddr);
	for (size_t i = 0; i < named->n; i++) {
		f = named->v[i];
		f.module = file->name;
		f.offset = vaddr + (pc - addr) - (f.function ? f.pc : 0);
		f.pc = pc;
		add_frame(w, &f);
	}
	if (!named->n)
		add_frame(w, &(struct ustack_frame){
				     .pc = pc, .offset = vaddr + (pc - addr), .module = file->name });
	atomic_store(&w->c->step->word, 0);
}

/* addr: what is looked up, which is one before where a call returns to. */
static void add_address(struct work *w, uint64_t pc, uint64_t addr)
{
	uint64_t vaddr;
	struct elf_file *f = find_file(w, addr, &vaddr);

	if (!f) {
		add_without_file(w, pc, addr);
	} else if (f->usable) {
		add_named(w, f, vaddr, pc, addr);
	} else {
		because(w, "%.60s: %s", f->name, f->why);
		add_frame(w, &(struct ustack_frame){
				     .pc = pc, .offset = vaddr + (pc - addr), .module = f->name });
	}
}

/* ---- the walk -------------------------------------------------------------------------------- */

static enum unwound by_tables(struct work *w, uint64_t addr, bool *signal)
{
	uint64_t vaddr;
	struct elf_file *f = find_file(w, addr, &vaddr);
	enum unwound u;

	if (!f || !f->usable)
		return UNWIND_NOT;
	atomic_store(&w->c->step->word, f->key);
	child_seek_debug(w->c, f); /* .debug_frame may be there */
	u = unwind_tables(f, vaddr, &w->cpu, &w->slice, signal);
	atomic_store(&w->c->step->word, 0);
	return u;
}

static enum unwound by_pointer(struct work *w)
{
	struct cpu before = w->cpu;
	enum unwound u = unwind_pointer(&w->cpu, &w->slice);

	if (u == UNWOUND && !find_vma(w, w->cpu.r[CPU_PC] - 1)) {
		/* no chain of frame pointers, or code that was made since the mappings were read */
		w->c->answer->flags |= WIRE_STALE;
		w->cpu = before;
		return UNWIND_NOT;
	}
	return u;
}

/* To the caller. False: there is none, or none is to be found. */
static bool step(struct work *w, uint64_t addr, bool *exact)
{
	uint64_t pc = w->cpu.r[CPU_PC];
	enum unwound u;

	*exact = false;
	u = by_tables(w, addr, exact);
	w->by_tables += u == UNWOUND || u == UNWIND_END;
	if (u == UNWIND_NOT) {
		*exact = false;
		u = by_pointer(w);
		w->by_pointer += u == UNWOUND || u == UNWIND_END;
	}
	if (u == UNWIND_CUT) {
		w->c->answer->flags |= WIRE_TRUNCATED;
		because(w, "the stack goes on beyond what was copied");
	} else if (u == UNWIND_NOT) {
		w->c->answer->flags |= WIRE_TRUNCATED;
		because(w, "nothing leads to the caller of 0x%" PRIx64, pc);
	}
	return u == UNWOUND;
}

/* A signal ended the wait that the stack is of, and the thread is to begin with the handler: neither
 * that nor the kernel's frame below it was there when it waited. */
static void leave_handler(struct work *w)
{
	struct wire_answer *a = w->c->answer;
	struct wire_answer before = *a;
	struct cpu cpu = w->cpu;
	bool exact;

	if (cpu_begins_handler(&cpu) && step(w, w->cpu.r[CPU_PC], &exact) &&
	    step(w, w->cpu.r[CPU_PC] - 1, &exact) && exact)
		return;
	w->cpu = cpu;
	*a = before;
	w->by_tables = w->by_pointer = 0;
}

/* What its registers mean, and how wide its words are, is the same for all that a process runs. Made
 * sense of otherwise they would lead to callers that are none. */
static bool is_understood(struct work *w)
{
	const struct elf_file *any = NULL, *narrow = NULL;

	for (size_t i = 0; i < w->image->n; i++) {
		const struct wire_vma *m = &w->image->v[i];
		const struct elf_file *f = m->key ? hash_get(w->c->files, &m->key) : NULL;

		if (!f || !f->usable)
			continue;
		if (f->native)
			return true;
		any = f;
		narrow = f->narrow ? f : narrow;
	}
	if (narrow)
		cpu_to_narrow(&w->cpu);
	if (narrow || !any)
		return true;
	because(w, "%.60s: code of another kind of machine is not unwound", any->name);
	w->c->answer->flags |= WIRE_TRUNCATED;
	add_address(w, w->cpu.r[CPU_PC], w->cpu.r[CPU_PC]);
	return false;
}

static void walk(struct work *w)
{
	bool exact = true, more = true;

	if (!is_understood(w)) {
		w->c->answer->how = USTACK_NONE;
		return;
	}
	leave_handler(w);
	for (int depth = 0; more; depth++) {
		uint64_t pc = w->cpu.r[CPU_PC], addr = exact ? pc : pc - 1;

		if (depth == USTACK_DEPTH) {
			w->c->answer->flags |= WIRE_TRUNCATED;
			break;
		}
		more = step(w, addr, &exact);
		/* a handler returns to the very beginning of the code that ends a signal */
		add_address(w, pc, exact ? pc : addr);
	}
	w->c->answer->how = w->by_tables && w->by_pointer ? USTACK_MIXED
			    : w->by_tables                ? USTACK_DWARF
			    : w->by_pointer               ? USTACK_FRAME_POINTER
							  : USTACK_NONE;
}

/* ---- variables ------------------------------------------------------------------------------- */

/* Only code is known where it was mapped: the data of its file is as far from it as the file says. */
static struct elf_file *find_data(struct work *w, uint64_t addr, uint64_t *vaddr)
{
	for (size_t i = 0; i < w->image->n; i++) {
		const struct wire_vma *m = &w->image->v[i];
		struct elf_file *f = m->key ? hash_get(w->c->files, &m->key) : NULL;
		uint64_t at;

		if (!f || !f->usable || !elf_file_vaddr(f, m->offset, &at))
			continue;
		*vaddr = addr - m->start + at;
		if (elf_file_is_data(f, *vaddr))
			return f;
	}
	return NULL;
}

static void add_variable(struct work *w, uint64_t addr)
{
	uint64_t vaddr;
	struct elf_file *file = find_data(w, addr, &vaddr);
	struct ustack_frame f = { .pc = addr };
	char *name = NULL;

	if (file) {
		atomic_store(&w->c->step->word, file->key);
		child_seek_debug(w->c, file);
		f.module = file->name;
		f.offset = vaddr;
		f.function = name = names_find_object(file, vaddr, &f.offset);
		atomic_store(&w->c->step->word, 0);
	}
	add_frame(w, &f);
	free(name);
}

static void take_question(struct work *w, size_t n)
{
	const char *p = w->c->in + sizeof(w->ask);
	uint64_t words;

	if (n < sizeof(w->ask))
		child_quit();
	memcpy(&w->ask, w->c->in, sizeof(w->ask));
	words = (uint64_t)w->ask.n_regs + w->ask.n_addrs;
	if (w->ask.slot >= WIRE_SLOTS || (w->ask.n_regs && w->ask.n_regs != USTACK_REGS) ||
	    words * 8 + w->ask.slice_len != n - sizeof(w->ask))
		child_quit();
	w->image = &w->c->images[w->ask.slot];
	memcpy(w->cpu.r, p, w->ask.n_regs * 8);
	memset(w->cpu.known, true, sizeof(w->cpu.known));
	w->addrs = (const uint64_t *)p + w->ask.n_regs;
	w->slice = (struct slice){ (const uint8_t *)p + words * 8, w->ask.slice_addr, w->ask.slice_len };
}

void child_work(struct child *c, size_t n)
{
	struct work w = { .c = c };

	take_question(&w, n);
	*c->answer = (struct wire_answer){ .kind = WIRE_ANSWER, .seq = w.ask.seq, .how = USTACK_GIVEN };
	c->out_len = sizeof(*c->answer);
	c->asked_made = false;
	if (w.ask.n_regs) {
		walk(&w);
		return;
	}
	for (size_t i = 0; i < w.ask.n_addrs && w.ask.data; i++)
		add_variable(&w, w.addrs[i]);
	for (size_t i = 0; i < w.ask.n_addrs && !w.ask.data; i++)
		add_address(&w, w.addrs[i], w.addrs[i] - (i > 0));
}
