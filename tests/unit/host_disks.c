/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Lines of /proc/diskstats. */
#include <errno.h>

#include "host/disks.h"
#include "host/system.h"
#include "tests/test.h"

#define LINE(name, figure) "   8       1 " name " " figure " 2 3 4 5 6 7 8 9 10 11 0 0 0 0 0 0\n"

void test_disk_stat_parse(void)
{
	const char *at = LINE("sda1", "100") "what is this\n" LINE("sdb", "1");
	struct disk_stat s = {};

	ASSERT_EQ(disk_stat_parse(&at, &s), 0);
	ASSERT_STR(s.name, "sda1");
	ASSERT_EQ(s.dev, dev_make(8, 1));
	ASSERT_EQ(s.reads, 100);
	ASSERT_EQ(s.writes, 5);
	ASSERT_EQ(s.merged[0], 2);
	ASSERT_EQ(s.merged[1], 6);
	ASSERT_EQ(s.in_flight, 9);
	ASSERT_EQ(s.busy_ns, 10000000);
	ASSERT_EQ(s.weighted_ns, 11000000);
	ASSERT_EQ(disk_stat_parse(&at, &s), -EINVAL);
	ASSERT_EQ(disk_stat_parse(&at, &s), 0);
	ASSERT_STR(s.name, "sdb");
	ASSERT_EQ(disk_stat_parse(&at, &s), -ENOENT);
}

/* The same devices, whatever they did. */
void test_disk_set(void)
{
	uint64_t set = disk_set(LINE("sda", "1") LINE("sdb", "1"));

	ASSERT_EQ(disk_set(LINE("sda", "100") LINE("sdb", "31")), set);
	ASSERT(disk_set(LINE("sda", "1")) != set);
	ASSERT(disk_set(LINE("sda", "1") LINE("sdc", "1")) != set);
	ASSERT(disk_set(LINE("sdb", "1") LINE("sda", "1")) != set);
	ASSERT(disk_set(LINE("sda", "1") LINE("sdb", "1") LINE("dm-0", "1")) != set);
	ASSERT_EQ(disk_set(""), disk_set(""));
	ASSERT(disk_set("8") != disk_set("")); /* cut off */
}
