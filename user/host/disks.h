/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The kernel's own figures of each disk and partition, and what a device is made of. Called by
 * kern/ at each tick. Silent: the caller prints. */
#ifndef HOST_DISKS_H
#define HOST_DISKS_H

#include "base/base.h"
#include "base/str.h"

#define DISK_NAME_LEN 64

/* One line of /proc/diskstats; counters since boot. */
struct disk_stat {
	uint32_t dev; /* as stat() gives it */
	char name[DISK_NAME_LEN];
	uint64_t reads, writes; /* completed */
	uint64_t merged[2];     /* reads, writes */
	uint32_t in_flight;
	uint64_t busy_ns;     /* with any request in flight */
	uint64_t weighted_ns; /* in_flight, integrated over time */
};

/* The line at *at, which is moved behind it. 0; -EINVAL: not such a line; -ENOENT: no more. */
int disk_stat_parse(const char **at, struct disk_stat *s);

/* What does not change while the device is there. */
struct disk_about {
	uint32_t whole; /* the disk that a partition is of; its own number for a disk */
	uint64_t size_bytes;
	bool rotates;
	bool stacked; /* on other devices */
};

/* below (emptied first) gets the names of the devices that this one is on, a blank between
 * them: of a partition its disk, of a device-mapper, md or loop device its parts or file. */
void disk_about(uint32_t dev, struct disk_about *a, struct str *below);

#endif
