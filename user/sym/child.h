/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The child in the sandbox: what it holds, and its pieces. It gets mapped files, the address
 * spaces of processes and questions from the opener, and answers. One thread; never cleans up,
 * as it ends by being replaced.
 */
#ifndef SYM_CHILD_H
#define SYM_CHILD_H

#include "sym/elf_file.h"
#include "sym/perf_map.h"
#include "sym/wire.h"

struct image {
	struct wire_vma *v; /* by address */
	size_t n;
};

/* Code that a process made itself. */
struct made {
	struct perf_map *map;
	uint64_t key;      /* of the file it was read from */
	uint64_t check_ns; /* when to look whether that has changed, also for what it knows: monotonic */
};

struct child {
	struct wire_step *step;
	uint64_t memory;    /* limit, bytes */
	struct hash *files; /* key -> struct elf_file */
	struct hash *made;  /* struct made_key -> struct made */
	struct image images[WIRE_SLOTS];
	char *in, *want_in, *out; /* WIRE_ROOM each */
	size_t out_len, answers;
	struct wire_answer *answer; /* in out */
	bool asked_made;            /* in this question */
};

/* Ends the process: what came is not what was agreed on, or the opener is gone. */
void child_quit(void) __attribute__((noreturn));
/* Asks the opener; its answer, valid until the next, with *fd or -1. NULL: there is none. */
const struct wire_file *child_want(struct child *c, enum want_type type, uint64_t key, const char *name,
				   uint32_t crc, int *fd);
/* The separate debug information of f, sought once. */
void child_seek_debug(struct child *c, struct elf_file *f);
/* The question in c->in, of n bytes, into c->out. */
void child_work(struct child *c, size_t n);
void child_main(uint64_t memory) __attribute__((noreturn));

#endif
