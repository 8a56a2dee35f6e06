/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Slow waits as a tree: what is below a place adds up to it, recursion is no loop, places keep their
 * identity from picture to picture, and what has no room ends where there is none. */
#include <stdio.h>
#include <string.h>

#include "tests/test.h"
#include "tests/unit/model_util.h"

#define FSYNC 74

static void feed_wait(struct feed *f, uint32_t pid, uint32_t stack, uint32_t user_stack, uint64_t ns)
{
	feed_slow(f, (struct feed_slow){ .pid = pid,
					 .tid = pid,
					 .nr = FSYNC,
					 .op = HL_OP_WAIT,
					 .state = HL_STATE_DISK,
					 .begin = f->ts - ns,
					 .duration = ns,
					 .stack = stack,
					 .user_stack = user_stack });
}

static const struct tree_row *node(const struct snap *s, const char *name)
{
	const struct snap_table *t = snap_table(s, "stack_tree");

	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(((const struct tree_row *)snap_row(t, i))->name, name))
			return snap_row(t, i);
	return NULL;
}

static uint64_t below(const struct snap *s, const char *id)
{
	const struct snap_table *t = snap_table(s, "stack_tree");
	uint64_t sum = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct tree_row *r = snap_row(t, i);

		sum += strcmp(r->parent, id) ? 0 : r->total_ns;
	}
	return sum;
}

static const char *const commits[] = { "fsync", "commit", "worker", "main" };
static const char *const flushes[] = { "fsync", "flush", "worker", "main" };
static const char *const again[] = { "fsync", "walk", "walk", "walk", "main" };
static const struct feed_frame disk[] = { { "io_schedule", "" }, { "ext4_sync_file", "ext4" } };

static struct feed *fed(void)
{
	struct feed *f = feed_new(NULL, NULL);

	feed_process(f, 10, "server", 0);
	feed_process(f, 11, "server", 0);
	feed_process(f, 12, "other", 0);
	feed_stack(f, 1, "", disk, ARRAY_SIZE(disk));
	feed_ustack(f, 2, commits, ARRAY_SIZE(commits));
	feed_ustack(f, 3, flushes, ARRAY_SIZE(flushes));
	feed_ustack(f, 4, again, ARRAY_SIZE(again));
	return f;
}

void test_tree_adds_up(void)
{
	struct feed *f = fed();
	const struct tree_row *r;
	const struct snap *s;

	feed_wait(f, 10, 1, 2, 20 * MS);
	feed_wait(f, 11, 1, 2, 30 * MS); /* processes of one name are one */
	feed_wait(f, 10, 1, 3, 40 * MS);
	feed_wait(f, 12, 1, 0, 50 * MS); /* of which only the kernel's part is known */
	s = feed_tick(f, SEC);
	r = node(s, "server");
	if (!ASSERT(r != NULL))
		return;
	ASSERT_EQ(r->depth, 0);
	ASSERT_EQ(r->total_ns, 90 * MS);
	ASSERT_EQ(r->count, 3);
	ASSERT_EQ(r->max_ns, 40 * MS);
	ASSERT_EQ(below(s, ""), 140 * MS);
	ASSERT_EQ(below(s, r->id), 90 * MS);
	r = node(s, "main > worker"); /* nothing parts there */
	if (!ASSERT(r != NULL))
		return;
	ASSERT_EQ(r->children, 2);
	ASSERT_EQ(below(s, r->id), 90 * MS);
	ASSERT(node(s, "commit > fsync") && node(s, "commit > fsync")->total_ns == 50 * MS);
	ASSERT(node(s, "flush > fsync") && node(s, "flush > fsync")->total_ns == 40 * MS);
	ASSERT(node(s, "disk: fsync") != NULL);
	ASSERT(node(s, "ext4_sync_file > io_schedule") != NULL);
	s = feed_tick(f, SEC);
	ASSERT_EQ(node(s, "server")->ivl_ns, 0);
	ASSERT_EQ(node(s, "server")->total_ns, 90 * MS);
	feed_free(f);
}

/* Each turn of a recursion is a place of its own. */
void test_tree_recursion(void)
{
	struct feed *f = fed();
	const struct snap *s;

	feed_wait(f, 10, 1, 4, 20 * MS);
	s = feed_tick(f, SEC);
	ASSERT(node(s, "main > walk > walk > walk > fsync") != NULL);
	ASSERT_EQ(node(s, "server")->total_ns, 20 * MS);
	feed_free(f);
}

/* A page that is open finds its place again, also when ways part above it meanwhile. */
void test_tree_places_stay(void)
{
	struct feed *f = fed();
	const struct snap *s;
	char id[32];

	feed_wait(f, 10, 1, 2, 20 * MS);
	s = feed_tick(f, SEC);
	if (!ASSERT(node(s, "main > worker > commit > fsync") != NULL))
		return;
	snprintf(id, sizeof(id), "%s", node(s, "main > worker > commit > fsync")->id);
	feed_wait(f, 12, 1, 3, 20 * MS); /* another process comes before or behind */
	feed_wait(f, 10, 1, 3, 20 * MS);
	s = feed_tick(f, SEC);
	if (ASSERT(node(s, "commit > fsync") != NULL))
		ASSERT_STR(node(s, "commit > fsync")->id, id);
	feed_free(f);
}

/* Far more places than there is room for: the roots have all of the time anyway. */
void test_tree_full(void)
{
	struct feed *f = fed();
	char names[5][24];
	const char *list[5];
	const struct snap *s;

	for (uint32_t i = 0; i < 4000; i++) {
		for (int k = 0; k < 5; k++) {
			snprintf(names[k], sizeof(names[k]), "f%u_%d", i, k);
			list[k] = names[k];
		}
		feed_ustack(f, 100 + i, list, 5);
		feed_wait(f, 10, 0, 100 + i, MS);
	}
	s = feed_tick(f, SEC);
	ASSERT_EQ(node(s, "server")->total_ns, 4000 * MS);
	ASSERT(snap_table(s, "stack_tree")->n <= 8192);
	feed_free(f);
}
