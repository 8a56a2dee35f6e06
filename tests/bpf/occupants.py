#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Who had the CPU that a thread waited for: beside what the scheduler says that each of them ran in just
that time. The thread that waits reads it itself, whenever it runs: nobody else does then."""
import json
import os
import signal
import subprocess
import sys
import time

import live
from live import MS, Facts, check, same, test
from who import Cgroup

SLOW = 2 * MS
SECONDS = 4


# ---- the load: started by the tests below ---------------------------------------------------------


BURST, PAUSE = 8 * MS, 4 * MS  # of a real-time one


def spin(now_and_then):
    """Runs for ever; of a real-time policy in bursts, for until it sleeps no other comes."""
    while True:
        end = time.thread_time_ns() + BURST
        while not now_and_then or time.thread_time_ns() < end:
            pass
        time.sleep(PAUSE / live.S)


def spinner(name, cpu, nice, cgroup):
    """A process that only runs, on one CPU. nice: how much it is, or fifo."""
    pid = os.fork()
    if pid:
        return pid
    with open("/proc/self/comm", "w", encoding="ascii") as f:
        f.write(name)
    if cgroup:
        with open(cgroup, "w", encoding="ascii") as f:
            f.write(str(os.getpid()))
    os.sched_setaffinity(0, {cpu})
    if nice == "fifo":
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    else:
        os.nice(int(nice))
    spin(nice == "fifo")


def ran(fd):
    return int(os.pread(fd, 64, 0).split()[0])


def look(fds):
    """What each has run, and between which two moments it was read: none of them ran between these."""
    while True:
        begin = live.boot_ns()
        v = [ran(fd) for fd in fds]
        end = live.boot_ns()
        if end - begin < SLOW / 4:
            return begin, v, end


def watch(pids, yields):
    """Each time that it did not run for SLOW: when, and what each of these ran meanwhile."""
    fds = [os.open(f"/proc/{p}/schedstat", os.O_RDONLY) for p in pids]
    gaps, was = [], look(fds)
    end = was[2] + SECONDS * live.S
    while was[2] < end:
        if yields:
            os.sched_yield()
        now = look(fds)
        if now[0] - was[2] >= SLOW:
            gaps.append({"begin": was[2], "end": now[0], "ran": [b - a for a, b in zip(was[1], now[1])]})
        was = now
    return gaps


def pusher(pid):
    """Moves a thread from CPU to CPU, whether it waits or not."""
    child = os.fork()
    if child:
        return child
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    cpu = 0
    while True:
        time.sleep(0.005)
        cpu = 1 - cpu
        os.sched_setaffinity(pid, {cpu})


def load(cpu, *words):
    """words: of each spinner its name, its CPU, how nice it is or `fifo`, and its cgroup, "" where it is. Before them `move`: it is
    moved; `yield`: it gives the CPU away by itself."""
    cpu, children, how = int(cpu), [], words[0] if words[0] in ("move", "yield") else None
    with open("/proc/self/comm", "w", encoding="ascii") as f:
        f.write("the-waiter")
    words = words[how is not None:]
    try:
        for i in range(0, len(words), 4):
            children.append(spinner(words[i], int(words[i + 1]), words[i + 2], words[i + 3]))
        time.sleep(0.2)
        os.sched_setaffinity(0, {cpu})
        spinners = list(children)
        if how == "move":
            children.append(pusher(os.getpid()))
        gaps = watch(spinners, how == "yield")
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    print(json.dumps({"pid": os.getpid(), "spinners": spinners, "gaps": gaps}))


def run(*words, calls="off"):
    """hostlat's document, and the truth."""
    r = live.record([sys.executable, os.path.realpath(__file__), "--load", *map(str, words)],
                    opts=("--slow", f"{SLOW // MS}ms"), calls=calls)
    return r.doc, json.loads(r.out)


def waits(doc, truth):
    return [s for s in doc.slow(truth["pid"]) if s["time_ns"].get("runqueue", 0) >= SLOW]


def pairs(f, doc, truth):
    """Each wait with the time in which it was the only one."""
    rows, found = waits(doc, truth), []
    for g in truth["gaps"]:
        inside = [s for s in rows if g["begin"] - MS <= s["begin_ns"] and s["begin_ns"] + s["duration_ns"] <= g["end"] + MS]
        whole = [s for s in inside if s["duration_ns"] >= 0.97 * (g["end"] - g["begin"])]
        if len(whole) == 1:
            found.append((whole[0], g))
    f.check(len(found) >= 0.8 * len(truth["gaps"]) >= 20, f"{len(found)} of {len(truth['gaps'])} times off the CPU are one wait each")
    return found


def known(f, doc, rows):
    """Those of which all is known; no more others than there were switches that the kernel did not tell of."""
    whole = [s for s in rows if s.get("occupants_known_ns", 0) >= 0.98 * s["time_ns"]["runqueue"]]
    untold = doc.acct("waits")["lost_by"].get("unpaired", 0)
    f.check(len(rows) - len(whole) <= untold, f"{len(rows) - len(whole)} of {len(rows)} waits are not known whole, {untold} switches were not told of")
    return whole


def of(row, tid):
    return sum(o["ns"] for o in row.get("occupants", []) if o.get("tid") == tid)


def compare(doc, truth, names, cgroups):
    with Facts() as f:
        told = {p: [0, 0] for p in truth["spinners"]}
        else_ns = all_ns = 0
        off = []  # interrupts and a hypervisor take from a slice, which the scheduler does not count as run
        both = pairs(f, doc, truth)
        whole = [s["begin_ns"] for s in known(f, doc, [row for row, _ in both])]
        for row, g in both:
            if row["begin_ns"] not in whole:
                continue
            f.same(row["occupants_of_ns"], row["time_ns"]["runqueue"] + row["time_ns"].get("throttled", 0), "what it waited to run")
            for pid, name, cgroup, ns in zip(truth["spinners"], names, cgroups, g["ran"]):
                if abs(of(row, pid) - ns) > 0.05 * ns + MS / 5:
                    off.append((name, of(row, pid), ns))
                told[pid][0] += of(row, pid)
                told[pid][1] += ns
                for o in row["occupants"]:
                    if o.get("tid") == pid:
                        f.same((o["comm"], o["pid"], o.get("cgroup")), (name, pid, cgroup or o.get("cgroup")), "who that is")
                        f.near(o["share_pct"], 100 * o["ns"] / row["occupants_of_ns"], f"share of {name}", 0.1, 0)
            else_ns += sum(o["ns"] for o in row["occupants"] if o.get("tid") not in told)
            else_ns -= max(0, row["duration_ns"] - sum(g["ran"]))  # the machine is not only ours
            all_ns += row["occupants_of_ns"]
        f.check(len(off) <= max(1, 0.03 * len(whole)), f"{len(off)} of {len(whole)} waits are not as the scheduler says: {off[:3]}")
        for pid, name in zip(truth["spinners"], names):
            f.near(told[pid][0], told[pid][1], f"{name} in all", 5, 0)
        f.check(else_ns <= 0.05 * all_ns, f"others had {100 * else_ns / max(all_ns, 1):.1f} %")
        return [t[0] for t in told.values()]


@test("occupants: two that spin on the CPU, each in its cgroup, are named with what they had of every wait")
def two():
    with Cgroup("occupant-a") as a, Cgroup("occupant-b") as b:
        doc, truth = run(1, "spinner-a", 1, 0, a.procs, "spinner-b", 1, 0, b.procs)
        one, other = compare(doc, truth, ("spinner-a", "spinner-b"), (a.path, b.path))
    check(0.8 < one / other < 1.25, f"shares {one}:{other}")


@test("occupants: a nice one has less")
def nice():
    doc, truth = run(1, "spinner-a", 1, 0, "", "spinner-b", 1, 5, "")
    one, other = compare(doc, truth, ("spinner-a", "spinner-b"), ("", ""))
    check(one > 1.5 * other, f"shares {one}:{other}")


@test("occupants: one of a real-time policy is named with what it had, beside one of none")
def fifo():
    doc, truth = run(1, "spinner-fifo", 1, "fifo", "", "spinner-b", 1, 0, "")
    first, other = compare(doc, truth, ("spinner-fifo", "spinner-b"), ("", ""))
    check(first > other > 0, f"shares {first}:{other}")


@test("occupants: one of a real-time policy that is alone there has all of every wait")
def fifo_alone():
    doc, truth = run(1, "spinner-fifo", 1, "fifo", "")
    compare(doc, truth, ("spinner-fifo",), ("",))


@test("occupants: more than there is room for are told as one")
def many():
    names = [f"spinner-{i}" for i in range(12)]
    doc, truth = run(1, *(w for n in names for w in (n, 1, 0, "")))
    full = 0
    with Facts() as f:
        for row in known(f, doc, waits(doc, truth)):
            o = row["occupants"]
            f.check(len(o) <= 9, f"{len(o)} occupants")
            f.near(sum(x["ns"] for x in o) + row.get("occupants_interrupts_ns", 0), row["occupants_known_ns"], "all of them", 0, 0)
            f.check([x["ns"] for x in o[:8]] == sorted((x["ns"] for x in o[:8]), reverse=True), "who had most comes first")
            if len(o) == 9:
                full += 1
                f.same(o[8]["comm"], "(other)", "the rest")
                f.check(o[8]["threads"] >= 1 and "tid" not in o[8], "the rest")
        f.check(full > 0, "no wait had more than eight")


@test("occupants: of a thread that is moved while it waits, those of the queue that it came from are not made up")
def moved():
    check(os.cpu_count() > 1, "one CPU")
    doc, truth = run(0, "move", "spinner-a", 0, 0, "", "spinner-b", 0, 0, "", "spinner-c", 1, 0, "", "spinner-d", 1, 0, "")
    a, b, c, d = truth["spinners"]
    partly = 0
    with Facts() as f:
        rows = [s for s in waits(doc, truth) if "occupants" in s]
        f.check(len(rows) > 20, f"{len(rows)} waits with occupants")
        for row in rows:
            on = [of(row, a) + of(row, b) > 0, of(row, c) + of(row, d) > 0]
            f.check(on != [True, True], f"of both CPUs: {row['occupants']}")
            f.check(row["occupants_known_ns"] <= row["occupants_of_ns"], "more is known than there was")
            f.check(sum(o["share_pct"] for o in row["occupants"]) <= 100.1, "shares")
            partly += row["occupants_known_ns"] < 0.9 * row["occupants_of_ns"]
        f.check(partly > 5, f"{partly} of {len(rows)} waits were in two queues")


@test("occupants: a slow call has those of its longest wait for the CPU")
def call():
    doc, truth = run(1, "yield", "spinner-a", 1, 0, "", "spinner-b", 1, 0, "", calls="on")
    rows = [s for s in doc.slow(truth["pid"], kind="syscall") if s["time_ns"].get("runqueue", 0) >= SLOW]
    with Facts() as f:
        f.check(len(rows) > 0, "no slow call")
        named = [s for s in rows if of(s, truth["spinners"][0]) + of(s, truth["spinners"][1]) > 0]
        f.check(len(named) >= 0.9 * len(rows), f"{len(named)} of {len(rows)} slow calls name who had the CPU")
        for s in named:
            f.check(s["occupants_of_ns"] <= s["time_ns"]["runqueue"], "its wait is longer than all of them")


@test("occupants: live and replay say the same")
def replay():
    folder = live.folder()
    path, doc = os.path.join(folder, "x.hostlat"), os.path.join(folder, "x.json")
    cmd = [live.HOSTLAT, "record", "--calls=off", "--slow", "2ms", "-o", path, "--", sys.executable, os.path.realpath(__file__),
           "--load", "1", "spinner-a", "1", "0", ""]
    p = subprocess.run(cmd, capture_output=True, text=True, timeout=60)
    same(p.returncode, 0, f"status ({p.stderr[-300:]!r})")
    truth = json.loads(p.stdout)
    subprocess.run([live.HOSTLAT, "export", path, "--format", "json", "-o", doc], check=True, timeout=60)
    with open(doc, encoding="utf-8") as f:
        rows = waits(live.valid(live.Doc(json.load(f))), truth)
    named = [s for s in rows if of(s, truth["spinners"][0]) > 0]
    check(len(named) >= 0.9 * len(rows) > 10, f"{len(named)} of {len(rows)} waits in the recording name who had the CPU")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--load"]:
        load(*sys.argv[2:])
    else:
        live.main()
