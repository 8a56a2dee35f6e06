/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The part of the contract that is about DNS; included by abi.h, whose rules hold here. */
#ifndef HL_ABI_DNS_H
#define HL_ABI_DNS_H

/* What became of a DNS query. */
#define HL_DNS_ENDS(X) /* X(id, NAME, "key") */                                                              \
	X(0, ANSWERED, "answered")                                                                           \
	X(1, TIMED_OUT, "no answer")  /* for 30 s */                                                         \
	X(2, CLOSED, "given up")      /* the socket is gone */                                               \
	X(3, REFUSED, "nobody there") /* the server's host says that nobody listens */                       \
	X(4, AGAIN, "asked again")    /* the same over the same socket, with the same number */              \
	X(5, OPEN, "no answer yet")   /* nobody looks any more: it may still come */                         \
	X(6, UNTOLD, "not told")      /* it may have come: messages were lost meanwhile */                   \
	X(7, SPARED, "not needed")    /* another server was asked the same at once, and answered first */

enum hl_dns_end {
#define X(id, NAME, key) HL_DNS_##NAME = id,
	HL_DNS_ENDS(X)
#undef X
		NR_HL_DNS_ENDS = 8,
};

#define HL_DNS_TRUNCATED (1u << 0) /* the answer says that it is not whole */
#define HL_DNS_LEAST     (1u << 1) /* duration_ns is how long it was waited for at least */

#define HL_DNS_ADDRS 16 /* in the tail, at most */

/* A DNS query, and what became of it. Tail: nr_addrs of struct hl_dns_addr, the addresses in the answer; then
 * the name that was asked for, as text. */
struct hl_rec_dns {
	struct hl_rec h; /* who asked; ts: when it was over */
	__u64 proc_start;
	__u64 begin_ns; /* when it was sent, CLOCK_BOOTTIME */
	__u64 duration_ns;
	__u8 server_addr[16];
	__u16 server_port;
	__u16 type;
	__u16 rcode;   /* of the answer */
	__u16 retries; /* so often that thread had asked the same before, and got no answer */
	__u8 family;   /* AF_INET or AF_INET6 */
	__u8 protocol; /* IPPROTO_UDP or IPPROTO_TCP */
	__u8 end;      /* enum hl_dns_end */
	__u8 flags;    /* HL_DNS_* */
	__u16 nr_addrs;
	__u16 pad;
};

struct hl_dns_addr {
	__u8 addr[16];
	__u8 family;
	__u8 pad[7];
};

#endif
