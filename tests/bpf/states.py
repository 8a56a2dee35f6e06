#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The ledger names the state that a thread is in: one test per state, against the clocks of
the thread itself. Counts are exact, durations within 1 % + 1 ms."""
import live
from live import Facts, MS, check, near, same, test

# mode, calls that wait: {state: name}
MODES = [
    ("sleep --threads 4 --each 20 --hold 10", {"sleep": "nanosleep"}),
    ("pipe --threads 2 --each 30 --hold 10", {"ipc": "read", "sleep": "nanosleep"}),
    ("eventfd --threads 2 --each 30 --hold 10", {"ipc": "read"}),
    ("unix --threads 2 --each 30 --hold 10", {"ipc": "recvfrom"}),
    ("msgq --each 30 --hold 10", {"ipc": "mq_timedreceive"}),
    ("msgq --sysv --each 30 --hold 10", {"ipc": "msgrcv"}),
    ("futex-lock --threads 3 --each 10 --hold 10", {"lock": "futex"}),
    ("futex-park --threads 2 --each 30 --hold 10", {"park": "futex"}),
    ("flock --each 15 --hold 15", {"lock": "flock"}),
    ("epoll --threads 2 --each 30 --hold 10", {"poll": "epoll_wait"}),
    ("accept --each 30 --hold 10", {"idle": None, "network": "recvfrom"}),
    ("poll1 --each 30 --hold 10", {"network": "poll"}),
    ("poll2 --each 30 --hold 10", {"network": "poll"}),
    ("select1 --each 30 --hold 10", {"network": "select"}),
    ("pollmix --each 30 --hold 10", {"poll": "poll"}),
    ("pollzero --each 30 --hold 10", {"sleep": "poll"}),
    ("udp --each 30 --hold 10", {"network": "recvfrom", "idle": "recvfrom"}),
    ("sigwait --each 30 --hold 10", {"idle": "rt_sigtimedwait"}),
    ("child --each 15 --hold 15", {"child": "wait4"}),
    ("vfork --each 15 --hold 15", {"child": "vfork"}),
]


def agree(f, r, states):
    """The ledger of each thread, and of all together, is what the threads measured."""
    for state in states:
        got = want = 0
        for t in r.truth.threads:
            if t["role"] == "main" or not t["ended"]:
                continue
            ns = r.doc.thread(t["tid"])["time_ns"].get(state, 0)
            mine = t["state_ns"].get(state, 0)
            f.near(ns, mine, f"{state} of {t['role']} {t['tid']}")
            got, want = got + ns, want + mine
        f.check(want >= 20 * MS, f"the generator measured {want / MS:.3f} ms of {state}")
        f.near(got, want, f"{state} of all threads")


def mode_test(mode, states):
    def body():
        r = live.work(mode)
        with Facts() as f:
            agree(f, r, states)

    test(f"state: {mode.split(' --each')[0]}: {', '.join(states)}")(body)


for m, s in MODES:
    mode_test(m, s)

if __name__ == "__main__":
    live.main()
