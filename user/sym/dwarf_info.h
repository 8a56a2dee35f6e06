/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Which functions, inlined ones too, an address is in, and which source lines. In the sandbox. */
#ifndef SYM_DWARF_INFO_H
#define SYM_DWARF_INFO_H

#include "sym/elf_file.h"

#define INLINE_DEPTH 32

struct source_row {
	const char *function; /* mangled where there is such a name; borrowed from the file */
	const char *file;
	uint32_t line;
	uint64_t entry; /* where this function's code begins; 0: not known */
	bool inlined;
};

/* Rows innermost first; 0: nothing is known of the address. */
size_t dwarf_info_find(struct elf_file *f, uint64_t vaddr, struct source_row rows[INLINE_DEPTH + 1]);

/* The function at which that address begins, not one that is inlined there; elf_file_enter_debug was called.
 */
bool dwarf_info_function(struct elf_file *f, uint64_t vaddr, Dwarf_Die *out);

#endif
