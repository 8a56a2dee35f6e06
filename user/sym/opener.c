/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The opener's loop and its child. Standard input is the socket to hostlat, descriptor 3 the page
 * in which it says whom it is busy with, 4 the one of the child, 5 the socket to the fetcher. Called by
 * sym/helper.c.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/proc.h"
#include "base/clock.h"
#include "base/mem.h"
#include "sym/helper.h"
#include "sym/opener.h"

#define PAGE       4096 /* of a process's memory: what can be read ends at one of its ends */
#define SOCK       STDIN_FILENO
#define STEP       3
#define CHILD_STEP 4
#define FETCH      5
#define SEND_ROOM  (1 << 20)
#define TIDY_NS    (30 * NSEC_PER_SEC)
#define TRIES      2 /* children that one question may kill */

static void __attribute__((noreturn)) quit(void)
{
	_exit(1);
}

void opener_tell(enum wire_kind kind, uint64_t word, int fd)
{
	struct wire_word w = { kind, word };
	struct iovec v = { &w, sizeof(w) };

	if (wire_send(SOCK, &v, 1, fd))
		quit();
}

/* ---- the child -------------------------------------------------------------------------- */

static int spawn(struct opener *o, int sock)
{
	char *argv[] = { (char *)"hostlat", (char *)SYM_SANDBOX, (char *)o->memory, NULL };
	char *env[] = { NULL };
	posix_spawn_file_actions_t a;
	int err;

	posix_spawn_file_actions_init(&a);
	posix_spawn_file_actions_adddup2(&a, sock, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&a, CHILD_STEP, STEP);
	err = posix_spawn(&o->child, "/proc/self/exe", &a, NULL, argv, env);
	posix_spawn_file_actions_destroy(&a);
	return -err;
}

static int start_child(struct opener *o)
{
	int fds[2], err, pidfd, room = SEND_ROOM;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	for (int i = 0; i < 2; i++)
		if (setsockopt(fds[i], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)))
			setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	atomic_store(&o->child_step->word, 0);
	err = spawn(o, fds[1]);
	close(fds[1]);
	if (err) {
		close(fds[0]);
		return err;
	}
	o->child_sock = fds[0];
	pidfd = (int)syscall(SYS_pidfd_open, o->child, 0);
	opener_tell(WIRE_CHILD, (uint64_t)o->child, pidfd);
	if (pidfd >= 0)
		close(pidfd);
	return 0;
}

/* What it held is gone; a new one is started when it is needed. */
static void stop_child(struct opener *o)
{
	struct oimage *i;
	struct ofile *f;

	if (o->child_sock < 0)
		return;
	kill(o->child, SIGKILL);
	close(o->child_sock);
	o->child_sock = -1;
	for (size_t at = 0; (f = hash_next(o->files, &at, NULL));)
		f->sent = false;
	for (size_t at = 0; (i = hash_next(o->images, &at, NULL));)
		i->slot = -1;
	memset(o->slots, 0, sizeof(o->slots));
}

static void child_died(struct opener *o)
{
	uint64_t key = atomic_load(&o->child_step->word);

	if (key)
		opener_add_bad(o, key);
	opener_tell(WIRE_DIED, key, -1);
	stop_child(o);
}

int opener_send_file(struct opener *o, const struct wire_file *head, const char *path, const void *bytes,
		     size_t n, int fd)
{
	struct wire_file h = *head;
	struct iovec v[] = { { &h, sizeof(h) }, { (void *)path, strlen(path) + 1 }, { (void *)bytes, n } };

	h.name_len = (uint32_t)v[1].iov_len;
	return wire_send(o->child_sock, v, ARRAY_SIZE(v), fd);
}

/* ---- what the child must have for a question ----------------------------------------------- */

static int send_one(struct opener *o, struct ofile *f, uint64_t now)
{
	struct wire_file h = { .kind = WIRE_FILE, .type = f->type, .key = f->key, .size = f->size };
	bool bad = opener_is_bad(o, f->key, now);
	const char *why = bad ? NOT_READ : f->why;

	h.no_debug = opener_is_bad(o, WIRE_DEBUG_OF(f->key), now);
	f->sent = true;
	f->sent_bad = bad || h.no_debug;
	h.state = *why ? FILE_REFUSED : FILE_GOOD;
	snprintf(h.why, sizeof(h.why), "%s", why);
	return opener_send_file(o, &h, f->path, f->bytes, f->bytes ? f->size : 0, *why ? -1 : f->fd);
}

static int send_files(struct opener *o, const struct oimage *i)
{
	uint64_t now = clock_mono_ns();
	int err = 0;

	for (size_t k = 0; k < i->n && !err; k++) {
		struct ofile *f = i->v[k].key ? hash_get(o->files, &i->v[k].key) : NULL;

		if (f)
			f->used_ns = now;
		if (f && (!f->sent || (f->sent_bad && !opener_is_bad(o, f->key, now) &&
				       !opener_is_bad(o, WIRE_DEBUG_OF(f->key), now))))
			err = send_one(o, f, now);
	}
	return err;
}

static int free_slot(struct opener *o)
{
	int oldest = 0;

	for (int s = 0; s < WIRE_SLOTS; s++) {
		if (!o->slots[s])
			return s;
		if (o->slots[s]->used < o->slots[oldest]->used)
			oldest = s;
	}
	o->slots[oldest]->slot = -1;
	return oldest;
}

static int send_image(struct opener *o, struct oimage *i)
{
	struct wire_image h = { .kind = WIRE_IMAGE, .n = (uint32_t)i->n };
	struct iovec v[] = { { &h, sizeof(h) }, { i->v, i->n * sizeof(*i->v) } };

	i->used = ++o->clock;
	if (i->slot >= 0)
		return 0;
	i->slot = free_slot(o);
	o->slots[i->slot] = i;
	h.slot = (uint32_t)i->slot;
	return wire_send(o->child_sock, v, ARRAY_SIZE(v), -1);
}

/* ---- a question ------------------------------------------------------------------------------ */

/* Until the answer is in from_child; its length, or -errno when the child is gone. */
static ssize_t wait_answer(struct opener *o, const struct wire_ask *ask, const struct oimage *i)
{
	for (;;) {
		struct wire_answer *a = (struct wire_answer *)o->from_child;
		struct wire_want w;
		int fd, err;
		ssize_t n = wire_get(o->child_sock, o->from_child, WIRE_ROOM, &fd);

		if (fd >= 0)
			close(fd);
		if (n < (ssize_t)sizeof(uint32_t))
			return -ECHILD;
		if (a->kind == WIRE_ANSWER && n >= (ssize_t)sizeof(*a))
			return n;
		if (a->kind != WIRE_WANT || n != sizeof(w))
			return -EPROTO;
		memcpy(&w, o->from_child, sizeof(w));
		atomic_store(&o->step->word, ask->pid);
		err = opener_want(o, ask, i, &w);
		atomic_store(&o->step->word, 0);
		if (err)
			return err;
	}
}

static ssize_t ask_child(struct opener *o, struct wire_ask *ask, size_t n, struct oimage *i)
{
	for (int try = 0; try < TRIES; try++) {
		ssize_t got = -ECHILD;

		if (o->child_sock < 0 && start_child(o))
			break;
		if (!send_files(o, i) && !send_image(o, i)) {
			ask->slot = (uint32_t)i->slot;
			if (!wire_put(o->child_sock, ask, n))
				got = wait_answer(o, ask, i);
		}
		if (got > 0)
			return got;
		child_died(o);
	}
	return -ECHILD;
}

/* What can be said without the child: the addresses. */
static void answer_without(struct opener *o, const struct wire_ask *ask, const char *why)
{
	struct wire_answer *a = (struct wire_answer *)o->from_child;
	const uint64_t *words = (const uint64_t *)(ask + 1);
	size_t len = sizeof(*a);

	*a = (struct wire_answer){ .kind = WIRE_ANSWER, .how = USTACK_NONE, .seq = ask->seq };
	snprintf(a->why, sizeof(a->why), "%s", why);
	if (ask->n_regs)
		a->n += wire_add_frame(o->from_child, &len, WIRE_ROOM,
				       &(struct ustack_frame){ .pc = words[ask->n_regs - 1] });
	for (uint32_t k = 0; k < ask->n_addrs; k++)
		a->n += wire_add_frame(o->from_child, &len, WIRE_ROOM,
				       &(struct ustack_frame){ .pc = words[k] });
	if (wire_put(SOCK, o->from_child, len))
		quit();
}

static struct oimage *image_for(struct opener *o, const struct wire_ask *ask, bool force)
{
	const uint64_t *words = (const uint64_t *)(ask + 1);
	uint64_t pc = ask->n_regs ? words[ask->n_regs - 1] : 0;
	struct oproc *p;

	atomic_store(&o->step->word, ask->pid);
	p = opener_proc(o, ask, pc, force);
	if (!p) { /* it holds too much: from the beginning */
		stop_child(o);
		opener_forget(o);
		p = opener_proc(o, ask, pc, true);
	}
	atomic_store(&o->step->word, 0);
	return p ? p->image : NULL;
}

/* The slice out of the process's memory, page by page as far as it goes. May hang as all that the
 * opener does. Returns how long the question is then. */
static size_t add_slice(struct opener *o, struct wire_ask *ask, size_t n)
{
	uint64_t at = ask->slice_addr;

	ask->to_read = (uint32_t)MIN((size_t)ask->to_read, WIRE_ROOM - n);
	atomic_store(&o->step->word, ask->pid);
	while (ask->slice_len < ask->to_read) {
		size_t page = PAGE - at % PAGE, want = MIN(page, (size_t)(ask->to_read - ask->slice_len));

		if (proc_memory((pid_t)ask->pid, at, o->in + n, want) < 0)
			break;
		n += want;
		at += want;
		ask->slice_len += (uint32_t)want;
	}
	atomic_store(&o->step->word, 0);
	return n;
}

static void handle_ask(struct opener *o, size_t n)
{
	struct wire_ask *ask = (struct wire_ask *)o->in;
	struct wire_answer *a = (struct wire_answer *)o->from_child;
	struct oimage *i = image_for(o, ask, false), *again;
	ssize_t got;

	if (!i && ask->parent) {
		ask->pid = ask->parent;
		ask->start_ns = ask->parent_start_ns;
		i = image_for(o, ask, false);
	}
	if (!i) {
		answer_without(o, ask, "the process ended before its mappings were read");
		return;
	}
	n = add_slice(o, ask, n);
	got = ask_child(o, ask, n, i);
	if (got > 0 && a->flags & WIRE_STALE) {
		again = image_for(o, ask, true);
		if (again && again != i)
			got = ask_child(o, ask, n, again);
	}
	if (got < 0) {
		answer_without(o, ask, "the reader of its files was stopped");
		return;
	}
	a->seq = ask->seq;
	if (wire_put(SOCK, o->from_child, (size_t)got))
		quit();
	if (a->flags & WIRE_RETIRE) {
		stop_child(o);
		start_child(o);
	}
}

/* Nobody waits: gives back what has not been of use for long. */
static void tidy(struct opener *o)
{
	uint64_t now = clock_mono_ns();

	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	if (now < o->tidy_at)
		return;
	o->tidy_at = now + TIDY_NS;
	if (!opener_keeps_unused(o, now))
		return;
	stop_child(o);
	opener_forget(o);
	start_child(o);
}

static void wait_for_work(struct opener *o)
{
	struct pollfd p[] = { { SOCK, POLLIN, 0 }, { -1, POLLIN, 0 } };

	do {
		p[1].fd = o->fetch_sock;
		if (poll(p, ARRAY_SIZE(p), (int)(TIDY_NS / NSEC_PER_MSEC)) < 0)
			break;
		tidy(o);
		if (p[1].revents)
			opener_take_fetched(o);
	} while (!p[0].revents);
}

static void loop(struct opener *o)
{
	for (;;) {
		struct wire_word *w = (struct wire_word *)o->in;
		int fd;
		ssize_t n;

		wait_for_work(o);
		n = wire_get(SOCK, o->in, WIRE_ROOM, &fd);
		if (n < (ssize_t)sizeof(*w))
			quit();
		if (w->kind == WIRE_BAD)
			opener_add_bad(o, w->word);
		else if (w->kind == WIRE_ASK)
			handle_ask(o, (size_t)n);
	}
}

static struct wire_step *map_step(int fd)
{
	struct wire_step *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (s == MAP_FAILED)
		quit();
	return s;
}

void opener_main(const char *memory, bool fetches)
{
	struct opener o = { .child_sock = -1, .memory = memory, .fetch_sock = fetches ? FETCH : -1 };
	struct rlimit files;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	wire_only_these(fetches ? FETCH : CHILD_STEP);
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = MAX(files.rlim_cur, MIN(files.rlim_max, (rlim_t)2048));
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (setpriority(PRIO_PROCESS, 0, 10)) /* also of the child */
		quit();
	o.step = map_step(STEP);
	o.child_step = map_step(CHILD_STEP);
	o.bad = hash_new(sizeof(uint64_t));
	o.fetched = hash_new(WIRE_ID);
	o.in = xmalloc(WIRE_ROOM);
	o.from_child = xmalloc(WIRE_ROOM);
	opener_begin(&o);
	if (start_child(&o))
		quit();
	loop(&o);
	quit();
}
