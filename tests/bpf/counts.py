#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What the waits tier counts is exact: against schedstat, against the generator's calls, with
a ring that loses, with slots that collide, with processes that hardly live, and twice."""
import contextlib
import datetime
import os
import signal
import subprocess
import sys
import time

import live
from live import MS, US, Facts, check, same, test

LOADS = [sys.executable, os.path.join(os.path.dirname(os.path.realpath(__file__)), "loads.py")]


def life(r, t):
    """A thread's ledger, and how long it lived after the generator had read its clocks."""
    d = r.doc.thread(t["tid"], t["begin_ns"])
    ns = d["time_ns"]
    return ns, max(0, d["begin_ns"] + sum(ns.values()) - t["end_ns"])


def stolen(t, host_ns):
    """Time that a hypervisor took from the thread while it was on a CPU: within `cpu`, from switch-in
    to switch-out, and left out of schedstat. It is what the thread's life has more than the kernel
    counted of it (ran, queued) and the thread itself (waited), by clocks that hostlat has no part in.
    What was taken within a call that the thread timed as a whole is not in that: it is no more than
    host_ns, what was taken from the host meanwhile."""
    return max(0, t["wall_ns"] - sum(t["state_ns"].values()), host_ns)


def schedstat(f, r, maybe_stolen=None):
    """cpu and runqueue + throttled of every thread's whole life, as the kernel counted them. maybe_stolen: gets, by
    role, the threads with too much of cpu, for the caller to judge."""
    compared = 0
    for t in r.truth.threads:
        if t["role"] == "main" or not t["ended"]:
            continue
        ns, tail = life(r, t)
        delay = ns.get("runqueue", 0) + ns.get("throttled", 0)
        for what, got, want, more in (("cpu", ns["cpu"], t["cpu_ns"], stolen(t, r.stolen_ns)), ("runqueue", delay, t["schedstat_delay_ns"], 0)):
            bound = max(want / 100, 200 * US)
            off = (f"{what} of {t['role']} {t['tid']}: {got / MS:.3f} ms, schedstat {want / MS:.3f} ± {bound / MS:.3f}, "
                   f"+ {tail / MS:.3f} of its end, + {more / MS:.3f} stolen")
            over = got > want + bound + tail + more
            if over and what == "cpu" and maybe_stolen is not None:
                maybe_stolen.setdefault(t["role"], []).append(off)
            else:
                f.check(want - bound <= got and not over, off)
        # it lived while the generator timed it, and little longer
        f.check(t["wall_ns"] <= sum(ns.values()) + 200 * US, f"ledger of {t['role']} {t['tid']} does not close: "
                f"{sum(ns.values()) / MS:.3f} of {t['wall_ns'] / MS:.3f} ms")
        awake = sum(v for k, v in ns.items() if k not in live.WORK_STATES)
        f.check(ns.get("other", 0) <= awake / 100, f"other of {t['role']}: {ns}")
        compared += 1
    return compared


def compared(f, mode, runs=None):
    """Threads of a mode whose schedstat agrees. What a hypervisor takes in less than a tick of /proc/stat is counted
    nowhere, but it takes it from one run and not from the next: a role that has too much cpu in all of three is wrong."""
    too_much = None
    for _ in range(3):
        r, found = live.work(mode), {}
        n = schedstat(f, r, found)
        too_much = found if too_much is None else {role: found[role] for role in too_much if role in found}
        if not too_much or not live.steal_ns():
            break
    for offs in (too_much or {}).values():
        for off in offs:
            f.check(False, off)
    if runs is not None:
        runs.append(r)
    return n


@test("schedstat: cpu and runqueue of every thread of a mixed load")
def mixed():
    runs = []
    with Facts() as f:
        f.check(compared(f, ["mixed", "--seconds", "3", "--file", os.path.join(live.folder(), "file")], runs) >= 14,
                "too few threads were compared")
        r = runs[0]
        for p in r.doc.processes(r.truth.pids):
            for state in live.STATES:
                of_threads = sum(t["time_ns"].get(state, 0) for t in r.doc.threads(p["pid"]))
                f.same(p["time_ns"].get(state, 0), of_threads, f"{state} of process {p['pid']}, and of its threads")
        for state in ("sleep", "ipc", "network", "idle", "lock", "disk"):
            got = want = 0
            for t in r.truth.threads:
                if t["role"] != "main":
                    got += r.doc.thread(t["tid"])["time_ns"].get(state, 0)
                    want += t["state_ns"].get(state, 0)
            f.check(want > 50 * MS, f"the generator measured {want / MS:.1f} ms of {state}")
            # a call that was timed as a whole has in it what a hypervisor took from it meanwhile
            f.near(max(got, min(want, got + r.stolen_ns)), want, f"{state} of all threads ({r.stolen_ns / MS:.3f} ms stolen)")


@test("schedstat: threads that yield and are preempted")
def preempted():
    with Facts() as f:
        f.check(compared(f, "preempt --threads 6 --each 20000") == 6, "threads compared")
        f.check(compared(f, "spin --threads 6 --seconds 1") == 6, "threads compared")


@test("schedstat: pages from disk, forks and a migrating thread")
def others():
    with Facts() as f:
        compared(f, ["fault", "--each", "256", "--file", os.path.join(live.folder(), "file")])
        compared(f, "fork --each 200")
        compared(f, "migrate --each 3000")


@test("schedstat: the way to the first run, from one CPU's queue to another's")
def born():
    if len(os.sched_getaffinity(0)) < 2:
        live.lacks("a second CPU")
    r = live.record([*LOADS, "born-queued", "30"])
    told = live.json.loads(r.out.splitlines()[-1])
    queued = r.doc.thread(told["child"])["time_ns"].get("runqueue", 0)
    check(told["delay_ns"] > 25 * MS, f"the child was to wait: {told}")
    # what it waited for after it had looked is more
    check(told["delay_ns"] - 200 * US <= queued, f"runqueue of the child: {queued / MS:.3f} ms, schedstat {told['delay_ns'] / MS:.3f}")


@test("ledger: of threads that live, it ends when the document does")
def closes():
    with live.Load(live.WORK, "block", "--threads", "10", "--seconds", "30", ready="BLOCKED") as load:
        docs = live.top(n=3, interval=0.4)
        with Facts() as f:
            for d in docs:
                ends = [t["begin_ns"] + sum(t["time_ns"].values()) for t in d.threads() if t.get("now")]
                f.check(len(ends) > 20, f"{len(ends)} threads")
                # each is read by itself, one after the other
                f.check(max(ends) - min(ends) < 20 * MS, f"ledgers end over {(max(ends) - min(ends)) / MS:.3f} ms")
                for t in d.threads(load.pid):
                    f.check(sum(t["interval"]["time_ns"].values()) > 0, f"no time in the interval: {t['tid']}")


# ---- waits ---------------------------------------------------------------------------------------

# mode, call, state: every one of its waits lasts --hold
COUNTED = [
    ("sleep --threads 4 --each 50 --hold 4", "nanosleep", "sleep"),
    ("pipe --threads 2 --each 50 --hold 4", "read", "ipc"),
    ("accept --each 50 --hold 4", "recvfrom", "network"),
    ("futex-park --threads 3 --each 30 --hold 5", "futex", "park"),
    ("epoll --each 40 --hold 4", "epoll_wait", "poll"),
    ("stop --each 12 --hold 10", "tgkill", "stopped"),
]


def counted(mode, call, state):
    r = live.work(mode + " --slow")
    with Facts() as f:
        for pid in r.truth.pids:
            threads = [t for t in r.truth.threads if t["pid"] == pid]
            want = sum(t["waits"].get(state, 0) for t in threads if t["returned"].get(call) and t["role"] != "main")
            # who came too late for a wait, because the CPU was somebody else's, did not wait
            long = sum(1 for s in r.truth.slow if s["pid"] == pid and s["call"] == call and s["state"] == state)
            got = r.doc.count(pid, name=call, state=state)
            if long == want:
                f.same(got, want, f"{call}/{state} of {pid}")
            else:
                f.check(long <= got <= want, f"{call}/{state} of {pid}: {got}, {long} of {want} lasted 1 ms")
        f.same(r.doc.acct("waits")["unaccounted"], 0, "unaccounted waits")


for mode_, call_, state_ in COUNTED:
    test(f"count: waits of {mode_.split()[0]} in {call_}")(lambda m=mode_, c=call_, s=state_: counted(m, c, s))


# Threads that sleep and yield, and tell how often the kernel switched them.
SWITCHING = """
import json, os, threading, time
def f():
    for i in range(%d): time.sleep(%s)
    for i in range(100): os.sched_yield()
    lines = open("/proc/thread-self/status").read().splitlines()
    out.append(sum(int(l.split()[1]) for l in lines if "ctxt_switches" in l))
out = []
ts = [threading.Thread(target=f) for _ in range(4)]
[t.start() for t in ts]; [t.join() for t in ts]; f()
print(json.dumps([os.getpid(), out]))
"""


def switching(f, h, times, each):
    """Every time off the CPU of a process is in one of its rows, as the kernel counts them."""
    p = live.start(sys.executable, "-c", SWITCHING % (times, each))
    out, err = p.communicate(timeout=60)
    same(p.returncode, 0, f"status of the load ({err[-200:]})")
    pid, switched = live.json.loads(out)

    def judge(doc):
        got, want = doc.count(pid), sum(switched)
        # a thread's way to its first run is one more, and its end takes a few
        f.check(want <= got <= want + 12 * len(switched), f"{got} waits, the kernel counted {want} switches")

    return judge


@test("count: a process's waits are the kernel's switches")
def switches():
    with Facts() as f:
        with live.Record() as h:
            judge = switching(f, h, 300, 0.0005)
            h.stop()
        judge(h.doc)


@contextlib.contextmanager
def stopped(p):
    """A process that does not run for the time of the block."""
    p.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        p.send_signal(signal.SIGCONT)


@test("losses: a ring of 64 KiB and every wait slow: counts exact, losses counted")
def small_ring():
    with Facts() as f:
        with live.Record("--ring", "64K", "--slow", "1us", may_lose=("slow",)) as h:
            with stopped(h.p):  # nobody empties the ring
                judge = switching(f, h, 3000, 0.00005)
            h.stop()
        judge(h.doc)
        slow = h.doc.acct("slow")
        f.check(slow["seen"] > 10000, f"too few slow waits: {slow}")
        f.check(slow["lost"] > 0, f"nothing was lost: {slow}")
        f.same(slow["lost"], slow["lost_by"].get("ring_full"), "lost for want of room in the ring")
        f.same(h.doc.acct("waits")["delivered"] + h.doc.acct("waits")["lost"], h.doc.acct("waits")["seen"], "waits")


@test("losses: are told in the interval in which they happened, and it goes on without any")
def loss_in_time():
    d = live.folder()
    rec = os.path.join(d, "a.hostlat")
    with live.Load(live.WORK, "pipe", "--threads", "2", "--each", "0", "--seconds", "60", "--hold", "0.2"):
        p = live.start(live.HOSTLAT, "record", "-i", "0.3", "--ring", "256K", "--slow", "50us", "-o", rec)
        try:
            live.wait_for("hooks of hostlat", lambda: live.attached(p))
            time.sleep(1.0)
            with stopped(p):
                begin = time.time()
                time.sleep(2.5)
                end = time.time()
            time.sleep(1.5)
            p.send_signal(signal.SIGINT)
            _, err = live._finish(p, 30)
        finally:
            if p.poll() is None:
                os.killpg(p.pid, signal.SIGKILL)
    same(p.returncode, 0, f"status ({err[-200:]!r})")
    out = subprocess.run([live.HOSTLAT, "top", "-r", rec, "--json"], capture_output=True, check=True, timeout=60).stdout
    docs = [live.Doc(live.json.loads(line)) for line in out.splitlines()]
    lost = [(d["capture"]["ended"], d.acct("slow")["interval"]["lost"]) for d in docs]
    total = docs[-1].acct("slow")["lost"]
    with Facts() as f:
        f.check(total > 100, f"too little was lost: {total}")
        f.same(sum(n for _, n in lost), total, "all intervals' losses, and the sum")
        most = max(lost, key=lambda x: x[1])
        f.check(most[1] >= 0.9 * total, f"lost by interval: {lost}")
        at = datetime.datetime.fromisoformat(most[0].split(".")[0] + "+00:00").timestamp()
        f.check(begin < at + 1 and at < end + 1.5, f"the interval of the loss ended {at - end:.2f} s after the stop")
        f.same(lost[-1][1], 0, "lost at the end")
    live.valid(docs[-1], ("slow",))


# ---- slots -----------------------------------------------------------------------------------------


@test("slots: threads whose numbers collide keep ledgers of their own")
def collide():
    r = live.work("collide --threads 6 --tid-base 20000 --tid-step 1024 --each 20 --hold 10", ["--slots", "1024"])
    with Facts() as f:
        tids = [t["tid"] for t in r.truth.role("collider")]
        f.check(len(tids) == 6 and len({t % 1024 for t in tids}) == 1, f"numbers: {tids}")
        for t in r.truth.role("collider"):
            ns, _ = life(r, t)
            f.near(ns.get("sleep", 0), t["state_ns"]["sleep"], f"sleep of {t['tid']}")
            f.same(r.doc.count(t["pid"], name="nanosleep", state="sleep"), 20, f"waits of {t['tid']}")
        schedstat(f, r)


@test("slots: more threads than slots, before hostlat and after it")
def crowded():
    with live.Load(live.WORK, "threads", "--threads", "1500", "--seconds", "60", ready="BLOCKED") as load:
        r = live.work("sleep --threads 4 --each 20 --hold 10", ["--slots", "1024"], may_lose=("waits",))
        with Facts() as f:
            for t in r.truth.role("sleeper"):
                f.near(life(r, t)[0].get("sleep", 0), t["state_ns"]["sleep"], f"sleep of {t['tid']}")
        # who ran just then gets a slot a moment later
        d = live.top("--slots", "1024", n=1, interval=0.4, may_lose=("waits",))[-1]
        with Facts() as f:
            f.same(d.acct("threads")["lost"], 0, "threads without a ledger")
            row = d.process(load.pid)
            f.check(row["time_ns"].get("park", 0) > 1400 * 300 * MS, f"park of 1500 threads: {row['time_ns']}")


# ---- short lives -------------------------------------------------------------------------------------


@test("names: 5000 processes of under a millisecond, all named, no record lost")
def tiny():
    with live.Record("-i", "0.5", seconds=100) as h:
        truth = os.path.join(live.folder(), "g.json")
        p = subprocess.run([live.WORK, "tiny", "--each", "5000", "--json", truth], timeout=90, capture_output=True)
        same(p.returncode, 0, "status of the generator")
        h.stop()
    with open(truth) as file:
        g = live.json.load(file)
    same(len(g["children"]), 5000, "children")
    # numbers may come round: then two have one
    children = {c["pid"] for c in g["children"]}
    named(h.doc, children, g["pid"], "work")
    mine = [x for x in h.doc.processes() if x["pid"] in children]
    with Facts() as f:
        f.same(len(mine), 5000, "processes")
        f.same({x.get("exe") for x in mine}, {live.WORK}, "programs")
        f.same({x.get("cgroup") for x in mine}, {h.doc.process(os.getpid()).get("cgroup")}, "cgroups")
        f.check(all(x.get("gone") for x in mine), "some have not ended")
        # they were as short as they were to be: but for what a busy host made them wait
        cpu = sorted(x["time_ns"].get("cpu", 0) for x in mine)
        f.check(0 < cpu[0] and cpu[4500] < MS, f"on the CPU for {cpu[0] / MS:.3f} to {cpu[4500] / MS:.3f} ms")


def named(doc, children, parent, comm):
    with Facts() as f:
        life_row = doc.acct("lifecycle")
        f.same(life_row["lost"], 0, "lost lifecycle records")
        f.check(life_row["seen"] >= 2 * len(children), f"{life_row}")
        rows = [p for p in doc["processes"] if p["pid"] in children]
        f.same({p["comm"] for p in rows}, {comm}, "names of the children")
        f.same({p["ppid"] for p in rows}, {parent}, "parents of the children")
        missing = children - {p["pid"] for p in rows}
        f.check(not missing, f"{len(missing)} of {len(children)} are not there")


@test("names: 300 processes of under a millisecond that exec, by the name of their program")
def tiny_exec():
    with live.Record(seconds=60) as h:
        truth = os.path.join(live.folder(), "g.json")
        p = subprocess.run([live.WORK, "tiny", "--exec", "--each", "300", "--json", truth], timeout=60, capture_output=True)
        same(p.returncode, 0, "status of the generator")
        h.stop()
    with open(truth) as file:
        g = live.json.load(file)
    named(h.doc, {c["pid"] for c in g["children"]}, g["pid"], "exe")


@test("cells: 600 processes that exec share 2000 of them, one after the other, and none is lost")
def cells_again():
    # that what the kernel counted was drained is what live.valid() looks at
    with live.Record("--cells", "2000", calls="on", seconds=60) as h:
        p = subprocess.run([live.WORK, "tiny", "--exec", "--threads", "2", "--each", "300"], timeout=60, capture_output=True)
        same(p.returncode, 0, "status of the generator")
        h.stop()
    with Facts() as f:
        others = [o for o in h.doc["operations"] if o["name"] == "(other)"]
        total = sum(o["count"] for o in h.doc["operations"])
        f.check(sum(o["count"] for o in others) < total / 2, "most went to the (other) cell: nothing was given back")
        wall = h.doc["capture"]["duration_ns"]
        for t in (p for p in h.doc["processes"] if p.get("comm") == "exe"):
            f.check(sum(t["time_ns"].values()) <= wall, f"a ledger older than the capture: {t}")


# ---- two at once ---------------------------------------------------------------------------------------


@test("two instances side by side are both exact")
def twice():
    with live.Record() as a, live.Record("--slow", "1ms") as b:
        truth = os.path.join(live.folder(), "g.json")
        before = live.steal_ns()
        p = subprocess.run([live.WORK, "mixed", "--seconds", "1.5", "--json", truth], timeout=60, capture_output=True)
        same(p.returncode, 0, "status of the generator")
        taken = live.steal_ns() - before
        a.stop()
        b.stop()
    with open(truth) as file:
        g = live.Truth(live.json.load(file))
    with Facts() as f:
        for h in (a, b):
            r = live.Run()
            r.doc, r.truth, r.stolen_ns = h.doc, g, taken
            f.check(schedstat(f, r) >= 14, "too few threads were compared")
        for key in ("nanosleep", "recvfrom", "futex"):
            f.same(a.doc.count(g.pids, name=key), b.doc.count(g.pids, name=key), f"waits in {key}")


if __name__ == "__main__":
    live.main()
