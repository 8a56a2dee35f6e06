/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The path of an open file, leaf first: names with a NUL each, up to the root of the
 * last mount. User space turns it round. Right after rename and deletion, for it walks
 * the file's own dentries.
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

/* Fills room; returns the bytes used. *flags gets HL_SLOW_*. */
__global int path_of(__u64 file, struct path_room *out, __u32 *flags)
{
	char *room = out ? out->s : NULL;
	struct dentry *d = LOAD(struct file, file, f_path.dentry), *up;
	struct vfsmount *vm = LOAD(struct file, file, f_path.mnt);
	struct mount *m = (void *)vm - bpf_core_field_offset(struct mount, mnt), *parent;
	__u32 used = 0;
	long n;

	if (!room || !flags)
		return 0;
	if (!LOAD(struct dentry, d, d_hash.pprev) && LOAD(struct dentry, d, d_parent) != d)
		*flags |= HL_SLOW_DELETED;
	for (int i = 0; i < HL_PATH_DEPTH; i++) {
		up = LOAD(struct dentry, d, d_parent);
		if (up == d || LOAD(struct mount, m, mnt.mnt_root) == d) {
			parent = LOAD(struct mount, m, mnt_parent);
			if (parent == m || !parent)
				return used;
			d = LOAD(struct mount, m, mnt_mountpoint);
			m = parent;
			continue;
		}
		if (used >= HL_PATH_ROOM - HL_NAME_ROOM)
			break;
		n = bpf_probe_read_kernel_str(room + (used & (HL_NAME_ROOM - 1)), HL_NAME_ROOM, LOAD(struct dentry, d, d_name.name));
		if (n <= 0 || n > HL_NAME_ROOM)
			break;
		used += n;
		d = up;
	}
	*flags |= HL_SLOW_PATH_CUT;
	return used;
}

#endif
