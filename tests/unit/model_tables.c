/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The columns: names, widths, and that a collector of another's needs no more than its file. */
#include <string.h>

#include "base/str.h"
#include "tests/unit/model_util.h"

static const struct table_desc *const tables[] = { &processes_table, &threads_table, &operations_table,
						   &slow_table, &blocked_table };

/* Columns that the table takes on a screen, with one space between them. The number of a
 * process or thread stands where how many of them there are stands in a group. */
static int width_of(const struct table_desc *t, unsigned int flags, bool total, bool grouped)
{
	int width = -1;

	for (size_t i = 0; i < t->nr_fields; i++) {
		const struct field *f = &t->fields[i];
		bool id = !strcmp(f->name, "pid") || !strcmp(f->name, "tid");

		if (f->flags & flags && field_fits_flavour(f, total) && (!id || !grouped) &&
		    field_tells(f, NULL, 0, grouped))
			width += f->width + 1;
	}
	return width;
}

void test_model_tables_fit(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		for (int total = 0; total < 2; total++) {
			int narrow = width_of(tables[i], FIELD_NARROW, total, false);

			ASSERT(narrow > 60 && narrow <= 80);
			ASSERT(width_of(tables[i], FIELD_NARROW, total, true) <= 80);
			ASSERT(width_of(tables[i], FIELD_NARROW | FIELD_WIDE, total, false) <= 200);
		}
}

static size_t flex_columns(const struct table_desc *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->nr_fields; i++)
		n += (t->fields[i].flags & (FIELD_FLEX | FIELD_NARROW)) == (FIELD_FLEX | FIELD_NARROW);
	return n;
}

void test_model_tables_sound(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		const struct table_desc *t = tables[i];

		ASSERT_EQ(flex_columns(t), 1);
		ASSERT(table_field(t, t->sort));
		ASSERT(!t->sort_wide || table_field(t, t->sort_wide));
		ASSERT(!t->sort_all || table_field(t, t->sort_all));
		for (size_t k = 0; k < t->nr_fields; k++) {
			const struct field *f = &t->fields[k];

			ASSERT(table_field(t, f->name) == f); /* no other has its name */
			ASSERT(*f->help && f->width >= (int)strlen(f->title));
			/* an interval's field says so in name and flag */
			ASSERT_EQ(!strncmp(f->name, FIELD_IVL_PREFIX, strlen(FIELD_IVL_PREFIX)),
				  !!(f->flags & FIELD_IVL));
		}
	}
}

/* The names of the document's version 1: other programs read them. */
void test_model_tables_json_names(void)
{
	static const struct {
		const struct table_desc *table;
		const char *names;
	} want[] = {
		{ &processes_table,
		  "pid start_ns ppid comm exe cgroup container threads time_ns interval.time_ns" },
		{ &threads_table, "pid tid comm time_ns now.state now.since_ns now.operation now.detail" },
		{ &operations_table,
		  "kind name state pid comm count errors total_ns max_ns p50_ns p90_ns p99_ns "
		  "p999_ns time_ns histogram interval.count interval.total_ns interval.p99_ns "
		  "interval.time_ns" },
		{ &slow_table,
		  "time kind name pid tid comm duration_ns time_ns result detail.kind detail.path "
		  "detail.local detail.remote woken_by.kind woken_by.pid woken_by.tid woken_by.comm" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		char names[256], *save, *name;

		ASSERT(strlen(want[i].names) < sizeof(names));
		strcpy(names, want[i].names);
		for (name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
			const struct field *f = table_field(want[i].table, name);

			test_true(f && !(f->flags & FIELD_SCREEN), name, __FILE__, __LINE__);
		}
	}
}

/* A field says before any row is there what type its values have. */
void test_model_tables_types(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct snap *s;
	size_t seen = 0;

	feed_process_in(f, 10, "db", "/a", "c");
	feed_ledger(f, 10, 10, SEC, CLOCKS([HL_STATE_CPU] = 1));
	feed_op(f, (struct feed_op){ .pid = 10, .count = 1, .ns_each = 1 });
	feed_slow(f, (struct feed_slow){ .pid = 10,
					 .tid = 10,
					 .op = HL_OP_SYSCALL,
					 .waker = HL_WAKER_THREAD,
					 .detail = HL_DETAIL_FILE,
					 .path = "/x" });
	s = feed_tick(f, SEC);
	for (size_t t = 0; t < s->nr_tables; t++) {
		const struct table_desc *d = s->tables[t].desc;

		for (size_t i = 0; i < d->nr_fields && s->tables[t].n; i++) {
			struct val v = field_get(&d->fields[i], snap_row(&s->tables[t], 0));

			if (d->fields[i].type == VAL_NONE || v.type == VAL_NONE)
				continue;
			test_eq(v.type, d->fields[i].type, d->fields[i].name, __FILE__, __LINE__);
			seen++;
		}
	}
	ASSERT(seen > 40);
	feed_free(f);
}

/* Text of one field of one row. */
static const char *text(const struct table_desc *t, const char *name, const void *row)
{
	static struct str out;
	const struct field *f = table_field(t, name);
	struct val v = field_get(f, row);

	str_reset(&out);
	val_text(&out, f, &v, true);
	return str_get(&out);
}

void test_model_tables_percent(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct proc_row *p;

	feed_ledger(f, 10, 10, SEC, CLOCKS([HL_STATE_CPU] = 100 * MS));
	p = find_proc(feed_tick(f, 0), 10);
	ASSERT_STR(text(&processes_table, "interval.cpu_pct", p), "-"); /* no interval yet: not 0 */
	feed_ledger(f, 10, 10, SEC, CLOCKS([HL_STATE_CPU] = 600 * MS));
	feed_ledger(f, 10, 11, SEC, CLOCKS([HL_STATE_CPU] = 2 * SEC, [HL_STATE_DISK] = 100 * MS));
	p = find_proc(feed_tick(f, 2 * SEC), 10);
	ASSERT_STR(text(&processes_table, "interval.cpu_pct", p), "125%"); /* two threads on two CPUs */
	ASSERT_STR(text(&processes_table, "interval.disk_pct", p), "5.0%");
	ASSERT_STR(text(&processes_table, "cpu_pct", p), "130%");
	ASSERT_STR(text(&processes_table, "interval.busy_ns", p), "2.60s");
	feed_free(f);
}

void test_model_tables_operation_text(void)
{
	struct feed *f = feed_new(NULL, NULL);
	const struct op_row *o;

	feed_op(f, (struct feed_op){ .pid = 10,
				     .nr = 1,
				     .abi = HL_ABI_IA32,
				     .op = HL_OP_SYSCALL,
				     .count = 4,
				     .ns_each = 10 * MS,
				     .errors = 1 });
	feed_tick(f, 0);
	feed_op(f, (struct feed_op){ .pid = 10,
				     .nr = 1,
				     .abi = HL_ABI_IA32,
				     .op = HL_OP_SYSCALL,
				     .count = 4,
				     .ns_each = 20 * MS });
	o = find_op(feed_tick(f, 2 * SEC), 10, 1);
	ASSERT_STR(text(&operations_table, "name", o), "exit/ia32");
	ASSERT_STR(text(&operations_table, "kind", o), "syscall");
	ASSERT_STR(text(&operations_table, "state", o), "-"); /* of a wait only */
	ASSERT_STR(text(&operations_table, "interval.per_s", o), "2");
	ASSERT_STR(text(&operations_table, "avg_ns", o), "15.0ms");
	ASSERT_STR(text(&operations_table, "interval.avg_ns", o), "20.0ms");
	ASSERT_STR(text(&operations_table, "p999_ns", o), "20.0ms");
	ASSERT_STR(text(&operations_table, "max_ns", o), "20.0ms");
	ASSERT_STR(text(&operations_table, "interval.errors", o), "0");
	o = find_op(feed_tick(f, SEC), 10, 1);
	ASSERT_STR(text(&operations_table, "interval.p99_ns", o), "-"); /* none happened */
	ASSERT_STR(text(&operations_table, "interval.avg_ns", o), "-");
	feed_free(f);
}

/* ---- a collector of somebody else's --------------------------------------------------------- */

static void get_worst(const struct field *f, const void *row, struct val *out)
{
	const struct op_row *r = row;

	*out = (struct val){ .type = VAL_U64, .u = r->max_ns };
}

static const struct field worst_fields[] = {
	{ "name", "CALL", "what was called", field_str, offsetof(struct op_row, name), .width = 12 },
	{ "worst_ns", "WORST", "the longest", get_worst, .unit = UNIT_NS, .width = 7, .type = VAL_U64 },
};
static const struct table_desc worst_table = {
	.name = "worst",
	.title = "Worst",
	.help = "the longest of each call",
	.fields = worst_fields,
	.nr_fields = ARRAY_SIZE(worst_fields),
	.row_size = sizeof(struct op_row),
	.sort = "worst_ns",
	.rows = ROWS_OPERATIONS,
};
static const struct table_desc *const worst_tables[] = { &worst_table, NULL };
static const struct collector worst_collector = { "worst", worst_tables, NULL, NULL };

void test_model_collector_of_one_line(void)
{
	static const struct collector *const cols[] = { &spine_collector, &worst_collector, NULL };
	struct feed *f = feed_new_cols(cols);
	struct query_result r;
	const struct snap *s;

	feed_op(f, (struct feed_op){ .pid = 10, .nr = 0, .count = 1, .ns_each = MS });
	feed_op(f, (struct feed_op){ .pid = 10, .nr = 1, .count = 1, .ns_each = SEC });
	s = feed_tick(f, 0);
	ASSERT_EQ(s->nr_tables, 5);
	ASSERT(snap_table(s, "worst"));
	query_run(&r, s, snap_table(s, "worst"), &(struct query){});
	ASSERT_EQ(r.n, 2);
	ASSERT_STR(text(&worst_table, "name", r.rows[0]), "write");
	ASSERT_STR(text(&worst_table, "worst_ns", r.rows[0]), "1.00s");
	query_free(&r);
	feed_free(f);
}
