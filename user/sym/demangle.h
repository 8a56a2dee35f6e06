/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* C++ and Rust names as they are written in the source. In the sandbox: names are hostile too. */
#ifndef SYM_DEMANGLE_H
#define SYM_DEMANGLE_H

/* To be freed; NULL: it is not a mangled name. */
char *demangle(const char *name);
/* The same without arguments and what is returned. */
char *demangle_bare(const char *name);

#endif
