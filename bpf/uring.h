/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The operations of io_uring: X(opcode, "name", what it waits for, as a call of classify.h
 * does). Opcodes are never reused; one that is not here has a number for a name.
 */
#ifndef HL_URING_H
#define HL_URING_H

#define HL_URING_OPS(X)                                                                                      \
	X(0, "nop", PLAIN)                                                                                   \
	X(1, "readv", READ)                                                                                  \
	X(2, "writev", WRITE)                                                                                \
	X(3, "fsync", SYNC)                                                                                  \
	X(4, "read_fixed", READ)                                                                             \
	X(5, "write_fixed", WRITE)                                                                           \
	X(6, "poll_add", POLL)                                                                               \
	X(7, "poll_remove", PLAIN)                                                                           \
	X(8, "sync_file_range", SYNC)                                                                        \
	X(9, "sendmsg", SEND)                                                                                \
	X(10, "recvmsg", RECV)                                                                               \
	X(11, "timeout", SLEEP)                                                                              \
	X(12, "timeout_remove", PLAIN)                                                                       \
	X(13, "accept", ACCEPT)                                                                              \
	X(14, "async_cancel", PLAIN)                                                                         \
	X(15, "link_timeout", SLEEP)                                                                         \
	X(16, "connect", CONNECT)                                                                            \
	X(17, "fallocate", WRITE)                                                                            \
	X(18, "openat", PLAIN)                                                                               \
	X(19, "close", PLAIN)                                                                                \
	X(20, "files_update", PLAIN)                                                                         \
	X(21, "statx", PLAIN)                                                                                \
	X(22, "read", READ)                                                                                  \
	X(23, "write", WRITE)                                                                                \
	X(24, "fadvise", PLAIN)                                                                              \
	X(25, "madvise", PLAIN)                                                                              \
	X(26, "send", SEND)                                                                                  \
	X(27, "recv", RECV)                                                                                  \
	X(28, "openat2", PLAIN)                                                                              \
	X(29, "epoll_ctl", PLAIN)                                                                            \
	X(30, "splice", WRITE)                                                                               \
	X(31, "provide_buffers", PLAIN)                                                                      \
	X(32, "remove_buffers", PLAIN)                                                                       \
	X(33, "tee", WRITE)                                                                                  \
	X(34, "shutdown", PLAIN)                                                                             \
	X(35, "renameat", PLAIN)                                                                             \
	X(36, "unlinkat", PLAIN)                                                                             \
	X(37, "mkdirat", PLAIN)                                                                              \
	X(38, "symlinkat", PLAIN)                                                                            \
	X(39, "linkat", PLAIN)                                                                               \
	X(40, "msg_ring", PLAIN)                                                                             \
	X(41, "fsetxattr", PLAIN)                                                                            \
	X(42, "setxattr", PLAIN)                                                                             \
	X(43, "fgetxattr", PLAIN)                                                                            \
	X(44, "getxattr", PLAIN)                                                                             \
	X(45, "socket", PLAIN)                                                                               \
	X(46, "uring_cmd", PLAIN)                                                                            \
	X(47, "send_zc", SEND)                                                                               \
	X(48, "sendmsg_zc", SEND)                                                                            \
	X(49, "read_multishot", READ)                                                                        \
	X(50, "waitid", CHILD)                                                                               \
	X(51, "futex_wait", FUTEX)                                                                           \
	X(52, "futex_wake", PLAIN)                                                                           \
	X(53, "futex_waitv", FUTEX)                                                                          \
	X(54, "fixed_fd_install", PLAIN)                                                                     \
	X(55, "ftruncate", PLAIN)                                                                            \
	X(56, "bind", PLAIN)                                                                                 \
	X(57, "listen", PLAIN)                                                                               \
	X(58, "recv_zc", RECV)                                                                               \
	X(59, "epoll_wait", POLL)                                                                            \
	X(60, "readv_fixed", READ)                                                                           \
	X(61, "writev_fixed", WRITE)                                                                         \
	X(62, "pipe", PLAIN)

#define NR_HL_URING_OPS 64 /* a table's size; what is beyond is PLAIN */

#define HL_URING_PUNTED 0x100 /* added to the nr: handed to a kernel worker, for it would have blocked */

#endif
