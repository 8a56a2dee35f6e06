/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What compilers add to the name of a function of which they make one more, or a part. Used on both sides. */
#include <ctype.h>
#include <string.h>

#include "sym/find.h"

/* numbered: a number follows, or several: .isra.0, .llvm.123. */
static const struct {
	const char *word;
	bool numbered;
} kinds[] = { { ".part", true },      { ".constprop", true },  { ".isra", true },
	      { ".lto_priv", true },  { ".llvm", true },       { ".localalias", false },
	      { ".cold", false },     { ".clone", true },      { ".resolver", false },
	      { ".outlined", false }, { ".specialized", true } };

static bool is_kind(const char *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t n = strlen(kinds[i].word);

		if (strncmp(s, kinds[i].word, n))
			continue;
		if (s[n] == '.' && isdigit((unsigned char)s[n + 1]))
			return true;
		if (!kinds[i].numbered && (!s[n] || s[n] == '.' || s[n] == '@'))
			return true;
	}
	return false;
}

const char *find_clone(const char *symbol)
{
	for (const char *dot = *symbol ? strchr(symbol + 1, '.') : NULL; dot; dot = strchr(dot + 1, '.'))
		if (is_kind(dot))
			return dot;
	return NULL;
}
