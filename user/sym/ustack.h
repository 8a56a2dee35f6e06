/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * From the registers of a thread and a copied slice of its stack to named frames. ELF, DWARF and
 * perf maps are parsed by a child in a sandbox, files are opened by another that may hang; both
 * are killed and replaced when they are late. Nothing here waits: every call returns at once.
 * Called by the live source, from one thread.
 *
 * Times are CLOCK_MONOTONIC ns. Everything that is passed in is copied. What an answer points to
 * is valid until the callback returns, and its strings are any bytes: encode them.
 */
#ifndef SYM_USTACK_H
#define SYM_USTACK_H

#include <sys/types.h>

#include "base/base.h"

#define USTACK_SLICE (64 << 10) /* bytes of a stack, at most */
#define USTACK_ADDRS 256        /* addresses of one question, at most */
#define USTACK_DEPTH 128        /* frames, without the inlined ones */
#define USTACK_QUEUE 256        /* questions that are not answered yet */

/* Registers in the order of DWARF: rax rdx rcx rbx rsi rdi rbp rsp r8..r15 rip; x0..x30 sp pc. */
#if defined(__aarch64__)
#define USTACK_REGS 33
#else
#define USTACK_REGS 17
#endif

enum ustack_how {
	USTACK_NONE,          /* nothing but the addresses known before; why says why */
	USTACK_DWARF,         /* by unwind information alone */
	USTACK_FRAME_POINTER, /* along the chain of frame pointers */
	USTACK_MIXED,         /* both */
	USTACK_GIVEN,         /* the addresses were given */
};
extern const char *const ustack_how_names[]; /* "none" "dwarf" "frame_pointer" "mixed" "given" */

struct ustack_question {
	uint64_t ref; /* the caller's, comes back with the answer */
	pid_t pid;
	pid_t parent; /* whose mappings it has had since it was forked, for when it is gone; 0: nobody's … */
	uint64_t parent_start_ns;
	uint64_t start_ns; /* start of the process, ns since boot, exact or in ticks; 0: not known */
	/* a stack: */
	const uint64_t *regs; /* USTACK_REGS, or NULL */
	const void *slice;    /* what was copied, from the stack pointer up; NULL: it is read from the process
				 when the question has its turn, slice_len bytes or what there is: for a
				 thread that sleeps, and who asks makes sure that it still did */
	size_t slice_len;
	uint64_t slice_addr; /* where it begins */
	/* or addresses that want names; return addresses except the first, as in a stack */
	const uint64_t *addrs;
	size_t n_addrs;
	bool data; /* they are of variables: function is such a one's name, with a NULL module it is on no
		      file's mapping */
};

/* Innermost first. An inlined function is a frame of its own, before the one it is inlined in. */
struct ustack_frame {
	uint64_t pc;
	uint64_t offset;      /* into the function; without one: the address inside the module's file */
	const char *function; /* demangled; NULL: not known */
	const char *module;   /* path, "[vdso]", "perf-map"; NULL: not in any */
	const char *file;     /* source; NULL: not known */
	uint32_t line;        /* 0: not known */
	bool inlined;
};

struct ustack_answer {
	uint64_t ref;
	enum ustack_how how;
	bool truncated;  /* there are callers that are not here: the slice or the room ended */
	const char *why; /* what is missing and why, one line; NULL: nothing is */
	const struct ustack_frame *frames;
	size_t n;
};

struct ustacks;
typedef void (*ustack_fn)(void *arg, const struct ustack_answer *a);

struct ustacks_options {
	uint64_t deadline_ns; /* of one question, since its turn came; 0: 2 s */
	uint64_t memory;      /* bytes that the parsing child may allocate; 0: 256 MiB */
	/* Servers that debug information is fetched from where this host has none, blanks between them; NULL:
	 * nothing is asked of the network. Each file once, and what comes is of use to later questions. */
	const char *urls;
	uint64_t fetch_ns, fetch_bytes; /* bounds of one file; 0: 2 min, 512 MiB */
};

/* Starts the children by executing the running program again (sym/helper.h): its main must begin
 * with sym_helper. NULL when they cannot be started, with errno; o NULL: all as usual. */
struct ustacks *ustacks_new(const struct ustacks_options *o);
void ustacks_free(struct ustacks *u); /* what was asked is forgotten; NULL is fine */

/* False: not asked. Too many are waiting, the question is malformed, or the process held us up
 * before and is not asked about again. */
bool ustacks_ask(struct ustacks *u, const struct ustack_question *q);
int ustacks_fd(struct ustacks *u); /* readable: take; the same for as long as u lives */
/* Hands on what was answered, and how many were. */
size_t ustacks_take(struct ustacks *u, ustack_fn fn, void *arg);
/* Whoever is late is killed and replaced. Call it a few times a second; answers that follow from
 * it are handed on by the next take, for which the descriptor is readable. */
void ustacks_tick(struct ustacks *u, uint64_t now_ns);

struct ustacks_stats {
	uint64_t asked, answered;
	uint64_t refused;    /* ask said no */
	uint64_t late;       /* answered without frames because the time was over */
	uint64_t deaths;     /* of a child, killed for being late or by what it parsed */
	uint64_t bad_files;  /* now */
	uint64_t cpu_ns;     /* of both children and those before them */
	uint64_t rss_bytes;  /* of both children now */
	pid_t opener, child; /* 0: none */
	pid_t fetcher;       /* 0: none, or it has ended */
	struct {
		uint64_t asked, fetched, absent, failed; /* the rest is on its way */
		uint64_t refused;                        /* fetched, and not what was asked for */
	} files;
	size_t waiting; /* asked and not answered */
};
/* Reads /proc for cpu_ns and rss_bytes. */
void ustacks_stats(struct ustacks *u, struct ustacks_stats *s);

#endif
