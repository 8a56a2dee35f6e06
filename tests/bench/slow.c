/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * slow SECONDS THREADS TICKS CPU: operations that are slow, at a known rate. Each thread reads from a pipe
 * of its own, TICKS * 250 us for each byte, called through DEPTH functions with a frame of some
 * KiB each. Prints a JSON line: how many there were, and the CPU time of the readers for each.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS     250000 /* less than what is slow */
#define DEPTH       24
#define FRAME       3000
#define MAX_THREADS 64

struct reader {
	pthread_t thread;
	int pipe[2];
	unsigned long long events, cpu_ns;
};

static unsigned long long thread_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (unsigned long long)t.tv_sec * 1000000000ull + (unsigned long long)t.tv_nsec;
}

static void read_all(struct reader *r)
{
	unsigned long long begin = thread_cpu_ns();
	char c;

	while (read(r->pipe[0], &c, 1) == 1)
		r->events++;
	r->cpu_ns = thread_cpu_ns() - begin;
}

static __attribute__((noinline)) int deeper(struct reader *r, int n)
{
	volatile char frame[FRAME];

	frame[0] = frame[FRAME - 1] = (char)n;
	if (n)
		return deeper(r, n - 1) + frame[0];
	read_all(r);
	return frame[FRAME - 1];
}

static void *reader_main(void *arg)
{
	deeper(arg, DEPTH);
	return NULL;
}

int main(int argc, char **argv)
{
	struct reader readers[MAX_THREADS] = {};
	unsigned long long events = 0, cpu_ns = 0, ticks;
	int n, every;
	struct timespec next;
	cpu_set_t cpu;

	if (argc != 5 || (n = atoi(argv[2])) < 1 || n > MAX_THREADS || (every = atoi(argv[3])) < n) {
		fprintf(stderr, "usage: slow SECONDS THREADS TICKS CPU\n");
		return 2;
	}
	CPU_ZERO(&cpu);
	CPU_SET(atoi(argv[4]), &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu))
		return 1;
	for (int i = 0; i < n; i++)
		if (pipe(readers[i].pipe) ||
		    pthread_create(&readers[i].thread, NULL, reader_main, &readers[i]))
			return 1;
	ticks = (unsigned long long)(atof(argv[1]) * 1e9 / TICK_NS);
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (unsigned long long t = 0; t < ticks; t++) {
		next.tv_nsec += TICK_NS;
		if (next.tv_nsec >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
		for (int i = 0; i < n; i++)
			if (t % (unsigned)every == (unsigned)i && write(readers[i].pipe[1], "x", 1) != 1)
				return 1;
	}
	for (int i = 0; i < n; i++) {
		close(readers[i].pipe[1]);
		pthread_join(readers[i].thread, NULL);
		events += readers[i].events;
		cpu_ns += readers[i].cpu_ns;
	}
	printf("{\"pid\":%d,\"events\":%llu,\"ns\":%.1f}\n", getpid(), events,
	       (double)cpu_ns / (double)(events ? events : 1));
	return 0;
}
