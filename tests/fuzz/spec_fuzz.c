/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Fuzz target: what names something to probe, and the arguments of USDT probes as a program has them. Run by
 * tests/fuzz/run.sh.
 *
 * fuzz sources: user/sym/spec.c user/sym/usdt_args.c user/sym/clone.c user/base/
 * fuzz libs: -lm
 */
#include <stdlib.h>
#include <string.h>

#include "base/embed.h"
#include "base/mem.h"
#include "base/str.h"
#include "sym/spec.h"
#include "sym/usdt_args.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

const struct embed embeds[] = { { 0 } };

static void must(bool held)
{
	if (!held)
		abort();
}

static bool variable(void *arg, const char *name, uint64_t *vaddr)
{
	*vaddr = strlen(name);
	return *name == 'v';
}

static void check_spec(const char *text)
{
	struct spec s;
	char why[120] = "";

	if (spec_parse(text, &s, why, sizeof(why))) {
		must(*why && strlen(why) < sizeof(why));
		return;
	}
	must(s.q.name && *s.q.name && (s.kernel || (s.file && *s.file)));
	must((s.q.what == FIND_LINE) == (s.q.line != 0));
	if (!s.kernel) {
		spec_is_file(&s, text);
		spec_is_file(&s, s.file);
	}
	spec_free(&s);
}

static void check_args(const char *text)
{
	static const enum insn_arch both[] = { INSN_X86_64, INSN_ARM64 };

	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		struct site_arg v[SITE_ARGS];
		uint32_t got = usdt_args(both[i], text, 0x1000, variable, NULL, v);

		must(got <= SITE_ARGS);
		for (uint32_t k = 0; k < got; k++)
			must(v[k].where <= 2 && v[k].reg >= 0 && v[k].reg < 512 && v[k].index >= 0 &&
			     v[k].index < 512 && v[k].scale <= 8);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = memcpy(xmalloc(n + 1), data, n);

	text[n] = '\0';
	check_spec(text);
	check_args(text);
	find_clone(text);
	str_glob(text, "a name that is like it");
	free(text);
	return 0;
}
