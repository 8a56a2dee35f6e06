/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The places of separate debug information. Used by opener_want.c and find.c. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sym/debug_file.h"

#define DEBUG_ROOT "/usr/lib/debug"

bool debug_is_build_id(const char *s)
{
	size_t n = strlen(s);

	return n >= 4 && n <= 128 && n % 2 == 0 && strspn(s, "0123456789abcdef") == n;
}

/* One path element; with `folders` several, none of them hidden. */
static bool is_name(const char *s, bool folders)
{
	if (!*s || *s == '.' || *s == '/' || strstr(s, "/.") || (!folders && strchr(s, '/')))
		return false;
	for (; *s; s++)
		if (!isgraph((unsigned char)*s))
			return false;
	return true;
}

static void __printf(2, 3) add_place(struct debug_places *p, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(p->v[p->n], PATH_MAX, fmt, ap);
	va_end(ap);
	p->n += n > 0 && n < PATH_MAX;
}

void debug_places(const struct wire_want *w, const char *path, struct debug_places *p)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	int folder = slash ? (int)(slash - path) : 0;

	if (w->type == WANT_BUILD_ID && debug_is_build_id(w->name)) {
		add_place(p, DEBUG_ROOT "/.build-id/%.2s/%s.debug", w->name, w->name + 2);
	} else if (w->type == WANT_LINK && is_name(w->name, false) && slash) {
		add_place(p, "%.*s/%s", folder, path, w->name);
		add_place(p, "%.*s/.debug/%s", folder, path, w->name);
		add_place(p, DEBUG_ROOT "%.*s/%s", folder, path, w->name);
	} else if (w->type == WANT_ALT && is_name(w->name, true)) {
		add_place(p, DEBUG_ROOT "/.dwz/%s", w->name);
	}
}
