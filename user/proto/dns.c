/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * DNS messages (RFC 1035), from whoever may have sent them. Compressed names are stepped over and never
 * followed: the one name that is read is the question's, which is never compressed. Called by kern/dns.c.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/dns.h"

#define NAME_MAX_WIRE 255
#define LABEL_MAX     63
#define CLASS_IN      1

/* What is left of a message. */
struct reader {
	const uint8_t *p, *end;
};

static bool take(struct reader *r, size_t n, const uint8_t **at)
{
	if ((size_t)(r->end - r->p) < n)
		return false;
	*at = r->p;
	r->p += n;
	return true;
}

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static bool take16(struct reader *r, uint16_t *v)
{
	const uint8_t *at;

	if (!take(r, 2, &at))
		return false;
	*v = be16(at);
	return true;
}

/* ---- the question ------------------------------------------------------------------------ */

static size_t put_byte(char *to, uint8_t c)
{
	bool plain = c > ' ' && c < 0x7f && c != '.' && c != '\\';

	if (plain)
		*to = (char)c;
	else
		snprintf(to, 5, "\\%03u", c);
	return plain ? 1 : 4;
}

static uint64_t mix(uint64_t h, uint8_t c)
{
	return (h ^ c) * 0x100000001b3ull;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

/* The name as text, and what it hashes to. */
static bool read_name(struct reader *r, char name[DNS_NAME_LEN], uint64_t *sum)
{
	const uint8_t *len, *label;
	size_t wire = 0, n = 0;

	for (;;) {
		if (!take(r, 1, &len))
			return false;
		*sum = mix(*sum, *len);
		wire += 1 + *len;
		if (*len > LABEL_MAX || wire > NAME_MAX_WIRE || !take(r, *len, &label))
			return false;
		if (!*len)
			break;
		if (n)
			name[n++] = '.';
		for (size_t i = 0; i < *len; i++) {
			*sum = mix(*sum, lower(label[i]));
			n += put_byte(name + n, label[i]);
		}
	}
	if (!n)
		name[n++] = '.';
	name[n] = '\0';
	return true;
}

static bool read_question(struct dns_msg *m, struct reader *r)
{
	uint32_t kind;

	m->question = 0xcbf29ce484222325ull;
	if (!read_name(r, m->name, &m->question) || !take16(r, &m->type) || !take16(r, &m->class))
		return false;
	kind = (uint32_t)m->type << 16 | m->class;
	for (int i = 0; i < 4; i++)
		m->question = mix(m->question, (uint8_t)(kind >> 8 * i));
	return true;
}

/* ---- what is behind it ------------------------------------------------------------------- */

static bool skip_name(struct reader *r)
{
	const uint8_t *len, *rest;

	while (take(r, 1, &len)) {
		if (!*len)
			return true;
		if (*len >= 0xc0)
			return take(r, 1, &rest);
		if (*len > LABEL_MAX || !take(r, *len, &rest))
			return false;
	}
	return false;
}

static void add_addr(struct dns_msg *m, uint8_t family, const uint8_t *addr, size_t n)
{
	struct dns_addr *a = &m->addrs[m->nr_addrs];

	if (m->nr_addrs >= DNS_ADDRS)
		return;
	*a = (struct dns_addr){ .family = family };
	memcpy(a->addr, addr, n);
	m->nr_addrs++;
}

/* One record of an answer. False: there is no other. */
static bool read_record(struct dns_msg *m, struct reader *r, bool answers)
{
	uint16_t type, class, len;
	const uint8_t *ttl, *data;

	if (!skip_name(r) || !take16(r, &type) || !take16(r, &class) || !take(r, 4, &ttl) ||
	    !take16(r, &len) || !take(r, len, &data))
		return false;
	if (type == DNS_TYPE_OPT)
		m->rcode |= (uint16_t)(ttl[0] << 4); /* its high bits */
	else if (answers && class == CLASS_IN && type == DNS_TYPE_A && len == 4)
		add_addr(m, AF_INET, data, len);
	else if (answers && class == CLASS_IN && type == DNS_TYPE_AAAA && len == 16)
		add_addr(m, AF_INET6, data, len);
	return true;
}

bool dns_parse(struct dns_msg *m, const uint8_t *p, size_t n, size_t whole)
{
	struct reader r = { p, p + n };
	uint32_t answers, others;
	const uint8_t *h;

	*m = (struct dns_msg){};
	if (whole < n || !take(&r, DNS_HEAD, &h))
		return false;
	m->id = be16(h);
	m->answer = h[2] & 0x80;
	m->truncated = h[2] & 0x02;
	m->rcode = h[3] & 0x0f;
	m->asks = be16(h + 4);
	/* a query asks something; an answer that says no need not repeat it; nobody asks several things at
	 * once */
	if ((!m->asks && !m->answer) || be16(h + 4) > 1 || (m->asks && !read_question(m, &r)))
		return false;
	if (!m->answer)
		return true;
	answers = be16(h + 6);
	others = be16(h + 8) + (uint32_t)be16(h + 10);
	while (answers && read_record(m, &r, true))
		answers--;
	while (!answers && others && read_record(m, &r, false))
		others--;
	return true;
}

/* ---- words ------------------------------------------------------------------------------- */

struct word {
	uint16_t number;
	const char *name;
};

static const struct word types[] = {
	{ 1, "A" },      { 2, "NS" },     { 5, "CNAME" },    { 6, "SOA" },     { 12, "PTR" },
	{ 13, "HINFO" }, { 15, "MX" },    { 16, "TXT" },     { 28, "AAAA" },   { 29, "LOC" },
	{ 33, "SRV" },   { 35, "NAPTR" }, { 37, "CERT" },    { 39, "DNAME" },  { 43, "DS" },
	{ 44, "SSHFP" }, { 46, "RRSIG" }, { 47, "NSEC" },    { 48, "DNSKEY" }, { 50, "NSEC3" },
	{ 52, "TLSA" },  { 59, "CDS" },   { 60, "CDNSKEY" }, { 64, "SVCB" },   { 65, "HTTPS" },
	{ 99, "SPF" },   { 250, "TSIG" }, { 251, "IXFR" },   { 252, "AXFR" },  { 255, "ANY" },
	{ 256, "URI" },  { 257, "CAA" },
};

static const struct word rcodes[] = {
	{ 0, "NOERROR" },  { 1, "FORMERR" },  { 2, "SERVFAIL" },   { 3, "NXDOMAIN" }, { 4, "NOTIMP" },
	{ 5, "REFUSED" },  { 6, "YXDOMAIN" }, { 7, "YXRRSET" },    { 8, "NXRRSET" },  { 9, "NOTAUTH" },
	{ 10, "NOTZONE" }, { 16, "BADVERS" }, { 23, "BADCOOKIE" },
};

static const char *word_name(const struct word *w, size_t n, uint16_t number, const char *prefix,
			     char buf[DNS_WORD_LEN])
{
	for (size_t i = 0; i < n; i++)
		if (w[i].number == number)
			return w[i].name;
	snprintf(buf, DNS_WORD_LEN, "%s%u", prefix, number);
	return buf;
}

const char *dns_type_name(uint16_t type, char buf[DNS_WORD_LEN])
{
	return word_name(types, ARRAY_SIZE(types), type, "TYPE", buf);
}

const char *dns_rcode_name(uint16_t rcode, char buf[DNS_WORD_LEN])
{
	return word_name(rcodes, ARRAY_SIZE(rcodes), rcode, "RCODE", buf);
}
