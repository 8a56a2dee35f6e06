/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Standard input is the socket to the opener, descriptor 3 the page of counters. First of all it
 * becomes nobody; then it makes a folder that only that user may enter, below /var/tmp, as files
 * are too large for a /tmp in memory. The folder is of this run and not kept: what one run leaves
 * another would have to trust, and whoever else is nobody could have been there. debuginfod-find
 * gets a folder in it for each file; what it brought is held open and removed at once, so that the
 * space is given back however all of this ends.
 *
 * When hostlat is gone it stops what it started, removes its folder and ends. Called by
 * sym/helper.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "sym/fetcher.h"
#include "sym/sandbox.h"
#include "sym/wire.h"

#define SOCK        STDIN_FILENO
#define COUNTS      3
#define AT_ONCE     2
#define KEPT_TIMES  4            /* so many times the largest file, of all that is kept */
#define FIND_MEMORY (1ull << 30) /* addresses of debuginfod-find */
#define FIND_FILES  64
#define FILES       (WIRE_FETCHES + FIND_FILES)
#define SAID        4096 /* bytes of what it says that are read */

enum fetch_state { FETCH_WAITS, FETCH_RUNS, FETCH_DONE, FETCH_FAILED };

struct fetch {
	char id[WIRE_ID];
	enum fetch_state state;
	int fd; /* FETCH_DONE: the file */
	pid_t pid;
	int pidfd, said; /* FETCH_RUNS: the end of its life, what it says */
	uint64_t until_ns;
};

struct fetcher {
	char dir[32];
	const char *urls, *program;
	uint64_t limit_ns, limit_bytes, kept_bytes;
	struct wire_fetches *counts;
	struct hash *by_id;
	VEC(struct fetch *) all;
	int signals;
};

const char *fetcher_program(void)
{
	static const char *const places[] = { "/usr/local/bin/debuginfod-find", "/usr/bin/debuginfod-find",
					      "/bin/debuginfod-find" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (!access(places[i], X_OK))
			return places[i];
	return NULL;
}

/* ---- files --------------------------------------------------------------------------- */

static void dir_of(const struct fetcher *f, const struct fetch *x, char path[64])
{
	snprintf(path, 64, "%s/%d", f->dir, (int)x->pid);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path) && errno != ENOENT;
}

static void remove_all(const char *path)
{
	nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static bool has_space(const struct fetcher *f)
{
	struct statvfs s;

	return !statvfs(f->dir, &s) && (uint64_t)s.f_bavail * s.f_frsize > (AT_ONCE + 1) * f->limit_bytes;
}

/* ---- debuginfod-find -------------------------------------------------------------------- */

/* What libcurl and libdebuginfod look at, of the environment. */
static const char *const passed_on[] = { "http_proxy", "https_proxy", "HTTPS_PROXY",  "no_proxy",
					 "NO_PROXY",   "ALL_PROXY",   "SSL_CERT_FILE" };

char **fetcher_environment(const char *urls)
{
	char **env = xcalloc(ARRAY_SIZE(passed_on) + 6, sizeof(*env));
	size_t n = 0;

	env[n++] = xasprintf("DEBUGINFOD_URLS=%s", urls);
	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++)
		if (getenv(passed_on[i]))
			env[n++] = xasprintf("%s=%s", passed_on[i], getenv(passed_on[i]));
	return env;
}

/* The same, and where its files go. */
static char **environment(const struct fetcher *f, const char *dir)
{
	char **env = fetcher_environment(f->urls);
	size_t n = 0;

	while (env[n])
		n++;
	env[n++] = xasprintf("DEBUGINFOD_CACHE_PATH=%s", dir);
	env[n++] = xasprintf("DEBUGINFOD_MAXSIZE=%llu", (unsigned long long)f->limit_bytes);
	env[n++] = xasprintf("DEBUGINFOD_TIMEOUT=%llu",
			     (unsigned long long)MAX(f->limit_ns / NSEC_PER_SEC, 1ull));
	env[n++] = xasprintf("HOME=%s", dir);
	return env;
}

static void set_limits(const struct fetcher *f)
{
	const struct {
		int what;
		uint64_t value;
	} limits[] = { { RLIMIT_CORE, 0 },
		       { RLIMIT_FSIZE, f->limit_bytes },
		       { RLIMIT_AS, FIND_MEMORY },
		       { RLIMIT_NOFILE, FIND_FILES },
		       { RLIMIT_MEMLOCK, 0 },
		       { RLIMIT_MSGQUEUE, 0 },
		       { RLIMIT_CPU, f->limit_ns / NSEC_PER_SEC + 1 } };

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct rlimit r = { limits[i].value, limits[i].value };

		if (setrlimit(limits[i].what, &r))
			_exit(126);
	}
}

static void __attribute__((noreturn))
find(const struct fetcher *f, const struct fetch *x, pid_t parent, int said)
{
	char dir[64], *argv[] = { (char *)"debuginfod-find", (char *)"debuginfo", (char *)x->id, NULL };
	struct fetch me = { .pid = getpid() };
	sigset_t none;
	char **env;

	dir_of(f, &me, dir);
	env = environment(f, dir);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent || mkdir(dir, 0700))
		_exit(126);
	dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
	dup2(said, STDOUT_FILENO);
	dup2(said, STDERR_FILENO);
	close_range(3, ~0u, 0);
	set_limits(f);
	execve(f->program, argv, env);
	_exit(127);
}

static void failed(struct fetcher *f, struct fetch *x, bool absent)
{
	x->state = FETCH_FAILED;
	atomic_fetch_add(absent ? &f->counts->absent : &f->counts->failed, 1);
}

static void start(struct fetcher *f, struct fetch *x)
{
	pid_t me = getpid();
	int said[2];

	if (!f->program || f->kept_bytes >= KEPT_TIMES * f->limit_bytes || !has_space(f) ||
	    pipe2(said, O_CLOEXEC | O_NONBLOCK)) {
		failed(f, x, false);
		return;
	}
	x->pid = fork();
	if (!x->pid)
		find(f, x, me, said[1]);
	close(said[1]);
	x->said = said[0];
	x->pidfd = x->pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, x->pid, 0);
	if (x->pidfd < 0) {
		if (x->pid > 0) {
			kill(x->pid, SIGKILL);
			waitpid(x->pid, NULL, 0);
		}
		close(x->said);
		failed(f, x, false);
		return;
	}
	x->state = FETCH_RUNS;
	x->until_ns = clock_mono_ns() + f->limit_ns;
}

/* ---- what it brought ----------------------------------------------------------------------- */

static void send(const struct fetch *x)
{
	struct wire_fetch m = { .kind = WIRE_FETCHED };
	struct iovec v = { &m, sizeof(m) };

	memcpy(m.id, x->id, sizeof(m.id));
	wire_send(SOCK, &v, 1, x->fd);
}

/* What it says at the end is where the file is, or why there is none. */
static int open_result(const struct fetcher *f, const char *dir, char *said, struct stat *st)
{
	size_t n = strcspn(said, "\n");
	int fd;

	said[n] = '\0';
	if (strncmp(said, dir, strlen(dir)) || said[strlen(dir)] != '/')
		return -1;
	fd = open(said, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd >= 0 && (fstat(fd, st) || !S_ISREG(st->st_mode) || !st->st_size ||
			(uint64_t)st->st_size > f->limit_bytes))
		cleanup_close(&fd);
	return fd;
}

static void finish(struct fetcher *f, struct fetch *x)
{
	char dir[64], said[SAID];
	ssize_t n = read(x->said, said, sizeof(said) - 1);
	int status = 0;
	struct stat st;

	said[MAX(n, (ssize_t)0)] = '\0';
	dir_of(f, x, dir);
	waitpid(x->pid, &status, 0);
	close(x->said);
	close(x->pidfd);
	x->fd = status ? -1 : open_result(f, dir, said, &st);
	remove_all(dir);
	if (x->fd < 0) {
		failed(f, x, strstr(said, strerror(ENOENT)) != NULL);
		return;
	}
	x->state = FETCH_DONE;
	f->kept_bytes += (uint64_t)st.st_size;
	atomic_fetch_add(&f->counts->fetched, 1);
	send(x);
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* False: there is nobody any more who asks. */
static bool take_ask(struct fetcher *f)
{
	struct wire_fetch m;
	struct fetch *x;
	int fd;
	ssize_t n = wire_get(SOCK, &m, sizeof(m), &fd);

	cleanup_close(&fd);
	if (n <= 0)
		return n == -EAGAIN || n == -EINTR;
	if (n != sizeof(m) || m.kind != WIRE_FETCH || m.id[sizeof(m.id) - 1])
		return true;
	x = hash_get(f->by_id, m.id);
	if (!x && f->all.n < WIRE_FETCHES) {
		x = xcalloc(1, sizeof(*x));
		x->fd = -1;
		memcpy(x->id, m.id, sizeof(x->id));
		hash_put(f->by_id, x->id, x);
		*vec_add(&f->all) = x;
		atomic_fetch_add(&f->counts->asked, 1);
	} else if (x && x->state == FETCH_DONE) {
		send(x); /* another opener */
	}
	return true;
}

static void start_more(struct fetcher *f)
{
	size_t running = 0;

	for (size_t i = 0; i < f->all.n; i++)
		running += f->all.v[i]->state == FETCH_RUNS;
	for (size_t i = 0; i < f->all.n && running < AT_ONCE; i++)
		if (f->all.v[i]->state == FETCH_WAITS) {
			start(f, f->all.v[i]);
			running += f->all.v[i]->state == FETCH_RUNS;
		}
}

/* Ends those whose time is over, and says how long it is to that of the next, in ms; -1: for ever. */
static int end_late(struct fetcher *f)
{
	uint64_t now = clock_mono_ns(), next = UINT64_MAX;

	for (size_t i = 0; i < f->all.n; i++) {
		struct fetch *x = f->all.v[i];

		if (x->state != FETCH_RUNS)
			continue;
		if (now >= x->until_ns) {
			kill(x->pid, SIGKILL);
			x->until_ns = UINT64_MAX;
		}
		next = MIN(next, x->until_ns);
	}
	return next == UINT64_MAX ? -1 : (int)((next - now) / NSEC_PER_MSEC) + 1;
}

static void __attribute__((noreturn)) quit(struct fetcher *f)
{
	for (size_t i = 0; i < f->all.n; i++)
		if (f->all.v[i]->state == FETCH_RUNS) {
			kill(f->all.v[i]->pid, SIGKILL);
			waitpid(f->all.v[i]->pid, NULL, 0);
		}
	remove_all(f->dir);
	_exit(0);
}

static void loop(struct fetcher *f)
{
	for (;;) {
		struct pollfd p[2 + AT_ONCE] = { { SOCK, POLLIN, 0 }, { f->signals, POLLIN, 0 } };
		struct fetch *runs[AT_ONCE];
		nfds_t n = 2;
		int wait;

		start_more(f);
		for (size_t i = 0; i < f->all.n && n < ARRAY_SIZE(p); i++)
			if (f->all.v[i]->state == FETCH_RUNS) {
				runs[n - 2] = f->all.v[i];
				p[n++] = (struct pollfd){ f->all.v[i]->pidfd, POLLIN, 0 };
			}
		wait = end_late(f);
		if (poll(p, n, wait) < 0)
			continue;
		for (nfds_t i = 2; i < n; i++)
			if (p[i].revents)
				finish(f, runs[i - 2]);
		if (p[1].revents || (p[0].revents && !take_ask(f)))
			quit(f);
	}
}

/* A new one, which nobody else may enter. 0, or -1 with errno. */
static int make_dir(struct fetcher *f)
{
	static const char *const places[] = { "/var/tmp", "/tmp" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(f->dir, sizeof(f->dir), "%s/hostlat-XXXXXX", places[i]);
		if (mkdtemp(f->dir))
			return 0;
	}
	return -1;
}

/* A signal that says that hostlat is gone, or wants it to end, is read like everything else. */
static int set_up(struct fetcher *f)
{
	struct rlimit files = { FILES, FILES };
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	if (sandbox_drop_user() || sigprocmask(SIG_BLOCK, &ends, NULL) || prctl(PR_SET_PDEATHSIG, SIGTERM) ||
	    setrlimit(RLIMIT_NOFILE, &files) || setpriority(PRIO_PROCESS, 0, 10))
		return -errno;
	umask(077);
	f->signals = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
	if (f->signals < 0 || make_dir(f))
		return -errno;
	return fcntl(SOCK, F_SETFL, O_NONBLOCK) ? -errno : 0;
}

void fetcher_main(const char *limits)
{
	struct fetcher f = { .urls = getenv("DEBUGINFOD_URLS"), .program = fetcher_program() };
	unsigned long long ns, bytes;

	prctl(PR_SET_NAME, "hostlat-fetch");
	wire_only_these(COUNTS);
	f.counts = mmap(NULL, sizeof(*f.counts), PROT_READ | PROT_WRITE, MAP_SHARED, COUNTS, 0);
	close(COUNTS);
	if (f.counts == MAP_FAILED || sscanf(limits, "%llu %llu", &ns, &bytes) != 2 || !f.urls || set_up(&f))
		_exit(1);
	f.limit_ns = ns;
	f.limit_bytes = bytes;
	f.by_id = hash_new(WIRE_ID);
	loop(&f);
	_exit(1);
}
