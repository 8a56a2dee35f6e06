#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Exchanges on TCP connections: how many, how long and where the time went, against what the programs at both
ends measured themselves, and against redis-benchmark, curl and pgbench."""
import json
import os
import re
import shutil
import subprocess
import sys
import time

import live
from live import MS, S, US, Facts, check, lacks, near, same, test

# What the programs of these tests share: a listener, and a log of what they did, as JSON on stdout at their end.
COMMON = """
import json, os, select, selectors, socket, ssl, sys, threading, time
now = time.monotonic_ns
log = []
def listen(port, backlog=512):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen(backlog)
    return s
def ready():
    print("READY", file=sys.stderr, flush=True)
def burn(ms):
    end = time.thread_time() + ms / 1000
    while time.thread_time() < end:
        pass
def ask(c, n=1, size=100):
    for _ in range(n):
        c.sendall(b"q" * size)
        begin = now()
        check(c.recv(65536))
        log.append(now() - begin)
def check(data):
    if not data:
        raise SystemExit("the peer went away")
    return data
def serve(c, work):
    while c.recv(65536):
        begin = now()
        work()
        log.append(now() - begin)
        c.sendall(b"a" * 100)
    c.close()
def done():
    print(json.dumps(log), flush=True)
"""


def python(code, *args, ready="READY", **more):
    return live.Load(sys.executable, "-c", COMMON + code, *args, ready=ready, **more)


def client(code, *args, limit=40):
    """Runs to its end; what it logged."""
    with python(code, *args, ready=None) as c:
        c.log = json.loads(c.end(limit).splitlines()[-1])
        return c


def rows(doc, **want):
    return [r for r in doc["exchanges"] if all(r.get(k) == v for k, v in want.items())]


def one(doc, **want):
    got = rows(doc, **want)
    same(len(got), 1, f"rows of {want}: {[(r['comm'], r['pid'], r['name'], r['port'], r['count']) for r in got]}; rows")
    r = got[0]
    h = r["histogram"]
    same(sum(h["counts"]) + h["zero_count"], r["count"], "in the histogram")
    same(sum(r["time_ns"].values()) + r["unknown_ns"], r["total_ns"], "time by state and time of which none is known")
    return r


def slow(doc, **want):
    want.setdefault("in_progress", False)
    return [s for s in doc["slow"] if s["kind"] == "exchange" and all(s.get(k) == v for k, v in want.items())]


def recorded(*opts, calls="off", **more):
    return live.Record("--exchanges", *opts, calls=calls, **more)


SERVER = """
s = listen(int(sys.argv[1]))
ready()
work = eval(sys.argv[2])
def main():
    while True:
        c, _ = s.accept()
        threading.Thread(target=serve, args=(c, work), daemon=True).start()
threading.Thread(target=main, daemon=True).start()
sys.stdin.readline()
done()
"""

ASK = """
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
ask(c, int(sys.argv[2]))
c.close()
done()
"""


def answered(port, work, n, calls="off", opts=()):
    """A server that does that work for each request, asked n times: the document, both, and the server's log."""
    with python(SERVER, port, work) as s, recorded(*opts, calls=calls) as h:
        c = client(ASK, port, n)
        time.sleep(0.1)
        h.stop()
        s.say()
        s.log = json.loads(s.end())
    same((len(s.log), len(c.log)), (n, n), "what they say that they did")
    return h.doc, s, c


@test("a server that computes 20 ms: so long until the first byte, all of it cpu; asked and answered agree")
def computes():
    for calls in ("off", "on"):
        doc, s, c = answered(7901, "lambda: burn(20)", 40, calls)
        with Facts() as f:
            a, q = one(doc, pid=s.pid, name="answer"), one(doc, pid=c.pid, name="request")
            f.same((a["count"], a["role"], a["port"], a.get("remote"), a["unanswered"]), (40, "accepted", 7901, None, 0), "answers")
            f.same((q["count"], q["role"], q["port"], q.get("remote"), q["unanswered"]), (40, "opened", 7901, "127.0.0.1", 0), "requests")
            # as the programs saw it, with what they need from the end of a call until they look at the clock
            f.near(a["total_ns"], sum(s.log), f"answers, calls {calls}", 5, 40 * 100 * US)
            f.near(q["total_ns"], sum(c.log), f"requests, calls {calls}", 5, 40 * 100 * US)
            f.near(a["time_ns"]["cpu"], 40 * 20 * MS, "cpu", 5, MS)
            f.near(a["time_ns"]["cpu"] + a["time_ns"].get("runqueue", 0), a["total_ns"], "cpu and waits for it", 0.5, MS)
            f.near(q["time_ns"]["network"], q["total_ns"], "what the client waited for the server", 10, 10 * MS)
            told = slow(doc, pid=s.pid, name="answer")
            f.same(len(told), 40, "slow answers")
            f.check(all(x["detail"]["remote"].startswith("127.0.0.1:") and x["detail"]["local"] == "127.0.0.1:7901" for x in told), "peers")
            f.same(len(slow(doc, pid=c.pid, name="request")), 40, "slow requests")
            f.same((a["reads"], q["reads"]), (40, 40), "reads of data that had come")


DOWN = """
s = listen(int(sys.argv[1]))
ready()
while True:
    c, _ = s.accept()
    def one(c=c):
        while c.recv(65536):
            time.sleep(float(sys.argv[2]))
            c.sendall(b"d")
    threading.Thread(target=one, daemon=True).start()
"""

# Asks each of its own servers so often for each request.
MIDDLE = """
s = listen(int(sys.argv[1]))
down = [socket.create_connection(("127.0.0.1", int(p))) for p in sys.argv[3:]]
ready()
def work():
    for d in down:
        begin = now()
        for _ in range(int(sys.argv[2])):
            d.sendall(b"q")
            check(d.recv(100))
        waits.setdefault(d.getpeername()[1], []).append(now() - begin)
waits = {}
c, _ = s.accept()
serve(c, work)
print(json.dumps(waits))
done()
"""


def middle(n, each, *down):
    """n requests to a server that asks its own ones, `each` times: document, its pid, its waits by port."""
    servers = [python(DOWN, port, seconds) for port, seconds in down]
    try:
        with python(MIDDLE, 7902, each, *(port for port, _ in down)) as s, recorded() as h:
            client(ASK, 7902, n)
            waits = {int(k): v for k, v in json.loads(s.end().splitlines()[0]).items()}
            time.sleep(0.1)
            h.stop()
    finally:
        for x in servers:
            x.__exit__(None, None, None)
    return h.doc, s.pid, waits


@test("a server that waits 30 ms for its own server: network, and which peer that was")
def downstream():
    doc, pid, waits = middle(20, 1, (7903, 0.03))
    with Facts() as f:
        a = one(doc, pid=pid, name="answer")
        f.near(a["time_ns"]["network"], sum(waits[7903]), "network", 5, 10 * MS)
        told = slow(doc, pid=pid, name="answer")
        f.same(len(told), 20, "slow ones")
        for s in told:
            f.same([p["remote"] for p in s["peers"]], ["127.0.0.1:7903"], "peers")
            f.same(s["peers"][0]["ns"], s["time_ns"]["network"], "time for that peer")


@test("many short waits for several peers add up, peer by peer, though none of them is slow")
def many_short():
    doc, pid, waits = middle(15, 10, (7904, 0.002), (7905, 0.001))
    with Facts() as f:
        a = one(doc, pid=pid, name="answer")
        told = slow(doc, pid=pid, name="answer")
        f.same((a["count"], len(told)), (15, 15), "exchanges and slow ones")
        over = sum(s["duration_ns"] for s in doc.slow(pid, "wait") if s["state"] == "network")
        f.check(over < a["time_ns"]["network"] / 4, f"waits that are slow themselves: {over} of {a['time_ns']}")
        for port in (7904, 7905):
            got = sum(p["ns"] for s in told for p in s["peers"] if p["remote"] == f"127.0.0.1:{port}")
            f.near(got, sum(waits[port]), f"waits for {port}", 10, 10 * MS)
        f.check(all({p["remote"] for p in s["peers"]} == {"127.0.0.1:7904", "127.0.0.1:7905"} for s in told), "peers")
        f.check(all(sum(p["ns"] for p in s["peers"]) == s["time_ns"]["network"] for s in told), "all of network")


LATE = """
s = listen(7906)
ready()
c, _ = s.accept()
while True:
    p = select.poll()
    p.register(c, select.POLLIN)
    p.poll()
    begin = now()
    time.sleep(0.015)
    data = c.recv(65536)
    log.append(now() - begin)
    if not data:
        break
    c.sendall(b"a")
done()
"""


@live.also_old
@test("data that had come and is read 15 ms later: data ready until read, not part of the answer")
def late():
    with python(LATE) as s, recorded() as h:
        client(ASK, 7906, 30)
        s.log = json.loads(s.end())
        time.sleep(0.1)
        h.stop()
    with Facts() as f:
        a = one(h.doc, pid=s.pid, name="answer")
        f.same((a["count"], a["reads"]), (30, 30), "answers and reads")
        f.near(a["read_ns"], sum(s.log[:30]), "until they were read", 5, 30 * 200 * US)
        f.check(14 * MS < a["read_p50_ns"] < 25 * MS, f"p50 of reads: {a['read_p50_ns']}")
        f.check(a["p50_ns"] < 2 * MS, f"p50 of answers: {a['p50_ns']}")
        r = a["read_histogram"]
        f.same(sum(r["counts"]) + r["zero_count"], 30, "reads in their histogram")


# Each connection's answers come so many ms after its requests; one thread serves all of them.
ASYNC = """
s = listen(7907)
s.setblocking(False)
sel = selectors.DefaultSelector()
sel.register(s, selectors.EVENT_READ)
due, n, got = [], 0, {}
ready()
def turn(t):
    for key, _ in sel.select(t):
        if key.fileobj is s:
            c, a = s.accept()
            c.setblocking(False)
            sel.register(c, selectors.EVENT_READ)
            got[c] = (a[1], [])
            continue
        c = key.fileobj
        data = c.recv(65536)
        if not data:
            sel.unregister(c)
            c.close()
            continue
        t0 = now()
        due.append((t0 + int(data) * 1000000, t0, c))
while not got or any(c.fileno() >= 0 for c in got):
    t = now()
    for d in sorted(d for d in due if d[0] <= t and not due.remove(d)):
        got[d[2]][1].append(now() - d[1])
        d[2].send(b"a")
    turn(max(min([d[0] for d in due], default=t + 10**9) - now(), 0) / 1e9)
print(json.dumps(list(got.values())))
"""

ASYNC_ASK = """
cs = [socket.create_connection(("127.0.0.1", 7907)) for _ in range(int(sys.argv[1]))]
def one(c, ms):
    for _ in range(10):
        c.sendall(str(ms).encode())
        check(c.recv(100))
    c.close()
ts = [threading.Thread(target=one, args=(c, 5 + i % 4 * 10)) for i, c in enumerate(cs)]
for t in ts: t.start()
for t in ts: t.join()
done()
"""


@test("one thread that serves 60 connections at once: each connection's own times")
def asynchronous():
    with python(ASYNC) as s, recorded() as h:
        c = client(ASYNC_ASK, 60)
        truth = {port: times for port, times in json.loads(s.end())}
        time.sleep(0.1)
        h.stop()
    with Facts() as f:
        a = one(h.doc, pid=s.pid, name="answer")
        q = one(h.doc, pid=c.pid, name="request")
        f.same((a["count"], q["count"], len(truth)), (600, 600, 60), "exchanges")
        f.near(a["total_ns"], sum(map(sum, truth.values())), "answers", 1, 600 * 200 * US)
        conns = [r for r in h.doc["connections"] if r.get("pid") == s.pid and r["role"] == "accepted"]
        f.same(len(conns), 60, "connections")
        for r in conns:
            times = truth[int(r["remote"].rsplit(":", 1)[1])]
            f.same((r["exchanges"], r["unanswered"]), (10, 0), "exchanges of a connection")
            f.near(r["exchange_avg_ns"], sum(times) / 10, "their mean", 3, 500 * US)
            f.near(r["exchange_max_ns"], max(times), "their longest", 3, MS)


@live.also_old
@test("10,000 exchanges are 10,000, at both ends")
def exact():
    code = "lambda: None"
    doc, s, c = answered(7908, code, 10000)
    with Facts() as f:
        f.same((one(doc, pid=s.pid)["count"], one(doc, pid=c.pid)["count"]), (10000, 10000), "exchanges")
        acct = doc.acct("exchanges")
        f.same((acct["lost"], acct["seen"]), (0, sum(r["count"] + r["unanswered"] for r in doc["exchanges"])), "accounting")
        f.same(doc.acct("reads")["seen"], sum(r["reads"] for r in doc["exchanges"]), "reads")


PIPELINED = """
s = listen(7909)
ready()
c, _ = s.accept()
n = 0
while True:
    data = c.recv(65536)
    if not data:
        break
    for q in data.split():
        n += 1
        c.sendall(b"answer ")
log.append(n)
done()
"""

PIPELINE = """
c = socket.create_connection(("127.0.0.1", 7909))
for _ in range(50):
    c.sendall(b"q " * 8)
    got = b""
    while got.count(b" ") < 8:
        got += check(c.recv(100))
c.close()
done()
"""


@test("requests that come together are one exchange, until the first of their answers")
def pipelined():
    with python(PIPELINED) as s, recorded() as h:
        c = client(PIPELINE)
        same(json.loads(s.end()), [400], "requests")
        time.sleep(0.1)
        h.stop()
    same((one(h.doc, pid=s.pid)["count"], one(h.doc, pid=c.pid)["count"]), (50, 50), "exchanges")


HANDS_ON = """
import queue
s = listen(7910)
q = queue.SimpleQueue()
def worker():
    while True:
        c = q.get()
        time.sleep(0.012)
        c.sendall(b"a")
threading.Thread(target=worker, daemon=True).start()
ready()
c, _ = s.accept()
while c.recv(100):
    q.put(c)
done()
"""


@test("another thread answers than the one that read: the time is there, and in no state")
def handed_on():
    with python(HANDS_ON) as s, recorded() as h:
        client(ASK, 7910, 20)
        s.end()
        time.sleep(0.1)
        h.stop()
    a = one(h.doc, pid=s.pid)
    told = slow(h.doc, pid=s.pid)
    with Facts() as f:
        f.same((a["count"], a["time_ns"], a["unknown_ns"]), (20, {}, a["total_ns"]), "answers")
        f.same(len(told), 20, "slow ones")
        f.check(all(not x["time_ns"] and "peers" not in x for x in told), "time of slow ones")


# What becomes of a connection whose request is never answered.
ENDS = """
import signal
s = listen(7911)
def conn():
    c = socket.create_connection(("127.0.0.1", 7911))
    return c, s.accept()[0]
def both(c, d): # one that is answered
    c.sendall(b"q"); check(d.recv(9)); d.sendall(b"a"); check(c.recv(9))
    return c, d
c, d = both(*conn())           # the server closes it instead
c.sendall(b"q" * 50); check(d.recv(99)); d.close(); c.recv(9); c.close()
c, d = both(*conn())           # the client gives up
c.sendall(b"q"); check(d.recv(9)); time.sleep(0.05); c.close(); d.recv(9); d.close()
c, d = both(*conn())           # a last word
c.sendall(b"bye"); c.close(); time.sleep(0.001); check(d.recv(9)); d.recv(9); d.close()
c, d = both(*conn())           # … upon which the server is the first to close
c.sendall(b"bye"); check(d.recv(9)); d.close(); time.sleep(0.001); c.close()
c, d = both(*conn())           # … and what came unasked is not read
c.sendall(b"bye"); check(d.recv(9)); d.sendall(b"unasked"); time.sleep(0.001); c.close(); d.close()
c, d = both(*conn())           # the client breaks it
c.sendall(b"q"); check(d.recv(9))
c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\\1\\0\\0\\0\\0\\0\\0\\0"); c.close()
try: d.recv(9)
except OSError: pass
d.close()
c, d = both(*conn())           # half closed, and answered
c.sendall(b"q"); c.shutdown(socket.SHUT_WR); check(d.recv(9)); d.recv(9); d.sendall(b"a"); check(c.recv(9)); d.close(); c.close()
done()
"""


@live.also_old
@test("requests that are never answered are told, by both ends; a last word is none")
def unanswered():
    with recorded() as h:
        c = client(ENDS)
        time.sleep(0.2)
        h.stop()
    with Facts() as f:
        q, a = one(h.doc, pid=c.pid, name="request"), one(h.doc, pid=c.pid, name="answer")
        f.same((q["count"], q["unanswered"]), (8, 3), "requests")
        f.same((a["count"], a["unanswered"]), (9, 3), "answers") # one of them nobody read
        if len(h.doc["connections"]) >= 2048:  # of those that ended so many keep rows, of the whole host
            return
        f.same([(r["exchanges"], r["unanswered"]) for r in sorted(h.doc["connections"], key=lambda r: r["opened_ns"])
                if r.get("pid") == c.pid and r["role"] == "opened"], [(1, 1), (1, 1), (1, 0), (1, 0), (1, 0), (1, 1), (2, 0)], "by connection")


@test("of a target only its own: nobody else's are counted, nor accounted for")
def target():
    with python(SERVER, 7912, "lambda: burn(2)") as s, python(SERVER, 7913, "lambda: burn(2)"), \
            recorded("-p", str(s.p.pid), calls="auto") as h:
        client(ASK, 7912, 20)
        client(ASK, 7913, 20)
        time.sleep(0.1)
        h.stop()
    with Facts() as f:
        f.same([(r["pid"], r["name"], r["count"]) for r in h.doc["exchanges"]], [(s.pid, "answer", 20)], "rows")
        f.same(h.doc.acct("exchanges")["seen"], 20, "seen")


NO_BACKLOG = """
s = listen(7920, 0)
ready()
c, _ = s.accept()
serve(c, lambda: None)
done()
"""


@live.also_old
@test("a connection is an accepted one also where its listener lets nobody wait")
def no_backlog():
    with python(NO_BACKLOG) as s, recorded() as h:
        c = client(ASK, 7920, 20)
        s.end()
        time.sleep(0.1)
        h.stop()
    with Facts() as f:
        f.same([(r["name"], r["port"], r["count"]) for r in rows(h.doc, pid=s.pid)], [("answer", 7920, 20)], "answers")
        f.same([(r["name"], r["port"], r["count"]) for r in rows(h.doc, pid=c.pid)], [("request", 7920, 20)], "requests")


MANY = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (8000, 8000))
s = listen(7919)
cs = [(socket.create_connection(("127.0.0.1", 7919)), s.accept()[0]) for _ in range(1500)]
for _ in range(2):
    for c, d in cs:
        c.sendall(b"q"); check(d.recv(9)); d.sendall(b"a"); check(c.recv(9))
"""


@test("connections that find no room: what they lack is lost, to the last answer")
def no_room():
    r = live.record([sys.executable, "-c", COMMON + MANY], ("--exchanges", "--memory=20M"), may_lose=("exchanges",))
    got = {x["name"]: x["count"] for x in rows(r.doc, port=7919)}
    acct = r.doc.acct("exchanges")
    with Facts() as f:
        f.check(0 < got["answer"] < 3000 and 0 < got["request"] < 3000, f"exchanges: {got}")
        f.same((acct["seen"], acct["delivered"]), (6000, sum(got.values())), "accounting")
        f.same(acct["lost_by"], {"map_full": 6000 - sum(got.values())}, "lost")


@test("without being asked for it is off: no hook hangs anywhere, and the table says so")
def off():
    before = hooks()
    with live.Record() as h:
        same(hooks() - before, 0, "hooks on socket calls")
        h.stop()
    with Facts() as f:
        f.same([c["state"] for c in h.doc["capture"]["collectors"] if c["name"] == "exchanges"], ["off"], "collector")
        f.same(h.doc["exchanges"], [], "rows")
        f.same([a for a in h.doc["capture"]["accounting"] if a["class"] in ("exchanges", "reads")], [], "accounting")
        out = subprocess.run([live.HOSTLAT, "top", "--batch", "-n", "1", "-i", "0.2"], capture_output=True, text=True, timeout=30).stdout
        f.check("Exchanges: not measured; --exchanges counts them" in out, "text")
        out = subprocess.run([live.HOSTLAT, "top", "--batch", "--json", "-n", "1", "-i", "0.2", "--view", "exchanges"],
                             capture_output=True, text=True, timeout=30).stdout
        f.same([c["state"] for c in json.loads(out)["capture"]["collectors"] if c["name"] == "exchanges"], ["on"], "while its view shows")


def hooks():
    out = subprocess.run(["bpftool", "prog", "list"], capture_output=True, text=True, timeout=30).stdout
    return len(re.findall(r"name sock_(?:send|recv)_len", out))


# ---- programs that others made --------------------------------------------------------------------


def program(name):
    for path in (shutil.which(name), *sorted(f"/usr/lib/postgresql/{v}/bin/{name}" for v in
                 (os.listdir("/usr/lib/postgresql") if os.path.isdir("/usr/lib/postgresql") else ()))):
        if path and os.access(path, os.X_OK):
            return path
    return lacks(name)


def listens(port, p):
    def one():
        check(p.poll() is None, "the server ended")
        return subprocess.run(["ss", "-Hltn", f"sport = :{port}"], capture_output=True, text=True, timeout=10).stdout
    live.wait_for(f"listener on {port}", one)


def redis(port, *words):
    return subprocess.run([program("redis-cli"), "-p", str(port), *words], capture_output=True, text=True, timeout=20).stdout


@test("redis: as many answers as it has processed commands, and redis-benchmark's latency is its requests'")
def redis_server():
    with live.Load(program("redis-server"), "--port", 7914, "--save", "", "--bind", "127.0.0.1") as s:
        listens(7914, s.p)
        count = lambda: int(re.search(r"total_commands_processed:(\d+)", redis(7914, "info", "stats"))[1])
        before = count()
        with recorded() as h:
            p = live.start(program("redis-benchmark"), "-p", 7914, "-t", "get", "-n", 20000, "-c", 10, "--csv")
            out = live._finish(p, 60)[0]
            time.sleep(0.2)
            h.stop()
        # the first of our questions was counted after it was answered; it asks for two settings at once
        done = count() - before - 1 - 1
    mean = float(re.search(r'"GET","[\d.]+","([\d.]+)"', out)[1]) * MS
    with Facts() as f:
        a = one(h.doc, pid=s.pid, name="answer")
        f.same(a["count"], done, "answers, commands")
        q = one(h.doc, pid=p.pid, name="request")
        f.same(q["count"], done, "requests, commands")
        f.near(q["total_ns"] / q["count"], mean, "the mean of redis-benchmark", 15, 20 * US)


NGINX = """daemon off; worker_processes 1; pid %(dir)s/pid; error_log %(dir)s/error;
events { worker_connections 256; }
http { access_log off; client_body_temp_path %(dir)s/b; proxy_temp_path %(dir)s/p; fastcgi_temp_path %(dir)s/f;
uwsgi_temp_path %(dir)s/u; scgi_temp_path %(dir)s/s;
server { listen 127.0.0.1:7915; location / { proxy_pass http://127.0.0.1:7916; } location /own { return 200 "x"; } } }
"""

BACKEND = """
s = listen(7916)
ready()
def one(c):
    while c.recv(65536):
        time.sleep(0.03)
        c.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
        break
    c.close()
while True:
    c, _ = s.accept()
    threading.Thread(target=one, args=(c,), daemon=True).start()
"""


@test("nginx before a server of 30 ms, asked by curl: time_starttransfer is the request's, and nginx waits for its own")
def nginx():
    path = live.folder()
    with open(f"{path}/conf", "w", encoding="ascii") as f:
        f.write(NGINX % {"dir": path})
    with python(BACKEND), live.Load(program("nginx"), "-c", f"{path}/conf", "-p", path) as n:
        listens(7915, n.p)
        with recorded() as h:
            got = []
            for _ in range(20):
                p = live.start(program("curl"), "-s", "-o", "/dev/null", "-w", "%{time_pretransfer} %{time_starttransfer}",
                               "http://127.0.0.1:7915/")
                words = live._finish(p, 30)[0].split()
                got.append((p.pid, (float(words[1]) - float(words[0])) * S))
            time.sleep(0.1)
            h.stop()
    with Facts() as f:
        for pid, took in got:
            q = one(h.doc, pid=pid, name="request", port=7915)
            f.same(q["count"], 1, "requests of a curl")
            f.near(q["total_ns"], took, "time_starttransfer", 3, MS)
        answers, asked = [r for r in h.doc["exchanges"] if r["comm"] == "nginx" and r["name"] == "answer"], \
            [r for r in h.doc["exchanges"] if r["comm"] == "nginx" and r["name"] == "request"]
        f.same([(r["port"], r["count"], r["unanswered"]) for r in answers], [(7915, 20, 0)], "answers of nginx")
        f.same([(r["port"], r["remote"], r["count"], r["unanswered"]) for r in asked], [(7916, "127.0.0.1", 20, 0)], "requests of nginx")
        f.near(asked[0]["total_ns"], 20 * 30 * MS, "until its server answered", 10, 20 * MS)


def wrk_ms(text, share):
    n, unit = re.search(rf"^ +{share}% +([0-9.]+)(us|ms|s)$", text, re.M).groups()
    return float(n) * {"us": 1000, "ms": MS, "s": S}[unit]


@test("wrk's latencies are its requests', but for what it takes itself; nginx's answers are within them")
def wrk():
    path = live.folder()
    with open(f"{path}/conf", "w", encoding="ascii") as f:
        f.write(NGINX % {"dir": path})
    with live.Load(program("nginx"), "-c", f"{path}/conf", "-p", path) as n:
        listens(7915, n.p)
        with recorded() as h:
            p = live.start(program("wrk"), "-t1", "-c8", "-d3s", "--latency", "http://127.0.0.1:7915/own")
            text = live._finish(p, 30)[0]
            time.sleep(0.1)
            h.stop()
    with Facts() as f:
        asked, answers = one(h.doc, pid=p.pid, name="request", port=7915), one(h.doc, comm="nginx", name="answer", port=7915)
        done = int(re.search(r"(\d+) requests in", text)[1])
        f.check(done <= asked["count"] <= done + 8 and done <= answers["count"] <= done + 8,
                f"requests: {done}, of wrk's {asked['count']}, of nginx's {answers['count']}")
        for share, what in ((50, "p50_ns"), (90, "p90_ns")):
            # a bucket is 9 % wide; wrk's clock begins before it writes, and ends when it has parsed the answer
            f.near(asked[what], wrk_ms(text, share), f"{share} % of wrk's requests", 9, 30000)
            f.check(answers[what] < asked[what], f"{what}: {answers[what]} of nginx, {asked[what]} of wrk")


class Postgres:
    """A server of its own on a port; gone with the block."""

    def __init__(self, port):
        self.port, self.dir = port, live.folder()

    def as_postgres(self, *words):
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *map(str, words)]

    def once(self, *words):
        p = subprocess.run(self.as_postgres(*words), capture_output=True, text=True, timeout=60, cwd="/")
        same(p.returncode, 0, f"{words[0]}: {p.stderr[-300:]}")
        return p.stdout

    def at(self):
        return "-h", "127.0.0.1", "-p", self.port, "-U", "postgres"

    def __enter__(self):
        initdb = program("initdb")
        shutil.chown(self.dir, "postgres")
        self.once(initdb, "-D", f"{self.dir}/data", "-A", "trust", "--no-sync")
        self.load = live.Load(*self.as_postgres(os.path.join(os.path.dirname(initdb), "postgres"), "-D", f"{self.dir}/data", "-p",
                                                self.port, "-h", "127.0.0.1", "-k", self.dir, "-c", "fsync=off"), cwd="/")
        listens(self.port, self.load.p)
        live.wait_for("a server that starts", lambda: not subprocess.run(
            self.as_postgres(program("psql"), *self.at(), "-c", "select 1"), capture_output=True, timeout=20, cwd="/").returncode, step=0.2)
        return self

    def __exit__(self, *a):
        self.load.__exit__(*a)


@test("pgbench: its requests are its transactions, as many and as long as it logs them; the server's answers are within")
def postgres():
    with Postgres(7917) as pg:
        pg.once(program("pgbench"), *pg.at(), "-q", "-i", "postgres")
        with recorded() as h:
            p = live.start(*pg.as_postgres(program("pgbench"), *pg.at(), "-n", "-S", "-c", 4, "-j", 1, "-t", 500, "-l",
                                           f"--log-prefix={pg.dir}/log", "postgres"), cwd="/")
            live._finish(p, 60)
            time.sleep(0.2)
            h.stop()
    logs = [os.path.join(pg.dir, n) for n in os.listdir(pg.dir) if n.startswith("log")]
    took = [int(line.split()[2]) * US for n in logs for line in open(n, encoding="ascii")]
    same(len(took), 2000, "transactions in its log")
    conns = [r for r in h.doc["connections"] if r.get("pid") == p.pid and r["role"] == "opened" and r.get("exchanges", 0) >= 500]
    backs = [r for r in h.doc["exchanges"] if r["comm"] == "postgres" and r["name"] == "answer" and r["count"] >= 500]
    with Facts() as f:
        f.same((len(conns), len(backs)), (4, 4), "connections, and processes of the server")
        # the greeting of a connection is one or two more
        # … and of one whose server goes upon its last word before it does, that word seems to have had no answer
        f.check(all(500 < r["exchanges"] < 505 and r["unanswered"] < 2 for r in conns), f"{[(r['exchanges'], r['unanswered']) for r in conns]}")
        total = sum(r["exchange_avg_ns"] * r["exchanges"] for r in conns)
        f.near(total, sum(took), "all of them", 10, 40 * MS)
        # one that goes upon the last word before the client has gone seems to have owed an answer
        f.check(all(500 < r["count"] < 505 and r["unanswered"] < 2 for r in backs), f"{[(r['count'], r['unanswered']) for r in backs]}")
        f.check(sum(r["total_ns"] for r in backs) < total, "the server's are longer than the client's")


TLS = """
ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
ctx.load_cert_chain(sys.argv[1])
s = listen(7918)
ready()
c, _ = s.accept()
c = ctx.wrap_socket(c, server_side=True)
serve(c, lambda: time.sleep(0.02))
done()
"""

TLS_ASK = """
ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
c = ctx.wrap_socket(socket.create_connection(("127.0.0.1", 7918)))
ask(c, 25)
c.unwrap() if False else c.close()
done()
"""


@test("TLS: the same, but for its handshake, which is an exchange or two of its own")
def tls():
    path = f"{live.folder()}/pem"
    subprocess.run([program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-keyout", path + "k", "-out", path + "c"], check=True, capture_output=True, timeout=30)
    with open(path, "w", encoding="ascii") as out:
        out.write(open(path + "k", encoding="ascii").read() + open(path + "c", encoding="ascii").read())
    with python(TLS, path) as s, recorded() as h:
        c = client(TLS_ASK)
        s.log = json.loads(s.end())
        time.sleep(0.1)
        h.stop()
    with Facts() as f:
        a, q = one(h.doc, pid=s.pid), one(h.doc, pid=c.pid)
        f.check(25 <= a["count"] <= 28 and 25 <= q["count"] <= 28, f"answers {a['count']}, requests {q['count']}")
        f.near(a["total_ns"], sum(s.log), "answers", 5, 30 * MS)
        f.near(a["time_ns"]["sleep"], 25 * 20 * MS, "what it slept", 5, 10 * MS)
        f.check(19 * MS < a["p50_ns"] < 25 * MS, f"p50 {a['p50_ns']}")


# One socket, three connections: asked of one server, of another one (which never answers the last), then as the end
# that a client opens, for it was accepted first.
REUSED = """
def away(c):
    assert libc.connect(c.fileno(), bytes(16), 16) == 0, "AF_UNSPEC"
import ctypes
libc = ctypes.CDLL(None)
s = listen(7924)
p = socket.create_connection(("127.0.0.1", 7924))
c, _ = s.accept()
s.close()
p.sendall(b"q")
c.recv(1)
c.sendall(b"a")
p.recv(1)
away(c)
p.close()
for port, n in ((7922, 3), (7923, 5)):
    c.connect(("127.0.0.1", port))
    ask(c, n)
    if port == 7922:
        c.sendall(b"q" * 100)
        time.sleep(0.02)
    away(c)
c.close()
done()
"""


@test("a socket that is used for several connections, one after the other: each has its own peer, role and exchanges")
def reused():
    with python(SERVER, 7922, "lambda: time.sleep(0.1)") as a, python(SERVER, 7923, "lambda: time.sleep(0.01)") as b, recorded() as h:
        c = client(REUSED)
        time.sleep(0.3)
        h.stop()
    with Facts() as f:
        got = {(r["name"], r["port"]): (r["count"], r["unanswered"]) for r in rows(h.doc, pid=c.pid)}
        # of the first also its peer's side; of the second the last was still due
        f.same(got, {("answer", 7924): (1, 0), ("request", 7924): (1, 0), ("request", 7922): (3, 1), ("request", 7923): (5, 0)}, "exchanges")
        total = sum(r["total_ns"] for r in rows(h.doc, pid=c.pid, name="request") if r["port"] in (7922, 7923))
        f.near(total, sum(c.log), "how long they took", 5, 20 * MS)
        conns = {(r["role"], r["port"]): (r.get("exchanges"), r.get("unanswered")) for r in h.doc["connections"] if r.get("pid") == c.pid}
        f.same(conns, {("opened", 7924): (1, 0), ("accepted", 7924): (1, 0), ("opened", 7922): (3, 1), ("opened", 7923): (5, 0)}, "by connection")
        f.same([r["count"] for s in (a, b) for r in rows(h.doc, pid=s.pid)], [3, 5], "of the servers")


HANGS = """
s = listen(7990)
c = socket.create_connection(("127.0.0.1", 7990))
d, _ = s.accept()
idle = socket.create_connection(("127.0.0.1", 7990))
e, _ = s.accept()
idle.sendall(b"q")
check(e.recv(100))
e.sendall(b"a")
check(idle.recv(100))
c.sendall(b"q" * 100)
check(d.recv(100))
log.append(time.clock_gettime_ns(time.CLOCK_BOOTTIME))
ready()
sys.stdin.readline()
d.sendall(b"a")
check(c.recv(100))
log.append(time.clock_gettime_ns(time.CLOCK_BOOTTIME))
print("CAME", flush=True)
sys.stdin.readline()
done()
"""


@test("a request that has no answer yet is among the slow ones, at both ends, for as long as it has none; what is idle is not")
def hangs():
    with recorded("-i", "0.5", seconds=40) as h:
        time.sleep(1)  # its hooks on socket calls are the last
        with python(HANGS) as p:
            time.sleep(1.7)
            h.stop()
            asked = slow(h.doc, pid=p.pid, in_progress=True)
            ended = live.boot_ns()
            p.say()
            same(p.p.stdout.readline(), "CAME\n", "the answer")
            p.say()
            begin, _ = json.loads(p.end())
    with Facts() as f:
        f.same(sorted((s["name"], s["detail"]["remote"].split(":")[0]) for s in asked),
               [("answer", "127.0.0.1"), ("request", "127.0.0.1")], "in progress")
        for s in asked:
            f.check(1.5 * S < s["duration_ns"] < ended - begin + 20 * MS, f"for how long: {s['duration_ns']}, asked {ended - begin} ago")
            f.check(not s["time_ns"] and s["tid"] == p.pid and "result" not in s, f"{s}")
        f.same(slow(h.doc, pid=p.pid), [], "slow ones that are over")


@test("… and when the answer comes it is over, once")
def hung():
    with recorded("-i", "0.5", seconds=40) as h:
        time.sleep(1)
        with python(HANGS) as p:
            time.sleep(1.2)
            p.say()
            same(p.p.stdout.readline(), "CAME\n", "the answer")
            time.sleep(0.7)
            h.stop()
            p.say()
            begin, end = json.loads(p.end())
    with Facts() as f:
        f.same(slow(h.doc, pid=p.pid, in_progress=True), [], "in progress")
        over = slow(h.doc, pid=p.pid)
        f.same(sorted(s["name"] for s in over), ["answer", "request"], "over")
        for s in over:
            f.near(s["duration_ns"], end - begin, f"how long the {s['name']} took", 1, 5 * MS)


if __name__ == "__main__":
    live.main()
