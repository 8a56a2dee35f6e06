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
	X(fault, "fault", 1, 256, 0, 0, "touches pages of a mapped file that are not in memory: fault")      \
	X(unix, "unix", 1, 10, 10, 0, "receive on a unix socket: ipc")                                       \
	X(eventfd, "eventfd", 1, 10, 10, 0, "read of an eventfd: ipc")                                       \
	X(msgq, "msgq", 1, 10, 10, 0, "receive from a POSIX message queue (--sysv: System V): ipc")          \
	X(sigwait, "sigwait", 1, 10, 10, 0, "rt_sigtimedwait for another thread's signals: idle")            \
	X(udp, "udp", 1, 10, 10, 0, "receive on connected UDP: network, and on bound UDP: idle")             \
	X(dns, "dns", 1, 10, 0, 0,                                                                           \
	  "asks a server of its own at port 53: names send, sendto, first, second, tcp; silent: in vain")    \
	X(poll1, "poll1", 1, 10, 10, 0, "poll on one client connection: network")                            \
	X(poll2, "poll2", 1, 10, 10, 0, "poll on two client connections: network")                           \
	X(pollmix, "pollmix", 1, 10, 10, 0, "poll on a client connection and a pipe: poll")                  \
	X(pollzero, "pollzero", 1, 10, 10, 0, "poll on nothing with a timeout: sleep")                       \
	X(select1, "select1", 1, 10, 10, 0, "select on one client connection: network")                      \
	X(flock, "flock", 1, 10, 10, 0, "flock on a file that another process holds: lock")                  \
	X(cheap, "cheap", 8, 100000, 0, 0, "each thread makes --each getppid calls and exits at once")       \
	X(tiny, "tiny", 1, 1000, 0, 0,                                                                       \
	  "--each processes that live under a millisecond; --exec: with an exec")                            \
	X(preempt, "preempt", 8, 20000, 0, 0, "threads that mix cheap calls and yields")                     \
	X(migrate, "migrate", 1, 10000, 0, 0,                                                                \
	  "sched_setaffinity moves the caller to the other CPU inside each call")                            \
	X(rate, "rate", 2, 0, 0, 5, "--rate getppid calls per second over --threads for --seconds")          \
	X(fork, "fork", 1, 1000, 0, 0, "forks; parent and child both count the return")                      \
	X(vfork, "vfork", 1, 10, 10, 0, "vfork whose child sleeps before it exits: child")                   \
	X(child, "child", 1, 10, 10, 0, "wait4 for a child that sleeps: child")                              \
	X(stop, "stop", 1, 10, 10, 0, "a child stops itself and is continued after --hold: stopped")         \
	X(killed, "killed", 1, 10, 10, 0,                                                                    \
	  "children that wait in a read are killed: attempted, never returned")                              \
	X(texec, "texec", 1, 20, 0, 0, "exec from a thread that is not the leader")                          \
	X(reuse, "reuse", 1, 100, 0, 0,                                                                      \
	  "processes that all have the same pid, every other one killed inside a call")                      \
	X(collide, "collide", 2, 10, 10, 0,                                                                  \
	  "processes numbered --tid-base + n * --tid-step, each sleeping --each times")                      \
	X(restart, "restart", 1, 3, 60, 0,                                                                   \
	  "a read interrupted by --signals handled signals, a sleep stopped and continued")                  \
	X(sigreturn, "sigreturn", 1, 1000, 0, 0, "--each handled signals")                                   \
	X(eintr, "eintr", 1, 3, 10, 0,                                                                       \
	  "a read interrupted by --signals signals, made again by the program each time")                    \
	X(nested, "nested", 1, 3, 10, 0, "a read restarted after --signals handlers that read themselves")   \
	X(jump, "jump", 1, 3, 10, 0, "a read that --signals handlers leave by a jump: never returned")       \
	X(seccomp, "seccomp", 1, 100, 1, 0, "getppid allowed, then denied with EPERM by a filter")           \
	X(fail, "fail", 1, 1000, 1, 0, "read and nanosleep that fail, among good calls")                     \
	X(ia32, "ia32", 1, 1000, 0, 0, "getpid by int 0x80 from 64-bit code")                                \
	X(hostile, "hostile", 1, 20, 50, 0,                                                                  \
	  "names of threads, programs and files with escapes, newlines and invalid UTF-8")                   \
	X(block, "block", 5, 1, 0, 5, "threads blocked in --calls for --seconds; says BLOCKED when all are") \
	X(threads, "threads", 1000, 1, 0, 5,                                                                 \
	  "idle threads in a futex wait for --seconds; says BLOCKED when all are")                           \
	X(getppid, "getppid", 1, 0, 0, 2, "getppid in a loop on one CPU for --seconds: ns per call")         \
	X(pingpong, "pingpong", 1, 0, 0, 2, "pipe ping-pong of two processes on one CPU: ns per round")      \
	X(mixed, "mixed", 1, 0, 5, 5, "spinners, sleepers, pipes, TCP, a convoy and fsync for --seconds")

#define X(fn, name, threads, each, hold, seconds, help) int w_mode_##fn(struct w *w);
W_MODES(X)
#undef X

/* What an exec of this program by itself starts: argv[1] is the hidden name. */
int w_tiny_child(int argc, char **argv);
int w_texec_child(int argc, char **argv);
int w_hostile_child(int argc, char **argv);

#endif
