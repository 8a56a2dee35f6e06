/* SPDX-License-Identifier: GPL-2.0 */
/*
 * System calls made inside of traced functions: counted by function and call, for the innermost call of a
 * function that is open then. What was left by a jump is not, whether that was noticed or not: the stack is
 * not that deep any more, or where its return address was there is another one.
 */
#ifndef HL_INSIDE_BPF_H
#define HL_INSIDE_BPF_H

#include "bpf/cell.bpf.h"
#include "bpf/frames.bpf.h"

/* Of uretprobes and uprobes: made by the kernel's own code, in no program's name. */
#define HL_X86_NR_URETPROBE 335
#define HL_X86_NR_UPROBE    336

__hot bool is_of_probe(const struct hl_slot *s)
{
	return s->call_abi == HL_ABI_X86_64 &&
	       (s->call_nr == HL_X86_NR_URETPROBE || s->call_nr == HL_X86_NR_UPROBE);
}

/* Is it still there that the call returns to, or where the kernel has it return to instead? */
__hot bool still_returns(const struct func_frame *f)
{
	struct task_struct *p = bpf_get_current_task_btf();
	__u64 ret = 0;

	if (!f->ret || bpf_probe_read_user(&ret, sizeof(ret), (void *)f->sp) || ret == f->ret)
		return true;
	return ret == BPF_CORE_READ(p, mm, uprobes_state.xol_area, vaddr);
}

/* Which of the thread's open calls it is in; -1: none. */
__global int frame_inside(struct func_stack *t, __u64 sp)
{
	if (!t)
		return -1;
	for (__u32 i = 0; i < HL_FUNC_DEPTH && i < t->depth; i++) {
		__u32 at = t->depth - 1 - i;
		struct func_frame *f = frame_at(t, at);

		if (f->func && sp <= f->sp && still_returns(f))
			return at & (HL_FUNC_DEPTH - 1);
	}
	return -1;
}

/* As peers, they take half of the pool of cells. */
__hot struct hl_cell *inside_cell(struct hl_slot *s, __u32 func, struct hl_cpu *cpu)
{
	__u64 key = HL_KEY(s->pid, s->call_nr, 0, s->call_abi, HL_CELL_INSIDE);
	__u32 cell = cells_left() ? cell_find(key, HL_INSIDE(s->proc_start, func), cpu->id) : 0;
	struct hl_cell *c;

	if (!cell)
		cell = cell_other(cpu->id, HL_CELL_INSIDE);
	c = bpf_map_lookup_elem(&hl_cells, &cell);
	if (c)
		c->proc_start = s->proc_start;
	return c;
}

/* The cell that a call which ends in a traced function belongs in; NULL: it is in none. Inlined, or the stack
 * is too deep for v6.1. */
__hot struct hl_cell *inside_find(struct hl_slot *s, struct hl_cpu *cpu, __u64 duration)
{
	struct task_struct *p = bpf_get_current_task_btf();
	struct hl_ctl *ctl = ctl_get();
	struct func_stack *t;
	struct func_frame *f;
	struct hl_cell *c;
	int at;

	if (!ctl || !ctl->watch_gen || is_of_probe(s))
		return NULL;
	t = bpf_task_storage_get(&hl_frames, p, NULL, 0);
	at = t ? frame_inside(t, regs_sp(saved_regs(p, s))) : -1;
	if (t && at < 0)
		return NULL;
	cpu->inside_seen++;
	f = t ? frame_at(t, at) : NULL;
	c = f ? inside_cell(s, f->func, cpu) : NULL;
	if (!c) {
		cpu->inside_lost++;
		return NULL;
	}
	f->syscalls++;
	f->syscall_ns += duration;
	return c;
}

#endif
