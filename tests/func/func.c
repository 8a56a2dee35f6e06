/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Functions that are called so often, and take so long, as the command line says: ground truth for what is
 * said of functions. Prints one line of JSON: for each function how often it was called, and how long all
 * calls took, by its own clock.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define PROBED __attribute__((noinline, noclone, used, visibility("default")))
#define HARD() __asm__ volatile("" ::: "memory")

static unsigned long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

struct tally {
	const char *name;
	unsigned long calls, abandoned;
	unsigned long long ns;
};

#define TALLY(f) static struct tally of_##f = { .name = #f }
#define CALL(f, ...)                                                                                         \
	do {                                                                                                 \
		unsigned long long begin_ = now();                                                           \
		f(__VA_ARGS__);                                                                              \
		__atomic_fetch_add(&of_##f.ns, now() - begin_, __ATOMIC_RELAXED);                            \
		__atomic_fetch_add(&of_##f.calls, 1, __ATOMIC_RELAXED);                                      \
	} while (0)

TALLY(sleeps);
TALLY(spins);
TALLY(blocks);
TALLY(reads);
TALLY(recurses);
TALLY(jumps);
TALLY(tail_outer);
TALLY(tail_inner);
TALLY(outer);
TALLY(inner);
TALLY(fails);
TALLY(says);
TALLY(quick);
TALLY(forks);
TALLY(k_sleeps);
TALLY(k_reads);
TALLY(k_opens);

PROBED void sleeps(unsigned int us)
{
	usleep(us);
	HARD();
}

PROBED void spins(unsigned int us)
{
	unsigned long long end = now() + us * 1000ull;

	while (now() < end)
		HARD();
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

PROBED void blocks(void)
{
	pthread_mutex_lock(&mutex);
	pthread_mutex_unlock(&mutex);
	HARD();
}

PROBED void reads(int fd)
{
	char c;

	if (read(fd, &c, 1) < 0)
		abort();
	HARD();
}

PROBED int recurses(int n)
{
	int r = n > 0 ? recurses(n - 1) : 0;

	HARD();
	return r + 1;
}

static jmp_buf back;

PROBED void jumps(int out)
{
	HARD();
	if (out)
		longjmp(back, 1);
	HARD();
}

PROBED int tail_inner(int n)
{
	usleep(n);
	return n + 1;
}

PROBED int tail_outer(int n)
{
	return tail_inner(n * 2); /* -O2 jumps */
}

PROBED void inner(unsigned int us)
{
	usleep(us);
	HARD();
}

PROBED void outer(unsigned int us)
{
	usleep(us);
	for (int i = 0; i < 3; i++)
		CALL(inner, us);
	HARD();
}

PROBED int fails(int n)
{
	HARD();
	return n % 3 ? n : -1;
}

PROBED long says(const char *text, int n, long wide)
{
	HARD();
	return strlen(text) + n + wide;
}

PROBED int quick(int n)
{
	HARD();
	return n + 1;
}

PROBED void forks(void)
{
	pid_t pid = fork();

	if (!pid)
		return; /* the child returns, too */
	waitpid(pid, NULL, 0);
	HARD();
}

/* ---- what is run ------------------------------------------------------------------------ */

static unsigned int count = 100, us = 2000, threads = 1;

/* Where that is in the environment, until somebody says so. */
static void wait_for_word(const char *where)
{
	char c;

	if (getenv(where) && read(0, &c, 1) < 0)
		abort();
}

static void run_sleeps(void)
{
	for (unsigned int i = 0; i < count; i++)
		CALL(sleeps, us);
}

static void run_spins(void)
{
	for (unsigned int i = 0; i < count; i++)
		CALL(spins, us);
}

static void *holder(void *arg)
{
	int *ready = arg;

	pthread_mutex_lock(&mutex);
	__atomic_store_n(ready, 1, __ATOMIC_RELEASE);
	usleep(us);
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void run_blocks(void)
{
	for (unsigned int i = 0; i < count; i++) {
		pthread_t t;
		int ready = 0;

		pthread_create(&t, NULL, holder, &ready);
		while (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
			;
		CALL(blocks);
		pthread_join(t, NULL);
	}
}

static int ends[2];

static void *writer(void *arg)
{
	for (unsigned int i = 0; i < count; i++) {
		usleep(us);
		if (write(ends[1], "x", 1) != 1)
			abort();
	}
	return NULL;
}

static void run_reads(void)
{
	pthread_t t;

	if (pipe(ends))
		abort();
	pthread_create(&t, NULL, writer, NULL);
	for (unsigned int i = 0; i < count; i++)
		CALL(reads, ends[0]);
	pthread_join(t, NULL);
}

static void run_recurses(void)
{
	for (unsigned int i = 0; i < count; i++) {
		recurses(us); /* so deep */
		of_recurses.calls += us + 1;
	}
}

static void run_jumps(void)
{
	for (volatile unsigned int i = 0; i < count; i++) {
		of_jumps.calls++;
		if (i % 2)
			of_jumps.abandoned++;
		if (!setjmp(back))
			jumps(i % 2);
	}
}

static void run_tails(void)
{
	for (unsigned int i = 0; i < count; i++) {
		CALL(tail_outer, us);
		of_tail_inner.calls++;
	}
}

static void run_nested(void)
{
	for (unsigned int i = 0; i < count; i++)
		CALL(outer, us);
}

static void run_fails(void)
{
	for (unsigned int i = 0; i < count; i++) {
		of_fails.calls++;
		if (fails(i) < 0)
			of_fails.abandoned++; /* here: errors */
	}
}

static void run_says(void)
{
	char text[32];

	for (unsigned int i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "hello %u", i);
		CALL(says, text, -(int)i, 1l << 40);
	}
}

static void *quickly(void *arg)
{
	volatile int n = 0;

	for (unsigned int i = 0; i < count; i++) {
		unsigned long long begin = now();

		n = quick(n);
		while (now() - begin < us * 1000ull)
			;
	}
	__atomic_fetch_add(&of_quick.calls, count, __ATOMIC_RELAXED);
	return NULL;
}

static void run_quick(void)
{
	pthread_t t[64];

	for (unsigned int i = 0; i < threads && i < 64; i++)
		pthread_create(&t[i], NULL, quickly, NULL);
	for (unsigned int i = 0; i < threads && i < 64; i++)
		pthread_join(t[i], NULL);
}

static unsigned long long cpu_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* For so many seconds: how many calls there are to a second of CPU time, again and again. */
static void run_rate(void)
{
	unsigned long long end = now() + us * 1000000000ull, n = 0, last = cpu_now();
	volatile int x = 0;

	while (now() < end) {
		for (int i = 0; i < 1000; i++)
			x = quick(x);
		n += 1000;
		if (cpu_now() - last > 20000000ull) {
			fprintf(stderr, "%llu\n", n * 1000000000ull / (cpu_now() - last));
			of_quick.calls += n;
			n = 0;
			last = cpu_now();
		}
	}
	of_quick.calls += n;
}

/* So many calls, with the same work behind each; how much CPU time a hundred of them take at best, in ns. */
static void run_worked(void)
{
	unsigned long long best = ~0ull;
	volatile int x = 0;

	for (unsigned int i = 0; i < count; i += 100) {
		unsigned long long begin = cpu_now(), took;

		for (unsigned int n = 0; n < 100; n++) {
			x = quick(x);
			for (unsigned int k = 0; k < us; k++)
				__asm__ volatile(
					""
					: "+r"(k)); /* no memory: what a trap does to caches is not meant */
		}
		took = cpu_now() - begin;
		best = took < best ? took : best;
	}
	of_quick.calls = count;
	of_quick.ns = best;
}

static void run_forks(void)
{
	pid_t self = getpid();

	for (unsigned int i = 0; i < count; i++) {
		CALL(forks);
		if (getpid() != self)
			_exit(0);
	}
}

#ifdef NO_LIBRARY
#define run_opens abort
#else
static void run_opens(void)
{
	char path[4096];
	void *lib;
	int (*f)(int);

	usleep(us);
	snprintf(path, sizeof(path), "%s", getenv("FUNC_LIB"));
	lib = dlopen(path, RTLD_NOW);
	if (!lib)
		abort();
	f = (int (*)(int))dlsym(lib, "in_library");
	wait_for_word("FUNC_LATER");
	for (unsigned int i = 0; i < count; i++)
		f(i);
}
#endif

static void k_sleeps(void)
{
	usleep(us);
}

static void k_opened(unsigned int i)
{
	int fd = open(i % 2 ? "/no/such/file" : "/proc/self/exe", O_RDONLY);

	of_k_opens.calls++;
	if (fd < 0)
		of_k_opens.abandoned++; /* here: errors */
	else
		close(fd);
}

static void *waits(void *fd)
{
	char c;

	if (read(*(int *)fd, &c, 1) != 1)
		abort();
	return NULL;
}

/* What the kernel's functions are called for: sleeps, reads of a file and of empty pipes, many of these at
 * once, files opened of which half are missing, and a read in which its thread is killed. */
static void run_kernel(void)
{
	pthread_t t[64], late;
	int fds[64][2], file = open("/proc/self/exe", O_RDONLY), never[2];
	char c;

	for (unsigned int i = 0; i < threads && i < 64; i++)
		if (pipe(fds[i]) || pthread_create(&t[i], NULL, waits, &fds[i][0]))
			abort();
	for (unsigned int i = 0; i < count; i++) {
		CALL(k_sleeps);
		for (int k = 0; k < 3; k++)
			if (pread(file, &c, 1, 0) != 1)
				abort();
		k_opened(i);
	}
	for (unsigned int i = 0; i < threads && i < 64; i++)
		if (write(fds[i][1], "x", 1) != 1 || pthread_join(t[i], NULL))
			abort();
	/* one that is an error, for the program ends in it */
	if (pipe(never) || pthread_create(&late, NULL, waits, &never[0]))
		abort();
	of_k_reads.calls = 3 * count + threads + 1;
	of_k_reads.abandoned = 1; /* here: errors */
	of_k_opens.calls++;       /* the first one */
	us = 100000;
	CALL(k_sleeps);
}

static const struct {
	const char *name;
	void (*run)(void);
} runs[] = {
	{ "sleeps", run_sleeps }, { "spins", run_spins },       { "blocks", run_blocks },
	{ "reads", run_reads },   { "recurses", run_recurses }, { "jumps", run_jumps },
	{ "tails", run_tails },   { "nested", run_nested },     { "fails", run_fails },
	{ "says", run_says },     { "quick", run_quick },       { "rate", run_rate },
	{ "forks", run_forks },   { "opens", run_opens },       { "worked", run_worked },
	{ "kernel", run_kernel },
};

static struct tally *const all[] = {
	&of_sleeps,     &of_spins,      &of_blocks,   &of_reads,   &of_recurses, &of_jumps,
	&of_tail_outer, &of_tail_inner, &of_outer,    &of_inner,   &of_fails,    &of_says,
	&of_quick,      &of_forks,      &of_k_sleeps, &of_k_reads, &of_k_opens,
};

int main(int argc, char **argv)
{
	const char *sep = "";

	if (argc > 2)
		count = atoi(argv[2]);
	if (argc > 3)
		us = atoi(argv[3]);
	if (argc > 4)
		threads = atoi(argv[4]);
	wait_for_word("FUNC_WAIT");
	for (size_t i = 0; i < sizeof(runs) / sizeof(*runs); i++)
		if (argc > 1 && !strcmp(argv[1], runs[i].name))
			runs[i].run();
	printf("{");
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i]->calls) {
			printf("%s\"%s\": {\"calls\": %lu, \"ns\": %llu, \"left\": %lu}", sep, all[i]->name,
			       all[i]->calls, all[i]->ns, all[i]->abandoned);
			sep = ", ";
		}
	printf("}\n");
	return 0;
}
