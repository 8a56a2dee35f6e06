#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Where output goes: paths that are refused, files that appear whole, pipes that close."""
import json
import os
import stat
import subprocess
import tap
from tap import check, refused, run, same, test


def bad_paths(d):
    """Paths nothing may be written to, and what the line says of each."""
    os.mkdir(os.path.join(d, "folder"))
    os.mkdir(os.path.join(d, "folder.json"))
    for name in ("there.hostlat", "there.json", "target"):
        open(os.path.join(d, name), "w").write("precious")
    os.symlink("target", os.path.join(d, "link.hostlat"))
    os.symlink("target", os.path.join(d, "link.json"))
    os.symlink("nowhere", os.path.join(d, "dangling"))
    os.mkfifo(os.path.join(d, "fifo"))
    return ("folder", "folder.json", "folder/", "there.hostlat", "there.json", "link.hostlat", "link.json", "dangling",
            "fifo", "missing/x.hostlat", "missing/x.json", "/dev/null", "/dev/stdout", "", "target/x")


@test
def paths_that_record_refuses():
    d = tap.folder()
    for path in bad_paths(d):
        with tap.Clean(d):
            r = run("record", "-d", "5", "-o", path, cwd=d)
            refused(r, 1)
            check(r.seconds < 4, f"{path}: it was refused too late")
            refused(run("record", "-d", "5", "-o", "new.hostlat", "--json", path, cwd=d), 1)
    for name in ("there.hostlat", "there.json", "target"):
        same(open(os.path.join(d, name)).read(), "precious", name)


@test
def paths_that_export_refuses():
    d, path = tap.folder(), tap.recording()
    for out in bad_paths(d):
        if out.startswith("there"):
            continue
        with tap.Clean(d):
            refused(run("export", path, "--format", "json", "-o", out, cwd=d), 1)
    same(open(os.path.join(d, "target")).read(), "precious", "the target of the link")
    check(stat.S_ISCHR(os.stat("/dev/null").st_mode), "/dev/null was replaced")


@test
def a_folder_that_cannot_be_written():
    d = tap.folder()
    with tap.Clean():
        refused(run("record", "-d", "1", "-o", "/proc/x.json", cwd=d), 1, "/proc")
        refused(run("record", "-d", "1", "-o", "/proc/x.hostlat", cwd=d), 1, "/proc")


@test
def export_replaces_a_file_whole():
    d, path = tap.folder(), tap.recording()
    out = os.path.join(d, "out.json")
    open(out, "w").write("old")
    os.chmod(out, 0o644)
    with tap.Clean(d):
        r = run("export", path, "--format", "json", "-o", out, cwd=d)
        same((r.status, r.out, r.err), (0, "", ""), f"export ({r!r})")
    json.load(open(out))
    same(stat.S_IMODE(os.stat(out).st_mode), 0o600, "mode")
    same(open(out).read(), run("export", path, "--format", "json").out, "file and standard output")


@test
def text_says_what_was_not_looked_at():
    out = run("export", tap.recording(), "--format", "text").out
    check("\nFiles: not measured; --files counts them\n" in out, out[-500:])


@test
def every_format():
    path = tap.recording()
    for f in ("text", "json", "ndjson", "csv"):
        r = run("export", path, "--format", f)
        same((r.status, r.err), (0, ""), f)
        check(len(r.out) > 500, f"{f}: {r.out!r}")
        check("\x1b" not in r.out, f"{f}: escape codes")


@test
def modes_whatever_the_umask():
    d = tap.folder()
    with tap.Clean(d, ("a.hostlat", "a.json", "b.json")):
        wrap = ["sh", "-c", 'umask 0; exec "$0" "$@"']
        for words in (["-o", "a.hostlat", "--json", "a.json"], ["-o", "b.json"]):
            r = run("record", "-d", "0.3", *words, cwd=d, wrap=wrap)
            same(r.status, 0, repr(r))
    for name in os.listdir(d):
        same(stat.S_IMODE(os.stat(os.path.join(d, name)).st_mode), 0o600, name)


@test
def record_says_where_and_what():
    d = tap.folder()
    with tap.Clean(d, ("a.hostlat",)):
        r = run("record", "-d", "0.3", "-o", "a.hostlat", cwd=d)
    same((r.status, r.out, len(r.lines())), (0, "", 2), repr(r))
    check("a.hostlat: " in r.lines()[0] and "records" in r.lines()[0], r.err)
    check("nothing lost" in r.lines()[1] or " lost" in r.lines()[1], r.err)


@test
def a_full_disk():
    for words in (["report", tap.recording()], ["export", tap.recording(), "--format", "csv"], ["--help"],
                  ["export", "--schema"], ["doctor"]):
        with open("/dev/full", "wb") as full:
            refused(run(*words, stdout=full), 1, "standard output", "No space")
    with tap.Clean():
        with open("/dev/full", "wb") as full:
            r = run("top", "--batch", "-i", "0.2", stdout=full)
        same((r.status, r.seconds < 10), (1, True), repr(r))
        check("No space" in r.lines()[0], r.err)


def on_small_disk(size, script):
    """Runs a shell script in a small file system of its own; $0 is hostlat."""
    d = tap.folder()
    text = f'mount -t tmpfs -o size={size} t "$1" && cd "$1" && {script}'
    p = subprocess.run(["unshare", "-m", "sh", "-c", text, tap.HOSTLAT, d], capture_output=True, timeout=60)
    return tap.Result(p.returncode, p.stdout.decode(), p.stderr.decode(), 0)


@test
def a_recording_on_a_full_disk():
    with tap.Clean():
        r = on_small_disk("512k", '"$0" record -i 0.1 -d 20 -o a.hostlat; rc=$?; "$0" report a.hostlat >/dev/null; '
                                 'echo report $?; exit $rc')
    same(r.status, 1, f"recorder ({r!r})")
    check("No space" in r.err, r.err)
    check("report 0" in r.out, f"what was written is readable ({r!r})")
    check("cut short" in r.err or "not finished" in r.err or "damaged" in r.err, f"report says that it is not all: {r!r}")


@test
def a_document_on_a_full_disk():
    with tap.Clean():
        r = on_small_disk("8k", '"$0" record -d 0.3 -o a.json; rc=$?; ls -A; exit $rc')
    same((r.status, r.out), (1, ""), f"no file is left ({r!r})")
    check("a.json" in r.err and "No space" in r.err, r.err)


@test
def a_file_size_limit():
    d = tap.folder()
    with tap.Clean(d, ("a.hostlat",)):
        r = run("record", "-i", "0.1", "-d", "20", "-o", "a.hostlat", cwd=d,
                wrap=["sh", "-c", 'ulimit -f 64; exec "$0" "$@"'])
    same(r.status, 1, repr(r))
    check("too large" in r.err, r.err)


@test
def nobody_reads_any_more():
    path = tap.recording()
    for words in (f"report {path}", f"export {path} --format json", f"top -r {path} --batch --json"):
        p = subprocess.run(["bash", "-c", f"'{tap.HOSTLAT}' {words} | head -c 10 >/dev/null; exit ${{PIPESTATUS[0]}}"],
                           capture_output=True, timeout=30)
        same((p.returncode, p.stderr), (0, b""), words)


@test
def nobody_reads_any_more_live():
    with tap.Clean():
        p = subprocess.run(["bash", "-c", f"'{tap.HOSTLAT}' top --batch -i 0.2 | head -1 >/dev/null; exit ${{PIPESTATUS[0]}}"],
                           capture_output=True, timeout=30)
        same((p.returncode, p.stderr), (0, b""), "top --batch | head -1")


@test
def closed_descriptors():
    path = tap.recording()
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        d = tap.folder()
        with tap.Clean(d, ("a.hostlat",)):
            p = subprocess.run(["sh", "-c", f"'{tap.HOSTLAT}' record -d 0.2 -o a.hostlat {closed}"], cwd=d,
                               capture_output=True, timeout=30)
            same(p.returncode, 0, closed)
        r = run("report", os.path.join(d, "a.hostlat"))
        same((r.status, r.err), (0, ""), f"{closed}: the recording ({r!r})")
        p = subprocess.run(["sh", "-c", f"'{tap.HOSTLAT}' report {path} {closed}"], capture_output=True, timeout=30)
        same(p.returncode, 0, f"report {closed}")


@test
def no_escape_codes_without_a_terminal():
    r = run("top", "--batch", "-n", "1", "-i", "0.2", env={**os.environ, "TERM": "xterm-256color"})
    same(r.status, 0, repr(r))
    check("\x1b" not in r.out + r.err, "escape codes")


tap.main()
