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

/* The same of the interval and since start; a, b: what the getter's offset is. */
#define TWINS(a, b, name, title, help, get, unit_, metric_, flags_, width_, type_)                       \
	{ "interval." name, title, help ", in the interval", get, a, .unit = unit_,                      \
	  .flags = FIELD_IVL | (flags_), .width = width_, .type = type_ },                               \
	{ name, title, help, get, b, .unit = unit_, .metric = metric_, .flags = FIELD_TOTAL | (flags_),  \
	  .width = width_, .type = type_ },

#define WHO(row)                                                                                         \
	{ "pid", "PID", "process id", get_id, offsetof(struct row, pid), .flags = FIELD_KEY | FIELD_WIDE, \
	  .width = 7, .type = VAL_U64 },                                                                 \
	{ "start_ns", "START", "when the process started, ns since boot", field_u64_opt,                 \
	  offsetof(struct row, proc_start_ns), .unit = UNIT_BOOT, .flags = FIELD_KEY, .width = 6 },

#define WHERE(row)                                                                                       \
	{ "container", "CONTAINER", "container or pod of the process", field_str,                        \
	  offsetof(struct row, container), .flags = FIELD_WIDE | FIELD_RARE | FIELD_ASC, .width = 14 },  \
	{ "cgroup", "CGROUP", "path of the process's cgroup", field_str, offsetof(struct row, cgroup),   \
	  .flags = FIELD_TAIL | FIELD_ASC, .width = 24 },

#define SERVICE(at)                                                                                      \
	{ "service", "SERVICE", "what that port is mostly used for; nobody was asked", get_service, at,  \
	  .flags = FIELD_WIDE | FIELD_RARE | FIELD_ASC, .width = 10, .type = VAL_STR },
/* clang-format on */

#endif
