/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What the rows of rows.h have in common, by data: so that a query needs to know no
 * kind of row. For query.c and group.c. */
#ifndef MODEL_SHAPE_H
#define MODEL_SHAPE_H

#include "model/arena.h"
#include "model/rows.h"
#include "model/snap.h"

struct row_shape {
	size_t size; /* 0: rows of somebody else, about which nothing is known */
	/* Where the member is; 0: there is none. */
	size_t flags, name, cgroup, container;     /* name: of the process */
	int (*cmp)(const void *a, const void *b);  /* order of their identities */
	int (*same)(const void *a, const void *b); /* order of what a group keeps apart; NULL: nothing */
	int (*proc)(const void *a, const void *b); /* order of their processes */
	/* Makes `to`, a copy of rows[0], stand for all n > 1 rows; NULL: they cannot be added. */
	void (*merge)(void *to, const void *const *rows, size_t n, struct arena *a);
	void (*label)(void *row, const char *name); /* what a group is called; NULL: it has no name */
	bool many; /* a process has several of what a group would not keep apart */
};

extern const struct row_shape row_shapes[NR_ROWS];

static inline const char *shape_str(const void *row, size_t offset)
{
	return *(const char *const *)((const char *)row + offset);
}

/* Is the row of the group that has this name (NULL: that of the rows without one)? */
bool group_has(const struct table_desc *t, enum group by, const char *name, const void *row);
/* Merges the n rows into groups and gives their number; rows then holds the groups, made
 * in the arena. Rows that cannot be added stay as they are. */
size_t group_rows(const struct table_desc *t, enum group by, const void **rows, size_t n, struct arena *a);

/* The waits by stack as a tree, in memory of the arena. */
struct tree_row *tree_rows(const struct waited_row *rows, size_t n, struct arena *a, size_t *nr);

/* One row for each file that the operations are on. */
struct file_row *file_rows(const struct op_row *ops, size_t n, struct arena *a, size_t *nr);

#endif
