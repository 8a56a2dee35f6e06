/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Who had the CPU that a thread waited for: with the wait that it was told for, and with the call that
 * this was in; as text. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "model/snap.h"
#include "tests/test.h"
#include "tests/unit/model_util.h"

#define WRITE 1

static const struct hl_occupant two[] = {
	{ .start = 200, .proc_start = 100, .ns = 12 * MS, .pid = 20, .tid = 20, .comm = "spinner-a" },
	{ .ns = 6 * MS, .tid = 0 },
};

static struct feed_slow wait_of(uint32_t tid, uint64_t begin, uint32_t occupants)
{
	return (struct feed_slow){ .pid = 10,
				   .tid = tid,
				   .nr = WRITE,
				   .op = HL_OP_WAIT,
				   .state = HL_STATE_RUNQUEUE,
				   .begin = begin,
				   .duration = 24 * MS,
				   .occupants = occupants };
}

static const struct slow_row *slow_of(const struct snap *s, uint32_t tid, uint8_t op)
{
	const struct snap_table *t = snap_table(s, "slow");

	for (size_t i = 0; i < t->n; i++) {
		const struct slow_row *r = snap_row(t, i);

		if (r->tid == tid && r->op == op)
			return r;
	}
	return NULL;
}

static char *text_of(const struct snap *s, const struct slow_row *r)
{
	const struct field *f = table_field(snap_table(s, "slow")->desc, "occupants");
	struct val v = field_get(f, r);
	struct str out = {};

	val_text(&out, f, &v, true);
	return out.s;
}

void test_occupants_of_a_wait(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct slow_row *r;
	const struct snap *s;
	char *text;

	feed_process(f, 10, "server", 0);
	feed_occupants(f, 1, two, ARRAY_SIZE(two), 2 * MS);
	feed_occupants(f, 2, two, 1, 0);
	feed_slow(f, wait_of(11, 100 * MS, 0));
	feed_slow(f, wait_of(12, 100 * MS, 1)); /* not in their order */
	feed_slow(f, wait_of(13, 100 * MS, 2));
	feed_slow(f, wait_of(14, 100 * MS, 2)); /* it is of one only */
	feed_slow(f, wait_of(15, 100 * MS, 77));
	feed_process_in(f, 20, "spinner", "/batch/night", NULL); /* told later */
	s = feed_tick(f, SEC);
	ASSERT(!slow_of(s, 11, HL_OP_WAIT)->occupants);
	ASSERT(!slow_of(s, 14, HL_OP_WAIT)->occupants);
	ASSERT(!slow_of(s, 15, HL_OP_WAIT)->occupants);
	r = slow_of(s, 12, HL_OP_WAIT);
	if (!ASSERT(r && r->occupants && r->occupants->n == 3))
		return;
	ASSERT_EQ(r->occupants->of_ns, 24 * MS);
	ASSERT_EQ(r->occupants->known_ns, 20 * MS);
	ASSERT_EQ(r->occupants->v[0].tid, 20);
	ASSERT_STR(r->occupants->v[0].comm, "spinner-a");
	ASSERT_STR(r->occupants->v[0].cgroup, "/batch/night");
	ASSERT_STR(r->occupants->v[1].comm, "(idle)");
	ASSERT_EQ(r->occupants->v[2].threads, 1);
	text = text_of(s, r);
	ASSERT_STR(text, "spinner-a 50% [night], (idle) 25%, 1 other 8.3%, not known 17%");
	free(text);
	ASSERT_EQ(slow_of(s, 13, HL_OP_WAIT)->occupants->n, 1);
	feed_free(f);
}

static void told(const struct snap *s, uint32_t tid, bool is_told, uint64_t ns, const char *text)
{
	const struct slow_row *r = slow_of(s, tid, HL_OP_WAIT);
	struct val v;
	char *is;

	if (!ASSERT(r && r->occupants))
		return;
	v = field_get(table_field(snap_table(s, "slow")->desc, "occupants_interrupts_ns"), r);
	ASSERT_EQ(val_is_none(&v), !is_told);
	if (is_told)
		ASSERT_EQ(v.u, ns);
	is = text_of(s, r);
	ASSERT_STR(is, text);
	free(is);
}

/* What interrupts took is nobody's; that they took nothing is told, that it is not known is not. */
void test_occupants_and_interrupts(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	feed_process(f, 10, "server", 0);
	feed_interrupts(f, 1, two, ARRAY_SIZE(two), 4 * MS);
	feed_interrupts(f, 2, two, ARRAY_SIZE(two), 0);
	feed_interrupts(f, 3, two, ARRAY_SIZE(two), MS / 10);
	feed_occupants(f, 4, two, ARRAY_SIZE(two), 0);
	for (uint32_t id = 1; id <= 4; id++)
		feed_slow(f, wait_of(10 + id, 100 * MS, id));
	s = feed_tick(f, SEC);
	told(s, 11, true, 4 * MS, "spinner-a 50%, (idle) 25%, interrupts 17%, not known 8.3%");
	told(s, 12, true, 0, "spinner-a 50%, (idle) 25%, not known 25%");
	told(s, 13, true, MS / 10, "spinner-a 50%, (idle) 25%, not known 25%");
	told(s, 14, false, 0, "spinner-a 50%, (idle) 25%, not known 25%");
	feed_free(f);
}

/* A call has those of its longest wait for a CPU; another thread's, or an earlier call's, it has not. */
void test_occupants_of_a_call(void)
{
	struct feed *f = feed_new(NULL, NULL);
	struct feed_slow call = wait_of(11, 90 * MS, 0);
	const struct slow_row *r;
	const struct snap *s;

	feed_process(f, 10, "server", 0);
	for (uint32_t id = 1; id <= 4; id++)
		feed_occupants(f, id, two, 1, id * MS);
	feed_slow(f, wait_of(11, 20 * MS, 1));
	feed_slow(f, wait_of(12, 100 * MS, 2));
	call.duration = 12 * MS;
	call.begin = 130 * MS;
	call.occupants = 4;
	feed_slow(f, call);
	feed_slow(f, wait_of(11, 100 * MS, 3));
	call.op = HL_OP_SYSCALL;
	call.begin = 95 * MS;
	call.duration = 50 * MS;
	call.state = HL_STATE_IPC;
	call.queued = 36 * MS;
	call.occupants = 0;
	feed_slow(f, call);
	call.tid = 13;
	feed_slow(f, call);
	s = feed_tick(f, SEC);
	r = slow_of(s, 11, HL_OP_SYSCALL);
	if (!ASSERT(r && r->occupants))
		return;
	ASSERT_EQ(r->occupants->known_ns, 15 * MS);
	ASSERT_EQ(r->occupants->of_ns, 24 * MS);
	ASSERT(!slow_of(s, 13, HL_OP_SYSCALL)->occupants);
	feed_free(f);
}
