#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Running live: intervals, the command after --, signals, exit statuses."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tap
from tap import check, run, same, test


def documents(r):
    return [json.loads(line) for line in r.out.splitlines()]


@test
def intervals_of_batch():
    with tap.Clean():
        r = run("top", "--json", "-n", "4", "-i", "0.25")
    same((r.status, len(r.lines())), (0, 1), repr(r)[:500])
    docs = documents(r)
    same(len(docs), 4, "documents")
    for i, d in enumerate(docs):
        seconds = d["capture"]["duration_ns"] / 1e9
        check(0.25 * (i + 1) - 0.02 <= seconds < 0.25 * (i + 1) + 0.6, f"document {i} is of {seconds} s")
    check("lost" in r.err, r.err)


@test
def units_of_the_interval():
    for word in ("0.2", "200ms", ".2"):
        r = run("top", "--json", "-n", "1", "-i", word)
        if word == ".2":
            same(r.status, 2, word)  # a number begins with a digit
            continue
        seconds = documents(r)[0]["capture"]["duration_ns"] / 1e9
        check(0.19 < seconds < 0.8, f"-i {word} was {seconds} s")


@test
def text_of_batch():
    r = run("top", "-b", "-n", "2", "-i", "0.2", "--rows", "5")
    same((r.status, len(r.lines())), (0, 1), repr(r)[:500])
    for title in ("Processes: ", "Threads: ", "Operations: ", "Slow"):
        same(r.out.count("\n" + title), 2, title)


@test
def duration_of_record():
    d = tap.folder()
    r = run("record", "-d", "1.5", "-o", "a.json", cwd=d)
    same(r.status, 0, repr(r))
    seconds = json.load(open(os.path.join(d, "a.json")))["capture"]["duration_ns"] / 1e9
    check(1.48 < seconds < 2.1, f"{seconds} s")
    check(r.seconds < 8, f"it took {r.seconds} s")


def status_of(*command, how=("record", "-o", "a.json")):
    d = tap.folder()
    with tap.Clean():
        return run(*how, "--", *command, cwd=d)


@test
def exit_status_of_the_command():
    for how in (("record", "-o", "a.json"), ("record", "-o", "a.hostlat"), ("top", "--batch")):
        for status in (0, 7):
            same(status_of("sh", "-c", f"exit {status}", how=how).status, status, f"{how} {status}")
    same(status_of("sh", "-c", "exit 255").status, 255, "the largest")
    for sig in (signal.SIGKILL, signal.SIGTERM):
        same(status_of("sh", "-c", f"kill -{int(sig)} $$").status, 128 + sig, f"signal {sig}")


@test
def the_command_is_traced_from_its_first_instruction():
    d = tap.folder()
    r = run("record", "--calls=on", "-o", "a.json", "--", "sh", "-c", "cat /dev/null; sleep 0.15; exit 3", cwd=d)
    same(r.status, 3, repr(r))
    doc = json.load(open(os.path.join(d, "a.json")))
    names = {p["comm"] for p in doc["processes"]}
    check({"sh", "cat", "sleep"} & names == {"sh", "cat", "sleep"} or "sh" in names, f"children: {names}")
    calls = {o["name"] for o in doc["operations"] if o["kind"] == "syscall"}
    check("execve" in calls, f"its first call is execve: {sorted(calls)}")
    sleeps = [o for o in doc["operations"] if o["kind"] == "wait" and o["state"] == "sleep"]
    check(sleeps and sum(o["total_ns"] for o in sleeps) > 140e6, "the sleep")
    check(all(p["comm"] in ("sh", "cat", "sleep") or p["comm"].startswith("hostlat") for p in doc["processes"]),
          f"only the command: {names}")


@test
def the_command_keeps_its_input_and_output():
    r = subprocess.run([tap.HOSTLAT, "record", "-o", os.path.join(tap.folder(), "a.hostlat"), "--", "cat"],
                       input=b"through\n", capture_output=True, timeout=30)
    same((r.returncode, r.stdout), (0, b"through\n"), "cat")


# Blocks and ignores signals, also those that the C library keeps for itself, and becomes a program.
WITH_SIGNALS = """
import ctypes, os, signal, sys
libc = ctypes.CDLL(None)
blocked, ignored = (eval(w) for w in sys.argv[1:3])
mask = ctypes.c_uint64(sum(1 << s - 1 for s in blocked))
for s in ignored:
    ignore = (ctypes.c_uint64 * 4)(1)
    libc.syscall(13 if os.uname().machine == "x86_64" else 134, s, ignore, None, 8)
libc.syscall(14 if os.uname().machine == "x86_64" else 135, 2, ctypes.byref(mask), None, 8)
os.execv(sys.argv[3], sys.argv[3:])
"""
SIGNALS = [
    ((), ()),
    ((signal.SIGUSR1, signal.SIGTERM, signal.SIGCHLD, 32, 33, 64), ()),
    ((signal.SIGPIPE,), (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGUSR2, signal.SIGINT, 32, 33)),
    ((), (signal.SIGCHLD, signal.SIGHUP)),
]


@test
def the_command_has_the_signals_that_hostlat_was_given():
    command = (shutil.which("grep"), "-E", "^Sig(Pnd|Blk|Ign|Cgt)", "/proc/self/status")
    for blocked, ignored in SIGNALS:
        wrap = [sys.executable, "-c", WITH_SIGNALS, repr(tuple(map(int, blocked))), repr(tuple(map(int, ignored)))]
        want = run(*command[1:], program=command[0], wrap=wrap)
        same((want.status, len(want.out.splitlines())), (0, 4), repr(want))
        lines = dict(line.split(":") for line in want.out.splitlines())
        for sig in blocked:
            check(int(lines["SigBlk"], 16) >> sig - 1 & 1, f"signal {sig} was to be blocked: {lines}")
        for how in (("record", "-o", "a.json"), ("top", "--batch", "-i", "30")):
            d = tap.folder()
            with tap.Clean():
                r = run(*how, "--", *command, cwd=d, wrap=wrap)
            same(r.status, 0, repr(r)[:500])
            check(want.out in r.out, f"{how}, {blocked} blocked, {ignored} ignored: got {r.out[:300]!r}, want {want.out!r}")


@test
def nohup_lets_it_outlive_its_terminal():
    d = tap.folder()
    with tap.Clean():
        p = subprocess.Popen([sys.executable, "-c", WITH_SIGNALS, "()", "(1,)", tap.HOSTLAT, "record", "-d", "2", "-o", "a.hostlat"],
                             cwd=d, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        tap.wait_for("recording", lambda: os.path.exists(f"{d}/a.hostlat"))
        time.sleep(0.5)
        p.send_signal(signal.SIGHUP)
        same(tap.finish(p).status, 0, "status")
    seconds = json.loads(run("report", "a.hostlat", "--json", cwd=d).out)["capture"]["duration_ns"] / 1e9
    check(seconds > 1.9, f"it ended after {seconds} s")


@test
def the_command_inherits_no_descriptors():
    r = status_of("ls", "/proc/self/fd")
    same(r.out.split(), ["0", "1", "2", "3"], "descriptors (3 is of ls)")


def with_signal(sig, *words, delay=0.6):
    d = tap.folder()
    p = tap.start(*words, cwd=d)
    tap.wait_for("ear for signals", lambda: "sigmask:" in fdinfo(p.pid))
    time.sleep(delay)
    begin = time.monotonic()
    p.send_signal(sig)
    r = tap.finish(p)
    r.seconds = time.monotonic() - begin
    return d, r


def fdinfo(pid):
    try:
        return "".join(open(f"/proc/{pid}/fdinfo/{fd}").read() for fd in os.listdir(f"/proc/{pid}/fdinfo"))
    except OSError:
        return ""


@test
def signals_end_it_in_order():
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with tap.Clean():
            d, r = with_signal(sig, "record", "-o", "a.hostlat")
            same(r.status, 0, f"{sig} {r!r}")
            check(r.seconds < 2, f"{sig}: {r.seconds} s")
            r = run("report", "a.hostlat", cwd=d)
            same((r.status, r.err), (0, ""), "the recording is whole")
        with tap.Clean():
            d, r = with_signal(sig, "top", "--json", "-i", "30")
            same((r.status, len(documents(r))), (0, 1), f"{sig}: the interval is printed ({r!r})"[:500])
            same(len(r.lines()), 1, "accounting")


@test
def signals_are_passed_on():
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with tap.Clean():
            d, r = with_signal(sig, "record", "-o", "a.hostlat", "--", "sleep", "30")
            same(r.status, 128 + sig, f"{sig} {r!r}")
            check(r.seconds < 3, f"{sig}: {r.seconds} s")
            same(run("report", "a.hostlat", cwd=d).status, 0, "report")


@test
def a_command_that_obeys_no_signal():
    with tap.Clean():
        d, r = with_signal(signal.SIGTERM, "record", "-o", "a.hostlat", "--", "sh", "-c",
                           "trap '' TERM; sleep 4 >/dev/null 2>&1; :", delay=1)
    check(r.seconds < 5, f"{r.seconds} s")
    same(run("report", "a.hostlat", cwd=d).status, 0, "report")


@test
def a_command_that_outlives_the_duration():
    d = tap.folder()
    p = subprocess.run([tap.HOSTLAT, "record", "-d", "0.5", "-o", "a.hostlat", "--", "sh", "-c",
                        "sleep 2; echo late > late"], cwd=d, capture_output=True, timeout=20)
    same(p.returncode, 0, p.stderr)
    tap.wait_for("end of the command", lambda: os.path.exists(os.path.join(d, "late")), 10)


@test
def a_stopped_recorder_goes_on():
    d = tap.folder()
    p = tap.start("record", "-d", "2", "-i", "0.2", "-o", "a.hostlat", cwd=d)
    tap.wait_for("data", lambda: os.path.exists(f"{d}/a.hostlat"))
    p.send_signal(signal.SIGSTOP)
    time.sleep(0.8)
    p.send_signal(signal.SIGCONT)
    same(tap.finish(p).status, 0, "status")
    same(run("report", "a.hostlat", cwd=d).err, "", "whole")


@test
def two_at_once():
    d = tap.folder()
    with tap.Clean():
        both = [tap.start("record", "-d", "1", "-o", f"{i}.hostlat", cwd=d) for i in range(2)]
        for p in both:
            same(tap.finish(p).status, 0, "status")
    for i in range(2):
        doc = json.loads(run("report", f"{i}.hostlat", "--json", cwd=d).out)
        check(len(doc["threads"]) > 5, "each sees the host")


@test
def filters_live():
    p = subprocess.Popen(["sleep", "30"])
    try:
        with tap.Clean():
            r = run("top", "--json", "-n", "1", "-i", "0.3", "-p", str(p.pid))
        doc = documents(r)[0]
        same({x["pid"] for x in doc["processes"]}, {p.pid}, "processes")
        same([t["now"]["state"] for t in doc["threads"]], ["sleep"], "its thread sleeps")
        doc = documents(run("top", "--json", "-n", "1", "-i", "0.3", "-c", "sleep"))[0]
        check(p.pid in {x["pid"] for x in doc["processes"]}, "-c")
        same({x["comm"] for x in doc["processes"]}, {"sleep"}, "only -c")
    finally:
        p.kill()
        p.wait()


@test
def a_container_that_is_not_there():
    with tap.Clean():
        r = run("top", "--json", "-n", "1", "-i", "0.2", "--container", "no-such-container")
    same(r.status, 0, repr(r)[:300])
    check("no-such-container" in r.lines()[0], r.err)
    same(documents(r)[0]["processes"], [], "processes")


@test
def quiet_recorder_costs_little():
    d = tap.folder()
    p = tap.start("record", "-d", "4", "-o", "a.hostlat", cwd=d)
    _, status, usage = os.wait4(p.pid, 0)
    p.returncode = status
    seconds = usage.ru_utime + usage.ru_stime
    # loading takes most of it
    check(os.waitstatus_to_exitcode(status) == 0 and seconds < 2, f"{seconds} s of CPU in 4 s")


tap.main()
