/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The instructions of a source line: where the line has none, of the next that has. One for each function
 * that the line is in, and for each place into which such a function is inlined. Used by find_child.c.
 */
#include <dwarf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sym/dwarf_info.h"
#include "sym/find_in.h"
#include "sym/symtab.h"

#define MAX_PLACES 100000

struct place {
	uint64_t vaddr;
	uint64_t copy; /* where the function, or its copy, begins that it is in */
};

struct lines {
	struct finder *w;
	Dwarf *dwarf;
	int best; /* 0: none yet */
	int last; /* of the file that has code */
	VEC(struct place) v;
	const char *file; /* as the debug information has it */
	struct nearest *nearest;
};

/* Whether path ends with the wanted parts. */
static bool is_file(const char *wanted, const char *path)
{
	size_t n = strlen(wanted), m = strlen(path);

	while (!strncmp(wanted, "./", 2)) {
		wanted += 2;
		n -= 2;
	}
	return n && m >= n && !strcmp(path + m - n, wanted) &&
	       (m == n || *wanted == '/' || path[m - n - 1] == '/');
}

static void take_line(struct lines *l, Dwarf_Line *line, const char *path)
{
	int number;
	bool begins, ends;
	Dwarf_Addr addr;

	if (dwarf_lineno(line, &number) || dwarf_linebeginstatement(line, &begins) || !begins ||
	    dwarf_lineendsequence(line, &ends) || ends || dwarf_lineaddr(line, &addr) || !addr ||
	    !elf_file_is_code(l->w->f, addr))
		return;
	l->last = MAX(l->last, number);
	if (number < (int)l->w->q.line || (l->best && number > l->best) || l->v.n >= MAX_PLACES)
		return;
	if (number != l->best)
		l->v.n = 0;
	l->best = number;
	l->file = path;
	vec_add(&l->v)->vaddr = addr;
}

static void take_unit(struct lines *l, Dwarf_Die *unit)
{
	Dwarf_Lines *lines;
	const char *before = NULL;
	bool is = false;
	size_t n;

	if (dwarf_getsrclines(unit, &lines, &n))
		return;
	for (size_t i = 0; i < n; i++) {
		Dwarf_Line *line = dwarf_onesrcline(lines, i);
		const char *path = line ? dwarf_linesrc(line, NULL, NULL) : NULL;

		if (!path)
			continue;
		if (path != before) {
			is = is_file(l->w->q.name, path);
			if (l->nearest)
				nearest_add(l->nearest, strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
		}
		before = path;
		if (is)
			take_line(l, line, path);
	}
}

static void each_unit(struct lines *l)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Half version;
	Dwarf_Die die, sub;
	uint8_t type;

	while (dwarf_get_units(l->dwarf, cu, &cu, &version, &type, &die, &sub) == 0)
		if (type == DW_UT_compile || type == DW_UT_skeleton || type == DW_UT_partial)
			take_unit(l, &die);
}

/* ---- one each ----------------------------------------------------------------------------------- */

static int by_copy(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->copy != y->copy)
		return x->copy < y->copy ? -1 : 1;
	return x->vaddr < y->vaddr ? -1 : x->vaddr > y->vaddr;
}

static void send_place(struct lines *l, uint64_t vaddr)
{
	const char *slash = strrchr(l->file, '/');
	const struct symbol *in = symtab_find(l->w->f, vaddr);
	char *name = xasprintf("%.1000s:%d", slash ? slash + 1 : l->file, l->best);
	struct site s = { .name = name, .symbol = in ? in->name : "", .vaddr = vaddr };

	if (finder_place(l->w, &s))
		finder_send(l->w, &s);
	free(name);
}

static void send_places(struct lines *l)
{
	struct source_row rows[INLINE_DEPTH + 1];

	for (size_t i = 0; i < l->v.n; i++) {
		struct place *p = &l->v.v[i];

		memset(rows, 0, sizeof(rows[0]));
		p->copy =
			dwarf_info_find(l->w->f, p->vaddr, rows) && rows[0].entry ? rows[0].entry : p->vaddr;
	}
	qsort(l->v.v, l->v.n, sizeof(*l->v.v), by_copy);
	for (size_t i = 0; i < l->v.n; i++) {
		if (i && l->v.v[i].copy == l->v.v[i - 1].copy)
			continue;
		if (l->w->sent < l->w->q.max)
			send_place(l, l->v.v[i].vaddr);
		else
			l->w->sent++;
	}
}

int finder_line(struct finder *w)
{
	struct lines l = { .w = w };

	child_seek_debug(&w->c, w->f);
	l.dwarf = elf_file_dwarf(w->f);
	if (!l.dwarf)
		return finder_fail(w, -ENODATA, "it has no debug information%s%s, so no lines are known",
				   *w->f->debug_why ? ": " : "", w->f->debug_why);
	each_unit(&l);
	if (l.v.n)
		send_places(&l);
	else if (l.last)
		return finder_fail(w, -ENODATA, "%.60s has no code at line %u or behind: the last is line %d",
				   w->q.name, w->q.line, l.last);
	else {
		const char *slash = strrchr(w->q.name, '/');

		l.nearest = nearest_new(slash ? slash + 1 : w->q.name);
		each_unit(&l);
		w->n_nearest = nearest_take(l.nearest, w->nearest);
	}
	return 0;
}
