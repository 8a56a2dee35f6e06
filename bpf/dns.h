/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * DNS between the two sides: a message as the kernel side found it in the program's memory. Never part of a
 * recording.
 */
#ifndef HL_DNS_H
#define HL_DNS_H

#include "bpf/abi.h"

#define HL_MAX_DNS 16384 /* sockets; each takes some 200 bytes */

#define HL_DNS_PORT   53
#define HL_DNS_PIECES 4   /* of a message that is scattered, so many are looked at */
#define HL_DNS_SHORT  128 /* bytes of a message as most queries are … */
#define HL_DNS_LONG   512 /* … and as they are at most, as far as it is taken */

#define HL_DNS_SENT (1u << 0)

struct hl_dns_raw {
	struct hl_rec h; /* kind DNS; ts: when the call was done */
	__u64 proc_start;
	__u64 cookie; /* the socket's; without HL_CFG_SOCK_TP the number of its inode */
	__s32 result; /* of the call, in bytes: of the message, or of the stream; else an error */
	__u16 bytes;  /* of them in `data` */
	__u16 port;
	__u8 server[16]; /* where it was sent */
	__u8 family;     /* … 0: not known, of what came in */
	__u8 protocol;
	__u8 flags; /* HL_DNS_SENT */
	__u8 pad;
	__u32 fd; /* of the socket, without HL_CFG_SOCK_TP */
	__u8 data[HL_DNS_LONG];
};

#define HL_DNS_RAW_HEAD (sizeof(struct hl_dns_raw) - HL_DNS_LONG)

/* A socket over which something was asked, and that is still there. */
struct hl_dns_alive {
	__u64 cookie;
};

#endif
