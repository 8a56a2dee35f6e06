/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What is found in a file to put a probe on: against what the linker and nm say of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "sym/mapped.h"
#include "tests/test.h"
#include "tests/unit/sym_fixture.h"

#define BUILD "g++ -O2 -g %s -o prog \"$T/sym_find.cc\""

struct trial {
	struct sym_dir d;
	struct find_result r;
	char why[200];
	int err;
};

static bool find(struct trial *t, const char *file, const struct find_query *q)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", t->d.path, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (!ASSERT(fd >= 0))
		return false;
	t->why[0] = '\0';
	t->err = find_in(fd, q, &t->r, t->why, sizeof(t->why));
	close(fd);
	return t->err == 0;
}

static bool find_name(struct trial *t, const char *name)
{
	struct find_query q = { .what = FIND_FUNCTIONS, .name = name, .rets = true, .max = 100 };

	return find(t, "prog", &q);
}

/* What a command prints in the folder, a number. */
static uint64_t number_of(const struct trial *t, const char *cmd)
{
	char line[700], text[64] = "";
	FILE *p;

	snprintf(line, sizeof(line), "cd '%s' && %s", t->d.path, cmd);
	p = popen(line, "r");
	if (!ASSERT(p != NULL))
		return 0;
	if (!fgets(text, sizeof(text), p))
		text[0] = '\0';
	pclose(p);
	return strtoull(text, NULL, 16);
}

static uint64_t address_of(const struct trial *t, const char *symbol)
{
	char cmd[400];

	snprintf(cmd, sizeof(cmd), "nm full | awk '$3 == \"%s\" { print $1 }'", symbol);
	return number_of(t, cmd);
}

/* The address of a place in the file, by what readelf says of the segments. */
static uint64_t to_offset(const struct trial *t, uint64_t vaddr)
{
	char cmd[200], line[200];
	uint64_t offset, at, size, found = 0;
	FILE *p;

	snprintf(cmd, sizeof(cmd), "readelf -lW '%s/full'", t->d.path);
	p = popen(cmd, "r");
	while (p && fgets(line, sizeof(line), p))
		if (sscanf(line, " LOAD %lx %lx %*x %lx", &offset, &at, &size) == 3 && vaddr >= at &&
		    vaddr - at < size)
			found = vaddr - at + offset;
	if (p)
		pclose(p);
	return found;
}

static bool begin(struct trial *t, const char *flags, const char *then)
{
	*t = (struct trial){};
	return sym_dir_make(&t->d) && sym_run(&t->d, BUILD " && cp prog full && %s", flags, then);
}

/* One site of that name, which is at the symbol, or `behind` it; and of the kind. */
static bool check_one(struct trial *t, const char *name, const char *symbol, uint64_t behind,
		      enum site_cost cost)
{
	uint64_t at = address_of(t, symbol) + behind;
	bool ok = find_name(t, name) && ASSERT_EQ(t->r.n, 1) && ASSERT_EQ(t->r.all, 1) &&
		  ASSERT_EQ(t->r.v[0].vaddr, at) && ASSERT_EQ(t->r.v[0].offset, to_offset(t, at)) &&
		  ASSERT_EQ(t->r.v[0].cost, cost);

	if (!ASSERT(ok))
		printf("# %s: %d %s\n", name, t->err, t->why);
	return ok;
}

static void check_nearest(const struct trial *t, const char *name)
{
	for (size_t i = 0; i < t->r.n_nearest; i++)
		if (!strcmp(t->r.nearest[i], name))
			return;
	if (!ASSERT(false))
		printf("# %s is not among %zu, of which the first is %s\n", name, t->r.n_nearest,
		       t->r.n_nearest ? t->r.nearest[0] : "none");
}

static const struct {
	const char *name, *symbol;
	uint64_t behind;
	enum site_cost cost;
} named[] = {
	{ "looper", "looper", 0, SITE_STEPPED },
	{ "marked", "marked", 4, SITE_EMULATED },
	{ "marked_loop", "marked_loop", 0, SITE_STEPPED },
	{ "tail", "tail", 0, SITE_STEPPED },
	{ "split.part.0", "split.part.0", 0, SITE_EMULATED },
	{ "split.cold", "split.cold", 0, SITE_EMULATED },
	{ "gone", "gone.constprop.0", 0, SITE_EMULATED },
	{ "gon?", "gone.constprop.0", 0, SITE_EMULATED },
	{ "loop*", "looper", 0, SITE_STEPPED },
	{ "plain", "plain", 0, SITE_STEPPED },
	{ "other_name", "plain", 0, SITE_STEPPED },
	{ "ns::Class::method(int)", "_ZN2ns5Class6methodEi", 0, SITE_STEPPED },
	{ "ns::Class::method(char const*)", "_ZN2ns5Class6methodEPKc", 0, SITE_STEPPED },
	{ "ns::Class::method( char const * )", "_ZN2ns5Class6methodEPKc", 0, SITE_STEPPED },
	{ "_ZN2ns5Class6methodEi", "_ZN2ns5Class6methodEi", 0, SITE_STEPPED },
	{ "ns::Class::operator+", "_ZN2ns5ClassplERKS0_", 0, SITE_STEPPED },
	{ "ns::twice<int>", "_ZN2ns5twiceIiEET_S1_", 0, SITE_STEPPED },
	{ "int ns::twice<int>(int)", "_ZN2ns5twiceIiEET_S1_", 0, SITE_STEPPED },
};

static void check_functions(struct trial *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
		check_one(t, named[i].name, named[i].symbol, named[i].behind, named[i].cost);
		find_free(&t->r);
	}
	if (find_name(t, "ns::Class::method"))
		ASSERT_EQ(t->r.n, 2);
	find_free(&t->r);
	if (find_name(t, "ns::*") && ASSERT(t->r.n >= 4))
		for (size_t i = 1; i < t->r.n; i++)
			ASSERT(t->r.v[i].offset > t->r.v[i - 1].offset);
	find_free(&t->r);
}

/* The names that are shown: the one that was asked for of several, as people write it. */
static void check_names(struct trial *t)
{
	if (check_one(t, "other_name", "plain", 0, SITE_STEPPED)) {
		ASSERT_STR(t->r.v[0].name, "other_name");
		ASSERT_STR(t->r.v[0].symbol, "other_name");
	}
	find_free(&t->r);
	if (find_name(t, "ns::Class::operator+") && ASSERT_EQ(t->r.n, 1))
		ASSERT_STR(t->r.v[0].name, "ns::Class::operator+(ns::Class const&)");
	find_free(&t->r);
	if (find_name(t, "gone") && ASSERT_EQ(t->r.n, 1)) {
		ASSERT_STR(t->r.v[0].name, "gone");
		ASSERT_STR(find_clone(t->r.v[0].symbol), ".constprop.0");
	}
	find_free(&t->r);
	/* with its clone, without its cold part */
	if (find_name(t, "split"))
		ASSERT_EQ(t->r.n, 2);
	find_free(&t->r);
	ASSERT(find_clone("main") == NULL && find_clone("main.main") == NULL && find_clone("") == NULL);
	ASSERT(find_clone("x.partial") == NULL && find_clone(".part.0") == NULL);
	ASSERT_STR(find_clone("f.isra.0.cold"), ".isra.0.cold");
}

static void check_bodies(struct trial *t)
{
	if (find_name(t, "looper") && ASSERT_EQ(t->r.n, 1)) {
		ASSERT(t->r.v[0].frameless && !t->r.v[0].no_return && !t->r.v[0].leaves);
		ASSERT_EQ(t->r.v[0].n_rets, 1);
		ASSERT_EQ(t->r.v[0].rets[0], t->r.v[0].offset + t->r.v[0].size - 1);
	}
	find_free(&t->r);
	if (find_name(t, "tail") && ASSERT_EQ(t->r.n, 1))
		ASSERT(t->r.v[0].no_return && t->r.v[0].leaves && !t->r.v[0].frameless &&
		       t->r.v[0].n_rets == 1);
	find_free(&t->r);
	if (find_name(t, "endless") && ASSERT_EQ(t->r.n, 1))
		ASSERT(t->r.v[0].no_return && !t->r.v[0].leaves && t->r.v[0].frameless);
	find_free(&t->r);
	if (find_name(t, "rets") && ASSERT_EQ(t->r.n, 1)) {
		ASSERT_EQ(t->r.v[0].n_rets, 2);
		ASSERT(t->r.v[0].leaves && !t->r.v[0].no_return);
	}
	find_free(&t->r);
	if (find_name(t, "locked")) {
		ASSERT_EQ(t->r.n, 0);
		ASSERT_EQ(t->r.refused, 1);
		ASSERT(strstr(t->r.why_refused, "locked: ") && strstr(t->r.why_refused, "prefix"));
	}
	find_free(&t->r);
	if (find_name(t, "not_code"))
		ASSERT_EQ(t->r.n, 0);
	find_free(&t->r);
}

static void check_none(struct trial *t)
{
	if (find_name(t, "chosen")) {
		ASSERT_EQ(t->r.n, 0);
		ASSERT_EQ(t->r.ifuncs, 1);
		check_nearest(t, "__chosen_fast");
		check_nearest(t, "__chosen_slow");
	}
	find_free(&t->r);
	/* what chooses is not what is called */
	if (find_name(t, "choose"))
		ASSERT_EQ(t->r.n, 0);
	find_free(&t->r);
	if (find_name(t, "method")) {
		ASSERT_EQ(t->r.n, 0);
		check_nearest(t, "ns::Class::method");
	}
	find_free(&t->r);
	if (find_name(t, "plian"))
		check_nearest(t, "plain");
	find_free(&t->r);
	if (find_name(t, "nothing_like_this_at_all"))
		ASSERT_EQ(t->r.n_nearest, 0);
	find_free(&t->r);
}

static void check_plus(struct trial *t)
{
	struct find_query q = { .what = FIND_FUNCTIONS, .name = "looper", .plus = 2, .max = 10 };

	if (find(t, "prog", &q) && ASSERT_EQ(t->r.n, 1)) /* jnz */
		ASSERT(t->r.v[0].cost == SITE_EMULATED && !t->r.v[0].frameless);
	find_free(&t->r);
	q.plus = 1;
	ASSERT(!find(t, "prog", &q) && t->err == -EINVAL &&
	       strstr(t->why, "looper+0x1 is inside of an instruction"));
	q.plus = 100;
	ASSERT(!find(t, "prog", &q) && t->err == -EINVAL && strstr(t->why, "behind the end"));
}

static void check_all(const char *flags, const char *then)
{
	struct trial t;

	if (begin(&t, flags, then)) {
		check_functions(&t);
		check_names(&t);
		check_bodies(&t);
		check_none(&t);
		check_plus(&t);
	}
	sym_dir_clean(&t.d);
}

void test_sym_find_functions(void)
{
	check_all("-fcf-protection=none", "true");
}

void test_sym_find_fixed(void)
{
	check_all("-fcf-protection=none -no-pie -static", "true");
}

void test_sym_find_stripped_with_debug_file(void)
{
	check_all("-fcf-protection=none", "objcopy --only-keep-debug prog prog.debug && strip prog && "
					  "objcopy --add-gnu-debuglink=prog.debug prog");
}

/* As Fedora's programs are: the table of symbols is compressed in a section of its own. */
void test_sym_find_stripped_with_table(void)
{
	check_all(
		"-fcf-protection=none",
		"nm prog | awk '$2 ~ /[tTwWi]/ { print $3 }' > keep && objcopy --only-keep-debug prog d && "
		"objcopy -S --remove-section .comment --keep-symbols=keep d mini && xz mini && strip prog && "
		"objcopy --add-section .gnu_debugdata=mini.xz prog");
}

/* ---- lines ------------------------------------------------------------------------------------ */

static void check_line(struct trial *t, const char *file, const char *mark, size_t n, const char *symbol)
{
	struct find_query q = { .what = FIND_LINE, .name = file, .max = 10 };

	q.line = (uint32_t)sym_line("tests/data/sym_find.cc", mark);
	if (!ASSERT(find(t, "prog", &q)) || !ASSERT_EQ(t->r.n, n))
		printf("# %s:%u %s\n", file, q.line, t->why);
	for (size_t i = 0; i < t->r.n; i++) {
		char name[80];

		snprintf(name, sizeof(name), "sym_find.cc:%u", q.line);
		ASSERT_STR(t->r.v[i].name, name);
		if (symbol)
			ASSERT_STR(t->r.v[i].symbol, symbol);
	}
	find_free(&t->r);
}

void test_sym_find_line(void)
{
	struct find_query q = { .what = FIND_LINE, .name = "sym_find.cc", .line = 100000, .max = 10 };
	struct trial t;

	if (begin(&t, "", "true")) {
		check_line(&t, "sym_find.cc", "method", 1, "_ZN2ns5Class6methodEi");
		check_line(&t, "data/sym_find.cc", "method", 1, NULL);
		check_line(&t, "find.cc", "method", 0, NULL);
		/* into plain, and into second */
		check_line(&t, "sym_find.cc", "folded", 2, NULL);
		ASSERT(!find(&t, "prog", &q) && strstr(t.why, "no code at line 100000"));
		q = (struct find_query){ .what = FIND_LINE, .name = "sym_fond.cc", .line = 1, .max = 10 };
		if (find(&t, "prog", &q))
			check_nearest(&t, "sym_find.cc");
		find_free(&t.r);
		if (sym_run(&t.d, "strip prog"))
			ASSERT(!find(&t, "prog", &q) && strstr(t.why, "no debug information"));
	}
	sym_dir_clean(&t.d);
}

/* ---- USDT --------------------------------------------------------------------------------------- */

static void check_usdt(const char *flags)
{
	struct find_query q = { .what = FIND_USDT, .provider = "shop", .name = "*", .max = 10 };
	struct trial t;

	if (begin(&t, flags, "strip prog") && ASSERT(find(&t, "prog", &q)) && ASSERT_EQ(t.r.n, 2)) {
		uint64_t at = address_of(&t, "probed");
		const struct site *s = &t.r.v[0];

		ASSERT_STR(s[0].name, "shop:sold");
		ASSERT_EQ(s[0].vaddr, at + 2);
		ASSERT_EQ(s[0].offset, to_offset(&t, at + 2));
		ASSERT_EQ(s[0].semaphore, to_offset(&t, address_of(&t, "find_semaphore")));
		ASSERT_EQ(s[0].cost, SITE_EMULATED);
		ASSERT_EQ(s[0].n_args, 4);
		ASSERT(s[0].args[0].where == 1 && s[0].args[0].reg == 112 && s[0].args[0].size == -4);
		ASSERT(s[0].args[1].where == 0 && s[0].args[1].add == 7);
		ASSERT(s[0].args[2].where == 2 && s[0].args[2].reg == 152 && s[0].args[2].add == -8);
		ASSERT_EQ(s[0].args[3].size, 0); /* stripped: nobody knows where it is */
		ASSERT_STR(s[1].name, "shop:bought");
		ASSERT_EQ(s[1].cost, SITE_CALL);
		ASSERT_EQ(s[1].n_args, 0);
		find_free(&t.r);
		q.name = "bouhgt";
		if (find(&t, "prog", &q))
			check_nearest(&t, "shop:bought");
		find_free(&t.r);
		q.name = "sold";
		if (find(&t, "full", &q) && ASSERT_EQ(t.r.n, 1)) {
			s = &t.r.v[0];
			ASSERT_EQ(s->args[3].size, -4);
			ASSERT_EQ(s->args[3].add, (int64_t)(address_of(&t, "sink") - s->vaddr));
			ASSERT_STR(s->symbol, "probed");
		}
		find_free(&t.r);
	}
	sym_dir_clean(&t.d);
}

void test_sym_find_usdt(void)
{
	check_usdt("");
	check_usdt("-no-pie");
}

/* ---- which files --------------------------------------------------------------------------------- */

void test_sym_find_mapped(void)
{
	const pid_t here[] = { getpid() }, nobody[] = { 0x7fffffff };
	struct mapped m;
	struct spec s;
	char why[200];
	struct stat st;

	ASSERT_EQ(spec_parse("libc:malloc", &s, why, sizeof(why)), 0);
	if (ASSERT_EQ(mapped_find(&s, here, 1, &m), 0) && ASSERT_EQ(m.v.n, 1)) {
		ASSERT_EQ(m.v.v[0].pid, here[0]);
		ASSERT_EQ(m.v.v[0].processes, 1);
		ASSERT(!stat(m.v.v[0].open_path, &st) && st.st_ino == m.v.v[0].ino &&
		       st.st_dev == m.v.v[0].dev);
		ASSERT(!stat(m.v.v[0].name, &st) && st.st_ino == m.v.v[0].ino);
	}
	mapped_free(&m);
	ASSERT_EQ(mapped_find(&s, nobody, 1, &m), 0);
	ASSERT_EQ(m.v.n, 0);
	mapped_free(&m);
	spec_free(&s);
	/* a path that is a link to what is mapped, and one to nothing */
	ASSERT_EQ(spec_parse("/proc/self/exe:main", &s, why, sizeof(why)), 0);
	ASSERT_EQ(mapped_find(&s, NULL, 0, &m), 0);
	ASSERT_EQ(m.v.n, 1);
	mapped_free(&m);
	spec_free(&s);
	ASSERT_EQ(spec_parse("/nonexistent/x:main", &s, why, sizeof(why)), 0);
	ASSERT_EQ(mapped_find(&s, NULL, 0, &m), -ENOENT);
	ASSERT_EQ(mapped_find(&s, here, 1, &m), -ENOENT);
	spec_free(&s);
}

/* ---- files that are none --------------------------------------------------------------------------- */

static void check_refused(struct trial *t, const char *file, const char *why)
{
	struct find_query q = { .what = FIND_FUNCTIONS, .name = "*", .max = 10 };

	if (!ASSERT(!find(t, file, &q)) || !ASSERT(strstr(t->why, why) != NULL))
		printf("# %s: %d %s\n", file, t->err, t->why);
	find_free(&t->r);
}

void test_sym_find_refused(void)
{
	struct trial t;

	if (begin(&t, "",
		  "objcopy --only-keep-debug prog d && g++ -c -o o \"$T/sym_find.cc\" && : >empty && "
		  "gcc -m32 -shared -nostdlib -o m32 -x c /dev/null && cp prog arm && "
		  "printf '\\267' | dd of=arm bs=1 seek=18 conv=notrunc 2>/dev/null")) {
		check_refused(&t, "empty", "not an ELF file");
		check_refused(&t, "o", "neither a program nor");
		check_refused(&t, "m32", "32-bit");
		check_refused(&t, "arm", "another kind of machine");
		check_refused(&t, ".", "not a regular file");
		check_refused(&t, "d", "no code");
	}
	sym_dir_clean(&t.d);
}

/* A hundred thousand functions, each with a name of most of a megabyte: who compares them is killed. */
void test_sym_find_hostile_endless(void)
{
	struct find_query q = { .what = FIND_FUNCTIONS, .name = "*b*bc", .max = 10 };
	size_t room = 16 << 20, n, symbols = 0, size = 0, strings = 0, length = 0;
	char *elf = calloc(1, room);
	uint64_t before, took;
	struct trial t = {};

	if (sym_dir_make(&t.d) &&
	    sym_run(&t.d, "cc -nostdlib -static -Wa,--defsym,COUNT=100000 -o prog \"$T/sym_many.s\"")) {
		n = sym_load(&t.d, "prog", elf, room);
		sym_section(elf, n, ".symtab", &symbols, &size);
		sym_section(elf, n, ".strtab", &strings, &length);
		for (size_t i = 24; i + 24 <= size; i += 24)
			memcpy(elf + symbols + i, &(uint32_t){ 1 }, 4);
		memset(elf + strings + 1, 'b', length - 2);
		sym_store(&t.d, "prog", elf, n);
		before = clock_mono_ns();
		ASSERT(!find(&t, "prog", &q));
		took = clock_mono_ns() - before;
		printf("# %zu symbols of %zu bytes each: %s, after %.1f s\n", size / 24, length, t.why,
		       (double)took / 1e9);
		ASSERT_EQ(t.err, -ETIMEDOUT);
		ASSERT(took < 15 * NSEC_PER_SEC);
	}
	sym_dir_clean(&t.d);
	free(elf);
}

/* A child that is killed, and one that takes too long, end the question and nothing else. */
void test_sym_find_hostile_mutants(void)
{
	static const char *const names[] = { "*", "main", "ns::*", "nothing" };
	const char *more = getenv("HOSTLAT_MUTANTS"), *seed = getenv("HOSTLAT_SEED");
	int times = more ? atoi(more) : 100, failed = 0, deaths = 0;
	char *good = calloc(1, 1 << 20), *bad = calloc(1, 1 << 20);
	uint64_t longest = 0;
	struct trial t;
	size_t n;

	srandom(seed ? (unsigned int)atoi(seed) : 7);
	if (begin(&t, "", "true")) {
		n = sym_load(&t.d, "prog", good, 1 << 20);
		for (int i = 0; i < times; i++) {
			struct find_query q = { .what = (enum find_what)(i % 3),
						.name = i % 3 == FIND_LINE ? "sym_find.cc" : names[i / 3 % 4],
						.provider = "*",
						.line = 30,
						.rets = i % 2,
						.max = 1000 };
			uint64_t before = clock_mono_ns();

			memcpy(bad, good, n);
			sym_mutate(bad, n, good);
			sym_store(&t.d, "mutant", bad, n);
			failed += !find(&t, "mutant", &q);
			deaths += t.err == -EBADMSG;
			if (t.err)
				ASSERT(*t.why != '\0');
			ASSERT(t.err != -EPROTO);
			find_free(&t.r);
			longest = MAX(longest, clock_mono_ns() - before);
		}
		printf("# %d mutants asked: %d not answered, %d deaths, %.0f ms at most\n", times, failed,
		       deaths, (double)longest / 1e6);
		ASSERT(longest < 15 * NSEC_PER_SEC);
	}
	sym_dir_clean(&t.d);
	free(good);
	free(bad);
}
