/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Documents of the real model and the real tables, from records. */
#include <stdlib.h>
#include <time.h>

#include "export/export.h"
#include "probe/probe.h"
#include "tests/test.h"
#include "tests/unit/fixture_rec.h"

/* The model after all records of the fixture. */
static struct model *fed_model(void)
{
	struct model *m = model_new(all_collectors, NULL, NULL);
	struct recbuf b = {};

	for (unsigned int i = 0; i < FIXTURE_TICKS; i++)
		fixture_records(&b, i);
	for (size_t at = 0; at < b.len;) {
		const struct hl_rec *rec = (const struct hl_rec *)(b.buf + at);

		if (!ASSERT(rec_check(rec, b.len - at) == (int)rec->size))
			break;
		ASSERT_EQ(model_apply(m, rec), 0);
		at += rec->size;
	}
	recbuf_free(&b);
	return m;
}

static void write_doc(struct str *out, const char *format, struct export_opts o)
{
	struct model *m = fed_model();
	const struct snap *s = model_snap(m);

	str_reset(out);
	if (ASSERT(s))
		ASSERT_EQ(exporter_find(format)->write(out, s, &o), 0);
	snap_put(s);
	model_free(m);
}

static void golden(const char *format, struct export_opts o, const char *file)
{
	struct str out = {};

	setenv("TZ", "UTC", 1); /* text has the local time of day */
	tzset();
	write_doc(&out, format, o);
	ASSERT_GOLDEN(str_get(&out), file);
	str_free(&out);
}

void test_export_model_json(void)
{
	golden("json", (struct export_opts){}, "export_host.json");
}

void test_export_model_csv(void)
{
	golden("csv", (struct export_opts){ .table = "operations" }, "export_host.csv");
}

void test_export_model_text_80(void)
{
	struct query q = { .limit = 2 };

	golden("text", (struct export_opts){ .header = true, .width = 80, .query = &q },
	       "export_host_80.txt");
}

void test_export_model_text_wide(void)
{
	struct query q = { .total = true, .show_work_waits = true, .show_kthreads = true };

	golden("text", (struct export_opts){ .header = true, .ascii = true, .query = &q }, "export_host.txt");
}

/* All tables of the program, in the order of the views. */
static void all_tables(const struct table_desc **tables, size_t max)
{
	size_t n = 0;

	for (size_t c = 0; all_collectors[c]; c++)
		for (size_t t = 0; all_collectors[c]->tables && all_collectors[c]->tables[t] && n + 1 < max;
		     t++)
			tables[n++] = all_collectors[c]->tables[t];
	tables[n] = NULL;
}

void test_export_model_schema(void)
{
	const struct table_desc *tables[64];
	struct str out = {};

	all_tables(tables, ARRAY_SIZE(tables));
	if (ASSERT_EQ(export_schema(&out, tables), 0))
		ASSERT_GOLDEN(str_get(&out), "export_host.schema.json");
	/* a field whose get nobody knows has to say its type */
	ASSERT(!strstr(str_get(&out), "[\"boolean\", \"number\", \"string\"]"));
	str_free(&out);
}

void test_export_model_same_bytes(void)
{
	struct str a = {}, b = {};

	write_doc(&a, "json", (struct export_opts){});
	write_doc(&b, "json", (struct export_opts){});
	ASSERT(a.len > 1000);
	ASSERT_STR(str_get(&a), str_get(&b));
	str_free(&a);
	str_free(&b);
}
