/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Starts and awaits the generator's threads and processes; called by the modes. */
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct w_worker {
	pthread_t id;
	struct w_thread *t;
	w_fn fn;
	void *arg;
};

void *w_alloc(struct w *w, size_t n, size_t size)
{
	void *p = w->nr_mem < sizeof(w->mem) / sizeof(w->mem[0]) ? calloc(n, size) : NULL;

	if (p)
		w->mem[w->nr_mem++] = p;
	else
		w_fail(w, "memory", -ENOMEM);
	return p;
}

void w_free(struct w *w)
{
	while (w->nr_mem)
		free(w->mem[--w->nr_mem]);
	w->workers = NULL;
}

static void pass_gate(struct w_thread *t)
{
	uint32_t *gate = &t->w->sh->gate;

	while (!__atomic_load_n(gate, __ATOMIC_ACQUIRE))
		WAIT(t, PARK, FUTEX, L(gate), FUTEX_WAIT, 0, 0);
}

static void *thread_main(void *arg)
{
	struct w_worker *k = arg;

	w_begin(k->t);
	if (k->t->w->opt.gate)
		pass_gate(k->t);
	k->fn(k->t, k->arg);
	w_end(k->t);
	return NULL;
}

#define W_MAX_WORKERS W_MAX_THREADS

int w_spawn(struct w *w, const char *role, w_fn fn, void *arg)
{
	struct w_worker *k;
	pthread_attr_t attr;
	int err;

	if (!w->workers)
		w->workers = w_alloc(w, W_MAX_WORKERS, sizeof(*w->workers));
	if (!w->workers)
		return -ENOMEM;
	if (w->nr_workers == W_MAX_WORKERS)
		return w_fail(w, "start a thread", -E2BIG);
	k = &w->workers[w->nr_workers];
	*k = (struct w_worker){ .t = w_slot(w, role), .fn = fn, .arg = arg };
	if (!k->t)
		return -E2BIG;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, w->stack);
	err = pthread_create(&k->id, &attr, thread_main, k);
	pthread_attr_destroy(&attr);
	if (err)
		return w_fail(w, "start a thread", -err);
	w->nr_workers++;
	return 0;
}

/* Short at first, so that a short run is not drawn out; longer then, so that a long one is not disturbed. */
static void tick(struct w *w)
{
	uint64_t now = w_now(), ns = (now - w->sh->begin_ns) / 16;
	struct timespec ts;

	ns = ns < MS ? MS : ns > 20 * MS ? 20 * MS : ns;
	if (w->deadline_ns > now && w->deadline_ns - now < ns)
		ns = w->deadline_ns - now;
	ts = w_ts(ns);

	WAIT(w->main, SLEEP, PPOLL, 0, 0, L(&ts), 0, 0);
	if (w->deadline_ns && w_now() >= w->deadline_ns)
		w->sh->stop = 1;
}

static void open_gate(struct w *w)
{
	char c;

	if (!w->opt.gate || w->sh->gate)
		return;
	for (uint32_t i = 0; i < w->nr_workers; i++)
		while (!__atomic_load_n(&w->workers[i].t->running, __ATOMIC_ACQUIRE))
			tick(w);
	w_say(w, "GATE\n");
	while (CALL(w->main, READ, 0, L(&c), 1) == 1 && c != '\n')
		;
	if (w->opt.seconds > 0)
		w->deadline_ns = w_now() + w->opt.seconds * S;
	__atomic_store_n(&w->sh->gate, 1, __ATOMIC_RELEASE);
	CALL(w->main, FUTEX, L(&w->sh->gate), FUTEX_WAKE, INT_MAX);
}

/* Whether to wait no longer: who failed may have left others waiting for it. */
static bool given_up(struct w *w, uint64_t *since)
{
	if (!w->sh->failed)
		return false;
	if (!*since)
		*since = w_now();
	return w_now() - *since > 2 * S;
}

static bool gone(struct w *w, struct w_thread *t)
{
	if (!t->tid || t->running)
		return false;
	/* A join that finds the thread gone makes no call of its own. */
	return CALL(w->main, TGKILL, w->sh->pid, t->tid, 0) == -ESRCH;
}

int w_join(struct w *w)
{
	uint64_t since = 0;

	open_gate(w);
	for (uint32_t i = 0; i < w->nr_workers; i++) {
		while (!gone(w, w->workers[i].t)) {
			tick(w);
			if (given_up(w, &since))
				return -EIO;
		}
		pthread_join(w->workers[i].id, NULL);
	}
	w->nr_workers = 0;
	return w->sh->failed ? -EIO : 0;
}

int w_run(struct w *w, const char *role, uint32_t n, w_fn fn, void *arg)
{
	int err = 0;

	for (uint32_t i = 0; i < n && !err; i++)
		err = w_spawn(w, role, fn, arg);
	return w_join(w) ?: err;
}

void w_pass_time(struct w *w)
{
	while (!w->sh->stop)
		tick(w);
}

void w_say(struct w *w, const char *word)
{
	CALL(w->main, WRITE, w->opt.ready_fd >= 0 ? w->opt.ready_fd : 2, L(word), strlen(word));
}

long w_fork(struct w_thread *t)
{
	long r;

	t->calls[C_CLONE].attempted++;
	r = syscall(SYS_clone, 0, 0, 0, 0, 0); /* no signal: it would end other waits */
	if (!r)
		return 0; /* the child: its return is not the parent's */
	t->calls[C_CLONE].returned++;
	if (r > 0)
		return r;
	t->calls[C_CLONE].errors++;
	return -errno;
}

void w_child_main(struct w_thread *c, w_fn fn, void *arg)
{
	w_begin(c);
	CALL(c, PRCTL, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	fn(c, arg);
	w_end(c);
	syscall(SYS_exit_group, 0);
	__builtin_unreachable();
}

long w_exec_self(struct w_thread *t, char *const argv[])
{
	char *envp[] = { NULL };

	return CALL(t, EXECVE, L("/proc/self/exe"), L(argv), L(envp));
}

uint32_t w_index(const struct w_thread *t)
{
	return (uint32_t)(t - t->w->sh->threads) - 1; /* the main thread has the first slot */
}

long w_child(struct w_thread *t, struct w_thread *c, w_fn fn, void *arg)
{
	long pid;

	if (!c)
		return -E2BIG;
	pid = w_fork(t);
	if (!pid)
		w_child_main(c, fn, arg);
	return pid;
}

long w_reap(struct w_thread *t, long pid)
{
	int status = 0;
	long r = WAIT(t, CHILD, WAIT4, pid, L(&status), __WALL, 0);

	return r < 0 ? r : status;
}

void w_note(struct w *w, uint32_t pid, enum w_fate fate, uint64_t begin_ns)
{
	uint32_t i = __atomic_fetch_add(&w->sh->nr_children, 1, __ATOMIC_RELAXED);

	if (i < W_MAX_CHILDREN)
		w->sh->children[i] = (struct w_child){ pid, fate, begin_ns, w_now() };
}

static char task_state(struct w_thread *t, const char *path)
{
	char buf[512];
	char *p;
	long fd = CALL(t, OPENAT, AT_FDCWD, L(path), O_RDONLY | O_CLOEXEC);
	long n;

	if (fd < 0)
		return 0;
	n = CALL(t, PREAD, fd, L(buf), sizeof(buf) - 1, 0);
	CALL(t, CLOSE, fd);
	if (n <= 0)
		return 0;
	buf[n] = 0;
	p = strrchr(buf, ')'); /* the name may hold anything */
	return p && p[1] == ' ' ? p[2] : 0;
}

char w_until_asleep(struct w_thread *t, uint32_t pid, uint32_t tid)
{
	uint64_t end = w_now() + 5 * S;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/task/%u/stat", pid, tid);
	while (w_now() < end) {
		char c = task_state(t, path);

		if (!c || strchr("SDTtZX", c))
			return c;
		CALL(t, SCHED_YIELD);
	}
	return 0;
}

char w_until_in(struct w_thread *t, struct w_thread *other, enum w_call_id id)
{
	volatile struct w_count *c = &other->calls[id];
	uint64_t end = w_now() + 5 * S;

	while (c->attempted == c->returned && w_now() < end)
		CALL(t, SCHED_YIELD);
	return w_until_asleep(t, other->pid, other->tid);
}

/* Number i, counted round, of a list like "0,2,5". */
static int nth_of_list(const char *list, uint32_t i)
{
	int cpus[64];
	uint32_t n = 0;

	for (const char *p = list; *p && n < 64;) {
		char *end;
		long v = strtol(p, &end, 10);

		if (end == p || v < 0 || v >= CPU_SETSIZE || (*end && *end != ','))
			return -EINVAL;
		cpus[n++] = (int)v;
		p = *end ? end + 1 : end;
	}
	return n ? cpus[i % n] : -EINVAL;
}

int w_cpu(struct w *w, uint32_t i)
{
	cpu_set_t set;
	int n;

	if (w->opt.cpu)
		return nth_of_list(w->opt.cpu, i);
	if (sched_getaffinity(w->sh->pid, sizeof(set), &set))
		return -errno;
	n = (int)(i % (uint32_t)CPU_COUNT(&set));
	for (int c = 0; c < CPU_SETSIZE; c++)
		if (CPU_ISSET(c, &set) && !n--)
			return c;
	return -EINVAL;
}

int w_pin(struct w_thread *t, uint32_t i)
{
	int cpu = w_cpu(t->w, i);
	cpu_set_t set;

	if (cpu < 0)
		return w_fail(t->w, "--cpu", cpu);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	cpu = (int)CALL(t, SETAFFINITY, 0, sizeof(set), L(&set));
	return cpu < 0 ? w_fail(t->w, "sched_setaffinity", cpu) : 0;
}

void w_path(struct w *w, uint32_t i, char *buf, size_t size)
{
	if (!w->opt.file)
		snprintf(buf, size, "/tmp/hostlat-work.%u.%u", w->sh->pid, i);
	else if (i)
		snprintf(buf, size, "%s.%u", w->opt.file, i);
	else
		snprintf(buf, size, "%s", w->opt.file);
}
