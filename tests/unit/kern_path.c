/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Paths as the kernel side leaves them, turned into what a user reads. */
#include <string.h>

#include "kern/path.h"
#include "tests/test.h"

#define GIVEN(want, names, cut)                                                                              \
	do {                                                                                                 \
		struct str s = {};                                                                           \
		path_given(&s, names, sizeof(names) - 1, cut);                                               \
		ASSERT_STR(str_get(&s), want);                                                               \
		str_free(&s);                                                                                \
	} while (0)

void test_kern_path_given(void)
{
	/* a name, and behind it the directory where it begins, leaf first; the root has none */
	GIVEN("/etc/passwd", "/etc/passwd\0", false);
	GIVEN("/etc/passwd", "//etc/.//./passwd/\0", false);
	GIVEN("/a/../b", "/a/../b\0", false);
	GIVEN("/srv/db/wal/1", "wal/1\0db\0srv\0", false);
	GIVEN("/srv/db", ".\0db\0srv\0", false);
	GIVEN("/", "/\0", false);
	GIVEN("/x", "x\0", false);
	GIVEN("/root/x", "/x\0root\0", false);
	GIVEN(".../db/wal", "wal\0db\0", true);
	GIVEN("/...", "...\0", false);
	GIVEN("/.hidden", "./.hidden\0", false);
	GIVEN("/cut", "cut", false); /* without its NUL */
	GIVEN("/", "", false);
}
