/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Numbers to short text and back. Called by every output and by the options.
 * Whole numbers only, so that no locale changes a byte of it. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fmt.h"

#define NSEC_PER_MIN  (60 * NSEC_PER_SEC)
#define NSEC_PER_HOUR (60 * NSEC_PER_MIN)
#define NSEC_PER_DAY  (24 * NSEC_PER_HOUR)

struct unit {
	const char *name;
	uint64_t size;
	unsigned int limit; /* so many of it are better said in the next unit */
};

static const struct unit times[] = {
	{ "ns", 1, 1000 },          { "us", NSEC_PER_USEC, 1000 }, { "ms", NSEC_PER_MSEC, 1000 },
	{ "s", NSEC_PER_SEC, 60 },  { "m", NSEC_PER_MIN, 60 },     { "h", NSEC_PER_HOUR, 24 },
	{ "d", NSEC_PER_DAY, 100 },
};
#define TIME_S 3 /* index of the second: from here on two units are written */

static const struct unit counts[] = {
	{ "", 1, 1000 },
	{ "k", 1000, 1000 },
	{ "M", 1000000, 1000 },
	{ "G", 1000000000, 1000 },
	{ "T", 1000000000000, 1000 },
	{ "P", 1000000000000000, 1000 },
	{ "E", 1000000000000000000, 1000 },
};

static const struct unit sizes[] = {
	{ "B", 1, 1024 },          { "K", 1ull << 10, 1024 }, { "M", 1ull << 20, 1024 },
	{ "G", 1ull << 30, 1024 }, { "T", 1ull << 40, 1024 }, { "P", 1ull << 50, 1024 },
	{ "E", 1ull << 60, 1024 },
};

enum { SHORT_ZEROS = 1 << 4 }; /* 7.8 instead of 7.80 */

/* x in the unit, rounded, with at most `style` decimals and three digits. False
 * when it reaches the unit's limit. */
static bool put_scaled(char *buf, uint64_t x, const struct unit *u, unsigned int style)
{
	static const unsigned int tens[] = { 1, 10, 100 };
	unsigned int decimals = u->size == 1 ? 0 : style & 3;
	uint64_t v;

	for (;; decimals--) {
		v = (uint64_t)(((unsigned __int128)x * tens[decimals] + u->size / 2) / u->size);
		if (!decimals || v < 1000)
			break;
	}
	if (v >= (uint64_t)u->limit * tens[decimals])
		return false;
	if (decimals == 2 && v % 10 == 0 && (style & SHORT_ZEROS)) {
		decimals--;
		v /= 10;
	}
	if (decimals)
		snprintf(buf, FMT_LEN, "%u.%0*u%s", (unsigned int)v / tens[decimals], (int)decimals,
			 (unsigned int)v % tens[decimals], u->name);
	else
		snprintf(buf, FMT_LEN, "%u%s", (unsigned int)v, u->name);
	return true;
}

/* ns in the unit and the one below it, 12m03s. False as above. */
static bool put_two(char *buf, uint64_t ns, const struct unit *u)
{
	const struct unit *low = u - 1;
	uint64_t v = ns / low->size + (ns % low->size >= low->size / 2);
	unsigned int ratio = (unsigned int)(u->size / low->size), rest = (unsigned int)(v % ratio) % 100;

	if (v / ratio >= u->limit)
		return false;
	snprintf(buf, FMT_LEN, "%u%s%02u%s", (unsigned int)(v / ratio) % 100, u->name, rest, low->name);
	return true;
}

char *fmt_ns(char *buf, uint64_t ns)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(times); i++)
		if (i <= TIME_S ? put_scaled(buf, ns, &times[i], 2) : put_two(buf, ns, &times[i]))
			return buf;
	snprintf(buf, FMT_LEN, "%ud", (unsigned int)(ns / NSEC_PER_DAY));
	return buf;
}

char *fmt_count(char *buf, uint64_t n)
{
	for (unsigned int i = 0; !put_scaled(buf, n, &counts[i], 2 | SHORT_ZEROS); i++)
		; /* 64 bits end at 18.4E */
	return buf;
}

char *fmt_bytes(char *buf, uint64_t bytes)
{
	for (unsigned int i = 0; !put_scaled(buf, bytes, &sizes[i], 1); i++)
		; /* 64 bits end at 16.0E */
	return buf;
}

/* Hundredths, in whole numbers, so that no locale changes them. */
char *fmt_cpus(char *buf, double cpus)
{
	unsigned int n = cpus > 0 ? (unsigned int)(MIN(cpus, 9999.0) * 100 + 0.5) : 0;

	snprintf(buf, FMT_LEN, "%u.%02u", n / 100, n % 100);
	return buf;
}

char *fmt_pct(char *buf, double pct)
{
	const char *sign = pct < 0 ? "-" : "";
	double size = fabs(pct);
	unsigned int tenths;

	if (isnan(pct)) {
		snprintf(buf, FMT_LEN, "-");
		return buf;
	}
	if (size >= 9999.5) {
		snprintf(buf, FMT_LEN, "%s>9999%%", sign);
		return buf;
	}
	tenths = (unsigned int)(size * 10 + 0.5);
	if (tenths == 0)
		snprintf(buf, FMT_LEN, size > 0 ? "%s0.0%%" : "%s0%%", size > 0 ? sign : "");
	else if (tenths < 100)
		snprintf(buf, FMT_LEN, "%s%u.%u%%", sign, tenths / 10, tenths % 10);
	else
		snprintf(buf, FMT_LEN, "%s%u%%", sign, (unsigned int)(size + 0.5));
	return buf;
}

/* A number with a fraction at *s, times 10^9, exact to nine decimals. */
static int parse_number(const char **s, unsigned __int128 *e9)
{
	const char *p = *s;
	uint64_t whole = 0, part = 0, scale = NSEC_PER_SEC;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(*p - '0'), &whole))
			return -EINVAL;
	if (*p == '.') {
		if (*++p < '0' || *p > '9')
			return -EINVAL;
		for (; *p >= '0' && *p <= '9'; p++) {
			scale /= 10;
			part += scale * (uint64_t)(*p - '0');
		}
	}
	*e9 = (unsigned __int128)whole * NSEC_PER_SEC + part;
	*s = p;
	return 0;
}

static int scale_number(unsigned __int128 e9, uint64_t size, uint64_t *out)
{
	uint64_t whole = (uint64_t)(e9 / NSEC_PER_SEC), part = (uint64_t)(e9 % NSEC_PER_SEC);

	part = (uint64_t)((unsigned __int128)part * size / NSEC_PER_SEC);
	if (__builtin_mul_overflow(whole, size, &whole) || __builtin_add_overflow(whole, part, out))
		return -EINVAL;
	return 0;
}

/* The unit below `top` whose name stands at s, all letters of it; its index or -1. */
static int find_time_unit(const char *s, size_t len, int top)
{
	for (int i = top - 1; i >= 0; i--)
		if (strlen(times[i].name) == len && !strncmp(times[i].name, s, len))
			return i;
	return -1;
}

int parse_duration(const char *s, uint64_t *ns)
{
	int unit = ARRAY_SIZE(times);
	uint64_t sum = 0, v;

	/* what fmt_ns writes must be readable too: 12m03s */
	do {
		unsigned __int128 e9;
		size_t len;

		if (parse_number(&s, &e9))
			return -EINVAL;
		len = strcspn(s, "0123456789.");
		unit = find_time_unit(s, len, unit);
		if (unit < 0 || scale_number(e9, times[unit].size, &v) ||
		    __builtin_add_overflow(sum, v, &sum))
			return -EINVAL;
		s += len;
	} while (*s);
	*ns = sum;
	return 0;
}

int parse_size(const char *s, uint64_t *bytes)
{
	unsigned __int128 e9;
	const struct unit *u = sizes;

	if (parse_number(&s, &e9))
		return -EINVAL;
	if (*s) {
		char c = *s == 'k' ? 'K' : *s;

		while (u < sizes + ARRAY_SIZE(sizes) && u->name[0] != c)
			u++;
		if (u == sizes + ARRAY_SIZE(sizes) || s[1])
			return -EINVAL;
	}
	return scale_number(e9, u->size, bytes);
}
