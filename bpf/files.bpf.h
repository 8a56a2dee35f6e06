/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files, as processes know them. A file is told by its inode and the name under which the
 * process has it; its path is read once, when it is met, into an entry that user space maps,
 * so that no path can be lost on its way. What finds no room is counted as that of the file
 * "(other)".
 */
#ifndef HL_FILES_BPF_H
#define HL_FILES_BPF_H

#include "bpf/cell.bpf.h"
#include "bpf/path.bpf.h"

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

/* ---- which file -------------------------------------------------------------------- */

__hot bool is_made_up(__u64 magic)
{
	return magic == HL_PROC_MAGIC || magic == HL_SYSFS_MAGIC || magic == HL_CGROUP_MAGIC ||
	       magic == HL_CGROUP2_MAGIC || magic == HL_DEBUGFS_MAGIC || magic == HL_TRACEFS_MAGIC ||
	       magic == HL_BPF_MAGIC || magic == HL_ANON_INODE_MAGIC;
}

/* A regular file, a directory or a block device; fills what tells it from others, but for the
 * process. A function of its own, so that its stack is free again when the file is looked for. */
__global int file_identify(const __u64 *object, struct hl_file_id *id)
{
	struct super_block *sb;
	struct inode *inode;
	struct dentry *d;
	__u16 type;

	if (!object || !*object || !id)
		return 0;
	inode = LOAD(struct file, *object, f_inode);
	d = LOAD(struct file, *object, f_path.dentry);
	type = LOAD(struct inode, inode, i_mode) & HL_S_IFMT;
	if (type != HL_S_IFREG && type != HL_S_IFDIR && type != HL_S_IFBLK)
		return 0;
	sb = LOAD(struct inode, inode, i_sb);
	if (is_made_up(LOAD(struct super_block, sb, s_magic)))
		return 0;
	id->inode = (__u64)inode;
	id->dentry = (__u64)d;
	id->name = LOAD(struct dentry, d, d_name.hash_len);
	id->parent = (__u64)LOAD(struct dentry, d, d_parent);
	id->ino = LOAD(struct inode, inode, i_ino);
	id->generation = LOAD(struct inode, inode, i_generation);
	id->dev = LOAD(struct super_block, sb, s_dev);
	id->flags = 0;
	if (!LOAD(struct inode, inode, i_nlink) ||
	    (!LOAD(struct dentry, d, d_hash.pprev) && id->parent != id->dentry))
		id->flags = HL_FILE_DELETED;
	return 1;
}

__hot bool file_same(const struct hl_file_id *a, const struct hl_file_id *b)
{
	return a->inode == b->inode && a->dentry == b->dentry && a->name == b->name &&
	       a->parent == b->parent && a->ino == b->ino && a->start == b->start && a->pid == b->pid &&
	       a->generation == b->generation && a->dev == b->dev && a->flags == b->flags;
}

__hot __u32 file_hash(const struct hl_file_id *id)
{
	__u64 h = (id->ino ^ id->name ^ id->dentry ^ id->start ^ id->pid) * 0x9e3779b97f4a7c15ull;

	return h >> 40;
}

/* Names cost a program nothing, and some ask for thousands: they take half of the places at most. */
__hot bool names_left(void)
{
	struct hl_ctl *ctl = ctl_get();

	return ctl && ctl->names_taken - ctl->names_freed <= cfg.file_mask / 2;
}

__hot void name_taken(void)
{
	struct hl_ctl *ctl = ctl_get();

	if (ctl)
		__sync_fetch_and_add(&ctl->names_taken, 1);
}

/* Whose a cell is: the file's at `at`, or the process's where there was no room. */
__hot __u32 file_owner(__u32 at, __u32 pid)
{
	return at ?: HL_FILE_NO_ROOM | pid;
}

/* The cell of an operation on a file; 0: no room. */
__hot __u32 file_cell(__u64 key, __u64 start, __u32 cpu)
{
	return HL_KEY_PID(key) & HL_FILE_NO_ROOM && !cells_left() ? 0 : cell_find(key, start, cpu);
}

/* A name as a program gave it. */
struct file_name {
	union {
		char s[HL_GIVEN_ROOM];
		__u64 w[HL_GIVEN_ROOM / 8];
	};
	__u64 len; /* with its NUL */
	__u64 fs;
};

/* The name as it was given, and behind it the directory where it begins. */
__hot void file_path(struct hl_file_entry *f, __u64 path, const struct file_name *name)
{
	struct path_walk walk = {};

	if (name) {
		bpf_probe_read_kernel(f->path, sizeof(name->s), name->s);
		walk.used = name->len;
	}
	f->path_len = path ? path_of(path, (struct path_room *)f->path, &walk) : walk.used;
	f->path_flags = walk.flags;
}

/* A file met for the first time: its entry, with its path. 0: no room. */
__global int file_meet(const __u64 *path, const struct hl_file_id *id, const struct file_name *name)
{
	struct hl_file_entry *f;
	__u32 hash, at;

	if (!path || !id || !cells_left() || (name && !names_left()))
		return 0;
	hash = file_hash(id);
	for (int i = 0; i < HL_FILE_PROBES; i++) {
		at = (hash + i) & cfg.file_mask;
		f = bpf_map_lookup_elem(&hl_files, &at);
		if (!f || !at)
			continue;
		if (f->state || __sync_val_compare_and_swap(&f->state, HL_FILE_FREE, HL_FILE_BUSY))
			continue;
		f->id = *id;
		if (name)
			name_taken();
		file_path(f, *path, name);
		barrier_compiler();
		f->state = HL_FILE_KNOWN;
		return at;
	}
	return 0;
}
_Static_assert(HL_FILE_PATH == HL_PATH_ROOM, "an entry has room for a path");

#define HL_NO_FILE (-1)

/* Where the entry of such a file is; 0: there was no room. path: its address, or the directory's
 * that its name begins at; in memory, where the verifier takes it for a number. */
__hot int file_look_up(const __u64 *path, const struct hl_file_id *id, const struct file_name *name)
{
	struct hl_file_entry *f;
	__u32 hash, at;

	if (!path || !id)
		return 0;
	hash = file_hash(id);
	for (int i = 0; i < HL_FILE_PROBES; i++) {
		at = (hash + i) & cfg.file_mask;
		f = bpf_map_lookup_elem(&hl_files, &at);
		if (f && f->state == HL_FILE_KNOWN && file_same(&f->id, id))
			return at;
	}
	return file_meet(path, id, name);
}

/* Where the entry of a file is that a process has open; 0: there was no room; HL_NO_FILE: it is a
 * pipe, a socket or the like. object: its address, in memory. id: room for what tells the file; its process
 * is filled in. */
__global int file_find(const __u64 *object, struct hl_file_id *id)
{
	__u64 path;

	if (!object || !id || !file_identify(object, id))
		return HL_NO_FILE;
	path = path_at(*object);
	barrier_compiler(); /* what was a pointer is a number when it is hashed */
	return file_look_up(&path, id, NULL);
}

#endif
