/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Cgroups with a CPU quota: what the kernel says of each, and beside it the time that we saw the threads
 * in it spend. Time goes to the nearest one above a thread's process at once; a row adds up what is
 * below it, as a quota does. Figures are taken as differences: one that became smaller, or of a cgroup
 * that was gone, is of a new one with that path. Called by model.c, procs.c, slow.c and picture.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmt.h"
#include "base/str.h"
#include "model/state.h"
#include "rec/rec.h"

#define NR_FIGURES 4

struct figures {
	uint64_t v[NR_FIGURES]; /* periods, throttled, throttled_ns, usage_ns; HL_CGROUP_UNKNOWN */
};

struct cgroup {
	struct istr *path, *container;
	struct cgroup *parent; /* the nearest one with a quota above it */
	uint64_t quota_ns, period_ns;
	struct figures last;                         /* as they were told last */
	uint64_t total[NR_FIGURES], ivl[NR_FIGURES]; /* what was added, modulo nothing */
	struct clocks clocks;       /* of its processes, but for those that are nearer to another */
	uint64_t first_ts, gone_ts; /* gone_ts 0: it is there */
	bool told;
	bool belongs; /* while rows are made: a process of this run is in it */
	struct cgroup_row *row;
};

/* The states that its time is kept of. */
static const uint8_t kept[] = { HL_STATE_CPU, HL_STATE_RUNQUEUE, HL_STATE_THROTTLED };

/* ---- which there are ------------------------------------------------------------------ */

void cgroups_init(struct model *m)
{
	m->cgroup_by_path = hash_new(sizeof(uint64_t));
}

static void cgroup_free(struct model *m, struct cgroup *c)
{
	intern_put(m->interns, c->path);
	intern_put(m->interns, c->container);
	free(c);
}

void cgroups_fini(struct model *m)
{
	for (size_t i = 0; i < m->cgroups.n; i++)
		cgroup_free(m, m->cgroups.v[i]);
	vec_free(&m->cgroups);
	hash_free(m->cgroup_by_path);
}

static struct cgroup *find(const struct model *m, const char *path, size_t len)
{
	uint64_t key = hash_bytes(path, len);
	struct cgroup *c = hash_get(m->cgroup_by_path, &key);

	return c && c->path->len == len && !memcmp(c->path->s, path, len) ? c : NULL;
}

/* The nearest one of those with this path, or one above it; below: not that itself. */
static struct cgroup *nearest(const struct model *m, const struct istr *path, bool above)
{
	size_t len = path ? path->len : 0;
	struct cgroup *c = NULL;

	if (above)
		while (len && path->s[--len] != '/')
			;
	while (len && !(c = find(m, path->s, len)))
		while (len && path->s[--len] != '/')
			;
	return c;
}

static void place_all(struct model *m)
{
	m->quota_gen++;
	for (size_t i = 0; i < m->cgroups.n; i++)
		m->cgroups.v[i]->parent = nearest(m, m->cgroups.v[i]->path, true);
}

static void add_times(struct cgroup *to, const struct cgroup *from)
{
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		to->clocks.total[kept[i]] += from->clocks.total[kept[i]];
		to->clocks.ivl[kept[i]] += from->clocks.ivl[kept[i]];
	}
}

/* Drops the one that has been gone for longest; its time stays with the one above it. False: none is. */
static bool drop_oldest(struct model *m)
{
	struct cgroup *c = NULL;
	size_t at = 0;
	uint64_t key;

	for (size_t i = 0; i < m->cgroups.n; i++) {
		struct cgroup *o = m->cgroups.v[i];

		if (!o->gone_ts || (c && c->gone_ts <= o->gone_ts))
			continue;
		c = o;
		at = i;
	}
	if (!c)
		return false;
	if (c->parent)
		add_times(c->parent, c);
	key = hash_bytes(c->path->s, c->path->len);
	hash_del(m->cgroup_by_path, &key);
	m->cgroups.v[at] = m->cgroups.v[--m->cgroups.n];
	cgroup_free(m, c);
	place_all(m);
	return true;
}

static struct cgroup *get(struct model *m, const char *path)
{
	size_t len = strlen(path);
	uint64_t key = hash_bytes(path, len);
	struct cgroup *c = find(m, path, len);

	if (c)
		return c;
	if (hash_get(m->cgroup_by_path, &key)) /* of another path that hashes to the same */
		return NULL;
	if (m->cgroups.n >= m->limits.max_cgroups && !drop_oldest(m))
		return NULL;
	c = xcalloc(1, sizeof(*c));
	c->path = intern_get(m->interns, path, len);
	hash_put(m->cgroup_by_path, &key, c);
	*vec_add(&m->cgroups) = c;
	place_all(m);
	return c;
}

/* ---- what is told of them ------------------------------------------------------------- */

/* Adds what one figure has moved by; fresh: it began at nothing. */
static void take(struct cgroup *c, unsigned int i, uint64_t now, bool fresh)
{
	uint64_t was = c->last.v[i], diff;

	if (now == HL_CGROUP_UNKNOWN)
		return;
	if (was == HL_CGROUP_UNKNOWN)
		was = now;
	diff = fresh || now < was ? now : now - was;
	c->total[i] += diff;
	c->ivl[i] += diff;
	c->last.v[i] = now;
}

int cgroup_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_cgroup *r = (const void *)rec;
	const struct figures now = { { r->periods, r->throttled, r->throttled_ns, r->usage_ns } };
	const char *path = rec_tail_str(rec, 0);
	bool gone = r->flags & HL_CGROUP_GONE, back;
	struct cgroup *c = *path == '/' && path[1] ? get(m, path) : NULL;

	if (!c)
		return *path == '/' ? 0 : -EINVAL;
	back = c->gone_ts && !gone;
	intern_set(m->interns, &c->container, rec_tail_str(rec, 1), REC_MAX);
	if (!c->told) {
		c->first_ts = rec->ts;
		c->last = now;
	}
	for (unsigned int i = 0; i < NR_FIGURES; i++)
		take(c, i, now.v[i], back);
	c->told = true;
	c->quota_ns = r->quota_ns == HL_CGROUP_UNKNOWN ? 0 : r->quota_ns;
	c->period_ns = r->period_ns == HL_CGROUP_UNKNOWN ? 0 : r->period_ns;
	c->gone_ts = gone ? MAX(rec->ts, 1) : 0;
	return 0;
}

static struct cgroup *of_proc(struct model *m, struct proc *p)
{
	if (p->quota_gen != m->quota_gen) {
		p->quota = nearest(m, p->cpu_cgroup ? p->cpu_cgroup : p->cgroup, false);
		p->quota_gen = m->quota_gen;
	}
	return p->quota;
}

void cgroups_charge(struct model *m, struct proc *p, const uint64_t *diff)
{
	struct cgroup *c = m->cgroups.n ? of_proc(m, p) : NULL;

	for (size_t i = 0; c && i < ARRAY_SIZE(kept); i++) {
		c->clocks.total[kept[i]] += diff[kept[i]];
		c->clocks.ivl[kept[i]] += diff[kept[i]];
	}
}

struct istr *cgroup_with_quota(struct model *m, struct proc *p)
{
	struct cgroup *c = m->cgroups.n ? of_proc(m, p) : NULL;

	while (c && !c->quota_ns)
		c = c->parent;
	return c ? c->path : NULL;
}

void cgroups_roll(struct model *m)
{
	for (size_t i = 0; i < m->cgroups.n; i++) {
		struct cgroup *c = m->cgroups.v[i];

		memset(c->ivl, 0, sizeof(c->ivl));
		memset(c->clocks.ivl, 0, sizeof(c->clocks.ivl));
	}
}

/* ---- whose quota it was ----------------------------------------------------------------- */

enum { PERIODS, THROTTLED, THROTTLED_NS, USAGE_NS };

/* Of several above it the one that held back most in this interval; a single one must be it. */
static struct cgroup *culprit(struct cgroup *c)
{
	struct cgroup *most = NULL, *only = NULL;
	unsigned int n = 0;

	for (; c; c = c->parent) {
		if (!c->quota_ns)
			continue;
		only = n++ ? NULL : c;
		if ((c->ivl[THROTTLED] || c->ivl[THROTTLED_NS]) &&
		    (!most || c->ivl[THROTTLED_NS] > most->ivl[THROTTLED_NS]))
			most = c;
	}
	return most ? most : only;
}

void cgroup_of_slow(struct model *m, struct slow *s)
{
	struct throttle *t = &s->row.throttle;
	struct cgroup *c;

	if (!s->row.time[HL_STATE_THROTTLED] || s->quota_path || !m->cgroups.n)
		return;
	c = culprit(of_proc(m, s->proc));
	if (!c)
		return;
	s->quota_path = intern_hold(c->path);
	t->quota_ns = c->quota_ns;
	t->period_ns = c->period_ns;
	t->periods = c->ivl[PERIODS];
	t->throttled = c->ivl[THROTTLED];
}

/* "throttled 42.0ms: quota 0.50 CPU of /a/b (100ms periods), throttled in 61% of its periods" */
static const char *text_of(const struct slow *s, struct arena *a)
{
	const struct throttle *t = &s->row.throttle;
	char buf[FMT_LEN];
	struct str text = {};
	const char *copy;

	str_addf(&text, "throttled %s: quota ", fmt_ns(buf, s->row.time[HL_STATE_THROTTLED]));
	if (t->period_ns)
		str_addf(&text, "%s CPU ", fmt_cpus(buf, (double)t->quota_ns / (double)t->period_ns));
	str_addf(&text, "of %s", s->quota_path->s);
	if (t->period_ns)
		str_addf(&text, " (%s periods)", fmt_ns(buf, t->period_ns));
	if (t->periods)
		str_addf(&text, ", throttled in %s of its periods",
			 fmt_pct(buf, 100.0 * (double)t->throttled / (double)t->periods));
	copy = arena_strn(a, str_get(&text), text.len);
	str_free(&text);
	return copy;
}

void throttle_copy(struct throttle *to, const struct slow *s, struct arena *a, uint64_t stamp)
{
	*to = s->row.throttle;
	to->cgroup = intern_copy(s->quota_path, a, stamp);
	to->text = to->cgroup ? text_of(s, a) : NULL;
}

/* ---- rows ------------------------------------------------------------------------------- */

static void fill_half(struct cgroup_half *h, const uint64_t *v, uint64_t wall_ns)
{
	*h = (struct cgroup_half){ v[PERIODS], v[THROTTLED], v[THROTTLED_NS], v[USAGE_NS], {}, wall_ns };
}

static unsigned int known(const struct figures *f)
{
	return (f->v[PERIODS] != HL_CGROUP_UNKNOWN && f->v[THROTTLED] != HL_CGROUP_UNKNOWN ? CGROUP_PERIODS
											   : 0) |
	       (f->v[THROTTLED_NS] != HL_CGROUP_UNKNOWN ? CGROUP_TIME : 0) |
	       (f->v[USAGE_NS] != HL_CGROUP_UNKNOWN ? CGROUP_USAGE : 0);
}

static void row_fill(struct model *m, struct cgroup *c, struct cgroup_row *r, struct arena *a, uint64_t stamp)
{
	uint64_t since = m->ts > c->first_ts ? m->ts - c->first_ts : 0;

	*r = (struct cgroup_row){ .path = intern_copy(c->path, a, stamp),
				  .container = intern_copy(c->container, a, stamp),
				  .quota_ns = c->quota_ns,
				  .period_ns = c->period_ns,
				  .known = known(&c->last),
				  .gone = c->gone_ts };
	fill_half(&r->total, c->total, since);
	fill_half(&r->ivl, c->ivl, MIN(since, m->interval_ns));
}

/* What its processes did is done in all those above it too. */
static void row_times(const struct cgroup *from)
{
	for (const struct cgroup *c = from; c; c = c->parent)
		for (size_t i = 0; i < ARRAY_SIZE(kept) && c->row; i++) {
			c->row->total.time[kept[i]] += not_negative(from->clocks.total[kept[i]]);
			c->row->ivl.time[kept[i]] += not_negative(from->clocks.ivl[kept[i]]);
		}
}

static void mark_ours(struct model *m)
{
	bool all = !restricts(m);

	for (size_t i = 0; i < m->cgroups.n; i++)
		m->cgroups.v[i]->belongs = all;
	for (size_t i = 0; i < m->procs.n && !all; i++) {
		struct proc *p = m->procs.v[i];
		struct cgroup *c = p->belongs ? of_proc(m, p) : NULL;

		for (; c && !c->belongs; c = c->parent)
			c->belongs = true;
	}
}

struct cgroup_row *cgroup_rows(struct model *m, struct arena *a, uint64_t stamp, size_t *n)
{
	struct cgroup_row *rows = arena_alloc(a, m->cgroups.n * sizeof(*rows));

	*n = 0;
	mark_ours(m);
	for (size_t i = 0; i < m->cgroups.n; i++) {
		struct cgroup *c = m->cgroups.v[i];

		c->row = c->belongs ? &rows[(*n)++] : NULL;
		if (c->row)
			row_fill(m, c, c->row, a, stamp);
	}
	for (size_t i = 0; i < m->cgroups.n; i++)
		row_times(m->cgroups.v[i]);
	return rows;
}
