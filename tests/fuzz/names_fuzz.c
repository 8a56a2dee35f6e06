/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Fuzz target: what the host writes about its processes, and what they write themselves: command
 * lines through the masking, cgroup paths, the files of /proc, and all through the encoders. Run by
 * tests/fuzz/run.sh.
 *
 * fuzz sources: user/host/ user/base/
 * fuzz libs: -lm
 */
#include <stdlib.h>
#include <string.h>

#include "base/embed.h"
#include "base/mem.h"
#include "base/str.h"
#include "host/cgroup.h"
#include "host/container.h"
#include "host/mask.h"
#include "host/mounts.h"
#include "host/proc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

const struct embed embeds[] = { { 0 } };

static void must(bool held)
{
	if (!held)
		abort();
}

static void encode(const char *s, size_t n)
{
	static void (*const encoders[])(struct str * dst, const char *src, size_t n) = { enc_json, enc_html,
											 enc_csv };
	struct str out = {}, again = {};

	for (size_t i = 0; i < ARRAY_SIZE(encoders); i++) {
		str_reset(&out);
		encoders[i](&out, s, n);
		for (size_t k = 0; k < out.len; k++)
			must((unsigned char)out.s[k] >= ' ');
	}
	str_reset(&out);
	enc_text(&out, s, n, false);
	must(str_width(str_get(&out), out.len) >= 0);
	must(str_cut(str_get(&out), out.len, 10) <= out.len);
	/* what is clean stays as it is */
	enc_text(&again, str_get(&out), out.len, false);
	must(again.len == out.len && !memcmp(str_get(&again), str_get(&out), out.len));
	str_reset(&out);
	enc_text(&out, s, n, true);
	for (size_t k = 0; k < out.len; k++)
		must(out.s[k] >= ' ' && out.s[k] < 0x7f);
	str_free(&out);
	str_free(&again);
}

static void names(const char *s)
{
	char path[CGROUP_PATH_LEN], name[CONTAINER_NAME_LEN];
	struct container c;
	struct proc_info p;

	must(cgroup_parse(s, path) <= 0 && strlen(path) < sizeof(path));
	container_parse(s, &c);
	must(strlen(container_name(&c, name)) < sizeof(name) && strlen(c.pod) < sizeof(c.pod) &&
	     strlen(c.unit) < sizeof(c.unit));
	container_is(&c, s);
	must(proc_parse_stat(s, &p) <= 0);
	must(memchr(p.comm, 0, sizeof(p.comm)) != NULL);
}

static void mask(const char *s, size_t n)
{
	struct str line = {}, words = {};
	size_t blanks = 0;

	mask_cmdline(s, n, &line);
	mask_argv(s, n, &words);
	must(line.len <= 4 * MASK_INPUT_MAX);
	/* both say the same, but for what stands between two words */
	must(words.len == line.len + 1);
	for (size_t i = 0; i < line.len; i++)
		blanks += line.s[i] != words.s[i] && line.s[i] == ' ' && !words.s[i];
	must(blanks <= n);
	encode(str_get(&line), line.len);
	str_free(&line);
	str_free(&words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *exact = memcpy(xmalloc(n + 1), data, n);

	exact[n] = '\0';
	names(exact);
	/* from memory that ends where it ends */
	exact = xrealloc(exact, n ? n : 1);
	mask(exact, n);
	encode(exact, n);
	free(exact);
	return 0;
}
