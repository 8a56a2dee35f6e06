/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files: what each process does to each file, and what it waits for there. A file is told by
 * its inode and the name under which the process has it; its path is read once, when it is
 * met, into an entry that user space maps, so that no path can be lost on its way. What finds
 * no room is counted as that of the file "(other)".
 *
 * The descriptor is looked up when the call has ended. While a call sleeps another thread may
 * close it and open something else there: then the file is not the one that was slept on, which
 * sched_switch noted, and what was done goes to "(other)". In a call that does not sleep there is
 * next to no time for that.
 */
#ifndef HL_FILES_BPF_H
#define HL_FILES_BPF_H

#include "bpf/cell.bpf.h"
#include "bpf/path.bpf.h"
#include "bpf/slow.bpf.h"

#define HL_S_IFDIR 0040000
#define HL_S_IFREG 0100000

/* File systems that the kernel makes up: no file there is anywhere. */
#define HL_PROC_MAGIC    0x9fa0
#define HL_SYSFS_MAGIC   0x62656572
#define HL_CGROUP_MAGIC  0x27e0eb
#define HL_CGROUP2_MAGIC 0x63677270
#define HL_DEBUGFS_MAGIC 0x64626720
#define HL_TRACEFS_MAGIC 0x74726163
#define HL_BPF_MAGIC     0xcafe4a11

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

/* ---- which file -------------------------------------------------------------------- */

__hot bool is_made_up(__u64 magic)
{
	return magic == HL_PROC_MAGIC || magic == HL_SYSFS_MAGIC || magic == HL_CGROUP_MAGIC ||
	       magic == HL_CGROUP2_MAGIC || magic == HL_DEBUGFS_MAGIC || magic == HL_TRACEFS_MAGIC ||
	       magic == HL_BPF_MAGIC || magic == HL_ANON_INODE_MAGIC;
}

/* A regular file, a directory or a block device; fills what tells it from others. */
__hot bool file_identify(__u64 file, struct hl_slot *s, struct hl_file_id *id)
{
	struct inode *inode = LOAD(struct file, file, f_inode);
	struct dentry *d = LOAD(struct file, file, f_path.dentry);
	__u16 type = LOAD(struct inode, inode, i_mode) & HL_S_IFMT;
	struct super_block *sb;

	if (type != HL_S_IFREG && type != HL_S_IFDIR && type != HL_S_IFBLK)
		return false;
	sb = LOAD(struct inode, inode, i_sb);
	if (is_made_up(LOAD(struct super_block, sb, s_magic)))
		return false;
	id->inode = (__u64)inode;
	id->dentry = (__u64)d;
	id->name = LOAD(struct dentry, d, d_name.hash_len);
	id->parent = (__u64)LOAD(struct dentry, d, d_parent);
	id->ino = LOAD(struct inode, inode, i_ino);
	id->start = s->proc_start;
	id->pid = s->pid;
	id->generation = LOAD(struct inode, inode, i_generation);
	id->dev = LOAD(struct super_block, sb, s_dev);
	id->flags = 0;
	if (!LOAD(struct inode, inode, i_nlink) ||
	    (!LOAD(struct dentry, d, d_hash.pprev) && id->parent != id->dentry))
		id->flags = HL_FILE_DELETED;
	return true;
}

__hot bool file_same(const struct hl_file_id *a, const struct hl_file_id *b)
{
	return a->inode == b->inode && a->dentry == b->dentry && a->name == b->name &&
	       a->parent == b->parent && a->ino == b->ino && a->start == b->start && a->pid == b->pid &&
	       a->generation == b->generation && a->dev == b->dev && a->flags == b->flags;
}

__hot __u32 file_hash(const struct hl_file_id *id)
{
	__u64 h = (id->ino ^ id->name ^ id->start ^ id->pid) * 0x9e3779b97f4a7c15ull;

	return h >> 40;
}

/* Files share the pool of cells with all else, which must not go short: they take half of it. */
__hot bool cells_left(void)
{
	struct hl_ctl *ctl = ctl_get();

	return ctl && ctl->pool_next - (ctl->free_tail - ctl->free_head) < cfg.nr_cells / 2;
}

/* A file met for the first time: its entry, with its path. 0: no room. */
__global int file_meet(__u64 file, const struct hl_file_id *id, __u32 hash)
{
	struct path_walk walk = {};
	struct hl_file_entry *f;
	__u32 at;

	if (!id || !cells_left())
		return 0;
	for (int i = 0; i < HL_FILE_PROBES; i++) {
		at = (hash + i) & cfg.file_mask;
		f = bpf_map_lookup_elem(&hl_files, &at);
		if (!f || !at)
			continue;
		if (f->state || __sync_val_compare_and_swap(&f->state, HL_FILE_FREE, HL_FILE_BUSY))
			continue;
		f->id = *id;
		f->path_len = path_of(file, (struct path_room *)f->path, &walk);
		f->path_flags = walk.flags;
		barrier_compiler();
		f->state = HL_FILE_KNOWN;
		return at;
	}
	return 0;
}
_Static_assert(HL_FILE_PATH == HL_PATH_ROOM, "an entry has room for a path");

#define HL_NO_FILE (-1)

/* Where the entry of a file is that a thread has open; 0: there was no room; HL_NO_FILE: it is a
 * pipe, a socket or the like. The address is handed over in memory, where the verifier takes it
 * for a number. */
__global int file_find(const __u64 *object, struct hl_slot *s)
{
	struct hl_file_id id;
	struct hl_file_entry *f;
	__u32 hash, at;
	__u64 file;

	if (!s || !object)
		return HL_NO_FILE;
	file = *object;
	if (!file || !file_identify(file, s, &id))
		return HL_NO_FILE;
	hash = file_hash(&id);
	for (int i = 0; i < HL_FILE_PROBES; i++) {
		at = (hash + i) & cfg.file_mask;
		f = bpf_map_lookup_elem(&hl_files, &at);
		if (f && f->state == HL_FILE_KNOWN && file_same(&f->id, &id))
			return at;
	}
	return file_meet(file, &id, hash);
}

/* ---- counting ----------------------------------------------------------------------- */

/* The cell of what was done to the file at `at`. */
__hot struct hl_cell *file_cell(__u32 at, __u64 key, __u64 start, struct hl_cpu *cpu)
{
	__u32 cell = at ? cell_find(key, start, cpu->id) : 0;

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
__hot __u64 file_of_call(struct hl_slot *s, __u8 which, __s64 ret, struct pt_regs *regs, bool compat)
{
	struct call_args args;
	__u64 file;

	if (which == ON_RESULT)
		return ret < 0 ? 0 : fd_file(s->owner, ret);
	regs_args(regs, compat, args.a, 3);
	file = fd_file(s->owner, which == ON_SECOND ? args.a[1] : which == ON_THIRD ? args.a[2] : args.a[0]);
	if (which == ON_EITHER && file && is_fifo(file))
		file = fd_file(s->owner, args.a[2]);
	return file;
}

/* The current thread's call has ended. what: its breakdown; NULL: it never left the CPU. */
__global int file_call(struct hl_slot *s, const struct slow_what *what, __u64 duration, __s64 ret,
		       struct hl_cpu *cpu)
{
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
	file = file_of_call(s, how & ~ON_BYTES, ret, saved_regs(bpf_get_current_task_btf(), s), compat);
	at = file_find(&file, s);
	if (at == HL_NO_FILE)
		return 0;
	if (what && s->nr == s->call_nr && s->detail == HL_DETAIL_FILE && s->object != file)
		at = 0;
	c = file_cell(at, HL_KEY(at, s->call_nr, 0, s->call_abi, HL_CELL_FILE + HL_OP_SYSCALL), s->proc_start,
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
	return 0;
}

/* A thread is back from a wait on a file, which it holds for as long as its call lasts. */
__global int file_wait(struct hl_slot *s, __u64 slept, __u64 queued, __u64 throttled, struct hl_cpu *cpu)
{
	struct hl_cell *c;
	int at;

	if (!s || !cpu)
		return 0;
	at = file_find(&s->object, s);
	if (at == HL_NO_FILE)
		return 0;
	c = file_cell(at, HL_KEY(at, s->nr, s->state, s->abi, HL_CELL_FILE + HL_OP_WAIT), s->proc_start, cpu);
	if (!c)
		return 0;
	cell_add(c, slept + queued + throttled);
	c->state_ns[s->state & (NR_HL_STATES - 1)] += slept;
	c->state_ns[HL_STATE_RUNQUEUE] += queued;
	c->state_ns[HL_STATE_THROTTLED] += throttled;
	return 0;
}

#endif
