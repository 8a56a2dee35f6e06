/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Allocation that cannot fail, the growable array, and the clean-up of locals.
 * Everybody calls it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/mem.h"

/* The only way that hostlat ends outside main: by exit, so that a screen is
 * given back, and without the log, which allocates. */
static void __attribute__((noreturn)) out_of_memory(void)
{
	static const char line[] = "hostlat: out of memory\n";

	if (write(STDERR_FILENO, line, sizeof(line) - 1) < 0)
		_exit(EXIT_FAILED);
	exit(EXIT_FAILED);
}

static void *need(void *p)
{
	if (!p)
		out_of_memory();
	return p;
}

void cleanup_free(void *p)
{
	void *target;

	/* copied, because p points to a pointer of some other type */
	memcpy(&target, p, sizeof(target));
	free(target);
	memset(p, 0, sizeof(target));
}

void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void *xmalloc(size_t size)
{
	return need(malloc(size ? size : 1));
}

void *xcalloc(size_t n, size_t size)
{
	return need(n && size ? calloc(n, size) : calloc(1, 1));
}

void *xrealloc(void *p, size_t size)
{
	return need(realloc(p, size ? size : 1));
}

char *xstrdup(const char *s)
{
	return need(strdup(s));
}

char *xstrndup(const char *s, size_t n)
{
	return need(strndup(s, n));
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	return s;
}

void *vec_grow(void **v, size_t *n, size_t *cap, size_t size)
{
	void *array, *last;
	size_t bytes;

	memcpy(&array, v, sizeof(array));
	if (*n == *cap) {
		size_t more = *cap ? *cap + *cap / 2 + 1 : 4;

		if (__builtin_mul_overflow(more, size, &bytes))
			out_of_memory();
		array = xrealloc(array, bytes);
		memcpy(v, &array, sizeof(array));
		*cap = more;
	}
	last = (char *)array + (*n)++ * size;
	return memset(last, 0, size);
}
