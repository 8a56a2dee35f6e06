/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* hostlat record: what happens goes to a file, to be looked at later. */
#include <string.h>

#include "base/err.h"
#include "base/fmt.h"
#include "base/log.h"
#include "cmd/output.h"
#include "cmd/session.h"
#include "export/export.h"

struct values {
	struct common common;
	struct session_opts live;
	uint64_t duration_ns, interval_ns;
	const char *output, *json;
};

static const struct values defaults = {
	.live = SESSION_DEFAULTS,
	.interval_ns = NSEC_PER_SEC,
};

/* clang-format off */
static const struct opt rows[] = {
	{ .type = OPT_STR, .short_name = 'o', .long_name = "output", .arg = "FILE",
	  .help = "the recording, a new file; NAME.json: the JSON document instead",
	  .offset = offsetof(struct values, output) },
	{ .type = OPT_SECONDS, .short_name = 'd', .long_name = "duration", .arg = "SEC",
	  .help = "end after this long; without it when the command ends, or on ^C", .min = NSEC_PER_MSEC,
	  .offset = offsetof(struct values, duration_ns) },
	{ .type = OPT_STR, .long_name = "json", .arg = "FILE", .help = "write the JSON document too",
	  .offset = offsetof(struct values, json) },
	{ .type = OPT_SECONDS, .short_name = 'i', .long_name = "interval", .arg = "SEC",
	  .help = "how often totals are recorded (1)", .min = 10 * NSEC_PER_MSEC, .max = NSEC_PER_SEC * 3600,
	  .offset = offsetof(struct values, interval_ns) },
	FILTER_ROWS(struct values, live.filter),
	SESSION_ROWS(struct values, live),
	COMMON_ROWS,
	{ .type = OPT_END },
};
/* clang-format on */

struct recorder {
	const char *recording, *json; /* paths, NULL: none */
	const struct snap *last;      /* held */
};

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

static int keep_snap(void *arg, const struct snap *snap)
{
	struct recorder *r = arg;

	if (snap) {
		snap_get(snap);
		snap_put(r->last);
		r->last = snap;
	}
	return EXIT_OK;
}

static void tell(const char *path, uint64_t bytes, const char *more)
{
	char size[FMT_LEN];

	pr_info("%s: %s%s", path, fmt_bytes(size, bytes), more);
}

static int write_json(const struct recorder *r)
{
	struct export_opts o = {};
	struct str text = {};
	int err;

	if (!r->last) {
		pr_err("%s: nothing to write", r->json);
		return EXIT_FAILED;
	}
	err = json_exporter.write(&text, r->last, &o);
	if (!err)
		err = output_file(r->json, &text, OUTPUT_NEW);
	if (!err)
		tell(r->json, text.len, "");
	str_free(&text);
	return err ? EXIT_FAILED : EXIT_OK;
}

static void tell_recording(const struct recorder *r, const struct rec_writer_stats *st)
{
	char n[FMT_LEN];
	struct str more = {};

	str_addf(&more, ", %s records", fmt_count(n, st->records));
	tell(r->recording, st->bytes, str_get(&more));
	str_free(&more);
}

static int check(const struct values *v, struct recorder *r)
{
	if (!v->output) {
		pr_err("record: where to is missing; write -o FILE");
		return EXIT_USAGE;
	}
	if (ends_with(v->output, ".json") && v->json) {
		pr_err("record: two JSON documents; leave --json out, or let -o name a recording");
		return EXIT_USAGE;
	}
	r->json = ends_with(v->output, ".json") ? v->output : v->json;
	r->recording = r->json == v->output ? NULL : v->output;
	if (output_check(v->output, OUTPUT_NEW) || (v->json && output_check(v->json, OUTPUT_NEW)))
		return EXIT_FAILED;
	return EXIT_OK;
}

static int run(const struct invocation *in)
{
	const struct values *v = in->values;
	struct recorder r = {};
	struct session_cfg cfg = {
		.in = in,
		.opts = &v->live,
		.interval_ns = v->interval_ns,
		.duration_ns = v->duration_ns,
		.on_snap = keep_snap,
		.arg = &r,
	};
	struct session *s = NULL;
	int status = check(v, &r), json;

	if (status)
		return status;
	cfg.model = r.json != NULL;
	cfg.recording = r.recording;
	status = session_open(&cfg, &s);
	if (!status)
		status = session_run(s);
	if (session_ended(s)) {
		json = r.json ? write_json(&r) : EXIT_OK;
		if (r.recording)
			tell_recording(&r, session_written(s));
		session_print_account(s);
		if (!status)
			status = json;
	}
	snap_put(r.last);
	session_close(s);
	return status;
}

const struct command cmd_record = {
	.name = "record",
	.usage = "[-d SEC] -o FILE [OPTION...] [-- CMD ARG...]",
	.help = "Record what happens into a file, for report, export and top -r",
	.more = "A recording (*.hostlat) holds everything that top shows and is readable up to the last\n"
		"second even when the recorder is killed. It is made with mode 0600 and never over a file.\n"
		"The command after -- is traced from its first instruction, with its children, and its exit\n"
		"status is passed on: 128 + N when signal N ended it, 127 when there is no such command, "
		"126\n"
		"when it cannot be run. INT, TERM and HUP end the recording in order (and are passed on to\n"
		"the command first); a second INT ends it at once.\n",
	.rows = rows,
	.defaults = &defaults,
	.values_size = sizeof(struct values),
	.takes_command = true,
	.run = run,
};
