/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The page of one row above its tables: words, facts, time by state, charts. All of
 * it follows from the fields of the row's table. */
#include <string.h>

#include "base/fmt.h"
#include "view/app.h"

#define FACT_W  26 /* a fact: title and value */
#define TITLE_W 11
#define TWO_CHARTS 150 /* columns for two charts beside each other */

struct sheet {
	const struct app *a;
	struct canvas *c;
	const struct level *l;
	const struct table_desc *d;
	struct rect r;
	int y; /* next free line */
	bool chart_right; /* the next chart goes beside the last one */
	int chart_y, chart_end;
};

static bool is_text(const struct field *f)
{
	return f->unit == UNIT_NONE && (field_type(f) == VAL_STR);
}

static void section(struct sheet *s, const char *title)
{
	canvas_fill(s->c, s->r.x, s->y, s->r.w, ATTR_RULE, theme_glyph(&s->a->theme, GLYPH_HLINE));
	canvas_put(s->c, s->r.x + 1, s->y, ATTR_SECTION, " ");
	canvas_put(s->c, s->r.x + 2, s->y, ATTR_SECTION, title);
	canvas_put(s->c, s->r.x + 2 + text_width(title), s->y, ATTR_SECTION, " ");
	s->y++;
}

/* Facts stand in a grid; a long one takes more places, a very long one lines of its own. */
static int fact_put(struct sheet *s, const struct field *f, int slot)
{
	int slots = MAX(1, s->r.w / FACT_W), need, x;
	struct val v = field_get(f, s->l->row);
	struct str text = {};

	if (v.type == VAL_NONE || v.type == VAL_STATES || v.type == VAL_HIST)
		return slot;
	val_text(&text, f, &v, !s->a->theme.utf8);
	need = (TITLE_W + 2 + text_width(str_get(&text)) + FACT_W) / FACT_W;
	if (slot && slot + need > slots) {
		s->y++;
		slot = 0;
	}
	x = s->r.x + slot * FACT_W;
	put_right(s->c, &s->a->theme, x, s->y, TITLE_W, ATTR_LABEL, f->title ? f->title : f->name);
	if (need > slots)
		s->y += put_wrapped(s->c, x + TITLE_W + 1, s->y, s->r.w - TITLE_W - 1, ATTR_NORMAL,
				    str_get(&text)) - 1;
	else
		canvas_put(s->c, x + TITLE_W + 1, s->y, is_text(f) ? ATTR_NORMAL : ATTR_BOLD, str_get(&text));
	str_free(&text);
	return slot + need;
}

/* Words first, they say what it is; then what has no span; then the two spans apart, since
 * twins have the same title. */
static bool in_pass(const struct field *f, int pass)
{
	unsigned int span = f->flags & (FIELD_IVL | FIELD_TOTAL);

	if (is_text(f))
		return pass == 0;
	return pass == 1 ? !span : pass == 2 ? span == FIELD_IVL : pass == 3 && span && span != FIELD_IVL;
}

static void draw_facts(struct sheet *s)
{
	static const char *const spans[] = { NULL, NULL, "last interval", "since start" };

	for (int pass = 0; pass < (int)ARRAY_SIZE(spans); pass++) {
		int slot = 0, y = s->y;

		for (size_t i = 0; i < s->d->nr_fields; i++)
			if (in_pass(&s->d->fields[i], pass))
				slot = fact_put(s, &s->d->fields[i], slot + (spans[pass] && !slot && s->y == y));
		if (slot && spans[pass])
			put_right(s->c, &s->a->theme, s->r.x, y, FACT_W - 4, ATTR_SECTION, spans[pass]);
		if (slot)
			s->y++;
	}
}

/* The time by state of the span that ranks. */
static void brief_states(struct sheet *s)
{
	for (size_t i = 0; i < s->d->nr_fields; i++) {
		const struct field *f = &s->d->fields[i];
		struct val v = field_get(f, s->l->row);
		int w = MIN(s->r.w * 2 / 5, 72);

		if (v.type != VAL_STATES || !field_fits_flavour(f, s->a->total))
			continue;
		bar_draw(s->a, s->c, s->r.x + 1, s->y, w, v.states);
		legend_draw(s->a, s->c, s->r.x + w + 3, s->y, s->r.w - w - 3, v.states);
		s->y++;
		return;
	}
}

static void draw_brief(struct sheet *s)
{
	struct pen p = { s->c, &s->a->theme, s->r.x + 1, s->y, s->r.x + s->r.w };

	for (size_t i = 0; i < s->d->nr_fields; i++) {
		const struct field *f = &s->d->fields[i];
		struct val v = field_get(f, s->l->row);
		struct str text = {};

		if (v.type == VAL_NONE || v.type == VAL_STATES || v.type == VAL_HIST)
			continue;
		val_text(&text, f, &v, !s->a->theme.utf8);
		if (p.x > s->r.x + 1 && p.x + text_width(str_get(&text)) + text_width(f->title) + 1 > p.end) {
			p.x = s->r.x + 1;
			p.y++;
		}
		pen_put(&p, ATTR_LABEL, f->title);
		pen_put(&p, ATTR_NORMAL, " ");
		pen_put(&p, is_text(f) ? ATTR_NORMAL : ATTR_BOLD, str_get(&text));
		p.x += 3;
		str_free(&text);
	}
	s->y = p.y + 1;
	brief_states(s);
}

static void draw_states(struct sheet *s)
{
	for (size_t i = 0; i < s->d->nr_fields; i++) {
		const struct field *f = &s->d->fields[i];
		struct val v = field_get(f, s->l->row);

		if (v.type != VAL_STATES || !states_sum(v.states, true))
			continue;
		section(s, f->title ? f->title : f->name);
		s->y += states_draw(s->a, s->c, s->r.x, s->y, s->r.w, v.states);
	}
}

/* ---- charts: beside each other where there is room ------------------------------ */

static struct rect chart_begin(struct sheet *s, const char *title)
{
	struct rect all = s->r, r = all;
	bool two = all.w >= TWO_CHARTS;

	if (two)
		r.w = (all.w - 2) / 2;
	if (two && s->chart_right) {
		r.x += r.w + 2;
		s->y = s->chart_y;
	} else {
		s->chart_y = s->y;
		s->chart_end = s->y;
	}
	s->chart_right = two && !s->chart_right;
	s->r = r;
	section(s, title);
	s->r = all;
	return (struct rect){ r.x, s->y, r.w, MAX(s->a->h / 2, 6) };
}

static void chart_end(struct sheet *s, int lines)
{
	s->chart_end = MAX(s->chart_end, s->y + lines);
	s->y = s->chart_end;
}

static void draw_hists(struct sheet *s, bool recent)
{
	const struct field *max = table_field(s->d, "max_ns");
	struct val m = { VAL_NONE, { 0 } };

	if (max)
		m = field_get(max, s->l->row);
	for (size_t i = 0; i < s->d->nr_fields; i++) {
		const struct field *f = &s->d->fields[i];
		struct val v = field_get(f, s->l->row);
		uint64_t top = (f->flags & FIELD_IVL) || m.type != VAL_U64 ? UINT64_MAX : m.u;

		if (v.type != VAL_HIST || !v.hist->count || recent != !!(f->flags & FIELD_IVL))
			continue;
		chart_end(s, hist_draw(s->a, s->c, chart_begin(s, f->title ? f->title : f->name), v.hist, top));
	}
}

static void draw_hist(struct sheet *s)
{
	draw_hists(s, false);
}

static void draw_recent(struct sheet *s)
{
	draw_hists(s, true);
}

static void draw_heat(struct sheet *s)
{
	if (s->l->heat)
		chart_end(s, heat_draw(s->a, s->c, chart_begin(s, "Latency of the last minutes"), s->l->heat));
}

int sheet_draw(const struct app *a, struct canvas *c, const struct level *l, struct rect r, int scroll)
{
	static void (*const draw[])(struct sheet *s) = {
		[PART_BRIEF] = draw_brief,
		[PART_FACTS] = draw_facts,
		[PART_STATES] = draw_states,
		[PART_HIST] = draw_hist,
		[PART_RECENT] = draw_recent,
		[PART_HEAT] = draw_heat,
		[PART_TABLE] = NULL,
	};
	struct sheet s = { .a = a, .c = c, .l = l, .d = level_desc(l), .r = r, .y = r.y - scroll };

	canvas_clip(c, r.x, r.y, r.w, r.h);
	if (l->gone) {
		canvas_put(c, r.x + 1, s.y, ATTR_WARN, s.d ? "gone; this is what was seen last" : "gone");
		s.y++;
	}
	for (size_t i = 0; s.d && i < PAGE_PARTS; i++)
		if (draw[l->page->parts[i].kind])
			draw[l->page->parts[i].kind](&s);
	canvas_unclip(c);
	return s.y - (r.y - scroll);
}
