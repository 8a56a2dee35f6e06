/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Programs whose call chains are known: the ground truth for user stacks.
 *
 * Every function of the family writes itself on a second stack when it is
 * entered (struct chain), and each call that it makes leaves its line there
 * first. When a slow system call is over, that second stack is what a tracer
 * has to say about it: the names and lines come from the source (__func__,
 * __FILE__, __LINE__), never from what the compiler wrote about its own work.
 *
 * The rules that make it true:
 *   ENTER first, LEAVE last and on every way out: what comes after a call also
 *   keeps it from becoming a jump, so that the caller's frame is there.
 *   AT(c, f(c, ...)) around each call, on one line.
 *   Two calls of the same function in one function may be merged: not done.
 *   A function is NOINLINE, and then has a frame, or INLINED, and then has none
 *   of its own but is named before the function it is in.
 * A frame without a line says so (AT_NO_LINE): not every instruction has one.
 */
#ifndef CHAIN_H
#define CHAIN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

#if defined(__GNUC__) && !defined(__clang__)
#define NOINLINE __attribute__((noipa))
#else
#define NOINLINE __attribute__((noinline))
#endif
#define INLINED static inline __attribute__((always_inline))

#define CHAIN_DEEPEST 128

struct chain_frame {
	const char *name;
	const char *file;
	int line; /* 0: this frame has none */
	bool inlined;
	const char *call; /* the slow call that it makes, and since when */
	uint64_t begin_ns;
};

/* One thread's way down, or one coroutine's. */
struct chain {
	int n;
	int site;
	int least;         /* 0, or how many frames are within reach when the rest is not */
	int pipe[2];       /* of its reads */
	char byte;         /* what it read */
	pthread_t fill;    /* the thread that writes there */
	volatile long sum; /* what functions do beside calling */
	struct chain_frame f[CHAIN_DEEPEST];
};

#define ENTER_AS(c, name_, inlined_)                                                                         \
	((c)->f[(c)->n].name = (name_), (c)->f[(c)->n].file = __FILE__, (c)->f[(c)->n].line = 0,             \
	 (c)->f[(c)->n].inlined = (inlined_), (void)(c)->n++)
#define ENTER(c)             ENTER_AS(c, __func__, false)
#define ENTER_INLINED(c)     ENTER_AS(c, __func__, true)
#define AT(c, call_)         ((c)->f[(c)->n - 1].line = __LINE__, (call_))
#define AT_NO_LINE(c, call_) ((c)->f[(c)->n - 1].line = 0, (call_))
#define LEAVE(c, result_)    ((c)->n--, (result_))

/* A slow call: its duration is measured, and its stack printed. The result is the call's. */
#define SLOW(c, name_, call_) AT(c, (chain_begin(c, name_), chain_end(c, (call_))))
#define SLEEP(c)              SLOW(c, "clock_nanosleep", nanosleep(&chain_pause, NULL))
#define RAW_SLEEP(c)          SLOW(c, "nanosleep", RAW_NANOSLEEP())
#define READ(c)               SLOW(c, "read", read((c)->pipe[0], &(c)->byte, 1))
#define JOIN(c, thread_)      SLOW(c, "futex", pthread_join(thread_, NULL))

/* The system call in the function itself, nothing of a library on top. */
#ifdef __x86_64__
#define RAW_NANOSLEEP()                                                                                      \
	__extension__({                                                                                      \
		long r_ = SYS_nanosleep;                                                                     \
		__asm__ volatile("syscall"                                                                   \
				 : "+a"(r_)                                                                  \
				 : "D"(&chain_pause), "S"(0L)                                                \
				 : "rcx", "r11", "memory");                                                  \
		r_;                                                                                          \
	})
#else
#define RAW_NANOSLEEP()                                                                                      \
	__extension__({                                                                                      \
		register long n_ __asm__("x8") = SYS_nanosleep;                                              \
		register long r_ __asm__("x0") = (long)&chain_pause;                                         \
		register long z_ __asm__("x1") = 0;                                                          \
		__asm__ volatile("svc 0" : "+r"(r_) : "r"(n_), "r"(z_) : "memory");                          \
		r_;                                                                                          \
	})
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- core.c ---------------------------------------------------------------- */

extern const struct timespec chain_pause; /* how long a slow call takes: 15 ms */
extern struct chain *chain_of_signal;     /* where handlers go on */

void chain_begin(struct chain *c, const char *call);
long chain_end(struct chain *c, long result);
/* A second stack for a way that begins anew: a thread's, a coroutine's. */
struct chain *chain_new(const struct chain *from);
/* A thread that writes to the chain's pipe when a slow call's time is over; and its end. */
void chain_fill(struct chain *c);
void chain_filled(struct chain *c);
void chain_fail(const char *what) __attribute__((noreturn));

/* ---- lib.c: a library of its own, but in the static build ------------------- */

long lib_with_callback(struct chain *c, long (*fn)(struct chain *c, long x), long x);
long lib_leaf(struct chain *c);
long lib_deep(struct chain *c, long (*fn)(struct chain *c, long x));

/* ---- paths.c, made by gen.py ------------------------------------------------- */

#define CHAIN_PATHS 40
/* The way of a number from 1 to CHAIN_PATHS: as many frames below main's. */
long chain_path(struct chain *c, int number);

#ifdef __cplusplus
}
#endif

#endif
