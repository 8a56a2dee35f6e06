/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Numbers to text and back, clocks. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/fmt.h"
#include "tests/test.h"

void test_fmt_ns(void)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{ 0, "0ns" },
		{ 812, "812ns" },
		{ 999, "999ns" },
		{ 1000, "1.00us" },
		{ 9994, "9.99us" },
		{ 9995, "10.0us" },
		{ 41200, "41.2us" },
		{ 99949, "99.9us" },
		{ 99950, "100us" },
		{ 999499, "999us" },
		{ 999500, "1.00ms" },
		{ 10000000, "10.0ms" },
		{ 999500000, "1.00s" },
		{ 3210000000, "3.21s" },
		{ 59949999999, "59.9s" },
		{ 59950000000, "1m00s" },
		{ 723000000000, "12m03s" },
		{ 3599499999999, "59m59s" },
		{ 3599500000000, "1h00m" },
		{ 15120000000000, "4h12m" },
		{ 86369999999999, "23h59m" },
		{ 86370000000000, "1d00h" },
		{ 273600000000000, "3d04h" },
		{ 99 * 86400000000000 + 23 * 3600000000000, "99d23h" },
		{ 100 * 86400000000000, "100d" },
		{ UINT64_MAX, "213503d" },
	};
	char buf[FMT_LEN];

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		ASSERT_STR(fmt_ns(buf, rows[i].ns), rows[i].text);
}

void test_fmt_count_and_bytes(void)
{
	static const struct {
		uint64_t n;
		const char *count, *bytes;
	} rows[] = {
		{ 0, "0", "0B" },
		{ 512, "512", "512B" },
		{ 999, "999", "999B" },
		{ 1023, "1.02k", "1023B" },
		{ 1024, "1.02k", "1.0K" },
		{ 4096, "4.1k", "4.0K" },
		{ 12345, "12.3k", "12.1K" },
		{ 123456, "123k", "121K" },
		{ 999499, "999k", "976K" },
		{ 999500, "1.0M", "976K" },
		{ 1048051, "1.05M", "1023K" },
		{ 1048064, "1.05M", "1.0M" },
		{ 4560000, "4.56M", "4.3M" },
		{ 64172851, "64.2M", "61.2M" },
		{ 7800000000, "7.8G", "7.3G" },
		{ UINT64_MAX, "18.4E", "16.0E" },
	};
	char buf[FMT_LEN];

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		ASSERT_STR(fmt_count(buf, rows[i].n), rows[i].count);
		ASSERT_STR(fmt_bytes(buf, rows[i].n), rows[i].bytes);
	}
}

void test_fmt_pct(void)
{
	static const struct {
		double pct;
		const char *text;
	} rows[] = {
		{ 0, "0%" },         { 0.3, "0.3%" },   { 0.01, "0.0%" },       { 9.94, "9.9%" },
		{ 9.96, "10%" },     { 12.4, "12%" },   { 99.4, "99%" },        { 100, "100%" },
		{ -3.21, "-3.2%" },  { -250, "-250%" }, { 9999.4, "9999%" },    { 9999.5, ">9999%" },
		{ 1e300, ">9999%" }, { NAN, "-" },      { INFINITY, ">9999%" }, { -INFINITY, "->9999%" },
	};
	char buf[FMT_LEN];

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		ASSERT_STR(fmt_pct(buf, rows[i].pct), rows[i].text);
}

/* At most 7 columns, and a number that is read back is within what three digits say. */
void test_fmt_is_short_and_readable(void)
{
	uint64_t x = 1, back;
	char buf[FMT_LEN];

	for (int i = 0; i < 3000; i++) {
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		uint64_t v = x >> (i % 64);

		ASSERT(strlen(fmt_ns(buf, v)) <= 7);
		if (ASSERT_EQ(parse_duration(buf, &back), 0))
			ASSERT(llabs((long long)(back - v)) <= (long long)(v / 24));
		ASSERT(strlen(fmt_bytes(buf, v)) <= 7);
		if (v < 1ull << 62 && ASSERT_EQ(parse_size(buf, &back), 0))
			ASSERT(llabs((long long)(back - v)) <= (long long)(v / 18));
		ASSERT(strlen(fmt_count(buf, v)) <= 7);
	}
}

void test_parse_duration(void)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{ "250us", 250000 },
		{ "10ms", 10000000 },
		{ "2s", 2000000000 },
		{ "1.5s", 1500000000 },
		{ "3m", 180000000000 },
		{ "1h", 3600000000000 },
		{ "2d", 172800000000000 },
		{ "0ms", 0 },
		{ "7ns", 7 },
		{ "0.000000001s", 1 },
		{ "0.0005us", 0 },
		{ "1.9999999999s", 1999999999 },
		{ "12m03s", 723000000000 },
		{ "1h0.5s", 3600500000000 },
		{ "18446744073709551615ns", UINT64_MAX },
	};
	static const char *const bad[] = {
		"",        "10",    "0",         "ms",
		"-1ms",    "+1ms",  " 1ms",      "1 ms",
		"1ms ",    "1.ms",  ".5s",       "1e3s",
		"1msx",    "1ms1s", "1s1s",      "1s2",
		"0x1s",    "1sec",  "1.2.3s",    "18446744073709551616ns",
		"213504d", "1,5s",  "\xc2\xb5s", "99999999999999999999s",
	};
	uint64_t ns;

	for (unsigned int i = 0; i < ARRAY_SIZE(good); i++) {
		ns = 1234;
		ASSERT_EQ(parse_duration(good[i].text, &ns), 0);
		ASSERT_EQ(ns, good[i].ns);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		if (!ASSERT(parse_duration(bad[i], &ns) < 0))
			printf("# taken: %s\n", bad[i]);
}

void test_parse_size(void)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "64M", 64 << 20 },    { "4K", 4096 },   { "4k", 4096 },
		{ "1G", 1 << 30 },      { "123", 123 },   { "0", 0 },
		{ "512B", 512 },        { "1.5K", 1536 }, { "2T", 2ull << 40 },
		{ "15E", 15ull << 60 },
	};
	static const char *const bad[] = {
		"", "M", "-1", "64MB", "64MiB", "1 K", "16E", "1.K", "0x10", "64m"
	};
	uint64_t bytes;

	for (unsigned int i = 0; i < ARRAY_SIZE(good); i++) {
		ASSERT_EQ(parse_size(good[i].text, &bytes), 0);
		ASSERT_EQ(bytes, good[i].bytes);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		if (!ASSERT(parse_size(bad[i], &bytes) < 0))
			printf("# taken: %s\n", bad[i]);
}

void test_clock_rfc3339(void)
{
	char buf[RFC3339_LEN];

	ASSERT_STR(clock_rfc3339(buf, 0), "1970-01-01T00:00:00.000000000Z");
	ASSERT_STR(clock_rfc3339(buf, 1767323045123456789ull), "2026-01-02T03:04:05.123456789Z");
	ASSERT_STR(clock_rfc3339(buf, 951782400000000001ull), "2000-02-29T00:00:00.000000001Z");
	ASSERT_STR(clock_rfc3339(buf, UINT64_MAX), "2554-07-21T23:34:33.709551615Z");
}

void test_clocks_run(void)
{
	struct timespec nap = { 0, 2000000 };
	uint64_t mono = clock_mono_ns(), boot = clock_boot_ns(), cpu = clock_cpu_ns();

	ASSERT(boot >= mono);
	nanosleep(&nap, NULL);
	ASSERT(clock_boot_ns() - boot >= 2000000);
	ASSERT(clock_mono_ns() - mono >= 2000000);
	ASSERT(clock_cpu_ns() - cpu < clock_mono_ns() - mono);
	ASSERT(clock_real_ns() / NSEC_PER_SEC - (uint64_t)time(NULL) <= 1);
}

void test_fmt_cpus(void)
{
	static const struct {
		double cpus;
		const char *text;
	} rows[] = {
		{ 0, "0.00" },   { 0.05, "0.05" },  { 0.004, "0.00" },   { 0.999, "1.00" },
		{ 1.5, "1.50" }, { 128, "128.00" }, { 1e30, "9999.00" }, { -1, "0.00" },
	};
	char buf[FMT_LEN];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ASSERT_STR(fmt_cpus(buf, rows[i].cpus), rows[i].text);
}
