/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Clocks and wall-clock stamps. Called by the sources, the loop's users and the
 * exporters. */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	/* cannot fail: every clock here is older than the oldest kernel that runs this */
	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

uint64_t clock_boot_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

uint64_t clock_mono_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t clock_real_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

uint32_t clock_jiffy_ns(void)
{
	struct timespec t;

	clock_getres(CLOCK_MONOTONIC_COARSE, &t); /* which goes on with it */
	return (uint32_t)t.tv_nsec;
}

uint64_t clock_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

char *clock_rfc3339(char *buf, uint64_t real_ns)
{
	time_t sec = (time_t)(real_ns / NSEC_PER_SEC);
	struct tm tm;
	size_t n;

	gmtime_r(&sec, &tm); /* 64 bits of ns end in 2554 */
	n = strftime(buf, RFC3339_LEN, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, RFC3339_LEN - n, ".%09uZ", (unsigned int)(real_ns % NSEC_PER_SEC));
	return buf;
}
