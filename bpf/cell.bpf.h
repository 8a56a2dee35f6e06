/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Aggregates: (process, operation) -> the cell of this CPU. Cells are a pool, handed out
 * on first use; each CPU has its own key table and is the only writer of its entries and
 * cells. An empty pool or table leads to the "(other)" cell, with the count intact.
 * Caller holds the CPU (run queue lock, or preemption off).
 */
#ifndef HL_CELL_BPF_H
#define HL_CELL_BPF_H

#include "bpf/maps.bpf.h"

/* Cells 1 .. nr_cpus and on are the "(other)" cells: one per CPU and kind of operation. */
__hot __u32 cell_other(__u32 cpu, __u32 op)
{
	return 1 + cpu * NR_HL_CELL_KINDS + op;
}

__hot __u32 key_hash(__u64 key, __u64 start)
{
	__u64 h = (key ^ start) * 0x9e3779b97f4a7c15ull;

	return h >> 40;
}

/* A cell from those given back, else the next fresh one; 0: none left. */
__hot __u32 cell_take(void)
{
	struct hl_ctl *ctl = ctl_get();
	__u32 at;
	__u64 *got, head;

	if (!ctl)
		return 0;
	for (int i = 0; i < 4; i++) {
		head = ctl->free_head;
		if (head == ctl->free_tail)
			break;
		at = head % cfg.nr_cells;
		got = bpf_map_lookup_elem(&hl_free, &at);
		if (!got)
			break;
		/* the exchange orders what is read after it behind free_tail, on every machine */
		if (__sync_val_compare_and_swap(&ctl->free_head, head, head + 1) == head)
			return (__u32)*got;
	}
	if (ctl->pool_next >= cfg.nr_cells)
		return 0;
	at = __sync_fetch_and_add(&ctl->pool_next, 1);
	return at < cfg.nr_cells ? at : 0;
}

/* First use of a key on this CPU: an entry, and a cell for it. The cell's number; 0: no room. */
__global int cell_make(__u64 key, __u64 start, __u32 cpu, __u32 hash)
{
	__u32 base = cpu * (cfg.key_mask + 1), cell, at;
	struct hl_cell *c;
	__u64 was;

	for (int i = 0; i < HL_KEY_PROBES; i++) {
		struct hl_key *k;

		at = base + ((hash + i) & cfg.key_mask);
		k = bpf_map_lookup_elem(&hl_keys, &at);
		if (!k)
			continue;
		was = k->key;
		/* an interrupt may look for a place of its own meanwhile */
		if ((was && was != HL_KEY_GONE) ||
		    __sync_val_compare_and_swap(&k->key, was, HL_KEY_BUSY) != was)
			continue;
		cell = cell_take();
		c = bpf_map_lookup_elem(&hl_cells, &cell);
		if (!cell || !c) {
			k->key = was;
			return 0;
		}
		c->start = start;
		c->cpu = cpu;
		c->key = key;
		k->start = start;
		k->cell = cell;
		barrier_compiler();
		k->key = key;
		return cell;
	}
	return 0;
}

/* The cell of a key on this CPU, by its table. The cell's number; 0: no room. */
__global int cell_find(__u64 key, __u64 start, __u32 cpu)
{
	__u32 hash = key_hash(key, start), base = cpu * (cfg.key_mask + 1), at;
	struct hl_key *k;

	for (int i = 0; i < HL_KEY_PROBES; i++) {
		at = base + ((hash + i) & cfg.key_mask);
		k = bpf_map_lookup_elem(&hl_keys, &at);
		if (!k || !k->key)
			break;
		if (k->key == key && k->start == start && k->cell)
			return k->cell;
	}
	return cell_make(key, start, cpu, hash);
}

/* Files and peers share the pool of cells with all else, which must not go short: they take half of it. */
__hot bool cells_left(void)
{
	struct hl_ctl *ctl = ctl_get();

	return ctl && ctl->pool_next - (ctl->free_tail - ctl->free_head) < cfg.nr_cells / 2;
}

/* The cell of a key on this CPU. *other: it went to the "(other)" cell. */
__hot struct hl_cell *cell_get(__u64 key, __u64 start, __u32 cpu, bool *other)
{
	__u32 cell = cell_find(key, start, cpu);

	*other = !cell;
	if (!cell)
		cell = cell_other(cpu, HL_KEY_OP(key));
	return bpf_map_lookup_elem(&hl_cells, &cell);
}

/* The same, for who knows where the cell of such a key was last, on whichever CPU: a cell says
 * whose it is. */
__hot struct hl_cell *cell_again(__u64 key, __u64 start, __u32 cpu, __u16 *hint, bool *other)
{
	__u32 cell = *hint;
	struct hl_cell *c = bpf_map_lookup_elem(&hl_cells, &cell);

	if (c && c->key == key && c->start == start && c->cpu == cpu)
		return c;
	cell = cell_find(key, start, cpu);
	*hint = cell;
	*other = !cell;
	if (!cell)
		cell = cell_other(cpu, HL_KEY_OP(key));
	return bpf_map_lookup_elem(&hl_cells, &cell);
}

__hot void cell_add(struct hl_cell *c, __u64 ns)
{
	__u32 at = hl_hist_cell(ns);

	c->count++;
	c->total += ns;
	if (ns > c->max)
		c->max = ns;
	if (at < HL_HIST_CELLS)
		c->hist[at]++;
}

/* As cell_add, where an interrupt may do it too, on the same CPU. */
__hot void cell_add_shared(struct hl_cell *c, __u64 ns)
{
	__u32 at = hl_hist_cell(ns);
	__u64 max = c->max;

	__sync_fetch_and_add(&c->count, 1);
	__sync_fetch_and_add(&c->total, ns);
	for (int i = 0; i < 4 && ns > max; i++)
		max = __sync_val_compare_and_swap(&c->max, max, ns);
	if (at < HL_HIST_CELLS)
		__sync_fetch_and_add(&c->hist[at], 1);
}

/* ---- of a wait for a disk, time queued and time in the device ------------------------- */

__hot void phases_add(__u64 *to, const __u64 *from)
{
	for (int i = 0; i < NR_HL_BLOCK_PHASES; i++)
		to[i] += from[i];
}

/* No more than the time in `disk` that they are of; what was last is kept. */
__hot void phases_fit(__u64 *ns, __u64 disk)
{
	if (ns[HL_BLOCK_DEVICE] > disk)
		ns[HL_BLOCK_DEVICE] = disk;
	disk -= ns[HL_BLOCK_DEVICE];
	if (ns[HL_BLOCK_QUEUE] > disk)
		ns[HL_BLOCK_QUEUE] = disk;
}

#endif
