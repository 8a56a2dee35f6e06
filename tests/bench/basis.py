# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What every table of the bench shares: where things are, the file that keeps all samples,
medians, tables with verdicts. A Bench is made once, by bench.py."""
import json
import os
import statistics
import subprocess
import time

median = statistics.median


class Missing(Exception):
    """A measurement that could not be made."""


def quartiles(values):
    if len(values) < 2:
        return values[0], values[0]
    q = statistics.quantiles(values, n=4, method="inclusive")
    return q[0], q[2]


def median_bounds(values):
    """Bounds that hold the true median with at least 95 %, from the ranks alone, whatever the
    noise looks like. Fewer than six values cannot: they give the smallest and the largest."""
    v, n = sorted(values), len(values)
    rank, below, choose = 0, 0.0, 1.0
    while rank < n // 2:
        below += choose / 2 ** n
        if below > 0.025:
            break
        choose = choose * (n - rank) / (rank + 1)
        rank += 1
    rank = max(rank, 1)
    return v[rank - 1], v[n - rank]


class Bench:
    def __init__(self, build, quick, rounds):
        self.build = os.path.realpath(build)
        self.out = os.path.join(self.build, "bench")
        self.hostlat = os.path.join(self.build, "hostlat")
        self.work = os.path.join(self.build, "work")
        self.quick, self.rounds_wanted = quick, rounds
        self.missing, self.over, self.table = 0, [], None
        cpus = sorted(os.sched_getaffinity(0))
        self.load_cpu, self.tracer_cpu = cpus[0], cpus[1 % len(cpus)]
        self.path = os.path.join(self.out, time.strftime("samples-%Y%m%d-%H%M%S.jsonl"))
        self.samples = open(self.path, "w", encoding="utf-8")

    def rounds(self, full, quick):
        return self.rounds_wanted or (quick if self.quick else full)

    def keep(self, **what):
        """Keeps one sample, whatever becomes of it."""
        row = {"table": self.table, "at": round(time.time(), 3), **what}
        self.samples.write(json.dumps(row) + "\n")
        self.samples.flush()

    def begin(self, title):
        print(f"\n== {self.table}: {title} (load average {os.getloadavg()[0]:.2f})\n", flush=True)

    def skip(self, what, why, optional=False):
        self.missing += not optional
        print(f"   {what}: not measured: {why}", flush=True)

    def limits(self, rows):
        """rows: (what, measured, limit, unit), the less the better; None: not measured."""
        table = []
        for what, got, limit, unit in rows:
            shown, verdict = "not measured", "-"
            if got is not None:
                shown = f"{got:.3f}".rstrip("0").rstrip(".") + unit
                verdict = "ok" if got <= limit else "over"
            if verdict == "over":
                self.over.append(f"{self.table}: {what}: {shown}, limit {limit:g}{unit}")
            table.append([what, shown, f"{limit:g}{unit}", verdict])
        print_table(["limit", "measured", "at most", "verdict"], table)

    def loop(self, mode, seconds, before=()):
        """One run of a tight loop on the load's CPU; before: words in front of it."""
        argv = [*before, os.path.join(self.out, "loop"), mode, str(seconds), str(self.load_cpu)]
        p = subprocess.run(argv, capture_output=True, text=True, timeout=120)
        for line in p.stdout.splitlines():
            if line.startswith("{"):
                return json.loads(line)
        raise Missing(f"{argv[0]}: {(p.stderr.strip().splitlines() or ['no result'])[-1]}")


def print_table(head, rows):
    rows = [[str(c) for c in r] for r in rows]
    width = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]
    for n, r in enumerate([head, *rows]):
        # the first column and the last are words
        cells = [c.ljust(w) if i in (0, len(r) - 1) else c.rjust(w) for i, (c, w) in enumerate(zip(r, width))]
        print(("   " + "  ".join(cells)).rstrip())
        if n == 0:
            print("   " + "  ".join("-" * w for w in width))
    print(flush=True)


def span(values, digits=0):
    """The quartiles, as text."""
    lo, hi = quartiles(values)
    return f"[{lo:.{digits}f}..{hi:.{digits}f}]"


def host_line():
    u = os.uname()
    return f"Linux {u.release} on {u.machine}, {os.cpu_count()} CPUs"


def cpu_ns(pid):
    """CPU time of a process, all its threads, in ns, as the scheduler counts it."""
    total = 0
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/schedstat", encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total


def memory_mib(pid):
    """Resident memory of a process now, and the most that it has had, in MiB."""
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as f:
        kib = {line.split(":")[0]: line.split()[1] for line in f if line.startswith("Vm")}
    return int(kib["VmRSS"]) / 1024, int(kib["VmHWM"]) / 1024


def host_busy():
    """CPU seconds that all CPUs together have been busy since boot."""
    with open("/proc/stat", encoding="ascii") as f:
        v = [int(x) for x in f.readline().split()[1:]]
    return (sum(v[:8]) - v[3] - v[4]) / os.sysconf("SC_CLK_TCK")
