/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Facts about this host and its kernel: names, CPUs, pressure, memory of a process, device numbers.
 * Called by kern/ at start, by the live source at each tick, and by doctor. Silent: the caller,
 * who knows whether a missing fact matters, prints. */
#ifndef HOST_SYSTEM_H
#define HOST_SYSTEM_H

#include <sys/types.h>

#include "base/base.h"

#define SYSTEM_NAME_LEN 65
#define BOOT_ID_LEN     37

struct system_info {
	char hostname[SYSTEM_NAME_LEN];
	char kernel[SYSTEM_NAME_LEN]; /* release, as uname -r */
	char arch[SYSTEM_NAME_LEN];   /* machine, as uname -m */
	char boot_id[BOOT_ID_LEN];    /* "" where /proc does not tell */
	unsigned int cpus_online;     /* at least 1 */
	unsigned int cpus_possible;   /* highest possible CPU number + 1: the size of a per-CPU array */
	unsigned int pid_max;         /* numbers of threads stay below it */
};

/* Never fails: what cannot be read keeps a safe value (1 CPU, the kernel's largest pid_max). */
void system_info(struct system_info *s);

/*
 * A CPU list as sysfs writes it ("0-3,8,10-11"). Returns how many CPUs it names, or -EINVAL;
 * *end (may be NULL) becomes the highest number + 1. Numbers from 65536 on are refused.
 */
int cpu_list_parse(const char *list, unsigned int *end);

enum psi_resource { PSI_CPU, PSI_IO, PSI_MEMORY, NR_PSI }; /* as in struct hl_rec_psi */

#define PSI_MISSING  (~0u)
#define PSI_NO_TOTAL (~0ull)

/* Missing members (the "full" line of cpu before 5.13) are all ones. */
struct psi {
	uint32_t some_avg10_x100; /* hundredths of a percent */
	uint32_t full_avg10_x100;
	uint64_t some_total_us; /* since boot */
	uint64_t full_total_us;
};

/* 0; -ENOENT: this kernel keeps no pressure figures (also where they are off at boot); -errno. */
int psi_read(enum psi_resource r, struct psi *p);
/* The text of such a file. 0, or -EINVAL when it has no "some" line. */
int psi_parse(const char *text, struct psi *p);

/* Resident memory of a process in bytes: 0 for a kernel thread. 0 or -errno (-ESRCH: gone). */
int process_rss(pid_t pid, uint64_t *bytes);

/* A device number as stat() gives it, while major < 4096 and minor < 2^20. */
static inline uint32_t dev_make(uint32_t major, uint32_t minor)
{
	return (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

/* From how the kernel writes it inside (12 bits, 20 bits). */
static inline uint32_t dev_of_kernel(uint32_t dev)
{
	return dev_make(dev >> 20, dev & 0xfffff);
}

static inline uint32_t dev_major(uint32_t dev)
{
	return (dev & 0xfff00) >> 8;
}

static inline uint32_t dev_minor(uint32_t dev)
{
	return (dev & 0xff) | ((dev >> 12) & 0xfff00);
}

#endif
