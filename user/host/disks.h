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

/* A number for the devices that the lines are of, and their names: another one when any comes or goes. */
uint64_t disk_set(const char *stats);

/* The name of a device, from sysfs; as it was where that is not there. */
void disk_name(uint32_t dev, char name[DISK_NAME_LEN]);

/* What changes seldom: when devices come and go, or are given other parts. */
struct disk_about {
	uint32_t whole; /* the disk that a partition is of; its own number for a disk */
	uint64_t size_bytes;
	bool rotates;
	bool stacked; /* on other devices */
	/* names, a blank between them: of a partition its disk, of a device-mapper, md or loop
	 * device its parts or file; and of the devices that are made of this one */
	struct str below, above;
	struct str label; /* the name that a device-mapper device was given */
};

/* What was there before is replaced. */
void disk_about(uint32_t dev, struct disk_about *a);
void disk_about_fini(struct disk_about *a);

#endif
