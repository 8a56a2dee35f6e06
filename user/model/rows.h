/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The rows of a snapshot. `total` members are since start, `ivl` members of the last
 * interval. Strings belong to the snapshot. Times are ns; stamps are CLOCK_REALTIME
 * where the name says real, else CLOCK_BOOTTIME.
 */
#ifndef MODEL_ROWS_H
#define MODEL_ROWS_H

#include "base/base.h"
#include "base/hist.h"
#include "bpf/abi.h"

/* In flags and proc_flags beside HL_PROC_*: the row "(other)", which has no pid (0) but what was
 * folded into it. */
#define ROW_OTHER (1u << 31)

#define UID_SEVERAL UINT32_MAX

struct snap_stack; /* see snap.h */
struct snap_chain;
struct snap_occupants;
struct snap_peers;

struct proc_row {
	uint32_t pid, ppid, uid, flags; /* HL_PROC_*; of a group UID_SEVERAL where they differ */
	uint64_t start_ns;
	const char *comm, *exe, *args, *cgroup, *container, *pod, *unit; /* NULL: not known */
	uint32_t threads;                                                /* alive now */
	bool gone;
	uint64_t total[NR_HL_STATES], ivl[NR_HL_STATES]; /* over all its threads, ended ones too */
	uint64_t total_busy, ivl_busy;                   /* the same without the waits for work */
	uint64_t members;                                /* how many processes a grouped row stands for; 1 */
	uint64_t wall_ns, ivl_wall_ns; /* length of the capture and of the interval; 0: not known */
	const char *quota_cgroup;      /* the nearest one above it with a CPU quota; NULL: there is none */
};

struct thread_row {
	uint32_t pid, tid;
	uint64_t start_ns, proc_start_ns;
	const char *comm, *proc_comm, *container, *cgroup;
	uint32_t proc_flags;
	uint64_t total[NR_HL_STATES], ivl[NR_HL_STATES];
	uint64_t total_busy, ivl_busy;
	uint64_t begin_ns; /* when the ledger began */
	uint64_t switches;
	uint8_t now_state; /* enum hl_state */
	uint8_t now_abi;
	uint16_t now_nr;       /* call in progress or HL_NR_* */
	uint64_t now_since_ns; /* age of the state at the snapshot */
	bool now_lower_bound;
	const struct snap_stack *stack; /* the kernel's, of a thread that is blocked; NULL: not taken */
	const char *now_detail;         /* file, peer or lock; NULL: none or not known */
	const char *now_name;           /* of the call in progress; NULL: none, or nobody has a name for it */
	uint64_t members;               /* how many threads a grouped row stands for; 1 */
	uint64_t wall_ns, ivl_wall_ns;  /* as in struct proc_row */
};

/* Slow waits of a process in one call and state, at one place in the kernel. */
struct waited_row {
	uint32_t pid, proc_flags;
	uint64_t proc_start_ns;
	const char *comm, *container, *cgroup, *name;
	const struct snap_stack *stack;      /* NULL: of several, in the row "(other)", or none was taken */
	const struct snap_stack *user_stack; /* the same */
	uint64_t count, total_ns, max_ns;
	uint64_t ivl_count, ivl_ns;
	uint16_t nr;
	uint8_t state, abi;
};

struct heat; /* see snap.h */

/* Of block requests: time queued and in the device, and bytes. Of waits for a disk: the same of the
 * requests that ended them, as far as the wait saw it. */
struct op_io {
	uint64_t queue_ns, device_ns, bytes;
};

/* The file that an operation was on. */
struct op_file {
	uint32_t id; /* 0: the operation as such */
	uint32_t generation;
	uint64_t ino;
	char device[24];  /* of its file system, "8:1" */
	const char *path; /* "(other)": of what had no room; NULL: not known */
	bool deleted, cut, by_name;
};

struct op_row {
	uint8_t op, state, abi; /* enum hl_op, hl_state (for waits), hl_abi */
	uint16_t nr;
	uint32_t pid;
	uint64_t proc_start_ns;
	const char *comm, *container, *cgroup;
	uint32_t proc_flags;
	uint64_t count, errors, total_ns, max_ns;
	uint64_t total[NR_HL_STATES];
	struct hist hist;
	uint64_t ivl_count, ivl_errors, ivl_ns;
	uint64_t ivl[NR_HL_STATES];
	struct hist ivl_hist;
	struct op_io io, ivl_io;
	struct op_file file;
	uint64_t object; /* of a lock or a peer: what its history is kept by */
	uint64_t members;
	const char *name;              /* of the call; NULL: nobody has a name for it */
	uint64_t busy_ns, ivl_busy_ns; /* total_ns and ivl_ns without the waits for work */
	uint64_t wall_ns, ivl_wall_ns; /* as in struct proc_row */
};

/* A file: all that was done to it. Where calls were counted, those and io_uring's requests are its
 * operations; else the waits are. */
struct file_row {
	struct op_row sum;           /* of its operations; members: how many processes had to do with it */
	bool measured, ivl_measured; /* calls, or io_uring's requests, were counted */
	uint64_t waits, ivl_waits, wait_ns, ivl_wait_ns;
};

/* Whose quota kept a thread from running. */
struct throttle {
	const char *cgroup; /* NULL: not known */
	const char *text;   /* all of it, for people */
	uint64_t quota_ns, period_ns;
	uint64_t periods, throttled; /* of the interval in which the wait ended: all, and those of no avail */
};

struct slow_row {
	uint8_t op, state, abi;
	uint16_t nr;
	uint32_t pid, tid;
	uint64_t start_ns, proc_start_ns;
	const char *comm, *proc_comm, *container, *cgroup;
	uint32_t proc_flags;
	uint64_t real_ns;  /* when it began, wall clock */
	uint64_t begin_ns; /* the same, CLOCK_BOOTTIME */
	uint64_t duration_ns;
	bool in_progress; /* not ended yet: duration_ns is its age */
	uint32_t flags;   /* HL_SLOW_* */
	int64_t result;   /* meaningful without HL_SLOW_NO_RESULT */
	uint64_t time[NR_HL_STATES];
	uint64_t queue_ns, device_ns; /* of time[HL_STATE_DISK], as of struct op_io; both 0: not known */
	uint8_t waker;                /* enum hl_waker */
	uint32_t waker_pid, waker_tid;
	const char *waker_comm, *waker_call;                     /* in no call: NULL */
	const struct snap_stack *waker_stack, *waker_user_stack; /* where it was; NULL: not known */
	uint8_t detail;                                          /* enum hl_detail */
	const char *detail_text; /* "/var/lib/x/wal", "tcp 10.0.0.1:5432", "0x7f…"; NULL: none */
	const char *path, *local, *remote, *protocol, *disk; /* the parts, where they apply */
	bool accepted;
	uint64_t lock_addr, ino, sector, bytes;
	uint32_t dev;
	const char *name;               /* of the call; NULL: nobody has a name for it */
	uint64_t fds;                   /* how many descriptors were waited on, for HL_DETAIL_COUNT */
	const struct snap_stack *stack; /* the kernel's, of one in progress; NULL: not taken */
	const struct snap_stack *user_stack;
	uint64_t times;        /* of what happens to a connection: how often; 0: it is none of these */
	const char *reason;    /* why a connection was reset; NULL: not known */
	const char *asked;     /* name that a DNS query was for */
	const char *lock_name; /* of the variable that the lock is; NULL: not known */
	uint8_t holder;        /* of a lock: enum hl_holder */
	uint32_t holder_pid, holder_tid;
	const char *holder_comm;
	const struct snap_chain *chain;         /* who it waited behind; NULL: not known, or nobody */
	const struct snap_occupants *occupants; /* who had its CPU meanwhile; NULL: not known */
	const struct snap_peers *peers; /* of an exchange: for whom it waited in `network`; NULL: not known */
	struct throttle throttle;
};

/* A lock, and how a process waits for it. */
struct lock_row {
	struct op_row sum;   /* of its waits */
	uint64_t addr;       /* 0: the row "(other)" */
	const char *text;    /* the same for people, with its name */
	const char *name;    /* of the variable that it is; NULL: not known */
	uint64_t waiters;    /* that have been blocked there for long, now */
	uint64_t longest_ns; /* for how long the longest of them has been … */
	bool longest_least;  /* … at least */
	bool now;            /* it is held right now; else: when it was slow last */
	uint8_t holder;      /* enum hl_holder; UNKNOWN: nobody is known */
	uint32_t holder_pid, holder_tid;
	const char *holder_comm;
	const struct snap_chain *chain; /* from the holder on */
};

/* The kernel's own figures of a cgroup's quota, and the time of all threads in it and below it. */
struct cgroup_half {
	uint64_t periods, throttled, throttled_ns, usage_ns;
	uint64_t time[NR_HL_STATES]; /* of cpu, runqueue and throttled */
	uint64_t wall_ns;            /* in how long; 0: not known */
};

#define CGROUP_PERIODS (1u << 0) /* what is known of these */
#define CGROUP_TIME    (1u << 1)
#define CGROUP_USAGE   (1u << 2)

/* A cgroup with a CPU quota. */
struct cgroup_row {
	const char *path, *container; /* container NULL: none */
	uint64_t quota_ns, period_ns; /* quota 0: it has none any more, or that is not known */
	unsigned int known;           /* CGROUP_* */
	bool gone;
	struct cgroup_half total, ivl; /* total: since it was seen first */
};

/* What went over a connection, or over several. */
struct conn_sums {
	uint64_t bytes, bytes_sent, bytes_received, segments_sent, segments_received, retransmits;
	uint64_t resets_sent, resets_received, window_limited_ns;
	uint64_t resends,
		resend_ns; /* data that was lost, and how long it took until it was sent for the last time */
};

/* A TCP connection. Figures that were not measured are 0. */
struct conn_row {
	uint32_t pid, proc_flags; /* pid 0: not known */
	uint64_t proc_start_ns;
	const char *comm, *container, *cgroup;
	uint64_t cookie, opened_ns; /* its identity */
	const char *local, *remote; /* with their ports; NULL: not known */
	const char *peer;           /* its row's address; NULL: it has none yet */
	const char *name;           /* of the remote address, as an answer had it; NULL: not known */
	uint64_t port;              /* of the service: on the side that did not begin it */
	uint8_t role, state, end;   /* enum hl_role, hl_tcp_state, hl_end */
	bool existed;       /* was there before the capture, or its end was not seen: age_ns is the least */
	bool knows_resends; /* they are measured */
	uint32_t netns;
	uint64_t real_ns, age_ns, connect_ns;
	struct conn_sums total, ivl;
	uint64_t bytes_acked, bytes_resent, resend_max_ns;
	uint64_t srtt_ns, rttvar_ns, min_rtt_ns, rto_ns, cwnd;
	uint64_t send_queue, receive_queue, send_window, receive_window;
	uint64_t busy_ns, buffer_limited_ns, zero_window_ns, queued_ns;
	uint64_t figures_age_ns; /* for how long nobody has looked */
	/* requests on it: how many were answered, how long that took, and how many never were */
	uint64_t exchanges, exchange_ns, exchange_max_ns, unanswered;
	uint64_t history_from, history_to; /* of which time its history is whole, CLOCK_BOOTTIME */
	uint64_t members;
};

/* What one look at a connection brought: a piece of its history. */
struct history_row {
	uint32_t pid, proc_flags;
	uint64_t proc_start_ns;
	const char *comm, *container, *cgroup;
	uint64_t cookie, opened_ns;
	const char *local, *remote;
	uint64_t port;
	uint8_t role;
	bool knows_exchanges, knows_resends;    /* somebody counted them */
	uint64_t real_ns;                       /* its end */
	uint64_t begin_ns, end_ns, duration_ns; /* CLOCK_BOOTTIME */
	struct conn_sums sums;
	uint64_t srtt_ns, send_queue, receive_queue; /* at its end */
	uint64_t exchanges, exchange_ns;
};

/* Exchanges of a process in one role, at one port of the service and, of those that it asked, with one peer.
 */
struct exchange_row {
	struct op_row sum;  /* errors: never answered */
	const char *remote; /* the peer's address; NULL: of several */
	uint64_t port;
	uint8_t role;
	/* how long data that had come was there before the program read it */
	struct hist reads, ivl_reads;
	uint64_t read_ns, read_max_ns;
};

/* System calls that were made in a function. */
struct func_syscalls {
	uint64_t count, ns;
};

/* … of one kind, by one process. */
struct function_syscall_row {
	struct op_row sum;
	const char *function, *file; /* NULL: of several, in the row "(other)" */
};

/* A function that is traced, in a process; or a point that is reached. */
struct function_row {
	struct op_row sum;        /* its calls that returned; of a point all zero */
	const char *file, *asked; /* that it is in; how it was asked for */
	uint32_t flags;           /* HL_FUNC_* */
	uint64_t entered, ivl_entered;
	uint64_t self_ns, ivl_self_ns; /* without traced functions that it called */
	uint64_t abandoned, deep;      /* that never returned; whose return is not seen */
	uint64_t unknown, unknown_ns;  /* that returned, and of which it is not known where their time went */
	bool watched;                  /* its system calls were counted, of some calls at least */
	struct func_syscalls syscalls, ivl_syscalls;
};

/* Half of a peer's row: since start, or of the interval. */
struct peer_half {
	uint64_t opened, ended, failed, refused, timed_out;
	struct conn_sums sums;
};

/* All connections of a process with one peer, at one port of the service. */
struct peer_row {
	uint32_t pid, proc_flags;
	uint64_t proc_start_ns;
	const char *comm, *container, *cgroup;
	const char *remote; /* its address; "(other)": of several that had no row */
	const char *name;   /* as an answer had it; NULL: not known */
	uint64_t port;
	uint8_t role;
	uint64_t open; /* now */
	struct peer_half total, ivl;
	struct hist connect, ivl_connect; /* how long connects took that were not refused or the like */
	uint64_t connect_max_ns;
	struct hist resends, ivl_resends; /* how long lost data took until it was sent for the last time */
	uint64_t resend_ns, ivl_resend_ns, resend_max_ns;
	bool knows_resends;
	uint64_t srtt_ns, min_rtt_ns; /* of those that are open: their mean, and the least; 0: not known */
	uint64_t srtts;               /* … and how many that is of */
	uint64_t members;
};

/* Half of a name's row: since start, or of the interval. */
struct dns_half {
	uint64_t count, answered, errors;
	uint64_t nxdomain, servfail, refused, other; /* answers that say so; other: another error */
	uint64_t unanswered, truncated, retries, tcp;
	uint64_t total_ns; /* of those that were answered */
};

/* What a process asked one server about one name, of one type. */
struct dns_row {
	uint32_t pid, proc_flags;
	uint64_t proc_start_ns;
	const char *comm, *container, *cgroup;
	const char *name;   /* as it was spelt first; "(other)": of several that had no row */
	const char *plain;  /* … without capitals */
	const char *server; /* with its port; NULL: of several */
	uint16_t type;      /* of a group 0 where they differ */
	char type_text[12]; /* "TYPE65280", where that has no name */
	struct dns_half total, ivl;
	struct hist hist, ivl_hist; /* how long the answers took */
	uint64_t max_ns;
	uint64_t members;
};

/* One query. */
struct dns_query_row {
	uint32_t pid, tid, proc_flags;
	uint64_t proc_start_ns;
	const char *comm, *container, *cgroup;
	const char *name, *plain, *server;
	const char *addresses; /* of the answer; NULL: none */
	uint64_t real_ns, begin_ns, duration_ns, retries;
	uint16_t type, rcode;
	uint8_t end, flags, protocol;       /* enum hl_dns_end, HL_DNS_*, IPPROTO_* */
	char type_text[12], rcode_text[12]; /* where those have no names */
};

/* A listening TCP socket. */
struct listen_row {
	uint32_t pid, proc_flags;
	uint64_t proc_start_ns;
	const char *comm, *container, *cgroup;
	uint64_t cookie, opened_ns;
	const char *local;
	uint64_t port;
	bool existed, ended;
	uint32_t netns;
	uint64_t length, limit, half_open, longest;
	uint64_t oldest_wait_ns, longest_wait_ns; /* in the queue: now, and ever, as far as looks saw them */
	const char *accept_op;                    /* the name of the operation that its accepts are */
	uint64_t drops, total_drops, ivl_drops;   /* by the kernel's own count; since the capture began */
	uint64_t real_ns;
};

/* A place in the tree of slow waits: all of them below it. */
enum tree_kind { TREE_PROCESS, TREE_USER, TREE_STATE, TREE_KERNEL, NR_TREE_KINDS };

struct tree_row {
	uint64_t way;            /* what the way from the root hashes to */
	const char *id, *parent; /* that as text; parent "": it is a root */
	const char *name;
	uint8_t kind; /* enum tree_kind */
	uint32_t depth, children;
	uint32_t above; /* for who makes them */
	uint64_t count, total_ns, max_ns, ivl_count, ivl_ns;
};

#endif
