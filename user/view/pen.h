/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Writing on a canvas from left to right. For the drawing files of view/. */
#ifndef VIEW_PEN_H
#define VIEW_PEN_H

#include "view/canvas.h"

struct pen {
	struct canvas *c;
	const struct theme *theme;
	int x, y;
	int end; /* nothing is written at or beyond this column */
};

/* Columns that a text takes. */
int text_width(const char *s);
/* Text of our own, or that came through enc_text. */
void pen_put(struct pen *p, unsigned int attr, const char *s);
void pen_printf(struct pen *p, unsigned int attr, const char *fmt, ...) __printf(3, 4);
/* Bytes from outside. */
void pen_raw(struct pen *p, unsigned int attr, const char *s);
/* Cut to w columns with an ellipsis; returns the columns written. */
int put_cut(struct canvas *c, const struct theme *t, int x, int y, int w, unsigned int attr, const char *s);
/* Its end where it is too long: a path tells more by that. */
int put_tail(struct canvas *c, const struct theme *t, int x, int y, int w, unsigned int attr, const char *s);
/* As put_cut, at the right end of the w columns. */
int put_right(struct canvas *c, const struct theme *t, int x, int y, int w, unsigned int attr, const char *s);
/* Broken into lines of w columns, at spaces where there are any; returns the lines. */
int put_wrapped(struct canvas *c, int x, int y, int w, unsigned int attr, const char *s);

#endif
