/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The frames of a thread, or a goroutine: which of them are over, and whose return one is. Part of
 * func.bpf.c, which counts those that were left.
 *
 * Functions over all frames are verified once, each by itself: what they say of a thread's frames to who
 * calls them is no more than that a place is below HL_FUNC_DEPTH.
 */
#ifndef HL_FUNC_FRAMES_BPF_H
#define HL_FUNC_FRAMES_BPF_H

/* Frames that are over, at the end. */
__global int frames_trim(struct func_stack *t)
{
	if (!t)
		return 0;
	for (int i = 0; i < HL_FUNC_DEPTH; i++) {
		if (!t->depth || frame_at(t, t->depth - 1)->func)
			break;
		t->depth--;
	}
	return 0;
}

/* Is the last one further up than `sp`? Then none was left; func: at `sp`, too, if it is not of that. */
__hot bool is_within(struct func_stack *t, __u64 sp, __u32 func)
{
	struct func_frame *f = frame_at(t, t->depth - 1);

	return !t->depth || f->sp > sp || (f->sp == sp && f->func != func);
}

/* Those that begin further down than `sp` were left without a return; func: at `sp`, too, if they are of it.
 */
__global int frames_left(struct func_stack *t, __u32 pid, __u64 start, __u64 sp, __u32 func)
{
	if (!t)
		return 0;
	for (int i = 0; i < HL_FUNC_DEPTH; i++) {
		struct func_frame *f = frame_at(t, t->depth - 1);

		if (is_within(t, sp, func))
			break;
		if (f->func)
			count_abandoned(pid, start, f->func);
		f->func = 0;
		t->depth--;
	}
	return 0;
}

/* Of the frames from `at` on, those that begin further down than `sp` were left. */
__global int frames_within(struct func_stack *t, __u32 pid, __u64 start, __u64 sp, __u32 at)
{
	if (!t)
		return 0;
	for (__u32 i = 0; i < HL_FUNC_DEPTH && at + i < t->depth; i++) {
		struct func_frame *f = frame_at(t, at + i);

		if (!f->func || f->sp >= sp)
			continue;
		count_abandoned(pid, start, f->func);
		f->func = 0;
	}
	return 0;
}

/* All of them were that begin above `sp`. */
__global int frames_end(struct func_stack *t, __u32 pid, __u64 start, __u64 sp)
{
	if (!t)
		return 0;
	for (__u32 i = 0; i < HL_FUNC_DEPTH && i < t->depth; i++) {
		struct func_frame *f = frame_at(t, i);

		if (f->sp < sp)
			continue;
		if (f->func)
			count_abandoned(pid, start, f->func);
		f->func = 0;
	}
	return frames_trim(t);
}

/* A point that begins something which has not ended yet: it never will, unless this one is within it. */
__global int frames_again(struct func_stack *t, __u32 pid, __u64 start, __u32 func, __u64 sp)
{
	if (!t)
		return 0;
	for (__u32 i = 0; i < HL_FUNC_DEPTH && i < t->depth; i++)
		if (frame_at(t, i)->func == func && frame_at(t, i)->point <= sp) {
			frame_at(t, i)->func = 0;
			count_abandoned(pid, start, func);
		}
	return frames_trim(t);
}

/* Whose return this is: the last that began where the stack is now; sp ANYWHERE: the last of that function.
 */
__global int frame_find(struct func_stack *t, __u32 id, __u64 sp)
{
	if (!t)
		return -1;
	for (__u32 i = 0; i < HL_FUNC_DEPTH && i < t->depth; i++) {
		__u32 at = t->depth - 1 - i;
		struct func_frame *f = frame_at(t, at);

		if (f->func == id && f->sp == sp)
			return at;
	}
	return -1;
}

/* The call that this one was made in has so much less of its own. */
__global int caller_nested(struct func_stack *t, __u32 at, __u64 ns)
{
	if (!t)
		return 0;
	for (__u32 i = 1; i < HL_FUNC_DEPTH && i <= at; i++) {
		struct func_frame *f = frame_at(t, at - i);

		if (f->func) {
			f->nested += ns;
			break;
		}
	}
	return 0;
}

#endif
