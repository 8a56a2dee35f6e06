/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What stands where at this size. Drawing, scrolling and the mouse ask here, so that
 * they agree. On small screens the head gives way line by line, then the rest. */
#include "view/app.h"

#define BODY_MIN     8  /* lines that the tables should have before the head gets more */
#define TABLE_MIN    5  /* lines of the tables below a page that is read */
#define PANELS_ROOMY 24 /* with fewer lines than this the panel with the focus gets more of them */
#define TABLE_BESIDE 24 /* with fewer lines than this a page is read alone */

/* Head lines in the order in which they are given up, last one first. */
static void layout_head(struct layout *l, int h, int *y)
{
	static const int order[NR_HEAD] = { 0, 3, 2, 1 };
	int n = MIN(MAX(h - BODY_MIN, 0), NR_HEAD);
	bool shown[NR_HEAD] = {};

	for (int i = 0; i < n; i++)
		shown[order[i]] = true;
	for (int i = 0; i < NR_HEAD; i++)
		l->head[i] = shown[i] ? (*y)++ : -1;
}

static int panel_want(const struct panel *p)
{
	return (int)MIN(p->res.n, (size_t)CANVAS_MAX) + 2; /* title and header */
}

static void layout_panels(struct layout *l, const struct level *lev, struct rect r)
{
	int first, share, third;

	if (lev->nr_panels == 3) {
		third = MIN(panel_want(&lev->panels[2]), lev->focus == 2 ? r.h / 2 : r.h / 4);
		r.h -= third;
		l->panels[2] = (struct rect){ r.x, r.y + r.h, r.w, third };
	}
	first = r.h;
	share = (r.h + 1) / 2;
	if (r.h < PANELS_ROOMY && lev->focus < 2) /* one that can be used, one to be seen */
		share = lev->focus ? r.h / 3 : r.h - r.h / 3;
	if (lev->nr_panels >= 2)
		first = MIN(panel_want(&lev->panels[0]), MAX(share, r.h - panel_want(&lev->panels[1])));
	l->panels[0] = (struct rect){ r.x, r.y, r.w, MAX(first, 0) };
	l->panels[1] = (struct rect){ r.x, r.y + first, r.w, MAX(r.h - first, 0) };
}

static void layout_body(struct layout *l, const struct app *a, struct rect r)
{
	const struct level *lev = app_level(a);
	struct canvas none = {};

	l->titled = lev->table != NULL;
	l->sheet = (struct rect){ r.x, r.y, r.w, 0 };
	if (lev->table)
		l->sheet.h = r.h;
	if (lev->table && lev->nr_panels) {
		/* what has the focus gets the room */
		bool reads = lev->focus == lev->nr_panels;
		int most = reads ? (r.h < TABLE_BESIDE ? r.h : r.h - TABLE_MIN) : r.h * 2 / 5;

		l->sheet.h = MIN(sheet_draw(a, &none, lev, r, 0), most);
	}
	r.y += l->sheet.h;
	r.h -= l->sheet.h;
	layout_panels(l, lev, r);
}

void layout_make(struct layout *l, const struct app *a)
{
	int y = 0, end = a->h;

	*l = (struct layout){ .tabs = -1, .crumb = -1, .bottom = -1 };
	layout_head(l, a->h, &y);
	if (a->h >= 7)
		l->tabs = y++;
	if (a->h >= 6 && a->depth)
		l->crumb = y++;
	if (a->h >= 4)
		l->bottom = --end;
	layout_body(l, a, (struct rect){ 0, y, a->w, MAX(end - y, 0) });
}

int layout_rows(const struct layout *l, int panel)
{
	int h = l->panels[panel].h - (l->titled ? 1 : 0);

	return MAX(h > 1 ? h - 1 : h, 0); /* the header goes before the last row does */
}
