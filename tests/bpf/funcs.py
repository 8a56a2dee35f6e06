#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Functions of programs: counts, durations and where the time goes, against what the programs say themselves
(tests/func/func.c, pgbench, a server in Go), and that no program is hurt."""
import json
import os
import re
import shutil
import signal
import subprocess
import time

import exchanges
import live
from live import MS, S, US, Facts, check, near, same, test

FUNC = os.path.join(os.path.dirname(live.WORK), "func")
HERE = os.path.dirname(os.path.abspath(__file__))
# what each run of the program calls, where that has another name
NAMES = {"tails": ("tail_outer", "tail_inner"), "nested": ("outer", "inner")}
# of which the kernel's own way to see a return needs 64 calls within each other
DEEPEST = 64
# of the whole host: what others do there may be more than a buffer holds, or over before it is looked at
MAY_LOSE = ("functions", "user_stacks", "slow", "stacks")


def run(run_, count=20, us=2000, threads=1, opts=(), env=None):
    """The functions of hostlat's document of a run of `func`, by name, and what that says itself."""
    folder = live.folder()
    path = os.path.join(folder, "x.json")
    specs = [w for n in NAMES.get(run_, (run_,)) for w in ("-u", f"{FUNC}:{n}")]
    p = live.start(live.HOSTLAT, "record", *live.ONE, *specs, *opts, "-o", path, "--", FUNC, run_, count, us, threads,
                   env={**os.environ, **(env or {})})
    out, err = live._finish(p, 60)
    same(p.returncode, 0, f"status, {err[-300:]!r}")
    with open(path, encoding="utf-8") as f:
        doc = live.Doc(json.load(f))
    live.valid(doc, may_lose=MAY_LOSE)
    return {r["name"]: r for r in doc["functions"] if r["comm"] == "func"}, json.loads(out), doc


def probes(pid):
    """How many a process has put on: one for each place, whether its return is looked at there or not."""
    n = 0
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            if os.readlink(f"/proc/{pid}/fd/{fd}") == "anon_inode:[perf_event]":
                n += 1
                continue
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii", errors="replace") as f:
                text = f.read()
        except OSError:
            continue
        if re.search("^link_type:.*probe_multi", text, re.M):
            m = re.search(r"^uprobe_cnt:\s*(\d+)", text, re.M)     # older ones do not say
            n += int(m[1]) if m else 1000
    return max(n - os.cpu_count(), 0)   # one each tells who maps what


class Host(live.Record):
    """The whole host, from when its probes are there on."""

    def __init__(self, *specs, probes):
        super().__init__(*(w for s in specs for w in ("-u", s)), may_lose=MAY_LOSE)
        self.probes = probes

    def __enter__(self):
        super().__enter__()
        live.wait_for("probes", self.has_all, 30, 0.05)
        time.sleep(0.2)
        return self

    def has_all(self):
        return probes(self.p.pid) >= self.probes


def acct(doc):
    return doc.acct("functions")


def states(row, *names):
    return sum(row["time_ns"].get(n, 0) for n in names)


@test("functions: those that sleep, spin, wait for a lock and read: how many, how long, and in which state")
def kinds():
    wants = {"sleeps": "sleep", "spins": "cpu", "blocks": "lock", "reads": "ipc"}
    for name, state in wants.items():
        rows, truth, doc = run(name, 50)
        with Facts() as f:
            r, t = rows[name], truth[name]
            f.same((r["entered"], r["count"], r["abandoned"]), (t["calls"], t["calls"], 0), f"{name}: calls")
            f.near(r["total_ns"], t["ns"], f"{name}: time", 5, 50 * t["calls"] * US)
            f.same(sum(r["time_ns"].values()), r["total_ns"], f"{name}: the sum of the states")
            # the wake-up to the run is in line for a CPU
            f.check(states(r, state, "runqueue") >= 0.9 * r["total_ns"], f"{name}: {r['time_ns']}")
            f.check(states(r, state) > 0, f"{name}: {r['time_ns']}")
            f.same(acct(doc)["lost"], 0, f"{name}: lost")


@test("functions: each call of a recursion 61 deep; of one 101 deep those that the kernel sees return, the others are told")
def recursion():
    rows, truth, doc = run("recurses", 10, 60)
    same((rows["recurses"]["entered"], rows["recurses"]["count"]), (610, 610), "calls of 61 within each other")
    rows, truth, doc = run("recurses", 10, 100)
    r = rows["recurses"]
    same((r["entered"], r["count"], r["too_deep"]), (1010, 10 * DEEPEST, 10 * (101 - DEEPEST)), "of 101")
    same(acct(doc)["lost_by"], {"too_deep": r["too_deep"]}, "lost by cause")
    same(acct(doc)["unaccounted"], 0, "unaccounted")


@test("functions: what is left by longjmp never returned, and the next call's time is its own")
def jumps():
    rows, truth, _ = run("jumps", 40)
    r = rows["jumps"]
    same((r["entered"], r["count"], r["abandoned"]), (40, 20, truth["jumps"]["left"]), "calls")
    check(r["max_ns"] < 20 * MS, f"the longest took {r['max_ns'] / MS} ms")


@test("functions: a tail call is both functions' to its end, and the outer one has the less of its own")
def tails():
    rows, truth, _ = run("tails", 20, 1000)
    o, i = rows["tail_outer"], rows["tail_inner"]
    with Facts() as f:
        f.same((o["count"], i["count"]), (20, 20), "calls")
        f.near(o["total_ns"], truth["tail_outer"]["ns"], "time of the outer one", 5, 20 * 50 * US)
        f.check(i["total_ns"] <= o["total_ns"], "the inner one takes longer")
        f.near(o["self_ns"], o["total_ns"] - i["total_ns"], "of its own", 1)


@test("functions: time of its own and in traced functions that it calls")
def nested():
    rows, truth, _ = run("nested", 10, 3000)
    with Facts() as f:
        o, i = rows["outer"], rows["inner"]
        f.same((o["count"], i["count"]), (10, 30), "calls")
        f.near(i["total_ns"], truth["inner"]["ns"], "the inner one", 5, 30 * 50 * US)
        f.near(o["total_ns"], truth["outer"]["ns"], "the outer one", 5, 10 * 50 * US)
        f.near(o["self_ns"], truth["outer"]["ns"] - truth["inner"]["ns"], "of its own", 5, 40 * 50 * US)


@test("functions: a fork inside of one returns twice, and is one call of the parent")
def forks():
    rows, truth, doc = run("forks", 20)
    r = rows["forks"]
    same((r["entered"], r["count"], acct(doc)["lost"]), (20, 20, 0), "calls, calls, lost")
    check(states(r, "child") > 0, f"{r['time_ns']}")


@test("functions: 100,000 calls on four threads are 100,000")
def many():
    rows, truth, doc = run("quick", 25000, 40, 4)
    r = rows["quick"]
    same((r["entered"], r["count"]), (100000, 100000), "calls")
    same((acct(doc)["lost"], acct(doc)["unaccounted"]), (0, 0), "lost, unaccounted")


@test("functions: results that are errors by what was said, arguments as they were passed")
def errors():
    rows, truth, _ = run("fails", 30, opts=("--error", "ret<0"))
    same((rows["fails"]["count"], rows["fails"]["errors"]), (30, truth["fails"]["left"]), "calls, errors")
    p = live.start(live.HOSTLAT, "trace", "--json", "--arg", "1:str,2:int,3:long", f"{FUNC}:says", "--", FUNC, "says", 5)
    out, err = live._finish(p, 60)
    calls = [json.loads(l) for l in out.splitlines() if l.startswith('{"time"')]
    same([c.get("args") for c in calls], [f'1="hello {i}", 2={-i}, 3={1 << 40}' for i in range(5)], "arguments")
    same([c["result"] for c in calls], [7 + (1 << 40) - i for i in range(5)], "results")
    doc = json.loads(out.splitlines()[-1])
    same(doc["schema"], "hostlat/1", "the last line")


# Texts on pages of a file that were not touched yet: of the first one the function reads some.
TEXTS = """
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
__attribute__((noinline)) int takes(const char *text, int reads) { __asm__ volatile(""); return reads ? *(volatile char *)text : 0; }
int main(int argc, char **argv) {
	char *text = mmap(NULL, 2 << 20, PROT_READ, MAP_PRIVATE, open(argv[1], O_RDONLY), 0);
	return !(takes(text, 1) + takes(text, 0) + takes(text + (1 << 20), 0) + takes(NULL, 0));
}
"""


@test("functions: a text that was not in memory is read when the call is over; one that cannot be read is not said to be empty")
def texts():
    folder = live.folder()
    prog, file = f"{folder}/texts", f"{folder}/file"
    with open(file, "w", encoding="ascii") as f:
        f.write("later".ljust(1 << 20, "\0") + "never")
    subprocess.run(["gcc", "-O1", "-x", "c", "-", "-o", prog], check=True, text=True, input=TEXTS)
    p = live.start(live.HOSTLAT, "trace", "--json", "--arg", "1:str", f"{prog}:takes", "--", "env", "LD_BIND_NOW=1", prog, file)
    out, err = live._finish(p, 60)
    args = [re.sub("0x[0-9a-f]+", "AT", json.loads(l)["args"]) for l in out.splitlines() if l.startswith('{"time"')]
    same(args, ['1="later" (at its end)', '1="later"', "1=AT (unreadable)", "1=NULL"], "arguments")


@test("trace: a line for each call, and calls under their callers")
def lines():
    p = live.start(live.HOSTLAT, "trace", "--tree", f"{FUNC}:inner", f"{FUNC}:outer", "--", FUNC, "nested", 2, 1000)
    out, err = live._finish(p, 60)
    same(p.returncode, 0, f"status, {err[-300:]!r}")
    calls = [m[0] for m in re.findall(r"^\d\d:\d\d:\d\d\.\d{6}.*?  ( *(inner|outer)\()", out, re.M)]
    same([c.rstrip("(") for c in calls], ["outer", "  inner", "  inner", "  inner"] * 2, "lines")
    check(re.search(r"^Functions: 2 rows", out, re.M), "no summary")


@test("functions: in a library that is loaded while it runs")
def loaded():
    folder = live.folder()
    lib = f"{folder}/libhere.so"
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-x", "c", "-", "-o", lib], check=True, text=True,
                   input="__attribute__((noinline)) int in_library(int n) { __asm__ volatile(\"\"); return n; }\n")
    p = live.start(live.HOSTLAT, "trace", "--summary", "--json", f"{lib}:in_library", "--", FUNC, "opens", 30, 1000,
                   env={**os.environ, "FUNC_LIB": lib})
    out, err = live._finish(p, 60)
    doc = json.loads(out.splitlines()[-1])
    same([(r["name"], r["entered"]) for r in doc["functions"]], [("in_library", 30)], "functions")


@test("functions: of one process only, and another one of the same program pays nothing")
def one_process():
    with live.Load(FUNC, "sleeps", 100000, 2000) as a, live.Load(FUNC, "sleeps", 100000, 2000) as b:
        path = f"{live.folder()}/x.json"
        p = live.start(live.HOSTLAT, "record", "-d", 2, "-p", a.pid, "-u", f"{FUNC}:sleeps", "-o", path)
        live.wait_for("probes", lambda: b"sleeps" and has_probes(a.pid), 20, 0.05)
        same((has_probes(a.pid), has_probes(b.pid)), (True, False), "probes in the text of both")
        live._finish(p, 30)
        live.wait_for("no probes", lambda: not has_probes(a.pid), 10, 0.05)
    with open(path, encoding="utf-8") as f:
        rows = json.load(f)["functions"]
    same([(r["pid"], r["name"]) for r in rows], [(a.pid, "sleeps")], "rows")


def symbol(name):
    out = subprocess.run(["nm", FUNC], capture_output=True, text=True, check=True).stdout
    return int(next(l.split()[0] for l in out.splitlines() if l.split()[-1] == name), 16)


def has_probes(pid, name="sleeps"):
    """Is the first instruction of the function another one than in the file?"""
    with open(f"/proc/{pid}/maps", encoding="ascii") as f:
        base = next((int(l.split("-")[0], 16) for l in f if l.rstrip().endswith(FUNC)), None)
    if base is None:    # it is not that program yet
        return False
    with open(f"/proc/{pid}/mem", "rb") as m, open(FUNC, "rb") as t:
        m.seek(base + symbol(name))
        t.seek(symbol(name))
        return m.read(16) != t.read(16)


# ---- no program is hurt -------------------------------------------------------------------------------


THROWS = """#include <cstdio>
#include <stdexcept>
extern "C" __attribute__((noinline)) int thrower(int n) { if (n % 2) throw std::runtime_error("x"); return n; }
extern "C" __attribute__((noinline)) int middle(int n) { int r = thrower(n); asm volatile(""); return r + 1; }
int main() { int c = 0; for (int i = 0; i < 20; i++) try { middle(i); } catch (std::exception &) { c++; } std::printf("%d\\n", c); }
"""


def compiled(source, compiler, name):
    path = f"{live.folder()}/{name}"
    subprocess.run([*compiler, "-x", "c++" if compiler[0] == "g++" else "c", "-", "-o", path], input=source, text=True, check=True)
    return path


@test("functions: exceptions pass through them, and what they leave never returned")
def exceptions():
    path = compiled(THROWS, ["g++", "-O2"], "throws")
    p = live.start(live.HOSTLAT, "trace", "--summary", "--json", f"{path}:middle", f"{path}:thrower", f"{path}:main", "--", path)
    out, err = live._finish(p, 60)
    same((p.returncode, out.splitlines()[0]), (0, "10"), f"status, caught; {err[-200:]!r}")
    rows = {r["name"]: (r["entered"], r["count"], r["abandoned"]) for r in json.loads(out.splitlines()[-1])["functions"]}
    same(rows, {"main": (1, 1, 0), "middle": (20, 10, 10), "thrower": (20, 10, 10)}, "entered, returned, left")


@test("functions: where a program begins, and what returns twice, is only counted, and the program does what it did")
def begins():
    source = '#include <setjmp.h>\n#include <stdio.h>\njmp_buf b;\nint main(int argc, char **argv) {\n' \
             'volatile int n = 0;\nsetjmp(b);\nif (++n < 10)\nlongjmp(b, 1);\nprintf("%d %d\\n", argc, n);\n}\n'
    path = compiled(source, ["gcc", "-O1", "-static"], "twice")
    p = live.start(live.HOSTLAT, "trace", "--summary", "--json", f"{path}:_start", f"{path}:_setjmp", f"{path}:__sigsetjmp", "--", path, "a", "b")
    out, err = live._finish(p, 60)
    same((p.returncode, out.splitlines()[0]), (0, "3 10"), f"status, what it prints; {err[-300:]!r}")
    rows = {r["name"]: r for r in json.loads(out.splitlines()[-1])["functions"]}
    same({r["what"] for r in rows.values()}, {"point"}, "what they are")


@test("functions: setuid programs are refused in one line")
def setuid():
    path = compiled("int main(void) { return 0; }\n", ["gcc"], "rights")
    os.chmod(path, 0o4755)
    p = live.start(live.HOSTLAT, "trace", f"{path}:main", "--", path)
    out, err = live._finish(p, 60)
    check(p.returncode != 0 and "--allow-setuid" in err, f"{p.returncode} {err!r}")
    p = live.start(live.HOSTLAT, "trace", "--allow-setuid", f"{path}:main", "--", path)
    same((live._finish(p, 60)[0].count("main("), p.returncode), (1, 0), "with the option")


@test("functions: one that is called too often is left alone within two seconds, and as fast as before")
def too_often():
    with live.Load(FUNC, "rate", 1, 14) as load:
        os.set_blocking(load.p.stderr.fileno(), False)
        rates = []

        def look(seconds):
            end, text = time.monotonic() + seconds, ""
            while time.monotonic() < end:
                time.sleep(0.05)
                try:
                    text += os.read(load.p.stderr.fileno(), 4096).decode()
                except BlockingIOError:
                    pass
            rates.append([int(w) for w in text.split()])

        look(2)
        p = live.start(live.HOSTLAT, "record", "-d", 6, "-u", f"{FUNC}:quick", "-o", f"{live.folder()}/x.json")
        began = live.wait_for("probes", lambda: has_probes(load.pid, "quick") and time.monotonic(), 20, 0.01)
        live.wait_for("no probes", lambda: not has_probes(load.pid, "quick"), 4, 0.01)
        took = time.monotonic() - began
        look(3)
        out, err = live._finish(p, 30)
    check("taken off" in err, f"no word of it: {err!r}")
    check(took < 2, f"after {took:.2f} s")
    before, after = max(rates[0]), max(rates[1])
    check(after > 0.95 * before, f"{before} a second before, {after} after")


@test("functions: when one of several is left alone, the others' calls go on being counted, those in progress, too")
def others_go_on():
    with Host(*(f"{FUNC}:{n}" for n in ("quick", "sleeps", "spins")), probes=5) as h:
        long, short = live.start(FUNC, "sleeps", 2, 1500000, 1), live.start(FUNC, "spins", 20000, 50, 1)
        with live.Load(FUNC, "rate", 1, 4) as hot:
            live.wait_for("probes", lambda: has_probes(hot.pid, "quick"), 10, 0.01)
            live.wait_for("no probes", lambda: not has_probes(hot.pid, "quick"), 4, 0.01)
            check(long.poll() is None and short.poll() is None, "they were over before")
        truth = {k: v for r in (long, short) for k, v in json.loads(live._finish(r, 30)[0]).items()}
        h.stop()
    rows = {(r["name"], r["pid"]): r for r in h.doc["functions"]}
    with Facts() as f:
        for run_, name, missed in ((long, "sleeps", 0), (short, "spins", 2)):
            r, t = rows[name, run_.pid], truth[name]
            # what comes to a probe in the very moment in which another one takes its place may be missed
            f.check(0 <= t["calls"] - r["entered"] <= missed, f"{name}: {r['entered']} of {t['calls']} calls")
            f.check(0 <= r["entered"] - r["count"] <= missed, f"{name}: {r['count']} of {r['entered']} returned")
            f.near(r["total_ns"], t["ns"], f"{name}: time", 5, 50 * t["calls"] * US)


# ---- programs that others made ---------------------------------------------------------------------------


SCRIPT = "SELECT pg_sleep(0.02);\nSELECT sum(abalance) FROM pgbench_accounts a, generate_series(1, 2) s;\n"


@test("functions: PostgreSQL's USDT probes say of its statements what pgbench says, and its own function, too")
def postgres():
    binary, times = exchanges.program("postgres"), 60
    with exchanges.Postgres(7931) as pg:
        pg.once(exchanges.program("pgbench"), *pg.at(), "-q", "-i", "postgres")
        with open(f"{pg.dir}/script", "w", encoding="ascii") as f:
            f.write(SCRIPT)
        os.chmod(f.name, 0o644)
        with Host(f"usdt:{binary}:postgresql:query", f"usdt:{binary}:postgresql:transaction__*", f"{binary}:PortalRun",
                  f"usdt:{binary}:postgresql:query__execute", probes=9) as h:
            out = pg.once(exchanges.program("pgbench"), *pg.at(), "-n", "-r", "-c", 1, "-t", times, "-f", f"{pg.dir}/script", "postgres")
            time.sleep(0.2)
            h.stop()
    rows = {r["name"]: r for r in h.doc["functions"] if r["entered"] >= times}
    mean = [float(m) for m in re.findall(r"^ +([\d.]+) +\d+ +SELECT", out, re.M)]
    want = sum(mean) * times * MS
    with Facts() as f:
        f.same(len(mean), 2, f"statements of pgbench in {out!r}")
        q, t = rows["postgresql:query"], rows["postgresql:transaction"]
        x, y = rows["PortalRun"], rows["postgresql:query__execute"]
        f.same([r["what"] for r in (q, t, x, y)], ["usdt pair", "usdt pair", "function", "usdt pair"], "what they are")
        f.same((q["count"], x["count"], y["count"]), (2 * times,) * 3, "statements")
        f.near(q["total_ns"], want, "pgbench's latencies", 5, 2 * times * 200 * US)  # it has the way there and back
        f.near(x["total_ns"], y["total_ns"], "the function, and the probes in it", 5, 2 * times * 20 * US)
        f.check(x["total_ns"] < q["total_ns"], f"all of a statement {q['total_ns']}, a part of it {x['total_ns']}")
        # one more where the server begins a connection
        f.check(t["count"] in (2 * times, 2 * times + 1), f"transactions: {t['count']}")
        f.same(sum(q["time_ns"].values()), q["total_ns"], "the sum of the states")


GO = """package main

import ("fmt"; "net/http"; "os"; "sync/atomic")

var n int64

//go:noinline
func grow(d int, b [1024]byte) int { if d == 0 { return int(b[0]) }; b[0] = byte(d); return grow(d-1, b) + 1 }

//go:noinline
func handle(w http.ResponseWriter, r *http.Request) {
	c := make(chan int)
	k := atomic.AddInt64(&n, 1)
	go func() { if k % 40 == 0 { c <- grow(40, [1024]byte{}) }; c <- 0 }()
	fmt.Fprintln(w, <-c)
}

func main() {
	http.HandleFunc("/n", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, atomic.LoadInt64(&n)) })
	http.HandleFunc("/", handle)
	fmt.Fprintln(os.Stderr, "ready")
	fmt.Fprintln(os.Stderr, http.ListenAndServe("127.0.0.1:7932", nil))
}
"""


@test("functions: of a server in Go, whose stacks grow and move, under load: it lives, and counts are its own")
def go():
    folder = live.folder()
    with open(f"{folder}/main.go", "w", encoding="ascii") as f:
        f.write(GO)
    exchanges.program("go")
    subprocess.run(["go", "build", "-o", f"{folder}/server", f"{folder}/main.go"], check=True, timeout=180,
                   env={**os.environ, "HOME": folder, "GOFLAGS": "-mod=mod", "GO111MODULE": "off"})
    with live.Load(f"{folder}/server", ready="ready") as s:
        with Host(f"{folder}/server:main.handle", f"{folder}/server:main.grow", probes=4) as h:
            out = subprocess.run([exchanges.program("wrk"), "-c", "8", "-t", "1", "-d", "4", "http://127.0.0.1:7932/"],
                                 capture_output=True, text=True, timeout=60).stdout
            time.sleep(0.5)
            served = int(subprocess.run(["curl", "-s", "http://127.0.0.1:7932/n"], capture_output=True, text=True, timeout=20, check=True).stdout)
            h.stop()
        check(s.p.poll() is None, "it died")
    rows = {r["name"]: r for r in h.doc["functions"]}
    check(served > 20, f"{served} served, {out!r}")
    with Facts() as f:
        f.same(rows["main.handle"]["entered"], served, "calls of the handler")
        f.check(rows["main.handle"]["count"] + rows["main.handle"]["abandoned"] == served, f"{rows['main.handle']}")
        f.same((rows["main.grow"]["entered"], rows["main.grow"]["count"]), (41 * (served // 40),) * 2, "calls of the other")
        for r in rows.values():
            f.same(sum(r["time_ns"].values()) + r["no_breakdown_ns"], r["total_ns"], f"{r['name']}: the states, and calls without")


NGINX = """daemon off; worker_processes 1; pid %(dir)s/pid; error_log %(dir)s/error;
events {} http { access_log off; server { listen 127.0.0.1:7933 ssl; ssl_certificate %(dir)s/pem; ssl_certificate_key %(dir)s/pem;
location / { return 200 "%(text)s"; } } }
"""


@test("functions: SSL_read and SSL_write of curl and nginx, as many as requests ask for")
def openssl():
    folder = live.folder()
    subprocess.run([exchanges.program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=x", "-keyout", f"{folder}/key", "-out", f"{folder}/crt"], check=True, capture_output=True)
    with open(f"{folder}/pem", "w", encoding="ascii") as f:
        f.write(open(f"{folder}/key", encoding="ascii").read() + open(f"{folder}/crt", encoding="ascii").read())
    with open(f"{folder}/conf", "w", encoding="ascii") as f:
        f.write(NGINX % {"dir": folder, "text": "x" * 100})
    os.chmod(folder, 0o777)
    with live.Load(exchanges.program("nginx"), "-c", f"{folder}/conf", "-p", folder) as n:
        exchanges.listens(7933, n.p)
        with Host("libssl:SSL_read", "libssl:SSL_write", probes=4) as h:
            urls = [f"https://127.0.0.1:7933/{i}" for i in range(20)]
            out = subprocess.run(["curl", "-sk", *urls], capture_output=True, text=True, timeout=30, check=True).stdout
            h.stop()
    same(out.count("x"), 2000, "answers")
    rows = {(r["comm"], r["name"]): r for r in h.doc["functions"]}
    with Facts() as f:
        f.same(rows["curl", "SSL_write"]["count"], 20, "requests written by curl")
        f.same(rows["nginx", "SSL_write"]["count"], 20, "answers written by nginx")
        f.check(rows["curl", "SSL_read"]["count"] >= 20 and rows["nginx", "SSL_read"]["count"] >= 20, f"{sorted(rows)}")


# ---- what is asked for ----------------------------------------------------------------------------------------


def refused(*words):
    p = live.start(live.HOSTLAT, *words)
    out, err = live._finish(p, 30)
    return p.returncode, err.strip()


@test("functions: what is not there is said in one line with what is like it, and nothing is traced")
def refusals():
    for words, status, want in (
            (("trace", f"{FUNC}:slep"), 1, "sleeps"),
            (("trace", "/nowhere:main"), 1, "/nowhere"),
            (("trace", "nosuchlibrary:main"), 1, "nosuchlibrary"),
            (("trace",), 2, "FILE:FUNCTION"),
            (("trace", f"{FUNC}:sleeps", "--arg", "x:str"), 2, "--arg"),
            (("trace", f"{FUNC}:sleeps", "--arg", "7:int"), 2, "argument 7"),
            (("trace", f"{FUNC}:sleeps", "--error", "ret=0"), 2, "ret<0"),
            (("record", "--arg", "1:int", "-o", "/tmp/none.json", "--", "true"), 2, "-u")):
        got, err = refused(*words)
        check(got == status and want in err, f"{words}: {got} {err!r}")
        same(len(err.splitlines()), 1, f"{words}: lines in {err!r}")


if __name__ == "__main__":
    live.main()
