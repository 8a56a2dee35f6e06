/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bios on their way to become requests. From where a bio is given to a disk (block_bio_queue) to
 * where a request is made of it, its thread may sleep: for a free request, or because the disk's
 * I/O controller (io.latency, io.cost, the writeback throttle) holds it back. A thread has one
 * such bio, rarely some; that one stands in its own storage, where no other CPU looks.
 *
 * A limit of io.max holds bios back before block_bio_queue, and a kernel worker hands them on
 * later. Their begin is the tracepoint before that, where there is one: a partition's bio is
 * moved to where the partition is on its disk (block_bio_remap), and so is one of a volume to
 * its disk. Of other bios only the limit's own function tells. A look-up in a map is the price of
 * these, and is paid only where the bio's cgroup has such a limit.
 */
#ifndef HL_BIO_BPF_H
#define HL_BIO_BPF_H

#include "bpf/request.bpf.h"

#define HL_MAX_COMING 8192

/* A bio that is to become a request, and did not at once. */
struct hl_coming {
	__u64 since;
	struct hl_owner by;
	__u32 dev;
	__u8 held; /* it came by before block_bio_queue */
	__u8 below;
	__u8 pad[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HL_MAX_COMING);
	__type(key, __u64);
	__type(value, struct hl_coming);
} coming SEC(".maps");

/* How many there are: mostly none, and nobody need look for one. */
__u64 nr_coming;

/* The last bio that a thread gave to a disk, until it is a request. */
struct hl_making {
	__u64 bio, since;
	__u64 below;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct hl_making);
} making SEC(".maps");

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

/* Without room, the request's time begins where it is made. */
static __noinline int coming_add(struct bio *bio, __u64 since, bool below, bool held)
{
	struct hl_coming c = { .since = since, .below = below, .held = held };
	__u64 key = (__u64)bio;

	c.dev = BPF_CORE_READ(bio, bi_bdev, bd_dev);
	c.by = owner_of(bio, request_nr(BPF_CORE_READ(bio, bi_opf), BPF_CORE_READ(bio, bi_iter.bi_size)));
	if (!bpf_map_update_elem(&coming, &key, &c, BPF_NOEXIST))
		__sync_fetch_and_add(&nr_coming, 1);
	else
		bpf_map_update_elem(&coming, &key, &c, BPF_EXIST);
	return 0;
}

static __noinline int coming_del(__u64 key)
{
	if (!bpf_map_delete_elem(&coming, &key))
		__sync_fetch_and_add(&nr_coming, -1);
	return 0;
}

/*
 * A bio that was held back, where it is handed on by a kernel thread: its begin. Another's may be
 * left of one that was never handed on, at the same address.
 */
static __noinline struct hl_coming *held_get(struct bio *bio)
{
	struct task_struct *cur = bpf_get_current_task_btf();
	__u64 key = (__u64)bio;
	struct hl_coming *c;

	if (!nr_coming)
		return NULL;
	c = bpf_map_lookup_elem(&coming, &key);
	if (!c)
		return NULL;
	if (c->held && cur->flags & HL_PF_KTHREAD && c->dev == BPF_CORE_READ(bio, bi_bdev, bd_dev))
		return c;
	coming_del(key);
	return NULL;
}

/* It was given to a disk. */
static __noinline int bio_comes(struct bio *bio)
{
	struct hl_making *m;

	if (held_get(bio))
		return 0;
	m = bpf_task_storage_get(&making, bpf_get_current_task_btf(), NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!m)
		return 0;
	if (m->bio)
		coming_add((struct bio *)m->bio, m->since, m->below, false);
	m->bio = (__u64)bio;
	m->since = bpf_ktime_get_ns();
	m->below = is_below();
	return 0;
}

/* It will be no request of its own. */
static __noinline int bio_gone(__u64 key)
{
	struct hl_making *m = bpf_task_storage_get(&making, bpf_get_current_task_btf(), NULL, 0);

	if (m && m->bio == key)
		m->bio = 0;
	if (nr_coming)
		coming_del(key);
	return 0;
}

/*
 * A request is made of a bio: since when that waited, and whose it is. A bio that was split
 * leads to what is left of it, which is the one that was given to the disk.
 */
static __noinline int bio_becomes(struct bio *bio, struct hl_request *r)
{
	__u64 key = (__u64)bio, whole = bio ? (__u64)bio->bi_private : 0;
	struct hl_making *m = bpf_task_storage_get(&making, bpf_get_current_task_btf(), NULL, 0);
	struct hl_coming *c = NULL;

	r->below = false;
	if (m && m->bio && (m->bio == key || m->bio == whole)) {
		r->queued = m->since;
		r->below = m->below;
		if (m->bio == key)
			m->bio = 0;
	} else if (nr_coming && bio) {
		c = bpf_map_lookup_elem(&coming, &key);
		if (!c)
			c = bpf_map_lookup_elem(&coming, &whole);
	}
	if (!c) {
		r->by = owner_of(bio, r->nr);
		return 0;
	}
	r->queued = c->since;
	r->below = c->below;
	r->by = c->by;
	coming_del(key);
	return 0;
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
