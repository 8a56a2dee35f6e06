/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What floor.bpf.c counts and floor.c prints. */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#define FLOOR_SLOTS   131072 /* threads; a power of two, at least pid_max for exact figures */
#define FLOOR_CPUS    64
#define FLOOR_CALLS   512
#define FLOOR_BUCKETS 39 /* powers of two of nanoseconds */

struct call_slot {
	unsigned long long begin; /* 0: not in a call */
	unsigned int tid;
	unsigned int nr;
};

struct ledger {
	unsigned long long since; /* the last switch in or out */
	unsigned long long woken; /* 0: not yet */
	unsigned long long cpu_ns, off_ns, runqueue_ns;
	unsigned int tid;
	unsigned int nr; /* the call it sleeps in */
};

/* 40 words: the count is the sum of the buckets. */
struct floor_hist {
	unsigned long long sum_ns;
	unsigned long long bucket[FLOOR_BUCKETS];
};

#endif
