#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Who holds the lock that a thread waits for: of locks whose holders are known by construction
(tests/held/held.c), every wait names the right thread, or nobody where nothing says who."""
import json
import os
import subprocess
import time

import live
from live import MS, Facts, check, same, test

HELD = os.path.join(os.path.dirname(live.WORK), "held")
ROUNDS, HOLD = 12, 25
OWNED = {"normal": "owner", "recursive": "owner", "errorcheck": "owner", "adaptive": "owner", "shared": "owner",
         "robust": "word", "pi": "word", "word": "waker"}


def run(kind, *before, calls="off", rounds=ROUNDS):
    """hostlat's document of a run of `held`, and what that printed. before: words before the command."""
    folder = live.folder()
    path = os.path.join(folder, "held.json")
    if os.path.exists(path):
        os.unlink(path)
    cmd = [live.HOSTLAT, "record", "-o", path, f"--calls={calls}", "--", *before, HELD, kind, str(rounds), str(HOLD)]
    p = subprocess.run(cmd, capture_output=True, text=True, timeout=60)
    same(p.returncode, 0, f"status ({p.stderr[-300:]!r})")
    with open(path, encoding="utf-8") as f:
        return live.Doc(json.load(f)), json.loads(p.stdout)


def waits(doc, comm, kind="wait"):
    return [s for s in doc["slow"] if (s["kind"], s["comm"]) == (kind, comm) and "lock" in s["time_ns"]]


@test("locks: every slow wait for a mutex names its holder, and how that is known")
def holders():
    for kind, how in OWNED.items():
        doc, truth = run(kind)
        with Facts() as f:
            rows = waits(doc, "the-waiter")
            f.same(len(rows), ROUNDS, f"{kind}: slow waits")
            for r in rows:
                f.same(r.get("held_by"), {"comm": "the-holder", "tid": truth["holder"], "by": how,
                                          "pid": r["held_by"]["pid"] if kind == "shared" else truth["pid"]}, kind)
                f.same([h["tid"] for h in r["chain"]], [truth["holder"]], f"{kind}: chain")
                f.same(r["chain"][0].get("state"), "sleep", f"{kind}: what the holder did")
                f.check(0 < r["chain"][0]["for_ns"] <= r["duration_ns"], f"{kind}: for how long")
            # on a busy host a holder waits for a CPU too, but most of them sleep as long as the other one waits
            shares = sorted(r["chain"][0]["for_ns"] / r["duration_ns"] for r in rows)
            f.check(shares[len(shares) // 2] > 0.8, f"{kind}: the holder slept for {shares} of the waits")


@test("locks: condition variables, semaphores and read-write locks name nobody")
def ownerless():
    for kind in ("cond", "sem", "rwlock"):
        doc, truth = run(kind)
        with Facts() as f:
            rows = [s for s in doc["slow"] if s["tid"] == truth["waiter"] and s["name"] == "futex"]
            f.same(len(rows), ROUNDS, f"{kind}: slow waits")
            for r in rows:
                if r["state"] == "park":
                    f.check("held_by" not in r and "chain" not in r, f"{kind}: {r.get('held_by')}")
                else:
                    f.same(r["held_by"]["by"], "waker", kind)


@test("locks: waits lock by lock are exact, and their time is the holder's")
def table():
    doc, truth = run("normal")
    rows = [r for r in doc["locks"] if (r["pid"], r["addr"]) == (truth["pid"], truth["lock"])]
    with Facts() as f:
        f.same(len(rows), 1, "rows")
        r = rows[0]
        f.same(r["lock"], hex(truth["lock"]), "as text")
        f.same(r["count"], ROUNDS, "waits")
        f.same(sum(r["histogram"]["counts"]) + r["histogram"]["zero_count"], ROUNDS, "histogram")
        f.near(r["total_ns"], ROUNDS * HOLD * MS, "time", 10, ROUNDS * 2 * MS)
        op = [o for o in doc["operations"] if (o["pid"], o["name"], o.get("state")) == (truth["pid"], "futex", "lock")]
        mine = [o for o in doc["locks"] if o["pid"] == truth["pid"]]
        f.same((sum(o["count"] for o in mine), sum(o["total_ns"] for o in mine), max(o["max_ns"] for o in mine)),
               (op[0]["count"], op[0]["total_ns"], op[0]["max_ns"]), "all of them, beside the waits of the process")
        f.same((r["held_by"]["tid"], r["held_by"]["now"], r["waiters"]), (truth["holder"], False, 0), "holder")


@test("locks: a lock that is a variable is called by its name, others are not")
def named():
    doc, truth = run("named")
    with Facts() as f:
        rows = [r for r in doc["locks"] if (r["pid"], r["addr"]) == (truth["pid"], truth["named"])]
        f.same([(r["name"], r["lock"], r["count"]) for r in rows], [("cache_lock", f"cache_lock {truth['named']:#x}", ROUNDS)], "row")
        slow = waits(doc, "the-waiter")
        f.same({r["detail"].get("lock_name") for r in slow}, {"cache_lock"}, "of slow waits")
        f.same({r["detail"]["text"] for r in slow}, {f"cache_lock {truth['named']:#x}"}, "in words")
        f.same({r["held_by"]["by"] for r in slow}, {"owner"}, "holder")
    doc, truth = run("normal")
    same([r.get("name") for r in doc["locks"] if r["addr"] == truth["lock"]], [None], "name of a lock in memory that has none")


@test("locks: two locks at once, and a chain of three with what the root waited for")
def chain():
    for calls in ("off", "on"):
        doc, truth = run("chain", calls=calls)
        with Facts() as f:
            # the C library has locks of its own
            f.check({truth["lock"], truth["second"]} <= {r["addr"] for r in doc["locks"] if r["pid"] == truth["pid"]}, "locks")
            kinds = ("wait", "syscall") if calls == "on" else ("wait",)
            for kind in kinds:
                rows = waits(doc, "the-last", kind)
                f.same(len(rows), ROUNDS, f"{kind}: slow")
                for r in rows:
                    f.same([h["tid"] for h in r["chain"]], [truth["waiter"], truth["holder"]], f"{kind}: hops")
                    f.same([h.get("state") for h in r["chain"]], ["lock", "ipc"], f"{kind}: states")
                    f.check(r["chain"][1].get("on", "").startswith("pipe:"), f"{kind}: root on {r['chain'][1].get('on')}")
                    f.check("kernel_stack" in r["chain"][1], f"{kind}: the root has no stack")


@test("locks: in a pid namespace of its own the holder is the host's thread")
def namespaces():
    for kind in ("normal", "pi"):
        doc, truth = run(kind, "unshare", "--pid", "--fork", "--mount-proc")
        rows = waits(doc, "the-waiter")
        with Facts() as f:
            f.same(len(rows), ROUNDS, "slow waits")
            check(truth["holder"] < 20, "it is no namespace of its own")
            tids = {t["tid"] for t in doc["threads"] if t["comm"] == "the-holder"}
            f.same(len(tids), 1, "threads of that name")
            f.same({r["held_by"]["by"] for r in rows}, {OWNED[kind]}, f"{kind}: how they are known")
            f.same({r["held_by"]["tid"] for r in rows}, tids, f"{kind}: holders")


@test("locks: a number that is another thread's, or none, names nobody")
def numbers():
    alone = ("unshare", "--pid", "--fork", "--mount-proc")
    with Facts() as f:
        # the holder is thread 1 of its namespace, as the host's first process is of the host's
        for before in ((), alone):
            doc, _ = run("apart", *before)
            rows = waits(doc, "the-waiter")
            f.same(len(rows), ROUNDS, "apart: slow waits")
            f.same({(r["held_by"]["by"], r["held_by"]["comm"]) for r in rows}, {("waker", "the-holder")}, "apart")
        # one reader is not thread 1
        doc, _ = run("readers", *alone)
        rows = waits(doc, "the-waiter")
        f.same(len(rows), ROUNDS, "readers: slow waits")
        f.same({(r["held_by"]["by"], r["held_by"]["comm"]) for r in rows}, {("waker", "the-holder")}, "readers")


@test("locks: who sends a signal holds nothing")
def signalled():
    doc, truth = run("signal")
    rows = waits(doc, "the-waiter")
    same(len(rows), ROUNDS, "slow waits")
    same({(r.get("held_by") is None, r["woken_by"]["tid"]) for r in rows}, {(True, truth["holder"])}, "named, and woken by")


@test("locks: waiting for a thread's end is none, also where its number is 2")
def joined():
    doc, _ = run("join", "unshare", "--pid", "--fork", "--mount-proc")
    rows = [s for s in doc["slow"] if (s["kind"], s["comm"], s["name"]) == ("wait", "the-waiter", "futex")]
    same([s["state"] for s in rows], ["park"] * ROUNDS, "states")


@test("locks: while it lasts: holder, chain and deadlock of what was there before hostlat")
def blocked():
    p = live.start(HELD, "deadlock", "20", "200")
    try:
        time.sleep(1)
        out = subprocess.run([live.HOSTLAT, "top", "--batch", "--json", "-n", "2", "-i", "1", "--blocked", "500ms", "-p", str(p.pid)],
                             capture_output=True, text=True, timeout=30, check=True).stdout
        doc = json.loads(out.strip().splitlines()[-1])
        tids = {t["comm"]: t["tid"] for t in doc["threads"]}
        with Facts() as f:
            rows = {r["comm"]: r for r in doc["blocked"] if r["pid"] == p.pid}
            f.same(set(rows), {"dead-a", "dead-b"}, "blocked")
            for a, b in (("dead-a", "dead-b"), ("dead-b", "dead-a")):
                f.same(rows[a]["held_by"]["tid"], tids[b], f"holder of what {a} waits for")
                f.same([h["tid"] for h in rows[a]["chain"]], [tids[b], tids[a]], f"chain of {a}")
                f.check(rows[a]["lower_bound"], "it began before the capture")
                f.check(rows[a]["chain"][-1].get("deadlock"), "that is a deadlock")
                stack = next((s for s in doc["stacks"] if s["id"] == rows[a].get("user_stack")), {"frames": []})
                names = [x.get("function", "?") for x in stack["frames"]]
                f.check("dead" in names and any("mutex_lock" in n for n in names[:names.index("dead")]), f"where {a} waits: {names}")
            locks = [r for r in doc["locks"] if r["pid"] == p.pid]
            f.same(sorted(r["waiters"] for r in locks), [1, 1], "waiters")
            f.check(all(r["held_by"]["now"] for r in locks), "held now")
    finally:
        p.kill()
        p.wait()


if __name__ == "__main__":
    live.main()
