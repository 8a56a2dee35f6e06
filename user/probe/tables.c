/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The columns of processes and threads, and the collector of the spine. A column is one
 * row here: its name is the JSON key of DESIGN's section 8, the CSV header and the --sort
 * word; the order is that on screen. Operations and slow ones are in tables_ops.c.
 */
#include "host/syscalls.h"
#include "probe/get.h"
#include "probe/probe.h"

#define NARROW_BOTH (FIELD_NARROW | FIELD_BOTH)

/* What one state took, in percent of wall time: a column per state and flavour. */
#define PCT_FLAGS(id, work, narrow) ((narrow) >> (id)&1 ? FIELD_NARROW : (work) ? 0 : FIELD_WIDE)
#define PCT(name, id, title, work, help, get, offset, flags, narrow)                                         \
	{ name "_pct",                                                                                       \
	  title,                                                                                             \
	  help ", in percent of wall time, threads added up",                                                \
	  get,                                                                                               \
	  (offset) + (id) * sizeof(uint64_t),                                                                \
	  UNIT_PCT,                                                                                          \
	  METRIC_NONE,                                                                                       \
	  PCT_FLAGS(id, work, narrow) | FIELD_SCREEN | (flags),                                              \
	  5,                                                                                                 \
	  VAL_F64 },

#define AT(member) offsetof(ROW, member)

/* ---- processes ------------------------------------------------------------------------ */

#define ROW struct proc_row

static void get_proc_pid(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	val_set_id(out, r->pid, r->flags);
}

/* 0 is the parent of the first one, but the rows of a group that share none have it too. */
static void get_proc_ppid(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	*out = (struct val){};
	if (r->ppid || r->members <= 1)
		val_set_u64(out, r->ppid);
}

static void get_proc_uid(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	*out = (struct val){};
	if (r->uid != UID_SEVERAL)
		val_set_u64(out, r->uid);
}

static void get_proc_gone(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){ .type = VAL_BOOL, .b = ((const ROW *)row)->gone };
}

static void get_proc_pct(const struct field *f, const void *row, struct val *out)
{
	val_set_pct(out, u64_at(f, row), ((const ROW *)row)->wall_ns);
}

static void get_proc_ivl_pct(const struct field *f, const void *row, struct val *out)
{
	val_set_pct(out, u64_at(f, row), ((const ROW *)row)->ivl_wall_ns);
}

/* clang-format off */
static const struct field process_fields[] = {
	{ "pid", "PID", "process id, as the host counts", get_proc_pid,
	  .flags = FIELD_KEY | FIELD_NARROW, .width = 7, .type = VAL_U64 },
	{ "start_ns", "START", "when it started, ns since boot: tells it from an older process with its pid",
	  field_u64,
	  AT(start_ns), .unit = UNIT_BOOT, .flags = FIELD_KEY, .width = 6 },
	{ "ppid", "PPID", "parent's process id", get_proc_ppid, .width = 7, .type = VAL_U64 },
	{ "uid", "UID", "user id", get_proc_uid, .width = 6, .type = VAL_U64 },
	{ "comm", "COMMAND", "name, or name of the group", field_str, AT(comm),
	  .flags = FIELD_NARROW | FIELD_FLEX | FIELD_ASC, .width = 12 },
	{ "interval.time_ns", "STATES", "time of all its threads by state, in the interval", field_states,
	  AT(ivl),
	  .unit = UNIT_NS, .flags = FIELD_NARROW | FIELD_IVL, .width = 8 },
	{ "time_ns", "STATES", "time of all its threads by state, ended ones too", field_states, AT(total),
	  .unit = UNIT_NS, .metric = METRIC_COUNTER, .flags = FIELD_NARROW | FIELD_TOTAL, .width = 8 },
#define X(id, NAME, key, title, work, colour, help)                                                  \
	PCT("interval." key, id, title, work, help, get_proc_ivl_pct, AT(ivl), FIELD_IVL, NARROW_STATES) \
	PCT(key, id, title, work, help, get_proc_pct, AT(total), FIELD_TOTAL, NARROW_STATES)
	HL_STATES(X)
#undef X
	{ "interval.busy_ns", "BUSY", "time in the interval, without waits for work and idle ipc", field_u64, AT(ivl_busy),
	  .unit = UNIT_NS, .flags = NARROW_BOTH | FIELD_IVL, .width = 6 },
	{ "busy_ns", "TOTAL", "time since start, without waits for work", field_u64, AT(total_busy),
	  .unit = UNIT_NS, .metric = METRIC_COUNTER, .flags = NARROW_BOTH | FIELD_TOTAL, .width = 6 },
	{ "threads", "THR", "threads alive", field_u32, AT(threads), .unit = UNIT_COUNT,
	  .metric = METRIC_GAUGE,
	  .flags = FIELD_WIDE, .width = 4 },
	{ "members", "PROCS", "processes that the row stands for", field_u64, AT(members), .unit = UNIT_COUNT,
	  .flags = FIELD_NARROW | FIELD_GROUPED, .width = 5 },
	{ "container", "CONTAINER", "container or pod that it is in", field_str, AT(container),
	  .flags = FIELD_WIDE | FIELD_RARE | FIELD_ASC, .width = 14 },
	{ "pod", "POD", "uid of the Kubernetes pod that it is in", field_str, AT(pod), .flags = FIELD_ASC,
	  .width = 36 },
	{ "unit", "UNIT", "systemd unit that it belongs to, the innermost", field_str, AT(unit),
	  .flags = FIELD_ASC, .width = 16 },
	{ "cgroup", "CGROUP", "path of its cgroup", field_str, AT(cgroup),
	  .flags = FIELD_WIDE | FIELD_RARE | FIELD_TAIL | FIELD_ASC, .width = 24 },
	{ "quota_cgroup", "QUOTA OF", "the nearest cgroup above it that has a CPU quota", field_str,
	  AT(quota_cgroup), .flags = FIELD_TAIL | FIELD_ASC, .width = 24 },
	{ "exe", "EXECUTABLE", "path of its program", field_str, AT(exe), .flags = FIELD_TAIL | FIELD_ASC,
	  .width = 24 },
	{ "args", "ARGUMENTS", "command line, secrets masked", field_str, AT(args), .flags = FIELD_ASC,
	  .width = 24 },
	{ "gone", "GONE", "it has ended", get_proc_gone, .flags = FIELD_DIM, .width = 4, .type = VAL_BOOL },
};
/* clang-format on */
#undef ROW

const struct table_desc processes_table = {
	.name = "processes",
	.title = "Processes",
	.help = "Where the threads of each process spent their time. Ranked by BUSY, which is the time "
		"without "
		"waits for work (poll, idle, park, sleep, child): who only waits is not hidden, but comes "
		"last. Ended processes keep their row; when there are too many, those that did least become "
		"\"(other)\". Kernel threads are left out unless asked for.",
	.fields = process_fields,
	.nr_fields = ARRAY_SIZE(process_fields),
	.row_size = sizeof(struct proc_row),
	.sort = "interval.busy_ns",
	.sort_wide = "busy_ns",
	.rows = ROWS_PROCESSES,
};

/* ---- threads -------------------------------------------------------------------------- */

#define ROW struct thread_row

static void get_thread_pid(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	val_set_id(out, r->pid, r->proc_flags);
}

static void get_thread_tid(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	val_set_id(out, r->tid, r->proc_flags);
}

static void get_thread_pct(const struct field *f, const void *row, struct val *out)
{
	val_set_pct(out, u64_at(f, row), ((const ROW *)row)->wall_ns);
}

static void get_thread_ivl_pct(const struct field *f, const void *row, struct val *out)
{
	val_set_pct(out, u64_at(f, row), ((const ROW *)row)->ivl_wall_ns);
}

/* Nothing is in progress in a thread that has ended, and a group does many things. */
static bool has_now(const struct thread_row *r)
{
	return r->now_state < NR_HL_STATES && r->members == 1;
}

static void get_now_since(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	*out = (struct val){};
	if (has_now(r))
		val_set_u64(out, r->now_since_ns);
	out->least = r->now_lower_bound;
}

/* One that never came to a CPU has none yet. */
static void get_thread_begin(const struct field *f, const void *row, struct val *out)
{
	val_set_id(out, ((const ROW *)row)->begin_ns, 0);
}

static void get_now_lower_bound(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	*out = (struct val){ .type = has_now(r) ? VAL_BOOL : VAL_NONE, .b = r->now_lower_bound };
}

/* clang-format off */
static const struct field thread_fields[] = {
	{ "tid", "TID", "thread id, as the host counts", get_thread_tid,
	  .flags = FIELD_KEY | FIELD_NARROW, .width = 7, .type = VAL_U64 },
	{ "start_ns", "START", "when it started, ns since boot", field_u64, AT(start_ns), .unit = UNIT_BOOT,
	  .flags = FIELD_KEY, .width = 6 },
	{ "pid", "PID", "process that it belongs to", get_thread_pid, .flags = FIELD_WIDE, .width = 7,
	  .type = VAL_U64 },
	{ "comm", "COMMAND", "name of the thread, or of the group", field_str, AT(comm),
	  .flags = FIELD_NARROW | FIELD_ASC, .width = 11 },
	{ "process", "PROCESS", "name of its process", field_str, AT(proc_comm), .flags = FIELD_ASC,
	  .width = 12 },
	{ "members", "THRDS", "threads that the row stands for", field_u64, AT(members), .unit = UNIT_COUNT,
	  .flags = FIELD_NARROW | FIELD_GROUPED, .width = 5 },
	{ "interval.time_ns", "STATES", "time by state, in the interval", field_states, AT(ivl),
	  .unit = UNIT_NS, .flags = FIELD_NARROW | FIELD_IVL, .width = 7 },
	{ "time_ns", "STATES", "time by state: it adds up to the ledger's age", field_states, AT(total),
	  .unit = UNIT_NS, .metric = METRIC_COUNTER, .flags = FIELD_NARROW | FIELD_TOTAL, .width = 7 },
	{ "interval.busy_ns", "BUSY", "time in the interval, without waits for work and idle ipc", field_u64, AT(ivl_busy),
	  .unit = UNIT_NS, .flags = NARROW_BOTH | FIELD_IVL, .width = 6 },
	{ "busy_ns", "TOTAL", "time since start, without waits for work", field_u64, AT(total_busy),
	  .unit = UNIT_NS, .metric = METRIC_COUNTER, .flags = NARROW_BOTH | FIELD_TOTAL, .width = 6 },
	{ "now.state", "NOW", "what it is doing right now", field_state_name, AT(now_state),
	  .flags = FIELD_NARROW, .width = 8 },
	{ "now.since_ns", "SINCE", "for how long it has been doing that; on screen > says: at least",
	  get_now_since, .unit = UNIT_NS,
	  .flags = FIELD_NARROW, .width = 7, .type = VAL_U64 },
	{ "now.operation", "CALL", "call in progress", field_str, AT(now_name),
	  .flags = FIELD_NARROW | FIELD_ASC,
	  .width = 9 },
	{ "now.detail", "ON", "file, peer or lock, once the wait is slow", field_str, AT(now_detail),
	  .flags = FIELD_NARROW | FIELD_FLEX | FIELD_TAIL | FIELD_ASC, .width = 10 },
	{ "now.kernel_stack", "KERNEL STACK", "functions of the kernel that it is in, innermost first, once it "
	  "is blocked", field_stack, AT(stack), .width = 24 },
	{ "now.lower_bound", "AT LEAST", "it began before the capture: for at least so long",
	  get_now_lower_bound, .width = 8,
	  .type = VAL_BOOL },
#define X(id, NAME, key, title, work, colour, help)                                      \
	PCT("interval." key, id, title, work, help, get_thread_ivl_pct, AT(ivl), FIELD_IVL, 0) \
	PCT(key, id, title, work, help, get_thread_pct, AT(total), FIELD_TOTAL, 0)
	HL_STATES(X)
#undef X
	{ "container", "CONTAINER", "container or pod that it is in", field_str, AT(container),
	  .flags = FIELD_WIDE | FIELD_RARE | FIELD_ASC, .width = 14 },
	{ "cgroup", "CGROUP", "path of its cgroup", field_str, AT(cgroup), .flags = FIELD_TAIL | FIELD_ASC,
	  .width = 24 },
	{ "switches", "SWITCHES", "times that it came onto a CPU, in its present ledger", field_u64,
	  AT(switches),
	  .unit = UNIT_COUNT, .metric = METRIC_COUNTER, .width = 8 },
	{ "begin_ns", "BEGIN", "when its present ledger began, ns since boot", get_thread_begin,
	  .unit = UNIT_BOOT,
	  .width = 6, .type = VAL_U64 },
};
/* clang-format on */
#undef ROW

const struct table_desc threads_table = {
	.name = "threads",
	.title = "Threads",
	.help = "Where each living thread spent its time, and what it is doing right now: state, for how "
		"long, in "
		"which call and on what. Ranked by BUSY, the time without waits for work: who only waits "
		"comes "
		"last. A thread that ends is shown once more; its time stays with its process. Kernel "
		"threads "
		"are left out unless asked for.",
	.fields = thread_fields,
	.nr_fields = ARRAY_SIZE(thread_fields),
	.row_size = sizeof(struct thread_row),
	.sort = "interval.busy_ns",
	.sort_wide = "busy_ns",
	.rows = ROWS_THREADS,
};

/* ---- the collector -------------------------------------------------------------------- */

_Static_assert((int)SYSCALL_NAME_LEN <= (int)MODEL_NAME_LEN, "room for every call's name");

/* Waits and system calls are called like the call. */
static const char *name_call(unsigned int op, unsigned int abi, unsigned int nr, char *buf)
{
	return op == HL_OP_WAIT || op == HL_OP_SYSCALL ? syscall_label(abi, nr, buf) : NULL;
}

static const struct table_desc *const spine_tables[] = { &processes_table, &threads_table, &operations_table,
							 &slow_table, NULL };

const struct collector spine_collector = { "spine", spine_tables, name_call, NULL };
