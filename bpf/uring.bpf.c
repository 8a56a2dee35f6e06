// SPDX-License-Identifier: GPL-2.0
/*
 * io_uring: every request from its submission to its completion, by process and opcode, and
 * by file where it is on one. Tracepoints only.
 *
 *   io_uring_submit_req        submitted (on older kernels: io_uring_submit_sqe)
 *   io_uring_queue_async_work  handed to a kernel worker
 *   io_uring_complete          completed: as one of many, of a request that goes on, it comes
 *                              without the request and does not count
 *
 * A request is told by its address. It belongs to the process that submits it: a thread that
 * polls for submissions is one of the process's own. Where its time goes nobody knows, for it
 * has no thread; what waits for work by its nature is marked so.
 *
 * Completions may come on top of each other on a CPU: their cells are added to atomically.
 */
#include "bpf/compat.bpf.h"
#include <bpf/bpf_tracing.h>
#include "bpf/addr.bpf.h"
#include "bpf/cell.bpf.h"
#include "bpf/files.bpf.h"
#include "bpf/uring.h"

struct hl_uring {
	__u64 key;   /* its address */
	__u64 begin; /* CLOCK_MONOTONIC */
	__u64 start; /* of the process */
	__u32 pid;
	__u16 nr;
	__u16 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HL_ADDR_PLACES);
	__type(key, __u32);
	__type(value, struct hl_uring);
} inflight SEC(".maps");

char LICENSE[] SEC("license") = "GPL";

static const __u8 uring_calls[NR_HL_URING_OPS + 1] = {
/* without one more it would go to a section that BTF cannot describe, and no function would be
 * verified by itself */
#define X(opcode, name, call) [opcode] = CALL_##call,
	HL_URING_OPS(X)
#undef X
};

/* Older kernels hand over the ring first. */
__hot __u64 request_of(__u64 *ctx)
{
	return cfg.flags & HL_CFG_URING_REQ ? ctx[0] : ctx[1];
}

__hot int submitted(__u64 key)
{
	struct task_struct *cur = bpf_get_current_task_btf();
	struct hl_cpu *cpu = this_cpu();
	struct hl_uring *r;
	bool is_new;

	if (!cpu)
		return 0;
	r = addr_get(&inflight, key, &is_new);
	if (!r) {
		__sync_fetch_and_add(&cpu->uring_full, 1);
		return 0;
	}
	if (!is_new) { /* its end was not told */
		__sync_fetch_and_add(&cpu->uring_seen, 1);
		__sync_fetch_and_add(&cpu->uring_unpaired, 1);
	}
	r->pid = cur->tgid;
	r->start = TASK_PTR(cur, group_leader)->start_boottime;
	r->nr = LOAD(struct io_kiocb, key, opcode);
	r->begin = bpf_ktime_get_ns();
	return 0;
}

SEC("?tp_btf/io_uring_submit_req")
int io_uring_submit_req(__u64 *ctx)
{
	return submitted(request_of(ctx));
}

SEC("?tp_btf/io_uring_submit_sqe")
int io_uring_submit_sqe(__u64 *ctx)
{
	return submitted(request_of(ctx));
}

SEC("tp_btf/io_uring_queue_async_work")
int io_uring_queue_async_work(__u64 *ctx)
{
	__u64 key = request_of(ctx);
	struct hl_uring *r = addr_find(&inflight, key);

	if (r)
		r->nr |= HL_URING_PUNTED;
	return 0;
}

/* What a file is. */
__global int kind_of(const __u64 *file)
{
	__u64 object;

	return file && *file ? file_kind(*file, &object) : FILE_NONE;
}

/* The state that such a request waits in, where that is waiting for work; else 0. */
__global int idle_state(__u32 nr, const __u64 *file)
{
	struct hl_facts f = {};
	__u8 state;

	f.call = uring_calls[nr & (NR_HL_URING_OPS - 1)];
	if (f.call == CALL_POLL)
		return HL_STATE_POLL;
	f.file = kind_of(file);
	state = hl_classify_call(&f);
	if (state == HL_STATE_IDLE || state == HL_STATE_SLEEP || state == HL_STATE_PARK ||
	    state == HL_STATE_CHILD)
		return state;
	return 0;
}

/* How a request ended. */
struct uring_end {
	__u64 duration, file;
	__s64 res;
};

/* Most requests are on files and disks, and but for a poll those wait for no work. */
__hot bool is_on_disk(__u16 nr, __u64 file)
{
	struct inode *inode;
	__u16 type;

	if (!file || uring_calls[nr & (NR_HL_URING_OPS - 1)] == CALL_POLL)
		return false;
	inode = LOAD(struct file, file, f_inode);
	type = LOAD(struct inode, inode, i_mode) & HL_S_IFMT;
	return type == HL_S_IFREG || type == HL_S_IFBLK;
}

__hot void add_to(struct hl_cell *c, const struct uring_end *e)
{
	if (!c)
		return;
	cell_add_shared(c, e->duration);
	if (e->res < 0)
		__sync_fetch_and_add(&c->errors, 1);
}

__hot bool moves_bytes(__u16 nr)
{
	__u8 call = uring_calls[nr & (NR_HL_URING_OPS - 1)];

	return call == CALL_READ || call == CALL_WRITE;
}

__hot void uring_count(const struct hl_uring *r, const struct uring_end *e, struct hl_cpu *cpu)
{
	__u8 state = is_on_disk(r->nr, e->file) ? 0 : idle_state(r->nr, &e->file);
	bool other;

	add_to(cell_again(HL_KEY(r->pid, r->nr, state, 0, HL_OP_URING), r->start, cpu->id, &cpu->uring_hint,
			  &other),
	       e);
}

__global int uring_count_file(const struct hl_uring *r, const struct uring_end *e, struct hl_cpu *cpu)
{
	struct hl_file_id id = {};
	struct hl_cell *c;
	__u32 cell;
	int at;

	if (!r || !e || !cpu)
		return 0;
	id.pid = r->pid;
	id.start = r->start;
	at = file_find(&e->file, &id);
	if (at == HL_NO_FILE)
		return 0;
	__sync_fetch_and_add(&cpu->uring_files, 1);
	cell = file_cell(HL_KEY(file_owner(at, r->pid), r->nr, 0, 0, HL_CELL_FILE + HL_OP_URING), r->start,
			 cpu->id);
	if (!cell)
		cell = cell_other(cpu->id, HL_CELL_FILE + HL_OP_URING);
	c = bpf_map_lookup_elem(&hl_cells, &cell);
	add_to(c, e);
	if (c && e->res > 0 && moves_bytes(r->nr))
		__sync_fetch_and_add(&c->bytes, e->res);
	return 0;
}

/* Newer kernels hand over the completion's entry, older ones what is in it. */
__hot __s64 result_of(__u64 *ctx)
{
	if (cfg.flags & HL_CFG_URING_CQE)
		return LOAD(struct io_uring_cqe, ctx[2], res);
	return (__s32)ctx[3];
}

SEC("tp_btf/io_uring_complete")
int io_uring_complete(__u64 *ctx)
{
	__u64 key = ctx[1], now;
	struct hl_cpu *cpu = this_cpu();
	struct hl_uring *r = addr_find(&inflight, key), was;
	struct uring_end e = {};

	if (!cpu || !r) /* it began before hostlat, or had no room, which was counted */
		return 0;
	was = *r;
	now = bpf_ktime_get_ns();
	addr_leave(&r->key);
	__sync_fetch_and_add(&cpu->uring_seen, 1);
	if (now < was.begin) {
		__sync_fetch_and_add(&cpu->uring_clock, 1);
		return 0;
	}
	e.duration = now - was.begin;
	e.res = result_of(ctx);
	e.file = (__u64)LOAD(struct io_kiocb, key, file);
	uring_count(&was, &e, cpu);
	if (cpu->files)
		uring_count_file(&was, &e, cpu);
	return 0;
}
