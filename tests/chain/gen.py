#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Writes paths.c: functions in LEVELS levels, and for each number n a way of n frames through the
lowest n of them to a slow call. The same numbers come out each time.

A way is a string: the place in the next level of whom to call, and in the last level of the slow
call. A function meets many callers and calls many functions, each on a line of its own; some keep
large frames, some keep many values over their calls, some are inlined into all of their callers."""
import random
import sys

LEVELS, WIDTH = 40, 3
KINDS = ("SLEEP", "RAW_SLEEP", "READ")

HEAD = """/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Made by tests/chain/gen.py: ways of 1 to {levels} frames to a slow call. Not to be edited. */
#include "chain.h"

#include <unistd.h>

"""


def name(level, place):
    return f"l{level:02}_{'abc'[place]}"


def inlined(level, place):
    """Never two levels in a row with the same caller, so that they do not multiply without end."""
    return level % 4 in (1, 2) and place == level % 3


def body(rnd, kind):
    """Declarations, what comes before the call and what uses the result after it."""
    if kind == "frame":
        size = rnd.randrange(8, 300)
        return [f"volatile char pad[{size}];"], [f"pad[{rnd.randrange(size)}] = (char)c->sum;"], f"pad[{size // 2}]"
    if kind == "values":
        names = [f"v{i}" for i in range(rnd.randrange(2, 9))]
        return [f"long {', '.join(f'{n} = c->sum + {i}' for i, n in enumerate(names))};"], [], " ^ ".join(names)
    return [], [], "1"


def last(level, place, rnd):
    """The slow calls: each kind once in a function."""
    yield "\tswitch (*way) {"
    for i, kind in enumerate(KINDS[place:] + KINDS[:place]):
        yield f"\tcase '{'abc'[i]}':"
        if kind == "READ":
            yield "\t\tchain_fill(c);"
        yield f"\t\tr = {kind}(c);"
        if kind == "READ":
            yield "\t\tchain_filled(c);"
        yield "\t\tbreak;"
    yield "\t}"


def onward(level, place, rnd):
    yield "\tswitch (*way) {"
    for i in range(WIDTH):
        for _ in range(rnd.randrange(3)):
            yield ""
        yield f"\tcase '{'abc'[i]}':"
        yield f"\t\tr = AT(c, {name(level + 1, i)}(c, way + 1));"
        yield "\t\tbreak;"
    yield "\t}"


def function(rnd, level, place):
    inline = inlined(level, place)
    variables, before, use = body(rnd, rnd.choice(("frame", "values", "plain")))
    yield f"{'INLINED' if inline else 'static NOINLINE'} long {name(level, place)}(struct chain *c, const char *way)"
    yield "{"
    for v in variables:
        yield f"\t{v}"
    yield "\tlong r = 0;"
    yield ""
    yield f"\t{'ENTER_INLINED' if inline else 'ENTER'}(c);"
    for b in before:
        yield f"\t{b}"
    yield from (last if level == LEVELS - 1 else onward)(level, place, rnd)
    yield f"\tc->sum += {use};"
    yield "\treturn LEAVE(c, r + 1);"
    yield "}"
    yield ""


def ways(rnd, places):
    """The function that begins each way: its first frame is that of chain_path itself."""
    yield "long NOINLINE chain_path(struct chain *c, int number)"
    yield "{"
    yield "\tlong r = 0;"
    yield ""
    yield "\tENTER(c);"
    yield "\tswitch (number) {"
    for n in range(1, LEVELS + 1):
        way = "".join(rnd.choice("abc") for _ in range(n - 1)) + "abc"[n % 3]
        first = LEVELS - n
        yield f"\tcase {n}:"
        yield f"\t\tr = AT(c, {name(first, places[n - 1])}(c, \"{way}\"));"
        yield "\t\tbreak;"
    yield "\t}"
    yield "\treturn LEAVE(c, r + 1);"
    yield "}"


def main():
    rnd = random.Random(1)
    lines = []
    places = [rnd.randrange(WIDTH) for _ in range(LEVELS)]  # where each way begins
    for level in reversed(range(LEVELS)):
        for place in range(WIDTH) if level else places[-1:]:  # nobody calls the others of the highest
            lines += function(rnd, level, place)
    lines += ways(rnd, places)
    sys.stdout.write(HEAD.format(levels=LEVELS) + "\n".join(lines) + "\n")


main()
