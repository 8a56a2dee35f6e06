// SPDX-License-Identifier: GPL-2.0
/*
 * Task iterators, read by user space like files.
 *
 * hl_found    every thread, at start and when lifecycle records were lost: gives it a home with
 *             the state it is in now, and says who it is.
 * hl_blocked  at each refresh: what is blocked, on what, for how long, while it blocks; with its
 *             kernel stack where that is for longer than was asked for.
 * hl_homed    slots in task storage, which user space cannot map.
 */
#include "bpf/compat.bpf.h"
#include <bpf/bpf_tracing.h>

/* Another thread's memory cannot be read from here: a poll that began before hostlat did
 * counts as one on many descriptors. */
#include "vmlinux.h"
static inline long unreadable(__u64 task, void *dst, __u64 src)
{
	asm volatile("" ::"r"(task), "r"(dst), "r"(src));
	return -1;
}
#define HL_READ_USER(task, dst, bytes, src) unreadable(task, dst, src)
#include "bpf/ledger.bpf.h"
#include "bpf/life.bpf.h"

/* Too large for the stack; only one reader at a time. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hl_now_raw);
} scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hl_slot);
} copies SEC(".maps");

char LICENSE[] SEC("license") = "GPL";

/* Now on the run queue's clock: from the pair that sched_switch keeps, for the clock of a
 * task that has run for a while is behind. 0: not known yet. */
__hot __u64 clock_now(void)
{
	struct hl_cpu *cpu;
	__u32 at = bpf_get_smp_processor_id();
	__u64 clock, boot;

	cpu = bpf_map_lookup_elem(&hl_cpus, &at);
	if (!cpu)
		return 0;
	clock = cpu->clock;
	boot = cpu->boot;
	if (!clock)
		return rq_clock(cfs_rq_of(bpf_get_current_task_btf()));
	return clock + (bpf_ktime_get_boot_ns() - boot);
}

/*
 * What the thread is doing, as far as it can be told from outside. If it was scheduled
 * meanwhile, what was found is stale: then its ledger begins at its next switch.
 */
__hot void found_state(struct task_struct *p, struct hl_slot *s, __u64 now)
{
	__u64 switches = p->nvcsw + p->nivcsw;
	struct hl_wait w = {};

	w.f.task_state = p->__state;
	w.f.asleep = w.f.task_state && is_dequeued(p);
	if (is_on_cpu(p))
		return;
	s->object = (__u64)p; /* in and out of memory: then it is a number to the verifier */
	barrier_compiler();
	w.task = s->object;
	w.f.throttled = !w.f.asleep && is_throttled(p, cfs_rq_of(p));
	w.f.in_iowait = in_iowait(p);
	w.f.frozen = w.f.asleep && is_frozen(p, w.f.task_state);
	wait_gather(p, s, &w);
	s->since = s->begin = now;
	s->throttled = s->woken_throttled = throttled_total(cfs_rq_of(p));
	s->cfs_rq = cfs_rq_id(p, cfs_rq_of(p));
	s->object = w.object;
	s->nr = w.nr;
	s->abi = w.abi;
	s->detail = w.detail;
	s->file = w.f.file;
	s->state = hl_classify(&w.f);
	s->for_disk = w.f.asleep && waits_for_disk(s);
	if (w.f.call != CALL_RESTART && w.f.call != CALL_PLAIN)
		s->call_key = w.nr;
	if (!is_on_cpu(p) && p->nvcsw + p->nivcsw == switches)
		s->flags |= HL_SLOT_OFF_CPU | HL_SLOT_LOWER_BOUND | (w.f.asleep ? HL_SLOT_WAS_ASLEEP : 0);
}

/* It ended meanwhile, and its last switch-out may not have found its home: nobody would give
 * that back. */
__hot bool found_dead(struct task_struct *p, struct hl_slot *s)
{
	if (!p->exit_state)
		return false;
	__sync_val_compare_and_swap(&s->owner, owner_of(p), 0);
	return true;
}

/* Gives p a home if it has none; whether it has. */
__hot bool found_home(struct task_struct *p, struct hl_cpu *cpu)
{
	struct hl_slot *s;

	if (slot_find(p))
		return true;
	__sync_fetch_and_add(&cpu->threads_seen, 1);
	s = slot_take(p, clock_now());
	if (!s) {
		__sync_fetch_and_add(&cpu->threads_lost, 1);
		return true;
	}
	found_state(p, s, clock_now());
	slot_own(s, p);
	return !found_dead(p, s);
}

__hot int found(struct bpf_iter__task *ctx)
{
	struct task_struct *p = ctx->task;
	struct hl_cpu *cpu = this_cpu();
	struct hl_rec_life r;
	bool ending;

	if (!p || !p->pid || !cpu)
		return 0;
	ending = p->exit_state;
	if (ending ? is_over(p) : !found_home(p, cpu))
		return 0;
	life_fill(&r, p, HL_LIFE_FORK, sizeof(r));
	r.flags |= HL_PROC_EXISTED | (ending ? HL_PROC_ENDING : 0);
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}

SEC("iter/task")
int hl_found(struct bpf_iter__task *ctx)
{
	return found(ctx);
}

/* Blocked whatever kind of sleep that is; in the other states only when nothing interrupts it. */
static const __u32 blocked_states = 1u << HL_STATE_FAULT | 1u << HL_STATE_DISK | 1u << HL_STATE_NETWORK |
				    1u << HL_STATE_LOCK | 1u << HL_STATE_KERNEL | 1u << HL_STATE_OTHER;

/* Asleep so that nothing interrupts it. */
__hot bool in_d(struct task_struct *p)
{
	__u32 state = p->__state;

	return (state & HL_TASK_UNINTERRUPTIBLE) && !(state & HL_TASK_NOLOAD);
}

/* Off the CPU since when, and in which state it is by now. 0: not known, or not of interest,
 * which for most threads is told first: they wait for work. */
__hot __u64 off_since(struct task_struct *p, struct hl_slot *s, __u8 *state)
{
	__u64 since = s->since, at = p->sched_info.last_queued;

	*state = s->state;
	if (!s->begin) /* it never ran yet */
		since = at;
	if ((s->flags & HL_SLOT_WAS_ASLEEP) && at > since && !(p->__state && is_dequeued(p))) {
		/* woken, not yet running */
		*state = HL_STATE_RUNQUEUE;
		return at;
	}
	if ((work_waits & state_bit(*state)) && !in_d(p))
		return 0;
	if (!(s->flags & HL_SLOT_LOWER_BOUND) || !(s->flags & HL_SLOT_WAS_ASLEEP))
		return since;
	at = asleep_since(p);
	return at && at < since ? at : since;
}

/* The flags that say for whom its age is long; 0: for nobody. */
__hot __u32 long_for(struct task_struct *p, __u64 blocked_ns, __u64 slow_ns, const struct slow_what *w)
{
	bool d = in_d(p) && w->state != HL_STATE_RUNQUEUE && w->state != HL_STATE_THROTTLED;
	__u32 flags = 0;

	if (w->duration >= blocked_ns && (d || (blocked_states & state_bit(w->state))))
		flags = HL_SLOW_BLOCKED;
	if (w->duration < slow_ns || (work_waits & state_bit(w->state))) {
		if (!flags)
			return 0;
		flags |= HL_SLOW_NOT_SLOW;
	}
	return flags | HL_SLOW_NO_RESULT | (d ? HL_SLOW_IN_D : 0);
}

static __u32 stacks_taken; /* at this refresh */

/* Waits whose stack user space has, by thread. It writes them itself: an item that did not fit
 * into what was read comes again. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HL_STACK_MEMO);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct hl_wait_id);
} known SEC(".maps");

__hot void take_stack(struct task_struct *p, struct hl_slot *s, struct hl_stack_raw *to)
{
	__u32 tid = p->pid;
	struct hl_wait_id *was = bpf_map_lookup_elem(&known, &tid);
	long n;

	to->nr = 0;
	to->wait.owner = s->owner;
	to->wait.since = s->since;
	to->fate = HL_STACK_KNOWN;
	if (was && was->owner == to->wait.owner && was->since == to->wait.since)
		return;
	to->fate = HL_STACK_OVER;
	if (stacks_taken >= HL_STACK_MAX)
		return;
	n = bpf_get_task_stack(p, to->ip, sizeof(to->ip), 0);
	to->fate = n > 0 ? HL_STACK_TAKEN : HL_STACK_UNREADABLE;
	if (n <= 0)
		return;
	to->nr = n / sizeof(to->ip[0]);
}

/* Where the program was when it entered the kernel, for who looks at its stack from outside. */
__hot void take_regs(struct task_struct *p, struct hl_now_raw *raw)
{
	raw->has_regs = cfg.ustack_bytes && raw->stack.fate == HL_STACK_TAKEN && !has_no_calls(p) &&
			HL_STACK_ABI(raw->r.abi);
	if (raw->has_regs)
		regs_user((struct pt_regs *)bpf_task_pt_regs(p), raw->regs);
}

/* The thread's record as it stands now, with its path and its stack. */
__hot void now_fill(struct hl_now_raw *raw, struct task_struct *p, struct hl_slot *s, struct slow_what *w)
{
	struct path_walk walk = {};

	w->object = s->object;
	w->nr = s->nr;
	w->op = HL_OP_WAIT;
	w->abi = s->abi;
	w->detail = s->detail;
	w->file = s->file;
	w->flags |= s->flags & HL_SLOT_LOWER_BOUND ? HL_SLOW_LOWER_BOUND : 0;
	w->state_ns[w->state & (NR_HL_STATES - 1)] = w->duration;
	slow_fill(&raw->r, s, w, bpf_ktime_get_boot_ns());
	raw->r.h.kind = HL_KIND_NOW;
	raw->r.h.size = sizeof(raw->r) + sizeof(raw->path);
	raw->r.waker = HL_WAKER_UNKNOWN;
	if (w->detail == HL_DETAIL_FILE && w->object)
		raw->r.path_len = path_of(path_at(w->object), (struct path_room *)raw->path, &walk);
	raw->r.flags |= walk.flags;
	raw->stack.fate = HL_STACK_NONE;
	if (raw->r.flags & HL_SLOW_BLOCKED)
		take_stack(p, s, &raw->stack);
	take_regs(p, raw);
}

/* A thread that has been off the CPU for long, and not for want of work. */
SEC("iter/task")
int hl_blocked(struct bpf_iter__task *ctx)
{
	struct task_struct *p = ctx->task;
	struct hl_ctl *ctl = ctl_get();
	struct hl_cpu *cpu = this_cpu();
	struct slow_what w = {};
	struct hl_now_raw *raw;
	struct hl_slot *s;
	__u32 zero = 0;
	__u64 now, since;
	__u16 seq;

	if (!ctx->meta->seq_num)
		stacks_taken = 0;
	if (!p || !p->pid || !ctl || !cpu)
		return 0;
	s = slot_find(p);
	if (!s)
		return 0;
	seq = s->seq;
	barrier_compiler();
	if (!(s->flags & HL_SLOT_OFF_CPU))
		return 0;
	now = clock_now();
	since = off_since(p, s, &w.state);
	if (!since || now < since)
		return 0;
	w.duration = now - since;
	w.flags = long_for(p, ctl->blocked_ns, cpu->slow_ns, &w);
	raw = bpf_map_lookup_elem(&scratch, &zero);
	if (!w.flags || !raw)
		return 0;
	now_fill(raw, p, s, &w);
	barrier_compiler();
	if ((seq & 1) || s->seq != seq) /* it went on meanwhile, and the object may be gone */
		return 0;
	/* where there is no room for it, it will come again */
	if (!bpf_seq_write(ctx->meta->seq, raw, sizeof(*raw)) && raw->stack.fate == HL_STACK_TAKEN)
		stacks_taken++;
	return 0;
}

/* A whole copy of a slot that another CPU may be writing; false: it will not hold still. */
__hot bool slot_copy(struct hl_slot *to, struct hl_slot *s)
{
	__u32 seq;

	for (int i = 0; i < 16; i++) {
		seq = s->seq;
		barrier_compiler();
		if (!(seq & 1) && !bpf_probe_read_kernel(to, sizeof(*to), s) && s->seq == seq)
			return true;
	}
	return false;
}

SEC("iter/task")
int hl_homed(struct bpf_iter__task *ctx)
{
	struct task_struct *p = ctx->task;
	struct hl_slot *s, *copy;
	__u32 zero = 0;

	if (!p || !p->pid)
		return 0;
	s = bpf_task_storage_get(&hl_homes, p, NULL, 0);
	copy = bpf_map_lookup_elem(&copies, &zero);
	if (s && copy && s->owner > HL_BUSY && slot_copy(copy, s))
		bpf_seq_write(ctx->meta->seq, copy, sizeof(*copy));
	return 0;
}
