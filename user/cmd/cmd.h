/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What a command is: a row of data. list.def names them; finding one, parsing its
 * options and the help follow from the rows. Nothing outside cmd/ includes this.
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include "base/base.h"
#include "base/opt.h"
#include "base/str.h"

/* Stands first in the values struct of every command. */
struct common {
	bool help, debug;
};

/* clang-format off */
#define COMMON_ROWS \
	{ .type = OPT_FLAG, .short_name = 'h', .long_name = "help", .help = "print this and end", \
	  .offset = offsetof(struct common, help) }, \
	{ .type = OPT_FLAG, .long_name = "debug", .help = "say more on stderr", .hidden = true, \
	  .offset = offsetof(struct common, debug) }
/* clang-format on */

struct invocation {
	const struct command *cmd;
	const void *values;    /* of the command's own type */
	struct opt_list words; /* what is no option */
	char **rest;           /* what followed --, or NULL */
	char **argv;           /* all of the command line */
};

struct command {
	const char *name;
	const char *usage;                 /* what may follow the name */
	const char *help;                  /* one line */
	const char *more;                  /* lines below the options; NULL: none */
	void (*add_help)(struct str *out); /* the same, from a table; may be NULL */
	const struct opt *rows;
	const void *defaults; /* the values before parsing */
	size_t values_size;
	size_t min_words, max_words;
	const char *word;                        /* what a word is, for messages */
	bool takes_command;                      /* -- CMD may follow */
	int (*run)(const struct invocation *in); /* returns the exit status; prints what went wrong */
};

extern const struct command *const all_commands[]; /* NULL-ended */

/* Finds the command, parses its options, runs it. Returns the exit status. */
int commands_run(int argc, char **argv);

#endif
