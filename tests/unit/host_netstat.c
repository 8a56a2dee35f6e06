/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Counts of a network namespace, by name. */
#include <errno.h>
#include <unistd.h>

#include "host/netstat.h"
#include "tests/test.h"

void test_host_netstat_find(void)
{
	static const char text[] = "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 20 300\n"
				   "IpExt: InNoRoutes Other\nIpExt: 7 8\n";
	uint64_t v = 0;

	ASSERT(!netstat_find(text, "SyncookiesSent", &v) && v == 1);
	ASSERT(!netstat_find(text, "ListenOverflows", &v) && v == 20);
	ASSERT(!netstat_find(text, "ListenDrops", &v) && v == 300);
	ASSERT_EQ(netstat_find(text, "Listen", &v), -ENOENT);
	ASSERT_EQ(netstat_find(text, "InNoRoutes", &v), -ENOENT);
	/* fewer values than names, and no values */
	ASSERT_EQ(netstat_find("TcpExt: a b\nTcpExt: 1\n", "b", &v), -ENOENT);
	ASSERT_EQ(netstat_find("TcpExt: a b\n", "a", &v), -ENOENT);
	ASSERT_EQ(netstat_find("", "a", &v), -ENOENT);
}

void test_host_netstat_read(void)
{
	uint64_t v;

	ASSERT_EQ(netstat_read((int)getpid(), "ListenOverflows", &v), 0);
	ASSERT_EQ(netstat_read((int)getpid(), "NoSuchCount", &v), -ENOENT);
}
