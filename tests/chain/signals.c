/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Sites in signal handlers: what was interrupted is below a frame that the
 * kernel made. Where it was interrupted is an instruction that is still to be
 * made, not one behind a call: at a function's first, the address less one is
 * another function's.
 */
#include "sites.h"

#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

#ifdef __x86_64__
#define TRAP       "ud2"
#define TRAP_BYTES 2
#define PC(u)      ((u)->uc_mcontext.gregs[REG_RIP])
#define RETURN     "ret"
#else
#define TRAP       "udf #0"
#define TRAP_BYTES 4
#define PC(u)      ((u)->uc_mcontext.pc)
#define RETURN     "ret"
#endif

#define ENTER_HANDLER(c) (ENTER_AS(c, "<signal>", false), ENTER(c))
#define LEAVE_HANDLER(c) ((void)((c)->n -= 2))

static void handle(int number, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction a = { .sa_flags = SA_SIGINFO | SA_RESTART | flags };

	a.sa_sigaction = fn;
	if (sigaction(number, &a, NULL))
		chain_fail("sigaction");
}

static NOINLINE void on_signal(int number, siginfo_t *info, void *context)
{
	struct chain *c = chain_of_signal;

	(void)info;
	(void)context;
	ENTER_HANDLER(c);
	c->sum += SLEEP(c);
	c->sum += number;
	LEAVE_HANDLER(c);
}

/* Goes on behind the instruction that there is no such of. */
static NOINLINE void on_trap(int number, siginfo_t *info, void *context)
{
	struct chain *c = chain_of_signal;
	ucontext_t *u = context;

	(void)info;
	ENTER_HANDLER(c);
	c->sum += RAW_SLEEP(c);
	c->sum += number;
	PC(u) += TRAP_BYTES;
	LEAVE_HANDLER(c);
}

static NOINLINE void on_first(int number, siginfo_t *info, void *context)
{
	struct chain *c = chain_of_signal;

	(void)info;
	(void)context;
	ENTER_HANDLER(c);
	c->sum += AT(c, raise(SIGUSR2));
	c->sum += number;
	LEAVE_HANDLER(c);
}

/* ---- sent by the thread to itself ----------------------------------------------- */

static NOINLINE long raises(struct chain *c, int number)
{
	long r;

	ENTER(c);
	r = AT(c, raise(number));
	return LEAVE(c, r + 1);
}

long site_raise(struct chain *c)
{
	long r;

	ENTER(c);
	chain_of_signal = c;
	handle(SIGUSR1, on_signal, 0);
	r = AT(c, raises(c, SIGUSR1));
	return LEAVE(c, r + 1);
}

long site_kill(struct chain *c)
{
	long r;

	ENTER(c);
	chain_of_signal = c;
	handle(SIGUSR1, on_signal, 0);
	r = AT(c, kill(getpid(), SIGUSR1));
	return LEAVE(c, r + 1);
}

long site_nested_signals(struct chain *c)
{
	long r;

	ENTER(c);
	chain_of_signal = c;
	handle(SIGUSR1, on_first, 0);
	handle(SIGUSR2, on_signal, 0);
	r = AT(c, raises(c, SIGUSR1));
	return LEAVE(c, r + 1);
}

/* ---- instructions that trap ------------------------------------------------------- */

static NOINLINE long one(struct chain *c)
{
	return c->sum | 1;
}

/* The call is there for its frame: without one no frame pointer would tell of it. */
static NOINLINE long traps(struct chain *c, long x)
{
	ENTER(c);
	x += one(c);
	AT(c, __extension__({ __asm__ volatile(TRAP ::: "memory"); }));
	return LEAVE(c, x + c->sum);
}

long site_trap_in(struct chain *c)
{
	long r;

	ENTER(c);
	chain_of_signal = c;
	handle(SIGILL, on_trap, 0);
	r = AT(c, traps(c, 1));
	return LEAVE(c, r + 1);
}

void trap_first_instruction(void);
__asm__(".text\n"
	".type trap_not_this_one, %function\n"
	"trap_not_this_one:\n" /* where the byte before it is */
	".cfi_startproc\n" RETURN "\n"
	".cfi_endproc\n"
	".size trap_not_this_one, .-trap_not_this_one\n"
	".globl trap_first_instruction\n"
	".type trap_first_instruction, %function\n"
	"trap_first_instruction:\n"
	".cfi_startproc\n" TRAP "\n" RETURN "\n"
	".cfi_endproc\n"
	".size trap_first_instruction, .-trap_first_instruction\n");

long site_trap_first(struct chain *c)
{
	ENTER(c);
	chain_of_signal = c;
	handle(SIGILL, on_trap, 0);
	AT(c, (ENTER_AS(c, "trap_first_instruction", false), trap_first_instruction()));
	c->n--;
	return LEAVE(c, c->sum);
}

/* ---- on a stack of its own ----------------------------------------------------------- */

long site_other_stack(struct chain *c)
{
	stack_t s = { .ss_size = 64 << 10 }, none = { .ss_flags = SS_DISABLE };
	long r;

	ENTER(c);
	chain_of_signal = c;
	s.ss_sp = malloc(s.ss_size);
	if (!s.ss_sp || sigaltstack(&s, NULL))
		chain_fail("sigaltstack");
	handle(SIGUSR1, on_signal, SA_ONSTACK);
	c->least = 2; /* what was interrupted is on the other stack, which need not have been taken */
	r = AT(c, raises(c, SIGUSR1));
	sigaltstack(&none, NULL);
	free(s.ss_sp);
	return LEAVE(c, r + 1);
}

/* ---- in the middle of a call that goes on afterwards --------------------------------- */

struct poker {
	struct chain *c;
	pthread_t whom;
	int fd;
};

static NOINLINE void *poke(void *arg)
{
	struct poker *p = arg;
	struct chain *c = p->c;

	ENTER(c);
	c->sum += SLEEP(c);
	pthread_kill(p->whom, SIGUSR1);
	c->sum += SLEEP(c);
	c->sum += RAW_SLEEP(c);
	if (write(p->fd, "", 1) != 1)
		chain_fail("write");
	return LEAVE(c, c);
}

long site_interrupted(struct chain *c)
{
	struct poker p = { chain_new(c), pthread_self(), -1 };
	long r;

	ENTER(c);
	chain_of_signal = c;
	handle(SIGUSR1, on_signal, 0);
	if (pipe(c->pipe))
		chain_fail("pipe");
	p.fd = c->pipe[1];
	if (pthread_create(&c->fill, NULL, poke, &p))
		chain_fail("pthread_create");
	r = READ(c);
	chain_filled(c);
	return LEAVE(c, r + 1);
}
