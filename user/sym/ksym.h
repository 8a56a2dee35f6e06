/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Kernel addresses to names, from /proc/kallsyms. Nothing is read before the first name is
 * asked for. A name that is not certain is not given: then there is a reason.
 */
#ifndef SYM_KSYM_H
#define SYM_KSYM_H

#include "base/base.h"

struct ksyms;

/* Paths for tests; NULL: those of /proc. */
struct ksyms *ksyms_new(const char *kallsyms, const char *modules);
void ksyms_free(struct ksyms *k); /* NULL is fine */

struct ksym {
	const char *function; /* NULL: not known; why says why not */
	const char *module;   /* NULL: the kernel itself */
	uint32_t offset;
	const char *why;
};

/* The function that the call returns to at this address. Strings are valid until the next find. */
void ksyms_find(struct ksyms *k, uint64_t addr, struct ksym *out);

/* Is it inside the kernel itself, where nothing moves while it runs? */
bool ksyms_fixed(struct ksyms *k, uint64_t addr);
/* A number for the modules that are loaded, and where, as of now: an address that is not fixed
 * means the same as long as this is the same. */
uint64_t ksyms_modules(struct ksyms *k);

#endif
