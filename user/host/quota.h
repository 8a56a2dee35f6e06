/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * CPU quotas of cgroups, as the files of the CPU controller tell: in whichever hierarchy that is, its
 * own of version 1 or the unified one. Called by the live source. Silent; nothing here waits.
 */
#ifndef HOST_QUOTA_H
#define HOST_QUOTA_H

#include "base/base.h"

#define QUOTA_UNKNOWN (~0ull)

/* Whatever the files do not tell is QUOTA_UNKNOWN. */
struct quota {
	uint64_t quota_ns, period_ns; /* quota 0: no limit */
	uint64_t periods, throttled, throttled_ns, usage_ns;
};

/* cpu.max: "50000 100000", "max 100000". Both members, or -EINVAL and neither. */
int quota_parse_max(const char *text, struct quota *q);
/* cpu.cfs_quota_us and cpu.cfs_period_us: "-1" is no limit. The same. */
int quota_parse_cfs(const char *quota, const char *period, struct quota *q);
/* cpu.stat of either version: the other members. */
void quota_parse_stat(const char *text, struct quota *q);

struct cpu_tree;

/* NULL: no hierarchy with that controller is mounted, or it is closed to us. */
struct cpu_tree *cpu_tree_open(void);
void cpu_tree_close(struct cpu_tree *t); /* NULL is fine */
/* Is it the unified one, so that a process's path there is its path here? */
bool cpu_tree_unified(const struct cpu_tree *t);
/* The path of a living process in it. 0 or -errno. */
int cpu_tree_path(const struct cpu_tree *t, int pid, char *path);

typedef void (*cpu_tree_fn)(void *arg, const char *path);
/* All cgroups but the root, at most so many. 0; -E2BIG: there are more, or too deep ones; -errno. */
int cpu_tree_each(const struct cpu_tree *t, size_t most, cpu_tree_fn fn, void *arg);

/*
 * The limit of a cgroup: 0, or -errno, -ENOENT where the cgroup is gone, is outside of what is mounted here
 * (its path leads out of our cgroup namespace), or has no such files (the root).
 */
int cpu_tree_quota(const struct cpu_tree *t, const char *path, struct quota *q);
/* Its cpu.stat, open for cpu_stat_read: a descriptor or -errno. */
int cpu_tree_open_stat(const struct cpu_tree *t, const char *path);
/* Its figures, from the start of the file: 0 or -errno; -ENODEV: the cgroup was removed. */
int cpu_stat_read(int fd, struct quota *q);

#endif
