/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Who lives: from the lifecycle ring and the start-up iterator to PROCESS, THREAD and
 * THREAD_END records. Identity comes from the kernel; /proc is asked only for what ran
 * before hostlat, and for cgroup paths. Called by live.c.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "host/container.h"
#include "host/mask.h"
#include "kern/kern.h"
#include "kern/path.h"

struct identity {
	uint64_t start;
	uint32_t pid, pad;
};

struct inner {
	uint32_t pid, tid;
};

void life_init(struct life *f)
{
	f->threads = hash_new(sizeof(uint32_t));
	f->inner = hash_new(sizeof(struct inner));
	f->bearers = hash_new(sizeof(uint32_t));
	f->procs = hash_new(sizeof(uint32_t));
	f->gone = hash_new(sizeof(struct identity));
	f->cgroups = cgroups_new();
}

static void proc_free(struct kproc *p)
{
	free(p->exe);
	free(p->args);
	free(p->cgroup);
	free(p->cpu_cgroup);
	kcgroup_put(p->quotas);
	free(p);
}

void life_fini(struct life *f)
{
	void *v;

	for (size_t i = 0; f->threads && (v = hash_next(f->threads, &i, NULL));)
		free(v);
	for (size_t i = 0; f->procs && (v = hash_next(f->procs, &i, NULL));)
		proc_free(v);
	for (size_t i = 0; f->gone && (v = hash_next(f->gone, &i, NULL));)
		proc_free(v);
	hash_free(f->gone);
	hash_free(f->inner);
	hash_free(f->bearers);
	hash_free(f->threads);
	hash_free(f->procs);
	cgroups_free(f->cgroups);
	memset(f, 0, sizeof(*f));
}

struct kproc *life_proc(struct live *l, uint32_t pid, uint64_t start)
{
	struct kproc *p = hash_get(l->life.procs, &pid);

	if (p && p->start == start)
		return p;
	return hash_get(l->life.gone, &(struct identity){ start, pid, 0 });
}

/* Another process may have the number by now. */
static void target_gone(struct live *l, const struct kproc *p)
{
	int fd = bpf_map__fd(object_map(&l->core, "hl_targets"));
	uint64_t start = 0;

	if (!bpf_map_lookup_elem(fd, &p->pid, &start) && (!start || start == p->start))
		bpf_map_delete_elem(fd, &p->pid);
}

static bool is_target(const struct live *l, uint32_t pid)
{
	for (size_t i = 0; i < l->cfg.nr_pids; i++)
		if (l->cfg.pids[i] == pid)
			return true;
	return pid == l->target_pid;
}

static void send_process(struct live *l, struct kproc *p);
static void send_thread(struct live *l, struct kthread *t);

/* Who was not sent yet is sent now: its last calls are still to come, and a new process may take
 * the number before the old one's last switch-out is told. */
static void proc_gone(struct live *l, struct kproc *p)
{
	if (p->dirty)
		send_process(l, p);
	if (hash_get(l->life.procs, &p->pid) == p)
		hash_del(l->life.procs, &p->pid);
	p->gone = true;
	hash_put(l->life.gone, &(struct identity){ p->start, p->pid, 0 }, p);
	target_gone(l, p);
}

static void set_str(char **at, const char *s)
{
	free(*at);
	*at = s ? xstrdup(s) : NULL;
}

/* Whose quota it is under, by the path in the hierarchy of the CPU controller. */
static void place(struct live *l, struct kproc *p)
{
	struct kcgroup *k = kcgroup_get(l, kcgroups_apart(l) ? p->cpu_cgroup : p->cgroup);

	kcgroup_put(p->quotas);
	p->quotas = k;
}

static void name_cpu_cgroup(struct live *l, struct kproc *p)
{
	char path[CGROUP_PATH_LEN];

	if (p->cpu_named || p->gone || p->flags & HL_PROC_KTHREAD || !kcgroups_apart(l) ||
	    kcgroups_path(l, p->pid, path))
		return;
	set_str(&p->cpu_cgroup, path);
	p->cpu_named = true;
	place(l, p);
}

/* Where the kernel's number of it tells nothing (cgroup v1), only the living can be asked. */
static void name_cgroup(struct live *l, struct kproc *p)
{
	char path[CGROUP_PATH_LEN];

	name_cpu_cgroup(l, p);
	if (p->cgroup_named || cgroups_path(l->life.cgroups, p->cgroup_id, p->gone ? 0 : (pid_t)p->pid, path))
		return;
	set_str(&p->cgroup, path);
	p->cgroup_named = true;
	if (!kcgroups_apart(l))
		place(l, p);
}

void life_place(struct live *l)
{
	struct kproc *p;

	for (size_t i = 0; (p = hash_next(l->life.procs, &i, NULL));)
		name_cgroup(l, p);
}

/* What a fork has of its parent until it execs or moves. */
static void inherit(struct live *l, struct kproc *p, struct kproc *parent)
{
	p->parent_execs = parent->execs;
	set_str(&p->exe, parent->exe);
	set_str(&p->args, parent->args);
	name_cgroup(l, parent);
	set_str(&p->cpu_cgroup, parent->cpu_cgroup);
	p->cpu_named = parent->cpu_named;
	if (p->cgroup_id == parent->cgroup_id)
		set_str(&p->cgroup, parent->cgroup);
	place(l, p);
}

static struct kproc *proc_get(struct live *l, const struct hl_rec_life *r)
{
	struct kproc *p = hash_get(l->life.procs, &r->h.pid), *parent;

	if (p && p->start == r->proc_start)
		return p;
	if (p)
		proc_gone(l, p);
	p = xcalloc(1, sizeof(*p));
	p->pid = r->h.pid;
	p->start = r->proc_start;
	p->ppid = r->ppid;
	p->uid = r->uid;
	p->flags = r->flags;
	p->cgroup_id = r->cgroup_id;
	p->dirty = true;
	if (p->pid == (uint32_t)getpid())
		p->flags |= HL_PROC_SELF;
	if (is_target(l, p->pid))
		p->flags |= HL_PROC_TARGET;
	memcpy(p->comm, r->comm, sizeof(p->comm));
	hash_put(l->life.procs, &p->pid, p);
	parent = hash_get(l->life.procs, &p->ppid);
	if (parent) /* an iterator may have met it before the record of its fork came */
		p->flags |= parent->flags & (HL_PROC_TARGET | HL_PROC_SELF);
	if (p->flags & HL_PROC_TARGET) /* the command that we started is none of ours */
		p->flags &= ~HL_PROC_SELF;
	if (parent && !(r->flags & HL_PROC_EXISTED))
		inherit(l, p, parent);
	return p;
}

const char *life_comm(const struct live *l, uint32_t tid, uint64_t start)
{
	const struct kthread *t = hash_get(l->life.threads, &tid);
	const struct ended *e = &l->life.ended[tid % ENDED_NAMES];

	if (t && (!start || t->start == start))
		return t->comm;
	return e->tid == tid && (!start || e->start == start) ? e->comm : NULL;
}

struct kproc *life_parent_image(struct live *l, uint32_t pid, uint64_t start)
{
	struct kproc *p = life_proc(l, pid, start), *parent = p ? hash_get(l->life.procs, &p->ppid) : NULL;

	if (!p || !parent || p->execs || (p->flags & HL_PROC_EXISTED) || parent->start > start)
		return NULL;
	return parent->execs == p->parent_execs ? parent : NULL;
}

bool life_who(const struct live *l, uint32_t tid, struct who *out)
{
	const struct kthread *t = hash_get(l->life.threads, &tid);
	const struct ended *e = &l->life.ended[tid % ENDED_NAMES];

	if (!t && e->tid != tid)
		return false;
	*out = t ? (struct who){ t->start, t->proc->start, t->pid, tid, t->comm }
		 : (struct who){ e->start, e->proc_start, e->pid, tid, e->comm };
	return true;
}

/* Of those that ended not long ago; their numbers go with them. */
static bool ended_inner(const struct live *l, uint32_t pid, uint32_t inner_tid, struct who *out)
{
	for (size_t i = 0; i < ENDED_NAMES; i++) {
		const struct ended *e = &l->life.ended[i];

		if (e->pid != pid || e->inner_tid != inner_tid)
			continue;
		*out = (struct who){ e->start, e->proc_start, e->pid, e->tid, e->comm };
		return true;
	}
	return false;
}

bool life_inner(const struct live *l, uint32_t pid, uint32_t inner_tid, struct who *out)
{
	const struct kthread *t = hash_get(l->life.inner, &(struct inner){ pid, inner_tid });

	if (!t)
		t = hash_get(l->life.threads, &inner_tid);
	if (!t || t->pid != pid || t->inner_tid != inner_tid)
		return ended_inner(l, pid, inner_tid, out);
	*out = (struct who){ t->start, t->proc->start, t->pid, t->tid, t->comm };
	return true;
}

bool life_is_inner(const struct live *l, uint32_t tid)
{
	const struct kthread *t = hash_get(l->life.threads, &tid);
	const struct ended *e = &l->life.ended[tid % ENDED_NAMES];

	if (t)
		return t->inner_tid != tid;
	return e->tid != tid || e->inner_tid != tid;
}

size_t life_bearers(const struct live *l, uint32_t number, uint64_t since, bool *of_host)
{
	const struct kthread *t = hash_get(l->life.threads, &number);
	size_t n = (uintptr_t)hash_get(l->life.bearers, &number);

	*of_host = t && t->inner_tid == number && !(t->proc->flags & HL_PROC_KTHREAD);
	for (size_t i = 0; i < ENDED_NAMES; i++) {
		const struct ended *e = &l->life.ended[i];

		if (e->inner_tid != number || e->ended < since)
			continue;
		if (e->tid == number)
			*of_host = true;
		else
			n++;
	}
	return n + *of_host;
}

static void note_inner(struct live *l, struct kthread *t)
{
	uintptr_t n = (uintptr_t)hash_get(l->life.bearers, &t->inner_tid);

	if (t->inner_tid == t->tid)
		return;
	hash_put(l->life.inner, &(struct inner){ t->pid, t->inner_tid }, t);
	hash_put(l->life.bearers, &t->inner_tid, (void *)(n + 1));
}

static void forget_inner(struct live *l, struct kthread *t)
{
	struct inner key = { t->pid, t->inner_tid };
	uintptr_t n = (uintptr_t)hash_get(l->life.bearers, &t->inner_tid);

	if (t->inner_tid == t->tid)
		return;
	if (hash_get(l->life.inner, &key) == t)
		hash_del(l->life.inner, &key);
	if (n > 1)
		hash_put(l->life.bearers, &t->inner_tid, (void *)(n - 1));
	else
		hash_del(l->life.bearers, &t->inner_tid);
}

static void thread_gone(struct live *l, struct kthread *t)
{
	struct ended *e = &l->life.ended[t->tid % ENDED_NAMES];

	if (t->dirty)
		send_thread(l, t);
	*e = (struct ended){ t->start, t->proc->start, clock_boot_ns(), t->tid, t->pid, t->inner_tid, "" };
	forget_inner(l, t);
	memcpy(e->comm, t->comm, HL_COMM_LEN);
	hash_del(l->life.threads, &t->tid);
	if (t->proc->alive && !--t->proc->alive)
		proc_gone(l, t->proc);
	free(t);
}

static struct kthread *thread_get(struct live *l, const struct hl_rec_life *r)
{
	struct kthread *t = hash_get(l->life.threads, &r->h.tid);

	if (t && t->start == r->start && t->pid == r->h.pid)
		return t;
	if (t)
		thread_gone(l, t);
	t = xcalloc(1, sizeof(*t));
	t->tid = r->h.tid;
	t->pid = r->h.pid;
	t->start = r->start;
	t->inner_tid = r->inner_tid ? r->inner_tid : t->tid;
	note_inner(l, t);
	t->proc = proc_get(l, r);
	t->proc->alive++;
	t->round = l->life.round;
	t->dirty = true;
	memcpy(t->comm, r->comm, sizeof(t->comm));
	hash_put(l->life.threads, &t->tid, t);
	return t;
}

static void masked(struct kproc *p, const char *raw, size_t n)
{
	struct str s = {};

	if (n)
		mask_cmdline(raw, n, &s);
	set_str(&p->args, s.len ? s.s : NULL);
	str_free(&s);
}

/* What /proc tells about a process that was there before; its command line comes later. */
static void proc_ask(struct live *l, struct kproc *p)
{
	char buf[4096];

	if (p->flags & HL_PROC_KTHREAD)
		return;
	set_str(&p->exe, proc_exe(p->pid, buf, sizeof(buf)) > 0 ? buf : NULL);
	if (l->asker)
		asker_put(l->asker, (pid_t)p->pid, 0);
}

void life_answer(struct live *l, pid_t pid, const char *buf, ssize_t n)
{
	uint32_t key = (uint32_t)pid;
	struct kproc *p = hash_get(l->life.procs, &key);

	/* meanwhile it may be another program, or another process */
	if (!p || p->execed || !(p->flags & HL_PROC_EXISTED) || n <= 0)
		return;
	masked(p, buf, n);
	p->dirty = true;
}

static void found(struct live *l, const void *item)
{
	const struct hl_rec_life *r = item;
	struct kproc *before = hash_get(l->life.procs, &r->h.pid);
	struct kthread *t = hash_get(l->life.threads, &r->h.tid);

	if (!(r->flags & HL_PROC_ENDING))
		t = thread_get(l, r);
	if (!t || t->start != r->start)
		return;
	t->round = l->life.round;
	if (t->proc != before)
		proc_ask(l, t->proc);
}

int life_find(struct live *l)
{
	l->life.round++;
	return object_iterate(&l->iter, "hl_found", sizeof(struct hl_rec_life), found, l);
}

/* What is another one after a privileged program's exec, or in another container. */
static void look_again(struct kproc *p, const struct hl_rec_life *r)
{
	p->ppid = r->ppid;
	p->uid = r->uid;
	p->cgroup_named &= p->cgroup_id == r->cgroup_id;
	p->cgroup_id = r->cgroup_id;
	p->dirty = true;
}

static void on_exec(struct live *l, const struct hl_rec_life *r, size_t n)
{
	struct kthread *t = thread_get(l, r);
	const char *tail = (const char *)(r + 1);
	size_t room = n - sizeof(*r);
	struct str path = {};

	if (room < PATH_ROOM || r->name_len > PATH_ROOM || r->args_len > room - PATH_ROOM)
		return;
	path_turn(&path, tail, r->name_len, false);
	set_str(&t->proc->exe, path.len ? path.s : NULL);
	str_free(&path);
	masked(t->proc, tail + PATH_ROOM, r->args_len);
	t->proc->execed = true;
	t->proc->execs++;
	ustack_execed(l, t->proc->pid, t->proc->start);
	memcpy(t->proc->comm, r->comm, HL_COMM_LEN);
	memcpy(t->comm, r->comm, HL_COMM_LEN);
	t->dirty = true;
	look_again(t->proc, r);
}

static void on_move(struct live *l, const struct hl_rec_life *r)
{
	struct kthread *t = thread_get(l, r);

	if (t->tid != t->pid) /* a thread may go by itself: the process stays */
		return;
	t->proc->cgroup_named = t->proc->cpu_named = false;
	look_again(t->proc, r);
	name_cgroup(l, t->proc);
}

static void on_rename(struct live *l, const struct hl_rec_life *r)
{
	struct kthread *t = thread_get(l, r);

	memcpy(t->comm, r->comm, HL_COMM_LEN);
	t->dirty = true;
	if (t->tid == t->pid) {
		memcpy(t->proc->comm, r->comm, HL_COMM_LEN);
		look_again(t->proc, r);
	}
}

/* Where it is another one; the root's, which has no quota, where it is not known. */
static const char *cpu_cgroup(const struct live *l, const struct kproc *p)
{
	if (!kcgroups_apart(l) || (p->cpu_cgroup && p->cgroup && !strcmp(p->cpu_cgroup, p->cgroup)))
		return "";
	return p->cpu_cgroup ? p->cpu_cgroup : "/";
}

static void send_process(struct live *l, struct kproc *p)
{
	char name[CONTAINER_NAME_LEN];
	struct hl_rec_process *r;
	struct container c;

	p->dirty = false;
	name_cgroup(l, p);
	container_parse(p->cgroup ? p->cgroup : "", &c);
	r = LIVE_BEGIN(l, PROCESS, process);
	r->h.ts = l->last_tick;
	r->h.pid = r->h.tid = p->pid;
	r->start = p->start;
	r->cgroup_id = p->cgroup_id;
	r->ppid = p->ppid;
	r->uid = p->uid;
	r->flags = p->flags;
	r->threads = p->alive;
	memcpy(r->comm, p->comm, HL_COMM_LEN);
	rec_add_str(&l->buf, p->exe);
	rec_add_str(&l->buf, p->args);
	rec_add_str(&l->buf, p->cgroup);
	rec_add_str(&l->buf, container_name(&c, name));
	rec_add_str(&l->buf, c.pod);
	rec_add_str(&l->buf, c.unit);
	rec_add_str(&l->buf, cpu_cgroup(l, p));
	live_emit(l);
}

static void send_thread(struct live *l, struct kthread *t)
{
	struct hl_rec_thread *r;

	if (t->proc->dirty)
		send_process(l, t->proc);
	t->dirty = false;
	r = LIVE_BEGIN(l, THREAD, thread);
	r->h.ts = l->last_tick;
	r->h.pid = t->pid;
	r->h.tid = t->tid;
	r->start = t->start;
	r->proc_start = t->proc->start;
	memcpy(r->comm, t->comm, HL_COMM_LEN);
	live_emit(l);
}

struct meeting {
	struct live *l;
	struct hl_rec_life r; /* what its threads have in common */
};

/* A thread's start in all digits stands in its slot; the leader's is the process's. */
static int meet_thread(void *arg, pid_t tid)
{
	struct meeting *m = arg;
	const struct hl_slot *s = &m->l->sh.slots[(uint32_t)tid & m->l->kcfg.slot_mask];
	struct hl_rec_life r = m->r;

	r.h.tid = (uint32_t)tid;
	if (r.h.tid == r.h.pid)
		r.start = r.proc_start;
	else if (s->tid == r.h.tid && s->pid == r.h.pid && s->owner > HL_BUSY)
		r.start = s->start;
	else
		return 0;
	if (!proc_comm((pid_t)r.h.pid, tid, r.comm))
		send_thread(m->l, thread_get(m->l, &r));
	return 0;
}

void life_meet(struct live *l, uint32_t pid, uint64_t start)
{
	struct meeting m = { .l = l, .r = { .h.pid = pid, .proc_start = start, .flags = HL_PROC_EXISTED } };
	struct kproc *p;
	struct proc_info info;

	if (!pid || l->mute || life_proc(l, pid, start))
		return;
	if (proc_read((pid_t)pid, &info) || !proc_same_start(start, info.start))
		return;
	m.r.ppid = (uint32_t)info.ppid;
	m.r.uid = info.uid;
	m.r.flags |= info.kthread ? HL_PROC_KTHREAD : 0;
	proc_each_thread((pid_t)pid, meet_thread, &m);
	p = life_proc(l, pid, start);
	if (!p)
		return;
	memcpy(p->comm, info.comm, HL_COMM_LEN);
	proc_ask(l, p);
	send_process(l, p);
}

static void on_end(struct live *l, const struct hl_rec_thread_end *r)
{
	struct kthread *t = hash_get(l->life.threads, &r->h.tid);
	struct hl_rec_thread_end *out;

	if (t && t->start == r->start && t->dirty)
		send_thread(l, t);
	out = LIVE_BEGIN(l, THREAD_END, thread_end);
	*out = *r;
	if (t && t->start == r->start && t->begin_boot) /* as its LEDGER records said */
		out->begin = t->begin_boot;
	live_emit(l);
	if (t && t->start == r->start)
		thread_gone(l, t);
}

/* Its end was told in a record that was lost. Its slot may still hold its last clocks. */
static void end_unseen(struct live *l, struct kthread *t)
{
	const struct hl_slot *s = &l->sh.slots[t->tid & l->kcfg.slot_mask];
	struct hl_rec_thread_end r = { .h = { .kind = HL_KIND_THREAD_END, .size = sizeof(r) } };

	r.h.ts = clock_boot_ns();
	r.h.pid = t->pid;
	r.h.tid = t->tid;
	r.start = t->start;
	r.proc_start = t->proc->start;
	r.begin = r.h.ts;
	if (s->tid == t->tid && s->start == t->start && !s->owner) {
		r.begin -= s->begin ? s->since - s->begin : 0;
		memcpy(r.state_ns, s->state_ns, sizeof(r.state_ns));
	}
	on_end(l, &r);
}

/* Records were lost: who began meanwhile is found, who ended is missed. */
void life_recover(struct live *l)
{
	uint64_t lost = facts_life_lost(l);
	__free struct kthread **gone = NULL;
	struct kthread *t;
	size_t n = 0;

	if (lost == l->life.lost || !l->iter_works)
		return;
	l->life.lost = lost;
	if (life_find(l))
		return;
	ring_early(l); /* who ended while we looked has told */
	gone = xcalloc(hash_count(l->life.threads) + 1, sizeof(*gone));
	for (size_t i = 0; (t = hash_next(l->life.threads, &i, NULL));)
		if (t->round != l->life.round)
			gone[n++] = t;
	while (n)
		end_unseen(l, gone[--n]);
}

void life_record(struct live *l, const struct hl_rec *rec, size_t n)
{
	const struct hl_rec_life *r = (const void *)rec;

	if (rec->kind == HL_KIND_THREAD_END && n >= sizeof(struct hl_rec_thread_end)) {
		on_end(l, (const void *)rec);
		return;
	}
	if (rec->kind != HL_KIND_LIFE || n < sizeof(*r))
		return;
	if (r->what == HL_LIFE_FORK)
		thread_get(l, r);
	else if (r->what == HL_LIFE_EXEC)
		on_exec(l, r, n);
	else if (r->what == HL_LIFE_RENAME)
		on_rename(l, r);
	else if (r->what == HL_LIFE_MOVE)
		on_move(l, r);
}

void life_send(struct live *l)
{
	struct kthread *t;
	struct kproc *p;

	for (size_t i = 0; (p = hash_next(l->life.procs, &i, NULL));)
		if (p->dirty)
			send_process(l, p);
	for (size_t i = 0; (t = hash_next(l->life.threads, &i, NULL));)
		if (t->dirty)
			send_thread(l, t);
}

void life_forget(struct live *l)
{
	struct kproc *p;

	if (!hash_count(l->life.gone))
		return;
	for (size_t i = 0; (p = hash_next(l->life.gone, &i, NULL));)
		proc_free(p);
	hash_free(l->life.gone);
	l->life.gone = hash_new(sizeof(struct identity));
}
