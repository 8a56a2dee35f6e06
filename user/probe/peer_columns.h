/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Columns of tables about who talks to whom: whose a row is, which side, which service. For tcp.c,
 * exchanges.c and dns.c. */
#ifndef PROBE_PEER_COLUMNS_H
#define PROBE_PEER_COLUMNS_H

#include "probe/get.h"

/* Of any row; offset: … */
void get_id(const struct field *f, const void *row, struct val *out);   /* of a number, u32; 0: not known */
void get_role(const struct field *f, const void *row, struct val *out); /* of an enum hl_role, one byte */
void get_port(const struct field *f, const void *row, struct val *out); /* of a port, u64; 0: not known */
void get_service(const struct field *f, const void *row, struct val *out); /* of the same */

/* clang-format off */

#define WHO(row)                                                                                         \
	{ "pid", "PID", "process id", get_id, offsetof(struct row, pid), .flags = FIELD_KEY | FIELD_WIDE, \
	  .width = 7, .type = VAL_U64 },                                                                 \
	{ "start_ns", "START", "when the process started, ns since boot", field_u64_opt,                 \
	  offsetof(struct row, proc_start_ns), .unit = UNIT_BOOT, .flags = FIELD_KEY, .width = 6 },

#define SERVICE(at)                                                                                      \
	{ "service", "SERVICE", "what that port is mostly used for; nobody was asked", get_service, at,  \
	  .flags = FIELD_WIDE | FIELD_RARE | FIELD_ASC, .width = 10, .type = VAL_STR },
/* clang-format on */

#endif
