/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The help page. Nothing is written here that another table knows: keys, columns,
 * states and causes of loss come from theirs. */
#include <stdio.h>
#include <string.h>

#include "view/app.h"

#define LEFT_W     14
#define COLUMN_MIN 74 /* columns of the screen for each of two columns of text */
#define COLUMN_MAX 100

struct page_text {
	const struct app *a;
	struct canvas *c;
	int x, y, w;
};

static void help_section(struct page_text *t, const char *title)
{
	t->y++;
	t->y += put_wrapped(t->c, t->x, t->y, t->w, ATTR_SECTION, title);
}

static void help_line(struct page_text *t, unsigned int attr, const char *left, const char *text)
{
	put_cut(t->c, &t->a->theme, t->x + 2, t->y, LEFT_W - 1, attr, left);
	t->y += put_wrapped(t->c, t->x + 2 + LEFT_W, t->y, MAX(t->w - LEFT_W - 3, 8), ATTR_NORMAL, text);
}

static void help_keys(struct page_text *t)
{
	help_section(t, "Keys");
	for (const struct key *k = keys; k->name; k++)
		if (k->help)
			help_line(t, ATTR_BOLD, k->name, k->help);
	help_line(t, ATTR_BOLD, "Mouse",
		  "click selects, again opens, on a header sorts, on a tab shows; the wheel scrolls");
}

static void help_head(struct page_text *t)
{
	help_section(t, "The lines at the top");
	for (const struct head_word *w = head_words; w->word; w++)
		help_line(t, ATTR_BOLD, w->word, w->help);
}

static void help_views(struct page_text *t)
{
	help_section(t, "Views");
	for (const struct view *v = views; v->title; v++) {
		const struct snap_table *table = t->a->snap ? snap_table(t->a->snap, v->table) : NULL;
		char left[32];

		snprintf(left, sizeof(left), "%c %s", v->key, v->title);
		help_line(t, ATTR_BOLD, left,
			  table && table->desc->help ? table->desc->help : "not measured here");
	}
}

static void help_columns(struct page_text *t)
{
	const struct level *l = app_level(t->a);
	const struct panel *p = app_panel(t->a);
	const struct table_desc *d = p ? p->res.desc : level_desc(l);
	char title[96];

	if (!d)
		return;
	snprintf(title, sizeof(title), "Columns of %s (name for --sort and in exports in brackets)",
		 d->title);
	help_section(t, title);
	for (size_t i = 0; i < d->nr_fields; i++) {
		const struct field *f = &d->fields[i], *total = field_twin(d, f, true);
		const struct field *ivl = field_twin(d, f, false);
		struct str text = {};

		/* twins of one title are one column, which shows the span that ranks */
		if (f != total && f->title && total->title && !strcmp(f->title, total->title))
			continue;
		str_addf(&text, "%s [%s", f->help ? f->help : "", f->name);
		if (f != ivl && f->title && ivl->title && !strcmp(f->title, ivl->title))
			str_addf(&text, ", %s", ivl->name);
		str_addc(&text, ']');
		help_line(t, ATTR_BOLD, f->title && *f->title ? f->title : f->name, str_get(&text));
		str_free(&text);
	}
}

static void help_states(struct page_text *t)
{
	help_section(t, "States of a thread (those marked * wait for work: key i)");
	for (unsigned int i = 0; i < NR_HL_STATES; i++) {
		char left[32];

		snprintf(left, sizeof(left), "%s %s%s", theme_state_glyph(&t->a->theme, i),
			 hl_state_titles[i], hl_state_is_work_wait[i] ? " *" : "");
		help_line(t, ATTR_STATE + i, left, hl_state_help[i]);
	}
}

static void help_losses(struct page_text *t)
{
	static const struct {
		const char *key, *help;
	} losses[] = {
#define X(id, NAME, key, help) { key, help },
		HL_LOSSES(X)
#undef X
	};

	help_section(t, "Why an event can be lost");
	for (size_t i = 0; i < ARRAY_SIZE(losses); i++)
		help_line(t, ATTR_BOLD, losses[i].key, losses[i].help);
}

int help_draw(const struct app *a, struct canvas *c, int scroll)
{
	bool two = a->w >= 2 * COLUMN_MIN;
	int w = two ? a->w / 2 : a->w;
	struct page_text t = { a, c, 1, -scroll, MIN(w, COLUMN_MAX) - 2 };
	int end;

	help_keys(&t);
	help_head(&t);
	help_states(&t);
	end = t.y;
	if (two) {
		t.x += w;
		t.y = -scroll;
	}
	help_views(&t);
	help_columns(&t);
	help_losses(&t);
	return MAX(t.y, end) + scroll;
}
