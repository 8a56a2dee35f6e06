/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Block requests that took long, whole, with the kernel stack of who submitted them. A stack at
 * every request would cost as much as the rest of it. Only a disk that had a slow one pays: for
 * ten seconds from then on its requests bring their stacks along, not more than so many a second
 * that a CPU spends a hundredth of its time on them.
 */
#ifndef HL_SLOW_REQUEST_BPF_H
#define HL_SLOW_REQUEST_BPF_H

#include "bpf/request.bpf.h"
#include "bpf/stack.h"

#define HL_SLOW_DISK_NS (10ull * 1000 * 1000 * 1000)
#define HL_STACK_EVERY  (500 * 1000) /* ns, on one CPU: a stack takes 5 us */
#define HL_SUBMITTERS   512

/* Disks that had a slow request, until when. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} slow_disks SEC(".maps");

__u64 slow_disk_until; /* the latest of these: mostly it is over, and nobody need look */

/* Where requests of such disks came from, by request. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, HL_SUBMITTERS);
	__type(key, __u64);
	__type(value, struct hl_kstack);
} submitters SEC(".maps");

static const struct hl_kstack nobody;

/* A request begins, in the context of who submits it. ctx: the program's. queued: since when it is,
 * which may be long ago. */
static __noinline int submitter_note(void *ctx, __u64 request, __u32 dev, __u64 queued)
{
	__u64 now = bpf_ktime_get_ns(), *until;
	struct hl_cpu *cpu = this_cpu();
	struct hl_kstack *by;
	long n;

	if (!cpu || now - cpu->stack_at < HL_STACK_EVERY)
		return 0;
	until = bpf_map_lookup_elem(&slow_disks, &dev);
	if (!until || now > *until)
		return 0;
	cpu->stack_at = now;
	if (bpf_map_update_elem(&submitters, &request, &nobody, BPF_ANY))
		return 0;
	by = bpf_map_lookup_elem(&submitters, &request);
	if (!by)
		return 0;
	n = bpf_get_stack(ctx, by->ip, sizeof(by->ip), 0);
	if (n <= 0)
		return 0;
	by->nr = n / sizeof(by->ip[0]);
	by->since = queued;
	return 0;
}

static __noinline int disk_was_slow(__u32 dev, __u64 now)
{
	__u64 until = now + HL_SLOW_DISK_NS;

	bpf_map_update_elem(&slow_disks, &dev, &until, BPF_ANY);
	slow_disk_until = until;
	return 0;
}

__hot void request_fill(struct hl_rec_slow *r, const struct hl_request *rq, const struct request_times *t)
{
	slow_begin(r, bpf_ktime_get_boot_ns(), t->queue + t->device);
	r->h.pid = rq->by.pid;
	r->h.tid = rq->tid;
	r->proc_start = rq->by.start;
	r->op = HL_OP_BLOCK;
	r->nr = rq->nr;
	r->state = HL_STATE_DISK;
	r->state_ns[HL_STATE_DISK] = r->duration_ns;
	r->queue_ns = t->queue;
	r->device_ns = t->device;
	r->result = t->error;
	r->bytes = rq->bytes;
	r->detail = HL_DETAIL_DISK;
	r->detail_dev = rq->dev;
	r->detail_addr = rq->sector;
}

/* It is done. */
__global int request_slow(const struct hl_request *rq, const struct request_times *t, struct hl_cpu *cpu)
{
	struct hl_slow_raw *raw;
	struct hl_kstack *by;
	__u64 key;

	if (!rq || !t || !cpu)
		return 0;
	disk_was_slow(rq->dev, bpf_ktime_get_ns());
	raw = record_reserve(&hl_events, HL_SLOW_RAW_STACK, &cpu->slow_requests, &cpu->slow_requests_lost);
	if (!raw)
		return 0;
	request_fill(&raw->r, rq, t);
	raw->r.h.size = HL_SLOW_RAW_STACK;
	raw->stack.nr = 0;
	key = rq->key; /* v6.1 takes no key from there */
	by = bpf_map_lookup_elem(&submitters, &key);
	if (by && by->since == rq->queued)
		raw->stack = *by;
	bpf_ringbuf_submit(raw, wake_flag(&hl_events, HL_SLOW_RAW_STACK));
	return 0;
}

#endif
