#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""User stacks of real programs, as their distribution built them, beside gdb's and eu-stack's of the same
wait and the symbol tables of the files: PostgreSQL, Python, Node, Java, C++ and Rust.

Every slow call that overlaps the witness's look has to have that stack, all frames: the witness stops the
thread, so that one wait may be two calls. What is wrong is told on stderr too."""
import collections
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import live
import witness
from live import MS, check, same, test

PYTHON = "/usr/bin/python3"  # the distribution's
FUTEX = (202, 98)  # its numbers


def needs(program, what=None):
    if not shutil.which(program):
        live.lacks(f"without {what or program}, which is not installed: nothing of it was tested")


# ---- what all have in common ----------------------------------------------------------------


class Looked:
    """Witnesses of a wait, and when they looked."""

    def __init__(self, pid, tid=None, gdb=True):
        self.pid, self.tid = pid, tid or pid
        self.begin = live.boot_ns()
        self.witnesses = {"eu-stack": witness.by_eu_stack(pid)[self.tid]}
        if gdb:
            self.witnesses["gdb"] = witness.by_gdb(pid)[self.tid]
        self.end = live.boot_ns()

    def rows(self, doc, kind="syscall", name=None):
        return [s for s in doc.slow(self.pid, kind, name) if s["tid"] == self.tid and not s.get("in_progress")
                and s["begin_ns"] < self.end and s["begin_ns"] + s["duration_ns"] > self.begin]


def stack_of(doc, row):
    check("user_stack" in row, f"a slow {row['name']} of {row['tid']} ({row['duration_ns'] / MS:.1f} ms) has no user_stack")
    return next(s for s in doc["stacks"] if s["id"] == row["user_stack"])


def judge(doc, looked, least=5):
    """Every slow call of these waits has the witnesses' stack; but those that wait for their next event need none."""
    wrong, stacks, frames = [], 0, 0
    for what, w in looked.items():
        rows = w.rows(doc)
        if not rows:
            wrong.append(f"{what}: no slow call")
        # a wait that is slow has one where the kernel has work for programs
        rows += [s for s in w.rows(doc, "wait") if "user_stack" in s]
        for r in rows:
            if max(r["time_ns"], key=r["time_ns"].get) in ("poll", "idle") and "user_stack" not in r:
                continue
            try:
                s = stack_of(doc, r)
            except AssertionError as e:
                wrong.append(f"{what}: {e}")
                continue
            stacks += 1
            frames += len(s["frames"])
            if len(s["frames"]) < least:
                wrong.append(f"{what}: {len(s['frames'])} frames")
            for by, frames_of in w.witnesses.items():
                wrong += [f"{what}: {r['kind']} {r['name']}: beside {by}: {d}"
                          for d in witness.differences(frames_of, s, by == "gdb", r["kind"] == "wait")]
    for x in wrong[:60]:
        print(f"# {x}", file=sys.stderr)
    print(f"# {stacks} stacks, {frames} frames, {len(looked)} waits; {doc.acct('user_stacks')}", file=sys.stderr)
    if wrong:
        raise AssertionError(f"{len(wrong)} wrong: {'; '.join(wrong[:3])}")
    return stacks


def asleep(pid, tid=None):
    """Returns once it has waited in one call for a while."""
    def still():
        call = live.task_call(pid, tid)
        time.sleep(0.2)
        return call is not None and call == live.task_call(pid, tid)

    live.wait_for(f"wait of {tid or pid}", still)


# ---- PostgreSQL -------------------------------------------------------------------------------


class Session:
    """psql, one line at a time; .backend: the server's process for it."""

    def __init__(self, server, name):
        self.name = name
        self.p = subprocess.Popen(server.psql(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")
        self.backend = int(self.ask("SELECT pg_backend_pid();"))

    def say(self, sql):
        self.p.stdin.write(sql + "\n")
        self.p.stdin.flush()

    def ask(self, sql):
        self.say(sql)
        return self.p.stdout.readline().strip()

    def end(self):
        self.p.stdin.close()
        return self.p.wait(20)


class Postgres:
    def __init__(self):
        needs("pg_lsclusters", "postgresql")
        needs("setpriv")
        base = max(os.listdir("/usr/lib/postgresql"), key=float)
        self.bin, self.dir, self.server, self.sessions = f"/usr/lib/postgresql/{base}/bin", live.folder(), None, []

    def as_postgres(self, program, *argv):
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", f"{self.bin}/{program}", *argv]

    def psql(self):
        return self.as_postgres("psql", "-h", self.dir, "-U", "postgres", "-XqAt", "-v", "ON_ERROR_STOP=1", "postgres")

    def session(self, name):
        self.sessions.append(Session(self, name))
        return self.sessions[-1]

    def __enter__(self):
        data = os.path.join(self.dir, "data")
        shutil.chown(self.dir, "postgres")
        subprocess.run(self.as_postgres("initdb", "-D", data, "-A", "trust", "--no-sync"), check=True, timeout=live.LIMIT,
                       stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, cwd="/")
        self.server = subprocess.Popen(
            self.as_postgres("postgres", "-D", data, "-h", "", "-k", self.dir, "-c", "fsync=off", "-c", "jit=off"),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        ready = self.as_postgres("pg_isready", "-q", "-h", self.dir)
        live.wait_for("server", lambda: subprocess.run(ready, check=False, cwd="/").returncode == 0)
        return self

    def __exit__(self, *_):
        for s in self.sessions:
            if s.p.poll() is None:
                s.p.kill()
            s.p.communicate()
        self.server.send_signal(3)  # immediately
        try:
            self.server.wait(20)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()


@test("real: PostgreSQL's backends and psql in waits for rows, for locks, for pipes and in pg_sleep")
def postgres():
    with Postgres() as pg:
        fifos = [os.path.join(pg.dir, f"fifo{n}") for n in range(4)]
        for f in fifos:
            os.mkfifo(f)
            os.chmod(f, 0o666)
        holder = pg.session("holder")
        holder.ask("CREATE TABLE t(a int); INSERT INTO t VALUES (1); SELECT 'made';")
        holder.ask("BEGIN; SELECT pg_advisory_lock(7); SELECT a FROM t WHERE a = 1 FOR UPDATE;")
        holder.p.stdout.readline()
        waits = {  # those in an epoll are waits for an event
            "pg_sleep": "SELECT pg_sleep(15);",
            "program": "CREATE TEMP TABLE c(a text); COPY c FROM PROGRAM 'sleep 20; echo 1'; SELECT 1;",
            "row": "BEGIN; SELECT a FROM t WHERE a = 1 FOR UPDATE; COMMIT;",
            "advisory": "SELECT pg_advisory_lock(7);",
            "copy": f"CREATE TEMP TABLE c(a text); COPY c FROM '{fifos[0]}'; SELECT 1;",
            "sort": f"CREATE TEMP TABLE c(a text); COPY (SELECT a, count(*) FROM t GROUP BY a ORDER BY 1) TO '{fifos[1]}'; SELECT 1;",
            "import": f"SELECT 1 + 0 * lo_import('{fifos[2]}')::bigint;",
            "plpgsql": f"DO $$ BEGIN EXECUTE $x$COPY t TO '{fifos[3]}'$x$; END $$; SELECT 1;",
        }
        sessions = {name: pg.session(name) for name in waits}
        with live.Record("--slow", "50ms", calls="on", seconds=60) as h:
            for name, sql in waits.items():
                sessions[name].say(sql)
            time.sleep(1.5)  # the check for deadlocks, after a second, was
            looked = {}
            for name, s in sessions.items():
                asleep(s.backend)
                looked[name] = Looked(s.backend)
                if name in ("row", "copy"):
                    looked[f"psql, {name}"] = Looked(s.p.pid)
            for n, f in enumerate(fifos):
                with open(f, "r" if n in (1, 3) else "w", encoding="utf-8") as end:
                    end.read() if n in (1, 3) else end.write("1\n")
            holder.say("COMMIT; SELECT pg_advisory_unlock(7);")
            for s in sessions.values():
                s.p.stdout.readline()
            h.stop()
    check(judge(h.doc, looked, 10) >= 6, "few of the waits have a stack")


# ---- Python -----------------------------------------------------------------------------------

SLEEPS = """
import os, sys, threading, time
def deep(n):
    return time.sleep(6) if not n else deep(n - 1)
threading.Thread(target=lambda: os.read(0, 1)).start()
threading.Thread(target=lambda: sorted([2, 1], key=lambda x: deep(3))).start()
time.sleep(6)
"""


@test("real: the C frames of Python's threads in time.sleep and in a read, also through callbacks of C")
def python():
    needs(PYTHON)
    with live.Record("--slow", "50ms", calls="on") as h, live.Load(PYTHON, "-c", SLEEPS) as p:
        live.wait_for("threads", lambda: len(os.listdir(f"/proc/{p.pid}/task")) == 3)
        # who starts a thread waits for it in a futex, for long on a busy machine
        live.wait_for("their calls", lambda: all(live.task_call(p.pid, int(t)) not in (None, *FUTEX) for t in os.listdir(f"/proc/{p.pid}/task")))
        asleep(p.pid)
        begin, eu, gdb = live.boot_ns(), witness.by_eu_stack(p.pid), witness.by_gdb(p.pid)
        looked = {}
        for tid in eu:
            w = looked[f"thread {tid - p.pid}"] = Looked.__new__(Looked)
            w.pid, w.tid, w.begin, w.end, w.witnesses = p.pid, tid, begin, live.boot_ns(), {"eu-stack": eu[tid], "gdb": gdb[tid]}
        p.say("x")
        p.end()
        h.stop()
    check(judge(h.doc, looked, 8) >= 3, "few stacks")


INTERRUPTED = """
import os, signal
signal.signal(signal.SIGCONT, lambda *_: None)
os.read(0, 1)
"""


@test("real: a wait that a signal ended was in the call, not in the signal's handler")
def interrupted():
    needs(PYTHON)
    with live.Record("--slow", "50ms") as h, live.Load(PYTHON, "-c", INTERRUPTED) as p:
        asleep(p.pid)
        for _ in range(10):
            for number in (signal.SIGSTOP, signal.SIGCONT):
                os.kill(p.pid, number)
                time.sleep(0.1)
        p.say("x")
        p.end()
        h.stop()
    rows = [s for s in h.doc.slow(p.pid, "wait") if s["name"] == "read"]
    check(len(rows) >= 15, f"{len(rows)} slow waits")
    rows = [r for r in rows if "user_stack" in r]
    if not rows:
        live.lacks("work of BPF programs for a thread that returns to user mode (Linux 6.18): waits have no user stacks")
    with live.Facts() as f:
        for r in rows:
            names = [x.get("function") or "" for x in stack_of(h.doc, r)["frames"] if not x.get("inlined")]
            f.check("read" in names[0] and names[-1] == "_start", f"{r['state']}: {names}")


# ---- mangled names ----------------------------------------------------------------------------

RUST = """
use std::{thread, time::Duration};
trait Wait { fn wait_here(&self, ms: u64) -> u64; }
struct Holder<T> { more: T }
impl<T: Copy + Into<u64>> Wait for Holder<T> {
    #[inline(never)]
    fn wait_here(&self, ms: u64) -> u64 { thread::sleep(Duration::from_millis(ms)); ms + self.more.into() }
}
#[inline(never)]
fn through<F: Fn(u64) -> u64>(f: F, ms: u64) -> u64 { f(ms) + 1 }
#[inline(never)]
fn dynamic(w: &dyn Wait, ms: u64) -> u64 { through(|n| w.wait_here(n) + 1, ms) + 1 }
fn main() { let t = thread::spawn(|| dynamic(&Holder { more: 7u32 }, 8000)); println!("{}", t.join().unwrap()); }
"""


@test("real: Rust's names, of methods of generic types and of closures, also in a thread")
def rust():
    needs("rustc")
    folder = live.folder()
    source = os.path.join(folder, "chain.rs")
    with open(source, "w", encoding="utf-8") as f:
        f.write(RUST)
    for n, extra in enumerate((("-Cdebuginfo=0",), ("-g", "-Csymbol-mangling-version=v0"))):
        program = os.path.join(folder, f"chain{n}")
        subprocess.run(["rustc", "-O", "--crate-name=chain", *extra, "-o", program, source], check=True, timeout=live.LIMIT)
        with live.Record("--slow", "50ms", calls="on") as h, live.Load(program) as p:
            live.wait_for("thread", lambda: len(os.listdir(f"/proc/{p.pid}/task")) == 2)
            tid = max(int(t) for t in os.listdir(f"/proc/{p.pid}/task"))
            asleep(p.pid, tid)
            looked = {"thread": Looked(p.pid, tid)}
            p.end()
            h.stop()
        judge(h.doc, looked, 5)
        names = " < ".join(f.get("function") or "" for f in stack_of(h.doc, looked["thread"].rows(h.doc)[0])["frames"])
        print(f"# {names}", file=sys.stderr)
        check(re.search(r"Holder<.*> as .*Wait>::wait_here.*through.*dynamic", names), f"names: {names}")


# ---- JITs: names out of perf maps -------------------------------------------------------------


def in_order(names, wanted):
    """Innermost first, one after the other, others between them."""
    rest = iter(names)
    return all(any(w.search(n) for n in rest) for w in wanted)


def judge_jit(doc, pid, name, wanted, after=0):
    """Every such call of the thread that made most has these functions in its stack, named by the perf map and by
    files, and none in code that was made is nameless."""
    rows = [s for s in doc.slow(pid, "syscall", name) if s["begin_ns"] > after and s["duration_ns"] > 85 * MS]
    tid = collections.Counter(s["tid"] for s in rows).most_common(1)[0][0]
    rows = [s for s in rows if s["tid"] == tid]
    # of many at once on this host some may have none
    stacks = [stack_of(doc, s) for s in rows if "user_stack" in s]
    wrong = []
    for s in stacks:
        names = [f.get("function") or "" for f in s["frames"]]
        if not in_order(names, [re.compile(w) for w in wanted]) or any(f.get("module") == "[anon]" for f in s["frames"]) or s.get("unwound") != "mixed":
            wrong.append(f"{s.get('unwound')}{', cut' if s.get('cut') else ''}: " + " < ".join(map(witness.show, s["frames"])))
    for w in wrong[:3]:
        print(f"# {w}", file=sys.stderr)
    print(f"# {len(rows)} calls, {len(stacks)} stacks, {len(wrong)} wrong", file=sys.stderr)
    # code may not be executable yet when the mappings are read, which is done each 50 ms at most: such a stack says so
    cut = [w for w in wrong if ", cut: " in w]
    check(len(wrong) == len(cut) and len(cut) <= len(stacks) / 20, f"{len(wrong)} of {len(stacks)} stacks: {wrong[:1]}")
    check(len(rows) >= 30 and len(stacks) >= 0.9 * len(rows), f"{len(rows)} slow calls, {len(stacks)} with a stack")


JS = """
const a = new Int32Array(new SharedArrayBuffer(4));
function innermost_js(ms) { return Atomics.wait(a, 0, 0, ms); }
function middle_js(ms) { return innermost_js(ms) + "."; }
class Outer { outermost_js(ms) { return middle_js(ms) + "."; } }
const o = new Outer();
for (let i = 0; i < 60; i++) o.outermost_js(90);
"""


@test("real: Node's JavaScript functions out of its perf map, between the C++ that they are called from")
def node():
    needs("node", "nodejs")
    path = os.path.join(live.folder(), "chain.js")
    with open(path, "w", encoding="utf-8") as f:
        f.write(JS)
    with live.Record("--slow", "50ms", calls="on") as h:
        p = live.start("node", "--perf-basic-prof", "--interpreted-frames-native-stack", path, cwd=live.folder())
        live._finish(p, 40)
        h.stop()
    perf_map = f"/tmp/perf-{p.pid}.map"
    check(os.path.exists(perf_map), "Node wrote no perf map")
    os.unlink(perf_map)
    judge_jit(h.doc, p.pid, "futex", (r"innermost_js .*chain\.js:3", r"middle_js .*chain\.js:4", r"outermost_js .*chain\.js:5",
                                      r"^v8::", r"^node::", r"^_start$"))


JAVA = """
public class Chain {
    static long innermostJava(long ms) throws Exception { Thread.sleep(ms); return ms + 1; }
    static long middleJava(long ms) throws Exception { return innermostJava(ms) * 3; }
    long outermostJava(long ms) throws Exception { return middleJava(ms) ^ 5; }
    public static void main(String[] a) throws Exception {
        long n = 0;
        for (int i = 0; i < 90; i++) n += new Chain().outermostJava(90);
        System.out.println(n);
    }
}
"""


@test("real: Java's methods out of a perf map that jcmd had the JVM write, down to the JVM's C++")
def java():
    for program in ("java", "javac", "jcmd"):
        needs(program, f"{program} of a JDK")
    folder = live.folder()
    with open(os.path.join(folder, "Chain.java"), "w", encoding="utf-8") as f:
        f.write(JAVA)
    subprocess.run(["javac", "-d", folder, f.name], check=True, timeout=live.LIMIT)
    with live.Record("--slow", "50ms", calls="on", seconds=50) as h:
        p = live.start("java", "-cp", folder, "-XX:+PreserveFramePointer", "-Xcomp", "-XX:-Inline", "-XX:TieredStopAtLevel=1",
                       "-XX:CompileCommand=quiet", "-XX:CompileCommand=compileonly,Chain::*", "Chain")
        live.wait_for("a JVM", lambda: b"Chain" in subprocess.run(["jcmd"], capture_output=True, check=False).stdout)
        time.sleep(1)
        subprocess.run(["jcmd", str(p.pid), "Compiler.perfmap"], check=True, timeout=live.LIMIT, stdout=subprocess.DEVNULL)
        written = live.boot_ns()
        live._finish(p, 40)
        h.stop()
    os.unlink(f"/tmp/perf-{p.pid}.map")
    judge_jit(h.doc, p.pid, "futex", (r"pthread_cond_", r"^JVM_Sleep", r"Chain[.:]+innermostJava", r"Chain[.:]+middleJava",
                                      r"Chain[.:]+outermostJava", r"^JavaCalls", r"JavaMain", r"^start_thread"), written)


if __name__ == "__main__":
    live.main()
