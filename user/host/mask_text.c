/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Owns the search for secrets inside a word: at each place where something can begin, the finders
 * are asked in their order; the first that knows what stands there writes it out, masked or not,
 * and says how much it took. Called by mask.c.
 */
#include <ctype.h>
#include <string.h>

#include "host/mask_text.h"

#define USERINFO_MAX 256
#define JUDGED_MAX   256 /* bytes of a run that decide on all of it */

/* Where the search stands. */
struct cursor {
	struct mask_text *t;
	struct span all;
	size_t at;
	size_t run_end;  /* of the run of token characters that is gone through in parts */
	size_t path_end; /* up to here it is a path: its parts are names */
	bool url;        /* behind scheme:// */
	bool query;      /* behind the ? or # of it */
};

static struct span rest(const struct cursor *c)
{
	return (struct span){ c->all.s + c->at, c->all.n - c->at };
}

static char before(const struct cursor *c)
{
	return c->at ? c->all.s[c->at - 1] : '\0';
}

static void put(const struct cursor *c, size_t n)
{
	str_addn(c->t->out, c->all.s + c->at, n);
}

static bool ends_url(char c)
{
	return isspace((unsigned char)c) || strchr("\"'<>`", c);
}

static size_t url_len(struct span s)
{
	size_t n = 0;

	while (n < s.n && !ends_url(s.s[n]))
		n++;
	return n;
}

static bool all_digits(const char *s, const char *end)
{
	while (s < end && isdigit((unsigned char)*s))
		s++;
	return s == end;
}

/* The @ that ends the userinfo at the begin of s; NULL: there is none. */
static const char *userinfo_end(struct span s)
{
	size_t n = 0;
	const char *at, *colon;

	while (n < s.n && !strchr("/?#", s.s[n]))
		n++;
	at = memrchr(s.s, '@', n);
	if (at)
		return at;
	/* a password with a slash in it: what stands behind the colon is no port */
	colon = memchr(s.s, ':', n);
	if (!colon || n == s.n || all_digits(colon + 1, s.s + n) || memmem(s.s, s.n, "://", 3))
		return NULL;
	return memrchr(s.s, '@', s.n);
}

/* scheme://user:SECRET@ */
static size_t find_url(struct cursor *c)
{
	struct span s = rest(c), a;
	const char *at, *colon;
	size_t n = 0;
	bool web;

	while (n < s.n && (isalnum((unsigned char)s.s[n]) || strchr("+.-", s.s[n])))
		n++;
	if (!n || s.n - n < 3 || memcmp(s.s + n, "://", 3))
		return 0;
	web = span_starts(s, "http");
	n += 3;
	put(c, n);
	c->url = true;
	a = (struct span){ s.s + n, url_len((struct span){ s.s + n, s.n - n }) };
	at = userinfo_end(a);
	if (!at)
		return n;
	colon = memchr(a.s, ':', (size_t)(at - a.s));
	/* the user of a web address is a token more often than a name */
	if (colon && !web)
		str_addn(c->t->out, a.s, (size_t)(colon + 1 - a.s));
	if (colon || web)
		str_add(c->t->out, "***");
	else
		str_addn(c->t->out, a.s, (size_t)(at - a.s));
	return (size_t)(at - s.s);
}

/* name=SECRET in the query of a URL, whatever its name */
static size_t find_query(struct cursor *c)
{
	struct span s = rest(c);
	size_t n = 0, end;

	if (!c->query)
		return 0;
	while (n < s.n && !ends_url(s.s[n]) && !strchr("=&;#", s.s[n]))
		n++;
	if (n == s.n || s.s[n] != '=')
		return 0;
	for (end = ++n; end < s.n && !ends_url(s.s[end]) && !strchr("&;#", s.s[end]); end++)
		;
	put(c, n);
	if (end > n)
		str_add(c->t->out, "***");
	return end;
}

static size_t key_len(struct span s)
{
	size_t n = 0;

	while (n < s.n && (isalnum((unsigned char)s.s[n]) || strchr("_.-[]", s.s[n])))
		n++;
	return n;
}

/* From the end of a key to the begin of its value: quotes, blanks, and one of = : =>; 0: none. */
static size_t separator(const struct cursor *c, struct span s, size_t key)
{
	size_t n = key;

	while (n < s.n && strchr("\\\"'", s.s[n]))
		n++;
	while (n < s.n && s.s[n] == ' ')
		n++;
	if (s.n - n >= 3 && !strncasecmp(s.s + n, "%3d", 3))
		return n + 3;
	if (n == s.n || !strchr("=:(", s.s[n]))
		return 0;
	if (s.s[n] == ':' && (before(c) == '/' || (s.n - n > 2 && s.s[n + 1] == '/' && s.s[n + 2] == '/')))
		return 0;
	n++;
	while (n < s.n && strchr("=> ", s.s[n]))
		n++;
	return n;
}

static bool ends_value(char c)
{
	return isspace((unsigned char)c) || strchr(",;&})]", c);
}

/* How long the value at the begin of v is; *quote: bytes of its opening quote. */
static size_t value_len(const struct cursor *c, struct span v, size_t *quote)
{
	size_t i = 0;
	char q;

	*quote = 0;
	while (i < v.n && v.s[i] == '\\')
		i++;
	q = i < v.n && (v.s[i] == '"' || v.s[i] == '\'') ? v.s[i] : 0;
	if (!q) {
		for (i = 0; i < v.n; i++) {
			if (isspace((unsigned char)v.s[i]) || (c->t->nested && strchr("\"'`", v.s[i])))
				break;
		}
		return i;
	}
	*quote = ++i;
	for (; i < v.n; i++) {
		if (v.s[i] == '\\' && *quote == 1)
			i++;
		else if (v.s[i] == q && (i + 1 == v.n || ends_value(v.s[i + 1])))
			return i;
	}
	return v.n;
}

/* Names with a number behind them, "sha256:0123…": the number is no secret. */
static size_t keep_id(struct cursor *c, struct span s, size_t key, size_t value)
{
	struct span run = { s.s + value, 0 };

	if (!key_names_id((struct span){ s.s, key }))
		return 0;
	while (value + run.n < s.n && is_token_char(run.s[run.n]))
		run.n++;
	if (looks_random(run, false) || known_token(run))
		return 0;
	put(c, value + run.n);
	return value + run.n;
}

/* KEY=SECRET, KEY: SECRET, "KEY":"SECRET" */
static size_t find_pair(struct cursor *c)
{
	struct span s = rest(c), v;
	size_t key = key_len(s), sep, len, quote;
	enum key_kind kind;

	sep = key ? separator(c, s, key) : 0;
	if (!sep)
		return 0;
	kind = key_kind((struct span){ s.s, key });
	if (kind == KEY_PLAIN)
		return keep_id(c, s, key, sep);
	v = (struct span){ s.s + sep, s.n - sep };
	if (!v.n) {
		/* "password:" and the secret is the next word */
		if (s.s[sep - 1] == ':')
			c->t->pending = kind == KEY_STRONG ? PENDING_SECRET : PENDING_WEAK;
		return 0;
	}
	len = value_len(c, v, &quote);
	if (!key_masks(kind, (struct span){ v.s + quote, len - quote }))
		return 0;
	put(c, sep + quote);
	str_add(c->t->out, "***");
	return sep + len;
}

/* user:SECRET@host without a scheme */
static size_t find_userinfo(struct cursor *c)
{
	struct span s = rest(c);
	size_t n = 0, end, at = 0;

	if (before(c) && !strchr("\"'=,;/| ", before(c)))
		return 0;
	while (n < s.n && (isalnum((unsigned char)s.s[n]) || strchr("._+-", s.s[n])))
		n++;
	if (!n || n + 1 >= s.n || s.s[n] != ':' || s.s[n + 1] == '/' ||
	    span_is((struct span){ s.s, n }, "mailto"))
		return 0;
	for (end = n + 1; end < MIN(s.n, (size_t)USERINFO_MAX) && !isspace((unsigned char)s.s[end]); end++) {
		if (s.s[end] == '@' && end > n + 1)
			at = end;
	}
	/* image:tag@sha256:digest */
	if (!at || at + 1 == s.n || !isalnum((unsigned char)s.s[at + 1]) ||
	    span_starts((struct span){ s.s + at + 1, s.n - at - 1 }, "sha"))
		return 0;
	put(c, n + 1);
	str_add(c->t->out, "***");
	return at;
}

static size_t find_known(struct cursor *c)
{
	size_t n = known_token(rest(c));

	if (n)
		str_add(c->t->out, "***");
	return n;
}

static bool has_both_cases(struct span s)
{
	bool lower = false, upper = false;

	for (size_t i = 0; i < s.n; i++) {
		lower |= islower((unsigned char)s.s[i]) != 0;
		upper |= isupper((unsigned char)s.s[i]) != 0;
	}
	return lower && upper;
}

/* A long random word; of anything else, as much as cannot begin something new. */
static size_t find_random(struct cursor *c)
{
	struct span run = rest(c), judged;
	size_t n = c->run_end > c->at ? c->run_end - c->at : 0, part = 0;
	bool path = c->at < c->path_end, random;

	while (n < run.n && is_token_char(run.s[n]))
		n++;
	c->run_end = c->at + n;
	if (!n)
		return 0;
	if (!path && (run.s[0] == '/' || run.s[0] == '~')) {
		path = true;
		c->path_end = c->at + n;
	}
	while (part < n && run.s[part] != '/')
		part++;
	run.n = path || c->url ? part : n;
	judged = (struct span){ run.s, MIN(run.n, (size_t)JUDGED_MAX) };
	/* names of files are long and hexadecimal often enough, but of one case then */
	random = path ? has_both_cases(run) && looks_random(run, false)
		      : looks_random(judged, !c->t->hex_ids && !c->t->id_next);
	if (!random) {
		part += part < n;
		put(c, part);
		return part;
	}
	str_add(c->t->out, "***");
	for (n = run.n; c->at + n < c->all.n && run.s[n] == '='; n++)
		;
	return n;
}

static size_t (*const finders[])(struct cursor *c) = {
	find_url, find_query, find_pair, find_userinfo, find_known, find_random,
};

void mask_text(struct mask_text *t, struct span s)
{
	struct cursor c = { .t = t, .all = s };

	while (c.at < s.n) {
		char b = before(&c), here = s.s[c.at];
		bool start = !isalnum((unsigned char)b) && b != '_';
		size_t n = 0;

		if (ends_url(here))
			c.url = c.query = false;
		for (size_t i = 0; start && !n && i < ARRAY_SIZE(finders); i++)
			n = finders[i](&c);
		if (!n) {
			put(&c, 1);
			n = 1;
			c.query |= c.url && (here == '?' || here == '#');
		}
		c.at += n;
	}
}
