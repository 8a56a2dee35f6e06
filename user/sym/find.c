/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Asks a child in the sandbox about a file. The child is started for the question, gets the file and, by the
 * names that it asks for, separate debug information; what it says is checked, and when it takes too long or
 * breaks the agreement it is killed. Called by the commands.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "sym/debug_file.h"
#include "sym/find_in.h"
#include "sym/helper.h"
#include "sym/open_in.h"

#define MEMORY    (1ull << 30)
#define TIME_NS   (10 * NSEC_PER_SEC)
#define BYTES     (256 << 20) /* of an answer */
#define SEND_ROOM (1 << 20)
#define WANTS     16 /* files that a child may ask for */
#define PT_REGS   512
#define WAIT_MS   100

struct finding {
	size_t max; /* sites that are wanted */
	uint64_t file_size, deadline, bytes;
	char path[PATH_MAX]; /* of the file, as well as it is known; "": not */
	int sock;
	pid_t pid;
	unsigned int wants;
	char *in; /* WIRE_ROOM */
	VEC(struct site) sites;
	struct wire_found found;
	char **nearest;
	size_t n_nearest;
	bool done;
	int err; /* it came to nothing, and why */
	const char *why;
};

/* ---- what comes ------------------------------------------------------------------------------- */

static bool is_arg(const struct site_arg *a)
{
	int size = a->size < 0 ? -a->size : a->size;

	return (size & (size - 1)) == 0 && size <= 8 && a->where <= 2 && a->reg >= 0 && a->reg < PT_REGS &&
	       a->index >= 0 && a->index < PT_REGS && a->scale <= 8 && (a->scale & (a->scale - 1)) == 0;
}

/* A string of len bytes with its NUL, and none before, at *at, which moves behind it; NULL: it is none. */
static const char *take_string(const char **at, const char *end, uint32_t len)
{
	const char *s = *at;

	if (!len || (size_t)(end - s) < len || strnlen(s, len) != len - 1)
		return NULL;
	*at += len;
	return s;
}

static bool take_site(struct finding *a, size_t n)
{
	struct wire_site w;
	const char *at = a->in + sizeof(w), *end = a->in + n, *name, *symbol;
	struct site *s;

	if (n < sizeof(w) || a->sites.n >= MIN(a->max, (size_t)FIND_SITES))
		return false;
	memcpy(&w, a->in, sizeof(w));
	name = take_string(&at, end, w.name_len);
	symbol = name ? take_string(&at, end, w.symbol_len) : NULL;
	if (!symbol || w.cost >= NR_SITE_COSTS || w.n_args > SITE_ARGS || w.offset >= a->file_size ||
	    w.semaphore >= a->file_size || w.n_rets > FIND_RETS || (size_t)(end - at) != 8ul * w.n_rets)
		return false;
	for (uint32_t i = 0; i < w.n_args; i++)
		if (!is_arg(&w.args[i]))
			return false;
	s = vec_add(&a->sites);
	*s = (struct site){
		.name = xstrdup(name),
		.symbol = xstrdup(symbol),
		.offset = w.offset,
		.vaddr = w.vaddr,
		.size = w.size,
		.semaphore = w.semaphore,
		.cost = (enum site_cost)w.cost,
		.n_args = w.n_args,
		.no_return = w.no_return != 0,
		.result = w.result < -8 || w.result > 8 ? SITE_NO_RESULT : w.result,
		.leaves = w.leaves != 0,
		.frameless = w.frameless != 0,
		.is_start = w.is_start != 0,
		.twice = w.twice != 0,
	};
	memcpy(s->args, w.args, sizeof(s->args));
	s->rets = xcalloc(w.n_rets + 1, sizeof(*s->rets));
	s->n_rets = w.n_rets;
	memcpy(s->rets, at, 8ul * w.n_rets);
	for (size_t i = 0; i < s->n_rets; i++)
		if (s->rets[i] >= a->file_size)
			return false;
	return true;
}

static bool take_found(struct finding *a, size_t n)
{
	const char *at = a->in + sizeof(a->found), *end = a->in + n;
	struct wire_found *f = &a->found;

	if (n < sizeof(*f))
		return false;
	memcpy(f, a->in, sizeof(*f));
	if (f->why[FIND_WHY - 1] || f->why_refused[FIND_WHY - 1] || f->build_id[WIRE_ID - 1] ||
	    f->n_nearest > FIND_NEAREST || f->err > 0 || f->err < -4095 || f->all < a->sites.n)
		return false;
	a->nearest = xcalloc(f->n_nearest + 1, sizeof(char *));
	for (uint32_t i = 0; i < f->n_nearest; i++) {
		const char *s = take_string(&at, end, (uint32_t)strnlen(at, (size_t)(end - at)) + 1);

		if (!s)
			return false;
		a->nearest[a->n_nearest++] = xstrdup(s);
	}
	a->done = true;
	return at == end;
}

/* ---- debug information ------------------------------------------------------------------------- */

/* What everyone may read, or whoever may read the file itself; and never that again. */
static int open_debug(const struct finding *a, const struct wire_want *w, struct stat *st)
{
	struct debug_places *p = xcalloc(1, sizeof(*p));
	int root = open_root(0), fd = -1;

	debug_places(w, *a->path ? a->path : NULL, p);
	for (size_t i = 0; i < p->n && fd < 0 && root >= 0; i++) {
		fd = open_in(root, p->v[i], true, st);
		if (fd >= 0 && !strcmp(p->v[i], a->path))
			cleanup_close(&fd);
	}
	free(p);
	if (root >= 0)
		close(root);
	return fd;
}

static bool answer_want(struct finding *a, size_t n)
{
	struct wire_file f = { .kind = WIRE_FILE, .state = FILE_MISSING, .name_len = 1 };
	struct iovec v[] = { { &f, sizeof(f) }, { (char *)"", 1 } };
	struct wire_want w;
	struct stat st;
	int fd = -1, err;

	if (n != sizeof(w) || a->wants++ > WANTS)
		return false;
	memcpy(&w, a->in, sizeof(w));
	if (w.name[sizeof(w.name) - 1])
		return false;
	if (w.type == WANT_BUILD_ID || w.type == WANT_LINK || w.type == WANT_ALT)
		fd = open_debug(a, &w, &st);
	if (fd >= 0) {
		f.state = FILE_GOOD;
		f.key = a->wants + 1;
		f.size = (uint64_t)st.st_size;
	}
	err = wire_send(a->sock, v, ARRAY_SIZE(v), fd);
	if (fd >= 0)
		close(fd);
	return !err;
}

/* ---- asking -------------------------------------------------------------------------------------- */

static bool take(struct finding *a, size_t n)
{
	uint32_t kind;

	a->bytes += n;
	if (n < sizeof(kind) || a->bytes > BYTES)
		return false;
	memcpy(&kind, a->in, sizeof(kind));
	if (kind == WIRE_WANT)
		return answer_want(a, n);
	return kind == WIRE_SITE ? take_site(a, n) : kind == WIRE_FOUND && take_found(a, n);
}

static bool over(struct finding *a, int err, const char *why)
{
	a->err = err;
	a->why = why;
	return true;
}

bool find_step(struct finding *a, int wait_ms)
{
	struct pollfd p = { a->sock, POLLIN, 0 };

	while (!a->done && !a->err) {
		ssize_t n;
		int fd;

		if (clock_mono_ns() >= a->deadline)
			return over(a, -ETIMEDOUT, "reading it takes too long: given up");
		if (poll(&p, 1, wait_ms) <= 0)
			return false;
		n = wire_get(a->sock, a->in, WIRE_ROOM, &fd);
		if (fd >= 0)
			close(fd);
		if (n <= 0)
			return over(a, -EBADMSG, "it stopped who read it: it is damaged, or too large");
		if (!take(a, (size_t)n))
			return over(a, -EPROTO, "who read it said what cannot be: it is damaged");
	}
	return true;
}

static int send_query(struct finding *a, const struct find_query *q)
{
	const char *name = q->name ? q->name : "*", *provider = q->provider ? q->provider : "*";
	struct wire_find f = { .kind = WIRE_FIND,
			       .what = q->what,
			       .line = q->line,
			       .rets = q->rets,
			       .plus = q->plus,
			       .max = q->max,
			       .name_len = (uint32_t)strlen(name) + 1,
			       .provider_len = (uint32_t)strlen(provider) + 1 };
	struct iovec v[] = { { &f, sizeof(f) },
			     { (char *)name, f.name_len },
			     { (char *)provider, f.provider_len } };

	if (f.name_len > WIRE_PATH || f.provider_len > WIRE_PATH)
		return -ENAMETOOLONG;
	return wire_send(a->sock, v, ARRAY_SIZE(v), -1);
}

static int start_child(struct finding *a, int fd)
{
	int fds[2], theirs[2], room = SEND_ROOM, err;
	char memory[24], *env[] = { NULL };

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	for (int i = 0; i < 2; i++)
		if (setsockopt(fds[i], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)))
			setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	theirs[0] = fcntl(fds[1], F_DUPFD_CLOEXEC, HELPER_FIRST_FD);
	theirs[1] = fcntl(fd, F_DUPFD_CLOEXEC, HELPER_FIRST_FD);
	close(fds[1]);
	snprintf(memory, sizeof(memory), "%llu", (unsigned long long)MEMORY);
	err = theirs[0] < 0 || theirs[1] < 0 ? -EMFILE
					     : helper_spawn(SYM_FINDER, memory, env, theirs, 2, &a->pid);
	cleanup_close(&theirs[0]);
	cleanup_close(&theirs[1]);
	a->sock = fds[0];
	return err;
}

static void end_child(struct finding *a)
{
	if (a->sock >= 0)
		close(a->sock);
	if (a->pid <= 0)
		return;
	kill(a->pid, SIGKILL);
	/* one that hangs for good, in another's file, is not waited for */
	while (waitpid(a->pid, NULL, a->done ? 0 : WNOHANG) < 0 && errno == EINTR)
		;
}

static int by_offset(const void *a, const void *b)
{
	const struct site *x = a, *y = b;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void hand_over(struct finding *a, struct find_result *r)
{
	const struct wire_found *f = &a->found;

	if (a->sites.n)
		qsort(a->sites.v, a->sites.n, sizeof(*a->sites.v), by_offset);
	*r = (struct find_result){ .v = a->sites.v,
				   .n = a->sites.n,
				   .all = f->all,
				   .nearest = a->nearest,
				   .n_nearest = a->n_nearest,
				   .ifuncs = f->ifuncs,
				   .refused = f->refused,
				   .is_go = f->is_go != 0,
				   .throws = f->throws != 0 };
	memcpy(r->go_runs, f->go_runs, sizeof(r->go_runs));
	memcpy(r->build_id, f->build_id, sizeof(r->build_id));
	memcpy(r->why_refused, f->why_refused, sizeof(r->why_refused));
}

static int begin(struct finding *a, int fd, const struct find_query *q)
{
	char link[32];
	struct stat st;
	ssize_t n;
	int err;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return -EINVAL;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, a->path, sizeof(a->path) - 1);
	a->path[MAX(n, 0)] = '\0';
	a->file_size = (uint64_t)st.st_size;
	a->deadline = clock_mono_ns() + TIME_NS;
	err = start_child(a, fd);
	return err ? err : send_query(a, q);
}

struct finding *find_begin(int fd, const struct find_query *q)
{
	struct finding *a = xcalloc(1, sizeof(*a));
	int err;

	a->sock = -1;
	a->max = q->max;
	a->in = xmalloc(WIRE_ROOM);
	err = begin(a, fd, q);
	if (err)
		over(a, err, err == -EINVAL ? "not a regular file" : err_str(err));
	return a;
}

int find_end(struct finding *a, struct find_result *out, char *why, size_t size)
{
	int err = a->err ? a->err : a->done ? a->found.err : -ECANCELED;

	end_child(a);
	hand_over(a, out);
	snprintf(why, size, "%s", a->err ? a->why : a->found.why);
	free(a->in);
	free(a);
	if (err)
		find_free(out);
	return err;
}

int find_in(int fd, const struct find_query *q, struct find_result *out, char *why, size_t why_size)
{
	struct finding *a = find_begin(fd, q);

	while (!find_step(a, WAIT_MS))
		;
	return find_end(a, out, why, why_size);
}

void find_free(struct find_result *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free((char *)r->v[i].name);
		free((char *)r->v[i].symbol);
		free(r->v[i].rets);
	}
	for (size_t i = 0; i < r->n_nearest; i++)
		free(r->nearest[i]);
	free(r->nearest);
	free(r->v);
	*r = (struct find_result){};
}
