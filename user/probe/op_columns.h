/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Columns that every table over operations has (rows.h, struct op_row, or a row that begins
 * with one): how many, how long, how many failed, in which state. For tables_ops.c and
 * files.c, which add what the rows are of.
 */
#ifndef PROBE_OP_COLUMNS_H
#define PROBE_OP_COLUMNS_H

#include "probe/get.h"

void get_op_kind(const struct field *f, const void *row, struct val *out);
void get_op_state(const struct field *f, const void *row, struct val *out);
void get_op_wait(const struct field *f, const void *row, struct val *out);
void get_op_pid(const struct field *f, const void *row, struct val *out);
void get_op_avg(const struct field *f, const void *row, struct val *out);
void get_op_ivl_avg(const struct field *f, const void *row, struct val *out);
void get_op_rate(const struct field *f, const void *row, struct val *out);
void get_op_ivl_rate(const struct field *f, const void *row, struct val *out);
void get_op_quantile(const struct field *f, const void *row, struct val *out); /* offset: times 1000 */
void get_op_ivl_quantile(const struct field *f, const void *row, struct val *out);
/* A request of io_uring has no thread whose states it could have. */
void get_op_states(const struct field *f, const void *row, struct val *out);
void get_op_phase(const struct field *f, const void *row, struct val *out);
bool op_hidden(const void *row); /* most of it is waiting for work */

/* clang-format off */
#define OP_AT(member) offsetof(struct op_row, member)

#define OP_PROCESS(flag)                                                                                 \
	{ "comm", "COMMAND", "name of the process, or of the group", field_str, OP_AT(comm),                 \
	  .flags = FIELD_NARROW | FIELD_ASC, .width = 12 },                                              \
	{ "pid", "PID", "process id", get_op_pid, .flags = FIELD_KEY | (flag), .width = 7,               \
	  .type = VAL_U64 },                                                                             \
	{ "start_ns", "START", "when the process started, ns since boot", field_u64,                     \
	  OP_AT(proc_start_ns), .unit = UNIT_BOOT, .flags = FIELD_KEY, .width = 6 },

/* The mean, of the interval and since start. */
#define OP_AVG(help, get, get_ivl, flag)                                                                 \
	{ "interval.avg_ns", "AVG", help ", in the interval", get_ivl, .unit = UNIT_NS,                  \
	  .flags = (flag) | FIELD_IVL | FIELD_SCREEN, .width = 6, .type = VAL_U64 },                     \
	{ "avg_ns", "AVG", help, get, .unit = UNIT_NS,                                                   \
	  .flags = (flag) | FIELD_TOTAL | FIELD_SCREEN, .width = 6, .type = VAL_U64 },

#define OP_QUANTILE(name, title, share, permille, flag)                                                  \
	{ "interval." name, title, share " of them took at most this long, in the interval",             \
	  get_op_ivl_quantile, permille, UNIT_NS, METRIC_NONE, FIELD_IVL | (flag), 6, VAL_U64 },         \
	{ name, title, share " of them took at most this long", get_op_quantile, permille,               \
	  UNIT_NS, METRIC_NONE, FIELD_TOTAL | (flag), 6, VAL_U64 },

/* Of what may not be measured: the getter of numbers, and of rates. */
#define OP_COUNTS(get_u64, get_rate, get_ivl_rate)                                                       \
	{ "interval.count", "COUNT", "how many, in the interval", get_u64, OP_AT(ivl_count),             \
	  .unit = UNIT_COUNT, .flags = FIELD_NARROW | FIELD_IVL, .width = 5, .type = VAL_U64 },          \
	{ "count", "COUNT", "how many since start", get_u64, OP_AT(count), .unit = UNIT_COUNT,           \
	  .metric = METRIC_COUNTER, .flags = FIELD_NARROW | FIELD_TOTAL, .width = 5, .type = VAL_U64 },  \
	{ "interval.per_s", "PER-S", "how many a second, in the interval", get_ivl_rate,                 \
	  .unit = UNIT_COUNT,                                                                            \
	  .flags = FIELD_WIDE | FIELD_IVL | FIELD_SCREEN, .width = 5, .type = VAL_F64 },                 \
	{ "per_s", "PER-S", "how many a second since start", get_rate, .unit = UNIT_COUNT,               \
	  .flags = FIELD_WIDE | FIELD_TOTAL | FIELD_SCREEN, .width = 5, .type = VAL_F64 },

#define OP_ERRORS(get_u64)                                                                               \
	{ "interval.errors", "ERR", "how many failed, in the interval", get_u64, OP_AT(ivl_errors),      \
	  .unit = UNIT_COUNT, .flags = FIELD_WIDE | FIELD_IVL, .width = 5, .type = VAL_U64 },            \
	{ "errors", "ERR", "how many failed since start", get_u64, OP_AT(errors), .unit = UNIT_COUNT,    \
	  .metric = METRIC_COUNTER, .flags = FIELD_WIDE | FIELD_TOTAL, .width = 5, .type = VAL_U64 },

#define OP_TIMES                                                                                         \
	{ "interval.busy_ns", "BUSY", "time in the interval, without waits for work", field_u64,         \
	  OP_AT(ivl_busy_ns), .unit = UNIT_NS,                                                           \
	  .flags = FIELD_NARROW | FIELD_BOTH | FIELD_IVL, .width = 6 },                                  \
	{ "busy_ns", "TOTAL", "time since start, without waits for work", field_u64,                     \
	  OP_AT(busy_ns), .unit = UNIT_NS, .metric = METRIC_COUNTER,                                     \
	  .flags = FIELD_NARROW | FIELD_BOTH | FIELD_TOTAL, .width = 6 },                                \
	{ "interval.total_ns", "TIME", "time in all of them, waits for work too, in the interval",       \
	  field_u64, OP_AT(ivl_ns), .unit = UNIT_NS,                                                     \
	  .flags = FIELD_WIDE | FIELD_IVL, .width = 6 },                                                 \
	{ "total_ns", "TIME", "time in all of them, waits for work too, since start", field_u64,         \
	  OP_AT(total_ns), .unit = UNIT_NS, .metric = METRIC_COUNTER,                                    \
	  .flags = FIELD_WIDE | FIELD_TOTAL, .width = 6 },                                               \
	OP_AVG("mean duration", get_op_avg, get_op_ivl_avg, FIELD_WIDE)                                  \
	OP_QUANTILE("p50_ns", "P50", "50 %", 500, FIELD_WIDE)                                            \
	OP_QUANTILE("p90_ns", "P90", "90 %", 900, 0)                                                     \
	OP_QUANTILE("p99_ns", "P99", "99 %", 990, FIELD_NARROW)                                          \
	OP_QUANTILE("p999_ns", "P99.9", "99.9 %", 999, FIELD_WIDE)                                       \
	{ "max_ns", "MAX", "the longest since start", field_u64, OP_AT(max_ns), .unit = UNIT_NS,         \
	  .metric = METRIC_GAUGE, .flags = FIELD_NARROW, .width = 6 },

#define OP_STATES                                                                                        \
	{ "interval.time_ns", "STATES", "where the time went, by state, in the interval", get_op_states, \
	  OP_AT(ivl), .unit = UNIT_NS, .flags = FIELD_WIDE | FIELD_IVL, .width = 12,                     \
	  .type = VAL_STATES },                   \
	{ "time_ns", "STATES", "where the time went, by state", get_op_states, OP_AT(total),             \
	  .unit = UNIT_NS, .metric = METRIC_COUNTER, .flags = FIELD_WIDE | FIELD_TOTAL, .width = 12,     \
	  .type = VAL_STATES },

#define OP_IO(name, title, help, get, member, unit_)                                                     \
	{ "interval." name, title, help ", in the interval", get, OP_AT(ivl_io.member), .unit = unit_,   \
	  .flags = FIELD_WIDE | FIELD_IVL, .width = 7, .type = VAL_U64 },                                \
	{ name, title, help " since start", get, OP_AT(io.member), .unit = unit_,                        \
	  .metric = METRIC_COUNTER, .flags = FIELD_WIDE | FIELD_TOTAL, .width = 7, .type = VAL_U64 },

/* Of requests, or of waits for a disk: what of those was neither was before the request that ended
 * the wait began. */
#define OP_PHASES                                                                                        \
	OP_IO("queue_ns", "QUEUE", "of the time in disk and fault, while the request that ended it was queued",    \
	      get_op_phase, queue_ns, UNIT_NS)                                                           \
	OP_IO("device_ns", "DEVICE", "of the time in disk and fault, while that request was in the device",        \
	      get_op_phase, device_ns, UNIT_NS)

#define OP_HISTOGRAM                                                                                     \
	{ "histogram", "DURATIONS", "how many took how long", field_hist, OP_AT(hist), .unit = UNIT_NS,  \
	  .metric = METRIC_HISTOGRAM, .width = 12 },
/* clang-format on */

#endif
