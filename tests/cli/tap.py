# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What the tests of the command line share: running hostlat, judging what it said, and
the lines "ok NAME" and "not ok NAME". A test is a function with @test in a file of this
folder that ends with tap.main()."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
HOSTLAT = os.path.realpath(os.environ.get("HOSTLAT", os.path.join(ROOT, "build", "hostlat")))
WORK = os.path.join(os.path.dirname(HOSTLAT), "work")
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
tests = []


def test(fn):
    tests.append(fn)
    return fn


def check(held, what):
    if not held:
        raise AssertionError(what)


def same(got, want, what):
    check(got == want, f"{what}: got {got!r}, want {want!r}")


class Result:
    def __init__(self, status, out, err, seconds):
        self.status, self.out, self.err, self.seconds = status, out, err, seconds

    def __repr__(self):
        return f"status {self.status}, stdout {self.out[:300]!r}, stderr {self.err[:600]!r}"

    def lines(self):
        return self.err.splitlines()


def run(*args, limit=60, env=None, wrap=(), program=None, **more):
    """Runs hostlat with args to its end. wrap: words before the program."""
    more.setdefault("stdin", subprocess.DEVNULL)
    more.setdefault("stdout", subprocess.PIPE)
    more.setdefault("stderr", subprocess.PIPE)
    begin = time.monotonic()
    p = subprocess.run([*wrap, program or HOSTLAT, *args], timeout=limit, env=env, **more)
    return Result(p.returncode, (p.stdout or b"").decode("utf-8", "replace"),
                  (p.stderr or b"").decode("utf-8", "replace"), time.monotonic() - begin)


def start(*args, **more):
    """Starts hostlat; the caller waits."""
    more.setdefault("stdin", subprocess.DEVNULL)
    more.setdefault("stdout", subprocess.PIPE)
    more.setdefault("stderr", subprocess.PIPE)
    return subprocess.Popen([HOSTLAT, *args], **more)


def finish(p, limit=30):
    begin = time.monotonic()
    out, err = p.communicate(timeout=limit)
    return Result(p.returncode, (out or b"").decode("utf-8", "replace"), (err or b"").decode("utf-8", "replace"),
                  time.monotonic() - begin)


def wait_for(what, condition, limit=20):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"in {limit} s there was no {what}")


def refused(r, status, *words):
    """It failed with this status and one line of hostlat's on stderr that has the words."""
    same(r.status, status, f"exit status ({r!r})")
    same(len(r.lines()), 1, f"lines on stderr ({r!r})")
    check(r.err.startswith("hostlat: "), f"the line is not ours: {r.err!r}")
    same(r.out, "", "standard output")
    for w in words:
        check(w in r.err, f"{w!r} is not in {r.err!r}")


def held():
    """Numbers of the BPF programs that some process holds, itself or through a link."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            for fd in os.listdir(f"/proc/{pid}/fdinfo"):
                with open(f"/proc/{pid}/fdinfo/{fd}") as f:
                    found.update(int(line.split()[1]) for line in f if line.startswith("prog_id:"))
        except OSError:
            continue  # gone
    return found


def left_behind():
    """BPF programs that nobody holds. Those of others that run meanwhile have a holder."""
    text = subprocess.run(["bpftool", "-j", "prog", "list"], capture_output=True, check=True).stdout
    return {p["id"] for p in json.loads(text) if p["type"] in ("tracing", "raw_tracepoint")} - held()


class Clean:
    """No program of ours is left when the block ends, and in the folder nothing but `expect`."""

    def __init__(self, folder=None, expect=()):
        self.folder, self.expect = folder, set(expect)

    def __enter__(self):
        self.before = left_behind()
        self.files = set(os.listdir(self.folder)) if self.folder else set()
        return self

    def __exit__(self, kind, *_):
        if kind:
            return
        # the kernel frees programs after a grace period
        wait_for("end of all BPF programs", lambda: not left_behind() - self.before, 10)
        if self.folder:
            same(set(os.listdir(self.folder)) - self.files, self.expect, "new files")


_folders = []


def folder():
    d = tempfile.mkdtemp(prefix="hostlat-test-")
    os.chmod(d, 0o755)
    _folders.append(d)
    return d


def public_copy():
    """The program where everybody may run it."""
    to = os.path.join(folder(), "hostlat")
    shutil.copy(HOSTLAT, to)
    os.chmod(to, 0o755)
    return to


_made = {}


def recording(*args, seconds="0.5"):
    """A recording that several tests read; made once for the same arguments."""
    key = (args, seconds)
    if key not in _made:
        path = os.path.join(folder(), "a.hostlat")
        r = run("record", "-d", seconds, "-i", "0.1", "-o", path, *args)
        same(r.status, 0, f"recording ({r!r})")
        _made[key] = path
    return _made[key]


def main():
    suite = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    wanted = sys.argv[1:]
    failed = 0
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for t in tests:
        if wanted and t.__name__ not in wanted:
            continue
        name = f"cli {suite}: {t.__name__.replace('_', ' ')}"
        try:
            t()
            print(f"ok {name}", flush=True)
        except Exception as e:
            failed += 1
            where = traceback.extract_tb(e.__traceback__)
            line = next((f.lineno for f in where if f.filename == os.path.realpath(sys.argv[0])), "?")
            print(f"not ok {name}\n# line {line}: {type(e).__name__}: {' '.join(str(e).split())[:900]}", flush=True)
    for d in _folders:
        shutil.rmtree(d, ignore_errors=True)
    sys.exit(1 if failed else 0)
