/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The functions, and the variables, that a file's symbol tables name, sorted by address. In the sandbox. */
#ifndef SYM_SYMTAB_H
#define SYM_SYMTAB_H

#include "sym/elf_file.h"

struct symbol {
	uint64_t addr, size; /* size 0: not known */
	const char *name;    /* as it stands in the file */
	uint8_t rank;        /* of several at one address the highest is kept */
};

/* From the file, its separate debug file and its .gnu_debugdata. Made once. */
const struct symbol *symtab_find(struct elf_file *f, uint64_t vaddr);
/* The variable that the address is in. */
const struct symbol *symtab_find_object(struct elf_file *f, uint64_t vaddr);

/* A symbol as it stands in a table. */
struct symtab_entry {
	GElf_Sym sym;
	const char *name;
	Elf *elf;
	uint16_t version; /* its number; below 2: it has none */
	bool old;         /* there is a newer one of that name */
};
typedef void (*symtab_fn)(void *arg, const struct symtab_entry *e);

/* All of the file, of its separate debug file and its .gnu_debugdata: many are in several. */
void symtab_each(struct elf_file *f, symtab_fn fn, void *arg);
/* What its version is called; NULL: it has none. */
const char *symtab_version(const struct symtab_entry *e);
/* Of several at one address the highest is the one that people know. */
uint8_t symtab_rank(const GElf_Sym *s, const char *name);

#endif
