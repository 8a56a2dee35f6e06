/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* hostlat trace: functions of programs, a line for each call, and at the end what they come to. */
#include "base/err.h"
#include "base/log.h"
#include "cmd/output.h"
#include "cmd/select.h"
#include "cmd/session.h"
#include "cmd/trace_lines.h"
#include "cmd/trace_list.h"

#define BUFFER 4096 /* bytes of lines before they are written */

struct values {
	struct common common;
	struct session_opts live;
	uint64_t duration_ns, interval_ns;
	unsigned int count;
	bool tree, json, summary, list;
};

static const struct values defaults = {
	.live = SESSION_DEFAULTS,
	.interval_ns = NSEC_PER_SEC,
};

/* clang-format off */
static const struct opt rows[] = {
	{ .type = OPT_FLAG, .short_name = 'l', .long_name = "list",
	  .help = "only print what there is that is meant, where, and what a probe on it costs",
	  .offset = offsetof(struct values, list) },
	{ .type = OPT_SECONDS, .short_name = 'd', .long_name = "duration", .arg = "SEC",
	  .help = "end after this long; without it when the command ends, or on ^C", .min = NSEC_PER_MSEC,
	  .offset = offsetof(struct values, duration_ns) },
	{ .type = OPT_UINT, .short_name = 'n', .long_name = "count", .arg = "N",
	  .help = "end after so many calls", .offset = offsetof(struct values, count) },
	{ .type = OPT_FLAG, .long_name = "tree", .help = "calls under those that they were made in, and with a - system calls and waits of "
		  "--slow or more",
	  .offset = offsetof(struct values, tree) },
	{ .type = OPT_FLAG, .long_name = "summary", .help = "no line for each call, only what they come to",
	  .offset = offsetof(struct values, summary) },
	{ .type = OPT_FLAG, .long_name = "json", .help = "a JSON object a line, and at the end the document",
	  .offset = offsetof(struct values, json) },
	FILTER_ROWS(struct values, live.filter),
	SESSION_ROWS(struct values, live),
	COMMON_ROWS,
	{ .type = OPT_END },
};
/* clang-format on */

struct tracer {
	const struct values *v;
	struct session *session;
	struct trace_lines *lines;
	struct str out;
	const struct snap *last; /* held */
	bool unread;             /* nobody reads any more */
};

static void print(struct tracer *t)
{
	int err = t->out.len && !t->unread ? output_stdout(&t->out) : 0;

	str_reset(&t->out);
	if (!err)
		return;
	t->unread = true;
	session_stop(t->session);
}

static void on_record(void *arg, const struct hl_rec *rec)
{
	struct tracer *t = arg;
	const unsigned int most = t->v->count;

	if (t->v->summary || (most && trace_lines_count(t->lines) >= most))
		return;
	trace_lines_take(t->lines, rec, &t->out);
	if (most && trace_lines_count(t->lines) >= most)
		session_stop(t->session);
	if (t->out.len >= BUFFER)
		print(t);
}

static void on_drained(void *arg)
{
	struct tracer *t = arg;

	trace_lines_drained(t->lines, &t->out);
	print(t);
}

static int on_snap(void *arg, const struct snap *snap)
{
	struct tracer *t = arg;

	print(t);
	if (snap) {
		snap_get(snap);
		snap_put(t->last);
		t->last = snap;
	}
	return EXIT_OK;
}

/* What all calls come to. */
static int print_summary(struct tracer *t)
{
	static const char *const tables[] = { "functions", "function_syscalls" };
	struct export_opts o = { .compact = true };
	int err = 0;

	trace_lines_rest(t->lines, &t->out);
	if (t->last && t->v->json) {
		err = json_exporter.write(&t->out, t->last, &o);
	}
	for (size_t i = 0; !err && t->last && !t->v->json && i < ARRAY_SIZE(tables); i++) {
		const struct snap_table *table = snap_table(t->last, tables[i]);
		struct query q = { .total = true };

		if (i && (!table || !table->n))
			continue;
		select_text(&q, &o, tables[i], NULL, true, 100);
		o.header = false;
		o.whole = true;
		err = text_exporter.write(&t->out, t->last, &o);
	}
	print(t);
	return err ? EXIT_FAILED : EXIT_OK;
}

static int check(const struct invocation *in)
{
	const struct values *v = in->values;

	if (in->words.n || v->live.asks.specs.n)
		return EXIT_OK;
	pr_err("trace: which functions is missing; write FILE:FUNCTION, for instance libc:malloc or "
	       "/usr/bin/program:main");
	return EXIT_USAGE;
}

static int run(const struct invocation *in)
{
	const struct values *v = in->values;
	struct tracer t = { .v = v };
	struct trace_look look = { v->tree, v->json, output_ascii(), output_width() };
	struct session_cfg cfg = {
		.in = in,
		.opts = &v->live,
		.interval_ns = v->interval_ns,
		.duration_ns = v->duration_ns,
		.model = true,
		.funcs = &in->words,
		.func_calls = !v->summary,
		.on_snap = on_snap,
		.on_record = on_record,
		.on_drained = on_drained,
		.arg = &t,
	};
	int status = check(in), more;

	if (status)
		return status;
	if (v->list)
		return trace_list(&in->words, NULL, 0, v->json);
	t.lines = trace_lines_new(&look);
	status = session_open(&cfg, &t.session);
	if (!status) {
		if (!v->summary)
			trace_lines_head(t.lines, &t.out);
		status = session_run(t.session);
	}
	if (session_ended(t.session)) {
		more = print_summary(&t);
		session_print_account(t.session);
		status = status ? status : more;
	}
	snap_put(t.last);
	session_close(t.session);
	trace_lines_free(t.lines);
	str_free(&t.out);
	return t.unread ? EXIT_OK : status;
}

const struct command cmd_trace = {
	.name = "trace",
	.usage = "SPEC... [OPTION...] [-- CMD ARG...]",
	.help = "Trace functions of programs and of the kernel: a line for each call, then what they come to",
	.more = "A SPEC is one of:\n"
		"  libc:malloc                   a function of a library or program\n"
		"  /usr/bin/x:ns::Class::method  the same of a file, by its name in the source\n"
		"  libssl:SSL_*                  all that are like it: * any text, ? any letter\n"
		"  /usr/bin/x:main+0x10          an instruction: how often it is reached\n"
		"  /usr/bin/x:file.c:120         a line of its source, the same\n"
		"  k:vfs_read, k:ext4:ext4_*     a function of the kernel; of one of its modules\n"
		"  usdt:/usr/bin/x:provider:name a USDT probe; usdt:libc:* all of a file. Two that belong "
		"together\n"
		"                                (query__start, query__done) are one thing, with a duration\n"
		"A name without / means what processes have mapped under that name, in every container.\n",
	.rows = rows,
	.defaults = &defaults,
	.values_size = sizeof(struct values),
	.max_words = 64,
	.word = "function",
	.takes_command = true,
	.run = run,
};
