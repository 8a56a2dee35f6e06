/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What a program file has that a probe can be put on: functions by name, lines, USDT probes. Files are
 * hostile: they are read by a child in the sandbox, one for each question, which is killed when it takes too
 * long. Offsets are those in the file, as the kernel takes them for a uprobe.
 */
#ifndef SYM_FIND_H
#define SYM_FIND_H

#include "base/base.h"

/* What a probe on an instruction costs: how the kernel carries the instruction out that it stands on. */
#define SITE_COSTS(X)           /* X(NAME, "key") */                                                         \
	X(CALL, "call")         /* a five-byte nop, which newer kernels turn into a call */                  \
	X(EMULATED, "emulated") /* push, nop, jump, call: in the kernel, without running it */               \
	X(STEPPED, "stepped")   /* all else is run out of line, with a second trap */

enum site_cost {
#define X(NAME, key) SITE_##NAME,
	SITE_COSTS(X)
#undef X
		NR_SITE_COSTS,
};

/* Where an argument of a USDT probe is: a constant, a register, or memory at register + add (+ index *
 * scale). */
struct site_arg {
	int8_t size;   /* bytes; negative: signed; 0: it cannot be read */
	uint8_t where; /* 0: constant, 1: register, 2: memory */
	uint8_t scale; /* of the index; 0: there is none */
	uint8_t pad;
	int16_t reg, index; /* offset into struct pt_regs, bytes */
	int64_t add;        /* the constant; what is added to the address */
};

#define SITE_ARGS      12
#define SITE_NO_RESULT INT8_MIN

struct site {
	const char *name;   /* as a user knows it: demangled; of a USDT probe provider:name */
	const char *symbol; /* as it stands in the file; of a line: the function's that it is in */
	uint64_t offset;    /* of its first instruction, or of the one that was asked for, in the file */
	uint64_t vaddr;
	uint64_t size;      /* of the function; 0: not known */
	uint64_t semaphore; /* of a USDT probe, in the file; 0: it has none */
	enum site_cost cost;
	uint32_t n_args;
	struct site_arg args[SITE_ARGS]; /* of a USDT probe */
	uint64_t *rets;                  /* offsets of its return instructions, where they were asked for */
	size_t n_rets;
	/* Neither returns nor no_return: its instructions could not be read to its end. */
	bool no_return; /* it has none: it ends with a jump to another function, or never */
	bool leaves; /* some of its ways end with a jump to another function, which returns for it; those that
			surely do are among rets */
	bool is_start; /* nobody calls it: a program begins there, and what lies on the stack is no address */
	bool twice;    /* it may return more than once: setjmp, vfork and their like */
	int8_t result; /* bytes of what it returns, negative: with a sign; 0: not known, or not simply that;
			  SITE_NO_RESULT: nothing, or nothing in the register for integers */
	bool frameless; /* … is jumped into from within itself where it begins: a probe fires more than once a
			   call */
};

enum find_what { FIND_FUNCTIONS, FIND_USDT, FIND_LINE };

struct find_query {
	enum find_what what;
	const char *name;     /* glob of a name as it stands in the file, or demangled with or without its
				 arguments; USDT: of the     name; FIND_LINE: the source file, its last parts */
	const char *provider; /* of a USDT probe, glob */
	uint64_t plus;        /* so many bytes behind the beginning */
	uint32_t line;
	bool rets;  /* return instructions, too */
	size_t max; /* no more than so many */
};

#define FIND_GO_RUNS 2

struct find_result {
	struct site *v; /* by offset */
	size_t n, all;  /* all: how many there are, of which n are here */
	char **nearest; /* where there is none: names that are like it, the most alike first */
	size_t n_nearest;
	size_t ifuncs;  /* of that name that choose a function when the program starts: nearest has those to
			   choose from */
	size_t refused; /* sites that are not among v, as the kernel puts no probe there … */
	char why_refused[200]; /* … of the first: its name, and why */
	bool is_go;
	uint64_t go_runs[FIND_GO_RUNS]; /* … where its threads take up goroutines, in the file; 0: no more.
					   None: not known */
	bool throws; /* exceptions may pass through it, which find their way by the return addresses on the
			stack */
	char build_id[68]; /* hex; "": it has none */
};

/* fd: of the file, which stays open. 0, or -errno, and then why says in words what is wrong with the file. */
int find_in(int fd, const struct find_query *q, struct find_result *out, char *why, size_t why_size);
void find_free(struct find_result *r);

/* The same for who must not wait: step by step. */
struct finding;
struct finding *find_begin(int fd, const struct find_query *q); /* the query need not stay */
bool find_step(struct finding *a, int wait_ms);                 /* takes what has come; true: it is over */
/* As find_in; what is not over is given up, -ECANCELED. */
int find_end(struct finding *a, struct find_result *out, char *why, size_t why_size);

/* What a compiler added to the name of a function of which it made one more: ".part.0"; NULL: nothing. */
const char *find_clone(const char *symbol);

#endif
