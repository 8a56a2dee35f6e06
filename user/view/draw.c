/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Puts the screen together: head, tabs, breadcrumb, sheet, tables, bottom line, and what
 * lies over them. Called by cmd/ and by the tests. */
#include <stdio.h>
#include <string.h>

#include "base/fmt.h"
#include "view/app.h"

#define WIDE 120 /* columns from which the less common keys stand at the bottom too */

/* ---- tabs ------------------------------------------------------------------------ */

/* Does the header mark the column that ranks? */
static bool sort_shows(const struct app *a, const struct panel *p)
{
	const struct field *sort = panel_sort(a, p);
	struct column cols[MAX_COLUMNS];
	int n = columns_place(cols, a, p, a->w);

	for (int i = 0; i < n; i++)
		if (cols[i].f == sort)
			return true;
	return !sort;
}

/* How the rows are ranked, where that is special, and how many they are. True: it is special. */
static bool status_text(const struct app *a, struct str *s)
{
	const struct panel *p = app_panel(a);
	char buf[FMT_LEN];
	bool special;

	if (!p)
		return false;
	str_addf(s, "%s%s%s", a->show_work_waits ? "+idle  " : "", a->show_kthreads ? "+kernel  " : "",
		 a->total ? "total  " : "");
	if (p->q.group != GROUP_NONE)
		str_addf(s, "by %s  ", group_names[p->q.group]);
	if (!sort_shows(a, p))
		str_addf(s, "%s %s  ", panel_sort(a, p)->title,
			 theme_glyph(&a->theme, panel_ascending(a, p) ? GLYPH_ASCENDING : GLYPH_DESCENDING));
	special = s->len;
	str_addf(s, "%s rows ", fmt_count(buf, p->res.matched));
	return special;
}

static const char *tab_title(size_t i, bool brief)
{
	return brief && views[i].brief ? views[i].brief : views[i].title;
}

/* All tabs, with so many columns beside each title. */
static int tabs_width(int beside, bool brief)
{
	int w = 0;

	for (size_t i = 0; i < nr_views(); i++)
		w += text_width(tab_title(i, brief)) + beside;
	return w;
}

static bool tabs_are_brief(const struct app *a)
{
	return tabs_width(3, false) > a->w;
}

/* A key and blanks; the last of these only where all tabs have room for it. */
static int tab_beside(const struct app *a)
{
	return tabs_width(4, tabs_are_brief(a)) <= a->w ? 4 : 3;
}

/* How many tabs, from the left, have room for their titles: beyond them keys stand for those that are not
 * shown. */
static size_t tabs_titled(const struct app *a)
{
	bool brief = tabs_are_brief(a);
	int w = tabs_width(tab_beside(a), brief);
	size_t n = nr_views();

	while (n && w > a->w)
		if (--n != a->view)
			w -= text_width(tab_title(n, brief)) + tab_beside(a) - 3;
	return n;
}

/* Do only keys stand for the tabs that are not shown? They give way to what is special. */
static bool tabs_are_short(const struct app *a)
{
	struct str s = {};
	int w = 1 + tabs_width(tab_beside(a), tabs_are_brief(a));
	bool is_short = status_text(a, &s);

	is_short = a->w < 60 || (is_short && w + text_width(str_get(&s)) >= a->w);
	str_free(&s);
	return is_short;
}

static int tab_width(const struct app *a, size_t i, bool is_short)
{
	if (a->w < 60 || (i != a->view && (is_short || i >= tabs_titled(a))))
		return 3;
	return text_width(tab_title(i, tabs_are_brief(a))) + tab_beside(a);
}

int tab_at(const struct app *a, int x)
{
	bool is_short = tabs_are_short(a);

	for (size_t i = 0; i < nr_views(); i++) {
		int w = tab_width(a, i, is_short);

		if (x < w)
			return (int)i;
		x -= w;
	}
	return -1;
}

static void tabs_draw(const struct app *a, struct canvas *c, int y)
{
	bool is_short = tabs_are_short(a);
	struct str s = {};
	int x = 0;

	canvas_fill(c, 0, y, a->w, ATTR_TAB, " ");
	for (size_t i = 0; i < nr_views(); i++) {
		const struct view *v = &views[i];
		bool on = i == a->view;
		struct pen p = { c, &a->theme, x, y, x + tab_width(a, i, is_short) };

		pen_printf(&p, on ? ATTR_TAB_ON : ATTR_TAB_KEY, " %c", v->key);
		pen_put(&p, on ? ATTR_TAB_ON : ATTR_TAB, " ");
		if (p.end - x > 3)
			pen_put(&p, on ? ATTR_TAB_ON : ATTR_TAB, tab_title(i, tabs_are_brief(a)));
		pen_put(&p, on ? ATTR_TAB_ON : ATTR_TAB, " ");
		x = p.end;
	}
	status_text(a, &s);
	if (s.len && text_width(s.s) < a->w - x - 1)
		put_right(c, &a->theme, x + 1, y, a->w - x - 1, ATTR_TAB_END, s.s);
	str_free(&s);
}

static void crumb_draw(const struct app *a, struct canvas *c, int y)
{
	struct pen p = { c, &a->theme, 1, y, a->w };

	pen_put(&p, ATTR_CRUMB, views[a->view].title);
	for (int i = 0; i < a->depth; i++) {
		pen_printf(&p, ATTR_DIM, " %s ", theme_glyph(&a->theme, GLYPH_INTO));
		pen_put(&p, i == a->depth - 1 ? ATTR_BOLD : ATTR_CRUMB, str_get(&a->stack[i].label));
	}
}

/* ---- bottom ------------------------------------------------------------------------ */

static int keycap_width(const char *name, const char *word)
{
	return text_width(name) + text_width(word) + 3;
}

/* Whole or not at all. */
static void keycap(struct pen *p, const char *name, const char *word)
{
	if (p->x + keycap_width(name, word) > p->end)
		return;
	pen_printf(p, ATTR_KEYCAP, " %s ", name);
	pen_printf(p, ATTR_KEYWORD, "%s ", word);
}

/* From left to right as far as there is room; the way to the help and out always shows. */
static void bottom_keys(const struct app *a, struct pen *p)
{
	const struct level *l = app_level(a);
	struct pen last = *p;
	const struct key *k;

	for (k = keys; k->name; k++)
		if (k->word && k->flags & KEY_ALWAYS)
			last.x += keycap_width(k->name, k->word);
	last.x = p->end - (last.x - p->x);
	p->end = last.x;
	if (a->depth)
		keycap(p, theme_glyph(&a->theme, GLYPH_LEFT), "back");
	if (a->depth && level_parts(l) > 1)
		keycap(p, "Tab", "next part");
	if (!app_panel(a))
		keycap(p, "Up Down", "scroll");
	for (k = keys; k->name; k++)
		if (k->word && (app_panel(a) || !(k->flags & KEY_PANEL)) &&
		    (a->w >= WIDE || !(k->flags & KEY_WIDE)))
			keycap(k->flags & KEY_ALWAYS ? &last : p, k->name, k->word);
}

static void bottom_draw(const struct app *a, struct canvas *c, int y)
{
	const struct panel *p = app_panel(a);
	struct pen pen = { c, &a->theme, 0, y, a->w };

	if (a->mode == MODE_FILTER && p) {
		canvas_fill(c, 0, y, a->w, ATTR_INPUT, " ");
		pen_put(&pen, ATTR_INPUT, " Filter: ");
		pen_raw(&pen, ATTR_INPUT, str_get(&p->filter));
		pen_put(&pen, ATTR_INPUT, theme_glyph(&a->theme, GLYPH_CURSOR));
		put_right(c, &a->theme, pen.x + 2, y, a->w - pen.x - 3, ATTR_INPUT,
			  "Enter keeps it, Esc clears it");
	} else if (a->mode == MODE_MENU || a->mode == MODE_VIEWS) {
		keycap(&pen, "Up Down", "choose");
		keycap(&pen, "Enter", a->mode == MODE_MENU ? "sort by it" : "show it");
		keycap(&pen, "Esc", "leave it");
	} else if (a->message) {
		pen_put(&pen, ATTR_NORMAL, " ");
		pen_put(&pen, a->message_error ? ATTR_BAD : ATTR_BOLD, a->message);
	} else if (p && p->filter.len) {
		pen_put(&pen, ATTR_INPUT, " Filter: ");
		pen_raw(&pen, ATTR_INPUT, p->filter.s);
		pen_put(&pen, ATTR_INPUT, " ");
		pen_put(&pen, ATTR_KEYCAP, " Esc ");
		pen_put(&pen, ATTR_DIM, "clear ");
		bottom_keys(a, &pen);
	} else {
		bottom_keys(a, &pen);
	}
}

/* ---- all of it -------------------------------------------------------------------------- */

static void sheet_mark(const struct app *a, struct canvas *c, struct rect r, int lines, int scroll)
{
	if (lines - scroll > r.h && r.h)
		canvas_put(c, r.x + r.w - 2, r.y + r.h - 1, ATTR_MARK,
			   theme_glyph(&a->theme, GLYPH_MORE_DOWN));
	if (scroll && r.h)
		canvas_put(c, r.x + r.w - 2, r.y, ATTR_MARK, theme_glyph(&a->theme, GLYPH_MORE_UP));
}

static void help_page(const struct app *a, struct canvas *c)
{
	struct pen p = { c, &a->theme, 0, a->h - 1, a->w };
	int lines;

	canvas_clip(c, 0, 0, a->w, MAX(a->h - 1, 1));
	lines = help_draw(a, c, a->scroll);
	canvas_unclip(c);
	sheet_mark(a, c, (struct rect){ 0, 0, a->w, a->h - 1 }, lines, a->scroll);
	if (a->h < 2)
		return;
	keycap(&p, "Up Down PgUp PgDn", "scroll");
	pen_put(&p, ATTR_DIM, "any other key closes");
}

void app_draw(const struct app *a, struct canvas *c)
{
	const struct level *l = app_level(a);
	struct layout lay;

	canvas_unclip(c);
	canvas_clear(c);
	if (a->mode == MODE_HELP) {
		help_page(a, c);
		return;
	}
	layout_make(&lay, a);
	head_draw(a, c, &lay);
	if (lay.tabs >= 0)
		tabs_draw(a, c, lay.tabs);
	if (lay.crumb >= 0)
		crumb_draw(a, c, lay.crumb);
	if (l->table && lay.sheet.h > 0)
		sheet_mark(a, c, lay.sheet, sheet_draw(a, c, l, lay.sheet, l->scroll), l->scroll);
	for (int i = 0; i < l->nr_panels; i++)
		table_draw(a, c, l, i, &lay);
	if (lay.bottom >= 0)
		bottom_draw(a, c, lay.bottom);
	if (a->mode == MODE_MENU || a->mode == MODE_VIEWS)
		menu_draw(a, c);
}
