/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* A host made by hand, the same each time, for the screen tests: rows of every base
 * table, two intervals, and helpers to drive the app and look at its canvas. */
#ifndef TESTS_VIEW_FIXTURE_H
#define TESTS_VIEW_FIXTURE_H

#include "probe/probe.h"
#include "view/view.h"

/* The snapshot of interval 0 or 1; in 1 the ranking is another one and a process is gone.
 * Made by hand: nobody counts its holders. */
const struct snap *fixture_snap(int interval);
/* A host on which nothing was seen. */
const struct snap *fixture_empty(void);
bool fixture_heat(void *arg, const struct op_row *row, struct heat *out);

struct screen_test {
	struct app *app;
	struct canvas canvas;
};

/* An app of this size over interval 0. cfg NULL: UTF-8 and 256 colours. */
void screen_begin(struct screen_test *t, int w, int h, const struct app_cfg *cfg);
void screen_end(struct screen_test *t);
/* Each character is a key; ^ and a letter from this list: u, d, l, r arrows, U, D pages, h, e home and
 * end, x Esc, t Tab, b Backspace, ^ itself; a newline is Enter. Returns all actions. */
unsigned int screen_type(struct screen_test *t, const char *keys);
/* Draw, and compare with tests/data/view/NAME.txt. attrs: the attribute layer too. */
void screen_golden(struct screen_test *t, const char *name, bool attrs);
/* Draw, and tell whether some line has this text. */
bool screen_has(struct screen_test *t, const char *text);
/* The line (from 0) with the text; -1: none. */
int screen_line(struct screen_test *t, const char *text);
/* The line on which the selected row stands; -1: none. */
int screen_selected(struct screen_test *t);

#endif
