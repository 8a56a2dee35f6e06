# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Loads that the generator does not have, run as commands by the live tests:

    loads.py NAME [ARG…]

Each prints one line of JSON: what it did, by its own clock."""
import ctypes
import fcntl
import http.client
import json
import mmap
import os
import resource
import select
import socket
import struct
import subprocess
import sys
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)


def now():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def tell(**what):
    print(json.dumps(what), flush=True)


# ---- a page that only this program can fill: userfaultfd ----------------------------------

SYS_USERFAULTFD = {"x86_64": 323, "aarch64": 282}[os.uname().machine]
UFFDIO_API, UFFDIO_REGISTER, UFFDIO_COPY = 0xC018AA3F, 0xC020AA00, 0xC028AA03
PAGE = mmap.PAGESIZE


class Page:
    """The first touch of it waits until fill()."""

    def __init__(self):
        self.uffd = libc.syscall(SYS_USERFAULTFD, os.O_CLOEXEC)
        if self.uffd < 0:
            raise OSError(ctypes.get_errno(), "userfaultfd")
        fcntl.ioctl(self.uffd, UFFDIO_API, struct.pack("QQQ", 0xAA, 0, 0))
        self.map = mmap.mmap(-1, PAGE)
        self.addr = ctypes.addressof(ctypes.c_char.from_buffer(self.map))
        fcntl.ioctl(self.uffd, UFFDIO_REGISTER, bytearray(struct.pack("QQQQ", self.addr, PAGE, 1, 0)))
        self.source = ctypes.create_string_buffer(b"x" * PAGE, PAGE)

    def fill(self):
        what = struct.pack("QQQQq", self.addr, ctypes.addressof(self.source), PAGE, 0, 0)
        fcntl.ioctl(self.uffd, UFFDIO_COPY, bytearray(what))


def asleep(tid, call, limit=10):
    """Waits until the thread sleeps in this call (None: in whatever)."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        try:
            with open(f"/proc/self/task/{tid}/stat") as f:
                state = f.read().rsplit(")", 1)[1].split()[0]
        except OSError:
            state = "?"
        if state in "SD":
            return
        time.sleep(0.001)
    raise TimeoutError(f"{tid} does not sleep")


def thread(fn, *args):
    """A thread whose number is known when this returns."""
    got = []
    ready = threading.Event()

    def body():
        got.append(threading.get_native_id())
        ready.set()
        fn(*args)

    t = threading.Thread(target=body)
    t.start()
    ready.wait()
    return t, got[0]


def load_inode_lock(hold_ms):
    """One thread holds a file's lock inside a write that waits for its data, another waits to
    write to the same file; a third touches such a page in user mode."""
    hold = float(hold_ms) / 1000
    page, touched = Page(), Page()
    fd = os.memfd_create("contended")
    os.write(fd, b"x")
    pwrite = libc.pwrite  # without the interpreter's lock
    pwrite.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long]
    one = ctypes.create_string_buffer(b"y", 1)
    memmove = libc.memcpy
    memmove.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    holder, holder_tid = thread(pwrite, fd, page.addr, PAGE, 0)
    asleep(holder_tid, None)
    waiter, waiter_tid = thread(pwrite, fd, ctypes.addressof(one), 1, 0)
    toucher, toucher_tid = thread(memmove, ctypes.addressof(one), touched.addr, 1)
    asleep(waiter_tid, None)
    asleep(toucher_tid, None)
    begin = now()
    time.sleep(hold)
    page.fill()
    touched.fill()
    waited = now() - begin
    for t in (holder, waiter, toucher):
        t.join()
    tell(holder=holder_tid, waiter=waiter_tid, toucher=toucher_tid, waited_ns=waited)


# ---- a thread's way to its first run ----------------------------------------------------------


def run_delay():
    with open("/proc/thread-self/schedstat") as f:
        return int(f.read().split()[1])


def busy(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def load_born_queued(hold_ms):
    """A child that is kept from its CPU by its parent, and then moved to another one."""
    cpus = sorted(os.sched_getaffinity(0))
    r, w = os.pipe()
    os.sched_setaffinity(0, cpus[:1])
    # the child has no part of that
    os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    pid = os.fork()
    if not pid:
        os.write(w, b"%d" % run_delay())
        os._exit(0)
    busy(float(hold_ms) / 1000)
    os.sched_setaffinity(pid, cpus[1:] or cpus)
    delay = int(os.read(r, 32))
    os.waitpid(pid, 0)
    tell(child=pid, delay_ns=delay)


# ---- files under changing names ---------------------------------------------------------------


def load_names(folder, times):
    """One descriptor, fsynced under its first name, its second one, and none."""
    first, second = os.path.join(folder, "first name"), os.path.join(folder, "second\nname")
    fd = os.open(first, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)

    def sync():
        for _ in range(int(times)):
            os.write(fd, b"x" * 4096)
            os.fsync(fd)

    sync()
    os.rename(first, second)
    sync()
    os.unlink(second)
    sync()
    tell(pid=os.getpid(), first=first, second=second, inode=os.fstat(fd).st_ino)


def load_deep(folder, depth, length, hold_ms):
    """Waits for a lock of a file many directories down; its holder is another process."""
    fd = os.open(folder, os.O_RDONLY)
    for i in range(int(depth)):
        name = f"{i}-".ljust(int(length), "d")
        os.mkdir(name, dir_fd=fd)
        down = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = down
    hold, wait = (os.open("file", os.O_RDWR | os.O_CREAT, 0o600, dir_fd=fd) for _ in range(2))
    fcntl.flock(hold, fcntl.LOCK_EX)
    pid = os.fork()
    if not pid:
        time.sleep(float(hold_ms) / 1000)
        fcntl.flock(hold, fcntl.LOCK_UN)
        os._exit(0)
    fcntl.flock(wait, fcntl.LOCK_EX)
    os.waitpid(pid, 0)
    tell(pid=os.getpid(), path=os.readlink(f"/proc/self/fd/{wait}") if int(depth) * int(length) < 3900 else None)


def load_direct(path, times):
    """Reads past the page cache."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DIRECT, 0o600)
    page = mmap.mmap(-1, PAGE)
    os.write(fd, page)
    for _ in range(int(times)):
        os.preadv(fd, [page], 0)
    tell(pid=os.getpid())


def load_fsync_big(path, size):
    """One fsync of so much; says BEGIN before it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.write(fd, b"x" * int(size))
    sys.stderr.write("BEGIN\n")
    sys.stderr.flush()
    begin = now()
    os.fsync(fd)
    tell(pid=os.getpid(), begin_ns=begin, wall_ns=now() - begin)


def load_peer6(hold_ms):
    """A client that waits for an answer over IPv6."""
    listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    c = socket.create_connection(listener.getsockname()[:2])
    a, _ = listener.accept()

    def answer():
        time.sleep(float(hold_ms) / 1000)
        a.sendall(b"x")

    threading.Thread(target=answer).start()
    c.recv(1)
    tell(pid=os.getpid(), local="[::1]:%d" % c.getsockname()[1], remote="[::1]:%d" % c.getpeername()[1])


def stuffed():
    """A connection that a client opened and does not read, with no room left: server's end, client's."""
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    server.setblocking(False)
    try:
        while server.send(b"x" * 65536):
            pass
    except BlockingIOError:
        return server, client


def wait_for_room(hold_ms, wait):
    """A thread waits until the client reads again."""
    server, client = stuffed()
    t, tid = thread(wait, server)
    asleep(tid, None)
    begin = now()
    time.sleep(int(hold_ms) / 1000)
    wall = now() - begin
    client.settimeout(0.02)
    while t.is_alive():
        try:
            client.recv(1 << 20)
        except TimeoutError:  # the thread has its room, and has not ended yet
            pass
    tell(pid=os.getpid(), server=tid, wall_ns=wall)


def load_poll_room(hold_ms):
    def wait(s):
        p = select.poll()
        p.register(s, select.POLLOUT)
        p.poll()

    wait_for_room(hold_ms, wait)


def load_select_room(hold_ms):
    libc.select.argtypes = [ctypes.c_int] + [ctypes.c_void_p] * 4

    def wait(s):  # the number is called select; the interpreter's own goes by pselect6
        bits = (ctypes.c_uint64 * 16)()
        bits[s.fileno() // 64] = 1 << s.fileno() % 64
        libc.syscall(SYS_SELECT, s.fileno() + 1, None, bits, None, None)

    wait_for_room(hold_ms, wait)


SYS_SELECT, SYS_CLONE3 = {"x86_64": 23}.get(os.uname().machine, 72), 435


def load_clone3(hold_ms):
    """A clone3 whose arguments are on a page that is not there yet; they are no good then."""
    page = Page()
    clone3 = libc.syscall
    t, tid = thread(clone3, SYS_CLONE3, ctypes.c_void_p(page.addr), ctypes.c_long(88))
    asleep(tid, None)
    begin = now()
    time.sleep(int(hold_ms) / 1000)
    wall = now() - begin
    page.fill()
    t.join()
    tell(pid=os.getpid(), cloner=tid, wall_ns=wall)


def load_core(folder, hold_ms):
    """A process that dies of a bad address where the file system takes no files for a while."""
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    subprocess.run(["fsfreeze", "-f", folder], check=True)
    try:
        pid = os.fork()
        if not pid:
            os.chdir(folder)
            ctypes.memset(8, 0, 8)
        while open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] != "D":
            time.sleep(0.001)
        begin = now()
        time.sleep(int(hold_ms) / 1000)
        wall = now() - begin
    finally:
        subprocess.run(["fsfreeze", "-u", folder], check=True)
    os.waitpid(pid, 0)
    tell(pid=pid, wall_ns=wall)


# ---- tasks under another's identity, or of no fork ------------------------------------------------


def load_thread_exec(burn_ms):
    """Another thread than the leader makes the process a new program, which burns CPU and sleeps."""
    me = os.path.realpath(__file__)

    def go():
        os.execv(sys.executable, [sys.executable, me, "thread-exec-end", burn_ms, str(threading.get_native_id())])

    threading.Thread(target=go).start()
    time.sleep(20)


def load_thread_exec_end(burn_ms, tid):
    begin, wall = time.thread_time_ns(), now()
    while time.thread_time_ns() < begin + int(burn_ms) * 1_000_000:
        pass
    cpu, slept = time.thread_time_ns() - begin, now()
    time.sleep(int(burn_ms) / 1000)
    tell(pid=os.getpid(), tid=int(tid), cpu_ns=cpu, sleep_ns=now() - slept, wall_ns=now() - wall,
         process_cpu_ns=time.process_time_ns())


SYS_IO_URING_SETUP, SYS_IO_URING_ENTER = 425, 426


def load_io_worker(hold_ms):
    """A read of an empty pipe that io_uring gives to a worker."""
    params = bytearray(120)
    fd = libc.syscall(SYS_IO_URING_SETUP, 4, (ctypes.c_char * 120).from_buffer(params))
    if fd < 0:
        raise OSError(ctypes.get_errno(), "io_uring_setup")
    tail, array = struct.unpack_from("I", params, 44)[0], struct.unpack_from("I", params, 64)[0]
    ring, sqes = mmap.mmap(fd, array + 16), mmap.mmap(fd, 4 * 64, offset=0x10000000)
    out, into = os.pipe()
    buf = ctypes.create_string_buffer(8)
    struct.pack_into("BBHiQQI", sqes, 0, 22, 1 << 4, 0, out, 2**64 - 1, ctypes.addressof(buf), 1)  # READ, ASYNC
    struct.pack_into("I", ring, array, 0)
    struct.pack_into("I", ring, tail, 1)
    same = set(os.listdir("/proc/self/task"))
    if libc.syscall(SYS_IO_URING_ENTER, fd, 1, 0, 0, None, 0) != 1:
        raise OSError(ctypes.get_errno(), "io_uring_enter")
    while len(os.listdir("/proc/self/task")) == len(same):
        time.sleep(0.001)
    worker = int(max(set(os.listdir("/proc/self/task")) - same))
    begin = now()
    time.sleep(int(hold_ms) / 1000)
    wall = now() - begin
    os.write(into, b"x")
    tell(pid=os.getpid(), worker=worker, wall_ns=wall)


# ---- a group out of quota --------------------------------------------------------------------------


def load_sleep_through(procs):
    """In each second: a spinner uses up its group's quota for a quarter of it; later a sleeper of the
    same group wakes where a stronger program outside has the CPU."""
    begin, rounds = time.monotonic() + 0.2, 4

    def at(second):
        time.sleep(max(0, begin + second - time.monotonic()))

    def until(second):
        while time.monotonic() < begin + second:
            pass

    def join(nice):
        with open(procs, "w") as f:
            f.write("0")
        os.nice(nice)

    def spinner(i):
        at(i)
        until(i + 0.25)

    def stronger(i):
        at(i + 0.6)
        until(i + 0.7)

    def sleeper(i):
        at(i + 0.62)
        until(time.monotonic() - begin + 0.002)

    def strong():
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))

    os.sched_setaffinity(0, {0})
    pids = {}
    for body, start in ((spinner, lambda: join(0)), (stronger, strong), (sleeper, lambda: join(10))):
        pids[body.__name__] = os.fork()
        if not pids[body.__name__]:
            start()
            for i in range(rounds):
                body(i)
            os._exit(0)
    for pid in pids.values():
        os.waitpid(pid, 0)
    tell(**pids)


def load_poll_pair(hold_ms):
    """Two clients that poll a mute server and one end of a pair of sockets: one holds the other end
    too, of the other's the parent does. And their eventfd is in it, which is always their own."""
    listener = socket.create_server(("127.0.0.1", 0))
    pids = []
    for own in (True, False):
        a, b = socket.socketpair()  # next to each other
        pid = os.fork()
        if not pid:
            if not own:
                b.close()
            c = socket.create_connection(listener.getsockname())
            p = select.poll()
            for fd in (a.fileno(), c.fileno(), os.eventfd(0)):
                p.register(fd, select.POLLIN)
            p.poll(float(hold_ms))
            os._exit(0)
        pids.append(pid)
        a.close()
        if own:
            b.close()
    for pid in pids:
        if os.waitpid(pid, 0)[1]:
            raise RuntimeError("a child failed")
    tell(own=pids[0], foreign=pids[1])


# ---- servers that take their time -------------------------------------------------------------


def load_slow_http(delay_ms, *client):
    """Runs client, with URL in its words replaced, against a server that answers late."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        c, _ = listener.accept()
        c.recv(65536)
        time.sleep(float(delay_ms) / 1000)
        c.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
        c.close()

    threading.Thread(target=serve, daemon=True).start()
    run(client, {"URL": f"http://127.0.0.1:{listener.getsockname()[1]}/"})


def load_mute_tcp(delay_ms, *client):
    """The same with a server that says nothing and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        for _ in range(4):
            c, _ = listener.accept()
            c.recv(65536)
            time.sleep(float(delay_ms) / 1000)
            c.close()

    threading.Thread(target=serve, daemon=True).start()
    run(client, {"PORT": str(listener.getsockname()[1])})


def load_mute_dns(address, *client):
    """The same with a name server that never answers."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, 53))
    run(client, {})
    s.setblocking(False)
    n = 0
    try:
        while s.recv(4096):
            n += 1
    except BlockingIOError:
        pass
    tell(questions=n)


def run(words, put):
    words = [w if not any(k in w for k in put) else w.replace(next(k for k in put if k in w), next(v for k, v in put.items() if k in w)) for w in words]
    begin = now()
    pid = os.posix_spawnp(words[0], words, os.environ)
    _, status = os.waitpid(pid, 0)
    tell(pid=pid, status=os.waitstatus_to_exitcode(status), wall_ns=now() - begin)


if __name__ == "__main__":
    globals()[f"load_{sys.argv[1].replace('-', '_')}"](*sys.argv[2:])
