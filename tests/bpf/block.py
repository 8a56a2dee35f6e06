#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Block I/O: requests against fio's own count and times, the kernel's diskstats, and whose
writeback it is."""
import json
import os
import subprocess
import sys
import time

import live
from live import MS, US, Facts, check, lacks, same, test

MB = 1 << 20


def disk_of(path):
    """The disk that a folder is on: its name and its line of /sys/block/NAME/stat."""
    dev = os.stat(path).st_dev
    link = f"/sys/dev/block/{os.major(dev)}:{os.minor(dev)}"
    if not os.path.exists(link):
        lacks("the tests stand on no disk of their own")
    whole = os.path.realpath(link)
    if os.path.exists(os.path.join(whole, "partition")):
        whole = os.path.dirname(whole)
    return os.path.basename(os.path.realpath(link)), os.path.basename(whole)


def diskstat(name):
    with open(f"/sys/block/{name}/stat", encoding="ascii") as f:
        return [int(w) for w in f.read().split()]


def fio(folder, **options):
    """One job of fio; what it says of it."""
    out = os.path.join(folder, "fio.json")
    given = {"name": "job", "filename": os.path.join(folder, "data"), "size": "32M", "output-format": "json",
             "output": out, "thread": None, "fallocate": "none", "nice": -15, **options}
    words = [f"--{k}" if v is None else f"--{k}={v}" for k, v in given.items()]
    p = subprocess.run(["fio", *words], capture_output=True, text=True, timeout=120)
    same(p.returncode, 0, f"status of fio: {p.stderr[-300:]}")
    with open(out, encoding="utf-8") as f:
        return json.load(f)["jobs"][0]


def lay_out(folder):
    """The file that is read is there, on the disk, before anybody counts."""
    fio(folder, rw="write", bs="1M", end_fsync=1)


def of_fio(doc, kind, name):
    rows = [o for o in doc.ops(None, kind, name) if o.get("comm") == "fio"]
    check(rows, f"fio did no {kind} {name}")
    return max(rows, key=lambda o: o["count"])


QUANTILES = (("p50_ns", "50.000000"), ("p90_ns", "90.000000"), ("p99_ns", "99.000000"), ("p999_ns", "99.900000"))


def agree(f, row, times, what):
    """Quantiles within a bucket (9 %), or 20 us."""
    for ours, theirs in QUANTILES:
        want = times["percentile"][theirs]
        f.near(row[ours], want, f"{what}: {ours}", 9, 20 * US)


def until_quiet(attempt):
    """What fio measures holds more than the call when fio is preempted between its clock and the
    call: on a host of two CPUs that may move its highest quantiles. One run of six must agree."""
    for _ in range(6):
        f = Facts()
        attempt(f)
        if not f.wrong:
            return
    with Facts() as all_of_it:
        all_of_it.wrong = f.wrong


def totals(doc, table, key, name):
    rows = [r for r in doc[table] if r["name"] == name]
    return sum(r[key] for r in rows)


@test("fio: direct random reads are as many requests, and take as long")
def reads():
    until_quiet(reads_once)


def reads_once(f):
    d = live.folder()
    part, _ = disk_of(d)
    lay_out(d)
    with live.Record(calls="on", seconds=60) as h:
        job = fio(d, rw="randread", bs="4k", direct=1, ioengine="psync", number_ios=4000)
        h.stop()
    read, lost = job["read"], h.doc.acct("block")["lost"]
    block = of_fio(h.doc, "block", "read")
    f.check(read["total_ios"] <= block["count"] + lost <= read["total_ios"] + 200,  # its program and libraries too
            f"requests: {block['count']}, lost {lost}; fio made {read['total_ios']} reads")
    f.check(block["bytes"] + lost * 4096 >= read["io_bytes"], f"bytes: {block['bytes']} of {read['io_bytes']}")
    call = of_fio(h.doc, "syscall", "pread64")
    f.check(read["total_ios"] <= call["count"] <= read["total_ios"] + 200, f"calls: {call['count']}")
    agree(f, call, read["clat_ns"], "pread64")
    # what is not the request is the call's way in and out
    f.check(block["p50_ns"] <= call["p50_ns"], f"a request takes {block['p50_ns']}, the call {call['p50_ns']}")
    f.near(block["queue_ns"] + block["device_ns"], block["total_ns"], "queue and device are all of it", 0.1, 0)
    wait = of_fio(h.doc, "wait", "pread64")
    f.near(wait["queue_ns"] + wait["device_ns"], wait["time_ns"]["disk"], "of the waits in either", 5, 0)
    # the request is with the device while its thread is still on its way to sleep
    f.check(block["device_ns"] / 2 <= wait["device_ns"] <= block["device_ns"] * 1.02,
            f"in the device: {wait['device_ns']} as waits see it, {block['device_ns']} as requests do")
    f.same([call[k] for k in ("queue_ns", "device_ns")], [wait[k] for k in ("queue_ns", "device_ns")], "of the calls")
    f.check(totals(h.doc, "disks", "reads", part) + lost >= read["total_ios"], "reads of the disk")


@test("fio: writes with fsync, through the page cache, are counted as calls, as requests and as flushes")
def fsyncs():
    until_quiet(fsyncs_once)


def fsyncs_once(f):
    d = live.folder()
    lay_out(d)
    with live.Record(calls="on", seconds=60) as h:
        job = fio(d, rw="randwrite", bs="4k", ioengine="psync", fsync=1, number_ios=300)
        h.stop()
    calls = of_fio(h.doc, "syscall", "fsync")
    f.check(job["sync"]["total_ios"] <= calls["count"] <= job["sync"]["total_ios"] + 2, f"fsyncs: {calls['count']}")
    agree(f, calls, job["sync"]["lat_ns"], "fsync")
    f.same(of_fio(h.doc, "syscall", "pwrite64")["count"], job["write"]["total_ios"], "writes")
    written = of_fio(h.doc, "block", "sync write")
    f.check(written["bytes"] >= 200 * 4096, f"bytes that fio's fsyncs wrote: {written['bytes']}")


@test("disks: requests, bytes and merges are those that the kernel counts")
def diskstats():
    d = live.folder()
    _, disk = disk_of(d)
    lay_out(d)
    with live.Record(seconds=60) as h:
        before = diskstat(disk)
        fio(d, rw="randread", bs="16k", direct=1, ioengine="psync", number_ios=2000)
        after = diskstat(disk)
        h.stop()
    with Facts() as f:
        reads, sectors = after[0] - before[0], after[2] - before[2]
        got = totals(h.doc, "disks", "reads", disk)
        lost = h.doc.acct("block")["lost"]
        f.check(reads >= 2000 and reads <= got + lost and got <= reads * 1.02 + 50, f"reads: {got}, lost {lost}, the kernel's {reads}; {h.doc['capture'].get('losses')}")
        ops = [r for r in h.doc["disk_operations"] if r["operation"] == "read"]
        f.check(sum(r["bytes"] for r in ops) + lost * 16384 >= sectors * 512, "bytes read")
        row = [r for r in h.doc["disks"] if r["name"] == disk][0]
        f.check(0 < row["utilisation_pct"] <= 101, f"utilisation: {row['utilisation_pct']}")
        for r in h.doc["disks"] + h.doc["disk_operations"]:
            for phase in ("queue", "device"):
                hist = r[f"{phase}_histogram"]
                f.same(sum(hist["counts"]) + hist["zero_count"], r["count"], f"{r['name']}: {phase} histogram")


DIRTY = """
import os, sys
f = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
for i in range(16): os.write(f, b"x" * (1 << 20))
print("DIRTY", file=sys.stderr, flush=True)
sys.stdin.read()
"""


@test("a slow wait on a file says which disk that is on, and so does the disk's request")
def on_disk():
    d = live.folder()
    name, whole = disk_of(d)
    with live.Record("--slow", "20us") as h:
        code = "import os,sys\nf = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)\n" \
               "for i in range(50): os.pwrite(f, b'x' * 4096, 4096 * i); os.fsync(f)\n"
        subprocess.run([sys.executable, "-c", code, os.path.join(d, "data")], check=True, timeout=60)
        h.stop()
    with Facts() as f:
        rows = [s for s in h.doc["slow"] if s.get("detail", {}).get("path") == os.path.join(d, "data") and s["name"] == "fsync"]
        f.check(len(rows) >= 25, f"slow waits in fsync: {len(rows)}")
        f.same({s["detail"].get("disk") for s in rows}, {name}, "their disk")
        flushes = [s for s in h.doc["slow"] if s["kind"] == "block" and s["pid"] in {r["pid"] for r in rows}]
        f.check(flushes, "no slow request of that process")
        f.same({s["detail"]["disk"] for s in flushes} - {name, whole}, set(), "disk of its requests")
        f.check({name, whole} <= {r["name"] for r in h.doc["disks"]}, "the disks' rows")


@test("writeback is charged to who made the pages dirty, not to who syncs")
def writeback():
    d = live.folder()
    path = os.path.join(d, "dirty")
    os.sync()  # what others made dirty before is none of the syncer's
    with live.Record(seconds=60) as h:
        with live.Load(sys.executable, "-c", DIRTY, path, ready="DIRTY") as load:
            # a sync of the whole file system is work of the kernel's writeback threads
            p = subprocess.run(["sync", "-f", d], timeout=60)
            same(p.returncode, 0, "status of sync")
            writer = load.pid
        h.stop()
    with Facts() as f:
        mine = sum(o["bytes"] for o in h.doc.ops(writer, "block") if "write" in o["name"])
        f.check(mine >= 15 * MB, f"the writer is charged {mine / MB:.1f} of 16 MB")
        # what others had made dirty before stays the kernel's
        syncer = sum(o["bytes"] for o in h.doc.ops(None, "block") if o.get("comm") == "sync" and "write" in o["name"])
        f.check(syncer < 1 * MB, f"the one who syncs is charged {syncer / MB:.1f} MB")


@test("a loop device says which file it is made of, and its requests are counted")
def loop():
    d = live.folder()
    image = os.path.join(d, "image")
    with open(image, "wb") as file:
        file.truncate(16 * MB)
    p = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True, timeout=20)
    if p.returncode:
        lacks(f"loop devices: {p.stderr.strip()}")
    dev = p.stdout.strip()
    try:
        with live.Record(seconds=60) as h:
            subprocess.run(["dd", f"if={dev}", "of=/dev/null", "bs=64k", "count=100", "iflag=direct"], check=True,
                           capture_output=True, timeout=30)
            h.stop()
    finally:
        subprocess.run(["losetup", "--detach", dev], timeout=20)
    rows = [r for r in h.doc["disks"] if r["name"] == os.path.basename(dev)]
    same(len(rows), 1, f"rows of {dev}")
    same(rows[0].get("below"), image, "what it is made of")
    check(rows[0]["reads"] >= 100 and rows[0]["bytes"] >= 100 * 65536, f"{rows[0]}")


class Zram:
    """A disk in memory that takes bios and makes no requests of them; gone with the block."""

    control = "/sys/class/zram-control/hot_"

    def __enter__(self):
        if not os.path.exists(self.control + "add"):
            lacks("zram")
        with open(self.control + "add", encoding="ascii") as f:
            self.number = f.read().strip()
        self.name = f"zram{self.number}"
        with open(f"/sys/block/{self.name}/disksize", "w", encoding="ascii") as f:
            f.write(str(32 * MB))
        return self

    def __exit__(self, *_):
        with open(self.control + "remove", "w", encoding="ascii") as f:
            f.write(self.number)


class Partition:
    """A loop device of a file with a partition on it; gone with the block."""

    def __enter__(self):
        self.image = os.path.join(live.folder(), "image")
        with open(self.image, "wb") as file:
            file.truncate(64 * MB)
        p = subprocess.run(["losetup", "--find", "--show", self.image], capture_output=True, text=True, timeout=20)
        if p.returncode:
            lacks(f"loop devices: {p.stderr.strip()}")
        self.disk = p.stdout.strip()
        self.part = self.disk + "p1"
        same(subprocess.run(["addpart", self.disk, "1", "2048", "65536"], timeout=20).returncode, 0, "status of addpart")
        return self

    def __exit__(self, *_):
        subprocess.run(["delpart", self.disk, "1"], timeout=20)
        subprocess.run(["losetup", "--detach", self.disk], timeout=20)


class Limit:
    """A cgroup, of either version, with so many reads a second of a disk; gone with the block."""

    def __init__(self, disk, per_s):
        dev = os.stat(disk).st_rdev
        number = f"{os.major(dev)}:{os.minor(dev)}"
        if os.path.isdir("/sys/fs/cgroup/blkio"):
            self.path = "/sys/fs/cgroup/blkio/hostlat-test"
            self.file, self.rule = "blkio.throttle.read_iops_device", f"{number} {per_s}"
        else:
            self.path = "/sys/fs/cgroup/hostlat-test"
            self.file, self.rule = "io.max", f"{number} riops={per_s}"

    def write(self, name, text):
        with open(os.path.join(self.path, name), "w", encoding="ascii") as f:
            f.write(text)

    def __enter__(self):
        os.makedirs(self.path, exist_ok=True)
        if not os.path.exists(os.path.join(self.path, self.file)):
            self.__exit__()
            lacks("limits of I/O in cgroups")
        self.write(self.file, self.rule)
        return self

    def __exit__(self, *_):
        for _ in range(50):  # who was in it is on its way out
            try:
                return os.rmdir(self.path)
            except OSError:
                time.sleep(0.1)


READS = "echo $BASHPID >{limit}/cgroup.procs; exec dd if={part} of=/dev/null bs=4k count=20 iflag=direct status=none"


@test("two processes under one limit of I/O: the time that it holds them back is in the queue, and theirs")
def limited():
    with Partition() as p, Limit(p.disk, 20) as limit:
        read = READS.format(limit=limit.path, part=p.part)
        with live.Record(seconds=60) as h:
            subprocess.run(["bash", "-c", f"({read}) & ({read}); wait"], check=True, timeout=60)
            h.stop()
    rows = [r for r in h.doc["disk_operations"] if r["name"] == os.path.basename(p.part) and r["operation"] == "read"]
    mine = [o for o in h.doc.ops(None, "block", "read") if o.get("comm") == "dd" and o["count"] >= 20]
    waits = [o for o in h.doc.ops(None, "wait", "read") if o.get("comm") == "dd" and o["state"] == "disk" and o["count"] >= 20]
    with Facts() as f:
        f.same([r["count"] for r in rows], [40], "reads of the partition")
        f.same((len(mine), len(waits)), (2, 2), "processes that read and waited")
        # 40 reads at 20 a second, of which two at a time wait
        f.check(rows[0]["queue_p50_ns"] > 40 * MS, f"half of them were queued for {rows[0]['queue_p50_ns']}")
        f.check(rows[0]["device_ns"] < rows[0]["queue_ns"] / 10, f"in the device: {rows[0]['device_ns']}")
        for o, w in zip(sorted(mine, key=lambda o: o["pid"]), sorted(waits, key=lambda o: o["pid"])):
            f.near(o["queue_ns"] + o["device_ns"], w["total_ns"], f"requests of {o['pid']}, as long as its waits", 10, 20 * MS)
            slow = [s for s in h.doc["slow"] if s["kind"] == "block" and s["pid"] == o["pid"]]
            f.check(len(slow) >= 15 and all(s["detail"]["disk"] == os.path.basename(p.part) for s in slow), f"slow: {slow[:2]}")
            f.near(sum(s["queue_ns"] for s in slow), o["queue_ns"], f"queue of the slow requests of {o['pid']}", 10, 20 * MS)
            f.near(w["queue_ns"], o["queue_ns"], f"in the queue, as waits of {o['pid']} see it", 10, 20 * MS)


@test("a device that makes no requests has a row, of the bios that it took, charged to who made them")
def bios():
    d = live.folder()
    data = os.path.join(d, "data")
    with open(data, "wb") as file:
        file.write(os.urandom(16 * MB))
    with Zram() as z:
        with live.Record(seconds=60) as h:
            for words in ([f"if={data}", f"of=/dev/{z.name}", "bs=64k", "oflag=direct"],
                          [f"if=/dev/{z.name}", "of=/dev/null", "bs=4k", "count=1000", "iflag=direct"],
                          [f"if={data}", f"of=/dev/{z.name}", "bs=4k", "count=1", "seek=100000", "oflag=direct"]):
                p = subprocess.run(["dd", *words], capture_output=True, text=True, timeout=60)
            check(p.returncode, "a write behind the device's end was no error")
            h.stop()
        stat = diskstat(z.name)
    rows = {r["operation"]: r for r in h.doc["disk_operations"] if r["name"] == z.name}
    with Facts() as f:
        f.same({k: (r["count"], r["bytes"], r["errors"]) for k, r in rows.items()},
               {"read": (1000, 1000 * 4096, 0), "sync write": (256, 16 * MB, 0)}, "count, bytes and errors")
        f.same((stat[0], stat[4]), (1000, 256), "reads and writes as the kernel counts them")
        for r in rows.values():
            f.check(r["queue_ns"] == 0 and 0 < r["device_ns"] < h.doc["capture"]["duration_ns"], f"times: {r}")
            f.check(r["sequential_pct"] > 99, f"sequential: {r['sequential_pct']} %")
        mine = [(o["name"], o["count"]) for o in h.doc.ops(None, "block") if o.get("comm") == "dd"]
        f.check(("sync write", 256) in mine and any(n == "read" and c >= 1000 for n, c in mine), f"dd is charged {mine}")
        acct = h.doc.acct("block")
        f.same(acct["lost"], 0, f"lost, of {acct}")


if __name__ == "__main__":
    live.main()
