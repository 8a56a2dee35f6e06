/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Where records come from: the live kernel or a recording. Whoever consumes them
 * (model, writer, line printer) sees only this. */
#ifndef REC_SOURCE_H
#define REC_SOURCE_H

#include "base/base.h"
#include "bpf/abi.h"

struct source {
	/*
	 * 1: *rec is the next record. It passed rec_check, is of a known kind, and is
	 *    borrowed until the next call of next or close;
	 * 0: the end, also for every later call;
	 * -EAGAIN: nothing now, ask again later (live only);
	 * another negative errno: failed, one line was printed; do not go on.
	 */
	int (*next)(struct source *s, const struct hl_rec **rec);
	void (*close)(struct source *s); /* frees s too; NULL is not allowed */
};

#endif
