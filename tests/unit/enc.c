/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The encoders. What they let out is checked by a decoder of its own here, and
 * what is wide by the C library. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

#include <cjson/cJSON.h>

#include "base/str.h"
#include "tests/test.h"

/* ---- a judge that shares no code with the encoders --------------------------- */

/* Bytes of the valid UTF-8 sequence at s by the table of the Unicode standard (3-7), or 0. */
static size_t valid_utf8(const unsigned char *s, size_t n)
{
	static const struct {
		unsigned char lead_low, lead_high, low, high;
		size_t bytes;
	} rows[] = {
		{ 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (s[0] < rows[i].lead_low || s[0] > rows[i].lead_high)
			continue;
		if (rows[i].bytes > n || (rows[i].bytes > 1 && (s[1] < rows[i].low || s[1] > rows[i].high)))
			return 0;
		for (size_t k = 2; k < rows[i].bytes; k++)
			if (s[k] < 0x80 || s[k] > 0xbf)
				return 0;
		return rows[i].bytes;
	}
	return 0;
}

static const struct {
	uint32_t first, last;
} forbidden[] = {
	{ 0x00, 0x1f },     { 0x7f, 0x9f },     { 0x61c, 0x61c },   { 0x200b, 0x200f },   { 0x2028, 0x202e },
	{ 0x2060, 0x2069 }, { 0xfeff, 0xfeff }, { 0x300, 0x36f },   { 0x1ab0, 0x1ace },   { 0x1dc0, 0x1dff },
	{ 0x20d0, 0x20f0 }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f }, { 0xe0000, 0xe0fff }, { 0xad, 0xad },
};

static uint32_t code_point(const unsigned char *s, size_t bytes)
{
	static const unsigned char masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t cp = s[0] & masks[bytes];

	for (size_t i = 1; i < bytes; i++)
		cp = cp << 6 | (s[i] & 0x3f);
	return cp;
}

/* Is this what may leave? */
static bool harmless(const struct str *out)
{
	const unsigned char *s = (const unsigned char *)str_get(out);

	for (size_t i = 0, k; i < out->len; i += k) {
		uint32_t cp;

		k = valid_utf8(s + i, out->len - i);
		if (!k)
			return false;
		cp = code_point(s + i, k);
		for (size_t f = 0; f < ARRAY_SIZE(forbidden); f++)
			if (cp >= forbidden[f].first && cp <= forbidden[f].last)
				return false;
	}
	return strlen((const char *)s) == out->len;
}

static void text_utf8(struct str *dst, const char *s, size_t n)
{
	enc_text(dst, s, n, false);
}

static void text_ascii(struct str *dst, const char *s, size_t n)
{
	enc_text(dst, s, n, true);
}

static void (*const encoders[])(struct str *dst, const char *s, size_t n) = { text_utf8, text_ascii, enc_json,
									      enc_html, enc_csv };

/* The bytes through every encoder. */
static void all_harmless(const char *s, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(encoders); i++) {
		struct str out = {};

		encoders[i](&out, s, n);
		if (!ASSERT(harmless(&out)))
			printf("# encoder %zu let this out: %s\n", i, str_get(&out));
		str_free(&out);
	}
}

static size_t put_utf8(char *s, uint32_t cp)
{
	if (cp < 0x80)
		return (size_t)sprintf(s, "%c", (int)cp);
	if (cp < 0x800)
		return (size_t)sprintf(s, "%c%c", 0xc0 | cp >> 6, 0x80 | (cp & 63));
	if (cp < 0x10000)
		return (size_t)sprintf(s, "%c%c%c", 0xe0 | cp >> 12, 0x80 | (cp >> 6 & 63), 0x80 | (cp & 63));
	return (size_t)sprintf(s, "%c%c%c%c", 0xf0 | cp >> 18, 0x80 | (cp >> 12 & 63), 0x80 | (cp >> 6 & 63),
			       0x80 | (cp & 63));
}

/* ---- what each writes ------------------------------------------------------------ */

static bool gives(void (*enc)(struct str *, const char *, size_t), const char *s, size_t n, const char *want)
{
	struct str out = {};
	bool ok;

	enc(&out, s, n);
	ok = ASSERT_STR(str_get(&out), want);
	str_free(&out);
	return ok;
}

void test_enc_every_byte(void)
{
	for (int b = 0; b < 256; b++) {
		char c = (char)b, text[16], json[16];
		bool plain = b >= 0x20 && b < 0x7f;

		all_harmless(&c, 1);
		snprintf(text, sizeof(text), plain ? "%c" : "\\x%02x", b);
		gives(text_utf8, &c, 1, text);
		gives(text_ascii, &c, 1, text);
		if (b >= 0x80)
			snprintf(json, sizeof(json), "\xef\xbf\xbd");
		else if (b == '"' || b == '\\')
			snprintf(json, sizeof(json), "\\%c", b);
		else if (b == '\b' || b == '\t' || b == '\n' || b == '\f' || b == '\r')
			snprintf(json, sizeof(json), "\\%c", "btn_fr"[b - 8]);
		else
			snprintf(json, sizeof(json), plain && !strchr("<>&", b) ? "%c" : "\\u%04x", b);
		gives(enc_json, &c, 1, json);
	}
}

void test_enc_characters_that_lie(void)
{
	static const struct {
		uint32_t first, last;
	} rows[] = {
		{ 0x80, 0x9f },     { 0x202a, 0x202e }, { 0x2066, 0x2069 },   { 0x200e, 0x200f },
		{ 0x61c, 0x61c },   { 0x200b, 0x200d }, { 0xfeff, 0xfeff },   { 0x2060, 0x2060 },
		{ 0x300, 0x36f },   { 0x2028, 0x2029 }, { 0xe0001, 0xe007f }, { 0xfe00, 0xfe0f },
		{ 0x115f, 0x1160 }, { 0x3164, 0x3164 }, { 0xffff, 0xffff },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (uint32_t cp = rows[i].first; cp <= rows[i].last; cp++) {
			char s[8], text[24], json[24];
			size_t n = put_utf8(s, cp);

			snprintf(text, sizeof(text), "\\u{%04x}", cp);
			gives(text_utf8, s, n, text);
			gives(enc_html, s, n, text);
			gives(enc_csv, s, n, text);
			if (cp < 0x10000)
				snprintf(json, sizeof(json), "\\u%04x", cp);
			else
				snprintf(json, sizeof(json), "\\udb40\\u%04x", 0xdc00 + (cp & 0x3ff));
			gives(enc_json, s, n, json);
		}
}

void test_enc_text_rows(void)
{
	static const struct {
		const char *in, *utf8, *ascii;
	} rows[] = {
		{ "", "", "" },
		{ "nginx: worker", "nginx: worker", "nginx: worker" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", "gr\\u{00fc}\\u{00df}" },
		{ "\xe6\x97\xa5\xf0\x9f\x98\x80", "\xe6\x97\xa5\xf0\x9f\x98\x80", "\\u{65e5}\\u{1f600}" },
		{ "\033]52;c;x\a", "\\x1b]52;c;x\\x07", "\\x1b]52;c;x\\x07" },
		{ "a\r\nroot 1 cpu", "a\\x0d\\x0aroot 1 cpu", "a\\x0d\\x0aroot 1 cpu" },
		{ "\xc0\xaf", "\\xc0\\xaf", "\\xc0\\xaf" },                             /* overlong / */
		{ "\xe0\x80\xaf", "\\xe0\\x80\\xaf", "\\xe0\\x80\\xaf" },               /* overlong / */
		{ "\xc1\xbf", "\\xc1\\xbf", "\\xc1\\xbf" },                             /* overlong DEL */
		{ "\xf0\x82\x82\xac", "\\xf0\\x82\\x82\\xac", "\\xf0\\x82\\x82\\xac" }, /* overlong euro */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80" },               /* a surrogate */
		{ "\xed\xbf\xbf", "\\xed\\xbf\\xbf", "\\xed\\xbf\\xbf" },
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80" }, /* U+110000 */
		{ "\xe2\x82", "\\xe2\\x82", "\\xe2\\x82" },                             /* cut short */
		{ "\xe2\x82x", "\\xe2\\x82x", "\\xe2\\x82x" },
		{ "\x80\xbf\xfe\xff", "\\x80\\xbf\\xfe\\xff", "\\x80\\xbf\\xfe\\xff" },
		{ "\xc2\x9b[2J", "\\u{009b}[2J", "\\u{009b}[2J" },
		{ "e\xcc\x81", "e\\u{0301}", "e\\u{0301}" },
		{ "\\x0a \\u{202e}", "\\x0a \\u{202e}", "\\x0a \\u{202e}" }, /* encoded before */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		gives(text_utf8, rows[i].in, strlen(rows[i].in), rows[i].utf8);
		gives(text_ascii, rows[i].in, strlen(rows[i].in), rows[i].ascii);
		all_harmless(rows[i].in, strlen(rows[i].in));
	}
	gives(text_utf8, "a\0b", 3, "a\\x00b");
	gives(text_utf8, "\xe2\x82\xac", 2, "\\xe2\\x82"); /* the third byte is not ours */
}

void test_enc_json_html_csv_rows(void)
{
	static const struct {
		const char *in, *json, *html, *csv;
	} rows[] = {
		{ "", "", "", "" },
		{ "a\"b\\c", "a\\\"b\\\\c", "a&quot;b\\c", "\"a\"\"b\\c\"" },
		{ "<script>&'", "\\u003cscript\\u003e\\u0026'", "&lt;script&gt;&amp;&#39;", "<script>&'" },
		{ "]]>", "]]\\u003e", "]]&gt;", "]]>" },
		{ "a,b", "a,b", "a,b", "\"a,b\"" },
		{ "a;b", "a;b", "a;b", "\"a;b\"" },
		{ " a", " a", " a", "\" a\"" },
		{ "a\nb", "a\\nb", "a\\x0ab", "a\\x0ab" },
		{ "=1+1", "=1+1", "=1+1", "'=1+1" },
		{ "+1,2", "+1,2", "+1,2", "\"'+1,2\"" },
		{ "-1", "-1", "-1", "'-1" },
		{ "@x", "@x", "@x", "'@x" },
		{ "\t=x", "\\t=x", "\\x09=x", "'\\x09=x" },
		{ "a=b", "a=b", "a=b", "a=b" },
		{ "\xef\xbc\x9d"
		  "1",
		  "\xef\xbc\x9d"
		  "1",
		  "\xef\xbc\x9d"
		  "1",
		  "'\xef\xbc\x9d"
		  "1" },
		{ "x\xff", "x\xef\xbf\xbd", "x\\xff", "x\\xff" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "\\xed\\xa0\\x80",
		  "\\xed\\xa0\\x80" },
		{ "\xe2\x80\xa8", "\\u2028", "\\u{2028}", "\\u{2028}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t n = strlen(rows[i].in);

		gives(enc_json, rows[i].in, n, rows[i].json);
		gives(enc_html, rows[i].in, n, rows[i].html);
		gives(enc_csv, rows[i].in, n, rows[i].csv);
		all_harmless(rows[i].in, n);
	}
	gives(enc_json, "a\0b", 3, "a\\u0000b");
}

/* ---- any bytes -------------------------------------------------------------------- */

static uint32_t rnd(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Bytes of all sorts: pure noise, and noise made of dangerous pieces. */
static size_t random_bytes(char *s, size_t max, uint32_t *seed)
{
	static const char *const pieces[] = {
		"\xe2\x80\xae", "\xe2\x80",         "\xc2\x9b", "\033[",        "\n",           "\"", "\\",
		"</",           "\xf0\x9f\x98\x80", "\xcc\x81", "\xef\xbb\xbf", "\xed\xa0\xbd", "a",  "="
	};
	size_t n = 0, want = rnd(seed) % max;
	bool noise = rnd(seed) & 1;

	while (n < want) {
		const char *p = pieces[rnd(seed) % ARRAY_SIZE(pieces)];

		if (noise || rnd(seed) % 8 == 0)
			s[n++] = (char)rnd(seed);
		else
			for (; *p && n < want; p++)
				s[n++] = *p;
	}
	return n;
}

void test_enc_random_json(void)
{
	struct str out = {};
	uint32_t seed = 2024;
	bool ok = true;

	for (int i = 0; i < 100000 && ok; i++) {
		char s[48];
		size_t n = random_bytes(s, sizeof(s), &seed);

		str_reset(&out);
		enc_json(&out, s, n);
		ok &= harmless(&out) && !strpbrk(str_get(&out), "<>&");
		if (i % 20)
			continue;
		/* now and then a reader has a look: it must find the string's end where it is */
		{
			struct str doc = {};
			cJSON *j;

			str_addf(&doc, "\"%s\"", str_get(&out));
			j = cJSON_ParseWithOpts(doc.s, NULL, true);
			ok &= cJSON_IsString(j) || memchr(s, 0, n);
			cJSON_Delete(j);
			str_free(&doc);
		}
	}
	ASSERT(ok);
	str_free(&out);
}

void test_enc_random_others(void)
{
	uint32_t seed = 7;

	for (int i = 0; i < 10000; i++) {
		char s[48];
		size_t n = random_bytes(s, sizeof(s), &seed);
		struct str once = {}, twice = {};

		all_harmless(s, n);
		enc_text(&once, s, n, false);
		enc_text(&twice, once.s, once.len, false);
		ASSERT_STR(str_get(&twice), str_get(&once));
		str_free(&once), str_free(&twice);
	}
}

/* What the C library calls printable and gives a width must have that width here, or be escaped. */
void test_str_width_agrees_with_the_terminal(void)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL), before;
	int differ = 0, shown = 0;

	if (!ASSERT(utf8 != NULL))
		return;
	before = uselocale(utf8);
	for (uint32_t cp = 0x20; cp < 0x110000; cp++) {
		int width = wcwidth((wchar_t)cp), here;
		char s[8];

		if (cp >= 0xd800 && cp <= 0xdfff)
			continue;
		here = str_width(s, put_utf8(s, cp));
		shown += here > 0;
		if (here > 0 && here != width && ++differ < 10)
			printf("# U+%04X: %d here, %d in the C library\n", cp, here, width);
	}
	uselocale(before);
	freelocale(utf8);
	ASSERT_EQ(differ, 0);
	ASSERT(shown > 250000); /* 137,000 for private use among them */
}

void test_str_cut(void)
{
	static const struct {
		const char *s;
		int width, cols;
		size_t keep;
	} rows[] = {
		{ "", 0, 5, 0 },
		{ "abc", 3, 2, 2 },
		{ "abc", 3, 3, 3 },
		{ "abc", 3, 9, 3 },
		{ "abc", 3, 0, 0 },
		{ "abc", 3, -1, 0 },
		{ "\xc3\xbc\xc3\xbc", 2, 1, 2 },
		{ "a\xe6\x97\xa5z", 4, 2, 1 }, /* half of a wide one does not fit */
		{ "a\xe6\x97\xa5z", 4, 3, 4 },
		{ "\xff\xff", 2, 1, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ASSERT_EQ(str_width(rows[i].s, strlen(rows[i].s)), rows[i].width);
		ASSERT_EQ(str_cut(rows[i].s, strlen(rows[i].s), rows[i].cols), rows[i].keep);
	}
}

void test_str_tail(void)
{
	static const struct {
		const char *s;
		int cols;
		size_t at;
	} rows[] = {
		{ "", 5, 0 },
		{ "abc", 2, 1 },
		{ "abc", 3, 0 },
		{ "abc", 9, 0 },
		{ "abc", 0, 3 },
		{ "abc", -1, 3 },
		{ "\xc3\xbc\xc3\xbc", 1, 2 },
		{ "a\xe6\x97\xa5z", 2, 4 }, /* half of a wide one */
		{ "a\xe6\x97\xa5z", 3, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ASSERT_EQ(str_tail(rows[i].s, strlen(rows[i].s), rows[i].cols), rows[i].at);
}
