/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Slow operations, from how the kernel side leaves them to how records have them: the path
 * turned round, the waker named, device numbers as user space writes them. Called by live.c. */
#include <string.h>

#include "base/str.h"
#include "bpf/classify.h"
#include "kern/kern.h"
#include "kern/path.h"

static void name_threads(struct live *l, struct hl_rec_slow *r)
{
	const char *comm = life_comm(l, r->h.tid, r->start);

	if (comm)
		memcpy(r->comm, comm, HL_COMM_LEN);
	comm = r->waker == HL_WAKER_THREAD ? life_comm(l, r->waker_tid, 0) : NULL;
	if (comm)
		memcpy(r->waker_comm, comm, HL_COMM_LEN);
}

/* What has no path has a name, as /proc/PID/fd shows it. */
static const char *nameless(const struct hl_rec_slow *r)
{
	static const char *const names[] = {
		[FILE_PIPE] = "pipe",
		[FILE_EVENT] = "eventfd",
		[FILE_TIMER] = "timerfd",
		[FILE_EPOLL] = "eventpoll",
	};

	return r->file < ARRAY_SIZE(names) ? names[r->file] : NULL;
}

static void name_file(struct live *l, struct hl_rec_slow *r, const struct hl_rec_slow *raw, const char *room)
{
	struct str path = {};
	const char *name = nameless(raw);

	if (raw->path_len <= 1 && name) /* a named pipe has a path */
		str_addf(&path, "%s:[%llu]", name, (unsigned long long)raw->detail_ino);
	else
		path_turn(&path, room, raw->path_len, raw->flags & HL_SLOW_PATH_CUT);
	r->path_len = MIN(path.len, 4096u);
	rec_add_bytes(&l->buf, path.s, r->path_len);
	str_free(&path);
}

/* The disk of a block request, where it has a name already. */
static void name_disk(struct live *l, struct hl_rec_slow *r)
{
	const char *name = disks_name(l, r->detail_dev);

	r->path_len = name ? (uint16_t)strlen(name) : 0;
	rec_add_bytes(&l->buf, name, r->path_len);
}

/* Why a reset was sent, by the kernel's numbers, which say nothing elsewhere. */
static void name_reason(struct live *l, struct hl_rec_slow *r, uint64_t reason)
{
	const char *name = conns_reason(l, reason);

	r->detail_addr = 0;
	r->path_len = name ? (uint16_t)strlen(name) : 0;
	rec_add_bytes(&l->buf, name, r->path_len);
}

/* What was asked for, and with a NUL between what became of it. */
static void name_asked(struct live *l, struct hl_rec_slow *r, const char *text, size_t n)
{
	r->path_len = (uint16_t)n;
	rec_add_bytes(&l->buf, text, n);
}

/* room: where its path is as path_of left it; NULL: nowhere. */
static void send(struct live *l, const struct hl_rec_slow *raw, const char *room, struct slow_refs refs)
{
	struct hl_rec_slow *r;

	life_meet(l, raw->h.pid, raw->proc_start);
	r = rec_begin(&l->buf, raw->h.kind, sizeof(*r));

	*r = *raw;
	r->detail_dev = dev_of_kernel(raw->detail_dev);
	r->kernel_stack = refs.kernel_stack;
	r->user_stack = refs.user_stack;
	r->occupants = refs.occupants;
	r->peers = refs.peers;
	r->waker_kernel_stack = refs.waker.kernel_stack;
	r->waker_user_stack = refs.waker.user_stack;
	r->waker_nr = refs.waker.nr;
	r->waker_abi = refs.waker.abi;
	r->flags |= refs.waker.known ? HL_SLOW_FROM_WHERE : 0;
	name_threads(l, r);
	if (r->op == HL_OP_WAIT && r->state == HL_STATE_LOCK)
		locks_name(l, r);
	r->path_len = 0;
	if (r->detail == HL_DETAIL_FILE && room && raw->path_len <= HL_NOW_PATH)
		name_file(l, r, raw, room);
	else if (r->detail == HL_DETAIL_DISK)
		name_disk(l, r);
	else if (r->op == HL_OP_TCP && raw->detail_addr)
		name_reason(l, r, raw->detail_addr);
	else if ((r->detail == HL_DETAIL_NAME || r->detail == HL_DETAIL_ARGS) && room)
		name_asked(l, r, room, raw->path_len);
	live_emit(l);
}

/* The number of the stack that came with it; 0: none did. */
static uint32_t own_stack(struct live *l, const struct hl_slow_raw *raw, size_t n)
{
	struct hl_stack_raw stack = {};

	if (n < HL_SLOW_RAW_HEAD || !raw->stack.nr)
		return 0;
	stack.nr = (uint32_t)MIN(raw->stack.nr, MIN((n - HL_SLOW_RAW_HEAD) / 8, (size_t)HL_STACK_FRAMES));
	memcpy(stack.ip, raw->stack.ip, stack.nr * sizeof(*stack.ip));
	if (raw->r.op == HL_OP_BLOCK || raw->r.op == HL_OP_TCP)
		stack_skip_tracing(l, &stack);
	return stack.nr ? stack_number(l, &stack) : 0;
}

/* Where the thread of a request or a connect slept meanwhile is not where that came from. */
static bool of_thread(const struct hl_rec_slow *r)
{
	static const bool ops[NR_HL_OPS] = { [HL_OP_WAIT] = true,
					     [HL_OP_SYSCALL] = true,
					     [HL_OP_URING] = true,
					     [HL_OP_EXCHANGE] = true,
					     [HL_OP_FUNCTION] = true };

	return r->op < NR_HL_OPS && ops[r->op];
}

void slow_record(struct live *l, const struct hl_slow_raw *raw, size_t n)
{
	struct slow_refs refs = {};
	uint32_t stack, waker;

	if (n < sizeof(raw->r))
		return;
	if (raw->r.op == HL_OP_EXCHANGE) {
		exchanges_slow(l, (const void *)raw, n);
		return;
	}
	stack = own_stack(l, raw, n);
	if (raw->r.op == HL_OP_WAIT && n >= HL_SLOW_RAW_HEAD && raw->stack.since)
		stack_note(l, &raw->r, stack, !raw->stack.nr);
	if (!stack && of_thread(&raw->r))
		stack = stack_of_slow(l, &raw->r);
	refs.kernel_stack = stack;
	refs.occupants = koccupants_of(l, &raw->r);
	refs.user_stack = raw->r.user_stack || !of_thread(&raw->r) ? 0 : stack_user_of_slow(l, &raw->r);
	waker = waker_of_slow(l, &raw->r, &refs.waker);
	if (raw->r.user_stack || waker)
		ustack_hold(l, raw, n, refs, waker);
	else
		slow_send(l, raw, n, refs);
}

void slow_send(struct live *l, const struct hl_slow_raw *raw, size_t n, struct slow_refs refs)
{
	l->slow_delivered++;
	send(l, &raw->r, n >= sizeof(*raw) ? raw->path : NULL, refs);
}

void slow_send_made(struct live *l, const struct hl_rec_slow *r)
{
	send(l, r, NULL, (struct slow_refs){});
}

void slow_send_named(struct live *l, const struct hl_rec_slow *r, const char *name, const char *more)
{
	struct hl_rec_slow named = *r;
	struct str text = {};

	str_add(&text, name);
	str_addc(&text, '\0');
	str_add(&text, more);
	named.path_len = (uint16_t)text.len;
	send(l, &named, text.s, (struct slow_refs){});
	str_free(&text);
}

void slow_now(struct live *l, const void *item)
{
	if (!locks_take(l, item))
		slow_send_now(l, item);
}

void slow_send_now(struct live *l, const struct hl_now_raw *raw)
{
	struct slow_refs refs = { .kernel_stack = stack_id(l, raw->r.h.tid, &raw->stack) };

	refs.user_stack = stack_user_id(l, raw);
	send(l, &raw->r, raw->path, refs);
}
