#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The calls tier comes and goes at run time: what was in progress when it came has no
latency, no wait is lost when it goes, and `auto` knows when it may be on."""
import time

import calls_util as u
import live
from live import Facts, MS, S, check, same, test


@test("calls: those that were in progress when the tier came return without a latency")
def attach_window():
    with live.Load(live.WORK, "block", "--threads", 40, "--seconds", 3, ready="BLOCKED") as load:
        with live.Record("-p", load.pid, calls="on") as rec:
            load.end()
    doc = rec.doc
    with Facts() as f:
        u.law(f, doc)
        f.check(u.counts(doc, load.pid), "the load was not seen at all")
        for name in ("read", "epoll_wait", "nanosleep"):
            f.same(doc.count(load.pid, "syscall", name), 0, f"calls of {name}")
        f.same(doc.count(load.pid, "syscall", "flock"), 1, "calls of flock: what sets the others free")
        for o in doc.ops(load.pid, "syscall"):
            if o["name"] != "ppoll":  # the main thread's pause, begun anew meanwhile
                f.check(o["max_ns"] < 1 * S, f"{o['name']} of {o['max_ns'] / MS:.0f} ms")
        waits = doc.ops(load.pid, "wait")
        f.check(sum(o["count"] for o in waits if o["name"] == "read") >= 8, "their waits are told")


@test("calls: off unless asked for, and then it says so")
def off():
    r = live.work("cheap --threads 2 --each 20000", calls="off")
    with Facts() as f:
        f.same(r.doc.ops(None, "syscall"), [], "calls")
        f.same(u.collector(r.doc)[0], "off", "the collector")
        f.check(u.collector(r.doc)[1], "it does not say why")
        f.same(r.doc.acct("calls")["seen"], 0, "seen calls")


@test("calls: auto is on for a command, and exact")
def auto_target():
    r = live.work("cheap --threads 2 --each 50000", calls=None)
    with Facts() as f:
        u.law(f, r.doc)
        u.same_calls(f, r, ["getppid"])
        f.same(u.collector(r.doc), ("on", "of the target"), "the collector")


@test("calls: two instances see the same calls, and neither disturbs the other")
def two():
    with live.Record("-c", "work", calls="on") as other:
        r = u.run("cheap --threads 2 --each 200000")
    with Facts() as f:
        u.law(f, other.doc)
        u.same_calls(f, r, ["getppid"])
        f.same(other.doc.count(r.truth.pids, "syscall", "getppid"), 400000, "calls in the other instance")


@test("calls: auto stays off under load and says why, comes on after it, goes when it is back; no wait is lost")
def governor():
    """Looks are 2 s after the start, then every 10 s; three good ones bring the tier."""
    loads = 0

    def loaded():
        return live.Load("nice", "-n", -10, live.WORK, "getppid", "--seconds", 60)

    busy = []  # the host is, by others

    def is_on(doc):
        state, why = u.collector(doc)
        busy.extend([why] if loads == 1 and "(limit" in why else [])
        return state == "on"

    with u.Waiting("sleep --threads 2 --each 0 --seconds 36 --hold 20") as sleeper, u.Top("-x", "nanosleep", calls="auto") as top:
        sleeper.go()
        with loaded():
            doc = top.until("word that the host is busy", lambda d: "(limit" in u.collector(d)[1], 12)
            state, why = u.collector(doc)
            check(state == "off" and "% CPU (limit 2%)" in why, f"it says {state}: {why}")
            check(not doc.ops(None, "syscall"), "calls were counted")
        first_look = u.collector(doc)[1]
        top.until("look without the load", lambda d: u.collector(d)[1] != first_look, 13)
        loads = 1
        try:
            top.until("tier after the load", is_on, 32)
        except AssertionError:
            if busy:
                live.lacks(f"a host with few calls: {busy[-1]}")
            raise
        loads = 2
        top.until("calls", lambda d: d.ops(None, "syscall"), 5)
        with loaded():
            doc = top.until("end of the tier", lambda d: not is_on(d), 8)
            why = u.collector(doc)[1]
            check(why.startswith("auto: switched off, cost "), f"it says {why}")
        truth = sleeper.end()
        doc = top.stop()
    made = truth.calls("nanosleep")
    with Facts() as f:
        f.check(made > 1500, f"the sleepers made {made} calls")
        got = doc.count(truth.pids, "wait", "nanosleep", "sleep")
        # some kernels tell no tracepoint of some switches: that is told
        untold = doc.acct("waits")["lost_by"].get("unpaired", 0)
        f.check(made - min(untold, made // 200) <= got <= made, f"waits of the sleepers: {got} of {made}, {untold} untold")
        f.same(doc.acct("calls")["unaccounted"], 0, "unaccounted calls")
        f.same(doc.acct("calls")["lost_by"], {}, "lost calls")
        f.check(doc.acct("calls")["delivered"] > 0, "no calls were delivered")


if __name__ == "__main__":
    live.main()
