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

/* Its clocks at one moment, but for that of `cpu`, which is none: it is what they leave. */
#define FIRST_CLOCK (HL_STATE_CPU + 1)

struct clock_set {
	__u64 ns[NR_HL_STATES - FIRST_CLOCK];
};

/* Where the time went since the clocks stood so. */
__hot void spent_read(struct spent *t, const struct hl_slot *s, const __u64 *then)
{
#pragma clang loop unroll(disable)
	for (int i = FIRST_CLOCK; i < NR_HL_STATES; i++)
		t->ns[i] = s->state_ns[i] - then[i - FIRST_CLOCK];
}

/* The waits are there: `cpu` is what they leave. They are on the run queue's clock, which may lag. */
__hot void spent_close(struct spent *t)
{
	__u64 waited = 0, most = 0;

	t->ns[HL_STATE_CPU] = 0;
	t->most = HL_STATE_CPU;
#pragma clang loop unroll(disable)
	for (int i = 0; i < NR_HL_STATES; i++) {
		waited += t->ns[i];
		if (t->ns[i] > most) {
			most = t->ns[i];
			t->most = i;
		}
	}
	if (waited > t->duration)
		spent_fit(t, waited - t->duration);
	else
		t->ns[HL_STATE_CPU] = t->duration - waited;
	if (t->ns[HL_STATE_CPU] >= t->ns[t->most & (NR_HL_STATES - 1)])
		t->most = HL_STATE_CPU;
}

__global int spent_since(struct spent *t, const struct hl_slot *s, const struct clock_set *then)
{
	if (!t || !s || !then)
		return 0;
	spent_read(t, s, then->ns);
	spent_close(t);
	return 0;
}

#endif
