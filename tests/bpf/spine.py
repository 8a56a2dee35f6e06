#!/usr/bin/env python3
"""The spine against known truth: each row runs a mode of the generator under `hostlat record`
and compares the document with what the generator counted and timed itself. Counts are equal;
times agree within 1 % + 1 ms per thread that waited. Needs root; durations need a real CPU."""
import collections, json, os, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("BUILD", os.path.join(HERE, "..", "..", "build"))
HOSTLAT, WORK = os.path.join(BUILD, "hostlat"), os.path.join(BUILD, "work")
MS = 1_000_000
failed = 0

# What the generator's own frame calls beside what it claims: at its start and end.
FRAME = {"openat", "close", "write", "execve", "clone3", "kill", "read", "munmap"}


def result(name, problems):
    global failed
    for p in problems:
        print(f"# {name}: {p}")
    print(f"{'not ok' if problems else 'ok'} {name}")
    failed += bool(problems)
    sys.stdout.flush()


def record(mode, options=(), timeout=90, calls="on"):
    """The document and the generator's own account of one run."""
    with tempfile.TemporaryDirectory() as d:
        doc, truth = os.path.join(d, "x.json"), os.path.join(d, "g.json")
        cmd = [HOSTLAT, "record", f"--calls={calls}", "-o", doc, *options, "--", WORK, *mode.split(), "--json", truth]
        r = subprocess.run(cmd, capture_output=True, text=True, timeout=timeout, cwd=d)
        if r.returncode == 77:
            return None, r.stderr
        if r.returncode:
            raise RuntimeError(f"status {r.returncode}: {r.stderr[-300:]}")
        return json.load(open(doc)), json.load(open(truth))


def pids_of(truth):
    return {t["pid"] for t in truth["threads"]}


def counted(doc, pids, kind="syscall"):
    c = collections.Counter()
    for o in doc["operations"]:
        if o["pid"] in pids and o["kind"] == kind:
            c[o["name"]] += o["count"]
    return c


def check_law(doc, problems, may_lose=("waits",)):
    """Nothing is unaccounted; only what the kernel told nobody of may be lost, and not of ours."""
    for row in doc["capture"]["accounting"]:
        if row["unaccounted"]:
            problems.append(f"{row['class']}: unaccounted {row['unaccounted']}")
        if row["lost"] and row["class"] not in may_lose:
            problems.append(f"{row['class']}: lost {row['lost_by']}")
    for o in doc["operations"]:
        h = o["histogram"]
        if sum(h["counts"]) + h["zero_count"] != o["count"]:
            problems.append(f"{o['name']}: its histogram holds {sum(h['counts']) + h['zero_count']}, not {o['count']}")
        if abs(sum(o["time_ns"].values()) - o["total_ns"]) > max(1000, o["total_ns"] / 1000):
            problems.append(f"{o['name']}: the breakdown sums to {sum(o['time_ns'].values())}, not {o['total_ns']}")


def check_calls(doc, truth, problems, names=None):
    got, want = counted(doc, pids_of(truth)), collections.Counter()
    for t in truth["threads"]:
        for k, v in t["returned"].items():
            want[k] += v
    for k in names or [k for k in want if k not in FRAME]:
        if got[k] != want[k]:
            problems.append(f"{k}: counted {got[k]}, made {want[k]}")


def held(doc, truth):
    """The wait of the command before its first instruction: hostlat held it on a pipe."""
    mine = [o for o in doc["operations"] if o["pid"] in pids_of(truth) and o["name"] == "read"]
    waits = sum(o["time_ns"].get("ipc", 0) for o in mine if o["kind"] == "wait")
    calls = sum(o["time_ns"].get("ipc", 0) for o in mine if o["kind"] == "syscall")
    return max(0, waits - calls)


def check_state(doc, truth, state, problems):
    """The process's time in a state is what its threads measured around their waits."""
    want = sum(t["state_ns"].get(state, 0) for t in truth["threads"])
    waited = sum(1 for t in truth["threads"] if t["state_ns"].get(state))
    got = sum(p["time_ns"].get(state, 0) for p in doc["processes"] if p["pid"] in pids_of(truth))
    if state == "ipc":
        got -= held(doc, truth)
    # what the generator sees of a wait holds the wake-up too: the run queue
    slack = want / 100 + MS * (1 + waited) + sum(
        o["time_ns"].get("runqueue", 0) for o in doc["operations"]
        if o["pid"] in pids_of(truth) and o["kind"] == "wait" and o.get("state") == state)
    if not want:
        problems.append(f"the generator measured no {state}")
    elif abs(got - want) > slack:
        problems.append(f"{state}: {got / MS:.2f} ms, the generator measured {want / MS:.2f} (bound {slack / MS:.2f})")


# mode and its arguments, states that it must show
STATES = [
    ("sleep --threads 4 --each 20 --hold 10", ["sleep"]),
    ("pipe --threads 2 --each 30 --hold 10", ["ipc"]),
    ("eventfd --threads 2 --each 30 --hold 10", ["ipc"]),
    ("unix --threads 2 --each 30 --hold 10", ["ipc"]),
    ("msgq --threads 2 --each 30 --hold 10", ["ipc"]),
    ("futex-lock --threads 4 --each 10 --hold 10", ["lock"]),
    ("futex-park --threads 2 --each 30 --hold 10", ["park"]),
    ("flock --each 10 --hold 20", ["lock"]),
    ("epoll --threads 2 --each 30 --hold 10", ["poll"]),
    ("accept --each 30 --hold 10", ["idle", "network"]),
    ("poll1 --each 30 --hold 10", ["network"]),
    ("poll2 --each 30 --hold 10", ["network"]),
    ("pollmix --each 30 --hold 10", ["poll"]),
    ("pollzero --each 30 --hold 10", ["sleep"]),
    ("select1 --each 30 --hold 10", ["network"]),
    ("udp --each 30 --hold 10", ["network", "idle"]),
    ("sigwait --each 30 --hold 10", ["idle"]),
    ("child --each 10 --hold 20", ["child"]),
    ("vfork --each 10 --hold 20", ["child"]),
]


def test_states():
    for mode, states in STATES:
        problems = []
        doc, truth = record(mode)
        if doc is None:
            result(f"state {mode.split()[0]}", [f"could not run: {truth}"])
            continue
        check_law(doc, problems)
        check_calls(doc, truth, problems)
        for s in states:
            check_state(doc, truth, s, problems)
        result(f"state {mode.split()[0]}: {' and '.join(states)}", problems)


def test_counts():
    problems = []
    doc, truth = record("cheap --threads 8 --each 1000000", timeout=200)
    check_law(doc, problems)
    check_calls(doc, truth, problems, ["getppid"])
    result("8 threads x 10^6 cheap calls that exit at once", problems)

    problems = []
    doc, truth = record("fail --each 2000")
    check_law(doc, problems)
    check_calls(doc, truth, problems, ["read", "nanosleep", "getppid"])
    errors = sum(o["errors"] for o in doc["operations"]
                 if o["pid"] in pids_of(truth) and o["kind"] == "syscall" and o["name"] in ("read", "nanosleep"))
    want = sum(sum(t["errors_by"].get(k, 0) for k in ("read", "nanosleep")) for t in truth["threads"])
    if errors != want:
        problems.append(f"errors: counted {errors}, made {want}")
    result("calls that fail are counted as errors", problems)


def test_ring_loss():
    """With a ring that loses most of its records the counts stay exact, and the loss is told."""
    problems = []
    doc, truth = record("pipe --threads 4 --each 3000 --hold 0.05ms", ["--ring", "16K", "--slow", "1us"])
    check_law(doc, problems, may_lose=("waits", "slow"))
    check_calls(doc, truth, problems)
    slow = [r for r in doc["capture"]["accounting"] if r["class"] == "slow"][0]
    if slow["seen"] < 10000 or not slow["lost"]:
        problems.append(f"the ring was to lose records: {slow}")
    if slow["lost"] != slow["lost_by"].get("ring_full", 0):
        problems.append(f"lost for another reason: {slow}")
    result("counts are exact with the ring losing records", problems)


def test_pairing():
    rows = [
        ("restart --signals 3 --hold 100", ["read", "nanosleep", "rt_sigreturn"]),
        ("fork --each 100", ["clone", "wait4"]),
        ("texec --each 10", ["getppid", "nanosleep", "wait4"]),
        ("reuse --each 40", ["wait4"]),
        ("sigreturn --each 300", ["rt_sigreturn", "tgkill"]),
        ("killed --each 10", ["wait4", "nanosleep", "sched_yield"]),
        ("vfork --each 10", ["vfork", "wait4"]),
        ("migrate --each 500", ["sched_setaffinity"]),
        ("preempt --each 20000", ["getppid", "sched_yield"]),
        ("tiny --each 200", ["clone", "wait4"]),
    ]
    for mode, names in rows:
        problems = []
        doc, truth = record(mode)
        check_law(doc, problems)
        made = {k for t in truth["threads"] for k in t["returned"]}
        check_calls(doc, truth, problems, [n for n in names if n in made])
        slowest = max((o["max_ns"] for o in doc["operations"] if o["pid"] in pids_of(truth) and o["name"] == "getppid"
                       and o["kind"] == "syscall"), default=0)
        if slowest > 500 * MS:
            problems.append(f"a getppid of {slowest / MS:.0f} ms: paired with another call's begin")
        result(f"pairing: {mode.split()[0]}", problems)

    problems = []
    doc, truth = record("seccomp --each 500")
    check_law(doc, problems)
    denied = truth["extra"]["denied"]
    want = sum(t["returned"].get("getppid", 0) for t in truth["threads"]) - denied
    got = counted(doc, pids_of(truth))["getppid"]
    if got != want:
        problems.append(f"getppid: counted {got}, allowed {want}, denied {denied}")
    result("pairing: calls that seccomp denies have no latency", problems)


def test_restart_latency():
    problems = []
    doc, truth = record("restart --signals 3 --hold 300")
    reads = [o for o in doc["operations"] if o["pid"] in pids_of(truth) and o["kind"] == "syscall" and o["name"] == "read"]
    longest = max((o["max_ns"] for o in reads), default=0)
    want = max(t["max_ns"].get("ipc", 0) for t in truth["threads"])
    if abs(longest - want) > want / 100 + 5 * MS:
        problems.append(f"the restarted read took {longest / MS:.1f} ms, measured {want / MS:.1f}")
    result("a restarted call is one call from its first entry to its last exit", problems)


def test_slow():
    problems = []
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "the file")
        doc, truth = record(f"flock --each 5 --hold 30")
    slow = [s for s in doc["slow"] if s["pid"] in pids_of(truth) and s.get("state") == "lock" and s["kind"] == "wait"]
    if len(slow) < 5:
        problems.append(f"{len(slow)} slow flock waits instead of 5")
    for s in slow:
        if not s.get("detail", {}).get("path", "").startswith("/"):
            problems.append(f"no path: {s.get('detail')}")
        if s["woken_by"].get("kind") != "thread":
            problems.append(f"woken by {s['woken_by']}")
    result("slow waits say on which file, and who ended them", problems[:5])
    problems = []
    doc, truth = record("accept --each 5 --hold 30")
    peers = [s for s in doc["slow"] if s["pid"] in pids_of(truth) and s.get("state") == "network"]
    if not peers:
        problems.append("no slow network wait")
    for s in peers:
        if "127.0.0.1:" not in s.get("detail", {}).get("remote", ""):
            problems.append(f"no peer: {s.get('detail')}")
    result("slow waits say at which peer", problems[:5])


def test_names():
    problems = []
    doc, truth = record("tiny --each 300")
    children = [p for p in doc["processes"] if p["ppid"] in pids_of(truth)]
    if len(children) < 300:
        problems.append(f"{len(children)} of 300 short-lived processes are named")
    nameless = [p for p in children if not p.get("comm")]
    if nameless:
        problems.append(f"{len(nameless)} without a command")
    result("300 processes of under a millisecond are all named", problems)


def main():
    if os.geteuid():
        print("not ok spine: run as root")
        return 1
    for test in (test_states, test_counts, test_ring_loss, test_pairing, test_restart_latency, test_slow,
                 test_names):
        try:
            test()
        except Exception as e: # a test that cannot run has failed
            result(test.__name__[5:], [f"{type(e).__name__}: {e}"])
    return 1 if failed else 0


sys.exit(main())
