/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The plain text of --batch and report: lines about host and capture, then each table
 * in columns. Never an escape code. Reached through text_exporter.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "export/part.h"
#include "export/text_head.h"

#define STATES_WIDTH 40 /* of time by state, where the width is not given */

struct col {
	const struct field *f;
	enum val_type type;
	bool left;
	int width, want; /* columns it has, and what its longest cell takes */
};

struct cell {
	size_t at, len; /* in sheet.text */
};

/* One table on its way to text. */
struct sheet {
	const struct export_opts *o;
	struct part p;
	bool total; /* of twins the one since start */
	VEC(struct col) cols;
	struct cell *cells; /* p.n rows of cols.n; those of time by state are left empty */
	struct str text;
};

static int title_width(const struct field *f)
{
	return str_width(f->title, strlen(f->title));
}

/* Columns of all cols and the gaps between them. */
static int sheet_width(const struct sheet *sh)
{
	int sum = -1;

	for (size_t i = 0; i < sh->cols.n; i++)
		sum += sh->cols.v[i].width + 1;
	return sum;
}

static void add_col(struct sheet *sh, const struct field *f)
{
	enum val_type type = part_type(f);
	struct col *c = vec_add(&sh->cols);

	*c = (struct col){ .f = f, .type = type, .width = MAX(f->width, title_width(f)) };
	c->left = f->flags & FIELD_LEFT || type == VAL_STR || type == VAL_STATES || type == VAL_STACK ||
		  type == VAL_CHAIN || type == VAL_OCCUPANTS || type == VAL_PEERS;
}

/* Does the field say anything about the rows that are shown? */
static bool tells(const struct sheet *sh, const struct field *f)
{
	const struct query *q = sh->o->query;
	bool any = field_tells(f, NULL, 0, q && q->group != GROUP_NONE);

	if (!any || !(f->flags & FIELD_RARE) || !sh->p.n)
		return any;
	for (size_t r = 0; r < sh->p.n; r++) {
		const void *row = part_row(&sh->p, r);

		if (field_tells(f, &row, 1, true))
			return true;
	}
	return false;
}

/* Takes the columns that fit into the width, at least the first. */
static void choose_cols(struct sheet *sh)
{
	const struct table_desc *t = sh->p.t->desc;
	int room = sh->o->width + 1;
	unsigned int want = FIELD_NARROW;
	bool *take = xcalloc(t->nr_fields, sizeof(*take));

	/* narrow ones first: they are what the table is about */
	for (int pass = 0; pass < 2; pass++, want = FIELD_WIDE)
		for (size_t i = 0; i < t->nr_fields; i++) {
			const struct field *f = &t->fields[i];
			int need = MAX(f->width, title_width(f)) + 1;

			if (take[i] || field_is_among(f, sh->o->hide, sh->o->nr_hide) || !(f->flags & want) ||
			    part_type(f) == VAL_HIST || !field_fits_flavour(f, sh->total) ||
			    (sh->o->whole && f->flags & FIELD_IVL) || !tells(sh, f))
				continue;
			take[i] = !sh->o->width || need <= room || (!pass && !i);
			room -= take[i] ? need : 0;
		}
	for (size_t i = 0; i < t->nr_fields; i++)
		if (take[i])
			add_col(sh, &t->fields[i]);
	cleanup_free(&take);
}

static void render_cell(struct sheet *sh, struct col *c, struct cell *cell, const void *row)
{
	struct val v = field_get(c->f, row);

	*cell = (struct cell){ .at = sh->text.len };
	if (v.type == VAL_STATES) {
		c->want = MAX(c->want, STATES_WIDTH);
		return;
	}
	val_text(&sh->text, c->f, &v, sh->o->ascii);
	cell->len = sh->text.len - cell->at;
	c->left |= v.type == VAL_STR;
	c->want = MAX(c->want, str_width(sh->text.s + cell->at, cell->len));
}

static void render(struct sheet *sh)
{
	sh->cells = xcalloc(MAX(sh->p.n * sh->cols.n, 1u), sizeof(*sh->cells));
	for (size_t r = 0; r < sh->p.n; r++)
		for (size_t i = 0; i < sh->cols.n; i++)
			render_cell(sh, &sh->cols.v[i], &sh->cells[r * sh->cols.n + i], part_row(&sh->p, r));
}

/* Widens cut columns by up to `left` in all: the flexible one, or the others. */
static int grow_cols(struct sheet *sh, bool flex, int left)
{
	for (size_t i = 0; i < sh->cols.n && left > 0; i++) {
		struct col *c = &sh->cols.v[i];
		int more = MIN(c->want - c->width, left);

		if (!(c->f->flags & FIELD_FLEX) != !flex || more <= 0)
			continue;
		c->width += more;
		left -= more;
	}
	return left;
}

/* Takes what is missing from the flexible column, then whole columns from the last. */
static void shrink_cols(struct sheet *sh, int missing)
{
	for (size_t i = 0; i < sh->cols.n; i++) {
		struct col *c = &sh->cols.v[i];
		int less = MIN(missing, c->width - title_width(c->f));

		if (!(c->f->flags & FIELD_FLEX))
			continue;
		c->width -= less;
		missing -= less;
	}
	for (size_t i = sh->cols.n; i-- > 1 && missing > 0;) {
		missing -= sh->cols.v[i].width + 1;
		sh->cols.v[i].width = 0;
	}
}

static void fit_cols(struct sheet *sh)
{
	int left;

	/* a cut number is a wrong number; text may be cut where the width is given */
	for (size_t i = 0; i < sh->cols.n; i++)
		if (!sh->o->width || !sh->cols.v[i].left)
			sh->cols.v[i].width = MAX(sh->cols.v[i].width, sh->cols.v[i].want);
	left = sh->o->width - sheet_width(sh);
	if (!sh->o->width)
		return;
	if (left < 0)
		shrink_cols(sh, -left);
	else
		grow_cols(sh, false, grow_cols(sh, true, left));
}

/* Appends one cell, `pad` blanks owed before it included; returns the blanks owed after it. */
static int put_cell(struct str *out, const struct col *c, const char *s, size_t len, bool ascii, int pad)
{
	const char *more = ascii ? "~" : "\xe2\x80\xa6";
	int width = str_width(s, len), space;
	bool cut = width > c->width, tail = cut && c->f->flags & FIELD_TAIL;
	size_t skip = tail ? str_tail(s, len, c->width - 1) : 0;

	if (cut) {
		len = tail ? len - skip : str_cut(s, len, c->width - 1);
		width = str_width(s + skip, len) + 1;
	}
	space = c->width - width;
	if (!len && !cut)
		return pad + c->width;
	str_addf(out, "%*s", pad + (c->left ? 0 : space), "");
	str_add(out, tail ? more : "");
	str_addn(out, s + skip, len);
	str_add(out, cut && !tail ? more : "");
	return c->left ? space : 0;
}

static void put_titles(struct str *out, const struct sheet *sh)
{
	int pad = 0;

	for (size_t i = 0; i < sh->cols.n; i++) {
		const struct col *c = &sh->cols.v[i];

		if (!c->width)
			continue;
		pad = 1 + put_cell(out, c, c->f->title, strlen(c->f->title), sh->o->ascii, pad);
	}
	str_addc(out, '\n');
}

static void put_row(struct str *out, const struct sheet *sh, size_t r, struct str *tmp)
{
	int pad = 0;

	for (size_t i = 0; i < sh->cols.n; i++) {
		const struct col *c = &sh->cols.v[i];
		const struct cell *cell = &sh->cells[r * sh->cols.n + i];
		struct val v;

		if (!c->width)
			continue;
		str_reset(tmp);
		str_addn(tmp, str_get(&sh->text) + cell->at, cell->len);
		if (!cell->len) {
			v = field_get(c->f, part_row(&sh->p, r));
			if (v.type == VAL_STATES)
				text_states(tmp, v.states, c->width);
		}
		pad = 1 + put_cell(out, c, str_get(tmp), tmp->len, sh->o->ascii, pad);
	}
	str_addc(out, '\n');
}

/* The field that ranks the rows; NULL: none does. */
static const struct field *ranks(const struct table_desc *t, const struct query *q)
{
	const struct field *f = q->sort ? table_field(t, q->sort) : NULL;
	const char *own = q->total && t->sort_wide ? t->sort_wide : t->sort;

	if (q->show_work_waits && t->sort_all)
		own = t->sort_all;
	if (!f && own)
		f = table_field(t, own);
	return f ? field_twin(t, f, q->total) : NULL;
}

/* "Processes: 12 of 340 rows by busy_ns (172 more: …)" */
static void put_heading(struct str *out, const struct sheet *sh)
{
	const struct table_desc *t = sh->p.t->desc;
	const struct query *q = sh->o->query;
	const struct field *by = q ? ranks(t, q) : NULL;
	size_t begin = out->len + 1, used;
	struct str more = {};

	str_addf(out, "\n%s: ", t->title);
	if (sh->p.n < sh->p.matched)
		str_addf(out, "%zu of ", sh->p.n);
	str_addf(out, "%zu row%s", sh->p.matched, sh->p.matched == 1 ? "" : "s");
	if (by)
		str_addf(out, " by %s", by->name);
	if (q && q->group == GROUP_NONE && sh->p.matched < sh->p.t->n)
		str_addf(&more, "(%zu more: filtered or idle)", sh->p.t->n - sh->p.matched);
	used = out->len - begin + 1 + more.len;
	if (more.len)
		str_addf(out, "%s%s", sh->o->width && used > (size_t)sh->o->width ? "\n" : " ", more.s);
	str_addc(out, '\n');
	str_free(&more);
}

static void write_table(struct str *out, const struct snap *s, const struct snap_table *t,
			const struct export_opts *o)
{
	struct sheet sh = { .o = o, .total = !o->query || o->query->total };
	struct str tmp = {};

	if (snap_is_off(s, t->desc) && !t->n) {
		str_addf(out, "\n%s: not measured; --%s counts them\n", t->desc->title, t->desc->needs);
		return;
	}
	part_open(&sh.p, s, t, o);
	choose_cols(&sh);
	render(&sh);
	fit_cols(&sh);
	put_heading(out, &sh);
	if (sh.p.n)
		put_titles(out, &sh);
	for (size_t r = 0; r < sh.p.n; r++)
		put_row(out, &sh, r, &tmp);
	str_free(&tmp);
	str_free(&sh.text);
	cleanup_free(&sh.cells);
	vec_free(&sh.cols);
	part_close(&sh.p);
}

static int text_write(struct str *out, const struct snap *s, const struct export_opts *o)
{
	if (o->table && !snap_table(s, o->table)) {
		pr_err("cannot write text: there is no table '%s'", o->table);
		return -ENOENT;
	}
	if (o->header)
		text_head(out, s, o);
	for (size_t i = 0; i < s->nr_tables; i++)
		if (part_wanted(&s->tables[i], o))
			write_table(out, s, &s->tables[i], o);
	return 0;
}

const struct exporter text_exporter = { "text", "plain tables, as --batch prints them", text_write };
