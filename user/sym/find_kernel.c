/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Which functions of the kernel there are, as tracefs says: what may not be traced (notrace, noinstr, what
 * tracing itself is made of) is not among them. Where tracefs cannot be read, as /proc/kallsyms says. Left
 * out are those of the kernel's own list of what kprobes must not touch, and those that a program of ours
 * must not run in: it takes locks and memory itself, which they hold or hand out. Called by kern/ and the
 * commands.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "host/mounts.h"
#include "sym/find_in.h"
#include "sym/find_kernel.h"

#define MOST_LINES 2000000
#define BLACKLIST  "/sys/kernel/debug/kprobes/blacklist"

#define SELF   "what traces runs in it"
#define SWITCH "threads are switched in it, under the scheduler's locks"
#define NEVER  "it never returns"
#define MEMORY "memory is handed out in it, which what traces needs"

/* By name, globs. */
static const struct {
	const char *glob, *why;
} avoided[] = {
	{ "__switch_to*", SWITCH },
	{ "__schedule*", SWITCH },
	{ "schedule", SWITCH },
	{ "schedule_idle", SWITCH },
	{ "schedule_tail", SWITCH },
	{ "schedule_user", SWITCH },
	{ "schedule_preempt_disabled", SWITCH },
	{ "preempt_schedule*", SWITCH },
	{ "finish_task_switch*", SWITCH },
	{ "context_switch*", SWITCH },
	{ "switch_mm*", SWITCH },
	{ "*_task_fair", SWITCH },
	{ "enqueue_entity*", SWITCH },
	{ "dequeue_entity*", SWITCH },
	{ "place_entity*", SWITCH },
	{ "reweight_entity*", SWITCH },
	{ "*_task_rt", SWITCH },
	{ "*_task_dl", SWITCH },
	{ "*_task_stop", SWITCH },
	{ "*_task_idle", SWITCH },
	{ "pick_*task*", SWITCH },
	{ "put_prev_*", SWITCH },
	{ "set_next_*", SWITCH },
	{ "enqueue_*task*", SWITCH },
	{ "dequeue_*task*", SWITCH },
	{ "activate_task", SWITCH },
	{ "deactivate_task", SWITCH },
	{ "select_task_rq*", SWITCH },
	{ "try_to_wake_up", SWITCH },
	{ "ttwu_*", SWITCH },
	{ "check_preempt_*", SWITCH },
	{ "wakeup_preempt*", SWITCH },
	{ "resched_curr*", SWITCH },
	{ "update_rq_clock*", SWITCH },
	{ "update_curr*", SWITCH },
	{ "update_load_avg*", SWITCH },
	{ "__update_load_avg*", SWITCH },
	{ "raw_spin_rq_*", SWITCH },
	{ "load_balance", SWITCH },
	{ "sched_balance_*", SWITCH },
	{ "newidle_balance", SWITCH },
	{ "*_entity", SWITCH },
	{ "pick_eevdf*", SWITCH },
	{ "rb_*", SWITCH },
	{ "__rb_*", SWITCH },
	{ "cgroup_rstat_*", SWITCH },
	{ "update_rt_rq_load_avg", SWITCH },
	{ "*slab*", MEMORY },
	{ "*kmalloc*", MEMORY },
	{ "*kmem_cache_*", MEMORY },
	{ "kfree", MEMORY },
	{ "kvfree*", MEMORY },
	{ "kfree_bulk", MEMORY },
	{ "*alloc_pages*", MEMORY },
	{ "*free_pages*", MEMORY },
	{ "rmqueue*", MEMORY },
	{ "*zone_page_state*", MEMORY },
	{ "__list_*_valid*", MEMORY },
	{ "call_rcu*", MEMORY },
	{ "cpuacct_charge*", SWITCH },
	{ "psi_*", SWITCH },
	{ "bpf_*", SELF },
	{ "__bpf_*", SELF },
	{ "___bpf_*", SELF },
	{ "htab_*", SELF },
	{ "__htab_*", SELF },
	{ "array_map_*", SELF },
	{ "ringbuf_*", SELF },
	{ "trie_*", SELF },
	{ "perf_*", SELF },
	{ "__perf_*", SELF },
	{ "ftrace_*", SELF },
	{ "__ftrace_*", SELF },
	{ "kprobe_*", SELF },
	{ "*kprobe_multi*", SELF },
	{ "rethook_*", SELF },
	{ "fprobe_*", SELF },
	{ "trace_*", SELF },
	{ "__trace_*", SELF },
	{ "uprobe_*", SELF },
	{ "*rcu_read_*lock*", SELF },
	{ "rcu_*", SELF },
	{ "__rcu_*", SELF },
	{ "migrate_enable", SELF },
	{ "migrate_disable", SELF },
	{ "preempt_count_*", SELF },
	{ "*spin_lock*", SELF },
	{ "*spin_unlock*", SELF },
	{ "*spin_trylock*", SELF },
	{ "*read_lock*", SELF },
	{ "*write_lock*", SELF },
	{ "ktime_get*", SELF },
	{ "sched_clock*", SELF },
	{ "local_clock*", SELF },
	{ "copy_from_kernel_nofault*", SELF },
	{ "copy_from_user_nofault", SELF },
	{ "strncpy_from_*_nofault", SELF },
	{ "irq_work_*", SELF },
	{ "do_exit", NEVER },
	{ "do_group_exit", NEVER },
	{ "do_task_dead", NEVER },
	{ "make_task_dead", NEVER },
	{ "__x64_sys_exit*", NEVER },
	{ "__ia32_sys_exit*", NEVER },
	{ "__arm64_sys_exit*", NEVER },
	{ "__do_sys_exit*", NEVER },
	{ "kthread_exit", NEVER },
	{ "*kthread_complete_and_exit", NEVER },
	{ "*module_put_and_kthread_exit", NEVER },
	{ "rewind_stack_and_make_dead", NEVER },
	{ "cpu_startup_entry", NEVER },
	{ "do_idle", NEVER },
	{ "panic", NEVER },
	{ "nmi_panic", NEVER },
	{ "*stack_chk_fail*", NEVER },
	{ "fortify_panic", NEVER },
	{ "stop_this_cpu", NEVER },
	{ "*_reboot", NEVER },
	{ "machine_*", NEVER },
	{ "kernel_restart", NEVER },
	{ "kernel_halt", NEVER },
	{ "kernel_power_off", NEVER },
	{ "start_kernel", NEVER },
	{ "rest_init", NEVER },
	{ "kernel_init", NEVER },
	{ "ret_from_fork*", NEVER },
	{ "__kthread_parkme", SWITCH },
};

const char *kernel_avoid(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(avoided); i++)
		if (str_glob(avoided[i].glob, name))
			return avoided[i].why;
	return NULL;
}

struct search {
	const struct kernel_query *q;
	struct hash *hurts; /* names that kprobes must not touch, by what they come to */
	struct nearest *nearest;
	VEC(struct kernel_site) v;  /* of that name, whichever module's */
	char word[256], module[64]; /* of the line */
};

/* ---- names --------------------------------------------------------------------------------- */

/* What makes up a line; false: no function. In kallsyms there is an address and a kind before it. */
static bool take_line(struct search *s, char *line)
{
	char kind = 'T';
	int n;

	s->module[0] = '\0';
	if (isxdigit((unsigned char)line[0]) && strlen(line) > 19 && line[16] == ' ' && line[18] == ' ') {
		kind = line[17];
		line += 19;
	}
	n = sscanf(line, "%255s [%63[^]]]", s->word, s->module);
	return n >= 1 && strchr("tTwW", kind) && strncmp(s->word, "__pfx_", 6) &&
	       strncmp(s->word, "__cfi_", 6) && strncmp(s->word, "__ftrace_invalid_address", 24) &&
	       strcmp(s->module, "bpf");
}

static bool is_asked(const struct search *s, const struct kernel_site *k)
{
	return !s->q->module || str_glob(s->q->module, k->module ? k->module : "kernel");
}

static void each_line(struct search *s, FILE *f, void (*fn)(struct search *s))
{
	char line[512];

	for (size_t n = 0; n < MOST_LINES && fgets(line, sizeof(line), f); n++) {
		line[strcspn(line, "\n")] = '\0';
		if (take_line(s, line))
			fn(s);
	}
}

static void match(struct search *s)
{
	if (str_glob(s->q->name, s->word))
		*vec_add(&s->v) = (struct kernel_site){ .name = xstrdup(s->word),
							.module = *s->module ? xstrdup(s->module) : NULL };
}

static void near_one(struct search *s)
{
	if (!kernel_avoid(s->word))
		nearest_add(s->nearest, s->word);
}

/* "0xffffffff81000000-0xffffffff81000010	name" */
static void read_blacklist(struct search *s)
{
	FILE *f = fopen(s->q->blacklist ? s->q->blacklist : BLACKLIST, "re");
	char line[512], name[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %255s", name) == 1)
			hash_put(s->hurts, &(uint64_t){ hash_bytes(name, strlen(name)) }, s);
	if (f)
		fclose(f);
}

static FILE *open_functions(const struct kernel_query *q, char *why, size_t size)
{
	char path[PATH_MAX] = "";
	FILE *f = NULL;

	if (q->functions) {
		snprintf(path, sizeof(path), "%s", q->functions);
		f = fopen(path, "re");
	} else if (!tracefs_path(path) && strlen(path) + 40 < sizeof(path)) {
		strcat(path, "/available_filter_functions");
		f = fopen(path, "re");
	}
	if (!f && !q->functions) {
		snprintf(path, sizeof(path), "/proc/kallsyms");
		f = fopen(path, "re");
	}
	if (!f)
		snprintf(why, size, "%.100s: %s", path, err_str(-errno));
	return f;
}

/* ---- what was found ------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
	const struct kernel_site *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : strcmp(x->module ? x->module : "", y->module ? y->module : "");
}

static void site_free(struct kernel_site *s)
{
	free(s->name);
	free(s->module);
}

/* The kernel goes by the name, and would take any of them. */
static bool is_twice(const struct search *s, size_t i)
{
	const struct kernel_site *v = s->v.v;

	return (i && !strcmp(v[i - 1].name, v[i].name)) ||
	       (i + 1 < s->v.n && !strcmp(v[i].name, v[i + 1].name));
}

static void judge(struct search *s)
{
	for (size_t i = 0; i < s->v.n; i++) {
		struct kernel_site *k = &s->v.v[i];

		k->avoid = kernel_avoid(k->name);
		if (!k->avoid && hash_get(s->hurts, &(uint64_t){ hash_bytes(k->name, strlen(k->name)) }))
			k->avoid = "the kernel forbids probes there";
		if (!k->avoid && is_twice(s, i))
			k->avoid = "several functions have that name";
	}
}

static void keep(struct search *s, struct kernel_found *out)
{
	for (size_t i = 0; i < s->v.n; i++) {
		struct kernel_site *k = &s->v.v[i];
		bool asked = is_asked(s, k);

		if (asked && k->avoid && !out->refused++)
			snprintf(out->why_refused, sizeof(out->why_refused), "%.100s: %s", k->name, k->avoid);
		if (asked && !k->avoid && out->all++ < s->q->max)
			s->v.v[out->n++] = *k;
		else
			site_free(k);
	}
	out->v = s->v.v;
}

int kernel_find(const struct kernel_query *q, struct kernel_found *out, char *why, size_t why_size)
{
	struct search s = { .q = q };
	FILE *f = open_functions(q, why, why_size);

	*out = (struct kernel_found){};
	if (!f)
		return -ENOENT;
	s.hurts = hash_new(sizeof(uint64_t));
	read_blacklist(&s);
	each_line(&s, f, match);
	if (s.v.n)
		qsort(s.v.v, s.v.n, sizeof(*s.v.v), by_name);
	judge(&s);
	keep(&s, out);
	if (!out->n && !out->refused) {
		s.nearest = nearest_new(q->name);
		rewind(f);
		each_line(&s, f, near_one);
		out->nearest = xcalloc(FIND_NEAREST, sizeof(*out->nearest));
		out->n_nearest = nearest_take(s.nearest, out->nearest);
	}
	hash_free(s.hurts);
	fclose(f);
	return 0;
}

void kernel_found_free(struct kernel_found *f)
{
	for (size_t i = 0; i < f->n; i++)
		site_free(&f->v[i]);
	for (size_t i = 0; i < f->n_nearest; i++)
		free(f->nearest[i]);
	free(f->v);
	free(f->nearest);
	*f = (struct kernel_found){};
}
