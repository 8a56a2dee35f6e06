/* A program whose stack is known, frame by frame and line by line: tests/unit/sym_truth.c. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int lib_call(int (*fn)(int), int n);

static volatile int sink;
static char room[32];

__attribute__((noinline)) static int leaf(int n)
{
	sink = n;
	syscall(SYS_pause); /* leaf */
	return sink + 1;
}

static inline __attribute__((always_inline)) int folded_twice(int n)
{
	return leaf(n + 2) * 2; /* folded_twice */
}

static inline __attribute__((always_inline)) int folded(int n)
{
	sink += n;
	return folded_twice(n) + 3; /* folded */
}

__attribute__((noinline)) static int middle(int n)
{
	char local[200];

	memset(local, n, sizeof(local));
	sink += local[n % 100];
	return folded(n) + local[3]; /* middle */
}

__attribute__((noinline)) static int outer(int n)
{
	return lib_call(middle, n) + 5; /* outer */
}

static void on_signal(int sig)
{
	sink = outer(sig); /* on_signal */
}

__attribute__((noinline)) static void raise_it(void)
{
	sink++;
	kill(getpid(), SIGUSR1); /* raise_it */
	sink++;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "signal")) {
		signal(SIGUSR1, on_signal);
		raise_it(); /* main in a signal */
		return 0;
	}
	snprintf(room, sizeof(room), "%d", argc);
	return outer(argc) + room[0]; /* main */
}
