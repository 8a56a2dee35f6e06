/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* A small host as records, the same each time: for tests that want the real model, the
 * real tables, or a recording, without a kernel. */
#ifndef TESTS_FIXTURE_REC_H
#define TESTS_FIXTURE_REC_H

#include "rec/rec.h"

/*
 * The host "web1", watched for FIXTURE_TICKS intervals of one second, the first tick at
 * the start:
 *   pid 1     systemd     polls
 *   pid 2     kthreadd    a kernel thread, idle
 *   pid 100   postgres    tid 100 half on the CPU and half on disk (fsync); tid 101 hangs in
 *                         fsync since before the capture
 *   pid 200   hostile     a name, paths and a cgroup of bytes that no output may let through;
 *                         in the container "web"; on the network 3/4, idle 1/4
 *   pid 300   java        three threads, parked, one of them ends in the last interval
 * with operations, slow operations, accounting with losses, pressure and own cost.
 */
#define FIXTURE_TICKS  4
#define FIXTURE_BOOT   1000000000000ull       /* CLOCK_BOOTTIME of the first tick */
#define FIXTURE_REAL   1767323045123456789ull /* CLOCK_REALTIME of it: 2026-01-02T03:04:05.123456789Z */
#define FIXTURE_SECOND 1000000000ull
#define FIXTURE_COMM   "=h\x1b[1m\n\"<&\xff\xe2\x80\xae"

/* Appends the records of interval i (0 .. FIXTURE_TICKS - 1), its TICK last. */
void fixture_records(struct recbuf *b, unsigned int i);

#endif
