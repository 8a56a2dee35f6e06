/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Files, their user half: the columns of what was done to each file, by whom and by which call.
 * The rows are the model's operations (model/files.c); the kernel half is bpf/files.bpf.h and
 * file_use.bpf.h.
 * Handed to the model by the commands.
 */
#include "probe/op_columns.h"
#include "probe/probe.h"

/* ---- one operation of one process on one file ------------------------------------------- */

static void get_device(const struct field *f, const void *row, struct val *out)
{
	const char *device = ((const struct op_row *)row)->file.device;

	val_set_str(out, *device ? device : NULL);
}

static void get_by_name(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){ .type = VAL_BOOL, .b = ((const struct op_row *)row)->file.by_name };
}

static void get_generation(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){};
	if (((const struct op_row *)row)->file.ino)
		val_set_u64(out, ((const struct op_row *)row)->file.generation);
}

static void get_flag(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){};
	if (((const struct op_row *)row)->file.ino)
		*out = (struct val){ .type = VAL_BOOL, .b = *(const bool *)((const char *)row + f->offset) };
}

static void get_cut(const struct field *f, const void *row, struct val *out)
{
	get_flag(f, row, out);
	if (((const struct op_row *)row)->file.by_name)
		*out = (struct val){ .type = VAL_BOOL, .b = ((const struct op_row *)row)->file.cut };
}

static void get_mark(const struct field *f, const void *row, struct val *out)
{
	const struct op_file *file = &((const struct op_row *)row)->file;

	val_set_str(out, file->deleted ? "x" : file->by_name ? "n" : NULL);
}

/* A wait knows of no bytes. */
static void get_op_bytes(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){};
	if (((const struct op_row *)row)->op != HL_OP_WAIT)
		val_set_u64(out, u64_at(f, row));
}

/* clang-format off */
#define FILE_KEYS                                                                                \
	{ "path", "PATH", "path of the file, as in the mount namespace of who uses it", field_str,       \
	  OP_AT(file.path), .flags = FIELD_KEY | FIELD_NARROW | FIELD_FLEX | FIELD_TAIL | FIELD_ASC,     \
	  .width = 20 },                                                                                 \
	{ "mark", "", "x: the file was deleted; n: it was named, and not opened", get_mark, .width = 1,                                   \
	  .flags = FIELD_NARROW | FIELD_SCREEN | FIELD_RARE, .type = VAL_STR },                          \
	{ "deleted", "DELETED", "it has no name any more: path is the last one", get_flag,               \
	  OP_AT(file.deleted), .flags = FIELD_DIM, .width = 7, .type = VAL_BOOL },                       \
	{ "path_cut", "CUT", "the head of the path is missing", get_cut, OP_AT(file.cut), .width = 3,   \
	  .type = VAL_BOOL },                                                                            \
	{ "by_name", "NAMED", "calls named it and did not open it (stat, unlink, an open that failed): " \
	  "path is the name as it was given, whatever that led to", get_by_name, .flags = FIELD_KEY,     \
	  .width = 5, .type = VAL_BOOL },                                                                \
	{ "device", "DEVICE", "of its file system, major:minor", get_device, .flags = FIELD_KEY,         \
	  .width = 7, .type = VAL_STR },                                                                 \
	{ "inode", "INODE", "its number in the file system", field_u64_opt, OP_AT(file.ino),             \
	  .flags = FIELD_KEY, .width = 8 },                                                              \
	{ "generation", "GEN", "tells files apart that had this number after each other",                \
	  get_generation, .flags = FIELD_KEY, .width = 5, .type = VAL_U64 },

#define FILE_BYTES(get)                                                                                  \
	{ "interval.bytes", "BYTES", "bytes read and written by calls, in the interval", get,            \
	  OP_AT(ivl_io.bytes), .unit = UNIT_BYTES, .flags = FIELD_NARROW | FIELD_IVL, .width = 6,        \
	  .type = VAL_U64 },                                                                             \
	{ "bytes", "BYTES", "bytes read and written by calls since start", get, OP_AT(io.bytes),         \
	  .unit = UNIT_BYTES, .metric = METRIC_COUNTER, .flags = FIELD_NARROW | FIELD_TOTAL,             \
	  .width = 6, .type = VAL_U64 },

static const struct field file_operation_fields[] = {
	FILE_KEYS
	{ "name", "CALL", "what was called", field_str, OP_AT(name),
	  .flags = FIELD_KEY | FIELD_NARROW | FIELD_ASC, .width = 10 },
	{ "kind", "KIND", "wait: one sleep in a call; syscall: the whole call; io_uring: a request, from "
	  "its submission to its completion", get_op_kind,
	  .flags = FIELD_KEY | FIELD_ASC, .width = 8, .type = VAL_STR },
	{ "wait", "STATE", "what a wait was for; syscall: the whole call, its waits included", get_op_wait,
	  .flags = FIELD_NARROW | FIELD_SCREEN | FIELD_ASC, .width = 8, .type = VAL_STR },
	{ "state", "STATE", "what a wait was for", get_op_state, .flags = FIELD_KEY | FIELD_ASC, .width = 8,
	  .type = VAL_STR },
	{ "pid", "PID", "process id", get_op_pid, .flags = FIELD_KEY | FIELD_WIDE, .width = 7,
	  .type = VAL_U64 },
	{ "start_ns", "START", "when the process started, ns since boot", field_u64, OP_AT(proc_start_ns),
	  .unit = UNIT_BOOT, .flags = FIELD_KEY, .width = 6 },
	{ "comm", "COMMAND", "name of the process, or of the group", field_str, OP_AT(comm),
	  .flags = FIELD_NARROW | FIELD_ASC, .width = 12 },
	{ "members", "PROCS", "processes that the row stands for", field_u64, OP_AT(members),
	  .unit = UNIT_COUNT, .flags = FIELD_NARROW | FIELD_GROUPED, .width = 5 },
	OP_COUNTS(field_u64, get_op_rate, get_op_ivl_rate)
	FILE_BYTES(get_op_bytes)
	OP_TIMES
	OP_ERRORS(field_u64)
	OP_STATES
	OP_PHASES
	WHERE(op_row)
	OP_HISTOGRAM
};
/* clang-format on */

static const struct table_desc file_operations_table = {
	.name = "file_operations",
	.title = "File operations",
	.help = "What each process does to each file, and what it waits for there.",
	.fields = file_operation_fields,
	.nr_fields = ARRAY_SIZE(file_operation_fields),
	.row_size = sizeof(struct op_row),
	.sort = "interval.busy_ns",
	.sort_wide = "busy_ns",
	.sort_all = "interval.total_ns",
	.hidden = op_hidden,
	.rows = ROWS_FILE_OPS,
	.needs = "files",
};

/* ---- one file --------------------------------------------------------------------------------- */

#define AT(member) offsetof(struct file_row, member)

/* Numbers that only counted calls give. */
static void get_measured(const struct field *f, const void *row, struct val *out)
{
	const struct file_row *r = row;

	*out = (struct val){};
	if (f->flags & FIELD_IVL ? r->ivl_measured : r->measured)
		val_set_u64(out, u64_at(f, row));
}

static void get_rate(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){};
	if (((const struct file_row *)row)->measured)
		get_op_rate(f, row, out);
}

static void get_ivl_rate(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){};
	if (((const struct file_row *)row)->ivl_measured)
		get_op_ivl_rate(f, row, out);
}

static void get_times_of(const struct field *f, const void *row, struct val *out)
{
	val_set_str(out, ((const struct file_row *)row)->measured ? "operations" : "waits");
}

/* clang-format off */
#define WAITS(name, title, help, member, unit_, wide)                                                    \
	{ "interval." name, title, help ", in the interval", field_u64, AT(ivl_##member), .unit = unit_, \
	  .flags = FIELD_IVL | (wide), .width = 6 },                                                     \
	{ name, title, help " since start", field_u64, AT(member), .unit = unit_,                        \
	  .metric = METRIC_COUNTER, .flags = FIELD_TOTAL | (wide), .width = 6 },

static const struct field file_fields[] = {
	FILE_KEYS
	{ "processes", "PROCS", "how many processes had to do with it", field_u64, OP_AT(members),
	  .unit = UNIT_COUNT, .flags = FIELD_WIDE, .width = 5 },
	{ "pid", "PID", "process id, where it is one", get_op_pid, .flags = FIELD_WIDE, .width = 7,
	  .type = VAL_U64 },
	{ "comm", "COMMAND", "name of the processes, where they share it", field_str, OP_AT(comm),
	  .flags = FIELD_NARROW | FIELD_ASC, .width = 12 },
	OP_COUNTS(get_measured, get_rate, get_ivl_rate)
	FILE_BYTES(get_measured)
	WAITS("waits", "WAITS", "times that a thread slept there", waits, UNIT_COUNT, FIELD_WIDE)
	WAITS("wait_ns", "WAITED", "time that threads slept there", wait_ns, UNIT_NS, 0)
	OP_TIMES
	OP_ERRORS(get_measured)
	OP_STATES
	OP_PHASES
	{ "times_of", "TIMES OF", "operations: calls were counted, times are theirs; waits: they were not, "
	  "times are those of the waits", get_times_of, .flags = FIELD_ASC, .width = 10, .type = VAL_STR },
	{ "container", "CONTAINER", "container or pod of the processes, where they share it", field_str,
	  OP_AT(container), .flags = FIELD_WIDE | FIELD_RARE | FIELD_ASC, .width = 14 },
	OP_HISTOGRAM
};
/* clang-format on */

static const struct table_desc files_table = {
	.name = "files",
	.title = "Files",
	.help = "What is done to each file: how many calls, how many bytes, how long, and waiting for what. "
		"While "
		"calls are not traced only the waits are known, and COUNT, BYTES and ERR are not. Files are "
		"counted while this view is open, or with --files.",
	.fields = file_fields,
	.nr_fields = ARRAY_SIZE(file_fields),
	.row_size = sizeof(struct file_row),
	.sort = "interval.busy_ns",
	.sort_wide = "busy_ns",
	.rows = ROWS_FILES,
	.needs = "files",
};

static const struct table_desc *const tables[] = { &files_table, &file_operations_table, NULL };

const struct collector files_collector = { "files", tables, NULL, NULL };
