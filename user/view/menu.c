/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The menus that lie over a table: of columns to sort by, and of views. */
#include <stdio.h>

#include "view/app.h"

struct menu_line {
	char left[40];
	const char *text;
	bool on; /* it is what there is now */
};

static const struct table_desc *menu_desc(const struct app *a)
{
	const struct panel *p = app_panel(a);

	return p ? p->res.desc : NULL;
}

const struct field *menu_field(const struct app *a, int index)
{
	const struct table_desc *d = menu_desc(a);

	for (size_t i = 0; d && i < d->nr_fields; i++)
		if (field_sortable(&d->fields[i]) && field_fits_flavour(&d->fields[i], a->total) && !index--)
			return &d->fields[i];
	return NULL;
}

static bool field_line(const struct app *a, int index, struct menu_line *line)
{
	const struct field *f = menu_field(a, index);

	if (!f)
		return false;
	snprintf(line->left, sizeof(line->left), "%s", f->title ? f->title : f->name);
	line->text = f->help ? f->help : f->name;
	line->on = f == panel_sort(a, app_panel(a));
	return true;
}

static bool view_line(const struct app *a, int index, struct menu_line *line)
{
	const struct snap_table *t;

	if (index >= (int)nr_views())
		return false;
	t = a->snap ? snap_table(a->snap, views[index].table) : NULL;
	snprintf(line->left, sizeof(line->left), "%c %s", views[index].key, views[index].title);
	line->text = t && t->desc->help ? t->desc->help : "not measured here";
	line->on = index == (int)a->view;
	return true;
}

static const struct menu {
	const char *title;
	bool (*line)(const struct app *a, int index, struct menu_line *line); /* false: no more */
} menus[NR_MODES] = {
	[MODE_MENU] = { "Sort by", field_line },
	[MODE_VIEWS] = { "Views", view_line },
};

int menu_count(const struct app *a)
{
	struct menu_line line;
	int n = 0;

	while (menus[a->mode].line && menus[a->mode].line(a, n, &line))
		n++;
	return n;
}

int menu_current(const struct app *a)
{
	const struct field *sort = panel_sort(a, app_panel(a));

	for (int i = 0; menu_field(a, i); i++)
		if (menu_field(a, i) == sort)
			return i;
	return 0;
}

/* Where its lines are, and the first field that shows. */
static struct rect menu_rect(const struct app *a, int *top)
{
	int n = menu_count(a), h = MIN(n, MAX(a->h - 9, 1)), w = MIN(a->w, 72);

	*top = MIN(MAX(a->menu - h / 2, 0), n - h);
	return (struct rect){ MAX((a->w - w) / 2, 0), MIN(7, a->h - h), w, h };
}

int menu_at(const struct app *a, int x, int y)
{
	int top;
	struct rect r = menu_rect(a, &top);

	return x >= r.x && x < r.x + r.w && y >= r.y && y < r.y + r.h ? top + y - r.y : -1;
}

/* Which way there is more. */
static void menu_mark(const struct app *a, struct canvas *c, struct rect r, bool up, bool down)
{
	if (up)
		canvas_put(c, r.x + r.w - 2, r.y, ATTR_MENU_MARK, theme_glyph(&a->theme, GLYPH_MORE_UP));
	if (down)
		canvas_put(c, r.x + r.w - 2, r.y + r.h - 1, ATTR_MENU_MARK,
			   theme_glyph(&a->theme, GLYPH_MORE_DOWN));
}

static const char *menu_glyph(const struct app *a)
{
	if (a->mode == MODE_VIEWS)
		return theme_glyph(&a->theme, GLYPH_INTO);
	return theme_glyph(&a->theme, panel_ascending(a, app_panel(a)) ? GLYPH_ASCENDING : GLYPH_DESCENDING);
}

void menu_draw(const struct app *a, struct canvas *c)
{
	struct menu_line line;
	int top;
	struct rect r = menu_rect(a, &top);

	canvas_fill(c, r.x, r.y - 1, r.w, ATTR_TAB_ON, " ");
	put_cut(c, &a->theme, r.x + 1, r.y - 1, r.w - 2, ATTR_TAB_ON, menus[a->mode].title);
	for (int i = 0; i < r.h && menus[a->mode].line(a, top + i, &line); i++) {
		unsigned int attr = top + i == a->menu ? ATTR_MENU_ON : ATTR_MENU;

		canvas_fill(c, r.x, r.y + i, r.w, attr, " ");
		if (line.on)
			canvas_put(c, r.x + 1, r.y + i, attr, menu_glyph(a));
		put_cut(c, &a->theme, r.x + 3, r.y + i, 12, attr, line.left);
		put_cut(c, &a->theme, r.x + 16, r.y + i, r.w - 19, attr, line.text);
	}
	menu_mark(a, c, r, top > 0, top + r.h < menu_count(a));
}
