/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* DNS messages as they should be, and as they should not. */
#include <string.h>
#include <sys/socket.h>

#include "proto/dns.h"
#include "tests/test.h"

struct bytes {
	uint8_t p[2048];
	size_t n;
};

static void add(struct bytes *b, const void *p, size_t n)
{
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static void add16(struct bytes *b, unsigned int v)
{
	uint8_t be[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	add(b, be, sizeof(be));
}

static void head(struct bytes *b, unsigned int id, unsigned int flags, unsigned int questions,
		 unsigned int answers, unsigned int additional)
{
	const unsigned int words[] = { id, flags, questions, answers, 0, additional };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		add16(b, words[i]);
}

/* Labels that a dot separates; a name that ends with one is the root's own. */
static void name(struct bytes *b, const char *s)
{
	while (*s) {
		size_t n = strcspn(s, ".");
		uint8_t len = (uint8_t)n;

		add(b, &len, 1);
		add(b, s, n);
		s += n + (s[n] == '.');
	}
	add(b, "", 1);
}

static void question(struct bytes *b, const char *s, unsigned int type)
{
	name(b, s);
	add16(b, type);
	add16(b, 1);
}

/* A record whose name is compressed. */
static void record(struct bytes *b, unsigned int type, const void *data, size_t n)
{
	add(b, "\xc0\x0c", 2);
	add16(b, type);
	add16(b, 1);
	add(b, "\0\0\0\x3c", 4);
	add16(b, (unsigned int)n);
	add(b, data, n);
}

static bool parse(struct dns_msg *m, const struct bytes *b)
{
	return dns_parse(m, b->p, b->n, b->n);
}

void test_dns_query(void)
{
	struct bytes b = {};
	struct dns_msg m;

	head(&b, 0x1234, 0x0100, 1, 0, 0);
	question(&b, "wWw.Example.org", DNS_TYPE_AAAA);
	ASSERT(parse(&m, &b));
	ASSERT(!m.answer && m.asks && m.id == 0x1234 && m.type == DNS_TYPE_AAAA && m.class == 1);
	ASSERT_STR(m.name, "wWw.Example.org");
}

void test_dns_answer(void)
{
	struct bytes b = {};
	struct dns_msg m, q;
	struct bytes asked = {};

	head(&asked, 7, 0x0100, 1, 0, 0);
	question(&asked, "www.example.org", DNS_TYPE_A);
	head(&b, 7, 0x8383, 1, 4, 1);
	question(&b, "WWW.EXAMPLE.ORG", DNS_TYPE_A);
	record(&b, 5, "\3cdn\xc0\x10", 6);
	record(&b, DNS_TYPE_A, "\xc0\0\2\1", 4);
	record(&b, DNS_TYPE_A, "too long", 8);
	record(&b, DNS_TYPE_AAAA, "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	add(&b, "", 1); /* OPT, whose TTL has the high bits of the result */
	add16(&b, DNS_TYPE_OPT);
	add16(&b, 1232);
	add(&b, "\1\0\0\0", 4);
	add16(&b, 0);
	ASSERT(parse(&q, &asked) && parse(&m, &b));
	ASSERT_EQ(m.question, q.question); /* whatever the case */
	ASSERT(m.answer && m.truncated);
	ASSERT_EQ(m.rcode, 16 + DNS_NXDOMAIN);
	ASSERT_EQ(m.nr_addrs, 2);
	ASSERT(m.addrs[0].family == AF_INET && !memcmp(m.addrs[0].addr, "\xc0\0\2\1", 4));
	ASSERT(m.addrs[1].family == AF_INET6 && m.addrs[1].addr[15] == 1);
}

/* What of an answer was not taken along, or is no sound record, is not there; header and question count. */
void test_dns_answer_cut(void)
{
	struct bytes b = {};
	struct dns_msg m;
	size_t asks;

	head(&b, 7, 0x8180, 1, 30, 0);
	question(&b, "a.b", DNS_TYPE_A);
	asks = b.n;
	for (int i = 0; i < 30; i++)
		record(&b, DNS_TYPE_A, "\x7f\0\0\1", 4);
	ASSERT(parse(&m, &b) && m.nr_addrs == DNS_ADDRS);
	for (size_t n = 0; n < b.n; n++) {
		ASSERT_EQ(dns_parse(&m, b.p, n, b.n), n >= asks);
		ASSERT(n < asks || m.nr_addrs <= (n - asks) / 16);
	}
	b.p[asks] = 0x80; /* neither a label nor a reference */
	ASSERT(parse(&m, &b) && !m.nr_addrs);
}

void test_dns_names(void)
{
	char longest[254 + 1];
	struct bytes b = {};
	struct dns_msg m;

	head(&b, 1, 0, 1, 0, 0);
	question(&b, "", DNS_TYPE_A);
	ASSERT(parse(&m, &b));
	ASSERT_STR(m.name, ".");
	b.n = DNS_HEAD;
	add(&b, "\5a.\\\0\xff\2b \0", 10);
	add(&b, "\0\1\0\1", 4);
	ASSERT(parse(&m, &b));
	ASSERT_STR(m.name, "a\\046\\092\\000\\255.b\\032");
	/* 255 bytes are allowed, 256 are not */
	memset(longest, 0x1f, sizeof(longest));
	for (size_t i = 63; i < sizeof(longest); i += 64)
		longest[i] = '.';
	longest[253] = '\0';
	b.n = DNS_HEAD;
	question(&b, longest, DNS_TYPE_A);
	ASSERT_EQ(b.n, DNS_HEAD + 255 + 4);
	ASSERT(parse(&m, &b));
	ASSERT(strlen(m.name) < DNS_NAME_LEN && strlen(m.name) > 1000);
	longest[253] = 'x';
	longest[254] = '\0';
	b.n = DNS_HEAD;
	question(&b, longest, DNS_TYPE_A);
	ASSERT(!parse(&m, &b));
}

void test_dns_malformed(void)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
		{ "", 0 },
		{ "\0\1\1\0\0\1\0\0\0\0\0", 11 },                       /* no whole header */
		{ "\0\1\1\0\0\0\0\0\0\0\0\0", 12 },                     /* a query that asks nothing */
		{ "\0\1\1\0\0\2\0\0\0\0\0\0\0\0\1\0\1\0\0\1\0\1", 22 }, /* several things */
		{ "\0\1\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1", 18 },     /* a name that is itself */
		{ "\0\1\1\0\0\1\0\0\0\0\0\0\5abc\0\0\1\0\1", 21 },      /* a label longer than the message */
		{ "\0\1\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0", 18 },          /* no class */
		{ "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27 },
	};
	struct dns_msg m;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ASSERT(!dns_parse(&m, (const void *)bad[i].bytes, bad[i].n, bad[i].n));
	/* an answer need not repeat what was asked */
	ASSERT(dns_parse(&m, (const void *)"\0\1\x81\5\0\0\0\0\0\0\0\0", 12, 12));
	ASSERT(m.answer && !m.asks && m.rcode == DNS_REFUSED);
}

void test_dns_words(void)
{
	char buf[DNS_WORD_LEN];

	ASSERT_STR(dns_type_name(DNS_TYPE_AAAA, buf), "AAAA");
	ASSERT_STR(dns_type_name(65535, buf), "TYPE65535");
	ASSERT_STR(dns_rcode_name(DNS_NXDOMAIN, buf), "NXDOMAIN");
	ASSERT_STR(dns_rcode_name(4095, buf), "RCODE4095");
}

/* ---- over TCP -------------------------------------------------------------------------------- */

struct heard {
	unsigned int n;
	uint16_t ids[8];
	size_t had[8];
};

static void hear(void *arg, const uint8_t *p, size_t n, size_t whole)
{
	struct heard *h = arg;
	struct dns_msg m;

	ASSERT(h->n < 8);
	h->had[h->n] = n;
	h->ids[h->n++] = dns_parse(&m, p, n, whole) ? m.id : 0;
}

static void framed(struct bytes *b, unsigned int id, size_t more)
{
	struct bytes msg = {};

	head(&msg, id, 0x0100, 1, 0, 0);
	question(&msg, "example.org", DNS_TYPE_A);
	msg.n += more;
	add16(b, (unsigned int)msg.n);
	add(b, msg.p, msg.n);
}

/* In pieces of every size. */
void test_dns_stream_pieces(void)
{
	struct bytes b = {};

	framed(&b, 1, 0);
	framed(&b, 2, 700);
	framed(&b, 3, 0);
	for (size_t size = 1; size <= b.n; size++) {
		struct dns_stream s = {};
		struct heard h = {};

		for (size_t at = 0; at < b.n; at += size)
			ASSERT(dns_stream_feed(&s, b.p + at, MIN(size, b.n - at), MIN(size, b.n - at), hear,
					       &h));
		ASSERT(h.n == 3 && h.ids[0] == 1 && h.ids[1] == 2 && h.ids[2] == 3);
		ASSERT(h.had[1] == DNS_ROOM && s.at == 0);
	}
}

/* Of a long piece only the begin is here: the message that it ends in is stepped over, a second one is not
 * found. */
void test_dns_stream_gaps(void)
{
	struct dns_stream s = {};
	struct heard h = {};
	struct bytes b = {}, next = {};

	framed(&b, 1, 1000);
	framed(&next, 2, 0);
	ASSERT(dns_stream_feed(&s, b.p, 100, b.n, hear, &h));
	ASSERT(h.n == 1 && h.ids[0] == 1 && h.had[0] == 98);
	ASSERT(dns_stream_feed(&s, next.p, next.n, next.n, hear, &h));
	ASSERT(h.n == 2 && h.ids[1] == 2);
	framed(&b, 3, 0);
	ASSERT(!dns_stream_feed(&s, b.p, 100, b.n, hear, &h));
	ASSERT(!dns_stream_feed(&s, next.p, next.n, next.n, hear, &h));
	ASSERT_EQ(h.n, 3);
	/* no message is that short */
	s = (struct dns_stream){};
	ASSERT(!dns_stream_feed(&s, (const uint8_t *)"\0\1xyz", 5, 5, hear, &h));
	s = (struct dns_stream){};
	ASSERT(!dns_stream_feed(&s, (const uint8_t *)"\0\0\0\0", 4, 4, hear, &h));
	ASSERT_EQ(h.n, 3);
}
