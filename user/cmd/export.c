/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* hostlat export: a recording in a format for other programs. */
#include <errno.h>

#include "base/err.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "cmd/replay.h"
#include "cmd/select.h"
#include "probe/probe.h"

struct values {
	struct common common;
	struct filter_opts filter;
	const char *format, *output, *view, *sort;
	bool schema;
};

static const struct values defaults;

/* clang-format off */
static const struct opt rows[] = {
	{ .type = OPT_STR, .short_name = 'f', .long_name = "format", .arg = "FORMAT",
	  .help = "one of those below", .offset = offsetof(struct values, format) },
	{ .type = OPT_STR, .short_name = 'o', .long_name = "output", .arg = "FILE",
	  .help = "write this file, which appears whole or not at all; else standard output",
	  .offset = offsetof(struct values, output) },
	{ .type = OPT_STR, .long_name = "view", .arg = "NAME", .help = "only this table",
	  .offset = offsetof(struct values, view) },
	{ .type = OPT_STR, .long_name = "sort", .arg = "FIELD", .help = "rank by this field",
	  .offset = offsetof(struct values, sort) },
	{ .type = OPT_FLAG, .long_name = "schema", .help = "print the JSON Schema of the JSON document and end",
	  .offset = offsetof(struct values, schema) },
	REPLAY_FILTER_ROWS(struct values, filter),
	COMMON_ROWS,
	{ .type = OPT_END },
};
/* clang-format on */

static int put(const struct str *text, const char *path)
{
	int err = path ? output_file(path, text, 0) : output_stdout(text);

	return err && err != -EPIPE ? EXIT_FAILED : EXIT_OK;
}

static int print_schema(const char *path)
{
	VEC(const struct table_desc *) tables = {};
	struct str text = {};
	int status = EXIT_FAILED;

	for (size_t i = 0; all_collectors[i]; i++)
		for (size_t k = 0; all_collectors[i]->tables && all_collectors[i]->tables[k]; k++)
			*vec_add(&tables) = all_collectors[i]->tables[k];
	*vec_add(&tables) = NULL;
	if (!export_schema(&text, tables.v))
		status = put(&text, path);
	vec_free(&tables);
	str_free(&text);
	return status;
}

static void unknown_format(const char *name)
{
	struct str names = {};

	for (size_t i = 0; all_exporters[i]; i++)
		str_addf(&names, "%s%s", i ? ", " : "", all_exporters[i]->name);
	if (name)
		pr_err("--format: there is no \"%s\"; there are %s", name, str_get(&names));
	else
		pr_err("export: the format is missing; write --format F, one of %s", str_get(&names));
	str_free(&names);
}

static int export(const struct values *v, const struct exporter *e, const char *path)
{
	struct query q = { .sort = v->sort, .total = true };
	struct export_opts o = {
		.table = v->view, .query = v->sort ? &q : NULL, .header = true, .whole = true
	};
	const struct snap *snap = NULL;
	struct replay *r = NULL;
	struct str text = {};
	int status = EXIT_FAILED;

	if (!replay_open(path, &v->filter, &r) && !replay_last(r, &snap) && !e->write(&text, snap, &o)) {
		status = put(&text, v->output);
		replay_print_trouble(r);
	}
	str_free(&text);
	snap_put(snap);
	replay_close(r);
	return status;
}

static int run(const struct invocation *in)
{
	const struct values *v = in->values;
	const struct exporter *e = v->format ? exporter_find(v->format) : NULL;

	if (v->schema)
		return print_schema(v->output);
	if (!in->words.n) {
		pr_err("export: the recording is missing; write hostlat export %s", in->cmd->usage);
		return EXIT_USAGE;
	}
	if (!e) {
		unknown_format(v->format);
		return EXIT_USAGE;
	}
	if (select_check(v->view, v->sort))
		return EXIT_USAGE;
	if (v->output && output_check(v->output, 0))
		return EXIT_FAILED;
	return export(v, e, in->words.v[0]);
}

static void help_formats(struct str *out)
{
	for (size_t i = 0; all_exporters[i]; i++)
		str_addf(out, "  %-10s %s\n", all_exporters[i]->name, all_exporters[i]->help);
}

const struct command cmd_export = {
	.name = "export",
	.usage = "FILE --format F [-o OUT] [OPTION...]",
	.help = "Write what a recording holds in a format for other programs",
	.more = "All formats hold the same columns; times are integers in nanoseconds (in text as people\n"
		"read them), stamps are RFC 3339 in UTC. Formats:\n",
	.add_help = help_formats,
	.rows = rows,
	.defaults = &defaults,
	.values_size = sizeof(struct values),
	.max_words = 1,
	.word = "the recording",
	.run = run,
};
