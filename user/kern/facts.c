/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Facts that are no events: the host, the collectors, pressure, our own cost, and the
 * accounting. All of it enters the model as records. Called by live.c.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "kern/kern.h"
#include "sym/fetcher.h"

static void meta(struct live *l, const char *key, const char *value)
{
	struct hl_rec_meta *r = LIVE_BEGIN(l, META, meta);

	r->h.ts = l->started_boot;
	rec_add_str(&l->buf, key);
	rec_add_str(&l->buf, value);
	live_emit(l);
}

static void meta_u64(struct live *l, const char *key, uint64_t value)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%llu", (unsigned long long)value);
	meta(l, key, buf);
}

void facts_meta(struct live *l)
{
	meta(l, "tool_version", HL_VERSION);
	meta(l, "hostname", l->sys.hostname);
	meta(l, "kernel", l->sys.kernel);
	meta(l, "arch", l->sys.arch);
	meta(l, "boot_id", l->sys.boot_id);
	meta_u64(l, "cpus", l->sys.cpus_online);
	meta_u64(l, "slow_ns", l->cfg.slow_ns);
	meta_u64(l, "blocked_ns", l->cfg.blocked_ns);
	meta_u64(l, "started_real_ns", clock_real_ns() - (clock_boot_ns() - l->started_boot));
	for (size_t i = 0; l->cfg.argv && l->cfg.argv[i]; i++)
		meta(l, "argv", l->cfg.argv[i]);
	for (size_t i = 0; l->cfg.filters && l->cfg.filters[i]; i++)
		meta(l, "filter", l->cfg.filters[i]);
}

static void collector(struct live *l, const char *name, enum hl_collector_state state, const char *reason)
{
	struct hl_rec_collector *r = LIVE_BEGIN(l, COLLECTOR, collector);

	r->h.ts = l->last_tick;
	r->state = state;
	rec_add_str(&l->buf, name);
	rec_add_str(&l->buf, reason);
	live_emit(l);
}

static void sum_words(void *to, const void *from, size_t size)
{
	uint64_t *sum = to;
	const uint64_t *more = from;

	for (size_t i = 0; i < size / sizeof(*sum); i++)
		sum[i] += __atomic_load_n(&more[i], __ATOMIC_RELAXED);
}

/* Each CPU's counters, added up. */
static struct hl_cpu sum_cpus(const struct live *l)
{
	struct hl_cpu sum = {};

	for (uint32_t c = 0; c < l->kcfg.nr_cpus; c++)
		sum_words(&sum, &l->sh.cpus[c], sizeof(sum));
	return sum;
}

/* Those of functions. */
static struct hl_func_counts sum_funcs(const struct live *l)
{
	struct hl_func_counts sum = {};

	for (uint32_t c = 0; l->funcs.counts && c < l->kcfg.nr_cpus; c++)
		sum_words(&sum, &l->funcs.counts[c], sizeof(sum));
	return sum;
}

/* Why the calls tier is on or off; children of the target that are none themselves, because
 * there was no room to note them, are more important. */
static const char *calls_reason(const struct live *l, char *reason, size_t size)
{
	uint64_t n = sum_cpus(l).targets_lost;

	if (!n || !l->tier.on)
		return l->tier.reason;
	snprintf(reason, size, "%llu processes of the target could not be followed", (unsigned long long)n);
	return reason;
}

static void add_count(struct str *to, uint64_t n, const char *what)
{
	if (n)
		str_addf(to, ", %llu %s", (unsigned long long)n, what);
}

/* Only where it was asked for: else nothing is fetched. */
static void debuginfod(struct live *l)
{
	struct ustacks_stats s = {};
	enum hl_collector_state state = HL_COLLECTOR_ON;
	struct str reason = {};

	if (!l->cfg.debuginfod)
		return;
	if (l->ustacks.u)
		ustacks_stats(l->ustacks.u, &s);
	if (!fetcher_program() || !s.fetcher) {
		state = HL_COLLECTOR_UNAVAILABLE;
		str_add(&reason, !fetcher_program() ? FETCHER_MISSING : "the process that fetches has ended");
	} else {
		str_addf(&reason, "fetched %llu of %llu files", (unsigned long long)s.files.fetched,
			 (unsigned long long)s.files.asked);
		add_count(&reason, s.files.absent, "nobody has");
		add_count(&reason, s.files.failed, "failed");
		add_count(&reason, s.files.refused, "refused");
	}
	collector(l, "debuginfod", state, str_get(&reason));
	str_free(&reason);
}

static void collectors(struct live *l)
{
	char reason[96];

	collector(l, "waits", HL_COLLECTOR_ON, "");
	collector(l, "calls", l->tier.on ? HL_COLLECTOR_ON : HL_COLLECTOR_OFF,
		  calls_reason(l, reason, sizeof(reason)));
	for (unsigned int i = 0; i < NR_PARTS; i++)
		collector(l, l->parts[i].name, l->parts[i].state, l->parts[i].reason);
	collector(l, "files", l->files.on ? HL_COLLECTOR_ON : HL_COLLECTOR_OFF, "");
	collector(l, "user stacks",
		  l->kcfg.ustack_bytes  ? HL_COLLECTOR_ON
		  : l->cfg.ustack_bytes ? HL_COLLECTOR_UNAVAILABLE
					: HL_COLLECTOR_OFF,
		  l->cfg.ustack_bytes && !l->kcfg.ustack_bytes
			  ? "the children that unwind them cannot be started"
			  : "");
	collector(l, "cgroups",
		  !l->cgroups.tree      ? HL_COLLECTOR_UNAVAILABLE
		  : l->cgroups.unhooked ? HL_COLLECTOR_LESS
					: HL_COLLECTOR_ON,
		  !l->cgroups.tree ? "no hierarchy of cgroups with the CPU controller is mounted"
		  : l->cgroups.unhooked
			  ? "no sched_wakeup: what a woken thread is throttled on another CPU is runqueue"
			  : "");
	debuginfod(l);
	collector(l, "blocked", l->iter_works ? HL_COLLECTOR_ON : HL_COLLECTOR_UNAVAILABLE, l->iter_reason);
}

void watch_set(struct live *l, enum hl_watch what, bool on)
{
	struct watch *w = &l->watches[what];
	uint64_t now = clock_boot_ns();

	if (w->since)
		w->ns += now - w->since;
	w->since = on ? now : 0;
}

static void watches(struct live *l)
{
	struct hl_rec_watched *r;

	for (unsigned int i = 0; i < NR_HL_WATCHES; i++) {
		const struct watch *w = &l->watches[i];

		r = LIVE_BEGIN(l, WATCHED, watched);
		r->h.ts = clock_boot_ns();
		r->what = i;
		r->ns = w->ns + (w->since ? r->h.ts - w->since : 0);
		live_emit(l);
	}
}

static void pressure(struct live *l)
{
	struct hl_rec_psi *r;
	struct psi p;

	for (int i = 0; i < NR_PSI; i++) {
		if (psi_read(i, &p))
			continue;
		r = LIVE_BEGIN(l, PSI, psi);
		r->h.ts = l->last_tick;
		r->resource = i;
		r->some_avg10_x100 = p.some_avg10_x100;
		r->full_avg10_x100 = p.full_avg10_x100;
		r->some_total_us = p.some_total_us;
		r->full_total_us = p.full_total_us;
		live_emit(l);
	}
}

static void self(struct live *l)
{
	struct hl_rec_self *r = LIVE_BEGIN(l, SELF, self);
	struct ustacks_stats children = {};
	uint64_t rss = 0;

	process_rss(getpid(), &rss);
	if (l->ustacks.u)
		ustacks_stats(l->ustacks.u, &children);
	r->h.ts = l->last_tick;
	r->h.pid = r->h.tid = getpid();
	r->cpu_ns = clock_cpu_ns() - l->cpu0_ns + children.cpu_ns;
	r->rss_bytes = rss + children.rss_bytes;
	r->map_bytes = l->sh.bytes;
	r->call_cost_ns = l->tier.cost_ns;
	r->threads = hash_count(l->life.threads);
	live_emit(l);
}

/* ---- accounting ---------------------------------------------------------------- */

/* How often the kernel skipped a program because it was already running on that CPU, for somebody
 * whom it interrupted or, where such programs are preemptible, preempted. */
static uint64_t skipped(const struct object *o, const char *prog)
{
	struct bpf_program *p = o->bpf ? bpf_object__find_program_by_name(o->bpf, prog) : NULL;
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	if (!p || bpf_program__fd(p) < 0 || bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &size))
		return 0;
	return info.recursion_misses;
}

static bool in_call(const struct hl_slot *s)
{
	return s->owner > HL_BUSY && s->call_begin && s->call_gen;
}

static void count_homed(struct live *l, const void *item)
{
	l->homed_open += in_call(item);
}

/* Calls that were entered and not left yet. */
static uint64_t open_calls(struct live *l)
{
	uint64_t n = 0, missing = 0;
	struct kthread *t;

	for (size_t i = 0; (t = hash_next(l->life.threads, &i, NULL));) {
		const struct hl_slot *s = &l->sh.slots[t->tid & l->kcfg.slot_mask];

		if (s->tid == t->tid && s->owner > HL_BUSY)
			n += in_call(s);
		else
			missing++;
	}
	l->homed_open = 0;
	if (missing && l->iter_works)
		object_iterate(&l->iter, "hl_homed", sizeof(struct hl_slot), count_homed, l);
	return n + l->homed_open;
}

static void send_acct(struct live *l, enum hl_class class, uint64_t seen, uint64_t delivered,
		      const uint64_t *lost)
{
	struct hl_rec_acct *r = LIVE_BEGIN(l, ACCT, acct);

	r->h.ts = l->last_tick;
	r->class_id = class;
	r->delivered = delivered;
	for (int i = 0; i < NR_HL_LOSSES; i++) {
		r->lost[i] = lost[i];
		delivered += lost[i];
	}
	/* while events go on, some are counted after they were drained */
	r->seen = l->stopped ? seen : MAX(seen, delivered);
	live_emit(l);
}

/* Hooks of which each run is one record. */
static uint64_t skipped_life(struct live *l)
{
	return skipped(&l->core, "task_newtask") + skipped(&l->core, "sched_process_exec") +
	       skipped(&l->core, "task_rename") + skipped(&l->core, "cgroup_attach_task");
}

/* No fewer than are missing for that reason. A skipped issue is an end that is unpaired; what is skipped
 * of a bio matters where bios are counted. */
static uint64_t skipped_block(struct live *l, bool bios)
{
	const struct object *o = &l->parts[PART_BLOCK].obj;
	uint64_t n = skipped(o, "block_rq_complete") + skipped(o, "block_rq_requeue");

	return bios ? n + skipped(o, "block_bio_queue") + skipped(o, "block_bio_complete") : n;
}

static uint64_t skipped_uring(struct live *l)
{
	const struct object *o = &l->parts[PART_URING].obj;

	return skipped(o, "io_uring_submit_req") + skipped(o, "io_uring_submit_sqe") +
	       skipped(o, "io_uring_complete");
}

uint64_t facts_life_lost(struct live *l)
{
	return sum_cpus(l).life_lost + skipped_life(l);
}

/* `before` was read before the drain, so that what is seen was drained too. */
static void accounting(struct live *l, const struct hl_cpu *before)
{
	struct hl_cpu now = sum_cpus(l), c = l->stopped ? now : *before;
	uint64_t lost[NR_HL_LOSSES] = {}, calls;

	lost[HL_LOSS_CLOCK] = c.waits_clock;
	lost[HL_LOSS_RECURSION] = skipped(&l->core, "sched_switch");
	lost[HL_LOSS_UNPAIRED] = c.missed;
	lost[HL_LOSS_MAP_FULL] = c.homeless;
	send_acct(l, HL_CLASS_WAITS, c.waits_seen + lost[HL_LOSS_RECURSION] + c.missed + c.homeless,
		  l->cells.counted[HL_OP_WAIT], lost);
	memset(lost, 0, sizeof(lost));
	lost[HL_LOSS_CLOCK] = c.calls_clock;
	lost[HL_LOSS_MAP_FULL] = c.calls_homeless;
	lost[HL_LOSS_UNPAIRED] = c.call_superseded;
	lost[HL_LOSS_RECURSION] =
		skipped(&l->core, l->tier.enter_prog); /* a skipped sys_exit is one that was unpaired */
	calls = c.call_enter + lost[HL_LOSS_RECURSION] + c.calls_homeless - c.call_restarted -
		c.call_noreturn - c.call_detached;
	calls -= MIN(calls, l->tier.skipped + open_calls(l));
	send_acct(l, HL_CLASS_CALLS, calls, l->cells.counted[HL_OP_SYSCALL], lost);
	memset(lost, 0, sizeof(lost));
	lost[HL_LOSS_RING_FULL] = c.slow_lost + c.slow_requests_lost;
	lost[HL_LOSS_DAMAGED] = l->damaged;
	lost[HL_LOSS_TOO_MANY] = c.tcp_untold;
	send_acct(l, HL_CLASS_SLOW,
		  c.slow_seen + c.slow_requests + c.tcp_untold + l->funcs.slow - l->ustacks.held,
		  l->slow_delivered, lost);
	lost[HL_LOSS_TOO_MANY] = 0;
	lost[HL_LOSS_RING_FULL] = c.conn_records_lost;
	lost[HL_LOSS_DAMAGED] = 0;
	send_acct(l, HL_CLASS_ENDED, c.conn_records, l->conns.delivered, lost);
	memset(lost, 0, sizeof(lost));
	lost[HL_LOSS_CLOCK] = c.conn_clock;
	lost[HL_LOSS_RECURSION] = skipped(&l->parts[PART_TCP].obj, "tcp_packet_step");
	send_acct(l, HL_CLASS_CONNECTIONS, c.conn_seen + c.accepts_seen + lost[HL_LOSS_RECURSION],
		  l->cells.counted[HL_CELL_CONN] + l->cells.counted[HL_OP_CONNECT] +
			  l->cells.counted[HL_OP_ACCEPT] + l->cells.counted[HL_CELL_RESENT],
		  lost);
	memset(lost, 0, sizeof(lost));
	lost[HL_LOSS_RING_FULL] = c.life_lost;
	lost[HL_LOSS_RECURSION] = skipped_life(l);
	lost[HL_LOSS_DAMAGED] = 0;
	send_acct(l, HL_CLASS_LIFECYCLE, c.life_seen + lost[HL_LOSS_RECURSION], l->life_delivered, lost);
	memset(lost, 0, sizeof(lost));
	lost[HL_LOSS_CLOCK] = c.block_clock;
	lost[HL_LOSS_UNPAIRED] = c.block_unpaired;
	lost[HL_LOSS_MAP_FULL] = c.block_full;
	lost[HL_LOSS_RECURSION] = skipped_block(l, c.block_bios);
	/* each request is in a cell for each of its phases: one of them counts */
	send_acct(l, HL_CLASS_BLOCK, c.block_seen + c.block_full + lost[HL_LOSS_RECURSION],
		  l->cells.counted[HL_CELL_DISK + HL_BLOCK_DEVICE], lost);
	memset(lost, 0, sizeof(lost));
	send_acct(l, HL_CLASS_FILES, c.files_seen + c.uring_files, files_counted(l), lost);
	lost[HL_LOSS_CLOCK] = c.uring_clock;
	lost[HL_LOSS_UNPAIRED] = c.uring_unpaired;
	lost[HL_LOSS_MAP_FULL] = c.uring_full;
	lost[HL_LOSS_RECURSION] = skipped_uring(l);
	send_acct(l, HL_CLASS_URING, c.uring_seen + c.uring_full + lost[HL_LOSS_RECURSION],
		  l->cells.counted[HL_OP_URING], lost);
	memset(lost, 0, sizeof(lost));
	lost[HL_LOSS_MAP_FULL] = c.threads_lost;
	send_acct(l, HL_CLASS_THREADS, c.threads_seen, c.threads_seen - c.threads_lost, lost);
	lost[HL_LOSS_MAP_FULL] = l->stacks.over;
	lost[HL_LOSS_UNREADABLE] = l->stacks.unreadable;
	send_acct(l, HL_CLASS_STACKS, l->stacks.delivered + l->stacks.over + l->stacks.unreadable,
		  l->stacks.delivered, lost);
	lost[HL_LOSS_MAP_FULL] = l->ustacks.over;
	lost[HL_LOSS_RING_FULL] = c.ustacks_full;
	lost[HL_LOSS_UNREADABLE] = l->ustacks.unreadable;
	send_acct(l, HL_CLASS_USTACKS, c.ustacks_seen + l->ustacks.looks_asked - ustacks_waiting(l),
		  l->ustacks.delivered, lost);
}

static void account_dns(struct live *l, const struct hl_cpu *before)
{
	struct hl_cpu now = sum_cpus(l), c = l->stopped ? now : *before;
	uint64_t lost[NR_HL_LOSSES] = {}, delivered;

	lost[HL_LOSS_RING_FULL] = c.dns_lost;
	lost[HL_LOSS_UNREADABLE] = c.dns_unreadable;
	lost[HL_LOSS_MAP_FULL] = c.dns_full;
	delivered = kdns_counts(l, lost);
	lost[HL_LOSS_RECURSION] = skipped(&l->parts[PART_DNS].obj, "sock_send_length") +
				  skipped(&l->parts[PART_DNS].obj, "sock_recv_length");
	send_acct(l, HL_CLASS_DNS, c.dns_seen + lost[HL_LOSS_RECURSION], delivered, lost);
}

/* No fewer than are missing for that reason: most calls on sockets are no answer. */
static uint64_t skipped_exchanges(struct live *l)
{
	const struct object *o = &l->parts[PART_EXCHANGES].obj;

	return skipped(o, "sock_send_length") + skipped(o, "sock_recv_length") + skipped(o, "exchange_over");
}

static void account_exchanges(struct live *l, const struct hl_cpu *before)
{
	struct hl_cpu now = sum_cpus(l), c = l->stopped ? now : *before;
	uint64_t lost[NR_HL_LOSSES] = {
		[HL_LOSS_MAP_FULL] = c.exchanges_full,
		[HL_LOSS_CLOCK] = c.exchanges_clock,
		[HL_LOSS_RECURSION] = skipped_exchanges(l),
	};
	const uint64_t *counted = &l->cells.counted[HL_CELL_EXCHANGE];

	send_acct(l, HL_CLASS_EXCHANGES,
		  c.exchanges_seen + c.exchanges_full + c.exchanges_clock + lost[HL_LOSS_RECURSION],
		  counted[HL_EXCHANGE_ANSWERED], lost);
	memset(lost, 0, sizeof(lost));
	send_acct(l, HL_CLASS_READS, c.reads_seen, counted[HL_EXCHANGE_READ], lost);
}

/* counts: as they were before the drain. */
static void account_funcs(struct live *l, const struct hl_cpu *before)
{
	struct hl_cpu now = sum_cpus(l), cpu = l->stopped ? now : *before;
	struct hl_func_counts c = l->funcs.before;
	uint64_t lost[NR_HL_LOSSES] = {
		[HL_LOSS_MAP_FULL] = c.full,
		[HL_LOSS_TOO_DEEP] = c.deep,
		[HL_LOSS_UNPAIRED] = c.unpaired,
		[HL_LOSS_CLOCK] = c.clock,
		[HL_LOSS_RECURSION] = func_kernel_skipped(l),
	};

	send_acct(l, HL_CLASS_FUNCTIONS,
		  c.returned + c.points + c.full + c.deep + c.unpaired + c.clock + lost[HL_LOSS_RECURSION],
		  l->funcs.delivered, lost);
	memset(lost, 0, sizeof(lost));
	lost[HL_LOSS_RING_FULL] = c.records_lost;
	send_acct(l, HL_CLASS_FUNCTION_CALLS, c.records, l->funcs.told, lost);
	memset(lost, 0, sizeof(lost));
	lost[HL_LOSS_MAP_FULL] = cpu.inside_lost;
	send_acct(l, HL_CLASS_FUNCTION_SYSCALLS, cpu.inside_seen, l->cells.counted[HL_CELL_INSIDE], lost);
}

static void account_cgroups(struct live *l)
{
	uint64_t lost[NR_HL_LOSSES] = {
		[HL_LOSS_MAP_FULL] = l->cgroups.over, [HL_LOSS_UNREADABLE] = l->cgroups.unreadable
	};

	send_acct(l, HL_CLASS_CGROUPS, l->cgroups.due + l->cgroups.over, l->cgroups.delivered, lost);
}

void facts_before(struct live *l, struct hl_cpu *before)
{
	*before = sum_cpus(l);
	l->funcs.before = sum_funcs(l);
}

void facts_tick(struct live *l, const struct hl_cpu *before, bool final)
{
	struct hl_rec_tick *r;
	uint64_t boot = clock_boot_ns();

	collectors(l);
	watches(l);
	pressure(l);
	self(l);
	accounting(l, before);
	account_cgroups(l);
	account_dns(l, before);
	if (l->parts[PART_EXCHANGES].obj.bpf)
		account_exchanges(l, before);
	if (l->funcs.counts)
		account_funcs(l, before);
	r = LIVE_BEGIN(l, TICK, tick);
	r->h.ts = boot;
	r->real_ns = clock_real_ns();
	r->interval_ns = boot - (l->last_tick ? l->last_tick : l->started_boot);
	r->final = final;
	r->looked = l->looked;
	l->looked = 0;
	l->last_tick = boot;
	live_emit(l);
}
