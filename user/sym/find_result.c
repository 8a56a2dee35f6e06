/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What a function returns, as far as debug information says it: nothing in the register for results, or an
 * integer or pointer of so many bytes. Used by find_function.c.
 */
#include <dwarf.h>

#include "sym/dwarf_info.h"
#include "sym/find_in.h"

#define MOST 1000 /* functions of an answer that are looked up: it takes a while where there are many */

/* By what of it is in the register for results: bytes, negative where they have a sign. */
static int8_t of_base(Dwarf_Die *type)
{
	Dwarf_Attribute a;
	Dwarf_Word encoding;
	int size = dwarf_bytesize(type);

	if (dwarf_formudata(dwarf_attr(type, DW_AT_encoding, &a), &encoding) || size < 1)
		return 0;
	if (encoding == DW_ATE_float || encoding == DW_ATE_complex_float || encoding == DW_ATE_decimal_float)
		return SITE_NO_RESULT; /* it is in another one */
	if (size > 8)
		return 0;
	return (int8_t)(encoding == DW_ATE_signed || encoding == DW_ATE_signed_char ? -size : size);
}

static int8_t of_type(Dwarf_Die *type)
{
	Dwarf_Die peeled;
	int size;

	if (dwarf_peel_type(type, &peeled))
		return 0;
	switch (dwarf_tag(&peeled)) {
	case DW_TAG_base_type:
		return of_base(&peeled);
	case DW_TAG_enumeration_type:
		size = dwarf_bytesize(&peeled);
		return (int8_t)(size == 4 ? -size : size > 0 && size <= 8 ? size : 0);
	case DW_TAG_pointer_type:
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
		return 8;
	default:
		return 0; /* a structure: partly there, or its address is */
	}
}

/* Assembly has no types at all. */
static bool has_types(Dwarf_Die *function)
{
	Dwarf_Die unit;
	int language = dwarf_diecu(function, &unit, NULL, NULL) ? dwarf_srclang(&unit) : -1;

	return language > 0 && language != DW_LANG_Mips_Assembler;
}

int8_t finder_result(struct finder *w, uint64_t start)
{
	Dwarf_Die function, type;
	Dwarf_Attribute a;
	int8_t result = 0;
	uint64_t before;

	if (w->found.is_go || w->sent >= MOST)
		return 0;
	before = elf_file_enter_debug(w->f);
	if (dwarf_info_function(w->f, start, &function) && has_types(&function)) {
		if (!dwarf_attr_integrate(&function, DW_AT_type, &a))
			result = SITE_NO_RESULT;
		else if (dwarf_formref_die(&a, &type))
			result = of_type(&type);
	}
	elf_file_leave_debug(w->f, before);
	return result;
}
