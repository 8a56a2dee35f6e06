/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What the live source is told of this run: its target, and the words for the recording.
 * For the session. */
#ifndef CMD_TARGET_H
#define CMD_TARGET_H

#include "cmd/filter.h"
#include "kern/live.h"

struct target {
	VEC(char *) argv;    /* NULL-ended, without secrets */
	VEC(char *) cgroups; /* NULL-ended: those asked for and those of containers */
};

/* Fills the target, argv and filters of cfg, which borrows from t and f. */
void target_init(struct target *t, const struct filter *f, char **argv, bool command, struct live_cfg *cfg);
void target_free(struct target *t);

#endif
