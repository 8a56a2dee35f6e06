// SPDX-License-Identifier: GPL-2.0
/*
 * The block layer: every request from where it was made to its completion. Per disk and
 * operation a histogram of the time queued and one of the time in the device; per process
 * and operation one of both together. Tracepoints only.
 *
 *   block_io_start     made, in the context of who submits it (v6.5, 5a80bd075f3b; before
 *                      that a request is first seen when it is inserted or issued)
 *   block_rq_insert    given to the scheduler
 *   block_rq_issue     given to the driver
 *   block_rq_requeue   given back by it
 *   block_rq_complete  done, or a part of it
 *   block_io_done      done, as the kernel accounts for it (v6.5)
 *
 * A flush is a request that is never issued: one of the queue's own does it for all that wait
 * for it, and not every driver tells of its end. What is counted is the one that was asked for,
 * from where it was made to its end, all of it in the device.
 *
 * A request is told by its address, of which a disk has a fixed number. Writeback belongs to
 * who made the page dirty: the last one that did so to the first page's file. Completions
 * come in interrupts and may interrupt each other on a CPU: their cells are added to
 * atomically.
 */
#include "bpf/compat.bpf.h"
#include <bpf/bpf_tracing.h>
#include "bpf/cell.bpf.h"

#define HL_REQ_OP(flags) ((flags)&0xff)
#define HL_REQ_OP_FLUSH  2
#define HL_REQ_SYNC      (1u << 11)
#define HL_REQ_FUA       (1u << 17)
#define HL_REQ_PREFLUSH  (1u << 18)

#define HL_MAX_REQUESTS 16384
#define HL_MAX_DIRTIERS 8192

enum request_state { REQUEST_FREE, REQUEST_QUEUED, REQUEST_ISSUED };

struct hl_request {
	__u64 queued, issued; /* CLOCK_MONOTONIC */
	__u64 sector;
	__u64 start; /* of the process */
	__u32 pid, dev;
	__u32 bytes, left;
	__u16 nr;
	__u8 state; /* enum request_state */
	__u8 pad[5];
};

/* Entries stay and serve again: a disk has so many requests and no more. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HL_MAX_REQUESTS);
	__type(key, __u64);
	__type(value, struct hl_request);
} requests SEC(".maps");

struct hl_dirtier {
	__u64 start;
	__u32 pid, pad;
};

/* Who last made a page of a file dirty, by the inode's address. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, HL_MAX_DIRTIERS);
	__type(key, __u64);
	__type(value, struct hl_dirtier);
} dirtiers SEC(".maps");

/* Where the last request of a disk ended. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} ends SEC(".maps");

char LICENSE[] SEC("license") = "GPL";

/* By enum req_op, whose numbers have not changed since v4.10; what is not here is HL_BLOCK_ELSE. */
static const __u8 block_ops[40] = {
	[0] = HL_BLOCK_READ,    [1] = HL_BLOCK_WRITE, [2] = HL_BLOCK_FLUSH, [3] = HL_BLOCK_DISCARD,
	[5] = HL_BLOCK_DISCARD, [7] = HL_BLOCK_WRITE, [9] = HL_BLOCK_WRITE,
};

__hot __u16 request_nr(struct request *rq)
{
	__u32 flags = rq->cmd_flags, op = HL_REQ_OP(flags);
	__u16 nr = op < 40 ? block_ops[op] : HL_BLOCK_ELSE;

	if (nr == HL_BLOCK_WRITE && flags & HL_REQ_PREFLUSH && !rq->__data_len)
		nr = HL_BLOCK_FLUSH;
	/* reads are waited for, and so is what must be on the medium; as the kernel's op_is_sync */
	if (nr == HL_BLOCK_READ || flags & (HL_REQ_SYNC | HL_REQ_FUA | HL_REQ_PREFLUSH))
		nr |= HL_BLOCK_SYNC;
	return nr;
}

/* The partition, or the disk where the request is of no partition. */
__hot __u32 request_dev(struct request *rq)
{
	struct block_device *part = rq->part;
	struct gendisk *disk;

	if (part)
		return part->bd_dev;
	disk = rq->q->disk;
	return disk ? disk->major << 20 | disk->first_minor : 0;
}

/* The file whose page a write is of; 0: none, or not known. */
__hot __u64 request_inode(struct request *rq)
{
	struct bio *bio = rq->bio;
	struct address_space *mapping;
	struct page *page;

	if (!bio || !bio->bi_io_vec)
		return 0;
	page = head_of(BPF_CORE_READ(bio, bi_io_vec, bv_page));
	mapping = BPF_CORE_READ(page, mapping);
	if (!mapping || (__u64)mapping & 3) /* an anonymous page */
		return 0;
	return (__u64)BPF_CORE_READ(mapping, host);
}

/* Who is to be charged: who made the page dirty, where a kernel thread writes it back. */
__hot void request_owner(struct request *rq, struct hl_request *r)
{
	struct task_struct *cur = bpf_get_current_task_btf();
	struct hl_dirtier *d = NULL;
	__u64 inode;

	if (cur->flags & HL_PF_KTHREAD && (r->nr & 0xf) == HL_BLOCK_WRITE) {
		inode = request_inode(rq);
		d = inode ? bpf_map_lookup_elem(&dirtiers, &inode) : NULL;
	}
	r->pid = cur->tgid;
	r->start = TASK_PTR(cur, group_leader)->start_boottime;
	barrier_compiler(); /* one load must not be of two kinds of pointers */
	if (d) {
		r->pid = d->pid;
		r->start = d->start;
	}
}

static __noinline struct hl_request *request_make(__u64 key)
{
	struct hl_request fresh = {};
	struct hl_cpu *cpu = this_cpu();

	if (bpf_map_update_elem(&requests, &key, &fresh, BPF_ANY) && cpu)
		__sync_fetch_and_add(&cpu->block_full, 1);
	return bpf_map_lookup_elem(&requests, &key);
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

/* The request's entry: begun now, unless it is one that is queued already. anew: whatever the
 * entry says, for a request that was merged into another has no end. */
__hot struct hl_request *request_begin(struct request *rq, __u64 now, bool anew)
{
	__u64 key = (__u64)rq;
	struct hl_request *r = bpf_map_lookup_elem(&requests, &key);

	if (!r)
		r = request_make(key);
	if (!r || (!anew && r->state == REQUEST_QUEUED))
		return r;
	if (r->state == REQUEST_ISSUED)
		request_lost();
	r->queued = now;
	r->issued = 0;
	r->nr = request_nr(rq);
	request_owner(rq, r);
	r->state = REQUEST_QUEUED;
	return r;
}

SEC("?tp_btf/block_io_start")
int BPF_PROG(block_io_start, struct request *rq)
{
	request_begin(rq, bpf_ktime_get_ns(), true);
	return 0;
}

SEC("tp_btf/block_rq_insert")
int BPF_PROG(block_rq_insert, struct request *rq)
{
	request_begin(rq, bpf_ktime_get_ns(), false);
	return 0;
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(block_rq_issue, struct request *rq)
{
	__u64 now = bpf_ktime_get_ns();
	struct hl_request *r;

	if (HL_REQ_OP(rq->cmd_flags) == HL_REQ_OP_FLUSH) /* for others, which are counted */
		return 0;
	r = request_begin(rq, now, false);
	if (!r)
		return 0;
	/* merging may have made it longer */
	r->bytes = r->left = rq->__data_len;
	r->sector = rq->__sector;
	r->dev = request_dev(rq);
	r->issued = now;
	r->state = REQUEST_ISSUED;
	return 0;
}

SEC("tp_btf/block_rq_requeue")
int BPF_PROG(block_rq_requeue, struct request *rq)
{
	__u64 key = (__u64)rq;
	struct hl_request *r = bpf_map_lookup_elem(&requests, &key);

	if (r && r->state == REQUEST_ISSUED)
		r->state = REQUEST_QUEUED;
	return 0;
}

struct request_times {
	__u64 queue, device;
	__u32 sequential, failed;
};

__hot bool is_sequential(const struct hl_request *r)
{
	__u64 end = r->sector + (r->bytes >> 9), *last;
	bool follows;
	__u32 dev = r->dev;

	last = bpf_map_lookup_elem(&ends, &dev);
	if (!last) {
		bpf_map_update_elem(&ends, &dev, &end, BPF_ANY);
		return false;
	}
	follows = *last == r->sector;
	*last = end;
	return follows;
}

__hot struct hl_cell *block_cell(__u64 key, __u64 start, struct hl_cpu *cpu)
{
	bool other;

	return cell_get(key, start, cpu->id, &other);
}

/* One phase of it, in the disk's cell. */
__global int count_phase(const struct hl_request *r, const struct request_times *t, struct hl_cpu *cpu,
			 __u32 phase)
{
	struct hl_cell *c;

	if (!r || !t || !cpu)
		return 0;
	c = block_cell(HL_KEY(r->dev, r->nr, 0, 0, HL_CELL_DISK + phase), 0, cpu);
	if (!c)
		return 0;
	cell_add_shared(c, phase == HL_BLOCK_QUEUE ? t->queue : t->device);
	__sync_fetch_and_add(&c->bytes, r->bytes);
	if (t->failed)
		__sync_fetch_and_add(&c->errors, 1);
	if (t->sequential)
		__sync_fetch_and_add(&c->sequential, 1);
	return 0;
}

__global int count_process(const struct hl_request *r, const struct request_times *t, struct hl_cpu *cpu)
{
	struct hl_cell *c;

	if (!r || !t || !cpu)
		return 0;
	c = block_cell(HL_KEY(r->pid, r->nr, HL_STATE_DISK, 0, HL_OP_BLOCK), r->start, cpu);
	if (!c)
		return 0;
	cell_add_shared(c, t->queue + t->device);
	__sync_fetch_and_add(&c->state_ns[HL_STATE_DISK], t->queue + t->device);
	__sync_fetch_and_add(&c->queue, t->queue);
	__sync_fetch_and_add(&c->device, t->device);
	__sync_fetch_and_add(&c->bytes, r->bytes);
	if (t->failed)
		__sync_fetch_and_add(&c->errors, 1);
	return 0;
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
	count_phase(r, t, cpu, HL_BLOCK_QUEUE);
	count_phase(r, t, cpu, HL_BLOCK_DEVICE);
	count_process(r, t, cpu);
	return 0;
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(block_rq_complete, struct request *rq, int error, unsigned int bytes)
{
	struct hl_cpu *cpu = this_cpu();
	struct request_times t = { .failed = error != 0 };
	__u64 key = (__u64)rq;
	struct hl_request *r = bpf_map_lookup_elem(&requests, &key);

	if (!cpu || !r) /* it began before hostlat, or had no room, which was counted */
		return 0;
	if (r->state == REQUEST_ISSUED && bytes < r->left) { /* the rest comes later */
		r->left -= bytes;
		return 0;
	}
	if (r->state == REQUEST_QUEUED && !bytes) { /* a flush */
		r->bytes = 0;
		r->dev = request_dev(rq);
		r->issued = r->queued;
	} else if (r->state != REQUEST_ISSUED) {
		if (bytes) /* else the end of a sequence whose data was done before */
			request_lost();
		return 0;
	}
	__sync_fetch_and_add(&cpu->block_seen, 1);
	return request_end(r, &t, cpu);
}

/* The end of the kernel's own account of it, a moment later: for those whose completion no
 * tracepoint told of (some virtual machines' kernels leave out a few). */
SEC("?tp_btf/block_io_done")
int BPF_PROG(block_io_done, struct request *rq)
{
	struct hl_cpu *cpu = this_cpu();
	struct request_times t = {};
	__u64 key = (__u64)rq;
	struct hl_request *r = bpf_map_lookup_elem(&requests, &key);

	if (!cpu || !r || r->state != REQUEST_ISSUED)
		return 0;
	__sync_fetch_and_add(&cpu->block_seen, 1);
	return request_end(r, &t, cpu);
}

/* A page became dirty: v5.18 named it after the folio (203a31516616). */
static __noinline int made_dirty(struct address_space *mapping)
{
	struct task_struct *cur = bpf_get_current_task_btf();
	struct hl_dirtier d = { .pid = cur->tgid, .start = TASK_PTR(cur, group_leader)->start_boottime },
			  *was;
	__u64 inode;

	if (!mapping || cur->flags & HL_PF_KTHREAD)
		return 0;
	inode = (__u64)BPF_CORE_READ(mapping, host);
	was = bpf_map_lookup_elem(&dirtiers, &inode);
	if (was && was->pid == d.pid && was->start == d.start)
		return 0;
	bpf_map_update_elem(&dirtiers, &inode, &d, BPF_ANY);
	return 0;
}

SEC("?tp_btf/writeback_dirty_folio")
int BPF_PROG(writeback_dirty_folio, struct folio *folio, struct address_space *mapping)
{
	return made_dirty(mapping);
}

SEC("?tp_btf/writeback_dirty_page")
int BPF_PROG(writeback_dirty_page, struct page *page, struct address_space *mapping)
{
	return made_dirty(mapping);
}
