/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ledger: what sched_switch writes. At switch-out the time since the last switch was
 * `cpu`, and the state of what follows is decided; at switch-in that time is booked: the
 * part before the wake-up to the state, the part after it to the run queue, both by the
 * scheduler's own stamps. The run queue lock is held and interrupts are off.
 */
#ifndef HL_LEDGER_BPF_H
#define HL_LEDGER_BPF_H

#include "bpf/wait.bpf.h"
#include "bpf/cell.bpf.h"
#include "bpf/file_use.bpf.h"
#include "bpf/lock.bpf.h"
#include "bpf/slow.bpf.h"

/* A reader that finds seq odd, or changed, reads again. */
__hot void slot_lock(struct hl_slot *s)
{
	s->seq++;
	barrier_compiler();
}

__hot void slot_unlock(struct hl_slot *s)
{
	barrier_compiler();
	s->seq++;
}

/* While a system call is open: remember the clock of a state before the call adds to it. */
__global int call_touch(struct hl_slot *s, __u8 state, struct hl_cpu *cpu)
{
	__u8 n;

	if (!s || !cpu)
		return 0;
	n = s->open_states;
	for (int i = 0; i < HL_CALL_STATES; i++) {
		if (i >= n)
			break;
		if (s->open_state[i] == state)
			return 0;
	}
	if (n >= HL_CALL_STATES) {
		s->open_states = HL_CALL_STATES + 1;
		cpu->calls_overflow++;
		return 0;
	}
	if (state == HL_STATE_DISK)
		for (int i = 0; i < NR_HL_BLOCK_PHASES; i++)
			s->open_phase_ns[i] = s->phase_ns[i];
	s->open_state[n] = state;
	s->open_ns[n] = s->state_ns[state & (NR_HL_STATES - 1)];
	s->open_states = n + 1;
	return 0;
}

__hot bool has_call(const struct hl_slot *s)
{
	return s->call_begin || (s->call_flags & HL_CALL_RESTARTS);
}

/* The same for all states of a time off the CPU. */
__global int call_touch_all(struct hl_slot *s, const struct hl_split *t, struct hl_cpu *cpu)
{
	if (!s || !t || !cpu)
		return 0;
	if (t->slept)
		call_touch(s, s->state, cpu);
	if (t->queued)
		call_touch(s, HL_STATE_RUNQUEUE, cpu);
	if (t->throttled)
		call_touch(s, HL_STATE_THROTTLED, cpu);
	return 0;
}

/* Off the hottest path. */
__hot void book(struct hl_slot *s, __u8 state, __u64 ns, struct hl_cpu *cpu)
{
	if (!ns)
		return;
	if (state != HL_STATE_CPU && has_call(s))
		call_touch(s, state, cpu); /* `cpu` is what remains of a call */
	s->state_ns[state & (NR_HL_STATES - 1)] += ns;
}

/* The thread's last switch-out: its clocks are final, its home is free. */
__global int ledger_end(struct hl_slot *s, struct hl_cpu *cpu)
{
	struct hl_ctl *ctl = ctl_get();
	struct hl_rec_thread_end *r;
	__u64 owner;

	if (!s || !cpu)
		return 0;
	owner = s->owner;
	/* a leader that gives its number away may end on two CPUs at once */
	if (owner <= HL_BUSY || __sync_val_compare_and_swap(&s->owner, owner, HL_BUSY) != owner)
		return 0;
	if (ctl && s->call_begin) {
		if (s->call_gen == ctl->calls_gen)
			cpu->call_noreturn++;
		else
			cpu->call_detached++;
	}
	cpu->life_seen++;
	r = bpf_ringbuf_reserve(&hl_life, sizeof(*r), 0);
	if (r) {
		r->h.kind = HL_KIND_THREAD_END;
		r->h.cpu = 0;
		r->h.size = sizeof(*r);
		r->h.ts = bpf_ktime_get_boot_ns();
		r->h.pid = s->pid;
		r->h.tid = s->tid;
		r->start = s->start;
		r->proc_start = s->proc_start;
		r->begin = r->h.ts - (s->begin ? s->since - s->begin : 0);
		for (int i = 0; i < NR_HL_STATES; i++)
			r->state_ns[i] = s->state_ns[i];
		bpf_ringbuf_submit(r, wake_flag(&hl_life, sizeof(*r)));
	} else {
		cpu->life_lost++;
	}
	s->call_begin = 0;
	s->regs = 0;
	barrier_compiler();
	s->owner = 0;
	return 0;
}

/* A runnable thread that is moved is on no queue for a moment. */
#define HL_MIGRATION_NS 100000

/* A run queue's clock may stand still for some ticks: where the scheduler has skipped its
 * update and pulls a thread over from another CPU, that comes before it left. */
#define HL_CLOCK_LAG_NS (20 * 1000 * 1000)

__hot void arrival_read(struct task_struct *p, struct cfs_rq *rq, struct hl_arrival *a, __u64 now)
{
	a->now = now;
	a->queued_at = p->sched_info.last_queued;
	a->run_delay = p->sched_info.run_delay;
	a->ran = p->se.sum_exec_runtime;
	a->throttled = throttled_total(rq);
	a->cfs_rq = cfs_rq_id(p, rq);
}

/* How long it was queued since the last switch that was seen. */
__hot __u64 queued_since(const struct hl_slot *s, const struct hl_arrival *a)
{
	__u64 queued = a->run_delay - s->run_delay;

	if (a->queued_at && a->now > a->queued_at)
		queued += a->now - a->queued_at;
	return queued;
}

/* How long its group was out of quota, of the time that it was runnable: one that slept is so since
 * it was woken. */
__hot __u64 throttled_since(const struct hl_slot *s, const struct hl_arrival *a)
{
	__u64 then = s->flags & HL_SLOT_WAS_ASLEEP ? s->woken_throttled : s->throttled;

	return a->throttled > then ? a->throttled - then : 0;
}

__hot void ledger_split(struct hl_slot *s, const struct hl_arrival *a, struct hl_split *t)
{
	t->off = a->now - s->since;
	t->delay = queued_since(s, a);
	t->queued = t->delay < t->off ? t->delay : t->off;
	t->slept = t->off - t->queued;
	if (t->slept && !(s->flags & HL_SLOT_WAS_ASLEEP)) {
		/* one that was preempted with its state set is runnable, but not queued to the
		 * scheduler's sums, which look at the state */
		if (t->slept > HL_MIGRATION_NS &&
		    !(s->flags & HL_SLOT_ON_ITS_WAY)) { /* it slept after all: the guess was wrong */
			s->state = HL_STATE_OTHER;
		} else { /* between two run queues */
			t->slept = 0;
			t->queued = t->off;
		}
	}
	t->throttled = 0;
	if (s->cfs_rq == a->cfs_rq && a->throttled != s->throttled)
		t->throttled = throttled_since(s, a);
	else if (s->state == HL_STATE_THROTTLED)
		t->throttled = t->queued;
	if (t->throttled > t->queued)
		t->throttled = t->queued;
	t->queued -= t->throttled;
}

/* A wait for a disk: how much of it the request that ended it was queued, and in the device. */
__hot void ledger_disk(struct hl_slot *s, const struct hl_split *t, struct hl_cell *c, struct hl_cpu *cpu)
{
	s->for_disk = 0;
	phases_fit(s->ended_ns, t->slept);
	if (has_call(s))
		call_touch(s, s->state, cpu); /* before its clocks move */
	phases_add(s->phase_ns, s->ended_ns);
	phases_add(c->phase_ns, s->ended_ns);
}

static const __u32 work_waits = 0
#define X(id, NAME, key, title, work, colour, help) | (work) << id
	HL_STATES(X)
#undef X
	;

__hot __u32 state_bit(__u8 state)
{
	return 1u << (state & (NR_HL_STATES - 1));
}

/* Was it asleep for long, and not for want of work? Then it matters where. */
__hot bool slept_long(const struct hl_slot *s, __u64 now, const struct hl_cpu *cpu)
{
	return now - s->since >= cpu->slow_ns && now > s->since &&
	       (s->flags & (HL_SLOT_OFF_CPU | HL_SLOT_WAS_ASLEEP)) ==
		       (HL_SLOT_OFF_CPU | HL_SLOT_WAS_ASLEEP) &&
	       !(work_waits & state_bit(s->state));
}

/* How long it has been in this CPU's queue, and where this CPU's slices stand: who ran here
 * meanwhile. The scheduler notes anew when it is queued where it is moved to another CPU. */
__hot void queued_here(const struct hl_slot *s, const struct hl_split *t, const struct hl_cpu *cpu,
		       struct slow_what *w)
{
	const struct hl_arrival *a = &cpu->arrival;

	if (a->now - t->off != s->since) /* of another one: this came untold */
		return;
	if (!a->queued_at || a->now <= a->queued_at)
		return;
	w->queued_here = a->now - a->queued_at < t->delay ? a->now - a->queued_at : t->delay;
	w->slices = cpu->slices;
}

/* A slow wait goes along whole. */
__hot int ledger_slow(struct hl_slot *s, const struct hl_split *t, struct hl_cpu *cpu)
{
	struct slow_room *room;
	struct slow_what *w;

	room = slow_room_get(cpu);
	if (!room)
		return 0;
	w = &room->what;
	w->duration = t->off;
	w->object = s->object;
	w->nr = s->nr;
	w->op = HL_OP_WAIT;
	w->state = s->state;
	w->abi = s->abi;
	w->detail = s->detail;
	w->file = s->file;
	w->flags = HL_SLOW_NO_RESULT | (s->flags & HL_SLOT_LOWER_BOUND ? HL_SLOW_LOWER_BOUND : 0);
	w->state_ns[s->state & (NR_HL_STATES - 1)] = t->slept;
	w->state_ns[HL_STATE_RUNQUEUE] += t->queued;
	w->state_ns[HL_STATE_THROTTLED] += t->throttled;
	if (waits_for_disk(s))
		phases_add(w->phase_ns, s->ended_ns);
	queued_here(s, t, cpu, w);
	return slow_emit(s, w, cpu);
}

/* A wait on a file, which the thread holds for as long as its call lasts. */
__hot int ledger_file(struct hl_slot *s, const struct hl_split *t, struct hl_cpu *cpu)
{
	struct hl_cell *c;
	int at;

	at = file_of(&s->object, s, cpu);
	if (at == HL_NO_FILE)
		return 0;
	c = file_count(s, HL_KEY(file_owner(at, s->pid), s->nr, s->state, s->abi, HL_CELL_FILE + HL_OP_WAIT),
		       cpu);
	if (!c)
		return 0;
	cell_add(c, t->off);
	c->state_ns[s->state & (NR_HL_STATES - 1)] += t->slept;
	c->state_ns[HL_STATE_RUNQUEUE] += t->queued;
	c->state_ns[HL_STATE_THROTTLED] += t->throttled;
	if (waits_for_disk(s))
		phases_add(c->phase_ns, s->ended_ns);
	return 0;
}

/* What not every wait needs. One call for all of it: each more of them takes from the stack, of
 * which older kernels have no more than this. */
__global int ledger_more(struct hl_slot *s, const struct hl_split *t, struct hl_cell *c, struct hl_cpu *cpu)
{
	if (!s || !t || !c || !cpu)
		return 0;
	if (waits_for_disk(s))
		ledger_disk(s, t, c, cpu);
	if (t->off >= cpu->slow_ns)
		ledger_slow(s, t, cpu);
	if (cpu->files && s->detail == HL_DETAIL_FILE)
		ledger_file(s, t, cpu);
	if (waits_for_lock(s))
		ledger_lock(s, t, cpu);
	return 0;
}

static const __u32 more_waits = 1u << HL_STATE_DISK | 1u << HL_STATE_FAULT | 1u << HL_STATE_LOCK;

/* Count the wait, and send it along when it was slow. */
__hot void ledger_count(struct hl_slot *s, struct hl_split *t, struct hl_cpu *cpu)
{
	bool other = false;
	struct hl_cell *c;

	c = cell_again(HL_KEY(s->pid, s->nr, s->state, s->abi, HL_OP_WAIT), s->proc_start, cpu->id,
		       &s->wait_hint, &other);
	if (!c)
		return;
	cell_add(c, t->off);
	if (t->slept)
		c->state_ns[s->state & (NR_HL_STATES - 1)] += t->slept;
	c->state_ns[HL_STATE_RUNQUEUE] += t->queued;
	if (t->throttled)
		c->state_ns[HL_STATE_THROTTLED] += t->throttled;
	if (other)
		cpu->waits_other++;
	if (t->off >= cpu->slow_ns || (more_waits & state_bit(s->state)) ||
	    (cpu->files && s->detail == HL_DETAIL_FILE))
		ledger_more(s, t, c, cpu);
}

/* A thread's first time on a CPU since it has a ledger. That of one that was forked begins
 * when it was queued first: it may have been moved from queue to queue since. */
__hot void ledger_first(struct hl_slot *s, const struct hl_arrival *a)
{
	__u64 at = a->queued_at && a->queued_at < a->now ? a->queued_at : a->now;
	__u64 before = s->begin || a->run_delay > at ? 0 : a->run_delay;

	s->since = s->begin = at - before;
	s->run_delay = a->run_delay - before;
	s->flags |= HL_SLOT_OFF_CPU;
	s->state = HL_STATE_RUNQUEUE;
	s->nr = HL_NR_NONE;
}

/* Switches that no tracepoint told of lie between the last one and now. The scheduler's sums
 * say how long it ran and how long it was queued; for what it slept, nobody knows: `other`. */
static __noinline int ledger_lost(struct hl_slot *s, const struct hl_arrival *a, struct hl_cpu *cpu)
{
	__u64 rest = a->now > s->since ? a->now - s->since : 0;
	__u64 ran = a->ran - s->ran, queued = queued_since(s, a);

	cpu->missed++;
	ran = ran < rest ? ran : rest;
	book(s, HL_STATE_CPU, ran, cpu);
	rest -= ran;
	queued = queued < rest ? queued : rest;
	book(s, HL_STATE_RUNQUEUE, queued, cpu);
	book(s, HL_STATE_OTHER, rest - queued, cpu);
	return 0;
}

/* From now on it runs. delay: what it was queued since the last switch that was seen. */
__hot void ledger_runs(struct hl_slot *s, const struct hl_arrival *a, __u64 delay)
{
	s->since = a->now;
	s->run_delay += delay;
	s->ran = a->ran;
	s->switches++;
	s->flags = (s->flags & ~(HL_SLOT_OFF_CPU | HL_SLOT_WAS_ASLEEP | HL_SLOT_ON_ITS_WAY)) |
		   (s->flags & HL_SLOT_WAS_ASLEEP ? HL_SLOT_WOKEN : 0);
}

/* Back on a CPU: what it was off is counted and booked. */
__hot void ledger_back(struct hl_slot *s, const struct hl_arrival *a, struct hl_cpu *cpu)
{
	struct hl_split *t = &cpu->split;

	cpu->waits_seen++;
	ledger_split(s, a, t);
	ledger_count(s, t, cpu);
	slot_lock(s);
	if (has_call(s))
		call_touch_all(s, t, cpu);
	s->state_ns[s->state & (NR_HL_STATES - 1)] += t->slept;
	s->state_ns[HL_STATE_RUNQUEUE] += t->queued;
	if (t->throttled)
		s->state_ns[HL_STATE_THROTTLED] += t->throttled;
	ledger_runs(s, a, t->delay);
	slot_unlock(s);
}

/* It left the CPU and comes back, as far as its slot and the scheduler can tell. */
__hot bool is_back(const struct hl_slot *s, const struct hl_arrival *a)
{
	return (s->flags & HL_SLOT_OFF_CPU) && a->ran == s->ran && s->switches && a->now >= s->since;
}

/* It comes to a CPU, and it is not that simple. */
__global int ledger_odd(struct hl_slot *s, struct hl_arrival *a, struct hl_cpu *cpu)
{
	if (!s || !a || !cpu)
		return 0;
	/* no tracepoint told of its leaving, or it ran while it was off the CPU for all we know */
	if (s->switches && (!(s->flags & HL_SLOT_OFF_CPU) || a->ran != s->ran)) {
		slot_lock(s);
		ledger_lost(s, a, cpu);
		ledger_runs(s, a, queued_since(s, a));
		slot_unlock(s);
		return 0;
	}
	if (!s->begin || !(s->flags & HL_SLOT_OFF_CPU))
		ledger_first(s, a);
	if (a->now < s->since && s->since - a->now < HL_CLOCK_LAG_NS)
		a->now = s->since; /* a wait shorter than the clock can tell */
	if (a->now >= s->since) {
		ledger_back(s, a, cpu);
		return 0;
	}
	cpu->waits_seen++;
	cpu->waits_clock++;
	s->flags &= ~HL_SLOT_OFF_CPU;
	s->since = a->now;
	return 0;
}

/* It comes to a CPU. */
__hot void ledger_in(struct hl_slot *s, struct hl_arrival *a, struct hl_cpu *cpu)
{
	if (is_back(s, a))
		ledger_back(s, a, cpu);
	else
		ledger_odd(s, a, cpu);
}

/* It runs, though no tracepoint told that it came; the scheduler noted when that was. */
static __noinline int ledger_arrived(struct task_struct *p, struct hl_slot *s, __u64 now, struct hl_cpu *cpu)
{
	__u64 at = p->sched_info.last_arrival;
	struct hl_arrival a;

	if (at <= s->since || at > now)
		at = s->since ?: now;
	arrival_read(p, cfs_rq_of(p), &a, at);
	/* what it ran after that is of this stay: only more was in a stay that nobody saw */
	a.ran -= s->ran;
	a.ran = s->ran + (a.ran > now - a.now ? a.ran - (now - a.now) : 0);
	ledger_in(s, &a, cpu);
	return 0;
}

/* It left the CPU and came back, and no tracepoint told of either. */
static __noinline int ledger_missed(struct task_struct *p, struct hl_slot *s, __u64 now, struct hl_cpu *cpu)
{
	struct hl_arrival a;

	arrival_read(p, cfs_rq_of(p), &a, now);
	return ledger_lost(s, &a, cpu);
}

/* What is known of such a wait at its begin, or will be when it is ended. */
__hot void ledger_keep(struct hl_slot *s, const struct hl_wait *w)
{
	if (waits_for_lock(s)) {
		holder_keep(s, w);
	} else if (waits_for_disk(s)) {
		s->ended_ns[HL_BLOCK_QUEUE] = s->ended_ns[HL_BLOCK_DEVICE] = 0;
		s->for_disk = 1;
	}
}

/* What the thread waits for is only asked of one that sleeps; a runnable one's call names its row. */
__hot void ledger_out(struct task_struct *p, struct cfs_rq *rq, struct hl_slot *s, __u64 now, bool preempt,
		      __u32 state, struct hl_cpu *cpu)
{
	struct hl_wait w = { .task = s->owner };

	w.f.task_state = state;
	w.f.asleep = !preempt && state && is_dequeued(p);
	w.f.throttled = !w.f.asleep && is_throttled(p, rq);
	w.f.in_iowait = in_iowait(p);
	w.f.frozen = w.f.asleep && is_frozen(p, state);
	if (s->flags & HL_SLOT_OFF_CPU)
		ledger_arrived(p, s, now, cpu);
	wait_gather(p, s, &w);
	if (w.f.mutex && w.f.asleep)
		wait_holder(w.task, &w);
	slot_lock(s);
	if (p->sched_info.last_arrival > s->since)
		ledger_missed(p, s, now, cpu);
	else if (now >= s->since)
		s->state_ns[HL_STATE_CPU] += now - s->since;
	s->since = now;
	s->run_delay = p->sched_info.run_delay;
	s->ran = p->se.sum_exec_runtime;
	s->throttled = throttled_total(rq);
	s->cfs_rq = cfs_rq_id(p, rq);
	s->object = w.object;
	s->nr = w.nr;
	s->abi = w.abi;
	s->detail = w.detail;
	s->file = w.f.file;
	s->state = hl_classify(&w.f);
	s->flags = (s->flags &
		    ~(HL_SLOT_WAS_ASLEEP | HL_SLOT_ON_ITS_WAY | HL_SLOT_LOWER_BOUND | HL_SLOT_WOKEN)) |
		   HL_SLOT_OFF_CPU |
		   (w.f.asleep         ? HL_SLOT_WAS_ASLEEP
		    : preempt && state ? HL_SLOT_ON_ITS_WAY
				       : 0);
	if (w.f.asleep && (more_waits & state_bit(s->state)))
		ledger_keep(s, &w);
	if (w.f.call != CALL_RESTART && w.f.call != CALL_PLAIN)
		s->call_key = w.nr;
	slot_unlock(s);
}

#endif
