/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * held KIND ROUNDS HOLD_MS [FILE]: locks whose holders are known. In each round one thread takes a
 * lock and says so, another begins to wait for it, and the first lets go after HOLD_MS. Prints one
 * JSON document: which thread waited, which one held, how often.
 *
 *   normal recursive errorcheck adaptive robust pi shared   mutexes of the C library
 *   named                                                   a mutex that is the variable cache_lock
 *   cond sem rwlock                                         what has no owner
 *   word                                                    a futex word with 2 in it and no mutex behind
 *   apart                                                   shared, its holder in a pid namespace of its own
 *   readers                                                 a word with the number of its readers, as Rust's
 *   signal                                                  a wait that who sends a signal ends, and not a
 * holder join                                                    a thread's end chain C waits for B, B for A,
 * A for a pipe chain-disk                                              … A for fsync of FILE deadlock A and B
 * wait for each other, for ROUNDS seconds
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* In memory that a fork shares. */
struct shared {
	pthread_mutex_t mutex, second;
	pthread_cond_t cond;
	pthread_rwlock_t rwlock;
	sem_t sem;
	struct {
		uint32_t word, owner, users, kind;
	} raw;
	int ready, told; /* for the condition */
	int holder, waiter, third;
};

static struct shared *sh;
static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER; /* a lock with a name */
static const char *kind, *file;
static int rounds, hold_ms, to_waiter[2], to_holder[2], to_third[2];

static int tid(void)
{
	return (int)syscall(SYS_gettid);
}

static void hold(void)
{
	usleep((useconds_t)hold_ms * 1000);
}

static void say(const int fds[2])
{
	char c = 'x';

	if (write(fds[1], &c, 1) != 1)
		exit(1);
}

static void hear(const int fds[2])
{
	char c;

	if (read(fds[0], &c, 1) != 1)
		exit(1);
}

/* ---- what is waited for -------------------------------------------------------------------- */

static void mutex_take(void)
{
	pthread_mutex_lock(&sh->mutex);
}

static void mutex_give(void)
{
	pthread_mutex_unlock(&sh->mutex);
}

static void named_take(void)
{
	pthread_mutex_lock(&cache_lock);
}

static void named_give(void)
{
	pthread_mutex_unlock(&cache_lock);
}

static void cond_take(void)
{
	pthread_mutex_lock(&sh->mutex);
	while (!sh->ready)
		pthread_cond_wait(&sh->cond, &sh->mutex);
	sh->ready = 0;
	pthread_mutex_unlock(&sh->mutex);
}

static void cond_give(void)
{
	pthread_mutex_lock(&sh->mutex);
	sh->ready = 1;
	pthread_cond_signal(&sh->cond);
	pthread_mutex_unlock(&sh->mutex);
}

static void sem_take(void)
{
	while (sem_wait(&sh->sem))
		;
}

static void sem_give(void)
{
	sem_post(&sh->sem);
}

static void rwlock_take(void)
{
	pthread_rwlock_wrlock(&sh->rwlock);
}

static void rwlock_give(void)
{
	pthread_rwlock_unlock(&sh->rwlock);
}

/* As Go and Rust do it: behind the word stands whatever, here a number that no thread has. */
static void word_take(void)
{
	uint32_t seen = 0;

	if (__atomic_compare_exchange_n(&sh->raw.word, &seen, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(&sh->raw.word, 2, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &sh->raw.word, FUTEX_WAIT_PRIVATE, 2, NULL);
}

static void word_give(void)
{
	if (__atomic_exchange_n(&sh->raw.word, 0, __ATOMIC_RELEASE) == 2)
		syscall(SYS_futex, &sh->raw.word, FUTEX_WAKE_PRIVATE, 1);
}

/* Below the bits that say who else waits stands how many read, here one: that is nobody's number. */
#define ONE_READER (0xc0000000u | 1)

static void readers_take(void)
{
	if (__atomic_load_n(&sh->raw.word, __ATOMIC_ACQUIRE) == ONE_READER)
		syscall(SYS_futex, &sh->raw.word, FUTEX_WAIT_PRIVATE, ONE_READER, NULL);
}

static void readers_give(void)
{
	__atomic_store_n(&sh->raw.word, 0, __ATOMIC_RELEASE);
	syscall(SYS_futex, &sh->raw.word, FUTEX_WAKE_PRIVATE, 1);
}

static void readers_first(void)
{
	__atomic_store_n(&sh->raw.word, ONE_READER, __ATOMIC_RELEASE);
}

static void on_signal(int sig)
{
	(void)sig;
}

static void signal_first(void)
{
	struct sigaction a = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &a, NULL);
	__atomic_store_n(&sh->raw.word, 2, __ATOMIC_RELEASE);
}

static void signal_take(void)
{
	syscall(SYS_futex, &sh->raw.word, FUTEX_WAIT_PRIVATE, 2, NULL);
}

static void signal_give(void)
{
	syscall(SYS_tgkill, getpid(), sh->waiter, SIGUSR1);
}

static void *napper(void *arg)
{
	prctl(PR_SET_NAME, "the-napper");
	hold();
	return arg;
}

/* In a pid namespace of its own the first thread has the number 2, which in a futex word often means
 * a mutex. */
static void join(void)
{
	pthread_t t;

	prctl(PR_SET_NAME, "the-waiter");
	sh->waiter = tid();
	for (int i = 0; i < rounds; i++)
		if (pthread_create(&t, NULL, napper, NULL) || pthread_join(t, NULL))
			exit(1);
}

static void nothing(void)
{
}

static const struct kind {
	const char *name;
	int type, protocol, robust, shared; /* of the mutex; shared 2: with another pid namespace */
	void (*take)(void), (*give)(void);
	void (*first)(void); /* what the holder does to hold it */
} kinds[] = {
	{ "normal", PTHREAD_MUTEX_NORMAL, 0, 0, 0, mutex_take, mutex_give, mutex_take },
	{ "named", PTHREAD_MUTEX_NORMAL, 0, 0, 0, named_take, named_give, named_take },
	{ "recursive", PTHREAD_MUTEX_RECURSIVE, 0, 0, 0, mutex_take, mutex_give, mutex_take },
	{ "errorcheck", PTHREAD_MUTEX_ERRORCHECK, 0, 0, 0, mutex_take, mutex_give, mutex_take },
	{ "adaptive", PTHREAD_MUTEX_ADAPTIVE_NP, 0, 0, 0, mutex_take, mutex_give, mutex_take },
	{ "robust", PTHREAD_MUTEX_NORMAL, 0, PTHREAD_MUTEX_ROBUST, 0, mutex_take, mutex_give, mutex_take },
	{ "pi", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, 0, 0, mutex_take, mutex_give, mutex_take },
	{ "shared", PTHREAD_MUTEX_NORMAL, 0, 0, 1, mutex_take, mutex_give, mutex_take },
	{ "cond", PTHREAD_MUTEX_NORMAL, 0, 0, 0, cond_take, cond_give, nothing },
	{ "sem", PTHREAD_MUTEX_NORMAL, 0, 0, 0, sem_take, sem_give, nothing },
	{ "rwlock", PTHREAD_MUTEX_NORMAL, 0, 0, 0, rwlock_take, rwlock_give, rwlock_take },
	{ "word", PTHREAD_MUTEX_NORMAL, 0, 0, 0, word_take, word_give, word_take },
	{ "apart", PTHREAD_MUTEX_NORMAL, 0, 0, 2, mutex_take, mutex_give, mutex_take },
	{ "readers", PTHREAD_MUTEX_NORMAL, 0, 0, 0, readers_take, readers_give, readers_first },
	{ "signal", PTHREAD_MUTEX_NORMAL, 0, 0, 0, signal_take, signal_give, signal_first },
	{ "join", PTHREAD_MUTEX_NORMAL, 0, 0, 0, NULL, NULL, NULL },
	{ "chain", PTHREAD_MUTEX_NORMAL, 0, 0, 0, NULL, NULL, NULL },
	{ "chain-disk", PTHREAD_MUTEX_NORMAL, 0, 0, 0, NULL, NULL, NULL },
	{ "deadlock", PTHREAD_MUTEX_NORMAL, 0, 0, 0, NULL, NULL, NULL },
};

static const struct kind *what;

static void prepare(void)
{
	pthread_mutexattr_t a;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_settype(&a, what->type);
	pthread_mutexattr_setprotocol(&a, what->protocol);
	pthread_mutexattr_setrobust(&a, what->robust);
	pthread_mutexattr_setpshared(&a, what->shared != 0);
	pthread_mutex_init(&sh->mutex, &a);
	pthread_mutex_init(&sh->second, NULL);
	pthread_cond_init(&sh->cond, NULL);
	pthread_rwlock_init(&sh->rwlock, NULL);
	sem_init(&sh->sem, 0, 0);
	sh->raw.owner = 0x3ffffff0;
	sh->raw.users = sh->raw.kind = 1;
}

/* ---- one holder, one waiter ----------------------------------------------------------------- */

static void *holder(void *arg)
{
	prctl(PR_SET_NAME, "the-holder");
	sh->holder = tid();
	for (int i = 0; i < rounds; i++) {
		what->first();
		say(to_waiter);
		hold();
		what->give();
		hear(to_holder);
	}
	return NULL;
}

static void *waiter(void *arg)
{
	prctl(PR_SET_NAME, "the-waiter");
	sh->waiter = tid();
	for (int i = 0; i < rounds; i++) {
		hear(to_waiter);
		what->take();
		if (what->first != nothing)
			what->give();
		say(to_holder);
	}
	return NULL;
}

/* ---- chains --------------------------------------------------------------------------------- */

static void wait_slowly(void)
{
	char page[4096];
	int fd, pipes[2];

	if (!strcmp(kind, "chain-disk")) {
		memset(page, tid() & 0xff, sizeof(page));
		fd = open(file, O_CREAT | O_RDWR, 0600);
		if (fd < 0 || write(fd, page, sizeof(page)) != sizeof(page) || fsync(fd))
			exit(1);
		close(fd);
		return;
	}
	if (pipe(pipes))
		exit(1);
	if (!fork()) { /* the other end of the pipe is in another process */
		hold();
		say(pipes);
		_exit(0);
	}
	hear(pipes);
	close(pipes[0]);
	close(pipes[1]);
	wait(NULL);
}

static void *chain_first(void *arg)
{
	prctl(PR_SET_NAME, "the-root");
	sh->holder = tid();
	for (int i = 0; i < rounds; i++) {
		pthread_mutex_lock(&sh->mutex);
		say(to_waiter);
		wait_slowly();
		pthread_mutex_unlock(&sh->mutex);
		hear(to_holder);
	}
	return NULL;
}

static void *chain_second(void *arg)
{
	prctl(PR_SET_NAME, "the-middle");
	sh->waiter = tid();
	for (int i = 0; i < rounds; i++) {
		hear(to_waiter);
		pthread_mutex_lock(&sh->second);
		say(to_third);
		pthread_mutex_lock(&sh->mutex);
		pthread_mutex_unlock(&sh->mutex);
		pthread_mutex_unlock(&sh->second);
	}
	return NULL;
}

static void *chain_third(void *arg)
{
	prctl(PR_SET_NAME, "the-last");
	sh->third = tid();
	for (int i = 0; i < rounds; i++) {
		hear(to_third);
		pthread_mutex_lock(&sh->second);
		pthread_mutex_unlock(&sh->second);
		say(to_holder);
	}
	return NULL;
}

static void *dead(void *arg)
{
	pthread_mutex_t *a = arg, *b = a == &sh->mutex ? &sh->second : &sh->mutex;

	prctl(PR_SET_NAME, a == &sh->mutex ? "dead-a" : "dead-b");
	*(a == &sh->mutex ? &sh->holder : &sh->waiter) = tid();
	pthread_mutex_lock(a);
	hold();
	pthread_mutex_lock(b);
	return NULL;
}

/* ---- all of it -------------------------------------------------------------------------------- */

static void run_threads(void *(*const fns[])(void *), int n)
{
	pthread_t t[3];

	for (int i = 0; i < n; i++)
		if (pthread_create(&t[i], NULL, fns[i], NULL))
			exit(1);
	for (int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
}

/* apart: the holder is the first process of a pid namespace. */
static void run_processes(bool apart)
{
	if (apart && unshare(CLONE_NEWPID))
		exit(1);
	if (!fork()) {
		apart ? holder(NULL) : waiter(NULL);
		_exit(0);
	}
	apart ? waiter(NULL) : holder(NULL);
	wait(NULL);
}

static void run(void)
{
	static void *(*const two[])(void *) = { holder, waiter };
	static void *(*const three[])(void *) = { chain_first, chain_second, chain_third };
	pthread_t t;

	if (!strncmp(kind, "chain", 5)) {
		run_threads(three, 3);
	} else if (!strcmp(kind, "deadlock")) {
		pthread_create(&t, NULL, dead, &sh->mutex);
		pthread_create(&t, NULL, dead, &sh->second);
		sleep((unsigned int)rounds);
	} else if (!strcmp(kind, "join")) {
		join();
	} else if (what->shared) { /* two processes */
		run_processes(what->shared > 1);
	} else {
		run_threads(two, 2);
	}
}

int main(int argc, char **argv)
{
	kind = argc > 1 ? argv[1] : "";
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].name, kind))
			what = &kinds[i];
	rounds = argc > 2 ? atoi(argv[2]) : 10;
	hold_ms = argc > 3 ? atoi(argv[3]) : 20;
	file = argc > 4 ? argv[4] : "held.dat";
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!what || sh == MAP_FAILED || pipe(to_waiter) || pipe(to_holder) || pipe(to_third)) {
		fprintf(stderr, "usage: held KIND [ROUNDS [HOLD_MS [FILE]]]; the kinds stand at the head of "
				"held.c\n");
		return 2;
	}
	prepare();
	run();
	printf("{\"kind\": \"%s\", \"rounds\": %d, \"pid\": %d, \"holder\": %d, \"waiter\": %d, \"third\": "
	       "%d, "
	       "\"lock\": %lu, \"second\": %lu, \"named\": %lu}\n",
	       kind, rounds, (int)getpid(), sh->holder, sh->waiter, sh->third, (unsigned long)&sh->mutex,
	       (unsigned long)&sh->second, (unsigned long)&cache_lock);
	return 0;
}
