/* SPDX-License-Identifier: GPL-2.0 */
/* What is kept of a call in a traced function beside its frame. Part of func.bpf.c. */
#ifndef HL_FUNC_KEPT_BPF_H
#define HL_FUNC_KEPT_BPF_H

#include "bpf/frames.bpf.h"

struct func_texts {
	char v[HL_FUNC_ARGS][HL_FUNC_TEXT];
};

/* Texts among the arguments, where any are asked for, by where the call's frame is. Those that were used
 * last stay. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct func_texts);
} texts SEC(".maps");

static const struct func_texts no_texts;

/* A thread's clocks when each of its frames began. */
struct func_clocks {
	struct clock_set v[HL_FUNC_DEPTH];
};

_Static_assert(sizeof(struct func_clocks) <= THREAD_BYTES, "the kernel has no room for it");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct func_clocks);
} thread_clocks SEC(".maps");

#endif
