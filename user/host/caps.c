/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Owns the list of capabilities that hostlat needs. Called by the live source and by doctor. */
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/caps.h"
#include "host/file.h"

#define INIT_PID_NS 0xeffffffcu   /* the number of the host's: fixed in the kernel */
#define ALL_IDS     4294967295ull /* what the first user namespace maps */

static const struct {
	unsigned int bit;
	const char *name;
} needed[] = { { CAP_BPF, "CAP_BPF" }, { CAP_PERFMON, "CAP_PERFMON" } };

static bool has(uint64_t caps, unsigned int bit)
{
	return caps >> bit & 1;
}

/* "0 0 4294967295" */
static bool maps_all(const char *uid_map)
{
	static const uint64_t want[] = { 0, 0, ALL_IDS };
	uint64_t v;

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		uid_map += strspn(uid_map, " \t");
		if (parse_u64(&uid_map, &v) || v != want[i])
			return false;
	}
	return true;
}

void caps_parse(struct caps *c, const char *status, const char *uid_map)
{
	const char *at = find_key(status, "CapEff:");
	uint64_t caps = at ? strtoull(at, NULL, 16) : 0;

	*c = (struct caps){ .sees_others = has(caps, CAP_SYS_PTRACE) };
	/* the kernel takes CAP_SYS_ADMIN for either */
	for (size_t i = 0; i < ARRAY_SIZE(needed) && !has(caps, CAP_SYS_ADMIN); i++)
		if (!has(caps, needed[i].bit))
			snprintf(c->missing + strlen(c->missing), sizeof(c->missing) - strlen(c->missing),
				 "%s%s", *c->missing ? " " : "", needed[i].name);
	c->of_the_host = !*uid_map || maps_all(uid_map); /* without user namespaces there is no such file */
}

void caps_read(struct caps *c)
{
	char status[4096] = "", uid_map[128] = "";
	struct stat st;

	file_read("/proc/self/status", status, sizeof(status));
	file_read("/proc/self/uid_map", uid_map, sizeof(uid_map));
	caps_parse(c, status, uid_map);
	c->in_pid_ns = !stat("/proc/self/ns/pid", &st) && st.st_ino != INIT_PID_NS;
}
