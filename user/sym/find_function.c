/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Functions by name, out of all symbol tables of a file. A pattern is that of the symbol, or of the name as
 * people write it, blanks left out; a function's clones have its name as well. Used by find_child.c.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "sym/demangle.h"
#include "sym/find_in.h"
#include "sym/symtab.h"

#define MAX_FOUND 1000000

struct found {
	uint64_t addr, size;
	const char *symbol, *version; /* version: of one that has a newer */
	uint8_t rank;
	bool exact;
};

/* A symbol that is a function which chooses one when the program starts. */
struct chooser {
	uint64_t addr;
	const char *symbol;
	bool asked;
};

struct search {
	struct finder *w;
	const char *pattern;
	char *tight;        /* the pattern without blanks */
	bool glob, version; /* version: it names one */
	char must[64];      /* letters that a mangled symbol must have; "": none are known */
	VEC(struct found) v;
	VEC(struct chooser) choosers;
	VEC(uint64_t) starts; /* of all functions, where they are needed */
	struct nearest *nearest;
};

/* ---- matching --------------------------------------------------------------------------------- */

static void leave_out_blanks(char *s)
{
	char *to = s;

	for (; *s; s++)
		if (*s != ' ')
			*to++ = *s;
	*to = '\0';
}

/* Words that are in demangled names and not in the symbols. */
static bool is_made_up(const char *s, size_t n)
{
	static const char *const words[] = {
		"operator",       "anonymous",    "namespace", "unsigned", "allocator",     "basic_string",
		"string",         "istream",      "ostream",   "iostream", "basic_istream", "basic_ostream",
		"basic_iostream", "lambda",       "unnamed",   "virtual",  "covariant",     "vtable",
		"typeinfo",       "construction", "variable",  "function", "reference",     "temporary",
		"closure",        "double",       "signed",    "decltype", "nullptr_t",     "char_traits",
		"delete",         "volatile",     "wrapper",   "guard",    "const",         "short",
		"float",          "thunk",        "clone",     "wchar_t",  "char16_t",      "char32_t",
		"char8_t",        "hidden",       "alias",     "noexcept", "restrict",      "__int128",
		"transaction",    "sizeof",       "alignof",   "requires", "auto",          "long",
		"char",           "bool",         "void",      "complex",  "imaginary",     "__float128",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i]) == n && !memcmp(words[i], s, n))
			return true;
	return false;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* The longest word of the name itself, which its symbol must have in it: so most need not be demangled. */
static void find_must(struct search *s)
{
	size_t best = 3, n;

	for (const char *at = s->pattern; *at && *at != '(' && *at != '<'; at += MAX(n, (size_t)1)) {
		for (n = 0; is_word(at[n]); n++)
			;
		if (n <= best || n >= sizeof(s->must) || is_made_up(at, n))
			continue;
		best = n;
		memcpy(s->must, at, n);
		s->must[n] = '\0';
	}
}

static bool is_like(const struct search *s, const char *name)
{
	return s->glob ? !strcmp(s->pattern, name) || str_glob(s->pattern, name) : !strcmp(s->pattern, name);
}

static bool is_like_tight(const struct search *s, char *name)
{
	bool is = false;

	if (!name)
		return false;
	leave_out_blanks(name);
	is = !strcmp(s->tight, name) || (s->glob && str_glob(s->tight, name));
	free(name);
	return is;
}

static bool is_mangled_like(const struct search *s, const char *bare)
{
	if (*s->must && !strstr(bare, s->must))
		return false;
	return is_like_tight(s, demangle_bare(bare)) || is_like_tight(s, demangle(bare));
}

/* Of a name without version; *exact: it is just what was asked for. */
static bool matches(const struct search *s, char *bare, bool *exact)
{
	char *clone = s->w->found.is_go ? NULL : (char *)find_clone(bare);
	bool is;

	*exact = !strcmp(s->pattern, bare);
	if (*exact || !clone)
		return *exact || is_like(s, bare) || is_mangled_like(s, bare);
	/* its cold part is not where a function begins */
	if (strstr(clone, ".cold"))
		return false;
	if (is_like(s, bare))
		return true;
	*clone = '\0';
	is = is_like(s, bare) || is_mangled_like(s, bare);
	*clone = '.';
	return is;
}

static bool is_version_like(const struct search *s, const struct symtab_entry *e, const char *bare)
{
	const char *version = symtab_version(e);
	char full[512];

	if (is_like(s, e->name))
		return true;
	if (!version)
		return false;
	snprintf(full, sizeof(full), "%s@%s", bare, version);
	if (is_like(s, full))
		return true;
	snprintf(full, sizeof(full), "%s@@%s", bare, version);
	return !e->old && is_like(s, full);
}

static bool is_function(const struct finder *w, const GElf_Sym *s)
{
	uint8_t type = GELF_ST_TYPE(s->st_info);

	return s->st_shndx != SHN_UNDEF && (type == STT_FUNC || type == STT_GNU_IFUNC) &&
	       elf_file_is_code(w->f, s->st_value);
}

/* NULL: it has none, or there is none newer. In .symtab it stands in the name. */
static const char *old_version(const struct symtab_entry *e)
{
	const char *at = strchr(e->name, '@');

	if (e->old)
		return symtab_version(e);
	return at && at[1] != '@' ? at + 1 : NULL;
}

static void search_one(void *arg, const struct symtab_entry *e)
{
	struct search *s = arg;
	size_t n = strcspn(e->name, "@");
	char room[256], *bare = room;
	bool exact, is;

	if (!is_function(s->w, &e->sym) || s->v.n >= MAX_FOUND)
		return;
	if (n >= sizeof(room))
		bare = xmalloc(n + 1);
	memcpy(bare, e->name, n);
	bare[n] = '\0';
	is = matches(s, bare, &exact) || (s->version && is_version_like(s, e, bare));
	if (GELF_ST_TYPE(e->sym.st_info) == STT_GNU_IFUNC)
		*vec_add(&s->choosers) = (struct chooser){ e->sym.st_value, e->name, is };
	else if (is)
		*vec_add(&s->v) = (struct found){ e->sym.st_value,
						  e->sym.st_size,
						  e->name,
						  old_version(e),
						  symtab_rank(&e->sym, e->name),
						  exact };
	if (bare != room)
		free(bare);
}

/* ---- what was found -------------------------------------------------------------------------------- */

/* Of several names of one function the one that was asked for, then the one that people know. */
static int by_address(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	if (x->exact != y->exact)
		return x->exact ? -1 : 1;
	if (!x->version != !y->version)
		return x->version ? 1 : -1;
	if (x->rank != y->rank)
		return x->rank > y->rank ? -1 : 1;
	return strcmp(x->symbol, y->symbol);
}

static bool is_same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "@");

	return n == strcspn(b, "@") && !memcmp(a, b, n);
}

/* What chooses is not what is called, under whatever name; and who writes its name does not mean an older
 * version of it that is a function. */
static bool is_chooser(const struct search *s, const struct found *f)
{
	for (size_t i = 0; i < s->choosers.n; i++)
		if (s->choosers.v[i].addr == f->addr ||
		    (f->version && !s->version && is_same_name(s->choosers.v[i].symbol, f->symbol)))
			return true;
	return false;
}

static int by_chooser(const void *a, const void *b)
{
	const struct chooser *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static void count_choosers(struct search *s)
{
	uint64_t before = 0;

	if (s->choosers.n)
		qsort(s->choosers.v, s->choosers.n, sizeof(*s->choosers.v), by_chooser);
	for (size_t i = 0; i < s->choosers.n; i++) {
		if (!s->choosers.v[i].asked || s->choosers.v[i].addr == before)
			continue;
		before = s->choosers.v[i].addr;
		s->w->found.ifuncs++;
	}
}

/* One for each address; the largest size that a name of it has. */
static void leave_one_each(struct search *s)
{
	size_t kept = 0;

	if (s->v.n)
		qsort(s->v.v, s->v.n, sizeof(*s->v.v), by_address);
	for (size_t i = 0; i < s->v.n; i++)
		if (kept && s->v.v[kept - 1].addr == s->v.v[i].addr)
			s->v.v[kept - 1].size = MAX(s->v.v[kept - 1].size, s->v.v[i].size);
		else if (!is_chooser(s, &s->v.v[i]))
			s->v.v[kept++] = s->v.v[i];
	s->v.n = kept;
}

static char *symbol_name(const struct found *f)
{
	char *bare = xstrndup(f->symbol, strcspn(f->symbol, "@")), *full;

	if (!f->version)
		return bare;
	full = xasprintf("%s@%s", bare, f->version);
	free(bare);
	return full;
}

/* Without what the compiler added. */
static char *people_name(const struct search *s, const char *symbol)
{
	char *bare = xstrdup(symbol), *clone = s->w->found.is_go ? NULL : (char *)find_clone(bare), *name;

	if (clone)
		*clone = '\0';
	name = demangle(bare);
	if (!name)
		return bare;
	free(bare);
	return name;
}

static void add_start(void *arg, const struct symtab_entry *e)
{
	struct search *s = arg;

	if (is_function(s->w, &e->sym) && s->starts.n < MAX_FOUND)
		*vec_add(&s->starts) = e->sym.st_value;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* As far as the next one, where a symbol does not say how large it is. */
static uint64_t size_of(struct search *s, const struct found *f)
{
	size_t low = 0, high;

	if (f->size)
		return f->size;
	if (!s->starts.n) {
		symtab_each(s->w->f, add_start, s);
		if (s->starts.n)
			qsort(s->starts.v, s->starts.n, sizeof(*s->starts.v), by_value);
	}
	for (high = s->starts.n; low < high;) {
		size_t mid = (low + high) / 2;

		if (s->starts.v[mid] <= f->addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->starts.n ? s->starts.v[low] - f->addr : 0;
}

static void send_one(struct search *s, const struct found *f)
{
	struct finder *w = s->w;
	char *symbol = symbol_name(f), *name = people_name(s, symbol);
	struct site site = { .name = name, .symbol = symbol, .vaddr = f->addr + w->q.plus, .size = f->size };

	if (finder_place(w, &site)) {
		finder_marks(w, &site);
		finder_body(w, &site, f->addr, (size_t)size_of(s, f));
		if (w->q.rets)
			site.result = finder_result(w, f->addr);
		finder_send(w, &site);
		free(site.rets);
	}
	free(symbol);
	free(name);
}

/* An instruction of a function must be in it, and begin there. */
static int check_plus(struct search *s)
{
	struct finder *w = s->w;
	size_t kept = 0;
	bool inside = false;

	for (size_t i = 0; i < s->v.n; i++) {
		const struct found *f = &s->v.v[i];

		if (f->size && w->q.plus >= f->size)
			continue;
		inside = true;
		if (finder_is_boundary(w, f->addr, w->q.plus))
			s->v.v[kept++] = *f;
	}
	if (s->v.n && !kept)
		return finder_fail(w, -EINVAL,
				   inside ? "%.60s+%#llx is inside of an instruction"
					  : "%.60s+%#llx is behind the end of the function",
				   s->pattern, (unsigned long long)w->q.plus);
	s->v.n = kept;
	return 0;
}

/* ---- what is like it ---------------------------------------------------------------------------- */

static void near_one(void *arg, const struct symtab_entry *e)
{
	struct search *s = arg;
	char *bare, *name;

	if (!is_function(s->w, &e->sym) || GELF_ST_TYPE(e->sym.st_info) == STT_GNU_IFUNC)
		return;
	bare = xstrndup(e->name, strcspn(e->name, "@"));
	name = demangle_bare(bare);
	nearest_add(s->nearest, name ? name : bare);
	free(name);
	free(bare);
}

/* memcpy is chosen among __memcpy_avx_unaligned and its like. */
static bool is_chosen(const struct search *s, const char *symbol)
{
	const char *wanted = s->pattern + strspn(s->pattern, "_"), *is = symbol + strspn(symbol, "_");
	size_t n = strcspn(wanted, "@*?");

	return n && is > symbol && !strncmp(is, wanted, n) && is[n] == '_' && strncmp(is + n, "_chk", 4) &&
	       !strstr(is, "_erms_cold");
}

static void chosen_one(void *arg, const struct symtab_entry *e)
{
	struct search *s = arg;

	if (GELF_ST_TYPE(e->sym.st_info) == STT_FUNC && is_function(s->w, &e->sym) && is_chosen(s, e->name) &&
	    !strchr(e->name, '.'))
		nearest_add(s->nearest, e->name);
}

static void find_nearest(struct search *s)
{
	s->nearest = nearest_new(s->pattern);
	symtab_each(s->w->f, s->w->found.ifuncs ? chosen_one : near_one, s);
	s->w->n_nearest = nearest_take(s->nearest, s->w->nearest);
}

int finder_functions(struct finder *w)
{
	struct search s = { .w = w, .pattern = w->q.name };
	int err = 0;

	child_seek_debug(&w->c, w->f);
	s.tight = xstrdup(s.pattern);
	leave_out_blanks(s.tight);
	s.glob = str_is_glob(s.pattern);
	s.version = strchr(s.pattern, '@') != NULL;
	find_must(&s);
	symtab_each(w->f, search_one, &s);
	count_choosers(&s);
	leave_one_each(&s);
	if (w->q.plus)
		err = check_plus(&s);
	for (size_t i = 0; i < s.v.n && !err; i++) {
		if (w->sent < w->q.max)
			send_one(&s, &s.v.v[i]);
		else
			w->sent++;
	}
	if (!s.v.n && !err)
		find_nearest(&s);
	return err;
}
