/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Where documents go: standard output, and files that are either whole or not there.
 * For all commands. */
#ifndef CMD_OUTPUT_H
#define CMD_OUTPUT_H

#include "base/base.h"
#include "base/str.h"

/* Writes all of it. 0; -EPIPE, silently, when nobody reads any more; -errno after one
 * printed line. */
int output_stdout(const struct str *text);

#define OUTPUT_NEW (1u << 0) /* the file must not exist; else a file is replaced */

/* Whether a document could be put under this path, before any work is done for it: 0, or
 * -errno after one printed line. Nothing is made. */
int output_check(const char *path, unsigned int flags);
/* Writes beside and renames into place, mode 0600. 0, or -errno after one printed line;
 * then nothing is left behind. */
int output_file(const char *path, const struct str *text, unsigned int flags);

/* What standard output can show. */
bool output_ascii(void); /* no UTF-8 */
int output_width(void);  /* columns of the terminal; 0: it is none */

#endif
