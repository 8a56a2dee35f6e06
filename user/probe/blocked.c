/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What is blocked right now: the columns of the threads that wait, and have waited for long,
 * for a disk, a lock, a peer or the kernel. The rows are the model's, of what is in progress;
 * bpf/iter.bpf.c decides who is one.
 */
#include "probe/get.h"
#include "probe/probe.h"

#define AT(member) offsetof(struct slow_row, member)

#define X(id, NAME, key) [id] = key,
static const char *const details[NR_HL_DETAILS] = { HL_DETAILS(X) };
#undef X

static void get_age(const struct field *f, const void *row, struct val *out)
{
	const struct slow_row *r = row;

	val_set_u64(out, r->duration_ns);
	out->least = r->flags & HL_SLOW_LOWER_BOUND;
}

/* offset is the flag HL_SLOW_* */
static void get_flag(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){ .type = VAL_BOOL, .b = ((const struct slow_row *)row)->flags & f->offset };
}

static void get_detail_kind(const struct field *f, const void *row, struct val *out)
{
	val_set_str(out, details[((const struct slow_row *)row)->detail]);
}

/* clang-format off */
static const struct field blocked_fields[] = {
	{ "age_ns", "FOR", "for how long it has been so; on screen > says: at least", get_age, .unit = UNIT_NS,
	  .flags = FIELD_NARROW, .width = 7, .type = VAL_U64 },
	{ "tid", "TID", "thread id, as the host counts", field_u32, AT(tid), .flags = FIELD_KEY | FIELD_NARROW,
	  .width = 7 },
	{ "start_ns", "START", "when the thread started, ns since boot", field_u64, AT(start_ns),
	  .unit = UNIT_BOOT, .flags = FIELD_KEY, .width = 6 },
	{ "pid", "PID", "process that it belongs to", field_u32, AT(pid), .flags = FIELD_WIDE, .width = 7 },
	{ "comm", "COMMAND", "name of the thread", field_str, AT(comm), .flags = FIELD_NARROW | FIELD_ASC,
	  .width = 10 },
	{ "process", "PROCESS", "name of its process", field_str, AT(proc_comm), .flags = FIELD_ASC,
	  .width = 12 },
	{ "state", "STATE", "what it waits for", field_state_name, AT(state), .flags = FIELD_NARROW | FIELD_ASC,
	  .width = 7 },
	{ "uninterruptible", "D", "no signal interrupts the wait: D in ps", get_flag, HL_SLOW_IN_D,
	  .flags = FIELD_WIDE, .width = 3, .type = VAL_BOOL },
	{ "operation", "CALL", "call in progress", field_str, AT(name), .flags = FIELD_NARROW | FIELD_ASC,
	  .width = 9 },
	{ "detail.text", "ON", "file, peer, lock or descriptors", field_str, AT(detail_text),
	  .flags = FIELD_NARROW | FIELD_FLEX | FIELD_TAIL | FIELD_ASC, .width = 10 },
	{ "kernel_stack", "KERNEL STACK", "functions of the kernel that it is in, innermost first, without those "
	  "of every sleep", field_stack, AT(stack), .flags = FIELD_NARROW | FIELD_ASC, .width = 24 },
	{ "user_stack", "USER STACK", "functions of the program that it waits in, innermost first; known a refresh later",
	  field_stack, AT(user_stack), .flags = FIELD_WIDE | FIELD_RARE | FIELD_ASC, .width = 24 },
	{ "detail.lock_name", "VARIABLE", "name of the variable that the lock is", field_str, AT(lock_name),
	  .flags = FIELD_ASC, .width = 14 },
	{ "held_by.comm", "HELD BY", "thread that holds the lock that it waits for", field_str, AT(holder_comm), .flags = FIELD_ASC, .width = 12 },
	{ "held_by.tid", "HTID", "its thread id", get_holder_id, AT(holder_tid), .width = 7, .type = VAL_U64 },
	{ "held_by.pid", "HPID", "its process", get_holder_id, AT(holder_pid), .width = 7, .type = VAL_U64 },
	{ "held_by.by", "KNOWN BY", "word: the lock's word is its owner; owner: the mutex's owner field; waker: "
	  "nothing says who", get_holder_how, AT(holder), .flags = FIELD_ASC,
	  .width = 8, .type = VAL_STR },
	{ "chain", "BEHIND", "who it waits behind, and what that one waits for, or did meanwhile; < behind whom",
	  field_chain, AT(chain), .flags = FIELD_WIDE | FIELD_RARE | FIELD_ASC, .width = 24 },
	{ "time", "SINCE", "when it began; local time on screen", field_u64, AT(real_ns), .unit = UNIT_WALL,
	  .width = 12 },
	{ "lower_bound", "AT LEAST", "it began before the capture: for at least so long", get_flag,
	  HL_SLOW_LOWER_BOUND, .width = 8, .type = VAL_BOOL },
	{ "detail.kind", "OBJECT", "what it is on: file, peer, lock, fds", get_detail_kind, .flags = FIELD_ASC,
	  .width = 6, .type = VAL_STR },
	{ "detail.path", "PATH", "path of the file", field_str, AT(path), .flags = FIELD_TAIL | FIELD_ASC,
	  .width = 24 },
	{ "detail.protocol", "PROTOCOL", "protocol of the socket", field_str, AT(protocol), .flags = FIELD_ASC,
	  .width = 8 },
	{ "detail.local", "LOCAL", "own address and port", field_str, AT(local), .flags = FIELD_ASC,
	  .width = 21 },
	{ "detail.remote", "REMOTE", "the peer's address and port", field_str, AT(remote), .flags = FIELD_ASC,
	  .width = 21 },
	{ "detail.addr", "ADDRESS", "address of the lock", field_u64_opt, AT(lock_addr), .width = 16 },
	{ "detail.disk", "DISK", "the disk or partition that the file's file system is on", field_str, AT(disk),
	  .flags = FIELD_ASC, .width = 10 },
	WHERE(slow_row)
};
/* clang-format on */

const struct table_desc blocked_table = {
	.name = "blocked",
	.title = "Blocked",
	.help = "Threads that right now wait, and have waited for longer than --blocked, for a disk, a page, "
		"a "
		"lock, a peer or the kernel, or in any other sleep that nothing interrupts; the oldest "
		"first. "
		"Waits for work (poll, idle, park, sleep, child) and for pipes and the like are no trouble "
		"while a signal can end them. Kernel threads are among them.",
	.fields = blocked_fields,
	.nr_fields = ARRAY_SIZE(blocked_fields),
	.row_size = sizeof(struct slow_row),
	.sort = "age_ns",
	.rows = ROWS_BLOCKED,
};

static const struct table_desc *const tables[] = { &blocked_table, NULL };

const struct collector blocked_collector = { "blocked", tables, NULL, NULL };
