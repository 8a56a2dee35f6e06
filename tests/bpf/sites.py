#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Places for probes that `hostlat trace --list` tells, with probes of the kernel's own (perf's) on them: each
is taken, counts every call, entry and return, and changes nothing for the program."""
import ctypes
import json
import os
import random
import struct
import subprocess

import live
from live import check, same, test

libc = ctypes.CDLL(None, use_errno=True)
NR_PERF = {"x86_64": 298, "aarch64": 241}[os.uname().machine]
DEVICE = "/sys/bus/event_source/devices/uprobe/"
ENOTSUPP = 524
CALLS = 1000
random.seed(7)

SOURCE = r"""
#include <stdio.h>
#include <unistd.h>
#define N __attribute__((noinline, noclone, noipa))
volatile int sink;
N int other(int a) { return a + sink; }
N int pushes(int a) { int b = other(a); return other(b) + a; }       /* begins with a push */
N int steps(int a) { sink++; return a + 1; }                         /* begins with none */
N long many(long a, long b, long c, long d, long e, long f, long g)  /* arguments on the stack, too */
{ long h = other((int)a); return other((int)b) + a * 2 + b * 3 + c * 5 + d * 7 + e * 11 + f * 13 + g * 17 + h; }
N int deep(int a) { return a > 0 ? other(deep(a - 1)) + 1 : 0; }
int main(void)
{
	long sum = 0;
	getchar();
	for (int i = 0; i < CALLS; i++)
		sum += pushes(i) + steps(i) + many(i, 2, 3, 4, 5, 6, 7) + deep(3);
	printf("%ld\n", sum);
	return 0;
}
"""


def probe(path, offset, pid, returns=False):
    """A counter of the kernel's; -errno: it does not take it."""
    if not os.path.exists(DEVICE):
        live.lacks("no uprobes in this kernel")
    name = ctypes.create_string_buffer(os.fsencode(path))
    with open(DEVICE + "type", encoding="ascii") as f:
        kind = int(f.read())
    with open(DEVICE + "format/retprobe", encoding="ascii") as f:
        bit = int(f.read().strip().split(":")[1])
    attr = bytearray(128)
    struct.pack_into("<IIQ", attr, 0, kind, len(attr), int(returns) << bit)
    struct.pack_into("<QQ", attr, 56, ctypes.addressof(name), offset)
    fd = libc.syscall(NR_PERF, (ctypes.c_char * len(attr)).from_buffer(attr), pid, -1, -1, 0)
    return fd if fd >= 0 else -ctypes.get_errno()


def counted(fd):
    return struct.unpack("<Q", os.read(fd, 8))[0]


def listed(*specs):
    p = subprocess.run([live.HOSTLAT, "trace", "--list", "--json", *specs], capture_output=True, check=False, timeout=60)
    return [(f["path"], s) for f in json.loads(p.stdout or b'{"files":[]}')["files"] for s in f["sites"]]


def build(*flags):
    folder = live.folder()
    with open(os.path.join(folder, "x.c"), "w", encoding="ascii") as f:
        f.write(SOURCE)
    subprocess.run(["gcc", "-O2", f"-DCALLS={CALLS}", *flags, "-o", "x", "x.c"], cwd=folder, check=True)
    return os.path.join(folder, "x")


def run_probed(path, sites):
    """What the program printed, and for each site how often its entry and its return were passed."""
    p = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    fds = [(probe(path, s["offset"], p.pid), probe(path, s["offset"], p.pid, True)) for s in sites]
    check(all(fd >= 0 for pair in fds for fd in pair), f"the kernel took not all: {list(zip(sites, fds))}")
    out, _ = p.communicate(b"\n", timeout=60)
    same(p.returncode, 0, "the program's status")
    got = {s["name"]: tuple(counted(fd) for fd in pair) for s, pair in zip(sites, fds)}
    for pair in fds:
        for fd in pair:
            os.close(fd)
    return out, got


def check_program(*flags, marked):
    path = build(*flags)
    plain = subprocess.run([path], input=b"\n", capture_output=True, check=True).stdout
    sites = [s for _, s in listed(*(f"{path}:{n}" for n in ("pushes", "steps", "many", "deep", "other")))]
    same(len(sites), 5, f"sites: {sites}")
    out, got = run_probed(path, sites)
    same(out, plain, "what the program printed")
    # other: twice from pushes and from many, three times from deep
    want = {"pushes": CALLS, "steps": CALLS, "many": CALLS, "deep": 4 * CALLS, "other": 7 * CALLS}
    same(got, {n: (c, c) for n, c in want.items()}, "entries and returns")
    nm = subprocess.run(["nm", path], capture_output=True, check=True).stdout.decode().splitlines()
    begins = {w[2]: int(w[0], 16) for w in map(str.split, nm) if len(w) == 3}
    moved = {s["name"] for s in sites if s["address"] != begins[s["name"]]}
    # deep may begin with a comparison
    check({"pushes", "many"} <= moved if marked else moved <= {"deep"}, f"sites behind the beginning: {moved}")
    cost = {s["name"]: s["cost"] for s in sites}
    same((cost["pushes"], cost["many"]), ("emulated", "emulated"), "cost of a push")


@test("sites count every call and every return")
def calls():
    check_program("-fcf-protection=none", marked=False)


@test("behind endbr64, where that is cheaper: the same")
def behind_mark():
    if os.uname().machine != "x86_64":
        return
    check_program("-fcf-protection=full", marked=True)


@test("the kernel takes what is listed, and refuses what is refused")
def taken():
    path = next(p for p, _ in listed("libc:malloc"))
    sites = [s for p, s in listed(path + ":*") if p == path]
    # this process has it mapped: only then the kernel looks at the instruction
    for s in random.sample(sites, min(60, len(sites))):
        fd = probe(path, s["offset"], os.getpid())
        check(fd >= 0, f"{s}: {fd}")
        os.close(fd)
    if os.uname().machine == "x86_64":
        lock = next((s for _, s in listed(path + ":pthread_spin_lock")), None)
        same(lock, None, "pthread_spin_lock begins with a lock prefix")
        text = subprocess.run(["nm", "-D", path], capture_output=True, check=True).stdout.decode()
        at = next(int(line.split()[0], 16) for line in text.splitlines() if "pthread_spin_lock@@" in line)
        nearby = next(s for s in sites if s["address"] <= at)
        same(probe(path, at + nearby["offset"] - nearby["address"], os.getpid()), -ENOTSUPP, "the kernel's answer")


live.main()
