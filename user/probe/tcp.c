/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * TCP, its user half: the columns of connections, of the peers that they are with, and of listeners, and the
 * names of what becomes of a connect and of what happens to a connection. The rows are the model's
 * (model/conns.c, model/peers.c); the kernel half is bpf/tcp.bpf.c. Handed to the model by the commands.
 */
#include <stdio.h>

#include "probe/peer_columns.h"
#include "probe/probe.h"

#define X(id, NAME, key) [id] = (key),
static const char *const connect_names[NR_HL_CONNECTS] = { HL_CONNECTS(X) };
static const char *const event_names[NR_HL_TCP_EVENTS] = { HL_TCP_EVENTS(X) };
static const char *const states[NR_HL_TCP_STATES] = { HL_TCP_STATES(X) };
static const char *const ends[NR_HL_ENDS] = { HL_ENDS(X) };
#undef X

static const char *name_op(unsigned int op, unsigned int abi, unsigned int nr, char *buf)
{
	if (op == HL_OP_CONNECT)
		return nr < NR_HL_CONNECTS ? connect_names[nr] : "(other)";
	if (op == HL_OP_ACCEPT) {
		snprintf(buf, MODEL_NAME_LEN, "accept queue :%u", nr);
		return buf;
	}
	if (op == HL_OP_TCP)
		return nr < NR_HL_TCP_EVENTS ? event_names[nr] : "(other)";
	return NULL;
}

/* ---- what the tables share -------------------------------------------------------------- */

static void get_flag(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){ .type = VAL_BOOL, .b = *(const bool *)((const char *)row + f->offset) };
}

/* offset: of struct conn_sums */
static void get_resent(const struct field *f, const void *row, struct val *out)
{
	const struct conn_sums *sums = (const void *)((const char *)row + f->offset);

	val_set_pct(out, sums->retransmits, sums->segments_sent);
}

/* clang-format off */
#define SUM(row, a, b, member, name, title, help, unit_, flags_)                                         \
	TWINS(offsetof(struct row, a.member), offsetof(struct row, b.member), name, title, help, field_u64, unit_, \
	      METRIC_COUNTER, flags_, 6, VAL_U64)

#define SUMS(row, a, b)                                                                                  \
	SUM(row, a, b, bytes, "bytes", "BYTES", "bytes sent and received", UNIT_BYTES, FIELD_NARROW)     \
	SUM(row, a, b, bytes_sent, "bytes_sent", "SENT", "bytes sent, with those that were sent again",  \
	    UNIT_BYTES, FIELD_WIDE)                                                                      \
	SUM(row, a, b, bytes_received, "bytes_received", "RECVD", "bytes received in order", UNIT_BYTES, \
	    FIELD_WIDE)                                                                                  \
	SUM(row, a, b, segments_sent, "segments_sent", "SEGOUT", "segments sent, with those without data", \
	    UNIT_COUNT, 0)                                                                               \
	SUM(row, a, b, segments_received, "segments_received", "SEGIN",                                  \
	    "segments received, with those without data", UNIT_COUNT, 0)                                 \
	SUM(row, a, b, retransmits, "retransmits", "RETR", "segments sent again", UNIT_COUNT, FIELD_NARROW) \
	{ "interval.retransmits_pct", "RETR%", "share of the segments that were sent again, in the interval", \
	  get_resent, offsetof(struct row, a), .unit = UNIT_PCT, .flags = FIELD_WIDE | FIELD_IVL, .width = 5, \
	  .type = VAL_F64 },                                                                             \
	{ "retransmits_pct", "RETR%", "share of the segments that were sent again", get_resent,          \
	  offsetof(struct row, b), .unit = UNIT_PCT, .metric = METRIC_GAUGE,                             \
	  .flags = FIELD_WIDE | FIELD_TOTAL, .width = 5, .type = VAL_F64 },

#define RESETS(row, a, b)                                                                                \
	SUM(row, a, b, resets_sent, "resets_sent", "RSTOUT", "times that it was thrown away from here",  \
	    UNIT_COUNT, FIELD_WIDE | FIELD_RARE)                                                         \
	SUM(row, a, b, resets_received, "resets_received", "RSTIN", "times that the peer threw it away", \
	    UNIT_COUNT, FIELD_WIDE | FIELD_RARE)                                                         \
	SUM(row, a, b, window_limited_ns, "window_limited_ns", "WINLIM", "time in which there was something to " \
	    "send, and the peer's window was closed or too small", UNIT_NS, FIELD_WIDE)

#define PORT(row)                                                                                        \
	{ "port", "PORT", "port of the service: that of the side which did not begin it", get_port,      \
	  offsetof(struct row, port), .flags = FIELD_NARROW | FIELD_ASC | FIELD_KEY, .width = 5, .type = VAL_U64 }, \
	SERVICE(offsetof(struct row, port))
/* clang-format on */

/* ---- connections ------------------------------------------------------------------------ */

#define AT(member) offsetof(struct conn_row, member)

static void get_state(const struct field *f, const void *row, struct val *out)
{
	const struct conn_row *r = row;

	val_set_str(out, r->end ? ends[r->end] : states[r->state]);
}

static void get_end(const struct field *f, const void *row, struct val *out)
{
	val_set_str(out, ends[((const struct conn_row *)row)->end]);
}

static void get_tcp_state(const struct field *f, const void *row, struct val *out)
{
	val_set_str(out, states[((const struct conn_row *)row)->state]);
}

static void get_ended(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){ .type = VAL_BOOL, .b = ((const struct conn_row *)row)->end };
}

static void get_age(const struct field *f, const void *row, struct val *out)
{
	const struct conn_row *r = row;

	val_set_if(out, r->members == 1, r->age_ns);
	out->least = r->existed;
}

/* What only an open connection has now. */
static void get_now(const struct field *f, const void *row, struct val *out)
{
	val_set_if(out, !((const struct conn_row *)row)->end, u64_at(f, row));
}

static void get_history_from(const struct field *f, const void *row, struct val *out)
{
	const struct conn_row *r = row;

	val_set_if(out, r->members == 1 && r->history_from, r->real_ns + r->history_from - r->opened_ns);
}

static void get_exchanges(const struct field *f, const void *row, struct val *out)
{
	const struct conn_row *r = row;

	val_set_if(out, r->exchanges || r->unanswered, u64_at(f, row));
}

static void get_exchange_avg(const struct field *f, const void *row, struct val *out)
{
	const struct conn_row *r = row;

	val_set_mean(out, r->exchange_ns, r->exchanges);
}

/* What is known of data that was sent again, where that is measured. */
static void get_resends(const struct field *f, const void *row, struct val *out)
{
	val_set_if(out, ((const struct conn_row *)row)->knows_resends, u64_at(f, row));
}

/* clang-format off */
#define RESENDS(get, ivl_n, n, ivl_ns, ns)                                                               \
	TWINS(ivl_n, n, "resends", "LOST", "times that data on its way was found lost, or sent again to find out: the " \
	      "oldest that was not acknowledged", get, UNIT_COUNT, METRIC_COUNTER, FIELD_WIDE | FIELD_RARE, 5, VAL_U64) \
	TWINS(ivl_ns, ns, "resend_delay_ns", "LATE", "by how much later it came: from when that data was sent first " \
	      "until it was sent for the last time", get, UNIT_NS, METRIC_COUNTER, FIELD_WIDE | FIELD_RARE, 6, VAL_U64)

static const struct field connection_fields[] = {
	{ "comm", "COMMAND", "name of the process that opened it, or of the one that accepted it and holds it; "
	  "empty: not known (yet)", field_str, AT(comm), .flags = FIELD_NARROW | FIELD_ASC, .width = 12 },
	WHO(conn_row)
	{ "cookie", "COOKIE", "the kernel's number of the socket", field_u64, AT(cookie), .flags = FIELD_KEY,
	  .width = 8 },
	{ "opened_ns", "OPENED", "when it began, or was found; ns since boot", field_u64, AT(opened_ns),
	  .unit = UNIT_BOOT, .flags = FIELD_KEY, .width = 6 },
	{ "local", "LOCAL", "own address and port", field_str, AT(local),
	  .flags = FIELD_WIDE | FIELD_TAIL | FIELD_ASC, .width = 21 },
	{ "remote", "PEER", "the peer's address and port", field_str, AT(remote),
	  .flags = FIELD_NARROW | FIELD_FLEX | FIELD_TAIL | FIELD_ASC, .width = 16 },
	{ "peer", "PEER", "its address alone", field_str, AT(peer), .flags = FIELD_SAID | FIELD_SCREEN, .width = 16 },
	{ "name", "NAME", "what the peer's address is called, by the last DNS answer with it that this process got, or "
	  "else anybody", field_str, AT(name), .flags = FIELD_WIDE | FIELD_RARE | FIELD_ASC, .width = 24 },
	{ "role", "ROLE", "opened: from here; accepted: by the peer", get_role, AT(role),
	  .flags = FIELD_WIDE | FIELD_ASC, .width = 8, .type = VAL_STR },
	PORT(conn_row)
	{ "status", "STATE", "the socket's state, or why it ended", get_state,
	  .flags = FIELD_NARROW | FIELD_SCREEN | FIELD_ASC, .width = 11, .type = VAL_STR },
	{ "state", "STATE", "the socket's state, as it was seen last", get_tcp_state, .flags = FIELD_ASC, .width = 11, .type = VAL_STR },
	{ "end", "ENDED", "why it ended; end not seen: it is gone, and why is not known", get_end, .flags = FIELD_ASC, .width = 14, .type = VAL_STR },
	{ "is_ended", "OVER", "it has ended", get_ended, .flags = FIELD_DIM | FIELD_SCREEN, .width = 4, .type = VAL_BOOL },
	{ "members", "CONNS", "connections that the row stands for", field_u64, AT(members), .unit = UNIT_COUNT,
	  .flags = FIELD_NARROW | FIELD_GROUPED, .width = 5 },
	SUMS(conn_row, ivl, total)
	RESENDS(get_resends, AT(ivl.resends), AT(total.resends), AT(ivl.resend_ns), AT(total.resend_ns))
	{ "resend_delay_max_ns", "LATEMAX", "… at most, since it was opened or found", get_resends, AT(resend_max_ns),
	  .unit = UNIT_NS, .metric = METRIC_GAUGE, .flags = FIELD_WIDE | FIELD_RARE, .width = 7, .type = VAL_U64 },
	{ "srtt_ns", "RTT", "round-trip time, smoothed by the kernel", field_u64_opt, AT(srtt_ns), .unit = UNIT_NS,
	  .metric = METRIC_GAUGE, .flags = FIELD_NARROW, .width = 6 },
	{ "rttvar_ns", "RTTVAR", "how far it mostly is from that", field_u64_opt, AT(rttvar_ns), .unit = UNIT_NS,
	  .flags = FIELD_WIDE, .width = 6 },
	{ "min_rtt_ns", "MINRTT", "the shortest round-trip time of the last minutes", field_u64_opt, AT(min_rtt_ns),
	  .unit = UNIT_NS, .flags = FIELD_WIDE, .width = 6 },
	{ "rto_ns", "RTO", "after how long without an answer it sends again", field_u64_opt, AT(rto_ns),
	  .unit = UNIT_NS, .width = 6 },
	{ "connect_ns", "CONN", "how long it took to be established, or to fail; of those opened from here",
	  field_u64_opt, AT(connect_ns), .unit = UNIT_NS, .flags = FIELD_WIDE, .width = 6 },
	{ "cwnd", "CWND", "congestion window, in segments", field_u64_opt, AT(cwnd), .unit = UNIT_COUNT,
	  .metric = METRIC_GAUGE, .flags = FIELD_WIDE, .width = 5 },
	{ "send_queue_bytes", "SENDQ", "bytes that are not acknowledged, or not sent", get_now, AT(send_queue),
	  .unit = UNIT_BYTES, .metric = METRIC_GAUGE, .flags = FIELD_NARROW, .width = 5, .type = VAL_U64 },
	{ "receive_queue_bytes", "RECVQ", "bytes that the program has not read", get_now, AT(receive_queue),
	  .unit = UNIT_BYTES, .metric = METRIC_GAUGE, .flags = FIELD_NARROW, .width = 5, .type = VAL_U64 },
	{ "send_window_bytes", "WNDOUT", "what the peer says it has room for", get_now, AT(send_window),
	  .unit = UNIT_BYTES, .width = 6, .type = VAL_U64 },
	{ "receive_window_bytes", "WNDIN", "what the peer was told that there is room for", get_now,
	  AT(receive_window), .unit = UNIT_BYTES, .width = 6, .type = VAL_U64 },
	{ "queued_ns", "QUEUED", "for how long no program has accepted it, at the last refresh", field_u64_opt,
	  AT(queued_ns), .unit = UNIT_NS, .metric = METRIC_GAUGE, .flags = FIELD_WIDE | FIELD_RARE, .width = 6 },
	{ "zero_window_ns", "ZEROWIN", "for how long the peer's window has been closed, with something to send",
	  field_u64_opt, AT(zero_window_ns), .unit = UNIT_NS, .metric = METRIC_GAUGE,
	  .flags = FIELD_WIDE | FIELD_RARE, .width = 7 },
	RESETS(conn_row, ivl, total)
	{ "buffer_limited_ns", "BUFLIM", "time in which the own send buffer was too small", field_u64,
	  AT(buffer_limited_ns), .unit = UNIT_NS, .metric = METRIC_COUNTER, .width = 6 },
	{ "busy_ns", "SENDING", "time with something to send", field_u64, AT(busy_ns), .unit = UNIT_NS,
	  .metric = METRIC_COUNTER, .width = 7 },
	{ "bytes_acked", "ACKED", "bytes that the peer acknowledged", field_u64, AT(bytes_acked),
	  .unit = UNIT_BYTES, .metric = METRIC_COUNTER, .width = 6 },
	{ "bytes_resent", "RESENT", "bytes that were sent again", field_u64, AT(bytes_resent),
	  .unit = UNIT_BYTES, .metric = METRIC_COUNTER, .width = 6 },
	{ "age_ns", "AGE", "how long it has been there, or was; on screen > says: at least", get_age,
	  .unit = UNIT_NS, .flags = FIELD_NARROW, .width = 6, .type = VAL_U64 },
	{ "time", "SINCE", "when it began, or was found", field_u64, AT(real_ns), .unit = UNIT_WALL, .width = 12 },
	{ "lower_bound", "AT LEAST", "it began before the capture, or its end was not seen", get_flag, AT(existed),
	  .width = 8, .type = VAL_BOOL },
	{ "exchanges", "EXCH", "requests on it that were answered, while exchanges were looked at", get_exchanges,
	  AT(exchanges), .unit = UNIT_COUNT, .metric = METRIC_COUNTER, .flags = FIELD_WIDE | FIELD_RARE, .width = 5,
	  .type = VAL_U64 },
	{ "exchange_avg_ns", "TTFB", "how long the first byte of an answer took, in the mean", get_exchange_avg,
	  .unit = UNIT_NS, .metric = METRIC_GAUGE, .flags = FIELD_WIDE | FIELD_RARE, .width = 6, .type = VAL_U64 },
	{ "exchange_max_ns", "TTFBMAX", "… and the longest", field_u64_opt, AT(exchange_max_ns), .unit = UNIT_NS,
	  .metric = METRIC_GAUGE, .flags = FIELD_WIDE | FIELD_RARE, .width = 7 },
	{ "unanswered", "UNANS", "requests on it that never were", get_exchanges, AT(unanswered), .unit = UNIT_COUNT,
	  .metric = METRIC_COUNTER, .flags = FIELD_WIDE | FIELD_RARE, .width = 5, .type = VAL_U64 },
	{ "history_from", "HISTORY", "since when connection_history has all that moved", get_history_from,
	  .unit = UNIT_WALL, .flags = FIELD_SAID, .width = 12, .type = VAL_U64 },
	{ "figures_age_ns", "LOOKED", "for how long nothing has moved, or nobody has looked", field_u64,
	  AT(figures_age_ns), .unit = UNIT_NS, .width = 6 },
	{ "netns", "NETNS", "inode number of the network namespace", get_id, AT(netns), .width = 10,
	  .type = VAL_U64 },
	WHERE(conn_row)
};
/* clang-format on */
#undef AT

static const struct table_desc connections_table = {
	.name = "connections",
	.title = "TCP connections",
	.help = "Every TCP connection of the host, in whatever network namespace, with the kernel's own "
		"figures; "
		"of those that have ended the last ones. Ranked by the bytes of the interval.",
	.fields = connection_fields,
	.nr_fields = ARRAY_SIZE(connection_fields),
	.row_size = sizeof(struct conn_row),
	.sort = "interval.bytes",
	.sort_wide = "bytes",
	.rows = ROWS_CONNECTIONS,
};

/* ---- their history --------------------------------------------------------------------- */

#define AT(member) offsetof(struct history_row, member)

/* What is known where exchanges were counted. */
static void get_slice_exchanges(const struct field *f, const void *row, struct val *out)
{
	val_set_if(out, ((const struct history_row *)row)->knows_exchanges, u64_at(f, row));
}

static void get_slice_answer(const struct field *f, const void *row, struct val *out)
{
	const struct history_row *r = row;

	val_set_mean(out, r->exchange_ns, r->exchanges);
}

static void get_slice_resends(const struct field *f, const void *row, struct val *out)
{
	val_set_if(out, ((const struct history_row *)row)->knows_resends, u64_at(f, row));
}

/* clang-format off */
#define FLOW(name, title, help, member, unit_, flags_)                                                   \
	{ name, title, help, field_u64, AT(member), .unit = unit_, .flags = flags_, .width = 6 },

static const struct field history_fields[] = {
	{ "time", "UNTIL", "when somebody looked", field_u64, AT(real_ns), .unit = UNIT_WALL,
	  .flags = FIELD_NARROW, .width = 12 },
	{ "end_ns", "END", "the same, ns since boot", field_u64, AT(end_ns), .unit = UNIT_BOOT, .flags = FIELD_KEY,
	  .width = 6 },
	{ "duration_ns", "FOR", "since somebody had looked before that, or since it began: of so long the figures "
	  "are. In between two rows of a connection nothing moved", field_u64, AT(duration_ns), .unit = UNIT_NS,
	  .flags = FIELD_NARROW, .width = 6 },
	{ "comm", "COMMAND", "name of the process that has the connection", field_str, AT(comm),
	  .flags = FIELD_WIDE | FIELD_ASC, .width = 12 },
	WHO(history_row)
	{ "cookie", "COOKIE", "the kernel's number of the socket", field_u64, AT(cookie), .flags = FIELD_KEY,
	  .width = 8 },
	{ "opened_ns", "OPENED", "when the connection began, or was found; ns since boot", field_u64, AT(opened_ns),
	  .unit = UNIT_BOOT, .flags = FIELD_KEY, .width = 6 },
	{ "local", "LOCAL", "own address and port", field_str, AT(local),
	  .flags = FIELD_WIDE | FIELD_TAIL | FIELD_ASC, .width = 21 },
	{ "remote", "PEER", "the peer's address and port", field_str, AT(remote),
	  .flags = FIELD_NARROW | FIELD_FLEX | FIELD_TAIL | FIELD_ASC, .width = 16 },
	{ "role", "ROLE", "opened: from here; accepted: by the peer", get_role, AT(role), .flags = FIELD_ASC,
	  .width = 8, .type = VAL_STR },
	PORT(history_row)
	FLOW("bytes_sent", "SENT", "bytes sent in that time, with those that were sent again", sums.bytes_sent,
	     UNIT_BYTES, FIELD_NARROW)
	FLOW("bytes_received", "RECVD", "bytes received in order", sums.bytes_received, UNIT_BYTES, FIELD_NARROW)
	FLOW("segments_sent", "SEGOUT", "segments sent, with those without data", sums.segments_sent, UNIT_COUNT, 0)
	FLOW("segments_received", "SEGIN", "segments received, with those without data", sums.segments_received,
	     UNIT_COUNT, 0)
	FLOW("retransmits", "RETR", "segments sent again", sums.retransmits, UNIT_COUNT, FIELD_NARROW)
	{ "resends", "LOST", "times that data was found lost that by now has come, or was sent again to find out",
	  get_slice_resends, AT(sums.resends), .unit = UNIT_COUNT, .flags = FIELD_WIDE, .width = 5, .type = VAL_U64 },
	{ "resend_delay_ns", "LATE", "by how much later that data came", get_slice_resends, AT(sums.resend_ns),
	  .unit = UNIT_NS, .flags = FIELD_WIDE, .width = 6, .type = VAL_U64 },
	{ "srtt_ns", "RTT", "round-trip time at its end, smoothed by the kernel", field_u64_opt, AT(srtt_ns),
	  .unit = UNIT_NS, .flags = FIELD_NARROW, .width = 6 },
	FLOW("window_limited_ns", "WINLIM", "time in which there was something to send, and the peer's window was "
	     "closed or too small", sums.window_limited_ns, UNIT_NS, FIELD_NARROW)
	FLOW("send_queue_bytes", "SENDQ", "bytes that were not acknowledged, or not sent, at its end", send_queue,
	     UNIT_BYTES, FIELD_WIDE)
	FLOW("receive_queue_bytes", "RECVQ", "bytes that the program had not read, at its end", receive_queue,
	     UNIT_BYTES, FIELD_WIDE)
	{ "exchanges", "EXCH", "requests on it that were answered; absent: nobody counted", get_slice_exchanges,
	  AT(exchanges), .unit = UNIT_COUNT, .flags = FIELD_WIDE | FIELD_RARE, .width = 5, .type = VAL_U64 },
	{ "exchange_avg_ns", "TTFB", "how long the first byte of their answers took, in the mean",
	  get_slice_answer, .unit = UNIT_NS, .flags = FIELD_WIDE | FIELD_RARE, .width = 6, .type = VAL_U64 },
	WHERE(history_row)
};
/* clang-format on */
#undef AT

static const struct table_desc history_table = {
	.name = "connection_history",
	.title = "History of TCP connections",
	.help = "What each connection did in each of the last 120 intervals, where anything moved: a row is "
		"from "
		"one look at its figures to the next. `history_from` of a connection says since when nothing "
		"is "
		"missing: of very many that are busy those with least traffic lose theirs. Left out of "
		"documents "
		"that come one for each interval.",
	.fields = history_fields,
	.nr_fields = ARRAY_SIZE(history_fields),
	.row_size = sizeof(struct history_row),
	.rows = ROWS_HISTORY,
	.history = true,
};

/* ---- peers -------------------------------------------------------------------------------- */

#define AT(member) offsetof(struct peer_row, member)

static void get_peer_rtt(const struct field *f, const void *row, struct val *out)
{
	const struct peer_row *r = row;

	val_set_mean(out, r->srtt_ns, r->srtts);
}

static void get_peer_resends(const struct field *f, const void *row, struct val *out)
{
	val_set_if(out, ((const struct peer_row *)row)->knows_resends, u64_at(f, row));
}

static void get_peer_resend_count(const struct field *f, const void *row, struct val *out)
{
	const struct peer_row *r = row;

	val_set_if(out, r->knows_resends, f->flags & FIELD_IVL ? r->ivl_resends.count : r->resends.count);
}

/* offset: the quantile, in thousandths */
static void get_resend_delay(const struct field *f, const void *row, struct val *out)
{
	const struct peer_row *r = row;
	const struct hist *h = f->flags & FIELD_IVL ? &r->ivl_resends : &r->resends;

	val_set_quantile(out, h, (double)f->offset / 1000, r->resend_max_ns);
}

/* offset: the quantile, in thousandths */
static void get_connect(const struct field *f, const void *row, struct val *out)
{
	const struct peer_row *r = row;
	const struct hist *h = f->flags & FIELD_IVL ? &r->ivl_connect : &r->connect;

	val_set_quantile(out, h, (double)f->offset / 1000, r->connect_max_ns);
}

/* clang-format off */
#define COUNT(member, name, title, help, flags_)                                                         \
	TWINS(AT(ivl.member), AT(total.member), name, title, help, field_u64, UNIT_COUNT, METRIC_COUNTER, \
	      flags_, 6, VAL_U64)

#define CONNECT(name, title, q, flags_)                                                                  \
	{ "interval.connect_" name "_ns", title, "of the connects of the interval so many took at most this long", \
	  get_connect, q, .unit = UNIT_NS, .flags = FIELD_IVL | (flags_), .width = 6, .type = VAL_U64 },  \
	{ "connect_" name "_ns", title, "of the connects so many took at most this long", get_connect, q, \
	  .unit = UNIT_NS, .flags = FIELD_TOTAL | (flags_), .width = 6, .type = VAL_U64 },

static const struct field peer_fields[] = {
	{ "comm", "COMMAND", "name of the process", field_str, AT(comm), .flags = FIELD_NARROW | FIELD_ASC,
	  .width = 12 },
	WHO(peer_row)
	{ "remote", "PEER", "the peer's address; (other): of several that had no row", field_str, AT(remote),
	  .flags = FIELD_KEY | FIELD_NARROW | FIELD_FLEX | FIELD_TAIL | FIELD_ASC, .width = 16 },
	{ "name", "NAME", "what that address is called, by the last DNS answer with it that this process got, or "
	  "else anybody", field_str, AT(name), .flags = FIELD_WIDE | FIELD_RARE | FIELD_ASC, .width = 24 },
	{ "role", "ROLE", "opened: from here; accepted: by the peer", get_role, AT(role),
	  .flags = FIELD_KEY | FIELD_NARROW | FIELD_ASC, .width = 8, .type = VAL_STR },
	PORT(peer_row)
	{ "members", "PEERS", "peers that the row stands for", field_u64, AT(members), .unit = UNIT_COUNT,
	  .flags = FIELD_NARROW | FIELD_GROUPED, .width = 5 },
	{ "open", "OPEN", "connections that are open now", field_u64, AT(open), .unit = UNIT_COUNT,
	  .metric = METRIC_GAUGE, .flags = FIELD_NARROW, .width = 5 },
	COUNT(opened, "opened", "NEW", "connections that came", FIELD_NARROW)
	COUNT(ended, "ended", "ENDED", "connections that ended", FIELD_WIDE)
	COUNT(failed, "failed", "FAIL", "connects that failed", FIELD_NARROW)
	COUNT(refused, "refused", "REFUSED", "… because nobody listens there", FIELD_WIDE | FIELD_RARE)
	COUNT(timed_out, "timed_out", "TIMEOUT", "… because nobody answered", FIELD_WIDE | FIELD_RARE)
	SUMS(peer_row, ivl.sums, total.sums)
	TWINS(0, 0, "resends", "LOST", "times that data on its way to it was found lost, or sent again to find out: the "
	      "oldest that was not acknowledged", get_peer_resend_count, UNIT_COUNT, METRIC_COUNTER,
	      FIELD_WIDE | FIELD_RARE, 5, VAL_U64)
	TWINS(AT(ivl_resend_ns), AT(resend_ns), "resend_delay_ns", "LATE", "by how much later it came, in all: from when "
	      "that data was sent first until it was sent for the last time", get_peer_resends, UNIT_NS, METRIC_COUNTER,
	      FIELD_WIDE | FIELD_RARE, 6, VAL_U64)
	TWINS(990, 990, "resend_delay_p99_ns", "LATE99", "… and so much later at most, of 99 % of that data",
	      get_resend_delay, UNIT_NS, METRIC_GAUGE, FIELD_WIDE | FIELD_RARE, 6, VAL_U64)
	{ "resend_delay_max_ns", "LATEMAX", "… and of all of it, since start", get_peer_resends, AT(resend_max_ns),
	  .unit = UNIT_NS, .metric = METRIC_GAUGE, .flags = FIELD_WIDE | FIELD_RARE, .width = 7, .type = VAL_U64 },
	{ "srtt_ns", "RTT", "mean of the round-trip times of those that are open", get_peer_rtt, .unit = UNIT_NS,
	  .metric = METRIC_GAUGE, .flags = FIELD_NARROW, .width = 6, .type = VAL_U64 },
	{ "min_rtt_ns", "MINRTT", "the shortest one of them", field_u64_opt, AT(min_rtt_ns), .unit = UNIT_NS,
	  .flags = FIELD_WIDE, .width = 6 },
	CONNECT("p50", "CONN50", 500, FIELD_WIDE)
	CONNECT("p99", "CONN99", 990, FIELD_NARROW)
	{ "connect_max_ns", "CONNMAX", "the longest connect since start", field_u64_opt, AT(connect_max_ns),
	  .unit = UNIT_NS, .metric = METRIC_GAUGE, .flags = FIELD_WIDE, .width = 7 },
	RESETS(peer_row, ivl.sums, total.sums)
	WHERE(peer_row)
	{ "connect_histogram", "CONNECTS", "how many connects took how long", field_hist, AT(connect),
	  .unit = UNIT_NS, .metric = METRIC_HISTOGRAM, .width = 12 },
	{ "resend_delay_histogram", "SENT AGAIN", "how much data that was sent again came how much later", field_hist,
	  AT(resends), .unit = UNIT_NS, .metric = METRIC_HISTOGRAM, .width = 12 },
};
/* clang-format on */
#undef AT

static const struct table_desc peers_table = {
	.name = "peers",
	.title = "Peers",
	.help = "The connections of each process with each address, at one port, added up: also those that "
		"have "
		"ended. How many came and ended is exact; (other) has what found no row.",
	.fields = peer_fields,
	.nr_fields = ARRAY_SIZE(peer_fields),
	.row_size = sizeof(struct peer_row),
	.sort = "interval.bytes",
	.sort_wide = "bytes",
	.rows = ROWS_PEERS,
};

/* ---- listeners ---------------------------------------------------------------------------- */

#define AT(member) offsetof(struct listen_row, member)

static void get_accept_op(const struct field *f, const void *row, struct val *out)
{
	const struct listen_row *r = row;

	val_set_str(out, r->accept_op);
}

static void get_full(const struct field *f, const void *row, struct val *out)
{
	const struct listen_row *r = row;

	val_set_pct(out, r->length, r->limit);
}

/* clang-format off */
static const struct field listener_fields[] = {
	{ "comm", "COMMAND", "name of the process that began to listen, or holds the socket", field_str, AT(comm),
	  .flags = FIELD_NARROW | FIELD_ASC, .width = 12 },
	WHO(listen_row)
	{ "cookie", "COOKIE", "the kernel's number of the socket", field_u64, AT(cookie), .flags = FIELD_KEY,
	  .width = 8 },
	{ "opened_ns", "OPENED", "when it began to listen, or was found; ns since boot", field_u64, AT(opened_ns),
	  .unit = UNIT_BOOT, .flags = FIELD_KEY, .width = 6 },
	{ "local", "LISTENS AT", "address and port", field_str, AT(local),
	  .flags = FIELD_NARROW | FIELD_FLEX | FIELD_TAIL | FIELD_ASC, .width = 21 },
	{ "port", "PORT", "the port alone", get_port, AT(port), .flags = FIELD_ASC, .width = 5, .type = VAL_U64 },
	SERVICE(AT(port))
	{ "queue", "QUEUE", "connections that are established, and that the program has not accepted yet",
	  field_u64, AT(length), .unit = UNIT_COUNT, .metric = METRIC_GAUGE, .flags = FIELD_NARROW, .width = 6 },
	{ "queue_limit", "LIMIT", "how many may be there", field_u64, AT(limit), .unit = UNIT_COUNT,
	  .metric = METRIC_GAUGE, .flags = FIELD_NARROW, .width = 6 },
	{ "queue_pct", "FULL%", "how full the queue is", get_full, .unit = UNIT_PCT, .flags = FIELD_NARROW,
	  .width = 5, .type = VAL_F64 },
	{ "oldest_wait_ns", "WAITING", "for how long the first of them has waited for the program, as it was at the "
	  "last refresh: sampled, not every one is seen", field_u64_opt, AT(oldest_wait_ns), .unit = UNIT_NS,
	  .metric = METRIC_GAUGE, .flags = FIELD_NARROW, .width = 7 },
	{ "longest_wait_ns", "LONGEST", "the longest such wait that a refresh has seen; how long every one took is "
	  "among the operations, as accept queue, while calls are traced", field_u64_opt, AT(longest_wait_ns),
	  .unit = UNIT_NS, .metric = METRIC_GAUGE, .flags = FIELD_WIDE, .width = 7 },
	{ "accept_op", "ACCEPTS", "what its operation is called", get_accept_op, AT(port),
	  .flags = FIELD_SAID | FIELD_SCREEN, .width = 18, .type = VAL_STR },
	{ "longest_queue", "MOST", "the most that were seen there at once, at refreshes", field_u64, AT(longest),
	  .unit = UNIT_COUNT, .flags = FIELD_WIDE, .width = 7 },
	{ "half_open", "SYNS", "handshakes that are not complete", field_u64, AT(half_open), .unit = UNIT_COUNT,
	  .metric = METRIC_GAUGE, .flags = FIELD_WIDE, .width = 5 },
	{ "interval.overflows", "DROPS", "connections that it turned away, for the queue was full, by the kernel's "
	  "count; in the interval", field_u64, AT(ivl_drops), .unit = UNIT_COUNT,
	  .flags = FIELD_NARROW | FIELD_IVL, .width = 6 },
	{ "overflows", "DROPS", "connections that it turned away, for the queue was full, by the kernel's count; "
	  "since start", field_u64, AT(total_drops), .unit = UNIT_COUNT,
	  .metric = METRIC_COUNTER, .flags = FIELD_NARROW | FIELD_TOTAL, .width = 6 },
	{ "drops", "EVER", "the same since it began to listen", field_u64, AT(drops), .unit = UNIT_COUNT,
	  .metric = METRIC_COUNTER, .flags = FIELD_WIDE, .width = 6 },
	{ "time", "SINCE", "when it began to listen, or was found", field_u64, AT(real_ns), .unit = UNIT_WALL,
	  .width = 12 },
	{ "lower_bound", "AT LEAST", "it listened before the capture", get_flag, AT(existed), .width = 8,
	  .type = VAL_BOOL },
	{ "ended", "OVER", "it listens no more", get_flag, AT(ended), .flags = FIELD_DIM, .width = 4,
	  .type = VAL_BOOL },
	{ "netns", "NETNS", "inode number of the network namespace", get_id, AT(netns), .width = 10,
	  .type = VAL_U64 },
	WHERE(listen_row)
};
/* clang-format on */
#undef AT

static const struct table_desc listeners_table = {
	.name = "listeners",
	.title = "Listeners",
	.help = "Sockets that wait for connections: how many wait there for the program, how many may, and "
		"how many "
		"were turned away.",
	.fields = listener_fields,
	.nr_fields = ARRAY_SIZE(listener_fields),
	.row_size = sizeof(struct listen_row),
	.sort = "interval.overflows",
	.sort_wide = "overflows",
	.rows = ROWS_LISTENERS,
};

static const struct table_desc *const tables[] = { &connections_table, &history_table, &peers_table,
						   &listeners_table, NULL };

const struct collector tcp_collector = { "tcp", tables, name_op, NULL };
