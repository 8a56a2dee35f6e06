/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * A probe stands on a file, not on its name: a library that is replaced, a container with its own copy, what
 * is loaded for the first time are other files, on which there is none. So it is noticed who maps what
 * (func_maps.c), and where a name is one that was asked for and the file is not known, it is opened by one
 * child (sym/mapped_ask.c) and read by another one in the sandbox (sym/find.c), and its functions get their
 * probes.
 *
 * None of that is waited for, and it is bounded: so many children at once, so many looks a second, so many
 * files. Where something was missed, all processes are looked at once. Called by live.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fmt.h"
#include "base/log.h"
#include "base/str.h"
#include "kern/func_files.h"
#include "kern/kern.h"
#include "sym/mapped.h"

#define AT_ONCE  2  /* children */
#define LOOKS    16 /* that wait; more: all processes are looked at instead */
#define FILES    256
#define KNOWN    4096                  /* mapped files whose names fit, and that were looked at */
#define BATCH    64                    /* functions whose probes are put on at once */
#define TRIES    3                     /* of a file, when who had mapped it was gone by the time */
#define PACE_NS  (250 * NSEC_PER_MSEC) /* a look in so long … */
#define AHEAD_NS (16 * PACE_NS)        /* … or so many at once after a while without */
#define WORK_NS  (5 * NSEC_PER_MSEC)   /* of putting probes on or off, between two drains */
#define ALL_NS   (10 * NSEC_PER_SEC)   /* between two looks at all processes, at least */
#define GONE_NS  (60 * NSEC_PER_SEC)   /* … where a file was deleted that has probes */

/* What is done for one file: looking in a process for what an ask's name means there, then reading what was
 * found, once for each ask. */
struct task {
	const struct func_ask *ask;
	uint64_t at;  /* when it was mapped, CLOCK_MONOTONIC; 0: not known */
	uint32_t pid; /* 0: all */
	char *path;
	struct seen *seen;
	struct mapped_ask *looking;
	struct func_file *file; /* NULL: it is to be looked for */
	struct finding *finding;
	bool pair;
};

struct seen_key {
	uint64_t dev, ino, generation, ask;
};

struct seen {
	struct seen_key key;
	uint32_t tries;
	bool asked; /* just now, or there is nothing to ask any more */
};

/* What is said of a file, once the functions before `upto` have their probes. */
struct news {
	size_t from, upto;
	struct task task;
};

struct func_files {
	struct live *l;
	struct func_maps *maps; /* NULL: the kernel does not tell */
	struct hash *seen;      /* by key; its values are v */
	VEC(struct seen *) v;
	VEC(struct task *) tasks;
	VEC(struct news) news;
	size_t looks;      /* of the tasks, those that have not begun to look */
	uint64_t paced;    /* the time up to which looks are used up */
	uint64_t all_last; /* when all processes were looked at last */
	bool all;          /* they have to be */
	bool full;         /* there were too many files */
	bool off;          /* some files are gone, and have probes still */
};

/* ---- which ask ------------------------------------------------------------------------------------ */

/* Of all asks about the same file the first one looks for it. */
static bool is_first(const struct live *l, size_t at)
{
	if (l->cfg.funcs[at].spec.kernel)
		return false;
	for (size_t i = 0; i < at; i++)
		if (!l->cfg.funcs[i].spec.kernel &&
		    !strcmp(l->cfg.funcs[i].spec.file, l->cfg.funcs[at].spec.file))
			return false;
	return true;
}

/* Probes are put on these processes only. */
static bool has_pids(const struct live *l)
{
	return l->cfg.nr_pids && !l->target_pid;
}

static bool is_wanted(const struct live *l, uint32_t pid)
{
	bool found = !has_pids(l);

	for (size_t i = 0; !found && i < l->cfg.nr_pids; i++)
		found = l->cfg.pids[i] == pid;
	return found;
}

/* ---- what is mapped -------------------------------------------------------------------------------- */

static void forget_seen(struct func_files *w)
{
	for (size_t i = 0; i < w->tasks.n; i++)
		w->tasks.v[i]->seen = NULL;
	for (size_t i = 0; i < w->v.n; i++)
		free(w->v.v[i]);
	vec_free(&w->v);
	hash_free(w->seen);
	w->seen = hash_new(sizeof(struct seen_key));
}

/* NULL: it was looked at. */
static struct seen *seen_new(struct func_files *w, const struct func_map *m, size_t ask)
{
	struct seen_key key = { m->dev, m->ino, m->generation, ask };
	struct seen *s = hash_get(w->seen, &key);

	if (s && (s->asked || s->tries >= TRIES))
		return NULL;
	if (!s) {
		if (w->v.n >= KNOWN)
			forget_seen(w);
		s = xcalloc(1, sizeof(*s));
		s->key = key;
		hash_put(w->seen, &key, s);
		*vec_add(&w->v) = s;
	}
	s->asked = true;
	s->tries++;
	return s;
}

static struct task *task_add(struct func_files *w, const struct func_ask *ask, uint32_t pid)
{
	struct task *t = xcalloc(1, sizeof(*t));

	t->ask = ask;
	t->pid = pid;
	*vec_add(&w->tasks) = t;
	return t;
}

static void task_free(struct task *t)
{
	struct mapped m = {};
	struct find_result r = {};
	char why[8];

	if (t->looking) {
		mapped_end(t->looking, &m);
		mapped_free(&m);
	}
	if (t->finding) {
		find_end(t->finding, &r, why, sizeof(why));
		find_free(&r);
	}
	free(t->path);
	free(t);
}

/* Too many wait: whatever processes have mapped when these would have had their turn. */
static void drop_looks(struct func_files *w)
{
	size_t left = 0;

	for (size_t i = 0; i < w->tasks.n; i++) {
		struct task *t = w->tasks.v[i];

		if (t->file || t->looking) {
			w->tasks.v[left++] = t;
			continue;
		}
		if (t->seen) { /* who maps it once more is looked at: this was no try */
			t->seen->asked = false;
			t->seen->tries--;
		}
		task_free(t);
	}
	w->tasks.n = left;
	w->looks = 0;
	w->all = true;
}

static void on_map(void *arg, const struct func_map *m)
{
	struct func_files *w = arg;
	struct live *l = w->l;

	for (size_t i = 0; i < l->cfg.nr_funcs; i++) {
		const struct func_ask *ask = &l->cfg.funcs[i];
		struct seen *s;
		struct task *t;

		if (!is_first(l, i) || !mapped_may_be(&ask->spec, m->path) || !is_wanted(l, m->pid))
			continue;
		s = seen_new(w, m, i);
		if (!s)
			continue;
		if (w->looks >= LOOKS)
			drop_looks(w);
		t = task_add(w, ask, m->pid);
		t->at = m->at;
		t->seen = s;
		t->path = xstrdup(m->path);
		w->looks++;
	}
}

/* Something was missed: whatever processes have mapped now. */
static void look_at_all(struct func_files *w, uint64_t now)
{
	struct live *l = w->l;

	w->all = false;
	w->all_last = now;
	for (size_t i = 0; i < l->cfg.nr_funcs; i++) {
		if (!is_first(l, i))
			continue;
		for (size_t k = 0; has_pids(l) && k < l->cfg.nr_pids; k++, w->looks++)
			task_add(w, &l->cfg.funcs[i], l->cfg.pids[k]);
		if (!has_pids(l)) {
			task_add(w, &l->cfg.funcs[i], 0);
			w->looks++;
		}
	}
}

/* Was it deleted? Nobody is asked who may be slow to answer. */
static bool is_deleted(const struct func_file *f)
{
	struct statx st;

	return f->fd >= 0 && !statx(f->fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_NLINK, &st) &&
	       !st.stx_nlink;
}

static bool some_deleted(const struct live *l)
{
	for (size_t i = 0; i < l->funcs.files.n; i++)
		if (is_deleted(l->funcs.files.v[i]))
			return true;
	return false;
}

static void check_all(struct func_files *w, uint64_t now)
{
	uint64_t since = now - w->all_last;

	if (w->looks)
		return;
	if (since >= GONE_NS && !has_pids(w->l)) {
		w->all |= some_deleted(w->l);
		w->all_last = now;
		since = w->all ? ALL_NS : 0;
	}
	if ((w->all || !w->maps) && since >= ALL_NS)
		look_at_all(w, now);
}

/* ---- files ------------------------------------------------------------------------------------------ */

static size_t nr_files(const struct live *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->funcs.files.n; i++)
		n += !l->funcs.files.v[i]->gone;
	return n;
}

/* Looks in a file for all that is asked of files of that name. */
static void take_file(struct func_files *w, const struct task *t, const struct mapped_file *m)
{
	struct live *l = w->l;
	struct func_file *file = func_file_known(l, m);

	if (!file && nr_files(l) >= FILES) {
		if (!w->full)
			pr_warn("%s: %s and others are not traced: no more than %d files are",
				t->ask->spec.text, m->name, FILES);
		w->full = true;
		return;
	}
	if (!file)
		file = func_file_take(l, t->ask, m);
	for (size_t i = 0; file && i < l->cfg.nr_funcs; i++) {
		const struct func_ask *ask = &l->cfg.funcs[i];
		struct task *more;

		if (ask->spec.kernel || strcmp(ask->spec.file, t->ask->spec.file) ||
		    !func_file_ask(file, ask))
			continue;
		more = task_add(w, ask, t->pid ? t->pid : (uint32_t)m->pid);
		more->at = t->at;
		more->file = file;
	}
}

/* All that have that name are in m: a deleted one that is not is nobody's. */
static void find_gone(struct func_files *w, const struct func_ask *ask, const struct mapped *m)
{
	for (size_t i = 0; m->v.n < MAPPED_FILES && i < w->l->funcs.files.n; i++) {
		struct func_file *f = w->l->funcs.files.v[i];
		bool there = false;

		if (f->gone || !f->asks.n || strcmp(f->asks.v[0]->spec.file, ask->spec.file))
			continue;
		for (size_t k = 0; k < m->v.n && !there; k++)
			there = m->v.v[k].dev == f->dev && m->v.v[k].ino == f->ino;
		f->gone = !there && is_deleted(f);
		w->off |= f->gone;
	}
}

static void looked(struct func_files *w, struct task *t)
{
	struct mapped m;
	int err = mapped_end(t->looking, &m);

	t->looking = NULL;
	for (size_t i = 0; i < m.v.n; i++)
		take_file(w, t, &m.v.v[i]);
	if (t->seen && !m.v.n && (err || m.gone))
		t->seen->asked = false; /* the next one that maps it is looked at again */
	if (!t->pid && !err)
		find_gone(w, t->ask, &m);
	mapped_free(&m);
}

/* ---- functions ---------------------------------------------------------------------------------------- */

/* "new in cat (4711)" */
static void add_who(struct live *l, const struct task *t, struct str *to)
{
	const char *comm = t->pid ? life_comm(l, t->pid, 0) : NULL;

	if (comm)
		str_addf(to, " (new in %.16s, %u)", comm, t->pid);
	else if (t->pid)
		str_addf(to, " (new in process %u)", t->pid);
}

static void tell_without(struct live *l, const struct task *t, const char *why)
{
	struct str who = {};

	add_who(l, t, &who);
	pr_warn("%s: %s%s is not traced: %s", t->ask->spec.text, t->file->name, str_get(&who), why);
	str_free(&who);
}

/* Goroutines have room only where there were some to begin with. */
static bool has_room(const struct live *l)
{
	return bpf_map__max_entries(object_map((struct object *)&l->parts[PART_FUNC].obj, "goroutines")) > 1;
}

static void take_sites(struct func_files *w, const struct task *t, const struct find_result *r)
{
	struct live *l = w->l;
	size_t from = l->funcs.v.n;
	struct news *n;

	if (r->is_go && !has_room(l)) {
		tell_without(l, t, "it is a program of Go's, start hostlat anew for it");
		return;
	}
	if (func_sites_add(l, t->ask, t->file, r))
		return;
	n = vec_add(&w->news);
	*n = (struct news){ .from = from, .upto = l->funcs.v.n, .task = *t };
}

static void ask_file(struct task *t, bool pair)
{
	struct func_query q;

	t->pair = pair;
	func_sites_query(t->ask, pair, &q);
	t->finding = find_begin(t->file->fd, &q.q);
}

/* False: it is asked once more. */
static bool found(struct func_files *w, struct task *t)
{
	struct find_result r = {};
	char why[160];
	int err = find_end(t->finding, &r, why, sizeof(why));
	bool again = !err && !t->pair && func_sites_by_pair(t->ask, &r);

	t->finding = NULL;
	if (again)
		ask_file(t, true);
	else if (err || !r.n)
		tell_without(w->l, t, err ? why : "it has no such function");
	else
		take_sites(w, t, &r);
	find_free(&r);
	return !again;
}

/* ---- probes ------------------------------------------------------------------------------------------- */

static void tell_traced(struct live *l, const struct news *n)
{
	char late[FMT_LEN];
	struct str text = {};
	size_t traced = 0;

	for (size_t i = n->from; i < n->upto; i++)
		traced += func_links_has(l->funcs.v.v[i]);
	if (n->upto == n->from)
		tell_without(l, &n->task, "it has no such probe");
	if (!traced) /* why not has been said */
		return;
	str_addf(&text, "%s: %s", n->task.ask->spec.text, n->task.file->name);
	add_who(l, &n->task, &text);
	if (traced != 1)
		str_addf(&text, ": %zu functions are traced", traced);
	else
		str_add(&text, " is traced");
	if (n->task.at) {
		fmt_ns(late, clock_mono_ns() - n->task.at);
		str_addf(&text, ", from %s after it was mapped", late);
	}
	pr_info("%s", str_get(&text));
	str_free(&text);
}

static void put_on(struct func_files *w, uint64_t until)
{
	struct funcs *k = &w->l->funcs;
	size_t told = 0;

	while (k->attached < k->v.n && clock_mono_ns() < until)
		funcs_attach_next(w->l, BATCH);
	while (told < w->news.n && w->news.v[told].upto <= k->attached)
		tell_traced(w->l, &w->news.v[told++]);
	if (!told)
		return;
	w->news.n -= told;
	memmove(w->news.v, w->news.v + told, w->news.n * sizeof(*w->news.v));
}

static void take_off(struct func_files *w, uint64_t until)
{
	struct funcs *k = &w->l->funcs;
	size_t i;

	for (i = 0; w->off && i < k->attached && clock_mono_ns() < until; i++)
		if (k->v.v[i]->file->gone && func_links_has(k->v.v[i]))
			func_links_off(w->l, k->v.v[i]);
	if (!w->off || i < k->attached)
		return;
	func_links_settle(w->l);
	w->off = false;
	for (i = 0; i < k->files.n; i++) {
		struct func_file *f = k->files.v[i];

		if (!f->gone || f->fd < 0)
			continue;
		if (f->runs)
			func_links_off(w->l, f->runs);
		pr_dbg("%s was deleted, and nobody has it mapped: its probes are off", f->name);
		cleanup_close(&f->fd);
		f->fd = -1;
		f->dev = f->ino = 0;
	}
}

/* ---- all of it ------------------------------------------------------------------------------------------
 */

/* True: it is over. */
static bool task_step(struct func_files *w, struct task *t)
{
	if (t->looking) {
		if (!mapped_step(t->looking))
			return false;
		looked(w, t);
		return true;
	}
	return t->finding && find_step(t->finding, 0) && found(w, t);
}

/* May one more look begin? */
static bool pace(struct func_files *w, uint64_t now)
{
	uint64_t next = MAX(w->paced, now > AHEAD_NS ? now - AHEAD_NS : 0) + PACE_NS;

	if (next > now)
		return false;
	w->paced = next;
	return true;
}

static void task_begin(struct func_files *w, struct task *t, uint64_t now)
{
	struct mapping_seen seen = { .pid = (pid_t)t->pid, .path = t->path };

	if (t->file) {
		ask_file(t, false);
		return;
	}
	if (!pace(w, now))
		return;
	w->looks--;
	seen.ino = t->seen ? t->seen->key.ino : 0;
	t->looking = mapped_begin(&t->ask->spec, &seen);
}

static void run_tasks(struct func_files *w, uint64_t now)
{
	size_t running = 0, n = w->tasks.n, left = 0;

	for (size_t i = 0; i < n; i++) {
		struct task *t = w->tasks.v[i];

		if (!t->looking && !t->finding && running < AT_ONCE)
			task_begin(w, t, now);
		running += t->looking || t->finding;
		if (task_step(w, t)) { /* it may add others behind those */
			task_free(t);
			w->tasks.v[i] = NULL;
		}
	}
	for (size_t i = 0; i < w->tasks.n; i++)
		if (w->tasks.v[i])
			w->tasks.v[left++] = w->tasks.v[i];
	w->tasks.n = left;
}

struct func_files *func_files_new(struct live *l)
{
	struct func_files *w = xcalloc(1, sizeof(*w));
	int err = func_maps_open(l->kcfg.nr_cpus, &w->maps);

	w->l = l;
	w->seen = hash_new(sizeof(struct seen_key));
	w->all_last = clock_mono_ns();
	if (!err)
		return w;
	pr_warn("what is mapped later is looked for every 10 s only, for the kernel does not tell: %s",
		err_str(err));
	func_maps_close(w->maps);
	w->maps = NULL;
	return w;
}

void func_files_free(struct func_files *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->tasks.n; i++)
		task_free(w->tasks.v[i]);
	vec_free(&w->tasks);
	forget_seen(w);
	hash_free(w->seen);
	vec_free(&w->news);
	func_maps_close(w->maps);
	free(w);
}

void func_files_drain(struct live *l)
{
	struct func_files *w = l->funcs.coming;
	uint64_t now = clock_mono_ns();

	if (!w || !l->funcs.shared)
		return;
	if (w->maps && func_maps_drain(w->maps, on_map, w))
		w->all = true;
	check_all(w, now);
	run_tasks(w, now);
	put_on(w, now + WORK_NS);
	take_off(w, now + WORK_NS);
}

bool func_files_hurry(const struct live *l)
{
	const struct func_files *w = l->funcs.coming;

	return w && (w->tasks.n > w->looks || w->news.n);
}
