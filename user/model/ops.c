/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Operations: what one process did of one kind, call and state. Records bring what was
 * added. When the table is full the least used ones, those of ended processes first,
 * become "(other)" rows, one per kind and state, with totals and histograms. Called by
 * model.c and, when processes fold, by procs.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/state.h"
#include "rec/rec.h"

#define MAX_NAMES 8192 /* more than all tables have; a damaged recording may ask for any number */

/* Stands for "nobody has a name for it" in the cache. */
static struct istr nameless;

struct istr *op_name(struct model *m, unsigned int op, unsigned int abi, unsigned int nr)
{
	uint64_t key = (uint64_t)op << 32 | (uint64_t)abi << 16 | nr;
	struct istr *name = hash_get(m->names, &key);
	char buf[MODEL_NAME_LEN];
	const char *s = NULL;

	if (op == HL_OP_FUNCTION && nr != HL_NR_OTHER)
		return func_name(m, nr);
	if (name || hash_count(m->names) >= MAX_NAMES)
		return name == &nameless ? NULL : name;
	for (const struct collector *const *c = m->cols; *c && !s; c++)
		s = (*c)->op_name ? (*c)->op_name(op, abi, nr, buf) : NULL;
	name = s ? intern_get(m->interns, s, MODEL_NAME_LEN) : NULL;
	hash_put(m->names, &key, name ? name : &nameless);
	return name;
}

static struct op *op_new(struct model *m, const struct op_key *key, struct proc *p, struct file *f)
{
	struct op *o = xcalloc(1, sizeof(*o));

	o->key = *key;
	o->proc = proc_hold(p);
	o->file = f;
	if (f)
		f->refs++;
	o->name = intern_hold(op_name(m, key->op, key->abi, key->nr));
	o->members = 1;
	if (key->op == HL_OP_EXCHANGE)
		o->exchange = xcalloc(1, sizeof(*o->exchange));
	if (key->op == HL_OP_FUNCTION)
		o->func = xcalloc(1, sizeof(*o->func));
	hash_put(m->op_by_key, key, o);
	*vec_add(&m->ops) = o;
	return o;
}

static void op_free(struct model *m, struct op *o)
{
	heat_log_free(m, o);
	hist_free(&o->hist);
	hist_free(&o->ivl_hist);
	exchange_free(m, o->exchange);
	free(o->func);
	intern_put(m->interns, o->name);
	file_drop(m, o->file);
	proc_put(m, o->proc);
	free(o);
}

/* One of the rows that always have room: few enough to be no danger. */
static bool is_last_resort(const struct op_key *k)
{
	return !k->pid && k->nr == HL_NR_OTHER;
}

static struct op *last_resort(struct model *m, const struct op *from)
{
	struct proc *p = proc_other(m, from->proc);
	struct op_key key = {
		.start = p->start,
		.file = from->key.file ? FILE_OTHER : 0,
		.lock = from->key.lock ? LOCK_OTHER : 0,
		.func = from->key.func ? FUNC_OTHER : 0,
		.nr = HL_NR_OTHER,
		.op = from->key.op,
		.state = from->key.state,
	};
	struct op *o = hash_get(m->op_by_key, &key);

	if (o)
		return o;
	o = op_new(m, &key, p, NULL);
	o->members = 0;
	return o;
}

static void io_add(struct op_io *to, uint64_t queue_ns, uint64_t device_ns, uint64_t bytes)
{
	to->queue_ns += queue_ns;
	to->device_ns += device_ns;
	to->bytes += bytes;
}

static void op_add(struct op *to, const struct op *from)
{
	to->count += from->count;
	to->errors += from->errors;
	to->total_ns += from->total_ns;
	to->max_ns = MAX(to->max_ns, from->max_ns);
	to->ivl_count += from->ivl_count;
	to->ivl_errors += from->ivl_errors;
	to->ivl_ns += from->ivl_ns;
	for (int i = 0; i < NR_HL_STATES; i++) {
		to->clocks.total[i] += from->clocks.total[i];
		to->clocks.ivl[i] += from->clocks.ivl[i];
	}
	io_add(&to->io, from->io.queue_ns, from->io.device_ns, from->io.bytes);
	io_add(&to->ivl_io, from->ivl_io.queue_ns, from->ivl_io.device_ns, from->ivl_io.bytes);
	hist_merge(&to->hist, &from->hist);
	hist_merge(&to->ivl_hist, &from->ivl_hist);
	if (to->exchange && from->exchange)
		exchange_add(to->exchange, from->exchange, to->key.lock == from->key.lock);
	if (to->func && from->func)
		func_add(to->func, from->func);
	to->members += from->members;
}

/* Takes the marked operations out of the table and the list, in order; *n of them. */
static struct op **take_out(struct model *m, bool (*marked)(const struct op *o), size_t *n)
{
	struct op **out = xcalloc(m->ops.n, sizeof(*out));
	size_t kept = 0;

	*n = 0;
	for (size_t i = 0; i < m->ops.n; i++) {
		struct op *o = m->ops.v[i];

		if (!marked(o)) {
			m->ops.v[kept++] = o;
			continue;
		}
		hash_del(m->op_by_key, &o->key);
		out[(*n)++] = o;
	}
	m->ops.n = kept;
	return out;
}

static bool of_folded(const struct op *o)
{
	return o->proc->folded;
}

void ops_fold_procs(struct model *m)
{
	size_t n;
	struct op **out = take_out(m, of_folded, &n);

	for (size_t i = 0; i < n; i++) {
		struct proc *other = proc_other(m, out[i]->proc);
		struct op_key key = out[i]->key;
		struct op *to;

		key.pid = other->pid;
		key.start = other->start;
		to = hash_get(m->op_by_key, &key);
		if (!to && m->ops.n < m->limits.max_ops) {
			to = op_new(m, &key, other, out[i]->file);
			to->members = 0;
		}
		op_add(to ? to : last_resort(m, out[i]), out[i]);
		op_free(m, out[i]);
	}
	free(out);
}

static int cmp_use(const void *a, const void *b)
{
	const struct op *x = *(const struct op *const *)a, *y = *(const struct op *const *)b;

	if (x->proc->belongs != y->proc->belongs)
		return x->proc->belongs - y->proc->belongs;
	if (x->proc->gone != y->proc->gone)
		return y->proc->gone - x->proc->gone;
	if (x->total_ns != y->total_ns)
		return x->total_ns < y->total_ns ? -1 : 1;
	return memcmp(&x->key, &y->key, sizeof(x->key));
}

static bool is_any(const struct op *o)
{
	return !is_last_resort(&o->key);
}

/* The least used ones of those that are marked go into "(other)". */
static void fold_least(struct model *m, bool (*marked)(const struct op *o), size_t fold)
{
	size_t n;
	struct op **out = take_out(m, marked, &n);

	qsort(out, n, sizeof(*out), cmp_use);
	fold = MIN(n, fold);
	for (size_t i = 0; i < fold; i++) {
		op_add(last_resort(m, out[i]), out[i]);
		op_free(m, out[i]);
	}
	for (size_t i = fold; i < n; i++) {
		hash_put(m->op_by_key, &out[i]->key, out[i]);
		*vec_add(&m->ops) = out[i];
	}
	free(out);
}

/* A sixteenth, so that a full table is not gone through at every new operation. */
static void make_room(struct model *m)
{
	fold_least(m, is_any, m->limits.max_ops / 16 + 1);
}

static bool of_ended(const struct op *o)
{
	return o->proc->gone && is_any(o);
}

static bool of_ended_others(const struct op *o)
{
	return of_ended(o) && !o->proc->belongs;
}

/* Where processes come and go by the hundred, what they did takes no more than so much memory.
 * Those that were asked for are not folded: their rows would be nobody's. */
static void fold_ended(struct model *m)
{
	bool (*marked)(const struct op *o) = restricts(m) ? of_ended_others : of_ended;
	size_t most = m->limits.max_ops / 4, ended = 0;

	for (size_t i = 0; i < m->ops.n; i++)
		ended += marked(m->ops.v[i]);
	if (ended > most)
		fold_least(m, marked, ended - most / 4 * 3);
}

static struct op *op_get(struct model *m, const struct op_key *key, struct proc *p, struct file *f)
{
	struct op *o = hash_get(m->op_by_key, key);

	if (o)
		return o;
	if (m->ops.n >= m->limits.max_ops && !is_last_resort(key))
		make_room(m);
	return op_new(m, key, p, f);
}

/* The operation of that process, on that file. */
static struct op *op_of(struct model *m, uint32_t pid, uint64_t start, struct op_key key, struct file *f)
{
	struct proc *p = proc_get(m, pid, start);

	key.pid = p->pid;
	key.start = p->start;
	return op_get(m, &key, p, f);
}

static void op_take(struct op *o, const struct hl_rec_op *r, const __u32 *buckets)
{
	o->count += r->count;
	o->errors += r->errors;
	o->total_ns += r->total_ns;
	o->max_ns = MAX(o->max_ns, r->max_ns);
	o->ivl_count += r->count;
	o->ivl_errors += r->errors;
	o->ivl_ns += r->total_ns;
	for (int i = 0; i < NR_HL_STATES; i++) {
		o->clocks.total[i] += r->state_ns[i];
		o->clocks.ivl[i] += r->state_ns[i];
	}
	for (__u32 i = 0; i < r->nr_buckets; i++) {
		hist_add_cell(&o->hist, r->first + i, buckets[i]);
		hist_add_cell(&o->ivl_hist, r->first + i, buckets[i]);
	}
}

int op_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_op *r = (const void *)rec;
	struct op_key key = { .nr = r->nr, .op = r->op, .state = r->state, .abi = r->abi };

	op_take(op_of(m, rec->pid, r->proc_start, key, NULL), r, rec_op_buckets(r));
	return 0;
}

int file_op_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_file_op *r = (const void *)rec;
	struct file *f = file_hold(m, r->file);
	struct op_key key = { .file = f ? f->id : FILE_OTHER,
			      .nr = r->o.nr,
			      .op = r->o.op,
			      .state = r->o.state,
			      .abi = r->o.abi };
	struct op *o = op_of(m, rec->pid, r->o.proc_start, key, f);

	op_take(o, &r->o, rec_file_buckets(r));
	io_add(&o->io, r->queue_ns, r->device_ns, r->bytes);
	io_add(&o->ivl_io, r->queue_ns, r->device_ns, r->bytes);
	file_drop(m, f);
	return 0;
}

int lock_op_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_lock_op *r = (const void *)rec;
	struct op_key key = { .lock = r->addr ? r->addr : LOCK_OTHER,
			      .nr = r->o.nr,
			      .op = r->o.op,
			      .state = r->o.state,
			      .abi = r->o.abi };

	op_take(op_of(m, rec->pid, r->o.proc_start, key, NULL), &r->o, rec_lock_buckets(r));
	return 0;
}

int exchange_op_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_exchange_op *r = (const void *)rec;
	struct op_key key = { .lock = rec->pid ? exchange_object(r) : LOCK_OTHER,
			      .nr = rec->pid ? r->role : HL_NR_OTHER,
			      .op = HL_OP_EXCHANGE };
	struct op *o = op_of(m, rec->pid, r->o.proc_start, key, NULL);

	exchange_is(m, o->exchange, r);
	if (r->part == HL_EXCHANGE_READ)
		exchange_take(o->exchange, r);
	else
		op_take(o, &r->o, rec_exchange_buckets(r));
	return 0;
}

int func_op_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_func_op *r = (const void *)rec;
	struct op_key key = { .nr = rec->pid ? r->o.nr : HL_NR_OTHER, .op = HL_OP_FUNCTION };
	struct op *o = op_of(m, rec->pid, r->o.proc_start, key, NULL);

	func_take(o->func, r);
	op_take(o, &r->o, rec_func_buckets(r));
	return 0;
}

int func_syscall_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_func_syscall *r = (const void *)rec;
	struct func_syscalls n = { r->o.count, r->o.total_ns };
	struct op_key of = { .nr = r->func ? (uint16_t)r->func : HL_NR_OTHER, .op = HL_OP_FUNCTION };
	struct op_key key = { .func = r->func ? (uint16_t)r->func : FUNC_OTHER,
			      .nr = r->o.nr,
			      .op = r->o.op,
			      .abi = r->o.abi };
	struct op *o = op_of(m, rec->pid, r->o.proc_start, of, NULL);

	func_syscalls_add(&o->func->syscalls, &n);
	func_syscalls_add(&o->func->ivl_syscalls, &n);
	op_take(op_of(m, rec->pid, r->o.proc_start, key, NULL), &r->o, rec_func_syscall_buckets(r));
	return 0;
}

/* What it adds up to comes with FUNC_OP. */
int func_call_apply(struct model *m, const struct hl_rec *rec)
{
	return 0;
}

/* Of a process one row; peer by peer the peers have it. */
int resent_op_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_exchange_op *r = (const void *)rec;
	struct op_key key = { .nr = r->o.nr, .op = HL_OP_TCP, .state = r->o.state };
	struct op *o = op_of(m, rec->pid, r->o.proc_start, key, NULL);

	op_take(o, &r->o, rec_exchange_buckets(r));
	peer_resent(m, rec->pid ? o->proc : NULL, r);
	return 0;
}

int op_io_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_op_io *r = (const void *)rec;
	struct op *o =
		op_of(m, rec->pid, r->proc_start,
		      (struct op_key){ .nr = r->nr, .op = r->op, .state = r->state, .abi = r->abi }, NULL);

	io_add(&o->io, r->queue_ns, r->device_ns, r->bytes);
	io_add(&o->ivl_io, r->queue_ns, r->device_ns, r->bytes);
	return 0;
}

void ops_roll(struct model *m)
{
	fold_ended(m);
	for (size_t i = 0; i < m->ops.n; i++) {
		struct op *o = m->ops.v[i];

		if (o->exchange)
			hist_reset(&o->exchange->ivl_reads);
		if (o->func)
			func_roll(o->func);
		if (!o->ivl_count && !o->ivl_hist.count && !o->ivl_io.device_ns && !o->ivl_errors)
			continue;
		o->ivl_count = o->ivl_errors = o->ivl_ns = 0;
		o->ivl_io = (struct op_io){};
		memset(o->clocks.ivl, 0, sizeof(o->clocks.ivl));
		hist_reset(&o->ivl_hist);
	}
}

void ops_fini(struct model *m)
{
	for (size_t i = 0; i < m->ops.n; i++)
		op_free(m, m->ops.v[i]);
	vec_free(&m->ops);
	hash_free(m->op_by_key);
}
