/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Facts of the host: CPU lists, pressure, memory, disk names, and small files. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "host/file.h"
#include "host/system.h"
#include "tests/test.h"

void test_host_cpu_list(void)
{
	static const struct {
		const char *list;
		int count;
		unsigned int end;
	} rows[] = {
		{ "0\n", 1, 1 },
		{ "0-1\n", 2, 2 },
		{ "0-3,8,10-11\n", 7, 12 },
		{ "0-63", 64, 64 },
		{ "5\n", 1, 6 },
		{ "\n", 0, 0 },
		{ "3-1\n", -EINVAL, 0 },
		{ "1-\n", -EINVAL, 0 },
		{ "1,\n", -EINVAL, 0 },
		{ "0-99999999\n", -EINVAL, 0 },
		{ "a\n", -EINVAL, 0 },
		{ "18446744073709551616\n", -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned int end = 0;

		ASSERT_EQ(cpu_list_parse(rows[i].list, &end), rows[i].count);
		ASSERT_EQ(end, rows[i].end);
	}
	ASSERT_EQ(cpu_list_parse("0-1", NULL), 2);
}

void test_host_system_info(void)
{
	struct system_info s;
	char name[256];

	system_info(&s);
	gethostname(name, sizeof(name));
	ASSERT_STR(s.hostname, name);
	ASSERT(s.kernel[0] >= '1' && s.kernel[0] <= '9');
	ASSERT(s.arch[0] != '\0');
	ASSERT_EQ(strlen(s.boot_id), 36);
	ASSERT_EQ(s.cpus_online, sysconf(_SC_NPROCESSORS_ONLN));
	ASSERT(s.cpus_possible >= s.cpus_online);
	ASSERT(s.pid_max > 300);
}

void test_host_psi_parse(void)
{
	static const char both[] = "some avg10=12.34 avg60=0.70 avg300=0.10 total=2135684\n"
				   "full avg10=0.05 avg60=0.00 avg300=0.00 total=17\n";
	struct psi p;

	ASSERT_EQ(psi_parse(both, &p), 0);
	ASSERT_EQ(p.some_avg10_x100, 1234);
	ASSERT_EQ(p.full_avg10_x100, 5);
	ASSERT_EQ(p.some_total_us, 2135684);
	ASSERT_EQ(p.full_total_us, 17);

	/* cpu before 5.13: what is not there is not zero */
	ASSERT_EQ(psi_parse("some avg10=100.00 avg60=0.00 avg300=0.00 total=9\n", &p), 0);
	ASSERT_EQ(p.some_avg10_x100, 10000);
	ASSERT_EQ(p.full_avg10_x100, PSI_MISSING);
	ASSERT(p.full_total_us == PSI_NO_TOTAL);

	/* a value of the next line is not taken for one of this */
	ASSERT_EQ(psi_parse("some avg60=1.00\nfull avg10=2.00 total=8\n", &p), 0);
	ASSERT_EQ(p.some_avg10_x100, PSI_MISSING);
	ASSERT(p.some_total_us == PSI_NO_TOTAL);
	ASSERT_EQ(p.full_avg10_x100, 200);

	ASSERT_EQ(psi_parse("some avg10=1 total=x\n", &p), 0);
	ASSERT_EQ(p.some_avg10_x100, PSI_MISSING);
	ASSERT_EQ(psi_parse("", &p), -EINVAL);
}

void test_host_psi_read(void)
{
	bool there = !access("/proc/pressure/io", R_OK);
	struct psi p;

	for (int r = 0; r < NR_PSI; r++) {
		int err = psi_read((enum psi_resource)r, &p);

		ASSERT_EQ(err, there ? 0 : -ENOENT);
		ASSERT(there == (p.some_total_us != PSI_NO_TOTAL));
	}
	ASSERT_EQ(psi_read(NR_PSI, &p), -EINVAL);
}

void test_host_process_rss(void)
{
	uint64_t bytes = 0;

	ASSERT_EQ(process_rss(getpid(), &bytes), 0);
	ASSERT(bytes > 100 * 1024 && bytes < (16ull << 30));
	ASSERT_EQ(process_rss(0x7fffffff, &bytes), -ESRCH);
	ASSERT_EQ(bytes, 0);
}

void test_host_dev_split(void)
{
	ASSERT_EQ(dev_major(0x0801), 8);
	ASSERT_EQ(dev_minor(0x0801), 1);
	ASSERT_EQ(dev_major(0x10300), 259);
	ASSERT_EQ(dev_minor(0x12310345), 0x12345);
	/* what stat() gives is the same number, for devices that fit */
	ASSERT_EQ(makedev(259, 0x12345), 0x12310345);
}

void test_host_file_read(void)
{
	char dir[] = "/tmp/hostlat-test-XXXXXX";
	char path[64], buf[8];

	ASSERT(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/fifo", dir);
	ASSERT_EQ(mkfifo(path, 0600), 0);
	ASSERT_EQ(file_read(path, buf, sizeof(buf)), 0); /* and does not hang */
	unlink(path);
	rmdir(dir);
	ASSERT_EQ(file_read(path, buf, sizeof(buf)), -ENOENT);
	ASSERT_EQ(file_read("/proc/self/stat", buf, sizeof(buf)), 7);
	ASSERT_EQ(strlen(buf), 7);
	ASSERT_EQ(file_read("/proc/self/stat", buf, 0), -EINVAL);
	ASSERT_EQ(file_read("/proc", buf, sizeof(buf)), -EISDIR);
	ASSERT_EQ(file_read_link("/proc/self/exe", buf, sizeof(buf)), -ENAMETOOLONG);
	ASSERT_EQ(file_read_link("/proc", buf, sizeof(buf)), -EINVAL);
}

void test_host_find_key(void)
{
	static const char text[] = "Name:\tVmRSS: 7\nVmRSS:\t    1234 kB\nLast:";

	ASSERT_STR(find_key("a: 1\nb: 2", "b:"), "2");
	ASSERT(!strncmp(find_key(text, "VmRSS:"), "1234 kB", 7));
	ASSERT_STR(find_key(text, "Last:"), "");
	ASSERT(find_key(text, "None:") == NULL);
	ASSERT(find_key("", "None:") == NULL);
}
