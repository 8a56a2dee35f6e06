/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Opens regular files by paths that others choose, inside the root that is theirs. */
#ifndef SYM_OPEN_IN_H
#define SYM_OPEN_IN_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* The root folder of a process, 0: ours. A descriptor for open_in, or -errno. */
int open_root(pid_t pid);
/*
 * For reading. Links, absolute ones too, are followed inside the root and never into /proc;
 * follow: also where the path itself is one. Nothing but a regular file is opened, not even for a
 * moment: a device may act on it and a FIFO wait. A descriptor and *st, or -errno (-ENXIO: it is
 * no regular file).
 */
int open_in(int root, const char *path, bool follow, struct stat *st);
/* The same of a path that is trusted, such as /proc/PID/map_files/START-END. */
int open_regular(const char *path, struct stat *st);

#endif
