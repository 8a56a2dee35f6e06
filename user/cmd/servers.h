/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The servers that --debuginfod names. */
#ifndef CMD_SERVERS_H
#define CMD_SERVERS_H

struct session_opts;

/* *urls: with blanks between them, the caller's to free; NULL: nothing was asked for. An exit
 * status; what is wrong was printed. */
int servers_of(const struct session_opts *o, char **urls);

#endif
