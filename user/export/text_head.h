/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The lines above the tables of the text format, and time by state in words. */
#ifndef EXPORT_TEXT_HEAD_H
#define EXPORT_TEXT_HEAD_H

#include "export/export.h"

/* Appends host, time, pressure, states, accounting, collectors that are not simply on,
 * and hostlat's own cost, each line at most o->width columns where that is not 0. */
void text_head(struct str *out, const struct snap *s, const struct export_opts *o);

/* Appends the shares of time by state, what is waited for first and the waits for work
 * last, each group from the largest: "disk 52% cpu 31% idle 9.0%". As many of them as
 * fit into `cols` columns, 0: all; where none does, the name of the first. Nothing when
 * there is no time at all. */
void text_states(struct str *out, const uint64_t *ns, int cols);

#endif
