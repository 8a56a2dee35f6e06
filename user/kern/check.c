/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What this host allows. Everything that can be tried is tried: BTF, each hook, loading and
 * attaching the programs. Called by doctor. */
#include <bpf/btf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "host/caps.h"
#include "host/file.h"
#include "host/mounts.h"
#include "kern/check.h"
#include "kern/func_sites.h"
#include "kern/kern.h"
#include "sym/fetcher.h"

struct checks {
	struct check *rows;
	size_t n;
	struct system_info sys;
	struct btf *btf;
	char last_line[160]; /* the last message of what was tried */
};

static struct check *add(struct checks *c, const char *name, enum hl_collector_state state)
{
	struct check *r = &c->rows[MIN(c->n, (size_t)MAX_CHECKS - 1)];

	c->n = MIN(c->n + 1, (size_t)MAX_CHECKS);
	memset(r, 0, sizeof(*r));
	r->name = name;
	r->state = state;
	return r;
}

static void kernel(struct checks *c)
{
	struct check *r = add(c, "kernel", HL_COLLECTOR_ON);

	snprintf(r->what, sizeof(r->what), "Linux %.100s on %.20s, %u CPUs", c->sys.kernel, c->sys.arch,
		 c->sys.cpus_online);
}

static void btf(struct checks *c)
{
	struct check *r = add(c, "btf", HL_COLLECTOR_ON);

	c->btf = btf__load_vmlinux_btf();
	snprintf(r->what, sizeof(r->what), "%s",
		 c->btf ? "the kernel describes its types" : "no /sys/kernel/btf/vmlinux");
	if (c->btf && feat_supported(c->btf))
		return;
	if (c->btf)
		snprintf(r->what, sizeof(r->what), "the kernel is too old: it has no bpf_task_pt_regs");
	r->state = HL_COLLECTOR_UNAVAILABLE;
	r->fatal = true;
	snprintf(r->advice, sizeof(r->advice), "use Linux 5.15 or newer built with CONFIG_DEBUG_INFO_BTF");
}

static void privileges(struct checks *c)
{
	struct check *r = add(c, "privileges", HL_COLLECTOR_ON);
	const char *who = geteuid() ? "not root" : "root";
	struct caps caps;

	caps_read(&caps);
	r->fatal = *caps.missing || !caps.of_the_host || caps.in_pid_ns;
	r->state = r->fatal           ? HL_COLLECTOR_UNAVAILABLE
		   : caps.sees_others ? HL_COLLECTOR_ON
				      : HL_COLLECTOR_LESS;
	if (!caps.of_the_host)
		snprintf(r->what, sizeof(r->what), "%s, but only inside a user namespace", who);
	else if (caps.in_pid_ns)
		snprintf(r->what, sizeof(r->what),
			 "%s, but in a pid namespace, where the host's processes are not", who);
	else if (*caps.missing)
		snprintf(r->what, sizeof(r->what), "%s, without %s", who, caps.missing);
	else if (!caps.sees_others)
		snprintf(r->what, sizeof(r->what),
			 "%s, without CAP_SYS_PTRACE: exe is missing for who ran before", who);
	else
		snprintf(r->what, sizeof(r->what), "%s, with the capabilities that BPF needs", who);
	if (r->state != HL_COLLECTOR_ON)
		snprintf(r->advice, sizeof(r->advice),
			 "run hostlat as root of the host, in a container with --pid=host");
}

static void lockdown(struct checks *c)
{
	struct check *r = add(c, "lockdown", HL_COLLECTOR_ON);
	char buf[128];

	if (file_read_line("/sys/kernel/security/lockdown", buf, sizeof(buf)) < 0) {
		snprintf(r->what, sizeof(r->what), "none, or securityfs is not mounted");
		return;
	}
	snprintf(r->what, sizeof(r->what), "%.120s", buf);
	if (!strstr(buf, "[confidentiality]"))
		return;
	r->state = HL_COLLECTOR_UNAVAILABLE;
	r->fatal = true;
	snprintf(r->advice, sizeof(r->advice),
		 "confidentiality forbids reading the kernel: boot with lockdown=integrity or none");
}

static void tracepoints(struct checks *c)
{
	static const char *const need[] = { "sched_switch", "sched_waking",
					    "task_newtask", "sched_process_exec",
					    "task_rename",  "sys_enter",
					    "sys_exit" };
	struct check *r = add(c, "tracepoints", HL_COLLECTOR_ON);
	char type[64], missing[120] = "";

	if (!c->btf) {
		r->state = HL_COLLECTOR_UNAVAILABLE;
		snprintf(r->what, sizeof(r->what), "not known without BTF");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(need); i++) {
		snprintf(type, sizeof(type), "btf_trace_%s", need[i]);
		if (btf__find_by_name_kind(c->btf, type, BTF_KIND_TYPEDEF) < 0)
			snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing), " %s",
				 need[i]);
	}
	snprintf(r->what, sizeof(r->what), "%s%s", *missing ? "missing:" : "all that are needed", missing);
	if (!*missing)
		return;
	r->state = HL_COLLECTOR_UNAVAILABLE;
	r->fatal = true;
	snprintf(r->advice, sizeof(r->advice),
		 "use a kernel built with CONFIG_TRACEPOINTS and CONFIG_FTRACE_SYSCALLS");
}

/* hostlat itself does not need tracefs; what is asked of the kernel by name later does. */
static void tracefs(struct checks *c)
{
	struct check *r = add(c, "tracefs", HL_COLLECTOR_ON);
	char path[MOUNT_PATH_LEN];
	int err = tracefs_path(path);
	bool mounted = err == -EACCES;

	if (err == -ENOENT)
		err = tracefs_mount(path);
	if (!err) {
		snprintf(r->what, sizeof(r->what), "at %.120s", path);
		return;
	}
	r->state = HL_COLLECTOR_LESS;
	if (mounted) {
		snprintf(r->what, sizeof(r->what), "at %.80s, closed to this user", path);
		snprintf(r->advice, sizeof(r->advice), "nothing is lost now; root may look into it");
		return;
	}
	snprintf(r->what, sizeof(r->what), "not mounted, and it cannot be mounted: %s", err_str(err));
	snprintf(r->advice, sizeof(r->advice),
		 "nothing is lost now; to have it: mount -t tracefs t /sys/kernel/tracing");
}

static void pressure(struct checks *c)
{
	struct check *r = add(c, "pressure", HL_COLLECTOR_ON);
	struct psi p;

	if (!psi_read(PSI_CPU, &p)) {
		snprintf(r->what, sizeof(r->what), "the kernel keeps figures for cpu, io and memory");
		return;
	}
	r->state = HL_COLLECTOR_LESS;
	snprintf(r->what, sizeof(r->what), "no figures: the pressure line stays empty");
	snprintf(r->advice, sizeof(r->advice), "boot with psi=1");
}

/* Not tried: that would ask the network. */
static void debuginfod(struct checks *c)
{
	const char *program = fetcher_program();
	struct check *r = add(c, "debuginfod", program ? HL_COLLECTOR_ON : HL_COLLECTOR_OFF);

	if (program) {
		snprintf(r->what, sizeof(r->what), "%.60s; nothing is fetched without --debuginfod", program);
		return;
	}
	snprintf(r->what, sizeof(r->what), "%s", FETCHER_MISSING);
	snprintf(r->advice, sizeof(r->advice),
		 "nothing is lost without --debuginfod, which fetches lines of programs that have none here");
}

/* ---- the collectors, tried ---------------------------------------------------------- */

static void keep_line(void *arg, enum log_level level, const char *line)
{
	struct checks *c = arg;

	if (level <= LOG_WARN)
		snprintf(c->last_line, sizeof(c->last_line), "%s", line);
}

static int ignore(void *arg, const struct hl_rec *rec)
{
	return 0;
}

static void collector(struct checks *c, const char *name, bool works, const char *gives, const char *why)
{
	struct check *r = add(c, name, works ? HL_COLLECTOR_ON : HL_COLLECTOR_UNAVAILABLE);

	snprintf(r->what, sizeof(r->what), "%.150s", works ? gives : why);
}

/* A part says itself what became of it; without it there is less, and nothing is fatal. */
static void part(struct checks *c, const struct part *p)
{
	collector(c, p->name, p->state == HL_COLLECTOR_ON, p->gives, p->reason);
	c->rows[c->n - 1].state = p->state;
}

static void interrupts(struct checks *c, const struct live *l)
{
	bool told = koccupants_interrupts(l);
	struct check *r = add(c, "interrupts", told ? HL_COLLECTOR_ON : HL_COLLECTOR_LESS);

	snprintf(r->what, sizeof(r->what), "%s",
		 told ? "what they took of a CPU that a thread waited for"
		      : "not measured: what they took of a CPU is said to be a thread's");
	if (!told)
		snprintf(r->advice, sizeof(r->advice),
			 "the kernel tells with CONFIG_IRQ_TIME_ACCOUNTING, on a steady clock (tsc)");
}

static void collectors(struct checks *c)
{
	struct live_cfg cfg = { .slow_ns = NSEC_PER_SEC,
				.blocked_ns = NSEC_PER_SEC,
				.memory_bytes = 64 << 20,
				.ustack_bytes = 16 << 10,
				.want_files = true,
				.want_dns = true,
				.want_exchanges = true,
				.calls = CALLS_OFF };
	struct live *l;
	int status, err = -1, calls = -1;

	log_set_sink(keep_line, c);
	l = live_open(&cfg, ignore, NULL, &status);
	if (l)
		err = live_start(l);
	if (!err)
		calls = live_set_calls(l, CALLS_ON);
	log_set_sink(NULL, NULL);
	collector(c, "waits", !err, "the ledger of every thread, every wait, slow waits whole", c->last_line);
	c->rows[c->n - 1].fatal = !!err;
	if (!err)
		interrupts(c, l);
	collector(c, "calls", !calls, "every system call, for a target or while the host can afford it",
		  c->last_line);
	for (unsigned int i = 0; l && i < NR_PARTS; i++)
		part(c, &l->parts[i]);
	if (l && l->parts[PART_FUNC].state != HL_COLLECTOR_UNAVAILABLE)
		collector(c, "probes", true, func_links_way(l), "");
	collector(c, "user stacks", l && l->kcfg.ustack_bytes,
		  l && l->kcfg.flags & HL_CFG_RESUME5
			  ? "where in its program a slow call, a slow wait or a blocked thread is"
			  : "where in its program a slow call or a blocked thread is; slow waits need v6.18",
		  l ? "the children that unwind them cannot be started" : c->last_line);
	collector(c, "cgroups", l && l->cgroups.tree, "CPU quotas, and how they bit",
		  l ? "no hierarchy of cgroups with the CPU controller is mounted" : c->last_line);
	collector(c, "blocked", l && l->iter_works, "what is blocked now, on what, since when",
		  l ? l->iter_reason : c->last_line);
	if (l && !l->iter_works) {
		c->rows[c->n - 1].state = HL_COLLECTOR_LESS;
		snprintf(c->rows[c->n - 1].advice, sizeof(c->rows[0].advice),
			 "threads appear at their first switch, and waits in progress have no file or peer");
	}
	live_close(l);
}

size_t check_all(struct check *rows)
{
	struct checks c = { .rows = rows };

	libbpf_set_print(NULL); /* what it finds is said in our words */
	system_info(&c.sys);
	kernel(&c);
	btf(&c);
	privileges(&c);
	lockdown(&c);
	tracepoints(&c);
	tracefs(&c);
	pressure(&c);
	collectors(&c);
	debuginfod(&c);
	btf__free(c.btf);
	return c.n;
}
