/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Where keys mean something else: the filter being typed, the menus, the help.
 * And the mouse. */
#include <string.h>

#include "view/app.h"

#define FILTER_MAX 200 /* bytes */

/* Lines that a key goes down or up; 0: it is no such key. */
static int scroll_step(const struct app *a, int key)
{
	static const struct {
		int key, lines, pages;
	} steps[] = {
		{ APP_KEY_UP, -1, 0 },          { APP_KEY_DOWN, 1, 0 }, { APP_KEY_PGUP, 0, -1 },
		{ APP_KEY_PGDN, 0, 1 },         { ' ', 0, 1 },          { APP_KEY_HOME, 0, -CANVAS_MAX },
		{ APP_KEY_END, 0, CANVAS_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (steps[i].key == key)
			return steps[i].lines + steps[i].pages * MAX(a->h - 2, 1);
	return 0;
}

/* ---- filter -------------------------------------------------------------------- */

static void utf8_add(struct str *s, uint32_t cp)
{
	if (cp < 0x80) {
		str_addc(s, (char)cp);
	} else if (cp < 0x800) {
		str_addc(s, (char)(0xc0 | cp >> 6));
	} else {
		if (cp < 0x10000) {
			str_addc(s, (char)(0xe0 | cp >> 12));
		} else {
			str_addc(s, (char)(0xf0 | cp >> 18));
			str_addc(s, (char)(0x80 | (cp >> 12 & 0x3f)));
		}
		str_addc(s, (char)(0x80 | (cp >> 6 & 0x3f)));
	}
	if (cp >= 0x80)
		str_addc(s, (char)(0x80 | (cp & 0x3f)));
}

static void utf8_chop(struct str *s)
{
	while (s->len && ((unsigned char)s->s[s->len - 1] & 0xc0) == 0x80)
		s->len--;
	if (s->len)
		s->len--;
	if (s->s)
		s->s[s->len] = 0;
}

static unsigned int filter_end(struct app *a, bool keep)
{
	a->mode = MODE_MAIN;
	if (!keep)
		panel_filter(app_panel(a), "");
	app_refresh(a);
	return ACTION_REDRAW;
}

unsigned int filter_key(struct app *a, int key)
{
	struct panel *p = app_panel(a);
	bool erase = key == 127 || key == 8 || key == APP_KEY_BACKSPACE;

	if (key == 27 || (erase && !p->filter.len))
		return filter_end(a, false);
	if (key == '\r' || key == '\n' || key == APP_KEY_ENTER)
		return filter_end(a, true);
	if (key >= APP_KEY_UP && !erase) /* rows can be looked at meanwhile, but not left */
		return scroll_step(a, key) ? main_key(a, key) : 0;
	if (erase)
		utf8_chop(&p->filter);
	else if (key == ('u' & 0x1f))
		str_reset(&p->filter);
	else if (key >= ' ' && p->filter.len < FILTER_MAX)
		utf8_add(&p->filter, (uint32_t)key);
	else
		return 0;
	app_refresh(a);
	return ACTION_REDRAW;
}

/* ---- texts ------------------------------------------------------------------------ */

static unsigned int help_scroll(struct app *a, int lines)
{
	struct canvas none = {};
	int most = MAX(help_draw(a, &none, 0) - MAX(a->h - 1, 0), 0);

	a->scroll = MIN(MAX(a->scroll + lines, 0), most);
	return ACTION_REDRAW;
}

unsigned int help_key(struct app *a, int key)
{
	int lines = scroll_step(a, key);

	if (key == ('c' & 0x1f))
		return ACTION_QUIT;
	if (lines)
		return help_scroll(a, lines);
	a->mode = MODE_MAIN; /* any other key */
	return ACTION_REDRAW;
}

/* ---- menus --------------------------------------------------------------------------- */

static unsigned int menu_take(struct app *a)
{
	bool is_views = a->mode == MODE_VIEWS;

	a->mode = MODE_MAIN;
	if (is_views)
		return app_show(a, (size_t)a->menu);
	panel_sort_by(a, app_panel(a), menu_field(a, a->menu));
	app_refresh(a);
	return ACTION_REDRAW;
}

/* From the list of views a view's own key leads there too. */
static unsigned int menu_leave(struct app *a, int key)
{
	bool is_views = a->mode == MODE_VIEWS;

	a->mode = MODE_MAIN;
	for (size_t i = 0; is_views && i < nr_views(); i++)
		if (views[i].key == key)
			return app_show(a, i);
	return ACTION_REDRAW;
}

unsigned int menu_key(struct app *a, int key)
{
	int n = menu_count(a), lines = scroll_step(a, key);

	if (!n) { /* the table went with its snapshot */
		a->mode = MODE_MAIN;
		return ACTION_REDRAW;
	}
	a->menu = MIN(a->menu, n - 1);
	if (key == '\r' || key == '\n' || key == APP_KEY_ENTER)
		return menu_take(a);
	if (lines == 1 || lines == -1) /* one by one it goes round */
		a->menu = (a->menu + n + lines) % n;
	else if (lines)
		a->menu = MIN(MAX(a->menu + lines, 0), n - 1);
	else
		return menu_leave(a, key);
	return ACTION_REDRAW;
}

static unsigned int menu_mouse(struct app *a, int what, int x, int y)
{
	int at = menu_at(a, x, y);

	if (what == APP_MOUSE_UP || what == APP_MOUSE_DOWN)
		return menu_key(a, what == APP_MOUSE_UP ? APP_KEY_UP : APP_KEY_DOWN);
	if (at < 0)
		return menu_key(a, 27);
	a->menu = at;
	return menu_take(a);
}

/* ---- mouse ------------------------------------------------------------------------------ */

/* Sort by the column at x, or turn its order. */
static unsigned int click_header(struct app *a, struct panel *p, int x)
{
	struct column cols[MAX_COLUMNS];
	int n = columns_place(cols, a, p, a->w);

	for (int i = n - 1; i >= 0; i--) {
		if (x < cols[i].x - 1 && i) /* the mark may stand in the gap */
			continue;
		if (!field_sortable(cols[i].f))
			return 0;
		if (cols[i].f == panel_sort(a, p))
			return main_key(a, 'r');
		panel_sort_by(a, p, cols[i].f);
		app_refresh(a);
		return ACTION_REDRAW;
	}
	return 0;
}

static unsigned int click_panel(struct app *a, int panel, const struct layout *lay, int what, int x, int y)
{
	struct level *l = app_level(a);
	struct panel *p = &l->panels[panel];
	int rows = layout_rows(lay, panel), line = y - lay->panels[panel].y - (lay->panels[panel].h - rows);
	unsigned int acts = 0;

	l->focus = panel;
	if (line == -1)
		acts = click_header(a, p, x);
	else if (line >= 0 && p->top + (size_t)line < p->res.n) {
		panel_goto(p, p->top + (size_t)line);
		if (what == APP_MOUSE_DOUBLE)
			app_open(a);
	}
	app_place(a);
	return acts | ACTION_REDRAW;
}

static bool in_rect(const struct rect *r, int x, int y)
{
	return x >= r->x && x < r->x + r->w && y >= r->y && y < r->y + r->h;
}

static unsigned int click(struct app *a, int what, int x, int y)
{
	struct level *l = app_level(a);
	struct layout lay;
	int tab;

	layout_make(&lay, a);
	if (y == lay.tabs && lay.tabs >= 0) {
		tab = tab_at(a, x);
		return tab >= 0 ? app_show(a, (size_t)tab) : 0;
	}
	if (y == lay.crumb && lay.crumb >= 0)
		return main_key(a, APP_KEY_BACKSPACE);
	for (int i = 0; i < l->nr_panels; i++)
		if (in_rect(&lay.panels[i], x, y))
			return click_panel(a, i, &lay, what, x, y);
	if (in_rect(&lay.sheet, x, y) && level_parts(l) > l->nr_panels) {
		l->focus = l->nr_panels;
		app_place(a);
		return ACTION_REDRAW;
	}
	return 0;
}

unsigned int mouse_key(struct app *a, int key)
{
	int what = key >> 24 & 3, y = key >> 12 & 0xfff, x = key & 0xfff;
	bool wheel = what == APP_MOUSE_UP || what == APP_MOUSE_DOWN;
	int lines = what == APP_MOUSE_UP ? -3 : 3;

	if (a->mode == MODE_HELP)
		return wheel ? help_scroll(a, lines) : 0;
	if (menu_count(a))
		return menu_mouse(a, what, x, y);
	if (!wheel) {
		a->mode = MODE_MAIN;
		return click(a, what, x, y);
	}
	for (int i = 0; i < 3; i++)
		main_key(a, lines < 0 ? APP_KEY_UP : APP_KEY_DOWN);
	return ACTION_REDRAW;
}
