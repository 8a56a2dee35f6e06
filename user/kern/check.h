/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What this host allows, tried and not guessed: for doctor. */
#ifndef KERN_CHECK_H
#define KERN_CHECK_H

#include "base/base.h"
#include "bpf/abi.h"

struct check {
	const char *name; /* static */
	enum hl_collector_state state;
	char what[160];   /* what was found */
	char advice[160]; /* what to do about it; "" when all is well */
	bool fatal;       /* without this nothing works */
};

#define MAX_CHECKS 24

/* Fills at most MAX_CHECKS rows, in reading order; returns how many. Loads and attaches
 * everything for a moment when it may; nothing stays behind. */
size_t check_all(struct check *rows);

#endif
