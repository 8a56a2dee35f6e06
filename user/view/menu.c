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

void menu_draw(const struct app *a, struct canvas *c)
{
	int n = menu_count(a), h = MIN(n, MAX(a->h - 9, 1)), w = MIN(a->w, 64);
	int x = MAX((a->w - w) / 2, 0), y = MIN(7, a->h - h);
	int top = MIN(MAX(a->menu - h / 2, 0), n - h);

	canvas_fill(c, x, y - 1, w, ATTR_TAB_ON, " ");
	put_cut(c, &a->theme, x + 1, y - 1, w - 2, ATTR_TAB_ON, "Sort by");
	for (int i = 0; i < h; i++) {
		const struct field *f = menu_field(a, top + i);
		unsigned int attr = top + i == a->menu ? ATTR_MENU_ON : ATTR_MENU;

		canvas_fill(c, x, y + i, w, attr, " ");
		put_cut(c, &a->theme, x + 1, y + i, 12, attr, f->title ? f->title : f->name);
		put_cut(c, &a->theme, x + 14, y + i, w - 15, attr, f->help ? f->help : f->name);
	}
}
