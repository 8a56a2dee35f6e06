/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The arguments of a USDT probe as the compiler wrote them into the program: "-4@%eax 8@-20(%rbp)" on x86-64,
 * "-4@[sp, 12] 8@x0" on arm64. In the sandbox; pure.
 */
#ifndef SYM_USDT_ARGS_H
#define SYM_USDT_ARGS_H

#include "sym/insn.h"

/* The address of a variable of the file; false: it is not known. */
typedef bool (*usdt_variable_fn)(void *arg, const char *name, uint64_t *vaddr);

/* How many there are, at most SITE_ARGS; those that cannot be read have size 0. pc: of the probe. */
uint32_t usdt_args(enum insn_arch arch, const char *text, uint64_t pc, usdt_variable_fn variable, void *arg,
		   struct site_arg out[SITE_ARGS]);

#endif
