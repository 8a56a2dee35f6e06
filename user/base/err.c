/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Words for errno. Called by whoever prints why something failed. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

const char *err_str(int err)
{
	const char *s;

	/* not strerror: its answer dies with the next call */
	s = strerrordesc_np(err < 0 ? -(unsigned int)err : (unsigned int)err);
	return s ? s : "unknown error";
}
