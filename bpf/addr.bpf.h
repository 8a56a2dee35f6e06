/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is known of things in flight, by their address: in arrays, for a hash's look-ups, and above
 * all its updates, cost several times as much. An entry begins with the address. One that is given
 * back keeps it, marked: most of these addresses come again, and then find what they left at the
 * first look. Of the places from the address's own on some are tried; there are several times as many as
 * things in flight.
 */
#ifndef HL_ADDR_BPF_H
#define HL_ADDR_BPF_H

#include "bpf/compat.bpf.h"

#define HL_ADDR_BITS   14
#define HL_ADDR_PLACES (1 << HL_ADDR_BITS)
#define HL_ADDR_PROBES 8
#define HL_ADDR_LEFT   1ull /* set in one that was given back; 0: a place that never was used */

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

/* The entry of an address; NULL: there is none. A place that never was used ends the search. */
__hot void *addr_find(void *map, __u64 addr)
{
	for (__u32 i = 0; i < HL_ADDR_PROBES; i++) {
		__u64 *e = addr_try(map, addr, i);

		if (!e || !*e)
			return NULL;
		if (*e == addr)
			return e;
	}
	return NULL;
}

__hot bool addr_claim(__u64 *e, __u64 was, __u64 addr)
{
	return __sync_val_compare_and_swap(e, was, addr) == was;
}

/* A place that another address has left. */
static __noinline void *addr_inherit(void *map, __u64 addr)
{
	for (__u32 i = 0; i < HL_ADDR_PROBES; i++) {
		__u64 *e = addr_try(map, addr, i), was = e ? *e : 0;

		if (was & HL_ADDR_LEFT && addr_claim(e, was, addr))
			return e;
	}
	return NULL;
}

/* The entry of an address, or one that is its from now on; NULL: there is no room. *is_new: what is
 * in it but the address is left of another time. */
__hot void *addr_get(void *map, __u64 addr, bool *is_new)
{
	*is_new = false;
	for (__u32 i = 0; i < HL_ADDR_PROBES; i++) {
		__u64 *e = addr_try(map, addr, i), was = e ? *e : 0;

		if (!e)
			break;
		if (was == addr)
			return e;
		if (was && (was & ~HL_ADDR_LEFT) != addr)
			continue;
		if (addr_claim(e, was, addr)) {
			*is_new = true;
			return e;
		}
	}
	*is_new = true;
	return addr_inherit(map, addr);
}

__hot void addr_leave(__u64 *e)
{
	barrier_compiler();
	*e |= HL_ADDR_LEFT;
}

#endif
