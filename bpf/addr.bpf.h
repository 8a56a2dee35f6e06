/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is known of things in flight, by their address: in arrays, for a hash's look-ups, and above
 * all its updates, cost several times as much. An entry begins with the address, 0: free. Of the places from
 * the address's own on some are tried; there are several times as many as things in flight.
 */
#ifndef HL_ADDR_BPF_H
#define HL_ADDR_BPF_H

#include "bpf/compat.bpf.h"

#define HL_ADDR_BITS   14
#define HL_ADDR_PLACES (1 << HL_ADDR_BITS)
#define HL_ADDR_PROBES 8

__hot __u32 addr_place(__u64 addr)
{
	__u32 half;

	/* the verifier counts with no pointer, but lets a half of one be taken */
	asm volatile("%0 = %1" : "=w"(half) : "w"((__u32)addr));
	return half * 0x9e3779b1u >> (32 - HL_ADDR_BITS);
}

/* The i-th place where an address may be. */
__hot __u64 *addr_try(void *map, __u64 addr, __u32 i)
{
	__u32 at = (addr_place(addr) + i) & (HL_ADDR_PLACES - 1);

	return bpf_map_lookup_elem(map, &at);
}

/* The entry of an address; NULL: there is none. */
__hot void *addr_find(void *map, __u64 addr)
{
	for (__u32 i = 0; i < HL_ADDR_PROBES; i++) {
		__u64 *e = addr_try(map, addr, i);

		if (e && *e == addr)
			return e;
	}
	return NULL;
}

/* A free place, now that address's, for one that has none; NULL: there is no room. What is in it
 * but the address is left of another. */
__hot void *addr_take(void *map, __u64 addr)
{
	for (__u32 i = 0; i < HL_ADDR_PROBES; i++) {
		__u64 *e = addr_try(map, addr, i);

		if (e && !*e && !__sync_val_compare_and_swap(e, 0, addr))
			return e;
	}
	return NULL;
}

#endif
