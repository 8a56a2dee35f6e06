/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Which fields of a table become columns, and where. Called by the table's drawing,
 * by the sort keys and by the mouse, so that they agree. */
#include <string.h>

#include "view/app.h"

#define GAP       2 /* between columns */
#define GAP_TIGHT 1
#define BAR_MAX   40 /* a bar grows up to this before the flexible column gets the rest */

enum val_type field_type(const struct field *f)
{
	static const struct {
		void (*get)(const struct field *f, const void *row, struct val *out);
		enum val_type type;
	} getters[] = {
		{ field_u64, VAL_U64 },        { field_u64_opt, VAL_U64 },   { field_u32, VAL_U64 },
		{ field_str, VAL_STR },        { field_states, VAL_STATES }, { field_hist, VAL_HIST },
		{ field_state_name, VAL_STR },
	};

	for (size_t i = 0; i < ARRAY_SIZE(getters); i++)
		if (getters[i].get == f->get)
			return getters[i].type;
	return f->type;
}

bool field_left(const struct field *f)
{
	return f->flags & FIELD_LEFT || field_type(f) == VAL_STR || field_type(f) == VAL_STATES;
}

bool field_sortable(const struct field *f)
{
	return field_type(f) != VAL_HIST && field_type(f) != VAL_STATES;
}

static bool field_shown(const struct field *f, const struct query *q, unsigned int flag)
{
	if ((q->pid && !strcmp(f->name, "pid")) || (q->tid && !strcmp(f->name, "tid")))
		return false; /* the same in every row */
	return (f->flags & flag) && field_type(f) != VAL_HIST && field_fits_flavour(f, q->total);
}

static int field_width(const struct field *f)
{
	return MAX(f->width, 1);
}

/* Mark in `in` the fields with `flag` that fit into the room, in order. */
static int take_fields(const struct table_desc *d, const struct query *q, unsigned int flag, bool *in,
		       int room, int gap)
{
	for (size_t i = 0; i < MIN(d->nr_fields, MAX_COLUMNS); i++) {
		const struct field *f = &d->fields[i];

		if (in[i] || !field_shown(f, q, flag) || field_width(f) + gap > room)
			continue;
		in[i] = true;
		room -= field_width(f) + gap;
	}
	return room;
}

/* Hand out what is left: a part to the bars, up to a size, then all to the flexible column. */
static void stretch(struct column *cols, int n, int room)
{
	struct column *flex = NULL;

	for (int i = 0; i < n; i++)
		if (cols[i].f->flags & FIELD_FLEX)
			flex = &cols[i];
	for (int i = 0; i < n && room > 0; i++) {
		if (field_type(cols[i].f) == VAL_STATES && cols[i].w < BAR_MAX) {
			int more = MIN(flex ? room / 3 : room, BAR_MAX - cols[i].w);

			cols[i].w += more;
			room -= more;
		}
	}
	if (flex)
		flex->w += MAX(room, 0);
}

int columns_place(struct column *cols, const struct table_desc *d, const struct query *q, int width)
{
	bool in[MAX_COLUMNS] = {};
	int gap = width < 100 ? GAP_TIGHT : GAP, n = 0, x = 0;
	int room = take_fields(d, q, FIELD_FLEX, in, width + gap, gap);

	room = take_fields(d, q, FIELD_NARROW, in, room, gap);
	/* some of the room goes into longer words instead of more columns */
	take_fields(d, q, FIELD_WIDE, in, room - MAX(width - 80, 0) / 8, gap);
	room = width + gap;
	for (size_t i = 0; i < MIN(d->nr_fields, MAX_COLUMNS); i++)
		if (in[i])
			cols[n++] = (struct column){ &d->fields[i], 0, field_width(&d->fields[i]) };
	for (int i = 0; i < n; i++)
		room -= cols[i].w + gap;
	stretch(cols, n, room);
	for (int i = 0; i < n; i++) {
		cols[i].x = x;
		x += cols[i].w + gap;
	}
	if (!n && d->nr_fields) /* a screen of a few columns still shows something */
		cols[n++] = (struct column){ &d->fields[0], 0, width };
	return n;
}
