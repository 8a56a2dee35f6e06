/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Writing a recording and reading it again: every kind, a full disk, SIGKILL, and that the format stays what
 * it was. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "rec/file.h"
#include "rec/reader.h"
#include "rec/writer.h"
#include "tests/test.h"
#include "tests/unit/rec_util.h"

#define HEADER (32 + (2 * HL_KIND_MAX + 7) / 8 * 8) /* bytes of the file's header, version 1 */

static const struct hl_rec *first_of(struct recbuf *b, unsigned int i)
{
	recbuf_reset(b);
	sample_round(b, i);
	return (const struct hl_rec *)b->buf;
}

/* Adds whole rounds; stops when the writer does. Returns the records that were added. */
static uint64_t add_rounds(struct rec_writer *w, unsigned int rounds)
{
	struct recbuf b = { 0 };
	const struct hl_rec *rec;
	uint64_t n = 0;

	for (unsigned int i = 0; i < rounds; i++) {
		rec = first_of(&b, i);
		for (size_t at = 0; at < b.len; at += rec->size, n++) {
			rec = (const struct hl_rec *)(b.buf + at);
			rec_writer_add(w, rec);
		}
	}
	recbuf_free(&b);
	return n;
}

/* Reads all of it; the records are compared with rounds 0, 1, …; *st gets the numbers. */
static uint64_t read_rounds(const char *path, struct rec_reader_stats *st)
{
	struct rec_reader *r = NULL;
	const struct hl_rec *rec, *want;
	struct recbuf b = { 0 };
	unsigned int round = 0;
	struct source *s;
	uint64_t n = 0;
	size_t at = 0;

	*st = (struct rec_reader_stats){ 0 };
	if (!ASSERT_EQ(rec_reader_open(path, &r), 0))
		return 0;
	s = rec_reader_source(r);
	while (s->next(s, &rec) == 1) {
		if (at >= b.len) {
			recbuf_reset(&b);
			sample_round(&b, round++);
			for (size_t i = 0; i < b.len; i += want->size) {
				want = (const struct hl_rec *)(b.buf + i);
				rec_clean((struct hl_rec *)(b.buf + i));
			}
			at = 0;
		}
		want = (const struct hl_rec *)(b.buf + at);
		if (!ASSERT(rec->size == want->size && !memcmp(rec, want, rec->size)))
			break;
		at += want->size;
		n++;
	}
	ASSERT_EQ(s->next(s, &rec), 0); /* the end stays the end */
	*st = *rec_reader_stats(r);
	s->close(s);
	recbuf_free(&b);
	return n;
}

void test_rec_round_trip(void)
{
	struct rec_writer_stats ws;
	struct rec_reader_stats rs;
	struct rec_writer *w = NULL;
	struct str line = { 0 };
	uint64_t n;
	char *path;

	tmp_begin();
	path = tmp_path("r.hostlat");
	ASSERT_EQ(rec_writer_open(path, &w), 0);
	n = add_rounds(w, 400);
	ASSERT(rec_writer_stats(w)->chunks > 1); /* closed by size alone */
	ASSERT_EQ(rec_writer_close(w, &ws), 0);
	ASSERT_EQ(ws.records, n);
	ASSERT_EQ(n, 400 * SAMPLE_KINDS);
	ASSERT_EQ(ws.lost + ws.refused + ws.buffered, 0);
	ASSERT_EQ(read_rounds(path, &rs), n);
	ASSERT_EQ(rs.records, n);
	ASSERT_EQ(rs.chunks_good + 1, ws.chunks);
	ASSERT(rs.complete && rs.finished);
	ASSERT_EQ(rs.bytes_lost + rs.damaged + rs.skipped + rs.records_bad + rs.chunks_missing, 0);
	ASSERT(!rec_reader_trouble(&rs, &line));
	str_free(&line);
	free(path);
	tmp_end();
}

void test_rec_empty_recording(void)
{
	struct rec_writer *w = NULL;
	struct rec_reader_stats rs;
	char *path;

	tmp_begin();
	path = tmp_path("r.hostlat");
	ASSERT_EQ(rec_writer_open(path, &w), 0);
	/* killed before the first flush: nothing in it, yet it can be read */
	ASSERT_EQ(read_rounds(path, &rs), 0);
	ASSERT(!rs.finished && !rs.complete && !rs.bytes_lost);
	ASSERT_EQ(rec_writer_flush(w), 0);
	ASSERT_EQ(rec_writer_stats(w)->chunks, 0); /* nothing to write, no empty chunks */
	ASSERT_EQ(rec_writer_close(w, NULL), 0);
	ASSERT_EQ(read_rounds(path, &rs), 0);
	ASSERT(rs.complete);
	ASSERT_EQ(rec_writer_close(NULL, NULL), 0);
	free(path);
	tmp_end();
}

void test_rec_writer_refuses_records(void)
{
	struct rec_writer *w = NULL;
	struct recbuf b = { 0 };
	struct hl_rec_ledger *l;
	const struct hl_rec *life, *future;
	char *path;

	tmp_begin();
	path = tmp_path("r.hostlat");
	ASSERT_EQ(rec_writer_open(path, &w), 0);
	l = rec_begin(&b, HL_KIND_LEDGER, sizeof(*l));
	l->now_state = NR_HL_STATES;
	rec_end(&b);
	ASSERT_EQ(rec_writer_add(w, &l->h), -EINVAL);
	((struct hl_rec_life *)rec_begin(&b, HL_KIND_LIFE, sizeof(struct hl_rec_life)))->what = HL_LIFE_EXIT;
	life = rec_end(&b);
	ASSERT(rec_check(life, life->size) > 0);
	ASSERT_EQ(rec_writer_add(w, life), -EINVAL);
	rec_begin(&b, HL_KIND_MAX, 32);
	future = rec_end(&b);
	ASSERT_EQ(rec_writer_add(w, future), -EINVAL);
	ASSERT_EQ(rec_writer_stats(w)->refused, 3);
	ASSERT_EQ(rec_writer_close(w, NULL), 0);
	recbuf_free(&b);
	free(path);
	tmp_end();
}

/* ---- when writing ends before the recording does --------------------------------------- */

/* Records under a file size limit, which fails like a full disk in the middle
 * of a write, and expects a whole file and one message. */
static void limited(rlim_t limit, bool footer_fits)
{
	struct rlimit old, lim;
	struct rec_writer *w = NULL;
	struct rec_writer_stats ws = { 0 };
	struct rec_reader_stats rs;
	char *path = tmp_path("r.hostlat");
	struct heard h;
	struct stat st = { 0 };
	uint64_t n;
	int err;

	getrlimit(RLIMIT_FSIZE, &old);
	lim = old;
	lim.rlim_cur = limit;
	heard_begin(&h);
	ASSERT_EQ(rec_writer_open(path, &w), 0);
	setrlimit(RLIMIT_FSIZE, &lim);
	n = add_rounds(w, 500);
	rec_writer_flush(w);
	n += add_rounds(w, 10);
	err = rec_writer_close(w, &ws);
	setrlimit(RLIMIT_FSIZE, &old);
	heard_end();
	ASSERT_EQ(err, -EFBIG);
	ASSERT_EQ(h.lines, 1);
	ASSERT(strstr(h.last, "r.hostlat") && strstr(h.last, "too large"));
	ASSERT_EQ(ws.error, -EFBIG);
	ASSERT_EQ(ws.records + ws.lost, n);
	ASSERT(ws.lost > 0);
	ASSERT_EQ(stat(path, &st), 0);
	ASSERT_EQ(st.st_size, ws.bytes); /* no piece of a chunk at the end */
	ASSERT_EQ(read_rounds(path, &rs), ws.records);
	ASSERT_EQ(rs.bytes_lost + rs.damaged, 0);
	ASSERT_EQ(rs.finished, footer_fits);
	ASSERT(!rs.complete);
	if (footer_fits) {
		ASSERT_EQ(rs.writer_lost, ws.lost);
		ASSERT_EQ(rs.writer_error, EFBIG);
		ASSERT(st.st_size + 4096 > (off_t)limit); /* what fitted was kept */
	}
	unlink(path);
	free(path);
}

void test_rec_disk_full(void)
{
	void (*before)(int) = signal(SIGXFSZ, SIG_IGN);

	tmp_begin();
	limited(100 << 10, true); /* within the first chunk */
	limited(300 << 10, true); /* within the second */
	limited(700 << 10, true);
	limited(HEADER + 500, true);
	limited(HEADER + 96, true); /* a footer and nothing else */
	limited(HEADER + 60, false);
	limited(HEADER, false);
	tmp_end();
	signal(SIGXFSZ, before);
}

void test_rec_disk_full_at_start(void)
{
	void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
	struct rlimit old, lim;
	struct rec_writer *w = NULL;
	struct heard h;
	char *path;
	int err;

	tmp_begin();
	path = tmp_path("r.hostlat");
	getrlimit(RLIMIT_FSIZE, &old);
	lim = old;
	lim.rlim_cur = HEADER - 1;
	heard_begin(&h);
	setrlimit(RLIMIT_FSIZE, &lim);
	err = rec_writer_open(path, &w);
	setrlimit(RLIMIT_FSIZE, &old);
	heard_end();
	signal(SIGXFSZ, before);
	ASSERT_EQ(err, -EFBIG);
	ASSERT_EQ(h.lines, 1);
	ASSERT(access(path, F_OK) != 0); /* nothing is left behind */
	free(path);
	tmp_end();
}

void test_rec_sigkill(void)
{
	struct rec_reader_stats rs;
	struct rec_writer *w = NULL;
	int status = 0;
	uint64_t n;
	char *path;
	pid_t pid;

	tmp_begin();
	path = tmp_path("r.hostlat");
	pid = fork();
	if (!pid) {
		if (rec_writer_open(path, &w))
			_exit(1);
		add_rounds(w, 50);
		rec_writer_flush(w);
		add_rounds(w, 3); /* never flushed */
		raise(SIGKILL);
	}
	ASSERT(pid > 0 && waitpid(pid, &status, 0) == pid);
	ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	n = read_rounds(path, &rs);
	ASSERT_EQ(n, 50 * SAMPLE_KINDS);
	ASSERT(!rs.finished && !rs.complete);
	ASSERT_EQ(rs.bytes_lost, 0);
	free(path);
	tmp_end();
}

/* ---- stale bytes ------------------------------------------------------------------------ */

/* Memory that is handed out again must not reach the file, nor what stands in a record
 * where nothing is said to stand. */
void test_rec_no_stale_bytes(void)
{
	static const char canary[] = "CANARYCANARYCANARYCANARY";
	struct rec_writer *w = NULL;
	struct recbuf b = { 0 };
	struct hl_rec_process *p;
	unsigned char *bytes;
	void *heap[64];
	char *path;
	size_t n;

	for (size_t i = 0; i < ARRAY_SIZE(heap); i++) {
		heap[i] = xmalloc(i * 8192 + 64);
		for (size_t at = 0; at + sizeof(canary) < i * 8192 + 64; at += sizeof(canary) - 1)
			memcpy((char *)heap[i] + at, canary, sizeof(canary));
	}
	for (size_t i = 0; i < ARRAY_SIZE(heap); i++)
		free(heap[i]);
	tmp_begin();
	path = tmp_path("r.hostlat");
	ASSERT_EQ(rec_writer_open(path, &w), 0);
	for (size_t i = 0; i < 3000; i++) {
		recbuf_reset(&b);
		p = rec_begin(&b, HL_KIND_PROCESS, sizeof(*p));
		memcpy(p->comm, canary, sizeof(p->comm));
		p->comm[i % 3] = 0;
		memcpy(&p->pad, canary, sizeof(p->pad));
		rec_add_strn(&b, "/bin/program", i % 12);
		rec_add_bytes(&b, "\0\0\0\0\0\0CANARYCANARY", i % 14 + 6);
		rec_end(&b);
		ASSERT_EQ(rec_writer_add(w, (struct hl_rec *)b.buf), 0);
	}
	ASSERT_EQ(rec_writer_close(w, NULL), 0);
	bytes = file_bytes(path, &n);
	ASSERT(n > 3000 * 80);
	ASSERT(memmem(bytes, n, "/bin/progra", 11) != NULL);
	ASSERT(memmem(bytes, n, "NARY", 4) == NULL);
	free(bytes);
	free(path);
	recbuf_free(&b);
	tmp_end();
}

/* ---- the format stays --------------------------------------------------------------------- */

/* The file in the tree was written by version 1 and must be readable for good. As long as
 * the version is 1, writing the same records makes the same bytes. */
void test_rec_golden_v1(void)
{
	static const char golden[] = "tests/data/rec-v1.hostlat";
	struct rec_reader_stats rs;
	unsigned char *now, *then;
	size_t n_now, n_then;

	now = sample_file(6, &n_now);
	if (getenv("UPDATE"))
		ASSERT(file_put(golden, now, n_now));
	then = file_bytes(golden, &n_then);
	if (ASSERT(then != NULL)) {
		ASSERT_EQ(n_now, n_then);
		ASSERT(n_now == n_then && !memcmp(now, then, n_now));
		ASSERT_EQ(read_rounds(golden, &rs), 6 * SAMPLE_KINDS);
		ASSERT(rs.complete);
	}
	free(then);
	free(now);
}
