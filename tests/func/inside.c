/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Functions that make so many system calls, themselves and in others, as the command line says, on so many
 * threads, and as many outside of all of them. Prints one line of JSON: how often which call was made in
 * which function, and how long that took by its own clock.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PROBED __attribute__((noinline, noclone, used))
#define HARD() __asm__ volatile("" ::: "memory")

enum where { OUTSIDE, OUTER, INNER, RECURSES, JUMPS, NR_WHERE };
static const char *const names[NR_WHERE] = { "", "outer", "inner", "recurses", "jumps" };

static struct {
	unsigned long calls;
	unsigned long long ns;
} reads[NR_WHERE], sleeps[NR_WHERE];

static int fd;
static unsigned int count;

static unsigned long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void read_some(enum where w, unsigned int n)
{
	char c[64];

	while (n--) {
		unsigned long long begin = now();

		if (pread(fd, c, sizeof(c), 0) < 0)
			exit(1);
		__atomic_fetch_add(&reads[w].ns, now() - begin, __ATOMIC_RELAXED);
		__atomic_fetch_add(&reads[w].calls, 1, __ATOMIC_RELAXED);
	}
}

static void sleep_some(enum where w, unsigned int n, long us)
{
	struct timespec t = { 0, us * 1000 };

	while (n--) {
		unsigned long long begin = now();

		nanosleep(&t, NULL);
		__atomic_fetch_add(&sleeps[w].ns, now() - begin, __ATOMIC_RELAXED);
		__atomic_fetch_add(&sleeps[w].calls, 1, __ATOMIC_RELAXED);
	}
}

PROBED void inner(void)
{
	read_some(INNER, 7);
	sleep_some(INNER, 2, 3000);
	HARD();
}

PROBED void outer(void)
{
	read_some(OUTER, 2);
	inner();
	sleep_some(OUTER, 1, 2000);
	inner();
	read_some(OUTER, 1);
	HARD();
}

PROBED void recurses(unsigned int depth)
{
	read_some(RECURSES, 1);
	if (depth)
		recurses(depth - 1);
	read_some(RECURSES, 1);
	HARD();
}

PROBED void jumps(jmp_buf *back)
{
	read_some(JUMPS, 3);
	longjmp(*back, 1);
}

static void *work(void *arg)
{
	jmp_buf back;

	for (volatile unsigned int i = 0; i < count; i++) {
		read_some(OUTSIDE, 5);
		outer();
		sleep_some(OUTSIDE, 1, 1000);
		recurses(9);
		if (!setjmp(back))
			jumps(&back);
		read_some(OUTSIDE, 11); /* as deep in the stack as what was left */
		sleep_some(OUTSIDE, 1, 1000);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned int threads = argc > 2 ? atoi(argv[2]) : 1;
	pthread_t t[threads];

	count = argc > 1 ? atoi(argv[1]) : 1;
	fd = open(argv[0], O_RDONLY);
	for (unsigned int i = 0; i < threads; i++)
		pthread_create(&t[i], NULL, work, NULL);
	for (unsigned int i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	printf("{");
	for (int w = 1; w < NR_WHERE; w++)
		printf("%s\"%s\":{\"pread64\":[%lu,%llu],\"clock_nanosleep\":[%lu,%llu]}", w > 1 ? "," : "",
		       names[w], reads[w].calls, reads[w].ns, sleeps[w].calls, sleeps[w].ns);
	printf("}\n");
	return 0;
}
