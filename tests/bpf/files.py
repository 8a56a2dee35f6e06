#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Files: what is done to each of them, against fio's own count and times, and the names that
files have: renamed, deleted, in another mount namespace, too many."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import live
from block import QUANTILES, fio, lay_out, until_quiet
from live import HOSTLAT, US, Facts, check, lacks, same, test


def rows(doc, path, **want):
    """Rows of what was done to a file."""
    return [r for r in doc["file_operations"]
            if r["path"] == path and all(r.get(k) == v for k, v in want.items())]


def row(doc, path, **want):
    got = rows(doc, path, **want)
    check(len(got) == 1, f"{len(got)} rows of {path} {want}")
    return got[0]


def whole(doc, path):
    """The row of the file itself, as it was opened."""
    got = [r for r in doc["files"] if r["path"] == path and not r["by_name"]]
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
    calls = rows(doc, path, kind="syscall", by_name=False)
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


# ---- names ----------------------------------------------------------------------------

# What the scripts do to a file, so many times, is said in the test.
NAMES = """
import os, sys
d = sys.argv[1]
f = os.open(d + "/before", os.O_RDWR | os.O_CREAT, 0o644)
for i in range(11): os.pwrite(f, b"x" * 100, 0)
os.rename(d + "/before", d + "/after")
for i in range(13): os.pwrite(f, b"x" * 100, 0)
os.unlink(d + "/after")
for i in range(17): os.pwrite(f, b"x" * 100, 0)
g = os.open(d + "/after", os.O_RDWR | os.O_CREAT, 0o644)
for i in range(19): os.pwrite(g, b"x" * 100, 0)
"""


def script(text, *args, opts=(), calls="on", wrap=()):
    return live.record([*wrap, sys.executable, "-c", text, *map(str, args)], opts=("--files", *opts), calls=calls)


@test("a file that is renamed and deleted: what was done to it under each name")
def renamed():
    d = live.folder()
    r = script(NAMES, d)
    with Facts() as f:
        f.same(row(r.doc, f"{d}/before", name="pwrite64")["count"], 11, "writes before the rename")
        f.same(row(r.doc, f"{d}/before", name="pwrite64")["deleted"], False, "it was not deleted under that name")
        after = {g["inode"]: g for g in rows(r.doc, f"{d}/after", name="pwrite64")}
        f.same(sorted(g["count"] for g in after.values()), [19, 30], "writes after it, and to its successor")
        old = row(r.doc, f"{d}/before", name="pwrite64")["inode"]
        files = [g for g in r.doc["files"] if g["path"] == f"{d}/after" and not g["by_name"]]
        f.same(len(files), 2, "files of that name")
        f.same(sorted(g["deleted"] for g in files), [False, True], "the first one was deleted, the second is there")
        f.check(any(g["deleted"] and g["inode"] == old for g in files), "it is the renamed one that was deleted")


BY_NAME = """
import os, sys
d = sys.argv[1]
def fails(what, *a):
    try: what(*a)
    except OSError: return
    raise SystemExit("it did not fail")
os.chdir(d)
for i in range(13): fails(os.open, d + "/none", os.O_RDONLY)
for i in range(7): fails(os.open, "none", os.O_RDONLY)
for i in range(5): os.mkdir("sub"); os.rmdir("./sub//")
os.mkdir("sub")
at = os.open("sub", os.O_RDONLY)
for i in range(11):
    os.close(os.open("file", os.O_RDWR | os.O_CREAT, 0o644, dir_fd=at))
    os.truncate("sub/file", 100)
    os.rename("file", "other", src_dir_fd=at, dst_dir_fd=at)
    os.unlink(d + "/sub/./other")
for i in range(17): os.stat("/" + d + "/sub")
for i in range(19): os.stat(at)
for i in range(3): os.symlink("anything", "link"); os.unlink("link")
for i in range(40):
    os.mkdir(f"many{i}")
    each = os.open(f"many{i}", os.O_RDONLY)
    fails(lambda: os.stat("same", dir_fd=each))
    os.close(each)
os.chroot(d + "/sub")
os.chdir("/")
for i in range(23): fails(os.stat, "/nothing")
"""


@test("calls that name a file and do not open it, by the name that they give, and those that fail")
def by_name():
    d = live.folder()
    r = script(BY_NAME, d)

    def count(path, *names, key="count", named=True):
        return sum(g[key] for g in rows(r.doc, path, by_name=named) if g["name"] in names)

    stats = ("stat", "newfstatat", "statx")
    with Facts() as f:
        f.same((count(f"{d}/none", "openat"), count(f"{d}/none", "openat", key="errors")), (20, 20), "opens of what is not there")
        f.same((count(f"{d}/sub", "mkdir"), count(f"{d}/sub", "rmdir")), (6, 5), "of a directory")
        f.same(count(f"{d}/sub/file", "openat", named=False), 11, "opens that do not fail are of the file")
        f.same(count(f"{d}/sub/file", "truncate"), 11, "truncated")
        f.same(count(f"{d}/sub/file", "renameat", "renameat2", "rename"), 11, "renamed, under the old name")
        f.same(count(f"{d}/sub/other", "unlink", "unlinkat"), 11, "unlinked")
        f.same(count(f"{d}/sub", *stats), 17, "asked for by name")
        f.same(count(f"{d}/sub", "fstat", *stats, named=False), 19, "asked for by descriptor")
        f.same((count(f"{d}/link", "symlink"), count(f"{d}/link", "unlink")), (3, 3), "symbolic links")
        f.same([count(f"{d}/many{i}/same", *stats) for i in range(40)], [1] * 40, "one name in many directories")
        f.same((count(f"{d}/sub/nothing", *stats), count(f"{d}/sub/nothing", *stats, key="errors")), (23, 23), "in a chroot")
        f.same(r.doc.acct("files")["lost"], 0, "lost")


MAPPED = """
import json, mmap, os, random, resource, sys
path = sys.argv[1]
f = os.open(path, os.O_RDWR)
size = os.fstat(f).st_size
os.fsync(f)
os.posix_fadvise(f, 0, 0, os.POSIX_FADV_DONTNEED)
m = mmap.mmap(f, size, prot=mmap.PROT_READ)
m.madvise(mmap.MADV_RANDOM)
pages = list(range(0, size, 4096))[:2000]
random.shuffle(pages)
before = resource.getrusage(resource.RUSAGE_SELF).ru_majflt
for at in pages: m[at]
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_majflt - before))
"""


@test("page faults of a mapped file are waits on that file, as many as the kernel counts")
def mapped():
    d = live.folder()
    lay_out(d)
    r = script(MAPPED, f"{d}/data")
    major = json.loads(r.out)
    got = row(r.doc, f"{d}/data", kind="wait", state="fault")
    with Facts() as f:
        f.check(major > 1000, f"major faults: {major}")
        f.check(major * 0.95 <= got["count"] <= major * 1.05, f"waits on the file: {got['count']}, major faults: {major}")
        f.check(got["device_ns"] >= 0.5 * got["time_ns"]["fault"], f"of that in the device: {got}")
        f.same(whole(r.doc, f"{d}/data")["time_ns"].get("fault"), got["time_ns"]["fault"], "of the file, beside its calls")


LONG = """
import os, sys
d = sys.argv[1]
os.chdir(d)
for i in range(12):
    os.mkdir("d" * 60); os.chdir("d" * 60)
f = os.open("leaf", os.O_RDWR | os.O_CREAT, 0o644)
for i in range(7): os.pwrite(f, b"x", 0)
"""


@test("a path that is too long says that its head is missing")
def cut():
    d = live.folder()
    r = script(LONG, d)
    got = [g for g in r.doc["file_operations"] if g["name"] == "pwrite64" and g["path"].endswith("/leaf")]
    same([(g["count"], g["path_cut"], g["path"][:4]) for g in got], [(7, True, ".../")], "the writes")


INSIDE = """
mount -t tmpfs none "$1" || exit 77
exec %s -c '
import os
f = os.open("'"$1"'/inside", os.O_RDWR | os.O_CREAT, 0o644)
for i in range(23): os.pwrite(f, b"x", 0)
'
""" % sys.executable


@test("a file on a mount that only its own namespace has has the path that is right there")
def namespace():
    d = live.folder()
    script_ = ["unshare", "--mount", "--propagation", "private", "sh", "-c", INSIDE, "sh", d]
    r = live.record(script_, opts=("--files",), calls="on", status=None)
    if r.status == 77:
        lacks("mounts in a namespace")
    same(row(r.doc, f"{d}/inside", name="pwrite64")["count"], 23, "writes")
    check(not os.path.exists(f"{d}/inside"), "the host sees the mount")


PIVOT = """
set -e
mount -t tmpfs none "$1"; cd "$1"; mkdir old data
pivot_root . old
exec /old%s -c '
import os
f = os.open("/data/inside", os.O_RDWR | os.O_CREAT, 0o644)
for i in range(29): os.pwrite(f, b"x", 0)
'
""" % os.path.realpath(sys.executable)


@test("a container's file has the path that the container knows it by")
def container():
    d = live.folder()
    env = ["env", "LD_LIBRARY_PATH=/old/lib/x86_64-linux-gnu:/old/usr/lib/x86_64-linux-gnu", "PYTHONHOME=/old/usr"]
    loader = os.path.realpath("/lib64/ld-linux-x86-64.so.2")
    text = PIVOT.replace("exec /old", f"exec /old{loader} /old")
    r = live.record([*env, "unshare", "--mount", "--propagation", "private", "sh", "-c", text, "sh", d],
                    opts=("--files",), calls="on", status=None)
    same(r.status, 0, f"status: {r.err[-300:]!r}")
    same(row(r.doc, "/data/inside", name="pwrite64")["count"], 29, "writes")


@test("a file in a chroot has its whole path")
def chrooted():
    d = live.folder()
    text = f"""
import os
os.mkdir("{d}/root")
os.chroot("{d}/root")
os.chdir("/")
f = os.open("/inside", os.O_RDWR | os.O_CREAT, 0o644)
for i in range(31): os.pwrite(f, b"x", 0)
"""
    r = script(text)
    same(row(r.doc, f"{d}/root/inside", name="pwrite64")["count"], 31, "writes")


# ---- room -----------------------------------------------------------------------------

MANY = """
import os, sys
d, n = sys.argv[1], int(sys.argv[2])
for i in range(n):
    f = os.open(f"{d}/f{i}", os.O_RDWR | os.O_CREAT, 0o644)
    for k in range(3): os.pwrite(f, b"x" * 10, 0)
    os.fsync(f) if i % 10 == 0 else None
    os.close(f)
"""


@test("of more files than there is room for the rest is \"(other)\", and every operation is counted")
def other():
    d = live.folder()
    n = 1000
    r = script(MANY, d, n, opts=("--max-files", "256"))
    mine = [g for g in r.doc["file_operations"] if g["path"].startswith(d + "/f")]
    rest = [g for g in r.doc["file_operations"] if g["path"] == "(other)"]
    files = {g["path"] for g in mine}
    writes = sum(g["count"] for g in mine if g["name"] == "pwrite64")
    with Facts() as f:
        f.check(20 <= len(files) <= 255, f"files that had room: {len(files)} of 255 places")
        f.same(writes, 3 * len(files), "writes to them")
        f.check(rest, "there is no (other)")
        # what the process did to the others, call by call
        f.same(sum(g["count"] for g in rest if g["name"] == "pwrite64"), 3 * n - writes, "writes to (other)")
        f.same(sum(g["bytes"] for g in rest if g["name"] == "pwrite64"), 10 * (3 * n - writes), "bytes of (other)")
        fsyncs = sum(g["count"] for g in mine + rest if g["name"] == "fsync" and g["kind"] == "syscall")
        f.same(fsyncs, n // 10, "fsyncs of both")
        f.same([g["path"] for g in r.doc["files"] if g["path"] == "(other)"], ["(other)"], "rows of (other)")


SHORT = """
import os, sys
d = sys.argv[1]
for i in range(400):
    if os.fork() == 0:
        f = os.open(f"{d}/f{i}", os.O_RDWR | os.O_CREAT, 0o644)
        os.pwrite(f, b"x", 0)
        os._exit(0)
    os.wait()
"""


@test("the room of processes that are gone serves again")
def reuse():
    d = live.folder()
    path = os.path.join(d, "x.json")
    out = live.folder()
    cmd = [HOSTLAT, "record", "-i", "0.2", "--files", "--calls=on", "--max-files", "512", "-o", path, "--",
           sys.executable, "-c", SHORT.replace("range(400)", "range(100)").replace("import os, sys",
           "import os, sys, time").replace("    os.wait()", "    os.wait(); time.sleep(0.02)"), out]
    p = subprocess.run(cmd, capture_output=True, text=True, timeout=60)
    same(p.returncode, 0, f"status: {p.stderr[-300:]}")
    with open(path, encoding="utf-8") as f:
        doc = live.valid(live.Doc(json.load(f)))
    done = [r for r in doc["file_operations"] if r["name"] == "pwrite64" and r["kind"] == "syscall"]
    mine = {r["path"] for r in done if r["path"].startswith(out + "/f")}
    same(sum(r["count"] for r in done), 100, "writes, one to each file")
    check(len(mine) >= 90, f"files that found a place: {len(mine)} of 100")  # others of the host have files, too


IDLE = """
import os, sys, time
d = sys.argv[1]
def use(name):
    f = os.open(f"{d}/{name}", os.O_RDWR | os.O_CREAT, 0o644)
    for k in range(3): os.pwrite(f, b"x" * 10, 0)
    os.close(f)
for i in range(300): use(f"f{i}")
time.sleep(4)
for i in range(40): use(f"g{i}")
"""


@test("the room of files that nobody uses any more serves again")
def idle():
    d, out = live.folder(), live.folder()
    path = os.path.join(d, "x.json")
    p = subprocess.run([HOSTLAT, "record", "-i", "0.2", "--files", "--calls=on", "--max-files", "256", "-o", path, "--",
                        sys.executable, "-c", IDLE, out], capture_output=True, text=True, timeout=60)
    same(p.returncode, 0, f"status: {p.stderr[-300:]}")
    with open(path, encoding="utf-8") as f:
        doc = live.valid(live.Doc(json.load(f)))
    writes = [r for r in doc["file_operations"] if r["name"] == "pwrite64" and r["comm"].startswith("python")]
    with Facts() as f:
        f.same(sum(r["count"] for r in writes), 3 * 340, "writes")
        later = {r["path"] for r in writes if r["path"].startswith(f"{out}/g")}
        f.check(len(later) >= 30, f"files of the second batch that have a row: {len(later)}")
        f.check(sum(r["count"] for r in writes if r["path"].startswith(f"{out}/f")) >= 3 * 40, "what was counted before is kept")
        f.check(any(r["path"] == "(other)" for r in writes), "there was no room for all of the first batch")


# ---- a database -----------------------------------------------------------------------


class Postgres:
    """A server of its own in a scratch directory, run by the user postgres. It writes its log with
    fdatasync, and nothing by itself."""

    SETTINGS = ("fsync=on wal_sync_method=fdatasync listen_addresses= autovacuum=off checkpoint_timeout=1h "
                "bgwriter_lru_maxpages=0 max_wal_size=4GB wal_writer_delay=10s").split()

    def __init__(self):
        bins = [p for p in ("/usr/lib/postgresql/15/bin",) if os.path.exists(os.path.join(p, "initdb"))]
        if not bins:
            lacks("PostgreSQL 15")
        self.bin, self.d = bins[0], live.folder()
        shutil.chown(self.d, "postgres")
        self.data = os.path.join(self.d, "data")
        self.p = None

    def do(self, *words, limit=60):
        p = subprocess.run(["runuser", "-u", "postgres", "--", *words], capture_output=True, text=True, timeout=limit,
                           cwd=self.d)
        same(p.returncode, 0, f"status of {words[0]}: {p.stderr[-300:]}")
        return p.stdout

    def client(self, name, *words):
        return self.do(os.path.join(self.bin, name), "-h", self.d, *words)

    def ask(self, sql):
        return self.client("psql", "-d", "postgres", "-Atc", sql).strip()

    def __enter__(self):
        self.do(os.path.join(self.bin, "initdb"), "-D", self.data, "-A", "trust", "--no-sync")
        words = [w for s in self.SETTINGS for w in ("-c", s)]
        self.p = live.start("runuser", "-u", "postgres", "--", os.path.join(self.bin, "postgres"), "-D", self.data, "-k", self.d,
                            *words, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        live.wait_for("PostgreSQL", lambda: not subprocess.run([os.path.join(self.bin, "pg_isready"), "-h", self.d],
                                                               capture_output=True, timeout=10).returncode, 30, 0.2)
        return self

    def __exit__(self, *_):
        pid = int(open(os.path.join(self.data, "postmaster.pid"), encoding="ascii").readline())
        os.kill(pid, signal.SIGINT)  # a fast shutdown
        self.p.wait(30)

    def syncs(self):
        """How often it has flushed its log, when all of its processes have said so."""
        seen = None
        for _ in range(20):
            now = int(self.ask("select wal_sync from pg_stat_wal"))
            if now == seen:
                return now
            seen = now
            time.sleep(1.2)
        raise AssertionError("pg_stat_wal does not settle")


@test("PostgreSQL: the flushes of its log are under the log's file, as many as it counts itself")
def postgres():
    with Postgres() as pg:
        pg.client("pgbench", "-i", "-q", "-d", "postgres")
        pg.ask("checkpoint")
        before = pg.syncs()
        with live.Record("--files", calls="on", seconds=90, limit=90) as h:
            pg.client("pgbench", "-d", "postgres", "-N", "-c", "2", "-t", "150")
            after = pg.syncs()
            h.stop()
    wal = os.path.join(pg.data, "pg_wal") + "/"
    mine = [r for r in h.doc["file_operations"] if r["path"].startswith(wal) and r["name"] == "fdatasync"]
    calls = [r for r in mine if r["kind"] == "syscall"]
    with Facts() as f:
        f.check(after - before >= 150, f"flushes of its log: {after - before}")
        f.same(sum(r["count"] for r in calls), after - before, "fdatasyncs of its log")
        f.same({r["comm"] for r in calls}, {"postgres"}, "who flushed")
        f.check(all(len(r["path"]) == len(wal) + 24 for r in calls), f"files: {sorted({r['path'] for r in calls})}")
        states = {s: sum(r["time_ns"].get(s, 0) for r in calls) for s in live.STATES}
        asleep = sum(states.values()) - states["cpu"] - states["runqueue"]
        f.check(states["disk"] > 0.9 * asleep, f"what they wait for is the disk: {states}")
        f.near(sum(states.values()), sum(r["total_ns"] for r in calls), "the breakdown is all of it", 0.1, 0)
        # its tables are files, too
        f.check(any(r["path"].startswith(os.path.join(pg.data, "base")) for r in h.doc["files"]), "its tables are there")


# ---- outputs --------------------------------------------------------------------------


@test("files of a recording are those that were live")
def replay():
    d = live.folder()
    both = [os.path.join(d, "x.hostlat"), os.path.join(d, "live.json")]
    p = subprocess.run([HOSTLAT, "record", "-i", "1000", "--files", "--calls=on", "-o", both[0], "--json", both[1], "--",
                        sys.executable, "-c", NAMES, d], capture_output=True, text=True, timeout=60)
    same(p.returncode, 0, f"status: {p.stderr[-300:]}")
    out = subprocess.run([HOSTLAT, "export", both[0], "--format", "json"], capture_output=True, check=True, timeout=60)
    docs = [json.loads(out.stdout), json.load(open(both[1], encoding="utf-8"))]
    for doc in docs:
        doc["capture"].pop("argv")
    check(docs[0]["files"], "there are files")
    for key in docs[0]:
        same(docs[0][key] == docs[1][key], True, f"{key} of both")


@test("text and CSV of the files view count files without being told to")
def outputs():
    d = live.folder()
    with live.Load(sys.executable, "-c", f"""
import os, sys, time
f = os.open("{d}/busy", os.O_RDWR | os.O_CREAT, 0o644)
print("READY", file=sys.stderr, flush=True)
while True:
    os.pwrite(f, b"x" * 100, 0); os.fsync(f)
""", ready="READY"):
        p = subprocess.run([HOSTLAT, "top", "--batch", "--view", "files", "--calls=on", "-n", "2", "-i", "0.5"],
                           capture_output=True, text=True, timeout=60)
    same(p.returncode, 0, f"status: {p.stderr[-300:]}")
    check("busy" in p.stdout and "PATH" in p.stdout, f"text: {p.stdout[-500:]!r}")


if __name__ == "__main__":
    live.main()
