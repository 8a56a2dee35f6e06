# SPDX-License-Identifier: GPL-2.0 OR MIT
"""How each tracer is started and stopped, when it is attached, and how many getppid calls it
says there were. One row in TRACERS each; the tables name them."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from basis import Missing

ATTACH_LIMIT = 20   # seconds
SETTLED = 0.25      # seconds without another attachment

CALLS_BT = """
tracepoint:raw_syscalls:sys_enter { @begin[tid] = nsecs; }
tracepoint:raw_syscalls:sys_exit /@begin[tid]/ {
    @ns[comm, args->id] = hist(nsecs - @begin[tid]); delete(@begin[tid]); }
END { clear(@begin); }"""

WAITS_BT = """
tracepoint:sched:sched_wakeup, tracepoint:sched:sched_wakeup_new { @woken[args->pid] = nsecs; }
tracepoint:sched:sched_switch {
    @out[args->prev_pid] = nsecs;
    if (args->prev_state == 0) { @woken[args->prev_pid] = nsecs; }
    if (@out[args->next_pid]) {
        @off[args->next_comm] = hist(nsecs - @out[args->next_pid]); delete(@out[args->next_pid]); }
    if (@woken[args->next_pid]) {
        @runqueue[args->next_comm] = hist(nsecs - @woken[args->next_pid]); delete(@woken[args->next_pid]); } }
END { clear(@out); clear(@woken); }"""

FUNCTION_BT = """
uprobe:%s { @begin[tid] = nsecs; }
uretprobe:%s /@begin[tid]/ { @ns[comm] = hist(nsecs - @begin[tid]); delete(@begin[tid]); }
END { clear(@begin); }"""

# what biosnoop prints, by tracepoints
BIOSNOOP_BT = """
tracepoint:block:block_io_start {
    @at[args->dev, args->sector] = nsecs; @pid[args->dev, args->sector] = pid; @comm[args->dev, args->sector] = comm; }
tracepoint:block:block_rq_complete /@at[args->dev, args->sector]/ {
    printf("%-18u %-16s %-8d %d:%d %-2s %-10d %-7d %7d us\\n", nsecs / 1000, @comm[args->dev, args->sector],
        @pid[args->dev, args->sector], args->dev >> 20, args->dev & 1048575, args->rwbs, args->sector, args->nr_sector * 512,
        (nsecs - @at[args->dev, args->sector]) / 1000);
    delete(@at[args->dev, args->sector]); delete(@pid[args->dev, args->sector]); delete(@comm[args->dev, args->sector]); }
END { clear(@at); clear(@pid); clear(@comm); }"""


# ---- what a tracer counted: of the process pid; None: it does not say ---------------------

def documents(text):
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def counted_floor(text, pid):
    return max((d["getppid"] for d in documents(text) if "getppid" in d), default=None)


def counted_hostlat(text, pid):
    n = [o["count"] for d in documents(text) for o in d.get("operations", [])
         if o["kind"] == "syscall" and o["name"] == "getppid" and o.get("pid") == pid]
    return n[-1] if n else 0


def counted_bpftrace(text, pid):
    nr = "110" if os.uname().machine == "x86_64" else "173"
    for d in documents(text):
        if d.get("type") == "hist" and "@ns" in d.get("data", {}):
            return sum(b["count"] for b in d["data"]["@ns"].get(f"loop,{nr}", []))
    return None


def counted_function(text, pid):
    n = [f["entered"] for d in documents(text) for f in d.get("functions", []) if f.get("pid") == pid]
    return n[-1] if n else 0


def counted_function_bpftrace(text, pid):
    for d in documents(text):
        if d.get("type") == "hist" and "@ns" in d.get("data", {}):
            return sum(b["count"] for b in d["data"]["@ns"].get("loop", []))
    return None


def counted_funclatency(text, pid):
    return sum(int(n) for n in re.findall(r"^ +\d+ -> \d+ +: (\d+)", text, re.M))


def counted_table(pattern):
    def counted(text, pid):
        m = re.findall(pattern, text, re.M)
        return int(m[-1]) if m else None
    return counted


SYSCOUNT_ROW = counted_table(r"^getppid +(\d+)")
STRACE_ROW = counted_table(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?getppid$")
PERF_ROW = counted_table(r"^ +getppid +(\d+) ")


# ---- the rows -----------------------------------------------------------------------------

class Tracer:
    """argv: what runs beside the load ({hostlat}, {floor}, {out} and {function} are filled in). wraps:
    argv stands in front of the load's own words; same_cpu: on the load's CPU; before, after: what
    is to be run first, and when it is over."""

    def __init__(self, name, argv, counted=None, wraps=False, same_cpu=False, before=(), after=()):
        self.name, self.argv, self.counted = name, argv, counted
        self.wraps, self.same_cpu = wraps, same_cpu
        self.before, self.after = before, after

    def present(self):
        return self.argv[0].startswith("{") or shutil.which(self.argv[0])


TRACERS = {t.name: t for t in (
    Tracer("hostlat calls", ["{hostlat}", "top", "--json", "--calls=on"], counted_hostlat),
    Tracer("hostlat waits", ["{hostlat}", "top", "--json", "--calls=off"]),
    Tracer("floor calls", ["{floor}", "calls"], counted_floor),
    Tracer("floor ledger", ["{floor}", "ledger"]),
    Tracer("empty pair", ["{floor}", "pair"]),
    Tracer("empty sched", ["{floor}", "sched"]),
    Tracer("syscount -L", ["syscount", "-L", "-i", "0", "-T", "400"], SYSCOUNT_ROW),
    Tracer("offcputime", ["offcputime"]),
    Tracer("runqlat", ["runqlat"]),
    Tracer("bpftrace calls", ["bpftrace", "-f", "json", "-e", CALLS_BT], counted_bpftrace),
    Tracer("bpftrace waits", ["bpftrace", "-f", "json", "-e", WAITS_BT]),
    Tracer("tcplife", ["tcplife"]),
    Tracer("biolatency", ["biolatency"]),
    Tracer("biosnoop", ["biosnoop"]),
    Tracer("bpftrace biosnoop", ["bpftrace", "-e", BIOSNOOP_BT]),
    Tracer("strace -c -f", ["strace", "-c", "-f", "-o", "{out}"], STRACE_ROW, wraps=True, same_cpu=True),
    Tracer("empty probes", ["{floor}", "probes", "{function}"]),
    Tracer("hostlat -u", ["{hostlat}", "top", "--json", "--calls=off", "-u", "{function}"], counted_function),
    Tracer("hostlat trace", ["{hostlat}", "trace", "{function}"]),
    Tracer("funclatency", ["funclatency", "{function}"], counted_funclatency),
    Tracer("bpftrace function", ["bpftrace", "-f", "json", "-e", FUNCTION_BT.replace("%s", "{function}")],
           counted_function_bpftrace),
    Tracer("perf probe", ["perf", "record", "-q", "-a", "-e", "probe_loop:*", "-o", "{out}"],
           before=["perf", "probe", "-q", "-x", "{file}", "--add", "{name}", "--add", "{name}%return"],
           after=["perf", "probe", "-q", "--del", "probe_loop:*"]),
    Tracer("perf trace -s", ["perf", "trace", "-s", "-o", "{out}", "--"], PERF_ROW, wraps=True),
)}


# ---- running ------------------------------------------------------------------------------

def attachments(pid):
    """How many programs a process holds attached: BPF links and perf events."""
    n = 0
    try:
        fds = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return 0
    for fd in fds:
        try:
            what = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            continue
        n += "bpf_link" in what or "bpf-raw" in what or "perf_event" in what
    return n


def is_hostlat(pid):
    with open(f"/proc/{pid}/comm", encoding="ascii", errors="replace") as f:
        return f.read().strip() == "hostlat"


def probes(pid):
    """How many of these are on functions of programs. hostlat has one more on each CPU, which tells who maps what."""
    n = -os.cpu_count() if is_hostlat(pid) else 0
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            if "perf_event" in os.readlink(f"/proc/{pid}/fd/{fd}"):
                n += 1
                continue
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii", errors="replace") as f:
                n += re.search(r"^link_type:.*probe_multi", f.read(), re.M) is not None
    except OSError:
        pass
    return max(n, 0)


def wait_attached(process, count=attachments):
    """Returns whether the process has attached something that counts, and for a while nothing more."""
    begin = since = time.monotonic()
    seen = 0
    while not seen or time.monotonic() - since < SETTLED:
        n = count(process.pid)
        if n != seen:
            seen, since = n, time.monotonic()
        if process.poll() is not None or time.monotonic() - begin > ATTACH_LIMIT:
            return False
        time.sleep(0.02)
    return True


class Running:
    """A tracer at work, on a function (FILE:FUNCTION) where it wants one. stop() ends it and returns what it
    wrote."""

    def __init__(self, bench, tracer, pin=True, function=":"):
        self.tracer, self.process = tracer, None
        if not tracer.present():
            raise Missing(f"{tracer.argv[0]} is not installed")
        handle, self.path = tempfile.mkstemp(prefix="tracer-", dir=bench.out)
        os.close(handle)
        file, name = function.rsplit(":", 1)
        self.fill = {"{hostlat}": bench.hostlat, "{floor}": os.path.join(bench.out, "floor"), "{out}": self.path,
                     "{function}": function, "{file}": file, "{name}": name}
        self.argv = self.filled(tracer.argv)
        if pin:
            cpu = bench.load_cpu if tracer.same_cpu else bench.tracer_cpu
            self.argv = ["taskset", "-c", str(cpu), *self.argv]
        if not tracer.wraps:
            self.start()

    def filled(self, argv):
        for key, value in self.fill.items():
            argv = [a.replace(key, value) for a in argv]
        return argv

    def run_once(self, argv):
        if argv:
            subprocess.run(self.filled(argv), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)

    def start(self):
        self.run_once(self.tracer.before)
        with open(self.path, "wb") as out:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=subprocess.DEVNULL)
        attached = False
        try:
            attached = wait_attached(self.process, probes if self.fill["{name}"] else attachments)
        finally:
            if not attached:
                self.stop()
        if not attached:
            raise Missing(f"{self.tracer.name} does not attach")

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.run_once(self.tracer.after)
        with open(self.path, encoding="utf-8", errors="replace") as f:
            text = f.read()
        os.unlink(self.path)
        return text
