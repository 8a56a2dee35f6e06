/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Latency over time: a column per time slice, a line per power of two, brighter where
 * more operations fell. For the page of an operation. */
#include <math.h>
#include <stdio.h>

#include "base/fmt.h"
#include "view/app.h"

#define AXIS_W 9

struct area {
	int first, last; /* octaves with anything in them */
	int from, n;     /* slices */
	int merge;       /* octaves per line */
	int wide;        /* columns per slice */
	uint64_t most;
};

static uint64_t area_count(const struct heat *h, const struct area *ar, int slice, int octave)
{
	uint64_t n = 0;

	for (int i = octave; i < octave + ar->merge && i < HEAT_OCTAVES; i++)
		n += h->counts[slice][i];
	return n;
}

static bool octave_used(const struct heat *h, const struct area *ar, int octave)
{
	for (int s = ar->from; s < ar->from + ar->n; s++)
		if (h->counts[s][octave])
			return true;
	return false;
}

static struct area area_make(const struct heat *h, struct rect r)
{
	struct area ar = { .last = HEAT_OCTAVES - 1, .merge = 1, .wide = 1 };

	ar.n = MIN(HEAT_SLICES, MAX(r.w - AXIS_W, 1));
	ar.from = HEAT_SLICES - ar.n;
	while (ar.from < HEAT_SLICES - 1 && !h->slice_ns[ar.from])
		ar.from++;
	ar.n = HEAT_SLICES - ar.from;
	ar.wide = MAX(1, MIN((r.w - AXIS_W) / ar.n, 3));
	while (ar.first < ar.last && !octave_used(h, &ar, ar.first))
		ar.first++;
	while (ar.last > ar.first && !octave_used(h, &ar, ar.last))
		ar.last--;
	while ((ar.last - ar.first) / ar.merge + 1 > MAX(r.h - 1, 1))
		ar.merge++;
	for (int s = ar.from; s < HEAT_SLICES; s++)
		for (int o = ar.first; o <= ar.last; o += ar.merge)
			ar.most = MAX(ar.most, area_count(h, &ar, s, o));
	return ar;
}

/* On a log scale: one is seen beside a million. */
static unsigned int heat_level(uint64_t n, uint64_t most)
{
	double part;

	if (!n)
		return 0;
	part = most > 1 ? log((double)n) / log((double)most) : 1;
	return 1 + (unsigned int)(part * (HEAT_LEVELS - 2) + 0.5);
}

void time_axis_draw(const struct app *a, struct canvas *c, int x, int y, int w, uint64_t span_ns)
{
	char buf[FMT_LEN];

	canvas_fill(c, x, y, w, ATTR_RULE, theme_glyph(&a->theme, GLYPH_HLINE));
	if (w > 20) {
		canvas_put(c, x, y, ATTR_DIM, fmt_ns(buf, span_ns));
		canvas_put(c, x + text_width(buf), y, ATTR_DIM, " ago ");
	}
	if (w > 4)
		canvas_put(c, x + w - 4, y, ATTR_DIM, " now");
}

static void heat_axis(const struct app *a, struct canvas *c, struct rect r, const struct heat *h,
		      const struct area *ar, int y)
{
	uint64_t span = 0;

	for (int s = ar->from; s < HEAT_SLICES; s++)
		span += h->slice_ns[s];
	time_axis_draw(a, c, r.x + AXIS_W, y, ar->n * ar->wide, span);
}

int heat_draw(const struct app *a, struct canvas *c, struct rect r, const struct heat *h)
{
	struct area ar = area_make(h, r);
	int y = r.y;

	for (int o = ar.first + (ar.last - ar.first) / ar.merge * ar.merge; o >= ar.first;
	     o -= ar.merge, y++) {
		char buf[FMT_LEN];

		put_right(c, &a->theme, r.x, y, AXIS_W - 1, ATTR_LABEL, fmt_ns(buf, o ? 1ull << (o + 7) : 0));
		for (int s = 0; s < ar.n; s++) {
			unsigned int level = heat_level(area_count(h, &ar, ar.from + s, o), ar.most);

			if (h->blind[ar.from + s]) /* left empty: nothing is not known to be zero */
				continue;
			canvas_fill(c, r.x + AXIS_W + s * ar.wide, y, ar.wide, ATTR_HEAT + level,
				    theme_heat_glyph(&a->theme, level));
		}
	}
	heat_axis(a, c, r, h, &ar, y++);
	return y - r.y;
}
