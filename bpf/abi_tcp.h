/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The part of the contract that is of TCP connections and listeners. Included by abi.h, whose rules hold
 * here.
 */
#ifndef HL_ABI_TCP_H
#define HL_ABI_TCP_H

#define HL_CONN_EXISTED (1u << 0) /* was there before hostlat: `opened` is when it was found */
#define HL_CONN_FAILED  (1u << 2) /* it never was established: a connect that failed */
#define HL_CONN_RESENDS (1u << 3) /* what data waited to be sent again is measured */
#define HL_CONN_ADDED   (1u << 1) /* it has ended and this is what came after: its resets, and `end` */

/* A TCP connection: as it stands now, or where `ended` is set as it ended. Figures are absolute, since it
 * was opened, as the kernel keeps them. (cookie, opened) is its identity. */
struct hl_rec_conn {
	struct hl_rec h; /* whose it is; pid 0: nobody is known */
	__u64 proc_start;
	__u64 cookie;
	__u64 opened;     /* its first step that was seen, CLOCK_BOOTTIME */
	__u64 ended;      /* 0: it is open */
	__u64 connect_ns; /* how long its handshake took; 0: that was not seen */
	__u64 cgroup_id;  /* of who made the socket, or the listener that it came from */
	__u8 local_addr[16];
	__u8 remote_addr[16];
	__u16 local_port;
	__u16 remote_port;
	__u8 family;          /* AF_INET or AF_INET6 */
	__u8 role;            /* enum hl_role */
	__u8 state;           /* enum hl_tcp_state */
	__u8 end;             /* enum hl_end */
	__u32 netns;          /* inode number of the network namespace */
	__u32 flags;          /* HL_CONN_* */
	__u64 bytes_sent;     /* with what was sent again */
	__u64 bytes_acked;    /* … without, and acknowledged */
	__u64 bytes_received; /* in order */
	__u64 bytes_resent;
	__u32 segments_sent, segments_received; /* all of them, with those that carry no data */
	__u32 data_segments_sent, data_segments_received;
	__u32 retransmits; /* segments */
	__u32 resets_sent, resets_received;
	__u32 cwnd;                        /* congestion window, in segments */
	__u32 srtt_us, rttvar_us;          /* 0: not measured yet */
	__u32 min_rtt_us;                  /* ~0: not measured yet */
	__u32 rto_us;                      /* after how long it sends again */
	__u32 send_queue, receive_queue;   /* bytes: not acknowledged or not sent; not read */
	__u32 send_window, receive_window; /* what the peer has room for, and what we told it we have */
	__u64 busy_ns;                     /* with something to send */
	__u64 window_limited_ns;           /* … and the peer's window, closed or too small, in the way */
	__u64 buffer_limited_ns;           /* … and our own send buffer */
	__u64 zero_window_ns; /* for how long it has been closed, with something to send; 0: it is not */
	__u64 queued_ns; /* how long no program has accepted it, so far; 0: one has, or it is not that kind */
	__u64 seen;      /* when these figures were taken */
	/* data that was sent again: how often, for how long in all, and for how long at most it had been on
	 * its way by then; of those that are over. Measured where HL_CONN_RESENDS says so */
	__u64 resents;
	__u64 resent_ns;
	__u64 resent_max_ns;
};

/* What was added to the connections of a process in one role since the record before it. */
struct hl_rec_conn_op {
	struct hl_rec h; /* tid == pid; pid 0: of those whose process was never known */
	__u64 proc_start;
	__u64 opened; /* came, or were first seen to be that process's */
	__u64 ended;
	__u64 lifetime_ns; /* of those that ended */
	__u8 role;
	__u8 pad[7];
};

/* A listening TCP socket, as it stands now, or as it ended. */
struct hl_rec_listen {
	struct hl_rec h; /* whose it is; pid 0: nobody is known */
	__u64 proc_start;
	__u64 cookie;
	__u64 opened; /* as of CONN */
	__u64 ended;
	__u64 cgroup_id;
	__u8 local_addr[16];
	__u16 local_port;
	__u8 family;
	__u8 pad;
	__u32 netns;
	__u32 flags;         /* HL_CONN_* */
	__u32 length, limit; /* of the queue of connections that nobody has accepted yet */
	__u32 half_open;     /* handshakes that are not complete */
	__u64 drops;         /* connections that it turned away, for that queue was full */
	__u64 first_wait_ns; /* of the first in the queue, so far; 0: nobody is there, or it is not known */
};

#endif
