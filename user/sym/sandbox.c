/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The sandbox. In this order: who we are (needs privileges), what we may have (limits), that
 * neither comes back, and at last the filter of system calls, after which only reading from the
 * socket, memory and time are left. Owns nothing; called once, by the child.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sym/sandbox.h"

#define NOBODY    65534
#define ADDRESSES (64ull << 30) /* files are mapped whole, and debug information is large */
#define FILES     16            /* each is closed once it is mapped */

/* The shadow memory of the sanitizers counts as ours; with them only the other limits hold. */
#if defined(__SANITIZE_ADDRESS__)
#define LIMIT_MEMORY 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LIMIT_MEMORY 0
#endif
#endif
#ifndef LIMIT_MEMORY
#define LIMIT_MEMORY 1
#endif

int sandbox_drop_user(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2] = {};

	if (!geteuid()) {
		/* beyond the last one the kernel says EINVAL */
		for (int cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
			;
		if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
		    setresuid(NOBODY, NOBODY, NOBODY))
			return -errno;
	}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &head, none))
		return -errno;
	/* both are lost with a change of user */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || prctl(PR_SET_DUMPABLE, 0) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return 0;
}

static int set_limits(uint64_t memory)
{
	const struct {
		int what;
		uint64_t value;
		bool memory;
	} limits[] = {
		{ RLIMIT_CORE, 0, false },       { RLIMIT_FSIZE, 0, false },     { RLIMIT_NPROC, 0, false },
		{ RLIMIT_NOFILE, FILES, false }, { RLIMIT_MSGQUEUE, 0, false },  { RLIMIT_MEMLOCK, 0, false },
		{ RLIMIT_DATA, memory, true },   { RLIMIT_AS, ADDRESSES, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct rlimit r = { limits[i].value, limits[i].value };

		if ((LIMIT_MEMORY || !limits[i].memory) && setrlimit(limits[i].what, &r))
			return -errno;
	}
	return 0;
}

/* Whatever the allocator, libelf and libdw do once the sockets and files are there. */
static const int allowed[] = {
	SCMP_SYS(read),        SCMP_SYS(pread64), SCMP_SYS(lseek),         SCMP_SYS(close),
	SCMP_SYS(sendmsg),     SCMP_SYS(recvmsg), SCMP_SYS(munmap),        SCMP_SYS(mremap),
	SCMP_SYS(brk),         SCMP_SYS(madvise), SCMP_SYS(futex),         SCMP_SYS(getrandom),
	SCMP_SYS(exit_group),  SCMP_SYS(exit),    SCMP_SYS(clock_gettime), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sched_yield), SCMP_SYS(fstat),
};
/* Libraries look for things by path, and do without. */
static const int denied[] = {
	SCMP_SYS(openat),    SCMP_SYS(open),     SCMP_SYS(stat),       SCMP_SYS(lstat),
	SCMP_SYS(statx),     SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(access),
	SCMP_SYS(faccessat), SCMP_SYS(getcwd),   SCMP_SYS(sysinfo),
};

struct rule {
	int call;
	uint32_t action;
	struct scmp_arg_cmp arg;
};

/* Calls of which an argument decides. */
static int add_rules(scmp_filter_ctx f)
{
	const struct rule rules[] = {
		{ SCMP_SYS(mmap), SCMP_ACT_ALLOW, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0) },
		{ SCMP_SYS(mprotect), SCMP_ACT_ALLOW, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0) },
		/* the size of what is open already, and whether it is */
		{ SCMP_SYS(newfstatat), SCMP_ACT_ALLOW, SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH, 0) },
		{ SCMP_SYS(newfstatat), SCMP_ACT_ERRNO(EACCES), SCMP_A3(SCMP_CMP_NE, AT_EMPTY_PATH, 0) },
		{ SCMP_SYS(fcntl), SCMP_ACT_ALLOW, SCMP_A1(SCMP_CMP_EQ, F_GETFD, 0) },
		{ SCMP_SYS(fcntl), SCMP_ACT_ALLOW, SCMP_A1(SCMP_CMP_EQ, F_GETFL, 0) },
	};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rules) && !err; i++)
		err = seccomp_rule_add(f, rules[i].action, rules[i].call, 1, rules[i].arg);
	return err;
}

static int filter_calls(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int err = 0;

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(allowed) && !err; i++)
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
	/* calls that an architecture does not have are no error here */
	for (size_t i = 0; i < ARRAY_SIZE(denied) && !err; i++)
		err = seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), denied[i], 0);
	if (!err)
		err = add_rules(f);
	if (!err)
		err = seccomp_load(f);
	seccomp_release(f);
	return err;
}

int sandbox_enter(uint64_t memory)
{
	int err = sandbox_drop_user();

	if (!err)
		err = set_limits(memory);
	if (!err)
		err = filter_calls();
	return err;
}
