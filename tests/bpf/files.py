#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Files: what is done to each of them, against fio's own count and times, and the names that
files have: renamed, deleted, in another mount namespace, too many."""
import os
import sys

import live
from block import QUANTILES, fio, lay_out, until_quiet
from live import US, Facts, check, test


def rows(doc, path, **want):
    """Rows of what was done to a file."""
    return [r for r in doc["file_operations"]
            if r["path"] == path and all(r.get(k) == v for k, v in want.items())]


def row(doc, path, **want):
    got = rows(doc, path, **want)
    check(len(got) == 1, f"{len(got)} rows of {path} {want}")
    return got[0]


def whole(doc, path):
    """The row of the file itself."""
    got = [r for r in doc["files"] if r["path"] == path]
    check(len(got) == 1, f"{len(got)} files {path}")
    return got[0]


def agree(f, got, times, what):
    for ours, theirs in QUANTILES:
        f.near(got[ours], times["percentile"][theirs], f"{what}: {ours}", 9, 20 * US)


def fio_run(seconds=60, **options):
    """fio beside hostlat: the folder's one file, the document, the job."""
    d = live.folder()
    lay_out(d)
    with live.Record("--files", calls="on", seconds=seconds) as h:
        job = fio(d, **options)
        h.stop()
    return os.path.join(d, "data"), h.doc, job


def reads_once(f, direct):
    path, doc, job = fio_run(rw="randread", bs="4k", direct=direct, ioengine="psync", number_ios=4000)
    got = row(doc, path, kind="syscall", name="pread64")
    f.same(got["count"], job["read"]["total_ios"], "reads")
    f.same(got["bytes"], job["read"]["io_bytes"], "bytes read")
    f.same(got["comm"], "fio", "who read")
    agree(f, got, job["read"]["clat_ns"], f"pread64, direct={direct}")
    f.near(sum(got["time_ns"].values()), got["total_ns"], "the breakdown is all of it", 0.1, 0)


@test("fio: random reads of a file, direct, are as many and take as long")
def reads_direct():
    until_quiet(lambda f: reads_once(f, 1))


@test("fio: random reads of a file through the page cache are as many and take as long")
def reads_cached():
    until_quiet(lambda f: reads_once(f, 0))


def fsyncs_once(f, direct):
    path, doc, job = fio_run(rw="write", bs="4k", direct=direct, ioengine="psync", fsync=4, number_ios=1200)
    got = row(doc, path, kind="syscall", name="fsync")
    syncs = job["sync"]["total_ios"]
    f.check(syncs <= got["count"] <= syncs + 2, f"fsyncs: {got['count']}, fio's {syncs}")
    agree(f, got, job["sync"]["lat_ns"], f"fsync, direct={direct}")
    wrote = row(doc, path, kind="syscall", name="pwrite64")
    f.same(wrote["count"], job["write"]["total_ios"], "writes")
    f.same(wrote["bytes"], job["write"]["io_bytes"], "bytes written")
    agree(f, wrote, job["write"]["clat_ns"], f"pwrite64, direct={direct}")
    # the file itself: all that was done to it
    file = whole(doc, path)
    calls = rows(doc, path, kind="syscall")
    for key in ("count", "bytes", "total_ns", "errors"):
        f.same(file[key], sum(r[key] for r in calls), f"{key} of the file")
    f.same(file["waits"], sum(r["count"] for r in rows(doc, path, kind="wait")), "waits of the file")
    f.check(got["time_ns"].get("disk", 0) > got["total_ns"] / 3, f"an fsync waits for the disk: {got['time_ns']}")


@test("fio: sequential writes with fsync, direct, are as many and take as long")
def fsyncs_direct():
    until_quiet(lambda f: fsyncs_once(f, 1))


@test("fio: sequential writes with fsync through the page cache are as many and take as long")
def fsyncs_cached():
    until_quiet(lambda f: fsyncs_once(f, 0))


@test("while calls are not counted a file has its waits, and no counts")
def waits_only():
    d = live.folder()
    lay_out(d)
    with live.Record("--files", calls="off", seconds=60) as h:
        fio(d, rw="randread", bs="4k", direct=1, ioengine="psync", number_ios=1000)
        h.stop()
    path = os.path.join(d, "data")
    with Facts() as f:
        file = whole(h.doc, path)
        f.check(900 <= file["waits"] <= 1200, f"waits: {file['waits']} of some 1000 reads")
        f.same(file["times_of"], "waits", "what the times are of")
        for key in ("count", "bytes", "errors"):
            f.check(key not in file, f"{key} is not measured, and there: {file.get(key)}")
        f.check(file["time_ns"].get("disk", 0) > file["wait_ns"] / 2, f"waits for the disk: {file['time_ns']}")


# ---- io_uring -------------------------------------------------------------------------


def of_uring(doc, opcode):
    """Requests of fio's by opcode, those that a worker did and those that none had to."""
    return [o for o in doc.ops(None, "io_uring") if o.get("comm") == "fio" and o["name"] in (opcode, f"{opcode} (worker)")]


def no_shorter(f, got, times, what):
    for ours, theirs in QUANTILES:
        want = times["percentile"][theirs]
        f.check(got[ours] >= want * 0.91 - 20 * US, f"{what}: {ours} {got[ours]}, fio's {want}")


def uring_once(f, **options):
    path, doc, job = fio_run(bs="4k", ioengine="io_uring", lat_percentiles=1, **options)
    for opcode, side in (("read", "read"), ("write", "write"), ("fsync", "sync")):
        ios = job[side]["total_ios"]
        if not ios:
            continue
        got = of_uring(doc, opcode)
        f.same(sum(o["count"] for o in got), ios, f"requests {opcode}")
        f.same(sum(o["errors"] for o in got), 0, f"failed {opcode}")
        f.same({o["pid"] for o in got}, {r["pid"] for r in rows(doc, path, kind="io_uring")}, "whose they are")
        files = [r for r in rows(doc, path, kind="io_uring") if r["name"] in (opcode, f"{opcode} (worker)")]
        f.same(sum(r["count"] for r in files), ios, f"requests {opcode} on the file")
        if opcode != "fsync":
            f.same(sum(r["bytes"] for r in files), job[side]["io_bytes"], f"bytes of {opcode}")
        if len(got) != 1:
            continue
        if opcode == "fsync":  # its clock starts when the submission is over, and has no other
            no_shorter(f, got[0], job[side]["lat_ns"], f"{opcode} {options}")
        else:  # from before the submission
            agree(f, got[0], job[side]["lat_ns"], f"{opcode} {options}")


@test("fio with io_uring: direct reads are as many and take as long, in Operations and of the file")
def uring_reads():
    until_quiet(lambda f: uring_once(f, rw="randread", direct=1, number_ios=4000))


@test("fio with io_uring: reads through the page cache are as many and take as long")
def uring_cached():
    until_quiet(lambda f: uring_once(f, rw="randread", direct=0, number_ios=4000))


@test("fio with io_uring: writes with fsync are as many, and say which of them a worker did")
def uring_fsyncs():
    until_quiet(lambda f: uring_once(f, rw="write", direct=1, fsync=4, number_ios=1200))


@test("fio with io_uring, many at a time: mixed requests are as many as fio made")
def uring_deep():
    path, doc, job = fio_run(rw="randrw", bs="4k", ioengine="io_uring", iodepth=32, direct=1, number_ios=6000)
    with Facts() as f:
        for opcode in ("read", "write"):
            f.same(sum(o["count"] for o in of_uring(doc, opcode)), job[opcode]["total_ios"], f"requests {opcode}")
            f.same(sum(r["bytes"] for r in rows(doc, path, kind="io_uring") if r["name"].startswith(opcode)),
                   job[opcode]["io_bytes"], f"bytes of {opcode}")


@test("a thread of the kernel's that polls for submissions submits for its process")
def uring_sqpoll():
    path, doc, job = fio_run(rw="randread", bs="4k", ioengine="io_uring", sqthread_poll=1, direct=1, number_ios=2000)
    with Facts() as f:
        got = of_uring(doc, "read")
        f.same(sum(o["count"] for o in got), job["read"]["total_ios"], "requests")
        f.same(len({o["pid"] for o in got}), 1, "processes")
        f.same({r["comm"] for r in rows(doc, path, kind="io_uring")}, {"fio"}, "who read the file")


if __name__ == "__main__":
    live.main()
