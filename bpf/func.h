/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Functions between the two sides: what is to be done where a probe stands, and one call as the kernel side
 * leaves it. Never part of a recording.
 */
#ifndef HL_FUNC_H
#define HL_FUNC_H

#include "bpf/abi.h"

#define HL_FUNC_DEPTH 64 /* calls within calls: as many as the kernel sees the return of */
#define HL_FUNC_TEXT  64 /* bytes of a text, with its NUL */
#define HL_FUNC_TEXTS (HL_FUNC_ARGS * HL_FUNC_TEXT)
/* Its last byte says how it was read: 0 when the call began, or: */
#define HL_FUNC_TEXT_LATE   1     /* when it was over: before, its page was not in memory */
#define HL_FUNC_TEXT_UNREAD 2     /* not at all */
#define HL_FUNC_KEPT        8192  /* calls that have texts, at once */
#define HL_FUNC_GOS         1024  /* goroutines that are in traced functions at once */
#define HL_FUNC_RUNS        16384 /* places of threads that take up goroutines */

/* Numbers of functions, which begin with 1: a multiple of 4, so that no two CPUs share a line. */
#define HL_FUNC_ROOM 4004

/* Functions of the kernel at once: each has two programs of its own. */
#define HL_FUNC_KERNELS 64
/* Where they are is told by how far up the kernel's stack of the thread that is: nothing of a program lies
 * that low. */
#define HL_FUNC_KERNEL_STACK (1u << 16)

/* A probe's cookie: which function, and what it is there for. */
#define HL_FUNC_ID(cookie) ((__u32)(cookie))
#define HL_FUNC_HERE       (1ull << 32) /* its end is an instruction of its own, before the stack moves */
#define HL_FUNC_BY_ID      (1ull << 33) /* begin and end are two points, wherever the stack is */
#define HL_FUNC_OF_GO      (1ull << 34) /* it is a goroutine's, whichever thread that is on */
#define HL_FUNC_AGAIN      (1ull << 35) /* it may come to where it begins once more: that is the same call */

/* … and which of several times that it was put on: others of the function's do nothing. */
#define HL_FUNC_GEN_SHIFT   40
#define HL_FUNC_GEN(cookie) ((__u8)((cookie) >> HL_FUNC_GEN_SHIFT))

/* How an argument is found: a constant, a register, memory at register + add (+ index * scale). */
enum hl_func_where { HL_FUNC_CONSTANT, HL_FUNC_REGISTER, HL_FUNC_MEMORY };

struct hl_func_arg {
	__s64 add;
	__s16 reg, index; /* offsets into struct pt_regs */
	__s8 size;        /* bytes; negative: signed */
	__u8 where;       /* enum hl_func_where */
	__u8 scale;       /* of the index; 0: there is none */
	__u8 text;        /* it is the address of a text … */
};

enum hl_func_text {
	HL_FUNC_TEXT_USER = 1, /* … in the program's memory */
	HL_FUNC_TEXT_ANY,      /* … or in the kernel's, as the address says */
};

/* What a result is beside a number: one bit each, and so what is asked of it. X(NAME, bits, "as it is
 * written") */
#define HL_FUNC_TESTS(X)                                                                                     \
	X(BELOW, 1, "<")                                                                                     \
	X(IS, 2, "==")                                                                                       \
	X(ABOVE, 4, ">")                                                                                     \
	X(AT_MOST, 3, "<=")                                                                                  \
	X(IS_NOT, 5, "!=")                                                                                   \
	X(AT_LEAST, 6, ">=")

enum hl_func_test {
#define X(NAME, bits, key) HL_FUNC_##NAME = bits,
	HL_FUNC_TESTS(X)
#undef X
};

enum hl_func_ready {
	HL_FUNC_OFF,    /* nothing counts */
	HL_FUNC_READY,  /* all its probes are there */
	HL_FUNC_COMING, /* an end may come before any begin was seen */
};

/* Results that are no number of so many bytes. */
#define HL_FUNC_NO_RESULT (-128)
#define HL_FUNC_ADDRESS   9 /* an address of the kernel's, or an error's number in one */

struct hl_func {
	__s64 error_value;
	__u32 ready;             /* enum hl_func_ready */
	__u8 error_test, n_args; /* enum hl_func_test; 0: nothing is an error */
	__u8 runs;               /* of Go: it is counted when a thread takes up a goroutine */
	__u8 gen;                /* which of its probes count */
	__s8 result;    /* bytes of what it returns, negative: signed; 0: not known; or one of the above */
	__u8 result_at; /* of a function of the kernel: where its result is in what its end is given */
	__u8 pad[6];
	struct hl_func_arg args[HL_FUNC_ARGS];
};

/* Of one on one CPU. */
struct hl_func_cpu {
	__u64 hits; /* of all its probes, whoever's: what it costs */
	__u16 cell; /* where that of its last call is */
	__u16 pad[3];
};

/* Counters of a CPU that only grow. */
struct hl_func_counts {
	__u64 returned;
	__u64 deep;     /* too deep to be seen to return */
	__u64 full;     /* no room for what is kept of the thread */
	__u64 unpaired; /* returns without an entry that was seen */
	__u64 points;
	__u64 clock;
	__u64 records, records_lost;
};

/* In the ring: a call, with the texts among its arguments or without; which, its size says. */
struct hl_func_raw {
	struct hl_rec_func_call r;
	char text[HL_FUNC_ARGS][HL_FUNC_TEXT];
};

_Static_assert(sizeof(struct hl_func) == 88, "an array's elements are multiples of 8");

#endif
