/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The histogram: its boundaries against 2^(k/8) in exact integers, what is done
 * with it against a sorted array. */
#include <stdlib.h>

#include "base/hist.h"
#include "tests/test.h"

#define WORDS 10 /* 320 bits: an eighth power of 39 bits is 312 */

/* v^8 > 2^k? Exact: the power is multiplied out in base 2^32. */
static bool power8_exceeds(uint64_t v, unsigned int k)
{
	uint32_t n[WORDS + 3] = { 1 };
	unsigned int top, bits = 0;

	for (int i = 0; i < 8; i++) {
		unsigned __int128 carry = 0;

		for (unsigned int w = 0; w < WORDS + 3; w++) {
			carry += (unsigned __int128)n[w] * v;
			n[w] = (uint32_t)carry;
			carry >>= 32;
		}
	}
	for (top = WORDS + 2; !n[top]; top--)
		;
	for (uint32_t x = n[top]; x; x >>= 1)
		bits++;
	bits += top * 32; /* 2^(bits-1) <= v^8 < 2^bits */
	if (bits - 1 != k)
		return bits - 1 > k;
	for (unsigned int w = 0; w < top; w++)
		if (n[w])
			return true;
	return (n[top] & (n[top] - 1)) != 0;
}

/* floor(2^(k/8)): the largest v with v^8 <= 2^k. */
static uint64_t floor_root(unsigned int k)
{
	uint64_t low = 1, high = 1ull << 39; /* low is small enough, high is not */

	while (high - low > 1) {
		uint64_t mid = low + (high - low) / 2;

		if (power8_exceeds(mid, k))
			high = mid;
		else
			low = mid;
	}
	return low;
}

void test_hist_oracle(void)
{
	ASSERT_EQ(floor_root(8 * 8), 256);
	ASSERT_EQ(floor_root(38 * 8), 1ll << 38);
	ASSERT_EQ(floor_root(8 * 8 + 4), 362); /* 256 * sqrt 2 = 362.04 */
	ASSERT_EQ(floor_root(13), 3);          /* 2^1.625 = 3.08 */
	ASSERT(power8_exceeds(2, 7) && !power8_exceeds(2, 8) && power8_exceeds(3, 12));
}

/* Cell c is bucket c + 63 of scale 3, which holds (2^(i/8), 2^((i+1)/8)]. */
void test_hist_cells_are_otel_buckets(void)
{
	for (unsigned int c = 1; c < HL_HIST_LAST; c++) {
		unsigned int bucket = c + 63;
		uint64_t lower = floor_root(bucket), upper = floor_root(bucket + 1);

		ASSERT_EQ(hl_hist_cell(lower), c - 1);
		ASSERT_EQ(hl_hist_cell(lower + 1), c);
		ASSERT_EQ(hl_hist_cell(upper), c);
		ASSERT_EQ(hl_hist_cell(upper + 1), c + 1);
		ASSERT_EQ(hist_cell_upper(c), upper);
	}
	ASSERT_EQ(HL_HIST_LAST, 241);
}

void test_hist_ends(void)
{
	for (uint64_t ns = 0; ns <= 256; ns++)
		ASSERT_EQ(hl_hist_cell(ns), 0);
	ASSERT_EQ(hl_hist_cell(257), 1);
	ASSERT_EQ(hl_hist_cell(1ull << 38), HL_HIST_LAST - 1);
	ASSERT_EQ(hl_hist_cell((1ull << 38) + 1), HL_HIST_LAST);
	ASSERT_EQ(hl_hist_cell(UINT64_MAX), HL_HIST_LAST);
	ASSERT_EQ(hist_cell_upper(0), 256);
	ASSERT(hist_cell_upper(HL_HIST_LAST) == UINT64_MAX);
	for (unsigned int e = 9; e <= 38; e++) /* a power of two is the upper end of its bucket */
		ASSERT_EQ(hl_hist_cell(1ull << e), (e - 8) * 8);
	for (unsigned int e = 0; e < 64; e++) {
		ASSERT_EQ(hl_log2(1ull << e), e);
		ASSERT_EQ(hl_log2((1ull << e) | ((1ull << e) - 1)), e);
	}
}

/* ---- against a sorted array ------------------------------------------------- */

static uint64_t rnd(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Durations of every size, log-uniform from 1 ns to 2^40, clustered now and then. */
static uint64_t rnd_ns(uint64_t *seed, unsigned int spread)
{
	unsigned int e = 40 - rnd(seed) % spread;

	return 1 + (rnd(seed) & ((1ull << e) - 1));
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void check_quantiles(const struct hist *h, uint64_t *sorted, unsigned int n)
{
	qsort(sorted, n, sizeof(*sorted), by_value);
	for (unsigned int mille = 0; mille <= 1000; mille += 5) {
		uint64_t rank = ((uint64_t)mille * n + 999) / 1000;
		uint64_t truth = sorted[rank ? rank - 1 : 0], got;

		got = hist_quantile(h, mille / 1000.0, sorted[n - 1]);
		if (!ASSERT_EQ(hl_hist_cell(got), hl_hist_cell(truth)) || !ASSERT(got <= sorted[n - 1]))
			return;
	}
	ASSERT_EQ(hist_quantile(h, 1, sorted[n - 1]),
		  MIN(sorted[n - 1], hist_cell_upper(hl_hist_cell(sorted[n - 1]))));
}

void test_hist_quantile_is_in_the_right_bucket(void)
{
	static uint64_t v[3000];
	uint64_t seed = 42;

	for (unsigned int round = 0; round < 200; round++) {
		unsigned int n = 1 + rnd(&seed) % (round < 100 ? 20 : 3000), spread = 1 + rnd(&seed) % 40;
		struct hist h = {};

		for (unsigned int i = 0; i < n; i++) {
			v[i] = rnd_ns(&seed, spread);
			hist_add(&h, v[i]);
		}
		ASSERT_EQ(h.count, n);
		check_quantiles(&h, v, n);
		hist_free(&h);
	}
}

void test_hist_quantile_edges(void)
{
	struct hist h = {};
	uint64_t before = 0;

	ASSERT_EQ(hist_quantile(&h, 0.5, 1000), 0);
	hist_add_cell(&h, 20, 1000);
	for (int i = 0; i <= 100; i++) { /* interpolated: it moves, and upwards */
		uint64_t now = hist_quantile(&h, i / 100.0, UINT64_MAX);

		ASSERT(now >= before && now > hist_cell_upper(19) && now <= hist_cell_upper(20));
		before = now;
	}
	ASSERT_EQ(hist_quantile(&h, 1, UINT64_MAX), hist_cell_upper(20));
	ASSERT(hist_quantile(&h, 0.1, UINT64_MAX) < hist_quantile(&h, 0.9, UINT64_MAX));
	ASSERT_EQ(hist_quantile(&h, 7, UINT64_MAX), hist_cell_upper(20));
	ASSERT_EQ(hist_quantile(&h, -1, UINT64_MAX), hist_quantile(&h, 0, UINT64_MAX));
	hist_reset(&h);
	hist_add_cell(&h, HL_HIST_LAST, 4);
	ASSERT_EQ(hist_quantile(&h, 1, 1ull << 40), 1ull << 40);
	ASSERT_EQ(hl_hist_cell(hist_quantile(&h, 0.1, 1ull << 40)), HL_HIST_LAST);
	ASSERT_EQ(hist_quantile(&h, 0.9, UINT64_MAX), (1ull << 38) + 1);
	hist_free(&h);
}

static bool same(const struct hist *a, const struct hist *b)
{
	for (unsigned int c = 0; c < HL_HIST_CELLS; c++)
		if (hist_cell(a, c) != hist_cell(b, c))
			return false;
	return a->count == b->count;
}

static void fill(struct hist *h, uint64_t *seed)
{
	unsigned int n = rnd(seed) % 50, spread = 1 + rnd(seed) % 40;

	while (n--)
		hist_add(h, rnd_ns(seed, spread));
}

void test_hist_merge_and_sub(void)
{
	uint64_t seed = 99;

	for (int round = 0; round < 500; round++) {
		struct hist a = {}, b = {}, ab = {}, ba = {}, back = {};

		fill(&a, &seed);
		fill(&b, &seed);
		hist_copy(&ab, &a);
		ASSERT(same(&ab, &a));
		hist_merge(&ab, &b);
		hist_copy(&ba, &b);
		hist_merge(&ba, &a);
		ASSERT(same(&ab, &ba));
		ASSERT_EQ(ab.count, a.count + b.count);
		for (unsigned int c = 0; c < HL_HIST_CELLS; c++)
			ASSERT_EQ(hist_cell(&ab, c), hist_cell(&a, c) + hist_cell(&b, c));
		hist_sub(&back, &ab, &b);
		ASSERT(same(&back, &a));
		hist_reset(&back);
		hist_sub(&back, &a, &ab);
		ASSERT_EQ(back.count, 0);
		hist_free(&a), hist_free(&b), hist_free(&ab), hist_free(&ba), hist_free(&back);
	}
}

void test_hist_stores_only_its_range(void)
{
	struct hist h = {};

	hist_add_cell(&h, 100, 0);
	hist_add_cell(&h, HL_HIST_LAST + 1, 3);
	ASSERT(!h.cells && !h.n && !h.count);
	hist_add_cell(&h, 100, 2);
	ASSERT_EQ(h.n, 1);
	hist_add_cell(&h, 98, 1);
	hist_add_cell(&h, 103, 1);
	ASSERT_EQ(h.first, 98);
	ASSERT_EQ(h.n, 6);
	ASSERT_EQ(hist_cell(&h, 100), 2);
	ASSERT_EQ(hist_cell(&h, 97) + hist_cell(&h, 99) + hist_cell(&h, 104), 0);
	hist_merge(&h, &h);
	ASSERT_EQ(h.count, 8);
	hist_add_cell(&h, 99, UINT64_MAX); /* stops at the top instead of going round */
	ASSERT(h.count == UINT64_MAX);
	ASSERT(hist_cell(&h, 99) == UINT64_MAX - 8);
	ASSERT_EQ(hl_hist_cell(hist_quantile(&h, 0.5, UINT64_MAX)), 99);
	hist_free(&h);
	ASSERT(!h.cells && !h.count);
}
