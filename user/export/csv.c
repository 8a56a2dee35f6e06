/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * One table as CSV (RFC 4180): a header, then a line per row, in raw base units. A dot
 * in a field's name becomes an underscore; time by state is one column per state,
 * a histogram three: zero_count, offset and the counts from there, blank-separated.
 * What was not measured is an empty cell. Reached through csv_exporter.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "export/part.h"

#define CSV_DEFAULT_TABLE "processes"

static void csv_name(struct str *out, const char *name)
{
	for (; *name; name++)
		str_addc(out, *name == '.' ? '_' : *name);
}

static void csv_head_one(struct str *out, const struct field *f)
{
	csv_name(out, f->name);
}

static void csv_head_states(struct str *out, const struct field *f)
{
	for (int i = 0; i < NR_HL_STATES; i++) {
		str_add(out, i ? "," : "");
		csv_name(out, f->name);
		str_addf(out, "_%s", hl_state_names[i]);
	}
}

static void csv_head_hist(struct str *out, const struct field *f)
{
	static const char *const parts[] = { "_zero_count,", "_offset,", "_counts" };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		csv_name(out, f->name);
		str_add(out, parts[i]);
	}
}

static void csv_cell_one(struct str *out, const struct field *f, const struct val *v)
{
	if (!part_number(out, f, v) && v->type == VAL_STR && v->s)
		enc_csv(out, v->s, strlen(v->s));
}

static void csv_cell_text(struct str *out, const struct field *f, const struct val *v)
{
	struct str line = {};

	if (!val_is_none(v))
		val_text(&line, f, v, false);
	enc_csv(out, str_get(&line), line.len);
	str_free(&line);
}

static void csv_cell_states(struct str *out, const struct field *f, const struct val *v)
{
	for (int i = 0; i < NR_HL_STATES; i++) {
		str_add(out, i ? "," : "");
		if (v->type == VAL_STATES)
			str_addf(out, "%" PRIu64, v->states[i]);
	}
}

static void csv_cell_hist(struct str *out, const struct field *f, const struct val *v)
{
	unsigned int first, last;

	if (v->type != VAL_HIST) {
		str_add(out, ",,");
		return;
	}
	str_addf(out, "%" PRIu64 ",", hist_cell(v->hist, 0));
	if (!part_hist_range(v->hist, &first, &last)) {
		str_add(out, "0,");
		return;
	}
	str_addf(out, "%u,", first - 1 + HL_HIST_FIRST);
	for (unsigned int c = first; c <= last; c++)
		str_addf(out, "%s%" PRIu64, c > first ? " " : "", hist_cell(v->hist, c));
}

/* How the columns of a type are written; those not named here are one cell. */
static const struct csv_type {
	void (*head)(struct str *out, const struct field *f);
	void (*cell)(struct str *out, const struct field *f, const struct val *v);
} csv_types[] = {
	[VAL_NONE] = { csv_head_one, csv_cell_one },
	[VAL_HIST] = { csv_head_hist, csv_cell_hist },
	[VAL_STATES] = { csv_head_states, csv_cell_states },
	[VAL_STACK] = { csv_head_one, csv_cell_text },
	[VAL_CHAIN] = { csv_head_one, csv_cell_text },
	[VAL_OCCUPANTS] = { csv_head_one, csv_cell_text },
	[VAL_PEERS] = { csv_head_one, csv_cell_text },
};

static const struct csv_type *csv_type(const struct field *f)
{
	enum val_type t = part_type(f);

	return &csv_types[csv_types[t].head ? t : VAL_NONE];
}

static void csv_line(struct str *out, const struct table_desc *t, const void *row)
{
	size_t n = 0;

	for (size_t i = 0; i < t->nr_fields; i++) {
		const struct field *f = &t->fields[i];
		struct val v;

		if (f->flags & FIELD_SCREEN)
			continue;
		str_add(out, n++ ? "," : "");
		if (!row) {
			csv_type(f)->head(out, f);
			continue;
		}
		v = field_get(f, row);
		csv_type(f)->cell(out, f, &v);
	}
	str_add(out, "\r\n");
}

static int csv_write(struct str *out, const struct snap *s, const struct export_opts *o)
{
	const char *name = o->table ? o->table : CSV_DEFAULT_TABLE;
	const struct snap_table *t = snap_table(s, name);
	struct part p;

	if (!t) {
		pr_err("cannot write CSV: there is no table '%s'", name);
		return -ENOENT;
	}
	csv_line(out, t->desc, NULL);
	part_open(&p, s, t, o);
	for (size_t i = 0; i < p.n; i++)
		csv_line(out, t->desc, part_row(&p, i));
	part_close(&p);
	return 0;
}

const struct exporter csv_exporter = { "csv", "one table, a line per row, in raw units", csv_write };
