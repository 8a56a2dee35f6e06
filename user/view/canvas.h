/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * A grid of cells to draw on: one character and one attribute each. Knows no
 * terminal; screen.c shows it, tests compare it as text. Drawing outside the clip
 * does nothing, so no caller needs to check sizes.
 */
#ifndef VIEW_CANVAS_H
#define VIEW_CANVAS_H

#include "base/str.h"
#include "view/theme.h"

struct cell {
	char ch[5];   /* one character and its NUL; "" in the right half of a wide one */
	uint8_t attr; /* enum attr */
	bool selected;
};

struct canvas {
	int w, h;
	struct cell *cells; /* owned */
	int x0, y0, x1, y1; /* the clip: x0 <= x < x1 */
};

#define CANVAS_MAX 4096 /* columns and lines at most */

/* Also the first call, on a zeroed canvas. Sizes are bounded to 0..CANVAS_MAX; the content is
 * cleared and the clip opened. */
void canvas_resize(struct canvas *c, int w, int h);
void canvas_free(struct canvas *c);
void canvas_clear(struct canvas *c);
/* Restrict drawing to a rectangle, cut to the canvas; canvas_unclip opens it again. */
void canvas_clip(struct canvas *c, int x, int y, int w, int h);
void canvas_unclip(struct canvas *c);

/*
 * Write text that came through enc_text, at most `cols` columns of it (-1: all). Returns
 * the columns it takes, clipped or not. A character that has no place on a screen
 * becomes a question mark: nothing but whole visible characters ever stands in a cell.
 */
int canvas_putn(struct canvas *c, int x, int y, unsigned int attr, const char *text, int cols);
int canvas_put(struct canvas *c, int x, int y, unsigned int attr, const char *text);
/* The same glyph (one column) n times. */
void canvas_fill(struct canvas *c, int x, int y, int n, unsigned int attr, const char *glyph);
/* Mark n cells as standing on the selected row. */
void canvas_select(struct canvas *c, int x, int y, int n);

const struct cell *canvas_cell(const struct canvas *c, int x, int y);
/* Append the characters, a line each, without trailing spaces. */
void canvas_text(const struct canvas *c, struct str *out);
/* Append the attributes, a line each: theme_letter, '#' for plain text that is selected. */
void canvas_attrs(const struct canvas *c, struct str *out);

#endif
