/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The one list of modes. A mode is a line here and a function
 * `int w_mode_FN(struct w *w)` in the file of its family.
 *
 * X(fn, "name", threads, each, hold_ms, seconds, "what it does")
 */
#ifndef WORK_MODES_H
#define WORK_MODES_H

#include "work.h"

#define W_MODES(X)                                                                                           \
	X(sleep, "sleep", 1, 10, 10, 0, "each thread sleeps --each times --hold with nanosleep: sleep")      \
	X(pipe, "pipe", 1, 10, 10, 0, "readers wait on a pipe whose writer sleeps before each write: ipc")   \
	X(futex_lock, "futex-lock", 4, 10, 10, 0,                                                            \
	  "a convoy on one mutex held for --hold: lock; --pthread: a pthread_mutex")                         \
	X(futex_park, "futex-park", 2, 10, 10, 0,                                                            \
	  "threads wait on a condition that is signalled each --hold: park; --pthread: a pthread_cond")      \
	X(fsync, "fsync", 1, 20, 0, 0, "write and fsync --file: disk")                                       \
	X(epoll, "epoll", 1, 10, 10, 0, "epoll_wait on a timerfd, and on a pipe: poll")                      \
	X(accept, "accept", 1, 10, 10, 0,                                                                    \
	  "a server waits in accept and receive: idle; its client waits for the replies: network")           \
	X(spin, "spin", 2, 0, 0, 1, "threads burn CPU on the CPUs of --cpu in turn: cpu, runqueue")          \
	X(cheap, "cheap", 8, 100000, 0, 0, "each thread makes --each getppid calls and exits at once")       \
	X(tiny, "tiny", 1, 1000, 0, 0,                                                                       \
	  "--each processes that live under a millisecond; --exec: with an exec")                            \
	X(getppid, "getppid", 1, 0, 0, 2, "getppid in a loop on one CPU for --seconds: ns per call")         \
	X(pingpong, "pingpong", 1, 0, 0, 2, "pipe ping-pong of two processes on one CPU: ns per round")      \
	X(mixed, "mixed", 1, 0, 5, 5, "spinners, sleepers, pipes, TCP, a convoy and fsync for --seconds")

#define X(fn, name, threads, each, hold, seconds, help) int w_mode_##fn(struct w *w);
W_MODES(X)
#undef X

/* What an exec of this program by itself starts: argv[1] is the hidden name. */
int w_tiny_child(int argc, char **argv);

#endif
