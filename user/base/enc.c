/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The encoders: the only way out for bytes that hostlat did not make itself.
 * Called by the log, the canvas and every exporter. What is safe passes, so that
 * encoding text twice as text changes nothing. */
#include <string.h>

#include "base/str.h"
#include "base/uni.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* What a format writes for a character of its own; false: it is an ordinary one. */
typedef bool (*enc_special_fn)(struct str *dst, uint32_t cp);
/* What a format writes for a character (or, when cp is UNI_BAD, a byte) that must not be seen. */
typedef void (*enc_unsafe_fn)(struct str *dst, uint32_t cp, unsigned char byte);

static void enc_run(struct str *dst, const char *src, size_t n, enc_special_fn special, enc_unsafe_fn hide,
		    bool ascii)
{
	uint32_t cp;
	size_t k;

	str_addn(dst, "", 0); /* also nothing becomes a string */
	for (; n; src += k, n -= k) {
		k = uni_decode(src, n, &cp);
		if (special && special(dst, cp))
			continue;
		if (cp == UNI_BAD || !uni_width(cp) || (ascii && cp >= 0x80))
			hide(dst, cp, (unsigned char)*src);
		else
			str_addn(dst, src, k);
	}
}

static void hide_visibly(struct str *dst, uint32_t cp, unsigned char byte)
{
	if (cp == UNI_BAD || cp < 0x80)
		str_addf(dst, "\\x%02x", byte);
	else
		str_addf(dst, "\\u{%04x}", cp);
}

void enc_text(struct str *dst, const char *src, size_t n, bool ascii)
{
	enc_run(dst, src, n, NULL, hide_visibly, ascii);
}

static bool json_special(struct str *dst, uint32_t cp)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *at = cp && cp < 0x80 ? strchr(from, (int)cp) : NULL;

	if (at) {
		str_addc(dst, '\\');
		str_addc(dst, to[at - from]);
		return true;
	}
	if (cp != '<' && cp != '>' && cp != '&')
		return false;
	str_addf(dst, "\\u%04x", cp);
	return true;
}

static void json_hide(struct str *dst, uint32_t cp, unsigned char byte)
{
	if (cp == UNI_BAD)
		str_add(dst, REPLACEMENT);
	else if (cp < 0x10000)
		str_addf(dst, "\\u%04x", cp);
	else
		str_addf(dst, "\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10), 0xdc00 + (cp & 0x3ff));
}

void enc_json(struct str *dst, const char *src, size_t n)
{
	enc_run(dst, src, n, json_special, json_hide, false);
}

static bool html_special(struct str *dst, uint32_t cp)
{
	static const struct {
		char c;
		const char *entity;
	} entities[] = {
		{ '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" }, { '\'', "&#39;" }
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(entities); i++) {
		if (cp != (unsigned char)entities[i].c)
			continue;
		str_add(dst, entities[i].entity);
		return true;
	}
	return false;
}

void enc_html(struct str *dst, const char *src, size_t n)
{
	enc_run(dst, src, n, html_special, hide_visibly, false);
}

static bool csv_special(struct str *dst, uint32_t cp)
{
	if (cp != '"')
		return false;
	str_add(dst, "\"\"");
	return true;
}

/* Would a spreadsheet take this for a formula? The fullwidth forms count too. */
static bool csv_formula(const char *src, size_t n)
{
	static const uint32_t leads[] = {
		'=', '+', '-', '@', '\t', '\r', '\n', 0xff1d, 0xff0b, 0xff0d, 0xff20
	};
	uint32_t cp;

	if (!n)
		return false;
	uni_decode(src, n, &cp);
	for (unsigned int i = 0; i < ARRAY_SIZE(leads); i++)
		if (cp == leads[i])
			return true;
	return false;
}

static bool csv_needs_quotes(const char *src, size_t n)
{
	if (n && (src[0] == ' ' || src[n - 1] == ' '))
		return true;
	for (; n; src++, n--)
		if (strchr(",;\"", *src) && *src)
			return true;
	return false;
}

void enc_csv(struct str *dst, const char *src, size_t n)
{
	bool quotes = csv_needs_quotes(src, n);

	if (quotes)
		str_addc(dst, '"');
	if (csv_formula(src, n))
		str_addc(dst, '\'');
	enc_run(dst, src, n, csv_special, hide_visibly, false);
	if (quotes)
		str_addc(dst, '"');
}

/* Columns and bytes of the next character; a byte that cannot come from enc_text counts as one column. */
static int next_width(const char *s, size_t n, size_t *bytes)
{
	uint32_t cp;

	*bytes = uni_decode(s, n, &cp);
	return cp == UNI_BAD ? 1 : uni_width(cp);
}

int str_width(const char *s, size_t n)
{
	int width = 0;
	size_t k;

	for (; n; s += k, n -= k)
		width += next_width(s, n, &k);
	return width;
}

size_t str_tail(const char *s, size_t n, int cols)
{
	int width = str_width(s, n);
	size_t at = 0, k;

	while (at < n && width > cols) {
		width -= next_width(s + at, n - at, &k);
		at += k;
	}
	return at;
}

size_t str_cut(const char *s, size_t n, int cols)
{
	size_t keep = 0, k;

	while (keep < n) {
		cols -= next_width(s + keep, n - keep, &k);
		if (cols < 0)
			break;
		keep += k;
	}
	return keep;
}
