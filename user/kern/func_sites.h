/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The functions of a run: what each is, and where its probes stand. Inside kern/. */
#ifndef KERN_FUNC_SITES_H
#define KERN_FUNC_SITES_H

#include "base/mem.h"
#include "kern/funcs.h"
#include "sym/probe_cost.h"

struct bpf_link;
struct live;
struct mapped_file;
struct part;

/* A file that is probed. */
struct func_file {
	char *name; /* as users know it */
	int fd;
	uint64_t dev, ino;
	bool is_go, throws;
	VEC(const struct func_ask *) asks; /* what was looked for in it */
	bool gone;                         /* it was deleted, and nobody has it mapped any more */
	struct func *runs;                 /* of Go's: where threads take up goroutines; NULL: not known */
};

/* Functions of one file whose probes are put on together. */
struct func_group {
	struct func_file *file;
	VEC(struct func *) v;
	VEC(int) links;
	uint8_t gen;   /* how often they were put on again */
	bool is_dirty; /* it has fewer functions than its links have */
	bool is_told;  /* … and they could not be renewed */
};

struct func_probe {
	uint64_t offset, semaphore, cookie;
	const char *prog;
	bool is_return; /* the kernel is to see the function return */
};

/* Something that is traced: a function, a pair of USDT probes, a point. */
struct func {
	uint32_t id, flags; /* HL_FUNC_* */
	const struct func_ask *ask;
	char *name;
	struct func_file *file;
	uint32_t n_usdt_args;
	struct site_arg usdt_args[SITE_ARGS];
	struct func_arg args[HL_FUNC_ARGS]; /* those that can be read, in the order of the kernel side */
	uint32_t n_args;
	VEC(struct func_probe) probes; /* what ends it first */
	VEC(struct bpf_link *) links;  /* where the kernel takes them one by one … */
	struct func_group *group;      /* … and where not; NULL: it is in none */
	uint8_t begin_cost, end_cost;  /* what is paid for, of struct probe_costs; NR_PROBE_COSTS: nothing */
	uint32_t cost_ns;              /* of a call to the program, about */
	/* when it was looked at last: how often its probes were hit; who had called it most since the
	 * look before (0: it was not called much) and for how long that process had run */
	uint64_t hits, caller_cpu;
	uint32_t caller;
	bool is_off;   /* it is left alone: called too often, or it cannot be put on */
	int8_t result; /* as of struct site; of the kernel: of struct hl_func */
	bool often;    /* of the kernel: it was when it was looked at last */
	struct {
		uint32_t slot;   /* the number of its programs */
		uint32_t n_args; /* words in which it gets its arguments */
	} kernel;                /* of HL_FUNC_KERNEL */
};

#define FUNC_MOST 4000 /* of a run */
_Static_assert(FUNC_MOST < HL_FUNC_ROOM, "each has a number, from 1 on");
#define FUNC_MOST_A_SECOND 100000 /* calls: of more the probes cost more than they tell */

/* NULL: it is not known. */
struct func_file *func_file_known(struct live *l, const struct mapped_file *m);
/* NULL, after one printed line: it must not be probed, or cannot. */
struct func_file *func_file_take(struct live *l, const struct func_ask *ask, const struct mapped_file *m);
/* Notes that this is looked for there; false: that was done before. */
bool func_file_ask(struct func_file *f, const struct func_ask *ask);

/* What is asked of a file; pair: `query`, where there are `query__start` and `query__done`. */
struct func_query {
	struct find_query q;
	char name[256];
};

void func_sites_query(const struct func_ask *ask, bool pair, struct func_query *out);
bool func_sites_by_pair(const struct func_ask *ask,
			const struct find_result *r); /* that is to be asked then */
/* Adds what was found to the functions of the run. 0, or -errno after one printed line. */
int func_sites_add(struct live *l, const struct func_ask *ask, struct func_file *file,
		   const struct find_result *r);
/* func_go.c: takes on where threads of a Go program take up goroutines, once a file. */
void func_go_add(struct func_file *file, const struct find_result *r);
void func_free(struct func *f);

/* One more of the run. */
struct func *func_new(struct live *l, const struct func_ask *ask, struct func_file *file, const char *name,
		      uint32_t flags);
/* Adds what is asked for to the functions of the run. 0, or -errno after one printed line. */
int func_sites_find(struct live *l, const struct func_ask *ask);

/* ---- func_links.c ------------------------------------------------------------------------------------- */

/* Which of the programs are loaded, and for what; before they are. */
void func_links_prepare(struct live *l, struct part *p);
/* How many functions that have no probes yet get theirs next, no more than `most`. */
size_t func_links_batch(const struct live *l, size_t most);
/* Puts on the probes of n functions. 0, or -errno after one printed line. */
int func_links_attach(struct live *l, size_t first, size_t n);
/* The same of one function alone, each of its probes with its own link. */
int func_links_alone(struct live *l, struct func *f);
bool func_links_has(const struct func *f);
/* Takes a function's off: at once nothing of it counts, and its probes are gone after func_links_settle, or
 * not much later. */
void func_links_off(struct live *l, struct func *f);
void func_links_settle(struct live *l);
/* All of them, and waits until they are gone. */
void func_links_detach(struct live *l);
/* How they are put on here, in words. */
const char *func_links_way(const struct live *l);

#endif
