#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""hostlat trace --list against nm, readelf, objdump and gdb, on programs and libraries of this host."""
import bisect
import ctypes.util
import glob
import json
import os
import random
import re
import shutil
import subprocess
import time

import tap
from tap import check, refused, run, same, test

random.seed(7)


def out(*cmd):
    return subprocess.run(cmd, capture_output=True, check=False).stdout.decode("utf-8", "replace")


def listed(*specs):
    r = run("trace", "--list", "--json", *specs)
    return r, json.loads(r.out) if r.out else {"files": []}


def the_file(name):
    """A library by its name, as the loader finds it."""
    path = ctypes.util.find_library(name)
    for line in out("/sbin/ldconfig", "-p").splitlines():
        if path and line.strip().startswith(path + " ") and "x86-64" in line:
            return os.path.realpath(line.split(" => ")[1])
    return None


def files():
    """Programs and libraries to look at, those of them that are here."""
    found = [the_file(n) for n in ("c", "ssl", "crypto", "stdc++", "python3.11", "ncursesw")]
    found += glob.glob("/usr/lib/postgresql/*/bin/postgres") + glob.glob("/usr/lib/x86_64-linux-gnu/libLLVM-*.so.1")
    found += [os.path.realpath(p) for p in ("/usr/bin/python3", "/usr/sbin/nginx", "/usr/bin/redis-server", tap.HOSTLAT)]
    return sorted({os.path.realpath(f) for f in found if f and os.path.exists(f)})


def debug_of(path):
    m = re.search(r"Build ID: ([0-9a-f]+)", out("readelf", "-n", path))
    debug = f"/usr/lib/debug/.build-id/{m[1][:2]}/{m[1][2:]}.debug" if m else ""
    return [debug] if os.path.exists(debug) else []


def code_segments(path):
    """(address, size in the file, offset) of what is executable."""
    for line in out("readelf", "-lW", path).splitlines():
        w = line.split()
        if len(w) > 6 and w[0] == "LOAD" and "E" in w[6:-1]:
            yield int(w[2], 16), int(w[4], 16), int(w[1], 16)


def symbols(path):
    """Functions that readelf sees: name -> addresses; and the addresses of what chooses functions."""
    functions, choosers = {}, {}
    for f in [path] + debug_of(path):
        for line in out("readelf", "-sW", f).splitlines():
            w = line.split()
            if len(w) < 8 or not w[0].endswith(":") or w[6] == "UND" or w[3] not in ("FUNC", "IFUNC"):
                continue
            (functions if w[3] == "FUNC" else choosers).setdefault(w[7], set()).add(int(w[1], 16))
    return functions, choosers


COLD = re.compile(r"\.cold(\.\d+)?$")


def is_in(segments, address):
    return any(at <= address < at + size for at, size, _ in segments)


def expected(path):
    """Addresses of all functions to be found, each with its names."""
    segments = list(code_segments(path))
    functions, choosers = symbols(path)
    chosen = set().union(*choosers.values()) if choosers else set()
    names = {re.split("@", n)[0] for n in choosers}
    want = {}
    for name, addresses in functions.items():
        old = "@" in name and "@@" not in name
        for a in addresses:
            if is_in(segments, a) and a not in chosen and not COLD.search(name) and \
                    not (old and name.split("@")[0] in names):
                want.setdefault(a, set()).add(name)
    return want, segments


def begin_of(starts, address):
    """Where the function begins that a site at this address is of: there, or a few instructions before it."""
    at = bisect.bisect_right(starts, address) - 1
    return starts[at] if at >= 0 and address - starts[at] <= 24 else None


def is_quiet(path, begin, address):
    """Does nothing before the site change what the caller left? As objdump reads it."""
    text = out("objdump", "-d", "--no-show-raw-insn", f"--start-address={begin}", f"--stop-address={address}", path)
    insns = [line.split(":", 1)[1] for line in text.splitlines() if re.match(r"\s*[0-9a-f]+:\s", line)]
    return all(re.match(r"\s*(endbr64|cmp[bwlq]?\s|test[bwlq]?\s|lea .*,%r12$)", i) for i in insns)


@test
def all_functions():
    """Every function that readelf sees is found once, at its place, and no other."""
    seen = 0
    for path in files():
        want, segments = expected(path)
        if not want:
            continue
        r, doc = listed(path + ":*")
        check(r.status == 0, f"{path}: {r!r}")
        f = next(f for f in doc["files"] if f["path"] == path)
        got, starts = {}, sorted(want)
        for s in f["sites"]:
            begin = begin_of(starts, s["address"])
            check(begin is not None, f"{path}: {s} is no function")
            check(begin not in got, f"{path}: {s} comes twice")
            got[begin] = s
            at, _, offset = next(g for g in segments if g[0] <= s["address"] < g[0] + g[1])
            same(s["offset"], s["address"] - at + offset, f"{path}: offset of {s}")
        behind = [(b, s["address"]) for b, s in got.items() if b != s["address"]]
        for begin, address in random.sample(behind, min(10, len(behind))):
            check(is_quiet(path, begin, address), f"{path}: the site at {address:#x} is of a function at {begin:#x}")
        if f["found"] == len(f["sites"]):
            # what is missing is what the kernel refuses
            missing = sorted(set(want) - set(got))
            check(len(missing) <= 1 + len(want) // 50, f"{path}: {len(missing)} of {len(want)} are missing, such as "
                  f"{[(hex(m), want[m]) for m in missing[:5]]}")
        seen += len(got)
        print(f"# {os.path.basename(path)}: {len(got)} of {len(want)} functions")
    check(seen > 5000, f"only {seen} functions")


@test
def single_functions():
    """By name: the addresses are those of the symbols with that name."""
    for path in files():
        want, _ = expected(path)
        by_name = {}
        for a, names in want.items():
            for n in names:
                if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", n):
                    by_name.setdefault(n, set()).add(a)
        for name in random.sample(sorted(by_name), min(6, len(by_name))):
            r, doc = listed(f"{path}:{name}")
            got = {s["address"] for f in doc["files"] for s in f["sites"] if not s.get("clone")}
            if r.status and "kernel" in r.err:
                continue
            begins = {a: begin_of(sorted(by_name[name]), a) for a in got}
            check(set(begins.values()) == by_name[name] and all(is_quiet(path, b, a) for a, b in begins.items() if b != a),
                  f"{path}:{name}: {got}, want {by_name[name]} ({r!r})")


@test
def costs():
    """The instruction that a site stands on, as objdump reads it, is of the kind that was said."""
    path = the_file("c")
    _, doc = listed(path + ":m*", path + ":p*")
    sites = [s for f in doc["files"] for s in f["sites"]]
    check(len(sites) > 50, f"{len(sites)} sites")
    for s in random.sample(sites, 50):
        text = out("objdump", "-d", "--no-show-raw-insn", f"--start-address={s['address']}",
                   f"--stop-address={s['address'] + 16}", path).splitlines()
        insn = next(line for line in text if re.match(rf"\s*{s['address']:x}:", line)).split(":", 1)[1].split()
        emulated = insn[0] in ("push", "nop", "nopl", "call", "jmp") and not (insn[0] == "push" and insn[1][0] != "%") \
            or insn[0][0] == "j"
        emulated &= not (insn[0] in ("jmp", "call") and insn[1][0] == "*") or insn[0] == "nop"
        same(s["cost"] != "stepped", emulated, f"cost of {s}: {insn}")


@test
def usdt():
    """Every note that readelf sees is a probe."""
    seen = 0
    for path in files():
        notes = []
        for line in out("readelf", "-n", path).splitlines():
            m = re.match(r"\s+(Provider|Name|Location|Arguments):\s*(.*)", line)
            if m and m[1] == "Provider":
                notes.append({})
            if m and notes:
                notes[-1].update(re.findall(r"(Location|Base|Semaphore): (0x[0-9a-f]+)", line) if m[1] == "Location"
                                 else [(m[1], m[2])])
        if not notes:
            continue
        r, doc = listed(f"usdt:{path}:*")
        same(r.status, 0, f"{path}: {r!r}")
        got = sorted((s["name"], s["address"], "semaphore" in s, len(s["arguments"])) for s in doc["files"][0]["sites"])
        want = sorted((f"{n['Provider']}:{n['Name']}", int(n["Location"], 16), int(n["Semaphore"], 16) != 0,
                       len(n.get("Arguments", "").split())) for n in notes)
        same(got, want, f"probes of {path}")
        check(all(a["readable"] for s in doc["files"][0]["sites"] for a in s["arguments"]), f"{path}: unreadable arguments")
        seen += len(got)
        print(f"# {os.path.basename(path)}: {len(got)} probes")
    check(seen > 0, "no probes at all")


@test
def lines():
    """gdb's first place of a line is among ours."""
    debug = tap.HOSTLAT
    tried = 0
    for line in random.sample(range(60, 300), 20):
        text = out("gdb", "-batch", "-ex", f"info line find.c:{line}", debug)
        m = re.search(r"Line (\d+) of .* starts at address (0x[0-9a-f]+)", text)
        if not m or int(m[1]) != line:
            continue
        r, doc = listed(f"{debug}:sym/find.c:{line}")
        same(r.status, 0, f"{line}: {r!r}")
        sites = doc["files"][0]["sites"]
        check(all(s["name"] == f"find.c:{line}" for s in sites), f"{line}: {sites}")
        check(int(m[2], 16) in {s["address"] for s in sites}, f"{line}: gdb {m[0]}, ours {sites}")
        tried += 1
    check(tried >= 5, f"only {tried} lines")


def build(folder, name, *cmd):
    p = subprocess.run(cmd, cwd=folder, capture_output=True, check=False)
    check(p.returncode == 0, f"{name}: {p.stderr.decode()[-300:]}")
    return os.path.join(folder, name)


GO = """package main
import "os"
type T struct{ n int }
//go:noinline
func (t *T) Get(a int) int { if a > 5 { return t.n }; return a * t.n }
//go:noinline
func add(a, b int) int { return a + b }
func main() { t := &T{len(os.Args)}; println(t.Get(3), add(1, 2)) }
"""


@test
def go():
    if not shutil.which("go"):
        print("# no Go here")
        return
    folder = tap.folder()
    with open(os.path.join(folder, "x.go"), "w", encoding="ascii") as f:
        f.write(GO)
    env = dict(os.environ, HOME=folder, GOCACHE=folder + "/cache", GO111MODULE="off")
    same(subprocess.run(["go", "build", "-o", "x", "x.go"], cwd=folder, env=env, check=False).returncode, 0, "go build")
    path = os.path.join(folder, "x")
    for name in ("main.(*T).Get", "main.add", "main.main"):
        r, doc = listed(f"{path}:{name}")
        same(r.status, 0, f"{name}: {r!r}")
        f = doc["files"][0]
        check(f["go"], "a Go program")
        same([s["name"] for s in f["sites"]], [name], "sites")
        begin = next(int(line.split()[0], 16) for line in out("nm", path).splitlines() if line.endswith(" " + name))
        address = f["sites"][0]["address"]
        check(begin_of([begin], address) == begin and is_quiet(path, begin, address), f"address of {name}: {address}, of {begin}")


RUST = """mod inner { pub struct S(pub u64); impl S { #[inline(never)] pub fn get(&self, n: u64) -> u64 { self.0 + n } } }
#[inline(never)] fn generic<T: Copy + Into<u64>>(t: T) -> u64 { t.into() + std::process::id() as u64 }
fn main() { let s = inner::S(std::env::args().count() as u64); println!("{} {}", s.get(2), generic(3u32)); }
"""


@test
def rust():
    if not shutil.which("rustc"):
        print("# no Rust here")
        return
    folder = tap.folder()
    with open(os.path.join(folder, "x.rs"), "w", encoding="ascii") as f:
        f.write(RUST)
    for flags in ([], ["-C", "symbol-mangling-version=v0"]):
        path = build(folder, "x", "rustc", "-O", *flags, "-o", "x", "x.rs")
        for name in ("x::inner::S::get", "x::main") if not flags else ("<x::inner::S>::get", "x::main"):
            r, doc = listed(f"{path}:{name}")
            same(r.status, 0, f"{flags} {name}: {r!r}")
            same(len(doc["files"][0]["sites"]), 1, f"{name}: {doc}")
            check(f" T {doc['files'][0]['sites'][0]['symbol']}" in out("nm", path).replace(" t ", " T "), "symbol")


@test
def nothing_found():
    refused(run("trace", "--list", "libc:mallok"), 1, "mallok", "malloc")
    refused(run("trace", "--list", "libc:memcpy"), 1, "memcpy", "when a program starts")
    refused(run("trace", "--list", "/nonexistent/x:main"), 1, "/nonexistent/x", "No such file")
    refused(run("trace", "--list", "nosuchthing:main"), 1, "nosuchthing", "path")
    refused(run("trace", "--list", "/etc/passwd:main"), 1, "/etc/passwd", "not an ELF file")
    refused(run("trace", "--list", "/etc:main"), 1, "/etc")
    refused(run("trace", "--list", "/dev/null:main"), 1, "/dev/null")
    r, doc = listed("libc:mallok")
    same((r.status, doc["files"]), (1, []), "document")
    check("malloc" in doc["missing"][0]["nearest"] and doc["missing"][0]["spec"] == "libc:mallok", doc)
    refused(run("trace", "--list", "malloc"), 2, "malloc", "FILE:FUNCTION")
    refused(run("trace", "--list", "libc:x:y"), 2, "usdt:FILE:PROVIDER:NAME")


@test
def text():
    r = run("trace", "--list", "libc:*alloc*", f"{tap.HOSTLAT}:find_in")
    same(r.status, 0, repr(r))
    for line in r.out.splitlines():
        check(len(line) <= 80, f"{len(line)} columns: {line!r}")
    for word in ("malloc", "find_in", "emulated", "OFFSET", "libc.so.6"):
        check(word in r.out, f"{word} is not in {r.out!r}")


@test
def fast():
    """The largest library here, below a second: of three the fastest, on a busy machine."""
    path = max(files(), key=os.path.getsize)
    took = []
    for name in ("main", "*::emit*", "nothing_has_this_name"):
        best = min(run("trace", "--list", "--json", f"{path}:{name}").seconds for _ in range(3))
        took.append(f"{name} {best:.2f} s")
        check(best < 1, f"{path}:{name}: {best:.2f} s")
    print(f"# {os.path.basename(path)}, {os.path.getsize(path) >> 20} MiB: {', '.join(took)}")


@test
def containers():
    """The same path in two mount namespaces is two files; a file that was deleted is still found."""
    folder = tap.folder()
    for d in ("a", "b"):
        os.mkdir(os.path.join(folder, d))
        with open(os.path.join(folder, "x.c"), "w", encoding="ascii") as f:
            f.write(f"#include <unistd.h>\nint only_{d}(void) {{ return 1; }} int main(void) {{ pause(); return only_{d}(); }}\n")
        build(folder, f"{d}/tracee", "gcc", "-static", "-o", f"{d}/tracee", "x.c")
    place = os.path.join(folder, "bin")
    os.mkdir(place)
    inside = subprocess.Popen(["unshare", "-m", "sh", "-c", f"mount --bind {folder}/a {place} && exec {place}/tracee"])
    outside = subprocess.Popen([os.path.join(folder, "b", "tracee")])
    try:
        tap.wait_for("both", lambda: all(os.readlink(f"/proc/{p.pid}/exe").endswith("tracee") for p in (inside, outside)))
        _, doc = listed("tracee:only_*")
        same(sorted(s["name"] for f in doc["files"] for s in f["sites"]), ["only_a", "only_b"], "functions")
        _, doc = listed(f"{place}/tracee:only_*")
        same([s["name"] for f in doc["files"] for s in f["sites"]], ["only_a"], "by path")
        os.unlink(os.path.join(folder, "b", "tracee"))
        _, doc = listed("tracee:only_b")
        same([(s["name"], f["processes"]) for f in doc["files"] for s in f["sites"]], [("only_b", 1)], "deleted")
    finally:
        for p in (inside, outside):
            p.kill()
            p.wait()


if __name__ == "__main__":
    tap.main()
