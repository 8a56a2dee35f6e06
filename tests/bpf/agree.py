#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What was seen live is what its recording tells: the documents are equal to the byte, over a
load in which everything happens: all states, calls of both kinds, processes that end within an
interval and take numbers again, hostile names, a ring and tables that are too small."""
import json
import os
import subprocess
import time

import live
from live import MS, Facts, check, same, test

MANY = ["--ring", "64K", "--slow", "50us", "--slots", "1024", "--cells", "600"]


def busy_load(d):
    """Programs for some four seconds."""
    modes = (
        ["mixed", "--seconds", 3, "--file", os.path.join(d, "file")],
        ["tiny", "--exec", "--each", 800],
        ["fork", "--each", 1500],
        ["restart", "--signals", 2, "--hold", 30, "--each", 20],
        ["hostile", "--each", 15, "--hold", 100, "--file", os.path.join(d, "hostile")],
        ["reuse", "--each", 200],
        ["texec", "--each", 10],
    )
    for words in modes:
        p = live.start("nice", "-n", 5, live.WORK, *words)
        yield p, words[0]


def under_load(words, d, extra=()):
    """hostlat with these words beside the load, from before it begins to its end. What it printed."""
    out = os.path.join(d, "out")
    with open(out, "w", encoding="utf-8") as f:
        p = live.start(live.HOSTLAT, *words, *extra, stdout=f)
        try:
            live.wait_for("hooks of hostlat", lambda: live.attached(p))
            loads = list(busy_load(d))
            for load, name in loads:
                _, err = live._finish(load, 60)
                same(load.returncode, 0, f"status of {name} ({err[-200:]!r})")
            time.sleep(0.3)
            p.send_signal(live.signal.SIGINT)
            _, err = live._finish(p, 60)
        finally:
            if p.poll() is None:
                os.killpg(p.pid, live.signal.SIGKILL)
                p.communicate(timeout=20)
    same(p.returncode, 0, f"status of hostlat ({err[-300:]!r})")
    with open(out, encoding="utf-8") as f:
        return f.read()


def replay(*words):
    p = subprocess.run([live.HOSTLAT, *words], capture_output=True, timeout=120)
    same((p.returncode, p.stderr), (0, b""), f"{words}")
    return p.stdout


def has_all(f, doc, calls=True):
    """It was a load worth comparing."""
    # by process: which of the loads ends last is chance, and ended threads leave with their interval
    seen = {s for p in doc.processes() for s, ns in p["time_ns"].items() if ns}
    f.check(len(seen & set(live.STATES)) >= 9, f"states: {sorted(seen)}")
    f.check(any(p.get("gone") for p in doc.processes()), "nobody ended")
    f.check(any("\\x1b" in json.dumps(p.get("comm", "")) or "\\u001b" in json.dumps(p) for p in doc.processes()),
            "no hostile name")
    f.check(len(doc["slow"]) > 20, f"{len(doc['slow'])} slow ones")
    f.check(bool(doc.ops(None, "syscall")) == calls, "system calls")
    f.check(any(o["count"] for o in doc.ops(None, "wait")), "waits")


def documents(*opts, may_lose=()):
    d = live.folder()
    rec, doc = os.path.join(d, "a.hostlat"), os.path.join(d, "a.json")
    under_load(["record", "-i", 0.4, "-o", rec, "--json", doc, *opts], d)
    same(subprocess.run(["cmp", "-s", doc, "/dev/stdin"], input=replay("report", "--json", rec), timeout=60).returncode, 0,
         "cmp of the document made live and the one of report")
    same(subprocess.run(["cmp", "-s", doc, "/dev/stdin"], input=replay("export", "--format", "json", rec), timeout=60).returncode,
         0, "cmp of the document made live and the one of export")
    with open(doc, encoding="utf-8") as f:
        return live.valid(live.Doc(json.load(f)), may_lose)


@test("agree: the document made live and the one made from the recording, over a load of everything")
def whole():
    with Facts() as f:
        has_all(f, documents("--calls=on"))


@test("agree: also with a ring, slots and cells that are too few")
def scarce():
    doc = documents("--calls=on", *MANY, may_lose=("slow", "waits", "threads"))
    with Facts() as f:
        has_all(f, doc)
        f.check(doc.acct("slow")["lost_by"].get("ring_full", 0) > 0, f"the ring was to lose: {doc.acct('slow')}")
        f.check(doc.count(0, "wait", "(other)") + doc.count(0, "syscall", "(other)") > 0, "no cell was missing")


@test("agree: each interval that top printed, and the same one of the recording")
def intervals():
    d = live.folder()
    rec = os.path.join(d, "a.hostlat")
    out = under_load(["top", "--json", "-i", 0.3, "--beside", rec], d).splitlines()
    again = replay("top", "-r", rec, "--json").decode("utf-8").splitlines()
    same(len(again), len(out), "intervals")
    check(len(out) >= 3, f"{len(out)} intervals")
    with Facts() as f:
        for i, (a, b) in enumerate(zip(out, again)):
            f.check(a == b, f"interval {i} of {len(out)} differs")
        has_all(f, live.valid(live.Doc(json.loads(out[-1]))), calls=False)


@test("agree: with filters, what is left out live is left out of the replay")
def filtered():
    docs = documents("-c", "work", "-x", "read,nanosleep,getppid")
    with Facts() as f:
        names = {o["name"] for o in docs.ops(None, "syscall")}
        f.check(names and names <= {"read", "nanosleep", "getppid"}, f"calls: {names}")
        f.same({p["comm"] for p in docs.processes()}, {"work"}, "processes")


if __name__ == "__main__":
    live.main()
