/* SPDX-License-Identifier: GPL-2.0 */
/* Records of slow operations, whole: what it was, how long, on what, and who ended it. */
#ifndef HL_SLOW_BPF_H
#define HL_SLOW_BPF_H

#include "bpf/wait.bpf.h"
#include "bpf/path.bpf.h"
#include "bpf/stack.h"
#include <bpf/bpf_endian.h>

_Static_assert(sizeof(struct path_room) == HL_NOW_PATH, "room for a path");

__hot void slow_peer(struct hl_rec_slow *r, __u64 sk)
{
	struct sock_common *c = (struct sock_common *)sk; /* the first member of a sock */
	__u16 family = LOAD(struct sock_common, c, skc_family);

	r->family = family;
	r->protocol = LOAD(struct sock, sk, sk_protocol);
	r->accepted = LOAD(struct sock, sk, sk_max_ack_backlog) > 0;
	if (family != HL_AF_INET && family != HL_AF_INET6) {
		r->detail = HL_DETAIL_NONE;
		return;
	}
	sock_addr(sk, false, r->local_addr);
	sock_addr(sk, true, r->remote_addr);
	r->local_port = LOAD(struct sock_common, c, skc_num);
	r->remote_port = bpf_ntohs(LOAD(struct sock_common, c, skc_dport));
}

/* What the wait was on: from the object kept at switch-out, never from the descriptor. */
__hot void slow_detail(struct hl_rec_slow *r, __u8 detail, __u64 object)
{
	struct inode *inode;

	r->detail = detail;
	if (detail == HL_DETAIL_LOCK || detail == HL_DETAIL_COUNT)
		r->detail_addr = object;
	if (detail == HL_DETAIL_PEER && object)
		slow_peer(r, object);
	if (detail != HL_DETAIL_FILE || !object)
		return;
	inode = LOAD(struct file, object, f_inode);
	r->detail_ino = LOAD(struct inode, inode, i_ino);
	r->detail_dev = BPF_CORE_READ(inode, i_sb, s_dev);
}

__hot void slow_waker(struct hl_rec_slow *r, struct hl_slot *s, __u8 state)
{
	r->waker = s->waker == HL_WAKER_INTERRUPT ? hl_interrupt_waker(state, s->file) : s->waker;
	if (r->waker == HL_WAKER_THREAD) {
		r->waker_tid = s->waker_tid;
		r->waker_pid = s->waker_pid;
		r->waker_nr = s->wake_mark;
	}
}

/* The members that every slow operation of a thread has. */
__hot void slow_common(struct hl_rec_slow *r, struct hl_slot *s, __u64 now_boot, __u64 duration)
{
	slow_begin(r, now_boot, duration);
	r->h.pid = s->pid;
	r->h.tid = s->tid;
	r->start = s->start;
	r->proc_start = s->proc_start;
}

/* One slow operation, as its caller knows it. */
struct slow_what {
	__u64 duration, object;
	__u64 ago; /* it ended so long ago */
	__s64 result;
	__u64 state_ns[NR_HL_STATES];       /* the breakdown */
	__u64 phase_ns[NR_HL_BLOCK_PHASES]; /* of its time in `disk` */
	__u16 nr;
	__u8 op, state, abi, detail;
	__u32 flags, restarts;
	__u32 user_stack; /* by which number it was sent; 0: it was not */
	__u8 file;
	bool awake; /* it never slept: nobody woke it */
	__u32 slices;
	__u64 queued_here;
};

/*
 * Room for what is too large for the stack, which was 512 bytes for all frames of a hook
 * together before v6.13 (a76ab5731e32 gives tracing programs their own). One for each CPU:
 * its user holds the CPU, and calls nobody who uses it too.
 */
struct slow_room {
	struct slow_what what;
	struct hl_wait wait;
	struct hl_file_id file;
	struct hl_kstack
		stack;    /* where the last thread left the CPU that had waited long when it came back */
	__u32 user_stack; /* by which number its user stack will come; 0: it will not */
	__u32 flags;      /* HL_SLOW_SIGNALLED */
};
_Static_assert(sizeof(struct slow_room) <= HL_ROOM_BYTES, "user space counts it");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slow_room);
} hl_rooms SEC(".maps");

/* Zeroed, but for the stack. */
__hot struct slow_room *slow_room_get(struct hl_cpu *cpu)
{
	__u32 at = cpu->id;
	struct slow_room *room = bpf_map_lookup_elem(&hl_rooms, &at);

	if (room)
		__builtin_memset(room, 0, __builtin_offsetof(struct slow_room, stack));
	return room;
}

__hot void slow_fill(struct hl_rec_slow *r, struct hl_slot *s, const struct slow_what *w, __u64 now)
{
	slow_common(r, s, now - w->ago, w->duration);
	r->op = w->op;
	r->state = w->state;
	r->abi = w->abi;
	r->nr = w->nr;
	r->result = w->result;
	r->flags = w->flags;
	r->restarts = w->restarts;
	r->user_stack = w->user_stack;
	r->file = w->file;
	for (int i = 0; i < NR_HL_STATES; i++)
		r->state_ns[i] = w->state_ns[i];
	r->queue_ns = w->phase_ns[HL_BLOCK_QUEUE];
	r->device_ns = w->phase_ns[HL_BLOCK_DEVICE];
	r->queued_here_ns = w->queued_here;
	r->occupants = w->slices;
	slow_detail(r, w->detail, w->object);
	if (w->op == HL_OP_WAIT && w->state == HL_STATE_LOCK && w->detail == HL_DETAIL_LOCK) {
		r->holder_tid = s->holder;
		r->holder = s->holder_how;
	}
	if (!w->awake && (s->flags & (HL_SLOT_WAS_ASLEEP | HL_SLOT_WOKEN)))
		slow_waker(r, s, w->state);
}

/* The one that was just taken, if it is of this wait; NULL: none was. */
__hot const struct slow_room *stack_of(const struct hl_slot *s, const struct hl_cpu *cpu)
{
	__u32 at = cpu->id;
	struct slow_room *room = bpf_map_lookup_elem(&hl_rooms, &at);

	return room && room->stack.since == s->since ? room : NULL;
}

/* With a path, or a deep stack. */
__hot struct hl_rec_slow *slow_long(struct hl_slot *s, const struct slow_what *w,
				    const struct hl_kstack *stack)
{
	struct hl_slow_raw *raw = bpf_ringbuf_reserve(&hl_events, sizeof(*raw), 0);
	struct path_walk walk = {};

	if (!raw)
		return NULL;
	slow_fill(&raw->r, s, w, bpf_ktime_get_boot_ns());
	raw->r.h.size = sizeof(*raw);
	raw->stack.since = raw->stack.nr = 0;
	if (stack)
		bpf_probe_read_kernel(&raw->stack, sizeof(raw->stack), stack);
	if (w->detail == HL_DETAIL_FILE && w->object)
		raw->r.path_len = path_of(path_at(w->object), (struct path_room *)raw->path, &walk);
	raw->r.flags |= walk.flags;
	return &raw->r;
}

/* With a stack as most are. */
__hot struct hl_rec_slow *slow_short(struct hl_slot *s, const struct slow_what *w,
				     const struct hl_kstack *stack)
{
	struct hl_slow_raw *raw = bpf_ringbuf_reserve(&hl_events, HL_SLOW_RAW_SHORT, 0);

	if (!raw)
		return NULL;
	slow_fill(&raw->r, s, w, bpf_ktime_get_boot_ns());
	raw->r.h.size = HL_SLOW_RAW_SHORT;
	bpf_probe_read_kernel(&raw->stack, HL_SLOW_RAW_SHORT - sizeof(raw->r), stack);
	return &raw->r;
}

__hot struct hl_rec_slow *slow_plain(struct hl_slot *s, const struct slow_what *w)
{
	struct hl_rec_slow *r = bpf_ringbuf_reserve(&hl_events, sizeof(*r), 0);

	if (!r)
		return NULL;
	slow_fill(r, s, w, bpf_ktime_get_boot_ns());
	r->h.size = sizeof(*r);
	return r;
}

/* Send it; a file's path comes along, and its stack. Every failed reserve is counted. */
__global int slow_emit(struct hl_slot *s, const struct slow_what *w, struct hl_cpu *cpu)
{
	const struct hl_kstack *stack = NULL;
	const struct slow_room *room;
	struct hl_rec_slow *r;

	if (!s || !w || !cpu)
		return 0;
	cpu->slow_seen++;
	room = stack_of(s, cpu);
	if (room)
		stack = &room->stack;
	if ((w->detail == HL_DETAIL_FILE && w->object) || (stack && stack->nr > HL_SHORT_STACK))
		r = slow_long(s, w, stack);
	else if (stack)
		r = slow_short(s, w, stack);
	else
		r = slow_plain(s, w);
	if (!r) {
		cpu->slow_lost++;
		return 0;
	}
	r->seq = cpu->slow_seen;
	if (room && w->op == HL_OP_WAIT) {
		r->user_stack = room->user_stack;
		r->flags |= room->flags;
	}
	bpf_ringbuf_submit(r, wake_flag(&hl_events, r->h.size));
	return 0;
}

#endif
