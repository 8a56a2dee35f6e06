/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Memory that is handed out piece by piece and given back all at once: that of one
 * snapshot. For picture.c, intern.c and the groups of a query. */
#ifndef MODEL_ARENA_H
#define MODEL_ARENA_H

#include "base/base.h"

struct arena_chunk;

struct arena {                          /* all zero: empty */
	struct arena_chunk *first, *at; /* in the order of their making; `at` is being handed out */
	size_t used;                    /* bytes handed out since the last reset */
	size_t held;                    /* bytes allocated for them */
};

void *arena_alloc(struct arena *a, size_t n); /* 8-aligned, not zeroed; never NULL */
void *arena_zalloc(struct arena *a, size_t n);
char *arena_strn(struct arena *a, const char *s, size_t n); /* a copy, with a NUL */
/* Everything handed out is void. The memory is kept for the next time, unless it was mostly
 * unused. */
void arena_reset(struct arena *a);
void arena_free(struct arena *a);

#endif
