# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What watching costs a disk: fio reads at random, as fast as this machine's disk can, past the
page cache. hostlat must not cost more of it than biolatency, which keeps one histogram, and
must see every request; biosnoop prints them one by one. Where that of libbpf-tools cannot be
attached, as on Debian's kernels, its place has a bpftrace script on the block layer's tracepoints."""
import json
import os
import resource
import shutil
import subprocess
import tempfile

import servers
from basis import Missing
from tracers import Running, TRACERS

SECONDS = 1
WATCHED = (
    (servers.CONTROL, None, 10, 4),
    (servers.DEFAULT, (), 10, 4),
    ("biolatency", TRACERS["biolatency"], 10, 4),
    ("biosnoop", TRACERS["biosnoop"], 10, 4),
    ("bpftrace biosnoop", TRACERS["bpftrace biosnoop"], 10, 4),
)


class Fio(servers.Server):
    """Its own folder is on a disk: /tmp may be none."""
    needs = ("fio",)
    watched = WATCHED
    optional = ("biosnoop",)
    engine = "libaio"

    def __init__(self, bench):
        super().__init__(bench)
        shutil.rmtree(self.dir)
        self.dir = tempfile.mkdtemp(prefix="hostlat-bench-", dir="/var/tmp")

    def __enter__(self):
        self.fio("--rw=write", "--bs=1M", "--end_fsync=1")
        self.measure()
        return self

    def fio(self, *more):
        argv = ["fio", "--name=job", f"--filename={self.dir}/data", "--size=128M", "--thread", "--output-format=json",
                *more]
        p = subprocess.run(argv, capture_output=True, text=True, timeout=120)
        if p.returncode:
            raise Missing(f"fio: {p.stderr.strip()[-200:]}")
        return json.loads(p.stdout)["jobs"][0]

    def reads(self):
        job = self.fio("--rw=randread", "--bs=4k", "--direct=1", f"--ioengine={self.engine}", "--iodepth=64", "--norandommap",
                       "--time_based", f"--runtime={SECONDS}")
        return job["read"]

    def measure(self):
        """Reads a second, and fio's CPU time of each in us."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        read = self.reads()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return read["iops"], 1e6 * cpu / read["total_ios"]

    def limits(self, bench, repetitions):
        mine = servers.total_median(repetitions, servers.DEFAULT)
        rows = []
        for peer, share in (("biolatency", 1), ("biosnoop", 0.5), ("bpftrace biosnoop", 0.5)):
            theirs = servers.total_median(repetitions, peer)
            if theirs is not None:
                rows.append((f"hostlat: median loss, to {share} x that of {peer}", mine, round(share * theirs, 2), " %"))
        rows.append(("requests that fio made, and hostlat neither counted nor said to be lost", self.missed(bench), 0, ""))
        bench.limits(rows)

    def missed(self, bench):
        """fio's reads less those that hostlat counted or says it lost: some kernels tell of no end of a few."""
        r = Running(bench, TRACERS["hostlat waits"], pin=False)
        made = self.reads()["total_ios"]
        text = r.stop()
        last = [json.loads(line) for line in text.splitlines() if line.startswith("{")][-1]
        seen = sum(o["count"] for o in last["operations"]
                   if o["kind"] == "block" and o["name"] == "read" and o["comm"].startswith(("fio", "iou-")))
        lost = [a["lost"] for a in last["capture"]["accounting"] if a["class"] == "block"]
        return max(made - seen - sum(lost), 0)


class Uring(Fio):
    """Of these hostlat tells each request of io_uring too: who made it, on which file."""
    engine = "io_uring"


def disk(bench):
    servers.measure(bench, Fio, "fio: random reads of 4 KiB, direct, libaio, 64 at a time")


def disk_uring(bench):
    servers.measure(bench, Uring, "fio: random reads of 4 KiB, direct, io_uring, 64 at a time")
