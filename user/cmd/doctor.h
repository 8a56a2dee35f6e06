/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What doctor finds out: a row per fact of the host and per collector. */
#ifndef CMD_DOCTOR_H
#define CMD_DOCTOR_H

#include "base/mem.h"
#include "base/str.h"
#include "bpf/abi.h"

enum verdict { DOCTOR_WORKS, DOCTOR_LESS, DOCTOR_NOT, NR_VERDICTS };

struct finding {
	const char *name;
	enum verdict verdict;
	char *what;   /* how it is, or why not; may hold bytes from outside */
	char *advice; /* what to do; "" when nothing */
};

struct findings {
	VEC(struct finding) v;
};

/* Adds a row; the strings become its own. */
void findings_add(struct findings *f, const char *name, enum verdict verdict, char *what, char *advice);
void findings_free(struct findings *f);

void doctor_host(struct findings *f);       /* host.c: what the host allows */
void doctor_collectors(struct findings *f); /* each collector, by running it */

#endif
