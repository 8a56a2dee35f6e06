/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Options by rows: parsing, checking, the help text. Called by the commands. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmt.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/opt.h"
#include "base/str.h"

#define HELP_COLS   80
#define HELP_INDENT 26 /* where the explanation begins */

/* ---- lists ------------------------------------------------------------------ */

/* Pointers and copied text lie in one block, so that a list frees alike whether
 * its words are copies or borrowed. */
void opt_list_free(struct opt_list *l)
{
	free(l->v);
	*l = (struct opt_list){};
}

static void list_borrow(struct opt_list *l, const char *word)
{
	l->v = xrealloc(l->v, (l->n + 1) * sizeof(*l->v));
	l->v[l->n++] = word;
}

/* The words of l and those of text, which commas separate, in a new block. */
static void list_append(struct opt_list *l, const char *text)
{
	size_t n = l->n + 1, bytes = strlen(text) + 1, k = 0;
	const char **v;
	char *to;

	for (const char *p = text; (p = strchr(p, ',')); p++)
		n++;
	for (size_t i = 0; i < l->n; i++)
		bytes += strlen(l->v[i]) + 1;
	v = xmalloc(n * sizeof(*v) + bytes);
	to = (char *)(v + n);
	for (; k < l->n; k++) {
		v[k] = to;
		to = stpcpy(to, l->v[k]) + 1;
	}
	strcpy(to, text);
	while (k < n)
		v[k++] = strsep(&to, ",");
	free(l->v);
	l->v = v;
	l->n = n;
}

/* ---- values ----------------------------------------------------------------- */

/* What a value is written to and how the option was written, for messages. */
struct place {
	const struct opt *row;
	const char *name; /* "--slow" or "-i" */
	void *to;
};

static int check_bounds(const struct place *p, const char *s, uint64_t v, char *(*fmt)(char *buf, uint64_t v))
{
	char min[FMT_LEN], max[FMT_LEN];

	if (v >= p->row->min && (!p->row->max || v <= p->row->max))
		return 0;
	fmt(min, p->row->min);
	fmt(max, p->row->max);
	if (v < p->row->min)
		pr_err("%s: \"%s\" is too little; at least %s", p->name, s, min);
	else
		pr_err("%s: \"%s\" is too much; at most %s", p->name, s, max);
	return -EINVAL;
}

static char *fmt_plain(char *buf, uint64_t v)
{
	snprintf(buf, FMT_LEN, "%u", (unsigned int)v);
	return buf;
}

static int put_flag(const struct place *p, const char *s)
{
	*(bool *)p->to = true;
	return 0;
}

static int put_str(const struct place *p, const char *s)
{
	*(const char **)p->to = s;
	return 0;
}

static int put_uint(const struct place *p, const char *s)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(s, &end, 10);
	if (*s < '0' || *s > '9' || *end) {
		pr_err("%s: \"%s\" is not a number; write digits alone, as 10", p->name, s);
		return -EINVAL;
	}
	if (errno || v > UINT_MAX) {
		pr_err("%s: \"%s\" is too much; at most %u", p->name, s,
		       p->row->max ? (unsigned int)p->row->max : UINT_MAX);
		return -EINVAL;
	}
	if (check_bounds(p, s, v, fmt_plain))
		return -EINVAL;
	*(unsigned int *)p->to = (unsigned int)v;
	return 0;
}

static int put_time(const struct place *p, const char *s, const char *text, const char *examples)
{
	uint64_t v;

	if (parse_duration(text, &v)) {
		pr_err("%s: \"%s\" is not a duration; write %s", p->name, s, examples);
		return -EINVAL;
	}
	if (check_bounds(p, s, v, fmt_ns))
		return -EINVAL;
	*(uint64_t *)p->to = v;
	return 0;
}

static int put_duration(const struct place *p, const char *s)
{
	return put_time(p, s, s, "250us, 10ms or 2s");
}

static int put_seconds(const struct place *p, const char *s)
{
	bool bare = *s && !s[strspn(s, "0123456789.")];
	char *text = xasprintf("%s%s", s, bare ? "s" : "");
	int err = put_time(p, s, text, "1, 0.5 or 500ms");

	free(text);
	return err;
}

static int put_size(const struct place *p, const char *s)
{
	uint64_t v;

	if (parse_size(s, &v)) {
		pr_err("%s: \"%s\" is not a size; write 512K, 64M or 1G", p->name, s);
		return -EINVAL;
	}
	if (check_bounds(p, s, v, fmt_bytes))
		return -EINVAL;
	*(uint64_t *)p->to = v;
	return 0;
}

static int put_choice(const struct place *p, const char *s)
{
	struct str all = {};

	for (int i = 0; p->row->choices[i]; i++) {
		if (!strcmp(p->row->choices[i], s)) {
			*(int *)p->to = i;
			str_free(&all);
			return 0;
		}
		str_addf(&all, "%s%s", i ? ", " : "", p->row->choices[i]);
	}
	pr_err("%s: \"%s\" is none of its values; write one of %s", p->name, s, str_get(&all));
	str_free(&all);
	return -EINVAL;
}

static int put_list(const struct place *p, const char *s)
{
	size_t n = strlen(s);

	if (!n || s[0] == ',' || s[n - 1] == ',' || strstr(s, ",,")) {
		pr_err("%s: \"%s\" has an empty word; write %s,%s", p->name, s, p->row->arg, p->row->arg);
		return -EINVAL;
	}
	list_append(p->to, s);
	return 0;
}

static int (*const put_value[])(const struct place *p, const char *s) = {
	[OPT_FLAG] = put_flag,         [OPT_STR] = put_str,         [OPT_UINT] = put_uint,
	[OPT_DURATION] = put_duration, [OPT_SIZE] = put_size,       [OPT_CHOICE] = put_choice,
	[OPT_LIST] = put_list,         [OPT_SECONDS] = put_seconds, [OPT_MAYBE] = put_str,
};

/* ---- the nearest name -------------------------------------------------------- */

#define NAME_MAX_LEN 32

/* Letters to insert, delete, change or swap to make b from a (both short). */
static size_t name_distance(const char *a, size_t na, const char *b)
{
	size_t nb = strlen(b);
	size_t row[3][NAME_MAX_LEN + 1], *two = row[0], *one = row[1], *now = row[2];

	for (size_t j = 0; j <= nb; j++)
		one[j] = two[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *spare = two;

		now[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t d = one[j - 1] + (a[i - 1] != b[j - 1]);

			d = MIN(d, MIN(one[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d = MIN(d, two[j - 2] + 1);
			now[j] = d;
		}
		two = one;
		one = now;
		now = spare;
	}
	return one[nb];
}

size_t name_far(const char *name, size_t len, const char *candidate)
{
	size_t most = MIN(2, len / 2), d;

	if (!len || len > NAME_MAX_LEN || strlen(candidate) > NAME_MAX_LEN)
		return SIZE_MAX;
	d = !strncmp(candidate, name, len) ? 0 : name_distance(name, len, candidate);
	return d <= most ? d : SIZE_MAX;
}

/* The option that was probably meant, or NULL. */
static const char *nearest_name(const struct opt *rows, const char *name, size_t len)
{
	size_t best = SIZE_MAX;
	const char *found = NULL;

	for (; rows->type != OPT_END; rows++) {
		const char *candidate = rows->long_name;
		size_t d = candidate && !rows->hidden ? name_far(name, len, candidate) : SIZE_MAX;

		if (d < best) {
			best = d;
			found = candidate;
		}
	}
	return found;
}

static int unknown_option(const struct opt *rows, const char *word, size_t len)
{
	const char *near = word[1] == '-' ? nearest_name(rows, word + 2, len - 2) : NULL;

	if (near)
		pr_err("%.*s: no such option; did you mean --%s?", (int)len, word, near);
	else
		pr_err("%.*s: no such option; --help lists them", (int)len, word);
	return -EINVAL;
}

/* ---- parsing ------------------------------------------------------------------ */

struct parser {
	char **argv; /* the next word; NULL ends them */
	const struct opt *rows;
	void *values;
};

/* value: what stood with the option, or NULL. */
static int take_option(struct parser *ps, const struct opt *row, const char *name, const char *value)
{
	struct place p = { row, name, (char *)ps->values + row->offset };

	if (row->type == OPT_FLAG && value) {
		pr_err("%s: takes no value, but \"%s\" was given; write %s alone", name, value, name);
		return -EINVAL;
	}
	if (row->type == OPT_MAYBE && !value)
		value = "";
	if (row->type != OPT_FLAG && !value) {
		value = *ps->argv;
		if (!value) {
			pr_err("%s: its value is missing; write %s %s", name, name,
			       row->arg ? row->arg : "VALUE");
			return -EINVAL;
		}
		ps->argv++;
	}
	return put_value[row->type](&p, value);
}

static int take_long(struct parser *ps, const char *word)
{
	size_t len = strcspn(word, "=");

	for (const struct opt *row = ps->rows; row->type != OPT_END; row++) {
		char *name;
		int err;

		if (!row->long_name || strlen(row->long_name) != len - 2 ||
		    strncmp(row->long_name, word + 2, len - 2))
			continue;
		name = xstrndup(word, len);
		err = take_option(ps, row, name, word[len] ? word + len + 1 : NULL);
		free(name);
		return err;
	}
	return unknown_option(ps->rows, word, len);
}

/* One word of short options: flags may stand together, a value ends the word. */
static int take_short(struct parser *ps, const char *word)
{
	for (const char *c = word + 1; *c; c++) {
		const char name[] = { '-', *c, '\0' };
		const struct opt *row = ps->rows;
		int err;

		while (row->type != OPT_END && row->short_name != *c)
			row++;
		if (row->type == OPT_END)
			return unknown_option(ps->rows, name, 2);
		if (row->type != OPT_FLAG)
			return take_option(ps, row, name, c[1] ? c + 1 : NULL);
		err = take_option(ps, row, name, NULL);
		if (err)
			return err;
	}
	return 0;
}

static int take_rest(char **argv, char ***rest)
{
	if (!rest) {
		pr_err("--: nothing can follow here; --help tells what can be written");
		return -EINVAL;
	}
	if (!*argv) {
		pr_err("--: a command is missing; write -- CMD ARG...");
		return -EINVAL;
	}
	*rest = argv;
	return 0;
}

static int take_word(struct parser *ps, struct opt_list *words)
{
	const char *word = *ps->argv++;

	if (word[0] == '-' && word[1] == '-')
		return take_long(ps, word);
	if (word[0] == '-' && word[1])
		return take_short(ps, word);
	if (!words) {
		pr_err("\"%s\": not an option, and nothing else is taken here; --help lists them", word);
		return -EINVAL;
	}
	list_borrow(words, word);
	return 0;
}

int opt_parse(int argc, char **argv, const struct opt *rows, void *values, struct opt_list *words,
	      char ***rest)
{
	struct parser ps = { argv + (argc > 0), rows, values };

	if (words)
		*words = (struct opt_list){};
	if (rest)
		*rest = NULL;
	while (*ps.argv) {
		int err;

		if (!strcmp(*ps.argv, "--"))
			return take_rest(ps.argv + 1, rest);
		err = take_word(&ps, words);
		if (err)
			return err;
	}
	return 0;
}

/* ---- help ---------------------------------------------------------------------- */

static void help_break(struct str *out, size_t *col)
{
	str_addf(out, "\n%*s", HELP_INDENT, "");
	*col = HELP_INDENT;
}

static void help_text(struct str *out, const char *text, size_t col)
{
	bool first = true;

	while (*text) {
		size_t n = strcspn(text, " ");
		size_t width = (size_t)str_width(text, n);

		if (!first && col + 1 + width > HELP_COLS) {
			help_break(out, &col);
			first = true;
		}
		if (!first)
			str_addc(out, ' ');
		str_addn(out, text, n);
		col += width + !first;
		first = false;
		text += n + (text[n] == ' ');
	}
	str_addc(out, '\n');
}

void opt_help(struct str *out, const struct opt *rows)
{
	for (; rows->type != OPT_END; rows++) {
		size_t begin = out->len, col;

		if (rows->hidden)
			continue;
		if (rows->short_name)
			str_addf(out, "  -%c%s", rows->short_name, rows->long_name ? ", " : "");
		else
			str_add(out, "      ");
		if (rows->long_name)
			str_addf(out, "--%s", rows->long_name);
		if (rows->type == OPT_MAYBE)
			str_addf(out, "[=%s]", rows->arg);
		else if (rows->type != OPT_FLAG)
			str_addf(out, "%s%s", rows->long_name ? "=" : " ", rows->arg ? rows->arg : "VALUE");
		col = out->len - begin;
		if (col + 2 > HELP_INDENT) {
			help_break(out, &col);
		} else {
			str_addf(out, "%*s", (int)(HELP_INDENT - col), "");
			col = HELP_INDENT;
		}
		help_text(out, rows->help ? rows->help : "", col);
	}
}
