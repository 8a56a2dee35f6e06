/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Who ran on a CPU, out of a ring that goes on while it is read: what is added up, and what is not
 * known. */
#include "kern/slices.h"
#include "tests/test.h"

#define SIZE 16

struct ring {
	struct hl_slice v[SIZE];
	uint64_t count, clock, interrupts;
	struct slices s;
	struct stays out;
};

static struct ring *begin(struct ring *r)
{
	struct stays out = r->out;

	*r = (struct ring){ .clock = 1000000, .count = 5, .out = out };
	r->s = (struct slices){ r->v, SIZE, &r->count };
	return r;
}

/* tid ran for so long, and `next` comes. */
static void ran(struct ring *r, uint32_t tid, uint64_t ns, uint32_t next)
{
	r->clock += ns;
	r->v[r->count % SIZE] = (struct hl_slice){ r->clock, r->interrupts, tid, next };
	r->count++;
}

static void look(struct ring *r, uint64_t span)
{
	slices_read(&r->s, (uint32_t)r->count, span, &r->out);
}

static void is(struct ring *r, size_t i, uint32_t tid, uint64_t ns)
{
	if (!ASSERT(i < r->out.v.n))
		return;
	ASSERT_EQ(r->out.v.v[i].tid, tid);
	ASSERT_EQ(r->out.v.v[i].ns, ns);
}

static void end(struct ring *r)
{
	stays_free(&r->out);
}

void test_slices_sum(void)
{
	struct ring r = {};

	ran(begin(&r), 9, 50, 1);
	ran(&r, 1, 30, 2);
	ran(&r, 2, 100, 0);
	ran(&r, 0, 7, 1);
	ran(&r, 1, 40, 3);
	look(&r, 177);
	ASSERT_EQ(r.out.v.n, 3);
	is(&r, 0, 2, 100);
	is(&r, 1, 1, 70);
	is(&r, 2, 0, 7);
	ASSERT_EQ(r.out.known_ns, 177);
	end(&r);
}

/* The span begins within a slice, and ends where its last one does, whatever came later. */
void test_slices_cut(void)
{
	struct ring r = {};
	uint32_t last;

	ran(begin(&r), 9, 50, 1);
	ran(&r, 1, 300, 2);
	ran(&r, 2, 100, 3);
	last = (uint32_t)r.count;
	ran(&r, 3, 1000, 1);
	slices_read(&r.s, last, 150, &r.out);
	ASSERT_EQ(r.out.v.n, 2);
	is(&r, 0, 2, 100);
	is(&r, 1, 1, 50);
	slices_read(&r.s, last, 60, &r.out); /* all in the last one */
	ASSERT_EQ(r.out.v.n, 1);
	is(&r, 0, 2, 60);
	slices_read(&r.s, last, 0, &r.out);
	ASSERT_EQ(r.out.v.n, 0);
	ASSERT_EQ(r.out.known_ns, 0);
	end(&r);
}

/* Nothing is made up for what the ring does not hold any more, or never did. */
void test_slices_wrapped(void)
{
	struct ring r = {};
	size_t kept;

	begin(&r);
	for (uint32_t i = 0; i < 10 * SIZE; i++)
		ran(&r, 1 + i % 2, 10, 1 + (i + 1) % 2);
	look(&r, 10000);
	kept = r.out.known_ns / 10;
	ASSERT_EQ(r.out.v.n, 2);
	ASSERT(kept < SIZE && kept >= SIZE - 6);
	begin(&r);
	r.count = 0; /* at the very start */
	ran(&r, 1, 10, 2);
	ran(&r, 2, 10, 1);
	look(&r, 1000);
	ASSERT_EQ(r.out.known_ns, 10); /* where the first one began nobody knows */
	is(&r, 0, 2, 10);
	end(&r);
}

void test_slices_overwritten(void)
{
	struct ring r = {};
	uint32_t last;

	ran(begin(&r), 9, 50, 1);
	for (uint32_t i = 0; i < 8; i++)
		ran(&r, 1, 10, 1);
	last = (uint32_t)r.count;
	slices_read(&r.s, last, 80, &r.out);
	ASSERT_EQ(r.out.known_ns, 80);
	for (uint32_t i = 0; i < 6; i++) /* the wait is told of late */
		ran(&r, 2, 10, 2);
	slices_read(&r.s, last, 80, &r.out);
	ASSERT(r.out.known_ns < 80 && r.out.known_ns >= 40);
	ASSERT_EQ(r.out.v.n, 1);
	is(&r, 0, 1, r.out.known_ns);
	for (uint32_t i = 0; i < 3 * SIZE; i++)
		ran(&r, 2, 10, 2);
	slices_read(&r.s, last, 80, &r.out);
	ASSERT_EQ(r.out.v.n, 0);
	ASSERT_EQ(r.out.known_ns, 0);
	end(&r);
}

/* What is older than a step back of the clock is of no known time; a slice of a thread that was not
 * said to come is of more than one. */
void test_slices_doubtful(void)
{
	struct ring r = {};

	ran(begin(&r), 9, 50, 1);
	ran(&r, 1, 100, 2);
	r.clock -= 1000;
	ran(&r, 2, 10, 3);
	ran(&r, 3, 20, 4);
	look(&r, 500);
	ASSERT_EQ(r.out.v.n, 1);
	is(&r, 0, 3, 20);
	begin(&r);
	ran(&r, 9, 50, 1);
	ran(&r, 1, 100, 2);
	ran(&r, 3, 200, 1); /* that 3 came was not told */
	ran(&r, 1, 30, 4);
	look(&r, 330);
	ASSERT_EQ(r.out.v.n, 1);
	is(&r, 0, 1, 130);
	ASSERT_EQ(r.out.known_ns, 130);
	end(&r);
}

/* … and interrupts took so much of that. */
static void ran_less(struct ring *r, uint32_t tid, uint64_t ns, uint32_t next, uint64_t interrupts)
{
	r->interrupts += interrupts;
	ran(r, tid, ns, next);
}

/* Each stay is split; of the one that is cut they took as much as of the whole. */
void test_slices_interrupts(void)
{
	struct ring r = {};

	ran_less(begin(&r), 9, 50, 1, 5000); /* of a time before */
	ran_less(&r, 1, 400, 2, 100);
	ran_less(&r, 2, 100, 0, 30);
	ran_less(&r, 0, 60, 1, 60); /* all of it */
	ran_less(&r, 1, 40, 3, 0);
	look(&r, 600);
	ASSERT_EQ(r.out.interrupts_ns, 190);
	ASSERT_EQ(r.out.known_ns, 600);
	ASSERT_EQ(r.out.v.n, 3);
	is(&r, 0, 1, 340);
	is(&r, 1, 2, 70);
	is(&r, 2, 0, 0);
	look(&r, 400); /* half of the first one */
	ASSERT_EQ(r.out.interrupts_ns, 140);
	ASSERT_EQ(r.out.known_ns, 400);
	is(&r, 0, 1, 190);
	look(&r, 20);
	ASSERT_EQ(r.out.interrupts_ns, 0);
	ASSERT_EQ(r.out.known_ns, 20);
	end(&r);
}

/* They never take more than there was, whatever the figure does. */
void test_slices_interrupts_doubtful(void)
{
	struct ring r = {};

	begin(&r)->interrupts = 1ull << 60;
	ran(&r, 9, 50, 1);
	ran_less(&r, 1, 100, 2, 300);
	ran_less(&r, 2, 100, 1, -500ull); /* it went back */
	ran_less(&r, 1, 1000, 2, 999);
	look(&r, 1100);
	ASSERT_EQ(r.out.interrupts_ns, 999);
	ASSERT_EQ(r.out.known_ns, 1100);
	look(&r, 1200);
	ASSERT_EQ(r.out.interrupts_ns, 1099);
	ASSERT_EQ(r.out.known_ns, 1200);
	end(&r);
}

/* What a stay that is not known was cut by is not known either; a large figure keeps its parts. */
void test_slices_interrupts_unknown(void)
{
	struct ring r = {};

	ran(begin(&r), 9, 50, 1);
	ran_less(&r, 1, 100, 2, 10);
	ran_less(&r, 3, 200, 1, 150); /* that 3 came was not told */
	ran_less(&r, 1, 30, 4, 20);
	look(&r, 330);
	ASSERT_EQ(r.out.interrupts_ns, 30);
	ASSERT_EQ(r.out.known_ns, 130);
	is(&r, 0, 1, 100);
	begin(&r)->clock = 1ull << 50;
	ran(&r, 9, 50, 1);
	ran_less(&r, 1, 1ull << 40, 2, 1ull << 39);
	look(&r, 1ull << 38);
	ASSERT_EQ(r.out.interrupts_ns, 1ull << 37);
	ASSERT_EQ(r.out.known_ns, 1ull << 38);
	end(&r);
}

/* The low half of the count wraps. */
void test_slices_count(void)
{
	struct ring r = {};

	begin(&r);
	r.count = (1ull << 32) - 2;
	ran(&r, 9, 50, 1);
	ran(&r, 1, 100, 2);
	ran(&r, 2, 30, 1);
	look(&r, 130);
	ASSERT_EQ(r.out.v.n, 2);
	is(&r, 0, 1, 100);
	ASSERT_EQ(r.out.known_ns, 130);
	end(&r);
}
