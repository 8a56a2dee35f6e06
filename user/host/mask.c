/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Owns masking: goes over the words of a command line, keeps in mind what the next word must be
 * (the value of --password, the user of curl -u), and looks into each word for what is secret by
 * itself (mask_text.c). What is a secret is told by the tables of mask_rules.c. Called by whoever
 * takes a command line in.
 */
#include <ctype.h>
#include <string.h>

#include "host/mask.h"
#include "host/mask_text.h"

#define DEPTH_MAX 3 /* sh -c 'bash -c "…"' */

struct masker {
	struct mask_text text;         /* .out, .hex, .pending */
	const struct mask_rule *rules; /* of the program at hand */
	size_t nr_rules;
	uint32_t subs;    /* bit i: the subcommand of rules[i] was there */
	unsigned int nth; /* words behind the program that are no options */
	struct span prev; /* the word before */
	int depth;
};

static void mask_arg(struct masker *m, struct span a);

static struct str *out(const struct masker *m)
{
	return m->text.out;
}

static void emit(const struct masker *m, struct span s)
{
	str_addn(out(m), s.s, s.n);
}

static struct span from(struct span s, size_t skip)
{
	return (struct span){ s.s + skip, s.n - skip };
}

static bool has_blank(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (isspace((unsigned char)s.s[i]))
			return true;
	}
	return false;
}

/* "-h", "--host", "--host=x", "-name": what does not read as the value of the option before. */
static bool is_option(struct span s)
{
	bool two = s.n > 2 && s.s[0] == '-' && s.s[1] == '-';
	size_t i = two ? 2 : 1;

	if (s.n < 2 || s.s[0] != '-' || !isalpha((unsigned char)s.s[i]))
		return false;
	if (!two && (s.n == 2 || s.s[2] == '='))
		return true;
	for (; i < s.n && s.s[i] != '='; i++) {
		if (s.s[i] != '-' && !islower((unsigned char)s.s[i]))
			return two && isalnum((unsigned char)s.s[i]);
	}
	return true;
}

/* user:SECRET, user%SECRET, user,SECRET; of "TOKEN:" the user is the secret. */
static void mask_user(struct masker *m, struct span s)
{
	size_t i = 0;

	while (i < s.n && !strchr(":%,", s.s[i]))
		i++;
	if (i == s.n) {
		mask_text(&m->text, s);
	} else if (i + 1 == s.n) {
		str_add(out(m), "***");
		str_addc(out(m), s.s[i]);
	} else {
		mask_text(&m->text, (struct span){ s.s, i });
		str_addc(out(m), s.s[i]);
		str_add(out(m), "***");
	}
}

static bool is_scheme(struct span s)
{
	return span_is(s, "bearer") || span_is(s, "basic") || span_is(s, "digest") || span_is(s, "token") ||
	       span_is(s, "negotiate") || span_is(s, "apikey");
}

/* The word that something before it announced. False: it is not what was expected. */
static bool take_pending(struct masker *m, struct span a)
{
	enum mask_pending pending = m->text.pending;

	if (pending == PENDING_NONE || !a.n)
		return false;
	if (span_is(a, "=") || span_is(a, ":") || is_scheme(a)) {
		emit(m, a);
		return true;
	}
	m->text.pending = PENDING_NONE;
	if (is_option(a) || (pending == PENDING_WEAK && !key_masks(KEY_WEAK, a)))
		return false;
	if (pending == PENDING_USER)
		mask_user(m, a);
	else
		str_add(out(m), "***");
	return true;
}

static void await(struct masker *m, enum key_kind kind)
{
	if (kind != KEY_PLAIN)
		m->text.pending = kind == KEY_STRONG ? PENDING_SECRET : PENDING_WEAK;
}

static bool rule_applies(const struct masker *m, size_t i)
{
	return !m->rules[i].sub || (m->subs >> i & 1);
}

/* curl -sSu: the option's letter at the end of a cluster. */
static bool ends_cluster(struct span w, const char *opt)
{
	if (w.n < 3 || w.n > 6 || w.s[1] == '-' || strlen(opt) != 2 || w.s[w.n - 1] != opt[1])
		return false;
	for (size_t i = 1; i < w.n; i++) {
		if (!isalpha((unsigned char)w.s[i]))
			return false;
	}
	return true;
}

/* A word that is the option of this rule, with its value behind or in it. */
static bool apply_option(struct masker *m, const struct mask_rule *r, struct span w)
{
	size_t n = strlen(r->opt);
	bool exact = w.n == n && !memcmp(w.s, r->opt, n);

	if (exact || (r->how == HOW_USER && ends_cluster(w, r->opt))) {
		emit(m, w);
		if (r->how == HOW_USER)
			m->text.pending = PENDING_USER;
		else if (r->how == HOW_NEXT || r->how == HOW_BOTH)
			m->text.pending = PENDING_SECRET;
		return true;
	}
	if (w.n <= n || memcmp(w.s, r->opt, n) || r->how == HOW_NEXT)
		return false;
	if ((n > 2 && r->opt[1] == '-' && w.s[n] != '=') || (r->how == HOW_COLON && w.s[n] != ':'))
		return false;
	n += w.s[n] == '=' || w.s[n] == ':';
	emit(m, (struct span){ w.s, n });
	if (r->how == HOW_USER)
		mask_user(m, from(w, n));
	else
		str_add(out(m), "***");
	return true;
}

static bool by_option_rule(struct masker *m, struct span w)
{
	for (size_t i = 0; i < m->nr_rules; i++) {
		if (m->rules[i].opt && rule_applies(m, i) && apply_option(m, &m->rules[i], w))
			return true;
	}
	return false;
}

static void mask_option(struct masker *m, struct span w)
{
	const char *eq = memchr(w.s, '=', w.n);
	struct span key = { w.s, eq ? (size_t)(eq - w.s) : w.n };
	enum key_kind kind = key.n > 2 ? key_kind(key) : KEY_PLAIN;

	if (!eq) {
		mask_text(&m->text, w);
		if (!memchr(w.s, ':', w.n))
			await(m, kind);
		return;
	}
	if (key_masks(kind, from(w, key.n + 1))) {
		emit(m, (struct span){ w.s, key.n + 1 });
		str_add(out(m), "***");
		return;
	}
	mask_text(&m->text, w);
}

/* user/SECRET@database */
static bool mask_slash(struct masker *m, struct span w)
{
	const char *slash = memchr(w.s, '/', w.n), *at = memrchr(w.s, '@', w.n);

	if (!slash || slash == w.s || (at && at < slash))
		return false;
	emit(m, (struct span){ w.s, (size_t)(slash + 1 - w.s) });
	str_add(out(m), "***");
	if (at)
		emit(m, from(w, (size_t)(at - w.s)));
	return true;
}

static bool by_word_rule(struct masker *m, struct span w)
{
	m->nth++;
	for (size_t i = 0; i < m->nr_rules; i++) {
		const struct mask_rule *r = &m->rules[i];

		if (r->sub && span_is(w, r->sub))
			m->subs |= 1u << i;
		else if (!rule_applies(m, i))
			continue;
		else if (r->how == HOW_SLASH && mask_slash(m, w))
			return true;
		else if (r->how == HOW_WORDS && m->nth >= r->nth) {
			str_add(out(m), "***");
			return true;
		}
	}
	return false;
}

static bool begin_program(struct masker *m, struct span w)
{
	size_t n = 0;
	const struct mask_rule *rules = mask_rules(w, &n);

	if (!rules)
		return false;
	m->rules = rules;
	m->nr_rules = MIN(n, (size_t)32);
	m->subs = 0;
	m->nth = 0;
	for (size_t i = 0; i < n; i++) {
		if (rules[i].how == HOW_HEX_IDS)
			m->text.hex_ids = true;
	}
	return true;
}

/* Words without a dash that announce a secret: password X, identified by X, set requirepass X. */
static void announce(struct masker *m, struct span w)
{
	if (span_is(m->prev, "set"))
		await(m, key_kind(w));
	else if (span_is(w, "password") || span_is(w, "passphrase"))
		m->text.pending = PENDING_WEAK;
	else if (span_is(w, "bearer") || (span_is(w, "by") && span_is(m->prev, "identified")))
		m->text.pending = PENDING_SECRET;
}

/* A word without blanks. */
static void mask_word(struct masker *m, struct span w)
{
	if (begin_program(m, w)) {
		emit(m, w);
		return;
	}
	if (by_option_rule(m, w))
		return;
	m->text.id_next = m->prev.n && m->prev.s[0] == '-' && key_names_id(m->prev);
	if (w.n > 1 && w.s[0] == '-') {
		mask_option(m, w);
		return;
	}
	if (by_word_rule(m, w))
		return;
	mask_text(&m->text, w);
	announce(m, w);
}

/* The end of the shell word at s: quotes and backslashes hold it together. */
static size_t shell_word(struct span s)
{
	char quote = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.s[i];

		if (c == '\\' && quote != '\'')
			i++;
		else if (quote)
			quote = c == quote ? 0 : quote;
		else if (c == '\'' || c == '"')
			quote = c;
		else if (isspace((unsigned char)c) || (i && strchr(";|`", c)))
			return i;
	}
	return s.n;
}

static bool is_quoted(struct span w)
{
	return w.n >= 2 && (w.s[0] == '\'' || w.s[0] == '"') && w.s[w.n - 1] == w.s[0] &&
	       !memchr(w.s + 1, w.s[0], w.n - 2);
}

/* A text of several words: a shell command, a process title, a statement. */
static void mask_words(struct masker *m, struct span s)
{
	while (s.n) {
		struct span w = { s.s, shell_word(s) };

		if (isspace((unsigned char)*s.s) || strchr(";|&`($", *s.s)) {
			if (strchr(";|&`\n", *s.s))
				m->nr_rules = 0;
			str_addc(out(m), *s.s);
			s = from(s, 1);
			continue;
		}
		s = from(s, MIN(w.n, s.n));
		if (is_quoted(w)) {
			str_addc(out(m), *w.s);
			mask_arg(m, (struct span){ w.s + 1, w.n - 2 });
			str_addc(out(m), *w.s);
		} else {
			mask_arg(m, w);
		}
	}
}

/* A whole argument "KEY=a secret with blanks" or "Key: value" (a header). */
static bool mask_whole(struct masker *m, struct span a)
{
	bool script =
		m->prev.n >= 2 && m->prev.n <= 4 && m->prev.s[0] == '-' && m->prev.s[m->prev.n - 1] == 'c';
	size_t n = 0, value;

	while (n < a.n && (isalnum((unsigned char)a.s[n]) || strchr("_.-[]", a.s[n])))
		n++;
	if (!n || n >= a.n || (a.s[n] != ':' && (a.s[n] != '=' || script)))
		return false;
	for (value = n + 1; value < a.n && a.s[value] == ' '; value++)
		;
	if (!key_masks(key_kind((struct span){ a.s, n }), from(a, value)))
		return false;
	emit(m, (struct span){ a.s, value });
	str_add(out(m), "***");
	return true;
}

static void mask_spaced(struct masker *m, struct span a)
{
	struct masker inner = { .text = { .out = out(m), .nested = true, .hex_ids = m->text.hex_ids },
				.depth = m->depth + 1 };

	if (mask_whole(m, a))
		return;
	if (inner.depth > DEPTH_MAX)
		mask_text(&m->text, a);
	else
		mask_words(&inner, a);
}

static void mask_arg(struct masker *m, struct span a)
{
	const char *pem = memmem(a.s, a.n, "-----BEGIN", 10);

	if (take_pending(m, a)) {
		m->prev = (struct span){ a.s, 0 };
		return;
	}
	if (pem)
		a.n = (size_t)(pem - a.s);
	if (has_blank(a))
		mask_spaced(m, a);
	else if (a.n)
		mask_word(m, a);
	if (pem)
		str_add(out(m), "***");
	m->prev = a;
}

static void mask_all(const char *argv, size_t n, char between, struct str *dst)
{
	struct masker m = { .text = { .out = dst } };
	struct span s = { argv, MIN(n, (size_t)MASK_INPUT_MAX) };
	bool first = true;

	/* programs that write their title leave a row of NULs behind it */
	while (s.n > 1 && !s.s[s.n - 1] && !s.s[s.n - 2])
		s.n--;
	while (s.n) {
		struct span a = { s.s, strnlen(s.s, s.n) };
		bool cut = a.n == s.n;

		if (!first)
			str_addc(dst, between);
		if (cut && !first)
			str_add(dst, "...");
		else
			mask_arg(&m, a);
		first = false;
		s = from(s, MIN(a.n + 1, s.n));
	}
}

void mask_cmdline(const char *argv, size_t n, struct str *dst)
{
	mask_all(argv, n, ' ', dst);
}

void mask_argv(const char *argv, size_t n, struct str *dst)
{
	mask_all(argv, n, '\0', dst);
	str_addc(dst, '\0');
}
