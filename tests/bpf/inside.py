#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""System calls and waits inside of functions, against what the program counts itself (tests/func/inside.c)."""
import json
import os
import re
import subprocess

import live
from live import MS, US, Facts, check, same, test

SOURCE = os.path.join(live.ROOT, "tests", "func", "inside.c")
NAMES = ("outer", "inner", "recurses", "jumps")


def program(source=SOURCE, *words, name="inside"):
    path = f"{live.folder()}/{name}"
    subprocess.run([*(words or ("gcc", "-O2")), "-pthread", source, "-o", path], check=True)
    return path


def trace(*words, limit=60):
    p = live.start(live.HOSTLAT, "trace", *words)
    out, err = live._finish(p, limit)
    same(p.returncode, 0, f"status, {err[-300:]!r}")
    return out.splitlines(), err


def specs(path, *names):
    return [f"{path}:{n}" for n in names]


def inside(doc):
    """{function: {call: row}}"""
    got = {}
    for r in doc["function_syscalls"]:
        got.setdefault(r["function"], {})[r["name"]] = r
    return got


@test("inside: system calls of a function are its own, exactly: nested, recursive, left by a jump, on three threads")
def exact():
    path = program()
    lines, err = trace("--summary", "--json", *specs(path, *NAMES), "--", path, 40, 3)
    truth, doc = json.loads(next(l for l in lines if l.startswith('{"outer"'))), json.loads(lines[-1])
    got, rows = inside(doc), {r["name"]: r for r in doc["functions"]}
    with Facts() as f:
        f.same({n: {c: r["count"] for c, r in calls.items()} for n, calls in got.items()},
               {n: {c: t[0] for c, t in calls.items() if t[0]} for n, calls in truth.items()}, "how many")
        for n, calls in truth.items():
            for c, (k, ns) in calls.items():
                if k:
                    f.near(got[n][c]["total_ns"], ns, f"{n}: time in {c}", 5, k * 5 * US)
                    f.same(sum(got[n][c]["time_ns"].values()), got[n][c]["total_ns"], f"{n}: {c}: the sum of its states")
            f.same((rows[n]["syscalls"], rows[n]["syscall_ns"]), (sum(k for k, _ in calls.values()), sum(r["total_ns"] for r in got[n].values())),
                   f"{n}: all of them")
        sleep = got["inner"]["clock_nanosleep"]["time_ns"]
        f.check(sleep.get("sleep", 0) >= 240 * 2 * 3 * MS, f"asleep: {sleep}")
        acct = next(a for a in doc["capture"]["accounting"] if a["class"] == "function_syscalls")
        f.same((acct["lost"], acct["unaccounted"]), (0, 0), "lost, unaccounted")


THROWS = """#include <cstdio>
#include <fcntl.h>
#include <stdexcept>
#include <unistd.h>
static char c; static int fd;
extern "C" __attribute__((noinline)) void reads(int n) { while (n--) pread(fd, &c, 1, 0); }
extern "C" __attribute__((noinline)) int throws(int n) { reads(3); if (n % 2) throw std::runtime_error("x"); return n; }
extern "C" __attribute__((noinline)) void catches(int n) { try { throws(n); } catch (std::exception &) { reads(4); } asm volatile(""); }
int main() { fd = open("/proc/self/exe", O_RDONLY); for (int i = 0; i < 20; i++) { catches(i); reads(5); } }
"""


@test("inside: what is done after an exception is not done in the function that threw it")
def exceptions():
    with open(f"{live.folder()}/throws.cc", "w", encoding="ascii") as s:
        s.write(THROWS)
    path = program(s.name, "g++", "-O1", "-fno-inline", name="throws")
    lines, err = trace("--summary", "--json", *specs(path, "throws", "catches"), "--", path)
    got = inside(json.loads(lines[-1]))
    same({n: c["pread64"]["count"] for n, c in got.items()}, {"throws": 60, "catches": 40}, "reads")


@test("inside: each call says how many it made; slow ones are under the function that they were made in, others nowhere")
def tree():
    path = program()
    lines, err = trace("--json", *specs(path, *NAMES), "--", path, 3)
    calls = [json.loads(l) for l in lines if l.startswith('{"time"')]
    got = {n: sorted({c["syscalls"] for c in calls if c["function"] == n}) for n in NAMES[:3]}
    same(got, {"outer": [4], "inner": [9], "recurses": [2]}, "system calls of a call")
    check(all(c["syscall_ns"] >= 6 * MS for c in calls if c["function"] == "inner"), f"{calls}")
    lines, err = trace("--tree", "--slow", "1.5ms", *specs(path, "outer", "inner"), "--", path, 2)
    shape = [m for l in lines for m in re.findall(r"^\d\d:\d\d:\d\d\.\d{6} \S+ +\d+ +\S+  ( *(?:- )?\w+)\(.*", l)]
    one = ["outer", "  inner", *["    - clock_nanosleep"] * 2, "  - clock_nanosleep", "  inner", *["    - clock_nanosleep"] * 2]
    # more may be slow on a busy machine
    same([s for s in shape if "pread" not in s], one * 2, "lines")
    check(all("sleep" in l for l in lines if "clock_nanosleep(" in l), "states")


@test("inside: without the calls tier it is not known, and not zero; waits are shown all the same")
def off():
    path = program()
    lines, err = trace("--json", "--calls=off", *specs(path, "inner"), "--", path, 2)
    doc = json.loads(lines[-1])
    same((doc["function_syscalls"], [r.get("syscalls") for r in doc["functions"]]), ([], [None]), "rows, count")
    check(not any("syscalls" in json.loads(l) for l in lines if l.startswith('{"time"')), "a call has them")
    lines, err = trace("--tree", "--calls=off", "--slow", "1.5ms", *specs(path, "inner"), "--", path, 2)
    same(sum("  - clock_nanosleep(" in l for l in lines), 8, f"waits in {lines}")


if __name__ == "__main__":
    live.main()
