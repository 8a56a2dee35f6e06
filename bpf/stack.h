/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the iterator over blocked threads hands to user space, one item a thread: the record,
 * its path as path_of leaves it, and its kernel stack as addresses. Never part of a recording:
 * user space makes a NOW of it, and a STACK of names, for an address tells where a kernel lies.
 */
#ifndef HL_STACK_H
#define HL_STACK_H

#include "bpf/abi.h"

#define HL_STACK_FRAMES 64    /* frames; of a deeper stack the outermost are missing */
#define HL_STACK_MAX    1024  /* stacks that are taken at one refresh; the rest at the next ones */
#define HL_STACK_MEMO   16384 /* waits whose stack is known */
#define HL_NOW_PATH     512   /* room for the path */

enum hl_stack_fate {
	HL_STACK_NONE,  /* not wanted */
	HL_STACK_KNOWN, /* user space has it */
	HL_STACK_TAKEN,
	HL_STACK_OVER,       /* not taken: so many were already */
	HL_STACK_UNREADABLE, /* the kernel would not give it */
};

/* One wait: a thread, and when it was switched out. It has not run since, so that its stack is
 * what it was. */
struct hl_wait_id {
	__u64 owner, since;
};

struct hl_stack_raw {
	struct hl_wait_id wait;
	__u32 fate, nr;
	__u64 ip[HL_STACK_FRAMES]; /* innermost first */
};

/* Where a thread left the CPU, or a block request came from. */
struct hl_kstack {
	__u64 since; /* when that was: tells what it is of from others in its place; 0: nobody asked for it */
	__u64 nr;
	__u64 ip[HL_STACK_FRAMES]; /* innermost first */
};

/* In the ring: a slow operation alone, with a stack of no more than so many frames, with any stack,
 * or with both of these; which, its size says. */
struct hl_slow_raw {
	struct hl_rec_slow r;
	struct hl_kstack stack; /* nr 0: none was asked for, or the kernel would not give it */
	char path[HL_NOW_PATH]; /* as path_of leaves it */
};
#define HL_SHORT_STACK    20
#define HL_SLOW_RAW_HEAD  __builtin_offsetof(struct hl_slow_raw, stack.ip)
#define HL_SLOW_RAW_SHORT (HL_SLOW_RAW_HEAD + HL_SHORT_STACK * 8)
#define HL_SLOW_RAW_STACK __builtin_offsetof(struct hl_slow_raw, path)

/*
 * A user stack: registers and a piece of the stack, with all that the program keeps there. It goes
 * to the child that unwinds it, and nowhere else: never to a recording, a log or a core file.
 */
#if defined(__TARGET_ARCH_arm64) || defined(__aarch64__)
#define HL_USER_REGS 33
#define HL_USER_SP   31
#else
#define HL_USER_REGS 17
#define HL_USER_SP   7
#endif

#define HL_USTACK_MAX   65536 /* bytes of the piece, at most */
#define HL_USTACK_BURST 32    /* of these at once, before their rate is looked at */
#define HL_WAKER_FRAMES 32

/* By this a slow record names where its waker was: never 0. In waker_nr, until user space has found it. */
#define HL_WAKE_MARK(token) ((__u16)(token) ? (__u16)(token) : 1)

struct hl_ustack_raw {
	__u32 token; /* by which the record names it */
	__u32 pid;
	__u64 proc_start;
	__u64 regs[HL_USER_REGS]; /* in DWARF's order */
	__u64 sp;                 /* where the piece begins */
	__u32 len, pad2;
	/* of one that ended a slow wait */
	__u32 woke; /* whose; 0: it is the slow one's own */
	__u16 nr;   /* the call that it was in, or HL_NR_* */
	__u8 abi, pad;
	__u32 nr_kernel;
	__u64 ip[HL_WAKER_FRAMES]; /* where in the kernel, innermost first */
	unsigned char slice[];     /* hl_cfg.ustack_bytes; not of a kernel thread */
};

struct hl_now_raw {
	struct hl_rec_slow r; /* its size is of itself and the path */
	char path[HL_NOW_PATH];
	struct hl_stack_raw stack;
	__u64 regs[HL_USER_REGS]; /* where its program waits, in DWARF's order; with a stack that was taken */
	__u32 has_regs, pad;
};

#endif
