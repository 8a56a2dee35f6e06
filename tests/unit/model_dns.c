/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* DNS queries from records to rows, and what addresses are called by their answers. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "tests/unit/model_util.h"

struct asked {
	uint32_t pid;
	const char *name;
	uint16_t type, rcode;
	uint8_t end, flags;
	uint64_t took;
	uint8_t addrs; /* in the answer: 192.0.2.1 and on */
	uint8_t server;
	uint16_t retries;
};

static void feed_dns(struct feed *f, struct asked q)
{
	struct hl_rec_dns *r = rec_begin(&f->b, HL_KIND_DNS, sizeof(*r));
	const struct hl_rec *rec;

	r->h.ts = f->ts;
	r->h.pid = r->h.tid = q.pid;
	r->proc_start = 100;
	r->begin_ns = f->ts - q.took;
	r->duration_ns = q.took;
	r->server_addr[0] = 127;
	r->server_addr[3] = q.server;
	r->server_port = 53;
	r->family = AF_INET;
	r->protocol = IPPROTO_UDP;
	r->type = q.type;
	r->rcode = q.rcode;
	r->end = q.end;
	r->flags = q.flags;
	r->retries = q.retries;
	r->nr_addrs = q.addrs;
	for (uint8_t i = 0; i < q.addrs; i++) {
		struct hl_dns_addr a = { { 192, 0, 2, (uint8_t)(1 + i) }, AF_INET, {} };

		rec_add_bytes(&f->b, &a, sizeof(a));
	}
	rec_add_str(&f->b, q.name);
	rec = rec_end(&f->b);
	ASSERT_EQ(rec_check(rec, rec->size), rec->size);
	ASSERT_EQ(feed_rec(f, rec), 0);
}

static void feed_connection(struct feed *f, uint32_t pid, uint8_t last, uint8_t family)
{
	struct hl_rec_conn *r = rec_begin(&f->b, HL_KIND_CONN, sizeof(*r));
	uint8_t *addr = r->remote_addr;

	r->h.ts = r->seen = f->ts;
	r->h.pid = r->h.tid = pid;
	r->proc_start = 100;
	r->cookie = pid * 1000 + last;
	r->opened = f->ts;
	if (family == AF_INET6) { /* mapped */
		addr[10] = addr[11] = 0xff;
		addr += 12;
	}
	memcpy(addr, (const uint8_t[]){ 192, 0, 2, last }, 4);
	r->remote_port = 443;
	r->family = family;
	r->role = HL_ROLE_OPENED;
	r->state = HL_TCP_STATE_ESTABLISHED;
	ASSERT_EQ(feed_rec(f, rec_end(&f->b)), 0);
}

static const void *find(const struct snap *s, const char *table, const char *field, const char *value,
			uint32_t pid)
{
	const struct snap_table *t = snap_table(s, table);

	for (size_t i = 0; i < t->n; i++) {
		const void *row = snap_row(t, i);
		struct val v = field_get(table_field(t->desc, field), row);
		struct val p = field_get(table_field(t->desc, "pid"), row);

		if (v.type == VAL_STR && !strcmp(v.s, value) && (p.type == VAL_U64 ? p.u : 0) == pid)
			return row;
	}
	return NULL;
}

static const char *cell(const struct snap *s, const char *table, const void *row, const char *field)
{
	static char buf[160];
	const struct field *f = table_field(snap_table(s, table)->desc, field);
	struct str out = {};
	struct val v;

	ASSERT(row && f);
	v = field_get(f, row);
	val_text(&out, f, &v, true);
	snprintf(buf, sizeof(buf), "%s", str_get(&out));
	str_free(&out);
	return buf;
}

#define CELL(s, row, field) cell(s, "dns", row, field)

void test_dns_rows(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;
	const void *r;

	feed_process(f, 10, "curl", 0);
	feed_dns(f, (struct asked){ 10, "Example.org", 1, .took = 20 * MS, .addrs = 1 });
	feed_dns(f, (struct asked){ 10, "example.ORG", 1, .took = 30 * MS, .rcode = 2, .retries = 1 });
	feed_dns(f, (struct asked){ 10, "example.org", 1, .took = 40 * MS, .rcode = 3 });
	feed_dns(f, (struct asked){ 10, "example.org", 1, .took = SEC, .end = HL_DNS_TIMED_OUT });
	feed_dns(f, (struct asked){ 10, "example.org", 1, .took = SEC, .end = HL_DNS_SPARED });
	feed_dns(f, (struct asked){ 10, "example.org", 28, .took = 5 * MS });
	feed_dns(f, (struct asked){ 10, "example.org", 1, .took = 5 * MS, .server = 9 });
	feed_dns(f, (struct asked){ 10, "", 65280, .took = 5 * MS });
	s = feed_tick(f, SEC);
	ASSERT_EQ(snap_table(s, "dns")->n, 4);
	r = find(s, "dns", "name", "Example.org", 10);
	ASSERT_STR(CELL(s, r, "count"), "5");
	ASSERT_STR(CELL(s, r, "answered"), "3");
	ASSERT_STR(CELL(s, r, "errors"), "3");
	ASSERT_STR(CELL(s, r, "nxdomain"), "1");
	ASSERT_STR(CELL(s, r, "servfail"), "1");
	ASSERT_STR(CELL(s, r, "unanswered"), "1");
	ASSERT_STR(CELL(s, r, "retries"), "1");
	ASSERT_STR(CELL(s, r, "mean_ns"), "30.0ms");
	ASSERT_STR(CELL(s, r, "max_ns"), "40.0ms");
	ASSERT_STR(CELL(s, r, "server"), "127.0.0.0:53");
	r = find(s, "dns", "name", ".", 10);
	ASSERT_STR(CELL(s, r, "type"), "TYPE65280");
	s = feed_tick(f, SEC);
	r = find(s, "dns", "name", "Example.org", 10);
	ASSERT_STR(CELL(s, r, "interval.count"), "0");
	ASSERT_STR(CELL(s, r, "count"), "5");
	feed_free(f);
}

void test_dns_latest_queries(void)
{
	struct model_limits limits = { .max_queries = 3 };
	struct feed *f = feed_new(&limits, NULL);
	const struct snap_table *t;
	const struct snap *s;
	char name[16];

	feed_process(f, 10, "curl", 0);
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "N%d.org", i);
		feed_dns(f, (struct asked){ 10, name, 1, .took = MS, .addrs = 2,
					    .rcode = (uint16_t)(i == 4 ? 4095 : 0) });
	}
	feed_dns(f, (struct asked){ 10, "last.org", 1, .took = SEC, .end = HL_DNS_CLOSED,
				    .flags = HL_DNS_LEAST });
	s = feed_tick(f, SEC);
	t = snap_table(s, "dns_queries");
	ASSERT_EQ(t->n, 3);
	ASSERT_STR(cell(s, "dns_queries", snap_row(t, 0), "name"), "last.org");
	ASSERT_STR(cell(s, "dns_queries", snap_row(t, 0), "result"), "given up");
	ASSERT_STR(cell(s, "dns_queries", snap_row(t, 0), "duration_ns"), ">1.00s");
	ASSERT_STR(cell(s, "dns_queries", snap_row(t, 1), "result"), "RCODE4095");
	ASSERT_STR(cell(s, "dns_queries", snap_row(t, 2), "name"), "N3.org");
	ASSERT_STR(cell(s, "dns_queries", snap_row(t, 2), "addresses"), "192.0.2.1 192.0.2.2");
	feed_free(f);
}

/* What finds no room is in "(other)", whose sums are whole. */
void test_dns_other(void)
{
	struct model_limits limits = { .max_dns = 20 };
	struct feed *f = feed_new(&limits, NULL);
	uint64_t sum = 0, answers = 0;
	const struct snap_table *t;
	const struct snap *s;
	char name[16];

	feed_process(f, 10, "crawl", 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "n%d.org", i % 100);
		feed_dns(f, (struct asked){ 10, name, 1, .took = MS });
	}
	s = feed_tick(f, SEC);
	t = snap_table(s, "dns");
	ASSERT(t->n <= 21);
	for (size_t i = 0; i < t->n; i++) {
		const struct dns_row *r = snap_row(t, i);

		sum += r->total.count;
		answers += r->hist.count;
	}
	ASSERT_EQ(sum, 1000);
	ASSERT_EQ(answers, 1000);
	ASSERT(find(s, "dns", "name", "(other)", 0));
	feed_free(f);
}

/* The newest answer of the process itself, else of anybody. */
void test_dns_names_of_peers(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;

	feed_process(f, 10, "a", 0);
	feed_process(f, 11, "b", 0);
	feed_process(f, 12, "c", 0);
	feed_dns(f, (struct asked){ 10, "old.org", 1, .took = MS, .addrs = 1 });
	feed_dns(f, (struct asked){ 10, "mine.org", 1, .took = MS, .addrs = 1 });
	feed_dns(f, (struct asked){ 11, "theirs.org", 1, .took = MS, .addrs = 2 });
	for (uint32_t pid = 10; pid <= 12; pid++)
		feed_connection(f, pid, 1, pid == 12 ? AF_INET6 : AF_INET);
	feed_connection(f, 12, 7, AF_INET);
	s = feed_tick(f, SEC);
	ASSERT_STR(cell(s, "connections", find(s, "connections", "comm", "a", 10), "name"), "mine.org");
	ASSERT_STR(cell(s, "connections", find(s, "connections", "comm", "b", 11), "name"), "theirs.org");
	ASSERT(find(s, "connections", "name", "theirs.org", 12));
	ASSERT_STR(cell(s, "connections", find(s, "connections", "remote", "192.0.2.7:443", 12), "name"),
		   "-");
	ASSERT_STR(cell(s, "peers", find(s, "peers", "comm", "a", 10), "name"), "mine.org");
	feed_free(f);
}

void test_dns_names_bounded(void)
{
	struct model_limits limits = { .max_names = 4 };
	struct feed *f = feed_new(&limits, NULL);
	const struct snap *s;

	feed_process(f, 10, "a", 0);
	for (int i = 0; i < 50; i++)
		feed_dns(f, (struct asked){ 10, i & 1 ? "odd.org" : "even.org", 1, .took = MS,
					    .addrs = (uint8_t)(1 + i % 9) });
	feed_connection(f, 10, 5, AF_INET);
	feed_connection(f, 10, 9, AF_INET);
	s = feed_tick(f, SEC);
	ASSERT(find(s, "connections", "name", "odd.org", 10));
	ASSERT_STR(cell(s, "connections", find(s, "connections", "remote", "192.0.2.9:443", 10), "name"),
		   "-");
	feed_free(f);
}
