/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* hostlat trace --list: what there is to trace, and what a probe on it costs. */
#ifndef CMD_TRACE_LIST_H
#define CMD_TRACE_LIST_H

#include <sys/types.h>

#include "base/opt.h"

/* The specs are the words. Returns the exit status; prints what went wrong. */
int trace_list(const struct opt_list *words, const pid_t *pids, size_t n_pids, bool json);

#endif
