/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The histogram's buckets, one function for both sides of the kernel border.
 *
 * Bucket i of the OpenTelemetry exponential histogram at scale 3 holds
 * (2^(i/8), 2^((i+1)/8)]: eight per power of two, the upper bound inclusive.
 * A cell is such a bucket for 2^8 < ns <= 2^38; cell 0 holds all that is
 * shorter, the last cell all that is longer. So cell c, 1 <= c <= 240, is
 * bucket c + 63.
 */
#ifndef HL_HIST_H
#define HL_HIST_H

#define HL_HIST_SCALE    3
#define HL_HIST_MIN_LOG2 8                                   /* 256 ns */
#define HL_HIST_MAX_LOG2 38                                  /* about 275 s */
#define HL_HIST_FIRST    (HL_HIST_MIN_LOG2 << HL_HIST_SCALE) /* bucket number of cell 1 */
#define HL_HIST_CELLS    (((HL_HIST_MAX_LOG2 - HL_HIST_MIN_LOG2) << HL_HIST_SCALE) + 2)
#define HL_HIST_LAST     (HL_HIST_CELLS - 1)

/* floor(2^63 * 2^(j/8)), j = 1..7: what a mantissa shifted to bit 63 must exceed. */
#define HL_HIST_M1 0x8b95c1e3ea8bd6e6ull
#define HL_HIST_M2 0x9837f0518db8a96full
#define HL_HIST_M3 0xa5fed6a9b15138eaull
#define HL_HIST_M4 0xb504f333f9de6484ull
#define HL_HIST_M5 0xc5672a115506daddull
#define HL_HIST_M6 0xd744fccad69d6af4ull
#define HL_HIST_M7 0xeac0c6e7dd24392eull

/* Position of the highest bit set; v > 0. BPF has no instruction for it. */
static inline __attribute__((always_inline)) __u32 hl_log2(__u64 v)
{
	__u32 r = 0;

	if (v >> 32) {
		v >>= 32;
		r = 32;
	}
	if (v >> 16) {
		v >>= 16;
		r += 16;
	}
	if (v >> 8) {
		v >>= 8;
		r += 8;
	}
	if (v >> 4) {
		v >>= 4;
		r += 4;
	}
	if (v >> 2) {
		v >>= 2;
		r += 2;
	}
	return r + (__u32)(v >> 1);
}

/* The cell of a duration in ns, 0 .. HL_HIST_LAST. Exact for every ns: no boundary
 * but a power of two is a whole number, and that one belongs to the cell below. */
static inline __attribute__((always_inline)) __u32 hl_hist_cell(__u64 ns)
{
	__u32 e, sub;
	__u64 m;

	if (ns <= (1ull << HL_HIST_MIN_LOG2))
		return 0;
	if (ns > (1ull << HL_HIST_MAX_LOG2))
		return HL_HIST_LAST;
	e = hl_log2(ns);
	m = ns << (63 - e);
	if (m > HL_HIST_M4)
		sub = m > HL_HIST_M6 ? (m > HL_HIST_M7 ? 7 : 6) : (m > HL_HIST_M5 ? 5 : 4);
	else
		sub = m > HL_HIST_M2 ? (m > HL_HIST_M3 ? 3 : 2) : (m > HL_HIST_M1 ? 1 : 0);
	return ((e - HL_HIST_MIN_LOG2) << HL_HIST_SCALE) + sub + 1 - (m == 1ull << 63);
}

#endif
