/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The one event loop: descriptors, timers, signals, on epoll. One thread. */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include "base/base.h"

struct loop;
typedef void (*loop_fn)(struct loop *l, void *arg);
typedef void (*loop_signal_fn)(struct loop *l, int sig, void *arg);

struct loop *loop_new(void); /* NULL with errno set on failure */
void loop_free(struct loop *l);
/* Call fn while fd is readable. 0 or -errno. The descriptor stays the caller's. */
int loop_add_fd(struct loop *l, int fd, loop_fn fn, void *arg);
void loop_del_fd(struct loop *l, int fd);
/* A periodic timer; returns an id >= 0 or -errno. A late loop calls fn once, not
 * once per missed period. period_ns 0 in loop_set_timer stops it. */
int loop_add_timer(struct loop *l, uint64_t period_ns, loop_fn fn, void *arg);
void loop_set_timer(struct loop *l, int id, uint64_t period_ns);
/* Deliver sig to fn from the loop (signalfd; the signal is blocked meanwhile). */
int loop_add_signal(struct loop *l, int sig, loop_signal_fn fn, void *arg);
int loop_run(struct loop *l); /* until loop_stop; returns the status given there, or -errno */
void loop_stop(struct loop *l, int status);

#endif
