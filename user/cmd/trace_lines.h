/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Calls of functions as lines, from records: when, who, what with which arguments and result, how long, and
 * where the time went. For trace.
 */
#ifndef CMD_TRACE_LINES_H
#define CMD_TRACE_LINES_H

#include "base/str.h"
#include "bpf/abi.h"

struct trace_lines;

struct trace_look {
	bool tree; /* calls under their callers, once the outermost is over, and what is slow in them */
	bool json; /* an object a line */
	bool ascii;
	int width; /* columns; 0: as wide as needed */
};

struct trace_lines *trace_lines_new(const struct trace_look *look);
void trace_lines_free(struct trace_lines *t);
/* Appends what there is to print. */
void trace_lines_take(struct trace_lines *t, const struct hl_rec *rec, struct str *out);
void trace_lines_head(const struct trace_lines *t, struct str *out); /* what the columns are */
void trace_lines_drained(struct trace_lines *t, struct str *out);    /* all that came so far was taken */
void trace_lines_rest(struct trace_lines *t, struct str *out);       /* calls whose callers are not over */
uint64_t trace_lines_count(const struct trace_lines *t);             /* calls so far */

#endif
