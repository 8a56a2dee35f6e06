/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Who ran on a CPU and for how long. Called by occupants.c; knows no map and no thread. */
#include <stdlib.h>

#include "kern/slices.h"

/* An entry is written before it is counted, and the two may be seen the other way round. */
#define BEING_WRITTEN 4

static struct hl_slice load(const struct hl_slice *s)
{
	return (struct hl_slice){ .end = __atomic_load_n(&s->end, __ATOMIC_RELAXED),
				  .interrupts = __atomic_load_n(&s->interrupts, __ATOMIC_RELAXED),
				  .tid = __atomic_load_n(&s->tid, __ATOMIC_RELAXED),
				  .next = __atomic_load_n(&s->next, __ATOMIC_RELAXED) };
}

/* The newest first, with the one that ends before the span; then without those that were overwritten
 * meanwhile. */
static void take(const struct slices *s, uint32_t end, uint64_t span, struct stays *out)
{
	uint64_t count = __atomic_load_n(s->count, __ATOMIC_ACQUIRE);
	uint64_t last = count - (uint32_t)((uint32_t)count - end), written;
	uint64_t n = MIN(last, (uint64_t)s->size), kept;

	out->taken.n = 0;
	for (uint64_t i = 1; i <= n; i++) {
		struct hl_slice e = load(&s->ring[(last - i) & (s->size - 1)]);

		*vec_add(&out->taken) = e;
		if (out->taken.v[0].end - e.end >= span)
			break;
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	written = __atomic_load_n(s->count, __ATOMIC_RELAXED) - last + BEING_WRITTEN;
	kept = written < s->size ? s->size - written : 0;
	out->taken.n = MIN(out->taken.n, (size_t)kept);
}

static int by_tid(const void *a, const void *b)
{
	const struct stay *x = a, *y = b;

	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

static int by_ns(const void *a, const void *b)
{
	const struct stay *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns > y->ns ? -1 : 1;
	return by_tid(a, b);
}

/* One for each thread. */
static void merge(struct stays *out)
{
	size_t n = 0;

	if (!out->v.n)
		return;
	qsort(out->v.v, out->v.n, sizeof(*out->v.v), by_tid);
	for (size_t i = 1; i < out->v.n; i++) {
		if (out->v.v[i].tid == out->v.v[n].tid)
			out->v.v[n].ns += out->v.v[i].ns;
		else
			out->v.v[++n] = out->v.v[i];
	}
	out->v.n = n + 1;
	qsort(out->v.v, out->v.n, sizeof(*out->v.v), by_ns);
}

/* What interrupts took of the last `ns` of a stay: where it is cut, as much of that as of the whole. */
static uint64_t interrupted(const struct hl_slice *before, const struct hl_slice *e, uint64_t ns)
{
	uint64_t all = e->end - before->end, taken;

	if (e->interrupts < before->interrupts)
		return 0;
	taken = MIN(e->interrupts - before->interrupts, all);
	return ns < all ? MIN((uint64_t)((double)taken * (double)ns / (double)all), ns) : taken;
}

void slices_read(const struct slices *s, uint32_t end, uint64_t span, struct stays *out)
{
	out->v.n = 0;
	out->known_ns = out->interrupts_ns = 0;
	take(s, end, span, out);
	for (size_t i = 0; i + 1 < out->taken.n; i++) {
		const struct hl_slice *e = &out->taken.v[i], *before = e + 1;
		uint64_t done = out->taken.v[0].end - e->end, ns = e->end - before->end, taken;

		if (before->end > e->end) /* all that is older is of another time */
			break;
		ns = MIN(ns, span - done);
		if (before->next != e->tid || !ns)
			continue;
		taken = interrupted(before, e, ns);
		*vec_add(&out->v) = (struct stay){ ns - taken, e->tid };
		out->interrupts_ns += taken;
		out->known_ns += ns;
	}
	merge(out);
}

void stays_free(struct stays *s)
{
	vec_free(&s->v);
	vec_free(&s->taken);
}
