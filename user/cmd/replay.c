/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* A recording, interval by interval. Called by top -r, report and export. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "cmd/replay.h"
#include "probe/probe.h"
#include "rec/reader.h"
#include "rec/rec.h"

struct replay {
	const char *path;
	struct rec_reader *reader;
	struct source *source;
	struct model *model;
	struct filter filter;
	struct filter_opts recorded;  /* the filters of the recording */
	const struct hl_rec *pending; /* read, not applied yet */
	uint64_t intervals;
	bool filters_lost; /* nobody knows what the recording was filtered by, and it was asked for */
};

/* The facts at the beginning: they say what the recording was filtered by. They are kept,
 * for the model is made after them. */
static int read_facts(struct replay *r, struct recbuf *facts)
{
	VEC(const char *) words = {};
	const struct hl_rec *rec;
	int more;

	while ((more = r->source->next(r->source, &r->pending)) == 1 && r->pending->kind == HL_KIND_META) {
		size_t len;
		const void *tail = rec_tail(r->pending, &len);
		struct hl_rec_meta *m = rec_begin(facts, HL_KIND_META, sizeof(*m));

		m->h.ts = r->pending->ts;
		rec_add_bytes(facts, tail, len);
		rec_end(facts);
	}
	if (more != 1)
		r->pending = NULL;
	for (size_t done = 0; done < facts->len; done += rec->size) {
		rec = (const struct hl_rec *)(facts->buf + done);
		if (!strcmp(rec_tail_str(rec, 0), "filter"))
			*vec_add(&words) = rec_tail_str(rec, 1);
	}
	*vec_add(&words) = NULL;
	filter_parse_words(&r->recorded, words.v);
	vec_free(&words);
	return MIN(more, 0);
}

static void apply_facts(struct replay *r, const struct recbuf *facts)
{
	const struct hl_rec *rec;

	for (size_t done = 0; done < facts->len; done += rec->size) {
		rec = (const struct hl_rec *)(facts->buf + done);
		model_apply(r->model, rec);
	}
}

static int set_up(struct replay *r, const struct filter_opts *o)
{
	static const struct filter_opts all;
	const struct filter_opts *use = filter_given(o) ? o : o->none ? &all : &r->recorded;
	struct recbuf facts = {};
	int err = read_facts(r, &facts);

	r->filters_lost = use == &r->recorded && !facts.len;
	if (!err)
		err = filter_init(&r->filter, use);
	if (!err) {
		r->filter.model.ignore_target = use == o;
		r->model = model_new(all_collectors, NULL, &r->filter.model);
		apply_facts(r, &facts);
	}
	recbuf_free(&facts);
	return err;
}

int replay_open(const char *path, const struct filter_opts *o, struct replay **out)
{
	struct replay *r = xcalloc(1, sizeof(*r));
	int err;

	*out = r;
	r->path = path;
	err = rec_reader_open(path, &r->reader);
	if (err)
		return err;
	r->source = rec_reader_source(r->reader);
	return set_up(r, o);
}

void replay_close(struct replay *r)
{
	if (!r)
		return;
	rec_reader_close(r->reader);
	model_free(r->model);
	filter_free(&r->filter);
	filter_opts_free(&r->recorded);
	free(r);
}

/* Applies records up to the end of an interval: 1; 0: the end. */
static int advance(struct replay *r)
{
	const struct hl_rec *rec = r->pending;
	int more = 1;

	r->pending = NULL;
	for (;;) {
		if (!rec)
			more = r->source->next(r->source, &rec);
		if (more != 1)
			return more;
		model_apply(r->model, rec);
		if (rec->kind == HL_KIND_TICK)
			break;
		rec = NULL;
	}
	r->intervals++;
	return 1;
}

int replay_next(struct replay *r, const struct snap **snap)
{
	int more = advance(r);

	if (more == 1)
		*snap = model_snap(r->model);
	return more;
}

int replay_last(struct replay *r, const struct snap **snap)
{
	int more;

	while ((more = advance(r)) == 1)
		;
	if (more < 0)
		return more;
	*snap = model_snap(r->model);
	if (*snap)
		return 0;
	replay_print_trouble(r);
	return -ENODATA;
}

struct model *replay_model(struct replay *r)
{
	return r->model;
}

bool replay_trouble(const struct replay *r, struct str *out)
{
	bool bad = rec_reader_trouble(rec_reader_stats(r->reader), out);

	if (bad && r->filters_lost)
		str_add(out, "; its filters are lost: all of it is shown");
	if (r->intervals)
		return bad;
	str_addf(out, "%sno interval is whole, so there is nothing to show", bad ? "; " : "");
	return true;
}

void replay_print_trouble(const struct replay *r)
{
	struct str why = {};

	if (replay_trouble(r, &why))
		pr_warn("%s: %s", r->path, str_get(&why));
	str_free(&why);
}
