/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Processes. One is made at the first record that mentions it and named when its own
 * record comes. Of the ended ones so many stay; then those that were busy least become
 * part of "(other)", with their totals. Called by the other files of model/.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/state.h"
#include "rec/rec.h"

struct proc_key {
	uint64_t start, pid;
};

static const char *const other_names[NR_OTHERS] = { "(other)", "(other kernel)" };

void procs_init(struct model *m)
{
	m->proc_by_key = hash_new(sizeof(struct proc_key));
	m->folded = hash_new(sizeof(struct proc_key));
	for (unsigned int i = 0; i < NR_OTHERS; i++) {
		struct proc *p = xcalloc(1, sizeof(*p));

		/* pid 0 is nobody's; the number keeps the two apart */
		*p = (struct proc){ .start = i, .refs = 1, .flags = ROW_OTHER };
		p->flags |= i == OTHER_KERNEL ? HL_PROC_KTHREAD : 0;
		p->comm = intern_get(m->interns, other_names[i], HL_COMM_LEN);
		p->belongs = belongs(m, p);
		m->others[i] = p;
	}
}

void procs_fini(struct model *m)
{
	for (size_t i = 0; i < m->procs.n; i++)
		proc_put(m, m->procs.v[i]);
	vec_free(&m->procs);
	for (unsigned int i = 0; i < NR_OTHERS; i++)
		proc_put(m, m->others[i]);
	hash_free(m->proc_by_key);
	hash_free(m->folded);
}

bool proc_is_other(const struct proc *p)
{
	return !p->pid;
}

struct proc *proc_hold(struct proc *p)
{
	p->refs++;
	return p;
}

void proc_put(struct model *m, struct proc *p)
{
	if (--p->refs)
		return;
	intern_put(m->interns, p->comm);
	intern_put(m->interns, p->exe);
	intern_put(m->interns, p->args);
	intern_put(m->interns, p->cgroup);
	intern_put(m->interns, p->container);
	intern_put(m->interns, p->pod);
	intern_put(m->interns, p->unit);
	intern_put(m->interns, p->cpu_cgroup);
	free(p);
}

struct proc *proc_other(struct model *m, const struct proc *p)
{
	return m->others[p->flags & HL_PROC_KTHREAD ? OTHER_KERNEL : OTHER_USER];
}

static uint64_t busy_ns(const struct proc *p)
{
	uint64_t sum = 0;

	for (int i = 0; i < NR_HL_STATES; i++)
		sum += hl_state_is_work_wait[i] ? 0 : p->clocks.total[i];
	return sum;
}

/* First the ones that nobody asked for, then the least busy. */
static int cmp_use(const void *a, const void *b)
{
	const struct proc *const *x = a, *const *y = b;
	uint64_t busy_x = busy_ns(*x), busy_y = busy_ns(*y);

	if ((*x)->belongs != (*y)->belongs)
		return (*x)->belongs - (*y)->belongs;
	if (busy_x != busy_y)
		return busy_x < busy_y ? -1 : 1;
	if ((*x)->pid != (*y)->pid)
		return (*x)->pid < (*y)->pid ? -1 : 1;
	return (*x)->start < (*y)->start ? -1 : (*x)->start > (*y)->start;
}

static void add_clocks(struct clocks *to, const struct clocks *from)
{
	for (int i = 0; i < NR_HL_STATES; i++) {
		to->total[i] += from->total[i];
		to->ivl[i] += from->ivl[i];
	}
}

static void fold(struct model *m, struct proc *p)
{
	struct proc *other = proc_other(m, p);
	struct proc_key key = { p->start, p->pid };

	p->folded = true;
	other->members++;
	add_clocks(&other->clocks, &p->clocks);
	hash_del(m->proc_by_key, &key);
	hash_put(m->folded, &key, other);
}

/* Drop the folded ones from the list; slow operations may still hold them by name. */
static void sweep(struct model *m)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->procs.n; i++) {
		struct proc *p = m->procs.v[i];

		if (p->folded)
			proc_put(m, p);
		else
			m->procs.v[kept++] = p;
	}
	m->procs.n = kept;
}

/* Fold ended processes until `keep` of them are left, but no more than `most`. False: there are none. */
static bool fold_ended(struct model *m, size_t keep, size_t most)
{
	struct proc **ended = xcalloc(m->procs.n, sizeof(*ended));
	size_t n = 0, want;

	for (size_t i = 0; i < m->procs.n; i++)
		if (!m->procs.v[i]->live)
			ended[n++] = m->procs.v[i];
	want = n > keep ? MIN(n - keep, most) : 0;
	if (want)
		qsort(ended, n, sizeof(*ended), cmp_use);
	for (size_t i = 0; i < want; i++)
		fold(m, ended[i]);
	free(ended);
	if (want) {
		ops_fold_procs(m);
		sweep(m);
	}
	return want;
}

/* Fold a sixteenth of the table, so that a full one is not gone through at every fork. */
static void make_room(struct model *m)
{
	if (!fold_ended(m, 0, m->limits.max_processes / 16 + 1))
		m->full_at = m->seq + 1;
}

struct proc *proc_get(struct model *m, uint32_t pid, uint64_t start)
{
	struct proc_key key = { start, pid };
	struct proc *p;

	if (!pid)
		return m->others[OTHER_USER];
	p = hash_get(m->proc_by_key, &key);
	if (!p) /* its last records come after it was folded */
		p = hash_get(m->folded, &key);
	if (p)
		return p;
	if (m->procs.n >= m->limits.max_processes && m->full_at != m->seq + 1)
		make_room(m);
	if (m->procs.n >= m->limits.max_processes) {
		m->others[OTHER_USER]->members = MAX(m->others[OTHER_USER]->members, 1);
		return m->others[OTHER_USER];
	}
	p = xcalloc(1, sizeof(*p));
	*p = (struct proc){ .pid = pid, .start = start, .refs = 1, .members = 1 };
	p->belongs = belongs(m, p);
	hash_put(m->proc_by_key, &key, p);
	*vec_add(&m->procs) = p;
	return p;
}

static struct clocks *host_clocks(struct model *m, uint32_t flags)
{
	return flags & HL_PROC_KTHREAD ? &m->kthreads : &m->host;
}

void proc_charge(struct model *m, struct proc *p, const uint64_t *diff)
{
	struct clocks *host = host_clocks(m, p->flags);

	cgroups_charge(m, p, diff);
	for (int i = 0; i < NR_HL_STATES; i++) {
		p->clocks.total[i] += diff[i];
		p->clocks.ivl[i] += diff[i];
		host->total[i] += diff[i];
		host->ivl[i] += diff[i];
	}
}

/* What was charged before the process was known for a kernel thread moves over. */
static void set_flags(struct model *m, struct proc *p, uint32_t flags)
{
	struct clocks *from = host_clocks(m, p->flags), *to = host_clocks(m, flags);

	p->flags = flags;
	if (from == to)
		return;
	add_clocks(to, &p->clocks);
	for (int i = 0; i < NR_HL_STATES; i++) {
		from->total[i] -= p->clocks.total[i];
		from->ivl[i] -= p->clocks.ivl[i];
	}
}

int proc_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_process *r = (const void *)rec;
	struct istr **strings[7];
	struct proc *p;

	if (!rec->pid)
		return -EINVAL;
	p = proc_get(m, rec->pid, r->start);
	if (proc_is_other(p))
		return 0;
	strings[0] = &p->exe;
	strings[1] = &p->args;
	strings[2] = &p->cgroup;
	strings[3] = &p->container;
	strings[4] = &p->pod;
	strings[5] = &p->unit;
	strings[6] = &p->cpu_cgroup;
	for (unsigned int i = 0; i < ARRAY_SIZE(strings); i++)
		intern_set(m->interns, strings[i], rec_tail_str(rec, i), REC_MAX);
	intern_set(m->interns, &p->comm, r->comm, comm_len(r->comm));
	p->ppid = r->ppid;
	p->uid = r->uid;
	p->told = r->threads;
	set_flags(m, p, r->flags);
	p->quota_gen = 0; /* it may be in another cgroup */
	p->belongs = belongs(m, p);
	return 0;
}

/* An interval is over: of who ended in it nothing more will come. */
static void proc_roll(struct proc *p)
{
	memset(p->clocks.ivl, 0, sizeof(p->clocks.ivl));
	p->rest = 0;
}

void procs_roll(struct model *m)
{
	size_t keep = m->limits.max_ended, ended = 0;

	for (size_t i = 0; i < m->procs.n; i++)
		ended += m->procs.v[i]->gone;
	if (ended > keep)
		fold_ended(m, keep - keep / 16, SIZE_MAX);
	hash_free(m->folded);
	m->folded = hash_new(sizeof(struct proc_key));
	for (size_t i = 0; i < m->procs.n; i++)
		proc_roll(m->procs.v[i]);
	for (unsigned int i = 0; i < NR_OTHERS; i++)
		proc_roll(m->others[i]);
	m->rest = 0;
	memset(m->host.ivl, 0, sizeof(m->host.ivl));
	memset(m->kthreads.ivl, 0, sizeof(m->kthreads.ivl));
}
