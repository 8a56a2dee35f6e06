/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What probes cost is paid by the programs: a function that one process calls more than so many times a
 * second, or whose probes take much of the time that it runs, is left alone again, and said so. Called by
 * live.c.
 */
#include <stdlib.h>

#include "base/fmt.h"
#include "base/log.h"
#include "host/proc.h"
#include "kern/func_sites.h"
#include "kern/kern.h"

#define MOST_SHARE 2 /* probes take no more of a process's CPU time than one part in so many */
#define LOOK_NS    (250 * NSEC_PER_MSEC)
#define SHARE_NS   (20 * NSEC_PER_MSEC) /* a second: less is not looked at */

struct caller {
	uint32_t pid;
	uint64_t calls;
};

/*
 * Who has called it most since this was last asked: a count since the start would name whoever has long been
 * there, and not who calls it now.
 */
static struct caller busiest(struct live *l, uint32_t id)
{
	struct funcs *k = &l->funcs;
	uint32_t used = MIN(__atomic_load_n(&l->sh.ctl->pool_next, __ATOMIC_RELAXED), l->cells.nr_cells);
	struct hash *by_pid = hash_new(sizeof(uint32_t));
	struct caller most = {}, *c;

	if (!k->cell_calls)
		k->cell_calls = xcalloc(l->cells.nr_cells, sizeof(*k->cell_calls));
	for (uint32_t i = 1; i < used; i++) {
		const struct hl_cell *cell = &l->sh.cells[i];
		uint32_t pid = HL_KEY_PID(cell->key);
		uint64_t calls = cell->sequential, was = k->cell_calls[i];

		if (HL_KEY_OP(cell->key) != HL_OP_FUNCTION || HL_KEY_NR(cell->key) != id)
			continue;
		c = hash_get(by_pid, &pid);
		if (!c) {
			c = xcalloc(1, sizeof(*c));
			c->pid = pid;
			hash_put(by_pid, &pid, c);
		}
		c->calls += calls >= was ? calls - was : calls; /* less: the cell is another's now */
		k->cell_calls[i] = calls;
	}
	for (size_t i = 0; (c = hash_next(by_pid, &i, NULL));) {
		if (c->calls > most.calls)
			most = *c;
		free(c);
	}
	hash_free(by_pid);
	return most;
}

struct cpu_time {
	pid_t pid;
	uint64_t ns;
};

static int add_thread(void *arg, pid_t tid)
{
	struct cpu_time *t = arg;
	struct proc_schedstat s;

	if (!proc_schedstat(t->pid, tid, &s))
		t->ns += s.cpu_ns;
	return 0;
}

static uint64_t cpu_of(uint32_t pid)
{
	struct cpu_time t = { .pid = (pid_t)pid };

	proc_each_thread(t.pid, add_thread, &t);
	return t.ns;
}

static void leave_alone(struct live *l, struct func *f, struct caller c, uint64_t rate)
{
	const char *comm = c.pid ? life_comm(l, c.pid, 0) : NULL;
	char many[FMT_LEN];

	func_links_off(l, f);
	cells_drain(l); /* what was done in it so far */
	f->is_off = true;
	fmt_count(many, rate);
	if (comm)
		pr_warn("%s was called %s times a second, mostly by %.16s (%u), which is more than its "
			"probes are "
			"worth: they were taken off; what was counted until then stays",
			f->name, many, comm, c.pid);
	else
		pr_warn("%s was called %s times a second, which is more than its probes are worth: they were "
			"taken "
			"off; what was counted until then stays",
			f->name, many);
}

/*
 * Do its probes take too much of the process that calls it most, at two looks in a row? How often it calls is
 * known, and about what that costs it; that is compared with what the process ran in the same time. Whoever
 * is slowed down by its probes does not come to a high number of calls.
 */
static bool takes_too_much(struct func *f, struct caller c, uint64_t ns)
{
	uint64_t cpu = c.pid ? cpu_of(c.pid) : 0, ran = cpu - f->caller_cpu;
	bool same = c.pid == f->caller && f->caller_cpu && cpu > f->caller_cpu;

	f->caller = c.pid;
	f->caller_cpu = cpu;
	return same &&
	       (c.calls * NSEC_PER_SEC / ns > FUNC_MOST_A_SECOND || c.calls * f->cost_ns > ran / MOST_SHARE);
}

/* What the kernel calls so often everybody pays for: at two looks in a row. */
static void look_kernel(struct live *l, struct func *f, uint64_t rate)
{
	bool often = rate > FUNC_MOST_A_SECOND;

	if (often && f->often)
		leave_alone(l, f, busiest(l, f->id), rate);
	else if (often)
		busiest(l, f->id); /* who it is by now is compared with this */
	f->often = often;
}

static void look(struct live *l, struct func *f, uint64_t ns)
{
	uint64_t hits = funcs_hits(l, f->id);
	uint64_t more = (hits - f->hits) * NSEC_PER_SEC / ns;
	struct caller c;

	f->hits = hits;
	if (!(f->flags & HL_FUNC_POINT))
		more /= 2; /* of a call there are two, its begin and its end */
	if (f->flags & HL_FUNC_KERNEL) {
		if (!f->is_off)
			look_kernel(l, f, more);
		return;
	}
	if (f->is_off || more * f->cost_ns < SHARE_NS) {
		f->caller = 0; /* what is next compared is of one look to the next */
		return;
	}
	c = busiest(l, f->id);
	/* strangers pay, too, whom this run is not about and who have no cells */
	if (takes_too_much(f, c, ns) || more > (uint64_t)FUNC_MOST_A_SECOND * l->sys.cpus_online)
		leave_alone(l, f, c, more);
}

void funcs_guard(struct live *l)
{
	struct funcs *k = &l->funcs;
	uint64_t now = clock_mono_ns(), ns = now - k->guard_at;

	if (!k->shared || ns < LOOK_NS)
		return;
	for (size_t i = 0; k->guard_at && i < k->v.n; i++)
		look(l, k->v.v[i], ns);
	func_links_settle(l);
	if (k->guard_at)
		func_go_guard(l, ns);
	k->guard_at = now;
}
