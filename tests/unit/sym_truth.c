/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Stacks of programs whose frames are known: every frame, its file and its line. */
#include <stdlib.h>
#include <unistd.h>

#include "tests/test.h"
#include "tests/unit/sym_fixture.h"

#define BUILD                                                                                                \
	"cc -O2 -g -fomit-frame-pointer -fPIC -shared -o libchain.so \"$T/sym_lib.c\" && "                   \
	"cc -O2 -g -fomit-frame-pointer %s -o chain \"$T/sym_chain.c\" -L. -lchain"

static const struct want {
	const char *function, *mark;
	bool inlined;
} chain[] = {
	{ "leaf", "leaf", false },    { "folded_twice", "folded_twice", true },
	{ "folded", "folded", true }, { "middle", "middle", false },
	{ "lib_call", NULL, false },  { "outer", "outer", false },
	{ "main", "main", false },
};

/* The frames from that of leaf on; those before it are of the C library. */
static void check_chain(const struct sym_answer *a, size_t n)
{
	int at = sym_frame(a, "leaf");

	if (!ASSERT(at >= 1) || !ASSERT(a->n >= (size_t)at + n)) {
		sym_print(a);
		return;
	}
	for (size_t i = 0; i < n; i++, at++) {
		ASSERT_STR(a->v[at].function, chain[i].function);
		ASSERT_EQ(a->v[at].inlined, chain[i].inlined);
		if (!chain[i].mark)
			continue;
		ASSERT_EQ(a->v[at].line, sym_line("tests/data/sym_chain.c", chain[i].mark));
		ASSERT(strstr(a->v[at].file, "tests/data/sym_chain.c") != NULL);
	}
}

static void check(const char *flags)
{
	struct sym_target *t = calloc(1, sizeof(*t));
	struct sym_answer *a = calloc(1, sizeof(*a));
	struct ustacks *u = sym_new(0);
	struct sym_dir d;

	if (sym_dir_make(&d) && sym_run(&d, BUILD, flags) && sym_target_start(t, &d, "chain", NULL)) {
		if (sym_ask(u, t, a)) {
			ASSERT_EQ(a->how, USTACK_DWARF);
			ASSERT(!a->truncated);
			ASSERT_STR(a->why, "");
			check_chain(a, ARRAY_SIZE(chain));
			sym_print(a);
		}
		sym_target_stop(t);
	}
	ustacks_free(u);
	sym_dir_clean(&d);
	free(t);
	free(a);
}

void test_sym_truth_pie(void)
{
	check("-pie -fPIE");
}

void test_sym_truth_fixed(void)
{
	check("-no-pie -fno-pie");
}

void test_sym_truth_compressed(void)
{
	check("-gz=zlib");
}

void test_sym_truth_dwarf4(void)
{
	check("-gdwarf-4");
}
