/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Makes the process safe to work in, then runs the command. */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cmd/child.h"
#include "cmd/cmd.h"
#include "sym/helper.h"

/* With a standard descriptor closed, the next file opened would take its number, and a
 * message would be written into it. */
static int open_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -1;
	return close(fd);
}

int main(int argc, char **argv)
{
	sym_helper(argc, argv);
	if (open_descriptors())
		return 1;
	child_remember();
	signal(SIGCHLD, SIG_DFL); /* where it is ignored a command's status is lost */
	/* writing fails instead, and that is reported */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	/* our memory holds command lines and paths of others */
	prctl(PR_SET_DUMPABLE, 0);
	setlocale(LC_CTYPE, "");
	return commands_run(argc, argv);
}
