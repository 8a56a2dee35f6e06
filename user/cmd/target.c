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

struct search {
	struct target *t;
	const char *container;
	bool found;
};

static int look_at(void *arg, pid_t pid)
{
	char path[CGROUP_PATH_LEN], name[CONTAINER_NAME_LEN];
	struct search *s = arg;

	if (cgroup_of_pid(pid, path) || strcmp(container_name(path, name), s->container))
		return 0;
	add_cgroup(s->t, path);
	s->found = true;
	return 0;
}

/* The kernel side knows cgroups only. */
static void add_container(struct target *t, const char *name)
{
	struct search s = { t, name, false };

	proc_each(look_at, &s);
	if (!s.found)
		pr_warn("--container: no process of \"%s\" runs now", name);
}

/* Our own command line may hold that of the command, with its secrets. */
static void add_argv(struct target *t, char **argv)
{
	struct str raw = {}, line = {};

	for (; *argv; argv++)
		str_addn(&raw, *argv, strlen(*argv) + 1);
	mask_cmdline(str_get(&raw), raw.len, &line);
	for (char *rest = line.s, *word; (word = strsep(&rest, " "));)
		*vec_add(&t->argv) = xstrdup(word);
	vec_add(&t->argv);
	str_free(&raw);
	str_free(&line);
}

void target_init(struct target *t, const struct filter *f, char **argv, bool command, struct live_cfg *cfg)
{
	const struct model_filter *m = &f->model;

	add_argv(t, argv);
	for (size_t i = 0; m->cgroups && m->cgroups[i]; i++)
		add_cgroup(t, m->cgroups[i]);
	for (size_t i = 0; m->containers && m->containers[i]; i++)
		add_container(t, m->containers[i]);
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
