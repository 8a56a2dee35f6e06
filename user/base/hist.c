/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The 64-bit histogram. The model and the exporters call it; the kernel side
 * shares nothing with it but bpf/hist.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hist.h"
#include "base/mem.h"

/* Widen the stored range so that it holds first .. last. */
static void hist_widen(struct hist *h, unsigned int first, unsigned int last)
{
	unsigned int n;

	if (h->n) {
		first = MIN(first, h->first);
		last = MAX(last, h->first + h->n - 1u);
	}
	n = last - first + 1;
	if (h->n == n)
		return;
	h->cells = xrealloc(h->cells, n * sizeof(*h->cells));
	if (h->n) {
		unsigned int before = h->first - first, after = n - before - h->n;

		memmove(h->cells + before, h->cells, h->n * sizeof(*h->cells));
		memset(h->cells, 0, before * sizeof(*h->cells));
		memset(h->cells + before + h->n, 0, after * sizeof(*h->cells));
	} else {
		memset(h->cells, 0, n * sizeof(*h->cells));
	}
	h->first = (uint16_t)first;
	h->n = (uint16_t)n;
}

void hist_add_cell(struct hist *h, unsigned int cell, uint64_t n)
{
	if (cell > HL_HIST_LAST || !n)
		return;
	/* a damaged recording may hold any number: stop at the top, so that the
	 * count stays the sum */
	n = MIN(n, UINT64_MAX - h->count);
	hist_widen(h, cell, cell);
	h->cells[cell - h->first] += n;
	h->count += n;
}

void hist_add(struct hist *h, uint64_t ns)
{
	hist_add_cell(h, hl_hist_cell(ns), 1);
}

void hist_merge(struct hist *to, const struct hist *from)
{
	uint16_t n = from->n; /* to may be from */

	if (!from->count)
		return;
	hist_widen(to, from->first, from->first + n - 1u);
	for (unsigned int i = 0; i < n; i++)
		hist_add_cell(to, from->first + i, from->cells[i]);
}

void hist_sub(struct hist *out, const struct hist *later, const struct hist *earlier)
{
	for (unsigned int i = 0; i < later->n; i++) {
		unsigned int cell = later->first + i;
		uint64_t before = hist_cell(earlier, cell);

		if (later->cells[i] > before)
			hist_add_cell(out, cell, later->cells[i] - before);
	}
}

void hist_copy(struct hist *to, const struct hist *from)
{
	hist_merge(to, from);
}

void hist_reset(struct hist *h)
{
	if (h->n)
		memset(h->cells, 0, h->n * sizeof(*h->cells));
	h->count = 0;
}

void hist_free(struct hist *h)
{
	free(h->cells);
	*h = (struct hist){};
}

uint64_t hist_cell(const struct hist *h, unsigned int cell)
{
	return cell < h->first || cell - h->first >= h->n ? 0 : h->cells[cell - h->first];
}

uint64_t hist_cell_upper(unsigned int cell)
{
	unsigned int bucket = cell + HL_HIST_FIRST; /* the number of the one above */

	if (cell >= HL_HIST_LAST)
		return UINT64_MAX;
	return (bucket % 8 ? hl_hist_bounds[bucket % 8 - 1] : 1ull << 63) >> (63 - (bucket >> HL_HIST_SCALE));
}

/* The value at the fraction f (0..1] of a cell. */
static uint64_t cell_value(unsigned int cell, double f, uint64_t max_ns)
{
	uint64_t low = cell ? hist_cell_upper(cell - 1) + 1 : 0;
	uint64_t high = hist_cell_upper(cell);
	double a, b, v;

	if (cell == HL_HIST_LAST) /* without a maximum nothing is known but the lower end */
		high = max_ns == UINT64_MAX ? low : MAX(low, max_ns);
	if (!cell)
		return (uint64_t)(f * (double)high); /* a log scale has no zero */
	a = cell == HL_HIST_LAST ? HL_HIST_MAX_LOG2 : (cell + HL_HIST_FIRST - 1) / 8.0;
	b = cell == HL_HIST_LAST ? log2((double)high) : (cell + HL_HIST_FIRST) / 8.0;
	v = exp2(a + (b - a) * f);
	if (f >= 1 || v >= (double)high) /* the power may fall a little short of the end */
		return high;
	return MAX(low, (uint64_t)v);
}

uint64_t hist_quantile(const struct hist *h, double q, uint64_t max_ns)
{
	uint64_t rank, below = 0, ns;
	unsigned int i;
	long double r;

	if (!h->count)
		return 0;
	/* the nearest rank; 0.07 * 100 must be 7, which its double is not */
	r = q > 0 ? ceill((long double)q * (long double)h->count * (1 - 1e-12L)) : 1;
	rank = r >= (long double)h->count ? h->count : MAX(1, (uint64_t)r);
	for (i = 0; i + 1u < h->n && h->cells[i] < rank - below; i++)
		below += h->cells[i];
	ns = cell_value(h->first + i, (double)(rank - below) / (double)MAX(1, h->cells[i]), max_ns);
	return MIN(ns, max_ns);
}
