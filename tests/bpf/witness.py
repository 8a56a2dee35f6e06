# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Stacks of running processes as gdb and eu-stack take them, and what the files' own symbol tables
say of an address: the witnesses of ustacks_real.py. Nothing here is code of hostlat's; eu-stack
unwinds by the same library, gdb by its own means.

    w = witness.by_gdb(pid)             {tid: [Frame, ...]} innermost first
    witness.differences(w[tid], stack)  reasons, none: hostlat's stack is the same

Frames are compared by address: module and address in it, which of a name and an offset the module's
symbol table makes. Then the name has to be one that the table has for that address."""
import functools
import json
import os
import re
import subprocess
import tempfile

LIMIT = 60
SYSCALL = 2 if os.uname().machine == "x86_64" else 4  # bytes of the instruction
COPIES = re.compile(r"(\.(part|constprop|isra|cold|lto_priv|localalias|llvm)(\.\d+)?)+$")

GDB = """
import gdb, json
for t in gdb.selected_inferior().threads():
    t.switch()
    f, rows = gdb.newest_frame(), []
    while f is not None and f.is_valid():
        sal = f.find_sal()
        if f.type() != gdb.TAILCALL_FRAME:  # guessed: it has left the stack
            rows.append([f.pc(), f.name(), f.type() == gdb.INLINE_FRAME, sal.symtab.filename if sal.symtab else None,
                         sal.line if sal.symtab else None])
        try:
            f = f.older()
        except gdb.error as e:
            break
    print("STACK " + json.dumps([t.ptid[1], rows]))
"""


def run(*argv, status=0):
    p = subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=LIMIT, stdin=subprocess.DEVNULL)
    if status is not None and p.returncode != status:
        raise AssertionError(f"{argv[0]} ended with {p.returncode}: {p.stderr[-300:]!r}")
    return p.stdout


# ---- files ------------------------------------------------------------------------------


def bare(name):
    """Without the version and the compiler's marks."""
    return COPIES.sub("", name.split("@")[0])


class Elf:
    """Segments and symbols, as readelf prints them; of its debug information by build id too."""

    def __init__(self, path):
        self.loads, self.symbols, self.starts = [], [], {}
        for line in run("readelf", "-lW", path).splitlines():
            m = re.match(r" +LOAD +0x(\w+) 0x(\w+) 0x\w+ 0x(\w+)", line)
            if m:
                self.loads.append([int(x, 16) for x in m.groups()])
        self.read(path)
        m = re.search(r"Build ID: (..)(\w+)", run("readelf", "-n", path, status=None))
        self.debug = path
        debug = m and f"/usr/lib/debug/.build-id/{m[1]}/{m[2]}.debug"
        if debug and os.path.exists(debug):
            self.debug = debug
            self.read(debug)
        self.symbols = sorted(set(self.symbols))

    def read(self, path):
        for line in run("readelf", "-sW", path).splitlines():
            w = line.split()
            if len(w) >= 8 and w[3] in ("FUNC", "IFUNC", "NOTYPE") and w[6] not in ("UND", "ABS"):
                at, size = int(w[1], 16), int(w[2], 0)
                self.symbols.append((at, size, w[7].split("@")[0]))
                self.starts.setdefault(w[7].split("@")[0], set()).add(at)

    def address(self, offset):
        """Of a place in the file, as the file numbers addresses."""
        for at, addr, size in self.loads:
            if at <= offset < at + size:
                return offset - at + addr
        return None

    def names(self, addr):
        """Of the symbols that have this address in them."""
        return {name for at, size, name in self.symbols if at <= addr < at + size}


    def lines(self, addr):
        """(file, line) of it and of what it was inlined into, as addr2line says: gdb may tell that of a statement beside."""
        rows = run("addr2line", "-i", "-e", self.debug, hex(addr)).splitlines()
        return [(os.path.basename(f), int(n.split()[0])) for f, _, n in (r.rpartition(":") for r in rows) if n[0].isdigit()]


@functools.lru_cache(maxsize=None)
def elf(path):
    return Elf(path)


@functools.lru_cache(maxsize=None)
def demangled(name):
    """Without the hashes of Rust."""
    style = ("-s", "rust") if name.startswith("_R") or re.search(r"17h[0-9a-f]{16}E", name) else ()
    return re.sub(r"::h[0-9a-f]{16}$|\[[0-9a-f]{8,16}\]", "", run("c++filt", *style, name).rstrip("\n"))


def last(name):
    """Without the namespaces, types and parameters: gdb has its own way to write those of inlined functions."""
    before = None
    while name != before:
        before, name = name, re.sub(r"(::)?<[^<>]*>|\([^()]*\)", "", name.replace("->", ""))
    return bare(name).rsplit("::", 1)[-1]


# ---- stacks -----------------------------------------------------------------------------


class Frame:
    """module and addr: the file, and the address in it as the file numbers it. inlined frames have those of
    the function that they are in."""

    def __init__(self, maps, pc, name=None, inlined=False, file=None, line=None):
        self.pc, self.name, self.inlined, self.file, self.line = pc, name, inlined, file, line
        self.module, self.addr = None, pc
        for begin, end, offset, path in maps:
            if begin <= pc < end:
                self.module = path or None
                if path.startswith("/") and os.path.exists(path):
                    self.addr = elf(path).address(pc - begin + offset)

    def __str__(self):
        where = f"{os.path.basename(self.module or '?')}+{self.addr:#x}"
        return f"{self.name or '??'} ({where})" + (" inlined" if self.inlined else "")


def mappings(pid):
    rows = []
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as f:
        for line in f:
            w = line.rstrip("\n").split(None, 5)
            begin, end = (int(x, 16) for x in w[0].split("-"))
            rows.append((begin, end, int(w[2], 16), w[5] if len(w) > 5 else ""))
    return rows


def by_gdb(pid):
    maps, stacks = mappings(pid), {}
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(GDB)
        script.flush()
        out = run("gdb", "-nx", "-batch", "-iex", "set auto-load no", "-iex", "set debuginfod enabled off", "-p", str(pid),
                  "-ex", "set backtrace past-main on", "-ex", f"source {script.name}", status=None)
    for line in out.splitlines():
        if line.startswith("STACK "):
            tid, rows = json.loads(line[6:])
            stacks[tid] = [Frame(maps, *r) for r in rows]
    if not stacks:
        raise AssertionError(f"gdb has no stack of {pid}: {out[-300:]!r}")
    return stacks


def by_eu_stack(pid):
    maps, stacks, tid = mappings(pid), {}, None
    for line in run("eu-stack", "-p", str(pid), status=None).splitlines():
        if line.startswith("TID "):
            tid = int(line[4:].rstrip(":"))
            stacks[tid] = []
        m = re.match(r"#\d+ +0x(\w+) *(\S.*)?", line)
        if m:
            stacks[tid].append(Frame(maps, int(m[1], 16), m[2] or None))
    if not stacks:
        raise AssertionError(f"eu-stack has no stack of {pid}")
    return stacks


# ---- comparing --------------------------------------------------------------------------


def show(f):
    return f"{f.get('function') or '??'}+{f.get('offset', 0):#x} ({os.path.basename(f.get('module') or '?')})"


def physical(frames):
    """Of frames with inlined ones: (frame, the inlined ones before it)."""
    rows, inlined = [], []
    for f in frames:
        if f.inlined if isinstance(f, Frame) else f.get("inlined"):
            inlined.append(f)
        else:
            rows.append((f, inlined))
            inlined = []
    return rows


def difference(want, got, innermost, restarts):
    """Of one frame; None: none. restarts: the thread may be about to make its call again."""
    where = f"{show(got)} is {want}"
    if want.module is None or not want.module.startswith("/"):
        return None if (got.get("module") or "").startswith("/") is False else f"{where}: module"
    if os.path.realpath(got.get("module") or "") != os.path.realpath(want.module):
        return f"{where}: module"
    e = elf(want.module)
    names = e.names(want.addr - (not innermost))
    name = got.get("function")
    if name is None:
        if names:
            return f"{where}: the file names it {sorted(names)[:3]}"
        return None if got.get("offset") == want.addr else f"{where}: address"
    if not names:
        return f"{where}: no symbol is there"
    known = {bare(n) for n in names} | {bare(demangled(n)) for n in names}
    if bare(name) not in known:
        return f"{where}: the file names it {sorted(names)[:3]}"
    starts = {at for at, size, n in e.symbols if at <= want.addr - (not innermost) < at + size}
    if not any(want.addr - at - got.get("offset", 0) in ((0, SYSCALL) if innermost and restarts else (0,)) for at in starts):
        return f"{where}: offset, it begins at {[hex(s) for s in starts]}"
    return None


def same_line(want, got, innermost):
    at = os.path.basename(got["file"]), got["line"]
    if at == (os.path.basename(want.file), want.line):
        return True
    return elf(want.module).lines(want.addr - (not innermost))[-1:] == [at]


def differences(want, stack, inlined=False, restarts=False):
    """Reasons why hostlat's stack is not the witness's. inlined: the witness knows inlined functions too.
    restarts: when the witness stopped the thread its call was to be made again, and hostlat saw it then."""
    wants, gots = physical(want), physical(stack["frames"])
    if stack.get("cut"):
        wants = wants[:len(gots)]
    wrong = []
    for n, ((w, wi), (g, gi)) in enumerate(zip(wants, gots)):
        d = difference(w, g, n == 0, restarts)
        if d:
            wrong.append(f"frame {n}: {d}")
        if inlined and [last(x.name or "?") for x in wi] != [last(x.get("function") or "?") for x in gi]:
            wrong.append(f"frame {n}: inlined in {show(g)}: {[x.get('function') for x in gi]}, want {[x.name for x in wi]}")
        if inlined and not d and g.get("line") and w.line and not same_line(w, g, n == 0):
            wrong.append(f"frame {n}: {show(g)} at {g['file']}:{g['line']}, want {w.file}:{w.line}")
    if len(wants) != len(gots):
        wrong.append(f"{len(gots)} frames, want {len(wants)}: {' < '.join(show(g) for g, _ in gots)}; "
                     f"want {' < '.join(str(w) for w, _ in wants)}")
    return wrong
