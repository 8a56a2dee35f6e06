/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Probes of functions, on and off. Called by funcs.c and func_guard.c.
 *
 * Since v6.12 the kernel waits, for each link that goes, until nobody is in a probe: a tenth of a second and
 * more. There one link has the probes of all functions of a file (a link of both ends, a session, of a
 * function that is alone: that costs each call less). To take one off, the others are put on once more, in
 * another generation, which their cookies tell; then that one counts, and the links from before may go: calls
 * in progress are seen to return. (Not by a session that came after they began.) Before v6.12 each probe has
 * a link, which goes at once.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "kern/func_sites.h"
#include "kern/kern.h"

/* What libbpf 1.1 and its headers do not know yet (89ae89f53d20, d920179b3d48). */
enum { UPROBE_MULTI = 48, UPROBE_SESSION = 57, UPROBE_MULTI_RETURN = 1 };

struct multi_attr {
	__u32 prog_fd, target_fd, attach_type, flags;
	__aligned_u64 path, offsets, ref_ctr_offsets, cookies;
	__u32 cnt, multi_flags, pid, pad;
};

/* The links that a group may have, in the order of attaching: an end without its begin must not be. */
static const struct kind {
	const char *prog;
	bool returns; /* where the kernel sees a function return */
} kinds[] = {
	{ "func_leave", true }, { "func_leave", false }, { "func_point", false }, { "func_enter", false }
};

const char *func_links_way(const struct live *l)
{
	if (l->kcfg.flags & HL_CFG_SESSION)
		return "many probes with one link, or both ends of a function as one (sessions)";
	if (l->kcfg.flags & HL_CFG_MULTI)
		return "many probes with one link";
	return "a link for each probe";
}

static struct bpf_program *prog_of(const struct live *l, const char *name)
{
	return bpf_object__find_program_by_name(l->parts[PART_FUNC].obj.bpf, name);
}

void func_links_prepare(struct live *l, struct part *p)
{
	struct bpf_program *call = bpf_object__find_program_by_name(p->obj.bpf, "func_call");

	for (size_t i = 0; i < ARRAY_SIZE(kinds) && l->kcfg.flags & HL_CFG_MULTI; i++)
		bpf_program__set_expected_attach_type(
			bpf_object__find_program_by_name(p->obj.bpf, kinds[i].prog),
			(enum bpf_attach_type)UPROBE_MULTI);
	bpf_program__set_expected_attach_type(call, (enum bpf_attach_type)UPROBE_SESSION);
	bpf_program__set_autoload(call, l->kcfg.flags & HL_CFG_SESSION);
}

static void path_of(const struct func_file *f, char (*path)[64])
{
	snprintf(*path, sizeof(*path), "/proc/self/fd/%d", f->fd);
}

/* ---- one by one ---------------------------------------------------------------------------------------- */

static int attach_probe(struct live *l, struct func *f, struct func_probe *p, pid_t pid)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = p->cookie, .ref_ctr_offset = p->semaphore,
		    .retprobe = p->is_return);
	struct bpf_link *link;
	char path[64];

	path_of(f->file, &path);
	link = bpf_program__attach_uprobe_opts(prog_of(l, p->prog), pid ?: -1, path, p->offset, &opts);
	if (!link)
		return -errno;
	*vec_add(&f->links) = link;
	return 0;
}

/* The processes that they are put on, one after the other; none: 0, all that have the file. */
static size_t nr_targets(const struct live *l)
{
	return l->target_pid || !l->cfg.nr_pids ? 1 : l->cfg.nr_pids;
}

static pid_t target(const struct live *l, size_t i)
{
	return l->target_pid || !l->cfg.nr_pids ? 0 : (pid_t)l->cfg.pids[i];
}

/* What came of the processes so far: one that has ended is nobody's loss while another one is there. */
static int merge_target(int so_far, int err)
{
	return err == -ESRCH ? so_far : err;
}

int func_links_alone(struct live *l, struct func *f)
{
	int all = -ESRCH;

	for (size_t k = 0; (!all || all == -ESRCH) && k < nr_targets(l); k++) {
		int err = 0;

		for (size_t i = 0; !err && i < f->probes.n; i++)
			err = attach_probe(l, f, &f->probes.v[i], target(l, k));
		all = merge_target(all, err);
	}
	return all;
}

/* ---- many together ---------------------------------------------------------------------------------------
 */

struct sites {
	VEC(uint64_t) offsets, semaphores, cookies;
};

static void sites_free(struct sites *s)
{
	vec_free(&s->offsets);
	vec_free(&s->semaphores);
	vec_free(&s->cookies);
}

static void sites_add(struct sites *s, const struct func_probe *p, uint8_t gen)
{
	*vec_add(&s->offsets) = p->offset;
	*vec_add(&s->semaphores) = p->semaphore;
	*vec_add(&s->cookies) = p->cookie | (uint64_t)gen << HL_FUNC_GEN_SHIFT;
}

static int link_sites(struct live *l, struct func_group *g, const struct sites *s, const char *prog,
		      bool returns, pid_t pid)
{
	struct bpf_program *p = prog_of(l, prog);
	struct multi_attr a = {
		.prog_fd = (__u32)bpf_program__fd(p),
		.attach_type = (__u32)bpf_program__expected_attach_type(p),
		.offsets = (uintptr_t)s->offsets.v,
		.ref_ctr_offsets = (uintptr_t)s->semaphores.v,
		.cookies = (uintptr_t)s->cookies.v,
		.cnt = (__u32)s->offsets.n,
		.multi_flags = returns ? UPROBE_MULTI_RETURN : 0,
		.pid = (__u32)pid,
	};
	char path[64];
	int fd;

	path_of(g->file, &path);
	a.path = (uintptr_t)path;
	fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &a, sizeof(a));
	if (fd < 0)
		return -errno;
	*vec_add(&g->links) = fd;
	return 0;
}

static int link_kind(struct live *l, struct func_group *g, const struct kind *k, pid_t pid)
{
	struct sites s = {};
	int err = 0;

	for (size_t i = 0; i < g->v.n; i++)
		for (size_t n = 0; n < g->v.v[i]->probes.n; n++) {
			const struct func_probe *p = &g->v.v[i]->probes.v[n];

			if (p->is_return == k->returns && !strcmp(p->prog, k->prog))
				sites_add(&s, p, g->gen);
		}
	if (s.offsets.n)
		err = link_sites(l, g, &s, k->prog, k->returns, pid);
	sites_free(&s);
	return err;
}

/* Both ends of a function are one link where it is alone, and has never been with others. */
static bool is_session(const struct live *l, const struct func_group *g)
{
	return l->kcfg.flags & HL_CFG_SESSION && g->v.n == 1 && !g->gen && g->v.v[0]->probes.v[0].is_return;
}

static int link_session(struct live *l, struct func_group *g, pid_t pid)
{
	const struct func *f = g->v.v[0];
	struct sites s = {};
	int err;

	sites_add(&s, &f->probes.v[f->probes.n - 1], g->gen); /* where it begins */
	err = link_sites(l, g, &s, "func_call", false, pid);
	sites_free(&s);
	return err;
}

static int link_target(struct live *l, struct func_group *g, pid_t pid)
{
	int err = 0;

	if (is_session(l, g))
		return link_session(l, g, pid);
	for (size_t i = 0; !err && i < ARRAY_SIZE(kinds); i++)
		err = link_kind(l, g, &kinds[i], pid);
	return err;
}

/* What a group has had until now stays; what comes of a failure does not. -ESRCH: all processes have ended.
 */
static int link_group(struct live *l, struct func_group *g)
{
	size_t before = g->links.n;
	int err = -ESRCH;

	for (size_t t = 0; (!err || err == -ESRCH) && t < nr_targets(l); t++)
		err = merge_target(err, g->v.n ? link_target(l, g, target(l, t)) : 0);
	while (err && g->links.n > before)
		close(g->links.v[--g->links.n]);
	return err;
}

static struct func_group *group_add(struct live *l, struct func_file *file)
{
	struct func_group *g = xcalloc(1, sizeof(*g));

	g->file = file;
	*vec_add(&l->funcs.groups) = g;
	return g;
}

static void join(struct func_group *g, struct func *f)
{
	*vec_add(&g->v) = f;
	f->group = g;
}

static struct func_group *group_of(struct live *l, struct func_file *file, size_t first)
{
	for (size_t i = first; i < l->funcs.groups.n; i++)
		if (l->funcs.groups.v[i]->file == file)
			return l->funcs.groups.v[i];
	return group_add(l, file);
}

static int tell_failed(const struct func *f, int err)
{
	pr_err("%s: a probe cannot be put on %s: %s", f->ask->spec.text, f->name, err_str(err));
	return err;
}

/* One that cannot be put on keeps all of its group from it: each by itself, which tells which it is. */
static int part_group(struct live *l, struct func_group *g)
{
	int err = 0;

	for (size_t i = 0; i < g->v.n; i++) {
		struct func *f = g->v.v[i];
		struct func_group *own = group_add(l, g->file);
		int failed;

		join(own, f);
		failed = link_group(l, own);
		if (!failed)
			continue;
		own->v.n = 0;
		f->group = NULL;
		err = tell_failed(f, failed);
	}
	g->v.n = 0;
	return err;
}

static int attach_groups(struct live *l, size_t first, size_t end)
{
	size_t before = l->funcs.groups.n, n;
	int err = 0, failed;

	for (size_t i = first; i < end; i++)
		if (!(l->funcs.v.v[i]->flags & HL_FUNC_KERNEL))
			join(group_of(l, l->funcs.v.v[i]->file, before), l->funcs.v.v[i]);
	n = l->funcs.groups.n;
	for (size_t i = before; i < n; i++) {
		failed = link_group(l, l->funcs.groups.v[i]) ? part_group(l, l->funcs.groups.v[i]) : 0;
		err = err ? err : failed;
	}
	return err;
}

/* ---- on --------------------------------------------------------------------------------------------------
 */

static void set_ready(struct live *l, const struct func *f, bool ready)
{
	if (l->funcs.shared && f->id)
		__atomic_store_n(&l->funcs.shared[f->id].ready, ready, __ATOMIC_RELEASE);
}

size_t func_links_batch(const struct live *l, size_t most)
{
	size_t left = l->funcs.v.n - l->funcs.attached;

	return MIN(left, l->kcfg.flags & HL_CFG_MULTI ? most : 1);
}

int func_links_attach(struct live *l, size_t first, size_t n)
{
	bool together = l->kcfg.flags & HL_CFG_MULTI;
	int err = together ? attach_groups(l, first, first + n) : 0;

	for (size_t i = first; i < first + n; i++) {
		struct func *f = l->funcs.v.v[i];
		int failed = 0;

		if (f->flags & HL_FUNC_KERNEL)
			failed = func_kernel_attach(l, f);
		else if (!together)
			failed = func_links_alone(l, f);
		if (failed)
			err = tell_failed(f, failed);
		set_ready(l, f, !failed && func_links_has(f));
	}
	return err;
}

/* ---- off -------------------------------------------------------------------------------------------------
 */

/* What the kernel takes a while to take off: by another thread, which does nothing else. */
struct leaving {
	VEC(struct bpf_link *) links;
	VEC(int) fds;
};

static void *leave(void *arg)
{
	struct leaving *v = arg;

	while (v->links.n)
		bpf_link__destroy(v->links.v[--v->links.n]);
	while (v->fds.n)
		close(v->fds.v[--v->fds.n]);
	vec_free(&v->links);
	vec_free(&v->fds);
	free(v);
	return NULL;
}

static void leave_later(struct leaving *v)
{
	pthread_attr_t attr;
	pthread_t thread;
	int err = pthread_attr_init(&attr);

	if (!err) {
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
		err = pthread_create(&thread, &attr, leave, v);
		pthread_attr_destroy(&attr);
	}
	if (err)
		leave(v);
}

static void take_links(struct leaving *v, struct func *f)
{
	while (f->links.n)
		*vec_add(&v->links) = f->links.v[--f->links.n];
}

static void take_fds(struct leaving *v, struct func_group *g, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*vec_add(&v->fds) = g->links.v[i];
	g->links.n -= n;
	memmove(g->links.v, g->links.v + n, g->links.n * sizeof(*g->links.v));
}

bool func_links_has(const struct func *f)
{
	return f->links.n || f->group;
}

void func_links_off(struct live *l, struct func *f)
{
	struct func_group *g = f->group;
	struct leaving *v;
	size_t at = 0;

	set_ready(l, f, false);
	f->group = NULL;
	if (f->links.n) {
		v = xcalloc(1, sizeof(*v));
		take_links(v, f);
		leave_later(v);
	}
	if (!g)
		return;
	while (g->v.v[at] != f)
		at++;
	g->v.v[at] = g->v.v[--g->v.n];
	g->is_dirty = true;
}

/* The functions that a group still has are put on again, and count as such from then on. */
static void renew(struct live *l, struct func_group *g)
{
	struct leaving *v;
	size_t old = g->links.n;
	int err;

	g->is_dirty = false;
	g->gen++;
	err = link_group(l, g);
	if (err && err != -ESRCH) { /* that is tried again */
		g->gen--;
		g->is_dirty = true;
		if (!g->is_told)
			pr_warn("%s: the probes of a function that is left alone stay on, and cost: %s",
				g->file->name, err_str(err));
		g->is_told = true;
		return;
	}
	for (size_t i = 0; i < g->v.n; i++)
		__atomic_store_n(&l->funcs.shared[g->v.v[i]->id].gen, g->gen, __ATOMIC_RELEASE);
	v = xcalloc(1, sizeof(*v));
	take_fds(v, g, old);
	leave_later(v);
}

void func_links_settle(struct live *l)
{
	for (size_t i = 0; i < l->funcs.groups.n; i++)
		if (l->funcs.groups.v[i]->is_dirty)
			renew(l, l->funcs.groups.v[i]);
}

void func_links_detach(struct live *l)
{
	struct leaving *v = xcalloc(1, sizeof(*v));

	for (size_t i = 0; i < l->funcs.v.n; i++) {
		set_ready(l, l->funcs.v.v[i], false);
		take_links(v, l->funcs.v.v[i]);
	}
	for (size_t i = 0; i < l->funcs.groups.n; i++) {
		struct func_group *g = l->funcs.groups.v[i];

		take_fds(v, g, g->links.n);
		vec_free(&g->links);
		vec_free(&g->v);
		free(g);
	}
	vec_free(&l->funcs.groups);
	leave(v);
}
