/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Asks about processes what may never be answered. Reading a command line, or any memory, takes a
 * lock of the process's memory, and where a thread of it holds that while it waits (for a file
 * server that is gone, say) every reader waits too, and cannot be killed. So it is not we who read
 * but a child, and when that does not answer in time another one takes over. For the live source.
 */
#ifndef HOST_ASK_H
#define HOST_ASK_H

#include <sys/types.h>

#include "base/base.h"

#define ASK_ROOM 512 /* bytes of an answer */

struct asker;

struct question {
	uint64_t at; /* an address in its memory, or whatever else ask_fn takes it for */
	pid_t pid;
};

/* Finds the answer: its length, or -errno. Runs in the child. */
typedef ssize_t (*ask_fn)(const struct question *q, char *buf, size_t size);
/* An answer; n: its length, or -errno (-ETIME: there was none in time). */
typedef void (*answer_fn)(void *arg, const struct question *q, const char *buf, ssize_t n);

/* Forks: before there is anything that a child must not inherit. NULL when it cannot. */
struct asker *asker_new(ask_fn fn);
/* Never waits for a child that reads. NULL is fine. */
void asker_free(struct asker *a);

void asker_put(struct asker *a, pid_t pid, uint64_t at);
/* Hands on what was answered, waiting for more until then (CLOCK_MONOTONIC, 0: not at all).
 * How many answers are still to come; 0 too when the children are gone. */
size_t asker_take(struct asker *a, uint64_t until_ns, answer_fn fn, void *arg);

#endif
