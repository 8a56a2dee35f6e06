/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* One table on the screen: its query, its rows, and the row the user is on, which is
 * known by its key, not by its place. Called by level.c and by the keys. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "view/app.h"

void panel_init(struct panel *p, const char *table)
{
	*p = (struct panel){ .table = table };
}

void panel_drop(struct panel *p)
{
	query_free(&p->res);
	p->res = (struct query_result){};
	free(p->set_in);
	p->set_in = NULL;
}

void panel_free(struct panel *p)
{
	panel_drop(p);
	for (size_t i = 0; i < QUERY_SAME; i++)
		str_free(&p->same[i]);
	str_free(&p->in_name);
	str_free(&p->filter);
	str_free(&p->key);
	hash_free(p->open);
}

/* A group is known by its name and what it keeps apart: the numbers of its members come and go. */
static bool in_key(const struct field *f, enum group group)
{
	bool key = f->flags & FIELD_KEY;

	if (group == GROUP_NONE)
		return key;
	return (key && (field_type(f) == VAL_STR || field_type(f) == VAL_STACK)) ||
	       !strcmp(f->name, group == GROUP_PROCESS ? "pid" : "comm");
}

void row_key(struct str *key, const struct table_desc *d, const void *row, enum group group)
{
	str_reset(key);
	for (size_t i = 0; i < d->nr_fields; i++) {
		struct val v;

		if (!in_key(&d->fields[i], group))
			continue;
		v = field_get(&d->fields[i], row);
		str_addc(key, (char)v.type);
		if (v.type == VAL_STR)
			str_addn(key, v.s, strlen(v.s) + 1);
		else if (v.type == VAL_STACK) /* it is another copy in each picture */
			str_addn(key, (const char *)&v.stack->id, sizeof(v.stack->id));
		else if (v.type != VAL_NONE)
			str_addn(key, (const char *)&v.u, v.type == VAL_BOOL ? sizeof(v.b) : sizeof(v.u));
	}
}

void row_label(struct str *out, const struct app *a, const struct table_desc *d, const void *row,
	       const char *label)
{
	while (*label) {
		size_t n = strcspn(label, " ");
		__free char *name = xstrndup(label, n);
		const struct field *f = table_field(d, name);

		label += n + strspn(label + n, " ");
		if (!f)
			continue;
		struct val v = field_get(f, row);

		if (v.type == VAL_NONE)
			continue;
		if (out->len)
			str_addc(out, ' ');
		val_text(out, f, &v, !a->theme.utf8);
	}
}

const struct field *panel_sort(const struct app *a, const struct panel *p)
{
	const struct table_desc *d = p->res.desc;
	const char *name = p->q.sort;
	const struct field *f;

	if (!d)
		return NULL;
	if (!name && a->show_work_waits && d->sort_all)
		name = d->sort_all;
	else if (!name)
		name = a->total && d->sort_wide ? d->sort_wide : d->sort;
	f = name ? table_field(d, name) : NULL;
	return f ? field_twin(d, f, a->total) : NULL;
}

bool panel_ascending(const struct app *a, const struct panel *p)
{
	const struct field *f = panel_sort(a, p);

	return p->q.flip ? p->q.ascending : f && (f->flags & FIELD_ASC);
}

/* The row with the panel's key, or else the same place. */
static void panel_find(struct panel *p)
{
	struct str key = {};
	size_t i;

	for (i = 0; p->key.len && i < p->res.n; i++) {
		row_key(&key, p->res.desc, p->res.rows[i], p->q.group);
		if (key.len == p->key.len && !memcmp(key.s, p->key.s, key.len))
			break;
	}
	if (p->key.len && i < p->res.n)
		p->sel = i;
	else
		p->sel = p->res.n ? MIN(p->sel, p->res.n - 1) : 0;
	str_free(&key);
}

void panel_refresh(struct app *a, struct panel *p)
{
	const struct snap_table *t = a->snap ? snap_table(a->snap, p->table) : NULL;

	panel_drop(p);
	p->q.filter = p->filter.len ? p->filter.s : NULL;
	/* who asks for this one kind means it */
	p->q.show_work_waits = a->show_work_waits || p->q.same[0].value || (t && t->desc->tree);
	p->q.show_kthreads = a->show_kthreads;
	p->q.total = a->total;
	if (!t)
		return;
	query_run(&p->res, a->snap, t, &p->q);
	if (tree_shows(p))
		tree_arrange(p);
	panel_find(p);
}

void panel_goto(struct panel *p, size_t index)
{
	if (!p->res.n)
		return;
	p->sel = MIN(index, p->res.n - 1);
	row_key(&p->key, p->res.desc, p->res.rows[p->sel], p->q.group);
}

void panel_move(struct panel *p, long delta)
{
	if (delta < 0 && (size_t)-delta > p->sel)
		panel_goto(p, 0);
	else
		panel_goto(p, p->sel + (size_t)delta);
}

void panel_filter(struct panel *p, const char *text)
{
	str_reset(&p->filter);
	str_add(&p->filter, text);
}

void panel_sort_by(struct app *a, struct panel *p, const struct field *f)
{
	/* of twins the one that was meant: its span is what ranks from now on */
	if (field_twin(p->res.desc, f, a->total) != f)
		a->total = !a->total;
	p->q.sort = f->name;
	p->q.flip = false;
}

void panel_place(struct panel *p, int visible)
{
	size_t n = visible > 0 ? (size_t)visible : 1;

	if (p->top + n > p->res.n)
		p->top = p->res.n > n ? p->res.n - n : 0;
	if (p->sel < p->top)
		p->top = p->sel;
	if (p->sel >= p->top + n)
		p->top = p->sel - n + 1;
}

const void *panel_row(const struct panel *p)
{
	return p->sel < p->res.n ? p->res.rows[p->sel] : NULL;
}
