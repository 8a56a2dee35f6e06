# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What the tests of the calls tier share: its document compared with the generator's counts.

The generator counts every call of a thread that it names, but for those that the C library
makes at a thread's start and end: tests name the calls that they compare."""
import json
import os
import time

import live
from live import MS, check, same


def counts(doc, pids=None):
    """Calls by name."""
    c = {}
    for o in doc.ops(pids, "syscall"):
        c[o["name"]] = c.get(o["name"], 0) + o["count"]
    return c


def errors(doc, pids, name):
    return sum(o["errors"] for o in doc.ops(pids, "syscall", name))


def longest(doc, pids, name):
    return max((o["max_ns"] for o in doc.ops(pids, "syscall", name)), default=0)


def may_skip(doc):
    """Kernels that run their plain hooks preemptible skip one while a preempted thread is inside of a
    bpf() call on a map. They count how often, and hostlat says so: those calls are lost by name."""
    return int(doc["host"]["kernel"].split(".")[0]) >= 7


# What the C library calls on arm64, where the kernel has none of that name.
INSTEAD = {"epoll_wait": "epoll_pwait", "poll": "ppoll", "vfork": "clone"}


def on_arm(doc):
    return doc["host"]["arch"] == "aarch64"


def here(doc, name):
    """The name of a call on the machine that the document is of."""
    return INSTEAD.get(name, name) if on_arm(doc) else name


def same_calls(f, r, names, pids=None):
    """The named calls: as many as returned, less what is said to be lost, and as many errors."""
    pids = pids or r.truth.pids
    lost = r.doc.acct("calls")["lost"] if may_skip(r.doc) else 0
    for name in (here(r.doc, n) for n in names):
        # older C libraries make threads by it where there is clone3, too
        threads = sum(t["tid"] != t["pid"] for t in r.truth.threads if t["pid"] in pids) if name == "clone" and on_arm(r.doc) else 0
        want = sum(t["returned"].get(name, 0) for t in r.truth.threads if t["pid"] in pids)
        bad = sum(t["errors_by"].get(name, 0) for t in r.truth.threads if t["pid"] in pids)
        f.check(want > 0, f"the generator made no {name}")
        got, failed = r.doc.count(pids, "syscall", name), errors(r.doc, pids, name)
        f.check(want - lost <= got <= want + threads, f"calls of {name}: {got}, made {want}, lost {lost}")
        f.check(bad - lost <= failed <= bad, f"errors of {name}: {failed}, made {bad}, lost {lost}")


def law(f, doc):
    """Every call that was entered and left is in a row of the document, and none is twice."""
    row = doc.acct("calls")
    f.same(row["unaccounted"], 0, "unaccounted calls")
    lost = dict(row["lost_by"])
    if may_skip(doc):
        skipped = lost.pop("recursion", 0)
        f.check(skipped <= row["seen"] / 1000, f"skipped: {skipped} of {row['seen']}")
    f.same(lost, {}, "lost calls")
    f.same(sum(o["count"] for o in doc.ops(None, "syscall")), row["delivered"], "calls of all rows")
    for o in doc.ops(None, "syscall"):
        f.check(o["name"] not in ("exit", "exit_group"), f"a latency of {o['name']}, which never returns")
        f.check(o["max_ns"] <= o["total_ns"], f"{o['name']}: the longest is longer than all")


def run(mode, opts=(), **more):
    """A mode under the calls tier, with the law checked."""
    r = live.work(mode, opts, calls="on", **more)
    with live.Facts() as f:
        law(f, r.doc)
    return r


def collector(doc, name="calls"):
    rows = [c for c in doc["capture"]["collectors"] if c["name"] == name]
    same(len(rows), 1, f"collectors named {name}")
    return rows[0]["state"], rows[0].get("reason", "")


class Waiting:
    """A mode of the generator that exists but has not begun; truth after .go()."""

    def __init__(self, mode, program=live.WORK):
        self.path = os.path.join(live.folder(), "g.json")
        words = [program, *mode.split(), "--wait", "--json", self.path]
        self.load = live.Load(*words, ready="READY")
        self.pid = self.load.pid

    def go(self):
        self.load.say()

    def end(self, limit=30):
        self.load.end(limit)
        with open(self.path, encoding="utf-8") as f:
            return live.Truth(json.load(f))

    def __enter__(self):
        self.load.__enter__()
        return self

    def __exit__(self, *a):
        self.load.__exit__(*a)


class Top:
    """`hostlat top --batch --json`, read while it runs: .doc is the newest interval's that was read."""

    def __init__(self, *opts, calls, interval=1):
        words = [live.HOSTLAT, "top", "--batch", "--json", f"--calls={calls}", "-n", 100000, "-i", interval, *opts]
        self.out = os.path.join(live.folder(), "lines")
        self.f = open(self.out, "w", encoding="utf-8")
        self.p = live.start(*words, stdout=self.f)
        self.at, self.doc = 0, None

    def read(self):
        """Whether there is a newer document, and that."""
        with open(self.out, "rb") as f:
            f.seek(self.at)
            text = f.read()
        text = text[:text.rfind(b"\n") + 1]
        self.at += len(text)
        if text:
            self.doc = live.Doc(json.loads(text.splitlines()[-1]))
        return bool(text)

    def until(self, what, condition, limit):
        """The first document of which the condition is true."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            check(self.p.poll() is None, f"top ended with {self.p.returncode}")
            if self.read() and condition(self.doc):
                return self.doc
            time.sleep(0.1)
        last = collector(self.doc) if self.doc else None
        raise AssertionError(f"in {limit} s there was no {what}; the calls tier is {last}")

    def stop(self):
        """The last document, valid."""
        self.p.send_signal(live.signal.SIGINT)
        _, err = live._finish(self.p, 20)
        same(self.p.returncode, 0, f"status of top ({err[-300:]!r})")
        self.read()
        return live.valid(self.doc)

    def __enter__(self):
        live.wait_for("hooks of hostlat", lambda: live.attached(self.p))
        return self

    def __exit__(self, *_):
        if self.p.poll() is None:
            os.killpg(self.p.pid, live.signal.SIGKILL)
            self.p.communicate(timeout=20)
        self.f.close()


def match(slow, truth, want):
    """The slow record of a call that the generator timed itself."""
    rows = [
        s for s in slow
        if s["tid"] == want["tid"] and s["name"] == want["call"] and abs(s["begin_ns"] - want["begin_ns"]) < 2 * MS
    ]
    check(len(rows) == 1, f"{len(rows)} records of the {want['call']} of {want['duration_ns'] / MS:.1f} ms")
    return rows[0]
