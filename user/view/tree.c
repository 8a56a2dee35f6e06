/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * A table whose rows are below each other: each row is known by its `id` and says in `parent` below
 * which one it is. The roots show, and below those that are opened what is below them, set in. What is
 * open is known by id, so that it stays open from picture to picture. Called by panel.c and the keys.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "view/app.h"

#define MAX_SET_IN 20 /* steps; what is deeper stands as far to the right */

static uint64_t text_hash(const void *row, const struct table_desc *d, const char *name)
{
	const struct field *f = table_field(d, name);
	struct val v = {};

	if (f)
		v = field_get(f, row);
	return v.type == VAL_STR && *v.s ? hash_bytes(v.s, strlen(v.s)) : 0;
}

static uint64_t id_of(const struct panel *p, const void *row)
{
	return text_hash(row, p->res.desc, "id");
}

bool tree_shows(const struct panel *p)
{
	return p->res.desc && p->res.desc->tree && !p->filter.len && !p->q.same[0].value &&
	       p->q.group == GROUP_NONE;
}

static bool is_open(const struct panel *p, uint64_t id)
{
	return p->open && hash_get(p->open, &id);
}

static void set_open(struct panel *p, uint64_t id, bool open)
{
	if (!p->open)
		p->open = hash_new(sizeof(id));
	if (open)
		hash_put(p->open, &id, p);
	else
		hash_del(p->open, &id);
}

/* The rows in their order, each with the next one below the same place. */
struct siblings {
	size_t *next, *first_of; /* place + 1; 0: none. first_of: below the row at that place */
	size_t root;
};

static void link_rows(const struct panel *p, struct siblings *s)
{
	struct hash *places = hash_new(sizeof(uint64_t));
	size_t n = p->res.n;

	s->next = xcalloc(n + 1, sizeof(*s->next));
	s->first_of = xcalloc(n + 1, sizeof(*s->first_of));
	for (size_t i = 0; i < n; i++) {
		uint64_t id = id_of(p, p->res.rows[i]);

		hash_put(places, &id, (void *)(uintptr_t)(i + 1));
	}
	for (size_t i = n; i-- > 0;) { /* from the last one on, so that the first one ends up first */
		uint64_t above = text_hash(p->res.rows[i], p->res.desc, "parent");
		size_t at = above ? (size_t)(uintptr_t)hash_get(places, &above) : 0;
		size_t *first = at ? &s->first_of[at - 1] : &s->root;

		s->next[i] = *first;
		*first = i + 1;
	}
	hash_free(places);
}

/* Goes down where it is open, then on, then up; what was come from stands on a stack. */
void tree_arrange(struct panel *p)
{
	const void **rows = xcalloc(p->res.n + 1, sizeof(*rows));
	size_t *back = xcalloc(p->res.n + 1, sizeof(*back)), depth = 0, n = 0;
	struct siblings s = {};

	link_rows(p, &s);
	free(p->set_in);
	p->set_in = xcalloc(p->res.n + 1, 1);
	for (size_t at = s.root; at;) {
		p->set_in[n] = (unsigned char)MIN(depth, (size_t)MAX_SET_IN);
		rows[n++] = p->res.rows[at - 1];
		if (s.first_of[at - 1] && is_open(p, id_of(p, p->res.rows[at - 1]))) {
			back[depth++] = at;
			at = s.first_of[at - 1];
			continue;
		}
		at = s.next[at - 1];
		while (!at && depth)
			at = s.next[back[--depth] - 1];
	}
	memcpy(p->res.rows, rows, n * sizeof(*rows));
	p->res.n = n;
	free(s.next);
	free(s.first_of);
	free(back);
	free(rows);
}

const char *tree_mark(const struct panel *p, size_t i)
{
	const struct field *more = table_field(p->res.desc, "more");
	struct val v = {};

	if (more)
		v = field_get(more, p->res.rows[i]);
	if (v.type != VAL_STR)
		return "  ";
	return is_open(p, id_of(p, p->res.rows[i])) ? "- " : "+ ";
}

/* The place of the row that the selected one is below; its own where it is a root. */
static size_t above(const struct panel *p)
{
	size_t i = p->sel;

	while (i && p->set_in[i] >= p->set_in[p->sel])
		i--;
	return p->set_in[i] < p->set_in[p->sel] ? i : p->sel;
}

bool tree_open(struct panel *p)
{
	const void *row = panel_row(p);
	uint64_t id = row ? id_of(p, row) : 0;

	if (!row || *tree_mark(p, p->sel) == ' ')
		return false;
	if (is_open(p, id))
		panel_move(p, 1);
	else
		set_open(p, id, true);
	return true;
}

bool tree_close(struct panel *p)
{
	const void *row = panel_row(p);
	uint64_t id = row ? id_of(p, row) : 0;
	size_t to;

	if (row && is_open(p, id)) {
		set_open(p, id, false);
		return true;
	}
	to = row ? above(p) : p->sel;
	if (to == p->sel)
		return false;
	panel_goto(p, to);
	return true;
}

void tree_open_all(struct app *a, struct panel *p)
{
	const struct snap_table *t = a->snap ? snap_table(a->snap, p->table) : NULL;
	struct panel all = { .res = { .desc = p->res.desc } };
	const void *row = panel_row(p);
	uint64_t id = row ? id_of(p, row) : 0;

	if (!t || !row)
		return;
	if (is_open(p, id)) {
		set_open(p, id, false);
		return;
	}
	set_open(p, id, true);
	for (size_t i = 0; i < t->n; i++) /* who is below comes after who is above */
		if (is_open(p, text_hash(snap_row(t, i), t->desc, "parent")))
			set_open(p, id_of(&all, snap_row(t, i)), true);
}
