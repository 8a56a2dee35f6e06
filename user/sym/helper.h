/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The program as its own helper: first thing in main, before anything is opened or read. */
#ifndef SYM_HELPER_H
#define SYM_HELPER_H

#include <stddef.h>
#include <sys/types.h>

/* Hidden first arguments. Who is started with one has a socket as standard input. */
#define SYM_OPENER         "@opener"
#define SYM_SANDBOX        "@sandbox"
#define SYM_FETCHER        "@fetcher"
#define SYM_OPENER_FETCHES "@opener-fetches" /* it has a socket to the fetcher */

#define SYM_FINDER "@finder"
#define SYM_MAPPED "@mapped"
#define SYM_PROBES "@probes"

#define HELPER_FIRST_FD 10 /* descriptors for a helper are above those that it gets */

/* Starts one. Descriptors (n of them, from HELPER_FIRST_FD on): the first becomes
 * standard input, the others 3 and on. 0 or -errno. */
int helper_spawn(const char *what, const char *arg, char **env, const int *fds, size_t n, pid_t *pid);
/* Starts one that has a socket for standard input, and nothing else; *sock is the other end, for messages,
 * and to be closed by the caller; -1 where there is none. 0 or -errno. */
int helper_ask(const char *what, int *sock, pid_t *pid);

/* Returns when argv is not that of a helper; else the process ends as one. */
void sym_helper(int argc, char **argv);

#endif
