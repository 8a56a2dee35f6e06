/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Modes that choose the number of a new process: reuse, collide. */
#include "modes.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* clone3's argument up to set_tid, as the kernel numbers it. */
struct clone3_arg {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	uint64_t set_tid, set_tid_size;
};

/* A process with the number tid. 0 in the child. */
static long fork_as(struct w_thread *t, int32_t tid)
{
	struct clone3_arg a = { .set_tid = (uint64_t)(uintptr_t)&tid, .set_tid_size = 1 };
	long r;

	t->calls[C_CLONE3].attempted++;
	r = syscall(SYS_clone3, &a, sizeof(a));
	if (!r)
		return 0;
	t->calls[C_CLONE3].returned++;
	if (r > 0)
		return r;
	t->calls[C_CLONE3].errors++;
	return -errno;
}

static long child_as(struct w_thread *t, int32_t tid, struct w_thread *c, w_fn fn, void *arg)
{
	long pid;

	if (!c)
		return -E2BIG;
	pid = fork_as(t, tid);
	if (!pid)
		w_child_main(c, fn, arg);
	return pid;
}

/* Whether the kernel has it at all; a number that is taken is fine. */
static int check_set_tid(struct w *w)
{
	int32_t tid = 1;
	struct clone3_arg a = { .set_tid = (uint64_t)(uintptr_t)&tid, .set_tid_size = 1 };
	long r;

	r = syscall(SYS_clone3, &a, sizeof(a)); /* 1 always exists: no process is made */
	if (r < 0 && (errno == ENOSYS || errno == E2BIG || errno == EINVAL))
		return w_skip("no clone3 with set_tid");
	if (r < 0 && errno == EPERM)
		return w_fail(w, "clone3 with set_tid", -EPERM);
	return 0;
}

struct reuse {
	int32_t tid;
	int fd; /* of a pipe that nobody writes to */
};

static void short_life(struct w_thread *t, void *unused)
{
	for (int i = 0; i < 3; i++)
		CALL(t, GETPPID);
}

static void life_in_a_read(struct w_thread *t, void *arg)
{
	struct reuse *r = arg;
	char c;

	CALL(t, READ, r->fd, L(&c), 1);
}

static void one_life(struct w_thread *t, struct reuse *r, bool kill)
{
	uint64_t begin = w_now();
	struct w_thread *c = w_slot(t->w, "reused");
	long pid = child_as(t, r->tid, c, kill ? life_in_a_read : short_life, r);
	long status;

	if (pid < 0) {
		w_fail(t->w, "clone3 with set_tid", (int)pid);
		return;
	}
	if (kill) {
		w_until_in(t, c, C_READ);
		CALL(t, KILL, pid, SIGKILL);
	}
	status = w_reap(t, pid);
	if (status < 0 || !kill != WIFEXITED(status))
		w_fail(t->w, "child", status < 0 ? (int)status : -ECHILD);
	w_note(t->w, (uint32_t)pid, kill ? W_KILLED : W_EXITED, begin);
}

static void reuse(struct w_thread *t, void *arg)
{
	for (uint64_t n = 0; w_more(t->w, n); n++)
		one_life(t, arg, n & 1);
}

/* The first number from base on that nobody has. */
static int32_t free_tid(uint32_t base)
{
	int32_t tid = base ? (int32_t)base : 23456;

	while (!kill(tid, 0) || errno != ESRCH)
		tid++;
	return tid;
}

int w_mode_reuse(struct w *w)
{
	struct reuse *r = w_alloc(w, 1, sizeof(*r));
	int p[2], err;

	if (!r)
		return -ENOMEM;
	err = check_set_tid(w);
	if (err)
		return err;
	if (pipe(p))
		return w_fail(w, "pipe", -errno);
	*r = (struct reuse){ free_tid(w->opt.tid_base), p[0] };
	w_extra(w, "tid", r->tid);
	return w_run(w, "parent", 1, reuse, r);
}

static void collide(struct w_thread *t, void *unused)
{
	struct w_opt *o = &t->w->opt;
	uint32_t base = (uint32_t)free_tid(o->tid_base), n = 0;
	long pid[64] = { 0 };

	for (; n < o->threads && n < 64; n++) {
		pid[n] = child_as(t, (int32_t)(base + n * o->tid_step), w_slot(t->w, "collider"), w_sleeper,
				  NULL);
		if (pid[n] < 0) {
			w_fail(t->w, "clone3 with set_tid (taken, or beyond kernel.pid_max)", (int)pid[n]);
			break;
		}
	}
	while (n--)
		if (w_reap(t, pid[n]))
			w_fail(t->w, "child", -ECHILD);
}

int w_mode_collide(struct w *w)
{
	int err = check_set_tid(w);

	if (err)
		return err;
	if (w->opt.threads > 64 || !w->opt.tid_step)
		return w_fail(w, "--threads or --tid-step", -EINVAL);
	return w_run(w, "parent", 1, collide, NULL);
}
