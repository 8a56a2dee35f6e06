/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The only user of libiberty, which defines names that base/ has too. */
#include <stddef.h>

#include <libiberty/demangle.h>

#include "sym/demangle.h"

char *demangle(const char *name)
{
	if (name[0] != '_' || (name[1] != 'Z' && name[1] != 'R'))
		return NULL;
	return cplus_demangle(name, DMGL_PARAMS | DMGL_ANSI | DMGL_AUTO);
}
