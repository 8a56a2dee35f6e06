/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Command lines without the secrets in them. Called wherever a command line enters: what is kept,
 * shown or exported has gone through here. Pure. */
#ifndef HOST_MASK_H
#define HOST_MASK_H

#include "base/base.h"
#include "base/str.h"

#define MASK_INPUT_MAX 4096 /* bytes of a command line that are looked at */

/*
 * Append the words of argv (n bytes, a NUL after each word, as /proc/PID/cmdline has them) to out
 * as one line, a blank between two words, and "***" instead of every secret: values of secret-like
 * options and variables, passwords in URLs and their query values, headers, known kinds of keys,
 * long random words; also inside `sh -c '…'`. When in doubt it masks. The last of several words is
 * replaced by "..." when its NUL is missing, for then it was cut and cannot be judged.
 * What comes out still holds bytes from outside: it leaves through an encoder.
 */
void mask_cmdline(const char *argv, size_t n, struct str *out);
/* The same, a NUL behind each word: what comes out is a command line of as many words. */
void mask_argv(const char *argv, size_t n, struct str *out);

#endif
