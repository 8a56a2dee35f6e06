# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What guests run, and what must hold of it. A case is a shell script for the guest and a
function that judges what it left. Guests run under emulation, so that durations say
nothing: counts, states, order, exit statuses and messages are judged, and no time.

A mode of the generator under hostlat is one row with what is judged of it; several rows
share one hostlat, for under emulation its start is what takes longest."""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "bpf"))
import guest  # noqa: E402

os.environ.setdefault("HOSTLAT", guest.HOSTLAT)
os.environ.setdefault("WORK", guest.WORK)
import calls_util as u  # noqa: E402
import live  # noqa: E402
from live import Facts, check, same  # noqa: E402

ALL = {}  # name -> Case


class Case:
    """A script, and what must hold of what it left in its folder: (title, judge(facts, out))."""

    def __init__(self, name, script, parts):
        self.name, self.script, self.parts = name, script, parts
        ALL[name] = self


def case(name, title, script):
    def add(judge):
        Case(name, script, [(title, judge)])
        return judge

    return add


# ---- modes of the generator ---------------------------------------------------------------------


class Traced:
    """The document and the generator's word for one of the modes, both out of the guest."""

    def __init__(self, out, name, doc, text):
        said = (out.read(name, "stderr") + out.read(name, "stdout")).strip()[-400:]
        check(text, f"the generator left nothing: {said!r}")
        self.doc, self.truth = doc, live.Truth(json.loads(text))
        check(self.truth.j["finished"] and not self.truth.j["failed"], f"the generator failed: {said!r}")


def document(out, name):
    """The document of a case, valid."""
    status = out.status(name)
    check(status == 0, f"status {status}: {out.read(name, 'stderr').strip()[-400:]!r}")
    doc = live.Doc(json.loads(out.read(name, "x.json")))
    # what such a kernel skips is for u.law and skips() to judge
    return live.valid(doc, may_lose=("calls", "block", "lifecycle", "connections", "exchanges", "dns") if u.may_skip(doc) else (), clocks=False)


def modes(name, tier, title, rows, options=""):
    """A case of several modes under one hostlat: rows of (name, title, mode and its options, judge)."""

    def whole(f, out):
        doc = document(out, name)
        if tier == "on":
            u.law(f, doc)

    def part(row, judge):
        def one(f, out):
            doc = live.Doc(json.loads(out.read(name, "x.json")))
            if u.on_arm(doc) and f"{row}: status 77" in out.read(name, "stderr"):
                return  # only x86 has that
            judge(f, Traced(out, name, doc, out.read(name, f"{row}.json")))

        return one

    script = f"options='{options}'\ntrace {tier} <<END\n" + "".join(f"{r[0]} {r[2]}\n" for r in rows) + "END"
    Case(name, script, [(title, whole)] + [(r[1], part(r[0], r[3])) for r in rows])


def beside(r):
    """States that a wait may be in whatever it is for: on a real-time kernel its spin locks sleep, too."""
    return {"runqueue", "kernel"} if "-rt" in r.doc["host"]["kernel"] else {"runqueue"}


def only_in(f, r, call, *states):
    """A call that sleeps in these states, in each of them, and in no other; runnable it is too."""
    rows = r.doc.ops(r.truth.pids, "wait", call)
    own = {"sleep"} if call == "ppoll" else set()  # the generator's pauses
    f.same({o["state"] for o in rows} - beside(r) - own, set(states), f"states of {call}")


def in_order(f, r, call):
    """Who is let go by another that sleeps before each time: no wait ends before as many of the other's
    sleeps have ended. (One may end after more of them: who is woken may have to wait for a CPU.)"""
    # who was only preempted inside of the call was let go by nobody
    rows = [s for s in r.doc.slow(r.truth.pids, "wait") if s["state"] not in beside(r)]
    ends = {}
    for s in rows:
        if s["name"] in (call, "nanosleep"):
            ends.setdefault((s["tid"], s["name"]), []).append(s["begin_ns"] + s["duration_ns"])
    wakers = {(s["tid"], s["woken_by"].get("tid")) for s in rows if s["name"] == call}
    for tid, waker in wakers:
        sleeps = sorted(ends.get((waker, "nanosleep"), []))
        for i, e in enumerate(sorted(ends[tid, call])):
            f.check(len(sleeps) > i and sleeps[i] < e, f"{call} number {i} of {tid} ended before {waker} slept so often")


def slept(asked, state, *others):
    """Every wait that the generator is sure of is there, and none that it did not make."""

    def judge(f, r):
        call = u.here(r.doc, asked)
        for pid in r.truth.pids:
            threads = [t for t in r.truth.threads if t["pid"] == pid]
            most = sum(t["waits"].get(state, 0) for t in threads if t["returned"].get(call) and t["role"] != "main")
            # who came too late for a wait, because the CPU was somebody else's, did not wait
            sure = sum(1 for s in r.truth.slow if s["pid"] == pid and s["call"] == call and s["state"] == state)
            got = r.doc.count(pid, name=call, state=state)
            f.check(sure <= got <= most, f"waits in {call} of {pid}: {got}, {sure} to {most} are right")
        f.check(any(s["call"] == call for s in r.truth.slow), f"the generator is sure of no {call}")
        only_in(f, r, call, state, *others)

    return judge


def let_go(call, state):
    def judge(f, r):
        slept(call, state)(f, r)
        in_order(f, r, call)

    return judge


def calls(*names):
    """These calls, exactly as many as the generator's and with its errors."""
    return lambda f, r: u.same_calls(f, r, names)


def ia32(f, r):
    f.same(r.doc.count(r.truth.pids, "syscall", "getpid/ia32"), 1000, "getpid by int 0x80")
    f.same(r.doc.count(r.truth.pids, "syscall", "writev"), 0, "number 20 in the 64-bit table")


def restarted(f, r):
    reader = r.truth.role("reader")[0]
    u.same_calls(f, r, ["read"], {reader["pid"]})
    u.same_calls(f, r, ["nanosleep", "rt_sigreturn", "tgkill", "clone", "wait4"])
    slow = r.doc.slow(reader["pid"], "syscall", "read")
    f.same([(s["restarted"], s["result"]) for s in slow], [(True, 1)] * 3, "slow reads")


def eintr(f, r):
    u.same_calls(f, r, ["read", "rt_sigreturn", "tgkill"])
    slow = r.doc.slow(r.truth.role("reader")[0]["pid"], "syscall", "read")
    f.check({s["result"] for s in slow} <= {-4, 1} and slow, f"results of the slow reads: {slow}")
    f.check(not any(s["restarted"] for s in slow), "one says that it was restarted")


def nested(f, r):
    u.same_calls(f, r, ["read", "rt_sigreturn", "tgkill"])
    slow = r.doc.slow(r.truth.role("reader")[0]["pid"], "syscall", "read")
    again = sum(bool(s["restarted"]) for s in slow)
    f.check(again == 3 and len(slow) - again <= 9, f"restarted reads {again} of {len(slow)}")


def jump(f, r):
    u.same_calls(f, r, ["read", "tgkill"])
    slow = r.doc.slow(r.truth.role("reader")[0]["pid"], "syscall", "read")
    f.check(not any(s["restarted"] for s in slow), "none was restarted")


def fork(f, r):
    u.same_calls(f, r, ["clone", "wait4"])
    children = {c["pid"] for c in r.truth.j["children"]} - r.truth.pids
    f.check(len(children) > 50, f"only {len(children)} numbers of children")
    f.same(u.counts(r.doc, children), {}, "calls of children that only exit")


def vfork(f, r):
    u.same_calls(f, r, ["vfork", "wait4"])
    children = {c["pid"] for c in r.truth.j["children"]} - r.truth.pids
    f.same(u.counts(r.doc, children), {"nanosleep": 10}, "calls of the children")
    only_in(f, r, u.here(r.doc, "vfork"), "child")


def texec(f, r):
    images = {t["pid"] for t in r.truth.role("image")}
    u.same_calls(f, r, ["getppid", "nanosleep", "wait4"])
    f.same(r.doc.count(images, "syscall", "execve"), len(r.truth.role("image")), "execs")
    f.same(r.doc.acct("waits")["lost_by"].get("map_full", 0), 0, "threads without a home")


def reuse(f, r):
    u.same_calls(f, r, ["wait4"], {r.truth.pid})
    tid = int(r.truth.extra["tid"])
    rows = r.doc.ops(tid, "syscall", "getppid")
    f.same((len(rows), {o["count"] for o in rows}), (20, {3}), "processes that made the call, calls of each")
    f.same(len({o["start_ns"] for o in rows}), 20, "identities")
    f.same(sum(o["count"] for o in r.doc.ops(tid, "syscall", "read")), 0, "reads that were killed")


def killed(f, r):
    victims = {t["pid"] for t in r.truth.role("victim")}
    u.same_calls(f, r, ["wait4", "kill", "clone"], {r.truth.pid})
    f.same(r.doc.count(victims, "syscall", "read"), 0, "reads that were killed")


def seccomp(f, r):
    t = r.truth.role("denied")[0]
    denied = int(r.truth.extra["denied"])
    f.check(denied > 0, "no call was denied")
    f.same(r.doc.count(t["pid"], "syscall", "getppid"), t["returned"]["getppid"] - denied, "calls of getppid")
    f.same(u.errors(r.doc, t["pid"], "getppid"), 0, "errors of getppid")
    f.same(r.doc.count(t["pid"], "syscall", "nanosleep"), t["returned"]["nanosleep"], "calls of nanosleep")


# name, title, mode and options, what is judged
modes("waits", "off", "the document of the waits tier holds", [
    ("sleep", "sleeps are counted and are `sleep`", "sleep --threads 2 --each 20 --hold 20 --slow", slept("nanosleep", "sleep")),
    ("pipe", "reads of a pipe are counted and are `ipc`", "pipe --threads 2 --each 20 --hold 20 --slow", let_go("read", "ipc")),
    ("accept", "replies are `network`, requests `idle`", "accept --each 20 --hold 20 --slow", slept("recvfrom", "network", "idle")),
    ("flock", "a file lock is `lock`", "flock --each 20 --hold 20 --slow", let_go("flock", "lock")),
    ("futex-lock", "a mutex is `lock`", "futex-lock --threads 3 --each 10 --hold 20 --slow", slept("futex", "lock")),
    ("futex-park", "a condition is `park`", "futex-park --threads 2 --each 10 --hold 20 --slow", slept("futex", "park")),
    ("epoll", "epoll is `poll`", "epoll --each 20 --hold 20 --slow", slept("epoll_wait", "poll")),
    ("poll1", "poll on one connection is `network`", "poll1 --each 20 --hold 20 --slow", slept("poll", "network")),
], "--slow=1ms")
modes("calls", "on", "every call is in a row", [
    ("count", "calls of threads that exit at once are counted exactly", "cheap --threads 4 --each 30000", calls("getppid")),
    ("sleep", "sleeping calls are counted", "sleep --threads 2 --each 20 --hold 5", calls("nanosleep")),
    ("pipe", "reading calls are counted", "pipe --threads 2 --each 20 --hold 5", calls("read")),
    ("fail", "calls that fail are counted as errors", "fail --each 2000", calls("read", "nanosleep", "getppid")),
    ("ia32", "32-bit calls have their own names", "ia32 --each 1000", ia32),
])
modes("pairing", "on", "every call is in a row, whatever its end", [
    ("restart", "a call that signals restart is one call", "restart --signals 3 --each 3 --hold 400", restarted),
    ("eintr", "EINTR ends a call", "eintr --signals 3 --each 3 --hold 20", eintr),
    ("nested", "a handler's read is not the one that it interrupted", "nested --signals 3 --each 3 --hold 15", nested),
    ("jump", "a call that a handler jumps out of never returned", "jump --signals 3 --each 3 --hold 15", jump),
    ("sigreturn", "signals that interrupt no call", "sigreturn --each 1000", calls("rt_sigreturn", "tgkill")),
    ("fork", "clone returns twice", "fork --each 200", fork),
    ("vfork", "vfork returns when the child is done", "vfork --each 10 --hold 15", vfork),
    ("texec", "exec from a thread that is not the leader", "texec --each 10", texec),
    ("reuse", "processes of one number are told apart", "reuse --each 40", reuse),
    ("killed", "a call in which its thread is killed never returned", "killed --each 10 --hold 5", killed),
    ("seccomp", "denied calls leave their neighbours alone", "seccomp --each 200 --hold 1", seccomp),
    ("migrate", "threads that change their CPU inside of calls", "migrate --each 1000", calls("sched_setaffinity")),
    ("preempt", "threads that yield", "preempt --threads 8 --each 2000", calls("getppid", "sched_yield")),
])


# ---- the program itself ----------------------------------------------------------------------------


@case("doctor", "doctor finds that everything works", "hostlat doctor")
def doctor(f, out):
    text = out.read("doctor", "stdout")
    f.same(out.status("doctor"), 0, f"status, of: {text!r}")
    for name in ("waits", "calls", "uring", "blocked"):
        f.check(any(line.split()[:2] == [name, "works"] for line in text.splitlines()), f"{name}: {text!r}")


def by_calls(f, doc, name):
    """Kernels before 6.3 do not tell what goes over sockets: the collector says how it knows, and knows the same."""
    state, reason = u.collector(doc, name)
    version = tuple(int(n) for n in re.findall(r"\d+", doc["host"]["kernel"])[:2])
    if version >= (6, 3):
        f.same(state, "on", f"collector {name}")
    else:
        f.check(state == "less" and "before 6.3" in (reason or ""), f"collector {name}: {state}: {reason}")


@case("exchanges", "requests on TCP connections are timed, whether the kernel tells of them or not",
      """ip link set lo up
hostlat record --exchanges --calls=off -i 1000 -o x.json -- work accept --threads 3 --each 5 --hold 20""")
def exchanges(f, out):
    doc = document(out, "exchanges")
    by_calls(f, doc, "exchanges")
    rows = sorted((r["name"], r["count"], r["unanswered"], r["read_max_ns"] > 0) for r in doc["exchanges"] if r["comm"] == "work")
    # each client says all that it has to say, and then its server, which has a port of its own
    if not doc.acct("exchanges")["lost_by"].get("recursion") or not u.may_skip(doc):
        f.same(rows, [("answer", 1, 0, True)] * 3 + [("request", 1, 0, True)] * 3, "exchanges")


# a program that is not there yet when it is asked for
LATER = """hostlat record %s -u $PWD/later:sleeps --wait -i 1000 -o later.json 2>said & p=$!
until grep -q 'waited for' said; do sleep 0.1; done; sleep 3
cp /bin/func-static later; (until grep -q 'is traced' said; do sleep 0.1; done; echo) | FUNC_WAIT=1 ./later sleeps 25 1000 >later.truth
kill -INT $p; wait $p; cat said >&2"""


@case("functions", "functions are counted and timed, those that call themselves, and those that are left by a jump",
      """for w in 'nested 5 20000' 'recurses 3 100' 'jumps 20'; do set -- $w
hostlat record -u /bin/func-static:inner -u /bin/func-static:outer -u /bin/func-static:recurses -u /bin/func-static:jumps -i 1000 -o $1.json -- func-static $w >$1.truth
done
""" + LATER % "")
def functions(f, out):
    later = json.loads(out.read("functions", "later.json"))["functions"]
    f.same([(r["comm"], r["name"], r["entered"], r["count"]) for r in later], [("later", "sleeps", 25, 25)], "of a file that came later")
    got, truth = {}, {}
    for run in ("nested", "recurses", "jumps"):
        doc = json.loads(out.read("functions", f"{run}.json"))
        got |= {r["name"]: r for r in doc["functions"] if r["comm"] == "func-static"}
        truth |= json.loads(out.read("functions", f"{run}.truth"))
        acct = next(a for a in doc["capture"]["accounting"] if a["class"] == "functions")
        f.same((acct["unaccounted"], set(acct["lost_by"]) - {"too_deep"}), (0, set()), f"{run}: {acct}")
    f.same({n: (r["entered"], r["count"], r["abandoned"], r["too_deep"]) for n, r in got.items()},
           {"inner": (15, 15, 0, 0), "outer": (5, 5, 0, 0), "recurses": (303, 192, 0, 111), "jumps": (20, 10, 10, 0)}, "calls")
    for name in ("inner", "outer"):
        f.near(got[name]["total_ns"], truth[name]["ns"], f"time of {name}", 5, 20e6)
    f.near(got["outer"]["self_ns"], truth["outer"]["ns"] - truth["inner"]["ns"], "time of its own", 5, 40e6)


@case("kernel-functions", "functions of the kernel are counted and timed, those in which many sleep at once, and those that fail",
      """hostlat record -u k:vfs_read -u k:hrtimer_nanosleep -u kernel:do_sys_openat2 --error 'ret<0' -i 1000 -o x.hostlat -- func-static kernel 20 20000 24 >truth || exit
hostlat export --format json -o x.json x.hostlat || exit
hostlat trace --list --json k:vfs_read* k:schedule k:vfs_reax >list
hostlat trace k:schedule -- true 2>refused && exit 1
""" + LATER % "-u k:hrtimer_nanosleep")
def kernel_functions(f, out):
    later = {r["name"]: r for r in json.loads(out.read("kernel-functions", "later.json"))["functions"] if r["comm"] == "later"}
    f.same({n: r["count"] for n, r in later.items()}, {"sleeps": 25, "hrtimer_nanosleep": 25}, "of a file that came later, and of the kernel")
    doc = json.loads(out.read("kernel-functions", "x.json"))
    truth = json.loads(out.read("kernel-functions", "truth"))
    got = {r["name"]: r for r in doc["functions"] if r["comm"] == "func-static"}
    names = {"vfs_read": "k_reads", "hrtimer_nanosleep": "k_sleeps", "do_sys_openat2": "k_opens"}
    acct = next(a for a in doc["capture"]["accounting"] if a["class"] == "functions")
    # where a program is preempted, the kernel skips it for others meanwhile, and counts that
    lost = acct["lost_by"].get("recursion", 0) if u.may_skip(live.Doc(doc)) else 0
    f.same({n: (r["file"], r["errors"]) for n, r in got.items()}, {n: ("[kernel]", truth[k]["left"]) for n, k in names.items()}, "functions")
    short = {n: truth[k]["calls"] - got[n]["count"] for n, k in names.items()}
    f.check(min(short.values()) >= 0 and sum(short.values()) <= lost, f"calls that are missing: {short}, said to be lost: {lost}")
    f.check(sum(r["entered"] - r["count"] for r in got.values()) <= lost and sum(r["abandoned"] for r in got.values()) <= lost, f"calls: {got}")
    slept = got["hrtimer_nanosleep"]
    # no less than it asked for, no more than it says itself: between the two is the way to the function and back
    f.check(20 * 20e6 + 100e6 <= slept["total_ns"] <= truth["k_sleeps"]["ns"], f"slept for {slept['total_ns']} ns: {truth['k_sleeps']}")
    times = slept["time_ns"]
    f.check(times["sleep"] + times.get("runqueue", 0) >= 0.9 * slept["total_ns"], f"where it slept: {times}")
    f.check(got["vfs_read"]["time_ns"].get("ipc", 0) > 0, f"where it read: {got['vfs_read']['time_ns']}")
    f.same((acct["unaccounted"], acct["lost"]), (0, lost), f"{acct}")
    listed = json.loads(out.read("kernel-functions", "list"))
    f.same({s["name"] for w in listed["files"] for s in w["sites"]} >= {"vfs_read", "vfs_readv"}, True, "what is listed")
    f.check(any("vfs_read" in m["nearest"] for m in listed["missing"]), f"nearest: {listed['missing']}")
    f.check("threads are switched in it" in out.read("kernel-functions", "refused"), out.read("kernel-functions", "refused"))


@case("blocked", "what was blocked before it came is in its first document",
      """work block --threads 5 --seconds 60 --ready 9 9>ready &
until grep -q BLOCKED ready; do sleep 0.1; done
hostlat top --batch --json --calls=off -n 1 -i 0.5 >lines
kill $!""")
def blocked(f, out):
    text = out.read("blocked", "lines")
    check(text.count("\n") == 1, f"no document: {out.read('blocked', 'stderr')[-300:]!r}")
    doc = live.valid(live.Doc(json.loads(text)), clocks=False)
    pids = {p["pid"] for p in doc.processes() if p["comm"] == "work"}
    now = [t["now"] for t in doc.threads(pids) if t.get("now")]
    got = {(n.get("state"), n.get("operation")) for n in now}
    f.check(got >= {("ipc", "read"), ("park", "futex"), ("poll", u.here(doc, "epoll_wait")), ("sleep", "nanosleep"), ("lock", "flock")},
            f"in progress: {sorted(map(str, got))}")


# ---- disks ---------------------------------------------------------------------------------------

MS = 1_000_000
# dm-delay counts in ticks of 4 ms, and the one in which a bio came is not whole
SLOW = 16 * MS
RECORD = "hostlat record -i 1000 --calls=off --slow=1ms -o x.json -- sh -c"


def read(disk, count, more=""):
    return f"dd if=/dev/{disk} of=/dev/null bs=4k count={count} iflag=direct {more} 2>/dev/null"


def reads(doc):
    """Disk -> its reads."""
    return {r["name"]: r for r in doc["disk_operations"] if r["operation"] == "read"}


def skips(f, doc):
    """How many requests may be missing: those that the kernel skipped, and hostlat says are lost."""
    lost = doc.acct("block")["lost"]
    f.check(not lost or u.may_skip(doc), f"lost: {doc.acct('block')}")
    return lost


def counted(f, doc, got, want):
    """As many reads per disk as were made, but for those that are said to be lost."""
    n, lost = {k: r["count"] for k, r in got.items()}, skips(f, doc)
    short = {k: want.get(k, 0) - n.get(k, 0) for k in {*n, *want}}
    f.check(min(short.values()) >= 0 and sum(short.values()) <= lost, f"reads: {n}, made: {want}, lost: {lost}")


def all_above(row, phase, ns):
    """None of them took less: the lowest cell that is not empty ends above it."""
    hist = row[f"{phase}_histogram"]
    first = next(i for i, n in enumerate(hist["counts"]) if n)
    return not hist["zero_count"] and 2 ** ((hist["offset"] + first + 1) / 8) >= ns


def waited(f, doc, count, ns, phase):
    """Some dd had at least so many waits for a disk in read, so long together, and in that phase."""
    rows = [o for o in doc.ops(None, "wait", "read") if o["comm"] == "dd" and o["state"] == "disk"]
    f.check(any(o["count"] >= count and o["total_ns"] >= count * ns for o in rows), f"waits of dd in read: {rows}")
    long = [o for o in rows if o["total_ns"] >= count * ns]
    f.check(all(o.get(phase, 0) >= 0.8 * o["total_ns"] for o in long), f"of which {phase}: {long}")
    slow = [o for o in doc["slow"] if o["comm"] == "dd" and o.get("state") == "disk" and o["duration_ns"] >= ns]
    f.check(slow and sum(o.get(phase, 0) >= 0.8 * o["duration_ns"] for o in slow) >= 0.8 * len(slow), f"slow ones: {slow[:2]}")


@case("dm-delay", "a delay of dm-delay is in that device, and in none of those above and below",
      f"""set -e
for t in "slow delay /dev/nullb0 0 20" "fast linear /dev/nullb1 0"; do
	dmsetup create ${{t%% *}} --noudevsync --noudevrules --table "0 131072 ${{t#* }}"
done
{RECORD} '{read("dm-0", 20)} & {read("dm-1", 50)}; wait'
dmsetup remove --noudevsync slow
dmsetup remove --noudevsync fast""")
def dm_delay(f, out):
    doc = document(out, "dm-delay")
    got = reads(doc)
    counted(f, doc, got, {"dm-0": 20, "nullb0": 20, "dm-1": 50, "nullb1": 50})
    f.check(all_above(got["dm-0"], "device", SLOW), f"the delayed ones took {got['dm-0']}")
    for r in got.values():
        f.check(r["name"] == "dm-0" or r["device_p50_ns"] < SLOW, f"{r['name']}: {r['device_p50_ns']} ns in the device")
        f.check(not r["name"].startswith("dm") or r["queue_ns"] == 0, f"{r['name']}: {r['queue_ns']} ns in a queue")
    made = {r["name"]: (r.get("below"), r.get("above")) for r in doc["disks"]}
    f.same(made, {"dm-0": ("nullb0", None), "dm-1": ("nullb1", None), "nullb0": (None, "dm-0"), "nullb1": (None, "dm-1")},
           "what is on what")
    f.same({r["name"]: r.get("label") for r in doc["disks"] if r["name"] in ("dm-0", "dm-1")},
           {"dm-0": "slow", "dm-1": "fast"}, "labels")
    waited(f, doc, 20, SLOW, "device_ns")
    # who reads a volume is charged for that, and not for what the volume does below as well
    dds = sorted(o["count"] for o in doc.ops(None, "block", "read") if o["comm"] == "dd")
    f.same(len(dds), 2, "dd's")
    f.check(0 <= 70 - sum(dds) <= skips(f, doc) and dds[0] <= 20 and dds[1] <= 50, f"reads of dd: {dds}")


@case("kernel-module", "functions of a module are counted, with their errors, in all forms",
      f"""set -e
dmsetup create quick --noudevsync --noudevrules --table "0 131072 delay /dev/nullb0 0 0"
hostlat trace --list --json k:delay_m* k:dm_delay:delay_map >list
hostlat record -u k:delay_map -i 1000 --calls=off -o x.hostlat -- sh -c '{read("dm-0", 20)}'
hostlat export --format json -o x.json x.hostlat
hostlat trace --json k:delay_map -- sh -c '{read("dm-0", 10)}' >calls
hostlat top --batch -i 1000 -u k:delay_map --view functions -- sh -c '{read("dm-0", 30)}' >view
dmsetup remove --noudevsync quick""")
def kernel_module(f, out):
    doc = json.loads(out.read("kernel-module", "x.json"))
    row = [r for r in doc["functions"] if r["comm"] == "dd"]
    f.same([(r["name"], r["count"], r["errors"]) for r in row], [("delay_map", 20, 0)], "calls of dd")
    f.check("dm_delay" in row[0]["file"], f"its file: {row[0]['file']}")
    listed = json.loads(out.read("kernel-module", "list"))
    f.check(any(s["name"] == "delay_map" for w in listed["files"] for s in w["sites"]), f"what is listed: {listed}")
    told = [json.loads(line) for line in out.read("kernel-module", "calls").splitlines()]
    f.same(sum(c.get("function") == "delay_map" and c.get("comm") == "dd" for c in told), 10, f"calls told of, such as {told[:1]}")
    f.check(re.search(r"^dd +[0-9]+ delay_map ", out.read("kernel-module", "view"), re.M), f"the view: {out.read('kernel-module', 'view')[-600:]}")


@case("null-blk", "a disk's completion delay is in the device", f"{RECORD} '{read('nullb2', 20)}; {read('nullb1', 20)}'")
def null_blk(f, out):
    doc = document(out, "null-blk")
    got = reads(doc)
    f.same({k: r["count"] for k, r in got.items()}, {"nullb2": 20, "nullb1": 20}, "reads")
    f.check(all_above(got["nullb2"], "device", SLOW), f"the delayed ones took {got['nullb2']}")
    # under emulation one of the other disk's may be slow too
    whole = [o for o in doc["slow"] if o["kind"] == "block" and o["detail"]["disk"] != "nullb1"]
    f.same({(o["comm"], o["name"], o["detail"]["disk"], o["detail"]["bytes"], o["result"]) for o in whole},
           {("dd", "read", "nullb2", 4096, 0)}, "slow requests")
    f.same(len(whole), 20, "how many")
    f.check(all(o["device_ns"] >= SLOW and o["queue_ns"] < SLOW for o in whole), f"where the time went: {whole[0]}")
    # the first one found no disk that was known to be slow
    stacks = {s["id"]: {x.get("function") for x in s["frames"]} for s in doc["stacks"]}
    seen = [stacks.get(o.get("kernel_stack")) for o in whole]
    f.check(sum(s is not None and "blk_mq_submit_bio" in s and "ksys_read" in s for s in seen) == 19, f"submitters: {seen[:3]}")
    f.same(seen.count(None), 1, "requests without a stack")
    f.check(got["nullb2"]["queue_p50_ns"] < SLOW and got["nullb1"]["device_p50_ns"] < SLOW, f"{got}")
    waited(f, doc, 20, SLOW, "device_ns")
    f.same(doc.acct("block")["lost"], 0, "lost")


@case("lock-chain", "a chain of three has at its root the disk that the first one waited for",
      f"{RECORD} 'held chain-disk 6 0 /dev/nullb2 >held.json'")
def lock_chain(f, out):
    doc = document(out, "lock-chain")
    truth = json.loads(out.read("lock-chain", "held.json"))
    rows = [s for s in doc["slow"] if (s["kind"], s["tid"], s.get("state")) == ("wait", truth["third"], "lock")]
    f.same(len(rows), 6, "slow waits of the last one")
    for r in rows:
        f.same([h["tid"] for h in r["chain"]], [truth["waiter"], truth["holder"]], "hops")
        f.same([(h.get("state"), h.get("name")) for h in r["chain"]], [("lock", "futex"), ("disk", "fsync")], "states")
        f.same(r["chain"][1].get("on"), "/dev/nullb2", "what the root was on")
        f.same([h["by"] for h in r["chain"]], ["owner", "owner"], "how they are known")
    # the program's stack of a wait needs v6.18
    stacks = {s["id"]: [x.get("function") for x in s["frames"]] for s in doc["stacks"]}
    named = sum("chain_third" in stacks.get(r.get("user_stack"), []) for r in rows)
    f.same(named, 6 if int(doc["host"]["kernel"].split(".")[0]) >= 7 else 0, "waits with their program's stack")
    f.same(doc.acct("waits")["lost"], 0, "lost")


@case("occupants", "who had the CPU that a thread waited for are the others that run there",
      f"{RECORD} 'work spin --threads 3 --cpu 0 --seconds 3 --json spin.json'")
def occupants(f, out):
    doc = document(out, "occupants")
    pids = {t["pid"] for t in json.loads(out.read("occupants", "spin.json"))["threads"]}
    rows = [s for s in doc["slow"] if s["pid"] in pids and s["time_ns"].get("runqueue", 0) >= MS and s["kind"] == "wait"]
    f.check(len(rows) > 10, f"{len(rows)} waits for a CPU")
    told = [s for s in rows if "occupants" in s]
    f.check(len(told) >= 0.9 * len(rows), f"{len(told)} of {len(rows)} have occupants")
    of, known = (sum(s[k] for s in told) for k in ("occupants_of_ns", "occupants_known_ns"))
    theirs = 0
    for s in told:
        f.same(sum(o["ns"] for o in s["occupants"]) + s.get("occupants_interrupts_ns", 0), s["occupants_known_ns"], "all of them")
        f.check(s["occupants_known_ns"] <= s["occupants_of_ns"], "more is known than there was")
        f.check(all(o.get("tid") != s["tid"] for o in s["occupants"]), "who waits has not got it")
        theirs += sum(o["ns"] for o in s["occupants"] if o.get("pid") in pids)
    f.check(known >= 0.9 * of, f"of {of} ns {known} are known")
    f.check(theirs >= 0.5 * of, f"of {of} ns the others had {theirs}")


# Two that send to each other on one CPU, each packet's way by softirq, beside one that only runs; what
# interrupts take there is traced, too.
NET_AND_SPIN = f"""t=/sys/kernel/tracing
echo boot >$t/trace_clock
echo 16384 >$t/buffer_size_kb
for e in softirq_entry softirq_exit irq_handler_entry irq_handler_exit; do
	echo 1 >$t/events/irq/$e/enable
done
echo 1 >$t/events/irq_vectors/enable
mkfifo never
nc -l -p 5000 <never >/dev/null &
receiver=$!
exec 3>never # an end of its input ends it
sleep 1
nc 127.0.0.1 5000 </dev/zero >/dev/null &
sender=$!
taskset -p 1 $receiver
taskset -p 1 $sender
grep cpu0 /proc/stat >stat
{RECORD} 'work spin --threads 1 --cpu 0 --seconds 3 --json spin.json'
grep cpu0 /proc/stat >>stat
echo 0 >$t/tracing_on
cat $t/per_cpu/cpu0/trace >irqs
echo 0 >$t/events/enable
kill $sender $receiver
hostlat doctor >doctor
"""


def queued(doc, out, case_name):
    pids = {t["pid"] for t in json.loads(out.read(case_name, "spin.json"))["threads"]}
    return [s for s in doc["slow"] if s["pid"] in pids and s["kind"] == "wait" and "occupants" in s]


def in_interrupts(text):
    """When a CPU was in one, (from, to) in ns: out of the trace of their begins and ends, what one interrupts
    another for counted once. ksoftirqd's softirqs are not: it is a thread."""
    found, within, begin = [], set(), 0
    for m in re.finditer(r"^\s*(.*)-\d+\s+\[\d+\] \S+ +([\d.]+): (\w+)_(entry|exit): \w+=(\d+)", text, re.MULTILINE):
        comm, when, which, what = m[1], round(float(m[2]) * 1e9), (m[3], m[5]), m[4]
        if comm.startswith("ksoftirqd") and m[3] == "softirq":
            continue
        if what == "entry":
            begin = begin if within else when
            within.add(which)
        elif which in within:  # else it was not traced yet when it began
            within.remove(which)
            if not within:
                found.append((begin, when))
    return found


def overlap(spans, begin, end):
    return sum(max(0, min(e, end) - max(b, begin)) for b, e in spans)


@case("interrupts", "what interrupts took of a wait for a CPU is told apart, as much as a trace of them says", NET_AND_SPIN)
def interrupts(f, out):
    doc, spans = document(out, "interrupts"), in_interrupts(out.read("interrupts", "irqs"))
    f.check("interrupts   works " in out.read("interrupts", "doctor"), f"doctor: {out.read('interrupts', 'doctor')!r}")
    rows = [s for s in queued(doc, out, "interrupts")
            if s["time_ns"]["runqueue"] == s["duration_ns"] and s["occupants_known_ns"] >= 0.98 * s["duration_ns"]]
    first, last = spans[0][0], spans[-1][1]
    rows = [s for s in rows if first <= s["begin_ns"] and s["begin_ns"] + s["duration_ns"] <= last]
    f.check(len(rows) > 20, f"{len(rows)} waits for a CPU")
    told = of = truth = 0
    for s in rows:
        f.same(sum(o["ns"] for o in s["occupants"]) + s["occupants_interrupts_ns"], s["occupants_known_ns"], "all of them")
        told += s["occupants_interrupts_ns"]
        truth += overlap(spans, s["begin_ns"], s["begin_ns"] + s["duration_ns"])
        of += s["duration_ns"]
    a, b = ([int(x) for x in line.split()[1:]] for line in out.read("interrupts", "stat").splitlines())
    stat = 100 * sum(b[i] - a[i] for i in (5, 6)) / (sum(b[:8]) - sum(a[:8]))
    print(f"# interrupts: told {100 * told / of:.1f} %, traced {100 * truth / of:.1f} % of {len(rows)} waits; "
          f"{stat:.1f} % of the CPU in /proc/stat", flush=True)
    f.check(truth >= 0.1 * of, f"interrupts took {100 * truth / of:.1f} %: too little to tell")
    f.check(abs(told - truth) <= 0.05 * of, f"{100 * told / of:.1f} % of the waits, and traced {100 * truth / of:.1f} %")


@case("interrupts-off", "where the kernel does not tell of interrupts, they are not said to take nothing", NET_AND_SPIN)
def interrupts_off(f, out):
    rows = queued(document(out, "interrupts-off"), out, "interrupts-off")
    f.check("interrupts   works less " in out.read("interrupts-off", "doctor"), f"doctor: {out.read('interrupts-off', 'doctor')!r}")
    f.check(len(rows) > 10, f"{len(rows)} waits for a CPU")
    for s in rows:
        f.check("occupants_interrupts_ns" not in s, "what interrupts took is told")
        f.same(sum(o["ns"] for o in s["occupants"]), s["occupants_known_ns"], "all of them")


UP = """mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null
cd /sys/fs/cgroup
echo +cpu >cgroup.subtree_control
mkdir up
echo 20000 100000 >up/cpu.max
echo +cpu >up/cgroup.subtree_control
mkdir up/in
cd - >/dev/null
"""
DOWN = """cat /sys/fs/cgroup/up/cpu.stat >stat
rmdir /sys/fs/cgroup/up/in /sys/fs/cgroup/up
exit $status"""
ENTER = "echo 0 >/sys/fs/cgroup/up/in/cgroup.procs"


# programs that come and go one after the other, then one that stays: there is one to wait for the quota at a time
@case("quota", "a quota of cgroup v2, of a cgroup above, is shown as cpu.stat says, and named",
      f"""{UP}
{RECORD} '{ENTER}
i=0; while [ $i -lt 30 ]; do i=$((i+1)); busybox true; done
timeout 3 sh -c "while :; do :; done"; true'
status=$?
{DOWN}""")
def quota(f, out):
    doc = document(out, "quota")
    stat = {k: int(n) for k, n in (line.split() for line in out.read("quota", "stat").splitlines())}
    f.same([r["path"] for r in doc["cgroups"]], ["/up"], "rows")
    for r in doc["cgroups"]:
        f.same((r.get("quota_cpus"), r.get("period_ns"), r["gone"]), (0.2, 100 * MS, False), "quota")
        # the kernel goes on counting for a while, and the last ones end after it was read
        f.check(0 <= stat["nr_throttled"] - r["throttled_periods"] <= 2, f"throttled in {r['throttled_periods']} of {stat['nr_throttled']}")
        f.near(r["throttled_ns"], stat["throttled_usec"] * 1000, "throttled", 5)
        f.check(0 <= stat["nr_periods"] - r["periods"] <= 5, f"periods: {r['periods']} of {stat['nr_periods']}")
        f.check(0.9 <= r["usage_ns"] / (stat["usage_usec"] * 1000) <= 1, f"used: {r['usage_ns']} of {stat['usage_usec']} us")
        f.check(r["throttled_periods"] > 5, f"it was throttled in {r['throttled_periods']} periods")
        f.near(r["threads"]["throttled_ns"], r["throttled_ns"], "throttled of its thread", 5)
    by = {json.dumps(s.get("throttled_by", {}).get("cgroup")) for s in doc["slow"] if s["comm"] == "sh" and s["time_ns"].get("throttled", 0) > MS}
    f.same(by, {'"/up"'}, "whose quota it was")


# one that spins uses the quota up; another one, out of it, now takes one CPU and then the other, so that who sleeps
# wakes on the one that is left
@case("quota-wake", "who is woken onto another CPU while its group is out of quota is throttled there",
      f"""{UP}
sh -c 'while :; do :; done' &
spinner=$!
(while :; do for i in 1 2; do taskset -p $i $spinner; usleep 40000; done; done) >/dev/null 2>&1 &
mover=$!
{RECORD} '{ENTER}
timeout 5 sh -c "while :; do :; done" &
work sleep --threads 1 --each 100 --hold 10 --json truth.json
wait; true'
status=$?
kill $mover $spinner
{DOWN}""")
def quota_wake(f, out):
    doc = document(out, "quota-wake")
    sleeper = next(t for t in json.loads(out.read("quota-wake", "truth.json"))["threads"] if t["role"] == "sleeper")
    t = next(t for t in doc["threads"] if t["tid"] == sleeper["tid"])["time_ns"]
    queued, throttled = sleeper["schedstat_delay_ns"], t.get("throttled", 0)
    f.near(t.get("runqueue", 0) + throttled, queued, "queued, by the scheduler's own count", 5)
    f.check(throttled > 0.8 * queued, f"{throttled / MS:.0f} ms throttled, and {queued / MS:.0f} ms queued by the scheduler's own count")


@case("one-tag", "the wait for a free request is in the queue",
      f"""{RECORD} '{read("nullb4", 20)} & {read("nullb4", 20)}; wait'""")
def one_tag(f, out):
    doc = document(out, "one-tag")
    got = reads(doc)
    f.same({k: r["count"] for k, r in got.items()}, {"nullb4": 40}, "reads")
    f.check(all_above(got["nullb4"], "device", SLOW), f"the delayed ones took {got['nullb4']}")
    # who has the request gets it again and again: the other waits for one of these, or for many
    f.check(got["nullb4"]["queue_max_ns"] >= SLOW, f"in the queue: {got['nullb4']}")
    f.same([o["count"] for o in doc.ops(None, "block", "read") if o["comm"] == "dd"], [20, 20], "reads of the two")


REQUEUED = "/sys/kernel/tracing/events/block/block_rq_requeue/enable"


@case("requeues", "requests that the driver gives back are as many as the kernel's own trace says",
      f"""
echo 1 >{REQUEUED}
{RECORD} '{read("nullb6", 600)}'
echo 0 >{REQUEUED}
grep -c block_rq_requeue: /sys/kernel/tracing/trace >requeued""")
def requeues(f, out):
    got = reads(document(out, "requeues"))["nullb6"]
    traced = int(out.read("requeues", "requeued"))
    f.same(got["count"], 600, "reads")
    f.check(traced >= 10, f"the driver gave back {traced}")
    f.same(got["requeues"], traced, "given back")


@case("merged", "a request that was merged into another leaves nothing to the next one in its place",
      f"""
{RECORD} 'one() {{ dd if=/dev/zero of=/dev/nullb5 bs=4k count=1 seek=$1 oflag=direct conv=notrunc 2>/dev/null; }}
for at in 900 800 100 102 101; do one $at & sleep 0.1; done; wait; sleep 8
for at in 0 1 2 3; do {read("nullb5", 1, "skip=$((1000 - 20 * at))")} & done; wait'""")
def merged(f, out):
    doc = document(out, "merged")
    got = reads(doc)["nullb5"]
    f.check(sum(r["merged"] for r in doc["disks"] if r["name"] == "nullb5") == 2, "not all were merged that can be")
    f.same(got["count"], 4, "reads")
    # four, one after the other; who has the time of one before them has eight seconds more
    f.check(got["queue_max_ns"] < 8000 * MS, f"in the queue: {got['queue_max_ns']}")


@case("flusher", "a kernel thread that waits for a disk is blocked, while nobody else is",
      """echo 10 >/proc/sys/vm/dirty_writeback_centisecs
echo 1 >/proc/sys/vm/dirty_expire_centisecs
exec 3</dev/nullb5 # who closes it last would write all
for at in $(seq 0 5 60); do dd if=/dev/zero of=/dev/nullb5 bs=4k count=1 seek=$at conv=notrunc 2>/dev/null; done
hostlat top --batch --json --calls=off -n 4 -i 1 --blocked=300ms 3<&- >lines
exec 3<&-""")
def flusher(f, out):
    text = out.read("flusher", "lines")
    check(text.count("\n") == 4, f"documents: {text.count(chr(10))}; {out.read('flusher', 'stderr')[-300:]!r}")
    docs = [live.valid(live.Doc(json.loads(line)), clocks=False) for line in text.splitlines()]
    rows = [(d, r) for d in docs for r in d["blocked"]]
    f.check(all(r["comm"].startswith("kworker") for _, r in rows), f"blocked: {[r['comm'] for _, r in rows]}")
    flushers = []
    for d, r in rows:
        stack = next(s for s in d["stacks"] if s["id"] == r["kernel_stack"])
        names = [x.get("function") for x in stack["frames"]]
        if "process_srcu" not in names:  # under emulation a grace period takes long
            flushers.append(r)
            f.check({"wb_workfn", "blk_mq_submit_bio"} <= set(names), f"its stack: {names}")
    f.check(flushers, "no flusher is blocked")
    f.same({(r["state"], r["uninterruptible"], r["operation"]) for r in flushers}, {("disk", True, "(kernel)")}, "what it is in")


def limited(name, disk, what):
    """Two readers of a disk, or its partition, whose cgroup may read it 20 times a second."""

    def judge(f, out):
        doc = document(out, name)
        got = reads(doc)
        f.same({k: r["count"] for k, r in got.items()}, {disk: 40}, "reads")
        # two at a time wait for one of 20 a second, but for some at the begin
        f.check(got[disk]["queue_p50_ns"] >= 40 * MS, f"in the queue: {got[disk]}")
        mine = [o for o in doc.ops(None, "block", "read") if o["comm"] == "dd"]
        f.same([o["count"] for o in mine], [20, 20], "reads of the two")
        f.check(all(o["queue_ns"] > o["device_ns"] for o in mine), f"in the queue and in the device: {mine}")
        waited(f, doc, 15, 40 * MS, "queue_ns")
        f.same({r["name"]: r.get("below") for r in doc["disks"] if r["name"] == disk},
               {disk: "nullb3" if disk != "nullb3" else None}, "what is on what")

    Case(name, f"""mkdir -p /sys/fs/cgroup/limit
echo "$(cat /sys/block/nullb3/dev) riops=20" >/sys/fs/cgroup/limit/io.max
{RECORD} 'one() {{ echo 0 >/sys/fs/cgroup/limit/cgroup.procs; {read(disk, 20)}; }}; one & one; wait'""",
         [(f"the time that a limit holds reads of {what} back is in the queue, and theirs who made them", judge)])


limited("io-max", "nullb3p1", "a partition")
limited("io-max-whole", "nullb3", "a disk")


# ---- where it cannot work: one line, and status 3 -------------------------------------------------

REFUSED = """hostlat top --batch -n 1; echo status $?
hostlat record -d 1 -o x.json; echo status $?
ls"""


def refused(*words):
    """Each line of stderr says why, there is one for each try, and nothing was left behind."""

    def judge(f, out, name):
        lines = out.read(name, "stderr").splitlines()
        said = out.read(name, "stdout").split("\n")
        f.same([line for line in said if line.startswith("status")], ["status 3", "status 3"], f"statuses, of {said}")
        f.same(len(lines), 2, f"lines: {lines}")
        f.check(all(all(w in line for w in words) for line in lines), f"they do not say {words}: {lines}")
        f.check("x.json" not in said, f"it left a file: {said}")

    return judge


def cannot(name, title, before, after, *words):
    """before, after: words around the commands, as a shell that has no rights."""
    judge = refused(*words)
    Case(name, f"{before}\n{REFUSED}\n{after}", [(title, lambda f, out: judge(f, out, name))])


cannot("too-old", "a kernel that is too old is refused in one line", "", "", "too old", "5.15")
cannot("no-btf", "a kernel without BTF is refused in one line", "mount -t tmpfs t /sys/kernel/btf", "umount /sys/kernel/btf",
       "no BTF", "CONFIG_DEBUG_INFO_BTF")
cannot("hidden-btf", "BTF that cannot be read is refused in one line", "mount -o bind /dev/null /sys/kernel/btf/vmlinux",
       "umount /sys/kernel/btf/vmlinux", "no BTF")
cannot("lockdown", "a kernel that is locked down is refused in one line", "", "", "doctor")
for name_, title_, shell_ in (("not-root", "who is not root", "su nobody -s /bin/sh"), ("not-capable", "a root without rights", "unshare -r sh")):
    cannot(name_, f"{title_} is refused in one line", f"chmod 777 .; {shell_} <<'END'", "END", "ermitted")


@case("doctor-lockdown", "doctor names the lockdown",
      "mount -t securityfs s /sys/kernel/security; hostlat doctor; echo status $?; umount /sys/kernel/security")
def doctor_lockdown(f, out):
    text = out.read("doctor-lockdown", "stdout")
    f.check("status 3" in text and "[confidentiality]" in text, f"doctor: {text!r}")
    f.check("lockdown=integrity" in text, f"no advice: {text!r}")


# ---- hosts of another shape ---------------------------------------------------------------------------


@case("tracefs", "doctor mounts tracefs where it is not",
      "grep -c tracefs /proc/mounts; hostlat doctor; grep -c tracefs /proc/mounts")
def tracefs(f, out):
    lines = out.read("tracefs", "stdout").split()
    f.same((lines[0], lines[-1]), ("0", "1"), "mounts of tracefs before and after")


MANY = 10_000_000

modes("many", "on", f"{MANY} calls of 8 threads on 2 CPUs are in rows", [
    ("many", f"{MANY} calls of 8 threads are counted exactly", f"cheap --threads 8 --each {MANY // 8}", calls("getppid")),
])


@case("dns", "DNS queries are all seen, by whatever calls, whether the kernel tells of messages or not",
      """ip link set lo up
hostlat record --dns -i 1000 -o x.json -- sh -c 'work dns --each 100; sleep 2'""")
def dns(f, out):
    doc = document(out, "dns")
    by_calls(f, doc, "dns")
    got = {(r["name"], r["type"], r["server"]): (r["count"], r["answered"], r["tcp"]) for r in doc["dns"]}
    want = {name: (100, 100, 100 * (name == "tcp")) for name in ("send", "sendto", "first", "second", "tcp")}
    want["silent"] = (100, 0, 0)
    if doc.acct("dns")["lost_by"].get("recursion") and u.may_skip(doc):
        f.check(all(got.get((f"{n}.test", "A", "127.0.0.1:53"), (0,))[0] > 50 for n in want), f"queries: {got}")
        return
    f.same(got, {(f"{n}.test", "A", "127.0.0.1:53"): v for n, v in want.items()}, "queries")
    ends = {(q["name"], q["result"], q.get("addresses", "")) for q in doc["dns_queries"]}
    f.same(ends, {(f"{n}.test", *(("given up", "") if n == "silent" else ("NOERROR", "192.0.2.7"))) for n in want}, "ends")
    f.same(doc.acct("dns")["lost_by"], {}, "lost")


@case("files", "files have their calls, bytes and names",
      """hostlat record --files --calls=on -i 1000 -o x.json -- sh -c '
dd if=/dev/zero of=data bs=1000 count=37 2>/dev/null
mv data moved
dd if=moved of=/dev/null bs=1000 2>/dev/null'""")
def files(f, out):
    doc = document(out, "files")
    done = {}
    for r in doc["file_operations"]:
        if r["kind"] == "syscall" and r["path"].endswith(("/data", "/moved")):
            key = (r["path"].rsplit("/", 1)[1], r["name"])
            n, size = done.get(key, (0, 0))
            done[key] = (n + r["count"], size + r["bytes"])
    f.same(done.get(("data", "write")), (37, 37000), "writes")
    f.same(done.get(("moved", "read")), (38, 37000), "reads, the last of which tells the end")
    f.check(not done.get(("data", "read")), "nobody read under the old name")


def hotplug(f, out):
    doc = document(out, "hotplug")
    u.law(f, doc)
    taken = out.read("hotplug", "offline").split()
    f.check(len(taken) >= 3, f"the CPU was taken away {len(taken)} times only")
    f.same(set(taken), {"0"}, "CPUs that were online meanwhile")
    for name, call in (("count", "getppid"), ("sleep", "nanosleep"), ("pipe", "read")):
        r = Traced(out, "hotplug", doc, out.read("hotplug", f"{name}.json"))
        u.same_calls(f, r, [call])


Case("hotplug", """(while :; do
	echo 0 >/sys/devices/system/cpu/cpu1/online && cat /sys/devices/system/cpu/online >>offline
	sleep 0.4
	echo 1 >/sys/devices/system/cpu/cpu1/online
	sleep 0.4
done) &
trace on <<END
count cheap --threads 4 --each 100000
sleep sleep --threads 4 --each 100 --hold 10
pipe pipe --threads 4 --each 100 --hold 10
END
status=$?
kill $!
echo 1 >/sys/devices/system/cpu/cpu1/online
exit $status""", [("no call is lost while a CPU comes and goes", hotplug)])

# What the kernel holds for hostlat's maps, each map once.
MEMORY = """hostlat top --batch --json --calls=on --memory=%s -n 2 -i 1 >lines &
sleep 4
cat /proc/$!/fdinfo/* 2>/dev/null | awk '/^memlock/ { m = $2 } /^map_id/ && !seen[$2]++ { s += m } END { print s }'
cat /sys/devices/system/cpu/possible
wait $!"""


def memory(name, mib, cpus):
    def judge(f, out):
        check(out.status(name) == 0, f"status {out.status(name)}: {out.read(name, 'stderr')!r}")
        held, possible = out.read(name, "stdout").split()
        f.same(possible, cpus, "possible CPUs")
        f.check(0 < int(held) <= mib << 20, f"the kernel holds {int(held) / 2**20:.1f} MiB, {mib} are allowed")
        for line in out.read(name, "lines").splitlines():
            doc = live.valid(live.Doc(json.loads(line)), clocks=False)
            f.check(0 < doc["self"]["map_bytes"] <= mib << 20, f"it says {doc['self']['map_bytes']} bytes")

    return judge


for name_, mib_ in (("memory", 64), ("memory-more", 128)):
    Case(name_, MEMORY % f"{mib_}M", [(f"maps for 64 possible CPUs keep to {mib_} MiB", memory(name_, mib_, "0-63"))])


@case("memory-less", "too little memory for so many CPUs is refused in one line", "hostlat top --batch -n 1 --memory=1M")
def memory_less(f, out):
    lines = out.read("memory-less", "stderr").splitlines()
    f.check(out.status("memory-less") in (1, 2) and len(lines) == 1 and "64 CPUs" in lines[0], f"{out.status('memory-less')}: {lines}")
