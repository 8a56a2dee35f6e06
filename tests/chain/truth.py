# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What the programs of known call chains print, and how a stack that a tool took is compared with it.

    calls = truth.parse(text)                   one Call for each line
    truth.differences(call, frames, foreign)    reasons, none: it is right

A frame is a dictionary with function, file, line, inlined and module, innermost first. foreign(frame)
says which are not the family's own: those are left out, wherever they are, but one has to be where
the kernel called a signal handler."""
import json
import os
import re
import subprocess

SIGNAL = "<signal>"
LIBRARIES = re.compile(r"(libc|libm|libdl|libpthread|ld-linux\S*|ld|libstdc\+\+|libgcc_s)([-.][-0-9.]*)?\.so[.0-9]*|\[vdso\]")
START = {"_start"}  # of the program's file, but the C library's


class Call:
    """One slow call."""

    def __init__(self, j):
        self.__dict__.update(j)
        self.end_ns = self.begin_ns + self.duration_ns

    def __str__(self):
        return f"{self.name} ({self.site}), {self.call} of {self.tid}"


def parse(text):
    return [Call(json.loads(line)) for line in text.splitlines()]


# ---- names ------------------------------------------------------------------------------


def bare(name):
    """A demangled name without the type it returns, its parameters and what else is around it."""
    name = re.sub(r" \[clone [^]]*\]", "", name).strip()
    name = re.sub(r"(\.(part|constprop|isra|cold)(\.\d+)?)+$", "", name)  # the compiler's copies of a function
    name = name.removesuffix(" const")
    if name.endswith(")"):
        depth, i = 0, len(name)
        while i:
            i -= 1
            depth += {")": 1, "(": -1}.get(name[i], 0)
            if not depth:
                break
        if not name[:i].endswith("operator"):
            name = name[:i]
    depth, begin = 0, 0
    for i, ch in enumerate(name):
        depth += (ch in "<({") - (ch in ">)}")
        if ch == " " and not depth:
            begin = i + 1
    return name[begin:]


def last(name):
    """The name within its namespaces and classes."""
    depth = 0
    for i in range(len(name) - 1, 0, -1):
        depth += (name[i] in ">)}") - (name[i] in "<({")
        if name[i - 1:i + 1] == "::" and not depth:
            return name[i + 1:]
    return name


def same_name(want, got, inlined):
    """Demangled, with parameters or without. Of an inlined function without a linkage name, debug
    information may have no more than the name within its namespace."""
    if got is None:
        return False
    if bare(got) == bare(want):
        # the compiler's copies of a function are called after it
        return re.sub(r"( \[clone [^]]*\]|\.(part|constprop|isra|cold)(\.\d+)?)+$", "", got) in (want, bare(want))
    return inlined and last(bare(got)) == last(bare(want))


# ---- frames -----------------------------------------------------------------------------


def is_library(frame):
    """For programs with shared libraries."""
    return bool(LIBRARIES.fullmatch(os.path.basename(frame.get("module") or ""))) or frame.get("function") in START


def static_foreign(calls):
    """For the program that has all libraries in it: what is a name of theirs, and of nothing in the truth."""
    names = set(START)
    for lib in ("libc.a", "libstdc++.a", "libgcc_eh.a", "libgcc.a"):
        path = subprocess.run(["g++", f"-print-file-name={lib}"], capture_output=True, text=True, check=True).stdout.strip()
        for demangle in ((), ("-C",)):
            out = subprocess.run(["nm", *demangle, path], capture_output=True, text=True, check=True).stdout
            names |= {m[1] for m in re.finditer(r"^[0-9a-f]+ [TtWwiu] (.*)$", out, re.M)}
    names -= {n for c in calls for n in c.frames}
    bares = {bare(n) for n in names}
    return lambda f: f.get("function") is not None and (f["function"] in names or bare(f["function"]) in bares)


def own(frames, foreign):
    """The family's frames, and before which of them there were others."""
    kept, gaps, gap = [], [], False
    for f in frames:
        if foreign(f):
            gap = True
        else:
            kept.append(f)
            gaps.append(gap)
            gap = False
    return kept, gaps, gap


def expected(call):
    """The frames of a call as rows, without signals, and before which rows those were."""
    rows, signals, least, signal = [], set(), call.least, False
    for i, row in enumerate(zip(call.frames, call.inlined, call.lines, call.files)):
        if row[0] == SIGNAL:
            signals.add(len(rows))
            least -= i < call.least
        else:
            rows.append(row)
    return rows, signals, least


def show(f):
    mark = " inlined" if f.get("inlined") else ""
    return f"{f.get('function')}{mark} {os.path.basename(f.get('file') or '?')}:{f.get('line')}"


def different(row, f):
    """What is wrong about one frame."""
    name, inlined, line, file = row
    if not same_name(name, f.get("function"), inlined):
        return f"{show(f)}, want {name}"
    if bool(f.get("inlined")) != inlined:
        return f"{show(f)}: {'is' if inlined else 'is not'} inlined"
    if line is not None and (f.get("line") != line or os.path.basename(f.get("file") or "") != file):
        return f"{show(f)}, want {file}:{line}"
    return None


def differences(call, frames, foreign, cut=False):
    """cut: the stack says of itself that frames are missing at its end."""
    rows, signals, least = expected(call)
    got, gaps, gap_after = own(frames, foreign)
    wrong = []
    for i, (row, f) in enumerate(zip(rows, got)):
        what = different(row, f)
        if what:
            wrong.append(f"frame {i}: {what}")
        if i in signals and not gaps[i]:
            wrong.append(f"frame {i}: {show(f)}: there is no frame of the signal before it")
    # where the end is not to be known, what called the last frame may be there without a name
    if len(got) > len(rows) and not (call.cut and all(f.get("function") is None for f in got[len(rows):])):
        wrong.append(f"after the last: {', '.join(show(f) for f in got[len(rows):][:4])}")
    if len(got) < len(rows):
        missing = f"{len(got)} of {len(rows)} frames, the rest from {rows[len(got)][0]} is missing"
        if not cut:
            wrong.append(f"{missing}, and it does not say that it is cut")
        elif len(got) < (least if call.cut else len(rows)):
            wrong.append(f"cut: {missing}")
        if len(got) in signals and len(got) >= least and not gap_after:
            wrong.append("there is no frame of the signal at its end")
    elif cut and not call.cut:
        wrong.append("it says that it is cut, and it is whole")
    return wrong
