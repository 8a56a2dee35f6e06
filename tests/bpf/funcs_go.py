#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Functions of Go programs (tests/func/goes.go): where the time of a call went is told as long as its goroutine had
the thread for itself, and of no other; goroutines that died in one leave their place to others."""
import atexit
import functools
import json
import os
import shutil
import subprocess
import tempfile

import exchanges
import live
from live import US, Facts, check, same, test

SOURCE = os.path.join(os.path.dirname(live.WORK), "func", "goes.go")
SOURCE = SOURCE if os.path.exists(SOURCE) else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "func", "goes.go")
RUNS = ("spins", "raw", "calls", "parks", "perhaps")


@functools.lru_cache(maxsize=None)
def program():
    folder = tempfile.mkdtemp(prefix="hostlat-go-")
    atexit.register(shutil.rmtree, folder)
    exchanges.program("go")
    subprocess.run(["go", "build", "-o", f"{folder}/goes", os.path.abspath(SOURCE)], check=True, timeout=180, cwd=folder,
                   env={**os.environ, "HOME": folder, "GOFLAGS": "-mod=mod", "GO111MODULE": "off"})
    return f"{folder}/goes"


def trace(names, *words, env=None, opts=()):
    """The calls, the functions by name, the document, and what the program says of them."""
    specs = [f"{program()}:main.{n}" for n in names]
    p = live.start(live.HOSTLAT, "trace", "--json", *opts, *specs, "--", program(), *words, env={**os.environ, **(env or {})})
    out, err = live._finish(p, 90)
    same(p.returncode, 0, f"status, {err[-300:]!r}")
    lines = [json.loads(l) for l in out.splitlines()]
    doc = live.Doc(lines[-1])
    live.valid(doc, may_lose=("functions", "user_stacks", "slow", "waits", "stacks"))
    rows = {r["name"].split(".")[1]: r for r in doc["functions"]}
    return [c for c in lines if "function" in c and "duration_ns" in c], rows, doc, [l for l in lines if "spins" in l][0]


def of(calls, name):
    return [c for c in calls if c["function"] == f"main.{name}"]


def states(calls, *names):
    return sum(c["time_ns"].get(n, 0) for c in calls for n in names)


def check_calls(f, calls, rows, truth, count):
    for name in RUNS:
        r, mine = rows[name], of(calls, name)
        known = [c for c in mine if "time_ns" in c]
        f.same((r["entered"], r["count"], len(mine)), (count,) * 3, f"{name}: calls")
        # a thread may lose its CPU between the two looks at the clock
        off = [(c["duration_ns"], t) for c, t in zip(mine, truth[name]["ns"]) if abs(c["duration_ns"] - t) > max(0.05 * t, 50 * US)]
        f.check(len(off) <= count / 4, f"{name}: times {off}")
        f.same((r["with_breakdown"], r["no_breakdown"]), (len(known), count - len(known)), f"{name}: calls with and without states")
        f.same(sum(r["time_ns"].values()) + r["no_breakdown_ns"], r["total_ns"], f"{name}: the states, and the time of calls without")
        for c in known:
            f.same(sum(c["time_ns"].values()), c["duration_ns"], f"{name}: the states of a call")
    f.same([c for c in calls if c["result"] == 1 and "time_ns" in c], [], "calls that left their thread, and have states")


@test("Go: where the time of a call went is told if it kept its thread, and of none that left it")
def breakdown():
    for procs, least in ((2, 0.6), (1, 0.3)):
        count, us = 36, 2000
        calls, rows, doc, truth = trace(RUNS, "all", count, us, env={"GOMAXPROCS": str(procs)})
        with Facts() as f:
            check_calls(f, calls, rows, truth, count)
            same(doc.acct("functions")["lost"], 0, "lost")
            spins, raw, inside, still = ([c for c in of(calls, n) if "time_ns" in c] for n in ("spins", "raw", "calls", "perhaps"))
            # another goroutine's sleep on that thread would be seen in these
            for name, some in (("spins", spins), ("perhaps", still)):
                f.same(states(some, "cpu", "runqueue", "kernel"), sum(c["duration_ns"] for c in some), f"{name} with {procs}: computing")
            for name, some in (("raw", raw), ("calls", inside)):
                # the runtime's signals end a sleep early, and in line for a CPU it is not asleep
                f.check(states(some, "sleep", "runqueue") >= len(some) * us * US and states(some, "sleep") >= len(some) * us * US / 2,
                        f"{name} with {procs}: {states(some, 'sleep')} asleep in {len(some)}, {truth[name]}")
                f.check(states(some, "sleep", "runqueue", "kernel") >= 0.95 * sum(c["duration_ns"] for c in some), f"{name} with {procs}: all of it")
            for name, some in (("spins", spins), ("raw", raw), ("calls", inside)):
                f.check(len(some) >= least * count, f"{name} with {procs}: of {len(some)} known")
            f.check(len(still) >= least * count / 3, f"perhaps with {procs}: of {len(still)} known")


@test("Go: goroutines that died in a function leave their place to others; what has none is told as lost")
def leaves():
    room, each, runs = 1024, 500, 4
    spec = f"{program()}:main.stuck"
    path = f"{live.folder()}/x.json"
    rec = live.start(live.HOSTLAT, "record", *live.ONE, "-u", spec, "-u", f"{program()}:main.raw", "-o", path, "--", "/bin/sh", "-c",
                     f"for i in {' '.join(map(str, range(runs)))}; do {program()} leaves {each} 0; done; {program()} all 36 100; "
                     f"{program()} leaves {room + each} 0; {program()} all 36 100 >/dev/null")
    out, err = live._finish(rec, 90)
    check(os.path.exists(path), f"{err[-400:]!r}")
    with open(path, encoding="utf-8") as f:
        doc = live.Doc(json.load(f))
    stuck = sorted((r["entered"], r["count"], r["abandoned"]) for r in doc["functions"] if r["name"] == "main.stuck")
    raw = [(r["entered"], r["count"], r["abandoned"]) for r in doc["functions"] if r["name"] == "main.raw"]
    with Facts() as f:
        f.same(stuck, [(each, 0, each)] * runs + [(room, 0, room)], "calls of those that died")
        f.same(raw, [(36, 36, 0)] * 2, f"calls of those that came after, {err[-300:]!r}")
        f.same(doc.acct("functions")["lost_by"], {"map_full": each}, "lost by cause")
        f.same(doc.acct("functions")["unaccounted"], 0, "unaccounted")


if __name__ == "__main__":
    live.main()
