#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""States that the generator has no mode for: a tracer's stop, a priority-inheriting mutex, record
locks, a terminal, io_uring. Each load (`odd.py load NAME MS`) tells who waited for how long, by
its own clock."""
import ctypes
import fcntl
import json
import os
import pty
import signal
import sys
import threading
import time

if __name__ != "__main__" or sys.argv[1:2] != ["load"]:
    import live
    from live import MS, Facts, check, same, test

libc = ctypes.CDLL(None, use_errno=True)
NR = {"x86_64": {"futex": 202, "ptrace": 101, "io_uring_setup": 425, "io_uring_enter": 426},
      "aarch64": {"futex": 98, "ptrace": 117, "io_uring_setup": 425, "io_uring_enter": 426}}.get(os.uname().machine, {})
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
FUTEX_LOCK_PI, FUTEX_UNLOCK_PI = 6, 7


def now():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def tell(**what):
    print(json.dumps(what), flush=True)


def asleep(pid, tid, states="SDtT"):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with open(f"/proc/{pid}/task/{tid}/stat") as f:
            if f.read().rsplit(")", 1)[1].split()[0] in states:
                return
        time.sleep(0.0005)
    raise TimeoutError(f"{tid} does not sleep")


def held(tid, hold, release, pid=None):
    """Waits until tid sleeps, lets it, and sets it free: how long that was at least and at most."""
    before = now()
    asleep(pid or os.getpid(), tid)
    begin = now()
    time.sleep(hold)
    least = now() - begin
    release()
    return least, now() - before


def in_thread(fn):
    got, ready = [], threading.Event()

    def body():
        got.append(threading.get_native_id())
        ready.set()
        fn()

    t = threading.Thread(target=body)
    t.start()
    ready.wait()
    return t, got[0]


def in_child(fn):
    pid = os.fork()
    if not pid:
        fn()
        os._exit(0)
    return pid


def load_traced(hold):
    pid = in_child(lambda: time.sleep(60))
    asleep(pid, pid)

    def ptrace(what):
        if libc.ptrace(what, pid, None, None) < 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    ptrace(PTRACE_SEIZE)
    ptrace(PTRACE_INTERRUPT)
    os.waitpid(pid, 0x40000000)  # __WALL
    least, most = held(pid, hold, lambda: ptrace(PTRACE_DETACH), pid)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    tell(tid=pid, least=least, most=most)


def load_pi(hold):
    word = ctypes.c_uint32(0)

    def futex(op):
        return libc.syscall(NR["futex"], ctypes.byref(word), op, 0, None, None, 0)

    if futex(FUTEX_LOCK_PI):
        raise OSError(ctypes.get_errno(), "FUTEX_LOCK_PI")
    t, tid = in_thread(lambda: (futex(FUTEX_LOCK_PI), futex(FUTEX_UNLOCK_PI)))
    least, most = held(tid, hold, lambda: futex(FUTEX_UNLOCK_PI))
    t.join()
    tell(tid=tid, least=least, most=most)


def load_record_lock(hold):
    a, b = os.memfd_create("a"), None
    path = f"/proc/self/fd/{a}"
    os.write(a, b"x" * 10)
    fcntl.lockf(a, fcntl.LOCK_EX, 5)

    def waiter():
        fd = os.open(path, os.O_RDWR)
        fcntl.lockf(fd, fcntl.LOCK_EX, 5)

    pid = in_child(waiter)
    least, most = held(pid, hold, lambda: fcntl.lockf(a, fcntl.LOCK_UN, 5), pid)
    os.waitpid(pid, 0)
    tell(tid=pid, least=least, most=most)


def load_terminal(hold):
    main, tty = pty.openpty()
    t, tid = in_thread(lambda: os.read(tty, 1))
    least, most = held(tid, hold, lambda: os.write(main, b"\n"))
    t.join()
    tell(tid=tid, least=least, most=most)


def load_uring(hold):
    params = bytearray(120)
    fd = libc.syscall(NR["io_uring_setup"], 4, (ctypes.c_char * 120).from_buffer(params))
    if fd < 0:
        raise OSError(ctypes.get_errno(), "io_uring_setup")
    pid = in_child(lambda: libc.syscall(NR["io_uring_enter"], fd, 0, 1, 1, None, 0))  # for an event that nobody asked for
    least, most = held(pid, hold, lambda: os.kill(pid, signal.SIGKILL), pid)
    os.waitpid(pid, 0)
    tell(tid=pid, least=least, most=most)


def load_kernel_log(hold):
    """Who reads /proc/kmsg to its end waits for what the kernel has to say next."""
    def reader():
        fd = os.open("/proc/kmsg", os.O_RDONLY)
        while True:
            os.read(fd, 65536)

    pid = in_child(reader)
    time.sleep(0.2)  # it has read all
    least, most = held(pid, hold, lambda: os.kill(pid, signal.SIGKILL), pid)
    os.waitpid(pid, 0)
    tell(tid=pid, least=least, most=most + 200_000_000)


CASES = [  # load, call, state
    ("traced", None, "stopped"),
    ("pi", "futex", "lock"),
    ("record-lock", "fcntl", "lock"),
    ("terminal", "read", "idle"),
    ("uring", "io_uring_enter", "poll"),
    ("kernel-log", "read", "other"),  # what no rule has a word for is shown under its own
]


def one(load, call, state):
    def body():
        r = live.record([sys.executable, os.path.realpath(__file__), "load", load, "120"], status=None)
        if "io_uring_setup" in r.err:
            live.lacks("io_uring")
        same(r.status, 0, f"status ({r.err[-300:]!r})")
        told = json.loads(r.out.splitlines()[-1])
        ns = r.doc.thread(told["tid"])["time_ns"]
        with Facts() as f:
            got = ns.get(state, 0)
            f.check(told["least"] - MS <= got <= told["most"] + 5 * MS,
                    f"{state}: {got / MS:.3f} ms, the load waited {told['least'] / MS:.3f} to {told['most'] / MS:.3f}: {ns}")
            rows = [o for o in r.doc.ops(r.doc.thread(told["tid"])["pid"], state=state) if o["time_ns"].get(state, 0) >= told["least"] // 2]
            f.check(len(rows) == 1 and (not call or rows[0]["name"] == call), f"rows: {[(o['name'], o['count']) for o in rows]}")
            f.check(state == "other" or ns.get("other", 0) < MS, f"other: {ns}")

    test(f"state: {load}{f' in {call}' if call else ''}: {state}")(body)


if __name__ == "__main__":
    if sys.argv[1:2] == ["load"]:
        globals()[f"load_{sys.argv[2].replace('-', '_')}"](float(sys.argv[3]) / 1000)
        sys.exit(0)
    for case in CASES:
        one(*case)
    live.main()
