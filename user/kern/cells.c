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
	uint64_t phase_ns[NR_HL_BLOCK_PHASES], bytes, sequential, requeues, watched;
	uint32_t hist[HL_HIST_CELLS];
};

static uint32_t nr_reserved(const struct cells *c)
{
	return 1 + c->nr_cpus * NR_HL_CELL_KINDS;
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

/* What was added since it was last looked at. */
static uint64_t take(const __u64 *at, uint64_t *was)
{
	uint64_t now = seen(at), diff = now - *was;

	*was = now;
	return diff;
}

/* The buckets that moved, as the record's tail; returns how many events they hold. */
static uint64_t add_buckets(struct live *l, const struct hl_cell *c, struct cell_last *was, __u32 *first,
			    __u32 *nr)
{
	uint32_t diff[HL_HIST_CELLS], now, low = HL_HIST_CELLS, high = 0;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < HL_HIST_CELLS; i++) {
		now = __atomic_load_n(&c->hist[i], __ATOMIC_RELAXED);
		diff[i] = now - was->hist[i];
		was->hist[i] = now;
		if (!diff[i])
			continue;
		sum += diff[i];
		low = MIN(low, i);
		high = i;
	}
	if (!sum)
		return 0;
	*first = low;
	*nr = high - low + 1;
	rec_add_bytes(&l->buf, diff + low, *nr * sizeof(diff[0]));
	return sum;
}

/* Whose operation it is, for an OP and for what goes with it. */
#define SET_KEY(l, r, c)                                                                                     \
	do {                                                                                                 \
		(r)->h.ts = (l)->last_tick;                                                                  \
		(r)->h.pid = (r)->h.tid = HL_KEY_PID((c)->key);                                              \
		(r)->proc_start = (c)->start;                                                                \
		(r)->nr = HL_KEY_NR((c)->key);                                                               \
		(r)->op = HL_KEY_OP((c)->key);                                                               \
		(r)->state = HL_KEY_STATE((c)->key);                                                         \
		(r)->abi = HL_KEY_ABI((c)->key);                                                             \
	} while (0)

uint64_t cells_take_bytes(const struct hl_cell *c, struct cell_last *was)
{
	return take(&c->bytes, &was->bytes);
}

uint64_t cells_take_phase(const struct hl_cell *c, struct cell_last *was, enum hl_block_phase phase)
{
	return take(&c->phase_ns[phase], &was->phase_ns[phase]);
}

/* Is there more to say of an operation than an OP does? */
static bool has_io(const struct hl_cell *c, const struct cell_last *was)
{
	for (int i = 0; i < NR_HL_BLOCK_PHASES; i++)
		if (seen(&c->phase_ns[i]) != was->phase_ns[i])
			return true;
	return seen(&c->bytes) != was->bytes;
}

static void send_io(struct live *l, const struct hl_cell *c, struct cell_last *was)
{
	struct hl_rec_op_io *r = LIVE_BEGIN(l, OP_IO, op_io);

	SET_KEY(l, r, c);
	r->queue_ns = cells_take_phase(c, was, HL_BLOCK_QUEUE);
	r->device_ns = cells_take_phase(c, was, HL_BLOCK_DEVICE);
	r->bytes = cells_take_bytes(c, was);
	live_emit(l);
}

uint64_t cells_fill_op(struct live *l, const struct hl_cell *c, struct cell_last *was, struct hl_rec_op *r)
{
	r->count = add_buckets(l, c, was, &r->first, &r->nr_buckets);
	r->max_ns = seen(&c->max);
	r->errors = take(&c->errors, &was->errors);
	r->total_ns = take(&c->total, &was->total);
	for (int i = 0; i < NR_HL_STATES; i++)
		r->state_ns[i] = take(&c->state_ns[i], &was->state_ns[i]);
	return r->count;
}

static uint64_t send_op(struct live *l, const struct hl_cell *c, struct cell_last *was)
{
	struct hl_rec_op *r;
	uint64_t n;

	life_meet(l, HL_KEY_PID(c->key), c->start);
	r = LIVE_BEGIN(l, OP, op);
	n = cells_fill_op(l, c, was, r);
	SET_KEY(l, r, c);
	live_emit(l);
	if (has_io(c, was))
		send_io(l, c, was);
	return n;
}

uint64_t cells_take_pair(const struct hl_cell *c, struct cell_last *was, uint64_t *came, uint64_t *ended,
			 uint64_t *total_ns)
{
	uint64_t n = seen(&c->count) - was->count; /* which grows last */

	*came = take(&c->sequential, &was->sequential);
	*ended = take(&c->requeues, &was->requeues);
	*total_ns = take(&c->total, &was->total);
	return n;
}

uint64_t cells_take_entered(const struct hl_cell *c, struct cell_last *was, __u64 *abandoned)
{
	*abandoned = take(&c->requeues, &was->requeues);
	return take(&c->sequential, &was->sequential);
}

uint64_t cells_take_watched(const struct hl_cell *c, struct cell_last *was)
{
	return take(&c->addr[0], &was->watched);
}

static uint64_t send_disk(struct live *l, const struct hl_cell *c, struct cell_last *was)
{
	struct hl_rec_disk_op *r = LIVE_BEGIN(l, DISK_OP, disk_op);
	uint64_t n;

	r->count = add_buckets(l, c, was, &r->first, &r->nr_buckets);
	r->h.ts = l->last_tick;
	r->dev = dev_of_kernel(HL_KEY_PID(c->key));
	r->nr = HL_KEY_NR(c->key);
	r->phase = HL_KEY_OP(c->key) - HL_CELL_DISK;
	r->max_ns = seen(&c->max);
	r->errors = take(&c->errors, &was->errors);
	r->total_ns = take(&c->total, &was->total);
	r->bytes = take(&c->bytes, &was->bytes);
	r->sequential = take(&c->sequential, &was->sequential);
	r->requeues = take(&c->requeues, &was->requeues);
	n = r->count;
	live_emit(l);
	return n;
}

static uint64_t (*const senders[NR_HL_CELL_KINDS])(struct live *l, const struct hl_cell *c,
						   struct cell_last *was) = {
	[HL_OP_WAIT... HL_OP_EXCHANGE] = send_op,
	[HL_OP_FUNCTION] = funcs_send_op,
	[HL_CELL_DISK... HL_CELL_FILE - 1] = send_disk,
	[HL_CELL_FILE... HL_CELL_LOCK - 1] = files_send_op,
	[HL_CELL_LOCK] = locks_send_op,
	[HL_CELL_CONN] = conns_send_op,
	[HL_CELL_EXCHANGE... HL_CELL_RESENT - 1] = exchanges_send_op,
	[HL_CELL_RESENT] = exchanges_send_op,
	[HL_CELL_INSIDE] = funcs_send_syscall,
};

static void drain_one(struct live *l, uint32_t at)
{
	const struct hl_cell *c = &l->sh.cells[at];
	struct cell_last *was = l->cells.last[at];
	uint64_t key = seen(&c->key), n;

	if (!key || key == HL_KEY_GONE || key == HL_KEY_BUSY)
		return;
	if (!was && !seen(&c->count))
		return;
	if (!was)
		was = l->cells.last[at] = xcalloc(1, sizeof(*was));
	if (was->count == seen(&c->count))
		return;
	n = senders[HL_KEY_OP(key)](l, c, was);
	was->count += n;
	l->cells.counted[HL_KEY_OP(key)] += n;
}

/* Forget what system calls were counted since the last drain; how many those are. */
uint64_t cells_skip_calls(struct live *l)
{
	uint32_t used = MIN(__atomic_load_n(&l->sh.ctl->pool_next, __ATOMIC_RELAXED), l->cells.nr_cells);
	uint64_t *counted = &l->cells.counted[HL_OP_SYSCALL], before = *counted, n;

	l->mute = true;
	for (uint32_t i = 1; i < used; i++) {
		struct hl_cell *c = &l->sh.cells[i];

		if (HL_KEY_OP(c->key) != HL_OP_SYSCALL)
			continue;
		if (!l->cells.last[i]) /* none but them: the longest is one of them, too */
			__atomic_store_n(&c->max, 0, __ATOMIC_RELAXED);
		drain_one(l, i);
	}
	l->mute = false;
	n = *counted - before;
	*counted = before;
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

/* Is the process gone whose cell it is? */
static bool owner_gone(struct live *l, const struct hl_cell *c)
{
	uint32_t pid = HL_KEY_PID(c->key);
	struct kproc *p;

	if (HL_KEY_OP(c->key) == HL_CELL_INSIDE)
		return funcs_owner_gone(l, c);
	if (HL_KEY_OP(c->key) >= HL_CELL_EXCHANGE)
		return conns_owner_gone(l, pid, c->proc_start);
	if (HL_KEY_OP(c->key) == HL_CELL_CONN)
		return conns_owner_gone(l, pid, c->start);
	if (HL_KEY_OP(c->key) == HL_CELL_LOCK)
		return locks_owner_gone(l, c);
	if (HL_KEY_OP(c->key) >= HL_CELL_FILE)
		return files_owner_gone(l, c);
	if (HL_KEY_OP(c->key) >= HL_CELL_DISK)
		return false;
	p = life_proc(l, pid, c->start);
	return p && p->gone;
}

void cells_reclaim(struct live *l)
{
	uint32_t used = MIN(__atomic_load_n(&l->sh.ctl->pool_next, __ATOMIC_RELAXED), l->cells.nr_cells);

	if (!hash_count(l->life.gone) && !l->files.retired)
		return;
	for (uint32_t i = nr_reserved(&l->cells); i < used; i++) {
		struct hl_cell *c = &l->sh.cells[i];

		if (!c->key || c->key == HL_KEY_GONE || c->key == HL_KEY_BUSY || !owner_gone(l, c))
			continue;
		drain_one(l, i);
		give_back(l, i);
	}
	files_reclaim(l);
}

bool cells_scarce(const struct live *l)
{
	const struct hl_ctl *ctl = l->sh.ctl;
	uint32_t fresh = l->cells.nr_cells - MIN(ctl->pool_next, l->cells.nr_cells);

	return fresh + (ctl->free_tail - ctl->free_head) < l->cells.nr_cells / 4;
}
