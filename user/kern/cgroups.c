/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * CPU quotas: each cgroup that a known process is in, and those above it; of those that have a quota
 * the kernel's figures, as CGROUP records. A limit is looked for when a cgroup is first met, every few
 * seconds, and as soon as a thread under no known limit was throttled. Called by life.c, slots.c and
 * live.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "host/container.h"
#include "host/quota.h"
#include "kern/kern.h"

#define MAX_KNOWN   8192
#define MAX_EXISTED 65536
#define MAX_LIMITED 256 /* so many are read at a refresh; each has a descriptor open */
#define ASK_AGAIN   (5 * NSEC_PER_SEC)
#define READ_AGAIN  (3 * NSEC_PER_SEC / 2)
#define ASK_LEAST   (50 * NSEC_PER_MSEC)
#define ASK_SPREAD  16 /* not all at one refresh */

/* It lives as long as a process or a cgroup below it holds it, and then until it was told of. */
struct kcgroup {
	struct kcgroup *parent; /* NULL: of those below the root */
	char *path;
	uint32_t refs;
	int stat;           /* its cpu.stat; -1: not open */
	uint64_t asked;     /* when its limit was */
	struct quota was;   /* as it was read last */
	struct quota told;  /* … and as it was sent last, where it was */
	bool placed;        /* parent is set */
	bool limited, sent; /* it has a quota now; a record was */
	bool had_none;      /* it was seen without */
	bool crowded;       /* it has one, but there is no room for more of them */
	bool gone;
};

void kcgroups_init(struct kcgroups *g)
{
	g->by_path = hash_new(sizeof(uint64_t));
	g->existed = hash_new(sizeof(uint64_t));
	g->tree = cpu_tree_open();
}

/* Where a thread is queued when it wakes is asked while there are quotas, and where that matters: others do
 * not pay for it. */
static const char *const queued[] = { "sched_wakeup", "sched_wakeup_new" };

void kcgroups_pick(struct live *l)
{
	for (size_t i = 0; i < ARRAY_SIZE(queued) && l->kcfg.flags & HL_CFG_QUEUE_OUT; i++)
		object_autoload(&l->core, queued[i]);
}

void kcgroups_unhook(struct live *l)
{
	for (size_t i = 0; i < ARRAY_SIZE(queued); i++) {
		bpf_link__destroy(l->cgroups.queued[i]);
		l->cgroups.queued[i] = NULL;
	}
}

static void hook(struct live *l)
{
	l->cgroups.unhooked = false;
	for (size_t i = 0; i < ARRAY_SIZE(queued) && l->kcfg.flags & HL_CFG_QUEUE_OUT; i++)
		if (!l->cgroups.queued[i] && object_attach(&l->core, queued[i], &l->cgroups.queued[i]))
			l->cgroups.unhooked = true;
}

static void note(void *arg, const char *path)
{
	struct kcgroups *g = arg;
	uint64_t key = hash_bytes(path, strlen(path));

	hash_put(g->existed, &key, g);
}

void kcgroups_find(struct live *l)
{
	struct kcgroups *g = &l->cgroups;

	g->all_existed = g->tree && cpu_tree_each(g->tree, MAX_EXISTED, note, g);
}

/* Has it begun while we were there, with nothing on its books? */
static bool is_new(const struct kcgroups *g, const char *path)
{
	uint64_t key = hash_bytes(path, strlen(path));

	return !g->all_existed && !hash_get(g->existed, &key);
}

static void unlimit(struct kcgroups *g, struct kcgroup *k)
{
	cleanup_close(&k->stat);
	k->stat = -1;
	g->limited -= k->limited;
	k->limited = false;
}

static void destroy(struct kcgroups *g, struct kcgroup *k)
{
	unlimit(g, k);
	free(k->path);
	free(k);
}

void kcgroups_fini(struct kcgroups *g)
{
	struct kcgroup *k;

	for (size_t i = 0; g->by_path && (k = hash_next(g->by_path, &i, NULL));)
		destroy(g, k);
	hash_free(g->by_path);
	hash_free(g->existed);
	cpu_tree_close(g->tree);
	memset(g, 0, sizeof(*g));
}

bool kcgroups_apart(const struct live *l)
{
	return l->cgroups.tree && !cpu_tree_unified(l->cgroups.tree);
}

int kcgroups_path(const struct live *l, uint32_t pid, char *path)
{
	return cpu_tree_path(l->cgroups.tree, (int)pid, path);
}

/* ---- figures --------------------------------------------------------------------------- */

static void send(struct live *l, struct kcgroup *k)
{
	char name[CONTAINER_NAME_LEN];
	struct hl_rec_cgroup *r = LIVE_BEGIN(l, CGROUP, cgroup);
	struct container c;

	container_parse(k->path, &c);
	r->h.ts = clock_boot_ns();
	r->quota_ns = k->was.quota_ns;
	r->period_ns = k->was.period_ns;
	r->periods = k->was.periods;
	r->throttled = k->was.throttled;
	r->throttled_ns = k->was.throttled_ns;
	r->usage_ns = k->was.usage_ns;
	r->flags = k->gone ? HL_CGROUP_GONE : 0;
	rec_add_str(&l->buf, k->path);
	rec_add_str(&l->buf, container_name(&c, name));
	live_emit(l);
	k->told = k->was;
	k->sent = true;
}

static bool is_gone(int err)
{
	return err == -ENODEV || err == -ENOENT;
}

static void mark_gone(struct live *l, struct kcgroup *k)
{
	unlimit(&l->cgroups, k);
	if (k->gone || !k->sent)
		return;
	k->gone = true;
	send(l, k);
}

/* What cpu.stat says, into k->was; what was read before stays where it cannot be. */
static int read_stat(struct live *l, struct kcgroup *k)
{
	struct quota q = k->was;
	int err;

	if (k->stat < 0)
		k->stat = cpu_tree_open_stat(l->cgroups.tree, k->path);
	err = k->stat < 0 ? k->stat : cpu_stat_read(k->stat, &q);
	if (err)
		return err;
	q.quota_ns = k->was.quota_ns;
	q.period_ns = k->was.period_ns;
	k->was = q;
	return 0;
}

/* It has a quota from now on. What it used before it had one is left out. */
static void limit(struct live *l, struct kcgroup *k)
{
	struct quota base = k->told;

	if (k->limited)
		return;
	k->crowded = l->cgroups.limited >= MAX_LIMITED;
	if (k->crowded)
		return;
	k->limited = true;
	if (!l->cgroups.limited++)
		hook(l);
	if (k->sent)
		return;
	if (k->had_none && !read_stat(l, k))
		base.usage_ns = k->was.usage_ns;
	base.quota_ns = k->was.quota_ns;
	base.period_ns = k->was.period_ns;
	k->was = base;
	send(l, k);
}

/* Has it a quota, and which? */
static void ask(struct live *l, struct kcgroup *k)
{
	struct quota q = {};
	int err = cpu_tree_quota(l->cgroups.tree, k->path, &q);

	k->asked = clock_mono_ns();
	k->crowded = false;
	if (is_gone(err))
		mark_gone(l, k);
	if (err)
		return;
	k->was.quota_ns = q.quota_ns;
	k->was.period_ns = q.period_ns;
	k->had_none |= !q.quota_ns;
	if (q.quota_ns)
		limit(l, k);
	else if (k->limited && k->told.quota_ns == q.quota_ns) /* it was told that it has none any more */
		unlimit(&l->cgroups, k);
}

/* A figure that is known at all was 0 once. */
static uint64_t at_first(uint64_t now)
{
	return now == QUOTA_UNKNOWN ? now : 0;
}

/* One that is met for the first time. It may have no quota yet: where its figures stand is known then. */
static void meet(struct live *l, struct kcgroup *k)
{
	k->had_none = false;
	k->was = (struct quota){ QUOTA_UNKNOWN, QUOTA_UNKNOWN, QUOTA_UNKNOWN,
				 QUOTA_UNKNOWN, QUOTA_UNKNOWN, QUOTA_UNKNOWN };
	read_stat(l, k);
	k->told = k->was;
	if (is_new(&l->cgroups, k->path)) {
		k->told.periods = at_first(k->was.periods);
		k->told.throttled = at_first(k->was.throttled);
		k->told.throttled_ns = at_first(k->was.throttled_ns);
		k->told.usage_ns = at_first(k->was.usage_ns);
	}
	ask(l, k);
	k->asked -= hash_count(l->cgroups.by_path) % ASK_SPREAD * (ASK_AGAIN / ASK_SPREAD);
	if (!k->limited)
		unlimit(&l->cgroups, k); /* closes it */
}

/* Who has that path from now on did not exist before. */
static void note_gone(struct kcgroups *g, const char *path)
{
	uint64_t key = hash_bytes(path, strlen(path));

	hash_del(g->existed, &key);
}

/* Another one may have its path by now. */
static void revive(struct live *l, struct kcgroup *k)
{
	struct quota q;

	if (!k->gone || cpu_tree_quota(l->cgroups.tree, k->path, &q))
		return;
	k->gone = k->sent = false;
	note_gone(&l->cgroups, k->path);
	meet(l, k);
}

static void refresh(struct live *l, struct kcgroup *k)
{
	int err;

	if (!k->gone && clock_mono_ns() - k->asked >= ASK_AGAIN)
		ask(l, k);
	l->cgroups.over += k->crowded;
	if (!k->limited)
		return;
	l->cgroups.due++;
	err = read_stat(l, k);
	if (is_gone(err)) {
		l->cgroups.delivered++; /* that it is gone is what there was to tell */
		mark_gone(l, k);
		if (k->refs)
			revive(l, k);
	} else if (err) {
		l->cgroups.unreadable++;
	} else {
		l->cgroups.delivered++;
		if (memcmp(&k->was, &k->told, sizeof(k->was)))
			send(l, k);
	}
}

/* ---- which there are ------------------------------------------------------------------------ */

/* The path above, "" for one below the root. */
static size_t parent_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

static struct kcgroup *get(struct live *l, const char *path, size_t len)
{
	struct kcgroups *g = &l->cgroups;
	uint64_t key = hash_bytes(path, len);
	struct kcgroup *k = hash_get(g->by_path, &key);

	if (k) {
		revive(l, k);
		return strncmp(k->path, path, len) || k->path[len] ? NULL : k;
	}
	if (hash_count(g->by_path) >= MAX_KNOWN) {
		g->over++;
		return NULL;
	}
	k = xcalloc(1, sizeof(*k));
	k->path = xcalloc(len + 1, 1);
	memcpy(k->path, path, len);
	k->stat = -1;
	hash_put(g->by_path, &key, k);
	meet(l, k);
	return k;
}

struct kcgroup *kcgroup_get(struct live *l, const char *path)
{
	struct kcgroup *first = NULL, *below = NULL, *k;
	bool placed = false;

	if (!l->cgroups.tree || !path || *path != '/')
		return NULL;
	for (size_t len = strlen(path); len > 1 && !placed; len = parent_len(k->path)) {
		k = get(l, path, len);
		if (!k)
			break;
		placed = k->placed;
		k->placed = true;
		k->refs++;
		if (below)
			below->parent = k;
		else
			first = k;
		below = k;
	}
	return first;
}

void kcgroup_put(struct kcgroup *k)
{
	if (k)
		k->refs--;
}

void kcgroup_throttled(struct live *l, struct kcgroup *k)
{
	uint64_t now = clock_mono_ns();

	for (struct kcgroup *p = k; p; p = p->parent)
		if (p->limited)
			return;
	for (; k; k = k->parent)
		if (!k->gone && now - k->asked > ASK_LEAST)
			ask(l, k);
}

/* Those that nobody holds any more; with each its hold of the one above it goes. One with a quota is kept:
 * that it is removed is to be told. */
static void forget(struct live *l)
{
	struct kcgroups *g = &l->cgroups;
	VEC(uint64_t) empty = {};
	const void *key;
	struct kcgroup *k;

	for (size_t i = 0; (k = hash_next(g->by_path, &i, &key));)
		if (!k->refs && !k->limited)
			*vec_add(&empty) = *(const uint64_t *)key;
	for (size_t i = 0; i < empty.n; i++) {
		k = hash_del(g->by_path, &empty.v[i]);
		kcgroup_put(k->parent);
		destroy(g, k);
	}
	vec_free(&empty);
}

void kcgroups_send(struct live *l)
{
	struct kcgroup *k;

	if (!l->cgroups.tree)
		return;
	l->cgroups.sent = clock_mono_ns();
	for (size_t i = 0; (k = hash_next(l->cgroups.by_path, &i, NULL));)
		refresh(l, k);
	forget(l);
	if (!l->cgroups.limited)
		kcgroups_unhook(l);
}

/* What is removed takes its figures along: they are read now and then, however long the interval is. */
void kcgroups_drain(struct live *l)
{
	if (l->started && !l->mute && clock_mono_ns() - l->cgroups.sent >= READ_AGAIN)
		kcgroups_send(l);
}
