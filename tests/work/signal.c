/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Modes in which a signal's handler comes between a read and its end: eintr, nested, jump. */
#include "modes.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <unistd.h>

/* A reader, and who interrupts it. */
struct interrupted {
	struct w_thread *reader;
	int rfd, wfd;   /* of the read that is interrupted */
	int in, out;    /* of the one in the handler */
	uint32_t inner; /* reads that the handler has made */
};

/* The reader of this process; a handler has no other way to know. */
static struct interrupted *here;
static sigjmp_buf before_read;

static void count_sigreturn(void)
{
	struct w_count *c = &here->reader->calls[C_SIGRETURN];

	c->attempted++;
	c->returned++; /* it goes where the signal came, which goes on */
}

static void return_only(int sig)
{
	count_sigreturn();
}

/* By the very instruction that the interrupted read uses. */
static void read_too(int sig)
{
	char c;

	CALL(here->reader, READ, here->in, L(&c), 1);
	__atomic_add_fetch(&here->inner, 1, __ATOMIC_RELEASE);
	count_sigreturn();
}

static void jump_away(int sig)
{
	siglongjmp(before_read, 1);
}

static int handle(void (*fn)(int sig), int flags)
{
	struct sigaction sa = { .sa_handler = fn, .sa_flags = flags };

	return sigaction(SIGUSR1, &sa, NULL);
}

/* Reads until the byte says that it was the last one; again where the read was interrupted. */
static void read_until_told(struct w_thread *t, void *arg)
{
	struct interrupted *x = arg;
	volatile char c = 'y';
	long r;

	__atomic_store_n(&x->reader, t, __ATOMIC_RELEASE);
	while (c == 'y') {
		sigsetjmp(before_read, 1);
		r = WAIT(t, IPC, READ, x->rfd, L(&c), 1);
		if (r != 1 && r != -EINTR) {
			w_fail(t->w, "read", (int)r);
			return;
		}
	}
}

/* One signal while the reader waits; the handler's own read gets its byte after another hold. */
static void interrupt_once(struct w_thread *t, struct interrupted *x, struct w_thread *r, uint32_t nr)
{
	char c = 'x';

	w_sleep(t, t->w->opt.hold_ns);
	w_until_in(t, r, C_READ);
	CALL(t, TGKILL, r->pid, r->tid, SIGUSR1);
	if (x->out < 0)
		return;
	w_sleep(t, t->w->opt.hold_ns);
	CALL(t, WRITE, x->out, L(&c), 1);
	while (__atomic_load_n(&x->inner, __ATOMIC_ACQUIRE) < nr)
		w_sleep(t, MS / 10);
}

static void interrupter(struct w_thread *t, void *arg)
{
	struct interrupted *x = arg;
	struct w_thread *r;
	uint64_t n = 0;
	uint32_t nr = 0;
	char c = 'y';

	while (!(r = __atomic_load_n(&x->reader, __ATOMIC_ACQUIRE)))
		CALL(t, SCHED_YIELD);
	while (c == 'y') {
		for (uint64_t i = 0; i < t->w->opt.signals; i++)
			interrupt_once(t, x, r, ++nr);
		w_sleep(t, t->w->opt.hold_ns);
		w_until_in(t, r, C_READ); /* else the last signal would find it with its byte */
		c = w_more(t->w, ++n) ? 'y' : 'n';
		CALL(t, WRITE, x->wfd, L(&c), 1);
	}
	w_extra(t->w, "signals", (double)nr);
	w_extra(t->w, "rounds", (double)n);
}

static int start(struct w *w, bool inner)
{
	struct interrupted *x = w_alloc(w, 1, sizeof(*x));
	int p[2], q[2] = { -1, -1 }, err;

	if (!x)
		return -ENOMEM;
	if (pipe(p) || (inner && pipe(q)))
		return w_fail(w, "pipe", -errno);
	*x = (struct interrupted){ .rfd = p[0], .wfd = p[1], .in = q[0], .out = q[1] };
	here = x;
	err = w_spawn(w, "reader", read_until_told, x) ?: w_spawn(w, "interrupter", interrupter, x);
	return err ? err : w_join(w);
}

int w_mode_eintr(struct w *w)
{
	return handle(return_only, 0) ? w_fail(w, "sigaction", -errno) : start(w, false);
}

int w_mode_nested(struct w *w)
{
	return handle(read_too, SA_RESTART) ? w_fail(w, "sigaction", -errno) : start(w, true);
}

int w_mode_jump(struct w *w)
{
	return handle(jump_away, SA_RESTART) ? w_fail(w, "sigaction", -errno) : start(w, false);
}
