# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What a slow operation costs with its user stack and without: the CPU time that the program takes for
each, beside runs that nobody traces, and hostlat's own, children included. The load is slow.c."""
import json
import os
import random
import signal
import subprocess
import tempfile
import time

from basis import Missing, cpu_ns, median, print_table, span
from tracers import wait_attached

SECONDS = 4.0
# name, threads, ticks of 250 us between two bytes for one thread
LOADS = (("200 a second", 1, 20), ("4,000 a second", 4, 4))
SLOW = "--slow=500us"
# name, options; the first is the one that the others are compared with
HOW = (("calls, no stacks", ("--calls=on", "--stack-bytes=0")),
       ("calls, 16 KiB", ("--calls=on",)),
       ("calls, 64 KiB", ("--calls=on", "--stack-bytes=64K")),
       ("waits, no stacks", ("--calls=off", "--stack-bytes=0")),
       ("waits, 16 KiB", ("--calls=off",)))
RATE_LIMIT, BURST = 250, 32  # user stacks a second
PLAIN = "none (control)"


def run_load(bench, threads, ticks):
    argv = [os.path.join(bench.out, "slow"), str(SECONDS), str(threads), str(ticks), str(bench.load_cpu)]
    p = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    if p.returncode:
        raise Missing(f"slow: {p.stderr.strip() or p.returncode}")
    return json.loads(p.stdout)


def traced(bench, options, threads, ticks):
    """The load's result beside hostlat, and hostlat's document."""
    handle, path = tempfile.mkstemp(prefix="slow-", suffix=".json", dir=bench.out)
    os.close(handle)
    os.unlink(path)
    p = subprocess.Popen([bench.hostlat, "record", SLOW, *options, "-i", "1000", "-o", path], stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if not wait_attached(p):
            raise Missing("hostlat does not attach")
        begin = own_ns(p.pid)
        load = run_load(bench, threads, ticks)
        own = own_ns(p.pid) - begin
        p.send_signal(signal.SIGINT)
        p.wait(30)
        with open(path, encoding="utf-8") as f:
            return load, own, json.load(f)
    finally:
        if p.poll() is None:
            p.kill()
            p.wait()
        if os.path.exists(path):
            os.unlink(path)


def own_ns(pid):
    """CPU time of hostlat and its children's children, as the scheduler counts it."""
    total, todo = 0, [str(pid)]
    while todo:
        p = todo.pop()
        try:
            total += cpu_ns(p)
            for tid in os.listdir(f"/proc/{p}/task"):
                with open(f"/proc/{p}/task/{tid}/children", encoding="ascii") as f:
                    todo += f.read().split()
        except OSError:
            continue
    return total


def sample(bench, name, options, load):
    _, threads, ticks = load
    if options is None:
        got = run_load(bench, threads, ticks)
        bench.keep(load=load[0], how=name, **got)
        return {"ns": got["ns"], "events": got["events"]}
    got, own, doc = traced(bench, options, threads, ticks)
    rows = [s for s in doc["slow"] if s["pid"] == got["pid"]]
    acct = next((a for a in doc["capture"]["accounting"] if a["class"] == "user_stacks"), {})
    stacks = acct.get("seen", 0)
    slow = sum(o["count"] for o in doc["operations"] if o["pid"] == got["pid"] and o["name"] == "read")
    row = {"ns": got["ns"], "events": got["events"], "own_percent": own / SECONDS / 1e7, "stacks": 1e9 * stacks / doc["capture"]["duration_ns"],
           "lost": acct.get("lost", 0), "kept": len(rows), "counted": slow}
    bench.keep(load=load[0], how=name, lost_by=acct.get("lost_by"), **row)
    return row


def show(load, got):
    base = median([s["ns"] for s in got[PLAIN]])
    rows = []
    for name, v in got.items():
        if name == PLAIN:
            rows.append([name, len(v), f"{base / 1e3:.2f}", "-", "-", "-", "-", "-", ""])
            continue
        added = [(s["ns"] - base) / 1e3 for s in v]
        rows.append([name, len(v), f"{median([s['ns'] for s in v]) / 1e3:.2f}", f"{median(added):.2f}", span(added, 2),
                     f"{median([s['own_percent'] for s in v]):.2f}", f"{median([s['stacks'] for s in v]):.0f}",
                     sum(s["lost"] for s in v), ""])
    print(f"   {load[0]}:")
    print_table(["traced by", "n", "us each", "added us", "quartiles", "own CPU %", "stacks/s, whole host", "lost", ""], rows)


def slow(bench):
    bench.begin("CPU time of a slow operation (1 ms and 5 ms in a pipe), with its user stack and without")
    limits = []
    for load in LOADS:
        got = {name: [] for name, _ in ((PLAIN, None), *HOW)}
        for _ in range(bench.rounds(7, 3)):
            todo = [(PLAIN, None), *HOW]
            for name, options in random.sample(todo, len(todo)):
                got[name].append(sample(bench, name, options, load))
                time.sleep(0.3)
        show(load, got)
        most = max(s["stacks"] for name, _ in HOW for s in got[name])
        limits.append((f"{load[0]}: most user stacks a second", most, RATE_LIMIT + BURST / SECONDS, ""))
    bench.limits(limits)
