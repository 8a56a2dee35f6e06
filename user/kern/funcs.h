/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What is asked for of functions: for whoever makes a struct live_cfg. */
#ifndef KERN_FUNCS_H
#define KERN_FUNCS_H

#include <sys/types.h>

#include "bpf/func.h"
#include "sym/spec.h"

/* How an argument is read and written. */
#define FUNC_ARG_KINDS(X) /* X(NAME, "as it is written", size in bytes; negative: signed, is it a text) */   \
	X(INT, "int", -4, false)                                                                             \
	X(UINT, "uint", 4, false)                                                                            \
	X(LONG, "long", -8, false)                                                                           \
	X(ULONG, "ulong", 8, false)                                                                          \
	X(PTR, "ptr", 8, false)                                                                              \
	X(STR, "str", 8, true)

enum func_arg_kind {
#define X(NAME, key, size, text) FUNC_ARG_##NAME,
	FUNC_ARG_KINDS(X)
#undef X
		NR_FUNC_ARG_KINDS,
};

extern const char *const func_arg_names[]; /* of enum func_arg_kind, NULL-ended */

#define FUNC_ARG_REGS 6 /* arguments of a function that can be read; of a USDT probe any */

struct func_arg {
	uint8_t nr; /* from 1 on */
	uint8_t kind;
};

struct func_ask {
	struct spec spec;
	struct func_arg args[HL_FUNC_ARGS];
	uint32_t n_args;
	uint8_t error_test; /* enum hl_func_test of its result */
	int64_t error_value;
};

/* Can this kernel's own functions be traced? 0, or -EOPNOTSUPP, and then why says in a line what is missing.
 */
int func_kernel_can(char *why, size_t size);

#endif
