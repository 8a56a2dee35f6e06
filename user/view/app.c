/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The app: its life, what its caller may ask, and moving between screens. Keys are
 * in keys.c, drawing in draw.c. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "view/app.h"

#define TEXT_WIDTH 120 /* columns of saved text, where the screen has fewer */

static void app_first_view(struct app *a, const struct app_cfg *cfg)
{
	struct panel *p;

	for (size_t i = 0; cfg->view && i < nr_views(); i++)
		if (!strcmp(views[i].table, cfg->view))
			a->view = i;
	p = app_panel(a);
	p->q.sort = cfg->sort;
	p->q.group = cfg->group;
	panel_filter(p, cfg->filter ? cfg->filter : "");
}

struct app *app_new(const struct app_cfg *cfg)
{
	struct app *a = xcalloc(1, sizeof(*a));

	a->theme = cfg->theme;
	a->source = xstrdup(cfg->source ? cfg->source : "live");
	a->interval_ns = cfg->interval_ns;
	a->slow_ns = cfg->slow_ns;
	a->hide = cfg->hide;
	a->nr_hide = cfg->nr_hide;
	a->heat = cfg->heat;
	a->arg = cfg->arg;
	a->show_work_waits = cfg->show_work_waits;
	a->show_kthreads = cfg->show_kthreads;
	a->total = cfg->total;
	app_resize(a, 80, 24);
	for (size_t i = 0; i < nr_views(); i++)
		level_init_top(&a->tops[i], &views[i]);
	app_first_view(a, cfg);
	return a;
}

void app_free(struct app *a)
{
	if (!a)
		return;
	while (a->depth)
		level_free(&a->stack[--a->depth]);
	for (size_t i = 0; i < nr_views(); i++)
		level_free(&a->tops[i]);
	snap_put(a->snap);
	free(a->message);
	free(a->source);
	free(a);
}

struct level *app_level(const struct app *a)
{
	return (struct level *)(a->depth ? &a->stack[a->depth - 1] : &a->tops[a->view]);
}

struct panel *app_panel(const struct app *a)
{
	return level_panel(app_level(a));
}

void app_place(struct app *a)
{
	struct level *l = app_level(a);
	struct layout lay;

	layout_make(&lay, a);
	for (int i = 0; i < l->nr_panels; i++)
		panel_place(&l->panels[i], layout_rows(&lay, i));
}

void app_refresh(struct app *a)
{
	level_refresh(app_level(a), a);
	app_place(a);
}

unsigned int app_show(struct app *a, size_t view)
{
	level_leave(app_level(a));
	while (a->depth)
		level_free(&a->stack[--a->depth]);
	a->view = view;
	app_refresh(a);
	return ACTION_REDRAW | ACTION_VIEW;
}

void app_open(struct app *a)
{
	const struct panel *p = app_panel(a);
	const void *row = p ? panel_row(p) : NULL;
	struct level *old = app_level(a);

	if (!row || a->depth == MAX_DEPTH)
		return;
	panel_goto(&old->panels[old->focus], p->sel); /* to be there again on the way back */
	level_init_page(&a->stack[a->depth], a, p, row);
	level_leave(old);
	a->depth++;
	app_refresh(a);
}

void app_back(struct app *a)
{
	if (!a->depth)
		return;
	level_free(&a->stack[--a->depth]);
	app_refresh(a);
}

unsigned int app_snap(struct app *a, const struct snap *s)
{
	const struct snap *old = a->snap;

	if (a->frozen || !s || s == old)
		return 0;
	snap_get(s);
	a->snap = s;
	app_refresh(a); /* only the level that shows borrows from the old one, until here */
	snap_put(old);
	return ACTION_REDRAW;
}

unsigned int app_resize(struct app *a, int w, int h)
{
	a->w = MIN(MAX(w, 0), CANVAS_MAX);
	a->h = MIN(MAX(h, 0), CANVAS_MAX);
	a->chart_h = MAX(a->h / 2, 6);
	app_place(a);
	return ACTION_REDRAW | ACTION_REPAINT;
}

/* A copy of the app, which borrows all that the app holds, on a screen that is high enough. */
void app_text(const struct app *a, struct str *out)
{
	struct app all = *a;
	struct level *l = app_level(&all);
	struct canvas none = {}, c = {};
	int lines = NR_HEAD + 3;

	all.mode = MODE_MAIN;
	all.message = NULL;
	all.w = MAX(a->w, TEXT_WIDTH);
	l->scroll = 0;
	for (int i = 0; i < l->nr_panels; i++) {
		l->panels[i].top = 0;
		lines += (int)MIN(l->panels[i].res.n, (size_t)CANVAS_MAX) + 4;
	}
	if (l->table) /* of a page that has tables the sheet gets a part, see layout.c */
		lines += sheet_draw(&all, &none, l, (struct rect){ 0, 0, all.w, 0 }, 0) * 5 / 2;
	all.h = MIN(lines, CANVAS_MAX);
	canvas_resize(&c, all.w, all.h);
	app_draw(&all, &c);
	canvas_fill(&c, 0, all.h - 1, all.w, ATTR_NORMAL, " "); /* the keys */
	canvas_text(&c, out);
	canvas_free(&c);
	while (out->len > 1 && out->s[out->len - 1] == '\n' && out->s[out->len - 2] == '\n')
		out->s[--out->len] = 0;
}

unsigned int app_message(struct app *a, bool error, const char *text)
{
	struct str line = {};

	enc_text(&line, text, strlen(text), !a->theme.utf8);
	free(a->message);
	a->message = line.s;
	a->message_error = error;
	return ACTION_REDRAW;
}

unsigned int app_key(struct app *a, int key)
{
	static unsigned int (*const handlers[NR_MODES])(struct app * a, int key) = {
		[MODE_MAIN] = main_key,  [MODE_FILTER] = filter_key, [MODE_MENU] = menu_key,
		[MODE_VIEWS] = menu_key, [MODE_HELP] = help_key,
	};
	unsigned int acts = 0;

	if (a->message) {
		free(a->message);
		a->message = NULL;
		acts = ACTION_REDRAW;
	}
	if (key >= APP_KEY_MOUSE)
		return acts | mouse_key(a, key);
	return acts | handlers[a->mode](a, key);
}

uint64_t app_interval_ns(const struct app *a)
{
	return a->interval_ns;
}

const char *app_view(const struct app *a)
{
	return views[a->view].table;
}

uint64_t app_slow_ns(const struct app *a)
{
	return a->slow_ns;
}

bool app_frozen(const struct app *a)
{
	return a->frozen;
}

const struct snap *app_shown(const struct app *a)
{
	return a->snap;
}

const char *app_table(const struct app *a)
{
	const struct panel *p = app_panel(a);

	return p ? p->table : NULL;
}

const struct query *app_query(const struct app *a)
{
	const struct panel *p = app_panel(a);

	return p ? &p->q : NULL;
}
