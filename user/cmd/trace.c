/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* hostlat trace: functions and probes of programs. */
#include <sys/types.h>

#include "base/err.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/trace_list.h"

struct values {
	struct common common;
	bool list, json;
};

static const struct values defaults;

/* clang-format off */
static const struct opt rows[] = {
	{ .type = OPT_FLAG, .short_name = 'l', .long_name = "list",
	  .help = "only print what there is that is meant, where, and what a probe on it costs",
	  .offset = offsetof(struct values, list) },
	{ .type = OPT_FLAG, .long_name = "json", .help = "one JSON document", .offset = offsetof(struct values, json) },
	COMMON_ROWS,
	{ .type = OPT_END },
};
/* clang-format on */

static int run(const struct invocation *in)
{
	const struct values *v = in->values;

	if (!v->list) {
		pr_err("trace: only --list works so far");
		return EXIT_USAGE;
	}
	return trace_list(&in->words, NULL, 0, v->json);
}

const struct command cmd_trace = {
	.name = "trace",
	.usage = "SPEC... --list [OPTION...]",
	.help = "Functions and probes of programs",
	.more = "A SPEC is one of:\n"
		"  libc:malloc                   a function of a library or program\n"
		"  /usr/bin/x:ns::Class::method  the same of a file, by its name in the source\n"
		"  libssl:SSL_*                  all that are like it: * any text, ? any letter\n"
		"  /usr/bin/x:main+0x10          an instruction of it\n"
		"  /usr/bin/x:file.c:120         a line of its source\n"
		"  usdt:/usr/bin/x:provider:name a USDT probe; usdt:libc:* all of a file\n"
		"A name without / means what processes have mapped under that name, in every container.\n",
	.rows = rows,
	.defaults = &defaults,
	.values_size = sizeof(struct values),
	.min_words = 1,
	.max_words = 64,
	.word = "what to trace",
	.run = run,
};
