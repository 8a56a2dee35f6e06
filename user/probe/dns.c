/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * DNS, its user half: the columns of what was asked by whom, and of single queries. The rows are the model's
 * (model/dns.c); the kernel half is bpf/dns.bpf.c, and what its messages say is found out by kern/dns.c and
 * proto/dns.c. Handed to the model by the commands.
 */
#include <netinet/in.h>
#include <stdio.h>

#include "probe/peer_columns.h"
#include "probe/probe.h"
#include "proto/dns.h"

#define X(id, NAME, key) [id] = (key),
static const char *const ends[NR_HL_DNS_ENDS] = { HL_DNS_ENDS(X) };
#undef X

static const char *name_op(unsigned int op, unsigned int abi, unsigned int nr, char *buf)
{
	char word[DNS_WORD_LEN];

	if (op != HL_OP_DNS)
		return NULL;
	snprintf(buf, MODEL_NAME_LEN, "dns %s", dns_type_name((uint16_t)nr, word));
	return buf;
}

/* A word of which the row has the number too, for those without a name. */
static void set_word(struct val *out, const char *word, const char *buf, const char *number)
{
	val_set_str(out, word == buf ? number : word);
}

/* ---- names ---------------------------------------------------------------------------------- */

#define AT(member) offsetof(struct dns_row, member)

static void get_type(const struct field *f, const void *row, struct val *out)
{
	const struct dns_row *r = row;
	char buf[DNS_WORD_LEN];

	*out = (struct val){};
	if (r->type)
		set_word(out, dns_type_name(r->type, buf), buf, r->type_text);
}

static void get_mean(const struct field *f, const void *row, struct val *out)
{
	const struct dns_half *h = (const void *)((const char *)row + f->offset);

	*out = (struct val){};
	if (h->answered)
		val_set_u64(out, h->total_ns / h->answered);
}

/* offset: the quantile, in thousandths */
static void get_quantile(const struct field *f, const void *row, struct val *out)
{
	const struct dns_row *r = row;
	const struct hist *h = f->flags & FIELD_IVL ? &r->ivl_hist : &r->hist;

	val_set_quantile(out, h, (double)f->offset / 1000, r->max_ns);
}

static void get_error_share(const struct field *f, const void *row, struct val *out)
{
	const struct dns_half *h = (const void *)((const char *)row + f->offset);

	val_set_pct(out, h->errors, h->count);
}

/* clang-format off */
#define COUNT(member, title, help, flags_)                                                               \
	TWINS(AT(ivl.member), AT(total.member), #member, title, help, field_u64, UNIT_COUNT, METRIC_COUNTER, \
	      flags_, 6, VAL_U64)

#define TOOK(name, title, q, flags_)                                                                     \
	TWINS(q, q, name "_ns", title, "of the answers so many took at most this long", get_quantile,    \
	      UNIT_NS, METRIC_NONE, flags_, 6, VAL_U64)

static const struct field dns_fields[] = {
	{ "name", "NAME", "name that was asked for, as it was spelt first; (other): several that had no row", field_str,
	  AT(name), .flags = FIELD_KEY | FIELD_NARROW | FIELD_FLEX | FIELD_ASC, .width = 16 },
	{ "plain", "NAME", "the same without capitals", field_str, AT(plain), .flags = FIELD_SCREEN | FIELD_ASC, .width = 16 },
	{ "type", "TYPE", "type of record that was asked for", get_type, .flags = FIELD_KEY | FIELD_NARROW | FIELD_ASC,
	  .width = 5, .type = VAL_STR },
	{ "comm", "COMMAND", "name of the process", field_str, AT(comm), .flags = FIELD_NARROW | FIELD_ASC,
	  .width = 12 },
	WHO(dns_row)
	{ "server", "SERVER", "who was asked: address and port", field_str, AT(server),
	  .flags = FIELD_KEY | FIELD_WIDE | FIELD_TAIL | FIELD_ASC, .width = 21 },
	{ "members", "NAMES", "rows that this one stands for", field_u64, AT(members), .unit = UNIT_COUNT,
	  .flags = FIELD_NARROW | FIELD_GROUPED, .width = 5 },
	COUNT(count, "COUNT", "queries", FIELD_NARROW)
	COUNT(answered, "ANSWD", "queries that were answered, with whatever result", 0)
	COUNT(errors, "ERR", "queries with another result than NOERROR, or without an answer", FIELD_NARROW)
	TWINS(AT(ivl), AT(total), "errors_pct", "ERR%", "share of these", get_error_share, UNIT_PCT, METRIC_NONE, FIELD_WIDE, 6, VAL_F64)
	COUNT(nxdomain, "NXDOM", "answers NXDOMAIN: there is no such name", FIELD_WIDE)
	COUNT(servfail, "SRVF", "answers SERVFAIL: the server could not find out", FIELD_WIDE)
	COUNT(refused, "REFSD", "answers REFUSED: the server would not", FIELD_WIDE | FIELD_RARE)
	COUNT(other, "OTHER", "answers with another error", FIELD_WIDE | FIELD_RARE)
	COUNT(unanswered, "UNANSW", "queries that nobody answered", FIELD_NARROW)
	COUNT(retries, "AGAIN", "queries by threads that had asked the same before and got no answer", FIELD_WIDE)
	COUNT(truncated, "TRUNC", "answers that say that they are not whole", FIELD_WIDE | FIELD_RARE)
	COUNT(tcp, "TCP", "queries over TCP", FIELD_WIDE)
	TWINS(AT(ivl), AT(total), "mean_ns", "MEAN", "from the sending of a query until the program had its answer, mean",
	      get_mean, UNIT_NS, METRIC_NONE, FIELD_WIDE, 6, VAL_U64)
	TOOK("p50", "P50", 500, FIELD_NARROW)
	TOOK("p90", "P90", 900, FIELD_WIDE)
	TOOK("p99", "P99", 990, FIELD_NARROW)
	{ "max_ns", "MAX", "the longest since start", field_u64_opt, AT(max_ns), .unit = UNIT_NS, .metric = METRIC_GAUGE,
	  .flags = FIELD_NARROW, .width = 6 },
	TWINS(AT(ivl.total_ns), AT(total.total_ns), "total_ns", "TOTAL", "time until the answers came, summed up", field_u64,
	      UNIT_NS, METRIC_COUNTER, 0, 6, VAL_U64)
	WHERE(dns_row)
	{ "histogram", "ANSWERS", "how many answers took how long", field_hist, AT(hist), .unit = UNIT_NS,
	  .metric = METRIC_HISTOGRAM, .width = 12 },
};
/* clang-format on */
#undef AT

static const struct table_desc dns_table = {
	.name = "dns",
	.title = "DNS",
	.help = "What programs ask which DNS server, over UDP and TCP to port 53: how often, with what "
		"result, and how "
		"long until they have the answer. Looked at while this view is open, of a target, or with "
		"--dns.",
	.fields = dns_fields,
	.nr_fields = ARRAY_SIZE(dns_fields),
	.row_size = sizeof(struct dns_row),
	.sort = "interval.count",
	.sort_wide = "count",
	.rows = ROWS_DNS,
	.needs = "dns",
};

/* ---- single queries ------------------------------------------------------------------------- */

#define AT(member) offsetof(struct dns_query_row, member)

static void get_query_type(const struct field *f, const void *row, struct val *out)
{
	const struct dns_query_row *r = row;
	char buf[DNS_WORD_LEN];

	set_word(out, dns_type_name(r->type, buf), buf, r->type_text);
}

static void get_result(const struct field *f, const void *row, struct val *out)
{
	const struct dns_query_row *r = row;
	char buf[DNS_WORD_LEN];

	if (r->end == HL_DNS_ANSWERED)
		set_word(out, dns_rcode_name(r->rcode, buf), buf, r->rcode_text);
	else
		val_set_str(out, ends[r->end]);
}

static void get_answered(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){ .type = VAL_BOOL,
			     .b = ((const struct dns_query_row *)row)->end == HL_DNS_ANSWERED };
}

static void get_truncated(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){ .type = VAL_BOOL,
			     .b = ((const struct dns_query_row *)row)->flags & HL_DNS_TRUNCATED };
}

static void get_least(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){ .type = VAL_BOOL,
			     .b = ((const struct dns_query_row *)row)->flags & HL_DNS_LEAST };
}

static void get_took(const struct field *f, const void *row, struct val *out)
{
	const struct dns_query_row *r = row;

	val_set_u64(out, r->duration_ns);
	out->least = r->flags & HL_DNS_LEAST;
}

static void get_protocol(const struct field *f, const void *row, struct val *out)
{
	val_set_str(out, ((const struct dns_query_row *)row)->protocol == IPPROTO_TCP ? "tcp" : "udp");
}

/* clang-format off */
static const struct field query_fields[] = {
	{ "time", "TIME", "when it was sent; local time on screen", field_u64, AT(real_ns), .unit = UNIT_WALL,
	  .flags = FIELD_NARROW, .width = 12 },
	{ "begin_ns", "BEGIN", "when it was sent, ns since boot", field_u64, AT(begin_ns), .unit = UNIT_BOOT,
	  .flags = FIELD_KEY, .width = 6 },
	{ "duration_ns", "TOOK", "how long until the program had the answer, or gave up; on screen > says: at least",
	  get_took, .unit = UNIT_NS, .flags = FIELD_NARROW, .width = 7, .type = VAL_U64 },
	{ "name", "NAME", "name that was asked for", field_str, AT(name),
	  .flags = FIELD_KEY | FIELD_NARROW | FIELD_FLEX | FIELD_ASC, .width = 16 },
	{ "plain", "NAME", "the same without capitals", field_str, AT(plain), .flags = FIELD_SCREEN | FIELD_ASC, .width = 16 },
	{ "type", "TYPE", "type of record that was asked for", get_query_type, .flags = FIELD_KEY | FIELD_NARROW | FIELD_ASC,
	  .width = 5, .type = VAL_STR },
	{ "result", "RESULT", "what the answer says, or why there is none", get_result, .flags = FIELD_NARROW | FIELD_ASC,
	  .width = 13, .type = VAL_STR },
	{ "comm", "COMMAND", "name of the process", field_str, AT(comm), .flags = FIELD_NARROW | FIELD_ASC,
	  .width = 12 },
	WHO(dns_query_row)
	{ "tid", "TID", "thread that asked", field_u32, AT(tid), .flags = FIELD_KEY, .width = 7 },
	{ "server", "SERVER", "who was asked: address and port", field_str, AT(server),
	  .flags = FIELD_WIDE | FIELD_TAIL | FIELD_ASC, .width = 21 },
	{ "protocol", "PROTO", "udp or tcp", get_protocol, .flags = FIELD_WIDE | FIELD_ASC, .width = 5, .type = VAL_STR },
	{ "addresses", "ADDRESSES", "those in the answer", field_str, AT(addresses), .flags = FIELD_WIDE | FIELD_ASC,
	  .width = 24 },
	{ "retries", "AGAIN", "so often that thread had asked the same before, and got no answer", field_u64, AT(retries),
	  .unit = UNIT_COUNT, .flags = FIELD_WIDE, .width = 5 },
	{ "answered", "ANSWD", "there was an answer", get_answered, .width = 5, .type = VAL_BOOL },
	{ "lower_bound", "AT LEAST", "it took at least so long", get_least, .width = 8, .type = VAL_BOOL },
	{ "truncated", "TRUNC", "the answer says that it is not whole", get_truncated, .width = 5, .type = VAL_BOOL },
	WHERE(dns_query_row)
};
/* clang-format on */
#undef AT

static const struct table_desc queries_table = {
	.name = "dns_queries",
	.title = "DNS queries",
	.help = "The latest DNS queries one by one, with their results and the addresses in the answers.",
	.fields = query_fields,
	.nr_fields = ARRAY_SIZE(query_fields),
	.row_size = sizeof(struct dns_query_row),
	.sort = "time",
	.rows = ROWS_DNS_QUERIES,
	.needs = "dns",
};

static const struct table_desc *const tables[] = { &dns_table, &queries_table, NULL };

const struct collector dns_collector = { "dns", tables, name_op, NULL };
