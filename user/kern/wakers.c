/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Who ended a slow wait, and where that thread was as it did. The kernel side tells of it as it wakes
 * the sleeper, so that it is here before the record of the wait is, which names it.
 * Called by ustacks.c and slow.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "kern/kern.h"

#define MAX_WAKES 8192

/* The last one of a sleeper; owned by the table. */
struct wake {
	uint32_t tid;
	uint32_t tick;
	uint32_t token; /* of the waker's user stack; 0: it has none */
	uint16_t mark;  /* HL_WAKE_MARK */
	struct waker_refs refs;
};

void wakers_init(struct user_stacks *s)
{
	s->wakes = hash_new(sizeof(uint32_t));
}

void wakers_fini(struct user_stacks *s)
{
	struct wake *w;

	for (size_t i = 0; s->wakes && (w = hash_next(s->wakes, &i, NULL));)
		free(w);
	hash_free(s->wakes);
}

/* NULL: there are too many. */
static struct wake *wake_get(struct user_stacks *s, uint32_t tid)
{
	struct wake *w = hash_get(s->wakes, &tid);

	if (w || hash_count(s->wakes) >= MAX_WAKES)
		return w;
	w = xcalloc(1, sizeof(*w));
	w->tid = tid;
	hash_put(s->wakes, &w->tid, w);
	return w;
}

static uint32_t kernel_stack(struct live *l, const struct hl_ustack_raw *raw)
{
	struct hl_stack_raw stack = { .nr = MIN(raw->nr_kernel, (uint32_t)HL_WAKER_FRAMES) };

	memcpy(stack.ip, raw->ip, stack.nr * sizeof(*stack.ip));
	stack_skip_tracing(l, &stack);
	return stack.nr ? stack_number(l, &stack) : 0;
}

void waker_record(struct live *l, const struct hl_ustack_raw *raw, size_t n)
{
	struct wake *w = wake_get(&l->ustacks, raw->woke);

	if (!w) {
		l->ustacks.over++;
		return;
	}
	w->mark = HL_WAKE_MARK(raw->token);
	w->tick = l->ustacks.tick;
	w->token = raw->len ? raw->token : 0;
	w->refs = (struct waker_refs){
		.kernel_stack = kernel_stack(l, raw), .nr = raw->nr, .abi = raw->abi, .known = true
	};
	if (w->token)
		ustack_ask(l, raw, n);
	else
		l->ustacks.delivered++;
}

uint32_t waker_of_slow(struct live *l, const struct hl_rec_slow *r, struct waker_refs *out)
{
	struct wake *w = hash_get(l->ustacks.wakes, &r->h.tid);

	if (!w || !r->waker_nr || w->mark != r->waker_nr)
		return 0;
	*out = w->refs;
	return w->token;
}

void wakers_forget(struct user_stacks *s, uint32_t before)
{
	VEC(struct wake *) old = {};
	struct wake *w;

	for (size_t i = 0; (w = hash_next(s->wakes, &i, NULL));)
		if ((int32_t)(before - w->tick) > 0)
			*vec_add(&old) = w;
	for (size_t i = 0; i < old.n; i++) {
		hash_del(s->wakes, &old.v[i]->tid);
		free(old.v[i]);
	}
	vec_free(&old);
}
