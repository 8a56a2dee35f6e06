/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The command after --: started, held before its first instruction until it is traced,
 * its exit status passed on. For the session. */
#ifndef CMD_CHILD_H
#define CMD_CHILD_H

#include <sys/types.h>

#include "base/base.h"

/* As shells do. */
#define EXIT_CANNOT_EXECUTE 126
#define EXIT_NOT_FOUND      127
#define EXIT_SIGNAL         128 /* + the signal */

struct child {
	pid_t pid;  /* 0: none was started */
	int gate;   /* a byte lets it go; closed without one, it ends */
	int report; /* errno of the exec that failed */
	int status; /* as from waitpid, once ended */
	bool ended;
};

/* Notes how signals were when the program started, for the command. Before anything changes them. */
void child_remember(void);
/* Forks; the child waits. silent: its standard descriptors are /dev/null. 0 or -errno after
 * one printed line. */
int child_start(struct child *c, char **argv, bool silent);
/* Lets it run, and waits until it became the command. 0, or an exit status after one
 * printed line: it could not be started. */
int child_release(struct child *c, const char *name);
/* Takes its status when it ended; true from then on. Never waits. */
bool child_reap(struct child *c);
void child_signal(const struct child *c, int sig);
int child_exit_status(const struct child *c); /* once ended */
/* Gives up what is held; one that was never released ends. */
void child_close(struct child *c);

#endif
