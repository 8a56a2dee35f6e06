/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Options: every way to write one, every mistake with its message, the help. */
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "base/opt.h"
#include "base/str.h"
#include "tests/test.h"

struct values {
	bool json, batch, quiet;
	const char *out, *servers;
	unsigned int count;
	uint64_t slow, memory;
	int calls;
	struct opt_list pids;
};

static const char *const calls[] = { "auto", "on", "off", NULL };

#define AT(member) .offset = offsetof(struct values, member)

/* clang-format off */
static const struct opt rows[] = {
	{ .type = OPT_FLAG, .short_name = 'j', .long_name = "json", .help = "print one JSON document", AT(json) },
	{ .type = OPT_FLAG, .short_name = 'b', .long_name = "batch", .help = "print text instead of the live view", AT(batch) },
	{ .type = OPT_FLAG, .short_name = 'q', .help = "say less", AT(quiet) },
	{ .type = OPT_STR, .short_name = 'o', .long_name = "output", .arg = "FILE",
	  .help = "write to FILE, or to standard output where FILE is a -", AT(out) },
	{ .type = OPT_UINT, .short_name = 'n', .long_name = "count", .arg = "N",
	  .help = "end after N intervals", AT(count), .min = 1, .max = 100 },
	{ .type = OPT_DURATION, .long_name = "slow", .arg = "DUR",
	  .help = "keep operations whole that take at least this long, with what they were on, "
		  "with the stacks and with the breakdown", AT(slow), .min = 1000 },
	{ .type = OPT_SIZE, .long_name = "memory", .arg = "SIZE", .help = "memory for the kernel's maps",
	  AT(memory), .min = 1 << 20, .max = 1 << 30 },
	{ .type = OPT_CHOICE, .long_name = "calls", .arg = "auto|on|off", .help = "time every system call",
	  AT(calls), .choices = calls },
	{ .type = OPT_LIST, .short_name = 'p', .long_name = "pid", .arg = "PID", .help = "only these processes", AT(pids) },
	{ .type = OPT_MAYBE, .long_name = "ask", .arg = "URL", .help = "ask servers", AT(servers) },
	{ .type = OPT_FLAG, .long_name = "selftest", .help = "for tests", AT(quiet), .hidden = true },
	{ .type = OPT_STR, .long_name = "a-name-that-is-too-long", .arg = "VALUE", .help = "stands on its own line", AT(out) },
	{ .type = OPT_END },
};
/* clang-format on */

static void keep_line(void *arg, enum log_level l, const char *line)
{
	str_addf(arg, "%s\n", line);
}

/* Parses words (NULL-ended); what was printed stands in said. */
static int parse(char **words, struct values *v, struct opt_list *others, char ***rest, struct str *said)
{
	int argc = 0, err;

	while (words[argc])
		argc++;
	*v = (struct values){};
	str_reset(said);
	log_set_sink(keep_line, said);
	err = opt_parse(argc, words, rows, v, others, rest);
	log_set_sink(NULL, NULL);
	return err;
}

#define WORDS(...) ((char *[]){ "hostlat", __VA_ARGS__, NULL })

void test_opt_every_way(void)
{
	struct opt_list others;
	struct str said = {};
	struct values v;
	char **rest;

	ASSERT_EQ(parse(WORDS("--slow=5ms", "--count", "7", "-ofile", "-j", "--calls=off", "--memory", "64M"),
			&v, &others, &rest, &said),
		  0);
	ASSERT_EQ(v.slow, 5000000);
	ASSERT_EQ(v.count, 7);
	ASSERT_STR(v.out, "file");
	ASSERT(v.json && !v.batch && !v.quiet);
	ASSERT_EQ(v.calls, 2);
	ASSERT_EQ(v.memory, 64 << 20);
	ASSERT(!others.n && !rest);

	ASSERT_EQ(parse(WORDS("-o", "-", "-jqb", "-n9", "--output=", "-o", "--json"), &v, &others, &rest,
			&said),
		  0);
	ASSERT(v.json && v.batch && v.quiet);
	ASSERT_EQ(v.count, 9);
	ASSERT_STR(v.out, "--json"); /* the last one counts; a value may look like an option */

	ASSERT_EQ(parse(WORDS("-jn3", "-qofile"), &v, &others, &rest, &said), 0);
	ASSERT_EQ(v.count, 3);
	ASSERT_STR(v.out, "file");
	ASSERT(v.json && v.quiet);
	ASSERT_EQ(said.len, 0);
	str_free(&said);
}

/* Its value never is the next word. */
void test_opt_value_or_none(void)
{
	struct opt_list others;
	struct str said = {};
	struct values v;
	char **rest;

	ASSERT_EQ(parse(WORDS("--json"), &v, &others, &rest, &said), 0);
	ASSERT(!v.servers);
	ASSERT_EQ(parse(WORDS("--ask", "word"), &v, &others, &rest, &said), 0);
	ASSERT_STR(v.servers, "");
	ASSERT_EQ(others.n, 1);
	opt_list_free(&others);
	ASSERT_EQ(parse(WORDS("--ask=https://x,y"), &v, &others, &rest, &said), 0);
	ASSERT_STR(v.servers, "https://x,y");
	str_free(&said);
}

void test_opt_lists_words_and_rest(void)
{
	struct opt_list others;
	struct str said = {};
	struct values v;
	char **rest,
		**argv = WORDS("top", "-p1,22", "-", "--pid=333", "-p", "4", "x,y", "--", "ls", "-j", "--");

	ASSERT_EQ(parse(argv, &v, &others, &rest, &said), 0);
	ASSERT_EQ(v.pids.n, 4);
	ASSERT_STR(v.pids.v[0], "1");
	ASSERT_STR(v.pids.v[1], "22");
	ASSERT_STR(v.pids.v[2], "333");
	ASSERT_STR(v.pids.v[3], "4");
	ASSERT_STR(argv[2], "-p1,22"); /* argv is as it was: it goes into recordings */
	ASSERT_EQ(others.n, 3);
	ASSERT(others.v[0] == argv[1]);
	ASSERT_STR(others.v[1], "-");
	ASSERT_STR(others.v[2], "x,y");
	ASSERT(rest == argv + 9);
	ASSERT_STR(rest[0], "ls");
	ASSERT(!v.json);
	opt_list_free(&others);
	opt_list_free(&v.pids);
	ASSERT(!v.pids.v && !v.pids.n);
	ASSERT_EQ(parse((char *[]){ "hostlat", NULL }, &v, &others, &rest, &said), 0);
	str_free(&said);
}

void test_opt_mistakes(void)
{
	static const struct {
		char *words[3];
		const char *said;
	} bad[] = {
		{ { "--slow", "10" }, "--slow: \"10\" is not a duration; write 250us, 10ms or 2s\n" },
		{ { "--slow=" }, "--slow: \"\" is not a duration; write 250us, 10ms or 2s\n" },
		{ { "--slow", "--json" }, "--slow: \"--json\" is not a duration; write 250us, 10ms or 2s\n" },
		{ { "--slow=1ns" }, "--slow: \"1ns\" is too little; at least 1.00us\n" },
		{ { "--slow" }, "--slow: its value is missing; write --slow DUR\n" },
		{ { "-o" }, "-o: its value is missing; write -o FILE\n" },
		{ { "-n", "x" }, "-n: \"x\" is not a number; write digits alone, as 10\n" },
		{ { "-n-1" }, "-n: \"-1\" is not a number; write digits alone, as 10\n" },
		{ { "-n=1" }, "-n: \"=1\" is not a number; write digits alone, as 10\n" },
		{ { "--count=0" }, "--count: \"0\" is too little; at least 1\n" },
		{ { "--count=101" }, "--count: \"101\" is too much; at most 100\n" },
		{ { "--count=99999999999999999999" },
		  "--count: \"99999999999999999999\" is too much; at most 100\n" },
		{ { "--memory=64MB" }, "--memory: \"64MB\" is not a size; write 512K, 64M or 1G\n" },
		{ { "--memory=2G" }, "--memory: \"2G\" is too much; at most 1.0G\n" },
		{ { "--calls=maybe" },
		  "--calls: \"maybe\" is none of its values; write one of auto, on, off\n" },
		{ { "-p", "1,,2" }, "-p: \"1,,2\" has an empty word; write PID,PID\n" },
		{ { "--pid=" }, "--pid: \"\" has an empty word; write PID,PID\n" },
		{ { "-p1," }, "-p: \"1,\" has an empty word; write PID,PID\n" },
		{ { "--json=1" }, "--json: takes no value, but \"1\" was given; write --json alone\n" },
		{ { "--slwo=1ms" }, "--slwo: no such option; did you mean --slow?\n" },
		{ { "--sl" }, "--sl: no such option; did you mean --slow?\n" },
		{ { "--ouptut" }, "--ouptut: no such option; did you mean --output?\n" },
		{ { "--clals" }, "--clals: no such option; did you mean --calls?\n" },
		{ { "--pdi" }, "--pdi: no such option; did you mean --pid?\n" },
		{ { "--self" }, "--self: no such option; --help lists them\n" }, /* hidden: not offered */
		{ { "--frobnicate" }, "--frobnicate: no such option; --help lists them\n" },
		{ { "--=x" }, "--: no such option; --help lists them\n" },
		{ { "-jX" }, "-X: no such option; --help lists them\n" },
		{ { "--\033[2J\n" }, "--\\x1b[2J\\x0a: no such option; --help lists them\n" },
		{ { "--" }, "--: a command is missing; write -- CMD ARG...\n" },
	};
	struct opt_list others;
	struct str said = {};
	struct values v;
	char **rest;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char *argv[] = { "hostlat", bad[i].words[0], bad[i].words[1], NULL };

		ASSERT_EQ(parse(argv, &v, &others, &rest, &said), -EINVAL);
		ASSERT_STR(str_get(&said), bad[i].said);
		opt_list_free(&v.pids);
		opt_list_free(&others);
	}
	ASSERT_EQ(parse(WORDS("word"), &v, NULL, &rest, &said), -EINVAL);
	ASSERT_STR(str_get(&said),
		   "\"word\": not an option, and nothing else is taken here; --help lists them\n");
	ASSERT_EQ(parse(WORDS("--", "ls"), &v, &others, NULL, &said), -EINVAL);
	ASSERT_STR(str_get(&said), "--: nothing can follow here; --help tells what can be written\n");
	str_free(&said);
}

void test_opt_help(void)
{
	static const char want[] =
		"  -j, --json              print one JSON document\n"
		"  -b, --batch             print text instead of the live view\n"
		"  -q                      say less\n"
		"  -o, --output=FILE       write to FILE, or to standard output where FILE is a -\n"
		"  -n, --count=N           end after N intervals\n"
		"      --slow=DUR          keep operations whole that take at least this long,\n"
		"                          with what they were on, with the stacks and with the\n"
		"                          breakdown\n"
		"      --memory=SIZE       memory for the kernel's maps\n"
		"      --calls=auto|on|off\n"
		"                          time every system call\n"
		"  -p, --pid=PID           only these processes\n"
		"      --ask[=URL]         ask servers\n"
		"      --a-name-that-is-too-long=VALUE\n"
		"                          stands on its own line\n";
	struct str out = {};

	opt_help(&out, rows);
	ASSERT_STR(str_get(&out), want);
	for (const char *line = str_get(&out); *line; line = strchr(line, '\n') + 1)
		ASSERT(strcspn(line, "\n") <= 80);
	str_free(&out);
}
