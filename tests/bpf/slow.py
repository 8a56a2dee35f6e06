#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Slow waits are kept whole: when, how long, on what, and who ended them; and a wait is seen
while it lasts, also one that began before hostlat did."""
import json
import os
import re
import subprocess
import sys
import time

import live
from live import MS, US, Facts, S, check, same, test

LOADS = [sys.executable, os.path.join(os.path.dirname(os.path.realpath(__file__)), "loads.py")]


def loads(*args, **more):
    """A load's document and what it told."""
    r = live.record([*LOADS, *args], **more)
    return r.doc, json.loads(r.out.splitlines()[-1])


def matched(f, r, call, state):
    """Pairs (the generator's, hostlat's) of all slow waits: each lies within the call it is of."""
    pairs, told = [], 0
    rows = r.doc.slow(r.truth.pids, name=call, state=state)
    for g in r.truth.slow:
        if (g["call"], g["state"]) != (call, state):
            continue
        begin, end = g["begin_ns"], g["begin_ns"] + g["duration_ns"]
        inside = [s for s in rows if s["tid"] == g["tid"] and begin - 100 * US <= s["begin_ns"]
                  and s["begin_ns"] + s["duration_ns"] <= end + 100 * US]
        told += g["duration_ns"] > 11 * MS
        if inside:
            pairs.append((g, inside[0]))
            f.same(len(inside), 1, f"slow waits in one call at {begin}")
        elif g["duration_ns"] > 15 * MS:
            f.check(False, f"a call of {g['duration_ns'] / MS:.1f} ms at {begin} has no slow wait")
    f.check(told >= 5, f"the generator had {told} slow calls")
    f.same(len(pairs), len(rows), f"slow waits in {call} that a call was found for")
    for _, s in pairs:
        f.same(sum(s["time_ns"].values()), s["duration_ns"], "a breakdown's sum")
        f.check(s["duration_ns"] >= r.doc["capture"]["slow_threshold_ns"], f"not slow: {s['duration_ns']}")
        f.check(not s["in_progress"] and not s["lower_bound"], f"not whole: {s}")
    return pairs


def slept(f, r, pairs, state):
    """Together they lasted as the threads measured (all of these waits are slow)."""
    got = sum(s["time_ns"].get(state, 0) for _, s in pairs)
    tids = {g["tid"] for g, _ in pairs}
    want = sum(t["state_ns"].get(state, 0) for t in r.truth.threads if t["tid"] in tids)
    f.near(got, want, f"{state} of all slow waits")


@test("slow: a read of a pipe: begin, duration, the writer as its waker")
def pipe():
    r = live.work("pipe --threads 2 --each 8 --hold 25 --slow")
    with Facts() as f:
        pairs = matched(f, r, "read", "ipc")
        slept(f, r, pairs, "ipc")
        writers = {t["tid"] for t in r.truth.role("writer")}
        for _, s in pairs:
            by = s["woken_by"]
            f.same((by["kind"], by["pid"]), ("thread", r.truth.pid), "woken by")
            f.check(by["tid"] in writers, f"woken by {by}, the writers are {writers}")
            f.check(re.fullmatch(r"pipe:\[\d+\]", s["detail"]["path"]), f"detail {s['detail']}")


@test("slow: nanosleep: the timer")
def sleep():
    r = live.work("sleep --threads 2 --each 8 --hold 20 --slow")
    with Facts() as f:
        pairs = matched(f, r, "nanosleep", "sleep")
        slept(f, r, pairs, "sleep")
        f.same({s["woken_by"]["kind"] for _, s in pairs}, {"timer"}, "woken by")


@test("slow: a mutex: its address, and the thread that held it")
def lock():
    for opts in ("", " --pthread"):
        r = live.work("futex-lock --threads 3 --each 6 --hold 20 --slow" + opts)
        with Facts() as f:
            rows = r.doc.slow(r.truth.pids, state="lock")
            if not opts:
                matched(f, r, "futex", "lock")
            f.check(len(rows) >= 10, f"{len(rows)} slow waits for a lock")
            f.same({s["detail"]["kind"] for s in rows}, {"lock"}, "kind of detail")
            f.same(len({s["detail"]["lock_addr"] for s in rows}), 1, "addresses of one lock")
            convoy = {t["tid"] for t in r.truth.role("convoy")}
            for s in rows:
                f.check(s["woken_by"].get("tid") in convoy - {s["tid"]}, f"woken by {s['woken_by']}")


WHO = """
import ctypes, os, signal, threading, time
libc = ctypes.CDLL(None)
def renamed():
    libc.prctl(15, b"another-name", 0, 0, 0)
    for _ in range(3): time.sleep(0.05)
t = threading.Thread(target=renamed)
t.start(); t.join()
pid = os.fork()
if not pid:
    libc.prctl(15, b"its-child", 0, 0, 0)
    time.sleep(0.05)
    os._exit(0)
os.wait()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
signal.sigtimedwait([signal.SIGUSR1], 0.05)
"""


@test("slow: the names of threads and processes that have ended meanwhile; no cause that is a guess")
def ended():
    r = live.record([sys.executable, "-c", WHO])
    rows = [s for s in r.doc["slow"] if s["kind"] == "wait"]
    with Facts() as f:
        sleeps = [s["comm"] for s in rows if s["name"] == "clock_nanosleep"]
        f.same(sorted(sleeps), ["another-name"] * 3 + ["its-child"], "who sleeps")
        f.same([s["woken_by"].get("comm") for s in rows if (s["name"], s["comm"]) == ("wait4", "python3")], ["its-child"], "who ends wait4")
        f.same([s["woken_by"]["kind"] for s in rows if s["name"] == "rt_sigtimedwait"], ["interrupt"],
               "what ends a wait for signals")


@test("slow: flock: the file on its own mount, and the process that held it")
def flock():
    d = live.folder()
    at = os.path.join(d, "a mount")
    os.mkdir(at)
    subprocess.run(["mount", "-t", "tmpfs", "none", at], check=True, timeout=20)
    try:
        os.mkdir(os.path.join(at, "below"))
        path = os.path.join(at, "below", "the lock")
        r = live.work(["flock", "--each", "8", "--hold", "20", "--slow", "--file", path])
        with Facts() as f:
            pairs = matched(f, r, "flock", "lock")
            slept(f, r, pairs, "lock")
            holder = r.truth.role("holder")[0]["pid"]
            for _, s in pairs:
                f.same(s["detail"]["path"], path, "path")
                f.same(s["detail"]["inode"], os.stat(path).st_ino, "inode")
                f.same((s["woken_by"]["kind"], s["woken_by"]["pid"]), ("thread", holder), "woken by")
    finally:
        subprocess.run(["umount", at], check=True, timeout=20)


@test("slow: a reply over TCP: who waits for whom, both ways round")
def peer():
    r = live.work("accept --each 8 --hold 20 --slow")
    with Facts() as f:
        ways = []
        for state, accepted in (("network", False), ("idle", True)):
            rows = [s for _, s in matched(f, r, "recvfrom", state)]
            f.same({s["detail"]["accepted"] for s in rows}, {accepted}, f"accepted, in {state}")
            f.same({s["detail"]["protocol"] for s in rows}, {"tcp"}, "protocol")
            ways.append({(s["detail"]["local"], s["detail"]["remote"]) for s in rows})
            f.same({s["woken_by"]["kind"] for s in rows}, {"network"}, "woken by")
        f.same(len(ways[0]), 1, f"connections: {ways[0]}")
        f.same({(b, a) for a, b in ways[0]}, ways[1], "the server's ends")
        local, remote = next(iter(ways[0]))
        f.check(re.fullmatch(r"127\.0\.0\.1:\d+", local) and re.fullmatch(r"127\.0\.0\.1:\d+", remote), f"{local} {remote}")


@test("slow: a reply over IPv6: address and port")
def peer6():
    doc, told = loads("peer6", "60")
    rows = doc.slow(told["pid"], name="recvfrom", state="network")
    same(len(rows), 1, "slow waits")
    same((rows[0]["detail"]["local"], rows[0]["detail"]["remote"]), (told["local"], told["remote"]), "connection")
    check(not rows[0]["detail"]["accepted"], "it was opened from here")


@test("slow: connected UDP: its peer")
def udp():
    r = live.work("udp --each 6 --hold 20 --slow")
    with Facts() as f:
        rows = [s for _, s in matched(f, r, "recvfrom", "network")]
        f.same({s["detail"]["protocol"] for s in rows}, {"udp"}, "protocol")
        f.check(all(re.fullmatch(r"127\.0\.0\.1:\d+", s["detail"]["remote"]) for s in rows), f"{rows[0]['detail']}")


@test("slow: poll on one connection: its peer; on two: how many")
def polls():
    for mode, kind in (("poll1", "peer"), ("poll2", "fds")):
        r = live.work(f"{mode} --each 6 --hold 20 --slow")
        with Facts() as f:
            rows = [s for _, s in matched(f, r, "poll", "network")]
            f.same({s["detail"]["kind"] for s in rows}, {kind}, "kind of detail")
            f.check(all(s["detail"].get("fds") == 2 or "remote" in s["detail"] for s in rows), f"{rows[0]['detail']}")


@test("slow: fsync: the file, under its name of the moment, also when renamed and deleted")
def names():
    d = live.folder()
    doc, told = loads("names", d, "12", opts=["--slow", "1us"])
    rows = sorted(doc.slow(told["pid"], name="fsync", state="disk"), key=lambda s: s["begin_ns"])
    seen = []
    for s in rows:
        key = (s["detail"]["path"], s["detail"]["deleted"])
        if not seen or seen[-1] != key:
            seen.append(key)
    with Facts() as f:
        f.same(seen, [(told["first"], False), (told["second"], False), (told["second"], True)], "names, one after the other")
        f.check(len(rows) >= 36, f"{len(rows)} sleeps in 36 calls")
        f.same({s["detail"]["inode"] for s in rows}, {told["inode"]}, "inodes")
        for s in rows:
            by = s["woken_by"]
            # what ends a commit is the journal's thread or a worker, else the disk itself
            f.check(by["kind"] == "disk" or by.get("comm", "").startswith(("jbd2", "kworker", "ksoftirqd", "loop")), f"woken by {by}")


@test("slow: a read from the disk itself: the disk")
def direct():
    path = os.path.join(live.folder(), "file")
    doc, told = loads("direct", path, "60", opts=["--slow", "1us"])
    with Facts() as f:
        rows = doc.slow(told["pid"], state="disk")
        rows = [s for s in rows if s["name"] in ("preadv", "preadv2")]
        f.check(len(rows) >= 50, f"{len(rows)} slow reads of 60")
        f.same({s["detail"].get("path") for s in rows}, {path}, "path")
        by = [s["woken_by"]["kind"] for s in rows]
        f.check(by.count("disk") >= 0.9 * len(by), f"woken by {sorted(set(by))}")


@test("slow: a file many directories down: the whole path, or its end and a mark")
def deep():
    doc, told = loads("deep", live.folder(), "6", "30", "40")
    s = doc.slow(told["pid"], state="lock")[0]
    same((s["detail"]["path"], s["detail"]["path_cut"]), (told["path"], False), "path")
    doc, told = loads("deep", live.folder(), "60", "100", "40")
    s = doc.slow(told["pid"], state="lock")[0]
    check(s["detail"]["path_cut"], f"nothing says that the path was cut: {s['detail']['path'][:80]}")
    check(re.search(r"(/\d+-d+)+/file$", s["detail"]["path"]), f"not the end of the path: {s['detail']['path'][-80:]}")


# ---- while it lasts --------------------------------------------------------------------------------

BLOCKED = {
    "read": ("ipc", "read"),
    "futex": ("park", "futex"),
    "epoll_wait": ("poll", "epoll_wait"),
    "nanosleep": ("sleep", "nanosleep"),
    "flock": ("lock", "flock"),
}


def role_of(load):
    """Which call each thread of a running `block` is in, by /proc."""
    names = {"0": "read", "202": "futex", "232": "epoll_wait", "35": "nanosleep", "73": "flock"}
    roles = {}
    for tid in os.listdir(f"/proc/{load.pid}/task"):
        with open(f"/proc/{load.pid}/task/{tid}/syscall") as f:
            nr = f.read().split()[0]
        if int(tid) != load.pid and nr in names:
            roles[int(tid)] = names[nr]
    return roles


def blocked_now(f, doc, pid, roles):
    rows = {t["tid"]: t for t in doc.threads(pid)}
    for tid, role in roles.items():
        state, call = BLOCKED[role]
        now = rows.get(tid, {}).get("now", {})
        f.same((now.get("state"), now.get("operation")), (state, call), f"thread {tid}")
    return {tid: rows[tid]["now"] for tid in roles if "now" in rows.get(tid, {})}


@test("now: 40 threads that were blocked before hostlat came are in its first document")
def before():
    if os.uname().machine != "x86_64":
        live.lacks("numbers of system calls")
    with live.Load(live.WORK, "block", "--threads", "40", "--seconds", "60", ready="BLOCKED") as load:
        roles = role_of(load)
        same(len(roles), 40, "blocked threads")
        time.sleep(0.2)
        docs = live.top(n=3, interval=0.5)
        with Facts() as f:
            for i, d in enumerate(docs):
                for tid, now in blocked_now(f, d, load.pid, roles).items():
                    f.check(now["lower_bound"], f"the age of {tid} is no lower bound")
                    age = d["capture"]["duration_ns"]
                    # since hostlat found it, at its start
                    f.check(0.5 * age <= now["since_ns"] <= age + 500 * MS, f"age of {tid} in document {i}: "
                            f"{now['since_ns'] / MS:.1f} ms of {age / MS:.1f}")
                for role in ("read", "flock"):
                    rows = [s for s in d.slow(load.pid, name=role) if s["in_progress"]]
                    f.same({s["tid"] for s in rows}, {t for t, r in roles.items() if r == role}, f"in progress: {role}")
                    f.check(all(s["lower_bound"] for s in rows), f"{role} in progress is no lower bound")
                    f.check(all("woken_by" not in s for s in rows), f"{role} in progress was woken")
                work = [s for s in d["slow"] if s["pid"] == load.pid and s["in_progress"] and s["state"] in live.WORK_STATES]
                f.same(work, [], "waits for work in progress")


@test("now: threads that block after hostlat came have their true age")
def after():
    with live.Record("-i", "0.3") as h:
        with live.Load(live.WORK, "block", "--threads", "10", "--seconds", "60", ready="BLOCKED") as load:
            roles, blocked = role_of(load), live.boot_ns()
            time.sleep(1.0)
            h.stop()
        with Facts() as f:
            ended = blocked + S
            for tid, now in blocked_now(f, h.doc, load.pid, roles).items():
                f.check(not now["lower_bound"], f"the age of {tid} is a lower bound")
                f.check(0.9 * S <= now["since_ns"] <= live.boot_ns() - blocked + 500 * MS, f"age of {tid}: {now}")
            for s in h.doc.slow(load.pid):
                if s["in_progress"]:
                    f.check(s["begin_ns"] <= blocked and s["begin_ns"] + s["duration_ns"] >= ended - 300 * MS, f"{s}")


@test("now: an fsync that hangs is seen with its file while it hangs")
def hung_fsync():
    root, dev = "/sys/fs/cgroup/blkio", None
    d = live.folder()
    with open("/proc/self/mountinfo") as mounts:
        for line in mounts:
            words = line.split()
            if words[4] == "/" and not words[2].startswith("0:"):
                dev = words[2]
    limit = os.path.join(root, f"hostlat-test-{os.getpid()}")
    if not dev or not os.path.exists(os.path.join(root, "blkio.throttle.write_bps_device")) or os.stat(d).st_dev != os.stat("/").st_dev:
        live.lacks("no limit on writes by cgroup")
    os.mkdir(limit)
    path = os.path.join(d, "big file")

    def bound(bps):
        with open(os.path.join(limit, "blkio.throttle.write_bps_device"), "w") as f:
            f.write(f"{dev} {bps}")

    try:
        bound(1 << 20)
        enter = ["/bin/sh", "-c", f'echo $$ >{limit}/cgroup.procs && exec "$@"', "sh"]
        with live.Load(*enter, *LOADS, "fsync-big", path, 64 << 20, ready="BEGIN") as load:
            time.sleep(0.1)
            docs = live.top(n=2, interval=0.5)
            bound(0)
            told = json.loads(load.end())
        if told["wall_ns"] < 1.5 * S:
            live.lacks("the limit on writes has no effect")
        with Facts() as f:
            for doc in docs:
                now = doc.thread(load.pid)["now"]
                f.same((now["state"], now["operation"]), ("disk", "fsync"), "now")
                f.same(now.get("detail"), path, "the file, now")
                rows = [s for s in doc.slow(load.pid) if s["in_progress"]]
                f.same([(s["name"], s["state"], s["detail"].get("path")) for s in rows], [("fsync", "disk", path)], "in progress")
    finally:
        bound(0)
        live.wait_for("end of the cgroup's processes", lambda: not open(os.path.join(limit, "cgroup.procs")).read())
        os.rmdir(limit)


# ---- kernel threads -----------------------------------------------------------------------------------


@test("kernel threads: apart in the totals, not in the tables of text")
def kthreads():
    names = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                text = f.read()
        except OSError:
            continue
        comm, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
        if int(rest[6]) & 0x200000:
            names.add(comm.split("/")[0])
    check("kthreadd" in names and len(names) > 10, f"kernel threads of this host: {len(names)}")
    d = live.top(n=1, interval=0.6)[-1]
    idle = d["kthread_time_ns"].get("idle", 0)
    check(idle > 10 * 300 * MS, f"idle of kernel threads: {idle / MS:.0f} ms")
    with Facts() as f:
        kids = {p["pid"] for p in d["processes"] if p["ppid"] == 2 or p["pid"] == 2}
        f.check(len(kids) > 10, f"{len(kids)} kernel threads in the document")
        cpu = sum(t["interval"]["time_ns"].get("cpu", 0) for t in d.threads() if t["pid"] not in kids)
        f.near(d["interval"]["host_time_ns"]["cpu"], cpu, "CPU of the host's totals is that of its processes")
        p = live.start(live.HOSTLAT, "top", "--batch", "-n", 1, "-i", "0.5", "--rows", 0)
        out, err = p.communicate(timeout=60)
        same(p.returncode, 0, f"status ({err[-200:]!r})")
        f.check("kthreads" in out, "no line of the kernel threads' totals")
        rows = [line for line in out.splitlines() if re.match(r"\s*\d+\s", line)]
        f.check(len(rows) > 5, f"{len(rows)} rows of text")
        wrong = [line[:60] for line in rows if any(re.search(rf"\s{re.escape(n)}(/|\s)", line[:60]) for n in names)]
        f.same(wrong, [], "rows of kernel threads")


if __name__ == "__main__":
    live.main()
