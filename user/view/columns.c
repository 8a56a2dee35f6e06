/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Which fields of a table become columns, and where. Called by the table's drawing,
 * by the sort keys and by the mouse, so that they agree. */
#include <string.h>

#include "view/app.h"

#define GAP       2 /* between columns */
#define GAP_TIGHT 1
#define BAR_MAX   40 /* a bar grows up to this before the flexible column gets the rest */
#define LONG_TEXT 24 /* columns of a text that is rather a path than a word */
#define BAR_SHARE 5  /* … and has one column of so many that the screen is wider than 80 */

enum val_type field_type(const struct field *f)
{
	enum val_type known = field_getter_type(f);

	return known != VAL_NONE ? known : f->type;
}

bool field_left(const struct field *f)
{
	return f->flags & FIELD_LEFT || field_type(f) == VAL_STR || field_type(f) == VAL_STATES ||
	       field_type(f) == VAL_STACK || field_type(f) == VAL_CHAIN || field_type(f) == VAL_OCCUPANTS ||
	       field_type(f) == VAL_PEERS;
}

bool field_sortable(const struct field *f)
{
	return field_type(f) != VAL_HIST && field_type(f) != VAL_STATES;
}

/* The fields that are columns, on their way there. */
struct choice {
	const struct app *a;
	const struct panel *p;
	const struct field *sort;
	int width, gap, room;
	bool in[MAX_COLUMNS];
};

static bool names_group(const struct panel *p, const struct field *f)
{
	return p->q.group > GROUP_PROCESS && !strcmp(f->name, "comm");
}

const char *column_title(const struct panel *p, const struct field *f)
{
	static const char *const titles[NR_GROUPS] = {
		[GROUP_COMM] = "COMMAND", [GROUP_CGROUP] = "CGROUP", [GROUP_CONTAINER] = "CONTAINER"
	};

	return names_group(p, f) ? titles[p->q.group] : f->title ? f->title : f->name;
}

bool column_tail(const struct panel *p, const struct field *f)
{
	return f->flags & FIELD_TAIL || (p->q.group == GROUP_CGROUP && names_group(p, f));
}

static bool field_shown(const struct app *a, const struct panel *p, const struct field *f)
{
	const struct query *q = &p->q;
	bool pid = !strcmp(f->name, "pid"), tid = !strcmp(f->name, "tid");

	if (field_is_among(f, a->hide, a->nr_hide))
		return false;
	if ((q->pid && pid) || (q->tid && tid))
		return false; /* the same in every row */
	if ((q->group > GROUP_PROCESS && pid) || (q->group != GROUP_NONE && tid))
		return false; /* of a group there are many */
	return field_type(f) != VAL_HIST && field_fits_flavour(f, q->total) &&
	       field_tells(f, p->res.rows, p->res.n, q->group != GROUP_NONE);
}

/* What the table is about gets more of a wide screen. */
static int field_width(const struct choice *c, const struct field *f)
{
	int bar = MIN((c->width - 80) / BAR_SHARE, BAR_MAX - f->width);

	if (field_type(f) == VAL_STATES && f->flags & FIELD_NARROW && bar > 0)
		return f->width + bar;
	return MAX(f->width, 1);
}

/* The fields with `flag` that fit into the room, in order; where flag is 0, the one that ranks. */
static void take_fields(struct choice *c, unsigned int flag)
{
	const struct table_desc *d = c->p->res.desc;

	for (size_t i = 0; i < MIN(d->nr_fields, MAX_COLUMNS); i++) {
		const struct field *f = &d->fields[i];
		int need = field_width(c, f) + c->gap;

		if (c->in[i] || need > c->room || (flag ? !(f->flags & flag) : f != c->sort) ||
		    !field_shown(c->a, c->p, f))
			continue;
		c->in[i] = true;
		c->room -= need;
	}
}

/* What is left when the bars have theirs: the flexible column gets it all, or some where
 * others have longer texts. */
static void stretch_text(struct column *cols, int n, struct column *flex, int room)
{
	int longer = 0, some;

	for (int i = 0; i < n; i++)
		longer += &cols[i] != flex && cols[i].f->width >= LONG_TEXT;
	some = longer && flex->f->width < LONG_TEXT ? MIN(room, LONG_TEXT) : room;
	flex->w += some;
	for (int i = 0; i < n && some < room; i++)
		if (&cols[i] != flex && cols[i].f->width >= LONG_TEXT)
			cols[i].w += (room - some) / longer;
}

/* Hand out what is left: a part to the bars, up to a size, then all to the texts. */
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
	if (flex && room > 0)
		stretch_text(cols, n, flex, room);
}

int columns_place(struct column *cols, const struct app *a, const struct panel *p, int width)
{
	const struct table_desc *d = p->res.desc;
	struct choice c = { .a = a, .p = p, .width = width, .gap = width < 100 ? GAP_TIGHT : GAP };
	int n = 0, x = 0;

	if (!d)
		return 0;
	c.sort = panel_sort(a, p);
	c.room = width + c.gap;
	take_fields(&c, FIELD_FLEX);
	take_fields(&c, 0);
	take_fields(&c, FIELD_NARROW);
	/* some of the room goes into longer words instead of more columns */
	c.room -= MAX(width - 80, 0) / 8;
	take_fields(&c, FIELD_WIDE);
	c.room = width + c.gap;
	for (size_t i = 0; i < MIN(d->nr_fields, MAX_COLUMNS); i++)
		if (c.in[i])
			cols[n++] = (struct column){ &d->fields[i], 0, field_width(&c, &d->fields[i]) };
	for (int i = 0; i < n; i++)
		c.room -= cols[i].w + c.gap;
	stretch(cols, n, c.room);
	for (int i = 0; i < n; i++) {
		cols[i].x = x;
		x += cols[i].w + c.gap;
	}
	if (!n && d->nr_fields) /* a screen of a few columns still shows something */
		cols[n++] = (struct column){ &d->fields[0], 0, width };
	return n;
}
