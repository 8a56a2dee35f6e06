#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Validates documents of hostlat against its JSON Schema, and against the laws that no
schema can say. Without documents: the samples of tests/data.

    export_schema.py [--schema FILE | --hostlat PROGRAM] [--complete] [DOCUMENT ...]

A document is a file with one JSON document, or with one on each line (.ndjson); - is
standard input. The schema is FILE, or what `PROGRAM export --schema` prints: one of the
two must be given with documents. With --complete an event that is unaccounted is an
error too. Prints "ok NAME" or what is wrong; the exit status is 1 when anything is."""
import argparse
import json
import os
import subprocess
import sys

import jsonschema

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")


def no_twins(pairs):
    keys = [k for k, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("a key stands twice: " + ", ".join(k for k in set(keys) if keys.count(k) > 1))
    return dict(pairs)


def no_constant(word):
    raise ValueError("not JSON: " + word)


def load(text):
    return json.loads(text, object_pairs_hook=no_twins, parse_constant=no_constant)


def documents(path):
    data = sys.stdin.buffer.read() if path == "-" else open(path, "rb").read()
    text = data.decode("utf-8", "strict")
    lines = path.endswith(".ndjson") or (path == "-" and text.count("\n{") > 0)
    found = [load(line) for line in text.splitlines() if line] if lines else [load(text)]
    if not found:
        raise ValueError("empty")
    return found


def tables(doc, schema):
    for name, what in schema["properties"].items():
        if what.get("type") == "array":
            for i, row in enumerate(doc.get(name, [])):
                yield f"{name}[{i}]", row


def laws(doc, schema, complete):
    """Yields what is broken."""
    for a in doc["capture"]["accounting"]:
        if a["seen"] != a["delivered"] + a["lost"] + a["unaccounted"]:
            yield f"class {a['class']}: seen is not delivered + lost + unaccounted"
        if a["lost"] != sum(a["lost_by"].values()):
            yield f"class {a['class']}: lost is not the sum of its causes"
        if complete and a["unaccounted"]:
            yield f"class {a['class']}: {a['unaccounted']} events are unaccounted"
    if doc["capture"]["ended"] < doc["capture"]["started"]:
        yield "the capture ended before it started"
    for where, row in tables(doc, schema):
        h = row.get("histogram")
        if h and h["counts"] and not (h["counts"][0] and h["counts"][-1] and h["offset"] >= 64
                                      and h["offset"] + len(h["counts"]) <= 305):
            yield f"{where}: the histogram's range is wrong"
        if h and "count" in row and h["zero_count"] + sum(h["counts"]) != row["count"]:
            yield f"{where}: the histogram holds {h['zero_count'] + sum(h['counts'])} of {row['count']}"


SLACK_NS = 250_000_000  # ledgers are read one after the other, not at the stamp of the tick


def clocks(doc):
    """Yields the clocks that ran for longer than time went by."""
    capture = doc["capture"]
    cpu_ns = doc["host_time_ns"].get("cpu", 0) + doc["kthread_time_ns"].get("cpu", 0)
    if cpu_ns > doc["host"].get("cpus", 1 << 16) * (capture["duration_ns"] + SLACK_NS):
        yield f"{cpu_ns} ns on the CPU is more than the CPUs have"
    for row in doc.get("threads", []):
        if row.get("members") != 1:
            continue
        for flavour, limit in ((row, capture["duration_ns"]), (row.get("interval", {}), capture["interval_ns"])):
            ns = sum(flavour.get("time_ns", {}).values())
            if ns > limit + SLACK_NS:
                yield f"thread {row['tid']}: its clocks say {ns} ns of {limit}"


def check(path, validator, complete):
    broken = []
    for n, doc in enumerate(documents(path)):
        errors = [f"/{'/'.join(str(p) for p in e.absolute_path)}: {e.message[:200]}"
                  for e in validator.iter_errors(doc)]
        errors += [] if errors else [*laws(doc, validator.schema, complete), *clocks(doc)]
        broken += [f"document {n}: {e}" for e in errors]
    return broken


def schema_text(path, program):
    if program:
        return subprocess.run([program, "export", "--schema"], check=True, capture_output=True).stdout
    return open(path, "rb").read()


def check_all(paths, text, complete):
    schema = load(text.decode())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    status = 0
    for path in paths:
        try:
            broken = check(path, validator, complete)
        except (OSError, ValueError) as e:
            broken = [str(e)]
        print("not ok" if broken else "ok", "schema of", path if path == "-" else os.path.basename(path))
        for line in broken[:20]:
            print(f"# {line}")
        status |= bool(broken)
    return status


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--schema")
    args.add_argument("--hostlat")
    args.add_argument("--complete", action="store_true")
    args.add_argument("documents", nargs="*")
    args = args.parse_args()
    if args.documents and bool(args.schema) == bool(args.hostlat):
        sys.exit("export_schema.py: give --schema FILE or --hostlat PROGRAM with documents")
    if args.documents:
        return check_all(args.documents, schema_text(args.schema, args.hostlat), args.complete)
    samples = {"export_things": ("json", "ndjson"), "export_host": ("json",)}
    return max(check_all([os.path.join(DATA, f"{name}.{e}") for e in ends],
                         schema_text(os.path.join(DATA, name + ".schema.json"), None), name == "export_host")
               for name, ends in samples.items())


if __name__ == "__main__":
    sys.exit(main())
