/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Exchanges on TCP connections, their user half: the columns of how long answers took, and their names. The
 * rows are the model's (model/exchanges.c); the kernel half is bpf/exchanges.bpf.c. Handed to the model by
 * the commands.
 */
#include "probe/op_columns.h"
#include "probe/peer_columns.h"
#include "probe/probe.h"

#define AT(member) offsetof(struct exchange_row, member)

#define X(id, NAME, key) [id] = (key),
static const char *const names[NR_HL_EXCHANGES] = { HL_EXCHANGES(X) };
#undef X

static const char *name_exchange(unsigned int op, unsigned int abi, unsigned int nr, char *buf)
{
	if (op != HL_OP_EXCHANGE)
		return NULL;
	return nr < NR_HL_EXCHANGES ? names[nr] : names[HL_EXCHANGE_OTHER];
}

/* The time of which nobody knows the state. */
static void get_unknown(const struct field *f, const void *row, struct val *out)
{
	const struct op_row *r = row;
	uint64_t all = f->flags & FIELD_IVL ? r->ivl_ns : r->total_ns;
	const uint64_t *states = f->flags & FIELD_IVL ? r->ivl : r->total;

	for (int i = 0; i < NR_HL_STATES; i++)
		all -= states[i] < all ? states[i] : all;
	val_set_u64(out, all);
}

static const struct hist *reads_of(const struct field *f, const void *row)
{
	const struct exchange_row *r = row;

	return f->flags & FIELD_IVL ? &r->ivl_reads : &r->reads;
}

static void get_reads(const struct field *f, const void *row, struct val *out)
{
	val_set_u64(out, reads_of(f, row)->count);
}

/* offset: the quantile, in thousandths */
static void get_read(const struct field *f, const void *row, struct val *out)
{
	const struct exchange_row *r = row;

	val_set_quantile(out, reads_of(f, row), (double)f->offset / 1000, r->read_max_ns);
}

static void get_read_max(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){};
	if (((const struct exchange_row *)row)->reads.count)
		val_set_u64(out, ((const struct exchange_row *)row)->read_max_ns);
}

/* clang-format off */
#define READ_QUANTILE(name, title, share, permille, flag)                                                \
	{ "interval." name, title, share " of what had come was read within this, in the interval",      \
	  get_read, permille, UNIT_NS, METRIC_NONE, FIELD_IVL | (flag), 6, VAL_U64 },                    \
	{ name, title, share " of what had come was read within this", get_read, permille, UNIT_NS,      \
	  METRIC_NONE, FIELD_TOTAL | (flag), 6, VAL_U64 },

static const struct field exchange_fields[] = {
	OP_PROCESS(FIELD_WIDE)
	{ "name", "WHAT", "request: it asked, until the answer came; answer: it was asked, until it answered", field_str,
	  OP_AT(name), .flags = FIELD_NARROW | FIELD_ASC, .width = 7 },
	{ "kind", "KIND", "exchange", get_op_kind, .flags = FIELD_ASC, .width = 8, .type = VAL_STR },
	{ "role", "ROLE", "of its connections. opened: from here; accepted: by the peer", get_role, AT(role),
	  .flags = FIELD_KEY | FIELD_ASC, .width = 8, .type = VAL_STR },
	{ "port", "PORT", "port of the service", get_port, AT(port), .flags = FIELD_KEY | FIELD_NARROW | FIELD_ASC, .width = 5,
	  .type = VAL_U64 },
	SERVICE(AT(port))
	{ "remote", "PEER", "of those that it asked: address of the peer", field_str, AT(remote),
	  .flags = FIELD_KEY | FIELD_NARROW | FIELD_FLEX | FIELD_TAIL | FIELD_ASC, .width = 10 },
	{ "members", "PROCS", "rows that the row stands for", field_u64, OP_AT(members), .unit = UNIT_COUNT,
	  .flags = FIELD_NARROW | FIELD_GROUPED, .width = 5 },
	OP_COUNTS(field_u64, get_op_rate, get_op_ivl_rate)
	{ "interval.total_ns", "TIME", "time in all of them, in the interval", field_u64, OP_AT(ivl_ns),
	  .unit = UNIT_NS, .flags = FIELD_WIDE | FIELD_IVL, .width = 6 },
	{ "total_ns", "TIME", "time in all of them since start", field_u64, OP_AT(total_ns), .unit = UNIT_NS,
	  .metric = METRIC_COUNTER, .flags = FIELD_WIDE | FIELD_TOTAL, .width = 6 },
	OP_AVG("mean time to the first byte", get_op_avg, get_op_ivl_avg, FIELD_WIDE)
	OP_QUANTILE("p50_ns", "P50", "50 %", 500, FIELD_NARROW)
	OP_QUANTILE("p90_ns", "P90", "90 %", 900, FIELD_WIDE)
	OP_QUANTILE("p99_ns", "P99", "99 %", 990, FIELD_NARROW)
	OP_QUANTILE("p999_ns", "P99.9", "99.9 %", 999, 0)
	{ "max_ns", "MAX", "the longest since start", field_u64, OP_AT(max_ns), .unit = UNIT_NS,
	  .metric = METRIC_GAUGE, .flags = FIELD_WIDE, .width = 6 },
	{ "interval.unanswered", "UNANS", "where the connection ended before an answer, in the interval", field_u64,
	  OP_AT(ivl_errors), .unit = UNIT_COUNT, .flags = FIELD_NARROW | FIELD_IVL, .width = 5 },
	{ "unanswered", "UNANS", "where the connection ended before an answer", field_u64, OP_AT(errors),
	  .unit = UNIT_COUNT, .metric = METRIC_COUNTER, .flags = FIELD_NARROW | FIELD_TOTAL, .width = 5 },
	READ_QUANTILE("read_p50_ns", "RD50", "50 %", 500, FIELD_WIDE)
	READ_QUANTILE("read_p99_ns", "RD99", "99 %", 990, FIELD_NARROW)
	{ "read_max_ns", "RDMAX", "the longest that data had come and was not read", get_read_max, .unit = UNIT_NS,
	  .metric = METRIC_GAUGE, .flags = FIELD_WIDE, .width = 6, .type = VAL_U64 },
	{ "interval.reads", "READS", "times that data was read which had come, in the interval", get_reads,
	  .unit = UNIT_COUNT, .flags = FIELD_IVL, .width = 5, .type = VAL_U64 },
	{ "reads", "READS", "times that data was read which had come", get_reads, .unit = UNIT_COUNT,
	  .metric = METRIC_COUNTER, .flags = FIELD_TOTAL, .width = 5, .type = VAL_U64 },
	{ "read_ns", "READING", "how long all of that had been there", field_u64, AT(read_ns), .unit = UNIT_NS,
	  .metric = METRIC_COUNTER, .width = 7 },
	OP_STATES
	{ "interval.unknown_ns", "UNKNOWN", "time of them of which no state is known, in the interval: another thread "
	  "than the one that asked was answered, or answered", get_unknown, .unit = UNIT_NS, .flags = FIELD_WIDE | FIELD_IVL,
	  .width = 7, .type = VAL_U64 },
	{ "unknown_ns", "UNKNOWN", "time of them of which no state is known: another thread than the one that asked was "
	  "answered, or answered", get_unknown, .unit = UNIT_NS, .metric = METRIC_COUNTER, .flags = FIELD_WIDE | FIELD_TOTAL,
	  .width = 7, .type = VAL_U64 },
	WHERE(op_row)
	{ "histogram", "TIME TO FIRST BYTE", "how many took how long", field_hist, OP_AT(hist), .unit = UNIT_NS,
	  .metric = METRIC_HISTOGRAM, .width = 12 },
	{ "read_histogram", "DATA READY UNTIL READ", "how long data had come and was not read", field_hist, AT(reads),
	  .unit = UNIT_NS, .metric = METRIC_HISTOGRAM, .width = 12 },
};
/* clang-format on */

static const struct table_desc exchanges_table = {
	.name = "exchanges",
	.title = "Exchanges",
	.help = "How long the first byte of an answer took on TCP connections, whatever the protocol is: of "
		"a "
		"service, from the request's last byte read to the answer's first byte written; of who asked "
		"it, from the request written to the answer read. RD…: how long data that had come waited "
		"for "
		"the program to read it. Ranked by the time of the interval.",
	.fields = exchange_fields,
	.nr_fields = ARRAY_SIZE(exchange_fields),
	.row_size = sizeof(struct exchange_row),
	.sort = "interval.total_ns",
	.sort_wide = "total_ns",
	.rows = ROWS_EXCHANGES,
	.needs = "exchanges",
};

static const struct table_desc *const tables[] = { &exchanges_table, NULL };

const struct collector exchanges_collector = { "exchanges", tables, name_exchange, NULL };
