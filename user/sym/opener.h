/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The opener: trusted, with all privileges, and expendable. It reads /proc, opens files for the
 * child in the sandbox and passes questions and answers on. Where a file system or a process
 * holds it up it hangs, and is killed by hostlat. It parses nothing but the text of /proc.
 */
#ifndef SYM_OPENER_H
#define SYM_OPENER_H

#include "base/hash.h"
#include "sym/space.h"
#include "sym/wire.h"

struct stat;

struct ofile {
	uint64_t key, size;
	char *path;
	int fd; /* kept for the next child; -1: none */
	enum file_type type;
	char *bytes;         /* FILE_BYTES: all of it, size bytes */
	char why[64];        /* refused; "": it is not */
	bool sent, sent_bad; /* … and something of it is bad, perhaps not for ever */
	uint64_t used_ns;
};

struct oimage {
	uint64_t hash; /* of the mappings' text */
	uint64_t checked_ns, used;
	struct wire_vma *v;
	size_t n;
	int slot;                    /* in the child; -1: not there */
	uint64_t jit_start, jit_end; /* where a jitdump file is mapped; 0: nowhere */
};

struct oproc {
	uint64_t key[2]; /* pid and start, as asked */
	struct oimage *image;
	uint64_t program, read_ns, fresh_ns; /* read when, and for how long that holds */
	uint64_t forced_ns;                  /* when it was read last for what is in no mapping */
	uint64_t gone_ns; /* since when the image has mappings that are gone; 0: it has none */
};

struct opener {
	struct wire_step *step; /* pid that it is busy with */
	struct wire_step *child_step;
	const char *memory; /* the child's limit, passed on */
	pid_t child;
	int child_sock; /* -1: no child */
	int fetch_sock; /* to the fetcher; -1: nothing is fetched */
	struct hash *files, *images, *procs;
	struct hash *bad;     /* key -> struct bad_file */
	struct hash *fetched; /* build id, WIRE_ID bytes -> struct ofetch */
	struct oimage *slots[WIRE_SLOTS];
	uint64_t clock; /* of use */
	uint64_t tidy_at;
	struct space space;
	char *in, *from_child; /* WIRE_ROOM each */
};

struct bad_file {
	uint64_t key, until_ns;
	unsigned int deaths;
};

/* Tells hostlat; ends the process when that is gone. */
void opener_tell(enum wire_kind kind, uint64_t word, int fd);

/* ---- opener_files.c: what processes have mapped ---- */

/* What is known of the process, read again where it may have changed (always: `force`). */
struct oproc *opener_proc(struct opener *o, const struct wire_ask *ask, uint64_t pc, bool force);
void opener_begin(struct opener *o); /* with nothing */
/* Whether a file is kept (open here and mapped in the child) that nobody has asked about for long:
 * its file system could not be unmounted. */
bool opener_keeps_unused(struct opener *o, uint64_t now);
void opener_forget(struct opener *o); /* everything but which files are bad */
bool opener_is_bad(struct opener *o, uint64_t key, uint64_t now);
void opener_add_bad(struct opener *o, uint64_t key);

/* ---- opener_want.c: what the child asks for ---- */

/* Answers it; 0, or -errno when the child is gone. */
int opener_want(struct opener *o, const struct wire_ask *ask, const struct oimage *image,
		const struct wire_want *w);

/* A WIRE_FILE that answers a want: a file (the descriptor is closed), or that there is none, and why. */
int opener_send_found(struct opener *o, int fd, const struct stat *st, enum file_type type);
int opener_send_missing(struct opener *o, const char *why);

/* ---- opener_fetch.c: what is fetched ---- */

/* Answers WANT_FETCH and WANT_REFUSE. */
int opener_want_fetched(struct opener *o, const struct wire_want *w);
/* Something came from the fetcher. */
void opener_take_fetched(struct opener *o);

/* ---- opener.c ---- */

/* Sends a WIRE_FILE to the child. */
int opener_send_file(struct opener *o, const struct wire_file *head, const char *path, const void *bytes,
		     size_t n, int fd);
/* The identity of a file. */
uint64_t opener_key(const struct stat *st);

void opener_main(const char *memory, bool fetches) __attribute__((noreturn));

#endif
