#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Runtimes of languages under probes: they live, answer as ever, and what is counted is what they did."""
import json
import os
import re
import subprocess

import exchanges
import live
from live import Facts, check, lacks, same, test

LIBC = ("libc:malloc", "libc:write", "libc:pthread_mutex_lock", "libc:read")


def plain(cmd):
    return subprocess.run(cmd, capture_output=True, text=True, timeout=60, check=True).stdout


def trace(specs, cmd, *opts):
    """What it printed, and the document, of a command whose functions are traced."""
    p = live.start(live.HOSTLAT, "trace", "--summary", "--json", *opts, *specs, "--", *cmd)
    out, err = live._finish(p, 120)
    same(p.returncode, 0, f"status, {err[-300:]!r}")
    lines = out.splitlines()
    return "".join(l + "\n" for l in lines[:-1]), json.loads(lines[-1])


def rows(doc):
    got = {}
    for r in doc["functions"]:
        got[r["name"]] = got.get(r["name"], 0) + r["entered"]
    return got


def syscalls(doc, name):
    """How often, by all processes of the run, by the calls tier."""
    return sum(r["count"] for r in doc["operations"] if r["kind"] == "syscall" and r["name"] == name)


def under_libc(cmd, folder_file):
    """Runs it with and without; what it says and writes is the same."""
    want = plain(cmd)
    with open(folder_file, encoding="ascii") as f:
        written = f.read()
    out, doc = trace(LIBC, cmd)
    with open(folder_file, encoding="ascii") as f:
        same(f.read(), written, "what it wrote")
    same(out, want, "what it says")
    return rows(doc), doc


JAVA = """import java.io.*;
public class Main {
  public static void main(String[] a) throws Exception {
    Thread[] t = new Thread[4];
    final long[] sum = new long[4];
    for (int i = 0; i < 4; i++) { final int k = i; t[i] = new Thread(() -> { for (int j = 0; j < 200000; j++) { byte[] b = new byte[64]; sum[k] += b.length + j % 7; } }); t[i].start(); }
    for (Thread x : t) x.join();
    try { Object[] o = null; o[1] = 2; } catch (NullPointerException e) { System.out.println("caught"); }
    try (FileOutputStream f = new FileOutputStream(a[0])) { for (int i = 0; i < 300; i++) f.write(65 + i % 26); }
    System.out.println(sum[0] + sum[1] + sum[2] + sum[3]);
  }
}
"""


@test("runtimes: a JVM under probes of the C library answers as ever, and writes as often as its program does")
def jvm():
    java = exchanges.program("java")
    folder = live.folder()
    with open(f"{folder}/Main.java", "w", encoding="ascii") as f:
        f.write(JAVA)
    if subprocess.run([java, "--list-modules"], capture_output=True, text=True, check=True).stdout.find("jdk.compiler") < 0:
        lacks("a compiler for Java")
    plain([java, "-m", "jdk.compiler/com.sun.tools.javac.Main", "-d", folder, f"{folder}/Main.java"])
    got, doc = under_libc([java, "-Xmx64m", "-XX:+UseSerialGC", "-cp", folder, "Main", f"{folder}/out"], f"{folder}/out")
    with Facts() as f:
        f.check(302 <= got["write"] <= syscalls(doc, "write") + 5, f"writes: {got}, system calls {syscalls(doc, 'write')}")
        f.check(got["malloc"] > 1000 and got["pthread_mutex_lock"] > 100, f"{got}")


NODE = """const fs = require('fs'); const c = require('crypto');
const f = fs.openSync(process.argv[2], 'w');
for (let i = 0; i < 300; i++) fs.writeSync(f, String.fromCharCode(65 + i % 26));
fs.closeSync(f);
let n = 0;
for (let i = 0; i < 20; i++) c.pbkdf2('x', 'y' + i, 1000, 16, 'sha256', (e, k) => { n += k[0]; if (i == 19) setTimeout(() => console.log(n > 0, [1, 2, 3].map(x => x * x).join()), 50); });
"""


@test("runtimes: Node under probes of the C library answers as ever, and writes as often as its program does")
def node():
    program = exchanges.program("node")
    folder = live.folder()
    with open(f"{folder}/main.js", "w", encoding="ascii") as f:
        f.write(NODE)
    got, doc = under_libc([program, f"{folder}/main.js", f"{folder}/out"], f"{folder}/out")
    wrote = syscalls(doc, "write") + syscalls(doc, "pwrite64")
    with Facts() as f:
        f.check(got["write"] >= 300, f"writes: {got}, system calls {wrote}")
        f.check(got["malloc"] > 1000 and got["pthread_mutex_lock"] > 20, f"{got}")


PYTHON = """import gc, sys
gc.disable()
x = 0
for x in range(250): sys.audit("known", x)
for _ in range(TIMES): gc.collect()
print(x)
"""


@test("runtimes: Python's own probes: each audit by its name, each collection of garbage and its duration")
def python():
    python = os.path.realpath("/usr/bin/python3")
    if not os.path.exists(python):
        lacks(python)
    spec = f"usdt:{python}:python"
    p = live.start(live.HOSTLAT, "trace", "--list", f"{spec}:gc__start")
    out, err = live._finish(p, 30)
    if p.returncode:
        check("no USDT probes" in err and len(err.splitlines()) == 1, f"what is said where there are none: {err!r}")
        return
    collected = []
    for times in (0, 12):
        out, doc = trace([f"{spec}:gc*"], [python, "-S", "-E", "-c", PYTHON.replace("TIMES", str(times))])
        same(out, "249\n", "what it says")
        collected += [(r["entered"], r["count"], r["total_ns"] > 0) for r in doc["functions"] if r["name"] == "python:gc"]
    same([(n, over) for n, over, _ in collected], [(collected[0][0],) * 2, (collected[0][0] + 12,) * 2], "collections: begun, over")
    check(collected[1][2], "they took no time")
    p = live.start(live.HOSTLAT, "trace", "--json", "--arg", "1:str", f"{spec}:audit", "--", python, "-S", "-E", "-c", PYTHON.replace("TIMES", "0"))
    out, err = live._finish(p, 60)
    calls = [json.loads(l) for l in out.splitlines() if l.startswith('{"time"')]
    same(sum(c.get("args") == '1="known"' for c in calls), 250, "audits by name")


@test("runtimes: where the C library has no USDT probes it is said in a line")
def libc():
    path = next(l.split()[2] for l in plain(["ldd", "/bin/true"]).splitlines() if "libc.so" in l)
    notes = plain(["readelf", "-n", path]).count("NT_STAPSDT")
    p = live.start(live.HOSTLAT, "trace", "--list", "usdt:libc:*")
    out, err = live._finish(p, 30)
    if not notes:
        check(p.returncode == 1 and "no USDT probes" in err and len(err.splitlines()) == 1, f"{p.returncode} {err!r}")
        return
    same((p.returncode, "libc:setjmp" in out), (0, True), "status, listed")
    source = '#include <setjmp.h>\njmp_buf b;\nint main(void) { volatile int n = 0; setjmp(b); if (++n < 50) longjmp(b, 1); return 0; }\n'
    twice = f"{live.folder()}/twice"
    subprocess.run(["gcc", "-x", "c", "-", "-o", twice], input=source, text=True, check=True)
    out, doc = trace(["usdt:libc:longjmp"], [twice])
    same(rows(doc).get("libc:longjmp"), 49, "jumps")


if __name__ == "__main__":
    live.main()
