/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * USDT probes: a note for each place where one stands. Its addresses are those of the linker; .stapsdt.base,
 * whose address stands in the note as well, tells whether the file was moved since. Used by find_child.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "sym/find_in.h"
#include "sym/symtab.h"
#include "sym/usdt_args.h"

#define NOTES     ".note.stapsdt"
#define NOTE_NAME "stapsdt"
#define NOTE_TYPE 3
#define MAX_FOUND 100000

struct probe {
	uint64_t pc, base, semaphore;
	const char *provider, *name, *args;
};

struct usdt {
	struct finder *w;
	uint64_t base; /* where .stapsdt.base is; 0: nowhere */
	VEC(struct probe) v;
	struct nearest *nearest;
	size_t notes;
	const char *wanted; /* a variable */
	uint64_t at;        /* of it; 0: not found */
};

/* ---- notes ------------------------------------------------------------------------------------ */

static const char *take_string(const char **at, const char *end)
{
	const char *s = *at;
	size_t n = strnlen(s, (size_t)(end - s));

	if (n == (size_t)(end - s))
		return NULL;
	*at += n + 1;
	return s;
}

static bool read_probe(const char *desc, size_t n, struct probe *p)
{
	const char *end = desc + n, *at = desc + 24;
	uint64_t words[3];

	if (n < sizeof(words))
		return false;
	memcpy(words, desc, sizeof(words));
	p->pc = words[0];
	p->base = words[1];
	p->semaphore = words[2];
	p->provider = take_string(&at, end);
	p->name = p->provider ? take_string(&at, end) : NULL;
	p->args = p->name ? take_string(&at, end) : NULL;
	return p->args != NULL;
}

static void take_note(struct usdt *u, const char *desc, size_t n)
{
	struct finder *w = u->w;
	struct probe p;

	u->notes++;
	if (!read_probe(desc, n, &p) || u->v.n >= MAX_FOUND)
		return;
	if (u->base && p.base) {
		p.pc += u->base - p.base;
		p.semaphore += p.semaphore ? u->base - p.base : 0;
	}
	if (u->nearest) {
		char *full = xasprintf("%.500s:%.500s", p.provider, p.name);

		nearest_add(u->nearest, full);
		free(full);
	} else if (str_glob(w->q.provider, p.provider) && str_glob(w->q.name, p.name)) {
		*vec_add(&u->v) = p;
	}
}

static void each_note(struct usdt *u)
{
	GElf_Shdr head;
	Elf_Scn *scn = elf_file_section(u->w->f->elf, NOTES, 0, &head);
	Elf_Data *data = scn ? elf_getdata(scn, NULL) : NULL;
	size_t at = 0, name, desc;
	GElf_Nhdr n;

	while (data && at < data->d_size && (at = gelf_getnote(data, at, &n, &name, &desc)) > 0)
		if (n.n_type == NOTE_TYPE && n.n_namesz == sizeof(NOTE_NAME) &&
		    !memcmp((char *)data->d_buf + name, NOTE_NAME, sizeof(NOTE_NAME)))
			take_note(u, (char *)data->d_buf + desc, n.n_descsz);
}

/* ---- sites ------------------------------------------------------------------------------------ */

static void match_variable(void *arg, const struct symtab_entry *e)
{
	struct usdt *u = arg;
	size_t n = strcspn(e->name, "@");

	if (e->sym.st_shndx != SHN_UNDEF && GELF_ST_TYPE(e->sym.st_info) == STT_OBJECT &&
	    strlen(u->wanted) == n && !memcmp(u->wanted, e->name, n))
		u->at = e->sym.st_value;
}

static bool find_variable(void *arg, const char *name, uint64_t *vaddr)
{
	struct usdt *u = arg;

	u->wanted = name;
	u->at = 0;
	symtab_each(u->w->f, match_variable, u);
	*vaddr = u->at;
	return u->at != 0;
}

/* In the file, of data; 0: it is not there. */
static uint64_t data_offset(const struct finder *w, uint64_t vaddr)
{
	const struct elf_file *f = w->f;

	for (size_t i = 0; i < f->n_loads; i++) {
		const struct load *l = &f->loads[i];

		if (!l->exec && vaddr >= l->vaddr && vaddr - l->vaddr < l->size &&
		    vaddr - l->vaddr + l->offset < f->size)
			return vaddr - l->vaddr + l->offset;
	}
	return 0;
}

static void send_probe(struct usdt *u, const struct probe *p)
{
	struct finder *w = u->w;
	const struct symbol *in = symtab_find(w->f, p->pc);
	char *name = xasprintf("%.1000s:%.1000s", p->provider, p->name);
	struct site s = { .name = name, .symbol = in ? in->name : "", .vaddr = p->pc };

	if (finder_place(w, &s)) {
		s.semaphore = p->semaphore ? data_offset(w, p->semaphore) : 0;
		s.n_args = usdt_args(INSN_HERE, p->args, p->pc, find_variable, u, s.args);
		finder_send(w, &s);
	}
	free(name);
}

int finder_usdt(struct finder *w)
{
	struct usdt u = { .w = w };
	GElf_Shdr head;

	if (elf_file_section(w->f->elf, ".stapsdt.base", 0, &head))
		u.base = head.sh_addr;
	each_note(&u);
	for (size_t i = 0; i < u.v.n; i++) {
		if (w->sent < w->q.max)
			send_probe(&u, &u.v.v[i]);
		else
			w->sent++;
	}
	if (u.v.n)
		return 0;
	if (!u.notes)
		return finder_fail(w, -ENODATA, "it has no USDT probes");
	u.nearest = nearest_new(w->q.name);
	each_note(&u);
	w->n_nearest = nearest_take(u.nearest, w->nearest);
	return 0;
}
