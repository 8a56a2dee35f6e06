/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What hostlat, the opener and the child in the sandbox say to each other: one packet a message,
 * its kind first. All are the same program, so the bytes are those of the structs here. What
 * comes from the child is checked by whoever uses it: wire_frame for the frames of an answer.
 */
#ifndef SYM_WIRE_H
#define SYM_WIRE_H

#include <stdatomic.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/base.h"
#include "sym/ustack.h"

#define WIRE_ROOM   (192 << 10) /* a packet, at most */
#define WIRE_FRAMES 1024        /* of an answer, the inlined ones among them */
#define WIRE_PATH   4096        /* bytes of a module's path, at most */
#define WIRE_NAME   1024        /* of another string; what is longer is cut */
#define WIRE_VMAS   2048        /* executable mappings of a process */
#define WIRE_SLOTS  64          /* images that the child holds */

enum wire_kind {
	WIRE_ASK = 1, /* hostlat to opener, opener to child: struct wire_ask */
	WIRE_BAD,     /* hostlat to opener: struct wire_word, a file that kills */
	WIRE_CHILD,   /* opener to hostlat: struct wire_word, pid of a new child; with a pidfd */
	WIRE_DIED,    /* opener to hostlat: struct wire_word, the file it died of (0: not known) */
	WIRE_ANSWER,  /* child to opener to hostlat: struct wire_answer */
	WIRE_FILE,    /* opener to child: struct wire_file, perhaps with a descriptor */
	WIRE_IMAGE,   /* opener to child: struct wire_image */
	WIRE_WANT,    /* child to opener: struct wire_want; a WIRE_FILE comes back */
	WIRE_FETCH,   /* opener to fetcher: struct wire_fetch */
	WIRE_FETCHED, /* fetcher to opener, with a descriptor; opener to child, without: struct wire_fetch */
	WIRE_FIND,    /* find.c to finder: struct wire_find */
	WIRE_SITE,    /* finder to find.c: struct wire_site */
	WIRE_FOUND,   /* finder to find.c, at the end: struct wire_found */
	WIRE_MAPPING, /* mapped_ask.c to the child that looks: struct wire_mapping */
	WIRE_MAPPED,  /* … and back, with a descriptor; at the end without: struct wire_mapped */
	WIRE_REFUSED, /* opener to hostlat: struct wire_word, a fetched file is not what was asked for */
};

struct wire_word {
	uint32_t kind;
	uint64_t word;
};

/* Behind it: regs, addresses, slice. */
struct wire_ask {
	uint32_t kind;
	uint32_t slot; /* the image, once the opener knows it */
	uint64_t seq;
	uint64_t start_ns, slice_addr;
	uint32_t pid, n_regs, n_addrs, slice_len;
	uint32_t data, pad; /* 1: the addresses are of variables */
	uint32_t to_read;   /* bytes of a slice that the opener adds */
	uint32_t parent;    /* as of struct ustack_question */
	uint64_t parent_start_ns;
};

enum wire_flag {
	WIRE_TRUNCATED = 1, /* struct ustack_answer */
	WIRE_STALE = 2,     /* an address is in no mapping of the image */
	WIRE_RETIRE = 4,    /* the child has grown and wants to be replaced */
};

/* Behind it: n times struct wire_frame with its strings. */
struct wire_answer {
	uint32_t kind;
	uint32_t how, flags, n;
	uint64_t seq;
	char why[104];
};

struct wire_frame {
	uint64_t pc, offset;
	uint32_t line;
	uint16_t inlined;
	uint16_t function, module, file; /* lengths of the strings behind it with their NUL; 0: NULL */
};

enum file_state {
	FILE_GOOD,
	FILE_REFUSED, /* not opened; why says why */
	FILE_MISSING, /* an answer to a want */
};

enum file_type {
	FILE_ELF,
	FILE_BYTES,    /* an ELF file whose bytes are in the message: the vDSO */
	FILE_PERF_MAP, /* of the process of the question */
	FILE_JITDUMP,
};

/* Behind it: the path, NUL-terminated; and the file itself for FILE_BYTES. */
struct wire_file {
	uint32_t kind;
	uint32_t state, type, name_len;
	uint64_t key; /* identity: device, inode, times, size */
	uint64_t size;
	uint32_t no_debug, pad; /* 1: its debug information is not to be touched */
	char why[64];
};

/* What stands for the debug information inside a file of that key, where it is that which is bad. */
#define WIRE_DEBUG_OF(key) ((key) ^ 0x5555555555555554ull)
#define NOT_READ           "not read: it stopped who read it" /* the why of what is bad */

enum vma_type { VMA_FILE, VMA_ANON };

struct wire_vma {
	uint64_t start, end, offset;
	uint64_t key; /* of the file; 0: none */
};

/* Behind it: n times struct wire_vma, by address. */
struct wire_image {
	uint32_t kind;
	uint32_t slot, n;
};

enum want_type {
	WANT_BUILD_ID,
	WANT_LINK,
	WANT_ALT,
	WANT_PERF_MAP,
	WANT_FETCH,  /* by build id, what was fetched; if it was not, it is asked for */
	WANT_REFUSE, /* what was fetched by that build id is another's: nothing comes back but FILE_MISSING */
};

struct wire_want {
	uint32_t kind;
	uint32_t type;
	uint64_t key;   /* of the file that it is about; of the perf map there is already */
	uint32_t crc;   /* WANT_LINK */
	char name[256]; /* a build id in hex, or the base name of a file */
};

#define WIRE_ID      68  /* a build id in hex with its NUL, at most */
#define WIRE_FETCHES 256 /* files that are asked of the network, in all */

struct wire_fetch {
	uint32_t kind;
	char id[WIRE_ID]; /* NUL to its end */
};

/* A page that one writes and the others read: what it is at, 0 when it is at nothing. */
struct wire_step {
	_Atomic uint64_t word;
};

/* The same of the fetcher: build ids. What is neither is on its way. */
struct wire_fetches {
	_Atomic uint64_t asked, fetched;
	_Atomic uint64_t absent; /* no server has it */
	_Atomic uint64_t
		failed; /* no answer, too large, too late, or not asked for because it was too much */
};

/* One packet of n pieces, with a descriptor unless it is -1. 0 or -errno. */
int wire_send(int sock, const struct iovec *v, size_t n, int fd);
int wire_put(int sock, const void *msg, size_t size);
/* A packet into buf; its length, 0 at the end, or -errno. *fd: what came with it, or -1. */
ssize_t wire_get(int sock, void *buf, size_t size, int *fd);

/* Frame at *p, which moves behind it; strings point into the packet. False: malformed. */
bool wire_frame(const char **p, const char *end, struct ustack_frame *f);
/* Appends it; false when there is no room. */
bool wire_add_frame(char *buf, size_t *len, size_t room, const struct ustack_frame *f);

/* Standard input stays, and the descriptors up to `last`; everything else is closed. */
void wire_only_these(int last);

#endif
