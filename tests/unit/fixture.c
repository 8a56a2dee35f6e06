/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The snapshot of fixture.h. */
#include "tests/unit/fixture.h"

#define MEMBER(m) .offset = offsetof(struct fixture_row, m)

static void get_share(const struct field *f, const void *row, struct val *out)
{
	const struct fixture_row *r = row;

	*out = (struct val){ .type = VAL_F64, .f = r->share_pct };
}

static void get_running(const struct field *f, const void *row, struct val *out)
{
	const struct fixture_row *r = row;

	*out = (struct val){ .type = VAL_BOOL, .b = r->running };
}

static void get_result(const struct field *f, const void *row, struct val *out)
{
	const struct fixture_row *r = row;

	*out = (struct val){ .type = VAL_I64, .i = r->result };
}

static const struct field fields[] = {
	{ "pid", "PID", "process", field_u32, MEMBER(pid), UNIT_NONE, METRIC_NONE, FIELD_KEY | FIELD_NARROW,
	  7 },
	{ "comm", "COMMAND", "name of the process", field_str, MEMBER(comm),
	  .flags = FIELD_NARROW | FIELD_FLEX, .width = 12 },
	{ "total_ns", "TOTAL", "time in all", field_u64, MEMBER(total_ns), UNIT_NS, METRIC_COUNTER,
	  FIELD_NARROW | FIELD_TOTAL, 7 },
	{ "interval.total_ns", "LATELY", "time in all, of late", field_u64, MEMBER(ivl_ns), UNIT_NS,
	  METRIC_NONE, FIELD_NARROW | FIELD_IVL, 7 },
	{ "other_ns", "OTHER", "time elsewhere", field_u64_opt, MEMBER(other_ns), UNIT_NS, METRIC_COUNTER,
	  FIELD_NARROW, 7 },
	{ "share_pct", "SHARE", "share of a CPU", get_share, .unit = UNIT_PCT, .flags = FIELD_NARROW,
	  .width = 6 },
	{ "bytes", "BYTES", "bytes moved", field_u64, MEMBER(bytes), UNIT_BYTES, METRIC_COUNTER, FIELD_WIDE,
	  7 },
	{ "running", "RUNS", "whether it runs now", get_running, .flags = FIELD_WIDE, .width = 4,
	  .type = VAL_BOOL },
	{ "result", "RESULT", "what it returned", get_result, .flags = FIELD_WIDE, .width = 6,
	  .type = VAL_I64 },
	{ "untold", "UNTOLD", "nobody says what this is", get_result, .width = 6 },
	{ "started", "STARTED", "when it began", field_u64, MEMBER(started), UNIT_WALL, .width = 12 },
	{ "time_ns", "STATES", "time by state", field_states, MEMBER(time), UNIT_NS, METRIC_COUNTER,
	  FIELD_NARROW, 24 },
	{ "histogram", "", "durations", field_hist, MEMBER(hist), UNIT_NS, METRIC_HISTOGRAM, FIELD_WIDE, 4 },
	{ "now.state", "NOW", "what it does now", field_state_name, MEMBER(now_state), .flags = FIELD_NARROW,
	  .width = 8 },
	{ "now.since_ns", "FOR", "for how long", field_u64_opt, MEMBER(now_since_ns), UNIT_NS, METRIC_GAUGE,
	  FIELD_NARROW, 7 },
	{ "for_people", "PEOPLE", "not for documents", field_u32, MEMBER(pid),
	  .flags = FIELD_SCREEN | FIELD_WIDE, .width = 7 },
};

const struct table_desc fixture_table = {
	.name = "things",
	.title = "Things",
	.help = "Things of a test.",
	.fields = fields,
	.nr_fields = ARRAY_SIZE(fields),
	.row_size = sizeof(struct fixture_row),
	.sort = "interval.total_ns",
	.sort_wide = "total_ns",
};

static const struct table_desc nothing_table = {
	.name = "nothing",
	.title = "Nothing",
	.help = "No rows.",
	.fields = fields,
	.nr_fields = ARRAY_SIZE(fields),
	.row_size = sizeof(struct fixture_row),
};

const struct table_desc *const fixture_tables[] = { &fixture_table, &nothing_table, NULL };

static const struct snap_collector collectors[] = {
	{ "waits", "", HL_COLLECTOR_ON },
	{ "calls", "not asked for", HL_COLLECTOR_OFF },
	{ HOSTILE, HOSTILE, HL_COLLECTOR_UNAVAILABLE },
};

static const struct snap_acct acct[] = {
	{ .class_id = HL_CLASS_WAITS,
	  .seen = UINT64_MAX,
	  .delivered = UINT64_MAX - 10,
	  .lost = 10,
	  .lost_by = { [HL_LOSS_RING_FULL] = 7, [HL_LOSS_CLOCK] = 3 },
	  .ivl_seen = 5,
	  .ivl_lost = 1 },
	{ .class_id = HL_CLASS_SLOW, .seen = 12, .delivered = 14, .unaccounted = -2 },
};

static const char *const argv[] = { "hostlat", "top", "-c", HOSTILE, NULL };
static const char *const filters[] = { "command " HOSTILE, NULL };

static void fill_rows(struct fixture_row *rows)
{
	static const uint64_t durations[] = { 0, 256, 257, 10000000, 10000001, 1ull << 38, UINT64_MAX };

	rows[0] = (struct fixture_row){
		.pid = 1,
		.comm = "init",
		.total_ns = 12345678,
		.ivl_ns = 5,
		.bytes = 4096,
		.started = 1767323045123456789,
		.share_pct = 12.5,
		.running = true,
		.time = { [HL_STATE_CPU] = 1, [HL_STATE_DISK] = 3, [HL_STATE_POLL] = 996 },
		.now_state = HL_STATE_CPU,
		.now_since_ns = 2000000,
	};
	rows[1] = (struct fixture_row){
		.pid = UINT32_MAX,
		.comm = HOSTILE,
		.total_ns = UINT64_MAX,
		.bytes = UINT64_MAX,
		.started = UINT64_MAX,
		.other_ns = UINT64_MAX,
		.share_pct = 0.1,
		.result = INT64_MIN,
		.now_state = HL_STATE_DISK,
		.now_since_ns = UINT64_MAX,
	};
	for (int i = 0; i < NR_HL_STATES; i++)
		rows[1].time[i] = UINT64_MAX - (uint64_t)i;
	for (size_t i = 0; i < ARRAY_SIZE(durations); i++)
		hist_add(&rows[1].hist, durations[i]);
	/* a row of which next to nothing is known */
	rows[2] = (struct fixture_row){
		.pid = 3, .share_pct = __builtin_nan(""), .result = -11, .now_state = 0xff
	};
}

void fixture_init(struct fixture *fx)
{
	*fx = (struct fixture){};
	fill_rows(fx->rows);
	fx->tables[0] = (struct snap_table){ &fixture_table, fx->rows, FIXTURE_ROWS };
	fx->tables[1] = (struct snap_table){ &nothing_table, NULL, 0 };
	fx->snap = (struct snap){
		.hostname = HOSTILE,
		.kernel = "6.1.0-test",
		.arch = "x86_64",
		.tool_version = "0.1.0",
		.cpus = 4,
		.argv = argv,
		.filters = filters,
		.slow_ns = 10 * NSEC_PER_MSEC,
		.real_started = 1767323045000000000,
		.real_now = 1767323057000000001,
		.duration_ns = 12 * NSEC_PER_SEC + 1,
		.interval_ns = NSEC_PER_SEC,
		.seq = 12,
		.total = { [HL_STATE_CPU] = 8000, [HL_STATE_DISK] = 2000, [HL_STATE_PARK] = 90000 },
		.ivl = { [HL_STATE_CPU] = UINT64_MAX },
		.kthread_total = { [HL_STATE_IDLE] = 7 },
		.nr_processes = 3,
		.nr_threads = 7,
		.psi = { { true, 1.25, -1 }, {}, { true, 0, 0 } },
		.self = { .known = true,
			  .cpu_ns = 40000000,
			  .rss_bytes = 12582912,
			  .map_bytes = 4194304,
			  .cpu_pct = 0.4 },
		.collectors = collectors,
		.nr_collectors = ARRAY_SIZE(collectors),
		.acct = acct,
		.nr_acct = ARRAY_SIZE(acct),
		.tables = fx->tables,
		.nr_tables = 2,
	};
}

void fixture_free(struct fixture *fx)
{
	for (int i = 0; i < FIXTURE_ROWS; i++)
		hist_free(&fx->rows[i].hist);
}
