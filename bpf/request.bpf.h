/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is known of a block request, or of a bio of a device that makes no requests: whose it
 * is, what it asks for, and where it is counted when it is done. The hooks are in block.bpf.c.
 */
#ifndef HL_REQUEST_BPF_H
#define HL_REQUEST_BPF_H

#include "bpf/cell.bpf.h"

#define HL_REQ_OP(flags) ((flags)&0xff)
#define HL_REQ_OP_FLUSH  2
#define HL_REQ_SYNC      (1u << 11)
#define HL_REQ_FUA       (1u << 17)
#define HL_REQ_PREFLUSH  (1u << 18)

#define HL_MAX_DIRTIERS 8192

/* A process. */
struct hl_owner {
	__u64 start;
	__u32 pid, pad;
};

enum request_state { REQUEST_FREE, REQUEST_QUEUED, REQUEST_ISSUED };

struct hl_request {
	__u64 key;            /* its address, or its bio's */
	__u64 queued, issued; /* CLOCK_MONOTONIC */
	__u64 sector;
	struct hl_owner by;
	__u32 tid; /* who submitted it; its process, where another is charged */
	__u32 dev;
	__u32 bytes, left;
	__u16 nr;
	__u8 state; /* enum request_state */
	__u8 below; /* part of another device's, whose owner is charged for that one */
};

/* Who last made a page of a file dirty, by the inode's address. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, HL_MAX_DIRTIERS);
	__type(key, __u64);
	__type(value, struct hl_owner);
} dirtiers SEC(".maps");

/* Where the last request of a disk ended; by a hash of the disk's number. */
struct hl_disk_end {
	__u64 sector;
	__u32 dev, pad;
};
#define HL_DISK_ENDS 1024

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HL_DISK_ENDS);
	__type(key, __u32);
	__type(value, struct hl_disk_end);
} ends SEC(".maps");

/* By enum req_op, whose numbers have not changed since v4.10; what is not here is HL_BLOCK_ELSE. */
static const __u8 block_ops[40] = {
	[0] = HL_BLOCK_READ,    [1] = HL_BLOCK_WRITE, [2] = HL_BLOCK_FLUSH, [3] = HL_BLOCK_DISCARD,
	[5] = HL_BLOCK_DISCARD, [7] = HL_BLOCK_WRITE, [9] = HL_BLOCK_WRITE,
};

/* Errors by blk_status_t; EIO where nothing is here. */
static const __u8 block_errors[33] = {
	/* 32 would go to a section that BTF cannot describe */
	[1] = 95, [2] = 110, [3] = 28, [4] = 67,  [5] = 121, [6] = 52,  [7] = 61,
	[8] = 84, [9] = 12,  [10] = 5, [12] = 11, [13] = 16, [16] = 19, [17] = 62,
};

/* block_rq_complete has a blk_status_t since v5.16 (8a7d267b4a2c), an error before. */
__hot __s32 error_of(__s32 status)
{
	if (status <= 0)
		return status;
	return -(__s32)(block_errors[status & 31] ?: 5);
}

__hot __u16 request_nr(__u32 flags, __u32 bytes)
{
	__u32 op = HL_REQ_OP(flags);
	__u16 nr = op < 40 ? block_ops[op] : HL_BLOCK_ELSE;

	if (nr == HL_BLOCK_WRITE && flags & HL_REQ_PREFLUSH && !bytes)
		nr = HL_BLOCK_FLUSH;
	/* reads are waited for, and so is what must be on the medium; as the kernel's op_is_sync */
	if (nr == HL_BLOCK_READ || flags & (HL_REQ_SYNC | HL_REQ_FUA | HL_REQ_PREFLUSH))
		nr |= HL_BLOCK_SYNC;
	return nr;
}

/* The file whose page a write is of; 0: none, or not known. */
__hot __u64 bio_inode(struct bio *bio)
{
	struct address_space *mapping;
	struct page *page;

	if (!bio)
		return 0;
	page = head_of(BPF_CORE_READ(bio, bi_io_vec, bv_page));
	mapping = BPF_CORE_READ(page, mapping);
	if (!mapping || (__u64)mapping & 3) /* an anonymous page */
		return 0;
	return (__u64)BPF_CORE_READ(mapping, host);
}

/* Who is to be charged: who made the page dirty, where a kernel thread writes it back. */
__hot struct hl_owner owner_of(struct task_struct *cur, struct bio *bio, __u16 nr)
{
	struct hl_owner *d = NULL, by = { .pid = cur->tgid };
	__u64 inode;

	if (cur->flags & HL_PF_KTHREAD && (nr & 0xf) == HL_BLOCK_WRITE) {
		inode = bio_inode(bio);
		d = inode ? bpf_map_lookup_elem(&dirtiers, &inode) : NULL;
	}
	by.start = TASK_PTR(cur, group_leader)->start_boottime;
	barrier_compiler(); /* one load must not be of two kinds of pointers */
	if (d)
		by = *d;
	return by;
}

/* It was issued, and no tracepoint told of its end. */
static __noinline int request_lost(void)
{
	struct hl_cpu *cpu = this_cpu();

	if (!cpu)
		return 0;
	__sync_fetch_and_add(&cpu->block_seen, 1);
	__sync_fetch_and_add(&cpu->block_unpaired, 1);
	return 0;
}

struct request_times {
	__u64 queue, device;
	__s32 error; /* negative; 0: none */
	__u32 sequential;
};

__hot bool is_sequential(const struct hl_request *r)
{
	__u32 at = (r->dev * 0x9e3779b1u >> 16) & (HL_DISK_ENDS - 1);
	struct hl_disk_end *last = bpf_map_lookup_elem(&ends, &at);
	bool follows;

	if (!last)
		return false;
	/* two disks in one place: neither has a request that follows its last */
	follows = last->sector == r->sector && last->dev == r->dev;
	last->sector = r->sector + (r->bytes >> 9);
	last->dev = r->dev;
	return follows;
}

/* hint: which of the CPU's hints is of such cells. */
__hot struct hl_cell *block_cell(__u64 key, __u64 start, struct hl_cpu *cpu, __u32 hint)
{
	bool other;

	return cell_again(key, start, cpu->id, &cpu->block_hint[hint], &other);
}

/* One phase of it, in the disk's cell. */
__hot void count_phase(const struct hl_request *r, const struct request_times *t, struct hl_cpu *cpu,
		       __u32 phase)
{
	struct hl_cell *c = block_cell(HL_KEY(r->dev, r->nr, 0, 0, HL_CELL_DISK + phase), 0, cpu, phase);

	if (!c)
		return;
	cell_add_shared(c, phase == HL_BLOCK_QUEUE ? t->queue : t->device);
	__sync_fetch_and_add(&c->bytes, r->bytes);
	if (t->error)
		__sync_fetch_and_add(&c->errors, 1);
	if (t->sequential)
		__sync_fetch_and_add(&c->sequential, 1);
}

/* The driver gave it back. */
static __noinline int count_requeue(const struct hl_request *r)
{
	struct hl_cpu *cpu = this_cpu();
	struct hl_cell *c;

	if (!cpu)
		return 0;
	c = block_cell(HL_KEY(r->dev, r->nr, 0, 0, HL_CELL_DISK + HL_BLOCK_QUEUE), 0, cpu, HL_BLOCK_QUEUE);
	if (c)
		__sync_fetch_and_add(&c->requeues, 1);
	return 0;
}

__hot void count_process(const struct hl_request *r, const struct request_times *t, struct hl_cpu *cpu)
{
	struct hl_cell *c = block_cell(HL_KEY(r->by.pid, r->nr, HL_STATE_DISK, 0, HL_OP_BLOCK), r->by.start,
				       cpu, NR_HL_BLOCK_PHASES);

	if (!c)
		return;
	cell_add_shared(c, t->queue + t->device);
	__sync_fetch_and_add(&c->state_ns[HL_STATE_DISK], t->queue + t->device);
	__sync_fetch_and_add(&c->phase_ns[HL_BLOCK_QUEUE], t->queue);
	__sync_fetch_and_add(&c->phase_ns[HL_BLOCK_DEVICE], t->device);
	__sync_fetch_and_add(&c->bytes, r->bytes);
	if (t->error)
		__sync_fetch_and_add(&c->errors, 1);
}

/* Whose thread submits it. */
__hot void request_by(struct task_struct *cur, struct hl_request *r)
{
	r->tid = (__u32)cur->tgid == r->by.pid ? cur->pid : r->by.pid;
}

__global int request_end(struct hl_request *r, struct request_times *t, struct hl_cpu *cpu)
{
	__u64 now = bpf_ktime_get_ns();

	if (!r || !t || !cpu)
		return 0;
	r->state = REQUEST_FREE;
	if (now < r->issued || r->issued < r->queued) {
		__sync_fetch_and_add(&cpu->block_clock, 1);
		return 0;
	}
	t->queue = r->issued - r->queued;
	t->device = now - r->issued;
	t->sequential = r->bytes && is_sequential(r);
	cpu->ended_ns[HL_BLOCK_QUEUE] = t->queue;
	cpu->ended_ns[HL_BLOCK_DEVICE] = t->device;
	cpu->ended_at = now; /* who is woken next on this CPU waited for it: see woken_from_disk */
	count_phase(r, t, cpu, HL_BLOCK_QUEUE);
	count_phase(r, t, cpu, HL_BLOCK_DEVICE);
	if (!r->below)
		count_process(r, t, cpu);
	return 0;
}

#endif
