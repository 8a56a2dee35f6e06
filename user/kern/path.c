/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Turns the kernel side's paths round. Called for slow records and execs. */
#include <string.h>

#include "kern/path.h"

void path_turn(struct str *out, const char *names, size_t n, bool cut)
{
	size_t end = n, begin;

	if (cut)
		str_add(out, "...");
	if (!n)
		str_add(out, cut ? "" : "/");
	while (end) {
		begin = end - 1; /* at the NUL behind the last name */
		if (names[begin])
			begin++;
		end = begin;
		while (begin && names[begin - 1])
			begin--;
		str_addc(out, '/');
		str_addn(out, names + begin, end - begin);
		end = begin;
	}
}

void path_given(struct str *out, const char *names, size_t n, bool cut)
{
	size_t len = strnlen(names, n), rest = n > len ? n - len - 1 : 0, from = out->len, end;

	if (rest || cut)
		path_turn(out, names + len + 1, rest, cut);
	for (size_t at = 0; at < len; at = end + 1) {
		for (end = at; end < len && names[end] != '/';)
			end++;
		if (end == at || (end == at + 1 && names[at] == '.'))
			continue;
		str_addc(out, '/');
		str_addn(out, names + at, end - at);
	}
	if (out->len == from)
		str_addc(out, '/');
}
