#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Where hostlat cannot work it says so in one line, with the right status, and leaves nothing."""
import os
import signal
import subprocess
import tap
from tap import check, refused, run, same, test

LIVE = (["top", "--batch", "-n", "1"], ["record", "-d", "1", "-o", "x.hostlat"], ["record", "-d", "1", "-o", "x.json"])


def dead_pid():
    p = subprocess.Popen(["true"])
    p.wait()
    return p.pid


def live(*more, **how):
    """All live commands, each in an empty folder that must stay empty."""
    for words in LIVE:
        d = tap.folder()
        with tap.Clean(d):
            yield run(*words, *more, cwd=d, **how)


@test
def a_pid_that_does_not_exist():
    pid = dead_pid()
    for r in live("-p", f"1,{pid}"):
        refused(r, 1, "-p", str(pid))


@test
def a_thread_instead_of_a_process():
    p = subprocess.Popen(["python3", "-c", "import threading, time\n"
                          "threading.Thread(target=time.sleep, args=(30,), daemon=True).start()\ntime.sleep(30)"])
    try:
        tap.wait_for("second thread", lambda: len(os.listdir(f"/proc/{p.pid}/task")) > 1)
        tid = max(int(t) for t in os.listdir(f"/proc/{p.pid}/task"))
        refused(run("top", "--batch", "-n", "1", "-p", str(tid)), 1, str(tid), f"-p {p.pid}")
    finally:
        p.kill()
        p.wait()


@test
def a_command_that_is_not_there():
    # others wait meanwhile: what is told of them comes while hostlat ends
    noise = subprocess.Popen(["python3", "-c", "import time\nwhile True: time.sleep(0.011)"])
    try:
        for r in live("--", "no-such-command-here"):
            refused(r, 127, "no-such-command-here", "no such command")
    finally:
        noise.kill()
        noise.wait()


@test
def a_command_that_cannot_run():
    d = tap.folder()
    plain = os.path.join(d, "plain")
    open(plain, "w").write("not a program")
    for command in (plain, d):
        for r in live("--", command):
            refused(r, 126, command)


@test
def not_root():
    program = tap.public_copy()
    d = tap.folder()
    os.chmod(d, 0o777)
    for words in LIVE:
        with tap.Clean(d):
            refused(run(*words, program=program, wrap=tap.NOBODY, cwd=d), 3, "root", "CAP_BPF")


WITH_CAPS = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def caps(*names):
    """Wraps a program: nobody, with these capabilities and no other."""
    words = ",".join("+" + n for n in names)
    return WITH_CAPS + [f"--{kind}=-all,{words}" for kind in ("inh-caps", "ambient-caps", "bounding-set")]


@test
def capabilities_are_enough():
    program = tap.public_copy()
    d = tap.folder()
    os.chmod(d, 0o777)
    with tap.Clean(d, ("x.hostlat",)):
        r = run("record", "-d", "0.3", "-o", "x.hostlat", program=program, wrap=caps("bpf", "perfmon"), cwd=d)
        same(r.status, 0, repr(r))
    same(run("report", "x.hostlat", cwd=d).status, 0, "report")
    status, checks = doctor_json(program=program, wrap=caps("bpf", "perfmon"))
    same((status, checks["privileges"]["state"], checks["waits"]["state"]), (0, "works_less", "works"), "without ptrace")
    status, checks = doctor_json(program=program, wrap=caps("bpf", "perfmon", "sys_ptrace"))
    same((status, checks["privileges"]["state"]), (0, "works"), "with all")
    for one in ("bpf", "perfmon"):
        refused(run("top", "--batch", "-n", "1", program=program, wrap=caps(one), cwd=d), 3, "CAP_BPF")


@test
def root_of_a_user_namespace_only():
    with tap.Clean():
        refused(run("top", "--batch", "-n", "1", wrap=["unshare", "-Ur"]), 3, "root of the host")
        status, checks = doctor_json(wrap=["unshare", "-Ur"])
        same((status, checks["privileges"]["state"]), (3, "does_not_work"), "doctor")
        check("namespace" in checks["privileges"]["found"], "why")


@test
def processes_of_a_namespace_only():
    wrap = ["unshare", "-pf", "--mount-proc"]
    with tap.Clean():
        refused(run("top", "--batch", "-n", "1", wrap=wrap), 3, "--pid=host")
        status, checks = doctor_json(wrap=wrap)
        same((status, checks["privileges"]["state"]), (3, "does_not_work"), "doctor")
        check("pid namespace" in checks["privileges"]["found"], "why")


@test
def not_root_reads_recordings():
    program, path = tap.public_copy(), tap.recording()
    refused(run("report", path, program=program, wrap=tap.NOBODY), 1, "ermission")
    os.chmod(path, 0o644)
    os.chmod(os.path.dirname(path), 0o755)
    r = run("report", path, program=program, wrap=tap.NOBODY)
    same((r.status, r.err), (0, ""), "report")
    check("Processes" in r.out, r.out[:200])


HIDE_BTF = ["unshare", "-m", "sh", "-c", 'mount --bind /dev/null /sys/kernel/btf/vmlinux && exec "$0" "$@"']
NO_TRACEFS = ["unshare", "-m", "sh", "-c",
              'umount -l /sys/kernel/tracing; umount -l /sys/kernel/debug/tracing 2>/dev/null; exec "$0" "$@"']


@test
def no_btf():
    for r in live(wrap=HIDE_BTF):
        refused(r, 3, "BTF", "5.15")


@test
def no_tracefs():
    with tap.Clean():
        r = run("top", "--batch", "-n", "1", "-i", "0.2", wrap=NO_TRACEFS)
    same(r.status, 0, f"it is not needed ({r!r})")
    check("Processes" in r.out, r.out[:200])


@test
def doctor_where_all_works():
    with tap.Clean():
        r = run("doctor")
        same((r.status, r.err), (0, ""), f"doctor ({r!r})")
        for name in ("kernel", "btf", "privileges", "lockdown", "tracepoints", "tracefs", "waits", "interrupts", "calls", "blocked"):
            check(f"\n{name} " in "\n" + r.out, f"{name} is not judged")


def doctor_json(**how):
    import json
    r = run("doctor", "--json", **how)
    same(r.err, "", "stderr")
    return r.status, {c["name"]: c for c in json.loads(r.out)["checks"]}


@test
def doctor_as_document():
    status, checks = doctor_json()
    same(status, 0, "status")
    for name in ("waits", "calls", "blocked"):
        same(checks[name]["state"], "works", name)


@test
def doctor_where_it_cannot_work():
    with tap.Clean():
        status, checks = doctor_json(wrap=HIDE_BTF)
        same((status, checks["btf"]["state"]), (3, "does_not_work"), "without BTF")
        check("5.15" in checks["btf"]["advice"], "advice")
        status, checks = doctor_json(program=tap.public_copy(), wrap=tap.NOBODY)
        same((status, checks["privileges"]["state"]), (3, "does_not_work"), "not root")
        check("root" in checks["privileges"]["advice"], "advice")
        same(checks["waits"]["state"], "does_not_work", "the core")
        check("closed" in checks["tracefs"]["found"], f"it is mounted: {checks['tracefs']}")


@test
def doctor_mounts_tracefs():
    with tap.Clean():
        status, checks = doctor_json(wrap=NO_TRACEFS)
        same((status, checks["tracefs"]["state"]), (0, "works"), "tracefs")


HIDE_FIND = ["unshare", "-m", "sh", "-c",
             'for f in /usr/bin/debuginfod-find /usr/local/bin/debuginfod-find; do [ ! -e $f ] || mount --bind /dev/null $f; done; exec "$0" "$@"']


@test
def debuginfod_without_what_fetches():
    """It runs without, and says so: the option, the collectors, doctor."""
    import json
    with tap.Clean():
        r = run("top", "--json", "-n", "1", "-i", "0.2", "--debuginfod=https://127.0.0.1:1", wrap=HIDE_FIND)
        same(r.status, 0, repr(r)[:500])
        check("debuginfod-find is not installed" in r.lines()[0], r.err)
        rows = {c["name"]: c for c in json.loads(r.out)["capture"]["collectors"]}
        same(rows["debuginfod"]["state"], "unavailable", "the collector")
        check("not installed" in rows["debuginfod"]["reason"], rows["debuginfod"]["reason"])
        status, checks = doctor_json(wrap=HIDE_FIND)
        same((status, checks["debuginfod"]["state"]), (0, "off"), "doctor")
        check("not installed" in checks["debuginfod"]["found"] and "nothing is lost" in checks["debuginfod"]["advice"], "what to do")


@test
def no_terminal():
    for words in ([], ["top"], ["-i", "1"], ["top", "-r", tap.recording()]):
        with tap.Clean():
            refused(run(*words, env={**os.environ, "TERM": "xterm"}), 2, "terminal", "--batch")


@test
def no_terminal_without_a_session():
    with tap.Clean():
        refused(run("top", wrap=["setsid", "-w"], env={**os.environ, "TERM": "xterm"}), 2, "terminal", "--batch")


def on_a_terminal(env, *words):
    """With a terminal for standard input and output; stderr apart."""
    import pty
    ours, its = pty.openpty()
    r = subprocess.run([tap.HOSTLAT, *words], stdin=its, stdout=its, stderr=subprocess.PIPE, env=env, timeout=30)
    os.close(its)
    os.set_blocking(ours, False)
    try:
        out = os.read(ours, 65536)
    except (BlockingIOError, OSError):
        out = b""
    os.close(ours)
    return tap.Result(r.returncode, out.decode("utf-8", "replace"), r.stderr.decode(), 0)


@test
def terminals_that_cannot_show_a_screen():
    for term in (None, "", "dumb", "unknown", "no-such-terminal"):
        env = {k: v for k, v in os.environ.items() if k != "TERM"}
        if term is not None:
            env["TERM"] = term
        for words in ([], ["top", "-r", tap.recording()]):
            with tap.Clean():
                refused(on_a_terminal(env, *words), 2, "--batch")


@test
def no_core_dump_of_others_data():
    d = tap.folder()
    p = tap.start("record", "-d", "20", "-o", os.path.join(d, "x.hostlat"))
    try:
        tap.wait_for("recording", lambda: os.listdir(d))
        st = os.stat(f"/proc/{p.pid}/mem")
        same(st.st_uid, 0, "owner")
        r = subprocess.run([*tap.NOBODY, "cat", f"/proc/{p.pid}/maps"], capture_output=True)
        check(r.returncode != 0, "others may look into it")
        p.send_signal(signal.SIGSEGV)
        p.wait(10)
        # bit 7 of the wait status says that a core was written; Popen drops it, so look for a file
        check(not [f for f in os.listdir(d) if f.startswith("core")], "a core was dumped")
    finally:
        p.kill()
        p.wait()


tap.main()
