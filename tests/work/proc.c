/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Modes that make processes: tiny. */
#include "modes.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int w_tiny_child(int argc, char **argv)
{
	return 0;
}

static void exec_self(const char *hidden)
{
	char *argv[] = { "work", (char *)hidden, NULL };
	char *envp[] = { NULL };

	syscall(SYS_execve, "/proc/self/exe", argv, envp);
	syscall(SYS_exit_group, 1);
}

static void tiny(struct w_thread *t, void *unused)
{
	for (uint64_t n = 0; w_more(t->w, n); n++) {
		uint64_t begin = w_now();
		long pid = w_fork(t);
		long status;

		if (!pid && t->w->opt.exec)
			exec_self("tiny-child");
		if (!pid)
			syscall(SYS_exit_group, 0);
		status = pid < 0 ? pid : w_reap(t, pid);
		if (status)
			w_fail(t->w, "child", status < 0 ? (int)status : -ECHILD);
		if (pid > 0)
			w_note(t->w, (uint32_t)pid, W_EXITED, begin);
	}
}

int w_mode_tiny(struct w *w)
{
	return w_run(w, "parent", w->opt.threads, tiny, NULL);
}
