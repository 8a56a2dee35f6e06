/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the instructions of a function say: where it returns, whether it jumps back to where it begins, and
 * whether an instruction close behind its first is a cheaper place for a probe. Used by find_function.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sym/find_in.h"
#include "sym/symtab.h"

#define WALK (4 << 20) /* bytes of a function, at most */

/* Calls fn for each instruction; false: one is not known, or fn said so. */
typedef bool (*walk_fn)(void *arg, uint64_t vaddr, const struct insn *i);

static bool walk(struct finder *w, uint64_t start, uint64_t size, walk_fn fn, void *arg)
{
	uint64_t offset, at = 0;
	size_t left;
	const uint8_t *code = finder_code(w, start, &offset, &left);

	if (!code || size > left || size > WALK)
		return false;
	while (at < size) {
		struct insn i;

		if (!decoder_next(w->decoder, code + at, (size_t)(size - at), start + at, &i) ||
		    !fn(arg, start + at, &i))
			return false;
		at += i.len;
	}
	return true;
}

struct seek {
	uint64_t vaddr;
	bool found;
};

static bool is_before(void *arg, uint64_t vaddr, const struct insn *i)
{
	struct seek *s = arg;

	s->found = vaddr == s->vaddr;
	return vaddr < s->vaddr;
}

bool finder_is_boundary(struct finder *w, uint64_t start, uint64_t plus)
{
	struct seek s = { start + plus, false };

	walk(w, start, plus + 1, is_before, &s);
	return s.found;
}

/* ---- jumps to a place -------------------------------------------------------------------------- */

static bool is_not_to(void *arg, uint64_t vaddr, const struct insn *i)
{
	struct seek *s = arg;

	s->found |= (i->kind == INSN_JUMP || i->kind == INSN_BRANCH) && i->target == s->vaddr;
	return !s->found;
}

/* Whether any four, or one, of the bytes could be the distance to `to`: nearly always none, which is seen
 * much faster than by decoding. */
static bool may_jump(struct finder *w, uint64_t start, size_t size, uint64_t to)
{
	uint64_t offset;
	size_t left;
	const uint8_t *code = finder_code(w, start, &offset, &left);

	if (!code || size > left)
		return false;
	for (size_t i = 1; i < size; i++) {
		int64_t far = (int64_t)(to - (start + i + 1));
		int32_t four;

		if (far == (int8_t)code[i] &&
		    ((code[i - 1] & 0xf0) == 0x70 || code[i - 1] == 0xeb || (code[i - 1] & 0xfc) == 0xe0))
			return true;
		if (i + 4 > size)
			continue;
		memcpy(&four, code + i, sizeof(four));
		if (far - 3 == four && (code[i - 1] == 0xe9 || (code[i - 1] & 0xf0) == 0x80))
			return true;
	}
	return false;
}

static bool jumps_to(struct finder *w, uint64_t start, size_t size, uint64_t to)
{
	struct seek s = { to, false };

	if (INSN_HERE == INSN_X86_64 && !may_jump(w, start, size, to))
		return false;
	if (!walk(w, start, size, is_not_to, &s))
		return true; /* it jumped there, or it cannot be told */
	return s.found;
}

/* ---- returns ----------------------------------------------------------------------------------- */

struct returns {
	struct finder *w;
	struct site *s;
	uint64_t start, size, offset;
	VEC(uint64_t) v;
	bool refused, returns;
};

/* A jump to where another function begins is the end of this one. What is out of the way of a function's
 * usual course has a name of its own, too, and may come back. */
static bool is_function(struct finder *w, uint64_t vaddr)
{
	const struct symbol *s = symtab_find(w->f, vaddr);

	return s && s->addr == vaddr && !strstr(s->name, ".cold");
}

static bool add_return(void *arg, uint64_t vaddr, const struct insn *i)
{
	struct returns *r = arg;
	bool leaves = i->target && (i->target < r->start || i->target - r->start >= r->size);

	leaves = leaves && (i->kind == INSN_JUMP || i->kind == INSN_BRANCH);
	r->s->leaves |= leaves;
	if (i->kind != INSN_RET && !(leaves && i->kind == INSN_JUMP && is_function(r->w, i->target)))
		return true;
	r->returns |= i->kind == INSN_RET;
	r->refused |= i->refused != NULL;
	if (r->v.n >= FIND_RETS)
		return false;
	*vec_add(&r->v) = r->offset + (vaddr - r->start);
	return true;
}

/* All of them or none: one that is not known would be a call that seems not to end. */
static void find_returns(struct finder *w, struct site *s, uint64_t start, size_t size)
{
	struct returns r = { .w = w, .s = s, .start = start, .size = size };
	size_t left;

	finder_code(w, start, &r.offset, &left);
	if (!size || !walk(w, start, size, add_return, &r) || r.refused) {
		vec_free(&r.v);
		return;
	}
	s->rets = r.v.v;
	s->n_rets = r.v.n;
	s->no_return = !r.returns;
}

/* ---- where it begins --------------------------------------------------------------------------- */

/*
 * Behind a mark that does nothing, and behind a comparison, the arguments and the stack are as the caller
 * left them. Functions of Go begin with one, and the jump behind it is carried out by the kernel.
 */
static void take_cheaper(struct finder *w, struct site *s, uint64_t start, size_t size)
{
	uint64_t offset, at = 0;
	size_t left;
	const uint8_t *code = finder_code(w, start, &offset, &left);

	for (int i = 0; code && size <= left && i < 3 && at < size; i++) {
		struct insn insn;

		if (!decoder_next(w->decoder, code + at, size - at, start + at, &insn))
			return;
		if (at && !insn.refused && insn.cost < s->cost) {
			if (jumps_to(w, start, size, start + at))
				return;
			s->vaddr = start + at;
			s->offset = offset + at;
			s->cost = insn.cost;
			return;
		}
		if (!insn.quiet)
			return;
		at += insn.len;
	}
}

void finder_body(struct finder *w, struct site *s, uint64_t start, size_t size)
{
	bool behind;

	if (s->vaddr == start && size)
		take_cheaper(w, s, start, size);
	behind = !w->q.plus && s->vaddr != start;
	s->frameless = size && s->vaddr - start < size &&
		       (jumps_to(w, start, size, s->vaddr) || (behind && jumps_to(w, start, size, start)));
	if (w->q.rets)
		find_returns(w, s, start, size);
}
