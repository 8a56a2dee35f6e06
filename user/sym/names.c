/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Joins the symbol table and the debug information. The function that is really there is named
 * by the symbol, which knows clones and cold parts; what is inlined into it, and the lines, only
 * the debug information knows. Used by child.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sym/demangle.h"
#include "sym/names.h"
#include "sym/symtab.h"

/* Symbols may carry a version: name@VERSION, name@@VERSION. */
static char *plain(const char *name)
{
	char *bare = xstrndup(name, strcspn(name, "@")), *s = demangle(bare);

	if (!s)
		return bare;
	free(bare);
	return s;
}

static void from_row(struct ustack_frame *to, const struct source_row *row)
{
	to->function = row->function ? plain(row->function) : NULL;
	to->file = row->file ? xstrdup(row->file) : NULL;
	to->line = row->line;
	to->inlined = row->inlined;
	to->pc = row->entry;
}

static struct named *look_up(struct elf_file *f, uint64_t vaddr)
{
	struct source_row rows[INLINE_DEPTH + 1];
	const struct symbol *s;
	struct ustack_frame *last;
	struct named *named;
	size_t n;

	s = symtab_find(f, vaddr);
	n = dwarf_info_find(f, vaddr, rows);
	named = xcalloc(1, sizeof(*named) + sizeof(named->v[0]) * MAX(n, 1u));
	for (size_t i = 0; i < n; i++)
		from_row(&named->v[i], &rows[i]);
	named->n = MAX(n, (size_t)(s != NULL));
	if (!s)
		return named;
	last = &named->v[named->n - 1];
	free((char *)last->function);
	last->function = plain(s->name);
	last->pc = s->addr;
	return named;
}

const struct named *names_find(struct elf_file *f, uint64_t vaddr)
{
	struct named *named;

	if (!f->names)
		f->names = hash_new(sizeof(vaddr));
	named = hash_get(f->names, &vaddr);
	if (!named) {
		named = look_up(f, vaddr);
		hash_put(f->names, &vaddr, named);
	}
	return named;
}

char *names_find_object(struct elf_file *f, uint64_t vaddr, uint64_t *offset)
{
	const struct symbol *s = symtab_find_object(f, vaddr);

	if (!s)
		return NULL;
	*offset = vaddr - s->addr;
	return plain(s->name);
}
