/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The calls tier: attached and detached at run time, by hand or by the governor.
 *
 * `auto` without a target starts with the tier off. Every 10 s it attaches it for 50 ms
 * to count the calls of each CPU, without aggregating them; after three looks in which no
 * CPU would lose more than 2 % it comes on, and after one bad second it goes off. The cost
 * of a call is measured at the first look. Called by live.c.
 */
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "host/mounts.h"
#include "kern/kern.h"

#define LOOK_EVERY_NS (10 * NSEC_PER_SEC)
#define FIRST_LOOK_NS (2 * NSEC_PER_SEC)
#define LOOK_NS       (50 * NSEC_PER_MSEC)
#define GOOD_LOOKS    3
#define MAX_SHARE     0.02
#define CALIBRATE     500 /* calls of a loop: less than the time slice of anybody who disturbs */
#define LOOPS         16
#define MIN_COST_NS   30  /* less than that is no measurement */
#define TYPICAL_NS    250 /* the cost of a call while it could not be measured */

static void detach(struct tier *t)
{
	bpf_link__destroy(t->enter);
	bpf_link__destroy(t->exit);
	t->enter = t->exit = NULL;
}

/* Which of the programs are loaded: see core.bpf.c. Without tracefs there are no plain tracepoints. */
void tier_pick(struct live *l)
{
	char path[MOUNT_PATH_LEN];
	bool plain = l->kcfg.flags & HL_CFG_PREEMPT && !tracefs_mount(path);

	l->tier.enter_prog = plain ? "sys_enter_plain" : "sys_enter";
	l->tier.exit_prog = plain ? "sys_exit_plain" : "sys_exit";
	object_autoload(&l->core, l->tier.enter_prog);
	object_autoload(&l->core, l->tier.exit_prog);
}

/* Exits first: an exit without its entry can be told, an entry without its exit not so well. */
static int attach(struct live *l, bool looking)
{
	struct tier *t = &l->tier;
	struct hl_ctl *ctl = l->sh.ctl;
	int err;

	__atomic_store_n(&ctl->look, looking, __ATOMIC_RELEASE);
	__atomic_store_n(&ctl->calls_gen, ctl->calls_gen + 1, __ATOMIC_RELEASE);
	live_gate(l);
	err = object_attach(&l->core, t->exit_prog, &t->exit);
	if (!err)
		err = object_attach(&l->core, t->enter_prog, &t->enter);
	if (err)
		detach(t);
	return err;
}

static uint64_t loop_ns(void)
{
	uint64_t begin = clock_mono_ns();

	for (int i = 0; i < CALIBRATE; i++)
		syscall(SYS_getppid);
	return (clock_mono_ns() - begin) / CALIBRATE;
}

/* The least of them: what disturbs a loop only makes it longer. */
static uint64_t least_loop(void)
{
	uint64_t best = ~0ull, ns;

	for (int i = 0; i < LOOPS; i++) {
		ns = loop_ns();
		best = MIN(best, ns);
	}
	return best;
}

/* Not measured on a host that did not let us: the next look tries again. */
static void calibrate(struct live *l)
{
	uint64_t without = least_loop(), with;

	cells_drain(l);
	if (attach(l, false))
		return;
	with = least_loop();
	detach(&l->tier);
	l->tier.skipped += cells_skip_calls(l);
	l->tier.cost_ns = with >= without + MIN_COST_NS ? with - without : 0;
}

static uint64_t cpu_calls(const struct live *l, uint32_t cpu)
{
	const struct hl_cpu *c = &l->sh.cpus[cpu];

	return __atomic_load_n(&c->call_enter, __ATOMIC_RELAXED) +
	       __atomic_load_n(&c->call_looked, __ATOMIC_RELAXED);
}

static void count_calls(struct live *l)
{
	for (uint32_t i = 0; i < l->kcfg.nr_cpus; i++)
		l->tier.last_calls[i] = cpu_calls(l, i);
	l->tier.last_at = clock_mono_ns();
}

/* The share of the busiest CPU that the tier takes, or would take, since count_calls. */
static double share(struct live *l)
{
	uint64_t ns = clock_mono_ns() - l->tier.last_at, most = 0, n;

	for (uint32_t i = 0; i < l->kcfg.nr_cpus; i++) {
		n = cpu_calls(l, i) - l->tier.last_calls[i];
		most = MAX(most, n);
	}
	return ns ? (double)most * (l->tier.cost_ns ?: TYPICAL_NS) / ns : 0;
}

/* `auto` says what it does and what that rests on. */
static void say(struct tier *t, const char *what, const char *verb)
{
	char limit[32] = "";

	if (t->share >= MAX_SHARE)
		snprintf(limit, sizeof(limit), " (limit %.0f%%)", MAX_SHARE * 100);
	snprintf(t->reason, sizeof(t->reason), "auto: %s%s %.1f%% CPU%s", what, verb, t->share * 100, limit);
}

static int switch_on(struct live *l)
{
	int err = attach(l, false);

	l->tier.on = !err;
	if (err)
		return err;
	watch_set(l, HL_WATCH_CALLS, true);
	__atomic_store_n(&l->sh.ctl->watch_gen, l->sh.ctl->calls_gen, __ATOMIC_RELEASE);
	count_calls(l);
	return err;
}

static void switch_off(struct live *l)
{
	__atomic_store_n(&l->sh.ctl->watch_gen, 0, __ATOMIC_RELEASE);
	detach(&l->tier);
	watch_set(l, HL_WATCH_CALLS, false);
	l->tier.on = l->tier.probing = false;
	l->tier.good = 0;
	l->tier.next_look = clock_mono_ns() + LOOK_EVERY_NS;
}

static void begin_look(struct live *l)
{
	if (!l->tier.cost_ns)
		calibrate(l);
	if (attach(l, true))
		return;
	l->tier.probing = true;
	l->tier.look_end = clock_mono_ns() + LOOK_NS;
	count_calls(l);
}

static void end_look(struct live *l)
{
	struct tier *t = &l->tier;

	t->share = share(l);
	detach(t);
	t->probing = false;
	t->next_look = clock_mono_ns() + LOOK_EVERY_NS;
	t->good = t->share < MAX_SHARE ? t->good + 1 : 0;
	if (t->good >= GOOD_LOOKS && !switch_on(l)) {
		say(t, "", "costs");
		return;
	}
	say(t, t->share >= MAX_SHARE ? "" : "looking, ", "would cost");
}

void tier_tick(struct live *l)
{
	struct tier *t = &l->tier;
	uint64_t now = clock_mono_ns();

	if (t->mode != CALLS_AUTO || l->cfg.has_target)
		return;
	if (t->probing) {
		if (now >= t->look_end)
			end_look(l);
		return;
	}
	if (!t->on) {
		if (now >= t->next_look)
			begin_look(l);
		return;
	}
	if (now - t->last_at < NSEC_PER_SEC)
		return;
	t->share = share(l);
	count_calls(l);
	if (t->share >= MAX_SHARE) {
		switch_off(l);
		say(t, "switched off, ", "cost");
	} else {
		say(t, "", "costs");
	}
}

int tier_set(struct live *l, enum calls_mode mode)
{
	struct tier *t = &l->tier;
	int err = 0;

	if (t->on || t->probing)
		switch_off(l);
	t->mode = mode;
	t->good = 0;
	t->share = 0;
	if (mode == CALLS_ON || (mode == CALLS_AUTO && l->cfg.has_target))
		err = switch_on(l);
	snprintf(t->reason, sizeof(t->reason), "%s",
		 mode == CALLS_AUTO ? (l->cfg.has_target ? "of the target" : "auto: looking")
		 : mode == CALLS_ON ? (l->cfg.has_target ? "of the target" : "asked for")
				    : "switched off");
	t->next_look = clock_mono_ns() + FIRST_LOOK_NS;
	return err;
}

int tier_init(struct live *l)
{
	l->tier.last_calls = xcalloc(l->kcfg.nr_cpus, sizeof(uint64_t));
	return tier_set(l, l->cfg.calls);
}

void tier_fini(struct live *l)
{
	detach(&l->tier);
	cleanup_free(&l->tier.last_calls);
}
