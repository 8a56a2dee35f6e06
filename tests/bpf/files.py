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


if __name__ == "__main__":
    live.main()
