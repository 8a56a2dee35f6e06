/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The live source: loads and attaches the BPF objects, drains rings, cells and slots,
 * and hands everything on as checked records. The only user of libbpf is this folder.
 */
#ifndef KERN_LIVE_H
#define KERN_LIVE_H

#include "base/base.h"
#include "bpf/abi.h"

struct func_ask;

enum calls_mode { CALLS_AUTO, CALLS_ON, CALLS_OFF };

struct live_cfg {
	uint64_t slow_ns;       /* threshold of a slow operation */
	uint64_t blocked_ns;    /* from what age on a thread is blocked */
	uint64_t memory_bytes;  /* for all maps and rings */
	uint32_t ustack_bytes;  /* how much of a stack user stacks are looked for in, whole pages; 0: not at
				   all */
	const char *debuginfod; /* servers, as struct ustacks_options has them; NULL: not asked for */
	uint64_t fetch_ns, fetch_bytes;
	enum calls_mode calls;
	/* The target of this run: the calls tier is exact for it. Empty: the host. */
	const uint32_t *pids;
	size_t nr_pids;
	const char *const *comms, *const *cgroups; /* NULL-ended, or NULL; cgroup: path below the hierarchy */
	bool want_files;                           /* from the start: see live_set_files */
	bool want_dns;                             /* always: see live_set_dns */
	bool want_exchanges;                       /* the same */
	const struct func_ask *funcs;              /* functions to trace; kern/funcs.h */
	size_t nr_funcs;
	bool func_calls;         /* hand every call of them on */
	bool wait_files;         /* a file that is not there yet is none that was written wrong */
	bool allow_setuid;       /* also of files that give rights to who runs them */
	bool has_target;         /* any of the above, or a command will be started (live_add_target) */
	const char *const *argv; /* for META, NULL-ended */
	const char *const *filters;
	/* for tests only */
	uint32_t ring_bytes, slots, cells, files;
	bool old_kernel; /* do without what came after Linux 6.1, where there is another way */
};

typedef int (*live_sink)(void *arg, const struct hl_rec *rec); /* rec is borrowed */

struct live;

/*
 * Load everything. On failure prints one line (what is missing, what to do), returns
 * NULL and sets *status to the exit status. Nothing stays attached.
 */
struct live *live_open(const struct live_cfg *cfg, live_sink sink, void *arg, int *status);
void live_close(struct live *l); /* detaches first; NULL is fine */

/* Add a process and its future children to the target (before it runs). 0 or -errno. */
int live_add_target(struct live *l, uint32_t pid);
/* Attach: from here on events count. Hands over META, the collectors, and all threads
 * that exist already. 0 or -errno after one printed line. */
int live_start(struct live *l);

/* Descriptor that becomes readable when a ring passed its high-water mark. */
int live_fd(const struct live *l);
/* Hand over what the rings hold. Returns how many records came, or -errno. */
int live_drain(struct live *l);
/* Whether it is to be drained again within a few ms, however little came. */
bool live_hurry(const struct live *l);
/* Drain everything and end the interval with a TICK; final: after detaching. */
int live_tick(struct live *l, bool final);

/* The calls tier, at run time. */
int live_set_calls(struct live *l, enum calls_mode mode);
enum calls_mode live_calls_mode(const struct live *l);
bool live_calls_on(const struct live *l);
int live_set_slow(struct live *l, uint64_t slow_ns);
/* Count file by file what is done to files, from now on, or do not. */
void live_set_files(struct live *l, bool on);
/* Look at DNS messages from now on, or do not; where it was asked for, or there is a target, it is always
 * done. */
void live_set_dns(struct live *l, bool on);
/* The same of exchanges on TCP connections. */
void live_set_exchanges(struct live *l, bool on);

#endif
