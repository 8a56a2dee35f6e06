#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Results of functions: what debug information says of them, and what is shown without it."""
import json
import subprocess

import live
from live import check, same, test

SOURCE = """#include <stdbool.h>
#define F __attribute__((noinline, noclone, used))
#define BODY(v) __asm__ volatile("movq $-1, %%rax" ::: "rax", "memory"); return v
typedef short half; typedef const half chalf; enum e { A = -3, B };
F void nothing(void) { __asm__ volatile("movq $-1, %%rax" ::: "rax"); }
F double real(void) { __asm__ volatile("movq $-1, %%rax" ::: "rax"); return 1.5; }
F int minus(void) { BODY(-7); }
F unsigned big(void) { BODY(4000000000u); }
F chalf small(void) { BODY(-300); }
F unsigned char byte(void) { BODY(200); }
F bool yes(void) { BODY(true); }
F enum e name(void) { BODY(A); }
F long wide(void) { BODY(-5000000000); }
F char *text(void) { BODY((char *)0x123456789a); }
int main(void) { for (int i = 0; i < 3; i++) { nothing(); real(); minus(); big(); small(); byte(); yes(); name(); wide(); text(); } }
"""
WANT = {"nothing": None, "real": None, "minus": -7, "big": 4000000000, "small": -300, "byte": 200, "yes": 1, "name": -3,
        "wide": -5000000000, "text": 0x123456789a}


def results(path, *opts):
    p = live.start(live.HOSTLAT, "trace", "--json", *opts, *(f"{path}:{n}" for n in WANT), "--", path)
    out, err = live._finish(p, 60)
    same(p.returncode, 0, f"status, {err[-300:]!r}")
    calls = [json.loads(l) for l in out.splitlines() if l.startswith('{"time"')]
    got = {n: {c.get("result") for c in calls if c["function"] == n} for n in WANT}
    return got, {r["name"]: r["errors"] for r in json.loads(out.splitlines()[-1])["functions"]}


@test("results: as wide as the function's type, and none of what returns nothing; an error is a number with its sign")
def typed():
    path = f"{live.folder()}/typed"
    subprocess.run(["gcc", "-O1", "-g", "-x", "c", "-", "-o", path], input=SOURCE, text=True, check=True)
    got, errors = results(path, "--error", "ret<0")
    same(got, {n: {v} for n, v in WANT.items()}, "results")
    same({n for n, k in errors.items() if k}, {"minus", "small", "name", "wide"}, "those with errors")
    same({k for k in errors.values()}, {0, 3}, "errors")


@test("results: without debug information as the register has them")
def untyped():
    path = f"{live.folder()}/untyped"
    subprocess.run(["gcc", "-O1", "-x", "c", "-", "-o", path], input=SOURCE, text=True, check=True)
    got, errors = results(path)
    same(got["nothing"], {-1}, "of one that returns nothing")
    check({v & 0xffffffff for v in got["minus"]} == {0xfffffff9}, f"{got['minus']}")


if __name__ == "__main__":
    live.main()
