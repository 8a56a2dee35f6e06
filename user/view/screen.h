/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * A canvas on a terminal, and its keys. The only user of ncurses. Signals are the
 * caller's: on SIGWINCH it calls screen_resize, on SIGTSTP screen_suspend, in whatever
 * ends the program screen_close, or screen_restore where nothing else may be called.
 */
#ifndef VIEW_SCREEN_H
#define VIEW_SCREEN_H

#include "view/canvas.h"

struct screen;

/* Take over the terminal on standard input and output. NULL when that cannot be: *why
 * (static) says what is missing; nothing was printed and nothing changed. */
struct screen *screen_open(const char **why);
void screen_close(struct screen *s); /* the terminal is as before; NULL is fine */

struct theme screen_theme(const struct screen *s); /* what the terminal can show */
void screen_size(const struct screen *s, int *w, int *h);
/* The terminal has changed its size: ask for the new one. */
void screen_resize(struct screen *s);
/* Show the canvas; repaint: the terminal may show garbage, send everything. */
void screen_show(struct screen *s, const struct canvas *c, bool repaint);

#define SCREEN_NO_KEY (-1) /* nothing typed */
#define SCREEN_GONE   (-2) /* the terminal hung up */
/* The next key as app_key wants it; call until SCREEN_NO_KEY whenever standard input is
 * readable. Never blocks. */
int screen_key(struct screen *s);

/* Give the terminal back, stop this process, and go on where it was when it continues. */
void screen_suspend(struct screen *s);
/* Give the terminal back with nothing but write and tcsetattr: for handlers of fatal
 * signals and for the end of the program from anywhere. NULL is fine. */
void screen_restore(const struct screen *s);

#endif
