/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Reads a recording, whatever became of it: all whole chunks are delivered, what lies
 * between is counted. A struct source. Memory is bounded (one chunk of at most 1 MiB),
 * time is linear in the size of the file. The file is read, never mapped, so it may
 * shrink meanwhile; it is read up to the size that it had when it was opened.
 */
#ifndef REC_READER_H
#define REC_READER_H

#include "base/base.h"
#include "rec/source.h"

struct rec_reader;
struct str;

struct rec_reader_stats {
	uint64_t chunks_good;    /* of records, whole */
	uint64_t chunks_skipped; /* whole, of a type that this program does not know */
	uint64_t chunks_missing; /* by their sequence numbers */
	uint64_t damaged;        /* places where bytes had to be passed over */
	uint64_t bytes_lost;     /* at those places */
	uint64_t records;        /* delivered */
	uint64_t skipped;        /* records of a kind, or with a number, that only a newer program knows */
	uint64_t records_bad;    /* failed their check inside a whole chunk */
	uint64_t writer_lost;    /* the footer's: records that the writer could not write */
	int writer_error;        /* the footer's: errno that stopped the writer, 0: none */
	bool header_damaged;     /* the file header failed its checksum; read on without it */
	bool finished;           /* the footer was there: the recorder ended in order */
	bool complete;           /* finished, nothing damaged, missing or bad: final once next returned 0 */
};

/*
 * Opens the file, or -errno after one printed line: -ENODATA empty, -EBADMSG not a
 * recording, -EPROTONOSUPPORT of a newer version, -EISDIR, -EINVAL no regular file, ….
 */
int rec_reader_open(const char *path, struct rec_reader **out);
/* The same over n bytes that stay where they are until close; name for messages. */
int rec_reader_open_mem(const void *p, size_t n, const char *name, struct rec_reader **out);

/* The reader as a source; its close is rec_reader_close. */
struct source *rec_reader_source(struct rec_reader *r);
/* Numbers so far; valid until close. */
const struct rec_reader_stats *rec_reader_stats(const struct rec_reader *r);
/* Once next returned 0: appends one line, without a newline, that says what is wrong
 * with the recording ("damaged: …", "not finished: …"). False when nothing is. */
bool rec_reader_trouble(const struct rec_reader_stats *st, struct str *out);
void rec_reader_close(struct rec_reader *r); /* NULL is fine */

#endif
