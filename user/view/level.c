/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* A screen: a view's table, or the page of one row with its parts. The app keeps a
 * stack of them; only the one that shows holds results and a subject. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "view/app.h"

void level_init_top(struct level *l, const struct view *v)
{
	*l = (struct level){ .page = &page_table, .view = v, .nr_panels = 1 };
	panel_init(&l->panels[0], v->table);
}

/* The number in field `name` of the row; 0 when there is none. */
static uint32_t row_number(const struct table_desc *d, const void *row, const char *name)
{
	const struct field *f = table_field(d, name);
	struct val v = {};

	if (f)
		v = field_get(f, row);
	return v.type == VAL_U64 ? (uint32_t)v.u : 0;
}

/* Only rows of what the row is: the same call, kind, state, file and lock, as far as it has them. */
static void panel_same(struct panel *p, const struct table_desc *d, const void *row)
{
	/* … what a slow operation was on is called otherwise there */
	static const struct {
		const char *of, *in;
	} names[QUERY_SAME] = {
		{ "name", "name" }, { "kind", "kind" },        { "state", "state" },
		{ "path", "path" }, { "path", "detail.path" }, { "lock", "detail.text" },
	};

	for (size_t i = 0; i < QUERY_SAME; i++) {
		const struct field *f = table_field(d, names[i].of);
		struct val v = {};

		if (f)
			v = field_get(f, row);
		if (v.type != VAL_STR || !v.s)
			continue;
		str_add(&p->same[i], v.s);
		p->q.same[i] = (struct query_same){ names[i].in, str_get(&p->same[i]) };
	}
}

/* Only rows that have in one field what the row has in another. */
static void panel_in_field(struct panel *p, const struct table_desc *d, const void *row,
			   const struct part *part)
{
	const struct field *by = table_field(d, part->by);
	struct val v = {};

	if (by)
		v = field_get(by, row);
	if (v.type != VAL_STR)
		return;
	str_add(&p->same[0], v.s);
	p->q.same[0] = (struct query_same){ part->in, str_get(&p->same[0]) };
}

/* Only rows of the group that the row is, which is known by its name. */
static void panel_in(struct panel *p, enum group group, const struct table_desc *d, const void *row)
{
	const struct field *comm = table_field(d, "comm");
	struct val v = {};

	if (comm)
		v = field_get(comm, row);
	p->q.in = group;
	if (v.type != VAL_STR || !strcmp(v.s, GROUP_NAMELESS))
		return;
	str_add(&p->in_name, v.s);
	p->q.in_name = str_get(&p->in_name);
}

static void level_add_panel(struct level *l, const struct part *part, const struct table_desc *d,
			    const void *row)
{
	struct panel *p = &l->panels[l->nr_panels++];

	panel_init(p, part->table ? part->table : d->name);
	p->title = part->title;
	if (l->group <= GROUP_PROCESS)
		p->q.pid = row_number(d, row, "pid");
	if (l->group == GROUP_NONE)
		p->q.tid = row_number(d, row, "tid");
	if (part->same)
		panel_same(p, d, row);
	if (part->in)
		panel_in_field(p, d, row, part);
	if (l->group > GROUP_PROCESS)
		panel_in(p, l->group, d, row);
}

static bool left_out(const struct app *a, const struct part *part)
{
	const struct snap_table *t = part->optional && a->snap ? snap_table(a->snap, part->table) : NULL;

	return part->optional && (!t || !t->n);
}

/* A brief sheet is only looked at; others may be longer than the screen. */
static bool level_reads(const struct level *l)
{
	return l->table && l->page->parts[0].kind != PART_BRIEF;
}

void level_init_page(struct level *l, struct app *a, const struct panel *p, const void *row)
{
	const struct view *v = view_of_table(p->table);
	bool grouped = p->q.group != GROUP_NONE && group_merges(p->res.desc, p->q.group);
	const struct page *page = !v ? NULL : grouped ? v->grouped : v->page;

	*l = (struct level){ .page = page ? page : &page_row, .view = v, .table = p->table };
	l->group = p->q.group;
	row_key(&l->key, p->res.desc, row, p->q.group);
	row_label(&l->label, a, p->res.desc, row, v ? v->label : "name comm pid");
	for (size_t i = 0; i < PAGE_PARTS; i++)
		if (l->page->parts[i].kind == PART_TABLE && l->nr_panels < PAGE_PANELS &&
		    !left_out(a, &l->page->parts[i]))
			level_add_panel(l, &l->page->parts[i], p->res.desc, row);
	if (level_reads(l))
		l->focus = l->nr_panels;
}

static void level_forget(struct level *l)
{
	query_free(&l->res);
	l->res = (struct query_result){};
	snap_put(l->snap);
	l->snap = NULL;
	l->row = NULL;
}

void level_leave(struct level *l)
{
	level_forget(l);
	for (int i = 0; i < l->nr_panels; i++)
		panel_drop(&l->panels[i]);
}

void level_free(struct level *l)
{
	level_forget(l);
	for (int i = 0; i < l->nr_panels; i++)
		panel_free(&l->panels[i]);
	str_free(&l->key);
	str_free(&l->label);
	free(l->heat);
	*l = (struct level){};
}

/* The row with the level's key in its table; res becomes the owner of a grouped row. */
static const void *level_find(const struct level *l, const struct app *a, const struct snap_table *t,
			      struct query_result *res)
{
	struct query all = { .show_work_waits = true, .show_kthreads = true, .group = l->group };
	bool grouped = l->group != GROUP_NONE;
	const void *found = NULL;
	struct str key = {};
	size_t n = t->n;

	if (grouped) {
		query_run(res, a->snap, t, &all);
		n = res->n;
	}
	for (size_t i = 0; i < n && !found; i++) {
		const void *row = grouped ? res->rows[i] : snap_row(t, i);

		row_key(&key, t->desc, row, l->group);
		if (key.len == l->key.len && !memcmp(str_get(&key), str_get(&l->key), key.len))
			found = row;
	}
	str_free(&key);
	return found;
}

static void level_refresh_subject(struct level *l, struct app *a)
{
	const struct snap_table *t = a->snap ? snap_table(a->snap, l->table) : NULL;
	struct query_result res = {};
	const void *row = t ? level_find(l, a, t, &res) : NULL;

	l->gone = !row;
	if (!row) { /* what was seen last stays */
		query_free(&res);
		return;
	}
	snap_get(a->snap);
	level_forget(l);
	l->snap = a->snap;
	l->row = row;
	l->res = res;
}

/* Only operations have a history, and exchanges, whose rows begin with one. */
static void level_refresh_heat(struct level *l, struct app *a)
{
	const struct table_desc *d = level_desc(l);

	if (!d || (d->rows != ROWS_OPERATIONS && d->rows != ROWS_EXCHANGES && d->rows != ROWS_FUNCTIONS) ||
	    !a->heat || l->gone)
		return;
	if (!l->heat)
		l->heat = xcalloc(1, sizeof(*l->heat));
	if (!a->heat(a->arg, l->row, l->heat)) {
		free(l->heat);
		l->heat = NULL;
	}
}

void level_refresh(struct level *l, struct app *a)
{
	if (l->table) {
		level_refresh_subject(l, a);
		level_refresh_heat(l, a);
	}
	for (int i = 0; i < l->nr_panels; i++)
		panel_refresh(a, &l->panels[i]);
}

const struct table_desc *level_desc(const struct level *l)
{
	const struct snap_table *t = l->row ? snap_table(l->snap, l->table) : NULL;

	return t ? t->desc : NULL;
}

struct panel *level_panel(struct level *l)
{
	return l->focus < l->nr_panels ? &l->panels[l->focus] : NULL;
}

int level_parts(const struct level *l)
{
	return l->nr_panels + level_reads(l);
}

void level_scroll(struct level *l, struct app *a, int lines)
{
	struct canvas none = {};
	struct layout lay;
	int most;

	layout_make(&lay, a);
	most = MAX(sheet_draw(a, &none, l, lay.sheet, 0) - lay.sheet.h, 0);
	l->scroll = MIN(MAX(l->scroll + lines, 0), most);
}
