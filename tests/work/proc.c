/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Modes that make, wait for, stop and kill processes: tiny, fork, vfork, child,
 * stop, killed, texec. */
#include "modes.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int w_tiny_child(int argc, char **argv)
{
	return 0;
}

/* The parent waits for the child, which must have ended well. */
static void reap_well(struct w_thread *t, long pid, uint64_t begin)
{
	long status = pid < 0 ? pid : w_reap(t, pid);

	if (status)
		w_fail(t->w, "child", status < 0 ? (int)status : -ECHILD);
	if (pid > 0)
		w_note(t->w, (uint32_t)pid, W_EXITED, begin);
}

static void tiny(struct w_thread *t, void *unused)
{
	char *argv[] = { "work", "tiny-child", NULL };

	for (uint64_t n = 0; w_more(t->w, n); n++) {
		uint64_t begin = w_now();
		long pid = w_fork(t);

		if (!pid && t->w->opt.exec)
			w_exec_self(NULL, argv);
		if (!pid)
			syscall(SYS_exit_group, t->w->opt.exec);
		reap_well(t, pid, begin);
	}
}

int w_mode_tiny(struct w *w)
{
	return w_run(w, "parent", w->opt.threads, tiny, NULL);
}

static void forker(struct w_thread *t, void *unused)
{
	uint64_t *returns = &t->w->sh->number[0];

	for (uint64_t n = 0; w_more(t->w, n); n++) {
		uint64_t begin = w_now();
		long pid = w_fork(t);

		if (!pid) {
			__atomic_add_fetch(returns, 1, __ATOMIC_RELAXED);
			syscall(SYS_exit_group, 0);
		}
		reap_well(t, pid, begin);
	}
}

int w_mode_fork(struct w *w)
{
	int err = w_run(w, "parent", w->opt.threads, forker, NULL);

	w_extra(w, "child_returns", (double)w->sh->number[0]);
	return err;
}

/* A frame of its own: the child runs on this stack until it exits. */
static __attribute__((noinline)) long vfork_and_sleep(const struct timespec *ts)
{
	long pid = vfork();

	if (!pid) {
		syscall(SYS_nanosleep, ts, NULL);
		_exit(0);
	}
	return pid < 0 ? -errno : pid;
}

static void vforker(struct w_thread *t, void *unused)
{
	struct timespec ts = w_ts(t->w->opt.hold_ns);
	enum w_call_id id = SYS_vfork < 0 ? C_CLONE : C_VFORK;
	struct w_span s;

	for (uint64_t n = 0; w_more(t->w, n); n++) {
		uint64_t begin = w_now();
		long pid;

		w_span_open(t, &s);
		t->calls[id].attempted++;
		pid = vfork_and_sleep(&ts);
		t->calls[id].returned++;
		w_span_close(t, &s, HL_STATE_CHILD);
		reap_well(t, pid, begin);
	}
}

int w_mode_vfork(struct w *w)
{
	return w_run(w, "parent", w->opt.threads, vforker, NULL);
}

static void sleep_once(struct w_thread *t, void *unused)
{
	w_sleep(t, t->w->opt.hold_ns);
}

static void parent_of_sleeper(struct w_thread *t, void *unused)
{
	for (uint64_t n = 0; w_more(t->w, n); n++) {
		uint64_t begin = w_now();

		reap_well(t, w_child(t, w_slot(t->w, "child"), sleep_once, NULL), begin);
	}
}

int w_mode_child(struct w *w)
{
	return w_run(w, "parent", w->opt.threads, parent_of_sleeper, NULL);
}

static void stop_self(struct w_thread *t, void *unused)
{
	for (uint64_t n = 0; w_more(t->w, n); n++)
		WAIT(t, STOPPED, TGKILL, t->pid, t->tid, SIGSTOP);
}

static void parent_of_stopped(struct w_thread *t, void *unused)
{
	uint64_t begin = w_now();
	long pid = w_child(t, w_slot(t->w, "stopped"), stop_self, NULL), r = pid;
	int status = 0;

	while (r > 0) {
		r = WAIT(t, CHILD, WAIT4, pid, L(&status), WUNTRACED | __WALL, 0);
		if (r < 0 || !WIFSTOPPED(status))
			break;
		w_sleep(t, t->w->opt.hold_ns);
		CALL(t, KILL, pid, SIGCONT);
	}
	if (r < 0 || status)
		w_fail(t->w, "stop a child", r < 0 ? (int)r : -ECHILD);
	w_note(t->w, (uint32_t)pid, W_EXITED, begin);
}

int w_mode_stop(struct w *w)
{
	return w_run(w, "parent", w->opt.threads, parent_of_stopped, NULL);
}

/* The write end stays open in both: only a kill ends this read. */
static void read_for_ever(struct w_thread *t, void *fd)
{
	char c;

	CALL(t, READ, *(int *)fd, L(&c), 1);
}

static void killer(struct w_thread *t, void *fd)
{
	for (uint64_t n = 0; w_more(t->w, n); n++) {
		uint64_t begin = w_now();
		struct w_thread *victim = w_slot(t->w, "victim");
		long pid = w_child(t, victim, read_for_ever, fd);
		long status;

		if (pid < 0) {
			w_fail(t->w, "clone", (int)pid);
			return;
		}
		w_until_in(t, victim, C_READ);
		w_sleep(t, t->w->opt.hold_ns);
		CALL(t, KILL, pid, SIGKILL);
		status = w_reap(t, pid);
		if (status < 0 || !WIFSIGNALED(status))
			w_fail(t->w, "kill a child", -ECHILD);
		w_note(t->w, (uint32_t)pid, W_KILLED, begin);
	}
}

int w_mode_killed(struct w *w)
{
	int p[2];

	if (pipe(p))
		return w_fail(w, "pipe", -errno);
	return w_run(w, "killer", 1, killer, &p[0]);
}

/* ---- exec from a thread that is not the leader ----------------------------- */

#define IMAGE_CALLS 10

/* The new image: argv[2] is the descriptor of the counters, then the slots of it and of who called exec. */
int w_texec_child(int argc, char **argv)
{
	struct w w = { .opt = { .ready_fd = -1 } };
	struct w_thread *t, *caller;

	if (argc != 5)
		return 1;
	w.sh = mmap(NULL, sizeof(*w.sh), PROT_READ | PROT_WRITE, MAP_SHARED, atoi(argv[2]), 0);
	if (w.sh == MAP_FAILED)
		return 1;
	t = &w.sh->threads[strtoul(argv[3], NULL, 10) % W_MAX_THREADS];
	caller = &w.sh->threads[strtoul(argv[4], NULL, 10) % W_MAX_THREADS];
	caller->calls[C_EXECVE].returned++;
	caller->end_ns = w_now();
	t->w = &w;
	w_begin(t);
	for (int i = 0; i < IMAGE_CALLS; i++)
		CALL(t, GETPPID);
	w_sleep(t, MS);
	w_end(t);
	return 0;
}

struct texec {
	struct w *w;
	struct w_thread *leader, *caller, *image;
};

static void *exec_from_thread(void *arg)
{
	struct texec *x = arg;
	struct w_thread *t = x->caller;
	char fd[16], image[16], caller[16];
	char *argv[] = { "work", "texec-child", fd, image, caller, NULL };

	w_begin(t);
	snprintf(fd, sizeof(fd), "%d", x->w->shm_fd);
	snprintf(image, sizeof(image), "%u", (uint32_t)(x->image - x->w->sh->threads));
	snprintf(caller, sizeof(caller), "%u", (uint32_t)(t - x->w->sh->threads));
	w_until_in(t, x->leader, C_READ);
	w_exec_self(t, argv);
	syscall(SYS_exit_group, 1);
	return NULL;
}

/* The child: its leader waits in a read while another thread replaces the process. */
static void two_threads(struct texec *x, int fd)
{
	pthread_t id;
	char c;

	w_begin(x->leader);
	if (pthread_create(&id, NULL, exec_from_thread, x))
		_exit(1);
	CALL(x->leader, READ, fd, L(&c), 1);
	_exit(1);
}

static void texec(struct w_thread *t, void *fd)
{
	for (uint64_t n = 0; w_more(t->w, n); n++) {
		uint64_t begin = w_now();
		struct texec x = { t->w, w_slot(t->w, "leader"), w_slot(t->w, "caller"),
				   w_slot(t->w, "image") };
		long pid;

		if (!x.image)
			return;
		t->calls[C_CLONE].attempted++;
		pid = fork(); /* the library's: the child makes a thread */
		if (!pid)
			two_threads(&x, *(int *)fd);
		t->calls[C_CLONE].returned++;
		reap_well(t, pid < 0 ? -errno : pid, begin);
	}
}

int w_mode_texec(struct w *w)
{
	int p[2];

	if (pipe(p))
		return w_fail(w, "pipe", -errno);
	return w_run(w, "parent", 1, texec, &p[0]);
}
