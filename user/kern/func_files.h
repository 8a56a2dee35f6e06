/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Files that processes map while functions are traced. Inside kern/. */
#ifndef KERN_FUNC_FILES_H
#define KERN_FUNC_FILES_H

#include "base/mem.h"

struct live;
struct func_ask;
struct func_file;

/* ---- func_maps.c ---- */

/* A file was mapped as code. */
struct func_map {
	uint64_t at;                   /* CLOCK_MONOTONIC */
	uint64_t dev, ino, generation; /* as the kernel has them, which stat may see otherwise */
	uint32_t pid;
	const char *path; /* as the process sees it */
};

struct func_maps;
typedef void (*func_map_fn)(void *arg, const struct func_map *m);

/* *out is to be closed either way. */
int func_maps_open(uint32_t nr_cpus, struct func_maps **out);
void func_maps_close(struct func_maps *m);
/* Hands on what has come; true: there was more, for which there was no room. */
bool func_maps_drain(struct func_maps *m, func_map_fn fn, void *arg);

/* ---- func_files.c ---- */

struct func_files *func_files_new(struct live *l); /* before it is looked which files there are */
void func_files_free(struct func_files *w);
void func_files_drain(struct live *l);
bool func_files_hurry(const struct live *l); /* somebody is asked, or probes are to be put on */

#endif
