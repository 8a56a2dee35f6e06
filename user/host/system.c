/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Owns the reading of host-wide facts. Called by kern/ at start, the live source, doctor. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "host/file.h"
#include "host/system.h"

#define CPU_LIST_LEN   4096
#define CPU_NUMBER_MAX 65536
#define PID_MAX_LIMIT  (4u << 20) /* the kernel's own bound on 64 bits */

int cpu_list_parse(const char *list, unsigned int *end)
{
	const char *p = list;
	uint64_t count = 0, top = 0;

	while (*p && *p != '\n') {
		uint64_t from, to;

		if (parse_u64(&p, &from))
			return -EINVAL;
		to = from;
		if (*p == '-' && (p++, parse_u64(&p, &to)))
			return -EINVAL;
		if (to < from || to >= CPU_NUMBER_MAX || (count += to - from + 1) > CPU_NUMBER_MAX)
			return -EINVAL;
		top = MAX(top, to + 1);
		if (*p == ',' && (*++p < '0' || *p > '9'))
			return -EINVAL;
	}
	if (end)
		*end = (unsigned int)top;
	return (int)count;
}

static void read_cpus(struct system_info *s)
{
	char list[CPU_LIST_LEN];
	unsigned int end = 0;
	int n;

	s->cpus_online = s->cpus_possible = 1;
	if (file_read("/sys/devices/system/cpu/online", list, sizeof(list)) > 0) {
		n = cpu_list_parse(list, &end);
		if (n > 0) {
			s->cpus_online = (unsigned int)n;
			s->cpus_possible = end;
		}
	}
	if (file_read("/sys/devices/system/cpu/possible", list, sizeof(list)) > 0 &&
	    cpu_list_parse(list, &end) > 0)
		s->cpus_possible = MAX(s->cpus_possible, end);
}

void system_info(struct system_info *s)
{
	char text[32];
	const char *p = text;
	struct utsname u;
	uint64_t v;

	memset(s, 0, sizeof(*s));
	if (!uname(&u)) {
		snprintf(s->hostname, sizeof(s->hostname), "%s", u.nodename);
		snprintf(s->kernel, sizeof(s->kernel), "%s", u.release);
		snprintf(s->arch, sizeof(s->arch), "%s", u.machine);
	}
	file_read_line("/proc/sys/kernel/random/boot_id", s->boot_id, sizeof(s->boot_id));
	read_cpus(s);
	s->pid_max = PID_MAX_LIMIT;
	if (file_read("/proc/sys/kernel/pid_max", text, sizeof(text)) > 0 && !parse_u64(&p, &v) && v > 0 &&
	    v <= PID_MAX_LIMIT)
		s->pid_max = (unsigned int)v;
}

/* "1.23" at the value of key in line, in hundredths. */
static uint32_t parse_avg(const char *line, size_t len, const char *key)
{
	const char *p = memmem(line, len, key, strlen(key));
	uint64_t whole, cents;

	if (!p)
		return PSI_MISSING;
	p += strlen(key);
	if (parse_u64(&p, &whole) || *p++ != '.' || p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
		return PSI_MISSING;
	cents = (uint64_t)(p[0] - '0') * 10 + (uint64_t)(p[1] - '0');
	return whole > 1000000 ? PSI_MISSING : (uint32_t)(whole * 100 + cents);
}

static int parse_psi_line(const char *text, const char *key, uint32_t *avg, uint64_t *total)
{
	const char *line = find_key(text, key);
	const char *p;
	size_t len;

	*avg = PSI_MISSING;
	*total = PSI_NO_TOTAL;
	if (!line)
		return -EINVAL;
	len = strcspn(line, "\n");
	*avg = parse_avg(line, len, "avg10=");
	p = memmem(line, len, "total=", 6);
	if (p && (p += 6, parse_u64(&p, total)))
		*total = PSI_NO_TOTAL;
	return 0;
}

int psi_parse(const char *text, struct psi *p)
{
	parse_psi_line(text, "full ", &p->full_avg10_x100, &p->full_total_us);
	return parse_psi_line(text, "some ", &p->some_avg10_x100, &p->some_total_us);
}

int psi_read(enum psi_resource r, struct psi *p)
{
	static const char *const paths[NR_PSI] = {
		[PSI_CPU] = "/proc/pressure/cpu",
		[PSI_IO] = "/proc/pressure/io",
		[PSI_MEMORY] = "/proc/pressure/memory",
	};
	char text[512];
	ssize_t n;

	psi_parse("", p);
	if (r >= NR_PSI)
		return -EINVAL;
	n = file_read(paths[r], text, sizeof(text));
	if (n == -EOPNOTSUPP) /* the files are there, but psi=0 */
		return -ENOENT;
	if (n < 0)
		return (int)n;
	return psi_parse(text, p);
}

int process_rss(pid_t pid, uint64_t *bytes)
{
	char path[48], text[4096];
	const char *p;
	uint64_t kb;
	ssize_t n;

	*bytes = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	n = file_read(path, text, sizeof(text));
	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	p = find_key(text, "VmRSS:");
	if (p && !parse_u64(&p, &kb))
		*bytes = kb * 1024;
	return 0;
}
