/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What the exporters share: which tables and rows a document shows, the type and the
 * raw text of a value, and the words for the numbers of bpf/abi.h. */
#ifndef EXPORT_PART_H
#define EXPORT_PART_H

#include "export/export.h"

/* Whether the document has this table at all. */
bool part_wanted(const struct snap_table *t, const struct export_opts *o);

/* The rows of one table that the document shows, in order. */
struct part {
	const struct snap_table *t;
	struct query_result r; /* when queried */
	bool queried;
	size_t n, matched; /* rows shown, and how many would be without a limit */
};

void part_open(struct part *p, const struct snap *s, const struct snap_table *t, const struct export_opts *o);
const void *part_row(const struct part *p, size_t i);
void part_close(struct part *p);

#define PART_NAME_LEN 64
/* Takes the outer part off a dotted name ("now.state": "now", and *name is "state"). False: there is none. */
bool part_outer(const char **name, char part[PART_NAME_LEN]);

/* What the field's values are, known before any row is: VAL_NONE when nothing tells. */
enum val_type part_type(const struct field *f);

/* Appends a number, truth value or wall-clock time as its raw text, without quotes, the
 * same in every locale. False, and nothing appended, for all else: also NaN and infinity. */
bool part_number(struct str *out, const struct field *f, const struct val *v);
void part_f64(struct str *out, double d); /* finite */

/* First and last cell of the buckets that hold something; false: none does. */
bool part_hist_range(const struct hist *h, unsigned int *first, unsigned int *last);

extern const char *const part_class_names[NR_HL_CLASSES];
extern const char *const part_holder_names[NR_HL_HOLDERS], *const part_unwind_names[NR_HL_UNWINDS];
extern const char *const part_loss_names[NR_HL_LOSSES], *const part_loss_help[NR_HL_LOSSES];
extern const char *const part_collector_states[NR_HL_COLLECTOR_STATES];
#define PART_NR_PSI 3
extern const char *const part_psi_names[PART_NR_PSI]; /* of struct snap's psi */

#endif
