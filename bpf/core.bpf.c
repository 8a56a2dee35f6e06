// SPDX-License-Identifier: GPL-2.0
/*
 * The core: owns the shared maps, the ledger and the hot hooks. One program per hook.
 *
 * Always attached (the waits tier): sched_switch, sched_waking, and the rare fork, exec,
 * rename, cgroup_attach_task. While a cgroup has a CPU quota, on older kernels (HL_CFG_QUEUE_OUT):
 * sched_wakeup, sched_wakeup_new.
 * On request (the calls tier): sys_exit and sys_enter, attached in that order.
 * What a call that never sleeps pays for the waits tier is nothing; a switch pays some
 * 100 ns, see the README's section on cost.
 */
#include "bpf/compat.bpf.h"
#include <bpf/bpf_tracing.h>
#include "bpf/maps.bpf.h"
#include "bpf/slot.bpf.h"
#include "bpf/ledger.bpf.h"
#include "bpf/life.bpf.h"
#include "bpf/exec.bpf.h"
#include "bpf/syscall.bpf.h"
#include "bpf/waker.bpf.h"
#ifdef HL_TASK_WORK
#include "bpf/ustack_later.bpf.h"
#else
#define ustack_later(next, s) 0
#endif

char LICENSE[] SEC("license") = "GPL";

/* A pair of clocks, now and then, so that user space can map one to the other. */
#define CLOCK_PAIR_NS (32 * 1000 * 1000)

static __noinline int clock_pair(struct hl_cpu *cpu, __u64 now)
{
	cpu->clock = 0; /* a reader takes no half pair */
	barrier_compiler();
	cpu->boot = bpf_ktime_get_boot_ns();
	barrier_compiler();
	cpu->clock = now;
	return 0;
}

/*
 * The kernel stack of a thread that comes to this CPU after a long wait, as it was when it left one:
 * only what is slow pays. Nobody asks where those were that waited for work, or to run.
 */
static __noinline int slow_stack(struct task_struct *next, struct hl_slot *s, struct hl_cpu *cpu)
{
	__u32 at = cpu->id;
	struct slow_room *room = bpf_map_lookup_elem(&hl_rooms, &at);
	long n;

	if (!room)
		return 0;
	n = bpf_get_task_stack(next, room->stack.ip, sizeof(room->stack.ip), 0);
	room->stack.nr = n > 0 ? n / sizeof(room->stack.ip[0]) : 0;
	room->stack.since = s->since;
	room->user_stack = 0;
	room->flags = has_signal(next) ? HL_SLOW_SIGNALLED : 0;
	/* where calls are traced, that of the whole call is taken at its end */
	if (!s->call_begin && !(s->flags & HL_SLOT_KTHREAD) && keeps_stack(s->abi, s->nr))
		room->user_stack = ustack_later(next, s);
	return 0;
}

/* Who ran on this CPU until now. User space reads it when somebody waited long for the CPU. */
__hot void slice_end(struct hl_cpu *cpu, __u32 cpu_id, struct cfs_rq *rq, __u32 tid, __u32 next, __u64 now)
{
	__u32 bits = cfg.slice_bits, at;
	struct hl_slice *s;

	if (!bits)
		return;
	at = cpu_id << bits | (cpu->slices & ((1u << bits) - 1));
	s = bpf_map_lookup_elem(&hl_slices, &at);
	if (!s)
		return;
	s->end = now;
	s->interrupts = rq_interrupts(rq);
	s->tid = tid;
	s->next = next;
	barrier_compiler();
	cpu->slices++;
}

SEC("tp_btf/sched_switch")
int sched_switch(__u64 *ctx)
{
	struct task_struct *prev = (void *)ctx[1], *next = (void *)ctx[2];
	__u32 cpu_id = bpf_get_smp_processor_id(), state;
	struct hl_cpu *cpu = bpf_map_lookup_elem(&hl_cpus, &cpu_id);
	struct cfs_rq *prev_rq = cfs_rq_first(prev), *next_rq = cfs_rq_first(next);
	__u64 now = rq_clock(prev_rq);
	struct hl_slot *s;

	if (!cpu)
		return 0;
	slice_end(cpu, cpu_id, prev_rq, prev->pid, next->pid, now);
	if (prev->pid) {
		s = slot_find(prev);
		if (!s)
			s = slot_late(prev, cpu, now, false);
		if (s) {
			state = switch_prev_state(ctx, prev);
			ledger_out(prev, prev_rq, s, now, (bool)ctx[0], state, cpu);
			if (state & HL_TASK_DEAD)
				ledger_end(s, cpu);
		}
	}
	if (next->pid) {
		slot_runs(cpu, next);
		s = slot_find(next);
		if (!s)
			s = slot_late(next, cpu, now, true);
		if (s) {
			arrival_read(next, next_rq, &cpu->arrival, now);
			if (slept_long(s, now, cpu))
				slow_stack(next, s, cpu);
			ledger_in(s, &cpu->arrival, cpu);
		}
	}
	if (now - cpu->clock > CLOCK_PAIR_NS)
		clock_pair(cpu, now);
	return 0;
}

/*
 * A wait for a disk is over. What ended it is a request that ended on this CPU a moment ago, in an
 * interrupt or in the thread that wakes; or that thread, as a journal's, waited for one itself until
 * a moment ago.
 */
#define ENDED_NS     (200 * 1000)
#define HANDED_ON_NS (1000 * 1000)

static __noinline int woken_from_disk(struct hl_slot *s, const struct hl_slot *by, const struct hl_cpu *cpu)
{
	struct cfs_rq *rq = cfs_rq_of(bpf_get_current_task_btf());
	const __u64 *ns = NULL;

	if (bpf_ktime_get_ns() - cpu->ended_at < ENDED_NS)
		ns = cpu->ended_ns;
	else if (by && waits_for_disk(by) && (__s64)(rq_clock(rq) - by->since) < HANDED_ON_NS)
		ns = by->ended_ns;
	for (int i = 0; i < NR_HL_BLOCK_PHASES; i++)
		s->ended_ns[i] = ns ? ns[i] : 0;
	return 0;
}

/*
 * A wake-up that comes not from the running task's own stack comes from an interrupt's: no third one
 * is in use on a CPU. That stack is there for good, and what is less than a page from an address on
 * it is on it too, or no stack at all.
 */
#define STACK_GUARD 4096

__hot bool in_interrupt(void *ctx, const struct hl_cpu *cpu)
{
	return is_between(ctx, cpu->interrupt_at - STACK_GUARD, cpu->interrupt_at + STACK_GUARD);
}

/* The waker is not the thread that sched_switch noted last, or none in its own context. */
static __noinline int woken_otherwise(__u64 *ctx, struct task_struct *p, struct hl_slot *s,
				      struct hl_cpu *cpu)
{
	struct task_struct *cur = bpf_get_current_task_btf();
	bool own = on_own_stack(ctx, cur);

	if (!own)
		cpu->interrupt_at = (__u64)ctx;
	own = own && in_own_context(cur);
	if (own) {
		s->waker_tid = cur->pid;
		s->waker_pid = cur->tgid;
		s->waker = HL_WAKER_THREAD;
		if (may_be_slow(p, cpu))
			waker_take(ctx, p, s, cpu);
	} else {
		s->waker = HL_WAKER_INTERRUPT;
	}
	return s->for_disk ? woken_from_disk(s, own ? slot_find(cur) : NULL, cpu) : 0;
}

/* Leaves who woke it, of a slow wait from where too, and what its group was out of quota until now: that is
 * no part of its wait for a CPU. The scheduler keeps the time itself. */
SEC("tp_btf/sched_waking")
int sched_waking(__u64 *ctx)
{
	struct task_struct *p = (void *)ctx[0];
	struct hl_slot *s = slot_woken(p), *by;
	struct hl_cpu *cpu = this_cpu();

	if (!s || !cpu)
		return 0;
	s->woken_throttled = throttled_total(cfs_rq_first(p));
	s->wake_mark = 0;
	if (p->sched_info.last_queued)
		not_queued(p, s, cpu);
	if (in_interrupt(ctx, cpu)) {
		by = NULL;
		s->waker = HL_WAKER_INTERRUPT;
	} else {
		by = slot_in_context(ctx, cpu);
		if (!by)
			return woken_otherwise(ctx, p, s, cpu);
		s->waker_tid = by->tid;
		s->waker_pid = by->pid;
		s->waker = HL_WAKER_THREAD;
		if (may_be_slow(p, cpu))
			waker_take(ctx, p, s, cpu);
	}
	return s->for_disk ? woken_from_disk(s, by, cpu) : 0;
}

/* It is on a run queue now, of whichever CPU: from here on it counts how long that is out of quota. One that
 * never slept is on it for longer. */
__hot int queued_on(struct task_struct *p)
{
	struct cfs_rq *rq = cfs_rq_first(p);
	struct hl_slot *s = slot_woken(p);

	if (!s || (s->begin && !(s->flags & HL_SLOT_WAS_ASLEEP)))
		return 0;
	s->throttled = s->woken_throttled = throttled_total(rq);
	s->cfs_rq = cfs_rq_id(p, rq);
	return 0;
}

SEC("?tp_btf/sched_wakeup")
int sched_wakeup(__u64 *ctx)
{
	return queued_on((struct task_struct *)ctx[0]);
}

SEC("?tp_btf/sched_wakeup_new")
int sched_wakeup_new(__u64 *ctx)
{
	return queued_on((struct task_struct *)ctx[0]);
}

/* Of every new thread: sched_process_fork tells nothing of those that io_uring and vhost make. */
SEC("tp_btf/task_newtask")
int task_newtask(__u64 *ctx)
{
	struct task_struct *child = (void *)ctx[0];
	struct hl_cpu *cpu = this_cpu();
	struct hl_slot *s;

	if (!cpu || !child->pid) /* a CPU that comes up gets an idle task */
		return 0;
	s = slot_take(child, 0);
	__sync_fetch_and_add(&cpu->threads_seen, 1);
	if (s) {
		s->begin = 0; /* until it comes to a CPU for the first time */
		s->flags |= HL_SLOT_OFF_CPU;
		s->call_flags = HL_CALL_CHILD;
		slot_own(s, child);
	} else {
		__sync_fetch_and_add(&cpu->threads_lost, 1);
	}
	target_inherit(bpf_get_current_task_btf(), child);
	return life_send(child, HL_LIFE_FORK);
}

SEC("tp_btf/sched_process_exec")
int sched_process_exec(__u64 *ctx)
{
	struct task_struct *p = (void *)ctx[0];
	__u32 old_tid = (__u32)ctx[1];

	hold_cpu();
	/* the process is never without a thread to who reads the records */
	if (old_tid != (__u32)p->pid)
		leader_end(p);
	life_exec(p, old_tid);
	if (old_tid != (__u32)p->pid)
		slot_move(p, old_tid);
	target_again(p);
	release_cpu();
	return 0;
}

SEC("tp_btf/task_rename")
int task_rename(__u64 *ctx)
{
	struct task_struct *p = (void *)ctx[0];
	struct hl_cpu *cpu = this_cpu();
	struct hl_rec_life *r;

	if (!cpu)
		return 0;
	target_renamed(p);
	r = record_reserve(&hl_life, sizeof(*r), &cpu->life_seen, &cpu->life_lost);
	if (!r)
		return 0;
	life_fill(r, p, HL_LIFE_RENAME, sizeof(*r));
	bpf_probe_read_kernel_str(r->comm, sizeof(r->comm), (void *)ctx[1]);
	bpf_ringbuf_submit(r, wake_flag(&hl_life, sizeof(*r)));
	return 0;
}

/* A process has just moved to another cgroup, as most do between their fork and their exec. */
SEC("?tp_btf/cgroup_attach_task")
int cgroup_attach_task(__u64 *ctx)
{
	targets_moved();
	return life_send((struct task_struct *)ctx[2], HL_LIFE_MOVE);
}

SEC("?tp_btf/sys_enter")
int sys_enter(__u64 *ctx)
{
	call_enter((struct pt_regs *)ctx[0], ctx[1], true);
	return 0;
}

SEC("?tp_btf/sys_exit")
int sys_exit(__u64 *ctx)
{
	call_exit((struct pt_regs *)ctx[0], ctx[1], true);
	return 0;
}

/*
 * The same where the kernel runs those two preemptible (HL_CFG_PREEMPT): while a preempted
 * thread is inside of one, the kernel skips it for all others on that CPU, and a thread is
 * preempted there whenever its time was up while preemption was held off. The plain
 * tracepoints hold it off around the program, at some cost.
 */
SEC("?tp/raw_syscalls/sys_enter")
int sys_enter_plain(struct trace_event_raw_sys_enter *ctx)
{
	call_enter((struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf()), ctx->id, false);
	return 0;
}

SEC("?tp/raw_syscalls/sys_exit")
int sys_exit_plain(struct trace_event_raw_sys_exit *ctx)
{
	call_exit((struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf()), ctx->ret, false);
	return 0;
}
