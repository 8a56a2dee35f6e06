#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""CPU quotas of cgroups: beside cpu.stat, as the test reads it itself."""
import os
import subprocess
import sys
import time

import live
from live import MS, S, Facts, same, test
from states import cpu_root

PERIOD = 100 * MS


class Cgroup:
    """One of this test's own, with its quota in CPUs; `below` another one. .path as hostlat shows it."""

    def __init__(self, name, quota=None, below=None, period=PERIOD):
        self.root = cpu_root()
        self.path = f"{below.path if below else ''}/hostlat-{name}-{os.getpid()}"
        self.dir, self.quota, self.period = self.root + self.path, quota, period
        self.enter = ["/bin/sh", "-c", f'echo $$ >{self.dir}/cgroup.procs && exec "$@"', "sh"]

    def make(self):
        if not os.path.isdir(self.root):
            live.lacks(f"no {self.root}")
        if not self.root.endswith("/cpu"):  # version 2: what is below must be allowed the controller
            with open(os.path.dirname(self.dir) + "/cgroup.subtree_control", "w", encoding="ascii") as f:
                f.write("+cpu")
        os.mkdir(self.dir)
        if self.quota:
            self.limit(self.quota)

    def limit(self, cpus):
        us, period = round(cpus * self.period / 1000), self.period // 1000
        if self.has("cpu.max"):
            self.write("cpu.max", f"{us} {period}")
        elif self.has("cpu.cfs_quota_us"):
            self.write("cpu.cfs_period_us", period)
            self.write("cpu.cfs_quota_us", us)
        else:
            live.lacks("no CPU quota")

    def remove(self):
        live.wait_for("end of the cgroup's processes", lambda: not self.read("cgroup.procs"))
        os.rmdir(self.dir)

    def __enter__(self):
        self.make()
        return self

    def __exit__(self, *_):
        if os.path.isdir(self.dir):
            self.remove()

    def has(self, name):
        return os.path.exists(f"{self.dir}/{name}")

    def read(self, name):
        with open(f"{self.dir}/{name}", encoding="ascii") as f:
            return f.read().strip()

    def write(self, name, value):
        with open(f"{self.dir}/{name}", "w", encoding="ascii") as f:
            f.write(str(value))

    def stat(self):
        """Periods, of these throttled, and for how long."""
        v = {k: int(n) for k, n in (line.split() for line in self.read("cpu.stat").splitlines())}
        return v["nr_periods"], v["nr_throttled"], v.get("throttled_time", v.get("throttled_usec", 0) * 1000)


SPIN = """
import os, signal, sys, time
until = time.monotonic() + float(sys.argv[1])
for cpu in sys.argv[2:]:
    if os.fork() == 0:
        os.sched_setaffinity(0, {int(cpu)})
        open("/proc/self/comm", "w").write("spinner")
        while time.monotonic() < until:
            pass
        os._exit(0)
for _ in sys.argv[2:]:
    os.wait()
"""


def spin(cpus, seconds, enter=()):
    """A thread on each of these CPUs that only runs, each a process of its own, all in the cgroup."""
    return [*enter, sys.executable, "-c", SPIN, str(seconds), *map(str, cpus)]


def row(doc, c):
    rows = [r for r in doc["cgroups"] if r["path"] == c.path]
    same(len(rows), 1, f"rows of {c.path} ({[r['path'] for r in doc['cgroups']]})")
    return rows[0]


def slow_of(doc, c):
    """Slow waits of the load that were throttled."""
    return [s for s in doc["slow"] if s["comm"] == "spinner" and s["time_ns"].get("throttled", 0) >= 10 * MS]


def as_the_kernel_says(f, r, stat, quota, period=PERIOD, sums=True):
    f.near(r["quota_cpus"] * S, quota * S, "quota", 0.01, 0)
    f.same(r["period_ns"], period, "period")
    f.check(stat[1] > 5, f"it was throttled in {stat[1]} periods only")
    # the kernel goes on counting some after the last thread has ended
    f.check(-5 <= r["periods"] - stat[0] <= 1 or abs(r["periods"] - stat[0]) <= 0.05 * stat[0], f"periods {r['periods']}, {stat[0]} by cpu.stat")
    f.check(abs(r["throttled_periods"] - stat[1]) <= max(1, 0.05 * stat[1]), f"throttled in {r['throttled_periods']}, {stat[1]} by cpu.stat")
    f.near(r["throttled_ns"], stat[2], "throttled, by cpu.stat", 5, 0)
    if sums:
        f.near(r["threads"]["throttled_ns"], stat[2], "throttled of its threads", 5)


@test("quota: a thread on each CPU, half a CPU for both: as cpu.stat says, and named by the slow waits")
def two():
    with Cgroup("quota", 0.5) as c:
        cpus = sorted(os.sched_getaffinity(0))[:2]
        r = live.record(spin(cpus, 3, c.enter), opts=("--slow", "5ms"))
        with Facts() as f:
            got, stat = row(r.doc, c), c.stat()
            as_the_kernel_says(f, got, stat, 0.5)
            f.near(got["threads"]["cpu_ns"], 0.5 * 3 * S, "what it ran", 10)
            f.check(not got["gone"], "it is there")
            waits = slow_of(r.doc, c)
            f.check(len(waits) > 10, f"{len(waits)} slow waits that were throttled")
            for s in waits:
                by = s.get("throttled_by", {})
                f.same((by.get("cgroup"), by.get("quota_cpus"), by.get("period_ns")), (c.path, 0.5, PERIOD), "whose quota")
                f.check(50 <= by.get("periods_pct", 0) <= 100, f"share of periods: {by}")


@test("quota: threads that wait on one CPU: cpu.stat counts the CPU, hostlat each of them")
def crowd():
    with Cgroup("crowd", 0.2) as c:
        r = live.record(spin([0, 0, 0], 3, c.enter))
        with Facts() as f:
            got, stat = row(r.doc, c), c.stat()
            as_the_kernel_says(f, got, stat, 0.2, sums=False)
            times = got["threads"]["throttled_ns"] / stat[2]
            f.check(2.5 < times < 3.2, f"three threads were throttled {times:.2f} times as long as the CPU")


@test("quota: of a cgroup above: its row has the time of the threads below, and it is named")
def nested():
    with Cgroup("above", 0.3) as above, Cgroup("below", below=above) as below:
        r = live.record(spin([0], 2.5, below.enter), opts=("--slow", "5ms"))
        with Facts() as f:
            as_the_kernel_says(f, row(r.doc, above), above.stat(), 0.3)
            f.same([x for x in r.doc["cgroups"] if x["path"] == below.path], [], "rows of the one without a quota")
            waits = slow_of(r.doc, above)
            f.check(len(waits) > 5, f"{len(waits)} slow waits that were throttled")
            f.same({s.get("throttled_by", {}).get("cgroup") for s in waits}, {above.path}, "whose quota")
            f.same({p.get("quota_cgroup") for p in r.doc.processes() if p["comm"] == "spinner"}, {above.path}, "of its processes")


@test("quota: of two, one above the other, that which bites is named")
def tighter():
    with Cgroup("wide", 0.9) as wide, Cgroup("tight", 0.2, below=wide) as tight:
        r = live.record(spin([0], 2.5, tight.enter), opts=("--slow", "5ms"))
        with Facts() as f:
            as_the_kernel_says(f, row(r.doc, tight), tight.stat(), 0.2)
            f.check(row(r.doc, wide)["throttled_ns"] <= 0.05 * tight.stat()[2], f"the other: {row(r.doc, wide)}")
            f.near(row(r.doc, wide)["threads"]["throttled_ns"], tight.stat()[2], "… has the time of what is below", 5)
            f.same({s.get("throttled_by", {}).get("cgroup") for s in slow_of(r.doc, tight)}, {tight.path}, "whose quota")


@test("quota: without one there is no row, and nobody is named")
def none():
    with Cgroup("free") as c:
        r = live.record(spin([0, 0], 1.5, c.enter), opts=("--slow", "2ms"))
        with Facts() as f:
            f.same([x for x in r.doc["cgroups"] if x["path"] == c.path], [], "rows")
            f.same([s for s in r.doc["slow"] if s["comm"] == "spinner" and "throttled_by" in s], [], "throttled")
            f.same({p.get("quota_cgroup") for p in r.doc.processes() if p["comm"] == "spinner"}, {None}, "of its processes")


@test("quota: a cgroup that is removed keeps its last figures; another one of its path goes on from there")
def removed():
    with Cgroup("removed", 0.3) as c, live.Record("-i", "0.2") as h:
        sums = []
        for _ in range(2):
            subprocess.run(spin([0], 1.5, c.enter), check=True, timeout=30)
            time.sleep(0.7)  # it has been read since
            sums.append(c.stat())
            c.remove()
            time.sleep(0.5)
            c.make()
        c.remove()
        time.sleep(1.5)
        h.stop()
        with Facts() as f:
            got = row(h.doc, c)
            f.check(got["gone"], "it is gone")
            as_the_kernel_says(f, got, [a + b for a, b in zip(*sums)], 0.3)


@test("quota: one that is given to a cgroup that runs is found as soon as it bites")
def later():
    with Cgroup("later") as c, live.Record("-i", "0.2") as h, live.Load(*spin([0], 4, c.enter)) as load:
        time.sleep(1.2)
        c.limit(0.25)
        load.end()
        h.stop()
        with Facts() as f:
            as_the_kernel_says(f, row(h.doc, c), c.stat(), 0.25)


@test("quota: of a cgroup that was throttled before, what comes is counted")
def before():
    with Cgroup("before", 0.3) as c, live.Load(*spin([0], 4, c.enter)):
        time.sleep(1)
        begin = c.stat()
        with live.Record("-i", "0.2", seconds=2) as h:
            h.p.wait(20)
            end = c.stat()
        got = row(h.doc, c)
        with Facts() as f:
            f.check(0.5 < got["throttled_ns"] / (end[2] - begin[2]) < 1.1, f"{got['throttled_ns']} of {end[2] - begin[2]}")
            f.near(got["threads"]["throttled_ns"], got["throttled_ns"], "throttled of its threads", 5, PERIOD)


@test("quota: more cgroups than there is room for are counted")
def many():
    groups = [Cgroup(f"many-{i}", 0.5) for i in range(300)]
    children = []
    try:
        for c in groups:
            c.make()
            children.append(live.start(*c.enter, "sleep", "60"))
        time.sleep(0.5)
        docs = live.top(n=3, interval=0.5, may_lose=("cgroups",))
        acct = docs[-1].acct("cgroups")
        with Facts() as f:
            f.same(len([r for r in docs[-1]["cgroups"] if "hostlat-many" in r["path"]]), 256, "rows")
            f.check(acct["lost_by"].get("map_full", 0) >= 44, f"those without room: {acct}")
            f.check(acct["delivered"] >= 256, f"those that were read: {acct}")
    finally:
        for p in children:
            p.kill()
            p.communicate(timeout=20)
        for c in groups:
            if os.path.isdir(c.dir):
                c.remove()


if __name__ == "__main__":
    live.main()
