/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Cgroups with a CPU quota: what the kernel's cpu.stat says of each, and beside it the time that hostlat
 * saw the threads in it spend. The readings are kern/cgroups.c's, what is known of them model/cgroups.c's.
 * Handed to the model by the commands.
 */
#include "probe/get.h"
#include "probe/probe.h"

#define ROW        struct cgroup_row
#define AT(member) offsetof(ROW, member)

static const struct cgroup_half *half(const struct field *f, const void *row)
{
	const ROW *r = row;

	return f->flags & FIELD_IVL ? &r->ivl : &r->total;
}

static void get_quota(const struct field *f, const void *row, struct val *out)
{
	const ROW *r = row;

	*out = (struct val){};
	if (r->quota_ns && r->period_ns)
		*out = (struct val){ .type = VAL_F64, .f = (double)r->quota_ns / (double)r->period_ns };
}

/* A figure of the kernel's, where it has it. */
static void set_known(const void *row, unsigned int what, uint64_t v, struct val *out)
{
	*out = (struct val){};
	if (((const ROW *)row)->known & what)
		val_set_u64(out, v);
}

static void get_periods(const struct field *f, const void *row, struct val *out)
{
	set_known(row, CGROUP_PERIODS, half(f, row)->periods, out);
}

static void get_throttled(const struct field *f, const void *row, struct val *out)
{
	set_known(row, CGROUP_PERIODS, half(f, row)->throttled, out);
}

static void get_throttled_pct(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){};
	if (((const ROW *)row)->known & CGROUP_PERIODS)
		val_set_pct(out, half(f, row)->throttled, half(f, row)->periods);
}

static void get_held(const struct field *f, const void *row, struct val *out)
{
	set_known(row, CGROUP_TIME, half(f, row)->throttled_ns, out);
}

static void get_usage(const struct field *f, const void *row, struct val *out)
{
	set_known(row, CGROUP_USAGE, half(f, row)->usage_ns, out);
}

/* CPUs that were used: by the kernel's word, or else by what we saw. */
static void get_used(const struct field *f, const void *row, struct val *out)
{
	const struct cgroup_half *h = half(f, row);
	uint64_t ns = ((const ROW *)row)->known & CGROUP_USAGE ? h->usage_ns : h->time[HL_STATE_CPU];

	*out = (struct val){};
	if (h->wall_ns)
		*out = (struct val){ .type = VAL_F64, .f = (double)ns / (double)h->wall_ns };
}

static void get_gone(const struct field *f, const void *row, struct val *out)
{
	*out = (struct val){ .type = VAL_BOOL, .b = ((const ROW *)row)->gone };
}

/* clang-format off */
#define BOTH(name, title, help, get, member, unit_, metric_, flags_, width_, type_)                           \
	{ "interval." name, title, help ", in the interval", get, AT(ivl.member), .unit = unit_,             \
	  .flags = FIELD_IVL | (flags_), .width = width_, .type = type_ },                                   \
	{ name, title, help ", since it was seen first", get, AT(total.member), .unit = unit_,               \
	  .metric = metric_, .flags = FIELD_TOTAL | (flags_), .width = width_, .type = type_ },

/* Time of all its threads in a state. */
#define THREADS(name, STATE, title, help)                                                                     \
	BOTH("threads." name "_ns", title, help, field_u64, time[HL_STATE_##STATE], UNIT_NS, METRIC_COUNTER, \
	     FIELD_NARROW, 6, VAL_U64)

static const struct field fields[] = {
	{ "path", "CGROUP", "its path in the hierarchy of the CPU controller", field_str, AT(path),
	  .flags = FIELD_KEY | FIELD_NARROW | FIELD_FLEX | FIELD_TAIL | FIELD_ASC, .width = 16 },
	{ "container", "CONTAINER", "container or pod that it is of", field_str, AT(container),
	  .flags = FIELD_WIDE | FIELD_RARE | FIELD_ASC, .width = 14 },
	{ "quota_cpus", "QUOTA", "CPUs that it may use; none: it has no quota any more", get_quota,
	  .unit = UNIT_CPUS, .metric = METRIC_GAUGE, .flags = FIELD_NARROW, .width = 5, .type = VAL_F64 },
	{ "period_ns", "PERIOD", "… on average over so long", field_u64_opt, AT(period_ns), .unit = UNIT_NS,
	  .flags = FIELD_WIDE, .width = 6 },
	BOTH("used_cpus", "USED", "CPUs that it used: by cpu.stat where that says so, or else what its threads ran",
	     get_used, wall_ns, UNIT_CPUS, METRIC_NONE, FIELD_NARROW | FIELD_SCREEN, 5, VAL_F64)
	BOTH("periods", "PERIODS", "periods in which it ran, by cpu.stat", get_periods, periods, UNIT_COUNT,
	     METRIC_COUNTER, FIELD_WIDE, 7, VAL_U64)
	BOTH("throttled_periods", "USED UP", "periods in which it used up its quota, by cpu.stat", get_throttled,
	     throttled, UNIT_COUNT, METRIC_COUNTER, FIELD_WIDE, 7, VAL_U64)
	BOTH("throttled_periods_pct", "THR%", "share of its periods in which it used up its quota, by cpu.stat",
	     get_throttled_pct, throttled, UNIT_PCT, METRIC_NONE, FIELD_NARROW, 5, VAL_F64)
	{ "interval.throttled_ns", "HELD", "for how long the kernel held it back in the interval, by cpu.stat: "
	  "all CPUs added up, once for each however many threads wait there", get_held, AT(ivl.throttled_ns), .unit = UNIT_NS,
	  .flags = FIELD_NARROW | FIELD_IVL | FIELD_BOTH, .width = 6, .type = VAL_U64 },
	{ "throttled_ns", "TOTAL", "the same since it was seen first", get_held, AT(total.throttled_ns),
	  .unit = UNIT_NS, .metric = METRIC_COUNTER, .flags = FIELD_NARROW | FIELD_TOTAL | FIELD_BOTH, .width = 6,
	  .type = VAL_U64 },
	BOTH("usage_ns", "CPU TIME", "CPU time that it used, by cpu.stat", get_usage, usage_ns, UNIT_NS,
	     METRIC_COUNTER, FIELD_WIDE | FIELD_RARE, 8, VAL_U64)
	THREADS("cpu", CPU, "CPU", "time that its threads, and those of cgroups in it, ran, as hostlat saw them")
	THREADS("runqueue", RUNQUEUE, "RUNQ", "time that they waited for a CPU")
	THREADS("throttled", THROTTLED, "THROT", "time that they were kept from running by a quota, each counted by itself")
	{ "gone", "GONE", "it was removed: these are its last figures that were read", get_gone, .flags = FIELD_DIM,
	  .width = 4, .type = VAL_BOOL },
};
/* clang-format on */

static const struct table_desc cgroups_table = {
	.name = "cgroups",
	.title = "Cgroups with a CPU quota",
	.help = "Which quota is used up, and for how long: HELD and THR% are the kernel's word (cpu.stat), "
		"CPU, RUNQ and "
		"THROT the time of the threads in it and below it, as hostlat saw them. Where several "
		"threads wait "
		"on one CPU, THROT counts each of them and HELD the CPU once.",
	.fields = fields,
	.nr_fields = ARRAY_SIZE(fields),
	.row_size = sizeof(ROW),
	.sort = "interval.throttled_ns",
	.sort_wide = "throttled_ns",
	.rows = ROWS_CGROUPS,
};

static const struct table_desc *const tables[] = { &cgroups_table, NULL };

const struct collector cgroups_collector = { "cgroups", tables, NULL, NULL };
