/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Modes whose calls do not pair in the plain way: restart, sigreturn, seccomp,
 * fail, ia32. */
#include "modes.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The thread whose handled signals are counted; a handler has no other way to know. */
static __thread struct w_thread *handling;

static void on_usr1(int sig)
{
	handling->calls[C_SIGRETURN].attempted++;
	handling->calls[C_SIGRETURN].returned++; /* it goes where the signal came, which goes on */
}

static void handle_usr1(void)
{
	struct sigaction sa = { .sa_handler = on_usr1, .sa_flags = SA_RESTART };

	sigaction(SIGUSR1, &sa, NULL);
}

static void signal_self(struct w_thread *t, void *unused)
{
	handling = t;
	for (uint64_t n = 0; w_more(t->w, n); n++)
		CALL(t, TGKILL, t->pid, t->tid, SIGUSR1);
}

int w_mode_sigreturn(struct w *w)
{
	handle_usr1();
	return w_run(w, "signalled", w->opt.threads, signal_self, NULL);
}

/* ---- restart ------------------------------------------------------------------ */

struct restart {
	struct w_thread *reader;
	int rfd, wfd;
};

/* One read to the program, however often the kernel begins it anew. */
static void restarted_reader(struct w_thread *t, void *arg)
{
	struct restart *x = arg;
	char c = 'y';

	handling = t;
	__atomic_store_n(&x->reader, t, __ATOMIC_RELEASE);
	while (c == 'y')
		if (WAIT(t, IPC, READ, x->rfd, L(&c), 1) != 1)
			break;
	if (c == 'y')
		w_fail(t->w, "read", -EIO);
}

static void interrupter(struct w_thread *t, void *arg)
{
	struct restart *x = arg;
	struct w_opt *o = &t->w->opt;
	struct w_thread *r;
	uint64_t n = 0, part = o->hold_ns / (o->signals + 1);
	char c = 'y';

	while (!(r = __atomic_load_n(&x->reader, __ATOMIC_ACQUIRE)))
		CALL(t, SCHED_YIELD);
	while (c == 'y') {
		for (uint64_t i = 0; i < o->signals; i++) {
			w_sleep(t, part);
			w_until_in(t, r, C_READ);
			CALL(t, TGKILL, r->pid, r->tid, SIGUSR1);
		}
		w_sleep(t, part);
		w_until_in(t, r, C_READ);
		c = w_more(t->w, ++n) ? 'y' : 'n';
		CALL(t, WRITE, x->wfd, L(&c), 1);
	}
	w_extra(t->w, "read_restarts", (double)(n * o->signals));
}

/* number[0]: time stopped as the parent sees it; number[1]: rounds begun by the child;
 * number[2]: stops. A nap that was over before it could be stopped is taken again. */
static void napper(struct w_thread *t, void *unused)
{
	uint64_t *stopped = &t->w->sh->number[0], *begun = &t->w->sh->number[1],
		 *stops = &t->w->sh->number[2];

	for (uint64_t n = 0; w_more(t->w, n); n++) {
		__atomic_add_fetch(begun, 1, __ATOMIC_RELEASE);
		do
			w_sleep(t, t->w->opt.hold_ns);
		while (__atomic_load_n(stops, __ATOMIC_ACQUIRE) <= n);
	}
	t->state_ns[HL_STATE_SLEEP] -= __atomic_load_n(stopped, __ATOMIC_ACQUIRE);
	t->state_ns[HL_STATE_STOPPED] += *stopped;
}

/* Stops the child once in each of its sleeps: returns 0 when it is gone. */
static int stop_once(struct w_thread *t, struct w_thread *c, long pid, uint64_t part)
{
	uint64_t since;
	int status;

	w_sleep(t, part);
	w_until_in(t, c, C_NANOSLEEP);
	CALL(t, KILL, pid, SIGSTOP);
	if (WAIT(t, CHILD, WAIT4, pid, L(&status), WUNTRACED | __WALL, 0) < 0 || !WIFSTOPPED(status))
		return 0;
	since = w_now();
	w_sleep(t, part);
	__atomic_add_fetch(&t->w->sh->number[0], w_now() - since, __ATOMIC_RELEASE);
	__atomic_add_fetch(&t->w->sh->number[2], 1, __ATOMIC_RELEASE);
	CALL(t, KILL, pid, SIGCONT);
	return 1;
}

static void nap_stopper(struct w_thread *t, void *unused)
{
	struct w *w = t->w;
	struct w_thread *c = w_slot(w, "napper");
	uint64_t begin = w_now(), n = 0;
	long pid = w_child(t, c, napper, NULL);

	while (pid > 0 && w_more(w, n)) {
		while (__atomic_load_n(&w->sh->number[1], __ATOMIC_ACQUIRE) == n)
			w_sleep(t, MS / 10);
		if (!stop_once(t, c, pid, w->opt.hold_ns / 3))
			break;
		n++;
	}
	w_extra(w, "sleep_restarts", (double)n);
	if (pid < 0 || w_reap(t, pid))
		w_fail(w, "child", -ECHILD);
	w_note(w, (uint32_t)pid, W_EXITED, begin);
}

int w_mode_restart(struct w *w)
{
	struct restart *x = w_alloc(w, 1, sizeof(*x));
	int p[2], err;

	if (!x)
		return -ENOMEM;
	if (pipe(p))
		return w_fail(w, "pipe", -errno);
	x->rfd = p[0];
	x->wfd = p[1];
	handle_usr1();
	err = w_spawn(w, "reader", restarted_reader, x) ?: w_spawn(w, "interrupter", interrupter, x);
	err = err ?: w_spawn(w, "stopper", nap_stopper, NULL);
	return err ? err : w_join(w);
}

/* ---- seccomp -------------------------------------------------------------------- */

static long deny_getppid(struct w_thread *t)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };
	long r = CALL(t, PRCTL, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

	return r < 0 ? r : CALL(t, SECCOMP, SECCOMP_SET_MODE_FILTER, 0, L(&prog));
}

/* Allowed ones, then rounds of a denied call after one that took time. */
static void denied(struct w_thread *t, void *unused)
{
	uint64_t n;
	long r;

	for (n = 0; w_more(t->w, n); n++)
		CALL(t, GETPPID);
	r = deny_getppid(t);
	if (r < 0) {
		w_fail(t->w, "seccomp", (int)r);
		return;
	}
	for (n = 0; w_more(t->w, n); n++) {
		w_sleep(t, t->w->opt.hold_ns);
		if (CALL(t, GETPPID) != -EPERM)
			w_fail(t->w, "getppid was to be denied", -EINVAL);
	}
	w_extra(t->w, "denied", (double)n);
}

int w_mode_seccomp(struct w *w)
{
	uint32_t action = SECCOMP_RET_ERRNO;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action))
		return w_skip("no seccomp filters in this kernel");
	return w_run(w, "denied", 1, denied, NULL);
}

/* ---- fail, ia32 ------------------------------------------------------------------ */

static void failing(struct w_thread *t, void *unused)
{
	struct timespec bad = { 0, -1 };
	char c;

	for (uint64_t n = 0; w_more(t->w, n); n++) {
		if (CALL(t, READ, -1, L(&c), 1) != -EBADF || CALL(t, NANOSLEEP, L(&bad), 0) != -EINVAL)
			w_fail(t->w, "a call was to fail", -EINVAL);
		CALL(t, GETPPID);
		if (n % 100 == 0)
			w_sleep(t, t->w->opt.hold_ns);
	}
}

int w_mode_fail(struct w *w)
{
	return w_run(w, "failing", w->opt.threads, failing, NULL);
}

#ifdef __x86_64__
static int ia32_getpid(void)
{
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
	return (int)r;
}

static void ia32(struct w_thread *t, void *unused)
{
	volatile struct w_count *c = &t->calls[C_IA32_GETPID];

	for (uint64_t n = 0; w_more(t->w, n); n++) {
		c->attempted++;
		if (ia32_getpid() != (int)t->pid)
			w_fail(t->w, "getpid by int 0x80", -EINVAL);
		c->returned++;
	}
}

/* Where 32-bit calls are off the instruction is a fault: a child tries it. */
static bool have_ia32(void)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		_exit(ia32_getpid() <= 0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

int w_mode_ia32(struct w *w)
{
	if (!have_ia32())
		return w_skip("no 32-bit calls in this kernel");
	return w_run(w, "caller", w->opt.threads, ia32, NULL);
}
#else
int w_mode_ia32(struct w *w)
{
	return w_skip("int 0x80 is x86 only");
}
#endif
