/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Where the separate debug information of a file may be, by what the file says of it. What the file says is
 * hostile: a name is a build id or one path element. */
#ifndef SYM_DEBUG_FILE_H
#define SYM_DEBUG_FILE_H

#include <limits.h>

#include "sym/wire.h"

#define DEBUG_PLACES 3

struct debug_places {
	char v[DEBUG_PLACES][PATH_MAX];
	size_t n;
};

/* For a WANT_BUILD_ID, WANT_LINK or WANT_ALT; path: the file's own, NULL: not known. */
void debug_places(const struct wire_want *w, const char *path, struct debug_places *p);
/* Whether it is a build id in hex. */
bool debug_is_build_id(const char *s);

#endif
