/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Privileges: which are missing, and whether they count on the host. */
#include <stdio.h>

#include "host/caps.h"
#include "tests/test.h"

#define ALL "         0          0 4294967295\n"

void test_host_caps(void)
{
	static const struct {
		const char *caps, *map, *missing;
		bool others, host;
	} rows[] = {
		{ "000001ffffffffff", ALL, "", true, true },
		{ "0000000000000000", ALL, "CAP_BPF CAP_PERFMON", false, true },
		{ "000000c000000000", ALL, "", false, true }, /* those two */
		{ "000000c000080000", ALL, "", true, true },  /* and CAP_SYS_PTRACE */
		{ "0000008000000000", ALL, "CAP_PERFMON", false, true },
		{ "0000004000000000", ALL, "CAP_BPF", false, true },
		{ "0000000000200000", ALL, "", false, true }, /* CAP_SYS_ADMIN */
		{ "000001ffffffffff", "         0       1000          1\n", "", true, false },
		{ "000001ffffffffff", "         0     100000      65536\n", "", true, false },
		{ "000001ffffffffff", "", "", true, true },
	};
	char status[200];
	struct caps c;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(status, sizeof(status),
			 "Name:\tCapEff: \\n\nCapPrm:\t000001ffffffffff\nCapEff:\t%s\nCapBnd:\t0\n",
			 rows[i].caps);
		caps_parse(&c, status, rows[i].map);
		ASSERT_STR(c.missing, rows[i].missing);
		ASSERT_EQ(c.sees_others, rows[i].others);
		ASSERT_EQ(c.of_the_host, rows[i].host);
	}
	caps_parse(&c, "", "");
	ASSERT_STR(c.missing, "CAP_BPF CAP_PERFMON");
}
