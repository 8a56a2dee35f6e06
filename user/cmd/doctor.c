/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* hostlat doctor: what this host allows, and what to do about the rest. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "kern/check.h"

struct doctor_opts {
	struct common common;
	bool json;
};

static const struct doctor_opts defaults;

/* clang-format off */
static const struct opt rows[] = {
	{ .type = OPT_FLAG, .long_name = "json", .help = "one JSON document", .offset = offsetof(struct doctor_opts, json) },
	COMMON_ROWS,
	{ .type = OPT_END },
};
/* clang-format on */

static const struct {
	const char *key, *text;
} words[NR_HL_COLLECTOR_STATES] = {
	[HL_COLLECTOR_ON] = { "works", "works" },
	[HL_COLLECTOR_OFF] = { "off", "off" },
	[HL_COLLECTOR_LESS] = { "works_less", "works less" },
	[HL_COLLECTOR_UNAVAILABLE] = { "does_not_work", "does not work" },
};

static void add_text(struct str *out, const struct check *c)
{
	str_addf(out, "%-12s %-14s ", c->name, words[c->state].text);
	enc_text(out, c->what, strlen(c->what), output_ascii());
	str_addc(out, '\n');
	if (*c->advice)
		str_addf(out, "%27s-> %s\n", "", c->advice);
}

static void add_member(struct str *out, const char *key, const char *value)
{
	str_addf(out, "\"%s\":\"", key);
	enc_json(out, value, strlen(value));
	str_addc(out, '"');
}

static void add_json(struct str *out, const struct check *c)
{
	str_add(out, "{");
	add_member(out, "name", c->name);
	str_addc(out, ',');
	add_member(out, "state", words[c->state].key);
	str_addc(out, ',');
	add_member(out, "found", c->what);
	if (*c->advice) {
		str_addc(out, ',');
		add_member(out, "advice", c->advice);
	}
	str_addc(out, '}');
}

static int run(const struct invocation *in)
{
	const struct doctor_opts *o = in->values;
	struct check checks[MAX_CHECKS];
	size_t n = check_all(checks);
	struct str out = {};
	bool works = true;
	int err;

	if (o->json)
		str_add(&out, "{\"schema\":\"hostlat-doctor/1\",\"checks\":[");
	for (size_t i = 0; i < n; i++) {
		if (o->json && i)
			str_addc(&out, ',');
		(o->json ? add_json : add_text)(&out, &checks[i]);
		works &= !checks[i].fatal;
	}
	if (o->json)
		str_addf(&out, "],\"works\":%s}\n", works ? "true" : "false");
	else
		str_addf(&out, "%s\n", works ? "hostlat works here." : "hostlat does not work here.");
	err = output_stdout(&out);
	str_free(&out);
	if (err && err != -EPIPE)
		return EXIT_FAILED;
	return works ? EXIT_OK : EXIT_UNSUPPORTED;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.usage = "[--json]",
	.help = "What this host allows, and what to do about the rest",
	.rows = rows,
	.defaults = &defaults,
	.values_size = sizeof(defaults),
	.run = run,
};
