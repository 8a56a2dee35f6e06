/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What is told just before the slow operation that it belongs to, by a number: who had the CPU, for whom
 * it waited. What nobody comes for is thrown away. Called by occupants.c and exchanges.c.
 */
#include "model/state.h"

#define WAITING_MAX 8192                /* whose operation was not told yet */
#define WAITING_NS  (10 * NSEC_PER_SEC) /* an operation that has not come by then does not come */

void told_put(struct model *m, struct hash *h, struct told *t, told_drop_fn drop)
{
	struct told *was = told_take(h, t->id);

	if (was)
		drop(m, was);
	if (hash_count(h) >= WAITING_MAX)
		drop(m, t);
	else
		hash_put(h, &t->id, t);
}

void *told_take(struct hash *h, uint32_t id)
{
	return id ? hash_del(h, &id) : NULL;
}

void told_roll(struct model *m, struct hash *h, told_drop_fn drop)
{
	VEC(struct told *) old = {};
	struct told *t;

	for (size_t i = 0; (t = hash_next(h, &i, NULL));)
		if (m->ts > t->ts && m->ts - t->ts > WAITING_NS)
			*vec_add(&old) = t;
	for (size_t i = 0; i < old.n; i++)
		drop(m, told_take(h, old.v[i]->id));
	vec_free(&old);
}

void told_free(struct model *m, struct hash *h, told_drop_fn drop)
{
	void *t;

	for (size_t i = 0; (t = hash_next(h, &i, NULL));)
		drop(m, t);
	hash_free(h);
}
