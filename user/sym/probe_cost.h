/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What probes cost on this machine: a child puts some on functions of its own and calls them. It is started
 * and asked later, as to take them off again takes a while.
 */
#ifndef SYM_PROBE_COST_H
#define SYM_PROBE_COST_H

#include "sym/find.h"

#define PROBE_RETURN   NR_SITE_COSTS /* of a return that the kernel sees, beside its begin */
#define NR_PROBE_COSTS (NR_SITE_COSTS + 1)

struct probe_costs {
	uint32_t ns[NR_PROBE_COSTS]; /* 0: not measured */
};

struct probe_cost;
struct probe_cost *probe_cost_begin(void);
/* Takes what has come; true: it is over. */
bool probe_cost_step(struct probe_cost *p);
/* 0, or -errno: nothing is known. */
int probe_cost_end(struct probe_cost *p, struct probe_costs *out);

void probe_cost_main(void) __attribute__((noreturn));

#endif
