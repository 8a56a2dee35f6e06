/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The memory that both sides see: how large each map is within the budget, and mapping
 * it. Called by live.c. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "kern/kern.h"

#define MAX_SLOTS  (128u << 10) /* more threads than that go to task storage */
#define MAX_CELLS  (8u << 10)
#define CELLS_CPU  256u /* a key needs one on each CPU that it is seen on */
#define MIN_CELLS  256u
#define MIN_KEYS   1024u      /* of each CPU: all that is done may be done on a few of many */
#define PARTS      (4u << 20) /* for the maps that only one object has: requests in flight and the like */
#define MAX_FILES  4096u      /* that processes have to do with; the rest is "(other)" */
#define MAX_SOCKS  65536u     /* TCP sockets of which something is kept; the kernel takes it as they come */
#define MAX_EXCH   8192u      /* of which the exchanges are looked at, when they are */
#define SLICE_BITS 12u        /* of each CPU: who ran there in its last 4096 switches */
#define MIN_SLICES 8u         /* fewer tell nothing of a wait that is slow: then there are none */
#define RING_BYTES (4u << 20)
#define USTK_BYTES (4u << 20) /* user stacks: some 250 that nobody has taken yet */
#define LIFE_BYTES (4u << 20) /* some 3500 execs that nobody has read yet */

static uint32_t pow2_at_least(uint64_t n)
{
	uint32_t p = 1;

	while (p < n && p < 1u << 31)
		p <<= 1;
	return p;
}

struct sizes {
	uint32_t slots, cells, keys_per_cpu, cpus, ring, life, ustacks, files, slice_bits, socks, exchanges;
};

/* How many entries of hl_slices there are; a map has at least one. */
static uint64_t slices_of(const struct sizes *z)
{
	return z->slice_bits ? (uint64_t)z->cpus << z->slice_bits : 1;
}

static uint64_t sizes_bytes(const struct sizes *z)
{
	return (uint64_t)z->slots * sizeof(struct hl_slot) +
	       (uint64_t)z->cells * (sizeof(struct hl_cell) + 8) +
	       (uint64_t)z->keys_per_cpu * z->cpus * sizeof(struct hl_key) +
	       (uint64_t)z->files * sizeof(struct hl_file_entry) + slices_of(z) * sizeof(struct hl_slice) +
	       (uint64_t)z->socks * HL_SOCK_BYTES + (uint64_t)z->exchanges * HL_EXCHANGE_BYTES +
	       z->cpus * (sizeof(struct hl_cpu) + HL_ROOM_BYTES) + z->ring + z->life + z->ustacks +
	       sizeof(struct hl_ctl);
}

/* Slots first, for exactness hangs on them; cells take what remains. */
static int decide(struct sizes *z, const struct live_cfg *cfg)
{
	struct system_info sys;
	uint64_t budget = cfg->memory_bytes, cells, rest;

	budget -= MIN(PARTS, budget / 8);
	system_info(&sys);
	z->cpus = sys.cpus_possible;
	z->ring = cfg->ring_bytes ? cfg->ring_bytes : RING_BYTES;
	z->life = LIFE_BYTES;
	z->ustacks = cfg->ustack_bytes ? USTK_BYTES : 4096;
	while (z->ustacks > 4 * HL_USTACK_MAX && z->ustacks > budget / 16)
		z->ustacks /= 2;
	z->files = pow2_at_least(cfg->files ? cfg->files : MAX_FILES);
	while (!cfg->files && z->files > 64 &&
	       (uint64_t)z->files * sizeof(struct hl_file_entry) > budget / 16)
		z->files /= 2;
	z->socks = MAX_SOCKS;
	while (z->socks > 256 && (uint64_t)z->socks * HL_SOCK_BYTES > budget / 16)
		z->socks /= 2;
	z->exchanges = MAX_EXCH;
	while (z->exchanges > 64 && (uint64_t)z->exchanges * HL_EXCHANGE_BYTES > budget / 16)
		z->exchanges /= 2;
	z->slice_bits = SLICE_BITS;
	while (z->slice_bits && slices_of(z) * sizeof(struct hl_slice) > budget / 40)
		z->slice_bits = z->slice_bits > MIN_SLICES ? z->slice_bits - 1 : 0;
	while (!cfg->ring_bytes && z->ring > 256 << 10 && z->ring + z->life > budget / 8)
		z->ring /= 2;
	while (z->life > 128 << 10 && z->life > budget / 16)
		z->life /= 2;
	z->slots = pow2_at_least(cfg->slots ? cfg->slots : MIN(sys.pid_max, MAX_SLOTS));
	while (!cfg->slots && z->slots > 1024 && (uint64_t)z->slots * sizeof(struct hl_slot) > budget * 3 / 4)
		z->slots /= 2;
	z->cells = 0;
	cells = cfg->cells ? cfg->cells : MAX(MAX_CELLS, CELLS_CPU * z->cpus);
	z->keys_per_cpu = MAX(MIN_KEYS, pow2_at_least(2 * cells / z->cpus));
	while (z->keys_per_cpu > 64 &&
	       (uint64_t)z->keys_per_cpu * z->cpus * sizeof(struct hl_key) > budget / 8)
		z->keys_per_cpu /= 2;
	rest = sizes_bytes(z);
	rest = budget > rest ? budget - rest : 0;
	/* a cell, and its place in the ring of free ones */
	z->cells = cfg->cells ? cells : MIN(cells, rest / (sizeof(struct hl_cell) + 8));
	if (z->cells >= MIN_CELLS + z->cpus * NR_HL_CELL_KINDS || cfg->cells)
		return 0;
	pr_err("--memory: %llu MiB is too little for %u CPUs; give at least 16M and 1M per CPU",
	       (unsigned long long)(budget >> 20), z->cpus);
	return -EINVAL;
}

int shared_size(struct object *core, const struct live_cfg *cfg, struct hl_cfg *out)
{
	struct sizes z;
	int err = decide(&z, cfg);
	const struct {
		const char *map;
		uint32_t entries;
	} want[] = {
		{ "hl_slots", z.slots },
		{ "hl_cells", z.cells },
		{ "hl_free", z.cells },
		{ "hl_keys", z.keys_per_cpu * z.cpus },
		{ "hl_cpus", z.cpus },
		{ "hl_events", z.ring },
		{ "hl_life", z.life },
		{ "hl_rooms", z.cpus },
		{ "hl_files", z.files },
		{ "hl_ustacks", z.ustacks },
		{ "hl_slices", (uint32_t)slices_of(&z) },
	};

	if (err)
		return err;
	out->slot_mask = z.slots - 1;
	out->key_mask = z.keys_per_cpu - 1;
	out->file_mask = z.files - 1;
	out->slice_bits = z.slice_bits;
	out->max_socks = z.socks;
	out->max_exchanges = z.exchanges;
	out->nr_cells = z.cells;
	out->nr_cpus = z.cpus;
	for (size_t i = 0; core && i < ARRAY_SIZE(want); i++) {
		err = bpf_map__set_max_entries(object_map(core, want[i].map), want[i].entries);
		if (err)
			return err;
	}
	return 0;
}

static void *map_one(struct shared *s, struct object *core, const char *name, int *err)
{
	struct bpf_map *m = object_map(core, name);
	size_t value = (bpf_map__value_size(m) + 7) & ~7u;
	size_t page = sysconf(_SC_PAGESIZE), size = value * bpf_map__max_entries(m);
	void *at;

	if (*err)
		return NULL;
	size = (size + page - 1) / page * page;
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(m), 0);
	if (at == MAP_FAILED) {
		*err = -errno;
		pr_err("%s: map into memory: %s", name, err_str(*err));
		return NULL;
	}
	s->maps[s->nr_maps].at = at;
	s->maps[s->nr_maps++].size = size;
	s->bytes += size;
	return at;
}

int shared_map(struct shared *s, struct object *core)
{
	int err = 0;

	s->slots = map_one(s, core, "hl_slots", &err);
	s->cells = map_one(s, core, "hl_cells", &err);
	s->keys = map_one(s, core, "hl_keys", &err);
	s->free = map_one(s, core, "hl_free", &err);
	s->cpus = map_one(s, core, "hl_cpus", &err);
	s->ctl = map_one(s, core, "hl_ctls", &err);
	s->files = map_one(s, core, "hl_files", &err);
	s->slices = map_one(s, core, "hl_slices", &err);
	s->bytes += bpf_map__max_entries(object_map(core, "hl_events"));
	s->bytes += bpf_map__max_entries(object_map(core, "hl_life"));
	s->bytes += bpf_map__max_entries(object_map(core, "hl_ustacks"));
	s->bytes += bpf_map__max_entries(object_map(core, "hl_rooms")) * HL_ROOM_BYTES;
	return err;
}

void shared_unmap(struct shared *s)
{
	for (size_t i = 0; i < s->nr_maps; i++)
		munmap(s->maps[i].at, s->maps[i].size);
	s->nr_maps = 0;
}
