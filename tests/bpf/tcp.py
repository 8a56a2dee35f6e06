#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""TCP: connections against what the programs at both ends did, `ss -ti` and nstat; in network namespaces that
the tests make."""
import json
import os
import re
import signal
import subprocess
import sys
import time

import live
from live import HOSTLAT, MS, S, Facts, check, lacks, same, test

SERVER = """
import socket, sys, threading
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((sys.argv[1], int(sys.argv[2])))
s.listen(int(sys.argv[3]) if len(sys.argv) > 3 else 64)
print("LISTENS", file=sys.stderr, flush=True)

def serve(c):
    try:
        while True:
            data = c.recv(65536)
            if not data:
                break
            c.sendall(data)
    except OSError:
        pass
    c.close()

while True:
    c, _ = s.accept()
    threading.Thread(target=serve, args=(c,), daemon=True).start()
"""

# So many connections at once, on each of which so much goes forth and back; then it waits for a word.
CLIENT = """
import socket, sys
host, port, n, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
held = [socket.create_connection((host, port)) for _ in range(n)]
for c in held:
    c.sendall(b"x" * size)
    got = 0
    while got < size:
        got += len(c.recv(65536))
print("DONE", file=sys.stderr, flush=True)
sys.stdin.readline()
for c in held:
    c.close()
"""


def python(code, *args, ns=None, ready=None, **more):
    words = ["ip", "netns", "exec", ns] if ns else []
    return live.Load(*words, sys.executable, "-c", code, *args, ready=ready, **more)


def server(host, port, backlog=64, ns=None):
    return python(SERVER, host, port, backlog, ns=ns, ready="LISTENS")


def run(*words, check_it=True):
    p = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=60)
    if check_it:
        same(p.returncode, 0, f"{' '.join(str(w) for w in words)}: {p.stderr[-300:]}")
    return p.stdout


class Nets:
    """Two network namespaces with a cable between them, hla (10.77.0.1, fd77::1) and hlb (…2); gone with the
    block."""

    def __enter__(self):
        self.__exit__()
        for ns in ("hla", "hlb"):
            if subprocess.run(["ip", "netns", "add", ns], capture_output=True).returncode:
                lacks("network namespaces")
        if subprocess.run("ip link add hlva netns hla type veth peer name hlvb netns hlb".split(), capture_output=True).returncode:
            lacks("veth")
        for i, ns in enumerate(("hla", "hlb"), 1):
            self.ip(ns, f"addr add 10.77.0.{i}/24 dev hlv{ns[2]}")
            self.ip(ns, f"addr add fd77::{i}/64 dev hlv{ns[2]} nodad")
            self.ip(ns, f"link set hlv{ns[2]} up")
            self.ip(ns, "link set lo up")
        # addresses that nobody answers from: all that is sent there is lost
        self.ip("hla", "neigh replace 10.77.0.9 lladdr 02:00:00:00:00:99 dev hlva nud permanent")
        return self

    def __exit__(self, *_):
        for ns in ("hla", "hlb"):
            subprocess.run(["ip", "netns", "del", ns], capture_output=True)

    @staticmethod
    def ip(ns, words):
        run("ip", "-n", ns, *words.split())

    @staticmethod
    def sysctl(ns, name, value):
        run("ip", "netns", "exec", ns, "sysctl", "-qw", f"{name}={value}")

    @staticmethod
    def inode(ns):
        return os.stat(f"/var/run/netns/{ns}").st_ino


def conns(doc, **want):
    return [r for r in doc["connections"] if all(r.get(k) == v for k, v in want.items())]


def peers(doc, **want):
    return [r for r in doc["peers"] if all(r.get(k) == v for k, v in want.items())]


def events(doc, name, kind="tcp"):
    return [s for s in doc["slow"] if s["kind"] == kind and s["name"] == name]


def nstat(ns, name):
    out = run("ip", "netns", "exec", ns, "nstat", "-asz", name)
    return int(re.search(rf"{name}\s+(\d+)", out)[1])


def both_ends(host, port, there=False):
    """Connections of two programs of one host, made before hostlat came (there), or while it looks."""
    with server(host, port) as s:
        if there:
            with python(CLIENT, host, port, 3, 10000, ready="DONE") as c, live.Record() as h:
                time.sleep(0.3)
                h.stop()
        else:
            with live.Record() as h:
                with python(CLIENT, host, port, 3, 10000, ready="DONE") as c:
                    h.stop()
        return h.doc, s.pid, c.pid


@test("three connections, both ends: bytes, process, role and state as the programs have them; IPv4, IPv6, mapped")
def ends():
    with Facts() as f:
        for host, port, shown in (("127.0.0.1", 7801, "127.0.0.1:7801"), ("::1", 7802, "[::1]:7802"),
                                  ("::ffff:127.0.0.1", 7803, "127.0.0.1:7803")):
            doc, srv, cli = both_ends(host, port)
            opened = conns(doc, pid=cli, role="opened", remote=shown)
            accepted = conns(doc, pid=srv, role="accepted", local=shown)
            f.same((len(opened), len(accepted)), (3, 3), f"connections to {host}")
            f.same({r["remote"] for r in accepted}, {r["local"] for r in opened}, "their ends")
            for r in opened + accepted:
                f.same((r["bytes_sent"], r["bytes_received"], r["state"], r["port"]), (10000, 10000, "established", port),
                       f"bytes and state of {r['role']}")
                f.check(not r["lower_bound"] and "end" not in r and r["srtt_ns"] > 0, f"{r}")
            f.check(all(0 < r["connect_ns"] < 100 * MS for r in opened), "time to connect")
            f.same([o["count"] for o in doc.ops(cli, "connect", "connect")], [3], "connects")
            f.same([(r["opened"], r["ended"], r["open"]) for r in peers(doc, pid=cli) + peers(doc, pid=srv)],
                   [(3, 0, 3)] * 2, "peers")
            lis = [r for r in doc["listeners"] if r.get("pid") == srv]
            f.same([(r["local"], r["queue"], r["queue_limit"]) for r in lis],
                   [(shown if ":ffff" not in host else shown, 0, 64)], "listeners")


@test("connections that were there before are found, whose they are too, and figures are absolute")
def before():
    doc, srv, cli = both_ends("127.0.0.1", 7804, there=True)
    rows = conns(doc, pid=cli, role="opened") + conns(doc, pid=srv, role="accepted")
    with Facts() as f:
        f.same([(r["lower_bound"], r["bytes_sent"], r["state"]) for r in rows], [(True, 10000, "established")] * 6,
               "both ends")
        f.same([(r["opened"], r["bytes"], r["open"]) for r in peers(doc, pid=cli) + peers(doc, pid=srv)],
               [(0, 0, 3)] * 2, "what peers did since start")


CONNECTS = """
import socket, sys
def attempt(host, port, timeout=None):
    try:
        with socket.socket() as s:
            s.settimeout(timeout)
            s.connect((host, port))
        print("connected")
    except OSError as e:
        print(type(e).__name__, e.errno)
attempt("10.77.0.2", 7805)          # refused
attempt("10.77.0.2", 7805)
attempt("10.77.0.9", 7805)          # nobody answers
attempt("10.77.0.9", 7805, 0.5)     # … and the program does not wait for that
attempt("10.99.0.1", 7805)          # no way there
attempt("10.77.0.2", 7806)
"""


@test("connects that are refused, that nobody answers, that are given up, are told apart; the host knows its own")
def failures():
    with Nets() as nets:
        nets.sysctl("hla", "net.ipv4.tcp_syn_retries", 1)
        with server("10.77.0.2", 7806, ns="hlb"), live.Record(seconds=40) as h:
            with python(CONNECTS, ns="hla") as c:
                out = c.end(30).split("\n")
            h.stop()
        same([w.split()[0] for w in out if w],
             ["ConnectionRefusedError", "ConnectionRefusedError", "TimeoutError", "TimeoutError", "OSError", "connected"],
             "what the program was told")
        with Facts() as f:
            got = {o["name"]: o for o in h.doc.ops(c.pid, "connect")}
            f.same({k: (o["count"], o["errors"]) for k, o in got.items()},
                   {"connect": (1, 0), "connect refused": (2, 2), "connect timed out": (1, 1), "connect given up": (1, 1)},
                   "connects")
            # a SYN, and another one a second later, whose answer is waited for for two seconds more
            f.near(got["connect timed out"]["total_ns"], 3 * S, "until the kernel gave up", 10, 50 * MS)
            f.near(got["connect given up"]["total_ns"], S / 2, "until the program did", 5, 20 * MS)
            p = {(r["remote"], r["port"]): r for r in peers(h.doc, pid=c.pid)}
            f.same((p["10.77.0.2", 7805]["refused"], p["10.77.0.9", 7805]["timed_out"], p["10.77.0.9", 7805]["failed"],
                    p["10.77.0.2", 7806]["opened"]), (2, 1, 2, 1), "peers")
            f.same({r.get("end") for r in conns(h.doc, pid=c.pid, remote="10.77.0.9:7805")}, {"timed out", "given up"}, "ends")
            slow = [s for s in h.doc["slow"] if s["kind"] == "connect" and s["pid"] == c.pid]
            f.same(sorted((s["name"], s.get("result"), s["detail"]["remote"]) for s in slow),
                   [("connect given up", None, "10.77.0.9:7805"), ("connect timed out", -110, "10.77.0.9:7805")], "slow ones")
            again = events(h.doc, "retransmit")
            f.check(any(s["detail"]["remote"] == "10.77.0.9:7805" and s["pid"] == c.pid for s in again), f"no SYN was sent again: {again}")


BULK = """
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.settimeout(60)
data, left = b"x" * 65536, int(sys.argv[3])
while left > 0:
    left -= s.send(data[:left])
print("DONE", file=sys.stderr, flush=True)
sys.stdin.readline()
"""

SINK = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((sys.argv[1], int(sys.argv[2])))
s.listen(8)
print("LISTENS", file=sys.stderr, flush=True)
c, _ = s.accept()
while c.recv(65536):
    pass
"""


def ss(ns, port):
    """What ss -ti says of the one connection to that port."""
    out = run("ip", "netns", "exec", ns, "ss", "-tinH", "state", "established", f"dport = :{port}")
    words = dict(re.findall(r"(\w+):(\S+)", out))
    same(out.count("rto:"), 1, f"connections in ss: {out}")
    return words


@test("segments that are sent again: as many as ss -ti says; round-trip time, window and bytes too")
def retransmits():
    with Nets():
        # a bottleneck whose queue holds a few packets: what comes faster is lost
        run("ip", "netns", "exec", "hla", "tc", "qdisc", "add", "dev", "hlva", "root", "tbf", "rate", "200mbit", "burst", "16kb",
            "limit", "24000")
        with python(SINK, "fd77::2", 7807, ns="hlb", ready="LISTENS"), live.Record(seconds=60) as h:
            with python(BULK, "fd77::2", 7807, 4 << 20, ns="hla", ready="DONE", limit=50) as c:
                live.wait_for("end of sending", lambda: "unacked" not in ss("hla", 7807), 30)
                time.sleep(0.3)
                want = ss("hla", 7807)
                h.stop()
    rows = conns(h.doc, pid=c.pid)
    same(len(rows), 1, "connections")
    r = rows[0]
    with Facts() as f:
        f.check("retrans" in want, f"nothing was lost: {want}")
        f.same(r["retransmits"], int(want["retrans"].split("/")[1]), "retransmits")
        f.same((r["bytes_sent"], r["bytes_acked"], r["bytes_resent"], r["segments_sent"], r["cwnd"]),
               tuple(int(want[k]) for k in ("bytes_sent", "bytes_acked", "bytes_retrans", "segs_out", "cwnd")), "figures")
        rtt, var = (round(float(x) * MS) for x in want["rtt"].split("/"))
        f.same((r["srtt_ns"], r["rttvar_ns"], r["min_rtt_ns"]), (rtt, var, round(float(want["minrtt"]) * MS)), "round-trip times")
        f.same(r["netns"], r["netns"], "")
        told = [s for s in events(h.doc, "retransmit") if s["pid"] == c.pid]
        f.check(told and all(s["detail"]["remote"] == "[fd77::2]:7807" for s in told), f"events: {told[:2]}")
        n = sum(s["times"] for s in told)
        f.check(0 < n <= r["retransmits"], f"events of {n} times, {r['retransmits']} retransmits")


@test("a connection's network namespace, whichever that is, and whose it is there")
def namespaces():
    with Nets() as nets, server("10.77.0.2", 7808, ns="hlb") as s:
        with python(CLIENT, "10.77.0.2", 7808, 2, 100, ns="hla", ready="DONE") as old, live.Record() as h:
            with python(CLIENT, "10.77.0.2", 7808, 2, 100, ns="hla", ready="DONE") as new:
                h.stop()
        inodes = {old.pid: nets.inode("hla"), new.pid: nets.inode("hla"), s.pid: nets.inode("hlb")}
        with Facts() as f:
            for pid, n in ((old.pid, 2), (new.pid, 2), (s.pid, 4)):
                rows = conns(h.doc, pid=pid)
                f.same([r["netns"] for r in rows], [inodes[pid]] * n, f"namespaces of {pid}")
            f.same([r["netns"] for r in h.doc["listeners"] if r.get("pid") == s.pid], [inodes[s.pid]], "that of the listener")


@test("curl's time_connect is what a connect took, also when the first packet was lost")
def curl():
    with Nets() as nets, server("10.77.0.2", 7809, ns="hlb"):
        nets.ip("hla", "neigh replace 10.77.0.2 lladdr 02:00:00:00:00:99 dev hlva nud permanent")
        with live.Record(seconds=40) as h:
            p = live.start("ip", "netns", "exec", "hla", "curl", "-s", "-o", "/dev/null", "-m", "5", "-w", "%{time_connect}",
                           "http://10.77.0.2:7809/")
            time.sleep(0.4)
            nets.ip("hla", "neigh del 10.77.0.2 dev hlva")
            out, _ = p.communicate(timeout=30)
            h.stop()
    took = float(out) * S
    check(took > 0.9 * S, f"curl took {out}")
    rows = [r for r in h.doc["connections"] if r.get("comm") == "curl"]
    same(len(rows), 1, "connections of curl")
    live.near(rows[0]["connect_ns"], took, "time to connect", 1, 3 * MS)
    slow = [s for s in h.doc["slow"] if s["kind"] == "connect" and s.get("comm") == "curl"]
    same([(s["name"], s["result"], s["duration_ns"]) for s in slow], [("connect", 0, rows[0]["connect_ns"])], "slow connects")


@test("a listener whose queue is full turns away as many as nstat says")
def overflow():
    with Nets() as nets:
        nets.sysctl("hlb", "net.ipv4.tcp_syncookies", 0)
        code = SERVER.replace("while True:\n    c, _ = s.accept()", "sys.stdin.readline()\nwhile True:\n    c, _ = s.accept()")
        with python(code, "10.77.0.2", 7810, 2, ns="hlb", ready="LISTENS") as s, live.Record(seconds=60) as h:
            busy = "import socket,time\nh=[]\nfor i in range(8):\n s=socket.socket(); s.setblocking(False); " \
                   "s.connect_ex(('10.77.0.2',7810)); h.append(s)\ntime.sleep(4)\n"
            with python(busy, ns="hla") as c:
                time.sleep(3)
                full = [r for r in live.top(n=1)[0]["listeners"] if r.get("pid") == s.pid]
                c.end(20)
            time.sleep(0.5)
            want = nstat("hlb", "TcpExtListenOverflows"), nstat("hlb", "TcpExtListenDrops")
            h.stop()
        with Facts() as f:
            rows = [r for r in h.doc["listeners"] if r.get("pid") == s.pid]
            f.check(want[0] > 0, f"nothing overflowed: {want}")
            f.same([r["overflows"] for r in rows], [want[1]], f"overflows; nstat says {want}")
            f.same(want[0], want[1], "all drops were overflows")
            f.same([(r["queue"], r["queue_limit"]) for r in full], [(3, 2)], "its queue when it was full")
            told = events(h.doc, "listen overflow")
            f.same(sum(e["times"] for e in told), want[1], "as events")
            f.same({(e["pid"], e["detail"]["local"]) for e in told}, {(s.pid, "10.77.0.2:7810")}, "whose")


BURST = """
import socket, struct, sys, threading
port, n = int(sys.argv[1]), int(sys.argv[2])
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", port))
s.listen(512)
import os
if not os.fork():
    s.close()
    for i in range(n):
        c = socket.socket()
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # no port waits
        c.connect(("127.0.0.1", port))
        c.recv(1)
        c.close()
    os._exit(0)
for i in range(n):
    c, _ = s.accept()
    c.send(b"x")
    c.close()
os.wait()
"""


@test("20,000 short connections at once: opened and ended, of both ends, are exact, and the table is bounded")
def burst():
    n = 20000
    with live.Record(seconds=60) as h:
        with python(BURST, 7811, n) as load:
            load.end(50)
        h.stop()
    doc = h.doc
    with Facts() as f:
        for role in ("opened", "accepted"):
            rows = [r for r in doc["peers"] if r["role"] == role and (r["port"] if "port" in r else 7811) == 7811 and r.get("comm") == "python3"]
            f.same(sum(r["opened"] for r in rows), n, f"{role}: came")
            f.same(sum(r["ended"] for r in rows), n, f"{role}: ended")
            pids = {r["pid"] for r in rows}
            f.same(len(pids), 1, f"{role}: processes")
            if role == "opened":
                f.same(sum(o["count"] for o in doc.ops(pids, "connect", "connect")), n, "connects")
        f.check(len(doc["connections"]) <= 4200, f"{len(doc['connections'])} connections have rows")


RESETS = """
import socket, struct, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 7812))
s.listen(8)
def pair():
    c = socket.create_connection(("127.0.0.1", 7812))
    return c, s.accept()[0]
a, b = pair()                # thrown away by a program that has not read all
b.send(b"unread")
time.sleep(0.05)
a.close()
time.sleep(0.05)
b.close()
c, d = pair()                # thrown away on purpose, by who accepted it
d.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
d.close()
time.sleep(0.05)
c.close()
e, f = pair()                # in order
e.close()
f.close()
"""


@test("resets: which side threw it away, of which side's connection, and why")
def resets():
    with live.Record() as h:
        with python(RESETS) as load:
            load.end()
        h.stop()
    with Facts() as f:
        rows = sorted(conns(h.doc, pid=load.pid), key=lambda r: r["opened_ns"])
        f.same([(r["role"], r["end"], r["resets_sent"], r["resets_received"]) for r in rows],
               [("opened", "reset sent", 1, 0), ("accepted", "reset received", 0, 1), ("opened", "reset received", 0, 1),
                ("accepted", "reset sent", 1, 0), ("opened", "closed", 0, 0), ("accepted", "closed", 0, 0)], "ends")
        told = [(s["name"], s["detail"]["accepted"]) for s in h.doc["slow"]
                if s["kind"] == "tcp" and ":7812" in s["detail"]["local"] + s["detail"]["remote"]]
        f.same(sorted(told), [("reset received", False), ("reset received", True), ("reset sent", False), ("reset sent", True)], "events")
        # by whom: a program that closed it, or a packet of the peer's
        stacks = {s["kernel_stack"]: s["name"] for s in h.doc["slow"] if s["kind"] == "tcp" and s["pid"] == load.pid and "kernel_stack" in s}
        frames = {st["id"]: [fr.get("function", "") for fr in st["frames"]] for st in h.doc["stacks"]}
        for at, name in stacks.items():
            want = "tcp_close" if name == "reset sent" else "tcp_v4_rcv"
            f.check(any(want in fn for fn in frames.get(at, [])), f"the stack of a {name}: {frames.get(at)}")
        f.check(stacks, "no reset has a stack")


MANY_RESETS = """
import socket, struct
s = socket.create_server(("127.0.0.1", 7824), backlog=64)
pairs = []
for i in range(40):
    c = socket.create_connection(("127.0.0.1", 7824))
    pairs.append((c, s.accept()[0]))
for c, d in pairs:
    d.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    d.close()
for c, d in pairs:
    c.close()
"""


@test("resets: of forty connections at once each is told of, at both ends")
def many_resets():
    with live.Record() as h:
        with python(MANY_RESETS) as load:
            load.end()
        h.stop()
    told = [s["name"] for s in h.doc["slow"] if s["kind"] == "tcp" and ":7824" in s["detail"]["local"] + s["detail"]["remote"]]
    same((told.count("reset sent"), told.count("reset received")), (40, 40), "events")


FORKS = """
import os, socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 7813))
s.listen(8)
print("LISTENS", file=sys.stderr, flush=True)
for i in range(2):
    c, _ = s.accept()
    pid = os.fork()
    if not pid:
        s.close()
        while c.recv(100):
            pass
        os._exit(0)
    c.close()
    print(f"CHILD {pid}", flush=True)
os.wait()
os.wait()
"""


@test("a server that forks: a connection is the child's that holds it, and the listener its parent's")
def forks():
    with python(FORKS, ready="LISTENS") as s:
        with live.Record() as h:
            with python(CLIENT.replace("    got = 0\n    while got < size:\n        got += len(c.recv(65536))\n", ""), "127.0.0.1", 7813, 2,
                        100, ready="DONE") as c:
                time.sleep(0.5)
                h.stop()
                c.say()
        children = {int(w) for w in re.findall(r"CHILD (\d+)", s.end())}
    with Facts() as f:
        f.same({r.get("pid") for r in conns(h.doc, role="accepted", local="127.0.0.1:7813")}, children, "whose they are")
        f.same([r.get("pid") for r in h.doc["listeners"] if r["port"] == 7813], [s.pid], "whose the listener is")


STUFFED = """
import socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
s.bind(("127.0.0.1", 7814))
s.listen(8)
c = socket.create_connection(("127.0.0.1", 7814))
d, _ = s.accept()
c.setblocking(False)
sent = 0
try:
    while True:
        sent += c.send(b"x" * 4096)
except BlockingIOError:
    pass
print("STUFFED", file=sys.stderr, flush=True)
sys.stdin.readline()
d.settimeout(2)
while sent > 0:
    sent -= len(d.recv(65536))
print("READ", file=sys.stderr, flush=True)
sys.stdin.readline()
"""


@test("a peer that reads nothing: its window is closed, for as long as it is, now and when it is over")
def zero_window():
    with python(STUFFED, ready="STUFFED") as load:
        closed = time.monotonic()
        with live.Record("-i", "0.5", seconds=40) as h:
            time.sleep(1)
            now = live.top(n=1)[0]
            load.say()
            live.wait_for("it to be read", lambda: load._said("READ"), 20) if not os.set_blocking(load.p.stderr.fileno(), False) else None
            took = time.monotonic() - closed
            time.sleep(1.2)
            h.stop()
        load.say()
    with Facts() as f:
        rows = [r for r in now["connections"] if r.get("pid") == load.pid and r["role"] == "opened"]
        f.check(len(rows) == 1 and rows[0].get("zero_window_ns", 0) > S and rows[0]["send_window_bytes"] == 0, f"while it was closed: {rows}")
        f.check([s for s in now["slow"] if s["name"] == "zero window" and s["in_progress"] and s["pid"] == load.pid], "no slow one in progress")
        over = [s for s in events(h.doc, "zero window") if s["pid"] == load.pid and not s["in_progress"]]
        f.same(len(over), 1, "slow ones that are over")
        f.near(over[0]["duration_ns"] if over else 0, took * S, "how long it was closed", 5, 600 * MS)


LATE = """
import json, socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 7815))
s.listen(64)
print("LISTENS", file=sys.stderr, flush=True)
sys.stdin.readline()
held, came = [], []
for i in range(64):
    held.append(socket.create_connection(("127.0.0.1", 7815)))
    came.append(time.monotonic_ns())
waits = []
for i in range(64):
    time.sleep(0.05)
    held.append(s.accept()[0])
    waits.append(time.monotonic_ns() - came[i])
print(json.dumps(waits), flush=True)
sys.stdin.readline()
"""


@test("a program that accepts late: how long each connection waited for that, exactly, and as refreshes saw it")
def late():
    with python(LATE, ready="LISTENS") as load, live.Record("-i", "0.5", calls="on", seconds=40) as h:
        load.say()
        time.sleep(4)
        h.stop()
        load.say()
        waits = json.loads(load.end())
    with Facts() as f:
        ops = h.doc.ops(load.pid, "accept queue")
        f.same([(o["name"], o["count"]) for o in ops], [("accept queue :7815", 64)], "accepts")
        o = ops[0] if ops else {}
        f.near(o.get("total_ns", 0), sum(waits), "how long they waited in all", 1, 0)
        f.near(o.get("max_ns", 0), max(waits), "the longest", 1, 0)
        f.near(o.get("p50_ns", 0), sorted(waits)[31], "half of them", 10, 0)
        slow = [s for s in h.doc["slow"] if s["kind"] == "accept queue" and s["pid"] == load.pid]
        f.check(len(slow) > 50 and all(s["detail"]["local"] == "127.0.0.1:7815" for s in slow), f"{len(slow)} slow ones: {slow[:1]}")
        rows = [r for r in h.doc["listeners"] if r.get("pid") == load.pid]
        f.same(len(rows), 1, "listeners")
        seen = rows[0].get("longest_wait_ns", 0) if rows else 0
        f.check(max(waits) - 1.3 * S < seen <= max(waits), f"refreshes saw {seen}, of {max(waits)}")
        f.check(rows and rows[0]["longest_queue"] > 30, f"its queue: {rows}")


# Listeners that share a port, in two pairs: of one address each; of one group. Connections that nobody accepts, but
# of the second pair who has none. What each has, by itself: when the first of its queue came.
SHARED = """
import json, socket, sys, time
def listener(host, port, group=False):
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT if group else socket.SO_REUSEADDR, 1)
    s.bind((host, port))
    s.listen(64)
    s.setblocking(False)
    return s
late, prompt = listener("127.0.0.1", 7816), listener("127.0.0.2", 7816)
group = [listener("::", 7817, True), listener("::", 7817, True)]
held, first = [], {}
def accept(s):
    try:
        while True:
            held.append(s.accept()[0])
    except BlockingIOError:
        pass
for i in range(8):
    for host, port in (("127.0.0.1", 7816), ("127.0.0.2", 7816), ("127.0.0.1", 7817), ("::1", 7817)):
        held.append(socket.create_connection((host, port)))
        first.setdefault(port, time.monotonic_ns())
    accept(prompt)
    accept(group[0])
    time.sleep(0.02)
print("READY", file=sys.stderr, flush=True)
sys.stdin.readline()
def waits():
    return time.monotonic_ns() - first[7816]
print(json.dumps(waits()), flush=True)
sys.stdin.readline()
accept(late)
accept(group[1])
print("ACCEPTED", file=sys.stderr, flush=True)
sys.stdin.readline()
"""


def queues(doc, pid):
    """Of each of the pairs the listener whose queue is not empty: what it has, and how many others there are."""
    rows = [r for r in doc["listeners"] if r.get("pid") == pid]
    return {port: sorted((r for r in rows if r["port"] == port), key=lambda r: -r["queue"]) for port in (7816, 7817)}


@test("listeners that share a port: each has its own queue and who waits there, by address and in a group")
def shared():
    with python(SHARED, ready="READY") as load, live.Record("-i", "0.5", seconds=40) as h:
        time.sleep(1)
        begin = time.monotonic()
        load.say()
        least = int(load.p.stdout.readline())
        now = live.top(n=1)[0]
        most = least + (time.monotonic() - begin) * S
        load.say()
        time.sleep(1.2)
        h.stop()
        load.say()
    with Facts() as f:
        for port, rows in queues(now, load.pid).items():
            f.same(len(rows), 2, f"listeners at {port}")
            f.check(rows[0]["queue"] > 0 and least - 200 * MS < rows[0].get("oldest_wait_ns", 0) < most,
                    f"{port}: who waits late: {rows[0].get('oldest_wait_ns')}, {least} at least")
            f.same((rows[1]["queue"], rows[1].get("oldest_wait_ns")), (0, None), f"{port}: at the other one")
        f.same([r["local"] for r in queues(now, load.pid)[7816]], ["127.0.0.1:7816", "127.0.0.2:7816"], "which is which")
        for port, rows in queues(h.doc, load.pid).items():
            waited = sorted(r.get("longest_wait_ns", 0) for r in rows)
            f.check(waited[0] == 0 and waited[1] > least - 700 * MS, f"{port}: the longest waits {waited}")
            f.same([(r["queue"], r.get("oldest_wait_ns")) for r in rows], [(0, None)] * 2, f"{port}: when all were accepted")


CLOSES = """
import socket, sys
def listener(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen(512)
    return s
s = listener(7820)
others = [listener(7821 + i) for i in range(4)]
def pair():
    c = socket.create_connection(("127.0.0.1", 7820))
    return c, s.accept()[0]
stay = [pair() for _ in range(30)]
go = [pair() for _ in range(400)]
print("OPEN", file=sys.stderr, flush=True)
sys.stdin.readline()
for _ in range(1500):        # these fill the ring
    for c in pair():
        c.close()
for p in go:
    for c in p:
        c.close()
for c in others:
    c.close()
print("CLOSED", flush=True)
sys.stdin.readline()
"""


def open_ends(port):
    """Both ends of all that ss has at a port, and the ports that somebody listens at."""
    out = run("ss", "-tanH").splitlines()
    words = [w.split() for w in out]
    return ({(w[3], w[4]) for w in words if w[0] in ("ESTAB", "CLOSE-WAIT", "FIN-WAIT-1", "FIN-WAIT-2", "LAST-ACK", "CLOSING")
             and str(port) in (w[3].rsplit(":", 1)[1], w[4].rsplit(":", 1)[1])},
            {int(w[3].rsplit(":", 1)[1]) for w in words if w[0] == "LISTEN"})


def still_open(doc, port):
    return {(r["local"], r["remote"]) for r in doc["connections"] if not r.get("end") and str(port) in (r["local"].rsplit(":", 1)[1],
                                                                                                   r["remote"].rsplit(":", 1)[1])}


@test("ends that the ring had no room for: what is open in the end is what ss has open, connections and listeners")
def unseen():
    with python(CLOSES, ready="OPEN") as load, live.Record("-i", "0.5", "--ring", "64K", seconds=60, may_lose=("slow", "ended_connections")) as h:
        time.sleep(1.2)
        os.kill(h.p.pid, signal.SIGSTOP)  # nobody empties the ring
        try:
            load.say()
            same(load.p.stdout.readline(), "CLOSED\n", "what the load says")
        finally:
            os.kill(h.p.pid, signal.SIGCONT)
        time.sleep(0.8)
        want, listening = open_ends(7820)
        h.stop()
        load.say()
    with Facts() as f:
        lost = h.doc.acct("ended_connections")
        f.check(lost["lost"] > 400, f"the ring was to lose most: {lost}")
        f.same(len(want), 60, "ends that ss has")
        f.same(still_open(h.doc, 7820), want, "open rows")
        rows = conns(h.doc, pid=load.pid, end="end not seen")
        f.check(len(rows) > 100, f"{len(rows)} whose end was not seen")
        f.check(all(r["lower_bound"] for r in rows), "how long those lasted is a lower bound")
        ports = {r["port"] for r in h.doc["listeners"] if r.get("pid") == load.pid and not r["ended"]}
        f.same(ports, listening & set(range(7820, 7825)), "listeners")
        p = [r for r in h.doc["peers"] if r.get("pid") == load.pid]
        f.same((sum(r["open"] for r in p), sum(r["opened"] for r in p), sum(r["ended"] for r in p)), (60, 3000, 3800), "peers")


PACED = """
import json, socket, sys, time
c = socket.create_connection(("127.0.0.1", 7816))
sent = []
def exchange(n):
    c.sendall(b"x" * n)
    sent.append((time.clock_gettime_ns(time.CLOCK_BOOTTIME), n))
    got = 0
    while got < n:
        got += len(c.recv(65536))
for i in range(30):
    exchange(1000 * (1 + i // 10))
    time.sleep(0.05)
time.sleep(2.2)              # nothing moves
for i in range(20):
    exchange(20000)
    time.sleep(0.05)
print(json.dumps(sent), flush=True)
sys.stdin.readline()
"""


@test("a connection's history: each interval has what the program sent in it, and none of those has a row in which it slept")
def history():
    with server("127.0.0.1", 7816) as srv, live.Record("-i", "0.5", "--exchanges", seconds=40) as h:
        time.sleep(1)  # its hooks on socket calls are the last
        with python(PACED) as c:
            sent = json.loads(c.p.stdout.readline())
            time.sleep(0.6)
            h.stop()
    rows = sorted((r for r in h.doc["connection_history"] if r["pid"] == c.pid), key=lambda r: r["end_ns"])
    ends = [r for r in h.doc["connection_history"] if r["pid"] == srv.pid]
    total, took, slack = sum(n for _, n in sent), 0, 20 * MS

    def by(t):
        return sum(n for at, n in sent if at <= t)

    with Facts() as f:
        f.same((sum(r["bytes_sent"] for r in rows), sum(r["bytes_received"] for r in rows)), (total, total), "bytes in all")
        f.same((sum(r["bytes_sent"] for r in ends), sum(r["bytes_received"] for r in ends)), (total, total), "of the other end")
        f.same(sum(r.get("exchanges", 0) for r in rows), len(sent), "exchanges")
        for r in rows:
            took += r["bytes_sent"]
            f.check(by(r["end_ns"] - slack) <= took <= by(r["end_ns"] + slack),
                    f"until {r['time']} {took} bytes, the program had sent {by(r['end_ns'])}")
            f.check(0 < r["duration_ns"] < 0.7 * S and r["srtt_ns"] > 0 and r["retransmits"] == 0, f"{r}")
        begin, end = sent[29][0], sent[30][0]
        f.same([r["time"] for r in rows if r["end_ns"] - r["duration_ns"] > begin + slack and r["end_ns"] < end - slack], [],
               "rows of when it slept")
        f.check(6 <= len(rows) <= 9, f"{len(rows)} rows")


# Every packet with data that leaves here for that port: when, its first byte's number, its length. Until there is a word.
SNIFFER = """
import json, select, socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
s.bind((sys.argv[1], 3))
s.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
s.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
port, sent = int(sys.argv[2]), []
print("SNIFFS", file=sys.stderr, flush=True)
while True:
    if sys.stdin in select.select([s, sys.stdin], [], [])[0]:
        break
    data, extra, _, where = s.recvmsg(2048, 256)
    if where[2] != 4 or where[1] != 0x800 or data[9] != 6:  # outgoing, IPv4, TCP
        continue
    ip = (data[0] & 15) * 4
    _, to, seq, _, off = struct.unpack("!HHIIB", data[ip:ip + 13])
    size = struct.unpack("!H", data[2:4])[0] - ip - (off >> 4) * 4
    if to == port and size > 0:
        sec, ns = struct.unpack("qq", extra[0][2][:16])
        sent.append((sec * 1000000000 + ns, seq, size))
print(json.dumps(sent))
"""

# Sends so much when it is told to (to a program that sends it back, "?": waits for that).
TOLD = """
import socket, sys
c = socket.create_connection((sys.argv[1], int(sys.argv[2])))
c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("READY", file=sys.stderr, flush=True)
due = 0
for line in sys.stdin:
    if line[0] == "?":
        while due:
            due -= len(c.recv(65536))
        print("CAME", flush=True)
    else:
        c.sendall(b"x" * int(line))
        due += int(line)
"""


def lossy(nets, load, lost, cut, then=()):
    """So much is sent while nothing gets through, for so long; then other things are."""
    nets.ip("hla", "neigh replace 10.77.0.2 lladdr 02:00:00:00:00:99 dev hlva nud permanent")
    for n in lost:
        load.say(str(n))
    time.sleep(cut)
    nets.ip("hla", "neigh del 10.77.0.2 dev hlva")
    for n in then:
        load.say(str(n))
        time.sleep(0.002)
    load.say("?")
    same(load.p.stdout.readline(), "CAME\n", "what came back")


@test("data that is lost: how often, and by how much later it came, as packets on the wire say; peer, process and connection")
def resent():
    with Nets() as nets, server("10.77.0.2", 7817, ns="hlb"), live.Record(seconds=60) as h:
        with python(SNIFFER, "hlva", 7817, ns="hla", ready="SNIFFS") as sniffer:
            with python(TOLD, "10.77.0.2", 7817, ns="hla", ready="READY") as c:
                for n in (100, 1000, 3000):  # nothing is lost
                    c.say(str(n))
                    c.say("?")
                    same(c.p.stdout.readline(), "CAME\n", "what came back")
                for cut in (0.01, 0.3, 1.0, 0.05):  # the timer, once or several times
                    lossy(nets, c, [200], cut)
                    time.sleep(0.3)
                for _ in range(3):  # answers to what comes later tell
                    lossy(nets, c, [300], 0.004, [400] * 8)
                    time.sleep(0.3)
                sniffer.say()
                sent = json.loads(sniffer.end())
                h.stop()
    times = {}
    for at, seq, size in sent:
        times.setdefault(seq, []).append(at)
    late = sorted(t[-1] - t[0] for t in times.values() if len(t) > 1)
    with Facts() as f:
        f.same(len(late), 7, f"data that was sent again: {late}")
        rows = conns(h.doc, pid=c.pid)
        f.same([(r["resends"], r["retransmits"]) for r in rows], [(7, len(sent) - len(times))], "of the connection")
        r = rows[0]
        f.near(r["resend_delay_ns"], sum(late), "how much later it came, in all", 0.1, MS)
        f.near(r["resend_delay_max_ns"], late[-1], "… at most", 0.1, MS / 2)
        ops = h.doc.ops(c.pid, "tcp", "retransmit")
        f.same([o["count"] for o in ops], [7], "of the process")
        f.near(ops[0]["total_ns"] if ops else 0, sum(late), "of the process, in all", 0.1, MS)
        f.near(ops[0]["p50_ns"] if ops else 0, late[3], "half of it", 10, 0)
        p = peers(h.doc, pid=c.pid)
        f.same([(r["resends"], sum(r["resend_delay_histogram"]["counts"])) for r in p], [(7, 7)], "of the peer")
        f.near(p[0]["resend_delay_ns"], sum(late), "of the peer, in all", 0.1, MS)
        f.near(p[0]["resend_delay_max_ns"], late[-1], "of the peer, at most", 0.1, MS / 2)
        other = [r for r in h.doc["connections"] if r.get("role") == "accepted" and r["port"] == 7817]
        f.same([(r["resends"], r["resend_delay_ns"]) for r in other], [(0, 0)] * len(other), "of who lost nothing")


if __name__ == "__main__":
    live.main()
