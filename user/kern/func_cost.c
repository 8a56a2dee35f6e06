/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the probes cost the programs: how often each was hit in a second, times what that costs on this
 * machine, which a child measures meanwhile (sym/probe_cost.c). Said in one line where it is much: as soon as
 * it passes a hundredth of a CPU, and once more from a tenth on. Called by live.c.
 */
#include <stdlib.h>

#include "base/fmt.h"
#include "base/log.h"
#include "base/str.h"
#include "kern/kern.h"

#define SAMPLE_NS NSEC_PER_SEC
#define OURS_NS   150 /* of a probe, what our programs take beyond what the child measures */

/* From which share of a CPU on it is said. */
static const struct {
	double share;
	enum log_level level;
	const char *more;
} marks[] = {
	{ 0, LOG_DEBUG, "" },
	{ 0.01, LOG_INFO, "" },
	{ 0.10, LOG_WARN, "; fewer functions, or one process (-p), cost less" },
};

struct func_costs {
	struct probe_cost *measuring; /* NULL: it is known, as well as it will be */
	struct probe_costs is;
	uint64_t begin; /* of a sample, CLOCK_MONOTONIC; 0: there is none yet */
	uint64_t *hits; /* then, by number */
	size_t said;    /* the highest mark */
};

/* As they were measured on one machine, a virtual one: until it is known what they are here. */
static const struct probe_costs usual = {
	.ns = { [SITE_CALL] = 450, [SITE_EMULATED] = 670, [SITE_STEPPED] = 10000, [PROBE_RETURN] = 520 },
};

struct func_costs *func_costs_new(bool measure)
{
	struct func_costs *c = xcalloc(1, sizeof(*c));

	c->is = usual;
	c->hits = xcalloc(FUNC_MOST + 1, sizeof(*c->hits));
	c->measuring = measure ? probe_cost_begin() : NULL;
	return c;
}

void func_costs_free(struct func_costs *c)
{
	struct probe_costs none;

	if (!c)
		return;
	if (c->measuring)
		probe_cost_end(c->measuring, &none);
	free(c->hits);
	free(c);
}

static uint32_t cost_of(const struct func_costs *c, uint32_t what)
{
	return what < NR_PROBE_COSTS ? c->is.ns[what] + OURS_NS : 0;
}

void func_cost_is(struct live *l, struct func *f, uint32_t begin, uint32_t end)
{
	f->begin_cost = (uint8_t)begin;
	f->end_cost = (uint8_t)end;
	f->cost_ns = cost_of(l->funcs.costs, begin) + cost_of(l->funcs.costs, end);
}

static void measured(struct live *l, struct func_costs *c)
{
	struct probe_costs here;
	int err = probe_cost_end(c->measuring, &here);

	c->measuring = NULL;
	for (size_t i = 0; !err && i < NR_PROBE_COSTS; i++)
		if (here.ns[i])
			c->is.ns[i] = here.ns[i];
	pr_dbg("a probe costs, in ns: call %u, emulated %u, stepped %u, return %u", c->is.ns[SITE_CALL],
	       c->is.ns[SITE_EMULATED], c->is.ns[SITE_STEPPED], c->is.ns[PROBE_RETURN]);
	for (size_t i = 0; i < l->funcs.v.n; i++) {
		struct func *f = l->funcs.v.v[i];

		if (!(f->flags & HL_FUNC_KERNEL)) /* of which the child knows nothing */
			func_cost_is(l, f, f->begin_cost, f->end_cost);
	}
}

/* How often it was called (a begin and an end, but of a point) since the sample began. */
static uint64_t calls_of(const struct live *l, const struct func *f)
{
	uint64_t hits = funcs_hits(l, f->id) - l->funcs.costs->hits[f->id];

	return f->flags & HL_FUNC_POINT ? hits : hits / 2;
}

static void say(const struct live *l, size_t mark, double share, double ns)
{
	const struct func *most = NULL;
	char calls[FMT_LEN], of_all[FMT_LEN], of_it[FMT_LEN];
	uint64_t dearest = 0;

	for (size_t i = 0; i < l->funcs.attached; i++) {
		const struct func *f = l->funcs.v.v[i];
		uint64_t cost = calls_of(l, f) * f->cost_ns;

		if (!f->is_off && cost > dearest) {
			dearest = cost;
			most = f;
		}
	}
	if (!most)
		return;
	fmt_pct(of_all, 100 * share);
	fmt_pct(of_it, 100 * (double)dearest / ns);
	fmt_count(calls, (uint64_t)((double)calls_of(l, most) * NSEC_PER_SEC / ns));
	log_printf(marks[mark].level,
		   "the probes cost about %s of a CPU now; most is %s's, called %s times a second: %s%s",
		   of_all, most->name, calls, of_it, marks[mark].more);
}

static void begin_sample(struct live *l, uint64_t now)
{
	struct func_costs *c = l->funcs.costs;

	c->begin = now;
	for (size_t i = 0; i < l->funcs.attached; i++)
		c->hits[i + 1] = funcs_hits(l, (uint32_t)i + 1);
}

void funcs_estimate(struct live *l)
{
	struct func_costs *c = l->funcs.costs;
	uint64_t now = clock_mono_ns();
	double cost = 0, ns;
	size_t mark = 0;

	if (!l->funcs.shared || c->said + 1 >= ARRAY_SIZE(marks))
		return;
	if (c->measuring && probe_cost_step(c->measuring))
		measured(l, c);
	if (c->begin && now - c->begin < SAMPLE_NS)
		return;
	ns = (double)(now - c->begin);
	for (size_t i = 0; c->begin && i < l->funcs.attached; i++)
		if (!l->funcs.v.v[i]->is_off)
			cost += (double)calls_of(l, l->funcs.v.v[i]) * l->funcs.v.v[i]->cost_ns;
	while (mark + 1 < ARRAY_SIZE(marks) && cost >= marks[mark + 1].share * ns)
		mark++;
	if (mark > c->said && !c->measuring) {
		say(l, mark, cost / ns, ns);
		c->said = mark;
	}
	begin_sample(l, now);
}
