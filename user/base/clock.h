/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Clocks. Stamps inside hostlat are CLOCK_BOOTTIME ns. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/base.h"

uint64_t clock_boot_ns(void);
uint64_t clock_mono_ns(void);
uint64_t clock_real_ns(void);
uint32_t clock_jiffy_ns(void); /* how long the kernel's tick is */
uint64_t clock_cpu_ns(void);   /* CPU time of this process */

#define RFC3339_LEN 36
/* 2026-01-02T03:04:05.123456789Z into buf (RFC3339_LEN bytes); returns buf. */
char *clock_rfc3339(char *buf, uint64_t real_ns);

#endif
