/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Bounded, never waiting reads of the small text files of /proc and /sys, and the few pieces of
 * parsing that all their readers share. Called by the rest of host/. */
#ifndef HOST_FILE_H
#define HOST_FILE_H

#include <sys/types.h>

#include "base/base.h"

/*
 * Read at most size - 1 bytes of the file into buf and put a NUL behind them. Returns how many,
 * or -errno; -ENOENT and -ESRCH both mean that the thing is gone. What does not fit is left out
 * without a word: where that matters the caller compares with size - 1. The file is opened
 * O_NONBLOCK | O_CLOEXEC; a FIFO put in its place cannot hold the caller up.
 */
ssize_t file_read(const char *path, char *buf, size_t size);

/* The same without the blanks and newlines at its end: for files of one value. */
ssize_t file_read_line(const char *path, char *buf, size_t size);

/* Where a link leads, NUL-terminated. The number of bytes, or -errno; -ENAMETOOLONG: cut. */
ssize_t file_read_link(const char *path, char *buf, size_t size);

/* An unsigned decimal number at *p, which is moved behind it. -EINVAL: none, or too large. */
int parse_u64(const char **p, uint64_t *v);

/* Behind the line of text that begins with key, e.g. "VmRSS:"; blanks skipped. NULL: no such line. */
const char *find_key(const char *text, const char *key);

#endif
