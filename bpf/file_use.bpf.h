/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What each process does to each file, and what it waits for there, beside the counting of
 * calls and waits as such.
 *
 * The descriptor is looked up when the call has ended. While a call sleeps another thread may
 * close it and open something else there: then the file is not the one that was slept on, which
 * sched_switch noted, and what was done goes to "(other)". In a call that does not sleep there is
 * next to no time for that. A call that has its file's name and no descriptor is in file_name.bpf.h.
 */
#ifndef HL_FILE_USE_BPF_H
#define HL_FILE_USE_BPF_H

#include "bpf/file_name.bpf.h"

#define AT(nr) ((nr) < 0 ? HL_MAX_NR : (nr))
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Winitializer-overrides"
static const __u8 native_file_calls[HL_MAX_NR + 1] = {
#if defined(__TARGET_ARCH_x86)
#define X(x64, x32, generic, which) [AT(x64)] = which,
#else
#define X(x64, x32, generic, which) [AT(generic)] = which,
#endif
	HL_FILE_LIST(X)
#undef X
		[HL_MAX_NR] = 0,
};
static const __u8 compat_file_calls[HL_MAX_NR + 1] = {
#define X(x64, x32, generic, which) [AT(x32)] = which,
	HL_FILE_LIST(X)
#undef X
		[HL_MAX_NR] = 0,
};
#pragma clang diagnostic pop
#undef AT

__hot __u8 file_call_of(__u16 nr, bool compat)
{
	__u32 at = nr;

	if (at >= HL_MAX_NR)
		return 0;
	asm volatile("%0 &= 511" : "+r"(at)); /* for the verifier: a copy may lose the bound */
	return compat ? compat_file_calls[at] : native_file_calls[at];
}

/* ---- counting ----------------------------------------------------------------------- */

/* Room for what tells a file, with the thread's process filled in. */
__hot struct hl_file_id *file_id_room(struct hl_slot *s, struct hl_cpu *cpu)
{
	__u32 at = cpu->id;
	struct slow_room *room = bpf_map_lookup_elem(&hl_rooms, &at);

	if (!room)
		return NULL;
	room->file.pid = s->pid;
	room->file.start = s->proc_start;
	return &room->file;
}

/* Where the entry of a file is that the thread has open; as file_find. */
__hot int file_of(const __u64 *object, struct hl_slot *s, struct hl_cpu *cpu)
{
	struct hl_file_id *id = file_id_room(s, cpu);

	return id ? file_find(object, id) : HL_NO_FILE;
}

/* The cell of what the thread did to a file. */
__hot struct hl_cell *file_count(struct hl_slot *s, __u64 key, struct hl_cpu *cpu)
{
	__u32 cell = file_cell(key, s->proc_start, cpu->id);

	cpu->files_seen++;
	if (!cell)
		cell = cell_other(cpu->id, HL_KEY_OP(key));
	return bpf_map_lookup_elem(&hl_cells, &cell);
}

__hot bool is_fifo(__u64 file)
{
	struct inode *inode = LOAD(struct file, file, f_inode);

	return (LOAD(struct inode, inode, i_mode) & HL_S_IFMT) == HL_S_IFIFO;
}

/* The open file that the call was on; 0: none, or not known. */
__hot __u64 file_opened(struct hl_slot *s, __u8 which, __s64 ret, const __u64 *a)
{
	__u64 file;

	if (!which)
		return 0;
	if (which == ON_RESULT)
		return ret < 0 ? 0 : fd_file(s->owner, ret);
	file = fd_file(s->owner, which == ON_SECOND ? a[1] : which == ON_THIRD ? a[2] : a[0]);
	if (which == ON_EITHER && file && is_fifo(file))
		file = fd_file(s->owner, a[2]);
	return file;
}

/* Where the entry of the file is that the call was on: one that it has open, or one that it named.
 * *file: the open one; 0: none. */
__hot int file_of_call(struct hl_slot *s, __u8 how, __s64 ret, const struct call_args *args, __u64 *file,
		       struct hl_cpu *cpu)
{
	struct hl_file_id *id;
	__u64 name;
	__s32 dirfd;
	int at;

	*file = file_opened(s, how & ON_WHICH, ret, args->a);
	if (*file || !(how & BY_ANY_NAME))
		return file_of(file, s, cpu);
	id = file_id_room(s, cpu);
	if (!id || !name_args(how, args->a, &name, &dirfd))
		return HL_NO_FILE;
	at = file_named(s->owner, name, dirfd, id);
	if (at != HL_EMPTY_NAME)
		return at;
	/* what the descriptor leads to, where one is given */
	*file = dirfd == HL_AT_FDCWD ? 0 : fd_file(s->owner, dirfd);
	return *file ? file_of(file, s, cpu) : 0;
}

/* The current thread's call has ended. what: its breakdown; NULL: it never left the CPU. */
__global int file_call(struct hl_slot *s, const struct slow_what *what, __u64 duration, __s64 ret,
		       struct hl_cpu *cpu)
{
	struct call_args args;
	struct hl_cell *c;
	bool compat;
	__u64 file;
	__u8 how;
	int at;

	if (!s || !cpu)
		return 0;
	compat = s->call_abi != HL_NATIVE_ABI;
	how = file_call_of(s->call_nr, compat);
	if (!how)
		return 0;
	regs_args(saved_regs(bpf_get_current_task_btf(), s), compat, args.a, 3);
	at = file_of_call(s, how, ret, &args, &file, cpu);
	if (at == HL_NO_FILE)
		return 0;
	if (what && file && s->nr == s->call_nr && s->detail == HL_DETAIL_FILE && s->object != file)
		at = 0;
	c = file_count(
		s, HL_KEY(file_owner(at, s->pid), s->call_nr, 0, s->call_abi, HL_CELL_FILE + HL_OP_SYSCALL),
		cpu);
	if (!c)
		return 0;
	cell_add(c, duration);
	c->errors += (__u64)ret >= (__u64)-HL_MAX_ERRNO;
	if (how & ON_BYTES && ret > 0)
		c->bytes += ret;
	if (!what) {
		c->state_ns[HL_STATE_CPU] += duration;
		return 0;
	}
	for (int i = 0; i < NR_HL_STATES; i++)
		c->state_ns[i] += what->state_ns[i];
	phases_add(c->phase_ns, what->phase_ns);
	return 0;
}

#endif
