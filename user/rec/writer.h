/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Writes a recording, append-only. A chunk of records reaches the file with one
 * write, when it is full and at each flush: what was flushed survives SIGKILL.
 *
 * The caller must ignore SIGXFSZ (else a file size limit kills the process instead of
 * ending the recording) and must call rec_writer_flush at least once a second.
 */
#ifndef REC_WRITER_H
#define REC_WRITER_H

#include "base/base.h"
#include "bpf/abi.h"

struct rec_writer;

struct rec_writer_stats {
	uint64_t chunks, records, bytes; /* in the file; bytes with all headers */
	uint64_t buffered;               /* records waiting for the next flush */
	uint64_t lost;                   /* not written because writing failed */
	uint64_t refused; /* did not pass rec_check, or of a kind that never stands in a recording */
	int error;        /* -errno that stopped the writing, 0: none */
};

/*
 * Makes the file `path` under that name, mode 0600 whatever the umask, and writes its
 * header. It must not exist: files, links, directories and devices are refused. 0, or
 * -errno after one printed line that says what is wrong; then nothing is left behind.
 */
int rec_writer_open(const char *path, struct rec_writer **out);

/*
 * Adds a record; it is copied, with its padding zeroed. 0, -EINVAL when it is refused,
 * or the error that stopped the writing: that was printed once, nothing more will be
 * written, and the record is counted as lost.
 */
int rec_writer_add(struct rec_writer *w, const struct hl_rec *rec);

/* Writes what is buffered. 0 or the error that stopped the writing. */
int rec_writer_flush(struct rec_writer *w);

const struct rec_writer_stats *rec_writer_stats(const struct rec_writer *w);

/* Flushes, ends the file with its footer, closes and frees; w NULL is fine. 0 or the
 * error that stopped the writing. *last, if not NULL, gets the final numbers. */
int rec_writer_close(struct rec_writer *w, struct rec_writer_stats *last);

#endif
