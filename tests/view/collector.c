/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * A collector of a test's own that adds one field, in one line, to a table of the program:
 * the field is then on the screen, in text, JSON, CSV, schema and help, and rows are ranked
 * and found by it. Nothing but that line knows of it.
 */
#include <stdlib.h>

#include "export/export.h"
#include "tests/test.h"
#include "tests/unit/model_util.h"
#include "tests/view/fixture.h"

static void get_answer(const struct field *f, const void *row, struct val *out)
{
	const struct proc_row *r = row;

	*out = (struct val){ .type = VAL_U64, .u = r->pid * 1000003ull };
}

/* The line. */
static const struct field added = { "answer_ns", "ANSWER",        "what a test says",
				    get_answer,  .unit = UNIT_NS, .flags = FIELD_NARROW,
				    .width = 8,  .type = VAL_U64 };

/* The table that people look at first, with that line. */
struct extended {
	struct field fields[128];
	struct table_desc table;
	const struct table_desc *tables[2];
	struct collector collector;
	const struct collector *cols[2];
};

static void extend(struct extended *x)
{
	size_t n = processes_table.nr_fields;

	memset(x, 0, sizeof(*x));
	if (!ASSERT(n < ARRAY_SIZE(x->fields)))
		return;
	memcpy(x->fields, processes_table.fields, n * sizeof(x->fields[0]));
	/* behind the first columns: what does not fit on a screen is cut from the right */
	memmove(x->fields + 6, x->fields + 5, (n - 5) * sizeof(x->fields[0]));
	x->fields[5] = added;
	x->table = processes_table;
	x->table.fields = x->fields;
	x->table.nr_fields = n + 1;
	x->tables[0] = &x->table;
	x->collector = (struct collector){ "test", x->tables, NULL, NULL };
	x->cols[0] = &x->collector;
}

static const struct snap *fed(struct feed *f)
{
	for (uint32_t pid = 11; pid <= 13; pid++) {
		feed_process(f, pid, pid == 12 ? "twelve" : "other", 0);
		feed_thread(f, pid, pid, "thread");
		feed_ledger(f, pid, pid, 0, CLOCKS([HL_STATE_CPU] = MS * pid));
	}
	return feed_tick(f, SEC);
}

static bool in_document(const struct snap *s, const char *format, const char *what)
{
	struct export_opts o = { .table = "processes" };
	struct str out = {};
	bool found;

	ASSERT_EQ(exporter_find(format)->write(&out, s, &o), 0);
	found = strstr(str_get(&out), what);
	str_free(&out);
	return found;
}

void test_view_collector_of_one_line_exports(void)
{
	struct extended x;
	struct str schema = {};
	struct feed *f;
	const struct snap *s;

	extend(&x);
	f = feed_new_cols(x.cols);
	s = fed(f);
	ASSERT(in_document(s, "text", " ANSWER "));
	ASSERT(in_document(s, "text", " 12.0ms "));
	ASSERT(in_document(s, "json", "\"answer_ns\":12000036"));
	ASSERT(in_document(s, "ndjson", "\"answer_ns\":12000036"));
	ASSERT(in_document(s, "csv", ",answer_ns,"));
	ASSERT(in_document(s, "csv", ",12000036,"));
	ASSERT_EQ(export_schema(&schema, x.tables), 0);
	ASSERT(strstr(str_get(&schema), "\"answer_ns\""));
	ASSERT(strstr(str_get(&schema), "what a test says"));
	str_free(&schema);
	feed_free(f);
}

void test_view_collector_of_one_line_screen(void)
{
	static const struct app_cfg cfg = { .theme = { true, 256 },
					    .interval_ns = NSEC_PER_SEC,
					    .sort = "answer_ns" };
	struct extended x;
	struct screen_test t;
	struct feed *f;

	extend(&x);
	f = feed_new_cols(x.cols);
	screen_begin(&t, 100, 40, &cfg);
	app_snap(t.app, fed(f));
	ASSERT(screen_has(&t, "ANSWER"));
	ASSERT(screen_has(&t, " 12.0ms"));
	/* it ranks: the largest on top */
	ASSERT(screen_line(&t, " 13.0ms") < screen_line(&t, " 12.0ms"));
	ASSERT(screen_line(&t, " 12.0ms") < screen_line(&t, " 11.0ms"));
	screen_type(&t, "?");
	for (int i = 0; i < 20 && !screen_has(&t, "what a test says [answer_ns]"); i++)
		screen_type(&t, "^D");
	ASSERT(screen_has(&t, "what a test says [answer_ns]"));
	screen_end(&t);
	feed_free(f);
}
