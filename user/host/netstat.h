/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What the kernel counts for a whole network namespace. */
#ifndef HOST_NETSTAT_H
#define HOST_NETSTAT_H

#include "base/base.h"

/* A count of TcpExt, as nstat names it, in the text of /proc/PID/net/netstat. 0 or -ENOENT. */
int netstat_find(const char *text, const char *name, uint64_t *value);
/* The same of the network namespace that a process is in. 0 or -errno. */
int netstat_read(int pid, const char *name, uint64_t *value);

#endif
