/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* hostlat top on the screen: of the host, and of a recording. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "cmd/child.h"
#include "cmd/replay.h"
#include "cmd/select.h"
#include "cmd/top.h"
#include "cmd/viewer.h"

static bool heat(void *model, const struct op_row *row, struct heat *out)
{
	return model_heat(model, row, out);
}

static struct viewer_cfg viewer_cfg(const struct top_values *v, struct model *model)
{
	return (struct viewer_cfg){
		.app = {
			.view = v->view,
			.sort = v->sort,
			.hide = v->hide.v,
			.nr_hide = v->hide.n,
			.total = v->total,
			.heat = heat,
			.arg = model,
		},
	};
}

/* ---- of the host ----------------------------------------------------------------- */

struct live_screen {
	const struct top_values *v;
	struct session *session;
	struct viewer *viewer; /* NULL once the screen is gone */
};

static void set_calls(struct live_screen *ls)
{
	struct live *l = session_live(ls->session);
	enum calls_mode mode = (live_calls_mode(l) + 1) % (CALLS_OFF + 1);
	struct str text = {};

	if (live_set_calls(l, mode))
		return;
	str_addf(&text, "system calls: %s", session_calls_modes[mode]);
	viewer_say(ls->viewer, false, str_get(&text));
	str_free(&text);
}

/* Files, DNS and exchanges are looked at while their views show, or when they were asked for. */
static void set_details(struct live_screen *ls)
{
	const char *table = app_view(viewer_app(ls->viewer));

	live_set_files(session_live(ls->session), ls->v->live.files || select_needs(table, "files"));
	live_set_dns(session_live(ls->session), select_needs(table, "dns"));
	live_set_exchanges(session_live(ls->session),
			   ls->v->live.exchanges || select_needs(table, "exchanges"));
}

static void live_act(void *arg, unsigned int actions)
{
	struct live_screen *ls = arg;
	const struct app *app = viewer_app(ls->viewer);

	if (actions & ACTION_QUIT)
		session_stop(ls->session);
	if (actions & ACTION_INTERVAL)
		session_set_interval(ls->session, app_interval_ns(app));
	if (actions & ACTION_SLOW)
		live_set_slow(session_live(ls->session), app_slow_ns(app));
	if (actions & ACTION_CALLS)
		set_calls(ls);
	if (actions & ACTION_VIEW)
		set_details(ls);
	if (actions & ACTION_STEP)
		viewer_say(ls->viewer, false, "this is the host, not a recording: it goes on by itself");
}

static int on_snap(void *arg, const struct snap *snap)
{
	struct live_screen *ls = arg;

	if (ls->viewer && snap)
		viewer_snap(ls->viewer, snap);
	return EXIT_OK;
}

static void on_child_end(void *arg, int status)
{
	struct live_screen *ls = arg;
	struct str text = {};

	str_addf(&text, "the command ended with status %d", status);
	viewer_say(ls->viewer, status != 0, str_get(&text));
	str_free(&text);
}

static void on_stop(void *arg)
{
	struct live_screen *ls = arg;

	viewer_close(ls->viewer);
	ls->viewer = NULL;
}

int top_screen(const struct invocation *in)
{
	const struct top_values *v = in->values;
	struct live_screen ls = { .v = v };
	struct session_cfg cfg = {
		.in = in,
		.opts = &v->live,
		.interval_ns = v->interval_ns ? v->interval_ns : TOP_INTERVAL_NS,
		.count = v->count,
		.model = true,
		.screen = true,
		.on_snap = on_snap,
		.on_child_end = on_child_end,
		.on_stop = on_stop,
		.arg = &ls,
	};
	struct viewer_cfg view;
	int status = session_open(&cfg, &ls.session);

	if (!status) {
		view = viewer_cfg(v, session_model(ls.session));
		view.app.interval_ns = cfg.interval_ns;
		view.app.slow_ns = v->live.slow_ns;
		view.act = live_act;
		view.arg = &ls;
		if (viewer_open(&ls.viewer, &view, session_loop(ls.session)))
			status = EXIT_USAGE;
		else
			set_details(&ls);
	}
	if (!status)
		status = session_run(ls.session);
	viewer_close(ls.viewer);
	session_close(ls.session);
	return status;
}

/* ---- of a recording -------------------------------------------------------------- */

struct replay_screen {
	const struct top_values *v;
	struct replay *replay;
	struct viewer *viewer;
	struct loop *loop;
	int timer;
	uint64_t pace_ns; /* between two intervals; 0: as recorded */
	uint64_t set_ns;  /* what the timer is set to */
	unsigned int shown;
	bool ended;
};

static void at_end(struct replay_screen *rs, int more)
{
	struct str why = {};
	bool bad = more < 0 || replay_trouble(rs->replay, &why);

	rs->ended = true;
	loop_set_timer(rs->loop, rs->timer, 0);
	if (!why.len)
		str_add(&why, "the end of the recording");
	viewer_say(rs->viewer, bad, str_get(&why));
	str_free(&why);
}

static void next(struct replay_screen *rs)
{
	const struct snap *snap;
	uint64_t pace;
	int more = rs->ended ? 0 : replay_next(rs->replay, &snap);

	if (more != 1) {
		at_end(rs, more);
		return;
	}
	pace = rs->pace_ns ? rs->pace_ns : MAX(snap->interval_ns, 10 * NSEC_PER_MSEC);
	viewer_snap(rs->viewer, snap);
	snap_put(snap);
	if (pace != rs->set_ns)
		loop_set_timer(rs->loop, rs->timer, pace);
	rs->set_ns = pace;
	if (rs->v->count && ++rs->shown >= rs->v->count)
		loop_stop(rs->loop, EXIT_OK);
}

static void on_timer(struct loop *l, void *arg)
{
	struct replay_screen *rs = arg;

	if (!app_frozen(viewer_app(rs->viewer)))
		next(rs);
}

static void step(struct replay_screen *rs)
{
	struct app *app = viewer_app(rs->viewer);

	/* a frozen app takes no picture */
	if (app_frozen(app))
		app_key(app, ' ');
	next(rs);
	app_key(app, ' ');
	viewer_say(rs->viewer, false,
		   rs->ended ? "the end of the recording" : "n: next interval, Space: play");
}

static void replay_act(void *arg, unsigned int actions)
{
	struct replay_screen *rs = arg;

	if (actions & ACTION_QUIT)
		loop_stop(rs->loop, EXIT_OK);
	if (actions & ACTION_STEP)
		step(rs);
	if (actions & ACTION_CALLS)
		viewer_say(rs->viewer, false, "this is a recording: the calls are those that were counted");
	if (actions & ACTION_INTERVAL) {
		rs->pace_ns = rs->set_ns = app_interval_ns(viewer_app(rs->viewer));
		loop_set_timer(rs->loop, rs->timer, rs->ended ? 0 : rs->pace_ns);
	}
}

static void on_signal(struct loop *l, int sig, void *arg)
{
	loop_stop(l, EXIT_OK);
}

static int listen_to(struct replay_screen *rs)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	int err = 0;

	rs->loop = loop_new();
	if (!rs->loop)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(ends) && !err; i++)
		err = loop_add_signal(rs->loop, ends[i], on_signal, rs);
	if (!err)
		err = rs->timer = loop_add_timer(rs->loop, 0, on_timer, rs);
	return MIN(err, 0);
}

static int play(struct replay_screen *rs)
{
	struct viewer_cfg view = viewer_cfg(rs->v, replay_model(rs->replay));
	int err = listen_to(rs);

	if (err) {
		pr_err("cannot wait for events: %s", err_str(err));
		return EXIT_FAILED;
	}
	view.app.source = rs->v->replay;
	view.app.interval_ns = rs->pace_ns ? rs->pace_ns : TOP_INTERVAL_NS;
	view.act = replay_act;
	view.arg = rs;
	if (viewer_open(&rs->viewer, &view, rs->loop))
		return EXIT_USAGE;
	next(rs);
	err = loop_run(rs->loop);
	return err < 0 ? EXIT_FAILED : err;
}

int top_screen_replay(const struct invocation *in)
{
	const struct top_values *v = in->values;
	struct replay_screen rs = { .v = v, .pace_ns = v->interval_ns };
	int status = EXIT_FAILED;

	if (!replay_open(v->replay, &v->live.filter, &rs.replay))
		status = play(&rs);
	viewer_close(rs.viewer);
	loop_free(rs.loop);
	replay_close(rs.replay);
	return status;
}
