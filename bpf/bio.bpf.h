/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bios on their way to become requests. From where a bio is given to a disk (block_bio_queue) to
 * where a request is made of it, its thread may sleep: for a free request, or because the disk's
 * I/O controller (io.latency, io.cost, the writeback throttle) holds it back.
 *
 * A limit of io.max holds bios back before block_bio_queue, and a kernel worker hands them on
 * later. Their begin is the tracepoint before that, where there is one: a partition's bio is
 * moved to where the partition is on its disk (block_bio_remap), and so is one of a volume to
 * its disk. Of other bios only the limit's own function tells.
 */
#ifndef HL_BIO_BPF_H
#define HL_BIO_BPF_H

#include "bpf/addr.bpf.h"
#include "bpf/request.bpf.h"

/* A bio that is to become a request. */
struct hl_coming {
	__u64 bio; /* its address */
	__u64 since;
	__u8 below;
	__u8 held; /* it came by before block_bio_queue, and may be handed on by another thread: */
	__u8 pad[2];
	__u32 dev;
	struct hl_owner by;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HL_ADDR_PLACES);
	__type(key, __u32);
	__type(value, struct hl_coming);
} coming SEC(".maps");

/* Is the current thread giving this bio to a device while it is inside of another one, of which
 * the bio is a part? Who asked for that other one is charged for it, and not twice. */
__hot bool is_below(void)
{
	return bpf_get_current_task_btf()->bio_list;
}

__hot __u32 bio_dev(struct bio *bio)
{
	return bio->bi_bdev->bd_dev;
}

/* It may be held back from here on. Without room, the request's time begins where it is made. */
static __noinline int bio_held(struct bio *bio)
{
	bool is_new;
	struct hl_coming *c = addr_get(&coming, (__u64)bio, &is_new);

	if (!c)
		return 0;
	c->since = bpf_ktime_get_ns();
	c->by = owner_of(bpf_get_current_task_btf(), bio, request_nr(bio->bi_opf, bio->bi_iter.bi_size));
	c->below = is_below();
	c->dev = bio_dev(bio);
	c->held = true;
	return 0;
}

/* Is that a bio which was held back, where it is handed on by a kernel thread? Another's entry may be
 * left of one that was never handed on, at the same address. */
__hot bool was_held(const struct hl_coming *c, struct bio *bio)
{
	return c->held && bpf_get_current_task_btf()->flags & HL_PF_KTHREAD && c->dev == bio_dev(bio);
}

/* It was given to a disk. */
__hot int bio_comes(struct bio *bio)
{
	bool is_new;
	struct hl_coming *c = addr_get(&coming, (__u64)bio, &is_new);

	if (!c || (!is_new && was_held(c, bio)))
		return 0;
	c->since = bpf_ktime_get_ns();
	c->below = is_below();
	c->held = false;
	return 0;
}

/* It will be no request of its own. */
static __noinline int bio_gone(__u64 key)
{
	struct hl_coming *c = addr_find(&coming, key);

	if (c)
		addr_leave(&c->bio);
	return 0;
}

/*
 * A request is made of a bio: since when that waited, and whose it is. A bio that was split
 * leads to what is left of it, which is the one that was given to the disk.
 */
__hot void bio_becomes(struct task_struct *cur, struct bio *bio, struct hl_request *r)
{
	struct hl_coming *own = addr_find(&coming, (__u64)bio), *c = own;

	r->below = false;
	r->by = owner_of(cur, bio, r->nr);
	if (!c && bio)
		c = addr_find(&coming, (__u64)bio->bi_private);
	if (!c)
		return;
	r->queued = c->since;
	r->below = c->below;
	if (c->held)
		r->by = c->by;
	if (own)
		addr_leave(&own->bio);
}

/* ---- limits -------------------------------------------------------------------------- */

/* v6.1 (81c7a63abc7c) tells limits of bytes from those of operations. */
struct throtl_grp___one {
	bool has_rules[2];
} __attribute__((preserve_access_index));

__hot bool has_rules(struct throtl_grp *tg, int write)
{
	struct throtl_grp___one *one = (void *)tg;
	__u8 rules[2] = {}, more[2] = {};

	if (bpf_core_field_exists(one->has_rules)) {
		bpf_core_read(rules, sizeof(rules), &one->has_rules);
	} else {
		bpf_core_read(rules, sizeof(rules), &tg->has_rules_bps);
		bpf_core_read(more, sizeof(more), &tg->has_rules_iops);
	}
	return write ? rules[1] | more[1] : rules[0] | more[0];
}

/*
 * Has the bio's cgroup a limit on this disk, or one that it is in? Of the data that policies keep
 * for the cgroup and the disk, the throttle's is the one that leads back to the disk's throttle;
 * before v6.10 (a3166c51702b) every disk has that.
 */
static __noinline int is_limited(struct bio *bio)
{
	struct request_queue *q = bio->bi_bdev->bd_disk->queue;
	struct blkcg_gq *blkg;
	struct throtl_data *td;
	struct throtl_grp *tg;

	if (!bpf_core_field_exists(q->td))
		return false;
	td = q->td;
	if (!td)
		return false;
	blkg = bio->bi_blkg;
	for (int i = 0; i < 6; i++) {
		tg = NULL;
		bpf_core_read(&tg, sizeof(tg), &blkg->pd[i]);
		if (tg && BPF_CORE_READ(tg, td) == td)
			return has_rules(tg, bio->bi_opf & 1);
	}
	return false;
}

#endif
