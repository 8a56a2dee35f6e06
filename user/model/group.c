/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Grouping: rows that share a process, command, cgroup or container become one. Called
 * by the query. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/shape.h"

const char *const group_names[NR_GROUPS] = { "none", "process", "command", "cgroup", "container" };

struct item {
	const void *row;
	const char *name; /* of its group, where that has one; NULL sorts last */
	size_t i;
};

/* Where the name of a group stands in a row; 0: the group is that of the process. */
static size_t name_offset(const struct row_shape *shape, enum group by)
{
	const size_t offsets[NR_GROUPS] = {
		[GROUP_COMM] = shape->name,
		[GROUP_CGROUP] = shape->cgroup,
		[GROUP_CONTAINER] = shape->container,
	};

	return offsets[by];
}

static int cmp_names(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) : !a - !b;
}

/* The order of items: groups, and within one as they came. */
struct order {
	const struct row_shape *shape;
	bool by_process;
};

static int cmp_group(const struct order *o, const struct item *a, const struct item *b)
{
	int order = o->by_process ? o->shape->proc(a->row, b->row) : cmp_names(a->name, b->name);

	return order || !o->shape->same ? order : o->shape->same(a->row, b->row);
}

static int cmp_item(const void *a, const void *b, void *arg)
{
	const struct item *x = a, *y = b;
	int order = cmp_group(arg, x, y);

	return order ? order : x->i < y->i ? -1 : x->i > y->i;
}

/* One row for n items of a group. */
static void *merge_group(const struct order *o, const struct item *items, size_t n, struct arena *a)
{
	const void **rows = xcalloc(n, sizeof(*rows));
	void *row = arena_alloc(a, o->shape->size);

	for (size_t i = 0; i < n; i++)
		rows[i] = items[i].row;
	memcpy(row, rows[0], o->shape->size);
	if (n > 1)
		o->shape->merge(row, rows, n, a);
	if (o->by_process)
		o->shape->label(row, shape_str(rows[0], o->shape->name));
	else
		o->shape->label(row, items[0].name ? items[0].name : GROUP_NAMELESS);
	free(rows);
	return row;
}

bool group_merges(const struct table_desc *t, enum group by)
{
	const struct row_shape *shape = &row_shapes[t->rows];

	if (by == GROUP_NONE)
		return true;
	return shape->merge && (by == GROUP_PROCESS ? shape->many : name_offset(shape, by) != 0);
}

bool group_has(const struct table_desc *t, enum group by, const char *name, const void *row)
{
	size_t offset = name_offset(&row_shapes[t->rows], by);

	return !offset || !cmp_names(shape_str(row, offset), name);
}

size_t group_rows(const struct table_desc *t, enum group by, const void **rows, size_t n, struct arena *a)
{
	const struct row_shape *shape = &row_shapes[t->rows];
	size_t offset = name_offset(shape, by), groups = 0, i, j;
	struct order o = { shape, by == GROUP_PROCESS };
	struct item *items;

	if (by == GROUP_NONE || by >= NR_GROUPS || !shape->merge)
		return n;
	items = xcalloc(n, sizeof(*items));
	for (i = 0; i < n; i++)
		items[i] = (struct item){ rows[i], o.by_process ? NULL : shape_str(rows[i], offset), i };
	qsort_r(items, n, sizeof(*items), cmp_item, &o);
	for (i = 0; i < n; i = j) {
		for (j = i + 1; j < n && !cmp_group(&o, &items[i], &items[j]); j++)
			;
		rows[groups++] = merge_group(&o, &items[i], j - i, a);
	}
	free(items);
	return groups;
}
