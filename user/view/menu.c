/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The menu of columns to sort by, over the table. */
#include "view/app.h"

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

int menu_count(const struct app *a)
{
	int n = 0;

	while (menu_field(a, n))
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

void menu_draw(const struct app *a, struct canvas *c)
{
	const struct field *sort = panel_sort(a, app_panel(a));
	int top;
	struct rect r = menu_rect(a, &top);

	canvas_fill(c, r.x, r.y - 1, r.w, ATTR_TAB_ON, " ");
	put_cut(c, &a->theme, r.x + 1, r.y - 1, r.w - 2, ATTR_TAB_ON, "Sort by");
	for (int i = 0; i < r.h; i++) {
		const struct field *f = menu_field(a, top + i);
		unsigned int attr = top + i == a->menu ? ATTR_MENU_ON : ATTR_MENU;

		canvas_fill(c, r.x, r.y + i, r.w, attr, " ");
		if (f == sort)
			canvas_put(c, r.x + 1, r.y + i, attr,
				   theme_glyph(&a->theme, panel_ascending(a, app_panel(a))
								  ? GLYPH_ASCENDING
								  : GLYPH_DESCENDING));
		put_cut(c, &a->theme, r.x + 3, r.y + i, 12, attr, f->title ? f->title : f->name);
		put_cut(c, &a->theme, r.x + 16, r.y + i, r.w - 19, attr, f->help ? f->help : f->name);
	}
	menu_mark(a, c, r, top > 0, top + r.h < menu_count(a));
}
