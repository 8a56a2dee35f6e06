/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The order of the states: every row of the table, every overlap of two, and what a futex
 * wait is for. The same code runs in the kernel. */
#include <stdio.h>

#include "base/base.h"

#include "bpf/abi.h"
#include "bpf/calls.h"
#include "bpf/classify.h"
#include "bpf/lock.h"
#include "tests/test.h"

#define D HL_TASK_UNINTERRUPTIBLE
#define S HL_TASK_INTERRUPTIBLE

static const struct {
	const char *what;
	struct hl_facts f;
	int state;
} rows[] = {
	{ "preempted", { .call = CALL_NONE }, HL_STATE_RUNQUEUE },
	{ "yields in a call", { .call = CALL_PLAIN }, HL_STATE_RUNQUEUE },
	{ "out of quota", { .throttled = 1 }, HL_STATE_THROTTLED },
	{ "SIGSTOP", { .task_state = HL_TASK_STOPPED, .asleep = 1 }, HL_STATE_STOPPED },
	{ "ptrace in read",
	  { .task_state = HL_TASK_TRACED, .asleep = 1, .call = CALL_READ },
	  HL_STATE_STOPPED },
	{ "frozen in epoll",
	  { .task_state = S, .asleep = 1, .frozen = 1, .call = CALL_EPOLL },
	  HL_STATE_STOPPED },
	{ "major fault", { .task_state = D, .asleep = 1, .in_iowait = 1 }, HL_STATE_FAULT },
	{ "userfault", { .task_state = S, .asleep = 1 }, HL_STATE_FAULT },
	{ "epoll", { .task_state = S, .asleep = 1, .call = CALL_EPOLL }, HL_STATE_POLL },
	{ "io_uring, in_iowait",
	  { .task_state = S, .asleep = 1, .in_iowait = 1, .call = CALL_URING },
	  HL_STATE_POLL },
	{ "poll on many",
	  { .task_state = S, .asleep = 1, .call = CALL_POLL, .fds = FDS_MANY },
	  HL_STATE_POLL },
	{ "poll on one peer",
	  { .task_state = S, .asleep = 1, .call = CALL_POLL, .fds = FDS_ONE, .file = FILE_OPENED },
	  HL_STATE_NETWORK },
	{ "poll on one client",
	  { .task_state = S, .asleep = 1, .call = CALL_POLL, .fds = FDS_ONE, .file = FILE_ACCEPTED },
	  HL_STATE_IDLE },
	{ "poll on one client for room",
	  { .task_state = S,
	    .asleep = 1,
	    .call = CALL_POLL,
	    .fds = FDS_ONE,
	    .file = FILE_ACCEPTED,
	    .sending = 1 },
	  HL_STATE_NETWORK },
	{ "select on one client for room",
	  { .task_state = S,
	    .asleep = 1,
	    .call = CALL_SELECT,
	    .fds = FDS_ONE,
	    .file = FILE_ACCEPTED,
	    .sending = 1 },
	  HL_STATE_NETWORK },
	{ "poll on one pipe",
	  { .task_state = S, .asleep = 1, .call = CALL_POLL, .fds = FDS_ONE, .file = FILE_PIPE },
	  HL_STATE_IPC },
	{ "poll on one of no kind",
	  { .task_state = S, .asleep = 1, .call = CALL_POLL, .fds = FDS_ONE, .file = FILE_OTHER },
	  HL_STATE_POLL },
	{ "poll on a few peers",
	  { .task_state = S, .asleep = 1, .call = CALL_POLL, .fds = FDS_FEW_OPENED },
	  HL_STATE_NETWORK },
	{ "poll on nothing",
	  { .task_state = S, .asleep = 1, .call = CALL_POLL, .fds = FDS_NONE },
	  HL_STATE_SLEEP },
	{ "select on one peer",
	  { .task_state = S, .asleep = 1, .call = CALL_SELECT, .fds = FDS_ONE, .file = FILE_OPENED },
	  HL_STATE_NETWORK },
	{ "select on an epoll",
	  { .task_state = S, .asleep = 1, .call = CALL_SELECT, .fds = FDS_ONE, .file = FILE_EPOLL },
	  HL_STATE_POLL },
	{ "direct read",
	  { .task_state = D, .asleep = 1, .in_iowait = 1, .call = CALL_READ, .file = FILE_DISK },
	  HL_STATE_DISK },
	{ "fsync without in_iowait", { .task_state = D, .asleep = 1, .call = CALL_SYNC }, HL_STATE_DISK },
	{ "write behind the journal",
	  { .task_state = D, .asleep = 1, .call = CALL_WRITE, .file = FILE_DISK },
	  HL_STATE_DISK },
	{ "write to a file of no disk",
	  { .task_state = D, .asleep = 1, .call = CALL_WRITE, .file = FILE_REG },
	  HL_STATE_KERNEL },
	{ "kernel thread, in_iowait",
	  { .task_state = D, .asleep = 1, .kthread = 1, .in_iowait = 1 },
	  HL_STATE_DISK },
	{ "connect",
	  { .task_state = S, .asleep = 1, .call = CALL_CONNECT, .file = FILE_OPENED },
	  HL_STATE_NETWORK },
	{ "connect, unix",
	  { .task_state = S, .asleep = 1, .call = CALL_CONNECT, .file = FILE_UNIX },
	  HL_STATE_IPC },
	{ "receive a reply",
	  { .task_state = S, .asleep = 1, .call = CALL_RECV, .file = FILE_OPENED },
	  HL_STATE_NETWORK },
	{ "send to a client",
	  { .task_state = S, .asleep = 1, .call = CALL_SEND, .file = FILE_ACCEPTED },
	  HL_STATE_NETWORK },
	{ "write to a peer",
	  { .task_state = S, .asleep = 1, .call = CALL_WRITE, .file = FILE_OPENED },
	  HL_STATE_NETWORK },
	{ "accept",
	  { .task_state = S, .asleep = 1, .call = CALL_ACCEPT, .file = FILE_LISTEN },
	  HL_STATE_IDLE },
	{ "receive a request",
	  { .task_state = S, .asleep = 1, .call = CALL_RECV, .file = FILE_ACCEPTED },
	  HL_STATE_IDLE },
	{ "bound datagrams",
	  { .task_state = S, .asleep = 1, .call = CALL_RECV, .file = FILE_BOUND },
	  HL_STATE_IDLE },
	{ "sigwait", { .task_state = S, .asleep = 1, .call = CALL_SIGNAL }, HL_STATE_IDLE },
	{ "terminal", { .task_state = S, .asleep = 1, .call = CALL_READ, .file = FILE_WORK }, HL_STATE_IDLE },
	{ "kernel worker", { .task_state = D | HL_TASK_NOLOAD, .asleep = 1, .kthread = 1 }, HL_STATE_IDLE },
	{ "kernel thread, interruptible", { .task_state = S, .asleep = 1, .kthread = 1 }, HL_STATE_IDLE },
	{ "kernel thread, blocked", { .task_state = D, .asleep = 1, .kthread = 1 }, HL_STATE_KERNEL },
	{ "pipe", { .task_state = S, .asleep = 1, .call = CALL_READ, .file = FILE_PIPE }, HL_STATE_IPC },
	{ "full pipe",
	  { .task_state = S, .asleep = 1, .call = CALL_WRITE, .file = FILE_PIPE },
	  HL_STATE_IPC },
	{ "unix socket",
	  { .task_state = S, .asleep = 1, .call = CALL_RECV, .file = FILE_UNIX },
	  HL_STATE_IPC },
	{ "eventfd", { .task_state = S, .asleep = 1, .call = CALL_READ, .file = FILE_EVENT }, HL_STATE_IPC },
	{ "message queue", { .task_state = S, .asleep = 1, .call = CALL_IPC }, HL_STATE_IPC },
	{ "mutex", { .task_state = S, .asleep = 1, .call = CALL_FUTEX, .mutex = 1 }, HL_STATE_LOCK },
	{ "flock", { .task_state = S, .asleep = 1, .call = CALL_FLOCK, .file = FILE_DISK }, HL_STATE_LOCK },
	{ "condition", { .task_state = S, .asleep = 1, .call = CALL_FUTEX }, HL_STATE_PARK },
	{ "nanosleep", { .task_state = S, .asleep = 1, .call = CALL_SLEEP }, HL_STATE_SLEEP },
	{ "timerfd",
	  { .task_state = S, .asleep = 1, .call = CALL_READ, .file = FILE_TIMER },
	  HL_STATE_SLEEP },
	{ "wait4", { .task_state = S, .asleep = 1, .call = CALL_CHILD }, HL_STATE_CHILD },
	{ "vfork", { .task_state = D, .asleep = 1, .call = CALL_CHILD }, HL_STATE_CHILD },
	{ "kernel mutex", { .task_state = D, .asleep = 1, .call = CALL_PLAIN }, HL_STATE_KERNEL },
	{ "kernel mutex in read",
	  { .task_state = D, .asleep = 1, .call = CALL_READ, .file = FILE_DISK },
	  HL_STATE_KERNEL },
	{ "killed in user mode, dumps its core",
	  { .task_state = S, .asleep = 1, .call = CALL_PLAIN },
	  HL_STATE_OTHER },
	{ "spin lock that sleeps, in epoll",
	  { .task_state = HL_TASK_RTLOCK, .asleep = 1, .call = CALL_EPOLL },
	  HL_STATE_KERNEL },
	{ "spin lock that sleeps, in a fault",
	  { .task_state = HL_TASK_RTLOCK, .asleep = 1 },
	  HL_STATE_KERNEL },
	{ "spin lock that sleeps, kernel thread",
	  { .task_state = HL_TASK_RTLOCK, .asleep = 1, .kthread = 1 },
	  HL_STATE_KERNEL },
	{ "unknown", { .task_state = S, .asleep = 1, .call = CALL_PLAIN }, HL_STATE_OTHER },
	{ "stalled file system",
	  { .task_state = S, .asleep = 1, .call = CALL_READ, .file = FILE_REG },
	  HL_STATE_OTHER },
};

void test_classify_rows(void)
{
	bool hit[NR_HL_STATES] = {};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int got = hl_classify(&rows[i].f);

		if (got != rows[i].state)
			test_eq(got, rows[i].state, rows[i].what, __FILE__, __LINE__);
		hit[got] = true;
	}
	for (int s = HL_STATE_CPU + 1; s < NR_HL_STATES; s++)
		ASSERT(hit[s]);
}

/* Whatever else holds, the fact that stands higher wins. */
void test_classify_order(void)
{
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		struct hl_facts f = rows[r].f;

		if (!f.asleep)
			continue;
		f.task_state |= HL_TASK_STOPPED;
		test_eq(hl_classify(&f), HL_STATE_STOPPED, rows[r].what, __FILE__, __LINE__);
		f = rows[r].f;
		f.in_iowait = 1;
		/* but for a spin lock, which may be met on the way to the disk */
		if (rows[r].state >= HL_STATE_DISK && !(f.task_state & HL_TASK_RTLOCK))
			test_eq(hl_classify(&f), HL_STATE_DISK, rows[r].what, __FILE__, __LINE__);
		else
			test_eq(hl_classify(&f), rows[r].state, rows[r].what, __FILE__, __LINE__);
		f = rows[r].f;
		f.asleep = 0;
		test_eq(hl_classify(&f), HL_STATE_RUNQUEUE, rows[r].what, __FILE__, __LINE__);
		f.throttled = 1;
		test_eq(hl_classify(&f), HL_STATE_THROTTLED, rows[r].what, __FILE__, __LINE__);
	}
}

void test_classify_futex(void)
{
	const __u64 sp = 0x7ffc00001000, heap = 0x55500000;

	ASSERT(hl_futex_is_mutex(0, 2, 0, heap, sp));        /* glibc, Go */
	ASSERT(hl_futex_is_mutex(0x80 | 9, 2, 0, heap, sp)); /* Rust; private, bitset */
	ASSERT(hl_futex_is_mutex(0x80, 2, 0, heap, sp));
	ASSERT(hl_futex_is_mutex(6 | 0x80, 0, 0, heap, sp)); /* priority inheritance */
	ASSERT(hl_futex_is_mutex(13, 0, 0, heap, sp));
	ASSERT(hl_futex_is_mutex(0x80, 0x80000010, 0, heap, sp));        /* musl, plain */
	ASSERT(hl_futex_is_mutex(0x80, 0x80000000 | 4711, 0, heap, sp)); /* musl, by owner */
	ASSERT(!hl_futex_is_mutex(0x80, 2, 0, sp + 64, sp));             /* musl's condition variable */
	ASSERT(hl_futex_is_mutex(0x80, 2, 0, sp + 4096, sp));
	ASSERT(!hl_futex_is_mutex(0x109, 2, 0, heap, sp));     /* glibc's pthread_join */
	ASSERT(hl_futex_is_mutex(0x109, 2, sp + 8, heap, sp)); /* its shared mutex, for a time */
	ASSERT(!hl_futex_is_mutex(0x80, 0, 0, heap, sp));
	ASSERT(!hl_futex_is_mutex(0x80, 1, 0, heap, sp));
	ASSERT(!hl_futex_is_mutex(0x80 | 9, 0xffffffff, 0, heap, sp)); /* Rust's parked thread */
	ASSERT(!hl_futex_is_mutex(1, 2, 0, heap, sp));                 /* a wake */
	ASSERT(!hl_futex_is_mutex(11, 2, 0, heap, sp));                /* wait and requeue: a condition */
}

/* Whose word or field is its owner, and whose only looks like it: it names a thread only then. */
void test_classify_mutex_holder(void)
{
#define WAITED(n) (HL_FUTEX_WAITERS | (n))
	static const struct {
		const char *what;
		struct hl_mutex m;
		__u32 op, holder;
		__u8 native, how;
	} cases[] = {
		{ "glibc", { 0, 2, 0, 77, 1, 0 }, 128, 77, 1, HL_HOLDER_FIELD },
		{ "glibc, shared", { 0, 2, 0, 77, 1, 128 }, 0, 77, 1, HL_HOLDER_FIELD | HL_HOLDER_ANY },
		{ "glibc, 32 bits", { 0, 2, 0, 77, 0, 1 }, 128, 0, 0, 0 },
		{ "Rust's, and what it guards", { 0, 2, 0, 77, 0, 0 }, 128, 0, 1, 0 },
		{ "Go's, and a pointer", { 0, 2, 0, 77, 0xc0, 4 }, 128, 0, 1, 0 },
		{ "robust", { 0, WAITED(77), 0, 77, 1, 16 }, 0, 77, 1, HL_HOLDER_WORD },
		{ "robust, shared",
		  { 0, WAITED(77), 0, 77, 1, 144 },
		  0,
		  77,
		  1,
		  HL_HOLDER_WORD | HL_HOLDER_ANY },
		{ "robust, 32 bits", { 0, WAITED(77), 0, 77, 16, 1 }, 0, 77, 0, HL_HOLDER_WORD },
		{ "PI", { 0, WAITED(77), 0, 77, 1, 32 }, 128 | 6, 77, 1, HL_HOLDER_WORD },
		{ "PI, of no library", { 0, WAITED(77), 0, 0, 0, 0 }, 128 | 13, 77, 1, HL_HOLDER_WORD },
		{ "musl, recursive", { 1, WAITED(77), 1, 0, 0, 0 }, 128, 77, 1, HL_HOLDER_WORD },
		{ "musl, between processes",
		  { 129, WAITED(77), 1, 0, 0, 0 },
		  0,
		  77,
		  1,
		  HL_HOLDER_WORD | HL_HOLDER_ANY },
		{ "musl, plain", { 0, WAITED(16), 1, 0, 0, 0 }, 128, 0, 1, 0 },
		{ "musl's rwlock: a reader", { 0, WAITED(1), 2, 0, 0, 0 }, 128, 0, 1, 0 },
		{ "musl's rwlock behind a number", { 4000, WAITED(1), 2, 0, 0, 0 }, 128, 0, 1, 0 },
		{ "musl's inner lock: two want it", { 0, WAITED(2), 0, 0, 0, 0 }, 128, 0, 1, 0 },
		{ "Rust's rwlock: three readers", { 1, WAITED(3) | 0x40000000, 0, 0, 0, 0 }, 128, 0, 1, 0 },
	};
	__u8 how;

	for (unsigned int r = 0; r < ARRAY_SIZE(cases); r++) {
		test_eq(hl_mutex_holder(&cases[r].m, cases[r].op, cases[r].native, &how), cases[r].holder,
			cases[r].what, __FILE__, __LINE__);
		if (cases[r].holder)
			test_eq(how, cases[r].how, cases[r].what, __FILE__, __LINE__);
	}
}

/* No number stands twice in one table with two meanings, and all fit. */
void test_classify_calls(void)
{
	static const struct {
		int nr[3];
	} calls[] = {
#define X(x64, x32, generic, call) { { x64, x32, generic } },
		HL_CALL_LIST(X)
#undef X
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		for (int t = 0; t < 3; t++) {
			ASSERT(calls[i].nr[t] < HL_MAX_NR);
			for (size_t j = 0; j < i; j++)
				if (calls[i].nr[t] >= 0 && calls[i].nr[t] == calls[j].nr[t]) {
					printf("# table %d: %d stands twice\n", t, calls[i].nr[t]);
					ASSERT(false);
				}
		}
}
