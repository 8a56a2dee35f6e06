/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Slow waits as a tree: the process, the functions of its program from the outermost on, the state
 * and call, the functions of the kernel; each with the time of all that is below it. Made of the
 * rows of waits by stack. Called by picture.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/shape.h"

#define MAX_NODES 8192 /* what would be deeper then ends where there is none left */

struct tree {
	struct hash *
		nodes; /* by what the way to it hashes to, which is the same in each picture: its place + 1 */
	struct arena *a;
	VEC(struct tree_row) rows;
};

static const char *id_text(struct arena *a, uint64_t id)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "%" PRIx64, id);
	return arena_strn(a, buf, strlen(buf));
}

/* The node of that name below another (place + 1; 0: none); that other one where there is no room. */
static uint32_t child_of(struct tree *t, uint32_t parent, enum tree_kind kind, const char *name)
{
	const struct tree_row *above = parent ? &t->rows.v[parent - 1] : NULL;
	uint64_t way[3] = { above ? above->way : 0, hash_bytes(name, strlen(name)), kind };
	uint64_t id = hash_bytes(way, sizeof(way));
	uint32_t at = (uint32_t)(uintptr_t)hash_get(t->nodes, &id);
	struct tree_row *r;

	if (at || t->rows.n >= MAX_NODES)
		return at ? at : parent;
	r = vec_add(&t->rows);
	above = parent ? &t->rows.v[parent - 1] : NULL; /* it may have moved */
	*r = (struct tree_row){ .kind = kind, .name = name, .way = id, .id = id_text(t->a, id) };
	r->parent = above ? above->id : "";
	r->depth = above ? above->depth + 1 : 0;
	r->above = parent;
	if (above)
		t->rows.v[parent - 1].children++;
	hash_put(t->nodes, &id, (void *)(uintptr_t)t->rows.n);
	return (uint32_t)t->rows.n;
}

static void add(struct tree *t, uint32_t id, const struct waited_row *w)
{
	struct tree_row *r = &t->rows.v[id - 1];

	r->count += w->count;
	r->total_ns += w->total_ns;
	r->ivl_count += w->ivl_count;
	r->ivl_ns += w->ivl_ns;
	r->max_ns = MAX(r->max_ns, w->max_ns);
}

static uint32_t add_stack(struct tree *t, uint32_t at, enum tree_kind kind, const struct snap_stack *s,
			  const struct waited_row *w)
{
	for (uint32_t i = s ? s->n : 0; i-- > 0;) {
		uint32_t next = child_of(t, at, kind, s->frames[i].function ? s->frames[i].function : "?");

		if (next == at)
			return at;
		at = next;
		add(t, at, w);
	}
	return at;
}

static void add_wait(struct tree *t, const struct waited_row *w)
{
	uint32_t at = child_of(t, 0, TREE_PROCESS, w->comm ? w->comm : "?"), next;
	char text[96];

	if (!at)
		return;
	add(t, at, w);
	at = add_stack(t, at, TREE_USER, w->user_stack, w);
	snprintf(text, sizeof(text), "%s: %s", w->state < NR_HL_STATES ? hl_state_names[w->state] : "?",
		 w->name ? w->name : "?");
	next = child_of(t, at, TREE_STATE, arena_strn(t->a, text, strlen(text)));
	if (next == at)
		return;
	add(t, next, w);
	add_stack(t, next, TREE_KERNEL, w->stack, w);
}

/* The one below a place that has all that this has, of the same kind; 0: there is no such one. */
static size_t next_of(const struct tree *t, const size_t *only, size_t i)
{
	const struct tree_row *r = &t->rows.v[i], *below = only[i] ? &t->rows.v[only[i]] : NULL;

	if (!below || r->children != 1 || below->count != r->count || below->kind != r->kind)
		return 0;
	return only[i];
}

/* Places that have nothing but one other below them stand in one row with that: where ways part is
 * what there is to see. The row is known as the last of them. */
static struct tree_row *joined(struct tree *t, size_t *nr)
{
	struct tree_row *out = arena_alloc(t->a, t->rows.n * sizeof(*out));
	size_t *only = xcalloc(t->rows.n + 1, sizeof(*only));
	bool *taken = xcalloc(t->rows.n + 1, sizeof(*taken));
	struct str name = {};

	for (size_t i = 0; i < t->rows.n; i++)
		if (t->rows.v[i].above)
			only[t->rows.v[i].above - 1] = i;
	*nr = 0;
	for (size_t i = 0; i < t->rows.n; i++) {
		struct tree_row row = t->rows.v[i];

		if (taken[i])
			continue;
		str_reset(&name);
		str_add(&name, row.name);
		for (size_t k = next_of(t, only, i); k; k = next_of(t, only, k)) {
			taken[k] = true;
			str_addf(&name, " > %s", t->rows.v[k].name);
			row.id = t->rows.v[k].id;
			row.way = t->rows.v[k].way;
			row.children = t->rows.v[k].children;
		}
		row.name = arena_strn(t->a, name.s, name.len);
		out[(*nr)++] = row;
	}
	str_free(&name);
	free(only);
	free(taken);
	return out;
}

struct tree_row *tree_rows(const struct waited_row *rows, size_t n, struct arena *a, size_t *nr)
{
	struct tree t = { .nodes = hash_new(sizeof(uint64_t)), .a = a };
	struct tree_row *out;

	for (size_t i = 0; i < n; i++)
		add_wait(&t, &rows[i]);
	hash_free(t.nodes);
	out = joined(&t, nr);
	vec_free(&t.rows);
	return out;
}
