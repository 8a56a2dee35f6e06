/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What elements look like on terminals of every kind. Called by the drawing code for
 * glyphs and by screen.c for styles. */
#include "view/theme.h"

static const struct element {
	char letter;
	short fg256, bg256, fg8, bg8;
	unsigned int flags, mono;
} elements[] = {
#define X(NAME, letter, fg256, bg256, fg8, bg8, flags, mono) { letter, fg256, bg256, fg8, bg8, flags, mono },
	VIEW_ATTRS(X)
#undef X
};

/* The colours that the list of states names, each in shades: the second state of a
 * colour gets the second shade, so that neighbours in a bar stay apart. */
/* clang-format off */
#define NR_SHADES 5
#define COLOURS(X) /* X(NAME, colour of 8, shades of 256 …) */ \
	X(GREEN, 2, 71, 28, 107, 65, 22)                       \
	X(YELLOW, 3, 220, 178, 136, 185, 94)                   \
	X(RED, 1, 197, 167, 124, 131, 88)                      \
	X(MAGENTA, 5, 170, 97, 133, 176, 54)                   \
	X(BLUE, 4, 33, 25, 68, 61, 18)                         \
	X(CYAN, 6, 44, 30, 80, 66, 23)                         \
	X(WHITE, 7, 252, 246, 250, 248, 254)                   \
	X(DIM, -1, 243, 240, 245, 238, 236)
/* clang-format on */

enum colour {
#define X(NAME, ...) COLOUR_##NAME,
	COLOURS(X)
#undef X
};

static const struct {
	short of8, of256[NR_SHADES];
} colours[] = {
#define X(NAME, of8, ...) { of8, { __VA_ARGS__ } },
	COLOURS(X)
#undef X
};

static const enum colour state_colour[NR_HL_STATES] = {
#define X(id, NAME, key, title, work, colour, help) [id] = COLOUR_##colour,
	HL_STATES(X)
#undef X
};

static const char *const state_titles[NR_HL_STATES] = {
#define X(id, NAME, key, title, work, colour, help) [id] = title,
	HL_STATES(X)
#undef X
};

/* How many states before this one have its colour. */
static unsigned int state_shade(unsigned int state)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < state; i++)
		n += state_colour[i] == state_colour[state];
	return n % NR_SHADES;
}

/* From cold to hot. */
static const short heat256[HEAT_LEVELS] = { 236, 24, 31, 37, 72, 143, 178, 208, 197 };
static const short heat8[HEAT_LEVELS] = { -1, 4, 4, 6, 6, 2, 3, 3, 1 };

static struct style state_style(const struct theme *t, unsigned int state)
{
	enum colour col = state_colour[state];
	struct style s = { -1, -1, 0 };

	if (t->colors < 8)
		return s;
	s.fg = t->colors >= 256 ? colours[col].of256[state_shade(state)] : colours[col].of8;
	if (s.fg < 0)
		s.flags = STYLE_DIM;
	return s;
}

static struct style heat_style(const struct theme *t, unsigned int level)
{
	if (t->colors < 8)
		return (struct style){ -1, -1, 0 };
	return (struct style){ t->colors >= 256 ? heat256[level] : heat8[level], -1, 0 };
}

static struct style element_style(const struct theme *t, const struct element *e)
{
	if (t->colors < 8)
		return (struct style){ -1, -1, e->mono };
	if (t->colors < 256)
		return (struct style){ e->fg8, e->bg8, e->flags };
	/* a colour of its own says it better than the terminal's idea of dim */
	return (struct style){ e->fg256, e->bg256, e->fg256 >= 0 ? e->flags & ~STYLE_DIM : e->flags };
}

struct style theme_style(const struct theme *t, unsigned int attr, bool selected)
{
	bool plain = attr < ATTR_HEAT;
	struct style s;

	if (attr >= NR_ATTRS)
		attr = ATTR_NORMAL;
	if (attr >= ATTR_STATE)
		s = state_style(t, attr - ATTR_STATE);
	else if (!plain)
		s = heat_style(t, attr - ATTR_HEAT);
	else
		s = element_style(t, &elements[attr]);
	if (!selected || !plain) /* a bar keeps its own colours */
		return s;
	if (t->colors >= 256)
		return (struct style){ attr == ATTR_DIM || attr == ATTR_ZERO ? 250 : 231, 24, s.flags };
	return (struct style){ -1, -1, STYLE_REVERSE };
}

char theme_state_letter(unsigned int state)
{
	bool used[128] = {};
	const char *c;
	char letter = '?';

	/* each takes the first letter of its title that is still free, or else a small one */
	for (unsigned int i = 0; i <= state && i < NR_HL_STATES; i++) {
		int small = 0;

		for (c = state_titles[i]; *c && used[*c & 127]; c++)
			;
		if (!*c) {
			c = state_titles[i];
			small = 'a' - 'A';
		}
		letter = (char)(*c + small);
		used[letter & 127] = true;
	}
	return letter;
}

char theme_letter(unsigned int attr)
{
	if (attr >= NR_ATTRS)
		return '?';
	if (attr >= ATTR_STATE)
		return theme_state_letter(attr - ATTR_STATE);
	if (attr >= ATTR_HEAT)
		return (char)('0' + attr - ATTR_HEAT);
	return elements[attr].letter;
}

static const char *const glyphs[NR_GLYPHS][2] = {
#define X(NAME, utf8, ascii) { ascii, utf8 },
	VIEW_GLYPHS(X)
#undef X
};

const char *theme_glyph(const struct theme *t, enum glyph g)
{
	return glyphs[g][t->utf8];
}

const char *theme_state_glyph(const struct theme *t, unsigned int state)
{
	static const char *const shades[NR_SHADES] = { "▇", "▓", "▒", "░", "▚" };
	static const char letters[] =
		"A\0B\0C\0D\0E\0F\0G\0H\0I\0J\0K\0L\0M\0N\0O\0P\0Q\0R\0S\0T\0U\0V\0W\0X\0Y\0Z\0"
		"[\0\\\0]\0^\0_\0`\0a\0b\0c\0d\0e\0f\0g\0h\0i\0j\0k\0l\0m\0n\0o\0p\0q\0r\0s\0"
		"t\0u\0v\0w\0x\0y\0z";

	if (t->utf8 && t->colors >= 256)
		return shades[0];
	if (t->utf8 && t->colors >= 8)
		return shades[state_shade(state)];
	return letters + 2 * (theme_state_letter(state) - 'A');
}

const char *theme_bar_glyph(const struct theme *t, unsigned int eighths)
{
	static const char *const parts[] = { " ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█" };

	return t->utf8 ? parts[MIN(eighths, 8)] : eighths ? "#" : " ";
}

const char *theme_heat_glyph(const struct theme *t, unsigned int level)
{
	static const char *const shades[HEAT_LEVELS] = { "·", "░", "░", "▒", "▒", "▓", "▓", "█", "█" };
	static const char *const ascii[HEAT_LEVELS] = { " ", ".", ":", "-", "=", "+", "*", "%", "@" };

	if (!t->utf8)
		return ascii[level];
	return t->colors >= 256 && level ? "█" : shades[level];
}

const char *theme_spark_glyph(const struct theme *t, unsigned int level)
{
	static const char *const bars[] = { "·", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char *const ascii[] = { ".", "1", "2", "3", "4", "5", "6", "7", "8" };

	return (t->utf8 ? bars : ascii)[MIN(level, 8u)];
}
