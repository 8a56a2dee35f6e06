/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Where the kernel's file systems are mounted here. Called by kern/, cgroup.c and doctor. */
#ifndef HOST_MOUNTS_H
#define HOST_MOUNTS_H

#include "base/base.h"

#define MOUNT_PATH_LEN 256

/*
 * The first mount of a file system type ("cgroup2", "tracefs") that shows its root, from
 * /proc/self/mountinfo, as path[MOUNT_PATH_LEN]. 0; -ENOENT: none; -errno.
 */
int mount_find(const char *fstype, char *path);

/* One line of mountinfo (without its newline): its mount point, when it is such a mount. */
bool mount_parse(const char *line, const char *fstype, char *path);

/*
 * The mount of a hierarchy of cgroups, as path[MOUNT_PATH_LEN]: version 1's with that controller, or with
 * NULL the unified one. root[MOUNT_PATH_LEN] is the cgroup that it shows, "" where that is the hierarchy's
 * root, which is preferred. 0; -ENOENT: none; -errno.
 */
int mount_find_cgroup(const char *controller, char *path, char *root);
/* One line of mountinfo, as mount_parse. */
bool mount_parse_cgroup(const char *line, const char *controller, char *path, char *root);

/*
 * The directory of a mounted tracefs that can be entered, without a slash at its end:
 * /sys/kernel/tracing, debugfs/tracing, or wherever it is mounted. 0; -ENOENT: none is mounted;
 * -EACCES: one is, but it is closed to us.
 */
int tracefs_path(char *path);

/* The same, but mounts it on /sys/kernel/tracing where none is mounted. A mount that fails is
 * printed: -EPERM without the right, -ENOENT where the kernel has no tracefs. */
int tracefs_mount(char *path);

#endif
