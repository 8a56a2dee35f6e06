/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* A model that is fed by hand, for the tests of model/ and of the tables. */
#ifndef TESTS_MODEL_UTIL_H
#define TESTS_MODEL_UTIL_H

#include "probe/probe.h"
#include "rec/rec.h"
#include "tests/test.h"

#define MS   NSEC_PER_MSEC
#define SEC  NSEC_PER_SEC
#define REAL 1700000000000000000ull /* wall clock at boot time 0 of every test */

struct feed {
	struct model *m;
	struct recbuf b;
	struct recbuf log; /* every record that was fed, when keep is set */
	bool keep;
	uint64_t ts;     /* boot time of the next record */
	uint32_t looked; /* HL_LOOKED_*, at each tick */
};

/* Clocks of a ledger: what is not named is 0. */
#define CLOCKS(...) ((const uint64_t[NR_HL_STATES]){ __VA_ARGS__ })

struct feed_op { /* start of the process: 100 */
	uint32_t pid;
	uint16_t nr;
	uint8_t op, state, abi;
	uint64_t count, ns_each, errors;
	uint64_t work_ns; /* of all of it: time in poll */
};

struct feed_slow {
	uint32_t pid, tid;
	uint16_t nr;
	uint8_t op, state, detail, waker;
	uint64_t begin, duration, seq;
	const char *path, *comm;
	uint32_t stack, user_stack;
	uint64_t addr; /* of a lock */
	uint8_t holder;
	uint32_t holder_tid; /* of the same process, started as all */
	const char *holder_comm;
	uint32_t waker_tid; /* of the same process */
	uint64_t queued;    /* of its time, in `runqueue`; the rest is in `state` … */
	uint64_t throttled; /* … but for this */
	uint32_t occupants; /* their id */
	uint32_t peers;     /* … of an exchange */
	bool unknown;       /* where its time went */
};

struct feed_exchange {
	uint32_t pid;
	uint8_t role, part;
	uint16_t port;
	uint8_t host; /* the peer is 10.0.0.so much */
	uint64_t count, ns_each, unanswered;
	bool unknown; /* where the time went; else cpu */
};

struct feed_frame {
	const char *function, *module;
};

struct feed *feed_new(const struct model_limits *limits, const struct model_filter *filter);
struct feed *feed_new_cols(const struct collector *const *cols);
void feed_free(struct feed *f);
int feed_rec(struct feed *f, const struct hl_rec *rec);

/* Each gives what model_apply did. Processes started at 100, threads at 200. */
int feed_meta(struct feed *f, const char *key, const char *value);
int feed_collector(struct feed *f, const char *name, enum hl_collector_state state);
int feed_watched(struct feed *f, enum hl_watch what, uint64_t ns);
int feed_process(struct feed *f, uint32_t pid, const char *comm, uint32_t flags);
int feed_process_in(struct feed *f, uint32_t pid, const char *comm, const char *cgroup,
		    const char *container);
/* … whose cgroup of the CPU controller is another one. */
int feed_process_under(struct feed *f, uint32_t pid, const char *comm, const char *cgroup,
		       const char *cpu_cgroup);
/* A connection, IPv4; a listener; how many a process had in one role. h.pid says whose, 0: nobody's. */
int feed_conn(struct feed *f, struct hl_rec_conn figures);
int feed_conn_exchanges(struct feed *f, uint64_t cookie, uint64_t opened, uint64_t count, uint64_t total_ns);
int feed_listen(struct feed *f, struct hl_rec_listen figures);
int feed_conns_told(struct feed *f, uint64_t since);
int feed_conn_op(struct feed *f, uint32_t pid, uint8_t role, uint64_t opened, uint64_t ended);
int feed_thread(struct feed *f, uint32_t pid, uint32_t tid, const char *comm);
int feed_ledger(struct feed *f, uint32_t pid, uint32_t tid, uint64_t begin, const uint64_t *clocks);
/* … of one that is in another state than `disk` now, for 3 ms. */
int feed_ledger_in(struct feed *f, uint32_t pid, uint32_t tid, uint64_t begin, const uint64_t *clocks,
		   enum hl_state now);
int feed_end(struct feed *f, uint32_t pid, uint32_t tid, uint64_t begin, const uint64_t *clocks);
int feed_op(struct feed *f, struct feed_op o);
int feed_slow(struct feed *f, struct feed_slow s);
int feed_now(struct feed *f, struct feed_slow s);
/* A STACK of no more than eight frames; one without function has the reason. */
int feed_stack(struct feed *f, uint32_t id, const char *why, const struct feed_frame *frames, size_t n);
/* A user stack of functions, in "prog". */
int feed_ustack(struct feed *f, uint32_t id, const char *const *functions, size_t n);
/* Who had a CPU; processes and threads started as all. of those that are left out: only their time. */
int feed_occupants(struct feed *f, uint32_t id, const struct hl_occupant *v, size_t n, uint64_t other_ns);
/* … of which interrupts took so much, which is told. */
int feed_interrupts(struct feed *f, uint32_t id, const struct hl_occupant *v, size_t n, uint64_t ns);
/* A cgroup: half a CPU, in periods of 100 ms. */
int feed_cgroup(struct feed *f, const char *path, struct hl_rec_cgroup figures);
/* Waits of a process for a lock. */
int feed_lock(struct feed *f, uint32_t pid, uint64_t addr, uint64_t count, uint64_t ns_each);
int feed_lock_name(struct feed *f, uint32_t pid, uint64_t addr, const char *name);
/* Exchanges, or reads of data that had come. */
int feed_exchange(struct feed *f, struct feed_exchange e);
/* Data that was sent again on connections that were opened to 10.0.0.host; pid 0: what had no room. */
int feed_resent(struct feed *f, uint32_t pid, uint16_t port, uint8_t host, uint64_t count, uint64_t ns_each);
int feed_peers(struct feed *f, uint32_t id, const struct hl_peer_ns *v, size_t n);
int feed_acct(struct feed *f, uint32_t class_id, uint64_t seen, uint64_t delivered, uint64_t lost);
/* Ends an interval of so many ns, f->ts goes on by them; gives the picture, which lives until the
 * next one or feed_free. */
const struct snap *feed_tick(struct feed *f, uint64_t interval_ns);

const struct proc_row *find_proc(const struct snap *s, uint32_t pid);
const struct thread_row *find_thread(const struct snap *s, uint32_t tid);
const struct op_row *find_op(const struct snap *s, uint32_t pid, uint16_t nr);

/* Everything that the fields of all tables say, and the totals, as text. The caller frees it. */
char *snap_dump(const struct snap *s);

#endif
