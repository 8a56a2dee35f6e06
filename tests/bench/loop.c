/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * loop MODE SECONDS CPU: the tight loops of the bench, on one CPU, as one JSON line: system calls
 * (getppid), two processes (pingpong), functions by what they begin with (on_nop5, on_push,
 * on_stepped, on_endbr). ns is the mean of the fastest quarter of many short batches, so that
 * what else runs on the host for a while does not count; mean_ns that of all of them. events is
 * exact, for who counts along.
 *
 * Functions are not called all the time: then their probes would take most of what the process
 * runs, and hostlat would take them off. Between two batches it does something else, at least
 * REST times as long.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NR_BATCHES 65536
#define REST       4
#define REST_NS    1e6

struct loop {
	const char *name;
	int batch;
	bool (*begin)(struct loop *l);
	bool (*batch_of)(struct loop *l);
	void (*fn)(void); /* what is called */
	int out, in;      /* pingpong: to and from the other process */
};

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static bool no_begin(struct loop *l)
{
	return true;
}

static bool getppid_batch(struct loop *l)
{
	for (int i = 0; i < l->batch; i++)
		syscall(SYS_getppid);
	return true;
}

static void echo(int in, int out)
{
	char c;

	while (read(in, &c, 1) == 1 && write(out, &c, 1) == 1)
		;
	_exit(0);
}

static bool pingpong_begin(struct loop *l)
{
	int there[2], back[2];
	pid_t child;

	if (pipe(there) || pipe(back))
		return false;
	child = fork();
	if (child == 0) {
		close(there[1]);
		close(back[0]);
		echo(there[0], back[1]);
	}
	close(there[0]);
	close(back[1]);
	l->out = there[1];
	l->in = back[0];
	return child > 0;
}

static bool pingpong_batch(struct loop *l)
{
	char c = 'x';

	for (int i = 0; i < l->batch; i++)
		if (write(l->out, &c, 1) != 1 || read(l->in, &c, 1) != 1)
			return false;
	return true;
}

#if defined(__x86_64__)
/* Functions of which all is known: what a probe costs goes by what it stands on. */
#define FUNCTION(name, body)                                                                                 \
	void name(void);                                                                                     \
	asm(".pushsection .text\n.globl " #name "\n.type " #name ", @function\n.balign 16\n" #name           \
	    ":\n" body "ret\n.size " #name ", .-" #name "\n.popsection")

FUNCTION(on_nop5, ".byte 0x0f, 0x1f, 0x44, 0, 0\nxor %eax, %eax\n");
FUNCTION(on_push, "push %rbp\nmov %rsp, %rbp\npop %rbp\n");
FUNCTION(on_stepped, "sub $8, %rsp\nxor %eax, %eax\nadd $8, %rsp\n");
FUNCTION(on_endbr, "endbr64\npush %rbp\nmov %rsp, %rbp\npop %rbp\n");

static bool function_batch(struct loop *l)
{
	for (int i = 0; i < l->batch; i++)
		l->fn();
	return true;
}
#endif

/* Something else than calls of functions. */
static void rest(const struct loop *l, double took)
{
	double end = now_ns() + (took * REST > REST_NS ? took * REST : REST_NS);

	while (l->fn && now_ns() < end)
		;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int run(struct loop *l, double seconds)
{
	static double ns[NR_BATCHES];
	unsigned long long events = 0;
	double end, begin, all = 0, fast = 0;
	int n = 0;

	if (!l->begin(l) || !l->batch_of(l))
		return 1;
	events += l->batch;
	for (end = now_ns() + seconds * 1e9; n < NR_BATCHES; n++) {
		begin = now_ns();
		if (begin >= end && n >= 5)
			break;
		if (!l->batch_of(l))
			return 1;
		ns[n] = (now_ns() - begin) / l->batch;
		events += l->batch;
		rest(l, ns[n] * l->batch);
	}
	if (l->out) {
		close(l->out);
		wait(NULL);
	}
	qsort(ns, n, sizeof(ns[0]), by_value);
	for (int i = 0; i < n; i++) {
		all += ns[i];
		if (i <= n / 4)
			fast += ns[i];
	}
	printf("{\"pid\":%d,\"events\":%llu,\"ns\":%.2f,\"mean_ns\":%.2f,\"best_ns\":%.2f,\"worst_ns\":%.2f}"
	       "\n",
	       getpid(), events, fast / (n / 4 + 1), all / n, ns[0], ns[n - 1]);
	return 0;
}

int main(int argc, char **argv)
{
	struct loop loops[] = {
		{ "getppid", 200, no_begin, getppid_batch, NULL, 0, 0 },
		{ "pingpong", 10, pingpong_begin, pingpong_batch, NULL, 0, 0 },
#if defined(__x86_64__)
		{ "on_nop5", 50, no_begin, function_batch, on_nop5, 0, 0 },
		{ "on_push", 50, no_begin, function_batch, on_push, 0, 0 },
		{ "on_stepped", 50, no_begin, function_batch, on_stepped, 0, 0 },
		{ "on_endbr", 50, no_begin, function_batch, on_endbr, 0, 0 },
#endif
	};
	cpu_set_t cpu;

	if (argc != 4) {
		fprintf(stderr, "usage: loop MODE SECONDS CPU\n");
		return 2;
	}
	CPU_ZERO(&cpu);
	CPU_SET(atoi(argv[3]), &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu)) {
		fprintf(stderr, "loop: CPU %s: %s\n", argv[3], strerror(errno));
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++)
		if (!strcmp(argv[1], loops[i].name))
			return run(&loops[i], atof(argv[2]));
	fprintf(stderr, "loop: no loop %s\n", argv[1]);
	return 2;
}
