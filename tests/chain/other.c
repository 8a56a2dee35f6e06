/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Sites on stacks that are not the first thread's own, and in more than one module. */
#include "sites.h"

#include <setjmp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#ifndef CHAIN_STATIC
#include <dlfcn.h>
#endif

/* ---- threads: their own begin is the outermost frame --------------------------- */

static NOINLINE long in_thread(struct chain *c, long x)
{
	long r;

	ENTER(c);
	r = SLEEP(c);
	return LEAVE(c, r + x);
}

static NOINLINE void *thread_begin(void *arg)
{
	struct chain *c = arg;
	long r;

	ENTER(c);
	r = AT(c, in_thread(c, 1));
	c->sum += r;
	return LEAVE(c, c);
}

static NOINLINE void *thread_raw(void *arg)
{
	struct chain *c = arg;
	long r;

	ENTER(c);
	r = RAW_SLEEP(c);
	c->sum += r;
	return LEAVE(c, c);
}

static NOINLINE long run_thread(struct chain *c, void *(*begin)(void *))
{
	struct chain *own = chain_new(c);
	pthread_t t;
	long r;

	ENTER(c);
	if (pthread_create(&t, NULL, begin, own))
		chain_fail("pthread_create");
	r = JOIN(c, t);
	free(own);
	return LEAVE(c, r + 1);
}

long site_thread(struct chain *c)
{
	long r;

	ENTER(c);
	r = AT(c, run_thread(c, thread_begin));
	return LEAVE(c, r + 1);
}

long site_thread_raw(struct chain *c)
{
	long r;

	ENTER(c);
	r = AT(c, run_thread(c, thread_raw));
	return LEAVE(c, r + 1);
}

/* ---- coroutines: stacks that the program made itself ------------------------------ */

static ucontext_t caller, coroutine;
static struct chain *chain_of_coroutine;
static jmp_buf out;

static NOINLINE long in_coroutine(struct chain *c, long x)
{
	long r;

	ENTER(c);
	c->least = c->n; /* all of it; whether it ends here nobody can tell from the stack */
	r = RAW_SLEEP(c);
	r += x;
	return LEAVE(c, r);
}

static NOINLINE void coroutine_begin(void)
{
	struct chain *c = chain_of_coroutine;

	ENTER(c);
	c->sum += AT(c, in_coroutine(c, 1));
	c->n--;
}

static NOINLINE void coroutine_jumps(void)
{
	struct chain *c = chain_of_coroutine;

	ENTER(c);
	c->sum += AT(c, in_coroutine(c, 2));
	c->n--;
	siglongjmp(out, 1);
}

static void prepare(struct chain *c, char *stack, size_t size, void (*fn)(void))
{
	chain_of_coroutine = chain_new(c);
	if (getcontext(&coroutine))
		chain_fail("getcontext");
	coroutine.uc_stack.ss_sp = stack;
	coroutine.uc_stack.ss_size = size;
	coroutine.uc_link = &caller;
	makecontext(&coroutine, fn, 0);
}

long site_coroutine(struct chain *c)
{
	char *stack = malloc(64 << 10);
	long r;

	ENTER(c);
	prepare(c, stack, 64 << 10, coroutine_begin);
	if (swapcontext(&caller, &coroutine))
		chain_fail("swapcontext");
	r = SLEEP(c); /* back on the thread's own stack */
	free(chain_of_coroutine);
	free(stack);
	return LEAVE(c, r + 1);
}

/* A small stack with nothing that could be read on either side. */
long site_coroutine_guarded(struct chain *c)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size = 3 * page;
	char *map = mmap(NULL, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ENTER(c);
	if (map == MAP_FAILED || mprotect(map + page, size, PROT_READ | PROT_WRITE))
		chain_fail("mmap");
	prepare(c, map + page, size, coroutine_begin);
	if (swapcontext(&caller, &coroutine))
		chain_fail("swapcontext");
	free(chain_of_coroutine);
	munmap(map, size + 2 * page);
	return LEAVE(c, c->sum);
}

/* Left by a jump to the thread's own stack, as older libraries of coroutines do. */
long site_coroutine_longjmp(struct chain *c)
{
	char *stack = malloc(64 << 10);
	long r;

	ENTER(c);
	prepare(c, stack, 64 << 10, coroutine_jumps);
	if (!sigsetjmp(out, 0))
		setcontext(&coroutine);
	r = RAW_SLEEP(c);
	free(chain_of_coroutine);
	free(stack);
	return LEAVE(c, r + 1);
}

/* ---- libraries -------------------------------------------------------------------- */

static NOINLINE long called_back(struct chain *c, long x)
{
	long r;

	ENTER(c);
	r = SLEEP(c);
	return LEAVE(c, r + x);
}

long site_callback(struct chain *c)
{
	long r;

	ENTER(c);
	r = AT(c, lib_with_callback(c, called_back, 3));
	return LEAVE(c, r + 1);
}

static NOINLINE long calls_on(struct chain *c, long x)
{
	long r;

	ENTER(c);
	r = AT(c, lib_with_callback(c, called_back, x));
	return LEAVE(c, r + x);
}

long site_callback_deep(struct chain *c)
{
	long r;

	ENTER(c);
	r = AT(c, lib_deep(c, calls_on));
	return LEAVE(c, r + 1);
}

long site_plt_leaf(struct chain *c)
{
	long r;

	ENTER(c);
	r = AT(c, lib_leaf(c));
	return LEAVE(c, r + 1);
}

/* A library that comes while the program runs: a second copy of lib.c (in the static build the first). */
typedef long (*plugin_fn)(struct chain *c, long (*fn)(struct chain *c, long x), long x);

static plugin_fn load_plugin(void)
{
#ifdef CHAIN_STATIC
	return lib_with_callback;
#else
	void *lib = dlopen("libchainplug.so", RTLD_NOW | RTLD_LOCAL);
	plugin_fn fn = lib ? (plugin_fn)dlsym(lib, "lib_with_callback") : NULL;

	if (!fn)
		chain_fail("libchainplug.so");
	return fn;
#endif
}

long site_plugin(struct chain *c)
{
	plugin_fn fn = load_plugin();
	long r;

	ENTER(c);
	r = AT(c, fn(c, called_back, 4));
	return LEAVE(c, r + 1);
}
