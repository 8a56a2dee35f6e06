/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * System calls that send and receive over a socket: which way, and how they say where the bytes are.
 */
#ifndef HL_SOCKCALL_H
#define HL_SOCKCALL_H

/* X(x86-64 number, ia32 number, asm-generic number, way, shape); -1 where a table has no such call. */
#define HL_SOCK_CALLS(X)                                                                                     \
	X(0, 3, 63, READ, BUFFER)          /* read */                                                        \
	X(1, 4, 64, SEND, BUFFER)          /* write */                                                       \
	X(19, 145, 65, READ, VECTOR)       /* readv */                                                       \
	X(20, 146, 66, SEND, VECTOR)       /* writev */                                                      \
	X(327, 378, 286, READ, VECTOR)     /* preadv2 */                                                     \
	X(328, 379, 287, SEND, VECTOR)     /* pwritev2 */                                                    \
	X(44, 369, 206, SEND, ADDRESSED)   /* sendto */                                                      \
	X(45, 371, 207, RECV_4, BUFFER)    /* recvfrom */                                                    \
	X(46, 370, 211, SEND, MESSAGE)     /* sendmsg */                                                     \
	X(47, 372, 212, RECV_3, MESSAGE)   /* recvmsg */                                                     \
	X(307, 345, 269, SEND, MESSAGES)   /* sendmmsg */                                                    \
	X(299, 337, 243, RECV_4, MESSAGES) /* recvmmsg */                                                    \
	X(-1, 417, -1, RECV_4, MESSAGES)   /* recvmmsg_time64 */                                             \
	X(40, 187, 71, SEND, FILE)         /* sendfile: to the first descriptor */                           \
	X(-1, 239, -1, SEND, FILE)         /* sendfile64 */                                                  \
	X(275, 313, 76, SEND, SPLICE)      /* splice: to the second */                                       \
	X(-1, 102, -1, NONE, SOCKETCALL)   /* socketcall */

/* What 32-bit programs on x86 mostly call, by its first argument; the second is where the others are. */
#define HL_SOCKETCALLS(X)                                                                                    \
	X(9, SEND, BUFFER)      /* send */                                                                   \
	X(10, RECV_4, BUFFER)   /* recv */                                                                   \
	X(11, SEND, ADDRESSED)  /* sendto */                                                                 \
	X(12, RECV_4, BUFFER)   /* recvfrom */                                                               \
	X(16, SEND, MESSAGE)    /* sendmsg */                                                                \
	X(17, RECV_3, MESSAGE)  /* recvmsg */                                                                \
	X(19, RECV_4, MESSAGES) /* recvmmsg */                                                               \
	X(20, SEND, MESSAGES)   /* sendmmsg */

#define HL_NR_SOCKETCALLS 32

enum hl_sock_way {
	HL_SOCK_NONE,
	HL_SOCK_SEND,
	HL_SOCK_READ,   /* receives, and has no flags */
	HL_SOCK_RECV_3, /* … its flags are the third argument */
	HL_SOCK_RECV_4, /* … the fourth */
};

enum hl_sock_shape {
	HL_SOCK_BUFFER = 1, /* fd, buffer, length */
	HL_SOCK_ADDRESSED,  /* … and the peer's address as the fifth */
	HL_SOCK_VECTOR,     /* fd, iovec, how many */
	HL_SOCK_MESSAGE,    /* fd, msghdr */
	HL_SOCK_MESSAGES,   /* fd, mmsghdr, how many */
	HL_SOCK_FILE,       /* fd; the bytes are a file's; this and what follows */
	HL_SOCK_SPLICE,     /* the third is the fd; the bytes are a pipe's */
	HL_SOCK_SOCKETCALL,
};

#endif
