/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The model as a snapshot: every row and every string copied into memory of its own, so
 * that the model goes on while outputs read. Called by model.c at a tick. */
#include <stdio.h>
#include <string.h>

#include "model/shape.h"
#include "model/state.h"

struct picture {
	struct model *m;
	struct snap *s;
	struct arena *a;
	uint64_t stamp;
};

static const char *copy(struct picture *p, struct istr *s)
{
	return intern_copy(s, p->a, p->stamp);
}

static const char *copy_str(struct picture *p, const char *s)
{
	return s ? arena_strn(p->a, s, strlen(s)) : NULL;
}

static void copy_states(uint64_t *to, const uint64_t *from)
{
	for (int i = 0; i < NR_HL_STATES; i++)
		to[i] = not_negative(from[i]);
}

static uint64_t busy_ns(const uint64_t *states)
{
	uint64_t sum = 0;

	for (int i = 0; i < NR_HL_STATES; i++)
		sum += hl_state_is_work_wait[i] ? 0 : states[i];
	return sum;
}

/* ---- rows ------------------------------------------------------------------------- */

static void proc_fill(struct picture *p, struct proc_row *r, struct proc *from)
{
	*r = (struct proc_row){
		.pid = from->pid,
		.ppid = from->ppid,
		.uid = from->uid,
		.flags = from->flags,
		.start_ns = from->start,
		.gone = from->gone,
		.members = from->members,
		.comm = copy(p, from->comm),
		.exe = copy(p, from->exe),
		.args = copy(p, from->args),
		.cgroup = copy(p, from->cgroup),
		.container = copy(p, from->container),
		.pod = copy(p, from->pod),
		.unit = copy(p, from->unit),
		.quota_cgroup = copy(p, cgroup_with_quota(p->m, from)),
		.wall_ns = p->s->duration_ns,
		.ivl_wall_ns = p->s->interval_ns,
	};
	r->threads = from->live || from->gone ? from->live : from->told;
	copy_states(r->total, from->clocks.total);
	copy_states(r->ivl, from->clocks.ivl);
	r->total_busy = busy_ns(r->total);
	r->ivl_busy = not_negative(busy_ns(r->ivl) - from->rest);
}

static void *proc_rows(struct picture *p, struct snap_table *made, size_t *n)
{
	const struct model *m = p->m;
	struct proc_row *rows = arena_alloc(p->a, (m->procs.n + NR_OTHERS) * sizeof(*rows));

	*n = 0;
	for (size_t i = 0; i < m->procs.n; i++)
		if (m->procs.v[i]->belongs)
			proc_fill(p, &rows[(*n)++], m->procs.v[i]);
	for (unsigned int i = 0; i < NR_OTHERS; i++)
		if (m->others[i]->members && m->others[i]->belongs)
			proc_fill(p, &rows[(*n)++], m->others[i]);
	return rows;
}

static void thread_now(struct picture *p, struct thread_row *r, const struct thread *t)
{
	r->now_state = t->now_state;
	r->now_abi = t->now_abi;
	r->now_nr = t->now_nr;
	r->now_lower_bound = t->lower_bound;
	r->now_detail = copy(p, t->now_detail);
	r->stack = stack_copy(p->m, t->now_stack, p->a, p->stamp);
	if (t->now_state >= NR_HL_STATES)
		return;
	r->now_since_ns = p->m->ts > t->now_since ? p->m->ts - t->now_since : 0;
	r->now_name = copy(p, op_name(p->m, HL_OP_WAIT, t->now_abi, t->now_nr));
}

static void thread_fill(struct picture *p, struct thread_row *r, const struct thread *t)
{
	const struct proc *proc = t->proc;

	*r = (struct thread_row){
		.pid = proc->pid,
		.tid = t->tid,
		.start_ns = t->start,
		.proc_start_ns = proc->start,
		.comm = copy(p, t->comm),
		.proc_comm = copy(p, proc->comm),
		.container = copy(p, proc->container),
		.cgroup = copy(p, proc->cgroup),
		.proc_flags = proc->flags,
		.begin_ns = t->begin,
		.switches = t->switches,
		.members = 1,
		.wall_ns = p->s->duration_ns,
		.ivl_wall_ns = p->s->interval_ns,
	};
	if (!r->comm && r->tid == r->pid)
		r->comm = r->proc_comm;
	copy_states(r->total, t->clocks.total);
	copy_states(r->ivl, t->clocks.ivl);
	r->total_busy = busy_ns(r->total);
	r->ivl_busy = not_negative(busy_ns(r->ivl) - t->rest);
	thread_now(p, r, t);
}

static void *thread_rows(struct picture *p, struct snap_table *made, size_t *n)
{
	struct model *m = p->m;
	struct thread_row *rows = arena_alloc(p->a, (m->threads.n + 1) * sizeof(*rows));

	*n = 0;
	for (size_t i = 0; i < m->threads.n; i++)
		if (m->threads.v[i]->proc->belongs)
			thread_fill(p, &rows[(*n)++], m->threads.v[i]);
	if (!m->other_threads || !m->other_thread.proc->belongs)
		return rows;
	thread_fill(p, &rows[*n], &m->other_thread);
	rows[*n].comm = rows[*n].proc_comm;
	rows[(*n)++].members = m->other_threads;
	return rows;
}

void hist_keep(struct arena *a, struct hist *to, const struct hist *from)
{
	*to = (struct hist){};
	if (!from->count)
		return;
	*to = *from;
	to->cells = arena_alloc(a, from->n * sizeof(*to->cells));
	memcpy(to->cells, from->cells, from->n * sizeof(*to->cells));
}

/* The part of an operation's time that is not waiting for work. */
static uint64_t op_busy(const struct op_key *key, uint64_t total_ns, const uint64_t *states)
{
	uint64_t work = 0;

	if (key->op == HL_OP_WAIT || key->op == HL_OP_URING)
		return hl_state_is_work_wait[key->state] ? 0 : total_ns;
	for (int i = 0; i < NR_HL_STATES; i++)
		work += hl_state_is_work_wait[i] ? states[i] : 0;
	return total_ns > work ? total_ns - work : 0;
}

static void file_fill(struct picture *p, struct op_file *to, const struct op *o)
{
	const struct file *f = o->file;

	*to = (struct op_file){ .id = o->key.file };
	if (!f) {
		to->path = to->id ? "(other)" : NULL;
		return;
	}
	to->by_name = !f->dev && !f->ino;
	if (!to->by_name)
		snprintf(to->device, sizeof(to->device), "%u:%u", f->dev >> 8 & 0xfff,
			 (f->dev & 0xff) | (f->dev >> 12 & 0xfff00));
	to->generation = f->generation;
	to->ino = f->ino;
	to->path = copy(p, f->path);
	to->deleted = f->deleted;
	to->cut = f->cut;
}

/* What counts such operations, where that is not always on. */
static const struct watched *watched_by(const struct model *m, const struct op *o)
{
	static const enum hl_watch by[NR_HL_OPS] = {
		[HL_OP_SYSCALL] = 1 + HL_WATCH_CALLS,
		[HL_OP_EXCHANGE] = 1 + HL_WATCH_EXCHANGES,
		[HL_OP_FUNCTION] = 1 + HL_WATCH_FUNCTIONS,
	};
	unsigned int w = o->key.file   ? 1 + HL_WATCH_FILES
			 : o->key.func ? 1 + HL_WATCH_FUNCTIONS
				       : by[o->key.op];

	return w && m->watched[w - 1].known ? &m->watched[w - 1] : NULL;
}

/* For how long they were counted: that is what there are so many in a second of. */
static void wall_fill(const struct picture *p, struct op_row *r, const struct op *o)
{
	const struct watched *w = watched_by(p->m, o);

	r->wall_ns = p->s->duration_ns;
	r->ivl_wall_ns = p->s->interval_ns;
	if (!w)
		return;
	r->wall_ns = MIN(r->wall_ns, w->ns);
	r->ivl_wall_ns = MIN(r->ivl_wall_ns, w->ns - MIN(w->ns_before, w->ns));
}

static void op_fill(struct picture *p, struct op_row *r, const struct op *o)
{
	const struct proc *proc = o->proc;

	*r = (struct op_row){
		.op = o->key.op,
		.state = o->key.state,
		.abi = o->key.abi,
		.nr = o->key.nr,
		.pid = proc->pid,
		.proc_start_ns = proc->start,
		.proc_flags = proc->flags,
		.comm = copy(p, proc->comm),
		.container = copy(p, proc->container),
		.cgroup = copy(p, proc->cgroup),
		.name = copy(p, o->name),
		.count = o->count,
		.errors = o->errors,
		.total_ns = o->total_ns,
		.max_ns = o->max_ns,
		.ivl_count = o->ivl_count,
		.ivl_errors = o->ivl_errors,
		.ivl_ns = o->ivl_ns,
		.io = o->io,
		.ivl_io = o->ivl_io,
		.object = o->key.lock,
		.members = o->members,
	};
	wall_fill(p, r, o);
	copy_states(r->total, o->clocks.total);
	copy_states(r->ivl, o->clocks.ivl);
	r->busy_ns = op_busy(&o->key, r->total_ns, r->total);
	r->ivl_busy_ns = op_busy(&o->key, r->ivl_ns, r->ivl);
	file_fill(p, &r->file, o);
	hist_keep(p->a, &r->hist, &o->hist);
	hist_keep(p->a, &r->ivl_hist, &o->ivl_hist);
}

/* Those as such, and not on a file or for a lock. */
static void *ops_of(struct picture *p, bool on_files, size_t *n)
{
	const struct model *m = p->m;
	struct op_row *rows = arena_alloc(p->a, m->ops.n * sizeof(*rows));

	*n = 0;
	for (size_t i = 0; i < m->ops.n; i++) {
		const struct op *o = m->ops.v[i];

		if (!o->key.file == !on_files && !o->key.lock && !o->key.func && o->proc->belongs &&
		    !func_is_point(m, o) && nr_belongs(m, o->key.op, o->key.abi, o->key.nr))
			op_fill(p, &rows[(*n)++], o);
	}
	return rows;
}

static void *op_rows(struct picture *p, struct snap_table *made, size_t *n)
{
	return ops_of(p, false, n);
}

static void *file_op_rows(struct picture *p, struct snap_table *made, size_t *n)
{
	return ops_of(p, true, n);
}

static void slow_copy(struct picture *p, struct slow_row *r, const struct slow *s)
{
	const struct proc *proc = s->proc;

	*r = s->row;
	r->proc_flags = proc->flags;
	r->proc_comm = copy(p, proc->comm);
	r->cgroup = copy(p, proc->cgroup);
	r->container = copy(p, proc->container);
	r->comm = copy(p, s->comm ? s->comm : proc->comm);
	if (!r->pid) /* of a connection of nobody who is known */
		r->comm = r->proc_comm = NULL;
	r->reason = copy(p, s->reason);
	r->asked = copy(p, s->asked);
	r->waker_comm = copy(p, s->waker_comm);
	r->waker_call = copy(p, s->waker_call);
	r->waker_stack = stack_copy(p->m, s->waker_stack, p->a, p->stamp);
	r->waker_user_stack = stack_copy(p->m, s->waker_user_stack, p->a, p->stamp);
	r->detail_text = s->row.lock_addr
				 ? lock_text(p->m, s->row.pid, s->row.proc_start_ns, s->row.lock_addr, p->a)
				 : copy(p, s->text);
	r->lock_name = copy(p, lock_called(p->m, s->row.pid, s->row.proc_start_ns, s->row.lock_addr));
	r->path = copy(p, s->path);
	r->local = copy(p, s->local);
	r->remote = copy(p, s->remote);
	r->disk = copy(p, s->disk ? s->disk : disk_called(p->m, s->row.dev));
	r->name = copy(p, s->name);
	r->stack = stack_copy(p->m, s->stack, p->a, p->stamp);
	r->user_stack = stack_copy(p->m, s->user_stack, p->a, p->stamp);
	r->holder_comm = copy(p, s->holder_comm);
	r->chain = chain_copy(p->m, s, p->a, p->stamp);
	r->occupants = occupants_copy(p->m, s->occupants, p->a, p->stamp);
	r->peers = slow_peers_copy(s, p->a, p->stamp);
	throttle_copy(&r->throttle, s, p->a, p->stamp);
}

/* What our own children wait for is for us to ask something. */
static bool slow_belongs(const struct model *m, const struct slow *s)
{
	return proc_shown(m, s->proc) && nr_belongs(m, s->row.op, s->row.abi, s->row.nr);
}

/* Those in progress first, then the newest. */
static void *slow_rows(struct picture *p, struct snap_table *made, size_t *n)
{
	const struct model *m = p->m;
	struct slow_row *rows = arena_alloc(p->a, (m->now.n + m->slow.n) * sizeof(*rows));

	*n = 0;
	for (size_t i = 0; i < m->now.n; i++)
		if (slow_belongs(m, &m->now.v[i]) && !(m->now.v[i].row.flags & HL_SLOW_NOT_SLOW))
			slow_copy(p, &rows[(*n)++], &m->now.v[i]);
	for (size_t i = 1; i <= m->slow.n; i++) {
		const struct slow *s = &m->slow.v[(m->slow_next + m->slow.n - i) % m->slow.n];

		if (slow_belongs(m, s))
			slow_copy(p, &rows[(*n)++], s);
	}
	return rows;
}

/* What is blocked, of all that is in progress. */
static void *blocked_rows(struct picture *p, struct snap_table *made, size_t *n)
{
	const struct model *m = p->m;
	struct slow_row *rows = arena_alloc(p->a, m->now.n * sizeof(*rows));

	*n = 0;
	for (size_t i = 0; i < m->now.n; i++)
		if (slow_belongs(m, &m->now.v[i]) && m->now.v[i].row.flags & HL_SLOW_BLOCKED)
			slow_copy(p, &rows[(*n)++], &m->now.v[i]);
	return rows;
}

static void *waited_rows(struct picture *p, struct snap_table *made, size_t *n)
{
	const struct model *m = p->m;
	struct waited_row *rows = arena_alloc(p->a, m->waited.n * sizeof(*rows));

	*n = 0;
	for (size_t i = 0; i < m->waited.n; i++) {
		const struct waited *w = m->waited.v[i];

		if (!proc_shown(m, w->proc) || !nr_belongs(m, HL_OP_WAIT, w->key.abi, w->key.nr))
			continue;
		rows[(*n)++] = (struct waited_row){
			.pid = w->key.pid,
			.proc_flags = w->proc->flags,
			.proc_start_ns = w->key.start,
			.comm = copy(p, w->proc->comm),
			.container = copy(p, w->proc->container),
			.cgroup = copy(p, w->proc->cgroup),
			.name = copy(p, w->name),
			.stack = stack_copy(p->m, w->key.stack, p->a, p->stamp),
			.user_stack = stack_copy(p->m, w->key.user_stack, p->a, p->stamp),
			.count = w->count,
			.total_ns = w->total_ns,
			.max_ns = w->max_ns,
			.ivl_count = w->ivl_count,
			.ivl_ns = w->ivl_ns,
			.nr = w->key.nr,
			.state = w->key.state,
			.abi = w->key.abi,
		};
	}
	return rows;
}

static void lock_address(struct picture *p, struct lock_row *r, uint64_t addr)
{
	r->addr = addr == LOCK_OTHER ? 0 : addr;
	r->text = lock_text(p->m, r->sum.pid, r->sum.proc_start_ns, r->addr, p->a);
	r->name = copy(p, lock_called(p->m, r->sum.pid, r->sum.proc_start_ns, r->addr));
	if (!r->text)
		r->text = "(other)";
}

/* Of a lock that nobody has got yet there is no operation. */
static void lock_row_begin(struct picture *p, struct lock_row *r, const struct slow *s)
{
	r->sum = (struct op_row){
		.op = HL_OP_WAIT,
		.state = HL_STATE_LOCK,
		.abi = s->row.abi,
		.pid = s->proc->pid,
		.proc_start_ns = s->proc->start,
		.proc_flags = s->proc->flags,
		.comm = copy(p, s->proc->comm),
		.container = copy(p, s->proc->container),
		.cgroup = copy(p, s->proc->cgroup),
		.members = 1,
		.wall_ns = p->s->duration_ns,
		.ivl_wall_ns = p->s->interval_ns,
	};
	lock_address(p, r, s->row.lock_addr);
}

static void *lock_rows(struct picture *p, struct snap_table *made, size_t *n)
{
	const struct model *m = p->m;
	struct lock_row *rows = arena_zalloc(p->a, (m->ops.n + m->now.n) * sizeof(*rows));
	struct lock_fill *f = lock_fill_new();

	*n = 0;
	for (size_t i = 0; i < m->ops.n; i++) {
		const struct op *o = m->ops.v[i];

		if (!o->key.lock || o->exchange || !o->proc->belongs)
			continue;
		op_fill(p, &rows[*n].sum, o);
		lock_address(p, &rows[*n], o->key.lock);
		lock_fill_add(f, &rows[(*n)++]);
	}
	for (size_t i = 0; i < m->now.n; i++) {
		if (lock_fill_lacks(f, &m->now.v[i])) {
			lock_row_begin(p, &rows[*n], &m->now.v[i]);
			lock_fill_add(f, &rows[(*n)++]);
		}
		lock_fill_slow(f, p->m, &m->now.v[i], p->a, p->stamp);
	}
	for (size_t i = 1; i <= m->slow.n; i++)
		lock_fill_slow(f, p->m, &m->slow.v[(m->slow_next + m->slow.n - i) % m->slow.n], p->a,
			       p->stamp);
	lock_fill_free(f);
	return rows;
}

static void *exchange_rows(struct picture *p, struct snap_table *made, size_t *n)
{
	const struct model *m = p->m;
	struct exchange_row *rows = arena_zalloc(p->a, m->ops.n * sizeof(*rows));

	*n = 0;
	for (size_t i = 0; i < m->ops.n; i++) {
		const struct op *o = m->ops.v[i];
		struct exchange_row *r = &rows[*n];

		if (!o->exchange || !proc_shown(m, o->proc))
			continue;
		op_fill(p, &r->sum, o);
		r->remote = copy(p, o->exchange->remote);
		r->port = o->exchange->port;
		r->role = o->exchange->role;
		hist_keep(p->a, &r->reads, &o->exchange->reads);
		hist_keep(p->a, &r->ivl_reads, &o->exchange->ivl_reads);
		r->read_ns = o->exchange->read_ns;
		r->read_max_ns = o->exchange->read_max_ns;
		(*n)++;
	}
	return rows;
}

static void *function_rows(struct picture *p, struct snap_table *made, size_t *n)
{
	const struct model *m = p->m;
	struct function_row *rows;

	*n = 0;
	for (size_t i = 0; i < m->ops.n; i++)
		*n += m->ops.v[i]->func != NULL;
	rows = arena_zalloc(p->a, *n * sizeof(*rows));
	*n = 0;
	for (size_t i = 0; i < m->ops.n; i++) {
		const struct op *o = m->ops.v[i];

		if (!o->func || !proc_shown(m, o->proc))
			continue;
		op_fill(p, &rows[*n].sum, o);
		func_fill(m, &rows[*n], o, p->a, p->stamp);
		(*n)++;
	}
	return rows;
}

static void *function_syscall_rows(struct picture *p, struct snap_table *made, size_t *n)
{
	const struct model *m = p->m;
	struct function_syscall_row *rows;

	*n = 0;
	for (size_t i = 0; i < m->ops.n; i++)
		*n += m->ops.v[i]->key.func != 0;
	rows = arena_zalloc(p->a, *n * sizeof(*rows));
	*n = 0;
	for (size_t i = 0; i < m->ops.n; i++) {
		const struct op *o = m->ops.v[i];

		if (!o->key.func || !proc_shown(m, o->proc))
			continue;
		op_fill(p, &rows[*n].sum, o);
		func_syscall_fill(m, &rows[*n], o, p->a, p->stamp);
		(*n)++;
	}
	return rows;
}

static void *quota_rows(struct picture *p, struct snap_table *made, size_t *n)
{
	return cgroup_rows(p->m, p->a, p->stamp, n);
}

static void *all_conn_rows(struct picture *p, struct snap_table *made, size_t *n)
{
	return conn_rows(p->m, p->a, p->stamp, n);
}

static void *all_history_rows(struct picture *p, struct snap_table *made, size_t *n)
{
	return history_rows(p->m, p->a, p->stamp, n);
}

static void *all_peer_rows(struct picture *p, struct snap_table *made, size_t *n)
{
	return peer_rows(p->m, p->a, p->stamp, n);
}

static void *all_listen_rows(struct picture *p, struct snap_table *made, size_t *n)
{
	return listen_rows(p->m, p->a, p->stamp, n);
}

static void *all_dns_rows(struct picture *p, struct snap_table *made, size_t *n)
{
	return dns_rows(p->m, p->a, p->stamp, n);
}

static void *all_dns_query_rows(struct picture *p, struct snap_table *made, size_t *n)
{
	return dns_query_rows(p->m, p->a, p->stamp, n);
}

static void *all_file_rows(struct picture *p, struct snap_table *made, size_t *n);
static void *all_tree_rows(struct picture *p, struct snap_table *made, size_t *n);

static void *(*const makers[NR_ROWS])(struct picture *p, struct snap_table *made, size_t *n) = {
	[ROWS_NONE] = NULL,
	[ROWS_PROCESSES] = proc_rows,
	[ROWS_THREADS] = thread_rows,
	[ROWS_OPERATIONS] = op_rows,
	[ROWS_SLOW] = slow_rows,
	[ROWS_FILES] = all_file_rows,
	[ROWS_FILE_OPS] = file_op_rows,
	[ROWS_BLOCKED] = blocked_rows,
	[ROWS_WAITED] = waited_rows,
	[ROWS_LOCKS] = lock_rows,
	[ROWS_TREE] = all_tree_rows,
	[ROWS_CGROUPS] = quota_rows,
	[ROWS_CONNECTIONS] = all_conn_rows,
	[ROWS_HISTORY] = all_history_rows,
	[ROWS_PEERS] = all_peer_rows,
	[ROWS_LISTENERS] = all_listen_rows,
	[ROWS_DNS] = all_dns_rows,
	[ROWS_DNS_QUERIES] = all_dns_query_rows,
	[ROWS_EXCHANGES] = exchange_rows,
	[ROWS_FUNCTIONS] = function_rows,
	[ROWS_FUNCTION_SYSCALLS] = function_syscall_rows,
};

/* Rows that several tables share are made once. made: what there is, by enum rows. */
static struct snap_table make(struct picture *p, struct snap_table *made, enum rows rows)
{
	if (!made[rows].rows && makers[rows])
		made[rows].rows = makers[rows](p, made, &made[rows].n);
	return made[rows];
}

static void *all_file_rows(struct picture *p, struct snap_table *made, size_t *n)
{
	struct snap_table ops = make(p, made, ROWS_FILE_OPS);

	return file_rows(ops.rows, ops.n, p->a, n);
}

static void *all_tree_rows(struct picture *p, struct snap_table *made, size_t *n)
{
	struct snap_table waited = make(p, made, ROWS_WAITED);

	return tree_rows(waited.rows, waited.n, p->a, n);
}

static struct snap_table take_table(struct picture *p, const struct table_desc *t, const struct collector *c,
				    const void *own, struct snap_table *made)
{
	struct snap_table table = {};

	if (c->own)
		table.rows = c->own->rows(own, t, p->s, p->a, &table.n);
	else
		table = make(p, made, t->rows);
	table.desc = t;
	return table;
}

static void take_tables(struct picture *p)
{
	const struct collector *const *cols = p->m->cols;
	struct snap_table made[NR_ROWS] = {}, *tables;
	size_t n = 0;

	for (size_t c = 0; cols[c]; c++)
		for (const struct table_desc *const *t = cols[c]->tables; t && *t; t++)
			n++;
	p->s->tables = tables = arena_alloc(p->a, n * sizeof(*tables));
	p->s->nr_tables = n;
	for (size_t c = 0; cols[c]; c++)
		for (const struct table_desc *const *t = cols[c]->tables; t && *t; t++)
			*tables++ = take_table(p, *t, cols[c], p->m->own[c], made);
}

/* ---- the rest ----------------------------------------------------------------------- */

static const char *const *take_words(struct picture *p, const struct fact_list *l)
{
	const char **words = arena_zalloc(p->a, (l->v.n + 1) * sizeof(*words));

	for (size_t i = 0; i < l->v.n; i++)
		words[i] = copy_str(p, l->v.v[i]);
	return words;
}

static void take_facts(struct picture *p)
{
	const struct facts *f = &p->m->facts;
	struct snap *s = p->s;

	s->hostname = copy_str(p, f->hostname);
	s->kernel = copy_str(p, f->kernel);
	s->arch = copy_str(p, f->arch);
	s->boot_id = copy_str(p, f->boot_id);
	s->tool_version = copy_str(p, f->tool_version);
	s->cpus = (uint32_t)MIN(f->cpus, UINT32_MAX);
	s->slow_ns = f->slow_ns;
	s->blocked_ns = f->blocked_ns;
	s->argv = take_words(p, &f->argv);
	s->filters = take_words(p, &f->filters);
}

static void take_times(struct picture *p)
{
	const struct model *m = p->m;
	struct snap *s = p->s;

	s->real_started = m->real_started;
	s->real_now = m->real_ns;
	s->duration_ns = m->ts - m->first_ts;
	s->interval_ns = m->interval_ns;
	s->seq = m->seq - 1;
	s->boot_now = m->ts;
	for (uint64_t age = 0; age < HEAT_SLICES && age < m->seq; age++)
		s->slice_ns[HEAT_SLICES - 1 - age] = m->slice_ns[(m->seq - 1 - age) % HEAT_SLICES];
	s->final = m->final;
	copy_states(s->total, m->host.total);
	copy_states(s->ivl, m->host.ivl);
	s->rest_ns = m->rest;
	copy_states(s->kthread_total, m->kthreads.total);
	copy_states(s->kthread_ivl, m->kthreads.ivl);
	memcpy(s->psi, m->psi, sizeof(s->psi));
	s->self = m->self;
	s->slow_seen = m->slow_seen;
	s->refused = m->refused;
	for (size_t i = 0; i < m->procs.n; i++)
		s->nr_processes += !m->procs.v[i]->gone;
	for (size_t i = 0; i < m->threads.n; i++)
		s->nr_threads += !m->threads.v[i]->ended;
}

static void take_collectors(struct picture *p)
{
	const struct model *m = p->m;
	struct snap_collector *c = arena_alloc(p->a, m->colls.n * sizeof(*c));

	for (size_t i = 0; i < m->colls.n; i++) {
		const struct coll *from = &m->colls.v[i];

		c[i] = (struct snap_collector){ copy_str(p, from->name), copy_str(p, from->reason),
						from->state };
	}
	p->s->collectors = c;
	p->s->nr_collectors = m->colls.n;
}

static void acct_fill(struct snap_acct *a, const struct acct *from, enum hl_class class_id)
{
	*a = (struct snap_acct){ .class_id = class_id, .seen = from->seen, .delivered = from->delivered };
	for (int i = 0; i < NR_HL_LOSSES; i++) {
		a->lost_by[i] = from->lost_by[i];
		a->lost += from->lost_by[i];
	}
	a->ivl_seen = not_negative(from->seen - from->seen_before);
	a->ivl_lost = not_negative(a->lost - from->lost_before);
	a->unaccounted = (int64_t)(a->seen - a->delivered - a->lost);
}

static void take_acct(struct picture *p)
{
	struct snap_acct *a = arena_alloc(p->a, NR_HL_CLASSES * sizeof(*a));

	p->s->acct = a;
	for (unsigned int i = 0; i < NR_HL_CLASSES; i++)
		if (p->m->acct[i].known)
			acct_fill(&a[p->s->nr_acct++], &p->m->acct[i], i);
}

const struct snap *picture_take(struct model *m)
{
	struct snap_box *b = snap_box_new(m->pool);
	struct picture p = { m, &b->snap, &b->arena, m->seq };

	take_facts(&p);
	take_times(&p);
	take_collectors(&p);
	take_acct(&p);
	take_tables(&p);
	chains_roll(m);
	b->snap.stacks = stacks_copied(m, p.a, p.stamp, &b->snap.nr_stacks);
	return &b->snap;
}
