# SPDX-License-Identifier: GPL-2.0 OR MIT
"""hostlat as a user starts it: on a terminal, here a pseudo-terminal that somebody reads."""
import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
import time

from basis import Missing
from tracers import wait_attached

ROWS, COLUMNS = 40, 120
PAUSE = 0.05        # seconds without output between two frames
FRAME_BYTES = 1000  # a frame with tables has more


class Screen:
    def __init__(self, bench, *args, pin=False):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        argv = [bench.hostlat, *args]
        if pin:
            argv = ["taskset", "-c", str(bench.tracer_cpu), *argv]
        self.begin = time.monotonic()
        self.process = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL,
                                        start_new_session=True, env={**os.environ, "TERM": "xterm-256color"})
        os.close(theirs)
        self.ours, self.chunks = ours, []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    @property
    def pid(self):
        return self.process.pid

    def read(self):
        while True:
            try:
                data = os.read(self.ours, 65536)
            except OSError:
                return
            if not data:
                return
            self.chunks.append((time.monotonic() - self.begin, data))

    def frames(self):
        """(begin, end, bytes) of each frame so far, in seconds since the start."""
        out = []
        for at, data in list(self.chunks):
            if out and at - out[-1][1] < PAUSE:
                first, _, before = out.pop()
                out.append((first, at, before + data))
            else:
                out.append((at, at, data))
        return out

    def complete(self):
        """When the first frame with data was whole; None: not yet."""
        for _, end, data in self.frames():
            if len(data) >= FRAME_BYTES and b"waiting for" not in data:
                return end if time.monotonic() - self.begin > end + PAUSE else None
        return None

    def attached(self):
        """Returns once nothing more is being attached."""
        attached = False
        try:
            attached = wait_attached(self.process)
        finally:
            if not attached:
                self.stop()
        if not attached:
            raise Missing("hostlat does not attach on a terminal")
        return self

    def stop(self):
        if self.process.poll() is None:
            os.write(self.ours, b"q")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join(1)
        os.close(self.ours)
