/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Paths as the kernel side leaves them: names leaf first, a NUL behind each. */
#ifndef KERN_PATH_H
#define KERN_PATH_H

#include "base/str.h"

#define PATH_ROOM 512 /* HL_PATH_ROOM of bpf/path.bpf.h */

/* Appends the path, root first, to out; cut: its head is missing, shown as "…/". */
void path_turn(struct str *out, const char *names, size_t n, bool cut);
/* The same of a name as a program gave it, which stands first; the directory where it begins, the
 * root for some, is behind it. Without "//" and "/./"; what ".." leads to only the file system knows. */
void path_given(struct str *out, const char *names, size_t n, bool cut);

#endif
