/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The fetcher: asks debuginfod servers for debug information, by build id. There is none unless
 * the user asked for it. It and what it starts are nobody, without capabilities; it is all that
 * ever makes a connection.
 */
#ifndef SYM_FETCHER_H
#define SYM_FETCHER_H

#define FETCHER_MISSING "debuginfod-find is not installed (Debian's package: debuginfod)"

/* What it gets of our environment, and the servers; the caller frees the words and the list. */
char **fetcher_environment(const char *urls);
/* The program that does it, where it is installed; NULL: it is not. */
const char *fetcher_program(void);
/* "NANOSECONDS BYTES" that one file may take; the servers are in DEBUGINFOD_URLS. */
void fetcher_main(const char *limits) __attribute__((noreturn));

#endif
