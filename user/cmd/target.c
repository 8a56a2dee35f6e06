/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What the live source is told of this run. Called by the session. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "cmd/target.h"
#include "host/cgroup.h"
#include "host/container.h"
#include "host/mask.h"
#include "host/proc.h"

static void add_cgroup(struct target *t, const char *path)
{
	for (size_t i = 0; i < t->cgroups.n; i++)
		if (!strcmp(t->cgroups.v[i], path))
			return;
	*vec_add(&t->cgroups) = xstrdup(path);
}

static bool in_container(const char *path, const char *name)
{
	struct container c;

	container_parse(path, &c);
	return container_is(&c, name);
}

struct search {
	struct target *t;
	const char *what;
	bool (*fits)(const char *path, const char *what);
	bool add, found;
};

static int look_at(void *arg, pid_t pid)
{
	char path[CGROUP_PATH_LEN];
	struct search *s = arg;

	if (cgroup_of_pid(pid, path) || !s->fits(path, s->what))
		return 0;
	if (s->add)
		add_cgroup(s->t, path);
	s->found = true;
	return 0;
}

/* One that is not there yet may come: no error, but worth a word. */
static void look_for(const char *option, struct search s)
{
	proc_each(look_at, &s);
	if (!s.found)
		pr_warn("%s: no process of \"%s\" runs now", option, s.what);
}

/* Our own command line may hold that of the command, with its secrets. */
static void add_argv(struct target *t, char **argv)
{
	struct str raw = {}, masked = {};

	for (; *argv; argv++)
		str_addn(&raw, *argv, strlen(*argv) + 1);
	mask_argv(str_get(&raw), raw.len, &masked);
	for (size_t at = 0; at < masked.len; at += strlen(masked.s + at) + 1)
		*vec_add(&t->argv) = xstrdup(masked.s + at);
	vec_add(&t->argv);
	str_free(&raw);
	str_free(&masked);
}

void target_init(struct target *t, const struct filter *f, char **argv, bool command, struct live_cfg *cfg)
{
	const struct model_filter *m = &f->model;

	add_argv(t, argv);
	for (size_t i = 0; m->cgroups && m->cgroups[i]; i++) {
		add_cgroup(t, m->cgroups[i]);
		look_for("--cgroup", (struct search){ .what = m->cgroups[i], .fits = path_below });
	}
	/* the kernel side knows cgroups only */
	for (size_t i = 0; m->containers && m->containers[i]; i++)
		look_for("--container", (struct search){ t, m->containers[i], in_container, true, false });
	cfg->has_target = command || m->nr_pids || m->comms || t->cgroups.n;
	vec_add(&t->cgroups);
	cfg->pids = m->pids;
	cfg->nr_pids = m->nr_pids;
	cfg->comms = m->comms;
	cfg->cgroups = t->cgroups.n > 1 ? (const char *const *)t->cgroups.v : NULL;
	cfg->argv = (const char *const *)t->argv.v;
	cfg->filters = (const char *const *)f->words.v;
}

void target_free(struct target *t)
{
	for (size_t i = 0; i < t->argv.n; i++)
		free(t->argv.v[i]);
	for (size_t i = 0; i < t->cgroups.n; i++)
		free(t->cgroups.v[i]);
	vec_free(&t->argv);
	vec_free(&t->cgroups);
}
