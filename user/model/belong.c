/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Which processes and calls this run is about. Called when a process is named, and for
 * the picture. */
#include <string.h>

#include "base/str.h"
#include "model/state.h"

#define SHORT_ID 12 /* digits of a container's id that name it */

static bool restricts_processes(const struct model_filter *f)
{
	return f->target_only || f->nr_pids || f->comms || f->cgroups || f->containers;
}

bool restricts(const struct model *m)
{
	return m->filter && restricts_processes(m->filter);
}

bool proc_shown(const struct model *m, const struct proc *p)
{
	return p ? p->belongs && !(p->flags & HL_PROC_SELF) : !restricts(m);
}

static bool pid_wanted(const struct model_filter *f, const struct proc *p)
{
	for (size_t i = 0; i < f->nr_pids; i++)
		if (f->pids[i] == p->pid)
			return true;
	return false;
}

/* The kernel keeps 15 bytes of a name; what is asked for may be longer. */
static bool same_comm(const char *comm, const char *want)
{
	return !strncmp(comm, want, HL_COMM_LEN - 1);
}

/* By its name, or by its id however much of that is given. */
static bool same_container(const char *container, const char *want)
{
	return !strcmp(container, want) ||
	       (strlen(container) == SHORT_ID && !strncmp(container, want, SHORT_ID));
}

static bool same_text(const char *text, const char *want)
{
	return !strcmp(text, want);
}

static bool any(const struct istr *s, const char *const *wanted,
		bool (*same)(const char *s, const char *want))
{
	for (; s && wanted && *wanted; wanted++)
		if (same(s->s, *wanted))
			return true;
	return false;
}

bool belongs(const struct model *m, const struct proc *p)
{
	const struct model_filter *f = m->filter;

	if (!restricts(m))
		return true;
	if (proc_is_other(p))
		return false;
	if (p->flags & HL_PROC_TARGET && !f->ignore_target)
		return true;
	return pid_wanted(f, p) || any(p->comm, f->comms, same_comm) ||
	       any(p->cgroup, f->cgroups, path_below) || any(p->container, f->containers, same_container) ||
	       any(p->pod, f->containers, same_text);
}

bool nr_belongs(const struct model *m, unsigned int op, unsigned int abi, unsigned int nr)
{
	const struct model_filter *f = m->filter;

	if (!f || !f->nr_nrs)
		return true;
	if (op != HL_OP_WAIT && op != HL_OP_SYSCALL) /* its number is no system call's */
		return false;
	for (size_t i = 0; i < f->nr_nrs && abi != HL_ABI_IA32; i++)
		if (f->nrs[i] == nr)
			return true;
	return false;
}
