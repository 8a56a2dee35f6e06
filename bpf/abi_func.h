/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The part of the contract that is of functions: calls of functions of programs, instructions of them that
 * were reached, and USDT probes. Included by abi.h, whose rules hold here.
 */
#ifndef HL_ABI_FUNC_H
#define HL_ABI_FUNC_H

#define HL_FUNC_POINT                                                                                        \
	(1u << 0) /* an instruction, a line, a USDT probe alone: it is reached, and has no duration */
#define HL_FUNC_USDT   (1u << 1)
#define HL_FUNC_GO     (1u << 2) /* of a program of Go's: what its goroutines do */
#define HL_FUNC_KERNEL (1u << 3) /* of the kernel, or of a module: the file is its name in [] */

/* A function that is traced: nr of an operation of kind FUNCTION is its number. Tail: its name, the file that
 * it is in, and what was asked for (three strings). */
struct hl_rec_func {
	struct hl_rec h; /* pid and tid 0 */
	__u32 id;        /* not 0 */
	__u32 flags;     /* HL_FUNC_* */
	__u64 offset;    /* in the file */
};

/* As OP, of a function's calls in a process; of a point, nothing but how often it was reached. Tail as of OP.
 */
struct hl_rec_func_op {
	struct hl_rec_op o;
	__u64 nested_ns; /* of total_ns, in functions that were called from there and are traced, too */
	__u64 entered;
	__u64 abandoned; /* of these, how many never returned: left by a jump, or with their thread */
	__u64 deep;      /* … and how many were so deep in others that their return is not seen */
	__u64 unknown;   /* of those that returned: of how many it is not known where their time went */
	__u64 watched;   /* of those that returned, in how many all system calls were seen */
};

/* As OP, of the system calls of one kind that a process made in one function, and in no other that is traced
 * and was called from there. Tail as of OP. */
struct hl_rec_func_syscall {
	struct hl_rec_op o;
	__u32 func; /* 0: the "(other)" one, which takes what had no room */
	__u32 pad;
};

#define HL_FUNC_ARGS 4 /* of a call, at most */

#define HL_FUNC_CALL_STATES    (1u << 0) /* where the time went is known */
#define HL_FUNC_CALL_ERROR     (1u << 1) /* the result is what was called an error */
#define HL_FUNC_CALL_ABANDONED (1u << 2) /* it never returned: h.ts is when that was found */
#define HL_FUNC_CALL_POINT     (1u << 3) /* it was reached: no duration, no result */
#define HL_FUNC_CALL_RESULT    (1u << 4) /* there is a result */
#define HL_FUNC_CALL_WATCHED   (1u << 5) /* all system calls that were made in it were seen */

/* One call, when it is over. Tail: its arguments in words, and NUL-terminated. */
struct hl_rec_func_call {
	struct hl_rec h; /* ts: when it was over */
	__u64 start, proc_start;
	__u64 begin_ns; /* CLOCK_BOOTTIME */
	__u64 duration_ns;
	__u64 nested_ns; /* as of FUNC_OP */
	__u64 state_ns[NR_HL_STATES];
	__s64 result; /* as the register had it */
	__u32 func;
	__u16 depth; /* how many traced functions of the thread it was called within */
	__u8 flags;  /* HL_FUNC_CALL_* */
	__u8 nr_args;
	__u32 user_stack;         /* of the kernel side only: by which number it comes */
	__u32 syscalls;           /* made in it, and in no traced function below it */
	__u64 args[HL_FUNC_ARGS]; /* values, or of the kernel side where text begins */
	char comm[HL_COMM_LEN];   /* of the thread; not of the kernel side */
	__u64 syscall_ns;         /* what those took */
};

#endif
