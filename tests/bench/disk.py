# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What watching costs a disk: fio reads at random, as fast as this machine's disk can, past the
page cache. hostlat must not cost more of it than biolatency, which keeps one histogram, and
must see every request; biosnoop prints them one by one, where it can be attached at all."""
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
)


class Fio(servers.Server):
    """Its own folder is on a disk: /tmp may be none."""
    needs = ("fio",)
    watched = WATCHED

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
        job = self.fio("--rw=randread", "--bs=4k", "--direct=1", "--ioengine=io_uring", "--iodepth=32", "--norandommap",
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
        for peer, share in (("biolatency", 1), ("biosnoop", 0.5)):
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


def disk(bench):
    servers.measure(bench, Fio, "fio: random reads of 4 KiB, direct, io_uring, 32 at a time")
