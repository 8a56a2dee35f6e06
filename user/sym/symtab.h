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

#endif
