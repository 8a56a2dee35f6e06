#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Where in a program slow calls were made: user stacks beside what the programs of known call chains
(tests/chain) say of themselves, frame for frame, inlined ones, files and lines included.

What is wrong is told for each call on stderr; the line of a test has the first few."""
import contextlib
import json
import os
import shutil
import subprocess
import sys

import live
from live import MS, Facts, check, same, test

sys.path.insert(0, os.path.join(live.ROOT, "tests", "chain"))
import truth  # noqa: E402

CHAIN = os.path.realpath(os.environ.get("CHAIN", os.path.join(os.path.dirname(live.HOSTLAT), "chain")))
DEBUG = "/usr/lib/debug/.build-id"  # where every tool looks for debug information by build id
BY_TABLES = "pie nopie static cet dwarf4 debuglink buildid".split()
TRIES = 4  # runs of a program, where the first one was too late
TOLD = 40  # reasons on stderr


def program(variant):
    path = os.path.join(CHAIN, variant, "chain")
    check(os.path.exists(path), f"{path} is not built: make chain")
    return path


@contextlib.contextmanager
def installed(variant):
    """Its debug information by build id is where tools look for it, meanwhile."""
    made, source = [], os.path.join(CHAIN, variant, "debug", ".build-id")
    try:
        for folder, _, files in os.walk(source):
            for name in files:
                to = os.path.join(DEBUG, os.path.basename(folder), name)
                os.makedirs(os.path.dirname(to), exist_ok=True)
                if os.path.islink(to):  # of a run that was killed
                    os.unlink(to)
                os.symlink(os.path.join(folder, name), to)
                made.append(to)
        yield
    finally:
        for to in made:
            os.unlink(to)
            with contextlib.suppress(OSError):
                os.rmdir(os.path.dirname(to))


def ran(variant, words=("all",)):
    """The document of a run, and its calls. What else is slow on this host has no share in the stacks."""
    with live.Record("--slow", "10ms", "-c", "chain", calls="on") as h:
        p = subprocess.run([program(variant), *words], capture_output=True, text=True, timeout=live.LIMIT)
        same(p.returncode, 0, f"status of the program ({p.stderr[-200:]!r})")
        h.stop()
    calls = truth.parse(p.stdout)
    check(calls, "the program printed nothing")
    return h.doc, calls


def foreign(variant, calls):
    return truth.static_foreign(calls) if variant == "static" else truth.is_library


def rows_of(doc, c):
    return [s for s in doc.slow(c.pid, "syscall", c.call) if s["tid"] == c.tid and abs(s["begin_ns"] - c.begin_ns) < 2 * MS]


def stack_of(doc, c):
    """The stack of a call that a program printed."""
    rows = rows_of(doc, c)
    same(len(rows), 1, f"{c}: slow calls of {c.duration_ns / MS:.1f} ms")
    check("user_stack" in rows[0], f"{c}: the slow call has no user_stack")
    stacks = [s for s in doc["stacks"] if s["id"] == rows[0]["user_stack"]]
    same(len(stacks), 1, f"{c}: stacks with the number {rows[0]['user_stack']}")
    return stacks[0]


def slow_calls(calls):
    """Those that hostlat has to call slow too: its clock begins and ends a little earlier and later."""
    return [c for c in calls if c.duration_ns > 11 * MS]


def tell(variant, wrong, calls):
    """The reasons, and what fails the test."""
    for w in wrong[:TOLD]:
        print(f"# {variant}: {w}", file=sys.stderr)
    if wrong:
        bad = {w.split(": ")[0] for w in wrong}
        raise AssertionError(f"{len(bad)} wrong, of {len(calls)} calls: {'; '.join(wrong[:5])}")


def judge(doc, calls, variant, words):
    """Every call of a program has the stack that the program says. words: how they may be unwound."""
    libraries, wrong = foreign(variant, calls), []
    for c in calls:
        try:
            stack = stack_of(doc, c)
        except AssertionError as e:
            wrong.append(str(e))
            continue
        if c.name == "plugin" and stack.get("cut"):
            continue  # the library was unloaded before anybody looked, and that is said
        if "fp" == variant and c.name == "trap_first":
            continue  # before a function's first instruction its caller is in no frame
        wrong += [f"{c}: {r}" for r in truth.differences(c, stack["frames"], libraries, stack.get("cut", False))]
        if stack.get("unwound") not in words and len(stack["frames"]) > 1:  # one frame takes no unwinding
            wrong.append(f"{c}: unwound by {stack.get('unwound')!r}, want {' or '.join(words)}")
        modules = {os.path.basename(f.get("module") or "?") for f in stack["frames"] if not libraries(f)}
        if not modules <= {"chain", "libchain.so", "libchainplug.so"}:
            wrong.append(f"{c}: frames in {sorted(modules)}")
    return wrong


def others(doc, calls):
    """The slow calls that the programs made beside those they print have a stack too; what is in it only they
    know. An execve has left the program that it was made in."""
    known = {id(s) for c in calls for s in rows_of(doc, c)}
    rows = [s for s in doc.slow({c.pid for c in calls}, "syscall") if id(s) not in known and "user_stack" not in s]
    return [f"not the program's own ({s['name']} of {s['tid']}): {s['duration_ns'] / MS:.1f} ms and no user_stack"
            for s in rows if s["name"] not in ("execve", "execveat")]


def whole(variant, words):
    def body():
        with installed(variant):
            doc, calls = ran(variant)
        slow = slow_calls(calls)
        check(len({c.site for c in slow}) >= 50, f"{len(slow)} slow calls")
        tell(variant, judge(doc, slow, variant, words) + others(doc, calls), slow)

    test(f"user stacks: {variant}: every slow call's, frame for frame as the program knows it")(body)


for _variant in BY_TABLES:
    whole(_variant, ("dwarf",))
whole("fp", ("frame_pointers", "mixed"))


@test("user stacks: of a program that is gone when its call is over")
def gone():
    p, all_calls, wrong = program("pie"), [], []
    listed = subprocess.run([p, "--list"], capture_output=True, text=True, check=True).stdout.splitlines()
    for site in ("path", "constprop", "cxx_inlined", "callback_deep", "thread_raw", "nested_signals"):
        number = next(line.split()[0] for line in listed if line.split()[1] == site)
        # it has some ms to look at the program before that ends: on a busy host they may not be enough
        for _ in range(TRIES):
            r = live.record([p, number], ("--slow", "10ms"), calls="on")
            calls = truth.parse("\n".join(line for line in r.out.splitlines() if line.startswith('{"site"')))
            check(calls, f"{site}: the program printed nothing: {r.out[-200:]!r}")
            found = judge(r.doc, slow_calls(calls), "pie", ("dwarf",))
            late = [w for w in found if w.endswith("the slow call has no user_stack")]
            wrong += [w for w in found if w not in late]
            if not found:
                break
        wrong += late
        all_calls += calls
    tell("gone", wrong, all_calls)


@test("user stacks: stripped, its debug information nowhere: as deep as it was, and no wrong name")
def nameless():
    doc, calls = ran("buildid")
    wrong = []
    for c in slow_calls(calls):
        rows, _, _ = truth.expected(c)
        want = [row[0] for row in rows if not row[1]]
        try:
            stack = stack_of(doc, c)
        except AssertionError as e:
            wrong.append(str(e))
            continue
        got, _, _ = truth.own(stack["frames"], truth.is_library)
        # without names nobody knows that _start is not the program's own
        if len(got) not in (len(want), len(want) + 1) and not c.cut:
            wrong.append(f"{c}: {len(got)} frames, want {len(want)}")
        names = [(f["function"], w) for f, w in zip(got, want) if f.get("function") is not None]
        wrong += [f"{c}: {g}, which is {w}" for g, w in names if not truth.same_name(w, g, False)]
        wrong += [f"{c}: {truth.show(f)}: a line from nowhere" for f in got if "line" in f]
    tell("nameless", wrong, calls)


NARROW = """
#include <time.h>
static volatile int sink;
static const struct timespec pause_ = { 0, 15000000 };
__attribute__((noinline)) static int leaf(int n) { sink = n; nanosleep(&pause_, 0); return sink + 1; }
static inline __attribute__((always_inline)) int folded(int n) { return leaf(n) + 1; }
__attribute__((noinline)) static int middle(int n) { char room[300]; room[n] = (char)n; sink += room[n]; return folded(n) + sink; }
__attribute__((noinline)) static int outer(int n) { return middle(n) + sink; }
int main(void) { for (int i = 0; i < 20; i++) sink += outer(i); return 0; }
"""


@test("user stacks: of a 32-bit program on a 64-bit kernel")
def narrow():
    d = live.folder()
    program_, source = os.path.join(d, "narrow"), os.path.join(d, "narrow.c")
    with open(source, "w", encoding="ascii") as f:
        f.write(NARROW)
    build = ["gcc", "-m32", "-I/usr/include/x86_64-linux-gnu", "-O2", "-g", "-fomit-frame-pointer", source, "-o", program_]
    if os.uname().machine != "x86_64" or subprocess.run(build, capture_output=True, check=False).returncode or subprocess.run(program_, check=False).returncode:
        live.lacks("32-bit programs cannot be built or run here")
    r = live.record([program_], ("--slow", "10ms"), calls="on")
    rows = [s for s in r.doc["slow"] if s["comm"] == "narrow" and s["kind"] == "syscall" and "nanosleep" in s["name"]]
    same(len(rows), 20, "slow calls")
    stacks = {s["id"]: s for s in r.doc["stacks"]}
    late = [s for s in rows if "user_stack" not in s]
    check(len(late) < 10, f"{len(late)} without a stack")  # the program may not have been looked at yet
    with Facts() as f:
        for s in rows:
            if s in late:
                continue
            stack = stacks[s["user_stack"]]
            own = [(w["function"], w.get("line")) for w in stack["frames"] if w.get("module") == program_ and w.get("function") != "_start"]
            f.same(own, [("leaf", 5), ("folded", 6), ("middle", 7), ("outer", 8), ("main", 9)], "frames")
            f.same((stack["unwound"], stack.get("cut", False)), ("dwarf", False), "how")


@test("user stacks: each once, and none that no row names")
def once():
    doc, calls = ran("pie", ("1", "2", "1"))
    ids = [s["id"] for s in doc["stacks"]]
    rows = [r for table in ("slow", "waits_by_stack", "blocked", "threads", "locks") for r in doc[table]]
    rows += [hop for r in rows for hop in r.get("chain", [])]
    used = {r[k] for r in rows for k in ("user_stack", "kernel_stack") if k in r}
    with Facts() as f:
        f.same(len(ids), len(set(ids)), "numbers of stacks")
        f.same(sorted(set(ids) - used), [], "stacks that no row names")
        f.check(any("user_stack" in s for c in calls for s in rows_of(doc, c)), "no call of the program has a stack")


# Who may decide whether a file is executed takes 50 ms to think about it.
SLOW_EXEC = """
import ctypes, os, struct, sys, time
libc = ctypes.CDLL(None)
CONTENT, ADD, OPEN_EXEC_PERM, AT_FDCWD, ALLOW = 4, 1, 0x40000, -100, 1
f = libc.fanotify_init(CONTENT, 0)
if f < 0 or libc.fanotify_mark(f, ADD, ctypes.c_uint64(OPEN_EXEC_PERM), AT_FDCWD, sys.argv[1].encode()):
    sys.exit(77)
child = os.fork()
if not child:
    os.execv(sys.argv[1], [sys.argv[1], "0.3"])
fd = struct.unpack("IBBHQii", os.read(f, 24))[5]
time.sleep(0.05)
os.write(f, struct.pack("iI", fd, ALLOW))
os.waitpid(child, 0)
"""


@test("user stacks: a slow exec has not that of the new program")
def execs():
    program_of_its_own = shutil.copy("/bin/sleep", os.path.join(live.folder(), "sleeps"))
    path = os.path.join(live.folder(), "exec.json")
    for calls, kinds in (("off", {"wait"}), ("on", {"wait", "syscall"})):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        p = subprocess.run([live.HOSTLAT, "record", "-o", path, f"--calls={calls}", "--", sys.executable, "-c", SLOW_EXEC, program_of_its_own],
                           capture_output=True, text=True, timeout=live.LIMIT)
        if p.returncode == 77:
            live.lacks("fanotify that decides")
        same(p.returncode, 0, f"status ({p.stderr[-200:]!r})")
        with open(path, encoding="utf-8") as f:
            rows = [r for r in json.load(f)["slow"] if r["name"] == "execve" and r["duration_ns"] >= 50 * MS]
        same({r["kind"] for r in rows}, kinds, f"calls {calls}: slow ones")
        same([r["user_stack"] for r in rows if "user_stack" in r], [], f"calls {calls}: user stacks")
        check(all("kernel_stack" in r for r in rows), f"calls {calls}: without the kernel's stack")


if __name__ == "__main__":
    live.main()
