/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What is blocked, and its stack: which of what is in progress is, in which tables, and how a
 * stack reads. */
#include <stdlib.h>

#include "base/str.h"
#include "tests/unit/model_util.h"

static int feed_blocked(struct feed *f, uint32_t tid, uint32_t flags, uint32_t stack)
{
	struct hl_rec_slow *r;

	recbuf_reset(&f->b);
	r = rec_begin(&f->b, HL_KIND_NOW, sizeof(*r));
	r->h.ts = f->ts;
	r->h.pid = 10;
	r->h.tid = tid;
	r->start = 200;
	r->proc_start = 100;
	r->duration_ns = SEC;
	r->begin_ns = f->ts - SEC;
	r->state = HL_STATE_KERNEL;
	r->flags = HL_SLOW_NO_RESULT | flags;
	r->kernel_stack = stack;
	return feed_rec(f, rec_end(&f->b));
}

static const struct slow_row *row_of(const struct snap *s, const char *table, uint32_t tid)
{
	const struct snap_table *t = snap_table(s, table);

	for (size_t i = 0; i < t->n; i++)
		if (((const struct slow_row *)snap_row(t, i))->tid == tid)
			return snap_row(t, i);
	return NULL;
}

static const char *text_of(const struct table_desc *t, const char *name, const void *row)
{
	static struct str out;
	const struct field *f = table_field(t, name);
	struct val v = field_get(f, row);

	str_free(&out);
	val_text(&out, f, &v, false);
	return str_get(&out);
}

static const struct feed_frame fuse[] = {
	{ "__schedule", "" }, { "schedule", "" },      { "request_wait_answer", "fuse" },
	{ "vfs_read", "" },   { "do_syscall_64", "" }, { "entry_SYSCALL_64_after_hwframe", "" },
};

void test_blocked_tables(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	feed_stack(f, 7, "", fuse, ARRAY_SIZE(fuse));
	feed_thread(f, 10, 1, "reader");
	feed_ledger(f, 10, 1, f->ts - SEC, CLOCKS([HL_STATE_KERNEL] = SEC));
	feed_blocked(f, 1, HL_SLOW_BLOCKED | HL_SLOW_IN_D, 7);
	feed_blocked(f, 2, HL_SLOW_BLOCKED | HL_SLOW_NOT_SLOW, 7);
	feed_blocked(f, 3, 0, 0);
	feed_blocked(f, 4, HL_SLOW_BLOCKED, 8); /* a stack that never came */
	s = feed_tick(f, SEC);
	ASSERT_EQ(snap_table(s, "blocked")->n, 3);
	ASSERT_EQ(snap_table(s, "slow")->n, 3);
	ASSERT(!row_of(s, "blocked", 3) && !row_of(s, "slow", 2));
	ASSERT(!row_of(s, "blocked", 4)->stack);
	ASSERT_STR(text_of(&blocked_table, "kernel_stack", row_of(s, "blocked", 1)),
		   "request_wait_answer < vfs_read");
	ASSERT_STR(text_of(&blocked_table, "uninterruptible", row_of(s, "blocked", 1)), "yes");
	ASSERT(find_thread(s, 1)->stack == row_of(s, "blocked", 1)->stack);
	ASSERT(row_of(s, "slow", 1)->stack == row_of(s, "blocked", 2)->stack);
	ASSERT_EQ(s->nr_stacks, 1);
	ASSERT_EQ(s->stacks[0]->n, ARRAY_SIZE(fuse));
	/* it came back; the stack is kept, for another may have it, but is in no picture */
	s = feed_tick(f, SEC);
	ASSERT_EQ(snap_table(s, "blocked")->n + snap_table(s, "slow")->n + s->nr_stacks, 0);
	ASSERT(!find_thread(s, 1)->stack);
	feed_blocked(f, 2, HL_SLOW_BLOCKED, 7);
	s = feed_tick(f, SEC);
	ASSERT_EQ(row_of(s, "blocked", 2)->stack->id, 7);
	feed_free(f);
}

/* A kernel thread that is blocked is no secret; the filter finds who is in a function. */
void test_blocked_query(void)
{
	struct feed *f = feed_new(NULL, NULL);
	struct query q = { .filter = "wait_ANSWER" };
	struct query_result r;
	const struct snap *s;

	feed_process(f, 10, "kworker", HL_PROC_KTHREAD);
	feed_stack(f, 1, "", fuse, ARRAY_SIZE(fuse));
	feed_blocked(f, 1, HL_SLOW_BLOCKED, 1);
	feed_blocked(f, 2, HL_SLOW_BLOCKED, 0);
	s = feed_tick(f, SEC);
	query_run(&r, s, snap_table(s, "blocked"), &(struct query){});
	ASSERT_EQ(r.n, 2);
	query_free(&r);
	query_run(&r, s, snap_table(s, "slow"), &(struct query){});
	ASSERT_EQ(r.n, 0);
	query_free(&r);
	query_run(&r, s, snap_table(s, "blocked"), &q);
	ASSERT_EQ(r.n, 1);
	query_free(&r);
	feed_free(f);
}

static void frame_is(const struct snap_stack *s, unsigned int i, const char *want)
{
	struct str out = {};

	frame_text(&out, s, i, true);
	ASSERT_STR(str_get(&out), want);
	str_free(&out);
}

void test_blocked_frames(void)
{
	static const struct feed_frame odd[] = { { "schedule", "" }, { "", "" }, { "vfs\033[31m", "" } };
	static const struct feed_frame sleep[] = { { "schedule", "" } };
	struct feed *f = feed_new(&(struct model_limits){ .max_stacks = 3 }, NULL);
	const struct slow_row *row;
	const struct snap *s;

	feed_stack(f, 1, "the kernel hides it", odd, ARRAY_SIZE(odd));
	feed_stack(f, 2, "", sleep, ARRAY_SIZE(sleep));
	feed_stack(f, 3, "", NULL, 0);
	feed_stack(f, 4, "", fuse, ARRAY_SIZE(fuse)); /* no room */
	for (uint32_t i = 1; i <= 4; i++)
		feed_blocked(f, i, HL_SLOW_BLOCKED, i);
	s = feed_tick(f, SEC);
	row = row_of(s, "blocked", 1);
	ASSERT_STR(text_of(&blocked_table, "kernel_stack", row), "? < vfs\\x1b[31m");
	frame_is(row->stack, 0, "schedule+0x10");
	frame_is(row->stack, 1, "? the kernel hides it");
	ASSERT_STR(text_of(&blocked_table, "kernel_stack", row_of(s, "blocked", 2)), "schedule");
	ASSERT_STR(text_of(&blocked_table, "kernel_stack", row_of(s, "blocked", 3)), "");
	ASSERT_STR(text_of(&blocked_table, "kernel_stack", row_of(s, "blocked", 4)), "-");
	/* the same number again is another capture's */
	feed_stack(f, 2, "", fuse, ARRAY_SIZE(fuse));
	feed_blocked(f, 2, HL_SLOW_BLOCKED, 2);
	s = feed_tick(f, SEC);
	frame_is(row_of(s, "blocked", 2)->stack, 2, "request_wait_answer+0x10 [fuse]");
	feed_free(f);
}
