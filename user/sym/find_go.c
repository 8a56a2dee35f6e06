/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Where threads of a Go program take up goroutines. In the sandbox; used by find_child.c.
 */
#include <string.h>

#include "sym/find_in.h"
#include "sym/symtab.h"

/* All ways there (Go 1.17 to 1.24): the first is in every program; the second is that of iter.Pull,
 * since 1.23.
 */
static const char *const places[FIND_GO_RUNS] = { "runtime.execute", "runtime.coroswitch_m" };

struct found {
	GElf_Sym v[FIND_GO_RUNS];
};

static void look(void *arg, const struct symtab_entry *e)
{
	struct found *f = arg;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (e->sym.st_shndx != SHN_UNDEF && !strcmp(e->name, places[i]))
			f->v[i] = e->sym;
}

/* Where a probe on it is cheapest; 0: there can be none. */
static uint64_t place(struct finder *w, const char *name, const GElf_Sym *sym)
{
	struct site s = { .name = name, .symbol = name, .vaddr = sym->st_value, .size = sym->st_size };
	uint64_t refused = w->found.refused;
	bool rets = w->q.rets, fits = finder_place(w, &s);

	w->found.refused = refused;
	if (!fits)
		return 0;
	w->q.rets = false;
	finder_body(w, &s, sym->st_value, (size_t)sym->st_size);
	w->q.rets = rets;
	return s.offset;
}

void finder_go(struct finder *w)
{
	uint64_t at[FIND_GO_RUNS] = {};
	struct found f = {};

	child_seek_debug(&w->c, w->f);
	symtab_each(w->f, look, &f);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		bool there = f.v[i].st_value != 0;

		at[i] = there ? place(w, places[i], &f.v[i]) : 0;
		if (!at[i] && (there || !i)) /* one that is not seen would make the others lie */
			return;
	}
	memcpy(w->found.go_runs, at, sizeof(at));
}
