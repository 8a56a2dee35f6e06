/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Exit statuses, and words for errno. Functions that can fail return 0 or a
 * negative errno; who knows what was attempted prints once, callers stay silent. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum exit_status {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_UNSUPPORTED = 3, /* not permitted, or not supported here */
};

const char *err_str(int err); /* errno of either sign -> its sentence; static */

#endif
