/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * hostlat's side: keeps what was asked until it is answered, starts the opener, and replaces it
 * and its child when they are late. The children answer in order, so that the oldest question is
 * the one they are at. First only the child in the sandbox is killed, when it says which file it
 * is at: the opener then asks the next child, without that file. Called by the live source.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "host/file.h"
#include "host/proc.h"
#include "sym/fetcher.h"
#include "sym/helper.h"
#include "sym/ustack.h"
#include "sym/wire.h"

#define DEADLINE    (2 * NSEC_PER_SEC)
#define MEMORY      (256ull << 20)
#define FETCH_NS    (120 * NSEC_PER_SEC)
#define FETCH_BYTES (512ull << 20)
#define END_MS      1000      /* that the fetcher has to clean up */
#define SEND_ROOM   (1 << 20) /* of the socket */
#define AT_ONCE     64        /* answers that one take hands on */
#define RETRY_NS    NSEC_PER_SEC
#define BAD_NS      (10 * NSEC_PER_SEC) /* as the opener has it */
#define MAX_BAD     4096
#define STARVED     8 /* deadlines without a word from children that wait for a CPU */

const char *const ustack_how_names[] = { "none", "dwarf", "frame_pointer", "mixed", "given", NULL };

struct pending {
	struct pending *next;
	uint64_t seq, ref, key[2]; /* pid and start of the process */
	const char *failed;        /* answered by us, for this reason */
	size_t len;
	char msg[];
};

struct bad {
	uint64_t until_ns;
	unsigned int deaths;
};

/* The opener, its child, the fetcher. */
struct helper {
	pid_t pid; /* 0: none */
	uint64_t cpu_ns;
};

/* What the children had used of a CPU when they were at the first question. */
struct effort {
	uint64_t seq, cpu_ns; /* seq: of the question */
};

struct ustacks {
	uint64_t deadline_ns, memory;
	int epoll, event, sock, pidfd; /* sock -1: no opener */
	int step_fd[2];
	struct wire_step *step[2]; /* of the opener, of the child */
	struct helper helper[3];
	char *urls, limits[48];               /* of what is fetched; NULL: nothing is */
	int fetch_sock, fetches_fd;           /* the opener's end; the page */
	struct wire_fetches *fetches;         /* in it */
	VEC(pid_t) gone;                      /* openers that were killed and have not ended */
	struct pending *first, **last, *next; /* next: the first that is not sent */
	uint64_t seq, head_since, heard_ns, retry_at, past_cpu_ns;
	struct effort effort;
	bool child_killed; /* for the question that is the first now */
	struct hash *bad, *bad_procs;
	struct ustacks_stats stats;
	char *in;
	struct ustack_frame frames[WIRE_FRAMES];
};

/* ---- the children ------------------------------------------------------------------------- */

static void set_helper(struct ustacks *u, int i, pid_t pid)
{
	u->past_cpu_ns += u->helper[i].cpu_ns;
	u->helper[i] = (struct helper){ pid, 0 };
}

static void reap(struct ustacks *u)
{
	size_t kept = 0;

	for (size_t i = 0; i < u->gone.n; i++)
		if (waitpid(u->gone.v[i], NULL, WNOHANG) == 0)
			u->gone.v[kept++] = u->gone.v[i];
	u->gone.n = kept;
	if (u->helper[2].pid && waitpid(u->helper[2].pid, NULL, WNOHANG) != 0)
		set_helper(u, 2, 0);
}

static void kill_child(struct ustacks *u)
{
	if (u->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, u->pidfd, SIGKILL, NULL, 0);
}

static void drop_pair(struct ustacks *u)
{
	if (u->sock < 0)
		return;
	kill_child(u);
	kill(u->helper[0].pid, SIGKILL);
	*vec_add(&u->gone) = u->helper[0].pid;
	close(u->sock); /* leaves the epoll set too */
	u->sock = -1;
	if (u->pidfd >= 0)
		close(u->pidfd);
	u->pidfd = -1;
	set_helper(u, 0, 0);
	set_helper(u, 1, 0);
	u->next = u->first;
	u->child_killed = false;
	reap(u);
}

static int spawn_opener(const struct ustacks *u, int sock, pid_t *pid)
{
	const int fds[] = { sock, u->step_fd[0], u->step_fd[1], u->fetch_sock };
	char memory[24], *env[] = { NULL };
	bool fetches = u->fetch_sock >= 0;

	snprintf(memory, sizeof(memory), "%llu", (unsigned long long)u->memory);
	return helper_spawn(fetches ? SYM_OPENER_FETCHES : SYM_OPENER, memory, env, fds, fetches ? 4 : 3,
			    pid);
}

static void tell_bad(struct ustacks *u)
{
	const void *key;
	struct bad *b;

	for (size_t at = 0; (b = hash_next(u->bad, &at, &key));)
		for (unsigned int i = 0; i < MIN(b->deaths, 2u); i++) {
			struct wire_word w = { .kind = WIRE_BAD };

			memcpy(&w.word, key, sizeof(w.word));
			wire_put(u->sock, &w, sizeof(w));
		}
}

static int start_pair(struct ustacks *u)
{
	int fds[2], room = SEND_ROOM, theirs, err;
	struct epoll_event e = { .events = EPOLLIN };
	pid_t pid;

	u->retry_at = clock_mono_ns() + RETRY_NS;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	theirs = fcntl(fds[1], F_DUPFD_CLOEXEC, HELPER_FIRST_FD);
	close(fds[1]);
	for (int i = 0; i < 2; i++)
		if (setsockopt(i ? theirs : fds[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)))
			setsockopt(i ? theirs : fds[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	atomic_store(&u->step[0]->word, 0);
	atomic_store(&u->step[1]->word, 0);
	err = theirs < 0 ? -EMFILE : spawn_opener(u, theirs, &pid);
	if (theirs >= 0)
		close(theirs);
	if (err) {
		close(fds[0]);
		return err;
	}
	u->sock = fds[0];
	fcntl(u->sock, F_SETFL, O_NONBLOCK);
	epoll_ctl(u->epoll, EPOLL_CTL_ADD, u->sock, &e);
	set_helper(u, 0, pid);
	tell_bad(u);
	return 0;
}

/* A page that is shared with a child; NULL with errno. */
static void *make_page(int *page_fd)
{
	int fd = memfd_create("hostlat-step", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *page;

	if (fd < 0)
		return NULL;
	*page_fd = fcntl(fd, F_DUPFD_CLOEXEC, HELPER_FIRST_FD);
	close(fd);
	if (*page_fd < 0 || ftruncate(*page_fd, 4096) ||
	    fcntl(*page_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return NULL;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, *page_fd, 0);
	return page == MAP_FAILED ? NULL : page;
}

/* One for all openers: what the network was asked is not asked again. */
static int start_fetcher(struct ustacks *u)
{
	char **env;
	int fds[2], to[2], err;
	pid_t pid;

	u->fetches = make_page(&u->fetches_fd);
	if (!u->fetches || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	env = fetcher_environment(u->urls);
	u->fetch_sock = fcntl(fds[0], F_DUPFD_CLOEXEC, HELPER_FIRST_FD);
	to[0] = fcntl(fds[1], F_DUPFD_CLOEXEC, HELPER_FIRST_FD);
	to[1] = u->fetches_fd;
	close(fds[0]);
	close(fds[1]);
	err = u->fetch_sock < 0 || to[0] < 0
		      ? -EMFILE
		      : helper_spawn(SYM_FETCHER, u->limits, env, to, ARRAY_SIZE(to), &pid);
	cleanup_close(&to[0]);
	if (!err)
		set_helper(u, 2, pid);
	for (size_t i = 0; env[i]; i++)
		free(env[i]);
	free(env);
	return err;
}

/* It removes what it made; when it does not get to that it is ended all the same. */
static void end_fetcher(struct ustacks *u)
{
	pid_t pid = u->helper[2].pid;

	if (!pid)
		return;
	kill(pid, SIGTERM);
	for (int i = 0; i < END_MS; i++) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		usleep(1000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int set_up(struct ustacks *u)
{
	struct epoll_event e = { .events = EPOLLIN };
	int err;

	u->epoll = epoll_create1(EPOLL_CLOEXEC);
	u->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (u->epoll < 0 || u->event < 0 || epoll_ctl(u->epoll, EPOLL_CTL_ADD, u->event, &e))
		return -errno;
	for (int i = 0; i < 2; i++) {
		u->step[i] = make_page(&u->step_fd[i]);
		if (!u->step[i])
			return -errno;
	}
	err = u->urls ? start_fetcher(u) : 0;
	if (!err)
		err = start_pair(u);
	return err;
}

struct ustacks *ustacks_new(const struct ustacks_options *o)
{
	struct ustacks *u = xcalloc(1, sizeof(*u));
	int err;

	u->deadline_ns = o && o->deadline_ns ? o->deadline_ns : DEADLINE;
	u->memory = o && o->memory ? o->memory : MEMORY;
	u->epoll = u->event = u->sock = u->pidfd = u->step_fd[0] = u->step_fd[1] = -1;
	u->fetch_sock = u->fetches_fd = -1;
	u->urls = o && o->urls ? xstrdup(o->urls) : NULL;
	snprintf(u->limits, sizeof(u->limits), "%llu %llu",
		 (unsigned long long)(o && o->fetch_ns ? o->fetch_ns : FETCH_NS),
		 (unsigned long long)(o && o->fetch_bytes ? o->fetch_bytes : FETCH_BYTES));
	u->last = &u->first;
	u->bad = hash_new(sizeof(uint64_t));
	u->bad_procs = hash_new(2 * sizeof(uint64_t));
	u->in = xmalloc(WIRE_ROOM);
	err = set_up(u);
	if (!err)
		return u;
	ustacks_free(u);
	errno = -err;
	return NULL;
}

/* ---- questions -------------------------------------------------------------------------------- */

static void drop_first(struct ustacks *u)
{
	struct pending *p = u->first;

	u->first = p->next;
	if (!u->first)
		u->last = &u->first;
	if (u->next == p)
		u->next = p->next;
	u->stats.waiting--;
	u->head_since = clock_mono_ns();
	u->child_killed = false;
	free(p);
}

void ustacks_free(struct ustacks *u)
{
	struct bad *b;

	if (!u)
		return;
	drop_pair(u);
	end_fetcher(u);
	/* killed ones end at once unless the kernel holds them */
	for (int i = 0; i < 100 && u->gone.n; i++) {
		usleep(1000);
		reap(u);
	}
	while (u->first)
		drop_first(u);
	for (size_t at = 0; (b = hash_next(u->bad, &at, NULL));)
		free(b);
	for (int i = 0; i < 2; i++) {
		if (u->step[i])
			munmap(u->step[i], 4096);
		cleanup_close(&u->step_fd[i]);
	}
	if (u->fetches)
		munmap(u->fetches, 4096);
	cleanup_close(&u->fetches_fd);
	cleanup_close(&u->fetch_sock);
	cleanup_close(&u->epoll);
	cleanup_close(&u->event);
	hash_free(u->bad);
	hash_free(u->bad_procs);
	vec_free(&u->gone);
	free(u->in);
	free(u->urls);
	free(u);
}

int ustacks_fd(struct ustacks *u)
{
	return u->epoll;
}

/* As many as the socket takes; the others when it was read from. */
static void send_more(struct ustacks *u)
{
	while (u->sock >= 0 && u->next && !u->next->failed &&
	       !wire_put(u->sock, u->next->msg, u->next->len)) {
		if (u->next == u->first)
			u->head_since = clock_mono_ns();
		u->next = u->next->next;
	}
}

static bool is_well_formed(const struct ustack_question *q)
{
	if (q->pid <= 0 || q->n_addrs > USTACK_ADDRS || q->slice_len > USTACK_SLICE)
		return false;
	return q->regs ? !q->n_addrs : q->n_addrs > 0 && !q->slice_len;
}

static struct pending *pack(struct ustacks *u, const struct ustack_question *q)
{
	size_t regs = q->regs ? USTACK_REGS * 8 : 0, addrs = q->n_addrs * 8;
	size_t slice = q->slice ? q->slice_len : 0, len = sizeof(struct wire_ask) + regs + addrs + slice;
	struct pending *p = xcalloc(1, sizeof(*p) + len);
	struct wire_ask a = { .kind = WIRE_ASK,
			      .seq = ++u->seq,
			      .start_ns = q->start_ns,
			      .slice_addr = q->slice_addr,
			      .pid = (uint32_t)q->pid,
			      .parent = (uint32_t)q->parent,
			      .data = q->data,
			      .parent_start_ns = q->parent_start_ns,
			      .n_regs = q->regs ? USTACK_REGS : 0,
			      .n_addrs = (uint32_t)q->n_addrs,
			      .slice_len = (uint32_t)slice,
			      .to_read = q->slice ? 0 : (uint32_t)q->slice_len };
	char *to = p->msg + sizeof(a);

	p->seq = a.seq;
	p->ref = q->ref;
	p->len = len;
	memcpy(p->msg, &a, sizeof(a));
	if (regs)
		memcpy(to, q->regs, regs);
	if (addrs)
		memcpy(to + regs, q->addrs, addrs);
	if (slice)
		memcpy(to + regs + addrs, q->slice, slice);
	return p;
}

bool ustacks_ask(struct ustacks *u, const struct ustack_question *q)
{
	const uint64_t key[2] = { (uint64_t)q->pid, q->start_ns };
	struct pending *p;

	if (!is_well_formed(q) || u->stats.waiting >= USTACK_QUEUE || hash_get(u->bad_procs, key)) {
		u->stats.refused++;
		return false;
	}
	p = pack(u, q);
	memcpy(p->key, key, sizeof(key));
	*u->last = p;
	u->last = &p->next;
	if (!u->next)
		u->next = p;
	if (u->first == p)
		u->head_since = u->heard_ns = clock_mono_ns();
	u->stats.waiting++;
	u->stats.asked++;
	send_more(u);
	return true;
}

/* ---- answers ------------------------------------------------------------------------------------ */

static void note_bad(struct ustacks *u, uint64_t key)
{
	struct bad *b = hash_get(u->bad, &key);

	u->stats.deaths++;
	if (!key)
		return;
	if (!b) {
		if (hash_count(u->bad) >= MAX_BAD)
			return;
		b = xcalloc(1, sizeof(*b));
		hash_put(u->bad, &key, b);
	}
	b->deaths++;
	b->until_ns = clock_mono_ns() + BAD_NS;
}

static void hand_on(struct ustacks *u, size_t len, ustack_fn fn, void *arg)
{
	const struct wire_answer *w = (const struct wire_answer *)u->in;
	const char *p = u->in + sizeof(*w);
	struct ustack_answer a = { .ref = u->first->ref, .frames = u->frames };
	char why[sizeof(w->why) + 1] = "";

	memcpy(why, w->why, sizeof(w->why));
	while (a.n < MIN(w->n, (uint32_t)WIRE_FRAMES) && wire_frame(&p, u->in + len, &u->frames[a.n]))
		a.n++;
	a.how = w->how <= USTACK_GIVEN ? (enum ustack_how)w->how : USTACK_NONE;
	a.truncated = w->flags & WIRE_TRUNCATED || a.n < w->n;
	a.why = why[0] ? why : NULL;
	drop_first(u);
	u->retry_at = 0; /* it works */
	u->stats.answered++;
	fn(arg, &a);
}

static void take_child(struct ustacks *u, uint64_t pid, int *fd)
{
	set_helper(u, 1, (pid_t)pid);
	if (u->pidfd >= 0)
		close(u->pidfd);
	u->pidfd = *fd;
	*fd = -1;
}

/* One packet; 1: an answer was handed on, 0: something else, -EAGAIN, or another error: the opener
 * is gone. */
static int take_packet(struct ustacks *u, ustack_fn fn, void *arg)
{
	const struct wire_word *w = (const struct wire_word *)u->in;
	const struct wire_answer *a = (const struct wire_answer *)u->in;
	int fd, handed = 0;
	ssize_t n = wire_get(u->sock, u->in, WIRE_ROOM, &fd);

	if (n < 0)
		return (int)n;
	if (n < (ssize_t)sizeof(*w))
		return -ECHILD;
	if (w->kind == WIRE_CHILD) {
		take_child(u, w->word, &fd);
	} else if (w->kind == WIRE_REFUSED) {
		u->stats.files.refused++;
	} else if (w->kind == WIRE_DIED) {
		note_bad(u, w->word);
	} else if (w->kind == WIRE_ANSWER && n >= (ssize_t)sizeof(*a)) {
		u->heard_ns = clock_mono_ns();
		/* another one's is too late */
		handed = u->first && u->first != u->next && a->seq == u->first->seq;
		if (handed)
			hand_on(u, (size_t)n, fn, arg);
	}
	if (fd >= 0)
		close(fd);
	return handed;
}

/* Those at the head of the queue that we answer ourselves. */
static size_t take_failed(struct ustacks *u, ustack_fn fn, void *arg)
{
	size_t n = 0;

	while (u->first && u->first->failed) {
		struct ustack_answer a = { .ref = u->first->ref,
					   .how = USTACK_NONE,
					   .why = u->first->failed };

		drop_first(u);
		u->stats.answered++;
		n++;
		fn(arg, &a);
	}
	return n;
}

static void revive(struct ustacks *u, uint64_t now)
{
	if (u->sock < 0 && now >= u->retry_at)
		start_pair(u);
	send_more(u);
}

size_t ustacks_take(struct ustacks *u, ustack_fn fn, void *arg)
{
	uint64_t signals;
	size_t n = 0;
	int r = 0;

	if (read(u->event, &signals, sizeof(signals)) < 0)
		signals = 0; /* nothing of ours; asking is what makes it unreadable */
	n = take_failed(u, fn, arg);
	while (u->sock >= 0 && n < AT_ONCE) {
		r = take_packet(u, fn, arg);
		if (r < 0)
			break;
		n += (size_t)r;
	}
	if (r < 0 && r != -EAGAIN) {
		u->stats.deaths++;
		drop_pair(u);
		revive(u, clock_mono_ns());
	}
	send_more(u);
	return n;
}

/* ---- time ----------------------------------------------------------------------------------------- */

static void fail_first(struct ustacks *u, const char *why)
{
	uint64_t one = 1;

	u->first->failed = why;
	u->stats.late++;
	if (u->next == u->first)
		u->next = u->first->next;
	if (write(u->event, &one, sizeof(one)) < 0)
		return; /* it is readable already */
}

/* What both used of a CPU, and whether one of them wants to run now. The time spent waiting for
 * a CPU would say it too, but the kernel only adds it up when the waiting ends. */
static uint64_t look_at(const struct ustacks *u, bool *runnable)
{
	uint64_t sum = 0;

	*runnable = false;
	for (int i = 0; i < 2; i++) {
		pid_t pid = u->helper[i].pid;
		struct proc_schedstat used;
		struct proc_info p;

		if (!pid)
			continue;
		if (!proc_schedstat(pid, pid, &used))
			sum += used.cpu_ns;
		*runnable |= !proc_read(pid, &p) && p.state == 'R';
	}
	return sum;
}

/* They are nice, and on a busy host they may not get to run: no file is to blame for that, and to
 * begin anew would take longer still. */
static bool is_starved(struct ustacks *u, uint64_t age, uint64_t now_ns)
{
	bool runnable;
	uint64_t cpu = look_at(u, &runnable);

	return u->sock >= 0 && runnable && cpu - u->effort.cpu_ns < age / 2 &&
	       now_ns - u->heard_ns < STARVED * u->deadline_ns;
}

static void give_up(struct ustacks *u)
{
	bool opener = atomic_load(&u->step[0]->word) != 0;

	if (opener && hash_count(u->bad_procs) < MAX_BAD)
		hash_put(u->bad_procs, u->first->key, u);
	if (u->sock >= 0)
		u->stats.deaths++;
	drop_pair(u);
	fail_first(u, opener ? "reading about the process takes too long" : "no answer in time");
	start_pair(u);
	send_more(u);
}

void ustacks_tick(struct ustacks *u, uint64_t now_ns)
{
	bool runnable;
	uint64_t age;

	reap(u);
	revive(u, now_ns);
	if (!u->first || u->first->failed)
		return;
	if (u->effort.seq != u->first->seq)
		u->effort = (struct effort){ u->first->seq, look_at(u, &runnable) };
	age = now_ns > u->head_since ? now_ns - u->head_since : 0;
	if (age <= u->deadline_ns / 4 * 3)
		return;
	if (is_starved(u, age, now_ns)) {
		if (age > u->deadline_ns)
			fail_first(u, "no CPU was free to find the names in time");
	} else if (age > u->deadline_ns) {
		give_up(u);
	} else if (!u->child_killed && atomic_load(&u->step[1]->word)) {
		u->child_killed = true;
		kill_child(u);
	}
}

static uint64_t rss_of(pid_t pid)
{
	char path[40], text[128];
	unsigned long pages;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	if (file_read(path, text, sizeof(text)) <= 0 || sscanf(text, "%*u %lu", &pages) != 1)
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

void ustacks_stats(struct ustacks *u, struct ustacks_stats *s)
{
	uint64_t now = clock_mono_ns();
	struct bad *b;

	*s = u->stats;
	s->cpu_ns = u->past_cpu_ns;
	for (size_t i = 0; i < ARRAY_SIZE(u->helper); i++) {
		struct helper *h = &u->helper[i];
		struct proc_schedstat p;

		if (h->pid && !proc_schedstat(h->pid, h->pid, &p))
			h->cpu_ns = MAX(h->cpu_ns, p.cpu_ns);
		s->cpu_ns += h->cpu_ns;
		s->rss_bytes += h->pid ? rss_of(h->pid) : 0;
	}
	for (size_t at = 0; (b = hash_next(u->bad, &at, NULL));)
		s->bad_files += b->deaths > 1 || now < b->until_ns;
	s->opener = u->helper[0].pid;
	s->child = u->helper[1].pid;
	s->fetcher = u->helper[2].pid;
	if (u->fetches) {
		s->files.asked = atomic_load(&u->fetches->asked);
		s->files.fetched = atomic_load(&u->fetches->fetched);
		s->files.absent = atomic_load(&u->fetches->absent);
		s->files.failed = atomic_load(&u->fetches->failed);
	}
}
