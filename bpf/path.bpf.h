/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A path of the kernel's, of an open file or a directory, leaf first: names with a NUL each, up to the root
 * of the last mount. User space turns it round. Right after rename and deletion, for it walks the file's own
 * dentries.
 */
#ifndef HL_PATH_BPF_H
#define HL_PATH_BPF_H

#include "bpf/file.bpf.h"

#define HL_PATH_ROOM  512
#define HL_NAME_ROOM  256
#define HL_PATH_DEPTH 24

struct path_room {
	char s[HL_PATH_ROOM];
};

/*
 * How far the walk is. In memory, so that the verifier forgets what `used` was: else each
 * length of each name is a path of its own through the loop, more than v6.1 follows.
 */
struct path_walk {
	__u32 flags; /* HL_SLOW_* */
	volatile __u32 used;
};

/* Where an open file keeps its path: the address of a struct path. */
__hot __u64 path_at(__u64 file)
{
	return file + bpf_core_field_offset(struct file, f_path);
}

/* Fills room behind what walk says is used; returns the bytes used. path: address of a struct path. */
__global int path_of(__u64 path, struct path_room *out, struct path_walk *walk)
{
	char *room = out ? out->s : NULL;
	struct dentry *d = LOAD(struct path, path, dentry), *up;
	struct vfsmount *vm = LOAD(struct path, path, mnt);
	struct mount *m = (void *)vm - bpf_core_field_offset(struct mount, mnt), *parent;
	__u64 at;
	long n;

	if (!room || !walk)
		return 0;
	if (!LOAD(struct dentry, d, d_hash.pprev) && LOAD(struct dentry, d, d_parent) != d)
		walk->flags |= HL_SLOW_DELETED;
	for (int i = 0; i < HL_PATH_DEPTH; i++) {
		up = LOAD(struct dentry, d, d_parent);
		if (up == d || LOAD(struct mount, m, mnt.mnt_root) == d) {
			parent = LOAD(struct mount, m, mnt_parent);
			if (parent == m || !parent)
				return walk->used;
			d = LOAD(struct mount, m, mnt_mountpoint);
			m = parent;
			continue;
		}
		at = walk->used;
		if (at >= HL_PATH_ROOM - HL_NAME_ROOM)
			break;
		asm volatile("%0 &= 255" : "+r"(at)); /* for the verifier: a copy may lose the bound */
		n = bpf_probe_read_kernel_str(room + at, HL_NAME_ROOM, LOAD(struct dentry, d, d_name.name));
		if (n <= 0 || n > HL_NAME_ROOM)
			break;
		walk->used = at + n;
		d = up;
	}
	walk->flags |= HL_SLOW_PATH_CUT;
	return walk->used;
}

#endif
