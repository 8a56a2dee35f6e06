/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Locks that are waited for: of each who holds it, or held it when it was slow last, and how many
 * are blocked there. Called by picture.c. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/str.h"
#include "model/arena.h"
#include "model/state.h"
#include "rec/rec.h"

struct lock_key { /* no padding that is not zeroed */
	uint64_t start, addr;
	uint32_t pid, pad;
};

#define MAX_NAMES 16384 /* a damaged recording may give any */

/* In the place of a name: a process was two programs in turn, and both had a lock there. */
static struct istr ambiguous;

void lock_names_init(struct model *m)
{
	m->lock_names = hash_new(sizeof(struct lock_key));
}

void lock_names_fini(struct model *m)
{
	struct istr *name;

	for (size_t i = 0; (name = hash_next(m->lock_names, &i, NULL));)
		if (name != &ambiguous)
			intern_put(m->interns, name);
	hash_free(m->lock_names);
}

int lock_name_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_lock_name *r = (const void *)rec;
	struct lock_key key = { .start = r->proc_start, .addr = r->addr, .pid = rec->pid };
	struct istr *was = hash_get(m->lock_names, &key), *name;

	if (!was && hash_count(m->lock_names) >= MAX_NAMES) {
		lock_names_fini(m);
		lock_names_init(m);
	}
	name = intern_get(m->interns, rec_tail_str(rec, 0), REC_MAX);
	if (!name || was == &ambiguous) {
		intern_put(m->interns, name);
		return 0;
	}
	hash_put(m->lock_names, &key, was && was != name ? &ambiguous : name);
	if (was && was != name)
		intern_put(m->interns, name);
	intern_put(m->interns, was);
	return 0;
}

struct istr *lock_called(struct model *m, uint32_t pid, uint64_t start, uint64_t addr)
{
	struct lock_key key = { .start = start, .addr = addr, .pid = pid };
	struct istr *name = addr ? hash_get(m->lock_names, &key) : NULL;

	return name == &ambiguous ? NULL : name;
}

const char *lock_text(struct model *m, uint32_t pid, uint64_t start, uint64_t addr, struct arena *a)
{
	struct istr *name = lock_called(m, pid, start, addr);
	struct str text = {};
	const char *kept;

	if (!addr)
		return NULL;
	if (name)
		str_addf(&text, "%s ", name->s);
	str_addf(&text, "0x%" PRIx64, addr);
	kept = arena_strn(a, text.s, text.len);
	str_free(&text);
	return kept;
}

struct lock_fill {
	struct hash *rows; /* struct lock_row by process and address; the snapshot's */
};

struct lock_fill *lock_fill_new(void)
{
	struct lock_fill *f = xcalloc(1, sizeof(*f));

	f->rows = hash_new(sizeof(struct lock_key));
	return f;
}

void lock_fill_free(struct lock_fill *f)
{
	hash_free(f->rows);
	free(f);
}

void lock_fill_add(struct lock_fill *f, struct lock_row *r)
{
	struct lock_key key = { .start = r->sum.proc_start_ns, .addr = r->addr, .pid = r->sum.pid };

	if (r->addr)
		hash_put(f->rows, &key, r);
}

static struct lock_row *row_of(const struct lock_fill *f, const struct slow *s)
{
	struct lock_key key = { .start = s->row.proc_start_ns, .addr = s->row.lock_addr, .pid = s->row.pid };

	return hash_get(f->rows, &key);
}

static bool is_for_lock(const struct slow *s)
{
	return s->row.op == HL_OP_WAIT && s->row.state == HL_STATE_LOCK && s->row.lock_addr;
}

bool lock_fill_lacks(const struct lock_fill *f, const struct slow *s)
{
	return is_for_lock(s) && s->proc->belongs && !row_of(f, s);
}

void lock_fill_slow(struct lock_fill *f, struct model *m, const struct slow *s, struct arena *a,
		    uint64_t stamp)
{
	struct lock_row *r = is_for_lock(s) ? row_of(f, s) : NULL;

	if (!r)
		return;
	if (s->row.in_progress) {
		r->waiters++;
		if (s->row.duration_ns > r->longest_ns)
			r->longest_least = s->row.flags & HL_SLOW_LOWER_BOUND;
		r->longest_ns = MAX(r->longest_ns, s->row.duration_ns);
	}
	if (r->holder || !s->row.holder)
		return;
	r->now = s->row.in_progress;
	r->holder = s->row.holder;
	r->holder_pid = s->row.holder_pid;
	r->holder_tid = s->row.holder_tid;
	r->holder_comm = intern_copy(s->holder_comm, a, stamp);
	r->chain = chain_copy(m, s, a, stamp);
}
