/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The identities of rows, and how rows of a kind add up. Called by query.c and group.c. */
#include <string.h>

#include "base/hist.h"
#include "model/shape.h"

static int cmp_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int cmp_proc(const void *a, const void *b)
{
	const struct proc_row *x = a, *y = b;
	int order = cmp_u64(x->pid, y->pid);

	return order ? order : cmp_u64(x->start_ns, y->start_ns);
}

static int cmp_thread(const void *a, const void *b)
{
	const struct thread_row *x = a, *y = b;
	int order = cmp_u64(x->tid, y->tid);

	return order ? order : cmp_u64(x->start_ns, y->start_ns);
}

static int cmp_thread_proc(const void *a, const void *b)
{
	const struct thread_row *x = a, *y = b;
	int order = cmp_u64(x->pid, y->pid);

	return order ? order : cmp_u64(x->proc_start_ns, y->proc_start_ns);
}

static int cmp_op_proc(const void *a, const void *b)
{
	const struct op_row *x = a, *y = b;
	int order = cmp_u64(x->pid, y->pid);

	return order ? order : cmp_u64(x->proc_start_ns, y->proc_start_ns);
}

static uint64_t call_key(const struct op_row *r)
{
	return (uint64_t)r->op << 32 | (uint64_t)r->abi << 24 | (uint64_t)r->nr << 8 | r->state;
}

static int cmp_call(const void *a, const void *b)
{
	const struct op_row *x = a, *y = b;
	int order = cmp_u64(call_key(x), call_key(y));

	return order ? order : cmp_u64(x->file.id, y->file.id);
}

static int cmp_op(const void *a, const void *b)
{
	int order = cmp_op_proc(a, b);

	return order ? order : cmp_call(a, b);
}

static int cmp_file(const void *a, const void *b)
{
	return cmp_u64(((const struct file_row *)a)->sum.file.id, ((const struct file_row *)b)->sum.file.id);
}

static int cmp_lock_proc(const void *a, const void *b)
{
	return cmp_op_proc(a, b); /* it begins with one */
}

static int cmp_lock(const void *a, const void *b)
{
	int order = cmp_lock_proc(a, b);

	return order ? order
		     : cmp_u64(((const struct lock_row *)a)->addr, ((const struct lock_row *)b)->addr);
}

static int cmp_slow(const void *a, const void *b)
{
	const struct slow_row *x = a, *y = b;
	int order = cmp_u64(x->begin_ns, y->begin_ns);

	order = order ? order : cmp_u64(x->tid, y->tid);
	order = order ? order : cmp_u64(x->op, y->op);
	return order ? order : cmp_u64(x->duration_ns, y->duration_ns);
}

static int cmp_waited_proc(const void *a, const void *b)
{
	const struct waited_row *x = a, *y = b;
	int order = cmp_u64(x->pid, y->pid);

	return order ? order : cmp_u64(x->proc_start_ns, y->proc_start_ns);
}

/* One of "(other)" has no stack. */
static int cmp_where(const void *a, const void *b)
{
	const struct waited_row *x = a, *y = b;
	int order = cmp_u64(x->stack ? x->stack->id : 0, y->stack ? y->stack->id : 0);

	order = order ? order
		      : cmp_u64(x->user_stack ? x->user_stack->id : 0, y->user_stack ? y->user_stack->id : 0);
	order = order ? order : cmp_u64(x->nr, y->nr);
	order = order ? order : cmp_u64(x->state, y->state);
	return order ? order : cmp_u64(x->abi, y->abi);
}

static int cmp_waited(const void *a, const void *b)
{
	int order = cmp_waited_proc(a, b);

	return order ? order : cmp_where(a, b);
}

/* ---- adding up ------------------------------------------------------------------- */

static void add_states(uint64_t *to, const uint64_t *from)
{
	for (int i = 0; i < NR_HL_STATES; i++)
		to[i] += from[i];
}

/* What the rows of a group do not share is not known. */
static void share_str(const char **to, const char *from)
{
	if (*to && (!from || strcmp(*to, from)))
		*to = NULL;
}

static void share_u32(uint32_t *to, uint32_t from)
{
	if (*to != from)
		*to = 0;
}

static void share_u64(uint64_t *to, uint64_t from)
{
	if (*to != from)
		*to = 0;
}

static void merge_proc(void *to, const void *const *rows, size_t n, struct arena *a)
{
	struct proc_row *r = to;

	for (size_t i = 1; i < n; i++) {
		const struct proc_row *p = rows[i];

		share_u32(&r->pid, p->pid);
		share_u32(&r->ppid, p->ppid);
		if (r->uid != p->uid)
			r->uid = UID_SEVERAL;
		share_u64(&r->start_ns, p->start_ns);
		share_str(&r->comm, p->comm);
		share_str(&r->exe, p->exe);
		share_str(&r->args, p->args);
		share_str(&r->cgroup, p->cgroup);
		share_str(&r->container, p->container);
		share_str(&r->pod, p->pod);
		share_str(&r->unit, p->unit);
		share_str(&r->quota_cgroup, p->quota_cgroup);
		r->flags &= p->flags;
		r->gone &= p->gone;
		r->threads += p->threads;
		r->members += p->members;
		r->total_busy += p->total_busy;
		r->ivl_busy += p->ivl_busy;
		add_states(r->total, p->total);
		add_states(r->ivl, p->ivl);
	}
}

static void share_now(struct thread_row *r, const struct thread_row *t)
{
	if (r->now_state != t->now_state)
		r->now_state = 0xff;
	r->now_nr = HL_NR_NONE;
	r->now_since_ns = 0;
	r->now_lower_bound = false;
	r->now_detail = NULL;
	share_str(&r->now_name, t->now_name);
}

static void merge_thread(void *to, const void *const *rows, size_t n, struct arena *a)
{
	struct thread_row *r = to;

	for (size_t i = 1; i < n; i++) {
		const struct thread_row *t = rows[i];

		share_u32(&r->pid, t->pid);
		share_u32(&r->tid, t->tid);
		share_u64(&r->start_ns, t->start_ns);
		share_u64(&r->proc_start_ns, t->proc_start_ns);
		share_str(&r->comm, t->comm);
		share_str(&r->proc_comm, t->proc_comm);
		share_str(&r->cgroup, t->cgroup);
		share_str(&r->container, t->container);
		share_now(r, t);
		r->proc_flags &= t->proc_flags;
		r->begin_ns = MIN(r->begin_ns, t->begin_ns);
		r->switches += t->switches;
		r->members += t->members;
		r->total_busy += t->total_busy;
		r->ivl_busy += t->ivl_busy;
		add_states(r->total, t->total);
		add_states(r->ivl, t->ivl);
	}
}

/* The sum of the histograms at `offset` of the rows, its cells in the arena. */
static void merge_hists(struct hist *to, const void *const *rows, size_t n, size_t offset, struct arena *a)
{
	unsigned int first = HL_HIST_CELLS, end = 0;

	*to = (struct hist){};
	for (size_t i = 0; i < n; i++) {
		const struct hist *h = (const void *)((const char *)rows[i] + offset);

		if (!h->count)
			continue;
		first = MIN(first, h->first);
		end = MAX(end, (unsigned int)h->first + h->n);
	}
	if (first >= end)
		return;
	to->first = (uint16_t)first;
	to->n = (uint16_t)(end - first);
	to->cells = arena_zalloc(a, to->n * sizeof(*to->cells));
	for (size_t i = 0; i < n; i++)
		hist_merge(to, (const void *)((const char *)rows[i] + offset));
}

static void add_io(struct op_io *to, const struct op_io *from)
{
	to->queue_ns += from->queue_ns;
	to->device_ns += from->device_ns;
	to->bytes += from->bytes;
}

static void merge_op(void *to, const void *const *rows, size_t n, struct arena *a)
{
	struct op_row *r = to;

	merge_hists(&r->hist, rows, n, offsetof(struct op_row, hist), a);
	merge_hists(&r->ivl_hist, rows, n, offsetof(struct op_row, ivl_hist), a);
	for (size_t i = 1; i < n; i++) {
		const struct op_row *o = rows[i];

		share_u32(&r->pid, o->pid);
		share_u64(&r->proc_start_ns, o->proc_start_ns);
		share_str(&r->comm, o->comm);
		share_str(&r->cgroup, o->cgroup);
		share_str(&r->container, o->container);
		r->proc_flags &= o->proc_flags;
		r->members += o->members;
		r->count += o->count;
		r->errors += o->errors;
		r->total_ns += o->total_ns;
		r->busy_ns += o->busy_ns;
		r->max_ns = MAX(r->max_ns, o->max_ns);
		r->ivl_count += o->ivl_count;
		r->ivl_errors += o->ivl_errors;
		r->ivl_ns += o->ivl_ns;
		r->ivl_busy_ns += o->ivl_busy_ns;
		add_io(&r->io, &o->io);
		add_io(&r->ivl_io, &o->ivl_io);
		add_states(r->total, o->total);
		add_states(r->ivl, o->ivl);
	}
}

static void merge_waited(void *to, const void *const *rows, size_t n, struct arena *a)
{
	struct waited_row *r = to;

	for (size_t i = 1; i < n; i++) {
		const struct waited_row *w = rows[i];

		share_u32(&r->pid, w->pid);
		share_u64(&r->proc_start_ns, w->proc_start_ns);
		share_str(&r->comm, w->comm);
		share_str(&r->cgroup, w->cgroup);
		share_str(&r->container, w->container);
		r->proc_flags &= w->proc_flags;
		r->count += w->count;
		r->total_ns += w->total_ns;
		r->max_ns = MAX(r->max_ns, w->max_ns);
		r->ivl_count += w->ivl_count;
		r->ivl_ns += w->ivl_ns;
	}
}

static void label_waited(void *row, const char *name)
{
	((struct waited_row *)row)->comm = name;
}

static void label_proc(void *row, const char *name)
{
	((struct proc_row *)row)->comm = name;
}

static void label_thread(void *row, const char *name)
{
	((struct thread_row *)row)->comm = name;
}

static void label_op(void *row, const char *name)
{
	((struct op_row *)row)->comm = name;
}

static void add_sums(struct conn_sums *to, const struct conn_sums *from)
{
	const uint64_t *b = (const void *)from;
	uint64_t *a = (void *)to;

	for (size_t i = 0; i < sizeof(*to) / sizeof(*a); i++)
		a[i] += b[i];
}

static int cmp_conn_proc(const void *a, const void *b)
{
	const struct conn_row *x = a, *y = b;
	int order = cmp_u64(x->pid, y->pid);

	return order ? order : cmp_u64(x->proc_start_ns, y->proc_start_ns);
}

static int cmp_conn(const void *a, const void *b)
{
	const struct conn_row *x = a, *y = b;
	int order = cmp_u64(x->cookie, y->cookie);

	return order ? order : cmp_u64(x->opened_ns, y->opened_ns);
}

static void share_u8(uint8_t *to, uint8_t from)
{
	if (*to != from)
		*to = 0;
}

/* What is a state of one connection is none of several. */
static void merge_conn(void *to, const void *const *rows, size_t n, struct arena *a)
{
	struct conn_row *r = to;

	r->srtt_ns = r->rttvar_ns = r->rto_ns = r->cwnd = 0;
	r->netns = r->connect_ns = r->age_ns = r->figures_age_ns = 0;
	for (size_t i = 1; i < n; i++) {
		const struct conn_row *c = rows[i];

		share_u32(&r->pid, c->pid);
		share_u64(&r->proc_start_ns, c->proc_start_ns);
		share_str(&r->comm, c->comm);
		share_str(&r->cgroup, c->cgroup);
		share_str(&r->container, c->container);
		share_str(&r->local, c->local);
		share_str(&r->remote, c->remote);
		share_str(&r->name, c->name);
		share_u64(&r->port, c->port);
		share_u8(&r->role, c->role);
		share_u8(&r->state, c->state);
		share_u8(&r->end, c->end);
		r->proc_flags &= c->proc_flags;
		r->real_ns = MIN(r->real_ns, c->real_ns);
		if (c->min_rtt_ns && (!r->min_rtt_ns || c->min_rtt_ns < r->min_rtt_ns))
			r->min_rtt_ns = c->min_rtt_ns;
		add_sums(&r->total, &c->total);
		add_sums(&r->ivl, &c->ivl);
		r->bytes_acked += c->bytes_acked;
		r->bytes_resent += c->bytes_resent;
		r->resend_max_ns = MAX(r->resend_max_ns, c->resend_max_ns);
		r->knows_resends |= c->knows_resends;
		r->send_queue += c->send_queue;
		r->receive_queue += c->receive_queue;
		r->busy_ns += c->busy_ns;
		r->buffer_limited_ns += c->buffer_limited_ns;
		r->zero_window_ns = MAX(r->zero_window_ns, c->zero_window_ns);
		r->queued_ns = MAX(r->queued_ns, c->queued_ns);
		r->exchanges += c->exchanges;
		r->exchange_ns += c->exchange_ns;
		r->exchange_max_ns = MAX(r->exchange_max_ns, c->exchange_max_ns);
		r->unanswered += c->unanswered;
		r->members += c->members;
	}
}

static void label_conn(void *row, const char *name)
{
	((struct conn_row *)row)->comm = name;
}

static int cmp_peer_proc(const void *a, const void *b)
{
	const struct peer_row *x = a, *y = b;
	int order = cmp_u64(x->pid, y->pid);

	return order ? order : cmp_u64(x->proc_start_ns, y->proc_start_ns);
}

/* A group keeps them apart by the role and the service's port. */
static int cmp_service(const void *a, const void *b)
{
	const struct peer_row *x = a, *y = b;
	int order = cmp_u64(x->role, y->role);

	return order ? order : cmp_u64(x->port, y->port);
}

static int cmp_peer(const void *a, const void *b)
{
	const struct peer_row *x = a, *y = b;
	int order = cmp_peer_proc(a, b);

	order = order ? order : cmp_service(a, b);
	return order ? order : strcmp(x->remote ? x->remote : "", y->remote ? y->remote : "");
}

static void add_half(struct peer_half *to, const struct peer_half *from)
{
	to->opened += from->opened;
	to->ended += from->ended;
	to->failed += from->failed;
	to->refused += from->refused;
	to->timed_out += from->timed_out;
	add_sums(&to->sums, &from->sums);
}

static void merge_peer(void *to, const void *const *rows, size_t n, struct arena *a)
{
	struct peer_row *r = to;

	merge_hists(&r->connect, rows, n, offsetof(struct peer_row, connect), a);
	merge_hists(&r->ivl_connect, rows, n, offsetof(struct peer_row, ivl_connect), a);
	merge_hists(&r->resends, rows, n, offsetof(struct peer_row, resends), a);
	merge_hists(&r->ivl_resends, rows, n, offsetof(struct peer_row, ivl_resends), a);
	for (size_t i = 1; i < n; i++) {
		const struct peer_row *p = rows[i];

		share_u32(&r->pid, p->pid);
		share_u64(&r->proc_start_ns, p->proc_start_ns);
		share_str(&r->comm, p->comm);
		share_str(&r->cgroup, p->cgroup);
		share_str(&r->container, p->container);
		share_str(&r->remote, p->remote);
		share_str(&r->name, p->name);
		r->proc_flags &= p->proc_flags;
		r->open += p->open;
		add_half(&r->total, &p->total);
		add_half(&r->ivl, &p->ivl);
		r->connect_max_ns = MAX(r->connect_max_ns, p->connect_max_ns);
		r->resend_ns += p->resend_ns;
		r->ivl_resend_ns += p->ivl_resend_ns;
		r->resend_max_ns = MAX(r->resend_max_ns, p->resend_max_ns);
		r->knows_resends |= p->knows_resends;
		r->srtt_ns += p->srtt_ns;
		r->srtts += p->srtts;
		if (p->min_rtt_ns && (!r->min_rtt_ns || p->min_rtt_ns < r->min_rtt_ns))
			r->min_rtt_ns = p->min_rtt_ns;
		r->members += p->members;
	}
}

static void label_peer(void *row, const char *name)
{
	((struct peer_row *)row)->comm = name;
}

static int cmp_dns_proc(const void *a, const void *b)
{
	const struct dns_row *x = a, *y = b;
	int order = cmp_u64(x->pid, y->pid);

	return order ? order : cmp_u64(x->proc_start_ns, y->proc_start_ns);
}

static int cmp_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int cmp_dns(const void *a, const void *b)
{
	const struct dns_row *x = a, *y = b;
	int order = cmp_dns_proc(a, b);

	order = order ? order : cmp_text(x->name, y->name);
	order = order ? order : cmp_u64(x->type, y->type);
	return order ? order : cmp_text(x->server, y->server);
}

static void add_queries(struct dns_half *to, const struct dns_half *from)
{
	const uint64_t *b = (const void *)from;
	uint64_t *a = (void *)to;

	for (size_t i = 0; i < sizeof(*to) / sizeof(*a); i++)
		a[i] += b[i];
}

static void merge_dns(void *to, const void *const *rows, size_t n, struct arena *a)
{
	struct dns_row *r = to;

	merge_hists(&r->hist, rows, n, offsetof(struct dns_row, hist), a);
	merge_hists(&r->ivl_hist, rows, n, offsetof(struct dns_row, ivl_hist), a);
	for (size_t i = 1; i < n; i++) {
		const struct dns_row *d = rows[i];

		share_u32(&r->pid, d->pid);
		share_u64(&r->proc_start_ns, d->proc_start_ns);
		share_str(&r->comm, d->comm);
		share_str(&r->cgroup, d->cgroup);
		share_str(&r->container, d->container);
		share_str(&r->name, d->name);
		share_str(&r->server, d->server);
		if (r->type != d->type)
			r->type = 0;
		r->proc_flags &= d->proc_flags;
		add_queries(&r->total, &d->total);
		add_queries(&r->ivl, &d->ivl);
		r->max_ns = MAX(r->max_ns, d->max_ns);
		r->members += d->members;
	}
}

static void label_dns(void *row, const char *name)
{
	((struct dns_row *)row)->comm = name;
}

static int cmp_query(const void *a, const void *b)
{
	const struct dns_query_row *x = a, *y = b;
	int order = cmp_u64(x->begin_ns, y->begin_ns);

	order = order ? order : cmp_u64(x->tid, y->tid);
	order = order ? order : cmp_text(x->name, y->name);
	return order ? order : cmp_u64(x->type, y->type);
}

static int cmp_slice(const void *a, const void *b)
{
	const struct history_row *x = a, *y = b;
	int order = cmp_u64(x->cookie, y->cookie);

	order = order ? order : cmp_u64(x->opened_ns, y->opened_ns);
	return order ? order : cmp_u64(x->end_ns, y->end_ns);
}

static int cmp_listen(const void *a, const void *b)
{
	const struct listen_row *x = a, *y = b;
	int order = cmp_u64(x->cookie, y->cookie);

	return order ? order : cmp_u64(x->opened_ns, y->opened_ns);
}

/* A group keeps them apart by the role and the service's port. */
static int cmp_exchange_service(const void *a, const void *b)
{
	const struct exchange_row *x = a, *y = b;
	int order = cmp_u64(x->role, y->role);

	return order ? order : cmp_u64(x->port, y->port);
}

static int cmp_exchange(const void *a, const void *b)
{
	const struct exchange_row *x = a, *y = b;
	int order = cmp_op_proc(a, b);

	order = order ? order : cmp_exchange_service(a, b);
	return order ? order : strcmp(x->remote ? x->remote : "", y->remote ? y->remote : "");
}

static void merge_exchange(void *to, const void *const *rows, size_t n, struct arena *a)
{
	struct exchange_row *r = to;

	merge_op(to, rows, n, a); /* it begins with one */
	merge_hists(&r->reads, rows, n, offsetof(struct exchange_row, reads), a);
	merge_hists(&r->ivl_reads, rows, n, offsetof(struct exchange_row, ivl_reads), a);
	for (size_t i = 1; i < n; i++) {
		const struct exchange_row *x = rows[i];

		share_str(&r->remote, x->remote);
		r->read_ns += x->read_ns;
		r->read_max_ns = MAX(r->read_max_ns, x->read_max_ns);
	}
}

static int cmp_function(const void *a, const void *b)
{
	const struct function_row *x = a, *y = b;
	int order = strcmp(x->sum.name ? x->sum.name : "", y->sum.name ? y->sum.name : "");

	return order ? order : strcmp(x->file ? x->file : "", y->file ? y->file : "");
}

static void merge_function(void *to, const void *const *rows, size_t n, struct arena *a)
{
	struct function_row *r = to;

	merge_op(to, rows, n, a); /* it begins with one */
	for (size_t i = 1; i < n; i++) {
		const struct function_row *f = rows[i];

		share_str(&r->asked, f->asked);
		r->entered += f->entered;
		r->ivl_entered += f->ivl_entered;
		r->self_ns += f->self_ns;
		r->ivl_self_ns += f->ivl_self_ns;
		r->abandoned += f->abandoned;
		r->deep += f->deep;
		r->unknown += f->unknown;
		r->unknown_ns += f->unknown_ns;
		r->watched |= f->watched;
		r->syscalls.count += f->syscalls.count;
		r->syscalls.ns += f->syscalls.ns;
		r->ivl_syscalls.count += f->ivl_syscalls.count;
		r->ivl_syscalls.ns += f->ivl_syscalls.ns;
	}
}

static int cmp_func_syscall(const void *a, const void *b)
{
	const struct function_syscall_row *x = a, *y = b;
	int order = strcmp(x->function ? x->function : "", y->function ? y->function : "");

	order = order ? order : strcmp(x->file ? x->file : "", y->file ? y->file : "");
	return order ? order : cmp_call(a, b);
}

static int cmp_func_syscall_proc(const void *a, const void *b)
{
	int order = cmp_op_proc(a, b);

	return order ? order : cmp_func_syscall(a, b);
}

static int cmp_node(const void *a, const void *b)
{
	return cmp_u64(((const struct tree_row *)a)->way, ((const struct tree_row *)b)->way);
}

/* Each path has one row: any order that does not change will do. */
static int cmp_cgroup(const void *a, const void *b)
{
	return strcmp(((const struct cgroup_row *)a)->path, ((const struct cgroup_row *)b)->path);
}

#define AT(row, member) offsetof(struct row, member)

const struct row_shape row_shapes[NR_ROWS] = {
	[ROWS_NONE] = {},
	[ROWS_PROCESSES] = { sizeof(struct proc_row), AT(proc_row, flags), AT(proc_row, comm),
			     AT(proc_row, cgroup), AT(proc_row, container), cmp_proc, NULL, cmp_proc,
			     merge_proc, label_proc, false },
	[ROWS_THREADS] = { sizeof(struct thread_row), AT(thread_row, proc_flags), AT(thread_row, proc_comm),
			   AT(thread_row, cgroup), AT(thread_row, container), cmp_thread, NULL,
			   cmp_thread_proc, merge_thread, label_thread, true },
	[ROWS_OPERATIONS] = { sizeof(struct op_row), AT(op_row, proc_flags), AT(op_row, comm),
			      AT(op_row, cgroup), AT(op_row, container), cmp_op, cmp_call, cmp_op_proc,
			      merge_op, label_op, false },
	[ROWS_FILE_OPS] = { sizeof(struct op_row), AT(op_row, proc_flags), AT(op_row, comm),
			    AT(op_row, cgroup), AT(op_row, container), cmp_op, cmp_call, cmp_op_proc,
			    merge_op, label_op, true },
	[ROWS_FILES] = { sizeof(struct file_row), AT(file_row, sum.proc_flags), AT(file_row, sum.comm),
			 AT(file_row, sum.cgroup), AT(file_row, sum.container), cmp_file, NULL, NULL, NULL,
			 NULL, false },
	[ROWS_SLOW] = { sizeof(struct slow_row), AT(slow_row, proc_flags), AT(slow_row, proc_comm),
			AT(slow_row, cgroup), AT(slow_row, container), cmp_slow, NULL, NULL, NULL, NULL,
			false },
	/* no flags: a kernel thread that is blocked is not hidden */
	[ROWS_BLOCKED] = { sizeof(struct slow_row), 0, AT(slow_row, proc_comm), AT(slow_row, cgroup),
			   AT(slow_row, container), cmp_slow, NULL, NULL, NULL, NULL, false },
	[ROWS_LOCKS] = { sizeof(struct lock_row), AT(lock_row, sum.proc_flags), AT(lock_row, sum.comm),
			 AT(lock_row, sum.cgroup), AT(lock_row, sum.container), cmp_lock, NULL, cmp_lock_proc,
			 NULL, NULL, false },
	[ROWS_TREE] = { sizeof(struct tree_row), 0, 0, 0, 0, cmp_node, NULL, NULL, NULL, NULL, false },
	[ROWS_CGROUPS] = { sizeof(struct cgroup_row), 0, 0, AT(cgroup_row, path), AT(cgroup_row, container),
			   cmp_cgroup, NULL, NULL, NULL, NULL, false },
	[ROWS_CONNECTIONS] = { sizeof(struct conn_row), AT(conn_row, proc_flags), AT(conn_row, comm),
			       AT(conn_row, cgroup), AT(conn_row, container), cmp_conn, NULL, cmp_conn_proc,
			       merge_conn, label_conn, true },
	[ROWS_HISTORY] = { sizeof(struct history_row), AT(history_row, proc_flags), AT(history_row, comm),
			   AT(history_row, cgroup), AT(history_row, container), cmp_slice, NULL, NULL, NULL,
			   NULL, false },
	[ROWS_PEERS] = { sizeof(struct peer_row), AT(peer_row, proc_flags), AT(peer_row, comm),
			 AT(peer_row, cgroup), AT(peer_row, container), cmp_peer, cmp_service, cmp_peer_proc,
			 merge_peer, label_peer, true },
	[ROWS_LISTENERS] = { sizeof(struct listen_row), AT(listen_row, proc_flags), AT(listen_row, comm),
			     AT(listen_row, cgroup), AT(listen_row, container), cmp_listen, NULL, NULL, NULL,
			     NULL, false },
	[ROWS_DNS] = { sizeof(struct dns_row), AT(dns_row, proc_flags), AT(dns_row, comm),
		       AT(dns_row, cgroup), AT(dns_row, container), cmp_dns, NULL, cmp_dns_proc, merge_dns,
		       label_dns, true },
	[ROWS_DNS_QUERIES] = { sizeof(struct dns_query_row), AT(dns_query_row, proc_flags),
			       AT(dns_query_row, comm), AT(dns_query_row, cgroup),
			       AT(dns_query_row, container), cmp_query, NULL, NULL, NULL, NULL, false },
	[ROWS_EXCHANGES] = { sizeof(struct exchange_row), AT(exchange_row, sum.proc_flags),
			     AT(exchange_row, sum.comm), AT(exchange_row, sum.cgroup),
			     AT(exchange_row, sum.container), cmp_exchange, cmp_exchange_service, cmp_op_proc,
			     merge_exchange, label_op, true },
	[ROWS_FUNCTIONS] = { sizeof(struct function_row), AT(function_row, sum.proc_flags),
			     AT(function_row, sum.comm), AT(function_row, sum.cgroup),
			     AT(function_row, sum.container), cmp_op, cmp_function, cmp_op_proc,
			     merge_function, label_op, false },
	[ROWS_FUNCTION_SYSCALLS] = { sizeof(struct function_syscall_row),
				     AT(function_syscall_row, sum.proc_flags),
				     AT(function_syscall_row, sum.comm), AT(function_syscall_row, sum.cgroup),
				     AT(function_syscall_row, sum.container), cmp_func_syscall_proc,
				     cmp_func_syscall, cmp_op_proc, merge_op, label_op, true },
	[ROWS_WAITED] = { sizeof(struct waited_row), AT(waited_row, proc_flags), AT(waited_row, comm),
			  AT(waited_row, cgroup), AT(waited_row, container), cmp_waited, cmp_where,
			  cmp_waited_proc, merge_waited, label_waited, true },
};
