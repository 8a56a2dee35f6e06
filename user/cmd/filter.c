/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The filters of live commands and of replay. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "cmd/filter.h"
#include "host/syscalls.h"

static int add_pid(struct filter *f, const char *word)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(word, &end, 10);
	if (*word < '0' || *word > '9' || *end || errno || !v || v > INT_MAX) {
		pr_err("-p: \"%s\" is not the number of a process", word);
		return -EINVAL;
	}
	for (size_t i = 0; i < f->pids.n; i++)
		if (f->pids.v[i] == v)
			return 0;
	*vec_add(&f->pids) = (uint32_t)v;
	return 0;
}

static int add_call(struct filter *f, const char *word)
{
	int nr = syscall_number(syscall_native_abi(), word);

	if (nr < 0) {
		pr_err("-x: \"%s\" is no system call", word);
		return -EINVAL;
	}
	*vec_add(&f->nrs) = (uint16_t)nr;
	return 0;
}

static int add_comm(struct filter *f, const char *word)
{
	*vec_add(&f->comms) = word;
	return 0;
}

static int add_cgroup(struct filter *f, const char *word)
{
	static const char root[] = "/sys/fs/cgroup/";

	/* as the file system writes it, too */
	if (!strncmp(word, root, sizeof(root) - 1))
		word += sizeof(root) - 2;
	if (*word != '/') {
		pr_err("--cgroup: \"%s\" does not begin with a /; write it as /proc/PID/cgroup does", word);
		return -EINVAL;
	}
	*vec_add(&f->cgroups) = word;
	return 0;
}

static int add_container(struct filter *f, const char *word)
{
	*vec_add(&f->containers) = word;
	return 0;
}

static const struct kind {
	const char *name;
	size_t offset; /* in struct filter_opts */
	int (*add)(struct filter *f, const char *word);
} kinds[] = {
	{ "pid", offsetof(struct filter_opts, pids), add_pid },
	{ "comm", offsetof(struct filter_opts, comms), add_comm },
	{ "cgroup", offsetof(struct filter_opts, cgroups), add_cgroup },
	{ "container", offsetof(struct filter_opts, containers), add_container },
	{ "syscall", offsetof(struct filter_opts, calls), add_call },
};

static const struct opt_list *list_of(const struct filter_opts *o, const struct kind *k)
{
	return (const struct opt_list *)((const char *)o + k->offset);
}

static int add_list(struct filter *f, const struct filter_opts *o, const struct kind *k)
{
	const struct opt_list *l = list_of(o, k);

	for (size_t i = 0; i < l->n; i++) {
		int err = k->add(f, l->v[i]);

		if (err)
			return err;
		*vec_add(&f->words) = xasprintf("--%s=%s", k->name, l->v[i]);
	}
	return 0;
}

static const char *const *ended(const char **v, size_t n)
{
	return n > 1 ? v : NULL;
}

int filter_init(struct filter *f, const struct filter_opts *o)
{
	*f = (struct filter){};
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int err = add_list(f, o, &kinds[i]);

		if (err) {
			filter_free(f);
			return err;
		}
	}
	if (o->target)
		*vec_add(&f->words) = xstrdup("--target");
	vec_add(&f->words);
	vec_add(&f->comms);
	vec_add(&f->cgroups);
	vec_add(&f->containers);
	f->model = (struct model_filter){
		.pids = f->pids.v,
		.nr_pids = f->pids.n,
		.comms = ended(f->comms.v, f->comms.n),
		.cgroups = ended(f->cgroups.v, f->cgroups.n),
		.containers = ended(f->containers.v, f->containers.n),
		.nrs = f->nrs.v,
		.nr_nrs = f->nrs.n,
		.target_only = o->target,
	};
	return 0;
}

void filter_free(struct filter *f)
{
	for (size_t i = 0; i < f->words.n; i++)
		free(f->words.v[i]);
	vec_free(&f->words);
	vec_free(&f->pids);
	vec_free(&f->nrs);
	vec_free(&f->comms);
	vec_free(&f->cgroups);
	vec_free(&f->containers);
}

bool filter_given(const struct filter_opts *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (list_of(o, &kinds[i])->n)
			return true;
	return o->target;
}

/* The process of a thread; 0: not known. */
static unsigned int process_of(uint32_t tid)
{
	__free char *path = xasprintf("/proc/%u/status", tid);
	FILE *status = fopen(path, "re");
	unsigned int pid = 0;
	char line[128];

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "Tgid: %u", &pid) == 1)
			break;
	if (status)
		fclose(status);
	return pid;
}

int filter_check_pids(const struct filter *f)
{
	for (size_t i = 0; i < f->pids.n; i++) {
		uint32_t tid = f->pids.v[i], pid = process_of(tid);

		if (pid == tid)
			continue;
		if (pid)
			pr_err("-p: %u is a thread of process %u; write -p %u", tid, pid, pid);
		else
			pr_err("-p: there is no process %u", tid);
		return -ESRCH;
	}
	return 0;
}

/* ---- from a recording ----------------------------------------------------------- */

struct word_values {
	struct filter_opts f;
};

static const struct opt word_rows[] = {
	FILTER_ROWS(struct word_values, f),
	{ .type = OPT_END },
};

static void say_nothing(void *arg, enum log_level l, const char *line)
{
}

void filter_parse_words(struct filter_opts *o, const char *const *words)
{
	struct opt_list others = {};

	/* a newer program may have written more: its filters cannot be followed */
	log_set_sink(say_nothing, NULL);
	for (; words && *words; words++) {
		char *argv[] = { "", (char *)*words, NULL };

		opt_parse(2, argv, word_rows, o, &others, NULL);
		opt_list_free(&others);
	}
	log_set_sink(NULL, NULL);
}

void filter_opts_free(struct filter_opts *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		opt_list_free((struct opt_list *)list_of(o, &kinds[i]));
}
