#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What began before hostlat is there from the first picture on, with what it is in and on what;
and filters leave the same in, live and on replay: by process, name, cgroup, container, call."""
import json
import os
import subprocess
import time

import live
import slow
from live import MS, Facts, check, same, test
from who import Cgroup

CONTAINER = "ab" * 32


def blocked(threads=10):
    return live.Load(live.WORK, "block", "--threads", threads, "--seconds", "120", ready="BLOCKED")


def whole_host():
    """A recording of all that goes on, and what it says under a filter."""
    path = os.path.join(live.folder(), "a.hostlat")
    p = subprocess.run([live.HOSTLAT, "record", "-d", "1.2", "-i", "0.4", "-o", path], capture_output=True, text=True, timeout=60)
    same(p.returncode, 0, f"status ({p.stderr[-200:]!r})")
    return path


def replayed(path, *opts):
    p = subprocess.run([live.HOSTLAT, "report", "--json", path, *opts], capture_output=True, text=True, timeout=60)
    same((p.returncode, p.stderr), (0, ""), "report")
    return live.valid(live.Doc(json.loads(p.stdout)))


def in_progress(doc, pid):
    return {(s["tid"], s["name"], s["state"], s["detail"].get("text")) for s in doc.slow(pid) if s["in_progress"]}


def all_there(f, what, doc, pid, roles, ended=False):
    """Each of them with its call, age and detail; `ended`: of the recording's last picture."""
    found = slow.blocked_now(f, doc, pid, roles)
    f.same(len(found), len(roles), f"{what}: threads in the first picture")
    for tid, now in found.items():
        f.check(now["lower_bound"], f"{what}: the age of {tid} is no lower bound")
        f.check(0 < now["since_ns"] <= doc["capture"]["duration_ns"] + 500 * MS, f"{what}: age of {tid}: {now}")
    want = {t for t, call in roles.items() if call in ("read", "flock")}
    rows = in_progress(doc, pid)
    f.same({tid for tid, *_ in rows}, want, f"{what}: in progress")
    for tid, name, state, detail in rows:
        f.check(detail and detail.startswith("/" if name == "flock" else "pipe:["), f"{what}: {name} of {tid} is on {detail!r}")


def only(f, what, doc, pid):
    f.same({p["pid"] for p in doc.processes()}, {pid}, f"{what}: processes")
    f.same({t["pid"] for t in doc.threads()}, {pid}, f"{what}: threads")
    f.check({o["pid"] for o in doc["operations"]} <= {pid}, f"{what}: operations of others")
    f.check({s["pid"] for s in doc["slow"]} <= {pid}, f"{what}: slow ones of others")


def filtered(opts, load):
    roles = slow.role_of(load)
    same(len(roles), 10, "blocked threads")
    time.sleep(0.1)
    docs = live.top(*opts, n=2, interval=0.5)
    path = whole_host()
    with Facts() as f:
        for i, d in enumerate(docs):
            only(f, f"live, {i}", d, load.pid)
            all_there(f, f"live, {i}", d, load.pid, roles)
        d = replayed(path, *opts)
        only(f, "replay", d, load.pid)
        all_there(f, "replay", d, load.pid, roles)
        f.check(len(replayed(path).processes()) > 5, "without a filter there are others")


@test("begun: threads blocked before hostlat, by -p")
def by_pid():
    with blocked() as load:
        filtered(["-p", str(load.pid)], load)


@test("begun: by -c")
def by_comm():
    named = os.path.join(live.folder(), "blockade")
    os.symlink(live.WORK, named)
    with live.Load(named, "block", "--threads", "10", "--seconds", "120", ready="BLOCKED") as load:
        filtered(["-c", "blockade"], load)


@test("begun: by --cgroup, also one above it")
def by_cgroup():
    with Cgroup("begun") as c:
        inner = f"{c.root}{c.path}/inner"
        os.mkdir(inner)
        try:
            with blocked() as load:
                with open(f"{inner}/cgroup.procs", "w") as f:
                    f.write(str(load.pid))
                filtered(["--cgroup", f"{c.path}/inner"], load)
                filtered(["--cgroup", c.path], load)
            live.wait_for("end of the cgroup's processes", lambda: not open(f"{inner}/cgroup.procs").read())
        finally:
            os.rmdir(inner)


@test("begun: by --container, its id as docker names a cgroup")
def by_container():
    with Cgroup("begun") as c:
        inner = f"{c.root}{c.path}/docker-{CONTAINER}.scope"
        os.mkdir(inner)
        try:
            with blocked() as load:
                with open(f"{inner}/cgroup.procs", "w") as f:
                    f.write(str(load.pid))
                filtered(["--container", CONTAINER[:12]], load)
                row = live.top("-p", load.pid, n=1)[0].process(load.pid)
                same((row.get("container"), row.get("cgroup")), (CONTAINER[:12], f"{c.path}/docker-{CONTAINER}.scope"), "where it is")
            live.wait_for("end of the cgroup's processes", lambda: not open(f"{inner}/cgroup.procs").read())
        finally:
            os.rmdir(inner)


@test("begun: by -x: of the calls in progress only those")
def by_call():
    with blocked() as load:
        roles = slow.role_of(load)
        docs = live.top("-x", "flock", n=2, interval=0.5)
        path = whole_host()
        flocks = {t for t, call in roles.items() if call == "flock"}
        check(len(flocks) >= 1, f"calls: {roles}")
        with Facts() as f:
            for what, d in (("live", docs[0]), ("live, later", docs[1]), ("replay", replayed(path, "-x", "flock"))):
                f.same({s["tid"] for s in d.slow(load.pid) if s["in_progress"]}, flocks, f"{what}: in progress")
                f.check({o["name"] for o in d["operations"]} <= {"flock"}, f"{what}: other operations")
                f.check({s["name"] for s in d["slow"]} <= {"flock"}, f"{what}: other slow ones")


if __name__ == "__main__":
    live.main()
