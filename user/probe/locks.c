/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Locks, their user half: the columns of how each process waits for each of its locks, and who
 * holds it. The rows are the model's (model/locks.c); the kernel half is bpf/lock.bpf.h. Handed to
 * the model by the commands.
 */
#include <inttypes.h>
#include <stdio.h>

#include "probe/op_columns.h"
#include "probe/probe.h"

#define AT(member) offsetof(struct lock_row, member)

#define X(id, NAME, key) [id] = (key),
static const char *const holders[NR_HL_HOLDERS] = { HL_HOLDERS(X) };
#undef X

static const char *how(uint8_t holder)
{
	return holder && holder < NR_HL_HOLDERS ? holders[holder] : NULL;
}

/* offset: of the enum hl_holder */
void get_holder_how(const struct field *f, const void *row, struct val *out)
{
	val_set_str(out, how(*(const uint8_t *)((const char *)row + f->offset)));
}

void get_holder_id(const struct field *f, const void *row, struct val *out)
{
	uint32_t id = *(const uint32_t *)((const char *)row + f->offset);

	*out = (struct val){};
	if (id)
		val_set_u64(out, id);
}

static void get_waiters(const struct field *f, const void *row, struct val *out)
{
	val_set_u64(out, ((const struct lock_row *)row)->waiters);
}

static void get_longest(const struct field *f, const void *row, struct val *out)
{
	const struct lock_row *r = row;

	*out = (struct val){};
	if (r->waiters)
		val_set_u64(out, r->longest_ns);
	out->least = r->longest_least;
}

static void get_now(const struct field *f, const void *row, struct val *out)
{
	const struct lock_row *r = row;

	*out = (struct val){ .type = r->holder ? VAL_BOOL : VAL_NONE, .b = r->now };
}

/* As a number it means nothing to people. */
static void get_addr(const struct field *f, const void *row, struct val *out)
{
	val_set_str(out, ((const struct lock_row *)row)->text);
}

/* clang-format off */
static const struct field lock_fields[] = {
	{ "comm", "COMMAND", "name of the process", field_str, OP_AT(comm), .flags = FIELD_NARROW | FIELD_ASC,
	  .width = 12 },
	{ "pid", "PID", "process id", get_op_pid, .flags = FIELD_KEY | FIELD_NARROW, .width = 7,
	  .type = VAL_U64 },
	{ "start_ns", "START", "when the process started, ns since boot", field_u64, OP_AT(proc_start_ns),
	  .unit = UNIT_BOOT, .flags = FIELD_KEY, .width = 6 },
	{ "lock", "LOCK", "name of the variable that the lock is, where it has one, and its address", get_addr, .flags = FIELD_NARROW | FIELD_ASC,
	  .width = 14, .type = VAL_STR },
	{ "name", "NAME", "the name alone", field_str, AT(name), .flags = FIELD_ASC, .width = 14 },
	{ "addr", "ADDRESS", "the address as a number", field_u64_opt, AT(addr), .flags = FIELD_KEY, .width = 16 },
	{ "waiters", "NOW", "threads that have been blocked there for longer than --blocked, right now", get_waiters,
	  .unit = UNIT_COUNT, .metric = METRIC_GAUGE, .flags = FIELD_NARROW, .width = 4, .type = VAL_U64 },
	{ "longest_ns", "FOR", "for how long the longest of them has been", get_longest,
	  .unit = UNIT_NS, .metric = METRIC_GAUGE, .flags = FIELD_WIDE, .width = 6, .type = VAL_U64 },
	{ "interval.count", "WAITS", "waits that ended in the interval", field_u64, OP_AT(ivl_count),
	  .unit = UNIT_COUNT, .flags = FIELD_NARROW | FIELD_IVL, .width = 5 },
	{ "count", "WAITS", "waits that ended since start", field_u64, OP_AT(count), .unit = UNIT_COUNT,
	  .metric = METRIC_COUNTER, .flags = FIELD_NARROW | FIELD_TOTAL, .width = 5 },
	OP_TIMES
	{ "held_by.comm", "HELD BY", "thread that holds it, or held it when it was slow last", field_str,
	  AT(holder_comm), .flags = FIELD_ASC, .width = 12 },
	{ "held_by.tid", "HTID", "its thread id", get_holder_id, AT(holder_tid), .flags = FIELD_WIDE | FIELD_RARE,
	  .width = 7, .type = VAL_U64 },
	{ "held_by.pid", "HPID", "its process", get_holder_id, AT(holder_pid), .width = 7, .type = VAL_U64 },
	{ "held_by.by", "KNOWN BY", "word: the lock's word is its owner; owner: the mutex's owner field; waker: "
	  "nothing says who, this is who ended the wait", get_holder_how, AT(holder), .flags = FIELD_ASC,
	  .width = 8, .type = VAL_STR },
	{ "held_by.now", "STILL", "it is held by that one right now", get_now, .width = 5, .type = VAL_BOOL },
	{ "chain", "HELD BY", "who holds it, and what that one waits for, or did when it was slow last; < behind whom", field_chain, AT(chain),
	  .flags = FIELD_NARROW | FIELD_FLEX | FIELD_ASC, .width = 20 },
	OP_STATES
	WHERE(op_row)
	OP_HISTOGRAM
};
/* clang-format on */

static const struct table_desc locks_table = {
	.name = "locks",
	.title = "Locks",
	.help = "How threads wait for the mutexes of their process, lock by lock, and who holds them. "
		"Condition "
		"variables, semaphores and other waits for work are none.",
	.fields = lock_fields,
	.nr_fields = ARRAY_SIZE(lock_fields),
	.row_size = sizeof(struct lock_row),
	.sort = "interval.busy_ns",
	.sort_wide = "busy_ns",
	.rows = ROWS_LOCKS,
};

static const struct table_desc *const tables[] = { &locks_table, NULL };

const struct collector locks_collector = { "locks", tables, NULL, NULL };
