/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What a connection did over time: a line for each figure, a column per interval, with the scale at its end.
 * For the page of a connection. */
#include <stdio.h>

#include "base/fmt.h"
#include "view/app.h"

#define TITLE_W  9
#define SCALE_W  28 /* "  now 12.3M/s  most 12.3M/s" */
#define WIDE_MAX 3  /* columns per interval */

enum lane_kind {
	LANE_RATE,  /* so much a second */
	LANE_COUNT, /* so many from one look to the next */
	LANE_SHARE, /* of the time, in percent */
	LANE_LEVEL, /* as it was at the look */
	LANE_STAYS, /* … and stays while nothing moves */
};

static const struct lane {
	const char *field;
	enum lane_kind kind;
	bool always; /* also where it is nothing but zero */
} lanes[] = {
	{ "bytes_sent", LANE_RATE, true },         { "bytes_received", LANE_RATE, true },
	{ "srtt_ns", LANE_LEVEL, true },           { "retransmits", LANE_COUNT, true },
	{ "resend_delay_ns", LANE_LEVEL, false },  { "window_limited_ns", LANE_SHARE, false },
	{ "send_queue_bytes", LANE_STAYS, false }, { "receive_queue_bytes", LANE_STAYS, false },
	{ "exchanges", LANE_COUNT, true },         { "exchange_avg_ns", LANE_LEVEL, false },
};

#define UNKNOWN UINT64_MAX

/* The intervals that are drawn, and which slice of the history is of each of them. */
struct span {
	const struct table_desc *d;
	int from, n, wide;
	uint64_t ns;                               /* all of them together */
	uint64_t end[HEAT_SLICES];                 /* CLOCK_BOOTTIME */
	bool known[HEAT_SLICES];                   /* nothing is missing there */
	const struct history_row *of[HEAT_SLICES]; /* NULL: nothing moved */
	uint64_t of_ns[HEAT_SLICES];               /* how long the intervals are that its slice is of */
};

static bool overlaps(const struct span *s, const uint64_t *ns, int i, uint64_t begin, uint64_t end)
{
	return s->end[i] - ns[i] < end && begin < s->end[i];
}

static void span_take(struct span *s, const struct history_row *r, const uint64_t *ns)
{
	uint64_t all = 0;

	for (int i = s->from; i < HEAT_SLICES; i++)
		all += overlaps(s, ns, i, r->begin_ns, r->end_ns) ? ns[i] : 0;
	for (int i = s->from; i < HEAT_SLICES; i++)
		if (overlaps(s, ns, i, r->begin_ns, r->end_ns)) {
			s->of[i] = r;
			s->of_ns[i] = all;
		}
}

static struct span span_make(const struct snap *snap, const struct conn_row *c, int w)
{
	const struct snap_table *t = snap_table(snap, "connection_history");
	const uint64_t *ns = snap->slice_ns;
	uint64_t end = snap->boot_now;
	struct span s = { .d = t ? t->desc : NULL };

	s.n = MIN(HEAT_SLICES, MAX(w - TITLE_W - SCALE_W, 1));
	s.from = HEAT_SLICES - s.n;
	while (s.from < HEAT_SLICES - 1 && !ns[s.from])
		s.from++;
	s.n = HEAT_SLICES - s.from;
	s.wide = MAX(1, MIN((w - TITLE_W - SCALE_W) / s.n, WIDE_MAX));
	for (int i = HEAT_SLICES - 1; i >= s.from; end -= ns[i--]) {
		s.end[i] = end;
		s.known[i] = overlaps(&s, ns, i, c->history_from, c->history_to);
		s.ns += ns[i];
	}
	for (size_t i = 0; t && i < t->n; i++) {
		const struct history_row *r = snap_row(t, i);

		if (r->cookie == c->cookie && r->opened_ns == c->opened_ns)
			span_take(&s, r, ns);
	}
	return s;
}

/* The slice nearest to an interval in which nothing moved, an earlier one if there is any. */
static const struct history_row *nearest(const struct span *s, int i)
{
	const struct history_row *r = NULL;

	for (int k = i; !r && k >= s->from; k--)
		r = s->of[k];
	for (int k = i; !r && k < HEAT_SLICES; k++)
		r = s->of[k];
	return r;
}

/* Nothing moved: it is zero, if that is measured around it; or as it was; or nobody can know. */
static uint64_t idle_value(const struct span *s, const struct lane *l, const struct field *f, int i)
{
	const struct history_row *r = nearest(s, i);
	struct val v = {};

	if (r)
		v = field_get(f, r);
	if (l->kind == LANE_LEVEL || (r && val_is_none(&v)))
		return UNKNOWN;
	return l->kind == LANE_STAYS && r && r->begin_ns < s->end[i] ? v.u : 0;
}

static uint64_t lane_value(const struct span *s, const struct lane *l, const struct field *f, int i)
{
	struct val v;

	if (!s->known[i])
		return UNKNOWN;
	if (!s->of[i])
		return idle_value(s, l, f, i);
	v = field_get(f, s->of[i]);
	if (val_is_none(&v))
		return UNKNOWN;
	if (l->kind == LANE_RATE)
		return s->of_ns[i] ? (uint64_t)((double)v.u * 1e9 / (double)s->of_ns[i] + 0.5) : 0;
	if (l->kind == LANE_SHARE)
		return s->of_ns[i] ? (uint64_t)((double)v.u * 100 / (double)s->of_ns[i] + 0.5) : 0;
	return v.u;
}

static void lane_text(struct str *out, const struct lane *l, const struct field *f, uint64_t value)
{
	struct val v = { .type = VAL_U64, .u = value };

	if (l->kind == LANE_SHARE) {
		str_addf(out, "%llu%%", (unsigned long long)MIN(value, 100ull));
		return;
	}
	val_text(out, f, &v, true);
	str_add(out, l->kind == LANE_RATE ? "/s" : "");
}

static void lane_scale(const struct app *a, struct canvas *c, struct rect r, const struct lane *l,
		       const struct field *f, uint64_t now, uint64_t most)
{
	struct str text = {};

	if (most == UNKNOWN) {
		str_add(&text, "not measured");
	} else {
		if (now != UNKNOWN) {
			str_add(&text, "now ");
			lane_text(&text, l, f, now);
			str_add(&text, "  ");
		}
		str_add(&text, "most ");
		lane_text(&text, l, f, most);
	}
	put_cut(c, &a->theme, r.x, r.y, r.w, ATTR_DIM, str_get(&text));
	str_free(&text);
}

/* False: there is nothing to be shown of it. */
static bool lane_draw(const struct app *a, struct canvas *c, struct rect r, const struct span *s,
		      const struct lane *l)
{
	const struct field *f = table_field(s->d, l->field);
	uint64_t v[HEAT_SLICES], most = UNKNOWN;
	int x = r.x + TITLE_W;

	for (int i = s->from; i < HEAT_SLICES; i++) {
		v[i] = lane_value(s, l, f, i);
		if (v[i] != UNKNOWN)
			most = most == UNKNOWN ? v[i] : MAX(most, v[i]);
	}
	if ((!most || most == UNKNOWN) && !l->always)
		return false;
	put_right(c, &a->theme, r.x, r.y, TITLE_W - 1, ATTR_LABEL, f->title);
	for (int i = s->from; i < HEAT_SLICES; i++, x += s->wide) {
		unsigned int level = v[i] && v[i] != UNKNOWN
					     ? 1 + (unsigned int)((double)v[i] * 7 / (double)most + 0.5)
					     : 0;

		if (v[i] != UNKNOWN) /* else left empty: nothing is not known to be zero */
			canvas_fill(c, x, r.y, s->wide, level ? ATTR_HIST : ATTR_RULE,
				    theme_spark_glyph(&a->theme, level));
	}
	lane_scale(a, c, (struct rect){ x + 2, r.y, r.x + r.w - x - 2, 1 }, l, f, v[HEAT_SLICES - 1], most);
	return true;
}

int history_draw(const struct app *a, struct canvas *c, struct rect r, const struct snap *snap,
		 const struct conn_row *row)
{
	struct span s = span_make(snap, row, r.w);
	int y = r.y;

	if (!s.d)
		return 0;
	if (!row->history_from) {
		put_cut(c, &a->theme, r.x + 2, y, r.w - 2, ATTR_DIM, "not kept: others had more traffic");
		return 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(lanes); i++)
		y += lane_draw(a, c, (struct rect){ r.x, y, r.w, 1 }, &s, &lanes[i]);
	time_axis_draw(a, c, r.x + TITLE_W, y++, s.n * s.wide, s.ns);
	return y - r.y;
}
