#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What is blocked right now: who, for how long, on what, and in which functions of the kernel;
within one refresh, also what began before hostlat did and what never comes back."""
import json
import os
import re
import struct
import subprocess
import time

import hung
import live
from hung import Fuse, Waiter
from live import MS, Facts, S, check, same, test

NEAR = 300 * MS  # of an age: asked for is a second; the machine may be busy


def real_ns(stamp):
    """Of an RFC 3339 time of a document."""
    m = re.fullmatch(r"(.*)\.(\d{9})Z", stamp)
    return int(time.mktime(time.strptime(m[1] + " UTC", "%Y-%m-%dT%H:%M:%S %Z")) - time.timezone) * S + int(m[2])


def rows(doc, pid):
    return [r for r in doc["blocked"] if r["pid"] == pid]


def row(doc, pid):
    got = rows(doc, pid)
    same(len(got), 1, f"rows of {pid} in Blocked")
    return got[0]


def stack(doc, number):
    got = [s for s in doc["stacks"] if s["id"] == number]
    same(len(got), 1, f"stacks with the number {number}")
    return got[0]


def functions(doc, r):
    check("kernel_stack" in r, f"{r['comm']} in {r['operation']} has no kernel stack")
    return [f.get("function") for f in stack(doc, r["kernel_stack"])["frames"]]


def proc_stack(pid):
    """The same as the kernel itself prints it: [(function, offset, module)]."""
    with open(f"/proc/{pid}/stack") as f:
        got = [re.match(r"\[<0>\] ([^+]+)\+0x([0-9a-f]+)/0x[0-9a-f]+(?: \[(\w+)\])?", line) for line in f]
    return [(m[1], int(m[2], 16), m[3]) for m in got if m]


def agrees_with_proc(f, doc, r, pid):
    """Every frame: name, offset and module."""
    ours = [(x.get("function"), x.get("offset"), x.get("module")) for x in stack(doc, r["kernel_stack"])["frames"]]
    f.check(len(ours) >= 4, f"frames: {ours}")
    f.same(ours, proc_stack(pid), "frames, beside /proc/PID/stack")


def watch(during, n=8, interval=0.3, *opts):
    """The documents of a `top` during which `during` runs, once hostlat is attached."""
    p = live.start(live.HOSTLAT, "top", "--batch", "--json", "--calls=off", "-n", n, "-i", interval, *opts)
    try:
        live.wait_for("hooks of hostlat", lambda: live.attached(p))
        during()
    except BaseException:
        p.kill()
        raise
    finally:
        out, err = live._finish(p, 60)
    same(p.returncode, 0, f"status ({err[-300:]!r})")
    return [live.valid(live.Doc(json.loads(line))) for line in out.splitlines()]


def ages(f, docs, pid, began, ended=None, threshold=100 * MS):
    """In each picture the row stands exactly when it must, with its age; returns the pictures that
    have it. A picture that was taken near a moment at which that changes says nothing."""
    have = []
    for d in docs:
        at, got = real_ns(d["capture"]["ended"]), rows(d, pid)
        age, slack = at - began, 100 * MS
        due = age >= threshold and (not ended or at < ended)
        if min(abs(age - threshold), abs(at - (ended or 0))) > slack:
            f.same(len(got), int(due), f"rows at the age of {age / MS:.0f} ms")
        for r in got:
            f.near(r["age_ns"], age, f"age at {age / MS:.0f} ms", 0, NEAR)
            f.check(not r["lower_bound"], "its begin was seen")
        if got:
            have.append(d)
    f.check(len(have) >= 2, f"pictures with it: {len(have)} of {len(docs)}")
    return have


def now_of(f, doc, r):
    """The thread itself says the same."""
    now = doc.thread(r["tid"])["now"]
    f.same(now.get("kernel_stack"), r["kernel_stack"], "the thread's stack")
    f.same((now["state"], now.get("operation"), now.get("detail")), (r["state"], r["operation"], r.get("detail", {}).get("text")), "the thread now")


def begun_now(program, *args, fs=None, **opts):
    """A waiter that begins while hostlat looks; its documents, itself still at its wait."""
    waiters = []
    docs = watch(lambda: waiters.append(Waiter(program, *args, fs=fs)), **opts)
    return waiters[0], docs


def check_hang(program, args, state, uninterruptible, call, text, function, fs=None):
    w, docs = begun_now(program, *args, fs=fs)
    with w, Facts() as f:
        last = ages(f, docs, w.pid, w.began)[-1]
        r = row(last, w.pid)
        f.same((r["state"], r["uninterruptible"], r["operation"]), (state, uninterruptible, call), "what it is in")
        f.same(r.get("detail", {}).get("text"), text, "what it is on")
        f.check(any(function in (x or "") for x in functions(last, r)), f"no {function} in {functions(last, r)}")
        agrees_with_proc(f, last, r, w.pid)
        now_of(f, last, r)


@test("blocked: a read that a file system never answers, whose wait is interruptible")
def fuse_direct():
    with Fuse() as fs:
        with open(fs.path("good")) as good:
            same(good.read(4), "good", "the file system answers what is not to hang")
        check_hang(hung.READER, [fs.path("direct")], "other", False, "read", fs.path("direct"), "fuse_", fs)
        check(fs.hung.is_set(), "the server got the read")


@test("blocked: a read behind another's, of a page that never comes, which is uninterruptible")
def fuse_cached():
    with Fuse() as fs, Waiter(hung.READER, fs.path("cached"), fs=fs):
        live.wait_for("read at the server", fs.hung.is_set)
        check_hang(hung.READER, [fs.path("cached")], "disk", True, "read", fs.path("cached"), "filemap_", fs)


@test("blocked: a name that is never found")
def fuse_lookup():
    with Fuse() as fs:
        check_hang(hung.FINDER, [fs.path(hung.LOST)], "other", False, "newfstatat", None, "fuse_", fs)


@test("blocked: a page that userfaultfd keeps back")
def userfault():
    check_hang(hung.FAULTER, [], "fault", False, "(user)", None, "handle_userfault")


@test("blocked: a mutex, with its address")
def mutex():
    w, docs = begun_now(hung.LOCKER, "1")
    with w, Facts() as f:
        r = row(ages(f, docs, w.pid, w.began)[-1], w.pid)
        f.same((r["state"], r["operation"]), ("lock", "futex"), "what it is in")
        f.same(r["detail"], {"text": hex(w.told("WORD")), "kind": "lock", "addr": w.told("WORD")}, "what it is on")
        f.check("futex_wait" in functions(docs[-1], r), functions(docs[-1], r))


@test("blocked: a peer, and gone at the refresh after its answer")
def peer():
    w, docs = begun_now(hung.RECEIVER, "1.5", n=10)
    with w, Facts() as f:
        r = row(ages(f, docs, w.pid, w.began, w.told("ANSWER"))[-1], w.pid)
        f.same((r["state"], r["operation"]), ("network", "recvfrom"), "what it is in")
        f.same(r["detail"].get("remote"), f"127.0.0.1:{w.told('PORT')}", "the peer")
        f.same(rows(docs[-1], w.pid), [], "in Blocked after the answer")


@test("blocked: waits for work, and a pipe, are not")
def idle():
    with live.Load(live.WORK, "block", "--threads", "10", "--seconds", "60", ready="BLOCKED") as load:
        time.sleep(0.3)
        doc = live.top(n=1)[0]
        same({r["operation"] for r in rows(doc, load.pid)}, {"flock"}, "blocked of a thread in each kind of wait")


@test("blocked: what began before hostlat has at least its age, and nearly all of it")
def before():
    with Fuse() as fs, Waiter(hung.READER, fs.path("direct"), fs=fs) as reader, Waiter(hung.FAULTER) as faulter:
        time.sleep(2)
        doc = live.top("-p", f"{reader.pid},{faulter.pid}", n=1, interval=0.2)[0]
        at = real_ns(doc["capture"]["ended"])
        with Facts() as f:
            for w, state in ((reader, "other"), (faulter, "fault")):
                r = row(doc, w.pid)
                f.same((r["state"], r["lower_bound"]), (state, True), "what it is in")
                f.check(r["age_ns"] <= at - w.began, f"older than it is: {r['age_ns']} of {at - w.began}")
                f.near(r["age_ns"], at - w.began, "age", 0, NEAR)
                agrees_with_proc(f, doc, r, w.pid)
            f.same(row(doc, reader.pid)["detail"]["path"], fs.path("direct"), "path")


@test("blocked: --blocked says from what age on")
def threshold():
    with Waiter(hung.RECEIVER, "60") as w:
        same(rows(live.top("--blocked", "1h", n=2, interval=0.3)[-1], w.pid), [], "below it")
        w, docs = begun_now(hung.RECEIVER, "60", n=6, interval=0.2)
    with w, Facts() as f:
        ages(f, docs, w.pid, w.began)
        doc = live.top("--blocked", "1ms", n=2, interval=0.3)[-1]
        f.same(doc["capture"]["blocked_threshold_ns"], MS, "threshold in the document")
        row(doc, w.pid)


@test("blocked: what a recording replays is what was live, stacks too")
def replay():
    d = live.folder()
    with Fuse() as fs, Waiter(hung.READER, fs.path("direct"), fs=fs) as reader, Waiter(hung.RECEIVER, "60") as peer_:
        a, b, c = (os.path.join(d, n) for n in ("a.hostlat", "a.json", "b.json"))
        for cmd in (("record", "-d", "1", "-i", "0.3", "-o", a, "--json", b), ("export", a, "--format", "json", "-o", c)):
            r = subprocess.run([live.HOSTLAT, *cmd], capture_output=True, text=True, timeout=60)
            same(r.returncode, 0, f"{cmd[0]} ({r.stderr[-200:]!r})")
        r = subprocess.run(["cmp", b, c], capture_output=True, text=True)
        same((r.returncode, r.stdout), (0, ""), "live and replayed document")
        with open(c) as file:
            doc = live.valid(live.Doc(json.load(file)))
        with Facts() as f:
            for w in (reader, peer_):
                f.check(functions(doc, row(doc, w.pid)), "a stack")
            f.check("fuse" in json.dumps(stack(doc, row(doc, reader.pid)["kernel_stack"])), "the file system's functions")
            f.same(addresses_in(a, functions(doc, row(doc, reader.pid))), [], "functions whose addresses are recorded")


def addresses_in(path, names):
    """Those of the functions near whose beginning an address lies that is in the file."""
    with open("/proc/kallsyms") as f:
        at = {name: int(addr, 16) for addr, _, name, *_ in map(str.split, f) if name in names}
    same(set(at), set(names), "functions that the kernel tells the address of")
    check(all(at.values()), "the addresses of functions")
    with open(path, "rb") as f:
        data = f.read()
    return [name for name, addr in at.items() if struct.pack("<Q", addr)[2:] in data]


@test("blocked: more than there are stacks for at one refresh: the rest at the next one, nothing lost")
def many():
    with Waiter(hung.LOCKER, "1200") as w:
        time.sleep(0.5)
        docs = live.top(n=2)
        with Facts() as f:
            for i, (doc, with_one) in enumerate(zip(docs, (1024, 1200))):
                got = rows(doc, w.pid)
                f.same(len(got), 1200, f"blocked threads in {i}")
                n = sum("kernel_stack" in r for r in doc["blocked"])
                f.check(n == with_one if i == 0 else n >= with_one, f"with a stack in {i}: {n}")
                f.same(len({r["kernel_stack"] for r in got if "kernel_stack" in r}), 1, f"distinct ones in {i}")
            f.check(docs[1].acct("stacks")["delivered"] >= 1200, f"accounting: {docs[1].acct('stacks')}")


if __name__ == "__main__":
    live.main()
