/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What the tests of rec/ share; see rec_util.h. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "rec/writer.h"
#include "tests/test.h"
#include "tests/unit/rec_util.h"

static char tmp_dir[64];

/* Every member from a counter, then the numbers that have bounds. */
static void *fill(struct recbuf *b, unsigned int kind, unsigned int i)
{
	struct hl_rec *rec = rec_begin(b, kind, rec_body_size(kind));
	unsigned char *p = (unsigned char *)rec;

	for (size_t at = sizeof(*rec); at < rec_body_size(kind); at++)
		p[at] = (unsigned char)(i * 7 + at);
	rec->cpu = (__u16)(i & 3);
	rec->ts = 1000000ull + i;
	rec->pid = 100 + i;
	rec->tid = 101 + i;
	return rec;
}

static void sample_op(struct recbuf *b, unsigned int i)
{
	struct hl_rec_op *op = fill(b, HL_KIND_OP, i);
	__u32 buckets[5] = { 1, 2, 3, i, 5 };

	op->op = i % NR_HL_OPS;
	op->state = i % NR_HL_STATES;
	op->abi = i % NR_HL_ABIS;
	op->first = i % 100;
	op->nr_buckets = i % 6;
	rec_add_bytes(b, buckets, op->nr_buckets * sizeof(__u32));
	rec_end(b);
}

static void sample_op_io(struct recbuf *b, unsigned int i)
{
	struct hl_rec_op_io *r = fill(b, HL_KIND_OP_IO, i);

	r->op = i % NR_HL_OPS;
	r->state = i % NR_HL_STATES;
	r->abi = i % NR_HL_ABIS;
	rec_end(b);
}

static void sample_slow(struct recbuf *b, unsigned int kind, unsigned int i)
{
	static const char path[] = "/var/lib/postgresql/15/main/base/16384/2619";
	struct hl_rec_slow *s = fill(b, kind, i);

	s->op = i % NR_HL_OPS;
	s->state = i % NR_HL_STATES;
	s->abi = i % NR_HL_ABIS;
	s->detail = i % NR_HL_DETAILS;
	s->waker = i % NR_HL_WAKERS;
	s->holder = i % NR_HL_HOLDERS;
	s->waker_abi = i % NR_HL_ABIS;
	s->path_len = (__u16)(i % sizeof(path));
	rec_add_bytes(b, path, s->path_len);
	rec_end(b);
}

static void sample_disk(struct recbuf *b, unsigned int i)
{
	static const __u32 buckets[3] = { 7, 0, 1 };
	struct hl_rec_disk_op *op;

	fill(b, HL_KIND_DISK, i);
	rec_add_str(b, "nvme0n1p2");
	rec_add_str(b, i & 1 ? "nvme0n1" : "");
	rec_end(b);
	op = fill(b, HL_KIND_DISK_OP, i);
	op->phase = i % NR_HL_BLOCK_PHASES;
	op->first = i % 50;
	op->nr_buckets = i % 4;
	rec_add_bytes(b, buckets, op->nr_buckets * sizeof(__u32));
	rec_end(b);
}

static void sample_named(struct recbuf *b, unsigned int i)
{
	static const __u32 buckets[3] = { 7, 0, 1 };
	struct hl_rec_file_op *op;

	fill(b, HL_KIND_FILE, i);
	rec_add_str(b, "/var/lib/postgresql/15/main/pg_wal/000000010000000000000001");
	rec_end(b);
	op = fill(b, HL_KIND_FILE_OP, i);
	op->o.op = i % NR_HL_OPS;
	op->o.state = i % NR_HL_STATES;
	op->o.abi = i % NR_HL_ABIS;
	op->o.first = i % 50;
	op->o.nr_buckets = i % 4;
	rec_add_bytes(b, buckets, op->o.nr_buckets * sizeof(__u32));
	rec_end(b);
}

static void sample_plain(struct recbuf *b, unsigned int kind, unsigned int i)
{
	void *p = fill(b, kind, i);

	if (kind == HL_KIND_LEDGER) {
		((struct hl_rec_ledger *)p)->now_state = i % NR_HL_STATES;
		((struct hl_rec_ledger *)p)->now_abi = i % NR_HL_ABIS;
	}
	if (kind == HL_KIND_ACCT)
		((struct hl_rec_acct *)p)->class_id = i % NR_HL_CLASSES;
	if (kind == HL_KIND_PSI)
		((struct hl_rec_psi *)p)->resource = i % 3;
	rec_end(b);
}

static void sample_stack(struct recbuf *b, unsigned int i)
{
	struct hl_rec_stack *s = fill(b, HL_KIND_STACK, i);
	struct hl_frame frames[2] = { { i, 1, 0 }, { 16, 1, 7 } };
	static const char text[] = "\0sleep\0ext4"; /* no reason, a function, a module */

	s->id = i + 1;
	s->nr_frames = ARRAY_SIZE(frames);
	s->text_len = sizeof(text);
	rec_add_bytes(b, frames, sizeof(frames));
	rec_add_bytes(b, text, sizeof(text));
	rec_end(b);
}

static void sample_lock(struct recbuf *b, unsigned int i)
{
	static const __u32 buckets[3] = { 7, 0, 1 };
	struct hl_rec_lock_op *op = fill(b, HL_KIND_LOCK_OP, i);

	op->o.op = HL_OP_WAIT;
	op->o.state = i % NR_HL_STATES;
	op->o.abi = i % NR_HL_ABIS;
	op->o.first = i % 50;
	op->o.nr_buckets = i % 4;
	rec_add_bytes(b, buckets, op->o.nr_buckets * sizeof(__u32));
	rec_end(b);
}

static void sample_lock_name(struct recbuf *b, unsigned int i)
{
	fill(b, HL_KIND_LOCK_NAME, i);
	rec_add_str(b, "cache_lock+8");
	rec_add_str(b, i & 1 ? "/usr/bin/server" : "");
	rec_end(b);
}

static void sample_conn(struct recbuf *b, unsigned int i)
{
	struct hl_rec_conn *c = fill(b, HL_KIND_CONN, i);

	c->role = i % NR_HL_ROLES;
	c->state = i % NR_HL_TCP_STATES;
	c->end = i % NR_HL_ENDS;
	rec_end(b);
	((struct hl_rec_conn_op *)fill(b, HL_KIND_CONN_OP, i))->role = i % NR_HL_ROLES;
	rec_end(b);
	fill(b, HL_KIND_LISTEN, i);
	rec_end(b);
	fill(b, HL_KIND_CONNS_TOLD, i);
	rec_end(b);
}

static void sample_dns(struct recbuf *b, unsigned int i)
{
	struct hl_rec_dns *r = fill(b, HL_KIND_DNS, i);
	struct hl_dns_addr v[2] = { { { 192, 0, 2, 1 }, 2, {} }, { { 0x20, 1, [15] = 1 }, 10, {} } };

	r->end = i % NR_HL_DNS_ENDS;
	r->nr_addrs = i % 3;
	rec_add_bytes(b, v, r->nr_addrs * sizeof(*v));
	rec_add_str(b, i & 1 ? "www.example.org" : "");
	rec_end(b);
}

static void sample_exchange_op(struct recbuf *b, unsigned int kind, unsigned int i)
{
	static const __u32 buckets[3] = { 7, 0, 1 };
	struct hl_rec_exchange_op *op = fill(b, kind, i);

	op->o.op = kind == HL_KIND_RESENT_OP ? HL_OP_TCP : HL_OP_EXCHANGE;
	op->o.state = op->o.abi = 0;
	op->role = i % NR_HL_ROLES;
	op->part = i % NR_HL_EXCHANGE_PARTS;
	op->o.first = i % 50;
	op->o.nr_buckets = i % 4;
	rec_add_bytes(b, buckets, op->o.nr_buckets * sizeof(__u32));
	rec_end(b);
}

static void sample_exchange(struct recbuf *b, unsigned int i)
{
	struct hl_peer_ns v[2] = { { .ns = 5, .addr = { 10, 0, 0, 5 }, .port = 5432, .family = 2 },
				   { .ns = i } };
	struct hl_rec_peers *p;

	sample_exchange_op(b, HL_KIND_EXCHANGE_OP, i);
	sample_exchange_op(b, HL_KIND_RESENT_OP, i);
	fill(b, HL_KIND_CONN_EXCHANGES, i);
	rec_end(b);
	p = fill(b, HL_KIND_PEERS, i);
	p->id = i + 1;
	p->nr = i % 3;
	rec_add_bytes(b, v, p->nr * sizeof(*v));
	rec_end(b);
}

static void sample_func(struct recbuf *b, unsigned int i)
{
	const __u32 buckets[2] = { 3, i };
	struct hl_rec_func *f = fill(b, HL_KIND_FUNC, i);
	struct hl_rec_func_syscall *n;
	struct hl_rec_func_call *c;
	struct hl_rec_func_op *op;

	f->id = i + 1;
	rec_add_str(b, "ns::function");
	rec_add_str(b, "/usr/bin/program");
	rec_add_str(b, "program:ns::*");
	rec_end(b);
	op = fill(b, HL_KIND_FUNC_OP, i);
	op->o.op = HL_OP_FUNCTION;
	op->o.state = op->o.abi = 0;
	op->o.first = i % 50;
	op->o.nr_buckets = i % 3;
	rec_add_bytes(b, buckets, op->o.nr_buckets * sizeof(__u32));
	rec_end(b);
	n = fill(b, HL_KIND_FUNC_SYSCALL, i);
	n->o.op = HL_OP_SYSCALL;
	n->o.state = n->o.abi = 0;
	n->o.first = i % 50;
	n->o.nr_buckets = i % 3;
	rec_add_bytes(b, buckets, n->o.nr_buckets * sizeof(__u32));
	rec_end(b);
	c = fill(b, HL_KIND_FUNC_CALL, i);
	c->func = i + 1;
	rec_add_str(b, "1=\"text\", 2=3");
	rec_end(b);
}

static void sample_ustack(struct recbuf *b, unsigned int i)
{
	struct hl_rec_ustack *s = fill(b, HL_KIND_USTACK, i);
	struct hl_uframe frames[2] = { { .offset = i, .function = 1, .module = 7, .file = 0, .inlined = 1 },
				       { .offset = 16, .function = 1, .module = 7, .file = 12, .line = i } };
	static const char text[] = "\0sleep\0prog\0a.c"; /* no reason, a function, a module, a file */

	s->id = i + 1;
	s->unwind = i % NR_HL_UNWINDS;
	s->nr_frames = ARRAY_SIZE(frames);
	s->text_len = sizeof(text);
	rec_add_bytes(b, frames, sizeof(frames));
	rec_add_bytes(b, text, sizeof(text));
	rec_end(b);
}

static void sample_occupants(struct recbuf *b, unsigned int i)
{
	struct hl_rec_occupants *r = fill(b, HL_KIND_OCCUPANTS, i);
	struct hl_occupant v[2] = { { 7, 6, 5000, 12, 13, "spinner" }, { .ns = 3, .tid = i } };

	r->id = i + 1;
	r->nr = i % 3;
	r->interrupts_ns = i;
	r->flags = i & 1 ? HL_OCCUPANTS_INTERRUPTS : 0;
	rec_add_bytes(b, v, r->nr * sizeof(*v));
	rec_end(b);
}

static void sample_cgroup(struct recbuf *b, unsigned int i)
{
	struct hl_rec_cgroup *r = fill(b, HL_KIND_CGROUP, i);

	r->usage_ns = HL_CGROUP_UNKNOWN;
	r->flags = i & 1 ? HL_CGROUP_GONE : 0;
	rec_add_str(b, "/kubepods/pod1/c");
	rec_add_str(b, i & 1 ? "c" : "");
	rec_end(b);
}

void sample_round(struct recbuf *b, unsigned int i)
{
	static const unsigned int plain[] = { HL_KIND_TICK,   HL_KIND_THREAD, HL_KIND_THREAD_END,
					      HL_KIND_LEDGER, HL_KIND_ACCT,   HL_KIND_PSI,
					      HL_KIND_SELF };
	char text[32];

	fill(b, HL_KIND_META, i);
	rec_add_str(b, "hostname");
	snprintf(text, sizeof(text), "host-%u", i);
	rec_add_str(b, text);
	rec_end(b);
	fill(b, HL_KIND_PROCESS, i);
	rec_add_str(b, "/usr/bin/postgres");
	rec_add_str(b, i & 1 ? "postgres -D /var/lib/postgresql" : "");
	rec_add_str(b, "/system.slice/postgresql.service");
	rec_add_str(b, NULL);
	rec_end(b);
	((struct hl_rec_collector *)fill(b, HL_KIND_COLLECTOR, i))->state = i % NR_HL_COLLECTOR_STATES;
	rec_add_str(b, "waits");
	rec_add_str(b, "no tracepoint");
	rec_end(b);
	((struct hl_rec_watched *)fill(b, HL_KIND_WATCHED, i))->what = i % NR_HL_WATCHES;
	rec_end(b);
	sample_op(b, i);
	sample_op_io(b, i);
	sample_slow(b, HL_KIND_SLOW, i);
	sample_slow(b, HL_KIND_NOW, i + 1);
	sample_disk(b, i);
	sample_named(b, i);
	sample_stack(b, i);
	sample_ustack(b, i);
	sample_lock(b, i);
	sample_lock_name(b, i);
	sample_occupants(b, i);
	sample_cgroup(b, i);
	sample_conn(b, i);
	sample_dns(b, i);
	sample_exchange(b, i);
	sample_func(b, i);
	for (size_t k = 0; k < ARRAY_SIZE(plain); k++)
		sample_plain(b, plain[k], i);
}

unsigned char *sample_file(unsigned int rounds, size_t *n)
{
	struct rec_writer *w = NULL;
	struct recbuf b = { 0 };
	unsigned char *bytes;
	const struct hl_rec *rec;
	char *path;

	tmp_begin();
	path = tmp_path("sample.hostlat");
	ASSERT_EQ(rec_writer_open(path, &w), 0);
	for (unsigned int i = 0; i < rounds; i++) {
		recbuf_reset(&b);
		sample_round(&b, i);
		for (size_t at = 0; at < b.len; at += rec->size) {
			rec = (const struct hl_rec *)(b.buf + at);
			ASSERT_EQ(rec_writer_add(w, rec), 0);
		}
		ASSERT_EQ(rec_writer_flush(w), 0);
	}
	ASSERT_EQ(rec_writer_close(w, NULL), 0);
	recbuf_free(&b);
	bytes = file_bytes(path, n);
	free(path);
	tmp_end();
	return bytes;
}

/* ---- files ------------------------------------------------------------------------- */

void tmp_begin(void)
{
	strcpy(tmp_dir, "/tmp/hostlat-rec-XXXXXX");
	ASSERT(mkdtemp(tmp_dir) != NULL);
}

char *tmp_path(const char *name)
{
	return xasprintf("%s/%s", tmp_dir, name);
}

void tmp_end(void)
{
	DIR *d = opendir(tmp_dir);
	struct dirent *e;
	char *path;

	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		path = tmp_path(e->d_name);
		if (unlink(path))
			rmdir(path);
		free(path);
	}
	if (d)
		closedir(d);
	ASSERT_EQ(rmdir(tmp_dir), 0);
}

unsigned char *file_bytes(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	unsigned char *p;
	long size;

	*n = 0;
	if (!f)
		return NULL;
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	rewind(f);
	p = xmalloc(size > 0 ? (size_t)size : 1);
	*n = size > 0 ? fread(p, 1, (size_t)size, f) : 0;
	fclose(f);
	return p;
}

bool file_put(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "wb");
	bool ok = f && fwrite(p, 1, n, f) == n;

	if (f)
		ok = !fclose(f) && ok;
	return ok;
}

/* ---- messages ------------------------------------------------------------------------ */

static void hear(void *arg, enum log_level l, const char *line)
{
	struct heard *h = arg;

	h->lines++;
	snprintf(h->last, sizeof(h->last), "%s", line);
}

void heard_begin(struct heard *h)
{
	*h = (struct heard){ 0 };
	log_set_sink(hear, h);
}

void heard_end(void)
{
	log_set_sink(NULL, NULL);
}
