#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""It hurts nobody and leaves nothing: killed at any moment, with few descriptors, with little
memory that may be locked."""
import json
import os
import random
import signal
import subprocess
import time
import tap
from tap import check, run, same, test

WORK = tap.WORK


class Load:
    """Forks, execs and calls in plenty, at a low priority."""

    def __enter__(self):
        self.all = [subprocess.Popen(["nice", "-n", "10", WORK, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                    for words in (["tiny", "--exec", "--each", "0", "--seconds", "60"],
                                  ["pipe", "--threads", "2", "--hold", "1", "--each", "0", "--seconds", "60"])]
        return self

    def __exit__(self, *_):
        for p in self.all:
            p.kill()
            p.wait()


@test
def killed_at_any_moment():
    moments = random.Random(os.getpid())
    print(f"# seed {os.getpid()}")
    with Load():
        for i in range(8):
            d = tap.folder()
            path = os.path.join(d, "a.hostlat")
            with tap.Clean():
                p = tap.start("record", "--calls=on", "-i", "0.2", "-o", "a.hostlat", cwd=d)
                tap.wait_for("recording", lambda: os.path.exists(path))
                begin, wait = time.clock_gettime(time.CLOCK_BOOTTIME), moments.uniform(0, 2.5)
                time.sleep(wait)
                p.send_signal(signal.SIGKILL)
                p.communicate()
                lived = time.clock_gettime(time.CLOCK_BOOTTIME) - begin
            check(set(os.listdir(d)) == {"a.hostlat"}, f"{wait:.2f} s: there are {os.listdir(d)}")
            r = run("report", "a.hostlat", "--json", cwd=d)
            if lived < 1.5 and r.status:
                tap.refused(r, 1)  # nothing was there to be shown yet, and one line says so
                continue
            same(r.status, 0, f"after {lived:.2f} s: {r!r}"[:500])
            check("not finished" in r.err, r.err)
            j = json.loads(r.out)
            # it is made before the hooks are there: what is missing of its life is that, and a second
            missing = lived - j["capture"]["duration_ns"] / 1e9
            check(missing < 2.5, f"of {lived:.2f} s {missing:.2f} s are missing")
            check(all(a["unaccounted"] == 0 for a in j["capture"]["accounting"]), f"{j['capture']['accounting']}")


@test
def few_descriptors():
    for n in (16, 40, 64):
        with tap.Clean():
            r = run("top", "--json", "-n", "1", "-i", "0.2", wrap=["prlimit", f"--nofile={n}"])
        if r.status:
            tap.refused(r, 1)
            check("descriptor" in r.err or "Too many open files" in r.err, r.err)
        else:
            j = json.loads(r.out)
            # without a descriptor to spare for the task iterators it says that they are missing
            half = any(c["name"] == "blocked" and c["state"] == "unavailable" for c in j["capture"]["collectors"])
            check(half or len(j["threads"]) > 5, f"{n} descriptors: half a start, and no word of it")
            off = [c for c in j["capture"]["collectors"] if c["state"] == "unavailable" and not c.get("reason")]
            same(off, [], f"{n} descriptors: collectors without a reason")


@test
def little_memory_to_lock():
    with tap.Clean():
        r = run("top", "--json", "-n", "1", "-i", "0.2", wrap=["prlimit", "--memlock=65536"])
    same(r.status, 0, repr(r)[:500])


@test
def nothing_that_forgets_by_itself():
    """What is in progress is in no map that evicts."""
    p = tap.start("top", "--json", "-i", "5", "--calls=on")
    try:
        tap.wait_for("maps", lambda: {"hl_homes", "hl_blocks", "scratch"} & {m["name"] for m in maps_of(p.pid)})
        tap.wait_for("ear for signals", lambda: listens(p.pid))
        kinds = {m["name"]: m["type"] for m in maps_of(p.pid)}
        check({"hl_slots", "hl_cells", "hl_homes", "hl_life"} <= set(kinds), f"maps: {kinds}")
        # what only helps to name a thing may be forgotten: who made a file dirty, where a disk was
        same({k: v for k, v in kinds.items() if "lru" in v and k not in ("dirtiers", "ends")}, {}, "maps that forget")
    finally:
        p.send_signal(signal.SIGINT)
        same(tap.finish(p).status, 0, "status")


def fdinfo(pid):
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}") as f:
                yield from f
        except OSError:
            continue  # closed meanwhile


def listens(pid):
    return any(line.startswith("sigmask:") for line in fdinfo(pid))


def maps_of(pid):
    ids = {int(line.split()[1]) for line in fdinfo(pid) if line.startswith("map_id:")}
    text = subprocess.run(["bpftool", "-j", "map", "show"], capture_output=True, check=True, timeout=20).stdout
    return [m for m in json.loads(text) if m["id"] in ids]


tap.main()
