/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Options as rows: a row says how an option is written, where its value goes and
 * what it means; parsing, checking and the help text follow from it.
 */
#ifndef BASE_OPT_H
#define BASE_OPT_H

#include "base/base.h"

enum opt_type {
	OPT_FLAG,     /* bool */
	OPT_STR,      /* const char * into argv */
	OPT_MAYBE,    /* the same, only as --name=value; "": it stood alone */
	OPT_UINT,     /* unsigned int */
	OPT_DURATION, /* uint64_t ns: 250us, 10ms, 2s */
	OPT_SECONDS,  /* the same; a bare number is seconds: 1, 0.5 */
	OPT_SIZE,     /* uint64_t bytes: 64M */
	OPT_CHOICE,   /* int: index into choices */
	OPT_LIST,     /* struct opt_list: may be given again, commas separate */
	OPT_END,
};

struct opt_list {
	const char **v; /* the words, without their commas; owned */
	size_t n;
};

struct opt {
	enum opt_type type;
	char short_name;       /* 0: none */
	const char *long_name; /* NULL: none */
	const char *arg;       /* what the value is called in the help */
	const char *help;
	size_t offset;              /* of the member in the values struct */
	const char *const *choices; /* NULL-ended, for OPT_CHOICE */
	uint64_t min, max;          /* bounds of a number; max 0: none */
	bool hidden;                /* not in the help: for tests */
};

/*
 * Parse argv[1..] into values by rows (ended by OPT_END). Words that are no option
 * are gathered in words (borrowed from argv); everything after "--" goes to *rest
 * (NULL when there is none). Returns 0, or -EINVAL after one printed line that says
 * what was wrong and what to do. "--opt=value", "--opt value", "-ovalue", "-o value".
 */
int opt_parse(int argc, char **argv, const struct opt *rows, void *values, struct opt_list *words,
	      char ***rest);
/* The help text of the rows, one option a line (wrapped at 80 columns), to out. */
struct str;
void opt_help(struct str *out, const struct opt *rows);
void opt_list_free(struct opt_list *l);
/* How far a name is from one that may have been meant: 0 where it is its beginning; SIZE_MAX: too far. */
size_t name_far(const char *name, size_t len, const char *candidate);

#endif
