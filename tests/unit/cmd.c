/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The parts of the commands that need no kernel: filters, accounting, output files, options. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cmd/account.h"
#include "cmd/cmd.h"
#include "cmd/filter.h"
#include "cmd/output.h"
#include "cmd/select.h"
#include "tests/test.h"

static void keep(void *arg, enum log_level l, const char *line)
{
	str_add(arg, line);
	str_addc(arg, '\n');
}

/* ---- options ----------------------------------------------------------------------- */

struct seconds_values {
	uint64_t ns;
};

void test_opt_seconds(void)
{
	static const struct opt rows[] = {
		{ .type = OPT_SECONDS,
		  .short_name = 'i',
		  .arg = "SEC",
		  .help = "x",
		  .min = 1000,
		  .max = 3600 * NSEC_PER_SEC,
		  .offset = offsetof(struct seconds_values, ns) },
		{ .type = OPT_END },
	};
	static const struct {
		const char *word;
		uint64_t ns; /* 0: refused */
	} cases[] = {
		{ "1", NSEC_PER_SEC },
		{ "0.5", NSEC_PER_SEC / 2 },
		{ "500ms", NSEC_PER_SEC / 2 },
		{ "2s", 2 * NSEC_PER_SEC },
		{ "1m30s", 90 * NSEC_PER_SEC },
		{ "3600", 3600 * NSEC_PER_SEC },
		{ "3601", 0 },
		{ "0", 0 },
		{ "", 0 },
		{ ".", 0 },
		{ "1.", 0 },
		{ "-1", 0 },
		{ "1 s", 0 },
		{ "1.5.2", 0 },
		{ "1e3", 0 },
		{ "99999999999999999999", 0 },
	};
	struct str said = {};

	log_set_sink(keep, &said);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *argv[] = { "x", "-i", (char *)cases[i].word, NULL };
		struct seconds_values v = {};

		str_reset(&said);
		ASSERT_EQ(opt_parse(3, argv, rows, &v, NULL, NULL), cases[i].ns ? 0 : -EINVAL);
		ASSERT_EQ(v.ns, cases[i].ns);
		ASSERT(!cases[i].ns == !!said.len);
	}
	log_set_sink(NULL, NULL);
	str_free(&said);
}

/* ---- filters ------------------------------------------------------------------------ */

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* What is written into a recording is read back as the same filter. */
void test_filter_words(void)
{
	const char *const *words = WORDS("--pid=12", "--pid=13", "--comm=redis-server", "--cgroup=/a.slice",
					 "--container=web", "--syscall=read", "--target");
	struct filter_opts o = {};
	struct filter f;
	size_t i;

	filter_parse_words(&o, words);
	ASSERT(filter_given(&o));
	ASSERT_EQ(filter_init(&f, &o), 0);
	for (i = 0; words[i]; i++)
		ASSERT_STR(f.words.v[i], words[i]);
	ASSERT(!f.words.v[i]);
	ASSERT_EQ(f.model.nr_pids, 2);
	ASSERT_EQ(f.model.pids[1], 13);
	ASSERT_STR(f.model.comms[0], "redis-server");
	ASSERT(!f.model.comms[1]);
	ASSERT_STR(f.model.cgroups[0], "/a.slice");
	ASSERT_STR(f.model.containers[0], "web");
	ASSERT_EQ(f.model.nr_nrs, 1);
	ASSERT(f.model.target_only);
	filter_free(&f);
	filter_opts_free(&o);
}

/* A recording is input like any other. */
void test_filter_hostile_words(void)
{
	struct filter_opts o = {};
	struct str said = {};
	struct filter f;

	filter_parse_words(&o, WORDS("", "-", "--", "--pid", "--pid=", "--nonsense=1", "pid=1", "--comm=x,,y",
				     "-p7", "--help", "--target=1"));
	ASSERT_EQ(o.pids.n, 1);
	ASSERT(!o.target);
	ASSERT_EQ(o.comms.n, 0);
	filter_opts_free(&o);
	filter_parse_words(&o, NULL);
	ASSERT(!filter_given(&o));
	filter_parse_words(&o, WORDS("--pid=nobody"));
	log_set_sink(keep, &said);
	ASSERT_EQ(filter_init(&f, &o), -EINVAL);
	log_set_sink(NULL, NULL);
	ASSERT(strstr(str_get(&said), "nobody") != NULL);
	str_free(&said);
	filter_opts_free(&o);
}

void test_filter_cgroup_as_a_folder(void)
{
	struct filter_opts o = {};
	struct filter f;

	filter_parse_words(&o, WORDS("--cgroup=/sys/fs/cgroup/system.slice/a.service"));
	ASSERT_EQ(filter_init(&f, &o), 0);
	ASSERT_STR(f.model.cgroups[0], "/system.slice/a.service");
	filter_free(&f);
	filter_opts_free(&o);
}

/* ---- accounting ----------------------------------------------------------------------- */

void test_account_line(void)
{
	struct account a = {};
	struct str line = {};
	struct hl_rec_acct r = { .class_id = HL_CLASS_WAITS, .seen = 1500, .delivered = 1500 };

	account_line(&a, &line);
	ASSERT_STR(str_get(&line), "nothing lost");
	account_take(&a, &r);
	str_reset(&line);
	account_line(&a, &line);
	ASSERT_STR(str_get(&line), "nothing lost: 1.5k waits");
	r = (struct hl_rec_acct){ .class_id = HL_CLASS_SLOW, .seen = 10, .delivered = 5 };
	r.lost[HL_LOSS_RING_FULL] = 3;
	r.lost[HL_LOSS_DAMAGED] = 1;
	account_take(&a, &r);
	str_reset(&line);
	account_line(&a, &line);
	ASSERT_STR(str_get(&line),
		   "slow: 4 of 10 lost (3: the ring buffer was full, 1: the record failed its check); "
		   "slow: 1 of 10 unaccounted");
	r.class_id = NR_HL_CLASSES; /* of a newer kernel side */
	account_take(&a, &r);
	str_free(&line);
}

/* ---- files ------------------------------------------------------------------------------ */

static char *read_all(const char *path)
{
	static char buf[64];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (fd >= 0)
		close(fd);
	buf[MAX(n, 0)] = '\0';
	return buf;
}

void test_output_file(void)
{
	char dir[] = "/tmp/hostlat-unit-XXXXXX";
	__free char *file = NULL, *link = NULL;
	struct str text = {}, said = {};
	struct stat st;

	ASSERT(mkdtemp(dir) != NULL);
	file = xasprintf("%s/file", dir);
	link = xasprintf("%s/link", dir);
	log_set_sink(keep, &said);
	str_add(&text, "one");
	ASSERT_EQ(output_file(file, &text, OUTPUT_NEW), 0);
	ASSERT_STR(read_all(file), "one");
	ASSERT(!stat(file, &st) && (st.st_mode & 0777) == 0600);
	ASSERT_EQ(said.len, 0);
	str_add(&text, "two");
	ASSERT_EQ(output_file(file, &text, OUTPUT_NEW), -EEXIST);
	ASSERT_STR(read_all(file), "one");
	ASSERT_EQ(output_file(file, &text, 0), 0);
	ASSERT_STR(read_all(file), "onetwo");
	ASSERT(!symlink(file, link));
	ASSERT_EQ(output_file(link, &text, 0), -EINVAL);
	ASSERT_EQ(output_file(dir, &text, 0), -EISDIR);
	ASSERT_EQ(output_file("/tmp/", &text, 0), -EINVAL);
	ASSERT_EQ(output_file("", &text, 0), -EINVAL);
	log_set_sink(NULL, NULL);
	unlink(link);
	unlink(file);
	ASSERT(!rmdir(dir)); /* nothing else was left there */
	str_free(&text);
	str_free(&said);
}

/* ---- words of --view and --sort ------------------------------------------------------------ */

void test_select_words(void)
{
	struct str said = {};

	log_set_sink(keep, &said);
	ASSERT_EQ(select_check(NULL, NULL), 0);
	ASSERT_EQ(select_check("threads", "tid"), 0);
	ASSERT_EQ(select_check(NULL, "duration_ns"), 0);
	ASSERT_EQ(said.len, 0);
	ASSERT_EQ(select_check("frob", NULL), -EINVAL);
	ASSERT(strstr(str_get(&said), "processes, threads, operations, slow") != NULL);
	str_reset(&said);
	ASSERT_EQ(select_check("processes", "duration_ns"), -EINVAL);
	ASSERT(strstr(str_get(&said), "busy_ns") != NULL);
	ASSERT_EQ(select_check(NULL, "time_ns"), -EINVAL); /* time by state has no order */
	ASSERT_STR(select_table("duration_ns"), "slow");
	ASSERT(!select_table("frob"));
	log_set_sink(NULL, NULL);
	str_free(&said);
}

/* ---- the commands themselves -------------------------------------------------------------- */

/* Rows that cannot work are found here, not by a user. */
void test_command_rows(void)
{
	for (size_t i = 0; all_commands[i]; i++) {
		const struct command *c = all_commands[i];

		ASSERT(c->name && c->usage && c->help && c->run && c->defaults);
		for (const struct opt *a = c->rows; a->type != OPT_END; a++) {
			ASSERT(a->help && (a->short_name || a->long_name));
			ASSERT(a->type == OPT_FLAG || a->arg);
			ASSERT(a->offset < c->values_size);
			for (const struct opt *b = c->rows; b != a; b++) {
				ASSERT(!a->short_name || a->short_name != b->short_name);
				ASSERT(!a->long_name || !b->long_name || strcmp(a->long_name, b->long_name));
			}
		}
	}
}
