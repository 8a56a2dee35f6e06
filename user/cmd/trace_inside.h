/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Slow system calls and waits as lines under the functions that they were made in. For trace_lines.c. */
#ifndef CMD_TRACE_INSIDE_H
#define CMD_TRACE_INSIDE_H

#include "base/str.h"
#include "bpf/abi.h"

/* A record SLOW as what a line is made of, and what it was in words; false: it is of something else. */
bool trace_inside(const struct hl_rec *rec, struct hl_rec_func_call *c, struct str *what);

#endif
