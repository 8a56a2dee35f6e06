/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The calls of traced functions that a thread, or a goroutine, is in. Written by probes (func.bpf.c), which
 * run in the thread's own context; looked at where one of its system calls ends (inside.bpf.h).
 */
#ifndef HL_FRAMES_BPF_H
#define HL_FRAMES_BPF_H

#include "bpf/func.h"
#include "bpf/spent.bpf.h"

struct func_frame {
	__u64 sp;    /* where the stack was; ANYWHERE: that says nothing of when it is over … */
	__u64 point; /* … and there it was, of one between two points */
	__u64 begin; /* CLOCK_MONOTONIC */
	__u64 nested;
	__u32 func; /* 0: it is over */
	__u32 switches;
	__u32 tid;        /* whose clocks: 0: nobody's */
	__u32 runs;       /* how many goroutines that had taken up */
	__u64 ret;        /* where it returns to, as the stack says; 0: not looked at */
	__u64 syscall_ns; /* in calls that were made in it and in no other below … */
	__u32 syscalls;   /* … and how many those were */
	__u32 watch_gen;  /* which attachment of the calls tier saw it begin; 0: none did */
	__u64 args[HL_FUNC_ARGS];
};
#define ANYWHERE (~0ull)

/* Since v6.19 the kernel has no more room than this for what is kept of a thread in one piece (f484f4a3e058:
 * from the cache of 8 KiB, with a header of 72 bytes). */
#define THREAD_BYTES 8120

/* What a thread, or a goroutine, is in. Frames that are over stay between others until those are. */
struct func_stack {
	__u32 depth;
	__u32 deep_func; /* the last one that was too deep for a frame, and where */
	__u64 deep_sp;
	struct func_frame v[HL_FUNC_DEPTH];
};

_Static_assert(sizeof(struct func_stack) <= THREAD_BYTES, "the kernel has no room for it");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct func_stack);
} hl_frames SEC(".maps");

__hot struct func_frame *frame_at(struct func_stack *t, __u32 i)
{
	return &t->v[i & (HL_FUNC_DEPTH - 1)];
}

#endif
