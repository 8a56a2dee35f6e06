/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Draws a panel: title, header with the sort column marked, rows. Knows no table and
 * no column: all follow from the fields. */
#include <stdio.h>
#include <string.h>

#include "base/fmt.h"
#include "view/app.h"

static void table_title(const struct app *a, struct canvas *c, const struct panel *p, struct rect r,
			bool focus)
{
	const struct view *v = view_of_table(p->table);
	struct pen pen = { c, &a->theme, r.x, r.y, r.x + r.w };
	char buf[FMT_LEN];

	canvas_fill(c, r.x, r.y, r.w, ATTR_RULE, theme_glyph(&a->theme, GLYPH_HLINE));
	pen.x += 1;
	pen_put(&pen, focus ? ATTR_TAB_ON : ATTR_SECTION, " ");
	pen_put(&pen, focus ? ATTR_TAB_ON : ATTR_SECTION, p->title ? p->title : v ? v->title : p->table);
	pen_put(&pen, focus ? ATTR_TAB_ON : ATTR_SECTION, " ");
	pen_printf(&pen, ATTR_DIM, " %s ", fmt_count(buf, p->res.matched));
	if (p->filter.len) {
		pen_put(&pen, ATTR_LABEL, " filter ");
		pen_raw(&pen, ATTR_WARN, p->filter.s);
		pen_put(&pen, ATTR_NORMAL, " ");
	}
}

static void header_cell(const struct app *a, struct canvas *c, int y, int x0, const struct panel *p,
			const struct column *col, const char *mark)
{
	const struct field *f = col->f;
	unsigned int attr = mark ? ATTR_SORT : ATTR_HEADER;
	const char *title = column_title(p, f);
	int width = MIN(text_width(title), col->w), x = x0 + col->x;

	canvas_fill(c, x, y, col->w, attr, " ");
	if (!field_left(f))
		x += col->w - width;
	put_cut(c, &a->theme, x, y, col->w, attr, title);
	if (!mark)
		return;
	/* beside the title, or in the gap where the title fills its column */
	if (field_left(f) || x == 0)
		canvas_put(c, x + width, y, ATTR_SORT, mark);
	else
		canvas_put(c, x - 1, y, ATTR_SORT, mark);
}

static void table_header(const struct app *a, struct canvas *c, const struct panel *p, struct rect r,
			 const struct column *cols, int n)
{
	const struct field *sort = panel_sort(a, p);
	const char *mark = theme_glyph(&a->theme, panel_ascending(a, p) ? GLYPH_ASCENDING : GLYPH_DESCENDING);

	canvas_fill(c, r.x, r.y, r.w, ATTR_HEADER, " ");
	for (int i = 0; i < n; i++)
		header_cell(a, c, r.y, r.x, p, &cols[i], NULL);
	for (int i = 0; i < n; i++)
		if (cols[i].f == sort)
			header_cell(a, c, r.y, r.x, p, &cols[i], mark);
}

/* The colour of a word that is a state; ATTR_NORMAL for any other. */
static unsigned int word_attr(const struct val *v)
{
	for (unsigned int i = 0; v->type == VAL_STR && i < NR_HL_STATES; i++)
		if (v->s == hl_state_names[i]) /* our word, not a name that reads like it */
			return hl_state_is_work_wait[i] ? ATTR_DIM : ATTR_STATE + i;
	return ATTR_NORMAL;
}

static bool val_is_nothing(const struct val *v)
{
	return val_is_none(v) || ((v->type == VAL_U64 || v->type == VAL_I64) && !v->u) ||
	       (v->type == VAL_F64 && v->f == 0);
}

/* How a row is drawn. */
#define CELL_SORTED   (1u << 0)
#define CELL_SELECTED (1u << 1)
#define CELL_TAIL     (1u << 2)
#define CELL_DIM      (1u << 3)

/* mark: what stands before its name; NULL: nothing. */
static void table_cell(const struct app *a, struct canvas *c, int x, int y, const struct column *col,
		       const void *row, unsigned int how, const char *mark, int set_in)
{
	struct val v = field_get(col->f, row);
	unsigned int attr = how & CELL_SELECTED ? ATTR_NORMAL : word_attr(&v);
	struct str text = {};

	if (v.type == VAL_STATES) {
		bar_draw(a, c, x, y, col->w, v.states);
		return;
	}
	if (mark && !strcmp(col->f->name, "name"))
		str_addf(&text, "%*s%s", 2 * set_in, "", mark);
	val_text(&text, col->f, &v, !a->theme.utf8);
	if (val_is_nothing(&v))
		attr = ATTR_ZERO;
	else if (how & CELL_DIM)
		attr = ATTR_DIM;
	else if (how & CELL_SORTED && attr == ATTR_NORMAL)
		attr = ATTR_BOLD;
	if (how & CELL_TAIL)
		put_tail(c, &a->theme, x, y, col->w, attr, str_get(&text));
	else if (field_left(col->f))
		put_cut(c, &a->theme, x, y, col->w, attr, str_get(&text));
	else
		put_right(c, &a->theme, x, y, col->w, attr, str_get(&text));
	str_free(&text);
}

/* Is the row of something that has ended? */
static bool row_is_past(const struct table_desc *d, const void *row)
{
	for (size_t i = 0; i < d->nr_fields; i++) {
		struct val v = {};

		if (d->fields[i].flags & FIELD_DIM)
			v = field_get(&d->fields[i], row);
		if (v.type == VAL_BOOL && v.b)
			return true;
	}
	return false;
}

static void table_rows(const struct app *a, struct canvas *c, const struct panel *p, struct rect r,
		       const struct column *cols, int n, bool focus)
{
	const struct field *sort = panel_sort(a, p);

	for (int y = 0; y < r.h && p->top + (size_t)y < p->res.n; y++) {
		size_t at = p->top + (size_t)y;
		const void *row = p->res.rows[at];
		const char *mark = p->res.desc->tree ? tree_mark(p, at) : NULL;
		bool selected = focus && at == p->sel;
		unsigned int how =
			(selected ? CELL_SELECTED : 0) | (row_is_past(p->res.desc, row) ? CELL_DIM : 0);

		for (int i = 0; i < n; i++)
			table_cell(a, c, r.x + cols[i].x, r.y + y, &cols[i], row,
				   how | (cols[i].f == sort ? CELL_SORTED : 0) |
					   (column_tail(p, cols[i].f) ? CELL_TAIL : 0),
				   mark, p->set_in ? p->set_in[at] : 0);
		if (selected)
			canvas_select(c, r.x, r.y + y, r.w);
	}
}

static void table_empty(const struct app *a, struct canvas *c, const struct panel *p, struct rect r,
			bool focus)
{
	struct pen pen = { c, &a->theme, r.x + 1, r.y + (r.h > 2), r.x + r.w };
	const struct snap_table *t = a->snap ? snap_table(a->snap, p->table) : NULL;

	if (!a->snap) {
		pen_put(&pen, ATTR_DIM, "waiting for the first interval");
	} else if (!t || snap_is_off(a->snap, t->desc)) {
		pen_put(&pen, ATTR_DIM, "not measured here");
	} else if (p->filter.len) {
		pen_put(&pen, ATTR_DIM, "no row has ");
		pen_raw(&pen, ATTR_WARN, p->filter.s);
		if (!focus) /* Esc would go back */
			return;
		pen_put(&pen, ATTR_DIM, "   ");
		pen_put(&pen, ATTR_KEYCAP, " Esc ");
		pen_put(&pen, ATTR_DIM, " shows all");
	} else if (t->n && !p->q.show_work_waits) {
		pen_put(&pen, ATTR_DIM, "nothing but waiting for work   ");
		pen_put(&pen, ATTR_KEYCAP, " i ");
		pen_put(&pen, ATTR_DIM, " shows it");
	} else {
		pen_put(&pen, ATTR_DIM, "nothing so far");
	}
}

void table_draw(const struct app *a, struct canvas *c, const struct level *l, int panel,
		const struct layout *lay)
{
	const struct panel *p = &l->panels[panel];
	struct rect r = lay->panels[panel];
	bool focus = panel == l->focus;
	struct column cols[MAX_COLUMNS];
	int n = columns_place(cols, a, p, r.w);

	if (r.h <= 0)
		return;
	canvas_clip(c, r.x, r.y, r.w, r.h);
	if (lay->titled) {
		table_title(a, c, p, r, focus);
		r.y++;
		r.h--;
	}
	if (p->res.desc && r.h > 1) {
		table_header(a, c, p, r, cols, n);
		r.y++;
		r.h--;
	}
	if (p->res.n)
		table_rows(a, c, p, r, cols, n, focus);
	else if (r.h > 0)
		table_empty(a, c, p, r, focus);
	canvas_unclip(c);
}
