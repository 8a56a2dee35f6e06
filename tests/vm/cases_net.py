# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Cases of guests with a network of two: see cases.py."""
import json

from cases import case, document
import live
from live import same

# Durations are judged here: they are the network's, which is no slower for being emulated.

# The server is no child of hostlat's, so that it is not watched by running a command.
def whole_host(script, options=""):
    return f"""hostlat record {options} -i 1000 --calls=off --slow=1ms -o x.json &
p=$!
while [ $(ls -l /proc/$p/fd | grep -c 'bpf.link\\|bpf-raw') -lt 8 ]; do sleep 0.3; done
sleep 2
{script}
sleep 1
kill -INT $p
wait $p"""


FETCH = "wget -q -O /dev/null http://10.9.0.2:8080"


def with_server(doc):
    """Connections to the server, and their other ends; both are of this host."""
    rows = [[r for r in doc["connections"] if r["role"] == role and r["port"] == 8080] for role in ("opened", "accepted")]
    same({r["remote"] for r in rows[0]}, {"10.9.0.2:8080"}, "peer")
    same({r["local"] for r in rows[0]}, {r["remote"] for r in rows[1]}, "the two ends")
    return rows


def ms(f, got, want, what):
    f.near(got, want * 1e6, what, 10, 3e6)


@case("net-delay", "round-trip times and how long a connect takes are what the network's delay makes them",
      whole_host(f"for i in 1 2 3 4 5; do {FETCH}/small; done"))
def net_delay(f, out):
    doc = document(out, "net-delay")
    opened, accepted = with_server(doc)
    f.same((len(opened), len(accepted)), (5, 5), "connections")
    # each may be late, for the guest has one processor of the host's; all of them are not
    for what in ("min_rtt_ns", "srtt_ns", "connect_ns"):
        ms(f, min(r[what] for r in opened), 100, f"shortest {what}")
        f.check(all(r[what] > 99e6 for r in opened), f"{what} is below the network's delay")
    ms(f, min(r["min_rtt_ns"] for r in accepted), 100, "shortest round trip of the server")
    for r in opened + accepted:
        f.same(r["end"], "closed", "end")
    for r in opened:
        f.check(r["bytes_received"] > 65536, f"bytes: {r['bytes_received']}")
    connects = [o for o in doc.ops(None, "connect") if o["comm"] == "wget"]
    f.same(sum(o["count"] for o in connects), 5, "connects")
    slow = [s for s in doc["slow"] if s["kind"] == "connect" and s.get("comm") == "wget"]
    f.same(len(slow), 5, "slow connects")


SENT_AGAIN = "for n in 1 b; do case $n in 1) cat /proc/net/snmp;; b) /bin/ip netns exec b cat /proc/net/snmp;; esac; done | awk '/^Tcp: [0-9]/ { s += $13 } END { print s }'"


@case("net-loss", "what is lost and sent again is counted as the kernel counts it for the whole network",
      f"""set -e
/bin/tc qdisc change dev va root netem delay 50ms loss 5%
/bin/ip netns exec b /bin/tc qdisc change dev vb root netem delay 50ms loss 5%
{SENT_AGAIN} >before
{whole_host(f"for i in 1 2 3; do {FETCH}/large; done; sleep 2")}
{SENT_AGAIN} >after
/bin/tc qdisc change dev va root netem delay 50ms loss 0%
/bin/ip netns exec b /bin/tc qdisc change dev vb root netem delay 50ms loss 0%""")
def net_loss(f, out):
    doc = document(out, "net-loss")
    want = int(out.read("net-loss", "after")) - int(out.read("net-loss", "before"))
    opened, accepted = with_server(doc)
    f.same((len(opened), len(accepted)), (3, 3), "connections")
    f.check(want > 20, f"only {want} segments were sent again")
    f.same(sum(r["retransmits"] for r in opened + accepted), want, "sent again")
    told = [s for s in doc["slow"] if s["kind"] == "tcp" and s["name"] == "retransmit"]
    n = sum(s["times"] for s in told)
    f.check(told and 0 < n <= want, f"events of {n} times, {want} segments")
    for r in opened + accepted:
        ms(f, r["min_rtt_ns"], 100, "shortest round trip")
    # the peer's answers to what came behind it take a round trip, a timer longer
    lost, late = (sum(r[k] for r in opened + accepted) for k in ("resends", "resend_delay_ns"))
    f.check(0 < lost <= want and late / max(lost, 1) > 95e6, f"data was lost {lost} times and came {late / 1e6} ms later")
    ops = doc.ops(None, "tcp", "retransmit")
    f.same((sum(o["count"] for o in ops), sum(o["total_ns"] for o in ops)), (lost, late), "as operations")


@case("net-rate", "a slow network is seen in how long its connection has something to send",
      f"""set -e
/bin/ip netns exec b /bin/tc qdisc change dev vb root netem delay 50ms rate 4mbit
{whole_host(f"{FETCH}/large")}
/bin/ip netns exec b /bin/tc qdisc change dev vb root netem delay 50ms rate 0""")
def net_rate(f, out):
    doc = document(out, "net-rate")
    opened, accepted = with_server(doc)
    f.same((len(opened), len(accepted)), (1, 1), "connections")
    r = accepted[0]
    # 66 headers for each 1448 bytes; the handshake is not sending
    f.near(r["busy_ns"], 1e9 * 1000000 * 8 * (1514 / 1448) / 4e6, "time with something to send", 20, 60e6)
    f.check(r["srtt_ns"] > 50e6, f"its queue is not in the round trip: {r['srtt_ns']}")
    ms(f, min(x["min_rtt_ns"] for x in opened + accepted), 100, "shortest round trip")


@case("net-exchange", "the time to the first byte of an answer is the network's for who asked, and none of it the server's",
      whole_host(f"for i in 1 2 3 4 5; do {FETCH}/small; done", "--exchanges"))
def net_exchange(f, out):
    doc = document(out, "net-exchange")
    asked = [r for r in doc["exchanges"] if r["name"] == "request" and r["port"] == 8080 and r["comm"] == "wget"]
    f.same((sum(r["count"] for r in asked), sum(r["unanswered"] for r in asked)), (5, 0), "requests")
    ms(f, min(r["max_ns"] for r in asked), 100, "shortest time to first byte")
    f.check(all(r["max_ns"] > 99e6 for r in asked), "one is shorter than the network's delay")
    answers = [r for r in doc["exchanges"] if r["name"] == "answer" and r["port"] == 8080]
    f.same(sum(r["count"] for r in answers), 5, "answers")
    f.check(answers and min(r["max_ns"] for r in answers) < 50e6, f"the network's delay is in the server's time: {answers}")


@case("net-late", "a server that does not accept: who waits there first, and for how long",
      """kill -STOP $(pidof httpd)
wget -q -O /dev/null http://10.9.0.2:8080/small &
sleep 3
hostlat top --batch --json -n 1 --calls=off >lines
kill -CONT $(pidof httpd)
wait""")
def net_late(f, out):
    doc = live.Doc(json.loads(out.read("net-late", "lines")))
    rows = [r for r in doc["listeners"] if r["port"] == 8080]
    f.same([(r["local"], r["queue"]) for r in rows], [("[::]:8080", 1)], "listeners")
    f.check(3e9 < rows[0].get("oldest_wait_ns", 0) < 60e9, f"it has waited since before hostlat: {rows}")
