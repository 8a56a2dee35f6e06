/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Sites whose frames are laid out in ways that unwinders get wrong. */
#include "sites.h"

#include <alloca.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the same function again and again ---------------------------------------- */

static NOINLINE long recurse(struct chain *c, int depth)
{
	long r;

	ENTER(c);
	if (depth > 1)
		r = AT(c, recurse(c, depth - 1));
	else
		r = SLEEP(c);
	return LEAVE(c, r + depth);
}

long site_recursive(struct chain *c)
{
	long r;

	ENTER(c);
	r = AT(c, recurse(c, 30));
	return LEAVE(c, r + 1);
}

/* ---- frames whose size is not known before they run ------------------------------ */

static NOINLINE long with_alloca(struct chain *c, size_t size)
{
	volatile char *p = alloca(size);
	long r;

	ENTER(c);
	p[size - 1] = 1;
	r = RAW_SLEEP(c);
	return LEAVE(c, r + p[size - 1]);
}

long site_alloca(struct chain *c)
{
	long r;

	ENTER(c);
	r = AT(c, with_alloca(c, 100 + ((size_t)c->site & 7)));
	return LEAVE(c, r + 1);
}

static NOINLINE long with_vla(struct chain *c, int depth)
{
	volatile int v[depth * 100];
	long r;

	ENTER(c);
	v[depth] = depth;
	if (depth > 1)
		r = AT(c, with_vla(c, depth - 1));
	else
		r = SLEEP(c);
	return LEAVE(c, r + v[depth]);
}

long site_vla(struct chain *c)
{
	long r;

	ENTER(c);
	r = AT(c, with_vla(c, 4));
	return LEAVE(c, r + 1);
}

/* Its stack is aligned anew: where the caller's frame is takes an expression to say. */
static NOINLINE long realigned(struct chain *c, int size)
{
	volatile char v[size + 1];
	volatile char wide[64] __attribute__((aligned(128)));
	long r;

	ENTER(c);
	wide[0] = v[size] = 1;
	r = SLEEP(c);
	return LEAVE(c, r + wide[0] + v[size]);
}

long site_realigned(struct chain *c)
{
	long r;

	ENTER(c);
	r = AT(c, realigned(c, 40 + (c->site & 3)));
	return LEAVE(c, r + 1);
}

/* ---- arguments that are pushed for the call and popped after it ------------------- */

static NOINLINE long ten(struct chain *c, long x, long d, long e, long g, long h, long i, long j, long k,
			 long l)
{
	long r;

	ENTER(c);
	r = RAW_SLEEP(c);
	return LEAVE(c, r + x + d + e + g + h + i + j + k + l);
}

long site_many_args(struct chain *c)
{
	long s = c->site, r;

	ENTER(c);
	r = AT(c, ten(c, s, s + 1, s + 2, s + 3, s + 4, s + 5, s + 6, s + 7, s + 8));
	return LEAVE(c, r + 1);
}

/* ---- code that is not where its function is ---------------------------------------- */

INLINED long innermost(struct chain *c, long x)
{
	long r;

	ENTER_INLINED(c);
	r = RAW_SLEEP(c);
	return LEAVE(c, r + x);
}

INLINED long middle(struct chain *c, long x)
{
	long r;

	ENTER_INLINED(c);
	x += c->site;
	r = AT(c, innermost(c, x));
	return LEAVE(c, r + 1);
}

long site_inlined_raw(struct chain *c)
{
	long r;

	ENTER(c);
	r = AT(c, middle(c, 7));
	return LEAVE(c, r + 1);
}

/* The way to the call is one that the compiler moves away, to a part of the function of its own. */
static NOINLINE __attribute__((cold)) long seldom(struct chain *c)
{
	long r;

	ENTER(c);
	r = SLEEP(c);
	return LEAVE(c, r + 1);
}

static NOINLINE long partly_cold(struct chain *c, volatile long *x)
{
	long r = *x;

	ENTER(c);
	if (__builtin_expect(*x != 0, 0))
		r += AT(c, seldom(c));
	return LEAVE(c, r + *x);
}

long site_cold(struct chain *c)
{
	volatile long x = c->site;
	long r;

	ENTER(c);
	r = AT(c, partly_cold(c, &x));
	return LEAVE(c, r + 1);
}

/* A copy is made of this one for what it is called with: its symbol has another name. */
static __attribute__((noinline)) long specialized(struct chain *c, int times, int more)
{
	long r = 0;

	ENTER(c);
	for (int i = 0; i < times; i++)
		r += c->sum + i;
	r += SLEEP(c);
	return LEAVE(c, r + more);
}

long site_constprop(struct chain *c)
{
	long r;

	ENTER(c);
	r = AT(c, specialized(c, 3, 4));
	return LEAVE(c, r + 1);
}

/* ---- calls that do not come back --------------------------------------------------- */

static jmp_buf back;

static NOINLINE __attribute__((noreturn)) void never_back(struct chain *c)
{
	long r;

	ENTER(c);
	r = SLEEP(c);
	c->sum += LEAVE(c, r);
	longjmp(back, 1);
}

/* Its last instruction is the call: the address that it would return to is the next function's. */
static NOINLINE __attribute__((noreturn)) void calls_last(struct chain *c)
{
	ENTER(c);
	AT(c, never_back(c));
}

static NOINLINE long behind_it(struct chain *c)
{
	return c->sum;
}

long site_noreturn(struct chain *c)
{
	ENTER(c);
	if (!setjmp(back))
		AT(c, calls_last(c));
	c->n--; /* of calls_last */
	return LEAVE(c, behind_it(c));
}

static NOINLINE void jumps(struct chain *c)
{
	c->sum++;
	longjmp(back, 1);
}

static NOINLINE long calls_jumps(struct chain *c)
{
	jumps(c);
	return c->sum;
}

long site_after_longjmp(struct chain *c)
{
	long r;

	ENTER(c);
	if (!setjmp(back))
		c->sum += calls_jumps(c);
	r = SLEEP(c);
	return LEAVE(c, r + 1);
}

/* ---- frames that a copy of the stack does not reach beyond --------------------------- */

static NOINLINE long big_caller(struct chain *c)
{
	volatile char big[24 << 10];
	long r;

	ENTER(c);
	big[0] = 1;
	c->least = 3 + 1; /* those of recurse, and the address in this function that they return to */
	r = AT(c, recurse(c, 3));
	return LEAVE(c, r + big[0]);
}

long site_big_frame(struct chain *c)
{
	long r;

	ENTER(c);
	r = AT(c, big_caller(c));
	return LEAVE(c, r + 1);
}

static NOINLINE long big_leaf(struct chain *c)
{
	volatile char big[24 << 10];
	long r;

	ENTER(c);
	big[0] = 1;
	c->least = 1;
	r = RAW_SLEEP(c);
	return LEAVE(c, r + big[0]);
}

long site_big_innermost(struct chain *c)
{
	long r;

	ENTER(c);
	r = AT(c, big_leaf(c));
	return LEAVE(c, r + 1);
}

/* ---- called back, called through pointers ---------------------------------------------- */

static struct chain *chain_of_sort;

static NOINLINE int compare(const void *a, const void *b)
{
	struct chain *c = chain_of_sort;
	long r;

	ENTER(c);
	r = SLEEP(c);
	return (int)LEAVE(c, r + *(const int *)a - *(const int *)b);
}

long site_qsort(struct chain *c)
{
	int v[2] = { 2, 1 };

	ENTER(c);
	chain_of_sort = c;
	AT(c, qsort(v, 2, sizeof(v[0]), compare));
	return LEAVE(c, v[0]);
}

typedef long (*chain_fn)(struct chain *c, long x);

static NOINLINE long by_pointer_2(struct chain *c, long x)
{
	long r;

	ENTER(c);
	chain_fill(c);
	r = READ(c);
	chain_filled(c);
	return LEAVE(c, r + x);
}

static NOINLINE long by_pointer_1(struct chain *c, long x)
{
	chain_fn volatile fn = by_pointer_2;
	long r;

	ENTER(c);
	r = AT(c, fn(c, x + 1));
	return LEAVE(c, r + x);
}

long site_pointers(struct chain *c)
{
	chain_fn volatile fn = by_pointer_1;
	long r;

	ENTER(c);
	r = AT(c, fn(c, 1));
	return LEAVE(c, r + 1);
}
