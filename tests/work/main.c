/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * work MODE [options]: runs one mode and prints one JSON document.
 * work -l: lists the modes. work dump FILE: prints what a killed run left in
 * its --shm FILE. Exit status: 0 done, 1 failed, 2 usage, 77 not possible on
 * this kernel.
 */
#include "modes.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct w_mode modes[] = {
#define X(fn, name, threads, each, hold, seconds, help)                                                      \
	{ name, help, w_mode_##fn, threads, each, hold, seconds },
	W_MODES(X)
#undef X
};

#define NR_MODES (sizeof(modes) / sizeof(modes[0]))

/* Hidden modes, for programs that exec themselves. */
static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} hidden[] = {
	{ "tiny-child", w_tiny_child },
	{ "texec-child", w_texec_child },
	{ "hostile-child", w_hostile_child },
};

/* One option: a letter for getopt, its argument, what it means. */
#define OPTIONS(X)                                                                                           \
	X('t', "threads", "N", "threads, or what the mode makes several of")                                 \
	X('e', "each", "N", "rounds of each thread; 0: until --seconds are over")                            \
	X('H', "hold", "MS", "how long a wait or a hold lasts, in ms (or with us, s)")                       \
	X('s', "seconds", "S", "stop after so long")                                                         \
	X('c', "cpu", "LIST", "CPUs to run on, as 0,1")                                                      \
	X('f', "file", "PATH", "file to work on")                                                            \
	X('C', "calls", "LIST", "block: which calls")                                                        \
	X('S', "signals", "N", "restart: signals in each wait")                                              \
	X('r', "rate", "N", "rate: calls per second, all threads together")                                  \
	X('b', "tid-base", "N", "reuse, collide: first thread number")                                       \
	X('p', "tid-step", "N", "collide: distance between thread numbers")                                  \
	X('j', "json", "FILE", "write the result there, not to stdout")                                      \
	X('m', "shm", "FILE", "keep the counters in FILE, for `work dump FILE`")                             \
	X('R', "ready", "FD", "say READY there, not on stderr")                                              \
	X('w', "wait", NULL, "say READY and wait for a line on stdin, then begin")                           \
	X('g', "gate", NULL, "the same (GATE), but with the threads already waiting")                        \
	X('x', "exec", NULL, "tiny: exec in each child")                                                     \
	X('P', "pthread", NULL, "use the C library's mutex or condition")                                    \
	X('V', "sysv", NULL, "msgq: a System V queue")                                                       \
	X('L', "slow", NULL, "list every call of 1 ms and more")                                             \
	X('l', "list", NULL, "list the modes")                                                               \
	X('h', "help", NULL, "this text")

static const struct option long_options[] = {
#define X(c, name, arg, help) { name, (arg) ? required_argument : no_argument, NULL, c },
	OPTIONS(X)
#undef X
		{ 0 }
};

static int list_modes(void)
{
	for (size_t i = 0; i < NR_MODES; i++)
		printf("%-12s %s\n", modes[i].name, modes[i].help);
	return 0;
}

static int usage(FILE *f, int rc)
{
	fprintf(f, "usage: work MODE [options] | work -l | work dump FILE\n");
#define X(c, name, arg, help)                                                                                \
	fprintf(f, "  -%c, --%-8s %-5s %s\n", c, name, (arg) ? (const char *)(arg) : "", help);
	OPTIONS(X)
#undef X
	return rc;
}

static bool parse_u64(const char *s, uint64_t max, uint64_t *v)
{
	char *end;

	errno = 0;
	*v = strtoull(s, &end, 10);
	return !errno && end != s && !*end && *s != '-' && *v <= max;
}

static bool parse_u32(const char *s, uint32_t *v)
{
	uint64_t n;
	bool ok = parse_u64(s, UINT32_MAX, &n);

	*v = (uint32_t)n;
	return ok;
}

static bool parse_double(const char *s, const char *suffix, double *v)
{
	char *end;

	*v = strtod(s, &end);
	return end != s && !strcmp(end, suffix) && *v >= 0 && *v < 1e9;
}

static bool parse_hold(const char *s, uint64_t *ns)
{
	static const struct {
		const char *suffix;
		double ns;
	} unit[] = { { "", MS }, { "ms", MS }, { "us", 1000 }, { "ns", 1 }, { "s", S } };
	double v;

	for (size_t i = 0; i < sizeof(unit) / sizeof(unit[0]); i++) {
		if (!parse_double(s, unit[i].suffix, &v))
			continue;
		*ns = (uint64_t)(v * unit[i].ns);
		return true;
	}
	return false;
}

static bool set_option(struct w_opt *o, int c, const char *arg)
{
	uint64_t n;

	switch (c) {
	case 't':
		return parse_u32(arg, &o->threads) && o->threads;
	case 'e':
		return parse_u64(arg, UINT64_MAX, &o->each);
	case 'H':
		return parse_hold(arg, &o->hold_ns);
	case 's':
		return parse_double(arg, "", &o->seconds);
	case 'S':
		return parse_u64(arg, 1000000, &o->signals);
	case 'r':
		return parse_u64(arg, 100000000, &o->rate) && o->rate;
	case 'b':
		return parse_u32(arg, &o->tid_base);
	case 'p':
		return parse_u32(arg, &o->tid_step);
	case 'R':
		if (!parse_u64(arg, 1 << 20, &n))
			return false;
		o->ready_fd = (int)n;
		return true;
	default:
		return false;
	}
}

/* Options that are a word or a flag; false when c is none of them. */
static bool set_plain(struct w_opt *o, int c, const char *arg)
{
	const struct {
		int c;
		const char **word;
		bool *flag;
	} plain[] = {
		{ 'c', &o->cpu, NULL },  { 'f', &o->file, NULL },      { 'C', &o->calls, NULL },
		{ 'j', &o->json, NULL }, { 'm', &o->shm, NULL },       { 'w', NULL, &o->wait },
		{ 'g', NULL, &o->gate }, { 'x', NULL, &o->exec },      { 'P', NULL, &o->pthread },
		{ 'V', NULL, &o->sysv }, { 'L', NULL, &o->list_slow },
	};

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (plain[i].c != c)
			continue;
		if (plain[i].word)
			*plain[i].word = arg;
		else
			*plain[i].flag = true;
		return true;
	}
	return false;
}

/* 0, or the exit status of usage. */
static int parse_options(struct w_opt *o, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "t:e:H:s:c:f:C:S:r:b:p:j:m:R:wgxPVLlh", long_options, NULL)) !=
	       -1) {
		if (c == '?')
			return usage(stderr, 2);
		if (set_plain(o, c, optarg) || set_option(o, c, optarg))
			continue;
		fprintf(stderr, "work: bad value: %s\n", optarg ? optarg : "(none)");
		return 2;
	}
	if (optind < argc) {
		fprintf(stderr, "work: one mode only: %s\n", argv[optind]);
		return 2;
	}
	if (!o->each && !(o->seconds > 0)) {
		fprintf(stderr, "work: --each 0 needs --seconds\n");
		return 2;
	}
	return 0;
}

static int map_shared(struct w *w)
{
	const char *path = w->opt.shm;

	/* Not closed on exec: a new image of this program goes on counting. */
	w->shm_fd = path ? open(path, O_RDWR | O_CREAT | O_TRUNC, 0600) : memfd_create("work", 0);
	if (w->shm_fd < 0 || ftruncate(w->shm_fd, sizeof(struct w_shared)))
		return -errno;
	w->sh = mmap(NULL, sizeof(struct w_shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
		     w->shm_fd, 0);
	return w->sh == MAP_FAILED ? -errno : 0;
}

static int dump(const char *path)
{
	struct w w = { .opt = { .list_slow = true } };
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		w.sh = mmap(NULL, sizeof(struct w_shared), PROT_READ, MAP_SHARED, fd, 0);
	if (fd < 0 || w.sh == MAP_FAILED || lseek(fd, 0, SEEK_END) != sizeof(struct w_shared)) {
		fprintf(stderr, "work: %s: not the counters of a run\n", path);
		return 1;
	}
	if (w.sh->magic == W_MAGIC)
		return w_print(&w) ? 1 : 0;
	fprintf(stderr, "work: %s: not the counters of a run\n", path);
	return 1;
}

/* For the signal handler alone. */
static struct w_shared *stop_what;

static void on_signal(int sig)
{
	stop_what->stop = 1;
}

/* The first signal ends the run in order, the second one kills. Only the main thread takes them. */
static void watch_signals(struct w *w)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND | SA_RESTART };

	stop_what = w->sh;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

/* Each thread keeps a descriptor open: as many as the host allows. */
static void raise_files(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r))
		return;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

static void say_ready(struct w *w)
{
	char c;

	if (!w->opt.wait && w->opt.ready_fd < 0)
		return;
	w_say(w, "READY\n");
	if (!w->opt.wait)
		return;
	while (CALL(w->main, READ, 0, L(&c), 1) == 1 && c != '\n')
		;
}

static int run_mode(struct w *w)
{
	int err = map_shared(w);

	if (err) {
		fprintf(stderr, "work: counters: %s\n", strerror(-err));
		return 1;
	}
	w->sh->magic = W_MAGIC;
	snprintf(w->sh->mode, sizeof(w->sh->mode), "%s", w->mode->name);
	watch_signals(w);
	raise_files();
	w->main = w_slot(w, "main");
	w_begin(w->main);
	w->sh->pid = w->main->pid;
	say_ready(w);
	w->sh->begin_ns = w_now();
	if (w->opt.seconds > 0)
		w->deadline_ns = w->sh->begin_ns + (uint64_t)(w->opt.seconds * S);
	err = w->mode->run(w);
	if (err == W_SKIP)
		return W_SKIP;
	w_end(w->main);
	w->sh->end_ns = w_now();
	w->sh->finished = 1;
	if (w_print(w) || err || w->sh->failed)
		return 1;
	w_free(w);
	return 0;
}

static const struct w_mode *find_mode(const char *name)
{
	for (size_t i = 0; i < NR_MODES; i++)
		if (!strcmp(modes[i].name, name))
			return &modes[i];
	return NULL;
}

int main(int argc, char **argv)
{
	struct w w = { .stack = 256 << 10 };
	int rc;

	if (argc < 2)
		return usage(stderr, 2);
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (!strcmp(argv[1], hidden[i].name))
			return hidden[i].run(argc, argv);
	if (!strcmp(argv[1], "-l") || !strcmp(argv[1], "--list"))
		return list_modes();
	if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"))
		return usage(stdout, 0);
	if (!strcmp(argv[1], "dump") && argc == 3)
		return dump(argv[2]);
	w.mode = find_mode(argv[1]);
	if (!w.mode) {
		fprintf(stderr, "work: no such mode: %s (work -l lists them)\n", argv[1]);
		return 2;
	}
	w.opt = (struct w_opt){ .threads = w.mode->threads,
				.each = w.mode->each,
				.hold_ns = (uint64_t)(w.mode->hold_ms * MS),
				.seconds = w.mode->seconds,
				.signals = 3,
				.rate = 10000,
				.tid_step = 16,
				.ready_fd = -1 };
	rc = parse_options(&w.opt, argc - 1, argv + 1);
	return rc ? rc : run_mode(&w);
}
