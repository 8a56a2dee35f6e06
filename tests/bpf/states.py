#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The ledger names the state that a thread is in: one test per state, against the clocks of
the thread itself. Counts are exact, durations within 1 % + 1 ms."""
import json
import os
import shutil
import subprocess
import sys
import time

import live
from live import MS, Facts, S, check, near, same, test

LOADS = [sys.executable, os.path.join(os.path.dirname(os.path.realpath(__file__)), "loads.py")]

# mode, calls that wait: {state: name}
MODES = [
    ("sleep --threads 4 --each 20 --hold 10", {"sleep": "nanosleep"}),
    ("pipe --threads 2 --each 30 --hold 10", {"ipc": "read", "sleep": "nanosleep"}),
    ("eventfd --threads 2 --each 30 --hold 10", {"ipc": "read"}),
    ("unix --threads 2 --each 30 --hold 10", {"ipc": "recvfrom"}),
    ("msgq --each 30 --hold 10", {"ipc": "mq_timedreceive"}),
    ("msgq --sysv --each 30 --hold 10", {"ipc": "msgrcv"}),
    ("futex-lock --threads 3 --each 10 --hold 10", {"lock": "futex"}),
    ("futex-park --threads 2 --each 30 --hold 10", {"park": "futex"}),
    ("futex-lock --pthread --threads 3 --each 10 --hold 10", {"lock": "futex"}),
    ("futex-park --pthread --threads 2 --each 30 --hold 10", {"park": "futex"}),
    ("flock --each 15 --hold 15", {"lock": "flock"}),
    ("epoll --threads 2 --each 30 --hold 10", {"poll": "epoll_wait"}),
    ("accept --each 30 --hold 10", {"idle": None, "network": "recvfrom"}),
    ("poll1 --each 30 --hold 10", {"network": "poll"}),
    ("poll2 --each 30 --hold 10", {"network": "poll"}),
    ("select1 --each 30 --hold 10", {"network": "select"}),
    ("pollmix --each 30 --hold 10", {"poll": "poll"}),
    ("pollzero --each 30 --hold 10", {"sleep": "poll"}),
    ("udp --each 30 --hold 10", {"network": "recvfrom", "idle": "recvfrom"}),
    ("sigwait --each 30 --hold 10", {"idle": "rt_sigtimedwait"}),
    ("child --each 15 --hold 15", {"child": "wait4"}),
    ("vfork --each 15 --hold 15", {"child": "vfork"}),
]


def agree(f, r, states, least=20):
    """The ledger of each thread, and of all together, is what the threads measured. least:
    ms, so that it cannot hold for want of waiting."""
    for state in states:
        got = want = 0
        for t in r.truth.threads:
            if t["role"] == "main" or not t["ended"]:
                continue
            ns = r.doc.thread(t["tid"])["time_ns"].get(state, 0)
            mine = t["state_ns"].get(state, 0)
            f.near(ns, mine, f"{state} of {t['role']} {t['tid']}")
            got, want = got + ns, want + mine
        f.check(want >= least * MS, f"the generator measured {want / MS:.3f} ms of {state}")
        f.near(got, want, f"{state} of all threads")
        call = states[state] if isinstance(states, dict) else None
        if call:
            rows = sum(o["time_ns"].get(state, 0) for o in r.doc.ops(r.truth.pids, name=call, state=state))
            main = sum(t["state_ns"].get(state, 0) for t in r.truth.role("main"))
            f.near(rows, want, f"{state} in the rows of {call}", slack=MS + main)


def mode_test(mode, states):
    def body():
        r = live.work(mode)
        with Facts() as f:
            agree(f, r, states)

    test(f"state: {mode.split(' --each')[0]}: {', '.join(states)}")(body)


for m, s in MODES:
    mode_test(m, s)


@test("state: a convoy waits for its lock and for nothing else")
def convoy():
    for opts in ("", " --pthread"):
        r = live.work("futex-lock --threads 5 --each 12 --hold 8" + opts)
        threads = [r.doc.thread(t["tid"])["time_ns"] for t in r.truth.role("convoy")]
        with Facts() as f:
            for ns in threads:
                # the one that has it sleeps on purpose; the lock is unfair: one may have it twelve times on end
                waits = {k for k, v in ns.items() if k not in ("cpu", "runqueue", "sleep") and v > MS}
                f.check(waits <= {"lock"}, f"one waits for {waits} ({ns})")
            f.check(sum(ns.get("lock", 0) for ns in threads) > 200 * MS, f"waits for the lock: {threads}")
            odd = [o for o in r.doc.ops(r.truth.pids, name="futex") if o["state"] not in ("lock", "runqueue", "park")]
            f.same(odd, [], "futex waits")


# ---- disks -------------------------------------------------------------------------------


def until_it_sleeps(attempt):
    """A disk under a hypervisor may answer before the thread has gone to sleep, for seconds on end: then
    the thread's own time holds more than its wait. One run of six must agree."""
    for _ in range(5):
        f = Facts()
        attempt(f)
        if not f.wrong:
            return
    with Facts() as f:
        attempt(f)


def on_disk(path):
    """fsync and write of one thread on the file system that path is on."""
    def attempt(f):
        r = live.work(["fsync", "--threads", "1", "--each", "60", "--file", path])
        agree(f, r, ["disk"], least=2)
        waits = r.doc.count(r.truth.pids, name="fsync", state="disk")
        f.check(waits >= 60, f"{waits} sleeps in 60 calls of fsync")

    until_it_sleeps(attempt)


@test("state: fsync and write on ext4: disk")
def ext4():
    d = live.folder()
    kind = subprocess.run(["stat", "-f", "-c", "%T", d], capture_output=True, text=True, check=True).stdout.strip()
    if kind != "ext2/ext3":
        live.lacks(f"the temporary files are on {kind}")
    on_disk(os.path.join(d, "file"))


@test("state: fsync and write on XFS: disk")
def xfs():
    if not shutil.which("mkfs.xfs"):
        live.lacks("no mkfs.xfs")
    d = live.folder()
    image, at = os.path.join(d, "image"), os.path.join(d, "at")
    os.mkdir(at)
    with open(image, "wb") as f:
        f.truncate(320 << 20)
    subprocess.run(["mkfs.xfs", "-q", image], check=True, timeout=30)
    if subprocess.run(["mount", "-o", "loop", image, at], stderr=subprocess.DEVNULL, timeout=30).returncode:
        live.lacks("XFS in a file cannot be mounted")
    try:
        on_disk(os.path.join(at, "file"))
    finally:
        subprocess.run(["umount", at], check=True, timeout=30)


@test("state: first touch of a mapped file: fault")
def fault():
    def attempt(f):
        r = live.work(["fault", "--each", "512", "--file", os.path.join(live.folder(), "file")])
        agree(f, r, ["fault"], least=5)
        waits, slept = r.doc.count(r.truth.pids, name="(user)", state="fault"), r.truth.extra["sleeps"]
        # however fast the disk is: the kernel's own count
        check(slept - 2 <= waits <= slept + 2, f"{waits} sleeps in faults, of {slept} sleeps")
        f.check(waits >= 0.9 * r.truth.extra["major_faults"] > 0, f"{waits} sleeps in {r.truth.extra['major_faults']} faults")
        f.same([o["name"] for o in r.doc.ops(r.truth.pids, state="fault") if o["name"] != "(user)"], [], "calls that fault")

    until_it_sleeps(attempt)


# ---- the CPU ------------------------------------------------------------------------------


@test("state: four spinners on one CPU: cpu, runqueue")
def spin():
    r = live.work("spin --threads 4 --seconds 1.5 --cpu 0")
    with Facts() as f:
        for t in r.truth.role("spinner"):
            ns = r.doc.thread(t["tid"])["time_ns"]
            f.near(ns["cpu"], t["cpu_ns"], f"cpu of {t['tid']}")
            f.near(ns["runqueue"], t["schedstat_delay_ns"], f"runqueue of {t['tid']}", slack=MS + after_end(r, t))
            f.check(ns["runqueue"] > 0.6 * sum(ns.values()), f"a fourth of a CPU: {ns}")
            awake = ns["cpu"] + ns["runqueue"]
            f.near(awake, sum(ns.values()), f"cpu and runqueue of {t['tid']}, of its life")


def after_end(r, t):
    """How long the thread lived after the generator had looked at its clocks."""
    d = r.doc.thread(t["tid"])
    return max(0, d["begin_ns"] + sum(d["time_ns"].values()) - t["end_ns"])


class Cgroup:
    """A cgroup of this test's own."""

    def __init__(self, root):
        self.path = os.path.join(root, f"hostlat-test-{os.getpid()}")
        self.enter = ["/bin/sh", "-c", f'echo $$ >{self.path}/cgroup.procs && exec "$@"', "sh"]

    def __enter__(self):
        if not os.path.isdir(os.path.dirname(self.path)):
            live.lacks(f"no {os.path.dirname(self.path)}")
        os.mkdir(self.path)
        return self

    def __exit__(self, *_):
        live.wait_for("end of the cgroup's processes", lambda: not self.read("cgroup.procs"))
        os.rmdir(self.path)

    def read(self, name):
        with open(os.path.join(self.path, name)) as f:
            return f.read().strip()

    def write(self, name, value):
        with open(os.path.join(self.path, name), "w") as f:
            f.write(str(value))

    def has(self, name):
        return os.path.exists(os.path.join(self.path, name))


def throttled_ns(c):
    """As the kernel counts it: v1 in ns, v2 in µs."""
    stat = dict(line.split() for line in c.read("cpu.stat").splitlines())
    return int(stat["throttled_time"]) if "throttled_time" in stat else int(stat["throttled_usec"]) * 1000


def cpu_root():
    return next((r for r in ("/sys/fs/cgroup/cpu", "/sys/fs/cgroup") if os.path.isdir(r)
                 and (r.endswith("cpu") or "cpu" in open(r + "/cgroup.subtree_control").read())), "/sys/fs/cgroup/cpu")


@test("state: a spinner in a cgroup with a twentieth of a CPU: throttled")
def throttled():
    with Cgroup(cpu_root()) as c:
        if c.has("cpu.cfs_quota_us"):
            c.write("cpu.cfs_period_us", 100000)
            c.write("cpu.cfs_quota_us", 5000)  # less than its share of a busy host
        elif c.has("cpu.max"):
            c.write("cpu.max", "5000 100000")
        else:
            live.lacks("no CPU quota")
        r = live.work("spin --threads 1 --seconds 3", wrap=["taskset", "-c", "0", *c.enter])
        want = throttled_ns(c)
        with Facts() as f:
            t = r.truth.role("spinner")[0]
            ns = r.doc.thread(t["tid"])["time_ns"]
            f.check(want > S / 4, f"the cgroup was throttled for {want / MS:.0f} ms only")
            f.near(ns.get("throttled", 0), want, "throttled of the spinner, by cpu.stat", 5)
            f.near(ns["cpu"], t["cpu_ns"], "cpu")
            f.near(ns.get("throttled", 0) + ns.get("runqueue", 0), t["schedstat_delay_ns"], "runnable and not running",
                   slack=MS + after_end(r, t))


# ---- stopped --------------------------------------------------------------------------------


@test("state: SIGSTOP and SIGCONT: stopped")
def stop():
    r = live.work("stop --each 8 --hold 30")
    with Facts() as f:
        agree(f, r, ["stopped"])
        agree(f, r, ["child"], least=0)
        same(r.doc.count(r.truth.role("stopped")[0]["pid"], state="stopped"), 8, "stops")


def frozen(root, name, freeze, thaw, is_frozen):
    with Cgroup(root) as c:
        if not c.has(name):
            live.lacks(f"no {name}")
        words = [live.WORK, "spin", "--threads", "1", "--seconds", "2"]
        with live.Record() as h, live.Load(*c.enter, *words) as load:
            pid = load.pid
            time.sleep(0.5)
            c.write(name, freeze)
            live.wait_for("freeze", lambda: is_frozen(c))
            begin = live.boot_ns()
            time.sleep(0.6)
            ns = live.boot_ns() - begin
            c.write(name, thaw)
            load.end()
            h.stop()
        spinner = max(h.doc.threads(pid), key=lambda t: t["time_ns"].get("cpu", 0))
        with Facts() as f:
            f.near(spinner["time_ns"].get("stopped", 0), ns, "stopped of the spinner", slack=30 * MS)
            f.check(spinner["time_ns"].get("other", 0) < MS, f"other: {spinner['time_ns']}")


@test("state: the freezer of cgroup v1: stopped")
def freezer_v1():
    frozen("/sys/fs/cgroup/freezer", "freezer.state", "FROZEN", "THAWED", lambda c: c.read("freezer.state") == "FROZEN")


@test("state: the freezer of cgroup v2: stopped")
def freezer_v2():
    root = "/sys/fs/cgroup/unified" if os.path.isdir("/sys/fs/cgroup/unified") else "/sys/fs/cgroup"
    frozen(root, "cgroup.freeze", "1", "0", lambda c: "frozen 1" in c.read("cgroup.events"))


# ---- the kernel itself -------------------------------------------------------------------------


@test("state: behind another thread's lock of a file in the kernel: kernel; its page: fault")
def kernel():
    r = live.record([*LOADS, "inode-lock", "300"])
    truth = json.loads(r.out.splitlines()[-1])
    with Facts() as f:
        for who, state in (("waiter", "kernel"), ("toucher", "fault")):
            ns = r.doc.thread(truth[who])["time_ns"]
            # they slept a little longer than the load's clock ran
            f.near(ns.get(state, 0), truth["waited_ns"], f"{state} of the {who}", slack=20 * MS)
            f.check(ns.get(state, 0) >= truth["waited_ns"] - MS, f"{state} of the {who}: {ns}")


# ---- programs that people run ---------------------------------------------------------------------


def trouble_of_idlers(doc, pids):
    """What an idle program's threads did beside waiting for work."""
    ns = {}
    for t in doc.threads(pids):
        for k, v in t["interval"]["time_ns"].items():
            if k not in live.WORK_STATES + ("cpu", "runqueue"):
                ns[k] = ns.get(k, 0) + v
    return ns


def idler(load, pids, least_threads):
    docs = live.top("-p", ",".join(map(str, pids)), n=2, interval=0.7)
    with Facts() as f:
        doc = docs[-1]
        f.check(len(doc.threads(set(pids))) >= least_threads, f"{len(doc.threads(set(pids)))} threads of {load}")
        f.same(trouble_of_idlers(doc, set(pids)), {}, f"what an idle {load} does beside waiting for work")
        parked = sum(t["interval"]["time_ns"].get("park", 0) for t in doc.threads(set(pids)))
        f.check(parked > S, f"park of all threads: {parked / MS:.0f} ms")


@test("state: an idle JVM: park, no lock")
def jvm():
    if not (shutil.which("java") and shutil.which("javac")):
        live.lacks("no Java")
    d = live.folder()
    with open(os.path.join(d, "Idle.java"), "w") as f:
        f.write("""public class Idle { public static void main(String[] a) throws Exception {
            for (int i = 0; i < 8; i++) { Object o = new Object();
                new Thread(() -> { synchronized (o) { try { o.wait(); } catch (Exception e) { } } }).start(); }
            System.err.println("READY"); Thread.sleep(60000); } }""")
    subprocess.run(["javac", "-d", d, os.path.join(d, "Idle.java")], check=True, timeout=60, capture_output=True)
    with live.Load("java", "-Xint", "-cp", d, "Idle", ready="READY", limit=60) as load:
        time.sleep(1.0)  # what it does at its start is over
        idler("JVM", [load.pid], 20)


@test("state: an idle node: poll and park, no lock")
def node():
    if not shutil.which("node"):
        live.lacks("no node")
    code = 'require("fs").stat("/",()=>{console.error("READY")});setTimeout(()=>{},60000)'
    with live.Load("node", "-e", code, ready="READY", limit=60) as load:
        time.sleep(1.0)
        idler("node", [load.pid], 6)


def waits_for_peer(args, least_ns, call, status):
    r = live.record([*LOADS, *args])
    truth = json.loads(r.out.splitlines()[0])
    same(truth["status"], status, "status of the client")
    got = r.doc.total(truth["pid"], name=call, state="network")
    check(least_ns <= got <= truth["wall_ns"], f"network in {call}: {got / MS:.1f} ms of {truth['wall_ns'] / MS:.1f}")
    check(not r.doc.total(truth["pid"], name=call, state="poll"), f"poll: {r.doc.ops(truth['pid'], state='poll')}")


@test("state: psql at a server that says nothing, poll on one descriptor: network")
def libpq():
    if not shutil.which("psql"):
        live.lacks("no psql")
    waits_for_peer(["mute-tcp", "300", "psql", "host=127.0.0.1 port=PORT dbname=x sslmode=disable"], 295 * MS, "poll", 2)


@test("state: an HTTP client with a timeout, poll on one descriptor: network")
def http():
    code = "import sys,urllib.request as u; u.urlopen(sys.argv[1], timeout=20).read()"
    waits_for_peer(["slow-http", "300", sys.executable, "-c", code, "URL"], 295 * MS, "poll", 0)


@test("state: curl, which polls a pair of sockets of its own beside its connection: network, with the peer")
def curl():
    if not shutil.which("curl"):
        live.lacks("no curl")
    r = live.record([*LOADS, "slow-http", "300", "curl", "-s", "-o", "/dev/null", "URL"])
    truth = json.loads(r.out.splitlines()[0])
    same(truth["status"], 0, "status of curl")
    got = r.doc.total(truth["pid"], name="poll", state="network")
    check(295 * MS <= got <= truth["wall_ns"], f"network in poll: {got / MS:.1f} ms of {truth['wall_ns'] / MS:.1f}")
    same(r.doc.ops(truth["pid"], state="poll"), [], "poll")
    peers = {s["detail"].get("remote", "").rsplit(":", 1)[0] for s in r.doc.slow(truth["pid"], name="poll", state="network")}
    same(peers, {"127.0.0.1"}, "peers of the slow waits")


@test("state: poll on a connection and another process's end of a pair of sockets: poll")
def foreign_pair():
    r = live.record([*LOADS, "poll-pair", "120"])
    truth = json.loads(r.out.splitlines()[-1])
    with Facts() as f:
        for pid, state in ((truth["foreign"], "poll"), (truth["own"], "network")):
            got = r.doc.total(pid, name="poll", state=state)
            f.check(got >= 115 * MS, f"{state}: {got / MS:.1f} ms ({[(o['name'], o['state'], o['total_ns']) for o in r.doc.ops(pid)]})")


@test("state: the C library's resolver at a mute name server, poll on one descriptor: network")
def resolver():
    d = live.folder()
    conf = os.path.join(d, "resolv.conf")
    with open(conf, "w") as f:
        f.write("nameserver 127.9.9.9\noptions timeout:1 attempts:1\n")
    args = ["mute-dns", "127.9.9.9", "unshare", "-m", "/bin/sh", "-c",
            f"mount --bind {conf} /etc/resolv.conf && exec getent ahosts a.hostlat-test.example"]
    waits_for_peer(args, 990 * MS, "poll", 2)


# Processes that compute for 4 ms and sleep for a second, beside others that only compute, and that come and go.
CROWD = """
import os, sys, time
def burn(s):
    end = time.thread_time() + s
    while time.thread_time() < end:
        pass
for i in range(60):
    if not os.fork():
        for _ in range(4):
            burn(0.004)
            time.sleep(1)
        os._exit(0)
for i in range(16):
    if not os.fork():
        burn(0.05 * (1 + i % 4))
        os._exit(0)
for i in range(76):
    os.wait()
"""


@test("state: who sleeps is asleep, also on a crowded host where the scheduler takes it for queued")
def crowd():
    r = live.record(["sh", "-c", 'sh -c "while :; do :; done" & a=$!; sh -c "while :; do :; done" & b=$!; "$@"; kill $a $b', "sh",
                     sys.executable, "-c", CROWD], may_lose=("stacks",))
    slept = [t["time_ns"].get("sleep", 0) for t in r.doc.threads() if t["comm"] == "python3" and t["time_ns"].get("sleep", 0) > S]
    with Facts() as f:
        f.same(len(slept), 60, "threads that slept")
        f.check(sum(slept) >= 0.99 * 60 * 4 * S, f"they slept {sum(slept) / S:.1f} s, no less than 240 s")
        f.check(min(slept, default=0) > 3.7 * S, f"one slept {min(slept, default=0) / S:.2f} s, no less than 4 s")


if __name__ == "__main__":
    live.main()
