/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* A canvas on a terminal through ncurses, which no other file includes. Called by cmd/
 * only; what is drawn is decided elsewhere. */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <term.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/uni.h"
#include "view/screen.h"
#include "view/view.h"

#define DOUBLE_CLICK_NS (400 * NSEC_PER_MSEC)

struct screen {
	SCREEN *term;
	struct theme theme;
	struct {
		attr_t attrs;
		int pair;
	} styles[NR_ATTRS][2]; /* plain, selected */
	struct termios before;
	char undo[256]; /* what brings the terminal back, as bytes */
	size_t undo_len;
	uint64_t click_ns;
	int click_at;
};

/* ---- taking over ------------------------------------------------------------------ */

/* A user's own terminal descriptions are not for a program that runs as root. */
static void distrust_terminfo(void)
{
	if (geteuid() != 0 || !getenv("SUDO_UID"))
		return;
	unsetenv("TERMINFO");
	unsetenv("TERMINFO_DIRS");
}

/* The terminal by its name, or else by the family that the name begins with. */
static SCREEN *open_term(void)
{
	const char *name = getenv("TERM");
	char family[32];
	SCREEN *term;

	if (!name || !*name)
		return NULL;
	use_env(FALSE); /* LINES and COLUMNS may say anything */
	use_tioctl(TRUE);
	term = newterm(name, stdout, stdin);
	if (term || !strchr(name, '-'))
		return term;
	snprintf(family, sizeof(family), "%.*s", (int)strcspn(name, "-"), name);
	return newterm(family, stdout, stdin);
}

/* A capability without its padding, which no terminal of today needs. */
static void undo_add(struct screen *s, const char *name)
{
	const char *cap = tigetstr(name);

	if (!cap || cap == (const char *)-1)
		return;
	while (*cap && s->undo_len < sizeof(s->undo)) {
		const char *end = cap[0] == '$' && cap[1] == '<' ? strchr(cap, '>') : NULL;

		if (end)
			cap = end + 1;
		else
			s->undo[s->undo_len++] = *cap++;
	}
}

static void undo_make(struct screen *s)
{
	static const char mouse_off[] = "\033[?1006l\033[?1002l\033[?1000l";
	const char *mouse = tigetstr("kmous");

	if (mouse && mouse != (const char *)-1) {
		memcpy(s->undo, mouse_off, sizeof(mouse_off) - 1);
		s->undo_len = sizeof(mouse_off) - 1;
	}
	undo_add(s, "rmkx");
	undo_add(s, "sgr0");
	undo_add(s, "op");
	undo_add(s, "cnorm");
	undo_add(s, "rmcup");
}

static int terminal_colours(void)
{
	const char *no = getenv("NO_COLOR");

	if (!has_colors() || start_color() == ERR || (no && *no))
		return 0;
	return COLORS;
}

static attr_t style_attrs(const struct style *st)
{
	return (st->flags & STYLE_BOLD ? A_BOLD : 0) | (st->flags & STYLE_DIM ? A_DIM : 0) |
	       (st->flags & STYLE_REVERSE ? A_REVERSE : 0) | (st->flags & STYLE_UNDERLINE ? A_UNDERLINE : 0);
}

/* Where the terminal's own colours cannot be named, the usual ones stand for them. */
static void styles_make(struct screen *s)
{
	bool own = s->theme.colors >= 8 && use_default_colors() == OK;
	int next = 1;

	for (int i = 0; i < NR_ATTRS * 2; i++) {
		struct style st = theme_style(&s->theme, (unsigned int)i / 2, i % 2);
		short fg = st.fg < 0 && !own ? COLOR_WHITE : st.fg,
		      bg = st.bg < 0 && !own ? COLOR_BLACK : st.bg;

		s->styles[i / 2][i % 2].attrs = style_attrs(&st);
		if (s->theme.colors < 8 || (st.fg < 0 && st.bg < 0) || next >= COLOR_PAIRS)
			continue;
		if (init_pair((short)next, fg, bg) == OK)
			s->styles[i / 2][i % 2].pair = next++;
	}
}

static void modes_set(void)
{
	cbreak();
	noecho();
	nonl();
	intrflush(stdscr, FALSE);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	leaveok(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	mousemask(BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
	mouseinterval(0); /* a press is an event at once */
}

struct screen *screen_open(const char **why)
{
	const char *name = getenv("TERM");
	struct screen *s;
	struct termios before;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &before)) {
		*why = "standard input and output are not a terminal";
		return NULL;
	}
	setlocale(LC_CTYPE, "");
	distrust_terminfo();
	s = xcalloc(1, sizeof(*s));
	s->before = before;
	s->term = open_term();
	if (!s->term || !cursor_address) {
		*why = name && *name ? "this terminal (see TERM) is not known or cannot move its cursor"
				     : "TERM is not set";
		screen_close(s);
		return NULL;
	}
	undo_make(s);
	s->theme.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	s->theme.colors = terminal_colours();
	styles_make(s);
	modes_set();
	screen_resize(s);
	return s;
}

void screen_close(struct screen *s)
{
	if (!s)
		return;
	if (s->term) {
		endwin();
		delscreen(s->term);
	}
	free(s);
}

struct theme screen_theme(const struct screen *s)
{
	return s->theme;
}

void screen_size(const struct screen *s, int *w, int *h)
{
	*w = COLS;
	*h = LINES;
}

void screen_resize(struct screen *s)
{
	struct winsize ws;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) || !ws.ws_row || !ws.ws_col)
		return;
	resizeterm(MIN(ws.ws_row, CANVAS_MAX), MIN(ws.ws_col, CANVAS_MAX));
}

/* ---- showing ------------------------------------------------------------------------- */

/* The character, unless the terminal's library thinks otherwise of its width. */
static wchar_t cell_char(const struct screen *s, const struct cell *cell)
{
	uint32_t cp;

	uni_decode(cell->ch, strlen(cell->ch), &cp);
	if (cp == UNI_BAD || (cp >= 0x80 && (!s->theme.utf8 || wcwidth((wchar_t)cp) != uni_width(cp))))
		return L'?';
	return (wchar_t)cp;
}

static void show_cell(const struct screen *s, const struct canvas *c, int x, int y)
{
	const struct cell *cell = canvas_cell(c, x, y);
	unsigned int attr = MIN(cell->attr, NR_ATTRS - 1);
	wchar_t text[2] = {};
	cchar_t cc;

	if (!cell->ch[0]) {
		/* the wide character before covers this cell, unless it became a ? */
		const struct cell *left = canvas_cell(c, x - 1, y);

		if (left && cell_char(s, left) != L'?')
			return;
		text[0] = L' ';
	} else {
		text[0] = cell_char(s, cell);
	}
	setcchar(&cc, text, s->styles[attr][cell->selected].attrs,
		 (short)s->styles[attr][cell->selected].pair, NULL);
	mvadd_wch(y, x, &cc);
}

void screen_show(struct screen *s, const struct canvas *c, bool repaint)
{
	if (repaint)
		clearok(curscr, TRUE);
	erase();
	for (int y = 0; y < MIN(c->h, LINES); y++)
		for (int x = 0; x < MIN(c->w, COLS); x++)
			show_cell(s, c, x, y);
	refresh();
}

/* ---- keys ------------------------------------------------------------------------------ */

static const struct {
	int curses, key;
} key_names[] = {
	{ KEY_UP, APP_KEY_UP },       { KEY_DOWN, APP_KEY_DOWN },
	{ KEY_LEFT, APP_KEY_LEFT },   { KEY_RIGHT, APP_KEY_RIGHT },
	{ KEY_PPAGE, APP_KEY_PGUP },  { KEY_NPAGE, APP_KEY_PGDN },
	{ KEY_HOME, APP_KEY_HOME },   { KEY_END, APP_KEY_END },
	{ KEY_ENTER, APP_KEY_ENTER }, { KEY_BACKSPACE, APP_KEY_BACKSPACE },
	{ KEY_DC, APP_KEY_DELETE },   { KEY_BTAB, APP_KEY_BACKTAB },
	{ KEY_F(1), APP_KEY_F1 },
};

static int mouse_event(struct screen *s)
{
	MEVENT e;
	uint64_t now = clock_mono_ns();
	int what = APP_MOUSE_CLICK;

	if (getmouse(&e) != OK)
		return 0;
	if (e.bstate & BUTTON4_PRESSED)
		return APP_MOUSE(APP_MOUSE_UP, e.x, e.y);
	if (e.bstate & BUTTON5_PRESSED)
		return APP_MOUSE(APP_MOUSE_DOWN, e.x, e.y);
	if (!(e.bstate & BUTTON1_PRESSED))
		return 0;
	if (s->click_ns && now - s->click_ns < DOUBLE_CLICK_NS && s->click_at == APP_MOUSE(0, e.x, e.y))
		what = APP_MOUSE_DOUBLE;
	s->click_ns = what == APP_MOUSE_DOUBLE ? 0 : now;
	s->click_at = APP_MOUSE(0, e.x, e.y);
	return APP_MOUSE(what, e.x, e.y);
}

static bool terminal_gone(void)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR | POLLNVAL));
}

/* A key of ncurses; 0: none of ours. */
static int special_key(struct screen *s, wint_t code)
{
	if (code == KEY_MOUSE)
		return mouse_event(s);
	for (size_t i = 0; i < ARRAY_SIZE(key_names); i++)
		if (key_names[i].curses == (int)code)
			return key_names[i].key;
	return 0;
}

/*
 * After an Esc: the rest of a key that the terminal's description does not know, which comes
 * with it. Its letters are no commands. The usual ones are known; 0: none of ours.
 */
static int escaped_key(void)
{
	static const struct {
		char end;
		int number, key;
	} keys[] = {
		{ 'A', 0, APP_KEY_UP },   { 'B', 0, APP_KEY_DOWN },    { 'C', 0, APP_KEY_RIGHT },
		{ 'D', 0, APP_KEY_LEFT }, { 'H', 0, APP_KEY_HOME },    { 'F', 0, APP_KEY_END },
		{ '~', 1, APP_KEY_HOME }, { '~', 3, APP_KEY_DELETE },  { '~', 4, APP_KEY_END },
		{ '~', 5, APP_KEY_PGUP }, { '~', 6, APP_KEY_PGDN },    { '~', 7, APP_KEY_HOME },
		{ '~', 8, APP_KEY_END },  { 'Z', 0, APP_KEY_BACKTAB },
	};
	int number = 0;
	wint_t c;

	if (get_wch(&c) != OK)
		return 27; /* nothing came with it: the key Esc */
	if (c != '[' && c != 'O')
		return 0; /* Alt and a key */
	while (get_wch(&c) == OK && c < '@')
		number = c >= '0' && c <= '9' && number < 1000 ? number * 10 + (int)(c - '0') : 1000;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if ((wint_t)keys[i].end == c && keys[i].number == number)
			return keys[i].key;
	return 0;
}

int screen_key(struct screen *s)
{
	wint_t c;
	int key;

	for (;;) {
		switch (get_wch(&c)) {
		case OK:
			if (c == 27)
				return escaped_key();
			return c < APP_KEY_UP ? (int)c : 0;
		case KEY_CODE_YES:
			key = special_key(s, c);
			if (key)
				return key;
			break;
		default:
			return terminal_gone() ? SCREEN_GONE : SCREEN_NO_KEY;
		}
	}
}

/* ---- giving back ---------------------------------------------------------------------- */

void screen_suspend(struct screen *s)
{
	endwin();
	kill(getpid(), SIGSTOP); /* the signal that brought us here may be blocked */
	modes_set();
	screen_resize(s);
	clearok(curscr, TRUE);
	refresh();
}

void screen_restore(const struct screen *s)
{
	int saved = errno;

	if (!s)
		return;
	/* nobody to tell when it fails */
	if (write(STDOUT_FILENO, s->undo, s->undo_len) < 0)
		errno = saved;
	tcsetattr(STDIN_FILENO, TCSANOW, &s->before);
	errno = saved;
}
