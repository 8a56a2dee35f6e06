/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The hand-made host of the screen tests, and their helpers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/test.h"
#include "tests/view/fixture.h"

#define MS NSEC_PER_MSEC
#define US NSEC_PER_USEC

#define CPU       [HL_STATE_CPU] =
#define RUNQUEUE  [HL_STATE_RUNQUEUE] =
#define THROTTLED [HL_STATE_THROTTLED] =
#define FAULT     [HL_STATE_FAULT] =
#define POLL      [HL_STATE_POLL] =
#define DISK      [HL_STATE_DISK] =
#define NETWORK   [HL_STATE_NETWORK] =
#define IDLE      [HL_STATE_IDLE] =
#define IPC       [HL_STATE_IPC] =
#define LOCK      [HL_STATE_LOCK] =
#define PARK      [HL_STATE_PARK] =
#define SLEEP     [HL_STATE_SLEEP] =
#define KERNEL    [HL_STATE_KERNEL] =
#define OTHER     [HL_STATE_OTHER] =

#define HOSTILE "\033]52;c;ZXZpbA==\007e\033[2Jvil\x9b\xe2\x80\xae\nx"

#define NR_PROCS 14
#define NR_SNAPS 2

/* clang-format off */
static const struct proc_row procs[] = {
	{ .pid = 4120, .comm = "postgres", .exe = "/usr/lib/postgresql/16/bin/postgres", .uid = 101,
	  .args = "postgres: orders app 10.0.3.7(51234) COMMIT", .cgroup = "/system.slice/postgresql.service",
	  .threads = 1, .ivl = { CPU 182 * MS, RUNQUEUE 12 * MS, DISK 640 * MS, LOCK 90 * MS, IDLE 76 * MS } },
	{ .pid = 2210, .comm = "java", .exe = "/usr/lib/jvm/java-17/bin/java", .uid = 1001,
	  .args = "java -Xmx8g -jar /srv/checkout/checkout.jar", .cgroup = "/kubepods/burstable/pod7c1/4f2a",
	  .container = "checkout", .threads = 74,
	  .ivl = { CPU 2100 * MS, RUNQUEUE 410 * MS, THROTTLED 380 * MS, LOCK 1300 * MS, NETWORK 900 * MS,
		   PARK 61000 * MS, POLL 7800 * MS } },
	{ .pid = 1893, .comm = "redis-server", .exe = "/usr/bin/redis-server", .uid = 102,
	  .args = "/usr/bin/redis-server 127.0.0.1:6379", .cgroup = "/system.slice/redis.service", .threads = 5,
	  .ivl = { CPU 610 * MS, RUNQUEUE 31 * MS, POLL 359 * MS, PARK 4000 * MS } },
	{ .pid = 3001, .comm = "nginx", .exe = "/usr/sbin/nginx", .uid = 33, .args = "nginx: worker process",
	  .cgroup = "/system.slice/nginx.service", .threads = 1,
	  .ivl = { CPU 140 * MS, NETWORK 310 * MS, POLL 530 * MS, DISK 20 * MS } },
	{ .pid = 3002, .comm = "nginx", .exe = "/usr/sbin/nginx", .uid = 33, .args = "nginx: worker process",
	  .cgroup = "/system.slice/nginx.service", .threads = 1,
	  .ivl = { CPU 120 * MS, NETWORK 250 * MS, POLL 630 * MS } },
	{ .pid = 5120, .comm = "rsync", .exe = "/usr/bin/rsync", .args = "rsync -a /var/lib/data backup:/data",
	  .cgroup = "/system.slice/backup.service", .threads = 1,
	  .ivl = { CPU 60 * MS, DISK 320 * MS, NETWORK 540 * MS, FAULT 80 * MS } },
	{ .pid = 6001, .comm = HOSTILE, .exe = "/tmp/" HOSTILE, .args = HOSTILE " --x", .cgroup = "/user.slice/" HOSTILE,
	  .container = HOSTILE, .uid = 1000, .threads = 1, .ivl = { CPU 45 * MS, OTHER 12 * MS, SLEEP 943 * MS } },
	{ .pid = 6100, .comm = "データベース", .exe = "/opt/データベース", .args = "データベース --verbose",
	  .cgroup = "/user.slice", .uid = 1000, .threads = 2, .ivl = { CPU 30 * MS, IPC 200 * MS, SLEEP 1770 * MS } },
	{ .pid = 1, .comm = "systemd", .exe = "/usr/lib/systemd/systemd", .args = "/sbin/init", .cgroup = "/init.scope",
	  .threads = 1, .ivl = { CPU 2 * MS, POLL 998 * MS } },
	{ .pid = 812, .comm = "cron", .exe = "/usr/sbin/cron", .args = "/usr/sbin/cron -f",
	  .cgroup = "/system.slice/cron.service", .threads = 1, .ivl = { SLEEP 1000 * MS } },
	{ .pid = 17, .comm = "kworker/2:1H", .flags = HL_PROC_KTHREAD, .cgroup = "/", .threads = 1,
	  .ivl = { CPU 8 * MS, IDLE 990 * MS, RUNQUEUE 2 * MS } },
	{ .pid = 88, .comm = "jbd2/nvme0n1-8", .flags = HL_PROC_KTHREAD, .cgroup = "/", .threads = 1,
	  .ivl = { CPU 3 * MS, DISK 401 * MS, KERNEL 96 * MS, IDLE 500 * MS } },
	{ .pid = 7001, .comm = "make", .exe = "/usr/bin/make", .args = "make -j4", .cgroup = "/user.slice/session-3.scope",
	  .uid = 1000, .threads = 1, .ivl = { CPU 5 * MS, [HL_STATE_CHILD] = 995 * MS } },
	{ .pid = 7050, .comm = "cc1", .exe = "/usr/lib/gcc/cc1", .args = "cc1 -O2 main.c", .uid = 1000,
	  .cgroup = "/user.slice/session-3.scope", .threads = 1, .ivl = { CPU 880 * MS, RUNQUEUE 110 * MS, FAULT 10 * MS } },
};
_Static_assert(ARRAY_SIZE(procs) == NR_PROCS, "one row each");

static const struct thread_row threads[] = {
	{ .pid = 4120, .tid = 4120, .comm = "postgres", .proc_comm = "postgres", .now_state = HL_STATE_DISK,
	  .now_name = "fdatasync", .now_since_ns = 18 * MS, .now_detail = "/var/lib/postgresql/16/main/pg_wal/0001A2",
	  .switches = 48211, .ivl = { CPU 182 * MS, RUNQUEUE 12 * MS, DISK 640 * MS, LOCK 90 * MS, IDLE 76 * MS } },
	{ .pid = 2210, .tid = 2231, .comm = "http-nio-8080-1", .proc_comm = "java", .container = "checkout",
	  .now_state = HL_STATE_LOCK, .now_name = "futex", .now_since_ns = 212 * MS, .now_detail = "0x7f31c2004b80",
	  .switches = 9120, .ivl = { CPU 210 * MS, LOCK 640 * MS, NETWORK 150 * MS } },
	{ .pid = 2210, .tid = 2232, .comm = "http-nio-8080-2", .proc_comm = "java", .container = "checkout",
	  .now_state = HL_STATE_NETWORK, .now_name = "recvfrom", .now_since_ns = 3 * MS,
	  .now_detail = "tcp 10.0.3.7:51234 > 10.0.3.9:5432", .switches = 8733,
	  .ivl = { CPU 190 * MS, LOCK 60 * MS, NETWORK 750 * MS } },
	{ .pid = 2210, .tid = 2240, .comm = "G1 Conc#0", .proc_comm = "java", .container = "checkout",
	  .now_state = HL_STATE_THROTTLED, .now_since_ns = 41 * MS, .switches = 120,
	  .ivl = { CPU 600 * MS, THROTTLED 380 * MS, PARK 20 * MS } },
	{ .pid = 2210, .tid = 2250, .comm = "Finalizer", .proc_comm = "java", .container = "checkout",
	  .now_state = HL_STATE_PARK, .now_name = "futex", .now_since_ns = 812000 * MS, .now_lower_bound = true,
	  .switches = 3, .ivl = { PARK 1000 * MS } },
	{ .pid = 6001, .tid = 6001, .comm = HOSTILE, .proc_comm = HOSTILE, .container = HOSTILE,
	  .now_state = HL_STATE_SLEEP, .now_name = "clock_nanosleep", .now_since_ns = 10 * MS, .now_detail = HOSTILE,
	  .switches = 77, .ivl = { CPU 45 * MS, OTHER 12 * MS, SLEEP 943 * MS } },
};

struct op_seed {
	const char *name;
	uint8_t op, state;
	uint32_t pid;
	uint64_t count, errors, typical_ns, spread; /* spread: powers of two of the tail */
};

static const struct op_seed op_seeds[] = {
	{ "fdatasync", HL_OP_WAIT, HL_STATE_DISK, 4120, 210, 0, 3 * MS, 6 },
	{ "futex", HL_OP_WAIT, HL_STATE_LOCK, 2210, 18200, 0, 70 * US, 9 },
	{ "recvfrom", HL_OP_WAIT, HL_STATE_NETWORK, 2210, 5300, 0, 160 * US, 7 },
	{ "futex", HL_OP_WAIT, HL_STATE_PARK, 2210, 6100, 0, 9 * MS, 5 },
	{ "epoll_wait", HL_OP_WAIT, HL_STATE_POLL, 1893, 88000, 0, 4 * US, 8 },
	{ "connect", HL_OP_WAIT, HL_STATE_NETWORK, 3001, 1400, 12, 210 * US, 4 },
	{ "pwrite64", HL_OP_SYSCALL, 0xff, 4120, 41000, 0, 6 * US, 7 },
	{ "openat", HL_OP_SYSCALL, 0xff, 5120, 15200, 340, 3 * US, 6 },
	{ "write", HL_OP_WAIT, HL_STATE_IPC, 6100, 90, 0, 2 * MS, 2 },
	{ "(other)", HL_OP_WAIT, HL_STATE_OTHER, 6001, 3, 0, 4 * MS, 1 },
};

static const struct snap_frame waker_frames[] = {
	{ .function = "futex_wake", .module = "/usr/lib/jvm/libjvm.so", .file = "/src/os/mutex.cpp", .line = 214 },
	{ .function = "ObjectMonitor::exit", .module = "/usr/lib/jvm/libjvm.so" },
	{ .function = "Checkout.pay", .module = "/tmp/perf-2210.map" },
};
static const struct snap_stack waker_stack = {
	.id = 9, .n = ARRAY_SIZE(waker_frames), .frames = waker_frames, .user = true, .unwind = HL_UNWIND_DWARF,
};

static const struct slow_row slow_seeds[] = {
	{ .op = HL_OP_WAIT, .state = HL_STATE_DISK, .name = "fdatasync", .pid = 4120, .tid = 4120, .comm = "postgres",
	  .proc_comm = "postgres", .duration_ns = 412 * MS, .time = { DISK 411 * MS, CPU 1 * MS },
	  .waker = HL_WAKER_DISK, .detail = HL_DETAIL_FILE,
	  .detail_text = "/var/lib/postgresql/16/main/pg_wal/000000010000001A000000C2",
	  .path = "/var/lib/postgresql/16/main/pg_wal/000000010000001A000000C2", .ino = 1311790, .dev = 0x10300,
	  .cgroup = "/system.slice/postgresql.service", .result = 0 },
	{ .op = HL_OP_WAIT, .state = HL_STATE_LOCK, .name = "futex", .pid = 2210, .tid = 2231, .comm = "http-nio-8080-1",
	  .proc_comm = "java", .duration_ns = 212 * MS, .time = { LOCK 205 * MS, RUNQUEUE 7 * MS },
	  .in_progress = true, .flags = HL_SLOW_NO_RESULT, .detail = HL_DETAIL_LOCK, .detail_text = "0x7f31c2004b80",
	  .lock_addr = 0x7f31c2004b80, .container = "checkout", .cgroup = "/kubepods/burstable/pod7c1/4f2a" },
	{ .op = HL_OP_WAIT, .state = HL_STATE_NETWORK, .name = "recvfrom", .pid = 2210, .tid = 2232,
	  .comm = "http-nio-8080-2", .proc_comm = "java", .duration_ns = 61 * MS, .time = { NETWORK 60 * MS, CPU 1 * MS },
	  .waker = HL_WAKER_NETWORK, .detail = HL_DETAIL_PEER, .detail_text = "tcp 10.0.3.7:51234 > 10.0.3.9:5432",
	  .local = "10.0.3.7:51234", .remote = "10.0.3.9:5432", .protocol = "tcp", .container = "checkout",
	  .cgroup = "/kubepods/burstable/pod7c1/4f2a", .result = 1448 },
	{ .op = HL_OP_WAIT, .state = HL_STATE_LOCK, .name = "futex", .pid = 2210, .tid = 2240, .comm = "G1 Conc#0",
	  .proc_comm = "java", .duration_ns = 33 * MS, .time = { LOCK 31 * MS, THROTTLED 2 * MS },
	  .waker = HL_WAKER_THREAD, .waker_pid = 2210, .waker_tid = 2231, .waker_comm = "http-nio-8080-1",
	  .waker_call = "futex", .waker_user_stack = &waker_stack,
	  .detail = HL_DETAIL_LOCK, .detail_text = "0x7f31c2004b80", .lock_addr = 0x7f31c2004b80,
	  .container = "checkout", .cgroup = "/kubepods/burstable/pod7c1/4f2a", .flags = HL_SLOW_NO_RESULT },
	{ .op = HL_OP_WAIT, .state = HL_STATE_OTHER, .name = "openat", .pid = 6001, .tid = 6001, .comm = HOSTILE,
	  .proc_comm = HOSTILE, .duration_ns = 12 * MS, .time = { OTHER 12 * MS }, .waker = HL_WAKER_THREAD,
	  .waker_pid = 6001, .waker_tid = 6001, .waker_comm = HOSTILE, .detail = HL_DETAIL_FILE,
	  .detail_text = "/tmp/" HOSTILE, .path = "/tmp/" HOSTILE, .cgroup = "/user.slice/" HOSTILE,
	  .container = HOSTILE, .result = -2 },
};

/* clang-format on */

/* ---- putting it together ------------------------------------------------------------ */

struct host {
	struct proc_row procs[NR_PROCS];
	struct thread_row threads[ARRAY_SIZE(threads)];
	struct op_row ops[ARRAY_SIZE(op_seeds)];
	uint64_t cells[ARRAY_SIZE(op_seeds)][2][HL_HIST_CELLS];
	struct slow_row slow[ARRAY_SIZE(slow_seeds)];
	struct snap_table tables[4];
	struct snap_acct acct[3];
	struct snap_collector collectors[2];
	struct snap snap;
};

static bool work_wait(unsigned int state)
{
	return hl_state_is_work_wait[state];
}

/* Since start: the interval so many times, with a longer past for the disk. */
static void span_states(uint64_t *total, uint64_t *busy, const uint64_t *ivl, uint64_t *ivl_busy,
			uint64_t times)
{
	for (unsigned int i = 0; i < NR_HL_STATES; i++) {
		total[i] = ivl[i] * (i == HL_STATE_DISK ? times * 3 : times);
		*busy += work_wait(i) ? 0 : total[i];
		*ivl_busy += work_wait(i) ? 0 : ivl[i];
	}
}

static const struct proc_row *proc_of(uint32_t pid)
{
	for (size_t i = 0; i < NR_PROCS; i++)
		if (procs[i].pid == pid)
			return &procs[i];
	return NULL;
}

/* A bulge at the typical duration with a tail that halves at each power of two. */
static void op_hist(struct hist *h, uint64_t *cells, const struct op_seed *s, uint64_t count)
{
	unsigned int mid = hl_hist_cell(s->typical_ns);

	*h = (struct hist){ .cells = cells, .first = 0, .n = HL_HIST_CELLS };
	for (unsigned int i = 0; i < s->spread * 8; i++) {
		uint64_t n = count >> (2 + i / 4 + i % 3);

		if (mid + i > HL_HIST_LAST || (!n && i))
			break;
		cells[mid + i] += n;
		if (i && i < 8)
			cells[mid - i] += n / 2;
		h->count += n + (i && i < 8 ? n / 2 : 0);
	}
	if (count > 50) {
		cells[MIN(mid + s->spread * 8, HL_HIST_LAST)]++;
		h->count++;
	}
}

static void make_op(struct host *h, size_t i, uint64_t times)
{
	const struct op_seed *s = &op_seeds[i];
	const struct proc_row *p = proc_of(s->pid);
	struct op_row *o = &h->ops[i];
	unsigned int state = s->op == HL_OP_WAIT ? s->state : HL_STATE_CPU;

	*o = (struct op_row){ .op = s->op,
			      .state = s->state,
			      .nr = (uint16_t)i,
			      .pid = s->pid,
			      .comm = p->comm,
			      .container = p->container,
			      .cgroup = p->cgroup,
			      .members = 1,
			      .name = s->name };
	op_hist(&o->hist, h->cells[i][0], s, s->count * times);
	op_hist(&o->ivl_hist, h->cells[i][1], s, s->count);
	o->count = o->hist.count;
	o->ivl_count = o->ivl_hist.count;
	o->errors = s->errors * times;
	o->ivl_errors = s->errors;
	o->ivl_ns = o->ivl_count * s->typical_ns * 5 / 4;
	o->total_ns = o->count * s->typical_ns * 5 / 4;
	o->max_ns = s->typical_ns << s->spread;
	o->ivl[state] = o->ivl_ns;
	o->total[state] = o->total_ns;
	o->busy_ns = work_wait(state) ? 0 : o->total_ns;
	o->ivl_busy_ns = work_wait(state) ? 0 : o->ivl_ns;
	o->wall_ns = times * NSEC_PER_SEC;
	o->ivl_wall_ns = NSEC_PER_SEC;
}

#define BOOT 5000 * NSEC_PER_SEC
#define REAL 1767323045123456789ull

static void make_rows(struct host *h, uint64_t times)
{
	memcpy(h->procs, procs, sizeof(procs));
	for (size_t i = 0; i < NR_PROCS; i++) {
		struct proc_row *p = &h->procs[i];

		p->start_ns = (1000 + p->pid) * NSEC_PER_SEC;
		p->ppid = p->pid > 1;
		p->members = 1;
		p->wall_ns = times * NSEC_PER_SEC;
		p->ivl_wall_ns = NSEC_PER_SEC;
		span_states(p->total, &p->total_busy, p->ivl, &p->ivl_busy, times);
	}
	memcpy(h->threads, threads, sizeof(threads));
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		struct thread_row *t = &h->threads[i];

		t->start_ns = (1000 + t->tid) * NSEC_PER_SEC;
		t->proc_start_ns = (1000 + t->pid) * NSEC_PER_SEC;
		t->begin_ns = BOOT;
		t->members = 1;
		t->wall_ns = times * NSEC_PER_SEC;
		t->ivl_wall_ns = NSEC_PER_SEC;
		span_states(t->total, &t->total_busy, t->ivl, &t->ivl_busy, times);
	}
	for (size_t i = 0; i < ARRAY_SIZE(op_seeds); i++)
		make_op(h, i, times);
	memcpy(h->slow, slow_seeds, sizeof(slow_seeds));
	for (size_t i = 0; i < ARRAY_SIZE(slow_seeds); i++) {
		struct slow_row *s = &h->slow[i];

		s->start_ns = (1000 + s->tid) * NSEC_PER_SEC;
		s->proc_start_ns = (1000 + s->pid) * NSEC_PER_SEC;
		s->real_ns = REAL + i * 1234567890;
		s->begin_ns = BOOT + i * 1234567890;
	}
}

static void make_tables(struct host *h, size_t nr_procs)
{
	struct snap_table tables[] = {
		{ &processes_table, h->procs, nr_procs },
		{ &threads_table, h->threads, ARRAY_SIZE(threads) },
		{ &operations_table, h->ops, ARRAY_SIZE(op_seeds) },
		{ &slow_table, h->slow, ARRAY_SIZE(slow_seeds) },
	};

	memcpy(h->tables, tables, sizeof(tables));
	h->snap.tables = h->tables;
	h->snap.nr_tables = ARRAY_SIZE(tables);
}

static void make_host(struct host *h, uint64_t times)
{
	static const char *const none[] = { NULL };

	h->snap = (struct snap){
		.hostname = "db-17.example",
		.kernel = "6.1.0-18-amd64",
		.arch = "x86_64",
		.boot_id = "",
		.tool_version = "0",
		.cpus = 16,
		.argv = none,
		.filters = none,
		.slow_ns = 10 * MS,
		.real_started = REAL,
		.real_now = REAL + times * NSEC_PER_SEC,
		.duration_ns = times * NSEC_PER_SEC,
		.interval_ns = NSEC_PER_SEC,
		.seq = times,
		.nr_processes = NR_PROCS,
		.nr_threads = 94,
		.psi = { { true, 12.4, -1 }, { true, 48.2, 31.7 }, { true, 0, 0 } },
		.self = { .cpu_ns = 90 * MS,
			  .rss_bytes = 21 << 20,
			  .map_bytes = 13 << 20,
			  .cpu_pct = 0.8,
			  .known = true },
	};
	for (size_t i = 0; i < NR_PROCS; i++)
		for (unsigned int s = 0; s < NR_HL_STATES; s++) {
			bool kthread = h->procs[i].flags & HL_PROC_KTHREAD;

			(kthread ? h->snap.kthread_ivl : h->snap.ivl)[s] += h->procs[i].ivl[s];
			(kthread ? h->snap.kthread_total : h->snap.total)[s] += h->procs[i].total[s];
		}
	h->collectors[0] = (struct snap_collector){ "waits", "", HL_COLLECTOR_ON };
	h->collectors[1] =
		(struct snap_collector){ "calls", "auto: would cost 7.1% CPU (limit 2%)", HL_COLLECTOR_OFF };
	h->snap.collectors = h->collectors;
	h->snap.nr_collectors = 2;
	h->acct[0] = (struct snap_acct){ .class_id = HL_CLASS_WAITS,
					 .seen = 4500000 * times,
					 .delivered = 4500000 * times };
	h->acct[1] = (struct snap_acct){ .class_id = HL_CLASS_SLOW, .seen = 512, .delivered = 512 };
	h->acct[2] = (struct snap_acct){ .class_id = HL_CLASS_LIFECYCLE, .seen = 1280, .delivered = 1280 };
	h->snap.acct = h->acct;
	h->snap.nr_acct = 3;
}

static void make_first(struct host *h)
{
	make_rows(h, 60);
	make_host(h, 60);
	make_tables(h, NR_PROCS);
}

/* Later: nginx has trouble, cc1 is gone, records were lost. */
static void make_second(struct host *h)
{
	make_rows(h, 61);
	h->procs[3].ivl[HL_STATE_NETWORK] = 9000 * MS;
	h->procs[3].ivl_busy += 8690 * MS;
	make_host(h, 61);
	make_tables(h, NR_PROCS - 1);
	h->acct[1].delivered -= 123;
	h->acct[1].lost = 123;
	h->acct[1].ivl_lost = 123;
	h->acct[1].lost_by[HL_LOSS_RING_FULL] = 100;
	h->acct[1].lost_by[HL_LOSS_UNREADABLE] = 23;
	h->collectors[1] = (struct snap_collector){ "calls", "", HL_COLLECTOR_ON };
}

const struct snap *fixture_snap(int interval)
{
	static struct host hosts[NR_SNAPS];
	static void (*const make[NR_SNAPS])(struct host * h) = { make_first, make_second };

	if (!hosts[interval].snap.hostname)
		make[interval](&hosts[interval]);
	return &hosts[interval].snap;
}

const struct snap *fixture_empty(void)
{
	static const struct snap_table tables[] = {
		{ &processes_table, NULL, 0 },
		{ &threads_table, NULL, 0 },
		{ &operations_table, NULL, 0 },
		{ &slow_table, NULL, 0 },
	};
	static const struct snap empty = {
		.hostname = "empty", .kernel = "6.1", .tables = tables, .nr_tables = 4
	};

	return &empty;
}

bool fixture_heat(void *arg, const struct op_row *row, struct heat *out)
{
	if (row->count < 1000)
		return false;
	memset(out, 0, sizeof(*out));
	for (unsigned int s = 20; s < HEAT_SLICES; s++) {
		unsigned int mid = 9 + (s > 70 && s < 85 ? 5 : 0) + s % 7 / 5;

		out->slice_ns[s] = NSEC_PER_SEC;
		out->blind[s] = row->op == HL_OP_SYSCALL && s >= 40 && s < 50;
		for (unsigned int o = 0; o < 7 && !out->blind[s]; o++)
			out->counts[s][mid + o] = 4000u >> (2 * o + s % 3);
	}
	return true;
}

/* ---- driving the app -------------------------------------------------------------------- */

void screen_begin(struct screen_test *t, int w, int h, const struct app_cfg *cfg)
{
	static const struct app_cfg usual = {
		.theme = { true, 256 }, .interval_ns = NSEC_PER_SEC, .slow_ns = 10 * MS, .heat = fixture_heat
	};

	setenv("TZ", "UTC", 1);
	tzset();
	*t = (struct screen_test){ .app = app_new(cfg ? cfg : &usual) };
	canvas_resize(&t->canvas, w, h);
	app_resize(t->app, w, h);
	app_snap(t->app, fixture_snap(0));
}

void screen_end(struct screen_test *t)
{
	app_free(t->app);
	canvas_free(&t->canvas);
}

static int named_key(char c)
{
	static const struct {
		char c;
		int key;
	} names[] = {
		{ 'u', APP_KEY_UP },    { 'd', APP_KEY_DOWN },      { 'l', APP_KEY_LEFT },
		{ 'r', APP_KEY_RIGHT }, { 'U', APP_KEY_PGUP },      { 'D', APP_KEY_PGDN },
		{ 'h', APP_KEY_HOME },  { 'e', APP_KEY_END },       { 'x', 27 },
		{ 't', '\t' },          { 'b', APP_KEY_BACKSPACE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].c == c)
			return names[i].key;
	return c;
}

unsigned int screen_type(struct screen_test *t, const char *keys)
{
	unsigned int acts = 0;

	for (; *keys; keys++) {
		if (*keys == '^' && keys[1])
			acts |= app_key(t->app, named_key(*++keys));
		else
			acts |= app_key(t->app, (unsigned char)*keys);
	}
	return acts;
}

void screen_golden(struct screen_test *t, const char *name, bool attrs)
{
	struct str text = {};
	char file[96];

	app_draw(t->app, &t->canvas);
	canvas_text(&t->canvas, &text);
	if (attrs)
		canvas_attrs(&t->canvas, &text);
	snprintf(file, sizeof(file), "view/%s.txt", name);
	ASSERT_GOLDEN(str_get(&text), file);
	str_free(&text);
}

int screen_line(struct screen_test *t, const char *text)
{
	struct str all = {};
	const char *at;
	int line = -1;

	app_draw(t->app, &t->canvas);
	canvas_text(&t->canvas, &all);
	at = strstr(str_get(&all), text);
	if (at) {
		line = 0;
		for (const char *p = all.s; p < at; p++)
			line += *p == '\n';
	}
	str_free(&all);
	return line;
}

bool screen_has(struct screen_test *t, const char *text)
{
	return screen_line(t, text) >= 0;
}

int screen_selected(struct screen_test *t)
{
	app_draw(t->app, &t->canvas);
	for (int y = 0; y < t->canvas.h; y++)
		if (canvas_cell(&t->canvas, 0, y)->selected)
			return y;
	return -1;
}
