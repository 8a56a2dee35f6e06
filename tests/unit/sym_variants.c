/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * One program built in the ways that compilers and linkers offer: what is shown is what the source
 * says, and where something is missing it is missing, never another's.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/test.h"
#include "tests/unit/sym_fixture.h"

struct variant {
	struct sym_target *t;
	struct sym_answer *a;
	struct ustacks *u;
	struct sym_dir d;
};

static bool begin(struct variant *v)
{
	v->t = calloc(1, sizeof(*v->t));
	v->a = calloc(1, sizeof(*v->a));
	v->u = sym_new(0);
	return sym_dir_make(&v->d);
}

static void end(struct variant *v)
{
	if (v->t->pid)
		sym_target_stop(v->t);
	ustacks_free(v->u);
	sym_dir_clean(&v->d);
	free(v->t);
	free(v->a);
}

static bool has(const char *command)
{
	char line[200];

	snprintf(line, sizeof(line), "(%s) > /dev/null 2>&1", command);
	if (!system(line))
		return true;
	printf("# not tested: not here: %s\n", command);
	return false;
}

/* Innermost first; what is of the C library stands around them. */
struct want {
	const char *function, *mark;
	bool inlined;
};

static const struct want folded[] = {
	{ "leaf", "leaf", false },    { "folded_twice", "folded_twice", true },
	{ "folded", "folded", true }, { "middle", "middle", false },
	{ "lib_call", NULL, false },  { "outer", "outer", false },
	{ "main", "main", false },
};

enum names { FULL, NO_LINES, NO_NAMES };

static void check_frame(const struct sym_answer *a, size_t at, const struct want *w, enum names names)
{
	ASSERT_STR(a->v[at].function, names == NO_NAMES ? "" : w->function);
	ASSERT_EQ(a->v[at].inlined, names == FULL && w->inlined);
	if (names != FULL) {
		ASSERT_EQ(a->v[at].line, 0);
		ASSERT_STR(a->v[at].file, "");
	} else if (w->mark) {
		ASSERT_EQ(a->v[at].line, sym_line("tests/data/sym_chain.c", w->mark));
		ASSERT(strstr(a->v[at].file, "sym_chain.c") != NULL);
	}
}

/* From leaf to main, all of them and nothing between. without: a function that is none of its own here. */
static void check_frames(const struct sym_answer *a, enum names names)
{
	int first = sym_frame(a, "leaf");
	size_t at = (size_t)first;

	if (!ASSERT(first >= 0 && a->n > at + (names == FULL ? 7 : 5))) {
		sym_print(a);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(folded); i++)
		if (names == FULL || !folded[i].inlined)
			check_frame(a, at++, &folded[i], names);
}

/* unread: it is said that there was debug information, and not read. */
static void check_why(const char *build, enum names names, bool unread)
{
	struct variant v;

	if (begin(&v) && sym_run(&v.d, "%s", build) && sym_target_start(v.t, &v.d, "chain", NULL) &&
	    sym_ask(v.u, v.t, v.a)) {
		ASSERT_EQ(v.a->how, USTACK_DWARF);
		ASSERT(!v.a->truncated);
		check_frames(v.a, names);
	}
	ASSERT_EQ(v.a->why[0] != '\0', unread);
	end(&v);
}

static void check_built(const char *build, enum names names)
{
	check_why(build, names, false);
}

#define LIB         "cc -O2 -fPIC -shared -o libchain.so \"$T/sym_lib.c\" && "
#define CC(flags)   LIB "cc -g " flags " -o chain \"$T/sym_chain.c\" -L. -lchain"
#define CLANG(more) LIB "clang -g " more " -o chain \"$T/sym_chain.c\" -L. -lchain"

void test_sym_variants_gcc(void)
{
	check_built(CC("-O0"), FULL);
	check_built(CC("-O1 -gdwarf-5"), FULL);
	check_built(CC("-O3 -gdwarf-4"), FULL);
	check_built(CC("-Os -ggdb3"), FULL);
	check_built(CC("-O2 -gdwarf-3 -gstrict-dwarf"), FULL);
	check_built(CC("-O2 -g1"), FULL);
	check_built(CC("-O2 -ffunction-sections -Wl,--gc-sections"), FULL);
	check_built(CC("-O2 -fdebug-types-section"), FULL);
}

void test_sym_variants_lto(void)
{
	check_built(CC("-O2 -flto"), FULL);
	check_built(CC("-O2 -flto -ffat-lto-objects -gdwarf-4"), FULL);
}

void test_sym_variants_linked(void)
{
	check_built(CC("-O2 -no-pie -fno-pie"), FULL);
	check_built(CC("-O2 -Wl,-z,separate-code"), FULL);
	check_built(CC("-O2 -Wl,-z,noseparate-code"), FULL);
	check_built(CC("-O2 -Wl,-z,max-page-size=0x200000 -Wl,-z,common-page-size=0x200000"), FULL);
	check_built(CC("-O2 -no-pie -fno-pie -Wl,-z,max-page-size=0x200000 -Wl,-z,noseparate-code"), FULL);
	check_built(CC("-O2 -Wl,-Ttext-segment=0x10000000 -no-pie -fno-pie"), FULL);
	check_built(CC("-O2 -Wl,--build-id=none -Wl,--hash-style=sysv"), FULL);
	check_built("cc -g -O2 -static -o chain \"$T/sym_chain.c\" \"$T/sym_lib.c\"", FULL);
	check_built("cc -g -O2 -static-pie -fPIE -o chain \"$T/sym_chain.c\" \"$T/sym_lib.c\"", FULL);
	if (has("ld.gold --version"))
		check_built(CC("-O2 -fuse-ld=gold"), FULL);
	if (has("ld.lld --version"))
		check_built(CC("-O2 -fuse-ld=lld"), FULL);
}

/* A library that says of itself that it is at some address, as prelinked ones do. */
void test_sym_variants_prelinked(void)
{
	check_built(
		"cc -g -O2 -fPIC -shared -Wl,-Ttext-segment=0x3f00000000 -o libchain.so \"$T/sym_lib.c\" && "
		"cc -g -O2 -o chain \"$T/sym_chain.c\" -L. -lchain",
		FULL);
}

void test_sym_variants_clang(void)
{
	if (!has("clang --version"))
		return;
	check_built(CLANG("-O2 -fno-optimize-sibling-calls"), FULL);
	check_built(CLANG("-O0 -gdwarf-4"), FULL);
	check_built(CLANG("-O2 -gdwarf-5 -fno-pie -no-pie"), FULL);
	check_built(CLANG("-O1 -gline-tables-only"), FULL);
	check_built(CLANG("-O2 -gdwarf-5 -ffunction-sections"), FULL);
}

/* What libelf unpacks, it unpacks; what it cannot is as if it were not there. */
void test_sym_variants_compressed(void)
{
	check_built(CC("-O2 -gz=zlib"), FULL);
	check_built(CC("-O2") " && objcopy --compress-debug-sections=zlib-gnu chain", FULL);
	if (has("objcopy --help | grep -q zstd"))
		check_why(CC("-O2") " && objcopy --compress-debug-sections=zstd chain", NO_LINES, true);
}

/* Of split debug information nothing is read: functions are those of the symbols, and no line is
 * said to be that of a function into which another was inlined there. */
void test_sym_variants_split(void)
{
	check_built(CC("-O2 -gsplit-dwarf"), NO_LINES);
	check_built(CC("-O2 -gsplit-dwarf -gdwarf-4"), NO_LINES);
	check_built(CC("-O2 -gsplit-dwarf") " && rm -f *.dwo", NO_LINES);
	check_built(CC("-O2 -gsplit-dwarf -gdwarf-4") " && dwp -e chain && rm -f *.dwo", NO_LINES);
	if (has("clang --version")) {
		check_built(CLANG("-O2 -gsplit-dwarf -gdwarf-5"), NO_LINES);
		check_built(CLANG("-O2 -gsplit-dwarf -gdwarf-4"), NO_LINES);
		check_built(CLANG("-O2 -gsplit-dwarf -gdwarf-5 -fsplit-dwarf-inlining"), FULL);
	}
}

/* A program whose text is in memory only. */
void test_sym_variants_memfd(void)
{
	struct variant v;

	if (begin(&v) && sym_run(&v.d, CC("-O2") " && cc -O2 -o from_memory \"$T/sym_memfd.c\"") &&
	    sym_target_start(v.t, &v.d, "from_memory", "chain") && sym_ask(v.u, v.t, v.a)) {
		check_frames(v.a, FULL);
		ASSERT(strstr(v.a->v[sym_frame(v.a, "leaf")].module, "memfd:") != NULL);
	}
	end(&v);
}

/* A function in a function has its own frame, and what is inlined in it too. */
void test_sym_variants_nested(void)
{
	struct variant v;
	int at;

	if (begin(&v) && sym_run(&v.d, "cc -g -O2 -o nested \"$T/sym_nested.c\"") &&
	    sym_target_start(v.t, &v.d, "nested", NULL) && sym_ask(v.u, v.t, v.a)) {
		at = sym_frame(v.a, "folded");
		if (ASSERT(at >= 0) && ASSERT(v.a->v[at].inlined)) {
			ASSERT_EQ(v.a->v[at].line, sym_line("tests/data/sym_nested.c", "folded"));
			ASSERT(!strncmp(v.a->v[at + 1].function, "inner", 5));
			ASSERT_EQ(v.a->v[at + 1].line, sym_line("tests/data/sym_nested.c", "inner"));
			ASSERT_STR(v.a->v[at + 2].function, "outer");
			ASSERT_EQ(v.a->v[at + 2].line, sym_line("tests/data/sym_nested.c", "outer"));
		} else {
			sym_print(v.a);
		}
	}
	end(&v);
}

#if defined(__x86_64__)
/* 32-bit programs: their own registers, tables and vDSO. */
static void check_narrow(const char *flags, enum names names)
{
	struct variant v;

	if (begin(&v) &&
	    sym_run(&v.d,
		    "cc -m32 -O2 -fPIC -shared -o libchain.so \"$T/sym_lib.c\" && cc -m32 "
		    "-I/usr/include/x86_64-linux-gnu -g %s -o chain "
		    "\"$T/sym_chain.c\" -L. -lchain",
		    flags) &&
	    sym_target_start(v.t, &v.d, "chain", NULL) && sym_ask(v.u, v.t, v.a)) {
		ASSERT_EQ(v.a->how, USTACK_DWARF);
		ASSERT(!v.a->truncated);
		check_frames(v.a, names);
		ASSERT_STR(v.a->v[0].module, "[vdso]");
	}
	end(&v);
}

void test_sym_variants_32_bit(void)
{
	if (!has("echo 'int main(void) { return 0; }' > /tmp/hostlat-m32.c && cc -m32 -o /tmp/hostlat-m32 "
		 "/tmp/hostlat-m32.c && /tmp/hostlat-m32"))
		return;
	check_narrow("-O2", FULL);
	check_narrow("-O0 -no-pie -fno-pie", FULL);
	check_narrow("-O2 -fomit-frame-pointer -gdwarf-4", FULL);
}
#endif
