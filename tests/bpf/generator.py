#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The generator keeps its counts and times also when it is killed, and hostlat's agree with them
to the call that was in progress."""
import json
import os
import signal
import subprocess
import time

import calls_util as u
import live
from live import MS, Facts, check, same, test


def killed(mode, seconds=0.6):
    """What a run that was killed has left, and hostlat's document of it."""
    shm = os.path.join(live.folder(), "counters")
    with u.Waiting(f"{mode} --shm {shm}") as load:
        with live.Record("-p", load.pid, calls="on") as rec:
            load.go()
            time.sleep(seconds)
            os.kill(load.pid, signal.SIGKILL)
            load.load.p.wait(20)
            time.sleep(0.1)
            rec.stop()
    same(load.load.p.returncode, -signal.SIGKILL, "status of the generator")
    p = subprocess.run([live.WORK, "dump", shm], capture_output=True, text=True, timeout=20)
    same(p.returncode, 0, f"status of dump ({p.stderr})")
    g = json.loads(p.stdout)
    check(not g["finished"], "it had ended by itself")
    return live.Truth(g), rec.doc


def agrees(f, g, doc, name, least):
    """As many calls as returned, or one more for each thread that was killed before it could note it."""
    # the main thread's one read began before the tier came: it waits for the word to go
    threads = [t for t in g.threads if t["returned"].get(name) and t["role"] != "main"]
    returned, attempted = (sum(t[what].get(name, 0) for t in threads) for what in ("returned", "calls"))
    f.check(returned >= least, f"{returned} calls of {name} in all")
    f.check(attempted - returned <= len(threads), f"{name}: {attempted} begun, {returned} returned, by {len(threads)} threads")
    got = doc.count(g.pids, "syscall", name)
    f.check(returned <= got <= attempted, f"{name}: {got}, the generator counted {returned} to {attempted}")


@test("generator: killed in a loop of calls, its counts are there and hostlat's are the same")
def loop():
    g, doc = killed("preempt --threads 4 --each 0 --seconds 50")
    with Facts() as f:
        u.law(f, doc)
        for name in ("getppid", "sched_yield"):
            agrees(f, g, doc, name, 10000)


@test("generator: killed while it waits, its counts and times are there and hostlat's are the same")
def waits():
    for mode, name, state in (("sleep --threads 3 --each 0 --seconds 50 --hold 5", "nanosleep", "sleep"),
                              ("pipe --threads 2 --each 0 --seconds 50 --hold 5", "read", "ipc")):
        g, doc = killed(mode)
        with Facts() as f:
            u.law(f, doc)
            agrees(f, g, doc, name, 40)
            for t in g.threads:
                if not t["waits"].get(state) or t["role"] == "main":
                    continue
                # the wait in which it was killed is in the ledger only
                got, want = doc.thread(t["tid"])["time_ns"].get(state, 0), t["state_ns"][state]
                f.check(want - want // 100 - MS <= got <= want + want // 100 + 8 * MS,
                        f"{state} of {t['role']}: {got / MS:.3f} ms, measured {want / MS:.3f}")


@test("generator: a file that is none of its own is refused")
def not_ours():
    path = os.path.join(live.folder(), "x")
    with open(path, "wb") as f:
        f.write(bytes(100))
    for what in (path, "/nonexistent", "/dev/null"):
        p = subprocess.run([live.WORK, "dump", what], capture_output=True, text=True, timeout=20)
        same(p.returncode, 1, f"status for {what}")


if __name__ == "__main__":
    live.main()
