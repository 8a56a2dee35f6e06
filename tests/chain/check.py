#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Whether the programs of known call chains tell the truth: each is run under gdb, and each stack
that it prints is compared with gdb's, names, inlined frames, files and lines.

    tests/chain/check.py [VARIANT…]        all of them; CHAIN=directory of the variants

A line "ok NAME" or "not ok NAME - reason" for each variant. Where gdb needs help:
  - The innermost frame's address is the one behind the instruction of the system call, and gdb looks up what is
    there. If that frame is the family's own, what is at the instruction is asked of addr2line.
  - Of several lines for one address gdb takes one that begins a statement, addr2line the last, as the table means
    it. A line of gdb's that is not the truth is asked of addr2line too; which calls those are is printed.
  - A coroutine's stack ends at the C library's __start_context, whose tables do not say so: gdb goes on into what
    is data. Frames from there on are left out.
  - Code with neither tables nor a prologue as gdb expects it is unwound by a few lines of in_gdb.py.
"""
import bisect
import json
import os
import re
import subprocess
import sys
import tempfile

import truth

HERE = os.path.dirname(os.path.realpath(__file__))
CHAIN = os.path.realpath(os.environ.get("CHAIN", os.path.join(HERE, "..", "..", "build", "chain")))
LIMIT = 120


def under_gdb(where, debug, pointers):
    """What it printed, and the stacks."""
    with tempfile.TemporaryDirectory() as d:
        out = os.path.join(d, "stacks")
        env = {**os.environ, "OUT": out, "PROGRAM": os.path.join(where, "chain"), "DEBUG": debug,
               "POINTERS": where if pointers else "", "PYTHONDONTWRITEBYTECODE": "1"}
        env.pop("DEBUGINFOD_URLS", None)
        p = subprocess.run(["gdb", "-nx", "-batch", "-x", os.path.join(HERE, "in_gdb.py")], env=env, text=True,
                           stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT, errors="replace")
        lines = [line for line in p.stdout.splitlines() if line.startswith('{"site"')]
        try:
            with open(out, encoding="utf-8") as f:
                stacks = [json.loads(line) for line in f]
        except OSError:
            raise AssertionError(f"gdb: {(p.stdout + p.stderr)[-600:]}") from None
    return truth.parse("\n".join(lines)), stacks


class Lines:
    """addr2line of one file."""

    def __init__(self, debug):
        self.loads, self.known, self.debug = {}, {}, debug

    def symbols(self, file):
        """Where its debug information is."""
        beside = file + ".debug"
        if os.path.exists(beside):
            return beside
        if self.debug:
            notes = subprocess.run(["readelf", "-n", file], capture_output=True, text=True, check=True).stdout
            m = re.search(r"Build ID: (\w+)", notes)
            return os.path.join(self.debug, ".build-id", m[1][:2], m[1][2:] + ".debug")
        return file

    def address(self, file, offset):
        if file not in self.loads:
            out = subprocess.run(["readelf", "-lW", file], capture_output=True, text=True, check=True).stdout
            rows = re.findall(r"LOAD\s+0x(\w+) 0x(\w+) 0x\w+ 0x(\w+)", out)
            self.loads[file] = sorted(tuple(int(x, 16) for x in r) for r in rows)
        loads = self.loads[file]
        begin, address, _ = loads[bisect.bisect(loads, (offset, 1 << 63)) - 1]
        return offset - begin + address

    def frames(self, file, offset):
        key = (file, offset)
        if key not in self.known:
            words = ["addr2line", "-i", "-f", "-C", "-e", self.symbols(file), hex(self.address(file, offset))]
            out = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
            rows = []
            for name, at in zip(out[::2], out[1::2]):
                path, line = at.split(" (discriminator")[0].rsplit(":", 1)
                rows.append({"function": name, "file": path, "line": int(line) if line.isdigit() else None, "inlined": True,
                             "module": file})
            rows[-1]["inlined"] = False
            self.known[key] = rows
        return self.known[key]


def physical(frames):
    """In groups: a function and what is inlined in it."""
    group = []
    for f in frames:
        group.append(f)
        if not f["inlined"]:
            yield group
            group = []


def asked(group, foreign, lines):
    """A group as addr2line has it; the function's own name is gdb's, which may know it from the symbols."""
    if foreign(group[-1]):
        return group
    at = lines.frames(group[-1]["module"], group[-1]["offset"])
    return at[:-1] + [{**at[-1], "function": group[-1]["function"]}]


def settle(c, stack, foreign, lines):
    """What differs; whether gdb was right without help; how many frames were no code."""
    frames = stack["frames"]
    code = next((i for i, f in enumerate(frames) if f["module"] is None), len(frames))
    groups = list(physical(frames[:code]))
    first = asked(groups[0], foreign, lines) + [f for g in groups[1:] for f in g]
    if not truth.differences(c, first, foreign):
        return [], True, len(frames) - code
    return truth.differences(c, [f for g in groups for f in asked(g, foreign, lines)], foreign), False, len(frames) - code


def compare(name, calls, stacks, debug):
    """Reasons; frames compared; calls that addr2line had to settle; frames that are no code."""
    libraries = truth.static_foreign(calls) if name == "static" else truth.is_library
    foreign = lambda f: bool(f.get("signal")) or libraries(f)
    lines, wrong, compared, settled, data = Lines(debug), [], 0, [], set()
    for c in calls:
        at = [s for s in stacks if s["tid"] == c.tid and s["call"] == c.call and c.begin_ns <= s["ns"] <= c.end_ns]
        if not at:
            wrong.append(f"{c}: gdb saw no such call")
        for s in at:
            reasons, alone, beyond = settle(c, s, foreign, lines)
            compared += len(c.frames)
            if not alone and not reasons:
                settled.append(c.name)
            if beyond:
                data.add(c.name)
            wrong += [f"{c}: {r}" for r in reasons]
    return wrong, compared, settled, data


def refuses(calls):
    """What the comparison does not notice: each kind of mistake is made in each stack that allows it."""
    missed, made = [], 0
    for c in (c for c in calls if not c.cut):
        rows, signals, _ = truth.expected(c)
        frames = [dict(zip(("function", "inlined", "line", "file"), r), module="chain") for r in rows]
        for i in sorted(signals, reverse=True):
            frames.insert(i, {"function": None, "module": "libc.so.6"})
        right = lambda f, cut=False: not truth.differences(c, f, truth.is_library, cut)
        if not right(frames):
            missed.append(f"{c}: the truth itself is refused")
        changed = [("is cut", frames, True), ("has one more", frames + [{"function": "x", "module": "chain"}], False)]
        for i, f in enumerate(frames):
            put = lambda **k: frames[:i] + [{**f, **k}] + frames[i + 1:]
            changed.append(("lacks one", frames[:i] + frames[i + 1:], False))
            if f["module"] != "chain":
                continue
            changed += [("another name", put(function=f["function"] + "x"), False), ("no name", put(function=None), False),
                        ("inlined", put(inlined=not f["inlined"]), False)]
            if f["line"] is not None:
                changed += [("another line", put(line=f["line"] + 1), False), ("another file", put(file="x.c"), False)]
        made += len(changed)
        missed += [f"{c}: {what}, and it was not noticed" for what, f, cut in changed if right(f, cut)]
    return missed, made


def variant(name):
    where = os.path.join(CHAIN, name)
    debug = os.path.join(where, "debug")
    debug = debug if os.path.isdir(debug) else ""
    calls, stacks = under_gdb(where, debug, name == "fp")
    wrong, compared, settled, data = compare(name, calls, stacks, debug)
    missed, made = refuses(calls)
    wrong += missed
    listed = subprocess.run([os.path.join(where, "chain"), "--list"], capture_output=True, text=True, check=True).stdout
    missing = {int(line.split()[0]) for line in listed.splitlines()} - {c.site for c in calls}
    if missing or not listed:
        wrong.append(f"sites that printed nothing: {sorted(missing)}")
    print(f"# {name}: {len(calls)} calls of {len({c.site for c in calls})} sites, {compared} frames; {made} mistakes made on purpose")
    print(f"#   a line of gdb's that addr2line corrects: {' '.join(settled) or 'none'}")
    print(f"#   gdb goes on into data after the last frame: {' '.join(sorted(data)) or 'none'}")
    for w in wrong:
        print(f"# {w}")
    return f"not ok chain: {name} - {len(wrong)} differences: {'; '.join(wrong[:3])}" if wrong else f"ok chain: {name}"


def main():
    names = sys.argv[1:] or sorted(os.listdir(CHAIN))
    results = []
    for name in names:
        try:
            results.append(variant(name))
        except (AssertionError, subprocess.SubprocessError) as e:
            results.append(f"not ok chain: {name} - {' '.join(str(e).split())[:900]}")
        print(results[-1], flush=True)
    sys.exit(any(r.startswith("not") for r in results) or not results)


if __name__ == "__main__":
    main()
