/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Snapshots: the same from the same records, their lives and their memory, their facts. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "model/box.h"
#include "tests/unit/model_util.h"

#define BEGIN (5 * SEC)

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Something of everything, in no good order. */
static void feed_mess(struct feed *f, unsigned int ticks)
{
	static const char *const paths[] = { "/a", "/b/c", "/d" };
	uint64_t clocks[NR_HL_STATES] = {};
	uint32_t seed = 7;

	for (unsigned int tick = 0; tick < ticks; tick++) {
		for (int i = 0; i < 200; i++) {
			uint32_t r = next_random(&seed), pid = 10 + r % 40, tid = pid + r % 3;

			f->ts += MS;
			clocks[r % NR_HL_STATES] += r % 1000;
			if (r % 7 == 0)
				feed_process_in(f, pid, "comm", paths[r % 3], r & 1 ? "box" : "");
			feed_ledger(f, pid, tid, BEGIN, clocks);
			feed_op(f, (struct feed_op){ .pid = pid,
						     .nr = (uint16_t)(r % 9),
						     .state = r % NR_HL_STATES,
						     .count = r % 5,
						     .ns_each = r });
			if (r % 5 == 0)
				feed_slow(f, (struct feed_slow){ .pid = pid,
								 .tid = tid,
								 .begin = f->ts,
								 .duration = r,
								 .detail = HL_DETAIL_FILE,
								 .path = paths[r % 3] });
			if (r % 11 == 0)
				feed_end(f, pid, tid, BEGIN, clocks);
			if (r % 13 == 0)
				feed_now(f, (struct feed_slow){ .pid = pid, .tid = tid, .begin = f->ts });
		}
		feed_tick(f, SEC);
	}
}

/* The last picture of a model that takes the records of the log. */
static char *replay(const struct recbuf *log, const struct model_limits *limits)
{
	struct feed *f = feed_new(limits, NULL);
	const struct snap *s;
	char *dump;

	for (size_t at = 0; at < log->len;) {
		const struct hl_rec *rec = (const void *)(log->buf + at);

		model_apply(f->m, rec);
		at += rec->size;
	}
	s = model_snap(f->m);
	dump = snap_dump(s);
	snap_put(s);
	feed_free(f);
	return dump;
}

void test_model_replay_is_live(void)
{
	struct model_limits limits = {
		.max_processes = 24, .max_threads = 50, .max_ops = 90, .max_slow = 30
	};
	struct feed *f = feed_new(&limits, NULL);
	char *live, *first, *second;
	const struct snap *s;

	f->keep = true;
	feed_mess(f, 6);
	s = model_snap(f->m);
	live = snap_dump(s);
	snap_put(s);
	first = replay(&f->log, &limits);
	second = replay(&f->log, &limits);
	ASSERT(strlen(live) > 20000);
	ASSERT(!strcmp(live, first));
	ASSERT(!strcmp(first, second));
	free(live);
	free(first);
	free(second);
	feed_free(f);
}

/* A picture does not change, whatever becomes of the model. */
void test_model_snap_outlives_model(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *first, *last;
	char *before, *after;

	feed_mess(f, 2);
	first = model_snap(f->m);
	before = snap_dump(first);
	feed_mess(f, 2);
	last = model_snap(f->m);
	ASSERT(last != first);
	feed_free(f);
	after = snap_dump(first);
	ASSERT(!strcmp(before, after));
	snap_get(last);
	snap_put(last);
	ASSERT_EQ(last->seq, 3);
	snap_put(first);
	snap_put(last);
	snap_put(NULL);
	free(before);
	free(after);
}

void test_model_snap_memory_serves_again(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s = NULL, *boxes[2] = {};
	size_t held = 0;

	for (unsigned int i = 0; i < 20; i++) {
		feed_mess(f, 1);
		snap_put(s);
		s = model_snap(f->m);
		if (i < 10)
			continue;
		/* the viewer holds one while the next is made: two take turns */
		ASSERT(!boxes[i % 2] || boxes[i % 2] == s);
		boxes[i % 2] = s;
		ASSERT(!held || s->box->arena.held <= held * 2);
		held = s->box->arena.held;
	}
	ASSERT(boxes[0] != boxes[1]);
	snap_put(s);
	feed_free(f);
}

void test_model_arena(void)
{
	struct arena a = {};
	char *p = arena_alloc(&a, 3), *q = arena_alloc(&a, 1 << 20);

	ASSERT_EQ((uintptr_t)p % 8, 0);
	ASSERT_EQ((uintptr_t)q % 8, 0);
	memset(q, 1, 1 << 20);
	ASSERT_STR(arena_strn(&a, "abcdef", 3), "abc");
	arena_reset(&a);
	ASSERT_EQ(a.used, 0);
	arena_alloc(&a, 3);
	p = arena_zalloc(&a, 1 << 20); /* comes from what there was */
	ASSERT(p == q);
	ASSERT_EQ(p[0] + p[(1 << 20) - 1], 0);
	arena_reset(&a);
	arena_alloc(&a, 3);
	ASSERT(arena_alloc(&a, (1 << 20) + 1000) == q); /* also when it grew a little */
	arena_reset(&a);
	arena_alloc(&a, 8);
	arena_reset(&a); /* nearly nothing of it was used */
	ASSERT(a.held < 1 << 20);
	arena_free(&a);
	ASSERT_EQ(a.held, 0);
}

void test_model_facts(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	feed_meta(f, "argv", "an older one");
	feed_meta(f, "first", "");
	feed_meta(f, "hostname", "web1");
	feed_meta(f, "kernel", "6.1.0");
	feed_meta(f, "cpus", "8");
	feed_meta(f, "slow_ns", "10000000");
	feed_meta(f, "argv", "hostlat");
	feed_meta(f, "argv", "-p");
	feed_meta(f, "filter", "pid 7");
	ASSERT_EQ(feed_meta(f, "from a newer program", "x"), 0);
	s = feed_tick(f, 2 * SEC);
	ASSERT_STR(s->hostname, "web1");
	ASSERT_STR(s->kernel, "6.1.0");
	ASSERT(!s->arch);
	ASSERT_EQ(s->cpus, 8);
	ASSERT_EQ(s->slow_ns, 10000000);
	ASSERT_STR(s->argv[0], "hostlat");
	ASSERT_STR(s->argv[1], "-p");
	ASSERT(!s->argv[2]);
	ASSERT_STR(s->filters[0], "pid 7");
	/* the capture began with its first fact */
	ASSERT_EQ(s->duration_ns, 2 * SEC);
	ASSERT_EQ(s->real_started, REAL + f->ts - 2 * SEC);
	ASSERT_EQ(s->real_now, REAL + f->ts);
	feed_meta(f, "slow_ns", "5");
	s = feed_tick(f, SEC);
	ASSERT_EQ(s->slow_ns, 5);
	ASSERT_EQ(s->duration_ns, 3 * SEC);
	ASSERT_EQ(s->interval_ns, SEC);
	ASSERT_EQ(s->seq, 1);
	feed_free(f);
}

void test_model_accounting(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	feed_acct(f, HL_CLASS_WAITS, 100, 98, 2);
	s = feed_tick(f, 0);
	ASSERT_EQ(s->nr_acct, 1);
	ASSERT_EQ(s->acct[0].ivl_seen, 100);
	feed_acct(f, HL_CLASS_WAITS, 150, 144, 5);
	feed_acct(f, HL_CLASS_SLOW, 1, 1, 0);
	s = feed_tick(f, SEC);
	ASSERT_EQ(s->nr_acct, 2);
	ASSERT_EQ(s->acct[0].class_id, HL_CLASS_WAITS);
	ASSERT_EQ(s->acct[0].lost, 5);
	ASSERT_EQ(s->acct[0].lost_by[HL_LOSS_RING_FULL], 5);
	ASSERT_EQ(s->acct[0].ivl_seen, 50);
	ASSERT_EQ(s->acct[0].ivl_lost, 3);
	ASSERT_EQ(s->acct[0].unaccounted, 1);
	ASSERT_EQ(s->acct[1].unaccounted, 0);
	s = feed_tick(f, SEC);
	ASSERT_EQ(s->acct[0].ivl_seen, 0);
	feed_free(f);
}

static void apply(struct feed *f, unsigned int kind, void *rec, size_t size)
{
	struct hl_rec *h = rec;

	h->kind = (__u16)kind;
	h->size = (__u32)size;
	ASSERT_EQ(model_apply(f->m, h), 0);
}

void test_model_pressure_self_collectors(void)
{
	struct hl_rec_psi psi = { .resource = 1, .some_avg10_x100 = 1234, .full_avg10_x100 = UINT32_MAX };
	struct hl_rec_self self = { .cpu_ns = SEC, .rss_bytes = 7 };
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	apply(f, HL_KIND_PSI, &psi, sizeof(psi));
	apply(f, HL_KIND_SELF, &self, sizeof(self));
	feed_tick(f, 0);
	self.cpu_ns += 30 * MS;
	apply(f, HL_KIND_SELF, &self, sizeof(self));
	for (int i = 0; i < 2; i++) { /* the newest state of each counts */
		struct hl_rec_collector *c;

		recbuf_reset(&f->b);
		c = rec_begin(&f->b, HL_KIND_COLLECTOR, sizeof(*c));
		c->state = i ? HL_COLLECTOR_OFF : HL_COLLECTOR_ON;
		rec_add_str(&f->b, "calls");
		rec_add_str(&f->b, i ? "too busy" : "");
		ASSERT_EQ(feed_rec(f, rec_end(&f->b)), 0);
	}
	s = feed_tick(f, SEC);
	ASSERT(s->psi[1].known && !s->psi[0].known);
	ASSERT(s->psi[1].some_avg10 > 12.33 && s->psi[1].some_avg10 < 12.35);
	ASSERT(s->psi[1].full_avg10 < 0);
	ASSERT(s->self.known);
	ASSERT_EQ(s->self.rss_bytes, 7);
	ASSERT(s->self.cpu_pct > 2.99 && s->self.cpu_pct < 3.01);
	ASSERT_EQ(s->nr_collectors, 1);
	ASSERT_STR(s->collectors[0].name, "calls");
	ASSERT_STR(s->collectors[0].reason, "too busy");
	ASSERT_EQ(s->collectors[0].state, HL_COLLECTOR_OFF);
	feed_free(f);
}

void test_model_refuses(void)
{
	struct hl_rec_life life = { .h = { .kind = HL_KIND_LIFE, .size = sizeof(life) } };
	struct hl_rec unknown = { .kind = 999, .size = sizeof(unknown) };
	struct feed *f = feed_new(NULL, NULL);
	struct hl_rec_tick back = { .h = { .kind = HL_KIND_TICK, .size = sizeof(back), .ts = 1 } };

	ASSERT_EQ(model_apply(f->m, &life.h), -EINVAL);
	ASSERT_EQ(model_apply(f->m, &unknown), -EINVAL);
	ASSERT_EQ(feed_process(f, 0, "nobody", 0), -EINVAL);
	ASSERT_EQ(feed_ledger(f, 0, 0, BEGIN, CLOCKS(1)), -EINVAL);
	feed_tick(f, SEC);
	ASSERT_EQ(model_apply(f->m, &back.h), -EINVAL); /* time does not go back */
	ASSERT_EQ(feed_tick(f, SEC)->refused, 5);
	feed_free(f);
}

/* Not a test of time, which belongs to the machine: prints what a big host costs. */
void test_model_big_host(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s = NULL, *old = NULL;
	uint64_t t0 = 0, t1 = 0;

	for (uint64_t tick = 1; tick <= 4; tick++) {
		for (uint32_t i = 0; i < 10000; i++)
			feed_ledger(f, 10 + i / 10, 10 + i, BEGIN,
				    CLOCKS([HL_STATE_CPU] = i * tick, [3] = tick));
		for (uint32_t i = 0; i < 2000; i++)
			feed_op(f, (struct feed_op){ .pid = 10 + i / 4,
						     .nr = (uint16_t)(i % 4),
						     .count = 10,
						     .ns_each = 1000 * (i + 1) * tick });
		t0 = clock_cpu_ns();
		feed_tick(f, SEC);
		t1 = clock_cpu_ns();
		snap_put(old);
		old = s;
		s = model_snap(f->m);
	}
	ASSERT_EQ(snap_table(s, "threads")->n, 10000);
	ASSERT_EQ(snap_table(s, "operations")->n, 2000);
	printf("# 10000 threads, 2000 operations: a tick in %.2f ms, two snapshots hold %.1f MiB\n",
	       (double)(t1 - t0) / MS, (double)(s->box->arena.held + old->box->arena.held) / (1 << 20));
	ASSERT(s->box->arena.held + old->box->arena.held < 25u << 20);
	snap_put(old);
	snap_put(s);
	feed_free(f);
}

/* Any number may stand in a record that passed its check: a recording is input. */
static void feed_random(struct feed *f, uint32_t *seed)
{
	static const uint64_t odd[] = { 0, 1, 7, UINT32_MAX, INT64_MAX, 1ull << 63, UINT64_MAX };
	union {
		struct hl_rec h;
		uint64_t words[64];
		uint8_t bytes[512];
	} rec;

	for (size_t i = 0; i < ARRAY_SIZE(rec.words); i++)
		rec.words[i] = next_random(seed) % 2 ? odd[next_random(seed) % ARRAY_SIZE(odd)]
						     : next_random(seed) % 16;
	rec.h.kind = (__u16)(1 + next_random(seed) % (HL_KIND_MAX - 1));
	rec.h.size = (__u32)(rec_body_size(rec.h.kind) + 8 * (next_random(seed) % 4));
	rec.h.pid = next_random(seed) % 20;
	rec.h.tid = next_random(seed) % 20;
	rec.h.ts = next_random(seed);
	for (size_t i = 0; i < 16; i++) /* small numbers and letters where kinds, states and names are */
		rec.bytes[24 + next_random(seed) % (sizeof(rec.bytes) - 24)] =
			(uint8_t)(next_random(seed) % 3);
	if (rec_check(&rec, sizeof(rec)) > 0)
		model_apply(f->m, &rec.h);
}

void test_model_survives_any_record(void)
{
	struct model_limits limits = { .max_processes = 10,
				       .max_threads = 20,
				       .max_ops = 10,
				       .max_disks = 3,
				       .max_files = 4,
				       .max_conns = 15,
				       .max_peers = 6,
				       .max_dns = 8,
				       .max_names = 3,
				       .max_queries = 7,
				       .max_slow = 5 };
	struct feed *f = feed_new(&limits, NULL);
	size_t rows = 0;
	uint32_t seed = 1;

	for (int tick = 0; tick < 200; tick++) {
		const struct snap *s;

		for (int i = 0; i < 100; i++)
			feed_random(f, &seed);
		s = feed_tick(f, SEC);
		for (size_t t = 0; t < s->nr_tables; t++) {
			struct query q = { .group = tick % NR_GROUPS, .total = tick & 1, .filter = "\1" };
			struct query_result r;

			query_run(&r, s, &s->tables[t], &q);
			query_free(&r);
			ASSERT(s->tables[t].n <= 45);
			rows += s->tables[t].n;
		}
		if (tick % 20 == 0)
			free(snap_dump(s));
	}
	ASSERT(rows > 1000);
	feed_free(f);
}
