/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Which tables, in which order. Called by top, report and export. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "cmd/output.h"
#include "cmd/select.h"
#include "probe/probe.h"

/* Calls fn for each table until it returns true; that table, or NULL. */
static const struct table_desc *find_table(bool (*fn)(const struct table_desc *t, void *arg), void *arg)
{
	for (size_t i = 0; all_collectors[i]; i++)
		for (size_t k = 0; all_collectors[i]->tables && all_collectors[i]->tables[k]; k++)
			if (fn(all_collectors[i]->tables[k], arg))
				return all_collectors[i]->tables[k];
	return NULL;
}

static bool is_named(const struct table_desc *t, void *name)
{
	return !strcmp(t->name, name);
}

static bool sortable(const struct field *f)
{
	return f->type != VAL_HIST && f->type != VAL_STATES && f->get != field_hist && f->get != field_states;
}

static bool has_field(const struct table_desc *t, void *name)
{
	const struct field *f = table_field(t, name);

	return f && sortable(f);
}

static bool list_name(const struct table_desc *t, void *names)
{
	str_addf(names, "%s%s", ((struct str *)names)->len ? ", " : "", t->name);
	return false;
}

/* Each name once, though several tables have it. */
static bool list_fields(const struct table_desc *t, void *names)
{
	for (size_t i = 0; i < t->nr_fields; i++) {
		const struct field *f = &t->fields[i];

		if (!sortable(f) || !strncmp(f->name, FIELD_IVL_PREFIX, strlen(FIELD_IVL_PREFIX)) ||
		    find_table(has_field, (void *)f->name) != t)
			continue;
		str_addf(names, "%s%s", ((struct str *)names)->len ? ", " : "", f->name);
	}
	return false;
}

int select_check(const char *view, const char *sort)
{
	const struct table_desc *t = NULL;
	struct str names = {};

	if (view)
		t = find_table(is_named, (void *)view);
	if (view && !t) {
		find_table(list_name, &names);
		pr_err("--view: there is no \"%s\"; there are %s", view, str_get(&names));
	} else if (sort && !(t ? has_field(t, (void *)sort) : !!find_table(has_field, (void *)sort))) {
		if (t)
			list_fields(t, &names);
		else
			find_table(list_fields, &names);
		pr_err("--sort: there is no field \"%s\"; there are %s", sort, str_get(&names));
	} else {
		return 0;
	}
	str_free(&names);
	return -EINVAL;
}

/* Fields whose names are near to one that there is not. */
struct near {
	const char *word;
	struct str names;
	size_t n, best;
};

/* A name once, the nearest ones first; further ones only where there are no nearer ones. */
static bool note_near(const struct table_desc *t, void *arg)
{
	size_t skip = strlen(FIELD_IVL_PREFIX);
	struct near *near = arg;

	for (size_t i = 0; i < t->nr_fields; i++) {
		const char *name = t->fields[i].name;
		size_t far;

		name += strncmp(name, FIELD_IVL_PREFIX, skip) ? 0 : skip;
		far = name_far(near->word, strlen(near->word), name);
		if (far < near->best) {
			str_reset(&near->names);
			near->n = 0;
			near->best = far;
		}
		if (far == SIZE_MAX || far > near->best || near->n == 5 ||
		    strstr(str_get(&near->names), name))
			continue;
		str_addf(&near->names, "%s%s", near->n++ ? ", " : "", name);
	}
	return false;
}

static bool has_column(const struct table_desc *t, void *name)
{
	const char *const names[] = { name };

	for (size_t i = 0; i < t->nr_fields; i++)
		if (field_is_among(&t->fields[i], names, 1))
			return true;
	return false;
}

int select_check_hide(const struct opt_list *hide)
{
	for (size_t i = 0; i < hide->n; i++) {
		struct near near = { .word = hide->v[i], .best = SIZE_MAX };

		if (find_table(has_column, (void *)hide->v[i]))
			continue;
		find_table(note_near, &near);
		if (near.n)
			pr_err("--hide: there is no field \"%s\"; did you mean %s?", hide->v[i],
			       str_get(&near.names));
		else
			pr_err("--hide: there is no field \"%s\"; export --schema lists them", hide->v[i]);
		str_free(&near.names);
		return -EINVAL;
	}
	return 0;
}

bool select_needs(const char *table, const char *collector)
{
	const struct table_desc *t = table ? find_table(is_named, (void *)table) : NULL;

	return t && t->needs && !strcmp(t->needs, collector);
}

const char *select_table(const char *sort)
{
	const struct table_desc *t = sort ? find_table(has_field, (void *)sort) : NULL;

	return t ? t->name : NULL;
}

void select_text(struct query *q, struct export_opts *o, const char *view, const char *sort, bool total,
		 unsigned int rows)
{
	*q = (struct query){ .sort = sort, .total = total, .limit = rows };
	*o = (struct export_opts){
		.query = q,
		.table = view,
		.ascii = output_ascii(),
		.width = output_width(),
		.header = true,
	};
}
