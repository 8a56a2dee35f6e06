/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* An address of a file to frames with names, each looked up once. In the sandbox. */
#ifndef SYM_NAMES_H
#define SYM_NAMES_H

#include "sym/dwarf_info.h"
#include "sym/ustack.h"

struct named {
	size_t n;
	struct ustack_frame v[]; /* innermost first; pc: where the function begins; module is not set */
};

/* Never NULL, kept with the file; n may be 0. Strings live as long as the file. */
const struct named *names_find(struct elf_file *f, uint64_t vaddr);

/* The variable at an address, demangled; to be freed. *offset: into it. NULL: none is known. */
char *names_find_object(struct elf_file *f, uint64_t vaddr, uint64_t *offset);

#endif
