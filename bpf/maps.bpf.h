/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The shared maps. core owns them; every other object that includes this gets them by
 * name. Sizes are set between open and load.
 */
#ifndef HL_MAPS_BPF_H
#define HL_MAPS_BPF_H

#include "bpf/compat.bpf.h"

#define SHARED_ARRAY(map, type_)                                                                             \
	struct {                                                                                             \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                            \
		__uint(map_flags, BPF_F_MMAPABLE);                                                           \
		__uint(max_entries, 1);                                                                      \
		__type(key, __u32);                                                                          \
		__type(value, type_);                                                                        \
	} map SEC(".maps")

SHARED_ARRAY(hl_slots, struct hl_slot);
SHARED_ARRAY(hl_cells, struct hl_cell);
SHARED_ARRAY(hl_keys, struct hl_key);
/* Cells given back: a ring between ctl.free_head and free_tail. The elements of an array map are
 * a multiple of 8 bytes apart, whatever their size: a type that is that long. */
SHARED_ARRAY(hl_free, __u64);
SHARED_ARRAY(hl_cpus, struct hl_cpu);
SHARED_ARRAY(hl_ctls, struct hl_ctl);
SHARED_ARRAY(hl_files, struct hl_file_entry);
/* A ring for each CPU. */
SHARED_ARRAY(hl_slices, struct hl_slice);

/* Slots of threads whose place in hl_slots is taken. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct hl_slot);
} hl_homes SEC(".maps");

/* Processes that the calls tier looks at, when it looks at some only: pid -> start, 0: any. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u64);
} hl_targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} hl_events SEC(".maps");

/* Lifecycle has a ring of its own that nothing throttles. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 2 << 20);
} hl_life SEC(".maps");

static __always_inline struct hl_cpu *this_cpu(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&hl_cpus, &cpu);
}

static __always_inline struct hl_ctl *ctl_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&hl_ctls, &zero);
}

/* Records wake nobody but on crossing the mark: user space drains by timer. */
#define HL_MARK 2 /* half of the ring */

static __always_inline __u64 wake_flag(void *ring, __u32 added)
{
	__u64 held = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);
	__u64 mark = bpf_ringbuf_query(ring, BPF_RB_RING_SIZE) / HL_MARK;

	return held >= mark && held < mark + 4 * added ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

/* Room for a record of something that is counted in *seen; in *lost, where there is none. size: constant. */
__hot void *record_reserve(void *ring, __u64 size, __u64 *seen, __u64 *lost)
{
	void *r;

	__sync_fetch_and_add(seen, 1);
	r = bpf_ringbuf_reserve(ring, size, 0);
	if (!r)
		__sync_fetch_and_add(lost, 1);
	return r;
}

/* The members that every slow operation has, whoever's it is; the others are zero. */
__hot void slow_begin(struct hl_rec_slow *r, __u64 now_boot, __u64 duration)
{
	__builtin_memset(r, 0, sizeof(*r));
	r->h.kind = HL_KIND_SLOW;
	r->h.cpu = bpf_get_smp_processor_id();
	r->h.ts = now_boot;
	r->duration_ns = duration;
	r->begin_ns = now_boot - duration;
}

#endif
