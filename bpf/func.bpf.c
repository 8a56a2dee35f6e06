// SPDX-License-Identifier: GPL-2.0
/*
 * Functions of programs: how often they are called, how long that takes, and where the time goes. Probes are
 * put on by user space, each with a cookie that says of which function it is and what it stands for.
 *
 *   func_enter   where a function begins, or the first of two points
 *   func_leave   where the kernel sees it return, an instruction that ends it, or the second of two points
 *   func_point   an instruction that is reached
 *   func_call    where a function begins and where the kernel sees it return, as one
 *   begin_N, end_N   the same two of functions of the kernel (func_kernel.bpf.h)
 *
 *   sched_process_exit, sched_process_exec   what a thread is in then never returns, nor what a process's
 *                                            goroutines are in
 *   func_go_runs                             a thread of a Go program takes up a goroutine
 *
 * A call is told by where the stack is when it begins: there it is again when it returns. Calls further down
 * are over by then, whether their return was seen or not: they were left by a jump (longjmp, an exception).
 * Where a call begins at the same place as the one before it, that one has jumped there (a tail call), and
 * both return; or it was left, if it is of the same function.
 *
 * A function may jump to where it begins; one of Go's does when its stack had to grow. That is no other call.
 *
 * A goroutine's stack moves, and goroutines change threads: there it counts how far the stack is from its own
 * end, and what is kept is kept by goroutine. Where its time went is told of a call only if the goroutine had
 * the thread for itself until it was over: whenever a thread takes up a goroutine, the same one or another,
 * func_go_runs counts.
 *
 * Probes run where they may be preempted, by another thread that comes to one. Nothing that is used here is
 * the CPU's but counters and cells, which are added to in one step. Newer kernels, 6.12 among them, may give
 * functions with much on the stack one of the CPU's instead, where nobody else must write: preemption is held
 * off (HL_CFG_HOLD); and where that may not be, there is no such stack for what has a tail call (own_stack).
 */
#include "bpf/compat.bpf.h"
#include <bpf/bpf_tracing.h>
#include "bpf/cell.bpf.h"
#include "bpf/func_kept.bpf.h"
#include "bpf/target.bpf.h"
#include "bpf/ustack.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* By number, which begins with 1. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hl_func);
} funcs SEC(".maps");

/* Calls, in a ring of their own: what else is slow on the host leaves them room. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} calls SEC(".maps");

/* By CPU and the function's number, and by CPU: who calls on one does not wait for who calls on another. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hl_func_cpu);
} func_cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hl_func_counts);
} func_counts SEC(".maps");

__hot struct hl_func_counts *counts_get(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&func_counts, &cpu);
}

/* Where it is not often. */
#define COUNT(what)                                                                                          \
	do {                                                                                                 \
		struct hl_func_counts *counts = counts_get();                                                \
		if (counts)                                                                                  \
			__sync_fetch_and_add(&counts->what, 1);                                              \
	} while (0)

/* ---- where it is ------------------------------------------------------------------------- */

/* When its process started. */
__hot __u64 start_of(struct task_struct *p)
{
	return TASK_PTR(p, group_leader)->start_boottime;
}

/* What is known of one run of a probe. */
struct here {
	struct task_struct *p;
	const struct hl_slot *s; /* NULL: the thread has no clocks */
	struct hl_func *f;
	struct hl_func_cpu *on; /* of the function on this CPU */
	__u64 cookie, sp;
	__u64 start;                /* of the process */
	__u64 result;               /* at its end */
	struct func_clocks *clocks; /* of the goroutine's frames; NULL: they are the thread's */
};

#if defined(__TARGET_ARCH_x86)
#define USER32_CS 0x23
/* Returned to, the address is off the stack. */
#define RETURN_BYTES(ctx) ((ctx)->cs == USER32_CS ? 4 : 8)
#define RETURN_ON_STACK   true /* until then */
#else
#define RETURN_BYTES(ctx) 0
#define RETURN_ON_STACK   false
#endif

#include "bpf/func_go.bpf.h"

/* ---- cells ------------------------------------------------------------------------------- */

/* Who else of the CPU's may come between? Nobody where preemption is held off; functions of the kernel hold
 * off nothing. */
__hot bool is_alone(const struct here *h)
{
	return cfg.flags & HL_CFG_HOLD && h->sp >= HL_FUNC_KERNEL_STACK;
}

/* To what is the CPU's. */
#define ADD(h, to, n)                                                                                        \
	do {                                                                                                 \
		if (is_alone(h))                                                                             \
			(to) += (n);                                                                         \
		else                                                                                         \
			__sync_fetch_and_add(&(to), n);                                                      \
	} while (0)

static __noinline struct hl_cell *func_cell(__u32 pid, __u64 start, __u32 id)
{
	__u64 key = HL_KEY(pid, id, 0, 0, HL_OP_FUNCTION);
	struct hl_cpu *cpu = this_cpu();
	bool other;

	return cpu ? cell_get(key, start, cpu->id, &other) : NULL;
}

/* The same, where the one of the last call here may be it: a cell says whose it is. */
static __noinline struct hl_cell *here_cell(const struct here *h)
{
	__u64 key = HL_KEY(h->p->tgid, HL_FUNC_ID(h->cookie), 0, 0, HL_OP_FUNCTION);
	struct hl_cpu *cpu = this_cpu();
	bool other;

	return cpu ? cell_again(key, h->start, cpu->id, &h->on->cell, &other) : NULL;
}

/* It is in `sequential` that a call has begun, in `requeues` that it never ended, and in phase_ns how many
 * were too deep, and of how many it is not known where their time went. */
__global int count_abandoned(__u32 pid, __u64 start, __u32 id)
{
	struct hl_cell *c = func_cell(pid, start, id);

	if (!c)
		return 0;
	__sync_fetch_and_add(&c->sequential, 1);
	__sync_fetch_and_add(&c->requeues, 1);
	__sync_fetch_and_add(&c->count, 1);
	return 0;
}

__global int count_deep(__u32 pid, __u64 start, __u32 id)
{
	struct hl_cell *c = func_cell(pid, start, id);

	COUNT(deep);
	if (!c)
		return 0;
	__sync_fetch_and_add(&c->sequential, 1);
	__sync_fetch_and_add(&c->phase_ns[0], 1);
	__sync_fetch_and_add(&c->count, 1);
	return 0;
}

#include "bpf/func_frames.bpf.h"
#include "bpf/func_args.bpf.h"

/* ---- records ------------------------------------------------------------------------------ */

#define HL_S64_MAX (__s64)(~0ull >> 1)

/* Is the result what was called an error? In 32 bits, where nothing more is known of it, it is a number with
 * a sign, for most are. */
__hot bool is_error(const struct hl_func *f, __u64 result)
{
	__s64 r = f->result || result >> 32 ? (__s64)result : (__s64)(__s32)result, v = f->error_value;

	if (f->result == HL_FUNC_ADDRESS &&
	    r < -HL_MAX_ERRNO) /* an address of the kernel's is no number below 0 */
		r = HL_S64_MAX;
	return f->error_test & (r < v ? HL_FUNC_BELOW : r == v ? HL_FUNC_IS : HL_FUNC_ABOVE);
}

/* What there is to say of one call that is over. */
struct func_end {
	__u64 now, duration; /* CLOCK_MONOTONIC; not of a point */
	__u64 result;
	__u32 depth, flags; /* HL_FUNC_CALL_* */
	__u32 user_stack;
	__u32 switches; /* of the thread by then */
};

__hot void call_fill(struct hl_rec_func_call *r, const struct here *h, const struct func_frame *frame,
		     const struct func_end *e)
{
	__u64 now = bpf_ktime_get_boot_ns();

	__builtin_memset(r, 0, sizeof(*r));
	r->h.kind = HL_KIND_FUNC_CALL;
	r->h.cpu = bpf_get_smp_processor_id();
	r->h.ts = now;
	r->h.pid = h->p->tgid;
	r->h.tid = h->p->pid;
	r->start = h->p->start_boottime;
	r->proc_start = h->start;
	r->begin_ns = now;
	r->func = HL_FUNC_ID(h->cookie);
	r->result = e->result;
	r->depth = e->depth;
	r->flags = e->flags;
	r->user_stack = e->user_stack;
	r->nr_args = h->f->n_args;
	if (e->flags & HL_FUNC_CALL_WATCHED) {
		r->syscalls = frame->syscalls;
		r->syscall_ns = frame->syscall_ns;
	}
	for (int i = 0; i < HL_FUNC_ARGS; i++)
		r->args[i] = frame->args[i];
}

__hot void call_times(struct hl_rec_func_call *r, const struct spent *spent, const struct func_frame *frame,
		      const struct func_end *e)
{
	r->h.ts -= bpf_ktime_get_ns() - e->now; /* it was over before it was counted */
	r->begin_ns = r->h.ts - spent->duration;
	r->duration_ns = spent->duration;
	r->nested_ns = frame->nested;
	for (int i = 0; i < NR_HL_STATES; i++)
		r->state_ns[i] = spent->ns[i];
}

__hot void *call_reserve(__u64 size)
{
	void *r = bpf_ringbuf_reserve(&calls, size, 0);

	COUNT(records);
	if (!r)
		COUNT(records_lost);
	return r;
}

/* spent: NULL of a point. */
static __noinline int call_send(const struct here *h, const struct func_frame *frame,
				const struct func_end *e, const struct spent *spent)
{
	struct hl_rec_func_call *r = call_reserve(sizeof(*r));

	if (!r)
		return 0;
	call_fill(r, h, frame, e);
	if (spent)
		call_times(r, spent, frame, e);
	r->h.size = sizeof(*r);
	bpf_ringbuf_submit(r, wake_flag(&calls, sizeof(*r)));
	return 0;
}

static __noinline int call_send_text(const struct here *h, const struct func_frame *frame,
				     const struct func_end *e, const struct spent *spent)
{
	__u64 key = (__u64)frame;
	struct func_texts *t = bpf_map_lookup_elem(&texts, &key);
	struct hl_func_raw *raw;

	if (!t) /* where they are is all that is known */
		return call_send(h, frame, e, spent);
	texts_late(h->f, frame->args, t);
	raw = call_reserve(sizeof(*raw));
	if (!raw)
		return 0;
	call_fill(&raw->r, h, frame, e);
	if (spent)
		call_times(&raw->r, spent, frame, e);
	raw->r.h.size = sizeof(*raw);
	bpf_probe_read_kernel(raw->text, sizeof(raw->text), t->v);
	bpf_ringbuf_submit(raw, wake_flag(&calls, sizeof(*raw)));
	return 0;
}

/* Which attachment of the calls tier sees the thread's system calls; 0: none does. */
__hot __u32 watch_gen(void)
{
	struct hl_ctl *ctl = ctl_get();

	return ctl ? ctl->watch_gen : 0;
}

__hot void frame_watch(struct func_frame *f, const struct here *h, bool has_return)
{
	f->syscall_ns = f->syscalls = 0;
	f->ret = 0;
	f->watch_gen = !h->s || f->sp < HL_FUNC_KERNEL_STACK ? 0 : watch_gen();
	if (f->watch_gen && has_return)
		bpf_probe_read_user(&f->ret, sizeof(f->ret), (void *)f->sp);
}

/* Where a system call of the thread ends it is looked whether that is in one of them. */
__hot void mark_inside(const struct here *h, bool inside)
{
	struct hl_slot *s = (struct hl_slot *)h->s;

	if (!s)
		return;
	if (inside)
		s->call_flags |= HL_CALL_INSIDE;
	else
		s->call_flags &= ~HL_CALL_INSIDE;
}

/* ---- a call begins -------------------------------------------------------------------------- */

/* Of the frame `at`; NULL: there is no room. */
__hot struct clock_set *clocks_of(const struct here *h, __u32 at, __u64 how)
{
	struct func_clocks *c = h->clocks;

	if (!c)
		c = bpf_task_storage_get(&thread_clocks, h->p, NULL, how);
	return c ? &c->v[at & (HL_FUNC_DEPTH - 1)] : NULL;
}

/* The clocks of the thread as they stand, where it can be told when they are still the call's. */
__hot void frame_clocks(struct func_frame *f, const struct here *h, __u32 at)
{
	const struct hl_slot *s = h->s;
	struct clock_set *c;
	bool go = h->cookie & HL_FUNC_OF_GO;
	__u64 *runs = go ? go_runs_of(h->p->pid) : NULL;

	/* since a call before this one in the same place it has not left the CPU */
	if (s && !go && f->tid == (__u32)h->p->pid && f->switches == s->switches)
		return;
	f->tid = 0;
	if (!s || (go && (!runs || !h->f->runs)))
		return;
	/* of the kernel's they are there by now, or may not be made here */
	c = clocks_of(h, at, f->sp < HL_FUNC_KERNEL_STACK ? 0 : BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!c)
		return;
	f->tid = h->p->pid;
	f->runs = runs ? *runs : 0;
	f->switches = s->switches;
	__builtin_memcpy(c, s->state_ns + FIRST_CLOCK, sizeof(*c));
}

static __noinline int too_deep(const struct here *h, struct func_stack *t)
{
	__u32 id = HL_FUNC_ID(h->cookie);

	if (h->cookie & HL_FUNC_AGAIN && t->deep_func == id && t->deep_sp == h->sp)
		return 0;
	t->deep_func = id;
	t->deep_sp = h->sp;
	return count_deep(h->p->tgid, h->start, id);
}

/* Has it a frame now, whose end is to be seen? */
static __noinline int enters(void *ctx, struct here *h, struct func_stack *t)
{
	bool by_id = h->cookie & HL_FUNC_BY_ID;
	__u32 id = HL_FUNC_ID(h->cookie), at;
	struct func_frame *f;

	if (h->cookie & HL_FUNC_AGAIN && frame_find(t, id, h->sp) >= 0)
		return 0;
	if (by_id)
		frames_again(t, h->p->tgid, h->start, id, h->sp);
	else if (!is_within(t, h->sp, id))
		frames_left(t, h->p->tgid, h->start, h->sp, id);
	at = t->depth;
	if (at >= HL_FUNC_DEPTH) {
		too_deep(h, t);
		return false;
	}
	f = frame_at(t, at);
	f->sp = by_id ? ANYWHERE : h->sp;
	f->point = h->sp;
	f->nested = 0;
	f->func = id;
	if (h->f->n_args)
		args_take(ctx, h, f);
	frame_watch(f, h, RETURN_ON_STACK && !by_id && !(h->cookie & HL_FUNC_OF_GO));
	frame_clocks(f, h, at);
	f->begin = bpf_ktime_get_ns();
	t->depth = at + 1;
	return true;
}

/* ---- … and is over --------------------------------------------------------------------------- */

/* Was it this thread's all the time? A goroutine that came back to it was taken up again. */
__hot bool is_one_threads(const struct here *h, const struct func_frame *f)
{
	__u64 *runs;

	if (!h->s || f->tid != (__u32)h->p->pid)
		return false;
	if (!(h->cookie & HL_FUNC_OF_GO))
		return true;
	runs = go_runs_of(f->tid);
	return runs && f->runs == (__u32)*runs && h->f->runs;
}

/* Did it leave the CPU? Else all of it is `cpu`. */
__hot bool has_waited(const struct func_frame *f, const struct func_end *e)
{
	return e->switches != f->switches;
}

/* Where it went; states of which nothing is known are 0. */
static __noinline int frame_spent(struct spent *spent, const struct here *h, const struct func_frame *f,
				  const struct func_end *e)
{
	spent->duration = e->duration;
	spent->most = HL_STATE_CPU;
	if (!(e->flags & HL_FUNC_CALL_STATES))
		return 0;
	if (has_waited(f, e))
		return spent_since(spent, h->s, clocks_of(h, e->depth, 0));
	spent->ns[HL_STATE_CPU] = e->duration;
	return 0;
}

static __noinline int count_states(struct hl_cell *c, const struct here *h, const struct func_frame *f,
				   const struct func_end *e)
{
	struct spent spent = {};

	frame_spent(&spent, h, f, e);
	for (int i = 0; i < NR_HL_STATES; i++)
		if (spent.ns[i])
			__sync_fetch_and_add(&c->state_ns[i], spent.ns[i]);
	return 0;
}

static __noinline int count_call(const struct here *h, const struct func_frame *f, const struct func_end *e)
{
	struct hl_func_counts *counts = counts_get();
	struct hl_cell *c = here_cell(h);

	if (counts)
		ADD(h, counts->returned, 1);
	if (!c)
		return 0;
	if (!(e->flags & HL_FUNC_CALL_STATES))
		ADD(h, c->phase_ns[1], 1);
	else if (has_waited(f, e))
		count_states(c, h, f, e);
	else
		ADD(h, c->state_ns[HL_STATE_CPU], e->duration);
	if (f->nested)
		ADD(h, c->bytes, f->nested);
	if (e->flags & HL_FUNC_CALL_ERROR)
		ADD(h, c->errors, 1);
	if (e->flags & HL_FUNC_CALL_WATCHED)
		ADD(h, c->addr[0], 1);
	ADD(h, c->sequential, 1);
	if (is_alone(h))
		cell_add(c, e->duration);
	else
		cell_add_shared(c, e->duration);
	ADD(h, c->count, 1); /* it began, and it is over */
	return 0;
}

/* A call as a whole. */
static __noinline int call_tell(struct here *h, struct func_frame *f, struct func_end *e)
{
	struct spent spent = {};

	frame_spent(&spent, h, f, e);
	return has_texts(h->f) ? call_send_text(h, f, e, &spent) : call_send(h, f, e, &spent);
}

static __noinline int call_over(struct here *h, struct func_frame *f, struct func_end *e)
{
	struct hl_cpu *cpu = this_cpu();
	struct hl_ctl *ctl = ctl_get();
	bool slow;

	if (!cpu || !ctl)
		return 0;
	if (e->now < f->begin) {
		COUNT(clock);
		return 0;
	}
	e->duration = e->now - f->begin;
	if (is_one_threads(h, f) && (!has_waited(f, e) || clocks_of(h, e->depth, 0)))
		e->flags |= HL_FUNC_CALL_STATES;
	if (!(h->cookie & HL_FUNC_OF_GO) && f->watch_gen && f->watch_gen == ctl->watch_gen)
		e->flags |= HL_FUNC_CALL_WATCHED;
	count_call(h, f, e);
	slow = e->duration >= cpu->slow_ns;
	if (!slow && !ctl->func_calls)
		return 0;
	if (slow && h->s && !(h->cookie & HL_FUNC_OF_GO) && !has_no_calls(h->p))
		e->user_stack = ustack_take((struct hl_slot *)h->s, HL_USTACK_CALL);
	return call_tell(h, f, e);
}

/* A return of which no entry was seen. Of a thread, or goroutine, of which nothing is kept yet the call is
 * older than that, and a child begins with what its parent was in. */
static __noinline int unpaired(const struct here *h, const struct func_stack *t)
{
	bool is_child = h->p->flags & HL_PF_FORKNOEXEC && h->p->pid == h->p->tgid;

	if (h->f->ready == HL_FUNC_COMING)
		return 0;
	if (t && (t->depth || !is_child))
		COUNT(unpaired);
	if (!t && !(h->cookie & HL_FUNC_OF_GO)) /* from now on there is no such excuse */
		bpf_task_storage_get(&hl_frames, h->p, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	return 0;
}

/* The return of a call that had no frame, as was said when it began. */
__hot bool is_deep(const struct here *h, struct func_stack *t)
{
	return t->depth >= HL_FUNC_DEPTH && h->sp < frame_at(t, HL_FUNC_DEPTH - 1)->sp;
}

/* As frame_find: most often it is the last one. */
__hot int frame_ending(struct func_stack *t, __u32 id, __u64 sp)
{
	__u32 at = (t->depth - 1) & (HL_FUNC_DEPTH - 1);
	struct func_frame *f = frame_at(t, at);

	return t->depth && f->func == id && f->sp == sp ? (int)at : frame_find(t, id, sp);
}

/* The frame `at` is over. */
__hot void frame_over(struct func_stack *t, struct func_frame *f, __u32 at, __u64 ns)
{
	f->func = 0;
	if (at)
		caller_nested(t, at, ns);
	if (at + 1 == t->depth)
		t->depth = at;
	if (t->depth && !frame_at(t, t->depth - 1)->func)
		frames_trim(t);
}

static __noinline int leaves(struct here *h, struct func_stack *t)
{
	bool by_id = h->cookie & HL_FUNC_BY_ID;
	struct func_end e = {};
	struct func_frame *f;
	int at = frame_ending(t, HL_FUNC_ID(h->cookie), by_id ? ANYWHERE : h->sp);

	if (at < 0)
		return is_deep(h, t) ? 0 : unpaired(h, t);
	f = frame_at(t, at);
	e.now = bpf_ktime_get_ns();
	e.switches = h->s ? h->s->switches : 0;
	if (!by_id && h->f->result != HL_FUNC_NO_RESULT) {
		e.result = arg_sized(h->result, h->f->result);
		e.flags = HL_FUNC_CALL_RESULT | (is_error(h->f, e.result) ? HL_FUNC_CALL_ERROR : 0);
	}
	if ((__u32)at + 1 < t->depth) /* what it called, and is still open, was left */
		frames_within(t, h->p->tgid, h->start, h->sp, at + 1);
	e.depth = at;
	call_over(h, f, &e);
	frame_over(t, f, at, e.now - f->begin);
	return 0;
}

/* ---- hooks ------------------------------------------------------------------------------------ */

/* Does this run look at the thread? */
__hot bool is_wanted(struct task_struct *p, struct hl_slot *s, struct hl_ctl *ctl, struct hl_cpu *cpu)
{
	if ((__u32)p->tgid == cfg.self)
		return false;
	if (!(ctl->filter & HL_FILTER_ON))
		return true;
	return s ? gate_ask(p, s, ctl, cpu) != GATE_SHUT : target_matches(p, ctl);
}

/* Whatever is not by the hook; false: nothing is to be done here. */
__hot bool here_common(struct here *h)
{
	struct hl_ctl *ctl = ctl_get();
	struct hl_cpu *cpu = this_cpu();
	__u32 id = HL_FUNC_ID(h->cookie), on;
	struct hl_slot *s;

	h->f = bpf_map_lookup_elem(&funcs, &id);
	h->p = bpf_get_current_task_btf();
	if (!h->f || !ctl || !cpu || h->f->gen != HL_FUNC_GEN(h->cookie))
		return false;
	on = cpu->id * HL_FUNC_ROOM + id;
	h->on = bpf_map_lookup_elem(&func_cpus, &on);
	if (!h->on)
		return false;
	ADD(h, h->on->hits, 1);
	if (!h->f->ready)
		return false;
	s = slot_find(h->p);
	h->s = s;
	h->start = start_of(h->p);
	return is_wanted(h->p, s, ctl, cpu);
}

static __noinline int here_look(struct pt_regs *ctx, struct here *h)
{
	h->cookie = bpf_get_attach_cookie(ctx);
	h->sp = PT_REGS_SP(ctx);
	return here_common(h);
}

/* As enters. */
static __noinline int at_begin(struct pt_regs *ctx)
{
	struct func_stack *t;
	struct go_frames *g;
	struct here h = {};
	int took;

	if (!here_look(ctx, &h))
		return 0;
	if (h.cookie & HL_FUNC_OF_GO) {
		h.sp = go_sp(GO_G(ctx), h.sp);
		g = h.sp ? go_frames(h.p, GO_G(ctx), true) : NULL;
		t = g ? &g->t : NULL;
		h.clocks = g ? &g->clocks : NULL;
	} else {
		t = bpf_task_storage_get(&hl_frames, h.p, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	}
	if (!t) {
		COUNT(full);
		return 0;
	}
	took = enters(ctx, &h, t);
	if (!(h.cookie & HL_FUNC_OF_GO))
		mark_inside(&h, t->depth);
	return took;
}

static __noinline int at_end(struct pt_regs *ctx)
{
	struct func_stack *t;
	struct go_frames *g;
	struct here h = {};

	if (!here_look(ctx, &h))
		return 0;
	if (!(h.cookie & HL_FUNC_HERE))
		h.sp -= RETURN_BYTES(ctx);
	h.result = PT_REGS_RC(ctx);
	if (h.cookie & HL_FUNC_OF_GO) {
		h.sp = go_sp(GO_G(ctx), h.sp);
		g = go_frames(h.p, GO_G(ctx), false);
		t = g ? &g->t : NULL;
		h.clocks = g ? &g->clocks : NULL;
	} else {
		t = bpf_task_storage_get(&hl_frames, h.p, NULL, 0);
	}
	if (!t)
		return unpaired(&h, NULL);
	leaves(&h, t);
	if (!(h.cookie & HL_FUNC_OF_GO))
		mark_inside(&h, t->depth);
	else if (!t->depth)
		go_forget(h.p, GO_G(ctx));
	return 0;
}

static __noinline int at_point(struct pt_regs *ctx)
{
	struct func_end e = { .flags = HL_FUNC_CALL_POINT };
	struct hl_ctl *ctl = ctl_get();
	struct hl_func_counts *counts;
	struct func_stack *t = NULL;
	struct hl_cell *c;
	struct here h = {};

	if (!ctl || !here_look(ctx, &h))
		return 0;
	counts = counts_get();
	if (counts)
		ADD(&h, counts->points, 1);
	c = here_cell(&h);
	if (c) {
		ADD(&h, c->sequential, 1);
		ADD(&h, c->count, 1);
	}
	if (!ctl->func_calls)
		return 0;
	t = bpf_task_storage_get(&hl_frames, h.p, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t || t->depth >= HL_FUNC_DEPTH) { /* nowhere to put its arguments: behind what is open */
		COUNT(records);
		COUNT(records_lost);
		return 0;
	}
	e.depth = t->depth;
	if (h.f->n_args)
		args_take(ctx, &h, frame_at(t, t->depth));
	if (has_texts(h.f))
		return call_send_text(&h, frame_at(t, t->depth), &e, NULL);
	return call_send(&h, frame_at(t, t->depth), &e, NULL);
}

/* Nobody gets there. */
__hot void own_stack(void *ctx)
{
	if (cfg.flags & HL_CFG_NEVER)
		bpf_tail_call(ctx, NULL, 0);
}

SEC("uprobe")
int func_enter(struct pt_regs *ctx)
{
	own_stack(ctx);
	hold_where(HL_CFG_HOLD);
	at_begin(ctx);
	release_where(HL_CFG_HOLD);
	return 0;
}

SEC("uprobe")
int func_leave(struct pt_regs *ctx)
{
	own_stack(ctx);
	hold_where(HL_CFG_HOLD);
	at_end(ctx);
	release_where(HL_CFG_HOLD);
	return 0;
}

SEC("uprobe")
int func_point(struct pt_regs *ctx)
{
	own_stack(ctx);
	hold_where(HL_CFG_HOLD);
	at_point(ctx);
	release_where(HL_CFG_HOLD);
	return 0;
}

/* Which of the two it is: there the program is not where the function begins. */
SEC("?uprobe")
int func_call(struct pt_regs *ctx)
{
	bool ends = PT_REGS_IP(ctx) != bpf_get_func_ip(ctx), declined = false;

	own_stack(ctx);
	hold_where(HL_CFG_HOLD);
	if (ends)
		at_end(ctx);
	else
		declined = !at_begin(ctx);
	release_where(HL_CFG_HOLD);
	return declined; /* then its return is none of ours */
}

struct go_process {
	__u64 start;
	__u32 pid;
};

static long goroutine_ends(struct bpf_map *map, struct goroutine *key, struct go_frames *g,
			   struct go_process *of)
{
	struct goroutine k = *key;

	if (k.start != of->start)
		return 0;
	frames_end(&g->t, of->pid, of->start, 0);
	bpf_map_delete_elem(&goroutines, &k);
	return 0;
}

/* None of the process's threads runs any more. Two that end at once, on two CPUs, both come here as the last:
 * one of them takes it. */
static __noinline int goroutines_end(struct task_struct *p)
{
	struct go_process of = { .start = start_of(p), .pid = p->tgid };

	if (!bpf_map_delete_elem(&go_procs, &of.start))
		bpf_for_each_map_elem(&goroutines, goroutine_ends, &of, 0);
	return 0;
}

static __noinline int thread_ends(struct task_struct *p, __u64 sp)
{
	struct func_stack *t = bpf_task_storage_get(&hl_frames, p, NULL, 0);
	struct here h = { .s = slot_find(p) };

	if (!t || !t->depth)
		return 0;
	frames_end(t, p->tgid, start_of(p), sp);
	mark_inside(&h, false); /* functions of the kernel have no system calls in them */
	return 0;
}

SEC("tp_btf/sched_process_exit")
int func_thread_ends(void *ctx)
{
	struct task_struct *p = bpf_get_current_task_btf();

	thread_ends(p, 0);
	if (!TASK_PTR(p, signal)->live.counter)
		goroutines_end(p);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int func_program_ends(void *ctx)
{
	struct task_struct *p = bpf_get_current_task_btf();

	thread_ends(p, HL_FUNC_KERNEL_STACK); /* the kernel's functions go on */
	goroutines_end(p);
	return 0;
}

#include "bpf/func_kernel.bpf.h"
