/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What the exporters share. Called by json.c, schema.c, csv.c and text.c. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "export/part.h"

#define X(id, NAME, key, help) [id] = key,
const char *const part_class_names[NR_HL_CLASSES] = { HL_CLASSES(X) };
const char *const part_loss_names[NR_HL_LOSSES] = { HL_LOSSES(X) };
#undef X
#define X(id, NAME, key, help) [id] = help,
const char *const part_loss_help[NR_HL_LOSSES] = { HL_LOSSES(X) };
#undef X
#define X(id, NAME, key) [id] = key,
const char *const part_holder_names[NR_HL_HOLDERS] = { HL_HOLDERS(X) };
const char *const part_unwind_names[NR_HL_UNWINDS] = { HL_UNWINDS(X) };
const char *const part_collector_states[NR_HL_COLLECTOR_STATES] = { HL_COLLECTOR_STATES(X) };
#undef X
const char *const part_psi_names[PART_NR_PSI] = { "cpu", "io", "memory" };

bool part_wanted(const struct snap_table *t, const struct export_opts *o)
{
	if (o->table)
		return !strcmp(o->table, t->desc->name);
	return !t->desc->screen && !(t->desc->history && o->one_of_many);
}

void part_open(struct part *p, const struct snap *s, const struct snap_table *t, const struct export_opts *o)
{
	*p = (struct part){ .t = t, .n = t->n, .matched = t->n };
	if (!o->query)
		return;
	query_run(&p->r, s, t, o->query);
	p->queried = true;
	p->n = p->r.n;
	p->matched = p->r.matched;
}

const void *part_row(const struct part *p, size_t i)
{
	return p->queried ? p->r.rows[i] : snap_row(p->t, i);
}

void part_close(struct part *p)
{
	if (p->queried)
		query_free(&p->r);
}

bool part_outer(const char **name, char part[PART_NAME_LEN])
{
	const char *dot = strchr(*name, '.');
	size_t n;

	if (!dot)
		return false;
	n = MIN((size_t)(dot - *name), (size_t)PART_NAME_LEN - 1);
	memcpy(part, *name, n);
	part[n] = '\0';
	*name = dot + 1;
	return true;
}

enum val_type part_type(const struct field *f)
{
	static const enum val_type by_unit[] = {
		[UNIT_NONE] = VAL_NONE, [UNIT_COUNT] = VAL_U64, [UNIT_NS] = VAL_U64,   [UNIT_BYTES] = VAL_U64,
		[UNIT_PCT] = VAL_F64,   [UNIT_BOOT] = VAL_U64,  [UNIT_WALL] = VAL_U64, [UNIT_CPUS] = VAL_F64,
	};

	enum val_type known = field_getter_type(f);

	if (known != VAL_NONE)
		return known;
	return f->type != VAL_NONE ? f->type : by_unit[f->unit];
}

void part_f64(struct str *out, double d)
{
	char buf[32];
	size_t head, skip;

	/* the shortest of the two that reads back as the same number */
	snprintf(buf, sizeof(buf), "%.15g", d);
	if (strtod(buf, NULL) != d)
		snprintf(buf, sizeof(buf), "%.17g", d);
	/* the decimal point is the locale's, and may be several bytes */
	head = strspn(buf, "+-0123456789e");
	str_addn(out, buf, head);
	skip = strcspn(buf + head, "0123456789");
	if (skip)
		str_addc(out, '.');
	str_add(out, buf + head + skip);
}

bool part_number(struct str *out, const struct field *f, const struct val *v)
{
	char wall[RFC3339_LEN];

	if (v->type == VAL_BOOL)
		str_add(out, v->b ? "true" : "false");
	else if (v->type == VAL_U64 && f->unit == UNIT_WALL)
		str_add(out, clock_rfc3339(wall, v->u));
	else if (v->type == VAL_U64)
		str_addf(out, "%" PRIu64, v->u);
	else if (v->type == VAL_I64)
		str_addf(out, "%" PRId64, v->i);
	else if (v->type == VAL_F64 && isfinite(v->f))
		part_f64(out, v->f);
	else
		return false;
	return true;
}

bool part_hist_range(const struct hist *h, unsigned int *first, unsigned int *last)
{
	unsigned int end = (unsigned int)h->first + h->n;

	/* cell 0 is the zero bucket and stands apart */
	for (*first = MAX(h->first, 1u); *first < end && !hist_cell(h, *first);)
		++*first;
	for (*last = end; *last > *first && !hist_cell(h, *last - 1);)
		--*last;
	if (*last == *first || *first >= end)
		return false;
	--*last;
	return true;
}
