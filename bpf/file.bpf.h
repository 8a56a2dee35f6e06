/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a descriptor leads to, read at switch-out while the thread is current: the file's
 * type, a socket's role. Only waits whose state needs it come here.
 */
#ifndef HL_FILE_BPF_H
#define HL_FILE_BPF_H

#include "bpf/compat.bpf.h"
#include "bpf/classify.h"

#define HL_S_IFMT   0170000
#define HL_S_IFIFO  0010000
#define HL_S_IFCHR  0020000
#define HL_S_IFBLK  0060000
#define HL_S_IFSOCK 0140000

#define HL_ANON_INODE_MAGIC 0x09041934

#define HL_AF_UNIX 1

#define HL_TCP_ESTABLISHED 1
#define HL_TCP_LISTEN      10

#define HL_SOCK_STREAM     1
#define HL_SOCK_SEQPACKET  5
#define HL_SOCK_BIND_LOCKS 12 /* SOCK_BINDADDR_LOCK, SOCK_BINDPORT_LOCK */

/* The open file behind a descriptor of a task (its address), as a number; 0: none. */
__hot __u64 fd_file(__u64 task, __u32 fd)
{
	struct files_struct *files = LOAD(struct task_struct, task, files);
	struct fdtable *fdt;
	__u64 file = 0, at;

	if (!files)
		return 0;
	fdt = LOAD(struct files_struct, files, fdt);
	if (fd >= LOAD(struct fdtable, fdt, max_fds))
		return 0;
	at = (__u64)LOAD(struct fdtable, fdt, fd) + fd * sizeof(file);
	if (cfg.flags & HL_CFG_CAST) /* any struct whose first member is a pointer */
		return (__u64)CAST(struct callback_head, at)->next;
	if (bpf_probe_read_kernel(&file, sizeof(file), (void *)at))
		return 0;
	return file;
}

/* eventfd, timerfd and the like have no type but their name. */
__hot __u8 anon_kind(__u64 file)
{
	struct dentry *d = LOAD(struct file, file, f_path.dentry);
	const unsigned char *name = LOAD(struct dentry, d, d_name.name);
	char n[8] = {};

	bpf_probe_read_kernel(n, sizeof(n), name);
	if (n[0] != '[') /* "inotify" and "kvm-vcpu:0" have none */
		return n[0] == 'i' || (n[0] == 'k' && n[4] == 'v') ? FILE_WORK : FILE_OTHER;
	switch (n[1] | n[6] << 8) {
	case 'e' | 'f' << 8: /* [eventfd] */
		return FILE_EVENT;
	case 'e' | 'p' << 8: /* [eventpoll] */
		return FILE_EPOLL;
	case 't' | 'f' << 8: /* [timerfd] */
		return FILE_TIMER;
	case 's' | 'l' << 8: /* [signalfd] */
	case 'f' | 'i' << 8: /* [fanotify] */
	case 'u' | 'a' << 8: /* [userfaultfd] */
		return FILE_WORK;
	}
	return FILE_OTHER;
}

/* Terminals, and devices through which a server takes its work. */
__hot __u8 chr_kind(__u32 rdev)
{
	__u32 major = rdev >> 20, minor = rdev & 0xfffff;

	if (major == 4 || major == 5 || (major >= 128 && major <= 143) || major == 204 || major == 229)
		return FILE_WORK;
	if (major == 10 && (minor == 229 || minor == 200)) /* fuse, tun */
		return FILE_WORK;
	return major == 1 && minor == 11 ? FILE_WORK : FILE_OTHER; /* kmsg */
}

struct sock___lock {
	__u8 sk_userlocks : 4;
} __attribute__((preserve_access_index));

/*
 * A socket's role, without having seen its events: a listener's backlog limit is copied
 * to what it accepts, and is 0 on what was opened from here.
 */
__hot __u8 sock_kind(__u64 sk)
{
	__u16 family = LOAD(struct sock, sk, __sk_common.skc_family);
	__u8 state = LOAD(struct sock, sk, __sk_common.skc_state);
	__u16 type;

	if (family == HL_AF_UNIX)
		return FILE_UNIX;
	if (state == HL_TCP_LISTEN)
		return FILE_LISTEN;
	type = LOAD(struct sock, sk, sk_type);
	if (type == HL_SOCK_STREAM || type == HL_SOCK_SEQPACKET)
		return LOAD(struct sock, sk, sk_max_ack_backlog) ? FILE_ACCEPTED : FILE_OPENED;
	if (family != HL_AF_INET && family != HL_AF_INET6)
		return FILE_BOUND; /* netlink, packet: the kernel hands out events */
	if (state == HL_TCP_ESTABLISHED)
		return FILE_OPENED;
	/* one that got its port by sending waits for an answer */
	return BPF_CORE_READ_BITFIELD_PROBED((struct sock___lock *)sk, sk_userlocks) & HL_SOCK_BIND_LOCKS
		       ? FILE_BOUND
		       : FILE_OPENED;
}

/* The number of its inode, by which a socket's file is named in /proc. */
__hot __u64 file_number(__u64 file)
{
	struct inode *inode = LOAD(struct file, file, f_inode);

	return LOAD(struct inode, inode, i_ino);
}

__hot bool is_socket_file(__u64 file)
{
	struct inode *inode = LOAD(struct file, file, f_inode);

	return (LOAD(struct inode, inode, i_mode) & HL_S_IFMT) == HL_S_IFSOCK;
}

/* The sock of such a file, as a number; 0: it has none. */
__hot __u64 file_sock(__u64 file)
{
	struct socket *sock = LOAD(struct file, file, private_data);

	return (__u64)LOAD(struct socket, sock, sk);
}

/* The type of an open file. *object: what names it later, the file, or for a socket its sock. */
__hot __u8 file_kind(__u64 file, __u64 *object)
{
	struct inode *inode = LOAD(struct file, file, f_inode);
	__u16 mode = LOAD(struct inode, inode, i_mode);
	struct super_block *sb;

	*object = file;
	switch (mode & HL_S_IFMT) {
	case HL_S_IFSOCK:
		*object = file_sock(file);
		return *object ? sock_kind(*object) : FILE_OTHER;
	case HL_S_IFIFO:
		return FILE_PIPE;
	case HL_S_IFCHR:
		return chr_kind(LOAD(struct inode, inode, i_rdev));
	case HL_S_IFBLK:
		return FILE_DISK;
	}
	sb = LOAD(struct inode, inode, i_sb);
	/* a regular file's type on these since v6.16 (cfd86ef7e8e7), none before */
	if (LOAD(struct super_block, sb, s_magic) == HL_ANON_INODE_MAGIC)
		return anon_kind(file);
	return LOAD(struct super_block, sb, s_bdev) ? FILE_DISK : FILE_REG;
}

/* What a descriptor of a task leads to. *object is 0 where there is nothing. */
__hot __u8 fd_look(__u64 task, __u32 fd, __u64 *object)
{
	__u64 file = fd_file(task, fd);

	*object = 0;
	return file ? file_kind(file, object) : FILE_NONE;
}

__global int fd_kind(__u64 task, __u32 fd, __u64 *object)
{
	return object ? fd_look(task, fd, object) : FILE_NONE;
}

/* A descriptor by which a program ends its own poll: an eventfd, or a pair of sockets of which
 * it holds both ends, next to each other as socketpair made them (curl). */
__hot bool fd_wakes_self(__u64 task, __u32 fd, __u32 kind, __u64 sk)
{
	__u64 peer, near = 0;

	if (kind != FILE_UNIX || !sk || !bpf_core_type_exists(struct unix_sock))
		return kind == FILE_EVENT;
	peer = (__u64)LOAD(struct unix_sock, sk, peer);
	if (!peer)
		return 0;
	fd_kind(task, fd + 1, &near);
	if (near != peer)
		fd_kind(task, fd - 1, &near);
	return near == peer;
}

#endif
