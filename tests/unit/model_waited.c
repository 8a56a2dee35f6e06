/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Slow waits by their stack: what adds up, what has no room, and what it looks like folded. */
#include "base/str.h"
#include "export/export.h"
#include "tests/unit/fixture.h"
#include "tests/unit/model_util.h"

#define FLOCK 73

static const struct feed_frame lock[] = { { "schedule", "" }, { "flock_lock", "" }, { "do_syscall_64", "" } };
static const struct feed_frame hostile[] = { { HOSTILE, HOSTILE }, { "a;b c", "" } };

static void feed_wait(struct feed *f, uint32_t pid, uint32_t stack, uint64_t ns)
{
	feed_slow(f, (struct feed_slow){ .pid = pid,
					 .tid = pid,
					 .nr = FLOCK,
					 .op = HL_OP_WAIT,
					 .state = HL_STATE_LOCK,
					 .begin = f->ts - ns,
					 .duration = ns,
					 .stack = stack });
}

static const struct waited_row *row_of(const struct snap *s, uint32_t pid, uint32_t stack)
{
	const struct snap_table *t = snap_table(s, "waits_by_stack");

	for (size_t i = 0; i < t->n; i++) {
		const struct waited_row *r = snap_row(t, i);

		if (r->pid == pid && (r->stack ? r->stack->id : 0) == stack)
			return r;
	}
	return NULL;
}

void test_waited_adds_up(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct waited_row *r;
	const struct snap *s;

	feed_stack(f, 7, "", lock, ARRAY_SIZE(lock));
	feed_stack(f, 8, "", lock, 2);
	feed_process(f, 10, "one", 0);
	feed_process(f, 11, "two", 0);
	feed_wait(f, 10, 7, 20 * MS);
	feed_wait(f, 10, 7, 30 * MS);
	feed_wait(f, 10, 8, 40 * MS);
	feed_wait(f, 11, 7, 50 * MS);
	feed_wait(f, 11, 0, 60 * MS); /* of that nobody knows where it was */
	/* a call is made of waits: it is not counted once more */
	feed_slow(f, (struct feed_slow){ .pid = 10,
					 .tid = 10,
					 .nr = FLOCK,
					 .op = HL_OP_SYSCALL,
					 .duration = SEC,
					 .stack = 7 });
	s = feed_tick(f, SEC);
	ASSERT_EQ(snap_table(s, "waits_by_stack")->n, 3);
	ASSERT_EQ(s->nr_stacks, 2);
	r = row_of(s, 10, 7);
	ASSERT(r && r->count == 2 && r->total_ns == 50 * MS && r->max_ns == 30 * MS && r->ivl_count == 2);
	ASSERT_STR(r->comm, "one");
	feed_wait(f, 10, 7, 10 * MS);
	s = feed_tick(f, SEC);
	r = row_of(s, 10, 7);
	ASSERT(r && r->count == 3 && r->total_ns == 60 * MS && r->ivl_count == 1 && r->ivl_ns == 10 * MS);
	r = row_of(s, 10, 8);
	ASSERT(r && r->count == 1 && !r->ivl_count && !r->ivl_ns);
	feed_free(f);
}

void test_waited_is_bounded(void)
{
	struct feed *f = feed_new(&(struct model_limits){ .max_slow = 4 }, NULL);
	const struct snap_table *t;
	const struct snap *s;
	uint64_t count = 0;

	feed_stack(f, 7, "", lock, ARRAY_SIZE(lock));
	for (uint32_t pid = 10; pid < 20; pid++) {
		feed_process(f, pid, "one", 0);
		feed_wait(f, pid, 7, 20 * MS);
	}
	s = feed_tick(f, SEC);
	t = snap_table(s, "waits_by_stack");
	ASSERT_EQ(t->n, 5);
	for (size_t i = 0; i < t->n; i++)
		count += ((const struct waited_row *)snap_row(t, i))->count;
	ASSERT_EQ(count, 10);
	ASSERT(row_of(s, 0, 0)->count == 6);
	feed_free(f);
}

void test_waited_folded(void)
{
	struct feed *f = feed_new(NULL, NULL);
	size_t lines = 0, blanks = 0, odd = 0;
	const struct snap *s;
	struct str out = {};

	feed_stack(f, 7, "", lock, ARRAY_SIZE(lock));
	feed_stack(f, 8, "", hostile, ARRAY_SIZE(hostile));
	feed_process(f, 10, "a b;c", 0);
	feed_wait(f, 10, 7, 20 * MS);
	s = feed_tick(f, SEC);
	ASSERT_EQ(folded_exporter.write(&out, s, &(struct export_opts){}), 0);
	ASSERT_STR(str_get(&out), "a_b:c;lock;flock;do_syscall_64;flock_lock;schedule 20000\n");
	/* rows are apart by the address, lines by their names */
	feed_stack(f, 9, "", lock, ARRAY_SIZE(lock));
	feed_wait(f, 10, 9, 5 * MS);
	s = feed_tick(f, SEC);
	str_reset(&out);
	ASSERT_EQ(folded_exporter.write(&out, s, &(struct export_opts){}), 0);
	ASSERT_STR(str_get(&out), "a_b:c;lock;flock;do_syscall_64;flock_lock;schedule 25000\n");
	feed_wait(f, 10, 8, 30 * MS);
	s = feed_tick(f, SEC);
	str_reset(&out);
	ASSERT_EQ(folded_exporter.write(&out, s, &(struct export_opts){ .table = "waits_by_stack" }), 0);
	/* two lines, each with one blank: names forge none */
	for (size_t i = 0; i < out.len; i++) {
		lines += out.s[i] == '\n';
		blanks += out.s[i] == ' ';
		odd += out.s[i] != '\n' && (unsigned char)(out.s[i] - ' ') > '~' - ' ';
	}
	ASSERT_EQ(lines, 2);
	ASSERT_EQ(blanks, 2);
	ASSERT_EQ(odd, 0);
	ASSERT(strstr(str_get(&out), ";lock;flock;a:b_c;"));
	ASSERT(folded_exporter.write(&out, s, &(struct export_opts){ .table = "slow" }) < 0);
	str_free(&out);
	feed_free(f);
}
