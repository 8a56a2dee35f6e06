#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Recordings: what is read back is what was seen live; damaged and odd files; filters."""
import json
import os
import signal
import socket
import struct
import subprocess
import tap
from tap import check, refused, run, same, test

READERS = (["report"], ["export", "--format", "json"], ["top", "--batch", "-r"])


def damaged(name, data):
    path = os.path.join(tap.folder(), name)
    with open(path, "wb") as f:
        f.write(data)
    return path


@test
def live_equals_replay():
    d = tap.folder()
    with tap.Clean(d, ("a.hostlat", "a.json")):
        r = run("record", "-d", "1", "-i", "0.2", "-o", "a.hostlat", "--json", "a.json", cwd=d)
        same(r.status, 0, repr(r))
    live = open(os.path.join(d, "a.json")).read()
    same(run("report", "a.hostlat", "--json", cwd=d).out, live, "the documents")
    same(run("export", "a.hostlat", "--format", "json", cwd=d).out, live, "export")
    check(len(json.loads(live)["threads"]) > 5, "there is something in it")


@test
def replay_shows_each_interval():
    path = tap.recording(seconds="0.55")
    r = run("top", "-r", path, "--batch", "--json")
    same((r.status, r.err), (0, ""), repr(r)[:500])
    docs = [json.loads(line) for line in r.out.splitlines()]
    check(4 <= len(docs) <= 7, f"{len(docs)} intervals of 0.1 s in 0.55 s")
    ends = [d["capture"]["ended"] for d in docs]
    same(ends, sorted(ends), "order")
    whole = json.loads(run("report", path, "--json").out)
    whole.pop("connection_history")  # of all intervals: no part of one
    same(docs[-1], whole, "the last one and the report")
    r = run("top", "-r", path, "--batch", "-n", "2")
    same((r.status, r.out.count("Processes: ")), (0, 2), "-n 2")


def what_is_wrong_with(path, status, *words):
    for words_of in READERS:
        with tap.Clean():
            refused(run(*words_of, path), status, path, *words)


@test
def files_that_are_no_recordings():
    d = tap.folder()
    os.mkfifo(os.path.join(d, "fifo"))
    s = socket.socket(socket.AF_UNIX)
    s.bind(os.path.join(d, "socket"))
    what_is_wrong_with(os.path.join(d, "missing"), 1, "No such file")
    what_is_wrong_with(d, 1, "irectory")
    what_is_wrong_with(damaged("empty", b""), 1, "empty")
    what_is_wrong_with(damaged("text", b"Dear Sir or Madam,\n" * 100), 1)
    what_is_wrong_with(os.path.join(d, "fifo"), 1)
    what_is_wrong_with(os.path.join(d, "socket"), 1)
    what_is_wrong_with("/dev/zero", 1)
    s.close()


@test
def hostile_names_of_files():
    r = run("report", "/nonexistent/\x1b[2J\n\x9b31mx")
    refused(r, 1, "\\x1b")


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


@test
def a_newer_recording():
    data = bytearray(open(tap.recording(), "rb").read())
    size = struct.unpack("=I", data[20:24])[0]
    data[12:16] = struct.pack("=I", 9999)
    data[28:32] = bytes(4)
    data[28:32] = struct.pack("=I", crc32c(data[:size]))
    what_is_wrong_with(damaged("new.hostlat", data), 1, "9999")


@test
def a_recording_without_an_interval():
    data = open(tap.recording(), "rb").read()
    what_is_wrong_with(damaged("head.hostlat", data[:2000]), 1, "nothing to show")


@test
def a_recording_cut_short():
    data = open(tap.recording(), "rb").read()
    path = damaged("cut.hostlat", data[:len(data) * 3 // 4])
    for words in READERS:
        r = run(*words, path)
        same((r.status, len(r.lines())), (0, 1), repr(r)[:600])
        check("not finished" in r.err or "damaged" in r.err, r.err)
        check(len(r.out) > 500, "what is whole is shown")


@test
def a_recording_with_a_hole():
    data = bytearray(open(tap.recording(), "rb").read())
    middle = len(data) // 2
    data[middle:middle + 64] = b"\xa5" * 64
    path = damaged("hole.hostlat", data)
    for words in READERS:
        r = run(*words, path)
        same((r.status, len(r.lines())), (0, 1), repr(r)[:600])
        check("damaged" in r.err and "recovered" in r.err, r.err)


@test
def a_recording_without_its_head_has_lost_its_filters():
    path = tap.recording("-c", "no-such-name")
    data = bytearray(open(path, "rb").read())
    at = data.index(b"\x0a\xabHLCHNK") + 56 + 100
    for words in READERS:
        same(run(*words, path).err, "", "of the whole one")
    data[at:at + 64] = b"\xa5" * 64
    path = damaged("headless.hostlat", data)
    for words in READERS:
        r = run(*words, path)
        check(r.status == 0 and "its filters are lost: all of it is shown" in r.err, repr(r)[:600])
        check("filters are lost" not in run(*words, path, "--no-filter").err, "asked for all of it")


@test
def killed_recorders():
    for delay in (0.9, 1.3):
        d = tap.folder()
        with tap.Clean(d, ("a.hostlat",)):
            p = tap.start("record", "-i", "0.2", "-o", "a.hostlat", cwd=d)
            tap.wait_for("data", lambda: os.path.exists(f"{d}/a.hostlat") and os.path.getsize(f"{d}/a.hostlat") > 5000)
            import time
            time.sleep(delay)
            p.send_signal(signal.SIGKILL)
            p.wait()
        r = run("report", "a.hostlat", "--json", cwd=d)
        same((r.status, len(r.lines())), (0, 1), repr(r)[:500])
        check("not finished" in r.err, r.err)
        seen = json.loads(r.out)["capture"]["duration_ns"] / 1e9
        check(seen > delay - 0.6, f"of {delay} s only {seen} s are there")


@test
def filters_on_replay():
    path = tap.recording()
    whole = json.loads(run("report", path, "--json").out)
    one = max(whole["processes"], key=lambda p: p["threads"] if p["pid"] != os.getpid() else 0)
    r = run("report", path, "--json", "-p", str(one["pid"]))
    same((r.status, r.err), (0, ""), repr(r)[:500])
    part = json.loads(r.out)
    same({p["pid"] for p in part["processes"]}, {one["pid"]}, "-p")
    same({t["pid"] for t in part["threads"]}, {one["pid"]}, "threads of -p")
    part = json.loads(run("report", path, "--json", "-c", one["comm"]).out)
    same({p["comm"] for p in part["processes"]}, {one["comm"]}, "-c")
    if one.get("cgroup", "/") != "/":
        part = json.loads(run("report", path, "--json", "--cgroup", one["cgroup"]).out)
        check(one["pid"] in {p["pid"] for p in part["processes"]}, "--cgroup")
        check(all(p["cgroup"].startswith(one["cgroup"]) for p in part["processes"]), "--cgroup lets others in")
    part = json.loads(run("report", path, "--json", "-p", "4194303").out)
    same(part["processes"], [], "nobody")


@test
def filters_are_recorded():
    p = subprocess.Popen(["sleep", "30"])
    try:
        path = tap.recording("-p", str(p.pid))
        doc = json.loads(run("report", path, "--json").out)
        same({x["pid"] for x in doc["processes"]}, {p.pid}, "as it was recorded")
        same(doc["capture"]["filters"], [f"--pid={p.pid}"], "the document says so")
        doc = json.loads(run("report", path, "--json", "--no-filter").out)
        check(len(doc["processes"]) > 5, "--no-filter")
        doc = json.loads(run("report", path, "--json", "-p", str(os.getpid())).out)
        same({x["pid"] for x in doc["processes"]}, {os.getpid()}, "another filter")
    finally:
        p.kill()
        p.wait()


@test
def a_filter_by_system_call():
    path = tap.recording("--calls=on", "--", "sh", "-c", "cat /proc/self/stat; sleep 0.1")
    doc = json.loads(run("report", path, "--json", "-x", "openat,read").out)
    same({o["name"] for o in doc["operations"]} - {"openat", "read"}, set(), "-x")
    check(any(o["kind"] == "syscall" and o["count"] for o in doc["operations"]), "calls were counted")


@test
def sorting_and_tables():
    path = tap.recording()
    doc = json.loads(run("report", path, "--json", "--view", "threads", "--sort", "tid").out)
    tids = [t["tid"] for t in doc["threads"]]
    check(len(tids) > 5 and tids in (sorted(tids), sorted(tids, reverse=True)), "sorted by tid")
    check("processes" not in doc, "only one table")
    r = run("report", path, "--view", "threads", "--rows", "3")
    check("Threads: 3 of " in r.out and "Processes" not in r.out, r.out[:300])


@test
def an_argument_that_is_secret():
    d = tap.folder()
    r = run("record", "-o", "a.hostlat", "--", "true", "--password=hunter2", "--token", "s3cr3tvalue", cwd=d)
    same(r.status, 0, repr(r))
    data = open(os.path.join(d, "a.hostlat"), "rb").read()
    check(b"hunter2" not in data and b"s3cr3tvalue" not in data, "a secret stands in the recording")
    check("true" in " ".join(json.loads(run("report", "a.hostlat", "--json", cwd=d).out)["capture"]["argv"]), "argv")


tap.main()
