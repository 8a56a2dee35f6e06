#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Entries and exits that do not pair in the plain way. In each case the calls of the
generator are counted exactly, have the latency that the program saw, and nothing is
unaccounted."""
import calls_util as u
import live
from live import Facts, MS, check, lacks, near, same, test


@test("pairing: a call that a signal restarts is one call, from its first entry to its last exit")
def restart():
    r = u.run("restart --signals 3 --each 3 --hold 80")
    reader, napper = r.truth.role("reader")[0], r.truth.role("napper")[0]
    with Facts() as f:
        u.same_calls(f, r, ["read"], {reader["pid"]})
        u.same_calls(f, r, ["nanosleep", "rt_sigreturn", "tgkill", "clone", "wait4"])
        f.near(u.longest(r.doc, reader["pid"], "read"), reader["max_ns"]["ipc"], "the longest read", slack=3 * MS)
        f.near(r.doc.total(reader["pid"], "syscall", "read"), reader["state_ns"]["ipc"], "all reads", slack=3 * MS)
        f.near(r.doc.total(napper["pid"], "syscall", "nanosleep"),
               napper["state_ns"]["sleep"] + napper["state_ns"]["stopped"], "all stopped sleeps", slack=3 * MS)
        times = r.doc.ops(napper["pid"], "syscall", "nanosleep")[0]["time_ns"]
        # the generator sees a stop a little late, and its end a little early
        f.near(times.get("stopped", 0), napper["state_ns"]["stopped"], "stopped", slack=15 * MS)
        times = r.doc.ops(reader["pid"], "syscall", "read")[0]["time_ns"]
        f.near(times.get("ipc", 0), reader["state_ns"]["ipc"], "ipc of the parts together", slack=5 * MS)
        slow = r.doc.slow(reader["pid"], "syscall", "read")
        f.same(len(slow), 3, "slow reads")
        f.check(all(s["restarted"] and s["result"] == 1 for s in slow), f"not restarted: {slow}")
        slow = r.doc.slow(napper["pid"], "syscall", "nanosleep")
        # a nap that was over before anybody came to stop it is taken again
        f.same(len(slow), napper["returned"]["nanosleep"], "slow sleeps")
        f.same([s["result"] for s in slow if s["restarted"]], [0] * 3, "stopped sleeps")


@test("pairing: EINTR ends a call, as an error; the program's next try is another call")
def eintr():
    r = u.run("eintr --signals 3 --each 3 --hold 20 --slow")
    reader = r.truth.role("reader")[0]
    same(reader["errors_by"].get("read"), 9, "interrupted reads of the generator")
    with Facts() as f:
        u.same_calls(f, r, ["read", "rt_sigreturn", "tgkill"])
        took = sum(s["duration_ns"] for s in r.truth.slow if s["call"] == "read")
        f.near(r.doc.total(reader["pid"], "syscall", "read"), took, "all reads", slack=5 * MS)
        times = r.doc.ops(reader["pid"], "syscall", "read")[0]["time_ns"]
        f.near(times.get("ipc", 0), reader["state_ns"]["ipc"], "ipc of all tries", slack=5 * MS)
        slow = r.doc.slow(reader["pid"], "syscall", "read")
        f.same(sorted(s["result"] for s in slow), [-4] * 9 + [1] * 3, "results of the slow reads")
        f.check(not any(s["restarted"] for s in slow), "one says that it was restarted")
        f.check(u.longest(r.doc, reader["pid"], "read") < 40 * MS, "two tries were taken for one call")


@test("pairing: a signal handler's read is not the read that it interrupted")
def nested():
    r = u.run("nested --signals 3 --each 3 --hold 15")
    reader = r.truth.role("reader")[0]
    with Facts() as f:
        u.same_calls(f, r, ["read", "rt_sigreturn", "tgkill"])
        f.near(u.longest(r.doc, reader["pid"], "read"), reader["max_ns"]["ipc"], "the longest read", slack=3 * MS)
        slow = r.doc.slow(reader["pid"], "syscall", "read")
        again = [s for s in slow if s["restarted"]]
        f.same((len(again), len(slow) - len(again)), (3, 9), "restarted reads and others")
        for s in slow:
            low, high = (6 * 15, 400) if s["restarted"] else (14, 45)
            f.check(low * MS <= s["duration_ns"] <= high * MS,
                    f"restarted {s['restarted']}: {s['duration_ns'] / MS:.1f} ms")


@test("pairing: a call that a signal handler jumps out of never returned")
def jump():
    r = u.run("jump --signals 3 --each 3 --hold 15")
    reader = r.truth.role("reader")[0]
    same((reader["calls"]["read"], reader["returned"]["read"]), (12, 3), "reads of the generator")
    with Facts() as f:
        u.same_calls(f, r, ["read", "tgkill"])
        f.check(u.longest(r.doc, reader["pid"], "read") < 30 * MS, "two reads were taken for one call")
        f.check(not any(s["restarted"] for s in r.doc.slow(reader["pid"], "syscall", "read")), "none was restarted")


@test("pairing: handled signals that interrupt no call")
def sigreturn():
    r = u.run("sigreturn --each 3000")
    with Facts() as f:
        u.same_calls(f, r, ["rt_sigreturn", "tgkill"])
        f.check(u.longest(r.doc, r.truth.pids, "rt_sigreturn") < 100 * MS, "a long rt_sigreturn")


@test("pairing: clone returns twice, and only the parent has a latency")
def fork():
    r = u.run("fork --each 1500")
    same(r.truth.extra["child_returns"], 1500, "children of the generator")
    with Facts() as f:
        u.same_calls(f, r, ["clone", "wait4"])
        children = {c["pid"] for c in r.truth.j["children"]} - r.truth.pids
        f.check(len(children) > 100, f"only {len(children)} numbers of children")
        f.same(u.counts(r.doc, children), {}, "calls of children that only exit")


@test("pairing: vfork returns to the parent when the child is done")
def vfork():
    r = u.run("vfork --each 15 --hold 15")
    parent = r.truth.role("parent")[0]
    with Facts() as f:
        u.same_calls(f, r, ["vfork", "wait4"])
        o = r.doc.ops(parent["pid"], "syscall", "vfork")
        f.near(o[0]["total_ns"], parent["state_ns"]["child"], "all vforks", slack=5 * MS)
        f.near(o[0]["time_ns"].get("child", 0), parent["state_ns"]["child"], "child of vfork", slack=5 * MS)
        children = {c["pid"] for c in r.truth.j["children"]} - r.truth.pids
        f.same(u.counts(r.doc, children), {"nanosleep": 15}, "calls of the children")


@test("pairing: exec from a thread that is not the leader")
def texec():
    r = u.run("texec --each 60")
    images = {t["pid"] for t in r.truth.role("image")}
    with Facts() as f:
        u.same_calls(f, r, ["getppid", "nanosleep", "wait4"])
        same(len(r.truth.role("image")), 60, "images of the generator")
        f.same(r.doc.count(images, "syscall", "execve"), 60, "execs")
        f.check(u.longest(r.doc, images, "nanosleep") < 500 * MS, "a sleep that took another call's begin")
        slow = [o for o in r.doc.ops(images, "syscall") if o["errors"] and o["name"] == "execve"]
        f.check(not slow, "an exec failed")
        f.same(r.doc.acct("waits")["lost_by"].get("map_full", 0), 0, "threads without a home")


@test("pairing: a process goes on as a target when another thread than its leader made it a new program")
def texec_target():
    truth = live.os.path.join(live.folder(), "g.json")
    shell = f'sleep 0.4; exec "{live.WORK}" sigreturn --threads 3 --each 5000 --json "{truth}"'
    code = ("import os, sys, threading, time\n"
            "threading.Thread(target=lambda: os.execv('/bin/sh', ['sh', '-c', sys.argv[1]])).start()\n"
            "time.sleep(20)\n")
    r = live.record([live.sys.executable, "-c", code, shell], calls="on")
    with open(truth, encoding="utf-8") as f:
        r.truth = live.Truth(live.json.load(f))
    with Facts() as f:
        u.law(f, r.doc)
        u.same_calls(f, r, ["tgkill"])


@test("pairing: processes that have the same number one after another are told apart")
def reuse():
    r = u.run("reuse --each 120")
    tid = int(r.truth.extra["tid"])
    with Facts() as f:
        u.same_calls(f, r, ["wait4"], {r.truth.pid})
        rows = r.doc.ops(tid, "syscall", "getppid")
        f.same(len(rows), 60, "processes that made the call")
        f.same({o["count"] for o in rows}, {3}, "calls of each")
        f.same(len({o["start_ns"] for o in rows}), 60, "identities")
        # the others were killed in a read: no latency, and none of the next one's calls has its begin
        f.same(sum(o["count"] for o in r.doc.ops(tid, "syscall", "read")), 0, "reads that were killed")
        f.check(u.longest(r.doc, tid, "getppid") < 100 * MS, "a getppid that took another process's begin")


@test("pairing: a call in which its thread is killed never returned")
def killed():
    r = u.run("killed --each 25 --hold 5")
    victims = {t["pid"] for t in r.truth.role("victim")}
    same(len(victims), 25, "victims of the generator")
    with Facts() as f:
        u.same_calls(f, r, ["wait4", "kill", "clone"], {r.truth.pid})
        f.same(r.doc.count(victims, "syscall", "read"), 0, "reads that were killed")


@test("pairing: calls that seccomp denies have no latency, and leave their neighbours alone")
def seccomp():
    r = u.run("seccomp --each 400 --hold 1")
    t = r.truth.role("denied")[0]
    denied = int(r.truth.extra["denied"])
    same(denied, 400, "denied calls of the generator")
    with Facts() as f:
        f.same(r.doc.count(t["pid"], "syscall", "getppid"), t["returned"]["getppid"] - denied, "calls of getppid")
        f.same(u.errors(r.doc, t["pid"], "getppid"), 0, "errors of getppid")
        f.same(r.doc.count(t["pid"], "syscall", "nanosleep"), t["returned"]["nanosleep"], "calls of nanosleep")
        f.check(u.longest(r.doc, t["pid"], "getppid") < 100 * MS, "a getppid that took another call's begin")
        f.near(r.doc.total(t["pid"], "syscall", "nanosleep"), t["state_ns"]["sleep"], "all sleeps", 1, 60 * MS)


@test("pairing: threads that change their CPU inside of calls")
def migrate():
    r = u.run("migrate --each 4000")
    with Facts() as f:
        u.same_calls(f, r, ["sched_setaffinity"])
        f.check(u.longest(r.doc, r.truth.pids, "sched_setaffinity") < 2000 * MS, "clocks that differ")
        f.same(r.doc.acct("calls")["lost_by"].get("clock", 0), 0, "clocks that went backwards")


@test("pairing: threads that are preempted between and inside of calls")
def preempt():
    r = u.run("preempt --threads 8 --each 20000")
    with Facts() as f:
        u.same_calls(f, r, ["getppid", "sched_yield"])


@test("pairing: 32-bit calls of a 64-bit program have their own names")
def ia32():
    r = u.run("ia32 --each 1000")
    with Facts() as f:
        f.same(r.doc.count(r.truth.pids, "syscall", "getpid/ia32"), 1000, "getpid by int 0x80")
        f.same(r.doc.count(r.truth.pids, "syscall", "writev"), 0, "number 20 in the 64-bit table")


if __name__ == "__main__":
    live.main()
