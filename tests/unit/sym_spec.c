/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What users write to name something to probe. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sym/spec.h"
#include "tests/test.h"

#define FUNC FIND_FUNCTIONS
#define USDT FIND_USDT
#define LINE FIND_LINE

static const struct good {
	const char *text, *file;
	enum find_what what;
	const char *provider, *name;
	uint64_t plus;
	uint32_t line;
	bool is_path, kernel;
} good[] = {
	{ "libc:malloc", "libc", FUNC, NULL, "malloc", 0, 0, false, false },
	{ "c:libc:malloc", "libc", FUNC, NULL, "malloc", 0, 0, false, false },
	{ "libssl:SSL_*", "libssl", FUNC, NULL, "SSL_*", 0, 0, false, false },
	{ "libc.so.6:mallo?", "libc.so.6", FUNC, NULL, "mallo?", 0, 0, false, false },
	{ "/usr/bin/x:main", "/usr/bin/x", FUNC, NULL, "main", 0, 0, true, false },
	{ "./x:main", "./x", FUNC, NULL, "main", 0, 0, true, false },
	{ "/no/x:ns::Class::method", "/no/x", FUNC, NULL, "ns::Class::method", 0, 0, true, false },
	{ "c:/no/x:ns::Class::method", "/no/x", FUNC, NULL, "ns::Class::method", 0, 0, true, false },
	{ "x:f(int, ns::T*)", "x", FUNC, NULL, "f(int, ns::T*)", 0, 0, false, false },
	{ "x:::f", "x", FUNC, NULL, "::f", 0, 0, false, false },
	{ "x:operator+", "x", FUNC, NULL, "operator+", 0, 0, false, false },
	{ "x:operator+=", "x", FUNC, NULL, "operator+=", 0, 0, false, false },
	{ "x:operator+(int)", "x", FUNC, NULL, "operator+(int)", 0, 0, false, false },
	{ "x:ns::operator++", "x", FUNC, NULL, "ns::operator++", 0, 0, false, false },
	{ "x:ns::operator++0x10", "x", FUNC, NULL, "ns::operator+", 16, 0, false, false },
	{ "x:f<1+2>(int)", "x", FUNC, NULL, "f<1+2>(int)", 0, 0, false, false },
	{ "/no/x:github.com/a/b.(*T).Get", "/no/x", FUNC, NULL, "github.com/a/b.(*T).Get", 0, 0, true,
	  false },
	{ "x:main+0x10", "x", FUNC, NULL, "main", 16, 0, false, false },
	{ "x:main+16", "x", FUNC, NULL, "main", 16, 0, false, false },
	{ "x:main+0", "x", FUNC, NULL, "main", 0, 0, false, false },
	{ "x:file.c:120", "x", LINE, NULL, "file.c", 0, 120, false, false },
	{ "/no/x:src/a/file.cc:1", "/no/x", LINE, NULL, "src/a/file.cc", 0, 1, true, false },
	{ "usdt:/no/x:prov:name", "/no/x", USDT, "prov", "name", 0, 0, true, false },
	{ "usdt:libc:*", "libc", USDT, "*", "*", 0, 0, false, false },
	{ "usdt:libc:libc:memory_*", "libc", USDT, "libc", "memory_*", 0, 0, false, false },
	{ "usdt:libc:setjmp", "libc", USDT, "*", "setjmp", 0, 0, false, false },
	{ "kernel:vfs_read", NULL, FUNC, NULL, "vfs_read", 0, 0, false, true },
	{ "kernel:vfs_*", NULL, FUNC, NULL, "vfs_*", 0, 0, false, true },
	{ "k:vfs_read", NULL, FUNC, NULL, "vfs_read", 0, 0, false, true },
	{ "k:ext4:ext4_sync_*", "ext4", FUNC, NULL, "ext4_sync_*", 0, 0, false, true },
	{ "./k:vfs_read", "./k", FUNC, NULL, "vfs_read", 0, 0, true, false },
	{ "kernel::f:g", "kernel::f", FUNC, NULL, "g", 0, 0, false, false },
	{ "/no/a\\:b:main", "/no/a:b", FUNC, NULL, "main", 0, 0, true, false },
	{ "usdt:/no/a\\:b:p:n", "/no/a:b", USDT, "p", "n", 0, 0, true, false },
};

static const struct {
	const char *text, *why; /* why: a part of it */
} wrong[] = {
	{ "", "write FILE:FUNCTION" },
	{ "malloc", "names no file" },
	{ "ns::Class::method", "names no file" },
	{ ":malloc", "the file is missing" },
	{ "libc:", "the function is missing" },
	{ "libc:+4", "the function is missing" },
	{ "x:main+0xzz", "no number" },
	{ "x:main+1k", "no number" },
	{ "x:main+", "no number" },
	{ "x:main+x", "no number" },
	{ "x:main+99999999999999999999", "no number" },
	{ "x:file.c:0", "no line" },
	{ "x:file.c:12a", "no line" },
	{ "x:file.c:", "no line" },
	{ "x:prov:name", "usdt:FILE:PROVIDER:NAME" },
	{ "x:file.c:99999999999", "no line" },
	{ "usdt:", "usdt:FILE" },
	{ "usdt:libc", "usdt:FILE" },
	{ "usdt:libc:", "usdt:FILE" },
	{ "usdt::n", "names no file" },
	{ "usdt:libc:a:b:c", "usdt:FILE" },
	{ "usdt:libc::n", "usdt:FILE" },
	{ "kernel:", "the function is missing" },
	{ "k:", "the function is missing" },
	{ "k:ext4:", "the function is missing" },
	{ "kernel:a:b:c", "no ':'" },
	{ "k:vfs_read+4", "whole functions" },
	{ "k::f", "names no file" },
};

static void check_good(const struct good *g)
{
	struct spec s;
	char why[200] = "";

	if (!ASSERT_EQ(spec_parse(g->text, &s, why, sizeof(why)), 0)) {
		printf("# %s: %s\n", g->text, why);
		return;
	}
	if (!(ASSERT(!s.file == !g->file) && (!s.file || ASSERT_STR(s.file, g->file)) &&
	      ASSERT_EQ(s.q.what, g->what) && ASSERT_STR(s.q.name, g->name) &&
	      (!g->provider || ASSERT_STR(s.q.provider, g->provider)) && ASSERT_EQ(s.q.plus, g->plus) &&
	      ASSERT_EQ(s.q.line, g->line) && ASSERT_EQ(s.is_path, g->is_path) &&
	      ASSERT_EQ(s.kernel, g->kernel) && ASSERT_STR(s.text, g->text)))
		printf("# %s\n", g->text);
	spec_free(&s);
}

void test_sym_spec_good(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		check_good(&good[i]);
}

void test_sym_spec_wrong(void)
{
	char *lengthy = malloc(10001);
	struct spec s;
	char why[200];

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		if (!ASSERT_EQ(spec_parse(wrong[i].text, &s, why, sizeof(why)), -EINVAL) ||
		    !ASSERT(strstr(why, wrong[i].why) != NULL) || !ASSERT(strchr(why, '\n') == NULL))
			printf("# %s: %s\n", wrong[i].text, why);
	}
	memset(lengthy, 'x', 10000);
	lengthy[10000] = '\0';
	ASSERT_EQ(spec_parse(lengthy, &s, why, sizeof(why)), -EINVAL);
	ASSERT_EQ(spec_parse("malloc", &s, why, 5), -EINVAL); /* cut */
	free(lengthy);
}

/* A path with a ':' needs no mark where there is such a file. */
void test_sym_spec_path(void)
{
	static const struct good there = {
		"/tmp/hostlat-spec:a:b:ns::f", "/tmp/hostlat-spec:a:b", FUNC, NULL, "ns::f", 0, 0, true, false
	};
	FILE *f = fopen(there.file, "w");

	if (!ASSERT(f != NULL))
		return;
	fclose(f);
	check_good(&there);
	unlink(there.file);
}

void test_sym_spec_is_file(void)
{
	static const struct {
		const char *file, *path;
		bool is;
	} rows[] = {
		{ "libc", "/lib/x86_64-linux-gnu/libc.so.6", true },
		{ "libc", "/lib/libc-2.31.so", true },
		{ "libc", "/lib/libc.so", true },
		{ "libc", "/lib/libcrypt.so.1", false },
		{ "libc", "/lib/libc++.so.1", false },
		{ "libc", "/lib/libc-client.so.1", false },
		{ "libc", "/lib/libc.so.6.debug", false },
		{ "libc", "/lib/libc.so6", false },
		{ "libc.so", "/lib/libc.so.6", true },
		{ "libc.so.6", "/lib/libc.so.6", true },
		{ "libc.so.6", "/lib/libc.so.61", false },
		{ "libssl", "/lib/libssl.so.1.1", true },
		{ "postgres", "/usr/lib/postgresql/15/bin/postgres", true },
		{ "postgres", "/usr/lib/postgresql/15/bin/postgresql", false },
		{ "python3", "/usr/bin/python3.11", true },
		{ "python3", "/usr/bin/python3-config", false },
		{ "libpython*", "/usr/lib/libpython3.11.so.1.0", true },
		{ "libstdc++", "/usr/lib/libstdc++.so.6", true },
		{ "/lib/libc.so.6", "/lib/libc.so.6", true },
		{ "/lib/libc.so.6", "/lib/libc.so", false },
	};
	char text[200], why[200];
	struct spec s;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(text, sizeof(text), "%s:f", rows[i].file);
		ASSERT_EQ(spec_parse(text, &s, why, sizeof(why)), 0);
		if (!ASSERT_EQ(spec_is_file(&s, rows[i].path), rows[i].is))
			printf("# %s %s\n", rows[i].file, rows[i].path);
		spec_free(&s);
	}
}
