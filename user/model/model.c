/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Takes records: dispatch, facts of the capture, and what a tick does. A tick takes the
 * picture at once: what comes after it belongs to the next interval, and a recording that
 * was cut off must show what stood at its last tick. Called by the commands.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/state.h"
#include "rec/rec.h"

#define MAX_WORDS      1024 /* of argv and of the filters */
#define MAX_COLLECTORS 64

/* ---- facts -------------------------------------------------------------------------- */

static void set_text(char **slot, const char *s)
{
	free(*slot);
	*slot = xstrdup(s);
}

static void list_clear(struct fact_list *l)
{
	for (size_t i = 0; i < l->v.n; i++)
		free(l->v.v[i]);
	l->v.n = 0;
}

static void list_add(struct fact_list *l, const char *s)
{
	if (l->v.n < MAX_WORDS)
		*vec_add(&l->v) = xstrdup(s);
}

static void fact_text(struct facts *f, size_t offset, const char *s)
{
	set_text((void *)((char *)f + offset), s);
}

static void fact_number(struct facts *f, size_t offset, const char *s)
{
	*(uint64_t *)(void *)((char *)f + offset) = strtoull(s, NULL, 10);
}

static void fact_word(struct facts *f, size_t offset, const char *s)
{
	list_add((void *)((char *)f + offset), s);
}

/* The first facts of a capture: what may have stood here is void. */
static void fact_first(struct facts *f, size_t offset, const char *s)
{
	list_clear(&f->argv);
	list_clear(&f->filters);
}

static const struct {
	const char *key;
	void (*set)(struct facts *f, size_t offset, const char *s);
	size_t offset;
} facts[] = {
	{ "hostname", fact_text, offsetof(struct facts, hostname) },
	{ "kernel", fact_text, offsetof(struct facts, kernel) },
	{ "arch", fact_text, offsetof(struct facts, arch) },
	{ "boot_id", fact_text, offsetof(struct facts, boot_id) },
	{ "tool_version", fact_text, offsetof(struct facts, tool_version) },
	{ "cpus", fact_number, offsetof(struct facts, cpus) },
	{ "slow_ns", fact_number, offsetof(struct facts, slow_ns) },
	{ "blocked_ns", fact_number, offsetof(struct facts, blocked_ns) },
	{ "argv", fact_word, offsetof(struct facts, argv) },
	{ "filter", fact_word, offsetof(struct facts, filters) },
	{ "first", fact_first, 0 },
};

/* A key that only a newer program has is no error. */
static int meta_apply(struct model *m, const struct hl_rec *rec)
{
	const char *key = rec_tail_str(rec, 0);

	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		if (!strcmp(facts[i].key, key))
			facts[i].set(&m->facts, facts[i].offset, rec_tail_str(rec, 1));
	if (!m->first_ts && !m->seq)
		m->first_ts = rec->ts;
	return 0;
}

static int collector_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_collector *r = (const void *)rec;
	const char *name = rec_tail_str(rec, 0);
	struct coll *c = NULL;

	for (size_t i = 0; i < m->colls.n && !c; i++)
		if (!strcmp(m->colls.v[i].name, name))
			c = &m->colls.v[i];
	if (!c && m->colls.n >= MAX_COLLECTORS)
		return -ENOSPC;
	if (!c) {
		c = vec_add(&m->colls);
		c->name = xstrdup(name);
	}
	set_text(&c->reason, rec_tail_str(rec, 1));
	c->state = r->state;
	return 0;
}

static int watched_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_watched *r = (const void *)rec;
	struct watched *w = &m->watched[r->what];

	w->known = true;
	w->ns = r->ns;
	return 0;
}

static int acct_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_acct *r = (const void *)rec;
	struct acct *a = &m->acct[r->class_id];

	a->known = true;
	a->seen = r->seen;
	a->delivered = r->delivered;
	for (int i = 0; i < NR_HL_LOSSES; i++)
		a->lost_by[i] = r->lost[i];
	return 0;
}

static double psi_pct(uint32_t x100)
{
	return x100 == UINT32_MAX ? -1 : x100 / 100.0;
}

static int psi_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_psi *r = (const void *)rec;

	m->psi[r->resource] =
		(struct snap_psi){ true, psi_pct(r->some_avg10_x100), psi_pct(r->full_avg10_x100) };
	return 0;
}

static int self_apply(struct model *m, const struct hl_rec *rec)
{
	const struct hl_rec_self *r = (const void *)rec;

	m->self = (struct snap_self){
		.cpu_ns = r->cpu_ns,
		.rss_bytes = r->rss_bytes,
		.map_bytes = r->map_bytes,
		.bpf_ns = r->bpf_ns,
		.call_cost_ns = r->call_cost_ns,
		.known = true,
	};
	return 0;
}

/* ---- the tick ------------------------------------------------------------------------ */

static void tick_times(struct model *m, const struct hl_rec_tick *r)
{
	if (!m->seq && (!m->first_ts || m->first_ts > r->h.ts))
		m->first_ts = r->h.ts;
	m->ts = r->h.ts;
	m->real_ns = r->real_ns;
	m->interval_ns = r->interval_ns;
	m->final = r->final;
	m->looked = r->looked;
	if (!m->seq)
		m->real_started = m->real_ns - (m->ts - m->first_ts);
	if (m->interval_ns)
		m->self.cpu_pct = 100.0 * (double)not_negative(m->self.cpu_ns - m->self_cpu_before) /
				  (double)m->interval_ns;
}

/* The interval that begins: nothing has happened in it. */
static void roll(struct model *m)
{
	procs_roll(m);
	threads_roll(m);
	ops_roll(m);
	slow_roll(m);
	waited_roll(m);
	cgroups_roll(m);
	conns_roll(m);
	dns_roll(m);
	for (size_t i = 0; m->cols[i]; i++)
		if (m->cols[i]->own)
			m->cols[i]->own->roll(m->own[i]);
	m->self_cpu_before = m->self.cpu_ns;
	for (unsigned int i = 0; i < NR_HL_WATCHES; i++)
		m->watched[i].ns_before = m->watched[i].ns;
	for (unsigned int i = 0; i < NR_HL_CLASSES; i++) {
		struct acct *a = &m->acct[i];

		a->seen_before = a->seen;
		a->lost_before = 0;
		for (int k = 0; k < NR_HL_LOSSES; k++)
			a->lost_before += a->lost_by[k];
	}
}

/* Are the system calls not counted, as far as the source said? */
static bool calls_are_off(const struct model *m)
{
	for (size_t i = 0; i < m->colls.n; i++)
		if (!strcmp(m->colls.v[i].name, "calls"))
			return m->colls.v[i].state != HL_COLLECTOR_ON;
	return false;
}

static int tick_apply(struct model *m, const struct hl_rec *rec)
{
	if (m->seq && rec->ts < m->ts)
		return -EINVAL;
	tick_times(m, (const void *)rec);
	slow_tick(m);
	threads_tick(m);
	m->slice_ns[m->seq % HEAT_SLICES] = m->interval_ns;
	m->calls_off[m->seq % HEAT_SLICES] = calls_are_off(m);
	for (size_t i = 0; i < m->ops.n; i++)
		heat_log_add(m, m->ops.v[i]);
	conns_tick(m);
	m->seq++;
	/* given up first, so that its memory serves again where nobody else holds it */
	snap_put(m->snap);
	m->snap = picture_take(m);
	roll(m);
	return 0;
}

/* ---- the face -------------------------------------------------------------------------- */

/* A record whose rows a collector keeps. */
static int own_apply(struct model *m, const struct hl_rec *rec)
{
	for (size_t i = 0; m->cols[i]; i++)
		if (m->cols[i]->own && m->cols[i]->own->kinds >> rec->kind & 1)
			return m->cols[i]->own->apply(m->own[i], rec);
	return -EINVAL;
}
_Static_assert(HL_KIND_MAX <= 64, "a bit per kind");

/* The disks' collector keeps their rows; what they are called is also for files on them. */
static int disk_apply(struct model *m, const struct hl_rec *rec)
{
	disk_name_apply(m, (const void *)rec);
	return own_apply(m, rec);
}

static int (*const handlers[HL_KIND_MAX])(struct model *m, const struct hl_rec *rec) = {
	[HL_KIND_META] = meta_apply,
	[HL_KIND_TICK] = tick_apply,
	[HL_KIND_PROCESS] = proc_apply,
	[HL_KIND_THREAD] = thread_apply,
	[HL_KIND_THREAD_END] = thread_end_apply,
	[HL_KIND_LEDGER] = ledger_apply,
	[HL_KIND_OP] = op_apply,
	[HL_KIND_OP_IO] = op_io_apply,
	[HL_KIND_FILE] = file_apply,
	[HL_KIND_FILE_OP] = file_op_apply,
	[HL_KIND_LOCK_OP] = lock_op_apply,
	[HL_KIND_LOCK_NAME] = lock_name_apply,
	[HL_KIND_SLOW] = slow_apply,
	[HL_KIND_NOW] = now_apply,
	[HL_KIND_ACCT] = acct_apply,
	[HL_KIND_WATCHED] = watched_apply,
	[HL_KIND_COLLECTOR] = collector_apply,
	[HL_KIND_PSI] = psi_apply,
	[HL_KIND_SELF] = self_apply,
	[HL_KIND_STACK] = stack_apply,
	[HL_KIND_USTACK] = ustack_apply,
	[HL_KIND_OCCUPANTS] = occupants_apply,
	[HL_KIND_CGROUP] = cgroup_apply,
	[HL_KIND_DISK] = disk_apply,
	[HL_KIND_CONN] = conn_apply,
	[HL_KIND_CONN_OP] = conn_op_apply,
	[HL_KIND_LISTEN] = listen_apply,
	[HL_KIND_CONNS_TOLD] = conns_told_apply,
	[HL_KIND_DNS] = dns_apply,
	[HL_KIND_EXCHANGE_OP] = exchange_op_apply,
	[HL_KIND_CONN_EXCHANGES] = conn_exchanges_apply,
	[HL_KIND_RESENT_OP] = resent_op_apply,
	[HL_KIND_PEERS] = slow_peers_apply,
	[HL_KIND_FUNC] = func_apply,
	[HL_KIND_FUNC_OP] = func_op_apply,
	[HL_KIND_FUNC_CALL] = func_call_apply,
	[HL_KIND_FUNC_SYSCALL] = func_syscall_apply,
};

int model_apply(struct model *m, const struct hl_rec *rec)
{
	int err = -EINVAL;

	if (rec->kind < HL_KIND_MAX)
		err = handlers[rec->kind] ? handlers[rec->kind](m, rec) : own_apply(m, rec);
	m->refused += err < 0;
	return err;
}

const struct snap *model_snap(struct model *m)
{
	if (m->snap)
		snap_get(m->snap);
	return m->snap;
}

static void own_open(struct model *m)
{
	size_t n = 0;

	while (m->cols[n])
		n++;
	m->own = xcalloc(n + 1, sizeof(*m->own));
	for (size_t i = 0; i < n; i++)
		m->own[i] = m->cols[i]->own ? m->cols[i]->own->open(&m->limits) : NULL;
}

static void own_close(struct model *m)
{
	for (size_t i = 0; m->cols[i]; i++)
		if (m->cols[i]->own)
			m->cols[i]->own->close(m->own[i]);
	free(m->own);
}

static size_t or_default(size_t n, size_t dflt)
{
	return n ? n : dflt;
}

struct model *model_new(const struct collector *const *cols, const struct model_limits *limits,
			const struct model_filter *filter)
{
	static const struct model_limits defaults;
	const struct model_limits *l = limits ? limits : &defaults;
	struct model *m = xcalloc(1, sizeof(*m));

	m->cols = cols;
	m->filter = filter;
	m->limits.max_processes = or_default(l->max_processes, 32768);
	m->limits.max_ended = or_default(l->max_ended, 8192);
	m->limits.max_threads = or_default(l->max_threads, 131072);
	m->limits.max_ops = or_default(l->max_ops, 16384);
	m->limits.max_disks = or_default(l->max_disks, 1024);
	m->limits.max_files = or_default(l->max_files, 8192);
	m->limits.max_slow = or_default(l->max_slow, 4096);
	m->limits.max_stacks = or_default(l->max_stacks, 8192);
	m->limits.max_cgroups = or_default(l->max_cgroups, 1024);
	m->limits.max_conns = or_default(l->max_conns, 32768);
	m->limits.max_history = or_default(l->max_history, 16384);
	m->limits.max_peers = or_default(l->max_peers, 8192);
	m->limits.max_dns = or_default(l->max_dns, 8192);
	m->limits.max_names = or_default(l->max_names, 16384);
	m->limits.max_queries = or_default(l->max_queries, 2048);
	m->interns = interns_new();
	m->names = hash_new(sizeof(uint64_t));
	m->op_by_key = hash_new(sizeof(struct op_key));
	m->pool = snap_pool_new();
	own_open(m);
	file_names_init(m);
	threads_init(m);
	stacks_init(m);
	occupants_init(m);
	slow_peers_init(m);
	waited_init(m);
	disk_names_init(m);
	lock_names_init(m);
	cgroups_init(m);
	procs_init(m);
	conns_init(m);
	addr_names_init(m);
	dns_init(m);
	funcs_init(m);
	m->other_thread = (struct thread){ .proc = m->others[OTHER_USER], .now_state = 0xff };
	return m;
}

static void facts_free(struct facts *f)
{
	char *texts[] = { f->hostname, f->kernel, f->arch, f->boot_id, f->tool_version };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(texts[i]);
	list_clear(&f->argv);
	list_clear(&f->filters);
	vec_free(&f->argv.v);
	vec_free(&f->filters.v);
}

void model_free(struct model *m)
{
	if (!m)
		return;
	snap_put(m->snap);
	snap_pool_free(m->pool);
	own_close(m);
	slow_fini(m);
	occupants_fini(m);
	slow_peers_fini(m);
	conns_fini(m);
	dns_fini(m);
	funcs_fini(m);
	addr_names_fini(m);
	ops_fini(m);
	file_names_fini(m);
	threads_fini(m);
	procs_fini(m);
	waited_fini(m);
	disk_names_fini(m);
	lock_names_fini(m);
	cgroups_fini(m);
	stacks_fini(m);
	hash_free(m->names);
	interns_free(m->interns);
	facts_free(&m->facts);
	for (size_t i = 0; i < m->colls.n; i++) {
		free(m->colls.v[i].name);
		free(m->colls.v[i].reason);
	}
	vec_free(&m->colls);
	free(m);
}
