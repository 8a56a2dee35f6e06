#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Wrong command lines, and the help. Every wrong one: exit status 2, one line that says what is wrong."""
import os
import tap
from tap import check, refused, run, same, test

COMMANDS = ("top", "record", "report", "export", "trace", "doctor")

WRONG = (
    # words, what the line must name
    (["frobnicate"], ["frobnicate", *COMMANDS]),
    (["diff", "a", "b"], ["diff", *COMMANDS]),
    (["top", "--frobnicate"], ["--frobnicate"]),
    (["--btach"], ["--batch"]),
    (["top", "-Z"], ["-Z"]),
    (["top", "--batch", "-i", "x"], ["-i", "x", "0.5"]),
    (["top", "--batch", "-i", "0"], ["-i"]),
    (["top", "--batch", "-i", "-1"], ["-i"]),
    (["top", "--batch", "-i", "1.2.3"], ["-i"]),
    (["top", "--batch", "-i", "1e3"], ["-i"]),
    (["top", "--batch", "-i", "99999"], ["-i"]),
    (["top", "--batch", "-i", ""], ["-i"]),
    (["top", "--batch", "-i"], ["-i", "missing"]),
    (["top", "--batch", "-n", "0"], ["-n"]),
    (["top", "--batch", "-n", "many"], ["-n", "many"]),
    (["top", "--slow", "10"], ["--slow", "10ms"]),
    (["top", "--slow", "10 ms"], ["--slow"]),
    (["top", "--slow", "0ns"], ["--slow"]),
    (["top", "--memory", "64X"], ["--memory"]),
    (["top", "--memory", "1K"], ["--memory"]),
    (["top", "--calls", "maybe"], ["auto", "on", "off"]),
    (["top", "--batch=yes"], ["--batch"]),
    (["top", "--batch", "-p", "abc"], ["-p", "abc"]),
    (["top", "--batch", "-p", "0"], ["-p"]),
    (["top", "--batch", "-p", "1,,2"], ["-p"]),
    (["top", "--batch", "-p", "4294967297"], ["-p"]),
    (["top", "--batch", "-x", "frob"], ["-x", "frob"]),
    (["top", "--batch", "--cgroup", "system.slice"], ["--cgroup", "/"]),
    (["top", "--batch", "--view", "frob"], ["--view", "processes", "slow"]),
    (["top", "--batch", "--sort", "frob"], ["--sort", "busy_ns"]),
    (["top", "--batch", "--view", "slow", "--sort", "threads"], ["--sort", "duration_ns"]),
    (["top", "--batch", "--hide", "pid,servise"], ["--hide", "servise", "service"]),
    (["top", "--batch", "--hide", "retransmit"], ["--hide", "retransmits, retransmits_pct"]),
    (["report", "a", "--hide", "xyzzy"], ["--hide", "xyzzy", "--schema"]),
    (["top", "word"], ["word"]),
    (["top", "--"], ["--", "CMD"]),
    (["top", "-r", "x.hostlat", "--batch", "--", "true"], ["-r"]),
    (["record"], ["-o"]),
    (["record", "-o"], ["-o"]),
    (["record", "-d", "soon", "-o", "/nonexistent/x"], ["-d"]),
    (["record", "-o", "x.json", "--json", "y.json"], ["--json"]),
    (["report"], ["recording"]),
    (["report", "a", "b"], ["b"]),
    (["report", "a", "--", "b"], ["--"]),
    (["report", "a", "--view", "frob"], ["--view"]),
    (["export"], ["recording"]),
    (["export", "a"], ["--format", "json"]),
    (["export", "a", "--format", "frob"], ["frob", "json", "ndjson", "csv", "text"]),
    (["doctor", "word"], ["word"]),
    (["trace"], ["which functions", "FILE:FUNCTION"]),
    (["trace", "--list", "malloc"], ["malloc", "FILE:FUNCTION"]),
    (["trace", "--list", "libc:malloc+x"], ["malloc+x", "+0x10"]),
    (["top", "--batch", "--debuginfod=frob"], ["--debuginfod", "frob", "https://HOST"]),
    (["top", "--batch", "--debuginfod=file:///etc"], ["--debuginfod", "file:///etc"]),
    (["top", "--batch", "--debuginfod=ftp://example.org/"], ["--debuginfod", "ftp://example.org/"]),
    (["top", "--batch", "--debuginfod=https://"], ["--debuginfod", "https://"]),
    (["top", "--batch", "--debuginfod=http:///x"], ["--debuginfod", "http:///x"]),
    (["top", "--batch", "--debuginfod=https://example.org,gopher://x"], ["--debuginfod", "gopher://x"]),
    (["top", "--batch", "--debuginfod=https://example.org/\x01"], ["--debuginfod"]),
    (["top", "--batch", "--debuginfod=https://example.org/$(id)'"], ["--debuginfod"]),
    (["top", "--batch", "--debuginfod=,"], ["--debuginfod", "no server"]),
    (["top", "--batch", "--debuginfod=" + ",".join(["https://example.org/" + "x" * 50] * 80)], ["--debuginfod", "too many"]),
    (["top", "--batch", "--debuginfod=https://example.org", "--stack-bytes=0"], ["--debuginfod", "--stack-bytes"]),
    (["record", "-d", "1", "-o", "/tmp/hostlat-never-made.hostlat", "--debuginfod=x"], ["--debuginfod", "x"]),
)


@test
def wrong_command_lines():
    for words, named in WRONG:
        with tap.Clean():
            refused(run(*words), 2, *named)


@test
def debuginfod_without_a_server():
    """What the environment says is looked at when the option stands alone, and only then."""
    for env, named in ((None, "DEBUGINFOD_URLS"), ("", "DEBUGINFOD_URLS"), (" \t", "DEBUGINFOD_URLS"), ("ima:enforcing", "no server"),
                       ("https://example.org file:///x", "file:///x"), ("https://example.org/;rm -r", "DEBUGINFOD_URLS")):
        e = {k: v for k, v in os.environ.items() if k != "DEBUGINFOD_URLS"}
        if env is not None:
            e["DEBUGINFOD_URLS"] = env
        with tap.Clean():
            refused(run("top", "--batch", "--debuginfod", env=e), 2, named)
    with tap.Clean():
        same(run("top", "--batch", "-n", "1", "-i", "0.1", env={**os.environ, "DEBUGINFOD_URLS": "file:///x"}).status, 0, "without the option")


@test
def outside_bytes_are_escaped():
    r = run("a\x1b[31mb\nc")
    refused(r, 2, "\\x1b", "\\x0a")


@test
def help_of_the_program():
    for words in (["--help"], ["-h"], ["help"]):
        r = run(*words)
        same((r.status, r.err), (0, ""), "help")
        for c in COMMANDS:
            check(f"\n  {c} " in r.out, f"{c} is not in the help")


@test
def help_of_each_command():
    for c in COMMANDS:
        r = run(c, "--help")
        same((r.status, r.err), (0, ""), c)
        check(r.out.startswith(f"usage: hostlat {c}"), r.out[:80])
        check("--help" in r.out, f"{c}: options are missing")
        for hidden in ("--ring", "--slots", "--cells", "--debug ", "--target", "--fetch"):
            check(hidden not in r.out, f"{c}: {hidden} is for tests")
        for line in r.out.splitlines():
            check(len(line) <= 100, f"{c}: too wide: {line}")
    check("--batch" in run("top", "-h").out, "top's options")
    check("ndjson" in run("export", "--help").out, "the formats")


@test
def version():
    r = run("--version")
    same((r.status, r.err), (0, ""), "version")
    check(r.out.startswith("hostlat ") and r.out.count("\n") == 1, r.out)


@test
def schema():
    import json
    r = run("export", "--schema")
    same((r.status, r.err), (0, ""), "schema")
    check("processes" in json.loads(r.out)["properties"], "a table is missing")


tap.main()
