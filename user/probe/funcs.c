/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Functions of programs, their user half: the columns. The rows are the model's (model/funcs.c); the kernel
 * half is bpf/func.bpf.c. Handed to the model by the commands.
 */
#include "probe/op_columns.h"
#include "probe/probe.h"

#define AT(member) offsetof(struct function_row, member)

static bool is_point(const void *row)
{
	return ((const struct function_row *)row)->flags & HL_FUNC_POINT;
}

/* What only a call has: a point is reached, and takes no time. */
static void get_of_call(const struct field *f, const void *row, struct val *out)
{
	val_set_if(out, !is_point(row), u64_at(f, row));
}

static void get_call_avg(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){};
	if (!is_point(row))
		(f->flags & FIELD_IVL ? get_op_ivl_avg : get_op_avg)(f, row, out);
}

/* Calls whose breakdown there is, and it is in the row's. */
static void get_known(const struct field *f, const void *row, struct val *out)
{
	const struct function_row *r = row;

	val_set_if(out, !is_point(row), r->sum.count - MIN(r->unknown, r->sum.count));
}

static void get_what(const struct field *f, const void *row, struct val *out)
{
	const struct function_row *r = row;
	bool usdt = r->flags & HL_FUNC_USDT;

	val_set_str(out, is_point(row) ? (usdt ? "usdt" : "point") : usdt ? "usdt pair" : "function");
}

static void get_rate(const struct field *f, const void *row, struct val *out)
{
	const struct function_row *r = row;
	bool ivl = f->flags & FIELD_IVL;
	uint64_t n = ivl ? r->ivl_entered : r->entered, ns = ivl ? r->sum.ivl_wall_ns : r->sum.wall_ns;

	*out = (struct val){};
	if (ns)
		*out = (struct val){ .type = VAL_F64, { .f = (double)n * NSEC_PER_SEC / (double)ns } };
}

/* Only where system calls were counted at all. */
static void get_syscalls(const struct field *f, const void *row, struct val *out)
{
	val_set_if(out, ((const struct function_row *)row)->watched, u64_at(f, row));
}

/* clang-format off */
#define TIMES(name, ivl, all, title, help, flags_)                                                       \
	TWINS(ivl, all, name, title, help, get_of_call, UNIT_NS, METRIC_COUNTER, flags_, 6, VAL_U64)

static const struct field function_fields[] = {
	OP_PROCESS(FIELD_WIDE)
	{ "name", "FUNCTION", "name of the function, the line, or the USDT probe", field_str, OP_AT(name),
	  .flags = FIELD_KEY | FIELD_NARROW | FIELD_FLEX | FIELD_ASC, .width = 16 },
	{ "what", "WHAT", "function; usdt pair: from one USDT probe to the one that ends it; point, usdt: an instruction that was "
	  "reached", get_what, .flags = FIELD_ASC, .width = 9, .type = VAL_STR },
	{ "kind", "KIND", "function", get_op_kind, .flags = FIELD_ASC, .width = 8, .type = VAL_STR },
	{ "file", "FILE", "the program or library that it is in; [kernel], or a module of it", field_str, AT(file),
	  .flags = FIELD_KEY | FIELD_WIDE | FIELD_TAIL | FIELD_ASC, .width = 20 },
	{ "spec", "ASKED", "what was asked for", field_str, AT(asked), .flags = FIELD_ASC, .width = 20 },
	{ "members", "PROCS", "rows that the row stands for", field_u64, OP_AT(members), .unit = UNIT_COUNT,
	  .flags = FIELD_NARROW | FIELD_GROUPED, .width = 5 },
	{ "interval.entered", "CALLS", "how often it was called, or reached, in the interval; of calls, those that are over",
	  field_u64, AT(ivl_entered), .unit = UNIT_COUNT, .flags = FIELD_NARROW | FIELD_IVL, .width = 6 },
	{ "entered", "CALLS", "how often it was called, or reached, since start; of calls, those that are over", field_u64,
	  AT(entered), .unit = UNIT_COUNT, .metric = METRIC_COUNTER, .flags = FIELD_NARROW | FIELD_TOTAL, .width = 6 },
	{ "interval.per_s", "PER-S", "how often a second, in the interval", get_rate, .unit = UNIT_COUNT,
	  .flags = FIELD_WIDE | FIELD_IVL | FIELD_SCREEN, .width = 6, .type = VAL_F64 },
	{ "per_s", "PER-S", "how often a second since start", get_rate, .unit = UNIT_COUNT,
	  .flags = FIELD_WIDE | FIELD_TOTAL | FIELD_SCREEN, .width = 6, .type = VAL_F64 },
	{ "count", "RETURNED", "calls that returned, whose durations are known", field_u64, OP_AT(count),
	  .unit = UNIT_COUNT, .metric = METRIC_COUNTER, .width = 8 },
	TIMES("total_ns", OP_AT(ivl_ns), OP_AT(total_ns), "TIME", "time in all calls, with what they called",
	      FIELD_NARROW)
	TIMES("self_ns", AT(ivl_self_ns), AT(self_ns), "SELF",
	      "the same without functions that they called and that are traced too", FIELD_NARROW)
	OP_AVG("mean duration", get_call_avg, get_call_avg, FIELD_NARROW)
	OP_QUANTILE("p50_ns", "P50", "50 %", 500, FIELD_WIDE)
	OP_QUANTILE("p90_ns", "P90", "90 %", 900, 0)
	OP_QUANTILE("p99_ns", "P99", "99 %", 990, FIELD_NARROW)
	OP_QUANTILE("p999_ns", "P99.9", "99.9 %", 999, FIELD_WIDE)
	{ "max_ns", "MAX", "the longest since start", get_of_call, OP_AT(max_ns), .unit = UNIT_NS,
	  .metric = METRIC_GAUGE, .flags = FIELD_NARROW, .width = 6, .type = VAL_U64 },
	OP_ERRORS(get_of_call)
	{ "abandoned", "LEFT", "calls that never returned: left by a jump or an exception, or with their thread", get_of_call,
	  AT(abandoned), .unit = UNIT_COUNT, .metric = METRIC_COUNTER, .flags = FIELD_WIDE | FIELD_RARE, .width = 5,
	  .type = VAL_U64 },
	{ "too_deep", "DEEP", "calls so deep in others that the kernel does not see them return", get_of_call, AT(deep),
	  .unit = UNIT_COUNT, .metric = METRIC_COUNTER, .flags = FIELD_WIDE | FIELD_RARE, .width = 5, .type = VAL_U64 },
	TWINS(AT(ivl_syscalls.count), AT(syscalls.count), "syscalls", "SYSC",
	      "system calls that were made in it, and in no traced function below it", get_syscalls, UNIT_COUNT, METRIC_COUNTER,
	      FIELD_WIDE, 6, VAL_U64)
	TWINS(AT(ivl_syscalls.ns), AT(syscalls.ns), "syscall_ns", "SYSTIME", "time in these", get_syscalls, UNIT_NS,
	      METRIC_COUNTER, FIELD_WIDE, 7, VAL_U64)
	OP_STATES
	{ "with_breakdown", "KNOWN", "calls whose time is in STATES: their thread was theirs all the time", get_known,
	  .unit = UNIT_COUNT, .metric = METRIC_COUNTER, .width = 7, .type = VAL_U64 },
	{ "no_breakdown", "UNKNOWN", "calls of which it is not known where their time went, which is not in STATES: the goroutine left its "
	  "thread meanwhile", get_of_call, AT(unknown), .unit = UNIT_COUNT, .metric = METRIC_COUNTER,
	  .flags = FIELD_WIDE | FIELD_RARE, .width = 7, .type = VAL_U64 },
	{ "no_breakdown_ns", "UNKN-T", "the time of those", get_of_call, AT(unknown_ns), .unit = UNIT_NS,
	  .metric = METRIC_COUNTER, .flags = FIELD_WIDE | FIELD_RARE, .width = 6, .type = VAL_U64 },
	WHERE(op_row)
	OP_HISTOGRAM
};

#define IN(member) offsetof(struct function_syscall_row, member)

static const struct field syscall_fields[] = {
	OP_PROCESS(FIELD_WIDE)
	{ "function", "FUNCTION", "the traced function that they were made in, in no other one below it; (other): those that had no room",
	  field_str, IN(function), .flags = FIELD_KEY | FIELD_NARROW | FIELD_FLEX | FIELD_ASC, .width = 16 },
	{ "file", "FILE", "the program or library that it is in", field_str, IN(file),
	  .flags = FIELD_KEY | FIELD_TAIL | FIELD_ASC, .width = 20 },
	{ "name", "CALL", "name of the system call", field_str, OP_AT(name), .flags = FIELD_KEY | FIELD_NARROW | FIELD_ASC,
	  .width = 12 },
	{ "members", "PROCS", "rows that the row stands for", field_u64, OP_AT(members), .unit = UNIT_COUNT,
	  .flags = FIELD_NARROW | FIELD_GROUPED, .width = 5 },
	OP_COUNTS(field_u64, get_op_rate, get_op_ivl_rate)
	TWINS(OP_AT(ivl_ns), OP_AT(total_ns), "total_ns", "TIME", "time in all of them", field_u64, UNIT_NS, METRIC_COUNTER,
	      FIELD_NARROW, 6, VAL_U64)
	OP_AVG("mean duration", get_op_avg, get_op_ivl_avg, FIELD_WIDE)
	OP_QUANTILE("p50_ns", "P50", "50 %", 500, FIELD_WIDE)
	OP_QUANTILE("p99_ns", "P99", "99 %", 990, FIELD_NARROW)
	{ "max_ns", "MAX", "the longest since start", field_u64, OP_AT(max_ns), .unit = UNIT_NS,
	  .metric = METRIC_GAUGE, .flags = FIELD_NARROW, .width = 6 },
	OP_ERRORS(field_u64)
	OP_STATES
	WHERE(op_row)
	OP_HISTOGRAM
};
/* clang-format on */

static const struct table_desc functions_table = {
	.name = "functions",
	.title = "Functions",
	.help = "Functions of programs and USDT probes that are traced (-u): how often they are called, how "
		"long that "
		"takes, and where that time goes. Ranked by the time of the interval.",
	.fields = function_fields,
	.nr_fields = ARRAY_SIZE(function_fields),
	.row_size = sizeof(struct function_row),
	.sort = "interval.total_ns",
	.sort_wide = "total_ns",
	.rows = ROWS_FUNCTIONS,
	.needs = "func",
};

static const struct table_desc syscalls_table = {
	.name = "function_syscalls",
	.title = "System calls in functions",
	.help = "System calls that were made inside of traced functions, while the calls tier was on. A call "
		"is "
		"that of the innermost one. Ranked by the time of the interval.",
	.fields = syscall_fields,
	.nr_fields = ARRAY_SIZE(syscall_fields),
	.row_size = sizeof(struct function_syscall_row),
	.sort = "interval.total_ns",
	.sort_wide = "total_ns",
	.rows = ROWS_FUNCTION_SYSCALLS,
	.needs = "func",
};

static const struct table_desc *const tables[] = { &functions_table, &syscalls_table, NULL };

const struct collector funcs_collector = { "functions", tables, NULL, NULL };
