/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Which cgroup a process is in, by its path, and the path of a cgroup id. Called by the live
 * source when it names a process; host/container.h reads the paths. Silent. */
#ifndef HOST_CGROUP_H
#define HOST_CGROUP_H

#include <sys/types.h>

#include "base/base.h"

#define CGROUP_PATH_LEN 1024 /* longer paths are cut at their end */

/*
 * The path in the text of a /proc/PID/cgroup: that of the unified hierarchy ("0::"), unless it is
 * "/" and the longest of the v1 paths of systemd, memory, cpu and pids tells more. Without the
 * kernel's " (deleted)". 0, or -ENOENT when no line tells.
 */
int cgroup_parse(const char *text, char *path);

/* The cgroup of a process. 0 or -errno; -ESRCH: it is gone. */
int cgroup_of_pid(pid_t pid, char *path);

/* The path in such a text of one hierarchy: version 1's with that controller, or with NULL the unified
 * one. The same; a process that ends is in "/" of version 1's. */
int cgroup_parse_controller(const char *text, const char *controller, char *path);
int cgroup_of_controller(pid_t pid, const char *controller, char *path);

/*
 * Paths by cgroup id (that of the unified hierarchy, as the kernel's records carry it). A path
 * that was seen once is still known when the cgroup is gone. At most 16384 are kept.
 */
struct cgroups;

struct cgroups *cgroups_new(void); /* never NULL */
void cgroups_free(struct cgroups *c);
/*
 * The path of id; where the kernel does not tell (no CAP_DAC_READ_SEARCH, no cgroup2 mounted, the
 * root, which says nothing where v1 is in use) that of the living process pid (0: none known). An
 * id of 0 is never looked up. 0 or -errno; path is "" then.
 */
int cgroups_path(struct cgroups *c, uint64_t id, pid_t pid, char *path);
/* The id of the cgroup with that path in the unified hierarchy. 0 or -errno. */
int cgroups_id(const struct cgroups *c, const char *path, uint64_t *id);

#endif
