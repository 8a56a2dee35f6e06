/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* A small snapshot made by hand, with a table that has a field of every type and
 * hostile bytes in every string. For tests of what reads snapshots. */
#ifndef TESTS_FIXTURE_H
#define TESTS_FIXTURE_H

#include "model/snap.h"

/* One of every kind of byte that an output must not let through: controls, ESC, a
 * newline, quotes, markup, a comma, a bidi override, bytes that are not UTF-8. */
#define HOSTILE "=a\x1b[31m\n\r\t\"',<&>\\\x7f\xe2\x80\xae\xff\xc3\xa9\xed\xa0\x80"

struct fixture_row {
	uint32_t pid;
	const char *comm;
	uint64_t total_ns, ivl_ns, bytes, started, other_ns;
	double share_pct;
	bool running;
	int64_t result;
	uint64_t time[NR_HL_STATES];
	struct hist hist;
	uint8_t now_state;
	uint64_t now_since_ns;
};

extern const struct table_desc fixture_table;           /* "things" */
extern const struct table_desc *const fixture_tables[]; /* and "nothing"; NULL-ended */
#define FIXTURE_ROWS 3

/* The snapshot borrows from the rest; all of it may be changed before it is used. */

struct fixture {
	struct snap snap;
	struct snap_table tables[2]; /* "things", and "nothing": the same without rows */
	struct fixture_row rows[FIXTURE_ROWS];
};
void fixture_init(struct fixture *fx);
void fixture_free(struct fixture *fx);

#endif
