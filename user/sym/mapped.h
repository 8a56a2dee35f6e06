/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Which files a spec means: those that processes have mapped as code, each once, whatever it is called where;
 * the same name in two containers is two files. What no process has mapped is looked for where the loader
 * looks for libraries and a shell for programs. Reads /proc; the files themselves are opened, not read.
 */
#ifndef SYM_MAPPED_H
#define SYM_MAPPED_H

#include <sys/types.h>

#include "base/mem.h"
#include "sym/spec.h"

struct mapped_file {
	uint64_t dev, ino;
	int fd;             /* for reading, until mapped_free; also of a file that was deleted */
	char open_path[32]; /* by which it can be opened again meanwhile: /proc/self/fd/N */
	char *name;         /* its path as the process has it */
	pid_t pid;          /* the first that has it mapped; 0: nobody */
	size_t processes;
	bool set_id; /* it runs as its owner or group: no return probes */
};

struct mapped {
	VEC(struct mapped_file) v;
	bool gone; /* of a child's answer: the process has ended, so there may be more */
};

#define MAPPED_FILES 256 /* no more are found: each holds a descriptor */

/* Among the processes given (n 0: all). 0 (also with none found), or -errno of the path that was given. */
int mapped_find(const struct spec *s, const pid_t *pids, size_t n, struct mapped *out);
void mapped_free(struct mapped *m);
/* The file of that path here, if it is that inode. */
void mapped_add_path(struct mapped *m, const char *path, uint64_t ino);
/* Whether a mapped file of that path may be what the spec means: of a path, links may lead to it. */
bool mapped_may_be(const struct spec *s, const char *path);

/* Who looks may hang, for the files are others': the same by a child, for who must not wait. */
struct mapping_seen {
	pid_t pid; /* 0: all processes */
	/* … who had mapped that file, and may be gone by now */
	const char *path;
	uint64_t ino;
};

struct mapped_ask;
struct mapped_ask *mapped_begin(const struct spec *s, const struct mapping_seen *seen);
bool mapped_step(struct mapped_ask *a); /* takes what has come; true: it is over */
/* 0 and what was found, to be freed either way, or -errno: not all of it. */
int mapped_end(struct mapped_ask *a, struct mapped *out);

void mapped_main(void) __attribute__((noreturn));

#endif
