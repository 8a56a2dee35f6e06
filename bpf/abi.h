/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The contract between the kernel side and the user side, and the format of a
 * recording: record kinds, states, loss causes and classes, each in one list.
 *
 * Rules: fixed-width integers only, natural alignment, explicit padding, sizes
 * a multiple of 8. Numbers are never reused; new members go at the end and a
 * reader zeroes a missing tail; a changed meaning is a new kind. Sizes are
 * asserted by every compiler that sees this file.
 *
 * Needs the __u8 .. __u64 types: include <linux/types.h> (user) or vmlinux.h
 * (BPF) before it.
 */
#ifndef HL_ABI_H
#define HL_ABI_H

#define HL_ABI_VERSION 1

/* ---- states of a thread -------------------------------------------------- */

/*
 * X(id, NAME, "key", "TITLE", waiting_for_work, colour, "help")
 * The order is the order of the columns and of the numbers; which state wins
 * is decided in classify.h alone. `waiting_for_work` states are left out of
 * default rankings. The colour is a name that the view's theme knows.
 */
#define HL_STATES(X)                                                                                         \
	X(0, CPU, "cpu", "CPU", 0, GREEN, "running on a CPU")                                                \
	X(1, STOPPED, "stopped", "STOP", 0, WHITE, "SIGSTOP, ptrace or a frozen cgroup")                     \
	X(2, THROTTLED, "throttled", "THROT", 0, RED, "runnable, but its cgroup is out of CPU quota")        \
	X(3, RUNQUEUE, "runqueue", "RUNQ", 0, YELLOW, "runnable, waiting for a CPU")                         \
	X(4, FAULT, "fault", "FAULT", 0, MAGENTA, "asleep in a page fault: mapped file, swap")               \
	X(5, POLL, "poll", "POLL", 1, DIM, "in epoll, poll, select or an io_uring wait")                     \
	X(6, DISK, "disk", "DISK", 0, BLUE, "waiting for block I/O")                                         \
	X(7, NETWORK, "network", "NET", 0, CYAN, "waiting for a peer that this host called")                 \
	X(8, IDLE, "idle", "IDLE", 1, DIM, "waiting for work: accept, a client's next request")              \
	X(9, IPC, "ipc", "IPC", 0, CYAN, "waiting on a pipe, unix socket, eventfd, message queue")           \
	X(10, LOCK, "lock", "LOCK", 0, RED, "waiting for a mutex or a file lock")                            \
	X(11, PARK, "park", "PARK", 1, DIM, "any other futex wait: condition, semaphore, join")              \
	X(12, SLEEP, "sleep", "SLEEP", 1, DIM, "sleeping on purpose: nanosleep, timers")                     \
	X(13, CHILD, "child", "CHILD", 1, DIM, "waiting for a child process")                                \
	X(14, KERNEL, "kernel", "KERN", 0, MAGENTA, "asleep in the kernel, uninterruptible, not disk")       \
	X(15, OTHER, "other", "OTHER", 0, WHITE, "anything else")

enum hl_state {
#define X(id, NAME, key, title, work, colour, help) HL_STATE_##NAME = id,
	HL_STATES(X)
#undef X
		NR_HL_STATES = 16,
};

/* ---- kinds of operations ------------------------------------------------- */

#define HL_OPS(X) /* X(id, NAME, "key") */                                                                   \
	X(0, WAIT, "wait")                                                                                   \
	X(1, SYSCALL, "syscall")                                                                             \
	X(2, BLOCK, "block")                                                                                 \
	X(3, URING, "io_uring")                                                                              \
	X(4, CONNECT, "connect")                                                                             \
	X(5, TCP, "tcp")             /* something that happened to a connection */                           \
	X(6, ACCEPT, "accept queue") /* from when a connection is established until it is accepted */        \
	X(7, DNS, "dns")             /* a query, until the program had the answer: of SLOW only */           \
	X(8, EXCHANGE, "exchange")                                                                           \
	X(9, FUNCTION, "function")

enum hl_op {
#define X(id, NAME, key) HL_OP_##NAME = id,
	HL_OPS(X)
#undef X
		NR_HL_OPS = 10,
};

/* System call tables; also the part of an operation's key that names the table. */
#define HL_ABIS(X) /* X(id, NAME, "suffix") */                                                               \
	X(0, X86_64, "")                                                                                     \
	X(1, IA32, "ia32")                                                                                   \
	X(2, ARM64, "")

enum hl_abi {
#define X(id, NAME, suffix) HL_ABI_##NAME = id,
	HL_ABIS(X)
#undef X
		NR_HL_ABIS = 3,
};

/* Pseudo call numbers, for waits outside any system call. */
#define HL_NR_NONE    0xffff /* no call in progress: user mode or a page fault */
#define HL_NR_KTHREAD 0xfffe /* a kernel thread or an io_uring worker */
#define HL_NR_OTHER   0xfffd /* the "(other)" row: no cell was left for the key */
#define HL_NR_UNKNOWN 0xff00 /* any number from here on: no table has it, such as -1 */
#define HL_NR_WAKEUP  0xfffc /* from wake-up to running, all waits of the process */

/* What a block request does: nr of an operation of kind BLOCK. */
#define HL_BLOCK_OPS(X) /* X(id, NAME, "key") */                                                             \
	X(0, ELSE, "other")                                                                                  \
	X(1, READ, "read")                                                                                   \
	X(2, WRITE, "write")                                                                                 \
	X(3, FLUSH, "flush")                                                                                 \
	X(4, DISCARD, "discard")

enum hl_block_op {
#define X(id, NAME, key) HL_BLOCK_##NAME = id,
	HL_BLOCK_OPS(X)
#undef X
		NR_HL_BLOCK_OPS = 5,
};

#define HL_BLOCK_SYNC 0x10 /* added to the nr: somebody waits for it */

/* The two parts of a request's life, each a histogram per disk. */
#define HL_BLOCK_PHASES(X)     /* X(id, NAME, "key") */                                                      \
	X(0, QUEUE, "queue")   /* made, not yet given to the device */                                       \
	X(1, DEVICE, "device") /* given to the device, not yet done */

enum hl_block_phase {
#define X(id, NAME, key) HL_BLOCK_##NAME = id,
	HL_BLOCK_PHASES(X)
#undef X
		NR_HL_BLOCK_PHASES = 2,
};

/* How a TCP connect ended: nr of an operation of kind CONNECT. */
#define HL_CONNECTS(X) /* X(id, NAME, "key") */                                                              \
	X(0, DONE, "connect")                                                                                \
	X(1, REFUSED, "connect refused")                                                                     \
	X(2, TIMED_OUT, "connect timed out")                                                                 \
	X(3, UNREACHABLE, "connect unreachable")                                                             \
	X(4, GIVEN_UP, "connect given up") /* the socket was closed before an answer came */                 \
	X(5, FAILED, "connect failed")     /* for another reason, of this host's or of the peer's */

enum hl_connect {
#define X(id, NAME, key) HL_CONNECT_##NAME = id,
	HL_CONNECTS(X)
#undef X
		NR_HL_CONNECTS = 6,
};

/* What happened to a connection or a listener: nr of an operation of kind TCP. */
#define HL_TCP_EVENTS(X) /* X(id, NAME, "key") */                                                            \
	X(0, RETRANSMIT, "retransmit")                                                                       \
	X(1, RESET_SENT, "reset sent")                                                                       \
	X(2, RESET_RECEIVED, "reset received")                                                               \
	X(3, ZERO_WINDOW, "zero window")                                                                     \
	X(4, LISTEN_OVERFLOW, "listen overflow")

enum hl_tcp_event {
#define X(id, NAME, key) HL_TCP_##NAME = id,
	HL_TCP_EVENTS(X)
#undef X
		NR_HL_TCP_EVENTS = 5,
};

/* Who began a TCP connection. */
#define HL_ROLES(X) /* X(id, NAME, "key") */                                                                 \
	X(0, UNKNOWN, "")                                                                                    \
	X(1, OPENED, "opened")     /* this host */                                                           \
	X(2, ACCEPTED, "accepted") /* the peer */

enum hl_role {
#define X(id, NAME, key) HL_ROLE_##NAME = id,
	HL_ROLES(X)
#undef X
		NR_HL_ROLES = 3,
};

/* States of a TCP socket, as the kernel numbers them. */
#define HL_TCP_STATES(X) /* X(id, NAME, "key") */                                                            \
	X(0, NONE, "")                                                                                       \
	X(1, ESTABLISHED, "established")                                                                     \
	X(2, SYN_SENT, "syn_sent")                                                                           \
	X(3, SYN_RECV, "syn_recv")                                                                           \
	X(4, FIN_WAIT1, "fin_wait1")                                                                         \
	X(5, FIN_WAIT2, "fin_wait2")                                                                         \
	X(6, TIME_WAIT, "time_wait")                                                                         \
	X(7, CLOSE, "closed")                                                                                \
	X(8, CLOSE_WAIT, "close_wait")                                                                       \
	X(9, LAST_ACK, "last_ack")                                                                           \
	X(10, LISTEN, "listen")                                                                              \
	X(11, CLOSING, "closing")                                                                            \
	X(12, NEW_SYN_RECV, "new_syn_recv")                                                                  \
	X(13, BOUND_INACTIVE, "bound")

enum hl_tcp_state {
#define X(id, NAME, key) HL_TCP_STATE_##NAME = id,
	HL_TCP_STATES(X)
#undef X
		NR_HL_TCP_STATES = 14,
};

/* Why a connection ended. */
#define HL_ENDS(X) /* X(id, NAME, "key") */                                                                  \
	X(0, OPEN, "")                                                                                       \
	X(1, CLOSED, "closed")                 /* in order */                                                \
	X(2, RESET_SENT, "reset sent")         /* thrown away from here */                                   \
	X(3, RESET_RECEIVED, "reset received") /* … by the peer */                                         \
	X(4, TIMED_OUT, "timed out")           /* the peer did not answer any more, or at all */             \
	X(5, REFUSED, "refused")                                                                             \
	X(6, UNREACHABLE, "unreachable")                                                                     \
	X(7, GIVEN_UP, "given up") /* closed from here before it was established */                          \
	X(8, FAILED, "failed")                                                                               \
	X(9, NOT_SEEN, "end not seen") /* it is gone, and nothing was told of that */

enum hl_end {
#define X(id, NAME, key) HL_END_##NAME = id,
	HL_ENDS(X)
#undef X
		NR_HL_ENDS = 10,
};

/* ---- accounting: every class of event has one row ------------------------ */

/* X(id, NAME, "key", "what one event is") */
#define HL_CLASSES(X)                                                                                        \
	X(0, WAITS, "waits", "one time off the CPU, switch-out to switch-in")                                \
	X(1, CALLS, "calls", "one system call that was entered and left")                                    \
	X(2, SLOW, "slow", "record of one slow operation")                                                   \
	X(3, LIFECYCLE, "lifecycle", "record of a fork, exec, rename, move or exit")                         \
	X(4, THREADS, "threads", "one thread whose ledger was to be kept")                                   \
	X(5, RECORDED, "recorded", "record handed to the recording")                                         \
	X(6, BLOCK, "block", "one block request that was issued and completed")                              \
	X(7, FILES, "files", "one call or wait on a file")                                                   \
	X(8, URING, "io_uring", "one io_uring request that was submitted and completed")                     \
	X(9, STACKS, "stacks", "kernel stack of a thread that was blocked at a refresh, or of a slow wait")  \
	X(10, USTACKS, "user_stacks", "user stack of a slow wait or call that was to be taken")              \
	X(11, CGROUPS, "cgroups", "one reading of a cgroup with a CPU quota that was due at a refresh")      \
	X(12, CONNECTIONS, "connections",                                                                    \
	  "a TCP connection came, was accepted, ended, or a connect was over")                               \
	X(13, ENDED, "ended_connections", "record of a TCP connection or listener that ended")               \
	X(14, DNS, "dns", "one send to, or receive from, a DNS server")                                      \
	X(15, EXCHANGES, "exchanges", "a request on a TCP connection was answered, or never will be")        \
	X(16, READS, "reads", "data that had come to a TCP connection was read")                             \
	X(17, FUNCTIONS, "functions",                                                                        \
	  "one call of a traced function that was entered and left, or a probe hit")                         \
	X(18, FUNCTION_CALLS, "function_calls", "record of one such call")                                   \
	X(19, FUNCTION_SYSCALLS, "function_syscalls", "one system call that was made inside of such a call")

enum hl_class {
#define X(id, NAME, key, help) HL_CLASS_##NAME = id,
	HL_CLASSES(X)
#undef X
		NR_HL_CLASSES = 20,
};

/* X(id, NAME, "key", "why an event was lost") */
#define HL_LOSSES(X)                                                                                         \
	X(0, RING_FULL, "ring_full", "the ring buffer was full")                                             \
	X(1, MAP_FULL, "map_full", "no room for the thread's state")                                         \
	X(2, RECURSION, "recursion", "the kernel skipped a nested run of the program")                       \
	X(3, UNREADABLE, "unreadable", "kernel or user memory could not be read")                            \
	X(4, CLOCK, "clock", "the clock went backwards")                                                     \
	X(5, UNPAIRED, "unpaired", "an end without its begin")                                               \
	X(6, DISK_FULL, "disk_full", "the recording could not be written")                                   \
	X(7, DAMAGED, "damaged", "the record failed its check")                                              \
	X(8, TOO_DEEP, "too_deep", "of calls in calls so deep the kernel does not see the end")              \
	X(9, TOO_MANY, "too_many", "there were more at once than are told one by one")

enum hl_loss {
#define X(id, NAME, key, help) HL_LOSS_##NAME = id,
	HL_LOSSES(X)
#undef X
		NR_HL_LOSSES = 10,
};

/* ---- collectors ---------------------------------------------------------- */

#define HL_COLLECTOR_STATES(X)                                                                               \
	X(0, ON, "on")                                                                                       \
	X(1, OFF, "off")   /* switched off, could be on */                                                   \
	X(2, LESS, "less") /* works, with columns missing */                                                 \
	X(3, UNAVAILABLE, "unavailable")

enum hl_collector_state {
#define X(id, NAME, key) HL_COLLECTOR_##NAME = id,
	HL_COLLECTOR_STATES(X)
#undef X
		NR_HL_COLLECTOR_STATES = 4,
};

/* ---- who ended a wait, and what an operation was on ---------------------- */

#define HL_WAKERS(X) /* X(id, NAME, "key") */                                                                \
	X(0, UNKNOWN, "")                                                                                    \
	X(1, THREAD, "thread")                                                                               \
	X(2, DISK, "disk")                                                                                   \
	X(3, NETWORK, "network")                                                                             \
	X(4, TIMER, "timer")                                                                                 \
	X(5, INTERRUPT, "interrupt")

enum hl_waker {
#define X(id, NAME, key) HL_WAKER_##NAME = id,
	HL_WAKERS(X)
#undef X
		NR_HL_WAKERS = 6,
};

/* How it is known who held a lock that a thread waited for. */
#define HL_HOLDERS(X) /* X(id, NAME, "key") */                                                               \
	X(0, UNKNOWN, "")                                                                                    \
	X(1, WORD, "word")   /* the lock's word is its owner's number: PI, robust, musl */                   \
	X(2, FIELD, "owner") /* the owner field of the C library's mutex */                                  \
	X(3, WAKER, "waker") /* nothing says who: whoever ended the wait held it last */

enum hl_holder {
#define X(id, NAME, key) HL_HOLDER_##NAME = id,
	HL_HOLDERS(X)
#undef X
		NR_HL_HOLDERS = 4,
};

#define HL_DETAILS(X) /* X(id, NAME, "key") */                                                               \
	X(0, NONE, "")                                                                                       \
	X(1, FILE, "file") /* path in the tail; dev and ino */                                               \
	X(2, PEER, "peer") /* family, addresses, ports */                                                    \
	X(3, LOCK, "lock") /* addr: the futex word */                                                        \
	X(4, COUNT, "fds") /* addr: how many descriptors were waited on */                                   \
	X(5, DISK, "disk") /* a block request's: dev; addr: sector; its name in the tail, as a path */       \
	X(6, NAME, "name") /* a DNS query's, in the tail, and with a NUL between what became of it; its      \
			      server as a peer */                                                            \
	X(7, ARGS, "args") /* of a function's call: in the tail */

enum hl_detail {
#define X(id, NAME, key) HL_DETAIL_##NAME = id,
	HL_DETAILS(X)
#undef X
		NR_HL_DETAILS = 8,
};

/* ---- records ------------------------------------------------------------- */

#define HL_COMM_LEN 16

#define HL_MAX_ERRNO 4095 /* a result from its negative on is an error */

/*
 * Every record starts with this. size counts the whole record with its tail
 * and is a multiple of 8, so that an unknown kind can be skipped. ts is
 * CLOCK_BOOTTIME in ns. pid is the thread group, tid the thread, both as the
 * host's (initial) pid namespace numbers them.
 */
struct hl_rec {
	__u16 kind;
	__u16 cpu;
	__u32 size;
	__u64 ts;
	__u32 pid;
	__u32 tid;
};

/*
 * X(id, NAME, body, bytes without the tail). A tail, where there is one, is
 * described at the struct; strings in tails end with a NUL each.
 */
#define HL_KINDS(X)                                                                                          \
	X(1, META, meta, 24)                                                                                 \
	X(2, TICK, tick, 48)                                                                                 \
	X(3, PROCESS, process, 80)                                                                           \
	X(4, THREAD, thread, 56)                                                                             \
	X(5, THREAD_END, thread_end, 176)                                                                    \
	X(6, LEDGER, ledger, 200)                                                                            \
	X(7, OP, op, 208)                                                                                    \
	X(8, SLOW, slow, 424)                                                                                \
	X(9, NOW, slow, 424)                                                                                 \
	X(10, ACCT, acct, 128)                                                                               \
	X(11, COLLECTOR, collector, 32)                                                                      \
	X(12, PSI, psi, 64)                                                                                  \
	X(13, SELF, self, 80)                                                                                \
	X(14, LIFE, life, 104)                                                                               \
	X(15, DISK, disk, 112)                                                                               \
	X(16, DISK_OP, disk_op, 96)                                                                          \
	X(17, OP_IO, op_io, 64)                                                                              \
	X(18, FILE, file, 64)                                                                                \
	X(19, FILE_OP, file_op, 240)                                                                         \
	X(20, STACK, stack, 40)                                                                              \
	X(21, LOCK_OP, lock_op, 216)                                                                         \
	X(22, USTACK, ustack, 40)                                                                            \
	X(23, OCCUPANTS, occupants, 80)                                                                      \
	X(24, LOCK_NAME, lock_name, 40)                                                                      \
	X(25, CGROUP, cgroup, 80)                                                                            \
	X(26, CONN, conn, 288)                                                                               \
	X(27, CONN_OP, conn_op, 64)                                                                          \
	X(28, LISTEN, listen, 120)                                                                           \
	X(29, DNS, dns, 80)                                                                                  \
	X(30, EXCHANGE_OP, exchange_op, 232)                                                                 \
	X(31, CONN_EXCHANGES, conn_exchanges, 72)                                                            \
	X(32, PEERS, peers, 32)                                                                              \
	X(33, CONNS_TOLD, meta, 24) /* since ts each CONN and LISTEN that is open was told of */             \
	X(34, FUNC, func, 40)                                                                                \
	X(35, FUNC_OP, func_op, 256)                                                                         \
	X(36, FUNC_CALL, func_call, 272)                                                                     \
	X(37, RESENT_OP, exchange_op, 232)                                                                   \
	X(38, FUNC_SYSCALL, func_syscall, 216)                                                               \
	X(39, WATCHED, watched, 40)

enum hl_kind {
#define X(id, NAME, body, bytes) HL_KIND_##NAME = id,
	HL_KINDS(X)
#undef X
		HL_KIND_MAX = 40,
};

/* A fact about the capture. Tail: key, value (two strings). Keys: hostname,
 * kernel, arch, boot_id, cpus, tool_version, argv (once per word), filter,
 * slow_ns, first. */
struct hl_rec_meta {
	struct hl_rec h;
};

/* The end of an interval: all records of the interval came before it. */
struct hl_rec_tick {
	struct hl_rec h;
	__u64 real_ns;     /* CLOCK_REALTIME at h.ts */
	__u64 interval_ns; /* since the tick before; 0 on the first one */
	__u32 final;       /* 1: the last tick of the capture */
	__u32 looked;      /* HL_LOOKED_*: at what, of which no record says it */
};

#define HL_LOOKED_CONNS     (1u << 0) /* connections: of what there is no record nothing moved */
#define HL_LOOKED_EXCHANGES (1u << 1) /* … the exchanges on them */

#define HL_PROC_KTHREAD (1u << 0) /* a kernel thread */
#define HL_PROC_EXISTED (1u << 1) /* was there before hostlat */
#define HL_PROC_SELF    (1u << 2) /* hostlat itself, or a child that it works with */
#define HL_PROC_TARGET  (1u << 3) /* within the filters of this run */
#define HL_PROC_ENDING  (1u << 4) /* from the task iterator only: its last switch-out is to come */

/* Identity of a process, sent at first sight and again when it changes.
 * Tail: exe, command line (masked), cgroup, container, pod, systemd unit, and the cgroup whose CPU
 * quota it is under, where that is in another hierarchy and has another path (seven strings). */
struct hl_rec_process {
	struct hl_rec h; /* tid == pid */
	__u64 start;     /* ns since boot of the thread group leader: (pid, start) is the identity */
	__u64 cgroup_id;
	__u32 ppid;
	__u32 uid;
	__u32 flags;
	__u32 threads; /* 0: not known */
	char comm[HL_COMM_LEN];
	__u64 pad;
};

/* Identity of a thread, at first sight and on rename. */
struct hl_rec_thread {
	struct hl_rec h;
	__u64 start; /* of the thread */
	char comm[HL_COMM_LEN];
	__u64 proc_start; /* of its process */
};

/* The thread is gone; its clocks are final. Clocks are ns since the ledger's
 * begin, absolute, never differences. */
struct hl_rec_thread_end {
	struct hl_rec h;
	__u64 start;
	__u64 proc_start;
	__u64 begin; /* when the ledger began, CLOCK_BOOTTIME */
	__u64 state_ns[NR_HL_STATES];
};

/* The ledger of a thread at h.ts. state_ns includes the time in now_state up
 * to h.ts, so that it adds up to h.ts - begin. */
struct hl_rec_ledger {
	struct hl_rec h;
	__u64 start;
	__u64 proc_start;
	__u64 begin;
	__u64 now_since; /* CLOCK_BOOTTIME */
	__u64 state_ns[NR_HL_STATES];
	__u64 switches; /* switch-ins since begin */
	__u16 now_nr;   /* call in progress, or HL_NR_* */
	__u8 now_state;
	__u8 now_abi;
	__u8 lower_bound; /* 1: the wait began before hostlat did */
	__u8 pad[3];
};

/* What was added to one (process, operation) since the record before it. Tail:
 * nr_buckets __u32 counts of the histogram's buckets first .. first+nr_buckets-1
 * (numbered as hist.h does), padded with zero to a multiple of 8. */
struct hl_rec_op {
	struct hl_rec h; /* pid, tid == pid */
	__u64 proc_start;
	__u16 nr;
	__u8 op;    /* enum hl_op */
	__u8 state; /* enum hl_state, for waits */
	__u8 abi;
	__u8 pad[3];
	__u64 count;
	__u64 errors;
	__u64 total_ns;
	__u64 max_ns; /* since start, not a difference */
	__u64 state_ns[NR_HL_STATES];
	__u32 first;
	__u32 nr_buckets;
};

/* More of the OP before it, where that is of block requests, or of waits for a disk: then queue_ns
 * and device_ns as of SLOW. */
struct hl_rec_op_io {
	struct hl_rec h;
	__u64 proc_start;
	__u16 nr;
	__u8 op, state, abi;
	__u8 pad[3];
	__u64 queue_ns, device_ns; /* time that requests were queued, and in the device */
	__u64 bytes;
};

/* A disk or partition, with the kernel's own figures, absolute. Tail: name, the names of the
 * devices below it and of those above it, separated by blanks, and its label (four strings). */
struct hl_rec_disk {
	struct hl_rec h; /* pid and tid 0 */
	__u32 dev;       /* as detail_dev */
	__u32 whole;     /* the disk that a partition is of; dev itself for a disk */
	__u64 size_bytes;
	__u64 merged[2];   /* reads, writes */
	__u64 busy_ns;     /* with any request in flight, in steps of a jiffy */
	__u64 weighted_ns; /* requests in flight, integrated over time */
	__u32 in_flight;
	__u32 flags; /* HL_DISK_* */
	__u64 pad[4];
};

#define HL_DISK_ROTATES (1u << 0)
#define HL_DISK_STACKED (1u << 1) /* has no requests of its own: bios pass through */

/* What was added to one phase of one (disk, operation) since the record before it. Tail
 * as of OP. */
struct hl_rec_disk_op {
	struct hl_rec h; /* pid and tid 0 */
	__u32 dev;
	__u16 nr;   /* enum hl_block_op, with HL_BLOCK_SYNC */
	__u8 phase; /* enum hl_block_phase */
	__u8 pad;
	__u64 count;
	__u64 errors;
	__u64 bytes;
	__u64 sequential; /* began where the one before it on this disk had ended */
	__u64 total_ns;
	__u64 max_ns; /* since start */
	__u32 first;
	__u32 nr_buckets;
	__u64 requeues; /* times that the driver gave one back; of the phase QUEUE */
};

#define HL_FILE_DELETED  (1u << 0) /* it has no name any more */
#define HL_FILE_PATH_CUT (1u << 1) /* the path was longer than could be taken: its head is missing */
#define HL_FILE_GONE     (1u << 2) /* no FILE_OP has this number from now on */
#define HL_FILE_BY_NAME  (1u << 3) /* it was named, not opened: the path is as the program gave it */

/* A file as one process knows it, by a number that the FILE_OPs after it have. Renamed, or
 * deleted, it is another one. Tail: its path, as in the mount namespace of the process. */
struct hl_rec_file {
	struct hl_rec h; /* pid, tid == pid */
	__u64 proc_start;
	__u64 ino;
	__u32 dev; /* as detail_dev */
	__u32 generation;
	__u32 file; /* never 0 */
	__u32 flags;
	__u64 pad;
};

/* As OP, of what a process did to one file. op is WAIT, SYSCALL or URING. Tail as of OP. */
struct hl_rec_file_op {
	struct hl_rec_op o;
	__u32 file; /* 0: the "(other)" file, which takes what had no room */
	__u32 pad;
	__u64 bytes;
	__u64 queue_ns, device_ns; /* as of SLOW */
};

#define HL_SLOW_LOWER_BOUND (1u << 0) /* began before hostlat did: duration is a lower bound */
#define HL_SLOW_NO_RESULT   (1u << 1) /* result is not known (a wait, or still in progress) */
#define HL_SLOW_DELETED     (1u << 2) /* the file was deleted */
#define HL_SLOW_PATH_CUT    (1u << 3) /* the path was longer than could be taken: its head is missing */
#define HL_SLOW_RESTARTED   (1u << 4) /* the call was interrupted and restarted */
#define HL_SLOW_BLOCKED     (1u << 5) /* of a NOW: blocked for as long as was asked for */
#define HL_SLOW_NOT_SLOW    (1u << 6) /* … but not as long as is slow, or in a wait for work */
#define HL_SLOW_IN_D        (1u << 7) /* of a NOW: the sleep is uninterruptible */
#define HL_SLOW_FROM_WHERE  (1u << 8) /* it is known where the thread was that woke it: waker_nr and on */
#define HL_SLOW_SIGNALLED   (1u << 9) /* a signal was pending when the wait ended: that may have ended it */

/* One slow operation (SLOW), or one still in progress (NOW: duration_ns is its
 * age at h.ts). Tail: path_len bytes of path, padded with zero. */
struct hl_rec_slow {
	struct hl_rec h; /* ts: when it ended, or now */
	__u64 start;
	__u64 proc_start;
	__u64 begin_ns; /* CLOCK_BOOTTIME */
	__u64 duration_ns;
	__s64 result;
	__u64 state_ns[NR_HL_STATES]; /* the breakdown */
	__u64 detail_addr;
	__u64 detail_ino;
	__u32 detail_dev; /* as new_encode_dev: see host/ for the split */
	__u16 nr;
	__u8 op;
	__u8 state;
	__u8 abi;
	__u8 detail; /* enum hl_detail */
	__u8 waker;  /* enum hl_waker */
	__u8 family; /* AF_INET or AF_INET6, for a peer */
	__u32 flags;
	__u8 local_addr[16];
	__u8 remote_addr[16];
	__u16 local_port;
	__u16 remote_port;
	__u8 protocol; /* IPPROTO_TCP, IPPROTO_UDP, … */
	__u8 accepted; /* 1: a client opened the connection */
	__u16 path_len;
	__u32 waker_pid;
	__u32 waker_tid;
	char waker_comm[HL_COMM_LEN];
	char comm[HL_COMM_LEN];
	__u64 restarts;
	__u64 seq; /* counts slow records of this CPU: a gap shows a loss */
	__u8 file; /* what the descriptor led to: enum hl_file of classify.h, 0: not known */
	__u8 pad[3];
	__u32 kernel_stack; /* id of a STACK that came before; 0: none was taken */
	/* of state_ns[DISK]: the part in which the requests whose ends woke it were queued, and were
	 * in the device. Both 0: not known. What is left was before those requests began. */
	__u64 queue_ns, device_ns;
	__u64 bytes; /* of a block request */
	/* of a wait for a lock: who held it when it began; of a NOW: who does now */
	__u64 holder_start;
	__u32 holder_pid, holder_tid;
	char holder_comm[HL_COMM_LEN];
	__u32 user_stack; /* id of a USTACK that came before; 0: none was taken */
	__u8 holder;      /* enum hl_holder: how that is known */
	__u8 pad2[3];
	/* of a wait: for how long at its end it was in the queue of the CPU that it came to then, h.cpu;
	 * before that it was not runnable, or in another CPU's */
	__u64 queued_here_ns;
	__u32 occupants; /* id of an OCCUPANTS that came before; 0: there is none */
	/* of the thread that woke it, as it did: ids as above, and the call that it was in, or HL_NR_* */
	__u32 waker_user_stack, waker_kernel_stack;
	__u16 waker_nr;
	__u8 waker_abi;
	__u8 pad3;
	__u32 times; /* of kind TCP: how often it happened to that socket since it was told of last */
	__u32 peers; /* of an exchange: id of a PEERS that came before; 0: there is none */
};

/* Who was on a CPU while a thread, h.tid, waited for it. Tail: nr of struct hl_occupant, who had
 * most of it first. */
struct hl_rec_occupants {
	struct hl_rec h; /* cpu: which one */
	__u32 id;        /* not 0; the SLOW that has it comes later, and only one */
	__u32 nr;
	__u64 span_ns;  /* how long that was */
	__u64 known_ns; /* … and of how much of it, it is known who was there */
	__u64 other_ns; /* of that: all who are not in the tail … */
	__u32 others;   /* … and how many these are */
	__u32 pad;
	__u64 interrupts_ns; /* of what is known: what interrupts took of those who were there */
	__u32 flags;         /* HL_OCCUPANTS_* */
	__u32 pad2;
};

#define HL_OCCUPANTS_INTERRUPTS (1u << 0) /* that is measured; else it is in the threads' time */

#define HL_OCCUPANTS 8 /* in the tail, at most */

struct hl_occupant {
	__u64 start;      /* of the thread; 0: not known */
	__u64 proc_start; /* of its process; 0: not known, and then pid is too */
	__u64 ns;
	__u32 pid;
	__u32 tid; /* 0: nobody, the CPU was idle */
	char comm[HL_COMM_LEN];
};

/* As OP, of a process's waits for one lock. Tail as of OP. */
struct hl_rec_lock_op {
	struct hl_rec_op o;
	__u64 addr; /* of the futex word; 0: of the locks that had no room, "(other)" */
};

/* What a program calls the variable that a lock is. Tail: the name, with an offset where the lock is in
 * the middle of it, and the program or library (two strings). */
struct hl_rec_lock_name {
	struct hl_rec h; /* tid == pid */
	__u64 proc_start;
	__u64 addr;
};

#define HL_CGROUP_GONE (1u << 0) /* it was removed: these are its last figures that were read */

#define HL_CGROUP_UNKNOWN (~0ull)

/* A cgroup with a CPU quota, with the kernel's own figures, absolute; sent when they moved. Any of them may
 * be HL_CGROUP_UNKNOWN. Tail: its path in the hierarchy of the CPU controller, container (two strings). */
struct hl_rec_cgroup {
	struct hl_rec h; /* pid and tid 0 */
	__u64 quota_ns;  /* of CPU time that it may use in a period; 0: as much as there is */
	__u64 period_ns;
	__u64 periods;      /* in which it ran … */
	__u64 throttled;    /* … and in which it used up its quota */
	__u64 throttled_ns; /* for how long it was kept from running then, over all CPUs */
	__u64 usage_ns;     /* CPU time that it has used */
	__u32 flags;        /* HL_CGROUP_* */
	__u32 pad;
};

#include "abi_stack.h" /* beside this one, wherever it is included from */

#include "abi_tcp.h"
#include "abi_dns.h"

/* One row of the accounting, absolute since start. */
struct hl_rec_acct {
	struct hl_rec h;
	__u32 class_id;
	__u32 pad;
	__u64 seen;
	__u64 delivered;
	__u64 lost[NR_HL_LOSSES];
};

/* Tail: name, reason (two strings). */
struct hl_rec_collector {
	struct hl_rec h;
	__u32 state;
	__u32 pad;
};

/* What is not counted all the time. */
enum hl_watch { HL_WATCH_CALLS, HL_WATCH_FILES, HL_WATCH_EXCHANGES, HL_WATCH_FUNCTIONS, NR_HL_WATCHES };

/* For how long it has been, since start. Without such a record it was from start to end. */
struct hl_rec_watched {
	struct hl_rec h;
	__u32 what; /* enum hl_watch */
	__u32 pad;
	__u64 ns;
};

/* Pressure, as /proc/pressure says; missing values are ~0. */
struct hl_rec_psi {
	struct hl_rec h;
	__u32 resource; /* 0 cpu, 1 io, 2 memory */
	__u32 some_avg10_x100;
	__u32 full_avg10_x100;
	__u32 pad;
	__u64 some_total_us;
	__u64 full_total_us;
	__u64 pad2;
};

/* hostlat's own cost, absolute since start. */
struct hl_rec_self {
	struct hl_rec h;
	__u64 cpu_ns;
	__u64 bpf_ns; /* 0: not measured */
	__u64 rss_bytes;
	__u64 map_bytes;
	__u64 call_cost_ns; /* calibrated cost of one system call under the calls tier; 0: not measured */
	__u64 threads;
	__u64 pad;
};

enum hl_life_what {
	HL_LIFE_FORK = 1,
	HL_LIFE_EXEC = 2,
	HL_LIFE_RENAME = 3,
	HL_LIFE_EXIT = 4, /* the whole process: its last thread is gone */
	HL_LIFE_MOVE = 5, /* to another cgroup */
	NR_HL_LIFE
};

/* From the kernel's lifecycle ring only: the live source turns it into PROCESS,
 * THREAD and THREAD_END; it never stands in a recording. Tail for EXEC:
 * filename, then args_len raw bytes of the command line. */
struct hl_rec_life {
	struct hl_rec h;
	__u64 start;
	__u64 proc_start;
	__u64 cgroup_id;
	__u32 what;
	__u32 ppid;
	__u32 uid;
	__u32 old_tid; /* exec from another thread: what the caller was */
	__u32 flags;   /* HL_PROC_* */
	__u16 name_len;
	__u16 args_len;
	char comm[HL_COMM_LEN];
	__u32 inner_tid; /* in the thread's own pid namespace */
	__u32 pad;
	__u64 pad2;
};

#include "exchange.h"
#include "abi_func.h"

#define X(id, NAME, body, bytes)                                                                             \
	_Static_assert(sizeof(struct hl_rec_##body) == bytes, #body " changed its size");
HL_KINDS(X)
#undef X

#endif
