/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Finds the command, parses its options, prints the help. Called by main. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "cmd/output.h"

#define X(name) extern const struct command cmd_##name;
#include "cmd/list.def"
#undef X

const struct command *const all_commands[] = {
#define X(name) &cmd_##name,
#include "cmd/list.def"
#undef X
	NULL,
};

static int print(struct str *text)
{
	int err = output_stdout(text);

	str_free(text);
	return err ? EXIT_FAILED : EXIT_OK;
}

static int help_all(void)
{
	struct str out = {};

	str_add(&out, "hostlat shows where the time goes on this host: which threads wait, on what, for how\n"
		      "long and because of whom.\n\nusage: hostlat [COMMAND] [OPTION...]\n\n");
	for (size_t i = 0; all_commands[i]; i++)
		str_addf(&out, "  %-8s %s\n", all_commands[i]->name, all_commands[i]->help);
	str_addf(&out,
		 "\nWithout a command: %s. `hostlat COMMAND --help` lists its options.\n"
		 "Exit status: 0 done, 1 failed, 2 wrong usage, 3 not permitted or not supported here.\n",
		 all_commands[0]->name);
	return print(&out);
}

static int help_command(const struct command *c)
{
	struct str out = {};

	str_addf(&out, "usage: hostlat %s%s%s\n\n%s.\n\n", c->name, *c->usage ? " " : "", c->usage, c->help);
	opt_help(&out, c->rows);
	if (c->more)
		str_addf(&out, "\n%s", c->more);
	if (c->add_help)
		c->add_help(&out);
	return print(&out);
}

static int unknown_command(const char *word)
{
	struct str names = {};

	for (size_t i = 0; all_commands[i]; i++)
		str_addf(&names, "%s%s", i ? ", " : "", all_commands[i]->name);
	pr_err("\"%s\" is no command; there are %s", word, str_get(&names));
	str_free(&names);
	return EXIT_USAGE;
}

static void free_lists(const struct opt *rows, void *values)
{
	for (; rows->type != OPT_END; rows++)
		if (rows->type == OPT_LIST)
			opt_list_free((struct opt_list *)((char *)values + rows->offset));
}

static int check_words(const struct command *c, const struct opt_list *words)
{
	if (words->n < c->min_words) {
		pr_err("%s: %s is missing; write hostlat %s %s", c->name, c->word, c->name, c->usage);
		return EXIT_USAGE;
	}
	if (words->n > c->max_words) {
		pr_err("%s: \"%s\" is one word too many; write hostlat %s %s", c->name,
		       words->v[c->max_words], c->name, c->usage);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

/* argv[0] is the word before the command's options. */
static int run_command(const struct command *c, int argc, char **argv, char **all)
{
	void *values = xmalloc(c->values_size);
	struct invocation in = { .cmd = c, .values = values, .argv = all };
	const struct common *common = values;
	int status = EXIT_USAGE;

	memcpy(values, c->defaults, c->values_size);
	if (!opt_parse(argc, argv, c->rows, values, &in.words, c->takes_command ? &in.rest : NULL)) {
		if (common->debug)
			log_set_level(LOG_DEBUG);
		status = common->help ? help_command(c) : check_words(c, &in.words);
		if (!common->help && !status)
			status = c->run(&in);
	}
	opt_list_free(&in.words);
	free_lists(c->rows, values);
	free(values);
	return status;
}

int commands_run(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	struct str version = {};

	if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help"))
		return help_all();
	if (!strcmp(word, "--version")) {
		str_add(&version, "hostlat " HL_VERSION "\n");
		return print(&version);
	}
	if (!*word || word[0] == '-')
		return run_command(all_commands[0], argc, argv, argv);
	for (size_t i = 0; all_commands[i]; i++)
		if (!strcmp(all_commands[i]->name, word))
			return run_command(all_commands[i], argc - 1, argv + 1, argv);
	return unknown_command(word);
}
