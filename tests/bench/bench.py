# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What hostlat costs: measures it beside the floor programs and other tracers, and prints
tables with a verdict for each limit. Started by tests/bench/run.sh, which builds first.
Exit status: 0; 1 when a measurement could not be made; 2 for wrong usage."""
import argparse
import os
import signal
import sys

import basis
import disk
import loops
import net_guest
import own
import servers
import slow
import tracers

# name, what runs, what it measures
TABLES = (
    ("calls", loops.calls, "getppid loop: calls tier on and off, floor, syscount, bpftrace, strace, perf trace"),
    ("waits", loops.waits, "pipe ping-pong: the ledger, floor, runqlat, offcputime, bpftrace"),
    ("functions", loops.functions, "a function in a loop, entry and return probed: an empty pair, funclatency, bpftrace, perf probe"),
    ("slow", slow.slow, "slow operations at a known rate: their cost with user stacks and without, own CPU, the rate limit"),
    ("redis", servers.redis, "throughput that a Redis server loses"),
    ("postgres", servers.postgres, "throughput that a PostgreSQL server loses"),
    ("nginx", servers.nginx, "requests per second that nginx loses, by wrk: kept connections, and a connection for each"),
    ("iperf", servers.iperf, "throughput that iperf3 loses"),
    ("net-guest", net_guest.net_guest, "what TCP costs in a guest: tcplife, tcpconnlat and tcprtt together, hostlat, in instructions"),
    ("disk", disk.disk, "reads that fio gets from the disk: biolatency, biosnoop where it can be attached, and as bpftrace"),
    ("disk-uring", disk.disk_uring, "the same, by io_uring"),
    ("start", own.start, "time to the first complete frame"),
    ("idle", own.idle, "own CPU on an idle host, a frame a second"),
    ("rate", own.rate, "own CPU, losses and memory at 300,000 system calls a second"),
    ("threads", own.threads, "memory with 10,000 threads"),
)


def options():
    known = [t[0] for t in TABLES]
    p = argparse.ArgumentParser(prog="tests/bench/run.sh", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter,
                                epilog="tables:\n" + "\n".join(f"  {n:10} {what}" for n, _, what in TABLES))
    p.add_argument("tables", nargs="*", metavar="TABLE", help="only these tables")
    p.add_argument("--quick", action="store_true", help="few rounds: minutes, not an hour; the figures are rough")
    p.add_argument("--rounds", type=int, metavar="N", help="so many rounds of each row")
    p.add_argument("--build", default="build", metavar="DIR", help="where hostlat was built (build)")
    a = p.parse_args()
    for t in a.tables:
        if t not in known:
            p.error(f"no table {t}; there are {', '.join(known)}")
    if a.rounds is not None and a.rounds < 1:
        p.error("--rounds: at least 1")
    return a


def warn_of_others():
    """Other tracers slow down the untraced runs too, and whoever comes or goes spoils a pair."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        n = tracers.attachments(pid)
        if n:
            print(f"note: process {pid} has {n} programs or perf events attached: its cost is in every figure")


def summary(bench):
    print(f"samples: {bench.path}")
    for line in bench.over:
        print(f"over: {line}")
    print(f"{len(bench.over)} over their limit, {bench.missing} not measured")


def main():
    a = options()
    # a parent may have had it ignored, and the tracers end on it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # all alike, load and tracers, so that what else runs here takes little from them
    os.setpriority(os.PRIO_PROCESS, 0, -10)
    bench = basis.Bench(a.build, a.quick, a.rounds)
    print(basis.host_line())
    warn_of_others()
    for name, run, _ in TABLES:
        if a.tables and name not in a.tables:
            continue
        bench.table = name
        try:
            run(bench)
        except (basis.Missing, OSError) as e:
            bench.skip(name, e)
    summary(bench)
    return 1 if bench.missing else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
