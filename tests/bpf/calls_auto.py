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
    with live.Load(live.WORK, "block", "--threads", 40, "--seconds", 100, ready="BLOCKED") as load:
        with live.Record("-p", load.pid, calls="on") as rec:
            load.p.send_signal(live.signal.SIGINT)  # it ends in order
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


def loaded(seconds=120):
    return live.Load("nice", "-n", -10, live.WORK, "getppid", "--seconds", seconds)


class Tier:
    """Follows the calls tier of a running top."""

    def __init__(self, top):
        self.top, self.said = top, []

    def is_on(self, doc):
        state, why = u.collector(doc)
        if not self.said or self.said[-1] != (state, why):
            self.said.append((state, why))
        return state == "on"

    def comes(self, what, limit=35):
        """Three good looks, 10 s apart: begun anew by each in which others had the host, for as long as they had it."""
        for _ in range(5):
            try:
                return self.top.until(what, self.is_on, limit)
            except AssertionError:
                others = [why for _, why in self.said[-4:] if "(limit" in why]
                check(others, f"no {what}: {self.said[-4:]}")
                self.said.clear()
        raise AssertionError(f"others kept the host busy: {others}")

    def goes(self, what):
        return self.top.until(what, lambda d: not self.is_on(d), 8)


@test("calls: auto goes under load, says why, stays off as long, and comes back; no wait is lost")
def governor():
    with u.Waiting("sleep --threads 2 --each 0 --seconds 400 --hold 20") as sleeper, u.Top("-x", "nanosleep", calls="auto") as top:
        tier = Tier(top)
        sleeper.go()
        tier.comes("tier on a quiet host")
        first = top.until("calls", lambda d: d.ops(None, "syscall"), 5)
        with loaded() as load:
            why = u.collector(tier.goes("end of the tier"))[1]
            check(why.startswith("auto: switched off, cost ") and "% CPU (limit 2%)" in why, f"it says {why}")
            doc = top.until("a look under load", lambda d: u.collector(d)[1].startswith("auto: would cost "), 13)
            state, why = u.collector(doc)
            check(state == "off" and "% CPU (limit 2%)" in why, f"it says {state}: {why}")
            counted = doc.acct("calls")["delivered"]
            check(counted >= first.acct("calls")["delivered"] > 0, f"calls: {counted}")
            time.sleep(1.2)
            top.until("next picture", lambda d: True, 5)
            same(top.doc.acct("calls")["delivered"], counted, "calls while it is off")
        tier.comes("tier after the load")
        doc = top.until("calls again", lambda d: d.acct("calls")["delivered"] > counted, 5)
        sleeper.load.p.send_signal(live.signal.SIGINT)  # ends in order
        truth = sleeper.end()
        time.sleep(1.2)
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


@test("calls: text says that auto is off, and why")
def says():
    with loaded():
        p = live.start(live.HOSTLAT, "top", "--batch", "-n", 2, "-i", 2.5, "--rows", 1)
        out, err = live._finish(p, 60)
        same(p.returncode, 0, f"status ({err[-200:]!r})")
    lines = [x.split(None, 1)[1] for x in out.splitlines() if x.split()[:2] == ["off", "calls:"]]
    same(len(lines), 2, f"lines of what is off ({out[:600]!r})")
    check(lines[1].startswith("calls: auto: would cost ") and lines[1].endswith("% CPU (limit 2%)"), f"text says {lines}")


if __name__ == "__main__":
    live.main()
