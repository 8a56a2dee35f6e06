/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Allocation that cannot fail (it ends the program when memory is gone), and a
 * growable array. Sizes that depend on the traced system are capped before. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/base.h"

void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size); /* zeroed */
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __printf(1, 2);

/* A growable array: VEC(int) v = {}; *vec_add(&v) = 7; v.v[0]; v.n; vec_free(&v).
 * vec_add returns a zeroed new last element, valid until the next vec_add. */
#define VEC(type)                                                                                            \
	struct {                                                                                             \
		type *v;                                                                                     \
		size_t n;                                                                                    \
		size_t cap;                                                                                  \
	}
void *vec_grow(void **v, size_t *n, size_t *cap, size_t size);
#define vec_add(vec)                                                                                         \
	((__typeof__((vec)->v))vec_grow((void **)&(vec)->v, &(vec)->n, &(vec)->cap, sizeof(*(vec)->v)))
#define vec_free(vec) (cleanup_free(&(vec)->v), (vec)->n = (vec)->cap = 0)

#endif
