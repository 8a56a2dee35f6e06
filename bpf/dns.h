/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * DNS between the two sides: which calls bring a message, and a message as the kernel side found it in the
 * program's memory. Never part of a recording.
 */
#ifndef HL_DNS_H
#define HL_DNS_H

#include "bpf/abi.h"

/*
 * Calls that send and receive over a socket, and how they say where the bytes are. X(x86-64 number, ia32
 * number, asm-generic number, shape); -1 where a table has no such call.
 */
#define HL_DNS_CALLS(X)                                                                                      \
	X(0, 3, 63, BUFFER)        /* read */                                                                \
	X(1, 4, 64, BUFFER)        /* write */                                                               \
	X(19, 145, 65, VECTOR)     /* readv */                                                               \
	X(20, 146, 66, VECTOR)     /* writev */                                                              \
	X(327, 378, 286, VECTOR)   /* preadv2 */                                                             \
	X(328, 379, 287, VECTOR)   /* pwritev2 */                                                            \
	X(44, 369, 206, ADDRESSED) /* sendto */                                                              \
	X(45, 371, 207, BUFFER)    /* recvfrom */                                                            \
	X(46, 370, 211, MESSAGE)   /* sendmsg */                                                             \
	X(47, 372, 212, MESSAGE)   /* recvmsg */                                                             \
	X(307, 345, 269, MESSAGES) /* sendmmsg */                                                            \
	X(299, 337, 243, MESSAGES) /* recvmmsg */                                                            \
	X(-1, 417, -1, MESSAGES)   /* recvmmsg_time64 */                                                     \
	X(-1, 102, -1, SOCKETCALL) /* socketcall */

/* What 32-bit programs on x86 mostly call, by its first argument; the second is where the others are. */
#define HL_DNS_SOCKETCALLS(X)                                                                                \
	X(9, BUFFER)     /* send */                                                                          \
	X(10, BUFFER)    /* recv */                                                                          \
	X(11, ADDRESSED) /* sendto */                                                                        \
	X(12, BUFFER)    /* recvfrom */                                                                      \
	X(16, MESSAGE)   /* sendmsg */                                                                       \
	X(17, MESSAGE)   /* recvmsg */                                                                       \
	X(19, MESSAGES)  /* recvmmsg */                                                                      \
	X(20, MESSAGES)  /* sendmmsg */

enum hl_dns_shape {
	HL_DNS_NONE,
	HL_DNS_BUFFER,    /* fd, buffer, length */
	HL_DNS_ADDRESSED, /* … and the peer's address as the fifth */
	HL_DNS_VECTOR,    /* fd, iovec, how many */
	HL_DNS_MESSAGE,   /* fd, msghdr */
	HL_DNS_MESSAGES,  /* fd, mmsghdr, how many */
	HL_DNS_SOCKETCALL,
};

#define HL_NR_SOCKETCALLS 32

#define HL_DNS_PORT   53
#define HL_DNS_PIECES 4   /* of a message that is scattered, so many are looked at */
#define HL_DNS_SHORT  128 /* bytes of a message as most queries are … */
#define HL_DNS_LONG   512 /* … and as they are at most, as far as it is taken */

#define HL_DNS_SENT (1u << 0)

struct hl_dns_raw {
	struct hl_rec h; /* kind DNS; ts: when the call was done */
	__u64 proc_start;
	__u64 cookie;
	__s32 result; /* of the call, in bytes: of the message, or of the stream; else an error */
	__u16 bytes;  /* of them in `data` */
	__u16 port;
	__u8 server[16]; /* where it was sent */
	__u8 family;     /* … 0: not known, of what came in */
	__u8 protocol;
	__u8 flags; /* HL_DNS_SENT */
	__u8 pad[5];
	__u8 data[HL_DNS_LONG];
};

#define HL_DNS_RAW_HEAD (sizeof(struct hl_dns_raw) - HL_DNS_LONG)

/* A socket over which something was asked, and that is still there. */
struct hl_dns_alive {
	__u64 cookie;
};

#endif
