/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What holds for every document, whatever the values are. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/uni.h"
#include "export/export.h"
#include "tests/test.h"
#include "tests/unit/fixture.h"
#include "tests/unit/rec_util.h"

static void write_doc(struct str *out, const char *format, const struct snap *s, struct export_opts o)
{
	str_reset(out);
	ASSERT_EQ(exporter_find(format)->write(out, s, &o), 0);
}

static cJSON *parse(const struct str *doc)
{
	const char *end = NULL;
	cJSON *j = cJSON_ParseWithOpts(str_get(doc), &end, true);

	if (!ASSERT(j))
		printf("# does not parse at: %.40s\n", end ? end : "");
	return j;
}

static const cJSON *at(const cJSON *j, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(j, key);
}

void test_export_find(void)
{
	ASSERT(exporter_find("json") == &json_exporter);
	ASSERT(exporter_find("text") == &text_exporter);
	ASSERT(!exporter_find("yaml"));
	ASSERT(!exporter_find(""));
}

void test_export_none_is_absent(void)
{
	static const char *const absent[] = { "comm", "other_ns", "share_pct", "now", "for_people" };
	struct fixture fx;
	struct str out = {};
	const cJSON *row;
	cJSON *doc;

	fixture_init(&fx);
	write_doc(&out, "json", &fx.snap, (struct export_opts){});
	doc = parse(&out);
	row = cJSON_GetArrayItem(at(doc, "things"), 2);
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
		if (!ASSERT(!at(row, absent[i])))
			printf("# %s\n", absent[i]);
	ASSERT(cJSON_IsNumber(at(row, "total_ns"))); /* 0, and measured */
	ASSERT(!at(at(doc, "pressure"), "io"));
	ASSERT(!at(at(at(doc, "pressure"), "cpu"), "full_avg10_pct"));
	ASSERT(!at(at(doc, "self"), "bpf_ns"));
	ASSERT(!at(at(doc, "host"), "boot_id"));
	ASSERT_EQ(cJSON_GetArraySize(at(doc, "nothing")), 0);
	cJSON_Delete(doc);

	fx.snap.self.known = false;
	write_doc(&out, "json", &fx.snap, (struct export_opts){});
	ASSERT(!strstr(str_get(&out), "\"self\""));
	str_free(&out);
	fixture_free(&fx);
}

void test_export_names_nest(void)
{
	struct fixture fx;
	struct str out = {};
	const cJSON *now;
	cJSON *doc;

	fixture_init(&fx);
	write_doc(&out, "json", &fx.snap, (struct export_opts){});
	doc = parse(&out);
	now = at(cJSON_GetArrayItem(at(doc, "things"), 0), "now");
	ASSERT_STR(cJSON_GetStringValue(at(now, "state")), "cpu");
	ASSERT_EQ(at(now, "since_ns") ? at(now, "since_ns")->valuedouble : 0, 2000000);
	ASSERT_EQ(cJSON_GetArraySize(now), 2);
	cJSON_Delete(doc);
	str_free(&out);
	fixture_free(&fx);
}

void test_export_integers_are_exact(void)
{
	static const char *const formats[] = { "json", "ndjson", "csv" };
	struct fixture fx;
	struct str out = {};

	fixture_init(&fx);
	fx.rows[0].total_ns = 9007199254740993; /* the first that a double cannot hold */
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		write_doc(&out, formats[i], &fx.snap, (struct export_opts){ .table = "things" });
		ASSERT(strstr(str_get(&out), "18446744073709551615"));
		ASSERT(strstr(str_get(&out), "-9223372036854775808"));
		ASSERT(strstr(str_get(&out), "9007199254740993"));
		ASSERT(!strstr(str_get(&out), "e+"));
		ASSERT(strstr(str_get(&out), "2026-01-02T03:04:05.123456789Z"));
	}
	str_free(&out);
	fixture_free(&fx);
}

/* Valid UTF-8 without a control but the line ends, and none that could move a cursor. */
static bool harmless(const struct str *out)
{
	const char *s = str_get(out);
	uint32_t cp;

	for (size_t n = out->len, k; n; s += k, n -= k) {
		k = uni_decode(s, n, &cp);
		if (cp != '\n' && cp != '\r' && cp != '\t' && cp != 0xfffd &&
		    (cp == UNI_BAD || !uni_width(cp)))
			return false;
	}
	return strlen(str_get(out)) == out->len;
}

static size_t count_of(const struct str *out, const char *what)
{
	size_t n = 0;

	for (const char *s = str_get(out); (s = strstr(s, what)); s += strlen(what))
		n++;
	return n;
}

void test_export_hostile_names(void)
{
	struct fixture fx;
	struct str out = {};

	fixture_init(&fx);
	for (int i = 0; i < FIXTURE_ROWS; i++)
		fx.rows[i].comm = HOSTILE;
	for (size_t i = 0; all_exporters[i]; i++) {
		struct export_opts o = { .table = "things", .header = true };

		if (all_exporters[i] == &folded_exporter) /* of one table only: model_waited.c */
			continue;

		write_doc(&out, all_exporters[i]->name, &fx.snap, o);
		if (!ASSERT(harmless(&out)))
			printf("# %s\n", all_exporters[i]->name);
	}
	/* no row is forged by a newline, no cell is a formula */
	write_doc(&out, "csv", &fx.snap, (struct export_opts){ .table = "things" });
	ASSERT_EQ(count_of(&out, "\r\n"), 1 + FIXTURE_ROWS);
	ASSERT_EQ(count_of(&out, "\n"), 1 + FIXTURE_ROWS);
	ASSERT_EQ(count_of(&out, ",\"'=a"), FIXTURE_ROWS);
	write_doc(&out, "text", &fx.snap, (struct export_opts){ .table = "things" });
	ASSERT_EQ(count_of(&out, "\n"), 3 + FIXTURE_ROWS);
	/* the document may stand inside a page */
	write_doc(&out, "json", &fx.snap, (struct export_opts){});
	ASSERT(!strpbrk(str_get(&out), "<>&"));
	write_doc(&out, "ndjson", &fx.snap, (struct export_opts){});
	ASSERT_EQ(count_of(&out, "\n"), 1);
	str_free(&out);
	fixture_free(&fx);
}

void test_export_random_names(void)
{
	struct fixture fx;
	struct str out = {};
	uint64_t x = 88172645463325252ull;

	fixture_init(&fx);
	for (int round = 0; round < 3000; round++) {
		char name[24];
		cJSON *doc;

		for (size_t i = 0; i < sizeof(name) - 1; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			name[i] = (char)(x >> 32);
		}
		name[sizeof(name) - 1] = '\0';
		fx.rows[0].comm = name;
		fx.snap.tables = (struct snap_table[]){ { &fixture_table, fx.rows, 1 } };
		fx.snap.nr_tables = 1;
		write_doc(&out, "json", &fx.snap, (struct export_opts){});
		doc = parse(&out);
		cJSON_Delete(doc);
		if (!ASSERT(doc && harmless(&out)))
			break;
	}
	str_free(&out);
	fixture_free(&fx);
}

/* A field in the table is a field everywhere: there is no other place to touch. */
void test_export_new_field(void)
{
	static const struct field added = {
		.name = "added.test_bytes",
		.title = "ADDED",
		.help = "only here",
		.get = field_u64,
		.offset = offsetof(struct fixture_row, bytes),
		.flags = FIELD_WIDE,
		.width = 9,
	};
	struct field *fields = calloc(fixture_table.nr_fields + 1, sizeof(*fields));
	struct table_desc desc = fixture_table;
	const struct table_desc *const tables[] = { &desc, NULL };
	struct fixture fx;
	struct str doc[4] = {};

	fixture_init(&fx);
	memcpy(fields, fixture_table.fields, fixture_table.nr_fields * sizeof(*fields));
	fields[fixture_table.nr_fields] = added;
	desc.fields = fields;
	fx.tables[0].desc = &desc;
	fx.snap.nr_tables = 1;
	for (size_t more = 0; more < 2; more++) {
		desc.nr_fields = fixture_table.nr_fields + more;
		write_doc(&doc[0], "text", &fx.snap, (struct export_opts){});
		write_doc(&doc[1], "csv", &fx.snap, (struct export_opts){ .table = "things" });
		write_doc(&doc[2], "json", &fx.snap, (struct export_opts){});
		str_reset(&doc[3]);
		ASSERT_EQ(export_schema(&doc[3], tables), 0);
		ASSERT_EQ(count_of(&doc[0], " ADDED\n"), more);
		ASSERT_EQ(count_of(&doc[1], ",added_test_bytes\r\n1,init,"), more);
		ASSERT_EQ(count_of(&doc[2], "\"added\":{\"test_bytes\":4096}}"), more);
		ASSERT_EQ(count_of(&doc[3], "\"test_bytes\":"), more);
		ASSERT_EQ(count_of(&doc[3], "\"only here\""), more);
	}
	for (size_t i = 0; i < ARRAY_SIZE(doc); i++)
		str_free(&doc[i]);
	free(fields);
	fixture_free(&fx);
}

void test_export_histogram(void)
{
	static const struct {
		uint64_t ns;
		const char *json;
	} cases[] = {
		{ 0, "{\"scale\":3,\"zero_count\":1,\"offset\":0,\"counts\":[]}" },
		{ 256, "{\"scale\":3,\"zero_count\":1,\"offset\":0,\"counts\":[]}" },
		{ 257, "{\"scale\":3,\"zero_count\":0,\"offset\":64,\"counts\":[1]}" },
		{ 512, "{\"scale\":3,\"zero_count\":0,\"offset\":71,\"counts\":[1]}" },
		{ 513, "{\"scale\":3,\"zero_count\":0,\"offset\":72,\"counts\":[1]}" },
		{ 1ull << 38, "{\"scale\":3,\"zero_count\":0,\"offset\":303,\"counts\":[1]}" },
		{ (1ull << 38) + 1, "{\"scale\":3,\"zero_count\":0,\"offset\":304,\"counts\":[1]}" },
	};
	struct fixture fx;
	struct str out = {};

	fixture_init(&fx);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		hist_reset(&fx.rows[0].hist);
		hist_add(&fx.rows[0].hist, cases[i].ns);
		write_doc(&out, "json", &fx.snap, (struct export_opts){});
		if (!ASSERT_EQ(count_of(&out, cases[i].json), 1))
			printf("# %" PRIu64 " ns\n", cases[i].ns);
	}
	hist_reset(&fx.rows[0].hist);
	hist_add(&fx.rows[0].hist, 600);
	hist_add(&fx.rows[0].hist, 513);
	hist_add(&fx.rows[0].hist, 100);
	hist_add(&fx.rows[0].hist, 100);
	write_doc(&out, "json", &fx.snap, (struct export_opts){});
	ASSERT(strstr(str_get(&out), "{\"scale\":3,\"zero_count\":2,\"offset\":72,\"counts\":[1,1]}"));
	write_doc(&out, "csv", &fx.snap, (struct export_opts){ .table = "things" });
	ASSERT(strstr(str_get(&out), ",2,72,1 1,cpu,"));
	str_free(&out);
	fixture_free(&fx);
}

void test_export_cut_is_told(void)
{
	struct query q = { .limit = 1 };
	struct fixture fx;
	struct str out = {};
	const cJSON *cut;
	cJSON *doc;

	fixture_init(&fx);
	write_doc(&out, "json", &fx.snap, (struct export_opts){ .query = &q });
	doc = parse(&out);
	cut = at(at(doc, "cut"), "things");
	ASSERT_EQ(cJSON_GetArraySize(at(doc, "things")), 1);
	ASSERT_EQ(at(cut, "shown") ? at(cut, "shown")->valueint : 0, 1);
	ASSERT_EQ(at(cut, "matched") ? at(cut, "matched")->valueint : 0, 3);
	ASSERT(!at(at(doc, "cut"), "nothing"));
	cJSON_Delete(doc);
	write_doc(&out, "text", &fx.snap, (struct export_opts){ .query = &q });
	ASSERT(strstr(str_get(&out), "Things: 1 of 3 rows"));
	q.filter = "init";
	write_doc(&out, "text", &fx.snap, (struct export_opts){ .query = &q });
	ASSERT(strstr(str_get(&out), "Things: 1 row by interval.total_ns (2 more: filtered or idle)\n"));
	str_free(&out);
	fixture_free(&fx);
}

/* Of the last interval and since start: text shows what ranks, documents have both. */
void test_export_twins(void)
{
	struct query q = {};
	struct fixture fx;
	struct str out = {};

	fixture_init(&fx);
	write_doc(&out, "text", &fx.snap, (struct export_opts){ .query = &q, .table = "things" });
	ASSERT(strstr(str_get(&out), " LATELY ") && !strstr(str_get(&out), " TOTAL "));
	ASSERT(strstr(str_get(&out), "Things: 3 rows by interval.total_ns\n"));
	q.total = true;
	write_doc(&out, "text", &fx.snap, (struct export_opts){ .query = &q, .table = "things" });
	ASSERT(!strstr(str_get(&out), " LATELY ") && strstr(str_get(&out), " TOTAL "));
	ASSERT(strstr(str_get(&out), "Things: 3 rows by total_ns\n"));
	q.sort = "interval.total_ns";
	write_doc(&out, "text", &fx.snap, (struct export_opts){ .query = &q, .table = "things" });
	ASSERT(strstr(str_get(&out), "Things: 3 rows by total_ns\n"));
	/* a name of some other table */
	q.sort = "no_such_ns";
	write_doc(&out, "text", &fx.snap, (struct export_opts){ .query = &q, .table = "things" });
	ASSERT(strstr(str_get(&out), "Things: 3 rows by total_ns\n"));
	write_doc(&out, "json", &fx.snap, (struct export_opts){ .query = &q, .table = "things" });
	ASSERT(strstr(str_get(&out), "\"total_ns\":12345678,"));
	ASSERT(strstr(str_get(&out), "\"interval\":{\"total_ns\":5}"));
	str_free(&out);
	fixture_free(&fx);
}

void test_export_unknown_table(void)
{
	struct export_opts o = { .table = "no such" };
	struct fixture fx;
	struct str out = {};
	struct heard heard;

	fixture_init(&fx);
	for (size_t i = 0; all_exporters[i]; i++) {
		heard_begin(&heard);
		ASSERT_EQ(all_exporters[i]->write(&out, &fx.snap, &o), -ENOENT);
		heard_end();
		ASSERT_EQ(heard.lines, 1);
		ASSERT_EQ(out.len, 0);
	}
	str_free(&out);
	fixture_free(&fx);
}

/* Whatever the width, no line is wider and none ends in a blank. */
void test_export_text_width(void)
{
	struct query q = { .filter = "init", .limit = 1 };
	struct fixture fx;
	struct str out = {};

	fixture_init(&fx);
	for (int width = 38; width <= 260; width++) {
		write_doc(&out, "text", &fx.snap,
			  (struct export_opts){
				  .header = true, .width = width, .query = width & 1 ? &q : NULL });
		for (char *s = out.s, *end; (end = strchr(s, '\n')); s = end + 1)
			if (!ASSERT(str_width(s, (size_t)(end - s)) <= width) ||
			    !ASSERT(end == s || end[-1] != ' ')) {
				printf("# width %d: %.*s|\n", width, (int)(end - s), s);
				width = 1000;
				break;
			}
	}
	str_free(&out);
	fixture_free(&fx);
}

/* What is cut gets the room that others do not need, before anything else is cut. */
void test_export_text_room(void)
{
	struct fixture fx;
	struct str out = {};

	fixture_init(&fx);
	for (int i = 0; i < FIXTURE_ROWS; i++)
		fx.rows[i].pid = 1 + i;
	fx.rows[1].comm = "a-name-that-takes-thirty-columns";
	write_doc(&out, "text", &fx.snap, (struct export_opts){ .table = "things", .width = 78 });
	ASSERT(strstr(str_get(&out), " a-name-that-… "));
	write_doc(&out, "text", &fx.snap,
		  (struct export_opts){ .table = "things", .width = 78, .ascii = true });
	ASSERT(strstr(str_get(&out), " a-name-that-~ "));
	write_doc(&out, "text", &fx.snap, (struct export_opts){ .table = "things", .width = 250 });
	ASSERT(strstr(str_get(&out), " a-name-that-takes-thirty-columns "));
	ASSERT(strstr(str_get(&out), " disk 0.3% cpu 0.1% poll 100% "));
	str_free(&out);
	fixture_free(&fx);
}

void test_export_without_argv(void)
{
	struct fixture fx;
	struct str out = {};

	fixture_init(&fx);
	write_doc(&out, "json", &fx.snap, (struct export_opts){ .without_argv = true });
	ASSERT(!strstr(str_get(&out), "\"argv\""));
	ASSERT(strstr(str_get(&out), "\"filters\""));
	write_doc(&out, "json", &fx.snap, (struct export_opts){});
	ASSERT(strstr(str_get(&out), "\"argv\":[\"hostlat\",\"top\",\"-c\","));
	str_free(&out);
	fixture_free(&fx);
}
