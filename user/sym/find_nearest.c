/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Names that are like one that is not there: that have it as their last part, that differ by a few letters,
 * that contain it. Used by the finders in the sandbox.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sym/find_in.h"

#define WANTED  64 /* bytes of the name that are compared letter by letter */
#define TIME_NS (2 * NSEC_PER_SEC)
#define FAR     1000000

struct near {
	char *name;
	unsigned int far;
};

struct nearest {
	char *wanted; /* without stars */
	size_t len;
	struct near v[FIND_NEAREST]; /* by far */
	size_t n, seen;
	uint64_t until;
	bool late;
};

struct nearest *nearest_new(const char *wanted)
{
	struct nearest *n = xcalloc(1, sizeof(*n));

	n->wanted = xstrdup(wanted);
	for (const char *s = wanted; *s && n->len < WANTED; s++)
		if (!strchr("*?", *s))
			n->wanted[n->len++] = *s;
	n->wanted[n->len] = '\0';
	n->until = clock_mono_ns() + TIME_NS;
	return n;
}

/* Letters to change, add or leave out; more than `most`: so many. */
static unsigned int edits(const char *a, size_t n, const char *b, size_t m, unsigned int most)
{
	unsigned int row[WANTED + 1];

	if ((n > m ? n - m : m - n) > most)
		return most + 1;
	for (size_t i = 0; i <= n; i++)
		row[i] = (unsigned int)i;
	for (size_t k = 1; k <= m; k++) {
		unsigned int corner = row[0], least;

		row[0] = least = (unsigned int)k;
		for (size_t i = 1; i <= n; i++) {
			unsigned int same = corner + (tolower((unsigned char)a[i - 1]) !=
						      tolower((unsigned char)b[k - 1]));

			corner = row[i];
			row[i] = MIN(same, MIN(row[i], row[i - 1]) + 1);
			least = MIN(least, row[i]);
		}
		if (least > most)
			return most + 1;
	}
	return row[n];
}

/* Where the last part of ns::Class::f(int), of a/b.(*T).f begins, and how long it is without arguments. */
static const char *last_part(const char *name, size_t *len)
{
	size_t n = strcspn(name, "(");
	const char *from;

	if (n < 2 || name[n - 1] == '.' || name[n - 1] == ':') /* ".(*T).f", "::(anonymous namespace)::f" */
		n = strlen(name);
	for (from = name + n; from > name && from[-1] != ':' && from[-1] != '.'; from--)
		;
	*len = (size_t)(name + n - from);
	return from;
}

static unsigned int how_far(const struct nearest *n, const char *name)
{
	unsigned int most = (unsigned int)(n->len < 4 ? 1 : n->len < 8 ? 2 : n->len / 3), whole, part;
	size_t len = strlen(name), part_len;
	const char *last = last_part(name, &part_len);

	if (!n->len)
		return FAR;
	whole = edits(n->wanted, n->len, name, len, most);
	part = last == name && part_len == len ? whole : edits(n->wanted, n->len, last, part_len, most);
	if (MIN(whole, part) <= most)
		return MIN(2 * whole, 2 * part + 1);
	if (n->len >= 3 && strcasestr(name, n->wanted))
		return 100 + (unsigned int)MIN(len, (size_t)10000);
	return FAR;
}

void nearest_add(struct nearest *n, const char *name)
{
	unsigned int far;
	size_t at;

	if (n->late || (++n->seen % 256 == 0 && (n->late = clock_mono_ns() > n->until)))
		return;
	far = how_far(n, name);
	if (far >= FAR || (n->n == FIND_NEAREST && far >= n->v[n->n - 1].far))
		return;
	for (size_t i = 0; i < n->n; i++)
		if (!strcmp(n->v[i].name, name))
			return;
	if (n->n == FIND_NEAREST)
		free(n->v[--n->n].name);
	for (at = n->n++; at > 0 && n->v[at - 1].far > far; at--)
		n->v[at] = n->v[at - 1];
	n->v[at] = (struct near){ xstrdup(name), far };
}

size_t nearest_take(struct nearest *n, char *v[FIND_NEAREST])
{
	size_t got = n->n;

	for (size_t i = 0; i < got; i++)
		v[i] = n->v[i].name;
	free(n->wanted);
	free(n);
	return got;
}
