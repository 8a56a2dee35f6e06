/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Whole documents of the fixture against files. */
#include "export/export.h"
#include "tests/test.h"
#include "tests/unit/fixture.h"

static void golden(const char *format, struct export_opts o, const char *file)
{
	const struct exporter *e = exporter_find(format);
	struct fixture fx;
	struct str out = {};

	fixture_init(&fx);
	if (ASSERT(e) && ASSERT_EQ(e->write(&out, &fx.snap, &o), 0))
		ASSERT_GOLDEN(str_get(&out), file);
	str_free(&out);
	fixture_free(&fx);
}

void test_export_golden_json(void)
{
	golden("json", (struct export_opts){}, "export_things.json");
}

void test_export_golden_ndjson(void)
{
	golden("ndjson", (struct export_opts){ .without_argv = true }, "export_things.ndjson");
}

void test_export_golden_csv(void)
{
	golden("csv", (struct export_opts){ .table = "things" }, "export_things.csv");
}

void test_export_golden_text(void)
{
	golden("text", (struct export_opts){ .header = true }, "export_things.txt");
}

void test_export_golden_text_80(void)
{
	struct query q = { .limit = 2 };

	golden("text", (struct export_opts){ .header = true, .width = 80, .query = &q },
	       "export_things_80.txt");
}

void test_export_golden_text_ascii_40(void)
{
	golden("text", (struct export_opts){ .header = true, .ascii = true, .width = 40 },
	       "export_things_40.txt");
}

void test_export_golden_schema(void)
{
	struct str out = {};

	if (ASSERT_EQ(export_schema(&out, fixture_tables), 0))
		ASSERT_GOLDEN(str_get(&out), "export_things.schema.json");
	str_free(&out);
}
