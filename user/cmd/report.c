/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* hostlat report: a recording in a page or two of text. */
#include <errno.h>

#include "base/err.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "cmd/replay.h"
#include "cmd/select.h"

struct values {
	struct common common;
	struct filter_opts filter;
	bool json;
	const char *view, *sort;
	struct opt_list hide;
	unsigned int rows;
};

static const struct values defaults = { .rows = 20 };

/* clang-format off */
static const struct opt rows[] = {
	{ .type = OPT_FLAG, .long_name = "json", .help = "print the JSON document",
	  .offset = offsetof(struct values, json) },
	{ .type = OPT_STR, .long_name = "view", .arg = "NAME", .help = "only this table",
	  .offset = offsetof(struct values, view) },
	{ .type = OPT_STR, .long_name = "sort", .arg = "FIELD", .help = "rank by this field",
	  .offset = offsetof(struct values, sort) },
	SELECT_HIDE_ROW(struct values, hide),
	{ .type = OPT_UINT, .long_name = "rows", .arg = "N", .help = "so many rows of each table (20); 0: all",
	  .offset = offsetof(struct values, rows) },
	REPLAY_FILTER_ROWS(struct values, filter),
	COMMON_ROWS,
	{ .type = OPT_END },
};
/* clang-format on */

static int write_out(const struct values *v, const struct snap *snap)
{
	struct query q = { .sort = v->sort, .total = true };
	struct export_opts o = { .table = v->view, .query = v->sort ? &q : NULL };
	struct str text = {};
	int err;

	if (!v->json)
		select_text(&q, &o, v->view, v->sort, true, v->rows);
	o.whole = true;
	o.hide = v->hide.v;
	o.nr_hide = v->hide.n;
	err = (v->json ? &json_exporter : &text_exporter)->write(&text, snap, &o);
	if (!err)
		err = output_stdout(&text);
	str_free(&text);
	return err && err != -EPIPE ? EXIT_FAILED : EXIT_OK;
}

static int run(const struct invocation *in)
{
	const struct values *v = in->values;
	const struct snap *snap = NULL;
	struct replay *r = NULL;
	int status = EXIT_FAILED;

	if (select_check(v->view, v->sort) || select_check_hide(&v->hide))
		return EXIT_USAGE;
	if (!replay_open(in->words.v[0], &v->filter, &r) && !replay_last(r, &snap)) {
		status = write_out(v, snap);
		replay_print_trouble(r);
	}
	snap_put(snap);
	replay_close(r);
	return status;
}

const struct command cmd_report = {
	.name = "report",
	.usage = "FILE [OPTION...]",
	.help = "Print what a recording holds, as text or as JSON",
	.more = "What a recording was filtered by holds here too, unless other filters are given.\n"
		"Of a damaged recording everything that is whole is shown, and one line says what is not.\n",
	.rows = rows,
	.defaults = &defaults,
	.values_size = sizeof(struct values),
	.min_words = 1,
	.max_words = 1,
	.word = "the recording",
	.run = run,
};
