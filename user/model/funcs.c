/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Functions that are traced: what each is, and what an operation of that kind has beside what all have.
 * Called by model.c, ops.c and picture.c.
 */
#include <stdlib.h>
#include <string.h>

#include "model/state.h"
#include "rec/rec.h"

#define MAX_FUNCS 16384 /* a damaged recording may tell of any number */

struct func_info {
	uint32_t id, flags;
	struct istr *name, *file, *asked;
};

int func_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_func *r = (const void *)rec;
	struct func_info *f = hash_get(m->funcs, &r->id);
	struct istr **slots[3];

	if (!f && hash_count(m->funcs) >= MAX_FUNCS)
		return 0;
	if (!f) {
		f = xcalloc(1, sizeof(*f));
		f->id = r->id;
		hash_put(m->funcs, &f->id, f);
	}
	f->flags = r->flags;
	slots[0] = &f->name;
	slots[1] = &f->file;
	slots[2] = &f->asked;
	for (unsigned int i = 0; i < ARRAY_SIZE(slots); i++)
		intern_set(m->interns, slots[i], rec_tail_str(rec, i), strlen(rec_tail_str(rec, i)));
	return 0;
}

struct istr *func_name(const struct model *m, uint32_t id)
{
	const struct func_info *f = hash_get(m->funcs, &id);

	return f ? f->name : NULL;
}

void func_take(struct func_sums *f, const struct hl_rec_func_op *r)
{
	f->nested_ns += r->nested_ns;
	f->ivl_nested_ns += r->nested_ns;
	f->entered += r->entered;
	f->ivl_entered += r->entered;
	f->abandoned += r->abandoned;
	f->deep += r->deep;
	f->unknown += r->unknown;
	f->watched += r->watched;
}

void func_syscalls_add(struct func_syscalls *to, const struct func_syscalls *from)
{
	to->count += from->count;
	to->ns += from->ns;
}

void func_roll(struct func_sums *f)
{
	f->ivl_nested_ns = f->ivl_entered = 0;
	f->ivl_syscalls = (struct func_syscalls){};
}

void func_add(struct func_sums *to, const struct func_sums *from)
{
	to->nested_ns += from->nested_ns;
	to->ivl_nested_ns += from->ivl_nested_ns;
	to->entered += from->entered;
	to->ivl_entered += from->ivl_entered;
	to->abandoned += from->abandoned;
	to->deep += from->deep;
	to->watched += from->watched;
	func_syscalls_add(&to->syscalls, &from->syscalls);
	func_syscalls_add(&to->ivl_syscalls, &from->ivl_syscalls);
	to->unknown += from->unknown;
}

/* What is not in any state's time. */
static uint64_t unknown_ns(const struct op *o)
{
	uint64_t known = 0;

	for (int i = 0; i < NR_HL_STATES; i++)
		known += o->clocks.total[i];
	return o->total_ns - MIN(known, o->total_ns);
}

void func_fill(const struct model *m, struct function_row *r, const struct op *o, struct arena *a,
	       uint64_t stamp)
{
	uint32_t id = o->key.nr;
	const struct func_info *f = hash_get(m->funcs, &id);
	const struct func_sums *s = o->func;

	r->file = f ? intern_copy(f->file, a, stamp) : NULL;
	r->asked = f ? intern_copy(f->asked, a, stamp) : NULL;
	r->flags = f ? f->flags : 0;
	r->entered = s->entered;
	r->ivl_entered = s->ivl_entered;
	r->self_ns = o->total_ns - MIN(s->nested_ns, o->total_ns);
	r->ivl_self_ns = o->ivl_ns - MIN(s->ivl_nested_ns, o->ivl_ns);
	r->abandoned = s->abandoned;
	r->deep = s->deep;
	r->unknown = s->unknown;
	r->unknown_ns = s->unknown ? unknown_ns(o) : 0;
	r->watched = s->watched || s->syscalls.count;
	r->syscalls = s->syscalls;
	r->ivl_syscalls = s->ivl_syscalls;
}

void func_syscall_fill(const struct model *m, struct function_syscall_row *r, const struct op *o,
		       struct arena *a, uint64_t stamp)
{
	uint32_t id = o->key.func;
	const struct func_info *f = hash_get(m->funcs, &id);

	r->function = f ? intern_copy(f->name, a, stamp) : NULL;
	r->file = f ? intern_copy(f->file, a, stamp) : NULL;
}

bool func_is_point(const struct model *m, const struct op *o)
{
	uint32_t id = o->key.nr;
	const struct func_info *f = o->func ? hash_get(m->funcs, &id) : NULL;

	return f && f->flags & HL_FUNC_POINT;
}

void funcs_init(struct model *m)
{
	m->funcs = hash_new(sizeof(uint32_t));
}

void funcs_fini(struct model *m)
{
	struct func_info *f;

	for (size_t i = 0; (f = hash_next(m->funcs, &i, NULL));) {
		intern_put(m->interns, f->name);
		intern_put(m->interns, f->file);
		intern_put(m->interns, f->asked);
		free(f);
	}
	hash_free(m->funcs);
}
