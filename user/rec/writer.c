/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The recording's writer: open, buffer a chunk, write it whole or not at all.
 * Called by `record` next to the model. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fmt.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "rec/crc32c.h"
#include "rec/file.h"
#include "rec/rec.h"
#include "rec/writer.h"

#define HEADER_SIZE ((sizeof(struct rec_file_header) + HL_KIND_MAX * sizeof(__u16) + 7) / 8 * 8)
#define FOOTER_SIZE (sizeof(struct rec_chunk) + sizeof(struct rec_footer))

struct rec_writer {
	int fd;
	struct str name; /* printable */
	struct rec_writer_stats st;
	struct rec_chunk *chunk; /* header, then REC_CHUNK_TARGET bytes of payload */
};

static unsigned char *payload(struct rec_writer *w)
{
	return (unsigned char *)(w->chunk + 1);
}

/* All of it at `off`, or -errno. *done: bytes that did get there. */
static int write_at(int fd, const void *p, size_t n, uint64_t off, size_t *done)
{
	ssize_t r;

	*done = 0;
	while (*done < n) {
		r = pwrite(fd, (const char *)p + *done, n - *done, (off_t)(off + *done));
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r ? -errno : -EIO;
		*done += (size_t)r;
	}
	return 0;
}

/* ---- open -------------------------------------------------------------------------- */

static const char *what_is_there(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		return "exists already: remove it or choose another name";
	if (S_ISLNK(st.st_mode))
		return "is a symbolic link: choose a name that does not exist yet";
	if (S_ISDIR(st.st_mode))
		return "is a directory: name a file in it";
	if (!S_ISREG(st.st_mode))
		return "is not a regular file: a recording needs a new file";
	return "exists already: remove it or choose another name";
}

static const char *open_reason(const char *path, int err)
{
	static const struct {
		int err;
		const char *text;
	} reasons[] = {
		{ ENOENT, "its directory does not exist" },
		{ ENOTDIR, "its parent is not a directory" },
		{ EISDIR, "is a directory: name a file in it" },
		{ EACCES, "its directory is not writable for this user" },
		{ EPERM, "its directory is not writable for this user" },
		{ EROFS, "its directory is on a read-only file system" },
	};

	if (!*path)
		return "the name is empty";
	if (err == EEXIST || err == ELOOP)
		return what_is_there(path);
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].err == err)
			return reasons[i].text;
	return err_str(err);
}

static int create(const char *path, const char *name)
{
	struct stat st;
	int fd, err;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		err = errno;
		pr_err("cannot record to %s: %s", *name ? name : "\"\"", open_reason(path, err));
		return -err;
	}
	/* the umask may have taken bits away */
	err = fchmod(fd, 0600) || fstat(fd, &st) ? errno : S_ISREG(st.st_mode) ? 0 : EINVAL;
	if (!err)
		return fd;
	pr_err("cannot record to %s: cannot give it mode 0600: %s", name, err_str(err));
	unlink(path);
	close(fd);
	return -err;
}

static int write_header(struct rec_writer *w)
{
	union {
		struct rec_file_header h;
		unsigned char bytes[HEADER_SIZE];
	} u = { .bytes = { 0 } };
	__u16 *body = (__u16 *)(u.bytes + sizeof(u.h));
	size_t done;
	int err;

	memcpy(u.h.magic, REC_FILE_MAGIC, sizeof(u.h.magic));
	u.h.byte_order = REC_BYTE_ORDER;
	u.h.version = HL_ABI_VERSION;
	u.h.size = HEADER_SIZE;
	u.h.nr_kinds = HL_KIND_MAX;
	for (unsigned int i = 0; i < HL_KIND_MAX; i++)
		body[i] = (__u16)rec_body_size(i);
	u.h.crc = crc32c(0, u.bytes, HEADER_SIZE);
	err = write_at(w->fd, u.bytes, HEADER_SIZE, 0, &done);
	if (!err)
		w->st.bytes = HEADER_SIZE;
	return err;
}

int rec_writer_open(const char *path, struct rec_writer **out)
{
	struct rec_writer *w = xcalloc(1, sizeof(*w));
	int err;

	enc_text(&w->name, path, strlen(path), false);
	w->chunk = xcalloc(1, sizeof(*w->chunk) + REC_CHUNK_TARGET);
	w->fd = create(path, str_get(&w->name));
	err = w->fd < 0 ? w->fd : write_header(w);
	if (!err) {
		*out = w;
		return 0;
	}
	if (w->fd >= 0) {
		pr_err("cannot record to %s: %s", str_get(&w->name), err_str(err));
		unlink(path);
		close(w->fd);
	}
	str_free(&w->name);
	free(w->chunk);
	free(w);
	return err;
}

/* ---- write ------------------------------------------------------------------------- */

/* Fills in the chunk's header for the payload that is there. */
static void seal(struct rec_writer *w, enum rec_chunk_type type)
{
	struct rec_chunk *c = w->chunk;

	c->magic = REC_CHUNK_MAGIC;
	c->seq = w->st.chunks;
	c->type = type;
	c->crc_payload = crc32c(0, payload(w), c->length);
	c->crc_header = crc32c(0, c, offsetof(struct rec_chunk, crc_header));
}

/* One write; on failure the file ends where it ended before. */
static int write_chunk(struct rec_writer *w, enum rec_chunk_type type, size_t *done)
{
	size_t n = sizeof(*w->chunk) + w->chunk->length;
	int err;

	seal(w, type);
	err = write_at(w->fd, w->chunk, n, w->st.bytes, done);
	if (err) {
		/* should this fail too, the reader drops the piece by its checksum */
		if (ftruncate(w->fd, (off_t)w->st.bytes))
			pr_dbg("cannot cut %s: %s", str_get(&w->name), err_str(errno));
		return err;
	}
	w->st.bytes += n;
	w->st.chunks++;
	return 0;
}

static void clear_chunk(struct rec_writer *w)
{
	memset(w->chunk, 0, sizeof(*w->chunk));
	w->st.buffered = 0;
}

/* Lets the payload end before `max` bytes, at a record's end. */
static void shorten(struct rec_writer *w, size_t max)
{
	struct rec_chunk *c = w->chunk;
	const struct hl_rec *rec;
	size_t len = 0;

	c->records = 0;
	c->first_ts = UINT64_MAX;
	c->last_ts = 0;
	while (len < c->length) {
		rec = (const struct hl_rec *)(payload(w) + len);
		if (len + rec->size > max)
			break;
		len += rec->size;
		c->records++;
		c->first_ts = MIN(c->first_ts, rec->ts);
		c->last_ts = MAX(c->last_ts, rec->ts);
	}
	c->length = (__u32)len;
}

/* No room for the whole chunk: keep as much of it as fits beside a footer. */
static void salvage(struct rec_writer *w, size_t room)
{
	size_t done;

	if (room < sizeof(*w->chunk) + FOOTER_SIZE)
		return;
	shorten(w, room - sizeof(*w->chunk) - FOOTER_SIZE);
	if (w->chunk->records && !write_chunk(w, REC_CHUNK_RECORDS, &done)) {
		w->st.records += w->chunk->records;
		w->st.lost -= w->chunk->records;
	}
}

static void stop(struct rec_writer *w, int err, size_t room)
{
	char size[FMT_LEN];

	w->st.error = err;
	w->st.lost += w->st.buffered;
	salvage(w, room);
	pr_err("%s: %s: the recording ends here, at %s; what it holds stays readable", str_get(&w->name),
	       err_str(err), fmt_bytes(size, w->st.bytes));
}

int rec_writer_flush(struct rec_writer *w)
{
	size_t done;
	int err;

	if (w->st.error || !w->chunk->length)
		return w->st.error;
	err = write_chunk(w, REC_CHUNK_RECORDS, &done);
	if (err)
		stop(w, err, done);
	else
		w->st.records += w->chunk->records;
	clear_chunk(w);
	return err;
}

int rec_writer_add(struct rec_writer *w, const struct hl_rec *rec)
{
	struct rec_chunk *c = w->chunk;
	struct hl_rec *copy;

	if (rec_check(rec, REC_MAX) < 0 || !rec_kind_name(rec->kind) || rec->kind == HL_KIND_LIFE) {
		w->st.refused++;
		return -EINVAL;
	}
	if (c->length + rec->size > REC_CHUNK_TARGET)
		rec_writer_flush(w);
	if (w->st.error) {
		w->st.lost++;
		return w->st.error;
	}
	copy = memcpy(payload(w) + c->length, rec, rec->size);
	rec_clean(copy);
	c->first_ts = c->records ? MIN(c->first_ts, rec->ts) : rec->ts;
	c->last_ts = c->records ? MAX(c->last_ts, rec->ts) : rec->ts;
	c->length += rec->size;
	c->records++;
	w->st.buffered = c->records;
	return 0;
}

const struct rec_writer_stats *rec_writer_stats(const struct rec_writer *w)
{
	return &w->st;
}

static int write_footer(struct rec_writer *w)
{
	const struct rec_footer f = {
		.chunks = w->st.chunks,
		.records = w->st.records,
		.bytes = w->st.bytes,
		.lost = w->st.lost,
		.error = (__u32)-w->st.error,
	};
	size_t done;

	clear_chunk(w);
	memcpy(payload(w), &f, sizeof(f));
	w->chunk->length = sizeof(f);
	return write_chunk(w, REC_CHUNK_FOOTER, &done);
}

int rec_writer_close(struct rec_writer *w, struct rec_writer_stats *last)
{
	int err;

	if (!w)
		return 0;
	rec_writer_flush(w);
	err = write_footer(w);
	if (err && !w->st.error)
		stop(w, err, 0);
	/* a network file system may report a failed write only here */
	if (close(w->fd) && errno != EINTR && !w->st.error)
		stop(w, -errno, 0);
	err = w->st.error;
	if (last)
		*last = w->st;
	str_free(&w->name);
	free(w->chunk);
	free(w);
	return err;
}
