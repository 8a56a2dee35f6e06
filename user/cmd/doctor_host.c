/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What this host allows, fact by fact: one function and one row for each. Called by doctor. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/err.h"
#include "cmd/doctor.h"
#include "host/file.h"
#include "host/system.h"

#define TRACEFS_MAGIC 0x74726163

static char *text(const char *s)
{
	return xstrdup(s);
}

static void check_kernel(struct findings *f, const char *name)
{
	struct system_info s;

	system_info(&s);
	findings_add(f, name, DOCTOR_WORKS,
		     xasprintf("Linux %s on %s, %u CPU%s", s.kernel, s.arch, s.cpus_online, s.cpus_online == 1 ? "" : "s"),
		     text(""));
}

static void check_btf(struct findings *f, const char *name)
{
	static const char path[] = "/sys/kernel/btf/vmlinux";
	char magic[2];
	FILE *btf = fopen(path, "re");
	bool good = btf && fread(magic, 1, sizeof(magic), btf) == sizeof(magic);

	if (btf)
		fclose(btf);
	if (good)
		findings_add(f, name, DOCTOR_WORKS, text(path), text(""));
	else
		findings_add(f, name, DOCTOR_NOT, xasprintf("%s is not there or empty", path),
			     text("run a kernel of 5.15 or newer that was built with CONFIG_DEBUG_INFO_BTF"));
}

/* ---- privileges -------------------------------------------------------------------- */

static const struct capability {
	const char *name;
	unsigned int bit;
	const char *lacks; /* without it; NULL: nothing works */
} capabilities[] = {
	{ "CAP_BPF", 39, NULL },
	{ "CAP_PERFMON", 38, NULL },
	{ "CAP_SYS_PTRACE", 19, "programs of other users have no path" },
	{ "CAP_DAC_READ_SEARCH", 2, "cgroups that ended have no name" },
};

static uint64_t effective_caps(void)
{
	unsigned long long caps = 0;
	FILE *status = fopen("/proc/self/status", "re");
	char line[128];

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	if (status)
		fclose(status);
	return caps;
}

static void check_privileges(struct findings *f, const char *name)
{
	enum verdict verdict = geteuid() ? DOCTOR_NOT : DOCTOR_WORKS;
	uint64_t caps = effective_caps();
	struct str missing = {};

	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++) {
		const struct capability *c = &capabilities[i];

		if (caps >> c->bit & 1)
			continue;
		str_addf(&missing, "%s%s", missing.len ? ", " : "missing: ", c->name);
		if (c->lacks)
			str_addf(&missing, " (%s)", c->lacks);
		verdict = MAX(verdict, c->lacks ? DOCTOR_LESS : DOCTOR_NOT);
	}
	if (!missing.len)
		str_add(&missing, geteuid() ? "all capabilities, but not root" : "root, with all capabilities needed");
	findings_add(f, name, verdict, text(str_get(&missing)),
		     text(verdict ? "run it as root; in a container with --privileged and --pid=host" : ""));
	str_free(&missing);
}

static void check_lockdown(struct findings *f, const char *name)
{
	char modes[128];
	const char *now;
	size_t len;

	if (file_read("/sys/kernel/security/lockdown", modes, sizeof(modes)) <= 0) {
		findings_add(f, name, DOCTOR_WORKS, text("off, or not known to this kernel"), text(""));
		return;
	}
	/* "none [integrity] confidentiality" */
	now = strchr(modes, '[');
	now = now ? now + 1 : modes;
	len = strcspn(now, "]\n");
	if (len == strlen("confidentiality") && !strncmp(now, "confidentiality", len))
		findings_add(f, name, DOCTOR_NOT, text("confidentiality: programs may not read kernel memory"),
			     text("boot with lockdown=integrity, or without it"));
	else
		findings_add(f, name, DOCTOR_WORKS, xstrndup(now, len), text(""));
}

/* ---- tracing ------------------------------------------------------------------------- */

static const char *const tracefs_places[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

static const char *find_tracefs(void)
{
	struct statfs st;

	for (size_t i = 0; i < ARRAY_SIZE(tracefs_places); i++)
		if (!statfs(tracefs_places[i], &st) && st.f_type == TRACEFS_MAGIC)
			return tracefs_places[i];
	return NULL;
}

static void check_tracefs(struct findings *f, const char *name)
{
	const char *at = find_tracefs();
	int err;

	if (at) {
		findings_add(f, name, DOCTOR_WORKS, text(at), text(""));
		return;
	}
	if (!mount("tracefs", tracefs_places[0], "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL)) {
		findings_add(f, name, DOCTOR_WORKS, xasprintf("%s, mounted just now", tracefs_places[0]), text(""));
		return;
	}
	err = errno;
	findings_add(f, name, DOCTOR_LESS,
		     xasprintf("not mounted, and cannot be from here (%s); the tracepoints cannot be listed",
			       err_str(err)),
		     xasprintf("as root: mount -t tracefs tracefs %s", tracefs_places[0]));
}

static const struct tracepoint {
	const char *path;
	const char *lacks; /* NULL: nothing works without it */
} tracepoints[] = {
	{ "sched/sched_switch", NULL },
	{ "sched/sched_waking", NULL },
	{ "sched/sched_process_fork", NULL },
	{ "sched/sched_process_exec", NULL },
	{ "task/task_rename", NULL },
	{ "raw_syscalls/sys_enter", "no calls tier" },
	{ "raw_syscalls/sys_exit", "no calls tier" },
};

static void check_tracepoints(struct findings *f, const char *name)
{
	enum verdict verdict = DOCTOR_WORKS;
	const char *at = find_tracefs();
	struct str missing = {};

	if (!at || access(at, R_OK | X_OK)) {
		findings_add(f, name, DOCTOR_LESS, text("not known: tracefs cannot be read"), text(""));
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(tracepoints); i++) {
		const struct tracepoint *t = &tracepoints[i];
		__free char *path = xasprintf("%s/events/%s", at, t->path);

		if (!access(path, F_OK))
			continue;
		str_addf(&missing, "%s%s", missing.len ? ", " : "missing: ", t->path);
		if (t->lacks)
			str_addf(&missing, " (%s)", t->lacks);
		verdict = MAX(verdict, t->lacks ? DOCTOR_LESS : DOCTOR_NOT);
	}
	if (!missing.len)
		str_addf(&missing, "all %zu that are needed", ARRAY_SIZE(tracepoints));
	findings_add(f, name, verdict, text(str_get(&missing)),
		     text(verdict ? "run a kernel with CONFIG_FTRACE_SYSCALLS and scheduler tracepoints" : ""));
	str_free(&missing);
}

/* ---- what only adds something ------------------------------------------------------------ */

static void check_pressure(struct findings *f, const char *name)
{
	struct psi p;

	if (!psi_read(PSI_CPU, &p))
		findings_add(f, name, DOCTOR_WORKS, text("/proc/pressure"), text(""));
	else
		findings_add(f, name, DOCTOR_LESS, text("this kernel keeps no pressure figures: that line is missing"),
			     text("boot with psi=1, on a kernel with CONFIG_PSI"));
}

static void check_pids(struct findings *f, const char *name)
{
	char mine[64], first[64];
	ssize_t n = readlink("/proc/self/ns/pid", mine, sizeof(mine) - 1);
	ssize_t m = readlink("/proc/1/ns/pid", first, sizeof(first) - 1);
	/* the host's own namespace has a fixed number */
	bool host = n > 0 && (size_t)n == strlen("pid:[4026531836]") && !strncmp(mine, "pid:[4026531836]", n);

	if (host && m > 0)
		findings_add(f, name, DOCTOR_WORKS, text("the host's own numbers of processes"), text(""));
	else if (host)
		findings_add(f, name, DOCTOR_LESS, text("other processes cannot be looked at in /proc: no paths of programs"),
			     text("run it as root, with /proc mounted without hidepid"));
	else
		findings_add(f, name, DOCTOR_LESS,
			     text("in a pid namespace: the numbers shown are the host's, paths and cgroups are missing"),
			     text("run it in the host's pid namespace (--pid=host)"));
}

static const struct check {
	const char *name;
	void (*fn)(struct findings *f, const char *name);
} checks[] = {
	{ "kernel", check_kernel },           { "btf", check_btf },
	{ "privileges", check_privileges },   { "lockdown", check_lockdown },
	{ "tracefs", check_tracefs },         { "tracepoints", check_tracepoints },
	{ "pressure", check_pressure },       { "pids", check_pids },
};

void doctor_host(struct findings *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		checks[i].fn(f, checks[i].name);
}
