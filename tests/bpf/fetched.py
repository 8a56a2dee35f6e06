#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Debug information from debuginfod servers: nothing without the option; with it lines where there were none,
and no harm from servers that stall, lie or never end. The server is Debian's, or one of ours on loopback."""
import contextlib
import glob
import http.server
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import live
import ustacks
from live import check, same, test
from ustacks import truth

VARIANT = "buildid"
SOURCE = os.path.join(ustacks.CHAIN, VARIANT, "debug", ".build-id")
FINDS = "debuginfod-find"


def needed():
    if not shutil.which(FINDS):
        live.lacks(f"without {FINDS}, which is not installed: nothing is fetched")


def folders():
    return set(glob.glob("/var/tmp/hostlat-*") + glob.glob("/tmp/hostlat-??????"))


def files():
    """Build id to debug file, of the programs that are stripped."""
    return {os.path.basename(d) + name.removesuffix(".debug"): os.path.join(d, name) for d, _, names in os.walk(SOURCE) for name in names}


class Server:
    """How it answers for what it has; for the rest 404."""

    def __init__(self, how):
        outer = self
        self.how, self.asked, self.now, self.most, self.lock = how, [], 0, 0, threading.Lock()
        self.over = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                with outer.lock:
                    outer.asked.append(self.path)
                    outer.now += 1
                    outer.most = max(outer.most, outer.now)
                try:
                    outer.answer(self)
                except OSError:
                    pass  # the other end is gone
                finally:
                    with outer.lock:
                        outer.now -= 1

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, h):
        has, word = files(), h.path.split("/")
        path = has.get(word[2]) if len(word) == 4 and word[1] == "buildid" and word[3] == "debuginfo" else None
        if not path:
            return h.send_error(404)
        if self.how == "stalls":
            return self.over.wait(60)
        with open(path, "rb") as f:
            body = f.read()
        if self.how == "other":
            other = next(p for i, p in sorted(has.items()) if i != word[2])
            with open(other, "rb") as f:
                body = f.read()
        if self.how == "garbage":
            body = os.urandom(100_000)
        if self.how == "damaged":
            body = body[:len(body) // 2]
        h.send_response(200)
        if self.how == "endless":
            h.end_headers()
            while not self.over.is_set():
                h.wfile.write(bytes(1 << 16))
        h.send_header("Content-Length", str(len(body)))
        h.end_headers()
        h.wfile.write(body)

    def of_ours(self):
        """What it was asked for that it has."""
        return [p for p in self.asked if p.split("/")[2] in files()]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.http.shutdown()
        self.http.server_close()


def below(pid):
    """Processes that it started, theirs too: (pid, name)."""
    out = subprocess.run(["ps", "-eo", "pid,ppid,comm", "--no-headers"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in out.splitlines()]
    found, more = {}, {str(pid)}
    while more:
        new = {p: name for p, parent, name in rows if parent in more and p not in found}
        found.update(new)
        more = set(new)
    return [(int(p), name) for p, name in found.items()]


def named(pid, name):
    return [p for p, n in below(pid) if n == name[:15]]


def status(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def run_chain(words=("all",)):
    p = subprocess.run([ustacks.program(VARIANT), *words], capture_output=True, text=True, timeout=live.LIMIT)
    same(p.returncode, 0, f"status of the program ({p.stderr[-200:]!r})")
    return ustacks.slow_calls(truth.parse(p.stdout))


@contextlib.contextmanager
def recording(*opts):
    before = folders()
    with live.Record("--slow", "10ms", "-c", "chain", *opts, calls="on") as h:
        yield h
        ours = [p for p, _ in below(h.p.pid)]
        h.stop()
    live.wait_for("end of all that was started", lambda: not [p for p in ours if os.path.exists(f"/proc/{p}")], 5)
    same(folders() - before, set(), "folders that are left")


def state(doc):
    rows = [c for c in doc["capture"]["collectors"] if c["name"] == "debuginfod"]
    same(len(rows), 1, "rows of debuginfod")
    return rows[0]["reason"]


def counts(doc):
    """Fetched, asked, absent, failed, refused."""
    m = re.fullmatch(r"fetched (\d+) of (\d+) files(?:, (\d+) nobody has)?(?:, (\d+) failed)?(?:, (\d+) refused)?", state(doc))
    check(m, state(doc))
    return [int(w or 0) for w in m.groups()]


def judge(doc, calls, lines):
    """All lines are there, or none and no wrong name either."""
    if lines:
        return ustacks.judge(doc, calls, VARIANT, ("dwarf",))
    wrong = []
    for c in calls:
        try:
            stack = ustacks.stack_of(doc, c)
        except AssertionError as e:
            wrong.append(str(e))
            continue
        own, _, _ = truth.own(stack["frames"], truth.is_library)
        wrong += [f"{c}: {truth.show(f)}: a line from nowhere" for f in own if "line" in f]
        if len(stack["frames"]) < 2 and len(c.frames) > 2 and not stack.get("cut"):
            wrong.append(f"{c}: {len(stack['frames'])} frames")
    return wrong


def later(settled, limit=30):
    """Runs the program until what was asked of the servers is settled, and then once to be judged."""
    end = time.monotonic() + limit
    while not settled() and time.monotonic() < end:  # a library may be unloaded again before it is looked at
        run_chain()
        time.sleep(1)
    live.wait_for("answers of the servers", settled, 1, 0.1)
    time.sleep(1)
    return run_chain()


# ---- not unless asked ------------------------------------------------------------------


@test("debuginfod: without the option no process, no connection, whatever the environment says")
def not_asked():
    with Server("good") as s:
        os.environ["DEBUGINFOD_URLS"] = s.url
        try:
            with recording() as h:
                run_chain()
                time.sleep(1)
                calls = run_chain()
                same(named(h.p.pid, "hostlat-fetch") + named(h.p.pid, FINDS), [], "fetchers")
        finally:
            del os.environ["DEBUGINFOD_URLS"]
        same(s.asked, [], "requests")
    same([c for c in h.doc["capture"]["collectors"] if c["name"] == "debuginfod"], [], "rows of debuginfod")
    ustacks.tell("not asked", judge(h.doc, calls, False), calls)


@test("debuginfod: the option takes the environment's servers where it names none")
def environment():
    needed()
    with Server("good") as s:
        os.environ["DEBUGINFOD_URLS"] = s.url
        try:
            with recording("--debuginfod") as h:
                calls = later(lambda: set(files()) <= {p.split("/")[2] for p in s.asked})
        finally:
            del os.environ["DEBUGINFOD_URLS"]
    ustacks.tell("environment", judge(h.doc, calls, True), calls)


# ---- servers ---------------------------------------------------------------------------


@test("debuginfod: Debian's server: stacks of a stripped program have functions, inlined ones and lines")
def debians():
    needed()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    d = live.folder()
    p = live.start("debuginfod", "-F", "-d", ":memory:", "-p", str(port), SOURCE, env={**os.environ, "HOME": d, "DEBUGINFOD_CACHE_PATH": d},
                   stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        one = next(iter(files()))
        has = ["curl", "-sfo", "/dev/null", f"http://127.0.0.1:{port}/buildid/{one}/debuginfo"]
        live.wait_for("file from the server", lambda: subprocess.run(has, check=False).returncode == 0, 30, 0.2)
        with recording(f"--debuginfod=http://127.0.0.1:{port}/") as h:
            run_chain()
            time.sleep(5)
            calls = run_chain()
    finally:
        os.killpg(p.pid, signal.SIGKILL)
        p.wait()
    ustacks.tell("Debian's server", judge(h.doc, calls, True), calls)
    fetched, asked, absent, failed, refused = counts(h.doc)
    same((fetched >= len(files()), failed, refused), (True, 0, 0), state(h.doc))
    check(fetched + absent <= asked, state(h.doc))  # what is asked for at the end may have no answer yet


@test("debuginfod: each file is asked for once, also when the children are replaced")
def once():
    needed()
    with Server("good") as s:
        with recording(f"--debuginfod={s.url}") as h:
            calls = later(lambda: set(files()) <= {p.split("/")[2] for p in s.asked})
            names = [p for p, n in below(h.p.pid) if n == "hostlat-names"]
            check(len(names) >= 2, f"children: {names}")
            for pid in names:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(1.5)
            run_chain()
            time.sleep(1)
            again = run_chain()
        same(sorted(p for p in set(s.asked) if s.asked.count(p) > 1), [], "asked for more than once")
        check(s.most <= 2, f"{s.most} at once")
    ustacks.tell("once", judge(h.doc, calls, True) + judge(h.doc, again, True), calls + again)


def hostile(how, what, opts, verdict):
    @test(f"debuginfod: a server that {what}: no line, no harm, and it is counted")
    def body():
        needed()
        with Server(how) as s:
            with recording(f"--debuginfod={s.url}", *opts) as h:
                calls = later(lambda: set(files()) <= {p.split("/")[2] for p in s.asked})
                time.sleep(2)
                calls += run_chain()
        ustacks.tell(how, judge(h.doc, calls, False), calls)
        fetched, asked, absent, failed, refused = counts(h.doc)
        verdict(len(files()), fetched, absent, failed, refused, state(h.doc))


def no_file(n, fetched, absent, failed, refused, said):
    same((fetched, failed, refused), (0, n, 0), said)


def refused_all(n, fetched, absent, failed, refused, said):
    same((fetched, failed, refused), (n, 0, n), said)


hostile("stalls", "says nothing", ("--fetch-time=1s",), no_file)
hostile("endless", "never ends", ("--fetch-size=4M", "--fetch-time=20s"), no_file)
hostile("garbage", "sends what is no file of that kind", (), refused_all)
hostile("other", "sends the file of another program", (), refused_all)


@test("debuginfod: a server that sends a part of the file: what is shown is right")
def part():
    needed()
    with Server("damaged") as s:
        with recording(f"--debuginfod={s.url}") as h:
            later(lambda: set(files()) <= {p.split("/")[2] for p in s.asked})
            calls = run_chain()
    wrong = []
    for c in calls:
        frames, _, _ = truth.own(ustacks.stack_of(h.doc, c)["frames"], truth.is_library)
        rows, _, _ = truth.expected(c)
        names = {row[0] for row in rows}
        wrong += [f"{c}: {truth.show(f)}" for f in frames
                  if f.get("function") and not any(truth.same_name(w, f["function"], True) for w in names)]
    ustacks.tell("part", wrong, calls)


@test("debuginfod: who fetches is nobody, may do nothing, and ends with hostlat however that ends")
def unprivileged():
    needed()
    before = folders()
    with Server("stalls") as s:
        h = live.start(live.HOSTLAT, "top", "--json", "-i", "1", "--calls=on", "-c", "chain", f"--debuginfod={s.url}", stdout=subprocess.DEVNULL)
        try:
            live.wait_for("hooks of hostlat", lambda: live.attached(h))
            time.sleep(0.5)
            run_chain()
            live.wait_for("request", lambda: s.of_ours())
            same(len(named(h.pid, "hostlat-fetch")), 1, "fetchers")
            made = folders() - before
            same(len(made), 1, f"folders: {made}")
            st = os.stat(made.pop())
            same((st.st_uid, st.st_mode & 0o7777), (65534, 0o700), "the folder's owner and mode")
            pids = named(h.pid, "hostlat-fetch") + named(h.pid, FINDS)
            check(2 <= len(pids) <= 3, f"{pids}")
            for pid in pids:
                got = status(pid)
                same({k: got[k] for k in ("Uid", "Gid", "Groups", "CapPrm", "CapEff", "CapBnd", "NoNewPrivs")},
                     {"Uid": "\t".join(["65534"] * 4), "Gid": "\t".join(["65534"] * 4), "Groups": got["Groups"] if not got["Groups"].strip() else "",
                      "CapPrm": "0" * 16, "CapEff": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1"}, f"{pid}")
                links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
                check(not any("bpf" in w for w in links), f"{pid} has open: {links}")
            for pid in named(h.pid, FINDS):
                with open(f"/proc/{pid}/limits", encoding="utf-8") as f:
                    size = next(line.split()[3:5] for line in f if line.startswith("Max file size"))
                same(size, [str(512 << 20)] * 2, "file size")
            h.send_signal(signal.SIGKILL)
            h.wait()
            live.wait_for("end of the fetchers", lambda: not [p for p in pids if os.path.exists(f"/proc/{p}")], 5)
            same(folders() - before, set(), "folders that are left")
        finally:
            if h.poll() is None:
                os.killpg(h.pid, signal.SIGKILL)
            h.communicate()


if __name__ == "__main__":
    live.main()
