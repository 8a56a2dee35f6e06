/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Reads .symtab, or .dynsym together with the table that .gnu_debugdata holds compressed. Names
 * stay in the file's string table. Used by names.c.
 */
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

static uint8_t rank_of(const GElf_Sym *s, const char *name)
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

static void add_table(struct symtab *t, const struct elf_file *f, Elf *elf, uint32_t type, wanted_fn wanted)
{
	GElf_Shdr head;
	Elf_Scn *scn = elf_file_section(elf, NULL, type, &head);
	Elf_Data *data = scn ? elf_getdata(scn, NULL) : NULL;
	size_t n = data && head.sh_entsize ? data->d_size / head.sh_entsize : 0;

	for (size_t i = 1; i < n && t->v.n < MAX_SYMBOLS; i++) {
		const char *name;
		GElf_Sym s;

		if (!gelf_getsym(data, (int)i, &s) || !wanted(f, &s))
			continue;
		name = elf_strptr(elf, head.sh_link, s.st_name);
		if (!name || !*name || *name == '$') /* $x, $d: marks of the assembler on ARM */
			continue;
		*vec_add(&t->v) = (struct symbol){ s.st_value, s.st_size, name, rank_of(&s, name) };
	}
}

/* The table of a file within the file, which the tables of stripped binaries often are. */
static void add_debugdata(struct symtab *t, const struct elf_file *f, wanted_fn wanted)
{
	uint64_t memory = LZMA_MEMORY;
	GElf_Shdr head;
	Elf_Scn *scn = elf_file_section(f->elf, ".gnu_debugdata", 0, &head);
	Elf_Data *data = scn ? elf_rawdata(scn, NULL) : NULL;
	size_t in = 0, out = 0, room;
	uint8_t *buf;
	Elf *elf;

	if (!data || !data->d_buf)
		return;
	room = MIN((size_t)DEBUGDATA, data->d_size * 32 + 4096);
	buf = malloc(room);
	if (!buf)
		return;
	if (lzma_stream_buffer_decode(&memory, 0, NULL, data->d_buf, &in, data->d_size, buf, &out, room) !=
		    LZMA_OK ||
	    !(elf = elf_memory((char *)buf, out)) || elf_kind(elf) != ELF_K_ELF) {
		free(buf);
		return;
	}
	add_table(t, f, elf, SHT_SYMTAB, wanted);
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
	size_t kept = 0;

	if (f->debug && f->debug->usable) {
		uint64_t before = elf_file_enter_debug(f);

		add_table(t, f, f->debug->elf, SHT_SYMTAB, wanted);
		elf_file_leave_debug(f, before);
	}
	if (!t->v.n)
		add_table(t, f, f->elf, SHT_SYMTAB, wanted);
	if (!t->v.n) {
		add_table(t, f, f->elf, SHT_DYNSYM, wanted);
		add_debugdata(t, f, wanted);
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
