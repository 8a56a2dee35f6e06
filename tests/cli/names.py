#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Who a process is: its cgroup and container also when it moves, when it lives for a moment,
and where the host has the first version of cgroups."""
import json
import os
import subprocess
import time
import tap
from tap import check, run, same, test

ID = "4f8d2c1b7a6e5f4d3c2b1a0f9e8d7c6b5a4f3e2d1c0b9a8f7e6d5c4b3a2f1e0d"
POD = "3a1e5c0f_8b7d_4c2e_9f10_1234567890ab"


def mounts(kind, option=""):
    """Where cgroups of that kind are mounted."""
    for line in open("/proc/self/mounts"):
        words = line.split()
        if words[2] == kind and (not option or option in words[3].split(",")):
            return words[1]
    return None


class Cgroup:
    """A cgroup of that path below a mount, with the folders above it."""

    def __init__(self, mount, path):
        self.made, self.file = [], os.path.join(mount, path, "cgroup.procs")
        for i, _ in enumerate(path.split("/")):
            folder = os.path.join(mount, *path.split("/")[:i + 1])
            if not os.path.isdir(folder):
                os.mkdir(folder)
                self.made.append(folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for folder in reversed(self.made):
            for _ in range(50):
                try:
                    os.rmdir(folder)
                    break
                except OSError:
                    time.sleep(0.1)


def during(script, *options):
    """The document of a recording while the shell script runs, which is told when to begin."""
    d = tap.folder()
    words = ["sh", "-c", script]
    r = run("record", "-o", "a.json", *options, "--", *words, cwd=d)
    same(r.status, 0, repr(r))
    return json.load(open(os.path.join(d, "a.json")))


def processes(doc, args):
    found = [p for p in doc["processes"] if p.get("args") == args]
    check(found, f"no process {args!r} in {[p.get('args') for p in doc['processes']]}")
    return found


def container_and_cgroup(cgroup, path, commands):
    """Whoever goes into a container is in it, whatever it does there."""
    doc = during(f"""
        sh -c 'echo $$ >{cgroup.file}; exec /bin/echo at once' >/dev/null
        sh -c 'sleep 0.5; echo $$ >{cgroup.file}; exec sleep 0.301' >/dev/null
        sh -c 'echo $$ >{cgroup.file}; sleep 0.302; exit 0' >/dev/null
        sh -c 'echo $$ >{cgroup.file}; /bin/echo child; exit 0' >/dev/null
        sleep 0.1""")
    for args in commands:
        for p in processes(doc, args):
            same((p.get("cgroup"), p.get("container")), ("/" + path, ID[:12]), args)
    same({p.get("container") for p in processes(doc, "sleep 0.1")}, {None}, "who stayed outside")
    return doc


@test
def containers_by_the_unified_hierarchy():
    mount = mounts("cgroup2")
    check(mount, "no cgroup2")
    path = f"hostlat-test/kubepods.slice/kubepods-pod{POD}.slice/crio-{ID}.scope"
    with Cgroup(mount, path) as cgroup:
        doc = container_and_cgroup(cgroup, path,
                                   ("/bin/echo at once", "sleep 0.301", "sleep 0.302", "/bin/echo child"))
        same(processes(doc, "sleep 0.301")[0].get("pod"), POD.replace("_", "-"), "pod")


@test
def containers_by_the_first_version():
    mount = mounts("cgroup", "memory") or mounts("cgroup", "pids")
    if mount:
        path = f"hostlat-test/docker/{ID}"
        with Cgroup(mount, path) as cgroup:
            # who lives for a moment only is not known there: only the living can be asked
            container_and_cgroup(cgroup, path, ("sleep 0.301", "sleep 0.302"))


@test
def systemd_units():
    mount = mounts("cgroup2")
    check(mount, "no cgroup2")
    with Cgroup(mount, "hostlat-test.slice/web@1.service") as cgroup:
        doc = during(f"sh -c 'echo $$ >{cgroup.file}; exec sleep 0.2'")
        same(processes(doc, "sleep 0.2")[0].get("unit"), "web@1.service", "unit")


@test
def calls_of_who_moves_into_the_target():
    mount = mounts("cgroup2")
    with Cgroup(mount, "hostlat-test/target") as cgroup:
        d = tap.folder()
        p = subprocess.Popen(["sh", "-c", f"sleep 1.5; echo $$ >{cgroup.file}; read x; kill -0 $$; sleep 0.3"],
                             stdin=subprocess.PIPE)
        r = tap.start("record", "-d", "4", "-o", "a.json", "--cgroup", "/hostlat-test/target", cwd=d)
        time.sleep(2.5)
        p.stdin.write(b"\n")
        p.stdin.close()
        p.wait()
        same(tap.finish(r).status, 0, "status")
        doc = json.load(open(os.path.join(d, "a.json")))
        calls = {o["name"] for o in doc["operations"] if o["kind"] == "syscall" and o["pid"] == p.pid}
        check("kill" in calls, f"calls: {sorted(calls)}")


@test
def what_is_not_there_is_said():
    for words in (("--cgroup", "/no/such"), ("--container", "nobody")):
        r = run("top", "--json", "-n", "1", "-i", "0.1", *words)
        same(r.status, 0, repr(r)[:300])
        check(words[0] in r.lines()[0] and words[1] in r.lines()[0], r.err)
        same(json.loads(r.out)["processes"], [], "processes")


@test
def another_user_after_an_exec():
    nobody = " ".join(tap.NOBODY)
    doc = during(f"{nobody} sleep 0.2; sleep 0.1")
    same(processes(doc, "sleep 0.2")[0]["uid"], 65534, "uid")
    same(processes(doc, "sleep 0.1")[0]["uid"], 0, "uid")


@test
def words_of_the_command_line_stay_words():
    doc = during("exec true; sleep  1")
    same(doc["capture"]["argv"][-4:], ["--", "sh", "-c", "exec true; sleep  1"], "argv")


tap.main()
