/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * One question about what is in a file, between find.c, which asks, and the child in the sandbox that reads
 * the file: a WIRE_FIND; for debug information WIRE_WANTs, as of the stacks' child; a WIRE_SITE for each
 * site; at last a WIRE_FOUND. What comes from the child is checked by find.c.
 */
#ifndef SYM_FIND_IN_H
#define SYM_FIND_IN_H

#include "sym/child.h"
#include "sym/find.h"
#include "sym/insn.h"

#define FIND_SITES   100000 /* of an answer, at most */
#define FIND_NEAREST 5
#define FIND_RETS    8192
#define FIND_WHY     200

/* Behind it: name, provider, with their NUL. */
struct wire_find {
	uint32_t kind;
	uint32_t what, line, rets;
	uint64_t plus, max;
	uint32_t name_len, provider_len;
};

/* Behind it: name, symbol, with their NUL, and returns, 8 bytes each. */
struct wire_site {
	uint32_t kind;
	uint32_t cost, n_args, n_rets;
	uint64_t offset, vaddr, size, semaphore;
	uint32_t name_len, symbol_len;
	uint8_t no_return, leaves, frameless, is_start, twice;
	int8_t result;
	uint8_t pad[2];
	struct site_arg args[SITE_ARGS];
};

/* Behind it: the nearest names, with their NUL. */
struct wire_found {
	uint32_t kind;
	int32_t err;
	uint64_t all, ifuncs, refused;
	uint64_t go_runs[FIND_GO_RUNS];
	uint32_t n_nearest, is_go, throws, pad;
	char build_id[WIRE_ID];
	char why[FIND_WHY], why_refused[FIND_WHY];
};

/* ---- in the sandbox ---- */

struct finder {
	struct child c;
	struct elf_file *f;
	struct find_query q;
	struct decoder *decoder;
	struct wire_found found;
	char *nearest[FIND_NEAREST];
	size_t n_nearest;
	bool counts; /* enough was sent: the rest is only counted */
	size_t sent;
};

/* Of each kind: 0, or -errno with found.why. */
int finder_functions(struct finder *w);
int finder_usdt(struct finder *w);
int finder_line(struct finder *w);

/* Where the byte at vaddr stands in the file, and how many are behind it in its segment; NULL: it is not
 * code. */
const uint8_t *finder_code(const struct finder *w, uint64_t vaddr, uint64_t *offset, size_t *left);
/* Looks at the instruction at s->vaddr: s->offset and s->cost. False: no probe may be there, which was
 * counted. */
bool finder_place(struct finder *w, struct site *s);
void finder_send(struct finder *w, const struct site *s);
int __printf(3, 4) finder_fail(struct finder *w, int err, const char *fmt, ...);

/* find_kind.c: what kind of a file it is, into found. */
void finder_kind(struct finder *w);
/* What its name and its place say of a function. */
void finder_marks(const struct finder *w, struct site *s);

/* find_go.c: the same of a Go program, where its threads take up goroutines. */
void finder_go(struct finder *w);

/* find_body.c: what the instructions of a function say of it; size: as far as it goes. */
void finder_body(struct finder *w, struct site *s, uint64_t start, size_t size);
/* find_result.c: as s->result; where the function begins. */
int8_t finder_result(struct finder *w, uint64_t start);
/* Whether an instruction begins at start + plus. */
bool finder_is_boundary(struct finder *w, uint64_t start, uint64_t plus);

/* find_nearest.c */
struct nearest;
struct nearest *nearest_new(const char *wanted);
void nearest_add(struct nearest *n, const char *name);
/* The names, which are the caller's, the most alike first. */
size_t nearest_take(struct nearest *n, char *v[FIND_NEAREST]);

void finder_main(uint64_t memory) __attribute__((noreturn));

#endif
