/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/str.h"
#include "tests/unit/model_util.h"

struct feed *feed_new(const struct model_limits *limits, const struct model_filter *filter)
{
	struct feed *f = xcalloc(1, sizeof(*f));

	f->m = model_new(all_collectors, limits, filter);
	f->ts = 10 * SEC;
	return f;
}

struct feed *feed_new_cols(const struct collector *const *cols)
{
	struct feed *f = xcalloc(1, sizeof(*f));

	f->m = model_new(cols, NULL, NULL);
	f->ts = 10 * SEC;
	return f;
}

void feed_free(struct feed *f)
{
	model_free(f->m);
	recbuf_free(&f->b);
	recbuf_free(&f->log);
	free(f);
}

int feed_rec(struct feed *f, const struct hl_rec *rec)
{
	if (f->keep) {
		void *copy = rec_begin(&f->log, rec->kind, rec->size);

		memcpy(copy, rec, rec->size);
		rec_end(&f->log);
	}
	return model_apply(f->m, rec);
}

static void *begin(struct feed *f, unsigned int kind, uint32_t pid, uint32_t tid)
{
	struct hl_rec *h;

	recbuf_reset(&f->b);
	h = rec_begin(&f->b, kind, rec_body_size(kind));
	h->ts = f->ts;
	h->pid = pid;
	h->tid = tid;
	return h;
}

static int finish(struct feed *f)
{
	const struct hl_rec *rec = rec_end(&f->b);

	ASSERT_EQ(rec_check(rec, rec->size), rec->size);
	return feed_rec(f, rec);
}

int feed_meta(struct feed *f, const char *key, const char *value)
{
	begin(f, HL_KIND_META, 0, 0);
	rec_add_str(&f->b, key);
	rec_add_str(&f->b, value);
	return finish(f);
}

int feed_collector(struct feed *f, const char *name, enum hl_collector_state state)
{
	struct hl_rec_collector *r = begin(f, HL_KIND_COLLECTOR, 0, 0);

	r->state = state;
	rec_add_str(&f->b, name);
	rec_add_str(&f->b, "");
	return finish(f);
}

int feed_watched(struct feed *f, enum hl_watch what, uint64_t ns)
{
	struct hl_rec_watched *r = begin(f, HL_KIND_WATCHED, 0, 0);

	r->what = what;
	r->ns = ns;
	return finish(f);
}

static void process(struct feed *f, uint32_t pid, const char *comm, uint32_t flags)
{
	struct hl_rec_process *r = begin(f, HL_KIND_PROCESS, pid, pid);

	r->start = 100;
	r->ppid = 1;
	r->flags = flags;
	memcpy(r->comm, comm, MIN(strlen(comm), sizeof(r->comm)));
}

int feed_process(struct feed *f, uint32_t pid, const char *comm, uint32_t flags)
{
	process(f, pid, comm, flags);
	return finish(f);
}

int feed_process_in(struct feed *f, uint32_t pid, const char *comm, const char *cgroup, const char *container)
{
	process(f, pid, comm, 0);
	rec_add_str(&f->b, "/usr/bin/x");
	rec_add_str(&f->b, "x --of test");
	rec_add_str(&f->b, cgroup);
	rec_add_str(&f->b, container);
	return finish(f);
}

int feed_process_under(struct feed *f, uint32_t pid, const char *comm, const char *cgroup,
		       const char *cpu_cgroup)
{
	const char *const tail[] = { "/usr/bin/x", "", cgroup, "", "", "", cpu_cgroup };

	process(f, pid, comm, 0);
	for (size_t i = 0; i < ARRAY_SIZE(tail); i++)
		rec_add_str(&f->b, tail[i]);
	return finish(f);
}

int feed_cgroup(struct feed *f, const char *path, struct hl_rec_cgroup figures)
{
	struct hl_rec_cgroup *r = begin(f, HL_KIND_CGROUP, 0, 0);

	figures.h = r->h;
	*r = figures;
	r->quota_ns = 50 * MS;
	r->period_ns = 100 * MS;
	rec_add_str(&f->b, path);
	rec_add_str(&f->b, "");
	return finish(f);
}

int feed_conn(struct feed *f, struct hl_rec_conn figures)
{
	struct hl_rec_conn *r = begin(f, HL_KIND_CONN, figures.h.pid, figures.h.pid);

	figures.h = r->h;
	*r = figures;
	r->family = 2;
	r->seen = f->ts;
	r->proc_start = r->h.pid ? 100 : 0;
	return finish(f);
}

int feed_conn_exchanges(struct feed *f, uint64_t cookie, uint64_t opened, uint64_t count, uint64_t total_ns)
{
	struct hl_rec_conn_exchanges *r = begin(f, HL_KIND_CONN_EXCHANGES, 0, 0);

	r->cookie = cookie;
	r->opened = opened;
	r->count = count;
	r->total_ns = total_ns;
	return finish(f);
}

int feed_listen(struct feed *f, struct hl_rec_listen figures)
{
	struct hl_rec_listen *r = begin(f, HL_KIND_LISTEN, figures.h.pid, figures.h.pid);

	figures.h = r->h;
	*r = figures;
	r->family = 2;
	r->proc_start = r->h.pid ? 100 : 0;
	return finish(f);
}

int feed_conns_told(struct feed *f, uint64_t since)
{
	((struct hl_rec *)begin(f, HL_KIND_CONNS_TOLD, 0, 0))->ts = since;
	return finish(f);
}

int feed_conn_op(struct feed *f, uint32_t pid, uint8_t role, uint64_t opened, uint64_t ended)
{
	struct hl_rec_conn_op *r = begin(f, HL_KIND_CONN_OP, pid, pid);

	r->proc_start = pid ? 100 : 0;
	r->role = role;
	r->opened = opened;
	r->ended = ended;
	return finish(f);
}

int feed_thread(struct feed *f, uint32_t pid, uint32_t tid, const char *comm)
{
	struct hl_rec_thread *r = begin(f, HL_KIND_THREAD, pid, tid);

	r->start = 200;
	r->proc_start = 100;
	memcpy(r->comm, comm, MIN(strlen(comm), sizeof(r->comm)));
	return finish(f);
}

int feed_ledger(struct feed *f, uint32_t pid, uint32_t tid, uint64_t ledger_begin, const uint64_t *clocks)
{
	return feed_ledger_in(f, pid, tid, ledger_begin, clocks, HL_STATE_DISK);
}

int feed_ledger_in(struct feed *f, uint32_t pid, uint32_t tid, uint64_t ledger_begin, const uint64_t *clocks,
		   enum hl_state now)
{
	struct hl_rec_ledger *r = begin(f, HL_KIND_LEDGER, pid, tid);

	r->start = 200;
	r->proc_start = 100;
	r->begin = ledger_begin;
	r->now_state = now;
	r->now_since = f->ts - 3 * MS;
	r->now_nr = 74; /* fsync */
	memcpy(r->state_ns, clocks, sizeof(r->state_ns));
	return finish(f);
}

int feed_end(struct feed *f, uint32_t pid, uint32_t tid, uint64_t ledger_begin, const uint64_t *clocks)
{
	struct hl_rec_thread_end *r = begin(f, HL_KIND_THREAD_END, pid, tid);

	r->start = 200;
	r->proc_start = 100;
	r->begin = ledger_begin;
	memcpy(r->state_ns, clocks, sizeof(r->state_ns));
	return finish(f);
}

int feed_op(struct feed *f, struct feed_op o)
{
	struct hl_rec_op *r = begin(f, HL_KIND_OP, o.pid, o.pid);
	__u32 bucket = (__u32)o.count;

	r->proc_start = 100;
	r->nr = o.nr;
	r->op = o.op;
	r->state = o.state;
	r->abi = o.abi;
	r->count = o.count;
	r->errors = o.errors;
	r->total_ns = o.count * o.ns_each;
	r->max_ns = o.ns_each;
	r->state_ns[o.state] = r->total_ns - o.work_ns;
	r->state_ns[HL_STATE_POLL] += o.work_ns;
	r->first = hl_hist_cell(o.ns_each);
	r->nr_buckets = 1;
	rec_add_bytes(&f->b, &bucket, sizeof(bucket));
	return finish(f);
}

static int slow(struct feed *f, unsigned int kind, struct feed_slow s)
{
	struct hl_rec_slow *r = begin(f, kind, s.pid, s.tid);

	r->start = 200;
	r->proc_start = 100;
	r->begin_ns = s.begin;
	r->duration_ns = s.duration;
	r->state_ns[s.state] = s.unknown ? 0 : s.duration - s.queued - s.throttled;
	r->state_ns[HL_STATE_RUNQUEUE] += s.queued;
	r->state_ns[HL_STATE_THROTTLED] += s.throttled;
	r->occupants = s.occupants;
	r->peers = s.peers;
	r->nr = s.nr;
	r->op = s.op;
	r->state = s.state;
	r->detail = s.detail;
	r->waker = s.waker_tid ? HL_WAKER_THREAD : s.waker;
	r->waker_tid = s.waker_tid;
	r->waker_pid = s.waker_tid ? s.pid : 0;
	r->seq = s.seq;
	r->kernel_stack = s.stack;
	r->user_stack = s.user_stack;
	r->detail_addr = s.addr;
	r->holder = s.holder;
	if (s.holder_tid) {
		r->holder_tid = s.holder_tid;
		r->holder_pid = s.pid;
		r->holder_start = 200;
	}
	if (s.holder_comm)
		memcpy(r->holder_comm, s.holder_comm, MIN(strlen(s.holder_comm), sizeof(r->holder_comm)));
	r->flags = s.op == HL_OP_WAIT || s.op == HL_OP_EXCHANGE ? HL_SLOW_NO_RESULT : 0;
	if (s.comm)
		memcpy(r->comm, s.comm, MIN(strlen(s.comm), sizeof(r->comm)));
	if (s.path) {
		r->path_len = (__u16)strlen(s.path);
		rec_add_bytes(&f->b, s.path, strlen(s.path));
	}
	return finish(f);
}

int feed_slow(struct feed *f, struct feed_slow s)
{
	return slow(f, HL_KIND_SLOW, s);
}

static struct hl_rec_occupants *occupants(struct feed *f, uint32_t id, const struct hl_occupant *v, size_t n)
{
	struct hl_rec_occupants *r = begin(f, HL_KIND_OCCUPANTS, 10, 10);

	r->id = id;
	r->nr = (__u32)n;
	for (size_t i = 0; i < n; i++)
		r->known_ns += v[i].ns;
	return r;
}

int feed_occupants(struct feed *f, uint32_t id, const struct hl_occupant *v, size_t n, uint64_t other_ns)
{
	struct hl_rec_occupants *r = occupants(f, id, v, n);

	r->other_ns = other_ns;
	r->others = other_ns != 0;
	r->span_ns = r->known_ns += other_ns;
	rec_add_bytes(&f->b, v, n * sizeof(*v));
	return finish(f);
}

int feed_interrupts(struct feed *f, uint32_t id, const struct hl_occupant *v, size_t n, uint64_t ns)
{
	struct hl_rec_occupants *r = occupants(f, id, v, n);

	r->interrupts_ns = ns;
	r->flags = HL_OCCUPANTS_INTERRUPTS;
	r->span_ns = r->known_ns += ns;
	rec_add_bytes(&f->b, v, n * sizeof(*v));
	return finish(f);
}

int feed_now(struct feed *f, struct feed_slow s)
{
	return slow(f, HL_KIND_NOW, s);
}

#define MAX_FRAMES 8

int feed_stack(struct feed *f, uint32_t id, const char *why, const struct feed_frame *frames, size_t n)
{
	struct hl_frame raw[MAX_FRAMES] = {};
	struct hl_rec_stack *r;
	struct str text = {};
	int err;

	str_addn(&text, why, strlen(why) + 1);
	for (size_t i = 0; i < n; i++) {
		raw[i].offset = 16;
		raw[i].function = (__u16)text.len;
		str_addn(&text, frames[i].function, strlen(frames[i].function) + 1);
		raw[i].module = (__u16)text.len;
		str_addn(&text, frames[i].module, strlen(frames[i].module) + 1);
	}
	recbuf_reset(&f->b);
	r = rec_begin(&f->b, HL_KIND_STACK, sizeof(*r));
	r->h.ts = f->ts;
	r->id = id;
	r->nr_frames = (__u16)n;
	r->text_len = (__u32)text.len;
	rec_add_bytes(&f->b, raw, n * sizeof(*raw));
	rec_add_bytes(&f->b, text.s, text.len);
	err = feed_rec(f, rec_end(&f->b));
	str_free(&text);
	return err;
}

int feed_ustack(struct feed *f, uint32_t id, const char *const *functions, size_t n)
{
	struct hl_uframe raw[MAX_FRAMES] = {};
	struct hl_rec_ustack *r;
	struct str text = {};
	int err;

	str_addn(&text, "\0prog", sizeof("\0prog"));
	for (size_t i = 0; i < n; i++) {
		raw[i] = (struct hl_uframe){ .offset = 32, .function = (__u16)text.len, .module = 1 };
		str_addn(&text, functions[i], strlen(functions[i]) + 1);
	}
	recbuf_reset(&f->b);
	r = rec_begin(&f->b, HL_KIND_USTACK, sizeof(*r));
	r->h.ts = f->ts;
	r->id = id;
	r->unwind = HL_UNWIND_DWARF;
	r->nr_frames = (__u16)n;
	r->text_len = (__u32)text.len;
	rec_add_bytes(&f->b, raw, n * sizeof(*raw));
	rec_add_bytes(&f->b, text.s, text.len);
	err = feed_rec(f, rec_end(&f->b));
	str_free(&text);
	return err;
}

int feed_lock(struct feed *f, uint32_t pid, uint64_t addr, uint64_t count, uint64_t ns_each)
{
	struct hl_rec_lock_op *r = begin(f, HL_KIND_LOCK_OP, pid, pid);
	uint32_t bucket = (uint32_t)count;

	r->o.proc_start = 100;
	r->o.nr = HL_NR_OTHER;
	r->o.op = HL_OP_WAIT;
	r->o.state = HL_STATE_LOCK;
	r->o.count = count;
	r->o.total_ns = count * ns_each;
	r->o.max_ns = ns_each;
	r->o.state_ns[HL_STATE_LOCK] = r->o.total_ns;
	r->o.first = hl_hist_cell(ns_each);
	r->o.nr_buckets = 1;
	r->addr = addr;
	rec_add_bytes(&f->b, &bucket, sizeof(bucket));
	return finish(f);
}

int feed_exchange(struct feed *f, struct feed_exchange e)
{
	struct hl_rec_exchange_op *r = begin(f, HL_KIND_EXCHANGE_OP, e.pid, e.pid);
	uint32_t bucket = (uint32_t)e.count;

	r->o.proc_start = e.pid ? 100 : 0;
	r->o.op = HL_OP_EXCHANGE;
	r->o.nr = r->role = e.role;
	r->o.count = e.count;
	r->o.errors = e.unanswered;
	r->o.total_ns = e.count * e.ns_each;
	r->o.max_ns = e.ns_each;
	if (e.part == HL_EXCHANGE_ANSWERED && !e.unknown)
		r->o.state_ns[HL_STATE_CPU] = r->o.total_ns;
	r->o.first = hl_hist_cell(e.ns_each);
	r->o.nr_buckets = 1;
	r->part = e.part;
	r->port = e.port;
	r->family = AF_INET;
	if (e.role == HL_ROLE_OPENED)
		memcpy(r->addr, (const uint8_t[]){ 10, 0, 0, e.host }, 4);
	rec_add_bytes(&f->b, &bucket, sizeof(bucket));
	return finish(f);
}

int feed_resent(struct feed *f, uint32_t pid, uint16_t port, uint8_t host, uint64_t count, uint64_t ns_each)
{
	struct hl_rec_exchange_op *r = begin(f, HL_KIND_RESENT_OP, pid, pid);
	uint32_t bucket = (uint32_t)count;

	r->o.proc_start = pid ? 100 : 0;
	r->o.op = HL_OP_TCP;
	r->o.nr = HL_TCP_RETRANSMIT;
	r->o.state = HL_STATE_NETWORK;
	r->o.count = count;
	r->o.total_ns = r->o.state_ns[HL_STATE_NETWORK] = count * ns_each;
	r->o.max_ns = ns_each;
	r->o.first = hl_hist_cell(ns_each);
	r->o.nr_buckets = 1;
	r->role = pid ? HL_ROLE_OPENED : 0;
	r->port = port;
	r->family = AF_INET;
	memcpy(r->addr, (const uint8_t[]){ 10, 0, 0, host }, 4);
	rec_add_bytes(&f->b, &bucket, sizeof(bucket));
	return finish(f);
}

int feed_peers(struct feed *f, uint32_t id, const struct hl_peer_ns *v, size_t n)
{
	struct hl_rec_peers *r = begin(f, HL_KIND_PEERS, 10, 10);

	r->id = id;
	r->nr = (__u32)n;
	rec_add_bytes(&f->b, v, n * sizeof(*v));
	return finish(f);
}

int feed_lock_name(struct feed *f, uint32_t pid, uint64_t addr, const char *name)
{
	struct hl_rec_lock_name *r = begin(f, HL_KIND_LOCK_NAME, pid, pid);

	r->proc_start = 100;
	r->addr = addr;
	rec_add_str(&f->b, name);
	rec_add_str(&f->b, "prog");
	return finish(f);
}

int feed_acct(struct feed *f, uint32_t class_id, uint64_t seen, uint64_t delivered, uint64_t lost)
{
	struct hl_rec_acct *r = begin(f, HL_KIND_ACCT, 0, 0);

	r->class_id = class_id;
	r->seen = seen;
	r->delivered = delivered;
	r->lost[HL_LOSS_RING_FULL] = lost;
	return finish(f);
}

const struct snap *feed_tick(struct feed *f, uint64_t interval_ns)
{
	struct hl_rec_tick *r;
	const struct snap *s;

	f->ts += interval_ns;
	r = begin(f, HL_KIND_TICK, 0, 0);
	r->real_ns = REAL + f->ts;
	r->interval_ns = interval_ns;
	r->looked = f->looked;
	ASSERT_EQ(finish(f), 0);
	s = model_snap(f->m);
	snap_put(s); /* the model still holds it */
	return s;
}

const struct proc_row *find_proc(const struct snap *s, uint32_t pid)
{
	const struct snap_table *t = snap_table(s, "processes");

	for (size_t i = 0; i < t->n; i++)
		if (((const struct proc_row *)snap_row(t, i))->pid == pid)
			return snap_row(t, i);
	return NULL;
}

const struct thread_row *find_thread(const struct snap *s, uint32_t tid)
{
	const struct snap_table *t = snap_table(s, "threads");

	for (size_t i = 0; i < t->n; i++)
		if (((const struct thread_row *)snap_row(t, i))->tid == tid)
			return snap_row(t, i);
	return NULL;
}

const struct op_row *find_op(const struct snap *s, uint32_t pid, uint16_t nr)
{
	const struct snap_table *t = snap_table(s, "operations");

	for (size_t i = 0; i < t->n; i++) {
		const struct op_row *r = snap_row(t, i);

		if (r->pid == pid && r->nr == nr)
			return r;
	}
	return NULL;
}

static void dump_val(struct str *out, const struct field *f, const struct val *v)
{
	str_addf(out, " %s=", f->name);
	if (v->type == VAL_STATES)
		for (int i = 0; i < NR_HL_STATES; i++)
			str_addf(out, "%" PRIu64 ",", v->states[i]);
	else if (v->type == VAL_HIST)
		for (int i = 0; i < HL_HIST_CELLS; i++)
			str_addf(out, "%" PRIu64 ",", hist_cell(v->hist, (unsigned int)i));
	else if (v->type == VAL_U64)
		str_addf(out, "%" PRIu64, v->u);
	else
		val_text(out, f, v, true);
}

char *snap_dump(const struct snap *s)
{
	struct str out = {};

	str_addf(&out,
		 "seq %" PRIu64 " real %" PRIu64 " %" PRIu64 " threads %u processes %u seen %" PRIu64 "\n",
		 s->seq, s->real_started, s->real_now, s->nr_threads, s->nr_processes, s->slow_seen);
	for (int i = 0; i < NR_HL_STATES; i++)
		str_addf(&out, "%" PRIu64 " %" PRIu64 "\n", s->total[i], s->ivl[i]);
	for (size_t t = 0; t < s->nr_tables; t++)
		for (size_t i = 0; i < s->tables[t].n; i++) {
			const struct table_desc *d = s->tables[t].desc;

			str_add(&out, d->name);
			for (size_t k = 0; k < d->nr_fields; k++) {
				struct val v = field_get(&d->fields[k], snap_row(&s->tables[t], i));

				dump_val(&out, &d->fields[k], &v);
			}
			str_addc(&out, '\n');
		}
	return out.s;
}
