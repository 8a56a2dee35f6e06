/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The live view: snapshots and keys in, a canvas and actions out. Knows no terminal
 * (screen.h does) and no clock; what it cannot do itself it returns as a bit, and
 * cmd/ does it. One owner thread.
 */
#ifndef VIEW_VIEW_H
#define VIEW_VIEW_H

#include "model/snap.h"
#include "view/canvas.h"

struct app;

/* What the caller has to do after app_key, app_snap, app_resize or app_message. */
#define ACTION_REDRAW   (1u << 0) /* app_draw would draw something else now */
#define ACTION_QUIT     (1u << 1)
#define ACTION_SAVE     (1u << 2) /* write app_text and app_shown to files, then app_message where */
#define ACTION_INTERVAL (1u << 3) /* app_interval_ns has changed */
#define ACTION_CALLS    (1u << 4) /* set the calls tier to what comes next: auto, on, off */
#define ACTION_SLOW     (1u << 5) /* app_slow_ns has changed */
#define ACTION_REPAINT  (1u << 6) /* paint everything anew: the terminal may show garbage */
#define ACTION_VIEW     (1u << 8) /* app_view has changed */
#define ACTION_STEP     (1u << 7) /* a recording: freeze at its next interval */

/*
 * Keys: a Unicode character as itself (control characters too: 27 is Esc, 9 Tab, 13 or 10
 * Enter, 127 or 8 Backspace), these, and the mouse.
 */
enum app_keycode {
	APP_KEY_UP = 0x110000,
	APP_KEY_DOWN,
	APP_KEY_LEFT,
	APP_KEY_RIGHT,
	APP_KEY_PGUP,
	APP_KEY_PGDN,
	APP_KEY_HOME,
	APP_KEY_END,
	APP_KEY_ENTER,
	APP_KEY_BACKSPACE,
	APP_KEY_DELETE,
	APP_KEY_BACKTAB,
	APP_KEY_F1,
	APP_KEY_END_OF_LIST,
};

enum app_mouse { APP_MOUSE_CLICK, APP_MOUSE_DOUBLE, APP_MOUSE_UP, APP_MOUSE_DOWN };
#define APP_KEY_MOUSE 0x40000000
/* A mouse event at a cell; x and y below CANVAS_MAX. */
#define APP_MOUSE(what, x, y) (APP_KEY_MOUSE | (what) << 24 | ((y)&0xfff) << 12 | ((x)&0xfff))

struct app_cfg {
	struct theme theme;
	const char *source;      /* "live", or the name of the recording; copied */
	uint64_t interval_ns;    /* between snapshots; 0: not to be changed here (a recording) */
	uint64_t slow_ns;        /* threshold of slow operations; 0: not to be changed here */
	const char *view;        /* table to begin with; NULL: the first. Unknown ones too */
	const char *sort;        /* field to rank by at first, NULL: the table's own */
	const char *filter;      /* of the first view, NULL: none; copied */
	const char *const *hide; /* fields that get no column; borrowed */
	size_t nr_hide;
	bool show_work_waits, show_kthreads, total;
	enum group group;
	/* History of an operation, for the heatmap; false: none. NULL: no heatmap. */
	bool (*heat)(void *arg, const struct op_row *row, struct heat *out);
	void *arg;
};

struct app *app_new(const struct app_cfg *cfg);
void app_free(struct app *a); /* gives back its snapshots; NULL is fine */

/* Each returns ACTION_ bits. */
unsigned int app_key(struct app *a, int key);
unsigned int app_snap(struct app *a,
		      const struct snap *s); /* takes a reference of its own; ignored while frozen */
unsigned int app_resize(struct app *a, int w, int h);
/* One line at the bottom until the next key. Bytes may come from outside. */
unsigned int app_message(struct app *a, bool error, const char *text);

/* Draw everything; c should have the size last given to app_resize. Changes nothing. */
void app_draw(const struct app *a, struct canvas *c);

/* What is shown, as text, but whole: all rows, and all of a page that is longer than the screen. */
void app_text(const struct app *a, struct str *out);

uint64_t app_interval_ns(const struct app *a);
uint64_t app_slow_ns(const struct app *a);
const char *app_view(const struct app *a); /* the view that is chosen, by its table */
bool app_frozen(const struct app *a);
/* What is on the screen: the snapshot (borrowed, NULL before the first), and table and
 * query of the part that has the focus (table NULL: a page without a table). */
const struct snap *app_shown(const struct app *a);
const char *app_table(const struct app *a);
const struct query *app_query(const struct app *a);

#endif
