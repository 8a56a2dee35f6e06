/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Building records with their tails. Called by all that turns /proc, counters and
 * kernel maps into records. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rec/rec.h"

/* What stays free for the NULs of the strings that follow one that was cut. */
#define NUL_ROOM 64

static unsigned char *at_end(struct recbuf *b)
{
	return b->buf + b->len + b->used;
}

void *rec_begin(struct recbuf *b, unsigned int kind, size_t body_size)
{
	struct hl_rec *rec;

	/* room for the longest record at once: then the body never moves under the caller */
	if (b->cap - b->len < REC_MAX) {
		b->cap = MAX(b->len + REC_MAX, b->cap * 2);
		b->buf = xrealloc(b->buf, b->cap);
	}
	b->used = MIN(MAX(body_size, sizeof(*rec)), (size_t)REC_MAX);
	rec = (struct hl_rec *)(b->buf + b->len);
	memset(rec, 0, b->used);
	rec->kind = (__u16)kind;
	return rec;
}

void rec_add_strn(struct recbuf *b, const char *s, size_t n)
{
	size_t room = REC_MAX - b->used;

	if (!room)
		return;
	n = s ? strnlen(s, n) : 0;
	n = MIN(n, room > NUL_ROOM ? room - NUL_ROOM : 0);
	if (n)
		memcpy(at_end(b), s, n);
	b->used += n;
	*at_end(b) = 0;
	b->used++;
}

void rec_add_str(struct recbuf *b, const char *s)
{
	rec_add_strn(b, s, s ? strlen(s) : 0);
}

void rec_add_bytes(struct recbuf *b, const void *p, size_t n)
{
	n = MIN(n, REC_MAX - b->used);
	if (n)
		memcpy(at_end(b), p, n);
	b->used += n;
}

const struct hl_rec *rec_end(struct recbuf *b)
{
	struct hl_rec *rec = (struct hl_rec *)(b->buf + b->len);

	while (b->used % 8) {
		*at_end(b) = 0;
		b->used++;
	}
	rec->size = (__u32)b->used;
	b->len += b->used;
	b->used = 0;
	return rec;
}

void recbuf_reset(struct recbuf *b)
{
	b->len = 0;
	b->used = 0;
}

void recbuf_free(struct recbuf *b)
{
	free(b->buf);
	*b = (struct recbuf){ 0 };
}
