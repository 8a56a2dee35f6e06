/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The recording's reader: header, chunks, the search for the next whole chunk behind
 * damage, and the records of a chunk as a struct source. Called by every command that
 * takes a recording. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "rec/crc32c.h"
#include "rec/file.h"
#include "rec/reader.h"
#include "rec/rec.h"

#define WINDOW     16384 /* bytes that the search looks at in one go */
#define BODY_MAX   4096u /* longest body that a newer minor of the format may have */
#define MAGIC_SIZE sizeof(((struct rec_chunk *)0)->magic)

struct rec_reader {
	struct source src;
	int fd;
	const unsigned char *mem; /* instead of fd */
	struct str name;          /* printable */
	uint64_t size, off;       /* of the file; of the next chunk */
	uint64_t seq;             /* expected next */
	uint64_t wasted;          /* bytes of payloads that were read in vain */
	uint64_t skip_to;         /* the search need not look before this offset */
	__u16 body[HL_KIND_MAX];  /* body sizes of the file's records */

	unsigned char *buf; /* the chunk's payload */
	size_t cap, len, pos;
	unsigned char *fit; /* one record brought to this program's body size */

	unsigned char *win; /* what the search looked at last */
	uint64_t win_off;
	size_t win_len;

	bool at_end;
	struct rec_reader_stats st;
};

/* Up to n bytes at off, fewer only at the end of the file; -errno after a printed line. */
static long read_at(struct rec_reader *r, uint64_t off, void *buf, size_t n)
{
	size_t done = 0;
	ssize_t got;
	int err;

	if (off >= r->size)
		return 0;
	n = MIN((uint64_t)n, r->size - off);
	if (r->mem) {
		memcpy(buf, r->mem + off, n);
		return (long)n;
	}
	while (done < n) {
		got = pread(r->fd, (char *)buf + done, n - done, (off_t)(off + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			err = errno;
			pr_err("cannot read %s: %s", str_get(&r->name), err_str(err));
			return -err;
		}
		if (!got)
			break;
		done += (size_t)got;
	}
	return (long)done;
}

/* ---- the file header ------------------------------------------------------------- */

static int refuse(const struct rec_reader *r, int err, const char *why)
{
	pr_err("%s: %s", str_get(&r->name), why);
	return err;
}

static void own_bodies(struct rec_reader *r)
{
	for (unsigned int i = 0; i < HL_KIND_MAX; i++)
		r->body[i] = (__u16)rec_body_size(i);
}

/* Body sizes as the header has them; false when they cannot be. */
static bool take_bodies(struct rec_reader *r, const struct rec_file_header *h)
{
	size_t n = h->nr_kinds;

	if (n > (h->size - sizeof(*h)) / sizeof(h->body[0]))
		return false;
	memset(r->body, 0, sizeof(r->body));
	for (size_t i = 0; i < n; i++) {
		if (h->body[i] &&
		    (h->body[i] < sizeof(struct hl_rec) || h->body[i] > BODY_MAX || h->body[i] % 8))
			return false;
		if (i < HL_KIND_MAX)
			r->body[i] = h->body[i];
	}
	return true;
}

static bool header_sound(struct rec_file_header *h, size_t got)
{
	__u32 crc = h->crc;
	bool ok;

	if (got < sizeof(*h) || h->size < sizeof(*h) || h->size > got || h->size % 8)
		return false;
	h->crc = 0;
	ok = crc32c(0, h, h->size) == crc;
	h->crc = crc;
	return ok;
}

static int read_header(struct rec_reader *r)
{
	__free struct rec_file_header *h = xcalloc(1, REC_HEADER_MAX);
	long got;

	got = read_at(r, 0, h, REC_HEADER_MAX);
	if (got < 0)
		return (int)got;
	if (!got)
		return refuse(r, -ENODATA, "is empty: nothing was recorded");
	if ((size_t)got < sizeof(h->magic) || memcmp(h->magic, REC_FILE_MAGIC, sizeof(h->magic)))
		return refuse(r, -EBADMSG, "is not a hostlat recording");
	if ((size_t)got < sizeof(*h))
		return refuse(r, -EBADMSG, "is cut off within its header: it holds no records");
	if (h->byte_order == __builtin_bswap32(REC_BYTE_ORDER))
		return refuse(r, -EPROTONOSUPPORT, "was recorded on a machine of the other byte order");
	if (header_sound(h, (size_t)got) && h->version > HL_ABI_VERSION) {
		pr_err("%s: needs a hostlat that reads version %u of the format; this one (%s) reads up to "
		       "version %u",
		       str_get(&r->name), h->version, HL_VERSION, HL_ABI_VERSION);
		return -EPROTONOSUPPORT;
	}
	if (header_sound(h, (size_t)got) && take_bodies(r, h)) {
		r->off = h->size;
		return 0;
	}
	/* chunks have checksums of their own: look for them right behind the magic */
	own_bodies(r);
	r->st.header_damaged = true;
	r->off = sizeof(h->magic);
	return 0;
}

/* ---- chunks ------------------------------------------------------------------------ */

static bool chunk_sound(const struct rec_reader *r, const struct rec_chunk *c, uint64_t off)
{
	return c->magic == REC_CHUNK_MAGIC && c->length <= REC_CHUNK_MAX && c->length % 8 == 0 &&
	       c->crc_header == crc32c(0, c, offsetof(struct rec_chunk, crc_header)) && c->seq >= r->seq &&
	       c->seq != UINT64_MAX && c->length <= r->size - off - sizeof(*c);
}

/* Is there a whole chunk at r->off? 1 with its payload in r->buf, 0 no, or -errno. */
static int read_chunk(struct rec_reader *r, struct rec_chunk *c)
{
	long got = read_at(r, r->off, c, sizeof(*c));

	if (got < 0)
		return (int)got;
	if (got < (long)sizeof(*c) || !chunk_sound(r, c, r->off))
		return 0;
	if (!r->buf || c->length > r->cap) {
		free(r->buf);
		r->cap = MAX(c->length, 8u);
		r->buf = xmalloc(r->cap);
	}
	got = read_at(r, r->off + sizeof(*c), r->buf, c->length);
	if (got < 0)
		return (int)got;
	if (got == (long)c->length && crc32c(0, r->buf, c->length) == c->crc_payload)
		return 1;
	/*
	 * Look for chunks inside the broken payload, in case bytes were taken out of the
	 * file; but believe its length once that has cost too much: a file that is made
	 * of such headers would take forever.
	 */
	r->wasted += c->length;
	if (r->wasted > r->size + REC_CHUNK_MAX)
		r->skip_to = r->off + sizeof(*c) + c->length;
	return 0;
}

/* Offset of the first chunk magic at or behind `from`; the file's size if there is none. */
static int find_magic(struct rec_reader *r, uint64_t from, uint64_t *found)
{
	const uint64_t magic = REC_CHUNK_MAGIC;
	const unsigned char *at;
	size_t skip;
	long got;

	for (;;) {
		if (from < r->win_off || from + MAGIC_SIZE > r->win_off + r->win_len) {
			if (!r->win)
				r->win = xmalloc(WINDOW);
			got = read_at(r, from, r->win, WINDOW);
			if (got < 0)
				return (int)got;
			r->win_off = from;
			r->win_len = (size_t)got;
		}
		if (r->win_len < MAGIC_SIZE) {
			*found = r->size;
			return 0;
		}
		skip = (size_t)(from - r->win_off);
		at = memmem(r->win + skip, r->win_len - skip, &magic, MAGIC_SIZE);
		if (at) {
			*found = r->win_off + (uint64_t)(at - r->win);
			return 0;
		}
		from = r->win_off + r->win_len - MAGIC_SIZE + 1;
	}
}

static void take_footer(struct rec_reader *r, const struct rec_chunk *c)
{
	struct rec_footer f = { 0 };

	memcpy(&f, r->buf, MIN((size_t)c->length, sizeof(f)));
	r->st.finished = true;
	r->st.writer_lost = f.lost;
	r->st.writer_error = (int)MIN(f.error, 4095u);
	/* nothing belongs behind the footer */
	if (r->off < r->size) {
		r->st.damaged++;
		r->st.bytes_lost += r->size - r->off;
		r->off = r->size;
	}
}

static void take_chunk(struct rec_reader *r, const struct rec_chunk *c)
{
	r->st.chunks_missing += c->seq - r->seq;
	r->seq = c->seq + 1;
	r->off += sizeof(*c) + c->length;
	r->len = r->pos = 0;
	if (c->type == REC_CHUNK_RECORDS) {
		r->st.chunks_good++;
		r->len = c->length;
	} else if (c->type == REC_CHUNK_FOOTER) {
		take_footer(r, c);
	} else {
		r->st.chunks_skipped++;
	}
}

/* The next whole chunk, over damage if need be. 1, 0 at the end, or -errno. */
static int next_chunk(struct rec_reader *r)
{
	bool damage = false;
	struct rec_chunk c;
	uint64_t found = 0;
	int err;

	while (r->off < r->size) {
		err = read_chunk(r, &c);
		if (err < 0)
			return err;
		if (err) {
			take_chunk(r, &c);
			return 1;
		}
		err = find_magic(r, MAX(r->off + 1, r->skip_to), &found);
		if (err)
			return err;
		r->st.damaged += !damage;
		damage = true;
		r->st.bytes_lost += found - r->off;
		r->off = found;
	}
	return 0;
}

/* ---- records ----------------------------------------------------------------------- */

/*
 * Brings a record whose body has another size in the file to this program's: members
 * that the file lacks become zero, those that this program lacks are dropped. NULL when
 * it cannot be done.
 */
static const struct hl_rec *fit(struct rec_reader *r, const struct hl_rec *rec)
{
	size_t theirs = r->body[rec->kind], ours = rec_body_size(rec->kind);
	size_t tail;
	struct hl_rec *to;

	if (rec->size < theirs)
		return NULL;
	tail = rec->size - theirs;
	if (ours + tail > REC_MAX)
		return NULL;
	if (!r->fit)
		r->fit = xmalloc(REC_MAX);
	to = (struct hl_rec *)r->fit;
	memset(to, 0, ours);
	memcpy(to, rec, MIN(ours, theirs));
	memcpy(r->fit + ours, (const unsigned char *)rec + theirs, tail);
	to->size = (__u32)(ours + tail);
	return to;
}

/* The record to deliver for the one in the chunk; NULL when it was counted instead. */
static const struct hl_rec *admit(struct rec_reader *r, const struct hl_rec *rec)
{
	int ret;

	if (!rec_kind_name(rec->kind) || rec->kind == HL_KIND_LIFE || !r->body[rec->kind]) {
		rec->kind ? r->st.skipped++ : r->st.records_bad++;
		return NULL;
	}
	if (r->body[rec->kind] != rec_body_size(rec->kind))
		rec = fit(r, rec);
	ret = rec ? rec_check(rec, rec->size) : -EINVAL;
	if (ret > 0)
		return rec;
	ret == -EOPNOTSUPP ? r->st.skipped++ : r->st.records_bad++;
	return NULL;
}

static const struct hl_rec *next_in_chunk(struct rec_reader *r)
{
	const struct hl_rec *rec;

	while (r->pos < r->len) {
		rec = (const struct hl_rec *)(r->buf + r->pos);
		if (!rec_skippable(rec, r->len - r->pos)) {
			/* the length leads nowhere: the rest of the chunk is lost */
			r->st.records_bad++;
			r->pos = r->len;
			return NULL;
		}
		r->pos += rec->size;
		rec = admit(r, rec);
		if (rec)
			return rec;
	}
	return NULL;
}

static int reader_next(struct source *s, const struct hl_rec **rec)
{
	struct rec_reader *r = (struct rec_reader *)s;
	struct rec_reader_stats *st = &r->st;
	int ret;

	while (!r->at_end) {
		*rec = next_in_chunk(r);
		if (*rec) {
			st->records++;
			return 1;
		}
		ret = next_chunk(r);
		if (ret <= 0) {
			r->at_end = true;
			st->complete = !ret && st->finished && !st->damaged && !st->chunks_missing &&
				       !st->records_bad && !st->header_damaged && !st->writer_lost;
			return ret;
		}
	}
	return 0;
}

/* ---- open and close ---------------------------------------------------------------- */

static void reader_close(struct source *s)
{
	rec_reader_close((struct rec_reader *)s);
}

static struct rec_reader *reader_new(const char *name)
{
	struct rec_reader *r = xcalloc(1, sizeof(*r));

	_Static_assert(offsetof(struct rec_reader, src) == 0, "reader_next casts");
	r->src.next = reader_next;
	r->src.close = reader_close;
	r->fd = -1;
	enc_text(&r->name, name, strlen(name), false);
	return r;
}

static int start(struct rec_reader *r, struct rec_reader **out)
{
	int err = read_header(r);

	if (err) {
		rec_reader_close(r);
		return err;
	}
	*out = r;
	return 0;
}

static int open_file(struct rec_reader *r, const char *path)
{
	struct stat st;
	int err;

	/* O_NONBLOCK: a FIFO must not hang the open */
	r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (r->fd < 0 || fstat(r->fd, &st)) {
		err = errno;
		pr_err("cannot read %s: %s", str_get(&r->name), err_str(err));
		return -err;
	}
	if (S_ISDIR(st.st_mode))
		return refuse(r, -EISDIR, "is a directory, not a recording");
	if (!S_ISREG(st.st_mode))
		return refuse(r, -EINVAL, "is not a regular file: a recording is read from a file");
	r->size = (uint64_t)st.st_size;
	return 0;
}

int rec_reader_open(const char *path, struct rec_reader **out)
{
	struct rec_reader *r = reader_new(path);
	int err = open_file(r, path);

	if (err) {
		rec_reader_close(r);
		return err;
	}
	return start(r, out);
}

int rec_reader_open_mem(const void *p, size_t n, const char *name, struct rec_reader **out)
{
	struct rec_reader *r = reader_new(name);

	r->mem = n ? p : (const void *)"";
	r->size = n;
	return start(r, out);
}

struct source *rec_reader_source(struct rec_reader *r)
{
	return &r->src;
}

const struct rec_reader_stats *rec_reader_stats(const struct rec_reader *r)
{
	return &r->st;
}

void rec_reader_close(struct rec_reader *r)
{
	if (!r)
		return;
	cleanup_close(&r->fd);
	str_free(&r->name);
	free(r->buf);
	free(r->fit);
	free(r->win);
	free(r);
}
