/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Stacks by their number, with the names of their frames. They stay as long as the
 * model, for a thread may come back to one; a snapshot has those that its rows show. Called by
 * model.c and picture.c. */
#include <errno.h>
#include <stdlib.h>

#include "model/state.h"
#include "rec/rec.h"

struct stack_frame {
	struct istr *function, *module, *file;
	uint64_t offset;
	uint32_t line;
	bool inlined;
};

struct stack {
	uint32_t id;
	uint16_t n;
	bool cut, user;
	uint8_t unwind; /* enum hl_unwind */
	struct istr *why;
	uint64_t stamp; /* of the snapshot that has a copy … */
	const struct snap_stack *copy;
	struct stack_frame frames[];
};

static void stack_free(struct model *m, struct stack *s)
{
	for (unsigned int i = 0; s && i < s->n; i++) {
		intern_put(m->interns, s->frames[i].function);
		intern_put(m->interns, s->frames[i].module);
		intern_put(m->interns, s->frames[i].file);
	}
	if (s)
		intern_put(m->interns, s->why);
	free(s);
}

static struct istr *text_at(struct model *m, const char *text, size_t len, size_t at)
{
	return intern_get(m->interns, text + at, len - at);
}

int stack_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_stack *r = (const void *)rec;
	struct stack *s = hash_get(m->stacks, &r->id);
	const struct hl_frame *frames;
	const char *text;

	if (!s && hash_count(m->stacks) >= m->limits.max_stacks)
		return 0; /* a row that names it shows none */
	stack_free(m, s);
	frames = rec_stack_frames(r, &text);
	s = xcalloc(1, sizeof(*s) + r->nr_frames * sizeof(*s->frames));
	s->id = r->id;
	s->n = r->nr_frames;
	s->cut = r->flags & HL_STACK_CUT;
	s->why = text_at(m, text, r->text_len, 0);
	for (unsigned int i = 0; i < s->n; i++) {
		s->frames[i].function = text_at(m, text, r->text_len, frames[i].function);
		s->frames[i].module = text_at(m, text, r->text_len, frames[i].module);
		s->frames[i].offset = frames[i].offset;
	}
	hash_put(m->stacks, &s->id, s);
	return 0;
}

int ustack_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_ustack *r = (const void *)rec;
	struct stack *s = hash_get(m->stacks, &r->id);
	const struct hl_uframe *frames;
	const char *text;

	if (!s && hash_count(m->stacks) >= m->limits.max_stacks)
		return 0;
	stack_free(m, s);
	frames = rec_ustack_frames(r, &text);
	s = xcalloc(1, sizeof(*s) + r->nr_frames * sizeof(*s->frames));
	s->id = r->id;
	s->n = r->nr_frames;
	s->cut = r->flags & HL_STACK_CUT;
	s->user = true;
	s->unwind = r->unwind;
	s->why = text_at(m, text, r->text_len, 0);
	for (unsigned int i = 0; i < s->n; i++)
		s->frames[i] = (struct stack_frame){
			.function = text_at(m, text, r->text_len, frames[i].function),
			.module = text_at(m, text, r->text_len, frames[i].module),
			.file = text_at(m, text, r->text_len, frames[i].file),
			.offset = frames[i].offset,
			.line = frames[i].line,
			.inlined = frames[i].inlined,
		};
	hash_put(m->stacks, &s->id, s);
	return 0;
}

const struct snap_stack *stack_copy(struct model *m, uint32_t id, struct arena *a, uint64_t stamp)
{
	struct stack *s = id ? hash_get(m->stacks, &id) : NULL;
	struct snap_stack *to;
	struct snap_frame *f;

	if (!s || s->stamp == stamp)
		return s ? s->copy : NULL;
	to = arena_zalloc(a, sizeof(*to));
	to->frames = f = arena_zalloc(a, s->n * sizeof(*f));
	for (unsigned int i = 0; i < s->n; i++)
		f[i] = (struct snap_frame){ .function = intern_copy(s->frames[i].function, a, stamp),
					    .module = intern_copy(s->frames[i].module, a, stamp),
					    .file = intern_copy(s->frames[i].file, a, stamp),
					    .offset = s->frames[i].offset,
					    .line = s->frames[i].line,
					    .inlined = s->frames[i].inlined };
	to->id = id;
	to->n = s->n;
	to->cut = s->cut;
	to->user = s->user;
	to->unwind = s->unwind;
	to->why = intern_copy(s->why, a, stamp);
	s->copy = to;
	s->stamp = stamp;
	return to;
}

static int cmp_id(const void *a, const void *b)
{
	const struct snap_stack *x = *(const struct snap_stack *const *)a;
	const struct snap_stack *y = *(const struct snap_stack *const *)b;

	return x->id < y->id ? -1 : x->id > y->id;
}

const struct snap_stack **stacks_copied(struct model *m, struct arena *a, uint64_t stamp, size_t *n)
{
	const struct snap_stack **v = arena_alloc(a, hash_count(m->stacks) * sizeof(*v));
	struct stack *s;

	*n = 0;
	for (size_t i = 0; (s = hash_next(m->stacks, &i, NULL));)
		if (s->stamp == stamp)
			v[(*n)++] = s->copy;
	qsort(v, *n, sizeof(*v), cmp_id);
	return v;
}

void stacks_init(struct model *m)
{
	m->stacks = hash_new(sizeof(uint32_t));
}

void stacks_fini(struct model *m)
{
	struct stack *s;

	for (size_t i = 0; (s = hash_next(m->stacks, &i, NULL));)
		stack_free(m, s);
	hash_free(m->stacks);
}
