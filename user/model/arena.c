/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The arena. A snapshot needs about the same memory as the one before: after a reset
 * it comes from one chunk that has been touched already. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/arena.h"

#define ARENA_CHUNK (256u << 10)

struct arena_chunk {
	struct arena_chunk *next;
	size_t size, used;
	uint64_t mem[];
};

static void add_chunk(struct arena *a, size_t size)
{
	struct arena_chunk *c = xmalloc(sizeof(*c) + size);

	*c = (struct arena_chunk){ .next = a->chunks, .size = size };
	a->chunks = c;
	a->held += size;
}

void *arena_alloc(struct arena *a, size_t n)
{
	struct arena_chunk *c = a->chunks;
	void *p;

	n = (n + 7) & ~(size_t)7;
	if (!c || c->size - c->used < n) {
		add_chunk(a, MAX(n, ARENA_CHUNK));
		c = a->chunks;
	}
	p = (char *)c->mem + c->used;
	c->used += n;
	a->used += n;
	return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
	return memset(arena_alloc(a, n), 0, n);
}

char *arena_strn(struct arena *a, const char *s, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

void arena_free(struct arena *a)
{
	struct arena_chunk *c, *next;

	for (c = a->chunks; c; c = next) {
		next = c->next;
		free(c);
	}
	*a = (struct arena){};
}

void arena_reset(struct arena *a)
{
	size_t used = a->used, want = (used + used / 16 + 4095) & ~(size_t)4095;

	if (a->chunks && (a->chunks->next || want < a->held / 4)) {
		arena_free(a);
		if (want)
			add_chunk(a, want);
	}
	if (a->chunks)
		a->chunks->used = 0;
	a->used = 0;
}
