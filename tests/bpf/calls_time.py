#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Where the time of a system call went: the breakdown, and slow calls whole, against the
clocks of the threads that made them."""
import calls_util as u
import live
from live import Facts, MS, check, same, test

# mode, call, state that it waits in, what a slow one is on
CASES = [
    ("sleep --threads 3 --each 12 --hold 15", "nanosleep", "sleep", ""),
    ("pipe --threads 2 --each 12 --hold 15", "read", "ipc", "pipe:["),
    ("eventfd --each 12 --hold 15", "read", "ipc", "eventfd"),
    ("flock --each 8 --hold 20", "flock", "lock", "/"),
    ("child --each 8 --hold 20", "wait4", "child", ""),
    ("poll1 --each 12 --hold 15", "poll", "network", "127.0.0.1:"),
    ("futex-park --threads 2 --each 12 --hold 15", "futex", "park", "0x"),
]


def whole(f, r, call, state, on):
    """Each call that the generator timed is a slow record with the same times."""
    slow, named = r.doc.slow(r.truth.pids, "syscall", call), 0
    timed = [s for s in r.truth.slow if s["call"] == call and s["state"] == state and s["duration_ns"] > 12 * MS]
    f.check(len(timed) >= 5, f"the generator timed {len(timed)} calls")
    for want in timed:
        s = u.match(slow, r.truth, want)
        f.near(s["duration_ns"], want["duration_ns"], f"duration of {call}", slack=2 * MS)
        f.same(sum(s["time_ns"].values()), s["duration_ns"], f"breakdown of {call}")
        f.near(s["time_ns"].get(state, 0) + s["time_ns"].get("runqueue", 0), want["duration_ns"], state, slack=2 * MS)
        f.check(s["result"] >= 0, f"result {s['result']}")
        f.check(not s["restarted"] and not s["lower_bound"] and not s["in_progress"], f"flags of {call}")
        named += on in str(s.get("detail", {}).get("text", ""))
    # what it was on is kept at its last switch-out: not known of one that was preempted after its wait
    f.check(named >= len(timed) * 0.7, f"{named} of {len(timed)} say what it was on: {slow[0].get('detail')}")


def one(mode, call, state, on):
    def body():
        r = u.run(mode + " --slow")
        with Facts() as f:
            for pid in {t["pid"] for t in r.truth.threads}:
                mine = [t for t in r.truth.threads if t["pid"] == pid and t["role"] != "main"]
                want = sum(s["duration_ns"] for s in r.truth.slow
                           if s["pid"] == pid and s["call"] == call and s["state"] == state)
                ops = r.doc.ops(pid, "syscall", call)
                if not want:
                    continue
                for o in ops:
                    f.same(sum(o["time_ns"].values()), o["total_ns"], f"breakdown of {call}")
                waited = sum(t["state_ns"].get(state, 0) for t in mine)
                got = sum(o["time_ns"].get(state, 0) for o in ops)
                f.near(got, waited, f"{state} of {call}", slack=2 * MS * len(mine))
                other = sum(o["time_ns"].get("other", 0) for o in ops)
                f.near(sum(o["total_ns"] for o in ops), want, f"all {call}", slack=2 * MS * len(mine))
                f.check(other < 2 * MS, f"other: {other / MS:.1f} ms of {call}")
            whole(f, r, call, state, on)

    test(f"calls: the time of {call} in {mode.split()[0]} is {state}, and slow ones are kept whole")(body)


for case in CASES:
    one(*case)


@test("calls: a slow call says how it failed, and one that never slept that nobody woke it")
def results():
    r = u.run("eintr --signals 2 --each 2 --hold 15 --slow")
    slow = r.doc.slow(r.truth.pids, "syscall", "read")
    with Facts() as f:
        f.check({s["result"] for s in slow} == {-4, 1} and len(slow) <= 6, f"results {[s['result'] for s in slow]}")
        for want in (s for s in r.truth.slow if s["call"] == "read" and s["duration_ns"] > 12 * MS):
            s = u.match(slow, r.truth, want)
            f.near(s["duration_ns"], want["duration_ns"], "an interrupted read", slack=2 * MS)
    r = live.work("cheap --threads 1 --each 3000", ["--slow", "1ns"], "on", may_lose=("slow",))
    rows = r.doc.slow(r.truth.pids, "syscall", "getppid")
    with Facts() as f:
        f.check(len(rows) > 1000, f"{len(rows)} records")
        woken = [s for s in rows if set(s["time_ns"]) == {"cpu"} and s.get("woken_by", {}).get("kind")]
        f.check(not woken, f"{len(woken)} of {len(rows)} calls were woken by somebody: {woken[:1]}")


@test("calls: histograms hold every call, and their ends are the shortest and the longest")
def histograms():
    r = u.run("pipe --threads 2 --each 200 --hold 1")
    o = r.doc.ops(r.truth.role("reader")[0]["pid"], "syscall", "read")[0]
    h = o["histogram"]
    with Facts() as f:
        f.same(sum(h["counts"]) + h["zero_count"], o["count"], "calls in the histogram")
        used = [i for i, n in enumerate(h["counts"]) if n]
        top = 2 ** ((h["offset"] + used[-1] + 1) / 2 ** h["scale"])
        f.check(top / 1.1 <= o["max_ns"] * 1.0001 and o["max_ns"] <= top * 1.0001,
                f"the longest, {o['max_ns']} ns, is not in the last bucket, up to {top:.0f}")
        f.check(o["p50_ns"] <= o["p90_ns"] <= o["p99_ns"] <= o["max_ns"] * 1.1, "order of the percentiles")


if __name__ == "__main__":
    live.main()
