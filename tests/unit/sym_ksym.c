/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Kernel addresses to names: the right one, or none and a reason. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sym/ksym.h"
#include "tests/test.h"
#include "tests/unit/rec_util.h"

/* Out of order, as modules are; with what no stack can hold, and what has no known end. */
static const char symbols[] = "ffffffff81000000 T first\n"
			      "ffffffff81000000 T _stext\n"
			      "ffffffff81000100 t second\n"
			      "ffffffff810001f0 t __pfx_third\n"
			      "ffffffff81000200 W third\n"
			      "ffffffff81000300 D data\n"
			      "ffffffff81001000 T _etext\n"
			      "ffffffff81002000 T init_code\n"
			      "ffffffffc0100000 t two_in\t[two]\n"
			      "ffffffffc0000100 t one_in\t[one]\n"
			      "ffffffffc0050000 t bpf_prog_1\t[bpf]\n"
			      "nonsense\n"
			      "ffffffff81000400 t last_of_line";
static const char modules[] = "one 4096 1 two, Live 0xffffffffc0000000 (E)\n"
			      "two 8192 0 - Live 0xffffffffc0100000\n";

struct files {
	char *symbols, *modules;
	struct ksyms *k;
};

static void files_begin(struct files *f, const char *syms, const char *mods)
{
	tmp_begin();
	f->symbols = tmp_path("kallsyms");
	f->modules = tmp_path("modules");
	ASSERT(file_put(f->symbols, syms, strlen(syms)));
	ASSERT(file_put(f->modules, mods, strlen(mods)));
	f->k = ksyms_new(f->symbols, f->modules);
}

static void files_end(struct files *f)
{
	ksyms_free(f->k);
	free(f->symbols);
	free(f->modules);
	tmp_end();
}

static const char *found(struct ksyms *k, uint64_t addr)
{
	static char text[128];
	struct ksym s;

	ksyms_find(k, addr, &s);
	if (!s.function)
		return s.why ? "" : "neither name nor reason";
	snprintf(text, sizeof(text), "%s+%u%s%s", s.function, s.offset, s.module ? " " : "",
		 s.module ? s.module : "");
	return text;
}

void test_ksym_find(void)
{
	static const struct {
		uint64_t addr;
		const char *want;
	} rows[] = {
		{ 0xffffffff81000000, "" }, /* what returns there was called before all code */
		{ 0xffffffff81000001,
		  "first+1" }, /* of two names the first, as the kernel itself prints it */
		{ 0xffffffff81000100, "first+256" }, /* a call that does not return stands last */
		{ 0xffffffff81000101, "second+1" },
		{ 0xffffffff81000201, "third+1" },
		{ 0xffffffff81000310, "third+272" }, /* data is no code */
		{ 0xffffffff81001000, "third+3584" },
		{ 0xffffffff81001001, "" }, /* behind the text */
		{ 0xffffffff81002010, "" },
		{ 0xffffffffc0000110, "one_in+16 one" },
		{ 0xffffffffc0001000, "one_in+3840 one" },
		{ 0xffffffffc0001001, "" }, /* behind the module */
		{ 0xffffffffc0000010, "" }, /* before its first function */
		{ 0xffffffffc0050010, "" }, /* it is not told where a BPF program ends */
		{ 0xffffffffc0101000, "two_in+4096 two" },
		{ 0, "" },
		{ 1, "" },
		{ ~0ull, "" },
	};
	struct files f;

	files_begin(&f, symbols, modules);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ASSERT_STR(found(f.k, rows[i].addr), rows[i].want);
	ASSERT(ksyms_fixed(f.k, 0xffffffff81000101));
	ASSERT(!ksyms_fixed(f.k, 0xffffffffc0000110));
	files_end(&f);
}

/* Another module at the place of one that is gone. */
void test_ksym_modules_change(void)
{
	static const char others[] = "ffffffff81000000 T _stext\nffffffff81001000 T _etext\n"
				     "ffffffffc0000100 t other_in\t[other]\n";
	struct files f;
	uint64_t before;

	files_begin(&f, symbols, modules);
	before = ksyms_modules(f.k);
	ASSERT_STR(found(f.k, 0xffffffffc0000110), "one_in+16 one");
	ASSERT(file_put(f.symbols, others, strlen(others)));
	ASSERT_STR(found(f.k, 0xffffffffc0000110), "one_in+16 one"); /* not read again for nothing */
	ASSERT(file_put(f.modules, "other 4096 0 - Live 0xffffffffc0000000\n", 39));
	ASSERT(ksyms_modules(f.k) != before);
	ASSERT_STR(found(f.k, 0xffffffffc0000110), "other_in+16 other");
	/* who uses it does not matter */
	before = ksyms_modules(f.k);
	ASSERT(file_put(f.modules, "other 4096 7 a,b, Live 0xffffffffc0000000\n", 42));
	ASSERT(ksyms_modules(f.k) == before);
	files_end(&f);
}

static void refuses(const char *syms, const char *reason)
{
	struct files f;
	struct ksym s;

	files_begin(&f, syms, "");
	ksyms_find(f.k, 0xffffffff81000101, &s);
	ASSERT(!s.function && s.why && strstr(s.why, reason));
	files_end(&f);
}

void test_ksym_hidden(void)
{
	struct ksyms *k = ksyms_new("/nonexistent/kallsyms", "/nonexistent/modules");
	struct ksym s;

	refuses("0000000000000000 T _stext\n0000000000000000 T first\n0000000000000000 T _etext\n",
		"the kernel hides its addresses");
	refuses("ffffffff81000100 t second\n", "hides"); /* it is not told how far the text goes */
	ksyms_find(k, 0xffffffff81000101, &s);
	ASSERT(!s.function && s.why && strstr(s.why, "/nonexistent/kallsyms"));
	ksyms_free(k);
	ksyms_free(NULL);
}
