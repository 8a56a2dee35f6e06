/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The system call tables: names, labels, pseudo numbers, and the way back. */
#include <errno.h>
#include <sys/syscall.h>

#include "host/syscalls.h"
#include "tests/test.h"

void test_host_syscall_names(void)
{
	static const struct {
		unsigned int abi, nr;
		const char *name, *label;
	} rows[] = {
		{ HL_ABI_X86_64, 0, "read", "read" },
		{ HL_ABI_X86_64, 202, "futex", "futex" },
		{ HL_ABI_X86_64, 334, "rseq", "rseq" },
		{ HL_ABI_X86_64, 335, "uretprobe", "uretprobe" },
		{ HL_ABI_X86_64, 337, "syscall_337", "syscall_337" }, /* in the hole before 424 */
		{ HL_ABI_X86_64, 424, "pidfd_send_signal", "pidfd_send_signal" },
		{ HL_ABI_X86_64, 469, "file_setattr", "file_setattr" },
		{ HL_ABI_IA32, 0, "restart_syscall", "restart_syscall/ia32" },
		{ HL_ABI_IA32, 3, "read", "read/ia32" },
		{ HL_ABI_IA32, 7, "waitpid", "waitpid/ia32" },
		{ HL_ABI_IA32, 423, "sched_rr_get_interval_time64", "sched_rr_get_interval_time64/ia32" },
		{ HL_ABI_IA32, 222, "syscall_222", "syscall_222/ia32" },
		{ HL_ABI_ARM64, 63, "read", "read" },
		{ HL_ABI_ARM64, 25, "fcntl", "fcntl" },
		{ HL_ABI_ARM64, 79, "newfstatat", "newfstatat" },
		{ HL_ABI_ARM64, 222, "mmap", "mmap" },
		{ HL_ABI_ARM64, 244, "syscall_244", "syscall_244" },
		{ HL_ABI_ARM64, 447, "memfd_secret", "memfd_secret" },
		{ HL_ABI_X86_64, 9999, "syscall_9999", "syscall_9999" },
		{ HL_ABI_IA32, ~0u, "syscall_4294967295", "syscall_4294967295/ia32" },
		{ 77, 3, "syscall_3", "syscall_3" },
		{ HL_ABI_X86_64, HL_NR_NONE, "(user)", "(user)" },
		{ HL_ABI_IA32, HL_NR_KTHREAD, "(kernel)", "(kernel)" },
		{ HL_ABI_IA32, HL_NR_OTHER, "(other)", "(other)" },
		{ HL_ABI_ARM64, HL_NR_WAKEUP, "(wakeup)", "(wakeup)" },
		{ HL_ABI_X86_64, HL_NR_UNKNOWN, "(unknown)", "(unknown)" },
		{ HL_ABI_X86_64, HL_NR_UNKNOWN - 1, "syscall_65279", "syscall_65279" },
	};
	char buf[SYSCALL_NAME_LEN];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ASSERT_STR(syscall_name(rows[i].abi, rows[i].nr, buf), rows[i].name);
		ASSERT_STR(syscall_label(rows[i].abi, rows[i].nr, buf), rows[i].label);
	}
}

/* Every name leads back to its number; so no name stands twice in a table either. */
void test_host_syscall_round_trip(void)
{
	static const unsigned int least[NR_HL_ABIS] = { 350, 430, 310 };
	char buf[SYSCALL_NAME_LEN];

	for (unsigned int abi = 0; abi < NR_HL_ABIS; abi++) {
		unsigned int known = 0;

		for (unsigned int nr = 0; nr < 600; nr++) {
			const char *name = syscall_name(abi, nr, buf);

			if (strncmp(name, "syscall_", 8))
				known++;
			if (!ASSERT_EQ(syscall_number(abi, name), nr))
				return;
		}
		ASSERT(known >= least[abi]);
	}
}

void test_host_syscall_number(void)
{
	ASSERT_EQ(syscall_number(HL_ABI_X86_64, "sys_openat"), 257);
	ASSERT_EQ(syscall_number(HL_ABI_IA32, "openat"), 295);
	ASSERT_EQ(syscall_number(HL_ABI_ARM64, "openat"), 56);
	ASSERT_EQ(syscall_number(HL_ABI_ARM64, "open"), -ENOENT);
	ASSERT_EQ(syscall_number(HL_ABI_X86_64, "syscall_9999"), 9999);
	ASSERT_EQ(syscall_number(HL_ABI_X86_64, "syscall_"), -ENOENT);
	ASSERT_EQ(syscall_number(HL_ABI_X86_64, "syscall_1x"), -ENOENT);
	ASSERT_EQ(syscall_number(HL_ABI_X86_64, "syscall_-1"), -ENOENT);
	ASSERT_EQ(syscall_number(HL_ABI_X86_64, "syscall_65535"), -ENOENT);
	ASSERT_EQ(syscall_number(HL_ABI_X86_64, "syscall_65280"), -ENOENT);
	ASSERT_EQ(syscall_number(HL_ABI_X86_64, "syscall_99999999999999999999999"), -ENOENT);
	ASSERT_EQ(syscall_number(HL_ABI_X86_64, ""), -ENOENT);
	ASSERT_EQ(syscall_number(HL_ABI_X86_64, "(user)"), -ENOENT);
	ASSERT_EQ(syscall_number(NR_HL_ABIS, "read"), -ENOENT);
}

/* The compiler's own headers say the same as the table of this machine. */
void test_host_syscall_native(void)
{
	int abi = syscall_native_abi();

	ASSERT(abi >= 0);
	ASSERT_EQ(syscall_number((unsigned int)abi, "read"), SYS_read);
	ASSERT_EQ(syscall_number((unsigned int)abi, "futex"), SYS_futex);
	ASSERT_EQ(syscall_number((unsigned int)abi, "epoll_pwait"), SYS_epoll_pwait);
	ASSERT_EQ(syscall_number((unsigned int)abi, "clock_nanosleep"), SYS_clock_nanosleep);
	ASSERT_EQ(syscall_number((unsigned int)abi, "fsync"), SYS_fsync);
}
