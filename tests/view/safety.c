/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The canvas holds what may stand on a screen and nothing else, at any size, whatever
 * is typed; and a new field needs one line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/uni.h"
#include "tests/test.h"
#include "tests/view/fixture.h"

static bool cell_is_sound(const struct canvas *c, int x, int y, bool ascii)
{
	const struct cell *cell = canvas_cell(c, x, y), *left = canvas_cell(c, x - 1, y);
	size_t n = strlen(cell->ch);
	uint32_t cp;

	if (cell->attr >= NR_ATTRS)
		return false;
	if (!n)
		return left && uni_decode(left->ch, strlen(left->ch), &cp) && uni_width(cp) == 2;
	if (uni_decode(cell->ch, n, &cp) != n || cp == UNI_BAD)
		return false;
	if (uni_width(cp) == 2)
		return canvas_cell(c, x + 1, y) && !canvas_cell(c, x + 1, y)->ch[0];
	return uni_width(cp) == 1 && (!ascii || cp < 0x80);
}

static bool canvas_is_sound(const struct canvas *c, bool ascii)
{
	for (int y = 0; y < c->h; y++)
		for (int x = 0; x < c->w; x++)
			if (!cell_is_sound(c, x, y, ascii)) {
				printf("# cell %d,%d of %dx%d: \"%s\"\n", x, y, c->w, c->h,
				       canvas_cell(c, x, y)->ch);
				return false;
			}
	return true;
}

void test_view_hostile_names(void)
{
	static const char *const keys[] = { "",          "2",        "3",        "4",
					    "/il\\\n\n", "2/il\n\n", "4/il\n\n", "3/other\n\n" };

	for (int i = 0; i < (int)ARRAY_SIZE(keys) * 2; i++) {
		struct app_cfg cfg = { .theme = { i % 2, 256 }, .interval_ns = NSEC_PER_SEC };
		struct screen_test t;

		screen_begin(&t, 200, 50, &cfg);
		screen_type(&t, keys[i / 2]);
		app_draw(t.app, &t.canvas);
		ASSERT(canvas_is_sound(&t.canvas, !cfg.theme.utf8));
		ASSERT(i / 2 >= 4 || screen_has(&t, "\\x1b]52;c"));
		screen_end(&t);
	}
}

void test_view_canvas_refuses_escapes(void)
{
	struct canvas c = {};
	struct str text = {};

	canvas_resize(&c, 20, 3);
	canvas_put(&c, 0, 0, ATTR_NORMAL,
		   "a\033[2J\xff\n\xe2\x80\xae"
		   "b");
	canvas_put(&c, 18, 1, ATTR_NORMAL, "xデx");
	canvas_put(&c, -1, 2, ATTR_NORMAL, "デデ");
	canvas_text(&c, &text);
	ASSERT_STR(text.s, "a?[2J???b\n                  x\n デ\n");
	ASSERT(canvas_is_sound(&c, false));
	canvas_put(&c, 2, 2, ATTR_NORMAL, "y"); /* over the right half */
	str_reset(&text);
	canvas_text(&c, &text);
	ASSERT_STR(text.s, "a?[2J???b\n                  x\n  y\n");
	canvas_free(&c);
	str_free(&text);
}

void test_view_canvas_clips(void)
{
	struct canvas c = {};
	struct str text = {};

	canvas_resize(&c, 8, 3);
	canvas_clip(&c, 2, 1, 4, 1);
	for (int y = -1; y < 5; y++)
		canvas_put(&c, -2, y, ATTR_NORMAL, "0123456789abcdef");
	canvas_select(&c, -5, 1, 100);
	canvas_fill(&c, 5, 1, 1000000, ATTR_BOLD, "x");
	canvas_text(&c, &text);
	canvas_attrs(&c, &text);
	ASSERT_STR(text.s, "\n  456x\n\n........\n..###m..\n........\n");
	canvas_resize(&c, 1000000, -5);
	ASSERT_EQ(c.w, CANVAS_MAX);
	ASSERT_EQ(c.h, 0);
	canvas_put(&c, 0, 0, ATTR_NORMAL, "x");
	canvas_free(&c);
	str_free(&text);
}

/* Every element has a letter of its own and a style on every kind of terminal. */
void test_view_theme(void)
{
	bool used[256] = {};

	for (unsigned int i = 0; i < NR_ATTRS; i++) {
		unsigned char letter = (unsigned char)theme_letter(i);

		ASSERT(letter > ' ' && letter < 127 && letter != '#' && !used[letter]);
		used[letter] = true;
		for (int colors = 0; colors <= 256; colors += 8) {
			struct theme t = { true, colors };
			struct style s = theme_style(&t, i, i % 2);

			ASSERT(s.fg < MAX(colors, 1) && s.bg < MAX(colors, 1));
			ASSERT(colors || (s.fg == -1 && s.bg == -1));
		}
	}
}

/* States of one colour differ in shade, and in letter where there is no colour. */
void test_view_theme_states(void)
{
	struct theme full = { true, 256 }, eight = { true, 8 }, none = { false, 0 };

	for (unsigned int a = 0; a < NR_HL_STATES; a++)
		for (unsigned int b = 0; b < a; b++) {
			struct style s = theme_style(&full, ATTR_STATE + a, false);
			struct style u = theme_style(&full, ATTR_STATE + b, false);
			bool same8 = theme_style(&eight, ATTR_STATE + a, false).fg ==
				     theme_style(&eight, ATTR_STATE + b, false).fg;

			ASSERT(s.fg != u.fg);
			ASSERT(!same8 || strcmp(theme_state_glyph(&eight, a), theme_state_glyph(&eight, b)));
			ASSERT(strcmp(theme_state_glyph(&none, a), theme_state_glyph(&none, b)));
		}
}

/* ---- sizes and keys -------------------------------------------------------------- */

static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*seed >> 33);
}

static int random_key(uint64_t *seed)
{
	static const char typed[] = "\n\n\n\x1b\x7f\t/s<>rtikg f+-[]cw?123456789abj.\f";
	uint32_t r = next_random(seed) % 100;

	if (r < 50)
		return typed[next_random(seed) % (sizeof(typed) - 1)];
	if (r < 80)
		return APP_KEY_UP + (int)(next_random(seed) % (APP_KEY_END_OF_LIST - APP_KEY_UP));
	if (r < 97)
		return APP_MOUSE(next_random(seed) % 4, next_random(seed) % 220, next_random(seed) % 60);
	return (int)next_random(seed);
}

void test_view_tiny_sizes(void)
{
	for (int w = 0; w <= 12; w++)
		for (int h = 0; h <= 8; h++) {
			uint64_t seed = (uint64_t)(w * 100 + h);
			struct screen_test t;

			screen_begin(&t, w, h, NULL);
			for (int i = 0; i < 40; i++) {
				app_key(t.app, random_key(&seed));
				app_draw(t.app, &t.canvas);
			}
			ASSERT(canvas_is_sound(&t.canvas, false));
			screen_end(&t);
		}
}

/* 20,000 keys, mouse events, resizes and snapshots in any order. */
void test_view_random_keys(void)
{
	static const struct snap *(*const make)(int) = fixture_snap;
	uint64_t seed = 42;
	struct screen_test t;

	screen_begin(&t, 80, 24, NULL);
	for (int i = 0; i < 20000; i++) {
		uint32_t r = next_random(&seed) % 64;

		if (r == 0) {
			int w = (int)(next_random(&seed) % (next_random(&seed) % 8 ? 90 : 220)),
			    h = (int)(next_random(&seed) % 40);

			canvas_resize(&t.canvas, w, h);
			app_resize(t.app, w, h);
		} else if (r < 4) {
			app_snap(t.app, r == 3 ? fixture_empty() : make((int)r % 2));
		} else {
			app_key(t.app, random_key(&seed));
		}
		if (i % 4 == 0)
			app_draw(t.app, &t.canvas);
		if (i % 512 == 0 && !ASSERT(canvas_is_sound(&t.canvas, false)))
			break;
	}
	screen_end(&t);
}

/* Fields that were never shown before: one line in a table is all that it takes. */
void test_view_new_field(void)
{
	static struct field fields[64];
	static struct table_desc desc;
	static struct snap_table table;
	static struct snap snap;
	struct screen_test t;

	desc = processes_table;
	memcpy(fields, desc.fields, desc.nr_fields * sizeof(*fields));
	fields[desc.nr_fields++] = (struct field){
		"shoe_size", "SHOES",     "size of the shoes", field_u32, offsetof(struct proc_row, uid),
		UNIT_NONE,   METRIC_NONE, FIELD_NARROW,        7,         VAL_U64
	};
	desc.fields = fields;
	snap = *fixture_snap(0);
	table = snap.tables[0];
	table.desc = &desc;
	snap.tables = &table;
	snap.nr_tables = 1;
	screen_begin(&t, 120, 50, NULL);
	app_snap(t.app, &snap);
	ASSERT(screen_has(&t, "SHOES"));
	screen_type(&t, "s^e\n"); /* and can be sorted by */
	ASSERT_STR(app_query(t.app)->sort, "shoe_size");
	screen_type(&t, "/1001");
	screen_type(&t, "^x\n");
	ASSERT(screen_has(&t, "SHOES"));
	screen_type(&t, "^b?");
	for (int i = 0; i < 10 && !screen_has(&t, "size of the shoes [shoe_size]"); i++)
		screen_type(&t, "^D");
	ASSERT(screen_has(&t, "size of the shoes [shoe_size]"));
	screen_end(&t);
}
