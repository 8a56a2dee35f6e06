/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Stacks of programs whose frames are known: every frame, its file and its line. */
#include <stdlib.h>
#include <sys/auxv.h>
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

/* A handler's caller is the kernel's frame, and below that stands what was interrupted, exactly
 * where it was: not one before it. */
void test_sym_truth_signal(void)
{
	struct sym_target *t = calloc(1, sizeof(*t));
	struct sym_answer *a = calloc(1, sizeof(*a));
	struct ustacks *u = sym_new(0);
	struct sym_dir d;

	if (sym_dir_make(&d) && sym_run(&d, BUILD, "") && sym_target_start(t, &d, "chain", "signal")) {
		if (sym_ask(u, t, a)) {
			int outer = sym_frame(a, "outer"), at = sym_frame(a, "raise_it");

			ASSERT_EQ(a->how, USTACK_DWARF);
			ASSERT(!a->truncated);
			check_chain(a, ARRAY_SIZE(chain) - 1);
			ASSERT_STR(a->v[outer + 1].function, "on_signal");
			ASSERT_STR(a->v[outer + 2].function, "__restore_rt");
			ASSERT_STR(a->v[outer + 3].function, "kill");
			if (ASSERT_EQ(at, outer + 4) && ASSERT_STR(a->v[at + 1].function, "main")) {
				ASSERT_EQ(a->v[at].line, sym_line("tests/data/sym_chain.c", "raise_it"));
				ASSERT_EQ(a->v[at + 1].line,
					  sym_line("tests/data/sym_chain.c", "main in a signal"));
			} else {
				sym_print(a);
			}
		}
		sym_target_stop(t);
	}
	ustacks_free(u);
	sym_dir_clean(&d);
	free(t);
	free(a);
}

/* Without unwind tables in the program the frame pointers lead through it, and in the C library
 * its tables: both. */
void test_sym_truth_frame_pointers(void)
{
	struct sym_target *t = calloc(1, sizeof(*t));
	struct sym_answer *a = calloc(1, sizeof(*a));
	struct ustacks *u = sym_new(0);
	struct sym_dir d;

	if (sym_dir_make(&d) &&
	    sym_run(&d, "cc -O2 -g -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fPIC -shared -o "
			"libchain.so \"$T/sym_lib.c\" && cc -O2 -g -fno-omit-frame-pointer "
			"-fno-asynchronous-unwind-tables -fno-optimize-sibling-calls -o chain "
			"\"$T/sym_chain.c\" -L. -lchain && objcopy -R .eh_frame -R .eh_frame_hdr -R "
			".debug_frame chain && "
			"objcopy -R .debug_frame libchain.so") &&
	    sym_target_start(t, &d, "chain", NULL)) {
		if (sym_ask(u, t, a)) {
			ASSERT_EQ(a->how, USTACK_MIXED);
			check_chain(a, ARRAY_SIZE(chain));
		}
		sym_target_stop(t);
	}
	ustacks_free(u);
	sym_dir_clean(&d);
	free(t);
	free(a);
}

/* A slice that ends early gives the frames that are in it, and says that there are more. */
void test_sym_truth_truncated(void)
{
	struct sym_target *t = calloc(1, sizeof(*t));
	struct sym_answer *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
	struct ustacks *u = sym_new(0);
	struct ustack_question q;
	struct sym_dir d;

	if (sym_dir_make(&d) && sym_run(&d, BUILD, "") && sym_target_start(t, &d, "chain", NULL)) {
		sym_question(t, &q);
		q.slice_len = 64;
		if (sym_ask(u, t, a) && sym_ask_this(u, &q, b)) {
			ASSERT(b->truncated);
			ASSERT_STR(b->why, "the stack goes on beyond what was copied");
			ASSERT(b->n >= 2 && b->n < a->n);
			for (size_t i = 0; i < b->n; i++)
				ASSERT_EQ(b->v[i].pc, a->v[i].pc);
		}
		q.slice_len = 0;
		q.slice = NULL;
		if (sym_ask_this(u, &q, b))
			ASSERT_EQ(b->n, 1);
		sym_target_stop(t);
	}
	ustacks_free(u);
	sym_dir_clean(&d);
	free(t);
	free(a);
	free(b);
}

/* Addresses alone get the same names as in a stack. */
void test_sym_truth_addresses(void)
{
	struct sym_target *t = calloc(1, sizeof(*t));
	struct sym_answer *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
	struct ustacks *u = sym_new(0);
	uint64_t addrs[160];
	struct sym_dir d;

	if (sym_dir_make(&d) && sym_run(&d, BUILD, "") && sym_target_start(t, &d, "chain", NULL)) {
		struct ustack_question q = {
			.ref = 7, .pid = t->pid, .start_ns = t->start_ns, .addrs = addrs
		};

		if (sym_ask(u, t, a))
			for (size_t i = 0; i < a->n; i++)
				if (!a->v[i].inlined)
					addrs[q.n_addrs++] = a->v[i].pc;
		if (q.n_addrs && sym_ask_this(u, &q, b) && ASSERT_EQ(a->n, b->n)) {
			ASSERT_EQ(b->how, USTACK_GIVEN);
			for (size_t i = 0; i < a->n; i++) {
				ASSERT_STR(a->v[i].function, b->v[i].function);
				ASSERT_EQ(a->v[i].line, b->v[i].line);
			}
		}
		q.start_ns += 5000000000ull; /* another process of the same number */
		if (sym_ask_this(u, &q, b)) {
			ASSERT_EQ(b->how, USTACK_NONE);
			ASSERT_EQ(b->n, q.n_addrs);
			ASSERT_STR(b->v[0].module, "");
		}
		sym_target_stop(t);
	}
	ustacks_free(u);
	sym_dir_clean(&d);
	free(t);
	free(a);
	free(b);
}

/* The kernel's own library has no file. */
void test_sym_truth_vdso(void)
{
	struct sym_answer *a = calloc(1, sizeof(*a));
	struct ustacks *u = sym_new(0);
	uint64_t addrs[100];
	struct ustack_question q = { .pid = getpid(), .addrs = addrs, .n_addrs = ARRAY_SIZE(addrs) };
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++)
		addrs[i] = getauxval(AT_SYSINFO_EHDR) + 0x400 + 32 * i;
	if (sym_ask_this(u, &q, a))
		for (size_t i = 0; i < a->n; i++) {
			ASSERT_STR(a->v[i].module, "[vdso]");
			found |= strstr(a->v[i].function, "clock_gettime") != NULL;
		}
	ASSERT(found);
	ustacks_free(u);
	free(a);
}

/* Unwind information that only the separate file has. */
void test_sym_truth_debug_frame(void)
{
	struct sym_target *t = calloc(1, sizeof(*t));
	struct sym_answer *a = calloc(1, sizeof(*a));
	struct ustacks *u = sym_new(0);
	struct sym_dir d;

	if (sym_dir_make(&d) &&
	    sym_run(&d, "cc -O2 -g -fPIC -shared -o libchain.so \"$T/sym_lib.c\" && cc -O2 -g "
			"-fomit-frame-pointer "
			"-fno-asynchronous-unwind-tables -o chain \"$T/sym_chain.c\" -L. -lchain && "
			"objcopy --only-keep-debug chain chain.debug && strip -R .eh_frame -R .eh_frame_hdr "
			"chain && "
			"objcopy --add-gnu-debuglink=chain.debug chain") &&
	    sym_target_start(t, &d, "chain", NULL)) {
		if (sym_ask(u, t, a)) {
			ASSERT(!a->truncated); /* of _start nothing is said anywhere */
			check_chain(a, ARRAY_SIZE(chain));
		}
		sym_target_stop(t);
	}
	ustacks_free(u);
	sym_dir_clean(&d);
	free(t);
	free(a);
}

/* Variables: of the program, zeroed and not, in the middle of one, of a library, and none. */
static char sym_truth_zeroed[64];
static int sym_truth_filled[16] = { 1 };

void test_sym_truth_variables(void)
{
	struct sym_answer *a = calloc(1, sizeof(*a));
	struct ustacks *u = sym_new(0);
	uint64_t addrs[] = { (uintptr_t)sym_truth_zeroed, (uintptr_t)&sym_truth_filled[3], (uintptr_t)a,
			     (uintptr_t)&addrs };
	struct ustack_question q = {
		.pid = getpid(), .addrs = addrs, .n_addrs = ARRAY_SIZE(addrs), .data = true
	};

	if (sym_ask_this(u, &q, a) && ASSERT_EQ(a->n, ARRAY_SIZE(addrs))) {
		ASSERT_STR(a->v[0].function, "sym_truth_zeroed");
		ASSERT_EQ(a->v[0].offset, 0);
		ASSERT(strstr(a->v[0].module, "/unit") != NULL);
		ASSERT_STR(a->v[1].function, "sym_truth_filled");
		ASSERT_EQ(a->v[1].offset, 12);
		/* on the heap and on a stack nothing has a name */
		ASSERT_STR(a->v[2].function, "");
		ASSERT_STR(a->v[3].function, "");
		ASSERT_STR(a->v[3].module, "");
	}
	ustacks_free(u);
	free(a);
}
