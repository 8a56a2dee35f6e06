/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* /proc/PID/net/netstat: a line of names, and one of values. For kern/conns.c. */
#include "host/netstat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/file.h"

#define GROUP "TcpExt: "
#define ROOM  (32 << 10) /* bytes; some 8 KiB in 2026 */

/* How long the word at p is. */
static size_t word(const char *p)
{
	return strcspn(p, " \n");
}

int netstat_find(const char *text, const char *name, uint64_t *value)
{
	const char *names = strstr(text, GROUP), *values = names ? strstr(names + 1, "\n" GROUP) : NULL;
	char *end;

	if (!values)
		return -ENOENT;
	names += strlen(GROUP);
	values += 1 + strlen(GROUP);
	while (*names && *names != '\n' && *values && *values != '\n') {
		if (word(names) == strlen(name) && !strncmp(names, name, strlen(name))) {
			*value = strtoull(values, &end, 10);
			return end == values ? -ENOENT : 0;
		}
		names += word(names);
		values += word(values);
		names += *names == ' ';
		values += *values == ' ';
	}
	return -ENOENT;
}

int netstat_read(int pid, const char *name, uint64_t *value)
{
	__free char *text = malloc(ROOM);
	char path[64];
	ssize_t n;

	if (!text)
		return -ENOMEM;
	snprintf(path, sizeof(path), "/proc/%d/net/netstat", pid);
	n = file_read(path, text, ROOM);
	return n < 0 ? (int)n : netstat_find(text, name, value);
}
