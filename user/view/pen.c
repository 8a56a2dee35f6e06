/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Writing on a canvas from left to right. Called by all that draws. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "view/pen.h"

int text_width(const char *s)
{
	return str_width(s, strlen(s));
}

void pen_put(struct pen *p, unsigned int attr, const char *s)
{
	if (p->x < p->end)
		p->x += put_cut(p->c, p->theme, p->x, p->y, p->end - p->x, attr, s);
}

void pen_printf(struct pen *p, unsigned int attr, const char *fmt, ...)
{
	char *s;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	pen_put(p, attr, s);
	free(s);
}

void pen_raw(struct pen *p, unsigned int attr, const char *s)
{
	struct str text = {};

	enc_text(&text, s, strlen(s), !p->theme->utf8);
	pen_put(p, attr, str_get(&text));
	str_free(&text);
}

int put_cut(struct canvas *c, const struct theme *t, int x, int y, int w, unsigned int attr, const char *s)
{
	int n;

	if (w <= 0)
		return 0;
	if (text_width(s) <= w)
		return canvas_putn(c, x, y, attr, s, w);
	n = canvas_putn(c, x, y, attr, s, w - 1);
	return n + canvas_putn(c, x + n, y, attr, theme_glyph(t, GLYPH_ELLIPSIS), w - n);
}

int put_tail(struct canvas *c, const struct theme *t, int x, int y, int w, unsigned int attr, const char *s)
{
	int n;

	if (w <= 0)
		return 0;
	if (text_width(s) <= w)
		return canvas_putn(c, x, y, attr, s, w);
	n = canvas_putn(c, x, y, attr, theme_glyph(t, GLYPH_ELLIPSIS), w);
	return n + canvas_putn(c, x + n, y, attr, s + str_tail(s, strlen(s), w - n), w - n);
}

int put_right(struct canvas *c, const struct theme *t, int x, int y, int w, unsigned int attr, const char *s)
{
	int width = text_width(s);

	return put_cut(c, t, x + MAX(0, w - width), y, MIN(w, width), attr, s);
}

/* Bytes of s that go on a line of w columns, and those to skip behind them. */
static size_t line_break(const char *s, int w, size_t *skip)
{
	size_t len = strlen(s), fit = str_cut(s, len, w), at = fit;

	*skip = 0;
	if (fit == len)
		return fit;
	while (at && s[at] != ' ')
		at--;
	if (!at) /* one long word: break it, but always go on */
		return fit ? fit : len;
	*skip = 1;
	return at;
}

int put_wrapped(struct canvas *c, int x, int y, int w, unsigned int attr, const char *s)
{
	int lines = 0;

	if (w <= 0)
		return 0;
	do {
		size_t skip, n = line_break(s, w, &skip);
		int cols = str_width(s, n);

		canvas_putn(c, x, y + lines++, attr, s, cols);
		s += n + skip;
	} while (*s);
	return lines;
}
