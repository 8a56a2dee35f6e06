/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's types on arm64: those of x86 but for the registers. Where members are is read from the
 * kernel's BTF when programs are loaded; what only arm64 has is declared where it is used.
 */
#ifndef HL_VMLINUX_ARM64_H
#define HL_VMLINUX_ARM64_H

#define pt_regs pt_regs___x86
#include "vmlinux/x86/vmlinux.h"
#undef pt_regs

struct user_pt_regs {
	__u64 regs[31];
	__u64 sp;
	__u64 pc;
	__u64 pstate;
} __attribute__((preserve_access_index));

struct pt_regs {
	union {
		struct user_pt_regs user_regs;
		struct {
			u64 regs[31];
			u64 sp;
			u64 pc;
			u64 pstate;
		};
	};
	u64 orig_x0;
	s32 syscallno;
} __attribute__((preserve_access_index));

#endif
