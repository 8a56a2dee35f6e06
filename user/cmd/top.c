/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* hostlat top: the live view, or the same as text. */
#include <string.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "cmd/select.h"
#include "cmd/top.h"

static const struct top_values defaults = { .live = SESSION_DEFAULTS, .rows = 20 };

/* clang-format off */
static const struct opt rows[] = {
	{ .type = OPT_SECONDS, .short_name = 'i', .long_name = "interval", .arg = "SEC",
	  .help = "time between two pictures (1); fractions too: 0.5, 200ms", .min = 10 * NSEC_PER_MSEC,
	  .max = 3600 * NSEC_PER_SEC, .offset = offsetof(struct top_values, interval_ns) },
	{ .type = OPT_UINT, .short_name = 'n', .long_name = "count", .arg = "COUNT",
	  .help = "end after so many intervals", .min = 1, .offset = offsetof(struct top_values, count) },
	{ .type = OPT_FLAG, .short_name = 'b', .long_name = "batch",
	  .help = "print text for each interval, no screen", .offset = offsetof(struct top_values, batch) },
	{ .type = OPT_FLAG, .long_name = "json", .help = "as --batch, but one JSON document a line",
	  .offset = offsetof(struct top_values, json) },
	{ .type = OPT_STR, .long_name = "view", .arg = "NAME",
	  .help = "begin with this view; in batch only this table", .offset = offsetof(struct top_values, view) },
	{ .type = OPT_STR, .long_name = "sort", .arg = "FIELD", .help = "rank by this field",
	  .offset = offsetof(struct top_values, sort) },
	SELECT_HIDE_ROW(struct top_values, hide),
	{ .type = OPT_FLAG, .long_name = "total", .help = "rank by the total since start, not by the interval",
	  .offset = offsetof(struct top_values, total) },
	{ .type = OPT_UINT, .long_name = "rows", .arg = "N",
	  .help = "in batch so many rows of each table (20); 0: all", .offset = offsetof(struct top_values, rows) },
	{ .type = OPT_STR, .short_name = 'r', .long_name = "replay", .arg = "FILE",
	  .help = "show this recording instead of the host", .offset = offsetof(struct top_values, replay) },
	REPLAY_FILTER_ROWS(struct top_values, live.filter),
	SESSION_ROWS(struct top_values, live),
	COMMON_ROWS,
	{ .type = OPT_END },
};
/* clang-format on */

/* What cannot show a screen gets one line, and a way out. */
static int check_terminal(void)
{
	static const char *const dumb[] = { "", "dumb", "unknown" };
	const char *term = getenv("TERM"), *why = NULL;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		why = "standard input and output are no terminal";
	for (size_t i = 0; !why && i < ARRAY_SIZE(dumb); i++)
		if (!term || !strcmp(term, dumb[i]))
			why = term && *term ? "TERM names a terminal that cannot show a screen"
					    : "TERM is not set";
	if (!why)
		return EXIT_OK;
	pr_err("%s: no live view; hostlat top --batch prints text", why);
	return EXIT_USAGE;
}

static int run(const struct invocation *in)
{
	const struct top_values *v = in->values;
	bool batch = v->batch || v->json;
	const char *table = v->view;

	if (select_check(table, v->sort) || select_check_hide(&v->hide))
		return EXIT_USAGE;
	if (v->replay && in->rest) {
		pr_err("top: a recording and a command together; leave out -r or what follows --");
		return EXIT_USAGE;
	}
	if (!batch && check_terminal())
		return EXIT_USAGE;
	if (batch)
		return v->replay ? top_batch_replay(in) : top_batch(in);
	return v->replay ? top_screen_replay(in) : top_screen(in);
}

const struct command cmd_top = {
	.name = "top",
	.usage = "[OPTION...] [-- CMD ARG...]",
	.help = "Show live which threads wait, on what and for how long",
	.more = "On the screen ? lists the keys. With -- CMD the command is traced from its first\n"
		"instruction, with its children; in batch its exit status is passed on (128 + N when signal\n"
		"N ended it, 127 when there is no such command, 126 when it cannot be run), on the screen\n"
		"its output is thrown away. In batch INT, TERM and HUP end the last interval and print it.\n"
		"A recording plays as fast as it was made, with -i at that pace, in batch at once.\n",
	.rows = rows,
	.defaults = &defaults,
	.values_size = sizeof(struct top_values),
	.takes_command = true,
	.run = run,
};
