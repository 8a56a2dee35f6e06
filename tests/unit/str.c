/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The growable string, the array, the log and the words for errno. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "tests/test.h"

void test_str_grows(void)
{
	struct str s = {};

	ASSERT_STR(str_get(&s), "");
	str_add(&s, "");
	ASSERT(s.s && !s.s[0]);
	for (int i = 0; i < 1000; i++)
		str_addf(&s, "%d,", i % 10);
	ASSERT_EQ(s.len, 2000);
	ASSERT_EQ(strlen(s.s), 2000);
	ASSERT(!strncmp(s.s + 1996, "8,9,", 4));
	str_reset(&s);
	ASSERT_EQ(s.len, 0);
	ASSERT_STR(str_get(&s), "");
	str_addc(&s, 'x');
	str_addn(&s, "yz!", 2);
	ASSERT_STR(str_get(&s), "xyz");
	str_free(&s);
	ASSERT(!s.s && !s.len && !s.cap);
}

void test_str_keeps_nul(void)
{
	struct str s = {};

	str_addn(&s, "a\0b", 3);
	str_addc(&s, '\0');
	ASSERT_EQ(s.len, 4);
	ASSERT(!memcmp(s.s, "a\0b\0", 5));
	str_free(&s);
}

void test_str_formats_at_every_size(void)
{
	/* the edge where the first vsnprintf just does not fit */
	for (int n = 0; n < 200; n++) {
		struct str s = {};

		str_addf(&s, "%*s", n, "");
		str_addf(&s, "%d", n);
		ASSERT_EQ(s.len, strlen(s.s));
		ASSERT_EQ(atoi(s.s), n);
		str_free(&s);
	}
}

void test_vec_gives_zeroed_elements(void)
{
	VEC(struct {
		int a;
		char b[5];
	})
	v = {};
	bool ok = true;

	for (int i = 0; i < 500; i++) {
		char *b = vec_add(&v)->b;

		ok &= !v.v[i].a && !b[0] && !b[4];
		v.v[i].a = i;
		memset(b, 0xff, 5);
	}
	for (int i = 0; i < 500; i++)
		ok &= v.v[i].a == i;
	ASSERT(ok);
	ASSERT_EQ(v.n, 500);
	vec_free(&v);
	ASSERT(!v.v && !v.n && !v.cap);
	*vec_add(&v) = (__typeof__(*v.v)){ .a = 7 };
	ASSERT_EQ(v.v[0].a, 7);
	vec_free(&v);
}

void test_mem_copies(void)
{
	__free char *a = xstrdup("abc"), *b = xstrndup("abcdef", 4), *c = xasprintf("%d-%s", 4, "x");
	__free void *none = xmalloc(0), *zero = xcalloc(0, 8);

	ASSERT_STR(a, "abc");
	ASSERT_STR(b, "abcd");
	ASSERT_STR(c, "4-x");
	ASSERT(none && zero);
}

void test_err_words(void)
{
	ASSERT_STR(err_str(-ENOENT), "No such file or directory");
	ASSERT_STR(err_str(EPERM), "Operation not permitted");
	ASSERT_STR(err_str(-99999), "unknown error");
	ASSERT(err_str(-2147483647 - 1) != NULL);
}

static void keep_line(void *arg, enum log_level l, const char *line)
{
	str_addf(arg, "%d:%s|", (int)l, line);
	errno = EIO; /* whoever prints still needs the old one */
}

void test_log_is_one_safe_line(void)
{
	struct str got = {};

	log_set_sink(keep_line, &got);
	errno = EBUSY;
	pr_err("open %s: %s", "/tmp/a\nhostlat: forged\033[2J", err_str(-ENOENT));
	ASSERT_EQ(errno, EBUSY);
	pr_dbg("not shown");
	log_set_level(LOG_DEBUG);
	pr_dbg("%s", "\\x1b once");
	log_set_level(LOG_ERR);
	pr_warn("not shown");
	log_set_level(LOG_INFO);
	log_set_sink(NULL, NULL);
	ASSERT_STR(str_get(&got),
		   "0:open /tmp/a\\x0ahostlat: forged\\x1b[2J: No such file or directory|3:\\x1b once|");
	str_free(&got);
}

void test_path_below(void)
{
	ASSERT(path_below("/a/b", "/a"));
	ASSERT(path_below("/a/b", "/a/"));
	ASSERT(path_below("/a", "/a"));
	ASSERT(path_below("/a", "/"));
	ASSERT(!path_below("/ab", "/a"));
	ASSERT(!path_below("/", "/a"));
}

void test_str_glob(void)
{
	static const struct {
		const char *pattern, *s;
		bool want;
	} rows[] = {
		{ "", "", true },           { "", "a", false },         { "a", "", false },
		{ "*", "", true },          { "*", "abc", true },       { "**", "abc", true },
		{ "a*", "abc", true },      { "*c", "abc", true },      { "a*c", "abc", true },
		{ "a*b*c", "aXbYc", true }, { "a*b*c", "aXbY", false }, { "?", "a", true },
		{ "?", "", false },         { "??", "a", false },       { "a?c", "abc", true },
		{ "*ab", "aab", true },     { "*ab*ab", "abab", true }, { "*ab*ab", "aba", false },
		{ "[a]", "[a]", true },     { "[a]", "a", false },      { "SSL_*", "SSL_read", true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!ASSERT_EQ(str_glob(rows[i].pattern, rows[i].s), rows[i].want))
			printf("# %s %s\n", rows[i].pattern, rows[i].s);
}
