/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* A helper holds nothing of ours from when we go on: what we close is closed, a hook of the kernel's gone. */
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "sym/helper.h"
#include "tests/test.h"

#define ROUNDS 50
#define OTHERS 700 /* descriptors that are closed before the one that is looked at */

/* One whose other end tells when nobody has it any more. */
static int told_of(int *other)
{
	int fds[2], fd;

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	fd = fcntl(fds[1], F_DUPFD_CLOEXEC, 0);
	close(fds[1]);
	*other = fds[0];
	return fd;
}

static bool is_closed(int other)
{
	struct pollfd p = { other, 0, 0 };

	return poll(&p, 1, 0) == 1 && p.revents & POLLHUP;
}

/* Whether nobody has it when we have closed it, just after a helper was started. */
static bool closes(void)
{
	int socks[2], theirs, other = -1, mine = told_of(&other);
	char *env[] = { NULL };
	bool closed = false;
	pid_t pid = 0;

	if (mine < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks))
		return false;
	theirs = fcntl(socks[1], F_DUPFD_CLOEXEC, HELPER_FIRST_FD);
	close(socks[1]);
	if (!helper_spawn(SYM_MAPPED, "", env, &theirs, 1, &pid)) {
		close(mine);
		closed = is_closed(other);
	}
	close(theirs);
	close(socks[0]); /* it ends without a question */
	close(other);
	return pid > 0 && waitpid(pid, NULL, 0) == pid && closed;
}

void test_sym_helper_holds_nothing(void)
{
	int others[OTHERS], n = 0, held = 0;

	while (n < OTHERS && (others[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		n++;
	for (int i = 0; i < ROUNDS; i++)
		held += !closes();
	while (n)
		close(others[--n]);
	ASSERT_EQ(held, 0);
}
