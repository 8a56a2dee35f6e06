#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Where in the kernel slow waits were: the stack that a thread left its CPU with comes along when
the wait is over, and time adds up by it."""
import fcntl
import json
import os
import re
import subprocess
import sys
import tempfile
import time

import live
from blocked import proc_stack
from live import MS, Facts, check, same, test

HOLD = 0.03
TIMES = 12
# Waits for a lock on a file, again and again, and says how long each took; then sleeps some times.
WAITER = f"""
import fcntl, sys, time
f = open(sys.argv[1])
took = []
for i in range({TIMES}):
    sys.stdin.readline()
    begin = time.monotonic_ns()
    fcntl.flock(f, fcntl.LOCK_EX)
    took.append(time.monotonic_ns() - begin)
    fcntl.flock(f, fcntl.LOCK_UN)
    print(took[-1], flush=True)
for i in range(5):
    time.sleep(0.02)
"""


def is_waiting(pid):
    with open(f"/proc/{pid}/stack", encoding="ascii") as f:
        return "flock" in f.read()


def waits(calls="off", *opts):
    """hostlat's document, the waiter's process, what it measured, and its stack as the kernel printed it."""
    with tempfile.NamedTemporaryFile(dir=live.folder()) as lock, live.Record(*opts, calls=calls) as h:
        p = subprocess.Popen([sys.executable, "-c", WAITER, lock.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        took, stacks = [], []
        for _ in range(TIMES):
            fcntl.flock(lock, fcntl.LOCK_EX)
            p.stdin.write("\n")
            p.stdin.flush()
            live.wait_for("a wait", lambda: is_waiting(p.pid))
            stacks.append(proc_stack(p.pid))
            time.sleep(HOLD)
            fcntl.flock(lock, fcntl.LOCK_UN)
            took.append(int(p.stdout.readline()))
        same(p.wait(10), 0, "status of the waiter")
        h.stop()
    check(all(s == stacks[0] for s in stacks), "its stack is not the same each time")
    return h, p.pid, took, stacks[0]


def frames(doc, number):
    got = [s for s in doc["stacks"] if s["id"] == number]
    same(len(got), 1, f"stacks with the number {number}")
    return [(x.get("function"), x.get("offset"), x.get("module")) for x in got[0]["frames"]]


def of_lock(doc, pid, kind="wait"):
    return [s for s in doc["slow"] if (s["pid"], s["kind"], s["name"]) == (pid, kind, "flock")]


@test("stacks: of a slow wait, frame for frame as the kernel prints it")
def whole():
    h, pid, took, stack = waits()
    with Facts() as f:
        rows = of_lock(h.doc, pid)
        f.same(len(rows), TIMES, "slow waits")
        f.same({r["state"] for r in rows}, {"lock"}, "states")
        for r in rows:
            f.same(frames(h.doc, r["kernel_stack"]), stack, "frames, beside /proc/PID/stack")
        # waits for work, and for a CPU, have none
        other = [s for s in h.doc["slow"] if s["kind"] == "wait" and not s["in_progress"] and
                 s["state"] in ("poll", "idle", "park", "sleep", "child", "runqueue", "cpu")]
        f.check(any(s["pid"] == pid for s in other), "it never slept")
        f.check(not any("kernel_stack" in s for s in other), "a wait for work has a stack")
        f.same(h.doc.acct("stacks")["lost"], 0, "lost stacks")


@test("stacks: the time of slow waits by stack is what the waiter measured")
def added():
    h, pid, took, stack = waits()
    rows = [r for r in h.doc["waits_by_stack"] if (r["pid"], r["name"]) == (pid, "flock")]
    with Facts() as f:
        # the program's stack may be known of some of them only
        f.check(1 <= len(rows) <= 2, f"{len(rows)} rows")
        f.same((sum(r["count"] for r in rows), {r["state"] for r in rows}), (TIMES, {"lock"}), "count and state")
        f.near(sum(r["total_ns"] for r in rows), sum(took), "total", 0.02, TIMES * MS)
        f.near(max(r["max_ns"] for r in rows), max(took), "the longest", 0.02, MS)
        f.same([frames(h.doc, r["kernel_stack"]) for r in rows], [stack] * len(rows), "frames")
        f.check(not [r for r in h.doc["waits_by_stack"] if r["state"] in ("sleep", "poll", "idle", "park", "child")], "waits for work")


@test("stacks: a slow call has that of its longest wait")
def calls():
    h, pid, _, stack = waits("on")
    with Facts() as f:
        rows = of_lock(h.doc, pid, "syscall")
        f.same(len(rows), TIMES, "slow calls")
        for r in rows:
            f.same(frames(h.doc, r["kernel_stack"]), stack, "frames")


@test("stacks: folded, for flame graphs")
def folded():
    with tempfile.NamedTemporaryFile(dir=live.folder()) as lock:
        rec = os.path.join(live.folder(), "a.hostlat")
        code = f"import fcntl\nfor i in range(3):\n f = open({lock.name!r}); fcntl.flock(f, fcntl.LOCK_EX)\n"
        fcntl.flock(lock, fcntl.LOCK_EX)
        p = live.start(live.HOSTLAT, "record", "-o", rec, "--", sys.executable, "-c", code)
        time.sleep(2)
        fcntl.flock(lock, fcntl.LOCK_UN)
        _, err = live._finish(p, 30)
        same(p.returncode, 0, f"status ({err[-300:]!r})")
    out = subprocess.run([live.HOSTLAT, "export", rec, "--format", "folded"], capture_output=True, text=True, check=True).stdout
    doc = live.Doc(json.loads(subprocess.run([live.HOSTLAT, "export", rec, "--format", "json"], capture_output=True,
                                             text=True, check=True).stdout))
    lines = [re.fullmatch(r"(\S+) (\d+)", line) for line in out.splitlines()]
    with Facts() as f:
        f.check(all(lines), f"lines: {out[:300]!r}")
        f.same(sorted(int(m[2]) for m in lines), sorted(r["total_ns"] // 1000 for r in doc["waits_by_stack"]), "times in us")
        mine = [m[1].split(";") for m in lines if ";lock;flock;" in m[1]]
        f.same(len(mine), 1, "lines of the lock")
        at = mine[0].index("lock")
        row = next(r for r in doc["waits_by_stack"] if r["name"] == "flock")
        names = [x[0] for x in frames(doc, row["kernel_stack"])]
        f.same(mine[0][at + 2:], names[::-1], "frames from the outermost")


if __name__ == "__main__":
    live.main()
