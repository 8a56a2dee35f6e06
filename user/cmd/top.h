/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* hostlat top: what its options say, for its three ways to show things. */
#ifndef CMD_TOP_H
#define CMD_TOP_H

#include "cmd/session.h"

struct top_values {
	struct common common;
	struct session_opts live;
	uint64_t interval_ns; /* 0: not given */
	unsigned int count, rows;
	bool batch, json, total;
	const char *view, *sort, *replay;
	struct opt_list hide;
};

#define TOP_INTERVAL_NS NSEC_PER_SEC

/* All return an exit status. */
int top_batch(const struct invocation *in);         /* text or JSON, live */
int top_batch_replay(const struct invocation *in);  /* the same over a recording */
int top_screen(const struct invocation *in);        /* the live view */
int top_screen_replay(const struct invocation *in); /* the same over a recording */

#endif
