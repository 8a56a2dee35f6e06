/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The part of the contract that is of exchanges: a request on a TCP connection, and the first byte of its
 * answer. Included by abi.h, whose rules hold here.
 */
#ifndef HL_EXCHANGE_H
#define HL_EXCHANGE_H

/* What an exchange is to who tells of it: nr of an operation of kind EXCHANGE. */
#define HL_EXCHANGES(X) /* X(id, NAME, "key") */                                                             \
	X(0, OTHER, "(other)")                                                                               \
	X(1, REQUEST, "request") /* of a connection that was opened from here: asked, until answered */      \
	X(2, ANSWER, "answer")   /* of one that was accepted: the request read, until it is answered */

enum hl_exchange_name {
#define X(id, NAME, key) HL_EXCHANGE_##NAME = id,
	HL_EXCHANGES(X)
#undef X
		NR_HL_EXCHANGES = 3, /* by enum hl_role */
};

/* What is measured of them. */
#define HL_EXCHANGE_PARTS(X) /* X(id, NAME, "key") */                                                        \
	X(0, ANSWERED, "first byte")                                                                         \
	X(1, READ, "read") /* data that had come, until the program read it */

enum hl_exchange_part {
#define X(id, NAME, key) HL_EXCHANGE_##NAME = id,
	HL_EXCHANGE_PARTS(X)
#undef X
		NR_HL_EXCHANGE_PARTS = 2,
};

/* As OP, of the exchanges of a process in one role, at one port of the service and, of those that it asked,
 * with one peer. `errors`: of how many the connection ended before an answer. Tail as of OP. */
struct hl_rec_exchange_op {
	struct hl_rec_op o; /* nr: enum hl_exchange_name; OTHER: what had no room */
	__u8 addr[16];      /* the peer's, of those that were asked from here */
	__u16 port;
	__u8 role;   /* enum hl_role */
	__u8 family; /* AF_INET or AF_INET6 */
	__u8 part;   /* enum hl_exchange_part */
	__u8 pad[3];
};

/* The same of kind RESENT_OP: data that a process sent again in one role, at one port of the service, to one
 * peer (nr: enum hl_tcp_event; pid 0: of what had no room), by how long that took. */

/* All exchanges of one connection so far, absolute. */
struct hl_rec_conn_exchanges {
	struct hl_rec h;
	__u64 cookie, opened; /* as of CONN */
	__u64 count, unanswered;
	__u64 total_ns, max_ns;
};

/* For whom a thread, h.tid, waited during a slow exchange. Tail: nr of struct hl_peer_ns. */
struct hl_rec_peers {
	struct hl_rec h;
	__u32 id; /* not 0; the SLOW that has it comes later, and only one */
	__u32 nr;
};

#define HL_PEERS 4 /* in the tail, at most */

struct hl_peer_ns {
	__u64 ns; /* of the time in `network` */
	__u8 addr[16];
	__u16 port;
	__u8 family;
	__u8 protocol; /* IPPROTO_TCP or IPPROTO_UDP */
	__u32 pad;
};

/* From the kernel side only: a request that has no answer yet, for so long. */
struct hl_exchange_now {
	__u64 age_ns;
	__u64 start, proc_start; /* of the thread that asked, or read the request, and of its process */
	__u8 local_addr[16], remote_addr[16];
	__u16 local_port, remote_port;
	__u32 pid, tid;
	__u8 family, role, pad[2];
};

/* From the kernel side only: a slow exchange, with those that it has. */
struct hl_exchange_raw {
	struct hl_rec_slow r;
	__u64 nr;
	struct hl_peer_ns peers[HL_PEERS];
};

#endif
