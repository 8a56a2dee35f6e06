/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The functions that a live command is to trace: option rows, and what they mean for the live source.
 */
#ifndef CMD_ASKS_H
#define CMD_ASKS_H

#include "base/mem.h"
#include "base/opt.h"
#include "kern/funcs.h"

struct ask_opts {
	struct opt_list specs, args;
	const char *error;
	bool allow_setuid, wait;
};

/* clang-format off */
#define ASK_HOW_ROWS(where, m) \
	{ .type = OPT_LIST, .long_name = "arg", .arg = "N:TYPE", \
	  .help = "read argument N of the functions, from 1 on: int, uint, long, ulong, ptr or str", \
	  .offset = offsetof(where, m.args) }, \
	{ .type = OPT_STR, .long_name = "error", .arg = "'ret<0'", \
	  .help = "count a result as an error that is <, <=, ==, !=, >= or > a number", \
	  .offset = offsetof(where, m.error) }, \
	{ .type = OPT_FLAG, .long_name = "allow-setuid", \
	  .help = "put probes also on programs that give rights to whoever runs them", \
	  .offset = offsetof(where, m.allow_setuid) }, \
	{ .type = OPT_FLAG, .long_name = "wait", \
	  .help = "wait for files of functions that are not there yet", .offset = offsetof(where, m.wait) }

#define ASK_ROWS(where, m) \
	{ .type = OPT_LIST, .short_name = 'u', .long_name = "func", .arg = "SPEC", \
	  .help = "trace functions of programs too: libc:malloc, /path/program:name, usdt:/path:provider:name; * and ?", \
	  .offset = offsetof(where, m.specs) }, \
	ASK_HOW_ROWS(where, m)
/* clang-format on */

struct asks {
	VEC(struct func_ask) v;
};

/* words: more of them. 0, or -EINVAL after one printed line. */
int asks_init(struct asks *a, const struct ask_opts *o, const struct opt_list *words);
void asks_free(struct asks *a);

#endif
