/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What an output shows of a table: filter, group, rank, cut. Called by screen, text and
 * exports, so that they show the same. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/shape.h"

#define MAX_WORDS 16 /* of a filter; more of them do not narrow it further */

struct words {
	char *text; /* in lower case, a NUL after each word */
	const char *word[MAX_WORDS];
	size_t n;
};

/* Terminal and locale independent: the filter means the same wherever it is used. */
static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void words_split(struct words *w, const char *filter)
{
	char *p;

	*w = (struct words){};
	if (!filter)
		return;
	w->text = xstrdup(filter);
	for (p = w->text; *p && w->n < MAX_WORDS; p++) {
		size_t len = strcspn(p, " \t");

		for (size_t i = 0; i < len; i++)
			p[i] = lower(p[i]);
		if (len)
			w->word[w->n++] = p;
		p += len;
		if (!*p)
			break;
		*p = '\0';
	}
}

/* Does s hold the word, which is in lower case and not empty? */
static bool holds(const char *s, const char *word)
{
	for (; *s; s++) {
		size_t i = 0;

		while (word[i] && lower(s[i]) == word[i])
			i++;
		if (!word[i])
			return true;
	}
	return false;
}

static bool stack_holds(const struct snap_stack *s, const char *word)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->frames[i].function && holds(s->frames[i].function, word))
			return true;
	return false;
}

static bool chain_holds(const struct snap_chain *c, const char *word)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (c->hops[i].comm && holds(c->hops[i].comm, word))
			return true;
	return false;
}

static bool occupants_hold(const struct snap_occupants *o, const char *word)
{
	for (uint32_t i = 0; i < o->n; i++)
		if ((o->v[i].comm && holds(o->v[i].comm, word)) ||
		    (o->v[i].cgroup && holds(o->v[i].cgroup, word)))
			return true;
	return false;
}

static bool peers_hold(const struct snap_peers *p, const char *word)
{
	for (uint32_t i = 0; i < p->n; i++)
		if (holds(p->v[i].remote, word))
			return true;
	return false;
}

static bool val_matches(const struct field *f, const struct val *v, const char *word)
{
	char number[24];

	if (v->type == VAL_STR)
		return v->s && holds(v->s, word);
	if (v->type == VAL_STACK)
		return stack_holds(v->stack, word);
	if (v->type == VAL_CHAIN)
		return chain_holds(v->chain, word);
	if (v->type == VAL_OCCUPANTS)
		return occupants_hold(v->occupants, word);
	if (v->type == VAL_PEERS)
		return peers_hold(v->peers, word);
	if (v->type != VAL_U64 || !(f->flags & FIELD_KEY))
		return false;
	snprintf(number, sizeof(number), "%" PRIu64, v->u);
	return !strcmp(number, word);
}

static bool words_match(const struct words *w, const struct table_desc *t, const void *row)
{
	bool found[MAX_WORDS] = {};
	size_t left = w->n;

	for (size_t i = 0; left && i < t->nr_fields; i++) {
		struct val v = field_get(&t->fields[i], row);

		for (size_t k = 0; k < w->n; k++) {
			if (found[k] || !val_matches(&t->fields[i], &v, w->word[k]))
				continue;
			found[k] = true;
			left--;
		}
	}
	return !left;
}

/* ---- which rows ------------------------------------------------------------------ */

struct filter {
	const struct query *q;
	const struct table_desc *t;
	const struct field *pid, *tid; /* NULL: the table has none, or all pass */
	const struct field *same[QUERY_SAME];
	size_t flags; /* where HL_PROC_* stand; 0: nowhere */
	struct words words;
};

static bool texts_are(const struct filter *f, const void *row)
{
	for (size_t i = 0; i < QUERY_SAME; i++) {
		struct val v;

		if (!f->same[i])
			continue;
		v = field_get(f->same[i], row);
		if (v.type != VAL_STR || !v.s || strcmp(v.s, f->q->same[i].value))
			return false;
	}
	return true;
}

static bool number_is(const struct field *f, const void *row, uint64_t want)
{
	struct val v;

	if (!f)
		return true;
	v = field_get(f, row);
	return v.type == VAL_U64 && v.u == want;
}

static bool is_kthread(const struct filter *f, const void *row)
{
	return f->flags && *(const uint32_t *)((const char *)row + f->flags) & HL_PROC_KTHREAD;
}

static bool row_passes(const struct filter *f, const void *row)
{
	const struct query *q = f->q;

	if (!number_is(f->pid, row, q->pid) || !number_is(f->tid, row, q->tid) || !texts_are(f, row))
		return false;
	/* who asks for one process by its number means it */
	if (!q->show_kthreads && !q->pid && is_kthread(f, row))
		return false;
	if (!q->show_work_waits && f->t->hidden && f->t->hidden(row))
		return false;
	if (q->in != GROUP_NONE && !group_has(f->t, q->in, q->in_name, row))
		return false;
	return words_match(&f->words, f->t, row);
}

/* ---- their order ------------------------------------------------------------------- */

struct ranked {
	struct val v;
	const void *row;
	size_t i;
};

struct order {
	bool ascending;
	int (*cmp)(const void *a, const void *b);
};

static int cmp_ranked(const void *a, const void *b, void *arg)
{
	const struct ranked *x = a, *y = b;
	const struct order *o = arg;
	int order = val_cmp(&x->v, &y->v);

	if (!o->ascending && !val_is_none(&x->v) && !val_is_none(&y->v))
		order = -order;
	if (!order && o->cmp)
		order = o->cmp(x->row, y->row);
	return order ? order : x->i < y->i ? -1 : x->i > y->i;
}

static const struct field *sort_field(const struct table_desc *t, const struct query *q)
{
	const struct field *f = q->sort ? table_field(t, q->sort) : NULL;
	const char *name = t->sort;

	if (!f && q->show_work_waits && t->sort_all)
		name = t->sort_all;
	else if (!f && q->total && t->sort_wide)
		name = t->sort_wide;
	if (!f && name)
		f = table_field(t, name);
	return f ? field_twin(t, f, q->total) : NULL;
}

static void rank(struct query_result *r, const struct query *q)
{
	const struct field *f = sort_field(r->desc, q);
	struct order o = { .cmp = row_shapes[r->desc->rows].cmp };
	struct ranked *items;

	if (!f)
		return;
	o.ascending = q->flip ? q->ascending : f->flags & FIELD_ASC;
	items = xcalloc(r->n, sizeof(*items));
	for (size_t i = 0; i < r->n; i++)
		items[i] = (struct ranked){ field_get(f, r->rows[i]), r->rows[i], i };
	qsort_r(items, r->n, sizeof(*items), cmp_ranked, &o);
	for (size_t i = 0; i < r->n; i++)
		r->rows[i] = items[i].row;
	free(items);
}

void query_run(struct query_result *r, const struct snap *s, const struct snap_table *t,
	       const struct query *q)
{
	struct filter f = { .q = q, .t = t->desc, .flags = row_shapes[t->desc->rows].flags };
	struct arena *a = xcalloc(1, sizeof(*a));

	f.pid = q->pid ? table_field(t->desc, "pid") : NULL;
	f.tid = q->tid ? table_field(t->desc, "tid") : NULL;
	for (size_t i = 0; i < QUERY_SAME; i++)
		f.same[i] = q->same[i].value ? table_field(t->desc, q->same[i].field) : NULL;
	words_split(&f.words, q->filter);
	*r = (struct query_result){ .desc = t->desc, .mem = a };
	r->rows = arena_alloc(a, t->n * sizeof(*r->rows));
	for (size_t i = 0; i < t->n; i++)
		if (row_passes(&f, snap_row(t, i)))
			r->rows[r->n++] = snap_row(t, i);
	free(f.words.text);
	r->n = group_rows(t->desc, q->group, r->rows, r->n, a);
	rank(r, q);
	r->matched = r->n;
	if (q->limit)
		r->n = MIN(r->n, q->limit);
}

void query_free(struct query_result *r)
{
	if (r->mem)
		arena_free(r->mem);
	free(r->mem);
	*r = (struct query_result){};
}
