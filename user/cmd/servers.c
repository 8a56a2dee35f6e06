/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Which servers are asked for debug information: none unless --debuginfod stands on the command
 * line, whatever the environment says. Called by the session.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/servers.h"
#include "cmd/session.h"
#include "sym/fetcher.h"

#define MAX_LEN 4000 /* of all; one variable of an environment carries them */
#define BETWEEN " ,\t\n"

/* Where its name begins; NULL: no address that a server may have. */
static const char *host_of(const char *url)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (!strncasecmp(url, schemes[i], strlen(schemes[i])))
			return url + strlen(schemes[i]);
	return NULL;
}

static bool is_url(const char *url)
{
	const char *host = host_of(url);

	if (!host || !(isalnum((unsigned char)*host) || *host == '['))
		return false;
	for (; *host; host++)
		if (!isgraph((unsigned char)*host) || strchr("\"'\\<>`{|}", *host))
			return false;
	return true;
}

/* Some distributions have a word between the servers that says how signatures are checked. */
static bool is_policy(const char *word)
{
	return !strncmp(word, "ima:", 4);
}

static int take(const char *text, const char *from, struct str *urls)
{
	char *copy = xstrdup(text), *rest = copy, *word;
	size_t n = 0;

	while ((word = strsep(&rest, BETWEEN))) {
		if (!*word)
			continue;
		if (!is_url(word) && !is_policy(word)) {
			pr_err("%s: \"%s\" is not a server; write http://HOST or https://HOST", from, word);
			free(copy);
			return EXIT_USAGE;
		}
		n += is_url(word);
		str_addf(urls, "%s%s", urls->len ? " " : "", word);
	}
	free(copy);
	if (n && urls->len <= MAX_LEN)
		return EXIT_OK;
	pr_err(n ? "%s: too many servers" : "%s: no server is named; write --debuginfod=https://HOST", from);
	return EXIT_USAGE;
}

int servers_of(const struct session_opts *o, char **urls)
{
	const char *env = getenv("DEBUGINFOD_URLS");
	struct str s = {};
	int status;

	*urls = NULL;
	if (!o->debuginfod)
		return EXIT_OK;
	if (!o->stack_bytes) {
		pr_err("--debuginfod: there are no user stacks with --stack-bytes=0; leave one of them out");
		return EXIT_USAGE;
	}
	if (!*o->debuginfod && (!env || !env[strspn(env, BETWEEN)])) {
		pr_err("--debuginfod: DEBUGINFOD_URLS names no server; write --debuginfod=https://HOST");
		return EXIT_USAGE;
	}
	status = *o->debuginfod ? take(o->debuginfod, "--debuginfod", &s) : take(env, "DEBUGINFOD_URLS", &s);
	if (!status && !fetcher_program())
		pr_warn("--debuginfod: " FETCHER_MISSING);
	if (!status)
		*urls = xstrdup(str_get(&s));
	str_free(&s);
	return status;
}
