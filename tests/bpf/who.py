#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Who it was: processes under their own names, numbers and cgroups, whatever they do with them,
and names that would hurt whoever prints them raw."""
import csv
import fcntl
import io
import json
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import termios
import time

import calls_util as u
import live
from live import MS, Facts, check, same, test

LOADS = [sys.executable, os.path.join(os.path.dirname(os.path.realpath(__file__)), "loads.py")]


# ---- cgroups ---------------------------------------------------------------------------------


class Cgroup:
    """A cgroup of version 2 of this test's own; .path as hostlat shows it."""

    def __init__(self, name):
        self.root = next((line.split()[1] for line in open("/proc/mounts") if line.split()[2] == "cgroup2"), None)
        self.path = f"/hostlat-{name}-{os.getpid()}"
        self.procs = f"{self.root}{self.path}/cgroup.procs"

    def __enter__(self):
        try:
            os.mkdir(f"{self.root}{self.path}")
        except (OSError, TypeError) as e:
            live.lacks(f"no cgroup2 that we may write to: {e}")
        return self

    def __exit__(self, *_):
        live.wait_for("end of the cgroup's processes", lambda: not open(self.procs).read())
        os.rmdir(f"{self.root}{self.path}")

    def take(self, pid):
        with open(self.procs, "w") as f:
            f.write(str(pid))


@test("who: a process that is moved to another cgroup is in that, with an exec after it and without")
def moved():
    with Cgroup("moved") as c, live.Record("-i", "0.2") as h:
        stays = live.start("/bin/sh", "-c", "sleep 1.3; :")
        goes = live.start("/bin/sh", "-c", f"sleep 0.7; echo $$ >{c.procs} && exec sleep 0.6")
        time.sleep(0.7)  # some intervals have told where they were
        c.take(stays.pid)
        stays.wait(20), goes.wait(20)
        h.stop()
        with Facts() as f:
            for p in (stays, goes):
                f.same([x.get("cgroup") for x in h.doc.processes(p.pid)], [c.path], f"cgroup of {p.args[2]!r}")


@test("who: --cgroup takes who comes in later, waits and calls")
def moved_target():
    with Cgroup("target") as c, u.Waiting("cheap --threads 2 --each 20000") as load:
        with live.Record("--cgroup", c.path, "-i", "0.2", calls="on") as rec:
            time.sleep(0.5)
            c.take(load.pid)
            load.go()
            truth = load.end()
        r = live.Run()
        r.doc, r.truth = rec.doc, truth
        with Facts() as f:
            u.law(f, r.doc)
            u.same_calls(f, r, ["getppid"])
            f.same({p["pid"] for p in r.doc.processes()}, truth.pids, "processes")


# ---- numbers and programs ----------------------------------------------------------------------


@test("who: a process in a pid namespace has the host's number")
def namespace():
    code = "import os, sys, time; time.sleep(0.05); print(os.getpid()); time.sleep(0.05)"
    r = live.record(["unshare", "-pf", "--mount-proc", sys.executable, "-c", code])
    same(r.out.split(), ["1"], "its own number")
    rows = [p for p in r.doc.processes() if p["comm"].startswith("python")]
    same(len(rows), 1, f"processes ({[p['comm'] for p in r.doc.processes()]})")
    with Facts() as f:
        f.check(rows[0]["pid"] > 1, f"number {rows[0]['pid']}")
        f.near(sum(o["time_ns"].get("sleep", 0) for o in r.doc.ops(rows[0]["pid"], state="sleep")), 100 * MS, "its sleeps", slack=5 * MS)


@test("who: a command line of a megabyte is an exec like others, cut")
def long_line():
    words = ["x" * 100000 for _ in range(10)]
    r = live.record([shutil.which("true"), *words])
    rows = [p for p in r.doc.processes() if p["comm"] == "true"]
    same(len(rows), 1, "processes")
    args = rows[0]["args"]
    check(args == shutil.which("true") + " ...", f"{len(args)} bytes: {args[:60]}")


@test("who: calls that are in no table are told by their number, or as unknown: never by another's name")
def no_such_calls():
    code = ("import ctypes\nlibc = ctypes.CDLL(None)\n"
            "for i in range(70):\n    libc.syscall(9999); libc.syscall(511)\n"
            "for i in range(30):\n    libc.syscall(ctypes.c_long(-1)); libc.syscall(ctypes.c_long(0x40000000 + 39))\n")
    r = live.record([sys.executable, "-c", code], calls="on")
    with Facts() as f:
        u.law(f, r.doc)
        for name, n in (("syscall_9999", 70), ("syscall_511", 70), ("(unknown)", 60)):
            f.same(r.doc.count(None, "syscall", name), n, f"calls of {name}")
            f.same(u.errors(r.doc, None, name), n, f"errors of {name}")


# A program of 32 bits without a C library: it sleeps, waits for its pipe, and ends.
IA32 = """
.globl _start
_start: mov $7, %esi
1:      mov $162, %eax          # nanosleep
        mov $ts, %ebx
        xor %ecx, %ecx
        int $0x80
        dec %esi
        jnz 1b
        mov $3, %eax            # read: what its standard input has after a while
        xor %ebx, %ebx
        mov $buf, %ecx
        mov $1, %edx
        int $0x80
        mov $240, %eax          # futex: a wait for 2 is a mutex
        mov $word, %ebx
        xor %ecx, %ecx
        mov $2, %edx
        mov $ts, %esi
        int $0x80
        mov $168, %eax          # poll of nothing
        xor %ebx, %ebx
        xor %ecx, %ecx
        mov $40, %edx
        int $0x80
        mov $252, %eax
        xor %ebx, %ebx
        int $0x80
.data
ts:     .long 0, 20000000
word:   .long 2
buf:    .long 0
"""


@test("who: a program of 32 bits: its calls by their own names, their waits in their states")
def ia32():
    if os.uname().machine != "x86_64" or live.work("ia32 --each 1").status:
        live.lacks("32-bit calls")
    d = live.folder()
    obj, prog = os.path.join(d, "x.o"), os.path.join(d, "thirty-two")
    subprocess.run(["as", "--32", "-o", obj], input=IA32.encode(), check=True, timeout=20)
    subprocess.run(["ld", "-m", "elf_i386", "-o", prog, obj], check=True, timeout=20)
    r = live.record(["/bin/sh", "-c", f"(sleep 0.25; echo) | {prog}"], calls="on")
    pid = next(p["pid"] for p in r.doc.processes() if p["comm"] == "thirty-two")
    with Facts() as f:
        u.law(f, r.doc)
        calls = u.counts(r.doc, pid)
        want = {"nanosleep/ia32": 7, "read/ia32": 1, "futex/ia32": 1, "poll/ia32": 1}
        f.same({k: v for k, v in calls.items() if k in want}, want, f"calls ({calls})")
        f.check(not {"sched_setaffinity", "pread64", "utime"} & set(calls), f"64-bit names: {calls}")
        for name, state, ns in (("nanosleep/ia32", "sleep", 140 * MS), ("futex/ia32", "lock", 20 * MS), ("poll/ia32", "sleep", 40 * MS)):
            got = sum(o["time_ns"].get(state, 0) for o in r.doc.ops(pid, name=name, state=state))
            f.near(got, ns, f"{state} in {name}", slack=8 * MS)
        f.check(r.doc.total(pid, name="read/ia32", state="ipc") > 30 * MS, f"read: {r.doc.ops(pid, name='read/ia32')}")


@test("who: a process whose birth nobody was told of has its name all the same")
def birth_lost():
    # cells for all that happens while nobody gives back those of the dead
    with live.Record("-i", "0.3", "--cells", "100000", may_lose=("lifecycle",)) as h:
        h.p.send_signal(live.signal.SIGSTOP)  # nobody empties the ring
        try:
            p = subprocess.run([live.WORK, "tiny", "--exec", "--each", "7000"], capture_output=True, timeout=100)
            same(p.returncode, 0, "status of the generator")
            load = live.start(live.WORK, "sleep", "--threads", 3, "--each", 20, "--hold", 100)
            time.sleep(0.3)
        finally:
            h.p.send_signal(live.signal.SIGCONT)
        out, err = live._finish(load, 30)
        same(load.returncode, 0, f"status of the load ({err[-200:]!r})")
        truth = live.Truth(json.loads(out))
        h.stop()
    with Facts() as f:
        row = h.doc.acct("lifecycle")
        f.check(row["lost_by"].get("ring_full", 0) > 0, f"no birth was lost: {row}")
        f.same([(p.get("comm"), p["ppid"], p.get("exe")) for p in h.doc.processes(truth.pid)], [("work", os.getpid(), live.WORK)], "name")
        f.same(h.doc.count(truth.pid, name="nanosleep", state="sleep"), 60, "waits")
        # its threads are dead by the end, as 7000 others are, whose rows may have become one
        slept = h.doc.process(truth.pid)["time_ns"].get("sleep", 0)
        f.check(slept >= 3 * 20 * 100 * MS, f"its threads slept for {slept / MS:.0f} ms")


# ---- names that hurt ---------------------------------------------------------------------------------

# Bytes that must not come out: of the names in the generator's mode `hostile`.
HURT = [b"\x1b]52", b"\x1b]0;", b"\x1b[2J\x1b[H.x", b"\x9b31m", b"\xff\xfe", b"\xc3\x28", "\u202e".encode(), "\u0301\u0301".encode(),
        "\u200b".encode(), b"\x7f"]
NR_NAMES = 19


def hostile(d, seconds=3):
    return live.Load(live.WORK, "hostile", "--each", int(seconds * 20), "--hold", 50, "--file", os.path.join(d, "hostile"), "--wait",
                     ready="READY")


def raw(*words):
    p = subprocess.run([live.HOSTLAT, *map(str, words)], capture_output=True, timeout=60)
    same(p.returncode, 0, f"status of {words} ({p.stderr[-200:]!r})")
    return p.stdout


def harmless(f, what, data, allowed=b"\n"):
    for hurt in HURT:
        f.check(hurt not in data, f"{what} has {hurt!r}: {data[max(0, data.find(hurt) - 30):data.find(hurt) + 30]!r}")
    found = {bytes([c]) for c in data if c < 0x20 or c == 0x7f} - {bytes([c]) for c in allowed}
    f.check(not found, f"{what} has control bytes {found}")
    text = data.decode("utf-8")  # fails where it is none
    # C1 controls as characters, marks that change the direction
    f.check(not re.search("[\u0080-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]", text), f"{what} has characters that control")


@test("names: hostile ones in text, CSV, JSON and a recording do no harm, forge no row, and are told")
def hostile_files():
    d = live.folder()
    rec = os.path.join(d, "a.hostlat")
    with hostile(d, 60) as load, live.Record("--slow", "100us", "-i", "0.4", may_lose=("slow",)) as h:
        load.say()
        text = raw("top", "--batch", "-n", 2, "-i", 0.4, "--rows", 0)
        raw("record", "-d", 1, "-i", 0.3, "--slow", "100us", "-o", rec)
        h.stop()
    doc = h.doc
    with Facts() as f:
        f.same([x for x in doc.processes() + doc.threads() if not x.get("comm")], [], "who has no name")
        comms = {x.get("comm", "") for x in doc.processes() + doc.threads()}
        for part in ("\x1b]52", "\x1b[2J", "one\ntwo", "over\rwrite", "\x7f", "\u202e", "<script>", '"}],"x"', "=1+1"):
            f.check(any(part in c for c in comms), f"nobody is called {part!r}")
        paths = {s["detail"].get("path", "") for s in doc["slow"] if s.get("detail")}
        f.check(sum("/hostile/" in p for p in paths) >= NR_NAMES - 2, f"paths: {len(paths)}")
        outputs = {"top": text, "report": raw("report", rec, "--rows", 0), "json": raw("export", rec, "--format", "json"),
                   "ndjson": raw("export", rec, "--format", "ndjson")}
        sheets = {k: raw("export", rec, "--format", "csv", "--view", k) for k in ("processes", "threads", "slow")}
        for what, data in outputs.items():
            harmless(f, what, data, b"\n\t" if "json" in what else b"\n")
        for what, data in sheets.items():
            f.check(data.count(b"\r") == data.count(b"\r\n") == data.count(b"\n"), f"csv of {what}: line ends within a cell")
            harmless(f, f"csv of {what}", data, b"\r\n")
        for what, data in {**outputs, **sheets}.items():
            f.check(b"script" in data, f"{what} does not tell the names")
        whole = json.loads(outputs["json"])
        f.check(any("\x1b]52" in p.get("comm", "") for p in whole["processes"]), "JSON keeps what the name is")
        f.same([p for p in whole["processes"] if not p.get("comm")], [], "processes without a name")
        for line in outputs["ndjson"].splitlines():
            json.loads(line)
        for what, data in sheets.items():
            sheet(f, what, data.decode(), whole[what])
        rows_of(f, outputs["report"].decode(), whole)


def sheet(f, what, text, rows_of_document):
    """A line per row, with as many cells as its head; none begins like a formula, none is forged."""
    rows = list(csv.reader(io.StringIO(text)))
    f.same(len(rows), len(rows_of_document) + 1, f"lines of {what}")
    f.same({len(row) for row in rows}, {len(rows[0])}, f"cells in the lines of {what}")
    bad = [c for row in rows for c in row if c[:1] in ("=", "+", "@", "\t", "\r") or re.match(r"-[^\d.]", c)]
    f.same(bad, [], f"cells of {what} that a spreadsheet runs")


def rows_of(f, text, doc):
    """A table of text has as many rows as it says."""
    for title, key in (("Processes", "processes"), ("Threads", "threads")):
        m = re.search(rf"^{title}: (\d+)", text, re.M)
        f.check(m, f"no table {title}")
        if m:
            body = text[m.end():].split("\n\n")[0].splitlines()
            rows = [line for line in body if re.match(r"\s*\d+\s", line)]
            f.check(abs(len(rows) - int(m.group(1))) <= 1, f"{title}: {len(rows)} rows, it says {m.group(1)}")


def screen_bytes(words, keys, seconds, env):
    """What hostlat writes to a terminal of 120x40, with keys typed at it."""
    pid, fd = pty.fork()
    if not pid:
        os.execve(live.HOSTLAT, [live.HOSTLAT, *words], env)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    out, begin, keys = b"", time.monotonic(), list(keys)
    step = seconds / (len(keys) + 1)
    try:
        while True:
            if select.select([fd], [], [], 0.05)[0]:
                out += os.read(fd, 65536)
            if keys and time.monotonic() > begin + step:
                os.write(fd, keys.pop(0))
                begin = time.monotonic()
            check(len(out) < 50 << 20, "it never ends")
    except OSError:
        pass  # its end
    _, status = os.waitpid(pid, 0)
    same(os.waitstatus_to_exitcode(status), 0, f"status ({out[-300:]!r})")
    return out


@test("names: hostile ones on the screen are cells like others, in UTF-8 and without")
def hostile_screen():
    d = live.folder()
    for env in ({"LANG": "C.UTF-8"}, {"LC_ALL": "C"}):
        with hostile(d, 6) as load:
            load.say()
            keys = [b"2", b"3", b"4", b"1", b"/", b"script", b"\r", b"q", b"q"]
            out = screen_bytes(["-i", "0.3", "--slow", "1ms"], keys, 4, {**os.environ, "TERM": "xterm-256color", **env})
        with Facts() as f:
            f.check(b"COMMAND" in out and b"script" in out, f"it did not show the names: {out[-300:]!r}")
            for hurt in HURT + [b"\x07", b"one\ntwo"]:
                f.check(hurt not in out, f"{env}: the terminal gets {hurt!r}: {out[max(0, out.find(hurt) - 40):out.find(hurt) + 40]!r}")
            try:
                text = out.decode("utf-8" if "LANG" in env else "ascii")
                f.check(not re.search("[\u0080-\u009f]", text), f"{env}: C1 controls")
            except UnicodeDecodeError as e:
                f.check(False, f"{env}: {e}")


if __name__ == "__main__":
    live.main()
