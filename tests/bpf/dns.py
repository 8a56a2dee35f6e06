#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""DNS: queries against what a server of our own was asked and did, in a network namespace of the tests' own."""
import collections
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
import time

import live
from live import MS, S, Facts, check, lacks, same, test

NS = "hldns"
ADDR4, ADDR6 = "127.0.0.9", "::9"  # of the answers: reachable there, for whoever connects

# Answers by the first label of the name: 20 ms later, unless it is fast. Says for each query what it was.
SERVER = r'''
import os, socket, struct, sys, threading, time
from urllib.parse import quote
DELAY = 0.02
def question(m):
    at, labels = 12, []
    while m[at]:
        labels.append(m[at + 1:at + 1 + m[at]]); at += 1 + m[at]
    return b".".join(labels).decode("latin1"), struct.unpack(">H", m[at + 1:at + 3])[0], m[12:at + 5]
def answer(m, tcp):
    name, kind, q = question(m)
    how = name.split(".")[0].lower().rstrip("0123456789")
    flags, records = 0x8180, []
    if how == "silent": return None
    if how == "nx": flags |= 3
    elif how == "fail": flags |= 2
    elif how == "no": flags |= 5
    elif how == "big" and not tcp: flags |= 0x0200
    elif how == "odd": flags |= 10
    elif kind == 1: records = [(1, socket.inet_aton("127.0.0.9"))] * (60 if how == "long" else 1)
    elif kind == 28: records = [(28, socket.inet_pton(socket.AF_INET6, "::9"))]
    out = m[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0) + q
    for t, d in records: out += b"\xc0\x0c" + struct.pack(">HHIH", t, 1, 60, len(d)) + d
    if how == "junk": out = m[:2] + b"\x81\x80" + os.urandom(40)
    if how == "short": out = out[:7]
    return out
def later(m): return 0 if question(m)[0].lower().startswith("fast") else DELAY
def udp(s):
    while True:
        m, who = s.recvfrom(4096)
        try: out = answer(m, False)
        except Exception: continue
        began = time.monotonic_ns()
        if out is None: told(m, "udp", 0)
        elif later(m): threading.Timer(later(m), udp_send, (s, out, who, m, began)).start()
        else: udp_send(s, out, who, m, began)
def udp_send(s, out, who, m, began):
    s.sendto(out, who)
    told(m, "udp", time.monotonic_ns() - began)
lock = threading.Lock()
def told(m, how, took):
    name, kind, _ = question(m)
    with lock: print("Q", quote(name), kind, how, took, flush=True)
def exactly(c, n):
    b = b""
    while len(b) < n:
        more = c.recv(n - len(b))
        if not more: raise EOFError
        b += more
    return b
def serve(c):
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while True:
            m = exactly(c, struct.unpack(">H", exactly(c, 2))[0])
            out = answer(m, True)
            began = time.monotonic_ns()
            if out is None: continue
            time.sleep(later(m))
            out = struct.pack(">H", len(out)) + out
            for i in range(0, len(out), 9 if "slice" in question(m)[0] else 65536):
                c.sendall(out[i:i + (9 if "slice" in question(m)[0] else 65536)])
            told(m, "tcp", time.monotonic_ns() - began)
    except (OSError, EOFError): c.close()
def tcp(s):
    while True:
        threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.2")):
    for kind, fn in ((socket.SOCK_DGRAM, udp), (socket.SOCK_STREAM, tcp)):
        s = socket.socket(family, kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((host, 53))
        if kind == socket.SOCK_STREAM: s.listen(64)
        threading.Thread(target=fn, args=(s,), daemon=True).start()
web = socket.create_server(("127.0.0.9", 80))
def www():
    while True:
        c = web.accept()[0]; c.recv(4096)
        c.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n"); c.close()
threading.Thread(target=www, daemon=True).start()
print("LISTENS", file=sys.stderr, flush=True)
sys.stdin.read()
'''

# For clients that make their own messages.
COMMON = r'''
import ctypes, os, random, socket, struct, sys, time
def query(name, kind=1, id=None):
    q = b"".join(bytes([len(l)]) + l.encode() for l in name.split(".") if l) + b"\0"
    return struct.pack(">HHHHHH", random.randrange(65536) if id is None else id, 0x100, 1, 0, 0, 0) + q + struct.pack(">HH", kind, 1)
SERVER = ("127.0.0.1", 53)
def udp(connected=True, server=SERVER):
    s = socket.socket(socket.AF_INET6 if ":" in server[0] else socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(5)
    if connected: s.connect(server)
    return s
def tcp(server=SERVER):
    s = socket.create_connection(server)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s
def framed(m): return struct.pack(">H", len(m)) + m
def read_tcp(s):
    n = struct.unpack(">H", s.recv(2, socket.MSG_WAITALL))[0]
    return s.recv(n, socket.MSG_WAITALL)
'''


def run(*words, check_it=True):
    p = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=60)
    if check_it:
        same(p.returncode, 0, f"{' '.join(map(str, words))}: {p.stderr[-300:]}")
    return p.stdout


def within(*words):
    return ["ip", "netns", "exec", NS, *words]


class Server:
    """The server in a namespace whose programs ask it; after the block .asked: how often what was, .took: how long
    it took itself."""

    def __init__(self, options="", servers=("127.0.0.1",)):
        self.conf = "".join(f"nameserver {s}\n" for s in servers) + (f"options {options}\n" if options else "")

    def __enter__(self):
        self._drop()
        if subprocess.run(["ip", "netns", "add", NS], capture_output=True).returncode:
            lacks("network namespaces")
        run("ip", "-n", NS, "link", "set", "lo", "up")
        run("ip", "-n", NS, "addr", "add", "::9/128", "dev", "lo")
        os.makedirs(f"/etc/netns/{NS}", exist_ok=True)
        with open(f"/etc/netns/{NS}/resolv.conf", "w", encoding="ascii") as f:
            f.write(self.conf)
        with open(f"/etc/netns/{NS}/nsswitch.conf", "w", encoding="ascii") as f:
            f.write("hosts: dns\npasswd: files\n")
        self.out = open(os.path.join(live.folder(), "asked"), "w+", encoding="utf-8")
        self.load = live.Load(*within(sys.executable, "-c", SERVER), ready="LISTENS", stdout=self.out)
        self.pid = self.load.pid
        return self

    def __exit__(self, *a):
        self.load.__exit__(*a)
        self.out.seek(0)
        rows = [line.split() for line in self.out if line.startswith("Q")]
        self.asked = collections.Counter((r[1].lower(), int(r[2]), r[3]) for r in rows)
        self.took = collections.defaultdict(list)
        for r in rows:
            self.took[r[1].lower(), int(r[2]), r[3]].append(int(r[4]))
        self._drop()

    @staticmethod
    def _drop():
        subprocess.run(["ip", "netns", "del", NS], capture_output=True)
        shutil.rmtree(f"/etc/netns/{NS}", ignore_errors=True)


def client(code, *opts, options="", servers=("127.0.0.1",), may_lose=("stacks",), words=None, dns=("--dns",), seconds=60, pause=0.3):
    """What hostlat says of such a program, its pid, and what the server was asked."""
    with Server(options, servers) as srv:
        with live.Record(*dns, *opts, seconds=seconds, may_lose=may_lose) as h:
            p = live.start(*within(*(words or [sys.executable, "-c", COMMON + code])))
            out, err = live._finish(p, 60)
            same(p.returncode, 0, f"status of the client: {err[-400:]}")
            time.sleep(pause)
            h.stop()
    h.doc.out = out
    return h.doc, p.pid, srv


def rows(doc, pid=None, **want):
    return [r for r in doc["dns"] if (pid is None or r["pid"] == pid) and all(r.get(k) == v for k, v in want.items())]


def queries(doc, pid=None, **want):
    return [r for r in doc["dns_queries"] if (pid is None or r["pid"] == pid) and all(r.get(k) == v for k, v in want.items())]


def total(doc, what, pid=None, **want):
    return sum(r[what] for r in rows(doc, pid, **want))


def law(f, doc, lost=None):
    a = doc.acct("dns")
    f.same(a["unaccounted"], 0, "unaccounted")
    f.same(a["lost_by"], lost or {}, "lost by")
    for r in doc["dns"]:
        h = r["histogram"]
        f.same(sum(h["counts"]) + h["zero_count"], r["answered"], f"{r['name']}: in the histogram")
        f.same(r["errors"], sum(r[k] for k in ("nxdomain", "servfail", "refused", "other", "unanswered")), f"{r['name']}: errors")


@live.also_old
@test("glibc asks for A and AAAA with one call on one socket: 500 queries are 500, each with its type and delay")
def glibc():
    code = "import socket, time\nfor i in range(250):\n  t = time.monotonic_ns()\n" \
           "  socket.getaddrinfo(f'ok{i % 5}.example.org', 80)\n  print(time.monotonic_ns() - t)\n"
    doc, pid, srv = client("", words=[sys.executable, "-c", code])
    with Facts() as f:
        law(f, doc)
        f.same(sum(srv.asked.values()), 500, "what the server was asked")
        f.same(total(doc, "count", pid), 500, "queries")
        f.same(doc.acct("dns")["seen"], 1000, "messages")
        for i in range(5):
            for kind in ("A", "AAAA"):
                got = rows(doc, pid, name=f"ok{i}.example.org", type=kind)
                f.same([(r["count"], r["answered"], r["errors"], r["server"]) for r in got], [(50, 50, 0, "127.0.0.1:53")], f"ok{i} {kind}")
                for r in got:
                    took = srv.took[f"ok{i}.example.org", 1 if kind == "A" else 28, "udp"]
                    own = [int(w) for w in doc.out.split()][i::5]
                    # by calls the clock of the first of two that are sent at once starts when both are
                    late = live.more and kind == "A"
                    f.check((late or 0.9 * sum(took) / len(took) - MS / 2 <= r["mean_ns"]) and r["mean_ns"] <= sum(own) / len(own),
                            f"mean of {kind}: {r['mean_ns']}, the server {sum(took) / len(took)}, the program {sum(own) / len(own)}")
                    # on a busy host either side may wait for a CPU; not all the time
                    times = [q["duration_ns"] for q in queries(doc, pid, name=r["name"], type=kind)]
                    f.check((late or 0.9 * min(took) <= min(times)) and min(times) <= 1.1 * min(took),
                            f"the fastest {kind}: {min(times)}, the server {min(took)}")
        f.same(rows(doc, srv.pid), [], "the server asks nobody")
        f.same({(r["addresses"], r["type"]) for r in queries(doc, pid)}, {("127.0.0.9", "A"), ("::9", "AAAA")}, "addresses")


@test("results as the server gave them; an answer that is not whole is asked for again over TCP")
def results():
    code = "import socket, time\nfor n in 'ok nx fail no odd big'.split():\n  t = time.monotonic_ns()\n" \
           "  try: socket.getaddrinfo(n + '.example.org.', 80, socket.AF_INET)\n  except OSError: pass\n" \
           "  print(n, time.monotonic_ns() - t)\n"
    doc, pid, srv = client("", words=[sys.executable, "-c", code], options="attempts:1")
    want = {"ok": ("answered", 1), "nx": ("nxdomain", 1), "fail": ("servfail", 1), "no": ("refused", 1), "odd": ("other", 1)}
    with Facts() as f:
        law(f, doc)
        for n, (column, _) in want.items():
            name = f"{n}.example.org"
            got = rows(doc, pid, name=name, type="A")
            f.same(sum(r["count"] for r in got), srv.asked[name, 1, "udp"] + srv.asked[name, 1, "tcp"], f"queries for {n}")
            f.same(sum(r[column] for r in got), sum(r["count"] for r in got), f"{column} of {n}")
        big = sorted((q["protocol"], q["truncated"], q["result"]) for q in queries(doc, pid, name="big.example.org"))
        f.same(big, [("tcp", False, "NOERROR"), ("udp", True, "NOERROR")], "one that is not whole")
        f.same({q["result"] for q in queries(doc, pid)}, {"NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED", "NOTZONE"}, "results")
        for q in queries(doc, pid):
            took = srv.took[q["name"], 1, q["protocol"]]
            all_of_it = dict(line.split() for line in doc.out.splitlines())[q["name"].split(".")[0]]
            # the server's clock may run on while it waits for a CPU, and the program has the answer already
            f.check(0.8 * min(took) - MS < q["duration_ns"] < int(all_of_it), f"{q['name']} took {q['duration_ns']}, the server {took}")


@test("what nobody answers is counted, by the way it ended; asking again is told")
def unanswered():
    code = "import socket\ntry: socket.getaddrinfo('silent.example.org.', 80, socket.AF_INET)\nexcept OSError: pass\n"
    doc, pid, srv = client("", words=[sys.executable, "-c", code], options="timeout:1 attempts:3", servers=("127.0.0.1", "127.0.0.8"))
    got = sorted(queries(doc, pid), key=lambda q: q["begin_ns"])
    with Facts() as f:
        law(f, doc)
        f.same(srv.asked["silent.example.org", 1, "udp"], 3, "what the server was asked")
        # the second server is none; glibc takes another socket for each attempt
        f.same([(q["server"], q["retries"]) for q in got], [(f"127.0.0.{'18'[i % 2]}:53", i) for i in range(6)], "in order")
        f.same({q["result"] for q in got}, {"given up"}, "ends")
        f.same((total(doc, "count", pid), total(doc, "unanswered", pid), total(doc, "answered", pid)), (6, 6, 0), "counts")
        f.same(total(doc, "retries", pid), 5, "asked again")
        for q in got:
            f.check(("127.0.0.1" in q["server"]) == (0.7 * S < q["duration_ns"] < 1.1 * S), f"how long it waited for {q['server']}: {q['duration_ns']}")
        slow = [s for s in doc["slow"] if s["kind"] == "dns" and s["pid"] == pid]
        f.same({(s["name"], s["detail"]["name"], s["detail"]["remote"], s["detail"]["reason"], s["lower_bound"]) for s in slow},
               {("dns A", "silent.example.org", "127.0.0.1:53", "given up", True)}, "slow")
        f.check(all(not q["answered"] for q in got), "answers")


ENDS = r"""
s = udp(server=("127.0.0.8", 53))
s.send(query("fast.nobody.org"))
try: s.recv(4096)
except ConnectionRefusedError: pass
s = udp()
m = query("silent.again.org")
for i in range(3): s.send(m); time.sleep(0.3)
# the same of two servers at once, as musl does: one answers
s = udp(False)
m = query("fast.both.org")
s.sendto(m, SERVER); s.sendto(m, ("127.0.0.8", 53)); s.recv(4096)
s.close()
time.sleep(0.5)
"""


@test("a server that is none, the same asked again over the same socket, and of two servers at once")
def ends():
    doc, pid, _ = client(ENDS)
    got = collections.defaultdict(list)
    for q in sorted(queries(doc, pid), key=lambda q: q["begin_ns"]):
        got[q["name"].split(".")[1]].append((q["result"], q["retries"]))
    with Facts() as f:
        law(f, doc)
        f.same(got["nobody"], [("nobody there", 0)], "where nobody listens")
        f.same(got["again"], [("asked again", 0), ("asked again", 1), ("given up", 2)], "asked again")
        f.same(got["both"], [("NOERROR", 0), ("not needed", 1)], "of two at once")
        for q in queries(doc, pid, result="asked again"):
            f.near(q["duration_ns"], 0.3 * S, "until it was asked again", 5, 5 * MS)
        f.same(sorted((r["name"], r["server"], r["unanswered"]) for r in rows(doc, pid)),
               [("fast.both.org", "127.0.0.1:53", 0), ("fast.both.org", "127.0.0.8:53", 0), ("fast.nobody.org", "127.0.0.8:53", 1),
                ("silent.again.org", "127.0.0.1:53", 3)], "unanswered")


@test("a query that is on its way shows as such, and when nobody looks any more it is neither answered nor not")
def open_one():
    code = "s = udp()\ns.send(query('silent.example.org'))\nprint('SENT', file=sys.stderr, flush=True)\nsys.stdin.readline()\n"
    with Server():
        with live.Record("--dns") as h, live.Load(*within(sys.executable, "-c", COMMON + code), ready="SENT") as c:
            time.sleep(0.5)
            doc = live.top("--dns", n=1, interval=0.5)[0]
            h.stop()
        del doc
    got = queries(h.doc, c.pid)
    with Facts() as f:
        law(f, h.doc)
        f.same([(q["result"], q["answered"]) for q in got], [("no answer yet", False)], "how it ended")
        f.same([(r["count"], r["unanswered"], r["errors"]) for r in rows(h.doc, c.pid)], [(1, 0, 0)], "counts")
        f.check(got and got[0]["duration_ns"] > 400 * MS, "its age")


WAYS = r'''
import array
def libc(name, *args):
    fn = getattr(ctypes.CDLL(None, use_errno=True), name)
    return fn(*args)
class iovec(ctypes.Structure): _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]
class msghdr(ctypes.Structure): _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint), ("iov", ctypes.POINTER(iovec)), ("iovlen", ctypes.c_size_t), ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t), ("flags", ctypes.c_int)]
class mmsghdr(ctypes.Structure): _fields_ = [("hdr", msghdr), ("len", ctypes.c_uint)]
def many(buffers):
    v = (mmsghdr * len(buffers))()
    for m, b in zip(v, buffers):
        m.iov = iovec(ctypes.addressof(b), ctypes.sizeof(b)); m.hdr.iov = ctypes.pointer(m.iov); m.hdr.iovlen = 1
    return v
N = 20
for i in range(N):
    s = udp(False); s.sendto(query("fast.sendto.org"), SERVER); s.recvfrom(4096)
    s = udp(False); m = query("fast.sendmsg.org"); s.sendmsg([m[:7], m[7:20], m[20:]], [], 0, SERVER); s.recvmsg(4096)
    s = udp(); s.send(query("fast.send.org")); s.recv(4096)
    s = udp(); os.write(s.fileno(), query("fast.write.org")); s.settimeout(None); os.read(s.fileno(), 4096)
    s = udp(); m = query("fast.writev.org"); os.writev(s.fileno(), [m[:5], m[5:]]); s.settimeout(None)
    os.readv(s.fileno(), [bytearray(9), bytearray(30), bytearray(4000)])
    s = udp(server=("::1", 53)); s.send(query("fast.six.org", 28)); s.recv(4096)
    s = udp(False, server=("::1", 53)); s.sendto(query("fast.sixto.org", 28), ("::1", 53)); s.recvfrom(4096)
    s = udp(server=("::ffff:127.0.0.1", 53)); s.send(query("fast.mapped.org")); s.recv(4096)
    s = udp(); s.send(query("fast.peek.org")); s.recv(4096, socket.MSG_PEEK); s.recv(4096)
    s = udp(); s.settimeout(None); q = [ctypes.create_string_buffer(query(f"fast.mmsg{k}.org", 1, k), len(query(f"fast.mmsg{k}.org"))) for k in range(4)]
    v = many(q); assert libc("sendmmsg", s.fileno(), v, 4, 0) == 4
    time.sleep(0.02)
    a = [ctypes.create_string_buffer(600) for k in range(4)]; w = many(a)
    got = 0
    while got < 4: got += libc("recvmmsg", s.fileno(), ctypes.byref(w, got * ctypes.sizeof(mmsghdr)), 4 - got, 0x10000, None)
    # again, out of the same memory
    for k in range(4): q[k][0] = bytes([7])
    assert libc("sendmmsg", s.fileno(), v, 4, 0) == 4
    time.sleep(0.02)
    got = 0
    while got < 4: got += libc("recvmmsg", s.fileno(), ctypes.byref(w, got * ctypes.sizeof(mmsghdr)), 4 - got, 0x10000, None)
    for x in (s,): x.close()
'''


@live.also_old
@test("every way to send and to receive: sendto, sendmsg, sendmmsg, write, writev and their like, IPv4, IPv6, mapped; exact")
def ways():
    doc, pid, srv = client(WAYS)
    want = {f"fast.{n}.org": 20 for n in "sendto sendmsg send write writev six sixto mapped peek".split()}
    want.update({f"fast.mmsg{k}.org": 40 for k in range(4)})
    with Facts() as f:
        law(f, doc)
        f.same({r["name"]: (r["count"], r["answered"], r["errors"]) for r in rows(doc, pid)}, {n: (c, c, 0) for n, c in want.items()}, "queries")
        f.same({k[0]: v for k, v in srv.asked.items()}, want, "what the server was asked")
        servers = {r["name"].split(".")[1]: r["server"] for r in rows(doc, pid)}
        f.same({servers[n] for n in ("six", "sixto")}, {"[::1]:53"}, "IPv6 servers")
        f.same({servers[n] for n in ("sendto", "sendmsg", "send", "mapped", "mmsg0")}, {"127.0.0.1:53"}, "IPv4 servers")


TCP = r'''
for i in range(10):
    s = tcp(); s.sendall(framed(query("fast.whole.org"))); read_tcp(s); s.close()
    s = tcp(); m = framed(query("fast.split.org"))
    for b in m: s.sendall(bytes([b]))
    read_tcp(s); s.close()
    s = tcp(); m = framed(query("fast.two.org")); s.sendmsg([m[:2], m[2:]]); read_tcp(s)
    s.sendall(framed(query("fast.three.org", 28)) + framed(query("fast.four.org"))); read_tcp(s); read_tcp(s); s.close()
    s = tcp(); s.sendall(framed(query("fast.slice.org"))); read_tcp(s); s.close()
    s = tcp(); s.sendall(framed(query("fast.long.org"))); read_tcp(s); s.sendall(framed(query("fast.after.org"))); read_tcp(s); s.close()
    s = tcp(("::1", 53)); s.sendall(framed(query("fast.six.org"))); read_tcp(s); s.close()
    s = tcp(); t = time.monotonic_ns(); s.sendall(framed(query("long.example.org"))); read_tcp(s); print(time.monotonic_ns() - t); s.close()
'''


@test("over TCP: whole, byte by byte, two at once, one after the other, answers in slices and longer than is looked at")
def over_tcp():
    doc, pid, srv = client(TCP)
    want = {f"fast.{n}.org": 10 for n in "whole split two three four slice long after six".split()}
    want["long.example.org"] = 10
    with Facts() as f:
        law(f, doc)
        f.same({r["name"]: (r["count"], r["answered"], r["errors"], r["tcp"]) for r in rows(doc, pid)},
               {n: (c, c, 0, c) for n, c in want.items()}, "queries")
        f.same({k[0]: v for k, v in srv.asked.items()}, want, "what the server was asked")
        took = [int(w) for w in doc.out.split()]
        f.near(rows(doc, pid, name="long.example.org")[0]["mean_ns"], sum(took) / len(took), "delay", 10, 0)


@test("glibc over TCP writes both queries at once and reads length and body apart")
def glibc_tcp():
    code = "import socket\nfor i in range(20): socket.getaddrinfo('ok.example.org', 80)\n"
    doc, pid, srv = client("", words=[sys.executable, "-c", code], options="use-vc")
    with Facts() as f:
        law(f, doc)
        f.same([(r["type"], r["count"], r["tcp"]) for r in sorted(rows(doc, pid), key=lambda r: r["type"])], [("A", 20, 20), ("AAAA", 20, 20)], "queries")


LATENCY = r"""
for i in range(40):
    s = udp(i % 2); m = query(f"{'ok' if i % 4 < 2 else 'fast'}.example.org")
    t = time.monotonic_ns()
    s.sendto(m, SERVER) if not i % 2 else s.send(m)
    s.recv(4096)
    print(time.monotonic_ns() - t)
"""


@test("latency is what the program itself measures, from its send to its receive")
def latency():
    doc, pid, _ = client(LATENCY)
    got = [q["duration_ns"] for q in sorted(queries(doc, pid), key=lambda q: q["begin_ns"])]
    want = [int(w) for w in doc.out.split()]
    with Facts() as f:
        law(f, doc)
        f.same(len(got), len(want), "queries")
        for i, (g, w) in enumerate(zip(got, want)):
            f.check(g <= w, f"query {i}: {g}, the program {w}")
            if i % 4 < 2:
                f.near(g, w, f"query {i}", 5, MS / 2)
        medians = [sorted(x[2::4] + x[3::4])[10] for x in (got, want)]
        f.near(medians[0], medians[1], "median of those that are answered at once", 30, 0.03 * MS)


@test("names in whatever case are one; every byte of them may be anything")
def names():
    code = r'''
s = udp(); s.settimeout(0.3)
for n in ("Fast.Example.ORG", "fast.example.org", "fAsT.eXample.orG"):
    s.send(query(n)); s.recv(4096)
m = query("fast.x", 1)[:12] + b"\5f\0\x1b.\xff\4<\n\"&\0" + b"\0\1\0\1"
s.send(m)
s.send(query(".".join(["a" * 63] * 3 + ["b" * 61]), 65280))
try:
    s.recv(4096); s.recv(4096)
except OSError: pass
'''
    doc, pid, _ = client(code)
    got = {r["name"]: r for r in rows(doc, pid)}
    with Facts() as f:
        law(f, doc)
        f.same(sorted(got), sorted(["Fast.Example.ORG", "f\\000\\027\\046\\255.<\\010\"&", ".".join(["a" * 63] * 3 + ["b" * 61])]), "names")
        f.same(got["Fast.Example.ORG"]["count"], 3, "in three spellings")
        f.same({q["name"] for q in queries(doc, pid) if q["name"].lower() == "fast.example.org"},
               {"Fast.Example.ORG", "fast.example.org", "fAsT.eXample.orG"}, "as they were asked")
        f.same(got[".".join(["a" * 63] * 3 + ["b" * 61])]["type"], "TYPE65280", "type")


HOSTILE = r'''
random.seed(1)
s = udp(); s.settimeout(0.05)
sent = 0
def send(m):
    global sent
    try: s.send(m)
    except OSError: return
    sent += 1
for i in range(300): send(random.randbytes(random.randrange(1, 600)))
good = query("silent.example.org")
for i in range(len(good)): send(good[:i + 1])
for i in range(300):
    m = bytearray(good); m[random.randrange(len(m))] = random.randrange(256); send(bytes(m))
send(good[:4] + b"\xff" * 8 + b"\xc0\x0c" * 200)
send(b"x" * 60000)
for n in ("junk.example.org", "short.example.org"):
    for i in range(20):
        send(query(n))
        try: s.recv(4096)
        except OSError: pass
t = tcp(); t.sendall(b"\xff\xff" + random.randbytes(30000)); t.close()
t = tcp(); t.sendall(b"\0\1x\0\0"); t.close()
print(sent)
'''


@test("what is no DNS at all, from either side, is counted and harms nothing")
def hostile():
    doc, pid, _ = client(HOSTILE, may_lose=("dns", "stacks"))
    a = doc.acct("dns")
    sent = int(doc.out)
    with Facts() as f:
        f.same(a["unaccounted"], 0, "unaccounted")
        f.check(a["lost_by"].get("damaged", 0) > 300, f"damaged: {a}")
        f.same(set(a["lost_by"]) - {"damaged", "unpaired"}, set(), "lost otherwise")
        f.check(a["seen"] >= sent, f"{sent} were sent, {a['seen']} seen")


@test("curl by name: its connection and its peer have the name; by address they have that of whoever asked")
def peer_names():
    if not shutil.which("curl"):
        lacks("curl")
    doc, pid, _ = client("", words=["curl", "-s", "-4", "http://ok.example.org/"])
    conns = [r for r in doc["connections"] if r.get("comm") == "curl" and r["remote"] == f"{ADDR4}:80"]
    peers = [r for r in doc["peers"] if r.get("comm") == "curl" and r["remote"] == ADDR4]
    with Facts() as f:
        f.same(doc.out, "ok\n", "what curl got")
        f.same([r.get("name") for r in conns], ["ok.example.org"], "the connection")
        f.same([r.get("name") for r in peers], ["ok.example.org"], "the peer")
        f.check(all("name" not in r for r in doc["connections"] if not r["remote"].startswith(ADDR4)), "others")


@test("dig: types, and a server that is asked by address")
def dig():
    if not shutil.which("dig"):
        lacks("dig")
    doc, pid, srv = client("", words=["dig", "+tries=1", "@127.0.0.2", "ok.example.org", "MX", "ok.example.org", "TXT", "nx.example.org", "SRV"])
    with Facts() as f:
        law(f, doc)
        got = sorted((r["type"], r["count"], r["nxdomain"], r["server"]) for r in doc["dns"] if r.get("comm", "").startswith(("dig", "isc")))
        f.same(got, [("MX", 1, 0, "127.0.0.2:53"), ("SRV", 1, 1, "127.0.0.2:53"), ("TXT", 1, 0, "127.0.0.2:53")], "queries")


SOCKETS32 = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
static char m[512], got[512];
static int query(const char *label)
{
	size_t n = strlen(label);
	memcpy(m, "\0\7\1\0\0\1\0\0\0\0\0\0\4fast", 17);
	m[17] = n;
	memcpy(m + 18, label, n);
	memcpy(m + 18 + n, "\0\0\1\0\1", 5);
	return 23 + n;
}
int main(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0x7f000001) };
	for (int i = 0; i < 10; i++) {
		int s = socket(AF_INET, SOCK_DGRAM, 0), n = query("sendto");
		struct iovec v[2], w = { got, sizeof(got) };
		struct msghdr h = { .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = v, .msg_iovlen = 2 };
		struct mmsghdr mm[2] = { 0 }, rr[2] = { 0 };
		sendto(s, m, n, 0, (void *)&to, sizeof(to));
		recvfrom(s, got, sizeof(got), 0, NULL, NULL);
		n = query("sendmsg");
		v[0] = (struct iovec){ m, 9 };
		v[1] = (struct iovec){ m + 9, n - 9 };
		sendmsg(s, &h, 0);
		h = (struct msghdr){ .msg_iov = &w, .msg_iovlen = 1 };
		recvmsg(s, &h, 0);
		connect(s, (void *)&to, sizeof(to));
		n = query("send");
		send(s, m, n, 0);
		recv(s, got, sizeof(got), 0);
		n = query("write");
		write(s, m, n);
		read(s, got, sizeof(got));
		n = query("writev");
		v[0] = (struct iovec){ m, 9 };
		v[1] = (struct iovec){ m + 9, n - 9 };
		writev(s, v, 2);
		readv(s, &w, 1);
		n = query("mmsg");
		v[0] = v[1] = (struct iovec){ m, n };
		mm[0].msg_hdr = (struct msghdr){ .msg_iov = &v[0], .msg_iovlen = 1 };
		sendmmsg(s, mm, 1, 0);
		rr[0].msg_hdr = (struct msghdr){ .msg_iov = &w, .msg_iovlen = 1 };
		recvmmsg(s, rr, 1, 0, NULL);
		close(s);
	}
	return 0;
}
"""


@live.also_old
@test("programs of 32 bits, whose structures and calls are others")
def bits32():
    source, program = (os.path.join(live.folder(), n) for n in ("c.c", "c"))
    with open(source, "w", encoding="ascii") as f:
        f.write(SOCKETS32)
    if subprocess.run(["gcc", "-m32", "-O1", "-w", "-idirafter", "/usr/include/x86_64-linux-gnu", source, "-o", program], capture_output=True).returncode:
        lacks("a compiler for 32 bits")
    doc, pid, srv = client("", words=[program])
    want = {f"fast.{n}": 10 for n in "sendto sendmsg send write writev mmsg".split()}
    with Facts() as f:
        law(f, doc)
        f.same({k[0]: v for k, v in srv.asked.items()}, want, "what the server was asked")
        f.same({r["name"]: r["answered"] for r in rows(doc, pid)}, want, "queries")


def hooks(pid):
    """How many hooks of DNS it holds."""
    return live.hung(pid, "sock_send_length", "sock_recv_length")


@test("off unless asked for: no hook; on for a target, and with the option")
def switched():
    def links(*opts):
        p = live.start(live.HOSTLAT, "record", "-d", 2, *opts, "-o", os.path.join(live.folder(), "x.json"))
        live.wait_for("hooks", lambda: live.attached(p))
        time.sleep(0.3)
        n = hooks(p.pid)
        live._finish(p, 20)
        return n

    with Facts() as f:
        f.same(links(), 0, "hooks without the option")
        f.same(links("--dns"), 2, "hooks with it")
        f.same(links("-p", os.getpid()), 2, "hooks of a run with a target")


@test("in the live view, while DNS shows and not before or after")
def view():
    pid, fd = pty.fork()
    if not pid:
        os.environ["TERM"] = "xterm"
        os.execv(live.HOSTLAT, [live.HOSTLAT])
    threading.Thread(target=lambda: [None for _ in iter(lambda: _read(fd), b"")], daemon=True).start()
    try:
        live.wait_for("screen", lambda: len(os.listdir(f"/proc/{pid}/fd")) > 30)
        time.sleep(2)
        same(hooks(pid), 0, "hooks at first")
        for _ in range(3):
            os.write(fd, b"d")
            live.wait_for("hooks", lambda: hooks(pid) == 2)
            os.write(fd, b"1")
            live.wait_for("end of the hooks", lambda: hooks(pid) == 0)
        os.write(fd, b"q")
        live.wait_for("end", lambda: os.waitpid(pid, os.WNOHANG)[0] == pid)
        pid = 0
    finally:
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _read(fd):
    try:
        return os.read(fd, 65536)
    except OSError:
        return b""


@test("500 a second, many threads, ten seconds: every one is counted")
def many():
    code = r'''
import threading
def work(k):
    s = udp()
    for i in range(1000):
        s.send(query(f"fast{k}.example.org")); s.recv(4096); time.sleep(0.001)
ts = [threading.Thread(target=work, args=(k,)) for k in range(8)]
[t.start() for t in ts]; [t.join() for t in ts]
'''
    doc, pid, srv = client(code)
    with Facts() as f:
        law(f, doc)
        f.same(sorted((r["name"], r["count"], r["answered"]) for r in rows(doc, pid)), [(f"fast{k}.example.org", 1000, 1000) for k in range(8)], "queries")
        f.same(len(queries(doc)), 2048, "the newest of them")


if __name__ == "__main__":
    live.main()
