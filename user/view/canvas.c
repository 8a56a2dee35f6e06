/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The grid of cells. All of view/ draws through it; screen.c and the tests read it. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/uni.h"
#include "view/canvas.h"

void canvas_resize(struct canvas *c, int w, int h)
{
	c->w = MIN(MAX(w, 0), CANVAS_MAX);
	c->h = MIN(MAX(h, 0), CANVAS_MAX);
	c->cells = xrealloc(c->cells, MAX(1, (size_t)c->w * (size_t)c->h) * sizeof(*c->cells));
	canvas_unclip(c);
	canvas_clear(c);
}

void canvas_free(struct canvas *c)
{
	free(c->cells);
	*c = (struct canvas){};
}

void canvas_clear(struct canvas *c)
{
	for (size_t i = 0; i < (size_t)c->w * (size_t)c->h; i++)
		c->cells[i] = (struct cell){ " ", ATTR_NORMAL, false };
}

void canvas_clip(struct canvas *c, int x, int y, int w, int h)
{
	c->x0 = MAX(x, 0);
	c->y0 = MAX(y, 0);
	c->x1 = MIN(x + MAX(w, 0), c->w);
	c->y1 = MIN(y + MAX(h, 0), c->h);
}

void canvas_unclip(struct canvas *c)
{
	canvas_clip(c, 0, 0, c->w, c->h);
}

static struct cell *cell_at(const struct canvas *c, int x, int y)
{
	return &c->cells[(size_t)y * (size_t)c->w + (size_t)x];
}

static bool inside(const struct canvas *c, int x, int y)
{
	return x >= c->x0 && x < c->x1 && y >= c->y0 && y < c->y1;
}

const struct cell *canvas_cell(const struct canvas *c, int x, int y)
{
	return x >= 0 && x < c->w && y >= 0 && y < c->h ? cell_at(c, x, y) : NULL;
}

/* Before a cell gets something new: the other half of a wide character goes. */
static void break_wide(struct canvas *c, int x, int y)
{
	if (!cell_at(c, x, y)->ch[0] && x > 0)
		strcpy(cell_at(c, x - 1, y)->ch, " ");
	if (x + 1 < c->w && !cell_at(c, x + 1, y)->ch[0])
		strcpy(cell_at(c, x + 1, y)->ch, " ");
}

static void set_cell(struct canvas *c, int x, int y, unsigned int attr, const char *s, size_t n)
{
	struct cell *cell = cell_at(c, x, y);

	break_wide(c, x, y);
	memcpy(cell->ch, s, n);
	cell->ch[n] = 0;
	cell->attr = (uint8_t)attr;
	cell->selected = false;
}

/* One character of `width` columns; half of a wide one is a space. */
static void put_char(struct canvas *c, int x, int y, unsigned int attr, const char *s, size_t n, int width)
{
	if (width == 1) {
		if (inside(c, x, y))
			set_cell(c, x, y, attr, s, n);
		return;
	}
	if (inside(c, x, y) && inside(c, x + 1, y)) {
		set_cell(c, x, y, attr, s, n);
		set_cell(c, x + 1, y, attr, "", 0);
		return;
	}
	for (int i = x; i <= x + 1; i++)
		if (inside(c, i, y))
			set_cell(c, i, y, attr, " ", 1);
}

int canvas_putn(struct canvas *c, int x, int y, unsigned int attr, const char *text, int cols)
{
	size_t left = strlen(text), n;
	int done = 0;

	for (; left; text += n, left -= n) {
		uint32_t cp;
		const char *s = text;
		int width;

		n = uni_decode(text, left, &cp);
		width = cp == UNI_BAD ? 0 : uni_width(cp);
		if (!width)
			s = "?";
		if (cols >= 0 && done + MAX(width, 1) > cols)
			break;
		put_char(c, x + done, y, attr, s, width ? n : 1, MAX(width, 1));
		done += MAX(width, 1);
	}
	return done;
}

int canvas_put(struct canvas *c, int x, int y, unsigned int attr, const char *text)
{
	return canvas_putn(c, x, y, attr, text, -1);
}

void canvas_fill(struct canvas *c, int x, int y, int n, unsigned int attr, const char *glyph)
{
	int end = MIN(x + MAX(n, 0), c->x1);

	for (x = MAX(x, c->x0); x < end; x++)
		canvas_putn(c, x, y, attr, glyph, 1);
}

void canvas_select(struct canvas *c, int x, int y, int n)
{
	for (int i = 0; i < n; i++)
		if (inside(c, x + i, y))
			cell_at(c, x + i, y)->selected = true;
}

void canvas_text(const struct canvas *c, struct str *out)
{
	for (int y = 0; y < c->h; y++) {
		size_t keep = out->len;

		for (int x = 0; x < c->w; x++) {
			str_add(out, cell_at(c, x, y)->ch);
			if (strcmp(cell_at(c, x, y)->ch, " "))
				keep = out->len;
		}
		if (out->len > keep) {
			out->len = keep;
			out->s[keep] = 0;
		}
		str_addc(out, '\n');
	}
}

void canvas_attrs(const struct canvas *c, struct str *out)
{
	for (int y = 0; y < c->h; y++) {
		for (int x = 0; x < c->w; x++) {
			const struct cell *cell = cell_at(c, x, y);

			str_addc(out, cell->selected && cell->attr == ATTR_NORMAL ? '#'
										  : theme_letter(cell->attr));
		}
		str_addc(out, '\n');
	}
}
