/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * From what a user asks for to functions and where their probes stand: files by name, what is in them by the
 * child in the sandbox (sym/find.c), USDT probes that belong together made one. And what is not to be probed.
 * Called by funcs.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "kern/func_sites.h"
#include "kern/kern.h"
#include "sym/mapped.h"

#define MOST FUNC_MOST

/* ---- files ------------------------------------------------------------------------------------------- */

struct func_file *func_file_known(struct live *l, const struct mapped_file *m)
{
	for (size_t i = 0; i < l->funcs.files.n; i++) {
		struct func_file *f = l->funcs.files.v[i];

		if (f->dev == m->dev && f->ino == m->ino)
			return f;
	}
	return NULL;
}

struct func_file *func_file_take(struct live *l, const struct func_ask *ask, const struct mapped_file *m)
{
	struct func_file *f = func_file_known(l, m);
	int fd;

	if (f)
		return f;
	if (m->set_id && !l->cfg.allow_setuid) {
		pr_err("%s: %s gives rights to whoever runs it, and a probe may change what it does with "
		       "them; "
		       "--allow-setuid puts one there all the same",
		       ask->spec.text, m->name);
		return NULL;
	}
	fd = fcntl(m->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0) {
		pr_err("%s: %s: %s", ask->spec.text, m->name, err_str(-errno));
		return NULL;
	}
	f = xcalloc(1, sizeof(*f));
	*f = (struct func_file){ .name = xstrdup(m->name), .fd = fd, .dev = m->dev, .ino = m->ino };
	*vec_add(&l->funcs.files) = f;
	return f;
}

bool func_file_ask(struct func_file *f, const struct func_ask *ask)
{
	for (size_t i = 0; i < f->asks.n; i++)
		if (f->asks.v[i] == ask)
			return false;
	*vec_add(&f->asks) = ask;
	return true;
}

/* ---- functions --------------------------------------------------------------------------------------- */

struct func *func_new(struct live *l, const struct func_ask *ask, struct func_file *file, const char *name,
		      uint32_t flags)
{
	struct func *f = xcalloc(1, sizeof(*f));

	*vec_add(&l->funcs.v) = f;
	f->id = (uint32_t)l->funcs.v.n;
	f->ask = ask;
	f->file = file;
	f->name = xstrdup(name);
	f->flags = flags;
	return f;
}

static void probe_add(struct func *f, const char *prog, uint64_t offset, uint64_t cookie)
{
	*vec_add(&f->probes) =
		(struct func_probe){ .prog = prog, .offset = offset, .cookie = f->id | cookie };
}

/* Where the kernel's own way to see a return may kill a program that has a filter for system calls, v6.11 to
 * v6.13 on x86-64 (fixed by cf6cb56ef244), and of Go's programs, which look at their return addresses. */
static bool returns_by_trap(void)
{
	struct utsname u;
	unsigned int major, minor;

	if (uname(&u) || strcmp(u.machine, "x86_64") || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return true;
	return major != 6 || minor < 11 || minor > 13;
}

/* Every instruction that returns, and where it begins. */
static void add_returns(struct func *f, const struct site *s, uint64_t cookie)
{
	for (size_t i = 0; i < s->n_rets; i++)
		probe_add(f, "func_leave", s->rets[i], HL_FUNC_HERE | cookie);
	probe_add(f, "func_enter", s->offset, cookie);
}

/* Why its return is not looked at; NULL: it is. */
static const char *no_return(const struct func_file *file, const struct site *s, bool by_instruction)
{
	if (s->is_start)
		return "nobody calls it";
	if (s->twice)
		return "it returns more than once";
	if (!by_instruction)
		return NULL;
	if (!s->n_rets)
		return "where it returns cannot be seen";
	return NULL;
}

/*
 * The kernel sees a function return by its return address, which it changes. Who looks for its way by those
 * addresses gets lost: Go's runtime, and whatever throws an exception, which ends the program. Then the
 * instructions that return are probed instead, which is dearer.
 */
static void add_function(struct live *l, const struct func_ask *ask, struct func_file *file,
			 const struct site *s)
{
	bool go = file->is_go, by_instruction = go || file->throws || !returns_by_trap();
	const char *why = no_return(file, s, by_instruction);
	uint64_t again;
	struct func *f;

	if (ask->spec.q.plus || ask->spec.q.what == FIND_LINE || why) {
		f = func_new(l, ask, file, s->name, HL_FUNC_POINT);
		probe_add(f, "func_point", s->offset, 0);
		func_cost_is(l, f, s->cost, NR_PROBE_COSTS);
		if (why && !ask->spec.q.plus && ask->spec.q.what != FIND_LINE)
			pr_warn("%s is only counted: %s", s->name, why);
		return;
	}
	f = func_new(l, ask, file, s->name, go ? HL_FUNC_GO : 0);
	f->result = s->result;
	again = go || s->frameless ? HL_FUNC_AGAIN : 0;
	func_cost_is(l, f, s->cost, by_instruction ? SITE_STEPPED : PROBE_RETURN);
	if (by_instruction) {
		add_returns(f, s, (go ? HL_FUNC_OF_GO : 0) | again);
		return;
	}
	probe_add(f, "func_leave", s->offset, 0);
	f->probes.v[0].is_return = true;
	probe_add(f, "func_enter", s->offset, again);
}

/* ---- USDT -------------------------------------------------------------------------------------------- */

/* What the names of two probes end with that are the two ends of one thing. */
static const struct {
	const char *begin, *end;
} pairs[] = {
	{ "start", "done" },     { "start", "end" },    { "start", "stop" },   { "start", "finish" },
	{ "start", "complete" }, { "start", "commit" }, { "start", "abort" },  { "start", "return" },
	{ "begin", "end" },      { "begin", "done" },   { "entry", "return" }, { "entry", "exit" },
	{ "enter", "exit" },     { "enter", "return" },
};

/* How long the part of a name is before that ending; 0: it does not end so. */
static size_t stem(const char *name, const char *ending)
{
	size_t n = strlen(name), m = strlen(ending);

	if (n <= m + 1 || strcmp(name + n - m, ending))
		return 0;
	n -= m;
	while (n && strchr("_-", name[n - 1]))
		n--;
	return n < strlen(name) - m ? n : 0;
}

/* Is b what ends what a begins? Then how long the name is that they share; else 0. */
static size_t is_pair(const char *a, const char *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		size_t n = stem(a, pairs[i].begin);

		if (n && n == stem(b, pairs[i].end) && !strncmp(a, b, n))
			return n;
	}
	return 0;
}

static void add_usdt_probe(struct live *l, struct func *f, const struct site *s, const char *prog,
			   uint64_t cookie)
{
	probe_add(f, prog, s->offset, cookie);
	f->probes.v[f->probes.n - 1].semaphore = s->semaphore;
	func_cost_is(l, f, MAX(f->begin_cost, s->cost), f->flags & HL_FUNC_POINT ? NR_PROBE_COSTS : s->cost);
}

static void take_args(struct func *f, const struct site *s)
{
	f->n_usdt_args = s->n_args;
	memcpy(f->usdt_args, s->args, sizeof(f->usdt_args));
}

static bool same(const struct site *a, const struct site *b)
{
	return !strcmp(a->name, b->name);
}

/* All places of one name, and of the names that end it. */
static void add_pair(struct live *l, const struct func_ask *ask, struct func_file *file,
		     const struct find_result *r, const struct site *s, size_t n)
{
	char name[256];
	struct func *f;

	snprintf(name, sizeof(name), "%.*s", (int)n, s->name);
	f = func_new(l, ask, file, name, HL_FUNC_USDT);
	take_args(f, s);
	for (size_t i = 0; i < r->n; i++)
		if (is_pair(s->name, r->v[i].name))
			add_usdt_probe(l, f, &r->v[i], "func_leave", HL_FUNC_BY_ID);
	for (size_t i = 0; i < r->n; i++)
		if (same(s, &r->v[i]))
			add_usdt_probe(l, f, &r->v[i], "func_enter", HL_FUNC_BY_ID);
}

static void add_point(struct live *l, const struct func_ask *ask, struct func_file *file,
		      const struct find_result *r, const struct site *s)
{
	struct func *f = func_new(l, ask, file, s->name, HL_FUNC_USDT | HL_FUNC_POINT);

	take_args(f, s);
	for (size_t i = 0; i < r->n; i++)
		if (same(s, &r->v[i]))
			add_usdt_probe(l, f, &r->v[i], "func_point", 0);
}

/* The place is the first one of its name? The others go with it. */
static bool is_first(const struct find_result *r, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (same(&r->v[i], &r->v[at]))
			return false;
	return true;
}

/* The length of the name that it shares with another one; *begins: it is the one that begins. */
static size_t pair_of(const struct find_result *r, const struct site *s, bool *begins)
{
	size_t n;

	for (size_t i = 0; i < r->n; i++) {
		n = is_pair(s->name, r->v[i].name);
		*begins = n > 0;
		n = n ? n : is_pair(r->v[i].name, s->name);
		if (n)
			return n;
	}
	return 0;
}

/* The name that was asked for is that of a probe, or what a pair of them shares (then more was looked for).
 * n: how long the name is, with the provider's before it. */
static bool is_asked(const struct func_ask *ask, const struct site *s, size_t n)
{
	const char *name = strchr(s->name, ':'), *asked = ask->spec.q.name;
	size_t len = name ? n - (size_t)(++name - s->name) : 0;

	return str_is_glob(asked) || strstr(asked, "__") ||
	       (strlen(asked) == len && !strncmp(name, asked, len));
}

static void add_usdt(struct live *l, const struct func_ask *ask, struct func_file *file,
		     const struct find_result *r)
{
	for (size_t i = 0; i < r->n; i++) {
		bool begins;
		size_t n;

		if (!is_first(r, i))
			continue;
		n = pair_of(r, &r->v[i], &begins);
		if (n && begins && is_asked(ask, &r->v[i], n))
			add_pair(l, ask, file, r, &r->v[i], n);
		else if (!n && is_asked(ask, &r->v[i], strlen(r->v[i].name)))
			add_point(l, ask, file, r, &r->v[i]);
	}
}

/* ---- what is asked for -------------------------------------------------------------------------------- */

static void tell_nearest(const struct func_ask *ask, const char *file, const struct find_result *r)
{
	struct str near = {};

	for (size_t i = 0; i < r->n_nearest; i++)
		str_addf(&near, "%s%s", i ? ", " : "", r->nearest[i]);
	pr_err("%s: %s has no such %s%s%s", ask->spec.text, file,
	       ask->spec.q.what == FIND_LINE   ? "line of code"
	       : ask->spec.q.what == FIND_USDT ? "USDT probe"
					       : "function",
	       near.len ? "; what is like it: " : "", str_get(&near));
	str_free(&near);
}

void func_sites_query(const struct func_ask *ask, bool pair, struct func_query *out)
{
	out->q = ask->spec.q;
	out->q.max = MOST;
	out->q.rets = true;
	if (!pair)
		return;
	snprintf(out->name, sizeof(out->name), "%s__*", ask->spec.q.name);
	out->q.name = out->name;
}

bool func_sites_by_pair(const struct func_ask *ask, const struct find_result *r)
{
	return !r->n && ask->spec.q.what == FIND_USDT;
}

static int find_query(struct func_file *file, const struct func_ask *ask, struct find_result *out)
{
	struct func_query q;
	struct find_result more = {};
	char why[160];
	int err;

	func_sites_query(ask, false, &q);
	err = find_in(file->fd, &q.q, out, why, sizeof(why));
	if (err) {
		pr_err("%s: %s: %s", ask->spec.text, file->name, why);
		return err;
	}
	if (!func_sites_by_pair(ask, out))
		return 0;
	func_sites_query(ask, true, &q);
	if (!find_in(file->fd, &q.q, &more, why, sizeof(why)) && more.n) {
		find_free(out);
		*out = more;
	} else {
		find_free(&more);
	}
	return 0;
}

static int too_many(struct live *l, const struct func_ask *ask, const struct find_result *r)
{
	if (r->n == r->all && l->funcs.v.n + r->n <= MOST)
		return 0;
	pr_err("%s: that are %zu functions; no more than %d can be traced: say more of the name",
	       ask->spec.text, r->all, MOST);
	return -E2BIG;
}

/* What of the sites that were found there is left out, and why. */
static void tell_refused(const struct func_ask *ask, const struct find_result *r)
{
	if (r->refused)
		pr_warn("%s: %zu left out, where no probe can be: %s%s", ask->spec.text, r->refused,
			r->why_refused, r->refused > 1 ? ", …" : "");
}

int func_sites_add(struct live *l, const struct func_ask *ask, struct func_file *file,
		   const struct find_result *r)
{
	int err = too_many(l, ask, r);

	if (err)
		return err;
	file->is_go = r->is_go;
	file->throws = r->throws;
	tell_refused(ask, r);
	if (ask->spec.q.what == FIND_USDT)
		add_usdt(l, ask, file, r);
	for (size_t i = 0; i < r->n && ask->spec.q.what != FIND_USDT; i++)
		add_function(l, ask, file, &r->v[i]);
	if (r->is_go)
		func_go_add(file, r);
	return 0;
}

static int add_from(struct live *l, const struct func_ask *ask, struct func_file *file, size_t *found)
{
	struct find_result r = {};
	int err = find_query(file, ask, &r);

	func_file_ask(file, ask);
	if (!err && !r.n)
		tell_nearest(ask, file->name, &r);
	if (!err)
		err = func_sites_add(l, ask, file, &r);
	*found += r.n;
	find_free(&r);
	return err;
}

static int add_files(struct live *l, const struct func_ask *ask, const struct mapped *m)
{
	size_t found = 0;
	int err = 0;

	for (size_t i = 0; !err && i < m->v.n; i++) {
		struct func_file *file = func_file_take(l, ask, &m->v.v[i]);

		err = file ? add_from(l, ask, file, &found) : -EPERM;
	}
	return err ? err : found ? 0 : -ENOENT;
}

int func_sites_find(struct live *l, const struct func_ask *ask)
{
	struct mapped m = {};
	pid_t *pids;
	int err;

	if (ask->spec.kernel)
		return func_kernel_find(l, ask);
	pids = xcalloc(l->cfg.nr_pids + 1, sizeof(*pids));
	for (size_t i = 0; i < l->cfg.nr_pids; i++)
		pids[i] = (pid_t)l->cfg.pids[i];
	err = mapped_find(&ask->spec, pids, l->cfg.nr_pids, &m);
	free(pids);
	if (l->cfg.wait_files && !m.v.n && (!err || err == -ENOENT)) {
		pr_info("%s: there is no %s yet: it is waited for", ask->spec.text, ask->spec.file);
		return 0;
	}
	if (err)
		pr_err("%s: %s: %s%s", ask->spec.text, ask->spec.file, err_str(err),
		       err == -ENOENT ? "; --wait waits for it" : "");
	else if (!m.v.n)
		pr_err("%s: no process has a file %s mapped, and none is where programs and libraries are; "
		       "write its path, or --wait for it",
		       ask->spec.text, ask->spec.file);
	if (!err)
		err = m.v.n ? add_files(l, ask, &m) : -ENOENT;
	mapped_free(&m);
	return err;
}
