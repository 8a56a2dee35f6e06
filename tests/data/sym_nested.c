/* A function in a function: tests/unit/sym_variants.c. */
#include <sys/syscall.h>
#include <unistd.h>

static volatile int sink;

static inline __attribute__((always_inline)) int folded(int n)
{
	sink += n;
	return (int)syscall(SYS_pause) + n; /* folded */
}

__attribute__((noipa)) static int call(int (*fn)(int), int n)
{
	return fn(n) + 1;
}

__attribute__((noinline)) static int outer(int n)
{
	__attribute__((noipa)) int inner(int m)
	{
		sink = n + m;
		return folded(m) + n; /* inner */
	}

	n = inner(n) + 1; /* outer */
	sink += n;
	return sink;
}

int main(int argc, char **argv)
{
	(void)argv;
	sink = outer(argc);
	return sink + (argc > 5 ? call((int (*)(int))0, 1) : 0);
}
