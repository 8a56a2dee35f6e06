/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The live view on the terminal. Called by top, live and over a recording. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd/output.h"
#include "cmd/viewer.h"
#include "export/export.h"
#include "view/screen.h"

#define MAX_ERRORS 20 /* kept, to be printed when the screen is gone */

struct viewer {
	struct viewer_cfg cfg;
	struct loop *loop;
	struct app *app;
	struct screen *screen;
	struct canvas canvas;
	VEC(char *) errors;
};

/* ---- what must happen on a crash ------------------------------------------------- */

static struct screen *on_terminal; /* for the handler, which gets nothing handed */
static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

static void on_fatal(int sig)
{
	screen_restore(on_terminal);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void catch_fatal(struct screen *s)
{
	on_terminal = s;
	for (size_t i = 0; i < ARRAY_SIZE(fatal); i++)
		signal(fatal[i], s ? on_fatal : SIG_DFL);
}

/* ---- saving ---------------------------------------------------------------------- */

static int save_as(const struct str *text, const char *stem, const char *suffix)
{
	__free char *name = xasprintf("%s.%s", stem, suffix);

	return output_file(name, text, OUTPUT_NEW);
}

/* The text is what the screen shows, the document is everything. */
static int save_both(const struct viewer *v, const char *stem)
{
	struct export_opts o = { .header = true };
	struct str text = {}, json = {};
	int err = json_exporter.write(&json, app_shown(v->app), &o);

	app_text(v->app, &text);
	if (!err)
		err = save_as(&text, stem, "txt");
	if (!err)
		err = save_as(&json, stem, "json");
	str_free(&text);
	str_free(&json);
	return err;
}

#define MAX_SAVED 100

static bool is_taken(const char *stem)
{
	__free char *text = xasprintf("%s.txt", stem), *json = xasprintf("%s.json", stem);

	return !access(text, F_OK) || !access(json, F_OK);
}

static void save(struct viewer *v)
{
	time_t now = time(NULL);
	char stem[64];
	struct str line = {};
	struct tm tm;
	size_t len;

	if (!app_shown(v->app)) {
		viewer_say(v, true, "nothing to save yet");
		return;
	}
	localtime_r(&now, &tm);
	strftime(stem, sizeof(stem), "hostlat-%Y%m%d-%H%M%S", &tm);
	len = strlen(stem);
	for (int again = 2; is_taken(stem) && again < MAX_SAVED; again++) /* within one second */
		snprintf(stem + len, sizeof(stem) - len, "-%d", again);
	if (save_both(v, stem))
		return; /* the reason stands on the screen */
	str_addf(&line, "saved %s.txt and %s.json", stem, stem);
	viewer_say(v, false, str_get(&line));
	str_free(&line);
}

/* ---- events ---------------------------------------------------------------------- */

static void show(struct viewer *v, bool repaint)
{
	app_draw(v->app, &v->canvas);
	screen_show(v->screen, &v->canvas, repaint);
}

#define OTHERS (ACTION_QUIT | ACTION_INTERVAL | ACTION_CALLS | ACTION_SLOW | ACTION_STEP | ACTION_VIEW)

static void act(struct viewer *v, unsigned int actions)
{
	if (actions & ACTION_SAVE)
		save(v);
	if (actions & OTHERS)
		v->cfg.act(v->cfg.arg, actions & OTHERS);
	if (actions & (ACTION_REDRAW | ACTION_REPAINT))
		show(v, actions & ACTION_REPAINT);
}

static void on_input(struct loop *l, void *arg)
{
	struct viewer *v = arg;
	unsigned int actions = 0;
	int key;

	while ((key = screen_key(v->screen)) >= 0)
		actions |= app_key(v->app, key);
	if (key == SCREEN_GONE) {
		loop_del_fd(l, STDIN_FILENO); /* it stays readable for ever */
		actions |= ACTION_QUIT;
	}
	act(v, actions);
}

static void fit(struct viewer *v)
{
	int w, h;

	screen_size(v->screen, &w, &h);
	canvas_resize(&v->canvas, w, h);
	act(v, app_resize(v->app, w, h));
}

static void on_resize(struct loop *l, int sig, void *arg)
{
	struct viewer *v = arg;

	screen_resize(v->screen);
	fit(v);
}

static void on_suspend(struct loop *l, int sig, void *arg)
{
	struct viewer *v = arg;

	screen_suspend(v->screen);
	on_resize(l, sig, arg); /* the terminal may have changed meanwhile */
}

static void on_log(void *arg, enum log_level level, const char *line)
{
	struct viewer *v = arg;

	if (level > LOG_INFO)
		return;
	if (level == LOG_ERR && v->errors.n < MAX_ERRORS)
		*vec_add(&v->errors) = xstrdup(line);
	viewer_say(v, level == LOG_ERR, line);
}

/* ---- life ------------------------------------------------------------------------ */

static int listen_to(struct viewer *v)
{
	int err = loop_add_fd(v->loop, STDIN_FILENO, on_input, v);

	if (!err)
		err = loop_add_signal(v->loop, SIGWINCH, on_resize, v);
	if (!err)
		err = loop_add_signal(v->loop, SIGTSTP, on_suspend, v);
	if (err)
		pr_err("cannot wait for keys: %s", err_str(err));
	return err;
}

int viewer_open(struct viewer **out, const struct viewer_cfg *cfg, struct loop *l)
{
	struct viewer *v = xcalloc(1, sizeof(*v));
	struct app_cfg app = cfg->app;
	const char *why;

	*out = v;
	v->cfg = *cfg;
	v->loop = l;
	v->screen = screen_open(&why);
	if (!v->screen) {
		pr_err("%s: no live view; hostlat top --batch prints text", why);
		return -ENOTTY;
	}
	catch_fatal(v->screen);
	app.theme = screen_theme(v->screen);
	v->app = app_new(&app);
	log_set_sink(on_log, v);
	fit(v);
	return listen_to(v);
}

void viewer_close(struct viewer *v)
{
	if (!v)
		return;
	if (v->screen) {
		loop_del_fd(v->loop, STDIN_FILENO);
		log_set_sink(NULL, NULL);
		screen_close(v->screen);
		catch_fatal(NULL);
	}
	for (size_t i = 0; i < v->errors.n; i++) {
		pr_err("%s", v->errors.v[i]);
		free(v->errors.v[i]);
	}
	vec_free(&v->errors);
	app_free(v->app);
	canvas_free(&v->canvas);
	free(v);
}

void viewer_snap(struct viewer *v, const struct snap *s)
{
	act(v, app_snap(v->app, s));
}

void viewer_say(struct viewer *v, bool error, const char *text)
{
	act(v, app_message(v->app, error, text));
}

struct app *viewer_app(struct viewer *v)
{
	return v->app;
}
