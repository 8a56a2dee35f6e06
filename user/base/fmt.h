/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Numbers to short text and back: the only home of unit suffixes. */
#ifndef BASE_FMT_H
#define BASE_FMT_H

#include "base/base.h"

#define FMT_LEN 16
/* Each fills buf (FMT_LEN bytes) and returns it. At most 7 columns wide. */
char *fmt_ns(char *buf, uint64_t ns);       /* 812ns 41.2us 10.0ms 3.21s 12m03s 4h12m 3d04h */
char *fmt_count(char *buf, uint64_t n);     /* 999 12.3k 4.56M 7.8G */
char *fmt_bytes(char *buf, uint64_t bytes); /* 512B 4.0K 61.2M */
char *fmt_pct(char *buf, double pct);       /* 0.3% 12% 100% */
char *fmt_cpus(char *buf, double cpus);     /* 0.05 0.50 12.00; never negative */

/* "250us", "10ms", "2s", "1.5s", "3m" -> ns. A bare number is refused. 0 or -EINVAL. */
int parse_duration(const char *s, uint64_t *ns);
/* "64M", "4K", "1G", bytes without a suffix. 0 or -EINVAL. */
int parse_size(const char *s, uint64_t *bytes);

#endif
