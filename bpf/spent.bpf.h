/* SPDX-License-Identifier: GPL-2.0 */
/* Where a thread's time went between two readings of its clocks. */
#ifndef HL_SPENT_BPF_H
#define HL_SPENT_BPF_H

#include "bpf/maps.bpf.h"

struct spent {
	__u64 duration;
	__u64 ns[NR_HL_STATES];
	__u64 most; /* the state that took most of it */
};

/* What the waits have too much is taken from the longest, and what that has not from the others. */
__hot void spent_fit(struct spent *t, __u64 excess)
{
	__u64 *ns = &t->ns[t->most & (NR_HL_STATES - 1)], cut = excess < *ns ? excess : *ns;

	*ns -= cut;
	excess -= cut;
#pragma clang loop unroll(disable)
	for (int i = 0; i < NR_HL_STATES && excess; i++) {
		cut = excess < t->ns[i] ? excess : t->ns[i];
		t->ns[i] -= cut;
		excess -= cut;
	}
}

/* Its clocks at one moment. */
struct clock_set {
	__u64 ns[NR_HL_STATES];
};

/* Where t->duration went, since the clocks stood so: `cpu` is what the waits leave. They are on the run
 * queue's clock, which may lag. */
__global int spent_since(struct spent *t, const struct hl_slot *s, const struct clock_set *then)
{
	__u64 waited = 0, most = 0;

	if (!t || !s || !then)
		return 0;
	t->most = HL_STATE_CPU;
#pragma clang loop unroll(disable)
	for (int i = 0; i < NR_HL_STATES; i++) {
		__u64 ns = i == HL_STATE_CPU ? 0 : s->state_ns[i] - then->ns[i];

		t->ns[i] = ns;
		waited += ns;
		if (ns > most) {
			most = ns;
			t->most = i;
		}
	}
	if (waited > t->duration)
		spent_fit(t, waited - t->duration);
	else
		t->ns[HL_STATE_CPU] = t->duration - waited;
	if (t->ns[HL_STATE_CPU] >= t->ns[t->most & (NR_HL_STATES - 1)])
		t->most = HL_STATE_CPU;
	return 0;
}

#endif
