/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What all live commands share: the options, the live source with its timers, the
 * signals, the command after --, and where the records go: the model, a recording, or
 * both. A command says what it wants in struct session_cfg and gets a call per interval.
 */
#ifndef CMD_SESSION_H
#define CMD_SESSION_H

#include "base/loop.h"
#include "cmd/asks.h"
#include "cmd/cmd.h"
#include "cmd/filter.h"
#include "kern/live.h"
#include "model/snap.h"
#include "rec/writer.h"

struct session_opts {
	struct filter_opts filter;
	int calls; /* enum calls_mode */
	uint64_t slow_ns, blocked_ns, memory, stack_bytes;
	uint64_t ring; /* bytes; this and what follows: for tests */
	unsigned int slots, cells, max_files;
	bool old_kernel;
	const char *debuginfod; /* NULL: not asked for, "": the environment's servers */
	uint64_t fetch_ns, fetch_bytes;
	bool dns;             /* look at DNS messages */
	bool files;           /* count file by file what is done to files */
	bool exchanges;       /* time requests on TCP connections */
	struct ask_opts asks; /* functions to trace */
	const char *beside;   /* a recording of what another command shows */
};

#define SESSION_DEFAULTS                                                                                     \
	{                                                                                                    \
		.slow_ns = 10 * NSEC_PER_MSEC, .blocked_ns = 100 * NSEC_PER_MSEC, .memory = 64ull << 20,     \
		.stack_bytes = 16ull << 10                                                                   \
	}

extern const char *const session_calls_modes[]; /* of enum calls_mode, NULL-ended */

/* clang-format off */
#define SESSION_ROWS(where, m) \
	{ .type = OPT_CHOICE, .long_name = "calls", .arg = "auto|on|off", .choices = session_calls_modes, \
	  .help = "time every system call too, not only waits; auto: of a target always, of the host while " \
		  "that is cheap", \
	  .offset = offsetof(where, m.calls) }, \
	{ .type = OPT_DURATION, .long_name = "slow", .arg = "DUR", \
	  .help = "keep operations whole that take at least this long (10ms)", .min = 1, \
	  .offset = offsetof(where, m.slow_ns) }, \
	{ .type = OPT_DURATION, .long_name = "blocked", .arg = "DUR", \
	  .help = "a thread that has waited this long for a disk, a lock, a peer or the kernel is blocked, and " \
		  "shows its kernel stack (100ms)", .min = 1, \
	  .offset = offsetof(where, m.blocked_ns) }, \
	{ .type = OPT_SIZE, .long_name = "memory", .arg = "SIZE", \
	  .help = "bound for the memory of kernel maps (64M)", .min = 1 << 20, .max = 64ull << 30, \
	  .offset = offsetof(where, m.memory) }, \
	{ .type = OPT_SIZE, .long_name = "stack-bytes", .arg = "SIZE", \
	  .help = "how much of a program's stack is looked at for the user stack of a slow call, 64K at most; " \
		  "0: none (16K)", .max = 64 << 10, \
	  .offset = offsetof(where, m.stack_bytes) }, \
	{ .type = OPT_MAYBE, .long_name = "debuginfod", .arg = "URL,...", \
	  .help = "fetch debug information that this host does not have, by build id: from these servers, or " \
		  "from those in DEBUGINFOD_URLS, which see what runs here", \
	  .offset = offsetof(where, m.debuginfod) }, \
	{ .type = OPT_FLAG, .long_name = "files", \
	  .help = "count file by file what is done to files; in the live view it is on while Files shows", \
	  .offset = offsetof(where, m.files) }, \
	{ .type = OPT_FLAG, .long_name = "dns", \
	  .help = "look at DNS messages: who asks what, and how long that takes; of a target always, in the live view " \
		  "while DNS shows", \
	  .offset = offsetof(where, m.dns) }, \
	{ .type = OPT_FLAG, .long_name = "exchanges", \
	  .help = "time requests on TCP connections, until the first byte of their answers; in the live view it is " \
		  "on while Exchanges shows", \
	  .offset = offsetof(where, m.exchanges) }, \
	ASK_ROWS(where, m.asks), \
	{ .type = OPT_DURATION, .long_name = "fetch-time", .arg = "DUR", .help = "of a file", .hidden = true, \
	  .offset = offsetof(where, m.fetch_ns) }, \
	{ .type = OPT_SIZE, .long_name = "fetch-size", .arg = "SIZE", .help = "of a file", .hidden = true, \
	  .offset = offsetof(where, m.fetch_bytes) }, \
	{ .type = OPT_UINT, .long_name = "max-files", .arg = "N", .help = "files", .hidden = true, \
	  .offset = offsetof(where, m.max_files) }, \
	{ .type = OPT_SIZE, .long_name = "ring", .arg = "SIZE", .help = "of each ring", .hidden = true, \
	  .max = 1ull << 30, .offset = offsetof(where, m.ring) }, \
	{ .type = OPT_UINT, .long_name = "slots", .arg = "N", .help = "threads", .hidden = true, \
	  .offset = offsetof(where, m.slots) }, \
	{ .type = OPT_UINT, .long_name = "cells", .arg = "N", .help = "cells", .hidden = true, \
	  .offset = offsetof(where, m.cells) }, \
	{ .type = OPT_FLAG, .long_name = "old-kernel", .help = "like Linux 6.1", .hidden = true, \
	  .offset = offsetof(where, m.old_kernel) }, \
	{ .type = OPT_STR, .long_name = "beside", .arg = "FILE", .help = "recording", .hidden = true, \
	  .offset = offsetof(where, m.beside) }
/* clang-format on */

struct session;

struct session_cfg {
	const struct invocation *in;
	const struct session_opts *opts;
	uint64_t interval_ns;
	uint64_t duration_ns; /* 0: until told otherwise */
	unsigned int count;   /* intervals, 0: no bound */
	bool model;
	bool files, dns, exchanges;                             /* as the options of these names */
	const char *recording;                                  /* path, NULL: none */
	const struct opt_list *funcs;                           /* more of them */
	bool func_calls;                                        /* hand every call of them on */
	void (*on_record)(void *arg, const struct hl_rec *rec); /* may be NULL */
	void (*on_drained)(void *arg);                          /* no more of them for now; may be NULL */
	bool screen; /* the terminal is taken: the command's output is thrown away, and its end is not ours */
	/* After each interval; snap (borrowed) is NULL without a model. An exit status other
	 * than 0 ends the session with it. May be NULL. */
	int (*on_snap)(void *arg, const struct snap *snap);
	void (*on_child_end)(void *arg, int status); /* with screen; may be NULL */
	void (*on_stop)(void *arg);                  /* before the final interval is read; may be NULL */
	void *arg;
};

/* All functions that return int return an exit status; what failed was printed. */

/* Loads, opens the recording, starts the command and holds it; attaches nothing. */
int session_open(const struct session_cfg *cfg, struct session **out);
/* Attaches, runs until the end of what was asked for, detaches, ends with the final
 * interval, passes on the command's exit status. */
int session_run(struct session *s);
void session_close(struct session *s); /* NULL is fine */

/* While it runs. */
struct loop *session_loop(struct session *s);
struct live *session_live(struct session *s);
struct model *session_model(struct session *s);
void session_stop(struct session *s);
void session_set_interval(struct session *s, uint64_t ns);

/* Whether it ran to its end, well or not: then the last interval was handed out. */
bool session_ended(const struct session *s);
/* After that: one line on stderr with what was lost. */
void session_print_account(const struct session *s);
const struct rec_writer_stats *session_written(const struct session *s); /* final */

#endif
