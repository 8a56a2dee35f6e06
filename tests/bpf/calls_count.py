#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Counts of the calls tier are exact, whatever the load, the ring, the filter; and every
call that was seen is delivered or lost, none unaccounted."""
import json
import os
import shutil
import time

import calls_util as u
import live
from counts import stopped
from live import Facts, MS, check, same, test


@test("calls: 8 threads that make a million calls each and exit at once")
def cheap():
    r = u.run("cheap --threads 8 --each 1000000", limit=150)
    with Facts() as f:
        u.same_calls(f, r, ["getppid"])
        f.same(r.truth.calls("getppid"), 8_000_000, "calls of the generator")


@test("calls: counts are exact with a ring that loses nearly all records")
def ring():
    r = live.work("cheap --threads 2 --each 500000", ["--ring", "16K", "--slow", "1ns"], "on", 120, may_lose=("slow",))
    with Facts() as f:
        u.law(f, r.doc)
        u.same_calls(f, r, ["getppid"])
        slow = r.doc.acct("slow")
        f.check(slow["seen"] >= 1_000_000, f"records: {slow['seen']}")
        f.check(slow["lost"] > slow["seen"] // 2, f"the ring was to lose most: {slow}")
        f.same(slow["lost_by"], {"ring_full": slow["lost"]}, "lost records")


@test("calls: percentiles and the longest are those of all calls, though the ring loses nearly all records")
def no_survivors():
    """Beside an instance that loses nothing: the same calls, in the same buckets."""
    with u.Waiting("pipe --threads 2 --each 150 --hold 2") as load:
        more = ("-p", load.pid)
        with live.Record("--ring", "16K", "--slow", "1ns", *more, calls="on", may_lose=("slow",)) as h, live.Record(*more, calls="on") as whole:
            with stopped(h.p):  # nobody empties the ring
                load.go()
                truth = load.end()
            h.stop(), whole.stop()
    kept, calls = len(h.doc.slow(truth.pids, "syscall")), h.doc.count(truth.pids, "syscall")
    check(h.doc.acct("slow")["lost_by"].get("ring_full", 0) > 0 and kept < calls // 4, f"the ring was to lose most: it kept {kept} of {calls}")
    made = sum(t["returned"].get("read", 0) for t in truth.threads if t["role"] != "main")
    with Facts() as f:
        for name, count in (("read", made), ("write", None), ("nanosleep", truth.calls("nanosleep"))):
            a, b = (d.ops(truth.pids, "syscall", name)[0] for d in (h.doc, whole.doc))
            f.same((a["count"], b["count"]), (count or b["count"],) * 2, f"calls of {name}")
            for key in ("p50_ns", "p90_ns", "p99_ns"):
                # what one instance costs the other sees; a bucket is 9 % wide
                f.near(a[key], b[key], f"{key} of {name}", 10, 20 * live.US)
            # an interrupt may come between the two that look at the same call
            f.near(a["max_ns"], b["max_ns"], f"max_ns of {name}", 10, 200 * live.US)


@test("calls: exact where threads' places collide")
def collide():
    r = live.work("collide --threads 6 --tid-base 21000 --tid-step 1024 --each 20 --hold 3", ["--slots", "1024"], "on")
    tids = {t["tid"] for t in r.truth.role("collider")}
    check(len(tids) == 6 and len({t % 1024 for t in tids}) == 1, f"numbers: {tids}")
    with Facts() as f:
        u.law(f, r.doc)
        for tid in tids:
            f.same(r.doc.count(tid, "syscall", "nanosleep"), 20, f"sleeps of {tid}")
        u.same_calls(f, r, ["nanosleep", "wait4"])


@test("calls: those that fail are counted, and counted as errors")
def fail():
    r = u.run("fail --each 20000 --threads 2")
    same(r.truth.calls("read", "errors_by"), 40000, "failed reads of the generator")
    with Facts() as f:
        u.same_calls(f, r, ["nanosleep", "getppid"])
        pids = r.truth.pids
        f.same(u.errors(r.doc, pids, "read"), 40000, "errors of read")
        f.check(u.longest(r.doc, pids, "getppid") < 200 * MS, "a good call that took a bad one's begin")


@test("calls: an exact count also without room for a row of each process")
def other_cells():
    with live.Record("--cells", 300, calls="on") as rec:
        with u.Waiting("tiny --each 400 --exec") as load:
            load.go()
            truth = load.end()
    doc = rec.doc
    with Facts() as f:
        u.law(f, doc)
        f.check(doc.count(None, "syscall", "(other)"), "there was room for all")  # those of who is gone are given anew
        f.same(truth.calls("clone"), 400, "children of the generator")


@test("calls: still accounted for when they are in progress at the end, wherever their thread is kept")
def in_progress():
    # a thread that is met before the iterator gave it a home has lost its first waits
    with live.Record("--slots", 1024, "-c", "work", calls="on", may_lose=("waits",)) as rec:
        with live.Load(live.WORK, "threads", "--threads", 1300, "--seconds", 60, ready="BLOCKED", limit=40):
            time.sleep(0.3)
            doc = rec.stop()
    with Facts() as f:
        u.law(f, doc)
        f.check(doc.acct("calls")["seen"] > 1300, "no calls were seen")


@test("calls: accounted for to the last one when the recording ends under load")
def ends_under_load():
    with live.Load(live.WORK, "preempt", "--threads", 4, "--each", 0, "--seconds", 50):
        for i in range(6):
            with live.Record("-c", "work", calls="on", seconds=0.3) as rec:
                pass
            with Facts() as f:
                u.law(f, rec.doc)
                f.check(rec.doc.acct("calls")["seen"] > 1000, "the load was not seen")


@test("calls: of a command from its first instruction on, with its children, and of nobody else")
def command():
    true = shutil.which("true")
    script = f"{true}; {true}; {true}; {true}; exit 0"
    with live.Load(live.WORK, "rate", "--rate", 20000, "--seconds", 30) as load:
        r = live.record(["/bin/sh", "-c", script], calls="on")
    with Facts() as f:
        u.law(f, r.doc)
        rows = [p for p in r.doc.processes() if p["comm"] == "true"]
        f.same(len(rows), 4, "processes")
        first = None
        for p in rows:
            mine = {o["name"]: o["count"] for o in r.doc.ops(p["pid"], "syscall") if o["start_ns"] == p["start_ns"]}
            f.same(mine.get("execve"), 1, "execve of each")
            f.check(mine.get("brk", 0) >= 1 and mine.get("arch_prctl", 0) >= 1, f"the loader's calls: {mine}")
            first = first or mine
            f.same(mine, first, "calls of the same program")
        f.same(r.doc.count(load.pid, "syscall"), 0, "calls of a stranger")


@test("calls: the command itself, which waited for hostlat, has none of that wait")
def command_itself():
    path = os.path.join(live.folder(), "x.json")
    p = live.start(live.HOSTLAT, "record", "--calls=on", "-o", path, "--", shutil.which("true"))
    _, err = live._finish(p, 30)
    same(p.returncode, 0, f"status ({err[-200:]!r})")
    with open(path, encoding="utf-8") as f:
        doc = live.valid(live.Doc(json.load(f)))
    with Facts() as f:
        u.law(f, doc)
        rows = doc.ops(None, "syscall")
        f.same(len({o["pid"] for o in rows}), 1, "processes")
        f.same(doc.count(None, "syscall", "execve"), 1, "execs")
        f.check(doc.count(None, "syscall", "brk") >= 1, "the loader's calls")


@test("calls: of a process that was there before (-p), with the children that it makes")
def by_pid():
    with u.Waiting("child --each 25 --hold 3") as load, u.Waiting("child --each 25 --hold 3") as other:
        with live.Record("-p", load.pid, calls="on") as rec:
            other.go()
            load.go()
            truth, strangers = load.end(), other.end()
    doc, r = rec.doc, live.Run()
    r.doc, r.truth = doc, truth
    with Facts() as f:
        u.law(f, doc)
        u.same_calls(f, r, ["clone", "wait4"], {truth.pid})
        children = {t["pid"] for t in truth.role("child")}
        f.same(doc.count(children, "syscall", "nanosleep"), 25, "sleeps of the children")
        f.same(u.counts(doc, strangers.pids), {}, "calls of strangers")


@test("calls: of processes with a name (-c), and of no others")
def by_comm():
    named = os.path.join(live.folder(), "workbench")
    shutil.copy(live.WORK, named)
    with u.Waiting("cheap --threads 2 --each 30000", named) as load, u.Waiting("cheap --each 30000") as other:
        with live.Record("-c", "workbench", calls="on") as rec:
            other.go()
            load.go()
            truth, strangers = load.end(), other.end()
    r = live.Run()
    r.doc, r.truth = rec.doc, truth
    with Facts() as f:
        u.law(f, r.doc)
        u.same_calls(f, r, ["getppid"])
        f.same(u.counts(r.doc, strangers.pids), {}, "calls of strangers")
        f.check(r.doc.acct("calls")["seen"] < 70000, f"strangers were looked at: {r.doc.acct('calls')}")


@test("calls: of a process that takes the name that is looked for (-c)")
def by_new_comm():
    code = ("import ctypes, os, sys, threading\n"
            "libc = ctypes.CDLL(None)\n"
            "go, done = threading.Event(), threading.Event()\n"
            "def later():\n"
            "    done.set(); go.wait()\n"
            "    for i in range(1000): libc.getppid()\n"
            "t = threading.Thread(target=later); t.start(); done.wait()\n"
            "print('READY', file=sys.stderr, flush=True)\n"
            "sys.stdin.readline()\n"
            "libc.prctl(15, b'renamed-one')\n"
            "go.set(); t.join()\n"
            "for i in range(500): libc.getppid()\n")
    with live.Load(live.sys.executable, "-c", code, ready="READY") as load:
        with live.Record("-c", "renamed-one", calls="on") as rec:
            load.say()
            load.end()
    with Facts() as f:
        u.law(f, rec.doc)
        f.same(rec.doc.count(load.pid, "syscall", "getppid"), 1500, "calls of getppid after the renaming")


@test("calls: of the processes in a cgroup (--cgroup)")
def by_cgroup():
    root = next((line.split()[1] for line in open("/proc/mounts") if line.split()[2] == "cgroup2"), None)
    path = f"/hostlat-calls-{os.getpid()}"
    try:
        os.mkdir(f"{root}{path}")
    except (OSError, TypeError) as e:
        live.lacks(f"no cgroup2 that we may write to: {e}")
    try:
        with u.Waiting("cheap --threads 2 --each 30000") as load, u.Waiting("cheap --each 30000") as other:
            with open(f"{root}{path}/cgroup.procs", "w") as f:
                f.write(str(load.pid))
            with live.Record("--cgroup", path, calls="on") as rec:
                other.go()
                load.go()
                truth, strangers = load.end(), other.end()
    finally:
        live.wait_for("empty cgroup", lambda: not open(f"{root}{path}/cgroup.procs").read())
        os.rmdir(f"{root}{path}")
    r = live.Run()
    r.doc, r.truth = rec.doc, truth
    with Facts() as f:
        u.law(f, r.doc)
        u.same_calls(f, r, ["getppid"])
        f.same(u.counts(r.doc, strangers.pids), {}, "calls of strangers")
        f.check(r.doc.acct("calls")["seen"] < 70000, f"strangers were looked at: {r.doc.acct('calls')}")


if __name__ == "__main__":
    live.main()
