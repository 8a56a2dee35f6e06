# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Throughput that a server loses while it is watched. A pair is one traced run
and the mean of the untraced ones right before and after it; a control pair has no tracer
in the middle. Server on one CPU, client on the other, the tracer wherever the scheduler puts
it. Servers live in a scratch directory and listen on loopback only. Throughput suffers from
whatever else the host does; the server's CPU time of an operation suffers less, and is
printed beside it."""
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from basis import Missing, cpu_ns, median, median_bounds, print_table
from screen import Screen
from tracers import Running, TRACERS

LOSS_LIMIT = 3.0        # %, lower 95 % bound
RUN_SECONDS = 1.0
REAP_SECONDS = 0.15
REPETITIONS = 3
BUSY_TRIES = 20
# name, arguments of hostlat on a terminal or the row of another tracer, pairs in full and quick
CONTROL, DEFAULT, CALLS, EXCHANGES = "none (control)", "hostlat", "hostlat --calls=on", "hostlat --exchanges"
WATCHED = (
    (CONTROL, None, 20, 5),
    (DEFAULT, (), 20, 5),
    (CALLS, ("--calls=on",), 7, 3),
    ("syscount -L", TRACERS["syscount -L"], 7, 3),
    ("bpftrace calls", TRACERS["bpftrace calls"], 7, 3),
)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def on_cpu(cpu, *argv):
    return ["taskset", "-c", str(cpu), *map(str, argv)]


def quiet(argv, **more):
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            **more)


def wait_for_port(port, process, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise Missing("the server does not listen")


class Server:
    """begin(), run(count) -> operations per second, end(). count is what run_seconds take."""
    watched = WATCHED
    optional = ()  # those that need not be there

    def __init__(self, bench):
        self.bench, self.port, self.process = bench, free_port(), None
        self.dir = tempfile.mkdtemp(prefix="hostlat-bench-")
        self.count = 0

    def __enter__(self):
        try:
            self.begin()
            wait_for_port(self.port, self.process)
            self.prepare()
            speed = self.run(self.first_count)
            self.count = max(self.first_count, int(speed * RUN_SECONDS))
            self.run(self.count)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def prepare(self):
        pass

    def cpu_s(self):
        """CPU seconds of the server so far, with those of its processes that have ended."""
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8", errors="replace") as f:
            words = f.read().rsplit(")", 1)[1].split()
        return cpu_ns(self.process.pid) / 1e9 + sum(map(int, words[13:15])) / os.sysconf("SC_CLK_TCK")

    def measure(self):
        """Operations per second of one run, and the server's CPU time of each operation in us."""
        before = self.cpu_s()
        speed = self.run(self.count)
        # a process for each connection is counted when it is gone
        time.sleep(REAP_SECONDS)
        return speed, 1e6 * (self.cpu_s() - before) / self.count

    def limits(self, bench, repetitions):
        bounds = [median_bounds(v)[0] for v in losses(repetitions, DEFAULT)]
        rows = [("hostlat: lower 95 % bound of the loss, worst repetition", max(bounds, default=None), LOSS_LIMIT, " %")]
        for peer in ("syscount -L", "bpftrace calls"):
            theirs = total_median(repetitions, peer)
            if theirs is not None:
                rows.append((f"hostlat --calls=on: median loss, to that of {peer}",
                             total_median(repetitions, CALLS), round(theirs, 2), " %"))
        bench.limits(rows)

    def client(self, argv, pattern):
        """Runs the client and returns the numbers that pattern finds in what it says."""
        p = subprocess.run(argv, capture_output=True, text=True, timeout=120)
        found = [float(x) for x in re.findall(pattern, p.stdout, re.M)]
        if not found:
            raise Missing(f"{argv[3]}: {(p.stderr or p.stdout).strip()[-200:]}")
        return found


class Redis(Server):
    first_count = 5000
    needs = ("redis-server", "redis-benchmark")

    def begin(self):
        self.process = quiet(on_cpu(self.bench.load_cpu, "redis-server", "--port", self.port, "--bind", "127.0.0.1",
                                    "--save", "", "--appendonly", "no", "--dir", self.dir))

    def run(self, count):
        speeds = self.client(on_cpu(self.bench.tracer_cpu, "redis-benchmark", "-h", "127.0.0.1", "-p", self.port,
                                    "-t", "get,set", "-P", 1, "-c", 50, "-n", count // 2, "--csv"),
                             r'^"(?:SET|GET)","([\d.]+)"')
        return len(speeds) / sum(1 / s for s in speeds)


class Postgres(Server):
    first_count = 1000
    clients = 4
    needs = ("setpriv", "psql")

    def program(self, name):
        for base in sorted(os.listdir("/usr/lib/postgresql"), key=float, reverse=True):
            path = f"/usr/lib/postgresql/{base}/bin/{name}"
            if os.access(path, os.X_OK):
                return path
        raise Missing(f"no {name}")

    def as_postgres(self, *argv):
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *map(str, argv)]

    def once(self, *argv):
        p = subprocess.run(self.as_postgres(*argv), capture_output=True, text=True, timeout=120, cwd="/")
        if p.returncode:
            raise Missing(f"{argv[0]}: {p.stderr.strip()[-200:]}")

    def begin(self):
        shutil.chown(self.dir, "postgres")
        data = f"{self.dir}/data"
        self.once(self.program("initdb"), "-D", data, "-A", "trust", "--no-sync")
        self.process = quiet(on_cpu(self.bench.load_cpu, *self.as_postgres(
            self.program("postgres"), "-D", data, "-p", self.port, "-h", "127.0.0.1", "-k", self.dir, "-c",
            "fsync=off")), cwd="/")

    def at(self):
        return "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"

    def prepare(self):
        self.once(self.program("createdb"), *self.at(), "bench")
        self.once(self.program("pgbench"), *self.at(), "-q", "-i", "-s", "2", "bench")

    def run(self, count):
        argv = self.as_postgres(self.program("pgbench"), *self.at(), "-n", "-S", "-c", self.clients, "-j", 1, "-t",
                                max(count // self.clients, 1), "bench")
        return self.client(on_cpu(self.bench.tracer_cpu, *argv), r"^tps = ([\d.]+) \(without")[0]


NET_WATCHED = (
    (CONTROL, None, 10, 5),
    (DEFAULT, (), 10, 5),
    (EXCHANGES, ("--exchanges",), 5, 5),
    ("tcplife", TRACERS["tcplife"], 10, 5),
)

NGINX_CONF = """
worker_processes 1; daemon off; pid {dir}/pid; error_log {dir}/error.log; user root;
events {{ worker_connections 1024; }}
http {{ access_log off; client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c;
  uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e; keepalive_requests 1000000000;
  server {{ listen 127.0.0.1:{port} backlog=4096 reuseport; location / {{ return 200 "hello"; }} }} }}
"""


class Timed(Server):
    """One whose client runs for a time: what it did in that is counted."""
    watched = NET_WATCHED
    optional = ("tcplife",)
    first_count = 1

    def measure(self):
        before = self.cpu_s()
        speed = self.run(None)
        return speed, 1e6 * (self.cpu_s() - before) / self.done

    def limits(self, bench, repetitions):
        bounds = [median_bounds(v)[0] for v in losses(repetitions, DEFAULT)]
        rows = [("hostlat: lower 95 % bound of the loss, worst repetition", max(bounds, default=None), LOSS_LIMIT, " %")]
        theirs = total_median(repetitions, "tcplife")
        if theirs is not None:
            rows.append(("hostlat: median loss, to that of tcplife", total_median(repetitions, DEFAULT),
                         round(max(theirs, LOSS_LIMIT), 2), " %"))
        bench.limits(rows)


class Nginx(Timed):
    needs = ("nginx", "wrk")
    header = ()

    def begin(self):
        with open(f"{self.dir}/conf", "w", encoding="utf-8") as f:
            f.write(NGINX_CONF.format(dir=self.dir, port=self.port))
        self.process = quiet(on_cpu(self.bench.load_cpu, "nginx", "-c", f"{self.dir}/conf"))

    def worker(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as f:
            return int(f.read().split()[0])

    def cpu_s(self):
        return cpu_ns(self.worker()) / 1e9

    def run(self, count):
        self.done, speed = self.client(on_cpu(self.bench.tracer_cpu, "wrk", "-t1", "-c32", "-d1s", *self.header,
                                              f"http://127.0.0.1:{self.port}/"),
                                       r"(?:^ +|^Requests/sec: +)([\d.]+)(?: requests in.*)?$")
        return speed


class NginxShort(Nginx):
    header = ("-H", "Connection: close")


class Iperf(Timed):
    """MB per second."""
    needs = ("iperf3",)

    def begin(self):
        self.process = quiet(on_cpu(self.bench.load_cpu, "iperf3", "-s", "-B", "127.0.0.1", "-p", self.port))

    def run(self, count):
        for _ in range(BUSY_TRIES):
            try:
                return self.once()
            except Missing as e:  # it has not seen yet that the one before is done
                if "busy" not in str(e):
                    raise
            time.sleep(REAP_SECONDS)
        return self.once()

    def once(self):
        rate, = self.client(on_cpu(self.bench.tracer_cpu, "iperf3", "-c", "127.0.0.1", "-p", self.port, "-t", "1", "-f", "M"),
                            r"([\d.]+) MBytes/sec +receiver")
        self.done = max(rate, 1)
        return rate


# ---- pairs --------------------------------------------------------------------------------

def start(bench, how):
    if how is None:
        return None
    if isinstance(how, tuple):
        return Screen(bench, *how).attached()
    return Running(bench, how, pin=False)


def traced_run(bench, server, how):
    watcher = start(bench, how)
    try:
        time.sleep(0.2)
        return server.measure()
    finally:
        if watcher:
            watcher.stop()
        time.sleep(0.2)


def pair(bench, server, how):
    """One traced run between two untraced ones: speed and CPU time of the mean of those two and
    of that one."""
    before = server.measure()
    traced = traced_run(bench, server, how)
    after = server.measure()
    return [(b + a) / 2 for b, a in zip(before, after)], traced, (before, after)


def repetition(bench, server, number, gone):
    """(loss, more CPU time) in % by name, each pair printed and kept."""
    todo = []
    for name, how, full, quick in server.watched:
        todo += [(name, how)] * bench.rounds(full, quick)
    got = {}
    print(f"   repetition {number + 1}: operations per second and the server's CPU time of one, untraced and traced")
    for name, how in random.sample(todo, len(todo)):
        if name in gone:
            continue
        try:
            plain, traced, both = pair(bench, server, how)
        except Missing as e:
            bench.skip(name, e, name in server.optional)
            gone.add(name)
            continue
        loss, more = 100 * (1 - traced[0] / plain[0]), 100 * (traced[1] / plain[1] - 1)
        got.setdefault(name, []).append((loss, more))
        bench.keep(tracer=name, repetition=number, untraced=both, traced=traced, loss_percent=loss,
                   more_cpu_percent=more, load_average=os.getloadavg()[0])
        print(f"     {name:20} {plain[0]:8.0f} {traced[0]:8.0f}/s {loss:7.2f} % lost  {plain[1]:7.2f} "
              f"{traced[1]:7.2f} us {more:7.2f} % more", flush=True)
    return got


def losses(repetitions, name):
    """The losses of each repetition that has some."""
    return [[loss for loss, _ in r[name]] for r in repetitions if name in r]


def show(watched, repetitions):
    rows = []
    for name, *_ in watched:
        each = losses(repetitions, name)
        if not each:
            continue
        medians = [median(v) for v in each]
        every = [x for v in each for x in v]
        low, high = median_bounds(every)
        more = median([m for r in repetitions for _, m in r.get(name, [])])
        rows.append([name, len(every), "  ".join(f"{m:.2f}" for m in medians), f"{max(medians):.2f}",
                     f"{median(every):.2f}", f"{low:.2f}..{high:.2f}", f"{more:.2f}", ""])
    print_table(["watched by", "pairs", "loss % by repetition", "worst", "all", "95 % bounds", "more CPU %", ""], rows)


def total_median(repetitions, name):
    every = [x for v in losses(repetitions, name) for x in v]
    return median(every) if every else None


def measure(bench, kind, title):
    for program in kind.needs:
        if not shutil.which(program):
            raise Missing(f"{program} is not installed")
    count = 1 if bench.quick else REPETITIONS
    bench.begin(title)
    gone = set()
    with kind(bench) as server:
        repetitions = [repetition(bench, server, n, gone) for n in range(count)]
        print()
        show(kind.watched, repetitions)
        server.limits(bench, repetitions)


def redis(bench):
    measure(bench, Redis, "redis-benchmark -t get,set -P 1 -c 50")


def postgres(bench):
    measure(bench, Postgres, "pgbench -S -c 4")


def nginx(bench):
    measure(bench, Nginx, "wrk -t1 -c32, kept connections")
    measure(bench, NginxShort, "wrk -t1 -c32, a connection for each request")


def iperf(bench):
    measure(bench, Iperf, "iperf3 over loopback, MB/s; the server's CPU time of each MB")
