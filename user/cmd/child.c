/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The command after --. Called by the session. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "cmd/child.h"

/* What the program inherited and has changed for itself. The mask is the kernel's own: the C
 * library hides the two signals that it keeps for itself. */
static const int changed[] = { SIGPIPE, SIGXFSZ, SIGCHLD };
static struct {
	uint64_t mask;
	void (*handler[ARRAY_SIZE(changed)])(int);
} inherited;

void child_remember(void)
{
	struct sigaction sa;

	syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &inherited.mask, sizeof(inherited.mask));
	for (size_t i = 0; i < ARRAY_SIZE(changed); i++)
		inherited.handler[i] = sigaction(changed[i], NULL, &sa) ? SIG_DFL : sa.sa_handler;
}

static void silence(void)
{
	int fd = open("/dev/null", O_RDWR);

	for (int i = 0; fd >= 0 && i <= STDERR_FILENO; i++)
		dup2(fd, i);
	if (fd > STDERR_FILENO)
		close(fd);
}

/* In the child: the command sees what it would have seen without us. */
static void give_back(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(changed); i++)
		signal(changed[i], inherited.handler[i]);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &inherited.mask, NULL, sizeof(inherited.mask));
}

static void become(char **argv, int gate, int report, bool silent)
{
	char go;
	int err;

	/* without its byte the tracer is gone, and nothing would be measured */
	if (read(gate, &go, 1) != 1)
		_exit(EXIT_CANNOT_EXECUTE);
	if (silent)
		silence();
	give_back();
	execvp(argv[0], argv);
	err = errno;
	if (write(report, &err, sizeof(err)) < 0)
		_exit(EXIT_CANNOT_EXECUTE);
	_exit(err == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE);
}

static void close_pair(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

int child_start(struct child *c, char **argv, bool silent)
{
	int gate[2], report[2], err;

	*c = (struct child){ .gate = -1, .report = -1 };
	if (pipe2(gate, O_CLOEXEC))
		goto failed;
	if (pipe2(report, O_CLOEXEC)) {
		close_pair(gate);
		goto failed;
	}
	c->pid = fork();
	if (!c->pid) {
		close(gate[1]);
		become(argv, gate[0], report[1], silent);
	}
	if (c->pid < 0) {
		c->pid = 0;
		close_pair(gate);
		close_pair(report);
		goto failed;
	}
	close(gate[0]);
	close(report[1]);
	c->gate = gate[1];
	c->report = report[0];
	return 0;
failed:
	err = -errno;
	pr_err("cannot start \"%s\": %s", argv[0], err_str(err));
	return err;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int child_release(struct child *c, const char *name)
{
	ssize_t n = write(c->gate, "", 1); /* fails when it was killed meanwhile: then it is reaped */
	int err;

	close_fd(&c->gate);
	do
		n = read(c->report, &err, sizeof(err));
	while (n < 0 && errno == EINTR);
	close_fd(&c->report);
	if (n != sizeof(err))
		return 0;
	pr_err("cannot start \"%s\": %s", name, err == ENOENT ? "no such command" : err_str(err));
	return err == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
}

bool child_reap(struct child *c)
{
	if (!c->ended && c->pid && waitpid(c->pid, &c->status, WNOHANG) == c->pid)
		c->ended = true;
	return c->ended;
}

void child_signal(const struct child *c, int sig)
{
	if (c->pid && !c->ended)
		kill(c->pid, sig);
}

int child_exit_status(const struct child *c)
{
	return WIFSIGNALED(c->status) ? EXIT_SIGNAL + WTERMSIG(c->status) : WEXITSTATUS(c->status);
}

void child_close(struct child *c)
{
	if (!c->pid)
		return;
	if (c->gate >= 0) {
		close_fd(&c->gate);
		waitpid(c->pid, NULL, 0);
		c->ended = true;
	}
	close_fd(&c->report);
	child_reap(c);
}
