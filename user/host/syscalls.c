/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Owns the system call tables; the rows are made by tools/gen-syscalls.sh. Called by whoever
 * writes a call's number out, and by the -x filter. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/syscalls.h"

#define X(nr, name) [nr] = #name,
static const char *const x86_64_names[] = {
#include "host/syscalls_x86_64.h"
};
static const char *const ia32_names[] = {
#include "host/syscalls_ia32.h"
};
static const char *const arm64_names[] = {
#include "host/syscalls_arm64.h"
};
#undef X

static const struct {
	const char *const *names;
	size_t n;
} tables[NR_HL_ABIS] = {
	[HL_ABI_X86_64] = { x86_64_names, ARRAY_SIZE(x86_64_names) },
	[HL_ABI_IA32] = { ia32_names, ARRAY_SIZE(ia32_names) },
	[HL_ABI_ARM64] = { arm64_names, ARRAY_SIZE(arm64_names) },
};

static const char *const suffixes[NR_HL_ABIS] = {
#define X(id, NAME, suffix) [id] = suffix,
	HL_ABIS(X)
#undef X
};

static const struct {
	unsigned int nr;
	const char *name;
} pseudo[] = {
	{ HL_NR_NONE, "(user)" },     { HL_NR_KTHREAD, "(kernel)" },  { HL_NR_OTHER, "(other)" },
	{ HL_NR_WAKEUP, "(wakeup)" }, { HL_NR_UNKNOWN, "(unknown)" },
};

static const char *pseudo_name(unsigned int nr)
{
	for (size_t i = 0; i < ARRAY_SIZE(pseudo); i++) {
		if (pseudo[i].nr == nr)
			return pseudo[i].name;
	}
	return NULL;
}

const char *syscall_name(unsigned int abi, unsigned int nr, char *buf)
{
	const char *name = pseudo_name(nr);

	if (!name && abi < NR_HL_ABIS && nr < tables[abi].n)
		name = tables[abi].names[nr];
	if (name)
		return name;
	snprintf(buf, SYSCALL_NAME_LEN, "syscall_%u", nr);
	return buf;
}

const char *syscall_label(unsigned int abi, unsigned int nr, char *buf)
{
	char plain[SYSCALL_NAME_LEN];
	const char *name;

	if (abi >= NR_HL_ABIS || !suffixes[abi][0] || pseudo_name(nr))
		return syscall_name(abi, nr, buf);
	name = syscall_name(abi, nr, plain);
	snprintf(buf, SYSCALL_NAME_LEN, "%.36s/%s", name, suffixes[abi]);
	return buf;
}

/* "9999" of "syscall_9999"; negative: it is not written so. */
static int numbered(const char *name)
{
	static const char prefix[] = "syscall_";
	unsigned long nr;
	char *end;

	if (strncmp(name, prefix, sizeof(prefix) - 1))
		return -ENOENT;
	name += sizeof(prefix) - 1;
	if (*name < '0' || *name > '9')
		return -ENOENT;
	errno = 0;
	nr = strtoul(name, &end, 10);
	if (*end || errno || nr >= HL_NR_UNKNOWN)
		return -ENOENT;
	return (int)nr;
}

int syscall_number(unsigned int abi, const char *name)
{
	if (abi >= NR_HL_ABIS)
		return -ENOENT;
	if (!strncmp(name, "sys_", 4))
		name += 4;
	for (size_t i = 0; i < tables[abi].n; i++) {
		if (tables[abi].names[i] && !strcmp(tables[abi].names[i], name))
			return (int)i;
	}
	return numbered(name);
}

int syscall_native_abi(void)
{
#if defined(__x86_64__)
	return HL_ABI_X86_64;
#elif defined(__aarch64__)
	return HL_ABI_ARM64;
#else
	return -1;
#endif
}
