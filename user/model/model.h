/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What we know: records in, snapshots out. Reads nothing but records, so that live
 * equals replay. One owner thread. Tables are bounded by struct model_limits; what
 * does not fit goes to an "(other)" row with its totals intact.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "model/snap.h"

struct model;

struct model_limits {         /* 0: the default */
	size_t max_processes; /* 32768 */
	size_t max_ended;   /* of them, at the end of an interval: 8192, for each costs time at every tick */
	size_t max_threads; /* 131072 */
	size_t max_ops;     /* 16384 */
	size_t max_disks;   /* 1024, with partitions */
	size_t max_files;   /* 8192 names of files; what is done to others goes to "(other)" */
	size_t max_stacks;  /* 8192 */
	size_t max_cgroups; /* 1024 with a CPU quota, removed ones too; of these the oldest go first */
	size_t max_history; /* 16384 slices of the histories of connections */
	size_t max_conns;   /* 32768 TCP connections, and as many listeners; of those that ended some 2048 */
	size_t max_peers;   /* 8192 of them; what others do goes to "(other)" */
	size_t max_dns;     /* 8192 of them, by process, name, type and server; the rest goes to "(other)" */
	size_t max_names;   /* 16384 addresses whose names are known, of a process and in all */
	size_t max_queries; /* 2048 DNS queries, the newest */
	size_t max_slow;    /* 4096, the newest are kept; the document says how many were seen */
};

/*
 * What the rows of this run are restricted to; empty members do not restrict. A
 * process belongs when it matches any of pids/comms/cgroups/containers, or carries
 * HL_PROC_TARGET. Host totals are never filtered.
 */
struct model_filter {
	const uint32_t *pids;
	size_t nr_pids;
	const char *const *comms, *const *cgroups,
					  *const *containers; /* NULL-ended, or NULL; cgroup: a path prefix */
	const uint16_t *nrs; /* system calls (x86-64 numbers of the host's main table) */
	size_t nr_nrs;
	bool target_only;   /* only processes with HL_PROC_TARGET (a command was started) */
	bool ignore_target; /* HL_PROC_TARGET counts for nothing: a recording is shown by other filters */
};

struct arena;

/*
 * A collector that keeps rows of its own, in one state per model: records in, rows out at each
 * picture, and what belongs to the interval cleared when it is over.
 */
struct collector_rows {
	uint64_t kinds;                                   /* of records: a bit per enum hl_kind */
	void *(*open)(const struct model_limits *limits); /* none of them 0; they outlive the state */
	void (*close)(void *state);
	int (*apply)(void *state, const struct hl_rec *rec); /* 0 or -errno */
	/* *n rows of a table of its, in memory of the picture. s: its times are set. */
	const void *(*rows)(const void *state, const struct table_desc *t, const struct snap *s,
			    struct arena *a, size_t *n);
	void (*roll)(void *state);
};

/* A collector's user half: which records mean what, which tables it keeps. */
struct collector {
	const char *name;
	const struct table_desc *const *tables; /* NULL-ended */
	/* The name of an operation: static or in buf (MODEL_NAME_LEN bytes); NULL: it has none
	 * for this one. The model knows numbers only. May be NULL. */
	const char *(*op_name)(unsigned int op, unsigned int abi, unsigned int nr, char *buf);
	const struct collector_rows *own; /* NULL: its tables show rows of the model */
};
#define MODEL_NAME_LEN 64

/* cols is NULL-ended; its tables in order are the snapshot's. cols and filter outlive the
 * model; limits and filter may be NULL. */
struct model *model_new(const struct collector *const *cols, const struct model_limits *limits,
			const struct model_filter *filter);
void model_free(struct model *m);

/* Take one checked record. 0, or -errno for one that makes no sense (it is counted). */
int model_apply(struct model *m, const struct hl_rec *rec);

/* The picture as of the last TICK record; the caller holds it (snap_put). NULL before
 * the first TICK. Calling it again before another TICK gives the same one. */
const struct snap *model_snap(struct model *m);

/* History of one operation for the heatmap, kept for operations with recent events;
 * false: none. */
bool model_heat(const struct model *m, const struct op_row *row, struct heat *out);

#endif
