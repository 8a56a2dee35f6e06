/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The growable string. Called by everything that makes text; the encoders are
 * in enc.c. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* Room for n more bytes and the NUL. */
static char *str_room(struct str *b, size_t n)
{
	if (b->cap - b->len <= n) {
		b->cap = b->cap + b->cap / 2 + n + 32;
		b->s = xrealloc(b->s, b->cap);
	}
	return b->s + b->len;
}

void str_addn(struct str *b, const char *s, size_t n)
{
	char *end = str_room(b, n);

	if (n)
		memcpy(end, s, n);
	end[n] = '\0';
	b->len += n;
}

void str_add(struct str *b, const char *s)
{
	str_addn(b, s, strlen(s));
}

void str_addc(struct str *b, char c)
{
	str_addn(b, &c, 1);
}

void str_addf(struct str *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	str_room(b, 0);
	n = vsnprintf(b->s + b->len, b->cap - b->len, fmt, ap);
	if (n >= 0 && (size_t)n >= b->cap - b->len) {
		str_room(b, (size_t)n);
		n = vsnprintf(b->s + b->len, b->cap - b->len, fmt, again);
	}
	va_end(again);
	va_end(ap);
	if (n > 0)
		b->len += (size_t)n;
	b->s[b->len] = '\0';
}

void str_reset(struct str *b)
{
	b->len = 0;
	if (b->s)
		b->s[0] = '\0';
}

void str_free(struct str *b)
{
	free(b->s);
	*b = (struct str){};
}

const char *str_get(const struct str *b)
{
	return b->s ? b->s : "";
}

bool path_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	while (n && folder[n - 1] == '/')
		n--;
	return !strncmp(path, folder, n) && (!path[n] || path[n] == '/');
}

/* What a * has taken so far is given one byte more when the rest does not fit; of the stars before it
 * nothing has to be taken back. */
bool str_glob(const char *pattern, const char *s)
{
	const char *star = NULL, *from = s;

	while (*s) {
		if (*pattern == '*') {
			star = pattern++;
			from = s;
		} else if (*pattern == '?' || *pattern == *s) {
			pattern++;
			s++;
		} else if (star) {
			pattern = star + 1;
			s = ++from;
		} else {
			return false;
		}
	}
	return !pattern[strspn(pattern, "*")];
}

bool str_is_glob(const char *pattern)
{
	return strpbrk(pattern, "*?") != NULL;
}
