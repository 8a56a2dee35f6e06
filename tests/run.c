/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Runs the unit and screen tests, or those whose name contains argv[1]. Prints a line
 * for each, "ok NAME" or "not ok NAME", then "N passed, N failed". */
#include <stdio.h>
#include <stdlib.h>

#include "sym/helper.h"
#include "tests/test.h"

static int failures;

bool test_true(bool ok, const char *what, const char *file, int line)
{
	if (!ok) {
		failures++;
		printf("# %s:%d: %s\n", file, line, what);
	}
	return ok;
}

bool test_eq(long long a, long long b, const char *what, const char *file, int line)
{
	if (a != b) {
		failures++;
		printf("# %s:%d: %s: %lld is not %lld\n", file, line, what, a, b);
	}
	return a == b;
}

bool test_streq(const char *a, const char *b, const char *what, const char *file, int line)
{
	bool ok = a && b && !strcmp(a, b);

	if (!ok) {
		failures++;
		printf("# %s:%d: %s: \"%s\" is not \"%s\"\n", file, line, what, a ? a : "(null)",
		       b ? b : "(null)");
	}
	return ok;
}

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *s = NULL;
	size_t n = 0;

	if (!f)
		return NULL;
	if (getdelim(&s, &n, '\0', f) < 0) {
		free(s);
		s = strdup("");
	}
	fclose(f);
	return s;
}

bool test_golden(const char *text, const char *name, const char *file, int line)
{
	char path[512];
	char *want;
	bool ok;

	snprintf(path, sizeof(path), "tests/data/%s", name);
	if (getenv("UPDATE")) {
		FILE *f = fopen(path, "w");

		if (f) {
			fputs(text, f);
			fclose(f);
		}
	}
	want = slurp(path);
	ok = want && !strcmp(want, text);
	if (!ok) {
		failures++;
		printf("# %s:%d: differs from %s; it is now:\n%s\n", file, line, path, text);
	}
	free(want);
	return ok;
}

static const struct {
	const char *name;
	void (*fn)(void);
} tests[] = {
#define T(name) { #name, name },
#include "tests/list.h"
#undef T
};

int main(int argc, char **argv)
{
	int passed = 0, failed = 0;

	sym_helper(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (argc > 1 && !strstr(tests[i].name, argv[1]))
			continue;
		failures = 0;
		tests[i].fn();
		printf("%s %s\n", failures ? "not ok" : "ok", tests[i].name + 5);
		failures ? failed++ : passed++;
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}
