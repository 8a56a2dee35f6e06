#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""User stacks of real programs, as their distribution built them, beside gdb's and eu-stack's of the same
wait and the symbol tables of the files: PostgreSQL, Python, Node, Java, C++ and Rust.

Every slow call that overlaps the witness's look has to have that stack, all frames: the witness stops the
thread, so that one wait may be two calls. What is wrong is told on stderr too."""
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time

import live
import witness
from live import MS, check, same, test

PYTHON = "/usr/bin/python3"  # the distribution's


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
    print(f"# {stacks} stacks, {frames} frames, {len(looked)} waits", file=sys.stderr)
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
            "row": "BEGIN; SELECT a FROM t WHERE a = 1 FOR UPDATE; COMMIT;",
            "advisory": "SELECT pg_advisory_lock(7);",
            "pg_sleep": "SELECT pg_sleep(15);",
            "program": "CREATE TEMP TABLE c(a text); COPY c FROM PROGRAM 'sleep 15; echo 1'; SELECT 1;",
            "copy": f"CREATE TEMP TABLE c(a text); COPY c FROM '{fifos[0]}'; SELECT 1;",
            "sort": f"CREATE TEMP TABLE c(a text); COPY (SELECT a, count(*) FROM t GROUP BY a ORDER BY 1) TO '{fifos[1]}'; SELECT 1;",
            "import": f"SELECT 1 + 0 * lo_import('{fifos[2]}')::bigint;",
            "plpgsql": f"DO $$ BEGIN EXECUTE $x$COPY t TO '{fifos[3]}'$x$; END $$; SELECT 1;",
        }
        sessions = {name: pg.session(name) for name in waits}
        with live.Record("--slow", "10ms", calls="on", seconds=60) as h:
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


if __name__ == "__main__":
    live.main()
