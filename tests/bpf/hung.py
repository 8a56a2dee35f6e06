# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What can be made to hang for as long as a test wants, and never longer: a file system whose
server does not answer, a page that never comes, a mutex, a peer.

A Fuse is a mounted file system with the files named in FILES; its server is a thread of the
test, which answers all but what is to hang. At the end of its block it is aborted, so that
whoever waits gets an error, and unmounted; when the test dies the kernel aborts it itself,
for then its device is closed.
"""
import ctypes
import os
import stat
import struct
import sys
import threading

import live

LOOKUP, GETATTR, OPEN, READ, STATFS, RELEASE, FLUSH, INIT, ACCESS = 1, 3, 14, 15, 17, 18, 25, 26, 34
FORGET, BATCH_FORGET, INTERRUPT, DESTROY = 2, 42, 36, 38
SILENT = (FORGET, BATCH_FORGET, INTERRUPT)
ENOENT, ENOSYS = 2, 38
DIRECT_IO, KEEP_CACHE = 1, 2
MNT_DETACH = 2

# name: inode; reads of both hang, of `direct` in the file system itself, of `cached` behind a page
FILES = {"direct": 2, "cached": 3, "good": 4}
LOST = "lost"  # looking this name up hangs

libc = ctypes.CDLL(None, use_errno=True)


def mount(source, target, kind, data=""):
    if libc.mount(source.encode(), target.encode(), kind.encode(), 0, data.encode()):
        raise OSError(ctypes.get_errno(), f"mount {kind}: {os.strerror(ctypes.get_errno())}")


def unmount(target):
    libc.umount2(target.encode(), MNT_DETACH)


class Fuse:
    def __init__(self):
        self.where, self.control = live.folder(), live.folder()
        self.hung = threading.Event()

    def __enter__(self):
        self.dev = os.open("/dev/fuse", os.O_RDWR)
        mount("hung", self.where, "fuse", f"fd={self.dev},rootmode=40000,user_id=0,group_id=0,allow_other")
        mount("fusectl", self.control, "fusectl")
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        self.number = os.minor(os.stat(self.where).st_dev)
        return self

    def path(self, name):
        return os.path.join(self.where, name)

    def abort(self):
        """Who waits gets an error; a signal would not do, once the server has the request."""
        with open(f"{self.control}/{self.number}/abort", "w") as f:
            f.write("1")

    def __exit__(self, *_):
        try:
            self.abort()
        finally:
            unmount(self.where)
            unmount(self.control)
            os.close(self.dev)
            self.thread.join(5)

    # ---- the server ---------------------------------------------------------------

    def _serve(self):
        while True:
            try:
                request = os.read(self.dev, 1 << 17)
            except OSError:  # aborted
                return
            _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
            answer = self._answer(opcode, node, request[40:])
            if answer is None:
                continue
            error, body = answer
            try:
                os.write(self.dev, struct.pack("<IiQ", 16 + len(body), -error, unique) + body)
            except OSError:
                return

    def _answer(self, opcode, node, body):
        """(errno, bytes), or None: nobody gets an answer."""
        if opcode in SILENT:
            return None
        if opcode == INIT:
            return 0, struct.pack("<IIIIHHIIHHI28x", 7, 31, 4096, 0, 16, 12, 65536, 1, 0, 0, 0)
        if opcode == LOOKUP:
            name = body.split(b"\0")[0].decode()
            if name == LOST:
                self.hung.set()
                return None
            if name not in FILES:
                return ENOENT, b""
            return 0, struct.pack("<QQQQII", FILES[name], 0, 60, 60, 0, 0) + self._attr(FILES[name])
        if opcode == GETATTR:
            return 0, struct.pack("<QII", 60, 0, 0) + self._attr(node)
        if opcode == OPEN:
            return 0, struct.pack("<QII", 0, KEEP_CACHE if node == FILES["cached"] else DIRECT_IO, 0)
        if opcode == READ:
            if node == FILES["good"]:
                return 0, b"good"
            self.hung.set()
            return None
        if opcode in (FLUSH, RELEASE, DESTROY):
            return 0, b""
        return ENOSYS, b""

    @staticmethod
    def _attr(node):
        mode = stat.S_IFDIR | 0o755 if node == 1 else stat.S_IFREG | 0o644
        return struct.pack("<QQQQQQIIIIIIIIII", node, 4096, 8, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


# ---- who hangs: programs that say READY and the time, and then wait ----------------------

HEAD = """
import ctypes, mmap, os, signal, socket, struct, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: nothing outlives the test
signal.alarm(120)
def ready():
    os.write(2, b"READY %d\\n" % time.clock_gettime_ns(time.CLOCK_REALTIME))
"""

READER = HEAD + """
fd = os.open(sys.argv[1], os.O_RDONLY)
ready()
os.read(fd, 4096)
"""

FINDER = HEAD + """
ready()
os.stat(sys.argv[1])
"""

# A page of which userfaultfd is told, and which nobody fills in.
FAULTER = HEAD + """
page = mmap.mmap(-1, 4096)
at = ctypes.addressof(ctypes.c_char.from_buffer(page))
fd = libc.syscall(323 if os.uname().machine == "x86_64" else 282, os.O_CLOEXEC)
api = ctypes.create_string_buffer(struct.pack("<QQQ", 0xaa, 0, 0))
area = ctypes.create_string_buffer(struct.pack("<QQQQ", at, 4096, 1, 0))
if fd < 0 or libc.ioctl(fd, ctypes.c_ulong(0xc018aa3f), api) or libc.ioctl(fd, ctypes.c_ulong(0xc020aa00), area):
    sys.exit("userfaultfd: " + os.strerror(ctypes.get_errno()))
ready()
ctypes.memset(at, 1, 1)
"""

# As glibc waits for a mutex that another holds; argv[1]: how many threads do.
LOCKER = HEAD + """
word = ctypes.c_uint32(2)
nr = 202 if os.uname().machine == "x86_64" else 98
wait = lambda: libc.syscall(nr, ctypes.byref(word), 128, 2, None)
threading.stack_size(64 << 10)
for _ in range(int(sys.argv[1]) - 1):
    threading.Thread(target=wait, daemon=True).start()
os.write(2, b"WORD %d\\n" % ctypes.addressof(word))
ready()
wait()
"""

# A connection opened from here; the peer answers after argv[1] seconds.
RECEIVER = HEAD + """
listener = socket.create_server(("127.0.0.1", 0))
c = socket.create_connection(listener.getsockname())
peer, _ = listener.accept()
def answer():
    time.sleep(float(sys.argv[1]))
    os.write(2, b"ANSWER %d\\n" % time.clock_gettime_ns(time.CLOCK_REALTIME))
    peer.send(b"x")
threading.Thread(target=answer, daemon=True).start()
os.write(2, b"PORT %d\\n" % listener.getsockname()[1])
ready()
c.recv(1)
time.sleep(100)
"""


class Waiter(live.Load):
    """One of the programs above, at its wait. told("READY"): the number that it said so with.
    fs: the file system that it hangs in, aborted before it is ended."""

    def __init__(self, program, *args, fs=None):
        self.fs = fs
        super().__init__(sys.executable, "-c", program, *args, ready="\n")
        live.wait_for("READY", lambda: self._more("READY "))
        self.began = self.told("READY")

    def __exit__(self, *_):
        if self.fs:
            self.fs.abort()
        super().__exit__()

    def _more(self, word):
        if word not in self.said or not self.said.endswith("\n"):
            os.set_blocking(self.p.stderr.fileno(), False)
            self._said(word)
        return word in self.said and self.said.endswith("\n")

    def told(self, word, limit=20):
        live.wait_for(word, lambda: self._more(word + " "), limit)
        return int(self.said.split(word + " ")[1].split()[0])
