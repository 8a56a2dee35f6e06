/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Parses what a user wrote to name something to probe. A ':' that stands alone parts it; "::" is of a
 * name. A path with a ':' in it is taken as far as there is such a file, or is written with "\:".
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "sym/spec.h"

#define MAX_TEXT 4096

struct parse {
	const char *text; /* all of it */
	char *why;
	size_t why_size;
	struct spec *out;
};

static int __printf(2, 3) bad(const struct parse *p, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(p->why, p->why_size, "\"%.80s\": ", p->text);

	va_start(ap, fmt);
	if (n >= 0 && (size_t)n < p->why_size)
		vsnprintf(p->why + n, p->why_size - (size_t)n, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* The next ':' that is neither half of "::" nor behind a "\"; NULL: there is none. Of ":::" it is the first.
 */
static char *next_colon(char *s)
{
	while (*s) {
		size_t run = strspn(s, ":");

		if (run % 2)
			return s;
		s += s[0] == '\\' && s[1] == ':' ? 2 : MAX(run, (size_t)1);
	}
	return NULL;
}

static char *unescaped(const char *s, size_t n)
{
	char *to = xmalloc(n + 1);
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		if (s[i] != '\\' || i + 1 == n || s[i + 1] != ':')
			to[len++] = s[i];
	to[len] = '\0';
	return to;
}

/* Where a path ends: at the first ':' up to which there is a file, else at the first. */
static char *end_of_path(char *s)
{
	char *first = next_colon(s);
	struct stat st;

	for (char *at = first; at; at = next_colon(at + 1)) {
		__free char *path = unescaped(s, (size_t)(at - s));

		if (!stat(path, &st) && !S_ISDIR(st.st_mode))
			return at;
	}
	return first;
}

/* The file, and where what is in it begins; NULL: there is no ':' behind it. */
static char *take_file(struct spec *out, char *s)
{
	char *end = memchr(s, '/', strcspn(s, ":")) ? end_of_path(s) : next_colon(s);

	if (!end)
		return NULL;
	out->file = unescaped(s, (size_t)(end - s));
	out->is_path = strchr(out->file, '/') != NULL;
	return end + 1;
}

/* "+16", "+0x10" at the end, which is cut off. A C++ operator's name may end with + itself. */
static int take_plus(const struct parse *p, char *name)
{
	char *at = strrchr(name, '+'), *end;

	if (!at || (!isdigit((unsigned char)at[1]) && strstr(name, "operator+")) || strpbrk(at, "<>(), "))
		return 0; /* of an operator, or of an expression in a template's arguments */
	errno = 0;
	p->out->q.plus = strtoull(at + 1, &end, at[1] == '0' && (at[2] | 32) == 'x' ? 16 : 10);
	if (!at[1] || *end || errno)
		return bad(p, "\"%.20s\" is no number of bytes; write +16 or +0x10", at + 1);
	*at = '\0';
	return 0;
}

static int take_line(const struct parse *p, char *source, char *colon)
{
	struct find_query *q = &p->out->q;
	unsigned long long line;
	char *end;

	errno = 0;
	line = strtoull(colon + 1, &end, 10);
	if (!isdigit((unsigned char)colon[1]) || *end || errno || !line || line > INT32_MAX)
		return bad(p,
			   "\"%.30s\" is no line; write FILE:source.c:120, FILE:FUNCTION, "
			   "or usdt:FILE:PROVIDER:NAME",
			   colon + 1);
	*colon = '\0';
	if (!*source)
		return bad(p, "the source file is missing; write FILE:source.c:120");
	q->what = FIND_LINE;
	q->line = (uint32_t)line;
	q->name = xstrdup(source);
	return 0;
}

/* What is in a file (or the kernel): a function, an instruction, a line. */
static int take_code(const struct parse *p, char *s)
{
	char *colon = next_colon(s);
	int err;

	if (colon && !p->out->kernel)
		return take_line(p, s, colon);
	if (colon)
		return bad(
			p,
			"a function of the kernel has no ':' in it; write k:vfs_read or k:MODULE:FUNCTION");
	err = take_plus(p, s);
	if (err)
		return err;
	if (!*s)
		return bad(p, "the function is missing; write %s:FUNCTION, * for all of them",
			   p->out->kernel ? "k" : "FILE");
	if (p->out->kernel && p->out->q.plus)
		return bad(p, "of the kernel whole functions are traced; leave out the +");
	p->out->q.what = FIND_FUNCTIONS;
	p->out->q.name = xstrdup(s);
	return 0;
}

static int take_usdt(const struct parse *p, char *s)
{
	char *colon = next_colon(s);
	const char *provider = colon ? s : "*", *name = colon ? colon + 1 : s;

	if (colon)
		*colon = '\0';
	if (!*provider || !*name || (colon && next_colon(colon + 1)))
		return bad(p, "write usdt:FILE:PROVIDER:NAME, or usdt:FILE:* for all of them");
	p->out->q.what = FIND_USDT;
	p->out->q.provider = xstrdup(provider);
	p->out->q.name = xstrdup(name);
	return 0;
}

static bool cut_prefix(char **s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (strncmp(*s, prefix, n) || (*s)[n] == ':')
		return false;
	*s += n;
	return true;
}

/* vfs_read, or ext4:ext4_sync_file */
static int take_kernel(const struct parse *p, char *s)
{
	char *colon = next_colon(s);

	p->out->kernel = true;
	if (!colon)
		return take_code(p, s);
	*colon = '\0';
	if (!*s)
		return bad(p, "the module is missing; write k:MODULE:FUNCTION, or k:FUNCTION");
	p->out->file = xstrdup(s);
	return take_code(p, colon + 1);
}

static int parse(const struct parse *p, char *s)
{
	bool usdt = cut_prefix(&s, "usdt:");
	char *rest;

	if (!usdt && (cut_prefix(&s, "kernel:") || cut_prefix(&s, "k:")))
		return take_kernel(p, s);
	if (!usdt)
		cut_prefix(&s, "c:");
	rest = take_file(p->out, s);
	if (!rest)
		return bad(p, usdt ? "write usdt:FILE:PROVIDER:NAME, or usdt:FILE:* for all of them"
				   : "it names no file; write FILE:FUNCTION, such as libc:malloc");
	if (!*p->out->file)
		return bad(p, "the file is missing; write a path, or a name such as libc");
	return usdt ? take_usdt(p, rest) : take_code(p, rest);
}

int spec_parse(const char *text, struct spec *out, char *why, size_t why_size)
{
	struct parse p = { .text = text, .why = why, .why_size = why_size, .out = out };
	__free char *copy = NULL;
	int err;

	*out = (struct spec){};
	if (!*text)
		return bad(&p, "write FILE:FUNCTION, such as libc:malloc");
	if (strlen(text) > MAX_TEXT)
		return bad(&p, "it is longer than %d bytes", MAX_TEXT);
	copy = xstrdup(text);
	out->text = xstrdup(text);
	err = parse(&p, copy);
	if (err)
		spec_free(out);
	return err;
}

void spec_free(struct spec *s)
{
	free(s->text);
	free(s->file);
	free((char *)s->q.name);
	free((char *)s->q.provider);
	*s = (struct spec){};
}

/* Digits with dots between them. */
static size_t version_len(const char *s)
{
	return isdigit((unsigned char)*s) ? strspn(s, "0123456789.") : 0;
}

/* What may follow a name: -2.31, .so, and versions: .so.6, .11 */
static bool is_version(const char *s)
{
	if (*s == '-' && version_len(s + 1)) {
		s += 1 + version_len(s + 1);
		if (s[-1] == '.') /* of .so */
			s--;
	}
	if (!strncmp(s, ".so", 3))
		s += 3;
	return !*s || (*s == '.' && s[1] && version_len(s + 1) == strlen(s + 1));
}

bool spec_is_file(const struct spec *s, const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t n;

	if (!s->file)
		return false;
	if (s->is_path)
		return !strcmp(path, s->file);
	if (str_is_glob(s->file))
		return str_glob(s->file, base);
	n = strlen(s->file);
	return !strncmp(base, s->file, n) && is_version(base + n);
}
