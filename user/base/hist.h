/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The 64-bit histogram of the user side. Cells are those of bpf/hist.h; only the
 * range that holds something is stored, so that a row costs little. */
#ifndef BASE_HIST_H
#define BASE_HIST_H

#include "base/base.h"
#include "bpf/hist.h"

struct hist {
	uint64_t *cells; /* cells first .. first + n - 1 */
	uint16_t first, n;
	uint64_t count; /* sum of the cells */
};

void hist_add_cell(struct hist *h, unsigned int cell, uint64_t n); /* cell > HL_HIST_LAST is ignored */
void hist_add(struct hist *h, uint64_t ns);
void hist_merge(struct hist *to, const struct hist *from);
/* what `later` has beyond `earlier`, into an empty `out`; a cell never goes below 0 */
void hist_sub(struct hist *out, const struct hist *later, const struct hist *earlier);
void hist_copy(struct hist *to, const struct hist *from); /* into an empty `to` */
void hist_reset(struct hist *h);                          /* empty, memory kept */
void hist_free(struct hist *h);
uint64_t hist_cell(const struct hist *h, unsigned int cell); /* 0 outside the stored range */

/* Upper bound of a cell in ns, inclusive; UINT64_MAX for the last one. */
uint64_t hist_cell_upper(unsigned int cell);
/* The q-quantile (0..1) in ns: inside the cell that holds it, interpolated on the
 * log scale; at most max_ns. 0 when the histogram is empty. */
uint64_t hist_quantile(const struct hist *h, double q, uint64_t max_ns);

#endif
