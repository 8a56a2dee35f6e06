# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The tight loops: what a tracer adds to each getppid call and to each round of a pipe
ping-pong. Every traced sample stands between two untraced ones; the order is drawn anew in
each round; the load runs on one CPU, the tracers' user space on another."""
import os
import random
import time

from basis import Missing, median, print_table, quartiles, span
from tracers import Running, TRACERS

CALLS = {
    "what": "getppid in a loop on one CPU, time added to each call",
    "mode": "getppid",
    "tracers": ("none", "empty pair", "floor calls", "hostlat waits", "hostlat calls", "syscount -L",
                "bpftrace calls", "strace -c -f", "perf trace -s"),
    "floor": "floor calls",
    # added time of the first, to that of the second
    "limits": (("hostlat calls", "floor calls", 1.2), ("hostlat calls", "syscount -L", 0.55)),
}
WAITS = {
    "what": "pipe ping-pong of two processes on one CPU, time added to each round",
    "mode": "pingpong",
    "tracers": ("none", "empty sched", "floor ledger", "hostlat waits", "runqlat", "offcputime",
                "bpftrace waits"),
    "floor": "floor ledger",
    "limits": (("hostlat waits", "floor ledger", 1.2), ("hostlat waits", "runqlat", 0.6),
               ("hostlat waits", "offcputime", 0.12)),
}
# functions, by the instruction that they begin with
FUNCTIONS = [{
    "what": f"a function in a loop on one CPU, time added to each call by a probe on {what} and one on its return",
    "mode": mode,
    "tracers": ("none", "empty probes", "hostlat -u", "hostlat trace", "funclatency", "bpftrace function", "perf probe"),
    "floor": "empty probes",
    "limits": (("hostlat -u", "empty probes", 1.35), ("hostlat -u", "funclatency", 0.9),
               ("hostlat -u", "bpftrace function", 1), ("hostlat -u", "perf probe", 1)),
} for mode, what in (("on_nop5", "a nop of five bytes"), ("on_push", "push %rbp"), ("on_stepped", "sub $8, %rsp"),
                     ("on_endbr", "endbr64, with push %rbp behind it"))]
OFF_LIMIT = 1.01    # of an untraced call, with the calls tier off
SLOW = {"bpftrace calls", "bpftrace function", "perf probe", "bpftrace waits", "strace -c -f", "perf trace -s"}
OPTIONAL = {"perf trace -s", "perf probe"}    # not every kernel lets it
HOST_WIDE = {"floor calls", "syscount -L"}
SECONDS = 0.25


def traced(bench, table, name):
    """One traced run, and what the tracer counted of it (None: it does not say)."""
    if name == "none":
        time.sleep(0.5)
        return bench.loop(table["mode"], SECONDS), None
    tracer = TRACERS[name]
    function = f"{os.path.join(bench.out, 'loop')}:{table['mode']}" if table in FUNCTIONS else ":"
    running, text = Running(bench, tracer, function=function), ""
    try:
        run = bench.loop(table["mode"], SECONDS, running.argv if tracer.wraps else ())
    finally:
        text = running.stop()
    counts_these = tracer.counted and table["mode"] != "pingpong"
    return run, tracer.counted(text, run["pid"]) if counts_these else None


def sample(bench, table, name, n):
    before = bench.loop(table["mode"], SECONDS)
    run, counted = traced(bench, table, name)
    time.sleep(0.1)
    after = bench.loop(table["mode"], SECONDS)
    base = (before["ns"] + after["ns"]) / 2
    bench.keep(tracer=name, round=n, before=before, traced=run, after=after, counted=counted,
               load_average=os.getloadavg()[0])
    return {"base": base, "added": run["ns"] - base, "ratio": run["ns"] / base, "issued": run["events"],
            "counted": counted}


def collect(bench, table):
    got, gone = {}, set()
    rounds, slow = bench.rounds(15, 5), bench.rounds(7, 5)
    for n in range(rounds):
        names = [t for t in table["tracers"] if t not in gone and (t not in SLOW or n < slow)]
        for name in random.sample(names, len(names)):
            try:
                got.setdefault(name, []).append(sample(bench, table, name, n))
            except Missing as e:
                bench.skip(name, e, optional=name in OPTIONAL)
                gone.add(name)
    return {name: samples for name, samples in got.items() if samples}


def wrong_counts(name, samples):
    # these know no processes: they count the calls of the whole host
    if name in HOST_WIDE:
        return [s for s in samples if s["counted"] < s["issued"]]
    return [s for s in samples if s["counted"] != s["issued"]]


def counts(name, samples):
    """Whether the tracer counted every call that was made."""
    if any(s["counted"] is None for s in samples):
        return "-"
    wrong = wrong_counts(name, samples)
    if not wrong:
        return f"all of {sum(s['issued'] for s in samples)}"
    w = max(wrong, key=lambda s: abs(s["counted"] - s["issued"]))
    return f"{len(wrong)} of {len(samples)} runs wrong: {w['counted']} of {w['issued']}"


def typical(table, samples):
    """What is added in one of them: the median; of functions, whose traps take twice as long while others want the
    processor's caches, the first quartile, as `loop` takes the fastest of its batches."""
    added = [s["added"] for s in samples]
    return quartiles(added)[0] if table in FUNCTIONS else median(added)


def show(table, got):
    floor = typical(table, got[table["floor"]]) if table["floor"] in got else None
    rows = []
    for name in table["tracers"]:
        if name not in got:
            continue
        v = got[name]
        added = [s["added"] for s in v]
        rows.append([name if name != "none" else "none (control)", len(v), f"{median([s['base'] for s in v]):.0f}",
                     f"{median(added):.0f}", span(added), f"{median([s['ratio'] for s in v]):.3f}",
                     f"{typical(table, v) / floor:.2f}" if floor else "-", counts(name, v)])
    print_table(["tracer", "n", "untraced ns", "added ns", "quartiles", "to untraced", "to floor", "counted"], rows)


def ratio(table, got, name, of):
    if name not in got or of not in got:
        return None
    return typical(table, got[name]) / typical(table, got[of])


def call_limits(got):
    off, on = got.get("hostlat waits"), got.get("hostlat calls")
    return [("hostlat with the calls tier off, to untraced", median([s["ratio"] for s in off]) if off else None,
             OFF_LIMIT, " x"),
            ("hostlat calls: runs with a wrong count", len(wrong_counts("hostlat", on)) if on else None, 0, "")]


def run(bench, table):
    bench.begin(table["what"])
    got = collect(bench, table)
    show(table, got)
    limits = [(f"{a}, added, to {b}", ratio(table, got, a, b), limit, " x") for a, b, limit in table["limits"]]
    bench.limits(limits + (call_limits(got) if table is CALLS else []))


def calls(bench):
    run(bench, CALLS)


def waits(bench):
    run(bench, WAITS)


def functions(bench):
    for table in FUNCTIONS:
        run(bench, table)
