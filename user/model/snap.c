/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The life of a snapshot: holders, and the reuse of its memory. Its content is made in
 * picture.c. One thread owns all of it. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/box.h"

struct snap_pool {
	struct snap_box *spare;
	unsigned int boxes; /* that are held */
	bool closed;        /* its model is gone */
};

static void box_free(struct snap_box *b)
{
	if (!b)
		return;
	arena_free(&b->arena);
	free(b);
}

static void pool_drop(struct snap_pool *p)
{
	if (!p->closed || p->boxes)
		return;
	box_free(p->spare);
	free(p);
}

struct snap_pool *snap_pool_new(void)
{
	return xcalloc(1, sizeof(struct snap_pool));
}

void snap_pool_free(struct snap_pool *p)
{
	p->closed = true;
	pool_drop(p);
}

struct snap_box *snap_box_new(struct snap_pool *p)
{
	struct snap_box *b = p->spare;

	p->spare = NULL;
	if (!b)
		b = xcalloc(1, sizeof(*b));
	b->snap = (struct snap){ .box = b };
	b->refs = 1;
	b->pool = p;
	p->boxes++;
	return b;
}

void snap_get(const struct snap *s)
{
	if (s->box)
		s->box->refs++;
}

void snap_put(const struct snap *s)
{
	struct snap_box *b = s ? s->box : NULL;
	struct snap_pool *p;

	if (!b || --b->refs)
		return;
	p = b->pool;
	p->boxes--;
	if (p->closed || p->spare) {
		box_free(b);
	} else {
		arena_reset(&b->arena);
		p->spare = b;
	}
	pool_drop(p);
}

const struct snap_table *snap_table(const struct snap *s, const char *name)
{
	for (size_t i = 0; i < s->nr_tables; i++)
		if (!strcmp(s->tables[i].desc->name, name))
			return &s->tables[i];
	return NULL;
}

bool snap_is_off(const struct snap *s, const struct table_desc *d)
{
	for (size_t i = 0; d->needs && i < s->nr_collectors; i++)
		if (!strcmp(s->collectors[i].name, d->needs))
			return s->collectors[i].state == HL_COLLECTOR_OFF;
	return false;
}
