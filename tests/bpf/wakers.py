#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Where the thread was that ended a slow wait: of locks and pipes whose wakers are known by construction
(tests/held/held.c), its call, its stack in the kernel and its program's, down to the line."""
import json
import os
import re
import subprocess

import live
import locks
from live import Facts, check, same, test

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "held", "held.c")
WAKERS = {  # kind of lock: the waker's call, what it does in the kernel, the line from which, in which function
    "normal": ("futex", "futex_wake", "what->give();", "holder"),
    "pi": ("futex", "futex_unlock_pi", "what->give();", "holder"),
    "chain": ("write", "vfs_write", "say(pipes);", "wait_slowly"),
}


def line_of(text, function):
    """Of the source, in which a statement stands, in a function."""
    with open(SOURCE, encoding="utf-8") as f:
        lines = f.read().splitlines()
    begin = next(i for i, l in enumerate(lines) if re.match(r"^static .*\b%s\(" % function, l))
    return next(i for i in range(begin, len(lines)) if lines[i].strip() == text) + 1


def frames(doc, number):
    stack = next((s for s in doc["stacks"] if s["id"] == number), {"frames": []})
    return stack["frames"]


def woken(doc, truth, kind):
    """The slow waits that the one of whom it is known ended."""
    if kind == "chain":
        return [s for s in doc["slow"] if (s["kind"], s["name"], s["tid"]) == ("wait", "read", truth["holder"])]
    return [s for s in doc["slow"] if (s["kind"], s["name"], s["tid"]) == ("wait", "futex", truth["waiter"])]


@test("wakers: call, kernel stack and the line of the program from which a slow wait was ended")
def from_where():
    for kind, (call, kernel, text, function) in WAKERS.items():
        doc, truth = locks.run(kind)
        with Facts() as f:
            rows = woken(doc, truth, kind)
            f.same(len(rows), locks.ROUNDS, f"{kind}: slow waits")
            for r in rows:
                by = r["woken_by"]
                f.same(by.get("call"), call, f"{kind}: the waker's call")
                names = [x.get("function") for x in frames(doc, by.get("kernel_stack"))]
                f.check(kernel in names, f"{kind}: in the kernel {names}")
                f.check(not any(n and n.startswith(("bpf_", "__bpf", "__traceiter")) for n in names), f"{kind}: our own {names}")
                user = frames(doc, by.get("user_stack"))
                at = [(x.get("function"), x.get("line")) for x in user]
                f.check((function, line_of(text, function)) in at, f"{kind}: in the program {at}")


@test("wakers: of a call with several waits only the last one's")
def last_wait():
    """A call's woken_by is who ended its last wait; that of the slow one before it says nothing of that."""
    doc, truth = locks.run("normal", calls="on")
    with Facts() as f:
        rows = [s for s in doc["slow"] if (s["kind"], s["name"], s["tid"]) == ("syscall", "futex", truth["waiter"])]
        f.same(len(rows), locks.ROUNDS, "slow calls")
        waits = {s["time"]: s for s in woken(doc, truth, "normal")}
        f.same(len(waits), locks.ROUNDS, "slow waits")
        for r in rows:
            f.same(r["woken_by"]["tid"], truth["holder"], "waker")
            names = [x.get("function") for x in frames(doc, r["woken_by"].get("user_stack"))]
            f.check("holder" in names, f"in the program {names}")


@test("wakers: a kernel thread has a kernel stack, and nothing of a program")
def kernel_thread():
    folder = live.folder()
    path = os.path.join(folder, "wakers.json")
    if os.path.exists(path):
        os.unlink(path)
    # who syncs a journalling file system waits for its thread
    cmd = f"for i in 1 2 3 4 5 6 7 8; do dd if=/dev/zero of={folder}/big bs=1M count=24 conv=fsync status=none; done"
    p = subprocess.run([live.HOSTLAT, "record", "-o", path, "--slow=1ms", "--calls=off", "--", "sh", "-c", cmd],
                       capture_output=True, text=True, timeout=120)
    same(p.returncode, 0, f"status ({p.stderr[-300:]!r})")
    with open(path, encoding="utf-8") as f:
        doc = json.load(f)
    rows = [s["woken_by"] for s in doc["slow"] if s["comm"] == "dd" and "kernel_stack" in s.get("woken_by", {})]
    with Facts() as f:
        f.check(rows, "no wait of dd was ended by a thread")
        for by in rows:
            f.check("user_stack" not in by or "call" in by, f"a program's stack without a call: {by}")
            f.check("call" in by or by["comm"].startswith(("jbd2", "kworker", "ksoftirqd", "xfs", "btrfs")), f"no call: {by}")


@test("wakers: none of waits for work")
def none():
    doc, truth = locks.run("cond")
    with Facts() as f:
        rows = [s for s in doc["slow"] if s["tid"] == truth["waiter"] and s.get("state") == "park"]
        f.same(len(rows), locks.ROUNDS, "slow waits")
        f.check(not any("kernel_stack" in s["woken_by"] for s in rows), "a wait for work has the stack of its waker")


if __name__ == "__main__":
    live.main()
