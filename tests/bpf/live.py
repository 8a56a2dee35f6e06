# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What the tests on the live kernel share: hostlat run beside a load whose truth is known,
the document that comes out, and what must hold for every document.

A test is a function with @test("what holds") in a file of this folder that ends with
live.main(). It fails by an exception (check, same, near, Facts), it cannot be skipped but
for what the kernel or the host does not have (lacks). The file prints a line "ok NAME" or
"not ok NAME - reason" for each and ends with status 1 if one failed. Names given as
arguments choose tests by a part of their name.

    r = live.work("pipe --each 30")           hostlat record -o x.json -- work pipe --each 30
    r.truth.ns("ipc"), r.doc.thread(tid)      what the generator measured, what hostlat says

Durations are compared within 1 % + 1 ms (near), counts are exact. Every wait is bounded.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
HOSTLAT = os.path.realpath(os.environ.get("HOSTLAT", os.path.join(ROOT, "build", "hostlat")))
WORK = os.path.realpath(os.environ.get("WORK", os.path.join(os.path.dirname(HOSTLAT), "work")))
US, MS, S = 1_000, 1_000_000, 1_000_000_000
STATES = ("cpu stopped throttled runqueue fault poll disk network idle ipc lock park sleep child kernel other").split()
WORK_STATES = ("poll", "idle", "park", "sleep", "child")
LIMIT = 60  # seconds that anything may take unless told otherwise

tests = []
more = []  # options of every hostlat that records: also_old's
_folders = []


# what the block collector lacks where programs cannot hang on functions
NO_FENTRY = "no fentry: what a limit of io.max on a whole disk holds back is not seen waiting"
# what that of cgroups does where none are mounted
NO_CGROUPS = "no hierarchy of cgroups with the CPU controller is mounted"


class Lacks(Exception):
    """The kernel or the host does not have what the test is about."""


def lacks(what):
    raise Lacks(what)


def test(name):
    def add(fn):
        fn.title = name
        if fn.__module__ == "__main__":  # not those of a file that is only borrowed from
            tests.append(fn)
        return fn

    return add


def also_old(fn):
    """The same once more, with the kernel side of Linux 6.1 as far as this kernel can stand for it."""

    def again():
        more.append("--old-kernel")
        try:
            fn()
        finally:
            more.clear()

    again.__name__ = fn.__name__ + "_old"
    again.__module__ = fn.__module__
    return test(fn.title + "; as before 6.3")(again)


# ---- checks -------------------------------------------------------------------------


def check(held, what):
    if not held:
        raise AssertionError(what)


def same(got, want, what):
    check(got == want, f"{what}: got {got!r}, want {want!r}")


def near(got, want, what, percent=1.0, slack=MS):
    """Two durations in ns."""
    bound = want * percent / 100 + slack
    check(abs(got - want) <= bound, f"{what}: got {got / MS:.3f} ms, want {want / MS:.3f} ± {bound / MS:.3f} ms")


class Facts:
    """Gathers what does not hold, so that one run tells all of it."""

    def __init__(self):
        self.wrong = []

    def __enter__(self):
        return self

    def __exit__(self, kind, value, _):
        if not kind and self.wrong:
            more = f" (and {len(self.wrong) - 4} more)" if len(self.wrong) > 4 else ""
            raise AssertionError("; ".join(self.wrong[:4]) + more)

    def _try(self, fn, *a, **k):
        try:
            fn(*a, **k)
        except AssertionError as e:
            self.wrong.append(str(e))

    def check(self, *a):
        self._try(check, *a)

    def same(self, *a):
        self._try(same, *a)

    def near(self, *a, **k):
        self._try(near, *a, **k)


# ---- what hostlat says ------------------------------------------------------------------


class Doc:
    """One document, with the questions that tests ask. pids: a number or a set of them."""

    def __init__(self, j):
        self.j = j

    def __getitem__(self, key):
        return self.j[key]

    @staticmethod
    def _of(row, pids):
        return pids is None or row["pid"] == pids or (isinstance(pids, (set, frozenset, list)) and row["pid"] in pids)

    def processes(self, pids=None):
        return [p for p in self.j["processes"] if self._of(p, pids)]

    def process(self, pid):
        rows = self.processes(pid)
        check(rows, f"there is no process {pid}")
        return rows[-1]

    def threads(self, pids=None):
        return [t for t in self.j["threads"] if self._of(t, pids)]

    def thread(self, tid, at=None):
        """Of several that had the number, who lived at that time (ns since boot)."""
        rows = [t for t in self.j["threads"] if t["tid"] == tid and (at is None or t["start_ns"] <= at)]
        check(rows, f"there is no thread {tid}")
        return max(rows, key=lambda t: t["start_ns"])

    def ops(self, pids=None, kind="wait", name=None, state=None):
        return [
            o for o in self.j["operations"]
            if self._of(o, pids) and o["kind"] == kind and name in (None, o["name"]) and state in (None, o.get("state"))
        ]

    def count(self, pids=None, kind="wait", name=None, state=None):
        return sum(o["count"] for o in self.ops(pids, kind, name, state))

    def total(self, pids=None, kind="wait", name=None, state=None):
        return sum(o["total_ns"] for o in self.ops(pids, kind, name, state))

    def slow(self, pids=None, kind="wait", name=None, state=None):
        return [
            s for s in self.j["slow"]
            if self._of(s, pids) and s["kind"] == kind and name in (None, s["name"]) and state in (None, s.get("state"))
        ]

    def ns(self, pids, state):
        """Time of processes in a state."""
        return sum(p["time_ns"].get(state, 0) for p in self.processes(pids))

    def acct(self, name):
        rows = [r for r in self.j["capture"]["accounting"] if r["class"] == name]
        same(len(rows), 1, f"accounting rows of {name}")
        return rows[0]


class Truth:
    """What the generator counted and timed itself."""

    def __init__(self, j):
        self.j = j
        self.pid = j["pid"]
        self.threads = j["threads"]
        self.extra = j["extra"]
        self.slow = j.get("slow", [])
        self.pids = {t["pid"] for t in self.threads}

    def role(self, role):
        rows = [t for t in self.threads if t["role"] == role]
        check(rows, f"the generator had no {role}")
        return rows

    def ns(self, state):
        return sum(t["state_ns"].get(state, 0) for t in self.threads)

    def waits(self, state):
        return sum(t["waits"].get(state, 0) for t in self.threads)

    def calls(self, name, what="returned"):
        return sum(t[what].get(name, 0) for t in self.threads)


_schema = None


def schema():
    """The validator, from the schema that the program prints; None where jsonschema is missing."""
    global _schema
    if _schema is None:
        import jsonschema

        text = subprocess.run([HOSTLAT, "export", "--schema"], capture_output=True, check=True, timeout=LIMIT).stdout
        j = json.loads(text)
        _schema = jsonschema.validators.validator_for(j)(j)
    return _schema


def valid(doc, may_lose=(), clocks=True):
    """What holds for every document. may_lose: classes that may have lost events here. clocks: the
    CPUs' agree (an emulator's do not)."""
    j = doc.j
    with Facts() as f:
        for e in list(schema().iter_errors(j))[:3]:
            f.check(False, f"schema: {'/'.join(map(str, e.path))}: {e.message[:150]}")
        for row in j["capture"]["accounting"]:
            name = row["class"]
            f.same(row["unaccounted"], 0, f"{name}: unaccounted")
            f.same(row["lost"], sum(row["lost_by"].values()), f"{name}: sum of lost_by")
            f.same(row["seen"], row["delivered"] + row["lost"] + row["unaccounted"], f"{name}: seen")
            if name not in may_lose:
                # some kernels tell no tracepoint of some switches (of other processes), or ends of requests:
                # that is told, not hidden
                # of resets, which may be thousands at once, the first ones are told of
                untold = (("waits", "unpaired"), ("block", "unpaired"), ("slow", "too_many"),
                          # of other processes too: they may end before anybody has looked at their mappings
                          ("user_stacks", "unreadable"), ("user_stacks", "map_full"), ("user_stacks", "ring_full"))
                lost = {k: v for k, v in row["lost_by"].items() if (name, k) not in untold}
                f.same(lost, {}, f"{name}: lost")
        for o in j["operations"] + j["file_operations"]:
            h = o["histogram"]
            who = f"{o['kind']} {o['name']} {o.get('state', '')} of {o['pid']} {o.get('path', '')}"
            f.same(sum(h["counts"]) + h["zero_count"], o["count"], f"{who}: in the histogram")
            if o["kind"] == "io_uring":  # it has no thread whose time it could be
                f.check("time_ns" not in o, f"{who}: breakdown")
                continue
            # of goroutines that changed threads it is not known
            unknown = sum(r["no_breakdown_ns"] for r in j["functions"] if (r["pid"], r["start_ns"], r["name"]) == (o["pid"], o["start_ns"], o["name"])
                          and "no_breakdown_ns" in r) if o["kind"] == "function" else 0
            # a breakdown's clocks are rounded for each operation, not its total
            f.near(sum(o["time_ns"].values()) + unknown, o["total_ns"], f"{who}: breakdown", 0.1, 64 * o["count"])
        for t in j["threads"]:
            f.check(not set(t["time_ns"]) - set(STATES), f"states of {t['tid']}: {sorted(t['time_ns'])}")
            # no ledger is older than its thread, nor than the capture (but for the way to a CPU that was begun before)
            f.check(not clocks or t.get("begin_ns", t["start_ns"]) >= t["start_ns"] - MS, f"the ledger of {t['tid']} began at {t.get('begin_ns')}")
            age = sum(t["time_ns"].values())
            f.check(age <= j["capture"]["duration_ns"] + S, f"the ledger of {t['tid']} holds {age / S:.3f} s")
        # what a kernel has to have does not fail to load in silence
        for c in j["capture"]["collectors"]:
            f.check(c["name"] in ("calls", "files", "fault", "dns", "exchanges", "func") or c["state"] == "on" or c.get("reason") in (NO_FENTRY, NO_CGROUPS),
                    f"collector {c['name']}: {c['state']}: {c.get('reason')}")
    return doc


# ---- running ------------------------------------------------------------------------------


def folder():
    """A directory of this run's own, gone at its end; on the disk that the tests are on."""
    d = tempfile.mkdtemp(prefix="hostlat-live-")
    os.chmod(d, 0o755)
    _folders.append(d)
    return d


def wait_for(what, condition, limit=20, step=0.01):
    """The condition's first true value."""
    end = time.monotonic() + limit
    while True:
        v = condition()
        if v:
            return v
        if time.monotonic() > end:
            raise AssertionError(f"in {limit} s there was no {what}")
        time.sleep(step)


def steal_ns():
    """Time that a hypervisor took from this host's CPUs since boot, as the kernel was told."""
    with open("/proc/stat", encoding="ascii") as f:
        return int(f.readline().split()[8]) * S // os.sysconf("SC_CLK_TCK")


class Run:
    doc = truth = None
    stolen_ns = 0  # while it ran
    status, out, err = 0, "", ""


def _finish(p, limit):
    """Its output; ended by force when it does not end."""
    try:
        out, err = p.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        out, err = p.communicate(timeout=10)
        raise AssertionError(f"{' '.join(p.args)[:150]} did not end in {limit} s: {err[-300:]!r}") from None
    return out, err


def start(*words, **more):
    """A program in a process group of its own; the caller finishes it."""
    more.setdefault("stdin", subprocess.DEVNULL)
    more.setdefault("stdout", subprocess.PIPE)
    more.setdefault("stderr", subprocess.PIPE)
    return subprocess.Popen([str(w) for w in words], text=True, errors="replace", start_new_session=True, **more)


# Threads that end are in the document of the interval they ended in: one interval is all of it.
ONE = ("-i", "1000")

# The shell forks, so that the process which is looked at never waited for hostlat's word to go.
FORK = ["/bin/sh", "-c", '"$@"; exit $?', "sh"]


def record(cmd, opts=(), calls="off", limit=LIMIT, may_lose=(), status=0, cwd=None):
    """The document of `hostlat record OPTS -- CMD`, validated. calls: --calls, None: as it comes."""
    r, path = Run(), os.path.join(folder(), "x.json")
    tier = [f"--calls={calls}"] if calls else []
    before = steal_ns()
    p = start(HOSTLAT, "record", *ONE, *tier, *more, *opts, "-o", path, "--", *FORK, *cmd, cwd=cwd)
    r.out, r.err = _finish(p, limit)
    r.stolen_ns = steal_ns() - before
    r.status = p.returncode
    if status is not None:
        check(r.status == status, f"hostlat ended with {r.status}, want {status}: {r.err[-400:]!r}")
    with open(path, encoding="utf-8") as f:
        r.doc = Doc(json.load(f))
    valid(r.doc, may_lose)
    return r


def work(mode, opts=(), calls="off", limit=LIMIT, may_lose=(), wrap=()):
    """The same with a mode of the generator as its command, and its truth. wrap: words before it."""
    truth = os.path.join(folder(), "g.json")
    cmd = [*wrap, WORK, *(mode.split() if isinstance(mode, str) else mode), "--json", truth]
    r = record(cmd, opts, calls, limit, may_lose, status=None)
    if r.status == 77:
        lacks(r.err.strip().splitlines()[0])
    check(r.status == 0, f"status {r.status}: {r.err[-400:]!r}")
    with open(truth, encoding="utf-8") as f:
        r.truth = Truth(json.load(f))
    check(r.truth.j["finished"] and not r.truth.j["failed"], f"the generator failed: {r.err[-300:]!r}")
    return r


class Load:
    """A command in the background that says when it is ready (a word on its stderr), for what
    exists before hostlat does. Ended at the end of the block."""

    def __init__(self, *words, ready=None, limit=20, **more):
        self.p = start(*words, stdin=subprocess.PIPE, **more)
        self.pid = self.p.pid
        if ready:
            os.set_blocking(self.p.stderr.fileno(), False)
            self.said = ""
            wait_for(f"{ready!r} of {words[0]}", lambda: self._said(ready), limit)
            os.set_blocking(self.p.stderr.fileno(), True)

    def _said(self, word):
        check(self.p.poll() is None, f"it ended with {self.p.returncode}: {self.said!r}")
        try:
            self.said += os.read(self.p.stderr.fileno(), 4096).decode("utf-8", "replace")
        except BlockingIOError:
            pass
        return word in self.said

    def say(self, line=""):
        self.p.stdin.write(line + "\n")
        self.p.stdin.flush()

    def end(self, limit=20):
        """Waits for its own end."""
        out, err = _finish(self.p, limit)
        check(self.p.returncode == 0, f"the load ended with {self.p.returncode}: {err[-300:]!r}")
        return out

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.p.poll() is None:
            os.killpg(self.p.pid, signal.SIGKILL)
        self.p.communicate(timeout=20)


def hooks(p):
    """How many this hostlat holds."""
    check(p.poll() is None, f"hostlat ended early with {p.returncode}")
    n = 0
    try:
        for fd in os.listdir(f"/proc/{p.pid}/fd"):
            n += os.readlink(f"/proc/{p.pid}/fd/{fd}").endswith("bpf_link")
    except OSError:
        return 0
    return n


def attached(p, want=5):
    return hooks(p) >= want


def settled(p, limit=10):
    """Waits until it attaches no more of them: on a busy host that takes a while."""
    n, since, end = -1, 0, time.monotonic() + limit
    while p.poll() is None and (time.monotonic() < min(end, since + 0.3) or n < 0):  # it may have ended in time
        now = hooks(p)
        if now != n:
            n, since = now, time.monotonic()
        time.sleep(0.02)


def hung(pid, *names):
    """How many programs of these names it has hung on something."""
    ids = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as f:
                text = f.read()
        except OSError:
            continue
        if "link_type" in text:
            ids |= {int(line.split()[1]) for line in text.splitlines() if line.startswith("prog_id:")}
    p = subprocess.run(["bpftool", "-j", "prog", "show"], capture_output=True, text=True, timeout=LIMIT)
    return sum(j["id"] in ids and j.get("name", "") in names for j in json.loads(p.stdout))


class Record:
    """`hostlat record` of the whole host in the background, attached when the block begins;
    .doc after its end. stop() ends it before its time."""

    def __init__(self, *opts, seconds=30, calls="off", limit=LIMIT, may_lose=()):
        self.limit, self.may_lose, self.doc, self.err = limit, may_lose, None, ""
        self.is_short = seconds < 1  # it is over before all could be waited for
        # collectors that are loaded last; that of DNS comes with a target, too
        self.on_sockets = ("--dns" in opts or "-p" in opts) + ("--exchanges" in opts)
        self.path = os.path.join(folder(), "x.json")
        self.p = start(HOSTLAT, "record", *ONE, f"--calls={calls}", "-d", seconds, *more, *opts, "-o", self.path)

    def __enter__(self):
        try:
            wait_for("hooks of hostlat", lambda: attached(self.p))
            wait_for("hooks on sockets", lambda: not self.on_sockets or
                     hung(self.p.pid, "sock_send_length", "socket_call") >= self.on_sockets)
            time.sleep(0.2) if self.is_short else settled(self.p)  # the threads that exist are found after the hooks are there
        except BaseException:
            self._kill()
            raise
        return self

    def stop(self):
        if self.p.poll() is None:
            self.p.send_signal(signal.SIGINT)
        _, self.err = _finish(self.p, self.limit)
        same(self.p.returncode, 0, f"status of hostlat ({self.err[-300:]!r})")
        with open(self.path, encoding="utf-8") as f:
            self.doc = valid(Doc(json.load(f)), self.may_lose)
        return self.doc

    def _kill(self):
        if self.p.poll() is None:
            os.killpg(self.p.pid, signal.SIGKILL)
        self.p.communicate(timeout=20)

    def __exit__(self, kind, *_):
        if kind:
            self._kill()
        elif self.doc is None:
            self.stop()


def top(*opts, n=2, interval=0.5, calls="off", limit=LIMIT, may_lose=()):
    """The documents of `hostlat top --batch --json`."""
    p = start(HOSTLAT, "top", "--batch", "--json", f"--calls={calls}", "-n", n, "-i", interval, *opts)
    out, err = _finish(p, limit)
    same(p.returncode, 0, f"status of top ({err[-300:]!r})")
    return [valid(Doc(json.loads(line)), may_lose) for line in out.splitlines()]


def boot_ns():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def task_call(pid, tid=None):
    """Name or number of the call that a thread is blocked in, as /proc says; None: none."""
    try:
        with open(f"/proc/{pid}/task/{tid or pid}/syscall") as f:
            word = f.read().split()[0]
    except (OSError, IndexError):
        return None
    return int(word) if re.fullmatch(r"-?\d+", word) else None


# ---- the runner -----------------------------------------------------------------------------


def _run_one(t):
    begin = time.monotonic()
    try:
        t()
        line = f"ok {t.title}"
    except Lacks as e:
        line = f"ok {t.title} # not here: {e}"
    except Exception as e:
        where = [f.lineno for f in traceback.extract_tb(e.__traceback__) if f.filename == os.path.realpath(sys.argv[0])]
        reason = " ".join((str(e) or type(e).__name__).split())[:900]
        line = f"not ok {t.title} - line {where[-1] if where else '?'}: {type(e).__name__}: {reason}"
    print(line, flush=True)
    print(f"# {time.monotonic() - begin:.1f} s", file=sys.stderr, flush=True)
    return line.startswith("ok")


def main():
    if os.geteuid():
        print("not ok live tests - run as root")
        sys.exit(1)
    chosen = [t for t in tests if not sys.argv[1:] or any(w in t.title or w == t.__name__ for w in sys.argv[1:])]
    failed = 0
    for t in chosen:
        failed += not _run_one(t)
        while _folders:
            shutil.rmtree(_folders.pop(), ignore_errors=True)
    if not chosen:
        print("not ok no such test")
    sys.exit(1 if failed or not chosen else 0)
