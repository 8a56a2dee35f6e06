#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The live view in a real terminal (tmux): what stands on it, keys, sizes, how it is given back."""
import json
import os
import re
import signal
import subprocess
import time
import tap
from tap import check, run, same, test

SOCKET = f"hostlat-test-{os.getpid()}"


def tmux(*words):
    return subprocess.run(["tmux", "-L", SOCKET, "-f", "/dev/null", *words], capture_output=True, text=True,
                          timeout=20).stdout


class Terminal:
    """A shell in a terminal that runs hostlat; `stty` before and after are compared."""

    def __init__(self, words, w=100, h=30, cwd=None, env=""):
        self.cwd = cwd or tap.folder()
        script = (f"trap : INT; stty -g >before; {env} {tap.HOSTLAT} {words} 2>{self.cwd}/err; echo $? >{self.cwd}/status; "
                  f"stty -g >{self.cwd}/now; mv {self.cwd}/now {self.cwd}/after; echo the-end; sleep 60")
        tmux("new-session", "-d", "-x", str(w), "-y", str(h), "-c", self.cwd, "sh", "-c", script)
        tmux("set", "-g", "status", "off")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        tmux("kill-server")
        # hostlat ends on the hang-up
        time.sleep(0.3)

    def text(self):
        return tmux("capture-pane", "-p")

    def keys(self, *keys):
        for k in keys:
            tmux("send-keys", k)
            time.sleep(0.05)

    def see(self, what, limit=10):
        tap.wait_for(f"{what!r} on the screen:\n{self.text()}", lambda: re.search(what, self.text()), limit)

    def read(self, name):
        with open(os.path.join(self.cwd, name)) as f:
            return f.read()

    def pid(self):
        shell = tmux("display", "-p", "#{pane_pid}").strip()
        return int(open(f"/proc/{shell}/task/{shell}/children").read().split()[0])

    def ended(self, status=0, err=""):
        tap.wait_for(f"end:\n{self.text()}", lambda: os.path.exists(os.path.join(self.cwd, "after")), 10)
        self.see("the-end")
        same((self.read("status").strip(), self.read("err")), (str(status), err), "status and stderr")
        same(self.read("after"), self.read("before"), "modes of the terminal")


@test
def it_shows_and_quits():
    with tap.Clean(), Terminal("-i 0.3") as t:
        t.see("hostlat +live")
        t.see("1 Procs +2 Threads +3 Ops +4 Slow")
        t.see("PID +COMMAND")
        t.keys("2")
        t.see("TID")
        t.keys("q")
        t.ended()
        check("COMMAND" not in t.text(), "the screen is as before")


@test
def begins_where_it_was_told():
    with Terminal("-i 0.3 --view threads --sort tid") as t:
        t.see("TID")
        t.keys("?")
        t.see("Keys")
        t.keys("q", "q")
        t.ended()


@test
def every_signal_gives_the_terminal_back():
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        with tap.Clean(), Terminal("-i 0.3") as t:
            t.see("PID +COMMAND")
            os.kill(t.pid(), sig)
            t.ended()


@test
def control_c_quits():
    with Terminal("-i 0.3") as t:
        t.see("PID +COMMAND")
        t.keys("C-c")
        t.ended()


@test
def a_crash_gives_the_terminal_back():
    with Terminal("-i 0.3") as t:
        t.see("PID +COMMAND")
        os.kill(t.pid(), signal.SIGSEGV)
        tap.wait_for("end", lambda: os.path.exists(os.path.join(t.cwd, "after")), 10)
        same(t.read("status").strip(), str(128 + signal.SIGSEGV), "status")
        same(t.read("after"), t.read("before"), "modes of the terminal")


@test
def suspended_and_continued():
    with Terminal("-i 0.3") as t:
        t.see("PID +COMMAND")
        pid = t.pid()
        os.kill(pid, signal.SIGTSTP)
        tap.wait_for("stop", lambda: open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1][0] == "T")
        os.kill(pid, signal.SIGCONT)
        t.see("PID +COMMAND")
        t.keys("3")
        t.see("CALL")
        t.keys("q")
        t.ended()


@test
def the_terminal_goes_away():
    with tap.Clean(), Terminal("-i 0.3") as t:
        t.see("PID +COMMAND")
        pid = t.pid()
        tmux("kill-server")
        tap.wait_for("end", lambda: not os.path.exists(f"/proc/{pid}"), 5)


@test
def sizes():
    with tap.Clean(), Terminal("-i 0.2") as t:
        t.see("PID +COMMAND")
        for w, h in ((1, 1), (2, 2), (5, 3), (20, 5), (300, 100), (80, 24)):
            tmux("resize-window", "-x", str(w), "-y", str(h))
            time.sleep(0.3)
            lines = t.text().rstrip("\n").split("\n")
            check(len(lines) <= h, f"{w}x{h}: {len(lines)} lines")
        t.see("PID +COMMAND")
        t.keys("q")
        t.ended()


@test
def saving():
    with Terminal("-i 0.3") as t:
        t.see("PID +COMMAND")
        t.keys("w")
        t.see("saved hostlat-[0-9]{8}-[0-9]{6}.txt")
        names = sorted(f for f in os.listdir(t.cwd) if f.startswith("hostlat-"))
        same([n.rsplit(".")[1] for n in names], ["json", "txt"], "files")
        same([os.stat(os.path.join(t.cwd, n)).st_mode & 0o777 for n in names], [0o600] * 2, "modes")
        check("Procs" in t.read(names[1]), "text")
        check(len(json.loads(t.read(names[0]))["processes"]) > 3, "document")
        t.keys("w", "w", "w")  # some within one second
        tap.wait_for("four of each", lambda: len([f for f in os.listdir(t.cwd) if f.startswith("hostlat-")]) == 8)
        t.keys("q")
        t.ended()


@test
def saving_where_nothing_may_be_written():
    with Terminal("-i 0.3", env="cd /proc;") as t:
        t.see("PID +COMMAND")
        t.keys("w")
        t.see("cannot write")


@test
def keys_that_change_the_measuring():
    with Terminal("-i 0.5") as t:
        t.see("PID +COMMAND")
        t.keys("+")
        t.see("interval 1.00s")
        t.keys("c")
        t.see("system calls: on")
        t.keys("c")
        t.see("system calls: off")
        t.keys("]")
        t.see("20.0ms")
        t.keys("Space")
        t.see("frozen")
        t.keys("Space", "q")
        t.ended()


@test
def it_says_why_calls_are_off():
    load = subprocess.Popen(["nice", "-n", "-10", tap.WORK, "getppid", "--seconds", "60"], stdout=subprocess.DEVNULL)
    try:
        with Terminal("-i 0.5", w=120) as t:
            t.see("calls off, auto: would cost [0-9.]+% CPU [(]limit 2%[)]", 20)
            t.keys("q")
            t.ended()
    finally:
        load.kill()
        load.wait()


@test
def with_a_command():
    # one that works: who only sleeps is on the screen while there is room
    work = "dd if=/dev/zero of=/dev/null bs=1 count=4000000 2>/dev/null"
    with tap.Clean(), Terminal(f"-i 0.3 -- sh -c 'echo rubbish; {work}; exit 5'") as t:
        t.see(r"\bdd\b")
        t.see("the command ended with status 5")
        check("rubbish" not in t.text(), "its output is on the screen")
        t.keys("q")
        t.ended(5)


@test
def a_number_of_intervals():
    with Terminal("-i 0.2 -n 3") as t:
        t.ended()


@test
def a_recording_plays():
    path = tap.recording(seconds="1.2")
    with tap.Clean(), Terminal(f"top -r {path}") as t:
        t.see("a.hostlat")
        t.see("the end of the recording")
        t.see("PID +COMMAND")
        t.keys("n")
        t.see("the end of the recording")
        t.keys("q")
        t.ended()


@test
def a_recording_step_by_step():
    path = tap.recording(seconds="1.2")
    with Terminal(f"top -r {path} -i 30") as t:
        t.see("PID +COMMAND")
        first = time.monotonic()
        for i in range(20):
            t.keys("n")
            time.sleep(0.1)
            if "the end of the recording" in t.text():
                break
        check(8 <= i <= 16, f"the end came after {i} steps of 0.1 s")
        check(time.monotonic() - first < 20, "without waiting")
        t.keys("q")
        t.ended()


@test
def a_damaged_recording_says_so():
    data = open(tap.recording(), "rb").read()
    path = os.path.join(tap.folder(), "cut.hostlat")
    with open(path, "wb") as f:
        f.write(data[:len(data) * 3 // 4])
    with Terminal(f"top -r {path}") as t:
        t.see("not finished|damaged")
        t.keys("q")
        t.ended()


@test
def plain_terminals():
    for term in ("vt100", "linux"):
        with Terminal("-i 0.3", env=f"LANG=C LC_ALL=C TERM={term}") as t:
            t.see("PID +COMMAND")
            t.text().encode("ascii")
            t.keys("q")
            t.ended()


@test
def keys_that_the_terminal_has_not():
    # a vt100 has no PgDn: what one sends is neither Esc nor the commands that its letters would be
    with Terminal("-i 0.3", env="LANG=C LC_ALL=C TERM=vt100") as t:
        t.see("PID +COMMAND")
        t.keys("3", "Enter")
        t.see("Operations > ")
        tmux("send-keys", "-l", "\x1b[6~")
        tmux("send-keys", "-l", "\x1b[15~")
        time.sleep(0.4)
        check("Operations > " in t.text(), "still on the page")
        t.keys("Escape")
        tap.wait_for("the way back", lambda: "Operations > " not in t.text())
        t.keys("q")
        t.ended()


@test
def what_it_is_filtered_by():
    with Terminal(f"-i 0.3 -p {os.getpid()}") as t:
        t.see(f"only --pid={os.getpid()}")
        t.see("calls on, of the target")


@test
def a_group_opens():
    with Terminal("-i 0.3", w=80, h=24) as t:
        t.see("PID +COMMAND")
        t.keys("g")
        t.see("by command")
        t.see("PROCS")
        t.keys("Enter")
        t.see("Processes › ")
        t.see("PID +COMMAND")
        t.keys("BSpace")
        t.see("by command")
        t.keys("q")
        t.ended()


tap.main()
