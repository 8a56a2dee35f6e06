/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Tells helpers from hostlat, and starts them. Called by main before anything else. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sym/child.h"
#include "sym/fetcher.h"
#include "sym/find_in.h"
#include "sym/helper.h"
#include "sym/mapped.h"
#include "sym/opener.h"
#include "sym/probe_cost.h"

int helper_spawn(const char *what, const char *arg, char **env, const int *fds, size_t n, pid_t *pid)
{
	char *argv[] = { (char *)"hostlat", (char *)what, (char *)arg, NULL };
	posix_spawn_file_actions_t a;
	posix_spawnattr_t attr;
	sigset_t none;
	int err;

	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	/* a group of its own: what is typed on the terminal is meant for hostlat */
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawn_file_actions_init(&a);
	for (size_t i = 0; i < n; i++)
		posix_spawn_file_actions_adddup2(&a, fds[i], i ? (int)i + 2 : STDIN_FILENO);
	/* before it executes, while we wait for that. The kernel lets us go on before it closes what is
	 * closed on execution: a hook that we took off meanwhile would stay on for as long. */
	posix_spawn_file_actions_addclosefrom_np(&a, (int)n + 2);
	err = posix_spawn(pid, "/proc/self/exe", &a, &attr, argv, env);
	posix_spawn_file_actions_destroy(&a);
	posix_spawnattr_destroy(&attr);
	return -err;
}

int helper_ask(const char *what, int *sock, pid_t *pid)
{
	char *env[] = { NULL };
	int fds[2], theirs, err;

	*sock = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	theirs = fcntl(fds[1], F_DUPFD_CLOEXEC, HELPER_FIRST_FD);
	close(fds[1]);
	*sock = fds[0];
	if (theirs < 0)
		return -EMFILE;
	err = helper_spawn(what, "", env, &theirs, 1, pid);
	close(theirs);
	return err;
}

void sym_helper(int argc, char **argv)
{
	if (argc != 3 || argv[1][0] != '@')
		return;
	prctl(PR_SET_NAME, "hostlat-names"); /* else it is called after the link that was executed */
	if (!strcmp(argv[1], SYM_OPENER))
		opener_main(argv[2], false);
	if (!strcmp(argv[1], SYM_OPENER_FETCHES))
		opener_main(argv[2], true);
	if (!strcmp(argv[1], SYM_FETCHER))
		fetcher_main(argv[2]);
	if (!strcmp(argv[1], SYM_SANDBOX))
		child_main(strtoull(argv[2], NULL, 10));
	if (!strcmp(argv[1], SYM_FINDER))
		finder_main(strtoull(argv[2], NULL, 10));
	if (!strcmp(argv[1], SYM_MAPPED))
		mapped_main();
	if (!strcmp(argv[1], SYM_PROBES))
		probe_cost_main();
}
