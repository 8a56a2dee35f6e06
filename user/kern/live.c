/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The live source: the parts of kern/ in order. Called by the session of every live command. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "host/caps.h"
#include "kern/func_files.h"
#include "kern/kern.h"

/* At the start, for the command lines of who is there; what comes later comes with a tick. */
#define ASK_NS (100 * NSEC_PER_MSEC)

/* A pair of clocks that is not older than this beside the newest one. */
#define FRESH_NS (200 * NSEC_PER_MSEC)

static int on_libbpf(enum libbpf_print_level level, const char *fmt, va_list args)
{
	__free char *line = NULL;

	if (vasprintf(&line, fmt, args) < 0)
		return 0;
	pr_dbg("libbpf: %s", line);
	return 0;
}

void live_emit(struct live *l)
{
	const struct hl_rec *rec = rec_end(&l->buf);
	int err = l->mute ? 0 : l->sink(l->arg, rec);

	if (err && !l->sink_err)
		l->sink_err = err;
	recbuf_reset(&l->buf);
}

uint64_t live_boot(const struct live *l, uint64_t clock)
{
	return clock + l->clock_offset;
}

/* A whole pair of clocks that a CPU left; false: it has none, or writes one. */
static bool read_pair(const struct hl_cpu *c, uint64_t *clock, uint64_t *boot)
{
	*clock = __atomic_load_n(&c->clock, __ATOMIC_ACQUIRE);
	*boot = __atomic_load_n(&c->boot, __ATOMIC_ACQUIRE);
	return *clock && *clock == __atomic_load_n(&c->clock, __ATOMIC_ACQUIRE);
}

/* A run queue's clock may lag when its pair is taken, and never runs ahead: the least offset of
 * the fresh pairs. Those from before a suspension are not fresh. */
static void read_clocks(struct live *l)
{
	uint64_t newest = 0, clock, boot;
	bool any = false;

	for (uint32_t i = 0; i < l->kcfg.nr_cpus; i++)
		if (read_pair(&l->sh.cpus[i], &clock, &boot))
			newest = MAX(newest, boot);
	for (uint32_t i = 0; i < l->kcfg.nr_cpus; i++) {
		if (!read_pair(&l->sh.cpus[i], &clock, &boot) || boot + FRESH_NS < newest)
			continue;
		if (!any || (int64_t)(boot - clock) < l->clock_offset)
			l->clock_offset = boot - clock;
		any = true;
	}
}

/* ---- opening ------------------------------------------------------------------- */

/* Not permitted, or not here: one line that says what is missing and what to do. */
static int refuse(int err, int *status)
{
	*status = EXIT_UNSUPPORTED;
	if (err == -EPERM || err == -EACCES)
		pr_err("not permitted to load BPF programs: run as root of the host, or with CAP_BPF, "
		       "CAP_PERFMON and CAP_SYS_PTRACE");
	else if (err == -EOPNOTSUPP)
		pr_err("this kernel is too old: hostlat needs Linux 5.15 or newer");
	else if (err == -ENOENT || err == -ESRCH)
		pr_err("this kernel has no BTF (/sys/kernel/btf/vmlinux): hostlat needs Linux 5.15 or newer "
		       "built with "
		       "CONFIG_DEBUG_INFO_BTF");
	else {
		*status = EXIT_FAILED;
		pr_err("the kernel's BTF could not be read: %s", err_str(err));
	}
	return err;
}

/* It is not the kernel that cannot: something has run out. */
static bool ran_out(int err)
{
	return err == -ENOMEM || err == -EMFILE || err == -ENFILE;
}

static int check_host(struct live *l, int *status)
{
	uint32_t flags = 0;
	struct caps caps;
	int err;

	caps_read(&caps);
	if (*caps.missing || !caps.of_the_host)
		return refuse(-EPERM, status);
	if (caps.in_pid_ns) {
		*status = EXIT_UNSUPPORTED;
		pr_err("in a pid namespace the processes of the host cannot be seen: run it on the host, or "
		       "in a "
		       "container that shares the host's (--pid=host)");
		return -EPERM;
	}
	err = feat_flags(&flags);
	if (err)
		return refuse(err == -EOPNOTSUPP || ran_out(err) ? err : -ENOENT, status);
	l->kcfg.flags = l->cfg.old_kernel ? flags & ~HL_CFG_NEW : flags;
	l->kcfg.self = getpid();
	return 0;
}

/* The "(other)" cells have their keys from the start. */
static void set_ctl(struct live *l)
{
	struct hl_ctl *ctl = l->sh.ctl;

	for (uint32_t i = 0; i < l->kcfg.nr_cpus; i++)
		l->sh.cpus[i].id = i;
	live_set_slow(l, l->cfg.slow_ns);
	ctl->blocked_ns = l->cfg.blocked_ns;
	ctl->func_calls = l->cfg.func_calls;
	ustacks_pace(l);
	ctl->gate = 2; /* no slot's */
	ctl->pool_next = 1 + l->kcfg.nr_cpus * NR_HL_CELL_KINDS;
	for (uint32_t i = 1; i < ctl->pool_next; i++) {
		uint8_t op = (i - 1) % NR_HL_CELL_KINDS;
		bool is_wait = op == HL_OP_WAIT || op == HL_CELL_FILE + HL_OP_WAIT;

		l->sh.cells[i].key = HL_KEY(0, HL_NR_OTHER, is_wait ? HL_STATE_OTHER : 0, 0, op);
	}
}

void live_gate(struct live *l)
{
	__atomic_fetch_add(&l->sh.ctl->gate, 2, __ATOMIC_ACQ_REL);
}

static int add_pid(struct live *l, uint32_t pid)
{
	uint64_t any_start = 0;

	return bpf_map_update_elem(bpf_map__fd(object_map(&l->core, "hl_targets")), &pid, &any_start,
				   BPF_ANY);
}

/* Whether the kernel side can tell the targets by their names and cgroups. */
static bool set_names(struct live *l)
{
	const char *const *comm = l->cfg.comms, *const *cgroup = l->cfg.cgroups;
	struct hl_ctl *ctl = l->sh.ctl;
	uint64_t id;

	for (; comm && *comm; comm++) {
		if (ctl->nr_comms == HL_MAX_COMMS)
			return false;
		strncpy(ctl->comms[ctl->nr_comms++], *comm, HL_COMM_LEN - 1);
	}
	for (; cgroup && *cgroup; cgroup++) {
		if (ctl->nr_cgroups == HL_MAX_CGROUPS || cgroups_id(l->life.cgroups, *cgroup, &id))
			return false;
		ctl->cgroups[ctl->nr_cgroups++] = id;
	}
	return true;
}

/* Targets that the kernel side cannot tell: it looks at the whole host, as without any. */
static int set_targets(struct live *l)
{
	struct hl_ctl *ctl = l->sh.ctl;
	int err;

	if (!l->cfg.has_target)
		return 0;
	l->unfiltered = !set_names(l);
	if (l->unfiltered) {
		l->cfg.has_target = false;
		return 0;
	}
	for (size_t i = 0; i < l->cfg.nr_pids; i++) {
		err = add_pid(l, l->cfg.pids[i]);
		if (err)
			return err;
	}
	ctl->filter = HL_FILTER_ON | HL_FILTER_FOLLOW;
	return 0;
}

/* Which of the objects that are the core this kernel takes. */
static const char *core_name(const struct hl_cfg *cfg)
{
	return cfg->flags & HL_CFG_RESUME5   ? "core_resume5"
	       : cfg->flags & HL_CFG_RESUME4 ? "core_resume4"
					     : "core";
}

static int open_core(struct live *l, int *status)
{
	struct hl_cfg sizing = l->kcfg;
	int err;

	err = shared_size(NULL, &l->cfg, &sizing);
	if (err)
		return err;
	l->kcfg = sizing;
	err = object_open(&l->core, core_name(&l->kcfg), &l->kcfg, NULL);
	if (err)
		return err;
	err = shared_size(&l->core, &l->cfg, &sizing);
	if (err)
		return err;
	tier_pick(l);
	if (l->kcfg.flags & HL_CFG_CGROUPS)
		object_autoload(&l->core, "cgroup_attach_task");
	kcgroups_pick(l);
	err = object_load(&l->core);
	if (err) { /* whatever its word for it: under lockdown helpers are unknown to it */
		*status = ran_out(err) ? EXIT_FAILED : EXIT_UNSUPPORTED;
		return err;
	}
	return shared_map(&l->sh, &l->core);
}

/* Without iterators hostlat works, but sees only threads that switch. */
static void open_iter(struct live *l)
{
	int err = object_open(&l->iter, "iter", &l->kcfg, &l->core);

	if (!err)
		err = object_load(&l->iter);
	l->iter_works = !err;
	if (err)
		snprintf(l->iter_reason, sizeof(l->iter_reason), "task iterators: %s", err_str(err));
}

/* In the child: a command line, or what a lock's memory holds. */
static ssize_t ask(const struct question *q, char *buf, size_t size)
{
	return q->at ? lock_memory(q, buf) : proc_cmdline(q->pid, buf, size);
}

static void on_answer(void *arg, const struct question *q, const char *buf, ssize_t n)
{
	if (q->at)
		locks_answer(arg, q, buf, n);
	else
		life_answer(arg, q->pid, buf, n);
}

void live_asked(struct live *l, uint64_t until_ns)
{
	if (l->asker)
		asker_take(l->asker, until_ns, on_answer, l);
}

struct live *live_open(const struct live_cfg *cfg, live_sink sink, void *arg, int *status)
{
	struct live *l = xcalloc(1, sizeof(*l));
	int err;

	*status = EXIT_FAILED;
	l->cfg = *cfg;
	l->sink = sink;
	l->arg = arg;
	libbpf_set_print(on_libbpf);
	system_info(&l->sys);
	life_init(&l->life);
	kcgroups_init(&l->cgroups);
	locks_init(&l->locks);
	kstacks_init(&l->stacks);
	disks_init(l);
	kconns_init(l);
	kdns_init(l);
	err = check_host(l, status);
	if (!err) { /* now, while there is nothing of the kernel's for a child to hold */
		l->asker = asker_new(ask);
		l->kcfg.ustack_bytes = l->cfg.ustack_bytes;
		l->kcfg.jiffy_ns = clock_jiffy_ns();
		ustacks_init(l);
		err = open_core(l, status);
	}
	if (!err)
		err = ring_open(l);
	if (!err) {
		open_iter(l);
		parts_open(l);
		err = funcs_open(l);
		if (err == -EOPNOTSUPP)
			*status = EXIT_UNSUPPORTED;
	}
	if (!err) {
		cells_init(&l->cells, &l->kcfg);
		files_init(l);
		set_ctl(l);
		err = set_targets(l);
		live_set_files(l, l->cfg.want_files);
		l->dns.always = l->cfg.want_dns || l->cfg.has_target;
		live_set_dns(l, false);
		live_set_exchanges(l, l->cfg.want_exchanges);
	}
	malloc_trim(0); /* the kernel's BTF was large, and is not needed any more */
	if (!err)
		return l;
	if (*status == EXIT_FAILED && (err == -EPERM || err == -EACCES))
		*status = EXIT_UNSUPPORTED;
	live_close(l);
	return NULL;
}

static void detach(struct live *l)
{
	tier_fini(l);
	kcgroups_unhook(l);
	while (l->nr_links) {
		/* what the others go on to send has to have room: taking one off takes a while */
		if (l->ring && l->started)
			ring_drain(l);
		bpf_link__destroy(l->links[--l->nr_links]);
	}
	funcs_detach(l);
	parts_detach(l);
}

void live_close(struct live *l)
{
	if (!l)
		return;
	detach(l);
	ring_close(l);
	shared_unmap(&l->sh);
	parts_close(l);
	object_close(&l->iter);
	object_close(&l->core);
	cells_fini(&l->cells);
	files_fini(l);
	life_fini(&l->life);
	kcgroups_fini(&l->cgroups);
	locks_fini(&l->locks);
	asker_free(l->asker);
	kstacks_fini(&l->stacks);
	ustacks_fini(l);
	koccupants_fini(l);
	disks_fini(l);
	kconns_fini(l);
	exchanges_fini(l);
	kdns_fini(l);
	kfuncs_fini(l);
	recbuf_free(&l->buf);
	free(l);
}

/* ---- running ------------------------------------------------------------------- */

/* Of the kernel's functions: it takes a while, and is done before anybody waits for us. */
static void read_names(struct live *l)
{
	ksyms_fixed(l->stacks.syms, 0);
}

int live_add_target(struct live *l, uint32_t pid)
{
	int err = add_pid(l, pid);

	read_names(l);
	l->target_pid = pid;
	if (l->unfiltered)
		return err;
	l->sh.ctl->filter |= HL_FILTER_ON | HL_FILTER_FOLLOW;
	live_gate(l);
	return err;
}

/* Who forks must be known before who switches: the order in which threads get their homes. */
static const char *const always[] = { "task_newtask", "sched_process_exec", "task_rename", "sched_waking",
				      "sched_switch" };

int live_start(struct live *l)
{
	int err;

	l->started_boot = clock_boot_ns();
	l->cpu0_ns = clock_cpu_ns();
	facts_meta(l);
	kcgroups_find(l);
	for (size_t i = 0; i < ARRAY_SIZE(always); i++) {
		err = object_attach(&l->core, always[i], &l->links[l->nr_links]);
		if (err)
			return err;
		l->nr_links++;
	}
	if (l->kcfg.flags & HL_CFG_CGROUPS) {
		err = object_attach(&l->core, "cgroup_attach_task", &l->links[l->nr_links]);
		if (err)
			return err;
		l->nr_links++;
	}
	parts_attach(l);
	usleep(1000); /* every CPU that does anything has left a pair of clocks */
	read_clocks(l);
	if (l->iter_works) {
		err = life_find(l);
		if (err) {
			l->iter_works = false;
			snprintf(l->iter_reason, sizeof(l->iter_reason), "task iterators: %s", err_str(err));
		}
	}
	__atomic_store_n(&l->sh.ctl->found, 1, __ATOMIC_RELEASE);
	conns_find(l);
	err = funcs_attach(l);
	if (err)
		return err;
	live_asked(l, clock_mono_ns() + ASK_NS);
	life_place(l);
	disks_send(l); /* where their figures stand now */
	l->started = true;
	return tier_init(l);
}

int live_fd(const struct live *l)
{
	return ring_buffer__epoll_fd(l->ring);
}

int live_drain(struct live *l)
{
	int n = ring_drain(l);

	ustacks_drain(l);
	kcgroups_drain(l);
	dns_drain(l);
	if (!n && !live_hurry(l))
		read_names(l);

	if (!l->stopped) {
		tier_tick(l);
		funcs_guard(l);
		funcs_estimate(l);
		func_files_drain(l);
	}
	if (cells_scarce(l) && hash_count(l->life.gone))
		cells_reclaim(l);
	return n;
}

bool live_hurry(const struct live *l)
{
	return ustacks_hurry(l) || func_files_hurry(l);
}

int live_tick(struct live *l, bool final)
{
	struct hl_cpu before;

	if (final) {
		detach(l);
		l->stopped = true;
		ustacks_stop(l);
	}
	facts_before(l, &before);
	read_clocks(l);
	live_drain(l);
	life_recover(l);
	live_asked(l, 0);
	conns_refresh(l, final);
	dns_refresh(l, final);
	exchanges_refresh(l, final);
	life_send(l);
	cells_drain(l);
	files_retire(l);
	cells_reclaim(l);
	disks_send(l);
	kcgroups_send(l);
	slots_drain(l);
	ustacks_refresh(l, final);
	if (l->iter_works)
		stacks_refresh(l);
	life_forget(l);
	facts_tick(l, &before, final);
	return l->sink_err;
}

int live_set_calls(struct live *l, enum calls_mode mode)
{
	return tier_set(l, mode);
}

enum calls_mode live_calls_mode(const struct live *l)
{
	return l->tier.mode;
}

bool live_calls_on(const struct live *l)
{
	return l->tier.on;
}

int live_set_slow(struct live *l, uint64_t slow_ns)
{
	l->cfg.slow_ns = slow_ns;
	for (uint32_t i = 0; i < l->kcfg.nr_cpus; i++)
		__atomic_store_n(&l->sh.cpus[i].slow_ns, slow_ns, __ATOMIC_RELAXED);
	return 0;
}
