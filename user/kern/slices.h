/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Who ran on a CPU, out of the ring that its switches leave (struct hl_slice): the kernel side goes
 * on writing while it is read, and what it has overwritten is not known.
 */
#ifndef KERN_SLICES_H
#define KERN_SLICES_H

#include "base/mem.h"
#include "bpf/slot.h"

struct slices { /* one CPU's */
	const struct hl_slice *ring;
	uint32_t size;         /* a power of two */
	const uint64_t *count; /* how many the kernel side has written */
};

struct stay {
	uint64_t ns;
	uint32_t tid; /* 0: the CPU was idle */
};

struct stays {
	VEC(struct stay) v;         /* one for each thread, who had most first */
	uint64_t interrupts_ns;     /* what these took of all of them; 0 where the kernel does not tell */
	uint64_t known_ns;          /* the sum */
	VEC(struct hl_slice) taken; /* room */
};

/*
 * Who ran in the `span` ns up to the end of the slice that was the last one when there were `end`
 * (its low half). Of what is left out there is no knowledge: it was overwritten, the clock went
 * backwards, or a switch was not told of.
 */
void slices_read(const struct slices *s, uint32_t end, uint64_t span, struct stays *out);
void stays_free(struct stays *s);

#endif
