/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* A histogram of durations: a line per log bucket, as fine as the height allows, with
 * the quantiles marked. For the pages. */
#include <stdio.h>

#include "base/fmt.h"
#include "view/app.h"

#define RANGE_W      17 /* "  128us -  256us" and a space */
#define COUNT_W      15 /* count, percent */
#define MARKS_W      30
#define CELLS_OCTAVE (1u << HL_HIST_SCALE)

/* The buckets that are drawn: `group` cells each: a part of a power of two, or whole ones. */
struct buckets {
	const struct hist *h;
	unsigned int group; /* cells per line */
	int first, last;    /* lines; cell 0 is line -1 */
	uint64_t most;
};

static int bucket_of(unsigned int cell, unsigned int group)
{
	return cell ? (int)((cell - 1) / group) : -1;
}

static uint64_t bucket_count(const struct buckets *b, int line)
{
	uint64_t n = 0;

	if (line < 0)
		return hist_cell(b->h, 0);
	for (unsigned int i = 0; i < b->group; i++)
		n += hist_cell(b->h, (unsigned int)line * b->group + 1 + i);
	return n;
}

static struct buckets buckets_make(const struct hist *h, int lines)
{
	struct buckets b = { .h = h, .group = 1 };
	unsigned int first = h->first, last = h->first + h->n - 1u;

	while (first < last && !hist_cell(h, first))
		first++;
	while (last > first && !hist_cell(h, last))
		last--;
	while (bucket_of(last, b.group) - bucket_of(first, b.group) + 1 > MAX(lines, 1))
		b.group = b.group < CELLS_OCTAVE ? b.group * 2 : b.group + CELLS_OCTAVE;
	b.first = bucket_of(first, b.group);
	b.last = bucket_of(last, b.group);
	for (int i = b.first; i <= b.last; i++)
		b.most = MAX(b.most, bucket_count(&b, i));
	return b;
}

static uint64_t bucket_upper(const struct buckets *b, int line)
{
	return hist_cell_upper(line < 0 ? 0 : ((unsigned int)line + 1) * b->group);
}

static void bucket_range(const struct buckets *b, int line, char *buf, size_t size)
{
	uint64_t low = line < 0 ? 0 : hist_cell_upper((unsigned int)line * b->group),
		 up = bucket_upper(b, line);
	char from[FMT_LEN], to[FMT_LEN];

	if (line < 0)
		snprintf(buf, size, "%7s - %6s", "0", fmt_ns(to, up));
	else if (up == UINT64_MAX)
		snprintf(buf, size, "%7s and up", fmt_ns(from, low));
	else
		snprintf(buf, size, "%7s - %6s", fmt_ns(from, low), fmt_ns(to, up));
}

static const struct mark {
	double q;
	const char *name;
} marks[] = { { 0.5, "p50" }, { 0.9, "p90" }, { 0.99, "p99" }, { 0.999, "p99.9" }, { 1, "max" } };

static void bucket_marks(const struct buckets *b, int line, uint64_t max_ns, struct pen *p)
{
	const char *lead = theme_glyph(p->theme, GLYPH_LEFT);
	uint64_t below = line > b->first ? bucket_upper(b, line - 1) : 0;
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		uint64_t ns = hist_quantile(b->h, marks[i].q, max_ns);
		char buf[FMT_LEN];

		if ((line > b->first && ns <= below) || (line < b->last && ns > bucket_upper(b, line)))
			continue;
		if (!any)
			pen_printf(p, ATTR_MARK, " %s", lead);
		pen_printf(p, ATTR_MARK, " %s", marks[i].name);
		pen_printf(p, ATTR_NORMAL, " %s", fmt_ns(buf, ns));
		any = true;
	}
}

/* A bar of n/most of w cells; what is not zero shows. Returns its cells. */
static int bar_put(const struct app *a, struct canvas *c, int x, int y, int w, uint64_t n, uint64_t most)
{
	int eighths = most ? (int)((double)n / (double)most * w * 8 + 0.5) : 0;
	int full;

	if (n && !eighths)
		eighths = 1;
	full = eighths / 8;
	canvas_fill(c, x, y, full, ATTR_HIST, theme_bar_glyph(&a->theme, 8));
	if (eighths % 8)
		canvas_put(c, x + full++, y, ATTR_HIST,
			   theme_bar_glyph(&a->theme, (unsigned int)eighths % 8));
	return full;
}

int hist_draw(const struct app *a, struct canvas *c, struct rect r, const struct hist *h, uint64_t max_ns)
{
	struct buckets b = buckets_make(h, r.h);
	int w = MAX(r.w - RANGE_W - COUNT_W - MARKS_W, 4), y = r.y;

	for (int i = b.first; i <= b.last; i++, y++) {
		uint64_t n = bucket_count(&b, i);
		char buf[32];
		struct pen p = { c, &a->theme, 0, y, r.x + r.w };

		bucket_range(&b, i, buf, sizeof(buf));
		canvas_put(c, r.x, y, ATTR_LABEL, buf);
		put_right(c, &a->theme, r.x + RANGE_W, y, 7, n ? ATTR_NORMAL : ATTR_DIM, fmt_count(buf, n));
		fmt_pct(buf, 100.0 * (double)n / (double)h->count);
		put_right(c, &a->theme, r.x + RANGE_W + 7, y, 6, ATTR_DIM, n ? buf : "");
		p.x = r.x + RANGE_W + COUNT_W;
		p.x += bar_put(a, c, p.x, y, w, n, b.most);
		bucket_marks(&b, i, max_ns, &p);
	}
	return y - r.y;
}
