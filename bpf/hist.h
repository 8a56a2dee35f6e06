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

/* floor(2^63 * 2^(j/8)), j = 1..8: what a mantissa shifted to bit 63 must exceed to be in bucket
 * j of its power of two and not in the one below. One lies in each eighth from 1 to 2. */
static const __u64 hl_hist_bounds[8] = {
	0x8b95c1e3ea8bd6e6ull, 0x9837f0518db8a96full, 0xa5fed6a9b15138eaull, 0xb504f333f9de6484ull,
	0xc5672a115506daddull, 0xd744fccad69d6af4ull, 0xeac0c6e7dd24392eull, 0xffffffffffffffffull,
};

/* 1 where a > b, without a branch: those cost a wrong guess each on durations of all sizes, and
 * the verifier follows every one. a and b are less than 2^63 apart. */
static inline __attribute__((always_inline)) __u32 hl_is_more(__u64 a, __u64 b)
{
	return (b - a) >> 63;
}

/* Position of the highest bit set; v > 0. BPF has no instruction for it. */
static inline __attribute__((always_inline)) __u32 hl_log2(__u64 v)
{
	__u32 r = hl_is_more(v >> 32, 0) << 5, more;

	v >>= r;
	more = hl_is_more(v, 0xffff) << 4;
	v >>= more;
	r += more;
	more = hl_is_more(v, 0xff) << 3;
	v >>= more;
	r += more;
	more = hl_is_more(v, 0xf) << 2;
	v >>= more;
	r += more;
	more = hl_is_more(v, 3) << 1;
	v >>= more;
	return r + more + (__u32)(v >> 1);
}

/* The cell of a duration in ns, 0 .. HL_HIST_LAST. Exact for every ns: no boundary
 * but a power of two is a whole number, and that one belongs to the cell below. */
static inline __attribute__((always_inline)) __u32 hl_hist_cell(__u64 ns)
{
	__u32 e, eighth;
	__u64 m;

	if (ns <= (1ull << HL_HIST_MIN_LOG2))
		return 0;
	if (ns > (1ull << HL_HIST_MAX_LOG2))
		return HL_HIST_LAST;
	e = hl_log2(ns);
	m = ns << (63 - e);
	eighth = m >> 60 & 7;
	/* a power of two is in the cell below */
	return ((e - HL_HIST_MIN_LOG2) << HL_HIST_SCALE) + eighth + hl_is_more(m, hl_hist_bounds[eighth]) +
	       hl_is_more(m, 1ull << 63);
}

#endif
