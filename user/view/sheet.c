/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The page of one row above its tables: words, facts, time by state, charts. All of
 * it follows from the fields of the row's table. */
#include <stdio.h>
#include <string.h>

#include "base/fmt.h"
#include "view/app.h"

#define FACT_W     26 /* a fact: title and value */
#define TITLE_W    11
#define TWO_CHARTS 150 /* columns for two charts beside each other */

struct sheet {
	const struct app *a;
	struct canvas *c;
	const struct level *l;
	const struct table_desc *d;
	struct rect r;
	int y;            /* next free line */
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

/* Are both of the row itself, or of the same part of it ("detail.path", "detail.text")? */
static bool same_part(const struct field *f, const struct field *g)
{
	const char *dot = strchr(f->name, '.'), *other = strchr(g->name, '.');

	if (!dot || !other)
		return !dot && !other;
	return dot - f->name == other - g->name && !strncmp(f->name, g->name, (size_t)(dot - f->name));
}

/* Has an earlier field said this of the same thing? */
static bool said_before(const struct sheet *s, const struct field *f, const char *text)
{
	for (const struct field *g = s->d->fields; g < f; g++) {
		struct val v = {};

		if (same_part(f, g))
			v = field_get(g, s->l->row);
		if (v.type == VAL_STR && v.s && !strcmp(v.s, text))
			return true;
	}
	return false;
}

/* Does a later field begin with it, as a command line with its program? */
static bool said_after(const struct sheet *s, const struct field *f, const char *text)
{
	const struct field *end = s->d->fields + s->d->nr_fields;
	size_t n = strlen(text);

	for (const struct field *g = f + 1; n && g < end; g++) {
		struct val v = field_get(g, s->l->row);

		if (v.type == VAL_STR && v.s && !strncmp(v.s, text, n) && v.s[n] == ' ')
			return true;
	}
	return false;
}

/* Does the field say something that the page does not say better elsewhere? */
static bool fact_tells(const struct sheet *s, const struct field *f, const struct val *v)
{
	if (val_is_none(v) || f->flags & FIELD_SAID || v->type == VAL_STATES || v->type == VAL_HIST ||
	    v->type == VAL_STACK || v->type == VAL_CHAIN || v->type == VAL_OCCUPANTS || v->type == VAL_PEERS)
		return false;
	if (v->type == VAL_BOOL)
		return v->b;
	if (f->unit == UNIT_BOOT || (f->flags & FIELD_GROUPED && s->l->group == GROUP_NONE))
		return false; /* tells namesakes apart, or is one: not more */
	if (v->type == VAL_STR)
		return v->s[0] && !(f->flags & FIELD_SCREEN) && !said_before(s, f, v->s) &&
		       !said_after(s, f, v->s);
	return !(f->unit == UNIT_PCT && f->flags & FIELD_SCREEN); /* the bars do */
}

/* Facts stand in a grid; a long one takes more places, a very long one lines of its own. */
static int fact_put(struct sheet *s, const struct field *f, int slot)
{
	int slots = MAX(1, s->r.w / FACT_W), need, x;
	struct val v = field_get(f, s->l->row);
	struct str text = {};

	if (!fact_tells(s, f, &v))
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
				    str_get(&text)) -
			1;
	else
		canvas_put(s->c, x + TITLE_W + 1, s->y, is_text(f) ? ATTR_NORMAL : ATTR_BOLD, str_get(&text));
	str_free(&text);
	return slot + need;
}

/* ---- twins: a line for the last interval, one for the time since start -------------- */

#define TWINS_MIN 3  /* fewer are facts like others */
#define SPAN_W    15 /* "  last interval" */

/* The twin since start of a field of the last interval; NULL: it is none. */
static const struct field *twin_of(const struct sheet *s, const struct field *f)
{
	const struct field *twin = field_twin(s->d, f, true);
	enum val_type type = field_type(f);

	if (twin == f || type == VAL_STATES || type == VAL_HIST || is_text(f) || f->unit == UNIT_PCT)
		return NULL;
	return twin;
}

static int twins_width(const struct sheet *s, bool derived, int *n)
{
	int w = SPAN_W;

	*n = 0;
	for (size_t i = 0; i < s->d->nr_fields; i++) {
		const struct field *f = &s->d->fields[i];

		if (!twin_of(s, f) || (!derived && f->flags & FIELD_SCREEN))
			continue;
		w += MAX(f->width, text_width(f->title)) + 1;
		(*n)++;
	}
	return w;
}

static void twin_put(struct sheet *s, const struct field *f, int x, int y, int w)
{
	struct val v = field_get(f, s->l->row);
	struct str text = {};

	val_text(&text, f, &v, !s->a->theme.utf8);
	put_right(s->c, &s->a->theme, x, y, w, val_is_none(&v) ? ATTR_DIM : ATTR_BOLD, str_get(&text));
	str_free(&text);
}

static void draw_twins(struct sheet *s)
{
	int n, x = s->r.x + SPAN_W;
	bool derived = twins_width(s, true, &n) <= s->r.w;

	for (size_t i = 0; i < s->d->nr_fields; i++) {
		const struct field *f = &s->d->fields[i], *twin = twin_of(s, f);
		int w = MAX(f->width, text_width(f->title)) + 1;

		if (!twin || (!derived && f->flags & FIELD_SCREEN))
			continue;
		put_right(s->c, &s->a->theme, x, s->y, w, ATTR_LABEL, f->title);
		twin_put(s, f, x, s->y + 1, w);
		twin_put(s, twin, x, s->y + 2, w);
		x += w;
	}
	put_right(s->c, &s->a->theme, s->r.x, s->y + 1, SPAN_W, ATTR_SECTION, "last interval");
	put_right(s->c, &s->a->theme, s->r.x, s->y + 2, SPAN_W, ATTR_SECTION, "since start");
	s->y += 3;
}

/* Is f one of the twins that stand in lines of their own? */
static bool in_twins(const struct sheet *s, const struct field *f)
{
	int n;

	twins_width(s, true, &n);
	return n >= TWINS_MIN && (twin_of(s, f) || twin_of(s, field_twin(s->d, f, false)));
}

static void draw_facts(struct sheet *s)
{
	int n, slot = 0;

	for (size_t i = 0; i < s->d->nr_fields; i++)
		if (!in_twins(s, &s->d->fields[i]))
			slot = fact_put(s, &s->d->fields[i], slot);
	if (slot)
		s->y++;
	twins_width(s, true, &n);
	if (n >= TWINS_MIN)
		draw_twins(s);
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

/* Does the breadcrumb say it? */
static bool in_label(const struct sheet *s, const struct field *f)
{
	const char *label = s->l->view ? s->l->view->label : "";
	size_t n = strlen(f->name);

	for (; *label; label += strcspn(label, " "), label += strspn(label, " "))
		if (strcspn(label, " ") == n && !strncmp(label, f->name, n))
			return true;
	return false;
}

static void draw_brief(struct sheet *s)
{
	struct pen p = { s->c, &s->a->theme, s->r.x + 1, s->y, s->r.x + s->r.w };

	for (size_t i = 0; i < s->d->nr_fields; i++) {
		const struct field *f = &s->d->fields[i];
		struct val v = field_get(f, s->l->row);
		struct str text = {};

		if (in_label(s, f) || !fact_tells(s, f, &v))
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

/* ---- stacks: a frame to a line ------------------------------------------------------- */

static void draw_stack(struct sheet *s)
{
	for (size_t i = 0; i < s->d->nr_fields; i++) {
		const struct field *f = &s->d->fields[i];
		struct val v = field_get(f, s->l->row);
		struct str line = {};

		if (v.type != VAL_STACK)
			continue;
		section(s, f->title);
		for (uint32_t k = 0; k < v.stack->n; k++) {
			str_reset(&line);
			frame_text(&line, v.stack, k, !s->a->theme.utf8);
			put_cut(s->c, &s->a->theme, s->r.x + 2, s->y++, s->r.w - 2, ATTR_NORMAL,
				str_get(&line));
		}
		if (v.stack->cut)
			canvas_put(s->c, s->r.x + 2, s->y++, ATTR_DIM, "and more, which were not taken");
		str_free(&line);
	}
}

/* ---- chains: a thread to a line ------------------------------------------------------- */

static void hop_line(struct str *line, const struct snap_hop *h, bool ascii)
{
	static const char *const how[NR_HL_HOLDERS] = {
		[HL_HOLDER_WORD] = "held by",
		[HL_HOLDER_FIELD] = "held by",
		[HL_HOLDER_WAKER] = "let go by",
	};

	str_reset(line);
	str_add(line, h->holder < NR_HL_HOLDERS && how[h->holder] ? how[h->holder] : "behind");
	str_addc(line, ' ');
	if (h->comm)
		enc_text(line, h->comm, strlen(h->comm), ascii);
	str_addf(line, "[%u]  ", h->tid);
	hop_text(line, h, ascii);
}

/* The functions of its program, which say what it holds the lock for. */
static void hop_stack(struct sheet *s, const struct field *f, const struct snap_hop *h, int x)
{
	struct val v = { .type = VAL_STACK, .stack = h->user_stack };
	struct str line = {};

	if (!h->user_stack)
		return;
	str_add(&line, "in ");
	val_text(&line, f, &v, !s->a->theme.utf8);
	put_cut(s->c, &s->a->theme, x, s->y++, s->r.w - x, ATTR_DIM, str_get(&line));
	str_free(&line);
}

static void draw_chain(struct sheet *s)
{
	for (size_t i = 0; i < s->d->nr_fields; i++) {
		const struct field *f = &s->d->fields[i];
		struct val v = field_get(f, s->l->row);
		struct str line = {};

		if (v.type != VAL_CHAIN)
			continue;
		section(s, f->title);
		for (uint32_t k = 0; k < v.chain->n; k++) {
			hop_line(&line, &v.chain->hops[k], !s->a->theme.utf8);
			put_cut(s->c, &s->a->theme, s->r.x + 2 + 2 * (int)k, s->y++, s->r.w - 2 - 2 * (int)k,
				ATTR_NORMAL, str_get(&line));
			hop_stack(s, f, &v.chain->hops[k], s->r.x + 6 + 2 * (int)k);
		}
		if (v.chain->cycle)
			canvas_put(s->c, s->r.x + 2, s->y++, ATTR_WARN,
				   "and that one waits for one above: a deadlock");
		str_free(&line);
	}
}

/* ---- who had the CPU: a thread to a line ------------------------------------------------ */

#define SHARE_BAR 20

static void occupant_line(struct sheet *s, const struct snap_occupants *all, const struct snap_occupant *o)
{
	bool ascii = !s->a->theme.utf8;
	double pct = occupant_pct(all, o->ns);
	char buf[FMT_LEN];
	struct str line = {};

	put_right(s->c, &s->a->theme, s->r.x + 2, s->y, 7, ATTR_BOLD, fmt_pct(buf, pct));
	put_right(s->c, &s->a->theme, s->r.x + 10, s->y, 8, ATTR_NORMAL, fmt_ns(buf, o->ns));
	canvas_fill(s->c, s->r.x + 20, s->y, (int)(MIN(pct, 100.0) * SHARE_BAR / 100 + 0.5), ATTR_BOLD,
		    theme_glyph(&s->a->theme, GLYPH_FULL));
	occupant_name(&line, o, ascii);
	if (o->tid && o->comm)
		str_addf(&line, "[%u]", o->tid);
	str_add(&line, o->cgroup ? "  " : "");
	if (o->cgroup)
		enc_text(&line, o->cgroup, strlen(o->cgroup), ascii);
	put_cut(s->c, &s->a->theme, s->r.x + 22 + SHARE_BAR, s->y++, s->r.w - 22 - SHARE_BAR, ATTR_NORMAL,
		line.s);
	str_free(&line);
}

/* What no thread had; of interrupts it is said, too, that this is not known. */
static void rest_lines(struct sheet *s, const struct snap_occupants *all)
{
	const struct snap_occupant rest[] = {
		{ .comm = "interrupts", .ns = all->interrupts_ns },
		{ .comm = "not known", .ns = all->of_ns - all->known_ns },
	};

	if (all->tells_interrupts)
		occupant_line(s, all, &rest[0]);
	if (rest[1].ns > all->of_ns / 100)
		occupant_line(s, all, &rest[1]);
	if (!all->tells_interrupts)
		put_cut(s->c, &s->a->theme, s->r.x + 2, s->y++, s->r.w - 3, ATTR_DIM,
			"interrupts: not measured, in the time of whom they interrupted");
}

/* Whose quota it was that it was not allowed to run. */
static void draw_throttle(struct sheet *s)
{
	const struct field *f = table_field(s->d, "throttled_by");
	struct val v = {};
	struct str line = {};

	if (f)
		v = field_get(f, s->l->row);
	if (val_is_none(&v))
		return;
	section(s, "KEPT FROM THE CPU");
	val_text(&line, f, &v, !s->a->theme.utf8);
	s->y += put_wrapped(s->c, s->r.x + 2, s->y, s->r.w - 3, ATTR_NORMAL, str_get(&line));
	str_free(&line);
}

static void draw_occupants(struct sheet *s)
{
	draw_throttle(s);
	for (size_t i = 0; i < s->d->nr_fields; i++) {
		const struct field *f = &s->d->fields[i];
		struct val v = field_get(f, s->l->row);

		if (v.type != VAL_OCCUPANTS)
			continue;
		section(s, "ON THE CPU MEANWHILE");
		for (uint32_t k = 0; k < v.occupants->n; k++)
			occupant_line(s, v.occupants, &v.occupants->v[k]);
		rest_lines(s, v.occupants);
	}
}

/* ---- for whom it waited: a peer to a line ------------------------------------------------ */

static void peer_line(struct sheet *s, const char *remote, uint64_t ns, uint64_t of)
{
	double pct = of ? 100.0 * (double)ns / (double)of : 100;
	char buf[FMT_LEN];

	put_right(s->c, &s->a->theme, s->r.x + 2, s->y, 7, ATTR_BOLD, fmt_pct(buf, MIN(pct, 100.0)));
	put_right(s->c, &s->a->theme, s->r.x + 10, s->y, 8, ATTR_NORMAL, fmt_ns(buf, ns));
	canvas_fill(s->c, s->r.x + 20, s->y, (int)(MIN(pct, 100.0) * SHARE_BAR / 100 + 0.5), ATTR_BOLD,
		    theme_glyph(&s->a->theme, GLYPH_FULL));
	put_cut(s->c, &s->a->theme, s->r.x + 22 + SHARE_BAR, s->y++, s->r.w - 22 - SHARE_BAR, ATTR_NORMAL,
		remote);
}

static void draw_peers(struct sheet *s)
{
	for (size_t i = 0; i < s->d->nr_fields; i++) {
		const struct field *f = &s->d->fields[i];
		struct val v = field_get(f, s->l->row);
		uint64_t known = 0;

		if (v.type != VAL_PEERS)
			continue;
		section(s, f->title);
		for (uint32_t k = 0; k < v.peers->n; k++) {
			peer_line(s, v.peers->v[k].remote, v.peers->v[k].ns, v.peers->of_ns);
			known += v.peers->v[k].ns;
		}
		if (v.peers->of_ns > known && v.peers->of_ns - known > v.peers->of_ns / 100)
			peer_line(s, "others", v.peers->of_ns - known, v.peers->of_ns);
	}
}

/* ---- charts: beside each other where there is room ------------------------------ */

/* Title of a chart, and of which span its field is. */
static void chart_title(struct sheet *s, const char *title, const struct field *f)
{
	struct str text = {};

	str_add(&text, title);
	if (f && f->flags & FIELD_IVL)
		str_add(&text, " in the last interval");
	else if (f && (f->flags & FIELD_TOTAL || field_type(f) == VAL_HIST))
		str_add(&text, " since start");
	section(s, text.s);
	str_free(&text);
}

static struct rect chart_begin(struct sheet *s, const char *title, const struct field *f)
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
	chart_title(s, title, f);
	s->r = all;
	return (struct rect){ r.x, s->y, r.w, s->a->chart_h };
}

static void chart_end(struct sheet *s, int lines)
{
	s->chart_end = MAX(s->chart_end, s->y + lines);
	s->y = s->chart_end;
}

static void draw_states(struct sheet *s)
{
	for (size_t i = 0; i < s->d->nr_fields; i++) {
		const struct field *f = &s->d->fields[i];
		struct val v = field_get(f, s->l->row);
		struct rect r;

		if (v.type != VAL_STATES || !states_sum(v.states, true))
			continue;
		r = chart_begin(s, f->title ? f->title : f->name, f);
		chart_end(s, states_draw(s->a, s->c, r.x, r.y, r.w, v.states));
	}
}

/* The longest of all that a histogram has: "…histogram" is with "…max_ns". Not known: there is no bound. */
static uint64_t hist_top(const struct sheet *s, const struct field *f)
{
	size_t n = strlen(f->name) - MIN(strlen(f->name), strlen("histogram"));
	const struct field *max;
	struct val v = {};
	char name[64];

	snprintf(name, sizeof(name), "%.*smax_ns", (int)n, f->name);
	max = f->flags & FIELD_IVL ? NULL : table_field(s->d, name);
	if (max)
		v = field_get(max, s->l->row);
	return v.type == VAL_U64 ? v.u : UINT64_MAX;
}

static void draw_hists(struct sheet *s, bool recent)
{
	for (size_t i = 0; i < s->d->nr_fields; i++) {
		const struct field *f = &s->d->fields[i];
		struct val v = field_get(f, s->l->row);

		if (v.type != VAL_HIST || !v.hist->count || recent != !!(f->flags & FIELD_IVL))
			continue;
		chart_end(s, hist_draw(s->a, s->c, chart_begin(s, f->title ? f->title : f->name, f), v.hist,
				       hist_top(s, f)));
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
		chart_end(s, heat_draw(s->a, s->c, chart_begin(s, "LATENCY of the last minutes", NULL),
				       s->l->heat));
}

static void draw_history(struct sheet *s)
{
	if (!s->d || s->d->rows != ROWS_CONNECTIONS)
		return;
	section(s, "HISTORY of the last minutes");
	s->y += history_draw(s->a, s->c, (struct rect){ s->r.x, s->y, s->r.w, 0 }, s->l->snap, s->l->row);
}

int sheet_draw(const struct app *a, struct canvas *c, const struct level *l, struct rect r, int scroll)
{
	static void (*const draw[])(struct sheet * s) = {
		[PART_BRIEF] = draw_brief, [PART_FACTS] = draw_facts,     [PART_STATES] = draw_states,
		[PART_HIST] = draw_hist,   [PART_RECENT] = draw_recent,   [PART_HEAT] = draw_heat,
		[PART_STACK] = draw_stack, [PART_CHAIN] = draw_chain,     [PART_OCCUPANTS] = draw_occupants,
		[PART_PEERS] = draw_peers, [PART_HISTORY] = draw_history, [PART_TABLE] = NULL,
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
