/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* UTF-8, and which characters may stand on a screen as they are. For enc.c. */
#ifndef BASE_UNI_H
#define BASE_UNI_H

#include "base/base.h"

#define UNI_BAD UINT32_MAX

/* The character at s (n > 0 bytes) into *cp; returns the bytes it takes. A byte
 * that does not begin valid UTF-8 (overlong, surrogate, cut short, beyond
 * U+10FFFF) takes one and gives UNI_BAD. */
size_t uni_decode(const char *s, size_t n, uint32_t *cp);
/* Columns on a terminal: 1 or 2; 0 for what must not be shown as it is (controls,
 * bidi and format characters, zero width, combining marks, odd spaces, unassigned). */
int uni_width(uint32_t cp);

#endif
