/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Functions of the kernel and its modules by name: those on which the kernel lets anybody hang, without
 * those on which nobody should.
 */
#ifndef SYM_FIND_KERNEL_H
#define SYM_FIND_KERNEL_H

#include "sym/find.h"

struct kernel_site {
	char *name;
	char *module;      /* NULL: the kernel itself */
	const char *avoid; /* why nothing is to be put there; NULL: it may */
};

struct kernel_query {
	const char *name, *module; /* globs; module NULL: wherever it is */
	size_t max;                /* no more than so many */
	/* Files in which functions are, one a line: "vfs_read", "ext4_sync_file [ext4]"; and addresses with
	 * the names of those that hurt, which may be missing. NULL: this kernel's. */
	const char *functions, *blacklist;
};

struct kernel_found {
	struct kernel_site *v; /* those that may be traced, by name */
	size_t n, all;         /* all: how many there are, of which n are here */
	size_t refused;        /* others of that name … */
	char why_refused[200]; /* … of the first: its name, and why */
	char **nearest;        /* where there is none: names that are like it */
	size_t n_nearest;
};

/* 0, or -errno, and then why says which file cannot be read. */
int kernel_find(const struct kernel_query *q, struct kernel_found *out, char *why, size_t why_size);
void kernel_found_free(struct kernel_found *f);

/* Why nothing should hang on a function of that name, whatever the kernel says; NULL: nothing is known. */
const char *kernel_avoid(const char *name);

#endif
