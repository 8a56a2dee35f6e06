/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Which state a thread that is off the CPU is in. Plain C over plain facts: the one
 * place that holds the order, compiled into the kernel side and into its table test.
 */
#ifndef HL_CLASSIFY_H
#define HL_CLASSIFY_H

#include "bpf/abi.h"

/* What a system call does, as far as its waits are concerned. */
enum hl_call {
	CALL_NONE,  /* no call in progress: user mode, or a page fault */
	CALL_PLAIN, /* any call that says nothing about its waits */
	CALL_READ,  /* from a descriptor, by its type */
	CALL_WRITE, /* to a descriptor, by its type */
	CALL_RECV,  /* from a socket */
	CALL_SEND,  /* to a socket */
	CALL_CONNECT,
	CALL_ACCEPT,
	CALL_POLL, /* struct pollfd array */
	CALL_SELECT,
	CALL_EPOLL,
	CALL_URING,
	CALL_SYNC, /* writes back and waits for it */
	CALL_FUTEX,
	CALL_FUTEX2, /* futex_wait, futex_waitv */
	CALL_SLEEP,
	CALL_CHILD,  /* waits for a child process */
	CALL_SIGNAL, /* waits for a signal */
	CALL_IPC,    /* message queues, semaphores */
	CALL_FLOCK,
	CALL_FCNTL, /* a lock when the command says so */
	CALL_IOCTL,
	CALL_RESTART, /* restart_syscall: stands for the call before */
	CALL_SOCKET,  /* ia32 socketcall: the sub-call decides */
};

/* What a descriptor leads to. */
enum hl_file {
	FILE_NONE, /* not looked at, or nothing there */
	FILE_REG,  /* regular file or directory without a block device under it */
	FILE_DISK, /* on a block device, or one itself */
	FILE_PIPE,
	FILE_EVENT, /* eventfd */
	FILE_TIMER, /* timerfd */
	FILE_WORK,  /* hands out work: terminal, signalfd, inotify, /dev/fuse, a virtual CPU */
	FILE_EPOLL,
	FILE_OTHER,
	FILE_LISTEN,   /* sockets: listening … */
	FILE_OPENED,   /* … connected from here (or about to be), or an unbound datagram one */
	FILE_ACCEPTED, /* … opened by a client */
	FILE_BOUND,    /* … a datagram socket that is bound and not connected, netlink, raw */
	FILE_UNIX,
};

/* How many descriptors a poll or select waits on. One is told by its own type. */
enum hl_fds { FDS_NA, FDS_NONE, FDS_ONE, FDS_FEW_OPENED, FDS_MANY };

struct hl_facts {
	__u32 task_state; /* TASK_* bits at switch-out */
	__u8 asleep;      /* not runnable */
	__u8 throttled;
	__u8 frozen;  /* by a cgroup */
	__u8 kthread; /* kernel thread or io_uring worker: no calls */
	__u8 in_iowait;
	__u8 call;    /* enum hl_call */
	__u8 file;    /* enum hl_file, for calls on a descriptor and for FDS_ONE */
	__u8 fds;     /* enum hl_fds, for poll and select */
	__u8 sending; /* poll and select: for room to send only */
	__u8 mutex;   /* a futex wait that is for a mutex */
};

/* Task states that user space and tools rely on (include/linux/sched.h). */
#define HL_TASK_INTERRUPTIBLE   0x1u
#define HL_TASK_UNINTERRUPTIBLE 0x2u
#define HL_TASK_STOPPED         0x4u
#define HL_TASK_TRACED          0x8u
#define HL_TASK_DEAD            0x80u
#define HL_TASK_WAKEKILL        0x100u
#define HL_TASK_NOLOAD          0x400u
#define HL_TASK_RTLOCK          0x1000u /* v5.15 (5f220be21418): a spin lock that sleeps, on PREEMPT_RT */

/* What a wait on a descriptor is, by its type: receiving, and sending. */
static inline __attribute__((always_inline)) __u8 hl_classify_file(__u8 file, int sending)
{
	switch (file) {
	case FILE_OPENED:
		return HL_STATE_NETWORK;
	case FILE_ACCEPTED:
	case FILE_BOUND:
		return sending ? HL_STATE_NETWORK : HL_STATE_IDLE;
	case FILE_LISTEN:
	case FILE_WORK:
		return HL_STATE_IDLE;
	case FILE_PIPE:
	case FILE_EVENT:
	case FILE_UNIX:
		return HL_STATE_IPC;
	case FILE_TIMER:
		return HL_STATE_SLEEP;
	case FILE_EPOLL:
		return HL_STATE_POLL;
	}
	return NR_HL_STATES; /* does not say */
}

/* The part of a call's meaning that names a state by itself; NR_HL_STATES: none. */
static inline __attribute__((always_inline)) __u8 hl_classify_call(const struct hl_facts *f)
{
	switch (f->call) {
	case CALL_CONNECT:
		return f->file == FILE_UNIX ? HL_STATE_IPC : HL_STATE_NETWORK;
	case CALL_ACCEPT:
	case CALL_SIGNAL:
		return HL_STATE_IDLE;
	case CALL_READ:
	case CALL_RECV:
	case CALL_IOCTL:
		return hl_classify_file(f->file, 0);
	case CALL_WRITE:
	case CALL_SEND:
		return hl_classify_file(f->file, 1);
	case CALL_POLL:
	case CALL_SELECT:
		if (f->fds == FDS_FEW_OPENED)
			return HL_STATE_NETWORK;
		return f->fds == FDS_NONE ? HL_STATE_SLEEP : hl_classify_file(f->file, f->sending);
	case CALL_IPC:
		return HL_STATE_IPC;
	case CALL_FUTEX:
	case CALL_FUTEX2:
		return f->mutex ? HL_STATE_LOCK : HL_STATE_PARK;
	case CALL_FLOCK:
		return HL_STATE_LOCK;
	case CALL_SLEEP:
		return HL_STATE_SLEEP;
	case CALL_CHILD:
		return HL_STATE_CHILD;
	}
	return NR_HL_STATES;
}

static inline __attribute__((always_inline)) int hl_is_multiplexed(const struct hl_facts *f)
{
	__u8 of_one;

	if (f->call == CALL_EPOLL || f->call == CALL_URING)
		return 1;
	if (f->call != CALL_POLL && f->call != CALL_SELECT)
		return 0;
	/* one descriptor takes that descriptor's state, unless its type says nothing */
	of_one = hl_classify_file(f->file, 0);
	return f->fds == FDS_MANY ||
	       (f->fds == FDS_ONE && (of_one == NR_HL_STATES || of_one == HL_STATE_POLL));
}

static inline __attribute__((always_inline)) int hl_is_disk(const struct hl_facts *f)
{
	if (f->in_iowait)
		return 1;
	if (!(f->task_state & HL_TASK_UNINTERRUPTIBLE) || (f->task_state & HL_TASK_NOLOAD))
		return 0;
	/* a journal commit sleeps without in_iowait */
	return f->call == CALL_SYNC || (f->call == CALL_WRITE && f->file == FILE_DISK);
}

/* The state of a thread that was switched out. First match wins, in the order of the table. */
static inline __attribute__((always_inline)) __u8 hl_classify(const struct hl_facts *f)
{
	__u8 by_call;

	if (!f->asleep)
		return f->throttled ? HL_STATE_THROTTLED : HL_STATE_RUNQUEUE;
	if (f->frozen || (f->task_state & (HL_TASK_STOPPED | HL_TASK_TRACED)))
		return HL_STATE_STOPPED;
	if (f->task_state & HL_TASK_RTLOCK) /* whatever the call is for: not for that */
		return HL_STATE_KERNEL;
	if (!f->kthread && f->call == CALL_NONE)
		return HL_STATE_FAULT;
	if (!f->kthread && hl_is_multiplexed(f))
		return HL_STATE_POLL;
	if (hl_is_disk(f))
		return HL_STATE_DISK;
	if (f->kthread) {
		/* kernel workers wait for work with TASK_NOLOAD, older ones interruptibly */
		if ((f->task_state & HL_TASK_NOLOAD) || !(f->task_state & HL_TASK_UNINTERRUPTIBLE))
			return HL_STATE_IDLE;
		return HL_STATE_KERNEL;
	}
	by_call = hl_classify_call(f);
	if (by_call != NR_HL_STATES)
		return by_call;
	return f->task_state & HL_TASK_UNINTERRUPTIBLE ? HL_STATE_KERNEL : HL_STATE_OTHER;
}

/*
 * Is a futex wait for a mutex? glibc, Go and Rust mark a contended mutex with 2; PI
 * locks say so; musl stores the owner's tid, or 16 for a plain mutex, with the top bit
 * set. musl's condition variables wait for 2 too, but on the waiter's own stack, just
 * above its stack pointer: that is no mutex. Nor is what glibc's pthread_join waits for,
 * as nothing else does: the number of the other thread, shared, without a timeout. In a
 * container that is often 2.
 */
static inline __attribute__((always_inline)) int hl_futex_is_mutex(__u32 op, __u32 val, __u64 timeout,
								   __u64 uaddr, __u64 sp)
{
	int shared = !(op & 0x80);

	op &= 0x7f;              /* without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME */
	if (op == 6 || op == 13) /* FUTEX_LOCK_PI, FUTEX_LOCK_PI2 */
		return 1;
	if (op != 0 && op != 9) /* FUTEX_WAIT, FUTEX_WAIT_BITSET */
		return 0;
	if (op == 9 && shared && !timeout)
		return 0;
	if (val == 2)
		return uaddr - sp >= 256;
	return (val & 0x80000000u) && (val & 0x3fffffffu) && (val & 0x3fffffffu) < (1u << 22);
}

/*
 * musl's pthread_join waits for a member of the other thread's descriptor that is 2, so far behind
 * the descriptor's beginning, which is a pointer to itself.
 */
#if defined(__TARGET_ARCH_arm64) || defined(__aarch64__)
#define HL_MUSL_JOINED 40
#else
#define HL_MUSL_JOINED 56
#endif

/* Who ended a wait that no thread ended in its own context, as far as the wait itself tells. */
static inline __attribute__((always_inline)) __u8 hl_interrupt_waker(__u8 state, __u8 file)
{
	switch (state) {
	case HL_STATE_DISK:
	case HL_STATE_FAULT:
		return HL_WAKER_DISK;
	case HL_STATE_NETWORK:
	case HL_STATE_IDLE: /* for signals, a terminal: whatever came */
		return file >= FILE_LISTEN && file <= FILE_BOUND ? HL_WAKER_NETWORK : HL_WAKER_INTERRUPT;
	case HL_STATE_SLEEP:
	case HL_STATE_PARK:
	case HL_STATE_LOCK:
		return HL_WAKER_TIMER;
	}
	return HL_WAKER_INTERRUPT;
}

#endif
