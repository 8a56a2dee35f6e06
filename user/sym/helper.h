/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The program as its own helper: first thing in main, before anything is opened or read. */
#ifndef SYM_HELPER_H
#define SYM_HELPER_H

/* Hidden first arguments. Who is started with one has a socket as standard input. */
#define SYM_OPENER         "@opener"
#define SYM_SANDBOX        "@sandbox"
#define SYM_FETCHER        "@fetcher"
#define SYM_OPENER_FETCHES "@opener-fetches" /* it has a socket to the fetcher */

/* Returns when argv is not that of a helper; else the process ends as one. */
void sym_helper(int argc, char **argv);

#endif
