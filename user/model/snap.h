/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The immutable picture that every output reads. Made by model_snap at a tick; lives
 * until its last snap_put.
 */
#ifndef MODEL_SNAP_H
#define MODEL_SNAP_H

#include "model/field.h"
#include "model/rows.h"

#define HEAT_SLICES 120 /* intervals that are remembered */

struct snap_collector {
	const char *name, *reason; /* why it is off, or on; may be "" */
	enum hl_collector_state state;
};

struct snap_acct { /* one per enum hl_class that was reported */
	enum hl_class class_id;
	uint64_t seen, delivered, lost, lost_by[NR_HL_LOSSES];
	uint64_t ivl_seen, ivl_lost;
	int64_t unaccounted; /* seen - delivered - lost: 0, or a defect of ours */
};

struct snap_psi {
	bool known;
	double some_avg10, full_avg10; /* percent; < 0: not measured */
};

struct snap_frame {
	const char *function; /* NULL: not known */
	const char *module;   /* NULL: the kernel itself; of a user stack: not known */
	const char *file;     /* source, of a user stack; NULL: not known */
	uint64_t offset; /* into the function; of a user stack without one, an address in the module's file */
	uint32_t line;   /* 0: not known */
	bool inlined;    /* into the next one */
};

struct snap_stack {
	uint32_t id, n;
	const struct snap_frame *frames; /* innermost first */
	const char *why; /* frames have no function, or what else is missing; NULL: nothing is */
	bool cut;        /* the outermost are missing */
	bool user;       /* a program's */
	uint8_t unwind;  /* enum hl_unwind: how that was found */
};

#define HOP_NO_STATE 0xff

/* A thread that another one waits behind. */
struct snap_hop {
	uint32_t pid, tid;
	uint8_t holder;                 /* enum hl_holder: how it is known that it is that one */
	uint8_t state;                  /* what it does, or did meanwhile; HOP_NO_STATE: not known */
	uint64_t for_ns;                /* for how long it has; of a wait that is over: how much of that */
	bool least;                     /* at least: it has since before the capture */
	const char *comm, *name, *text; /* its call, and what that is on; NULL: none, or not known */
	const struct snap_stack *stack, *user_stack; /* where it waits; NULL: not known */
};

struct snap_chain {
	uint32_t n;
	const struct snap_hop *hops; /* the first holds what the waiter waits for, and so on to the root */
	bool cycle;                  /* the last one stands in it twice: they wait for each other */
};

/* A thread that had the CPU while another one waited for it. */
struct snap_occupant {
	uint32_t pid, tid; /* 0: not known, nobody, or several */
	uint32_t threads;  /* of all that are left out: how many */
	uint64_t ns;
	const char *comm, *cgroup; /* NULL: not known */
};

struct snap_occupants {
	uint32_t n;
	const struct snap_occupant *v; /* who had most first; at the end all that are left out */
	uint64_t of_ns, known_ns;      /* how long that wait was, and of how much of it, it is known */
	uint64_t interrupts_ns;        /* of what is known: what interrupts took */
	bool tells_interrupts;         /* that is measured; else it is in the threads' time */
};

/* A peer that a thread waited for during an exchange. */
struct snap_peer {
	const char *remote; /* with its port */
	uint64_t ns;
};

struct snap_peers {
	uint32_t n;
	const struct snap_peer *v; /* whom it waited for most first */
	uint64_t of_ns;            /* how long it waited in `network` */
};

struct snap_table {
	const struct table_desc *desc;
	const void *rows; /* n of desc->row_size bytes each */
	size_t n;
};

struct snap_self {
	uint64_t cpu_ns, rss_bytes, map_bytes, bpf_ns, call_cost_ns;
	double cpu_pct; /* of one CPU, last interval */
	bool known;
};

struct snap {
	/* where and what */
	const char *hostname, *kernel, *arch, *boot_id, *tool_version;
	uint32_t cpus;
	const char *const *argv, *const *filters; /* NULL-ended */
	uint64_t slow_ns, blocked_ns;             /* thresholds; 0: not known */

	/* when: real_* are CLOCK_REALTIME ns */
	uint64_t real_started, real_now, duration_ns, interval_ns;
	uint64_t seq;                   /* 0 for the first tick */
	uint64_t boot_now;              /* CLOCK_BOOTTIME at real_now */
	uint64_t slice_ns[HEAT_SLICES]; /* length of each of the last intervals; the newest is last; 0: not
					   there yet */
	bool final;

	/* the whole host: threads' time by state, kernel threads apart */
	uint64_t total[NR_HL_STATES], ivl[NR_HL_STATES];
	uint64_t kthread_total[NR_HL_STATES], kthread_ivl[NR_HL_STATES];
	uint64_t rest_ns; /* of ivl, in `ipc`: in waits that neither began nor ended in it */
	uint32_t nr_processes, nr_threads;
	struct snap_psi psi[3]; /* cpu, io, memory */
	struct snap_self self;

	const struct snap_collector *collectors;
	size_t nr_collectors;
	const struct snap_acct *acct;
	size_t nr_acct;

	const struct snap_table *tables; /* in the order of the views */
	size_t nr_tables;

	const struct snap_stack *const *stacks; /* those that the rows of the tables show, by number */
	size_t nr_stacks;

	uint64_t slow_seen;   /* slow operations since start; the table keeps the newest */
	uint64_t refused;     /* records that made no sense and were left out */
	struct snap_box *box; /* holds it; NULL: nobody counts its holders (made by hand) */
};

void snap_get(const struct snap *s);                                         /* one more holder */
void snap_put(const struct snap *s);                                         /* NULL is fine */
const struct snap_table *snap_table(const struct snap *s, const char *name); /* NULL: none */
/* Does the table need a collector that was off: are there no rows because nobody looked? */
bool snap_is_off(const struct snap *s, const struct table_desc *d);
static inline const void *snap_row(const struct snap_table *t, size_t i)
{
	return (const char *)t->rows + i * t->desc->row_size;
}

/*
 * What an output shows of a table: rows that pass, in order. All of the filter, the
 * ranking and the grouping of screen, text and exports is this one piece.
 */
/*
 * Rows that a group merges become one: sums and histograms add up, members counts them,
 * what they do not share is not known (pid 0, NULL), and comm is the group's name.
 * Operations stay apart by call and state. Slow operations cannot be added: no group.
 */
enum group { GROUP_NONE, GROUP_PROCESS, GROUP_COMM, GROUP_CGROUP, GROUP_CONTAINER, NR_GROUPS };
extern const char *const group_names[NR_GROUPS]; /* "none", "process", "command", "cgroup", "container" */
#define GROUP_NAMELESS "(none)"                  /* the group of the rows without one */
/* Are there rows of this kind to add up? Not where each is a process's own, or a single event. */
bool group_merges(const struct table_desc *t, enum group by);

#define QUERY_SAME 6

struct query {
	const char *sort;   /* field name; NULL: the table's own. Of twins the one that `total` says */
	bool ascending;     /* against the field's natural direction when `flip` */
	bool flip;          /* false: the field's natural direction, whatever `ascending` says */
	const char *filter; /* case-insensitive words (ASCII); each must occur in some text of the row, or be
			       one of its key numbers. NULL: all */
	bool show_work_waits; /* also what merely waits for work */
	bool show_kthreads;
	bool total; /* rank by the total since start, not by the interval */
	enum group group;
	uint32_t pid;                      /* 0: all; else only rows of this process … */
	uint32_t tid;                      /* … and of this thread */
	struct query_same {                /* only rows with this text in this field */
		const char *field, *value; /* value NULL: any */
	} same[QUERY_SAME];
	enum group in;       /* only rows of the group `in_name` of this grouping; NONE: all */
	const char *in_name; /* NULL: rows that have none */
	size_t limit;        /* 0: all */
};

struct query_result {
	const struct table_desc *desc;
	const void **rows; /* n rows; those of a group live in the result */
	size_t n;
	size_t matched; /* before the limit */
	void *mem;
};

/* Runs q over the table. The result borrows from the snapshot; query_free it. */
void query_run(struct query_result *r, const struct snap *s, const struct snap_table *t,
	       const struct query *q);
void query_free(struct query_result *r);

/* Counts per time slice and power of two, of one operation, for the latency heatmap. */
#define HEAT_OCTAVES 32 /* octave o: [2^(o+7), 2^(o+8)) ns; 0 holds what is shorter, 31 what is longer */
struct heat {
	uint64_t slice_ns[HEAT_SLICES]; /* length of each slice; the newest is last; 0: not there yet */
	bool blind[HEAT_SLICES];        /* such operations were not looked at then: none is not zero */
	uint32_t counts[HEAT_SLICES][HEAT_OCTAVES];
};

#endif
