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
