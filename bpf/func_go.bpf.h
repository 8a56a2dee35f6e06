/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Goroutines in traced functions: what is kept of each, and how often threads take one up. Part of
 * func.bpf.c, which has struct func_clocks and start_of.
 */
#ifndef HL_FUNC_GO_BPF_H
#define HL_FUNC_GO_BPF_H

/* Where its address is, in Go's code. */
#if defined(__TARGET_ARCH_x86)
#define GO_G(ctx) ((ctx)->r14)
#else
#define GO_G(ctx) ((ctx)->regs[28])
#endif

struct goroutine {
	__u64 g, start; /* its address; of the process */
};

struct go_frames {
	struct func_stack t;
	struct func_clocks clocks;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct goroutine);
	__type(value, struct go_frames);
} goroutines SEC(".maps");

/* Processes that have goroutines there, by when they started. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u32);
} go_procs SEC(".maps");

/* How many goroutines threads have taken up: two that share a place seem to have taken up more. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} go_runs SEC(".maps");

static const struct go_frames empty;

/* A goroutine begins with the bounds of its stack: the lower one, the upper one. */
#define GO_STACK_HI 8

static __noinline __u64 go_sp(__u64 g, __u64 sp)
{
	__u64 hi = 0;

	if (bpf_probe_read_user(&hi, sizeof(hi), (void *)(g + GO_STACK_HI)) || hi < sp)
		return 0;
	return sp - hi; /* less where it is deeper, as addresses are */
}

/* The process is one whose goroutines are to be looked for when it ends. */
__hot bool go_note(__u64 start)
{
	__u32 yes = 1;

	return bpf_map_lookup_elem(&go_procs, &start) ||
	       !bpf_map_update_elem(&go_procs, &start, &yes, BPF_ANY);
}

static __noinline struct go_frames *go_frames(struct task_struct *p, __u64 g, bool make)
{
	struct goroutine key = { .g = g, .start = start_of(p) };
	struct go_frames *f = bpf_map_lookup_elem(&goroutines, &key);

	if (f || !make)
		return f;
	if (!go_note(key.start))
		return NULL;
	if (bpf_map_update_elem(&goroutines, &key, &empty, BPF_NOEXIST))
		return NULL;
	return bpf_map_lookup_elem(&goroutines, &key);
}

static __noinline int go_forget(struct task_struct *p, __u64 g)
{
	struct goroutine key = { .g = g, .start = start_of(p) };

	bpf_map_delete_elem(&goroutines, &key);
	return 0;
}

__hot __u64 *go_runs_of(__u32 tid)
{
	__u32 at = tid & (HL_FUNC_RUNS - 1);

	return bpf_map_lookup_elem(&go_runs, &at);
}

/* A thread takes up a goroutine. */
SEC("uprobe")
int func_go_runs(struct pt_regs *ctx)
{
	__u64 *runs = go_runs_of((__u32)bpf_get_current_pid_tgid());

	if (runs)
		__sync_fetch_and_add(runs, 1);
	return 0;
}

#endif
