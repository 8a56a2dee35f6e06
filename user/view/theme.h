/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Named elements of the screen and what they look like: colours for 256, 16 and 8
 * colour terminals, and what is left of them without colour and without UTF-8. The
 * drawing code names elements and glyphs only; screen.c asks for their style.
 */
#ifndef VIEW_THEME_H
#define VIEW_THEME_H

#include "base/base.h"
#include "bpf/abi.h"

struct theme {
	bool utf8;
	int colors; /* what the terminal can show; below 8: monochrome */
};

#define STYLE_BOLD      (1u << 0)
#define STYLE_DIM       (1u << 1)
#define STYLE_REVERSE   (1u << 2)
#define STYLE_UNDERLINE (1u << 3)

/* clang-format off */
/* X(NAME, 'letter in the attribute layer', fg256, bg256, fg8, bg8, flags, flags without colour) */
#define VIEW_ATTRS(X)                                                                   \
	X(NORMAL, '.', -1, -1, -1, -1, 0, 0)                                            \
	X(BRAND, 'b', 231, 24, 7, 4, STYLE_BOLD, STYLE_REVERSE | STYLE_BOLD)            \
	X(TOP, 't', 253, 24, 7, 4, 0, STYLE_REVERSE)                                    \
	X(FROZEN, 'f', 231, 130, 0, 3, STYLE_BOLD, STYLE_BOLD | STYLE_UNDERLINE)        \
	X(LABEL, 'l', 67, -1, 6, -1, 0, 0)                                              \
	X(DIM, 'd', 244, -1, -1, -1, STYLE_DIM, STYLE_DIM)                              \
	X(ZERO, 'p', 239, -1, -1, -1, STYLE_DIM, STYLE_DIM)                             \
	X(BOLD, 'm', -1, -1, -1, -1, STYLE_BOLD, STYLE_BOLD)                            \
	X(GOOD, 'g', 71, -1, 2, -1, 0, 0)                                               \
	X(WARN, 'w', 214, -1, 3, -1, STYLE_BOLD, STYLE_BOLD)                            \
	X(BAD, 'r', 203, -1, 1, -1, STYLE_BOLD, STYLE_BOLD | STYLE_REVERSE)             \
	X(TAB, 'a', 250, 237, 7, 0, 0, 0)                                               \
	X(TAB_KEY, 'k', 109, 237, 6, 0, 0, 0)                                           \
	X(TAB_ON, 'o', 231, 31, 0, 6, STYLE_BOLD, STYLE_REVERSE | STYLE_BOLD)           \
	X(TAB_END, 'e', 244, 237, 7, 0, 0, 0)                                           \
	X(CRUMB, 'c', 110, -1, 6, -1, 0, 0)                                             \
	X(HEADER, 'h', 109, -1, 6, -1, STYLE_BOLD | STYLE_UNDERLINE, STYLE_BOLD | STYLE_UNDERLINE) \
	X(SORT, 's', 221, -1, 3, -1, STYLE_BOLD | STYLE_UNDERLINE, STYLE_REVERSE | STYLE_BOLD)     \
	X(SECTION, 'n', 109, -1, 6, -1, STYLE_BOLD, STYLE_BOLD)                         \
	X(RULE, '-', 238, -1, -1, -1, STYLE_DIM, STYLE_DIM)                             \
	X(KEYCAP, 'y', 231, 237, 0, 7, STYLE_BOLD, STYLE_REVERSE)                       \
	X(KEYWORD, 'j', 247, -1, -1, -1, 0, 0)                                          \
	X(INPUT, 'u', 231, 237, 7, 0, STYLE_BOLD, STYLE_BOLD | STYLE_UNDERLINE)         \
	X(MARK, 'x', 221, -1, 3, -1, STYLE_BOLD, STYLE_BOLD)                            \
	X(HIST, 'q', 74, -1, 4, -1, 0, 0)                                               \
	X(MENU, 'v', 252, 236, 7, 0, 0, 0)                                              \
	X(MENU_MARK, '!', 221, 236, 3, 0, STYLE_BOLD, STYLE_BOLD)                       \
	X(MENU_ON, 'z', 231, 31, 0, 6, STYLE_BOLD, STYLE_REVERSE)
/* clang-format on */

enum attr {
#define X(NAME, ...) ATTR_##NAME,
	VIEW_ATTRS(X)
#undef X
		ATTR_HEAT,          /* HEAT_LEVELS of these, cold to hot */
	ATTR_STATE = ATTR_HEAT + 9, /* one per enum hl_state */
	NR_ATTRS = ATTR_STATE + NR_HL_STATES,
};
#define HEAT_LEVELS 9

struct style {
	short fg, bg; /* -1: the terminal's own */
	unsigned int flags;
};

/* What attr looks like; selected: on the row the user is on. */
struct style theme_style(const struct theme *t, unsigned int attr, bool selected);
/* The letter of attr in the attribute layer of a canvas. */
char theme_letter(unsigned int attr);

/* clang-format off */
/* X(NAME, "UTF-8", "ASCII") */
#define VIEW_GLYPHS(X)            \
	X(ELLIPSIS, "…", "~")     \
	X(ASCENDING, "▲", "^")    \
	X(DESCENDING, "▼", "v")   \
	X(DOT, "·", "-")          \
	X(INTO, "›", ">")         \
	X(HLINE, "─", "-")        \
	X(VLINE, "│", "|")        \
	X(LEFT, "◀", "<")         \
	X(MORE_UP, "↑", "^")      \
	X(MORE_DOWN, "↓", "v")    \
	X(CURSOR, "▏", "_")       \
	X(EMPTY, "·", ".")        \
	X(FULL, "█", "#")
/* clang-format on */

enum glyph {
#define X(NAME, ...) GLYPH_##NAME,
	VIEW_GLYPHS(X)
#undef X
		NR_GLYPHS,
};

const char *theme_glyph(const struct theme *t, enum glyph g);
/* One cell of a bar of time in a state: a letter where colour cannot tell. */
const char *theme_state_glyph(const struct theme *t, unsigned int state);
/* The letter of a state, unique among the states. */
char theme_state_letter(unsigned int state);
/* The end of a horizontal bar that fills `eighths` (1..8) of a cell. */
const char *theme_bar_glyph(const struct theme *t, unsigned int eighths);
/* A cell of a heatmap, level 0 (nothing) .. HEAT_LEVELS - 1. */
const char *theme_heat_glyph(const struct theme *t, unsigned int level);
/* A column of a line of figures, level 0 (nothing) .. 8. */
const char *theme_spark_glyph(const struct theme *t, unsigned int level);

#endif
