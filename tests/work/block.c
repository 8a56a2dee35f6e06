/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Modes whose threads do nothing but wait, for seeing a wait while it lasts: block, threads. */
#include "modes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <unistd.h>

struct block {
	const struct blocker *b;
	struct block_set *set;
};

/* What the threads wait on, and what sets them free. */
struct block_set {
	int pipe[2];
	int event, epoll;
	int locked; /* a descriptor that holds the lock of the file */
	uint32_t word;
	char path[PATH_MAX];
};

static long block_read(struct w_thread *t, struct block_set *s)
{
	char c;

	return WAIT(t, IPC, READ, s->pipe[0], L(&c), 1);
}

static long block_futex(struct w_thread *t, struct block_set *s)
{
	return WAIT(t, PARK, FUTEX, L(&s->word), FUTEX_WAIT_PRIVATE, 0, 0);
}

static long block_epoll(struct w_thread *t, struct block_set *s)
{
	struct epoll_event e;

#ifdef __x86_64__
	return WAIT(t, POLL, EPOLL_WAIT, s->epoll, L(&e), 1, -1);
#else
	return WAIT(t, POLL, EPOLL_PWAIT, s->epoll, L(&e), 1, -1, 0, 8);
#endif
}

static long block_sleep(struct w_thread *t, struct block_set *s)
{
	long r = w_sleep(t, (uint64_t)(t->w->opt.seconds * S));

	return r == -EINTR ? 0 : r; /* woken by release */
}

static long block_flock(struct w_thread *t, struct block_set *s)
{
	long fd = CALL(t, OPENAT, AT_FDCWD, L(s->path), O_RDWR | O_CLOEXEC);
	long r = fd < 0 ? fd : WAIT(t, LOCK, FLOCK, fd, LOCK_EX);

	if (fd >= 0)
		CALL(t, CLOSE, fd);
	return r;
}

static const struct blocker {
	const char *name;
	long (*block)(struct w_thread *t, struct block_set *s);
	enum w_call_id id;
} blockers[] = {
	{ "read", block_read, C_READ },
	{ "futex", block_futex, C_FUTEX },
#ifdef __x86_64__
	{ "epoll_wait", block_epoll, C_EPOLL_WAIT },
#else
	{ "epoll_wait", block_epoll, C_EPOLL_PWAIT },
#endif
	{ "nanosleep", block_sleep, C_NANOSLEEP },
	{ "flock", block_flock, C_FLOCK },
};

#define NR_BLOCKERS (sizeof(blockers) / sizeof(blockers[0]))

static void blocked(struct w_thread *t, void *arg)
{
	struct block *k = arg;
	long r = k->b->block(t, k->set);

	if (r < 0)
		w_fail(t->w, k->b->name, (int)r);
}

static const struct blocker *find_blocker(const char *name, size_t len)
{
	for (size_t i = 0; i < NR_BLOCKERS; i++)
		if (strlen(blockers[i].name) == len && !strncmp(blockers[i].name, name, len))
			return &blockers[i];
	return NULL;
}

/* The names in --calls; returns how many, or -EINVAL. */
static int parse_calls(const char *list, struct block k[NR_BLOCKERS], struct block_set *s)
{
	int n = 0;

	while (*list) {
		size_t len = strcspn(list, ",");

		if (n == (int)NR_BLOCKERS)
			return -E2BIG;
		k[n] = (struct block){ find_blocker(list, len), s };
		if (!k[n++].b)
			return -EINVAL;
		list += len + (list[len] == ',');
	}
	return n ? n : -EINVAL;
}

static int open_set(struct w *w, struct block_set *s)
{
	struct epoll_event e = { .events = EPOLLIN };
	int err;

	w_path(w, 0, s->path, sizeof(s->path));
	s->locked = (int)CALL(w->main, OPENAT, AT_FDCWD, L(s->path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	s->event = eventfd(0, EFD_CLOEXEC);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->locked < 0)
		return w_fail(w, s->path, s->locked);
	if (s->event < 0 || s->epoll < 0 || pipe(s->pipe))
		return w_fail(w, "what to wait on", -errno);
	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->event, &e))
		return w_fail(w, "epoll_ctl", -errno);
	err = (int)CALL(w->main, FLOCK, s->locked, LOCK_EX | LOCK_NB);
	return err ? w_fail(w, s->path, err) : 0;
}

static void nothing(int sig)
{
}

/* A sleep ends by itself, unless the run ends early. */
static void wake_sleepers(struct w *w)
{
	struct sigaction sa = { .sa_handler = nothing };

	if (w_now() >= w->deadline_ns)
		return;
	sigaction(SIGUSR2, &sa, NULL);
	for (uint32_t i = 1; i <= w->opt.threads; i++)
		if (!strcmp(w->sh->threads[i].role, "nanosleep"))
			CALL(w->main, TGKILL, w->sh->pid, w->sh->threads[i].tid, SIGUSR2);
}

static void release(struct w *w, struct block_set *s)
{
	uint64_t one = 1;

	wake_sleepers(w);

	__atomic_store_n(&s->word, 1, __ATOMIC_RELEASE);
	CALL(w->main, FUTEX, L(&s->word), FUTEX_WAKE_PRIVATE, INT_MAX);
	CALL(w->main, WRITE, s->event, L(&one), sizeof(one));
	CALL(w->main, CLOSE, s->pipe[1]);
	CALL(w->main, FLOCK, s->locked, LOCK_UN);
}

/* Waits until each of the threads sleeps in its call. */
static void await_blocked(struct w *w, uint32_t n, const struct block *k, int nr)
{
	struct w_thread *t = w->sh->threads + 1; /* the first one is the main thread */

	for (uint32_t i = 0; i < n; i++)
		w_until_in(w->main, &t[i], k[i % (uint32_t)nr].b->id);
}

int w_mode_block(struct w *w)
{
	struct block_set *s = w_alloc(w, 1, sizeof(*s));
	struct block *k = w_alloc(w, NR_BLOCKERS, sizeof(*k));
	int err, nr;

	if (!s || !k)
		return -ENOMEM;
	nr = parse_calls(w->opt.calls ? w->opt.calls : "read,futex,epoll_wait,nanosleep,flock", k, s);
	if (nr < 0 || !(w->opt.seconds > 0) || w->opt.gate)
		return w_fail(w, "block: --calls, --seconds or --gate", -EINVAL);
	err = open_set(w, s);
	for (uint32_t i = 0; i < w->opt.threads && !err; i++)
		err = w_spawn(w, k[i % (uint32_t)nr].b->name, blocked, &k[i % (uint32_t)nr]);
	if (err)
		return err;
	await_blocked(w, w->opt.threads, k, nr);
	w_say(w, "BLOCKED\n");
	w->deadline_ns = w_now() + (uint64_t)(w->opt.seconds * S);
	w_pass_time(w);
	release(w, s);
	err = w_join(w);
	if (!w->opt.file)
		unlink(s->path);
	return err;
}

/* Many threads that do nothing: no slot's file, little stack. */
int w_mode_threads(struct w *w)
{
	struct block_set *s = w_alloc(w, 1, sizeof(*s));
	struct block *k = w_alloc(w, 1, sizeof(*k));
	int err = 0;

	if (!s || !k)
		return -ENOMEM;
	if (!(w->opt.seconds > 0) || w->opt.gate)
		return w_fail(w, "threads: --seconds or --gate", -EINVAL);
	*k = (struct block){ find_blocker("futex", 5), s };
	s->pipe[1] = s->event = s->locked = -1;
	w->stack = 32 << 10;
	for (uint32_t i = 0; i < w->opt.threads && !err; i++)
		err = w_spawn(w, "idle", blocked, k);
	if (err)
		return err;
	await_blocked(w, w->opt.threads, k, 1);
	w_say(w, "BLOCKED\n");
	w->deadline_ns = w_now() + (uint64_t)(w->opt.seconds * S);
	w_pass_time(w);
	__atomic_store_n(&s->word, 1, __ATOMIC_RELEASE);
	CALL(w->main, FUTEX, L(&s->word), FUTEX_WAKE_PRIVATE, INT_MAX);
	return w_join(w);
}
