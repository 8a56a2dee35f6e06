/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The records of fixture_rec.h. */
#include <string.h>
#include <sys/socket.h>

#include "tests/unit/fixture_rec.h"

#define HOSTILE_PATH "/srv/\x1b]0;x\x07\xff\n<b>\xe2\x80\xae.db"
#define NR_RECVFROM  45
#define NR_FSYNC     74
#define NR_FUTEX     202
#define NR_EPOLL     232
#define CELLS(...)   ((__u32[]){ __VA_ARGS__ }), sizeof((__u32[]){ __VA_ARGS__ }) / sizeof(__u32)

static const struct proc {
	unsigned int pid, ppid, uid, flags;
	const char *comm, *exe, *args, *cgroup, *container, *pod, *unit;
} procs[] = {
	{ 1, 0, 0, HL_PROC_EXISTED, "systemd", "/usr/lib/systemd/systemd", "/sbin/init", "/init.scope", "",
	  "", "init.scope" },
	{ 2, 0, 0, HL_PROC_EXISTED | HL_PROC_KTHREAD, "kthreadd", "", "", "/", "", "", "" },
	{ 100, 1, 70, HL_PROC_EXISTED, "postgres", "/usr/bin/postgres", "postgres -D /var/lib/pg",
	  "/system.slice/postgresql.service", "", "", "postgresql.service" },
	{ 200, 1, 33, HL_PROC_EXISTED, FIXTURE_COMM, HOSTILE_PATH, FIXTURE_COMM " -x",
	  "/machine.slice/\xff\n", "web", "", "" },
	{ 300, 1, 1000, HL_PROC_EXISTED, "java", "/usr/bin/java", "java -jar app.jar", "/user.slice", "",
	  "3a1e5c0f-8b7d-4c2e-9f10-1234567890ab", "user.slice" },
};

/* Of each second a thread spends so many quarters in the one state, the rest in the other. */
static const struct thread {
	unsigned int pid, tid;
	unsigned char now, other, quarters, nr;
	bool before; /* the wait that it is in began before the capture */
} threads[] = {
	{ 1, 1, HL_STATE_POLL, HL_STATE_POLL, 4, NR_EPOLL, false },
	{ 2, 2, HL_STATE_IDLE, HL_STATE_IDLE, 4, 0, false },
	{ 100, 100, HL_STATE_CPU, HL_STATE_DISK, 2, NR_FSYNC, false },
	{ 100, 101, HL_STATE_DISK, HL_STATE_DISK, 4, NR_FSYNC, true },
	{ 200, 200, HL_STATE_NETWORK, HL_STATE_IDLE, 3, NR_RECVFROM, false },
	{ 300, 300, HL_STATE_PARK, HL_STATE_PARK, 4, NR_FUTEX, false },
	{ 300, 301, HL_STATE_PARK, HL_STATE_LOCK, 3, NR_FUTEX, false },
	{ 300, 302, HL_STATE_PARK, HL_STATE_PARK, 4, NR_FUTEX, false },
};

static const struct {
	const char *key, *value;
} facts[] = {
	{ "hostname", "web1" },      { "kernel", "6.1.0-test" },
	{ "arch", "x86_64" },        { "cpus", "4" },
	{ "tool_version", "0.1.0" }, { "boot_id", "0f0e0d0c-0b0a-4908-8706-050403020100" },
	{ "argv", "hostlat" },       { "argv", "record" },
	{ "argv", FIXTURE_COMM },    { "slow_ns", "10000000" },
};

static uint64_t start_of(unsigned int pid)
{
	return 1000000000ull + pid;
}

static uint64_t now_of(unsigned int i)
{
	return FIXTURE_BOOT + i * FIXTURE_SECOND;
}

static void *begin(struct recbuf *b, unsigned int kind, unsigned int i, unsigned int pid, unsigned int tid)
{
	struct hl_rec *rec = rec_begin(b, kind, rec_body_size(kind));

	rec->ts = now_of(i);
	rec->pid = pid;
	rec->tid = tid;
	return rec;
}

static void put_comm(char comm[HL_COMM_LEN], const char *name)
{
	memcpy(comm, name, strnlen(name, HL_COMM_LEN - 1));
}

static void add_facts(struct recbuf *b)
{
	static const char *const collectors[][2] = { { "waits", "" }, { "calls", "not asked for" } };

	for (size_t k = 0; k < ARRAY_SIZE(facts); k++) {
		begin(b, HL_KIND_META, 0, 0, 0);
		rec_add_str(b, facts[k].key);
		rec_add_str(b, facts[k].value);
		rec_end(b);
	}
	for (unsigned int k = 0; k < ARRAY_SIZE(collectors); k++) {
		struct hl_rec_collector *c = begin(b, HL_KIND_COLLECTOR, 0, 0, 0);

		c->state = k ? HL_COLLECTOR_OFF : HL_COLLECTOR_ON;
		rec_add_str(b, collectors[k][0]);
		rec_add_str(b, collectors[k][1]);
		rec_end(b);
	}
}

static void add_names(struct recbuf *b)
{
	for (size_t k = 0; k < ARRAY_SIZE(procs); k++) {
		const struct proc *from = &procs[k];
		struct hl_rec_process *p = begin(b, HL_KIND_PROCESS, 0, from->pid, from->pid);

		p->start = start_of(from->pid);
		p->ppid = from->ppid;
		p->uid = from->uid;
		p->flags = from->flags;
		p->cgroup_id = from->pid;
		put_comm(p->comm, from->comm);
		rec_add_str(b, from->exe);
		rec_add_str(b, from->args);
		rec_add_str(b, from->cgroup);
		rec_add_str(b, from->container);
		rec_add_str(b, from->pod);
		rec_add_str(b, from->unit);
		rec_end(b);
	}
	for (size_t k = 0; k < ARRAY_SIZE(threads); k++) {
		struct hl_rec_thread *t = begin(b, HL_KIND_THREAD, 0, threads[k].pid, threads[k].tid);

		t->start = start_of(threads[k].tid);
		t->proc_start = start_of(threads[k].pid);
		for (size_t p = 0; p < ARRAY_SIZE(procs); p++)
			if (procs[p].pid == threads[k].pid)
				put_comm(t->comm, procs[p].comm);
		rec_end(b);
	}
}

static void put_states(__u64 *ns, const struct thread *t, unsigned int i)
{
	ns[t->now] += i * FIXTURE_SECOND / 4 * t->quarters;
	ns[t->other] += i * FIXTURE_SECOND / 4 * (4u - t->quarters);
}

static void add_ledger(struct recbuf *b, const struct thread *t, unsigned int i)
{
	struct hl_rec_ledger *l = begin(b, HL_KIND_LEDGER, i, t->pid, t->tid);

	l->start = start_of(t->tid);
	l->proc_start = start_of(t->pid);
	l->begin = FIXTURE_BOOT;
	l->now_since = t->before ? FIXTURE_BOOT : now_of(i) - 5000000 * i;
	put_states(l->state_ns, t, i);
	l->switches = 100 * i;
	l->now_nr = t->nr ? t->nr : HL_NR_KTHREAD;
	l->now_state = t->now;
	l->now_abi = HL_ABI_X86_64;
	l->lower_bound = t->before;
	rec_end(b);
}

static void add_end(struct recbuf *b, const struct thread *t, unsigned int i)
{
	struct hl_rec_thread_end *e = begin(b, HL_KIND_THREAD_END, i, t->pid, t->tid);

	e->start = start_of(t->tid);
	e->proc_start = start_of(t->pid);
	e->begin = FIXTURE_BOOT;
	put_states(e->state_ns, t, i);
	rec_end(b);
}

static void add_op(struct recbuf *b, unsigned int i, const struct hl_rec_op *what, const __u32 *cells,
		   unsigned int n)
{
	struct hl_rec_op *op = begin(b, HL_KIND_OP, i, what->h.pid, what->h.pid);
	struct hl_rec h = op->h;

	*op = *what;
	op->h = h;
	op->proc_start = start_of(h.pid);
	op->nr_buckets = n;
	for (unsigned int k = 0; k < n; k++)
		op->count += cells[k];
	rec_add_bytes(b, cells, n * sizeof(*cells));
	rec_end(b);
}

static void add_ops(struct recbuf *b, unsigned int i)
{
	add_op(b, i,
	       &(struct hl_rec_op){ .h.pid = 100,
				    .op = HL_OP_WAIT,
				    .nr = NR_FSYNC,
				    .state = HL_STATE_DISK,
				    .total_ns = 500000000,
				    .max_ns = 20000000,
				    .first = 123,
				    .state_ns = { [HL_STATE_DISK] = 500000000 } },
	       CELLS(40, 30, 0, 5));
	add_op(b, i,
	       &(struct hl_rec_op){ .h.pid = 100,
				    .op = HL_OP_SYSCALL,
				    .nr = NR_FSYNC,
				    .errors = i,
				    .total_ns = 510000000,
				    .max_ns = 20000000,
				    .first = 123,
				    .state_ns = { [HL_STATE_DISK] = 500000000, [HL_STATE_CPU] = 10000000 } },
	       CELLS(40, 30, 0, 5));
	add_op(b, i,
	       &(struct hl_rec_op){ .h.pid = 200,
				    .op = HL_OP_WAIT,
				    .nr = NR_RECVFROM,
				    .state = HL_STATE_NETWORK,
				    .total_ns = 750000000,
				    .max_ns = 300000000000,
				    .first = 0,
				    .state_ns = { [HL_STATE_NETWORK] = 750000000 } },
	       CELLS(7, 1, 1));
	add_op(b, i,
	       &(struct hl_rec_op){ .h.pid = 300,
				    .op = HL_OP_WAIT,
				    .nr = NR_FUTEX,
				    .state = HL_STATE_PARK,
				    .total_ns = 2750000000,
				    .max_ns = 1000000000,
				    .first = 170,
				    .state_ns = { [HL_STATE_PARK] = 2750000000 } },
	       CELLS(3));
}

static struct hl_rec_slow *begin_slow(struct recbuf *b, unsigned int kind, unsigned int i, unsigned int tid,
				      const char *comm)
{
	unsigned int pid = tid / 100 * 100;
	struct hl_rec_slow *s = begin(b, kind, i, pid, tid);

	s->start = start_of(tid);
	s->proc_start = start_of(pid);
	put_comm(s->comm, comm);
	return s;
}

static void add_path(struct recbuf *b, struct hl_rec_slow *s, const char *path)
{
	s->detail = HL_DETAIL_FILE;
	s->detail_ino = 4711;
	s->detail_dev = 0x800001;
	s->path_len = (__u16)strlen(path);
	rec_add_bytes(b, path, s->path_len);
	rec_end(b);
}

static void add_slow(struct recbuf *b, unsigned int i)
{
	static const __u8 remote[16] = { 10, 0, 0, 7 }, local[16] = { 10, 0, 0, 1 };
	struct hl_rec_slow *s = begin_slow(b, HL_KIND_SLOW, i, 100, "postgres");

	s->op = HL_OP_SYSCALL;
	s->nr = NR_FSYNC;
	s->duration_ns = 20000000;
	s->begin_ns = now_of(i) - 50000000;
	s->result = -5;
	s->state_ns[HL_STATE_DISK] = 19000000;
	s->state_ns[HL_STATE_CPU] = 1000000;
	s->waker = HL_WAKER_DISK;
	s->seq = i;
	add_path(b, s, HOSTILE_PATH);

	s = begin_slow(b, HL_KIND_SLOW, i, 200, FIXTURE_COMM);
	s->op = HL_OP_WAIT;
	s->state = HL_STATE_NETWORK;
	s->nr = NR_RECVFROM;
	s->duration_ns = 30000000;
	s->begin_ns = now_of(i) - 40000000;
	s->flags = HL_SLOW_NO_RESULT;
	s->state_ns[HL_STATE_NETWORK] = 30000000;
	s->waker = HL_WAKER_THREAD;
	s->waker_pid = s->waker_tid = 300;
	put_comm(s->waker_comm, FIXTURE_COMM);
	s->detail = HL_DETAIL_PEER;
	s->family = AF_INET;
	s->protocol = 6;
	memcpy(s->remote_addr, remote, sizeof(remote));
	memcpy(s->local_addr, local, sizeof(local));
	s->remote_port = 5432;
	s->local_port = 40000;
	rec_end(b);

	s = begin_slow(b, HL_KIND_NOW, i, 101, "postgres");
	s->op = HL_OP_WAIT;
	s->state = HL_STATE_DISK;
	s->nr = NR_FSYNC;
	s->begin_ns = FIXTURE_BOOT;
	s->duration_ns = i * FIXTURE_SECOND;
	s->flags = HL_SLOW_NO_RESULT | HL_SLOW_LOWER_BOUND;
	s->state_ns[HL_STATE_DISK] = s->duration_ns;
	add_path(b, s, "/var/lib/pg/pg_wal/000000010000000000000001");
}

static void add_acct(struct recbuf *b, unsigned int i)
{
	struct hl_rec_acct *a = begin(b, HL_KIND_ACCT, i, 0, 0);

	a->class_id = HL_CLASS_WAITS;
	a->seen = 1000ull * i;
	a->delivered = 1000ull * i - i;
	a->lost[HL_LOSS_MAP_FULL] = i;
	rec_end(b);
	a = begin(b, HL_KIND_ACCT, i, 0, 0);
	a->class_id = HL_CLASS_SLOW;
	a->seen = a->delivered = 2ull * i;
	rec_end(b);
}

static void add_host(struct recbuf *b, unsigned int i)
{
	struct hl_rec_self *self;

	for (unsigned int r = 0; r < 3; r++) {
		struct hl_rec_psi *p = begin(b, HL_KIND_PSI, i, 0, 0);

		p->resource = r;
		p->some_avg10_x100 = 125 * (r + 1);
		p->full_avg10_x100 = r ? 50 : ~0u;
		p->some_total_us = 1000ull * i;
		p->full_total_us = r ? 500ull * i : ~0ull;
		rec_end(b);
	}
	self = begin(b, HL_KIND_SELF, i, 0, 0);
	self->cpu_ns = 4000000ull * i;
	self->bpf_ns = 3000000ull * i;
	self->rss_bytes = 12 << 20;
	self->map_bytes = 4 << 20;
	self->threads = 2;
	rec_end(b);
}

void fixture_records(struct recbuf *b, unsigned int i)
{
	bool last = i == FIXTURE_TICKS - 1;
	struct hl_rec_tick *tick;

	if (!i) {
		add_facts(b);
		add_names(b);
	}
	for (size_t k = 0; k < ARRAY_SIZE(threads); k++) {
		if (last && threads[k].tid == 302)
			add_end(b, &threads[k], i);
		else
			add_ledger(b, &threads[k], i);
	}
	if (i) {
		add_ops(b, i);
		add_slow(b, i);
	}
	add_acct(b, i);
	add_host(b, i);
	tick = begin(b, HL_KIND_TICK, i, 0, 0);
	tick->real_ns = FIXTURE_REAL + i * FIXTURE_SECOND;
	tick->interval_ns = i ? FIXTURE_SECOND : 0;
	tick->final = last;
	rec_end(b);
}
