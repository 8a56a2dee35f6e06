/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Names of C++ and Rust. */
#include <stdlib.h>

#include "sym/demangle.h"
#include "tests/test.h"

static void check(const char *name, const char *want)
{
	char *s = demangle(name);

	if (want)
		ASSERT_STR(s, want);
	else
		ASSERT(s == NULL);
	free(s);
}

void test_sym_demangle(void)
{
	check("_ZN3foo3barEi", "foo::bar(int)");
	check("_ZNSt6vectorIiSaIiEE9push_backEOi",
	      "std::vector<int, std::allocator<int> >::push_back(int&&)");
	check("_ZN3foo3barEi.cold", "foo::bar(int) [clone .cold]");
	check("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE", "core::fmt::Write::write_fmt");
	check("_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar");
	check("main", NULL);
	check("_start", NULL);
	check("_Z", NULL);
	check("_ZN", NULL);
	check("", NULL);
}
