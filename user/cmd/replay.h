/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* A recording, interval by interval. For top -r, report and export. */
#ifndef CMD_REPLAY_H
#define CMD_REPLAY_H

#include "cmd/filter.h"
#include "model/snap.h"

struct replay;

/*
 * Opens the recording. Without filters in o (and without o->none) those that it was made
 * with hold. 0, or -errno after one printed line; o must outlive the replay.
 */
int replay_open(const char *path, const struct filter_opts *o, struct replay **out);
void replay_close(struct replay *r); /* NULL is fine */

/* The next interval: 1, and *snap is held by the caller; 0: the end; -errno after one
 * printed line. */
int replay_next(struct replay *r, const struct snap **snap);
/* The last picture of all, *snap held by the caller. 0, or -errno after one printed line:
 * also when not one interval is whole. */
int replay_last(struct replay *r, const struct snap **snap);

struct model *replay_model(struct replay *r);
/* After the end: what is wrong with the recording, into out; false: nothing is. */
bool replay_trouble(const struct replay *r, struct str *out);
/* The same as one printed line. */
void replay_print_trouble(const struct replay *r);

#endif
