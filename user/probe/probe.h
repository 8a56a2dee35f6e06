/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The collectors of this program and the tables of the spine. */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include "model/model.h"

extern const struct table_desc processes_table, threads_table, operations_table, slow_table;

/* Processes, threads, operations, slow operations. */
extern const struct collector spine_collector;

/* Disks, and what each does. */
extern const struct collector block_collector;

/* What is blocked right now. */
extern const struct table_desc blocked_table;
extern const struct table_desc tree_table;
extern const struct collector blocked_collector;

/* Files, and what is done to each. */
extern const struct collector files_collector;

/* io_uring: names of its operations. */
extern const struct collector uring_collector;

/* Slow waits by where in the kernel they were. */
extern const struct collector stacks_collector;

/* Locks, and who holds them. */
extern const struct collector locks_collector;

/* Cgroups with a CPU quota. */
extern const struct collector cgroups_collector;
/* TCP connections, their peers, and listeners. */
extern const struct collector tcp_collector;

/* DNS: who asked what, and how long that took. */
extern const struct collector dns_collector;

/* Requests on them, and their answers. */
extern const struct collector exchanges_collector;

/* Functions of programs. */
extern const struct collector funcs_collector;

/* All collectors, NULL-ended, in the order of the views. */
extern const struct collector *const all_collectors[];

#endif
