/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Keys are rows here: codes, how the help writes it, what it does. The bottom line and
 * the help screen follow. A new key is its action and one row. Modes that read keys
 * in their own way are in input.c.
 */
#include <stdio.h>
#include <string.h>

#include "base/fmt.h"
#include "view/app.h"

#define CTRL(c) ((c)&0x1f)

static unsigned int changed(struct app *a)
{
	app_refresh(a);
	return ACTION_REDRAW;
}

static unsigned int say(struct app *a, const char *text)
{
	app_message(a, false, text);
	return ACTION_REDRAW;
}

static int visible_rows(const struct app *a)
{
	struct layout lay;
	const struct level *l = app_level(a);

	layout_make(&lay, a);
	return MAX(layout_rows(&lay, l->focus), 1);
}

static unsigned int act_move(struct app *a, int arg)
{
	struct panel *p = app_panel(a);

	if (p)
		panel_move(p, arg);
	else
		level_scroll(app_level(a), a, arg);
	app_place(a);
	return ACTION_REDRAW;
}

static unsigned int act_page(struct app *a, int arg)
{
	return act_move(a, app_panel(a) ? arg * visible_rows(a) : arg * MAX(a->h / 2, 1));
}

static unsigned int act_open(struct app *a, int arg)
{
	app_open(a);
	return ACTION_REDRAW;
}

static unsigned int act_back(struct app *a, int arg)
{
	app_back(a);
	return ACTION_REDRAW;
}

/* The panel with the focus, if its rows are a tree. */
static struct panel *tree_panel(const struct app *a)
{
	struct panel *p = app_panel(a);

	return p && tree_shows(p) ? p : NULL;
}

static unsigned int act_right(struct app *a, int arg)
{
	struct panel *p = tree_panel(a);

	return p && tree_open(p) ? changed(a) : act_open(a, arg);
}

static unsigned int act_left(struct app *a, int arg)
{
	struct panel *p = tree_panel(a);

	return p && tree_close(p) ? changed(a) : act_back(a, arg);
}

static unsigned int act_open_all(struct app *a, int arg)
{
	struct panel *p = tree_panel(a);

	if (!p)
		return 0;
	tree_open_all(a, p);
	return changed(a);
}

/* The next view, or the next part of a page. */
static unsigned int act_next(struct app *a, int arg)
{
	struct level *l = app_level(a);
	int n = level_parts(l);

	if (!a->depth)
		return app_show(a, (a->view + (size_t)((int)nr_views() + arg)) % nr_views());
	if (n) {
		l->focus = (l->focus + n + arg) % n;
		app_place(a);
	}
	return ACTION_REDRAW;
}

static unsigned int act_filter(struct app *a, int arg)
{
	struct panel *p = app_panel(a);

	if (!p)
		return 0;
	a->mode = MODE_FILTER;
	return ACTION_REDRAW;
}

/* One step out: the filter, then the page. */
static unsigned int act_escape(struct app *a, int arg)
{
	struct panel *p = app_panel(a);

	if (!p || !p->filter.len)
		return act_back(a, arg);
	panel_filter(p, "");
	return changed(a);
}

/* Sort by the column `arg` places from the present one. */
static unsigned int act_sort_move(struct app *a, int arg)
{
	struct panel *p = app_panel(a);
	const struct field *sort = p ? panel_sort(a, p) : NULL, *can[MAX_COLUMNS];
	struct column cols[MAX_COLUMNS];
	int n = p ? columns_place(cols, a, p, a->w) : 0, m = 0, at = -1;

	for (int i = 0; i < n; i++) {
		if (!field_sortable(cols[i].f))
			continue;
		if (cols[i].f == sort)
			at = m;
		can[m++] = cols[i].f;
	}
	if (!m)
		return 0;
	panel_sort_by(a, p, can[at < 0 ? 0 : (at + m + arg) % m]);
	return changed(a);
}

static unsigned int act_reverse(struct app *a, int arg)
{
	struct panel *p = app_panel(a);

	if (!p)
		return 0;
	p->q.ascending = !panel_ascending(a, p);
	p->q.flip = true;
	return changed(a);
}

static unsigned int act_menu(struct app *a, int arg)
{
	if (!menu_field(a, 0))
		return 0;
	a->menu = menu_current(a);
	a->mode = MODE_MENU;
	return ACTION_REDRAW;
}

static unsigned int act_views(struct app *a, int arg)
{
	a->menu = (int)a->view;
	a->mode = MODE_VIEWS;
	return ACTION_REDRAW;
}

static unsigned int act_freeze(struct app *a, int arg)
{
	a->frozen = !a->frozen;
	return say(a, a->frozen ? "frozen: Space goes on" : "goes on with the next interval");
}

static unsigned int act_work_waits(struct app *a, int arg)
{
	a->show_work_waits = !a->show_work_waits;
	say(a, a->show_work_waits ? "waiting for work is shown" : "waiting for work is left out");
	return changed(a);
}

static unsigned int act_kthreads(struct app *a, int arg)
{
	a->show_kthreads = !a->show_kthreads;
	say(a, a->show_kthreads ? "kernel threads are shown" : "kernel threads are left out");
	return changed(a);
}

static unsigned int act_total(struct app *a, int arg)
{
	a->total = !a->total;
	say(a, a->total ? "ranked by the total since start" : "ranked by the last interval");
	return changed(a);
}

static unsigned int act_group(struct app *a, int arg)
{
	struct panel *p = app_panel(a);
	char text[64];

	if (!p || !p->res.desc)
		return 0;
	do
		p->q.group = (p->q.group + 1) % NR_GROUPS;
	while (!group_merges(p->res.desc, p->q.group));
	str_reset(&p->key);
	p->sel = 0;
	snprintf(text, sizeof(text), "grouped by %s", group_names[p->q.group]);
	if (!group_merges(p->res.desc, GROUP_COMM))
		snprintf(text, sizeof(text), "these are single events: nothing to group");
	else if (p->q.group == GROUP_NONE)
		snprintf(text, sizeof(text), "not grouped");
	say(a, text);
	return changed(a);
}

static const uint64_t steps[] = {
	100 * NSEC_PER_USEC, 250 * NSEC_PER_USEC, 500 * NSEC_PER_USEC, NSEC_PER_MSEC,
	2 * NSEC_PER_MSEC,   5 * NSEC_PER_MSEC,   10 * NSEC_PER_MSEC,  20 * NSEC_PER_MSEC,
	50 * NSEC_PER_MSEC,  100 * NSEC_PER_MSEC, 200 * NSEC_PER_MSEC, 500 * NSEC_PER_MSEC,
	NSEC_PER_SEC,        2 * NSEC_PER_SEC,    5 * NSEC_PER_SEC,    10 * NSEC_PER_SEC,
	30 * NSEC_PER_SEC,   60 * NSEC_PER_SEC,
};

/* The next longer or shorter step within min and max. */
static uint64_t step(uint64_t ns, int dir, uint64_t min, uint64_t max)
{
	uint64_t best = ns;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		if (steps[i] < min || steps[i] > max)
			continue;
		if (dir < 0 && steps[i] < ns)
			best = steps[i];
		if (dir > 0 && steps[i] > ns)
			return steps[i];
	}
	return best;
}

static unsigned int change_time(struct app *a, uint64_t *ns, uint64_t to, const char *what,
				unsigned int action)
{
	char buf[FMT_LEN], text[64];
	bool same = to == *ns;

	if (!*ns) {
		snprintf(text, sizeof(text), "the %s of a recording is what it is", what);
		return say(a, text);
	}
	*ns = to;
	snprintf(text, sizeof(text), "%s %s", what, fmt_ns(buf, to));
	return say(a, text) | (same ? 0 : action);
}

static unsigned int act_interval(struct app *a, int arg)
{
	return change_time(a, &a->interval_ns,
			   step(a->interval_ns, arg, 100 * NSEC_PER_MSEC, 60 * NSEC_PER_SEC), "interval",
			   ACTION_INTERVAL);
}

static unsigned int act_slow(struct app *a, int arg)
{
	return change_time(a, &a->slow_ns, step(a->slow_ns, arg, 100 * NSEC_PER_USEC, 60 * NSEC_PER_SEC),
			   "threshold of slow operations", ACTION_SLOW);
}

static unsigned int act_return(struct app *a, int arg)
{
	return (unsigned int)arg;
}

static unsigned int act_help(struct app *a, int arg)
{
	a->mode = MODE_HELP;
	a->scroll = 0;
	return ACTION_REDRAW;
}

#define FAR (CANVAS_MAX * CANVAS_MAX)

/* clang-format off */
const struct key keys[] = {
	{ { '\r', '\n', APP_KEY_ENTER }, "Enter", "open", "open the row: its threads and calls, histogram and heatmap, or detail", act_open, 0, KEY_PANEL },
	{ { APP_KEY_BACKSPACE, 127, 8 }, "Backspace", NULL, "back, to where it was", act_back, 0, 0 },
	{ { APP_KEY_RIGHT }, "Right Left", NULL, "open the row, go back; in a tree: open what is below the row, close it", act_right, 0, 0 },
	{ { APP_KEY_LEFT }, "Left", NULL, NULL, act_left, 0, 0 },
	{ { 'x' }, "x", NULL, "in a tree: open or close all below the row", act_open_all, 0, 0 },
	{ { '/' }, "/", "filter", "filter as you type: rows in which every word occurs", act_filter, 0, KEY_PANEL },
	{ { 27 }, "Esc", NULL, "clear the filter, or go back", act_escape, 0, 0 },
	{ { 's' }, "s", "sort", "choose the column to sort by", act_menu, 0, KEY_PANEL },
	{ { '<', ',' }, "< >", NULL, "sort by the column to the left, to the right", act_sort_move, -1, KEY_PANEL },
	{ { '>', '.' }, ">", NULL, NULL, act_sort_move, 1, KEY_PANEL },
	{ { 'r' }, "r", "reverse", "reverse the order", act_reverse, 0, KEY_PANEL | KEY_WIDE },
	{ { 't' }, "t", "total", "rank by the last interval or by the total since start", act_total, 0, KEY_PANEL },
	{ { 'i' }, "i", "idle", "show or hide waiting for work: poll, idle, park, sleep, child", act_work_waits, 0, KEY_PANEL },
	{ { 'k' }, "k", "kernel threads", "show or hide kernel threads", act_kthreads, 0, KEY_WIDE },
	{ { 'g' }, "g", "group", "group by process, command, cgroup or container; Enter lists what is in a group", act_group, 0, KEY_PANEL },
	{ { ' ', 'f' }, "Space", "freeze", "freeze the screen; measuring goes on", act_freeze, 0, 0 },
	{ { 'n' }, "n", NULL, "of a recording, the next interval, and stay there", act_return, ACTION_STEP, 0 },
	{ { '+', '=' }, "+ -", "interval", "longer, shorter interval", act_interval, 1, KEY_WIDE },
	{ { '-', '_' }, "-", NULL, NULL, act_interval, -1, 0 },
	{ { ']' }, "] [", NULL, "raise, lower the threshold of slow operations", act_slow, 1, 0 },
	{ { '[' }, "[", NULL, NULL, act_slow, -1, 0 },
	{ { 'c' }, "c", "calls", "exact system calls: auto, on, off", act_return, ACTION_CALLS, 0 },
	{ { 'w' }, "w", "save", "save to files: what is shown, as text, and all that is known, as JSON", act_return, ACTION_SAVE, 0 },
	{ { APP_KEY_UP }, "Up Down", NULL, "one row up, down", act_move, -1, 0 },
	{ { APP_KEY_DOWN }, "Down", NULL, NULL, act_move, 1, 0 },
	{ { APP_KEY_PGUP }, "PgUp PgDn", NULL, "one page up, down", act_page, -1, 0 },
	{ { APP_KEY_PGDN }, "PgDn", NULL, NULL, act_page, 1, 0 },
	{ { APP_KEY_HOME }, "Home End", NULL, "first row, last row", act_move, -FAR, 0 },
	{ { APP_KEY_END }, "End", NULL, NULL, act_move, FAR, 0 },
	{ { 'v' }, "v", "views", "choose a view from a list; its digit or letter leads there at once", act_views, 0, KEY_WIDE },
	{ { '\t' }, "Tab", NULL, "next view; on a page, the next part", act_next, 1, 0 },
	{ { APP_KEY_BACKTAB }, "Shift-Tab", NULL, "the one before", act_next, -1, 0 },
	{ { CTRL('l') }, "Ctrl-L", NULL, "paint the screen anew", act_return, ACTION_REDRAW | ACTION_REPAINT, 0 },
	{ { '?', 'h', APP_KEY_F1 }, "?", "help", "this page", act_help, 0, KEY_ALWAYS },
	{ { 'q', CTRL('c') }, "q", "quit", "quit", act_return, ACTION_QUIT, KEY_ALWAYS },
	{}
};
/* clang-format on */

unsigned int main_key(struct app *a, int key)
{
	for (const struct key *k = keys; k->name; k++)
		for (size_t i = 0; i < ARRAY_SIZE(k->codes); i++)
			if (k->codes[i] && k->codes[i] == key)
				return k->act(a, k->arg);
	for (size_t i = 0; i < nr_views(); i++) {
		if (views[i].key != key)
			continue;
		return app_show(a, i);
	}
	return 0;
}
