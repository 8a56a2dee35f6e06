/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Two indexes make the way from an address short: the units of a file by address, and, for each
 * unit when it is first needed, its functions by address. Inside a function the blocks and the
 * functions inlined there are searched as they stand. Used by names.c.
 */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sym/dwarf_info.h"

#define TREE_DEPTH 64 /* namespaces in namespaces, blocks in blocks */
#define MAX_RANGES 4000000

struct range {
	uint64_t low, high;
	uint32_t what; /* index of a unit, or of a function */
};
struct ranges {
	VEC(struct range) v;
};

struct unit {
	Dwarf_Die die;
	bool indexed, deep;   /* deep: functions inside of functions too */
	struct ranges ranges; /* of functions */
	VEC(Dwarf_Die) functions;
};

struct debug_info {
	struct ranges ranges; /* of units */
	VEC(struct unit) units;
};

static bool add_ranges(struct ranges *r, Dwarf_Die *die, uint32_t what)
{
	Dwarf_Addr base, low, high;
	ptrdiff_t at = 0;
	bool any = false;

	while ((at = dwarf_ranges(die, at, &base, &low, &high)) > 0 && r->v.n < MAX_RANGES) {
		/* code that the linker threw away is said to be at 0 */
		if (low >= high || !low)
			continue;
		*vec_add(&r->v) = (struct range){ low, high, what };
		any = true;
	}
	return any;
}

static int by_low(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->low < y->low ? -1 : x->low > y->low;
}

static void sort_ranges(struct ranges *r)
{
	if (r->v.n)
		qsort(r->v.v, r->v.n, sizeof(*r->v.v), by_low);
}

static const struct range *find_range(const struct ranges *r, uint64_t addr)
{
	size_t low = 0, high = r->v.n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (r->v.v[mid].low <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	/* ranges hardly ever overlap */
	for (size_t back = 1; back <= 4 && back <= low; back++)
		if (addr < r->v.v[low - back].high)
			return &r->v.v[low - back];
	return NULL;
}

static struct debug_info *make(Dwarf *dwarf)
{
	struct debug_info *d = xcalloc(1, sizeof(*d));
	Dwarf_CU *cu = NULL;
	Dwarf_Half version;
	Dwarf_Die die, sub;
	uint8_t type;

	while (dwarf_get_units(dwarf, cu, &cu, &version, &type, &die, &sub) == 0) {
		/* of a unit whose rest is in a .dwo file only the lines are here, and not whose they are */
		if (type != DW_UT_compile && (type != DW_UT_skeleton || !dwarf_haschildren(&die)))
			continue;
		if (add_ranges(&d->ranges, &die, (uint32_t)d->units.n))
			vec_add(&d->units)->die = die;
	}
	sort_ranges(&d->ranges);
	return d;
}

/* ---- functions of a unit ------------------------------------------------------------- */

static bool holds_functions(int tag)
{
	static const int tags[] = { DW_TAG_namespace,   DW_TAG_structure_type,   DW_TAG_class_type,
				    DW_TAG_union_type,  DW_TAG_enumeration_type, DW_TAG_module,
				    DW_TAG_variant_part };

	for (size_t i = 0; i < ARRAY_SIZE(tags); i++)
		if (tag == tags[i])
			return true;
	return false;
}

static bool holds_blocks(int tag)
{
	return tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block;
}

static void add_functions(struct unit *u, Dwarf_Die *parent, int depth)
{
	Dwarf_Die die;

	if (depth > TREE_DEPTH || dwarf_child(parent, &die))
		return;
	do {
		int tag = dwarf_tag(&die);

		if (tag == DW_TAG_subprogram && u->functions.n < MAX_RANGES &&
		    add_ranges(&u->ranges, &die, (uint32_t)u->functions.n))
			*vec_add(&u->functions) = die;
		if (holds_functions(tag) || (u->deep && holds_blocks(tag)))
			add_functions(u, &die, depth + 1);
	} while (!dwarf_siblingof(&die, &die));
}

static void index_functions(struct unit *u, bool deep)
{
	u->indexed = true;
	u->deep = deep;
	u->functions.n = u->ranges.v.n = 0;
	add_functions(u, &u->die, 0);
	sort_ranges(&u->ranges);
}

static Dwarf_Die *find_function(struct unit *u, uint64_t addr)
{
	const struct range *r = NULL;

	if (!u->indexed)
		index_functions(u, false);
	r = find_range(&u->ranges, addr);
	if (!r && !u->deep) { /* some languages have functions in functions; it takes longer to look there */
		index_functions(u, true);
		r = find_range(&u->ranges, addr);
	}
	return r ? &u->functions.v[r->what] : NULL;
}

/* ---- inside a function ----------------------------------------------------------------- */

/* The inlined functions around addr, outermost first. */
static size_t find_inlined(Dwarf_Die *function, uint64_t addr, Dwarf_Die chain[INLINE_DEPTH])
{
	Dwarf_Die at = *function, die;
	size_t n = 0;

	for (int depth = 0; depth < TREE_DEPTH && n < INLINE_DEPTH; depth++) {
		bool found = false;

		if (dwarf_child(&at, &die))
			break;
		do {
			int tag = dwarf_tag(&die);

			if ((tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block ||
			     tag == DW_TAG_try_block || tag == DW_TAG_catch_block) &&
			    dwarf_haspc(&die, addr) > 0) {
				if (tag == DW_TAG_inlined_subroutine)
					chain[n++] = die;
				found = true;
				break;
			}
		} while (!dwarf_siblingof(&die, &die));
		if (!found)
			break;
		at = die;
	}
	return n;
}

static const char *name_of(Dwarf_Die *die)
{
	static const unsigned int names[] = { DW_AT_linkage_name, DW_AT_MIPS_linkage_name, DW_AT_name };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		Dwarf_Attribute a;
		const char *s = dwarf_formstring(dwarf_attr_integrate(die, names[i], &a));

		if (s && *s)
			return s;
	}
	return NULL;
}

static void take_call_site(Dwarf_Die *unit, Dwarf_Die *inlined, struct source_row *row)
{
	Dwarf_Attribute a;
	Dwarf_Files *files;
	Dwarf_Word v;
	size_t n;

	if (!dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &a), &v))
		row->line = (uint32_t)v;
	if (!dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &a), &v) &&
	    !dwarf_getsrcfiles(unit, &files, &n) && v < n)
		row->file = dwarf_filesrc(files, v, NULL, NULL);
}

static void take_line(Dwarf_Die *unit, uint64_t addr, struct source_row *row)
{
	Dwarf_Line *l = dwarf_getsrc_die(unit, addr);
	int line;

	if (!l)
		return;
	row->file = dwarf_linesrc(l, NULL, NULL);
	if (!dwarf_lineno(l, &line) && line > 0)
		row->line = (uint32_t)line;
}

static void take_function(Dwarf_Die *die, struct source_row *row)
{
	Dwarf_Addr entry;

	row->function = name_of(die);
	if (!dwarf_entrypc(die, &entry) || !dwarf_lowpc(die, &entry))
		row->entry = entry;
}

static struct unit *find_unit(struct elf_file *f, uint64_t vaddr)
{
	Dwarf *dwarf = elf_file_dwarf(f);
	const struct range *r;

	if (!dwarf)
		return NULL;
	if (!f->info)
		f->info = make(dwarf);
	r = find_range(&f->info->ranges, vaddr);
	return r ? &f->info->units.v[r->what] : NULL;
}

bool dwarf_info_function(struct elf_file *f, uint64_t vaddr, Dwarf_Die *out)
{
	struct unit *u = find_unit(f, vaddr);
	Dwarf_Die *function = u ? find_function(u, vaddr) : NULL;
	Dwarf_Addr low;

	if (!function || ((dwarf_entrypc(function, &low) || low != vaddr) &&
			  (dwarf_lowpc(function, &low) || low != vaddr)))
		return false;
	*out = *function;
	return true;
}

static size_t find(struct elf_file *f, uint64_t vaddr, struct source_row rows[INLINE_DEPTH + 1])
{
	Dwarf_Die chain[INLINE_DEPTH], *function;
	struct unit *u = find_unit(f, vaddr);
	size_t n = 0;

	if (!u)
		return 0;
	memset(rows, 0, sizeof(*rows) * (INLINE_DEPTH + 1));
	take_line(&u->die, vaddr, &rows[0]);
	function = find_function(u, vaddr);
	if (!function)
		return 1;
	n = find_inlined(function, vaddr, chain);
	for (size_t i = 0; i < n; i++) {
		Dwarf_Die *inlined = &chain[n - 1 - i];

		take_function(inlined, &rows[i]);
		rows[i].inlined = true;
		take_call_site(&u->die, inlined, &rows[i + 1]);
	}
	take_function(function, &rows[n]);
	return n + 1;
}

size_t dwarf_info_find(struct elf_file *f, uint64_t vaddr, struct source_row rows[INLINE_DEPTH + 1])
{
	uint64_t before = elf_file_enter_debug(f);
	size_t n = find(f, vaddr, rows);

	elf_file_leave_debug(f, before);
	return n;
}
