/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What a just-in-time compiler says about the code it made: lines "START SIZE NAME" in hex, as
 * perf reads them, or a jitdump file. In the sandbox.
 */
#ifndef SYM_PERF_MAP_H
#define SYM_PERF_MAP_H

#include "base/base.h"

#define PERF_MAP_ROOM (64 << 20) /* bytes of such a file that are read */

struct perf_map;

/* Reads fd, at most PERF_MAP_ROOM bytes; never NULL. */
struct perf_map *perf_map_read(int fd, uint64_t size);
struct perf_map *jitdump_read(int fd, uint64_t size);
void perf_map_free(struct perf_map *m); /* NULL is fine */
/* NULL: not there. Borrowed. */
const char *perf_map_find(const struct perf_map *m, uint64_t addr, uint64_t *offset);

#endif
