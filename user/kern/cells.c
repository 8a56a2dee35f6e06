/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Aggregates out of the kernel: what moved in each cell since it was last read becomes an
 * OP record. Kernel counters only grow; the differences are taken here. The cells of
 * processes that are gone are cleared and given back. Called by live.c.
 */
#include <stdlib.h>
#include <string.h>

#include "kern/kern.h"

struct cell_last {
	uint64_t count, errors, total;
	uint64_t state_ns[NR_HL_STATES];
	uint32_t hist[HL_HIST_CELLS];
};

static uint32_t nr_reserved(const struct cells *c)
{
	return 1 + c->nr_cpus * NR_HL_OPS;
}

void cells_init(struct cells *c, const struct hl_cfg *cfg)
{
	c->nr_cells = cfg->nr_cells;
	c->nr_cpus = cfg->nr_cpus;
	c->key_mask = cfg->key_mask;
	c->last = xcalloc(c->nr_cells, sizeof(*c->last));
}

void cells_fini(struct cells *c)
{
	for (uint32_t i = 0; c->last && i < c->nr_cells; i++)
		free(c->last[i]);
	free(c->last);
	c->last = NULL;
}

static uint64_t seen(const __u64 *at)
{
	return __atomic_load_n(at, __ATOMIC_RELAXED);
}

/* The buckets that moved, as the record's tail; returns how many events they hold. */
static uint64_t add_buckets(struct live *l, struct hl_rec_op *r, const struct hl_cell *c, struct cell_last *was)
{
	uint32_t diff[HL_HIST_CELLS], now, first = HL_HIST_CELLS, last = 0;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < HL_HIST_CELLS; i++) {
		now = __atomic_load_n(&c->hist[i], __ATOMIC_RELAXED);
		diff[i] = now - was->hist[i];
		was->hist[i] = now;
		if (!diff[i])
			continue;
		sum += diff[i];
		first = MIN(first, i);
		last = i;
	}
	if (!sum)
		return 0;
	r->first = first;
	r->nr_buckets = last - first + 1;
	rec_add_bytes(&l->buf, diff + first, r->nr_buckets * sizeof(diff[0]));
	return sum;
}

static void drain_one(struct live *l, uint32_t at)
{
	const struct hl_cell *c = &l->sh.cells[at];
	struct cell_last *was = l->cells.last[at];
	uint64_t key = seen(&c->key), now;
	struct hl_rec_op *r;

	if (!key || key == HL_KEY_GONE)
		return;
	if (!was && !seen(&c->count))
		return;
	if (!was)
		was = l->cells.last[at] = xcalloc(1, sizeof(*was));
	if (was->count == seen(&c->count))
		return;
	if (HL_KEY_PID(key) && !l->mute && !life_proc(l, HL_KEY_PID(key), c->start))
		life_meet(l, HL_KEY_PID(key), c->start);
	r = LIVE_BEGIN(l, OP, op);
	r->count = add_buckets(l, r, c, was);
	was->count += r->count;
	r->h.ts = l->last_tick;
	r->h.pid = r->h.tid = HL_KEY_PID(key);
	r->proc_start = c->start;
	r->nr = HL_KEY_NR(key);
	r->op = HL_KEY_OP(key);
	r->state = HL_KEY_STATE(key);
	r->abi = HL_KEY_ABI(key);
	r->max_ns = seen(&c->max);
	now = seen(&c->errors);
	r->errors = now - was->errors;
	was->errors = now;
	now = seen(&c->total);
	r->total_ns = now - was->total;
	was->total = now;
	for (int i = 0; i < NR_HL_STATES; i++) {
		now = seen(&c->state_ns[i]);
		r->state_ns[i] = now - was->state_ns[i];
		was->state_ns[i] = now;
	}
	*(r->op == HL_OP_SYSCALL ? &l->cells.calls : &l->cells.waits) += r->count;
	live_emit(l);
}

/* Forget what system calls were counted since the last drain; how many those are. */
uint64_t cells_skip_calls(struct live *l)
{
	uint32_t used = MIN(__atomic_load_n(&l->sh.ctl->pool_next, __ATOMIC_RELAXED), l->cells.nr_cells);
	uint64_t before = l->cells.calls, n;

	l->mute = true;
	for (uint32_t i = 1; i < used; i++)
		if (HL_KEY_OP(l->sh.cells[i].key) == HL_OP_SYSCALL)
			drain_one(l, i);
	l->mute = false;
	n = l->cells.calls - before;
	l->cells.calls = before;
	return n;
}

void cells_drain(struct live *l)
{
	uint32_t used = MIN(__atomic_load_n(&l->sh.ctl->pool_next, __ATOMIC_RELAXED), l->cells.nr_cells);

	for (uint32_t i = 1; i < used; i++)
		drain_one(l, i);
}

/* No CPU finds the key from now on; its place can be taken by another. */
static void forget_key(struct live *l, uint32_t at, uint64_t key)
{
	uint32_t per_cpu = l->cells.key_mask + 1, n = per_cpu * l->cells.nr_cpus;
	uint32_t hash = (uint32_t)(((key ^ l->sh.cells[at].start) * 0x9e3779b97f4a7c15ull) >> 40);

	for (uint32_t base = 0; base < n; base += per_cpu)
		for (uint32_t i = 0; i < HL_KEY_PROBES; i++) {
			struct hl_key *k = &l->sh.keys[base + ((hash + i) & l->cells.key_mask)];

			if (k->key == key && k->cell == at) {
				__atomic_store_n(&k->key, HL_KEY_GONE, __ATOMIC_RELEASE);
				return;
			}
		}
}

static void give_back(struct live *l, uint32_t at)
{
	struct hl_cell *c = &l->sh.cells[at];
	struct hl_ctl *ctl = l->sh.ctl;

	forget_key(l, at, c->key);
	memset(c, 0, sizeof(*c));
	free(l->cells.last[at]);
	l->cells.last[at] = NULL;
	l->sh.free[ctl->free_tail % l->cells.nr_cells] = at;
	__atomic_store_n(&ctl->free_tail, ctl->free_tail + 1, __ATOMIC_RELEASE);
}

void cells_reclaim(struct live *l)
{
	uint32_t used = MIN(__atomic_load_n(&l->sh.ctl->pool_next, __ATOMIC_RELAXED), l->cells.nr_cells);
	struct kproc *p;

	if (!hash_count(l->life.gone))
		return;
	for (uint32_t i = nr_reserved(&l->cells); i < used; i++) {
		struct hl_cell *c = &l->sh.cells[i];
		uint32_t pid = HL_KEY_PID(c->key);

		if (!c->key || c->key == HL_KEY_GONE)
			continue;
		p = hash_get(l->life.procs, &pid);
		if (p && p->start == c->start)
			continue;
		if (!(p = life_proc(l, pid, c->start)) || !p->gone)
			continue;
		drain_one(l, i);
		give_back(l, i);
	}
}

bool cells_scarce(const struct live *l)
{
	const struct hl_ctl *ctl = l->sh.ctl;
	uint32_t fresh = l->cells.nr_cells - MIN(ctl->pool_next, l->cells.nr_cells);

	return fresh + (ctl->free_tail - ctl->free_head) < l->cells.nr_cells / 4;
}
