/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Where in the kernel the time of slow waits went: the columns of waits added up by process,
 * call, state and kernel stack. The stack is what the thread left the CPU with; bpf/core.bpf.c
 * takes it when a long wait is over, so that only what was slow pays. Handed to the model by
 * the commands.
 */
#include "probe/get.h"
#include "probe/probe.h"

#define AT(member) offsetof(struct waited_row, member)

static void get_pid(const struct field *f, const void *row, struct val *out)
{
	const struct waited_row *r = row;

	val_set_id(out, r->pid, r->proc_flags);
}

/* clang-format off */
static const struct field stacks_fields[] = {
	{ "interval.total_ns", "TIME", "time in these waits, of those that ended in the interval", field_u64,
	  AT(ivl_ns), .unit = UNIT_NS, .flags = FIELD_NARROW | FIELD_BOTH | FIELD_IVL, .width = 6 },
	{ "total_ns", "TOTAL", "time in these waits since start", field_u64, AT(total_ns), .unit = UNIT_NS,
	  .metric = METRIC_COUNTER, .flags = FIELD_NARROW | FIELD_BOTH | FIELD_TOTAL, .width = 6 },
	{ "interval.count", "COUNT", "how many, in the interval", field_u64, AT(ivl_count), .unit = UNIT_COUNT,
	  .flags = FIELD_NARROW | FIELD_IVL, .width = 5 },
	{ "count", "COUNT", "how many since start", field_u64, AT(count), .unit = UNIT_COUNT,
	  .metric = METRIC_COUNTER, .flags = FIELD_NARROW | FIELD_TOTAL, .width = 5 },
	{ "max_ns", "MAX", "the longest since start", field_u64, AT(max_ns), .unit = UNIT_NS,
	  .metric = METRIC_GAUGE, .flags = FIELD_WIDE, .width = 6 },
	{ "state", "STATE", "what they waited for", field_state_name, AT(state),
	  .flags = FIELD_KEY | FIELD_NARROW | FIELD_ASC, .width = 8 },
	{ "comm", "COMMAND", "name of the process", field_str, AT(comm), .flags = FIELD_NARROW | FIELD_ASC,
	  .width = 12 },
	{ "pid", "PID", "process id", get_pid, .flags = FIELD_KEY | FIELD_WIDE, .width = 7, .type = VAL_U64 },
	{ "start_ns", "START", "when the process started, ns since boot", field_u64, AT(proc_start_ns),
	  .unit = UNIT_BOOT, .flags = FIELD_KEY, .width = 6 },
	{ "name", "CALL", "call that they were in", field_str, AT(name),
	  .flags = FIELD_KEY | FIELD_NARROW | FIELD_ASC, .width = 10 },
	{ "user_stack", "USER STACK", "functions of the program that the call was made from, innermost first; - where "
	  "they are not known", field_stack, AT(user_stack),
	  .flags = FIELD_KEY | FIELD_NARROW | FIELD_FLEX | FIELD_ASC, .width = 24 },
	{ "kernel_stack", "KERNEL STACK", "functions of the kernel that they were in, innermost first, without "
	  "those of every sleep", field_stack, AT(stack),
	  .flags = FIELD_KEY | FIELD_WIDE | FIELD_ASC, .width = 24 },
	WHERE(waited_row)
};
/* clang-format on */

static const struct table_desc stacks_table = {
	.name = "waits_by_stack",
	.title = "Stacks",
	.help = "Waits of at least --slow, added up by where in the kernel the thread slept. Waits for work "
		"(poll, idle, park, sleep, child) and for a CPU have no stacks. A wait is there when it is "
		"over: what still waits is in Blocked.",
	.fields = stacks_fields,
	.nr_fields = ARRAY_SIZE(stacks_fields),
	.row_size = sizeof(struct waited_row),
	.sort = "interval.total_ns",
	.sort_wide = "total_ns",
	.rows = ROWS_WAITED,
};

/* ---- the same as a tree ------------------------------------------------------------------ */

#define TREE(member) offsetof(struct tree_row, member)

static void get_kind(const struct field *f, const void *row, struct val *out)
{
	static const char *const kinds[NR_TREE_KINDS] = { [TREE_PROCESS] = "process",
							  [TREE_USER] = "program",
							  [TREE_STATE] = "waits",
							  [TREE_KERNEL] = "kernel" };

	val_set_str(out, kinds[((const struct tree_row *)row)->kind]);
}

static void get_more(const struct field *f, const void *row, struct val *out)
{
	val_set_str(out, ((const struct tree_row *)row)->children ? "+" : NULL);
}

/* In the view itself only the roots; the page of each has what is below it. */
static bool is_below(const void *row)
{
	return ((const struct tree_row *)row)->depth;
}

/* clang-format off */
static const struct field tree_fields[] = {
	{ "interval.total_ns", "TIME", "time in slow waits below it, of those that ended in the interval", field_u64,
	  TREE(ivl_ns), .unit = UNIT_NS, .flags = FIELD_NARROW | FIELD_BOTH | FIELD_IVL, .width = 6 },
	{ "total_ns", "TOTAL", "time in slow waits below it since start", field_u64, TREE(total_ns), .unit = UNIT_NS,
	  .flags = FIELD_NARROW | FIELD_BOTH | FIELD_TOTAL, .width = 6 },
	{ "interval.count", "COUNT", "how many, in the interval", field_u64, TREE(ivl_count), .unit = UNIT_COUNT,
	  .flags = FIELD_NARROW | FIELD_IVL, .width = 5 },
	{ "count", "COUNT", "how many since start", field_u64, TREE(count), .unit = UNIT_COUNT,
	  .flags = FIELD_NARROW | FIELD_TOTAL, .width = 5 },
	{ "max_ns", "MAX", "the longest since start", field_u64, TREE(max_ns), .unit = UNIT_NS,
	  .flags = FIELD_NARROW, .width = 6 },
	{ "kind", "WHERE", "a process; a function of its program; the state and call of the waits; a function of the kernel",
	  get_kind, .flags = FIELD_NARROW | FIELD_ASC, .width = 7, .type = VAL_STR },
	{ "more", "", "+: there is more below it", get_more, .flags = FIELD_SCREEN, .width = 1, .type = VAL_STR },
	{ "name", "NAME", "what it is called; + and Right: what is below it", field_str, TREE(name),
	  .flags = FIELD_NARROW | FIELD_FLEX | FIELD_ASC, .width = 24 },
	{ "id", "ID", "tells it from others", field_str, TREE(id), .flags = FIELD_KEY | FIELD_SCREEN, .width = 16 },
	{ "parent", "PARENT", "id of what it is below", field_str, TREE(parent), .flags = FIELD_SCREEN, .width = 16 },
};
/* clang-format on */

const struct table_desc tree_table = {
	.name = "stack_tree",
	.title = "Tree",
	.help = "Slow waits as a tree: each process, the functions of its program from the outermost on, the "
		"state and call, the "
		"functions of the kernel, with the time of all waits below. Right opens a place, Left closes "
		"it, x "
		"opens all below it, Enter is its page; a filter looks in all of it.",
	.fields = tree_fields,
	.nr_fields = ARRAY_SIZE(tree_fields),
	.row_size = sizeof(struct tree_row),
	.sort = "interval.total_ns",
	.sort_wide = "total_ns",
	.rows = ROWS_TREE,
	.hidden = is_below,
	.tree = true,
	.screen = true,
};

static const struct table_desc *const tables[] = { &stacks_table, &tree_table, NULL };

const struct collector stacks_collector = { "stacks", tables, NULL, NULL };
