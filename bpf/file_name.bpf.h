/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files that a call names by their path, and does not open: stat, unlink, rename, mkdir, an open
 * that fails. What the name led to is not known when the call has ended, and may not be there:
 * such a file is told by the name as the program gave it, and by the directory that this begins
 * at. Symbolic links are not followed.
 */
#ifndef HL_FILE_NAME_BPF_H
#define HL_FILE_NAME_BPF_H

#include "bpf/files.bpf.h"
#include "bpf/slow.bpf.h"

#define HL_AT_FDCWD (-100)

/* Each CPU's; its user holds the CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct file_name);
} hl_names SEC(".maps");

/* The directory that the name begins at, as the address of a struct path; 0: not known. */
__hot __u64 name_base(struct file_name *name, __u64 task, __s32 dirfd)
{
	__u64 file;

	name->fs = (__u64)LOAD(struct task_struct, task, fs); /* in and out of memory it is a number */
	barrier_compiler();
	if (!name->fs)
		return 0;
	if (name->s[0] == '/')
		return name->fs + bpf_core_field_offset(struct fs_struct, root);
	if (dirfd == HL_AT_FDCWD)
		return name->fs + bpf_core_field_offset(struct fs_struct, pwd);
	file = fd_file(task, dirfd);
	return file ? path_at(file) : 0;
}

static __noinline __u64 name_hash(const struct file_name *name)
{
	__u64 h = 0;

	for (int i = 0; i < HL_GIVEN_ROOM / 8; i++)
		h = (h ^ name->w[i]) * 0x9e3779b97f4a7c15ull + (h >> 29);
	return h;
}

/* Which argument of the call is the name, and from where on it counts; false: none. */
__hot bool name_args(__u8 how, const __u64 *a, __u64 *name, __s32 *dirfd)
{
	*dirfd = HL_AT_FDCWD;
	if (how & BY_NAME) {
		*name = a[0];
		return true;
	}
	if (how & BY_NAME_AT) {
		*dirfd = a[0];
		*name = a[1];
		return true;
	}
	if (how & BY_NEW_NAME) {
		*name = a[1];
		return true;
	}
	if (how & BY_NEW_NAME_AT) {
		*dirfd = a[1];
		*name = a[2];
		return true;
	}
	return false;
}

/* A name in /proc or /sys: no file there is anywhere. */
__hot bool is_made_up_name(const char *s)
{
	return s[0] == '/' && ((s[1] == 'p' && s[2] == 'r' && s[3] == 'o' && s[4] == 'c' && s[5] == '/') ||
			       (s[1] == 's' && s[2] == 'y' && s[3] == 's' && s[4] == '/'));
}

__hot bool is_made_up_dir(__u64 path)
{
	struct dentry *d = LOAD(struct path, path, dentry);
	struct super_block *sb = LOAD(struct dentry, d, d_sb);

	return is_made_up(LOAD(struct super_block, sb, s_magic));
}

#define HL_EMPTY_NAME (-2)

/*
 * The entry of the file that a call names, as file_find, or HL_EMPTY_NAME. 0, as if there was no
 * room: the name cannot be read, is too long, or begins nobody knows where.
 */
__global int file_named(__u64 task, __u64 user, __s32 dirfd, struct hl_file_id *id)
{
	struct file_name *name;
	__u32 zero = 0;
	__u64 base;
	long n;

	name = bpf_map_lookup_elem(&hl_names, &zero);
	if (!id || !name || !user)
		return 0;
	__builtin_memset(name, 0, sizeof(*name));
	n = bpf_probe_read_user_str(name->s, sizeof(name->s), (void *)user);
	if (n == 1)
		return HL_EMPTY_NAME;
	if (n <= 0 || n >= HL_GIVEN_ROOM)
		return 0;
	if (is_made_up_name(name->s))
		return HL_NO_FILE;
	name->len = n;
	base = name_base(name, task, dirfd);
	if (!base)
		return 0;
	if (is_made_up_dir(base) && name->s[0] != '/')
		return HL_NO_FILE;
	id->inode = 0;
	id->dentry = (__u64)LOAD(struct path, base, dentry);
	id->name = name_hash(name);
	id->parent = 0;
	id->ino = 0;
	id->generation = 0;
	id->dev = 0;
	id->flags = HL_FILE_BY_NAME;
	barrier_compiler(); /* what was a pointer is a number when it is hashed */
	return file_look_up(&base, id, name);
}

#endif
