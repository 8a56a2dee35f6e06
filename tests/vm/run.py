#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Boots guests with other kernels and judges what they did there.

    tests/vm/run.py                 the guests of `make test`
    tests/vm/run.py --all           all, as `make test-kernels` does
    tests/vm/run.py NAME…           these guests; GUEST:CASE… only these cases of it

Prints "ok" or "not ok" for each case, and for each guest whether it came to its end by
itself and whether its kernel's log holds a complaint."""
import concurrent.futures
import os
import re
import sys
import time

import guest
from cases import ALL, Facts
from guests import GUESTS

COMPLAINTS = re.compile(r"\bBUG:|\bWARNING\b|\bOops\b|Call Trace|general protection fault|unable to handle|Kernel panic|"
                        r"soft lockup|hard LOCKUP|blocked for more than|rcu.*(stall|detected)|scheduling while atomic|"
                        r"sleeping function|UBSAN|KASAN|refcount_t:|suspicious RCU|inconsistent lock state")
# What kernels say about the processor at boot.
NO_COMPLAINT = re.compile(r"Spectre|RETBleed|Unprivileged eBPF|mitigation", re.IGNORECASE)


def complaints(log):
    return [line for line in log.splitlines() if COMPLAINTS.search(line) and not NO_COMPLAINT.search(line)]


def say(ok, what, why=""):
    print(f"{'ok' if ok else 'not ok'} {what}{'' if ok else ' - ' + ' '.join(why.split())[:900]}", flush=True)
    return ok


def judge_log(g, log):
    lines = complaints(log)
    made_up = [line for line in lines if guest.MARK in line]
    if "Linux version" not in log or len(made_up) != 1:
        return say(False, f"{g.name}: the kernel's log", f"it was not read: {log[:200]!r}, complaints: {lines[:3]}")
    lines.remove(made_up[0])
    return say(not lines, f"{g.name}: the kernel does not complain", f"{len(lines)} lines: {' | '.join(lines[:4])}")


def judge(g, c, out):
    good = True
    for title, fn in c.parts[:1] if out.status(c.name) else c.parts:
        why = ""
        try:
            with Facts() as f:
                fn(f, out)
        except Exception as e:
            why = f"{type(e).__name__}: {e}; it said: {out.read(c.name, 'stderr').strip()[-200:]!r}"
        good &= say(not why, f"{g.name}: {title}", why)
    return good


def run(g, names):
    begin = time.monotonic()
    chosen = [ALL[n] for n in g.what if not names or n in names]
    try:
        out = guest.boot(guest.kernel(g.kernel), {c.name: c.script for c in chosen}, g.name, **g.boot)
    except guest.Trouble as e:
        return say(False, f"{g.name}: it boots and ends by itself", str(e))
    good = [say(True, f"{g.name}: it boots and ends by itself"), judge_log(g, out.log)]
    good += [judge(g, c, out) for c in chosen]
    print(f"# {g.name}: {time.monotonic() - begin:.0f} s", flush=True)
    return all(good)


def main(words):
    wanted = {}
    for w in words:
        name, _, one = w.partition(":")
        wanted.setdefault(name, set()).update([one] if one else [])
    chosen = [g for g in GUESTS if g.name in wanted or "--all" in wanted or (not words and g.in_test)]
    if os.geteuid() or not chosen:
        return say(False, "guests", "run as root" if chosen else f"no such guest: {' '.join(words)}")
    for g in [g for g in chosen if guest.lacking(g.kernel)]:
        print(f"# {g.name} is left out: there is no {' and no '.join(guest.lacking(g.kernel))}", flush=True)
        chosen.remove(g)
    good = True
    for g in list(chosen):  # each kernel is fetched once
        try:
            guest.build(g.kernel)
        except guest.Trouble as e:
            good = say(False, f"{g.name}: its programs are built", str(e))
            chosen.remove(g)
            continue
        try:
            guest.kernel(g.kernel)
        except guest.Trouble:
            pass  # its guest says so
    with concurrent.futures.ThreadPoolExecutor(2) as pool:  # each of them takes one CPU
        return all(list(pool.map(lambda g: run(g, wanted.get(g.name)), chosen))) and good


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:]) else 1)
