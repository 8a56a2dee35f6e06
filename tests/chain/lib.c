/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The family's library: frames of another module between those of the program. */
#include "chain.h"

INLINED long in_between(struct chain *c, long (*fn)(struct chain *c, long x), long x)
{
	long r;

	ENTER_INLINED(c);
	r = AT(c, fn(c, x + 1));
	return LEAVE(c, r - x);
}

NOINLINE long lib_with_callback(struct chain *c, long (*fn)(struct chain *c, long x), long x)
{
	long r;

	ENTER(c);
	r = AT(c, in_between(c, fn, x));
	return LEAVE(c, r + 1);
}

/* Static, so that only the debug information knows its name. */
static NOINLINE long lib_hidden(struct chain *c, long (*fn)(struct chain *c, long x), int depth)
{
	volatile char pad[100];
	long r;

	ENTER(c);
	pad[depth] = 1;
	if (depth)
		r = AT(c, lib_hidden(c, fn, depth - 1));
	else
		r = AT(c, fn(c, 2));
	return LEAVE(c, r + pad[depth]);
}

NOINLINE long lib_deep(struct chain *c, long (*fn)(struct chain *c, long x))
{
	long r;

	ENTER(c);
	r = AT(c, lib_hidden(c, fn, 4));
	return LEAVE(c, r + 1);
}

/* The system call is its own: the program came here through its procedure linkage table. */
NOINLINE long lib_leaf(struct chain *c)
{
	long r;

	ENTER(c);
	r = RAW_SLEEP(c);
	return LEAVE(c, r + 1);
}
