# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What watching TCP costs in a guest, where the kprobes of libbpf-tools' tcpconnlat and tcprtt
load: hostlat beside them and tcplife together. The guest's clock counts its instructions, a
nanosecond each (qemu -icount), so that what else the host does is in no figure; it has one CPU,
so that whatever a tracer does, in the kernel and on its own, is time that the load does not get.
Instructions are not time: traps and atomic operations are cheaper here than on a processor."""
import collections
import json
import os
import re
import subprocess
import sys
import tempfile

from basis import median, Missing, print_table
from servers import NGINX_CONF

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "vm"))
import guest  # noqa: E402

KERNEL = "6.1"
TOOLS = [f"/usr/sbin/{t}" for t in ("tcplife", "tcpconnlat", "tcprtt", "nginx", "bpftool")] + ["/usr/bin/wrk", "/usr/bin/iperf3"]
# a copy is as long as it is on a processor: eight bytes for an instruction, not one
ICOUNT = ["-icount", "shift=0,sleep=off", "-cpu", "max,-erms,-fsrm"]
NONE, CONTROL, THREE = "none", "none (control)", "tcplife, tcpconnlat, tcprtt"
WATCHERS = (("hostlat", ""), ("hostlat --exchanges", "--exchanges"))
# the loads, and what is counted of each
KINDS = (("kept", "request"), ("short", "connection"), ("iperf", "MB"))
SHARE = 0.5  # of what the three cost, that hostlat may
PORT = 8080

SETUP = f"""echo root:x:0: >/etc/group
mkdir -p /x /var/log/nginx
cat >/x/conf <<END
{NGINX_CONF.format(dir="/x", port=PORT)}
END
nginx -c /x/conf &
iperf3 -s -B 127.0.0.1 >/dev/null &
sleep 2
"""

SCRIPT = r"""
opened() { awk '/^Tcp: [0-9]/ { print $6 }' /proc/net/snmp; }
# CPU time of the tracers so far, in $own: without a process of ours, for hostlat looks at each.
own() {
	own=0
	for p in $tools; do
		for f in /proc/$p/task/*/schedstat; do
			read ran rest <$f && own=$((own + ran))
		done
	done
}
requests() { # SECONDS, options of wrk
	seconds=$1
	shift
	wrk -t1 -c32 -d99s "$@" http://127.0.0.1:@PORT@/ >load.out &
	w=$!
	sleep $seconds
	kill -INT $w
	wait $w
}
kept() { requests 0.8; }
short() { requests 0.4 -H 'Connection: close'; }
iperf() { iperf3 -c 127.0.0.1 -n 400M -J >load.out; }
did() { # operations and seconds
	tr -d , <load.out | awk '/requests in/ { print $1, $4 }
		/"sum_received"/ { f = 1 } f && /"seconds"/ { s = $2 } f && /"bytes"/ { print $2 / 1e6, s; exit }'
}
# Each kind of load; before and after it the tracer has a second for what came before.
load() {
	for round in @ROUNDS@; do
		for kind in kept short iperf; do
			sleep 1
			own
			before=$own
			$kind
			own
			after=$own
			sleep 1
			own
			echo "sample|$1|$kind|$(did)|$((after - before))|$((own - after))"
		done
	done
	echo "$1: done at $(cut -d' ' -f1 /proc/uptime) s" >/dev/console
}
# What of that is TCP's: the kernel's own figures of the programs, of one more round.
programs() {
	bpftool prog show | awk '/ name (tcp_|hl_conns|hl_owners)/ { for (i = 1; i < NF; i++) if ($i == "run_time_ns") s += $(i + 1) }
		END { print s + 0 }'
}
tcp_programs() {
	echo 1 >/proc/sys/kernel/bpf_stats_enabled
	for kind in kept short iperf; do
		before=$(programs)
		$kind
		sleep 1
		echo "programs|$kind|$(did)|$(($(programs) - before))"
	done
	echo 0 >/proc/sys/kernel/bpf_stats_enabled
}
hostlat_at_work() { # NAME, FILE, options
	name=$1
	file=$2
	shift 2
	hostlat record -o $file "$@" 2>hostlat.err &
	p=$!
	n=0
	while sleep 1; do
		m=$(ls -l /proc/$p/fd | grep -c 'bpf.link\|bpf-raw')
		[ $m -gt 8 ] && [ $m = $n ] && break
		n=$m
	done
	tools=$(pidof hostlat)
	begin=$(opened)
	load "$name"
	[ $# = 0 ] && tcp_programs
	echo "opened|$name|$(($(opened) - begin))"
	kill -INT $p
	wait $p
	tools=
}
three_at_work() {
	tools=
	for t in tcplife tcpconnlat 'tcprtt -i 1'; do
		$t >${t%% *}.out &
		tools="$tools $!"
	done
	sleep 5
	begin=$(opened)
	load "$1"
	echo "opened|$1|$(($(opened) - begin))"
	kill -INT $tools
	wait $tools
	tools=
	for t in tcplife tcpconnlat; do
		echo "lines|$t|$(($(wc -l <$t.out) - 1))"
	done
	echo "lines|tcprtt|$(awk '/->/ { s += $5 } END { print s + 0 }' tcprtt.out)"
	rm *.out
}
tools=
"""


def script(rounds):
    lines = [SETUP, SCRIPT.replace("@PORT@", str(PORT)).replace("@ROUNDS@", " ".join(map(str, range(rounds)))),
             f"load '{NONE}'", f"three_at_work '{THREE}'"]
    for n, (name, options) in enumerate(WATCHERS):
        lines.append(f"hostlat_at_work '{name}' x{n}.hostlat {options}")
    return "\n".join([*lines, f"load '{CONTROL}'"])


def seconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|)", text).groups()
    return float(number) * {"us": 1e-6, "ms": 1e-3}.get(unit, 1)


def connects(bench, recording):
    """How many connections were opened, by what hostlat recorded."""
    with tempfile.NamedTemporaryFile(dir=bench.out, suffix=".hostlat") as f:
        f.write(recording)
        f.flush()
        p = subprocess.run([bench.hostlat, "export", f.name, "--format", "json"], capture_output=True, check=False)
    if p.returncode:
        raise Missing(f"hostlat export: {p.stderr.decode(errors='replace').strip()[-200:]}")
    return sum(o["count"] for o in json.loads(p.stdout)["operations"] if o["kind"] == "connect")


def seen(bench, out, said):
    """What each of them told of, beside the connections that the kernel counted."""
    opened = {row[1]: int(row[2]) for row in said if row[0] == "opened"}
    lines = {row[1]: int(row[2]) for row in said if row[0] == "lines"}
    rows = [[t, lines[t], opened[THREE], what] for t, what in (
        ("tcplife", "ends of connections, two for each"), ("tcpconnlat", "connects"), ("tcprtt", "round trips"))]
    for n, (name, _) in enumerate(WATCHERS):
        rows.append([name, connects(bench, out.files[f"net/x{n}.hostlat"]), opened[name], "connects"])
    print_table(["watched by", "told of", "connections opened", ""], rows)
    if any(not r[1] for r in rows):
        raise Missing("one of them saw nothing")


def samples(bench, said):
    """us of an operation by (who watches, kind); and of the tracers' own CPU time, until a second after the load."""
    took, own = collections.defaultdict(list), collections.defaultdict(list)
    for row in said:
        if row[0] != "sample":
            continue
        name, kind = row[1:3]
        count, time = row[3].split()
        took[name, kind].append(1e6 * seconds(time) / float(count))
        own[name, kind].append((int(row[4]) + int(row[5])) / 1e3 / float(count))
        bench.keep(tracer=name, kind=kind, count=float(count), seconds=seconds(time), own_ns=int(row[4]), own_after_ns=int(row[5]))
    return took, own


def tcp_programs(bench, said):
    """us of an operation that hostlat's programs for TCP run, by kind."""
    got = {}
    for _, kind, did, ns in (row for row in said if row[0] == "programs"):
        got[kind] = int(ns) / 1e3 / float(did.split()[0])
        bench.keep(tracer="hostlat", kind=kind, programs_us=got[kind])
    return got


def show(bench, took, own, tcp):
    rows, limits = [], []
    for kind, op in KINDS:
        plain = median(took[NONE, kind] + took[CONTROL, kind])
        adds = {}
        for name in (CONTROL, THREE, *(w[0] for w in WATCHERS)):
            v = took[name, kind]
            adds[name] = median(v) - plain
            rows.append([f"{kind}: {name}", f"{plain:.2f}", f"{adds[name]:.2f}", f"{100 * adds[name] / median(v):.2f}",
                         f"{min(v) - plain:.2f}..{max(v) - plain:.2f}", f"{median(own[name, kind]):.2f}", f"us of a {op}"])
        rows.append([f"{kind}: hostlat's programs for TCP", "", f"{tcp[kind]:.2f}", "", "", "", f"us of a {op}"])
        # what is no more than runs differ by is no measure
        share = adds["hostlat"] / adds[THREE] if adds[THREE] > 2 * abs(adds[CONTROL]) else None
        limits.append((f"{kind}: hostlat adds, to what the three add", share, SHARE, " times"))
    print_table(["load: watched by", "untraced", "adds", "lost %", "all rounds", "own CPU", ""], rows)
    bench.limits(limits)


def net_guest(bench):
    rounds = bench.rounds(2, 1)
    bench.begin(f"nginx and iperf3 in a guest with Linux {KERNEL}, in instructions; rounds: {rounds}")
    for t in TOOLS:
        if not os.path.exists(t):
            raise Missing(f"{t} is not installed")
    try:
        out = guest.boot(guest.kernel(KERNEL), {"net": script(rounds)}, "bench-net", cpus="1", cmdline="tsc=reliable",
                         case_limit=3000, limit=3000, tools=TOOLS, qemu=ICOUNT)
    except guest.Trouble as e:
        raise Missing(str(e)) from None
    said = [line.split("|") for line in out.read("net", "stdout").splitlines()]
    if out.status("net") or not any(row[:2] == ["sample", CONTROL] for row in said):
        raise Missing(f"it did not come to its end: {out.read('net', 'stderr').strip()[-300:]!r}")
    seen(bench, out, said)
    show(bench, *samples(bench, said), tcp_programs(bench, said))
