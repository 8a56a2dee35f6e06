/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Which tables, in which order: the words of --view and --sort, checked against the field
 * tables. For the commands that show something. */
#ifndef CMD_SELECT_H
#define CMD_SELECT_H

#include "base/opt.h"
#include "export/export.h"

#define SELECT_HIDE_ROW(values, member)                                                                      \
	{                                                                                                    \
		.type = OPT_LIST, .long_name = "hide", .arg = "FIELD",                                       \
		.help = "no columns of these fields, by their names in documents, on screens and in text; "  \
			"commas or again",                                                                   \
		.offset = offsetof(values, member)                                                           \
	}

/* view, sort: NULL is none. 0, or -EINVAL after one printed line that lists what there is. */
int select_check(const char *view, const char *sort);
/* The words of --hide: as above. */
int select_check_hide(const struct opt_list *hide);
/* The first table that has the field; NULL: none. */
bool select_needs(const char *table, const char *collector); /* table may be NULL */
const char *select_table(const char *sort);

/* Text for people: the rows that matter, as wide as the terminal. q and o belong to the caller. */
void select_text(struct query *q, struct export_opts *o, const char *view, const char *sort, bool total,
		 unsigned int rows);

#endif
