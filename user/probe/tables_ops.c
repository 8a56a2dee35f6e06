/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The columns of operations and of slow operations; as in tables.c, a column is one row
 * and its name is the JSON key. */
#include "probe/get.h"
#include "probe/op_columns.h"
#include "probe/probe.h"

#define AT(member)  offsetof(ROW, member)
#define NARROW_BOTH (FIELD_NARROW | FIELD_BOTH)

#define X(id, NAME, key) [id] = key,
static const char *const op_kinds[NR_HL_OPS] = { HL_OPS(X) };
static const char *const wakers[NR_HL_WAKERS] = { HL_WAKERS(X) };
static const char *const details[NR_HL_DETAILS] = { HL_DETAILS(X) };
#undef X

/* Was most of this time spent waiting for work? */
static bool mostly_work_wait(uint64_t total_ns, const uint64_t *states)
{
	uint64_t work = 0;

	for (int i = 0; i < NR_HL_STATES; i++)
		work += hl_state_is_work_wait[i] ? states[i] : 0;
	return work > total_ns / 2;
}

/* ---- operations ----------------------------------------------------------------------- */

#define ROW struct op_row

bool op_hidden(const void *row)
{
	const ROW *r = row;

	if (r->op == HL_OP_WAIT || r->op == HL_OP_URING)
		return hl_state_is_work_wait[r->state];
	if (r->op == HL_OP_FUNCTION) /* somebody asked for it */
		return false;
	return mostly_work_wait(r->total_ns, r->total);
}

void get_op_kind(const struct field *f, const void *row, struct val *out)
{
	val_set_str(out, op_kinds[((const ROW *)row)->op]);
}

void get_op_state(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	val_set_str(out, r->op == HL_OP_WAIT ? hl_state_names[r->state] : NULL);
}

/* The state, or what the kinds that have none are called. */
void get_op_wait(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	val_set_str(out, r->op == HL_OP_WAIT ? hl_state_names[r->state] : op_kinds[r->op]);
}

void get_op_pid(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	val_set_id(out, r->pid, r->proc_flags);
}

void get_op_avg(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	*out = (struct val){};
	if (r->count)
		val_set_u64(out, r->total_ns / r->count);
}

void get_op_ivl_avg(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	*out = (struct val){};
	if (r->ivl_count)
		val_set_u64(out, r->ivl_ns / r->ivl_count);
}

static void set_rate(struct val *out, uint64_t count, uint64_t wall_ns)
{
	*out = (struct val){};
	if (wall_ns)
		*out = (struct val){ .type = VAL_F64, .f = (double)count * 1e9 / (double)wall_ns };
}

void get_op_rate(const struct field *f, const void *row, struct val *out)
{
	set_rate(out, ((const ROW *)row)->count, ((const ROW *)row)->wall_ns);
}

void get_op_ivl_rate(const struct field *f, const void *row, struct val *out)
{
	set_rate(out, ((const ROW *)row)->ivl_count, ((const ROW *)row)->ivl_wall_ns);
}

void get_op_states(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){};
	if (((const ROW *)row)->op != HL_OP_URING)
		field_states(f, row, out);
}

void get_op_quantile(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	val_set_quantile(out, &r->hist, (double)f->offset / 1000, r->max_ns);
}

void get_op_ivl_quantile(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	val_set_quantile(out, &r->ivl_hist, (double)f->offset / 1000, r->max_ns);
}

/* What only block requests have. */
static void get_op_bytes(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){};
	if (((const ROW *)row)->op == HL_OP_BLOCK)
		val_set_u64(out, u64_at(f, row));
}

/* Neither is known of an operation that waited for no disk, or where nobody saw what ended it. */
void get_op_phase(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;
	const struct op_io *io = f->flags & FIELD_IVL ? &r->ivl_io : &r->io;

	*out = (struct val){};
	if (r->op == HL_OP_BLOCK || io->queue_ns || io->device_ns)
		val_set_u64(out, u64_at(f, row));
}

/* clang-format off */

static const struct field operation_fields[] = {
	{ "name", "CALL", "what was called; (user): waits outside any call", field_str, AT(name),
	  .flags = FIELD_KEY | FIELD_NARROW | FIELD_FLEX | FIELD_ASC, .width = 12 },
	{ "kind", "KIND", "wait: one sleep in a call; syscall: the whole call; block: a disk's request; "
	  "io_uring: a request, from its submission to its completion; connect: a TCP handshake, from the first "
	  "packet on", get_op_kind,
	  .flags = FIELD_KEY | FIELD_ASC, .width = 8, .type = VAL_STR },
	{ "wait", "STATE", "what a wait was for; syscall: the whole call, its waits included", get_op_wait,
	  .flags = FIELD_NARROW | FIELD_SCREEN | FIELD_ASC, .width = 8, .type = VAL_STR },
	{ "state", "STATE", "what a wait was for", get_op_state, .flags = FIELD_KEY | FIELD_ASC, .width = 8,
	  .type = VAL_STR },
	{ "pid", "PID", "process id", get_op_pid, .flags = FIELD_KEY | FIELD_NARROW, .width = 7,
	  .type = VAL_U64 },
	{ "start_ns", "START", "when the process started, ns since boot", field_u64, AT(proc_start_ns),
	  .unit = UNIT_BOOT,
	  .flags = FIELD_KEY, .width = 6 },
	{ "comm", "COMMAND", "name of the process, or of the group", field_str, AT(comm),
	  .flags = FIELD_NARROW | FIELD_ASC, .width = 12 },
	{ "members", "PROCS", "processes that the row stands for", field_u64, AT(members), .unit = UNIT_COUNT,
	  .flags = FIELD_NARROW | FIELD_GROUPED, .width = 5 },
	OP_COUNTS(field_u64, get_op_rate, get_op_ivl_rate)
	OP_TIMES
	OP_ERRORS(field_u64)
	OP_STATES
	OP_PHASES
	OP_IO("bytes", "BYTES", "bytes of disk requests", get_op_bytes, bytes, UNIT_BYTES)
	WHERE(op_row)
	OP_HISTOGRAM
};
/* clang-format on */
#undef ROW

const struct table_desc operations_table = {
	.name = "operations",
	.title = "Operations",
	.help = "What each process waits for, and what it calls where calls are traced: how many, how long "
		"in "
		"all, how long each. Ranked by the time that is not waiting for work. Waits for work (poll, "
		"idle, park, sleep, child) and calls that spent most of their time so are left out unless "
		"asked "
		"for; then all rank by their whole time.",
	.fields = operation_fields,
	.nr_fields = ARRAY_SIZE(operation_fields),
	.row_size = sizeof(struct op_row),
	.sort = "interval.busy_ns",
	.sort_wide = "busy_ns",
	.sort_all = "interval.total_ns",
	.hidden = op_hidden,
	.rows = ROWS_OPERATIONS,
};

/* ---- slow operations -------------------------------------------------------------------- */

#define ROW struct slow_row

static bool slow_hidden(const void *row)
{
	const ROW *r = row;

	if (r->op == HL_OP_WAIT)
		return hl_state_is_work_wait[r->state];
	/* who waits for an answer does not wait for work, whatever its thread does */
	return r->op != HL_OP_EXCHANGE && mostly_work_wait(r->duration_ns, r->time);
}

static void get_slow_kind(const struct field *f, const void *row, struct val *out)
{
	val_set_str(out, op_kinds[((const ROW *)row)->op]);
}

static void get_slow_state(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	val_set_str(out, r->op == HL_OP_WAIT ? hl_state_names[r->state] : NULL);
}

/* The state that most of the time went to. */
static void get_slow_main_state(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;
	int most = r->state;

	for (int i = 0; i < NR_HL_STATES && r->op != HL_OP_WAIT; i++)
		if (r->time[i] > r->time[most])
			most = i;
	val_set_str(out, r->op == HL_OP_EXCHANGE && !r->time[most] ? NULL : hl_state_names[most]);
}

static void get_slow_mark(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	*out = (struct val){ .type = VAL_STR, .s = r->in_progress ? "~" : "" };
}

static void get_slow_duration(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	*out = (struct val){};
	if (r->op == HL_OP_TCP && !r->duration_ns) /* it took no time */
		return;
	val_set_u64(out, r->duration_ns);
	out->least = r->flags & HL_SLOW_LOWER_BOUND;
}

static void get_slow_in_progress(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){ .type = VAL_BOOL, .b = ((const ROW *)row)->in_progress };
}

/* offset is the flag HL_SLOW_* */
static void get_slow_flag(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){ .type = VAL_BOOL, .b = ((const ROW *)row)->flags & f->offset };
}

static void get_file_flag(const struct field *f, const void *row, struct val *out)
{
	get_slow_flag(f, row, out);
	if (((const ROW *)row)->detail != HL_DETAIL_FILE)
		out->type = VAL_NONE;
}

static void get_slow_result(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	*out = (struct val){};
	if (!r->in_progress && !(r->flags & HL_SLOW_NO_RESULT))
		*out = (struct val){ .type = VAL_I64, .i = r->result };
}

static void get_occupants_of(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	*out = (struct val){};
	if (r->occupants)
		val_set_u64(out, r->occupants->of_ns);
}

static void get_occupants_known(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	*out = (struct val){};
	if (r->occupants)
		val_set_u64(out, r->occupants->known_ns);
}

static void get_occupants_interrupts(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	*out = (struct val){};
	if (r->occupants && r->occupants->tells_interrupts)
		val_set_u64(out, r->occupants->interrupts_ns);
}

static void get_quota_cpus(const struct field *f, const void *row, struct val *out)
{
	const struct throttle *t = &((const ROW *)row)->throttle;

	*out = (struct val){};
	if (t->cgroup && t->period_ns)
		*out = (struct val){ .type = VAL_F64, .f = (double)t->quota_ns / (double)t->period_ns };
}

static void get_quota_periods(const struct field *f, const void *row, struct val *out)
{
	const struct throttle *t = &((const ROW *)row)->throttle;

	val_set_pct(out, t->throttled, t->periods);
}

static void get_slow_phase(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	*out = (struct val){};
	if (r->queue_ns || r->device_ns)
		val_set_u64(out, u64_at(f, row));
}

/* What only block requests have. */
static void get_request(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){};
	if (((const ROW *)row)->detail == HL_DETAIL_DISK)
		val_set_u64(out, u64_at(f, row));
}

static void get_detail_kind(const struct field *f, const void *row, struct val *out)
{
	val_set_str(out, details[((const ROW *)row)->detail]);
}

static void get_detail_accepted(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	*out = (struct val){ .type = r->detail == HL_DETAIL_PEER ? VAL_BOOL : VAL_NONE, .b = r->accepted };
}

static void get_waker_kind(const struct field *f, const void *row, struct val *out)
{
	val_set_str(out, wakers[((const ROW *)row)->waker]);
}

/* Whoever happened to run on that CPU is not to blame: only a thread has an identity. */
static void get_waker_id(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){};
	if (((const ROW *)row)->waker == HL_WAKER_THREAD)
		val_set_u64(out, *(const uint32_t *)((const char *)row + f->offset));
}

static void get_waker_comm(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	val_set_str(out, r->waker == HL_WAKER_THREAD ? r->waker_comm : NULL);
}

static void get_waker(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;
	bool named = r->waker == HL_WAKER_THREAD && r->waker_comm;

	val_set_str(out, named ? r->waker_comm : wakers[r->waker]);
}

/* clang-format off */
static const struct field slow_fields[] = {
	{ "time", "TIME", "when it began; local time on screen", field_u64, AT(real_ns), .unit = UNIT_WALL,
	  .flags = FIELD_NARROW, .width = 12 },
	{ "begin_ns", "BEGIN", "when it began, ns since boot", field_u64, AT(begin_ns), .unit = UNIT_BOOT,
	  .flags = FIELD_KEY, .width = 6 },
	{ "mark", "", "~: it is still in progress, and TOOK is its age", get_slow_mark,
	  .flags = FIELD_NARROW | FIELD_SCREEN, .width = 1, .type = VAL_STR },
	{ "duration_ns", "TOOK", "how long it took, or its age; on screen > says: at least",
	  get_slow_duration, .unit = UNIT_NS,
	  .flags = FIELD_NARROW, .width = 7, .type = VAL_U64 },
	{ "name", "CALL", "what was called; (user): a wait outside any call", field_str, AT(name),
	  .flags = FIELD_NARROW | FIELD_ASC, .width = 12 },
	{ "kind", "KIND", "wait: one sleep in a call; syscall: the whole call; block: a disk's "
	  "request; connect: a TCP connect; tcp: something that happened to a connection; dns: a query, from its sending until the "
	  "program had the answer; exchange: a request on a connection, until the first byte of its answer; function: a call of a function that is traced", get_slow_kind,
	  .flags = FIELD_KEY | FIELD_WIDE | FIELD_ASC, .width = 7, .type = VAL_STR },
	{ "main_state", "STATE", "the state that most of the time went to", get_slow_main_state,
	  .flags = FIELD_NARROW | FIELD_SCREEN | FIELD_ASC, .width = 8, .type = VAL_STR },
	{ "state", "STATE", "what a wait was for", get_slow_state, .flags = FIELD_ASC, .width = 8,
	  .type = VAL_STR },
	{ "comm", "COMMAND", "name of the thread", field_str, AT(comm), .flags = FIELD_NARROW | FIELD_ASC,
	  .width = 12 },
	{ "process", "PROCESS", "name of its process", field_str, AT(proc_comm), .flags = FIELD_ASC,
	  .width = 12 },
	{ "pid", "PID", "process id", field_u32, AT(pid), .flags = FIELD_WIDE, .width = 7 },
	{ "tid", "TID", "thread id", field_u32, AT(tid), .flags = FIELD_KEY | FIELD_NARROW, .width = 7 },
	{ "start_ns", "START", "when the process started, ns since boot", field_u64, AT(proc_start_ns),
	  .unit = UNIT_BOOT, .width = 6 },
	{ "detail.text", "ON", "file, peer, lock, descriptors, disk or name", field_str, AT(detail_text),
	  .flags = FIELD_NARROW | FIELD_FLEX | FIELD_TAIL | FIELD_ASC, .width = 14 },
	{ "kernel_stack", "KERNEL STACK", "functions of the kernel that it slept in, innermost first: a "
	  "wait that was not for work, a call's longest one; of a block request those of its submitter, where the disk "
	  "was slow just before", field_stack, AT(stack), .width = 24 },
	{ "user_stack", "USER STACK", "functions of the program that a slow call was made from, innermost first",
	  field_stack, AT(user_stack), .width = 24 },
	{ "detail.kind", "OBJECT", "what it was on: file, peer, lock, fds, disk, name", get_detail_kind, .flags = FIELD_ASC,
	  .width = 6,
	  .type = VAL_STR },
	{ "detail.path", "PATH", "path of the file", field_str, AT(path), .flags = FIELD_TAIL | FIELD_ASC,
	  .width = 24 },
	{ "detail.deleted", "DELETED", "the file was deleted", get_file_flag, HL_SLOW_DELETED, .width = 7,
	  .type = VAL_BOOL },
	{ "detail.path_cut", "CUT", "the head of the path is missing", get_file_flag, HL_SLOW_PATH_CUT,
	  .width = 3,
	  .type = VAL_BOOL },
	{ "detail.protocol", "PROTOCOL", "protocol of the socket", field_str, AT(protocol),
	  .flags = FIELD_ASC, .width = 8 },
	{ "detail.local", "LOCAL", "own address and port", field_str, AT(local), .flags = FIELD_ASC,
	  .width = 21 },
	{ "detail.remote", "REMOTE", "the peer's address and port", field_str, AT(remote), .flags = FIELD_ASC,
	  .width = 21 },
	{ "detail.accepted", "ACCEPTED", "a client opened the connection", get_detail_accepted, .width = 8,
	  .type = VAL_BOOL },
	{ "times", "TIMES", "of what happens to a connection or a listener: how often it did, since it was told of last",
	  field_u64_opt, AT(times), .unit = UNIT_COUNT, .width = 5 },
	{ "detail.name", "ASKED", "name that a DNS query was for", field_str, AT(asked), .flags = FIELD_ASC, .width = 20 },
	{ "detail.reason", "REASON", "why a connection was reset, as far as the kernel says; what became of a DNS query", field_str,
	  AT(reason), .flags = FIELD_ASC, .width = 20 },
	{ "detail.lock_addr", "LOCK", "address of the lock in its process", field_u64_opt, AT(lock_addr),
	  .width = 14 },
	{ "detail.fds", "FDS", "how many descriptors were waited on", field_u64_opt, AT(fds),
	  .unit = UNIT_COUNT, .width = 5 },
	{ "detail.disk", "DISK", "the disk or partition of a request, or that the file's file system is on", field_str, AT(disk), .flags = FIELD_ASC,
	  .width = 10 },
	{ "detail.sector", "SECTOR", "where on it the request begins, in units of 512 bytes", get_request,
	  AT(sector), .width = 10, .type = VAL_U64 },
	{ "detail.bytes", "BYTES", "how many the request was of", get_request, AT(bytes), .unit = UNIT_BYTES,
	  .width = 6, .type = VAL_U64 },
	{ "detail.inode", "INODE", "inode of the file or socket", field_u64_opt, AT(ino), .width = 8 },
	{ "detail.lock_name", "VARIABLE", "name of the variable that the lock is", field_str, AT(lock_name),
	  .flags = FIELD_ASC, .width = 14 },
	{ "held_by.comm", "HELD BY", "thread that held the lock when the wait for it began; of one in progress, that "
	  "holds it now", field_str, AT(holder_comm), .flags = FIELD_ASC, .width = 12 },
	{ "held_by.tid", "HTID", "its thread id", get_holder_id, AT(holder_tid), .width = 7, .type = VAL_U64 },
	{ "held_by.pid", "HPID", "its process", get_holder_id, AT(holder_pid), .width = 7, .type = VAL_U64 },
	{ "held_by.by", "KNOWN BY", "word: the lock's word is its owner; owner: the mutex's owner field; waker: "
	  "nothing says who, this is who ended the wait", get_holder_how, AT(holder), .flags = FIELD_ASC,
	  .width = 8, .type = VAL_STR },
	{ "chain", "BEHIND", "who it waits behind, and what that one waits for, or did meanwhile; < behind whom",
	  field_chain, AT(chain), .flags = FIELD_WIDE | FIELD_RARE | FIELD_ASC, .width = 24 },
	{ "woken_by", "WOKEN BY", "who ended the wait", get_waker,
	  .flags = FIELD_WIDE | FIELD_SCREEN | FIELD_ASC,
	  .width = 12, .type = VAL_STR },
	{ "woken_by.kind", "WAKER", "thread, or disk, network, timer, interrupt", get_waker_kind,
	  .flags = FIELD_ASC,
	  .width = 9, .type = VAL_STR },
	{ "woken_by.pid", "WPID", "process of the waking thread", get_waker_id, AT(waker_pid), .width = 7,
	  .type = VAL_U64 },
	{ "woken_by.tid", "WTID", "the waking thread", get_waker_id, AT(waker_tid), .width = 7,
	  .type = VAL_U64 },
	{ "woken_by.comm", "WCOMM", "name of the waking thread", get_waker_comm, .flags = FIELD_ASC,
	  .width = 12,
	  .type = VAL_STR },
	{ "woken_by.call", "WCALL", "the call in which it ended the wait", field_str, AT(waker_call),
	  .flags = FIELD_ASC, .width = 12 },
	{ "woken_by.kernel_stack", "WAKER'S KERNEL STACK", "functions of the kernel that it did that in, innermost first",
	  field_stack, AT(waker_stack), .width = 24 },
	{ "woken_by.user_stack", "WAKER'S USER STACK", "functions of its program that led there, innermost first",
	  field_stack, AT(waker_user_stack), .width = 24 },
	{ "result", "RESULT", "what the call returned; an error is negative", get_slow_result,
	  .flags = FIELD_WIDE,
	  .width = 7, .type = VAL_I64 },
	{ "time_ns", "STATES", "where the time went, by state", field_states, AT(time), .unit = UNIT_NS,
	  .flags = FIELD_WIDE, .width = 12 },
	{ "queue_ns", "QUEUE", "of the time in disk and fault, while the request that ended it was queued",
	  get_slow_phase, AT(queue_ns), .unit = UNIT_NS, .flags = FIELD_WIDE | FIELD_RARE, .width = 7,
	  .type = VAL_U64 },
	{ "device_ns", "DEVICE", "of the time in disk and fault, while that request was in the device",
	  get_slow_phase, AT(device_ns), .unit = UNIT_NS, .flags = FIELD_WIDE | FIELD_RARE, .width = 7,
	  .type = VAL_U64 },
	{ "occupants", "ON ITS CPU", "who had the CPU while it waited there to run, with their share of that wait, "
	  "and their cgroup; of a call those of its longest such wait", field_occupants, AT(occupants),
	  .flags = FIELD_WIDE | FIELD_RARE, .width = 13 },
	{ "occupants_of_ns", "RUN WAIT", "how long that wait was one for a CPU", get_occupants_of, 0, .unit = UNIT_NS, .width = 8,
	  .type = VAL_U64 },
	{ "occupants_known_ns", "KNOWN", "of that wait, the time of which it is known who had the CPU; the rest it was in "
	  "another CPU's queue, or too many have run since", get_occupants_known, 0, .unit = UNIT_NS, .width = 7,
	  .type = VAL_U64 },
	{ "occupants_interrupts_ns", "INTERRUPTS", "of the time of which that is known, what interrupts took; none where the "
	  "kernel does not tell: it is in the threads' time then", get_occupants_interrupts, 0, .unit = UNIT_NS, .width = 10,
	  .type = VAL_U64 },
	{ "peers", "OF WHICH NETWORK", "of an exchange: for whom it waited in network, and how long; the last four", field_peers,
	  AT(peers), .width = 16 },
	{ "throttled_by", "THROTTLED", "whose CPU quota kept it from running, where it is known", field_str,
	  AT(throttle.text), .flags = FIELD_SCREEN | FIELD_ASC, .width = 24 },
	{ "throttled_by.cgroup", "QUOTA OF", "cgroup whose CPU quota kept it from running; of several above it the one "
	  "that held back most in the interval in which it ended", field_str, AT(throttle.cgroup),
	  .flags = FIELD_TAIL | FIELD_ASC | FIELD_SAID, .width = 14 },
	{ "throttled_by.quota_cpus", "QUOTA", "that quota, in CPUs", get_quota_cpus, .unit = UNIT_CPUS, .flags = FIELD_SAID,
	  .width = 5, .type = VAL_F64 },
	{ "throttled_by.period_ns", "PERIOD", "… and the period that it is of", field_u64_opt, AT(throttle.period_ns),
	  .unit = UNIT_NS, .flags = FIELD_SAID, .width = 6 },
	{ "throttled_by.periods_pct", "THR%", "share of that cgroup's periods in which its quota was used up, in that "
	  "interval", get_quota_periods, .unit = UNIT_PCT, .flags = FIELD_SAID, .width = 5, .type = VAL_F64 },
	WHERE(slow_row)
	{ "in_progress", "ONGOING", "it has not ended: its duration is its age", get_slow_in_progress,
	  .width = 7,
	  .type = VAL_BOOL },
	{ "lower_bound", "AT LEAST", "it began before the capture: it took at least so long", get_slow_flag,
	  HL_SLOW_LOWER_BOUND, .width = 8, .type = VAL_BOOL },
	{ "restarted", "RESTARTED", "the call was interrupted and restarted", get_slow_flag,
	  HL_SLOW_RESTARTED,
	  .width = 9, .type = VAL_BOOL },
};
/* clang-format on */
#undef ROW

const struct table_desc slow_table = {
	.name = "slow",
	.title = "Slow operations",
	.help = "Single operations that took at least the threshold (--slow), with what they were on and who "
		"ended them; those still in progress (~) too. The newest are kept. The longest come first; "
		"sort "
		"by time for the latest. Waits for work, and calls that spent most of their time so, are "
		"left "
		"out unless asked for.",
	.fields = slow_fields,
	.nr_fields = ARRAY_SIZE(slow_fields),
	.row_size = sizeof(struct slow_row),
	.sort = "duration_ns",
	.hidden = slow_hidden,
	.rows = ROWS_SLOW,
};
