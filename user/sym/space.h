/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The executable mappings of a process as /proc shows them. For the opener: it may hang. */
#ifndef SYM_SPACE_H
#define SYM_SPACE_H

#include <sys/types.h>

#include "base/base.h"
#include "base/str.h"

enum mapping_type { MAPPING_FILE, MAPPING_VDSO, MAPPING_ANON, MAPPING_JITDUMP, MAPPING_OTHER };

struct mapping {
	uint64_t start, end, offset, inode;
	uint32_t major, minor;
	enum mapping_type type;
	char *path; /* inside text, without " (deleted)" */
};

struct space {
	struct str text;
	struct mapping *v;
	size_t n;
	uint64_t hash; /* of what v says */
};

/* 0 or -errno; n may be 0 (a process that ends). Reuses s, which begins zeroed. */
int space_read(struct space *s, pid_t pid, size_t max);
void space_free(struct space *s);

/* What tells one program in a process from the next: 0 when it cannot be read. */
uint64_t space_program(pid_t pid);

#endif
