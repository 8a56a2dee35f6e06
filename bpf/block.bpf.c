// SPDX-License-Identifier: GPL-2.0
/*
 * The block layer: every request from where it was made to its completion. Per disk and
 * operation a histogram of the time queued and one of the time in the device; per process
 * and operation one of both together. Tracepoints, and one function where the kernel allows it,
 * for what no tracepoint tells.
 *
 *   block_bio_remap    a bio of a partition or a volume, moved to where that is on its disk
 *   __blk_throtl_bio   a bio whose cgroup has a limit, which may hold it back
 *   block_bio_queue    a bio given to a device; where that is made of others (device mapper,
 *                      md) or of memory, it makes no requests, and its bios are what counts
 *   block_bio_*merge   it became part of a request that was there
 *   block_io_start     a request was made of it, in the context of who submits it (v6.5,
 *                      5a80bd075f3b; before that it is first seen when inserted or issued, and
 *                      its time from before that is not known if another bio became its first)
 *   block_rq_insert    given to the scheduler: used where there is no block_io_start. Where there is,
 *                      of requests that no bio makes (SCSI pass-through) the time before they are
 *                      issued is not known
 *   block_rq_issue     given to the driver
 *   block_rq_requeue   given back by it
 *   block_rq_merge     made a part of another request
 *   block_rq_complete  done, or a part of it
 *   block_bio_complete a bio is done; of bios that became requests nobody asks here
 *
 * A flush is a request that is never issued: one of the queue's own does it for all that wait
 * for it, and not every driver tells of its end. What is counted is the one that was asked for,
 * from where it was made to its end, all of it in the device.
 *
 * A request is told by its address. Writeback belongs to
 * who made the page dirty: the last one that did so to the first page's file. Completions
 * come in interrupts and may interrupt each other on a CPU: their cells are added to
 * atomically.
 */
#include "bpf/compat.bpf.h"
#include <bpf/bpf_tracing.h>
#include "bpf/bio.bpf.h"
#include "bpf/slow_request.bpf.h"

#define HL_MAX_BIOS 8192

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HL_ADDR_PLACES);
	__type(key, __u32);
	__type(value, struct hl_request);
} requests SEC(".maps");

/* Bios of devices without requests, from where they are made to their end. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HL_MAX_BIOS);
	__type(key, __u64);
	__type(value, struct hl_request);
} bios SEC(".maps");

/* How many there are: on most hosts none, and a bio's end need not be looked up. */
__u64 nr_bios;

char LICENSE[] SEC("license") = "GPL";

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

static __noinline int request_full(void)
{
	struct hl_cpu *cpu = this_cpu();

	if (cpu)
		__sync_fetch_and_add(&cpu->block_full, 1);
	return 0;
}

/* It is over, or no more told of: the next one at its address is another. */
__hot void request_forget(struct hl_request *r)
{
	r->state = REQUEST_FREE;
	addr_leave(&r->key);
}

/* A request that is queued from now on, or from where its bio was. ctx: the program's. */
static __noinline int request_queued(void *ctx, struct request *rq, struct hl_request *r)
{
	struct task_struct *cur = bpf_get_current_task_btf();
	__u64 key = (__u64)rq->bio;

	r->issued = r->queued = 0;
	r->nr = request_nr(rq->cmd_flags, rq->__data_len);
	bio_becomes(cur, rq->bio, r);
	if (!r->queued)
		r->queued = bpf_ktime_get_ns();
	request_by(cur, r);
	if (r->queued < slow_disk_until && rq->bio) /* it is not said yet which partition it is of */
		submitter_note(ctx, r->key, bio_dev(rq->bio), r->queued);
	if (nr_bios && !r->below)
		r->below = bpf_map_lookup_elem(&bios, &key) != NULL; /* handed on as it is */
	r->state = REQUEST_QUEUED;
	return 0;
}

/* The request's entry: begun now, unless it is one that is queued already. anew: whatever the
 * entry says, for a request that was merged into another has no end. ctx: the program's. */
__hot struct hl_request *request_begin(void *ctx, struct request *rq, bool anew)
{
	bool is_new;
	struct hl_request *r = addr_get(&requests, (__u64)rq, &is_new);

	if (!r) {
		request_full();
		return NULL;
	}
	if (!is_new && !anew && r->state == REQUEST_QUEUED)
		return r;
	if (!is_new && r->state == REQUEST_ISSUED)
		request_lost();
	request_queued(ctx, rq, r);
	return r;
}

SEC("?tp_btf/block_io_start")
int BPF_PROG(block_io_start, struct request *rq)
{
	request_begin(ctx, rq, true);
	return 0;
}

SEC("tp_btf/block_rq_insert")
int BPF_PROG(block_rq_insert, struct request *rq)
{
	request_begin(ctx, rq, false);
	return 0;
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(block_rq_issue, struct request *rq)
{
	struct hl_request *r;

	if (HL_REQ_OP(rq->cmd_flags) == HL_REQ_OP_FLUSH) /* for others, which are counted */
		return 0;
	r = request_begin(ctx, rq, false);
	if (!r)
		return 0;
	/* merging may have made it longer */
	r->bytes = r->left = rq->__data_len;
	r->sector = rq->__sector;
	r->dev = request_dev(rq);
	r->issued = bpf_ktime_get_ns();
	r->state = REQUEST_ISSUED;
	return 0;
}

SEC("tp_btf/block_rq_requeue")
int BPF_PROG(block_rq_requeue, struct request *rq)
{
	struct hl_request *r = addr_find(&requests, (__u64)rq);

	if (!r || r->state == REQUEST_FREE)
		return 0;
	/* most drivers refuse one before they tell that they have it */
	r->dev = request_dev(rq);
	r->state = REQUEST_QUEUED;
	count_requeue(r);
	return 0;
}

/* Nobody tells of its end: the next one at its address is another. */
SEC("?tp_btf/block_rq_merge")
int BPF_PROG(block_rq_merge, struct request *rq)
{
	struct hl_request *r = addr_find(&requests, (__u64)rq);

	if (r && r->state == REQUEST_QUEUED)
		request_forget(r);
	return 0;
}

__hot void request_done(struct hl_request *r, struct request_times *t, struct hl_cpu *cpu)
{
	request_end(r, t, cpu);
	if (!r->below && t->queue + t->device >= cpu->slow_ns) {
		request_slow(r, t, cpu);
		cpu->ended_at = bpf_ktime_get_ns(); /* that took its time */
	}
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(block_rq_complete, struct request *rq, int error, unsigned int bytes)
{
	struct hl_cpu *cpu = this_cpu();
	struct request_times t = { .error = error_of(error) };
	struct hl_request *r = addr_find(&requests, (__u64)rq);

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
	request_done(r, &t, cpu);
	request_forget(r);
	return 0;
}

/* Does the device take bios as they come, and make no requests of them? */
__hot bool takes_bios(struct bio *bio)
{
	return bio->bi_bdev->bd_disk->fops->submit_bio;
}

/* All of it is in the device, for what it does inside with it nobody tells. */
static __noinline int bio_begin(void *ctx, struct bio *bio)
{
	struct hl_request fresh = { .key = (__u64)bio, .state = REQUEST_ISSUED }, *was;
	struct task_struct *cur = bpf_get_current_task_btf();
	struct hl_cpu *cpu = this_cpu();
	struct hl_coming *held = addr_find(&coming, (__u64)bio);
	__u64 key = (__u64)bio;

	if (!cpu)
		return 0;
	__sync_fetch_and_add(&cpu->block_bios, 1);
	fresh.queued = fresh.issued = bpf_ktime_get_ns();
	fresh.bytes = bio->bi_iter.bi_size;
	fresh.sector = bio->bi_iter.bi_sector;
	fresh.dev = bio_dev(bio);
	fresh.nr = request_nr(bio->bi_opf, fresh.bytes);
	fresh.below = is_below();
	fresh.by = owner_of(cur, bio, fresh.nr);
	if (held) {
		if (was_held(held, bio)) {
			fresh.queued = held->since;
			fresh.by = held->by;
		}
		addr_leave(&held->bio);
	}
	request_by(cur, &fresh);
	if (fresh.issued < slow_disk_until)
		submitter_note(ctx, key, fresh.dev, fresh.queued);
	was = bpf_map_lookup_elem(&bios, &key);
	if (was) {
		if (was->state == REQUEST_ISSUED)
			request_lost();
		*was = fresh;
	} else if (bpf_map_update_elem(&bios, &key, &fresh, BPF_ANY)) {
		__sync_fetch_and_add(&cpu->block_full, 1);
	} else {
		__sync_fetch_and_add(&nr_bios, 1);
	}
	return 0;
}

SEC("tp_btf/block_bio_queue")
int BPF_PROG(block_bio_queue, struct bio *bio)
{
	return takes_bios(bio) ? bio_begin(ctx, bio) : bio_comes(bio);
}

/* Before a limit may hold it back. */
SEC("?tp_btf/block_bio_remap")
int BPF_PROG(block_bio_remap, struct bio *bio, dev_t dev, sector_t from)
{
	return is_limited(bio) ? bio_held(bio) : 0;
}

/* The same of any device, where the kernel lets programs hang on its functions: only bios that
 * have a limit come here. What is left of one that was split after it was held was held with it. */
SEC("?fentry/__blk_throtl_bio")
int BPF_PROG(__blk_throtl_bio, struct bio *bio)
{
	struct hl_coming *c = addr_find(&coming, (__u64)bio);

	return c && was_held(c, bio) ? 0 : bio_held(bio);
}

/* Part of a request that is there already. */
SEC("?tp_btf/block_bio_backmerge")
int BPF_PROG(block_bio_backmerge, struct bio *bio)
{
	return bio_gone((__u64)bio);
}

SEC("?tp_btf/block_bio_frontmerge")
int BPF_PROG(block_bio_frontmerge, struct bio *bio)
{
	return bio_gone((__u64)bio);
}

/* The device may have handed it on: to whom it was first given is in its entry. */
SEC("tp_btf/block_bio_complete")
int BPF_PROG(block_bio_complete, struct request_queue *q, struct bio *bio)
{
	struct request_times t = { .error = error_of(bio->bi_status) };
	struct hl_cpu *cpu = this_cpu();
	__u64 key = (__u64)bio;
	struct hl_request *r;

	if (bio->bi_status) /* else it has been a request long since */
		bio_gone(key);
	if (!cpu || !nr_bios)
		return 0;
	r = bpf_map_lookup_elem(&bios, &key);
	if (!r)
		return 0;
	if (r->state == REQUEST_ISSUED) {
		__sync_fetch_and_add(&cpu->block_seen, 1);
		request_done(r, &t, cpu);
	}
	if (!bpf_map_delete_elem(&bios, &key))
		__sync_fetch_and_add(&nr_bios, -1);
	return 0;
}

/* A page became dirty: v5.18 named it after the folio (203a31516616). */
static __noinline int made_dirty(struct address_space *mapping)
{
	struct task_struct *cur = bpf_get_current_task_btf();
	struct hl_owner d = { .pid = cur->tgid, .start = TASK_PTR(cur, group_leader)->start_boottime }, *was;
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
