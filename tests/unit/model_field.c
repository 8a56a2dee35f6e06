/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Values as people read them. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "base/str.h"
#include "tests/unit/model_util.h"

static const char *text(enum unit unit, struct val v)
{
	static struct str out;
	struct field f = { .unit = unit };

	str_reset(&out);
	val_text(&out, &f, &v, true);
	return str_get(&out);
}

#define U64(n) ((struct val){ .type = VAL_U64, .u = (n) })
#define I64(n) ((struct val){ .type = VAL_I64, .i = (n) })
#define F64(n) ((struct val){ .type = VAL_F64, .f = (n) })
#define STR(t) ((struct val){ .type = VAL_STR, .s = (t) })

void test_model_val_text(void)
{
	ASSERT_STR(text(UNIT_NONE, U64(UINT64_MAX)), "18446744073709551615");
	ASSERT_STR(text(UNIT_COUNT, U64(12345)), "12.3k");
	ASSERT_STR(text(UNIT_NS, U64(10 * MS)), "10.0ms");
	ASSERT_STR(text(UNIT_BYTES, U64(4096)), "4.0K");
	ASSERT_STR(text(UNIT_NONE, I64(-2)), "-2");
	ASSERT_STR(text(UNIT_NONE, I64(INT64_MIN)), "-9223372036854775808");
	ASSERT_STR(text(UNIT_NS, I64(-1500)), "-1.50us");
	ASSERT_STR(text(UNIT_NONE, F64(2.25)), "2.3");
	ASSERT_STR(text(UNIT_NONE, F64(-0.04)), "0.0");
	ASSERT_STR(text(UNIT_PCT, F64(12.34)), "12%");
	ASSERT_STR(text(UNIT_COUNT, F64(1500.7)), "1.5k");
	ASSERT_STR(text(UNIT_NONE, F64(NAN)), "-");
	ASSERT_STR(text(UNIT_NONE, (struct val){ .type = VAL_BOOL, .b = true }), "yes");
	ASSERT_STR(text(UNIT_NONE, (struct val){}), "-");
	ASSERT_STR(text(UNIT_NONE, STR("a\033[2Jb")), "a\\x1b[2Jb");
	ASSERT_STR(text(UNIT_NONE, (struct val){ .type = VAL_HIST, .hist = &(struct hist){} }), "");
}

void test_model_val_text_wall(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
	ASSERT_STR(text(UNIT_WALL, U64(1767323045123456789ull)), "03:04:05.123");
	setenv("TZ", "XYZ-2", 1); /* two hours east */
	tzset();
	ASSERT_STR(text(UNIT_WALL, U64(1767323045123456789ull)), "05:04:05.123");
	setenv("TZ", "UTC", 1);
	tzset();
}

void test_model_field_twins(void)
{
	const struct field *ivl = table_field(&operations_table, "interval.p99_ns");
	const struct field *total = table_field(&operations_table, "p99_ns");
	const struct field *pid = table_field(&operations_table, "pid");

	ASSERT(ivl && total && ivl != total);
	ASSERT(field_twin(&operations_table, ivl, true) == total);
	ASSERT(field_twin(&operations_table, ivl, false) == ivl);
	ASSERT(field_twin(&operations_table, total, false) == ivl);
	ASSERT(field_twin(&operations_table, total, true) == total);
	ASSERT(field_twin(&operations_table, pid, false) == pid);
	ASSERT(field_fits_flavour(ivl, false) && !field_fits_flavour(ivl, true));
	ASSERT(field_fits_flavour(pid, false) && field_fits_flavour(pid, true));
	ASSERT(field_fits_flavour(table_field(&operations_table, "busy_ns"), false)); /* shown in both */
}

void test_model_field_tells(void)
{
	struct thread_row t = { .members = 2 }, with = { .members = 1, .container = "web" };
	const void *rows[] = { &t, &with };
	const struct field *members = table_field(&threads_table, "members");
	const struct field *container = table_field(&threads_table, "container");

	ASSERT(field_tells(members, rows, 2, true) && !field_tells(members, rows, 2, false));
	ASSERT(!field_tells(container, rows, 1, false) && field_tells(container, rows, 2, false));
	ASSERT(field_tells(container, rows, 0, false)); /* of no rows nothing is known */
}

void test_model_field_least(void)
{
	struct field f = { .unit = UNIT_NS };
	struct val v = { .type = VAL_U64, .u = 3 * NSEC_PER_SEC, .least = true }, none = { .least = true };
	struct str text = {};

	val_text(&text, &f, &v, false);
	ASSERT_STR(text.s, ">3.00s");
	str_reset(&text);
	val_text(&text, &f, &none, false);
	ASSERT_STR(text.s, "-");
	str_free(&text);
}

void test_model_state_names(void)
{
	ASSERT_STR(hl_state_names[HL_STATE_RUNQUEUE], "runqueue");
	ASSERT_STR(hl_state_titles[HL_STATE_NETWORK], "NET");
	for (int i = 0; i < NR_HL_STATES; i++) {
		bool work = i == HL_STATE_POLL || i == HL_STATE_IDLE || i == HL_STATE_PARK ||
			    i == HL_STATE_SLEEP || i == HL_STATE_CHILD;

		ASSERT_EQ(hl_state_is_work_wait[i], work);
		ASSERT(hl_state_help[i] && *hl_state_help[i]);
	}
}
