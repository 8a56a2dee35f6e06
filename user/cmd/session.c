/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What all live commands share. Called by top and record. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "cmd/account.h"
#include "cmd/child.h"
#include "cmd/servers.h"
#include "cmd/session.h"
#include "cmd/target.h"
#include "probe/probe.h"
#include "rec/rec.h"

#define FIRST_INTERVAL_NS (100 * NSEC_PER_MSEC) /* of a screen: a picture soon after the start */

/* How often the rings are drained: by how much was in them, so that a quiet host's few
 * records do not wake us a thousand times a second. A burst wakes us at the rings' mark. */
#define DRAIN_BUSY_NS (1 * NSEC_PER_MSEC)
#define DRAIN_IDLE_NS (100 * NSEC_PER_MSEC)
#define DRAIN_MANY    512                /* records at once: come back sooner */
#define DRAIN_FEW     128                /* … later */
#define FLUSH_NS      (NSEC_PER_SEC / 2) /* of the recording: what SIGKILL may cost */
#define GRACE_NS      NSEC_PER_SEC       /* for the command to obey a signal that was passed on */

const char *const session_calls_modes[] = { "auto", "on", "off", NULL };

struct session {
	struct session_cfg cfg;
	struct filter filter;
	struct target target;
	struct asks asks;
	char *servers; /* of debug information; NULL: none is asked */
	struct live *live;
	struct loop *loop;
	struct model *model;
	struct rec_writer *writer;
	struct rec_writer_stats written;
	struct recbuf buf; /* of the record that the session adds itself */
	struct child child;
	struct account account;
	int drain_timer, tick_timer;
	bool early;                /* the first interval of a screen is a short one */
	uint64_t drain_ns, end_ns; /* end: CLOCK_MONOTONIC, 0: none */
	unsigned int ticks;
	bool started, stopping, ended;
	int status; /* of the session itself */
};

/* ---- where records go ------------------------------------------------------------- */

static void give(struct session *s, const struct hl_rec *rec)
{
	if (s->writer)
		rec_writer_add(s->writer, rec);
	if (s->model)
		model_apply(s->model, rec);
	if (s->cfg.on_record)
		s->cfg.on_record(s->cfg.arg, rec);
}

/* The recording accounts for itself, in the interval that is about to end. */
static void account_recording(struct session *s, const struct hl_rec *tick)
{
	const struct rec_writer_stats *w = rec_writer_stats(s->writer);
	struct hl_rec_acct *r = rec_begin(&s->buf, HL_KIND_ACCT, sizeof(*r));

	r->h.ts = tick->ts;
	r->class_id = HL_CLASS_RECORDED;
	r->delivered = w->records + w->buffered;
	r->lost[HL_LOSS_DISK_FULL] = w->lost;
	r->lost[HL_LOSS_DAMAGED] = w->refused;
	r->seen = r->delivered + w->lost + w->refused;
	account_take(&s->account, r);
	give(s, rec_end(&s->buf));
	recbuf_reset(&s->buf);
}

static int on_record(void *arg, const struct hl_rec *rec)
{
	struct session *s = arg;

	if (rec->kind == HL_KIND_ACCT)
		account_take(&s->account, (const struct hl_rec_acct *)rec);
	if (rec->kind == HL_KIND_TICK && s->writer)
		account_recording(s, rec);
	give(s, rec);
	return 0;
}

/* ---- timers ------------------------------------------------------------------------- */

static void stop(struct session *s, int status)
{
	if (status && !s->status)
		s->status = status;
	s->stopping = true;
	loop_stop(s->loop, 0);
}

static void set_drain(struct session *s, uint64_t ns)
{
	if (ns == s->drain_ns)
		return;
	s->drain_ns = ns;
	loop_set_timer(s->loop, s->drain_timer, ns);
}

static void drain(struct loop *l, void *arg)
{
	struct session *s = arg;
	int n = live_drain(s->live);

	if (n < 0)
		pr_dbg("drain: %s", err_str(n));
	if (s->cfg.on_drained)
		s->cfg.on_drained(s->cfg.arg);
	if (live_hurry(s->live))
		set_drain(s, MIN(s->drain_ns, 2 * DRAIN_BUSY_NS));
	else if (n > DRAIN_MANY)
		set_drain(s, MAX(s->drain_ns / 2, DRAIN_BUSY_NS));
	else if (n < DRAIN_FEW)
		set_drain(s, MIN(s->drain_ns * 2, DRAIN_IDLE_NS));
}

/* A recorder that cannot write has nothing left to do, but a command goes on. */
static void check_writer(struct session *s)
{
	if (!s->writer || !rec_writer_stats(s->writer)->error)
		return;
	if (!s->status)
		s->status = EXIT_FAILED;
	if (!s->child.pid || s->child.ended)
		stop(s, EXIT_FAILED);
}

static void flush(struct loop *l, void *arg)
{
	struct session *s = arg;

	if (!s->writer)
		return;
	rec_writer_flush(s->writer);
	check_writer(s);
}

static void tick(struct session *s, bool final)
{
	const struct snap *snap = NULL;
	int err = live_tick(s->live, final), status = 0;

	s->ticks++;
	if (err) {
		pr_err("the interval could not be read: %s", err_str(err));
		stop(s, EXIT_FAILED);
	}
	if (s->writer)
		rec_writer_flush(s->writer);
	check_writer(s);
	if (s->model)
		snap = model_snap(s->model);
	if (s->cfg.on_snap && (snap || !s->model))
		status = s->cfg.on_snap(s->cfg.arg, snap);
	snap_put(snap);
	if (status)
		stop(s, status);
}

static void on_tick(struct loop *l, void *arg)
{
	struct session *s = arg;
	uint64_t now = clock_mono_ns();

	if (s->early) {
		s->early = false;
		session_set_interval(s, s->cfg.interval_ns);
	}
	/* the last interval is the final one's, which begins when all is detached */
	if (s->cfg.count && s->ticks + 1 >= s->cfg.count) {
		stop(s, 0);
		return;
	}
	if (s->end_ns && now + s->cfg.interval_ns / 2 >= s->end_ns)
		return;
	tick(s, false);
}

static void on_end(struct loop *l, void *arg)
{
	stop(arg, 0);
}

/* ---- signals and the command ---------------------------------------------------------- */

static void on_signal(struct loop *l, int sig, void *arg)
{
	struct session *s = arg;

	if (s->stopping || !s->child.pid || s->child.ended) {
		stop(s, 0);
		return;
	}
	/* a second one does not wait for the command; that goes on by itself */
	s->stopping = true;
	child_signal(&s->child, sig);
	loop_add_timer(l, GRACE_NS, on_end, s);
}

static void on_child(struct loop *l, int sig, void *arg)
{
	struct session *s = arg;

	if (s->child.ended || !child_reap(&s->child))
		return;
	if (s->cfg.screen && !s->stopping) {
		if (s->cfg.on_child_end)
			s->cfg.on_child_end(s->cfg.arg, child_exit_status(&s->child));
		return;
	}
	stop(s, 0);
}

/* As nohup does: it is to outlive its terminal. */
static bool outlives_terminal(void)
{
	struct sigaction sa;

	return !sigaction(SIGHUP, NULL, &sa) && sa.sa_handler == SIG_IGN;
}

static int listen_signals(struct session *s)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGQUIT };
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ends) && !err; i++)
		err = loop_add_signal(s->loop, ends[i], on_signal, s);
	if (!err && !outlives_terminal())
		err = loop_add_signal(s->loop, SIGHUP, on_signal, s);
	if (!err && s->cfg.in->rest)
		err = loop_add_signal(s->loop, SIGCHLD, on_child, s);
	return err;
}

/* From here on a signal ends the program at once. */
static void unlisten_signals(void)
{
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGQUIT);
	sigprocmask(SIG_UNBLOCK, &ends, NULL);
}

/* ---- life -------------------------------------------------------------------------------- */

static int open_live(struct session *s)
{
	const struct session_opts *o = s->cfg.opts;
	struct live_cfg cfg = {
		.slow_ns = o->slow_ns,
		.blocked_ns = o->blocked_ns,
		.memory_bytes = o->memory,
		.ustack_bytes = (uint32_t)((o->stack_bytes + 4095) & ~4095ull),
		.debuginfod = s->servers,
		.fetch_ns = o->fetch_ns,
		.fetch_bytes = o->fetch_bytes,
		.calls = o->calls,
		.ring_bytes = (uint32_t)o->ring,
		.slots = o->slots,
		.cells = o->cells,
		.files = o->max_files,
		.old_kernel = o->old_kernel,
		.want_files = o->files || s->cfg.files,
		.want_dns = o->dns || s->cfg.dns,
		.want_exchanges = o->exchanges || s->cfg.exchanges,
		.funcs = s->asks.v.v,
		.nr_funcs = s->asks.v.n,
		.func_calls = s->cfg.func_calls,
		.wait_files = o->asks.wait,
		.allow_setuid = o->asks.allow_setuid,
	};
	int status;

	target_init(&s->target, &s->filter, s->cfg.in->argv, s->cfg.in->rest != NULL, &cfg);
	s->live = live_open(&cfg, on_record, s, &status);
	return s->live ? EXIT_OK : status;
}

static int open_sinks(struct session *s)
{
	if (s->cfg.recording && rec_writer_open(s->cfg.recording, &s->writer))
		return EXIT_FAILED;
	if (s->cfg.model)
		s->model = model_new(all_collectors, NULL, &s->filter.model);
	return EXIT_OK;
}

static int no_events(int err)
{
	pr_err("cannot wait for events: %s", err_str(err));
	return EXIT_FAILED;
}

/* What comes while the programs are loaded is obeyed after that; one that was inherited as ignored
 * would be lost until then. */
static int open_loop(struct session *s)
{
	int err = 0;

	s->loop = loop_new();
	if (!s->loop)
		err = -errno;
	if (!err)
		err = listen_signals(s);
	return err ? no_events(err) : EXIT_OK;
}

static int open_events(struct session *s)
{
	int err = loop_add_fd(s->loop, live_fd(s->live), drain, s);

	if (!err)
		err = s->drain_timer = loop_add_timer(s->loop, 0, drain, s);
	if (err >= 0)
		err = s->tick_timer = loop_add_timer(s->loop, 0, on_tick, s);
	if (err >= 0 && s->cfg.recording)
		err = loop_add_timer(s->loop, FLUSH_NS, flush, s);
	return err < 0 ? no_events(err) : EXIT_OK;
}

int session_open(const struct session_cfg *cfg, struct session **out)
{
	struct session *s = xcalloc(1, sizeof(*s));
	struct filter_opts filter = cfg->opts->filter;
	int status = EXIT_OK;

	*out = s;
	s->cfg = *cfg;
	if (!cfg->recording)
		s->cfg.recording = cfg->opts->beside;
	filter.target = cfg->in->rest != NULL;
	if (filter_init(&s->filter, &filter))
		return EXIT_USAGE;
	if (asks_init(&s->asks, &cfg->opts->asks, cfg->funcs))
		return EXIT_USAGE;
	if (servers_of(s->cfg.opts, &s->servers))
		return EXIT_USAGE;
	if (filter_check_pids(&s->filter))
		return EXIT_FAILED;
	/* signals first: from here on none leaves an empty recording or a command behind */
	status = open_loop(s);
	if (!status)
		status = open_live(s);
	if (!status)
		status = open_events(s);
	if (!status)
		status = open_sinks(s);
	if (!status && cfg->in->rest && child_start(&s->child, cfg->in->rest, cfg->screen))
		status = EXIT_FAILED;
	return status;
}

static int start(struct session *s)
{
	int err = 0;

	if (s->child.pid) {
		err = live_add_target(s->live, (uint32_t)s->child.pid);
		if (err) {
			pr_err("cannot trace the command: %s", err_str(err));
			return EXIT_FAILED;
		}
	}
	if (live_start(s->live))
		return EXIT_FAILED;
	return s->child.pid ? child_release(&s->child, s->cfg.in->rest[0]) : EXIT_OK;
}

static int finish(struct session *s)
{
	if (s->cfg.on_stop)
		s->cfg.on_stop(s->cfg.arg);
	unlisten_signals();
	s->cfg.count = 0;
	tick(s, true);
	if (s->writer && rec_writer_close(s->writer, &s->written) && !s->status)
		s->status = EXIT_FAILED;
	s->writer = NULL;
	s->ended = true;
	if (s->child.pid && !s->status) {
		child_reap(&s->child);
		return s->child.ended ? child_exit_status(&s->child) : EXIT_OK;
	}
	return s->status;
}

/* Who is there, and in which state, at once; where the time goes soon after, whatever the interval. */
static void begin_screen(struct session *s)
{
	tick(s, false);
	s->early = s->cfg.interval_ns > FIRST_INTERVAL_NS;
	if (s->early)
		loop_set_timer(s->loop, s->tick_timer, FIRST_INTERVAL_NS);
}

int session_run(struct session *s)
{
	int err, status = start(s);

	if (status)
		return status;
	s->started = true;
	set_drain(s, DRAIN_BUSY_NS);
	session_set_interval(s, s->cfg.interval_ns);
	if (s->cfg.screen)
		begin_screen(s);
	if (s->cfg.duration_ns) {
		s->end_ns = clock_mono_ns() + s->cfg.duration_ns;
		loop_add_timer(s->loop, s->cfg.duration_ns, on_end, s);
	}
	on_child(s->loop, SIGCHLD, s); /* it may have ended before anybody listened */
	err = s->stopping ? 0 : loop_run(s->loop);
	if (err < 0) {
		pr_err("cannot wait for events: %s", err_str(err));
		s->status = EXIT_FAILED;
	}
	return finish(s);
}

void session_close(struct session *s)
{
	if (!s)
		return;
	live_close(s->live); /* it hands on what comes until then */
	/* a recording in which nothing was recorded is of no use to anybody */
	if (s->writer && !rec_writer_close(s->writer, NULL) && !s->started)
		unlink(s->cfg.recording);
	loop_free(s->loop);
	child_close(&s->child);
	model_free(s->model);
	recbuf_free(&s->buf);
	target_free(&s->target);
	filter_free(&s->filter);
	asks_free(&s->asks);
	free(s->servers);
	free(s);
}

bool session_ended(const struct session *s)
{
	return s->ended;
}

struct loop *session_loop(struct session *s)
{
	return s->loop;
}

struct live *session_live(struct session *s)
{
	return s->live;
}

struct model *session_model(struct session *s)
{
	return s->model;
}

void session_stop(struct session *s)
{
	stop(s, 0);
}

void session_set_interval(struct session *s, uint64_t ns)
{
	s->cfg.interval_ns = ns;
	loop_set_timer(s->loop, s->tick_timer, ns);
}

void session_print_account(const struct session *s)
{
	struct str line = {};

	account_line(&s->account, &line);
	pr_info("%s", str_get(&line));
	str_free(&line);
}

const struct rec_writer_stats *session_written(const struct session *s)
{
	return &s->written;
}
