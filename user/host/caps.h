/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What this process may do of what hostlat needs. Called by the live source and by doctor. */
#ifndef HOST_CAPS_H
#define HOST_CAPS_H

#include "base/base.h"

struct caps {
	char missing[64]; /* without these nothing works: "CAP_BPF CAP_PERFMON"; "": none is missing */
	bool sees_others; /* CAP_SYS_PTRACE: what program the processes of other users run */
	bool of_the_host; /* false: all of it counts inside a user namespace only */
	bool in_pid_ns;   /* numbers of processes are not the host's, and most of them are not to be seen */
};

void caps_read(struct caps *c);
/* The same from the texts of /proc/self/status and /proc/self/uid_map. */
void caps_parse(struct caps *c, const char *status, const char *uid_map);

#endif
