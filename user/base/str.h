/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* A growable string, and the four encoders through which every byte from outside
 * (comm, path, cgroup, symbol, …) leaves. There is no other way out. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/base.h"

struct str {
	char *s; /* NUL-terminated once anything was added; NULL before */
	size_t len, cap;
};

void str_add(struct str *b, const char *s);
void str_addn(struct str *b, const char *s, size_t n);
void str_addc(struct str *b, char c);
void str_addf(struct str *b, const char *fmt, ...) __printf(2, 3);
void str_reset(struct str *b); /* empty, memory kept */
void str_free(struct str *b);
const char *str_get(const struct str *b); /* never NULL */

/* Whether path is the folder or something in it, however deep. */
bool path_below(const char *path, const char *folder);
/* Whether s is like the pattern: * is any text, ? any one byte, all else itself. */
bool str_glob(const char *pattern, const char *s);
bool str_is_glob(const char *pattern);

/*
 * The encoders append src (n bytes, any bytes) to dst so that what comes out is
 * valid UTF-8 (terminal and text: ASCII only when `ascii`) without control bytes,
 * C1, bidi overrides, zero-width or combining characters: those become visible
 * escapes as \xNN or \u{NNNN}.
 *   enc_text   one line of plain text; also what a terminal cell may hold
 *   enc_json   the inside of a JSON string, without the quotes: invalid bytes
 *              become U+FFFD; <, >, &, U+2028/9 become \u escapes, so that the
 *              document may stand inside HTML
 *   enc_html   text content or a quoted attribute value
 *   enc_csv    a whole CSV field with quotes where needed; a leading = + - @ or tab
 *              gets a ' before it
 */
void enc_text(struct str *dst, const char *src, size_t n, bool ascii);
void enc_json(struct str *dst, const char *src, size_t n);
void enc_html(struct str *dst, const char *src, size_t n);
void enc_csv(struct str *dst, const char *src, size_t n);

/* Columns that a string from enc_text takes on a terminal, and cutting it to at
 * most `cols` columns at a character boundary: returns the bytes to keep. */
int str_width(const char *s, size_t n);
size_t str_cut(const char *s, size_t n, int cols);
/* The same from the other end: where the last `cols` columns begin. */
size_t str_tail(const char *s, size_t n, int cols);

#endif
