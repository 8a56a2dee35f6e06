/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Files that operations are on, each under the name that it had then: renamed it is another.
 * Records call them by numbers, one for each process; the operations of all processes on one
 * share it here. Called by model.c and ops.c.
 */
#include <stdlib.h>
#include <string.h>

#include "model/shape.h"
#include "model/state.h"
#include "rec/rec.h"

#define MAX_NUMBERS 65536 /* a damaged recording may give any */

struct file_key { /* no padding that is not zeroed */
	uint64_t ino;
	uint32_t dev, generation;
	const struct istr *path;
};

void file_names_init(struct model *m)
{
	m->file_by_key = hash_new(sizeof(struct file_key));
	m->file_by_number = hash_new(sizeof(uint32_t));
}

static struct file_key key_of(const struct file *f)
{
	return (struct file_key){ f->ino, f->dev, f->generation, f->path };
}

void file_drop(struct model *m, struct file *f)
{
	struct file_key key;

	if (!f || --f->refs)
		return;
	key = key_of(f);
	hash_del(m->file_by_key, &key);
	intern_put(m->interns, f->path);
	free(f);
}

static struct file *file_new(struct model *m, const struct file_key *key, struct istr *path)
{
	struct file *f = xcalloc(1, sizeof(*f));

	if (++m->next_file == FILE_OTHER)
		m->next_file = 1;
	f->id = m->next_file;
	f->ino = key->ino;
	f->dev = key->dev;
	f->generation = key->generation;
	f->path = intern_hold(path);
	hash_put(m->file_by_key, key, f);
	return f;
}

static void forget(struct model *m, uint32_t number)
{
	struct file *f = hash_get(m->file_by_number, &number);

	hash_del(m->file_by_number, &number);
	file_drop(m, f);
}

int file_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_file *r = (const void *)rec;
	struct istr *path = NULL;
	struct file_key key;
	struct file *f;

	forget(m, r->file);
	if (r->flags & HL_FILE_GONE || !r->file || hash_count(m->file_by_number) >= MAX_NUMBERS)
		return 0;
	path = intern_get(m->interns, rec_tail_str(rec, 0), REC_MAX);
	key = (struct file_key){ r->ino, r->dev, r->generation, path };
	f = hash_get(m->file_by_key, &key);
	if (!f && hash_count(m->file_by_key) < m->limits.max_files)
		f = file_new(m, &key, path);
	intern_put(m->interns, path);
	if (!f)
		return 0;
	f->deleted |= r->flags & HL_FILE_DELETED;
	f->cut |= r->flags & HL_FILE_PATH_CUT;
	f->refs++;
	hash_put(m->file_by_number, &r->file, f);
	return 0;
}

struct file *file_hold(struct model *m, uint32_t number)
{
	struct file *f = hash_get(m->file_by_number, &number);

	if (f)
		f->refs++;
	return f;
}

void file_names_fini(struct model *m)
{
	struct file *f;

	for (size_t i = 0; (f = hash_next(m->file_by_number, &i, NULL));)
		file_drop(m, f);
	hash_free(m->file_by_number);
	hash_free(m->file_by_key);
}

/* ---- rows ------------------------------------------------------------------------- */

static int cmp_file_proc(const void *a, const void *b)
{
	const struct op_row *x = *(const struct op_row *const *)a, *y = *(const struct op_row *const *)b;

	if (x->file.id != y->file.id)
		return x->file.id < y->file.id ? -1 : 1;
	return row_shapes[ROWS_FILE_OPS].cmp(x, y);
}

static bool same_proc(const struct op_row *a, const struct op_row *b)
{
	return a->pid == b->pid && a->proc_start_ns == b->proc_start_ns;
}

/* Waits are parts of the calls; but a page fault, which is in none. */
static bool is_in_call(const struct op_row *o)
{
	return o->op == HL_OP_WAIT && o->state != HL_STATE_FAULT;
}

/* Which of n operations are to be added: calls, requests and page faults, or where none of the first
 * two was counted the waits. They come first. */
static size_t choose(const struct op_row **ops, size_t n, bool (*counts)(const struct op_row *o),
		     bool *measured)
{
	size_t chosen = 0;

	*measured = false;
	for (size_t i = 0; i < n; i++) {
		const struct op_row *o = ops[i];

		if (is_in_call(o) || !counts(o))
			continue;
		*measured |= o->op != HL_OP_WAIT;
		ops[i] = ops[chosen];
		ops[chosen++] = o;
	}
	return *measured ? chosen : n;
}

static bool ever(const struct op_row *o)
{
	return o->count;
}

static bool in_interval(const struct op_row *o)
{
	return o->ivl_count;
}

static void add_waits(struct file_row *f, const struct op_row **ops, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (ops[i]->op != HL_OP_WAIT)
			continue;
		f->waits += ops[i]->count;
		f->ivl_waits += ops[i]->ivl_count;
		f->wait_ns += ops[i]->total_ns;
		f->ivl_wait_ns += ops[i]->ivl_ns;
	}
}

static struct op_row merged(const struct op_row **ops, size_t n, struct arena *a)
{
	struct op_row sum = *ops[0];

	if (n > 1)
		row_shapes[ROWS_FILE_OPS].merge(&sum, (const void *const *)ops, n, a);
	for (size_t i = 1; i < n; i++) /* where there are calls, the time by state is theirs */
		if (ops[i]->op == HL_OP_SYSCALL)
			sum.op = HL_OP_SYSCALL;
	return sum;
}

/* An interval in which no calls were counted shows its waits, whatever was counted before. */
static void file_row_fill(struct file_row *f, const struct op_row **ops, size_t n, struct arena *a)
{
	struct op_row ivl;
	uint64_t procs = 1;

	*f = (struct file_row){};
	for (size_t i = 1; i < n; i++)
		procs += !same_proc(ops[i - 1], ops[i]);
	add_waits(f, ops, n);
	ivl = merged(ops, choose(ops, n, in_interval, &f->ivl_measured), a);
	f->sum = merged(ops, choose(ops, n, ever, &f->measured), a);
	f->sum.ivl_count = ivl.ivl_count;
	f->sum.ivl_errors = ivl.ivl_errors;
	f->sum.ivl_ns = ivl.ivl_ns;
	f->sum.ivl_busy_ns = ivl.ivl_busy_ns;
	f->sum.ivl_hist = ivl.ivl_hist;
	f->sum.ivl_io = ivl.ivl_io;
	memcpy(f->sum.ivl, ivl.ivl, sizeof(ivl.ivl));
	if (n > 1)
		f->sum.name = NULL;
	f->sum.members = procs;
}

struct file_row *file_rows(const struct op_row *ops, size_t n, struct arena *a, size_t *nr)
{
	const struct op_row **sorted = xcalloc(n + 1, sizeof(*sorted));
	struct file_row *rows = arena_alloc(a, (n + 1) * sizeof(*rows));
	size_t i, end;

	for (i = 0; i < n; i++)
		sorted[i] = &ops[i];
	qsort(sorted, n, sizeof(*sorted), cmp_file_proc);
	*nr = 0;
	for (i = 0; i < n; i = end) {
		for (end = i + 1; end < n && sorted[end]->file.id == sorted[i]->file.id; end++)
			;
		file_row_fill(&rows[(*nr)++], sorted + i, end - i, a);
	}
	free(sorted);
	return rows;
}
