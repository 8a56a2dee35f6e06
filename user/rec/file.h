/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What a recording looks like on disk; FORMAT.md says it in words. Included by the
 * writer, the reader and their tests only. */
#ifndef REC_FILE_H
#define REC_FILE_H

#include "base/base.h"
#include "bpf/abi.h"

#define REC_FILE_MAGIC "HOSTLAT\n" /* 8 bytes, no NUL */
#define REC_BYTE_ORDER 0x01020304u
#define REC_HEADER_MAX 4096u

/* At the start of the file, followed by nr_kinds __u16 and padding up to size. */
struct rec_file_header {
	char magic[8];
	__u32 byte_order; /* REC_BYTE_ORDER as the writer's machine stores it */
	__u32 version;    /* of the framing: HL_ABI_VERSION */
	__u32 flags;      /* none yet; a reader ignores those it does not know */
	__u32 size;       /* of the header with all that belongs to it, a multiple of 8 */
	__u32 nr_kinds;   /* body sizes that follow, for kinds 0 .. nr_kinds-1 */
	__u32 crc;        /* CRC32C of the header, this field taken as 0 */
	__u16 body[];     /* bytes of a record without its tail, 0: no such kind */
};

#define REC_CHUNK_MAGIC  0x4b4e48434c48ab0aull /* bytes 0a ab "HLCHNK" */
#define REC_CHUNK_TARGET (256u << 10)          /* the writer closes a chunk at this payload */
#define REC_CHUNK_MAX    (1u << 20)            /* a reader refuses longer ones */

enum rec_chunk_type {
	REC_CHUNK_RECORDS = 1,
	REC_CHUNK_FOOTER = 2, /* the last one: payload is struct rec_footer */
};

/* Before each chunk's payload. */
struct rec_chunk {
	__u64 magic;
	__u64 seq;     /* 0, 1, 2, … */
	__u32 type;    /* enum rec_chunk_type; others are skipped */
	__u32 length;  /* payload bytes, a multiple of 8 */
	__u32 records; /* in the payload */
	__u32 pad;
	__u64 first_ts; /* lowest and highest h.ts of the payload, ns CLOCK_BOOTTIME */
	__u64 last_ts;
	__u32 crc_payload; /* CRC32C */
	__u32 crc_header;  /* CRC32C of all the fields above */
};

/* The recording was ended in order; totals of the whole file. New members go at the
 * end: a reader takes what it knows and zeroes what is missing. */
struct rec_footer {
	__u64 chunks;  /* before this one */
	__u64 records; /* in them */
	__u64 bytes;   /* of the file before this chunk */
	__u64 lost;    /* records that were to be written and were not */
	__u32 error;   /* errno that stopped the writing, 0: none */
	__u32 pad;
};

_Static_assert(sizeof(struct rec_file_header) == 32, "file header");
_Static_assert(sizeof(struct rec_chunk) == 56, "chunk header");
_Static_assert(sizeof(struct rec_footer) == 40, "footer");

#endif
