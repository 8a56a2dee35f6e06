# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What hostlat itself takes: the time to its first frame, CPU and memory."""
import json
import os
import subprocess
import tempfile
import time

from basis import Missing, cpu_ns, host_busy, median, memory_mib, print_table, span
from screen import Screen

START_LIMIT = 0.7       # s
IDLE_LIMIT = 0.3        # % of one CPU
RATE, RATE_LIMIT = 300000, 2.0
RSS_LIMIT = 60          # MiB
THREADS, THREADS_RSS_LIMIT = 10000, 120
MEMORY = ("RSS MiB", "peak RSS MiB")


def shown(memory):
    return [f"{m:.1f}" for m in memory]


def start(bench):
    bench.begin(f"seconds from exec to frames on the screen, limit {START_LIMIT}")
    first, complete = [], []
    for n in range(bench.rounds(11, 5)):
        screen = Screen(bench)
        try:
            end = time.monotonic() + 10
            while screen.complete() is None and time.monotonic() < end:
                time.sleep(0.01)
            at, frames = screen.complete(), screen.frames()
        finally:
            screen.stop()
        if at is None:
            raise Missing("no complete frame within 10 s")
        first.append(frames[0][1])
        complete.append(at)
        bench.keep(round=n, first_frame_s=first[-1], complete_frame_s=at)
        time.sleep(0.3)
    print_table(["frame", "n", "median s", "quartiles", "worst"],
                [["first output", len(first), f"{median(first):.2f}", span(first, 2), f"{max(first):.2f}"],
                 ["first with tables", len(complete), f"{median(complete):.2f}", span(complete, 2),
                  f"{max(complete):.2f}"]])
    bench.limits([("start to the first complete frame", median(complete), START_LIMIT, " s")])


def window(screen, seconds):
    """Own CPU in % of one, and how busy the rest of the host was, over so many seconds."""
    begin, own, busy = time.monotonic(), cpu_ns(screen.pid), host_busy()
    time.sleep(seconds)
    took = time.monotonic() - begin
    used = (cpu_ns(screen.pid) - own) / 1e9
    return 100 * used / took, 100 * (host_busy() - busy - used) / took


def idle(bench):
    seconds = 10 if bench.quick else 20
    bench.begin(f"own CPU with a frame a second, windows of {seconds} s")
    screen = Screen(bench).attached()
    rows, own = [], []
    try:
        time.sleep(3)
        for n in range(bench.rounds(5, 3)):
            cpu, rest = window(screen, seconds)
            own.append(cpu)
            bench.keep(round=n, own_cpu_percent=cpu, rest_cpu_percent=rest, memory_mib=memory_mib(screen.pid))
            rows.append([f"window {n + 1}", f"{cpu:.2f}", f"{rest:.1f}", *shown(memory_mib(screen.pid)), ""])
    finally:
        screen.stop()
    print_table(["", "own CPU %", "rest of the host %", *MEMORY, ""], rows)
    bench.limits([("own CPU on an idle host", median(own), IDLE_LIMIT, " %")])


def batch(bench, *args):
    """hostlat as text documents in a file, for who reads its accounting."""
    handle, path = tempfile.mkstemp(prefix="own-", dir=bench.out)
    with os.fdopen(handle, "wb") as out:
        p = subprocess.Popen([bench.hostlat, "top", "--json", *args], stdin=subprocess.DEVNULL, stdout=out,
                             stderr=subprocess.DEVNULL)
    return p, path


def accounting(bench, seconds):
    """One run of hostlat beside the load that writes documents: calls and losses by class."""
    p, path = batch(bench, "--calls=on", "-i", str(seconds), "-n", "1")
    try:
        p.wait(seconds + 30)
    except subprocess.TimeoutExpired:
        p.kill()
        p.wait()
        raise Missing("hostlat does not end") from None
    finally:
        with open(path, encoding="utf-8") as f:
            text = f.read()
        os.unlink(path)
    docs = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    if not docs:
        raise Missing("hostlat wrote no document")
    return {a["class"]: a for a in docs[-1]["capture"]["accounting"]}


def load(bench, mode, seconds, *more):
    """Starts a load of the generator and returns once it says that it runs."""
    read, write = os.pipe()
    p = subprocess.Popen([bench.work, mode, "-s", str(seconds), "-R", str(write), *more], pass_fds=[write],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as f:
        f.readline()
    return p


def end(p):
    p.terminate()
    out, _ = p.communicate(timeout=60)
    return json.loads(out)


# Losses that are no lost record: a wait that had begun before hostlat did.
EXPECTED = {"unpaired"}


def rate(bench):
    seconds, rounds = (8, 3) if bench.quick else (10, 5)
    rounds = bench.rounds(rounds, rounds)
    bench.begin(f"{RATE} getppid a second on two CPUs, calls tier on")
    rows, own, peak, lost, made = [], [], [], [], []
    for n in range(rounds):
        p = load(bench, "rate", 3 * seconds + 30, "--rate", str(RATE), "-t", "2", "-c",
                 f"{bench.load_cpu},{bench.tracer_cpu}")
        try:
            screen = Screen(bench, "--calls=on").attached()
            try:
                time.sleep(2)
                cpu, _ = window(screen, seconds)
                mib = memory_mib(screen.pid)
            finally:
                screen.stop()
            classes = accounting(bench, 3)
        finally:
            told = end(p)
        calls = sum(t["calls"].get("getppid", 0) for t in told["threads"])
        made.append(calls / (told["wall_ns"] / 1e9))
        gone = sum(v for a in classes.values() for k, v in a.get("lost_by", {}).items() if k not in EXPECTED)
        seen = classes["calls"]["seen"]
        bench.keep(round=n, own_cpu_percent=cpu, memory_mib=mib, made_per_s=made[-1], accounting=classes)
        own.append(cpu)
        peak.append(mib[1])
        lost.append(gone)
        rows.append([f"run {n + 1}", f"{made[-1]:.0f}", f"{cpu:.2f}", *shown(mib), seen, gone, ""])
    print_table(["", "calls/s made", "own CPU %", *MEMORY, "calls seen in 3 s", "lost", ""], rows)
    bench.limits([("own CPU", median(own), RATE_LIMIT, " %"), ("records lost", sum(lost), 0, ""),
                  ("most memory at any time", max(peak), RSS_LIMIT, " MiB")])
    if median(made) < 0.95 * RATE:
        print(f"   the host made only {median(made):.0f} calls a second\n")


def threads(bench):
    bench.begin(f"memory with {THREADS} threads asleep")
    rows, peak = [], []
    for n in range(bench.rounds(3, 1)):
        p = load(bench, "threads", 120, "-t", str(THREADS))
        try:
            screen = Screen(bench).attached()
            try:
                time.sleep(8)
                cpu, _ = window(screen, 5)
                mib = memory_mib(screen.pid)
            finally:
                screen.stop()
        finally:
            p.terminate()
            p.communicate(timeout=60)
        bench.keep(round=n, memory_mib=mib, own_cpu_percent=cpu)
        peak.append(mib[1])
        rows.append([f"run {n + 1}", *shown(mib), f"{cpu:.1f}", ""])
    print_table(["", *MEMORY, "own CPU %", ""], rows)
    bench.limits([("most memory at any time", max(peak), THREADS_RSS_LIMIT, " MiB")])
