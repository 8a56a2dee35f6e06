/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The only user of libiberty, which defines names that base/ has too. */
#include <stdbool.h>
#include <stddef.h>

#include <libiberty/demangle.h>

#include "sym/demangle.h"

static bool is_mangled(const char *name)
{
	return name[0] == '_' && (name[1] == 'Z' || name[1] == 'R');
}

char *demangle(const char *name)
{
	return is_mangled(name) ? cplus_demangle(name, DMGL_PARAMS | DMGL_ANSI | DMGL_AUTO) : NULL;
}

char *demangle_bare(const char *name)
{
	return is_mangled(name) ? cplus_demangle(name, DMGL_ANSI | DMGL_AUTO) : NULL;
}
