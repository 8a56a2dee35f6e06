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
};

/* Among the processes given (n 0: all). 0 (also with none found), or -errno of the path that was given. */
int mapped_find(const struct spec *s, const pid_t *pids, size_t n, struct mapped *out);
void mapped_free(struct mapped *m);

#endif
