// SPDX-License-Identifier: GPL-2.0
/*
 * Which file a thread sleeps on in a page fault. Attached only while files are counted, for each
 * fault pays for the first of these, and each switch for the second.
 *
 *   page_fault_user  notes the address (on x86: other machines have no such tracepoint)
 *   sched_switch     behind core's, which has told by then what the thread sleeps for: looks up
 *                    what is mapped there, unless that would have to wait for the map's lock
 */
#include "bpf/compat.bpf.h"
#include <bpf/bpf_tracing.h>
#include "bpf/slot.bpf.h"
#include "bpf/file.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("tp_btf/page_fault_user")
int BPF_PROG(page_fault_user, unsigned long address, struct pt_regs *regs)
{
	struct hl_cpu *cpu = this_cpu();
	struct hl_slot *s = cpu ? slot_running(cpu, (__u64)regs) : NULL;

	if (!s)
		s = slot_find(bpf_get_current_task_btf());
	if (s)
		s->fault = address;
	return 0;
}

struct mapped {
	__u64 file;
};

static long note_file(struct task_struct *p, struct vm_area_struct *vma, struct mapped *m)
{
	m->file = (__u64)vma->vm_file;
	return 0;
}

SEC("tp_btf/sched_switch")
int sched_switch(__u64 *ctx)
{
	struct task_struct *prev = (void *)ctx[1];
	struct hl_slot *s = slot_find(prev);
	struct mapped m = {};
	__u64 object;
	__u8 kind;

	if (!s || s->state != HL_STATE_FAULT || !(s->flags & HL_SLOT_WAS_ASLEEP) || !s->fault)
		return 0;
	if (bpf_find_vma(prev, s->fault, note_file, &m, 0) || !m.file)
		return 0;
	kind = file_kind(m.file, &object);
	if (kind != FILE_REG && kind != FILE_DISK)
		return 0;
	s->object = object;
	s->file = kind;
	s->detail = HL_DETAIL_FILE;
	return 0;
}
