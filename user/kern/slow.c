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

static void name_file(struct live *l, struct hl_rec_slow *r, const struct hl_rec_slow *raw)
{
	struct str path = {};
	const char *name = nameless(raw);

	if (raw->path_len <= 1 && name) /* a named pipe has a path */
		str_addf(&path, "%s:[%llu]", name, (unsigned long long)raw->detail_ino);
	else
		path_turn(&path, (const char *)(raw + 1), raw->path_len, raw->flags & HL_SLOW_PATH_CUT);
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

static void send(struct live *l, const struct hl_rec_slow *raw, size_t n, uint32_t stack)
{
	struct hl_rec_slow *r = rec_begin(&l->buf, raw->h.kind, sizeof(*r));

	*r = *raw;
	r->detail_dev = dev_of_kernel(raw->detail_dev);
	r->kernel_stack = stack;
	name_threads(l, r);
	r->path_len = 0;
	if (r->detail == HL_DETAIL_FILE && raw->path_len <= n - sizeof(*raw))
		name_file(l, r, raw);
	else if (r->detail == HL_DETAIL_DISK)
		name_disk(l, r);
	live_emit(l);
}

/* Not of a thread: it has the stack of its submitter with it. */
static void request(struct live *l, const struct hl_request_raw *raw)
{
	struct hl_stack_raw stack = { .nr = (uint32_t)MIN(raw->by.nr, (uint64_t)HL_SUBMITTER_FRAMES) };

	memcpy(stack.ip, raw->by.ip, stack.nr * sizeof(*stack.ip));
	stack_skip_tracing(l, &stack);
	send(l, &raw->r, sizeof(raw->r), stack.nr ? stack_number(l, &stack) : 0);
}

void slow_record(struct live *l, const struct hl_rec_slow *raw, size_t n)
{
	if (n < sizeof(*raw))
		return;
	l->slow_delivered++;
	if (raw->op == HL_OP_BLOCK && n >= sizeof(struct hl_request_raw))
		request(l, (const struct hl_request_raw *)raw);
	else
		send(l, raw, n, stack_of_slow(l, raw));
}

void slow_now(struct live *l, const void *item)
{
	const struct hl_now_raw *raw = item;

	send(l, &raw->r, raw->r.h.size, stack_id(l, raw->r.h.tid, &raw->stack));
}
