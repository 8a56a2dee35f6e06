/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The live view on the terminal: an app, its canvas and its screen on a loop. What the
 * app cannot do itself is done here or handed to the command. For top.
 */
#ifndef CMD_VIEWER_H
#define CMD_VIEWER_H

#include "base/loop.h"
#include "view/view.h"

struct viewer;

struct viewer_cfg {
	struct app_cfg app; /* its theme is the screen's */
	/* Actions that are not the viewer's own: ACTION_QUIT, _INTERVAL, _CALLS, _SLOW, _STEP, _VIEW. */
	void (*act)(void *arg, unsigned int actions);
	void *arg;
};

/* Takes over the terminal. 0 or -errno after one printed line. Until viewer_close messages
 * stand on the screen; errors are printed again after it. */
int viewer_open(struct viewer **out, const struct viewer_cfg *cfg, struct loop *l);
void viewer_close(struct viewer *v); /* NULL is fine */

void viewer_snap(struct viewer *v, const struct snap *s);
void viewer_say(struct viewer *v, bool error, const char *text);
struct app *viewer_app(struct viewer *v);

#endif
