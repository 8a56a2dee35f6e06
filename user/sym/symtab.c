/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Reads .symtab, or .dynsym together with the table that .gnu_debugdata holds compressed. Names
 * stay in the file's string table. Used by names.c and find_function.c.
 */
#include <limits.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sym/symtab.h"

#define MAX_SYMBOLS 3000000
#define DEBUGDATA   (64 << 20) /* bytes that .gnu_debugdata may become */
#define LZMA_MEMORY (64 << 20)
#define LOOK_BACK   16 /* symbols that may begin inside a larger one before the address */

struct symtab {
	VEC(struct symbol) v;
};

uint8_t symtab_rank(const GElf_Sym *s, const char *name)
{
	uint8_t bind = GELF_ST_BIND(s->st_info) == STB_GLOBAL ? 2 : GELF_ST_BIND(s->st_info) == STB_WEAK;
	uint8_t plain = name[0] != '_' ? 2 : name[1] != '_';

	return (uint8_t)((GELF_ST_TYPE(s->st_info) != STT_NOTYPE) << 6 | (s->st_size != 0) << 5 | bind << 2 |
			 plain);
}

static bool is_code(const struct elf_file *f, const GElf_Sym *s)
{
	uint8_t type = GELF_ST_TYPE(s->st_info);

	return s->st_shndx != SHN_UNDEF && s->st_value &&
	       (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE) &&
	       elf_file_is_code(f, s->st_value);
}

static bool is_object(const struct elf_file *f, const GElf_Sym *s)
{
	return s->st_shndx != SHN_UNDEF && s->st_value && s->st_size &&
	       GELF_ST_TYPE(s->st_info) == STT_OBJECT && elf_file_is_data(f, s->st_value);
}

typedef bool (*wanted_fn)(const struct elf_file *f, const GElf_Sym *s);

/* What its version is called; NULL: it has none. The names stand in the definitions of versions. */
static const char *version_name(Elf *elf, uint16_t version)
{
	GElf_Shdr head;
	Elf_Scn *scn = elf_file_section(elf, NULL, SHT_GNU_verdef, &head);
	Elf_Data *data = scn ? elf_getdata(scn, NULL) : NULL;
	size_t at = 0, n = data ? MIN((size_t)head.sh_info, (size_t)4096) : 0;

	for (size_t i = 0; i < n; i++) {
		GElf_Verdaux aux;
		GElf_Verdef def;

		if (at > INT_MAX / 2 || !gelf_getverdef(data, (int)at, &def))
			break;
		if (def.vd_ndx == version)
			return gelf_getverdaux(data, (int)MIN(at + def.vd_aux, (size_t)INT_MAX), &aux)
				       ? elf_strptr(elf, head.sh_link, aux.vda_name)
				       : NULL;
		at += def.vd_next;
		if (!def.vd_next)
			break;
	}
	return NULL;
}

/* The versions of a table of that type; NULL: it has none. */
static Elf_Data *versions_of(Elf *elf, uint32_t type)
{
	GElf_Shdr head;
	Elf_Scn *scn = type == SHT_DYNSYM ? elf_file_section(elf, NULL, SHT_GNU_versym, &head) : NULL;

	return scn ? elf_getdata(scn, NULL) : NULL;
}

/* All symbols that have a name. */
static void walk_table(Elf *elf, uint32_t type, symtab_fn fn, void *arg)
{
	GElf_Shdr head;
	Elf_Scn *scn = elf_file_section(elf, NULL, type, &head);
	Elf_Data *data = scn ? elf_getdata(scn, NULL) : NULL, *versions = versions_of(elf, type);
	size_t n = data && head.sh_entsize ? data->d_size / head.sh_entsize : 0;

	for (size_t i = 1; i < MIN(n, (size_t)MAX_SYMBOLS); i++) {
		struct symtab_entry e = {};
		GElf_Versym version;

		if (!gelf_getsym(data, (int)i, &e.sym))
			continue;
		e.name = elf_strptr(elf, head.sh_link, e.sym.st_name);
		if (!e.name || !*e.name || *e.name == '$') /* $x, $d: marks of the assembler on ARM */
			continue;
		if (versions && gelf_getversym(versions, (int)i, &version)) {
			e.old = version & 0x8000;
			e.version = version & 0x7fff;
		}
		e.elf = elf;
		fn(arg, &e);
	}
}

const char *symtab_version(const struct symtab_entry *e)
{
	return e->version > 1 ? version_name(e->elf, e->version) : NULL;
}

/* The file within the file, which has the table that stripped binaries often lack; NULL: there is none. */
static Elf *debugdata(const struct elf_file *f)
{
	uint64_t memory = LZMA_MEMORY;
	GElf_Shdr head;
	Elf_Scn *scn = elf_file_section(f->elf, ".gnu_debugdata", 0, &head);
	Elf_Data *data = scn ? elf_rawdata(scn, NULL) : NULL;
	size_t in = 0, out = 0, room;
	uint8_t *buf;
	Elf *elf;

	if (!data || !data->d_buf)
		return NULL;
	room = MIN((size_t)DEBUGDATA, data->d_size * 32 + 4096);
	buf = malloc(room);
	if (!buf)
		return NULL;
	if (lzma_stream_buffer_decode(&memory, 0, NULL, data->d_buf, &in, data->d_size, buf, &out, room) !=
		    LZMA_OK ||
	    !(elf = elf_memory((char *)buf, out)) || elf_kind(elf) != ELF_K_ELF) {
		free(buf);
		return NULL;
	}
	return elf;
}

void symtab_each(struct elf_file *f, symtab_fn fn, void *arg)
{
	Elf *inside = debugdata(f);

	if (f->debug && f->debug->usable) {
		uint64_t before = elf_file_enter_debug(f);

		walk_table(f->debug->elf, SHT_SYMTAB, fn, arg);
		elf_file_leave_debug(f, before);
	}
	walk_table(f->elf, SHT_SYMTAB, fn, arg);
	walk_table(f->elf, SHT_DYNSYM, fn, arg);
	if (inside)
		walk_table(inside, SHT_SYMTAB, fn, arg);
}

/* ---- of one kind, by address -------------------------------------------------------------- */

struct making {
	struct symtab *t;
	const struct elf_file *f;
	wanted_fn wanted;
};

static void add_symbol(void *arg, const struct symtab_entry *e)
{
	struct making *m = arg;

	if (m->t->v.n < MAX_SYMBOLS && m->wanted(m->f, &e->sym))
		*vec_add(&m->t->v) = (struct symbol){ e->sym.st_value, e->sym.st_size, e->name,
						      symtab_rank(&e->sym, e->name) };
}

static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->rank != y->rank ? (x->rank < y->rank ? 1 : -1) : strcmp(x->name, y->name);
}

static struct symtab *make(struct elf_file *f, wanted_fn wanted)
{
	struct symtab *t = xcalloc(1, sizeof(*t));
	struct making m = { t, f, wanted };
	size_t kept = 0;

	if (f->debug && f->debug->usable) {
		uint64_t before = elf_file_enter_debug(f);

		walk_table(f->debug->elf, SHT_SYMTAB, add_symbol, &m);
		elf_file_leave_debug(f, before);
	}
	if (!t->v.n)
		walk_table(f->elf, SHT_SYMTAB, add_symbol, &m);
	if (!t->v.n) {
		Elf *inside = debugdata(f);

		walk_table(f->elf, SHT_DYNSYM, add_symbol, &m);
		if (inside)
			walk_table(inside, SHT_SYMTAB, add_symbol, &m);
	}
	if (t->v.n)
		qsort(t->v.v, t->v.n, sizeof(*t->v.v), by_address);
	for (size_t i = 0; i < t->v.n; i++)
		if (!kept || t->v.v[kept - 1].addr != t->v.v[i].addr)
			t->v.v[kept++] = t->v.v[i];
	t->v.n = kept;
	return t;
}

static const struct symbol *find(const struct symtab *t, uint64_t vaddr)
{
	size_t low = 0, high = t->v.n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (t->v.v[mid].addr <= vaddr)
			low = mid + 1;
		else
			high = mid;
	}
	for (size_t back = 0; back < LOOK_BACK && back < low; back++) {
		const struct symbol *s = &t->v.v[low - 1 - back];

		if (vaddr - s->addr < s->size || (!back && !s->size))
			return s;
	}
	return NULL;
}

const struct symbol *symtab_find(struct elf_file *f, uint64_t vaddr)
{
	if (!f->symtab)
		f->symtab = make(f, is_code);
	return find(f->symtab, vaddr);
}

const struct symbol *symtab_find_object(struct elf_file *f, uint64_t vaddr)
{
	if (!f->objects)
		f->objects = make(f, is_object);
	return find(f->objects, vaddr);
}
