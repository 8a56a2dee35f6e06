/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The inside of the model, for its own files only:
 *
 *   model.c    takes records, holds the facts of the capture, ends intervals
 *   procs.c    processes, and the "(other)" row that takes what does not fit
 *   threads.c  threads and their ledgers
 *   ops.c      operations; heat.c their history
 *   files.c    files that operations are on
 *   slow.c     slow operations; detail.c what they were on, in words
 *   stacks.c   kernel stacks of what is blocked, or was slow
 *   waited.c   slow waits by these
 *   chain.c    who they waited behind
 *   occupants.c  who had the CPU that they waited for; told.c what is told before they are
 *   locks.c    locks that are waited for
 *   funcs.c    functions that are traced
 *   exchanges.c  exchanges on TCP connections, and for whom slow ones waited
 *   cgroups.c  cgroups with a CPU quota, and which of them kept a thread from running
 *   conns.c    TCP connections, listeners; peers.c their peers; history.c what they did, look by look
 *   dns.c      DNS queries; names.c what addresses are called, by their answers
 *   belong.c   which processes this run is about
 *   picture.c  all of it as a snapshot
 *
 * `ivl` members count the interval that is open; a tick takes the picture and then
 * clears them. Differences may be negative for a moment (threads.c says when): sums are
 * kept modulo 2^64 and read with not_negative().
 */
#ifndef MODEL_STATE_H
#define MODEL_STATE_H

#include "base/hash.h"
#include "base/mem.h"
#include "model/box.h"
#include "model/intern.h"
#include "model/model.h"

struct clocks {
	uint64_t total[NR_HL_STATES], ivl[NR_HL_STATES];
};

static inline uint64_t not_negative(uint64_t v)
{
	return (int64_t)v < 0 ? 0 : v;
}

struct proc {
	uint64_t start;
	uint32_t pid, ppid, uid, flags; /* HL_PROC_* */
	uint32_t refs; /* the table, threads, operations and slow operations that point here */
	uint32_t live; /* threads that we know and that have not ended */
	uint32_t told; /* how many threads its record said */
	bool gone, belongs, folded;
	uint64_t members;
	struct istr *comm, *exe, *args, *cgroup, *container, *pod, *unit;
	struct istr *cpu_cgroup; /* of the CPU controller, where that is another one */
	struct cgroup *quota;    /* the nearest with one; may be gone unless quota_gen is the model's */
	uint64_t quota_gen;
	struct clocks clocks;
	uint64_t rest; /* of the interval: in a wait for others that neither began nor ended in it */
};

struct thread {
	uint64_t start, begin, now_since, switches;
	uint32_t tid;
	uint16_t now_nr;
	uint8_t now_state, now_abi; /* 0xff: not known */
	bool lower_bound, ended;
	struct proc *proc;
	struct istr *comm, *now_detail;
	uint32_t now_stack;          /* 0: not taken */
	uint64_t rest;               /* as struct proc's */
	uint64_t last[NR_HL_STATES]; /* of the ledger that began at `begin` */
	struct clocks clocks;
};

/* What an operation was seen to take, by power of two and tick: see heat.c. */
struct heat_log {
	struct heat_cell *cells;
	uint32_t n, cap;
};

/* A file under one name. */
struct file {
	uint32_t id;   /* never 0, nor FILE_OTHER */
	uint32_t refs; /* operations on it, and numbers that records call it by */
	uint32_t dev, generation;
	uint64_t ino;
	bool deleted, cut;
	struct istr *path;
};

#define FILE_OTHER UINT32_MAX /* the file "(other)": what had no room */
#define LOCK_OTHER UINT64_MAX /* the same of locks */
#define FUNC_OTHER UINT16_MAX /* … and of functions */

struct op_key { /* no padding that is not zeroed */
	uint64_t start;
	uint64_t lock; /* address of the lock that was waited for, or what of an exchange says port and peer;
			  0: of an operation as such */
	uint32_t pid;
	uint32_t file; /* id of the file that it was on; 0: of an operation as such */
	uint16_t nr;
	uint8_t op, state, abi;
	uint8_t pad;
	uint16_t func; /* number of the traced function that it was done in; 0: of an operation as such */
};
_Static_assert(sizeof(struct op_key) == 32, "an operation's key is compared as bytes");

/* What exchanges have beside the rest. */
struct exchange {
	struct istr *remote; /* the peer's address, of those that were asked from here */
	uint16_t port;
	uint8_t role;
	struct hist reads, ivl_reads;
	uint64_t read_ns, read_max_ns;
};

/* What calls of functions have beside the rest. */
struct func_sums {
	uint64_t nested_ns, ivl_nested_ns; /* of their time, in functions that are traced, too */
	uint64_t entered, ivl_entered, abandoned, deep, unknown, watched;
	struct func_syscalls syscalls, ivl_syscalls; /* that were made in it */
};

struct op {
	struct op_key key;
	struct proc *proc;
	struct file *file; /* NULL: none, or FILE_OTHER */
	struct istr *name;
	uint64_t count, errors, total_ns, max_ns;
	uint64_t ivl_count, ivl_errors, ivl_ns;
	struct op_io io, ivl_io;
	struct clocks clocks;
	struct hist hist, ivl_hist;
	struct heat_log heat;
	struct exchange *exchange; /* NULL: it is none */
	struct func_sums *func;    /* the same */
	uint64_t members;
};

/* One thread of a chain of waiting: it held what the one before it waited for. */
struct hop {
	struct istr *comm, *name, *text; /* of its call, and what that was on */
	uint64_t for_ns;                 /* how much of the wait it spent so */
	uint64_t proc_start, lock;       /* the lock that it waited for; 0: for none */
	uint32_t pid, tid, stack, user_stack;
	uint8_t holder; /* enum hl_holder */
	uint8_t state;  /* what it waited for itself; HOP_NO_STATE: not known */
};

#define HOPS_MAX 8

struct chain {
	uint32_t n;
	struct hop hops[HOPS_MAX];
};

struct occupants;
struct slow_peers;

struct slow {
	struct slow_row row; /* its strings, its stack and its chain are set in the snapshot only */
	uint32_t stack, user_stack, waker_stack, waker_user_stack;
	uint64_t holder_start;
	struct proc *proc;
	struct chain *chain;         /* of one that is over; NULL: none */
	struct occupants *occupants; /* NULL: not known */
	struct slow_peers *peers;    /* NULL: it waited for none, or not known */
	struct istr *quota_path;     /* whose quota it was throttled by; the rest is in row.throttle */
	bool chained;                /* that was looked for */
	bool added;                  /* to what was waited by stack */
	struct istr *comm, *waker_comm, *waker_call, *holder_comm, *text, *path, *local, *remote, *disk,
		*name, *reason, *asked;
};

struct waited_key { /* no padding that is not zeroed */
	uint64_t start;
	uint32_t pid, stack, user_stack;
	uint16_t nr;
	uint8_t state, abi;
};
_Static_assert(sizeof(struct waited_key) == 24, "it is compared as bytes");

struct waited {
	struct waited_key key;
	struct proc *proc;
	struct istr *name;
	uint64_t count, total_ns, max_ns;
	uint64_t ivl_count, ivl_ns;
};

struct fact_list {
	VEC(char *) v;
};

struct facts {
	char *hostname, *kernel, *arch, *boot_id, *tool_version;
	uint64_t cpus, slow_ns, blocked_ns;
	struct fact_list argv, filters;
};

struct coll {
	char *name, *reason;
	enum hl_collector_state state;
};

/* For how long something was counted. */
struct watched {
	bool known; /* else all the time */
	uint64_t ns, ns_before;
};

struct acct {
	bool known;
	uint64_t seen, delivered, lost_by[NR_HL_LOSSES];
	uint64_t seen_before, lost_before; /* at the tick before */
};

enum { OTHER_USER, OTHER_KERNEL, NR_OTHERS };

struct model {
	const struct collector *const *cols;
	void **own; /* the state of each of them; NULL: it keeps none */
	struct model_limits limits;
	const struct model_filter *filter; /* NULL: no restriction */
	struct interns *interns;
	struct hash *names; /* struct istr by operation number */

	struct facts facts;
	VEC(struct coll) colls;
	struct acct acct[NR_HL_CLASSES];
	struct watched watched[NR_HL_WATCHES];
	struct snap_psi psi[3];
	struct snap_self self;
	uint64_t self_cpu_before;

	/* the tick that ended the interval before; real_ns at ts */
	uint64_t first_ts, ts, real_ns, interval_ns, real_started;
	uint64_t seq; /* ticks so far */
	bool final;
	uint32_t looked; /* HL_LOOKED_*, in that interval */

	struct clocks host, kthreads;
	uint64_t rest; /* of host, as struct proc has it */

	struct hash *proc_by_key, *thread_by_key, *op_by_key;
	struct hash *folded; /* by process, in the interval that is open: the "(other)" that it went to */
	VEC(struct proc *) procs; /* in the order of their coming, as the next two */
	VEC(struct thread *) threads;
	VEC(struct op *) ops;
	struct proc *others[NR_OTHERS]; /* not in the table */
	struct thread other_thread;     /* clocks of threads that had no room */
	uint64_t other_threads;
	struct hash *file_by_key, *file_by_number;
	uint32_t next_file;
	uint64_t full_at; /* value of seq + 1 when the process table was full of living ones */

	VEC(struct slow) slow; /* a ring once it holds max_slow; slow_next is the oldest then */
	size_t slow_next, slow_fresh;
	uint64_t slow_seen;
	VEC(struct slow) now;
	struct hash *occupants;  /* by number: whose wait is not told of yet */
	struct hash *slow_peers; /* by number: whose exchange is not told of yet */
	struct hash *funcs;      /* by number: struct func_info of funcs.c */
	struct hash *now_by_tid; /* while a picture is taken, if at all */

	struct hash *cgroup_by_path; /* by what the path hashes to */
	VEC(struct cgroup *) cgroups;
	uint64_t quota_gen; /* counts the changes of those */

	struct hash *disk_names; /* struct istr by device number */
	struct hash *lock_names; /* struct istr by struct lock_key */
	struct hash *stacks;     /* struct stack by number */
	struct hash *waited_by_key;
	VEC(struct waited *) waited;

	struct conns *conns;
	struct dns_table *dns;
	struct addr_names *addr_names;

	uint64_t slice_ns[HEAT_SLICES]; /* by tick modulo HEAT_SLICES */
	bool calls_off[HEAT_SLICES];    /* … at whose end no calls were counted */
	size_t heat_cells;
	uint64_t refused;

	struct snap_pool *pool;
	const struct snap *snap;
};

/* belong.c */
bool restricts(const struct model *m); /* to some processes */
/* Has what is of that process rows? Where it is not known whose it is (NULL) it is in no process's rows, and
 * in none that a run is restricted to. */
bool proc_shown(const struct model *m, const struct proc *p);
bool belongs(const struct model *m, const struct proc *p);
bool nr_belongs(const struct model *m, unsigned int op, unsigned int abi, unsigned int nr);

/* procs.c */
struct proc *proc_get(struct model *m, uint32_t pid, uint64_t start); /* never NULL: "(other)" when full */
bool proc_is_other(const struct proc *p);
void proc_put(struct model *m, struct proc *p);
struct proc *proc_hold(struct proc *p);
struct proc *proc_other(struct model *m, const struct proc *p); /* where p is folded into */
/* Add differences to a process and the host. */
void proc_charge(struct model *m, struct proc *p, const uint64_t *diff);
int proc_apply(struct model *m, const struct hl_rec *rec);
void procs_init(struct model *m);
void procs_fini(struct model *m);
void procs_roll(struct model *m);

/* threads.c */
struct thread *thread_find(const struct model *m, uint32_t tid, uint64_t start);
int thread_apply(struct model *m, const struct hl_rec *rec);
int thread_end_apply(struct model *m, const struct hl_rec *rec);
int ledger_apply(struct model *m, const struct hl_rec *rec);
void threads_init(struct model *m);
void threads_fini(struct model *m);
void threads_tick(struct model *m); /* who was at rest in the interval that ends */
void threads_roll(struct model *m);

/* ops.c */
int op_apply(struct model *m, const struct hl_rec *rec);
int op_io_apply(struct model *m, const struct hl_rec *rec);
int file_op_apply(struct model *m, const struct hl_rec *rec);
int lock_op_apply(struct model *m, const struct hl_rec *rec);
int exchange_op_apply(struct model *m, const struct hl_rec *rec);
int func_op_apply(struct model *m, const struct hl_rec *rec);
int func_syscall_apply(struct model *m, const struct hl_rec *rec);
int func_call_apply(struct model *m, const struct hl_rec *rec); /* whoever prints calls does */
int resent_op_apply(struct model *m, const struct hl_rec *rec);
struct istr *op_name(struct model *m, unsigned int op, unsigned int abi,
		     unsigned int nr); /* borrowed; may be NULL */
void ops_fold_procs(struct model *m);  /* operations of processes marked `folded` go to "(other)" */
void ops_fini(struct model *m);
void ops_roll(struct model *m);

/* files.c */
int file_apply(struct model *m, const struct hl_rec *rec);
/* The file that records call by this number, with one more holder; NULL: "(other)". */
struct file *file_hold(struct model *m, uint32_t number);
void file_drop(struct model *m, struct file *f);
void file_names_init(struct model *m);
void file_names_fini(struct model *m); /* after the operations */

/* heat.c */
void heat_log_add(struct model *m, struct op *o); /* what the interval brought */
void heat_log_free(struct model *m, struct op *o);

/* slow.c */
int slow_apply(struct model *m, const struct hl_rec *rec);
int now_apply(struct model *m, const struct hl_rec *rec);
void slow_tick(struct model *m); /* wall-clock times of what came since the last tick */
void slow_fini(struct model *m);
void slow_roll(struct model *m);

/* chain.c */
/* Finds who slow operations waited behind, when their interval ends: the holder's record may come after them.
 */
void chains_tick(struct model *m);
void chain_drop(struct model *m, struct chain *c);
void chains_roll(struct model *m); /* after a picture */
/* NULL: it waited behind nobody that is known. */
const struct snap_chain *chain_copy(struct model *m, const struct slow *s, struct arena *a, uint64_t stamp);

/* told.c */
struct told {        /* the first member of what is told so */
	uint32_t id; /* not 0 */
	uint64_t ts;
};
typedef void (*told_drop_fn)(struct model *m, void *told);
void told_put(struct model *m, struct hash *h, struct told *t, told_drop_fn drop); /* takes it */
void *told_take(struct hash *h, uint32_t id); /* the caller's from then on; NULL: it was not told */
void told_roll(struct model *m, struct hash *h, told_drop_fn drop);
void told_free(struct model *m, struct hash *h, told_drop_fn drop);

/* occupants.c */
int occupants_apply(struct model *m, const struct hl_rec *rec);
void occupants_of_slow(struct model *m, struct slow *s, uint32_t id);
void occupants_drop(struct model *m, void *occupants);
void occupants_init(struct model *m);
void occupants_fini(struct model *m); /* after the slow operations */
void occupants_roll(struct model *m);
/* NULL: not known. */
const struct snap_occupants *occupants_copy(struct model *m, const struct occupants *o, struct arena *a,
					    uint64_t stamp);

/* funcs.c */
void funcs_init(struct model *m);
void funcs_fini(struct model *m);
int func_apply(struct model *m, const struct hl_rec *rec);
struct istr *func_name(const struct model *m, uint32_t id); /* NULL: not known */
void func_take(struct func_sums *f, const struct hl_rec_func_op *r);
void func_add(struct func_sums *to, const struct func_sums *from);
void func_roll(struct func_sums *f);
void func_syscalls_add(struct func_syscalls *to, const struct func_syscalls *from);
bool func_is_point(const struct model *m, const struct op *o);
void func_fill(const struct model *m, struct function_row *r, const struct op *o, struct arena *a,
	       uint64_t stamp);
void func_syscall_fill(const struct model *m, struct function_syscall_row *r, const struct op *o,
		       struct arena *a, uint64_t stamp);

/* exchanges.c */
uint64_t exchange_object(const struct hl_rec_exchange_op *r); /* its key.lock; not 0, nor LOCK_OTHER */
void exchange_is(struct model *m, struct exchange *x, const struct hl_rec_exchange_op *r);
void exchange_take(struct exchange *x, const struct hl_rec_exchange_op *r); /* data that was read */
void exchange_add(struct exchange *to, const struct exchange *from, bool same);
void exchange_free(struct model *m, struct exchange *x); /* NULL is fine */
int slow_peers_apply(struct model *m, const struct hl_rec *rec);
void slow_peers_of(struct model *m, struct slow *s, uint32_t id);
void slow_peers_drop(struct model *m, void *peers); /* NULL is fine */
/* NULL: it waited for none, or not known. */
const struct snap_peers *slow_peers_copy(const struct slow *s, struct arena *a, uint64_t stamp);
void slow_peers_roll(struct model *m);
void slow_peers_init(struct model *m);
void slow_peers_fini(struct model *m); /* after the slow operations */

/* locks.c */
int lock_name_apply(struct model *m, const struct hl_rec *rec);
void lock_names_init(struct model *m);
void lock_names_fini(struct model *m);
struct istr *lock_called(struct model *m, uint32_t pid, uint64_t start,
			 uint64_t addr); /* NULL: nobody knows */
/* A lock in words: its name and address, or that alone. In memory of the picture; NULL for addr 0. */
const char *lock_text(struct model *m, uint32_t pid, uint64_t start, uint64_t addr, struct arena *a);
/* What the rows of locks have of the slow waits for them. */
struct lock_fill;
struct lock_fill *lock_fill_new(void);
void lock_fill_free(struct lock_fill *f);
void lock_fill_add(struct lock_fill *f, struct lock_row *r);
/* Is it a wait of a process that is shown, for a lock that was not added? */
bool lock_fill_lacks(const struct lock_fill *f, const struct slow *s);
/* A slow wait, those in progress first, the newest first: if it is one for a lock that was added. */
void lock_fill_slow(struct lock_fill *f, struct model *m, const struct slow *s, struct arena *a,
		    uint64_t stamp);

/* cgroups.c */
int cgroup_apply(struct model *m, const struct hl_rec *rec);
void cgroups_charge(struct model *m, struct proc *p, const uint64_t *diff); /* as proc_charge */
/* Whose quota it was, for a slow operation that was throttled, at the end of its interval. */
void cgroup_of_slow(struct model *m, struct slow *s);
void throttle_copy(struct throttle *to, const struct slow *s, struct arena *a, uint64_t stamp);
struct istr *cgroup_with_quota(struct model *m, struct proc *p); /* NULL: none */
/* The rows: of cgroups in which there is a process of this run. */
struct cgroup_row *cgroup_rows(struct model *m, struct arena *a, uint64_t stamp, size_t *n);
void cgroups_roll(struct model *m);
void cgroups_init(struct model *m);
void cgroups_fini(struct model *m);

/* stacks.c */
int stack_apply(struct model *m, const struct hl_rec *rec);
int ustack_apply(struct model *m, const struct hl_rec *rec);
/* The copy in the snapshot whose number is `stamp`; NULL: there is no such stack. */
const struct snap_stack *stack_copy(struct model *m, uint32_t id, struct arena *a, uint64_t stamp);
/* Those of which that snapshot has copies, by number. */
const struct snap_stack **stacks_copied(struct model *m, struct arena *a, uint64_t stamp, size_t *n);
void stacks_init(struct model *m);
void stacks_fini(struct model *m);

/* detail.c */
void disk_names_init(struct model *m);
void disk_names_fini(struct model *m);
void disk_name_apply(struct model *m, const struct hl_rec_disk *r);
/* What the disk or partition is called whose file system has this device number; NULL: it is none, or nobody
 * has told yet. */
struct istr *disk_called(struct model *m, uint32_t dev);

#define HOST_LEN 48 /* "2001:db8::1" */
#define ADDR_LEN 80 /* "[address]:port" */
/* An address, IPv4 as such where it is mapped; "" for one that is not known. *is_v6: it is IPv6. */
const char *host_text(char buf[HOST_LEN], uint8_t family, const uint8_t *addr, bool *is_v6);
/* "10.0.0.1:5432", "[::1]:80"; "" for what is not known at all. */
const char *addr_text(char buf[ADDR_LEN], uint8_t family, const uint8_t *addr, uint16_t port);

/* conns.c */
void conns_init(struct model *m);
void conns_fini(struct model *m);
void conns_tick(struct model *m);
void conns_roll(struct model *m);
int conn_apply(struct model *m, const struct hl_rec *rec);
int conn_op_apply(struct model *m, const struct hl_rec *rec);
int listen_apply(struct model *m, const struct hl_rec *rec);
int conns_told_apply(struct model *m, const struct hl_rec *rec);
void peer_resent(struct model *m, struct proc *p, const struct hl_rec_exchange_op *r); /* p NULL: nobody's */
int conn_exchanges_apply(struct model *m, const struct hl_rec *rec);
/* Rows in memory of the picture. */
struct conn_row *conn_rows(struct model *m, struct arena *a, uint64_t stamp, size_t *n);
struct peer_row *peer_rows(struct model *m, struct arena *a, uint64_t stamp, size_t *n);
struct history_row *history_rows(struct model *m, struct arena *a, uint64_t stamp, size_t *n);
struct listen_row *listen_rows(struct model *m, struct arena *a, uint64_t stamp, size_t *n);

/* dns.c */
void dns_init(struct model *m);
void dns_fini(struct model *m);
void dns_roll(struct model *m);
int dns_apply(struct model *m, const struct hl_rec *rec);
struct dns_row *dns_rows(struct model *m, struct arena *a, uint64_t stamp, size_t *n);
struct dns_query_row *dns_query_rows(struct model *m, struct arena *a, uint64_t stamp, size_t *n);

/* names.c */
void addr_names_init(struct model *m);
void addr_names_fini(struct model *m);
/* An answer to a process had that address under this name. */
void addr_name_note(struct model *m, const struct proc *p, uint8_t family, const uint8_t *addr,
		    struct istr *name);
/* What a process's newest answer with that address was about, or else anybody's; NULL: there was none. */
struct istr *addr_name(const struct model *m, const struct proc *p, uint8_t family, const uint8_t *addr);

/* waited.c */
void waited_add(struct model *m, struct slow *s); /* once for each, when its interval ends */
/* The slow waits of this interval that are parts of a call were called from where that was. */
void waited_adopt(struct model *m, const struct slow *call);
void waited_roll(struct model *m);
void waited_init(struct model *m);
void waited_fini(struct model *m);

/* detail.c */
void slow_detail(struct model *m, struct slow *s, const struct hl_rec_slow *rec);

/* Whose a row is, of those that begin with that; p NULL: nobody's who is known. */
#define ROW_WHO(r, p, a, stamp)                                                                              \
	do {                                                                                                 \
		if (!(p))                                                                                    \
			break;                                                                               \
		(r)->pid = (p)->pid;                                                                         \
		(r)->proc_flags = (p)->flags;                                                                \
		(r)->proc_start_ns = (p)->start;                                                             \
		(r)->comm = intern_copy((p)->comm, a, stamp);                                                \
		(r)->container = intern_copy((p)->container, a, stamp);                                      \
		(r)->cgroup = intern_copy((p)->cgroup, a, stamp);                                            \
	} while (0)

/* By the wall clock, from CLOCK_BOOTTIME. */
static inline uint64_t model_real_ns(const struct model *m, uint64_t boot)
{
	return m->real_ns - (m->ts - boot);
}

/* picture.c */
void hist_keep(struct arena *a, struct hist *to, const struct hist *from);
const struct snap *picture_take(struct model *m);

#endif
