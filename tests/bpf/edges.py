#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Where numbers go wrong in rare circumstances: identities that move from one task to another,
threads that nobody forked, states that are told by more than the call in progress."""
import json
import os
import signal
import subprocess
import sys
import time

import live
from live import MS, Facts, S, check, same, test

LOADS = [sys.executable, os.path.join(os.path.dirname(os.path.realpath(__file__)), "loads.py")]


def crowd():
    """So many threads that no place is free in the smallest table of slots."""
    return live.Load(live.WORK, "threads", "--threads", "1500", "--seconds", "60", ready="BLOCKED")


class Loop:
    """A file system of this test's own, in a file."""

    def __init__(self, kind):
        self.kind, d = kind, live.folder()
        self.image, self.at = os.path.join(d, "image"), os.path.join(d, "at")

    def __enter__(self):
        os.mkdir(self.at)
        with open(self.image, "wb") as f:
            f.truncate(64 << 20)
        subprocess.run([f"mkfs.{self.kind}", "-q", self.image], check=True, timeout=30)
        if subprocess.run(["mount", "-o", "loop", self.image, self.at], stderr=subprocess.DEVNULL, timeout=30).returncode:
            live.lacks(f"{self.kind} in a file cannot be mounted")
        return self.at

    def __exit__(self, *_):
        subprocess.run(["umount", self.at], check=True, timeout=30)


def lasted(f, ns, state, truth):
    """For as long as the load looked on, and a little before and after that."""
    f.check(truth["wall_ns"] - 3 * MS <= ns.get(state, 0) <= truth["wall_ns"] + 150 * MS, f"{state}: {ns} of {truth}")


def told(r):
    """What a load of loads.py printed last."""
    return json.loads(r.out.splitlines()[-1])


# ---- exec from a thread that is not the leader ---------------------------------------------------


def exec_ledger(opts=()):
    r = live.record([*LOADS, "thread-exec", "150"], opts, may_lose=("waits",) if opts else ())
    truth = told(r)
    pid, tid = truth["pid"], truth["tid"]
    with Facts() as f:
        ns = r.doc.thread(pid)["time_ns"]
        # the program under this number, before and after: the leader slept all the time
        f.check(ns.get("cpu", 0) >= truth["cpu_ns"], f"cpu of the new program: {ns}, its own clock: {truth}")
        f.check(149 * MS <= ns.get("sleep", 0) <= truth["sleep_ns"] + MS, f"sleep of the new program: {ns}, {truth}")
        old = r.doc.thread(tid)["time_ns"]
        f.check(sum(old.values()) < truth["wall_ns"], f"the thread that called it goes on: {old}, {truth}")
        # nothing is lost in between: both ledgers together, from the thread's begin to the program's end
        both = r.doc.process(pid)["time_ns"]
        f.check(both["cpu"] >= truth["process_cpu_ns"] - MS, f"cpu of the process: {both}, its own clock: {truth}")
        f.check(not [t for t in r.doc.threads(pid) if t.get("now")], f"it has not ended: {r.doc.threads(pid)}")


@test("exec: what another thread than the leader runs has a ledger in the interval of the exec")
def thread_exec():
    exec_ledger()


@test("exec: of a thread whose place in the table is another's")
def thread_exec_crowded():
    with crowd():
        exec_ledger(["--slots", "1024"])


# ---- threads that nobody forked --------------------------------------------------------------------


@test("threads: a worker of io_uring has a ledger, also where its place is taken")
def io_worker():
    with crowd():
        for _ in range(3):  # whose place it has may come back meanwhile: then its wait is lost, and counted
            r = live.record([*LOADS, "io-worker", "300"], ["--slots", "1024"], may_lose=("waits",))
            truth = told(r)
            ns = r.doc.thread(truth["worker"])["time_ns"]
            if "idle" in ns or not r.doc.acct("waits")["lost"]:
                break
        with Facts() as f:
            lasted(f, ns, "idle", truth)
            f.check(r.doc.count(truth["pid"], name="(kernel)") >= 1, "waits of the worker")
            f.same(r.doc.acct("threads")["lost"], 0, "threads without a ledger")


# ---- lost records ----------------------------------------------------------------------------------


@test("lost lifecycle records: who began meanwhile is found afterwards, and who ended is missed")
def recovered():
    old = live.Load(live.WORK, "threads", "--threads", "3", "--seconds", "60", ready="BLOCKED")
    with old, live.Record("--memory", "16M", "-i", "1", seconds=60, may_lose=("lifecycle", "waits", "slow")) as h:
        h.p.send_signal(signal.SIGSTOP)
        subprocess.run([live.WORK, "tiny", "--threads", "2", "--each", "3000"], capture_output=True, timeout=60)
        new = live.Load(live.WORK, "threads", "--threads", "5", "--seconds", "60", ready="BLOCKED")
        os.killpg(old.pid, signal.SIGKILL)
        old.p.wait(20)
        with new:
            h.p.send_signal(signal.SIGCONT)
            time.sleep(3.5)
            h.stop()
    with Facts() as f:
        f.check(h.doc.acct("lifecycle")["lost"] > 1000, f"too few were lost: {h.doc.acct('lifecycle')}")
        f.same(h.doc.process(old.pid)["threads"], 0, "threads of a process that ended")
        f.check(h.doc.process(old.pid)["gone"], "it is not gone")
        p = h.doc.process(new.pid)
        f.same((p["threads"], p.get("comm"), p["gone"]), (6, "work", False), "threads and name of one that began")
        f.check(p["time_ns"].get("park", 0) > 5 * S, f"its ledger: {p['time_ns']}")


# ---- targets -----------------------------------------------------------------------------------------

CALLS = """
import os, sys
def calls(n):
    for _ in range(n): os.getppid()
calls(300)
print("READY", file=sys.stderr, flush=True)
for line in sys.stdin:
    calls(int(line))
    print("DONE", flush=True)
"""


def cgroup2():
    root = next((line.split()[1] for line in open("/proc/mounts") if line.split()[2] == "cgroup2"), None)
    path = f"/hostlat-edges-{os.getpid()}"
    try:
        os.mkdir(f"{root}{path}")
    except (OSError, TypeError) as e:
        live.lacks(f"no cgroup2 that we may write to: {e}")
    return root, path


@test("targets: a process that comes into the cgroup while it runs, and one deep below it")
def cgroup_joined():
    root, path = cgroup2()
    deep = path + "/d" * 16
    try:
        os.makedirs(f"{root}{deep}")
        with live.Load(sys.executable, "-c", CALLS, ready="READY") as load:
            with live.Record("--cgroup", path, calls="on") as rec:
                for where, n in ((None, 100), (path, 2000), (deep, 500)):
                    if where is not None:
                        with open(f"{root}{where}/cgroup.procs", "w") as f:
                            f.write(str(load.pid))
                    load.say(str(n))
                    same(load.p.stdout.readline(), "DONE\n", "answer")
        with Facts() as f:
            f.same(rec.doc.process(load.pid)["cgroup"], deep, "cgroup of the process")
            f.same(rec.doc.count(load.pid, "syscall", "getppid"), 2500, "calls made in the cgroup")
            f.same(rec.doc.acct("calls")["lost"], 0, "lost calls")
    finally:
        while len(deep) >= len(path):
            live.wait_for("empty cgroup", lambda: not open(f"{root}{deep}/cgroup.procs").read())
            os.rmdir(f"{root}{deep}")
            deep = os.path.dirname(deep)


# ---- the CPU -------------------------------------------------------------------------------------------


@test("throttled: not of a thread that slept while its group was, and then waits for a CPU")
def slept_through():
    root = next((r for r in ("/sys/fs/cgroup/cpu", "/sys/fs/cgroup") if os.path.exists(r + "/cgroup.procs")), None)
    group = f"{root}/hostlat-edges-{os.getpid()}"
    os.mkdir(group)
    try:
        for name, value in (("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "20000"), ("cpu.max", "20000 100000")):
            if os.path.exists(f"{group}/{name}"):
                with open(f"{group}/{name}", "w") as f:
                    f.write(value)
        if not any(os.path.exists(f"{group}/{name}") for name in ("cpu.cfs_quota_us", "cpu.max")):
            live.lacks("no CPU quota")
        r = live.record([*LOADS, "sleep-through", f"{group}/cgroup.procs"])
    finally:
        os.rmdir(group)
    truth = told(r)
    with Facts() as f:
        ns, spinner = r.doc.thread(truth["sleeper"])["time_ns"], r.doc.thread(truth["spinner"])["time_ns"]
        f.check(spinner.get("throttled", 0) > 200 * MS, f"the group was hardly throttled: {spinner}")
        f.check(ns["runqueue"] > 50 * MS, f"the sleeper hardly waited for a CPU: {ns}")
        f.check(ns.get("throttled", 0) < MS, f"throttled of the sleeper: {ns}")


# ---- states --------------------------------------------------------------------------------------------


def in_state(load, who, state, args=()):
    """One thread of a load is in a state for as long as the load says."""
    r = live.record([*LOADS, load, *args])
    truth = told(r)
    with Facts() as f:
        ns = r.doc.thread(truth[who])["time_ns"]
        lasted(f, ns, state, truth)
    return r, truth


@test("state: poll for room to send to a client that does not read: network")
def poll_room():
    r, truth = in_state("poll-room", "server", "network", ["300"])
    same(r.doc.total(truth["server"], name="poll", state="idle"), 0, "idle in poll")


@test("state: select for room to send to a client that does not read: network")
def select_room():
    r, truth = in_state("select-room", "server", "network", ["300"])
    same(r.doc.total(truth["server"], name="select", state="idle"), 0, "idle in select")


@test("state: clone3 that waits for something else than a child: not child")
def clone3():
    r, truth = in_state("clone3", "cloner", "other", ["300"])
    same(r.doc.total(truth["pid"], name="clone3", state="child"), 0, "child in clone3")


@test("state: a process killed in user mode that cannot write its core yet: kernel, not fault")
def core_dump():
    with open("/proc/sys/kernel/core_pattern") as f:
        pattern = f.read().strip()
    if pattern.startswith(("|", "/", "@")):
        live.lacks(f"cores go to {pattern}")
    with Loop("ext4") as at:
        r = live.record([*LOADS, "core", at, "300"])
    truth = told(r)
    with Facts() as f:
        ns = r.doc.thread(truth["pid"])["time_ns"]
        f.check(truth["wall_ns"] <= ns.get("kernel", 0) + ns.get("disk", 0) + 20 * MS, f"{ns} of {truth}")
        f.check(ns.get("fault", 0) < 50 * MS, f"fault: {ns}")


if __name__ == "__main__":
    live.main()
