/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Which functions are to be traced, how their arguments are read and what is an error. Called by the session.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "cmd/asks.h"

static const struct {
	uint8_t bits;
	const char *key;
} tests[] = {
#define X(NAME, bits, key) { bits, key },
	HL_FUNC_TESTS(X)
#undef X
};

/* The number that all of s is. */
static bool take_number(const char *s, int64_t *n)
{
	char *end;

	errno = 0;
	*n = strtoll(s, &end, 0);
	return *s && !*end && !errno;
}

/* The longest one that *s begins with, which is passed over; 0: none. */
static uint8_t take_test(const char **s)
{
	size_t longest = 0;
	uint8_t bits = 0;

	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		size_t n = strlen(tests[i].key);

		if (n > longest && !strncmp(*s, tests[i].key, n)) {
			longest = n;
			bits = tests[i].bits;
		}
	}
	*s += longest;
	return bits;
}

static const char *skip_space(const char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

static int take_error(const char *text, struct func_ask *to)
{
	const char *s = skip_space(text);

	if (!strncmp(s, "ret", 3))
		s = skip_space(s + 3);
	to->error_test = take_test(&s);
	if (to->error_test && take_number(skip_space(s), &to->error_value))
		return 0;
	pr_err("--error: \"%s\" is no test of a result; write it as 'ret<0', with <, <=, ==, !=, >= or > and "
	       "a number",
	       text);
	return -EINVAL;
}

static int take_arg(const char *text, struct func_ask *to)
{
	const char *colon = strchr(text, ':');
	const char *kind = colon ? colon + 1 : "long";
	char *end;
	unsigned long nr = strtoul(text, &end, 10);
	int k = 0;

	while (func_arg_names[k] && strcmp(func_arg_names[k], kind))
		k++;
	if (to->n_args == HL_FUNC_ARGS) {
		pr_err("--arg: no more than %d arguments are read of a call", HL_FUNC_ARGS);
		return -EINVAL;
	}
	if (!nr || nr > SITE_ARGS || end == text || (*end && end != colon) || !func_arg_names[k]) {
		pr_err("--arg: \"%s\" is no argument; write its number, from 1 on, and its type: 1:str, "
		       "2:int; the types are "
		       "int, uint, long, ulong, ptr, str",
		       text);
		return -EINVAL;
	}
	to->args[to->n_args++] = (struct func_arg){ (uint8_t)nr, (uint8_t)k };
	return 0;
}

static int take_spec(struct asks *a, const char *text, const struct func_ask *how)
{
	struct func_ask ask = *how;
	char why[200];

	if (spec_parse(text, &ask.spec, why, sizeof(why))) {
		pr_err("%s", why);
		return -EINVAL;
	}
	*vec_add(&a->v) = ask;
	return 0;
}

/* Is there anything among what is traced that may have so many arguments? */
static int check_args(const struct asks *a, const struct func_ask *how)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < how->n_args; i++)
		most = MAX(most, how->args[i].nr);
	if (most <= FUNC_ARG_REGS || !a->v.n)
		return 0;
	for (size_t i = 0; i < a->v.n; i++)
		if (a->v.v[i].spec.q.what == FIND_USDT)
			return 0;
	pr_err("--arg: argument %u cannot be read: of a function only the first %d can", most, FUNC_ARG_REGS);
	return -EINVAL;
}

int asks_init(struct asks *a, const struct ask_opts *o, const struct opt_list *words)
{
	struct func_ask how = {};
	int err = o->error ? take_error(o->error, &how) : 0;

	for (size_t i = 0; !err && i < o->args.n; i++)
		err = take_arg(o->args.v[i], &how);
	for (size_t i = 0; !err && i < o->specs.n; i++)
		err = take_spec(a, o->specs.v[i], &how);
	for (size_t i = 0; !err && words && i < words->n; i++)
		err = take_spec(a, words->v[i], &how);
	if (!err)
		err = check_args(a, &how);
	if (!err && !a->v.n && (how.n_args || how.error_test)) {
		pr_err("--arg and --error are of functions; name some with -u");
		err = -EINVAL;
	}
	return err;
}

void asks_free(struct asks *a)
{
	for (size_t i = 0; i < a->v.n; i++)
		spec_free(&a->v.v[i].spec);
	vec_free(&a->v);
}
