# SPDX-License-Identifier: GPL-2.0 OR MIT
"""For check.py, inside gdb: stops at the entry of each slow call and writes its stack, a line of JSON.

    gdb -batch -x in_gdb.py

From the environment: PROGRAM, OUT, DEBUG (where debug information is by build id, may be empty), POINTERS
(the directory of what has frame pointers and no tables, may be empty).

The innermost frame's address is the one behind the instruction of the system call; gdb looks up what is
there, another line or function. Where that frame is not a library's, check.py asks addr2line instead."""
import json
import os
import time

import gdb
import gdb.unwinder

CALLS = {35: "nanosleep", 230: "clock_nanosleep", 0: "read", 202: "futex"}
FUTEX_WAIT, FUTEX_WAIT_BITSET = 0, 9


class Mapped:
    """What a process has mapped."""

    def __init__(self, pid):
        self.rows = []
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as f:
            for line in f:
                w = line.split()
                begin, end = (int(x, 16) for x in w[0].split("-"))
                self.rows.append((begin, end, "x" in w[1], int(w[2], 16), w[5] if len(w) > 5 else ""))

    def place(self, at):
        """The file of code that an address is in, and where there; None: it is not code."""
        for begin, end, code, offset, file in self.rows:
            if begin <= at < end and code:
                return file, at - begin + offset
        return None, 0


class Pointers(gdb.unwinder.Unwinder):
    """By frame pointers, where a program has no tables: gdb guesses from the instructions there, and wrong.
    Registered for the code of C alone: the rest has tables, and so has the function that is assembler."""

    def __init__(self):
        super().__init__("frame pointers")

    def __call__(self, pending):
        try:
            pc = int(pending.read_register("rip"))
            # the table of lines of a function says which source it is of; before main there is none
            at = gdb.find_pc_line(pc - 1)
            block = gdb.current_progspace().block_for_pc(pc - 1)
        except (gdb.error, RuntimeError):
            return None
        if not at.symtab or not block or not at.symtab.objfile.filename.startswith(os.environ["POINTERS"]):
            return None
        while block.superblock and not block.superblock.is_static and not block.superblock.is_global:
            block = block.superblock
        if not block.function or not block.function.symtab.filename.endswith(".c"):
            return None
        word = gdb.lookup_type("unsigned long")
        rbp = int(pending.read_register("rbp"))
        load = lambda address: gdb.Value(address).cast(word.pointer()).dereference()
        info = pending.create_unwind_info(Id(gdb.Value(rbp + 16), gdb.Value(pc)))
        info.add_saved_register("rip", load(rbp + 8))
        info.add_saved_register("rbp", load(rbp))
        info.add_saved_register("rsp", gdb.Value(rbp + 16))
        return info


class Id:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


def full_name(f, sal):
    """As the linker knows it, demangled: gdb's own names of C++ functions have no parameters."""
    name = f.name()
    if f.type() != gdb.INLINE_FRAME and sal.symtab and sal.symtab.filename.endswith(".cc"):
        at = f.pc() - (f.level() > 0)
        said = gdb.execute(f"info symbol {at:#x}", to_string=True)
        if " in section " in said:
            return said.split(" in section ")[0].rsplit(" + ", 1)[0]
    return name


def frames(pid):
    rows, f, mapped, exact = [], gdb.newest_frame(), Mapped(pid), False
    while f is not None and f.is_valid():
        sal = f.find_sal()
        signal = f.type() == gdb.SIGTRAMP_FRAME
        # the instruction that it is at: behind a call, but not where a signal came
        module, offset = mapped.place(f.pc() - (not exact))
        row = {
            "function": "<signal handler called>" if signal else full_name(f, sal),
            "inlined": f.type() == gdb.INLINE_FRAME,
            "line": sal.line if sal.symtab else None,
            "file": sal.symtab.filename if sal.symtab else None,
            "module": module,
            "offset": offset,
            "signal": signal,
        }
        rows.append(row)
        exact = signal or exact and f.type() == gdb.INLINE_FRAME
        f = f.older()
    return rows


def stop(out):
    """What the thread that stopped was about to do."""
    now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    frame = gdb.newest_frame()
    reg = lambda name: int(frame.read_register(name))
    if reg("rax") != -38:  # the call's end
        return
    call = CALLS.get(reg("orig_rax"))
    if call is None or call == "futex" and (reg("rsi") & 127) not in (FUTEX_WAIT, FUTEX_WAIT_BITSET):
        return
    pid, tid = gdb.selected_inferior().pid, gdb.selected_thread().ptid[1]
    out.write(json.dumps({"ns": now, "tid": tid, "call": call, "frames": frames(pid)}) + "\n")


def main():
    for line in ("set pagination off", "set confirm off", "set width 0", "set disable-randomization off",
                 "set backtrace past-main on", "set print thread-events off", "set breakpoint pending on",
                 "handle SIGUSR1 SIGUSR2 SIGILL nostop noprint pass", "set startup-with-shell off"):
        gdb.execute(line)
    if os.environ["DEBUG"]:
        gdb.execute(f"set debug-file-directory {os.environ['DEBUG']}:/usr/lib/debug")
    gdb.execute(f"file {os.environ['PROGRAM']}")  # now that it is known where debug information is
    if os.environ["POINTERS"]:
        gdb.unwinder.register_unwinder(None, Pointers())
    gdb.execute("break main")
    gdb.execute("run all")
    gdb.execute("catch syscall " + " ".join(CALLS.values()))
    with open(os.environ["OUT"], "w", encoding="utf-8") as out:
        while gdb.selected_inferior().pid:
            gdb.execute("continue")
            if gdb.selected_inferior().pid:
                stop(out)


main()
