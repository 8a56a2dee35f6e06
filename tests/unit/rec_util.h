/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What the tests of rec/ share: sample records, files in a directory of their own,
 * and the lines that would have been printed. */
#ifndef TESTS_REC_UTIL_H
#define TESTS_REC_UTIL_H

#include "base/base.h"
#include "rec/rec.h"

/* One record of every kind that may stand in a recording, the same for the same i. */
void sample_round(struct recbuf *b, unsigned int i);
#define SAMPLE_KINDS (HL_KIND_MAX - 2) /* without 0 and LIFE */

/* A recording of `rounds` rounds, flushed behind each: its bytes, to be freed. */
unsigned char *sample_file(unsigned int rounds, size_t *n);

/* A fresh directory; path of `name` in it, to be freed; away with it and its files. */
void tmp_begin(void);
char *tmp_path(const char *name);
void tmp_end(void);

unsigned char *file_bytes(const char *path, size_t *n); /* to be freed; NULL: unreadable */
bool file_put(const char *path, const void *p, size_t n);

/* Between begin and end lines are counted and the last one is kept, none is printed. */
struct heard {
	unsigned int lines;
	char last[512];
};
void heard_begin(struct heard *h);
void heard_end(void);

#endif
