/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The clocks of the living threads, read from the mapped slots: a LEDGER each. Called by
 * live.c at each tick. */
#include <string.h>

#include "kern/kern.h"

struct reading {
	struct live *l;
	uint64_t boot; /* now */
	size_t missing;
};

/* A whole copy of a slot that the kernel may be writing; false: it will not hold still. */
static bool read_slot(const struct hl_slot *s, struct hl_slot *copy)
{
	for (int i = 0; i < 100; i++) {
		uint16_t before = __atomic_load_n(&s->seq, __ATOMIC_ACQUIRE);

		if (before & 1)
			continue;
		memcpy(copy, (const void *)s, sizeof(*copy));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&s->seq, __ATOMIC_RELAXED) == before)
			return true;
	}
	return false;
}

/* When a ledger began: the same answer each time, though the clocks' offset wavers. */
static uint64_t begin_boot(struct live *l, const struct hl_slot *s)
{
	struct kthread *t = hash_get(l->life.threads, &s->tid);

	if (!t || t->start != s->start)
		return live_boot(l, s->begin);
	if (t->begin_clock != s->begin) {
		t->begin_clock = s->begin;
		t->begin_boot = live_boot(l, s->begin);
	}
	return t->begin_boot;
}

#define UNSEEN_NS (20 * NSEC_PER_MSEC) /* the scheduler's books of who runs are a tick behind */

/* Did it leave the CPU, though no tracepoint told of that? *ran: what it had run by then. */
static bool left_unseen(struct live *l, const struct hl_slot *s, uint64_t ns, uint64_t *ran)
{
	const struct hl_slot *home = &l->sh.slots[s->tid & l->kcfg.slot_mask];
	struct proc_schedstat stat;
	struct proc_info info;

	if (proc_read_thread((pid_t)s->pid, (pid_t)s->tid, &info) || info.state == 'R' ||
	    !proc_same_start(s->start, info.start) || proc_schedstat((pid_t)s->pid, (pid_t)s->tid, &stat))
		return false;
	if (home->tid == s->tid && home->since != s->since) /* it has just gone, and that was told */
		return false;
	*ran = stat.cpu_ns > s->ran ? MIN(stat.cpu_ns - s->ran, ns) : 0;
	return ns - *ran > UNSEEN_NS;
}

/* Of so many ns since it came to a CPU: what it ran, never less than was said before. The rest
 * nobody saw; when a tracepoint tells of the thread again, the kernel side books it so too. */
static uint64_t ran_of(struct live *l, const struct hl_slot *s, uint64_t ns)
{
	struct kthread *t = hash_get(l->life.threads, &s->tid);
	uint64_t ran;

	if (!t || t->start != s->start || ns < UNSEEN_NS)
		return ns;
	if (t->stay_since != s->since)
		t->stay_ran = 0;
	t->stay_ran = left_unseen(l, s, ns, &ran) ? MAX(ran, t->stay_ran) : ns;
	t->stay_since = s->since;
	return t->stay_ran;
}

/* It was throttled: then there is a quota, which may be new. */
static void look_at_quota(struct live *l, const struct hl_slot *s)
{
	struct kthread *t = hash_get(l->life.threads, &s->tid);
	bool now = s->flags & HL_SLOT_OFF_CPU && s->state == HL_STATE_THROTTLED;

	if (!t || t->start != s->start || (!now && t->throttled == s->state_ns[HL_STATE_THROTTLED]))
		return;
	t->throttled = s->state_ns[HL_STATE_THROTTLED];
	kcgroup_throttled(l, t->proc->quotas);
}

static void send(struct live *l, const struct hl_slot *s, uint64_t boot)
{
	uint64_t now = boot - l->clock_offset;
	struct hl_rec_ledger *r = LIVE_BEGIN(l, LEDGER, ledger);
	uint64_t begin = begin_boot(l, s);
	uint8_t state = s->flags & HL_SLOT_OFF_CPU ? s->state : HL_STATE_CPU;
	uint64_t ran;

	if (now < s->since) /* switched after we looked at the clock */
		now = s->since;
	r->h.ts = now - s->begin + begin; /* so that the ledger closes to the nanosecond */
	r->h.pid = s->pid;
	r->h.tid = s->tid;
	r->start = s->start;
	r->proc_start = s->proc_start;
	r->begin = begin;
	r->now_since = s->since - s->begin + begin;
	r->switches = s->switches;
	r->now_nr = s->flags & HL_SLOT_OFF_CPU ? s->nr : HL_NR_NONE;
	r->now_state = state;
	r->now_abi = s->abi;
	r->lower_bound = !!(s->flags & HL_SLOT_LOWER_BOUND);
	memcpy(r->state_ns, s->state_ns, sizeof(r->state_ns));
	ran = s->flags & HL_SLOT_OFF_CPU ? now - s->since : ran_of(l, s, now - s->since);
	r->state_ns[state % NR_HL_STATES] += ran;
	r->state_ns[HL_STATE_OTHER] += now - s->since - ran;
	if (ran < now - s->since)
		r->now_state = HL_STATE_OTHER;
	live_emit(l);
}

static void tell(struct live *l, const struct hl_slot *s, uint64_t boot)
{
	look_at_quota(l, s);
	send(l, s, boot);
}

static void read_homed(struct live *l, const void *item)
{
	const struct hl_slot *s = item;

	if (s->begin)
		tell(l, s, clock_boot_ns());
}

void slots_drain(struct live *l)
{
	struct reading rd = { .l = l, .boot = clock_boot_ns() };
	struct hl_slot copy;
	struct kthread *t;

	for (size_t i = 0; (t = hash_next(l->life.threads, &i, NULL));) {
		const struct hl_slot *s = &l->sh.slots[t->tid & l->kcfg.slot_mask];

		if (s->owner <= HL_BUSY || s->tid != t->tid || s->start != t->start) {
			rd.missing++;
			continue;
		}
		if (read_slot(s, &copy) && copy.tid == t->tid && copy.start == t->start && copy.begin)
			tell(l, &copy, rd.boot);
	}
	if (rd.missing && l->iter_works)
		object_iterate(&l->iter, "hl_homed", sizeof(struct hl_slot), read_homed, l);
}
