/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* From a frame to its caller: by the file's unwind tables or by the frame pointer. In the sandbox. */
#ifndef SYM_UNWIND_H
#define SYM_UNWIND_H

#include "sym/elf_file.h"
#include "sym/ustack.h"

struct cpu {
	uint64_t r[USTACK_REGS]; /* DWARF's numbers; the program counter last */
	bool known[USTACK_REGS];
	bool narrow; /* 32-bit: eax ecx edx ebx esp ebp esi edi eip, and the program counter last too */
};

struct slice {
	const uint8_t *bytes;
	uint64_t addr;
	size_t len;
};

enum unwound {
	UNWOUND,    /* cpu is that of the caller */
	UNWIND_END, /* there is no caller */
	UNWIND_CUT, /* what is needed is not in the slice */
	UNWIND_NOT, /* nothing is said about this address */
};

#define CPU_PC (USTACK_REGS - 1)
/* Of a 32-bit program on x86-64: its registers as its own tables number them. */
void cpu_to_narrow(struct cpu *c);
/* The registers are those that the kernel gives a signal handler: it has run no instruction yet. */
bool cpu_begins_handler(const struct cpu *c);

/* vaddr: the address in f to look up. *signal: the frame is one that the kernel made for a signal,
 * and its caller's address is exact. */
enum unwound unwind_tables(struct elf_file *f, uint64_t vaddr, struct cpu *c, const struct slice *s,
			   bool *signal);
/* Whoever calls it checks that the new address is code. */
enum unwound unwind_pointer(struct cpu *c, const struct slice *s);

#endif
